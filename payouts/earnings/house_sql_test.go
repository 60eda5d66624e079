package earnings

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/postgres/pgtest"
)

func ledgerCorrection() ledger.Correction {
	return ledger.Correction{Reference: "undo", Memo: "a mistake"}
}

// allRows are all rows of the sums, as text.
func (h *house) allRows(ctx context.Context) []string {
	h.Helper()
	rows, err := h.db.Pool.Query(ctx, `SELECT e::text FROM earnings e WHERE e.book_id = $1 ORDER BY 1`, h.book.ID)
	h.ok(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	h.ok(err)
	return list
}

// owner runs statements as the owner of the tables.
func (h *house) owner(sql string) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), h.db.OwnerURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(h.Context(), sql)
	h.ok(err)
}

// TestVerifyFinds changes each dimension of the sums, takes all sums of a payee away, and gives some to somebody who never earned.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.follow()
	h.sound()
	for name, sql := range map[string]string{
		"creator:cre_amy GBP": `UPDATE earnings SET earned = earned + 1, fees = fees - 2 WHERE payee = 'cre_amy' AND dimension = 2`,
		"seller:sel_uk GBP":   `UPDATE earnings SET fees = fees - 2, shared = shared + 2 WHERE payee = 'sel_uk' AND dimension = 3`,
		"agency:mcn_ldn GBP":  `DELETE FROM earnings WHERE payee = 'mcn_ldn'`,
		"seller:nobody GBP":   `INSERT INTO earnings SELECT book_id, kind, 'nobody', currency, dimension, day, key, sales, returns, earned, given_back, fees, shared, withheld, adjusted, paid FROM earnings WHERE payee = 'sel_uk'`,
	} {
		before := h.allRows(t.Context())
		h.ok(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), sql)
			return err
		}))
		p, err := h.Verify(t.Context(), h.book)
		h.ok(err)
		if len(p.Broken) == 0 || p.Broken[0].Object != name {
			t.Errorf("%s: found %+v", name, p.Broken)
		}
		h.ok(h.Rebuild(t.Context(), h.book))
		h.follow()
		h.sound()
		if after := h.allRows(t.Context()); strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("%s: made again they are %v", name, after)
		}
	}
	h.givesWay()
	h.followsAWhile()
}

// givesWay has a follower work for a time, with and without somebody who posts meanwhile, until its patience ends.
func (h *house) givesWay() {
	h.Helper()
	var waited []time.Duration
	h.wait = func(_ context.Context, until time.Time) error {
		waited = append(waited, until.Sub(h.clock()))
		h.set(until)
		return nil
	}
	h.light = 0
	defer func() { h.wait, h.light = nil, light }()
	way := h.givingWay()
	h.ok(way.Rest(h.Context()))
	for i, worked := range []time.Duration{200 * time.Millisecond, 100 * time.Millisecond, time.Second, time.Minute} {
		if i != 1 { // then nobody posts
			h.raw("opening.balance", "assets:processor:available:main", 100, "liabilities:seller:available:sel_uk", -100)
		}
		h.set(h.clock().Add(worked))
		h.ok(way.Rest(h.Context()))
	}
	way.Left = time.Second
	for range 2 {
		h.raw("opening.balance", "assets:processor:available:main", 100, "liabilities:seller:available:sel_uk", -100)
		h.set(h.clock().Add(time.Second))
		h.ok(way.Rest(h.Context()))
	}
	if got, want := fmt.Sprint(waited), "[4.8s 24s 26.2s 1s]"; got != want {
		h.Errorf("it waited %s, want %s", got, want)
	}
	// Beside little it does not wait, however much was posted before it looked, and time in which it rested counts too.
	waited, h.light = nil, 2
	way = h.givingWay()
	h.ok(way.Rest(h.Context()))
	for _, posts := range []int{2, 3, 50, 51} {
		for range posts {
			h.raw("opening.balance", "assets:processor:available:main", 100, "liabilities:seller:available:sel_uk", -100)
		}
		h.set(h.clock().Add(time.Second))
		h.ok(way.Rest(h.Context()))
	}
	if got, want := fmt.Sprint(waited), "[24s 24s]"; got != want {
		h.Errorf("beside little it waited %s, want %s", got, want)
	}
}

