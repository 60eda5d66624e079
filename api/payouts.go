package api

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/payouts"
)

// Payouts: money on its way out, what it pays line by line, and asking for it now.

// PayoutJSON is a payout as callers read it.
type PayoutJSON struct {
	ID              string  `json:"id" example:"po_0123456789abcdef"`
	Run             string  `json:"run" doc:"The run that created it" example:"run_0123456789abcdef"`
	Part            int     `json:"part" minimum:"1" doc:"Its number among the parts of a sum above the maximum" example:"1"`
	Kind            string  `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Payee           string  `json:"payee" example:"cre_amy"`
	Receiver        string  `json:"receiver" doc:"Who gets it: the payee, or a court or custodian" example:"cre_amy"`
	Source          string  `json:"source" enum:"available,blocked,deposit,minor_trust" doc:"The bucket that the money left"`
	Currency        string  `json:"currency" example:"GBP"`
	Amount          string  `json:"amount" doc:"What arrives" example:"78.92"`
	Fee             string  `json:"fee" doc:"What is kept for it, tax included; both left the payee's balance" example:"1.18"`
	FeeTax          string  `json:"fee_tax" doc:"The part of the fee that is tax" example:"0.00"`
	Method          string  `json:"method" enum:"standard,instant"`
	State           string  `json:"state" enum:"created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled" doc:"States move forward only"`
	Number          int     `json:"number" minimum:"1" doc:"The how manieth payout of its account" example:"4"`
	TransactionID   string  `json:"transaction_id" doc:"The transaction that took the money" example:"uk-42"`
	LeftAfter       string  `json:"left_after" doc:"What stayed in the account" example:"0.00"`
	Destination     string  `json:"destination" doc:"Where it is sent" example:"dst_0123456789abcdef"`
	Rail            string  `json:"rail" doc:"How" example:"connected"`
	NeedsPerson     bool    `json:"needs_second_person" doc:"Whether a second person has to agree before it is sent"`
	RetryOf         string  `json:"retry_of" doc:"The payout that this one pays again, empty for none"`
	Code            string  `json:"code" doc:"Why it was refused, failed or returned, as the rail says; empty if it was not"`
	Trace           string  `json:"trace" doc:"The bank's reference, when it is known"`
	CreatedAt       string  `json:"created_at" format:"date-time"`
	ReleasedAt      *string `json:"released_at" format:"date-time" doc:"When the second person agreed"`
	SubmittedAt     *string `json:"submitted_at" format:"date-time" doc:"When the rail took it"`
	ExpectedOn      *string `json:"expected_on" format:"date-time" doc:"When the rail expects it to arrive"`
	PaidAt          *string `json:"paid_at" format:"date-time" doc:"When it arrived"`
	ReturnedAt      *string `json:"returned_at" format:"date-time" doc:"When it came back after it had arrived"`
	EndedAt         *string `json:"ended_at" format:"date-time" doc:"When nothing more was to come"`
	ConsumedFrom    string  `json:"consumed_from" doc:"How much of the account's credits the payouts before had used up" example:"100.00"`
	ConsumedThrough string  `json:"consumed_through" doc:"How much is used up with it" example:"180.10"`
}

type payoutListJSON struct {
	Data       []PayoutJSON `json:"data" nullable:"false" doc:"The latest first; those of one run in order of their ids"`
	NextCursor *string      `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type payoutStepJSON struct {
	Number        int    `json:"number" minimum:"1"`
	State         string `json:"state" enum:"created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled,returned,pulled_back"`
	At            string `json:"at" format:"date-time"`
	Code          string `json:"code" doc:"Why, as a code; empty where there is nothing to say"`
	Evidence      string `json:"evidence" doc:"What it rests on, such as the processor's object"`
	TransactionID string `json:"transaction_id" doc:"What it posted; empty for nothing" example:"uk-42"`
	Actor         string `json:"actor" doc:"Who did it" example:"system:jobs"`
}

// PayoutFullJSON is a payout with what happened to it.
type PayoutFullJSON struct {
	PayoutJSON
	Steps []payoutStepJSON `json:"steps" nullable:"false" doc:"What happened to it, in order, at most 1000"`
}

type payoutLineJSON struct {
	TransactionID string `json:"transaction_id" example:"uk-41"`
	Line          int    `json:"line" minimum:"1" doc:"The entry's number in the transaction"`
	Event         string `json:"event" example:"order.settled"`
	Subject       string `json:"subject" doc:"What it is about, as kind:id" example:"order:UK-1001"`
	OccurredAt    string `json:"occurred_at" format:"date-time"`
	Entry         string `json:"entry" doc:"The whole entry, a credit of the payee positive" example:"80.10"`
	Amount        string `json:"amount" doc:"What of it this payout pays; below zero, what it sets off" example:"80.10"`
	Settles       string `json:"settles" doc:"The payout whose money came back with this line, empty for none"`
}

type payoutLineListJSON struct {
	Data       []payoutLineJSON `json:"data" nullable:"false" doc:"In the order of the ledger. A page can have fewer than its limit, or none, and others follow"`
	NextCursor *string          `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type payoutQuery struct {
	Run    string `json:"run,omitempty" pattern:"^run_[a-z0-9]{16}$" doc:"Only those of this run; state, kind and payee do not count then"`
	State  string `json:"state,omitempty" enum:"created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled" doc:"Only payouts in this state"`
	Kind   string `json:"kind,omitempty" enum:"seller,creator,agency,partner" doc:"Only payees of this kind; with payee"`
	Payee  string `json:"payee,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Only this payee's" example:"cre_amy"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type ownPayoutQuery struct {
	State  string `json:"state,omitempty" enum:"created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled" doc:"Only payouts in this state"`
	Kind   string `json:"kind,omitempty" enum:"seller,creator,agency,partner" doc:"Only what it got as this"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

var payoutStates = []string{payouts.Created, payouts.Sending, payouts.Unknown, payouts.Refused, payouts.Submitted, payouts.AtAccount, payouts.Paid, payouts.Failed, payouts.Cancelled}

var payoutKinds = []string{payouts.KindSeller, payouts.KindCreator, payouts.KindAgency, payouts.KindPartner}

func payoutOperations() []Operation {
	one, many, lines := reflect.TypeFor[PayoutFullJSON](), reflect.TypeFor[payoutListJSON](), reflect.TypeFor[payoutLineListJSON]()
	unknown := []*fault.Error{payouts.ErrPayoutUnknown, ErrNotReady}
	own := "/v1/books/{book}/payees/{payee}/payouts"
	list := []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payouts", ID: "list-payouts", Summary: "List payouts", Scope: access.PayoutsRead, Query: reflect.TypeFor[payoutQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of payouts.", Body: many}}, Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listPayouts,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payouts/{payout}", ID: "get-payout", Summary: "Read a payout with what happened to it", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The payout as it stands.", Body: one}}, Errors: unknown, handle: getPayout,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payouts/{payout}/lines", ID: "list-payout-lines", Summary: "List what a payout pays",
			Description: "Every credit that it pays, in full or in part, and every debit that it sets off. They sum to its amount and fee.", Scope: access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: lines}}, Errors: append([]*fault.Error{ErrCursor}, unknown...), handle: listPayoutLines,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payouts/{payout}/cancellation", ID: "cancel-payout", Summary: "Cancel a payout",
			Description: "Only a payout of which nothing was ever sent, or which was definitely refused. Its money and its fee go back.", Scope: access.PayoutsWrite,
			Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Cancelled.", Body: one}}, Errors: append([]*fault.Error{payouts.ErrState, payouts.ErrRunReason}, unknown...), handle: cancelPayout,
		},
		{
			Method: http.MethodGet, Path: own, ID: "list-payee-payouts", Summary: "List a payee's payouts", Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[ownPayoutQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of payouts.", Body: many}}, Errors: []*fault.Error{ErrCursor, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: listPayouts,
		},
		{
			Method: http.MethodGet, Path: own + "/{payout}", ID: "get-payee-payout", Summary: "Read a payee's payout", Scope: access.PayoutsRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "The payout as it stands.", Body: one}}, Errors: append([]*fault.Error{ledger.ErrInvalid}, unknown...), handle: getPayout,
		},
		{
			Method: http.MethodGet, Path: own + "/{payout}/lines", ID: "list-payee-payout-lines", Summary: "List what a payee's payout pays", Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: lines}}, Errors: append([]*fault.Error{ErrCursor, ledger.ErrInvalid}, unknown...), handle: listPayoutLines,
		},
	}
	for i := range list {
		list[i].Group = "Payouts"
	}
	return append(list, payoutRequestOperations()...)
}

// payouts is the service that keeps them.
func (c *call) payouts() (*payouts.Service, error) {
	if c.service.payouts == nil {
		return nil, ErrNotReady
	}
	return c.service.payouts, nil
}

// optionalInstant is an instant as callers read it, nil for none.
func optionalInstant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(instantFormat)
	return &s
}

// payoutOf is a payout as callers read it.
func payoutOf(book ledger.Book, p payouts.Payout) PayoutJSON {
	c := p.Holder.Currency
	return PayoutJSON{ID: p.ID, Run: p.Run, Part: p.Part, Kind: p.Holder.Kind, Payee: p.Holder.ID, Receiver: p.Receiver, Source: p.Source, Currency: string(c), Amount: p.Amount.Format(c),
		Fee: p.Fee.Format(c), FeeTax: p.FeeTax.Format(c), Method: p.Method, State: p.State, Number: p.Number, TransactionID: ledger.TransactionID(book.Code, p.CreatedSequence),
		LeftAfter: p.LeftAfter.Format(c), Destination: p.Destination, Rail: p.Rail, NeedsPerson: p.NeedsPerson, RetryOf: p.RetryOf, Code: p.Code, Trace: p.Trace,
		CreatedAt: p.CreatedAt.Format(instantFormat), ReleasedAt: optionalInstant(p.ReleasedAt), SubmittedAt: optionalInstant(p.SubmittedAt), ExpectedOn: optionalInstant(p.ExpectedOn),
		PaidAt: optionalInstant(p.PaidAt), ReturnedAt: optionalInstant(p.ReturnedAt), EndedAt: optionalInstant(p.EndedAt),
		ConsumedFrom: p.ConsumedFrom.Format(c), ConsumedThrough: p.ConsumedThrough.Format(c)}
}

// fullPayout is a payout with its steps.
func (c *call) fullPayout(s *payouts.Service, p payouts.Payout) (reply, error) {
	steps, err := s.Steps(c.ctx, c.book, p.ID, 0, maxLimit)
	if err != nil {
		return reply{}, err
	}
	out := PayoutFullJSON{payoutOf(c.book, p), []payoutStepJSON{}}
	for _, t := range steps[:min(len(steps), maxLimit)] {
		step := payoutStepJSON{Number: t.Number, State: t.State, At: t.At.Format(instantFormat), Code: t.Code, Evidence: t.Evidence, Actor: t.Actor}
		if t.Sequence != 0 {
			step.TransactionID = ledger.TransactionID(c.book.Code, t.Sequence)
		}
		if c.principal.Kind == access.Payee { // who of the staff did it, and on what it rests, is no business of payees'
			step.Actor, step.Evidence = "", ""
		}
		out.Steps = append(out.Steps, step)
	}
	return document(http.StatusOK, out)
}

// theirs reads the payout of the path; under a payee, one of another is answered as one that does not exist.
func (c *call) theirs(s *payouts.Service) (payouts.Payout, error) {
	p, err := s.Payout(c.ctx, c.book, c.param("payout"))
	if err != nil || c.op.Own == "" {
		return p, err
	}
	payee, err := c.segment("payee")
	if err == nil && p.Holder.ID == payee {
		_, err = c.ownKind(payee, p.Holder.Kind)
	}
	if errors.Is(err, commerce.ErrPayeeUnknown) || err == nil && p.Holder.ID != payee {
		err = payouts.ErrPayoutUnknown
	}
	return p, err
}

func getPayout(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	p, err := c.theirs(s)
	if err != nil {
		return reply{}, err
	}
	return c.fullPayout(s, p)
}

func listPayouts(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q := payouts.PayoutQuery{Run: c.query.text("run"), Payee: c.query.text("payee"), Limit: limit}
	if c.query.text("state") != "" {
		q.State = c.query.choice("state", payoutStates...)
	}
	if c.query.text("kind") != "" {
		q.Kind = c.query.choice("kind", payoutKinds...)
	}
	if c.op.Own != "" {
		if q.Payee, err = c.segment("payee"); err != nil {
			return reply{}, err
		}
		if q.Kind, err = c.ownKind(q.Payee, q.Kind); err != nil {
			return reply{}, err
		}
	}
	if at := c.position(2); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			return reply{}, ErrCursor
		}
		q.Before, q.BeforeID, q.AfterID = time.UnixMicro(micros).UTC(), at[1], at[1]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, err := s.Payouts(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := payoutListJSON{Data: make([]PayoutJSON, 0, min(len(list), limit))}
	for _, p := range list[:min(len(list), limit)] {
		out.Data = append(out.Data, payoutOf(c.book, p))
	}
	if len(list) > limit {
		last := list[limit-1]
		cursor := c.nextCursor(strconv.FormatInt(last.CreatedAt.UnixMicro(), 10), last.ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func listPayoutLines(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	var sequence int64
	line := 0
	if at := c.position(2); at != nil {
		var err1, err2 error
		sequence, err1 = strconv.ParseInt(at[0], 10, 64)
		line, err2 = strconv.Atoi(at[1])
		if err1 != nil || err2 != nil {
			return reply{}, ErrCursor
		}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	p, err := c.theirs(s)
	if err != nil {
		return reply{}, err
	}
	page, err := s.Lines(c.ctx, c.book, p.ID, sequence, line, limit)
	if err != nil {
		return reply{}, err
	}
	out := payoutLineListJSON{Data: make([]payoutLineJSON, len(page.Lines))}
	for i, l := range page.Lines {
		out.Data[i] = payoutLineJSON{TransactionID: ledger.TransactionID(c.book.Code, l.Sequence), Line: l.EntryLine, Event: l.Event, Subject: l.Subject,
			OccurredAt: l.OccurredAt.Format(instantFormat), Entry: l.Entry.Format(p.Holder.Currency), Amount: l.Amount.Format(p.Holder.Currency), Settles: l.Settles}
	}
	if page.More {
		cursor := c.nextCursor(strconv.FormatInt(page.AfterSequence, 10), strconv.Itoa(page.AfterLine))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func cancelPayout(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewReason) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	p, err := s.Cancel(c.ctx, c.actor(), c.book, c.param("payout"), n.Reason)
	if err != nil {
		return reply{}, err
	}
	return c.fullPayout(s, p)
}
