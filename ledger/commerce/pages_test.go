package commerce

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The handbook's pages about events are made from the same worked examples that the tests play, so that what an accountant
// reads is what is posted. Run with -update after a change.

var updatePages = flag.Bool("update", false, "write the handbook's pages about events")

// eventPage is one page: its types of events and its worked examples.
type eventPage struct {
	slug  string
	types []string
	lives []string
}

var eventPages = []eventPage{
	{"event-order", []string{"order.captured", "order.delivered", "after_sales.opened", "after_sales.closed", "order.cancelled"},
		[]string{"capture-plain", "capture-seller-discount", "capture-platform-discount", "capture-cofunded", "capture-order-discount", "capture-creator-agency", "capture-two-creators",
			"capture-agency-paid-by-seller", "capture-agency-paid-by-platform", "capture-publisher", "capture-in-parts", "capture-fee-per-line", "capture-categories", "capture-cap", "capture-stored-value",
			"capture-creator-withholding", "capture-seller-withholding", "capture-deemed-vat", "fee-vat-exclusive", "fee-reverse-charge", "duties", "round-up", "capture-yen", "capture-dinar", "cancel-before-capture", "cancel-after-capture"}},
	{"event-refund", []string{"refund.made", "refund.failed"},
		[]string{"refund-full-unshipped", "refund-full-shipped", "refund-full-settled", "refund-partial", "refund-units", "refund-three-units", "refund-restocking", "refund-label", "refund-store-credit",
			"refund-goodwill", "reserve-partial-refund", "refund-failed"}},
	{"event-dispute", []string{"dispute.opened", "dispute.closed"},
		[]string{"dispute-won", "dispute-won-fee", "dispute-lost-seller", "dispute-lost-gross", "dispute-lost-platform", "dispute-after-refund", "dispute-second", "dispute-unsettled", "dispute-no-tax-relief", "dispute-creators-held", "dispute-inquiry"}},
	{"event-charge", []string{"charge.recorded"}, []string{"shipping-charge", "warehouse", "charge-vat"}},
	{"event-commission", []string{"creator.bonus", "commission.deposit_released", "commission.earned", "commission.clawback"},
		[]string{"creator-bonus", "commission-deposit", "commission-deposit-refund", "commission"}},
	{"event-payment", []string{"processor.fee_recorded", "processor.funds_available", "payment.failed", "payment.duplicate_received", "payment.duplicate_refunded"},
		[]string{"processor", "payment-failed", "payment-failed-shipped", "payment-duplicate"}},
	{"event-correction", []string{"entry.reversed", "adjustment.posted"}, []string{"correction"}},
	{"event-settlement", nil, []string{"settlement", "gate"}},
}

