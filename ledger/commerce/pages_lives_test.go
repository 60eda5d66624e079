//go:build !race

package commerce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A worked example on a page: what was sent, the journal as it was posted, and how the amounts were computed.

// life plays an example in a book of its own and writes it down.
func (p *press) life(b *strings.Builder, l life) {
	fmt.Fprintf(b, "### %s\n\n", l.Title)
	if !bytes.Equal(compact(p.t, l.Rules), compact(p.t, p.usual)) {
		var differ strings.Builder
		if p.rules(&differ, l.Rules, p.usual); differ.Len() > 0 { // a set may only leave out what the example does not use
			b.WriteString("Rules that differ here:\n\n" + differ.String() + "\n")
		}
	}
	steps := p.bench.playLife(p.t, l)
	for i := range steps {
		s := &steps[i]
		if s.Say == "" {
			p.t.Errorf("%s: step %d does not say what happens", l.Key, i+1)
		}
		fmt.Fprintf(b, "**%d.** %s", i+1, s.Say)
		var body strings.Builder
		p.step(&body, s)
		same := strings.Replace(body.String(), fmt.Sprintf("%q", s.reference), "", 1)
		if first := p.printed[same]; first != "" && first != l.Title {
			fmt.Fprintf(b, " *Recorded as in [%s](#%s).*\n\n", first, anchor(first))
			continue
		} else if s.Refused == "" {
			p.printed[same] = l.Title
		}
		b.WriteString("\n\n" + body.String())
	}
}

// anchor is the heading's place on the page.
func anchor(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.'
	})
	return strings.Join(words, "-")
}

// step writes what was sent in a step and what was posted.
func (p *press) step(b *strings.Builder, s *playedStep) {
	switch {
	case s.Raw != "":
		b.WriteString("Posted by hand:\n\n")
		rawJournal(b, s.Entries)
		return
	case s.Settle == nil && s.Act == "":
		b.WriteString("```json\n" + sent(p.t, s.Type, s.reference, s.Data) + "```\n\n")
	}
	r := s.result
	if s.Refused != "" {
		fmt.Fprintf(b, "Refused with [`%s`](/docs/problems#%s): %s\n\n", s.Refused, s.Refused, messageOf(r.Err))
		return
	}
	posted := 0
	for i := range r.Transactions {
		x := &r.Transactions[i]
		if posted += len(x.Entries); len(x.Entries) == 0 {
			continue
		}
		if x.Event != s.Type || len(r.Transactions) > 1 {
			fmt.Fprintf(b, "Posted as `%s`:\n\n", x.Event)
		}
		p.journal(b, s, x)
	}
	if posted == 0 && minorActs[s.Act] != nil { // nothing of the ledger's
		b.WriteString("```json\n" + string(compact(p.t, s.Data)) + "\n```\n\n")
		return
	}
	if posted == 0 {
		b.WriteString("This is kept as a fact and posts nothing.\n\n")
		return
	}
	changed := 0
	for _, step := range r.Explanation.Steps {
		if step.Amount != step.Before {
			changed++
			fmt.Fprintf(b, "- %s\n", step.Text)
		}
	}
	if changed > 0 {
		b.WriteString("\n")
	}
}

func messageOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

