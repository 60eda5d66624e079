package intake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// The imports, their parts and their rows in the database.

const importColumns = `id, options, coalesce(sha256, ''), bytes, recorded_at, state, reason, detail, currency, rows, said, stated_total, our_total, totals, tries, attempts`

const (
	sqlBeginImport = `
INSERT INTO imports (book_id, options, recorded_at, state, next_attempt) VALUES ($1, $2, $3, 'receiving', $4) RETURNING id`

	sqlAddPart = `INSERT INTO import_parts (book_id, import_id, part, content) VALUES ($1, $2, $3, $4)`

	sqlSameImport = `
SELECT id FROM imports WHERE book_id = $1 AND sha256 = $2 AND options = $3 AND state NOT IN ('receiving', 'refused')`

	sqlFinishImport = `
UPDATE imports SET sha256 = $3, bytes = $4, state = 'received', next_attempt = $5 WHERE book_id = $1 AND id = $2 AND state = 'receiving'`

	sqlLockUpload = `SELECT id FROM imports WHERE book_id = $1 AND id = $2 AND state = 'receiving' FOR UPDATE`

	sqlDropParts = `DELETE FROM import_parts WHERE book_id = $1 AND import_id = $2`

	sqlDropImport = `DELETE FROM imports WHERE book_id = $1 AND id = $2 AND state = 'receiving'`

	// A claim is a lease, as that of a message. The count of attempts tells who holds it.
	sqlClaimImport = `
UPDATE imports m SET next_attempt = $2, attempts = m.attempts + 1, state = CASE m.state WHEN 'received' THEN 'checking' ELSE m.state END
  FROM (SELECT book_id, id FROM imports WHERE next_attempt <= $1 ORDER BY next_attempt, id LIMIT 1 FOR UPDATE SKIP LOCKED) due
  JOIN books b ON b.id = due.book_id
 WHERE m.book_id = due.book_id AND m.id = due.id
RETURNING b.code, m.id, m.options, coalesce(m.sha256, ''), m.bytes, m.recorded_at, m.state, m.reason, m.detail, m.currency, m.rows, m.said,
       m.stated_total, m.our_total, m.totals, m.tries, m.attempts`

	sqlRenew = `UPDATE imports SET next_attempt = $4 WHERE book_id = $1 AND id = $2 AND attempts = $3 AND next_attempt IS NOT NULL`

	sqlPostpone = `
UPDATE imports SET next_attempt = $4, reason = 'not-applied', detail = 'It could not be applied now and is tried again.'
 WHERE book_id = $1 AND id = $2 AND attempts = $3 AND next_attempt IS NOT NULL`

	sqlNoteCheck = `
UPDATE imports SET state = $4, reason = $5, detail = $6, currency = $7, rows = $8, said = $9, stated_total = $10, our_total = $11, totals = $12,
       next_attempt = $13
 WHERE book_id = $1 AND id = $2 AND attempts = $3 AND state = 'checking'`

	sqlEndImport = `
UPDATE imports SET state = 'done', next_attempt = NULL, reason = '', detail = '' WHERE book_id = $1 AND id = $2 AND attempts = $3 AND state = 'applying'`

	sqlRetryImport = `
UPDATE imports m SET state = 'applying', tries = tries + 1, next_attempt = $3 WHERE m.book_id = $1 AND m.id = $2 AND m.state = 'done'
   AND EXISTS (SELECT FROM import_rows r WHERE r.book_id = m.book_id AND r.import_id = m.id AND r.state = 'parked')`

	sqlImport = `SELECT ` + importColumns + ` FROM imports WHERE book_id = $1 AND id = $2 AND state <> 'receiving'`

	sqlImports = `SELECT ` + importColumns + ` FROM imports WHERE book_id = $1 AND id > $2 AND state <> 'receiving' ORDER BY id LIMIT $3`

	sqlCounts = `
SELECT import_id, state, count(*), sum(amount)::bigint FROM import_rows WHERE book_id = $1 AND import_id = ANY($2) GROUP BY import_id, state`

	sqlPart = `SELECT content FROM import_parts WHERE book_id = $1 AND import_id = $2 AND part = $3`

	sqlRows = `
SELECT row, identity, sha256, state, reason, detail, reference, amount, tried FROM import_rows
 WHERE book_id = $1 AND import_id = $2 AND row > $3 AND row <= $4 ORDER BY row LIMIT $5`

	// A statement of its own, as that of messages.
	sqlRowsOf = `
SELECT row, identity, sha256, state, reason, detail, reference, amount, tried FROM import_rows
 WHERE book_id = $1 AND import_id = $2 AND row > $3 AND row <= $4 AND state = $6 ORDER BY row LIMIT $5`

	sqlOwners = `SELECT identity, import_id, row, sha256 FROM import_identities WHERE book_id = $1 AND channel = $2 AND identity = ANY($3)`

	sqlOwn = `
INSERT INTO import_identities (book_id, channel, identity, import_id, row, sha256)
SELECT $1, $2, x.identity, $3, x.row, x.sha256 FROM unnest($4::text[], $5::integer[], $6::bytea[]) AS x (identity, row, sha256)
    ON CONFLICT DO NOTHING`

	sqlNoteRows = `
INSERT INTO import_rows (book_id, import_id, row, identity, sha256, state, reason, detail, reference, amount, tried)
SELECT $1, $2, x.row, x.identity, x.sha256, x.state, x.reason, x.detail, x.reference, x.amount, $3
  FROM unnest($4::integer[], $5::text[], $6::bytea[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[])
    AS x (row, identity, sha256, state, reason, detail, reference, amount)
    ON CONFLICT (book_id, import_id, row) DO UPDATE SET state = excluded.state, reason = excluded.reason, detail = excluded.detail,
       reference = excluded.reference, tried = excluded.tried WHERE import_rows.state = 'parked'`
)

