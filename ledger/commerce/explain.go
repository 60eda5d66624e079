package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Expanding an explanation: the sheet before and after an event in words and numbers, and each entry with its reason. It is
// computed from the recorded inputs, so it recomputes every amount.

// maxStory bounds the transactions of an order that is read together with others; a sale rarely has ten.
const maxStory = 20

// Explain returns why a transaction's entries are what they are. A transaction posted by hand has only its memo.
func (s *Service) Explain(ctx context.Context, book ledger.Book, sequence int64) (*Explanation, error) {
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	e, _, err := s.explain(ctx, book, &t, &stories{ledger: s.ledger, book: book, upTo: sequence})
	return e, err
}

// ExplainAll is Explain of some hundred transactions, by their sequences. What they need is read together, or in halves if that takes
// longer than one read may.
func (s *Service) ExplainAll(ctx context.Context, book ledger.Book, sequences []int64) (map[int64]*Explanation, error) {
	read, err := s.ledger.BySequence(ctx, book, sequences)
	if err != nil {
		return nil, err
	}
	list := make([]ledger.Transaction, 0, len(sequences))
	for _, n := range sequences {
		t, known := read[n]
		if !known {
			return nil, ledger.ErrTransactionUnknown
		}
		list = append(list, t)
	}
	all, _, err := s.ExplainShares(ctx, book, list)
	return all, err
}

// ExplainShares is ExplainAll of transactions that were read, with the shares of the sales that they are of: what the money of each payee is
// made of, before and after. A transaction that no sheet is computed for has none.
func (s *Service) ExplainShares(ctx context.Context, book ledger.Book, list []ledger.Transaction) (map[int64]*Explanation, map[int64][]Share, error) {
	all, shares, err := s.explainTogether(ctx, book, list)
	if half := len(list) / 2; half > 0 && errors.Is(err, postgres.ErrReadTooLong) && ctx.Err() == nil {
		if all, shares, err = s.ExplainShares(ctx, book, list[:half]); err != nil {
			return nil, nil, err
		}
		rest, more, err := s.ExplainShares(ctx, book, list[half:])
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(all, rest)
		maps.Copy(shares, more)
	}
	return all, shares, err
}

func (s *Service) explainTogether(ctx context.Context, book ledger.Book, list []ledger.Transaction) (map[int64]*Explanation, map[int64][]Share, error) {
	var subjects []string
	last := int64(0)
	for i := range list {
		if _, isOrder := orderID(list[i].Subject); isOrder {
			subjects, last = append(subjects, list[i].Subject), max(last, list[i].Sequence)
		}
	}
	slices.Sort(subjects)
	stories, err := s.storiesOf(ctx, book, slices.Compact(subjects), last, list...)
	if err != nil {
		return nil, nil, err
	}
	all, shares := make(map[int64]*Explanation, len(list)), make(map[int64][]Share, len(list))
	for i := range list {
		t := &list[i]
		if all[t.Sequence], shares[t.Sequence], err = s.explain(ctx, book, t, stories); err != nil {
			return nil, nil, err
		}
	}
	return all, shares, nil
}

// explain is Explain of a transaction, of whose order the stories tell up to it or further.
func (s *Service) explain(ctx context.Context, book ledger.Book, t *ledger.Transaction, stories *stories) (*Explanation, []Share, error) {
	x := &explained{event: t.Event}
	if t.Reverses != 0 {
		x.event = ledger.EventReversed
	}
	for _, e := range t.Entries {
		x.lines = append(x.lines, ledger.Line{Account: e.Account, Amount: e.Amount, Currency: e.Currency, ExternalRef: e.ExternalRef})
	}
	r, _, ok := recordOf(t)
	if !ok {
		return x.expandByHand(t.Memo), nil, nil
	}
	var err error
	id, isOrder := orderID(t.Subject)
	if !isOrder {
		if r.Part == 0 {
			err = x.readData(r)
		}
		return x.expand(), nil, err
	}
	if t.Reverses != 0 {
		x.order = &order{id: id}
		return x.expand(), nil, nil
	}
	story, err := stories.of(ctx, t.Subject)
	if err != nil {
		return nil, nil, err
	}
	if x.order, err = s.loaded(ctx, book, id, t.Sequence, story); err != nil {
		return nil, nil, err
	}
	if r.Part == 0 {
		if err := s.sheetsAround(ctx, book, x, t.Sequence); err != nil {
			return nil, nil, err
		}
		if err = x.readData(r); err == nil {
			err = x.readTrusts()
		}
	}
	shares := x.shares() // a sheet that the event left alone is not told
	return x.expand(), shares, err
}

// readTrusts tells what a transaction of an order set aside for minors.
func (x *explained) readTrusts() error {
	o := x.order
	if len(o.minors) == 0 || o.edited != nil {
		return nil
	}
	after, err := o.compute()
	if err != nil {
		return err
	}
	moves, err := o.trustMoves(x.lines, after)
	x.trusts = trustSteps(moves)
	return err
}

