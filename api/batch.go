package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
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

// batch is a decoded NewBatch. Items that could not be decoded have an error instead of a submission.
type batch struct {
	atomic      bool
	submissions []ledger.Submission
	errs        []error
}

// batch decodes a NewBatch. What is wrong inside an item is the item's own; what is wrong around them is the request's.
func (d *decoder) batch(n int32) (b batch) {
	if !d.is(n, jsonObject) {
		return b
	}
	transactions := int32(0)
	for m := d.nodes[n].child; m != 0; m = d.nodes[m].next {
		switch d.nodes[m].key {
		case "atomic":
			b.atomic = d.boolean(m)
		case "transactions":
			transactions = m
		default:
			d.unknown(m)
		}
	}
	if transactions == 0 {
		d.missing(n, "transactions")
		return b
	}
	if !d.is(transactions, jsonArray) {
		return b
	}
	switch count := d.nodes[transactions].count; {
	case count == 0:
		d.bad(transactions, "too-few", "A batch has at least one transaction.")
	case count > ledger.MaxBatch:
		d.bad(transactions, "too-many", "A batch has at most 1,000 transactions. Split it.")
	}
	if len(d.wrong) > 0 {
		return b
	}
	b.submissions = make([]ledger.Submission, 0, d.nodes[transactions].count)
	b.errs = make([]error, 0, d.nodes[transactions].count)
	for m := d.nodes[transactions].child; m != 0; m = d.nodes[m].next {
		item := decoder{tree: d.tree, root: m}
		b.submissions = append(b.submissions, item.transaction(m))
		b.errs = append(b.errs, item.err())
	}
	return b
}

func postBatch(c *call) (reply, error) {
	dry := c.query.boolean("dry_run")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if !dry {
		if err := c.service.ledger.Congested(c.book); err != nil {
			return reply{}, err
		}
	}
	t, err := c.parseBody(maxBatchNodes)
	if err != nil {
		return reply{}, err
	}
	d := decoder{tree: t}
	b := d.batch(0)
	t.release()
	if err := d.err(); err != nil {
		return reply{}, err
	}
	outcomes, err := c.postAll(b, dry)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusCreated
	if dry {
		status = http.StatusOK
	}
	return c.results(outcomes, b.errs, status)
}

// postAll posts what could be decoded and returns an outcome per item.
func (c *call) postAll(b batch, dry bool) ([]ledger.Outcome, error) {
	if b.atomic {
		for i, err := range b.errs {
			if err != nil {
				return nil, batchRefused(i, err)
			}
		}
	}
	// Only what could be decoded goes to the ledger; the others have their errors already.
	good, at := b.submissions[:0:0], make([]int, 0, len(b.submissions))
	for i, s := range b.submissions {
		if b.errs[i] == nil {
			good, at = append(good, s), append(at, i)
		}
	}
	var outcomes []ledger.Outcome
	var err error
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
	all := make([]ledger.Outcome, len(b.submissions))
	for j, i := range at {
		all[i] = outcomes[j]
		b.errs[i] = outcomes[j].Err
	}
	if b.atomic {
		return all, atomicRefusal(b.errs)
	}
	return all, nil
}

// atomicRefusal returns why an atomic batch failed, nil if it did not.
func atomicRefusal(errs []error) error {
	for i, err := range errs {
		if err != nil && !errors.Is(err, ledger.ErrGroupRefused) {
			return batchRefused(i, err)
		}
	}
	return nil
}

// batchRefused names the item that made the batch fail. What is no fault of the item's, such as a database that is away,
// is answered as such.
func batchRefused(i int, err error) error {
	cause := shown(err)
	if cause.Kind == fault.Unavailable || cause.Kind == fault.Internal {
		return err
	}
	at := "/transactions/" + strconv.Itoa(i)
	refusal := ErrBatchRefused.Because(err).At(at, cause.Code, cause.Message)
	for _, f := range cause.Fields {
		f.Pointer = at + f.Pointer
		refusal = refusal.WithFields(f)
	}
	return &itemError{index: i, err: refusal}
}

// results encodes the answer to a batch.
func (c *call) results(outcomes []ledger.Outcome, errs []error, created int) (reply, error) {
	var failed error
	out := encode(http.StatusOK, false, func(b []byte) []byte {
		b = append(b, `{"results":[`...)
		for i, o := range outcomes {
			if i > 0 {
				b = append(b, ',')
			}
			if errs[i] == nil {
				status := created
				if o.Replayed {
					status = http.StatusOK
				}
				b = strconv.AppendInt(append(b, `{"status":`...), int64(status), 10)
				b = append(appendTransaction(append(b, `,"transaction":`...), &o.Transactions[0]), '}')
				continue
			}
			p := problemOf(errs[i], c.w.requestID, "/transactions/"+strconv.Itoa(i))
			if p.Status >= http.StatusInternalServerError && failed == nil {
				failed = errs[i]
			}
			body, err := json.Marshal(p)
			if err != nil {
				panic(err) // strings and integers always marshal
			}
			b = strconv.AppendInt(append(b, `{"status":`...), int64(p.Status), 10)
			b = append(append(append(b, `,"problem":`...), body...), '}')
		}
		return append(b, "]}"...)
	})
	c.w.failure = failed
	return out, nil
}
