package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// TestVerifyCommand verifies books beside the service that serves them, keeps a checkpoint, and finds what was changed.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	server := newHome(t).startMigrated(t, postgres.ServerConfig{SharedBuffers: "32MB"})
	super := server.URL("postgres", "mizan")
	env := map[string]string{"MIZAN_OWNER_DATABASE_URL": server.URL("mizan_owner", "mizan"), "MIZAN_DATABASE_URL": server.URL("mizan_app", "mizan")}
	mizan(t, env, "", "verify").want(t, exitDone)
	fillBooks(t, env["MIZAN_DATABASE_URL"])
	said := mizan(t, env, "", "verify").want(t, exitDone, "uk: sound", "transactions 1 to 3", "us: sound", "uk: closed months sound: 0, ", "uk: audit trail sound: 0 rows. Head ", "installation: audit trail sound: ").stdout
	_, after, _ := strings.Cut(said, "Checkpoint ")
	checkpoint, _, _ := strings.Cut(after, "\n")
	mizan(t, env, "", "verify", "--book", "uk", "--known", checkpoint).want(t, exitDone, "sound")
	mizan(t, env, "", "verify", "--book", "uk", "--after", checkpoint).want(t, exitDone, "transactions 4 to 3", checkpoint)
	var one verification
	out := mizan(t, env, "", "verify", "--book", "uk", "--from-sequence", "2", "--json").want(t, exitDone)
	if err := json.Unmarshal([]byte(out.stdout), &one); err != nil || !one.Sound || one.From != 2 || one.Transactions != 2 || one.Checkpoint != "" {
		t.Errorf("%v: %s", err, out.stdout)
	}
	for _, wrong := range [][]string{{"--after", checkpoint}, {"--book", "uk", "--after", "3:xyz"}, {"--book", "uk", "--from-sequence", "-1"},
		{"--book", "uk", "--from-sequence", "2", "--after", checkpoint}, {"--book", "uk", "--from-sequence", "2", "--known", checkpoint},
		{"--book", "uk", "--after", checkpoint, "--known", "2" + checkpoint[1:]}} {
		mizan(t, env, "", append([]string{"verify"}, wrong...)...).want(t, exitUsage)
	}
	mizan(t, env, "", "verify", "--book", "uk", "--known", "9"+checkpoint[1:]).want(t, exitRefused, "the first at uk-4", "ends before the checkpoint at 9")
	mizan(t, env, "", "verify", "--book", "nowhere").want(t, exitRefused, "no such book")
	mizan(t, env, "", "verify", "--book", "uk", "--from-sequence", "99").want(t, exitRefused)
	verifyUntold(t, env, super)
	verifyBrokenMonths(t, env, super)
	verifyUneven(t, env)
	mizan(t, nil, "", "verify", "--data", t.TempDir()).want(t, exitRefused, "no data of mizan dev")
	bend(t, super, `REVOKE SELECT ON earnings FROM mizan_app`) // what was found of the books is told all the same
	mizan(t, env, "", "verify", "--book", "us").want(t, exitRefused, "us: sound", "us: earnings not compared", "us: audit trail sound")
	bend(t, super, `GRANT SELECT ON earnings TO mizan_app`)
	bend(t, super, `UPDATE entries SET amount = -amount WHERE sequence = 2 AND book_id = (SELECT id FROM books WHERE code = 'uk')`)
	mizan(t, env, "", "verify").want(t, exitRefused, "uk: NOT SOUND", "the first at uk-2", "hash", "running", "us: sound", "Stop payouts")
	mizan(t, env, "", "verify", "--book", "us").want(t, exitDone)
	for _, method := range []string{"replay", "database"} {
		mizan(t, env, "", "verify", "--book", "us", "--method", method).want(t, exitDone)
		mizan(t, env, "", "verify", "--book", "uk", "--method", method).want(t, exitRefused, "the first at uk-2")
	}
	mizan(t, env, "", "verify", "--method", "guess").want(t, exitUsage)
	verifyBrokenTrails(t, env, super)
}

