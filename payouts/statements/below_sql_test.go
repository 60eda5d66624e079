package statements

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

var finance = guard.Actor{Kind: guard.Person, ID: "fin_1", Person: "fin_1"}

func (h *house) exec(sql string, args ...any) {
	h.Helper()
	_, err := h.db.Pool.Exec(h.Context(), sql, args...)
	h.ok(err)
}

// ready registers a payee that can be paid.
func (h *house) ready(kind, id, country string, c money.Currency) {
	h.Helper()
	_, _, err := h.events.RegisterPayee(h.Context(), finance, h.book, commerce.Payee{ID: id, Kind: kind, Country: country, Currency: string(c)})
	h.ok(err)
	verified := payouts.IdentityVerified
	_, err = h.Service.payouts.ChangeStanding(h.Context(), finance, h.book, id, payouts.StandingChange{Verification: &verified, Document: "doc-1", Why: "checked"})
	h.ok(err)
	h.exec(`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at, first_paid_at)
VALUES ($1, 'dst_' || substr(md5($2), 1, 16), $2, 'connected', 'acct_' || $2, ARRAY[$3], 'automatic', 'active', 'match', $4, $4, $4, $4)`, h.book.ID, id, string(c), h.clock().AddDate(0, -2, 0))
}

// below is what stands below a statement, as tests compare it.
func (h *house) below(st *Statement) (list []string) {
	h.Helper()
	b, err := h.Below(h.Context(), st)
	h.ok(err)
	day := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return at.In(h.book.Location()).Format(time.DateOnly)
	}
	for _, x := range b.Held {
		list = append(list, fmt.Sprintf("%s %s of %q since %s until %s, waits for %q %v", x.Reason, x.Amount.Format(st.Currency), x.Order+x.Campaign, day(x.Since), day(x.Until), x.WaitsFor, x.Categories))
	}
	for _, x := range b.Others {
		list = append(list, fmt.Sprintf("others %s %s", x.Bucket, x.Closing.Format(st.Currency)))
	}
	for _, x := range b.Payouts {
		list = append(list, fmt.Sprintf("payout %s fee %s %s, now %s, made %s, arrived %s, came back %s, trace %q", x.Amount.Format(st.Currency), x.Fee.Format(st.Currency), x.State, x.StateNow,
			day(x.CreatedAt), day(x.ArrivedAt), day(x.ReturnedAt), x.Trace))
	}
	if f := b.CardFees; f != nil {
		list = append(list, fmt.Sprintf("card fees %s, of returned gifts %s", f.Borne.Format(st.Currency), f.Back.Format(st.Currency)))
	}
	if n := b.Next; n != nil {
		text := fmt.Sprintf("next %s %s %s up to %v", day(n.At), n.Decision.Verdict, n.Decision.Amount.Format(st.Currency), n.UpTo())
		for _, r := range n.Decision.Reasons {
			text += " " + r.Code
		}
		list = append(list, text)
	}
	return list
}

