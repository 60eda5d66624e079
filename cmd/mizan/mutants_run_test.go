//go:build mutants

package main

// The run of the seeded bugs: a copy of the tree, one bug at a time, and the one test that must notice it.

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	onlyMutants = flag.String("mutant", "", "run only the seeded bugs whose name or file matches this expression")
	showWhy     = flag.Bool("why", false, "print what the tests said")
	wholePkg    = flag.Bool("whole", false, "run all tests of the package instead of the one named, and print which fail")
)

// The time that one test of a mutant may take, and with it its compilation. A bug that makes a test hang is noticed.
const (
	mutantTestLimit = 90 * time.Second
	mutantLimit     = 4 * time.Minute
)

// verdict is what became of one mutant.
type verdict string

const (
	caught   verdict = "caught"
	hung     verdict = "caught, by the time limit"
	survived verdict = "SURVIVED"
	broken   verdict = "BROKEN"
)

// TestMutants makes every seeded bug in a copy of the source and fails for each that the named test does not notice, that
// does not fit the source any more, or that does not compile.
func TestMutants(t *testing.T) {
	only, err := regexp.Compile(*onlyMutants)
	if err != nil {
		t.Fatal(err)
	}
	var chosen []mutant
	for _, m := range mutants() {
		if only.MatchString(m.what) || only.MatchString(m.file) {
			chosen = append(chosen, m)
		}
	}
	w := newWorkshop(t)
	w.mustPassUnchanged(t, chosen)
	began, counts := time.Now(), map[verdict]int{}
	for i, m := range chosen {
		start := time.Now()
		v, output := w.try(t, m)
		counts[v]++
		by := m.in + "." + m.by
		if *wholePkg {
			by = strings.Join(failures(output), " ")
		}
		fmt.Printf("| %3d | %-25s | %-62s | %s | %.1f s |\n", i+1, v, m.what, by, time.Since(start).Seconds())
		if *showWhy {
			fmt.Printf("%.1500s\n", output)
		}
		if v == survived || v == broken {
			t.Errorf("%s: %s, in %s by %s.%s:\n%.3000s", v, m.what, m.file, m.in, m.by, output)
		}
	}
	fmt.Printf("%d seeded bugs in %.0f s: %d caught, %d of them by the time limit; %d survived, %d broken\n", len(chosen),
		time.Since(began).Seconds(), counts[caught]+counts[hung], counts[hung], counts[survived], counts[broken])
}

// workshop is the copy of the tree.
type workshop struct {
	dir string
	env []string
}

// newWorkshop copies what the tests need. Databases are cached apart, so that those of mutated schemas go away with it.
func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{dir: filepath.Join(t.TempDir(), "mizan")}
	for _, name := range append([]string{".ci", ".gitignore"}, topLevel...) {
		if err := copyPath(filepath.Join("../..", name), filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if modules, err := filepath.Abs("../../node_modules"); err == nil {
		if err := os.Symlink(modules, filepath.Join(w.dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), "GOCACHE="+strings.TrimSpace(string(cache)), "XDG_CACHE_HOME="+t.TempDir(), "GOFLAGS=-buildvcs=false")
	return w
}

func copyPath(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// mustPassUnchanged proves that the tests fail because of the bugs and not by themselves.
func (w *workshop) mustPassUnchanged(t *testing.T, chosen []mutant) {
	t.Helper()
	tests := map[string][]string{}
	for _, m := range chosen {
		if !slices.Contains(tests[m.in], m.by) {
			tests[m.in] = append(tests[m.in], m.by)
		}
	}
	for in, by := range tests {
		if output, err := w.test(t, in, "^("+strings.Join(by, "|")+")$"); err != nil {
			t.Fatalf("without any bug, the tests of %s fail: %v\n%s", in, err, output)
		}
	}
}

// try makes the bug, runs the test and takes the bug out again.
func (w *workshop) try(t *testing.T, m mutant) (verdict, string) {
	t.Helper()
	file := filepath.Join(w.dir, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return broken, err.Error()
	}
	changed, err := m.apply(string(source))
	if err != nil {
		return broken, err.Error()
	}
	defer w.put(t, m.file, source)
	w.put(t, m.file, []byte(changed))
	pattern := "^" + m.by + "$"
	if *wholePkg {
		pattern = "."
	}
	output, err := w.test(t, m.in, pattern)
	switch {
	case err == nil:
		return survived, output
	case strings.Contains(output, "panic: test timed out"), errors.Is(err, context.DeadlineExceeded):
		return hung, output
	case strings.Contains(output, "build failed]"), strings.Contains(output, "setup failed]"), strings.Contains(output, "make the test database"):
		return broken, output
	case strings.Contains(output, "--- FAIL: "), strings.Contains(output, "panic: "):
		return caught, output
	}
	return broken, output
}

// put writes a file of the copy. The sum of a migration follows its content, so that what it does is tested and not
// whether it was changed.
func (w *workshop) put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
	base, isMigration := strings.CutPrefix(name, "migrations/sql/")
	if !isMigration {
		return
	}
	file := filepath.Join(w.dir, "migrations/SUMS")
	sums, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(sums), "\n")
	for i, line := range lines {
		if _, listed, _ := strings.Cut(line, "  "); listed == base {
			lines[i] = fmt.Sprintf("%x  %s", sha256.Sum256(content), base)
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// test runs tests of a package of the copy, and ends them and all that they started when their time is over.
func (w *workshop) test(t *testing.T, in, pattern string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mutantLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-short", "-timeout", mutantTestLimit.String(), "-run", pattern, "./"+in)
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	text, err := cmd.CombinedOutput()
	if err == nil && strings.Contains(string(text), "no tests to run") {
		err = errors.New("there was no test to run")
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(text), err
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// failures returns the names of the tests that failed.
func failures(output string) (names []string) {
	for _, found := range failedTest.FindAllStringSubmatch(output, -1) {
		names = append(names, found[1])
	}
	return names
}
