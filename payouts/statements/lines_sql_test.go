package statements

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// sum adds up the lines that a test of their code and type chooses.
func sum(lines []Line, of func(l *Line) bool) (m money.Minor) {
	for i := range lines {
		if of(&lines[i]) {
			m += lines[i].Amount
		}
	}
	return m
}

func amounts(lines []Line, code string, of func(l *Line) bool) (list []string) {
	for i := range lines {
		if l := &lines[i]; l.Code == code && of(l) {
			list = append(list, l.Amount.Format(l.Currency))
		}
	}
	return list
}

// TestCreator is the creator's statement of domain 5.1.
func TestCreator(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.playS2()
	st, lines := h.days("cre_amy", "GBP")
	var got []string
	for _, l := range lines {
		got = append(got, say(l))
	}
	want := []string{
		"order.captured commission UK-1 6.30 pending 6.30 = 0.15 of 41.98",
		"order.captured agency_share UK-1 -1.89 pending 4.41 = 0.3 of 6.30",
		"order.settled move UK-1 -4.41 pending 0.00 (pending to available)",
		"order.settled move UK-1 4.41 available 4.41 (pending to available)",
		"refund.partial commission UK-1 -3.15 available 1.26 = 0.15 of 20.99 (6.30 before, 3.15 now)",
		"refund.partial agency_share UK-1 0.95 available 2.21 = 0.3 of 3.15 (-1.89 before, -0.94 now)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if l := lines[0]; l.SKU != "SKU-9" || l.LiveSession != "LS-12" || l.Channel != "app" || l.Rule != "affiliate" || l.RuleVersion == "" || l.Entry != "uk-1/6" {
		t.Errorf("the first line is %+v", l)
	}
	if st.Opening() != 0 || st.Closing() != 221 || st.Headlines().Settled != 221 {
		t.Errorf("opening %d, closing %d, %+v", st.Opening(), st.Closing(), st.Headlines())
	}
	for _, f := range []tabular.Format{JSON, tabular.CSV, tabular.JSONLines} {
		if text := h.file(st, f); strings.Contains(text, "mcn_ldn") || strings.Contains(text, "sel_uk") || strings.Contains(text, "revenue") || len(text) < 500 {
			t.Errorf("the creator's %s names others: %s", f, text)
		}
	}
}

// TestSeller is the seller's statement of domain 5.2.
func TestSeller(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "US", "America/Chicago", "USD")
	h.playS5()
	h.set(2026, 12, 2)
	st, err := h.Issue(t.Context(), h.book, "sel_wh", "USD")
	h.ok(err)
	lines := h.lines(st, 7)
	sold := func(l *Line) bool { return l.Type == "order.captured" }
	refunded := func(l *Line) bool { return l.Type == "refund.full" }
	all := func(*Line) bool { return true }
	for name, x := range map[string]struct{ got, want any }{
		"sales":          {amounts(lines, "sale", sold), []string{"60.00", "150.00"}},
		"referral":       {amounts(lines, "fee", sold), []string{"-3.60", "-9.00"}},
		"refunded goods": {amounts(lines, "sale", refunded), []string{"-60.00"}},
		"refunded fees":  {amounts(lines, "fee", refunded), []string{"3.60", "-0.72"}},
		"shipping":       {amounts(lines, "shipping", all), []string{"-4.10"}},
		"warehouse":      {amounts(lines, "warehouse", all), []string{"-3.58", "-2.00", "-12.40", "-3.58"}},
		"payouts":        {amounts(lines, CodePayout, all), []string{"-47.54", "-53.34"}},
		"reserve":        {amounts(lines, CodeMove, func(l *Line) bool { return l.Bucket == Reserve }), []string{"5.28", "-5.28", "13.74"}},
		"net activity":   {sum(lines, func(l *Line) bool { return l.Code != CodeMove && l.Code != CodePayout }), money.Minor(11462)},
		"moves":          {sum(lines, func(l *Line) bool { return l.Code == CodeMove }), money.Minor(0)},
		"closing":        {fmt.Sprint(st.Buckets), "[{available 0 0} {in_transit 0 0} {pending 0 0} {reserve 0 1374}]"},
		"tax memo":       {fmt.Sprint(st.Tax), "[{sales:US-TX 1733 495}]"},
		"headlines":      {st.Headlines(), Headlines{OnHold: 1374, Paid: 10088, PaidKnown: true}},
	} {
		if diff := cmp.Diff(x.want, x.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if st.NothingCount != 1 || st.Nothing[0].Order != "W-1" || st.Nothing[0].Event != "refund.full" {
		t.Errorf("nothing is left of %+v", st.Nothing)
	}
	if st.Lines != int64(len(lines)) || lines[len(lines)-1].Number != st.Lines {
		t.Errorf("%d lines, of %d", len(lines), st.Lines)
	}
}

// TestCharity is the charity's statement of domain 5.3.
func TestCharity(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.set(2027, 1, 31)
	h.playS7()
	st, lines := h.days("ngo_a", "GBP")
	all := func(*Line) bool { return true }
	for code, want := range map[string][]string{
		"donation": {"30.00", "11.71", "62.59"}, "match": {"30.00", "12.00", "48.00", "-12.00"}, "refund": {"-11.71"}, CodePayout: {"-170.59"}, "fee": nil, "agency_share": nil,
	} {
		if got := amounts(lines, code, all); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	if st.Closing() != 0 || sum(lines, all) != 0 {
		t.Errorf("closing %d", st.Closing())
	}
	if text := h.file(st, JSON); strings.Contains(text, "ngo_b") || strings.Contains(text, "local_c") {
		t.Error("the charity's statement names other charities")
	}
}

// TestOwns knows what is a payee's and what only begins alike.
func TestOwns(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"liabilities:creator:available:amy": true, "liabilities:donation:pending:amy:winter24": true, "liabilities:payout_in_transit:amy": true, "liabilities:seller_deposit:amy": true,
		"liabilities:creator:available:amy2": false, "liabilities:creator:available:amy:x": false, "liabilities:donation:pending:am:amy": false, "liabilities:match_fund:amy": false,
		"liabilities:payout_in_transit": false, "revenue:referral_fee": false,
	} {
		if owns("amy", ledger.Address(address)) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}
