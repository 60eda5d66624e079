//go:build !race

package commerce

// Long tests in which nothing happens at the same time: the race detector would find nothing in them and take ten times as long.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// TestLives plays every worked example and compares each entry. In the end the explanation of every transaction is read
// back and agrees with the one that was answered, and the waterfall sums to zero.
func TestLives(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for _, l := range loadLives(t) {
		t.Run(l.Key, func(t *testing.T) {
			w.playLife(t, l)
		})
	}
}

// TestOpeningLargest: a document of as many orders as it may have is posted as a whole.
func TestOpeningLargest(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	orders := make([]string, MaxOpeningOrders)
	for i := range orders {
		orders[i] = openSale(fmt.Sprint("o", i))
	}
	document := openingWith("B", money.Minor(9400*len(orders)).Format("USD"), orders...)
	begun := time.Now()
	results, err := w.opened(t, document, false)
	if err != nil || len(results) != MaxOpeningOrders+1 || w.headOf(t) != int64(len(results)) {
		t.Fatalf("%v, %d results, %d transactions", err, len(results), w.headOf(t))
	}
	t.Logf("%d orders, %d bytes, %v", len(orders), len(document), time.Since(begun).Round(time.Millisecond))
	again, err := w.opened(t, document, false)
	if err != nil || !again[0].Replayed || w.headOf(t) != int64(len(results)) {
		t.Errorf("again: %v", err)
	}
	d := openingOf(t, []byte(document))
	d.Orders = append(d.Orders, *openingOrderOf(t, openSale("one-more")))
	if _, err := w.Open(t.Context(), w.book, d, false); fault.CodeOf(err) != "validation-failed" {
		t.Errorf("one more: %v", err)
	}
	w.verify(t)
}

// TestOwnOrderWithoutPlatformCosts: what processors charge the platform is in no picture, whatever becomes of a dispute; what a
// seller bears of it is a fee. Who is not the seller can tell neither the platform's margin nor what another payee has.
func TestOwnOrderWithoutPlatformCosts(t *testing.T) {
	t.Parallel()
	const sold, shared = "[{buyer -4497} {platform_in -300} {you 3762} {creators 441} {agencies 189} {fees 337} {tax 68}]", "[{buyer -4497} {you 441} {agency 189} {rest 3867}]"
	for _, x := range []struct{ name, closed, seller, creator string }{
		{"opened", "", sold, shared},
		{"won", `{"dispute":"dp_1","outcome":"won","fee_returned":true}`, sold, shared},
		{"lost", `{"dispute":"dp_1","outcome":"lost","liable":"seller"}`, "[{you -1500} {fees 1500}]", "[{you 0}]"},
		{"borne by the platform", `{"dispute":"dp_1","outcome":"lost","liable":"platform"}`,
			"[{platform_in -4797} {you 3762} {creators 441} {agencies 189} {fees 337} {tax 68}]", "[{you 441} {agency 189} {rest -630}]"},
		{"reopened", "again", sold, shared},
	} {
		w := newWorkbench(t, "UK", "Europe/London", "GBP")
		w.post(t, "order.captured", "c", s2Sale)
		w.post(t, "dispute.opened", "o", `{"order":"UK-1","dispute":"dp_1","payment_id":"pi_1","amount":"44.97","fee":"15.00"}`)
		switch x.closed {
		case "":
		case "again":
			w.post(t, "dispute.closed", "e", `{"dispute":"dp_1","outcome":"lost","liable":"seller"}`)
			w.post(t, "dispute.closed", "f", `{"dispute":"dp_1","outcome":"won","fee_returned":true}`)
		default:
			w.post(t, "dispute.closed", "e", x.closed)
		}
		for who, want := range map[PayeeRef]string{{"seller", "sel_uk"}: x.seller, {"creator", "cre_amy"}: x.creator} {
			if s, err := w.OwnOrder(t.Context(), w.book, who, "UK-1"); err != nil || fmt.Sprint(s.Sides) != want {
				t.Errorf("%s, %v: %v, %v, want %s", x.name, who, s.Sides, err, want)
			}
		}
	}
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "c", s2Sale)
	w.post(t, "payment.failed", "f", `{"order":"UK-1","payment_id":"pi_1","fee":"5.00"}`)
	if s, err := w.OwnOrder(t.Context(), w.book, PayeeRef{"seller", "sel_uk"}, "UK-1"); err != nil || fmt.Sprint(s.Sides) != "[{you 0}]" {
		t.Errorf("a payment that failed: %v, %v", s, err)
	}
}

