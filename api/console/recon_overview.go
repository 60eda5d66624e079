package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// The overview of reconciliation: how far each source is compared, what is open and how old it is, and what waits in suspense.

// closingLine is what both sides of a run closed with in a currency.
type closingLine struct {
	Currency                   money.Currency
	Source, Ledger, Difference amount
}

// reconSourceLine is a source with its last evidence and its last run.
type reconSourceLine struct {
	reconcile.Source
	Word, Match, Link, RunLink string
	// Evidence is when something was last taken; New is how many lines no run has taken yet.
	Evidence       time.Time
	EvidenceAgo    string
	Lines, New     int64
	Run            *reconcile.Newest
	RunAgo         string
	Closings       []closingLine
	Bank, Pullable bool
}

// ageBar is an age class with its share of all open breaks.
type ageBar struct {
	Label      string
	Count, All int64
	Link       string
}

// ageLine is a class of open breaks in a currency, with its counts by age.
type ageLine struct {
	Class           string
	class           reconcile.Class
	Link            string
	Currency        money.Currency
	Counts          []int64
	Count           int64
	Gross, Suspense amount
	gross, suspense money.Minor
}

// waitingLine is what waits on one side of suspense in a currency.
type waitingLine struct {
	Currency money.Currency
	Inflow   bool
	Count    int64
	Sum      amount
	sum      money.Minor
}

type reconPage struct {
	payHead
	Sources []reconSourceLine
	// Inside is the run of the book against itself.
	Inside                  *reconcile.Newest
	InsideAgo, InsideLink   string
	Bars                    []ageBar
	Ages                    []ageLine
	Suspense                []waitingLine
	Open, Overdue, Waiting  int64
	Currencies              []money.Currency
	BreaksLink, OverdueLink string
}

