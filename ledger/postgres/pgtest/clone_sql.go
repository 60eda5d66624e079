package pgtest

// Clone: making the template, and a database from it for each test.

import (
	"context"
	"errors"
	"fmt"

	"mizan/ledger/postgres"
	"mizan/migrations"

	"github.com/jackc/pgx/v5"
)

// ensureTemplate makes the template unless it is there. It is built under another name and renamed when it is complete,
// so that a killed test run leaves no half of it.
func ensureTemplate(ctx context.Context, url func(role, string) string, name string) error {
	conn, err := pgx.Connect(ctx, url(roleSuper, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// One process at a time; the lock ends with the connection.
	const key = 0x6d697a616e // "mizan"
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(key)); err != nil {
		return err
	}
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
		return err
	}
	building := name + "_new"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(building)); err != nil {
		return err
	}
	passwords := postgres.Roles{OwnerPassword: password, AppPassword: password}
	if err := postgres.Bootstrap(ctx, url(roleSuper, "postgres"), building, passwords); err != nil {
		return err
	}
	if _, err := migrations.Apply(ctx, url(roleOwner, building), migrations.Options{Unreleased: true}); err != nil {
		return err
	}
	// Nobody may connect to a template, autovacuum included: CREATE DATABASE fails while somebody does.
	for _, statement := range []string{
		"ALTER DATABASE " + quote(building) + " WITH IS_TEMPLATE true ALLOW_CONNECTIONS false",
		"ALTER DATABASE " + quote(building) + " RENAME TO " + quote(name),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// lend makes the database name.
func (s *server) lend(ctx context.Context, name string, bare bool) error {
	return s.admin(ctx, func(conn *pgx.Conn) error {
		template := s.template
		if bare {
			template = "template0"
		}
		owner := postgres.Roles{}.OrDefault().Owner
		_, err := conn.Exec(ctx, "CREATE DATABASE "+quote(name)+" OWNER "+quote(owner)+" TEMPLATE "+quote(template)+
			" STRATEGY "+s.strategy)
		if err != nil {
			return err
		}
		return postgres.RestrictDatabase(ctx, conn, name, postgres.Roles{})
	})
}

// take drops the database name, whoever is still connected.
func (s *server) take(ctx context.Context, name string) error {
	return s.admin(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
		return err
	})
}

// admin runs fn on an idle superuser's connection or a new one. A pool would do the same, but its goroutines would look
// like leaks to the tests that check for them.
func (s *server) admin(ctx context.Context, fn func(*pgx.Conn) error) error {
	s.mu.Lock()
	var conn *pgx.Conn
	if n := len(s.idle); n > 0 {
		conn, s.idle = s.idle[n-1], s.idle[:n-1]
	}
	s.mu.Unlock()
	if conn == nil {
		var err error
		if conn, err = pgx.Connect(ctx, s.url(roleSuper, "postgres")); err != nil {
			return err
		}
	}
	if err := fn(conn); err != nil {
		return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, conn)
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
