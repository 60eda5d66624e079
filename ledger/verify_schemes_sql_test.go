package ledger_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
)

// Schemes are tamperings of many rows at once, by someone who knows the schema: whole transactions removed, slipped in or
// moved, and every figure that follows from the entries mended afterwards, so that only the content hashes are left to
// tell.

var schemeRounds = flag.Int("schemes.rounds", 1, "how often each scheme is carried out, each time at another place")

// scheme is one such tampering. $n, $m and $head stand for two transactions, n before m, and the book's head.
type scheme struct {
	what string
	sql  []string
	// first is a query for the transaction that must be named first.
	first string
}

const (
	shiftAside = 400_000 // within the first partition
	atN        = `SELECT $n::bigint`
)

// shifted moves every row of the transactions beyond n by a distance, aside first because keys are checked row by row.
func shifted(by int) (sql []string) {
	for _, step := range []int{shiftAside, by - shiftAside} {
		low := 0
		if step < 0 {
			low = shiftAside
		}
		for _, table := range []string{"transactions", "entries", "transaction_links"} {
			sql = append(sql, fmt.Sprintf(`UPDATE %s SET sequence = sequence + %d WHERE sequence > $n + %d`, table, step, low))
		}
		sql = append(sql, fmt.Sprintf(`UPDATE transaction_references SET first_sequence = first_sequence + %d WHERE first_sequence > $n + %d`, step, low))
	}
	return sql
}

// removed takes a transaction out with everything that names it.
var removed = []string{
	`DELETE FROM entries WHERE sequence = $n`, `DELETE FROM transaction_links WHERE sequence = $n`,
	`DELETE FROM transaction_references WHERE first_sequence = $n AND count = 1`, `DELETE FROM transactions WHERE sequence = $n`,
}

