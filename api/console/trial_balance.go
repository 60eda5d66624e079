package console

import (
	"context"
	"math/big"
	"net/http"
	"slices"
	"sort"
	"strings"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/money"
)

// The trial balance of a month as finance reads it: each row of the chart with what it opened with, what moved and what it closed
// with, by the five roots of the chart, each on its own side, with the two lines that prove it, and beside it how the month before
// moved. Every figure leads to the accounts that it is made of, and these to their entries of the month.

const trialBalancePath = "/trial-balance"

// tracePages are the pages that lead from a figure to what it is made of.
func (c *console) tracePages(mux *http.ServeMux) {
	const at = "/console/books/{book}"
	books := []access.Scope{access.BooksRead, access.BalancesRead, access.TransactionsRead}
	mux.HandleFunc("GET "+at+trialBalancePath, c.readByAll(books, "trial-balance", c.trialBalance))
	mux.HandleFunc("GET "+at+ordersPath+"/{order}", c.readBy(access.TransactionsRead, "order", c.orderOfBook))
	mux.HandleFunc("GET "+at+donationsPath+"/{donation}", c.readBy(access.TransactionsRead, "order", c.donationOfBook))
	if c.Reconcile != nil {
		mux.HandleFunc("GET "+at+reconPath+"/sources/{kind}/{name}/lines/{line}", c.readBy(access.ReconciliationRead, "evidence-line", c.evidenceLine))
	}
}

// readByAll makes a handler of a page for those who hold all of the scopes in the book.
func (c *console) readByAll(scopes []access.Scope, name string, read payPage) http.HandlerFunc {
	return c.readBy(scopes[0], name, func(ctx context.Context, who cashier, r *http.Request) (answer, error) {
		if !mayAll(who.principal(), who.o.Code, scopes...) {
			return answer{}, errNoPage
		}
		return read(ctx, who, r)
	})
}

// monthChoice is a month to choose.
type monthChoice struct {
	ledger.Period
	Closed, Here bool
}

type trialBalancePage struct {
	Tabs       []tab
	Book       ledger.Book
	At         string
	Period     ledger.Period
	Before     ledger.Period
	Closed     bool
	AtSequence int64
	Months     []monthChoice
	Sheets     []trialSheet
	// Currency is the only one shown, Others lead to the rest; both are for books with many.
	Currency money.Currency
	Others   []link
	// Export leads to the file of the same figures; empty for whoever may not ask for one.
	Export string
}

// trialSheet is one currency of the trial balance.
type trialSheet struct {
	Currency money.Currency
	Groups   []trialGroup
	// Debits and Credits are what moved on either side; Own and Owed are assets and expenses, and liabilities, equity and revenue, at
	// the end of the month.
	Debits, Credits, Own, Owed amount
	Ties                       bool
}

// trialGroup is one root of the chart. Its amounts are on its own side: what goes against it has a minus.
type trialGroup struct {
	Root string
	Rows []trialLine
	Sum  trialLine
}

// trialLine is a row of the chart, or the sum of a root.
type trialLine struct {
	Code                              int
	Account                           ledger.Address
	Meaning, Link                     string
	Opening, Debits, Credits, Closing amount
	// Moved is what the month changed it by, Before what the month before did.
	Moved, Before amount
	Alarm         bool
}

// roots are the roots of the chart in the order of a trial balance, with their sides.
var roots = []struct {
	name string
	side ledger.Side
}{{"assets", ledger.Debit}, {"liabilities", ledger.Credit}, {"equity", ledger.Credit}, {"revenue", ledger.Credit}, {"expenses", ledger.Debit}}

