//go:build !race

package commerce

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The handbook's pages about events are made from what the tests play, so that no page can promise another journal than
// the one that is posted. testdata/pages/event-*.md holds the text of each page with directives on lines of their own:
//
//	@fields order.captured   the table of the type's fields, from its struct tags
//	@life capture-plain      a worked example, as it was played
//	@rules                   the rules that the examples use
//	@charges                 the kinds of charges
//
// Run the test with -update to write the pages after a change, and read them.

var updatePages = flag.Bool("update", false, "write the handbook's pages about events")

const pagesDir = "../../api/docs"

// TestPages renders every page and compares it with the committed one. Each type of event and each worked example is on
// exactly one page.
func TestPages(t *testing.T) {
	t.Parallel()
	press := &press{t: t, lives: map[string]life{}, used: map[string]int{}}
	for _, l := range loadLives(t) {
		if _, twice := press.lives[l.Key]; twice {
			t.Errorf("two worked examples have the key %s", l.Key)
		}
		press.lives[l.Key] = l
	}
	press.usual = press.lives["capture-plain"].Rules
	press.bench = newWorkbench(t, "US", "America/Chicago", "USD")
	templates, err := filepath.Glob("testdata/pages/event-*.md")
	if err != nil || len(templates) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, name := range templates {
		press.page(name)
	}
	for _, et := range EventTypes() {
		press.once("fields " + et.Name)
	}
	for key := range press.lives {
		press.once("life " + key)
	}
	committed, err := filepath.Glob(pagesDir + "/event-*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range committed {
		if !slices.Contains(templates, "testdata/pages/"+filepath.Base(name)) {
			t.Errorf("%s is made from nothing. Delete it.", name)
		}
	}
}

// press prints pages.
type press struct {
	t     *testing.T
	bench *workbench
	lives map[string]life
	usual []byte // the rules that an example has unless it says otherwise
	used  map[string]int
	// printed are the steps that the page shows already, with the title of their example.
	printed map[string]string
}

func (p *press) once(directive string) {
	if n := p.used[directive]; n != 1 {
		p.t.Errorf("testdata/pages has @%s %d times, want once", directive, n)
	}
}

// page renders one template and compares the result.
func (p *press) page(name string) {
	source, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	p.printed = map[string]string{}
	var b strings.Builder
	for line := range strings.Lines(string(source)) {
		directive, ok := strings.CutPrefix(strings.TrimSpace(line), "@")
		if !ok {
			b.WriteString(line)
			continue
		}
		p.used[directive]++
		what, of, _ := strings.Cut(directive, " ")
		switch l, known := p.lives[of]; {
		case what == "fields":
			p.fields(&b, of)
		case what == "life" && known:
			p.life(&b, l)
		case directive == "rules":
			p.rules(&b, p.usual, nil)
		case directive == "charges":
			charges(&b)
		default:
			p.t.Errorf("%s: there is nothing called %q", name, directive)
		}
	}
	p.compare(pagesDir+"/"+filepath.Base(name), strings.ReplaceAll(b.String(), "\n\n\n", "\n\n"))
}

func (p *press) compare(file, page string) {
	if strings.Contains(page, "As the event says.") {
		p.t.Errorf("%s: an entry without a reason; add its account to accountWords", file)
	}
	if strings.Contains(page, "  (") || strings.Contains(page, "( ") || strings.Contains(page, " .") {
		p.t.Errorf("%s: a space too many", file)
	}
	if *updatePages {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		p.t.Errorf("%v; run the test with -update", err)
		return
	}
	if !bytes.Equal(committed, []byte(page)) {
		p.t.Errorf("%s is not what the examples say (-committed +now); run the test with -update and read the page:\n%s", file, cmp.Diff(strings.Split(string(committed), "\n"), strings.Split(page, "\n")))
	}
}

// charges lists the kinds of charges.
func charges(b *strings.Builder) {
	b.WriteString("| kind | meaning | who pays, who gets it |\n|---|---|---|\n")
	for _, k := range chargeKinds {
		to := "`" + string(k.to) + "`"
		if k.to == "" {
			to = "the carrier"
		}
		flow := "seller → " + to
		switch {
		case k.credit:
			flow = to + " → seller"
		case k.platform:
			flow = "platform → " + to
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.kind, k.meaning, flow)
	}
}
