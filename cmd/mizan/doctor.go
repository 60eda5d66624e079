package main

// Doctor: whether a deployment is safe and well, check by check, with what to do about each that is not; without a database, what this
// machine offers for development.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"mizan/ledger/postgres"
	"mizan/migrations"
)

type doctorCmd struct {
	deploymentFlags
	servingFlags
	VerifyReport string `name:"verify-report" help:"File with what the last mizan verify --json printed, to say when that was and whether the books were sound." type:"path" placeholder:"FILE"`
	DataDisk     string `name:"data-disk" help:"Directory of the database's data on this machine, to say how full its disk is. Not needed where the role may know it." type:"path" placeholder:"DIR"`
	Data         string `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
	JSON         bool   `name:"json" help:"Print one JSON document."`
	Quiet        bool   `help:"Say only what is not as it should be."`
	PostgresOnly bool   `name:"postgres-only" help:"Look only whether there is a PostgreSQL that mizan dev can work with."`
}

// verdict is how the looking ended, as an exit code: that of monitoring programs.
type verdict state

// Error says it in words.
func (v verdict) Error() string {
	if state(v) == stateWrong {
		return "Something is wrong. Correct it before anybody relies on this deployment."
	}
	return "Something should be looked at."
}

// code is 1 for a warning and 2 for something wrong.
func (v verdict) code() int {
	if state(v) == stateWrong {
		return 2
	}
	return 1
}

// examinationJSON is what is printed as JSON.
type examinationJSON struct {
	State  state    `json:"state"`
	Checks findings `json:"checks"`
}

// Run looks at the deployment that the variables and the flags describe, as serve would start it. It changes nothing. It ends with a verdict
// unless everything is well, and with another error if the database cannot be asked.
func (c *doctorCmd) Run(ctx context.Context, s *surroundings) error {
	if c.PostgresOnly {
		return c.postgres(ctx, s)
	}
	d, err := c.settle(s)
	if err != nil {
		return err
	}
	if d.database.appURL == "" {
		if c.VerifyReport != "" || c.DataDisk != "" || c.Production || d.given() {
			return errNoAddress
		}
		return c.machine(ctx, s)
	}
	if _, err := printerOf(c.Chromium); err != nil {
		return err
	}
	if err := c.servingFlags.check(); err != nil {
		return err
	}
	found := d.lookAtSettings()
	ctx, stop := context.WithTimeout(ctx, lookPatience)
	defer stop()
	there, examined, err := d.lookAtDatabase(ctx, s)
	if found = append(found, there...); err == nil {
		err = c.lookAtRunning(ctx, s, d, examined, &found)
	}
	found = c.expected(found)
	if err != nil {
		found.wrong("database", "The database could not be asked.", explain(unreachable(err)))
	}
	if printed := c.print(s, found); printed != nil {
		return printed
	}
	if worst := found.worst(); err == nil && worst != stateOK {
		return verdict(worst)
	}
	return err
}

// postgres fails unless the database that the variables name answers, or there is a PostgreSQL of which mizan dev can start one. It says
// nothing else.
func (c *doctorCmd) postgres(ctx context.Context, s *surroundings) error {
	d, err := c.given(s)
	if err != nil {
		return err
	}
	if d.appURL != "" {
		_, err := migrations.Version(ctx, d.appURL)
		return unreachable(err)
	}
	_, err = postgres.FindBinaries(ctx)
	return err
}

// machine looks for the database that mizan dev would use, without starting anything. It fails if there is none.
func (c *doctorCmd) machine(ctx context.Context, s *surroundings) error {
	bin, err := postgres.FindBinaries(ctx)
	if err != nil {
		return err
	}
	var f findings
	f.ok("postgres", fmt.Sprintf("PostgreSQL %s is in %s.", bin.Version, bin.Dir))
	kept := filepath.Join(c.Data, "vault-keys")
	mode, err := fileMode(kept)
	if err == nil && mode&0o077 != 0 {
		f.warn("secret-files", "Others than its owner may use the file of the vault's keys, "+kept+".", "Run: chmod 600 "+kept)
	}
	if err := errors.Join(err, c.print(s, f)); err != nil {
		return err
	}
	if worst := f.worst(); worst != stateOK {
		return verdict(worst)
	}
	return nil
}

// print tells what was found.
func (c *doctorCmd) print(s *surroundings, found findings) error {
	if c.JSON {
		return writeJSON(s.stdout, examinationJSON{found.worst(), found})
	}
	for _, one := range found {
		if c.Quiet && one.State == stateOK {
			continue
		}
		line := fmt.Sprintf("%-6s%s: %s", one.State, one.Check, one.Says)
		if one.Do != "" {
			line += "\n      " + strings.ReplaceAll(one.Do, "\n", "\n      ")
		}
		if _, err := fmt.Fprintln(s.stdout, line); err != nil {
			return err
		}
	}
	if c.Quiet {
		return nil
	}
	_, err := fmt.Fprintf(s.stdout, "%d checks: %d ok, %d warn, %d wrong.\n", len(found), found.of(stateOK), found.of(stateWarn), found.of(stateWrong))
	return err
}
