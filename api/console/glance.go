package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/payouts/health"
)

// Books at a glance: on the desk a row for each book, and for a book a page with every figure of its health, what needs a person on top.

// glanceBudget is how long a desk reads the health of its books together: what was not read by then says so.
const glanceBudget = 3 * time.Second

// glanceFigure is a figure as a page shows it.
type glanceFigure struct {
	health.Figure
	Title, Means string
	Sums         []amount
	// Link leads to where it is looked at, empty where there is no page.
	Link string
	// For is how long it has been so.
	For string
}

// Bad says that a person is needed now, and Quiet that all is well.
func (f glanceFigure) Bad() bool   { return f.State == health.Act }
func (f glanceFigure) Quiet() bool { return f.State == health.Well }

type glanceGroup struct {
	Code, Title string
	Figures     []glanceFigure
}

// glance is the health of a book as pages show it.
type glance struct {
	// Needs are the figures that need a person, and those that could not be read; Watch are worth a look.
	Needs, Watch []glanceFigure
	Groups       []glanceGroup
	// Hidden are the parts that the visitor may not read.
	Hidden string
	At     time.Time
}

type bookGlancePage struct {
	Book  ledger.Book
	Whose whose
	Tabs  []tab
	glance
}

// glancePages are the pages of books at a glance.
func (c *console) glancePages(mux *http.ServeMux) {
	if c.Health != nil {
		mux.HandleFunc("GET /console/books/{book}", c.readBy(access.BooksRead, "book-glance", c.bookGlance))
	}
}

func (c *console) bookGlance(ctx context.Context, who cashier, _ *http.Request) (answer, error) {
	p := bookGlancePage{Book: who.book, Whose: who.o, Tabs: who.o.tabs(who.principal(), ""), glance: c.glanceOf(ctx, who.visit, who.o, who.book)}
	return answer{Title: who.book.Name, Active: "desk", Trail: who.o.trail(), Data: &p}, nil
}

// glanceOf reads the health of a book as far as the visitor may see it.
func (c *console) glanceOf(ctx context.Context, v *visit, o whose, book ledger.Book) (g glance) {
	t, p := tellerOf(ctx), v.principal()
	report := c.Health.Of(ctx, book, func(part string) bool { return mayAll(p, o.Code, access.Scope(part+":read")) })
	g.At = report.At
	for _, group := range health.Groups() {
		g.Groups = append(g.Groups, glanceGroup{Code: group, Title: t.say("glance.group." + group)})
	}
	now := c.Now()
	for _, f := range report.Figures {
		line := glanceFigure{Figure: f, Title: t.say("glance.figure." + f.Code), Means: t.say("glance.means." + f.Code), Link: glanceLinkOf(p, o, f), For: t.since(now, f.Since)}
		for _, a := range f.Amounts {
			line.Sums = append(line.Sums, minor(a.Minor, a.Currency))
		}
		if f.Code == health.ApprovalsOpen && f.Count > 0 {
			g.Needs = append(g.Needs, c.toDecide(ctx, p, o, t)...)
		}
		switch f.State {
		case health.Act, health.Unread:
			g.Needs = append(g.Needs, line)
		case health.Watch:
			g.Watch = append(g.Watch, line)
		}
		for i := range g.Groups {
			if g.Groups[i].Code == f.Group {
				g.Groups[i].Figures = append(g.Groups[i].Figures, line)
			}
		}
	}
	g.Hidden = partWords(t, report.NotShown)
	return g
}

// toDecide is what waits for a second person and may be decided by this one, who did not write it; nothing if there is none.
func (c *console) toDecide(ctx context.Context, p access.Principal, o whose, t teller) []glanceFigure {
	if !mayAll(p, o.Code, access.ApprovalsRead, access.ApprovalsDecide) {
		return nil
	}
	n, since, err := c.Desk.Waiting(ctx, o.Book, p.ID, cmp.Or(p.Person, p.ID))
	if err != nil || n == 0 { // the figure of all that wait stands beside it
		return nil
	}
	f := glanceFigure{Title: t.say("glance.decide"), Means: t.say("glance.decide.means"), Link: o.At + "/approvals"}
	f.Code, f.State, f.Count, f.Since = health.ApprovalsOpen, health.Act, n, since
	f.For = t.since(c.Now(), f.Since)
	return []glanceFigure{f}
}

// glanceLink is a page of the staff below the book, and what it takes to open it.
type glanceLink struct {
	at    string
	scope access.Scope
}

var glanceLinks = map[string]glanceLink{
	health.Suspense: {reconPath, access.ReconciliationRead}, health.BreaksOpen: {breaksPath, access.ReconciliationRead}, health.BreaksOverdue: {breaksPath, access.ReconciliationRead},
	health.EvidenceOld: {reconPath, access.ReconciliationRead}, health.MonthsOpen: {periodsPath, access.ReconciliationRead},
	health.PayoutsUnknown: {"/payouts?state=unknown", access.PayoutsRead}, health.PayoutsRefused: {"/payouts?state=refused", access.PayoutsRead},
	health.PayoutsAtAccount: {"/payouts?state=at_account", access.PayoutsRead}, health.PayoutsUnsent: {"/payouts?state=created", access.PayoutsRead},
	health.PayoutsUnderWay: {"/payouts?state=submitted", access.PayoutsRead}, health.RunsWaiting: {"/payout-runs?state=waiting", access.PayoutsRead},
	health.ClocksParked: {"/payout-health", access.PayoutsRead}, health.QuestionsOpen: {questionsPath, access.PayoutsRead},
	health.JobsParked: {"/jobs", access.JobsRead}, health.JobsLate: {"/jobs", access.JobsRead}, health.ApprovalsOpen: {"/approvals", access.ApprovalsRead},
	health.MessagesParked: {inboundPath + "?state=parked", access.InboundRead}, health.ImportsParked: {importsPath, access.InboundRead},
}

// glanceLinkOf leads to where a figure is looked at; empty where there is no page, or not for the visitor.
func glanceLinkOf(p access.Principal, o whose, f health.Figure) string {
	switch f.Code {
	case health.Coverage, health.OwnMoney, health.Safeguarding, health.WrongSide:
		if mayAll(p, o.Code, access.BooksRead, access.BalancesRead, access.TransactionsRead) {
			return "/books/" + url.PathEscape(o.Code)
		}
		return ""
	}
	to, ok := glanceLinks[f.Code]
	if !ok || !mayAll(p, o.Code, to.scope) {
		return ""
	}
	if f.Code == health.MonthsOpen && len(f.Names) > 0 {
		return o.At + periodsPath + "/" + f.Names[0]
	}
	return o.At + to.at
}
