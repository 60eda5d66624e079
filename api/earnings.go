package api

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/earnings"
)

// Earnings: what a payee earned over time, and with what. A payee reads its own, which hold no figure of anybody else's.

type earningsQuery struct {
	From     string `json:"from,omitempty" format:"date" doc:"The first day, in the book's zone; left out, the first of the month" example:"2026-11-01"`
	To       string `json:"to,omitempty" format:"date" doc:"The last day; left out, the last of the first day's month" example:"2026-11-30"`
	By       string `json:"by,omitempty" enum:"day,week,month,live_session,channel,product" default:"day" doc:"What earnings are told apart by. Weeks begin on Monday. Live sessions, channels and products are told for one whole month."`
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Left out, the one the payee is paid in" example:"GBP"`
	Kind     string `json:"kind,omitempty" enum:"seller,creator,agency,partner,charity" doc:"What the payee earned as; left out, what it is registered as"`
	Top      int    `json:"top,omitempty" minimum:"1" maximum:"100" default:"20" doc:"How many live sessions, channels or products are told one by one; the others are one sum"`
}

type earningsSumJSON struct {
	Key       string `json:"key" doc:"The first day of the day, week or month, or the name of the live session, channel or product; empty for what has none, for the total and for the others" example:"2026-11-20"`
	First     string `json:"first,omitempty" format:"date" doc:"The first day that a day, week or month covers within the question" example:"2026-11-20"`
	Last      string `json:"last,omitempty" format:"date" doc:"The last day that it covers" example:"2026-11-20"`
	Sales     int64  `json:"sales" doc:"Transactions by which something was earned; zero of the others by product, as one sale may be of several" example:"12"`
	Returns   int64  `json:"returns" doc:"Transactions by which something went back" example:"1"`
	Earned    string `json:"earned" doc:"What was earned before anything was taken" example:"63.00"`
	GivenBack string `json:"given_back" doc:"Taken again by refunds, disputes and cancellations; below zero" example:"-3.15"`
	Fees      string `json:"fees" doc:"Charged by the platform and carriers; below zero" example:"0.00"`
	Shared    string `json:"shared" doc:"What creators, agencies and partners got of it; below zero" example:"-18.90"`
	Withheld  string `json:"withheld" doc:"Tax withheld; below zero" example:"0.00"`
	Kept      string `json:"kept" doc:"The sum of all of these" example:"40.95"`
	Adjusted  string `json:"adjusted" doc:"Corrections, deposits, debts and whatever else is no earning" example:"0.00"`
	Paid      string `json:"paid" doc:"Paid out or on its way; below zero" example:"-20.00"`
	Moved     string `json:"moved" doc:"What the payee's accounts moved by: kept, adjusted and paid together" example:"20.95"`
}

type earningsJSON struct {
	Kind       string            `json:"kind" enum:"seller,creator,agency,partner,charity,guardian," doc:"What the payee earned as; empty for one that never did"`
	Payee      string            `json:"payee" example:"cre_amy"`
	Currency   string            `json:"currency" example:"GBP"`
	Currencies []string          `json:"currencies" nullable:"false" doc:"The currencies in which the payee ever earned"`
	By         string            `json:"by" enum:"day,week,month,live_session,channel,product"`
	From       string            `json:"from" format:"date" example:"2026-11-01"`
	To         string            `json:"to" format:"date" example:"2026-11-30"`
	Data       []earningsSumJSON `json:"data" nullable:"false" doc:"In order of days, without those on which nothing happened; or those that kept most, the largest first"`
	Others     earningsSumJSON   `json:"others" doc:"The sum over those that are not told one by one"`
	OtherCount int64             `json:"other_count" doc:"How many those are, of at most 20,000 names of the month" example:"0"`
	Total      earningsSumJSON   `json:"total" doc:"The sum over all"`
	AsOf       *string           `json:"as_of" doc:"The last transaction that counts; null if none does yet" example:"uk-42"`
	RecordedAt *string           `json:"recorded_at" format:"date-time" doc:"When it was recorded"`
	NotCounted int64             `json:"not_counted" doc:"How many of the book's transactions came since and do not count yet" example:"0"`
	Rebuilding bool              `json:"rebuilding" doc:"The sums are being made from the first transaction on and have not come along yet: they are a part of what was earned"`
}

func earningsOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/earnings", ID: "get-earnings", Group: "Payees", Summary: "Read what a payee earned over time",
		Description: "By day, week or month, or for a whole month by live session, channel or product. The sums follow the book within about a minute; the answer says up to which transaction they count, and how many came since. A day is that of the book's zone on which it happened.",
		Scope:       access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[earningsQuery](),
		Answers: []Answer{{Status: 200, Meaning: "What the payee earned.", Body: reflect.TypeFor[earningsJSON]()}},
		Errors:  []*fault.Error{earnings.ErrQuery, commerce.ErrPayeeUnknown, ledger.ErrInvalid, ErrNotReady}, handle: getEarnings,
	}}
}

// earningsSumOf is a sum as callers read it.
func earningsSumOf(s earnings.Sum, c money.Currency) earningsSumJSON {
	return earningsSumJSON{Key: s.Key, First: s.First, Last: s.Last, Sales: s.Sales, Returns: s.Returns, Earned: s.Earned.Format(c), GivenBack: s.GivenBack.Format(c), Fees: s.Fees.Format(c), Shared: s.Shared.Format(c),
		Withheld: s.Withheld.Format(c), Kept: s.Kept().Format(c), Adjusted: s.Adjusted.Format(c), Paid: s.Paid.Format(c), Moved: s.Moved().Format(c)}
}

func getEarnings(c *call) (reply, error) {
	service := c.service.earnings
	if service == nil {
		return reply{}, ErrNotReady
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	q := earnings.Query{Payee: payee, Kind: c.query.text("kind"), Currency: c.query.currency(), By: earnings.By(c.query.text("by")), From: c.query.text("from"), To: c.query.text("to"),
		Top: int(c.query.integer("top", 1, earnings.MaxTop, 20))}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if q.Kind, err = c.ownKind(payee, q.Kind); err == nil && q.Kind != "" && c.principal.Kind == access.Payee && !slices.Contains(earnings.Kinds(), q.Kind) {
		err = commerce.ErrPayeeUnknown // such as a guardian, who earns nothing
	}
	if err != nil {
		return reply{}, err
	}
	a, err := service.Earnings(c.ctx, c.book, q)
	if err != nil {
		return reply{}, ofQuery(err)
	}
	out := earningsJSON{Kind: a.Kind, Payee: a.Payee, Currency: string(a.Currency), Currencies: []string{}, By: string(a.By), From: a.From, To: a.To, Data: []earningsSumJSON{},
		Others: earningsSumOf(a.Others, a.Currency), OtherCount: a.Named, Total: earningsSumOf(a.Total, a.Currency), NotCounted: a.Behind, Rebuilding: a.Rebuilding}
	for _, one := range a.Currencies {
		out.Currencies = append(out.Currencies, string(one))
	}
	for _, s := range a.Sums {
		out.Data = append(out.Data, earningsSumOf(s, a.Currency))
	}
	if a.Sequence > 0 {
		id := ledger.TransactionID(c.book.Code, a.Sequence)
		out.AsOf, out.RecordedAt = &id, shownOrNull(a.RecordedAt)
	}
	return document(http.StatusOK, out)
}

// ofQuery has the fields of an error name parameters instead of fields of a body.
func ofQuery(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	fields := make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		f.Pointer = "query:" + strings.TrimPrefix(f.Pointer, "/")
		fields[i] = f
	}
	named := *e
	named.Fields = fields
	return &named
}
