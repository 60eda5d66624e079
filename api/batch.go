package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
)

// A batch posts up to a thousand transactions with one request: each by itself, with an outcome of its own, or all of
// them or none.

// ErrBatchRefused means that one item made an all-or-nothing batch fail.
var ErrBatchRefused = fault.New(fault.Invalid, "batch-refused",
	"One item of this all-or-nothing batch was refused, so nothing was posted. Correct the item named and send the batch again.")

// maxBatchNodes bounds the values of a batch; 4 MiB hold fewer in any sensible batch.
const maxBatchNodes = 500_000

// maxAnswerRoom bounds the memory that is taken for an answer before it is written: a thousand sales with their
// explanations fit.
const maxAnswerRoom = 12 << 20

// NewBatch is the body that posts several transactions.
type NewBatch struct {
	Atomic       bool             `json:"atomic,omitempty" default:"false" doc:"true: all or nothing"`
	Transactions []NewTransaction `json:"transactions" nullable:"false" minItems:"1" maxItems:"1000"`
}

type batchJSON struct {
	Results []batchResultJSON `json:"results" nullable:"false" doc:"One per item, in the order sent"`
}

type batchResultJSON struct {
	Status      int              `json:"status" doc:"What the item alone would have been answered with: 201 posted, 200 recorded before or a dry run, else its problem's status" example:"201"`
	Transaction *transactionJSON `json:"transaction,omitempty" nullable:"false" doc:"What is recorded, if it is"`
	Problem     *Problem         `json:"problem,omitempty" nullable:"false" doc:"Why it is not"`
}

func batchOperation() Operation {
	return Operation{
		Method: http.MethodPost, Path: "/v1/books/{book}/transactions/batch", ID: "post-transactions", Group: "Transactions",
		Summary: "Post up to 1,000 transactions",
		Description: "Items are independent and each is answered by itself, in order; with atomic they are posted together or not at all, and a failure names the item. " +
			"Sending the batch again is safe. After outcome-unknown send it again: what was recorded is answered with 200.",
		Scope: access.TransactionsWrite, Query: reflect.TypeFor[postTransactionQuery](),
		Body: reflect.TypeFor[NewBatch](), BodyLimit: batchBodyLimit,
		Example: map[string]any{"atomic": false, "transactions": []any{exampleTransaction}},
		Answers: []Answer{{Status: 200, Meaning: "One result per item.", Body: reflect.TypeFor[batchJSON]()}},
		Errors:  []*fault.Error{ErrBatchRefused, ledger.ErrQueueFull, ledger.ErrShuttingDown, ledger.ErrOutcomeUnknown}, handle: postBatch,
	}
}

// batch is a decoded batch of transactions or of events. An item that could not be decoded has an error instead.
type batch[T any] struct {
	list   string // the member that holds the items
	atomic bool
	items  []T
	errs   []error
}

// decodeBatch decodes a batch. What is wrong inside an item is the item's own; what is wrong around them is the request's.
func decodeBatch[T any](d *decoder, n int32, list string, item func(*decoder, int32) T) batch[T] {
	b := batch[T]{list: list}
	if !d.is(n, jsonObject) {
		return b
	}
	items := int32(0)
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "atomic":
			b.atomic = d.boolean(m)
		case list:
			items = m
		default:
			d.unknown(m)
		}
	}
	if items == 0 {
		d.missing(n, list)
		return b
	}
	if !d.is(items, jsonArray) {
		return b
	}
	switch count := d.nodes[items].count; {
	case count == 0:
		d.bad(items, "too-few", "A batch has at least one item.")
	case count > ledger.MaxBatch:
		d.bad(items, "too-many", "A batch has at most 1,000 items. Split it.")
	}
	if len(d.wrong) > 0 {
		return b
	}
	b.items = make([]T, 0, d.nodes[items].count)
	b.errs = make([]error, 0, d.nodes[items].count)
	for m := d.nodes[items].child; m != 0; m = d.nodes[m].next {
		own := decoder{tree: d.tree, root: m}
		b.items = append(b.items, item(&own, m))
		b.errs = append(b.errs, own.err())
	}
	return b
}

// good returns the items that could be decoded, and the position of each. If one of an all-or-nothing batch could not, it
// returns the refusal that names it.
func (b *batch[T]) good() (items []T, at []int, err error) {
	at = make([]int, 0, len(b.items))
	for i, item := range b.items {
		switch {
		case b.errs[i] == nil:
			items, at = append(items, item), append(at, i)
		case b.atomic:
			return nil, nil, b.refusal(i)
		}
	}
	return items, at, nil
}

