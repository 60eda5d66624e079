package reports

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/tabular"
)

// Exports in the database.

const (
	exportColumns = `e.id, e.report, e.format, e.parameters, e.at_sequence, e.at_step, e.state, e.reason, e.manifest, e.asked_by, e.asked_at, e.made_at, e.tries`

	sqlPlace = `
SELECT b.last_sequence, coalesce((SELECT h.number FROM recon_step_heads h WHERE h.book_id = b.id), 0),
       (SELECT count(*) FROM (SELECT 1 FROM exports e WHERE e.book_id = b.id AND e.state = 'asked' LIMIT $2) w)
  FROM books b WHERE b.id = $1`

	sqlInsertExport = `
INSERT INTO exports (book_id, id, report, format, parameters, at_sequence, at_step, state, asked_by, asked_at, tries, held_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'asked', $8, $9, $10, $11)`

	sqlExport = `SELECT ` + exportColumns + ` FROM exports e WHERE e.book_id = $1 AND e.id = $2`

	sqlExports = `SELECT ` + exportColumns + `
  FROM exports e
 WHERE e.book_id = $1 AND ($2 = '' OR e.report = $2) AND ($3 = '' OR e.asked_by = $3)
   AND ($4 = '' OR (e.asked_at, e.id) < (SELECT x.asked_at, x.id FROM exports x WHERE x.book_id = $1 AND x.id = $4))
 ORDER BY e.asked_at DESC, e.id DESC LIMIT $5`

	// Of the latest exports only those of the month are read with what their files came to, which may be long.
	sqlExportsOfMonth = `SELECT ` + exportColumns + `
  FROM (SELECT x.*, x.parameters::jsonb -> 'parameters' AS p FROM (SELECT * FROM exports y WHERE y.book_id = $1 ORDER BY y.asked_at DESC, y.id DESC LIMIT $3) x) e
 WHERE e.p ->> 'period' = $2 OR e.p ->> 'from' = $2 AND e.p ->> 'to' = $2 OR starts_with(e.p ->> 'from', $2 || '-') AND starts_with(e.p ->> 'to', $2 || '-')
    OR starts_with(e.p ->> 'on', $2 || '-')
 ORDER BY e.asked_at DESC, e.id DESC LIMIT $4`

	// Two who look for work at once skip what the other takes. Books take turns: first those of which the fewest are being made.
	sqlTakeDue = `
UPDATE exports e SET held_until = $2, tries = e.tries + 1
  FROM (SELECT x.book_id, x.id, b.code FROM exports x JOIN books b ON b.id = x.book_id
          LEFT JOIN (SELECT y.book_id, count(*) AS held FROM exports y WHERE y.state = 'asked' AND y.held_until > $1 GROUP BY y.book_id) h ON h.book_id = x.book_id
         WHERE x.state = 'asked' AND x.long = $3 AND (x.held_until IS NULL OR x.held_until <= $1)
         ORDER BY coalesce(h.held, 0), x.asked_at, x.book_id, x.id LIMIT 1 FOR UPDATE OF x SKIP LOCKED) due
 WHERE e.book_id = due.book_id AND e.id = due.id
RETURNING due.code, ` + exportColumns

	// The number of the try tells whoever holds an export from whoever held it before.
	sqlHeld = ` WHERE book_id = $1 AND id = $2 AND state = 'asked' AND tries = $3`

	sqlRenew       = `UPDATE exports SET held_until = $4` + sqlHeld
	sqlKeepMade    = `UPDATE exports SET state = 'made', manifest = $4, made_at = $5, held_until = NULL, reason = ''` + sqlHeld
	sqlKeepFailed  = `UPDATE exports SET state = 'failed', reason = $4, held_until = NULL` + sqlHeld
	sqlKeepWaiting = `UPDATE exports SET reason = $4, held_until = $5` + sqlHeld
	sqlGiveBack    = `UPDATE exports SET tries = tries - 1, long = long OR $4, held_until = NULL` + sqlHeld
)

