package docs

import (
	"embed"
	"io/fs"
	"strings"
	"sync"
)

// The handbook's pages and their order. A page is a file; its name is its address under /docs and its first heading is
// its title.

//go:embed *.md
var pageFiles embed.FS

// section is a group of pages in the contents.
type section struct {
	Name  string
	Slugs []string
}

// referenceSlug is the page that is made from the OpenAPI document instead of a file.
const referenceSlug = "api"

// sections is the order in which the handbook is read.
var sections = []section{
	{"Start", []string{"index", "quickstart"}},
	{"Understand", []string{"concepts", "chart"}},
	{"Use", []string{"events", "imports", "rules", "settlement-clock", "payees-and-destinations", "payout-policies", "payout-runs", "payout-lines", "payout-life", "bank-files", "debts", "earnings", "public-pages", "portal", "statements", "posting", "balances", "feed", "languages", "problems", "bad-inputs", referenceSlug}},
	{"Reconcile and close", []string{"reconciliation", "bank-statements", "reconciliation-classes", "suspense", "tracing", "exports", "health"}},
	{"Business events", []string{"event-order", "event-cod", "event-fees", "event-settlement", "event-refund", "event-dispute", "event-charge", "event-commission", "event-exchange", "event-payment",
		"event-donation", "event-gift", "event-minor", "event-simulcast", "event-stored-value", "event-import", "event-treasury", "event-currency", "event-books", "event-correction"}},
	{"Work together", []string{"access", "approvals", "trail", "personal-data"}},
	{"Verify", []string{"verify", "audit", "canonical", "survival", "lessons"}},
	{"Operate", []string{"running", "administration", "jobs", "simulator", "security", "outgoing", "dependencies", "architecture", "benchmarks", "changelog"}},
}

// page is one page, rendered.
type page struct {
	Slug string
	rendered
}

// address is where a page is served.
func address(slug string) string {
	if slug == "index" {
		return "/docs"
	}
	return "/docs/" + slug
}

// loadPages renders every page, once. The files are part of the program, so a missing one is a defect, not an error.
var loadPages = sync.OnceValue(func() map[string]page {
	pages := map[string]page{}
	for _, s := range sections {
		for _, slug := range s.Slugs {
			if slug == referenceSlug {
				pages[slug] = page{Slug: slug, rendered: rendered{Title: "API reference"}}
				continue
			}
			source, err := fs.ReadFile(pageFiles, slug+".md")
			if err != nil {
				panic("docs: " + err.Error())
			}
			p := page{Slug: slug, rendered: render(string(source))}
			p.HTML = strings.TrimSpace(p.HTML)
			pages[slug] = p
		}
	}
	return pages
})

// order is the slugs of all sections in reading order.
func order() []string {
	var slugs []string
	for _, s := range sections {
		slugs = append(slugs, s.Slugs...)
	}
	return slugs
}
