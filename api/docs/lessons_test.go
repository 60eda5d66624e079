package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is how the page names a test: the package's directory, a point, and the function.
var namedTest = regexp.MustCompile("`([a-z]+(?:/[a-z]+)*)\\.((?:Test|Fuzz)\\w+)`")

// surveyed are the bugs of others that concern the parts which exist.
var surveyed = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "53", "54", "55", "56", "57", "58", "59", "60", "61", "62", "63", "64"}

// Every test that the page names exists, every bug of the survey has a row, and every row names a test.
func TestLessonsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	source, err := pageFiles.ReadFile("lessons.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{}
	var numbers []string
	rows := 0
	for line := range strings.Lines(string(source)) {
		found := namedTest.FindAllStringSubmatch(line, -1)
		for _, name := range found {
			if tests[name[1]] == nil {
				tests[name[1]] = testFunctions(t, "../../"+name[1])
			}
			if !slices.Contains(tests[name[1]], name[2]) {
				t.Errorf("there is no %s in %s", name[2], name[1])
			}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| no. |") || strings.HasPrefix(line, "| bug |") {
			continue
		}
		if rows++; len(found) == 0 {
			t.Errorf("a row names no test: %s", line)
		}
		if first := cells(line)[0]; first != "" && first[0] >= '0' && first[0] <= '9' {
			numbers = append(numbers, first)
		}
	}
	if !slices.Equal(numbers, surveyed) {
		t.Errorf("the bugs of others are %v, want %v", numbers, surveyed)
	}
	if rows < len(surveyed)+30 {
		t.Errorf("only %d rows were read", rows)
	}
}

// testFunctions parses the tests of a package and returns the names of their functions.
func testFunctions(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
