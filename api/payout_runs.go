package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Payout runs: deciding about everybody who has a balance, and releasing or refusing what was decided.

type payoutRunTotalJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Payouts  int64  `json:"payouts" doc:"How many it created" example:"12"`
	Amount   string `json:"amount" doc:"What they are to bring" example:"1200.00"`
	Fee      string `json:"fee" doc:"What is kept for them" example:"0.60"`
}

// PayoutRunJSON is a run as callers read it.
type PayoutRunJSON struct {
	ID         string   `json:"id" example:"run_0123456789abcdef"`
	Trigger    string   `json:"trigger" enum:"scheduled,manual,on_demand,retry,closing,special" doc:"What began it"`
	Period     *string  `json:"period" format:"date-time" doc:"The period of the schedule; null for a run that people asked for"`
	CutOff     string   `json:"cut_off" format:"date-time" doc:"What became available before it counts"`
	AtSequence int64    `json:"at_sequence" doc:"The last transaction before the cut-off" example:"4711"`
	State      string   `json:"state" enum:"planning,waiting,released,refused,done" doc:"Waiting means for a second person"`
	Reason     string   `json:"reason" doc:"Why it was begun by hand; empty for others"`
	Decided    int64    `json:"decided" doc:"How many were decided about: everybody with a balance" example:"120"`
	Paid       int64    `json:"paid" example:"100"`
	Skipped    int64    `json:"skipped" example:"20"`
	Needs      []string `json:"needs" nullable:"false" doc:"Why a second person has to look at the whole run, in codes" example:"[\"manual-run\"]"`
	Approval   string   `json:"approval" doc:"By which it was released"`
	StartedBy  string   `json:"started_by" example:"system:jobs"`
	CreatedAt  string   `json:"created_at" format:"date-time"`
	PlannedAt  *string  `json:"planned_at" format:"date-time" doc:"When everybody was decided about"`
	EndedAt    *string  `json:"ended_at" format:"date-time" doc:"When nothing of it waited any more"`
	RefusedBy  string   `json:"refused_by" doc:"Who refused it; empty for a run that was not refused" example:"person:per_0123456789abcdef"`
	Refusal    string   `json:"refusal" doc:"Why it was refused" example:"Three times the usual."`
}

type payoutRunListJSON struct {
	Data       []PayoutRunJSON `json:"data" nullable:"false" doc:"The latest first"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

// PayoutRunFullJSON is a run with its totals.
type PayoutRunFullJSON struct {
	PayoutRunJSON
	Totals  []payoutRunTotalJSON  `json:"totals" nullable:"false" doc:"What it created, by currency"`
	Reasons []payoutRunReasonJSON `json:"reasons" doc:"Why it does not pay, by currency, the reason of most payees first. A payee with several reasons counts under each. Null of a run whose reasons were not all counted as it was planned; its decisions have them"`
}

type payoutRunReasonJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Reason   string `json:"reason" example:"below-minimum"`
	Payees   int64  `json:"payees" doc:"Decisions not to pay that name it" example:"12"`
	Amount   string `json:"amount" doc:"What could have been paid to them at most" example:"48.20"`
}

type payoutRunQuery struct {
	State   string `json:"state,omitempty" enum:"planning,waiting,released,refused,done" doc:"Only runs in this state"`
	Trigger string `json:"trigger,omitempty" enum:"scheduled,manual,on_demand,retry,closing,special" doc:"Only runs begun by this"`
	Limit   int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor  string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type payoutDecisionQuery struct {
	Verdict string `json:"verdict,omitempty" enum:"pay,skip" doc:"Only these"`
	Reason  string `json:"reason,omitempty" pattern:"^[a-z][a-z-]{0,63}$" doc:"Only those with this reason" example:"below-minimum"`
	Limit   int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor  string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type payoutReplayQuery struct {
	Kind     string `json:"kind" enum:"seller,creator,agency,partner"`
	Payee    string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" example:"cre_amy"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" example:"GBP"`
}

// PayoutReplayJSON is a decision with what it rests on, decided again with the same outcome.
type PayoutReplayJSON struct {
	Decision payoutDecisionJSON `json:"decision"`
	Inputs   json.RawMessage    `json:"inputs" doc:"The stored inputs, byte for byte"`
	Stored   json.RawMessage    `json:"stored" doc:"The stored decision, byte for byte; deciding again gave the same"`
}

