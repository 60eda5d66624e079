package earnings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/postgres"
)

// sale is the UK sale of the worked examples (S2), with its numbers.
const sale = `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","category_set":"default",
"live_session":"LS-12","channel":"app","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99",
"discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}]}],
"shipping":{"amount":"2.99","tax":[]},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`

// november asks about a payee's November.
func november(payee string, by By) Query {
	return Query{Payee: payee, By: by, From: "2026-11-01", To: "2026-11-30"}
}

// TestWorkedExample has the sale, a return of half of it on another local day, a charge and a payout told apart for each payee. The
// commission is 6.30, of which the agency has 1.89.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.set(time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC))
	h.post("charge.recorded", `{"kind":"ads.charged","party":"sel_uk","currency":"GBP","amount":"1.20","document":"INV-1"}`)
	h.set(time.Date(2026, 11, 23, 0, 0, 1, 0, time.UTC))
	h.post("refund.made", `{"order":"UK-1","refund":"r0","lines":[{"line":1,"quantity":1}]}`)
	h.raw("payout.created", "liabilities:seller:available:sel_uk", 1_000, "liabilities:payout_in_transit:sel_uk", -975, "revenue:payout_fee", -25)
	h.raw("payout.tax_withheld", "liabilities:creator:available:cre_amy", 100, "liabilities:tax:withholding:UK:income", -100)
	wrong := h.raw("manual.adjusted", "liabilities:creator:available:cre_amy", -50, "expenses:goodwill", 50)
	h.ok(h.ledger.Reverse(t.Context(), h.book, wrong.Sequence, ledgerCorrection()).Err)
	h.raw("creator.released", "liabilities:creator:pending:cre_amy", 10, "liabilities:creator:available:cre_amy", -10)
	h.follow()
	h.sound()

	h.says(november("sel_uk", ByDay), "2026-11-20: 1/0 earned 47.97 fees -4.05 shared -6.30", "2026-11-22: 0/0 fees -1.44",
		"2026-11-23: 0/1 back -22.49 fees 1.64 shared 3.15 paid -9.75", "total: 1/1 earned 47.97 back -22.49 fees -3.85 shared -3.15 paid -9.75")
	h.says(november("sel_uk", ByWeek), "2026-11-16: 1/0 earned 47.97 fees -5.49 shared -6.30", "2026-11-23: 0/1 back -22.49 fees 1.64 shared 3.15 paid -9.75",
		"total: 1/1 earned 47.97 back -22.49 fees -3.85 shared -3.15 paid -9.75")
	h.says(november("sel_uk", ByProduct), "SKU-9: 1/1 earned 47.97 back -22.49 fees -2.16 shared -3.15", ": 0/0 fees -1.69 paid -9.75",
		"total: 1/1 earned 47.97 back -22.49 fees -3.85 shared -3.15 paid -9.75")
	h.says(november("cre_amy", ByDay), "2026-11-20: 1/0 earned 6.30 shared -1.89", "2026-11-23: 0/1 back -3.15 shared 0.95 withheld -1.00", "total: 1/1 earned 6.30 back -3.15 shared -0.94 withheld -1.00")
	h.says(november("mcn_ldn", ByLiveSession), "LS-12: 1/1 earned 1.89 back -0.95", "total: 1/1 earned 1.89 back -0.95")
	week, _ := h.told(Query{Payee: "sel_uk", By: ByWeek, From: "2026-11-18", To: "2026-11-24"})
	if s := week.Sums; len(s) != 2 || s[0].Key != "2026-11-16" || s[0].First != "2026-11-18" || s[0].Last != "2026-11-22" || s[1].First != "2026-11-23" || s[1].Last != "2026-11-24" {
		t.Errorf("the weeks cover %+v", s)
	}
	a := h.says(november("mcn_ldn", ByChannel), "app: 1/1 earned 1.89 back -0.95", "total: 1/1 earned 1.89 back -0.95")
	head, err := h.ledger.Head(t.Context(), h.book)
	h.ok(err)
	if a.Kind != "agency" || a.Currency != "GBP" || a.Sequence != head.LastSequence || a.Behind != 0 || !a.RecordedAt.Equal(head.LastRecordedAt) {
		t.Errorf("the answer is %+v", a)
	}
	h.post("order.captured", `{"order":"UK-2","currency":"GBP","placed_at":"2026-11-23T00:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"1.00"}],"payments":[{"processor":"main","payment_id":"pi_2","amount":"1.00"}]}`)
	if a, _ := h.told(november("mcn_ldn", ByDay)); a.Behind != 1 {
		t.Errorf("%d transactions are told as not counted, want 1", a.Behind)
	}
}