// verifyUntold has the service's own role write a key, and a destination, that nobody gave.
func verifyUntold(t *testing.T, env map[string]string, super string) {
	app, err := pgx.Connect(t.Context(), env["MIZAN_DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		`INSERT INTO api_keys (id, secret_hash, name, scopes, created_at) VALUES ('eveseveseve1', sha256('eve'), 'eve', '{*}', now())`,
		`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, created_at, active_since, changed_at)
		 SELECT id, 'dst_evesevesevesevee', 'sel_a', 'connected', 'acct_eve', '{USD}', 'manual', 'active', now(), now(), now() FROM books WHERE code = 'us'`,
	} {
		if _, err := app.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	mizan(t, env, "", "verify").want(t, exitRefused, "uk: acts told", "us: sound", "us: ACTS UNTOLD: 1", "payee:sel_a, dst_evesevesevesevee: no row of the trail says payout_destination.set",
		"installation: ACTS UNTOLD: 1", "key:eveseveseve1", "no row of the audit trail tells of")
	var one verification
	out := mizan(t, env, "", "verify", "--book", "us", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &one); err != nil || out.code != exitRefused || !one.Sound || one.Told.Sound || one.Told.Looked != 1 || len(one.Told.Findings) != 1 {
		t.Errorf("%v: %s", err, out.stdout)
	}
	bend(t, super, `ALTER TABLE payout_destinations DISABLE TRIGGER moves_on; DELETE FROM payout_destinations; DELETE FROM api_keys; ALTER TABLE payout_destinations ENABLE ALWAYS TRIGGER moves_on`)
	mizan(t, env, "", "verify").want(t, exitDone, "installation: acts told")
}

// verifyBrokenMonths slips in a closed month that nobody closed, and takes it out again.
func verifyBrokenMonths(t *testing.T, env map[string]string, super string) {
	bend(t, super, `INSERT INTO period_closings (book_id, number, act, period, at_sequence, document, totals, previous, hash, preparer, approver, recorded_at)
SELECT id, 1, 'close', 202001, 0, '{"totals":{}}', sha256('{}'), sha256('x'), sha256('x'), 'a', 'b', now() FROM books WHERE code = 'us'`)
	mizan(t, env, "", "verify", "--book", "us").want(t, exitRefused, "us: sound", "us: CLOSED MONTHS NOT SOUND", "2020-01, closing 1: the row was changed after it was written", "first open month")
	var one verification
	out := mizan(t, env, "", "verify", "--book", "us", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &one); err != nil || out.code != exitRefused || one.Closings.Sound || one.Closings.Rows != 1 || len(one.Closings.Findings) == 0 {
		t.Errorf("%v: %s", err, out.stdout)
	}
	bend(t, super, `ALTER TABLE period_closings DISABLE TRIGGER ALL; DELETE FROM period_closings`)
	mizan(t, env, "", "verify", "--book", "us").want(t, exitDone, "us: closed months sound: 0")
}

// verifyBrokenTrails changes a row of the trail of a book that is sound, and one of the installation's.
func verifyBrokenTrails(t *testing.T, env map[string]string, super string) {
	mizan(t, env, "", "vault", "retention", "--book", "us", "--days", "4000", "--reason", "a longer limit for claims").want(t, exitDone, "4000 days")
	mizan(t, env, "", "keys", "create", "--name", "till", "--scope", "events:write").want(t, exitDone)
	var one verification
	out := mizan(t, env, "", "verify", "--book", "us", "--json").want(t, exitDone)
	if err := json.Unmarshal([]byte(out.stdout), &one); err != nil || !one.Sound || !one.Trail.Sound || one.Trail.Rows != 1 || len(one.Trail.Head) != 64 {
		t.Errorf("%v: %s", err, out.stdout)
	}
	mizan(t, env, "", "audit", "verify", "--book", "us").want(t, exitDone, "1 rows, head "+one.Trail.Head)
	bendTrail(t, super, `UPDATE audit_rows SET why = 'another' WHERE book_id = (SELECT id FROM books WHERE code = 'us')`)
	mizan(t, env, "", "verify", "--book", "us").want(t, exitRefused, "us: sound", "us: AUDIT TRAIL NOT SOUND", "row 1 was changed", "The books are sound, but")
	mizan(t, env, "", "audit", "verify", "--book", "us").want(t, exitRefused, "row 1 was changed")
	mizan(t, env, "", "audit", "verify").want(t, exitDone, "The trail is sound")
	out = mizan(t, env, "", "verify", "--book", "us", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &one); err != nil || out.code != exitRefused || !one.Sound || one.Trail.Sound {
		t.Errorf("%v: %s", err, out.stdout)
	}
	bendTrail(t, super, `DELETE FROM audit_rows WHERE book_id = 0 AND sequence = (SELECT max(sequence) FROM audit_rows WHERE book_id = 0)`)
	mizan(t, env, "", "verify").want(t, exitRefused, "uk: NOT SOUND", "installation: AUDIT TRAIL NOT SOUND", "is missing", "Stop payouts")
	mizan(t, env, "", "audit", "verify").want(t, exitRefused, "is missing")
}

// bendTrail runs SQL as a superuser with the guards of the trail off.
func bendTrail(t *testing.T, address, sql string) {
	t.Helper()
	bend(t, address, `ALTER TABLE audit_rows DISABLE TRIGGER ALL`)
	bend(t, address, sql)
}

// bend runs SQL as a superuser with the guards of entries off.
func bend(t *testing.T, address, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, s := range []string{`ALTER TABLE entries DISABLE TRIGGER ALL`, `ALTER TABLE entries_p000001 DISABLE TRIGGER ALL`, sql} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}