func TestHandbookPages(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	lives, shown, described := map[string]life{}, map[string]bool{}, map[string]bool{}
	for _, l := range loadLives(t) {
		lives[l.Key] = l
	}
	for _, p := range eventPages {
		for _, kind := range p.types {
			described[kind] = true
		}
		content := w.renderPage(t, p, lives)
		for _, key := range p.lives {
			shown[key] = true
		}
		file := "../../api/docs/" + p.slug + ".md"
		if *updatePages {
			if err := os.WriteFile(file, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if known, err := os.ReadFile(file); err != nil || !bytes.Equal(known, content) {
			t.Errorf("%s is not what the worked examples say (%v). Run: go test ./ledger/commerce -run TestHandbookPages -update", file, err)
		}
	}
	for key := range lives {
		if !shown[key] {
			t.Errorf("the worked example %s is on no page", key)
		}
	}
	for _, kind := range EventTypes() {
		if !described[kind.Name] {
			t.Errorf("%s is on no page", kind.Name)
		}
	}
}

// renderPage writes a page: its introduction, the fields of its types, the kinds of charges, and the worked examples.
func (w *workbench) renderPage(t *testing.T, p eventPage, lives map[string]life) []byte {
	t.Helper()
	introduction, err := os.ReadFile("testdata/pages/" + p.slug + ".md")
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(introduction)
	for _, name := range p.types {
		kind, err := TypeOf(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n| field | | what it is |\n|---|---|---|\n", name, kind.Meaning)
		writeFields(b, reflect.TypeOf(kind.New()).Elem(), "")
	}
	if p.slug == "event-charge" {
		b.WriteString("\n## Kinds of charges\n\n| kind | goes to | meaning |\n|---|---|---|\n")
		for _, k := range chargeKinds {
			to := "`" + string(k.to) + "`"
			if k.to == "" {
				to = "the carrier named as `counterparty`"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.kind, to, k.meaning)
		}
	}
	shown := map[string]string{}
	b.WriteString("\n## Worked examples\n\nEach example is played by the tests of every release. Its rules are simple on purpose: a referral fee of 6 % and, where they are named, " +
		"a creator with 10 % whose agency has a fifth of it.\n")
	for i, key := range p.lives {
		l, ok := lives[key]
		if !ok {
			t.Fatalf("there is no worked example %s", key)
		}
		fmt.Fprintf(b, "\n### %s\n", l.Title)
		w.renderLife(t, b, fmt.Sprintf("%s_%d", strings.ReplaceAll(p.slug, "-", "_"), i), l, shown)
	}
	return b.Bytes()
}

// writeFields lists the fields of a shape; those of inner shapes follow with their path.
func writeFields(b *bytes.Buffer, shape reflect.Type, path string) {
	for i := range shape.NumField() {
		f := shape.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		need := "required"
		if strings.Contains(options, "omitempty") {
			need = "optional"
		}
		what := f.Tag.Get("doc")
		if enum := f.Tag.Get("enum"); enum != "" {
			what = joinSentences(what, strings.ReplaceAll(enum, ",", " or "))
		}
		if value := f.Tag.Get("default"); value != "" {
			what = joinSentences(what, "left out: "+value)
		}
		if example := f.Tag.Get("example"); example != "" {
			what = joinSentences(what, "such as `"+example+"`")
		}
		inner := f.Type
		suffix := ""
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				suffix = "[]"
			}
			inner = inner.Elem()
		}
		fmt.Fprintf(b, "| `%s%s%s` | %s | %s |\n", path, name, suffix, need, what)
		if inner.Kind() == reflect.Struct && inner.Name() != "Time" {
			writeFields(b, inner, path+name+suffix+".")
		}
	}
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// renderLife plays a worked example and writes what was sent, what was posted, and why. A sale that the page has shown
// already is named by its example.
func (w *workbench) renderLife(t *testing.T, b *bytes.Buffer, code string, l life, shown map[string]string) {
	t.Helper()
	book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: l.Title, Currencies: []money.Currency{l.Currency}, TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	lw := *w
	lw.book = book
	lw.useRules(t, l.Rules)
	order := ""
	for i, s := range l.Steps {
		var r Result
		switch {
		case s.Raw != "":
			lw.rawStep(t, fmt.Sprintf("raw-%d", i), s, l.Currency)
			fmt.Fprintf(b, "\nBefore: `%s`.\n", strings.Join(s.Entries, "`, `"))
			continue
		case s.Settle != nil:
			ask := Settlement{ReserveRate: s.Settle.Rate, ReserveDays: s.Settle.Days}
			if s.Settle.At != nil {
				ask.At = *s.Settle.At
			}
			r = lw.Settle(t.Context(), book, order, ask)
			b.WriteString("\nThe order settles")
			if s.Settle.Rate != nil {
				fmt.Fprintf(b, ", with a reserve of %s for %d days", *s.Settle.Rate, *s.Settle.Days)
			}
			b.WriteString(".\n")
		default:
			r = lw.Post(t.Context(), book, event(t, s.Type, fmt.Sprintf("e-%d", i), strings.ReplaceAll(string(s.Data), `"us-1"`, `"`+code+`-1"`)))
			var of struct{ Order string }
			if json.Unmarshal(s.Data, &of) == nil && of.Order != "" {
				order = of.Order
			}
			same := s.Type + string(s.Data) + string(l.Rules)
			if title, known := shown[same]; known && i == 0 && r.Err == nil {
				fmt.Fprintf(b, "\nThe sale is that of “%s”.\n", title)
				continue
			}
			if i == 0 {
				shown[same] = l.Title
			}
			if s.Say != "" {
				fmt.Fprintf(b, "\n%s\n", s.Say)
			}
			fmt.Fprintf(b, "\n`%s`\n\n```json\n%s\n```\n", s.Type, wrapJSON(t, s.Data))
		}
		if s.Refused != "" {
			fmt.Fprintf(b, "\nRefused: `%s`.\n", s.Refused)
			continue
		}
		if r.Err != nil {
			t.Fatalf("%s step %d: %v", l.Key, i+1, r.Err)
		}
		writeJournal(b, r, l.Currency)
	}
}

// wrapJSON writes data compactly, one member of the outermost object a line.
func wrapJSON(t *testing.T, data json.RawMessage) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	line := " "
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			t.Fatal(err)
		}
		part := fmt.Sprintf(" %q: %s", key, strings.ReplaceAll(compact.String(), ",", ", "))
		if decoder.More() {
			part += ","
		}
		if len(line)+len(part) > 130 && line != " " {
			lines, line = append(lines, line), " "
		}
		line += part
	}
	return "{\n" + strings.Join(append(lines, line), "\n") + "\n}"
}

// writeJournal writes the entries of each transaction and the reasons of what changed.
func writeJournal(b *bytes.Buffer, r Result, c money.Currency) {
	for _, x := range r.Transactions {
		if len(x.Entries) == 0 {
			b.WriteString("\nIt moves no money.\n")
			continue
		}
		fmt.Fprintf(b, "\n| %s | debit | credit |\n|---|--:|--:|\n", x.Event)
		for _, e := range x.Entries {
			if e.Amount > 0 {
				fmt.Fprintf(b, "| `%s` | %s | |\n", e.Account, e.Amount.Format(c))
			}
		}
		for _, e := range x.Entries {
			if e.Amount < 0 {
				fmt.Fprintf(b, "| `%s` | | %s |\n", e.Account, (-e.Amount).Format(c))
			}
		}
	}
	if r.Explanation == nil {
		return
	}
	first := true
	for _, s := range r.Explanation.Steps {
		if s.Amount == s.Before {
			continue
		}
		if first {
			b.WriteString("\n")
			first = false
		}
		fmt.Fprintf(b, "- %s\n", s.Text)
	}
}
