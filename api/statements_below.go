package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/statements"
)

// What goes with a statement: what stands below its line, and what its files come to.

type statementHeldJSON struct {
	Reason     string   `json:"reason" enum:"reserve,dispute,blocked,pause,deposit,commission_deposit,minor_trust,campaign" doc:"Why it stays back"`
	WaitsFor   string   `json:"waits_for" doc:"What it waits for: day, dispute, person, tier, shop or majority; empty where nobody knows" example:"day"`
	Bucket     string   `json:"bucket" doc:"Empty of a pause, which keeps no amount, and of a campaign, whose money is pending or available" example:"reserve"`
	Amount     string   `json:"amount" example:"13.74"`
	Order      string   `json:"order_id" example:"W-2"`
	Campaign   string   `json:"campaign" doc:"The campaign that keeps it; empty where none does" example:"winter24"`
	Since      *string  `json:"since" format:"date-time" example:"2026-11-20T12:00:00.000000Z"`
	Until      *string  `json:"until" format:"date-time" doc:"When it becomes available; null where nobody knows" example:"2026-12-20T12:00:00.000000Z"`
	Categories []string `json:"categories" nullable:"false" doc:"Of holds: kyc, sanctions, legal, fraud or review"`
}

type statementOthersJSON struct {
	Bucket string `json:"bucket" example:"reserve"`
	Amount string `json:"amount" doc:"What those that are not listed keep" example:"5.28"`
}

type statementPayoutJSON struct {
	ID         string  `json:"id" example:"po_0123456789abcdef"`
	Amount     string  `json:"amount" doc:"What arrives" example:"47.54"`
	Fee        string  `json:"fee" doc:"What was kept for it, with its tax" example:"0.00"`
	Method     string  `json:"method" doc:"Empty of a disbursement to a charity" example:"standard"`
	State      string  `json:"state" doc:"At the end of the statement; returned if it had come back" example:"submitted"`
	StateNow   string  `json:"state_now" example:"paid"`
	CreatedAt  string  `json:"created_at" format:"date-time" example:"2026-11-20T12:00:00.000000Z"`
	ExpectedAt *string `json:"expected_at" format:"date-time" doc:"When it should arrive" example:"2026-11-22T12:00:00.000000Z"`
	ArrivedAt  *string `json:"arrived_at" format:"date-time" example:"2026-11-22T12:00:00.000000Z"`
	ReturnedAt *string `json:"returned_at" format:"date-time" doc:"When it came back after it had arrived"`
	Trace      string  `json:"trace" doc:"What the banks know the payment by" example:"FT2612190001"`
	Reference  string  `json:"reference" doc:"What the processor calls it" example:"po_1A2b3C"`
	RetryOf    string  `json:"retry_of" doc:"The payout that it pays again"`
}

type statementNextJSON struct {
	At         string             `json:"at" format:"date-time" doc:"When the run starts" example:"2026-11-23T02:00:00.000000Z"`
	CutOff     string             `json:"cut_off" format:"date-time" doc:"Before when money must be available to be in it" example:"2026-11-22T00:00:00.000000Z"`
	Verdict    string             `json:"verdict" enum:"pay,skip"`
	Amount     string             `json:"amount" doc:"What would arrive" example:"0.00"`
	Fee        string             `json:"fee" example:"0.00"`
	UpTo       bool               `json:"up_to" doc:"Less may be paid: a part of what becomes available until then may be kept back"`
	Coming     string             `json:"coming" doc:"What of it becomes available only until the cut-off" example:"0.00"`
	ComingMore bool               `json:"coming_more" doc:"Not all that becomes available was added up"`
	Reasons    []payoutReasonJSON `json:"reasons" nullable:"false" doc:"Of a skip all that stands in the way, most important first; of a payment why something stays"`
}

type statementCardFeesJSON struct {
	Borne string `json:"borne" doc:"What card fees took of gifts before they came to the charity" example:"1.30"`
	Back  string `json:"of_returned" doc:"Of it, of gifts that went back: the platform bears it" example:"0.29"`
}

