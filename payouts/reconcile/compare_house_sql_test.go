package reconcile

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
)

var comparingStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// comparing is a house with one processor source and a ledger.
type comparing struct {
	*testing.T
	*Service
	db    *pgtest.DB
	books *ledger.Ledger
	book  ledger.Book

	mu     sync.Mutex
	at     time.Time
	posted int
}

func newComparing(t *testing.T) *comparing {
	t.Helper()
	h := &comparing{T: t, db: pgtest.New(t), at: comparingStart}
	h.books = ledger.New(h.db.Pool, ledger.Options{Now: h.Now})
	t.Cleanup(func() { h.books.Close(context.Background()) })
	var err error
	h.book, _, err = h.books.CreateBook(t.Context(), ledger.NewBook{Code: "de", Name: "DE", Currencies: []money.Currency{"EUR", "USD"}, TimeZone: "Europe/Berlin"})
	h.ok(err)
	h.Service = h.another()
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 1, 'processor', 'main', now())`, h.book.ID)
	h.exec(`INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, 1)`, h.book.ID)
	return h
}

// another is a second service on the same database.
func (h *comparing) another() *Service {
	return New(Options{Pool: h.db.Pool, Ledger: h.books, Trail: guard.NewTrail(h.db.Pool, h.Now), Now: h.Now})
}

func (h *comparing) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *comparing) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func (h *comparing) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *comparing) exec(sql string, args ...any) {
	h.Helper()
	_, err := h.db.Pool.Exec(h.Context(), sql, args...)
	h.ok(err)
}

func (h *comparing) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Pool.QueryRow(h.Context(), sql, args...).Scan(&n))
	return n
}

// owner runs a statement with the rights of a superuser and without triggers, as somebody who tampers would.
func (h *comparing) owner(sql string, args ...any) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	table := strings.Fields(strings.TrimPrefix(sql, "UPDATE "))[0]
	for _, s := range []string{`ALTER TABLE ` + table + ` DISABLE TRIGGER ALL`, "", `ALTER TABLE ` + table + ` ENABLE ALWAYS TRIGGER ALL`} {
		if s == "" {
			_, err = conn.Exec(h.Context(), sql, args...)
		} else if strings.Contains(s, "ENABLE") {
			continue // what was tampered with may stay unguarded
		} else {
			_, err = conn.Exec(h.Context(), s)
		}
		h.ok(err)
	}
}

// line is a line of the processor.
type line struct {
	id, key    string
	currency   money.Currency
	gross, fee money.Minor
	category   string
	at         time.Time
}

// take takes lines as one receipt.
func (h *comparing) take(lines ...line) {
	h.Helper()
	if len(lines) == 0 {
		return
	}
	h.ok(h.db.Pool.Tx(h.Context(), func(tx pgx.Tx) error {
		var receipt, last int64
		if err := tx.QueryRow(h.Context(), `UPDATE evidence_heads SET last_receipt = last_receipt + 1, last_line = last_line + $2
 WHERE book_id = $1 AND source_id = 1 RETURNING last_receipt, last_line`, h.book.ID, len(lines)).Scan(&receipt, &last); err != nil {
			return err
		}
		if _, err := tx.Exec(h.Context(), `INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
 VALUES ($1, 1, $2, 'pull', 'test', 0, sha256($3::text::bytea), octet_length($3::text), $4, $5, 0, 'test', $6)`, h.book.ID, receipt, fmt.Sprint(receipt), last-int64(len(lines))+1, len(lines), h.Now()); err != nil {
			return err
		}
		if _, err := tx.Exec(h.Context(), `INSERT INTO evidence_parts VALUES ($1, 1, $2, 1, $3)`, h.book.ID, receipt, []byte(fmt.Sprint(receipt))); err != nil {
			return err
		}
		for i, l := range lines {
			if l.currency == "" {
				l.currency = "EUR"
			}
			if l.category == "" {
				l.category = "charge"
			}
			if l.at.IsZero() {
				l.at = h.Now()
			}
			if _, err := tx.Exec(h.Context(), `INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
 VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, h.book.ID, last-int64(len(lines))+1+int64(i), receipt, l.id, l.key, l.currency, int64(l.gross), int64(l.fee), int64(l.gross-l.fee), l.category, l.at); err != nil {
				return err
			}
		}
		return nil
	}))
}

