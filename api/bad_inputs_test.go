package api

import (
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

	"mizan/api/access"
)

// Bad inputs, by the numbers of the project's list of them. What they are is in bad_input_bodies_test.go and bad_input_acts_test.go; which
// number is tried where, and why some are not, in bad_input_list_test.go.

// badInput is one input and how it is answered.
type badInput struct {
	name    string
	request string // the body of a posting
	status  int
	code    string // of the problem; empty for what is read and not refused
	pointer string // one of the problem's pointers, or what an answer that is no problem holds, if not empty
	header  string // more header lines of the request
	path    string // where it is sent, if not to the transactions
	method  string // POST, unless there is another
}

// base is a posting that would be accepted; the inputs spoil it in one place.
const base = `{"reference":"bad","event":"order.captured","occurred_at":"2026-11-20T09:00:00Z","subject":"order:UK-9","memo":"M","metadata":{"k":"v"},"entries":[` +
	`{"account":"` + clearing + `","direction":"debit","amount":"12.34","currency":"GBP","external_ref":"x"},` +
	`{"account":"` + seller + `","direction":"credit","amount":"12.34","currency":"GBP"}]}`

// spoil replaces one part of base, which must be there.
func spoil(part, by string) string {
	if !strings.Contains(base, part) {
		panic("base lacks " + part)
	}
	return strings.ReplaceAll(base, part, by)
}

// send makes the raw request of an input.
func (b badInput) send() string {
	path, header, method := b.path, b.header, b.method
	if method == "" {
		method = "POST"
	}
	if path == "" {
		path = posting
	}
	if header == "" {
		header = "Content-Type: application/json"
	}
	return method + " " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nConnection: close\r\n" + header +
		fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(b.request)) + b.request
}

// answered sends an input twice and holds both answers: the status and code that are wanted, never a failure of ours, and twice the same.
func (h *house) answered(b badInput) {
	h.t.Helper()
	var last string
	for range 2 {
		a := h.raw(b.send())
		if a.StatusCode != b.status {
			h.t.Errorf("%s: %d, want %d: %.300s", b.name, a.StatusCode, b.status, a.body)
			return
		}
		if len(a.body) > 8<<10 {
			h.t.Errorf("%s: an answer of %d bytes", b.name, len(a.body))
		}
		switch p := a.json(h.t); {
		case b.code == "":
			if !strings.Contains(a.body, b.pointer) {
				h.t.Errorf("%s: %s lacks %s", b.name, a.body, b.pointer)
			}
		case p["code"] != b.code || a.Header.Get("Content-Type") != "application/problem+json":
			h.t.Errorf("%s: code %v, want %s: %.300s", b.name, p["code"], b.code, a.body)
		case b.pointer != "" && !slices.Contains(pointers(p), b.pointer):
			h.t.Errorf("%s: pointers %v, want %s", b.name, pointers(p), b.pointer)
		}
		if body := withoutID(a); last != "" && body != last {
			h.t.Errorf("%s: another answer: %s, %s", b.name, last, body)
		} else {
			last = body
		}
	}
}

func TestBadInputs(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, spoil(`"bad"`, `"seed"`))
	h.peopled()
	before := h.state()
	inputs := slices.Concat(badAmounts(), badCurrencies(), badTexts(), badBodies(), badReferences(), badDates(), badShares(t), badNames(), badRanges(), badPages(), badDecisions(t))
	for _, b := range inputs {
		h.answered(b)
	}
	// Once for all of them: no table forgets what was written, so what one of them changes, no other changes back.
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("bad inputs changed the database: %s", diff)
	}
	if len(inputs) < 340 {
		t.Errorf("only %d inputs", len(inputs))
	}
	if strings.Contains(h.log.String(), `"status":5`) {
		t.Error("a bad input was answered with a 5xx")
	}
	// The good one beside them all is still accepted: nothing was refused for another reason.
	h.must(201, "POST", posting, base)
}

