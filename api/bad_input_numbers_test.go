package api

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// badInputNumber is one number of the project's list of 338 bad inputs: where it is tried, why ours differs, or both.
type badInputNumber struct {
	// number is a letter of a group and two digits, as A01.
	number string
	// where names the tests that try it: a directory, a test function and, where it has cases, how the name of the case begins, as
	// "api TestBadInputs/A01". Several are separated by "; ". The name of the case is a literal of the test or of what it uses.
	where string
	// why says in whole sentences what is answered otherwise than the list asks, or why it cannot happen. The handbook shows it to
	// everybody. It is empty where all is as listed, and only then must where be given.
	why string
}

// badInputGroups are how many numbers each group has.
var badInputGroups = map[string]int{
	"A": 46, "B": 16, "C": 20, "D": 28, "E": 20, "P": 16, "G": 24, "H": 26, "I": 28, "J": 24, "K": 24, "L": 26, "M": 20, "N": 20,
}

// badInputNumbers are all numbers, in no order.
func badInputNumbers() []badInputNumber {
	return slices.Concat(numbersABCDEPMN, numbersGHIJ, numbersKL)
}

// testSource is what a directory's test files declare, by name. Methods of the same name are together.
type testSource map[string][]ast.Node

// parseTests reads the test files of a directory of the module.
func parseTests(dir string) (testSource, error) {
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	declared := testSource{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := goparser.ParseFile(token.NewFileSet(), file, b, goparser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				declared[d.Name.Name] = append(declared[d.Name.Name], d)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							declared[name.Name] = append(declared[name.Name], v)
						}
					}
				}
			}
		}
	}
	return declared, nil
}

// literals are the texts that a test function holds, itself or in what it uses.
func (s testSource) literals(function string) []string {
	var texts []string
	seen := map[string]bool{function: true}
	for queue := []string{function}; len(queue) > 0; queue = queue[1:] {
		for _, node := range s[queue[0]] {
			ast.Inspect(node, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					if s[n.Name] != nil && !seen[n.Name] {
						seen[n.Name] = true
						queue = append(queue, n.Name)
					}
				case *ast.BasicLit:
					if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
						texts = append(texts, text)
					}
				}
				return true
			})
		}
	}
	return texts
}

// holds is nil if the directory has the test and the test has a case of the name.
func (s testSource) holds(function, name string) error {
	if !strings.HasPrefix(function, "Test") && !strings.HasPrefix(function, "Fuzz") || len(s[function]) == 0 {
		return fmt.Errorf("there is no test %s", function)
	}
	if name != "" && !slices.ContainsFunc(s.literals(function), func(text string) bool { return strings.HasPrefix(text, name) }) {
		return fmt.Errorf("%s has no case that begins with %q", function, name)
	}
	return nil
}

// TestBadInputNumbers holds that every number of the list is there once, and that what it names as trying it exists.
func TestBadInputNumbers(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	sources := map[string]testSource{}
	for _, n := range badInputNumbers() {
		if seen[n.number] {
			t.Errorf("%s is there twice", n.number)
		}
		seen[n.number] = true
		if n.where == "" && n.why == "" {
			t.Errorf("%s is neither tried nor answered for", n.number)
		}
		if n.why != "" && !strings.HasSuffix(n.why, ".") {
			t.Errorf("%s: %q is no sentence", n.number, n.why)
		}
		if n.where == "" {
			continue
		}
		for where := range strings.SplitSeq(n.where, "; ") {
			dir, test, _ := strings.Cut(where, " ")
			function, name, _ := strings.Cut(test, "/")
			if sources[dir] == nil {
				source, err := parseTests(dir)
				if err != nil {
					t.Fatal(err)
				}
				sources[dir] = source
			}
			if err := sources[dir].holds(function, name); err != nil {
				t.Errorf("%s, %s: %v", n.number, where, err)
			}
		}
	}
	total := 0
	for group, last := range badInputGroups {
		for i := range last {
			total++
			if number := fmt.Sprintf("%s%02d", group, i+1); !seen[number] {
				t.Errorf("%s is missing", number)
			}
		}
	}
	if total != 338 || len(seen) != total {
		t.Errorf("%d numbers for a list of %d, want 338", len(seen), total)
	}
	for _, wrong := range []struct{ function, name string }{{"TestNothing", ""}, {"parseTests", ""}, {"TestBadInputs", "Z99"}} {
		if sources["api"].holds(wrong.function, wrong.name) == nil {
			t.Errorf("%v is found and does not exist", wrong)
		}
	}
}