// followsAWhile has a follower work while somebody posts without end: it ends with its patience, keeps what it came to, and goes on from
// there. A Follow that is to come to the end does.
func (h *house) followsAWhile() {
	h.Helper()
	posted := func() {
		h.raw("opening.balance", "assets:processor:available:main", 100, "liabilities:seller:available:sel_uk", -100)
	}
	for range 20 {
		posted()
	}
	var waited time.Duration
	h.page, h.light, h.now = 1, 0, func() time.Time {
		posted()
		h.set(h.clock().Add(500 * time.Millisecond))
		return h.clock()
	}
	h.wait = func(_ context.Context, until time.Time) error {
		waited += until.Sub(h.clock())
		h.set(until)
		return nil
	}
	defer func() { h.page, h.light, h.now, h.wait = readPage, light, h.clock, nil }()
	before, err := h.Standing(h.Context(), h.book)
	h.ok(err)
	counted, err := h.FollowAWhile(h.Context(), h.book)
	h.ok(err)
	after, err := h.Standing(h.Context(), h.book)
	h.ok(err)
	if waited < patience-2*time.Second || waited > patience || counted < 2 || after.Behind < 10 || after.Behind >= before.Behind+before.Behind {
		h.Errorf("in %s it counted %d of %d, and %d wait", waited, counted, before.Behind, after.Behind)
	}
	counted, err = h.Follow(h.Context(), h.book)
	h.ok(err)
	if counted < after.Behind {
		h.Errorf("of %d it counted %d", after.Behind, counted)
	}
}

// TestVersions begins anew where sums were made in an older way, and lets those of a newer one alone.
func TestVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.follow()
	set := func(sql string) {
		h.ok(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), sql)
			return err
		}))
	}
	set(`UPDATE earnings_cursors SET version = 1000`)
	h.post("tip.sent", `{"tip":"t","creator":"cre_amy","currency":"GBP","amount":"3.00","processor":"main","payment_id":"pt"}`)
	before := h.allRows(t.Context())
	h.follow()
	if after := h.allRows(t.Context()); len(after) != len(before) {
		t.Error("sums of a newer version were added to")
	}
	h.owner(`ALTER TABLE earnings_cursors DROP CONSTRAINT earnings_cursors_version_check; UPDATE earnings_cursors SET version = 0`)
	set(`UPDATE earnings SET earned = earned + 1`)
	h.follow()
	h.sound()
}

// TestPlans looks at how an answer is read where one payee is among 20,000 and has 60,000 rows itself: each statement walks the
// primary key of just what it returns or adds up.
func TestPlans(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.ok(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		for _, sql := range []string{
			`INSERT INTO earnings SELECT $1, 'seller', 's' || n, 'GBP', d, '2026-11-01', '', 1, 0, 100, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 20000) n, generate_series(0, 3) d`,
			`INSERT INTO earnings SELECT $1, 'seller', 's7', 'GBP', 3, ('2026-01-01'::date + (m || ' months')::interval)::date, 'sku' || n, 1, 0, 100, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 5000) n, generate_series(0, 11) m`,
		} {
			if _, err := tx.Exec(t.Context(), sql, h.book.ID); err != nil {
				return err
			}
		}
		return nil
	}))
	h.owner(`ANALYZE earnings`)
	from, to := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"days":       {sqlDays, []any{h.book.ID, "seller", "s7", "GBP", from, to}},
		"names":      {sqlNames, []any{h.book.ID, "seller", "s7", "GBP", 3, from, 20, MaxRanked}},
		"total":      {sqlTotal, []any{h.book.ID, "seller", "s7", "GBP", from, to}},
		"latest":     {sqlLatest, []any{h.book.ID, "seller", "s7", "GBP"}},
		"currencies": {sqlCurrencies, []any{h.book.ID, "s7", Kinds(), []string{"GBP", "USD"}}},
		"owners":     {sqlNextOwners, []any{h.book.ID, "seller", "s5", "GBP", verifyPage}},
		"without":    {sqlWithoutSums, []any{h.book.ID, []string{"seller", "seller"}, []string{"s8", "nobody"}, []string{"GBP", "GBP"}}},
		"clear":      {sqlClear, []any{h.book.ID, 100}},
		"sums":       {sqlSumsOf, []any{h.book.ID, []string{"seller"}, []string{"s8"}, []string{"GBP"}}},
	} {
		plan := pgtest.Plan(t, h.db.Pool, q.sql, q.args...)
		if strings.Contains(plan, "Seq Scan on earnings") || !strings.Contains(plan, "earnings_pkey") || strings.Contains(plan, "Rows Removed by Filter") {
			t.Errorf("%s reads more than it tells:\n%s", name, plan)
		}
		for line := range strings.SplitSeq(plan, "\n") {
			if _, after, ok := strings.Cut(line, "rows="); ok && strings.Contains(line, "earnings") {
				n, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
				if h.ok(err); n < 10_000 {
					continue
				}
				t.Errorf("%s reads %s rows:\n%s", name, after, plan)
			}
		}
	}
}

