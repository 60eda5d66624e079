package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// declared is an error as the source declares it: its kind and where.
type declared struct{ kind, at string }

// declaredCodes reads the codes of all errors from the source tree: every call of fault.New outside tests.
func declaredCodes(t *testing.T) map[string][]declared {
	t.Helper()
	codes := map[string][]declared{}
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if kind, code, ok := newFault(n); ok {
				codes[code] = append(codes[code], declared{kind, name})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// newFault reads fault.New(fault.Kind, "code", …).
func newFault(n ast.Node) (kind, code string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall || len(call.Args) < 2 {
		return "", "", false
	}
	fun, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector || fun.Sel.Name != "New" {
		return "", "", false
	}
	if pkg, isIdent := fun.X.(*ast.Ident); !isIdent || pkg.Name != "fault" {
		return "", "", false
	}
	kindOf, isKind := call.Args[0].(*ast.SelectorExpr)
	text, isText := call.Args[1].(*ast.BasicLit)
	if !isKind || !isText {
		return "", "", false
	}
	code, err := strconv.Unquote(text.Value)
	return kindOf.Sel.Name, code, err == nil
}

// statuses are what a kind of error may be answered with.
var statuses = map[string]string{
	"Internal": "500", "Malformed": "400 405 406 408 414 415 417 431 501 505", "Invalid": "422", "Unauthenticated": "401", "Forbidden": "403",
	"NotFound": "404", "Conflict": "409", "TooLarge": "413", "Unavailable": "503", "Limited": "429",
}

// documentedCodes reads the tables of the page: code to status, "" for a table without one.
func documentedCodes(t *testing.T) map[string]string {
	t.Helper()
	source, err := pageFiles.ReadFile("problems.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	withStatus := false
	for line := range strings.Lines(string(source)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		row := cells(line)
		if row[0] == "code" {
			withStatus = row[1] == "status"
		}
		for _, code := range strings.Split(row[0], ", ") {
			if !strings.HasPrefix(code, "`") {
				continue
			}
			code = strings.Trim(code, "`")
			if _, twice := codes[code]; twice {
				t.Errorf("%s is documented twice", code)
			}
			codes[code] = ""
			if withStatus {
				codes[code] = row[1]
			}
		}
	}
	return codes
}

// Every error a caller can meet is in the handbook, under its code and with the status it is answered with.
func TestEveryErrorIsDocumented(t *testing.T) {
	t.Parallel()
	source, documented := declaredCodes(t), documentedCodes(t)
	if len(source) < 40 {
		t.Fatalf("only %d errors were found in the source", len(source))
	}
	for code, places := range source {
		status, ok := documented[code]
		if !ok {
			t.Errorf("%s (%s): problems.md does not say what %q means", places[0].at, places[0].kind, code)
			continue
		}
		for _, d := range places {
			if status != "" && !strings.Contains(statuses[d.kind], status) {
				t.Errorf("%s: %q is %s, and problems.md says %s", d.at, code, d.kind, status)
			}
		}
	}
	for code, status := range documented {
		if status != "" && source[code] == nil {
			t.Errorf("problems.md documents %q, which no source declares", code)
		}
	}
}

// A problem's type is a link to its row.
func TestProblemAnchors(t *testing.T) {
	t.Parallel()
	page := loadPages()["problems"].HTML
	for code, status := range documentedCodes(t) {
		if status != "" && !strings.Contains(page, `<tr id="`+code+`">`) {
			t.Errorf("the row of %s cannot be linked to", code)
		}
	}
}
