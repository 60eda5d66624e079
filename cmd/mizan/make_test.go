package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lanesGo stands in for the Go tool in make test: it says which lane it is, fails if it is that lane's turn, and in the lanes that shall last
// leaves a child that holds the output open until it is ended.
const lanesGo = `#!/bin/sh
case "$*" in *" -race "*) lane=raced;; *" -run "*) lane=unraced;; *) lane=plain;; esac
[ "$1" = test ] || exit 0
echo "began $lane"
echo "runs $lane $*"
[ -z "$LASTS" ] || sh -c 'exec sleep 600'
echo "ended $lane"
[ "$FAILS" != $lane ]
`

// make test fails if one of its lanes fails, whichever it is, shows what all of them say, and ends all that it started when it is stopped.
func TestMakeTestHasLanes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(lanesGo), 0o755); err != nil {
		t.Fatal(err)
	}
	start := func(env ...string) (*exec.Cmd, *os.File) {
		t.Helper()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { read.Close() })
		if err := read.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("make", "-s", "-o", "lint", "-o", "postgres", "-o", "tools", "test")
		cmd.Dir, cmd.Stdout, cmd.Stderr = "../..", write, write
		cmd.Env = append(append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "MAKEFLAGS=", "MAKELEVEL="), env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		write.Close()
		return cmd, read
	}
	// hear reads until both texts were said, or to the end, which comes when nobody is left who could say more.
	hear := func(from *os.File, until ...string) string {
		t.Helper()
		var said bytes.Buffer
		for some := make([]byte, 4096); ; {
			n, err := from.Read(some)
			said.Write(some[:n])
			missing := len(until) == 0
			for _, text := range until {
				missing = missing || !strings.Contains(said.String(), text)
			}
			if os.IsTimeout(err) {
				t.Fatalf("make test has not ended:\n%s", &said)
			}
			if err != nil || !missing {
				return said.String()
			}
		}
	}
	for _, fails := range []string{"", "plain", "unraced", "raced"} {
		cmd, from := start("FAILS=" + fails)
		said := hear(from)
		if err := cmd.Wait(); (err == nil) != (fails == "") {
			t.Errorf("with %q failing: %v\n%s", fails, err, said)
		}
		if fails == "" {
			checkLanes(t, said)
		}
		for _, lane := range []string{"plain", "unraced", "raced"} {
			if !strings.Contains(said, "ended "+lane) {
				t.Errorf("with %q failing, %s is not shown:\n%s", fails, lane, said)
			}
		}
	}
	// Whoever has SIGINT ignored, as make test has its lanes, would hand that on to make, which a terminal does not.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	defer signal.Stop(interrupts)
	for _, stop := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, from := start("LASTS=yes")
		hear(from, "began plain", "began unraced")
		// A terminal sends it to everybody in front of it.
		if err := syscall.Kill(-cmd.Process.Pid, stop); err != nil {
			t.Fatal(err)
		}
		said := hear(from)
		if err := cmd.Wait(); err == nil || strings.Contains(said, "ended") {
			t.Errorf("stopped by %v: %v\n%s", fmt.Sprint(stop), err, said)
		}
	}
}

var (
	laneRuns   = regexp.MustCompile(`(?m)^runs (\w+) (.*)$`)
	laneNames  = regexp.MustCompile(`-run \^\(([^)]*)\)\$`)
	testOfFile = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
)

// checkLanes fails unless every test of the ledger and of payouts is in a lane, by what make told the Go tool: the lane with the race
// detector has all of both, and the other names each test of the files that are left out under it.
func checkLanes(t *testing.T, said string) {
	t.Helper()
	runs := map[string]string{}
	for _, m := range laneRuns.FindAllStringSubmatch(said, -1) {
		runs[m[1]] = m[2]
	}
	if !strings.Contains(runs["raced"], " ./ledger/... ./payouts/...") {
		t.Errorf("under the race detector runs %q", runs["raced"])
	}
	named := laneNames.FindStringSubmatch(runs["unraced"])
	if named == nil {
		t.Fatalf("without the race detector runs %q", runs["unraced"])
	}
	names, packages, found := strings.Split(named[1], "|"), strings.Fields(runs["unraced"]), 0
	for _, storey := range []string{"ledger", "payouts"} {
		if err := fs.WalkDir(os.DirFS("../.."), storey, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(filepath.Join("../..", path))
			if err != nil || !bytes.HasPrefix(text, []byte("//go:build !race")) {
				return err
			}
			for _, m := range testOfFile.FindAllSubmatch(text, -1) {
				found++
				if at := "./" + filepath.Dir(path); !slices.Contains(names, string(m[1])) || !slices.Contains(packages, at) {
					t.Errorf("%s of %s runs in no lane", m[1], path)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("only %d tests without the race detector were found", found)
	}
}
