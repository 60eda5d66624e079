package ledger_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"mizan/ledger"
)

var (
	tamperSeed  = flag.Uint64("tamper.seed", 0, "seed of the tampering test; 0 draws one")
	tamperCount = flag.Int("tamper.count", 70, "changes that the tampering test makes")
)

// tamperTables are the tables a verification covers, with the columns that say something the rest of the book can
// contradict. What only describes (a book's name, an account's state, the oldest open period) is not among them.
var tamperTables = []struct {
	name    string
	columns []string
	keyed   bool // its rows belong to one sequence, which the first finding must name
}{
	{"transactions", []string{"book_id", "sequence", "line_count", "period", "effective_period", "original_period", "occurred_at", "recorded_at", "reverses",
		"reposts", "reference", "event", "subject", "live_session", "channel", "campaign", "memo", "account_ids", "content_hash", "metadata", "explanation"}, true},
	{"entries", []string{"book_id", "account_id", "sequence", "line", "amount", "account_version", "balance_after", "debits_after", "external_ref"}, true},
	{"transaction_references", []string{"book_id", "reference", "first_sequence", "count", "content_hash"}, false},
	{"transaction_links", []string{"book_id", "kind", "target", "sequence"}, false},
	{"accounts", []string{"book_id", "id", "chart_code", "address", "currency", "opened_at"}, false},
	{"balances", []string{"book_id", "account_id", "debits", "credits", "version", "last_sequence"}, false},
	{"period_totals", []string{"book_id", "account_id", "period", "debits", "credits"}, false},
	{"chart_totals", []string{"book_id", "period", "chart_code", "currency", "debits", "credits"}, false},
	{"subjects", []string{"book_id", "subject", "first_sequence", "last_sequence"}, false},
	{"books", []string{"last_sequence", "last_account_id", "last_recorded_at"}, false},
}

// tamperer is a superuser who has switched the guards off.
type tamperer struct {
	t    *testing.T
	conn *pgx.Conn
	rng  *rand.Rand
	head int64
}

func newTamperer(t *testing.T, b *bundle, seed uint64) *tamperer {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	m := &tamperer{t: t, conn: conn, rng: rand.New(rand.NewPCG(seed, 2))}
	m.must(`CREATE SCHEMA saved`)
	for _, table := range m.tables() {
		m.must(`ALTER TABLE ` + table + ` DISABLE TRIGGER ALL`)
	}
	for _, table := range tamperTables {
		m.must(`CREATE TABLE saved.` + table.name + ` AS TABLE ` + table.name)
	}
	if err := conn.QueryRow(t.Context(), `SELECT last_sequence FROM books`).Scan(&m.head); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *tamperer) must(sql string, args ...any) {
	m.t.Helper()
	if _, err := m.conn.Exec(m.t.Context(), sql, args...); err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
}

// tables are all tables and partitions whose guards must go.
func (m *tamperer) tables() []string {
	rows, err := m.conn.Query(m.t.Context(), `SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
		AND relname ~ '^(books|accounts|balances|transactions|entries|transaction_|period_totals|chart_totals|subjects)'`)
	if err != nil {
		m.t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		m.t.Fatal(err)
	}
	return names
}

// restore brings the changed table back.
func (m *tamperer) restore(tables ...string) {
	m.t.Helper()
	for _, table := range tables {
		m.must(`DELETE FROM ` + table)
		m.must(`INSERT INTO ` + table + ` SELECT * FROM saved.` + table)
	}
}

// attempt runs a change; false says that the database itself would not have it or that it changed nothing.
func (m *tamperer) attempt(sql string, args ...any) bool {
	m.t.Helper()
	tag, err := m.conn.Exec(m.t.Context(), sql, args...)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code[:2] {
		case "22", "23": // a value or a constraint says no
			return false
		}
	}
	if err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected() > 0
}

// change is one tampering: what was done, to which tables, and where the first finding must be (nil if anywhere).
type change struct {
	what   string
	tables []string
	first  []int64
}

// tamper makes one change that the database allows.
func (m *tamperer) tamper() change {
	for {
		kinds := []func() (change, bool){m.update, m.update, m.update, m.delete, m.insert, m.reorder, m.truncate}
		if c, ok := kinds[m.rng.IntN(len(kinds))](); ok {
			return c
		}
	}
}

