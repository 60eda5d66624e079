//go:build !race

package payouts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/postgres/pgtest"
)

// TestRailPlans looks at how the work of the rails finds what is due among 40,000 payouts, of which nearly all are over:
// every statement walks an index of what is not over, and reads no more rows than it returns, or a few.
func TestRailPlans(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.owner(`ALTER TABLE payouts DISABLE TRIGGER sums_up; INSERT INTO payouts (book_id, id, run_id, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence,
		consumed_from, consumed_through, left_after, destination, rail, rail_account, mode, needs_person, created_at, changed_at, look_at, transfer, outgoing, submitted_at, paid_at, ended_at)
		SELECT (SELECT id FROM books), 'po_' || lpad(n::text, 16, '0'), 'run_' || repeat('a', 16), 'seller', 'sel_' || n, 'sel_' || n, 'USD', 100, 0, 'standard',
		CASE WHEN n % 1000 = 0 THEN 'created' WHEN n % 1000 = 1 THEN 'unknown' WHEN n % 1000 = 2 THEN 'failed' ELSE 'paid' END, n, 1, n, 0, 100, 0, 'dst_1', 'connected', 'acct_' || n, 'manual', false,
		'2026-03-01', '2026-03-01', CASE WHEN n % 1000 = 1 THEN timestamptz '2026-03-01' END, 'tr_' || n, 'po_' || n, '2026-03-01', '2026-03-01', '2026-03-01'
		FROM generate_series(1, 40000) n; ALTER TABLE payouts ENABLE ALWAYS TRIGGER sums_up;
		INSERT INTO payout_steps (book_id, payout, number, state, at, sequence) SELECT p.book_id, p.id, 1, 'created', p.created_at, p.created_sequence FROM payouts p WHERE p.created_sequence % 10 = 7;
		INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at, released_at, document)
		SELECT (SELECT id FROM books), 'hold_' || n, 'seller', 'sel_' || n % 4000, '', 'pause', 'review', 'case', timestamptz '2026-03-01' + n * interval '1 second', '2027-03-01', 'd' FROM generate_series(1, 40000) n;
		INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at)
		SELECT (SELECT id FROM books), 'dst_' || lpad(n::text, 16, '0'), 'sel_' || n, 'connected', 'acct_' || n % 4000, '{USD}', 'manual', 'retired', 'match', '2026-03-01', '2026-03-01', '2026-03-01'
		FROM generate_series(1, 40000) n;
		ANALYZE payouts, payout_steps, payout_holds, payout_destinations`)
	past := railStart.Add(-90 * 24 * time.Hour)
	rails := []string{"connected"}
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"since":    {sqlPaidSince, []any{h.book.ID, "sel_77", "seller", "USD", past, past, mostPaidSince + 1}},
		"runs":     {sqlRunsUnsent, []any{h.book.ID}},
		"unsent":   {sqlUnsentOf, []any{h.book.ID, h.run, "", rails, carryPage, []string{"connected/EUR"}}},
		"due":      {sqlDueIn, []any{h.book.ID, Unknown, railStart, past, "", rails, carryPage}},
		"paid":     {sqlDueIn, []any{h.book.ID, Paid, railStart, past, "", rails, carryPage}},
		"back":     {sqlCameBackSince, []any{h.book.ID, past, "", railStart, retryPage, []string{"x"}}},
		"health":   {sqlHealth, []any{h.book.ID}},
		"transfer": {sqlOfTransfer, []any{"tr_77"}},
		"outgoing": {sqlOfOutgoing, []any{"po_77"}},
		"account":  {sqlAtAccount, []any{"acct_77"}},
		"paid to":  {sqlDestinationsAt, []any{"acct_77", rails}},
		"paying":   {sqlPaying, []any{h.book.ID, "liabilities:seller:available:sel_1", []int64{50, 100}, "USD"}},
		"taken":    {sqlTakenBy, []any{h.book.ID, "liabilities:seller:available:sel_1", []int64{50, 100}, "USD", int64(1 << 40)}},
		"within":   {sqlWithin, []any{h.book.ID, "sel_77", "seller", "USD", past, 10, 40_000, railStart, 51}},
		"holds at": {sqlHoldsAt, []any{h.book.ID, "sel_77", railStart, maxListed}},
		"sources":  {sqlKnownSources, []any{h.book.ID, []string{"tr_77", "po_78"}}},
		"usual":    {sqlUsualRuns, []any{h.book.ID, h.run, "USD", railStart, comparedRuns, usualRuns}},
		"largest":  {sqlLargestOf, []any{h.book.ID, h.run, "USD", comparedMost}},
		"persons":  {sqlPersonsOf, []any{h.book.ID, h.run, comparedPersons}},
		"compared": {sqlComparedOf, []any{h.book.ID, h.run, []string{"seller", "seller"}, []string{"sel_77", "sel_78"}, []string{"USD", "USD"}, []string{"dst_1", "dst_2"}}},
		"before":   {sqlPaidBefore, []any{h.book.ID, []string{"sel_77", "sel_78"}, railStart, payoutsSeen, payoutsBefore}},
		"troubles": {sqlTroubles, []any{h.book.ID, h.run, troublesEach}},
		"counted":  {sqlReasonsWhole, []any{h.book.ID, h.run}},
		"amounts":  {sqlFindAmounts, []any{h.book.ID, past, runsSearched, []string{"USD", "EUR"}, []int64{77, 78}, 20}},
		"reasons":  {sqlRunReasons, []any{h.book.ID, h.run, maxListed}},
		"total":    {sqlProgressTotal, []any{h.book.ID, h.run}},
		"to send":  {sqlHealthUnsent, []any{h.book.ID, healthMost}},
		"sample":   {sqlProgressSample, []any{h.book.ID, h.run, 100, []string{"", "po_00000000000200"}, []string{"po_00000000000200", idsEnd}}},
		"few":      {sqlProgressFew, []any{h.book.ID, h.run, 50, past}},
		"agreed":   {sqlExceptions, []any{h.book.ID, "sel_77", 51}},
	} {
		plan := pgtest.Plan(t, h.db.Pool, q.sql, q.args...)
		if strings.Contains(plan, "Seq Scan on payout") || strings.Contains(plan, "rows=40000") || strings.Contains(plan, "Rows Removed by Filter: 39") {
			t.Errorf("%s reads everything:\n%s", name, plan)
		}
	}
}

