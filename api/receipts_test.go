package api

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"mizan/api/console"
)

// publicHouse is a service with public pages.
func publicHouse(t *testing.T) *house {
	t.Helper()
	return open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Receipts: c.Receipts, Now: c.Now})
	})
}

// campaignStory tells the refugee campaign of the worked examples to its end, with names for the campaign and two of its charities.
func (h *house) campaignStory() {
	h.t.Helper()
	raw, err := os.ReadFile("../ledger/commerce/testdata/lives/donation-campaign.json")
	if err != nil {
		h.t.Fatal(err)
	}
	var life struct {
		Steps []struct {
			Act, Type, Refused string
			Data               json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &life); err != nil {
		h.t.Fatal(err)
	}
	h.must(201, "POST", posting, `{"reference":"own-money","event":"opening.balance","entries":[{"account":"assets:bank:operating:main","direction":"debit","amount":"150.00","currency":"GBP"},{"account":"equity:opening","direction":"credit","amount":"150.00","currency":"GBP"}]}`)
	for n, s := range life.Steps {
		switch {
		case s.Refused != "":
		case s.Act != "":
			named := strings.NewReplacer(`"id": "winter24"`, `"id":"winter24","name":"Winter kits, camp A"`, `"payee": "ngo_a"`, `"payee":"ngo_a","name":"NGO A"`, `"payee": "ngo_b"`, `"payee":"ngo_b","name":"NGO B <x>"`).Replace(string(s.Data))
			h.must(201, "POST", "/v1/books/uk/campaigns", named)
		default:
			h.must(201, "POST", "/v1/books/uk/events", fmt.Sprintf(`{"type":%q,"reference":"S7-%d","data":%s}`, s.Type, n, s.Data))
		}
	}
}

// receiptFor makes a receipt.
func (h *house) receiptFor(subject string) string {
	h.t.Helper()
	return h.must(201, "POST", "/v1/books/uk/receipts", fmt.Sprintf(`{"subject":%q}`, subject)).json(h.t)["receipt"].(string)
}

// publicText is a public page without its markup.
func (h *house) publicText(status int, path string, header ...string) (string, answer) {
	h.t.Helper()
	a := h.as("", "GET", path, "", header...)
	if a.StatusCode != status {
		h.t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
	}
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, " ")
	text = regexp.MustCompile(`[\x{2066}-\x{2069}]`).ReplaceAllString(text, "")
	return html.UnescapeString(strings.Join(strings.Fields(text), " ")), a
}

