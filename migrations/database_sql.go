package migrations

// What the database remembers of its migrations: goose's own table of versions, and the sums of the files beside it.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lock keeps other processes from migrating the same database. It is a lock on a table, held by a transaction: it ends
// with the connection, and works behind a transaction-mode proxy, where advisory locks do not.
type lock struct{ conn *pgx.Conn }

// pollEvery is how long a process waits before it asks for the lock again. Waiting inside the server would hold a
// snapshot, and a CREATE INDEX CONCURRENTLY of the process at work would wait for it: each for the other.
const pollEvery = 50 * time.Millisecond

// acquire waits for the lock until ctx ends.
func acquire(ctx context.Context, url string) (*lock, error) {
	config, err := sessionConfig(url, Options{})
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	l := &lock{conn}
	if err := l.take(ctx); err != nil {
		l.release(ctx)
		return nil, err
	}
	return l, nil
}

func (l *lock) take(ctx context.Context) error {
	if err := createChecksums(ctx, l.conn); err != nil {
		return err
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		// SHARE UPDATE EXCLUSIVE excludes itself, but not the insertion of sums by another connection of ours.
		_, err := l.conn.Exec(ctx, `BEGIN; LOCK TABLE migration_checksums IN SHARE UPDATE EXCLUSIVE MODE NOWAIT`)
		var e *pgconn.PgError
		if err == nil || !errors.As(err, &e) || e.Code != "55P03" {
			return err
		}
		if _, err := l.conn.Exec(ctx, `ROLLBACK`); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("another process is migrating this database: %w", ctx.Err())
		}
	}
}

// release ends the connection and with it the transaction, which changed nothing.
func (l *lock) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// The server frees the lock in any case.
	_ = l.conn.Close(ctx)
}

// createChecksums makes the table of sums. IF NOT EXISTS does not keep two sessions from making it at once.
func createChecksums(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
		CREATE TABLE IF NOT EXISTS migration_checksums (
			version bigint PRIMARY KEY,
			name    text NOT NULL,
			sha256  text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$')
		)`)
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "23505" || e.Code == "42P07" || e.Code == "42710") {
		return nil
	}
	return err
}

// sessionConfig returns the settings of a session that migrates: no limit on a statement, and a short one on waiting for
// tables that others use.
func sessionConfig(url string, opts Options) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	wait := opts.LockTimeout
	if wait <= 0 {
		wait = 2 * time.Second
	}
	config.RuntimeParams["application_name"] = "mizan migrate"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = strconv.FormatInt(max(wait.Milliseconds(), 1), 10)
	return config, nil
}

// readVersion returns the newest applied version, 0 if there is none or no table of versions.
func readVersion(ctx context.Context, conn *pgx.Conn) (int64, error) {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	var version int64
	err := conn.QueryRow(ctx, `SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	return version, err
}

// checkApplied compares the files up to version with the sums that were recorded when they were applied.
func checkApplied(ctx context.Context, conn *pgx.Conn, files []file, version int64) error {
	recorded := map[int64]string{}
	rows, err := conn.Query(ctx, `SELECT version, sha256 FROM migration_checksums`)
	if err != nil {
		return fmt.Errorf("read the checksums: %w", err)
	}
	var number int64
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&number, &sum}, func() error {
		recorded[number] = sum
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the checksums: %w", err)
	}
	for _, f := range files {
		if f.version <= version && recorded[f.version] != f.sum {
			return fmt.Errorf("%w: %s differs from what was applied to this database", ErrChanged, f.name)
		}
	}
	return nil
}

// remember records the sums of the files that are about to be applied. It comes first, so that no file is ever applied
// without a record; a record without an application is replaced the next time.
func remember(ctx context.Context, conn *pgx.Conn, files []file, version int64) error {
	for _, f := range files {
		if f.version <= version {
			continue
		}
		_, err := conn.Exec(ctx, `
			INSERT INTO migration_checksums (version, name, sha256) VALUES ($1, $2, $3)
			ON CONFLICT (version) DO UPDATE SET name = EXCLUDED.name, sha256 = EXCLUDED.sha256`,
			f.version, f.name, f.sum)
		if err != nil {
			return err
		}
	}
	return nil
}

// publish lets the application's role see which version the schema has. It runs each time, and changes nothing but the
// first time, because the process before may have been killed just short of it.
func publish(ctx context.Context, conn *pgx.Conn) error {
	var published bool
	err := conn.QueryRow(ctx, `
		SELECT has_table_privilege('public', 'goose_db_version', 'SELECT')
		   AND has_table_privilege('public', 'migration_checksums', 'SELECT')`).Scan(&published)
	if err == nil && !published {
		_, err = conn.Exec(ctx, `GRANT SELECT ON goose_db_version, migration_checksums TO PUBLIC`)
	}
	if err != nil {
		return fmt.Errorf("publish the schema version: %w", err)
	}
	return nil
}
