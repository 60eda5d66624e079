package reports

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts/reconcile"
)

// The lines of one source as they stood after a run, each with what the ledger has under the same key.

// mostLines bounds the lines of one report: what the ledger has of them is kept in memory.
const mostLines = 100_000

func reconLines() Report {
	return Report{Name: "reconciliation_lines", Title: "Reconciled lines", Schema: 1,
		Meaning: "Each line of a source as it stood after a run, with what the ledger has under its key on the accounts of the source. Several lines may have one key, such as a charge and its fee in " +
			"two lines: ledger_amount, ledger_lines and difference are told once, with the first of them in the report, for all of the key's lines that are in it. A line that was paired without a key has the pairing's id, and the ledger's " +
			"side of it stands in the pairing. Why a line is open is told by the list of breaks, whose left_ref is the line.",
		Parameters: append(runParameters(),
			Parameter{Name: "run", Kind: OfNumber, Needed: true, Meaning: "the number of the run after which the lines are told"},
			Parameter{Name: "from_line", Kind: OfNumber, Needed: true, Meaning: "the number of the first line"},
			Parameter{Name: "to_line", Kind: OfNumber, Needed: true, Meaning: "the number of the last line, at most 100,000 in all and none that the run has not seen"}),
		Columns: []tabular.Column{textColumn("run", "Run"), textColumn("match", "Match"), textColumn("source", "Source"), numberColumn("line", "Line"), textColumn("line_id", "Line's id"),
			textColumn("currency", "Currency"), textColumn("status", "Status"), numberColumn("matched_in", "Matched in run"), textColumn("pairing", "Pairing"),
			textColumn("ledger_transaction", "Ledger transaction"), numberColumn("ledger_lines", "Entries"), sumColumn("ledger_amount", "Ledger"),
			textColumn("type", "Type"), textColumn("category", "Category"), textColumn("source_ref", "Reference at the source"), textColumn("key", "Key"),
			sumColumn("gross", "Gross"), sumColumn("fee", "Fee"), sumColumn("net", "Net"), textColumn("rate", "Rate"), textColumn("batch", "Batch"), textColumn("trace", "Trace"),
			timeColumn("moved_at", "Moved"), sumColumn("difference", "Difference")},
		check: func(v Values) error {
			if v.Text("match") == "3" {
				return ErrParameters.WithFields(fieldOf("match", "The sub-ledgers have no lines of a source."))
			}
			if from, to := v.Number("from_line"), v.Number("to_line"); from < 1 || to < from || to-from >= mostLines {
				return ErrParameters.WithFields(fieldOf("to_line", "Lines are numbered from 1; at most 100,000 can be asked for, the first one first."))
			}
			return sourceChecked(v)
		},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return q.reconLines(ctx, yield)
		},
	}
}

const (
	sqlReportLines = `
SELECT l.number, l.line_id, l.key, l.currency, l.gross, l.fee, l.net, l.category, l.type, l.source_ref, l.batch, l.trace, l.rate, l.moved_at,
       coalesce(i.open_from, 0), coalesce(i.open_until, 0), coalesce(i.how, ''), coalesce(i.pairing, '')
  FROM (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $3 AND x.number > $4 AND x.number <= $5 ORDER BY x.number LIMIT $6) l
  LEFT JOIN LATERAL (SELECT y.open_from, y.open_until, y.how, y.pairing FROM recon_items y
                      WHERE y.book_id = $1 AND y.match = $2 AND y.source_id = $3 AND y.side = 'e' AND y.a = l.number LIMIT 1) i ON true
 ORDER BY l.number`

	// The entries of one account in their order.
	sqlReportEntries = `
SELECT e.sequence, e.line, e.amount, coalesce(e.external_ref, '') FROM entries e
 WHERE e.book_id = $1 AND e.account_id = $2 AND (e.sequence, e.line) > ($3, $4) AND e.sequence >= $3 AND e.sequence <= $5
 ORDER BY e.sequence, e.line LIMIT $6`
	sqlReportAccounts = `
SELECT a.id, a.currency FROM accounts a WHERE a.book_id = $1 AND a.address = ANY ($2::text[]) ORDER BY a.id LIMIT 1000`
)

const (
	linesPage   = 1_000
	entriesPage = 10_000
)

// reportLine is a line of a source and its item.
type reportLine struct {
	reconcile.External
	from, until int64
	how         string
	pairing     string
}

// keyed is what stands under one key and currency.
type keyed struct {
	source, ledger money.Minor
	entries        int64
	first          int64
	told           bool
}

type lineKey struct {
	key      string
	currency money.Currency
}

func (q *Query) reconLines(ctx context.Context, yield func(tabular.Row) error) error {
	id, err := q.sourceOf(ctx)
	if err != nil {
		return err
	}
	runs, err := q.runsFrom(ctx, id, q.Number("run"), q.Number("run"))
	if err != nil {
		return err
	}
	if len(runs) == 0 || runs[0].toLine < q.Number("to_line") {
		return ErrReportRun
	}
	run := runs[0]
	found, keyOf := map[lineKey]*keyed{}, map[string]string{}
	err = q.eachLine(ctx, id, func(l *reportLine) error {
		k := lineKey{l.Key, l.Currency}
		if found[k] == nil {
			found[k] = &keyed{}
		}
		found[k].source += l.Net
		keyOf[l.ID] = l.Key
		return nil
	})
	if err != nil {
		return err
	}
	if err := q.ledgerOf(ctx, id, &run, found, keyOf); err != nil {
		return err
	}
	return q.eachLine(ctx, id, func(l *reportLine) error {
		return yield(q.lineRow(&run, l, found[lineKey{l.Key, l.Currency}]))
	})
}

