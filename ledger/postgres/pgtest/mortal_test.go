package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// A mortal dies at its statement, before it or after it, and what it sends then reaches nothing.
func TestMortal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(t.Context())
	if _, err := owner.Exec(t.Context(), `CREATE TABLE done (n integer); GRANT SELECT, INSERT ON done TO mizan_app`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at, wrote int
		after     bool
		counted   int
	}{{0, 3, false, 3}, {2, 1, false, 2}, {2, 2, true, 2}} {
		m := db.Mortal(t, 1, c.at, c.after)
		if _, err := m.Pool.Exec(t.Context(), `SELECT 1`); err != nil {
			t.Fatalf("before it is armed: %v", err)
		}
		m.Arm()
		failed := 0
		for n := range 3 {
			if _, err := m.Pool.Exec(t.Context(), `INSERT INTO done VALUES ($1)`, pgx.QueryExecModeExec, n); err != nil {
				failed++
			}
		}
		died := db.Bury(t, m)
		var wrote int
		if err := owner.QueryRow(t.Context(), `WITH gone AS (DELETE FROM done RETURNING 1) SELECT count(*) FROM gone`).Scan(&wrote); err != nil {
			t.Fatal(err)
		}
		if wrote != c.wrote || m.Statements() != c.counted || died != (c.at > 0) || (failed > 0) != (c.at > 0) {
			t.Errorf("at %d, after %v: %d rows, %d statements, died %v, %d failed", c.at, c.after, wrote, m.Statements(), died, failed)
		}
	}
}
