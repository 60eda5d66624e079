package api

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/api/access"
)

var update = flag.Bool("update", false, "write the table of docs/access.md from the operations and the roles")

const (
	accessPage  = "docs/access.md"
	accessTable = "## Who may do what\n"
)

// The table in the handbook is made of the operations and the roles, so it says what the service does.
func TestAccessPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(accessPage)
	if err != nil {
		t.Fatal(err)
	}
	written, _, _ := strings.Cut(string(page), accessTable)
	want := written + accessTable + whoMayDoWhat()
	if *update {
		if err := os.WriteFile(accessPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("%s is not what the operations and roles say; run go test ./api -run TestAccessPage -update\n%s", accessPage, diff)
	}
}

// whoMayDoWhat is the table, a part for each group of operations.
func whoMayDoWhat() string {
	var b strings.Builder
	b.WriteString(`
Keys need the scope; people a role that has it. "all" stands for a role in every book. "own" stands for what a payee reads about itself, and
"mine" for the keys that somebody answers for. Where a second person is named, the operation works alone for the development key only, and
everybody else asks for an approval of that act. Three more ask for one for a part of what they do: changing a payee for what protects a minor,
posting an event for write-offs and their like, and storing personal data for bank accounts.
`)
	groups := map[string][]Operation{}
	var order []string
	for _, op := range Operations() {
		if op.Scope == "" {
			continue
		}
		if !slices.Contains(order, op.Group) {
			order = append(order, op.Group)
		}
		groups[op.Group] = append(groups[op.Group], op)
	}
	for _, group := range order {
		fmt.Fprintf(&b, "\n### %s\n\n| operation | scope |", group)
		for _, r := range access.Roles() {
			fmt.Fprintf(&b, " %s |", r)
		}
		b.WriteString(" payee | second person |\n|---|---|" + strings.Repeat("---|", len(access.Roles())) + "---|---|\n")
		for _, op := range groups[group] {
			b.WriteString(accessRow(&op))
		}
	}
	return b.String()
}

// accessRow says of one operation who may.
func accessRow(op *Operation) string {
	scope := "`" + string(op.Scope) + "`"
	if op.Also != "" {
		scope += ", `" + string(op.Also) + "`"
	}
	if op.Scope == access.SignedIn {
		scope = "any"
	}
	row := fmt.Sprintf("| `%s %s` | %s |", op.Method, op.Path, scope)
	for _, r := range access.Roles() {
		may := op.Scope == access.SignedIn || slices.Contains(r.Scopes(), op.Scope) && (op.Also == "" || slices.Contains(r.Scopes(), op.Also))
		switch {
		case !may && op.Owned:
			row += " mine |"
		case !may:
			row += " |"
		case op.Installation, !op.ofBook() && !op.Each && op.Scope != access.BooksRead && op.Scope != access.SignedIn:
			row += " all |"
		default:
			row += " yes |"
		}
	}
	switch {
	case op.Scope == access.SignedIn:
		row += " yes |"
	case op.Own != "":
		row += " own |"
	default:
		row += " |"
	}
	if op.SecondPerson != "" {
		return row + " `" + op.SecondPerson + "` |\n"
	}
	return row + " |\n"
}
