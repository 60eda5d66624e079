package api

import (
	"bufio"
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/statements"
)

// Statements of payees: those issued for months, and any days on demand. Payees read their own.

type statementBucketJSON struct {
	Bucket  string `json:"bucket" enum:"available,in_transit,pending,reserve,dispute_hold,blocked,deposit,commission_deposit,minor_trust" doc:"What the money is doing"`
	Opening string `json:"opening" doc:"Before the first line" example:"0.00"`
	Closing string `json:"closing" doc:"After the last line" example:"2.21"`
}

type statementAccountJSON struct {
	Account     string `json:"account" example:"liabilities:creator:available:cre_amy"`
	FromVersion int64  `json:"from_version" doc:"The number of the account's last entry before the statement; entries are counted without gaps" example:"0"`
	ToVersion   int64  `json:"to_version" doc:"The number of its last entry in it" example:"2"`
	Opening     string `json:"opening" example:"0.00"`
	Closing     string `json:"closing" example:"2.21"`
}

type statementTotalJSON struct {
	Type   string `json:"type" doc:"What happened" example:"order.captured"`
	Code   string `json:"code" doc:"What the amounts are" example:"commission"`
	Bucket string `json:"bucket" example:"pending"`
	Lines  int64  `json:"lines" example:"1"`
	Amount string `json:"amount" doc:"Signed, in the payee's favour" example:"6.30"`
}