// TestWaitsPlan reads pages of what waits for a seller with a hundred thousand orders. No page reads them all.
func TestWaitsPlan(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.owner(`INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence)
SELECT $1, 'order:' || n, 'settle', '2026-03-01'::timestamptz + n * interval '1 second', '2026-03-01', n FROM generate_series(1, 100000) n`, h.book.ID)
	h.owner(`INSERT INTO payout_waits (book_id, kind, payee, currency, subject, act, amount, due_at)
SELECT $1, 'seller', 'sel_big', 'USD', 'order:' || n, 'settle', 1, '2026-03-01'::timestamptz + n * interval '1 second' FROM generate_series(1, 100000) n`, h.book.ID)
	h.owner(`ANALYZE payout_waits`)
	if plan := pgtest.Plan(t, h.db.Pool, sqlComing, h.book.ID, "seller", "sel_big", "USD", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), 50, commerce.ActReserve); strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "payout_waits_next") {
		t.Errorf("what is coming reads everything:\n%s", plan)
	}
	for name, from := range map[string][]any{
		"first": {"-infinity", "", "", "", ""}, "later": {"2026-03-01T20:00:00Z", "order:72000", "settle", "seller", "USD"},
	} {
		args := append(append([]any{h.book.ID, append(slices.Clone(earningKinds), kindBeneficiary), "sel_big"}, from...), 6)
		if plan := pgtest.Plan(t, h.db.Pool, sqlWaitsAfter, args...); strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "payout_waits_listed") {
			t.Errorf("%s reads everything:\n%s", name, plan)
		}
	}
}
