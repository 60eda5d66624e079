package main

// Migrated data: what a private server keeps on disk, with the database mizan migrated and empty. It is made once, and each test copies
// it that is not about a first start or about migrations.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/migrations"

	"github.com/jackc/pgx/v5"
)

// removeMigrated removes the directory that the data were made in; nil if nobody needed them.
var removeMigrated func() error

// migratedData returns the directory of the data.
var migratedData = sync.OnceValues(func() (data string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	parent, remove, err := pgtest.Scratch("mizan-test-data")
	if err != nil {
		return "", err
	}
	removeMigrated = remove
	// The server runs as another user if we are root.
	if err := os.Chmod(parent, 0o711); err != nil {
		return "", err
	}
	data = filepath.Join(parent, "data")
	server, err := postgres.StartServer(ctx, postgres.ServerConfig{DataDir: data, SharedBuffers: "32MB"})
	if err != nil {
		return "", err
	}
	err = postgres.Bootstrap(ctx, server.URL("postgres", "postgres"), privateDatabase, postgres.Roles{})
	if err == nil {
		_, err = migrations.Apply(ctx, server.URL("mizan_owner", privateDatabase), migrations.Options{})
	}
	return data, errors.Join(err, server.Stop(ctx))
})

// migrated copies the data to a place where the home of this user keeps its own, and returns where they are.
func (h home) migrated(t *testing.T, place ...string) string {
	t.Helper()
	data, err := migratedData()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(append([]string{h.data}, place...)...)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	// PostgreSQL takes no data that others could read.
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

// startMigrated starts a server that loses nothing on a copy of the data, and stops it at the end of the test.
func (h home) startMigrated(t *testing.T, config postgres.ServerConfig) *postgres.Server {
	t.Helper()
	config.DataDir, config.Durable = h.migrated(t, "server"), true
	server, err := postgres.StartServer(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

// startMigratedDev is startDev on a copy of the data.
func startMigratedDev(t *testing.T, h home, args ...string) *program {
	t.Helper()
	h.migrated(t, ".mizan", "postgres")
	return startDev(t, h, args...)
}

// copyDatabase makes another database on a server that was started on the data, as migrated and as empty.
func copyDatabase(t *testing.T, server *postgres.Server, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()+` OWNER mizan_owner TEMPLATE `+privateDatabase)
	if err == nil {
		err = postgres.RestrictDatabase(t.Context(), conn, name, postgres.Roles{}.OrDefault())
	}
	if err != nil {
		t.Fatal(err)
	}
}
