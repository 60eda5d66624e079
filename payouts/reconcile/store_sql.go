package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Storing evidence. Whoever adds to a source holds its head, so that lines are numbered without gaps and each is there once.

const (
	sqlLockEvidence = `SELECT last_receipt, last_line, pulled_until FROM evidence_heads WHERE book_id = $1 AND source_id = $2 FOR NO KEY UPDATE`
	sqlMoveEvidence = `UPDATE evidence_heads SET last_receipt = $3, last_line = $4, pulled_until = greatest(pulled_until, $5) WHERE book_id = $1 AND source_id = $2`

	sqlNewReceipt = `
INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, window_from, window_until, first_line, new_lines, known_lines,
    changes, taken_by, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	sqlNewPart  = `INSERT INTO evidence_parts (book_id, source_id, receipt, part, content) VALUES ($1, $2, $3, $4, $5)`
	sqlAddLines = `
INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, trace, note, rate,
    moved_at, available_at, status)
SELECT $1, $2, $4 + n.ordinality - 1, $3, n.line_id, n.key, n.currency, n.gross, n.fee, n.gross - n.fee, n.category, n.type, n.source_ref, n.batch, n.trace, n.note, n.rate,
       n.moved_at, n.available_at, n.status
  FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
              $16::text[], $17::timestamptz[], $18::timestamptz[], $19::text[]) WITH ORDINALITY
    AS n (line_id, key, currency, gross, fee, category, type, source_ref, batch, trace, note, rate, moved_at, available_at, status, ordinality)`
	sqlNewChanges = `
INSERT INTO evidence_changes (book_id, source_id, receipt, line, field, was, became)
SELECT $1, $2, $3, n.* FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[]) AS n`

	// Each id is looked for by itself, so that it is found by its index whatever the statistics say.
	sqlKnown = `
SELECT l.number, l.line_id, l.key, l.currency, l.gross, l.fee, l.net, l.category, l.type, l.source_ref, l.batch, l.trace, l.moved_at, l.available_at, l.status
  FROM unnest($3::text[]) AS w (line_id)
 CROSS JOIN LATERAL (SELECT * FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.line_id = w.line_id LIMIT 1) l`
	// What was last said of the lines in each field.
	sqlSaid = `
