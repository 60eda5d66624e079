// The library is of the API version that is spoken: its types have the fields of that version, its constants the words.

package stripe_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v79"
)

// library is the library's type for each kind of object.
var library = map[string]reflect.Type{
	"transfer": reflect.TypeFor[stripe.Transfer](), "transfer_reversal": reflect.TypeFor[stripe.TransferReversal](),
	"payout": reflect.TypeFor[stripe.Payout](), "balance_transaction": reflect.TypeFor[stripe.BalanceTransaction](),
	"balance": reflect.TypeFor[stripe.Balance](), "account": reflect.TypeFor[stripe.Account](),
	"bank_account": reflect.TypeFor[stripe.BankAccount](), "event": reflect.TypeFor[stripe.Event](),
	"topup": reflect.TypeFor[stripe.Topup](), "charge": reflect.TypeFor[stripe.Charge](),
	"refund": reflect.TypeFor[stripe.Refund](), "dispute": reflect.TypeFor[stripe.Dispute](),
	"api_errors": reflect.TypeFor[stripe.Error](),
}

// fieldsOf returns the types of a struct's fields by their names in JSON. A type that reads itself is not known.
func fieldsOf(g reflect.Type) (map[string]reflect.Type, bool) {
	for g != nil && g.Kind() == reflect.Pointer {
		g = g.Elem()
	}
	if g == nil || g.Kind() != reflect.Struct {
		return nil, false
	}
	all := map[string]reflect.Type{}
	for i := range g.NumField() {
		f := g.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inner, _ := fieldsOf(f.Type)
			maps.Copy(all, inner)
		case name == "-" && f.Type.Kind() == reflect.Pointer:
			inner, _ := fieldsOf(f.Type) // one of the kinds of object that can stand here
			if inner["object"] != nil {
				maps.Copy(all, inner)
			}
		case name != "" && name != "-":
			all[name] = f.Type
		}
	}
	return all, true
}

// elem is the type of a list's elements, if it is known.
func elem(g reflect.Type) reflect.Type {
	if g != nil && g.Kind() == reflect.Slice && g != reflect.TypeFor[json.RawMessage]() {
		return g.Elem()
	}
	return nil
}

// decodeExact reads JSON without turning numbers into floats.
func decodeExact(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// source is the driver's own package as it is written, with the types of everything in it.
type source struct {
	set   *token.FileSet
	files []*ast.File
	info  *types.Info
	// words are the constants of the library by the name of their type.
	words map[string][]string
	err   error
}

var readSource = sync.OnceValue(func() (s source) {
	s.set = token.NewFileSet()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}", ".").Output()
	if err != nil {
		s.err = err
		return s
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		compiled[path] = file
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		s.err = err
		return s
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(s.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			s.err = err
			return s
		}
		s.files = append(s.files, f)
	}
	s.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}}
	look := func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) }
	c := types.Config{Importer: importer.ForCompiler(s.set, "gc", look)}
	pkg, err := c.Check("mizan/payouts/processor/stripe", s.set, s.files, s.info)
	if err != nil {
		s.err = err
		return s
	}
	s.words = map[string][]string{}
	for _, imported := range pkg.Imports() {
		if imported.Path() != libraryPath {
			continue
		}
		for _, name := range imported.Scope().Names() {
			c, ok := imported.Scope().Lookup(name).(*types.Const)
			if !ok || c.Val().Kind() != constant.String {
				continue
			}
			if named, ok := c.Type().(*types.Named); ok {
				s.words[named.Obj().Name()] = append(s.words[named.Obj().Name()], constant.StringVal(c.Val()))
			}
		}
	}
	return s
})

const libraryPath = "github.com/stripe/stripe-go/v79"

// driverSource reads the driver once for all tests.
func driverSource(t *testing.T) source {
	t.Helper()
	s := readSource()
	if s.err != nil {
		t.Fatal(s.err)
	}
	if len(s.files) < 5 || len(s.words["ErrorCode"]) < 100 || !slices.Contains(s.words["PayoutStatus"], "paid") {
		t.Fatal("the driver or its library was not found")
	}
	return s
}

func newHolder(t *testing.T) *holder {
	t.Helper()
	return &holder{d: described(t), words: driverSource(t).words}
}

// unlisted are words that Stripe says and the library does not list, with what shows that it says them.
var unlisted = map[string]string{
	"ErrorCode insufficient_capabilities_for_transfer":        "the answer to a transfer to an account without the capability; it is seen in the wild (arlyon/async-stripe issue 636) and in no list",
	"AccountRequirementsDisabledReason requirements.past_due": "the text beside the field names it, in the description and in the library; the library's constants are of older words",
}
