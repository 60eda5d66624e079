package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// TestVerifyCommand verifies books beside the service that serves them, keeps a checkpoint, and finds what was changed.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	server, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: filepath.Join(t.TempDir(), "server"), Durable: true, SharedBuffers: "32MB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	super := server.URL("postgres", "mizan")
	env := map[string]string{"MIZAN_OWNER_DATABASE_URL": server.URL("mizan_owner", "mizan"), "MIZAN_DATABASE_URL": server.URL("mizan_app", "mizan")}
	env["MIZAN_ADMIN_DATABASE_URL"] = server.URL("postgres", "postgres")
	mizan(t, env, "", "migrate", "bootstrap").want(t, exitDone)
	mizan(t, env, "", "migrate", "up").want(t, exitDone)
	mizan(t, env, "", "verify").want(t, exitDone)
	fillBooks(t, env["MIZAN_DATABASE_URL"])
	said := mizan(t, env, "", "verify").want(t, exitDone, "uk: sound", "transactions 1 to 3", "us: sound").stdout
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
	mizan(t, nil, "", "verify", "--data", t.TempDir()).want(t, exitRefused, "no data of mizan dev")
	bend(t, super, `UPDATE entries SET amount = -amount WHERE sequence = 2 AND book_id = (SELECT id FROM books WHERE code = 'uk')`)
	mizan(t, env, "", "verify").want(t, exitRefused, "uk: NOT SOUND", "the first at uk-2", "hash", "running", "us: sound", "Stop payouts")
	mizan(t, env, "", "verify", "--book", "us").want(t, exitDone)
	for _, method := range []string{"replay", "database"} {
		mizan(t, env, "", "verify", "--book", "us", "--method", method).want(t, exitDone)
		mizan(t, env, "", "verify", "--book", "uk", "--method", method).want(t, exitRefused, "the first at uk-2")
	}
	mizan(t, env, "", "verify", "--method", "guess").want(t, exitUsage)
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
