// Package migrations holds the schema as numbered SQL files and applies them: forward only, one process at a time, and
// never a file that differs from the one that was released or applied before.
//
// A file is named NNNNN_noun.sql and begins with "-- +goose Up". SUMS lists the SHA-256 of every file; a test keeps it
// complete. The database remembers the sum of each file it has seen, too.
package migrations

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed sql/*.sql
var embedded embed.FS

//go:embed SUMS
var embeddedSums string

// ErrChanged means that a migration is not the one that was released, or not the one that this database was made with.
var ErrChanged = errors.New("a migration has changed since it was released or applied; " +
	"install the release that this database belongs to, or restore the file and put the change into a new one")

// Options configure Apply. The zero value is right for production.
type Options struct {
	// LockTimeout bounds each wait for a lock on a table in use, so that a migration never stops the postings queued
	// behind it for longer; 2 s if zero. A migration that fails so can be applied again.
	LockTimeout time.Duration
	// Unreleased accepts files that SUMS does not list or lists differently. Tests set it; TestSums does the checking.
	Unreleased bool
}

// Result says what Apply did.
type Result struct {
	// From and To are the versions before and after; 0 is an empty database.
	From, To int64
	// Applied names the files that were applied, in order.
	Applied []string
}

// Apply brings the database at ownerURL to the newest version known. It waits for another process that is doing the
// same. A database that is newer than this program is left as it is: during a rolling upgrade both run. It returns
// ErrChanged before it touches anything if a file is not the one it was. After any other error, what Result says
// was applied stays, and Apply may be called again.
func Apply(ctx context.Context, ownerURL string, opts Options) (Result, error) {
	return apply(ctx, ownerURL, embeddedFiles(), embeddedSums, opts)
}

// Version returns the version of the database at url, 0 if nothing was ever applied. The application's role may ask.
func Version(ctx context.Context, url string) (int64, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := readVersion(ctx, conn)
	if err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version, nil
}

// Latest returns the newest version this program knows.
func Latest() int64 {
	files, err := list(embeddedFiles())
	if err != nil {
		// The files are part of the program, and a test reads them all.
		panic(err)
	}
	return files[len(files)-1].version
}

// Pending returns how many files are still to be applied to the database at url. The application's role may ask.
func Pending(ctx context.Context, url string) (int, error) {
	version, err := Version(ctx, url)
	if err != nil {
		return 0, err
	}
	files, err := list(embeddedFiles())
	if err != nil {
		return 0, err
	}
	pending := 0
	for _, f := range files {
		if f.version > version {
			pending++
		}
	}
	return pending, nil
}

// Fingerprint returns a value that changes with any change to any migration. Tests key their template databases by it.
func Fingerprint() string {
	files, err := list(embeddedFiles())
	if err != nil {
		panic(err)
	}
	all := sha256.New()
	for _, f := range files {
		// A hash never fails to write.
		fmt.Fprintln(all, f.sum, f.name)
	}
	return hex.EncodeToString(all.Sum(nil))
}

func embeddedFiles() fs.FS {
	sub, err := fs.Sub(embedded, "sql")
	if err != nil {
		// Only an invalid name fails.
		panic(err)
	}
	return sub
}

// file is one migration.
type file struct {
	name    string
	version int64
	sum     string
	// beside says that it makes or drops indexes beside the work that goes on, and does nothing else.
	beside bool
}

// list returns the migrations in order of version.
func list(fsys fs.FS) ([]file, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, goose.ErrNoMigrations
	}
	var files []file
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		if len(files) > 0 && version <= files[len(files)-1].version {
			return nil, fmt.Errorf("migration %s: its number is not above that of the file before", name)
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		files = append(files, file{name, version, hex.EncodeToString(sum[:]), bytes.Contains(content, []byte("INDEX CONCURRENTLY"))})
	}
	return files, nil
}

// apply is Apply for any set of files.
func apply(ctx context.Context, ownerURL string, fsys fs.FS, released string, opts Options) (Result, error) {
	files, err := list(fsys)
	if err != nil {
		return Result{}, err
	}
	if !opts.Unreleased {
		if err := checkReleased(files, released); err != nil {
			return Result{}, err
		}
	}
	lock, err := acquire(ctx, ownerURL)
	if err != nil {
		return Result{}, fmt.Errorf("lock the migrations: %w", err)
	}
	defer lock.release(ctx)
	// The lock's own connection never commits; this one does.
	config, err := sessionConfig(ownerURL, opts)
	if err != nil {
		return Result{}, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return Result{}, fmt.Errorf("apply the migrations: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := readVersion(ctx, conn)
	if err != nil {
		return Result{}, fmt.Errorf("read the schema version: %w", err)
	}
	result := Result{From: version, To: version}
	if err := checkApplied(ctx, conn, files, version); err != nil {
		return result, err
	}
	if version < files[len(files)-1].version {
		if err := remember(ctx, conn, files, version); err != nil {
			return result, fmt.Errorf("remember the checksums: %w", err)
		}
		if err := up(ctx, config, files, fsys, &result); err != nil {
			return result, err
		}
	}
	return result, publish(ctx, conn)
}

// up applies what is pending, one file after the other. The caller holds the lock, so that goose needs none of its own. What an index that is
// made beside the work that goes on waits for are the readers who began before it, however long they read. Nobody waits for it meanwhile, so
// that it has its time: an end to its wait would throw away all that it had read.
func up(ctx context.Context, config *pgx.ConnConfig, files []file, fsys fs.FS, result *Result) error {
	patient := config.Copy()
	patient.RuntimeParams["lock_timeout"] = "0"
	brief, err := provide(config, fsys)
	if err != nil {
		return err
	}
	defer func() { _ = brief.Close() }()
	long, err := provide(patient, fsys)
	if err != nil {
		return err
	}
	defer func() { _ = long.Close() }()
	for _, f := range files {
		if f.version <= result.From {
			continue
		}
		provider := brief
		if f.beside {
			provider = long
		}
		done, err := provider.UpTo(ctx, f.version)
		if err != nil {
			return fmt.Errorf("apply the migrations: %w", err)
		}
		for _, d := range done {
			result.Applied = append(result.Applied, path.Base(d.Source.Path))
			result.To = d.Source.Version
		}
	}
	return nil
}

// provide returns what applies files by sessions of the configuration. Closing it closes them.
func provide(config *pgx.ConnConfig, fsys fs.FS) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDB(*config), fsys, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
