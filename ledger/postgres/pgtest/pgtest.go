// Package pgtest lends each test a clean, migrated database of its own, on a real PostgreSQL, in a few milliseconds.
//
//	func TestPosting(t *testing.T) {
//		t.Parallel()
//		db := pgtest.New(t)
//		... db.Pool ...
//	}
//
// The first New of a test binary starts a private server on a copy of a cached data directory that holds the migrated
// template; each New clones the template. The server and its copy vanish with the process, however it ends. With
// MIZAN_TEST_DATABASE_URL, the address of a superuser, that server is used instead.
package pgtest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/postgres"
)

// limit bounds each thing that New and its clean-up do.
const limit = time.Minute

// DB is one test's database. It is dropped when the test ends.
type DB struct {
	// Pool connects as the application's role, with the rights it has in production.
	Pool *postgres.Pool
	// Name is the database's name.
	Name string
	// AppURL, OwnerURL and SuperURL are its addresses for the application, for migrations, and for what only a
	// superuser may do.
	AppURL, OwnerURL, SuperURL string
}

// Option changes what New lends.
type Option func(*order)

// order is what a test asked for.
type order struct {
	bare    bool
	options postgres.Options
}

// MaxConns sets the bound of the pool, which is 10 otherwise.
func MaxConns(n int32) Option { return func(o *order) { o.options.MaxConns = n } }

// Settings changes the options of the pool.
func Settings(change func(*postgres.Options)) Option {
	return func(o *order) { change(&o.options) }
}

// Unmigrated lends an empty database, to which nothing but the roles was given.
func Unmigrated() Option { return func(o *order) { o.bare = true } }

// cluster is the server of this test binary, made on first use.
var cluster = sync.OnceValues(open)

// patience is how long a read may take in tests, which share a machine with many others. That reads end in time is what the tests of
// package postgres are about, and plans are held to what they read.
const patience = 20 * time.Second

// New lends t a database of its own. It may be called from parallel tests, and several times by one.
func New(t testing.TB, opts ...Option) *DB {
	t.Helper()
	o := order{options: postgres.Options{ApplicationName: "pgtest", MaxConns: 10, Undurable: true, ReadLimit: patience}}
	for _, opt := range opts {
		opt(&o)
	}
	c, err := cluster()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	// Names are random because a server named by MIZAN_TEST_DATABASE_URL is shared by several processes.
	name := "mizan_test_" + strings.ToLower(rand.Text()[:12])
	if err := c.lend(ctx, name, o.bare); err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	// The test's context has ended by then.
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := c.take(ctx, name); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	db := &DB{Name: name, AppURL: c.url(roleApp, name), OwnerURL: c.url(roleOwner, name), SuperURL: c.url(roleSuper, name)}
	if db.Pool, err = postgres.Open(ctx, db.AppURL, o.options); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { closePool(t, db.Pool) })
	return db
}

// closePool closes the pool, and names the fault of a test that kept a connection instead of hanging for ever.
func closePool(t testing.TB, pool *postgres.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
		t.Errorf("pgtest: the test ended with %d connections of its pool in use: release them, close rows, end transactions",
			pool.Stat().AcquiredConns())
	}
}
