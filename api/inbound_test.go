package api

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testSecrets are those of the tests' book: two of the shop, as while one is replaced.
const testSecrets = "uk/shopify=shop-secret-new\nuk/shopify=shop-secret-old\nuk/stripe=whsec_test\nvn/stripe=whsec_next_door\n"

func mac(secret, text string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// shop sends a message as the shop does.
func (h *house) shop(secret, id, topic, body string) answer {
	h.t.Helper()
	return h.shopAt("toys.example", secret, id, topic, body)
}

// shopAt is shop for any shop.
func (h *house) shopAt(domain, secret, id, topic, body string) answer {
	h.t.Helper()
	return h.as("", "POST", "/v1/books/uk/inbound/shopify", body, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac(secret, body)),
		"X-Shopify-Webhook-Id", id, "X-Shopify-Topic", topic, "X-Shopify-Shop-Domain", domain)
}

// became is what became of the messages of a source, by their own ids: the state, and the reason after a blank.
func (h *house) became(source string) map[string]string {
	h.t.Helper()
	all := map[string]string{}
	for _, m := range h.must(200, "GET", "/v1/books/uk/inbound?source="+source, "").json(h.t)["data"].([]any) {
		m := m.(map[string]any)
		all[m["message_id"].(string)] = m["state"].(string) + " " + m["reason"].(string)
	}
	return all
}

// stripeSigned is a header that signs a body at a time.
func stripeSigned(secret, body string, at time.Time, scheme string) string {
	stamp := fmt.Sprint(at.Unix())
	return "t=" + stamp + "," + scheme + "=" + hex.EncodeToString(mac(secret, stamp+"."+body))
}

// stops is the answer to a signed message of which only the first half comes.
func (h *house) stops(path, signature, body string) answer {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", path, signature, len(body), body[:len(body)/2])
	if err != nil {
		h.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		h.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "POST"})
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{res, string(text)}
}

func gbp(amount string) string {
	return `{"shop_money":{"amount":"` + amount + `","currency_code":"GBP"}}`
}

