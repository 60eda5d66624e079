package postgres

// Bootstrap: the two roles and the database, made by a superuser before anything else. Roles belong to the whole
// cluster, so that several processes may be making the same ones at this moment.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
)

// ErrBootstrap means that the roles or the database exist already, but not as Mizan needs them.
var ErrBootstrap = fault.New(fault.Conflict, "bootstrap", "The database roles exist already, but not as Mizan needs them.")

// Roles names the two roles of a database. The zero value names the usual ones, without passwords.
type Roles struct {
	// Owner owns the database and runs migrations; "mizan_owner" if empty.
	Owner string
	// App reads and writes what migrations grant it and creates nothing; "mizan_app" if empty. Migrations grant to
	// mizan_app by name.
	App string
	// OwnerPassword and AppPassword are set when the role is made, unless they are empty.
	OwnerPassword, AppPassword string
}

// OrDefault returns r with the usual names filled in.
func (r Roles) OrDefault() Roles {
	if r.Owner == "" {
		r.Owner = "mizan_owner"
	}
	if r.App == "" {
		r.App = "mizan_app"
	}
	return r
}

// Bootstrap makes the roles and the database, as far as they are missing, and takes from the application the right to
// create anything. adminURL is a superuser's. It may run again and in several processes at once. It returns ErrBootstrap
// if a role has powers it must not have or the database belongs to somebody else.
func Bootstrap(ctx context.Context, adminURL, database string, roles Roles) error {
	roles = roles.OrDefault()
	admin, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	defer admin.Close(context.WithoutCancel(ctx))
	steps := []func() error{
		func() error { return createRole(ctx, admin, roles.Owner, roles.OwnerPassword) },
		func() error { return createRole(ctx, admin, roles.App, roles.AppPassword) },
		func() error { return checkRoles(ctx, admin, roles) },
		func() error { return createDatabase(ctx, admin, database, roles.Owner) },
		func() error { return RestrictDatabase(ctx, admin, database, roles) },
		func() error { return restrictSchema(ctx, admin.Config(), database) },
	}
	for _, step := range steps {
		if err := insist(ctx, step); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	return nil
}

// insist repeats a step that lost a race against another process doing the same.
func insist(ctx context.Context, step func() error) error {
	const attempts = 50
	for attempt := 1; ; attempt++ {
		err := step()
		if err == nil || attempt == attempts || !lostRace(err) || !pause(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// lostRace reports whether err is one of the ways in which PostgreSQL tells of concurrent changes to its catalogue: the
// object exists (in three dialects), the template is in use, the row was just updated (an "internal error").
func lostRace(err error) bool {
	switch SQLState(err) {
	case "42710", "42P04", stateUniqueViolated, "55006", "XX000":
		return true
	}
	return false
}

func createRole(ctx context.Context, admin *pgx.Conn, name, password string) error {
	var exists bool
	if err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, name).Scan(&exists); err != nil || exists {
		return err
	}
	statement := "CREATE ROLE " + quoteName(name) +
		" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
	if password != "" {
		statement += " PASSWORD " + quoteText(password)
	}
	_, err := admin.Exec(ctx, statement)
	return err
}

// checkRoles refuses roles that could step around what migrations grant.
func checkRoles(ctx context.Context, admin *pgx.Conn, roles Roles) error {
	var mighty, member bool
	err := admin.QueryRow(ctx, `
		SELECT app.rolsuper OR app.rolbypassrls OR app.rolcreaterole,
		       pg_has_role(app.oid, owner.oid, 'MEMBER')
		  FROM pg_roles AS app, pg_roles AS owner
		 WHERE app.rolname = $1 AND owner.rolname = $2`,
		roles.App, roles.Owner).Scan(&mighty, &member)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errors.New("a role was dropped while it was being made")
	case err != nil:
		return err
	case mighty || member:
		return ErrBootstrap.Withf("The role %s is a superuser, may create roles, or is a member of %s. "+
			"The application's role must not be: use another one.", roles.App, roles.Owner)
	}
	return nil
}

func createDatabase(ctx context.Context, admin *pgx.Conn, name, owner string) error {
	var current string
	err := admin.QueryRow(ctx, `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1`, name).Scan(&current)
	switch {
	case err == nil && current == owner:
		return nil
	case err == nil:
		return ErrBootstrap.Withf("The database %s belongs to %s. Make %s its owner, or use another database.", name, current, owner)
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	// template0 is never in use, and sorting by byte value is the same on every machine.
	_, err = admin.Exec(ctx, "CREATE DATABASE "+quoteName(name)+" OWNER "+quoteName(owner)+
		" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
	return err
}

// RestrictDatabase lets only the two roles connect, and keeps the application from making even temporary tables. These
// rights are not copied with a template, so that each copy needs it anew.
func RestrictDatabase(ctx context.Context, admin *pgx.Conn, database string, roles Roles) error {
	roles = roles.OrDefault()
	_, err := admin.Exec(ctx, "REVOKE ALL ON DATABASE "+quoteName(database)+" FROM PUBLIC; "+
		"GRANT CONNECT ON DATABASE "+quoteName(database)+" TO "+quoteName(roles.App))
	return err
}

// restrictSchema takes the right to create in the public schema from everybody but the owner; clusters upgraded from
// before PostgreSQL 15 still grant it.
func restrictSchema(ctx context.Context, config *pgx.ConnConfig, database string) error {
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	return err
}

func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

// quoteText quotes a literal for statements that take no parameters; standard_conforming_strings is on by default.
func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