func (m *tamperer) sequence() int64 { return 1 + m.rng.Int64N(m.head) }

// place returns a row of a table and the sequence it belongs to, if any.
func (m *tamperer) place(table string, keyed bool) (ctid string, sequence []int64) {
	m.t.Helper()
	column := "0::bigint"
	if keyed {
		column = "sequence"
	}
	var n int64
	// Physical places change with every restoration, so the row is chosen by what it holds.
	err := m.conn.QueryRow(m.t.Context(), `SELECT ctid::text, `+column+` FROM `+table+` x ORDER BY md5($1 || x::text) LIMIT 1`, fmt.Sprint(m.rng.Uint64())).Scan(&ctid, &n)
	if err != nil {
		m.t.Fatal(err)
	}
	if keyed {
		sequence = []int64{n}
	}
	return ctid, sequence
}

// update changes one column of one row by a little or by much.
func (m *tamperer) update() (change, bool) {
	table := tamperTables[m.rng.IntN(len(tamperTables))]
	column := table.columns[m.rng.IntN(len(table.columns))]
	ctid, first := m.place(table.name, table.keyed)
	var kind string
	if err := m.conn.QueryRow(m.t.Context(), `SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2`,
		table.name, column).Scan(&kind); err != nil {
		m.t.Fatal(err)
	}
	values := map[string][]string{
		"integer":                  {"%s + 1", "%s - 1", "coalesce(%s, 202601) + 1", "NULL"},
		"smallint":                 {"%s + 1", "%s - 1", "0", "%s + 2"},
		"bigint":                   {"%s + 1", "%s - 1", "-%s", "coalesce(%s, 0) + 1", "%s * 2", "NULL"},
		"numeric":                  {"%s + 1", "%s - 1", "%s * 10"},
		"text":                     {"%s || 'x'", "'x'", "overlay(%s placing 'q' from 1)", "NULL", "''", "coalesce(%s, 'z:z')"},
		"timestamp with time zone": {"%s + interval '1 microsecond'", "%s - interval '1 microsecond'", "%s + interval '40 days'", "%s - interval '40 days'"},
		"integer[]":                {"%s || 1", "array_replace(%[1]s, %[1]s[1], %[1]s[1] + 1)", "(SELECT array_agg(i ORDER BY i DESC) FROM unnest(%s) i)", "'{}'", "%[1]s || %[1]s[1]"},
		"bytea":                    {"set_byte(%[1]s, 3, 255 - get_byte(%[1]s, 3))"},
		"jsonb":                    {`coalesce(%s, '{}') || '{"k": "v"}'`, "NULL", "'{}'"},
	}[kind]
	if values == nil {
		m.t.Fatalf("no way to change a %s", kind)
	}
	expression := strings.ReplaceAll(strings.ReplaceAll(values[m.rng.IntN(len(values))], "%[1]s", column), "%s", column)
	var moved *int64
	if table.keyed && column == "sequence" {
		if err := m.conn.QueryRow(m.t.Context(), `SELECT `+expression+` FROM `+table.name+` WHERE ctid = $1::text::tid`, ctid).Scan(&moved); err != nil {
			return change{}, false
		}
		if moved != nil {
			first = append(first, *moved)
		}
	}
	c := change{fmt.Sprintf("%s.%s = %s at %v", table.name, column, expression, first), []string{table.name}, first}
	return c, m.attempt(fmt.Sprintf(`UPDATE %[1]s SET %[2]s = %[3]s WHERE ctid = $1::text::tid AND %[2]s IS DISTINCT FROM %[3]s`, table.name, column, expression), ctid)
}

func (m *tamperer) delete() (change, bool) {
	table := tamperTables[m.rng.IntN(len(tamperTables)-1)] // a book without a row is no book
	ctid, first := m.place(table.name, table.keyed)
	return change{fmt.Sprintf("delete from %s at %v", table.name, first), []string{table.name}, first},
		m.attempt(`DELETE FROM `+table.name+` WHERE ctid = $1::text::tid`, ctid)
}

