package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// bundle is what most tests of the ledger start from: a ledger over a database of its own and one book.
type bundle struct {
	*ledger.Ledger
	db   *pgtest.DB
	book ledger.Book
	t    testing.TB
}

// context is the test's, for helpers that are not handed the test itself.
func (b *bundle) context() context.Context { return b.t.Context() }

// clock is a time that tests move by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func setup(t testing.TB) *bundle {
	t.Helper()
	return setupWith(t, ledger.Options{Now: time.Now})
}

func setupWith(t testing.TB, opts ledger.Options) *bundle {
	t.Helper()
	db := pgtest.New(t)
	l := open(t, db, opts)
	return &bundle{Ledger: l, db: db, book: makeBook(t, l, "uk"), t: t}
}

// open starts a ledger on the database, as another replica would, and closes it when the test ends.
func open(t testing.TB, db *pgtest.DB, opts ledger.Options) *ledger.Ledger {
	t.Helper()
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(&failOnError{t: t})
	}
	l := ledger.New(db.Pool, opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Errorf("close the ledger: %v", err)
		}
	})
	return l
}

// failOnError fails the test when the ledger logs an error: refusals by the database of what was decided to be right are
// survived by design, and must not hide in a test.
type failOnError struct{ t testing.TB }

func (h *failOnError) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}
func (h *failOnError) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *failOnError) WithGroup(string) slog.Handler      { return h }
func (h *failOnError) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	h.t.Error("the ledger logged: " + text)
	return nil
}

func makeBook(t testing.TB, l *ledger.Ledger, code string) ledger.Book {
	t.Helper()
	book, _, err := l.CreateBook(t.Context(), ledger.NewBook{
		Code: code, Name: "Book " + code, Currencies: []money.Currency{"GBP", "USD", "JPY", "KWD"}, TimeZone: "Europe/London", Market: "UK",
	})
	if err != nil {
		t.Fatalf("create book %s: %v", code, err)
	}
	return book
}

func line(account string, amount int64, currency money.Currency) ledger.Line {
	return ledger.Line{Account: ledger.Address(account), Amount: money.Minor(amount), Currency: currency}
}

// sale is a small balanced posting: the buyer's money to a seller and a fee.
func sale(reference, seller string, amount int64) ledger.Submission {
	fee := amount / 10
	lines := []ledger.Line{
		line("assets:processor:pending:main", amount, "GBP"),
		line("liabilities:seller:pending:"+seller, -(amount - fee), "GBP"),
	}
	if fee > 0 {
		lines = append(lines, line("revenue:referral_fee", -fee, "GBP"))
	}
	return ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "order.captured", Subject: "order:" + seller, Lines: lines}}}
}

func (b *bundle) mustPost(t testing.TB, s ledger.Submission) ledger.Transaction {
	t.Helper()
	out := b.Post(t.Context(), b.book, s)
	if out.Err != nil {
		t.Fatalf("post %s: %v", s.Reference, out.Err)
	}
	return out.Transactions[0]
}

