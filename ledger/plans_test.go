//go:build !race

package ledger

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// hotStatements are the statements of the posting path and of reads by key, each with arguments of the shape a batch
// has. None may scan a table that grows, at any size.
var hotStatements = map[string]struct{ sql, args string }{
	"lock":                 {sqlLockBook, `1`},
	"references":           {sqlFindReferences, `1, '{a,b,c}'`},
	"accounts":             {sqlFindAccounts, `1, '{assets:processor:pending:main,liabilities:seller:pending:s5}', '{GBP,GBP}'`},
	"subjects":             {sqlFindSubjects, `1, '{order:1,order:2}'`},
	"late subjects":        {sqlFindLateSubjects, `1, '{order:1,order:2}', 240000`},
	"move subjects":        {sqlMoveSubjects, `1, '{order:1,order:2}', '{1,2}'`},
	"catch up subjects":    {sqlCatchUpSubjects, `1, 240000, 245000`},
	"subject span":         {sqlSubjectSpan, `1, 'order:5'`},
	"links":                {sqlFindLinks, `1, '{reverses}', '{5}'`},
	"update balances":      {sqlUpdateBalances, `1, '{1,2}', '{1,1}', '{1,1}', '{1,1}', '{1,1}'`},
	"add period totals":    {sqlAddPeriodTotals, `1, '{202611}', '{1}', '{1}', '{1}'`},
	"add chart totals":     {sqlAddChartTotals, `1, '{202611}', '{1010}', '{GBP}', '{1}', '{1}'`},
	"advance":              {sqlAdvanceBook, `1, 2, 3, now(), 1, 2`},
	"range":                {sqlTransactionRange, `1, 5, 9, 4`},
	"range down":           {sqlTransactionRangeDown, `1, 5, 9, 4`},
	"by subject":           {sqlTransactionsBySubject, `1, 1, 1000000, 10, 'order:5', ''`},
	"by subject down":      {sqlTransactionsBySubjectDown, `1, 1, 1000000, 10, 'order:5', ''`},
	"by event":             {sqlTransactionsByEvent, `1, 1, 1000000, 10, 'order.captured'`},
	"by event down":        {sqlTransactionsByEventDown, `1, 1, 1000000, 10, 'order.captured'`},
	"entries":              {sqlEntriesOfTransactions, `1, '{5,5,6}', '{1,2,1}', 5, 6`},
	"by sequence":          {sqlTransactionsBySequence, `1, '{5,6}', 5, 6`},
	"spans":                {sqlSpans, `1, '{order:5,order:6}', 9`},
	"stories":              {sqlStories, `1, '{order:5,order:6}', '{5,6}', '{5,6}', 5, 6, 20`},
	"one reference":        {sqlFindReference, `1, 'a'`},
	"one account":          {sqlFindAccount, `1, 'assets:processor:pending:main', ''`},
	"history":              {sqlHistory, `1, 1, 0, 0, 10`},
	"history down":         {sqlHistoryDown, `1, 1, 99999999, 0, 10`},
	"history heads":        {sqlHistoryHeads, `1, '{5,6}', 5, 6`},
	"balances":             {sqlBalancesNow, `1, 'liabilities:', 'liabilities:~', '', '', '', 10`},
	"balances under":       {sqlBalancesUnder, `1, '{liabilities:seller:pending:a,liabilities:donation:available:b}', 10`},
	"balances at":          {sqlBalancesAt, `1, 'liabilities:', 'liabilities:~', '', '', '', 10, 500`},
	"as of":                {sqlSequenceAsOf, `1, now()`},
	"head":                 {sqlBookHead, `1`},
	"trial balance detail": {sqlTrialBalanceAccounts, `1, 0, 999912, '', '', 10, '', '~', ''`},
	"trial balance below":  {sqlTrialBalanceAccounts, `1, 0, 999912, '', '', 10, 'liabilities:seller:', 'liabilities:seller:~', ''`},
	"trial balance row":    {sqlTrialBalanceAccounts, `1, 0, 999912, '', '', 10, 'liabilities:seller:pending', 'liabilities:seller:pending;', 'GBP'`},
	"holdings":             {sqlHoldings, `1, 500, 0, 8000, '', 0, '{}', 1000`},
	"month totals":         {sqlMonthTotals, `1, 1, 202611`},
	"month recorded":       {sqlMonthRecorded, `1, now()`},
	"month before":         {sqlMonthBefore, `1, 202611`},
	"month entries":        {sqlMonthEntries, `1, 1, 0, 0, 10`},
	"contra accounts":      {sqlContraAccounts, `1, '{assets:processor:pending:main}', 'GBP'`},
	"contra sequences":     {sqlContraSequences, `1, '{1,2}', 0, 100`},
	"contras":              {sqlContras, `1, '{5,6}', 0, 999912, 'GBP', '{1,2}'`},
	"linked":               {sqlLinksTo, `1, 5`},
}