// insert slips rows in: among others what the application's own role could write.
func (m *tamperer) insert() (change, bool) {
	n := m.sequence()
	const entry = `INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line, external_ref) `
	const header = `INSERT INTO transactions SELECT (x).* FROM (SELECT jsonb_populate_record(t, $2::jsonb || jsonb_build_object('content_hash', t.content_hash)) AS x FROM transactions t WHERE sequence = $1) y`
	type insertion struct {
		what, sql string
		args      []any
		tables    []string
		first     []int64
	}
	all := []insertion{
		{"an entry in the past", entry + `SELECT book_id, account_id, sequence, 1, account_version, balance_after, debits_after, 400, NULL FROM entries WHERE sequence = $1 ORDER BY line LIMIT 1`, []any{n}, []string{"entries"}, []int64{n}},
		{"an entry on another account", entry + `SELECT book_id, (SELECT max(id) FROM accounts WHERE id <> account_id), sequence, 1, 1, 1, 1, 400, NULL FROM entries WHERE sequence = $1 ORDER BY line LIMIT 1`, []any{n}, []string{"entries"}, []int64{n}},
		{"a second balanced set", entry + `SELECT book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line + 100, external_ref FROM entries WHERE sequence = $1`, []any{n}, []string{"entries"}, []int64{n}},
		{"entries beyond the head", entry + `SELECT book_id, account_id, $2::bigint, amount, account_version + 1000, balance_after, debits_after, line, external_ref FROM entries WHERE sequence = $1`, []any{n, m.head + 1}, []string{"entries"}, nil},
		{"entries of no account", entry + `SELECT book_id, 30000, sequence, amount, line, 1, 1, line + 50, NULL FROM entries WHERE sequence = $1`, []any{n}, []string{"entries"}, []int64{n}},
		{"a header without entries", header, []any{n, fmt.Sprintf(`{"sequence": %d, "reference": "slipped"}`, m.head+1)}, []string{"transactions"}, nil},
		{"a fact beyond the head", header, []any{n, fmt.Sprintf(`{"sequence": %d, "line_count": 0, "event": "order.delivered", "account_ids": []}`, m.head+2)}, []string{"transactions"}, nil},
		{"a reference", `INSERT INTO transaction_references SELECT book_id, 1, $1, 'slipped', content_hash FROM transaction_references LIMIT 1`, []any{n}, []string{"transaction_references"}, nil},
		{"a link", `INSERT INTO transaction_links SELECT id, 'reverses', 1, $1 FROM books`, []any{max(n, 2)}, []string{"transaction_links"}, nil},
		{"an account", `INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at) SELECT book_id, id + 1, chart_code, address || '_x', currency, opened_at FROM accounts ORDER BY id DESC LIMIT 1`, nil, []string{"accounts"}, nil},
		{"an entry of a negative account", entry + `SELECT book_id, -account_id, sequence, 1, 1, 1, 1, 1, NULL FROM entries WHERE sequence = $1 ORDER BY line LIMIT 1`, []any{n}, []string{"entries"}, []int64{n}},
		{"a balance of a negative account", `INSERT INTO balances SELECT book_id, -account_id, debits, credits, version, last_sequence FROM balances LIMIT 1`, nil, []string{"balances"}, nil},
		{"turnover of a negative account", `INSERT INTO period_totals SELECT book_id, -account_id, period, debits, credits FROM period_totals LIMIT 1`, nil, []string{"period_totals"}, nil},
		{"a balance", `INSERT INTO balances SELECT book_id, account_id + 1, 0, 0, 0, 0 FROM balances ORDER BY account_id DESC LIMIT 1`, nil, []string{"balances"}, nil},
		{"a period", `INSERT INTO period_totals SELECT book_id, account_id, 209901, 0, 0 FROM period_totals LIMIT 1`, nil, []string{"period_totals"}, nil},
		{"a period in two halves", `INSERT INTO period_totals SELECT book_id, account_id, 209901, 1, 0 FROM period_totals LIMIT 1`, nil, []string{"period_totals"}, nil},
		{"a chart row", `INSERT INTO chart_totals SELECT book_id, 209901, chart_code, currency, 0, 0 FROM chart_totals LIMIT 1`, nil, []string{"chart_totals"}, nil},
		{"a subject", `INSERT INTO subjects SELECT book_id, 1, 1, 'order:slipped' FROM subjects LIMIT 1`, nil, []string{"subjects"}, nil},
	}
	i := all[m.rng.IntN(len(all))]
	return change{"insert " + i.what + fmt.Sprintf(" at %d", n), i.tables, i.first}, m.attempt(i.sql, i.args...)
}

