package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

func TestTxCommits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	words(t, db)
	err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		run(t, tx, `INSERT INTO words VALUES ('kept', 1)`)
		if got := isolation(t, tx); got != "read committed" {
			t.Errorf("isolation is %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, db.AppURL, `SELECT word FROM words WHERE n = 1`); got != "kept" {
		t.Errorf("got %q", got)
	}
}

func isolation(t *testing.T, tx pgx.Tx) (level string) {
	t.Helper()
	if err := tx.QueryRow(t.Context(), `SHOW transaction_isolation`).Scan(&level); err != nil {
		t.Fatal(err)
	}
	return level
}

// lockA takes a row that wantFree then tries to take.
func lockA(t *testing.T, tx pgx.Tx) {
	t.Helper()
	run(t, tx, `UPDATE words SET n = 77 WHERE word = 'a'`)
}

// wantFree fails unless the row is unchanged and is free within a second.
func wantFree(t *testing.T, db *pgtest.DB) {
	t.Helper()
	conn := connect(t, db.AppURL)
	run(t, conn, `SET lock_timeout = '1s'`)
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT n FROM words WHERE word = 'a' FOR UPDATE`).Scan(&n); err != nil || n != 0 {
		t.Errorf("the row is %d, %v", n, err)
	}
}

// ending is one way in which a transaction does not come to its commit.
type ending struct {
	fn       func(t *testing.T, tx pgx.Tx, cancel func()) error
	want     error
	outcome  postgres.Outcome
	panicked bool
}

var errRefused = fault.New(fault.Invalid, "refused", "Refused.")

var endings = map[string]ending{
	"after an error": {
		fn:      func(*testing.T, pgx.Tx, func()) error { return errRefused },
		want:    errRefused,
		outcome: postgres.Deterministic,
	},
	"after a panic": {
		fn:       func(*testing.T, pgx.Tx, func()) error { panic("oh") },
		panicked: true,
	},
	"after the request was cancelled": {
		fn: func(_ *testing.T, _ pgx.Tx, cancel func()) error {
			cancel()
			return context.Canceled
		},
		want:    context.Canceled,
		outcome: postgres.RolledBack,
	},
	"when the request was cancelled just before COMMIT": {
		fn: func(_ *testing.T, _ pgx.Tx, cancel func()) error {
			cancel()
			return nil
		},
		want:    context.Canceled,
		outcome: postgres.RolledBack,
	},
	"when the backend is killed before COMMIT": {
		fn: func(t *testing.T, tx pgx.Tx, _ func()) error {
			_, err := tx.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
			return err
		},
		outcome: postgres.RolledBack,
	},
	"when the connection is closed before COMMIT": {
		fn: func(t *testing.T, tx pgx.Tx, _ func()) error {
			return tx.Conn().Close(t.Context())
		},
		outcome: postgres.RolledBack,
	},
	"when a failed statement was overlooked": {
		fn: func(t *testing.T, tx pgx.Tx, _ func()) error {
			_, _ = tx.Exec(t.Context(), `SELECT 1/0`)
			return nil
		},
		want:    pgx.ErrTxCommitRollback,
		outcome: postgres.RolledBack,
	},
}

func TestTxRollsBack(t *testing.T) {
	t.Parallel()
	for name, c := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			words(t, db)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var err error
			func() {
				defer func() {
					if (recover() != nil) != c.panicked {
						t.Error("the panic was swallowed or invented")
					}
				}()
				err = db.Pool.Tx(ctx, func(tx pgx.Tx) error {
					lockA(t, tx)
					return c.fn(t, tx, cancel)
				})
			}()
			if !c.panicked && (err == nil || c.want != nil && !errors.Is(err, c.want) || postgres.Classify(err) != c.outcome) {
				t.Errorf("got %v, %s", err, postgres.Classify(err))
			}
			wantFree(t, db)
		})
	}
}

func TestTxCancelledInAStatementReleasesItsLocks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	words(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		lockA(t, tx)
		_, err := tx.Exec(ctx, `SELECT pg_sleep(30)`)
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || postgres.Classify(err) != postgres.RolledBack {
		t.Errorf("got %v, %s", err, postgres.Classify(err))
	}
	wantFree(t, db)
}

func TestTxRetry(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	raise := func(tx pgx.Tx, state string) error {
		_, err := tx.Exec(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '`+state+`'; END $$`)
		return err
	}
	for _, c := range []struct {
		state           string
		failures, tries int
		fails           bool
	}{
		{"40001", 2, 3, false},
		{"40P01", 9, 5, true},
		{"55P03", 1, 2, false},
		{"23505", 9, 1, true},
		{"P0001", 9, 1, true},
		{"57014", 9, 1, true},
	} {
		tries := 0
		err := db.Pool.TxRetry(t.Context(), func(tx pgx.Tx) error {
			if tries++; tries <= c.failures {
				return raise(tx, c.state)
			}
			return nil
		})
		if tries != c.tries || (err != nil) != c.fails {
			t.Errorf("%s: %d attempts, %v", c.state, tries, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := db.Pool.TxRetry(ctx, func(tx pgx.Tx) error {
		tries++
		defer cancel()
		return raise(tx, "40001")
	})
	if tries != 1 || postgres.SQLState(err) != "40001" {
		t.Errorf("after the caller left: %d attempts, %v", tries, err)
	}
}

func TestReadTx(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	words(t, db)
	read := func(tx pgx.Tx) (n int) {
		if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM words`).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	err := db.Pool.ReadTx(t.Context(), func(tx pgx.Tx) error {
		before := read(tx)
		query(t, db.AppURL, `INSERT INTO words VALUES ('new', 0)`)
		if after := read(tx); before != 2 || after != 2 || isolation(t, tx) != "repeatable read" {
			t.Errorf("%d words, then %d: not one snapshot", before, after)
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO words VALUES ('written', 0)`)
		return err
	})
	if postgres.SQLState(err) != "25006" {
		t.Errorf("a write in a read: %v", err)
	}
}

func TestReadTxEndsWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Settings(func(o *postgres.Options) { o.ReadLimit = 0 }))
	for name, fn := range map[string]func(t *testing.T, tx pgx.Tx) error{
		"one long statement": func(t *testing.T, tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `SELECT pg_sleep(60)`)
			return err
		},
		"many short statements": func(t *testing.T, tx pgx.Tx) error {
			for {
				if _, err := tx.Exec(t.Context(), `SELECT pg_sleep(0.05)`); err != nil {
					return err
				}
			}
		},
		// Nothing is asked of the connection while its snapshot grows old, and the owner does not look at the context.
		"long work between statements": func(t *testing.T, tx pgx.Tx) error {
			var pid int32
			if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
				return err
			}
			eventually(t, "the server ends the read", func() bool {
				return query(t, db.SuperURL, `SELECT count(*)::text FROM pg_stat_activity WHERE pid = $1`, pid) == "0"
			})
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan error, 1)
			go func() { over <- db.Pool.ReadTx(t.Context(), func(tx pgx.Tx) error { return fn(t, tx) }) }()
			select {
			case err := <-over:
				if !errors.Is(err, postgres.ErrReadTooLong) {
					t.Errorf("got %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the read lives on long after its two seconds")
				<-over
			}
		})
	}
}