var schemes = []scheme{
	{"remove a transaction", removed, atN},
	{"remove a transaction and close the gap", append(slices.Clone(removed), shifted(-1)...), atN},
	{"shift all that follows by one", shifted(1), `SELECT $n::bigint + 1`},
	{"make room in the past and slip a transaction in", append(shifted(1),
		`INSERT INTO transactions SELECT (jsonb_populate_record(t, jsonb_build_object('sequence', $n + 1, 'reference', 'slipped', 'content_hash', t.content_hash))).*
		   FROM transactions t WHERE sequence = $n`,
		`INSERT INTO entries SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', $n + 1))).* FROM entries e WHERE sequence = $n`,
		`INSERT INTO transaction_references SELECT book_id, 1, $n + 1, 'slipped', content_hash FROM transaction_references LIMIT 1`), `SELECT $n::bigint + 1`},
	{"a second balanced set that its header counts", []string{
		`INSERT INTO entries SELECT book_id, account_id, sequence, amount, account_version, balance_after, debits_after,
		        line + (SELECT line_count FROM transactions WHERE sequence = $n), external_ref FROM entries WHERE sequence = $n`,
		`UPDATE transactions SET line_count = 2 * line_count WHERE sequence = $n`}, atN},
	{"remove all lines and make it a fact", []string{`DELETE FROM entries WHERE sequence = $n`,
		`UPDATE transactions SET line_count = 0, account_ids = '{}', event = 'order.delivered' WHERE sequence = $n`}, atN},
	{"turn the money around", []string{`UPDATE entries SET amount = -amount WHERE sequence = $n`}, atN},
	{"double one transaction", []string{`UPDATE entries SET amount = 2 * amount WHERE sequence = $n`}, atN},
	{"double every amount", []string{`UPDATE entries SET amount = 2 * amount`}, `SELECT min(sequence) FROM entries`},
	{"move a line to another account", []string{
		`UPDATE entries SET account_id = (SELECT a.id FROM accounts a JOIN accounts o ON o.currency = a.currency AND o.id <> a.id
		    WHERE o.id = entries.account_id ORDER BY a.id DESC LIMIT 1) WHERE sequence = $n AND line = 1`,
		`UPDATE transactions SET account_ids = (SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM entries WHERE sequence = $n) WHERE sequence = $n`}, atN},
	{"swap two transactions", []string{
		`UPDATE transactions SET sequence = $n + $m - sequence + 400000 WHERE sequence IN ($n, $m)`,
		`UPDATE entries SET sequence = $n + $m - sequence + 400000 WHERE sequence IN ($n, $m)`,
		`UPDATE transactions SET sequence = sequence - 400000, recorded_at = (SELECT s.recorded_at FROM saved.transactions s WHERE s.sequence = transactions.sequence - 400000)
		  WHERE sequence > 400000`,
		`UPDATE entries SET sequence = sequence - 400000 WHERE sequence > 400000`,
		`UPDATE transaction_references r SET first_sequence = t.sequence FROM transactions t WHERE t.reference = r.reference AND r.count = 1`}, atN},
	{"swap the addresses of two sellers", []string{
		`UPDATE accounts SET address = address || '_' WHERE id IN ` + twoSellers,
		`UPDATE accounts SET address = (SELECT s.address FROM saved.accounts s WHERE s.id <> accounts.id AND s.id IN ` + twoSellers + `) WHERE id IN ` + twoSellers},
		`SELECT min(sequence) FROM saved.entries WHERE account_id IN ` + twoSellers},
	{"put off what was earned", []string{
		`UPDATE transactions SET period = CASE WHEN period % 100 = 12 THEN period + 89 ELSE period + 1 END WHERE sequence BETWEEN $n AND $m`}, atN},
	{"say another day", []string{`UPDATE transactions SET occurred_at = occurred_at + interval '1 microsecond' WHERE sequence BETWEEN $n AND $m`}, atN},
	{"call a seller's orders another's", []string{`UPDATE transactions SET subject = 'order:other' WHERE sequence IN ($n, $m)`}, atN},
	{"delete lines here and there", []string{`DELETE FROM entries WHERE sequence IN ($n, $m) AND line = 1`}, atN},
	{"rename a reference on both sides", []string{
		`UPDATE transaction_references r SET reference = 'renamed' FROM transactions t WHERE t.sequence = $n AND r.reference = t.reference`,
		`UPDATE transactions SET reference = 'renamed' WHERE reference = (SELECT reference FROM saved.transactions WHERE sequence = $n)`},
		`SELECT min(sequence) FROM saved.transactions WHERE reference = (SELECT reference FROM saved.transactions WHERE sequence = $n)`},
}

// twoSellers are the same two accounts throughout a scheme.
const twoSellers = `(SELECT id FROM saved.accounts WHERE address ~ '^liabilities:seller:pending:s[0-9]$' AND currency = 'GBP' ORDER BY md5($n::text || id) LIMIT 2)`

// mending recomputes whatever follows from headers, amounts and accounts.
var mending = []string{
	`UPDATE entries e SET account_version = r.version, balance_after = r.balance, debits_after = r.debits
	   FROM (SELECT account_id, sequence, line, row_number() OVER w AS version, sum(amount) OVER w AS balance, sum(greatest(amount, 0)) OVER w AS debits
	           FROM entries WINDOW w AS (PARTITION BY account_id ORDER BY sequence, line)) r
	  WHERE r.account_id = e.account_id AND r.sequence = e.sequence AND r.line = e.line`,
	`DELETE FROM balances`,
	`INSERT INTO balances SELECT book_id, account_id, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), count(*), max(sequence) FROM entries GROUP BY 1, 2`,
	`DELETE FROM period_totals`,
	`INSERT INTO period_totals SELECT e.book_id, e.account_id, t.period, sum(greatest(e.amount, 0)), sum(greatest(-e.amount, 0))
	   FROM entries e JOIN transactions t USING (book_id, sequence) GROUP BY 1, 2, 3`,
	`DELETE FROM chart_totals`,
	`INSERT INTO chart_totals SELECT p.book_id, p.period, a.chart_code, a.currency, sum(p.debits), sum(p.credits)
	   FROM period_totals p JOIN accounts a ON a.id = p.account_id GROUP BY 1, 2, 3, 4`,
	`DELETE FROM subjects`,
	`INSERT INTO subjects SELECT book_id, min(sequence), max(sequence), subject FROM transactions WHERE subject IS NOT NULL GROUP BY book_id, subject`,
	`UPDATE accounts a SET opened_at = (SELECT t.recorded_at FROM transactions t JOIN entries e USING (sequence) WHERE e.account_id = a.id ORDER BY t.sequence LIMIT 1)
	  WHERE EXISTS (SELECT FROM entries e JOIN transactions t USING (sequence) WHERE e.account_id = a.id)`,
	`UPDATE books SET last_sequence = t.head, subjects_through = t.head, last_recorded_at = t.at FROM (SELECT max(sequence) AS head, max(recorded_at) AS at FROM transactions) t`,
}

