package console

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

// Runs of reconciliation: what each side opened with, what moved, and what it closed with, side by side.

// reconRunLine is a run in a list.
type reconRunLine struct {
	reconcile.Run
	Link, Word, Match string
	Closings          []closingLine
}

func (who cashier) reconRunLine(t teller, r reconcile.Run) reconRunLine {
	kind := map[reconcile.Match]reconcile.Kind{reconcile.R1: reconcile.KindProcessor, reconcile.R2: reconcile.KindBank, reconcile.R4: reconcile.KindChannel}[r.Match]
	return reconRunLine{Run: r, Link: who.runAt(r.ID), Word: t.sourceWord(kind, r.SourceName), Match: t.matchWord(r.Match), Closings: closingLines(r)}
}

type reconRunsPage struct {
	payHead
	Lines       []reconRunLine
	Next, First string
}

func (c *console) reconRuns(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	t, at := tellerOf(ctx), who.o.At+runsPath
	p := reconRunsPage{payHead: c.reconHead(t, who, runsPath)}
	before, id, err := momentAndID(r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	if id != "" {
		p.First = at
	}
	runs, err := c.Reconcile.Runs(ctx, who.book, reconcile.RunQuery{Before: before, BeforeID: id, Limit: runsPerPage + 1})
	if err != nil {
		return answer{}, err
	}
	if len(runs) > runsPerPage {
		runs = runs[:runsPerPage]
		last := runs[runsPerPage-1]
		p.Next = narrowedTo(at, "after", mark(last.RecordedAt, last.ID))
	}
	for _, run := range runs {
		p.Lines = append(p.Lines, who.reconRunLine(t, run))
	}
	return who.reconciled(t, t.say("recon.runs"), &p), nil
}

// sumLine is a row of a run's summary.
type sumLine struct {
	Word                       string
	Count                      int64
	Source, Ledger, Difference amount
	// Total says that the row is an opening or a closing.
	Total bool
}

// sumTable is a run's summary in one currency. Ties says that all of its difference is in open items.
type sumTable struct {
	Currency money.Currency
	Lines    []sumLine
	Open     amount
	Agrees   bool
}

// controlRow is a row of the chart in a run of a book against itself.
type controlRow struct {
	Code                        int32
	Currency                    money.Currency
	Accounts                    int64
	Ledger, Control, Difference amount
}

type reconRunPage struct {
	payHead
	Run                  reconRunLine
	Digest               string
	Started              who
	Sums                 []sumTable
	Controls             []controlRow
	Findings             []breakLine
	More                 string
	SourceLink, Document string
	Inputs               document
	Took                 string
}

func (c *console) reconRun(ctx context.Context, who cashier, r *http.Request) (answer, error) {
	id := r.PathValue("run")
	if unusable(id) {
		return answer{}, errNoPage
	}
	run, err := c.Reconcile.Run(ctx, who.book, id)
	if err != nil {
		return answer{}, err
	}
	t := tellerOf(ctx)
	p := reconRunPage{payHead: c.reconHead(t, who, runsPath), Run: who.reconRunLine(t, run), Digest: hex.EncodeToString(run.Digest), Inputs: documentOf(run.Inputs),
		Took: run.Took.Round(time.Millisecond).String(), Document: who.runAt(id) + "/document"}
	starter := actorID(run.StartedBy)
	p.Started = c.names(ctx, who.visit, []string{starter})(starter)
	for _, s := range sumsOfRun(run) {
		p.Sums = append(p.Sums, t.sumTable(s))
	}
	if run.Match == reconcile.R3 {
		p.Controls = controlRows(run)
	}
	if run.Source != 0 {
		p.SourceLink = who.sourceAt(map[reconcile.Match]reconcile.Kind{reconcile.R1: reconcile.KindProcessor, reconcile.R2: reconcile.KindBank, reconcile.R4: reconcile.KindChannel}[run.Match], run.SourceName)
	}
	if err := c.runFindings(ctx, who, run, &p); err != nil {
		return answer{}, err
	}
	return who.reconciled(t, t.say("recon.run.one"), &p, link{t.say("recon.tab.runs"), who.o.At + runsPath}), nil
}

// sumTable makes the rows of a summary: opening, movements, closing.
func (t teller) sumTable(s reconcile.Sums) sumTable {
	of := sumTable{Currency: s.Currency, Open: signedText(s.Open, s.Currency)}
	row := func(word string, count int64, sides reconcile.Sides, total bool) {
		l := sumLine{Word: word, Count: count, Source: signedText(sides.Source, s.Currency), Ledger: signedText(sides.Ledger, s.Currency), Total: total}
		l.Difference = less(l.Source, l.Ledger)
		of.Lines = append(of.Lines, l)
		of.Agrees = l.Difference.Zero() // the last row is the closing
	}
	row(t.say("recon.opening"), 0, s.Opening, true)
	place := func(name string) int {
		if i := slices.Index(categoryOrder, name); i >= 0 {
			return i
		}
		return len(categoryOrder)
	}
	slices.SortStableFunc(s.Categories, func(a, b reconcile.CategorySums) int {
		return cmp.Or(cmp.Compare(place(a.Category), place(b.Category)), strings.Compare(a.Category, b.Category))
	})
	for _, m := range s.Categories {
		row(t.category(m.Category), m.Count, m.Sides, false)
	}
	row(t.say("recon.closing"), 0, s.Closing, true)
	return of
}

// controlRows reads the summary of a run of a book against itself.
func controlRows(run reconcile.Run) (rows []controlRow) {
	var list []struct {
		Code     int32            `json:"code"`
		Currency money.Currency   `json:"currency"`
		Accounts int64            `json:"accounts"`
		Ledger   reconcile.Amount `json:"ledger"`
		Control  reconcile.Amount `json:"control"`
	}
	if json.Unmarshal(run.Summary, &list) != nil {
		return nil
	}
	for _, l := range list {
		row := controlRow{Code: l.Code, Currency: l.Currency, Accounts: l.Accounts, Ledger: signedText(l.Ledger, l.Currency), Control: signedText(l.Control, l.Currency)}
		row.Difference = less(row.Control, row.Ledger)
		rows = append(rows, row)
	}
	return rows
}

// runFindings adds the breaks that the run found, as they stand now.
func (c *console) runFindings(ctx context.Context, who cashier, run reconcile.Run, p *reconRunPage) error {
	if run.Found == 0 {
		return nil
	}
	all, err := c.Reconcile.Breaks(ctx, who.book, reconcile.BreakQuery{Match: run.Match, Source: run.Source, Limit: runBreaksLooked})
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.FirstRun > run.Number || b.LastRun < run.Number {
			continue
		}
		if len(p.Findings) == breaksPerPage {
			p.More = narrowedTo(who.o.At+breaksPath, "match", strconv.Itoa(int(run.Match)), "state", "all")
			break
		}
		p.Findings = append(p.Findings, who.breakLine(tellerOf(ctx), b, c.Now()))
	}
	if len(all) == runBreaksLooked {
		p.More = narrowedTo(who.o.At+breaksPath, "match", strconv.Itoa(int(run.Match)), "state", "all")
	}
	return nil
}

