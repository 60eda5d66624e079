package main

import (
	"bytes"
	"fmt"
	"go/build"
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

// lanesGo stands in for the Go tool in make test: it says which lane it is and what it is to test, fails if it is that lane's turn, and in the lanes that shall last
// leaves a child that holds the output open until it is ended.
const lanesGo = `#!/bin/sh
case "$*" in *" -race "*) lane=raced;; *" -run "*) lane=unraced;; *) lane=plain;; esac
[ "$1" = test ] || exit 0
echo "began $lane"
echo "lane $*"
[ -z "$LASTS" ] || sh -c 'exec sleep 600'
echo "ended $lane"
[ "$FAILS" != $lane ]
`

// make test runs every test in one of its lanes, fails if one of them fails, whichever it is, shows what all of them say, and ends all that it
// started when it is stopped.
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
		for _, lane := range []string{"plain", "unraced", "raced"} {
			if !strings.Contains(said, "ended "+lane) {
				t.Errorf("with %q failing, %s is not shown:\n%s", fails, lane, said)
			}
		}
		if fails == "" {
			eachRuns(t, said)
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
	// oneTest is a function that go test runs, fuzz targets with what they begin with among them.
	oneTest = regexp.MustCompile(`(?sm)^func ((?:Test|Fuzz|Example)\w*)\(.*?^}`)
	// sampled is what shortens a test under the race detector, so that it is run without it too.
	sampled = regexp.MustCompile(`\*(lifeCount|wanderCount)\b|\bshare\(`)
)

// eachRuns demands of the lanes, as they told their arguments, that each test of the project is run by one of them, and by a second one only
// what the race detector sees a sample of.
func eachRuns(t *testing.T, said string) {
	t.Helper()
	type lane struct {
		build    build.Context
		only     *regexp.Regexp
		packages []string
	}
	var lanes []lane
	tags := []string{}
	for line := range strings.Lines(said) {
		args, ok := strings.CutPrefix(line, "lane test ")
		if !ok {
			continue
		}
		l := lane{build: build.Default, only: regexp.MustCompile("")}
		words := strings.Fields(args)
		for i, word := range words {
			switch {
			case word == "-race":
				l.build.BuildTags = append(l.build.BuildTags, "race")
			case word == "-tags":
				l.build.BuildTags, tags = append(l.build.BuildTags, words[i+1]), []string{words[i+1]}
			case word == "-run":
				l.only = regexp.MustCompile(words[i+1])
			case strings.HasPrefix(word, "./"):
				l.packages = append(l.packages, strings.TrimPrefix(word, "./"))
			}
		}
		lanes = append(lanes, l)
	}
	runs := func(l lane, dir, file, test string) bool {
		built, err := l.build.MatchFile(filepath.Join("../..", dir), file)
		if err != nil {
			t.Fatal(err)
		}
		return built && l.only.MatchString(test) && slices.ContainsFunc(l.packages, func(p string) bool {
			below, all := strings.CutSuffix(p, "...")
			return p == dir || all && strings.HasPrefix(dir+"/", below)
		})
	}
	raced := build.Default
	raced.BuildTags = append([]string{"race"}, tags...)
	plain := build.Default
	plain.BuildTags = tags
	seen := 0
	for _, root := range []string{"api", "cmd", "ledger", "migrations", "payouts"} {
		err := filepath.WalkDir(filepath.Join("../..", root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			dir, file := filepath.Split(path)
			with, err := raced.MatchFile(dir, file)
			if err != nil {
				return err
			}
			without, err := plain.MatchFile(dir, file)
			if err != nil || !with && !without {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			dir, err = filepath.Rel("../..", filepath.Clean(dir))
			if err != nil {
				return err
			}
			for _, f := range oneTest.FindAllSubmatch(text, -1) {
				name, n := string(f[1]), 0
				if name == "TestMain" {
					continue
				}
				for _, l := range lanes {
					if runs(l, dir, file, name) {
						n++
					}
				}
				if seen++; n != 1 && (n != 2 || !sampled.Match(f[0])) {
					t.Errorf("make test runs %s of %s in %d lanes", name, path, n)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(lanes) != 3 || seen < 1000 {
		t.Errorf("%d tests in %d lanes: %s", seen, len(lanes), said)
	}
}

// No target that builds the program changes go.mod or go.sum, whatever GOFLAGS say.
func TestBuildsKeepTheModules(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("make", "-n", "build", "release", "reproducible")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=", "GOFLAGS=-mod=mod")
	said, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	builds := strings.Split(string(said), "go build ")[1:]
	for _, build := range builds {
		if !strings.HasPrefix(build, "-mod=readonly ") {
			t.Errorf("this may change go.mod: go build %.80s", build)
		}
	}
	if len(builds) != 4 {
		t.Errorf("make would build %d times; the program, the release, and twice to compare were expected", len(builds))
	}
}
