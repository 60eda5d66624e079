package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres"
	"mizan/migrations"
)

// TestUnconfirmedCommitIsNotAcknowledged runs a primary whose standby never answers. What it alone has recorded is never
// acknowledged, neither at first nor when the caller repeats it; when the standby requirement goes, repeating gives the
// answer, once.
func TestUnconfirmedCommitIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server, pool := primary(t)
	l := ledger.New(pool, ledger.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Limits: ledger.Limits{BatchTimeout: 200 * time.Millisecond}})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	book := makeBook(t, l, "uk")
	if out := l.Post(t.Context(), book, sale("A", "sel_a", 1000)); out.Err != nil {
		t.Fatal(out.Err)
	}
	require := func(standby string) { requireStandby(t, server, pool, standby) }
	require("nobody")
	for _, what := range []string{"the posting", "its repetition"} {
		if out := l.Post(t.Context(), book, sale("B", "sel_a", 1000)); !errors.Is(out.Err, ledger.ErrOutcomeUnknown) {
			t.Errorf("%s without the standby: %v", what, out.Err)
		}
	}
	if out := l.Post(t.Context(), book, sale("A", "sel_a", 1000)); !errors.Is(out.Err, ledger.ErrOutcomeUnknown) {
		t.Errorf("a replay that cannot be confirmed: %v", out.Err)
	}
	require("")
	out := l.Post(t.Context(), book, sale("B", "sel_a", 1000))
	if out.Err != nil || out.Transactions[0].Sequence != 2 {
		t.Errorf("after the standby requirement is gone: %+v", out)
	}
}

// TestCancelledWaitForTheStandbyIsNotAcknowledged cancels the wait of a commit for its standby. The server then reports
// success with a warning, and the posting is recorded here and nowhere else.
func TestCancelledWaitForTheStandbyIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server, pool := primary(t)
	l := ledger.New(pool, ledger.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	book := makeBook(t, l, "uk")
	requireStandby(t, server, pool, "nobody")
	super := connect(t, server.URL("postgres", "postgres"))
	for _, what := range []string{"the posting", "its repetition"} {
		answer := make(chan ledger.Outcome, 1)
		go func() { answer <- l.Post(t.Context(), book, sale("A", "sel_a", 1000)) }()
		until(t, func() bool {
			var cancelled int
			err := super.QueryRow(t.Context(), `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&cancelled)
			return err == nil && cancelled == 1
		})
		if out := <-answer; !errors.Is(out.Err, ledger.ErrOutcomeUnknown) {
			t.Errorf("%s, confirmed by nobody: %+v", what, out)
		}
	}
	requireStandby(t, server, pool, "")
	if out := l.Post(t.Context(), book, sale("A", "sel_a", 1000)); out.Err != nil || out.Transactions[0].Sequence != 1 {
		t.Errorf("after the standby requirement is gone: %+v", out)
	}
}

// primary starts a server of the test's own with an empty ledger.
func primary(t *testing.T) (*postgres.Server, *postgres.Pool) {
	t.Helper()
	server, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: filepath.Join(t.TempDir(), "primary"), SharedBuffers: "32MB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	roles := postgres.Roles{}.OrDefault()
	if err := postgres.Bootstrap(t.Context(), server.URL("postgres", "postgres"), "mizan", roles); err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Apply(t.Context(), server.URL(roles.Owner, "mizan"), migrations.Options{Unreleased: true}); err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), server.URL(roles.App, "mizan"), postgres.Options{Undurable: true, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return server, pool
}

// requireStandby makes commits wait for a standby of that name, or for none, and waits until sessions know it and
// commits do wait. That begins later: another process of the server has to have read the setting too.
func requireStandby(t *testing.T, server *postgres.Server, pool *postgres.Pool, standby string) {
	t.Helper()
	super := connect(t, server.URL("postgres", "postgres"))
	exec(t, super, `ALTER SYSTEM SET synchronous_standby_names = '`+standby+`'`)
	exec(t, super, `SELECT pg_reload_conf()`)
	until(t, func() bool {
		var got string
		err := pool.QueryRow(t.Context(), `SELECT current_setting('synchronous_standby_names')`).Scan(&got)
		return err == nil && got == standby
	})
	if standby != "" {
		probe := connect(t, server.URL("postgres", "postgres"))
		until(t, func() bool { return commitWaits(t, probe, super) })
	}
}

// commitWaits commits something and reports whether that had to wait for a standby, and ends its waiting.
func commitWaits(t *testing.T, probe, super *pgx.Conn) bool {
	t.Helper()
	committed := make(chan error, 1)
	go func() {
		_, err := probe.Exec(t.Context(), `SELECT pg_logical_emit_message(true, 'probe', '')`)
		committed <- err
	}()
	waited := false
	for {
		select {
		case err := <-committed:
			if err != nil {
				t.Fatal(err)
			}
			return waited
		default:
		}
		var cancelled int
		if err := super.QueryRow(t.Context(), `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'`,
			probe.PgConn().PID()).Scan(&cancelled); err != nil {
			t.Fatal(err)
		}
		waited = waited || cancelled > 0
	}
}

// until polls a condition for a bounded time.
func until(t testing.TB, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the condition did not come true")
		}
	}
}