// TestLongOwnOrder: of an order with more than its share of events the newest are told, and it cannot be asked about.
func TestLongOwnOrder(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	const others = fewestOwn + 5
	moved := func(reference string, orders ...string) {
		t.Helper()
		var drafts []ledger.Draft
		for _, order := range orders {
			drafts = append(drafts, ledger.Draft{Event: "opening.balance", Subject: "order:" + order,
				Lines: []ledger.Line{{Account: "expenses:goodwill", Amount: 1, Currency: "GBP"}, {Account: "liabilities:creator:pending:cre_amy", Amount: -1, Currency: "GBP"}}})
		}
		if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: reference, Hash: [32]byte{1}, Drafts: drafts}); out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	var older []string
	for i := range others {
		older = append(older, fmt.Sprint("O-", i))
	}
	moved("older", older...)
	w.post(t, "order.captured", "c", s2Sale)
	for i := range mostMoves / 2 {
		w.post(t, "after_sales.opened", fmt.Sprint("o", i), `{"order":"UK-1","case":"RMA-7"}`)
		w.post(t, "after_sales.closed", fmt.Sprint("e", i), `{"order":"UK-1","case":"RMA-7"}`)
	}
	amy := PayeeRef{"creator", "cre_amy"}
	w.post(t, "refund.made", "RF-1", s2Return)
	s, err := w.OwnOrder(t.Context(), w.book, amy, "UK-1")
	if err != nil || s.Earlier != 2 || len(s.Moves) != mostMoves || s.Net != 221 {
		t.Fatalf("%+v, %v", s, err)
	}
	if told := s.told(); told[mostMoves-1] != "refund.partial -2.20; commission -3.15; agency 0.95" {
		t.Error(told[mostMoves-1])
	}
	if _, _, err := w.OwnOrderAfter(t.Context(), w.book, amy, RefundMade{Order: "UK-1", Full: true}); !errors.Is(err, ErrAskedOfLong) {
		t.Errorf("asked about: %v", err)
	}
	if _, _, err := w.OwnOrderAfter(t.Context(), w.book, PayeeRef{"creator", "cre_bob"}, RefundMade{Order: "UK-1", Full: true}); !errors.Is(err, ErrOrderUnknown) {
		t.Errorf("asked about by another: %v", err)
	}
	for n := len(s.Moves); n <= maxOfOrder+pageOfOrder; n += 250 {
		facts := slices.Repeat([]ledger.Draft{{Event: "order.fact_recorded", Subject: "order:UK-1"}}, 250)
		if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: fmt.Sprint("facts-", n), Hash: [32]byte{1}, Drafts: facts}); out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	if _, err := w.OwnOrder(t.Context(), w.book, PayeeRef{"creator", "cre_bob"}, "UK-1"); !errors.Is(err, ErrOrderUnknown) {
		t.Errorf("an order that is too long, of others: %v", err)
	}
	if _, _, err := w.OwnOrderAfter(t.Context(), w.book, amy, RefundMade{Order: "UK-1", Full: true}); !errors.Is(err, errOwnTooLong) {
		t.Errorf("an order that is too long: %v", err)
	}
	// A page lists it once, also where others that began before it lie between its entries, more than are read together.
	moved("again", older...)
	moved("at last", "UK-1")
	page, err := w.OwnOrders(t.Context(), w.book, OwnOrderQuery{Payee: amy, Currency: "GBP", Limit: fewestOwn})
	times := 0
	for _, o := range page.Orders {
		if o.Order == "UK-1" {
			times++
		}
	}
	if err != nil || times != 1 || len(page.Orders) != fewestOwn || !errors.Is(page.Orders[0].Err, errOwnTooLong) {
		t.Errorf("an order that is too long is listed %d times among %d: %v", times, len(page.Orders), err)
	}
}

// TestGiftHistories plays random histories: unspent coins are what the books owe for them after every step, and when all is
// undone nothing is left anywhere.
func TestGiftHistories(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for i := range uint64(8) {
		seed := i + 1
		if *lifeSeed != 0 {
			seed = *lifeSeed
		}
		book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: fmt.Sprintf("gifts_%d", i), Name: "Gifts", Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: "US"})
		if err != nil {
			t.Fatal(err)
		}
		own := *w
		own.book = book
		h := &giftHistory{workbench: &own, Rand: rand.New(rand.NewPCG(seed, 11)), seed: seed, gifts: map[string]money.Minor{}, bought: map[string]money.Minor{}}
		for range 60 {
			h.step(t)
			owed, err := own.balance(t.Context(), book, accountCoins, "USD")
			if err != nil || owed != h.unspent {
				t.Fatalf("-life.seed=%d step %d: %v, coins are owed for %d, %d are unspent", seed, h.n, err, owed, h.unspent)
			}
		}
		for id := range h.gifts {
			h.reverse(t, id)
		}
		for id := range h.bought {
			h.want(t, h.say(t, "coins.purchase_refunded", `{"purchase":%q}`, id), "")
		}
		for account, balance := range own.balances(t) {
			if strings.Trim(balance, "-0.") != "" {
				t.Errorf("-life.seed=%d: when all is undone, %s holds %s", seed, account, balance)
			}
		}
		own.verified(t)
	}
}

