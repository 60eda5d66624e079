package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The floor: what PostgreSQL itself takes for the same rows. The same sales go into the same tables by plain unnest
// inserts and balance updates, over one connection, 1,000 sales a commit, with the same durability and the same seals,
// without a service, a lookup or a decision. Every other figure of the benchmark is a ratio to it.

const floorBatch = 1000

const (
	sqlFloorTransactions = `
INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event,
                          subject, account_ids, content_hash)
SELECT $1, k.sequence, 6, $2, $2, $3, $3, k.reference, 'order.captured', k.subject, k.account_ids::integer[], k.content_hash
  FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::bytea[]) AS k (sequence, reference, subject, account_ids, content_hash)`

	sqlFloorReferences = `
INSERT INTO transaction_references (book_id, reference, first_sequence, count, content_hash)
SELECT $1, k.reference, k.sequence, 1, k.content_hash
  FROM unnest($2::text[], $3::bigint[], $4::bytea[]) AS k (reference, sequence, content_hash)`

	sqlFloorSubjects = `
INSERT INTO subjects (book_id, subject, first_sequence, last_sequence)
SELECT $1, k.subject, k.sequence, k.sequence FROM unnest($2::text[], $3::bigint[]) AS k (subject, sequence)`

	sqlFloorEntries = `
INSERT INTO entries (book_id, account_id, sequence, line, amount, account_version, balance_after, debits_after)
SELECT $1, k.account_id, k.sequence, k.line, k.amount, k.version, k.balance, k.debits
  FROM unnest($2::integer[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS k (account_id, sequence, line, amount, version, balance, debits)`

	sqlFloorBalances = `
UPDATE balances b SET debits = k.debits, credits = k.credits, version = k.version, last_sequence = k.sequence
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS k (account_id, debits, credits, version, sequence)
 WHERE b.book_id = $1 AND b.account_id = k.account_id`

	sqlFloorTotals = `
INSERT INTO period_totals (book_id, account_id, period, debits, credits)
SELECT $1, k.account_id, $2, k.debits, k.credits
  FROM unnest($3::integer[], $4::bigint[], $5::bigint[]) AS k (account_id, debits, credits)
    ON CONFLICT (book_id, account_id, period)
    DO UPDATE SET debits = period_totals.debits + excluded.debits, credits = period_totals.credits + excluded.credits`

	sqlFloorHead = `UPDATE books SET last_sequence = $2, last_recorded_at = $3 WHERE id = $1`

	sqlFloorAccounts = `SELECT id, address FROM accounts WHERE book_id = $1`
	sqlFloorBook     = `SELECT id, last_sequence FROM books WHERE code = $1`
	sqlFloorVersions = `SELECT account_id, debits, credits, version FROM balances WHERE book_id = $1`

	sqlFloorPartitions = `SELECT prepare_partitions($1)`
	sqlCheckpoint      = `CHECKPOINT`
	sqlSizeAndWAL      = `SELECT pg_database_size(current_database()), pg_current_wal_lsn() - '0/0'::pg_lsn`
)

type floorAccount struct{ debits, credits, version, sequence int64 }

// floor writes sales the plain way into a book whose accounts exist already.
type floor struct {
	conn     *pgx.Conn
	bookID   int32
	sequence int64
	period   int32
	ids      map[string]int32
	accounts map[int32]*floorAccount
}

func openFloor(ctx context.Context, url, book string, period int32) (*floor, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	f := &floor{conn: conn, period: period, ids: map[string]int32{}, accounts: map[int32]*floorAccount{}}
	if err := conn.QueryRow(ctx, sqlFloorBook, book).Scan(&f.bookID, &f.sequence); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, sqlFloorAccounts, f.bookID)
	if err != nil {
		return nil, err
	}
	var id int32
	var address string
	if _, err := pgx.ForEachRow(rows, []any{&id, &address}, func() error { f.ids[address] = id; return nil }); err != nil {
		return nil, err
	}
	rows, err = conn.Query(ctx, sqlFloorVersions, f.bookID)
	if err != nil {
		return nil, err
	}
	var a floorAccount
	_, err = pgx.ForEachRow(rows, []any{&id, &a.debits, &a.credits, &a.version}, func() error {
		copied := a
		f.accounts[id] = &copied
		return nil
	})
	return f, err
}

