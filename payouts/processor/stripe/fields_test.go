// What the driver reads is found in the driver itself, as it is written, so that no list beside it can be forgotten.

package stripe_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// younger are the fields that are read though the version that is spoken is not described with them, with the reason. The driver
// does without them, see TestTheDriverDoesWithout.
var younger = map[string]string{
	"payout.trace_id":                  "later versions have it, and Stripe adds fields to earlier ones too; without it a payout is found in the bank's statement by its amount and day",
	"balance_transaction.balance_type": "later versions have it; without it an entry is one of the payments balance",
}

// notOfTheBody are fields of the library that it fills from elsewhere than the answer's body.
var notOfTheBody = map[string]string{
	"api_errors.status":     "the library takes it from the status line",
	"api_errors.request_id": "the library takes it from the header Request-Id",
}

// reader checks what one package reads.
type reader struct {
	holder
	source
	// seen are the structs that were held to a schema, by where they stand; fields counts what was found.
	seen   map[token.Pos]bool
	fields map[string]bool
	// passed says which functions are not looked at, in tests of this test.
	passed func(*ast.FuncDecl) bool
}

// TestWhatIsReadExists holds every field of every struct that the driver reads answers into, and every field of the library's own
// objects that it looks at, to the schema of the object that it is read from.
func TestWhatIsReadExists(t *testing.T) {
	t.Parallel()
	r := &reader{holder: *newHolder(t), source: driverSource(t), seen: map[token.Pos]bool{}, fields: map[string]bool{}}
	r.readAll()
	for _, complaint := range r.found {
		t.Error(complaint)
	}
	for name := range younger {
		if !r.fields[name] {
			t.Errorf("%s is an exception, and is not read", name)
		}
	}
	for name := range notOfTheBody {
		if !r.fields[name] {
			t.Errorf("%s is an exception, and is not looked at", name)
		}
	}
	// The search itself must not go blind.
	for _, name := range []string{"transfer.amount_reversed", "payout.status", "balance_transaction.net", "account.requirements.past_due",
		"account.external_accounts.data.fingerprint", "balance.connect_reserved.amount", "event.data.object", "list.has_more", "api_errors.code"} {
		if !r.fields[name] {
			t.Errorf("it was not found that %s is read", name)
		}
	}
	t.Logf("%d fields are read", len(r.fields))
}

func (r *reader) readAll() {
	for _, f := range r.files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil && (r.passed == nil || !r.passed(d)) {
				r.function(d)
			}
		}
	}
	for _, f := range r.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				if tagged(n) && !r.seen[n.Fields.List[0].Pos()] {
					r.complain(r.set.Position(n.Pos()).String(), "this struct is read, and it was not found from what")
				}
			case *ast.SelectorExpr:
				r.selection(n)
			}
			return true
		})
	}
}

func tagged(n *ast.StructType) bool {
	return slices.ContainsFunc(n.Fields.List, func(f *ast.Field) bool { return f.Tag != nil && strings.Contains(f.Tag.Value, "json:") })
}

// function holds the structs of a function to the kind of object that the function asks for.
func (r *reader) function(d *ast.FuncDecl) {
	kind := ""
	var roots []types.Type
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr: // w.open("payout")
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "open" && len(n.Args) == 1 && r.literal(n.Args[0]) != "" {
				kind = r.literal(n.Args[0])
			}
		case *ast.BinaryExpr: // w.Object != "payout"
			if s, ok := n.X.(*ast.SelectorExpr); ok && s.Sel.Name == "Object" && r.literal(n.Y) != "" {
				kind = r.literal(n.Y)
			}
		case *ast.ValueSpec:
			if s, ok := n.Type.(*ast.StructType); ok && tagged(s) {
				roots = append(roots, r.info.TypeOf(s))
			}
		}
		return true
	})
	for _, root := range roots {
		s := root.(*types.Struct)
		switch {
		case kind == "list":
			for _, name := range spoken {
				method, path, _ := strings.Cut(name, " ")
				o, _, _ := r.d.operation(method, path)
				if answer := r.answerOf(o); answer != nil && answer.Properties["has_more"] != nil {
					r.structure("list", []*schema{answer}, nil, s)
				}
			}
		case d.Name.Name == "UnmarshalJSON": // an object in the place of its id
			for _, name := range []string{"balance_transaction", "account", "bank_account", "charge", "transfer", "payout"} {
				r.structure(name, []*schema{r.d.kind(name)}, library[name], s)
			}
		case r.d.kind(kind) == nil:
			r.complain(r.set.Position(d.Pos()).String(), "it reads an object of the kind %q, which is not described", kind)
		default:
			r.structure(kind, []*schema{r.d.kind(kind)}, library[kind], s)
		}
	}
}

func (r *reader) answerOf(o *operation) *schema {
	if o == nil || o.Responses["200"] == nil {
		return nil
	}
	return r.d.open(o.Responses["200"].Content["application/json"].Schema)
}

// literal is the constant string of an expression, or empty.
func (r *reader) literal(e ast.Expr) string {
	if v := r.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return ""
}

