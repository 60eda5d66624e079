package reconcile

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestEvidencePlans looks at how evidence is found among 100,000 lines, with the statistics of a day when there were none, and with
// those of today: every statement walks an index to what it returns, or a few rows more.
func TestEvidencePlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `ALTER TABLE evidence_lines SET (autovacuum_enabled = off); ALTER TABLE evidence_changes SET (autovacuum_enabled = off); ALTER TABLE evidence_balances SET (autovacuum_enabled = off);
		ALTER TABLE evidence_statements SET (autovacuum_enabled = off); ALTER TABLE evidence_receipts SET (autovacuum_enabled = off); ALTER TABLE evidence_parts SET (autovacuum_enabled = off);
		ALTER TABLE evidence_payouts SET (autovacuum_enabled = off);
		SET session_replication_role = replica;
		INSERT INTO evidence_sources VALUES (1, 1, 'processor', 'main', '2026-01-01');
		INSERT INTO evidence_settings VALUES (1, 1, 1, '{}', '2026-01-01');
		INSERT INTO evidence_heads VALUES (1, 1, 1000, 100000, '2026-03-01');
		INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
		  SELECT 1, 1, n, 'statement', 'camt.053', 1, sha256(n::text::bytea), 10, n * 100 - 99, 100, 0, 'x', '2026-01-01' FROM generate_series(1, 1000) n;
		INSERT INTO evidence_parts SELECT 1, 1, n, 1, 'x' FROM generate_series(1, 1000) n;
		INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at, available_at, status)
		  SELECT 1, 1, n, (n + 99) / 100, 'txn_' || n, 'ch_' || n, 'EUR', 1, 0, 1, 'charge', timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-01-03' + n * interval '1 minute',
		    CASE WHEN n > 99900 THEN 'pending' ELSE 'available' END FROM generate_series(1, 100000) n;
		INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, source_ref, moved_at)
		  SELECT 1, 2, n, 1, 'txn_' || n, 'po_' || n, 'EUR', -1, 0, -1, 'payout', 'po_' || n, timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 20100) n;
		INSERT INTO evidence_payouts (book_id, source_id, payout, currency, paid, moved_at, state, named, known, known_net, asked_at)
		  SELECT 1, 2, 'po_' || n, 'EUR', 1, '2026-01-01', CASE WHEN n % 200 = 0 THEN 'differs' ELSE 'ties' END, 1, 1, 1, timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 20000) n;
		INSERT INTO evidence_changes SELECT 1, 1, (n + 99) / 100, n, CASE WHEN n % 1000 = 0 THEN 'amount' ELSE 'status' END, 'pending', 'available' FROM generate_series(1, 100000) n;
		INSERT INTO evidence_balances SELECT 1, 1, n, c, '2026-01-01', n * 100, n, 0, 0, n FROM generate_series(1, 1000) n, unnest('{EUR,USD}'::text[]) c;
		INSERT INTO evidence_statements (book_id, source_id, receipt, ordinal, statement_id, currency, from_day, until_day, opening, closing, lines, proved)
		  SELECT 1, 1, n, o, 'S' || n, 'EUR', date '2000-01-01' + n * 10 + o, date '2000-01-01' + n * 10 + o, 0, 0, 1, true FROM generate_series(1, 1000) n, generate_series(1, 10) o;
		DO $$ DECLARE x regclass; BEGIN FOR x IN SELECT c.oid FROM pg_class c WHERE c.oid IN ('entries'::regclass, 'transactions'::regclass) UNION ALL
		  SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent IN ('entries'::regclass, 'transactions'::regclass) LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', x); END LOOP; END $$;
		INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line, external_ref)
		  SELECT 1, 1 + n % 2, n, 1, n, 1, 1, 1, CASE WHEN n % 50 = 0 THEN 'txn_' || n ELSE 'ch_' || n END FROM generate_series(1, 100000) n;
		INSERT INTO transactions (book_id, line_count, period, effective_period, sequence, occurred_at, recorded_at, reference, event, account_ids, content_hash)
		  SELECT 1, 1, 202601, 202601, n, timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-01-01' + n * interval '1 minute', 'r' || n, 'order.captured', '{1}', sha256('') FROM generate_series(1, 100000) n;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	ids := []string{"txn_7", "txn_8", "txn_x"}
	at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	type query struct {
		sql  string
		args []any
	}
	queries := map[string]query{
		"lock":          {sqlLockEvidence, []any{1, 1}},
		"known":         {sqlKnown, []any{1, 1, ids}},
		"said":          {sqlSaid, []any{1, 1, []int64{7, 8, 9}}},
		"same file":     {sqlSameFile, []any{1, 1, digestOf([]byte("7"))}},
		"days":          {sqlOfDays, []any{1, 1, at, at.Add(time.Hour), 100000, 1000}},
		"near":          {sqlNearStatements, []any{1, 1, "EUR", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), 1000}},
		"last balances": {sqlLastBalances, []any{1, 1}},
		"nets":          {sqlNets, []any{1, 1, 99000, 99500}},
		"newest":        {strings.ReplaceAll(sqlNewest, "10000", "100"), []any{1, 1, 99000}},
		"first ripe":    {sqlFirstRipe, []any{1, 1, at.AddDate(-1, 0, 0), at.AddDate(1, 0, 0), at.AddDate(1, 0, 0)}},
		"last ripe":     {sqlLastRipe, []any{1, 1, at.AddDate(-1, 0, 0), at.AddDate(1, 0, 0), at.AddDate(1, 0, 0)}},
		"ripen":         {sqlRipen, []any{1, 1, 99990, "available", at}},
		"elsewhere":     {sqlElsewhere, []any{2, 1, ids}},
		"statements":    {sqlStatements, []any{1, 1, 900, 0, 100}},
		"receipts":      {sqlReceipts, []any{1, 1, 0, 10}},
		"receipt":       {sqlReceipt, []any{1, 1, 7}},
		"part":          {sqlParts, []any{1, 1, 7, 1}},
		"lines":         {sqlLines, []any{1, 1, 500, 1 << 40, 100}},
		"lines of days": {sqlLinesDay, []any{1, 1, at, 0, 100, at, at.Add(24 * time.Hour)}},
		"lines by key":  {sqlLinesKey, []any{1, 1, "ch_7", 0, 100}},
		"lines named":   {sqlLinesNamed, []any{1, 1, []string{"ch_7", "txn_8"}}},
		"lines by no.":  {sqlLinesNumbered, []any{1, 1, []int64{7, 8}}},
		"line by id":    {sqlLinesID, []any{1, 1, "txn_7"}},
		"line":          {sqlLine, []any{1, 1, 7}},
		"changes":       {sqlChangesOf, []any{1, 1, 7}},
		"payouts":       {sqlPayoutsToAsk, []any{1, 2, time.Date(2026, 1, 14, 0, 0, 0, 0, time.UTC), 100}},
		"payouts again": {sqlPayoutsAgain, []any{1, 2, 50}},
		"payouts told":  {sqlPayoutsTold, []any{1, 2, "po_15", 50}},
		"payout lines":  {sqlLinesOfPayout, []any{1, 1, ids, mostNotKnown}},
		"entries near":  {sqlEntriesNear, []any{1, []int32{1, 2, 7}, 50_000, []string{"ch_49001", "x"}, 300}},
		"rail entries":  {sqlRailEntriesNear, []any{1, []int32{1, 2, 7}, 50_000, 300}},
		"since":         {sqlRecordedSince, []any{1, at}},
		"conflicts":     {sqlChanges, []any{1, 1, 500, 0, "", 10}},
		"changed":       {sqlChangedPage, []any{1, 1, 500, 0, "", 10}},
		"changed first": {sqlChangedFirst, []any{1, 1, []int64{7, 1000, 2000}}},
		"changed last":  {sqlChangedLast, []any{1, 1, []int64{7, 1000, 2000}}},
		"changed lines": {sqlChangedLines, []any{1, 1, []int64{7, 1000, 2000}}},
	}
	for _, statistics := range []string{"", "ANALYZE"} {
		if _, err := conn.Exec(t.Context(), statistics); err != nil {
			t.Fatal(err)
		}
		for name, q := range queries {
			plan := pgtest.Plan(t, conn, q.sql, q.args...)
			for _, bad := range []string{"Seq Scan on evidence_lines", "Seq Scan on evidence_changes", "Seq Scan on evidence_parts", "Seq Scan on evidence_statements", "Seq Scan on evidence_receipts",
				"Seq Scan on evidence_payouts", "Seq Scan on entries", "Seq Scan on transactions", "Bitmap Heap Scan on entries", "rows=20000", "rows=199",
				"rows=100000", "rows=99900", "rows=10000", "Rows Removed by Filter: 9", "rows=2000"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s reads everything (%s, statistics %q):\n%s", name, bad, statistics, plan)
					break
				}
			}
		}
	}
}
