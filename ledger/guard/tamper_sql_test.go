package guard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
)

// tampered is a trail of some rows and a superuser who has switched the guards off.
type tampered struct {
	t     *testing.T
	conn  *pgx.Conn
	trail *guard.Trail
	head  guard.Verified
}

const tamperedRows = 450

func newTampered(t *testing.T) *tampered {
	t.Helper()
	db := pgtest.New(t)
	c := &clock{at: start}
	trail := guard.NewTrail(db.Pool, c.now)
	err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		for i := range tamperedRows {
			c.move(time.Second)
			if _, err := trail.RecordTx(t.Context(), tx, deed(uk, "a.b", fmt.Sprintf("c:%d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	record(t, trail, deed(us, "a.b", "c:d"))
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	m := &tampered{t: t, conn: conn, trail: trail}
	m.must(`ALTER TABLE audit_rows DISABLE TRIGGER ALL`)
	m.must(`ALTER TABLE audit_heads DISABLE TRIGGER ALL`)
	m.must(`CREATE TABLE saved_rows AS TABLE audit_rows`)
	m.must(`CREATE TABLE saved_heads AS TABLE audit_heads`)
	m.head = m.sound()
	return m
}

func (m *tampered) must(sql string) {
	m.t.Helper()
	tag, err := m.conn.Exec(m.t.Context(), sql)
	if err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
	if verb, _, _ := strings.Cut(sql, " "); (verb == "UPDATE" || verb == "DELETE" || verb == "INSERT") && tag.RowsAffected() == 0 {
		m.t.Fatalf("%s: changed nothing", sql)
	}
}

func (m *tampered) sound() guard.Verified {
	m.t.Helper()
	v, err := m.trail.Verify(m.t.Context(), uk)
	if err != nil || v.Rows != tamperedRows {
		m.t.Fatalf("%+v, %v", v, err)
	}
	return v
}

func (m *tampered) restore() {
	m.t.Helper()
	for _, table := range []string{"rows", "heads"} {
		m.must(`TRUNCATE audit_` + table)
		m.must(`INSERT INTO audit_` + table + ` SELECT * FROM saved_` + table)
	}
	if v := m.sound(); v != m.head {
		m.t.Fatalf("restored %+v", v)
	}
}

// changes are one for each column of a row.
var changes = map[string]string{
	"book_id": "9", "sequence": "sequence + 100000", "recorded_at": "recorded_at + interval '1 microsecond'", "actor_kind": "'person'", "actor": "actor || 'x'",
	"person": "''", "address": "address || '0'", "request_id": "'req_2'", "act": "'a.c'", "object": "object || '0'", "before": "'{\"a\":3}'", "after": "after || ' '",
	"why": "why || '.'", "approval": "''", "previous": "set_byte(previous, 31, 255 - get_byte(previous, 31))", "hash": "set_byte(hash, 0, 255 - get_byte(hash, 0))",
}

// TestEveryColumnIsCovered changes each column there is, in the first row, around the seams of pages, and in the last.
func TestEveryColumnIsCovered(t *testing.T) {
	t.Parallel()
	m := newTampered(t)
	rows, err := m.conn.Query(t.Context(), `SELECT attname::text FROM pg_attribute WHERE attrelid = 'audit_rows'::regclass AND attnum > 0 AND NOT attisdropped`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(columns) != len(changes) {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	for _, column := range columns {
		if changes[column] == "" {
			t.Fatalf("nobody changes %s", column)
		}
		for _, at := range []int{1, 200, 201, 400, tamperedRows} {
			m.must(fmt.Sprintf(`UPDATE audit_rows SET %s = %s WHERE book_id = 7 AND sequence = %d`, column, changes[column], at))
			m.expect(fmt.Sprintf("%s of row %d", column, at), at)
			m.restore()
		}
	}
}

// expect has the verification find the row.
func (m *tampered) expect(what string, at int) {
	m.t.Helper()
	v, err := m.trail.Verify(m.t.Context(), uk)
	if !errors.Is(err, guard.ErrTrailBroken) || v != (guard.Verified{}) || !strings.Contains(err.Error(), fmt.Sprintf("row %d ", at)) {
		m.t.Errorf("%s: %+v, %v", what, v, err)
	}
}

// TestTamperingShows takes rows out, slips rows in, and swaps them.
func TestTamperingShows(t *testing.T) {
	t.Parallel()
	m := newTampered(t)
	const columns = `recorded_at, actor_kind, actor, person, address, request_id, act, object, before, after, why, approval, previous, hash`
	for what, c := range map[string]struct {
		at  int
		sql []string
	}{
		"the first row is lost":          {1, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence = 1`}},
		"a row is lost":                  {200, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence = 200`}},
		"a whole page is lost":           {150, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence BETWEEN 150 AND 420`}},
		"the last row is lost":           {450, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence = 450`}},
		"the last rows are lost":         {401, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence > 400`}},
		"all rows are lost":              {1, []string{`DELETE FROM audit_rows WHERE book_id = 7`}},
		"the head is lost":               {1, []string{`DELETE FROM audit_heads WHERE book_id = 7`}},
		"the head goes back":             {449, []string{`UPDATE audit_heads SET last_sequence = 448 WHERE book_id = 7`}},
		"the head goes ahead":            {451, []string{`UPDATE audit_heads SET last_sequence = 451 WHERE book_id = 7`}},
		"the head has another hash":      {450, []string{`UPDATE audit_heads SET last_hash = sha256('x') WHERE book_id = 7`}},
		"rows and head are cut, but":     {400, []string{`DELETE FROM audit_rows WHERE book_id = 7 AND sequence > 400`, `UPDATE audit_heads SET last_sequence = 400 WHERE book_id = 7`}},
		"a row is slipped in at the end": {451, []string{`INSERT INTO audit_rows SELECT 7, 451, ` + columns + ` FROM audit_rows WHERE book_id = 7 AND sequence = 450`}},
		"a row is slipped in at the end, with its head": {451, []string{
			`INSERT INTO audit_rows SELECT 7, 451, ` + columns + ` FROM audit_rows WHERE book_id = 7 AND sequence = 450`,
			`UPDATE audit_heads SET last_sequence = 451 WHERE book_id = 7`}},
		"a row is slipped in between": {10, []string{
			`UPDATE audit_rows SET sequence = sequence + 100000 WHERE book_id = 7 AND sequence >= 10`,
			`INSERT INTO audit_rows SELECT 7, 10, ` + columns + ` FROM audit_rows WHERE book_id = 7 AND sequence = 9`,
			`UPDATE audit_rows SET sequence = sequence - 99999 WHERE book_id = 7 AND sequence > 100000`,
			`UPDATE audit_heads SET last_sequence = 451 WHERE book_id = 7`}},
		"rows are swapped": {20, []string{
			`UPDATE audit_rows SET sequence = CASE sequence WHEN 20 THEN 100021 ELSE 100020 END WHERE book_id = 7 AND sequence IN (20, 21)`,
			`UPDATE audit_rows SET sequence = sequence - 100000 WHERE book_id = 7 AND sequence > 100000`}},
		"another book's row stands in": {1, []string{
			`DELETE FROM audit_rows WHERE book_id = 7 AND sequence = 1`,
			`INSERT INTO audit_rows SELECT 7, 1, ` + columns + ` FROM audit_rows WHERE book_id = 8`}},
	} {
		for _, sql := range c.sql {
			m.must(sql)
		}
		m.expect(what, c.at)
		m.restore()
	}
}

// TestForgedChains writes whole chains anew with right hashes: what is then wrong is where they meet what was left, or
// the head that somebody noted elsewhere.
func TestForgedChains(t *testing.T) {
	t.Parallel()
	m := newTampered(t)
	rows, err := m.trail.Rows(t.Context(), uk, guard.Filter{}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(from, until int, change func(r *guard.Row)) {
		previous := rows[from-1].Previous
		for i := from; i <= until; i++ {
			r := rows[i-1]
			r.Previous = previous
			change(&r)
			r.Hash = r.Sum()
			previous = r.Hash
			if _, err := m.conn.Exec(t.Context(), `UPDATE audit_rows SET why = $2, recorded_at = $3, previous = $4, hash = $5 WHERE book_id = 7 AND sequence = $1`,
				r.Sequence, r.Why, r.RecordedAt, r.Previous[:], r.Hash[:]); err != nil {
				t.Fatal(err)
			}
		}
		if until == tamperedRows {
			m.must(fmt.Sprintf(`UPDATE audit_heads SET last_hash = '\x%x' WHERE book_id = 7`, previous))
		}
	}
	why := func(r *guard.Row) { r.Why = "forged" }
	forge(100, 100, why)
	m.expect("one row", 101)
	m.restore()
	forge(100, 300, why)
	m.expect("some rows", 301)
	m.restore()
	forge(100, tamperedRows, why)
	m.must(`UPDATE audit_heads h SET last_hash = s.last_hash FROM saved_heads s WHERE h.book_id = 7 AND s.book_id = 7`)
	m.expect("all that follow, but not the head", tamperedRows)
	m.restore()
	forge(1, tamperedRows, func(r *guard.Row) { r.RecordedAt = start.Add(-time.Duration(r.Sequence) * time.Second) })
	m.expect("time that runs backwards", 2)
	m.restore()
	forge(1, tamperedRows, why)
	if v, err := m.trail.Verify(t.Context(), uk); err != nil || v.Rows != m.head.Rows || v.Head == m.head.Head {
		t.Errorf("a trail that is wholly written anew shows by its head alone: %+v, %v", v, err)
	}
}