// TestPublicDonation holds the page and the data of a donation's receipt to the numbers of the specification, before a
// stranger's eyes: without a key, without a cookie, and without anything personal.
func TestPublicDonation(t *testing.T) {
	t.Parallel()
	h := publicHouse(t)
	h.campaignStory()
	h.refused(404, "donation-unknown", "POST", "/v1/books/uk/receipts", `{"subject":"donation:D9"}`)
	h.refused(404, "order-unknown", "POST", "/v1/books/uk/receipts", `{"subject":"order:D9"}`)
	for _, wrong := range []string{"D3", "donation:", "payout:po_1", "donation:D3:x", "donation:'; DROP"} {
		h.refused(422, "receipt-subject", "POST", "/v1/books/uk/receipts", fmt.Sprintf(`{"subject":%q}`, wrong))
	}
	contains(t, h.must(200, "GET", "/v1/books/uk/donations/D3", "").body, `"donation":"D3"`)
	id := h.receiptFor("donation:D3")
	again := h.must(200, "POST", "/v1/books/uk/receipts", `{"subject":"donation:D3"}`)
	contains(t, again.body, id)
	contains(t, h.must(200, "GET", "/v1/books/uk/donations/D3", "").body, `"receipt":"`+id+`"`)

	data := h.as("", "GET", "/r/"+id+".json", "")
	contains(t, data.body, `"given":"106.00"`, `{"role":"beneficiaries","amount":"104.32","percentage":"98.42"}`, `{"role":"card_processing","amount":"1.68","percentage":"1.58"}`,
		`{"role":"platform","amount":"0.00","percentage":"0.00"}`, `{"role":"creator_agency","amount":"0.00","percentage":"0.00"}`, `"campaign_name":"Winter kits, camp A"`,
		`"name":"NGO A","percentage":"60.00","amount":"62.59","matched":"48.00","state":"disbursed"`, `"percentage":"25.00","amount":"26.08"`,
		`"name":"local_c","percentage":"15.00","amount":"15.65","matched":"12.00","state":"held","reason":"sanctions_check"`, `"tip":"5.00","tip_card_fee":"0.07","charged":"111.00"`,
		`"matched":"80.00","promised_not_funded":"0.00","of":"106.00","funders":["platform"],"bound":"campaign_cap","cap":"150.00"`, `"content_hash":"`)

	text, page := h.publicText(200, "/r/"+id)
	for _, want := range []string{"You gave £106.00 to “Winter kits, camp A”", "NGO A (60%) 62.59", "NGO B <x> (25%) 26.08", "local_c (15%) 15.65", "Beneficiaries 104.32 98.42%", "Card processing 1.68 1.58%",
		"Platform 0.00 0.00%", "Creator and agency 0.00 0.00%", "Total £106.00 100.00%", "a tip of £5.00", "its card fee of £0.07", "Charged to your card: £111.00", "£80.00 for your £106.00, by the platform", "£150.00",
		"NGO A 62.59 48.00 Arrived on", "local_c 15.65 12.00 Held: a check that the law demands", "Expected at the beneficiaries by"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q:\n%s", want, text)
		}
	}
	for _, personal := range []string{"pi_D3", "donation:D3", "don_", "S7-", "FT-1", "<script", "style="} {
		if strings.Contains(page.body, personal) || strings.Contains(data.body, personal) {
			t.Errorf("the public reads %q", personal)
		}
	}
	if strings.Contains(page.body, "<x>") {
		t.Error("a name is not written as text")
	}
	if len(page.Cookies()) != 0 || page.Header.Get("Cache-Control") != "public, max-age=60" || page.Header.Get("X-Robots-Tag") != "noindex, nofollow" || data.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("headers %v %v", page.Header, data.Header)
	}
	for path, a := range map[string]answer{"/r/" + id: page, "/r/" + id + ".json": data} {
		tag := a.Header.Get("ETag")
		again, err := http.NewRequestWithContext(t.Context(), "GET", h.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Header.Set("If-None-Match", `"other", W/`+tag)
		same, err := h.client.Do(again)
		if err != nil {
			t.Fatal(err)
		}
		if same.Body.Close(); same.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", path, same.StatusCode)
		}
	}
	if arabic, a := h.publicText(200, "/r/"+id+"?lang=ar"); !strings.Contains(a.body, `dir="rtl"`) || !strings.Contains(arabic, "المستفيدون") {
		t.Error(arabic)
	}
	back, _ := h.publicText(200, "/r/"+h.receiptFor("donation:D2"))
	for _, want := range []string{"£20.00 was refunded to you on", "NGO A 11.71 12.00 Went back to you", "NGO B <x> 4.88 5.00 Went back to you", "local_c 2.93 3.00 Went back to you"} {
		if !strings.Contains(back, want) {
			t.Errorf("a refunded donation does not show %q:\n%s", want, back)
		}
	}
}

