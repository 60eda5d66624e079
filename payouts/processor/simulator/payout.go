// Payouts leave a connected account for its bank. They are under way for days, and the bank can send them back even after
// they were paid.

package simulator

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

const (
	travels = 48 * time.Hour // a standard payout, until it is paid
	leaves  = 24 * time.Hour // a standard payout, until it can no longer be cancelled
	flies   = 10 * time.Minute
)

// Payout is money on its way to a bank.
type Payout struct {
	ID           string            `json:"id"`
	Object       string            `json:"object"`
	Amount       int64             `json:"amount"`
	Currency     string            `json:"currency"`
	Created      int64             `json:"created"`
	Arrival      int64             `json:"arrival_date"`
	Automatic    bool              `json:"automatic"`
	Method       string            `json:"method"`
	Status       string            `json:"status"`
	Destination  string            `json:"destination"`
	Entry        string            `json:"balance_transaction"`
	FailureEntry *string           `json:"failure_balance_transaction"`
	FailureCode  *string           `json:"failure_code"`
	Trace        *trace            `json:"trace_id"`
	Metadata     map[string]string `json:"metadata"`
	Fee          int64             `json:"fee_of_simulator"`
	Cost         int64             `json:"cost_of_simulator,omitempty"`
	Account      string            `json:"account_of_simulator"`
	Sequence     int64             `json:"sequence_of_simulator"`
}

type trace struct {
	Status string `json:"status"`
	Value  string `json:"value"`
}

func (p *Payout) identity() (string, int64, int64) { return p.ID, p.Created, p.Sequence }

func (p *Payout) shown(*Simulator) any {
	compared := "not_applicable" // the processor tells what a payout consists of only if it made it
	if p.Automatic {
		compared = "completed"
	}
	return map[string]any{"id": p.ID, "object": p.Object, "amount": p.Amount, "currency": p.Currency, "created": p.Created,
		"arrival_date": p.Arrival, "automatic": p.Automatic, "method": p.Method, "status": p.Status, "destination": p.Destination,
		"balance_transaction": p.Entry, "failure_balance_transaction": p.FailureEntry, "failure_code": p.FailureCode,
		"trace_id": p.Trace, "metadata": p.Metadata, "type": "bank_account", "source_type": "card", "reconciliation_status": compared,
		"livemode": false}
}

// due is a change of a payout or a top-up that comes by itself.
type due struct {
	At      int64  `json:"at"`
	Account string `json:"account"`
	Payout  string `json:"payout"`
	Topup   string `json:"topup,omitempty"`
	Status  string `json:"status"`
	Code    string `json:"code"`
}

func (s *Simulator) createPayout(q *request) (any, *refusal) {
	n, currency, refused := q.amount(true)
	if refused != nil {
		return nil, refused
	}
	method := q.form.Get("method")
	if method == "" {
		method = "standard"
	}
	fee := int64(0)
	if method == "instant" {
		fee = instantFee(n, currency)
	} else if method != "standard" {
		return nil, invalid("", "method", "Invalid method")
	}
	a := s.state.Accounts[q.account]
	bank := a.bank(currency)
	needs := n
	if !a.PlatformPays {
		needs += fee
	}
	switch {
	case !a.PayoutsEnabled:
		return nil, invalid("payouts_not_allowed", "", "Payouts are not enabled for this account")
	case bank == nil:
		return nil, invalid("", "currency", "There is no external account in that currency")
	case bank.Status == "errored":
		return nil, invalid("payouts_not_allowed", "", "The external account is disabled until it is updated")
	case s.purse(a.ID, currency).Available < needs:
		return nil, insufficient()
	}
	return s.pay(&Payout{Account: a.ID, Amount: n, Fee: fee, Currency: currency, Method: method, Metadata: q.metadata()}, bank).shown(s), nil
}

// instantFee is what an instant payout costs: one percent, and not less than half a unit of the currency, which is 50 for
// currencies without decimals.
func instantFee(n int64, currency string) int64 {
	least := int64(50)
	switch currency {
	case "bhd", "jod", "kwd", "omr", "tnd":
		least = 500
	}
	return max(n/100+(n%100+50)/100, least)
}

// pay sends a payout on its way to a bank.
func (s *Simulator) pay(p *Payout, bank *Bank) *Payout {
	arrives := travels
	if p.Method == "instant" {
		arrives = flies
	}
	p.ID, p.Sequence = s.next("po_")
	p.Object, p.Status, p.Destination, p.Created = "payout", "pending", bank.ID, s.now()
	p.Arrival = p.Created + int64(arrives.Seconds())
	if p.Fee > 0 && s.state.Accounts[p.Account].PlatformPays {
		// The processor's own bills name nothing that they are for.
		bill := move{account: Platform, kind: "stripe_fee", category: "fee", currency: p.Currency, amount: -p.Fee}
		if s.state.Accounts[p.Account].NamesCosts {
			bill.source, p.Cost = p.ID, p.Fee
		}
		s.post(bill)
		p.Fee = 0
	}
	p.Entry = s.post(move{account: p.Account, kind: "payout", category: "payout", currency: p.Currency, source: p.ID, amount: -p.Amount, fee: p.Fee}).ID
	if s.state.Payouts[p.Account] == nil {
		s.state.Payouts[p.Account] = &table[*Payout]{}
	}
	s.state.Payouts[p.Account].add(p)
	s.plan(p, bank, p.Method)
	s.announce(p.Account, "payout.created", p.shown(s))
	return p
}

// sweep pays out what is available on accounts that are paid out every day, and notes which entries a payout consists of. It
// happens when the clock is first looked at on a new day; days that the clock jumps over are one.
func (s *Simulator) sweep() {
	day := s.now() / int64((24 * time.Hour).Seconds())
	before := s.state.Swept
	s.state.Swept = day
	if before == 0 || day <= before {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.state.Accounts)) {
		if a := s.state.Accounts[id]; a.Interval == "daily" {
			s.sweepAccount(a)
		}
	}
}