// eachLine hands out the lines asked for in order.
func (q *Query) eachLine(ctx context.Context, source int16, fn func(l *reportLine) error) error {
	for after := q.Number("from_line") - 1; after < q.Number("to_line"); {
		var page []reportLine
		err := q.read(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlReportLines, q.Book.ID, q.Number("match"), source, after, q.Number("to_line"), linesPage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l reportLine, err error) {
				return l, row.Scan(&l.Number, &l.ID, &l.Key, &l.Currency, &l.Gross, &l.Fee, &l.Net, &l.Category, &l.Type, &l.SourceRef, &l.Batch, &l.Trace, &l.Rate, &l.MovedAt,
					&l.from, &l.until, &l.how, &l.pairing)
			})
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if err := fn(&page[i]); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Number
	}
	return nil
}

// ledgerOf adds what the accounts of the source have under the keys, up to the run's place.
func (q *Query) ledgerOf(ctx context.Context, source int16, run *reportRun, found map[lineKey]*keyed, keyOf map[string]string) error {
	accounts, err := q.sourceAccounts(ctx, source, run)
	if err != nil {
		return err
	}
	type account struct {
		id       int32
		currency money.Currency
	}
	var list []account
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlReportAccounts, q.Book.ID, accounts)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a account, err error) { return a, row.Scan(&a.id, &a.currency) })
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range list {
		for after := (entryRow{}); ; {
			var page []entryRow
			err := q.read(ctx, func(tx pgx.Tx) error {
				rows, err := tx.Query(ctx, sqlReportEntries, q.Book.ID, a.id, after.sequence, after.line, run.toSequence, entriesPage)
				if err != nil {
					return err
				}
				page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entryRow, err error) {
					return e, row.Scan(&e.sequence, &e.line, &e.amount, &e.ref)
				})
				return err
			})
			if err != nil {
				return err
			}
			for _, e := range page {
				if key, ok := keyOf[e.ref]; ok {
					e.ref = key
				}
				if k := found[lineKey{e.ref, a.currency}]; k != nil && e.ref != "" {
					k.ledger, k.entries = k.ledger+e.amount, k.entries+1
					if k.first == 0 || e.sequence < k.first {
						k.first = e.sequence
					}
				}
			}
			if len(page) < entriesPage {
				break
			}
			after = page[len(page)-1]
		}
	}
	return nil
}

// entryRow is an entry with what it names outside.
type entryRow struct {
	sequence int64
	line     int16
	amount   money.Minor
	ref      string
}

const sqlReportSettings = `SELECT s.document FROM evidence_settings s WHERE s.book_id = $1 AND s.source_id = $2 AND s.version = $3`

// sourceAccounts are the ledger's accounts of the source: those of its name, or as the settings of the run say.
func (q *Query) sourceAccounts(ctx context.Context, source int16, run *reportRun) ([]string, error) {
	if name := q.Text("source"); run.match == int16(reconcile.R1) {
		return []string{"assets:processor:available:" + name, "assets:processor:pending:" + name, "assets:processor:reserved:" + name}, nil
	}
	var document []byte
	err := q.read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sqlReportSettings, q.Book.ID, source, run.settings).Scan(&document)
	})
	if err != nil {
		return nil, err
	}
	var settings reconcile.Settings
	if err := json.Unmarshal(document, &settings); err != nil {
		return nil, err
	}
	accounts := make([]string, len(settings.Accounts))
	for i, a := range settings.Accounts {
		accounts[i] = string(a)
	}
	return accounts, nil
}

// lineRow is a line as it stood after the run.
func (q *Query) lineRow(run *reportRun, l *reportLine, k *keyed) tabular.Row {
	m := func(a money.Minor) tabular.Value { return tabular.Money(a, l.Currency) }
	status, matched, pairing := "matched", tabular.Empty(), tabular.Empty()
	switch {
	case l.from == 0 || l.from > run.number: // it was never open by then
	case l.until == 0 || l.until > run.number:
		status = "open"
	default:
		status, matched, pairing = l.how, tabular.Int(l.until), tabular.Text(l.pairing)
	}
	transaction, entries, amount, difference := tabular.Empty(), tabular.Empty(), tabular.Empty(), tabular.Empty()
	if !k.told {
		k.told = true
		entries, amount, difference = tabular.Int(k.entries), m(k.ledger), m(k.source-k.ledger)
	}
	if k.first != 0 {
		transaction = tabular.Text(ledger.TransactionID(q.Book.Code, k.first))
	}
	return tabular.Row{tabular.Text(run.id), matchText(run.match), tabular.Text(q.Text("source")), tabular.Int(l.Number), tabular.Text(l.ID), tabular.Text(string(l.Currency)),
		tabular.Text(status), matched, pairing, transaction, entries, amount, tabular.Text(l.Type), tabular.Text(l.Category), tabular.Text(l.SourceRef), tabular.Text(l.Key),
		m(l.Gross), m(l.Fee), m(l.Net), tabular.Text(l.Rate), tabular.Text(l.Batch), tabular.Text(l.Trace), tabular.At(l.MovedAt), difference}
}
