package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
)

// breakHouse is a book with a processor whose lines tests write themselves, and runs that are no more than their findings.
type breakHouse struct {
	*testing.T
	*Service
	db     *pgtest.DB
	book   ledger.Book
	books  *ledger.Ledger
	record *commerce.Service
	trail  *guard.Trail
	desk   *guard.Desk
	clock  *breakClock
	source Source
	bank   Source
	lines  int64
}

var (
	breaksStart = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	breaksAnn   = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	breaksBen   = guard.Actor{Kind: guard.Person, ID: "per_ben", Person: "per_ben"}
	breaksTurn  = payouts.Turn{Actor: guard.Actor{Kind: guard.System, ID: "jobs"}}
)

// breakClock is a clock that tests move.
type breakClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *breakClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *breakClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newBreakHouse(t *testing.T) *breakHouse {
	t.Helper()
	h := &breakHouse{T: t, db: pgtest.New(t, pgtest.MaxConns(24)), clock: &breakClock{at: breaksStart}}
	h.books = ledger.New(h.db.Pool, ledger.Options{Now: h.clock.now})
	t.Cleanup(func() { h.books.Close(context.Background()) })
	var err error
	h.book, _, err = h.books.CreateBook(t.Context(), ledger.NewBook{Code: "us", Name: "US", Currencies: []money.Currency{"EUR", "USD"}, TimeZone: "America/New_York", Market: "US"})
	h.ok(err)
	h.trail = guard.NewTrail(h.db.Pool, h.clock.now)
	h.Service = h.another()
	h.record = h.events
	h.desk = guard.NewDesk(h.db.Pool, h.trail, h.clock.now, h.Acts())
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 1, 'processor', 'main', $2), ($1, 2, 'bank', 'main', $2)`, h.book.ID, breaksStart)
	h.exec(`INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, 1, 1, '{}', $2), ($1, 2, 1, '{"accounts":["assets:bank:operating:main"]}', $2)`,
		h.book.ID, breaksStart)
	for id := range 2 {
		h.exec(`INSERT INTO evidence_receipts (book_id, source_id, number, kind, format, settings, sha256, bytes, first_line, new_lines, known_lines, taken_by, recorded_at)
		VALUES ($1, $2, 1, 'pull', 'test', 1, sha256(''), 0, 1, 0, 0, 'test', $3)`, h.book.ID, id+1, breaksStart)
	}
	h.source, err = sourceOf(t.Context(), h.db.Pool, h.book, 1)
	h.ok(err)
	h.bank, err = sourceOf(t.Context(), h.db.Pool, h.book, 2)
	h.ok(err)
	return h
}

// another is a second service on the same database, as another process would be.
func (h *breakHouse) another() *Service {
	events := commerce.New(h.books, commerce.NewRuleSets(h.db.Pool, h.clock.now), h.clock.now)
	return New(Options{Pool: h.db.Pool, Ledger: h.books, Events: events, Trail: h.trail, Now: h.clock.now})
}

func (h *breakHouse) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// wants reports an error of another code than the declared one.
func (h *breakHouse) wants(err error, declared *fault.Error) {
	h.Helper()
	if fault.CodeOf(err) != declared.Code {
		h.Fatalf("%v instead of %s", err, declared.Code)
	}
}

func (h *breakHouse) exec(sql string, args ...any) {
	h.Helper()
	_, err := h.db.Pool.Exec(h.Context(), sql, args...)
	h.ok(err)
}

func (h *breakHouse) count(sql string, args ...any) (n int) {
	h.Helper()
	h.ok(h.db.Pool.QueryRow(h.Context(), sql, args...).Scan(&n))
	return n
}

// line is a line of a source, under a key that is also its id.
func (h *breakHouse) line(source int16, key string, c money.Currency, net money.Minor) int64 {
	h.Helper()
	h.lines++
	h.exec(`INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, moved_at)
	VALUES ($1, $2, $3, 1, $4, $5, $6, $7, 0, $7, 'other', $8)`, h.book.ID, source, h.lines, fmt.Sprintf("txn_%d", h.lines), key, string(c), int64(net), h.clock.now())
	return h.lines
}

// missing is the finding of a line that the books do not have.
func (h *breakHouse) missing(line int64, key string, c money.Currency, net money.Minor) Finding {
	return Finding{Class: MissingInLedger, Identity: key + ":" + string(c), Currency: c, Amount: net, Left: key, HappenedAt: h.clock.now(), External: []int64{line},
		Detail: "The processor has it, and the books do not.", Suspend: true}
}

// run records a run of a source with its findings.
func (h *breakHouse) run(source Source, findings ...Finding) int64 {
	h.Helper()
	n, err := h.tryRun(h.Service, source, findings)
	h.ok(err)
	return n
}

func (h *breakHouse) tryRun(s *Service, source Source, findings []Finding) (n int64, err error) {
	match := matchOf(source)
	head, err := h.books.Head(h.Context(), h.book)
	if err != nil {
		return 0, err
	}
	return n, h.db.Pool.TxRetry(h.Context(), func(tx pgx.Tx) error {
		if err := tx.QueryRow(h.Context(), `INSERT INTO recon_heads AS r (book_id, match, source_id, run, line, sequence) VALUES ($1, $2, $3, 1, 0, $4)
		ON CONFLICT (book_id, match, source_id) DO UPDATE SET run = r.run + 1, sequence = greatest(r.sequence, $4) RETURNING run`, h.book.ID, int16(match), source.ID, head.LastSequence).Scan(&n); err != nil {
			return err
		}
		return s.applyFindingsTx(h.Context(), tx, h.book, Run{Match: match, Source: source.ID, Number: n, CutOff: h.now(), RecordedAt: h.now(), StartedBy: "system:jobs"}, findings)
	})
}

// only is the only break of the book.
func (h *breakHouse) only() Break {
	h.Helper()
	list, err := h.Breaks(h.Context(), h.book, BreakQuery{Limit: 10})
	h.ok(err)
	if len(list) != 1 {
		h.Fatalf("%d breaks", len(list))
	}
	return list[0]
}

// of is the break of an identity.
func (h *breakHouse) of(identity string) Break {
	h.Helper()
	list, err := breaksOf(h.Context(), h.db.Pool, `SELECT `+breakColumns+` FROM recon_breaks b WHERE b.book_id = $1 AND b.identity = $2`, h.book.ID, identity)
	h.ok(err)
	if len(list) != 1 {
		h.Fatalf("%d breaks", len(list))
	}
	return list[0]
}

// acts are the acts of a break's steps, in their order.
func (h *breakHouse) acts(id string) string {
	h.Helper()
	list, err := h.Steps(h.Context(), h.book, id, 0, 100)
	h.ok(err)
	var acts []string
	for _, t := range list {
		acts = append(acts, t.Act)
	}
	return strings.Join(acts, " ")
}

// balance is what an account has, debit positive.
func (h *breakHouse) balance(account string, c money.Currency) (n money.Minor) {
	h.Helper()
	h.ok(h.db.Pool.QueryRow(h.Context(), `SELECT coalesce(sum(b.debits - b.credits), 0)::bigint FROM accounts a JOIN balances b ON b.book_id = a.book_id AND b.account_id = a.id
	WHERE a.book_id = $1 AND a.address = $2 AND a.currency = $3`, h.book.ID, account, string(c)).Scan(&n))
	return n
}

// even fails unless suspense is what waits of breaks.
func (h *breakHouse) even() SuspenseCheck {
	h.Helper()
	c, err := h.CheckSuspense(h.Context(), h.book)
	h.ok(err)
	for _, f := range c.Findings {
		h.Fatalf("%s %s by %s: %s", f.Identity, f.Currency, f.Amount.Format(f.Currency), f.Detail)
	}
	return c
}

// adjusted is the business's own word on a line: the processor took, or gave, a fee.
func (h *breakHouse) adjusted(key string, c money.Currency, net money.Minor) commerce.Result {
	d := &commerce.ProcessorAdjusted{Adjustment: key, Processor: "main", Direction: "credit", Reason: "fee", Currency: string(c), Amount: max(net, -net).Format(c)}
	if net < 0 {
		d.Direction = "debit"
	}
	return h.record.Post(h.Context(), h.book, commerce.Event{Type: "processor.adjusted", Reference: "adjusted:" + key, Data: d})
}

func (h *breakHouse) ask(act string, payload any) (guard.Approval, error) {
	document, err := json.Marshal(payload)
	h.ok(err)
	return h.desk.Ask(h.Context(), breaksAnn, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, guard.Request{Act: act, Payload: document, Reason: "Because.", Document: "doc-1"})
}

func (h *breakHouse) approve(by guard.Actor, a guard.Approval) (guard.Approval, error) {
	return h.desk.Approve(h.Context(), by, guard.Book{ID: int32(h.book.ID), Code: h.book.Code}, a.ID, a.Hash, "Looked at.")
}

// agreed has two people do something.
func (h *breakHouse) agreed(act string, payload any) {
	h.Helper()
	a, err := h.ask(act, payload)
	h.ok(err)
	_, err = h.approve(breaksBen, a)
	h.ok(err)
}

var errTurnGone = errors.New("another process has the turn")

func goneTurn(context.Context, pgx.Tx) error { return errTurnGone }
