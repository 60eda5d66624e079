package main

// The rules of the architecture test, as functions from source files to complaints.

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxFileLines     = 700
	maxFunctionLines = 70
)

// rule is one thing that must hold of all source files.
type rule struct {
	name, why string
	check     func(tree) []string
}

// source is one parsed Go file. Its path is relative to the module's root.
type source struct {
	path  string
	text  string
	set   *token.FileSet
	file  *ast.File
	test  bool
	sql   bool
	inPkg string
}

// tree is every Go file of the module.
type tree []source

// readTree parses every Go file below fsys, except what the Go tool ignores too.
func readTree(fsys fs.FS) (tree, error) {
	var all tree
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		stem := strings.TrimSuffix(name, ".go")
		all = append(all, source{path: name, text: string(text), set: set, file: file, inPkg: path.Dir(name),
			test: strings.HasSuffix(stem, "_test"), sql: strings.HasSuffix(stem, "_sql")})
		return nil
	})
	return all, err
}

func (s source) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", s.path, s.set.Position(pos).Line) + fmt.Sprintf(format, args...)
}

// imports returns the import paths of the file with where they stand.
func (s source) imports() map[string]token.Pos {
	found := map[string]token.Pos{}
	for _, spec := range s.file.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			found[name] = spec.Pos()
		}
	}
	return found
}

// uses returns where the file selects one of the names from the package imported as importPath.
func (s source) uses(importPath string, names ...string) (found []ast.Node) {
	local := ""
	for _, spec := range s.file.Imports {
		if spec.Path.Value != strconv.Quote(importPath) {
			continue
		}
		local = path.Base(importPath)
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || local == "" || !slices.Contains(names, sel.Sel.Name) {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
			found = append(found, sel)
		}
		return true
	})
	return found
}

func storeyOf(pkg string) (storey, bool) {
	i := slices.IndexFunc(house, func(f storey) bool { return f.pkg == pkg })
	if i < 0 {
		return storey{}, false
	}
	return house[i], true
}

// checkImports holds the files to the table.
func checkImports(t tree) (complaints []string) {
	for _, s := range t {
		f, ok := storeyOf(s.inPkg)
		if !ok {
			complaints = append(complaints, s.at(s.file.Package, "package %s is not in the table: say what it may import, and why", s.inPkg))
			continue
		}
		for imported, pos := range s.imports() {
			if !f.allows(s, imported) {
				complaints = append(complaints, s.at(pos, "%s may not import %s: %s", s.inPkg, imported, f.why))
			}
		}
	}
	slices.Sort(complaints)
	return complaints
}

// allows reports whether a file on the storey may import the path.
func (f storey) allows(s source, imported string) bool {
	if standard(imported) || f.pkg == "cmd/mizan" {
		return true
	}
	name, ours := strings.CutPrefix(imported, "mizan/")
	if ours && (name == "ledger/fault" || name == f.pkg && s.test) {
		return true
	}
	if !ours {
		for short, module := range modules {
			if imported == module || strings.HasPrefix(imported, module+"/") {
				name = short
			}
		}
	}
	return slices.Contains(f.may, name) || name == "pgx" && s.sql || s.test && slices.Contains(forTests, name)
}

// standard reports whether the path is of the standard library: its first element is no host name.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return first != "mizan" && !strings.Contains(first, ".")
}

// checkLadder complains about a table in which a call could go up.
func checkLadder(storeys []storey) (complaints []string) {
	above := map[string]bool{"*": true}
	for _, f := range storeys {
		for _, name := range f.may {
			if _, module := modules[name]; !module && !above[name] {
				complaints = append(complaints, fmt.Sprintf("%s may import %s, which does not stand above it", f.pkg, name))
			}
		}
		if above[f.pkg] {
			complaints = append(complaints, f.pkg+" stands in the table twice")
		}
		if f.why == "" {
			complaints = append(complaints, f.pkg+" has no reason")
		}
		above[f.pkg] = true
	}
	return complaints
}