// TestPublicCampaignSums: what comes from purchases, and what its gifts were given by people who match, stand on the page as sums, and
// nobody is named who is not published. A reason in the staff's own words is not shown.
func TestPublicCampaignSums(t *testing.T) {
	t.Parallel()
	h := publicHouse(t)
	h.campaignStory()
	h.must(201, "POST", posting, `{"reference":"round-up","event":"order.captured","entries":[{"account":"assets:processor:pending:main","direction":"debit","amount":"0.40","currency":"GBP"},{"account":"liabilities:donation:pending:ngo_b:winter24","direction":"credit","amount":"0.40","currency":"GBP"}]}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"match.pledged","reference":"pledge","data":{"campaign":"winter24","funder":"jane_doe","amount":"7.00"}}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"donation.held","reference":"hold","data":{"campaign":"winter24","beneficiary":"ngo_b","reason":"ask_john"}}`)
	data := h.as("", "GET", "/c/uk-winter24/data.json", "")
	contains(t, data.body, `"from_sales":"0.40","to_beneficiaries":"284.72"`, `"funders":["platform","sponsor"]`, `"other":"0.40","total":"71.48"`, `"held":"other"`)
	text, page := h.publicText(200, "/c/uk-winter24")
	for _, want := range []string{"Donated from purchases 0.40 To beneficiaries £284.72", "284.72 = 156.00 − 1.68 + 130.00 + 0.40", "Matched Other Total", "NGO B <x> 25% Held: a reason that is being looked into 38.58 32.50 0.40 71.48",
		"NGO A 60% 92.59 78.00 0.00 170.59", "matched by the platform, a sponsor at"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q:\n%s", want, text)
		}
	}
	receipt := h.receiptFor("donation:D3")
	old := h.as("", "GET", "/r/"+receipt+".json", "")
	contains(t, old.body, `"funders":["platform"],"bound":"campaign_cap","cap":"150.00"`)
	for _, personal := range []string{"jane_doe", "ask_john", "ask john"} {
		if strings.Contains(page.body+data.body+old.body, personal) {
			t.Errorf("the public reads %q", personal)
		}
	}
}

// TestPublicOrderUndone: a receipt of an order whose only capture was reversed is unknown again, as one that never was.
func TestPublicOrderUndone(t *testing.T) {
	t.Parallel()
	h := publicHouse(t)
	h.event("order.captured", "an-order")
	id := h.receiptFor("order:UK-1001")
	h.must(200, "GET", "/v1/books/uk/orders/UK-1001", "")
	h.publicText(200, "/r/"+id)
	h.must(201, "POST", posting+"/uk-1/reversal", `{"reference":"undo"}`)
	h.refused(404, "receipt-unknown", "GET", "/r/"+id+".json", "")
	h.publicText(404, "/r/"+id)
}

