package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/audit"
	"mizan/ledger/postgres"
)

// Forgeries by others than a careless superuser: a lost partition, what the application's own role may write with every
// guard in place, and history rewritten down to its hashes, which only a checkpoint kept elsewhere can show.

// TestVerifyFindsLostPartitions empties one partition of several after another and demands the first transaction in it.
func TestVerifyFindsLostPartitions(t *testing.T) {
	t.Parallel()
	seed := *tamperSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	b := setup(t)
	variedBook(t, b, rand.New(rand.NewPCG(seed, 1)), 8)
	m := newTamperer(t, b, seed)
	bounds := []int64{1, 30, 31, 75, 500_001}
	for _, table := range []string{"transactions", "entries"} {
		m.must(fmt.Sprintf(`ALTER TABLE %[1]s DETACH PARTITION %[1]s_p000001`, table))
		for i, low := range bounds[:len(bounds)-1] {
			m.must(fmt.Sprintf(`CREATE TABLE %[1]s_part%[2]d PARTITION OF %[1]s FOR VALUES FROM (%[3]d) TO (%[4]d)`, table, i, low, bounds[i+1]))
		}
		m.must(fmt.Sprintf(`INSERT INTO %[1]s SELECT * FROM %[1]s_p000001`, table))
	}
	m.must(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO mizan_app`)
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
	for i := range bounds[:len(bounds)-1] {
		for _, table := range []string{"transactions", "entries"} {
			first := fmt.Sprintf(`SELECT min(sequence) FROM saved.%s WHERE sequence >= %d AND sequence < %d`, table, bounds[i], bounds[i+1])
			var lost *int64
			if err := m.conn.QueryRow(t.Context(), first).Scan(&lost); err != nil {
				t.Fatal(err)
			}
			if lost == nil {
				continue // one fact alone has no entries to lose
			}
			m.must(fmt.Sprintf(`TRUNCATE %s_part%d`, table, i))
			m.expect(b, seed, fmt.Sprintf("truncate %s from %d on", table, bounds[i]), first)
			m.restore(table)
		}
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
}

// writableByService are changes that the application's role has the rights for. $next is the sequence after the head.
var writableByService = map[string]struct {
	sql   []string
	first int64 // of a book with three transactions
}{
	"a header whose entries never come": {[]string{header, head}, 4},
	"a header beyond the head":          {[]string{header}, 4},
	"a header with its reference": {[]string{header, head,
		`INSERT INTO transaction_references SELECT id, 1, 4, 'never', sha256('x') FROM books`}, 4},
	"a whole posting with another hash": {[]string{header, `INSERT INTO entries (book_id, account_id, sequence, amount, account_version, balance_after, debits_after, line)
		SELECT e.book_id, e.account_id, 4, x.amount, e.account_version + 1, e.balance_after + x.amount, e.debits_after + greatest(x.amount, 0), x.line
		  FROM (VALUES (1, 5, 1), (2, -5, 2)) x (account, amount, line)
		  JOIN LATERAL (SELECT * FROM entries WHERE account_id = x.account ORDER BY sequence DESC, line DESC LIMIT 1) e ON true`,
		`INSERT INTO transaction_references SELECT id, 1, 4, 'never', sha256('x') FROM books`,
		`UPDATE balances SET debits = debits + 5, version = version + 1, last_sequence = 4 WHERE account_id = 1`,
		`UPDATE balances SET credits = credits + 5, version = version + 1, last_sequence = 4 WHERE account_id = 2`,
		`UPDATE period_totals SET debits = debits + 5 WHERE account_id = 1`, `UPDATE period_totals SET credits = credits + 5 WHERE account_id = 2`,
		`UPDATE chart_totals SET debits = debits + 5 WHERE chart_code = (SELECT chart_code FROM accounts WHERE id = 1)`,
		`UPDATE chart_totals SET credits = credits + 5 WHERE chart_code = (SELECT chart_code FROM accounts WHERE id = 2)`, head}, 4},
	"a sequence left out":         {[]string{`UPDATE books SET last_sequence = 4, subjects_through = 4`}, 4},
	"a fact beyond a gap":         {[]string{fact, `UPDATE books SET last_sequence = 6, subjects_through = 6`}, 4},
	"a balance on both sides":     {[]string{`UPDATE balances SET debits = debits + 1, credits = credits + 1 WHERE account_id = 1`}, 0},
	"money between two accounts":  {[]string{`UPDATE balances SET credits = credits + CASE account_id WHEN 2 THEN 7 ELSE -7 END WHERE account_id IN (2, 3)`}, 0},
	"turnover of another period":  {[]string{`INSERT INTO period_totals SELECT book_id, account_id, 209901, 0, 0 FROM period_totals LIMIT 1`}, 0},
	"turnover moved to a period":  {[]string{`UPDATE period_totals SET debits = debits - 5 WHERE account_id = 1`, `INSERT INTO period_totals SELECT id, 1, 209901, 5, 0 FROM books`}, 0},
	"turnover of a chart row":     {[]string{`UPDATE chart_totals SET debits = debits + 1, credits = credits + 1`}, 0},
	"an account nobody posted to": {[]string{`INSERT INTO accounts SELECT book_id, id + 1, chart_code, address || '_x', currency, 'open', opened_at FROM accounts ORDER BY id DESC LIMIT 1`, `UPDATE books SET last_account_id = last_account_id + 1`}, 0},
	"a reference of nothing":      {[]string{`INSERT INTO transaction_references SELECT id, 1, 2, 'mine', sha256('x') FROM books`}, 2},
	"a link of nothing":           {[]string{`INSERT INTO transaction_links SELECT id, 'reverses', 1, 3 FROM books`}, 3},
	"a subject that ends early":   {[]string{`UPDATE subjects SET last_sequence = first_sequence`}, 2},
	"a later time":                {[]string{`UPDATE books SET last_recorded_at = last_recorded_at + interval '1 second'`}, 0},
}

const (
	header = `INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event, account_ids, content_hash)
		SELECT book_id, 4, 2, period, effective_period, occurred_at, recorded_at, 'never', event, '{1,2}', sha256('x') FROM transactions WHERE sequence = 3`
	fact = `INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, occurred_at, recorded_at, reference, event, account_ids, content_hash)
		SELECT book_id, 6, 0, period, effective_period, occurred_at, recorded_at, 'never', 'order.delivered', '{}', sha256('x') FROM transactions WHERE sequence = 3`
	head = `UPDATE books SET last_sequence = 4, subjects_through = 4`
)

// TestVerifyFindsWhatTheServiceCouldWrite changes books as the application's role, which no guard refuses, and demands
// that each change is found.
func TestVerifyFindsWhatTheServiceCouldWrite(t *testing.T) {
	t.Parallel()
	for what, c := range writableByService {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for i := range 3 {
				b.mustPost(t, sale(fmt.Sprintf("W-%d", i), "sel_a", 1000))
			}
			wantSound(t, verify(t, b, ledger.VerifyOptions{}))
			tx, err := connect(t, b.db.AppURL).Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range c.sql {
				if tag, err := tx.Exec(t.Context(), sql); err != nil || tag.RowsAffected() == 0 {
					t.Fatalf("%s: %v, %v", sql, tag, err)
				}
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if report := verify(t, b, ledger.VerifyOptions{}); report.Sound() || report.FirstBad() != c.first {
				t.Errorf("the first bad transaction is %d and said to be %d: %+v", c.first, report.FirstBad(), report.Findings)
			}
		})
	}
}

// TestServiceCannotJoinThePast proves that the application's role can neither lower the head to slip entries below it nor
// add a second balanced set, so that verification need not be the first to notice.
func TestServiceCannotJoinThePast(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("W-1", "sel_a", 1000))
	conn := connect(t, b.db.AppURL)
	for sql, want := range map[string]string{
		`UPDATE books SET last_sequence = 0`: "books_keep_order",
		`INSERT INTO entries SELECT book_id, account_id, sequence, amount, account_version + 1, balance_after, debits_after, line + 3, NULL FROM entries`: "seal_entries",
	} {
		if _, err := conn.Exec(t.Context(), sql); postgres.Constraint(err) != want {
			t.Errorf("%s: got %v, want constraint %q", sql, err, want)
		}
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{}))
}

// TestVerifyAgainstCheckpoint rewrites history consistently. Nothing in the database contradicts it any more; a checkpoint
// taken before does.
func TestVerifyAgainstCheckpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 9 {
		b.mustPost(t, sale(fmt.Sprintf("K-%d", i), "sel_a", 1000))
	}
	b.mustPost(t, ledger.Submission{Reference: "K-memo", Drafts: []ledger.Draft{{Event: "order.delivered", Memo: "as it was"}}})
	known := verify(t, b, ledger.VerifyOptions{}).Checkpoint
	if known.Sequence != 10 {
		t.Fatalf("%+v", known)
	}
	m := newTamperer(t, b, 1)
	judge := func(what string, soundAlone bool) {
		t.Helper()
		fresh := *b
		fresh.Ledger = open(t, b.db, ledger.Options{}) // a book's description is remembered
		book, err := fresh.Book(t.Context(), "uk")
		if err != nil {
			t.Fatal(err)
		}
		fresh.book = book
		if alone := verify(t, &fresh, ledger.VerifyOptions{}); alone.Sound() != soundAlone {
			t.Errorf("%s: without the checkpoint: %+v", what, alone)
		}
		report := verify(t, &fresh, ledger.VerifyOptions{Known: []ledger.VerifyCheckpoint{known}})
		named := false
		for _, f := range report.Findings {
			named = named || f.Invariant == ledger.InvariantCheckpoint
		}
		if !named {
			t.Errorf("%s: the checkpoint does not show it: %+v", what, report)
		}
		m.restore(tamperedTables()...)
	}
	rewriteMemo(t, m, b.book, "as it never was")
	judge("a memo rewritten with its hashes", true)
	for _, sql := range append([]string{`DELETE FROM transactions WHERE sequence > 8`, `DELETE FROM entries WHERE sequence > 8`,
		`DELETE FROM transaction_references WHERE first_sequence > 8`}, mending...) {
		m.must(sql)
	}
	judge("the last two transactions taken back", true)
	for _, sql := range []string{`UPDATE books SET name = 'Another'`, `UPDATE books SET region = 'eu'`, `UPDATE books SET market = 'DE'`,
		`UPDATE books SET currencies = array_append(currencies, 'EUR')`, `UPDATE books SET functional_currency = 'USD'`, `UPDATE books SET time_zone = 'Europe/Dublin'`} {
		m.must(sql)
		judge(sql, true)
	}
	// A checkpoint that the book has not come to cannot be begun after either.
	ahead := known
	ahead.Sequence++
	if _, err := b.Verify(t.Context(), b.book, ledger.VerifyOptions{After: ahead}); !errors.Is(err, ledger.ErrSequenceAhead) {
		t.Errorf("after a checkpoint ahead: %v", err)
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{Known: []ledger.VerifyCheckpoint{known}}))
}

// rewriteMemo changes the memo of the fact K-memo, its content hash and the hash of what was asked for.
func rewriteMemo(t *testing.T, m *tamperer, book ledger.Book, memo string) {
	t.Helper()
	r := audit.Transaction{Book: book.Code, Reference: "K-memo", Event: "order.delivered", Memo: memo}
	var occurred, recorded time.Time
	if err := m.conn.QueryRow(t.Context(), `SELECT sequence, occurred_at, recorded_at, period, effective_period FROM transactions WHERE reference = 'K-memo'`).
		Scan(&r.Sequence, &occurred, &recorded, &r.Period, &r.EffectivePeriod); err != nil {
		t.Fatal(err)
	}
	r.OccurredAt, r.RecordedAt = occurred.UTC(), recorded.UTC()
	content, _ := r.Hash(nil)
	asked, _ := audit.SubmissionHash([]audit.Draft{{Event: r.Event, Memo: memo}}, nil)
	m.must(`UPDATE transactions SET memo = $1, content_hash = $2 WHERE reference = 'K-memo'`, memo, content[:])
	m.must(`UPDATE transaction_references SET content_hash = $1 WHERE reference = 'K-memo'`, asked[:])
}
