package pgtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A process that was killed leaves its directory, which the next one removes; one that lives keeps its own, and so does whoever has a
// name of their own.
func TestLeftoversArePruned(t *testing.T) {
	const inChild = "MIZAN_PGTEST_SCRATCH_IN"
	if parent := os.Getenv(inChild); parent != "" {
		dir, _, err := scratchIn(parent, "mizan-test")
		fmt.Println(dir, err)
		_, _ = os.Stdin.Read(make([]byte, 1)) // nothing comes: it is killed
	}
	t.Parallel()
	parent := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLeftoversArePruned$")
	child.Env = append(os.Environ(), inChild+"="+parent)
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	said, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	var theirs string
	if _, scanned := fmt.Sscanf(line, "%s <nil>", &theirs); err != nil || scanned != nil {
		t.Fatalf("%q: %v, %v", line, err, scanned)
	}
	if err := os.Mkdir(filepath.Join(theirs, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine, remove, err := scratchIn(parent, "mizan-pgtest")
	if err != nil {
		t.Fatal(err)
	}
	others := filepath.Join(parent, "mizan-other")
	if err := os.Mkdir(others, 0o700); err != nil {
		t.Fatal(err)
	}
	expect := func(when string, there map[string]bool) {
		t.Helper()
		pruneScratch(parent)
		for dir, want := range there {
			if _, err := os.Stat(dir); (err == nil) != want {
				t.Errorf("%s %s is there: %v", when, filepath.Base(dir), err == nil)
			}
		}
	}
	expect("while both live", map[string]bool{theirs: true, mine: true, others: true})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	expect("after one was killed", map[string]bool{theirs: false, mine: true, others: true})
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	expect("after the other removed its own", map[string]bool{mine: false, others: true})
}

// Memory is used as long as what lies there may double and 4 GiB are left.
func TestRoomInMemory(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		free, used uint64
		want       bool
	}{{4 * gib, 0, true}, {4*gib - 1, 0, false}, {6 * gib, 2 * gib, true}, {6*gib - 1, 2 * gib, false}, {2 * gib, 6 * gib, false}, {64 << 20, 0, false}} {
		if got := roomy(c.free, c.used); got != c.want {
			t.Errorf("%d free beside %d: %v", c.free, c.used, got)
		}
	}
}