// TestBelow tells of the warehouse's seller what stays back, of a creator what the next payout waits for, and of a month that was issued
// what stood at its end, whatever came later.
func TestBelow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "US", "America/Chicago", "USD")
	h.playS5()
	h.ready("seller", "sel_wh", "US", "USD")
	h.raw("opening.balance", "USD", "equity:opening", 18_00, "liabilities:seller_deposit:sel_wh", -10_00, "liabilities:seller:dispute_hold:sel_wh", -8_00)
	_, err := h.Service.payouts.PlaceHold(t.Context(), finance, h.book, payouts.Hold{ID: "h1", PayeeKey: payouts.PayeeKey{Kind: "seller", ID: "sel_wh"}, Effect: payouts.EffectPause, Category: "review", Case: "C-1"}, "look")
	h.ok(err)
	held := []string{`reserve 13.74 of "W-2" since 2026-11-20 until 2026-12-20, waits for "day" []`, `dispute 8.00 of "" since 2026-11-20 until -, waits for "dispute" []`,
		`deposit 10.00 of "" since - until -, waits for "shop" []`, `pause 0.00 of "" since 2026-11-20 until -, waits for "person" [review]`}
	st, _ := h.days("sel_wh", "USD")
	if diff := cmp.Diff(append(held[:4:4], "next 2026-11-21 skip 0.00 up to false paused nothing-available nothing-available"), h.below(st)); diff != "" {
		t.Errorf("now (-want +got):\n%s", diff)
	}
	h.set(2026, 12, 28)
	st, err = h.Issue(t.Context(), h.book, "sel_wh", "USD")
	h.ok(err)
	h.ok(h.events.Post(t.Context(), h.book, commerce.Own(&commerce.ReserveReleased{Order: "W-2"}, time.Time{})).Err)
	h.exec(`UPDATE payout_holds SET released_at = $2, approval = 'ap_1', document = 'D-1' WHERE book_id = $1`, h.book.ID, h.clock())
	if diff := cmp.Diff(held, h.below(st)); diff != "" {
		t.Errorf("the month that was issued (-want +got):\n%s", diff)
	}
	st, _ = h.days("sel_wh", "USD")
	if diff := cmp.Diff([]string{held[1], held[2], "next 2026-12-29 pay 13.74 up to false"}, h.below(st)); diff != "" {
		t.Errorf("later (-want +got):\n%s", diff)
	}
	if _, err := h.Below(t.Context(), &Statement{Payee: "sel_wh", Currency: "USD", FirstDay: "x", book: h.book}); err == nil {
		t.Error("days that are none were told of")
	}

	uk := newHouse(t, "UK", "Europe/London", "GBP")
	uk.playS2()
	uk.ready("creator", "cre_amy", "GB", "GBP")
	st, _ = uk.days("cre_amy", "GBP")
	if diff := cmp.Diff([]string{"next 2026-11-23 skip 0.00 up to false below-minimum"}, uk.below(st)); diff != "" {
		t.Errorf("the creator (-want +got):\n%s", diff)
	}
	uk.playS7()
	st, _ = uk.days("ngo_a", "GBP")
	if diff := cmp.Diff([]string{`payout 170.59 fee 0.00 paid, now paid, made 2026-11-20, arrived 2026-11-20, came back -, trace "FT-1"`,
		"card fees 1.30, of returned gifts 0.29"}, uk.below(st)); diff != "" {
		t.Errorf("the charity (-want +got):\n%s", diff)
	}
	st, _ = uk.days("local_c", "GBP")
	if diff := cmp.Diff([]string{`campaign 42.65 of "winter24" since - until -, waits for "person" []`, "card fees 0.32, of returned gifts 0.07"}, uk.below(st)); diff != "" {
		t.Errorf("the charity that is checked (-want +got):\n%s", diff)
	}
}

