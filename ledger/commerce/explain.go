package commerce

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Expanding an explanation: the sheet before and after an event in words and numbers, and each entry with its reason. It is
// computed from the recorded inputs, so it recomputes every amount.

// Explain returns why a transaction's entries are what they are. A transaction posted by hand has only its memo.
func (s *Service) Explain(ctx context.Context, book ledger.Book, sequence int64) (*Explanation, error) {
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	x := &explained{event: t.Event}
	for _, e := range t.Entries {
		x.lines = append(x.lines, ledger.Line{Account: e.Account, Amount: e.Amount, Currency: e.Currency, ExternalRef: e.ExternalRef})
	}
	r, _, ok := recordOf(&t)
	if !ok {
		return x.expandByHand(t.Memo), nil
	}
	id, isOrder := orderID(t.Subject)
	if !isOrder {
		return x.expand(), x.readData(r)
	}
	if t.Reverses != 0 {
		x.order = &order{id: id}
		return x.expand(), nil
	}
	if x.order, err = s.load(ctx, book, id, sequence); err != nil {
		return nil, err
	}
	if r.Part == 0 {
		if err := s.sheetsAround(ctx, book, x, sequence); err != nil {
			return nil, err
		}
		err = x.readData(r)
	}
	return x.expand(), err
}

// readData reads the event's data back, for its words.
func (x *explained) readData(r record) error {
	if r.Kind == "order.captured" || r.Kind == eventSettled || len(r.Data) == 0 {
		return nil
	}
	kind, err := TypeOf(r.Kind)
	if err != nil {
		return nil // an event of another package of ours
	}
	x.data = kind.New()
	return json.Unmarshal(r.Data, x.data)
}

// sheetsAround computes the sheets before and after a transaction of the order.
func (s *Service) sheetsAround(ctx context.Context, book ledger.Book, x *explained, sequence int64) error {
	o := x.order
	if o.edited != nil {
		return nil
	}
	i := len(o.transactions) - 1
	r, _, _ := recordOf(&o.transactions[i])
	e, err := storedEvent(r, &o.transactions[i])
	if err != nil || !computedEvent(e) {
		return err
	}
	earlier := &order{book: book, id: o.id, transactions: o.transactions[:i]}
	if err := s.replay(ctx, earlier, i); err != nil {
		return err
	}
	if x.before, err = earlier.compute(); err != nil {
		return err
	}
	x.after, err = o.compute()
	return err
}

func (x *explained) expandByHand(memo string) *Explanation {
	out := x.expand()
	out.Summary = "Posted by hand."
	if memo != "" {
		out.Summary = "Posted by hand: " + memo
	}
	return out
}

// expand puts what is known into words.
func (x *explained) expand() *Explanation {
	out := &Explanation{Event: x.event, Steps: []Step{}, Entries: make([]EntryReason, 0, len(x.lines)), Summary: summaryOf(x.event)}
	o := x.order
	if len(x.lines) > 0 {
		out.Currency = string(x.lines[0].Currency)
	}
	if o != nil {
		out.Order, out.PlacedAt = o.id, o.placedAt
		if o.set != nil {
			out.RuleSet = o.set.ID()
			out.Currency = string(o.currency)
		}
	}
	if x.after != nil && o != nil && o.set != nil {
		if x.expandSteps(out); !slices.ContainsFunc(out.Steps, func(s Step) bool { return s.Amount != s.Before }) {
			out.Steps, x.after = []Step{}, nil // the event left the sheet alone
		}
	}
	for _, l := range x.lines {
		out.Entries = append(out.Entries, x.reason(l, out.Steps))
	}
	return out
}

// expandSteps lists the steps after the event with what each came to before it.
func (x *explained) expandSteps(out *Explanation) {
	out.Steps = make([]Step, 0, len(x.after.steps))
	used := make([]bool, 0, 16)
	if x.before != nil {
		used = make([]bool, len(x.before.steps))
	}
	for i := range x.after.steps {
		st := &x.after.steps[i]
		before := money.Minor(0)
		if x.before != nil {
			for j := range x.before.steps {
				if b := &x.before.steps[j]; !used[j] && b.id == st.id && b.receiver == st.receiver && b.of == st.of {
					used[j], before = true, b.amount
					break
				}
			}
		}
		out.Steps = append(out.Steps, x.order.expandStep(st, before))
	}
	if x.before == nil {
		return
	}
	for j := range x.before.steps { // what fell out of the sheet, such as all of a cancelled order
		if b := &x.before.steps[j]; !used[j] && b.amount != 0 {
			gone := step{rule: b.rule, id: b.id, receiver: b.receiver, of: b.of, rate: b.rate, rated: b.rated, rounding: b.rounding, pays: b.pays}
			out.Steps = append(out.Steps, x.order.expandStep(&gone, b.amount))
		}
	}
}

