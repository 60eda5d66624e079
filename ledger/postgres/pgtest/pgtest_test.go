package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Twenty tests at once, each on its own database.
func TestNewIsolates(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			mu.Lock()
			if seen[db.Name] {
				t.Errorf("%s was lent twice", db.Name)
			}
			seen[db.Name] = true
			mu.Unlock()
			if version, err := migrations.Version(t.Context(), db.AppURL); err != nil || version != migrations.Latest() {
				t.Errorf("version %d, %v", version, err)
			}
			owner, err := pgx.Connect(t.Context(), db.OwnerURL)
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close(t.Context())
			// The second of two tests on one database would fail here.
			if _, err := owner.Exec(t.Context(), `CREATE TABLE only_mine AS SELECT 1 AS n`); err != nil {
				t.Error(err)
			}
			var role string
			if err := db.Pool.QueryRow(t.Context(), `SELECT current_user`).Scan(&role); err != nil || role != "mizan_app" {
				t.Errorf("the pool connects as %s, %v", role, err)
			}
			if _, err := db.Pool.Exec(t.Context(), `CREATE TABLE not_mine (n int)`); postgres.SQLState(err) != "42501" {
				t.Errorf("the application created a table: %v", err)
			}
		})
	}
}

func TestNewDropsItsDatabase(t *testing.T) {
	t.Parallel()
	outer := pgtest.New(t)
	var lent *pgtest.DB
	t.Run("inner", func(t *testing.T) { lent = pgtest.New(t) })
	conn, err := pgx.Connect(t.Context(), outer.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var name string
	err = conn.QueryRow(t.Context(), `SELECT datname FROM pg_database WHERE datname = $1`, lent.Name).Scan(&name)
	if !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("%s is still there: %v", lent.Name, err)
	}
}

func TestUnmigrated(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated(), pgtest.MaxConns(2))
	if version, err := migrations.Version(t.Context(), db.AppURL); err != nil || version != 0 {
		t.Errorf("version %d, %v", version, err)
	}
	if n := db.Pool.Config().MaxConns; n != 2 {
		t.Errorf("%d connections", n)
	}
}

// MIZAN_TEST_DATABASE_URL must be as good as a server of our own.
func TestGivenServer(t *testing.T) {
	t.Parallel()
	pgtest.CheckGivenServer(t)
}

func BenchmarkNew(b *testing.B) {
	pgtest.New(b)
	for b.Loop() {
		pgtest.New(b)
	}
}