// prunedStatements are those that probe for many sequences: whatever the number of partitions, each opens only the one that its
// sequences are in.
var prunedStatements = []string{"by sequence", "entries", "history heads", "stories"}

// partitionsOfTest are the partitions that there are at the end of the test; a book of ten million sales has about as many.
const partitionsOfTest = 25

// checkPruned explains with many partitions: a plan that has all of them opens all of them before it begins, and goes through their list
// for each probe.
func checkPruned(t *testing.T, pool *postgres.Pool) {
	t.Helper()
	pooled, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	for _, name := range prunedStatements {
		s := hotStatements[name]
		results, err := pooled.Conn().PgConn().Exec(t.Context(), `DEALLOCATE ALL; PREPARE hot AS `+s.sql+`; EXPLAIN (COSTS OFF) EXECUTE hot (`+s.args+`)`).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan := ""
		for _, r := range results {
			for _, row := range r.Rows {
				plan += string(row[0]) + "\n"
			}
		}
		if opened := len(partition.FindAllString(plan, -1)); opened != 1 || !strings.Contains(plan, fmt.Sprintf("Subplans Removed: %d", partitionsOfTest-1)) {
			t.Errorf("%s opens %d of %d partitions:\n%s", name, opened, partitionsOfTest, plan)
		}
	}
}

var partition = regexp.MustCompile(`on (transactions|entries)_p\d+`)

// growing are the tables that must never be scanned; books and chart_totals stay small.
var growing = regexp.MustCompile(`Seq Scan on (accounts|balances|transactions\w*|entries\w*|period_totals|subjects)`)

// TestHotStatementsProbe looks at the generic plan of every hot statement on empty tables and with a million entries,
// with and without statistics: key probes only.
func TestHotStatementsProbe(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(context.WithoutCancel(t.Context())) }()
	run := func(sql string) {
		t.Helper()
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	checkPlans(t, db.Pool, "0 rows")
	run(`ANALYZE`)
	checkPlans(t, db.Pool, "0 rows, analysed")
	for _, sql := range fillStatements {
		run(sql)
	}
	checkPlans(t, db.Pool, "10^6 entries")
	run(`ANALYZE`)
	checkPlans(t, db.Pool, "10^6 entries, analysed")
	run(fmt.Sprintf(`UPDATE partition_head SET width = 1000; SELECT prepare_partitions(upper_bound + 1000 * (%d - next_number)) FROM partition_head`, partitionsOfTest))
	run(fmt.Sprintf(`SELECT prepare_partitions(upper_bound + 1000 * (%d - next_number)) FROM partition_head WHERE next_number <= %[1]d`, partitionsOfTest))
	checkPruned(t, db.Pool)
}

