package reports

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/reconcile"
)

// What reconciliation found: its runs, its breaks, and the lines of a source with what the ledger has of them.

var (
	// ErrReportSource means that the book has no such source of evidence.
	ErrReportSource = fault.New(fault.Invalid, "report-source", "The book has no such source of evidence. Look up its sources.")
	// ErrReportRun means that a report is asked for runs or lines that there are not yet.
	ErrReportRun = fault.New(fault.Conflict, "report-run", "There are no such runs of this source yet, or they did not come so far. Look up its runs.")
)

func reconReports() []Report { return []Report{reconSummary(), breakReport(), reconLines()} }

// runParameters name the runs of one source: their numbers say for ever what is meant.
func runParameters() []Parameter {
	return []Parameter{
		{Name: "match", Kind: OfChoice, Choices: []string{"1", "2", "3", "4"}, Needed: true, Meaning: "the match: 1 processors, 2 banks, 3 sub-ledgers, 4 channels"},
		{Name: "source", Kind: OfCode, Meaning: "the name of the source; the sub-ledgers have none"},
	}
}

func reconSummary() Report {
	return Report{Name: "reconciliation_summary", Title: "Reconciliation summary", Schema: 1,
		Meaning: "For each of the runs asked for: what the source and the ledger opened with, what moved by category, what they closed with, and the difference. On each side opening and movements " +
			"are closing, and the difference of the closings is what is open. The digest is that of the run and of all that it found.",
		Parameters: append(runParameters(), Parameter{Name: "from_run", Kind: OfNumber, Needed: true, Meaning: "the number of the first run"},
			Parameter{Name: "to_run", Kind: OfNumber, Needed: true, Meaning: "the number of the last run, at most 1,000 in all"}),
		Columns: []tabular.Column{textColumn("run", "Run"), textColumn("match", "Match"), textColumn("source", "Source"), numberColumn("number", "Number"),
			timeColumn("cut_off", "Cut-off"), numberColumn("to_line", "Last line"), numberColumn("to_sequence", "Last transaction"), textColumn("currency", "Currency"),
			textColumn("section", "Section"), textColumn("category", "Category"), numberColumn("count", "Count"), amountColumn("source_amount", "Source"), amountColumn("ledger_amount", "Ledger"),
			amountColumn("difference", "Difference"), textColumn("digest", "Digest")},
		check: func(v Values) error {
			if from, to := v.Number("from_run"), v.Number("to_run"); from < 1 || to < from || to-from >= 1000 {
				return ErrParameters.WithFields(fieldOf("to_run", "Runs are numbered from 1; at most 1,000 can be asked for, the first one first."))
			}
			return sourceChecked(v)
		},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return q.reconRuns(ctx, yield)
		},
	}
}

func sourceChecked(v Values) error {
	if (v.Text("match") == "3") == v.Given("source") {
		return ErrParameters.WithFields(fieldOf("source", "A match of processors, banks or channels needs its source, and the sub-ledgers have none."))
	}
	return nil
}

const sqlReportSource = `SELECT s.id FROM evidence_sources s WHERE s.book_id = $1 AND s.kind = $2 AND s.name = $3`

// sourceOf returns the number of the source that the parameters name, 0 for the sub-ledgers. It returns ErrReportSource.
func (q *Query) sourceOf(ctx context.Context) (id int16, err error) {
	if !q.Given("source") {
		return 0, nil
	}
	kind := map[string]reconcile.Kind{"1": reconcile.KindProcessor, "2": reconcile.KindBank, "4": reconcile.KindChannel}[q.Text("match")]
	err = q.read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sqlReportSource, q.Book.ID, string(kind), q.Text("source")).Scan(&id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrReportSource
	}
	return id, err
}

const sqlReportRuns = `
SELECT x.id, x.match, x.number, x.cut_off, x.to_line, x.to_sequence, x.settings, x.summary, x.digest FROM recon_runs x
 WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.number >= $4 AND x.number <= $5 ORDER BY x.number LIMIT $6`

type reportRun struct {
	id                         string
	match                      int16
	number, toLine, toSequence int64
	cutOff                     time.Time
	settings                   int
	summary                    string
	digest                     []byte
}

// runsPage is how many runs are read at a time; each has a summary.
const runsPage = 50

func (q *Query) runsFrom(ctx context.Context, source int16, first, last int64) (page []reportRun, err error) {
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlReportRuns, q.Book.ID, q.Number("match"), source, first, last, runsPage)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reportRun, err error) {
			return r, row.Scan(&r.id, &r.match, &r.number, &r.cutOff, &r.toLine, &r.toSequence, &r.settings, &r.summary, &r.digest)
		})
		return err
	})
	return page, err
}

func (q *Query) reconRuns(ctx context.Context, yield func(tabular.Row) error) error {
	source, err := q.sourceOf(ctx)
	if err != nil {
		return err
	}
	last, err := q.runsFrom(ctx, source, q.Number("to_run"), q.Number("to_run"))
	if err != nil {
		return err
	}
	if len(last) == 0 { // a run that comes later would make other bytes of the same question
		return ErrReportRun
	}
	for next := q.Number("from_run"); next <= q.Number("to_run"); {
		page, err := q.runsFrom(ctx, source, next, q.Number("to_run"))
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if err := page[i].rows(q.Text("source"), yield); err != nil {
				return err
			}
			next = page[i].number + 1
		}
	}
	return nil
}

