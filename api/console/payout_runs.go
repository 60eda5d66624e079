package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts"
)

// Runs: each decides about everybody with a balance. The page of one says how far it is, what a second person has to look
// at, and of everybody why they were paid or not.

// runLine is a run in a list.
type runLine struct {
	payouts.Run
	Link, Started string
	State         stateWord
	Totals        []runTotal
}

// runTotal is what a run created in one currency.
type runTotal struct {
	Currency           string
	Payouts            int64
	Amount, Fee, Gross amount
}

func (c *console) runLine(ctx context.Context, who cashier, run payouts.Run) (runLine, error) {
	l := runLine{Run: run, Link: who.o.At + "/payout-runs/" + run.ID, Started: who.t.coded("paying.trigger", run.Trigger), State: who.t.run(run.State)}
	totals, err := c.Payouts.Totals(ctx, who.book, run.ID)
	for _, t := range totals {
		l.Totals = append(l.Totals, runTotal{string(t.Currency), t.Payouts, sumOf(t.Amount, t.Currency), sumOf(t.Fee, t.Currency), sumOf(t.Amount+t.Fee, t.Currency)})
	}
	return l, err
}

type payoutRunsPage struct {
	payHead
	States      []tab
	State       string
	Lines       []runLine
	Next, First string
}

func (c *console) payoutRuns(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	p := payoutRunsPage{payHead: c.payHead(who, "runs"), State: r.URL.Query().Get("state")}
	at := who.o.At + "/payout-runs"
	known := p.State == ""
	p.States = append(p.States, tab{link{who.t.say("paying.all"), at}, p.State == ""})
	for _, s := range runStates {
		p.States = append(p.States, tab{link{who.t.run(s.state).Word, at + "?state=" + s.state}, s.state == p.State})
		known = known || s.state == p.State
	}
	before, id, err := momentAndID(r.URL.Query().Get("after"))
	if err != nil || !known {
		return answer{}, errQuery
	}
	list, err := c.Payouts.Runs(ctx, who.book, payouts.RunQuery{State: p.State, Before: before, BeforeID: id, Limit: runsPerPage})
	if err != nil {
		return answer{}, err
	}
	if id != "" {
		p.First = narrowedTo(at, "state", p.State)
	}
	if len(list) > runsPerPage {
		list = list[:runsPerPage]
		last := list[runsPerPage-1]
		p.Next = narrowedTo(at, "state", p.State, "after", mark(last.CreatedAt, last.ID))
	}
	for _, run := range list {
		l, err := c.runLine(ctx, who, run)
		if err != nil {
			return answer{}, err
		}
		p.Lines = append(p.Lines, l)
	}
	return who.answered(who.t.say("paying.runs"), &p), nil
}

// startRun begins a run by hand.
func (c *console) startRun(ctx context.Context, who cashier, r *http.Request) (string, error) {
	run, err := c.Payouts.StartRun(ctx, who.actor(), who.book, r.PostForm.Get("reason"))
	return who.o.At + "/payout-runs/" + run.ID, err
}

// decisionLine is a decision in a list.
type decisionLine struct {
	Holder          payouts.Holder
	Link, PayeeLink string
	Run, RunLink    string
	Pays            bool
	// OfPayee says that the line stands among those of its payee; Needs is why a second person has to agree.
	OfPayee           bool
	Needs             []string
	Amount, Fee, Gone amount
	Reasons           []toldReason
	// More is how many reasons are not shown.
	More              int
	LookAt, DecidedAt time.Time
}

// reasonsInList bounds the reasons that a line shows; the page of the decision has all.
const reasonsInList = 2

func (c *console) decisionLines(who cashier, list []payouts.Decided, ofPayee bool) (lines []decisionLine, err error) {
	for _, d := range list {
		var decision payouts.Decision
		if err := json.Unmarshal(d.Decision, &decision); err != nil {
			return nil, err
		}
		l := decisionLine{Holder: d.Holder, Link: who.o.At + "/payout-runs/" + d.Run + "/decisions/" + url.PathEscape(holderMark(d.Holder)),
			PayeeLink: who.o.At + "/payees/" + d.Holder.ID, Run: d.Run, RunLink: who.o.At + "/payout-runs/" + d.Run, Pays: d.Verdict == payouts.VerdictPay, OfPayee: ofPayee,
			Amount: sumOf(d.Amount, d.Holder.Currency), Fee: sumOf(d.Fee, d.Holder.Currency), Gone: sumOf(d.Amount+d.Fee, d.Holder.Currency), LookAt: d.LookAt, DecidedAt: d.At}
		l.Reasons = who.t.staffReasons(decision)
		for _, code := range decision.SecondPerson {
			l.Needs = append(l.Needs, who.t.say("second."+code))
		}
		l.More = max(0, len(l.Reasons)-reasonsInList)
		l.Reasons = l.Reasons[:len(l.Reasons)-l.More]
		lines = append(lines, l)
	}
	return lines, nil
}