SELECT c.line, c.field, c.became FROM unnest($3::bigint[]) AS w (line)
 CROSS JOIN LATERAL (SELECT DISTINCT ON (x.field) x.line, x.field, x.became FROM evidence_changes x
        WHERE x.book_id = $1 AND x.source_id = $2 AND x.line = w.line ORDER BY x.field, x.receipt DESC) c`
)

// taking is evidence that is being added to a source.
type taking struct {
	s      *Service
	tx     pgx.Tx
	book   ledger.Book
	source Source
	// receipt and line are the last numbers that were given.
	receipt, line int64
	pulledUntil   time.Time
}

// takeTx holds a source's head until the transaction ends, and begins a receipt.
func (s *Service) takeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, source Source) (*taking, error) {
	t := &taking{s: s, tx: tx, book: book, source: source}
	var until *time.Time
	err := tx.QueryRow(ctx, sqlLockEvidence, book.ID, source.ID).Scan(&t.receipt, &t.line, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrSourceUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("lock a source of evidence: %w", err)
	}
	if until != nil {
		t.pulledUntil = until.UTC()
	}
	return t, nil
}

// keep writes the receipt down with its bytes and its new lines, and fills the receipt's numbers in. The head moves with move.
func (t *taking) keep(ctx context.Context, r *Receipt, content []byte, lines []*taken, changes []Change) error {
	r.Source, r.Number, r.Settings, r.RecordedAt = t.source.ID, t.receipt+1, t.source.Version, t.s.now()
	r.SHA256, r.Bytes = digestOf(content), int64(len(content))
	r.FirstLine, r.NewLines, r.Changes = t.line+1, int64(len(lines)), len(changes)
	if len(content) > maxParts*partBytes {
		return fmt.Errorf("keep evidence: %d bytes are more than a receipt holds", len(content))
	}
	_, err := t.tx.Exec(ctx, sqlNewReceipt, t.book.ID, r.Source, r.Number, r.Kind, r.Format, r.Settings, r.SHA256, r.Bytes, maybe(r.From), maybe(r.Until),
		r.FirstLine, r.NewLines, r.KnownLines, r.Changes, r.By, r.RecordedAt)
	if err != nil {
		return fmt.Errorf("keep a receipt: %w", err)
	}
	for part := 1; len(content) > 0; part++ {
		n := min(len(content), partBytes)
		if _, err := t.tx.Exec(ctx, sqlNewPart, t.book.ID, r.Source, r.Number, part, content[:n]); err != nil {
			return fmt.Errorf("keep the bytes of a receipt: %w", err)
		}
		content = content[n:]
	}
	for first := r.FirstLine; len(lines) > 0; {
		n := min(len(lines), insertPage)
		if err := t.insert(ctx, r.Number, first, lines[:n]); err != nil {
			return err
		}
		lines, first = lines[n:], first+int64(n)
	}
	if err := t.change(ctx, r.Number, changes); err != nil {
		return err
	}
	t.receipt, t.line = r.Number, t.line+r.NewLines
	return nil
}

// move writes the head down.
func (t *taking) move(ctx context.Context, until time.Time) error {
	if _, err := t.tx.Exec(ctx, sqlMoveEvidence, t.book.ID, t.source.ID, t.receipt, t.line, maybe(until)); err != nil {
		return fmt.Errorf("move a source of evidence on: %w", err)
	}
	return nil
}

// insert writes lines down, numbered from first.
func (t *taking) insert(ctx context.Context, receipt, first int64, lines []*taken) error {
	texts := make([][]string, 11)
	for i := range texts {
		texts[i] = make([]string, len(lines))
	}
	gross, fee := make([]int64, len(lines)), make([]int64, len(lines))
	moved, available := make([]time.Time, len(lines)), make([]*time.Time, len(lines))
	for i, l := range lines {
		for j, text := range [...]string{l.id, l.key, string(l.currency), l.category, l.kind, l.sourceRef, l.batch, l.trace, l.note, l.rate, l.status} {
			texts[j][i] = text
		}
		gross[i], fee[i], moved[i], available[i] = int64(l.gross), int64(l.fee), stored(l.movedAt), maybe(l.availableAt)
	}
	_, err := t.tx.Exec(ctx, sqlAddLines, t.book.ID, t.source.ID, receipt, first, texts[0], texts[1], texts[2], gross, fee, texts[3], texts[4], texts[5], texts[6],
		texts[7], texts[8], texts[9], moved, available, texts[10])
	if err != nil {
		return fmt.Errorf("keep lines of evidence: %w", err)
	}
	return nil
}

// change writes down what was said differently.
func (t *taking) change(ctx context.Context, receipt int64, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	var lines []int64
	var fields, was, became []string
	for i := range changes {
		c := &changes[i]
		c.Receipt = receipt
		lines, fields, was, became = append(lines, c.Line), append(fields, c.Field), append(was, c.Was), append(became, c.Became)
	}
	if _, err := t.tx.Exec(ctx, sqlNewChanges, t.book.ID, t.source.ID, receipt, lines, fields, was, became); err != nil {
		return fmt.Errorf("keep what a source says differently: %w", err)
	}
	return nil
}

// find returns the lines that are known by the ids.
func (t *taking) find(ctx context.Context, ids []string) (map[string]*known, error) {
	all := make(map[string]*known, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), insertPage)
		found, err := t.tx.Query(ctx, sqlKnown, t.book.ID, t.source.ID, ids[:n])
		if err != nil {
			return nil, fmt.Errorf("find known lines: %w", err)
		}
		page, err := pgx.CollectRows(found, scanKnown)
		if err != nil {
			return nil, fmt.Errorf("find known lines: %w", err)
		}
		for _, k := range page {
			all[k.id] = k
		}
		ids = ids[n:]
	}
	return all, nil
}

func scanKnown(row pgx.CollectableRow) (*known, error) {
	k := &known{}
	var available *time.Time
	err := row.Scan(&k.number, &k.id, &k.key, &k.currency, &k.gross, &k.fee, &k.net, &k.category, &k.kind, &k.sourceRef, &k.batch, &k.trace, &k.movedAt, &available, &k.status)
	k.movedAt = k.movedAt.UTC()
	if available != nil {
		k.availableAt = available.UTC()
	}
	return k, err
}

// saidAt is where something can be said differently.
type saidAt struct {
	line  int64
	field string
}

// said returns what was last said of known lines that was not what they say.
func (t *taking) said(ctx context.Context, all map[string]*known) (map[saidAt]string, error) {
	lines := make([]int64, 0, len(all))
	for _, k := range all {
		lines = append(lines, k.number)
	}
	slices.Sort(lines)
	said := map[saidAt]string{}
	for len(lines) > 0 {
		n := min(len(lines), insertPage)
		found, err := t.tx.Query(ctx, sqlSaid, t.book.ID, t.source.ID, lines[:n])
		if err != nil {
			return nil, fmt.Errorf("read what a source said before: %w", err)
		}
		var at saidAt
		var became string
		if _, err := pgx.ForEachRow(found, []any{&at.line, &at.field, &became}, func() error {
			said[at] = became
			return nil
		}); err != nil {
			return nil, fmt.Errorf("read what a source said before: %w", err)
		}
		lines = lines[n:]
	}
	return said, nil
}

// differ returns a change if a field of a known line is said otherwise than the last time.
func differ(k *known, said map[saidAt]string, field, kept, now string) (Change, bool) {
	now = clean(now, maxSaid)
	if before, ok := said[saidAt{k.number, field}]; ok {
		kept = before
	}
	return Change{Line: k.number, LineID: k.id, Field: field, Was: clean(kept, maxSaid), Became: now}, clean(kept, maxSaid) != now
}

// written is an amount as changes have it.
func written(m money.Minor, c money.Currency) string {
	if !c.Known() {
		return fmt.Sprint(int64(m))
	}
	return m.Format(c)
}
