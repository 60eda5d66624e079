package main

// Doctor: what this machine offers, and what is missing.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/migrations"
)

type doctorCmd struct {
	databaseFlags
	vaultFlags
	Data  string `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
	Quiet bool   `help:"Say only what is missing."`
}

// Run looks for the database that mizan dev would use, without starting anything. It fails if there is none, and if the
// vault's keys do not open what is stored there.
func (c *doctorCmd) Run(ctx context.Context, s *surroundings) error {
	d, err := c.given(s)
	if err != nil {
		return err
	}
	if d.appURL != "" {
		return c.examine(ctx, s, d)
	}
	bin, err := postgres.FindBinaries(ctx)
	if err != nil {
		return err
	}
	c.say(s, "PostgreSQL %s is in %s.\n", bin.Version, bin.Dir)
	kept := c.VaultKeysFile
	if kept == "" {
		kept = filepath.Join(c.Data, "vault-keys")
	}
	return exposed(s, kept)
}

// examine looks at a database of yours.
func (c *doctorCmd) examine(ctx context.Context, s *surroundings, d *database) error {
	found, err := migrations.Version(ctx, d.appURL)
	if err != nil {
		return unreachable(err)
	}
	c.say(s, "The database that MIZAN_DATABASE_URL names answers; its schema has version %d, this program knows %d.\n", found, migrations.Latest())
	keys, err := c.vaultFlags.keys(s)
	if err != nil {
		return err
	}
	if err := exposed(s, c.VaultKeysFile); err != nil {
		return err
	}
	if keys.Empty() {
		c.say(s, "No keys of the vault are named, so personal data can neither be stored nor read.\n")
	} else {
		c.say(s, "The vault's keys: %s; the first seals what is new.\n", strings.Join(keys.MasterNames(), ", "))
	}
	if found < migrations.Latest() {
		return nil // there may be no vault yet
	}
	pool, err := d.pool(ctx, s, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	v := vault.New(pool, vault.Options{Now: s.now, Keys: keys, Region: c.VaultRegion})
	if err := v.Check(ctx); err != nil {
		return err
	}
	if masters, err := v.Masters(ctx); err != nil || len(masters) == 0 {
		return err
	}
	c.say(s, "They open what is stored.\n")
	return nil
}

// exposed warns of a file with keys that others may read, however quiet it should be.
func exposed(s *surroundings, file string) error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(s.stderr, "mizan: warning: others than its owner may use the file of the vault's keys, %s. Run: chmod 600 %s\n", file, file)
	}
	return err
}

func (c *doctorCmd) say(s *surroundings, format string, args ...any) {
	if !c.Quiet {
		fmt.Fprintf(s.stdout, format, args...)
	}
}
