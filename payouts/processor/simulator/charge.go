// Charges, refunds and disputes are what fills the platform's balance and takes from it. People and tests seed them.

package simulator

import (
	"errors"
	"time"
)

// Charge is money of a buyer.
type Charge struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Amount   int64             `json:"amount"`
	Refunded int64             `json:"amount_refunded"`
	Currency string            `json:"currency"`
	Created  int64             `json:"created"`
	Status   string            `json:"status"`
	Entry    string            `json:"balance_transaction"`
	Metadata map[string]string `json:"metadata"`
	Disputed bool              `json:"disputed,omitempty"`
}

// Refund is money that went back to a buyer.
type Refund struct {
	ID           string  `json:"id"`
	Object       string  `json:"object"`
	Amount       int64   `json:"amount"`
	Currency     string  `json:"currency"`
	Created      int64   `json:"created"`
	Charge       string  `json:"charge"`
	Status       string  `json:"status"`
	Entry        string  `json:"balance_transaction"`
	FailureEntry *string `json:"failure_balance_transaction"`
}

// Dispute is money that a buyer's bank has taken back.
type Dispute struct {
	ID       string   `json:"id"`
	Object   string   `json:"object"`
	Amount   int64    `json:"amount"`
	Currency string   `json:"currency"`
	Created  int64    `json:"created"`
	Charge   string   `json:"charge"`
	Status   string   `json:"status"`
	Entries  []*Entry `json:"balance_transactions"`
}

func (c *Charge) shown() any {
	metadata := c.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return map[string]any{"id": c.ID, "object": c.Object, "amount": c.Amount, "amount_captured": c.Amount, "amount_refunded": c.Refunded,
		"currency": c.Currency, "created": c.Created, "status": c.Status, "balance_transaction": c.Entry, "metadata": metadata,
		"billing_details": map[string]any{}, "captured": true, "paid": true, "disputed": c.Disputed, "refunded": c.Refunded == c.Amount, "livemode": false}
}

func (r *Refund) shown() any {
	made := map[string]any{"id": r.ID, "object": r.Object, "amount": r.Amount, "currency": r.Currency, "created": r.Created,
		"charge": r.Charge, "status": r.Status, "balance_transaction": r.Entry}
	if r.FailureEntry != nil {
		made["failure_balance_transaction"] = *r.FailureEntry
	}
	return made
}

func (d *Dispute) shown(s *Simulator) any {
	entries := []any{}
	for _, e := range d.Entries {
		entries = append(entries, e.shown(s))
	}
	return map[string]any{"id": d.ID, "object": d.Object, "amount": d.Amount, "currency": d.Currency, "created": d.Created,
		"charge": d.Charge, "status": d.Status, "balance_transactions": entries, "evidence": map[string]any{},
		"evidence_details":     map[string]any{"due_by": nil, "has_evidence": false, "past_due": false, "submission_count": 0},
		"is_charge_refundable": false, "livemode": false, "metadata": map[string]string{}, "reason": "general"}
}

var errSeed = errors.New("simulator: the seed refers to something that is not there, or is too large")

// AddCharge seeds a charge, in the processor's units and small letters, whose money less the fee is available after wait.
func (s *Simulator) AddCharge(amount, fee int64, currency string, wait time.Duration, metadata map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if amount < 1 || fee < 0 || !spoken(currency) || s.state.count() >= s.o.MaxObjects {
		return "", errSeed
	}
	id, _ := s.next("ch_")
	c := &Charge{ID: id, Object: "charge", Amount: amount, Currency: currency, Created: s.now(), Status: "succeeded", Metadata: metadata}
	c.Entry = s.post(move{account: Platform, kind: "charge", category: "charge", currency: currency, source: id, amount: amount, fee: fee, wait: wait}).ID
	s.state.Charges[id] = c
	s.announce(Platform, "charge.succeeded", c.shown())
	return id, s.save()
}

// ChargeOf returns the charge that was seeded with the metadata, and its one refund; empty for none.
func (s *Simulator) ChargeOf(key, value string) (charge, refund string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.state.Charges {
		if c.Metadata[key] == value {
			charge = id
		}
	}
	for id, r := range s.state.Refunds {
		if charge != "" && r.Charge == charge {
			refund = id
		}
	}
	return charge, refund
}

