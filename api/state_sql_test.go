package api

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

const (
	sqlTables = `
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
 ORDER BY 1`
	sqlDigest = `SELECT count(*) || ' rows ' || coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM %s t`
)

// state returns, for every table of the database, how many rows it has and a digest of what they hold.
func (h *house) state() map[string]string {
	h.t.Helper()
	ctx := h.t.Context()
	conn, err := pgx.Connect(ctx, h.db.SuperURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sqlTables)
	if err != nil {
		h.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}
	all := map[string]string{}
	for _, table := range tables {
		var digest string
		if err := conn.QueryRow(ctx, fmt.Sprintf(sqlDigest, table)).Scan(&digest); err != nil {
			h.t.Fatalf("%s: %v", table, err)
		}
		all[table] = digest
	}
	return all
}

// unbalance changes a stored balance behind the ledger's back.
func unbalance(t *testing.T, h *house) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `UPDATE balances SET debits = debits + 1, credits = credits + 1 WHERE account_id = 1`); err != nil {
		t.Fatal(err)
	}
}

const (
	sqlDisarm  = `ALTER TABLE audit_rows DISABLE TRIGGER ALL`
	sqlFalsify = `UPDATE audit_rows SET why = 'something else' WHERE book_id <> 0 AND sequence = 3`
	sqlUnbound = `ALTER TABLE audit_rows DROP CONSTRAINT audit_rows_recorded_at_check`
	sqlUnread  = `UPDATE audit_rows SET recorded_at = 'infinity' WHERE book_id = 0 AND sequence = 1001`
)

// tamper changes the trails behind the program's back, with the rights of a superuser.
func (h *house) tamper(statements ...string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.SuperURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(h.t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(h.t.Context(), statement); err != nil {
			h.t.Fatal(err)
		}
	}
}