func (s store) beginImport(ctx context.Context, book ledger.BookID, options string, now, until time.Time) (id int64, err error) {
	err = s.pool.QueryRow(ctx, sqlBeginImport, book, options, now, until).Scan(&id)
	return id, err
}

func (s store) addPart(ctx context.Context, book ledger.BookID, id int64, part int, content []byte) error {
	_, err := s.pool.Exec(ctx, sqlAddPart, book, id, part, content)
	return err
}

// finishImport makes an upload durable as a whole, and returns the id under which the file is kept: that of an earlier
// import if it was received before. Of a new one it tells, in the same transaction.
func (s store) finishImport(ctx context.Context, book ledger.BookID, id int64, options string, sum [32]byte, size int64, now time.Time, tell func(pgx.Tx) error) (kept int64, err error) {
	for range 2 {
		err = s.pool.QueryRow(ctx, sqlSameImport, book, sum[:], options).Scan(&kept)
		if !errors.Is(err, pgx.ErrNoRows) {
			return kept, err
		}
		err := s.pool.Tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sqlFinishImport, book, id, sum[:], size, now)
			if err == nil && tag.RowsAffected() != 1 {
				err = ErrFile.With("The file took too long to send. Split it; nothing was imported.")
			}
			if err != nil {
				return err
			}
			return tell(tx)
		})
		if postgres.IsUnique(err, "imports_once") {
			continue // the same file has just come another way
		}
		return id, err
	}
	return 0, ledger.ErrUnavailable
}

// dropImport throws away an upload that did not become whole, and nothing else.
func (s store) dropImport(ctx context.Context, book ledger.BookID, id int64) error {
	return s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if tag, err := tx.Exec(ctx, sqlLockUpload, book, id); err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, sqlDropParts, book, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlDropImport, book, id)
		return err
	})
}

// claimImport takes an import that is due, until the lease ends; nil if there is none.
func (s store) claimImport(ctx context.Context, now, lease time.Time) (code string, i *Import, err error) {
	rows, err := s.pool.Query(ctx, sqlClaimImport, now, lease)
	if err != nil {
		return "", nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Import, err error) {
		err = i.scan(row, &code)
		return i, err
	})
	if err != nil || len(list) == 0 {
		return "", nil, err
	}
	return code, &list[0], nil
}

