package api

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/payouts/search"
)

// Search: what in a book is called so.

type searchQuery struct {
	Q string `json:"q" minLength:"1" maxLength:"255" doc:"An id, a reference, a subject, a payee, what a processor or a bank calls a payment, or an amount" example:"UK-1001"`
}

type searchHitJSON struct {
	Kind     string  `json:"kind" enum:"order,subject,transaction,payee,payout,payout_run,evidence_line,break,comparison,approval,export"`
	ID       string  `json:"id" example:"UK-1001"`
	Source   string  `json:"source" doc:"Of a line of evidence the kind and the name of its source; empty otherwise" example:""`
	Currency *string `json:"currency" doc:"Null where it is about no one sum"`
	Amount   *string `json:"amount" doc:"Below zero with a sign: money that went"`
	State    string  `json:"state" doc:"How it stands, or what happened; empty where there is no such thing" example:"order.captured"`
	About    string  `json:"about" doc:"What tells it apart: a reference, a payee, a class, an act, a report" example:""`
	At       *string `json:"at" format:"date-time" doc:"When it happened; null where nobody knows"`
	See      string  `json:"see" doc:"The operation that tells more" example:"/v1/books/uk/orders/UK-1001"`
}

type searchJSON struct {
	Query    string          `json:"query" example:"UK-1001"`
	Hits     []searchHitJSON `json:"hits" nullable:"false" doc:"By kind, at most 20 of each"`
	More     bool            `json:"more" doc:"There are more of a kind than are listed"`
	Since    *string         `json:"amounts_since" format:"date-time" doc:"From when on amounts were looked for; null if the query is none"`
	Searched []string        `json:"searched" nullable:"false" doc:"The parts that were asked"`
	NotShown []string        `json:"not_shown" nullable:"false" doc:"Parts that the caller may not read"`
	Unread   []string        `json:"unread" nullable:"false" doc:"Parts that did not answer in time, or not to the end; what they found by then is listed"`
}

func searchOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/search", ID: "search-book", Group: "Books", Summary: "Find what is called so",
		Description: "By exact names: ids, references, subjects, payees, what a processor (tr_, po_, ch_, txn_) or a bank (trace, end-to-end id) calls a payment; and by amount, such as 12.34 or GBP 12.34, " +
			"among the payouts of the latest 200 runs and the newest 20,000 lines of each source of the last 90 days. Parts that the caller may not read are not asked, and named.",
		Scope: access.BooksRead, Query: reflect.TypeFor[searchQuery](),
		Answers: []Answer{{Status: 200, Meaning: "What was found.", Body: reflect.TypeFor[searchJSON]()}},
		Errors:  []*fault.Error{search.ErrQuery}, handle: searchBook,
	}}
}

func searchBook(c *call) (reply, error) {
	found, err := c.service.search.Find(c.ctx, c.book, c.query.text("q"), c.mayRead)
	if err != nil {
		return reply{}, err
	}
	out := searchJSON{Query: found.Query, Hits: []searchHitJSON{}, More: found.More, Since: shownOrNull(found.Since), Searched: append([]string{}, found.Searched...),
		NotShown: append([]string{}, found.NotShown...), Unread: append([]string{}, found.Unread...)}
	for _, h := range found.Hits {
		hit := searchHitJSON{Kind: h.Kind, ID: h.ID, Source: h.Source, State: h.State, About: h.About, At: shownOrNull(h.At), See: searchSee(c.book, h)}
		if h.Sum != nil {
			currency, amount := string(h.Sum.Currency), h.Sum.Amount.Format(h.Sum.Currency)
			hit.Currency, hit.Amount = &currency, &amount
		}
		out.Hits = append(out.Hits, hit)
	}
	return document(http.StatusOK, out)
}

// searchSee is the operation that tells more of what was found.
func searchSee(book ledger.Book, h search.Hit) string {
	id := url.PathEscape(h.ID)
	below := map[string]string{search.Order: "orders/" + id, search.Subject: "transactions?" + url.Values{"subject": {h.ID}}.Encode(), search.Transaction: "transactions/" + id, search.Payee: "payees/" + id,
		search.Payout: "payouts/" + id, search.PayoutRun: "payout-runs/" + id, search.EvidenceLine: "evidence/sources/" + h.Source + "/lines?" + url.Values{"line_id": {h.ID}}.Encode(),
		search.Break: "breaks/" + id, search.Comparison: "reconciliations/" + id, search.Approval: "approvals/" + id, search.Export: "exports/" + id}
	return strings.Join([]string{"/v1/books", book.Code, below[h.Kind]}, "/")
}
