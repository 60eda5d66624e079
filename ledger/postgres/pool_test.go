package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

func TestPoolSessionSettings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Settings(func(o *postgres.Options) {
		o.ApplicationName = ""
		o.StatementTimeout = 1500 * time.Millisecond
	}), pgtest.MaxConns(3))
	for setting, want := range map[string]string{
		"application_name": "mizan", "statement_timeout": "1500ms", "lock_timeout": "5s", "TimeZone": "UTC", "jit": "off",
		"idle_in_transaction_session_timeout": "5s", "synchronous_commit": "on", "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off",
	} {
		var got string
		if err := db.Pool.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", setting, got, want, err)
		}
	}
	if n := db.Pool.Config().MaxConns; n != 3 {
		t.Errorf("the pool has %d connections", n)
	}
	if w := db.Pool.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
}

func TestPoolRefusesAServerThatForgets(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	lazy := db.AppURL + "&options=" + "-c%20synchronous_commit%3Doff"
	for name, open := range map[string]func() (*postgres.Pool, error){
		"fsync is off": func() (*postgres.Pool, error) { return postgres.Open(t.Context(), db.AppURL, postgres.Options{}) },
		"synchronous_commit is off": func() (*postgres.Pool, error) {
			return postgres.Open(t.Context(), lazy, postgres.Options{Undurable: true})
		},
	} {
		pool, err := open()
		if !errors.Is(err, postgres.ErrNotDurable) {
			t.Errorf("%s: %v", name, err)
		}
		if pool != nil {
			pool.Close()
		}
	}
}

func TestPoolResetAfter(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	backend := func() (pid int32) {
		if err := db.Pool.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	before := backend()
	if db.Pool.ResetAfter(context.Canceled) || db.Pool.ResetAfter(nil) || backend() != before {
		t.Error("the pool was reset without a reason")
	}
	// A server that became a standby refuses to write.
	err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		run(t, tx, `SET TRANSACTION READ ONLY`)
		_, err := tx.Exec(t.Context(), `CREATE TABLE x (n int)`)
		return err
	})
	if postgres.SQLState(err) != "25006" || postgres.Classify(err) != postgres.RolledBack {
		t.Errorf("got %v, %s", err, postgres.Classify(err))
	}
	if backend() == before {
		t.Error("the connection to a standby was kept")
	}
}

// ghost returns a server that waits for a standby which does not exist, and a pool of one connection on it.
func ghost(t *testing.T) (*postgres.Server, *postgres.Pool) {
	t.Helper()
	s := start(t, postgres.ServerConfig{DataDir: dataDir(t), Settings: map[string]string{"synchronous_standby_names": "ghost"}})
	pool, err := postgres.Open(t.Context(), s.URL("postgres", "postgres"), postgres.Options{MaxConns: 1, Undurable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return s, pool
}

// A commit that waits for a standby can be cancelled, and then the server reports success.
func TestTxDoubtsACommitWithoutItsStandby(t *testing.T) {
	t.Parallel()
	s, pool := ghost(t)
	for _, interruption := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		over := make(chan error, 1)
		go func() {
			over <- pool.Tx(t.Context(), func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS `+interruption+` (n int)`)
				return err
			})
		}()
		eventually(t, "the commit waits for the standby", func() bool {
			return query(t, s.URL("postgres", "postgres"),
				`SELECT count(`+interruption+`(pid))::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) == "1"
		})
		err := <-over
		if !errors.Is(err, postgres.ErrCommitDoubt) || postgres.Classify(err) != postgres.Unknown {
			t.Errorf("%s: %v, %s", interruption, err, postgres.Classify(err))
		}
		// The doubt is about that commit only.
		if err := pool.Tx(t.Context(), func(pgx.Tx) error { return nil }); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
		if got := query(t, s.URL("postgres", "postgres"), `SELECT to_regclass($1)::text`, interruption); got != interruption {
			t.Errorf("the transaction was not committed locally: %q", got)
		}
	}
}

// A caller that stops waiting for COMMIT does not know how it ended; here it was committed.
func TestTxAbandonedInCommitIsUnknown(t *testing.T) {
	t.Parallel()
	s, pool := ghost(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := pool.Tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE abandoned (n int)`)
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || postgres.Classify(err) != postgres.Unknown {
		t.Errorf("%v, %s", err, postgres.Classify(err))
	}
	eventually(t, "the commit is seen", func() bool {
		return query(t, s.URL("postgres", "postgres"), `SELECT COALESCE(to_regclass('abandoned')::text, '')`) == "abandoned"
	})
}

func TestOpenFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), "postgres:///x?host="+url.QueryEscape(t.TempDir()), postgres.Options{})
	if err == nil || postgres.Classify(err) != postgres.RolledBack {
		t.Errorf("got %v", err)
	}
	if _, err := postgres.Open(t.Context(), "postgres://:secret@[", postgres.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