// Ask records that somebody asks for a report, which leaves a row in the audit trail, and makes it if that takes no more than ten
// seconds; else it waits for MakeDue. An export that could not be made is returned as failed, without an error.
//
// Errors: ErrReportUnknown, tabular.ErrFormat, ErrParameters, ErrLanguage, ledger.ErrSequenceAhead, ErrExportsMany.
func (s *Service) Ask(ctx context.Context, by guard.Actor, book ledger.Book, r Request) (e Export, err error) {
	until := s.now().Add(s.lease)
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		e, err = s.record(ctx, tx, by, book, r, &until)
		return err
	})
	if err != nil {
		return Export{}, err
	}
	return s.ask(ctx, e)
}

// AskTx is Ask in the caller's transaction. The export waits for MakeDue.
func (s *Service) AskTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, r Request) (Export, error) {
	return s.record(ctx, tx, by, book, r, nil)
}

// record keeps what was asked. With a time, the export is held until then by whoever asked.
func (s *Service) record(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, r Request, until *time.Time) (Export, error) {
	if _, err := r.check(book); err != nil {
		return Export{}, err
	}
	e := Export{ID: newID(), Report: r.Report, Format: r.Format, Parameters: r.Parameters, Language: r.Language, CSV: r.CSV,
		AtSequence: r.AtSequence, State: Asked, AskedBy: by.ID, AskedAt: s.now(), book: book}
	if e.Parameters == nil {
		e.Parameters = Values{}
	}
	var head int64
	var waiting int
	if err := tx.QueryRow(ctx, sqlPlace, book.ID, maxWaiting).Scan(&head, &e.AtStep, &waiting); err != nil {
		return Export{}, err
	}
	if e.AtSequence == 0 {
		e.AtSequence = head
	}
	switch {
	case e.AtSequence < 0 || e.AtSequence > head || max(r.Parameters.Number("from_sequence"), r.Parameters.Number("to_sequence")) > e.AtSequence:
		return Export{}, ledger.ErrSequenceAhead
	case waiting >= maxWaiting:
		return Export{}, ErrExportsMany
	case until != nil:
		e.Tries = 1
	}
	document, err := json.Marshal(asked{CSV: e.CSV, Language: e.Language, Parameters: e.Parameters})
	if err != nil {
		return Export{}, err
	}
	if _, err := tx.Exec(ctx, sqlInsertExport, book.ID, e.ID, e.Report, e.Format, string(document), e.AtSequence, e.AtStep, e.AskedBy, e.AskedAt, e.Tries, until); err != nil {
		return Export{}, err
	}
	after, err := json.Marshal(map[string]any{"report": e.Report, "format": e.Format, "parameters": e.Parameters, "at_sequence": e.AtSequence, "at_step": e.AtStep})
	if err != nil {
		return Export{}, err
	}
	_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guardBook(book), Act: "export.asked", Object: "export:" + e.ID, After: after})
	return e, err
}

// Fetched leaves a row in the audit trail that somebody takes an export's file, before it leaves.
func (s *Service) Fetched(ctx context.Context, by guard.Actor, e Export) error {
	_, err := s.trail.Record(ctx, guard.Deed{Actor: by, Book: guardBook(e.book), Act: "export.fetched", Object: "export:" + e.ID})
	return err
}

func scanExport(row pgx.Row, before ...any) (e Export, err error) {
	var document, manifest string
	var made *time.Time
	err = row.Scan(append(before, &e.ID, &e.Report, &e.Format, &document, &e.AtSequence, &e.AtStep, &e.State, &e.Reason, &manifest, &e.AskedBy, &e.AskedAt, &made, &e.Tries)...)
	if err != nil {
		return Export{}, err
	}
	if e.AskedAt = e.AskedAt.UTC(); made != nil {
		e.MadeAt = made.UTC()
	}
	return e, e.read(document, manifest)
}

