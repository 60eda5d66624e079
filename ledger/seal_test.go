package ledger_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// TestRecordedRowsNeverChange tries to change history as the application, as the owner and as a superuser who switched
// triggers off the usual way. Every attempt is refused, and the books are as they were.
func TestRecordedRowsNeverChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	b.mustPost(t, sale("S-2", "sel_a", 2000))
	statements := []string{
		`UPDATE entries SET amount = amount + 1`,
		`DELETE FROM entries WHERE sequence = 1`,
		`TRUNCATE entries`,
		`UPDATE entries_p000001 SET amount = amount + 1`,
		`DELETE FROM entries_p000001`,
		`UPDATE transactions SET memo = 'x'`,
		`DELETE FROM transactions`,
		`TRUNCATE transactions, entries`,
		`UPDATE transactions_p000001 SET occurred_at = now()`,
		`UPDATE transaction_references SET content_hash = sha256('x')`,
		`DELETE FROM transaction_references`,
		`TRUNCATE transaction_references`,
		`DELETE FROM transaction_links`,
		`TRUNCATE transaction_links`,
		`UPDATE books SET last_sequence = 1`,
		`UPDATE books SET last_recorded_at = last_recorded_at - interval '1 hour'`,
	}
	roles := map[string][2]string{
		"application":          {b.db.AppURL, ``},
		"owner":                {b.db.OwnerURL, ``},
		"superuser as replica": {b.db.SuperURL, `SET session_replication_role = replica`},
	}
	for role, how := range roles {
		conn := connect(t, how[0])
		if how[1] != "" {
			exec(t, conn, how[1])
		}
		for _, sql := range statements {
			_, err := conn.Exec(t.Context(), sql)
			if state := postgres.SQLState(err); state != "42501" && state != "23514" {
				t.Errorf("%s: %s: got %v, want a refusal", role, sql, err)
			}
		}
	}
	checkInvariants(t, b.db)
}

// TestSealRefusesWhatDoesNotBalance inserts rows past the service, as the application's own role may: the seal refuses
// entries without a header, unbalanced ones, incomplete ones, and any that join an older transaction (I1, I10).
func TestSealRefusesWhatDoesNotBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	header := `INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event, account_ids, content_hash)
		SELECT id, 3, $LINES, 202611, 202611, now(), now(), 'X', '$EVENT', '{}', sha256('x') FROM books;`
	entry := `INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line)
		SELECT id, x.account, $SEQ, x.amount, 9, 0, 0, x.line FROM books, (VALUES $ROWS) x (account, amount, line);`
	cases := map[string]struct{ header, lines, event, sequence, rows, want string }{
		"balanced":                         {"yes", "2", "order.captured", "3", "(1, 5, 1), (2, -5, 2)", ""},
		"no header":                        {"", "", "", "3", "(1, 5, 1), (2, -5, 2)", "seal_entries"},
		"unbalanced":                       {"yes", "2", "order.captured", "3", "(1, 5, 1), (2, -4, 2)", "seal_entries"},
		"one line missing":                 {"yes", "3", "order.captured", "3", "(1, 5, 1), (2, -5, 2)", "seal_entries"},
		"a line number left out":           {"yes", "2", "order.captured", "3", "(1, 5, 1), (2, -5, 3)", "seal_entries"},
		"a line number twice":              {"yes", "3", "order.captured", "3", "(1, 5, 1), (2, -3, 1), (3, -2, 3)", "seal_entries"},
		"line numbers that only add up":    {"yes", "4", "order.captured", "3", "(1, 5, 1), (2, -3, 1), (3, -1, 4), (4, -1, 4)", "seal_entries"},
		"an account nobody opened":         {"yes", "2", "order.captured", "3", "(1, 5, 1), (77, -5, 2)", "seal_entries"},
		"balanced over two currencies":     {"yes", "2", "order.captured", "3", "(1, 5, 1), (4, -5, 2)", "seal_entries"},
		"joining an older transaction":     {"", "", "", "1", "(2, 5, 4), (1, -5, 5)", "seal_entries"},
		"imitating an older transaction":   {"", "", "", "1", "(4, 5, 1), (5, -2, 2), (6, -3, 3)", "seal_entries"},
		"one line only":                    {"yes", "1", "order.captured", "3", "(1, 5, 1)", "seal_transactions"},
		"no line for an event of money":    {"yes", "0", "order.captured", "", "", "seal_transactions"},
		"no line for a fact":               {"yes", "0", "order.delivered", "", "", ""},
		"an amount of zero":                {"yes", "2", "order.captured", "3", "(1, 0, 1), (2, 0, 2)", "entries_amount_check"},
		"an amount beyond the largest one": {"yes", "2", "order.captured", "3", "(1, 1000000000000000000, 1), (2, -1000000000000000000, 2)", "entries_amount_check"},
	}
	// Sequence 2 opens three more accounts in another currency to aim at; the cases try to be sequence 3, or 1 again.
	other := sale("S-usd", "sel_a", 1000)
	for i := range other.Drafts[0].Lines {
		other.Drafts[0].Lines[i].Currency = "USD"
	}
	b.mustPost(t, other)
	for name, c := range cases {
		conn := connect(t, b.db.AppURL)
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			_, err = tx.Exec(t.Context(), strings.NewReplacer("$LINES", c.lines, "$EVENT", c.event).Replace(header))
		}
		if err == nil && c.rows != "" {
			_, err = tx.Exec(t.Context(), strings.NewReplacer("$SEQ", c.sequence, "$ROWS", c.rows).Replace(entry))
		}
		if got := postgres.Constraint(err); got != c.want || (c.want == "" && err != nil) {
			t.Errorf("%s: got %v, want constraint %q", name, err, c.want)
		}
		_ = tx.Rollback(t.Context())
	}
	// The owner may write a partition directly; its own copy of the seal refuses the same.
	owner := connect(t, b.db.OwnerURL)
	_, err := owner.Exec(t.Context(), strings.NewReplacer("INTO entries ", "INTO entries_p000001 ", "$SEQ", "1", "$ROWS", "(2, 5, 4), (1, -5, 5)").Replace(entry))
	if postgres.Constraint(err) != "seal_entries" {
		t.Errorf("direct insert into a partition: %v", err)
	}
	checkInvariants(t, b.db)
}