func payoutRunOperations() []Operation {
	one := reflect.TypeFor[PayoutRunFullJSON]()
	base, unknown := "/v1/books/{book}/payout-runs", []*fault.Error{payouts.ErrRunUnknown, ErrNotReady}
	list := []Operation{
		{
			Method: http.MethodGet, Path: base, ID: "list-payout-runs", Summary: "List payout runs", Scope: access.PayoutsRead, Query: reflect.TypeFor[payoutRunQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of runs.", Body: reflect.TypeFor[payoutRunListJSON]()}}, Errors: []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}, handle: listPayoutRuns,
		},
		{
			Method: http.MethodPost, Path: base, ID: "start-payout-run", Summary: "Begin a payout run outside of the schedule",
			Description: "It is planned by the service within a minute. All that it creates waits for a second person. While another run of the book is being planned it is refused.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit, Example: map[string]any{"reason": "The bank was closed yesterday."},
			Answers: []Answer{{Status: 202, Meaning: "Begun.", Body: one}}, Errors: []*fault.Error{payouts.ErrRunBusy, payouts.ErrRunReason, payouts.ErrPolicyMissing, ErrNotReady}, handle: startPayoutRun,
		},
		{
			Method: http.MethodGet, Path: base + "/{run}", ID: "get-payout-run", Summary: "Read a payout run", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "The run as it stands.", Body: one}}, Errors: unknown, handle: getPayoutRun,
		},
		{
			Method: http.MethodPost, Path: base + "/{run}/refusal", ID: "refuse-payout-run", Summary: "Refuse a payout run that waits",
			Description: "One person with the right to approve is enough. What of it was not sent is cancelled within a minute. To release it, ask for an approval of the act payout_run.release.",
			Scope:       access.ApprovalsDecide, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Refused.", Body: one}}, Errors: append([]*fault.Error{payouts.ErrRunState, payouts.ErrRunReason}, unknown...), handle: refusePayoutRun,
		},
		{
			Method: http.MethodGet, Path: base + "/{run}/comparison", ID: "compare-payout-run", Summary: "Compare a payout run with those before it",
			Description: "Its figures beside the median of the last runs, and the payouts that somebody should look at: far above the payee's own usual, the first to a payee, to a destination that changed, and the largest. They are looked for among the 300 largest payouts and 100 that need a person. A run of one payout that was asked for has nothing to compare.",
			Scope:       access.PayoutsRead, Answers: []Answer{{Status: 200, Meaning: "The run beside the usual.", Body: reflect.TypeFor[PayoutRunComparisonJSON]()}}, Errors: unknown, handle: comparePayoutRun,
		},
		{
			Method: http.MethodGet, Path: base + "/{run}/progress", ID: "get-payout-run-progress", Summary: "Read how far the payouts of a run are", Scope: access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "How many payouts stand where.", Body: reflect.TypeFor[PayoutRunProgressJSON]()}}, Errors: unknown, handle: getPayoutRunProgress,
		},
		{
			Method: http.MethodGet, Path: base + "/{run}/decisions", ID: "list-payout-decisions", Summary: "List the decisions of a run",
			Description: "One for everybody who had a balance.", Scope: access.PayoutsRead, Query: reflect.TypeFor[payoutDecisionQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of decisions.", Body: reflect.TypeFor[payoutDecisionListJSON]()}}, Errors: append([]*fault.Error{ErrCursor, ledger.ErrInvalid}, unknown...), handle: listPayoutDecisions,
		},
		{
			Method: http.MethodGet, Path: base + "/{run}/replay", ID: "replay-payout-decision", Summary: "Decide again and compare",
			Description: "Decides from the stored inputs and the stored policy, and compares with the stored decision byte for byte.", Scope: access.PayoutsRead, Query: reflect.TypeFor[payoutReplayQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The same decision.", Body: reflect.TypeFor[PayoutReplayJSON]()}},
			Errors:  append([]*fault.Error{payouts.ErrDecisionUnknown, payouts.ErrReplay, ledger.ErrInvalid}, unknown...), handle: replayPayoutDecision,
		},
	}
	for i := range list {
		list[i].Group = "Payouts"
	}
	return list
}

// payoutRunOf is a run as callers read it.
func payoutRunOf(r payouts.Run) PayoutRunJSON {
	out := PayoutRunJSON{ID: r.ID, Trigger: r.Trigger, Period: optionalInstant(r.Period), CutOff: r.CutOff.Format(instantFormat), AtSequence: r.AtSequence, State: r.State, Reason: r.Reason,
		Decided: r.Decided, Paid: r.Paid, Skipped: r.Skipped, Needs: r.Needs, Approval: r.Approval, StartedBy: r.StartedBy, CreatedAt: r.CreatedAt.Format(instantFormat),
		PlannedAt: optionalInstant(r.PlannedAt), EndedAt: optionalInstant(r.EndedAt), RefusedBy: r.RefusedBy, Refusal: r.Refusal}
	if out.Needs == nil {
		out.Needs = []string{}
	}
	return out
}

