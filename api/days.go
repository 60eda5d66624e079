package api

import (
	"net/http"
	"reflect"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
	"mizan/payouts/statements"
)

// Any days of a payee, on demand, in the form of a statement that is not issued.

type dayLinesQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the book's first" example:"GBP"`
	From     string `json:"from,omitempty" format:"date" doc:"The first day in the time zone of the book; left out, the first of this month" example:"2026-11-01"`
	To       string `json:"to,omitempty" format:"date" doc:"The last day; left out, today" example:"2026-11-30"`
	Limit    int    `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"The size of a page, 100 if left out"`
	Cursor   string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

type dayContentQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the book's first" example:"GBP"`
	From     string `json:"from,omitempty" format:"date" doc:"The first day in the time zone of the book; left out, the first of this month" example:"2026-11-01"`
	To       string `json:"to,omitempty" format:"date" doc:"The last day; left out, today" example:"2026-11-30"`
	Format   string `json:"format,omitempty" enum:"json,csv,xlsx,jsonl" doc:"json if left out, which is the data form" example:"csv"`
}

func dayOperations() []Operation {
	const path = "/v1/books/{book}/payees/{payee}/days"
	refused := []*fault.Error{statements.ErrRange, ledger.ErrAccountNotOpened, statements.ErrLarge, ledger.ErrInvalid, ErrNotReady}
	return []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "get-days", Group: statementGroup, Summary: "Read any days of a payee without their lines",
			Description: "In the form of a statement, made on demand. It has no number and is not kept; days that are over and that nobody corrects by hand come to the same each time.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[dayQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What the days come to.", Body: reflect.TypeFor[PayeeStatementJSON]()}}, Errors: refused, handle: getDays,
		},
		{
			Method: http.MethodGet, Path: path + "/sums", ID: "get-days-sums", Group: statementGroup, Summary: "Read any days of a payee, summed up",
			Description: "With what an issued statement has besides: the lines added up, what was paid, the orders of which nothing is left, and the tax memo. Up to 5,000 transactions are summed up; of more, the file in the format json ends with the same.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[dayQuery](),
			Answers: []Answer{{Status: 200, Meaning: "What the days come to, with their sums.", Body: reflect.TypeFor[PayeeStatementJSON]()}},
			Errors:  append([]*fault.Error{statements.ErrLong, statements.ErrBusy}, refused...), handle: getDaysSums,
		},
		{
			Method: http.MethodGet, Path: path + "/lines", ID: "list-days-lines", Group: statementGroup, Summary: "List the lines of any days of a payee",
			Scope: access.BalancesRead, Own: "payee", Query: reflect.TypeFor[dayLinesQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: reflect.TypeFor[statementLinesJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, refused...), handle: listDaysLines,
		},
		{
			Method: http.MethodGet, Path: path + "/content", ID: "get-days-content", Group: statementGroup, Summary: "Fetch any days of a payee as a file",
			Scope: access.BalancesRead, Own: "payee", Query: reflect.TypeFor[dayContentQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The file.", Media: fileBytes}}, Errors: append([]*fault.Error{tabular.ErrFormat, statements.ErrBusy}, refused...), handle: getDaysContent,
		},
	}
}

// days makes the statement of the days that are asked for.
func (c *call) days() (*statements.Service, *statements.Statement, error) {
	return c.daysBetween(c.query.text("from"), c.query.text("to"))
}

// daysBetween makes the statement of days, of which those left out follow from today.
func (c *call) daysBetween(from, to string) (*statements.Service, *statements.Statement, error) {
	s, payee, err := c.telling()
	if err != nil {
		return nil, nil, err
	}
	currency, today := c.query.currency(), c.service.now().In(c.book.Location())
	if c.query.wrong != nil {
		return nil, nil, c.query.wrong
	}
	if currency == "" {
		currency = c.book.Currencies[0]
	}
	if to == "" {
		to = today.Format(time.DateOnly)
	}
	if from == "" {
		from = today.Format("2006-01") + "-01"
	}
	st, err := s.Days(c.ctx, c.book, payee, currency, from, to)
	return s, st, err
}

func getDays(c *call) (reply, error) {
	_, st, err := c.days()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, statementOf(st, false))
}

func getDaysSums(c *call) (reply, error) {
	s, st, err := c.days()
	if err == nil {
		err = s.Sum(c.ctx, st)
	}
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, statementOf(st, false))
}

func listDaysLines(c *call) (reply, error) {
	from, to := c.query.text("from"), c.query.text("to")
	at := c.position(5)
	if at != nil { // the days of the first page, on whatever day the next one is asked for
		from, to = at[3], at[4]
	}
	s, st, err := c.daysBetween(from, to)
	if err != nil {
		return reply{}, err
	}
	return c.statementLines(s, st, at, st.FirstDay, st.LastDay)
}

func getDaysContent(c *call) (reply, error) {
	s, st, err := c.days()
	if err != nil {
		return reply{}, err
	}
	return c.statementContent(s, st)
}