// TestPublicCampaign holds a campaign's page and its data to the numbers of the specification, as a sum.
func TestPublicCampaign(t *testing.T) {
	t.Parallel()
	h := publicHouse(t)
	h.campaignStory()
	data := h.as("", "GET", "/c/uk-winter24/data.json", "")
	contains(t, data.body, `"name":"Winter kits, camp A"`, `"given":"156.00","card_fees":"1.68","card_fees_covered":"0.91","platform_fee":"0.00","tips":"5.00","matched":"130.00"`,
		`"to_beneficiaries":"284.32","disbursed":"241.67","held":"42.65","refunds":1,"refunded":"20.00"`, `"pledged":"150.00"`, `"cap_left":"0.00"`,
		`{"name":"NGO A","percentage":"60.00","donated":"92.59","matched":"78.00","other":"0.00","total":"170.59","disbursed":"170.59","on_its_way":"0.00","waiting":"0.00"}`, `"held":"sanctions_check"`)
	text, page := h.publicText(200, "/c/uk-winter24")
	for _, want := range []string{"Given 156.00", "Card fees deducted -1.68", "Platform fee 0.00", "Matched 130.00", "To beneficiaries £284.32", "284.32 = 156.00 − 1.68 + 130.00", "Arrived 241.67", "Held local_c: a check that the law demands 42.65",
		"Card fees that donors paid on top 0.91", "Tips for the platform 5.00", "Donations that went back: 1 20.00", "Held: a check that the law demands", "Version 1", "NGO A (60%)", "Left for later gifts: £0.00"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q:\n%s", want, text)
		}
	}
	if page.Header.Get("X-Robots-Tag") != "" || strings.Contains(page.body, "noindex") || page.Header.Get("ETag") == "" {
		t.Errorf("headers %v", page.Header)
	}
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"VN","currencies":["GBP"],"time_zone":"UTC"}`)
	for _, path := range []string{"/c/vn-winter24", "/c/xx-winter24", "/c/winter24", "/c/uk-", "/c/uk-none", "/c/uk-a:b", "/c/UK-winter24"} {
		_, missing := h.publicText(404, path)
		if _, other := h.publicText(404, "/c/zz-zz"); other.body != missing.body {
			t.Errorf("%s is answered otherwise than what never was", path)
		}
	}
	h.refused(404, "campaign-unknown", "GET", "/c/vn-winter24/data.json", "")
}

// TestPublicGift shows the reported chain of a gift by roles, without an id of anybody, and an order's waterfall likewise.
func TestPublicGift(t *testing.T) {
	t.Parallel()
	h := publicHouse(t)
	for _, e := range chainEvents {
		h.must(201, "POST", "/v1/books/uk/events", e)
	}
	h.must(201, "POST", "/v1/books/uk/splits", chainSplit)
	id := h.receiptFor("gift:G-1")
	data := h.as("", "GET", "/r/"+id+".json", "")
	contains(t, data.body, `"layers":[{"role":"store","amount":"31.80","percentage":"30.00"},{"role":"platform","amount":"41.17","percentage":"38.84"},{"role":"partner","amount":"3.30","percentage":"3.11"},`+
		`{"role":"agency","amount":"10.41","percentage":"9.82"},{"role":"creator","amount":"19.32","percentage":"18.23"}]`, `"divided":"106.00"`)
	text, page := h.publicText(200, "/r/"+id)
	for _, want := range []string{"You sent a gift of £106.00", "£19.32 Creator 18.23%", "App store 31.80 30.00%", "Platform 41.17 38.84%", "3.30 3.11%", "Agency 10.41 9.82%", "Creator 19.32 18.23%", "Total £106.00 100.00%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q:\n%s", want, text)
		}
	}
	h.event("order.captured", "an-order")
	order := h.receiptFor("order:UK-1001")
	sold := h.as("", "GET", "/r/"+order+".json", "")
	sum := 0
	for _, l := range sold.json(t)["layers"].([]any) {
		var whole, cents int
		if _, err := fmt.Sscanf(l.(map[string]any)["amount"].(string), "%d.%d", &whole, &cents); err != nil {
			t.Fatal(err)
		}
		sum += whole*100 + cents
	}
	if want := sold.json(t)["divided"]; fmt.Sprintf("%d.%02d", sum/100, sum%100) != want {
		t.Errorf("the layers come to %d, want %v: %s", sum, want, sold.body)
	}
	soldText, soldPage := h.publicText(200, "/r/"+order)
	contains(t, soldText, "You paid £", "Seller", "Platform")
	for _, person := range []string{"cre_", "family", "middleman", "money_shop", "sel_uk", "mcn_", "UK-1001", "pi_", "CP-1"} {
		for _, body := range []string{data.body, page.body, sold.body, soldPage.body} {
			if strings.Contains(body, person) {
				t.Errorf("the public reads %q: %s", person, body)
			}
		}
	}
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"VN","currencies":["GBP"],"time_zone":"UTC"}`)
	_, random, _ := strings.Cut(id, "-")
	_, never := h.publicText(404, "/r/uk-"+strings.Repeat("a", 26))
	for _, wrong := range []string{"vn-" + random, "xx-" + random, random, id + "x", strings.ToUpper(id), "uk-' OR 1=1--"} {
		if _, a := h.publicText(404, "/r/"+strings.ReplaceAll(wrong, " ", "%20")); a.body != never.body {
			t.Errorf("%s is answered otherwise than what never was", wrong)
		}
	}
	h.refused(404, "receipt-unknown", "GET", "/r/vn-"+random+".json", "")
}