// readData reads the event's data back, for its words.
func (x *explained) readData(r record) error {
	if isCapture(r.Kind) && r.Kind != "exchange.captured" || r.Kind == eventSettled || len(r.Data) == 0 {
		return nil
	}
	kind, ok := recordedType(r.Kind)
	if !ok {
		return nil // an event of another package of ours
	}
	if kind.Stored != nil {
		x.told = kind.Stored()
		return json.Unmarshal(r.Data, x.told)
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
	_, settles := e.(*settled)
	if err != nil || !computedEvent(e) && !(settles && len(o.pledges) > 0) {
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
	if x.told != nil {
		out.Steps = append([]Step{}, x.told.tell()...)
		if t, ok := x.told.(interface{ tellsIn() money.Currency }); ok && out.Currency == "" {
			out.Currency = string(t.tellsIn()) // of a fact: it has no lines to show it
		}
	}
	if t, ok := x.told.(interface{ summary() string }); ok {
		out.Summary = t.summary()
	}
	out.Steps = append(out.Steps, x.trusts...)
	for _, l := range x.lines {
		reason := x.reason(l, out.Steps)
		if string(l.Currency) != out.Currency {
			reason.Currency = string(l.Currency)
		}
		out.Entries = append(out.Entries, reason)
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
			gone.released = b.id == "commission_deposit" && slices.ContainsFunc(x.after.steps, func(st step) bool { return st.rule == b.rule })
			gone.moved = x.event == "attribution.moved"
			out.Steps = append(out.Steps, x.order.expandStep(&gone, b.amount))
		}
	}
}

// expandStep puts one step into words.
func (o *order) expandStep(st *step, before money.Minor) Step {
	c := o.currency
	out := Step{Rule: st.id, Title: titleOf(st), Receiver: st.receiver, Weight: st.weight, Bound: st.bound, Amount: st.amount.Format(c), Before: before.Format(c)}
	for k, part := range st.base {
		if part != 0 {
			out.Base = append(out.Base, BaseAmount{Component: componentNames[k], Amount: part.Format(c)})
		}
	}
	if st.total != 0 || st.rated || st.weight != "" {
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
	for i := range st.parts {
		p := &st.parts[i]
		out.Rounding = st.rounding.String()
		out.Parts = append(out.Parts, StepPart{Line: p.line, Total: p.base.Format(c), Rate: p.rate.String(), Exact: p.rate.Exact(p.base, c), Bound: p.bound, Amount: p.amount.Format(c)})
	}
	if out.TaxMode = st.taxMode; st.tax != 0 {
		out.Tax = st.tax.Format(c)
	}
	out.Remainder = remainderOf(st)
	out.Text = o.words(st, &out, before)
	return out
}

// remainderOf says who bears what the rounding of a step leaves.
func remainderOf(st *step) string {
	if !st.rated && st.weight == "" {
		return ""
	}
	if st.weight != "" {
		return "largest remainder"
	}
	return st.pays
}

// reason says why one entry is there.
func (x *explained) reason(l ledger.Line, steps []Step) EntryReason {
	out := EntryReason{Account: string(l.Account), Direction: "debit", Amount: max(l.Amount, -l.Amount).Format(l.Currency)}
	if l.Amount < 0 {
		out.Direction = "credit"
	}
	who := string(l.Account)
	if kind, _, id, ok := splitPayee(l.Account); ok {
		who = kind + ":" + id
	}
	out.Text = entryWords(x.event, l.Account, l.Amount < 0)
	if x.after != nil {
		for i := range x.after.steps {
			st := &x.after.steps[i]
			if st.touches(l.Account, who) && i < len(steps) {
				out.Rules = appendNew(out.Rules, st.id)
			}
		}
	}
	if x.told != nil {
		for i := range steps {
			if steps[i].Receiver == who || steps[i].Receiver == string(l.Account) {
				out.Rules = appendNew(out.Rules, steps[i].Rule)
			}
		}
	}
	for i := range x.trusts {
		if x.trusts[i].Receiver == who {
			out.Rules = appendNew(out.Rules, x.trusts[i].Rule)
		}
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

// summaryOf says in a sentence what an event means.
func summaryOf(event string) string {
	if t, err := TypeOf(event); err == nil {
		return t.Meaning
	}
	if s, ok := partMeanings[event]; ok {
		return s
	}
	if t, ok := recordedType(event); ok {
		return t.Meaning
	}
	for _, k := range chargeKinds {
		if k.kind == event {
			return k.meaning
		}
	}
	return event
}

// orderParts are the meanings of what an order's events post under names of their own.
var orderParts = map[string]string{ // #nosec G101 -- the words explain events
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
