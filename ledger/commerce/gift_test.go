package commerce

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// giftHistory is a random history of purchases, gifts and what undoes them, with what it must have come to.
type giftHistory struct {
	*workbench
	*rand.Rand
	seed    uint64
	n       int
	unspent money.Minor
	// gifts are those that stand, by what they are worth; bought are purchases that stand.
	gifts, bought map[string]money.Minor
}

func (h *giftHistory) say(t *testing.T, kind, format string, args ...any) Result {
	t.Helper()
	h.n++
	r := h.Post(t.Context(), h.book, event(t, kind, fmt.Sprintf("%d-%d", h.seed, h.n), fmt.Sprintf(format, args...)))
	if r.Err == nil {
		checkStepsTell(t, fmt.Sprintf("seed %d step %d %s", h.seed, h.n, kind), r)
		h.checkExplanation(t, fmt.Sprintf("seed %d step %d %s", h.seed, h.n, kind), r)
	}
	return r
}

// want stops the test unless a step was answered as expected; no code is a success.
func (h *giftHistory) want(t *testing.T, r Result, code string) {
	t.Helper()
	if got := fault.CodeOf(r.Err); r.Err != nil && got != code || r.Err == nil && code != "" {
		t.Fatalf("seed %d step %d: %v, want %q", h.seed, h.n, r.Err, code)
	}
}

func (h *giftHistory) step(t *testing.T) {
	t.Helper()
	switch n := h.IntN(100); {
	case n < 35:
		id := fmt.Sprintf("P%d-%d", h.seed, h.n)
		amount := money.Minor(1 + h.Int64N(5_000))
		fee := h.Int64N(int64(amount) + 1)
		h.want(t, h.say(t, "coins.purchased", `{"purchase":%q,"store":"apple","currency":"USD","amount":%q,"store_fee":%q}`, id, amount.Format("USD"), money.Minor(fee).Format("USD")), "")
		h.unspent += amount
		h.bought[id] = amount
	case n < 70:
		h.gift(t)
	case n < 78:
		for _, id := range h.some() {
			share := "0.9" + fmt.Sprint(h.IntN(1000))
			if r := h.say(t, "gift.trued_up", `{"gift":%q,"share":%q}`, id, share); r.Err != nil {
				h.want(t, r, "already-recorded")
			}
		}
	case n < 85:
		for _, id := range h.some() {
			if r := h.Release(t.Context(), h.book, Release{Reference: fmt.Sprintf("rel-%s-%d", id, h.n), Source: "gift:" + id}); r.Err != nil && fault.CodeOf(r.Err) != ErrNothingWaits.Code {
				t.Fatalf("seed %d: %v", h.seed, r.Err)
			}
		}
	default:
		for _, id := range h.some() {
			h.reverse(t, id)
		}
	}
}

// some is one of the gifts that stand, if there is any.
func (h *giftHistory) some() []string {
	all := slices.Sorted(maps.Keys(h.gifts))
	if len(all) == 0 {
		return nil
	}
	return []string{all[h.IntN(len(all))]}
}

func (h *giftHistory) gift(t *testing.T) {
	t.Helper()
	id := fmt.Sprintf("G%d-%d", h.seed, h.n)
	amount := money.Minor(1 + h.Int64N(3_000))
	agency := []string{"null", `{"id":"a","share":"0.333","paid_by":"creator"}`, `{"id":"a","share":"0.07","paid_by":"platform"}`}[h.IntN(3)]
	r := h.say(t, "gift.sent", `{"gift":%q,"creator":"c%d","currency":"USD","amount":%q,"share":"0.%03d","agency":%s,"hold_days":%d}`,
		id, h.IntN(3), amount.Format("USD"), h.IntN(900), agency, h.IntN(2))
	if amount > h.unspent {
		h.want(t, r, "insufficient-funds")
		return
	}
	h.want(t, r, "")
	h.unspent -= amount
	h.gifts[id] = amount
}

