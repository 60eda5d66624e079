package main

// Proof that each rule of the architecture test can fail: a small tree that breaks it, and one next to it that does not.

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRulesCanFail(t *testing.T) {
	t.Parallel()
	sleep, skip := "time.Sl"+"eep(1)", "t.Sk"+"ip()" // Split, so that a search of the project for them finds nothing.
	long := "package ledger\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunctionLines) + "}\n"
	cases := []struct {
		name, rule, path, broken, want string
		// sound is the nearest thing that is allowed, at soundPath or the same path.
		sound, soundPath string
	}{
		{"a call upwards", "imports", "ledger/x.go", `import _ "mizan/api"`, "ledger may not import mizan/api: money facts", `import _ "mizan/ledger/money"`, ""},
		{"a module of another storey", "imports", "ledger/x.go", `import _ "github.com/go-chi/chi/v5/middleware"`, "may not import", `import _ "net/http"`, ""},
		{"a module unheard of", "imports", "api/x.go", `import _ "example.com/orm"`, "may not import", `import _ "github.com/danielgtaylor/huma/v2/adapters/humachi"`, ""},
		{"an unknown package", "imports", "ledger/secrets/x.go", ``, "not in the table", ``, "ledger/x.go"},
		{"a test tool in the program", "imports", "ledger/x.go", `import _ "mizan/ledger/postgres/pgtest"`, "may not import", `import _ "mizan/ledger/postgres/pgtest"`, "ledger/x_test.go"},
		{"the driver in the client's tree", "imports", "api/client/x.go", `import _ "mizan/ledger/postgres"`, "checkout services", `import _ "mizan/ledger/fault"`, ""},
		{"stripe elsewhere", "stripe", "payouts/x.go", `import _ "github.com/stripe/stripe-go/v79"`, "outside", `import _ "github.com/stripe/stripe-go/v79/client"`, "payouts/processor/stripe/x.go"},
		{"a key made elsewhere", "orders", "payouts/errand.go", `import "mizan/payouts/processor"; var k, _ = processor.Name("i", 1)`, "makes a key",
			`import "mizan/payouts/processor"; var k, _ = processor.Name("i", 1)`, "payouts/attempt.go"},
		{"an order made elsewhere", "orders", "payouts/jobs/x.go", `import p "mizan/payouts/processor"; var o, _ = p.NewCancel(p.Key{}, "", "")`, "makes a key",
			`import p "mizan/payouts/processor"; var o, _ = p.NewCancel(p.Key{}, "", "")`, "payouts/jobs/x_test.go"},
		{"an order sent elsewhere", "orders", "cmd/mizan/x.go", `func f(d driver) { d.SendTransfer() }`, "sends an order", `func f(d driver) { d.FindTransfers() }`, ""},
		{"the drivers' tests in the program", "orders", "cmd/mizan/x.go", `import _ "mizan/payouts/processor/conformance"`, "only tests do",
			`import _ "mizan/payouts/processor/conformance"`, "cmd/mizan/x_test.go"},
		{"a sending handed on", "orders", "payouts/sending.go", `func f(d driver) { send(d.CancelPayout) }`, "sends an order", `func f(c client) { c.CancelPayout() }`, "cmd/mizan/x.go"},
		{"a call to somebody", "dial", "payouts/x.go", `import "net/http"; var c http.Client`, "calls other machines", `import "net/http"; var s http.Server`, ""},
		{"a call by a default", "dial", "api/console/x.go", `import h "net/http"; var f = h.Post`, "calls other machines", `import h "net/http"; var f = h.Post`, "ledger/egress/x.go"},
		{"a name that is looked up", "dial", "ledger/x.go", `import "net"; var f = net.LookupHost`, "calls other machines", `import "net"; var f = net.LookupHost`, "ledger/x_test.go"},
		{"pgx without SQL", "pgx", "ledger/x.go", `import _ "github.com/jackc/pgx/v5"`, "imports pgx", `import _ "github.com/jackc/pgx/v5"`, "ledger/x_sql.go"},
		{"SQL in a handler", "sql", "api/x.go", "const q = `SELECT 1 FROM books`", "SQL outside", "const q = `Select a book, or update the entries.`", ""},
		{"SQL in small letters", "sql", "api/x.go", `const q = "update books set name = $1"`, "SQL outside", `const q = "update books set name = $1"`, "api/access/x_sql.go"},
		{"a statement across books", "book", "ledger/x_sql.go", `const q = "SELECT 1 FROM entries"`, "0 times", `const q = "SELECT 1 FROM entries WHERE book_id = $1"`, ""},
		{"a join across books", "book", "ledger/x_sql.go", `const q = "SELECT 1 FROM entries e JOIN accounts a ON a.id = e.account_id WHERE e.book_id = $1"`, "2 times",
			`const q = "SELECT 1 FROM entries e JOIN accounts a ON a.book_id = e.book_id WHERE e.book_id = $1"`, ""},
		{"a statement in parts", "book", "ledger/x_sql.go", `const head = "SELECT 1 FROM entries "; var q = head + "WHERE line = 1"`, "1 times",
			`const tail = "WHERE book_id = $1"; var q = "SELECT 1 FROM entries " + tail`, ""},
		{"a float", "float", "ledger/x.go", `var rate float64`, "float64", `var rate float64`, "api/x.go"},
		{"a float constant", "float", "payouts/x.go", `var rate = 0.5`, "0.5", `var rate = "0.5"`, ""},
		{"a parsed float", "float", "ledger/x.go", `import "strconv"; var x, _ = strconv.ParseFloat("1", 64)`, "ParseFloat", `import "strconv"; var x, _ = strconv.ParseInt("1", 10, 64)`, ""},
		{"a float beside the numbers of sheets", "float", "ledger/tabular/x.go", `var x float64`, "float64", `var x float64`, "ledger/tabular/xlsx_number.go"},
		{"a float in JSON", "float", "api/x.go", "type a struct { Amount *float64 `json:\"amount\"` }", "in JSON", "type a struct { seconds float64 }", ""},
		{"a clock of its own", "clock", "ledger/x.go", `import clock "time"; var t = clock.Now()`, "what time it is", `import "time"; var t time.Time`, ""},
		{"a stopwatch", "clock", "api/x.go", `import "time"; var d = time.Since(time.Time{})`, "what time it is", `import "time"; var d = time.Since(time.Time{})`, "cmd/mizan/x.go"},
		{"a sleeping test", "sleep", "ledger/x_test.go", `import "time"; func f() { ` + sleep + ` }`, "sleeps", `import "time"; func f() { <-time.After(1) }`, ""},
		{"a race out of sight", "unraced", "ledger/x_test.go", "//go:build !race\nfunc f() { go f() }", "at once", "//go:build !race\nfunc f() { f() }", ""},
		{"a race by name", "unraced", "ledger/x_test.go", "//go:build !race\nfunc together() { together() }", "at once", "func together() { together() }", ""},
		{"a skipped test", "skip", "ledger/x_test.go", `import "testing"; func f(t *testing.T) { ` + skip + ` }`, "skipped", `import "testing"; func f(t *testing.T) { t.Log() }`, ""},
		{"a package without words", "package-doc", "ledger/x.go", ``, "no comment", "// Package x.", ""},
		{"a function without words", "exported-doc", "ledger/x.go", `func Post() {}`, "Post has no comment", "// Post posts.\nfunc Post() {}", ""},
		{"a method without words", "exported-doc", "ledger/x.go", "// T is.\ntype T[P any] struct{}\nfunc (t *T[P]) Post() {}", "Post has no comment", "type t struct{}\nfunc (t t) Post() {}", ""},
		{"a constant without words", "exported-doc", "ledger/x.go", `const Max = 1`, "Max has no comment", "// The bounds.\nconst ( Max = 1; Min = 0 )", ""},
		{"a long function", "length", "ledger/x.go", long, "f has 72 lines", long, "ledger/x_test.go"},
		{"a long file", "length", "ledger/x.go", "\n" + strings.Repeat("// a line\n", maxFileLines), "703 lines", strings.Repeat("// a line\n", maxFileLines-2), ""},
	}
	broken := map[string]bool{}
	for _, c := range cases {
		broken[c.rule] = true
		if got := run(t, c.rule, c.path, c.broken); !strings.Contains(got, c.want) {
			t.Errorf("%s: rule %s should complain about %q, but said %q", c.name, c.rule, c.want, got)
		}
		soundPath := c.path
		if c.soundPath != "" {
			soundPath = c.soundPath
		}
		if got := run(t, c.rule, soundPath, c.sound); got != "" {
			t.Errorf("%s: rule %s should allow the sound version, but said %q", c.name, c.rule, got)
		}
	}
	for _, r := range rules {
		if !broken[r.name] {
			t.Errorf("nothing shows that rule %s can fail", r.name)
		}
	}
}