// leg is an entry on an account of the processor.
type leg struct {
	account  string
	amount   money.Minor
	ref      string
	currency money.Currency
}

// post posts a transaction whose other side is a seller's.
func (h *comparing) post(subject string, legs ...leg) {
	h.Helper()
	h.ok(h.tryPost(subject, legs...))
}

// charge posts what a payment brought and what it cost, as the events of commerce do: two transactions.
func (h *comparing) charge(subject, ref string, gross, fee money.Minor) {
	h.Helper()
	h.ok(h.tryPost(subject, leg{amount: gross, ref: ref}))
	h.ok(h.tryEvent("processor.fee_recorded", subject, leg{amount: -fee, ref: ref}))
}

func (h *comparing) tryPost(subject string, legs ...leg) error {
	return h.tryEvent("test.moved", subject, legs...)
}

func (h *comparing) tryEvent(event, subject string, legs ...leg) error {
	h.mu.Lock()
	h.posted++
	reference := fmt.Sprint("t", h.posted)
	h.mu.Unlock()
	d := ledger.Draft{Event: event, Subject: subject, OccurredAt: h.Now()}
	sums := map[money.Currency]money.Minor{}
	for _, l := range legs {
		if l.currency == "" {
			l.currency = "EUR"
		}
		if l.account == "" {
			l.account = "pending"
		}
		sums[l.currency] += l.amount
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address("assets:processor:" + l.account + ":main"), Amount: l.amount, Currency: l.currency, ExternalRef: l.ref})
	}
	for _, c := range []money.Currency{"EUR", "USD"} {
		if sums[c] != 0 {
			d.Lines = append(d.Lines, ledger.Line{Account: "revenue:transaction_fee", Amount: -sums[c], Currency: c})
		}
	}
	return h.books.Post(h.Context(), h.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{d}}).Err
}

func (h *comparing) turn() payouts.Turn { return payouts.Turn{Book: h.book} }

// run compares and replays what was recorded.
func (h *comparing) run(lines int) Run {
	h.Helper()
	run, err := h.compareBy(h.Context(), h.turn(), Asked{Match: R1, Source: 1}, lines)
	h.ok(err)
	return run
}

// same replays a run.
func (h *comparing) same(run Run) {
	h.Helper()
	result, err := h.Replay(h.Context(), h.book, run.ID)
	h.ok(err)
	if !result.Same {
		h.Fatalf("run %d is not the same again: %v", run.Number, result.Differs)
	}
}

// tryBank posts what came to a bank account and names nothing.
func (h *comparing) tryBank(account string, amount int64) error {
	h.mu.Lock()
	h.posted++
	reference := fmt.Sprint("t", h.posted)
	h.mu.Unlock()
	return h.books.Post(h.Context(), h.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "test.moved", OccurredAt: h.Now(), Lines: []ledger.Line{
		{Account: ledger.Address(account), Amount: money.Minor(amount), Currency: "EUR"},
		{Account: "revenue:transaction_fee", Amount: -money.Minor(amount), Currency: "EUR"},
	}}}}).Err
}

// bankMain sets up a bank account as the second source, and returns what adds a line to it.
func (h *comparing) bankMain() func(number int, gross int64, at time.Time) {
	h.Helper()
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 2, 'bank', 'main', now())`, h.book.ID)
	h.exec(`INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, 2)`, h.book.ID)
	h.exec(`INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, 2, 1, '{"accounts":["assets:bank:operating:main"],"currency":"EUR"}', now())`, h.book.ID)
	h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
 VALUES ($1, 2, 1, 'statement', 'csv', 1, sha256(''), 0, 1, 3, 0, 'test', now())`, h.book.ID)
	return func(number int, gross int64, at time.Time) {
		h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
 VALUES ($1, 2, $2::bigint, 1, 'b' || $2::bigint, 'b' || $2::bigint, 'EUR', $3::bigint, 0, $3::bigint, 'transfer', $4)`, h.book.ID, number, gross, at)
		h.exec(`UPDATE evidence_heads SET last_line = $2, last_receipt = 1 WHERE book_id = $1 AND source_id = 2`, h.book.ID, number)
	}
}
