package api

import (
	"encoding/json"
	"testing"

	"mizan/ledger/commerce"
)

// TestBridge reads a seller's bridge over HTTP: it adds up, and a range that is none is refused.
func TestBridge(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.event("order.captured", "an-event")
	var b commerce.Bridge
	if err := json.Unmarshal([]byte(h.must(200, "GET", "/v1/books/uk/sellers/sel_uk/bridge", "").body), &b); err != nil {
		t.Fatal(err)
	}
	if b.Gross != "44.97" || b.Payments != 1 || len(b.Carried) != 1 || b.Carried[0] != (commerce.BridgeCarried{Bucket: "pending", Change: "37.62"}) || b.Payouts != "0.00" {
		t.Errorf("bridge %+v", b)
	}
	for query, want := range map[string]int{
		"?from=2026-12&to=2026-11": 422, "?from=2024-11&to=2026-11": 422, "?from=2026-13": 422, "?from=2026-1": 422, "?currency=XXX": 422, "?period=2026-11": 400, "?currency=USD": 404,
	} {
		if a := h.do("GET", "/v1/books/uk/sellers/sel_uk/bridge"+query, ""); a.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", query, a.StatusCode, want, a.body)
		}
	}
	h.must(404, "GET", "/v1/books/uk/sellers/nobody/bridge", "")
	h.must(422, "GET", "/v1/books/uk/sellers/no%20body/bridge", "")
}
