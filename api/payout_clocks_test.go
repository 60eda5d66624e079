package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/payouts"
)

// turn is a turn of the payouts' works in the book uk.
func (h *house) turn() payouts.Turn {
	h.t.Helper()
	book, err := h.ledger.Book(h.t.Context(), "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	return payouts.Turn{Book: book, Start: h.clock.now()}
}

// sold records orders of a seller, delivered at once.
func (h *house) sold(seller string, orders ...string) {
	h.t.Helper()
	at := h.clock.now().Format(time.RFC3339)
	for _, order := range orders {
		for kind, data := range map[string]string{
			"order.captured": fmt.Sprintf(`{"order":%q,"currency":"GBP","placed_at":%q,"seller":%q,"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"10.00"}],"payments":[{"processor":"main","payment_id":"pi-%s","amount":"10.00"}]}`, order, at, seller, order),
		} {
			h.must(201, "POST", "/v1/books/uk/events", fmt.Sprintf(`{"type":%q,"reference":"c-%s","data":%s}`, kind, order, data))
		}
		h.must(201, "POST", "/v1/books/uk/events", fmt.Sprintf(`{"type":"order.delivered","reference":"d-%s","data":{"order":%q,"delivered_at":%q,"last_parcel":true}}`, order, order, at))
	}
}

// TestWaits: a payee reads what of its own money becomes available when, page by page, and nobody else's.
func TestWaits(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.sold("sel_uk", "w1", "w2", "w3", "w4", "w5")
	h.sold("sel_else", "x1")
	if _, err := h.payouts.Feed(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	seen := h.walk("/v1/books/uk/payees/sel_uk/waits?limit=2", func(row map[string]any) string { return row["subject"].(string) })
	if got := strings.Join(seen, " "); got != "order:w1 order:w2 order:w3 order:w4 order:w5" {
		t.Fatalf("waits for %s", got)
	}
	own := h.signedIn("uk", "sel_uk")
	a := h.by(own, "GET", "/v1/books/uk/payees/sel_uk/waits", "")
	if a.StatusCode != 200 || strings.Count(a.body, `"act":"settle"`) != 5 || strings.Contains(a.body, "x1") {
		t.Fatal(a.StatusCode, a.body)
	}
	if a := h.by(own, "GET", "/v1/books/uk/payees/sel_else/waits", ""); a.StatusCode != 404 {
		t.Fatal(a.StatusCode, a.body)
	}
	if a := h.by(own, "GET", "/v1/books/uk/payout-clocks", ""); a.StatusCode != 403 {
		t.Fatal(a.StatusCode, a.body)
	}
}

// TestClocks: what is overdue is listed page by page, what is gated with its gates, and a subject is looked at again on demand.
func TestClocks(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.sold("sel_uk", "w1", "w2", "w3")
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"after_sales.opened","reference":"a","data":{"order":"w2","case":"RMA"}}`)
	if _, err := h.payouts.Feed(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	subject := func(row map[string]any) string { return row["subject"].(string) }
	if seen := h.walk("/v1/books/uk/payout-clocks?limit=1", subject); len(seen) != 0 {
		t.Fatalf("overdue already: %v", seen)
	}
	h.clock.forward(20 * 24 * time.Hour)
	if seen := h.walk("/v1/books/uk/payout-clocks?limit=1", subject); len(seen) != 3 {
		t.Fatalf("overdue: %v", seen)
	}
	a := h.must(200, "GET", "/v1/books/uk/payout-clocks?state=gated", "")
	if !strings.Contains(a.body, "case:RMA") || strings.Contains(a.body, "w1") {
		t.Fatal(a.body)
	}
	if a := h.must(200, "GET", "/v1/books/uk/payout-clocks?state=parked", ""); !strings.Contains(a.body, `"data":[]`) {
		t.Fatal(a.body)
	}
	h.must(200, "POST", "/v1/books/uk/payout-clocks/looks", `{"subject":"order:w1","reason":"mended"}`)
	h.refused(404, "clock-unknown", "POST", "/v1/books/uk/payout-clocks/looks", `{"subject":"order:none","reason":"mended"}`)
	h.refused(404, "clock-unknown", "POST", "/v1/books/uk/payout-clocks/looks", `{"subject":"nothing at all","reason":"mended"}`)
	h.refused(422, "validation-failed", "POST", "/v1/books/uk/payout-clocks/looks", `{"subject":"order:w1","reason":""}`)
	h.refused(422, "validation-failed", "GET", "/v1/books/uk/payout-clocks?state=late", "")
	h.refused(400, "cursor-invalid", "GET", "/v1/books/uk/payout-clocks?cursor=AAAA", "")
	if a := h.must(200, "GET", "/v1/books/uk/audit", ""); !strings.Contains(a.body, "payout_clock.looked_again") {
		t.Fatal(a.body)
	}
}

// TestDebtsAndProposals lists them page by page.
func TestDebtsAndProposals(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 5 {
		h.must(201, "POST", "/v1/books/uk/events", fmt.Sprintf(`{"type":"charge.recorded","reference":"c%d","data":{"kind":"warehouse.storage_charged","party":"s%d","currency":"GBP","amount":"%d.00"}}`, i, i, 7+i))
		h.clock.forward(time.Minute)
	}
	if _, err := h.payouts.Recover(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	h.sold("sel_uk", "w1")
	if _, err := h.payouts.Treasury(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	seen := h.walk("/v1/books/uk/payout-debts?limit=2", func(row map[string]any) string { return row["payee"].(string) + " " + row["amount"].(string) })
	if got := strings.Join(seen, ", "); got != "s0 8.40, s1 9.60, s2 10.80, s3 12.00, s4 13.20" {
		t.Fatal(got)
	}
	h.clock.forward(200 * 24 * time.Hour)
	if _, err := h.payouts.Recover(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	kinds := h.walk("/v1/books/uk/treasury-proposals?limit=2&state=open", func(row map[string]any) string { return row["kind"].(string) })
	if strings.Count(strings.Join(kinds, " "), "write_off") != 5 {
		t.Fatal(kinds)
	}
	h.refused(422, "validation-failed", "GET", "/v1/books/uk/treasury-proposals?state="+url.QueryEscape("won't"), "")
}