// TestBodiesCutOff sends bodies whose length is a lie, or has no end (D16, D17).
func TestBodiesCutOff(t *testing.T) {
	t.Parallel()
	h := open(t)
	before := h.state()
	head := "POST " + posting + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + testKey + "\r\nContent-Type: application/json\r\n"
	short := h.raw(head + "Content-Length: 30\r\nConnection: close\r\n\r\n" + base)
	if short.StatusCode != 400 || short.json(t)["code"] != "malformed-json" {
		t.Errorf("a length too short: %d %s", short.StatusCode, short.body)
	}
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(base)+10, base)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.Contains(string(got), "malformed-request") {
		t.Errorf("a length too long: %.300s, %v", got, err)
	}
	reader, writer := io.Pipe()
	sent := 0
	var sending sync.WaitGroup
	sending.Go(func() {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for {
			n, err := writer.Write(chunk)
			sent += n
			if err != nil || sent > 64<<20 {
				writer.Close()
				return
			}
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.server.URL+posting, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+testKey)
	res, err := h.client.Do(r)
	reader.CloseWithError(io.ErrClosedPipe)
	sending.Wait()
	if err == nil {
		defer res.Body.Close()
		if res.StatusCode != 413 {
			t.Errorf("a body without end: %d", res.StatusCode)
		}
	}
	if sent > 32<<20 {
		t.Errorf("the server took %d bytes", sent)
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Error(diff)
	}
}

// TestGoodInputs are the inputs of the list that must be accepted, and what they must come back as.
func TestGoodInputs(t *testing.T) {
	t.Parallel()
	h := open(t)
	numbered := func(i int, body string) string {
		return strings.Replace(body, `"reference":"bad"`, fmt.Sprintf(`"reference":"good-%d"`, i), 1)
	}
	for i, c := range []struct{ name, body, want string }{
		{"A35", spoil(`"12.34","currency":"GBP"`, `"1.234","currency":"KWD"`), `"amount":"1.234"`},
		{"A36 GBP", spoil(`"12.34"`, `"999999999999999.99"`), `"amount":"999999999999999.99"`},
		{"A36 KWD", spoil(`"12.34","currency":"GBP"`, `"999999999999999.999","currency":"KWD"`), `"amount":"999999999999999.999"`},
		{"fewer digits", spoil(`"12.34"`, `"5"`), `"amount":"5.00"`},
		{"C05", spoil(`"M"`, `"👩‍👩‍👧 \ud83d\ude00"`), `"memo":"👩‍👩‍👧 😀"`},
		{"C13", spoil(`"M"`, `"`+strings.Repeat("é", 500)+`"`), strings.Repeat("é", 500)},
		{"C13 reference", strings.Replace(base, `"bad"`, `"`+strings.Repeat("r", 255)+`"`, 1), strings.Repeat("r", 255)},
		{"C20", spoil(`"M"`, `"متجر שלום ร้าน 商店"`), `"memo":"متجر שלום ร้าน 商店"`},
		{"D15", base + strings.Repeat(" ", bodyLimit-len(base)-3), `"amount":"12.34"`},
		{"50 keys", spoil(`{"k":"v"}`, manyKeys(50)), `"k49":"v"`},
		{"E17", strings.Replace(base, `"bad"`, `"'; DROP TABLE entries;--"`, 1), `"reference":"'; DROP TABLE entries;--"`},
		{"G03", spoil(`"M"`, `"$1 $tag$ {{7*7}} <script>alert(1)</script>"`), `$1 $tag$ {{7*7}} <script>alert(1)</script>`},
		{"charset", base, `"memo":"M"`},
	} {
		body := numbered(i, c.body)
		a := h.do("POST", posting, body, "Content-Type", "application/json; charset=UTF-8")
		if a.StatusCode != 201 || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: %d %.300s", c.name, a.StatusCode, a.body)
			continue
		}
		if again := h.do("POST", posting, body); again.StatusCode != 200 || again.body != a.body {
			t.Errorf("%s: the replay is %d %.300s", c.name, again.StatusCode, again.body)
		}
	}
	// A37: the largest amount was posted above; one minor unit more does not fit the grammar, and a turnover beyond what
	// can be kept is refused before it overflows.
	h.refused(422, "validation-failed", "POST", posting, spoil(`"12.34"`, `"1000000000000000.00"`))
	h.goodNames()
	// A43: shares that come to 99.999999 % place every penny.
	thirds := h.must(201, "POST", events, `{"type":"order.captured","reference":"thirds","data":{"order":"T-1","currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"S-1","quantity":1,"unit_price":"200.00"}],`+
		`"creators":[{"creator":"c0","weight":"33.333333"},{"creator":"c1","weight":"33.333333"},{"creator":"c2","weight":"33.333333"}],"commission_rate":"0.05","payments":[{"processor":"main","payment_id":"pi_t","amount":"200.00"}]}}`)
	for id, amount := range map[string]string{"c0": "3.34", "c1": "3.33", "c2": "3.33"} {
		contains(t, thirds.body, `"account":"liabilities:creator:pending:`+id+`","direction":"credit","amount":"`+amount+`"`)
	}
}

