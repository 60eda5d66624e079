// Looking things up. A listing is read page by page to its end, and is whole or an error.

package stripe

import (
	"context"
	"encoding/json"

	"github.com/stripe/stripe-go/v79"

	"mizan/payouts/processor"
)

const (
	pageSize = 100
	maxPages = processor.MaxRows / pageSize
)

// page asks for one page after the cursor, and returns the answer's bytes.
type page func(p stripe.ListParams) (*stripe.APIResponse, error)

// every reads all pages of a listing. An id that comes twice means that the list moved below us.
func every[T any](ctx context.Context, account string, ask page, read func(json.RawMessage) (T, error)) ([]T, error) {
	p := stripe.ListParams{Context: ctx, Limit: stripe.Int64(pageSize), Single: true}
	if account != "" {
		p.StripeAccount = stripe.String(account)
	}
	all, seen := []T{}, map[string]bool{}
	for range maxPages {
		last, err := ask(p)
		if err != nil {
			return nil, failure(err)
		}
		var w struct {
			Object string            `json:"object"`
			Data   []json.RawMessage `json:"data"`
			More   *bool             `json:"has_more"`
		}
		if last == nil || last.StatusCode != 200 || decode(last.RawJSON, &w) != nil || w.Object != "list" || w.More == nil || w.Data == nil {
			return nil, processor.ErrUnavailable
		}
		id := reference("")
		for _, raw := range w.Data {
			if err := decode(raw, &id); err != nil {
				return nil, err
			}
			if id == "" || seen[string(id)] {
				return nil, processor.ErrStrange
			}
			seen[string(id)] = true
			object, err := read(raw)
			if err != nil {
				return nil, err
			}
			all = append(all, object)
		}
		switch {
		case !*w.More:
			return all, nil
		case len(w.Data) == 0:
			return nil, processor.ErrStrange
		}
		p.StartingAfter = stripe.String(string(id))
	}
	return nil, processor.ErrTooMany
}

// created is the window as Stripe wants it. A bound that is not given leaves the period open at that end.
func created(w processor.Window) *stripe.RangeQueryParams {
	r := &stripe.RangeQueryParams{}
	if !w.From.IsZero() {
		r.GreaterThanOrEqual = w.From.Unix()
	}
	if !w.Until.IsZero() {
		r.LesserThan = w.Until.Unix()
	}
	if *r == (stripe.RangeQueryParams{}) {
		return nil
	}
	return r
}

// FindTransfers implements processor.Driver.
func (d *Driver) FindTransfers(ctx context.Context, instruction string) ([]processor.Transfer, error) {
	if instruction == "" || word(instruction) == "" {
		return nil, processor.ErrKey
	}
	return every(ctx, "", func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.Transfers.List(&stripe.TransferListParams{ListParams: p, TransferGroup: stripe.String(instruction)})
		return it.TransferList().LastResponse, it.Err()
	}, func(raw json.RawMessage) (processor.Transfer, error) {
		t, err := readTransfer(raw)
		if err == nil && t.Instruction != instruction {
			err = processor.ErrStrange // the filter was not understood
		}
		return t, err
	})
}

// FindReversals implements processor.Driver.
func (d *Driver) FindReversals(ctx context.Context, transfer, instruction string) ([]processor.Reversal, error) {
	if transfer == "" || word(transfer) == "" || instruction == "" {
		return nil, processor.ErrKey
	}
	all, err := every(ctx, "", func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.TransferReversals.List(&stripe.TransferReversalListParams{ListParams: p, ID: stripe.String(transfer)})
		return it.TransferReversalList().LastResponse, it.Err()
	}, readReversal)
	if err != nil {
		return nil, err
	}
	found := []processor.Reversal{}
	for _, r := range all {
		if r.Instruction == instruction {
			found = append(found, r)
		}
	}
	return found, nil
}

// FindPayouts implements processor.Driver.
func (d *Driver) FindPayouts(ctx context.Context, account, instruction string, w processor.Window) ([]processor.Payout, error) {
	if account == "" || word(account) == "" || instruction == "" {
		return nil, processor.ErrKey
	}
	all, err := d.ListPayouts(ctx, account, w)
	if err != nil {
		return nil, err
	}
	found := []processor.Payout{}
	for _, p := range all {
		if p.Instruction == instruction {
			found = append(found, p)
		}
	}
	return found, nil
}

// ListPayouts implements processor.Driver.
func (d *Driver) ListPayouts(ctx context.Context, account string, w processor.Window) ([]processor.Payout, error) {
	return every(ctx, account, func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.Payouts.List(&stripe.PayoutListParams{ListParams: p, CreatedRange: created(w)})
		return it.PayoutList().LastResponse, it.Err()
	}, func(raw json.RawMessage) (processor.Payout, error) { return readPayout(raw, account) })
}

// ListNotices implements processor.Driver.
func (d *Driver) ListNotices(ctx context.Context, account string, w processor.Window) ([]processor.Notice, error) {
	return every(ctx, account, func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.Events.List(&stripe.EventListParams{ListParams: p, CreatedRange: created(w)})
		return it.EventList().LastResponse, it.Err()
	}, func(raw json.RawMessage) (processor.Notice, error) { return d.open(raw, account != "") })
}

// ListEntries implements processor.Driver.
func (d *Driver) ListEntries(ctx context.Context, account string, w processor.Window) ([]processor.Entry, error) {
	return every(ctx, account, func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.BalanceTransactions.List(&stripe.BalanceTransactionListParams{ListParams: p, CreatedRange: created(w)})
		return it.BalanceTransactionList().LastResponse, it.Err()
	}, readEntry)
}

// ListPayoutEntries implements processor.Driver.
func (d *Driver) ListPayoutEntries(ctx context.Context, account, payout string) ([]processor.Entry, error) {
	if payout == "" || word(payout) == "" {
		return nil, processor.ErrAbsent
	}
	p, err := d.ReadPayout(ctx, account, payout)
	if err != nil {
		return nil, err
	}
	if !p.Automatic {
		return nil, processor.ErrAbsent
	}
	return every(ctx, account, func(p stripe.ListParams) (*stripe.APIResponse, error) {
		it := d.api.BalanceTransactions.List(&stripe.BalanceTransactionListParams{ListParams: p, Payout: stripe.String(payout)})
		return it.BalanceTransactionList().LastResponse, it.Err()
	}, readEntry)
}
