package main

// Production shape: a server of one's own, roles made once, migrations by the owner, and nothing else trusted.

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"mizan/ledger/postgres"
)

func TestServe(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	data := filepath.Join(h.data, "server")
	// Nothing of its log is kept, which nobody notices but doctor.
	server, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: data, Durable: true, SharedBuffers: "32MB",
		Settings: map[string]string{"archive_mode": "on", "archive_command": "false"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	env := map[string]string{"MIZAN_ADMIN_DATABASE_URL": server.URL("postgres", "postgres"),
		"MIZAN_OWNER_PASSWORD": "not-a-secret-1", "MIZAN_APP_PASSWORD": "not-a-secret-2"}
	mizan(t, nil, "", "migrate", "bootstrap").want(t, exitUsage, "MIZAN_ADMIN_DATABASE_URL")
	for range 2 {
		said := mizan(t, env, "", "migrate", "bootstrap").want(t, exitDone, "owner mizan_owner and application mizan_app")
		if strings.Contains(said.stdout+said.stderr, "not-a-secret") {
			t.Errorf("a password is printed: %s%s", said.stdout, said.stderr)
		}
	}
	app, owner := server.URL("mizan_app", "mizan"), server.URL("mizan_owner", "mizan")
	env = map[string]string{"MIZAN_DATABASE_URL": app}
	mizan(t, nil, "", "migrate", "status").want(t, exitRefused, "No database is named")
	mizan(t, env, "", "migrate", "status").want(t, exitRefused, "version 0", "pending")
	mizan(t, env, "", "migrate", "up").want(t, exitUsage, "MIZAN_OWNER_DATABASE_URL")
	mizan(t, env, "", "serve", "--listen", "127.0.0.1:0").want(t, exitUnavailable, "older than this program")
	mizan(t, env, "", "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir()).want(t, exitUnavailable, "older than this program")
	mizan(t, env, "", "serve", "--listen", "127.0.0.1:0", "--migrate").want(t, exitUsage, "MIZAN_OWNER_DATABASE_URL")
	env["MIZAN_OWNER_DATABASE_URL"] = owner
	mizan(t, env, "", "migrate", "up").want(t, exitDone, "applied", "The database has version")
	mizan(t, env, "", "migrate", "up").want(t, exitDone, "The database has version")
	mizan(t, env, "", "migrate", "status").want(t, exitDone, "Pending: 0")
	mizan(t, env, "", "doctor").want(t, verdict(stateWrong).code(), "answers", "warn  jobs: No instance has ever planned")
	mizan(t, env, "", "serve", "--listen", "0.0.0.0:0").want(t, exitRefused, "readable over the network")
	mizan(t, nil, "", "serve", "--listen", "127.0.0.1:0").want(t, exitRefused, "No database is named")
	testServing(t, h, env)
	testProduction(t, h, env)
	testDoctor(t, server, data, env)
}

// testServing asks a service in production shape with a key from the database.
func testServing(t *testing.T, h home, env map[string]string) {
	key := strings.TrimSpace(mizan(t, env, "", "keys", "create", "--name", "all", "--scope", "*", "--expires-in", "1h").want(t, exitDone).stdout)
	p := h.start(t, []string{"MIZAN_DATABASE_URL=" + env["MIZAN_DATABASE_URL"], "MIZAN_BEHIND_TLS_PROXY=true", "MIZAN_MIGRATE=yes",
		"MIZAN_OWNER_DATABASE_URL=" + env["MIZAN_OWNER_DATABASE_URL"], "MIZAN_CURSOR_KEY=not-a-secret-key-for-cursors"},
		`"msg":"ready"`, "serve", "--listen", "127.0.0.1:0")
	with := map[string]string{"MIZAN_SERVER": p.address, "MIZAN_API_KEY": key}
	// Some of the demo needs a second person, as it does of every key that is not that of development.
	mizan(t, with, "", "seed", "--days", "0").want(t, exitRefused, "approval-required")
	// What the handbook's page on audits gives an auditor is enough for an export, and only of that book.
	auditor := strings.TrimSpace(mizan(t, env, "", "keys", "create", "--name", "auditor", "--scope", "books:read", "--scope", "transactions:read",
		"--scope", "balances:read", "--book", "s2").want(t, exitDone).stdout)
	with["MIZAN_API_KEY"] = auditor
	mizan(t, with, "", "export", "journal", "--book", "s2", "--format", "hledger").want(t, exitDone, "mizan_journal_trailer")
	mizan(t, with, "", "export", "journal", "--book", "s6", "--format", "hledger").want(t, exitRefused, "book-unknown")
	p.stop(t)
	if said := p.output(); strings.Contains(said, key) || strings.Contains(said, strings.SplitN(key, "_", 3)[2]) || strings.Contains(said, "not-a-secret") {
		t.Errorf("the log shows a secret:\n%s", said)
	}
}

// A database that cannot be reached and an address that is none are told without showing the address.
func TestDatabaseOutOfReach(t *testing.T) {
	t.Parallel()
	nobody := "postgres://mizan_app:not-a-secret-3@127.0.0.1:1/mizan"
	for _, command := range [][]string{{"serve"}, {"migrate", "status"}, {"keys", "list"}, {"doctor"}} {
		args := command
		if command[0] == "serve" {
			args = append(args, "--listen", "127.0.0.1:0")
		}
		for address, code := range map[string]int{nobody: exitUnavailable, "mysql://mizan:not-a-secret-3@db/mizan": exitUsage} {
			said := mizan(t, map[string]string{"MIZAN_DATABASE_URL": address}, "", args...).want(t, code)
			if strings.Contains(said.stdout+said.stderr, "not-a-secret") {
				t.Errorf("%v prints the password: %s%s", args, said.stdout, said.stderr)
			}
		}
	}
}