// TestProducts shares an order out over its products by what the buyer paid for each, and a return to what went back alone.
func TestProducts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", `{"order":"UK-7","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"10.00"},
{"line":2,"sku":"B","quantity":2,"unit_price":"10.00"}],"creators":[{"creator":"cre_amy"}],"commission_rate":"0.10","payments":[{"processor":"main","payment_id":"pi_1","amount":"30.00"}]}`)
	h.post("refund.made", `{"order":"UK-7","refund":"r1","lines":[{"line":2,"quantity":1}]}`)
	// What could not be read in time is read another time, and not counted as something else.
	read := h.earnedIn
	h.earnedIn = func(ctx context.Context, book ledger.Book, page []ledger.Transaction) (map[int64][]commerce.Earned, map[int64]error, error) {
		told, _, err := read(ctx, book, page)
		return told, map[int64]error{page[0].Sequence: postgres.ErrReadTooLong}, err
	}
	for range mostSlow {
		if n, err := h.Follow(t.Context(), h.book); n != 0 || !errors.Is(err, postgres.ErrReadTooLong) {
			t.Errorf("with an order that is slow %d transactions count, %v", n, err)
		}
	}
	if n, err := h.Follow(t.Context(), h.book); n != 2 || err != nil {
		t.Errorf("an order that is slow each time stops all that comes after it: %d, %v", n, err)
	}
	h.earnedIn = read
	h.sound()
	h.says(november("cre_amy", ByProduct), "A: 1/0 earned 1.00", "B: 1/1 earned 2.00 back -1.00", "total: 1/1 earned 3.00 back -1.00")
	h.says(november("cre_amy", ByDay), "2026-11-20: 1/1 earned 3.00 back -1.00", "total: 1/1 earned 3.00 back -1.00")
	a := h.says(Query{Payee: "cre_amy", By: ByProduct, Top: 1}, "A: 1/0 earned 1.00", "total: 1/1 earned 3.00 back -1.00")
	if a.Named != 1 || a.Others.Sales != 0 || a.Others.Returns != 0 || a.Others.Kept() != 100 || a.From != "2026-11-01" || a.To != "2026-11-30" {
		t.Errorf("the others are %d with %+v, %s to %s", a.Named, a.Others, a.From, a.To)
	}
}

// TestQuestions refuses what cannot be told and says where the mistake is; who never earned is like nobody.
func TestQuestions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.follow()
	for pointer, q := range map[string]Query{
		"/from":     {Payee: "sel_uk", From: "2026-02-30", Top: 1},
		"/to":       {Payee: "sel_uk", From: "2026-02-02", To: "2026-02-01", Top: 1},
		"/by":       {Payee: "sel_uk", By: "hour", Top: 1},
		"/kind":     {Payee: "sel_uk", Kind: "guardian", Top: 1},
		"/currency": {Payee: "sel_uk", Currency: "JPY", Top: 1},
		"/top":      {Payee: "sel_uk", Top: 101},
	} {
		h.refused(q, ErrQuery.Code, pointer)
	}
	h.refused(Query{Payee: "sel_uk", By: ByProduct, From: "2026-11-02", To: "2026-11-30", Top: 1}, ErrQuery.Code, "/from")
	h.refused(Query{Payee: "sel_uk", By: ByProduct, From: "2026-11-01", To: "2026-12-31", Top: 1}, ErrQuery.Code, "/to")
	h.refused(Query{Payee: "sel_uk", From: "2020-01-01", To: "2023-12-31", Top: 1}, ErrQuery.Code, "/to")
	for _, payee := range []string{"sel_u", "sel_uk2", "", "sel_uk:x"} {
		h.refused(Query{Payee: payee, Top: 1}, "payee-unknown", "")
	}
	h.says(Query{Payee: "sel_uk", Currency: "USD"}, "total: 0/0")
	h.says(Query{Payee: "sel_uk", Kind: "creator"}, "total: 0/0")
	h.says(Query{Payee: "sel_uk", From: "2026-12-01"}, "total: 0/0")
}

// wander posts random events about a few orders and payees.
func (h *house) wander(r *rand.Rand, n int) {
	h.Helper()
	for range n {
		h.set(h.clock().Add(time.Duration(r.IntN(20)) * time.Hour))
		id := fmt.Sprintf("O-%d", h.n)
		switch r.IntN(4) {
		case 0:
			n := r.IntN(500) + 1
			h.raw("opening.balance", "liabilities:seller:available:sel_a", -n, "equity:opening", n, "liabilities:donation:available:ngo:c1", -2, "liabilities:donation:pending:ngo", -5, "assets:bank:operating:b1", 7)
		case 1:
			h.post("tip.sent", fmt.Sprintf(`{"tip":"%s","creator":"cre_%d","currency":"GBP","amount":"3.%02d","processor":"main","payment_id":"pt_%s"}`, id, r.IntN(3), r.IntN(100), id))
		default:
			price := fmt.Sprintf("%d.%02d", 1+r.IntN(90), r.IntN(100))
			h.post("order.captured", fmt.Sprintf(`{"order":"%s","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_%d","live_session":"LS-%d","channel":"web",
"lines":[{"line":1,"sku":"SKU-%d","quantity":1,"unit_price":"%s"}],"creators":[{"creator":"cre_%d"},{"creator":"cre_x"}],"payments":[{"processor":"main","payment_id":"pi_%s","amount":"%s"}]}`,
				id, r.IntN(3), r.IntN(4), r.IntN(5), price, r.IntN(3), id, price))
			if r.IntN(3) == 0 {
				h.post("refund.made", fmt.Sprintf(`{"order":"%s","refund":"r","lines":[{"line":1,"quantity":1}]}`, id))
			}
		}
	}
}

// TestFollowersAndRebuild has random events followed by three followers at a time, while more is posted. Nothing counts twice, and
// what is made again from the first transaction is the same, row for row.
func TestFollowersAndRebuild(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	r := rand.New(rand.NewPCG(seed, 23))
	h.wait = func(context.Context, time.Time) error { return nil } // by a clock that jumps they would wait for long
	for range 3 {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := h.Follow(t.Context(), h.book); err != nil {
					t.Error(err)
				}
			})
		}
		h.wander(r, 12)
		all.Wait()
	}
	h.follow()
	h.sound()
	before := h.allRows(t.Context())
	h.ok(h.Rebuild(t.Context(), h.book))
	if a, _ := h.told(november("cre_x", ByDay)); !a.Rebuilding || a.Sequence != 0 {
		t.Errorf("while it is made again: %+v", a.Standing)
	}
	if p, err := h.Verify(t.Context(), h.book); err != nil || !p.Rebuilding {
		t.Errorf("there is something to prove of sums that are made again: %+v %v", p, err)
	}
	if a, said := h.told(november("cre_x", ByDay)); len(a.Currencies) != 0 || len(a.Sums) != 0 || !a.Latest.IsZero() {
		t.Errorf("of rows that are being removed is told\n%s", said)
	}
	h.ok(h.prepare(t.Context(), h.book))
	if a, _ := h.told(november("cre_x", ByDay)); !a.Rebuilding || a.Behind == 0 {
		t.Errorf("before anything counts again: %+v", a.Standing)
	}
	h.follow()
	if a, _ := h.told(november("cre_x", ByDay)); a.Rebuilding {
		t.Errorf("made again: %+v", a.Standing)
	}
	if after := h.allRows(t.Context()); !slices.Equal(before, after) {
		t.Errorf("made again they are\n%v\nand were\n%v", after, before)
	}
	h.sound()
}
