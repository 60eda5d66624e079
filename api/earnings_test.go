package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"mizan/api/client"
)

// TestEarnings: a payee reads what it earned, the page holds nothing of anybody else, and what is not its own is like what is not
// there. The client says the same.
func TestEarnings(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"order.captured","reference":"c-1","data":{"order":"E-1","currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk","live_session":"LS-3","channel":"app",
"lines":[{"line":1,"sku":"SKU-1","quantity":1,"unit_price":"100.00"}],"creators":[{"creator":"cre_amy","agency":{"id":"mcn_ldn","share":"0.30"}}],"commission_rate":"0.10",
"payments":[{"processor":"main","payment_id":"pi_1","amount":"100.00"}]}}`)
	at := "/v1/books/uk/payees/cre_amy/earnings"
	if a := h.must(200, "GET", at+"?kind=creator", ""); !strings.Contains(a.body, `"data":[]`) || !strings.Contains(a.body, `"as_of":null`) || strings.Contains(a.body, `"not_counted":0`) {
		t.Errorf("before anything was counted: %s", a.body)
	}
	if _, err := h.earnings.Follow(t.Context(), h.turn().Book); err != nil {
		t.Fatal(err)
	}
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	own := h.signedIn("uk", "cre_amy")
	if a := h.by(own, "GET", at+"?kind=seller", ""); a.code() != "payee-unknown" {
		t.Errorf("as a seller: %s", a.body)
	}
	for by, key := range map[string]string{"day": "2026-11-20", "week": "2026-11-16", "month": "2026-11-01", "live_session": "LS-3", "channel": "app", "product": "SKU-1"} {
		a := h.by(own, "GET", at+"?from=2026-11-01&to=2026-11-30&by="+by, "")
		var e earningsJSON
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.body)
		}
		want := earningsSumJSON{Sales: 1, Earned: "10.00", GivenBack: "0.00", Fees: "0.00", Shared: "-3.00", Withheld: "0.00", Kept: "7.00", Adjusted: "0.00", Paid: "0.00", Moved: "7.00"}
		if e.Total != want || e.NotCounted != 0 || e.AsOf == nil || e.Kind != "creator" {
			t.Errorf("by %s: %s", by, a.body)
		}
		if covers := map[string][2]string{"day": {"2026-11-20", "2026-11-20"}, "week": {"2026-11-16", "2026-11-22"}, "month": {"2026-11-01", "2026-11-30"}}[by]; len(covers) > 0 {
			want.First, want.Last = covers[0], covers[1]
		}
		if want.Key = key; len(e.Data) != 1 || e.Data[0] != want {
			t.Errorf("by %s: %s", by, a.body)
		}
		for _, foreign := range []string{"sel_uk", "mcn_ldn", "100.00", "fee_rate", "margin"} {
			if strings.Contains(a.body, foreign) {
				t.Errorf("a creator reads %s: %s", foreign, a.body)
			}
		}
	}
	for _, other := range []string{"sel_uk", "mcn_ldn", "nobody"} {
		if a := h.by(own, "GET", "/v1/books/uk/payees/"+other+"/earnings", ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("a creator asks about %s: %d", other, a.StatusCode)
		}
	}
	for query, code := range map[string]string{"by=hour": "earnings-query-invalid", "from=yesterday": "earnings-query-invalid", "by=product&from=2026-11-02": "earnings-query-invalid", "by=product&from=2026-11-01&to=2026-12-31": "earnings-query-invalid", "currency=XXQ": "validation-failed",
		"kind=guardian": "earnings-query-invalid"} {
		h.refused(422, code, "GET", at+"?"+query, "")
	}
	h.refused(400, "malformed-request", "GET", at+"?top=101", "")
	h.refused(404, "payee-unknown", "GET", "/v1/books/uk/payees/nobody/earnings", "")
	c, err := client.New(h.server.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Earnings(t.Context(), "uk", "sel_uk", client.EarningsQuery{By: "product", From: "2026-11-01", Top: 1})
	if err != nil || len(e.Data) != 1 || e.Data[0].Earned != "100.00" || e.Data[0].Shared != "-10.00" || e.To != "2026-11-30" {
		t.Errorf("the client reads %+v, %v", e, err)
	}
}