// checkPlans explains on a connection of the pool, with the session settings the service runs with.
func checkPlans(t *testing.T, pool *postgres.Pool, size string) {
	t.Helper()
	pooled, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	conn := pooled.Conn()
	for name, s := range hotStatements {
		if _, err := conn.Exec(t.Context(), `DEALLOCATE ALL`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `PREPARE hot AS `+s.sql); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := conn.Query(t.Context(), fmt.Sprintf(`EXPLAIN (COSTS OFF) EXECUTE hot (%s)`, s.args), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if plan := strings.Join(lines, "\n"); growing.MatchString(plan) {
			t.Errorf("%s, %s scans a table that grows:\n%s", size, name, plan)
		}
	}
	checkOwnerPages(t, conn, size)
	checkLastOfMany(t, conn, size)
}

// checkLastOfMany reads the last transaction of a subject before a place, as of a campaign whose every donation is one: what there is
// before and after it costs nothing.
func checkLastOfMany(t *testing.T, conn *pgx.Conn, size string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), `DEALLOCATE ALL`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `PREPARE tally AS `+sqlTransactionsBySubjectDown); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Blocks(t, conn, `EXECUTE tally (1, 1, 125000, 2, 'tally:c1', '')`, pgx.QueryExecModeSimpleProtocol); n > 50 {
		t.Errorf("%s: the last of many before a place reads %d blocks", size, n)
	}
}

// checkOwnerPages explains the two statements of a page of owners as they run: each reads its own range of addresses and no more of
// the book.
func checkOwnerPages(t *testing.T, conn *pgx.Conn, size string) {
	t.Helper()
	const prefixes = `'{liabilities:seller:available:,liabilities:seller:pending:}'`
	for name, s := range map[string][2]string{
		"the last owner": {sqlLastOwner, `1, ` + prefixes + `, 's5', 1000`},
		"what they hold": {sqlHoldingsOfOwners, `1, 500, 's5', 's6', '', ` + prefixes},
	} {
		results, err := conn.PgConn().Exec(t.Context(), `BEGIN; `+sqlInOrder+`; DEALLOCATE ALL; PREPARE page AS `+s[0]+`; EXPLAIN (COSTS OFF) EXECUTE page (`+s[1]+`); ROLLBACK`).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan := ""
		for _, r := range results {
			for _, row := range r.Rows {
				plan += string(row[0]) + "\n"
			}
		}
		if !strings.Contains(plan, "using accounts_address_key on accounts") || strings.Contains(plan, "accounts_pkey") {
			t.Errorf("%s, %s is not read by address alone:\n%s", size, name, plan)
		}
	}
}

// fillStatements make a book of 250,000 transactions with four entries each. The seal is switched off meanwhile; the
// rows only have to look right to the planner.
var fillStatements = []string{
	`ALTER TABLE entries DISABLE TRIGGER seal`,
	`ALTER TABLE transactions DISABLE TRIGGER seal`,
	`INSERT INTO books (id, code, name, currencies, functional_currency, time_zone, market, region, created_at, last_recorded_at, last_sequence)
	 VALUES (1, 'uk', 'uk', '{GBP}', 'GBP', 'UTC', '', '', now(), now(), 250000)`,
	`INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at)
	 SELECT 1, n, CASE WHEN n = 1 THEN 1010 ELSE 2110 END, CASE WHEN n = 1 THEN 'assets:processor:pending:main' ELSE 'liabilities:seller:pending:s' || n END, 'GBP', now()
	   FROM generate_series(1, 20000) n`,
	`INSERT INTO balances SELECT 1, n, 1, 1, 1, 1 FROM generate_series(1, 20000) n`,
	`INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event, subject, account_ids, content_hash)
	 SELECT 1, n, 4, 202611, 202611, now(), now(), 'r' || n, 'order.captured', CASE WHEN n % 10 = 0 THEN 'tally:c1' ELSE 'order:' || n END, ARRAY[1, 2 + n % 19999], '\x0000000000000000000000000000000000000000000000000000000000000000'
	   FROM generate_series(1, 250000) n`,
	`INSERT INTO transaction_references SELECT 1, 1, n, 'r' || n, '\x0000000000000000000000000000000000000000000000000000000000000000' FROM generate_series(1, 250000) n`,
	`INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line)
	 SELECT 1, CASE WHEN l < 3 THEN 1 ELSE 2 + n % 19999 END, n, 5, 1, 1, 1, l FROM generate_series(1, 250000) n, generate_series(1, 4) l`,
	`INSERT INTO subjects SELECT 1, n, n, 'order:' || n FROM generate_series(1, 250000) n`,
	`INSERT INTO period_totals SELECT 1, n, 202611, 1, 1 FROM generate_series(1, 20000) n`,
}
