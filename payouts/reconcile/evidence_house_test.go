package reconcile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
	"mizan/payouts/reconcile/evidence"
)

var (
	evidenceStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday
	evidenceAnn   = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
)

const (
	evidenceKey = "sk_test_canary_of_the_evidence_1234567890"
	evidenceIDs = "DE02120300000000202051"
	// evidenceText is what banks write of people: it stands in files and lines, and nowhere else.
	evidenceText = "Kanari Vogel"
)

// evidenceHouse is a book with a processor, a bank's files, and a clock that moves them.
type evidenceHouse struct {
	*testing.T
	*Service
	db     *pgtest.DB
	book   ledger.Book
	books  *ledger.Ledger
	clock  *simulator.Clock
	sim    *simulator.Simulator
	url    string
	driver processor.Driver
	logged *bytes.Buffer
	mu     sync.Mutex
	before func(r *http.Request)
}

func newEvidenceHouse(t *testing.T, change ...func(*simulator.Options)) *evidenceHouse {
	t.Helper()
	h := &evidenceHouse{T: t, db: pgtest.New(t, pgtest.MaxConns(24)), clock: simulator.NewClock(evidenceStart), logged: &bytes.Buffer{}}
	o := simulator.Options{Now: h.clock.Now, Key: evidenceKey, Seed: 11, Rate: -1}
	for _, f := range change {
		f(&o)
	}
	var err error
	h.sim, err = simulator.New(o)
	h.ok(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		before := h.before
		h.mu.Unlock()
		if before != nil {
			before(r)
		}
		h.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if err := h.sim.Check(); err != nil {
			t.Error(err)
		}
	})
	h.url = server.URL
	h.driver, err = stripe.New(stripe.Options{Key: evidenceKey, BaseURL: h.url, Now: h.clock.Now, PlatformSecret: "whsec_canary_evidence_01", ConnectSecret: "whsec_canary_evidence_02"})
	h.ok(err)
	h.books = ledger.New(h.db.Pool, ledger.Options{Now: h.clock.Now})
	t.Cleanup(func() { h.books.Close(context.Background()) })
	h.book = h.newBook("de")
	h.Service = h.another(h.db.Pool)
	return h
}

func (h *evidenceHouse) newBook(code string) ledger.Book {
	h.Helper()
	book, _, err := h.books.CreateBook(h.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"EUR", "USD", "JPY"}, TimeZone: "Europe/Berlin", Market: "DE"})
	h.ok(err)
	return book
}

// another is a second service on the same database, as another process would be.
func (h *evidenceHouse) another(pool *postgres.Pool) *Service {
	h.Helper()
	books := h.books
	if pool != h.db.Pool {
		books = ledger.New(pool, ledger.Options{Now: h.clock.Now})
		h.Cleanup(func() { books.Close(context.Background()) })
	}
	return New(Options{Pool: pool, Ledger: books, Events: commerce.New(books, commerce.NewRuleSets(pool, h.clock.Now), h.clock.Now), Trail: guard.NewTrail(pool, h.clock.Now),
		Now: h.clock.Now, Driver: func(ledger.Book, string) processor.Driver { return h.driver }, Log: slog.New(slog.NewTextHandler(h.logged, nil))})
}

// beforeEach has something happen before each request to the processor; nil ends it.
func (h *evidenceHouse) beforeEach(f func(r *http.Request)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = f
}

func (h *evidenceHouse) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *evidenceHouse) wantCode(what string, err, want error) {
	h.Helper()
	if fault.CodeOf(err) != fault.CodeOf(want) || err == nil {
		h.Errorf("%s: %v instead of %s", what, err, fault.CodeOf(want))
	}
}

func (h *evidenceHouse) exec(sql string, args ...any) error {
	_, err := h.db.Pool.Exec(h.Context(), sql, args...)
	return err
}

func (h *evidenceHouse) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Pool.QueryRow(h.Context(), sql, args...).Scan(&n))
	return n
}

func (h *evidenceHouse) turn() payouts.Turn { return payouts.Turn{Book: h.book} }

func (h *evidenceHouse) pull() Pulled {
	h.Helper()
	p, err := h.Pull(h.Context(), h.turn(), "main")
	h.ok(err)
	return p
}

// charge books a charge at the processor.
func (h *evidenceHouse) charge(cents, fee int64, wait time.Duration) string {
	h.Helper()
	id, err := h.sim.AddCharge(cents, fee, "eur", wait, nil)
	h.ok(err)
	return id
}

// processorSource is the source that pulls made.
func (h *evidenceHouse) processorSource() Source {
	h.Helper()
	x, err := h.Source(h.Context(), h.book, KindProcessor, "main")
	h.ok(err)
	return x
}

