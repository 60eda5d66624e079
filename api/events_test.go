package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/commerce"
)

// Events over real HTTP. What they post is for package commerce to test; here it is how they are asked for and answered.

// Where events of the tests' book are posted, and its orders are.
const (
	events = "/v1/books/uk/events"
	orders = "/v1/books/uk/orders"
)

// exampleOf is the documented example of a type of event.
func exampleOf(t testing.TB, name string) string {
	t.Helper()
	body, err := json.Marshal(eventExample(name))
	if err != nil || string(body) == "null" {
		t.Fatalf("%s has no example: %v", name, err)
	}
	return string(body)
}

// capture is the example of a sale for another order.
func capture(t testing.TB, order string) string {
	t.Helper()
	return strings.NewReplacer("UK-1001", order, "captured-1001", "captured-"+order, "pi_1001", "pi_"+order).Replace(exampleOf(t, "order.captured"))
}

// event posts the example of a type under a reference and returns the id of what it posted.
func (h *house) event(name, reference string) string {
	h.t.Helper()
	body := strings.Replace(exampleOf(h.t, name), strings.ReplaceAll(name, ".", "-")+"-1001", reference, 1)
	posted := h.must(201, "POST", events, body).json(h.t)["transactions"].([]any)
	return posted[0].(map[string]any)["id"].(string)
}

func TestPostEvent(t *testing.T) {
	t.Parallel()
	h := open(t)
	body := strings.Replace(capture(t, "UK-1"), `"data"`, `"occurred_at":"2026-11-20T10:30:00.25+01:00","data"`, 1)
	forecast := h.must(200, "POST", events+"?dry_run=true", body).json(t)
	if h.must(200, "GET", "/v1/books/uk", "").json(t)["last_sequence"] != 0.0 {
		t.Error("a dry run left something")
	}
	first := h.must(201, "POST", events, body)
	posted := first.json(t)
	if posted["reference"] != "order-captured-UK-1" || posted["type"] != "order.captured" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%v", posted)
	}
	for _, v := range []map[string]any{forecast, posted} {
		ts := v["transactions"].([]any)
		if len(ts) != 1 || ts[0].(map[string]any)["id"] != "uk-1" || ts[0].(map[string]any)["occurred_at"] != "2026-11-20T09:30:00.250000Z" || v["explanation"].(map[string]any)["event"] != "order.captured" {
			t.Errorf("%v", v)
		}
	}
	// The same content written otherwise is the same event.
	members := strings.SplitN(body, `"data":`, 2)
	other := `{ "data" : ` + strings.TrimSuffix(members[1], "}") + "," + strings.TrimSuffix(members[0][1:], ",") + "}"
	for _, again := range []string{body, strings.Replace(other, "order.captured", `order.\u0063aptured`, 1)} {
		a := h.must(200, "POST", events, again)
		if a.Header.Get("Idempotent-Replayed") != "true" || a.body != first.body {
			t.Errorf("a replay differs: %s", cmp.Diff(first.body, a.body))
		}
	}
	h.must(200, "POST", events+"?dry_run=true", body)
	h.refused(409, "reference-reused", "POST", events, strings.Replace(exampleOf(t, "order.delivered"), "order-delivered-1001", "order-captured-UK-1", 1))

	fact := strings.Replace(exampleOf(t, "order.delivered"), "UK-1001", "UK-1", 1)
	if got := h.must(201, "POST", events, fact).json(t)["transactions"].([]any); len(got) != 0 {
		t.Errorf("a fact shows %v", got)
	}
	if a := h.must(200, "POST", events, fact); a.Header.Get("Idempotent-Replayed") != "true" {
		t.Error("the replay of a fact does not say so")
	}
	// After a timeout: the reference tells what it recorded, also that of a fact.
	for _, reference := range []string{"order-captured-UK-1", "order-delivered-1001"} {
		if got := h.must(200, "GET", posting+"?reference="+reference, "").json(t)["data"].([]any); len(got) != 1 {
			t.Errorf("%s recorded %v", reference, got)
		}
	}
}

