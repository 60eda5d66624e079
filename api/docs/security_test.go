package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every attack that the page on security says was tried is repeated by a test that exists.
func TestWhatWasTriedIsTested(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, line := range tableOf(t, "security.md", "## What was tried") {
		found := namedTest.FindAllStringSubmatch(line, -1)
		if rows++; len(found) == 0 {
			t.Errorf("a row names no test: %s", line)
		}
		for _, name := range found {
			if !slices.Contains(testFunctions(t, "../../"+name[1]), name[2]) {
				t.Errorf("there is no %s in %s", name[2], name[1])
			}
		}
	}
	if rows < 6 {
		t.Errorf("only %d rows were read", rows)
	}
}

// directModule is a line of go.mod that requires a module for this project's own code.
var directModule = regexp.MustCompile(`(?m)^(?:require |\t)([^\s/]+\.[^\s]+) v\S+$`)

// Every module that the project's own code asks for has a row that says why, and there is no row of another.
func TestEveryModuleIsAnsweredFor(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, match := range directModule.FindAllStringSubmatch(string(source), -1) {
		required = append(required, match[1])
	}
	var answered []string
	for _, line := range tableOf(t, "dependencies.md", "## Modules") {
		row := cells(line)
		answered = append(answered, strings.Trim(row[0], "`"))
		if len(row) < 2 || len(strings.Fields(row[1])) < 5 {
			t.Errorf("a row does not say why: %s", line)
		}
	}
	slices.Sort(answered)
	slices.Sort(required)
	if len(required) < 20 || !slices.Equal(required, answered) {
		t.Errorf("go.mod requires %q, the page answers for %q", required, answered)
	}
}

// tableOf returns the rows of the first table below a heading of a page.
func tableOf(t *testing.T, page, heading string) (rows []string) {
	t.Helper()
	source, err := pageFiles.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(source), heading+"\n")
	if !found {
		t.Fatalf("%s has no %s", page, heading)
	}
	for line := range strings.Lines(below) {
		switch {
		case strings.HasPrefix(line, "## "):
			return rows[min(2, len(rows)):]
		case strings.HasPrefix(line, "|"):
			rows = append(rows, line)
		}
	}
	return rows[min(2, len(rows)):]
}
