//go:build !race

package commerce

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// slowItem is a purchase or something that spent coins, with what of it stands.
type slowItem struct {
	id     string
	amount money.Minor
	fee    money.Minor
}

// slowCoins says from the beginning on which coins paid for what: each spending takes them from the oldest purchase that has
// some left, as if what was undone had never been.
type slowCoins struct{ bought, spent []slowItem }

// pays is what each purchase paid for each spending.
func (s *slowCoins) pays() map[[2]string]money.Minor {
	out := map[[2]string]money.Minor{}
	left := slices.Clone(s.bought)
	for _, x := range s.spent {
		for need := x.amount; need > 0 && len(left) > 0; {
			take := min(need, left[0].amount)
			if take > 0 {
				out[[2]string{left[0].id, x.id}] += take
			}
			need -= take
			if left[0].amount -= take; left[0].amount == 0 {
				left = left[1:]
			}
		}
	}
	return out
}

func (s *slowCoins) unspent() (sum money.Minor) {
	for _, x := range s.bought {
		sum += x.amount
	}
	for _, x := range s.spent {
		sum -= x.amount
	}
	return sum
}

func without(list []slowItem, id string) []slowItem {
	return slices.DeleteFunc(slices.Clone(list), func(x slowItem) bool { return x.id == id })
}

// less takes a part of one thing away, and the thing if nothing is left.
func less(list []slowItem, id string, amount money.Minor) []slowItem {
	list = slices.Clone(list)
	for i := range list {
		if list[i].id == id {
			list[i].amount -= amount
		}
	}
	return slices.DeleteFunc(list, func(x slowItem) bool { return x.amount == 0 })
}

// coinHistory is a random history of lots.
type coinHistory struct {
	giftHistory
	slow slowCoins
	// platform says that the platform bears what goes back.
	platform bool
}

func (h *coinHistory) any(list []slowItem) (slowItem, bool) {
	if len(list) == 0 {
		return slowItem{}, false
	}
	return list[h.IntN(len(list))], true
}

func (h *coinHistory) turn(t *testing.T) {
	t.Helper()
	id := fmt.Sprintf("%d-%d", h.seed, h.n+1)
	amount := money.Minor(1 + h.Int64N(2_000))
	switch n := h.IntN(100); {
	case n < 30:
		fee := money.Minor(h.Int64N(int64(amount) + 1))
		h.want(t, h.say(t, "coins.purchased", `{"purchase":"P%s","store":"apple","currency":"USD","amount":%q,"store_fee":%q}`, id, amount.Format("USD"), fee.Format("USD")), "")
		h.slow.bought = append(h.slow.bought, slowItem{"P" + id, amount, fee})
	case n < 70:
		agency := []string{"null", `{"id":"a","share":"0.333","paid_by":"creator"}`, `{"id":"a","share":"0.07","paid_by":"platform"}`}[h.IntN(3)]
		if amount /= 2; amount == 0 || amount > h.slow.unspent() {
			return
		}
		h.want(t, h.say(t, "gift.sent", `{"gift":"G%s","creator":"c%d","currency":"USD","amount":%q,"share":"0.%03d","agency":%s,"hold_days":%d}`,
			id, h.IntN(3), amount.Format("USD"), h.IntN(900), agency, h.IntN(2)), "")
		h.slow.spent = append(h.slow.spent, slowItem{id: "G" + id, amount: amount})
	case n < 78:
		if gift, ok := h.any(h.slow.spent); ok {
			h.want(t, h.say(t, "gift.reversed", `{"gift":%q}`, gift.id), "")
			h.slow.spent = without(h.slow.spent, gift.id)
		}
	case n < 86:
		if gift, ok := h.any(h.slow.spent); ok {
			h.say(t, "gift.trued_up", `{"gift":%q,"share":"0.95"}`, gift.id)
		}
	default:
		if lot, ok := h.any(h.slow.bought); ok {
			h.refund(t, lot)
		}
	}
}