// TestBadEvents posts what is wrong, each with its answer.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	h := open(t)
	good := exampleOf(t, "order.captured")
	before := h.state()
	for _, c := range []struct {
		name, part, by string
		status         int
		code, pointer  string
	}{
		{"unknown type", `"order.captured"`, `"order.vanished"`, 422, "event-type", "/type"},
		{"type of other letters", `"order.captured"`, `"Order.captured"`, 422, "event-type", "/type"},
		{"type with a zero", `"order.captured"`, `"order.captured\u0000"`, 422, "event-type", "/type"},
		{"reserved type", `"order.captured"`, `"payout.paid"`, 403, "event-reserved", "/type"},
		{"settlement", `"order.captured"`, `"order.settled"`, 403, "event-reserved", "/type"},
		{"no type", `"type":"order.captured",`, ``, 422, "validation-failed", "/type"},
		{"unknown member", `"capture":1`, `"capture":1,"captured":1`, 422, "validation-failed", "/data/captured"},
		{"unknown member of a line", `"quantity":2`, `"quantity":2,"price":"1"`, 422, "validation-failed", "/data/lines/0/price"},
		{"missing member", `"seller":"sel_uk",`, ``, 422, "validation-failed", "/data/seller"},
		{"missing member of a discount", `"funder":"platform",`, ``, 422, "validation-failed", "/data/lines/0/discounts/1/funder"},
		{"null", `"SKU-9"`, `null`, 422, "validation-failed", "/data/lines/0/sku"},
		{"null list", `"tax":[]`, `"tax":null`, 422, "validation-failed", "/data/shipping/tax"},
		{"another type", `"quantity":2`, `"quantity":"2"`, 422, "validation-failed", "/data/lines/0/quantity"},
		{"a fraction", `"quantity":2`, `"quantity":2.0`, 422, "validation-failed", "/data/lines/0/quantity"},
		{"an exponent", `"quantity":2`, `"quantity":2e0`, 422, "validation-failed", "/data/lines/0/quantity"},
		{"2^63", `"quantity":2`, `"quantity":9223372036854775808`, 422, "validation-failed", "/data/lines/0/quantity"},
		{"an amount as a number", `"24.99"`, `24.99`, 422, "validation-failed", "/data/lines/0/unit_price"},
		{"2^53+1 as a number", `"24.99"`, `9007199254740993`, 422, "validation-failed", "/data/lines/0/unit_price"},
		{"a rate as a number", `"0.15"`, `0.15`, 422, "validation-failed", "/data/commission_rate"},
		{"a negative amount", `"24.99"`, `"-24.99"`, 422, "validation-failed", "/data/lines/0/unit_price"},
		{"digits of another script", `"24.99"`, `"２4.99"`, 422, "validation-failed", "/data/lines/0/unit_price"},
		{"no choice", `"paid_by":"creator"`, `"paid_by":"buyer"`, 422, "validation-failed", "/data/creators/0/agency/paid_by"},
		{"an id with a colon", `"sel_uk"`, `"sel:uk"`, 422, "validation-failed", "/data/seller"},
		{"no lines", `"lines":[`, `"lines":[],"order_discounts":[`, 422, "validation-failed", "/data/lines"},
		{"a time without a zone", `09:00:00Z`, `09:00:00`, 422, "validation-failed", "/data/placed_at"},
		{"duplicate key", `"capture":1`, `"capture":1,"capture":1`, 400, "malformed-json", ""},
		{"duplicate key by escape", `"capture":1`, `"capture":1,"c\u0061pture":1`, 400, "malformed-json", ""},
		{"too large", `"channel":"app"`, `"channel":"` + strings.Repeat("a", bodyLimit) + `"`, 413, "body-too-large", ""},
		{"a long text", `"channel":"app"`, `"channel":"` + strings.Repeat("a", 65) + `"`, 422, "validation-failed", "/data/channel"},
		{"too many lines", `"lines":[`, `"lines":[` + strings.Repeat(`{"line":1},`, 200), 422, "validation-failed", "/data/lines"},
	} {
		if !strings.Contains(good, c.part) {
			t.Fatalf("%s: the example lacks %s", c.name, c.part)
		}
		body := strings.Replace(good, c.part, c.by, 1)
		for _, query := range []string{"", "?dry_run=true"} {
			p := h.refused(c.status, c.code, "POST", events+query, body).json(t)
			if c.pointer != "" && !slices.Contains(pointers(p), c.pointer) {
				t.Errorf("%s: pointers %v, want %s", c.name, pointers(p), c.pointer)
			}
		}
		if c.status == 400 || c.status == 413 {
			continue
		}
		items := fmt.Sprintf(`"events":[%s,%s]}`, capture(t, "UK-2"), body)
		p := h.refused(422, "batch-refused", "POST", events+"/batch", `{"atomic":true,`+items).json(t)
		if p["index"] != 1.0 || !slices.Contains(pointers(p), "/events/1"+c.pointer) {
			t.Errorf("%s in an atomic batch: %v", c.name, p)
		}
		r := h.must(200, "POST", events+"/batch?dry_run=true", "{"+items).json(t)["results"].([]any)[1].(map[string]any)
		if r["status"] != float64(c.status) || !slices.Contains(pointers(r["problem"].(map[string]any)), "/events/1"+c.pointer) || r["event"] != nil {
			t.Errorf("%s in a batch: %v", c.name, r)
		}
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("bad events changed the database: %s", diff)
	}
}

