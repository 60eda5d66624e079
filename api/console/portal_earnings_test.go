package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts/earnings"
)

// minus is how the pages of a language write what was taken.
func minus(l locale.Language, m money.Minor) string { return l.Figure(-m, "GBP") }

// TestPortalEarnings: a payee sees what it earned by day, in the table and the chart, the file says the same, and every language has a
// page. What is not its own is not found.
func TestPortalEarnings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	uk := h.book("uk", "Souk UK", "GBP", "USD")
	for _, p := range []commerce.Payee{{ID: "cre_amy", Kind: "creator"}, {ID: "cre_other", Kind: "creator"}, {ID: "gua_pat", Kind: "guardian"}, {ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"}} {
		h.register(uk, p)
	}
	post := func(n int, event, session string, account ledger.Address, amount int64) {
		d := sale(pending, account, money.Minor(amount), "GBP")
		if amount < 0 {
			d = sale(account, pending, money.Minor(-amount), "GBP")
		}
		d.Event, d.LiveSession, d.OccurredAt = event, session, h.now()
		if session == "LS-old" {
			d.OccurredAt = d.OccurredAt.AddDate(0, -2, 0)
		}
		h.post(uk, fmt.Sprint("e", n), d)
	}
	amy := h.payee(uk, "cre_amy")
	amy.get("/portal/earnings", 200).has(t, "Nothing was earned yet.")
	post(1, "order.captured", "LS-1", "liabilities:creator:pending:cre_amy", 123_456)
	post(2, "refund.partial", "LS-1", "liabilities:creator:available:cre_amy", -3_456)
	post(3, "tip.sent", "", "liabilities:creator:available:cre_amy", 500)
	post(4, "order.captured", "LS-2", "liabilities:creator:pending:cre_other", 777_700)
	post(5, "order.captured", "LS-old", "liabilities:creator:pending:cre_minor", 3_300)
	early := amy.get("/portal/earnings", 200)
	early.has(t, "Being added up", "Newer entries show within a few minutes.")
	early.hasNot(t, "Nothing was earned")
	if _, err := h.earnings.Follow(t.Context(), uk); err != nil {
		t.Fatal(err)
	}
	p := amy.get("/portal/earnings", 200)
	p.has(t, "1,205.00", "1,239.56", "34.56", "Best day:", "Counted through")
	p.hasNot(t, "7,777.00", "cre_other", "33.00", "Newer entries")
	if bars := strings.Count(p.source, `class="above"`); bars != 1 || strings.Contains(p.source, `class="below"`) || !strings.Contains(p.source, `height="1000"><title>`) {
		t.Errorf("the chart has %d bars above the line", bars)
	}
	by := amy.get("/portal/earnings?by=live_session", 200)
	by.has(t, "LS-1", "Outside live sessions", "5.00", "1,200.00", "1,205.00")
	by.hasNot(t, "LS-2")
	amy.get("/portal/earnings?month=2020-01", 200).has(t, "Nothing was earned in January 2020.")
	file := amy.get("/portal/earnings/file?by=live_session", 200).source
	want := []string{"key,sales,returns,currency,earned,given_back,fees,shared,withheld,kept,adjusted,paid,moved", "LS-1,1,1,GBP,1234.56,-34.56,0.00,0.00,0.00,1200.00,0.00,0.00,1200.00", ",1,0,GBP,5.00,0.00,0.00,0.00,0.00,5.00,0.00,0.00,5.00", ""}
	if got := strings.Split(file, "\r\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file says\n%s", file)
	}
	for _, path := range []string{"/portal/payees/cre_other/earnings", "/portal/payees/nobody/earnings", "/portal/payees/cre_other/earnings/file"} {
		amy.get(path, http.StatusNotFound)
	}
	for _, query := range []string{"by=hour", "month=2026", "month=2026-13"} {
		if status, _ := amy.send(http.MethodGet, "/portal/earnings?"+query, nil); status != http.StatusNotFound && status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, status)
		}
	}
	pat := h.payee(uk, "gua_pat")
	pat.get("/portal/earnings", 200).has(t, "Nothing was earned yet.", "cre_minor")
	pat.get("/portal/payees/cre_minor/earnings", 200).has(t, "33.00", "September 2026") // nothing has happened since
	for _, l := range locale.Languages {
		p := amy.get("/portal/earnings?lang="+string(l), 200)
		if !strings.Contains(p.source, l.Figure(123_956, "GBP")) || !strings.Contains(p.source, minus(l, 3_456)) {
			t.Errorf("%s does not have the figures", l)
		}
		if l != locale.English && strings.Contains(p.source, "Given back") {
			t.Errorf("%s says things in English", l)
		}
	}
}

// TestChartOfSmallDays: a day too small for the scale has a bar that stands on the line of zero, or hangs from it, inside the chart.
func TestChartOfSmallDays(t *testing.T) {
	t.Parallel()
	month := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	sum := func(key string, m money.Minor) earnings.Sum {
		return earnings.Sum{Key: key, EarnedParts: commerce.EarnedParts{Earned: m}}
	}
	for _, most := range []money.Minor{10_000_000, -10_000_000} {
		a := &earnings.Answer{Query: earnings.Query{Currency: "GBP"}, Sums: []earnings.Sum{sum("2026-11-01", most), sum("2026-11-02", 1), sum("2026-11-03", -1)}}
		c := teller{locale.English}.chartOfDays(a, month)
		if c == nil || len(c.Bars) != 30 {
			t.Fatalf("%+v", c)
		}
		for _, b := range c.Bars[:3] {
			stands := b.Y+b.Height == c.Zero || b.Y == 0
			if hangs := b.Y == c.Zero || b.Y+b.Height == chartHeight; b.Height == 0 || b.Y < 0 || b.Y+b.Height > chartHeight || b.Below && !hangs || !b.Below && !stands {
				t.Errorf("with a best or worst day of %d the bar %+v is off the line at %d", most, b, c.Zero)
			}
		}
	}
}