// structure holds the fields of a struct to an object, which can be one of several kinds.
func (r *reader) structure(at string, all []*schema, g reflect.Type, s *types.Struct) {
	if s.NumFields() > 0 {
		r.seen[s.Field(0).Pos()] = true
	}
	for i := range s.NumFields() {
		f := s.Field(i)
		name, _, _ := strings.Cut(reflect.StructTag(s.Tag(i)).Get("json"), ",")
		if f.Embedded() && name == "" {
			r.structure(at, all, g, f.Type().Underlying().(*types.Struct))
			continue
		}
		here := at + "." + name
		r.fields[here] = true
		var described []*schema
		for _, one := range all {
			if one = r.d.open(one); one != nil && one.Properties[name] != nil {
				described = append(described, r.alternatives(one.Properties[name])...)
			}
		}
		typ := reflect.Type(nil)
		if fields, known := fieldsOf(g); known {
			typ = fields[name]
			if typ == nil && younger[here] == "" && notOfTheBody[here] == "" {
				r.complain(here, "the library has no such field")
			}
		}
		switch {
		case younger[here] != "":
			r.markSeen(f.Type())
		case len(described) == 0:
			r.complain(here, "there is no such field")
		case !slices.ContainsFunc(described, func(one *schema) bool { return r.fits(f.Type(), one) }):
			r.complain(here, "it is read as %s, and described as %s", f.Type(), described[0].Type)
		default:
			r.inner(here, described, typ, f.Type())
		}
	}
}

// markSeen notes the struct of a field that is not described.
func (r *reader) markSeen(t types.Type) {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if s, ok := t.Underlying().(*types.Struct); ok && s.NumFields() > 0 {
		r.seen[s.Field(0).Pos()] = true
	}
}

// inner goes on with what a field holds.
func (r *reader) inner(at string, described []*schema, g reflect.Type, t types.Type) {
	switch t := t.Underlying().(type) {
	case *types.Pointer:
		r.inner(at, described, g, t.Elem())
	case *types.Slice:
		if _, ok := t.Elem().Underlying().(*types.Basic); ok { // strings, or raw bytes
			return
		}
		var items []*schema
		for _, one := range described {
			items = append(items, r.alternatives(one.Items)...)
		}
		r.inner(at, items, elem(g), t.Elem())
	case *types.Struct:
		if slices.ContainsFunc(described, (*schema).anything) {
			r.markSeen(t) // any object, which every kind of object has to bear
			for _, name := range slices.Sorted(maps.Keys(library)) {
				if kind := r.d.kind(name); kind != nil && name != "balance" {
					r.structure(name, []*schema{kind}, nil, t)
				}
			}
			return
		}
		if len(described) == 1 || library[at] == nil {
			r.structure(at, described, g, t)
		}
	}
}

// alternatives are the schemas that a value can have.
func (r *reader) alternatives(s *schema) (all []*schema) {
	s = r.d.open(s)
	if s == nil {
		return nil
	}
	if len(s.AnyOf) == 0 {
		return []*schema{s}
	}
	for _, one := range s.AnyOf {
		all = append(all, r.alternatives(one)...)
	}
	return all
}

// fits reports whether a value that is described so can be read into the type.
func (r *reader) fits(t types.Type, s *schema) bool {
	if named, ok := t.(*types.Named); ok {
		switch named.Obj().Name() {
		case "reference":
			return s.Type == "string"
		case "Number":
			return s.Type == "number" || s.Type == "integer"
		case "RawMessage":
			return true
		}
	}
	switch t := t.Underlying().(type) {
	case *types.Pointer:
		return r.fits(t.Elem(), s)
	case *types.Basic:
		return s.Type == map[types.BasicKind]string{types.String: "string", types.Int64: "integer", types.Bool: "boolean"}[t.Kind()]
	case *types.Slice:
		return s.Type == "array" && slices.ContainsFunc(r.alternatives(s.Items), func(one *schema) bool { return r.fits(t.Elem(), one) })
	case *types.Struct:
		return s.Type == "object"
	case *types.Map:
		for _, field := range s.Properties {
			if !r.fits(t.Elem(), r.d.open(field)) {
				return false
			}
		}
		return s.Type == "object" && (len(s.Properties) > 0 || s.More != nil && s.More.Schema != nil && r.fits(t.Elem(), s.More.Schema))
	}
	return false
}

// selection holds a field of one of the library's objects to its schema, if it is one of the body.
func (r *reader) selection(n *ast.SelectorExpr) {
	if c, ok := r.info.Uses[n.Sel].(*types.Const); ok && c.Pkg() != nil && c.Pkg().Path() == libraryPath && fmt.Sprint(c.Type()) == libraryPath+".ErrorType" {
		s := r.d.open(r.d.Components.Schemas["api_errors"].Properties["type"])
		r.text(n.Sel.Name, s, constant.StringVal(c.Val()))
	}
	chosen := r.info.Selections[n]
	if chosen == nil || chosen.Kind() != types.FieldVal || chosen.Obj().Pkg() == nil || chosen.Obj().Pkg().Path() != libraryPath {
		return
	}
	t, tag := chosen.Recv(), ""
	for _, i := range chosen.Index() {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		s := t.Underlying().(*types.Struct)
		if !s.Field(i).Embedded() {
			tag = s.Tag(i)
			break
		}
		t = s.Field(i).Type()
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	if name == "" || name == "-" {
		return // a parameter, which is held to the description when it is sent, or the answer as a whole
	}
	for kind, g := range library {
		if named, ok := t.(*types.Named); ok && g.Name() == named.Obj().Name() {
			here := kind + "." + name
			r.fields[here] = true
			if s := r.d.Components.Schemas[kind]; notOfTheBody[here] == "" && (s == nil || s.Properties[name] == nil) {
				r.complain(here, "there is no such field")
			}
			return
		}
	}
	r.complain(r.set.Position(n.Pos()).String(), "%s of %s is looked at, and it is not known what describes it", name, t)
}