func (r *reportRun) rows(source string, yield func(tabular.Row) error) error {
	var sums []reconcile.Sums
	if err := json.Unmarshal([]byte(r.summary), &sums); err != nil {
		return fmt.Errorf("reports: the summary of run %s: %w", r.id, err)
	}
	for _, s := range sums {
		one := func(section, category string, count tabular.Value, sides reconcile.Sides) error {
			theirs, ok1 := amountIn(string(sides.Source), s.Currency)
			books, ok2 := amountIn(string(sides.Ledger), s.Currency)
			if !ok1 || !ok2 {
				return fmt.Errorf("reports: an amount of run %s cannot be read", r.id)
			}
			m := func(a money.Minor) tabular.Value { return tabular.Money(a, s.Currency) }
			return yield(tabular.Row{tabular.Text(r.id), matchText(r.match), tabular.Text(source), tabular.Int(r.number), tabular.At(r.cutOff), tabular.Int(r.toLine),
				tabular.Int(r.toSequence), tabular.Text(string(s.Currency)), tabular.Text(section), tabular.Text(category), count, m(theirs), m(books), m(theirs - books), tabular.Text(hex.EncodeToString(r.digest))})
		}
		if err := one("opening", "", tabular.Empty(), s.Opening); err != nil {
			return err
		}
		for _, c := range s.Categories {
			if err := one("movement", c.Category, tabular.Int(c.Count), c.Sides); err != nil {
				return err
			}
		}
		if err := one("closing", "", tabular.Empty(), s.Closing); err != nil {
			return err
		}
	}
	return nil
}

func matchText(m int16) tabular.Value { return tabular.Text(fmt.Sprintf("R%d", m)) }

func breakReport() Report {
	return Report{Name: "breaks", Title: "Breaks", Schema: 1,
		Meaning: "Every break as it stood at this step of the book's breaks, those seen first first, with its age in days on a day that is asked for; the age of one that ended is that at its end. " +
			"Amount is what the other side says less what the ledger says. Suspense is what waits because of it: positive for money that went, negative for money that came.",
		Parameters: []Parameter{{Name: "on", Kind: OfDate, Needed: true, Meaning: "the day at whose end ages are counted, in the time zone of the book"},
			{Name: "standing", Kind: OfChoice, Choices: []string{"open", "ended"}, Meaning: "only those that stand so; all without it"}},
		Columns: []tabular.Column{textColumn("break_id", "Break"), textColumn("match", "Match"), textColumn("type", "Type"), textColumn("left_ref", "Line of the source"), textColumn("right_ref", "Transaction"),
			sumColumn("amount", "Amount"), textColumn("currency", "Currency"), timeColumn("first_seen", "First seen"), numberColumn("age_days", "Age in days"), textColumn("age_group", "Age"),
			textColumn("owner_team", "Owner"), textColumn("status", "Status"), textColumn("entry_id_of_fix", "Transaction that ended it"), textColumn("note", "Note"), timeColumn("happened_at", "Happened"),
			textColumn("original_period", "Original period"), timeColumn("expected_by", "Expected by"), sumColumn("suspense", "In suspense"), timeColumn("ended_at", "Ended"), textColumn("document", "Document")},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			on := q.Date("on")
			at := q.Book.DayBegins(on.Year(), on.Month(), on.Day()+1)
			return q.s.reconcile.BreaksAt(ctx, q.Book, q.AtStep, func(b reconcile.Break) error {
				if ended := !b.EndedAt.IsZero(); q.Given("standing") && ended != (q.Text("standing") == "ended") {
					return nil
				}
				return yield(breakRow(b, at))
			})
		},
	}
}

// ageGroup is the group of domain 7 that an age belongs to.
func ageGroup(days int) string {
	switch {
	case days <= 1:
		return "0-1"
	case days <= 7:
		return "2-7"
	case days <= 30:
		return "8-30"
	}
	return ">30"
}

// standingOf is how a break stands. One that two people accepted is not put right: nothing was posted because of it.
func standingOf(b reconcile.Break) string {
	if b.Accepted {
		return "accepted"
	}
	return string(b.State)
}

func breakRow(b reconcile.Break, at time.Time) tabular.Row {
	m := func(a money.Minor) tabular.Value { return tabular.Money(a, b.Currency) }
	when := func(t time.Time) tabular.Value {
		if t.IsZero() {
			return tabular.Empty()
		}
		return tabular.At(t)
	}
	return tabular.Row{tabular.Text(b.ID), matchText(int16(b.Match)), tabular.Text(string(b.Class)), tabular.Text(b.Left), tabular.Text(b.Right), m(b.Amount), tabular.Text(string(b.Currency)),
		tabular.At(b.FirstSeen), tabular.Int(int64(b.Age(at))), tabular.Text(ageGroup(b.Age(at))), tabular.Text(b.Owner), tabular.Text(standingOf(b)), tabular.Text(b.Fix), tabular.Text(b.Note),
		tabular.At(b.HappenedAt), periodValue(b.Original), when(b.ExpectedBy), m(b.Suspense), when(b.EndedAt), tabular.Text(b.Document)}
}