// TestOfPayout tells of payouts exactly what each paid, to the cent and on every page, of orders what their settlement was made of, and of
// somebody else's payout nothing.
func TestOfPayout(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "US", "America/Chicago", "USD")
	h.ready("creator", "amy", "US", "USD")
	for _, x := range []int{50_00, 45_00, -3_00, 30_00, 7_00} {
		event := "test.earned"
		if x < 0 {
			event = "creator.bonus"
		}
		h.raw(event, "USD", "assets:processor:available:main", x, "liabilities:creator:available:amy", -x)
	}
	payTo := func(kind, id, reference string, amount money.Minor) payouts.Payout {
		t.Helper()
		d, list, err := h.Service.payouts.RequestPayout(t.Context(), finance, h.book, payouts.Request{Reference: reference, Amount: amount, Method: "standard",
			Holder: payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: kind, ID: id}, Currency: "USD"}})
		h.ok(err)
		if len(list) != 1 {
			t.Fatalf("%s", d.Decision)
		}
		return list[0]
	}
	pay := func(reference string, amount money.Minor) payouts.Payout {
		return payTo("creator", "amy", reference, amount)
	}
	first := pay("first-of-november", 80_00)
	second := pay("second-of-november", 0)
	// A sale of two units of which one goes back before it settles, and a parcel later that settles by itself.
	h.ready("creator", "zoe", "US", "USD")
	h.ready("seller", "shop", "US", "USD")
	h.post("order.captured", "O-1", `{"order":"O-1","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"shop","lines":[{"line":1,"sku":"A","quantity":2,"unit_price":"100.00"}],
"creators":[{"creator":"zoe","agency":{"id":"mcn","share":"0.20"}}],"commission_rate":"0.10","payments":[{"processor":"main","payment_id":"pi_1","amount":"200.00"}]}`)
	h.post("charge.recorded", "O-1-ful", `{"kind":"warehouse.fulfilment_charged","party":"shop","order":"O-1","currency":"USD","amount":"3.58"}`)
	h.post("refund.made", "O-1-r", `{"order":"O-1","refund":"O-1-r","lines":[{"line":1,"quantity":1}],"payment_refund_id":"re_1","shipped":true}`)
	h.settle("O-1", "0.10", 30)
	h.post("refund.made", "O-1-s", `{"order":"O-1","refund":"O-1-s","amount":"50.00","payment_refund_id":"re_2","shipped":true}`)
	h.post("order.captured", "O-1-2", `{"order":"O-1","capture":2,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"shop","lines":[{"line":2,"sku":"B","quantity":1,"unit_price":"30.00"}],
"creators":[{"creator":"zoe","agency":{"id":"mcn","share":"0.20"}}],"commission_rate":"0.10","payments":[{"processor":"main","payment_id":"pi_2","amount":"30.00"}]}`)
	h.settle("O-1", "0", 0)
	shop, zoe := payTo("seller", "shop", "the-shop", 20_00), payTo("creator", "zoe", "zoe", 0)
	rest := payTo("seller", "shop", "the-rest", 0)
	sold := []string{
		"order.captured sale O-1 200.00 available 200.00",
		"order.captured fee O-1 -12.00 available 188.00 = 0.06 of 200.00",
		"order.captured commission O-1 -20.00 available 168.00 = 0.1 of 200.00",
		"warehouse.fulfilment_charged warehouse O-1 -3.58 available 164.42",
		"refund.partial sale O-1 -100.00 available 64.42 (200.00 before, 100.00 now)",
		"refund.partial fee O-1 6.00 available 70.42 = 0.06 of 100.00 (-12.00 before, -6.00 now)",
		"refund.partial commission O-1 10.00 available 80.42 = 0.1 of 100.00 (-20.00 before, -10.00 now)",
		"refund.partial fee O-1 -1.20 available 79.22",
		"order.settled move O-1 -7.92 available 71.30 (pending to reserve)",
	}
	for _, x := range []struct {
		payout payouts.Payout
		want   []string
	}{
		{shop, slices.Concat(sold, []string{
			"order.settled other_payout O-1 -8.70 available 62.60 (62.60 of 71.30)",
			"refund.partial sale O-1 -50.00 available 12.60 (100.00 before, 50.00 now)",
			"refund.partial fee O-1 3.00 available 15.60 = 0.06 of 50.00 (-6.00 before, -3.00 now)",
			"refund.partial commission O-1 5.00 available 20.60 = 0.1 of 50.00 (-10.00 before, -5.00 now)",
			"refund.partial fee O-1 -0.60 available 20.00 (-1.20 before, -1.80 now)",
		})},
		{rest, slices.Concat(sold, []string{
			"order.settled other_payout O-1 -62.60 available 8.70 (8.70 of 71.30)",
			"reserve.released move O-1 4.20 available 12.90 (reserve to available)",
			"order.captured sale O-1 30.00 available 42.90",
			"order.captured fee O-1 -1.80 available 41.10 = 0.06 of 80.00 (-3.00 before, -4.80 now)",
			"order.captured commission O-1 -3.00 available 38.10 = 0.1 of 80.00 (-5.00 before, -8.00 now)",
		})},
		{zoe, []string{
			"order.captured commission O-1 20.00 available 20.00 = 0.1 of 200.00",
			"order.captured agency_share O-1 -4.00 available 16.00 = 0.2 of 20.00",
			"refund.partial commission O-1 -10.00 available 6.00 = 0.1 of 100.00 (20.00 before, 10.00 now)",
			"refund.partial agency_share O-1 2.00 available 8.00 = 0.2 of 10.00 (-4.00 before, -2.00 now)",
			"refund.partial commission O-1 -5.00 available 3.00 = 0.1 of 50.00 (10.00 before, 5.00 now)",
			"refund.partial agency_share O-1 1.00 available 4.00 = 0.2 of 5.00 (-2.00 before, -1.00 now)",
			"order.captured commission O-1 3.00 available 7.00 = 0.1 of 80.00 (5.00 before, 8.00 now)",
			"order.captured agency_share O-1 -0.60 available 6.40 = 0.2 of 8.00 (-1.00 before, -1.60 now)",
		}},
		{first, []string{"test.earned other  50.00 available 50.00", "test.earned other  33.00 available 83.00 (33.00 of 45.00)", "creator.bonus bonus  -3.00 available 80.00"}},
		{second, []string{"test.earned other  12.00 available 12.00 (12.00 of 45.00)", "test.earned other  30.00 available 42.00", "test.earned other  7.00 available 49.00"}},
	} {
		st, err := h.OfPayout(t.Context(), h.book, x.payout.Holder.ID, x.payout.ID)
		h.ok(err)
		if st.Opening() != 0 || st.Closing() != x.payout.Amount+x.payout.Fee || st.Headlines() != (Headlines{InTransit: x.payout.Amount, PaidKnown: true}) {
			t.Errorf("from %v to %v", st.Opening(), st.Closing())
		}
		for _, limit := range []int{1, 2, 100} {
			var got []string
			for _, l := range h.lines(st, limit) {
				got = append(got, say(l))
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
			}
		}
		if name := st.FileName(tabular.CSV); name != "payout-us-"+x.payout.Holder.ID+"-"+x.payout.ID+".csv" {
			t.Error(name)
		}
		for _, f := range Formats() {
			text := h.file(st, f)
			m, err := h.Manifest(t.Context(), st, f, tabular.Dialect{})
			h.ok(err)
			if int64(len(text)) != m.Bytes || m.Rows != int64(len(x.want)) || len(m.Totals) != 1 || m.Totals[0].Amount != st.Closing().Format("USD") {
				t.Errorf("%s: %d bytes and %+v", f, len(text), m)
			}
		}
		if text := h.file(st, JSON); !strings.Contains(text, `"payout":{"payout_id":"`+x.payout.ID+`"`) {
			t.Error(text)
		}
		if got := h.below(st); len(got) != 1 || !strings.HasPrefix(got[0], "payout "+x.payout.Amount.Format("USD")) {
			t.Error(got)
		}
	}
	for _, payee := range []string{"bob", ""} {
		if _, err := h.OfPayout(t.Context(), h.book, payee, first.ID); !errors.Is(err, payouts.ErrPayoutUnknown) {
			t.Error(err)
		}
	}
	_, err := h.Service.payouts.Cancel(t.Context(), finance, h.book, second.ID, "asked for")
	h.ok(err)
	gone, err := h.OfPayout(t.Context(), h.book, "amy", second.ID)
	h.ok(err)
	if gone.Headlines() != (Headlines{PaidKnown: true}) {
		t.Errorf("of one that was cancelled: %+v", gone.Headlines())
	}
	h.set(2026, 12, 3)
	st, err := h.Issue(t.Context(), h.book, "amy", "USD")
	h.ok(err)
	_, err = h.Service.payouts.Cancel(t.Context(), finance, h.book, first.ID, "asked for in December")
	h.ok(err)
	if got := h.below(st); len(got) != 2 || !strings.Contains(got[0]+got[1], "cancelled, now cancelled") || !strings.Contains(got[0]+got[1], "created, now cancelled") {
		t.Errorf("the month: %v", got)
	}
}
