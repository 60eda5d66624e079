package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What of payouts people have to look at: what does not go on by itself, who owes, and what is proposed about our own money.

// figure is a number that shall be zero, and how long it has not been.
type figure struct {
	Name, Meaning string
	Count         int64
	For           string
	Since         time.Time
	Link          string
	// Bad says that somebody has to do something.
	Bad bool
}

// clockLine is something whose time has come and that still stands.
type clockLine struct {
	payouts.Clock
	What, Link string
	For        string
}

type payoutHealthPage struct {
	payHead
	Figures  []figure
	Calm     bool
	Waiting  []runLine
	Latest   []runLine
	Parked   []clockLine
	Gated    []clockLine
	MoreWait bool
}

// clocksShown bounds the clocks of each kind on a page.
const clocksShown = 20

func (c *console) payoutHealth(ctx context.Context, who cashier, _ *http.Request) (answer, error) {
	h, err := c.Payouts.Health(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	at, now, t := who.o.At+"/payouts?state=", c.Now(), who.t
	refused := t.say("paying.figure.refused.note")
	if h.Stuck > 0 {
		refused = t.say("paying.figure.refused.stuck", "n", h.Stuck)
	}
	p := payoutHealthPage{payHead: c.payHead(who, "overview"), Figures: []figure{
		{t.say("paying.figure.unknown"), t.say("paying.figure.unknown.note"), h.Unknown, t.since(now, h.OldestUnknown), h.OldestUnknown, at + payouts.Unknown, h.Unknown > 0},
		{t.say("paying.figure.refused"), refused, h.Refused, "", noTime, at + payouts.Refused, h.Stuck > 0},
		{t.say("paying.figure.at_account"), t.say("paying.figure.at_account.note"), h.AtAccount, t.since(now, h.OldestAtAccount), h.OldestAtAccount, at + payouts.AtAccount, h.AtAccount > 0},
		{t.say("paying.figure.unsent"), t.say("paying.figure.unsent.note"), h.Unsent, t.since(now, h.OldestUnsent), h.OldestUnsent, at + payouts.Created, h.Unsent > 0 && now.Sub(h.OldestUnsent) > time.Hour},
	}}
	for _, list := range []struct {
		q  payouts.RunQuery
		to *[]runLine
	}{{payouts.RunQuery{State: payouts.RunWaiting, Limit: latestOfPayee}, &p.Waiting}, {payouts.RunQuery{Limit: latestOfPayee}, &p.Latest}} {
		runs, err := c.Payouts.Runs(ctx, who.book, list.q)
		if err != nil {
			return answer{}, err
		}
		for _, run := range runs[:min(len(runs), latestOfPayee)] {
			l, err := c.runLine(ctx, who, run)
			if err != nil {
				return answer{}, err
			}
			*list.to = append(*list.to, l)
		}
		p.MoreWait = p.MoreWait || list.q.State != "" && len(runs) > latestOfPayee
	}
	for state, to := range map[string]*[]clockLine{payouts.ClocksParked: &p.Parked, payouts.ClocksGated: &p.Gated} {
		clocks, err := c.Payouts.Clocks(ctx, who.book, state, payouts.Clock{}, clocksShown)
		if err != nil {
			return answer{}, err
		}
		for _, k := range clocks {
			*to = append(*to, clockLine{Clock: k, What: t.coded("paying.act", k.Act), Link: listAddress(who.book, url.Values{"subject": {k.Subject}}), For: t.since(now, k.DueAt)})
		}
	}
	p.Calm = len(p.Parked) == 0 && !slices.ContainsFunc(p.Figures, func(f figure) bool { return f.Bad })
	return answer{Title: t.say("paying.payouts"), Trail: who.o.trail(), Active: "desk", Data: &p}, nil
}

// lookAgain has what waits for people tried anew.
func (c *console) lookAgain(ctx context.Context, who cashier, r *http.Request) (string, error) {
	reason := r.PostForm.Get("reason")
	if strings.TrimSpace(reason) == "" || len(reason) > 2000 {
		return "", payouts.ErrRunReason
	}
	_, err := c.Payouts.LookAgain(ctx, who.actor(), who.book, r.PostForm.Get("subject"), reason)
	return who.o.At + "/payout-health", err
}

type payoutDebtsPage struct {
	payHead
	Lines       []debtLine
	Next, First string
}

func (c *console) payoutDebts(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	at, after := who.o.At+"/payout-debts", payouts.Debt{}
	if text := r.URL.Query().Get("after"); text != "" {
		parts := strings.Split(text, ",")
		if len(parts) != 2 || unusable(text) {
			return answer{}, errQuery
		}
		since, err := time.Parse(time.RFC3339Nano, parts[0])
		holder, wrong := holderAt(parts[1])
		if err != nil || wrong != nil {
			return answer{}, errQuery
		}
		after = payouts.Debt{Holder: holder, Since: since}
	}
	list, err := c.Payouts.Debts(ctx, who.book, after, debtsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	p := payoutDebtsPage{payHead: c.payHead(who, "debts")}
	if after.ID != "" {
		p.First = at
	}
	if len(list) > debtsPerPage {
		list = list[:debtsPerPage]
		last := list[debtsPerPage-1]
		p.Next = narrowedTo(at, "after", mark(last.Since, holderMark(last.Holder)))
	}
	for _, d := range list {
		p.Lines = append(p.Lines, c.debtLine(who, d))
	}
	return who.answered(who.t.say("paying.debts"), &p), nil
}

type proposalLine struct {
	payouts.Proposal
	Word   string
	Amount amount
	// Link leads to what it is about, if that is a payee.
	Link string
}

type treasuryProposalsPage struct {
	payHead
	States      []tab
	State       string
	Lines       []proposalLine
	Next, First string
}

func (c *console) treasuryProposals(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	at, q := who.o.At+"/treasury-proposals", r.URL.Query()
	p := treasuryProposalsPage{payHead: c.payHead(who, "proposals"), State: "open"}
	if q.Has("state") {
		p.State = q.Get("state")
	}
	known := false
	for _, s := range []link{{"paying.proposals.open", "open"}, {"paying.proposals.done", "done"}, {"paying.proposals.dropped", "dropped"}, {"paying.proposals.replaced", "replaced"}, {"paying.all", "all"}} {
		p.States = append(p.States, tab{link{who.t.say(s.Text), at + "?state=" + s.Address}, s.Address == p.State})
		known = known || s.Address == p.State
	}
	before, id, err := momentAndID(q.Get("after"))
	if err != nil || !known {
		return answer{}, errQuery
	}
	state := p.State
	if state == "all" {
		state = ""
	}
	list, err := c.Payouts.Proposals(ctx, who.book, state, payouts.Proposal{ID: id, CreatedAt: before}, debtsPerPage+1)
	if err != nil {
		return answer{}, err
	}
	if id != "" {
		p.First = narrowedTo(at, "state", p.State)
	}
	if len(list) > debtsPerPage {
		list = list[:debtsPerPage]
		last := list[debtsPerPage-1]
		p.Next = narrowedTo(at, "state", p.State, "after", mark(last.CreatedAt, last.ID))
	}
	for _, one := range list {
		l := proposalLine{Proposal: one, Word: who.t.coded("paying.propose", one.Kind), Amount: sumOf(one.Amount, one.Currency)}
		if key := "paying.because." + one.Kind; who.t.Language != locale.English && phrases().Has(key) {
			l.Reason = who.t.say(key)
		}
		if kind, id, ok := strings.Cut(one.Object, ":"); ok && isEarner(kind) {
			l.Link = who.o.At + "/payees/" + id
		}
		p.Lines = append(p.Lines, l)
	}
	return who.answered(who.t.say("paying.proposals"), &p), nil
}

// waitMark is a wait as addresses have it, and waitAt reads it.
func waitMark(w payouts.Wait) string {
	at := ""
	if !w.DueAt.IsZero() {
		at = w.DueAt.UTC().Format(time.RFC3339Nano)
	}
	return strings.Join([]string{at, w.Subject, w.Act, w.Kind, string(w.Currency)}, ",")
}

func waitAt(s string) (w payouts.Wait, err error) {
	if s == "" {
		return w, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) != 5 || unusable(s) || parts[1] == "" {
		return w, errQuery
	}
	if parts[0] != "" {
		// The place is written as text for the database, which knows no year 0.
		if w.DueAt, err = time.Parse(time.RFC3339Nano, parts[0]); err != nil || w.DueAt.UTC().Year() < 1 || w.DueAt.UTC().Year() > 9999 {
			return w, errQuery
		}
	}
	w.Subject, w.Act, w.Kind, w.Currency = parts[1], parts[2], parts[3], money.Currency(parts[4])
	return w, nil
}
