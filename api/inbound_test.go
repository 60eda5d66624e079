package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// testSecrets are those of the tests' book: two of the shop, as while one is replaced.
const testSecrets = "uk/shopify=shop-secret-new\nuk/shopify=shop-secret-old\nuk/stripe=whsec_test\n"

func mac(secret, text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// shop sends a message as the shop does.
func (h *house) shop(secret, id, topic, body string) answer {
	h.t.Helper()
	return h.as("", "POST", "/v1/books/uk/inbound/shopify", body, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac(secret, body)),
		"X-Shopify-Webhook-Id", id, "X-Shopify-Topic", topic, "X-Shopify-Shop-Domain", "toys.example")
}

func gbp(amount string) string {
	return `{"shop_money":{"amount":"` + amount + `","currency_code":"GBP"}}`
}

const shopRefund = `{"id":7,"order_id":1001,"refund_line_items":[{"line_item_id":1,"subtotal_set":%s,"total_tax_set":%s}],"transactions":[{"kind":"refund","status":"success"}]}`

func shopOrder() string {
	return `{"id":1001,"currency":"GBP","processed_at":"2026-11-10T10:00:00Z","discount_codes":[{"code":"JO10"}],"line_items":[{"id":1,"quantity":2,"price_set":` + gbp("35.00") +
		`,"discount_allocations":[{"amount_set":` + gbp("7.00") + `}],"tax_lines":[{"price_set":` + gbp("5.20") + `}]}]}`
}

// TestShopOverHTTP plays S4 with real signatures: a refund before its order, duplicates, another body, a wrong signature.
func TestShopOverHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	work := func() {
		t.Helper()
		for {
			if n, err := h.intake.Work(t.Context()); err != nil {
				t.Fatal(err)
			} else if n == 0 {
				return
			}
		}
	}
	described := h.must(200, "POST", "/v1/books/uk/import_sources/shopify", `{"seller":"sel_shopify","shop":"toys.example","commission_rate":"0.08","platform_rate":"0.02","creators":[{"code":"JO10","creator":"cre_jo"}]}`)
	if again := h.must(200, "GET", "/v1/books/uk/import_sources/shopify", ""); again.body != described.body {
		t.Errorf("it is read as %s, described as %s", again.body, described.body)
	}
	refund := fmt.Sprintf(shopRefund, gbp("31.50"), gbp("2.60"))
	if a := h.shop("shop-secret-old", "w-2", "refunds/create", refund); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	work()
	parked := h.must(200, "GET", "/v1/books/uk/inbound?state=parked", "").json(t)["data"].([]any)
	if len(parked) != 1 || parked[0].(map[string]any)["reason"] != "predecessor-missing" {
		t.Fatalf("parked: %v", parked)
	}
	for i, stored := range []bool{true, false, false} {
		if a := h.shop("shop-secret-new", "w-1", "orders/paid", shopOrder()); a.StatusCode != 200 || a.json(t)["stored"] != stored {
			t.Errorf("delivery %d: %d %s", i, a.StatusCode, a.body)
		}
	}
	work()
	if a := h.shop("shop-secret-new", "w-1", "orders/paid", shopOrder()+" "); a.StatusCode != 409 || a.json(t)["code"] != "inbound-conflict" {
		t.Errorf("another body: %s", a.body)
	}
	if n := len(h.must(200, "GET", "/v1/books/uk/inbound?state=applied", "").json(t)["data"].([]any)); n != 2 {
		t.Errorf("%d are applied", n)
	}
	oldest, newest := h.walk("/v1/books/uk/inbound?limit=1", field("id")), h.walk("/v1/books/uk/inbound?order=desc&limit=1", field("id"))
	if slices.Reverse(newest); len(oldest) != 2 || !slices.Equal(newest, oldest) {
		t.Errorf("%v from the beginning, %v from the end", oldest, newest)
	}
	balances := h.must(200, "GET", "/v1/books/uk/balances", "").body
	for _, want := range []string{`"2.52"`, `"0.63"`, `"-3.15"`} {
		if !strings.Contains(balances, want) {
			t.Errorf("no balance of %s: %s", want, balances)
		}
	}
	h.refused(409, "release-not-funded", "POST", "/v1/books/uk/imported_orders/shopify.1001/release", `{}`)
	h.refused(404, "imported-order-unknown", "POST", "/v1/books/uk/imported_orders/shopify.1/release", `{}`)
	h.must(201, "POST", posting, `{"reference":"in","event":"opening.balance","entries":[{"account":"assets:processor:available:main","direction":"debit","amount":"4.00","currency":"GBP"},`+
		`{"account":"liabilities:seller:available:sel_shopify","direction":"credit","amount":"4.00","currency":"GBP"}]}`)
	h.must(201, "POST", "/v1/books/uk/imported_orders/shopify.1001/release", `{}`)
	h.must(200, "POST", "/v1/books/uk/imported_orders/shopify.1001/release", `{}`)
	one := h.must(200, "GET", "/v1/books/uk/inbound/messages/"+parked[0].(map[string]any)["id"].(string), "").json(t)
	if raw, err := base64.StdEncoding.DecodeString(one["body"].(string)); err != nil || string(raw) != refund {
		t.Errorf("the body is not kept as it came: %s, %v", raw, err)
	}
	if a := h.do("POST", "/v1/books/uk/inbound/messages/"+one["id"].(string)+"/retry", `{"reason":"`+strings.Repeat("م", 1500)+`"}`); a.code() != "audit-invalid" || !strings.Contains(a.body, `"/reason"`) {
		t.Errorf("a reason that cannot be kept: %d %s", a.StatusCode, a.body)
	}
	h.refused(409, "inbound-done", "POST", "/v1/books/uk/inbound/messages/"+one["id"].(string)+"/retry", `{}`)
	h.refused(404, "inbound-unknown", "GET", "/v1/books/uk/inbound/messages/999", "")
}

