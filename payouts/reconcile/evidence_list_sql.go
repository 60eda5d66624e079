package reconcile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Lists of evidence. They are read in keyset pages, each from an index.

const receiptColumns = `number, kind, format, settings, sha256, bytes, window_from, window_until, first_line, new_lines, known_lines, changes, taken_by, recorded_at`

const (
	sqlReceipt  = `SELECT ` + receiptColumns + ` FROM evidence_receipts WHERE book_id = $1 AND source_id = $2 AND number = $3`
	sqlReceipts = `SELECT ` + receiptColumns + ` FROM evidence_receipts WHERE book_id = $1 AND source_id = $2 AND ($3 = 0 OR number < $3) ORDER BY number DESC LIMIT $4`
	sqlParts    = `SELECT content FROM evidence_parts WHERE book_id = $1 AND source_id = $2 AND receipt = $3 AND part = $4`

	lineColumns = `number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, trace, note, rate, moved_at, available_at, status`
	lineFrom    = `SELECT ` + lineColumns + ` FROM evidence_lines WHERE book_id = $1 AND source_id = $2 `

	sqlLines     = lineFrom + `AND number > $3 AND number <= $4 ORDER BY number LIMIT $5`
	sqlLinesDay  = lineFrom + `AND moved_at >= $6 AND moved_at < $7 AND (moved_at, number) > ($3, $4) ORDER BY moved_at, number LIMIT $5`
	sqlLinesKey  = lineFrom + `AND key = $3 AND number > $4 ORDER BY number LIMIT $5`
	sqlLinesID   = `SELECT l.* FROM unnest(ARRAY[$3]::text[]) AS w (line_id) CROSS JOIN LATERAL (` + lineFrom + `AND line_id = w.line_id LIMIT 1) l`
	sqlLine      = lineFrom + `AND number = $3`
	sqlChangesOf = `
SELECT c.receipt, c.line, l.line_id, c.field, c.was, c.became FROM evidence_changes c
  JOIN evidence_lines l ON l.book_id = c.book_id AND l.source_id = c.source_id AND l.number = c.line
 WHERE c.book_id = $1 AND c.source_id = $2 AND c.line = $3 ORDER BY c.receipt, c.field LIMIT 1000`
	sqlChanges = `
SELECT c.receipt, c.line, l.line_id, c.field, c.was, c.became FROM evidence_changes c
  JOIN evidence_lines l ON l.book_id = c.book_id AND l.source_id = c.source_id AND l.number = c.line
 WHERE c.book_id = $1 AND c.source_id = $2 AND (c.receipt, c.line, c.field) > ($3, $4, $5)
   AND c.field NOT IN ('status', 'available_at') ORDER BY c.receipt, c.line, c.field LIMIT $6`
)

// MaxPage is the most that one page of a list has, and what it has if nobody says how many.
const MaxPage = 1000