// TestMortalFollower has a follower die at each statement on its way to the database, before and after it is carried out. Whoever
// follows next comes to the same rows.
func TestMortalFollower(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.post("refund.made", `{"order":"UK-1","refund":"r0","lines":[{"line":1,"quantity":1}]}`)
	h.follow()
	want := strings.Join(h.allRows(t.Context()), " ")
	for at, died := 1, true; died; at++ {
		died = false
		for _, after := range []bool{false, true} {
			h.ok(h.Rebuild(t.Context(), h.book))
			m := h.db.Mortal(t, 2, at, after)
			books := ledger.New(m.Pool, ledger.Options{Now: h.clock})
			one := New(Options{Pool: m.Pool, Ledger: books, Events: commerce.New(books, commerce.NewRuleSets(m.Pool, h.clock), h.clock), Now: h.clock})
			m.Arm()
			_, err := one.Follow(t.Context(), h.book)
			_ = books.Close(context.Background())
			if h.db.Bury(t, m) {
				died = true
			} else if err != nil {
				t.Fatal(err)
			}
			h.follow()
			if got := strings.Join(h.allRows(t.Context()), " "); got != want {
				t.Errorf("after dying at statement %d they are %s, want %s", at, got, want)
			}
		}
	}
	h.sound()
}

// BenchmarkFollow measures how many sales a second a follower adds, among ten thousand sellers and as many creators.
func BenchmarkFollow(b *testing.B) {
	h := newHouse(b)
	const size = 1_000
	n := 0
	fill := func(pages int) {
		for range pages {
			var events []commerce.Event
			for range size {
				n++
				id := fmt.Sprint("B-", n)
				events = append(events, commerce.Event{Type: "order.captured", Reference: id, Data: &commerce.OrderCaptured{Order: id, Currency: "GBP", PlacedAt: h.clock(), Seller: fmt.Sprint("sel_", n*7919%10_000),
					LiveSession: fmt.Sprint("LS-", n%100), Channel: "app", CommissionRate: "0.10", Lines: []commerce.CapturedLine{{Line: 1, SKU: fmt.Sprint("SKU-", n%500), Quantity: 1, UnitPrice: "10.00"}},
					Creators: []commerce.Creator{{Creator: fmt.Sprint("cre_", n*104729%10_000), Weight: "1"}},
					Payments: []commerce.Payment{{Processor: "main", PaymentID: "pi_" + id, Amount: "10.00"}}}})
			}
			for _, r := range h.events.PostBatch(b.Context(), h.book, events) {
				h.ok(r.Err)
			}
		}
	}
	fill(20)
	total := int64(0)
	for b.Loop() {
		b.StopTimer()
		h.ok(h.Rebuild(b.Context(), h.book))
		h.ok(h.prepare(b.Context(), h.book))
		b.StartTimer()
		counted, err := h.Follow(b.Context(), h.book)
		h.ok(err)
		total += counted
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "sales/s")
}

// TestUnreadable has the stored data of a sale broken: what it moved counts as adjusted, the log names it once, and what comes after
// it counts as ever.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.post("order.captured", sale)
	h.owner(`ALTER TABLE transactions DISABLE TRIGGER USER; UPDATE transactions SET explanation = replace(explanation, '"sel_uk"', '7'); ALTER TABLE transactions ENABLE TRIGGER USER`)
	h.post("tip.sent", `{"tip":"t","creator":"cre_amy","currency":"GBP","amount":"3.00","processor":"main","payment_id":"pt"}`)
	var log strings.Builder
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	h.follow()
	h.sound()
	h.says(november("sel_uk", ByDay), "2026-11-20: 0/0 adjusted 37.62", "total: 0/0 adjusted 37.62")
	h.says(november("mcn_ldn", ByDay), "2026-11-20: 0/0 adjusted 1.89", "total: 0/0 adjusted 1.89")
	if a, said := h.told(november("cre_amy", ByDay)); a.Behind != 0 || a.Rebuilding || a.Total.Sales != 1 || a.Total.Adjusted != 441 {
		t.Errorf("after it is told, %d behind\n%s", a.Behind, said)
	}
	if n := strings.Count(log.String(), "transaction=uk-1"); n != 1 {
		t.Errorf("the log names it %d times: %s", n, log.String())
	}
}
