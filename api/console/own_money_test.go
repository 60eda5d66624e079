package console

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/payouts"
)

// arrives sells UK-1 under another name, and has its last parcel arrive.
func (m *market) arrives(order string, at time.Time) {
	m.t.Helper()
	m.happened(m.book, "order.captured", order, strings.NewReplacer("UK-1", order, "pi_1", "pi_"+order, `"quantity":2`, `"quantity":20`, `"44.97"`, `"494.79"`).Replace(ukSale))
	m.happened(m.book, "order.delivered", "d-"+order, `{"order":"`+order+`","delivered_at":"`+at.UTC().Format(time.RFC3339)+`","last_parcel":true}`)
	_, err := m.sim.AddCharge(49479, 0, "gbp", 0, nil)
	m.must(err)
}

// TestNextPayout holds what the page says of the next payout against the payout: what is available, and what becomes available before
// the cut-off; nothing from it on, nothing that something keeps, and no hold of an amount or of another payee stops it.
func TestNextPayout(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.ready("creator", "cre_amy")
	m.account("cre_amy")
	m.ready("seller", "sel_uk")
	m.account("sel_uk")
	m.register(m.book, commerce.Payee{ID: "mcn_ldn", Kind: "agency"})
	payload, err := json.Marshal(map[string]any{"payee": "sel_uk", "after": 0, "valid_from": m.now().Add(time.Hour),
		"document": `{"id":"sel_uk-1","kind":"seller","cadence":{"every":"weekly","weekday":1},"reserve":{"rate":"0.10","days":30}}`})
	m.must(err)
	_, err = m.payouts.SetOverride(t.Context(), operator, m.book, payload, "agreed")
	m.must(err)
	policy, err := m.payouts.PolicyAt(t.Context(), m.book, m.now())
	m.must(err)
	next := policy.NextRun(payouts.KindCreator, m.now().Add(8*24*time.Hour))
	m.forward(next.Add(-8 * 24 * time.Hour).Sub(m.now()))
	cutOff, err := policy.CutoffOn(policy.LocalDate(next))
	m.must(err)
	m.arrives("UK-7", cutOff.AddDate(0, 0, -8).Add(-time.Hour)) // may settle a day before the cut-off
	m.arrives("UK-8", cutOff.AddDate(0, 0, -8).Add(time.Minute))
	m.arrives("UK-9", cutOff.AddDate(0, 0, -8).Add(-time.Hour))
	m.happened(m.book, "after_sales.opened", "case", `{"order":"UK-9","case":"RMA-7"}`)
	m.earn("creator", "cre_amy", "available", 5000)
	for _, h := range []payouts.Hold{
		{ID: "hold-1", PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_amy"}, Currency: "GBP", Effect: payouts.EffectAmount, Wanted: 1000, Category: payouts.CategoryLegal, Case: "case-1"},
		{ID: "hold-2", PayeeKey: payouts.PayeeKey{Kind: "agency", ID: "cre_amy"}, Effect: payouts.EffectPause, Category: payouts.CategoryReview, Case: "case-2"},
		{ID: "hold-3", PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_amy"}, Currency: "EUR", Effect: payouts.EffectPause, Category: payouts.CategoryReview, Case: "case-3"},
	} {
		_, err := m.payouts.PlaceHold(t.Context(), operator, m.book, h, "asked for")
		m.must(err)
	}
	m.work(m.payouts.Feed)
	m.forward(next.Add(-30 * time.Hour).Sub(m.now()))
	money := func(payee string, words ...string) {
		t.Helper()
		m.payee(m.book, payee).get("/portal/money", 200).has(t, words...)
	}
	money("cre_amy", "On Nov 30, 2026, about £91.64, if nothing changes.", "Nov 29, 2026 1 sale £51.64 Nov 30, 2026 1 sale £51.64 No day yet: not delivered, or something is open 1 sale £51.64")
	money("sel_uk", "On Nov 30, 2026, up to £379.49, before what is kept in reserve or in trust.", "Before what is kept in reserve or in trust. Nov 29, 2026 1 sale £379.49")

	m.forward(cutOff.AddDate(0, 0, -1).Sub(m.now()))
	m.work(m.payouts.Release)
	money("cre_amy", "On Nov 30, 2026, about £91.64, if nothing changes.")
	money("sel_uk", "On Nov 30, 2026, about £341.54, if nothing changes.", "In reserve Kept against returns until its days below. £37.95")
	m.forward(cutOff.Add(time.Hour).Sub(m.now()))
	m.work(m.payouts.Release)
	m.earn("creator", "cre_amy", "available", 700)
	money("cre_amy", "On Nov 30, 2026, about £91.64, if nothing changes.", "Available Paid with the next payout. £150.28")
	m.plan()
	if paid := m.one("cre_amy"); paid.Gross() != 9164 {
		t.Errorf("paid %d", paid.Gross())
	}
	if paid := m.one("sel_uk"); paid.Gross() != 34154 {
		t.Errorf("the seller was paid %d", paid.Gross())
	}
	_, err = m.payouts.PlaceHold(t.Context(), operator, m.book, payouts.Hold{ID: "hold-4", PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_amy"}, Currency: "GBP", Effect: payouts.EffectPause,
		Category: payouts.CategoryReview, Case: "case-4"}, "asked for")
	m.must(err)
	money("cre_amy", "Payouts are stopped by a hold.")
}

// TestNextPayoutIsTheDecision: what the page says of the next payout is what the run then decides, word for word, whatever keeps a payee
// from being paid.
func TestNextPayoutIsTheDecision(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, id := range []string{"cre_paid", "cre_small", "cre_held", "cre_owes", "cre_homeless", "cre_new"} {
		if id == "cre_new" {
			m.register(m.book, commerce.Payee{ID: id, Kind: "creator"})
			continue
		}
		if m.ready("creator", id); id != "cre_homeless" {
			m.account(id)
		}
	}
	m.ready("guardian", "gua_pat")
	m.register(m.book, commerce.Payee{ID: "cre_minor", Kind: "creator", Minor: true, Guardian: "gua_pat", TrustRate: "0.15"})
	worlds := []struct {
		payee  string
		pence  int64
		expect string
		page   string
	}{
		{"cre_paid", 12050, payouts.ExpectAbout, "about £120.50, if nothing changes."},
		{"cre_small", 300, payouts.ExpectBelow, "£3.00 is below the minimum of £10.00."},
		{"cre_held", 5000, payouts.ExpectPaused, "Payouts are stopped by a hold."},
		{"cre_owes", -700, payouts.ExpectNone, "as things stand."},
		{"cre_homeless", 5000, payouts.ExpectNone, "There is no account to pay to."},
		{"cre_new", 5000, payouts.ExpectNone, "The identity check is not complete."},
		{"cre_minor", 5000, payouts.ExpectNone, ""}, // a minor has no portal of its own
	}
	for _, w := range worlds {
		m.earn("creator", w.payee, "available", w.pence)
	}
	_, err := m.payouts.PlaceHold(t.Context(), operator, m.book, payouts.Hold{ID: "hold-1", PayeeKey: payouts.PayeeKey{Kind: "creator", ID: "cre_held"}, Currency: "GBP", Effect: payouts.EffectPause,
		Category: payouts.CategoryReview, Case: "case-1"}, "asked for")
	m.must(err)
	m.work(m.payouts.Feed)
	policy, err := m.payouts.PolicyAt(t.Context(), m.book, m.now())
	m.must(err)
	m.forward(policy.NextRun(payouts.KindCreator, m.now()).Add(-time.Hour).Sub(m.now()))
	before := map[string]payouts.NextPayout{}
	for _, w := range worlds {
		way, err := m.payouts.Way(t.Context(), m.book, payouts.PayeeKey{Kind: "creator", ID: w.payee})
		m.must(err)
		next := way.Currencies[0].Next
		if before[w.payee] = next; next.Expect != w.expect {
			t.Errorf("%s: expected %q for %+v, want %q", w.payee, next.Expect, next.Decision, w.expect)
		}
		if w.page != "" {
			m.payee(m.book, w.payee).get("/portal/money", 200).has(t, w.page)
		}
	}
	m.plan()
	for _, w := range worlds {
		page, err := m.payouts.Decisions(t.Context(), m.book, payouts.DecisionQuery{Payee: w.payee, Kind: "creator", Limit: 2})
		m.must(err)
		if len(page.Decisions) != 1 {
			t.Errorf("%s: %d decisions", w.payee, len(page.Decisions))
			continue
		}
		got, want := page.Decisions[0], before[w.payee].Decision
		var reasons []string
		for _, r := range want.Reasons {
			reasons = append(reasons, r.Code)
		}
		if got.Verdict != want.Verdict || got.Amount != want.Amount || !slices.Equal(got.Reasons, reasons) {
			t.Errorf("%s: decided %s %d %v, expected %s %d %v", w.payee, got.Verdict, got.Amount, got.Reasons, want.Verdict, want.Amount, reasons)
		}
	}
}
