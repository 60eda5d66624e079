package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/reconcile"
)

// monthClock is a clock that tests move.
type monthClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *monthClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *monthClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// months is a book whose months are closed.
type months struct {
	*testing.T
	*reconcile.Service
	db     *pgtest.DB
	book   ledger.Book
	books  *ledger.Ledger
	events *commerce.Service
	clock  *monthClock
	desk   *guard.Desk
	n      int
}

var (
	preparer = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	decider  = guard.Actor{Kind: guard.Person, ID: "per_ben", Person: "per_ben"}
	other    = guard.Actor{Kind: guard.Person, ID: "per_cyd", Person: "per_cyd"}
)

// acceptable is every item that two people may accept: the books of these tests have no evidence.
const acceptable = `["evidence","sub_ledgers","coverage","processors","banks","channels","suspense"]`

func newMonths(t *testing.T, opts ...pgtest.Option) *months {
	t.Helper()
	m := &months{T: t, db: pgtest.New(t, opts...), clock: &monthClock{at: day(2026, 1, 1)}}
	m.books = ledger.New(m.db.Pool, ledger.Options{Now: m.clock.Now})
	t.Cleanup(func() { _ = m.books.Close(context.Background()) })
	var err error
	m.book, _, err = m.books.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"GBP", "USD"}, TimeZone: "Europe/London", Market: "UK"})
	m.ok(err)
	m.clock.set(day(2026, 11, 1))
	m.Service, m.desk = m.another()
	return m
}

// another is a second service on the same database, as another process would be.
func (m *months) another() (*reconcile.Service, *guard.Desk) {
	trail := guard.NewTrail(m.db.Pool, m.clock.Now)
	m.events = commerce.New(m.books, commerce.NewRuleSets(m.db.Pool, m.clock.Now), m.clock.Now)
	s := reconcile.New(reconcile.Options{Pool: m.db.Pool, Ledger: m.books, Events: m.events, Trail: trail, Now: m.clock.Now})
	return s, guard.NewDesk(m.db.Pool, trail, m.clock.Now, s.CloseActs())
}

func day(year, month, d int) time.Time {
	return time.Date(year, time.Month(month), d, 10, 0, 0, 0, time.UTC)
}

func (m *months) ok(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(detail(err))
	}
}

// detail tells an error with its fields.
func detail(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%v %+v", err, e.Fields)
	}
	return fmt.Sprint(err)
}

func (m *months) want(err error, code string) {
	m.Helper()
	if fault.CodeOf(err) != code {
		m.Errorf("%s, want %s", detail(err), code)
	}
}

// entry is an amount in pounds and pence on an account, a debit positive.
type entry struct {
	account ledger.Address
	amount  money.Minor
}

// post records a transaction that happened on a day.
func (m *months) post(event string, at time.Time, original ledger.Period, subject string, entries ...entry) ledger.Transaction {
	m.Helper()
	m.n++
	d := ledger.Draft{Event: event, OccurredAt: at, OriginalPeriod: original, Subject: subject}
	for _, e := range entries {
		d.Lines = append(d.Lines, ledger.Line{Account: e.account, Amount: e.amount, Currency: "GBP"})
	}
	out := m.books.Post(m.Context(), m.book, ledger.Submission{Reference: fmt.Sprint("ref-", m.n), Drafts: []ledger.Draft{d}})
	m.ok(out.Err)
	return out.Transactions[0]
}

// sale posts 10.00 of revenue.
func (m *months) sale(at time.Time) ledger.Transaction {
	m.Helper()
	return m.post("order.captured", at, 0, "", entry{"assets:processor:available:main", 1000}, entry{"revenue:referral_fee", -1000})
}

func (m *months) ask(desk *guard.Desk, act, payload string) (guard.Approval, error) {
	m.Helper()
	return desk.Ask(m.Context(), preparer, guard.Book{ID: int32(m.book.ID), Code: m.book.Code}, guard.Request{Act: act, Payload: json.RawMessage(payload), Reason: "the month is done"})
}

func (m *months) decide(desk *guard.Desk, by guard.Actor, a guard.Approval) (guard.Approval, error) {
	return desk.Approve(m.Context(), by, guard.Book{ID: int32(m.book.ID), Code: m.book.Code}, a.ID, a.Hash, "looked at")
}

func closing(period string) string {
	return fmt.Sprintf(`{"period":%q,"accept":%s}`, period, acceptable)
}

// close closes a month by two people and returns its row.
func (m *months) close(period string) reconcile.Closing {
	m.Helper()
	a, err := m.ask(m.desk, "period.close", closing(period))
	m.ok(err)
	_, err = m.decide(m.desk, decider, a)
	m.ok(err)
	return m.last(period)
}

func (m *months) reopen(period string) guard.Approval {
	m.Helper()
	a, err := m.ask(m.desk, "period.reopen", fmt.Sprintf(`{"period":%q}`, period))
	m.ok(err)
	a, err = m.decide(m.desk, decider, a)
	m.ok(err)
	return a
}

// last is the newest row of a month.
func (m *months) last(period string) reconcile.Closing {
	m.Helper()
	p, err := ledger.ParsePeriod(period)
	m.ok(err)
	rows, err := m.ClosingsOf(m.Context(), m.book, p)
	m.ok(err)
	if len(rows) == 0 {
		m.Fatalf("%s has no row", period)
	}
	return rows[0]
}

// proved verifies the chain and the books.
func (m *months) proved() *reconcile.ClosingsReport {
	m.Helper()
	r, err := m.VerifyClosings(m.Context(), m.book)
	m.ok(err)
	if !r.Sound() {
		m.Errorf("closings: %+v", r.Findings)
	}
	v, err := m.books.Verify(m.Context(), m.book, ledger.VerifyOptions{})
	m.ok(err)
	if !v.Sound() {
		m.Errorf("the books: %+v", v.Findings)
	}
	return r
}

func (m *months) exec(sql string, args ...any) error {
	_, err := m.db.Pool.Exec(m.Context(), sql, args...)
	return err
}

// late lists a report at the book's head.
func (m *months) late(report reconcile.LateReport, period ledger.Period) (list []reconcile.LateLine) {
	m.Helper()
	head, err := m.books.Head(m.Context(), m.book)
	m.ok(err)
	m.ok(m.EachLate(m.Context(), m.book, report, period, head.LastSequence, func(l reconcile.LateLine) error {
		list = append(list, l)
		return nil
	}))
	return list
}
