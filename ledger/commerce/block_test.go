package commerce

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// flag raises a flag in a transaction of its own.
func (w *workbench) flag(t *testing.T, b Block) {
	t.Helper()
	if err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { return w.PlaceBlockTx(t.Context(), tx, w.book, b) }); err != nil {
		t.Fatalf("%+v: %v", b, err)
	}
}

func (w *workbench) unflag(t *testing.T, hold string) error {
	t.Helper()
	return w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { return w.ReleaseBlockTx(t.Context(), tx, w.book, hold) })
}

// settleRow settles an order, checks that its reason is read back, and that its state is replayed to what it was.
func (w *workbench) settleRow(t *testing.T, order string, ask Settlement) Result {
	t.Helper()
	r := w.Settle(t.Context(), w.book, order, ask)
	if r.Err != nil {
		t.Fatalf("%s: %v", order, r.Err)
	}
	w.checkExplanation(t, order, r)
	return r
}

// rowSale is the base order of the catalogue: goods 100.00, tax 8.00, shipping 5.00; the seller is left 89.00.
func rowSale(order string) string {
	return fmt.Sprintf(`{"order":%q,"currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00",
		"tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"8.00"}]}],"shipping":{"amount":"5.00"},
		"creators":[{"creator":"c","agency":{"id":"a","share":"0.2"}}],"commission_rate":"0.1","payments":[{"processor":"main","payment_id":"pi-%s","amount":"113.00"}]}`, order, order)
}

