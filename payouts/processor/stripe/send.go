// Sending an order: once, with its own key, and believed only if the answer is about the order.

package stripe

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/stripe/stripe-go/v79"

	"mizan/payouts/processor"
)

// sendable is what all orders have.
type sendable interface {
	Valid() bool
	Key() processor.Key
	IdempotencyKey() string
	Account() string
	Metadata() map[string]string
}

// connected are the ids of connected accounts. One becomes a header or a parameter as it is, so its letters are checked.
var connected = regexp.MustCompile(`^acct_[A-Za-z0-9_-]{1,123}$`)

// held reports why an order is not sent, if it is not.
func held[T any](d *Driver, o sendable) (processor.Outcome[T], bool) {
	switch {
	case !o.Valid(), o.Account() != "" && !connected.MatchString(o.Account()):
		return processor.Outcome[T]{Verdict: processor.Refused, Code: processor.ReasonInvalidOrder}, true
	case o.Key().Expired(d.now()):
		return processor.Outcome[T]{Code: processor.ReasonKeyExpired, Next: processor.LookUp}, true
	}
	return processor.Outcome[T]{}, false
}

// params carry the key. Without them the library would send a write with no key at all.
func params(ctx context.Context, o sendable, onAccount bool) stripe.Params {
	p := stripe.Params{Context: ctx, IdempotencyKey: stripe.String(o.IdempotencyKey())}
	if onAccount {
		p.StripeAccount = stripe.String(o.Account())
	}
	return p
}

// SendTransfer implements processor.Driver.
func (d *Driver) SendTransfer(ctx context.Context, o processor.TransferOrder) processor.Outcome[processor.Transfer] {
	if out, stop := held[processor.Transfer](d, o); stop {
		return out
	}
	made, err := d.api.Transfers.New(&stripe.TransferParams{
		Params: params(ctx, o, false), Amount: stripe.Int64(o.Wire()), Currency: stripe.String(strings.ToLower(string(o.Currency()))),
		Destination: stripe.String(o.Account()), TransferGroup: stripe.String(o.Key().Instruction()), Metadata: o.Metadata(),
	})
	if err != nil {
		return judge[processor.Transfer](err, o.Key().Again())
	}
	return settle(made.LastResponse, func(raw json.RawMessage) (processor.Transfer, error) {
		t, err := readTransfer(raw)
		if err == nil && (t.Instruction != o.Key().Instruction() || t.Account != o.Account() || t.Amount != o.Amount() || t.Currency != o.Currency()) {
			err = processor.ErrStrange
		}
		return t, err
	})
}

// ReverseTransfer implements processor.Driver.
func (d *Driver) ReverseTransfer(ctx context.Context, o processor.ReversalOrder) processor.Outcome[processor.Reversal] {
	if out, stop := held[processor.Reversal](d, o); stop {
		return out
	}
	made, err := d.api.TransferReversals.New(&stripe.TransferReversalParams{
		Params: params(ctx, o, false), ID: stripe.String(o.Transfer()), Amount: stripe.Int64(o.Wire()), Metadata: o.Metadata(),
	})
	if err != nil {
		return judge[processor.Reversal](err, o.Key().Again())
	}
	return settle(made.LastResponse, func(raw json.RawMessage) (processor.Reversal, error) {
		r, err := readReversal(raw)
		if err == nil && (r.Instruction != o.Key().Instruction() || r.Transfer != o.Transfer() || r.Amount != o.Amount() || r.Currency != o.Currency()) {
			err = processor.ErrStrange
		}
		return r, err
	})
}

// CreatePayout implements processor.Driver.
func (d *Driver) CreatePayout(ctx context.Context, o processor.PayoutOrder) processor.Outcome[processor.Payout] {
	if out, stop := held[processor.Payout](d, o); stop {
		return out
	}
	made, err := d.api.Payouts.New(&stripe.PayoutParams{
		Params: params(ctx, o, true), Amount: stripe.Int64(o.Wire()), Currency: stripe.String(strings.ToLower(string(o.Currency()))),
		Method: stripe.String(o.Method()), Metadata: o.Metadata(),
	})
	if err != nil {
		return judge[processor.Payout](err, o.Key().Again())
	}
	return settle(made.LastResponse, func(raw json.RawMessage) (processor.Payout, error) {
		p, err := readPayout(raw, o.Account())
		if err == nil && (p.Instruction != o.Key().Instruction() || p.Amount != o.Amount() || p.Currency != o.Currency()) {
			err = processor.ErrStrange
		}
		return p, err
	})
}

// CancelPayout implements processor.Driver.
func (d *Driver) CancelPayout(ctx context.Context, o processor.CancelOrder) processor.Outcome[processor.Payout] {
	if out, stop := held[processor.Payout](d, o); stop {
		return out
	}
	made, err := d.api.Payouts.Cancel(o.Payout(), &stripe.PayoutParams{Params: params(ctx, o, true)})
	if err != nil {
		return judge[processor.Payout](err, o.Key().Again())
	}
	return settle(made.LastResponse, func(raw json.RawMessage) (processor.Payout, error) {
		p, err := readPayout(raw, o.Account())
		if err == nil && (p.ID != o.Payout() || p.State != processor.PayoutCancelled) {
			err = processor.ErrStrange
		}
		return p, err
	})
}
