package client

// Payout: money on its way to payees, the runs that decide about it, and what each payout pays.

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// Payout is money of one payee in one currency on its way out. Amounts are decimal texts.
type Payout struct {
	ID            string     `json:"id"`
	Run           string     `json:"run"`
	Part          int        `json:"part"`
	Kind          string     `json:"kind"`
	Payee         string     `json:"payee"`
	Receiver      string     `json:"receiver"`
	Source        string     `json:"source"`
	Currency      string     `json:"currency"`
	Amount        string     `json:"amount"`
	Fee           string     `json:"fee"`
	Method        string     `json:"method"`
	State         string     `json:"state"`
	Number        int        `json:"number"`
	TransactionID string     `json:"transaction_id"`
	LeftAfter     string     `json:"left_after"`
	Destination   string     `json:"destination"`
	Rail          string     `json:"rail"`
	NeedsPerson   bool       `json:"needs_second_person"`
	RetryOf       string     `json:"retry_of"`
	Code          string     `json:"code"`
	Trace         string     `json:"trace"`
	CreatedAt     time.Time  `json:"created_at"`
	ReleasedAt    *time.Time `json:"released_at"`
	SubmittedAt   *time.Time `json:"submitted_at"`
	ExpectedOn    *time.Time `json:"expected_on"`
	PaidAt        *time.Time `json:"paid_at"`
	ReturnedAt    *time.Time `json:"returned_at"`
	EndedAt       *time.Time `json:"ended_at"`
	// Steps are what happened to it; in lists there are none.
	Steps []PayoutStep `json:"steps,omitempty"`
}

// PayoutStep is one thing that happened to a payout.
type PayoutStep struct {
	Number        int       `json:"number"`
	State         string    `json:"state"`
	At            time.Time `json:"at"`
	Code          string    `json:"code"`
	Evidence      string    `json:"evidence"`
	TransactionID string    `json:"transaction_id"`
	Actor         string    `json:"actor"`
}

// PayoutLine is an entry that a payout pays, in full or in part; below zero, one that it sets off.
type PayoutLine struct {
	TransactionID string    `json:"transaction_id"`
	Line          int       `json:"line"`
	Event         string    `json:"event"`
	Subject       string    `json:"subject"`
	OccurredAt    time.Time `json:"occurred_at"`
	Entry         string    `json:"entry"`
	Amount        string    `json:"amount"`
	Settles       string    `json:"settles"`
}

// PayoutReason is why nothing, or not everything, is paid.
type PayoutReason struct {
	Code     string `json:"code"`
	Detail   string `json:"detail"`
	Text     string `json:"text"`
	ToChange string `json:"to_change"`
}

// PayoutDecision is what a run decided about a payee in one currency.
type PayoutDecision struct {
	Run          string         `json:"run"`
	Kind         string         `json:"kind"`
	Payee        string         `json:"payee"`
	Currency     string         `json:"currency"`
	Verdict      string         `json:"verdict"`
	Amount       string         `json:"amount"`
	Fee          string         `json:"fee"`
	Reasons      []PayoutReason `json:"reasons"`
	SecondPerson []string       `json:"second_person"`
	LookedAt     *time.Time     `json:"looked_at_again"`
	Policy       string         `json:"policy"`
	DecidedAt    *time.Time     `json:"decided_at"`
}

// PayoutRun decided about everybody with a balance.
type PayoutRun struct {
	ID         string           `json:"id"`
	Trigger    string           `json:"trigger"`
	Period     *time.Time       `json:"period"`
	CutOff     time.Time        `json:"cut_off"`
	AtSequence int64            `json:"at_sequence"`
	State      string           `json:"state"`
	Reason     string           `json:"reason"`
	Decided    int64            `json:"decided"`
	Paid       int64            `json:"paid"`
	Skipped    int64            `json:"skipped"`
	Needs      []string         `json:"needs"`
	Approval   string           `json:"approval"`
	StartedBy  string           `json:"started_by"`
	CreatedAt  time.Time        `json:"created_at"`
	PlannedAt  *time.Time       `json:"planned_at"`
	EndedAt    *time.Time       `json:"ended_at"`
	Totals     []PayoutRunTotal `json:"totals,omitempty"`
	// RefusedBy is who refused the run, and Refusal why.
	RefusedBy string `json:"refused_by"`
	Refusal   string `json:"refusal"`
	// Reasons are why the run does not pay, of one run only; nil where not all were counted.
	Reasons []PayoutRunReason `json:"reasons,omitempty"`
}

// PayoutRunReason counts the payees that a run does not pay for a reason, and what could have been paid to them at most.
type PayoutRunReason struct {
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	Payees   int64  `json:"payees"`
	Amount   string `json:"amount"`
}

// PayoutRunTotal is what a run created in one currency.
type PayoutRunTotal struct {
	Currency string `json:"currency"`
	Payouts  int64  `json:"payouts"`
	Amount   string `json:"amount"`
	Fee      string `json:"fee"`
}

// PayoutQuery chooses payouts; its zero value chooses all.
type PayoutQuery struct{ Run, State, Kind, Payee string }

// NewPayout asks for a payout now. Without an amount, everything is asked for.
type NewPayout struct {
	Reference string `json:"reference"`
	Kind      string `json:"kind"`
	Currency  string `json:"currency"`
	Amount    string `json:"amount,omitempty"`
	Method    string `json:"method,omitempty"`
}

