package api

import (
	"net/http"
	"reflect"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/payouts/health"
)

// Health: how a book stands, as far as the caller may see it.

type healthAmountJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Amount   string `json:"amount" doc:"Below zero with a sign" example:"24.09"`
}

type healthFigureJSON struct {
	Code    string             `json:"code" doc:"What is looked at; codes are stable" example:"coverage"`
	Group   string             `json:"group" enum:"money,payouts,evidence,work,people"`
	Name    string             `json:"name" example:"Coverage"`
	Meaning string             `json:"meaning" doc:"What it means, and what to do where it is not well"`
	State   string             `json:"state" enum:"act,unread,watch,well" doc:"act: a person is needed now; unread: it could not be read in time; watch: it may come right by itself"`
	Reason  string             `json:"reason" doc:"Why it could not be read; empty otherwise" example:""`
	Unit    string             `json:"unit" doc:"What the count counts" example:"currencies"`
	Count   int64              `json:"count" minimum:"0" example:"0"`
	AtLeast bool               `json:"at_least" doc:"There may be more: counting ended there"`
	Amounts []healthAmountJSON `json:"amounts" nullable:"false" doc:"Sums by currency, in the order of the book"`
	Since   *string            `json:"since" format:"date-time" doc:"When the oldest of them began; null where there is none or nobody knows"`
	Names   []string           `json:"names" nullable:"false" doc:"What it is about: rows of the chart, sources, jobs or months, at most 20"`
	See     string             `json:"see" doc:"The operation that tells more" example:"/v1/books/uk/coverage"`
}

type bookHealthJSON struct {
	Book     string             `json:"book" example:"uk"`
	ReadAt   string             `json:"read_at" format:"date-time"`
	State    string             `json:"state" enum:"act,unread,watch,well" doc:"That of the worst figure"`
	Figures  []healthFigureJSON `json:"figures" nullable:"false"`
	NotShown []string           `json:"not_shown" nullable:"false" doc:"Parts that the caller's key or role may not read; their figures are left out" example:"jobs"`
}

// healthSee is where the API tells more of a figure, below the book.
var healthSee = map[string]string{
	health.Coverage: "coverage", health.OwnMoney: "coverage", health.Safeguarding: "coverage", health.WrongSide: "trial-balance", health.Suspense: "breaks/ageing",
	health.PayoutsUnknown: "payouts?state=unknown", health.PayoutsRefused: "payouts?state=refused", health.PayoutsAtAccount: "payouts?state=at_account",
	health.PayoutsUnsent: "payouts?state=created", health.PayoutsUnderWay: "payouts?state=submitted", health.RunsWaiting: "payout-runs?state=waiting", health.ClocksParked: "payout-clocks?state=parked",
	health.BreaksOpen: "breaks", health.BreaksOverdue: "breaks", health.EvidenceOld: "evidence/sources", health.MonthsOpen: "periods",
	health.JobsParked: "jobs", health.JobsLate: "jobs", health.MessagesParked: "inbound?state=parked", health.ImportsParked: "imports",
	health.ApprovalsOpen: "approvals?state=open", health.QuestionsOpen: "questions?state=open",
}

func healthOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/health", ID: "get-health", Group: "Books", Summary: "Read how a book stands",
		Description: "What is well and what needs a person, each figure with its unit, since when it is so, what it means, and the operation that tells more. " +
			"A figure that cannot be read in time says so. Figures of parts that the caller may not read are left out, and the parts are named.",
		Scope:   access.BooksRead,
		Answers: []Answer{{Status: 200, Meaning: "The figures as they stand.", Body: reflect.TypeFor[bookHealthJSON]()}},
		handle:  getHealth,
	}}
}

func getHealth(c *call) (reply, error) {
	report := c.service.health.Of(c.ctx, c.book, c.mayRead)
	out := bookHealthJSON{Book: c.book.Code, ReadAt: report.At.Format(instantFormat), State: string(report.State()), Figures: []healthFigureJSON{}, NotShown: append([]string{}, report.NotShown...)}
	for _, f := range report.Figures {
		out.Figures = append(out.Figures, healthFigureOf(c.book, f))
	}
	return document(http.StatusOK, out)
}

// mayRead reports whether the caller may read a part of the book that is named as its scope is.
func (c *call) mayRead(part string) bool {
	return c.principal.Allow(access.Scope(part+":read"), c.book.Code) == nil
}

func healthFigureOf(book ledger.Book, f health.Figure) healthFigureJSON {
	out := healthFigureJSON{Code: f.Code, Group: f.Group, Name: f.Name, Meaning: f.Meaning, State: string(f.State), Reason: f.Reason, Unit: f.Unit, Count: f.Count, AtLeast: f.AtLeast,
		Amounts: []healthAmountJSON{}, Since: shownOrNull(f.Since), Names: append([]string{}, f.Names...), See: strings.Join([]string{"/v1/books", book.Code, healthSee[f.Code]}, "/")}
	for _, a := range f.Amounts {
		out.Amounts = append(out.Amounts, healthAmountJSON{string(a.Currency), a.Minor.Format(a.Currency)})
	}
	return out
}
