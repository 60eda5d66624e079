package payouts

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The paid parts of a sale: what its transactions made available to each of its payees, and the payout that each part went out with.

// mostHolders bounds the payees of whose parts the payouts are looked up together.
const mostHolders = 100

// PaidPart is a credit that a transaction gave to a payee's available account, and what paid it.
type PaidPart struct {
	Holder   Holder
	Sequence int64
	Amount   money.Minor
	// Credits is the sum of all credits of the account after it.
	Credits money.Minor
	// Paid is the payout that it went out with; the zero value while it is in none.
	Paid PaidBy
}

// Parts returns the credits that transactions gave to available accounts of payees, in the order of the transactions.
func Parts(transactions []ledger.Transaction) (parts []PaidPart) {
	for i := range transactions {
		for _, e := range transactions[i].Entries {
			if h, ok := availableTo(e.Account, e.Currency); ok && e.Amount < 0 {
				parts = append(parts, PaidPart{Holder: h, Sequence: transactions[i].Sequence, Amount: -e.Amount, Credits: money.Minor(e.DebitsAfter) - e.BalanceAfter})
			}
		}
	}
	return parts
}

// PaidParts returns the parts of transactions, each with the payout that it went out with. Of more than 100 payees and currencies the
// payouts of the first 100 are told.
func (s *Service) PaidParts(ctx context.Context, book ledger.Book, transactions []ledger.Transaction) ([]PaidPart, error) {
	parts := Parts(transactions)
	err := eachHolder(parts, func(h Holder, credits []money.Minor, at []int) error {
		paid, err := s.Paying(ctx, book, h, credits)
		for i, n := range at {
			parts[n].Paid = paid[credits[i]]
		}
		return err
	})
	return parts, err
}

// PartsTaken is PaidParts with the payout that took each part first, as the book stood after a transaction; of that only its id is told.
func (s *Service) PartsTaken(ctx context.Context, book ledger.Book, transactions []ledger.Transaction, until int64) ([]PaidPart, error) {
	parts := Parts(transactions)
	err := eachHolder(parts, func(h Holder, credits []money.Minor, at []int) error {
		taken, err := s.TakenBy(ctx, book, h, credits, until)
		for i, n := range at {
			parts[n].Paid.Payout = taken[credits[i]]
		}
		return err
	})
	return parts, err
}

// eachHolder hands the parts to fn by their holders, with their places among all, at most 100 holders.
func eachHolder(parts []PaidPart, fn func(h Holder, credits []money.Minor, at []int) error) error {
	var holders []Holder
	at := map[Holder][]int{}
	for i, p := range parts {
		if at[p.Holder] == nil {
			holders = append(holders, p.Holder)
		}
		at[p.Holder] = append(at[p.Holder], i)
	}
	for _, h := range holders[:min(len(holders), mostHolders)] {
		var credits []money.Minor
		for _, n := range at[h] {
			credits = append(credits, parts[n].Credits)
		}
		if err := fn(h, credits, at[h]); err != nil {
			return err
		}
	}
	return nil
}

// availableTo is the holder of an available account of a payee.
func availableTo(a ledger.Address, c money.Currency) (h Holder, ok bool) {
	p := strings.Split(string(a), ":")
	if len(p) != 4 || p[0] != "liabilities" || p[2] != "available" || !slices.Contains(ownerKinds, p[1]) {
		return h, false
	}
	return Holder{PayeeKey: PayeeKey{Kind: p[1], ID: p[3]}, Currency: c}, true
}

// ownerKinds are the owners that are paid out of an available account, by the words of the chart.
var ownerKinds = []string{"agency", "creator", "donation", "partner", "seller"}
