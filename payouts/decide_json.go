package payouts

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"mizan/ledger/money"
)

// Facts and decisions as JSON: every amount is a decimal string in the payee's currency, the fields have one order, and what
// is absent is left out. So the same facts are always the same bytes, and people can read them.

// scale writes and reads amounts of one currency, and keeps the first amount that cannot be.
type scale struct {
	c   money.Currency
	err error
}

// scaleOf returns the scale of a currency, with an error if its digits are not known.
func scaleOf(c money.Currency) *scale {
	s := &scale{c: c}
	if !c.Known() {
		s.err = ErrInputs.With("The payee's currency is not known.")
	}
	return s
}

// text writes an amount; zero too.
func (s *scale) text(m money.Minor) string {
	if s.err != nil {
		return ""
	}
	return m.Format(s.c)
}

// short writes an amount, and nothing for zero.
func (s *scale) short(m money.Minor) string {
	if m == 0 {
		return ""
	}
	return s.text(m)
}

// read reads an amount, which may be below zero; nothing is zero.
func (s *scale) read(text string) money.Minor {
	if s.err != nil || text == "" {
		return 0
	}
	digits, negative := strings.CutPrefix(text, "-")
	m, err := money.ParseAmount(digits, s.c)
	if err == nil && negative && m == 0 {
		err = money.ErrAmountFormat
	}
	if err != nil {
		s.err = err
	}
	if negative {
		return -m
	}
	return m
}

// The forms in JSON. A field beside an embedded struct takes the place of the struct's field of the same name.
type (
	runForm struct {
		RunFacts
		Wanted string `json:"wanted,omitempty"`
	}
	balancesForm struct {
		Pending           string `json:"pending,omitempty"`
		AvailableAtCutoff string `json:"available_at_cutoff,omitempty"`
		AvailableNow      string `json:"available_now,omitempty"`
		Reserve           string `json:"reserve,omitempty"`
		DisputeHold       string `json:"dispute_hold,omitempty"`
		Blocked           string `json:"blocked,omitempty"`
		MinorTrust        string `json:"minor_trust,omitempty"`
		InTransit         string `json:"in_transit,omitempty"`
	}
	debtForm struct {
		DebtFacts
		Amount string `json:"amount,omitempty"`
	}
	inputsForm struct {
		Run          runForm           `json:"run"`
		Payee        PayeeFacts        `json:"payee"`
		Balances     balancesForm      `json:"balances"`
		Next         NextFacts         `json:"next,omitzero"`
		Destination  *DestinationFacts `json:"destination,omitempty"`
		Guardian     *GuardianFacts    `json:"guardian,omitempty"`
		Verification VerifiedFacts     `json:"verification"`
		Holds        []HoldFacts       `json:"holds,omitempty"`
		Debt         debtForm          `json:"debt,omitzero"`
		RetryOf      *RetryFacts       `json:"retry_of,omitempty"`
		Unit         string            `json:"unit"`
	}
	partForm struct {
		Number int    `json:"number"`
		Amount string `json:"amount"`
		Fee    string `json:"fee"`
	}
	reasonForm struct {
		Reason
		Amount string `json:"amount,omitempty"`
		Limit  string `json:"limit,omitempty"`
	}
	plainDecision Decision
	decisionForm  struct {
		plainDecision
		Basis   string       `json:"basis"`
		Amount  string       `json:"amount"`
		Fee     string       `json:"fee"`
		Gross   string       `json:"gross"`
		Left    string       `json:"left,omitempty"`
		Parts   []partForm   `json:"parts,omitempty"`
		Reasons []reasonForm `json:"reasons,omitempty"`
	}
)

// MarshalJSON writes the facts. It returns ErrInputs if the payee's currency is not known.
func (in Inputs) MarshalJSON() ([]byte, error) {
	s, b := scaleOf(in.Payee.Currency), in.Balances
	form := inputsForm{Run: runForm{in.Run, s.short(in.Run.Wanted)}, Payee: in.Payee, Next: in.Next, Destination: in.Destination, Guardian: in.Guardian,
		Verification: in.Verification, Holds: in.Holds, Debt: debtForm{in.Debt, s.short(in.Debt.Amount)}, RetryOf: in.RetryOf, Unit: s.text(in.Unit),
		Balances: balancesForm{s.short(b.Pending), s.short(b.AvailableAtCutoff), s.short(b.AvailableNow), s.short(b.Reserve), s.short(b.DisputeHold),
			s.short(b.Blocked), s.short(b.MinorTrust), s.short(b.InTransit)}}
	if s.err != nil {
		return nil, s.err
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads the facts, strictly.
func (in *Inputs) UnmarshalJSON(content []byte) error {
	var form inputsForm
	if err := decodeStrict(content, &form); err != nil {
		return err
	}
	s, b := scaleOf(form.Payee.Currency), form.Balances
	*in = Inputs{Run: form.Run.RunFacts, Payee: form.Payee, Next: form.Next, Destination: form.Destination, Guardian: form.Guardian,
		Verification: form.Verification, Holds: form.Holds, Debt: form.Debt.DebtFacts, RetryOf: form.RetryOf, Unit: s.read(form.Unit),
		Balances: BalanceFacts{s.read(b.Pending), s.read(b.AvailableAtCutoff), s.read(b.AvailableNow), s.read(b.Reserve), s.read(b.DisputeHold),
			s.read(b.Blocked), s.read(b.MinorTrust), s.read(b.InTransit)}}
	in.Run.Wanted, in.Debt.Amount = s.read(form.Run.Wanted), s.read(form.Debt.Amount)
	return s.err
}

// MarshalJSON writes the decision. It returns ErrInputs if its currency is not known.
func (d Decision) MarshalJSON() ([]byte, error) {
	s := scaleOf(d.Currency)
	form := decisionForm{plainDecision: plainDecision(d), Basis: s.text(d.Basis), Amount: s.text(d.Amount), Fee: s.text(d.Fee), Gross: s.text(d.Gross), Left: s.short(d.Left)}
	for _, p := range d.Parts {
		form.Parts = append(form.Parts, partForm{p.Number, s.text(p.Amount), s.text(p.Fee)})
	}
	for _, r := range d.Reasons {
		form.Reasons = append(form.Reasons, reasonForm{r, s.short(r.Amount), s.short(r.Limit)})
	}
	if s.err != nil {
		return nil, s.err
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads a stored decision, strictly.
func (d *Decision) UnmarshalJSON(content []byte) error {
	var form decisionForm
	if err := decodeStrict(content, &form); err != nil {
		return err
	}
	s, next := scaleOf(form.Currency), Decision(form.plainDecision)
	next.Basis, next.Amount, next.Fee, next.Gross, next.Left = s.read(form.Basis), s.read(form.Amount), s.read(form.Fee), s.read(form.Gross), s.read(form.Left)
	for _, p := range form.Parts {
		next.Parts = append(next.Parts, Part{p.Number, s.read(p.Amount), s.read(p.Fee)})
	}
	for _, r := range form.Reasons {
		r.Reason.Amount, r.Reason.Limit = s.read(r.Amount), s.read(r.Limit)
		next.Reasons = append(next.Reasons, r.Reason)
	}
	*d = next
	return s.err
}

// decodeStrict reads one value without unknown fields.
func decodeStrict(content []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New(inPlainWords(err))
	}
	return nil
}
