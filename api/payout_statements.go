package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// Statements of single payouts: exactly the money that each paid.

func payoutStatementOperations() []Operation {
	const path = "/v1/books/{book}/payees/{payee}/payouts/{payout}/statement"
	refused := []*fault.Error{payouts.ErrPayoutUnknown, ErrNotReady}
	made := append([]*fault.Error{tabular.ErrFormat, statements.ErrBusy}, refused...)
	return []Operation{
		{
			Method: http.MethodGet, Path: path, ID: "get-payout-statement", Group: statementGroup, Summary: "Read the statement of a payout without its lines",
			Description: "It opens with nothing and closes with what left the payee's money: what arrives and the fee for it. It is made on demand and has no number.",
			Scope:       access.BalancesRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "What it comes to.", Body: reflect.TypeFor[PayeeStatementJSON]()}}, Errors: refused, handle: getPayoutStatement,
		},
		{
			Method: http.MethodGet, Path: path + "/lines", ID: "list-payout-statement-lines", Group: statementGroup, Summary: "List what a payout paid, as lines of a statement",
			Description: "An entry that it paid in part is one line, whose note says how much of it.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of lines.", Body: reflect.TypeFor[statementLinesJSON]()}}, Errors: append([]*fault.Error{ErrCursor}, refused...), handle: listPayoutStatementLines,
		},
		{
			Method: http.MethodGet, Path: path + "/content", ID: "get-payout-statement-content", Group: statementGroup, Summary: "Fetch the statement of a payout as a file",
			Scope: access.BalancesRead, Own: "payee", Query: reflect.TypeFor[statementContentQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The file.", Media: fileBytes}}, Errors: made, handle: getPayoutStatementContent,
		},
		{
			Method: http.MethodGet, Path: path + "/manifest", ID: "get-payout-statement-manifest", Group: statementGroup, Summary: "Read what the file of a payout's statement comes to",
			Scope: access.BalancesRead, Own: "payee", Query: reflect.TypeFor[statementContentQuery](),
			Answers: []Answer{{Status: 200, Meaning: "Rows, totals per currency, bytes and SHA-256.", Body: reflect.TypeFor[statementManifestJSON]()}}, Errors: made, handle: getPayoutStatementManifest,
		},
	}
}

// payoutStatement makes the statement of the path's payout. One of another payee is as if there were none.
func (c *call) payoutStatement() (*statements.Service, *statements.Statement, error) {
	s, payee, err := c.telling()
	if err != nil {
		return nil, nil, err
	}
	if c.service.payouts != nil {
		if _, err := c.theirs(c.service.payouts); err != nil {
			return nil, nil, err
		}
	}
	st, err := s.OfPayout(c.ctx, c.book, payee, c.param("payout"))
	return s, st, err
}

func getPayoutStatement(c *call) (reply, error) {
	_, st, err := c.payoutStatement()
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, statementOf(st, false))
}

func listPayoutStatementLines(c *call) (reply, error) {
	s, st, err := c.payoutStatement()
	if err != nil {
		return reply{}, err
	}
	return c.statementLines(s, st, c.position(3))
}

func getPayoutStatementContent(c *call) (reply, error) {
	s, st, err := c.payoutStatement()
	if err != nil {
		return reply{}, err
	}
	return c.statementContent(s, st)
}

func getPayoutStatementManifest(c *call) (reply, error) {
	s, st, err := c.payoutStatement()
	if err != nil {
		return reply{}, err
	}
	return c.statementManifest(s, st)
}