// TestBlockedAtSettlement: M-27, what a flag wants goes to blocked when the order settles, and the flag gets no more than it
// wants, the oldest first.
func TestBlockedAtSettlement(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	rate, days := "0.10", 400
	sell := func(order string) {
		w.post(t, "order.captured", "c-"+order, rowSale(order))
	}
	for _, o := range []string{"o1", "o2", "o3", "o4", "o5"} {
		sell(o)
	}
	w.flag(t, Block{Hold: "all", Kind: "seller", Payee: "s"})
	w.flag(t, Block{Hold: "other", Kind: "seller", Payee: "elsewhere"})
	r := w.settleRow(t, "o1", Settlement{ReserveRate: &rate, ReserveDays: &days})
	wantEntries(t, "M-27", r, "Dr liabilities:seller:pending:s 89.00", "Cr liabilities:seller:reserve:s 8.90", "Cr liabilities:seller:blocked:s 80.10",
		"Dr liabilities:creator:pending:c 8.00", "Cr liabilities:creator:available:c 8.00", "Dr liabilities:agency:pending:a 2.00", "Cr liabilities:agency:available:a 2.00")
	if again := w.Settle(t.Context(), w.book, "o1", Settlement{}); again.Err != nil || !again.Replayed || moved("liabilities:seller:blocked:s", again) != 8010 {
		t.Errorf("asked again: %v %v", again.Replayed, again.Err)
	}
	if err := w.unflag(t, "all"); err != nil {
		t.Fatal(err)
	}
	// Two holds want 30.00 and 100.00 of what follows; the money of the creator is flagged in another currency only.
	w.flag(t, Block{Hold: "h30", Kind: "seller", Payee: "s", Currency: "USD", Wanted: 3000})
	w.flag(t, Block{Hold: "h100", Kind: "seller", Payee: "s", Currency: "USD", Wanted: 10000})
	w.flag(t, Block{Hold: "yen", Kind: "creator", Payee: "c", Currency: "JPY"})
	for i, want := range [][]string{
		{"Cr liabilities:seller:blocked:s 89.00"},
		{"Cr liabilities:seller:blocked:s 41.00", "Cr liabilities:seller:available:s 48.00"},
		{"Cr liabilities:seller:available:s 89.00"},
	} {
		order := fmt.Sprint("o", i+2)
		want = append(want, "Dr liabilities:seller:pending:s 89.00", "Dr liabilities:creator:pending:c 8.00", "Cr liabilities:creator:available:c 8.00", "Dr liabilities:agency:pending:a 2.00", "Cr liabilities:agency:available:a 2.00")
		wantEntries(t, order, w.settleRow(t, order, Settlement{}), want...)
	}
	for hold, want := range map[string]money.Minor{"h30": 3000, "h100": 10000, "all": 8010, "yen": 0} {
		if got, err := w.Caught(t.Context(), w.book, hold); err != nil || got["USD"] != want {
			t.Errorf("%s has caught %v, %v, want %d", hold, got, err, want)
		}
	}
	// The reserve of the first order is caught too, while a flag stands; a refund afterwards takes what is available.
	w.flag(t, Block{Hold: "rest", Kind: "seller", Payee: "s", Currency: "USD"})
	released := w.ReleaseReserve(t.Context(), w.book, "o1", "", false)
	if released.Err != nil {
		t.Fatal(released.Err)
	}
	wantEntries(t, "the reserve", released, "Dr liabilities:seller:reserve:s 8.90", "Cr liabilities:seller:blocked:s 8.90")
	w.checkExplanation(t, "the reserve", released)
	back := w.post(t, "refund.made", "back", `{"order":"o1","refund":"1","full":true}`)
	if moved("liabilities:seller:blocked:s", back) != 0 || moved("liabilities:seller:available:s", back) != -8900 {
		t.Errorf("a refund moved %d blocked and %d available", moved("liabilities:seller:blocked:s", back), moved("liabilities:seller:available:s", back))
	}
	w.checkExplanation(t, "refund", back)
	for _, id := range []string{"o1", "o2", "o3"} {
		o, err := w.load(t.Context(), w.book, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.compute()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.changes(s) {
			if c.amount != 0 {
				t.Errorf("%s: %s differs by %d from its sheet", id, c.account, c.amount)
			}
		}
	}
	w.verified(t)
}

// TestBlockedEverywhere: what becomes available without an order of ours is caught too, and goes back as if it had been
// available.
func TestBlockedEverywhere(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.useRules(t, []byte(replaceAll(peerRules, `"version":1`, `"version":2`, `2021-01-01`, `2022-01-01`, `{"id":"agency"`,
		`{"id":"live_tech","kind":"partner","role":"live_tech","title":"Live","base":{"components":["goods_list"]},"rate":"0.03","rounding":"half_even","source":"A"},{"id":"agency"`)))
	for _, kind := range []string{"creator", "partner"} {
		w.flag(t, Block{Hold: "h-" + kind, Kind: kind, Payee: kind, Currency: "USD", Wanted: 1200})
	}
	w.post(t, "tip.sent", "t", `{"tip":"T","creator":"creator","currency":"USD","amount":"5.00","processor":"main","payment_id":"pi_t"}`)
	tip := w.Release(t.Context(), w.book, Release{Source: "tip:T"})
	if tip.Err != nil {
		t.Fatal(tip.Err)
	}
	wantEntries(t, "tip", tip, "Dr liabilities:creator:pending:creator 5.00", "Cr liabilities:creator:blocked:creator 5.00")
	w.checkExplanation(t, "tip", tip)
	w.post(t, "import.order_paid", "i", `{"order":"I","source":"shopify","seller":"s","currency":"USD","paid_at":"2026-11-10T10:00:00Z","lines":[{"line":"1","amount":"20.00"}],
		"creators":[{"creator":"creator"}],"commission_rate":"0.1","platform_rate":"0.00","release":"on_window"}`)
	imported := w.ReleaseImported(t.Context(), w.book, "I", "", time.Time{})
	if imported.Err != nil {
		t.Fatal(imported.Err)
	}
	wantEntries(t, "import", imported, "Dr liabilities:creator:pending:creator 2.00", "Cr liabilities:creator:blocked:creator 2.00")
	w.checkExplanation(t, "import", imported)
	for _, sale := range []string{"A", "B"} {
		w.post(t, "simulcast.reported", sale, `{"sale":"`+sale+`","brand":"b","currency":"USD","amount":"40.00","creators":[{"creator":"creator","weight":"1"}],"partners":[{"partner":"partner","role":"live_tech"}]}`)
	}
	// Two sales paid at once: 8.00 for the creator, of whom 5.00 are still wanted.
	paid := w.post(t, "brand.invoice_paid", "paid", `{"brand":"b","amount":"12.00","currency":"USD","bank_account":"main"}`)
	if moved("liabilities:creator:blocked:creator", paid) != 500 || moved("liabilities:creator:available:creator", paid) != 300 || moved("liabilities:partner:blocked:partner", paid) != 240 {
		t.Errorf("of a brand's money %d was blocked, %d available", moved("liabilities:creator:blocked:creator", paid), moved("liabilities:creator:available:creator", paid))
	}
	if got, err := w.Caught(t.Context(), w.book, "h-creator"); err != nil || got["USD"] != 1200 {
		t.Errorf("caught %v, %v", got, err)
	}
	// What went back after it was blocked is taken out of what is available.
	if r := w.post(t, "tip.refunded", "tb", `{"tip":"T"}`); moved("liabilities:creator:available:creator", r) != -500 {
		t.Errorf("the tip went back as %+v", r.Transactions)
	}
	if r := w.post(t, "simulcast.return_reported", "sb", `{"sale":"A","amount":"40.00"}`); moved("liabilities:creator:available:creator", r) != -400 || moved("liabilities:creator:pending:creator", r) != 0 {
		t.Errorf("the sale went back as %+v", r.Transactions)
	}
	w.verified(t)
}

// TestWantedIsNeverExceeded: orders settle at the same moment at two replicas; a flag catches exactly what it wants.
func TestWantedIsNeverExceeded(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	both := []*workbench{w, w.replica(t)}
	const n = 16
	for i := range n {
		w.post(t, "order.captured", fmt.Sprint("c", i), plainSale(fmt.Sprint("o", i), "100.00"))
	}
	w.flag(t, Block{Hold: "h", Kind: "seller", Payee: "s", Currency: "USD", Wanted: 50001})
	together(n, func(i int) {
		if r := both[i%2].Settle(t.Context(), w.book, fmt.Sprint("o", i), Settlement{}); r.Err != nil {
			t.Errorf("o%d: %v", i, r.Err)
		}
	})
	got := w.balances(t)
	if got["liabilities:seller:blocked:s USD"] != "500.01" || got["liabilities:seller:available:s USD"] != money.Minor(n*9400-50001).Format("USD") {
		t.Errorf("%v", got)
	}
	w.verified(t)
}

// TestFlagOnce: a flag is raised once, taken down once, and nothing of it changes, whoever writes to the table.
func TestFlagOnce(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	flag := Block{Hold: "h", Kind: "seller", Payee: "s", Currency: "USD", Wanted: 500}
	undo := errors.New("undo")
	if err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if err := w.PlaceBlockTx(t.Context(), tx, w.book, flag); err != nil {
			return err
		}
		if in, err := w.BlocksTx(t.Context(), tx, w.book, "seller", "s"); err != nil || len(in) != 1 {
			t.Errorf("inside the transaction: %v %v", in, err)
		}
		return undo
	}); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if list, err := w.Blocks(t.Context(), w.book, "seller", "s"); err != nil || len(list) != 0 {
		t.Errorf("after a rollback: %v %v", list, err)
	}
	w.flag(t, flag)
	w.flag(t, flag)
	other := flag
	other.Wanted = 501
	err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { return w.PlaceBlockTx(t.Context(), tx, w.book, other) })
	if !errors.Is(err, ErrBlockExists) {
		t.Errorf("another flag of the hold: %v", err)
	}
	const canary = "canary value!"
	for pointer, b := range map[string]Block{
		"/data/hold":     {Hold: canary, Kind: "seller", Payee: "s"},
		"/data/kind":     {Hold: "x", Kind: canary, Payee: "s"},
		"/data/payee":    {Hold: "x", Kind: "seller", Payee: canary},
		"/data/currency": {Hold: "x", Kind: "seller", Payee: "s", Wanted: 1},
		"/data/wanted":   {Hold: "x", Kind: "seller", Payee: "s", Currency: "USD", Wanted: -1},
	} {
		err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { return w.PlaceBlockTx(t.Context(), tx, w.book, b) })
		var e *fault.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != pointer || strings.Contains(fmt.Sprint(e, e.Fields), canary) {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	list, err := w.Blocks(t.Context(), w.book, "seller", "s")
	if err != nil || len(list) != 1 || list[0].Wanted != 500 || list[0].Currency != "USD" || !list[0].PlacedAt.Equal(testNow) || !list[0].ReleasedAt.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	if err := w.unflag(t, "unknown"); !errors.Is(err, ErrBlockUnknown) {
		t.Errorf("an unknown flag: %v", err)
	}
	behind := func(code, sql string, args ...any) {
		t.Helper()
		_, err := w.db.Pool.Exec(t.Context(), sql, args...)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v, want %s", sql, err, code)
		}
	}
	for range 2 {
		if err := w.unflag(t, "h"); err != nil {
			t.Error(err)
		}
		behind("42501", `UPDATE payee_blocks SET released_at = NULL WHERE book_id = $1 AND hold = 'h'`, w.book.ID)
	}
	if list, err := w.Blocks(t.Context(), w.book, "seller", "s"); err != nil || len(list) != 0 {
		t.Errorf("taken down: %v %v", list, err)
	}
	behind("42501", `UPDATE payee_blocks SET wanted = 7 WHERE book_id = $1`, w.book.ID)
	behind("42501", `DELETE FROM payee_blocks WHERE book_id = $1`, w.book.ID)
	behind("42501", `TRUNCATE payee_blocks`)
	behind("42501", `INSERT INTO payee_blocks (book_id, hold, kind, payee, placed_at, released_at) VALUES ($1, 'n', 'seller', 's', now(), now())`, w.book.ID)
	behind("23514", `INSERT INTO payee_blocks (book_id, hold, kind, payee, wanted, placed_at) VALUES ($1, 'n', 'seller', 's', 5, now())`, w.book.ID)
	behind("23514", `INSERT INTO payee_blocks (book_id, hold, kind, payee, placed_at) VALUES ($1, 'n', 'buyer', 's', now())`, w.book.ID)
	behind("23505", `INSERT INTO payee_blocks (book_id, hold, kind, payee, placed_at) VALUES ($1, 'h', 'seller', 's', now())`, w.book.ID)
}

