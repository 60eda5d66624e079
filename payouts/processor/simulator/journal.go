// The journal of balance transactions is the only writer of balances.

package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Entry is a balance transaction.
type Entry struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Amount      int64        `json:"amount"`
	Fee         int64        `json:"fee"`
	Net         int64        `json:"net"`
	Currency    string       `json:"currency"`
	Created     int64        `json:"created"`
	AvailableOn int64        `json:"available_on"`
	Status      string       `json:"status"`
	Type        string       `json:"type"`
	Category    string       `json:"reporting_category"`
	Source      *string      `json:"source"`
	Rate        *json.Number `json:"exchange_rate"`
	Part        string       `json:"balance_type"`
	FeeDetails  []feeDetail  `json:"fee_details"`
	Payout      string       `json:"payout_of_simulator"`
	Sequence    int64        `json:"sequence_of_simulator"`
}

type feeDetail struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Type     string `json:"type"`
}

func (e *Entry) identity() (string, int64, int64) { return e.ID, e.Created, e.Sequence }

func (e *Entry) shown(*Simulator) any {
	return map[string]any{"id": e.ID, "object": e.Object, "amount": e.Amount, "fee": e.Fee, "net": e.Net, "currency": e.Currency,
		"created": e.Created, "available_on": e.AvailableOn, "status": e.Status, "type": e.Type, "reporting_category": e.Category,
		"source": e.Source, "exchange_rate": e.Rate, "balance_type": e.Part, "fee_details": e.FeeDetails}
}

// purse is an account's balance in one currency.
type purse struct {
	Available int64    `json:"available"`
	Pending   int64    `json:"pending"`
	Waiting   []string `json:"waiting"`
}

func (s *Simulator) purse(account, currency string) *purse {
	if s.state.Purses[account] == nil {
		s.state.Purses[account] = map[string]*purse{}
		s.state.Entries[account] = &table[*Entry]{}
	}
	if s.state.Purses[account][currency] == nil {
		s.state.Purses[account][currency] = &purse{}
	}
	return s.state.Purses[account][currency]
}

// move is one entry to write.
type move struct {
	account, kind, category, currency, source string
	amount, fee                               int64
	created                                   int64
	wait                                      time.Duration
	rate                                      string
}

// post writes an entry and moves the balance by it.
func (s *Simulator) post(m move) *Entry {
	id, sequence := s.next("txn_")
	created := m.created
	if created == 0 {
		created = s.now()
	}
	e := &Entry{ID: id, Object: "balance_transaction", Amount: m.amount, Fee: m.fee, Net: m.amount - m.fee, Currency: m.currency,
		Created: created, AvailableOn: created + int64(m.wait.Seconds()), Status: "pending", Type: m.kind, Category: m.category,
		Part: "payments", FeeDetails: []feeDetail{}, Sequence: sequence}
	if m.source != "" {
		e.Source = &m.source
	}
	if m.rate != "" {
		rate := json.Number(m.rate)
		e.Rate = &rate
	}
	if m.fee != 0 {
		e.FeeDetails = append(e.FeeDetails, feeDetail{m.fee, m.currency, "stripe_fee"})
	}
	p := s.purse(m.account, m.currency)
	s.state.Entries[m.account].add(e)
	if e.AvailableOn <= s.now() {
		e.Status = "available"
		p.Available += e.Net
	} else {
		p.Pending += e.Net
		p.Waiting = append(p.Waiting, e.ID)
	}
	s.cover(m.account, m.currency, m.created)
	return e
}

// ripen makes money available whose day has come.
func (s *Simulator) ripen() {
	for account, purses := range s.state.Purses {
		for _, p := range purses {
			p.Waiting = slices.DeleteFunc(p.Waiting, func(id string) bool {
				e, _ := s.state.Entries[account].get(id)
				if e.AvailableOn > s.now() {
					return false
				}
				e.Status = "available"
				p.Pending -= e.Net
				p.Available += e.Net
				return true
			})
		}
	}
}

func (s *Simulator) listEntries(q *request) (any, *refusal) {
	if id := q.form.Get("payout"); id != "" {
		if p, ok := s.state.Payouts[q.account].get(id); !ok || !p.Automatic {
			return nil, invalid("", "payout", "Balance transaction history can only be filtered on automatic transfers, not manual")
		}
	}
	return page(s, s.state.Entries[q.account], q, func(e *Entry) bool {
		source := ""
		if e.Source != nil {
			source = *e.Source
		}
		return fits(q, "currency", e.Currency) && fits(q, "type", e.Type) && fits(q, "source", source) &&
			fits(q, "payout", e.Payout)
	})
}

// fits reports whether a filter is not given, or is the value.
func fits(q *request, name, value string) bool {
	wanted := q.form.Get(name)
	return wanted == "" || wanted == value
}

func (s *Simulator) getEntry(q *request) (any, *refusal) {
	if e, ok := s.state.Entries[q.account].get(q.ids[0]); ok {
		return e.shown(s), nil
	}
	return nil, missing("balance transaction")
}

func (s *Simulator) getBalance(q *request) (any, *refusal) {
	type part struct {
		Amount   int64            `json:"amount"`
		Currency string           `json:"currency"`
		Sources  map[string]int64 `json:"source_types"`
	}
	available, pending := []part{}, []part{}
	purses := s.state.Purses[q.account]
	for _, currency := range slices.Sorted(maps.Keys(purses)) {
		p := purses[currency]
		available = append(available, part{p.Available, currency, map[string]int64{"card": p.Available}})
		pending = append(pending, part{p.Pending, currency, map[string]int64{"card": p.Pending}})
	}
	answer := map[string]any{"object": "balance", "available": available, "pending": pending, "livemode": false}
	if q.account == Platform {
		all, held := s.reserved(), []part{}
		for _, currency := range slices.Sorted(maps.Keys(purses)) {
			held = append(held, part{all[currency], currency, map[string]int64{"card": all[currency]}})
		}
		answer["connect_reserved"] = held
	}
	return answer, nil
}

// Check returns an error if a balance is not the sum of its entries, or a reserve not what connected accounts lack.
func (s *Simulator) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, purses := range s.state.Purses {
		sums := map[string]int64{}
		for _, e := range s.state.Entries[account].rows {
			sums[e.Currency] += e.Net
		}
		for currency, p := range purses {
			if sums[currency] != p.Available+p.Pending {
				return fmt.Errorf("simulator: %s has %d %s, and entries of %d", account, p.Available+p.Pending, currency, sums[currency])
			}
		}
	}
	return s.checkReserves()
}

// insufficient refuses what is more than is there.
func insufficient() *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", code: "balance_insufficient",
		text: "You have insufficient available funds"}
}
