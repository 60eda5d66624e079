package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"

	"github.com/jackc/pgx/v5"
)

// dropLater drops what a test made outside its own database; roles belong to the whole server.
func dropLater(t *testing.T, db *pgtest.DB, statements ...string) {
	t.Helper()
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), db.SuperURL)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		for _, statement := range statements {
			if _, err := conn.Exec(context.Background(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestBootstrapRaces(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	// Names that need quoting, and that no other run on this server has.
	name := db.Name + "_race"
	roles := postgres.Roles{Owner: db.Name + " owner", App: db.Name + `"app`, OwnerPassword: "it's"}
	dropLater(t, db, `DROP DATABASE `+name, `DROP ROLE "`+roles.Owner+`"`, `DROP ROLE "`+db.Name+`""app"`)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := postgres.Bootstrap(t.Context(), db.SuperURL, name, roles); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := postgres.Bootstrap(t.Context(), db.SuperURL, name, roles); err != nil {
		t.Errorf("again: %v", err)
	}
	got := query(t, db.SuperURL, `SELECT pg_get_userbyid(datdba) || ', ' || datcollate FROM pg_database WHERE datname = $1`, name)
	if got != roles.Owner+", C" {
		t.Errorf("the database is of %s", got)
	}
}

func TestBootstrapLimitsTheApplication(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.Unmigrated())
	for _, statement := range []string{
		`CREATE TABLE mine (n int)`, `CREATE TEMPORARY TABLE mine (n int)`, `CREATE SCHEMA mine`, `CREATE ROLE mine`,
		`CREATE DATABASE mine`, `SET ROLE mizan_owner`, `CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	} {
		if _, err := db.Pool.Exec(t.Context(), statement); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	owner := connect(t, db.OwnerURL)
	run(t, owner, `CREATE TABLE theirs (n int)`)
	run(t, owner, `CREATE SCHEMA river`)
	if _, err := db.Pool.Exec(t.Context(), `SELECT * FROM theirs`); postgres.SQLState(err) != "42501" {
		t.Errorf("a table that was not granted: %v", err)
	}
}

func TestBootstrapRefusesWhatIsNotAsItMustBe(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin := connect(t, db.SuperURL)
	mighty, member := db.Name+"_mighty", db.Name+"_member"
	dropLater(t, db, `DROP ROLE `+mighty, `DROP ROLE `+member)
	run(t, admin, `CREATE ROLE `+mighty+` LOGIN SUPERUSER`)
	run(t, admin, `CREATE ROLE `+member+` LOGIN IN ROLE mizan_owner`)
	for _, app := range []string{mighty, member} {
		if err := postgres.Bootstrap(t.Context(), db.SuperURL, db.Name, postgres.Roles{App: app}); !errors.Is(err, postgres.ErrBootstrap) {
			t.Errorf("%s: %v", app, err)
		}
	}
	if err := postgres.Bootstrap(t.Context(), db.SuperURL, "postgres", postgres.Roles{}); !errors.Is(err, postgres.ErrBootstrap) {
		t.Errorf("a database of somebody else: %v", err)
	}
	if err := postgres.Bootstrap(t.Context(), db.AppURL, "more", postgres.Roles{}); postgres.SQLState(err) != "42501" {
		t.Errorf("without being a superuser: %v", err)
	}
}