// refund refunds a purchase, now and then with the gifts named, and takes out of the slow model what it paid for.
func (h *coinHistory) refund(t *testing.T, lot slowItem) {
	t.Helper()
	named, back := []string{}, h.slow.pays()
	for _, x := range h.slow.spent {
		if back[[2]string{lot.id, x.id}] != 0 {
			named = append(named, fmt.Sprintf("%q", x.id))
		}
	}
	clawback := map[bool]string{true: "platform", false: "creator"}[h.platform]
	if len(named) > 1 {
		h.want(t, h.say(t, "coins.purchase_refunded", `{"purchase":%q,"gifts":[%s]}`, lot.id, named[0]), ErrCoinGifts.Code)
	}
	if h.IntN(2) == 0 || len(named) > 50 {
		named = nil
	}
	h.want(t, h.say(t, "coins.purchase_refunded", `{"purchase":%q,"clawback":%q,"gifts":[%s]}`, lot.id, clawback, strings.Join(named, ",")), "")
	for pair, coins := range back {
		if pair[0] == lot.id {
			h.slow.spent = less(h.slow.spent, pair[1], coins)
		}
	}
	h.slow.bought = without(h.slow.bought, lot.id)
}

// compare asks for each purchase and each gift what the slow model knows.
func (h *coinHistory) compare(t *testing.T) {
	t.Helper()
	pays := h.slow.pays()
	p := &planner{ctx: t.Context(), service: h.Service, book: h.book, event: &Event{}}
	for _, lot := range h.slow.bought {
		got, err := p.paidGifts(lot.id, "USD")
		if err != nil {
			t.Fatal(err)
		}
		var want []paidGift
		for _, x := range slices.Backward(h.slow.spent) {
			if coins := pays[[2]string{lot.id, x.id}]; coins != 0 {
				want = append(want, paidGift{x.id, coins})
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("-life.seed=%d step %d: %s paid for %v, want %v", h.seed, h.n, lot.id, got, want)
		}
	}
	fees := map[string]money.Minor{}
	for _, gift := range h.slow.spent {
		out, err := h.Gift(t.Context(), h.book, gift.id)
		if err != nil {
			t.Fatal(err)
		}
		legs, parts := money.Minor(0), money.Minor(0)
		for _, leg := range out.Legs {
			legs += signedMinor(t, leg.Amount, "USD")
			parts += signedMinor(t, leg.Percentage, "USD")
		}
		if legs != gift.amount || parts != 100_00 || out.Stands != gift.amount.Format("USD") {
			t.Fatalf("-life.seed=%d step %d: the legs of %s are %+v of %s", h.seed, h.n, gift.id, out.Legs, gift.amount.Format("USD"))
		}
		for _, lot := range out.Lots {
			if want := pays[[2]string{lot.Purchase, gift.id}]; lot.Amount != want.Format("USD") {
				t.Fatalf("-life.seed=%d step %d: %s paid %s of %s, want %s", h.seed, h.n, lot.Purchase, lot.Amount, gift.id, want.Format("USD"))
			}
			fees[lot.Purchase] += signedMinor(t, lot.StoreFee, "USD")
		}
	}
	for _, lot := range h.slow.bought {
		spent := money.Minor(0)
		for pair, coins := range pays {
			if pair[0] == lot.id {
				spent += coins
			}
		}
		if spent == lot.amount && fees[lot.id] != lot.fee {
			t.Fatalf("-life.seed=%d step %d: the gifts of %s cost %d of its fee of %d", h.seed, h.n, lot.id, fees[lot.id], lot.fee)
		}
	}
}

// TestCoinLots plays random histories: which purchase paid for which gift agrees with a slow model, every gift's legs add up
// to it, and when every purchase is refunded nothing is left, or only what the platform has borne.
func TestCoinLots(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for i := range uint64(10) {
		seed := i + 1
		if *lifeSeed != 0 {
			seed = *lifeSeed
		}
		book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: fmt.Sprintf("lots_%d", i), Name: "Lots", Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: "US"})
		if err != nil {
			t.Fatal(err)
		}
		own := *w
		own.book = book
		h := &coinHistory{giftHistory: giftHistory{workbench: &own, Rand: rand.New(rand.NewPCG(seed, 29)), seed: seed}, platform: i%2 == 1}
		for range 60 {
			h.turn(t)
			h.compare(t)
		}
		for len(h.slow.bought) > 0 {
			lot, _ := h.any(h.slow.bought)
			h.refund(t, lot)
		}
		if len(h.slow.spent) != 0 {
			t.Errorf("-life.seed=%d: gifts stand that no purchase paid for: %v", seed, h.slow.spent)
		}
		for account, balance := range own.balances(t) {
			if !h.platform && strings.Trim(balance, "-0.") != "" || strings.HasPrefix(account, accountCoins) && strings.Trim(balance, "-0.") != "" {
				t.Errorf("-life.seed=%d: when all is undone, %s holds %s", seed, account, balance)
			}
		}
		own.verified(t)
	}
}