type statementNothingJSON struct {
	Order      string `json:"order_id" example:"UK-1"`
	Type       string `json:"type" doc:"What happened to it" example:"refund.full"`
	OccurredAt string `json:"occurred_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
}

type statementTaxJSON struct {
	Jurisdiction string `json:"jurisdiction" example:"sales:US-TX"`
	Collected    string `json:"collected" doc:"From buyers, for the tax office" example:"17.33"`
	Returned     string `json:"returned" doc:"To buyers, with what they were given back" example:"4.95"`
}

type statementHeadlinesJSON struct {
	Estimated string  `json:"estimated" doc:"Waits until orders are delivered and cannot be returned easily; it may still change" example:"0.00"`
	Settled   string  `json:"settled" doc:"Earned for good and not paid out yet; below zero it is a debt" example:"2.21"`
	OnHold    string  `json:"on_hold" doc:"Held back: reserve, disputes, blocks, deposits and trusts" example:"0.00"`
	InTransit string  `json:"in_transit" doc:"On its way to where the payee is paid" example:"0.00"`
	Paid      *string `json:"paid" doc:"Paid out within the statement, or by the payout if it arrived; null of days that are not summed up" example:"0.00"`
}

// PayeeStatementJSON is a statement without its lines.
type PayeeStatementJSON struct {
	ID           string                 `json:"id" doc:"Empty of days on demand" example:"st_0123456789abcdefghij"`
	Number       int64                  `json:"number" minimum:"0" doc:"Counts the payee's statements in the currency without gaps; 0 of days on demand" example:"1"`
	Payee        string                 `json:"payee" example:"cre_amy"`
	Currency     string                 `json:"currency" example:"GBP"`
	Kind         string                 `json:"kind" enum:"month,range,payout"`
	Payout       string                 `json:"payout_id" doc:"The payout that it is of; empty of the other kinds"`
	PayoutState  string                 `json:"payout_state" enum:",created,sending,unknown,refused,submitted,at_account,paid,failed,cancelled,returned" doc:"How that payout stands at the moment; empty of the other kinds"`
	Period       string                 `json:"period" doc:"The month; empty of days on demand" example:"2026-11"`
	FirstDay     string                 `json:"first_day" doc:"In the time zone of the book" example:"2026-11-01"`
	LastDay      string                 `json:"last_day" example:"2026-11-30"`
	From         int64                  `json:"from_sequence" doc:"It covers the transactions after this one" example:"0"`
	To           int64                  `json:"to_sequence" doc:"Up to this one" example:"42"`
	Opening      string                 `json:"opening" doc:"What all buckets held before" example:"0.00"`
	Closing      string                 `json:"closing" doc:"What all buckets hold after; the next statement opens with it" example:"2.21"`
	Headlines    statementHeadlinesJSON `json:"headlines"`
	Buckets      []statementBucketJSON  `json:"buckets" nullable:"false"`
	Accounts     []statementAccountJSON `json:"accounts" nullable:"false" doc:"What it was made from"`
	Lines        int64                  `json:"line_count" doc:"Known of issued statements, and of days that are summed up" example:"6"`
	Totals       []statementTotalJSON   `json:"totals" nullable:"false" doc:"The lines added up; known of issued statements, and of days that are summed up"`
	Nothing      []statementNothingJSON `json:"nothing_left" nullable:"false" doc:"Up to 1,000 orders of which nothing is left for the payee, and why"`
	NothingCount int64                  `json:"nothing_left_count" doc:"How many there are"`
	Tax          []statementTaxJSON     `json:"tax_memo" nullable:"false" doc:"Tax that buyers paid on what the payee sold; the platform pays it to the tax office"`
	Previous     string                 `json:"previous_id" doc:"The statement before; empty for the first"`
	SHA256       string                 `json:"sha256" doc:"Of the data form, which is the file in the format json; empty of days on demand"`
	IssuedAt     string                 `json:"issued_at" format:"date-time" example:"2026-12-01T03:25:00.000000Z"`
}

type payeeStatementListJSON struct {
	Data       []PayeeStatementJSON `json:"data" nullable:"false" doc:"By currency, the last one first; without their accounts and totals"`
	NextCursor *string              `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

// PayeeStatementLineJSON is one amount and its reason.
type PayeeStatementLineJSON struct {
	Number         int64  `json:"line_no" example:"1"`
	PostedAt       string `json:"posted_at" format:"date-time" doc:"When the book learned of it" example:"2026-11-20T12:00:00.000000Z"`
	OccurredAt     string `json:"occurred_at" format:"date-time" doc:"When it happened" example:"2026-11-20T10:00:00.000000Z"`
	Type           string `json:"type" doc:"What happened" example:"order.captured"`
	Code           string `json:"code" doc:"What the amount is" example:"commission"`
	Order          string `json:"order_id" example:"UK-1"`
	SKU            string `json:"sku" example:"SKU-9"`
	LiveSession    string `json:"live_session_id" example:"LS-12"`
	Channel        string `json:"channel" example:"app"`
	Basis          string `json:"basis" doc:"What the rate is of; empty without a rate" example:"41.98"`
	Rate           string `json:"rate" example:"0.15"`
	Amount         string `json:"amount" doc:"Signed, in the payee's favour" example:"6.30"`
	Currency       string `json:"currency" example:"GBP"`
	Rule           string `json:"rule_id" example:"affiliate"`
	RuleVersion    string `json:"rule_version" example:"uk-1"`
	Entry          string `json:"entry_id" doc:"The ledger's entry, as transaction/line; the lines of an entry sum to it" example:"uk-1/6"`
	OriginalPeriod string `json:"original_period" doc:"The month that it belongs to, if that is before the one in which the book learned of it" example:"2026-10"`
	Note           string `json:"note"`
	Bucket         string `json:"bucket" example:"pending"`
	Balance        string `json:"balance" doc:"What the bucket holds after the line" example:"6.30"`
}

type statementLinesJSON struct {
	Data       []PayeeStatementLineJSON `json:"data" nullable:"false" doc:"In the order of the ledger"`
	NextCursor *string                  `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type statementQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"The one wanted; left out, all" example:"GBP"`
	Limit    int    `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"The size of a page, 100 if left out"`
	Cursor   string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

type statementContentQuery struct {
	Format string `json:"format,omitempty" enum:"json,csv,xlsx,jsonl" doc:"json if left out, which is the data form" example:"csv"`
}

type dayQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the book's first" example:"GBP"`
	From     string `json:"from,omitempty" format:"date" doc:"The first day in the time zone of the book; left out, the first of this month" example:"2026-11-01"`
	To       string `json:"to,omitempty" format:"date" doc:"The last day; left out, today" example:"2026-11-30"`
}

const statementGroup = "Statements"

// statementErrors are what a statement that is made again may be refused for.
var statementErrors = []*fault.Error{statements.ErrUnknown, statements.ErrChanged, statements.ErrOld, statements.ErrLarge, ErrNotReady}

func statementOperations() []Operation {
	const path = "/v1/books/{book}/payees/{payee}/statements"
	return []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "list-payee-statements", Group: statementGroup, Summary: "List the statements of a payee",
			Description: "Those that were issued. A month that is over gets its statement in the night after it; a month in which nothing happened gets none, and the next one begins where the last one ended.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[statementQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of statements.", Body: reflect.TypeFor[payeeStatementListJSON]()}}, Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listPayeeStatements,
		},
		{
			Method: http.MethodGet, Path: path + "/{statement}", ID: "get-payee-statement", Group: statementGroup, Summary: "Read a statement without its lines",
			Scope: access.BalancesRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "What it covers and comes to.", Body: reflect.TypeFor[PayeeStatementJSON]()}}, Errors: []*fault.Error{statements.ErrUnknown, ErrNotReady}, handle: getPayeeStatement,
		},
		{
			Method: http.MethodGet, Path: path + "/{statement}/lines", ID: "list-payee-statement-lines", Group: statementGroup, Summary: "List the lines of a statement",
			Description: "Made again from the ledger. A page costs a page, wherever in the statement it is. The last one is held against what the statement closes with; only a file is held against its hash.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: reflect.TypeFor[statementLinesJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, statementErrors...), handle: listStatementLines,
		},
		{
			Method: http.MethodGet, Path: path + "/{statement}/content", ID: "get-payee-statement-content", Group: statementGroup, Summary: "Fetch a statement as a file",
			Description: "The file is made while it leaves and held against the hash of the statement before its end leaves; Repr-Digest names its digest. CSV has nothing that a spreadsheet would run.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[statementContentQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The file.", Media: fileBytes}}, Errors: append([]*fault.Error{tabular.ErrFormat, statements.ErrBusy, ledger.ErrInvalid}, statementErrors...), handle: getStatementContent,
		},
	}
}

