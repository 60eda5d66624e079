package main

// How tests run mizan: in this process through Run, and as a program of its own, by this user and by an ordinary one.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mizan/ledger/postgres/pgtest"
)

// asProgram makes the test binary be mizan itself.
const asProgram = "MIZAN_TEST_AS_PROGRAM"

// patience bounds what a test waits for; a busy machine needs more than an idle one.
const patience = 4 * time.Minute

func TestMain(m *testing.M) {
	benchSellers, benchCreators = 1000, 1000
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	// They lie in the directory for temporary files, or in memory.
	if failpointsParent != "" {
		_ = os.RemoveAll(failpointsParent)
	}
	if removeMigrated != nil {
		_ = removeMigrated()
	}
	os.Exit(code)
}

// outcome is what one command line came to.
type outcome struct {
	code           int
	stdout, stderr string
}

// mizan runs a command line in this process.
func mizan(t *testing.T, env map[string]string, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := Run(ctx, args, strings.NewReader(stdin), &stdout, &stderr, func(name string) string { return env[name] })
	return outcome{code, stdout.String(), stderr.String()}
}

// want fails the test unless the command ended with the code and said all the words.
func (o outcome) want(t *testing.T, code int, words ...string) outcome {
	t.Helper()
	said := o.stdout + o.stderr
	if o.code != code {
		t.Fatalf("exit code %d, want %d; it said:\n%s", o.code, code, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Fatalf("it should say %q, but said:\n%s", w, said)
		}
	}
	return o
}

// home is a directory with a copy of the program, and the user who works there.
type home struct {
	dir string
	// data is where databases are kept, in memory if there is room: what is killed here is programs, and none of them loses what it wrote
	// to a file.
	data       string
	credential *syscall.Credential // nil for this user
}

// forEachUser runs the test in a new home as this user and, if that is root, as an ordinary user too. Nothing is made there beforehand,
// on any machine, so that a first start is what somebody sees who just got the program.
func forEachUser(t *testing.T, test func(t *testing.T, h home)) {
	t.Helper()
	users := map[string]*syscall.Credential{"this user": nil}
	if os.Getuid() == 0 {
		users["an ordinary user"] = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	for name, credential := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, bareHome(t, credential))
		})
	}
}

// newHome makes a home of this user that keeps its databases in memory if there is room.
func newHome(t *testing.T) home {
	t.Helper()
	h := bareHome(t, nil)
	if pgtest.MemoryDir() != "" {
		h.keepInMemory(t)
	}
	return h
}

// campaignHome is newHome, but on disk for a whole campaign: several of its databases run at once, and grow for hours.
func campaignHome(t *testing.T, long bool) home {
	t.Helper()
	if long {
		return bareHome(t, nil)
	}
	return newHome(t)
}

// bareHome makes the directory, which has all that it keeps on disk. t.TempDir is closed to other users.
func bareHome(t *testing.T, credential *syscall.Credential) home {
	t.Helper()
	dir, err := os.MkdirTemp("", "mizan-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h := home{dir: dir, data: dir, credential: credential}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, program, filepath.Join(dir, "mizan.test"))
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=yes exec %s \"$@\"\n", asProgram, filepath.Join(dir, "mizan.test"))
	if err := os.WriteFile(filepath.Join(dir, "bin", "mizan"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

// keepInMemory has the home keep its databases there, those of mizan dev too.
func (h *home) keepInMemory(t *testing.T) {
	t.Helper()
	data, remove, err := pgtest.Scratch("mizan-test")
	if err != nil {
		t.Fatal(err)
	}
	h.data = data
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	dev := filepath.Join(data, ".mizan")
	if err := errors.Join(os.Chmod(data, 0o755), os.Mkdir(dev, 0o755), os.Symlink(dev, filepath.Join(h.dir, ".mizan"))); err != nil {
		t.Fatal(err)
	}
}

// copyFile links where it can, because the program is large.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// command returns a program to be run at home in a clean environment.
func (h home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = h.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "LC_ALL=C", "TMPDIR=" + h.data}
	if bin := os.Getenv("MIZAN_POSTGRES_BIN"); bin != "" {
		cmd.Env = append(cmd.Env, "MIZAN_POSTGRES_BIN="+bin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.credential}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// program is a running mizan that serves.
type program struct {
	cmd     *exec.Cmd
	address string
	ended   chan struct{}

	mu   sync.Mutex
	said strings.Builder
	err  error
}

var readyLine = regexp.MustCompile(`(?m)ready.*?(http://127\.0\.0\.1:\d+|"address":"127\.0\.0\.1:\d+")`)

// start runs mizan as a program and waits until it has said until, and where it listens.
func (h home) start(t *testing.T, env []string, until string, args ...string) *program {
	t.Helper()
	p := &program{cmd: h.command(context.Background(), filepath.Join(h.dir, "bin", "mizan"), args...), ended: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Env, env...)
	ready := make(chan struct{})
	p.cmd.Stdout = &listener{p: p, until: until, ready: ready}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { p.kill() })
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ready:
	case <-p.ended:
		select {
		case <-ready: // it has said so, and was killed right afterwards
		default:
			t.Fatalf("mizan ended instead of serving: %v\n%s", p.err, p.output())
		}
	case <-timer.C:
		t.Fatalf("mizan did not say %q in time; it said:\n%s", until, p.output())
	}
	match := readyLine.FindStringSubmatch(p.output())
	if match == nil {
		t.Fatalf("mizan did not say where it listens:\n%s", p.output())
	}
	p.address = "http://" + strings.Trim(strings.TrimPrefix(strings.TrimPrefix(match[1], "http://"), `"address":`), `"`)
	return p
}

// listener keeps what a program says and closes ready once it has said a certain thing.
type listener struct {
	p     *program
	until string
	ready chan struct{}
	seen  bool
}

// Write is called by one goroutine, because both outputs are the same writer.
func (l *listener) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.said.Write(b)
	// A program that serves for long says much, which need not be searched again and again.
	if !l.seen && strings.Contains(l.p.said.String(), l.until) {
		l.seen = true
		close(l.ready)
	}
	return len(b), nil
}

func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// stop asks the program to end, and fails the test unless it does so with exit code 0.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		t.Fatalf("mizan did not stop; it said:\n%s", p.output())
	}
	if p.err != nil {
		t.Fatalf("mizan did not stop cleanly: %v\n%s", p.err, p.output())
	}
}

// kill ends the program at once, without a chance to clean up.
func (p *program) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-p.ended
}
