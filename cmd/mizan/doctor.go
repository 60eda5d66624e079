package main

// Doctor: what this machine offers, and what is missing.

import (
	"context"
	"fmt"

	"mizan/ledger/postgres"
	"mizan/migrations"
)

type doctorCmd struct {
	databaseFlags
	Quiet bool `help:"Say only what is missing."`
}

// Run looks for the database that mizan dev would use, without starting anything. It fails if there is none.
func (c *doctorCmd) Run(ctx context.Context, s *surroundings) error {
	d, err := c.given(s)
	if err != nil {
		return err
	}
	if d.appURL != "" {
		found, err := migrations.Version(ctx, d.appURL)
		if err != nil {
			return unreachable(err)
		}
		c.say(s, "The database that MIZAN_DATABASE_URL names answers; its schema has version %d, this program knows %d.\n", found, migrations.Latest())
		return nil
	}
	bin, err := postgres.FindBinaries(ctx)
	if err != nil {
		return err
	}
	c.say(s, "PostgreSQL %s is in %s.\n", bin.Version, bin.Dir)
	return nil
}

func (c *doctorCmd) say(s *surroundings, format string, args ...any) {
	if !c.Quiet {
		fmt.Fprintf(s.stdout, format, args...)
	}
}
