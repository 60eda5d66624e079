package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLargeAmountsSurviveJSON posts amounts around 2^53 minor units, where a floating-point number begins to skip, and the
// largest ones (peers 32, 34): every answer holds every digit.
func TestLargeAmountsSurviveJSON(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i, c := range []struct{ amount, currency string }{
		{"90071992547409.91", "GBP"}, {"90071992547409.92", "GBP"}, {"90071992547409.93", "GBP"}, {"999999999999999.99", "GBP"}, {"0.01", "GBP"},
		{"9007199254740.993", "KWD"}, {"999999999999999.999", "KWD"}, {"0.001", "KWD"}, {"12345678", "JPY"}, {"999999999999999", "JPY"}, {"1", "JPY"},
	} {
		debit, credit := fmt.Sprintf("assets:bank:operating:b%02d", i), fmt.Sprintf("liabilities:seller:available:s%02d", i)
		body := strings.NewReplacer("GBP", c.currency, clearing, debit, seller, credit).Replace(sale(fmt.Sprintf("L-%d", i), c.amount))
		posted := h.must(201, "POST", posting, body)
		quoted := `"` + c.amount + `"`
		for path, times := range map[string]int{
			posting + "/" + posted.json(t)["id"].(string):                                4, // two amounts, two balances
			posting + "?reference=L-" + fmt.Sprint(i):                                    4,
			"/v1/books/uk/feed?limit=1&after=" + fmt.Sprint(i):                           4,
			"/v1/books/uk/accounts/" + credit + "/entries?currency=" + c.currency:        2,
			"/v1/books/uk/balances?prefix=" + debit + "&currency=" + c.currency:          2, // the debits and the balance
			"/v1/books/uk/balances?prefix=" + credit + "&at_sequence=" + fmt.Sprint(i+1): 2,
		} {
			if got := h.must(200, "GET", path, "").body; strings.Count(got, quoted) != times {
				t.Errorf("%s %s: %s has it %d times, want %d: %s", c.amount, c.currency, path, strings.Count(got, quoted), times, got)
			}
		}
		if again := h.must(200, "POST", posting, body); again.body != posted.body {
			t.Errorf("%s %s: the replay is %s", c.amount, c.currency, again.body)
		}
	}
	// 90071992547409.91 + .92 + .93 + 999999999999999.99 + 0.01: beyond 2^53 a float would lose the last cent.
	if got := h.must(200, "GET", "/v1/books/uk/trial-balance", "").body; strings.Count(got, `"1270215977642229.76"`) < 4 {
		t.Errorf("the trial balance is %s", got)
	}
	for _, amount := range []string{`"1e999999999"`, `"1e-999999999"`, `"2362524e6"`, `1e999999999`, `"0.` + strings.Repeat("0", 400_000) + `1"`, `"` + strings.Repeat("9", 400_000) + `"`} {
		began := time.Now()
		h.refused(422, "validation-failed", "POST", posting, strings.ReplaceAll(sale("E", "1.00"), `"1.00"`, amount))
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.20s was refused after %s", amount, took)
		}
	}
}

// TestOffsetsNameTheSameInstant asks as of, and posts at, one instant written with several offsets (peers 51).
func TestOffsetsNameTheSameInstant(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("r-1", "10.00"))
	h.clock.forward(time.Hour)
	h.must(201, "POST", posting, sale("r-2", "5.00"))
	for want, spellings := range map[string][]string{
		`"at_sequence":0`: {"2026-11-20T09:59:59.999999Z", "2026-11-20T13:59:59.999999+04:00", "2026-11-20T04:29:59.999999-05:30"},
		`"at_sequence":1`: {"2026-11-20T10:00:00Z", "2026-11-20T14:00:00+04:00", "2026-11-20T05:00:00-05:00", "2026-11-21T00:00:00+14:00", "2026-11-20T10:59:59.999999Z"},
		`"at_sequence":2`: {"2026-11-20T11:00:00Z", "2026-11-20T15:00:00+04:00", "2026-11-19T21:00:00-14:00"},
	} {
		for _, s := range spellings {
			if got := h.must(200, "GET", "/v1/books/uk/balances?as_of="+url.QueryEscape(s), "").body; !strings.Contains(got, want) {
				t.Errorf("as of %s: %s, want %s", s, got, want)
			}
		}
	}
	var first string
	for _, s := range []string{"2026-10-31T23:30:00Z", "2026-11-01T03:30:00+04:00", "2026-10-31T16:30:00-07:00"} {
		body := strings.Replace(sale("late", "1.00"), "2026-11-20T09:30:00Z", s, 1)
		a := h.do("POST", posting, body)
		if first == "" {
			first = a.body
		}
		got := a.json(t)
		if diff := cmp.Diff(first, a.body); diff != "" || got["occurred_at"] != "2026-10-31T23:30:00.000000Z" || got["effective_period"] != "2026-10" {
			t.Errorf("posted at %s: %d %s", s, a.StatusCode, a.body)
		}
	}
}
