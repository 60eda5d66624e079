package api

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFiltersTogether asks the list of transactions for every combination of its filters, and compares with picking the
// same out of everything by hand (peers 54).
func TestFiltersTogether(t *testing.T) {
	t.Parallel()
	h := open(t)
	type posted struct{ id, reference, subject, event string }
	var all []posted
	for i := range 24 {
		p := posted{fmt.Sprintf("uk-%d", i+1), fmt.Sprintf("r-%d", i), []string{"order:1", "order:10"}[i%2], []string{"order.captured", "order.refunded", "order.captured"}[i%3]}
		h.must(201, "POST", posting, strings.NewReplacer("order:UK-1", p.subject, "order.captured", p.event).Replace(sale(p.reference, "1.00")))
		all = append(all, p)
	}
	for _, reference := range []string{"", "r-1", "r-7", "r-none"} {
		for _, subject := range []string{"", "order:1", "order:10", "order:none"} {
			for _, event := range []string{"", "order.captured", "order.refunded", "order.none"} {
				for _, order := range []string{"", "asc", "desc"} {
					want := []string{}
					for _, p := range all {
						if (reference == "" || p.reference == reference) && (subject == "" || p.subject == subject) && (event == "" || p.event == event) {
							want = append(want, p.id)
						}
					}
					if order == "desc" {
						slices.Reverse(want)
					}
					query := url.Values{"limit": {"5"}}
					for name, value := range map[string]string{"reference": reference, "subject": subject, "event": event, "order": order} {
						if value != "" {
							query.Set(name, value)
						}
					}
					if got := h.walk(posting+"?"+query.Encode(), field("id")); !slices.Equal(got, want) {
						t.Errorf("%s: %v, want %v", query.Encode(), got, want)
					}
				}
			}
		}
	}
}

// unknownOperators are what other query languages write beside a name. There are no operators here: the parameter is
// unknown and refused, and never dropped with its filter (peers 61).
var unknownOperators = []string{
	"subject[ne]=order:UK-1", "subject!=order:UK-1", "subject[$ne]=", "subject[]=order:UK-1", "event~=order", "event__contains=order", "event.like=order.%25", "metadata[k]=v",
	"balance[gt]=0", "filter={}", "where=1", "q=x", "reference[$gt]=", "limit[]=1", "SUBJECT=order:UK-1", "subject%00=order:UK-1", "$where=1", "sort=-id", "or=(a,b)",
}

// injections are what a filter must take as a plain value, or refuse.
var injections = []string{
	`' OR '1'='1`, `' OR 1=1--`, `'; DROP TABLE entries;--`, `" OR ""="`, `\`, `\'`, `$1`, `$$`, `%`, `_`, `*`, `order:%`, `order:_K-1`, `order:UK-1' AND '1'='1`, `order:UK-1)`, `order:UK-1/*`,
	`{"$ne":""}`, `[$ne]`, `null`, `NULL`, `true`, `(SELECT code FROM books)`, `order:UK-1 UNION SELECT 1`, `../uk`, `order:UK-1,order:UK-2`, `ORDER:UK-1`, `order:uk-1`, `order:UK-1 `, `ｏrder:UK-1`, `0x41`, `1;2`, `-1`,
}

// TestHostileFilters puts what breaks out of badly built statements into every parameter of every list (peers 61), plain
// and randomly mixed. A filter answers what equals it, or a 4xx; it never finds a row more and never fails.
func TestHostileFilters(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("r-1", "1.00"))
	h.must(201, "POST", posting, strings.Replace(sale("r-2", "2.00"), "order:UK-1", "order:UK-2", 1))
	before := h.state()
	for _, path := range []string{posting, "/v1/books/uk/balances", "/v1/books/uk/trial-balance", "/v1/books/uk/feed", "/v1/books/uk/accounts/" + seller + "/entries"} {
		for _, query := range unknownOperators {
			h.refused(400, "malformed-request", "GET", path+"?"+query, "")
		}
	}
	const seed = 61
	rng := rand.New(rand.NewPCG(seed, seed))
	values := slices.Clone(injections)
	for range 100 {
		a, b := injections[rng.IntN(len(injections))], injections[rng.IntN(len(injections))]
		if mixed := a[:rng.IntN(len(a)+1)] + b[rng.IntN(len(b)):]; mixed != "order:UK-1" && mixed != "order:UK-2" {
			values = append(values, mixed)
		}
	}
	for _, value := range values {
		escaped := url.QueryEscape(value)
		for _, list := range []string{
			posting + "?subject=", posting + "?event=", posting + "?reference=", posting + "?subject=order:UK-1&event=", posting + "?order=", posting + "?cursor=", posting + "?limit=",
			"/v1/books/uk/balances?prefix=", "/v1/books/uk/balances?currency=", "/v1/books/uk/balances?as_of=", "/v1/books/uk/balances?at_sequence=",
			"/v1/books/uk/trial-balance?period=", "/v1/books/uk/trial-balance?detail=", "/v1/books/uk/feed?after=", "/v1/books/uk/accounts/" + seller + "/entries?currency=",
		} {
			a := h.do("GET", list+escaped, "")
			if a.StatusCode >= 500 || a.StatusCode == 200 && strings.HasPrefix(list, posting) && strings.Contains(a.body, `"id"`) {
				t.Errorf("seed %d: %s%s: %d %.200s", seed, list, value, a.StatusCode, a.body)
			}
			if _, prefix, ok := strings.Cut(list+value, "prefix="); ok && a.StatusCode == 200 {
				for _, item := range a.json(t)["data"].([]any) {
					if account := item.(map[string]any)["account"].(string); !strings.HasPrefix(account, prefix) {
						t.Errorf("seed %d: the prefix %q finds %s", seed, prefix, account)
					}
				}
			}
		}
		for _, path := range []string{"/v1/books/" + url.PathEscape(value), "/v1/books/uk/transactions/" + url.PathEscape(value), "/v1/books/uk/accounts/" + url.PathEscape(value) + "/entries"} {
			// Without a value it would be the path of another list.
			if a := h.do("GET", path, ""); value != "" && (a.StatusCode < 400 || a.StatusCode >= 500) {
				t.Errorf("seed %d: %s: %d %.200s", seed, path, a.StatusCode, a.body)
			}
		}
	}
	if diff := cmp.Diff(before, h.state()); diff != "" {
		t.Errorf("reading changed the database:\n%s", diff)
	}
	if strings.Contains(h.log.String(), "DROP TABLE") {
		t.Error("the log repeats what was sent")
	}
}