// telling returns the statements and the payee of the path, or ErrNotReady.
func (c *call) telling() (*statements.Service, string, error) {
	if c.service.statements == nil {
		return nil, "", ErrNotReady
	}
	payee, err := c.segment("payee")
	return c.service.statements, payee, err
}

// statementOf is a statement as callers read it; brief leaves out what a list need not repeat.
func statementOf(s *statements.Statement, brief bool) PayeeStatementJSON {
	m := func(a money.Minor) string { return a.Format(s.Currency) }
	h := s.Headlines()
	out := PayeeStatementJSON{ID: s.ID, Number: s.Number, Payee: s.Payee, Currency: string(s.Currency), Kind: string(s.Kind), Period: s.Period.String(), FirstDay: s.FirstDay, LastDay: s.LastDay,
		From: s.From, To: s.To, Opening: m(s.Opening()), Closing: m(s.Closing()), Lines: s.Lines, NothingCount: s.NothingCount, Previous: s.Previous, SHA256: s.SHA256,
		IssuedAt:  s.IssuedAt.Format(instantFormat),
		Headlines: statementHeadlinesJSON{Estimated: m(h.Estimated), Settled: m(h.Settled), OnHold: m(h.OnHold), InTransit: m(h.InTransit)},
		Buckets:   []statementBucketJSON{}, Accounts: []statementAccountJSON{}, Totals: []statementTotalJSON{}, Nothing: []statementNothingJSON{}, Tax: []statementTaxJSON{}}
	if h.PaidKnown {
		paid := m(h.Paid)
		out.Headlines.Paid = &paid
	}
	for _, b := range s.Buckets {
		out.Buckets = append(out.Buckets, statementBucketJSON{string(b.Bucket), m(b.Opening), m(b.Closing)})
	}
	if s.Payout != nil {
		out.Payout, out.PayoutState = s.Payout.ID, s.Payout.StateNow
	}
	if brief {
		return out
	}
	for _, a := range s.Accounts {
		out.Accounts = append(out.Accounts, statementAccountJSON{string(a.Account), a.FromVersion, a.ToVersion, m(a.Opening), m(a.Closing)})
	}
	for _, t := range s.Totals {
		out.Totals = append(out.Totals, statementTotalJSON{t.Type, t.Code, string(t.Bucket), t.Lines, m(t.Amount)})
	}
	for _, n := range s.Nothing {
		out.Nothing = append(out.Nothing, statementNothingJSON{n.Order, n.Event, n.At.Format(instantFormat)})
	}
	for _, t := range s.Tax {
		out.Tax = append(out.Tax, statementTaxJSON{t.Jurisdiction, m(t.Collected), m(t.Returned)})
	}
	return out
}