type payoutRunPage struct {
	payHead
	Run      runLine
	Begun    who
	Progress payouts.Progress
	All      int64
	Needs    []string
	// Approval leads to what waits for a second person, or was decided; MayRelease says that it can be asked for.
	Approval, PayoutsLink string
	MayRelease, MayRefuse bool
	Verdict, Reason       string
	Reasons               []reasonChoice
	Narrowed              bool
	Decisions             []decisionLine
	Next, First           string
	Beside                runBeside
	Counted               []reasonLine
	// Uncounted says that the reasons of the run are not known as a whole.
	Uncounted bool
	Reached   []reachedLine
	Troubles  []payoutLine
	// Refuser is who refused the run.
	Refuser who
	// Follow leads to the page that is read again by itself, or back from it; empty where nothing moves.
	Follow    string
	Following bool
}

// Exactly is up to how many payouts in one place are counted one by one.
func (p *payoutRunPage) Exactly() int { return payouts.ProgressExact }

type reasonChoice struct {
	Code, Word string
	Here       bool
}

func (c *console) payoutRun(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id, q := r.PathValue("run"), r.URL.Query()
	if unusable(id) {
		return answer{}, errNoPage
	}
	run, err := c.Payouts.Run(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	p := payoutRunPage{payHead: c.payHead(who, "runs"), Verdict: q.Get("verdict"), Reason: q.Get("reason"), Needs: who.t.needs(run.Needs)}
	if p.Run, err = c.runLine(ctx, who, run); err != nil {
		return answer{}, err
	}
	if p.Progress, err = c.Payouts.Progress(ctx, who.book, id); err != nil {
		return answer{}, err
	}
	p.All = p.Progress.Sent + p.Progress.Left
	p.PayoutsLink = narrowedTo(who.o.At+"/payouts", "run", id)
	if err := c.releaseOf(ctx, who, run, &p); err != nil {
		return answer{}, err
	}
	if err := c.decisionsOf(ctx, who, q.Get("after"), &p); err != nil {
		return answer{}, err
	}
	if err := c.reasonsCounted(ctx, who, &p); err != nil {
		return answer{}, err
	}
	if !p.Narrowed && p.First == "" { // who reads on in the decisions has seen the rest
		if err := c.comparedTo(ctx, who, &p); err != nil {
			return answer{}, err
		}
		troubles, err := c.Payouts.Troubles(ctx, who.book, id)
		if err != nil {
			return answer{}, err
		}
		for _, one := range troubles {
			p.Troubles = append(p.Troubles, who.payoutLine(one))
		}
	}
	p.Reached = who.t.reached(p.Progress)
	_, starter, _ := cutActor(run.StartedBy)
	_, refuser, _ := cutActor(run.RefusedBy)
	names := c.names(ctx, who.visit, []string{starter, refuser})
	p.Begun, p.Refuser = names(starter), names(refuser)
	a := who.answered(who.t.say("runs.title"), &p, link{who.t.say("paying.tab.runs"), who.o.At + "/payout-runs"})
	a.Refresh = p.followed(q.Get("follow"))
	return a, nil
}

// decisionsOf adds a page of the run's decisions.
func (c *console) decisionsOf(ctx context.Context, who cashier, after string, p *payoutRunPage) error {
	q := payouts.DecisionQuery{Run: p.Run.ID, Verdict: p.Verdict, Reason: p.Reason, Limit: decisionsPerPage}
	codes := payouts.ReasonCodes()
	if p.Verdict != "" && p.Verdict != payouts.VerdictPay && p.Verdict != payouts.VerdictSkip || p.Reason != "" && !slices.Contains(codes, p.Reason) {
		return errQuery
	}
	for _, code := range codes {
		p.Reasons = append(p.Reasons, reasonChoice{code, who.t.reason(code), code == p.Reason})
	}
	at := who.o.At + "/payout-runs/" + p.Run.ID
	p.Narrowed = p.Verdict != "" || p.Reason != ""
	if after != "" {
		holder, err := holderAt(after)
		if err != nil {
			return err
		}
		q.After = &payouts.Decided{Holder: holder}
		p.First = narrowedTo(at, "verdict", p.Verdict, "reason", p.Reason)
	}
	page, err := c.Payouts.Decisions(ctx, who.book, q)
	if err != nil {
		return err
	}
	if page.Next != nil {
		p.Next = narrowedTo(at, "verdict", p.Verdict, "reason", p.Reason, "after", holderMark(page.Next.Holder))
	}
	p.Decisions, err = c.decisionLines(who, page.Decisions, false)
	return err
}

// releaseOf finds what waits for a second person about the run, and what the visitor may do about it.
func (c *console) releaseOf(ctx context.Context, who cashier, run payouts.Run, p *payoutRunPage) error {
	if run.Approval != "" {
		p.Approval = who.o.At + "/approvals/" + run.Approval
	}
	if run.State != payouts.RunWaiting {
		return nil
	}
	p.MayRefuse = p.MayDecide
	open, err := c.openAbout(ctx, who.o, func(a guard.Approval) bool {
		var about struct {
			Run string `json:"run"`
		}
		return json.Unmarshal(a.Payload, &about) == nil && about.Run == run.ID
	}, payouts.ReleaseAct)
	if err != nil {
		return err
	}
	if open != "" {
		p.Approval = open
		return nil
	}
	p.MayRelease = p.MayAsk
	return nil
}

// askRelease asks a second person to release the run.
func (c *console) askRelease(ctx context.Context, who cashier, r *http.Request) (string, error) {
	return c.asked(ctx, who, payouts.ReleaseAct, map[string]string{"run": r.PathValue("run")}, r.PostForm)
}

// asked asks for a second person, and leads to the approval.
func (c *console) asked(ctx context.Context, who cashier, act string, payload any, form url.Values) (string, error) {
	content, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	return c.asks(ctx, who, guard.Request{Act: act, Payload: content, Reason: form.Get("reason"), Document: form.Get("document")}, form)
}

// refuseRun refuses a run that waits: its payouts are cancelled.
func (c *console) refuseRun(ctx context.Context, who cashier, r *http.Request) (string, error) {
	run, err := c.Payouts.RefuseRun(ctx, who.actor(), who.book, r.PathValue("run"), r.PostForm.Get("reason"))
	return who.o.At + "/payout-runs/" + run.ID, err
}

type decisionPage struct {
	payHead
	decisionLine
	Decision payouts.Decision
	Inputs   document
	// Replays says that the stored facts come to the same decision today; Differs that they do not.
	Replays, Differs        bool
	Basis, Left             amount
	PayoutsLink, PolicyUsed string
}

func (c *console) payoutDecision(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	run := r.PathValue("run")
	holder, err := holderAt(r.PathValue("holder"))
	if err != nil || unusable(run) {
		return answer{}, errNoPage
	}
	d, err := c.Payouts.Decision(ctx, who.book, run, holder)
	if err != nil {
		return answer{}, err
	}
	p := decisionPage{payHead: c.payHead(who, "runs"), Inputs: documentOf(d.Inputs), PolicyUsed: d.Policy}
	if err := json.Unmarshal(d.Decision, &p.Decision); err != nil {
		return answer{}, err
	}
	lines, err := c.decisionLines(who, []payouts.Decided{d}, false)
	if err != nil {
		return answer{}, err
	}
	p.decisionLine = lines[0]
	p.Reasons, p.More = who.t.staffReasons(p.Decision), 0
	p.Basis, p.Left = sumOf(p.Decision.Basis, holder.Currency), sumOf(p.Decision.Left, holder.Currency)
	switch _, err := c.Payouts.Replay(ctx, who.book, run, holder); {
	case err == nil:
		p.Replays = true
	case errors.Is(err, ctx.Err()) || fault.KindOf(err) == fault.Unavailable:
		return answer{}, err
	default:
		p.Differs = true
	}
	if p.Pays {
		p.PayoutsLink = narrowedTo(who.o.At+"/payouts", "run", run)
	}
	return who.answered(who.t.say("paying.decision"), &p, link{who.t.say("paying.tab.runs"), who.o.At + "/payout-runs"}, link{run, who.o.At + "/payout-runs/" + run}), nil
}
