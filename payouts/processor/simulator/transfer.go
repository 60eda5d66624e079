// Transfers move money from the platform to a connected account, and reversals move it back.

package simulator

import (
	"strconv"
	"time"
)

// Transfer is money sent to a connected account.
type Transfer struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"`
	Amount      int64             `json:"amount"`
	Reversed    int64             `json:"amount_reversed"`
	AllBack     bool              `json:"reversed"`
	Currency    string            `json:"currency"`
	Created     int64             `json:"created"`
	Destination string            `json:"destination"`
	Payment     string            `json:"destination_payment"`
	Group       *string           `json:"transfer_group"`
	Entry       string            `json:"balance_transaction"`
	Metadata    map[string]string `json:"metadata"`
	Sequence    int64             `json:"sequence_of_simulator"`
}

func (t *Transfer) identity() (string, int64, int64) { return t.ID, t.Created, t.Sequence }

// Reversal is money of a transfer that came back.
type Reversal struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	Created  int64             `json:"created"`
	Transfer string            `json:"transfer"`
	Entry    string            `json:"balance_transaction"`
	Metadata map[string]string `json:"metadata"`
	Sequence int64             `json:"sequence_of_simulator"`
}

func (r *Reversal) identity() (string, int64, int64) { return r.ID, r.Created, r.Sequence }

// shownReversals is how many reversals a transfer shows itself.
const shownReversals = 10

func (t *Transfer) shown(s *Simulator) any {
	back := list{Object: "list", URL: "/v1/transfers/" + t.ID + "/reversals", Data: []any{}}
	if all := s.state.Reversals[t.ID]; all != nil {
		for i := len(all.rows) - 1; i >= 0 && len(back.Data) < shownReversals; i-- {
			back.Data = append(back.Data, all.rows[i].shown(s))
		}
		back.HasMore = len(all.rows) > shownReversals
	}
	return map[string]any{"id": t.ID, "object": t.Object, "amount": t.Amount, "amount_reversed": t.Reversed, "reversed": t.AllBack,
		"currency": t.Currency, "created": t.Created, "destination": t.Destination, "destination_payment": t.Payment,
		"transfer_group": t.Group, "balance_transaction": t.Entry, "metadata": t.Metadata, "source_type": "card", "livemode": false,
		"reversals": back}
}

func (r *Reversal) shown(*Simulator) any {
	return map[string]any{"id": r.ID, "object": r.Object, "amount": r.Amount, "currency": r.Currency, "created": r.Created,
		"transfer": r.Transfer, "balance_transaction": r.Entry, "metadata": r.Metadata}
}

func (s *Simulator) createTransfer(q *request) (any, *refusal) {
	if q.account != Platform {
		return nil, invalid("transfers_not_allowed", "", "Connected accounts make no transfers here")
	}
	n, currency, refused := q.amount(false)
	if refused != nil {
		return nil, refused
	}
	to := s.state.Accounts[q.form.Get("destination")]
	switch {
	case to == nil || to.ID == Platform:
		return nil, invalid("resource_missing", "destination", "No such destination")
	case to.Capabilities["transfers"] != "active":
		return nil, invalid("insufficient_capabilities_for_transfer", "destination", "The destination cannot receive transfers")
	case s.purse(Platform, currency).Available < n:
		return nil, insufficient()
	}
	id, sequence := s.next("tr_")
	payment, _ := s.next("py_")
	t := &Transfer{ID: id, Object: "transfer", Amount: n, Currency: currency, Created: s.now(), Destination: to.ID, Payment: payment,
		Metadata: q.metadata(), Sequence: sequence}
	if group := q.form.Get("transfer_group"); group != "" {
		t.Group = &group
	}
	t.Entry = s.post(move{account: Platform, kind: "transfer", category: "transfer", currency: currency, source: id, amount: -n}).ID
	s.post(move{account: to.ID, kind: "payment", category: "charge", currency: currency, source: payment, amount: n,
		wait: time.Duration(to.Slow) * time.Second})
	s.state.Transfers.add(t)
	s.announce(Platform, "transfer.created", t.shown(s))
	return t.shown(s), nil
}

func (s *Simulator) listTransfers(q *request) (any, *refusal) {
	return page(s, s.state.Transfers, q, func(t *Transfer) bool {
		group := ""
		if t.Group != nil {
			group = *t.Group
		}
		return fits(q, "transfer_group", group) && fits(q, "destination", t.Destination)
	})
}

func (s *Simulator) getTransfer(q *request) (any, *refusal) {
	if t, ok := s.state.Transfers.get(q.ids[0]); ok {
		return t.shown(s), nil
	}
	return nil, missing("transfer")
}

func (s *Simulator) createReversal(q *request) (any, *refusal) {
	t, ok := s.state.Transfers.get(q.ids[0])
	if !ok {
		return nil, missing("transfer")
	}
	n := t.Amount - t.Reversed
	if text := q.form.Get("amount"); text != "" {
		var err error
		if n, err = strconv.ParseInt(text, 10, 64); err != nil || n < 1 {
			return nil, invalid("parameter_invalid_integer", "amount", "Invalid positive integer")
		}
	}
	switch {
	case n > t.Amount-t.Reversed || n == 0:
		return nil, invalid("", "amount", "Reversal amount is greater than unreversed amount")
	case s.purse(t.Destination, t.Currency).Available < n && !s.state.Accounts[t.Destination].Overdraws:
		return nil, insufficient()
	}
	id, sequence := s.next("trr_")
	r := &Reversal{ID: id, Object: "transfer_reversal", Amount: n, Currency: t.Currency, Created: s.now(), Transfer: t.ID,
		Metadata: q.metadata(), Sequence: sequence}
	r.Entry = s.post(move{account: Platform, kind: "transfer_refund", category: "transfer_reversal", currency: t.Currency, source: id, amount: n}).ID
	s.post(move{account: t.Destination, kind: "payment_refund", category: "refund", currency: t.Currency, source: t.Payment, amount: -n})
	t.Reversed += n
	t.AllBack = t.Reversed == t.Amount
	if s.state.Reversals[t.ID] == nil {
		s.state.Reversals[t.ID] = &table[*Reversal]{}
	}
	s.state.Reversals[t.ID].add(r)
	s.announce(Platform, "transfer.reversed", t.shown(s))
	return r.shown(s), nil
}

func (s *Simulator) listReversals(q *request) (any, *refusal) {
	if _, ok := s.state.Transfers.get(q.ids[0]); !ok {
		return nil, missing("transfer")
	}
	return page(s, s.state.Reversals[q.ids[0]], q, func(*Reversal) bool { return true })
}