func (c *console) trialBalance(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	q := r.URL.Query()
	currency := money.Currency(q.Get("currency"))
	if unusable(string(currency)) {
		return answer{}, errQuery
	}
	p := trialBalancePage{Tabs: who.o.tabs(who.principal(), "Trial balance"), Book: who.book, At: who.o.At + trialBalancePath}
	months, err := c.Ledger.Periods(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	months = months[:min(len(months), periodsOffered)]
	if text := q.Get("period"); text != "" {
		if p.Period, err = ledger.ParsePeriod(text); err != nil {
			return answer{}, err
		}
	} else if p.Period = c.monthOf(who.book); len(months) > 0 {
		p.Period = months[0]
	}
	head, err := c.Ledger.Head(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	if !slices.Contains(months, p.Period) {
		months = append([]ledger.Period{p.Period}, months...)
	}
	for _, m := range months {
		p.Months = append(p.Months, monthChoice{m, m < head.FirstOpenPeriod, m == p.Period})
	}
	p.Closed, p.Before = p.Period < head.FirstOpenPeriod, monthBefore(p.Period)
	if c.Reports != nil && mayAll(who.principal(), who.o.Code, access.ReportsRead) {
		p.Export = narrowedTo(who.o.At+exportsPath+"/new", "report", "trial_balance", "p-from", p.Period.String(), "p-to", p.Period.String())
	}
	before, err := c.Ledger.TrialBalance(ctx, who.book, p.Before)
	if err != nil {
		return answer{}, err
	}
	now, err := c.Ledger.TrialBalance(ctx, who.book, p.Period)
	if err != nil {
		return answer{}, err
	}
	p.AtSequence = now.AtSequence
	p.sheets(c.Ledger.Chart(), now, before)
	p.choose(currency)
	return answer{Title: tellerOf(ctx).say("trace.month_tb", "month", p.Period.String()), Trail: []link{{who.o.Name, bookAddress(who.book)}}, Active: "desk", Data: &p}, nil
}

// monthBefore is the month before one.
func monthBefore(p ledger.Period) ledger.Period {
	if p%100 == 1 {
		return (p/100-1)*100 + 12
	}
	return p - 1
}

// sheets lays the rows out by currency, in the book's order of currencies.
func (p *trialBalancePage) sheets(chart *ledger.Chart, now, before ledger.TrialBalance) {
	type key struct {
		code     int
		currency money.Currency
	}
	moved := map[key]*big.Int{}
	for _, r := range before.Rows {
		moved[key{r.Code, r.Currency}] = new(big.Int).Sub(r.Debits, r.Credits)
	}
	rows := map[money.Currency][]ledger.TrialRow{}
	for _, r := range now.Rows {
		rows[r.Currency] = append(rows[r.Currency], r)
	}
	for c, list := range rows {
		s := trialSheet{Currency: c, Debits: minor(0, c), Credits: minor(0, c), Own: minor(0, c), Owed: minor(0, c)}
		for _, root := range roots {
			g := trialGroup{Root: root.name, Sum: trialLine{Opening: minor(0, c), Debits: minor(0, c), Credits: minor(0, c), Closing: minor(0, c), Moved: minor(0, c), Before: minor(0, c)}}
			for _, r := range list {
				if !strings.HasPrefix(string(r.Account), root.name+":") {
					continue
				}
				was := moved[key{r.Code, c}]
				if was == nil {
					was = new(big.Int)
				}
				g.add(p.line(chart, r, was, root.side))
			}
			if len(g.Rows) == 0 {
				continue
			}
			s.Debits.Value.Add(s.Debits.Value, g.Sum.Debits.Value)
			s.Credits.Value.Add(s.Credits.Value, g.Sum.Credits.Value)
			total := s.Own
			if root.side == ledger.Credit {
				total = s.Owed
			}
			total.Value.Add(total.Value, g.Sum.Closing.Value)
			s.Groups = append(s.Groups, g)
		}
		s.Ties = s.Debits.Value.Cmp(s.Credits.Value) == 0 && s.Own.Value.Cmp(s.Owed.Value) == 0
		p.Sheets = append(p.Sheets, s)
	}
	sort.Slice(p.Sheets, func(i, j int) bool {
		return slices.Index(p.Book.Currencies, p.Sheets[i].Currency) < slices.Index(p.Book.Currencies, p.Sheets[j].Currency)
	})
}

// line is a row of the chart on the side of its root.
func (p *trialBalancePage) line(chart *ledger.Chart, r ledger.TrialRow, before *big.Int, side ledger.Side) trialLine {
	c := r.Currency
	on := func(v *big.Int) amount {
		if side == ledger.Credit {
			v = new(big.Int).Neg(v)
		}
		return amount{v, c}
	}
	closing := r.Closing()
	l := trialLine{Code: r.Code, Account: r.Account, Opening: on(r.Opening), Debits: amount{r.Debits, c}, Credits: amount{r.Credits, c}, Closing: on(closing),
		Moved: on(new(big.Int).Sub(r.Debits, r.Credits)), Before: on(before)}
	if row := chart.Row(r.Code); row != nil {
		l.Meaning = row.Meaning
		l.Alarm = row.Floor.Alarms() && (row.Normal == ledger.Debit && closing.Sign() < 0 || row.Normal == ledger.Credit && closing.Sign() > 0)
		l.Link = ofMonth(rowAddress(p.Book, row, c), p.Period)
	}
	return l
}

func (g *trialGroup) add(l trialLine) {
	g.Rows = append(g.Rows, l)
	for _, x := range []struct{ sum, of amount }{{g.Sum.Opening, l.Opening}, {g.Sum.Debits, l.Debits}, {g.Sum.Credits, l.Credits}, {g.Sum.Closing, l.Closing},
		{g.Sum.Moved, l.Moved}, {g.Sum.Before, l.Before}} {
		x.sum.Value.Add(x.sum.Value, x.of.Value)
	}
}

// choose keeps the page short where a book posts in many currencies: one is shown, the others are links.
func (p *trialBalancePage) choose(wanted money.Currency) {
	if len(p.Sheets) <= talliesShown {
		return
	}
	shown := max(0, slices.IndexFunc(p.Sheets, func(s trialSheet) bool { return s.Currency == wanted }))
	for i, s := range p.Sheets {
		if i != shown && len(p.Others) < 200 {
			p.Others = append(p.Others, link{string(s.Currency), narrowedTo(p.At, "period", p.Period.String(), "currency", string(s.Currency))})
		}
	}
	p.Sheets = p.Sheets[shown : shown+1]
	p.Currency = p.Sheets[0].Currency
}

// ofMonth is an address, which has parameters already, narrowed to a month; unchanged for none.
func ofMonth(address string, p ledger.Period) string {
	if p == 0 {
		return address
	}
	return address + "&period=" + p.String()
}

// monthAsked reads ?period= of an address, 0 for none.
func monthAsked(r *http.Request) (ledger.Period, error) {
	text := r.URL.Query().Get("period")
	if text == "" {
		return 0, nil
	}
	return ledger.ParsePeriod(text)
}

// monthTrail leads back from a page about a month to the book's trial balance of it, for those who may read it.
func (c *console) monthTrail(ctx context.Context, book ledger.Book, p ledger.Period) []link {
	if p == 0 || c.Access == nil || !mayAll(visitOf(ctx).principal(), book.Code, access.BooksRead, access.BalancesRead, access.TransactionsRead) {
		return nil
	}
	return []link{{tellerOf(ctx).say("trace.month_tb", "month", p.String()), narrowedTo("/console"+bookAddress(book)+trialBalancePath, "period", p.String())}}
}