// Export returns an export of the book, or ErrExportUnknown.
func (s *Service) Export(ctx context.Context, book ledger.Book, id string) (Export, error) {
	e, err := scanExport(s.pool.QueryRow(ctx, sqlExport, book.ID, id))
	if err == pgx.ErrNoRows {
		return Export{}, ErrExportUnknown
	}
	e.book = book
	return e, err
}

// ExportQuery selects exports. Its zero value selects all.
type ExportQuery struct {
	// Report and AskedBy are compared exactly where they are not empty.
	Report, AskedBy string
	// After is the id of the last export already seen.
	After string
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// Exports returns a page of the book's exports, the last that was asked for first.
func (s *Service) Exports(ctx context.Context, book ledger.Book, q ExportQuery) ([]Export, error) {
	return s.listed(ctx, book, sqlExports, q.Report, q.AskedBy, q.After, min(max(q.Limit, 1), 1000))
}

// MonthExportsLooked bounds the latest exports of a book among which those of a month are looked for.
const MonthExportsLooked = 200

// ExportsOfMonth returns those of the book's latest exports that are of a month and of nothing else, the last that was asked for first. limit
// is 1 to MonthExportsLooked.
func (s *Service) ExportsOfMonth(ctx context.Context, book ledger.Book, month ledger.Period, limit int) ([]Export, error) {
	return s.listed(ctx, book, sqlExportsOfMonth, month.String(), MonthExportsLooked, min(max(limit, 1), MonthExportsLooked))
}

// listed reads the exports that a statement finds in a book.
func (s *Service) listed(ctx context.Context, book ledger.Book, sql string, args ...any) (list []Export, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, append([]any{book.ID}, args...)...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (Export, error) {
			e, err := scanExport(r)
			e.book = book
			return e, err
		})
		return err
	})
	return list, err
}

// takeDue takes the export that is next among those that are known to be long or among the others, or errNoneDue.
func (s *Service) takeDue(ctx context.Context, long bool) (e Export, err error) {
	if err := ctx.Err(); err != nil {
		return Export{}, err
	}
	// What is taken counts as tried. A maker that has to leave meanwhile hears that it was taken, and can give it back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	var code string
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		e, err = scanExport(tx.QueryRow(ctx, sqlTakeDue, s.now(), s.now().Add(s.lease), long), &code)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Export{}, errNoneDue
	}
	if err != nil {
		return Export{}, err
	}
	e.book, err = s.ledger.Book(ctx, code)
	return e, err
}

func (s *Service) renew(ctx context.Context, e Export) error {
	return s.held(ctx, e, sqlRenew, errLost, s.now().Add(s.lease))
}

func (s *Service) keepMade(ctx context.Context, e Export, m tabular.Manifest) error {
	return s.held(ctx, e, sqlKeepMade, nil, string(m.JSON()), s.now())
}

func (s *Service) keepFailed(ctx context.Context, e Export, reason string) error {
	return s.held(ctx, e, sqlKeepFailed, nil, reason)
}

// keepWaiting leaves an export for a later try, the later the more there were.
func (s *Service) keepWaiting(ctx context.Context, e Export, reason string) error {
	return s.held(ctx, e, sqlKeepWaiting, nil, reason, s.now().Add(time.Duration(e.Tries)*time.Minute))
}

// giveBack leaves an export to others at once, as if it had not been tried, and as a long one if it was found to be one.
func (s *Service) giveBack(ctx context.Context, e Export, long bool) error {
	return s.held(ctx, e, sqlGiveBack, nil, long)
}

// held changes an export that is still held by this try; one that is not stays as others left it, and lost is returned.
func (s *Service) held(ctx context.Context, e Export, sql string, lost error, args ...any) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, append([]any{e.book.ID, e.ID, e.Tries}, args...)...)
		if err == nil && tag.RowsAffected() == 0 {
			return lost
		}
		return err
	})
}
