package bankfile

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres/pgtest"
)

// TestBankPlans looks at how the rail finds its work among 40,000 payments of which nearly all are over, with the statistics of a
// day when there were none: every statement walks an index to what it returns, or a few rows more. Files are few, a
// handful a day, so the one of a report is looked for among all of them.
func TestBankPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// As a copy of a database comes in: without its checks.
	const fill = `SET session_replication_role = replica;
		INSERT INTO bank_files (book_id, currency, number, account_version, format, message_id, state, digest, lines, sum, entry_hash, execute_on, paid_on, made_at, made_by, fetched_at, sent_at, closed_at)
		  SELECT 1, 'EUR', n, 1, 'x', 'M-' || n, CASE WHEN n > 397 THEN 'sent' ELSE 'closed' END, repeat('0', 64), 100, 100, 0, '2026-03-01', '2026-03-02', '2026-03-01', 'x', '2026-03-01', '2026-03-01',
		    CASE WHEN n <= 397 THEN timestamptz '2026-03-02' END FROM generate_series(1, 400) n;
		INSERT INTO bank_payments (book_id, id, instruction, key, digest, account, amount, currency, state, file, line, trace, execute_on, arrives_on, metadata, entry, steps, created_at, changed_at)
		  SELECT 1, 'po_' || lpad(n::text, 20, '0'), 'po_' || n, 'k' || n, repeat('0', 64), 'payee:' || n % 4000, 1, 'EUR', CASE WHEN n > 39990 THEN 'queued' ELSE 'settled' END,
		    CASE WHEN n <= 39990 THEN 1 + n / 100 END, CASE WHEN n <= 39990 THEN 1 + n % 100 END, CASE WHEN n <= 39990 THEN 't' || n ELSE '' END,
		    CASE WHEN n <= 39990 THEN date '2026-03-01' END, '2026-03-02', '{}', 'txn_' || n, 1, timestamptz '2026-01-01' + n * interval '1 second', '2026-03-01' FROM generate_series(1, 40000) n;
		INSERT INTO bank_payment_steps (book_id, payment, number, account, state, actor, at) SELECT book_id, id, 1, account, 'queued', 'order', created_at FROM bank_payments;
		INSERT INTO bank_entries (book_id, id, account, category, amount, currency, source, created_at)
		  SELECT 1, 'txn_' || lpad(n::text, 20, '0'), 'payee:' || n % 4000, 'payment', 1, 'EUR', 'py_' || n, timestamptz '2026-01-01' + n * interval '1 second' FROM generate_series(1, 40000) n;
		INSERT INTO bank_orders (book_id, key, digest, made, created_at) SELECT 1, 'k' || n, repeat('0', 64), 'po_x', '2026-03-01' FROM generate_series(1, 40000) n;
		SET session_replication_role = origin`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	ids := []string{"po_00000000000000000077", "po_00000000000000000078"}
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"waiting":      {sqlPaymentsWaiting, []any{1, "EUR", linesAtMost}},
		"wait":         {sqlWaiting, []any{1}},
		"still":        {sqlLockWaiting, []any{1, ids}},
		"lines":        {sqlLockLines, []any{1, "EUR", 77}},
		"all lines":    {sqlAllLines, []any{1, "EUR", 77, 5001}},
		"payments":     {sqlPaymentsOf, []any{1, "EUR", 77, 10, 20}},
		"file":         {sqlReadFile, []any{1, "EUR", 77}},
		"newest files": {sqlListFiles, []any{1, "EUR", 0, 10}},
		"silent":       {sqlSilent, []any{1, now, silentAtOnce}},
		"named":        {sqlPaymentsNamed, []any{1, "EUR", []int64{0, 0, 7}, []int{0, 0, 5}, []string{ids[0], "", ""}, []string{"", "t99", ""}, 0}},
		"named in":     {sqlPaymentsNamed, []any{1, "EUR", []int64{0}, []int{0}, []string{""}, []string{"t99"}, 1}},
		"lock named":   {sqlLockPayments, []any{1, ids}},
		"order":        {sqlOrder, []any{1, "k77"}},
		"payout":       {sqlPayout, []any{1, "payee:77", ids[0]}},
		"found":        {sqlFound, []any{1, "payee:77", "po_77", now.AddDate(-1, 0, 0), now, 1001}},
		"listed":       {sqlListed, []any{1, "payee:77", now.AddDate(-1, 0, 0), now, 1001}},
		"notices":      {sqlNotices, []any{1, "payee:77", now.AddDate(-1, 0, 0), now, 1001}},
		"entries":      {sqlEntries, []any{1, "payee:77", now.AddDate(-1, 0, 0), now, 1001}},
		"entry":        {sqlEntry, []any{1, "payee:77", "txn_00000000000000000077"}},
		"in a file":    {sqlInFile, []any{1, "payee:77", "EUR"}},
		"steps":        {sqlFileSteps, []any{1, ids[0]}},
	} {
		plan := pgtest.Plan(t, conn, q.sql, q.args...)
		for _, bad := range []string{"Seq Scan on bank_", "rows=40000", "rows=39990", "Rows Removed by Filter: 39", "Rows Removed by Filter: 40"} {
			if strings.Contains(plan, bad) {
				t.Errorf("%s reads everything:\n%s", name, plan)
				break
			}
		}
	}
}
