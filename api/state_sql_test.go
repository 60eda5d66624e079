package api

import (
	"fmt"

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
