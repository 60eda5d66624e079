package main

// Mutants: seeded bugs. Each is one slip that a ledger must not survive, as a change of our own source, and the test that
// notices it. `make mutants` makes them one by one and demands that the test fails; here it is only checked, in every run,
// that each still fits the source and that the handbook lists it.

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mutant is one seeded bug.
type mutant struct {
	what string // the slip, in a few words
	file string // where, relative to the module's root
	// old stands in the file exactly once; to is put in its place.
	old, to string
	// in and by are the package and the name of the test that must notice.
	in, by string
}

// mutants are all seeded bugs. Those of the schema come last, because each of them needs a template database of its own.
func mutants() []mutant {
	return slices.Concat(decisionMutants, recordingMutants, readingMutants, moneyMutants, edgeMutants, schemaMutants)
}

// apply returns the source with the bug, or an error if it does not fit any more.
func (m mutant) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 || m.old == m.to {
		return "", fmt.Errorf("%s: the text to change occurs %d times in %s, want once; find the place where this slip can happen now:\n%s", m.what, n, m.file, m.old)
	}
	return strings.Replace(source, m.old, m.to, 1), nil
}

func TestMutantsFitTheSource(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range mutants() {
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := m.apply(string(source)); err != nil {
			t.Error(err)
		}
		if names[m.what] {
			t.Errorf("two mutants are called %q", m.what)
		}
		names[m.what] = true
		if !slices.Contains(testsOf(t, m.in), m.by) {
			t.Errorf("%s: there is no %s in %s", m.what, m.by, m.in)
		}
	}
	if len(names) < 30 {
		t.Errorf("only %d mutants", len(names))
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testsOf returns the names of a package's tests.
func testsOf(t *testing.T, pkg string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range testFunction.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

// TestMutantsAreInTheHandbook holds the page's table to the mutants, row by row.
func TestMutantsAreInTheHandbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../api/docs/lessons.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Seeded bugs")
	var rows []string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| bug |") {
			rows = append(rows, strings.TrimSuffix(line, "\n"))
		}
	}
	all := mutants()
	for i, m := range all {
		if i >= len(rows) || rows[i] != m.row() {
			t.Fatalf("lessons.md: row %d of the seeded bugs should be\n%s", i+1, m.row())
		}
	}
	if len(rows) != len(all) {
		t.Errorf("lessons.md lists %d seeded bugs, and there are %d", len(rows), len(all))
	}
}

// row is the mutant's line in the handbook.
func (m mutant) row() string {
	return fmt.Sprintf("| %s | %s | `%s` |", m.what, path.Base(m.file), m.in+"."+m.by)
}