func TestEventBatches(t *testing.T) {
	t.Parallel()
	h := open(t)
	one, two := capture(t, "UK-1"), capture(t, "UK-2")
	h.must(201, "POST", events, one)
	statuses := func(a answer) (all []float64) {
		for _, r := range a.json(t)["results"].([]any) {
			all = append(all, r.(map[string]any)["status"].(float64))
		}
		return all
	}
	mixed := `{"events":[` + one + "," + two + `,{"type":"order.captured","reference":"x","data":{}},` + strings.Replace(exampleOf(t, "order.delivered"), "UK-1001", "UK-1", 1) + "]}"
	if got := statuses(h.must(200, "POST", events+"/batch?dry_run=true", mixed)); !slices.Equal(got, []float64{200, 200, 422, 200}) {
		t.Errorf("a dry run: %v", got)
	}
	if got := statuses(h.must(200, "POST", events+"/batch", mixed)); !slices.Equal(got, []float64{200, 201, 422, 201}) {
		t.Errorf("a batch: %v", got)
	}
	if got := statuses(h.must(200, "POST", events+"/batch", `{"atomic":true,"events":[`+capture(t, "UK-3")+","+capture(t, "UK-4")+"]}")); !slices.Equal(got, []float64{201, 201}) {
		t.Errorf("an atomic batch: %v", got)
	}
	// An item that could be read and is refused later fails the whole as well, and leaves nothing.
	other := strings.Replace(exampleOf(t, "order.delivered"), "order-delivered-1001", "order-captured-UK-1", 1)
	for _, query := range []string{"", "?dry_run=true"} {
		p := h.refused(422, "batch-refused", "POST", events+"/batch"+query, `{"atomic":true,"events":[`+capture(t, "UK-5")+","+other+"]}").json(t)
		if p["index"] != 1.0 || p["errors"].([]any)[0].(map[string]any)["code"] != "reference-reused" {
			t.Errorf("%v", p)
		}
	}
	h.must(404, "GET", orders+"/UK-5", "")
	for name, c := range map[string]struct {
		body    string
		status  int
		code    string
		pointer string
	}{
		"none":              {`{"events":[]}`, 422, "validation-failed", "/events"},
		"1,001":             {`{"events":[` + strings.Repeat("{},", 1000) + `{}]}`, 422, "validation-failed", "/events"},
		"no list":           {`{"events":{}}`, 422, "validation-failed", "/events"},
		"no member":         {`{"atomic":true}`, 422, "validation-failed", "/events"},
		"of transactions":   {`{"transactions":[` + sale("a", "1.00") + `]}`, 422, "validation-failed", "/transactions"},
		"beyond 4 MiB":      {mixed + strings.Repeat(" ", batchBodyLimit), 413, "body-too-large", ""},
		"too many values":   {`{"events":[` + strings.Repeat("0,", maxBatchNodes) + `0]}`, 422, "validation-failed", ""},
		"null":              {`{"events":[null],"atomic":true}`, 422, "batch-refused", "/events/0"},
		"a key twice":       {`{"events":[],"Events":[]}`, 400, "malformed-json", ""},
		"nothing that fits": {`null`, 422, "validation-failed", ""},
	} {
		p := h.refused(c.status, c.code, "POST", events+"/batch", c.body).json(t)
		if c.pointer != "" && !slices.Contains(pointers(p), c.pointer) {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestLargestEventBatch posts a thousand sales in just under 4 MiB.
func TestLargestEventBatch(t *testing.T) {
	t.Parallel()
	h := open(t)
	items := make([]string, 1000)
	for i := range items {
		items[i] = capture(t, fmt.Sprint("UK-", i))
	}
	body := `{"events":[` + strings.Join(items, ",") + "]}"
	body += strings.Repeat(" ", batchBodyLimit-len(body))
	results := h.must(200, "POST", events+"/batch", body).json(t)["results"].([]any)
	for i, r := range results {
		if r.(map[string]any)["status"] != 201.0 {
			t.Fatalf("item %d: %v", i, r)
		}
	}
	if len(results) != 1000 {
		t.Errorf("%d results", len(results))
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.event("order.captured", "sale")
	h.must(201, "POST", events, exampleOf(t, "order.delivered"))

	order := h.must(200, "GET", orders+"/UK-1001", "").json(t)
	if order["order"] != "UK-1001" || order["currency"] != "GBP" || len(order["waterfall"].([]any)) == 0 || len(order["transactions"].([]any)) != 2 {
		t.Errorf("%v", order)
	}
	why := h.must(200, "GET", posting+"/"+id+"/explanation", "").json(t)
	if why["event"] != "order.captured" || len(why["entries"].([]any)) == 0 || len(why["steps"].([]any)) == 0 {
		t.Errorf("%v", why)
	}
	h.refused(404, "transaction-unknown", "GET", posting+"/uk-99/explanation", "")
	h.refused(404, "transaction-unknown", "GET", posting+"/UK99/explanation", "")
	h.must(404, "GET", orders+"/UK-1002", "")
	for _, path := range []string{"/UK%201", "/UK:1", "/" + strings.Repeat("a", 65)} {
		p := h.refused(422, "validation-failed", "GET", orders+path, "").json(t)
		if !slices.Contains(pointers(p), "path:order") {
			t.Errorf("%s: %v", path, p)
		}
	}

	settlement := orders + "/UK-1001/settlement"
	for body, pointer := range map[string]string{
		`{"reserve":{"rate":0.1}}`: "/reserve/rate", `{"reserve":{"rate":"10%"}}`: "/reserve/rate", `{"reserve":{"days":-1}}`: "/reserve/days", `{"reserve":{"days":1.5}}`: "/reserve/days",
		`{"reserve":[]}`: "/reserve", `{"if_due":"yes"}`: "/if_due", `{"settled_at":"today"}`: "/settled_at", `{"reference":""}`: "/reference", `{"order":"UK-1"}`: "/order", `[]`: "",
	} {
		p := h.refused(422, "validation-failed", "POST", settlement, body).json(t)
		if !slices.Contains(pointers(p), pointer) {
			t.Errorf("%s: %v, want %s", body, pointers(p), pointer)
		}
	}
	h.refused(422, "validation-failed", "POST", orders+"/UK:1/settlement", "{}")
	h.must(404, "POST", orders+"/UK-1002/settlement", "{}")
	first := h.must(201, "POST", settlement, `{"reserve":{"rate":"0.10","days":30}}`)
	if posted := first.json(t); posted["type"] != "order.settled" || len(posted["transactions"].([]any)) != 1 {
		t.Errorf("%v", posted)
	}
	if again := h.must(200, "POST", settlement, `{"reserve":{"rate":"0.10","days":30}}`); again.body != first.body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("settled again: %s", again.body)
	}
}

// TestSettlementIsHandedOn reads a settlement as it is handed to package commerce.
func TestSettlementIsHandedOn(t *testing.T) {
	t.Parallel()
	rate, days, none := "0.10", 30, 0
	for body, want := range map[string]commerce.Settlement{
		`{}`:                                         {},
		`{"reserve":{}}`:                             {},
		`{"reserve":null}`:                           {},
		`{"reserve":{"rate":"0.10"}}`:                {ReserveRate: &rate},
		`{"reserve":{"days":0}}`:                     {ReserveDays: &none},
		`{"reserve":{"days":30,"rate":"0.10"}}`:      {ReserveRate: &rate, ReserveDays: &days},
		`{"if_due":true,"reference":"r 1"}`:          {IfDue: true, Reference: "r 1"},
		`{"settled_at":"2026-11-20T12:00:00+02:00"}`: {At: start},
	} {
		tree, err := parseJSON(body, maxNodes)
		if err != nil {
			t.Fatal(err)
		}
		d, s := decoder{tree: tree}, NewSettlement{}
		if d.object(0, &s); d.err() != nil {
			t.Errorf("%s: %v", body, d.err())
		}
		if diff := cmp.Diff(want, s.settlement()); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}
