package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/reconcile"
)

// Months: what stands between an accounting period and its close, and how it was closed. Closing is an approval of the act
// period.close, reopening of period.reopen.

type checklistAmountJSON struct {
	Name     string `json:"name"`
	Currency string `json:"currency" example:"GBP"`
	Amount   string `json:"amount" example:"12.34"`
}

// ChecklistItemJSON is one thing that has to be in order.
type ChecklistItemJSON struct {
	Code       string                `json:"code" example:"breaks"`
	Title      string                `json:"title"`
	State      string                `json:"state" enum:"done,waiting,blocked,not_applicable" doc:"waiting does not keep the month from closing"`
	Detail     string                `json:"detail" doc:"How it stands and what to do"`
	Amounts    []checklistAmountJSON `json:"amounts" nullable:"false"`
	Names      []string              `json:"names" nullable:"false" doc:"What keeps it from being done"`
	More       bool                  `json:"more" doc:"There are more than are listed"`
	Acceptable bool                  `json:"acceptable" doc:"Two people may accept it as it stands"`
}

// ChecklistJSON is the checklist of a month.
type ChecklistJSON struct {
	Period string              `json:"period" example:"2026-11"`
	Closed bool                `json:"closed"`
	Items  []ChecklistItemJSON `json:"items" nullable:"false"`
	Months []string            `json:"months" nullable:"false" doc:"The months that closing this one closes, this one last"`
}

// ClosingJSON is a month that was closed or reopened.
type ClosingJSON struct {
	Number     int             `json:"number" doc:"Counts the closings of the book" example:"1"`
	Act        string          `json:"act" enum:"close,reopen"`
	Period     string          `json:"period" example:"2026-11"`
	AtSequence int64           `json:"at_sequence" doc:"The last transaction of the book then"`
	Totals     string          `json:"totals" doc:"SHA-256 of the control totals: closed again unchanged it is the same"`
	Previous   string          `json:"previous" doc:"The hash of the book's closing before; zeros for the first"`
	Hash       string          `json:"hash" doc:"Over the closing before and everything else here"`
	Preparer   string          `json:"preparer"`
	Approver   string          `json:"approver"`
	Approval   string          `json:"approval"`
	Reason     string          `json:"reason"`
	RecordedAt string          `json:"recorded_at" format:"date-time"`
	Sum        string          `json:"document_sha256" doc:"SHA-256 of the document, byte for byte"`
	Document   json.RawMessage `json:"document,omitempty" doc:"The control totals, and what the close rests on; only in the list of a month"`
}

type closingListJSON struct {
	Data       []ClosingJSON `json:"data" nullable:"false" doc:"The oldest first, unless asked otherwise"`
	NextCursor *string       `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type closingQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"A page of a month holds at most 20"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type chainQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first, as the hashes follow each other; desc: the newest first"`
}

