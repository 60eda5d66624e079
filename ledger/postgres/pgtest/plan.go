package pgtest

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What a statement costs, asked of the server that carried it out: tests hold statements to what they read, never to a time.

// Asker runs statements: a pool, a connection or a transaction.
type Asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Plan carries a statement out and returns how, with the rows that each step gave and threw away.
func Plan(t testing.TB, on Asker, sql string, args ...any) string {
	t.Helper()
	rows, err := on.Query(t.Context(), "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) "+sql, args...)
	if err != nil {
		t.Fatalf("pgtest: explain: %v\n%s", err, sql)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("pgtest: explain: %v\n%s", err, sql)
	}
	return strings.Join(lines, "\n")
}

// Blocks carries a statement out and returns how many blocks it read, wherever they were.
func Blocks(t testing.TB, on Asker, sql string, args ...any) int {
	t.Helper()
	var plan []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := on.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+sql, args...).Scan(&plan); err != nil || len(plan) != 1 {
		t.Fatalf("pgtest: explain: %d plans, %v\n%s", len(plan), err, sql)
	}
	return plan[0].Plan.Hit + plan[0].Plan.Read
}