// reorder swaps what two rows hold.
func (m *tamperer) reorder() (change, bool) {
	a, b := m.sequence(), m.sequence()
	if a == b {
		return change{}, false
	}
	a, b = min(a, b), max(a, b)
	ways := []struct{ what, table, sql string }{
		{"headers", "transactions", `UPDATE transactions SET sequence = CASE WHEN sequence = $1 THEN $2 ELSE $1 END WHERE sequence IN ($1, $2)`},
		{"entries", "entries", `UPDATE entries SET sequence = CASE WHEN sequence = $1 THEN $2 ELSE $1 END WHERE sequence IN ($1, $2)`},
		{"amounts", "entries", `UPDATE entries e SET amount = o.amount FROM entries o WHERE e.line = 1 AND o.line = 1 AND e.sequence IN ($1, $2) AND o.sequence = $1 + $2 - e.sequence AND e.amount <> o.amount`},
		{"accounts", "entries", `UPDATE entries e SET account_id = o.account_id FROM entries o WHERE e.line = 2 AND o.line = 2 AND e.sequence IN ($1, $2) AND o.sequence = $1 + $2 - e.sequence AND e.account_id <> o.account_id`},
		{"references", "transactions", `UPDATE transactions e SET reference = o.reference FROM transactions o WHERE e.sequence IN ($1, $2) AND o.sequence = $1 + $2 - e.sequence AND e.reference <> o.reference`},
		{"times", "transactions", `UPDATE transactions e SET recorded_at = o.recorded_at FROM transactions o WHERE e.sequence IN ($1, $2) AND o.sequence = $1 + $2 - e.sequence AND e.recorded_at <> o.recorded_at`},
	}
	w := ways[m.rng.IntN(len(ways))]
	return change{fmt.Sprintf("swap %s of %d and %d", w.what, a, b), []string{w.table}, []int64{a, b}}, m.attempt(w.sql, a, b)
}

// truncate empties a table or the partition that holds the book.
func (m *tamperer) truncate() (change, bool) {
	tables := []string{"entries", "transactions", "transaction_references", "balances", "period_totals", "chart_totals", "subjects", "accounts", "transaction_links"}
	table := tables[m.rng.IntN(len(tables))]
	name := table
	if table == "entries" || table == "transactions" {
		name += "_p000001"
	}
	m.must(`TRUNCATE ` + name)
	return change{"truncate " + name, []string{table}, nil}, true
}

// TestVerifyFindsTampering changes one thing after another behind the ledger's back and demands that each is found, at
// the transaction it was done to.
func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	seed := *tamperSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	b := setup(t)
	variedBook(t, b, rand.New(rand.NewPCG(seed, 1)), 8)
	before := verify(t, b, ledger.VerifyOptions{})
	wantSound(t, before)
	m := newTamperer(t, b, seed)
	found, disagreed := 0, 0
	for range *tamperCount {
		c := m.tamper()
		report := verify(t, b, ledger.VerifyOptions{})
		switch {
		case report.Sound():
			t.Errorf("seed %d: not found: %s", seed, c.what)
		case c.first != nil && !slices.Contains(c.first, report.FirstBad()):
			t.Errorf("seed %d: %s: the first bad transaction is said to be %d\n%+v", seed, c.what, report.FirstBad(), report.Findings[0])
		default:
			found++
		}
		for _, f := range report.Findings {
			if f.Invariant == ledger.InvariantAgreement {
				disagreed++
				t.Errorf("seed %d: %s: %+v", seed, c.what, f)
				break
			}
		}
		m.restore(c.tables...)
	}
	if after := verify(t, b, ledger.VerifyOptions{}); !after.Sound() || after.Checkpoint != before.Checkpoint {
		t.Errorf("the book was not restored: %+v", after)
	}
	t.Logf("seed %d: %d of %d changes found, %d with a disagreement", seed, found, *tamperCount, disagreed)
}