// PayoutAnswer is what was decided on a request, with the payouts.
type PayoutAnswer struct {
	Decision PayoutDecision `json:"decision"`
	Payouts  []Payout       `json:"payouts"`
}

// PayoutReplay is a decision that was decided again with the same outcome, and what it rests on.
type PayoutReplay struct {
	Decision PayoutDecision  `json:"decision"`
	Inputs   json.RawMessage `json:"inputs"`
	Stored   json.RawMessage `json:"stored"`
}

// Payouts lists payouts, the latest first.
func (c *Client) Payouts(ctx context.Context, book string, q PayoutQuery) iter.Seq2[Payout, error] {
	query := url.Values{}
	set(query, "run", q.Run)
	set(query, "state", q.State)
	set(query, "kind", q.Kind)
	set(query, "payee", q.Payee)
	return walk[Payout](ctx, c, under(book, "payouts"), query)
}

// Payout returns a payout with its steps.
func (c *Client) Payout(ctx context.Context, book, id string) (Payout, error) {
	var p Payout
	err := c.get(ctx, under(book, "payouts", id), nil, &p)
	return p, err
}

// PayoutLines lists what a payout pays, in the order of the ledger.
func (c *Client) PayoutLines(ctx context.Context, book, id string) iter.Seq2[PayoutLine, error] {
	return walk[PayoutLine](ctx, c, under(book, "payouts", id, "lines"), nil)
}

// CancelPayout cancels a payout of which nothing was sent.
func (c *Client) CancelPayout(ctx context.Context, book, id, why string) (Payout, error) {
	var p Payout
	_, err := c.post(ctx, under(book, "payouts", id, "cancellation"), nil, reason{why}, &p)
	return p, err
}

// RequestPayout asks for a payout of a payee now.
func (c *Client) RequestPayout(ctx context.Context, book, payee string, n NewPayout) (PayoutAnswer, error) {
	var a PayoutAnswer
	_, err := c.post(ctx, under(book, "payees", payee, "payouts"), nil, n, &a)
	return a, err
}

// QuotePayout says what would be decided now. The reference does not count.
func (c *Client) QuotePayout(ctx context.Context, book, payee string, n NewPayout) (PayoutDecision, error) {
	query := url.Values{}
	set(query, "kind", n.Kind)
	set(query, "currency", n.Currency)
	set(query, "amount", n.Amount)
	set(query, "method", n.Method)
	var d PayoutDecision
	err := c.get(ctx, under(book, "payees", payee, "payout-quote"), query, &d)
	return d, err
}

// PayeeDecisions lists the decisions about a payee, the latest first.
func (c *Client) PayeeDecisions(ctx context.Context, book, payee string) iter.Seq2[PayoutDecision, error] {
	return walk[PayoutDecision](ctx, c, under(book, "payees", payee, "payout-decisions"), nil)
}

// PayoutRuns lists runs, the latest first.
func (c *Client) PayoutRuns(ctx context.Context, book, state string) iter.Seq2[PayoutRun, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[PayoutRun](ctx, c, under(book, "payout-runs"), query)
}

// PayoutRun returns a run with its totals.
func (c *Client) PayoutRun(ctx context.Context, book, id string) (PayoutRun, error) {
	var r PayoutRun
	err := c.get(ctx, under(book, "payout-runs", id), nil, &r)
	return r, err
}

// PayoutRunComparison returns a run beside the runs before it, and the payouts of it that somebody should look at.
func (c *Client) PayoutRunComparison(ctx context.Context, book, id string) (PayoutRunComparison, error) {
	var r PayoutRunComparison
	err := c.get(ctx, under(book, "payout-runs", id, "comparison"), nil, &r)
	return r, err
}

// PayoutRunProgress returns how far the payouts of a run are.
func (c *Client) PayoutRunProgress(ctx context.Context, book, id string) (PayoutRunProgress, error) {
	var r PayoutRunProgress
	err := c.get(ctx, under(book, "payout-runs", id, "progress"), nil, &r)
	return r, err
}

// StartPayoutRun begins a run outside of the schedule.
func (c *Client) StartPayoutRun(ctx context.Context, book, why string) (PayoutRun, error) {
	var r PayoutRun
	_, err := c.post(ctx, under(book, "payout-runs"), nil, reason{why}, &r)
	return r, err
}

// RefusePayoutRun refuses a run that waits.
func (c *Client) RefusePayoutRun(ctx context.Context, book, id, why string) (PayoutRun, error) {
	var r PayoutRun
	_, err := c.post(ctx, under(book, "payout-runs", id, "refusal"), nil, reason{why}, &r)
	return r, err
}

// RunDecisions lists the decisions of a run, of one verdict and with one reason where they are not empty.
func (c *Client) RunDecisions(ctx context.Context, book, run, verdict, code string) iter.Seq2[PayoutDecision, error] {
	query := url.Values{}
	set(query, "verdict", verdict)
	set(query, "reason", code)
	return walk[PayoutDecision](ctx, c, under(book, "payout-runs", run, "decisions"), query)
}

// ReplayPayoutDecision decides again and compares.
func (c *Client) ReplayPayoutDecision(ctx context.Context, book, run, kind, payee, currency string) (PayoutReplay, error) {
	query := url.Values{}
	set(query, "kind", kind)
	set(query, "payee", payee)
	set(query, "currency", currency)
	var r PayoutReplay
	err := c.get(ctx, under(book, "payout-runs", run, "replay"), query, &r)
	return r, err
}