// TestCoinQueuePages reads an account in pages of every size: it is the same queue, and a bound is kept.
func TestCoinQueuePages(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for i := range 9 {
		w.post(t, "coins.purchased", fmt.Sprint("p", i), fmt.Sprintf(`{"purchase":"P%d","store":"apple","currency":"USD","amount":"10.00"}`, i))
		w.post(t, "gift.sent", fmt.Sprint("g", i), fmt.Sprintf(`{"gift":"G%d","creator":"c","currency":"USD","amount":"%d.00","share":"0.5"}`, i, 1+i))
	}
	w.post(t, "gift.reversed", "r", `{"gift":"G3"}`)
	never := func(*coinQueue) bool { return false }
	whole, err := w.queue(t.Context(), w.book, nil, coinsIn("USD"), never)
	if err != nil || !whole.over || len(whole.in) != 9 || len(whole.out) != 8 {
		t.Fatalf("%+v, %v", whole, err)
	}
	for size := 1; size <= 20; size++ {
		in := coinsIn("USD")
		in.page = size
		q, err := w.queue(t.Context(), w.book, nil, in, never)
		if err != nil || !slices.Equal(q.in, whole.in) || !slices.Equal(q.out, whole.out) {
			t.Errorf("in pages of %d: %+v, %v", size, q, err)
		}
		if size < 19 {
			short := New(w.ledger, w.rules, w.now)
			short.mostQueued = 10
			if _, err := short.queue(t.Context(), w.book, nil, in, never); !errors.Is(err, ErrCoinHistory) {
				t.Errorf("in pages of %d more than 10 entries: %v", size, err)
			}
		}
	}
	other := coinsIn("USD")
	other.account = storeAccount("other")
	if q, err := w.queue(t.Context(), w.book, nil, other, never); err != nil || len(q.in)+len(q.out) != 0 || !q.over {
		t.Errorf("an account never opened: %+v, %v", q, err)
	}
}

// TestCoinsTooLongAgo undoes a purchase that lies too far back: named gifts are taken as they are, within what it bought, and
// a gift's chain has no store.
func TestCoinsTooLongAgo(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for i := range 2 {
		w.post(t, "coins.purchased", fmt.Sprint("p", i), fmt.Sprintf(`{"purchase":"P%d","store":"apple","currency":"USD","amount":"10.00","store_fee":"3.00"}`, i))
		w.post(t, "gift.sent", fmt.Sprint("g", i), fmt.Sprintf(`{"gift":"G%d","creator":"c","currency":"USD","amount":"6.00","share":"0.5"}`, i))
	}
	var more []Event
	for i := range pageOfQueue {
		more = append(more, event(t, "coins.purchased", fmt.Sprint("more", i), fmt.Sprintf(`{"purchase":"M%d","store":"apple","currency":"USD","amount":"1.00"}`, i)))
	}
	for part := range slices.Chunk(more, 100) {
		for _, r := range w.PostBatch(t.Context(), w.book, part) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	chain, err := w.Gift(t.Context(), w.book, "G0")
	if err != nil || !chain.Traced || len(chain.Legs) != 3 {
		t.Errorf("traced: %+v, %v", chain, err)
	}
	w.mostQueued = pageOfQueue
	chain, err = w.Gift(t.Context(), w.book, "G0")
	if err != nil || chain.Traced || len(chain.Lots) != 0 || len(chain.Legs) != 2 || chain.Legs[0].Amount != "3.00" {
		t.Errorf("not traced: %+v, %v", chain, err)
	}
	for i, x := range []struct{ gifts, code string }{
		{`[]`, ErrCoinHistory.Code}, {`["G0","G1"]`, ErrOrderTerms.Code}, {`["G7"]`, ErrOrderUnknown.Code}, {`["G0"]`, ""},
	} {
		r := w.Post(t.Context(), w.book, event(t, "coins.purchase_refunded", fmt.Sprint("r", i), fmt.Sprintf(`{"purchase":"P0","gifts":%s}`, x.gifts)))
		if code := fault.CodeOf(r.Err); r.Err != nil && code != x.code || r.Err == nil && x.code != "" {
			t.Errorf("%s: %v, want %q", x.gifts, r.Err, x.code)
		}
	}
	w.verified(t)
}
