package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// A batch of events: up to a thousand, each by itself or all of them or none, like a batch of transactions.

// NewEventBatch is the body that posts several events.
type NewEventBatch struct {
	Atomic bool       `json:"atomic,omitempty" default:"false" doc:"true: all or nothing"`
	Events []NewEvent `json:"events" nullable:"false" minItems:"1" maxItems:"1000"`
}

type eventBatchJSON struct {
	Results []eventBatchResultJSON `json:"results" nullable:"false" doc:"One per item, in the order sent"`
}

type eventBatchResultJSON struct {
	Status  int        `json:"status" doc:"What the item alone would have been answered with: 201 recorded, 200 recorded before or a dry run, else its problem's status" example:"201"`
	Event   *eventJSON `json:"event,omitempty" nullable:"false" doc:"What it posted, if it is recorded"`
	Problem *Problem   `json:"problem,omitempty" nullable:"false" doc:"Why it is not"`
}

func eventBatchOperation() Operation {
	return Operation{
		Method: http.MethodPost, Path: "/v1/books/{book}/events/batch", ID: "post-events", Group: "Events",
		Summary: "Post up to 1,000 business events",
		Description: "Items are independent and each is answered by itself, in order; with atomic they are recorded together or not at all, and a failure names the item. " +
			"Sending the batch again is safe. After outcome-unknown send it again: what was recorded is answered with 200.",
		Scope: access.EventsWrite, Query: reflect.TypeFor[postEventQuery](),
		Body: reflect.TypeFor[NewEventBatch](), BodyLimit: batchBodyLimit,
		Example: map[string]any{"atomic": false, "events": []any{eventExample("order.captured")}},
		Answers: []Answer{{Status: 200, Meaning: "One result per item.", Body: reflect.TypeFor[eventBatchJSON]()}},
		Errors:  []*fault.Error{ErrBatchRefused, ledger.ErrQueueFull, ledger.ErrShuttingDown, ledger.ErrOutcomeUnknown, ErrOverloaded}, handle: postEvents,
	}
}

func postEvents(c *call) (reply, error) {
	dry, err := c.readyToPost()
	if err != nil {
		return reply{}, err
	}
	b, err := decodeUpTo(c, maxBatchNodes, func(d *decoder, n int32) batch[commerce.Event] {
		return decodeBatch(d, n, "events", (*decoder).event)
	})
	if err != nil {
		return reply{}, err
	}
	for i, event := range b.items {
		if b.errs[i] == nil {
			b.errs[i] = c.together(event, dry)
		}
	}
	results, err := c.recordAll(&b, dry)
	if err != nil {
		return reply{}, err
	}
	return b.results(c, createdStatus(dry), func(buf []byte, i int) ([]byte, bool) {
		return appendEvent(append(buf, `,"event":`...), &results[i]), results[i].Replayed
	}), nil
}

// recordAll records what could be decoded and returns a result per item.
func (c *call) recordAll(b *batch[commerce.Event], dry bool) ([]commerce.Result, error) {
	good, at, err := b.good()
	if err != nil {
		return nil, err
	}
	var results []commerce.Result
	switch {
	case len(good) == 0:
	case dry:
		results, err = c.service.commerce.DryRun(c.ctx, c.book, good, b.atomic)
	case b.atomic:
		results = c.service.commerce.PostAtomic(c.ctx, c.book, good)
	default:
		results = c.service.commerce.PostBatch(c.ctx, c.book, good)
	}
	if err != nil {
		return nil, err
	}
	all := make([]commerce.Result, len(b.items))
	for j, i := range at {
		all[i] = results[j]
		b.errs[i] = results[j].Err
	}
	if b.atomic {
		return all, b.refused()
	}
	return all, nil
}
