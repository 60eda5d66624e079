// Reading one object.

package stripe

import (
	"context"
	"encoding/json"

	"github.com/stripe/stripe-go/v79"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// reading returns the parameters of a read, on a connected account or on the platform.
func reading(ctx context.Context, account string) stripe.Params {
	p := stripe.Params{Context: ctx}
	if account != "" {
		p.StripeAccount = stripe.String(account)
	}
	return p
}

// answered reads an object from the bytes of a 2xx answer.
func answered[T any](last *stripe.APIResponse, err error, read func(json.RawMessage) (T, error)) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, failure(err)
	case last == nil || last.StatusCode != 200:
		return none, processor.ErrUnavailable
	}
	object, err := read(last.RawJSON)
	if err != nil {
		return none, err
	}
	return object, nil
}

// ReadTransfer implements processor.Driver.
func (d *Driver) ReadTransfer(ctx context.Context, id string) (processor.Transfer, error) {
	if id == "" || word(id) == "" {
		return processor.Transfer{}, processor.ErrAbsent
	}
	got, err := d.api.Transfers.Get(id, &stripe.TransferParams{Params: reading(ctx, "")})
	return answered(last(got, err), err, readTransfer)
}

// ReadPayout implements processor.Driver.
func (d *Driver) ReadPayout(ctx context.Context, account, id string) (processor.Payout, error) {
	if id == "" || word(id) == "" {
		return processor.Payout{}, processor.ErrAbsent
	}
	got, err := d.api.Payouts.Get(id, &stripe.PayoutParams{Params: reading(ctx, account)})
	return answered(last(got, err), err, func(raw json.RawMessage) (processor.Payout, error) { return readPayout(raw, account) })
}

// ReadAccount implements processor.Driver.
func (d *Driver) ReadAccount(ctx context.Context, id string) (processor.Account, error) {
	if id == "" || word(id) == "" {
		return processor.Account{}, processor.ErrAbsent
	}
	got, err := d.api.Accounts.GetByID(id, &stripe.AccountParams{Params: reading(ctx, "")})
	return answered(last(got, err), err, readAccount)
}

// ReadEntry implements processor.Driver.
func (d *Driver) ReadEntry(ctx context.Context, account, id string) (processor.Entry, error) {
	if id == "" || word(id) == "" {
		return processor.Entry{}, processor.ErrAbsent
	}
	got, err := d.api.BalanceTransactions.Get(id, &stripe.BalanceTransactionParams{Params: reading(ctx, account)})
	return answered(last(got, err), err, readEntry)
}

// ReadBalance implements processor.Driver.
func (d *Driver) ReadBalance(ctx context.Context, account string) (map[money.Currency]processor.Balance, error) {
	got, err := d.api.Balance.Get(&stripe.BalanceParams{Params: reading(ctx, account)})
	return answered(last(got, err), err, readBalance)
}

// last returns the answer of an object of the library, which is nil where the call has failed.
func last(object any, err error) *stripe.APIResponse {
	if err != nil {
		return nil
	}
	switch o := object.(type) {
	case *stripe.Transfer:
		return o.LastResponse
	case *stripe.Payout:
		return o.LastResponse
	case *stripe.BalanceTransaction:
		return o.LastResponse
	case *stripe.Account:
		return o.LastResponse
	case *stripe.Balance:
		return o.LastResponse
	}
	return nil
}