// replayRun makes a run again and says whether it is the same. It changes nothing, so whoever may see a run may ask for it.
func (c *console) replayRun(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
	defer cancel()
	who, err := c.readerOf(ctx, r, access.ReconciliationRead)
	if err != nil {
		return err
	}
	if unusable(r.PathValue("run")) {
		return errNoPage
	}
	result, err := c.Reconcile.Replay(ctx, who.book, r.PathValue("run"))
	if err != nil {
		return err
	}
	a, err := c.reconRun(ctx, who, r)
	if err != nil {
		return err
	}
	t := tellerOf(ctx)
	a.Notice = &notice{Heading: t.say("recon.again.same"), Good: true, Message: t.say("recon.again.same.note")}
	if !result.Same {
		a.Notice = &notice{Heading: t.say("recon.again.differs"), Message: t.problem(reconcile.ErrRunChanged)}
		for _, what := range result.Differs {
			a.Notice.Fields = append(a.Notice.Fields, t.say("recon.again.differs.field", "what", what))
		}
	}
	c.render(w, r, http.StatusOK, "recon-run", a)
	return nil
}

// reconDocument hands out a run's document, whose SHA-256 is its digest. It is made again for it.
func (c *console) reconDocument(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), fileTime)
	defer cancel()
	who, err := c.readerOf(ctx, r, access.ReconciliationRead)
	if err == nil && unusable(r.PathValue("run")) {
		err = errNoPage
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	var run reconcile.Run
	if run, err = c.Reconcile.Run(ctx, who.book, r.PathValue("run")); err != nil {
		c.fail(w, r, err)
		return
	}
	name := who.o.Code + "-R" + strconv.Itoa(int(run.Match)) + "-" + strconv.FormatInt(run.Number, 10) + ".json"
	c.attach(ctx, w, r, "application/json", name, func(w io.Writer) error { return c.Reconcile.Document(ctx, who.book, run.ID, w) })
}

// periodAt reads a month from an address.
func periodAt(s string) (ledger.Period, error) {
	p, err := ledger.ParsePeriod(s)
	if err != nil {
		return 0, errNoPage
	}
	return p, nil
}
