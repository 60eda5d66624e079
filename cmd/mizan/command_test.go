package main

// The command line itself: help, variables, secrets, tables.

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	commands := []string{"dev", "serve", "migrate", "post", "event", "opening", "order", "balance", "trial-balance", "coverage", "entries", "export", "verify", "keys", "people", "approvals", "audit", "vault", "seed", "doctor", "version", "reconcile", "breaks", "pairings", "period"}
	mizan(t, nil, "", "--help").want(t, exitDone, commands...)
	mizan(t, nil, "").want(t, exitUsage, "--help")
	mizan(t, nil, "", "nonsense").want(t, exitUsage)
	mizan(t, nil, "", "balance").want(t, exitUsage, "<book>")
	mizan(t, nil, "", "balance", "uk", "--nonsense").want(t, exitUsage)
	mizan(t, nil, "", "version").want(t, exitDone, "mizan ", "go1.")
	mizan(t, map[string]string{"MIZAN_LIMIT": "many"}, "", "balance", "uk").want(t, exitUsage, "limit")
	mizan(t, map[string]string{"MIZAN_API_KEY": "x"}, "", "balance", "uk", "--server", "http://192.0.2.1").want(t, exitUsage, "https")
	mizan(t, map[string]string{"MIZAN_API_KEY": "x", "MIZAN_API_KEY_FILE": "y"}, "", "balance", "uk").want(t, exitUsage, "Set one of them")
}

// Every flag has a variable, and the help says which.
func TestEveryFlagNamesItsVariable(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`--([a-z][a-z-]*)`)
	for _, command := range [][]string{{"dev"}, {"serve"}, {"post"}, {"balance"}, {"trial-balance"}, {"coverage"}, {"entries"}, {"export", "journal"}, {"opening"}, {"verify"}, {"seed"}, {"doctor"},
		{"migrate", "status"}, {"migrate", "up"}, {"migrate", "bootstrap"}, {"keys", "create"}, {"keys", "list"}, {"keys", "rotate"}, {"keys", "revoke"},
		{"people", "add"}, {"people", "grant"}, {"people", "link"}, {"people", "end-sessions"}, {"approvals", "ask"}, {"approvals", "list"}, {"approvals", "show"}, {"audit", "list"},
		{"audit", "verify"}, {"audit", "export"}, {"vault", "key"}, {"vault", "rotate"}, {"vault", "put"}, {"vault", "read"}, {"vault", "hold"}, {"vault", "retention"}, {"vault", "sweep"},
		{"event", "post"}, {"event", "types"}, {"event", "explain"}, {"order", "show"}, {"reconcile", "run"}, {"reconcile", "set-source"}, {"reconcile", "document"},
		{"breaks", "list"}, {"breaks", "explain"}, {"pairings", "list"}, {"period", "checklist"}, {"export", "report"}, {"export", "check"}} {
		help := mizan(t, nil, "", append(command, "--help")...).want(t, exitDone).stdout
		_, flags, ok := strings.Cut(help, "Flags:")
		if !ok {
			t.Fatalf("%v has no flags:\n%s", command, help)
		}
		joined := strings.Join(strings.Fields(flags), " ")
		for line := range strings.Lines(flags) {
			match := flag.FindStringSubmatch(line)
			if match == nil || match[1] == "help" || !strings.HasPrefix(strings.TrimSpace(line), "--") {
				continue
			}
			if !strings.Contains(joined, "($"+envName(match[1])+")") {
				t.Errorf("%v: --%s does not name %s:\n%s", command, match[1], envName(match[1]), help)
			}
		}
	}
}

// The key of mizan dev is shown to no other machine.
func TestDevKeyStaysHere(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if _, err := keepSecret(devKeyFile(data), "mizan_dev_"); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MIZAN_DATA": data}
	mizan(t, env, "", "balance", "uk", "--server", "https://192.0.2.1").want(t, exitUsage, "There is no API key")
	mizan(t, env, "", "balance", "uk", "--server", "http://127.0.0.1:1").want(t, exitUnavailable, "unreachable")
}

func TestKeepSecret(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "dev-key")
	first, err := keepSecret(file, "mizan_dev_")
	if err != nil || len(first) != len("mizan_dev_")+43 {
		t.Fatalf("got %d bytes, %v", len(first), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := keepSecret(file, "other_")
	if err != nil || again != first {
		t.Errorf("the second time it is another secret (%v)", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, make([]byte, maxSecretBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keepSecret(file, ""); err == nil {
		t.Error("a large file was taken for a secret")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := newTable("NAME", ">AMOUNT", "SIDE")
	table.add("ميزان", "1.00", "debit")
	table.add("x", "1000.00", "")
	var b bytes.Buffer
	if err := table.write(&b, " "); err != nil {
		t.Fatal(err)
	}
	want := " NAME    AMOUNT  SIDE\n ميزان     1.00  debit\n x      1000.00\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