// TestInboundRefusals sends what must not be stored (K01 to K09, K19, K21, K22, S4).
func TestInboundRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	const path, body = "/v1/books/uk/inbound/stripe", `{"id":"evt_1","type":"payout.paid","livemode":true}`
	stripe := func(secret string, at time.Time, scheme string) string {
		stamp := fmt.Sprint(at.Unix())
		return "t=" + stamp + "," + scheme + "=" + hex.EncodeToString(mac(secret, stamp+"."+body))
	}
	now := h.clock.now()
	good := stripe("whsec_test", now, "v1")
	for name, header := range map[string]string{
		"K02 wrong": stripe("whsec_other", now, "v1"), "K03 downgrade": stripe("whsec_test", now, "v0"), "K05 old": stripe("whsec_test", now.Add(-301*time.Second), "v1"),
		"K06 early": stripe("whsec_test", now.Add(301*time.Second), "v1"), "K07 no number": strings.Replace(good, "t=", "t=x", 1), "K07 huge": strings.Replace(good, "t=", "t=9999999999999999999", 1),
		"two times": "t=1," + good, "no time": good[strings.Index(good, ",")+1:], "empty": "v1=,t=",
	} {
		if a := h.as("", "POST", path, body, "Stripe-Signature", header); a.StatusCode != 400 || a.json(t)["code"] != "signature-malformed" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	for name, changed := range map[string]string{"K08 written again": strings.Replace(body, `":`, `": `, 1), "K09 space": body + " "} {
		if a := h.as("", "POST", path, changed, "Stripe-Signature", good); a.StatusCode != 400 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if a := h.as("", "POST", path, body); a.StatusCode != 400 { // K01
		t.Errorf("no signature: %d", a.StatusCode)
	}
	if a := h.as("", "POST", path, strings.Repeat(" ", 5<<20), "Stripe-Signature", good); a.StatusCode != 413 { // K19
		t.Errorf("5 MiB: %d", a.StatusCode)
	}
	if a := h.as("", "GET", path, ""); a.StatusCode != 405 { // K21
		t.Errorf("GET: %d", a.StatusCode)
	}
	if a := h.as("", "POST", "/v1/books/zz/inbound/stripe", body, "Stripe-Signature", good); a.StatusCode != 400 {
		t.Errorf("a book without a secret: %d", a.StatusCode)
	}
	if a := h.as("", "POST", "/v1/books/zz/inbound/stripe", strings.Repeat(" ", 5<<20), "Stripe-Signature", good); a.StatusCode != 413 {
		t.Errorf("5 MiB tell which books have a secret: %d", a.StatusCode)
	}
	for _, secret := range []string{"shop-secret-newer", "whsec_test"} { // K10, K22
		if a := h.shop(secret, "w", "orders/paid", "{}"); a.StatusCode != 401 || a.json(t)["code"] != "signature-invalid" {
			t.Errorf("a secret of others: %d", a.StatusCode)
		}
	}
	if a := h.shop("shop-secret-new", "", "orders/paid", "{}"); a.StatusCode != 422 {
		t.Errorf("a message without an id: %d", a.StatusCode)
	}
	if n := len(h.must(200, "GET", "/v1/books/uk/inbound", "").json(t)["data"].([]any)); n != 0 {
		t.Errorf("%d refused messages were stored", n)
	}
	several := stripe("whsec_other", now, "v1") + good[strings.Index(good, ","):] // K04
	if a := h.as("", "POST", path, body, "Stripe-Signature", several); a.StatusCode != 200 {
		t.Errorf("one of several signatures is right: %d %s", a.StatusCode, a.body)
	}
	if strings.Contains(h.log.String(), "whsec") {
		t.Error("a secret stands in the log")
	}
}

// imported stores a message, describes its shop, and imports a file, and an order that may be released at once.
func (h *house) imported() {
	h.t.Helper()
	if a := h.file("?format=tiktok&role=bookkeeper&seller=sel_uk", statementHead+"T-1,ST-1,GBP,10.00,,-1.00,9.00,\n"); a.StatusCode != 201 {
		h.t.Fatal(a.body)
	}
	h.applyFiles(h.intake) // its row is parked, so that there is something to try again
	if a := h.shop("shop-secret-new", "w-0", "products/update", "{}"); a.StatusCode != 200 {
		h.t.Fatal(a.body)
	}
	h.must(200, "POST", "/v1/books/uk/import_sources/shopify", `{"seller":"sel_shopify","creators":[]}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"import.order_paid","reference":"imported","data":{"order":"UK-1001","source":"shopify","seller":"sel_shopify","currency":"GBP",`+
		`"paid_at":"2026-11-10T10:00:00Z","lines":[{"line":"1","amount":"63.00"}],"creators":[{"creator":"cre_jo"}],"commission_rate":"0.08","platform_rate":"0.02","release":"on_window"}}`)
}