func monthOperations() []Operation {
	const one = "/v1/books/{book}/periods/{month}"
	errors := []*fault.Error{ledger.ErrPeriod, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodGet, Path: one + "/checklist", ID: "read-checklist", Summary: "Read what stands between a month and its close",
			Description: "It is computed, never ticked. Ask for the close by an approval of the act period.close.", Scope: access.ReconciliationRead,
			Answers: []Answer{{Status: 200, Meaning: "The checklist.", Body: reflect.TypeFor[ChecklistJSON]()}}, Errors: append([]*fault.Error{reconcile.ErrClosingLarge}, errors...), handle: getChecklist,
		},
		{
			Method: http.MethodGet, Path: one + "/closings", ID: "list-closings", Summary: "List how a month was closed and reopened", Scope: access.ReconciliationRead,
			Query:   reflect.TypeFor[closingQuery](),
			Answers: []Answer{{Status: 200, Meaning: "Its closings, each with its place in the chain.", Body: reflect.TypeFor[closingListJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, errors...), handle: listClosings,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/closings", ID: "list-chain-of-closings", Summary: "List a book's chain of closings", Scope: access.ReconciliationRead,
			Description: "Every month that was closed or reopened, in the order in which it was. Each has the hash of the one before, and all that its own is made of: keep them, and nobody can change a closed month unseen.",
			Query:       reflect.TypeFor[chainQuery](), Answers: []Answer{{Status: 200, Meaning: "A page of closings.", Body: reflect.TypeFor[closingListJSON]()}},
			Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listChain,
		},
	}
	for i := range list {
		list[i].Group = "Closing months"
	}
	return list
}

// month returns reconciliation and the month of the path.
func (c *call) month() (*reconcile.Service, ledger.Period, error) {
	s, err := c.reconciling()
	if err != nil {
		return nil, 0, err
	}
	period, err := ledger.ParsePeriod(c.param("month"))
	return s, period, err
}

func getChecklist(c *call) (reply, error) {
	s, period, err := c.month()
	if err != nil {
		return reply{}, err
	}
	if err := c.longer(writeTimeout); err != nil {
		return reply{}, err
	}
	list, err := s.Checklist(c.ctx, c.book, period)
	if err != nil {
		return reply{}, err
	}
	out := ChecklistJSON{Period: list.Period.String(), Closed: list.Closed, Items: make([]ChecklistItemJSON, len(list.Items)), Months: []string{}}
	for _, m := range list.Months {
		out.Months = append(out.Months, m.String())
	}
	for i, x := range list.Items {
		item := ChecklistItemJSON{Code: x.Code, Title: x.Title, State: string(x.State), Detail: x.Detail, Amounts: []checklistAmountJSON{}, Names: append([]string{}, x.Names...), More: x.More, Acceptable: x.Acceptable}
		for _, a := range x.Amounts {
			item.Amounts = append(item.Amounts, checklistAmountJSON{Name: a.Name, Currency: string(a.Currency), Amount: string(a.Amount)})
		}
		out.Items[i] = item
	}
	return document(http.StatusOK, out)
}

func listClosings(c *call) (reply, error) {
	s, period, err := c.month()
	if err != nil {
		return reply{}, err
	}
	return c.closings(func(after, limit int) ([]reconcile.Closing, int, error) {
		limit = min(limit, monthPage)
		list, err := s.MonthClosings(c.ctx, c.book, period, after, limit)
		return list, limit, err
	})
}

// monthPage is how many closings a page of a month holds: each can be large.
const monthPage = 20

func listChain(c *call) (reply, error) {
	s, err := c.reconciling()
	if err != nil {
		return reply{}, err
	}
	chain := s.Chain
	if c.query.descending() {
		chain = s.LatestChain
	}
	return c.closings(func(after, limit int) ([]reconcile.Closing, int, error) {
		list, err := chain(c.ctx, c.book, after, limit)
		return list, limit, err
	})
}

// closings answers with a page of closings, which read reads after a number and says how many it could have been.
func (c *call) closings(read func(after, limit int) ([]reconcile.Closing, int, error)) (reply, error) {
	limit, after := c.query.limit(), int(c.afterNumber())
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, limit, err := read(after, limit)
	if err != nil {
		return reply{}, err
	}
	out := closingListJSON{Data: make([]ClosingJSON, len(list))}
	for i, x := range list {
		out.Data[i] = ClosingJSON{Number: x.Number, Act: x.Act, Period: x.Period.String(), AtSequence: x.AtSequence, Totals: hexOf(x.Totals[:]), Previous: hexOf(x.Previous[:]), Hash: hexOf(x.Hash[:]),
			Preparer: x.Preparer, Approver: x.Approver, Approval: x.Approval, Reason: x.Reason, RecordedAt: x.RecordedAt.UTC().Format(instantFormat), Sum: hexOf(x.DocumentSum[:]), Document: json.RawMessage(x.Document)}
	}
	if len(list) == limit {
		next := c.nextCursor(strconv.Itoa(list[limit-1].Number))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}
