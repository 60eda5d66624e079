package main

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// testDoctor has doctor look at a server whose log is not archived though it should be, which keeps it for a follower that never came, and then
// at that follower.
func testDoctor(t *testing.T, server *postgres.Server, dir string, env map[string]string) {
	env = maps.Clone(env)
	maps.Copy(env, safeSettings())
	env["MIZAN_DATABASE_URL"] = server.URL("mizan_app", "mizan")
	super, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = super.Close(context.Background()) })
	for _, statement := range []string{"SELECT pg_create_physical_replication_slot('follower', true)", "SELECT pg_logical_emit_message(false, 'mizan', 'something to keep')", "SELECT pg_switch_wal()"} {
		if _, err := super.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "a failure to archive", func() bool {
		var failed int
		return super.QueryRow(t.Context(), "SELECT failed_count FROM pg_stat_archiver").Scan(&failed) == nil && failed > 0
	})
	quiet := func(code int, words ...string) {
		t.Helper()
		said := mizan(t, env, "", "doctor", "--quiet", "--jobs", "off", "--rate-key", "50").want(t, code, words...).quiet(t, env)
		if code == verdict(stateWrong).code() && strings.Contains(said.stdout, "replication") {
			t.Errorf("who follows is asked who follows it:\n%s", said.stdout)
		}
	}
	quiet(verdict(stateWarn).code(), "The last attempt to archive the log failed", "are not followed, or from far behind", "follower (")
	if _, err := super.Exec(t.Context(), "ALTER ROLE mizan_app CONNECTION LIMIT 5"); err != nil {
		t.Fatal(err)
	}
	quiet(verdict(stateWarn).code(), "the role mizan_app may have 5")
	if _, err := super.Exec(t.Context(), "ALTER ROLE mizan_app CONNECTION LIMIT -1"); err != nil {
		t.Fatal(err)
	}
	standby, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: follow(t, server, dir), Durable: true, SharedBuffers: "32MB"})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a follower", func() bool {
		var n int
		return super.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").Scan(&n) == nil && n == 1
	})
	mizan(t, env, "", "doctor").want(t, verdict(stateWarn).code(), "Who follows the database: 1. No commit waits").quiet(t, env)
	env["MIZAN_DATABASE_URL"] = standby.URL("mizan_app", "mizan")
	quiet(verdict(stateWrong).code(), "wrong primary: ")
	mizan(t, env, "", "serve").want(t, exitRefused, "primary: The database is a standby")
	bare := map[string]string{"MIZAN_DATABASE_URL": env["MIZAN_DATABASE_URL"]}
	mizan(t, bare, "", "serve", "--listen", "127.0.0.1:0").want(t, exitUnavailable, "target_session_attrs=primary")
	mizan(t, bare, "", "verify", "--book", "s2").want(t, exitDone, "s2: sound")
	if err := standby.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := super.Exec(t.Context(), "SELECT pg_drop_replication_slot('follower')"); err != nil {
		t.Error(err)
	}
}

// follow copies a server that runs into a directory beside its own, for a standby that takes its place as the follower.
func follow(t *testing.T, server *postgres.Server, dir string) string {
	t.Helper()
	bin, err := postgres.FindBinaries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	// PostgreSQL does not run as root: what root made is given to whom the server runs as.
	give := func(path string, _ fs.DirEntry, err error) error {
		owner, ok := there.Sys().(*syscall.Stat_t)
		if err != nil || !ok || os.Getuid() != 0 {
			return err
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	}
	if err := give(server.LogFile(), nil, nil); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(dir), "standby")
	made := exec.CommandContext(t.Context(), filepath.Join(bin.Dir, "pg_basebackup"), "-d", server.URL("postgres", "postgres"), "-D", copied, "-R", "-S", "follower", "-c", "fast")
	if said, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if err := filepath.WalkDir(copied, give); err != nil {
		t.Fatal(err)
	}
	return copied
}