func pageSize(limit int) int {
	if limit < 1 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// Line is a line of a source as it is kept.
type Line struct {
	External
	// Receipt is where it was first said.
	Receipt int64
	// AvailableAt and Status are when the money is available, which may still change; of a bank's line it is the value date.
	AvailableAt time.Time
	Status      string
}

// LineQuery says which lines are wanted. At most one of days, Key, LineID, which is one line, and Receipt is given.
type LineQuery struct {
	// From and Until bound when the lines moved: From included, Until not. Then they are in that order.
	From, Until time.Time
	Key         string
	LineID      string
	Receipt     int64
	// After is the last line of the page before; nothing for the first page. AfterMoved is when it moved, for days.
	After      int64
	AfterMoved time.Time
	// Limit is at most MaxPage.
	Limit int
}

// Receipts returns what was taken of a source, the newest first: those before a number, the newest for 0.
func (s *Service) Receipts(ctx context.Context, book ledger.Book, source Source, before int64, limit int) ([]Receipt, error) {
	found, err := s.pool.Query(ctx, sqlReceipts, book.ID, source.ID, before, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (Receipt, error) { return scanReceipt(row, source) })
}

// Receipt returns one receipt. It returns ErrReceiptUnknown.
func (s *Service) Receipt(ctx context.Context, book ledger.Book, source Source, number int64) (Receipt, error) {
	return readReceipt(ctx, s.pool, book, source, number)
}

func readReceipt(ctx context.Context, from queryer, book ledger.Book, source Source, number int64) (Receipt, error) {
	r, err := scanReceipt(from.QueryRow(ctx, sqlReceipt, book.ID, source.ID, number), source)
	if errors.Is(err, pgx.ErrNoRows) {
		return Receipt{}, ErrReceiptUnknown
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("read a receipt: %w", err)
	}
	return r, nil
}

func scanReceipt(row pgx.Row, source Source) (r Receipt, err error) {
	var from, until *time.Time
	err = row.Scan(&r.Number, &r.Kind, &r.Format, &r.Settings, &r.SHA256, &r.Bytes, &from, &until, &r.FirstLine, &r.NewLines, &r.KnownLines, &r.Changes, &r.By, &r.RecordedAt)
	r.Source, r.RecordedAt = source.ID, r.RecordedAt.UTC()
	if from != nil {
		r.From = from.UTC()
	}
	if until != nil {
		r.Until = until.UTC()
	}
	return r, err
}

// Content writes the bytes of a receipt as they came. It returns ErrReceiptUnknown, and what the writer returns.
func (s *Service) Content(ctx context.Context, book ledger.Book, source Source, number int64, to io.Writer) error {
	r, err := s.Receipt(ctx, book, source, number)
	if err != nil {
		return err
	}
	for part, left := 1, r.Bytes; left > 0; part++ {
		var content []byte
		if err := s.pool.QueryRow(ctx, sqlParts, book.ID, source.ID, number, part).Scan(&content); err != nil {
			return fmt.Errorf("read the bytes of a receipt: %w", err)
		}
		if _, err := to.Write(content); err != nil {
			return err
		}
		left -= int64(len(content))
	}
	return nil
}

// isContent reports whether the bytes of a receipt still have its hash. They are read part by part. Bytes that are missing are others.
func (s *Service) isContent(ctx context.Context, book ledger.Book, source int16, r receiptInput) (bool, error) {
	hash := sha256.New()
	for part := 1; part <= maxParts; part++ {
		var content []byte
		err := s.pool.QueryRow(ctx, sqlParts, book.ID, source, r.Number, part).Scan(&content)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("hash the bytes of a receipt: %w", err)
		}
		_, _ = hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil)) == r.SHA256, nil
}

// Lines returns lines of a source, in the order of their numbers or, for days, in that in which they moved.
func (s *Service) Lines(ctx context.Context, book ledger.Book, source Source, q LineQuery) ([]Line, error) {
	limit := pageSize(q.Limit)
	sql, args := sqlLines, []any{book.ID, source.ID, q.After, int64(1<<63 - 1), limit}
	switch {
	case q.LineID != "":
		sql, args = sqlLinesID, []any{book.ID, source.ID, clean(q.LineID, maxID)}
	case q.Key != "":
		sql, args = sqlLinesKey, []any{book.ID, source.ID, clean(q.Key, maxID), q.After, limit}
	case q.Receipt != 0:
		r, err := s.Receipt(ctx, book, source, q.Receipt)
		if err != nil {
			return nil, err
		}
		args[2], args[3] = max(q.After, r.FirstLine-1), r.FirstLine+r.NewLines-1
	case !q.From.IsZero() || !q.Until.IsZero():
		until := q.Until
		if until.IsZero() {
			until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		moved := q.AfterMoved
		if moved.IsZero() {
			moved = q.From
		}
		sql, args = sqlLinesDay, []any{book.ID, source.ID, moved, q.After, limit, q.From, until}
	}
	found, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list lines of evidence: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (Line, error) { return scanLine(row) })
}