// write commits one batch of sales.
func (f *floor) write(ctx context.Context, sales []benchSale, now time.Time) error {
	b, first := floorRows{touched: map[int32]*turnoverRow{}}, f.sequence
	for i := range sales {
		f.sequence++
		f.add(&b, &sales[i])
	}
	if _, err := f.conn.Exec(ctx, sqlFloorPartitions, f.sequence); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`)
	batch.Queue(sqlFloorTransactions, f.bookID, f.period, now, b.sequences, b.references, b.subjects, b.accountIDs, b.hashes)
	batch.Queue(sqlFloorReferences, f.bookID, b.references, b.sequences, b.hashes)
	batch.Queue(sqlFloorSubjects, f.bookID, b.subjects, b.sequences)
	batch.Queue(sqlFloorEntries, f.bookID, b.ids, b.entrySequences, b.lines, b.amounts, b.versions, b.balances, b.debits)
	ids, debits, credits, versions, last := f.touchedRows(&b)
	batch.Queue(sqlFloorBalances, f.bookID, ids, debits, credits, versions, last)
	totalDebits, totalCredits := make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		totalDebits[i], totalCredits[i] = b.touched[id].debits, b.touched[id].credits
	}
	batch.Queue(sqlFloorTotals, f.bookID, f.period, ids, totalDebits, totalCredits)
	batch.Queue(sqlFloorHead, f.bookID, f.sequence, now)
	batch.Queue(`COMMIT`)
	if err := f.conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("floor batch after %d: %w", first, err)
	}
	return nil
}

type turnoverRow struct{ debits, credits int64 }

type floorRows struct {
	sequences, entrySequences, amounts, versions, balances, debits []int64
	references, subjects, accountIDs                               []string
	hashes                                                         [][]byte
	ids                                                            []int32
	lines                                                          []int16
	touched                                                        map[int32]*turnoverRow
}

func (f *floor) add(b *floorRows, s *benchSale) {
	hash := sha256.Sum256([]byte(s.reference))
	literal := "{"
	for i, l := range s.lines {
		id := f.ids[l.account]
		a := f.accounts[id]
		t := b.touched[id]
		if t == nil {
			t = &turnoverRow{}
			b.touched[id] = t
		}
		if l.amount > 0 {
			a.debits, t.debits = a.debits+l.amount, t.debits+l.amount
		} else {
			a.credits, t.credits = a.credits-l.amount, t.credits-l.amount
		}
		a.version++
		a.sequence = f.sequence
		b.ids, b.entrySequences, b.lines = append(b.ids, id), append(b.entrySequences, f.sequence), append(b.lines, int16(i+1))
		b.amounts, b.versions = append(b.amounts, l.amount), append(b.versions, a.version)
		b.balances, b.debits = append(b.balances, a.debits-a.credits), append(b.debits, a.debits)
		if i > 0 {
			literal += ","
		}
		literal += fmt.Sprint(id)
	}
	b.sequences, b.references = append(b.sequences, f.sequence), append(b.references, s.reference)
	b.subjects, b.accountIDs = append(b.subjects, s.subject), append(b.accountIDs, literal+"}")
	b.hashes = append(b.hashes, hash[:])
}

func (f *floor) touchedRows(b *floorRows) (ids []int32, debits, credits, versions, last []int64) {
	for id := range b.touched {
		a := f.accounts[id]
		ids = append(ids, id)
		debits, credits = append(debits, a.debits), append(credits, a.credits)
		versions, last = append(versions, a.version), append(last, a.sequence)
	}
	return ids, debits, credits, versions, last
}

// meter asks the server what a measurement cost.
type meter struct{ conn *pgx.Conn }

func openMeter(ctx context.Context, adminURL string) (*meter, error) {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return nil, err
	}
	return &meter{conn}, nil
}

func (m *meter) close(ctx context.Context) { _ = m.conn.Close(ctx) }

// diskUse returns the database's size and the WAL written since the server began, in bytes.
func (m *meter) diskUse(ctx context.Context) (size, wal int64, err error) {
	err = m.conn.QueryRow(ctx, sqlSizeAndWAL).Scan(&size, &wal)
	return size, wal, err
}

// checkpoint flushes dirty pages, so that each measurement starts from the same state.
func (m *meter) checkpoint(ctx context.Context) error {
	_, err := m.conn.Exec(ctx, sqlCheckpoint)
	return err
}
