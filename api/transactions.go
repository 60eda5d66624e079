package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Posting, reading and listing transactions, and the feed of all of them.

// maxNodes bounds the values of a body that holds one transaction: far above 500 lines of six values.
const maxNodes = 20_000

type transactionListJSON struct {
	Data       []transactionJSON `json:"data" nullable:"false"`
	NextCursor *string           `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type feedJSON struct {
	Data         []transactionJSON `json:"data" nullable:"false" doc:"In the book's order, none skipped"`
	LastSequence int64             `json:"last_sequence" doc:"Send it as after for what follows; the sequence of the last transaction here, or what you sent if there is none"`
	More         bool              `json:"more" doc:"Whether more follows already"`
}

type postTransactionQuery struct {
	DryRun bool `json:"dry_run,omitempty" default:"false" doc:"true: answer what would be posted now, and leave no trace"`
}

type listTransactionsQuery struct {
	Reference string `json:"reference,omitempty" minLength:"1" maxLength:"255" doc:"What this reference recorded, all of it on one page; use it after a timeout"`
	Subject   string `json:"subject,omitempty" minLength:"1" maxLength:"129" doc:"About this business thing" example:"order:UK-1"`
	Event     string `json:"event,omitempty" minLength:"1" maxLength:"64" doc:"Of this event" example:"order.captured"`
	Order     string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first"`
	Limit     int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor    string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type feedQuery struct {
	After int64 `json:"after,omitempty" minimum:"0" default:"0" doc:"The last sequence already seen"`
	Limit int   `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
}

// exampleTransaction is a body that works in a book that uses GBP.
var exampleTransaction = map[string]any{
	"reference": "order-UK-1-captured", "event": "order.captured", "subject": "order:UK-1",
	"entries": []map[string]any{
		{"account": "assets:processor:pending:stripe_uk", "direction": "debit", "amount": "12.34", "currency": "GBP"},
		{"account": "liabilities:seller:available:sel_uk", "direction": "credit", "amount": "12.34", "currency": "GBP"},
	},
}

// postingErrors are what a posting may be refused for.
var postingErrors = []*fault.Error{
	ledger.ErrUnbalanced, ledger.ErrReferenceReused, ledger.ErrFloor, ledger.ErrBalanceOverflow, ledger.ErrAccountClosed, ledger.ErrStale,
	ledger.ErrQueueFull, ledger.ErrShuttingDown, ledger.ErrOutcomeUnknown, ErrOverloaded,
}

func transactionOperations() []Operation {
	one, list := reflect.TypeFor[transactionJSON](), reflect.TypeFor[transactionListJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/transactions", ID: "post-transaction", Group: "Transactions", Summary: "Post a transaction",
			Description: "Durable once answered. The same reference with the same content is answered as the first time, with 200 and Idempotent-Replayed: true; with other content it is refused with reference-reused.",
			Scope:       access.TransactionsWrite, Query: reflect.TypeFor[postTransactionQuery](),
			Body: reflect.TypeFor[NewTransaction](), BodyLimit: bodyLimit, Example: exampleTransaction,
			Answers: []Answer{
				{Status: 201, Meaning: "Posted.", Body: one},
				{Status: 200, Meaning: "Recorded before under this reference; or, for a dry run, what would be posted, with the place it would take now.", Body: one, Replayed: true},
			},
			Errors: slicesOf(postingErrors, guard.ErrApprovalRequired), handle: postTransaction,
		},
		batchOperation(),
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/transactions", ID: "list-transactions", Group: "Transactions", Summary: "List transactions",
			Scope: access.TransactionsRead, Query: reflect.TypeFor[listTransactionsQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page, in the book's order.", Body: list}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid}, handle: listTransactions,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/transactions/{id}", ID: "get-transaction", Group: "Transactions", Summary: "Read a transaction",
			Scope:   access.TransactionsRead,
			Answers: []Answer{{Status: 200, Meaning: "The transaction.", Body: one}},
			Errors:  []*fault.Error{ledger.ErrTransactionUnknown}, handle: getTransaction,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/feed", ID: "get-feed", Group: "Transactions", Summary: "Follow a book",
			Description: "Everything recorded after a sequence, in order, without gaps: ask again with last_sequence as after.",
			Scope:       access.TransactionsRead, Query: reflect.TypeFor[feedQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What follows.", Body: reflect.TypeFor[feedJSON]()}}, handle: getFeed,
		},
	}
}

// decodeWith parses the body and decodes it, collecting all that is wrong with it.
func decodeWith[T any](c *call, decode func(d *decoder, root int32) T) (T, error) {
	return decodeUpTo(c, maxNodes, decode)
}

// decodeUpTo is decodeWith for a body of at most so many values.
func decodeUpTo[T any](c *call, maxNodes int, decode func(d *decoder, root int32) T) (v T, err error) {
	t, err := c.parseBody(maxNodes)
	if err != nil {
		return v, err
	}
	defer t.release()
	d := decoder{tree: t}
	v = decode(&d, 0)
	return v, d.err()
}

// readyToPost reads whether a posting is a dry run, and refuses any other while the book's queue is nearly full: before
// the body is read, so that a flood costs little.
func (c *call) readyToPost() (dry bool, err error) {
	dry = c.query.boolean("dry_run")
	if c.query.wrong != nil {
		return dry, c.query.wrong
	}
	if !dry {
		err = c.service.ledger.Congested(c.book)
	}
	return dry, err
}

func postTransaction(c *call) (reply, error) {
	dry, err := c.readyToPost()
	if err != nil {
		return reply{}, err
	}
	submission, err := decodeWith(c, (*decoder).transaction)
	if err != nil {
		return reply{}, err
	}
	if err := c.entries(submission, dry); err != nil {
		return reply{}, err
	}
	if dry {
		outcomes, err := c.service.ledger.DryRun(c.ctx, c.book, []ledger.Submission{submission}, false)
		if err != nil {
			return reply{}, err
		}
		return posted(outcomes[0], http.StatusOK)
	}
	failpoint.Here(failpoint.Decoded)
	return posted(c.service.ledger.Post(c.ctx, c.book, submission), http.StatusCreated)
}

// posted answers for one posting.
func posted(o ledger.Outcome, status int) (reply, error) {
	if o.Err != nil {
		return reply{}, o.Err
	}
	if o.Replayed {
		status = http.StatusOK
	}
	return encode(status, o.Replayed, func(b []byte) []byte { return appendTransaction(b, &o.Transactions[0]) }), nil
}

func getTransaction(c *call) (reply, error) {
	sequence, err := ledger.ParseTransactionID(c.book.Code, c.param("id"))
	if err != nil {
		return reply{}, err
	}
	t, err := c.service.ledger.Transaction(c.ctx, c.book, sequence)
	if err != nil {
		return reply{}, err
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendTransaction(b, &t) }), nil
}

func listTransactions(c *call) (reply, error) {
	if reference := c.query.text("reference"); reference != "" {
		return listReference(c, reference)
	}
	q := ledger.TransactionQuery{
		Subject: c.query.text("subject"), Event: c.query.text("event"), Descending: c.query.descending(), Limit: c.query.limit(),
	}
	q.After = c.afterNumber()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := c.service.ledger.Transactions(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	ts, more := page.Transactions, page.More
	next := ""
	if more {
		next = c.nextCursor(strconv.FormatInt(ts[len(ts)-1].Sequence, 10))
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendNext(appendTransactions(b, ts), next) }), nil
}

// listReference lists what a reference recorded: at most the transactions of one event, so it needs no pages.
func listReference(c *call, reference string) (reply, error) {
	c.query.limit()
	descending := c.query.descending()
	if c.query.text("cursor") != "" {
		c.query.fail(ErrCursor)
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	ts, err := c.service.ledger.ByReference(c.ctx, c.book, reference)
	if err != nil {
		return reply{}, err
	}
	subject, event := c.query.text("subject"), c.query.text("event")
	ts = slices.DeleteFunc(ts, func(t ledger.Transaction) bool {
		return subject != "" && t.Subject != subject || event != "" && t.Event != event
	})
	if descending {
		slices.Reverse(ts)
	}
	return encode(http.StatusOK, false, func(b []byte) []byte { return appendNext(appendTransactions(b, ts), "") }), nil
}

func getFeed(c *call) (reply, error) {
	q := ledger.TransactionQuery{After: c.query.integer("after", 0, 1<<53, 0), Limit: c.query.limit()}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	last := q.After
	page, err := c.service.ledger.Transactions(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	ts, more := page.Transactions, page.More
	if len(ts) > 0 {
		last = ts[len(ts)-1].Sequence
	}
	return encode(http.StatusOK, false, func(b []byte) []byte {
		b = strconv.AppendInt(append(appendTransactions(b, ts), `,"last_sequence":`...), last, 10)
		b = strconv.AppendBool(append(b, `,"more":`...), more)
		return append(b, '}')
	}), nil
}