func tamperedTables() (names []string) {
	for _, table := range tamperTables {
		names = append(names, table.name)
	}
	return names
}

// place draws two transactions with lines and a reference of their own, and writes them into the scheme.
func (s scheme) place(m *tamperer) (*strings.Replacer, string) {
	m.t.Helper()
	var at [2]int64
	for i := range at {
		err := m.conn.QueryRow(m.t.Context(), `SELECT t.sequence FROM saved.transactions t JOIN saved.transaction_references r USING (reference)
			WHERE t.line_count > 0 AND t.reverses IS NULL AND r.count = 1 AND t.sequence < $2 AND t.sequence <> $3
			ORDER BY md5($1 || t.sequence) LIMIT 1`, fmt.Sprint(m.rng.Uint64()), m.head, at[0]).Scan(&at[i])
		if err != nil {
			m.t.Fatal(err)
		}
	}
	n, o := min(at[0], at[1]), max(at[0], at[1])
	return strings.NewReplacer("$head", fmt.Sprint(m.head), "$n", fmt.Sprint(n), "$m", fmt.Sprint(o)), fmt.Sprintf("%s (%d, %d)", s.what, n, o)
}

// TestVerifyFindsSchemes carries out each scheme twice, leaving the figures as they come and mending them all, and demands
// that the transaction it begins with is named.
func TestVerifyFindsSchemes(t *testing.T) {
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
	for _, sql := range mending { // mending a sound book changes nothing that matters
		m.must(sql)
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
	m.restore(tamperedTables()...)
	tried, found := 0, 0
	for range *schemeRounds {
		for _, s := range schemes {
			fill, what := s.place(m)
			for _, mended := range []bool{false, true} {
				for _, sql := range s.sql {
					m.must(fill.Replace(sql))
				}
				if mended {
					what += ", mended"
					for _, sql := range mending {
						m.must(sql)
					}
				}
				tried++
				if m.expect(b, seed, what, fill.Replace(s.first)) {
					found++
				}
				m.restore(tamperedTables()...)
			}
		}
	}
	if after := verify(t, b, ledger.VerifyOptions{}); !after.Sound() || after.Checkpoint != before.Checkpoint {
		t.Errorf("the book was not restored: %+v", after)
	}
	t.Logf("seed %d: %d of %d schemes found", seed, found, tried)
}

// expect verifies and compares the first bad transaction with the query's answer.
func (m *tamperer) expect(b *bundle, seed uint64, what, first string) bool {
	m.t.Helper()
	var want int64
	if err := m.conn.QueryRow(m.t.Context(), first).Scan(&want); err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
	report := verify(m.t, b, ledger.VerifyOptions{})
	switch {
	case report.Sound():
		m.t.Errorf("seed %d: not found: %s", seed, what)
	case report.FirstBad() != want:
		m.t.Errorf("seed %d: %s: the first bad transaction is %d and said to be %d\n%+v", seed, what, want, report.FirstBad(), report.Findings[0])
	default:
		return true
	}
	return false
}