// StatementBelowJSON is what stands below the line of a statement.
type StatementBelowJSON struct {
	At          string                 `json:"at" format:"date-time" doc:"The end of the statement, or now" example:"2026-11-30T00:00:00.000000Z"`
	Held        []statementHeldJSON    `json:"held" nullable:"false" doc:"Why money stayed back at the end: reserves and disputes by order, the newest 50 of each account, then the others"`
	Others      []statementOthersJSON  `json:"others" nullable:"false" doc:"What reserves and disputes that are not listed keep"`
	Payouts     []statementPayoutJSON  `json:"payouts" nullable:"false" doc:"Those that were made in the statement or moved in it, the latest first, at most 100"`
	MorePayouts bool                   `json:"more_payouts"`
	CardFees    *statementCardFeesJSON `json:"card_fees,omitempty" nullable:"false" doc:"Memo of charities; absent where there were none, and where the charity has more than 50 campaigns"`
	Next        *statementNextJSON     `json:"next,omitempty" nullable:"false" doc:"What the next run is expected to pay; absent if the statement does not reach the present, or no run pays the payee"`
}

type statementManifestJSON struct {
	Manifest json.RawMessage `json:"manifest" doc:"What the file comes to: rows, totals per currency, bytes, SHA-256"`
	Text     string          `json:"manifest_text" doc:"The same as a file for beside it"`
}

func statementBesideOperations() []Operation {
	const issued, days = "/v1/books/{book}/payees/{payee}/statements/{statement}", "/v1/books/{book}/payees/{payee}/days"
	below := []Answer{{Status: 200, Meaning: "What stands below its line.", Body: reflect.TypeFor[StatementBelowJSON]()}}
	manifest := []Answer{{Status: 200, Meaning: "Rows, totals per currency, bytes and SHA-256.", Body: reflect.TypeFor[statementManifestJSON]()}}
	asked := []*fault.Error{statements.ErrRange, ledger.ErrAccountNotOpened, statements.ErrLarge, ledger.ErrInvalid, ErrNotReady}
	const told = "Holds and payouts are told as they stood at its end. It is no part of the statement's hash: when a payment arrives is known only later."
	return []Operation{
		{
			Method: http.MethodGet, Path: issued + "/below", ID: "get-payee-statement-below", Group: statementGroup, Summary: "Read what stands below a statement: holds, payouts", Description: told,
			Scope: access.PayoutsRead, Own: "payee", Answers: below, Errors: statementErrors, handle: getStatementBelow,
		},
		{
			Method: http.MethodGet, Path: days + "/below", ID: "get-days-below", Group: statementGroup, Summary: "Read what stands below any days: holds, payouts, the next payout", Description: told,
			Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[dayQuery](), Answers: below, Errors: asked, handle: getDaysBelow,
		},
		{
			Method: http.MethodGet, Path: issued + "/manifest", ID: "get-payee-statement-manifest", Group: statementGroup, Summary: "Read what a statement's file comes to",
			Description: "A table is made once to measure it. The file of an issued statement comes to the same each time.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[statementContentQuery](), Answers: manifest,
			Errors: append([]*fault.Error{tabular.ErrFormat, statements.ErrBusy, ledger.ErrInvalid}, statementErrors...), handle: getStatementManifest,
		},
		{
			Method: http.MethodGet, Path: days + "/manifest", ID: "get-days-manifest", Group: statementGroup, Summary: "Read what the file of any days comes to",
			Description: "Only of days that are over: until then each file is another.",
			Scope:       access.BalancesRead, Own: "payee", Query: reflect.TypeFor[dayContentQuery](), Answers: manifest,
			Errors: append([]*fault.Error{tabular.ErrFormat, statements.ErrBusy, statements.ErrOpenDays}, asked...), handle: getDaysManifest,
		},
	}
}