// bank sets a bank account up in euros.
func (h *evidenceHouse) bank(format evidence.Format, profile []byte) Source {
	h.Helper()
	x, err := h.SetSource(h.Context(), evidenceAnn, h.book, KindBank, "main", Settings{Accounts: []ledger.Address{"assets:bank:operating:main"}, Currency: "EUR",
		Format: string(format), Identification: evidenceIDs, Profile: profile})
	h.ok(err)
	return x
}

// day is a day of March 2026.
func day(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }

// statement is a statement of the days from and until with lines of these amounts, each on the first day and named after the days.
func statement(from, until int, opening money.Minor, amounts ...money.Minor) evidence.Statement {
	x := evidence.Statement{ID: fmt.Sprintf("S-%02d-%02d-%d", from, until, opening), Account: evidenceIDs, Currency: "EUR", From: day(from), Until: day(until), Opening: opening, Closing: opening, Proved: true}
	for i, amount := range amounts {
		x.Lines = append(x.Lines, bankMove(fmt.Sprintf("B%02d-%d", from, i), from, amount))
		x.Closing += amount
	}
	return x
}

func bankMove(id string, on int, amount money.Minor) evidence.Line {
	return evidence.Line{ID: id, Amount: amount, Booked: day(on), Value: day(on), EndToEnd: "E2E-" + id, Code: "PMNT/RCDT/ESCT", Text: evidenceText}
}

func (h *evidenceHouse) file(list ...evidence.Statement) []byte {
	h.Helper()
	content, err := evidence.Render(evidence.CAMT053, list)
	h.ok(err)
	return content
}

func (h *evidenceHouse) taken(list ...evidence.Statement) Receipt {
	h.Helper()
	r, err := h.TakeStatement(h.Context(), evidenceAnn, h.book, "main", h.file(list...))
	h.ok(err)
	return r
}

// sound checks what holds whatever happened: lines are numbered without gaps, and each receipt is its bytes.
func (h *evidenceHouse) sound(x Source) {
	h.Helper()
	for what, sql := range map[string]string{
		"lines": `SELECT count(*) FROM evidence_heads h WHERE book_id = $1 AND source_id = $2 AND (last_line <> (SELECT count(*) FROM evidence_lines l WHERE l.book_id = $1 AND l.source_id = $2)
			OR last_line <> (SELECT coalesce(max(number), 0) FROM evidence_lines l WHERE l.book_id = $1 AND l.source_id = $2))`,
		"receipts": `SELECT count(*) FROM evidence_heads h WHERE book_id = $1 AND source_id = $2 AND last_receipt <> (SELECT count(*) FROM evidence_receipts l WHERE l.book_id = $1 AND l.source_id = $2)`,
		"new lines": `SELECT count(*) FROM evidence_receipts r WHERE book_id = $1 AND source_id = $2
			AND new_lines <> (SELECT count(*) FROM evidence_lines l WHERE l.book_id = $1 AND l.source_id = $2 AND l.receipt = r.number AND l.number BETWEEN r.first_line AND r.first_line + r.new_lines - 1)`,
		"changes": `SELECT count(*) FROM evidence_receipts r WHERE book_id = $1 AND source_id = $2
			AND changes <> (SELECT count(*) FROM evidence_changes c WHERE c.book_id = $1 AND c.source_id = $2 AND c.receipt = r.number)`,
		"bytes": `SELECT count(*) FROM evidence_receipts r WHERE book_id = $1 AND source_id = $2
			AND sha256 <> (SELECT sha256(string_agg(content, '' ORDER BY part)) FROM evidence_parts p WHERE p.book_id = $1 AND p.source_id = $2 AND p.receipt = r.number)`,
		"sums": `SELECT count(*) FROM evidence_balances b WHERE book_id = $1 AND source_id = $2
			AND lines_net <> (SELECT coalesce(sum(net), 0) FROM evidence_lines l WHERE l.book_id = $1 AND l.source_id = $2 AND l.currency = b.currency AND l.number <= b.last_line)`,
	} {
		if n := h.count(sql, h.book.ID, x.ID); n != 0 {
			h.Errorf("%s: %d are wrong", what, n)
		}
	}
	for _, table := range []string{"audit_rows", "evidence_settings", "evidence_changes"} {
		if h.count(`SELECT count(*) FROM `+table+` x WHERE book_id = $1 AND (x::text LIKE '%' || $2 || '%' OR x::text LIKE '%' || $3 || '%')`, h.book.ID, evidenceText, evidenceKey) != 0 {
			h.Errorf("a name or a secret stands in %s", table)
		}
	}
}

// all are all lines of a source, by their ids.
func (h *evidenceHouse) all(x Source) map[string]Line {
	h.Helper()
	all := map[string]Line{}
	var after int64
	for {
		list, err := h.Lines(h.Context(), h.book, x, LineQuery{After: after, Limit: 700})
		h.ok(err)
		for _, l := range list {
			all[l.ID], after = l, l.Number
		}
		if len(list) < 700 {
			return all
		}
	}
}
