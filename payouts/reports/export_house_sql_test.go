package reports_test

import (
	"github.com/jackc/pgx/v5"
)

// txRunner is a transaction, for tests that hold no SQL.
type txRunner = pgx.Tx

func inTx(o *office, fn func(tx txRunner) error) error { return o.db.Pool.Tx(o.Context(), fn) }

// sql does behind the service's back what the application may do.
func (o *office) sql(statement string, args ...any) {
	o.Helper()
	_, err := o.db.Pool.Exec(o.Context(), statement, args...)
	o.ok(err)
}

// refusedSQL tries with the application's rights what the database must not let it do.
func (o *office) refusedSQL(statement string, args ...any) {
	o.Helper()
	if _, err := o.db.Pool.Exec(o.Context(), statement, args...); err == nil {
		o.Errorf("the database allowed: %s", statement)
	}
}

// lockEntries keeps everybody from reading entries until it is released.
func (o *office) lockEntries() (release func()) {
	o.Helper()
	conn, err := pgx.Connect(o.Context(), o.db.SuperURL)
	o.ok(err)
	tx, err := conn.Begin(o.Context())
	o.ok(err)
	_, err = tx.Exec(o.Context(), "LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
	o.ok(err)
	return func() {
		o.ok(tx.Rollback(o.Context()))
		o.ok(conn.Close(o.Context()))
	}
}
