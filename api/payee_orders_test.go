package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mizan/api/client"
	"mizan/api/console"
	"mizan/ledger/vault"
)

var (
	// pageMoney are the amounts of a page, with their currency's sign or without.
	pageMoney = regexp.MustCompile(`(?s)<(?:td|span|dd) class="[^"]*money">\s*<bdi[^>]*>([^<]*)</bdi>`)
	// partOf cuts a page off where its forms begin, which hold no amounts of the order.
	partOf = regexp.MustCompile(`(?s)^.*?<h2 id="what-if">`)
)

// payeePages is a house with pages and an order of three payees, of which one unit came back.
func payeePages(t *testing.T) *house {
	h := open(t, func(c *Config) {
		c.Console = console.New(console.Config{Ledger: c.Ledger, Access: c.Access, Desk: c.Desk, Trail: c.Trail, Commerce: c.Commerce, Vault: c.Vault, Payouts: c.Payouts, Now: c.Now})
	})
	for _, p := range []string{"cre_amy creator", "cre_bob creator", "sel_uk seller", "mcn_ldn agency"} {
		id, kind, _ := strings.Cut(p, " ")
		h.must(201, "POST", "/v1/books/uk/payees", fmt.Sprintf(`{"id":%q,"kind":%q,"country":"UK","currency":"GBP"}`, id, kind))
	}
	h.event("order.captured", "captured-1")
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"order.delivered","reference":"d-1","data":{"order":"UK-1001","delivered_at":"2026-11-20T09:30:00Z","last_parcel":true}}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"processor.fee_recorded","reference":"f-1","data":{"processor":"main","kind":"fee","payment_id":"pi_1001","amount":"0.87","currency":"GBP"}}`)
	return h
}

// amountsOf are the amounts of a page without signs of currencies and isolation.
func amountsOf(body string) (list []string) {
	for _, m := range pageMoney.FindAllStringSubmatch(body, -1) {
		list = append(list, strings.NewReplacer("£", "", "−", "-", ",", "", "\u200e", "").Replace(m[1]))
	}
	return list
}

// TestPayeeOrders holds what the API tells a payee of an order and of its money against what the pages tell, amount by amount, and shows
// that nobody reads of others.
func TestPayeeOrders(t *testing.T) {
	t.Parallel()
	h := payeePages(t)
	amy, seller, agency := h.signedIn("uk", "cre_amy"), h.signedIn("uk", "sel_uk"), h.signedIn("uk", "mcn_ldn")
	compare := func(stage string) {
		t.Helper()
		for payee, session := range map[string]string{"cre_amy": amy, "sel_uk": seller, "mcn_ldn": agency} {
			at := "/v1/books/uk/payees/" + payee
			var o payeeOrderWholeJSON
			a := h.by(session, "GET", at+"/orders/UK-1001", "")
			if err := json.Unmarshal([]byte(a.body), &o); err != nil || a.StatusCode != 200 {
				t.Fatal(stage, payee, a.StatusCode, a.body)
			}
			want := []string{o.Amount}
			for _, b := range o.Held {
				want = append(want, b.Amount)
			}
			for _, s := range o.Waterfall { // the page has those who give first
				if strings.HasPrefix(s.Amount, "-") {
					want = append(want, s.Amount)
				}
			}
			for _, s := range o.Waterfall {
				if !strings.HasPrefix(s.Amount, "-") {
					want = append(want, s.Amount)
				}
			}
			want = append(want, "0.00")
			for _, m := range o.Moves {
				if m.Amount != "0.00" {
					want = append(want, m.Amount)
				}
				for _, l := range m.Lines {
					want = append(want, l.Amount)
				}
			}
			page := h.by(session, "GET", "/portal/orders/UK-1001", "").body
			if whole := partOf.FindString(page); whole != "" {
				page = whole
			}
			if got := amountsOf(page); !slices.Equal(got, want) || len(want) < 6 {
				t.Errorf("%s, %s: the page has %v, the API %v", stage, payee, got, want)
			}
			if strings.Contains(a.body, "0.87") || strings.Contains(a.body, "pi_1001") || payee != "sel_uk" && (strings.Contains(a.body, "sel_uk") || strings.Contains(a.body, `"fees"`)) || payee != "cre_amy" && strings.Contains(a.body, "cre_") {
				t.Errorf("%s: %s reads of others: %s", stage, payee, a.body)
			}
			var list payeeOrderListJSON
			if err := json.Unmarshal([]byte(h.by(session, "GET", at+"/orders", "").body), &list); err != nil || len(list.Data) != 1 || list.Data[0].Amount != o.Amount || list.Data[0].Stands != o.Stands {
				t.Errorf("%s, %s: the list %+v, %v", stage, payee, list, err)
			}
			if got := amountsOf(h.by(session, "GET", "/portal/orders", "").body); !slices.Equal(got, []string{o.Amount}) {
				t.Errorf("%s, %s: the page lists %v", stage, payee, got)
			}
			var coming comingJSON
			if err := json.Unmarshal([]byte(h.by(session, "GET", at+"/coming", "").body), &coming); err != nil || len(coming.Currencies) != 1 {
				t.Fatal(stage, payee, coming, err)
			}
			in := coming.Currencies[0]
			stages := map[string]string{"pending": "0.00", "available": "0.00", "paying": "0.00"}
			for _, s := range in.Stages {
				if s.Amount != "0.00" || stages[s.Stage] != "" {
					stages[s.Stage] = s.Amount
				}
			}
			want = nil
			for _, stage := range []string{"pending", "available", "paying", "reserve", "dispute_hold", "blocked"} {
				if amount, has := stages[stage]; has {
					want = append(want, amount)
				}
			}
			for _, days := range [][]comingDayJSON{in.Coming, in.Reserves} {
				for _, d := range days {
					want = append(want, d.Amount)
				}
			}
			money := h.by(session, "GET", "/portal/money", "").body
			if got := amountsOf(money); !slices.Equal(got, want) {
				t.Errorf("%s, %s: the page of the money has %v, the API %v", stage, payee, got, want)
			}
			if in.Next.Expect == "none" {
				if len(in.Next.Reasons) == 0 || !strings.Contains(money, "as things stand") {
					t.Errorf("%s, %s: the page does not tell %+v", stage, payee, in.Next)
				}
			} else if in.Next.Expect != "nothing" && !strings.Contains(money, in.Next.Amount) {
				t.Errorf("%s, %s: the page does not tell %+v", stage, payee, in.Next)
			}
		}
	}
	compare("captured")
	ask := "/v1/books/uk/payees/cre_amy/orders/UK-1001/return"
	var back payeeReturnJSON
	before := h.must(200, "GET", "/v1/books/uk", "").body
	if a := h.by(amy, "GET", ask+"?line=1&units=1", ""); json.Unmarshal([]byte(a.body), &back) != nil || back.Change != "-2.20" || back.Amount != "2.21" || len(back.Lines) != 2 || back.Lines[0].Amount != "-3.15" {
		t.Errorf("what if: %s", a.body)
	}
	if a := h.by(amy, "GET", ask, ""); json.Unmarshal([]byte(a.body), &back) != nil || back.Change != "-4.41" || back.Amount != "0.00" {
		t.Errorf("what if everything: %s", a.body)
	}
	if after := h.must(200, "GET", "/v1/books/uk", "").body; after != before {
		t.Errorf("asking left something behind: %s, before %s", after, before)
	}
	if _, err := h.payouts.Feed(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	compare("delivered")
	h.must(201, "POST", "/v1/books/uk/orders/UK-1001/settlement", `{"reserve":{"rate":"0.10","days":30}}`)
	h.must(201, "POST", "/v1/books/uk/events", `{"type":"refund.made","reference":"RF-1","data":{"order":"UK-1001","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","payment_refund_id":"re_1","shipped":true}}`)
	if _, err := h.payouts.Feed(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	compare("refunded")

	for _, query := range []string{"", "/return", "/return?line=1"} {
		hidden, missing := h.by(h.signedIn("uk", "cre_bob"), "GET", "/v1/books/uk/payees/cre_bob/orders/UK-1001"+query, ""), h.by(h.signedIn("uk", "cre_bob"), "GET", "/v1/books/uk/payees/cre_bob/orders/UK-1002"+query, "")
		id := regexp.MustCompile(`[A-Z2-7]{26}`)
		if hidden.StatusCode != 404 || id.ReplaceAllString(hidden.body, "") != strings.ReplaceAll(id.ReplaceAllString(missing.body, ""), "UK-1002", "UK-1001") {
			t.Errorf("%q: an order of others is answered with %s, one that does not exist with %s", query, hidden.body, missing.body)
		}
	}
	for path, want := range map[string]int{
		"sel_uk/orders": 404, "sel_uk/orders/UK-1001": 404, "sel_uk/coming": 404, "nobody/coming": 404, "cre_amy/orders?kind=seller": 404, "cre_amy/coming?kind=seller": 404, "cre_amy/orders?kind=creator": 200,
		"cre_amy/orders?state=paid": 422, "cre_amy/orders?limit=101": 400, "cre_amy/orders?cursor=x": 400, "cre_amy/orders?currency=USD": 422, "cre_amy/orders/UK-1001/return?line=9": 422,
		"cre_amy/orders/UK-1001/return?units=1": 422, "cre_amy/orders/UK-1001/return?line=0": 400, "cre_amy/orders/UK-1001/return?line=1&units=2": 422, "cre_amy/orders?state=held": 200,
	} {
		if a := h.by(amy, http.MethodGet, "/v1/books/uk/payees/"+path, ""); a.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", path, a.StatusCode, want, a.body)
		}
	}
	h.must(404, "GET", "/v1/books/uk/payees/nobody/orders", "")
	c, err := client.New(h.server.URL, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Collect(c.PayeeOrders(t.Context(), "uk", "cre_amy", client.PayeeOrderQuery{State: "settled"}), 10)
	if err != nil || len(list) != 1 || list[0].Amount != "2.21" {
		t.Errorf("the client lists %+v, %v", list, err)
	}
	o, err := c.PayeeOrder(t.Context(), "uk", "cre_amy", "", "UK-1001")
	if err != nil || o.Amount != "2.21" || o.Moves[0].Lines[0].How[0].Rate != "0.15" || o.Waterfall[0].Side != "buyer" {
		t.Errorf("the client reads %+v, %v", o, err)
	}
	r, err := c.PayeeReturn(t.Context(), "uk", "cre_amy", "creator", "UK-1001", 1, 1)
	if err != nil || r.Change != "-2.21" || r.Amount != "0.00" {
		t.Errorf("the client asks %+v, %v", r, err)
	}
	coming, err := c.Coming(t.Context(), "uk", "sel_uk", "")
	if err != nil || len(coming.Currencies) != 1 || len(coming.Currencies[0].Reserves) != 1 {
		t.Errorf("the client reads %+v, %v", coming, err)
	}
	h.askAndAnswer(c, amy)
	items := make([]string, 0, 200)
	for i := range cap(items) {
		items = append(items, fmt.Sprintf(`{"type":"after_sales.%s","reference":"case-%d","data":{"order":"UK-1001","case":"RMA-7"}}`, []string{"opened", "closed"}[i%2], i))
	}
	h.must(200, "POST", "/v1/books/uk/events/batch", `{"atomic":true,"events":[`+strings.Join(items, ",")+`]}`)
	if a := h.by(amy, "GET", ask, ""); a.code() != "return-too-long" {
		t.Errorf("of a long order: %s", a.body)
	}
}

// askAndAnswer has a payee ask about a line, and finance answer. Nobody else reads it, and what was written goes with the payee's data.
func (h *house) askAndAnswer(c *client.Client, amy string) {
	t := h.t
	t.Helper()
	own := "/v1/books/uk/payees/cre_amy/questions"
	ask := `{"reference":"q-1","about":"order","id":"UK-1001","line":"uk-1/1","text":"Why only this?"}`
	a := h.by(amy, "POST", own, ask)
	q := a.json(t)
	id, _ := q["id"].(string)
	if about := q["about"].(map[string]any); a.StatusCode != 200 || about["amount"] != "6.30" || about["code"] != "commission" || q["state"] != "open" {
		t.Fatalf("asked: %d %s", a.StatusCode, a.body)
	}
	if again := h.by(amy, "POST", own, ask); again.body != a.body {
		t.Errorf("the same again: %s", again.body)
	}
	for body, code := range map[string]string{
		strings.Replace(ask, "only", "not", 1): "question-reused", strings.Replace(ask, `"q-1","about":"order","id":"UK-1001"`, `"q-2","about":"order","id":"UK-9"`, 1): "question-about-unknown",
		strings.NewReplacer("q-1", "q-3", "uk-1/1", "uk-1/9").Replace(ask): "question-about-unknown", strings.NewReplacer("q-1", "q-4", "Why only this?", "  ").Replace(ask): "question-text",
		strings.NewReplacer("q-1", "q-5", "Why only this?", "4242 4242 4242 4242").Replace(ask): "validation-failed",
	} {
		if a := h.by(amy, "POST", own, body); a.code() != code {
			t.Errorf("%s: %s, want %s", body, a.body, code)
		}
	}
	for _, other := range []string{h.signedIn("uk", "cre_bob"), h.signedIn("uk", "sel_uk")} {
		if a := h.by(other, "GET", own+"/"+id, ""); a.StatusCode != 404 {
			t.Errorf("somebody else reads it: %s", a.body)
		}
	}
	if a := h.by(h.signedIn("uk", "cre_bob"), "GET", "/v1/books/uk/payees/cre_bob/questions/"+id, ""); a.code() != "question-unknown" {
		t.Errorf("under another id: %s", a.body)
	}
	if list := h.must(200, "GET", "/v1/books/uk/questions", ""); !strings.Contains(list.body, id) || strings.Contains(list.body, "Why") {
		t.Errorf("the inbox: %s", list.body)
	}
	_, finance := h.staff("finance@uk")
	_, auditor := h.staff("auditor@uk")
	if a := h.by(auditor, "GET", own+"/"+id, ""); a.StatusCode != 403 {
		t.Errorf("an auditor reads what was written: %d", a.StatusCode)
	}
	for range 2 { // the second like a caller that lost the reply
		if a := h.by(finance, "POST", "/v1/books/uk/questions/"+id+"/answer", `{"text":"One of two came back."}`); a.StatusCode != 200 || a.json(t)["answer"] != "One of two came back." {
			t.Errorf("answered: %s", a.body)
		}
	}
	if a := h.must(409, "POST", "/v1/books/uk/questions/"+id+"/answer", `{"text":"One of two came back."}`); a.code() != "question-state" {
		t.Errorf("answered alike by another: %s", a.body)
	}
	if a := h.must(200, "POST", own, ask); a.json(t)["state"] != "answered" || strings.Contains(a.body, "came back") || strings.Contains(a.body, "Why") {
		t.Errorf("whoever asks in the payee's name reads what was written: %s", a.body)
	}
	if a := h.by(finance, "POST", "/v1/books/uk/questions/"+id+"/answer", `{"text":"Another."}`); a.code() != "question-state" {
		t.Errorf("answered twice: %s", a.body)
	}
	if a := h.by(amy, "GET", own+"/"+id, ""); a.json(t)["answer"] != "One of two came back." {
		t.Errorf("the payee reads %s", a.body)
	}
	if _, err := c.PayeeQuestion(t.Context(), "uk", "cre_amy", id); err != nil {
		t.Error(err)
	}
	if a := h.by(amy, "POST", own+"/"+id+"/closing", `{"state":"closed"}`); a.json(t)["state"] != "closed" {
		t.Errorf("closed: %s", a.body)
	}
	trail := h.must(200, "GET", "/v1/books/uk/audit?act=payee_question.", "").body
	for _, act := range []string{"asked", "answered", "read", "closed"} {
		if !strings.Contains(trail, "payee_question."+act) {
			t.Errorf("the trail lacks %s", act)
		}
	}
	if strings.Contains(trail, "Why") || strings.Contains(trail, "came back") {
		t.Errorf("the trail holds what was written: %s", trail)
	}
	for i := 2; i <= 11; i++ {
		want := 200
		if i > 10 {
			want = 429
		}
		if a := h.by(amy, "POST", own, strings.Replace(ask, "q-1", fmt.Sprint("more-", i), 1)); a.StatusCode != want {
			t.Errorf("question %d: %d %s", i, a.StatusCode, a.body)
		}
	}
	h.must(200, "POST", "/v1/books/uk/data_subjects/payee:cre_amy/erasure", `{"reason":"For the tests."}`)
	if q := h.by(amy, "GET", own+"/"+id, "").json(t); q["erased"] != true || q["text"] != "" || q["answer"] != "" {
		t.Errorf("after the erasure: %v", q)
	}
	if a := h.by(amy, "POST", own, ask); a.code() != vault.ErrErased.Code {
		t.Errorf("asked again after the erasure: %s", a.body)
	}
}
