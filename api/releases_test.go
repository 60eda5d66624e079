package api

import (
	"strings"
	"testing"
)

// releasableTip is an event whose earnings the example of the release makes available.
const releasableTip = `{"type":"tip.sent","reference":"tip-1","data":{"tip":"T-1","creator":"cre_amy","currency":"GBP","amount":"5.00","processor":"main","payment_id":"pi_t1"}}`

// TestRelease releases a tip, again, and what cannot be released.
func TestRelease(t *testing.T) {
	t.Parallel()
	h := open(t)
	const releases = "/v1/books/uk/releases"
	h.must(404, "POST", releases, `{"source":"tip:T-1"}`)
	h.must(201, "POST", "/v1/books/uk/events", releasableTip)
	first := h.must(201, "POST", releases, `{"source":"tip:T-1"}`)
	again := h.must(200, "POST", releases, `{"source":"tip:T-1"}`)
	if again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %s, first: %s", again.body, first.body)
	}
	h.refused(409, "nothing-waits", "POST", releases, `{"source":"tip:T-1","reference":"r2"}`)
	for _, source := range []string{"order:UK-1001", "tip:", "tip", "tip:T:1", "seller:T-1"} {
		h.refused(422, "release-source", "POST", releases, `{"source":"`+source+`"}`)
	}
	h.refused(403, "event-reserved", "POST", "/v1/books/uk/events", `{"type":"creator.released","reference":"r3","data":{"source":"tip:T-1"}}`)
}

// TestSplit divides a released tip, again, and more than there is.
func TestSplit(t *testing.T) {
	t.Parallel()
	h := open(t)
	const splits = "/v1/books/uk/splits"
	h.must(201, "POST", "/v1/books/uk/events", releasableTip)
	h.must(201, "POST", "/v1/books/uk/releases", `{"source":"tip:T-1"}`)
	const split = `{"split":"SP-1","kind":"creator","payee":"cre_amy","currency":"GBP","amount":"5.00","receivers":[{"kind":"agency","id":"mcn_ldn","base":"gross","rate":"%"}]}`
	body := func(rate string) string { return strings.ReplaceAll(split, "%", rate) }
	first := h.must(201, "POST", splits, body("0.125"))
	if again := h.must(200, "POST", splits, body("0.125")); again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %s, first: %s", again.body, first.body)
	}
	h.refused(409, "reference-reused", "POST", splits, body("0.2"))
	h.refused(409, "already-recorded", "POST", splits, strings.Replace(body("0.2"), "{", `{"reference":"r2",`, 1))
	h.refused(422, "insufficient-funds", "POST", splits, strings.Replace(body("1"), "SP-1", "SP-2", 1))
	h.refused(409, "split-agency", "POST", splits, strings.Replace(strings.Replace(body("0.1"), "SP-1", "SP-3", 1), "{", `{"solicited":true,`, 1))
	h.refused(422, "validation-failed", "POST", splits, strings.Replace(body("1.1"), "SP-1", "SP-4", 1))
	h.refused(422, "validation-failed", "POST", splits, strings.Replace(body("0.1"), "mcn_ldn", "", 1))
}

// TestReleaseWhenDue asks for releases that come too early.
func TestReleaseWhenDue(t *testing.T) {
	t.Parallel()
	h := open(t)
	const releases = "/v1/books/uk/releases"
	h.must(201, "POST", "/v1/books/uk/events", releasableTip)
	h.refused(409, "release-not-due", "POST", releases, `{"source":"tip:T-1","if_due":true}`)
	h.refused(422, "validation-failed", "POST", releases, `{"source":"tip:T-1","release_when":"later"}`)
	old := strings.NewReplacer("T-1", "T-2", "tip-1", "tip-2", `"data"`, `"occurred_at":"2024-01-01T10:00:00Z","data"`).Replace(releasableTip)
	h.must(201, "POST", "/v1/books/uk/events", old)
	h.must(201, "POST", releases, `{"source":"tip:T-2","if_due":true,"release_when":"store_paid"}`)
}