// journal writes a transaction as it was posted, with the reason of each entry.
func (p *press) journal(b *strings.Builder, s *playedStep, x *ledger.Transaction) {
	reasons := s.reasons[x.Sequence]
	if len(reasons) != len(x.Entries) {
		p.t.Fatalf("%d reasons for %d entries", len(reasons), len(x.Entries))
	}
	b.WriteString("| account | debit | credit | |\n|---|---:|---:|---|\n")
	debits := map[money.Currency]money.Minor{}
	var currencies []money.Currency
	for _, e := range x.Entries {
		if debits[e.Currency] += max(e.Amount, 0); !slices.Contains(currencies, e.Currency) {
			currencies = append(currencies, e.Currency)
		}
	}
	for i, e := range x.Entries {
		c := e.Currency
		amount := max(e.Amount, -e.Amount).Format(c)
		if len(currencies) > 1 {
			amount += " " + string(c)
		}
		debit, credit := "", amount
		if e.Amount > 0 {
			debit, credit = amount, ""
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", e.Account, debit, credit, reasons[i].Text)
	}
	for _, c := range currencies {
		fmt.Fprintf(b, "| total %s | %s | %s | |\n", c, debits[c].Format(c), debits[c].Format(c))
	}
	b.WriteString("\n")
}

// rawJournal writes what an example begins with.
func rawJournal(b *strings.Builder, entries []string) {
	b.WriteString("| account | debit | credit |\n|---|---:|---:|\n")
	for _, e := range entries {
		f := strings.Fields(e)
		amount := strings.Join(f[2:], " ")
		if f[0] == "Dr" {
			fmt.Fprintf(b, "| `%s` | %s | |\n", f[1], amount)
		} else {
			fmt.Fprintf(b, "| `%s` | | %s |\n", f[1], amount)
		}
	}
	b.WriteString("\n")
}

// sent is the body of the request, compact, broken into lines between the members of the data.
func sent(t fataler, kind, reference string, data json.RawMessage) string {
	const width = 110
	text := fmt.Sprintf(`{"type":%q,"reference":%q,"data":`, kind, reference)
	var b strings.Builder
	line := " {"
	depth, quoted, start := 0, false, 1
	d := compact(t, data)
	flush := func(part string) {
		if len(line)+len(part) > width && strings.TrimSpace(line) != "{" {
			b.WriteString(line + "\n")
			line = "  "
		}
		line += part
	}
	for i := 1; i < len(d)-1; i++ {
		switch c := d[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0, c == ',' && depth == 1 && d[i-1] == '}':
			flush(string(d[start : i+1]))
			start = i + 1
		}
	}
	flush(string(d[start : len(d)-1]))
	return text + "\n" + b.String() + line + "}}\n"
}

func compact(t fataler, data []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type fataler interface{ Fatal(...any) }

// rules writes the rules of a set in words, only those that differ from the usual ones if there are any.
func (p *press) rules(b *strings.Builder, content, usual []byte) {
	var set, other RuleSet
	if err := json.Unmarshal(content, &set); err != nil {
		p.t.Fatal(err)
	}
	if usual != nil {
		if err := json.Unmarshal(usual, &other); err != nil {
			p.t.Fatal(err)
		}
	}
	known := map[string]bool{}
	for i := range other.Rules {
		known[other.Rules[i].Sentence()] = true
	}
	for i := range set.Rules {
		if words := set.Rules[i].Sentence(); !known[words] {
			fmt.Fprintf(b, "- %s\n", words)
		}
	}
	was := policyWords(&other.Policies)
	for i, words := range policyWords(&set.Policies) {
		if usual == nil || words != was[i] {
			fmt.Fprintf(b, "- %s\n", words)
		}
	}
}

func policyWords(p *Policies) []string {
	who := "the platform"
	if p.PaymentFailure.Liability == "seller" {
		who = "the seller"
	}
	twice := "the platform"
	if p.Dispute.DoublePayment == "seller" {
		twice = "the seller"
	}
	days := p.Settlement.Tiers[p.Settlement.Tier]
	reserve := "No reserve"
	if !p.Settlement.ReserveRate.IsZero() {
		reserve = fmt.Sprintf("A reserve of %s %% for %d days", p.Settlement.ReserveRate.Percentage(), p.Settlement.ReserveDays)
	}
	return []string{
		fmt.Sprintf("An order is due for settlement %d days after the day on which its last parcel arrived.", days+1),
		reserve + " unless the settlement asks for one.",
		"The platform bears a lost dispute if the reason is " + strings.Join(p.Dispute.PlatformReasons, " or ") + ", the seller otherwise.",
		map[bool]string{true: "A lost dispute does not reduce the tax owed, so the seller bears it.", false: "A lost dispute reduces the tax owed."}[p.Dispute.NoTaxRelief],
		map[bool]string{true: "The seller's part of a dispute fee is revenue for handling it.", false: "The seller's part of a dispute fee reduces the expense."}[p.Dispute.FeeRecovery == "gross"],
		map[bool]string{true: "Creators and agencies are held too while a settled order is disputed.", false: "Creators and agencies are not held while an order is disputed."}[p.Dispute.HoldCreators],
		"What a buyer gets back twice, by a refund and by a dispute, is borne by " + twice + ".",
		"A payment that fails after shipment is borne by " + who + ".",
	}
}
