package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/locale"
	"mizan/payouts"
)

// Payouts: those of a book, by state, and one with everything that happened to it and the lines that it pays.

// payoutLine is a payout in a list.
type payoutLine struct {
	payouts.Payout
	Link, PayeeLink string
	State           stateWord
	Amount, Fee     amount
	Gross           amount
	// Day is when it arrived, came back, or is expected.
	Day time.Time
}

func (who cashier) payoutLine(p payouts.Payout) payoutLine {
	c, at := p.Holder.Currency, who.o.At
	l := payoutLine{Payout: p, Link: at + "/payouts/" + p.ID, PayeeLink: at + "/payees/" + p.Holder.ID, State: who.t.payout(p), Amount: sumOf(p.Amount, c), Fee: sumOf(p.Fee, c),
		Gross: sumOf(p.Gross(), c), Day: p.ExpectedOn}
	for _, t := range []time.Time{p.PaidAt, p.EndedAt, p.ReturnedAt} {
		if !t.IsZero() {
			l.Day = t
		}
	}
	return l
}

type payoutsPage struct {
	payHead
	States          []tab
	State           string
	Run, RunLink    string
	Payee           string
	PayeeLink, Here string
	Lines           []payoutLine
	Next, First     string
}

func (c *console) payouts(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	q := r.URL.Query()
	at := who.o.At + "/payouts"
	p := payoutsPage{payHead: c.payHead(who, "payouts"), State: q.Get("state"), Run: q.Get("run"), Payee: q.Get("payee"), Here: at}
	if unusable(p.Run) || unusable(p.Payee) || p.State != "" && !slices.ContainsFunc(payoutStates, func(s look) bool { return s.state == p.State }) {
		return answer{}, errQuery
	}
	ask := payouts.PayoutQuery{Run: p.Run, State: p.State, Payee: p.Payee, Limit: payoutsPerPage}
	after := q.Get("after")
	var err error
	if p.Run != "" {
		ask.AfterID, p.RunLink = after, who.o.At+"/payout-runs/"+p.Run
	} else if ask.Before, ask.BeforeID, err = momentAndID(after); err != nil {
		return answer{}, err
	}
	if unusable(after) {
		return answer{}, errQuery
	}
	list, err := c.Payouts.Payouts(ctx, who.book, ask)
	if err != nil {
		return answer{}, err
	}
	if after != "" {
		p.First = narrowedTo(at, "state", p.State, "run", p.Run, "payee", p.Payee)
	}
	if len(list) > payoutsPerPage {
		list = list[:payoutsPerPage]
		last := list[payoutsPerPage-1]
		next := mark(last.CreatedAt, last.ID)
		if p.Run != "" {
			next = last.ID
		}
		p.Next = narrowedTo(at, "state", p.State, "run", p.Run, "payee", p.Payee, "after", next)
	}
	for _, one := range list {
		p.Lines = append(p.Lines, who.payoutLine(one))
	}
	if p.Payee != "" {
		p.PayeeLink = who.o.At + "/payees/" + p.Payee
	}
	if p.Run == "" {
		p.States = append(p.States, tab{link{who.t.say("paying.all"), narrowedTo(at, "payee", p.Payee)}, p.State == ""})
		for _, s := range payoutStates {
			p.States = append(p.States, tab{link{who.t.step(s.state).Word, narrowedTo(at, "state", s.state, "payee", p.Payee)}, s.state == p.State})
		}
	}
	return who.answered(who.t.say("paying.payouts"), &p), nil
}

// stepLine is one thing that happened to a payout.
type stepLine struct {
	payouts.Step
	Is stateWord
	// Posted leads to the transaction that it posted.
	Posted *link
}

// paidLine is one line of a payout.
type paidLine struct {
	payouts.Line
	Event string
	// Day is when it happened, in the words of a payee's language; empty for the staff.
	Day           string
	Entry, Amount amount
	Link, ID      string
	// About leads to the page of the order or donation; empty without one.
	About string
	// Settles leads to the payout whose money came back with the line.
	SettlesLink string
	// Part says that only a part of the entry belongs to this payout.
	Part bool
}

func paidLinesOf(book ledger.Book, at string, currency payouts.Holder, list []payouts.Line) (lines []paidLine) {
	for _, l := range list {
		x := paidLine{Line: l, Event: eventWords(l.Event), Entry: sumOf(l.Entry, currency.Currency), Amount: sumOf(l.Amount, currency.Currency), Link: transactionAddress(book, l.Sequence),
			ID: ledger.TransactionID(book.Code, l.Sequence), Part: l.Entry != l.Amount}
		if l.Settles != "" {
			x.SettlesLink = at + "/payouts/" + l.Settles
		}
		lines = append(lines, x)
	}
	return lines
}

type payoutPage struct {
	payHead
	payoutLine
	Meaning    string
	LeftAfter  amount
	PulledBack amount
	RunLink    string
	// Before is the payout that this one pays again, After those that pay this one again.
	Before    *link
	After     []payoutLine
	Steps     []stepLine
	MoreSteps bool
	Lines     []paidLine
	// Whole says that the page has every line, so that they must sum to what left the balance.
	Whole       bool
	Sum         amount
	Next, First string
	CreatedLink string
	MayCancel   bool
	// Again leads to the form that pays it again.
	Again string
	// Evidence is what the processor and the bank say of its transactions, for those who may read that; Export leads to its trail as a file.
	Evidence     []evidenceLine
	SeesEvidence bool
	Export       string
}

