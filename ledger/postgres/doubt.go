package postgres

// Doubt about a commit: the server answered "committed", but only for itself. When the wait for a synchronous standby is
// cancelled, PostgreSQL still reports success and merely adds a warning, so the commit may be lost in a failover.

import (
	"strings"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrCommitDoubt means that the server committed locally without the confirmation of its standby.
var ErrCommitDoubt = fault.New(fault.Unavailable, "commit-unconfirmed",
	"The database could not confirm this on its standby. Send the same request again with the same reference.")

// doubtKey marks a connection in its custom data.
const doubtKey = "mizan.commit-doubt"

// noteDoubt marks the connection when the server gives up waiting for its standby. The message is translated on some
// servers; the name of the reporting routine is not.
func noteDoubt(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.Routine == "SyncRepWaitForLSN" || strings.Contains(notice.Message, "synchronous replication") {
		conn.CustomData()[doubtKey] = true
	}
}

// CommitDoubt reports whether a commit on conn was confirmed only locally since it was last asked, and forgets it. Tx
// and TxRetry ask themselves; whoever commits on a connection of their own must ask after each commit.
func CommitDoubt(conn *pgx.Conn) bool {
	data := conn.PgConn().CustomData()
	_, doubt := data[doubtKey]
	delete(data, doubtKey)
	return doubt
}
