package main

// Database: where the books live. Either a server of yours, named by an address, or the private server of development.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/migrations"
)

var (
	errNoAddress = fault.New(fault.Invalid, "database-address-missing",
		"No database is named. Set MIZAN_DATABASE_URL to the address of the application's role, such as postgres://mizan_app@db.example.com/mizan.")
	errNoData = fault.New(fault.NotFound, "data-missing",
		"There are no data of mizan dev here. Name their directory with --data, or set MIZAN_DATABASE_URL to the address of a database.")
	errNoDatabase = fault.New(fault.Unavailable, "database-unreachable",
		"The database does not answer. Check the address and that the server is running.")
	errPending = fault.New(fault.Unavailable, "migrations-pending",
		"The database is older than this program. Run mizan migrate up with MIZAN_OWNER_DATABASE_URL, or start with --migrate.")
)

// privateDatabase is the name of the database on the private server.
const privateDatabase = "mizan"

// stopLimit bounds an orderly stop of each part.
const stopLimit = 20 * time.Second

// databaseFlags name the files that addresses may stand in; the addresses themselves are secrets and no flags.
type databaseFlags struct {
	DatabaseURLFile      string `name:"database-url-file" help:"File that holds the address of the database for the application, instead of the variable MIZAN_DATABASE_URL." type:"path" placeholder:"FILE"`
	OwnerDatabaseURLFile string `name:"owner-database-url-file" help:"File that holds the address for migrations, instead of the variable MIZAN_OWNER_DATABASE_URL." type:"path" placeholder:"FILE"`
}

// database is one database with its two doors. The owner's is empty if nobody named it.
type database struct {
	appURL, ownerURL string
	// server is the private one, nil if the database is yours.
	server *postgres.Server
}

// given returns the database that addresses name; its appURL is empty if there is none.
func (f databaseFlags) given(s *surroundings) (*database, error) {
	appURL, err := s.secret("MIZAN_DATABASE_URL", f.DatabaseURLFile)
	if err != nil {
		return nil, err
	}
	ownerURL, err := s.secret("MIZAN_OWNER_DATABASE_URL", f.OwnerDatabaseURLFile)
	if err != nil {
		return nil, err
	}
	for _, address := range []string{appURL, ownerURL} {
		if address == "" {
			continue
		}
		// The address itself is not shown: it may hold a password.
		if _, err := postgres.ReadAddress(address); err != nil {
			return nil, usageError(explain(err))
		}
	}
	return &database{appURL: appURL, ownerURL: ownerURL}, nil
}

// open returns the database that addresses name, else starts the private server on its data and prepares it.
func (f databaseFlags) open(ctx context.Context, s *surroundings, data string) (*database, error) {
	d, err := f.given(s)
	if err != nil || d.appURL != "" {
		return d, err
	}
	server, err := postgres.StartServer(ctx, postgres.ServerConfig{DataDir: filepath.Join(data, "postgres"), Durable: true})
	if err != nil {
		return nil, err
	}
	roles := postgres.Roles{}.OrDefault()
	d = &database{server: server, appURL: server.URL(roles.App, privateDatabase), ownerURL: server.URL(roles.Owner, privateDatabase)}
	if err := postgres.Bootstrap(ctx, server.URL("postgres", "postgres"), privateDatabase, roles); err != nil {
		return nil, errors.Join(err, d.stop(ctx))
	}
	return d, nil
}

// join returns the database that addresses name, else the private server on data that are there: the one that runs, or one
// that it starts.
func (f databaseFlags) join(ctx context.Context, s *surroundings, data string) (*database, error) {
	d, err := f.given(s)
	if err != nil || d.appURL != "" {
		return d, err
	}
	if _, err := os.Stat(filepath.Join(data, "postgres")); err != nil {
		return nil, errNoData
	}
	if address, running := postgres.Running(filepath.Join(data, "postgres")); running {
		roles := postgres.Roles{}.OrDefault()
		return &database{appURL: address(roles.App, privateDatabase), ownerURL: address(roles.Owner, privateDatabase)}, nil
	}
	return f.open(ctx, s, data)
}

// migrate brings the database up to date, if somebody named the owner's address.
func (d *database) migrate(ctx context.Context) (migrations.Result, error) {
	if d.ownerURL == "" {
		return migrations.Result{}, d.current(ctx)
	}
	result, err := migrations.Apply(ctx, d.ownerURL, migrations.Options{})
	if err != nil {
		return result, fmt.Errorf("apply migrations: %w", err)
	}
	return result, nil
}

// current returns errPending unless every migration that this program knows is applied.
func (d *database) current(ctx context.Context) error {
	pending, err := migrations.Pending(ctx, d.appURL)
	if err != nil {
		return unreachable(err)
	}
	if pending > 0 {
		return errPending
	}
	return nil
}

// pool connects as the application, with at most so many connections.
func (d *database) pool(ctx context.Context, s *surroundings, connections int32) (*postgres.Pool, error) {
	return d.poolWith(ctx, s, postgres.Options{MaxConns: connections})
}

// poolWith is pool for who needs something else.
func (d *database) poolWith(ctx context.Context, s *surroundings, options postgres.Options) (*postgres.Pool, error) {
	pool, err := postgres.Open(ctx, d.appURL, options)
	if err != nil {
		return nil, unreachable(err)
	}
	for _, warning := range pool.Warnings() {
		fmt.Fprintln(s.stderr, "mizan: warning:", warning)
	}
	return pool, nil
}

// died returns a channel that is closed when the private server ends; nil, which never is, for a server of yours.
func (d *database) died() <-chan struct{} {
	if d.server == nil {
		return nil
	}
	return d.server.Done()
}

// stop ends the private server, if there is one, also when ctx has ended already.
func (d *database) stop(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return d.server.Stop(ctx)
}

// unreachable says of an error of the driver what to do; errors that say so themselves pass.
func unreachable(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return errNoDatabase.Because(err)
}