// AddRefund seeds a refund of a part of a charge.
func (s *Simulator) AddRefund(charge string, amount int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	c := s.state.Charges[charge]
	if c == nil || amount < 1 || amount > c.Amount-c.Refunded {
		return "", errSeed
	}
	id, _ := s.next("re_")
	r := &Refund{ID: id, Object: "refund", Amount: amount, Currency: c.Currency, Created: s.now(), Charge: charge, Status: "succeeded"}
	r.Entry = s.post(move{account: Platform, kind: "refund", category: "refund", currency: c.Currency, source: id, amount: -amount}).ID
	c.Refunded += amount
	s.state.Refunds[id] = r
	s.announce(Platform, "charge.refunded", c.shown())
	return id, s.save()
}

// FailRefund sends a refund back: the buyer's bank did not take it.
func (s *Simulator) FailRefund(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	r := s.state.Refunds[id]
	if r == nil || r.Status != "succeeded" {
		return errSeed
	}
	r.Status = "failed"
	e := s.post(move{account: Platform, kind: "refund_failure", category: "refund_failure", currency: r.Currency, source: id, amount: r.Amount})
	r.FailureEntry = &e.ID
	s.announce(Platform, "charge.refund.updated", r.shown())
	return s.save()
}

// AddDispute seeds a dispute of a whole charge, with the processor's fee.
func (s *Simulator) AddDispute(charge string, fee int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	c := s.state.Charges[charge]
	if c == nil {
		return "", errSeed
	}
	id, _ := s.next("dp_")
	d := &Dispute{ID: id, Object: "dispute", Amount: c.Amount, Currency: c.Currency, Created: s.now(), Charge: charge, Status: "needs_response"}
	d.Entries = append(d.Entries, s.post(move{account: Platform, kind: "adjustment", category: "dispute", currency: c.Currency, source: id,
		amount: -c.Amount, fee: fee}))
	s.state.Disputes[id] = d
	c.Disputed = true
	s.announce(Platform, "charge.dispute.created", d.shown(s))
	s.announce(Platform, "charge.dispute.funds_withdrawn", d.shown(s))
	return id, s.save()
}

// CloseDispute ends a dispute. The fee of one that was won is not given back.
func (s *Simulator) CloseDispute(id string, won bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	d := s.state.Disputes[id]
	if d == nil || d.Status != "needs_response" {
		return errSeed
	}
	d.Status = "lost"
	if won {
		d.Status = "won"
		d.Entries = append(d.Entries, s.post(move{account: Platform, kind: "adjustment", category: "dispute_reversal", currency: d.Currency,
			source: id, amount: d.Amount}))
		s.announce(Platform, "charge.dispute.funds_reinstated", d.shown(s))
	}
	s.announce(Platform, "charge.dispute.closed", d.shown(s))
	return s.save()
}

// AddEntry seeds an entry of any kind: one of a type nobody knows, without a source, with an exchange rate, or late, which
// is created in the past though it was not there before.
func (s *Simulator) AddEntry(account, kind, category, currency string, amount int64, created time.Time, rate string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if s.state.Accounts[account] == nil || s.state.count() >= s.o.MaxObjects {
		return "", errSeed
	}
	e := s.post(move{account: account, kind: kind, category: category, currency: currency, amount: amount, created: created.Unix(), rate: rate})
	return e.ID, s.save()
}

func (s *Simulator) getCharge(q *request) (any, *refusal) {
	if c := s.state.Charges[q.ids[0]]; c != nil {
		return c.shown(), nil
	}
	return nil, missing("charge")
}

func (s *Simulator) getRefund(q *request) (any, *refusal) {
	if r := s.state.Refunds[q.ids[0]]; r != nil {
		return r.shown(), nil
	}
	return nil, missing("refund")
}

func (s *Simulator) getDispute(q *request) (any, *refusal) {
	if d := s.state.Disputes[q.ids[0]]; d != nil {
		return d.shown(s), nil
	}
	return nil, missing("dispute")
}