func (c *console) recon(ctx context.Context, who cashier, _ *http.Request) (answer, error) {
	t := tellerOf(ctx)
	p := reconPage{payHead: c.reconHead(t, who, reconPath), Currencies: who.book.Currencies, BreaksLink: who.o.At + breaksPath}
	sources, err := c.Reconcile.Sources(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	newest, err := c.Reconcile.NewestRuns(ctx, who.book)
	if err != nil {
		return answer{}, err
	}
	for _, s := range sources {
		l, err := c.reconSourceLine(ctx, t, who, s, newest)
		if err != nil {
			return answer{}, err
		}
		p.Sources = append(p.Sources, l)
	}
	for _, n := range newest {
		if n.Match == reconcile.R3 && n.Source == 0 {
			p.Inside, p.InsideAgo, p.InsideLink = &n, t.ago(n.RecordedAt, c.Now()), who.runAt(n.Run)
		}
	}
	if err := c.reconAges(ctx, t, who, &p); err != nil {
		return answer{}, err
	}
	health, err := c.Reconcile.Health(ctx, who.book)
	for _, h := range health {
		p.Open, p.Overdue, p.Waiting = p.Open+h.Open, p.Overdue+h.Overdue, p.Waiting+h.Waiting
	}
	return who.reconciled(t, t.say("recon.title"), &p), err
}

// reconSourceLine reads how far a source is compared.
func (c *console) reconSourceLine(ctx context.Context, t teller, who cashier, s reconcile.Source, newest []reconcile.Newest) (reconSourceLine, error) {
	l := reconSourceLine{Source: s, Word: t.sourceWord(s.Kind, s.Name), Link: who.sourceAt(s.Kind, s.Name), Bank: s.Kind == reconcile.KindBank, Pullable: s.Kind == reconcile.KindProcessor}
	match := matchOfKind(s.Kind)
	l.Match = t.matchWord(match)
	receipts, err := c.Reconcile.Receipts(ctx, who.book, s, 0, 1)
	if err != nil {
		return l, err
	}
	if len(receipts) > 0 {
		l.Evidence, l.EvidenceAgo = receipts[0].RecordedAt, t.ago(receipts[0].RecordedAt, c.Now())
		if _, l.Lines, _, err = c.Reconcile.Known(ctx, who.book, s); err != nil {
			return l, err
		}
	}
	l.New = l.Lines
	for _, n := range newest {
		if n.Match != match || n.Source != s.ID {
			continue
		}
		l.Run, l.RunAgo, l.RunLink, l.New = &n, t.ago(n.RecordedAt, c.Now()), who.runAt(n.Run), max(n.Lines-n.ToLine, 0)
		run, err := c.Reconcile.Run(ctx, who.book, n.Run)
		if err != nil {
			return l, err
		}
		l.Closings = closingLines(run)
	}
	return l, nil
}

func matchOfKind(k reconcile.Kind) reconcile.Match {
	return map[reconcile.Kind]reconcile.Match{reconcile.KindProcessor: reconcile.R1, reconcile.KindBank: reconcile.R2, reconcile.KindChannel: reconcile.R4}[k]
}

// closingLines are the closings of a run's summary; none of a run that has no sums.
func closingLines(run reconcile.Run) (lines []closingLine) {
	for _, s := range sumsOfRun(run) {
		l := closingLine{Currency: s.Currency, Source: signedText(s.Closing.Source, s.Currency), Ledger: signedText(s.Closing.Ledger, s.Currency)}
		l.Difference = less(l.Source, l.Ledger)
		lines = append(lines, l)
	}
	return lines
}

// sumsOfRun reads the summary of a run of R1 or R2; those of others have another form.
func sumsOfRun(run reconcile.Run) (sums []reconcile.Sums) {
	if run.Match == reconcile.R3 || json.Unmarshal(run.Summary, &sums) != nil {
		return nil
	}
	return sums
}

// reconAges adds how old open breaks are, and what waits in suspense.
func (c *console) reconAges(ctx context.Context, t teller, who cashier, p *reconPage) error {
	ages, err := c.Reconcile.Ageing(ctx, who.book, c.Now())
	if err != nil {
		return err
	}
	p.Bars = t.ageBars(ages.Ends, p.BreaksLink)
	for _, a := range ages.Breaks {
		for i := range p.Bars {
			p.Bars[i].All += a.Count
		}
		p.Bars[a.Bucket].Count += a.Count
		p.age(t, a)
	}
	for _, s := range ages.Suspense {
		p.suspends(s)
	}
	for i, l := range p.Ages {
		p.Ages[i].Gross, p.Ages[i].Suspense = minor(l.gross, l.Currency), minor(l.suspense, l.Currency)
	}
	for i, l := range p.Suspense {
		p.Suspense[i].Sum = minor(l.sum, l.Currency)
	}
	return nil
}

// ageBars are the age classes of the rules. The last one leads to what is older than all others.
func (t teller) ageBars(ends []int, at string) (bars []ageBar) {
	from := 0
	for i, end := range ends {
		switch {
		case i == 0:
			bars = append(bars, ageBar{Label: t.say("recon.age.first", "count", end)})
		case end == from+1:
			bars = append(bars, ageBar{Label: t.say("recon.age.one", "count", end)})
		default:
			bars = append(bars, ageBar{Label: t.say("recon.age.between", "from", from+1, "count", end)})
		}
		from = end
	}
	return append(bars, ageBar{Label: t.say("recon.age.over", "count", from), Link: narrowedTo(at, "age", strconv.Itoa(from+1))})
}

// age adds a count to the line of its class and currency, which follow each other.
func (p *reconPage) age(t teller, a reconcile.AgeClass) {
	last := len(p.Ages) - 1
	if last < 0 || p.Ages[last].Currency != a.Currency || p.Ages[last].class != a.Class {
		p.Ages = append(p.Ages, ageLine{Class: t.classWord(a.Class).Name, class: a.Class, Currency: a.Currency, Counts: make([]int64, len(p.Bars)),
			Link: narrowedTo(p.BreaksLink, "class", string(a.Class), "currency", string(a.Currency))})
		last++
	}
	l := &p.Ages[last]
	l.Counts[a.Bucket] += a.Count
	l.Count, l.gross, l.suspense = l.Count+a.Count, l.gross+a.Gross, l.suspense+a.Suspense
}

func (p *reconPage) suspends(s reconcile.SuspenseAge) {
	for i := range p.Suspense {
		if l := &p.Suspense[i]; l.Currency == s.Currency && l.Inflow == s.Inflow {
			l.Count, l.sum = l.Count+s.Count, l.sum+s.Gross
			return
		}
	}
	p.Suspense = append(p.Suspense, waitingLine{Currency: s.Currency, Inflow: s.Inflow, Count: s.Count, sum: s.Gross})
}

// compareInside holds the book against itself.
func (c *console) compareInside(ctx context.Context, who cashier, _ *http.Request) (string, error) {
	end, err := c.Reconcile.Begin()
	if err != nil {
		return "", err
	}
	defer end()
	run, err := c.Reconcile.CompareInside(ctx, c.turnOf(who), who.book)
	return who.runAt(run.ID), err
}

// setBankSource sets up a bank account whose statements people bring.
func (c *console) setBankSource(ctx context.Context, who cashier, r *http.Request) (string, error) {
	form, name := r.PostForm, r.PostForm.Get("name")
	x := reconcile.Settings{Currency: money.Currency(form.Get("currency")), Format: form.Get("format"), Identification: form.Get("identification"), Batches: form.Get("batches") == "yes"}
	for _, path := range []string{"operating", "client", "safeguarded"} {
		if form.Get(path) == "yes" {
			x.Accounts = append(x.Accounts, ledger.Address("assets:bank:"+path+":"+name))
		}
	}
	if ledger.IsSegment(name) { // what is none is refused below
		if _, err := c.Reconcile.Source(ctx, who.book, reconcile.KindBank, name); err == nil {
			return "", reconcile.ErrSourceInvalid.With("The book has this source already. Its settings are changed over the API, so that nobody changes them by mistake.")
		} else if !isMissing(err) {
			return "", err
		}
	}
	s, err := c.Reconcile.SetSource(ctx, who.actor(), who.book, reconcile.KindBank, name, x)
	return who.sourceAt(s.Kind, s.Name), err
}
