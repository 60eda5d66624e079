package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var printedLink = regexp.MustCompile(`(?m)^  (\w+)(?: \w+)? +(http://\S+/sign-in/link\?token=ml_\S+)$`)

// testDemoPeople signs in by every link that mizan dev printed, and looks for what everybody should find.
func testDemoPeople(t *testing.T, p *program) {
	t.Helper()
	links := map[string]string{}
	for _, match := range printedLink.FindAllStringSubmatch(p.output(), -1) {
		links[match[1]] = match[2]
	}
	for who, page := range map[string]string{"finance": "/console", "approver": "/console", "admin": "/console/people", "auditor": "/console/audit", "support": "/console", "creator": "/portal", "guardian": "/portal"} {
		if links[who] == "" {
			t.Fatalf("there is no link for %s:\n%s", who, p.output())
		}
		b := enter(t, links[who])
		if status, text := b.do(t, http.MethodGet, p.address+page, nil); status != http.StatusOK {
			t.Errorf("%s: %s is answered with %d:\n%s", who, page, status, text)
		}
		if who != "approver" {
			continue
		}
		if _, text := b.do(t, http.MethodGet, p.address+"/console/books/market/approvals", nil); !strings.Contains(text, "event.post") || strings.Count(text, "/approvals/ap_") == 0 {
			t.Errorf("nothing waits for the approver:\n%s", text)
		}
	}
}