// reverse undoes a gift and shows that nothing of it is left with anybody.
func (h *giftHistory) reverse(t *testing.T, id string) {
	t.Helper()
	h.want(t, h.say(t, "gift.reversed", `{"gift":%q}`, id), "")
	h.want(t, h.say(t, "gift.reversed", `{"gift":%q}`, id), "order-state")
	h.unspent += h.gifts[id]
	delete(h.gifts, id)
	page, err := h.ledger.Transactions(t.Context(), h.book, ledger.TransactionQuery{Subject: "gift:" + id, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range (&story{transactions: page.Transactions}).nets("USD") {
		if x.amount != 0 {
			t.Errorf("seed %d: after the reversal of %s %s keeps %d", h.seed, id, x.account, x.amount)
		}
	}
}

// TestLastCoins lets two services spend the same coins at once: they are spent once.
func TestLastCoins(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.post(t, "coins.purchased", "p", `{"purchase":"P","store":"apple","currency":"USD","amount":"10.00"}`)
	doors := []*workbench{w, w.another(t)}
	results := make([]Result, 60)
	together(len(results), func(i int) {
		results[i] = doors[i%2].Post(t.Context(), w.book, event(t, "gift.sent", fmt.Sprint("g", i),
			fmt.Sprintf(`{"gift":"G-%d","creator":"c","currency":"USD","amount":"4.00","share":"0.5"}`, i)))
	})
	sent := 0
	for i, r := range results {
		if r.Err == nil {
			sent++
		} else if fault.CodeOf(r.Err) != "insufficient-funds" {
			t.Errorf("gift %d: %v", i, r.Err)
		}
	}
	if sent != 2 {
		t.Errorf("%d gifts of 4.00 were paid from 10.00", sent)
	}
	w.verified(t)
}

// TestSameGiftAtOnce reverses, releases and trues up one gift from two services: each happens at most once, and in the end
// nobody keeps anything of a gift that was reversed.
func TestSameGiftAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	doors := []*workbench{w, w.another(t)}
	w.post(t, "coins.purchased", "p", `{"purchase":"P","store":"apple","currency":"USD","amount":"100.00"}`)
	for round := range 5 {
		id := fmt.Sprint("G-", round)
		w.post(t, "gift.sent", id, fmt.Sprintf(`{"gift":%q,"creator":"c","currency":"USD","amount":"10.00","share":"0.5","hold_days":7}`, id))
		reversed := make([]Result, 30)
		together(len(reversed), func(i int) {
			door, reference := doors[i%2], fmt.Sprint(id, "-", i)
			switch i % 3 {
			case 0:
				reversed[i] = door.Post(t.Context(), w.book, event(t, "gift.reversed", reference, fmt.Sprintf(`{"gift":%q}`, id)))
			case 1:
				door.Release(t.Context(), w.book, Release{Reference: reference, Source: "gift:" + id})
			default:
				door.Post(t.Context(), w.book, event(t, "gift.trued_up", reference, fmt.Sprintf(`{"gift":%q,"share":"0.6"}`, id)))
			}
		})
		undone := 0
		for i, r := range reversed {
			if i%3 == 0 && r.Err == nil {
				undone++
			}
		}
		if undone != 1 {
			t.Errorf("%s was reversed %d times", id, undone)
		}
	}
	for account, balance := range w.balances(t) {
		if strings.Contains(account, "creator") && strings.Trim(balance, "-0.") != "" {
			t.Errorf("%s keeps %s", account, balance)
		}
	}
	w.verified(t)
}

// TestGiftsTogether posts a purchase, its gift and their refund as one: the dry run, the group and one after the other agree.
func TestGiftsTogether(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	events := func(n string) []Event {
		return []Event{
			event(t, "coins.purchased", n+"1", `{"purchase":"P`+n+`","store":"apple","currency":"USD","amount":"10.00","store_fee":"3.00"}`),
			event(t, "gift.sent", n+"2", `{"gift":"G`+n+`","creator":"c","currency":"USD","amount":"9.97","share":"0.5","agency":{"id":"a","share":"0.05","paid_by":"platform"}}`),
			event(t, "gift.trued_up", n+"3", `{"gift":"G`+n+`","share":"0.53"}`),
			event(t, "coins.purchase_refunded", n+"4", `{"purchase":"P`+n+`","gifts":["G`+n+`"]}`),
			event(t, "coins.purchased", n+"5", `{"purchase":"Q`+n+`","store":"apple","currency":"USD","amount":"10.00"}`),
			event(t, "coins.purchased", n+"6", `{"purchase":"R`+n+`","store":"apple","currency":"USD","amount":"10.00"}`),
			event(t, "gift.sent", n+"7", `{"gift":"H`+n+`","creator":"c","currency":"USD","amount":"12.00","share":"0.5","agency":{"id":"a","share":"0.05","paid_by":"platform"}}`),
			event(t, "coins.purchase_refunded", n+"8", `{"purchase":"Q`+n+`"}`),
			event(t, "coins.purchase_refunded", n+"9", `{"purchase":"R`+n+`"}`),
		}
	}
	foreseen, err := w.DryRun(t.Context(), w.book, events("a"), true)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events("a") {
		if foreseen[i].Err != nil {
			t.Fatalf("dry run of %s: %v", e.Type, foreseen[i].Err)
		}
		r := w.Post(t.Context(), w.book, e)
		if r.Err != nil {
			t.Fatalf("%s: %v", e.Type, r.Err)
		}
		if a, b := entriesText(foreseen[i]), entriesText(r); a != b {
			t.Errorf("%s: the dry run says\n%s\nposted is\n%s", e.Type, a, b)
		}
	}
	for account, balance := range w.balances(t) {
		if strings.Trim(balance, "-0.") != "" {
			t.Errorf("%s holds %s", account, balance)
		}
	}
}

func entriesText(r Result) string {
	var b strings.Builder
	for _, x := range r.Transactions {
		for _, e := range x.Entries {
			fmt.Fprintln(&b, x.Event, e.Account, e.Amount)
		}
	}
	return b.String()
}

// TestGiftsRefused sends what cannot be a gift; nothing is posted.
func TestGiftsRefused(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for i, bad := range []struct{ kind, data, code string }{
		{"gift.sent", `{"gift":"G","creator":"c","currency":"USD","amount":"1.00"}`, "validation-failed"},
		{"gift.sent", `{"gift":"G","creator":"c","currency":"USD","amount":"1.00","share":"1.1"}`, "validation-failed"},
		{"gift.sent", `{"gift":"G","creator":"c","currency":"EUR","amount":"1.00","share":"0.5"}`, "validation-failed"},
		{"gift.sent", `{"gift":"G:1","creator":"c","currency":"USD","amount":"1.00","share":"0.5"}`, "validation-failed"},
		{"gift.sent", `{"gift":"G","creator":"c","currency":"USD","amount":"1.00","share":"0.5"}`, "insufficient-funds"},
		{"gift.reversed", `{"gift":"G"}`, "order-unknown"},
		{"gift.trued_up", `{"gift":"G","share":"0.6"}`, "order-unknown"},
		{"coins.purchased", `{"purchase":"P","currency":"USD","amount":"1.00"}`, "validation-failed"},
		{"coins.purchased", `{"purchase":"P","store":"apple","currency":"USD","amount":"1.00","store_fee":"1.01"}`, "validation-failed"},
		{"coins.purchase_refunded", `{"purchase":"P"}`, "order-unknown"},
		{"coins.disputed", `{"purchase":"P","dispute":"d"}`, "order-unknown"},
		{"tip.refunded", `{"tip":"T"}`, "order-unknown"},
		{"subscription.earned", `{"subscription":"S","month":13}`, "validation-failed"},
		{"subscription.refunded", `{"subscription":"S"}`, "order-unknown"},
	} {
		r := w.Post(t.Context(), w.book, event(t, bad.kind, fmt.Sprint("bad", i), bad.data))
		if fault.CodeOf(r.Err) != bad.code {
			t.Errorf("%s %s: %v, want %s", bad.kind, bad.data, r.Err, bad.code)
		}
	}
	for account, balance := range w.balances(t) {
		t.Errorf("%s holds %s", account, balance)
	}
}
