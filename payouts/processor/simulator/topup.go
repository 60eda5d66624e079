// Top-ups bring money of the platform's own bank to its balance. They are under way for days, and the bank can refuse them.

package simulator

import (
	"slices"
	"time"
)

// pulls is how long a top-up is under way.
const pulls = 72 * time.Hour

// Topup is money on its way from the platform's bank.
type Topup struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	Amount      int64             `json:"amount"`
	Currency    string            `json:"currency"`
	Created     int64             `json:"created"`
	Expected    int64             `json:"expected_availability_date"`
	Status      string            `json:"status"`
	Entry       *string           `json:"balance_transaction"`
	FailureCode *string           `json:"failure_code"`
	Group       *string           `json:"transfer_group"`
	Metadata    map[string]string `json:"metadata"`
	Sequence    int64             `json:"sequence_of_simulator"`
}

func (u *Topup) identity() (string, int64, int64) { return u.ID, u.Created, u.Sequence }

func (u *Topup) shown(*Simulator) any {
	return map[string]any{"id": u.ID, "object": u.Object, "amount": u.Amount, "currency": u.Currency, "created": u.Created,
		"expected_availability_date": u.Expected, "status": u.Status, "balance_transaction": u.Entry, "failure_code": u.FailureCode,
		"transfer_group": u.Group, "metadata": u.Metadata, "livemode": false, "source": nil}
}

// FailTopups makes top-ups that are made from now on fail with a code, such as insufficient_funds; an empty code mends it.
func (s *Simulator) FailTopups(code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.TopupsFail = code
	return s.save()
}

// ReverseTopup takes a top-up back that had succeeded, as the platform's bank does.
func (s *Simulator) ReverseTopup(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	u, ok := s.state.Topups.get(id)
	if !ok || u.Status != "succeeded" {
		return errSeed
	}
	u.Status = "reversed"
	s.post(move{account: Platform, kind: "topup_reversal", category: "topup_reversal", currency: u.Currency, source: u.ID, amount: -u.Amount})
	s.announce(Platform, "topup.reversed", u.shown(s))
	return s.save()
}

func (s *Simulator) createTopup(q *request) (any, *refusal) {
	if q.account != Platform {
		return nil, invalid("", "", "Connected accounts make no top-ups here")
	}
	n, currency, refused := q.amount(false)
	if refused != nil {
		return nil, refused
	}
	u := &Topup{Object: "topup", Amount: n, Currency: currency, Created: s.now(), Status: "pending", Metadata: q.metadata()}
	u.ID, u.Sequence = s.next("tu_")
	u.Expected = u.Created + int64(pulls.Seconds())
	if group := q.form.Get("transfer_group"); group != "" {
		u.Group = &group
	}
	s.state.Topups.add(u)
	d := &due{At: u.Expected, Topup: u.ID, Status: "succeeded"}
	if s.state.TopupsFail != "" {
		d.Status, d.Code = "failed", s.state.TopupsFail
	}
	s.expect(d)
	s.announce(Platform, "topup.created", u.shown(s))
	return u.shown(s), nil
}

// expect notes what comes by itself.
func (s *Simulator) expect(d *due) {
	s.state.Due = append(s.state.Due, d)
	slices.SortStableFunc(s.state.Due, func(a, b *due) int { return int(a.At - b.At) })
}

// arrive ends a top-up that is under way.
func (s *Simulator) arrive(u *Topup, d *due) {
	if u.Status != "pending" {
		return
	}
	u.Status = d.Status
	if d.Status == "failed" {
		u.FailureCode = &d.Code
	} else {
		u.Entry = &s.post(move{account: Platform, kind: "topup", category: "topup", currency: u.Currency, source: u.ID, amount: u.Amount, created: d.At}).ID
	}
	s.announce(Platform, "topup."+d.Status, u.shown(s))
}

func (s *Simulator) cancelTopup(q *request) (any, *refusal) {
	u, ok := s.state.Topups.get(q.ids[0])
	switch {
	case !ok || q.account != Platform:
		return nil, missing("top-up")
	case u.Status != "pending":
		return nil, invalid("", "", "Top-ups can only be canceled while they are pending")
	}
	u.Status = "canceled"
	s.announce(Platform, "topup.canceled", u.shown(s))
	return u.shown(s), nil
}

func (s *Simulator) getTopup(q *request) (any, *refusal) {
	if u, ok := s.state.Topups.get(q.ids[0]); ok && q.account == Platform {
		return u.shown(s), nil
	}
	return nil, missing("top-up")
}

func (s *Simulator) listTopups(q *request) (any, *refusal) {
	return page(s, s.state.Topups, q, func(u *Topup) bool { return q.account == Platform && fits(q, "status", u.Status) })
}
