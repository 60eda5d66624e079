package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"

	"go.uber.org/goleak"
)

// helperVariable makes the test binary a process that owns a server and waits to be killed. Its value is the data
// directory, after "disposable:" for a server of that kind.
const helperVariable = "MIZAN_POSTGRES_TEST_HELPER"

func TestMain(m *testing.M) {
	if data := os.Getenv(helperVariable); data != "" {
		help(data)
	}
	goleak.VerifyTestMain(m)
}

// help prints the server's address and socket directory and waits for the end.
func help(data string) {
	dir, disposable := strings.CutPrefix(data, "disposable:")
	s, err := postgres.StartServer(context.Background(), postgres.ServerConfig{
		DataDir: dir, Durable: !disposable, Disposable: disposable, SharedBuffers: "16MB"})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.URL("postgres", "postgres"), s.SocketDir())
	// The test kills us before it closes this.
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// startHelper starts the test binary as the owner of a server, and returns it with the server's address and socket
// directory.
func startHelper(t *testing.T, data string) (helper *exec.Cmd, url, socketDir string) {
	t.Helper()
	helper = exec.CommandContext(t.Context(), os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"="+data)
	if _, err := helper.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the helper said %q: %v", line, err)
	}
	url, socketDir, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok {
		t.Fatalf("the helper said %q", line)
	}
	return helper, url, socketDir
}

// kill ends a helper with SIGKILL and waits until it is gone.
func kill(t *testing.T, helper *exec.Cmd) {
	t.Helper()
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Being killed is an error to Wait.
	_ = helper.Wait()
}

// eventually polls until done reports true, for at most twenty seconds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	expired := time.NewTimer(20 * time.Second)
	defer expired.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-expired.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// dataDir returns the path of a data directory to be, which a server's user can reach, and removes it at the end.
func dataDir(t *testing.T) string {
	t.Helper()
	// t.TempDir is closed to other users.
	parent, err := os.MkdirTemp("", "mizan-server-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	// Like the directory for temporary files itself, from which a disposable server removes its data.
	if err := os.Chmod(parent, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "data")
}

// start starts a server and stops it at the end.
func start(t *testing.T, config postgres.ServerConfig) *postgres.Server {
	t.Helper()
	if config.SharedBuffers == "" {
		config.SharedBuffers = "16MB"
	}
	s, err := postgres.StartServer(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *postgres.Server) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
