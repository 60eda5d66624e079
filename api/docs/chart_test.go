package docs

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write chart.md from the ledger's chart")

// chartIntro is the part of chart.md that does not come from the chart itself.
const chartIntro = `# Chart of accounts

Every book uses this chart. An address is a path of it, completed with the owner where one is asked for: the row
` + "`liabilities:seller:available`" + ` with the owner ` + "`seller`" + ` gives ` + "`liabilities:seller:available:sel_uk`" + `. Any other address is
refused. An owner in brackets may be left out. "Optional" means that the bare path is an account, too.

The side is the one on which the balance is shown positive. [Floors](/docs/concepts#floor) say whether an account may fall
below zero.

`

var chartGroups = []struct{ root, title string }{
	{"assets", "Assets"}, {"liabilities", "Liabilities"}, {"equity", "Equity"}, {"revenue", "Revenue"}, {"expenses", "Expenses"},
}

// The chart in the handbook is the ledger's own, row by row.
func TestChartPage(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../ledger/chart.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString(chartIntro)
	written := 0
	for _, g := range chartGroups {
		fmt.Fprintf(&want, "## %s\n\n| code | path | owner | side | floor | meaning |\n|--:|---|---|---|---|---|\n", g.title)
		for _, row := range rows[1:] {
			code, path, side, owner, required, floor, meaning := row[0], row[1], row[2], row[3], row[4], row[5], row[6]
			if root, _, _ := strings.Cut(path, ":"); root != g.root {
				continue
			}
			if required == "optional" {
				owner += ", optional"
			}
			fmt.Fprintf(&want, "| %s | `%s` | %s | %s | %s | %s |\n", code, path, strings.NewReplacer("[", `\[`, "]", `\]`).Replace(owner), side, floor, meaning)
			written++
		}
		want.WriteString("\n")
	}
	if written != len(rows)-1 || written < 50 {
		t.Fatalf("%d of %d rows belong to a root that the page shows", written, len(rows)-1)
	}
	text := strings.TrimRight(want.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile("chart.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("chart.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(got)); diff != "" {
		t.Errorf("chart.md is not the ledger's chart; run go generate ./api/docs\n%s", diff)
	}
}