func checkStripe(t tree) (complaints []string) {
	for _, s := range t {
		for imported, pos := range s.imports() {
			if strings.HasPrefix(imported, modules["stripe"]) && s.inPkg != "payouts/processor/stripe" {
				complaints = append(complaints, s.at(pos, "imports stripe-go outside payouts/processor/stripe"))
			}
		}
	}
	return complaints
}

// suitePackage holds the tests of every driver. It gives orders as tests do, so only tests may import it.
const suitePackage = "payouts/processor/conformance"

// checkOrders lets only the attempts of payouts name keys, make orders and send them. Tests give orders behind the service's back.
// CancelPayout is a word of the API's client too; an order for it comes from NewCancel alone.
func checkOrders(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || s.inPkg == suitePackage || s.inPkg == "payouts" && strings.HasPrefix(path.Base(s.path), "attempt") {
			continue
		}
		for imported, pos := range s.imports() {
			if imported == "mizan/"+suitePackage {
				complaints = append(complaints, s.at(pos, "imports the drivers' tests; only tests do"))
			}
		}
		for _, use := range s.uses("mizan/payouts/processor", "Name", "NewTransfer", "NewReversal", "NewPayout", "NewCancel") {
			complaints = append(complaints, s.at(use.Pos(), "makes a key or an order; only payouts/attempt*.go does, which stores it first"))
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && (slices.Contains([]string{"SendTransfer", "ReverseTransfer", "CreatePayout"}, sel.Sel.Name) ||
				sel.Sel.Name == "CancelPayout" && strings.HasPrefix(s.inPkg, "payouts")) {
				complaints = append(complaints, s.at(sel.Pos(), "sends an order; only payouts/attempt*.go does, with the key of a stored attempt"))
			}
			return true
		})
	}
	return complaints
}

// calling are the names of the standard library with which a program calls others.
var calling = map[string][]string{
	"net":               {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "DefaultResolver", "LookupHost", "LookupIP", "LookupAddr", "LookupCNAME", "LookupTXT", "LookupMX", "LookupNS", "LookupSRV", "LookupPort"},
	"net/http":          {"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"},
	"net/http/httputil": {"ReverseProxy", "NewSingleHostReverseProxy"},
	"crypto/tls":        {"Dial", "DialWithDialer", "Dialer", "Client"},
	"net/smtp":          {"Dial", "SendMail", "NewClient"},
	"net/rpc":           {"Dial", "DialHTTP", "DialHTTPPath"},
	"net/textproto":     {"Dial"},
	"log/syslog":        {"Dial", "New"},
}

// checkDial lets the packages of the table call other machines, and tests, which are their own strangers.
func checkDial(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || dialers[s.inPkg] != "" {
			continue
		}
		for _, library := range slices.Sorted(maps.Keys(calling)) {
			for _, use := range s.uses(library, calling[library]...) {
				complaints = append(complaints, s.at(use.Pos(), "calls other machines; send to what others have named through ledger/egress, or say in dialers who names it"))
			}
		}
	}
	return complaints
}

// checkPgx lets tests use the driver: they look at the database from outside.
func checkPgx(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || s.sql || slices.Contains(pgxAnywhere, s.inPkg) {
			continue
		}
		for imported, pos := range s.imports() {
			if strings.HasPrefix(imported, modules["pgx"]) {
				complaints = append(complaints, s.at(pos, "imports pgx; move the code that needs it to a *_sql.go file"))
			}
		}
	}
	return complaints
}

// statement recognises SQL, in capitals as the house writes it and in small letters as a slip would. Prose begins with
// one capital and so is not mistaken for it.
var statement = regexp.MustCompile(`\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|CREATE TABLE|ALTER TABLE|DROP TABLE)\s` +
	`|\bselect\s+[\w.*, ()]+\s+from\s+\w+|\binsert\s+into\s+\w+|\bupdate\s+\w+\s+set\s|\bdelete\s+from\s+\w+`)

