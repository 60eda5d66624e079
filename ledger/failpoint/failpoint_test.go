package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// A point that All leaves out would never be tried.
func TestAllNamesEveryPointOnce(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "failpoint.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			declared += len(spec.Names)
		}
		return true
	})
	seen := map[Point]bool{}
	for _, p := range All() {
		if p == "" || seen[p] {
			t.Errorf("the point %q is empty or named twice", p)
		}
		seen[p] = true
	}
	if declared == 0 || len(seen) != declared {
		t.Errorf("%d points are declared and All returns %d", declared, len(seen))
	}
}
