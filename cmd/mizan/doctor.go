package main

// Doctor: whether a deployment is safe and well, check by check, with what to do about each that is not; without a database, what this
// machine offers for development.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"mizan/ledger/postgres"
	"mizan/migrations"
)

type doctorCmd struct {
	deploymentFlags
	servingFlags
	VerifyReport string        `name:"verify-report" help:"File with what the last mizan verify --json printed, to say when that was and whether the books were sound." type:"path" placeholder:"FILE"`
	DataDisk     string        `name:"data-disk" help:"Directory of the database's data on this machine, to say how full its disk is. Not needed where the role may know it." type:"path" placeholder:"DIR"`
	Data         string        `help:"Directory in which mizan dev keeps its data, if no address of a database is set." default:".mizan" placeholder:"DIR"`
	JSON         bool          `name:"json" help:"Print one JSON document."`
	Quiet        bool          `help:"Say only what is not as it should be."`
	Patience     time.Duration `help:"How long looking may take. A database that is only silent by then is told as one that does not answer." default:"30s" placeholder:"DURATION"`
	PostgresOnly bool          `name:"postgres-only" help:"Look only whether there is a PostgreSQL that mizan dev can work with."`
}

// maxPatience bounds --patience.
const maxPatience = 10 * time.Minute

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

// Run looks at the deployment that the variables and the flags describe, as serve would start it. It changes nothing. What was found is
// printed in every case. It ends with a verdict unless everything is well, and with another error if the database cannot be asked or there is
// no PostgreSQL.
func (c *doctorCmd) Run(ctx context.Context, s *surroundings) error {
	ctx, stop := context.WithTimeout(ctx, c.Patience)
	defer stop()
	found, err := c.look(ctx, s)
	worst := found.worst()
	if c.JSON || !c.PostgresOnly || err == nil && worst != stateOK {
		if printed := c.print(s, found); printed != nil {
			return printed
		}
	}
	if err == nil && worst != stateOK {
		return verdict(worst)
	}
	return err
}

// look looks at whatever the flags ask for. What cannot be read of the settings is found to be wrong, and nothing is looked at then.
func (c *doctorCmd) look(ctx context.Context, s *surroundings) (found findings, err error) {
	unusable := func(err error) (findings, error) {
		return findings{{"settings", stateWrong, "The settings cannot be used as they are.", explain(err)}}, nil
	}
	if c.Patience <= 0 || c.Patience > maxPatience {
		return unusable(usageError("--patience is more than nothing and " + maxPatience.String() + " at most."))
	}
	if c.PostgresOnly {
		d, err := c.given(s)
		if err != nil {
			return unusable(err)
		}
		return c.postgres(ctx, d)
	}
	d, err := c.settle(s)
	if err != nil {
		return unusable(err)
	}
	if d.database.appURL == "" {
		if c.VerifyReport != "" || c.DataDisk != "" || c.Production || d.given() {
			return unusable(errNoAddress)
		}
		return c.machine(ctx)
	}
	if _, err := printerOf(c.Chromium); err != nil {
		return unusable(err)
	}
	if err := c.servingFlags.check(); err != nil {
		return unusable(err)
	}
	found = d.lookAtSettings()
	there, examined, err := d.lookAtDatabase(ctx, s)
	if found = append(found, there...); err == nil {
		err = c.lookAtRunning(ctx, s, d, examined, &found)
	}
	found = c.expected(found)
	if err != nil {
		found.wrong("database", "The database could not be asked.", explain(unreachable(err)))
	}
	return found, err
}

// postgres looks whether the database that the variables name answers, or there is a PostgreSQL of which mizan dev can start one. It fails if
// not.
func (c *doctorCmd) postgres(ctx context.Context, d *database) (f findings, err error) {
	if d.appURL == "" {
		f, err = lookForPostgres(ctx)
		return f, err
	}
	if _, err := migrations.Version(ctx, d.appURL); err != nil {
		err = unreachable(err)
		f.wrong("database", "The database could not be asked.", explain(err))
		return f, err
	}
	f.ok("database", "The database that MIZAN_DATABASE_URL names answers.")
	return f, nil
}

// lookForPostgres looks for the programs of PostgreSQL. It fails if there are none.
func lookForPostgres(ctx context.Context) (f findings, err error) {
	bin, err := postgres.FindBinaries(ctx)
	if err != nil {
		f.wrong("postgres", "There is no PostgreSQL that mizan dev can work with.", explain(err))
		return f, err
	}
	f.ok("postgres", fmt.Sprintf("PostgreSQL %s is in %s.", bin.Version, bin.Dir))
	return f, nil
}

// machine looks for the database that mizan dev would use, without starting anything. It fails if there is none.
func (c *doctorCmd) machine(ctx context.Context) (findings, error) {
	f, err := lookForPostgres(ctx)
	if err != nil {
		return f, err
	}
	kept := filepath.Join(c.Data, "vault-keys")
	mode, err := fileMode(kept)
	switch {
	case err != nil:
		f.wrong("secret-files", "The file of the vault's keys cannot be looked at.", explain(err))
	case mode&0o077 != 0:
		f.warn("secret-files", "Others than its owner may use the file of the vault's keys, "+kept+".", "Run: chmod 600 "+kept)
	}
	return f, nil
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