// TestBlockedOnTheWayBack: a flag catches the money of a payout that comes back, and gets no
// more than it wants, also of two payouts that are cancelled together.
func TestBlockedOnTheWayBack(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.raw(t, "opening.balance", "open", "USD", "assets:processor:available:main", 90000, "liabilities:seller:available:sel_x", -90000)
	first, second, third := terms("po_1", "200.00", "3.00"), terms("po_2", "100.00", ""), terms("po_3", "100.00", "")
	for _, p := range []PayoutTerms{first, second, third} {
		w.own(t, &PayoutCreated{PayoutTerms: p})
	}
	w.flag(t, Block{Hold: "court", Kind: "seller", Payee: "sel_x", Currency: "USD", Wanted: 32000})
	w.own(t, &PayoutSubmitted{PayoutTerms: first, Processor: "main", Entry: "txn_1"})
	wantEntries(t, "failed", w.own(t, &PayoutFailed{PayoutTerms: first, Processor: "main", Entry: "txn_2"}),
		"Dr liabilities:payout_in_transit:sel_x 200.00", "Dr revenue:payout_fee 3.00", "Cr liabilities:seller:blocked:sel_x 203.00",
		"Dr assets:processor:available:main 200.00", "Cr assets:cash_in_transit:main 200.00")
	if got, err := w.Caught(t.Context(), w.book, "court"); err != nil || got["USD"] != 20300 {
		t.Errorf("caught %v, %v", got, err)
	}
	var results []Result
	err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) (err error) {
		results, err = w.PostTx(t.Context(), tx, w.book, []Event{Own(&PayoutCancelled{PayoutTerms: second}, time.Time{}), Own(&PayoutCancelled{PayoutTerms: third}, time.Time{})})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []money.Minor{10000, 1700} {
		if got := moved("liabilities:seller:blocked:sel_x", results[i]); got != want {
			t.Errorf("the cancelled payout %d puts %d into blocked, want %d", i+2, got, want)
		}
	}
	if got := w.balances(t); got["liabilities:seller:blocked:sel_x USD"] != "320.00" || got["liabilities:seller:available:sel_x USD"] != "580.00" {
		t.Errorf("%v", got)
	}
	w.verified(t)
}
