package commerce

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Disbursement is a payment of released donations to a beneficiary as it stands.
type Disbursement struct {
	ID, Campaign, Beneficiary string
	Currency                  money.Currency
	Amount                    money.Minor
	// State is created, submitted, paid, failed or returned.
	State     string
	CreatedAt time.Time
	// PaidAt and ReturnedAt are when it arrived and when it came back; zero if it did not.
	PaidAt, ReturnedAt time.Time
	// BankReference is what the bank calls the payment; empty until it says.
	BankReference string
}

// Disbursements returns disbursements as they stood right after a transaction, by their ids. Those that did not exist then are left out.
func (s *Service) Disbursements(ctx context.Context, book ledger.Book, ids []string, at int64) (map[string]Disbursement, error) {
	subjects := make([]string, len(ids))
	for i, id := range ids {
		subjects[i] = "disbursement:" + id
	}
	stories, err := s.storiesOf(ctx, book, subjects, at)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Disbursement, len(ids))
	for i, id := range ids {
		list, err := stories.of(ctx, subjects[i])
		switch {
		case err != nil && passes(ctx, err):
			return nil, err
		case err != nil || len(list) == 0:
			continue
		}
		undone := (&order{transactions: list}).undone()
		told := &story{subject: subjects[i]}
		for _, t := range list {
			if !undone[t.Sequence] {
				told.transactions = append(told.transactions, t)
			}
		}
		d, err := readDisbursement(told)
		if err != nil {
			continue // somebody undid it by hand
		}
		v := Disbursement{ID: id, Campaign: d.Campaign, Beneficiary: d.Beneficiary, Currency: money.Currency(d.Currency), Amount: money.Minor(d.Paid), State: d.state,
			CreatedAt: told.first("donation.disbursed").OccurredAt}
		if x := told.first("donation.disbursement_paid"); x != nil {
			v.PaidAt = x.OccurredAt
			if paid, err := storedAs[DisbursementPaid](x); err == nil {
				v.BankReference = paid.BankReference
			}
		}
		if x := told.first("donation.disbursement_returned"); x != nil {
			v.ReturnedAt = x.OccurredAt
		}
		all[id] = v
	}
	return all, nil
}