// TestTrustFollowsWhatRemains plays random commissions of a minor, released and clawed back in any order: before anything
// is deposited, the trust is the rate of what remains of each, rounded up; and what is deposited is never taken back.
func TestTrustFollowsWhatRemains(t *testing.T) {
	t.Parallel()
	for i := range uint64(6) {
		seed := freshSeed() + i
		if *lifeSeed != 0 {
			seed = *lifeSeed
		}
		rng := rand.New(rand.NewPCG(seed, 17))
		rate := fmt.Sprintf("0.%02d", 1+rng.IntN(99))
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := nursery(t, rate)
			var list []*kidCommission
			deposited := money.Minor(0)
			for n := range 60 {
				reference := fmt.Sprint("r-", n)
				switch k := rng.IntN(10); {
				case k < 3 || len(list) == 0:
					c := &kidCommission{id: fmt.Sprint("C", n), left: 1 + rng.IntN(50_000)}
					w.post(t, "commission.earned", reference, fmt.Sprintf(`{"commission":%q,"seller":"s","creator":"kid","currency":"USD","amount":%q}`, c.id, money.Minor(c.left).Format("USD")))
					list = append(list, c)
				case k < 5:
					c := list[rng.IntN(len(list))]
					r := w.Release(t.Context(), w.book, Release{Reference: reference, Source: "commission:" + c.id})
					if want := c.released || c.left == 0; want != (fault.CodeOf(r.Err) == ErrNothingWaits.Code) || !want && r.Err != nil {
						t.Fatalf("-life.seed=%d release %s: %v", seed, c.id, r.Err)
					}
					if r.Err == nil {
						w.checkExplanation(t, reference, r)
						checkStepsTell(t, reference, r)
					}
					c.released = true
				case k < 9:
					c := list[rng.IntN(len(list))]
					if c.left == 0 {
						continue
					}
					back := 1 + rng.IntN(c.left)
					r := w.post(t, "commission.clawback", reference, fmt.Sprintf(`{"commission":%q,"amount":%q}`, c.id, money.Minor(back).Format("USD")))
					w.checkExplanation(t, reference, r)
					checkStepsTell(t, reference, r)
					c.left -= back
				case n > 40: // the second half of the history has deposits
					free := w.held(t, "liabilities:creator:minor_trust:kid") - deposited
					if free <= 0 {
						continue
					}
					amount := 1 + money.Minor(rng.IntN(int(free)))
					w.post(t, "minor_trust.deposited", reference, fmt.Sprintf(`{"deposit":%q,"creator":"kid","currency":"USD","amount":%q,"processor":"main"}`, reference, amount.Format("USD")))
					deposited += amount
				}
				want := money.Minor(0)
				for _, c := range list {
					if c.released {
						want += c.target(t, rate)
					}
				}
				trust := w.held(t, "liabilities:creator:minor_trust:kid")
				if deposited == 0 && trust != want || trust < want || trust < deposited {
					t.Fatalf("-life.seed=%d step %d at %s: the trust holds %d of %d, %d deposited", seed, n, rate, trust, want, deposited)
				}
			}
			w.verified(t)
		})
	}
}

// TestEveryTypeReplays sends every worked example twice: the second answer is the first, also after the order moved on.
func TestEveryTypeReplays(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for n, l := range loadLives(t) {
		t.Run(l.Key, func(t *testing.T) {
			lw := *w
			book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: fmt.Sprintf("again_%d", n), Name: l.Title, Currencies: append([]money.Currency{l.Currency}, l.Currencies...), TimeZone: "UTC", Market: "US"})
			if err != nil {
				t.Fatal(err)
			}
			if l.Currency != "USD" {
				return // the form of events does not depend on the currency
			}
			lw.book = book
			lw.useRules(t, l.Rules)
			lw.playTwice(t, l)
		})
	}
}