func listPayeeStatements(c *call) (reply, error) {
	s, payee, err := c.telling()
	if err != nil {
		return reply{}, err
	}
	limit, q := c.query.limit(), statements.Query{Payee: payee, Currency: c.query.currency()}
	if at := c.position(2); at != nil {
		if q.AfterNumber, err = strconv.ParseInt(at[1], 10, 64); err != nil {
			return reply{}, ErrCursor
		}
		q.AfterCurrency = money.Currency(at[0])
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	q.Limit = limit
	list, err := s.Statements(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := payeeStatementListJSON{Data: []PayeeStatementJSON{}}
	for i, st := range list {
		if i == limit {
			next := c.nextCursor(string(list[i-1].Currency), strconv.FormatInt(list[i-1].Number, 10))
			out.NextCursor = &next
			break
		}
		out.Data = append(out.Data, statementOf(st, true))
	}
	return document(http.StatusOK, out)
}

// issued reads the statement of the path. One of another payee is as if there were none.
func (c *call) issued() (*statements.Service, *statements.Statement, error) {
	s, payee, err := c.telling()
	if err != nil {
		return nil, nil, err
	}
	st, err := s.Statement(c.ctx, c.book, payee, c.param("statement"))
	return s, st, err
}

func getPayeeStatement(c *call) (reply, error) {
	_, st, err := c.issued()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, statementOf(st, false))
}

func listStatementLines(c *call) (reply, error) {
	s, st, err := c.issued()
	if err != nil {
		return reply{}, err
	}
	return c.statementLines(s, st, c.position(3))
}

// statementLines answers with a page of lines from a position on. The cursor of the next one has what it is of behind the place.
func (c *call) statementLines(s *statements.Service, st *statements.Statement, at []string, of ...string) (reply, error) {
	limit, from := c.query.limit(), statements.Place{}
	if at != nil {
		for i, to := range []*int64{&from.Sequence, &from.Skip, &from.Number} {
			n, err := strconv.ParseInt(at[i], 10, 64)
			if err != nil {
				return reply{}, ErrCursor
			}
			*to = n
		}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := s.Page(c.ctx, st, from, limit)
	if err != nil {
		return reply{}, err
	}
	out := statementLinesJSON{Data: make([]PayeeStatementLineJSON, len(page.Lines))}
	for i := range page.Lines {
		l := &page.Lines[i]
		out.Data[i] = PayeeStatementLineJSON{l.Number, l.PostedAt.Format(instantFormat), l.OccurredAt.Format(instantFormat), l.Type, l.Code, l.Order, l.SKU, l.LiveSession, l.Channel, l.Basis, l.Rate,
			l.Amount.Format(l.Currency), string(l.Currency), l.Rule, l.RuleVersion, l.Entry, l.OriginalPeriod, l.Note, string(l.Bucket), l.Balance.Format(l.Currency)}
	}
	if p := page.Next; p != nil {
		next := c.nextCursor(append([]string{strconv.FormatInt(p.Sequence, 10), strconv.FormatInt(p.Skip, 10), strconv.FormatInt(p.Number, 10)}, of...)...)
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getStatementContent(c *call) (reply, error) {
	s, st, err := c.issued()
	if err != nil {
		return reply{}, err
	}
	return c.statementContent(s, st)
}

// statementContent streams a statement's file.
func (c *call) statementContent(s *statements.Service, st *statements.Statement) (reply, error) {
	format := c.query.choice("format", "json", "csv", "xlsx", "jsonl")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	f, err := statements.ParseFormat(format)
	if err != nil {
		return reply{}, err
	}
	headers := map[string]string{"Content-Disposition": `attachment; filename="` + st.FileName(f) + `"`}
	if c.r.Method == http.MethodHead {
		return c.stream(fileBytes, headers, nil)
	}
	end, err := s.Begin(st)
	if err != nil {
		return reply{}, err
	}
	defer end()
	if err := c.longer(streamTime); err != nil {
		return reply{}, err
	}
	came, err := s.Measure(c.ctx, st, f, tabular.Dialect{})
	if err != nil {
		return reply{}, err
	}
	headers["Repr-Digest"], headers["Content-Length"] = reprDigest(came.SHA256), strconv.FormatInt(came.Bytes, 10)
	return c.stream(fileBytes, headers, func(to *bufio.Writer) error { return s.Write(c.ctx, st, f, tabular.Dialect{}, to) })
}