// balance returns an account's balance on its normal side, 0 if it was never posted to.
func (b *bundle) balance(t testing.TB, account string, currency money.Currency) money.Minor {
	t.Helper()
	page, err := b.Balances(t.Context(), b.book, ledger.BalanceQuery{Prefix: account, Currency: currency, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Balances) == 0 || page.Balances[0].Account != ledger.Address(account) {
		return 0
	}
	return page.Balances[0].Net()
}

// checkInvariants proves from the rows alone: I1, I2, I3, I5, I7 for decision accounts, I10, gap-free sequences and
// account versions, running balances, and both kinds of period totals. Each query must find nothing.
func checkInvariants(t testing.TB, db *pgtest.DB) {
	t.Helper()
	for name, sql := range invariantQueries {
		var count int
		var sample *string
		err := db.Pool.QueryRow(context.Background(), `SELECT count(*), min(x::text) FROM (`+sql+`) x`).Scan(&count, &sample)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if count != 0 {
			t.Errorf("%s: %d violations, such as %s", name, count, *sample)
		}
	}
}

var invariantQueries = map[string]string{
	"I1 each transaction sums to zero per currency": `
SELECT e.book_id, e.sequence, a.currency FROM entries e JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
 GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0`,
	"I2 each book sums to zero per currency": `
SELECT b.book_id, a.currency FROM balances b JOIN accounts a ON a.book_id = b.book_id AND a.id = b.account_id
 GROUP BY 1, 2 HAVING sum(b.debits) <> sum(b.credits)`,
	"I3 stored balance is the sum of entries": `
SELECT coalesce(b.account_id, e.account_id) FROM balances b
  FULL JOIN (SELECT book_id, account_id, sum(amount) FILTER (WHERE amount > 0) d, -sum(amount) FILTER (WHERE amount < 0) c,
                    count(*) n, max(sequence) s FROM entries GROUP BY 1, 2) e
    ON e.book_id = b.book_id AND e.account_id = b.account_id
 WHERE b.debits IS DISTINCT FROM coalesce(e.d, 0) OR b.credits IS DISTINCT FROM coalesce(e.c, 0)
    OR b.version IS DISTINCT FROM e.n OR b.last_sequence IS DISTINCT FROM e.s`,
	"I5 references and transactions agree": `
SELECT coalesce(r.reference, t.reference) FROM
       (SELECT book_id, reference, generate_series(first_sequence, first_sequence + count - 1) AS sequence FROM transaction_references) r
  FULL JOIN transactions t ON t.book_id = r.book_id AND t.sequence = r.sequence AND t.reference = r.reference
 WHERE r.reference IS NULL OR t.reference IS NULL`,
	"I7 decision accounts are never below zero": `
SELECT e.account_id FROM entries e JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
 WHERE a.chart_code IN (2130, 2140, 2150, 2160, 2170, 2224, 2226, 2250, 2410, 2510, 2520, 2530, 2610, 2620, 2640)
   AND e.balance_after > 0 AND NOT EXISTS (SELECT 1 FROM entries n WHERE n.book_id = e.book_id AND n.sequence = e.sequence
                                              AND n.account_id = e.account_id AND n.line > e.line)`,
	"I10 line counts, lines and account ids": `
SELECT t.sequence FROM transactions t
  LEFT JOIN LATERAL (SELECT count(*) n, min(e.line) lo, max(e.line) hi, array_agg(DISTINCT e.account_id ORDER BY e.account_id) ids
                       FROM entries e WHERE e.book_id = t.book_id AND e.sequence = t.sequence) e ON true
 WHERE e.n <> t.line_count OR (t.line_count > 0 AND (e.lo <> 1 OR e.hi <> t.line_count OR e.ids <> t.account_ids))`,
	"entries without a header": `
SELECT e.sequence FROM entries e LEFT JOIN transactions t ON t.book_id = e.book_id AND t.sequence = e.sequence WHERE t.sequence IS NULL`,
	"sequences without gaps up to the head": `
SELECT b.id FROM books b LEFT JOIN (SELECT book_id, count(*) n, max(sequence) s FROM transactions GROUP BY 1) t ON t.book_id = b.id
 WHERE b.last_sequence <> coalesce(t.n, 0) OR b.last_sequence <> coalesce(t.s, 0)`,
	"subjects begin and end where their transactions do": `
SELECT coalesce(s.subject, t.subject) FROM subjects s
  FULL JOIN (SELECT book_id, subject, min(sequence) lo, max(sequence) hi FROM transactions WHERE subject IS NOT NULL GROUP BY 1, 2) t
    ON t.book_id = s.book_id AND t.subject = s.subject
  LEFT JOIN books b ON b.id = coalesce(s.book_id, t.book_id)
 WHERE b.subjects_through >= b.last_sequence AND (s.first_sequence IS DISTINCT FROM t.lo OR s.last_sequence IS DISTINCT FROM t.hi)
    OR s.last_sequence > t.hi OR s.first_sequence < t.lo OR b.subjects_through > b.last_sequence`,
	"recorded_at never runs backwards": `
SELECT s.sequence FROM (SELECT sequence, recorded_at < lag(recorded_at) OVER (PARTITION BY book_id ORDER BY sequence) back FROM transactions) s WHERE s.back`,
	"account versions and running sums": `
SELECT s.account_id, s.sequence FROM (SELECT e.*, row_number() OVER w v, sum(amount) OVER w b, sum(greatest(amount, 0)) OVER w d FROM entries e
        WINDOW w AS (PARTITION BY book_id, account_id ORDER BY sequence, line)) s
 WHERE s.v <> s.account_version OR s.b <> s.balance_after OR s.d <> s.debits_after`,
	"period totals": `
SELECT coalesce(p.account_id, e.account_id) FROM period_totals p
  FULL JOIN (SELECT e.book_id, e.account_id, t.period, sum(greatest(e.amount, 0)) d, sum(greatest(-e.amount, 0)) c
               FROM entries e JOIN transactions t ON t.book_id = e.book_id AND t.sequence = e.sequence GROUP BY 1, 2, 3) e
    ON e.book_id = p.book_id AND e.account_id = p.account_id AND e.period = p.period
 WHERE p.debits IS DISTINCT FROM e.d OR p.credits IS DISTINCT FROM e.c`,
	"chart totals": `
SELECT coalesce(c.chart_code, p.chart_code) FROM chart_totals c
  FULL JOIN (SELECT p.book_id, p.period, a.chart_code, a.currency, sum(p.debits) d, sum(p.credits) c
               FROM period_totals p JOIN accounts a ON a.book_id = p.book_id AND a.id = p.account_id GROUP BY 1, 2, 3, 4) p
    ON p.book_id = c.book_id AND p.period = c.period AND p.chart_code = c.chart_code AND p.currency = c.currency
 WHERE c.debits IS DISTINCT FROM p.d OR c.credits IS DISTINCT FROM p.c`,
	"links are recorded in the transaction and the table": `
SELECT coalesce(l.sequence, t.sequence) FROM transaction_links l
  FULL JOIN (SELECT book_id, sequence, 'reverses' kind, reverses target FROM transactions WHERE reverses IS NOT NULL
             UNION ALL SELECT book_id, sequence, 'reposts', reposts FROM transactions WHERE reposts IS NOT NULL) t
    ON t.book_id = l.book_id AND t.kind = l.kind AND t.target = l.target AND t.sequence = l.sequence
 WHERE l.sequence IS NULL OR t.sequence IS NULL`,
}

func ref(prefix string, n int) string { return fmt.Sprintf("%s-%d", prefix, n) }
