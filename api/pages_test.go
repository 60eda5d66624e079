package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// walk follows next_cursor to the end and returns what pick finds in each item.
func (h *house) walk(path string, pick func(map[string]any) string) []string {
	h.t.Helper()
	var all []string
	joiner := "?"
	if strings.Contains(path, "?") {
		joiner = "&"
	}
	next := path
	for range 10_000 {
		page := h.must(200, "GET", next, "").json(h.t)
		for _, item := range page["data"].([]any) {
			all = append(all, pick(item.(map[string]any)))
		}
		cursor, ok := page["next_cursor"].(string)
		if !ok {
			return all
		}
		next = path + joiner + "cursor=" + url.QueryEscape(cursor)
	}
	h.t.Fatalf("%s does not end", path)
	return nil
}

func field(name string) func(map[string]any) string {
	return func(m map[string]any) string { return fmt.Sprint(m[name]) }
}

// batchOf returns a batch of sales to as many sellers.
func batchOf(from, n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(sale(fmt.Sprintf("r-%d", from+i), "1.00"), "sel_uk", fmt.Sprintf("sel_%04d", from+i))
	}
	return `{"transactions":[` + strings.Join(items, ",") + `]}`
}

// TestPagesUnderWrites walks every list while others post: what was there when the walk began is met exactly once, in
// order.
func TestPagesUnderWrites(t *testing.T) {
	t.Parallel()
	h := open(t)
	const before = 60
	h.must(200, "POST", posting+"/batch", batchOf(0, before))
	stop, stopped := make(chan struct{}), sync.WaitGroup{}
	stopped.Go(func() {
		for i := before; ; i++ {
			select {
			case <-stop:
				return
			default:
				h.do("POST", posting, strings.ReplaceAll(sale(fmt.Sprintf("r-%d", i), "1.00"), "sel_uk", fmt.Sprintf("sel_%04d", 5000-i)))
			}
		}
	})
	defer func() { close(stop); stopped.Wait() }()

	expect := func(name string, got []string, item func(i int) string) {
		t.Helper()
		if len(got) < before {
			t.Errorf("%s: %d items", name, len(got))
			return
		}
		for i := range before {
			if got[i] != item(i) {
				t.Errorf("%s: item %d is %s, want %s", name, i, got[i], item(i))
				return
			}
		}
	}
	id := func(i int) string { return fmt.Sprintf("uk-%d", i+1) }
	expect("transactions", h.walk(posting+"?limit=7", field("id"))[:before], id)
	expect("by subject", h.walk(posting+"?limit=13&subject=order:UK-1", field("id"))[:before], id)
	expect("entries", h.walk("/v1/books/uk/accounts/"+clearing+"/entries?limit=11", field("transaction"))[:before], id)
	down := h.walk(posting+"?limit=9&order=desc", field("id"))
	slices.Reverse(down)
	expect("newest first", down, id)
	down = h.walk("/v1/books/uk/accounts/"+clearing+"/entries?limit=9&order=desc", field("transaction"))
	slices.Reverse(down)
	expect("entries, newest first", down, id)
	// Balances of one moment add up to zero, however many pages they take.
	sum := 0
	for _, b := range h.walk("/v1/books/uk/balances?limit=7", func(m map[string]any) string { return fmt.Sprint(m["normal_side"], m["balance"]) }) {
		var side string
		var whole int
		if _, err := fmt.Sscanf(strings.NewReplacer("debit", "debit ", "credit", "credit ", ".00", "").Replace(b), "%s %d", &side, &whole); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if side == "credit" {
			whole = -whole
		}
		sum += whole
	}
	if sum != 0 {
		t.Errorf("the pages of one moment add up to %d", sum)
	}
	accounts := h.walk("/v1/books/uk/trial-balance?detail=account&limit=10", field("account"))
	if !slices.IsSorted(accounts) || len(slices.Compact(slices.Clone(accounts))) != len(accounts) || len(accounts) < before+1 {
		t.Errorf("the trial balance by account lists %d accounts", len(accounts))
	}
	after := 0
	for range 30 {
		feed := h.must(200, "GET", fmt.Sprintf("/v1/books/uk/feed?limit=7&after=%d", after), "").json(t)
		for _, item := range feed["data"].([]any) {
			if after++; item.(map[string]any)["sequence"] != float64(after) {
				t.Fatalf("the feed goes from %d to %v", after-1, item.(map[string]any)["sequence"])
			}
		}
		if feed["last_sequence"] != float64(after) {
			t.Fatalf("the feed says %v after %d", feed["last_sequence"], after)
		}
	}
	if after < before {
		t.Errorf("the feed ended at %d", after)
	}
}