var componentNames = [components]string{"goods_list", "seller_discount", "platform_discount", "shipping", "gift_wrap", "tax_added", "tax_included"}

// expandStep puts one step into words.
func (o *order) expandStep(st *step, before money.Minor) Step {
	c := o.currency
	out := Step{Rule: st.id, Title: titleOf(st), Receiver: st.receiver, Weight: st.weight, Bound: st.bound, Amount: st.amount.Format(c), Before: before.Format(c)}
	for k, part := range st.base {
		if part != 0 {
			out.Base = append(out.Base, BaseAmount{Component: componentNames[k], Amount: part.Format(c)})
		}
	}
	if st.byRates {
		out.Rounding = st.rounding.String()
	}
	if st.total != 0 || st.rated {
		out.Total = st.total.Format(c)
	}
	if st.rated {
		out.Rate = st.rate.String()
		out.Exact = st.rate.Exact(st.total, c)
		out.Rounding = st.rounding.String()
	}
	if st.flat != 0 {
		out.Flat = st.flat.Format(c)
	}
	if st.rule != nil && st.rule.Tax != nil {
		if out.TaxMode = st.taxMode; st.tax != 0 {
			out.Tax = st.tax.Format(c)
		}
	}
	out.Parts = o.expandParts(st)
	out.Remainder = remainderOf(st)
	out.Text = o.words(st, &out, before)
	return out
}

func titleOf(st *step) string {
	if st.rule != nil && st.rule.Title != "" {
		return st.rule.Title
	}
	switch st.id {
	case "tax":
		return "Tax owed by the platform"
	case "platform_discount":
		return "Discounts paid by the platform"
	case "seller":
		return "The seller's remainder"
	case "creator":
		return "The creator's remainder"
	case "creator_split":
		return "Split among the creators"
	case "agency":
		return "Agency share"
	case "bonus":
		return "Bonus"
	case "duty":
		return "Duty for customs"
	case "donation_round_up":
		return "Donation rounded up"
	case "partner":
		return "Partner share"
	}
	return st.id
}

// remainderOf says who bears what the rounding of a step leaves.
func remainderOf(st *step) string {
	if !st.rated && !st.byRates && st.weight == "" {
		return ""
	}
	if st.weight != "" {
		return "largest remainder"
	}
	return st.pays
}

// words says a step in a sentence.
func (o *order) words(st *step, out *Step, before money.Minor) string {
	var b strings.Builder
	b.Grow(160)
	b.WriteString(out.Title)
	b.WriteString(": ")
	switch {
	case st.rated:
		ratedWords(&b, st, out)
	case len(out.Parts) > 0:
		b.WriteString("of ")
		b.WriteString(out.Total)
		b.WriteString(" by the rates of the categories")
		if st.flat != 0 {
			b.WriteString(" plus ")
			b.WriteString(out.Flat)
		}
		b.WriteString(map[bool]string{true: ", bounded to ", false: ", rounded one by one to "}[st.bound != ""])
		b.WriteString(out.Amount)
	case st.weight != "":
		b.WriteString("by weight ")
		b.WriteString(st.weight)
		b.WriteString(", ")
		b.WriteString(out.Amount)
	case st.flat != 0:
		b.WriteString("a flat ")
		b.WriteString(out.Amount)
	default:
		b.WriteString(out.Amount)
	}
	if out.Tax != "" {
		b.WriteString(map[bool]string{true: ", of which tax ", false: ", plus tax "}[out.TaxMode == "inclusive"])
		b.WriteString(out.Tax)
	}
	if before != 0 && before != st.amount {
		b.WriteString("; before this event ")
		b.WriteString(out.Before)
	}
	b.WriteByte('.')
	return b.String()
}

// ratedWords says a rate of a base.
func ratedWords(b *strings.Builder, st *step, out *Step) {
	b.WriteString(st.rate.Percentage())
	b.WriteString(" % of ")
	b.WriteString(out.Total)
	if len(out.Base) > 0 {
		b.WriteString(" (")
		for i, part := range out.Base {
			amount := part.Amount
			negative := strings.HasPrefix(amount, "-")
			switch {
			case negative:
				b.WriteString(" - ")
				amount = amount[1:]
			case i > 0:
				b.WriteString(" + ")
			}
			b.WriteString(strings.ReplaceAll(part.Component, "_", " "))
			b.WriteByte(' ')
			b.WriteString(amount)
		}
		b.WriteByte(')')
	} else if st.of != "" {
		b.WriteString(", the ")
		b.WriteString(st.of)
		b.WriteByte(',')
	}
	if st.flat != 0 {
		b.WriteString(" plus ")
		b.WriteString(out.Flat)
	}
	b.WriteString(" is ")
	b.WriteString(out.Exact)
	switch {
	case st.bound != "":
		b.WriteString(", bounded to ")
	case len(out.Parts) > 0:
		b.WriteString(", rounded ")
		b.WriteString(strings.ReplaceAll(out.Rounding, "_", "-"))
		b.WriteString(" line by line to ")
	default:
		b.WriteString(", rounded ")
		b.WriteString(strings.ReplaceAll(out.Rounding, "_", "-"))
		b.WriteString(" to ")
	}
	b.WriteString(out.Amount)
}