func (c *console) payout(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("payout")
	if unusable(id) {
		return answer{}, errNoPage
	}
	one, err := c.Payouts.Payout(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	p := payoutPage{payHead: c.payHead(who, "payouts"), payoutLine: who.payoutLine(one), Meaning: who.t.say("paying.means." + one.State), LeftAfter: sumOf(one.LeftAfter, one.Holder.Currency),
		PulledBack: sumOf(one.PulledBack, one.Holder.Currency), RunLink: who.o.At + "/payout-runs/" + one.Run, CreatedLink: transactionAddress(who.book, one.CreatedSequence)}
	if !one.ReturnedAt.IsZero() {
		p.Meaning = who.t.say("paying.means.returned")
	}
	p.MayCancel = p.MayWrite && (one.State == payouts.Created || one.State == payouts.Refused)
	if err := c.chainOf(ctx, who, &p); err != nil {
		return answer{}, err
	}
	steps, err := c.Payouts.Steps(ctx, who.book, id, 0, stepsShown)
	if err != nil {
		return answer{}, err
	}
	p.MoreSteps = len(steps) > stepsShown
	for _, s := range steps[:min(len(steps), stepsShown)] {
		l := stepLine{Step: s, Is: who.t.step(s.State)}
		if cameBack(s) {
			l.Is = stateWord{who.t.say("paying.is.back"), "failed"}
		}
		if s.Sequence > 0 {
			l.Posted = &link{ledger.TransactionID(who.book.Code, s.Sequence), transactionAddress(who.book, s.Sequence)}
		}
		p.Steps = append(p.Steps, l)
	}
	if err := c.linesOf(ctx, who, r.URL.Query().Get("after"), &p); err != nil {
		return answer{}, err
	}
	if err := c.behindPayout(ctx, who, &p); err != nil {
		return answer{}, err
	}
	return who.answered(who.t.say("paying.payout"), &p, link{who.t.say("paying.payouts"), who.o.At + "/payouts"}), nil
}

// chainOf adds what was paid before and after in the payout's place.
func (c *console) chainOf(ctx context.Context, who cashier, p *payoutPage) error {
	if p.RetryOf != "" {
		p.Before = &link{p.RetryOf, who.o.At + "/payouts/" + p.RetryOf}
	}
	later, err := c.Payouts.RetriesOf(ctx, who.book, p.ID)
	if err != nil {
		return err
	}
	alive := false
	for _, l := range later[:min(len(later), latestOfPayee)] {
		p.After = append(p.After, who.payoutLine(l))
	}
	for _, l := range later {
		alive = alive || l.State != payouts.Cancelled
	}
	if back := p.Payout.State == payouts.Failed || !p.ReturnedAt.IsZero(); back && !alive && p.MayWrite {
		p.Again = narrowedTo(p.PayeeLink+"/payout", "kind", p.Holder.Kind, "currency", string(p.Holder.Currency), "retry", p.ID)
	}
	return nil
}

// linesOf adds a page of the payout's lines.
func (c *console) linesOf(ctx context.Context, who cashier, after string, p *payoutPage) error {
	sequence, line, err := place(after)
	if err != nil {
		return err
	}
	page, err := c.Payouts.Lines(ctx, who.book, p.ID, sequence, line, linesPerPage)
	if err != nil {
		return err
	}
	p.Lines = paidLinesOf(who.book, who.o.At, p.Holder, page.Lines)
	for i := range p.Lines {
		if who.t.Language != locale.English { // the English name is that of the API
			p.Lines[i].Event = who.t.word("event", page.Lines[i].Event)
		}
		p.Lines[i].About = c.subjectPage(ctx, who.book, p.Lines[i].Subject)
	}
	p.Whole = sequence == 0 && !page.More
	var sum payouts.Line
	for _, l := range page.Lines {
		sum.Amount += l.Amount
	}
	p.Sum = sumOf(sum.Amount, p.Holder.Currency)
	if sequence > 0 {
		p.First = p.Link + "#lines"
	}
	if page.More {
		p.Next = narrowedTo(p.Link, "after", placeMark(page.AfterSequence, page.AfterLine)) + "#lines"
	}
	return nil
}

// behindPayout adds what the processor and the bank say of the transactions of a payout.
func (c *console) behindPayout(ctx context.Context, who cashier, p *payoutPage) error {
	if c.Reports != nil && mayAll(who.principal(), who.o.Code, access.ReportsRead) {
		p.Export = narrowedTo(who.o.At+exportsPath+"/new", "report", "trail", "p-kind", "payout", "p-id", p.ID)
	}
	if p.SeesEvidence = c.seesEvidence(who); !p.SeesEvidence {
		return nil
	}
	page, err := c.Ledger.Transactions(ctx, who.book, ledger.TransactionQuery{Subject: "payout:" + p.ID, Limit: stepsShown})
	if err == nil {
		p.Evidence, err = c.evidenceBehind(ctx, who, page.Transactions)
	}
	return err
}

// cameBack reports whether a step says that a payout which had arrived came back.
func cameBack(s payouts.Step) bool { return s.State == payouts.Paid && s.Code != "" }

// cancelPayout cancels a payout that was not sent.
func (c *console) cancelPayout(ctx context.Context, who cashier, r *http.Request) (string, error) {
	p, err := c.Payouts.Cancel(ctx, who.actor(), who.book, r.PathValue("payout"), r.PostForm.Get("reason"))
	return who.o.At + "/payouts/" + p.ID, err
}