// scan reads an import with columns before its own.
func (i *Import) scan(row pgx.CollectableRow, before ...any) error {
	var sum, totals []byte
	var currency string
	err := row.Scan(append(before, &i.ID, &i.optionsText, &sum, &i.Bytes, &i.RecordedAt, &i.State, &i.Reason, &i.Detail, &currency, &i.Rows, &i.Said, &i.Stated,
		&i.Ours, &totals, &i.tries, &i.attempts)...)
	if err != nil {
		return err
	}
	copy(i.SHA256[:], sum)
	i.Currency, i.Counts = money.Currency(currency), map[RowState]int{}
	var kept []keptTotal
	err = errors.Join(json.Unmarshal([]byte(i.optionsText), &i.Options), json.Unmarshal(totals, &kept))
	for _, k := range kept {
		i.Fields = append(i.Fields, FieldTotal{k.Field, k.Count, money.Minor(k.Amount)})
	}
	return err
}

// keptTotal is a FieldTotal as it is kept, in the smallest units of the import's currency.
type keptTotal struct {
	Field  string `json:"field"`
	Count  int    `json:"count"`
	Amount int64  `json:"amount"`
}

// held turns an update of an import that another worker holds by now into errTaken.
func (s store) held(ctx context.Context, sql string, args ...any) error {
	tag, err := s.pool.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() != 1 {
		return errTaken
	}
	return err
}

func (s store) renew(ctx context.Context, book ledger.BookID, i *Import, until time.Time) error {
	return s.held(ctx, sqlRenew, book, i.ID, i.attempts, until)
}

// postpone has an import taken up later; not if another worker holds it.
func (s store) postpone(ctx context.Context, book ledger.BookID, i *Import, until time.Time) error {
	if err := s.held(ctx, sqlPostpone, book, i.ID, i.attempts, until); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

func (s store) noteCheck(ctx context.Context, book ledger.BookID, i *Import, until time.Time) error {
	kept := make([]keptTotal, len(i.Fields))
	for n, f := range i.Fields {
		kept[n] = keptTotal{f.Field, f.Count, int64(f.Amount)}
	}
	totals, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	var next *time.Time
	if i.State != ImportRefused {
		next = &until
	}
	return s.held(ctx, sqlNoteCheck, book, i.ID, i.attempts, i.State, i.Reason, i.Detail, string(i.Currency), i.Rows, i.Said, i.Stated, i.Ours, totals, next)
}

func (s store) endImport(ctx context.Context, book ledger.BookID, i *Import) error {
	return s.held(ctx, sqlEndImport, book, i.ID, i.attempts)
}

// part returns a part of a stored file, or io.EOF after the last one.
func (s store) part(ctx context.Context, book ledger.BookID, id int64, part int) (content []byte, err error) {
	err = s.pool.QueryRow(ctx, sqlPart, book, id, part).Scan(&content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, io.EOF
	}
	return content, err
}

func (s store) importOf(ctx context.Context, book ledger.BookID, id int64) (Import, error) {
	list, err := s.collect(ctx, book, sqlImport, book, id)
	if err == nil && len(list) == 0 {
		err = ErrImportUnknown
	}
	if err != nil {
		return Import{}, err
	}
	return list[0], nil
}

func (s store) imports(ctx context.Context, book ledger.BookID, after int64, limit int) ([]Import, error) {
	return s.collect(ctx, book, sqlImports, book, after, limit)
}

// collect reads imports with the counts of their rows.
func (s store) collect(ctx context.Context, book ledger.BookID, sql string, args ...any) ([]Import, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Import, err error) {
		err = i.scan(row)
		return i, err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	at, ids := map[int64]*Import{}, make([]int64, len(list))
	for n := range list {
		at[list[n].ID], ids[n] = &list[n], list[n].ID
	}
	if rows, err = s.pool.Query(ctx, sqlCounts, book, ids); err != nil {
		return nil, err
	}
	var id int64
	var state RowState
	var count int
	var sum money.Minor
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &count, &sum}, func() error {
		at[id].count(state, count, sum)
		return nil
	})
	return list, err
}

// count adds rows of a state, and what of them is in the book.
func (i *Import) count(state RowState, count int, sum money.Minor) {
	i.Counts[state] += count
	if state == RowApplied || state == RowRepeated {
		i.Booked += sum
	}
}

const lastRow = 1<<31 - 1