// reason says why one entry is there.
func (x *explained) reason(l ledger.Line, steps []Step) EntryReason {
	out := EntryReason{Account: string(l.Account), Direction: "debit", Amount: max(l.Amount, -l.Amount).Format(l.Currency)}
	if l.Amount < 0 {
		out.Direction = "credit"
	}
	who := string(l.Account)
	if kind, bucket, id, ok := splitPayee(l.Account); ok {
		who = kind + ":" + id
		out.Text = bucketWords(bucket, l.Amount < 0)
	}
	if x.after != nil {
		for i := range x.after.steps {
			st := &x.after.steps[i]
			if st.touches(l.Account, who) && i < len(steps) {
				out.Rules = appendNew(out.Rules, st.id)
			}
		}
	}
	if out.Text == "" {
		out.Text = accountWords(string(l.Account), l.Amount < 0)
	}
	return out
}

func appendNew(list []string, s string) []string {
	for _, known := range list {
		if known == s {
			return list
		}
	}
	return append(list, s)
}

// touches reports whether a step has part in an account.
func (st *step) touches(a ledger.Address, who string) bool {
	return st.receiver == string(a) || st.receiver == who || st.tax != 0 && st.rule != nil && st.rule.Tax != nil && st.rule.Tax.To == a
}

func bucketWords(bucket string, credit bool) string {
	switch {
	case bucket == bucketReserve && credit:
		return "Kept in reserve until its date."
	case bucket == bucketReserve:
		return "Out of the reserve."
	case bucket == bucketDisputeHold && credit:
		return "Held while the dispute is open."
	case bucket == bucketDisputeHold:
		return "The dispute's hold ends."
	case bucket == bucketPending && credit:
		return "Earned; becomes available when the order settles."
	case bucket == bucketPending:
		return "Out of what waits for the settlement."
	case credit:
		return "Available for payout."
	default:
		return "Out of what is available."
	}
}

func accountWords(account string, credit bool) string {
	switch {
	case strings.HasPrefix(account, "assets:processor:") && credit:
		return "Money that left us at the processor."
	case strings.HasPrefix(account, "assets:processor:"):
		return "Money that came to us at the processor."
	case strings.HasPrefix(account, "liabilities:tax:") && credit:
		return "Tax to be paid on."
	case strings.HasPrefix(account, "liabilities:tax:"):
		return "Tax that is not owed any more."
	case account == accountPlatformDiscount:
		return "Discounts at the platform's cost."
	case strings.HasPrefix(account, "revenue:") && credit:
		return "The platform's fee."
	case strings.HasPrefix(account, "revenue:"):
		return "The platform's fee goes back."
	case strings.HasPrefix(account, "liabilities:carrier:"):
		return "Owed to the carrier."
	case strings.HasPrefix(account, "expenses:"):
		return "The platform's cost."
	}
	return "As the event says."
}

// summaryOf says in a sentence what an event means.
func summaryOf(event string) string {
	if t, err := TypeOf(event); err == nil {
		return t.Meaning
	}
	if s, ok := summaries[event]; ok {
		return s
	}
	for _, k := range chargeKinds {
		if k.kind == event {
			return k.meaning
		}
	}
	return event
}

var summaries = map[string]string{
	"refund.full":                "Everything that was left of the order went back to the buyer.",
	"refund.partial":             "A part of the order went back to the buyer; every rule is computed again on what remains.",
	"refund.with_restocking_fee": "Goods went back; the seller keeps a restocking fee.",
	"refund.to_store_credit":     "The buyer took store credit instead of money.",
	"refund.platform_goodwill":   "The platform gave the buyer money at its own cost.",
	"dispute.opened":             "The buyer's bank took a payment back and asks for a reason.",
	"dispute.held":               "What the dispute could cost is held.",
	"dispute.won":                "The dispute was won: the money is back and the hold ends.",
	"dispute.lost":               "The dispute was lost; whoever is liable bears it.",
	"dispute.reopened_won":       "A dispute that had been lost was won after all.",
	"reserve.released":           "The reserve holds more than it must for what remains of the order.",
	"reserve.applied":            "The order's reserve covers the seller's debt.",
	eventSettled:                 "The order settled: what its payees earned is available.",
	"order.fact_recorded":        "A fact that moves no money.",
}
