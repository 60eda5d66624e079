package docs

import (
	"strings"
	"testing"
)

// TestEventsPageLeadsEverywhere: the page on events leads to every page about a kind of event.
func TestEventsPageLeadsEverywhere(t *testing.T) {
	t.Parallel()
	page, err := pageFiles.ReadFile("events.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, section := range sections {
		for _, slug := range section.Slugs {
			if !strings.HasPrefix(slug, "event-") {
				continue
			}
			if found++; !strings.Contains(string(page), "(/docs/"+slug+")") {
				t.Errorf("events.md does not lead to %s", slug)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d pages are about events", found)
	}
}