// shopRefund gives back what two amounts say, of order 1001.
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
		t.Fatal("K18 a refund before its order, by the other secret (K22): ", a.body)
	}
	work()
	parked := h.must(200, "GET", "/v1/books/uk/inbound?state=parked", "").json(t)["data"].([]any)
	if len(parked) != 1 || parked[0].(map[string]any)["reason"] != "predecessor-missing" {
		t.Fatalf("parked: %v", parked)
	}
	for i, stored := range []bool{true, false, false} { // K12
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
	// What does not fit what is recorded is kept, parked or ignored, and moves no money.
	order := func(id string) string { return strings.Replace(shopOrder(), "1001", id, 1) }
	before := h.must(200, "GET", "/v1/books/uk/balances", "").body
	want := map[string]string{"w-1": "applied ", "w-2": "applied "}
	for name, c := range map[string]struct{ domain, topic, body, becomes string }{
		"K11 a test order":                   {"toys.example", "orders/paid", strings.Replace(order("1011"), `"currency"`, `"test":true,"currency"`, 1), "ignored test-order"},
		"K15 an unknown type":                {"toys.example", "moons/risen", order("1015"), "ignored unknown-type"},
		"K16 a refund of an unknown order":   {"toys.example", "refunds/create", strings.NewReplacer("1001", "1016", `"id":7`, `"id":16`).Replace(refund), "parked predecessor-missing"},
		"K17 another shop":                   {"other.example", "orders/paid", order("1017"), "parked other-shop"},
		"K17 no shop":                        {"", "orders/paid", order("1018"), "parked other-shop"},
		"K20 an order unlike its lines":      {"toys.example", "orders/paid", strings.Replace(order("1020"), `"currency"`, `"subtotal_price_set":`+gbp("63.01")+`,"currency"`, 1), "parked amounts-differ"},
		"K20 a refund of more than was paid": {"toys.example", "refunds/create", strings.Replace(fmt.Sprintf(shopRefund, gbp("31.51"), gbp("2.60")), `"id":7`, `"id":9`, 1), "parked insufficient-funds"},
	} {
		for range 2 {
			if a := h.shopAt(c.domain, "shop-secret-new", "w "+name, c.topic, c.body); a.StatusCode != 200 {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		want["w "+name] = c.becomes
	}
	work()
	if diff := cmp.Diff(want, h.became("shopify")); diff != "" {
		t.Error(diff)
	}
	if after := h.must(200, "GET", "/v1/books/uk/balances", "").body; after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
	h.replayed(refund)
	work()
	if after := h.must(200, "GET", "/v1/books/uk/balances", "").body; after != before {
		t.Errorf("replays moved money: %s\nwas\n%s", after, before)
	}
}

// replayed sends signed bodies again, at once, under names that no signature covers: another id, another topic, another shop. Whatever is
// taken of that is the same order and the same refund.
func (h *house) replayed(refund string) {
	h.t.Helper()
	topics := []string{"orders/paid", "refunds/create", "orders/cancelled", "ORDERS/PAID", "app/uninstalled"}
	var all sync.WaitGroup
	for n := range 100 {
		body, domain := shopOrder(), "toys.example"
		if n%2 == 0 {
			body = refund
		}
		if n%7 == 0 {
			domain = "other.example"
		}
		all.Go(func() {
			if a := h.shopAt(domain, "shop-secret-new", fmt.Sprint("replay-", n/2), topics[n%len(topics)], body); a.StatusCode != 200 && a.StatusCode != 409 {
				h.t.Errorf("replay %d: %d %s", n, a.StatusCode, a.body)
			}
		})
	}
	all.Wait()
}

// TestInboundRefusals sends what must not be stored, and what must be and moves nothing.
func TestInboundRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	const path, body = "/v1/books/uk/inbound/stripe", `{"id":"evt_1","type":"payout.paid","livemode":true}`
	now := h.clock.now()
	good := stripeSigned("whsec_test", body, now, "v1")
	before := h.state()
	for name, header := range map[string]string{
		"K02 wrong": stripeSigned("whsec_other", body, now, "v1"), "K03 downgrade": stripeSigned("whsec_test", body, now, "v0"), "K05 old": stripeSigned("whsec_test", body, now.Add(-301*time.Second), "v1"),
		"K06 early": stripeSigned("whsec_test", body, now.Add(301*time.Second), "v1"), "K07 no number": strings.Replace(good, "t=", "t=x", 1), "K07 huge": strings.Replace(good, "t=", "t=9999999999999999999", 1),
		"K07 negative": stripeSigned("whsec_test", body, time.Unix(-1, 0), "v1"), "K07 with a fraction": strings.Replace(good, ",", ".0,", 1),
		"K10 of another book": stripeSigned("whsec_next_door", body, now, "v1"), "K10 of a shop": stripeSigned("shop-secret-new", body, now, "v1"), "K10 of no book": stripeSigned("none", body, now, "v1"), "K22 one that was taken out": stripeSigned("whsec_test_before", body, now, "v1"),
		"two times": "t=1," + good, "no time": good[strings.Index(good, ",")+1:], "empty": "v1=,t=", "not in hexadecimal": strings.Replace(good, "v1=", "v1=zz", 1),
		"cut": good[:len(good)-2], "long": good + strings.Repeat(",v2=00", 1000), "in capitals": strings.Replace(good, "v1=", "V1=", 1),
	} {
		for range 2 {
			if a := h.as("", "POST", path, body, "Stripe-Signature", header); a.StatusCode != 400 || a.json(t)["code"] != "signature-malformed" {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
	}
	endless := strings.Repeat(" ", 5<<20)
	for name, c := range map[string]struct {
		method, path, body, signature string
		status                        int
	}{
		"K01 none":                      {"POST", path, body, "", 400},
		"K08 written again":             {"POST", path, strings.Replace(body, `":`, `": `, 1), good, 400},
		"K08 in another order":          {"POST", path, `{"type":"payout.paid","id":"evt_1","livemode":true}`, good, 400},
		"K09 a space after it":          {"POST", path, body + " ", good, 400},
		"K09 a byte less":               {"POST", path, body[:len(body)-1], good, 400},
		"K19 5 MiB":                     {"POST", path, endless, good, 413},
		"K19 one byte too large":        {"POST", path, endless[:1<<20+1], good, 413},
		"K19 5 MiB to no book":          {"POST", "/v1/books/zz/inbound/stripe", endless, good, 413}, // which books have a secret is not told
		"K21 GET":                       {"GET", path, "", "", 405},
		"K21 PUT":                       {"PUT", path, body, good, 405},
		"a book without a secret":       {"POST", "/v1/books/zz/inbound/stripe", body, good, 400},
		"to another book":               {"POST", "/v1/books/vn/inbound/stripe", body, good, 400},
		"signed for no book":            {"POST", "/v1/books/vn/inbound/stripe", body, stripeSigned("whsec_next_door", body, now, "v1"), 404},
		"a source that nobody sends":    {"POST", "/v1/books/uk/inbound/adyen", body, good, 404},
		"signed, and lacks its id":      {"POST", path, `{"type":"payout.paid"}`, "sign", 422},
		"signed, and no JSON":           {"POST", path, `{"id":"evt_1"`, "sign", 422},
		"signed, with an id for people": {"POST", path, `{"id":"evt\u0000","type":"payout.paid"}`, "sign", 422},
		"signed, with a card number":    {"POST", path, `{"id":"evt_9","type":"payout.paid","card":"4242 4242 4242 4242"}`, "sign", 422},
	} {
		if c.signature == "sign" {
			c.signature = stripeSigned("whsec_test", c.body, now, "v1")
		}
		if a := h.as("", c.method, c.path, c.body, "Stripe-Signature", c.signature); a.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := h.stops(path, good, body); a.StatusCode != 400 || a.json(t)["code"] != "malformed-request" {
		t.Errorf("half of it: %d %s", a.StatusCode, a.body)
	}
	for _, secret := range []string{"shop-secret-newer", "whsec_test", "shop-secret-before"} { // K10, K22
		if a := h.shop(secret, "w", "orders/paid", "{}"); a.StatusCode != 401 || a.json(t)["code"] != "signature-invalid" {
			t.Errorf("a secret of others: %d", a.StatusCode)
		}
	}
	if a := h.shop("shop-secret-new", "", "orders/paid", "{}"); a.StatusCode != 422 {
		t.Errorf("a message without an id: %d", a.StatusCode)
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("what was refused changed something: %s", diff)
	}
	several := stripeSigned("whsec_other", body, now, "v1") + good[strings.Index(good, ","):]
	want := map[string]string{"evt_1": "parked waits-for-payouts"}
	for name, c := range map[string]struct{ body, signature, id, becomes string }{
		"K04 one of several is right": {body, several, "", ""},
		"K11 of the test mode":        {`{"id":"evt_11","type":"payout.paid","livemode":false}`, "", "evt_11", "ignored test-mode"},
		"K11 of no mode":              {`{"id":"evt_12","type":"payout.paid"}`, "", "evt_12", "ignored test-mode"},
		"K12 again":                   {body, good, "", ""},
		"K14 of another version":      {`{"id":"evt_14","type":"payout.paid","livemode":true,"api_version":"2031-01-01"}`, "", "evt_14", "parked other-version"},
		"K15 an unknown type":         {`{"id":"evt_15","type":"moon.risen","livemode":true}`, "", "evt_15", "ignored unknown-type"},
		"K17 of another account":      {`{"id":"evt_17","type":"payout.paid","livemode":true,"account":"acct_of_others"}`, "", "evt_17", "parked waits-for-payouts"},
	} {
		if c.signature == "" {
			c.signature, want[c.id] = stripeSigned("whsec_test", c.body, now, "v1"), c.becomes
		}
		if a := h.as("", "POST", path, c.body, "Stripe-Signature", c.signature); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	other := strings.Replace(body, "paid", "failed", 1) // K13
	if a := h.as("", "POST", path, other, "Stripe-Signature", stripeSigned("whsec_test", other, now, "v1")); a.StatusCode != 409 || a.json(t)["code"] != "inbound-conflict" {
		t.Errorf("another body: %d %s", a.StatusCode, a.body)
	}
	if _, err := h.intake.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.became("stripe")); diff != "" {
		t.Error(diff)
	}
	if after := h.state(); after["transactions"] != before["transactions"] || after["balances"] != before["balances"] {
		t.Error("what a message says of the processor was believed")
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