// statementBelow answers with what stands below a statement.
func (c *call) statementBelow(s *statements.Service, st *statements.Statement) (reply, error) {
	b, err := s.Below(c.ctx, st)
	if err != nil {
		return reply{}, err
	}
	m := func(a money.Minor) string { return a.Format(st.Currency) }
	out := StatementBelowJSON{At: b.At.Format(instantFormat), Held: []statementHeldJSON{}, Others: []statementOthersJSON{}, Payouts: []statementPayoutJSON{}, MorePayouts: b.MorePayouts}
	for _, h := range b.Held {
		out.Held = append(out.Held, statementHeldJSON{h.Reason, h.WaitsFor, string(h.Bucket), m(h.Amount), h.Order, h.Campaign, optionalInstant(h.Since), optionalInstant(h.Until), slices.Concat([]string{}, h.Categories)})
	}
	for _, o := range b.Others {
		out.Others = append(out.Others, statementOthersJSON{string(o.Bucket), m(o.Closing)})
	}
	for _, p := range b.Payouts {
		out.Payouts = append(out.Payouts, statementPayoutJSON{p.ID, m(p.Amount), m(p.Fee), p.Method, p.State, p.StateNow, p.CreatedAt.Format(instantFormat), optionalInstant(p.ExpectedAt),
			optionalInstant(p.ArrivedAt), optionalInstant(p.ReturnedAt), p.Trace, p.Reference, p.RetryOf})
	}
	if f := b.CardFees; f != nil {
		out.CardFees = &statementCardFeesJSON{m(f.Borne), m(f.Back)}
	}
	if n := b.Next; n != nil {
		next := statementNextJSON{At: n.At.Format(instantFormat), CutOff: n.CutOff.Format(instantFormat), Verdict: n.Decision.Verdict, Amount: m(n.Decision.Amount), Fee: m(n.Decision.Fee), UpTo: n.UpTo(),
			Coming: m(n.Coming.Amount), ComingMore: n.Coming.More, Reasons: payoutReasons(n.Decision, st.Currency)}
		out.Next = &next
	}
	return document(http.StatusOK, out)
}

// statementManifest answers with what the file of the format asked for comes to.
func (c *call) statementManifest(s *statements.Service, st *statements.Statement) (reply, error) {
	format := c.query.choice("format", "json", "csv", "xlsx", "jsonl")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	f, err := statements.ParseFormat(format)
	if err != nil {
		return reply{}, err
	}
	if err := c.longer(streamTime); err != nil {
		return reply{}, err
	}
	m, err := s.Manifest(c.ctx, st, f, tabular.Dialect{})
	if err != nil {
		return reply{}, err
	}
	text := m.JSON()
	return document(http.StatusOK, statementManifestJSON{json.RawMessage(text), string(text)})
}

func getStatementBelow(c *call) (reply, error) {
	s, st, err := c.issued()
	if err != nil {
		return reply{}, err
	}
	return c.statementBelow(s, st)
}

func getDaysBelow(c *call) (reply, error) {
	s, st, err := c.days()
	if err != nil {
		return reply{}, err
	}
	return c.statementBelow(s, st)
}

func getStatementManifest(c *call) (reply, error) {
	s, st, err := c.issued()
	if err != nil {
		return reply{}, err
	}
	return c.statementManifest(s, st)
}

func getDaysManifest(c *call) (reply, error) {
	s, st, err := c.days()
	if err != nil {
		return reply{}, err
	}
	return c.statementManifest(s, st)
}

// payoutReasons are the reasons of a decision in words.
func payoutReasons(d payouts.Decision, currency money.Currency) []payoutReasonJSON {
	list := []payoutReasonJSON{}
	for _, r := range d.Reasons {
		list = append(list, payoutReasonJSON{Code: r.Code, Detail: r.Detail, Text: r.Text(currency), ToChange: r.ChangeText()})
	}
	return list
}