func scanLine(row pgx.Row) (l Line, err error) {
	var available *time.Time
	err = row.Scan(&l.Number, &l.Receipt, &l.ID, &l.Key, &l.Currency, &l.Gross, &l.Fee, &l.Net, &l.Category, &l.Type, &l.SourceRef, &l.Batch, &l.Trace, &l.Note, &l.Rate,
		&l.MovedAt, &available, &l.Status)
	l.MovedAt = l.MovedAt.UTC()
	if available != nil {
		l.AvailableAt = available.UTC()
	}
	return l, err
}

// LineDetail is a line with all that is known of it.
type LineDetail struct {
	Line
	// Raw is what a processor wrote of it when it was new, as JSON on one line; nil for a bank's line, which is in its file.
	Raw []byte
	// Changes are what was said differently later, the oldest first; at most 1000.
	Changes []Change
}

// Line returns a line of a source by its number. It returns ErrLineUnknown.
func (s *Service) Line(ctx context.Context, book ledger.Book, source Source, number int64) (d LineDetail, err error) {
	d.Line, err = scanLine(s.pool.QueryRow(ctx, sqlLine, book.ID, source.ID, number))
	if errors.Is(err, pgx.ErrNoRows) {
		return LineDetail{}, ErrLineUnknown
	}
	if err != nil {
		return LineDetail{}, fmt.Errorf("read a line of evidence: %w", err)
	}
	found, err := s.pool.Query(ctx, sqlChangesOf, book.ID, source.ID, number)
	if err != nil {
		return LineDetail{}, fmt.Errorf("read what was said of a line: %w", err)
	}
	if d.Changes, err = pgx.CollectRows(found, scanChange); err != nil {
		return LineDetail{}, fmt.Errorf("read what was said of a line: %w", err)
	}
	if source.Kind != KindProcessor {
		return d, nil
	}
	r, err := s.Receipt(ctx, book, source, d.Receipt)
	if err != nil {
		return LineDetail{}, err
	}
	row := &rowFinder{skip: number - r.FirstLine}
	if err := s.Content(ctx, book, source, d.Receipt, row); err != nil && !errors.Is(err, errRowFound) {
		return LineDetail{}, err
	}
	d.Raw = row.found
	return d, nil
}

func scanChange(row pgx.CollectableRow) (c Change, err error) {
	err = row.Scan(&c.Receipt, &c.Line, &c.LineID, &c.Field, &c.Was, &c.Became)
	return c, err
}

// Conflicts returns what sources said differently later of what moved, in the order in which they said it: what comes after the
// change that is named, up to a limit. When money becomes available is no conflict.
func (s *Service) Conflicts(ctx context.Context, book ledger.Book, source Source, after Change, limit int) ([]Change, error) {
	found, err := s.pool.Query(ctx, sqlChanges, book.ID, source.ID, after.Receipt, after.Line, after.Field, pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("list what was said differently: %w", err)
	}
	return pgx.CollectRows(found, scanChange)
}

// errRowFound ends the reading of a receipt whose row was found.
var errRowFound = errors.New("reconcile: the row was found")

// rowFinder finds one row among those that are written to it.
type rowFinder struct {
	skip  int64
	found []byte
}

// Write implements io.Writer.
func (f *rowFinder) Write(p []byte) (int, error) {
	n := len(p)
	for {
		at := bytes.IndexByte(p, '\n')
		if f.skip == 0 {
			if at < 0 {
				f.found = append(f.found, p...)
				return n, nil
			}
			f.found = append(f.found, p[:at]...)
			return 0, errRowFound
		}
		if at < 0 {
			return n, nil
		}
		f.skip--
		p = p[at+1:]
	}
}

// Known reports how far a source is numbered: the last receipt, the last line, and up to when a processor was read.
func (s *Service) Known(ctx context.Context, book ledger.Book, source Source) (receipt, line int64, until time.Time, err error) {
	var pulled *time.Time
	err = s.pool.QueryRow(ctx, `SELECT last_receipt, last_line, pulled_until FROM evidence_heads WHERE book_id = $1 AND source_id = $2`, book.ID, source.ID).Scan(&receipt, &line, &pulled)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, time.Time{}, ErrSourceUnknown
	}
	if pulled != nil {
		until = pulled.UTC()
	}
	return receipt, line, until, err
}
