package postgres

// What a server says about itself.

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// facts are the settings of a server that decide whether it may hold a ledger.
type facts struct {
	major             int
	standby           bool
	synchronousCommit string
	fsync             bool
	fullPageWrites    bool
}

// inspect reads the settings as the new session sees them, so that those of its role and database count.
func inspect(ctx context.Context, conn *pgx.Conn) (facts, error) {
	var f facts
	var version int
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int,
		       pg_is_in_recovery(),
		       current_setting('synchronous_commit'),
		       current_setting('fsync')::bool,
		       current_setting('full_page_writes')::bool`,
		pgx.QueryExecModeExec,
	).Scan(&version, &f.standby, &f.synchronousCommit, &f.fsync, &f.fullPageWrites)
	f.major = version / 10000
	return f, err
}
