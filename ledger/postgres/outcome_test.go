package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	declared := fault.New(fault.Conflict, "taken", "Taken.")
	for _, c := range []struct {
		name string
		err  error
		want postgres.Outcome
	}{
		{"nothing", nil, postgres.Unknown},
		{"serialization failure", state("40001"), postgres.RolledBack},
		{"deadlock", state("40P01"), postgres.RolledBack},
		{"rollback", state("40000"), postgres.RolledBack},
		{"completion unknown", state("40003"), postgres.Unknown},
		{"disk full", state("53100"), postgres.RolledBack},
		{"too many connections", state("53300"), postgres.RolledBack},
		{"lock not available", state("55P03"), postgres.RolledBack},
		{"object in use", state("55006"), postgres.RolledBack},
		{"cannot connect now", state("57P03"), postgres.RolledBack},
		{"shutdown", state("57P01"), postgres.Unknown},
		{"crash", state("57P02"), postgres.Unknown},
		{"cancelled", state("57014"), postgres.Unknown},
		{"connection failure", state("08006"), postgres.Unknown},
		{"number out of range", state("22003"), postgres.Deterministic},
		{"unique", state("23505"), postgres.Deterministic},
		{"no privilege", state("42501"), postgres.Deterministic},
		{"raised by a trigger", state("P0001"), postgres.Deterministic},
		{"internal", state("XX000"), postgres.Unknown},
		{"malformed state", state("2"), postgres.Unknown},
		{"end of file", io.EOF, postgres.Unknown},
		{"reset", &net.OpError{Op: "read", Err: errors.New("reset")}, postgres.Unknown},
		{"deadline", context.DeadlineExceeded, postgres.Unknown},
		{"doubt", postgres.ErrCommitDoubt, postgres.Unknown},
		{"commit became rollback", pgx.ErrTxCommitRollback, postgres.RolledBack},
		{"not about the database", errors.New("no"), postgres.Unknown},
		{"wrapped", fmt.Errorf("post: %w", state("40001")), postgres.RolledBack},
		{"behind a declared error", declared.Because(state("23505")), postgres.Deterministic},
		{"beside a declared error", fmt.Errorf("%w: %w", declared, state("23505")), postgres.Deterministic},
		{"a lost commit beside a closed connection", errors.Join(io.EOF, pgconn.ErrConnClosed, state("40001")), postgres.Unknown},
		{"a lost commit after a retry", errors.Join(state("40001"), io.EOF), postgres.Unknown},
		{"a lost commit after a refusal", errors.Join(state("23505"), state("40001"), io.EOF), postgres.Unknown},
		{"a retry beside a refusal", errors.Join(state("40001"), state("23505")), postgres.Deterministic},
	} {
		if got := postgres.Classify(c.err); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// connect opens a connection outside the pool and closes it at the end.
func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// run runs a statement that must succeed.
func run(t *testing.T, conn interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// words makes a table of words that the application may use.
func words(t *testing.T, db *pgtest.DB) {
	t.Helper()
	owner := connect(t, db.OwnerURL)
	run(t, owner, `CREATE TABLE words (word text CONSTRAINT words_once PRIMARY KEY, n int CHECK (n >= 0))`)
	run(t, owner, `GRANT SELECT, INSERT, UPDATE, DELETE ON words TO mizan_app`)
	run(t, owner, `INSERT INTO words VALUES ('a', 0), ('b', 0)`)
}

func TestClassifyRealErrors(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	words(t, db)
	one, two := connect(t, db.AppURL), connect(t, db.AppURL)
	check := func(name string, err error, state string, want postgres.Outcome) {
		t.Helper()
		if err == nil || postgres.SQLState(err) != state || postgres.Classify(err) != want {
			t.Errorf("%s: %v is %q and %s, want %q and %s", name, err, postgres.SQLState(err), postgres.Classify(err), state, want)
		}
	}

	_, err := one.Exec(t.Context(), `INSERT INTO words VALUES ('a', 0)`)
	check("unique violation", err, "23505", postgres.Deterministic)
	if !postgres.IsUnique(err, "words_once") || postgres.IsUnique(err, "other") || postgres.Constraint(err) != "words_once" {
		t.Errorf("the constraint of %v was not recognised", err)
	}
	_, err = one.Exec(t.Context(), `UPDATE words SET n = -1`)
	check("check violation", err, "23514", postgres.Deterministic)
	_, err = one.Exec(t.Context(), `CREATE TABLE mine (n int)`)
	check("no privilege", err, "42501", postgres.Deterministic)

	run(t, one, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM words`)
	run(t, two, `UPDATE words SET n = n + 1 WHERE word = 'a'`)
	_, err = one.Exec(t.Context(), `UPDATE words SET n = n + 1 WHERE word = 'a'`)
	check("serialization failure", err, "40001", postgres.RolledBack)
	run(t, one, `ROLLBACK`)

	check("deadlock", deadlock(t, one, two), "40P01", postgres.RolledBack)

	run(t, two, `BEGIN; UPDATE words SET n = 5 WHERE word = 'a'`)
	run(t, one, `SET lock_timeout = '20ms'`)
	_, err = one.Exec(t.Context(), `UPDATE words SET n = 6 WHERE word = 'a'`)
	check("lock timeout", err, "55P03", postgres.RolledBack)
	run(t, two, `ROLLBACK`)

	_, err = one.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
	check("killed backend", err, "57P01", postgres.Unknown)
	_, err = one.Exec(t.Context(), `SELECT 1`)
	check("after the end", err, "", postgres.RolledBack)

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = two.Exec(short, `SELECT pg_sleep(10)`)
	check("deadline", err, "", postgres.Unknown)

	missing := (&pgtest.DB{AppURL: db.AppURL + "&connect_timeout=1"}).AppURL
	_, err = pgx.Connect(t.Context(), missing+"&user=nobody_here")
	check("no such role", err, "28000", postgres.RolledBack)
}

// deadlock lets two sessions lock two rows in opposite orders, and returns the error of the one that lost.
func deadlock(t *testing.T, one, two *pgx.Conn) error {
	t.Helper()
	run(t, one, `BEGIN; UPDATE words SET n = 1 WHERE word = 'a'`)
	run(t, two, `BEGIN; UPDATE words SET n = 1 WHERE word = 'b'`)
	other := make(chan error)
	go func() {
		_, err := two.Exec(t.Context(), `UPDATE words SET n = 2 WHERE word = 'a'`)
		other <- err
	}()
	_, mine := one.Exec(t.Context(), `UPDATE words SET n = 2 WHERE word = 'b'`)
	run(t, one, `ROLLBACK`)
	theirs := <-other
	run(t, two, `ROLLBACK`)
	return errors.Join(mine, theirs)
}