// goodNames stores names that look alike to people or to programs that fold them: each comes back byte for byte, and none is taken for another.
func (h *house) goodNames() {
	h.t.Helper()
	names := numbered{
		{"C05 family", "A 👩‍👩‍👧"}, {"C09 composed", "Zo\u00eb"}, {"C09 decomposed", "Zoe\u0308"}, {"C10 dotless", "Ali Ilıca"}, {"C11 homoglyphs", "раураl"}, {"C11 letters", "paypal"}, {"C20 Arabic", "متجر ليلى"},
		{"C20 Hebrew", "חנות שלום"}, {"C20 Thai", "ร้าน"}, {"C20 Chinese", "商店"}, {"C13 longest", strings.Repeat("n", 200)},
	}
	for i, x := range names {
		person := fmt.Sprintf("/v1/books/uk/data_subjects/payee:cre_%d", i)
		h.must(200, "PATCH", person, `{"fields":{"name":`+quoted(x.text)+`},"reason":"For the tests."}`)
		if got := h.must(200, "POST", person+"/reading", `{"fields":["name"],"reason":"For the tests."}`).json(h.t)["fields"].(map[string]any)["name"]; got != x.text {
			h.t.Errorf("%s: %q came back as %q", x.number, x.text, got)
		}
	}
	h.must(201, "POST", "/v1/people", `{"name":"Ali","email":"ali@example.com"}`)
	h.refused(409, "person-exists", "POST", "/v1/people", `{"name":"Ali","email":"ALI@EXAMPLE.COM"}`)
}

// TestReferences walks group E: one effect per reference, whoever sends it and however often.
func TestReferences(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"N","currencies":["GBP"],"time_zone":"UTC"}`)
	body := sale("one", "1.00")
	var lock sync.Mutex
	statuses := map[int]int{}
	bodies := map[string]int{}
	var callers sync.WaitGroup
	for range 50 { // E12
		callers.Go(func() {
			a := h.do("POST", posting, body)
			lock.Lock()
			defer lock.Unlock()
			statuses[a.StatusCode]++
			bodies[a.body]++
		})
	}
	callers.Wait()
	if diff := cmp.Diff(map[int]int{201: 1, 200: 49}, statuses); diff != "" || len(bodies) != 1 {
		t.Errorf("50 at once: %s, %d bodies", diff, len(bodies))
	}
	if n := len(h.must(200, "GET", posting, "").json(t)["data"].([]any)); n != 1 {
		t.Errorf("%d transactions", n)
	}
	h.must(201, "POST", "/v1/books/vn/transactions", body) // E10
	_, writer := h.key(access.NewKey{Scopes: []access.Scope{access.TransactionsWrite}})
	if a := h.as(writer, "POST", posting, body); a.StatusCode != 200 { // E11
		t.Errorf("another key: %d", a.StatusCode)
	}
	h.refused(422, "unbalanced", "POST", posting, strings.Replace(sale("two", "1.00"), "1.00", "2.00", 1)) // E13
	h.must(201, "POST", posting, sale("two", "1.00"))
	_, reader := h.key(access.NewKey{Scopes: []access.Scope{access.TransactionsRead}})
	if a := h.as(reader, "POST", posting, body); a.StatusCode != 403 || strings.Contains(a.body, "uk-1") { // E16
		t.Errorf("a reader gets the replay: %d %s", a.StatusCode, a.body)
	}
	_, stranger := h.key(access.NewKey{Scopes: []access.Scope{access.TransactionsWrite}, Books: []string{"vn"}})
	if used, free := h.as(stranger, "POST", posting, body), h.as(stranger, "POST", posting, sale("unused", "1.00")); used.StatusCode != 404 || withoutID(used) != withoutID(free) { // E18
		t.Errorf("a stranger learns that a reference exists: %s, %s", used.body, free.body)
	}
	key, bearer := h.key(access.NewKey{Scopes: []access.Scope{access.Everything}})
	h.as(bearer, "POST", posting, body)
	if err := h.access.Revoke(t.Context(), operator, key.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.clock.forward(time.Second)
	if a := h.as(bearer, "POST", posting, body); a.StatusCode != 401 {
		t.Errorf("a revoked key gets the replay: %d", a.StatusCode)
	}
}
