package guard

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The trail in the database.

const (
	sqlMakeHead = `INSERT INTO audit_heads (book_id, last_sequence, last_hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING`
	// A lock and a read in one statement would see what was there before the wait, so each is a statement of its own.
	sqlLockHead  = `SELECT last_sequence, last_hash FROM audit_heads WHERE book_id = $1 FOR NO KEY UPDATE`
	sqlReadHead  = `SELECT last_sequence, last_hash FROM audit_heads WHERE book_id = $1`
	sqlLastRow   = `SELECT sequence, recorded_at FROM audit_rows WHERE book_id = $1 ORDER BY sequence DESC LIMIT 1`
	sqlMoveHead  = `UPDATE audit_heads SET last_sequence = $2, last_hash = $3 WHERE book_id = $1`
	sqlInsertRow = `
INSERT INTO audit_rows (book_id, sequence, recorded_at, actor_kind, actor, person, address, request_id, act, object, before, after, why, approval, previous, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

	rowColumns = `r.sequence, r.recorded_at, r.actor_kind, r.actor, r.person, r.address, r.request_id, r.act, r.object, r.before, r.after, r.why, r.approval,
       r.previous, r.hash`
	// The rows between two sequences, by the narrowest index; what the index does not decide is compared. An empty
	// parameter decides nothing.
	sqlRows = `SELECT ` + rowColumns + `
  FROM audit_rows r WHERE r.book_id = $1 AND r.sequence > $2 AND r.sequence < $3 ORDER BY r.sequence LIMIT $4`
	sqlRowsOfObject = `SELECT ` + rowColumns + `
  FROM audit_rows r WHERE r.book_id = $1 AND r.object = $5 AND r.sequence > $2 AND r.sequence < $3
   AND ($6 = '' OR r.actor = $6) AND ($7 = '' OR r.act = $7) AND ($8 = '' OR starts_with(r.act, $8)) ORDER BY r.sequence LIMIT $4`
	sqlRowsOfActor = `SELECT ` + rowColumns + `
  FROM audit_rows r WHERE r.book_id = $1 AND r.actor = $5 AND r.sequence > $2 AND r.sequence < $3
   AND ($6 = '' OR r.act = $6) AND ($7 = '' OR starts_with(r.act, $7)) ORDER BY r.sequence LIMIT $4`
	sqlRowsOfAct = `SELECT ` + rowColumns + `
  FROM audit_rows r WHERE r.book_id = $1 AND r.act = $5 AND r.sequence > $2 AND r.sequence < $3 ORDER BY r.sequence LIMIT $4`
	// Walks from one act to the next along the index, and takes the first rows of each.
	sqlRowsOfActs = `
WITH RECURSIVE acts AS (
    (SELECT a.act FROM audit_rows a WHERE a.book_id = $1 AND a.act > $5 AND a.act < $6 ORDER BY a.book_id, a.act LIMIT 1)
    UNION ALL
    SELECT (SELECT a.act FROM audit_rows a WHERE a.book_id = $1 AND a.act > acts.act AND a.act < $6 ORDER BY a.book_id, a.act LIMIT 1)
      FROM acts WHERE acts.act IS NOT NULL
)
SELECT ` + rowColumns + `
  FROM acts CROSS JOIN LATERAL (
       SELECT * FROM audit_rows x WHERE x.book_id = $1 AND x.act = acts.act AND x.sequence > $2 AND x.sequence < $3 ORDER BY x.sequence LIMIT $4) r
 WHERE acts.act IS NOT NULL ORDER BY r.sequence LIMIT $4`
	sqlFirstFrom = `SELECT sequence FROM audit_rows WHERE book_id = $1 AND recorded_at >= $2 ORDER BY recorded_at, sequence LIMIT 1`
)

const (
	// maxRows bounds a page, with one more to see whether there is another.
	maxRows = 1001
	// verifyRows are read at a time by a verification: at most some 30 MB.
	verifyRows = 200
)

// RecordTx writes the deed into the caller's transaction, which should end soon: the trail of the book is locked until then.
// Whoever locks other things in the same transaction locks them first. Tell hundreds of deeds in one transaction, not tens of
// thousands: each looks through the versions of the head that the transaction itself has left, which takes milliseconds by
// then. It returns ErrDeedInvalid.
func (t *Trail) RecordTx(ctx context.Context, tx pgx.Tx, d Deed) (Row, error) {
	d, err := d.kept()
	if err != nil {
		return Row{}, err
	}
	first := genesis(d.Book.ID)
	var head struct {
		sequence int64
		hash     []byte
		at       time.Time
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlMakeHead, d.Book.ID, first[:])
	batch.Queue(sqlLockHead, d.Book.ID).QueryRow(func(row pgx.Row) error { return row.Scan(&head.sequence, &head.hash) })
	batch.Queue(sqlLastRow, d.Book.ID).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(nil, &head.at); err != nil && err != pgx.ErrNoRows {
			return err
		}
		return nil
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Row{}, err
	}
	// The clock is read under the lock; and whatever it says, time along the trail does not run backwards.
	at := t.now().UTC().Truncate(time.Microsecond)
	if head.at.After(at) {
		at = head.at.UTC()
	}
	r := Row{Sequence: head.sequence + 1, RecordedAt: at, Deed: d, Previous: [32]byte(head.hash)}
	r.Hash = r.sum()
	batch = &pgx.Batch{}
	batch.Queue(sqlInsertRow, r.Book.ID, r.Sequence, r.RecordedAt, r.Actor.Kind, r.Actor.ID, r.Actor.Person, r.Actor.Address, r.Actor.RequestID,
		r.Act, r.Object, string(r.Before), string(r.After), r.Why, r.Approval, r.Previous[:], r.Hash[:])
	batch.Queue(sqlMoveHead, r.Book.ID, r.Sequence, r.Hash[:])
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Row{}, err
	}
	return r, nil
}

// LockTx makes others who would write to the trail of the book, or lock it, wait until the caller's transaction ends. It is for
// acts whose objects have no row of their own that could be locked; such a transaction locks nothing before it.
func (t *Trail) LockTx(ctx context.Context, tx pgx.Tx, book Book) error {
	first := genesis(book.ID)
	batch := &pgx.Batch{}
	batch.Queue(sqlMakeHead, book.ID, first[:])
	batch.Queue(sqlLockHead, book.ID)
	return tx.SendBatch(ctx, batch).Close()
}

// Record writes a deed that changes nothing else, such as a look at personal data. It returns ErrDeedInvalid.
func (t *Trail) Record(ctx context.Context, d Deed) (r Row, err error) {
	err = t.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		r, err = t.RecordTx(ctx, tx, d)
		return err
	})
	if err != nil {
		return Row{}, err
	}
	return r, nil
}

// Rows returns up to limit rows, at most 1001, of the book's trail that the filter chooses, after the sequence, in order.
// A search that takes longer than two seconds ends with postgres.ErrReadTooLong.
func (t *Trail) Rows(ctx context.Context, book Book, f Filter, after int64, limit int) ([]Row, error) {
	return t.choose(ctx, book, f, after, math.MaxInt64, limit, func(sql string) string { return sql })
}

// choose reads rows between two sequences with the filter's statement, which order may turn round.
func (t *Trail) choose(ctx context.Context, book Book, f Filter, after, before int64, limit int, order func(sql string) string) (rows []Row, err error) {
	if !line(f.Act, maxAct) || !line(f.Actor, maxActor) || !line(f.Object, maxObject) {
		return nil, nil // no row holds that
	}
	err = t.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		for _, bound := range []struct {
			at    time.Time
			apply func(first int64)
		}{
			{f.From, func(first int64) { after = max(after, first-1) }},
			{f.Until, func(first int64) { before = min(before, first) }},
		} {
			if bound.at.IsZero() {
				continue
			}
			first, err := firstFrom(ctx, tx, book, bound.at)
			if err != nil {
				return err
			}
			bound.apply(first)
		}
		sql, args := f.query(book, after, before, min(max(limit, 1), maxRows))
		rows, err = collectRows(ctx, tx, book, order(sql), args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// firstFrom returns the first sequence that was recorded at or after the time, the largest number if there is none.
func firstFrom(ctx context.Context, tx pgx.Tx, book Book, at time.Time) (sequence int64, err error) {
	err = tx.QueryRow(ctx, sqlFirstFrom, book.ID, storable(at)).Scan(&sequence)
	if err == pgx.ErrNoRows {
		return math.MaxInt64, nil
	}
	return sequence, err
}

// storable moves a time to the nearest that the database knows, rounded up to its microseconds.
func storable(at time.Time) time.Time {
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	at = at.UTC()
	switch {
	case at.Before(first):
		return first
	case at.After(last):
		return last
	}
	if cut := at.Truncate(time.Microsecond); cut.Before(at) {
		return cut.Add(time.Microsecond)
	}
	return at
}

// query chooses the statement for the filter: an object has fewer rows than an actor, and an actor fewer than an act.
func (f Filter) query(book Book, after, before int64, limit int) (sql string, args []any) {
	args = []any{book.ID, after, before, limit}
	act, prefix := f.Act, ""
	if strings.HasSuffix(act, ".") {
		act, prefix = "", f.Act
	}
	switch {
	case f.Object != "":
		return sqlRowsOfObject, append(args, f.Object, f.Actor, act, prefix)
	case f.Actor != "":
		return sqlRowsOfActor, append(args, f.Actor, act, prefix)
	case act != "":
		return sqlRowsOfAct, append(args, act)
	case prefix != "":
		// The dot is followed by the slash, so these are all that begin with the prefix.
		return sqlRowsOfActs, append(args, prefix, strings.TrimSuffix(prefix, ".")+"/")
	}
	return sqlRows, args
}

func collectRows(ctx context.Context, tx pgx.Tx, book Book, sql string, args ...any) ([]Row, error) {
	found, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (Row, error) {
		r := Row{Deed: Deed{Book: book}}
		var before, after string
		var previous, hash []byte
		err := row.Scan(&r.Sequence, &r.RecordedAt, &r.Actor.Kind, &r.Actor.ID, &r.Actor.Person, &r.Actor.Address, &r.Actor.RequestID,
			&r.Act, &r.Object, &before, &after, &r.Why, &r.Approval, &previous, &hash)
		if err != nil {
			return Row{}, err
		}
		r.RecordedAt = r.RecordedAt.UTC()
		if before != "" {
			r.Before = json.RawMessage(before)
		}
		if after != "" {
			r.After = json.RawMessage(after)
		}
		copy(r.Previous[:], previous)
		copy(r.Hash[:], hash)
		return r, nil
	})
}

// Verify reads the whole trail of the book as it is when it begins, in pages, and returns ErrTrailBroken with the first
// sequence that is wrong. What it cannot see is a trail that was written anew from some row to its head: so compare the
// head with one that was noted elsewhere.
func (t *Trail) Verify(ctx context.Context, book Book) (Verified, error) {
	var head, last int64
	var headHash []byte
	err := t.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlReadHead, book.ID).Scan(&head, &headHash); err != nil && err != pgx.ErrNoRows {
			return err
		}
		if err := tx.QueryRow(ctx, sqlLastRow, book.ID).Scan(&last, nil); err != nil && err != pgx.ErrNoRows {
			return err
		}
		return nil
	})
	if err != nil {
		return Verified{}, err
	}
	v := Verified{Head: genesis(book.ID)}
	var at time.Time
	for v.Rows < head {
		var page []Row
		err := t.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
			page, err = collectRows(ctx, tx, book, sqlRows, book.ID, v.Rows, min(head, v.Rows+verifyRows)+1, verifyRows)
			return err
		})
		if err != nil {
			return Verified{}, err
		}
		for _, r := range page {
			switch {
			case r.Sequence != v.Rows+1:
				return Verified{}, broken(v.Rows+1, "is missing")
			case r.Hash != r.sum():
				return Verified{}, broken(r.Sequence, "was changed")
			case r.Previous != v.Head || r.RecordedAt.Before(at):
				return Verified{}, broken(r.Sequence, "does not follow the row before it")
			}
			v.Rows, v.Head, at = r.Sequence, r.Hash, r.RecordedAt
		}
		if len(page) == 0 {
			return Verified{}, broken(v.Rows+1, "is missing")
		}
	}
	switch {
	case last > head:
		return Verified{}, broken(head+1, "was slipped in after the last one")
	case headHash != nil && string(headHash) != string(v.Head[:]):
		return Verified{}, broken(head, "is not the one that was recorded last")
	}
	return v, nil
}

// broken says which row is wrong, and how.
func broken(sequence int64, how string) error {
	return ErrTrailBroken.Withf("The audit trail does not verify: row %d %s. Keep the database as it is, and compare it with your last export of the trail.", sequence, how)
}
