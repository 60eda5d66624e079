package api

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	badInputsPage  = "docs/bad-inputs.md"
	badInputsTable = "## Where ours differs\n"
)

// TestBadInputsPage holds that the handbook tells of every case that is answered otherwise than the list asks. Its end is written from the
// list; run with -update after a change.
func TestBadInputsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(badInputsPage)
	if err != nil {
		t.Fatal(err)
	}
	written, _, _ := strings.Cut(string(page), badInputsTable)
	want := written + badInputsTable + whereOursDiffers()
	if *update {
		if err := os.WriteFile(badInputsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(want, string(page)); diff != "" {
		t.Errorf("%s is not what the list says; run go test ./api -run TestBadInputsPage -update\n%s", badInputsPage, diff)
	}
}

// whereOursDiffers is the end of the page: the cases with a reason, in the order of the groups, those that share one together.
func whereOursDiffers() string {
	all := badInputNumbers()
	const groups = "ABCDEPGHIJKLMN"
	slices.SortFunc(all, func(a, b badInputNumber) int {
		return cmp.Or(strings.IndexByte(groups, a.number[0])-strings.IndexByte(groups, b.number[0]), strings.Compare(a.number, b.number))
	})
	tried, untried := 0, 0
	var reasons []string
	numbers := map[string][]string{}
	for _, n := range all {
		if n.where == "" {
			untried++
		} else {
			tried++
		}
		if n.why == "" {
			continue
		}
		if numbers[n.why] == nil {
			reasons = append(reasons, n.why)
		}
		numbers[n.why] = append(numbers[n.why], n.number)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d of the cases are tried by tests, and %d cannot happen or have nothing to be tried on. These are answered in another way than the list asks, or need a word.\n\n| case | |\n|---|---|\n", tried, untried)
	for _, why := range reasons {
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(numbers[why], ", "), strings.ReplaceAll(why, "|", `\|`))
	}
	return b.String()
}