// run applies one rule to a tree of one file.
func run(t *testing.T, name, path, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "package ") {
		// A comment alone documents the package.
		if strings.HasPrefix(text, "// Package") {
			text += "\npackage x\n"
		} else {
			text = "package x\n" + text + "\n"
		}
	}
	all, err := readTree(fstest.MapFS{path: {Data: []byte(text)}, "ledger/testdata/broken.go": {Data: []byte("no Go")}})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("there is no rule %s", name)
	}
	return strings.Join(rules[i].check(all), "\n")
}

func TestLadderCanFail(t *testing.T) {
	t.Parallel()
	for want, storeys := range map[string][]storey{
		"does not stand above": {{"a", "why", []string{"b"}}, {"b", "why", nil}},
		"twice":                {{"a", "why", nil}, {"a", "why", nil}},
		"no reason":            {{"a", "", nil}},
	} {
		if got := strings.Join(checkLadder(storeys), "\n"); !strings.Contains(got, want) {
			t.Errorf("want a complaint that says %q, got %q", want, got)
		}
	}
}

func TestTopLevelCanFail(t *testing.T) {
	t.Parallel()
	if got := checkTopLevel([]string{"api", "docs", ".ci", "bin", "x.test"}, "/bin/\n*.test\n"); len(got) != 1 || !strings.HasPrefix(got[0], "docs ") {
		t.Errorf("want one complaint about docs, got %q", got)
	}
}
