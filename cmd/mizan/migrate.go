package main

// Migrate: the schema of a database, looked at or brought up to date.

import (
	"context"
	"fmt"

	"mizan/ledger/postgres"
	"mizan/migrations"
)

type migrateCmd struct {
	Status    migrateStatusCmd    `cmd:"" help:"Print the version of the database; fail if migrations are pending."`
	Up        migrateUpCmd        `cmd:"" help:"Apply the pending migrations, as the owner (MIZAN_OWNER_DATABASE_URL)."`
	Bootstrap migrateBootstrapCmd `cmd:"" help:"Make the two roles and the database, as a superuser (MIZAN_ADMIN_DATABASE_URL). Their passwords are taken from MIZAN_OWNER_PASSWORD and MIZAN_APP_PASSWORD."`
}

type migrateStatusCmd struct{ databaseFlags }

// Run prints versions. Pending migrations are a failed check.
func (c *migrateStatusCmd) Run(ctx context.Context, s *surroundings) error {
	d, err := c.given(s)
	if err != nil {
		return err
	}
	address := d.appURL
	if address == "" {
		address = d.ownerURL
	}
	if address == "" {
		return errNoAddress
	}
	version, err := migrations.Version(ctx, address)
	if err != nil {
		return unreachable(err)
	}
	pending, err := migrations.Pending(ctx, address)
	if err != nil {
		return unreachable(err)
	}
	fmt.Fprintf(s.stdout, "The database has version %d; this program knows %d. Pending: %d.\n", version, migrations.Latest(), pending)
	if pending > 0 {
		return fmt.Errorf("%d migrations are pending; apply them with mizan migrate up", pending)
	}
	return nil
}

type migrateUpCmd struct{ databaseFlags }

// Run applies what is pending.
func (c *migrateUpCmd) Run(ctx context.Context, s *surroundings) error {
	d, err := c.given(s)
	if err != nil {
		return err
	}
	if d.ownerURL == "" {
		return usageError("Migrations are applied by the owner. Set MIZAN_OWNER_DATABASE_URL.")
	}
	result, err := d.migrate(ctx)
	for _, name := range result.Applied {
		fmt.Fprintln(s.stdout, "applied", name)
	}
	if err != nil {
		return unreachable(err)
	}
	fmt.Fprintf(s.stdout, "The database has version %d.\n", result.To)
	return nil
}

type migrateBootstrapCmd struct {
	Database string `help:"Name of the database." default:"mizan"`
	URLFile  string `name:"admin-database-url-file" help:"File that holds the superuser's address, instead of the variable MIZAN_ADMIN_DATABASE_URL." type:"path" placeholder:"FILE"`
}

// Run makes what is missing; it may run again.
func (c *migrateBootstrapCmd) Run(ctx context.Context, s *surroundings) error {
	admin, err := s.secret("MIZAN_ADMIN_DATABASE_URL", c.URLFile)
	if err != nil {
		return err
	}
	if admin == "" {
		return usageError("Roles are made by a superuser. Set MIZAN_ADMIN_DATABASE_URL.")
	}
	if _, err := postgres.ReadAddress(admin); err != nil {
		return usageError(explain(err))
	}
	roles := postgres.Roles{OwnerPassword: s.getenv("MIZAN_OWNER_PASSWORD"), AppPassword: s.getenv("MIZAN_APP_PASSWORD")}.OrDefault()
	if err := postgres.Bootstrap(ctx, admin, c.Database, roles); err != nil {
		return unreachable(err)
	}
	_, err = fmt.Fprintf(s.stdout, "Database %s is there, with owner %s and application %s.\n", c.Database, roles.Owner, roles.App)
	return err
}
