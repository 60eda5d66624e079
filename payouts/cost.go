package payouts

import (
	"context"
	"errors"
	"time"

	"mizan/ledger/commerce"
	"mizan/payouts/processor"
)

// The cost of a payout is what the processor takes from our balance for it, as for an instant one. It is booked from the
// processor's entry, and so is what it gives back.

// costBackEvidence is how the step of a failed payout names the entry by which its cost came back.
const costBackEvidence = ", cost back by "

// findCostBack finds what the processor gave back of its cost since the payout failed, or nil. If it comes later, it is
// booked by itself.
func (s *Service) findCostBack(ctx context.Context, r Rail, c *carried) (*processor.Entry, error) {
	entries, err := asked(ctx, s, r, func(d processor.Driver) ([]processor.Entry, error) {
		return d.ListEntries(ctx, "", processor.Window{From: c.ChangedAt.Add(-2 * time.Hour)})
	})
	if errors.Is(err, processor.ErrTooMany) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Source != "" && e.Source == c.Outgoing && e.Net > 0 && e.Currency == c.Holder.Currency {
			return &e, nil
		}
	}
	return nil, nil
}

// costEvent is the event of an entry on our balance that a payout caused: its cost, or its cost given back. The reference
// is the entry's for ever.
func costEvent(r Rail, payout string, e processor.Entry) commerce.Event {
	cur := e.Currency
	if e.Net < 0 {
		return commerce.Event{Type: "processor.payout_cost", Reference: "processor.payout_cost:" + e.ID, OccurredAt: e.Created.UTC(),
			Data: &commerce.PayoutCost{Payout: payout, Processor: r.Processor, Currency: string(cur), Amount: (-e.Net).Format(cur), Reference: e.ID}}
	}
	return commerce.Event{Type: "processor.adjusted", Reference: "processor.payout_cost_back:" + e.ID, OccurredAt: e.Created.UTC(),
		Data: &commerce.ProcessorAdjusted{Adjustment: e.ID, Processor: r.Processor, Direction: "credit", Reason: "fee", Currency: string(cur), Amount: e.Net.Format(cur)}}
}