func TestCursorsStayInTheirList(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", "/v1/books", `{"code":"vn","name":"N","currencies":["GBP"],"time_zone":"UTC"}`)
	for _, book := range []string{"uk", "vn"} {
		h.must(200, "POST", "/v1/books/"+book+"/transactions/batch", batchOf(0, 3))
	}
	cursor := h.must(200, "GET", posting+"?limit=1&event=order.captured", "").json(t)["next_cursor"].(string)
	h.must(200, "GET", posting+"?limit=2&event=order.captured&cursor="+cursor, "")
	for _, path := range []string{
		"/v1/books/vn/transactions?event=order.captured&cursor=" + cursor, posting + "?cursor=" + cursor, posting + "?event=order.captured&order=desc&cursor=" + cursor,
		posting + "?event=order.captured&subject=order:UK-1&cursor=" + cursor, "/v1/books/uk/balances?cursor=" + cursor, "/v1/books?cursor=" + cursor,
		posting + "?event=order.captured&cursor=" + cursor[:len(cursor)-1], posting + "?event=order.captured&cursor=AAAA", posting + "?reference=r-1&cursor=" + cursor,
		posting + "?event=order.captured&cursor=" + strings.Repeat("A", 4000), "/v1/books/uk/accounts/" + clearing + "/entries?cursor=" + cursor,
		"/v1/books/uk/trial-balance?detail=account&cursor=" + cursor,
	} {
		h.refused(400, "cursor-invalid", "GET", path, "")
	}
	entries := "/v1/books/uk/accounts/" + clearing + "/entries"
	cursor = h.must(200, "GET", entries+"?limit=1", "").json(t)["next_cursor"].(string)
	h.refused(400, "cursor-invalid", "GET", "/v1/books/uk/accounts/liabilities:seller:available:sel_0001/entries?cursor="+cursor, "")
}

func TestQueries(t *testing.T) {
	t.Parallel()
	h := open(t)
	for query, want := range map[string]struct {
		status  int
		code    string
		pointer string
	}{
		"limit=0": {400, "malformed-request", "query:limit"}, "limit=-1": {400, "malformed-request", "query:limit"}, "limit=abc": {400, "malformed-request", "query:limit"},
		"limit=1001": {400, "malformed-request", "query:limit"}, "limit=1e9": {400, "malformed-request", "query:limit"}, "limit=99999999999999999999": {400, "malformed-request", "query:limit"},
		"limit=%2B1": {400, "malformed-request", "query:limit"}, "limit=1&limit=2": {400, "malformed-request", "query:limit"}, "limit=": {400, "malformed-request", "query:limit"},
		"offset=1": {400, "malformed-request", "query:offset"}, "Limit=1": {400, "malformed-request", "query:Limit"}, "%00=1": {400, "malformed-request", "query:"},
		"subject=%00": {400, "malformed-request", "query:subject"}, "subject=%ff": {400, "malformed-request", "query:subject"}, "subject=%zz": {400, "malformed-request", ""},
		"a=1;b=2": {400, "malformed-request", ""}, "order=down": {422, "validation-failed", "query:order"}, "order=amount;select": {400, "malformed-request", ""},
		"limit=1000": {200, "", ""}, "subject='%20OR%201=1--": {200, "", ""}, "subject=%25": {200, "", ""}, "event=_____.______": {200, "", ""}, "reference=%27;DROP": {400, "", ""},
	} {
		a := h.do("GET", posting+"?"+query, "")
		if a.StatusCode != want.status {
			t.Errorf("%s: %d, want %d: %s", query, a.StatusCode, want.status, a.body)
			continue
		}
		if want.code == "" {
			continue
		}
		p := a.json(t)
		if p["code"] != want.code || want.pointer != "" && (len(pointers(p)) != 1 || pointers(p)[0] != want.pointer) {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	h.must(201, "POST", posting, sale("r-1", "1.00"))
	if n := len(h.must(200, "GET", posting+"?subject='%20OR%201=1--", "").json(t)["data"].([]any)); n != 0 {
		t.Errorf("an injected filter found %d transactions", n)
	}
	for _, query := range []string{"prefix=%25", "prefix=assets'", "prefix=a%20b", "currency=gbp", "currency=XXX", "as_of=now", "as_of=infinity", "as_of=2027-01-01T00:00:00Z", "as_of=0001-01-01T00:00:00Z", "as_of=2026-11-20T10:00:00"} {
		h.refused(422, "validation-failed", "GET", "/v1/books/uk/balances?"+query, "")
	}
	for _, query := range []string{"at_sequence=0", "at_sequence=-1", "at_sequence=x", "at_sequence=9223372036854775808"} {
		h.refused(400, "malformed-request", "GET", "/v1/books/uk/balances?"+query, "")
	}
	for _, period := range []string{"2026-13", "2026-00", "2026", "0000-01", "9999-12", "2026-1", "2026-11-01", "now"} {
		h.refused(422, "validation-failed", "GET", "/v1/books/uk/trial-balance?period="+period, "")
	}
}