// sweepAccount pays out what is available on an account, if it may.
func (s *Simulator) sweepAccount(a *Account) {
	if !a.PayoutsEnabled {
		return
	}
	for _, currency := range slices.Sorted(maps.Keys(s.state.Purses[a.ID])) {
		bank, n := a.bank(currency), s.state.Purses[a.ID][currency].Available
		if bank == nil || bank.Status == "errored" || n <= 0 {
			continue
		}
		p := s.pay(&Payout{Account: a.ID, Amount: n, Currency: currency, Method: "standard", Automatic: true, Metadata: map[string]string{}}, bank)
		for _, e := range s.state.Entries[a.ID].rows {
			if e.Currency == currency && e.Status == "available" && e.Payout == "" {
				e.Payout = p.ID
			}
		}
	}
}

// PayOut pays out now what is available on an account, as the processor does by itself on accounts that are paid out daily.
func (s *Simulator) PayOut(account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	a := s.state.Accounts[account]
	if a == nil || s.state.count() >= s.o.MaxObjects {
		return errSeed
	}
	s.sweepAccount(a)
	return s.save()
}

// Land has a payout be paid now, or fail with a code; what was to become of it later does not.
func (s *Simulator) Land(account, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if s.state.Payouts[account] == nil {
		return errSeed
	}
	p, ok := s.state.Payouts[account].get(id)
	if !ok {
		return errSeed
	}
	status := "paid"
	if code != "" {
		status = "failed"
	}
	s.state.Due = slices.DeleteFunc(s.state.Due, func(d *due) bool { return d.Account == account && d.Payout == id })
	s.become(p, &due{At: s.now(), Account: account, Payout: id, Status: status, Code: code})
	return s.save()
}

// plan notes what will become of a payout.
func (s *Simulator) plan(p *Payout, bank *Bank, method string) {
	left := p.Created
	if method == "standard" {
		left += int64(leaves.Seconds())
	}
	note := func(at int64, status, code string) {
		s.expect(&due{At: at, Account: p.Account, Payout: p.ID, Status: status, Code: code})
	}
	failure := p.Created + bank.FailsAfter
	if bank.Fails == "" || failure > left {
		note(left, "in_transit", "")
	}
	if bank.Fails == "" || failure > p.Arrival {
		note(p.Arrival, "paid", "")
	}
	if bank.Fails != "" {
		note(failure, "failed", bank.Fails)
	}
}

// tick does everything whose time has come.
func (s *Simulator) tick() {
	now := s.now()
	if now != s.ticked {
		s.ticked = now
		s.ripen()
		s.collect()
		s.sweep()
		s.forget()
		s.state.Events.dropBefore(now - int64(eventsKept.Seconds()))
	}
	for len(s.state.Due) > 0 && s.state.Due[0].At <= now {
		d := s.state.Due[0]
		s.state.Due = s.state.Due[1:]
		if u, ok := s.state.Topups.get(d.Topup); ok {
			s.arrive(u, d)
		} else if p, ok := s.state.Payouts[d.Account].get(d.Payout); ok {
			s.become(p, d)
		}
	}
}

func (s *Simulator) become(p *Payout, d *due) {
	if p.Status == "canceled" || p.Status == "failed" {
		return
	}
	p.Status = d.Status
	kind, changed := "payout.updated", (*Bank)(nil)
	switch d.Status {
	case "paid":
		p.Trace = &trace{"supported", "TRACE" + strconv.FormatInt(p.Sequence, 10)}
		kind = "payout.paid"
	case "failed":
		e := s.post(move{account: p.Account, kind: "payout_failure", category: "payout_reversal", currency: p.Currency, source: p.ID,
			amount: p.Amount, fee: -p.Fee, created: d.At})
		if p.Cost > 0 {
			s.post(move{account: Platform, kind: "stripe_fee", category: "fee", currency: p.Currency, source: p.ID, amount: p.Cost})
		}
		p.FailureEntry, p.FailureCode = &e.ID, &d.Code
		for _, b := range s.state.Accounts[p.Account].Banks {
			if b.ID == p.Destination {
				b.Status = "errored" // nothing more is paid to it until it is mended
				changed = b
			}
		}
		kind = "payout.failed"
	}
	s.announce(p.Account, kind, p.shown(s))
	if changed != nil {
		s.announce(p.Account, "account.external_account.updated", changed.shown(s.state.Accounts[p.Account]))
	}
}

func (s *Simulator) cancelPayout(q *request) (any, *refusal) {
	p, ok := s.state.Payouts[q.account].get(q.ids[0])
	if !ok {
		return nil, missing("payout")
	}
	if p.Status != "pending" {
		return nil, invalid("", "", "Payouts can only be canceled while they are pending")
	}
	p.Status = "canceled"
	e := s.post(move{account: p.Account, kind: "payout_cancel", category: "payout_reversal", currency: p.Currency, source: p.ID,
		amount: p.Amount, fee: -p.Fee})
	p.FailureEntry = &e.ID
	s.announce(p.Account, "payout.canceled", p.shown(s))
	return p.shown(s), nil
}

func (s *Simulator) listPayouts(q *request) (any, *refusal) {
	return page(s, s.state.Payouts[q.account], q, func(p *Payout) bool {
		return fits(q, "status", p.Status) && fits(q, "destination", p.Destination)
	})
}

func (s *Simulator) getPayout(q *request) (any, *refusal) {
	if p, ok := s.state.Payouts[q.account].get(q.ids[0]); ok {
		return p.shown(s), nil
	}
	return nil, missing("payout")
}
