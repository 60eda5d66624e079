package reports

import (
	"context"
	"maps"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// What payees earned and were paid, added up for all of a kind: each transaction that touches an owner's accounts is told by what
// stood on the other side, as the bridge of one seller tells it.

// holders are the accounts of one kind of payee.
type holders struct {
	kind    string
	rows    [2]int
	buckets []string
}

var (
	sellerHolders = holders{"seller", [2]int{2110, 2150}, []string{"available", "blocked", "dispute_hold", "pending", "reserve"}}
	// Those who are paid for work, and not for goods.
	workHolders = []holders{
		{"agency", [2]int{2310, 2326}, []string{"available", "blocked", "dispute_hold", "pending"}},
		{"creator", [2]int{2210, 2250}, []string{"available", "blocked", "dispute_hold", "minor_trust", "pending"}},
		{"partner", [2]int{2350, 2366}, []string{"available", "blocked", "dispute_hold", "pending"}},
	}
)

// holding is an owner in a currency.
type holding struct {
	id       string
	currency money.Currency
}

// ownerOf returns whose account a fact is on, if it is one of these.
func (h *holders) ownerOf(f *fact) (id string, ok bool) {
	if f.Code < h.rows[0] || f.Code > h.rows[1] {
		return "", false
	}
	return string(f.Account)[strings.LastIndexByte(string(f.Account), ':')+1:], true
}

// ownersRound is how many owners are added up at a time, so that memory does not grow with them: for more of them the book is
// walked through once more.
const ownersRound = 50_000

// yearOf walks through what happened in a calendar year: what counts in its months, and later ones that look back.
func yearOf(year int) walk {
	return walk{from: ledger.Period(year*100 + 1), to: ledger.Period(year*100 + 12), late: true} // #nosec G115 -- yearChecked admitted the year
}

// eachHolder adds up, for each owner of the kind in each currency, the transactions that touch the owner's accounts, and hands the
// sums to yield in order of ids and currencies. Of each transaction add gets the entries in the currency: those on the owner's accounts,
// and all others.
func eachHolder[T any](ctx context.Context, q *Query, h holders, w walk, add func(sums *T, own, others []fact), yield func(holding, *T) error) error {
	w.rows, w.whole = h.rows, true
	prefixes := make([]string, len(h.buckets))
	for i, bucket := range h.buckets {
		prefixes[i] = "liabilities:" + h.kind + ":" + bucket + ":"
	}
	for after := ""; ; {
		ids, err := q.owners(ctx, prefixes, after, ownersRound)
		if err != nil || len(ids) == 0 {
			return err
		}
		last := ids[len(ids)-1]
		sums := map[holding]*T{}
		var touched []holding
		var own, others []fact
		err = q.each(ctx, w, func(facts []fact) error {
			touched = touched[:0]
			for i := range facts {
				if id, ok := h.ownerOf(&facts[i]); ok && id > after && id <= last && !slices.Contains(touched, holding{id, facts[i].Currency}) {
					touched = append(touched, holding{id, facts[i].Currency})
				}
			}
			for _, who := range touched {
				if sums[who] == nil {
					sums[who] = new(T)
				}
				own, others = own[:0], others[:0]
				for i := range facts {
					id, mine := h.ownerOf(&facts[i])
					switch {
					case facts[i].Currency != who.currency:
					case mine && id == who.id:
						own = append(own, facts[i])
					default:
						others = append(others, facts[i])
					}
				}
				add(sums[who], own, others)
			}
			return nil
		})
		if err != nil {
			return err
		}
		order := slices.SortedFunc(maps.Keys(sums), func(a, b holding) int {
			if c := strings.Compare(a.id, b.id); c != 0 {
				return c
			}
			return strings.Compare(string(a.currency), string(b.currency))
		})
		for _, who := range order {
			if err := yield(who, sums[who]); err != nil {
				return err
			}
		}
		if after = last; len(ids) < ownersRound {
			return nil
		}
	}
}

// steps are a bridge's sums: what was taken and given by step.
type steps struct {
	gross, captured money.Minor
	payments        int64
	taken, given    [11]money.Minor
	payouts         money.Minor
	carried         money.Minor
}

// stepNames are the steps in the order of the sums.
var stepNames = commerce.BridgeSteps()

// addAll adds a transaction.
func (s *steps) addAll(own, others []fact) {
	for i := range own {
		s.carried -= own[i].Amount
	}
	for i := range others {
		s.add(&others[i])
	}
}

// add adds an entry of the other side to the sums. What stands there as a debit raised the owner's money.
func (s *steps) add(f *fact) {
	step := commerce.BridgeStep(f.Event, f.Account)
	switch step {
	case "gross":
		s.gross += f.Amount
		switch {
		case f.Mirror && f.Amount < 0: // there was no payment
			s.payments--
		case !f.Mirror && f.Amount > 0:
			s.payments++
		}
		return
	case "payouts":
		s.payouts += f.Amount
		return
	case "tax_collected":
		if commerce.BringsPayment(f.Event) {
			s.captured -= f.Amount
		}
	}
	at := slices.Index(stepNames, step)
	s.taken[at] += min(f.Amount, 0)
	s.given[at] += max(f.Amount, 0)
}

// net is what a step came to.
func (s *steps) net(name string) money.Minor {
	at := slices.Index(stepNames, name)
	return s.taken[at] + s.given[at]
}

func stepTaken(s *steps, name string) money.Minor { return s.taken[slices.Index(stepNames, name)] }
func stepGiven(s *steps, name string) money.Minor { return s.given[slices.Index(stepNames, name)] }

// left is everything together less what is carried, which is nothing unless the arithmetic is wrong.
func (s *steps) left() money.Minor {
	sum := s.gross + s.payouts - s.carried
	for i := range stepNames {
		sum += s.taken[i] + s.given[i]
	}
	return sum
}

// quarterOf is the quarter of a month, such as 2026-Q4.
func quarterOf(year, quarter int) tabular.Value {
	const digits = "0123456789"
	return tabular.Text(string([]byte{digits[year/1000%10], digits[year/100%10], digits[year/10%10], digits[year%10], '-', 'Q', digits[quarter%10]}))
}