func (s store) rows(ctx context.Context, book ledger.BookID, id int64, state RowState, after, limit int) ([]ImportRow, error) {
	return s.someRows(ctx, book, id, state, after, lastRow, limit)
}

// judged returns the rows between two lines that have a state, by line.
func (s store) judged(ctx context.Context, book ledger.BookID, id int64, first, last int) (map[int]ImportRow, error) {
	list, err := s.someRows(ctx, book, id, "", first-1, last, rowBatch)
	all := map[int]ImportRow{}
	for _, r := range list {
		all[r.Row] = r
	}
	return all, err
}

func (s store) someRows(ctx context.Context, book ledger.BookID, id int64, state RowState, after, last, limit int) ([]ImportRow, error) {
	sql, args := sqlRows, []any{book, id, after, last, limit}
	if state != "" {
		sql, args = sqlRowsOf, append(args, string(state))
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ImportRow, err error) {
		var sum []byte
		err = row.Scan(&r.Row, &r.Identity, &sum, &r.State, &r.Reason, &r.Detail, &r.Reference, &r.Amount, &r.tried)
		copy(r.sum[:], sum)
		return r, err
	})
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (s store) owners(ctx context.Context, book ledger.BookID, channel string, ids []string) (map[string]owner, error) {
	return ownersIn(ctx, s.pool, book, channel, ids)
}

func ownersIn(ctx context.Context, q querier, book ledger.BookID, channel string, ids []string) (map[string]owner, error) {
	rows, err := q.Query(ctx, sqlOwners, book, channel, ids)
	if err != nil {
		return nil, err
	}
	all := map[string]owner{}
	var id string
	var o owner
	var sum []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &o.importID, &o.row, &sum}, func() error {
		copy(o.sum[:], sum)
		all[id] = o
		return nil
	})
	return all, err
}

// noteRows notes what became of rows, and prolongs the lease. A row whose transaction another import has noted first is
// noted as what it is then.
func (s store) noteRows(ctx context.Context, book ledger.BookID, i *Import, rows []ImportRow, until time.Time) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRenew, book, i.ID, i.attempts, until)
		if err == nil && tag.RowsAffected() != 1 {
			err = errTaken
		}
		if err != nil {
			return err
		}
		if err := own(ctx, tx, book, i, rows); err != nil {
			return err
		}
		lines, ids, sums, amounts := make([]int, len(rows)), make([]string, len(rows)), make([][]byte, len(rows)), make([]int64, len(rows))
		states, reasons, details, references := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
		for n := range rows {
			r := &rows[n]
			lines[n], ids[n], sums[n], amounts[n] = r.Row, r.Identity, r.sum[:], int64(r.Amount)
			states[n], reasons[n], details[n], references[n] = string(r.State), r.Reason, r.Detail, r.Reference
		}
		_, err = tx.Exec(ctx, sqlNoteRows, book, i.ID, i.tries, lines, ids, sums, states, reasons, details, references, amounts)
		return err
	})
}

// own notes which rows transactions were applied from. In order of their identities, so that two imports wait for each
// other and never in a circle.
func own(ctx context.Context, tx pgx.Tx, book ledger.BookID, i *Import, rows []ImportRow) error {
	var mine []*ImportRow
	for n := range rows {
		if rows[n].State == RowApplied {
			mine = append(mine, &rows[n])
		}
	}
	if len(mine) == 0 {
		return nil
	}
	slices.SortFunc(mine, func(a, b *ImportRow) int { return strings.Compare(a.Identity, b.Identity) })
	ids, lines, sums := make([]string, len(mine)), make([]int, len(mine)), make([][]byte, len(mine))
	for n, r := range mine {
		ids[n], lines[n], sums[n] = r.Identity, r.Row, r.sum[:]
	}
	if _, err := tx.Exec(ctx, sqlOwn, book, i.Options.Channel, i.ID, ids, lines, sums); err != nil {
		return err
	}
	owners, err := ownersIn(ctx, tx, book, i.Options.Channel, ids)
	if err != nil {
		return err
	}
	for _, r := range mine {
		r.follow(owners[r.Identity], i.ID, r.Reference)
	}
	return nil
}
