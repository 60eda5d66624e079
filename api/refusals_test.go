package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// TestRefusalsAreTheSameOnEveryRoute refuses one posting for each reason on every route that posts (peers 8, 20): the same
// code and status everywhere, never a 5xx, and not a row of the database changes, however often it is sent.
func TestRefusalsAreTheSameOnEveryRoute(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("used", "1.00"))
	h.must(201, "POST", posting, strings.ReplaceAll(sale("closes", "1.00"), seller, creator))
	h.must(201, "POST", posting, large("full", "999999999999999.999"))
	for i := range 8 {
		h.must(201, "POST", posting, large(fmt.Sprintf("full-%d", i), "999999999999999.999"))
	}
	conn, err := pgx.Connect(t.Context(), h.db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `UPDATE accounts SET state = 'closed' WHERE address = $1`, creator); err != nil {
		t.Fatal(err)
	}
	before := h.state()
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"unbalanced":      {strings.Replace(sale("X", "1.00"), "1.00", "1.01", 1), 422, "unbalanced"},
		"reference":       {sale("used", "2.00"), 409, "reference-reused"},
		"floor":           {strings.Replace(strings.Replace(sale("X", "1.00"), clearing, deposit, 1), seller, clearing, 1), 422, "insufficient-funds"},
		"unknown account": {strings.Replace(sale("X", "1.00"), seller, "liabilities:nobody:x", 1), 422, "validation-failed"},
		"other currency":  {strings.ReplaceAll(sale("X", "1.00"), "GBP", "USD"), 422, "validation-failed"},
		"closed account":  {strings.ReplaceAll(sale("X", "1.00"), seller, creator), 409, "account-closed"},
		"turnover":        {large("X", "999999999999999.999"), 422, "balance-overflow"},
		"no field":        {`{"reference":"X"}`, 422, "validation-failed"},
	} {
		for range 2 {
			h.refused(c.status, c.code, "POST", posting, c.body)
			h.refused(c.status, c.code, "POST", posting+"?dry_run=true", c.body)
			for _, query := range []string{"", "?dry_run=true"} {
				p := h.refused(422, "batch-refused", "POST", posting+"/batch"+query, `{"atomic":true,"transactions":[`+sale("Y", "1.00")+","+c.body+"]}").json(t)
				inner := p["errors"].([]any)[0].(map[string]any)["code"]
				if p["index"] != 1.0 || inner != c.code {
					t.Errorf("%s in an atomic batch%s: %v", name, query, p)
				}
				results := h.must(200, "POST", posting+"/batch"+query, `{"transactions":[`+c.body+"]}").json(t)["results"].([]any)
				r := results[0].(map[string]any)
				if problem, ok := r["problem"].(map[string]any); !ok || r["status"] != float64(c.status) || problem["code"] != c.code || r["transaction"] != nil {
					t.Errorf("%s in a batch%s: %v", name, query, r)
				}
			}
		}
		if diff := cmp.Diff(before, h.state()); diff != "" {
			t.Fatalf("%s changed the database:\n%s", name, diff)
		}
	}
	for _, path := range []string{"/uk-1/reversal", "/uk-2/repost", "/uk-99/reversal"} {
		for _, body := range []string{`{"reference":"used"}`, `{"reference":""}`, `{}`, `{"reference":"Z","occurred_at":"tomorrow"}`} {
			if a := h.do("POST", posting+path, body); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%s %s: %d %s", path, body, a.StatusCode, a.body)
			}
		}
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("a refused correction changed the database:\n%s", diff)
	}
}

// large is the body of a posting in dinars between two accounts that nothing else uses.
func large(reference, amount string) string {
	return strings.NewReplacer("GBP", "KWD", clearing, "assets:bank:operating:full", seller, "liabilities:seller:available:full").Replace(sale(reference, amount))
}

// TestManyRefundsAreOne reverses one sale from twenty callers at once and then again and again (peers 8). One reversal
// counts; every other answer is a refusal and moves nothing.
func TestManyRefundsAreOne(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("sale", "12.34"))
	h.must(201, "POST", posting, sale("other", "1.00"))
	var lock sync.Mutex
	statuses := map[string]int{}
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			a := h.do("POST", posting+"/uk-1/reversal", fmt.Sprintf(`{"reference":"refund-%d"}`, i))
			lock.Lock()
			defer lock.Unlock()
			statuses[fmt.Sprintf("%d %v", a.StatusCode, a.json(t)["code"])]++
		})
	}
	callers.Wait()
	if diff := cmp.Diff(map[string]int{"201 <nil>": 1, "409 already-reversed": 19}, statuses); diff != "" {
		t.Errorf("twenty refunds: %s", diff)
	}
	before := h.state()
	for i := range 3 {
		h.refused(409, "already-reversed", "POST", posting+"/uk-1/reversal", fmt.Sprintf(`{"reference":"late-%d"}`, i))
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Error(diff)
	}
	if got := h.must(200, "GET", "/v1/books/uk/balances?prefix="+seller, "").body; !strings.Contains(got, `"balance":"1.00"`) {
		t.Errorf("the seller holds %s", got)
	}
	h.lastUnitIsRefundedOnce()
}

// lastUnitIsRefundedOnce is N01: a hundred refunds of the one unit that is left, at once: one is made.
func (h *house) lastUnitIsRefundedOnce() {
	h.t.Helper()
	h.must(201, "POST", events, capture(h.t, "UK-7"))
	unit := func(refund string) string {
		return `{"type":"refund.made","reference":"` + refund + `","data":{"order":"UK-7","refund":"` + refund + `","lines":[{"line":1,"quantity":1}]}}`
	}
	h.must(201, "POST", events, unit("first"))
	var lock sync.Mutex
	statuses := map[string]int{}
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			a := h.do("POST", events, unit(fmt.Sprint("unit-", i)))
			lock.Lock()
			defer lock.Unlock()
			statuses[fmt.Sprintf("%d %v", a.StatusCode, a.json(h.t)["code"])]++
		})
	}
	callers.Wait()
	if diff := cmp.Diff(map[string]int{"201 <nil>": 1, "422 insufficient-funds": 99}, statuses); diff != "" {
		h.t.Errorf("N01 a hundred refunds: %s", diff)
	}
}
