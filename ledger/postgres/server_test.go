package postgres_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mizan/ledger/postgres"

	"github.com/jackc/pgx/v5"
)

// query runs one statement at address and returns the text of its first column, if it has rows.
func query(t *testing.T, address, statement string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	if err := conn.QueryRow(t.Context(), statement, args...).Scan(&text); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return text
}

// put stores a row that the next server must still have.
func put(t *testing.T, address string) {
	t.Helper()
	query(t, address, `CREATE TABLE kept AS SELECT 'still here' AS word`)
}

func wantKept(t *testing.T, address string) {
	t.Helper()
	if got := query(t, address, `SELECT word FROM kept`); got != "still here" {
		t.Errorf("the row reads %q", got)
	}
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func TestServerKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	address := first.URL("postgres", "postgres")
	put(t, address)
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "TimeZone": "UTC", "wal_segment_size": "16MB",
	} {
		if got := query(t, address, `SELECT current_setting($1)`, setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := query(t, address, `SELECT datcollate FROM pg_database WHERE datname = current_database()`); got != "C" {
		t.Errorf("the database collates by %q, want C", got)
	}
	socket := first.SocketDir()
	stop(t, first)
	if !gone(socket) {
		t.Error("the socket directory was left behind")
	}
	select {
	case <-first.Done():
	default:
		t.Error("Done is open after Stop")
	}
	second := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	wantKept(t, second.URL("postgres", "postgres"))
	log, err := os.ReadFile(second.LogFile())
	if err != nil || strings.Contains(string(log), "not properly shut down") {
		t.Errorf("the stop was not clean (%v):\n%s", err, log)
	}
}

func TestServerSurvivesKillOfItsOwner(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, address, _ := startHelper(t, dir)
	put(t, address)
	kill(t, helper)
	wantKept(t, start(t, postgres.ServerConfig{DataDir: dir, Durable: true}).URL("postgres", "postgres"))
}

func TestDisposableServerDiesWithItsOwner(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, address, socketDir := startHelper(t, "disposable:"+dir)
	pid := query(t, address, `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)`)
	kill(t, helper)
	eventually(t, "the server's files are removed", func() bool { return gone(dir) && gone(socketDir) })
	eventually(t, "the server ends", func() bool { return !isPostgres(t, pid) })
}

// isPostgres reports whether the process is a PostgreSQL; another program may have the number by now.
func isPostgres(t *testing.T, pid string) bool {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=,comm=", "-p", pid).Output()
	return err == nil && strings.Contains(string(output), "postgres") && !strings.HasPrefix(string(output), "Z")
}

func TestServerReplacesAnOrphan(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	put(t, first.URL("postgres", "postgres"))
	stop(t, first)
	orphan, err := postgres.StartOrphan(t.Context(), postgres.ServerConfig{DataDir: dir, Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "port": {"5432"}}.Encode()}).String()
	eventually(t, "the orphan answers", func() bool {
		conn, err := pgx.Connect(t.Context(), address)
		return err == nil && conn.Close(t.Context()) == nil
	})
	wantKept(t, start(t, postgres.ServerConfig{DataDir: dir, Durable: true}).URL("postgres", "postgres"))
	// It ended because it was told to.
	if err := orphan.Wait(); err != nil {
		t.Error(err)
	}
}

func TestServerReportsACrashAndRecovers(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	put(t, first.URL("postgres", "postgres"))
	if err := syscall.Kill(first.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Done():
	case <-time.After(time.Minute):
		t.Fatal("Done stayed open after a crash")
	}
	stop(t, first)
	wantKept(t, start(t, postgres.ServerConfig{DataDir: dir, Durable: true}).URL("postgres", "postgres"))
}

func TestServerIgnoresAStaleProcessID(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	put(t, first.URL("postgres", "postgres"))
	note, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, first)
	// The number belongs to a living process of another kind, as after a restart of the machine.
	_, rest, _ := strings.Cut(string(note), "\n")
	stale := strconv.Itoa(os.Getppid()) + "\n" + rest
	if err := os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte(stale), 0o644); err != nil {
		t.Fatal(err)
	}
	wantKept(t, start(t, postgres.ServerConfig{DataDir: dir, Durable: true}).URL("postgres", "postgres"))
}

func TestServerRefusesASecondOwner(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	_, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: dir, Durable: true})
	if !errors.Is(err, postgres.ErrDataInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
}

func TestServerRefusesForeignData(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: dir}); err == nil || gone(precious) {
		t.Errorf("a directory with other files was taken: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.StartServer(t.Context(), postgres.ServerConfig{DataDir: dir})
	if !errors.Is(err, postgres.ErrDataVersion) || !strings.Contains(err.Error(), "MIZAN_POSTGRES_BIN") {
		t.Errorf("got %v", err)
	}
}

func TestServerReportsItsLastWords(t *testing.T) {
	t.Parallel()
	_, err := postgres.StartServer(t.Context(), postgres.ServerConfig{
		DataDir: dataDir(t), Settings: map[string]string{"shared_buffers": "nonsense"}})
	if !errors.Is(err, postgres.ErrServerStart) || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}

// A long TMPDIR is usual on macOS and in build systems.
func TestServerFindsRoomForItsSocket(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 20))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := dataDir(t)
	t.Setenv("TMPDIR", long)
	s := start(t, postgres.ServerConfig{DataDir: dir})
	if n := len(s.SocketPath()); n > 103 {
		t.Errorf("the socket's path %s has %d bytes", s.SocketPath(), n)
	}
	if left, err := os.ReadDir(long); err != nil || len(left) > 0 {
		t.Errorf("left in the long directory: %v %v", left, err)
	}
	if got := query(t, s.URL("postgres", "postgres"), `SELECT 'ok'`); got != "ok" {
		t.Error(got)
	}
}

// Below a directory that only its owner may enter, as /root is, root cannot hand the server to another user.
func TestServerBelowALockedDirectory(t *testing.T) {
	t.Parallel()
	locked := filepath.Dir(dataDir(t))
	if err := os.Chmod(locked, 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, postgres.ServerConfig{DataDir: filepath.Join(locked, "data"), Durable: true})
	put(t, s.URL("postgres", "postgres"))
	stop(t, s)
	again := start(t, postgres.ServerConfig{DataDir: filepath.Join(locked, "data"), Durable: true})
	wantKept(t, again.URL("postgres", "postgres"))
}

// The tests above run as whoever runs them; root repeats the essential ones as an ordinary user.
func TestServerAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	home := filepath.Dir(dataDir(t))
	binary := filepath.Join(home, "postgres.test")
	copyTo(t, os.Args[0], binary)
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.v",
		"-test.run=^(TestServerKeepsItsData|TestServerSurvivesKillOfItsOwner|TestServerReplacesAnOrphan|TestTxCommits)$")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(output), "--- PASS") != 4 {
		t.Errorf("%v\n%s", err, output)
	}
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestServerStopsAlthoughItsCallerHasLeft(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := start(t, postgres.ServerConfig{DataDir: dir, Durable: true})
	put(t, first.URL("postgres", "postgres"))
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Stop(left); err != nil {
		t.Error(err)
	}
	wantKept(t, start(t, postgres.ServerConfig{DataDir: dir, Durable: true}).URL("postgres", "postgres"))
}
