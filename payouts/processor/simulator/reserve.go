// A connected account below zero is covered by the platform: as much of the platform's balance is reserved until the account
// is above zero again, and after half a year the platform pays.

package simulator

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// patience is how long an account may stay below zero before the platform pays for it.
const patience = 180 * 24 * time.Hour

// reserve is what the platform covers for one account in one currency, since when.
type reserve struct {
	Amount int64 `json:"amount"`
	Since  int64 `json:"since"`
}

// cover reserves what an account lacks, or gives back what it no longer lacks.
func (s *Simulator) cover(account, currency string, at int64) {
	if account == Platform {
		return
	}
	p, of := s.purse(account, currency), s.state.Reserves[account]
	if of == nil {
		of = map[string]*reserve{}
		s.state.Reserves[account] = of
	}
	have := of[currency]
	if have == nil {
		have = &reserve{}
	}
	lacks := max(0, -(p.Available + p.Pending))
	change := lacks - have.Amount
	if change == 0 {
		return
	}
	if have.Amount == 0 {
		have.Since = s.now()
	}
	have.Amount = lacks
	of[currency] = have
	if lacks == 0 {
		delete(of, currency)
	}
	s.post(move{account: Platform, kind: "reserve_transaction", category: "connect_reserved_funds", currency: currency, amount: -change, created: at})
}

// reserved is what the platform covers, by currency.
func (s *Simulator) reserved() map[string]int64 {
	all := map[string]int64{}
	for _, of := range s.state.Reserves {
		for currency, r := range of {
			all[currency] += r.Amount
		}
	}
	return all
}

// collect has the platform pay for accounts that have been below zero for too long.
func (s *Simulator) collect() {
	for _, account := range slices.Sorted(maps.Keys(s.state.Reserves)) {
		for _, currency := range slices.Sorted(maps.Keys(s.state.Reserves[account])) {
			r := s.state.Reserves[account][currency]
			if s.now()-r.Since < int64(patience.Seconds()) {
				continue
			}
			n := r.Amount
			const kind = "connect_collection_transfer"
			s.post(move{account: Platform, kind: kind, category: kind, currency: currency, source: account, amount: -n})
			s.post(move{account: account, kind: kind, category: kind, currency: currency, amount: n})
		}
	}
}

// AddDebit takes money from a connected account, whatever it has: what the processor charges it for, or a payment that came
// back. It may be below zero afterwards.
func (s *Simulator) AddDebit(account string, amount int64, currency string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if s.state.Accounts[account] == nil || account == Platform || amount < 1 || !spoken(currency) || s.state.count() >= s.o.MaxObjects {
		return "", errSeed
	}
	e := s.post(move{account: account, kind: "adjustment", category: "other_adjustment", currency: currency, amount: -amount})
	return e.ID, s.save()
}

// checkReserves returns an error if what is reserved is not what accounts lack, or not what the entries say.
func (s *Simulator) checkReserves() error {
	lacks := map[string]int64{}
	for account, purses := range s.state.Purses {
		for currency, p := range purses {
			if sum := p.Available + p.Pending; account != Platform && sum < 0 {
				lacks[currency] -= sum
			}
		}
	}
	if s.state.Entries[Platform] != nil {
		for _, e := range s.state.Entries[Platform].rows {
			if e.Type == "reserve_transaction" {
				lacks[e.Currency] += e.Net
			}
		}
	}
	for currency, n := range lacks {
		if n != 0 {
			return fmt.Errorf("simulator: accounts lack %d %s more than is reserved", n, currency)
		}
	}
	return nil
}