// refused returns why an all-or-nothing batch failed, nil if it did not.
func (b *batch[T]) refused() error {
	for i, err := range b.errs {
		if err != nil && !errors.Is(err, ledger.ErrGroupRefused) {
			return b.refusal(i)
		}
	}
	return nil
}

// place is where an item stands in the request.
func (b *batch[T]) place(i int) string { return "/" + b.list + "/" + strconv.Itoa(i) }

// refusal names the item that made the batch fail. What is no fault of the item's, such as a database that is away, is
// answered as such.
func (b *batch[T]) refusal(i int) error {
	err := b.errs[i]
	cause := shown(err)
	if cause.Kind == fault.Unavailable || cause.Kind == fault.Internal {
		return err
	}
	at := b.place(i)
	refusal := ErrBatchRefused.Because(err).At(at, cause.Code, cause.Message)
	for _, f := range cause.Fields {
		f.Pointer = at + f.Pointer
		refusal = refusal.WithFields(f)
	}
	return &itemError{index: i, err: refusal}
}

// results encodes the answer to a batch. one appends an item that is recorded, after a comma, and returns whether it was
// recorded before; created is the status of one that was not.
func (b *batch[T]) results(c *call, created int, one func(buf []byte, i int) ([]byte, bool)) reply {
	var failed error
	out := encode(http.StatusOK, false, func(buf []byte) []byte {
		buf = append(buf, `{"results":[`...)
		begin := len(buf)
		for i, err := range b.errs {
			if i > 0 {
				buf = append(buf, ',')
			}
			if i == 1 { // the others will be about as long as the first: room for all at once instead of growing ten times
				buf = slices.Grow(buf, min((len(buf)-begin)*len(b.errs), maxAnswerRoom))
			}
			if err != nil {
				if Status(err) >= http.StatusInternalServerError && failed == nil {
					failed = err
				}
				buf = appendItemProblem(buf, problemOf(err, c.w.requestID, b.place(i)))
				continue
			}
			at := len(buf) + len(`{"status":`)
			var replayed bool
			if buf, replayed = one(strconv.AppendInt(append(buf, `{"status":`...), int64(created), 10), i); replayed {
				copy(buf[at:], strconv.Itoa(http.StatusOK))
			}
			buf = append(buf, '}')
		}
		return append(buf, "]}"...)
	})
	c.w.failure = failed
	return out
}

func appendItemProblem(buf []byte, p Problem) []byte {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	buf = strconv.AppendInt(append(buf, `{"status":`...), int64(p.Status), 10)
	return append(append(append(buf, `,"problem":`...), body...), '}')
}

// createdStatus is the status of what is recorded now.
func createdStatus(dry bool) int {
	if dry {
		return http.StatusOK
	}
	return http.StatusCreated
}

func postBatch(c *call) (reply, error) {
	dry, err := c.readyToPost()
	if err != nil {
		return reply{}, err
	}
	b, err := decodeUpTo(c, maxBatchNodes, func(d *decoder, n int32) batch[ledger.Submission] {
		return decodeBatch(d, n, "transactions", (*decoder).transaction)
	})
	if err != nil {
		return reply{}, err
	}
	for i, submission := range b.items {
		if b.errs[i] == nil {
			b.errs[i] = c.entries(submission, dry)
		}
	}
	outcomes, err := c.postAll(&b, dry)
	if err != nil {
		return reply{}, err
	}
	return b.results(c, createdStatus(dry), func(buf []byte, i int) ([]byte, bool) {
		return appendTransaction(append(buf, `,"transaction":`...), &outcomes[i].Transactions[0]), outcomes[i].Replayed
	}), nil
}

// postAll posts what could be decoded and returns an outcome per item.
func (c *call) postAll(b *batch[ledger.Submission], dry bool) ([]ledger.Outcome, error) {
	good, at, err := b.good()
	if err != nil {
		return nil, err
	}
	var outcomes []ledger.Outcome
	switch {
	case len(good) == 0:
	case dry:
		outcomes, err = c.service.ledger.DryRun(c.ctx, c.book, good, b.atomic)
	case b.atomic:
		outcomes = c.service.ledger.PostAtomic(c.ctx, c.book, good)
	default:
		outcomes = c.service.ledger.PostBatch(c.ctx, c.book, good)
	}
	if err != nil {
		return nil, err
	}
	all := make([]ledger.Outcome, len(b.items))
	for j, i := range at {
		all[i] = outcomes[j]
		b.errs[i] = outcomes[j].Err
	}
	if b.atomic {
		return all, b.refused()
	}
	return all, nil
}