// checkSQL looks at string literals. Tests may ask the database what they like, and migrations are SQL.
func checkSQL(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || s.sql || s.inPkg == "migrations" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && statement.MatchString(lit.Value) {
				complaints = append(complaints, s.at(lit.Pos(), "SQL outside a *_sql.go file"))
			}
			return true
		})
	}
	return complaints
}

// ledgerTables finds each place where a statement reads or writes a table that belongs to books. The table of books
// itself is found by its id or code.
var ledgerTables = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE|ONLY|USING)\s+` +
	`(?:accounts|balances|transactions|entries|transaction_references|transaction_links|period_totals|chart_totals)\b`)

// checkBookID wants book_id as often as a ledger table is touched. A statement is a whole expression of literals and
// constants joined by +.
func checkBookID(t tree) (complaints []string) {
	constants := stringConstants(t)
	for _, s := range t {
		if s.test || s.inPkg == "migrations" {
			continue
		}
		inside := map[ast.Node]bool{}
		ast.Inspect(s.file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok || inside[n] {
				return true
			}
			if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
				markLiterals(b, inside)
			} else if lit, ok := e.(*ast.BasicLit); !ok || lit.Kind != token.STRING {
				return true
			}
			text := fold(e, constants[s.inPkg])
			if touched := len(ledgerTables.FindAllString(text, -1)); strings.Count(text, "book_id") < touched {
				complaints = append(complaints, s.at(e.Pos(), "a statement touches ledger tables %d times and says book_id %d times",
					touched, strings.Count(text, "book_id")))
			}
			return true
		})
	}
	return complaints
}

// markLiterals notes the parts of an expression that is looked at as a whole.
func markLiterals(whole ast.Expr, inside map[ast.Node]bool) {
	ast.Inspect(whole, func(n ast.Node) bool {
		if n != nil && n != ast.Node(whole) {
			inside[n] = true
		}
		return true
	})
}

// stringConstants returns the values of named string constants per package, as far as they are literals.
func stringConstants(t tree) map[string]map[string]ast.Expr {
	found := map[string]map[string]ast.Expr{}
	for _, s := range t {
		if found[s.inPkg] == nil {
			found[s.inPkg] = map[string]ast.Expr{}
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						found[s.inPkg][name.Name] = v.Values[i]
					}
				}
			}
		}
	}
	return found
}

// fold joins the literals and constants of an expression. What it does not know becomes a blank.
func fold(e ast.Expr, constants map[string]ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return fold(e.X, constants) + fold(e.Y, constants)
	case *ast.ParenExpr:
		return fold(e.X, constants)
	case *ast.Ident:
		if value, ok := constants[e.Name]; ok && value != e {
			return fold(value, constants)
		}
	}
	return " "
}

// sheetNumbers is the one file that may make a float: spreadsheets know numbers only so, and nothing is computed with it.
const sheetNumbers = "ledger/tabular/xlsx_number.go"

// floatFree says where floats may not stand. Durations and metrics of cmd and api may be floats; what api sends and
// takes as JSON may not, which is told by a tag.
func checkFloat(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || s.path == sheetNumbers {
			continue
		}
		strict := under(s.inPkg, "ledger") || under(s.inPkg, "payouts") || under(s.inPkg, "api/client")
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if strict && (n.Name == "float64" || n.Name == "float32") {
					complaints = append(complaints, s.at(n.Pos(), "%s", n.Name))
				}
			case *ast.BasicLit:
				if strict && n.Kind == token.FLOAT {
					complaints = append(complaints, s.at(n.Pos(), "the number %s is a float", n.Value))
				}
			case *ast.SelectorExpr:
				if strict && slices.Contains([]string{"ParseFloat", "Float64", "InexactFloat64", "NewFromFloat"}, n.Sel.Name) {
					complaints = append(complaints, s.at(n.Pos(), "%s makes or reads a float", n.Sel.Name))
				}
			case *ast.Field:
				if under(s.inPkg, "api") && !strict && n.Tag != nil && mentionsFloat(n.Type) {
					complaints = append(complaints, s.at(n.Pos(), "a float in JSON"))
				}
			}
			return true
		})
	}
	return complaints
}

func mentionsFloat(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && (id.Name == "float64" || id.Name == "float32") {
			found = true
		}
		return true
	})
	return found
}

func under(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func checkClock(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || under(s.inPkg, "cmd") || s.inPkg == "ledger/postgres/pgtest" {
			continue
		}
		for _, n := range s.uses("time", "Now", "Since", "Until") {
			complaints = append(complaints, s.at(n.Pos(), "asks the machine what time it is; take a now func() time.Time"))
		}
	}
	return complaints
}

func checkSleep(t tree) (complaints []string) {
	for _, s := range t {
		if !s.test {
			continue
		}
		for _, n := range s.uses("time", "Sleep") {
			complaints = append(complaints, s.at(n.Pos(), "a test sleeps; wait for what it waits for"))
		}
	}
	return complaints
}

// checkUnraced refuses tests of what happens at the same time in files that are left out under the race detector.
func checkUnraced(t tree) (complaints []string) {
	for _, s := range t {
		if !s.test || !strings.Contains("\n"+s.text, "\n//go:build !race") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			at := false
			switch x := n.(type) {
			case *ast.GoStmt:
				at = true
			case *ast.CallExpr:
				name, isName := x.Fun.(*ast.Ident)
				method, isMethod := x.Fun.(*ast.SelectorExpr)
				at = isName && name.Name == "together" || isMethod && method.Sel.Name == "Go"
			}
			if at {
				complaints = append(complaints, s.at(n.Pos(), "several things happen at once in a file without the race detector; move the test to one with it"))
			}
			return true
		})
	}
	return complaints
}

func checkSkip(t tree) (complaints []string) {
	for _, s := range t {
		if !s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				complaints = append(complaints, s.at(n.Pos(), "a test is skipped"))
			}
			return true
		})
	}
	return complaints
}

func checkPackageDoc(t tree) (complaints []string) {
	documented := map[string]bool{}
	for _, s := range t {
		if !s.test {
			documented[s.inPkg] = documented[s.inPkg] || s.file.Doc.Text() != ""
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(documented)) {
		if !documented[pkg] {
			complaints = append(complaints, pkg+": the package has no comment")
		}
	}
	return complaints
}

// checkExportedDoc wants a comment on each exported name, or on the group it is declared in.
func checkExportedDoc(t tree) (complaints []string) {
	for _, s := range t {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				complaints = append(complaints, s.at(name.Pos(), "%s has no comment", name.Name))
			}
		}
	}
	return complaints
}

func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc.Text() == "" && (d.Recv == nil || ast.IsExported(receiver(d))) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && cmp.Or(spec.Doc.Text(), spec.Comment.Text(), d.Doc.Text()) == "" {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() && cmp.Or(spec.Doc.Text(), spec.Comment.Text(), d.Doc.Text()) == "" {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// checkLength bounds every file, and the functions of the program; a test may be one long table.
func checkLength(t tree) (complaints []string) {
	for _, s := range t {
		if lines := strings.Count(s.text, "\n"); lines > maxFileLines {
			complaints = append(complaints, fmt.Sprintf("%s: %d lines, at most %d", s.path, lines, maxFileLines))
		}
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
				complaints = append(complaints, s.at(f.Pos(), "%s has %d lines, at most %d", f.Name.Name, lines, maxFunctionLines))
			}
		}
	}
	return complaints
}

// checkTopLevel complains about names that have no place at the root, unless they are ignored.
func checkTopLevel(names []string, ignore string) (complaints []string) {
	ignored := func(name string) bool {
		for pattern := range strings.Lines(ignore) {
			if ok, err := path.Match(strings.Trim(strings.TrimSpace(pattern), "/"), name); err == nil && ok {
				return true
			}
		}
		return false
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) && !ignored(name) {
			complaints = append(complaints, name+" has no place at the top level: "+strings.Join(topLevel, " "))
		}
	}
	return complaints
}