// TestPartitionsStayNearTheBooks proves that the one thing the application may have made cannot be asked for without end.
func TestPartitionsStayNearTheBooks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := connect(t, b.db.AppURL)
	if _, err := conn.Exec(t.Context(), `SELECT prepare_partitions(1000000000)`); postgres.SQLState(err) != "22003" {
		t.Errorf("partitions for a thousand million transactions nobody posted: %v", err)
	}
	exec(t, conn, `SELECT prepare_partitions(600000)`)
}

// TestApplicationCannotReachPartitions proves that the application's role has no rights on partitions or on what makes
// the rules.
func TestApplicationCannotReachPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := connect(t, b.db.AppURL)
	for _, sql := range []string{
		`SELECT * FROM entries_p000001`, `INSERT INTO entries_p000001 SELECT * FROM entries`, `DROP TABLE entries`,
		`ALTER TABLE entries DISABLE TRIGGER ALL`, `UPDATE partition_head SET width = 5000`, `INSERT INTO fact_events VALUES ('a.b')`,
		`CREATE TABLE mine (x integer)`, `SELECT guard_table('entries', '')`, `UPDATE books SET code = 'x'`,
		`UPDATE accounts SET address = 'assets:x'`, `DELETE FROM balances`, `SET ROLE mizan_owner`,
	} {
		if _, err := conn.Exec(t.Context(), sql); postgres.SQLState(err) != "42501" {
			t.Errorf("%s: got %v, want permission denied", sql, err)
		}
	}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestSchemaRefusesDuplicates inserts each kind of row a second time, past the service (peers 55). What must be unique is
// so by constraint, and no job has to look for doubles.
func TestSchemaRefusesDuplicates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	b.mustPost(t, sale("S-2", "sel_a", 1000))
	if out := b.Reverse(t.Context(), b.book, 1, ledger.Correction{Reference: "R"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	if out := b.Repost(t.Context(), b.book, 1, ledger.Correction{Reference: "P"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	conn := connect(t, b.db.AppURL)
	before := dump(t, b.db)
	for name, sql := range map[string]string{
		"a book's code": `INSERT INTO books (id, code, name, currencies, functional_currency, time_zone, market, region, created_at, last_recorded_at)
			SELECT id + 1, code, name, currencies, functional_currency, time_zone, market, region, created_at, last_recorded_at FROM books`,
		"an account's number":                `INSERT INTO accounts SELECT book_id, id, chart_code, address || 'x', currency, state, opened_at FROM accounts WHERE id = 1`,
		"an account's address":               `INSERT INTO accounts SELECT book_id, id + 100, chart_code, address, currency, state, opened_at FROM accounts WHERE id = 1`,
		"a balance":                          `INSERT INTO balances SELECT book_id, account_id, 0, 0, 9, 9 FROM balances`,
		"a sequence":                         `INSERT INTO transactions SELECT * FROM transactions WHERE sequence = 1`,
		"an entry":                           `INSERT INTO entries SELECT * FROM entries WHERE sequence = 1`,
		"a reference":                        `INSERT INTO transaction_references SELECT book_id, count, 9, reference, content_hash FROM transaction_references WHERE reference = 'S-1'`,
		"a reversal":                         `INSERT INTO transaction_links SELECT book_id, kind, target, 9 FROM transaction_links WHERE kind = 'reverses'`,
		"a repost":                           `INSERT INTO transaction_links SELECT book_id, kind, target, 9 FROM transaction_links WHERE kind = 'reposts'`,
		"a reversal of two":                  `INSERT INTO transaction_links SELECT book_id, kind, 2, sequence FROM transaction_links WHERE kind = 'reverses'`,
		"a subject":                          `INSERT INTO subjects SELECT book_id, 1, 9, subject FROM subjects`,
		"a period's turnover of an account":  `INSERT INTO period_totals SELECT book_id, account_id, period, 1, 1 FROM period_totals`,
		"a period's turnover of a chart row": `INSERT INTO chart_totals SELECT book_id, period, chart_code, currency, 1, 1 FROM chart_totals`,
	} {
		if _, err := conn.Exec(t.Context(), sql); postgres.SQLState(err) != "23505" {
			t.Errorf("%s twice: got %v, want a unique violation", name, err)
		}
	}
	if diff := cmp.Diff(before, dump(t, b.db)); diff != "" {
		t.Error(diff)
	}
}