// fullRun answers with a run and its totals.
func (c *call) fullRun(status int, s *payouts.Service, r payouts.Run) (reply, error) {
	totals, err := s.Totals(c.ctx, c.book, r.ID)
	if err != nil {
		return reply{}, err
	}
	reasons, whole, err := s.RunReasons(c.ctx, c.book, r.ID)
	if err != nil {
		return reply{}, err
	}
	out := PayoutRunFullJSON{payoutRunOf(r), []payoutRunTotalJSON{}, nil}
	if whole {
		out.Reasons = []payoutRunReasonJSON{}
	}
	for _, x := range reasons {
		out.Reasons = append(out.Reasons, payoutRunReasonJSON{string(x.Currency), x.Reason, x.Payees, x.Amount.Format(x.Currency)})
	}
	for _, t := range totals {
		out.Totals = append(out.Totals, payoutRunTotalJSON{string(t.Currency), t.Payouts, t.Amount.Format(t.Currency), t.Fee.Format(t.Currency)})
	}
	return document(status, out)
}

func listPayoutRuns(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q := payouts.RunQuery{Limit: limit}
	if c.query.text("state") != "" {
		q.State = c.query.choice("state", payouts.RunPlanning, payouts.RunWaiting, payouts.RunReleased, payouts.RunRefused, payouts.RunDone)
	}
	if c.query.text("trigger") != "" {
		q.Trigger = c.query.choice("trigger", payouts.TriggerScheduled, payouts.TriggerManual, payouts.TriggerOnDemand, payouts.TriggerRetry, payouts.TriggerClosing, payouts.TriggerSpecial)
	}
	if at := c.position(2); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			return reply{}, ErrCursor
		}
		q.Before, q.BeforeID = time.UnixMicro(micros).UTC(), at[1]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, err := s.Runs(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := payoutRunListJSON{Data: make([]PayoutRunJSON, 0, min(len(list), limit))}
	for _, r := range list[:min(len(list), limit)] {
		out.Data = append(out.Data, payoutRunOf(r))
	}
	if len(list) > limit {
		last := list[limit-1]
		cursor := c.nextCursor(strconv.FormatInt(last.CreatedAt.UnixMicro(), 10), last.ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func startPayoutRun(c *call) (reply, error) { return c.actOnRun(http.StatusAccepted, "") }

func refusePayoutRun(c *call) (reply, error) { return c.actOnRun(http.StatusOK, c.param("run")) }

// actOnRun begins a run, or refuses the one named.
func (c *call) actOnRun(status int, id string) (reply, error) {
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
	var r payouts.Run
	if id == "" {
		r, err = s.StartRun(c.ctx, c.actor(), c.book, n.Reason)
	} else {
		r, err = s.RefuseRun(c.ctx, c.actor(), c.book, id, n.Reason)
	}
	if err != nil {
		return reply{}, err
	}
	return c.fullRun(status, s, r)
}

func getPayoutRun(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	r, err := s.Run(c.ctx, c.book, c.param("run"))
	if err != nil {
		return reply{}, err
	}
	return c.fullRun(http.StatusOK, s, r)
}

func listPayoutDecisions(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit := c.query.limit()
	q := payouts.DecisionQuery{Run: c.param("run"), Reason: c.query.text("reason"), Limit: limit}
	if c.query.text("verdict") != "" {
		q.Verdict = c.query.choice("verdict", payouts.VerdictPay, payouts.VerdictSkip)
	}
	if at := c.position(3); at != nil {
		q.After = &payouts.Decided{Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: at[0], ID: at[1]}, Currency: money.Currency(at[2])}}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	if _, err := s.Run(c.ctx, c.book, q.Run); err != nil {
		return reply{}, err
	}
	page, err := s.Decisions(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	return c.decisionPage(page, func(d payouts.Decided) string {
		return c.nextCursor(d.Holder.Kind, d.Holder.ID, string(d.Holder.Currency))
	})
}

func replayPayoutDecision(c *call) (reply, error) {
	s, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	h := payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: c.query.text("kind"), ID: c.query.text("payee")}, Currency: money.Currency(c.query.text("currency"))}
	d, err := s.Replay(c.ctx, c.book, c.param("run"), h)
	if err != nil {
		return reply{}, err
	}
	decision, err := decidedOf(d)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, PayoutReplayJSON{decision, d.Inputs, d.Decision})
}
