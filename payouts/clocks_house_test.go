package payouts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// timeHouse is a book whose clock the test moves.
type timeHouse struct {
	*Service
	t    testing.TB
	db   *pgtest.DB
	book ledger.Book
	at   *atomic.Int64
	n    int
}

func newTimeHouse(t testing.TB, market, zone string, start time.Time, currencies ...money.Currency) *timeHouse {
	t.Helper()
	h := &timeHouse{t: t, db: pgtest.New(t), at: &atomic.Int64{}}
	h.move(start)
	h.Service = h.replica()
	var err error
	h.book, _, err = h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: strings.ToLower(market), Name: market, Currencies: currencies, TimeZone: zone, Market: market})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *timeHouse) time() time.Time   { return time.UnixMicro(h.at.Load()).UTC() }
func (h *timeHouse) move(to time.Time) { h.at.Store(to.UnixMicro()) }

// replica is another process on the same database.
func (h *timeHouse) replica() *Service {
	l := ledger.New(h.db.Pool, ledger.Options{Now: h.time})
	h.t.Cleanup(func() { _ = l.Close(context.WithoutCancel(h.t.Context())) })
	events := commerce.New(l, commerce.NewRuleSets(h.db.Pool, h.time), h.time)
	return New(Options{Pool: h.db.Pool, Ledger: l, Events: events, Trail: guard.NewTrail(h.db.Pool, h.time), Now: h.time})
}

func (h *timeHouse) turn() Turn { return Turn{Book: h.book, Start: h.time()} }

// post records an event as its JSON says.
func (h *timeHouse) post(kind, data string, args ...any) commerce.Result {
	h.t.Helper()
	r := h.try(kind, data, args...)
	if r.Err != nil {
		h.t.Fatalf("%s: %v", kind, r.Err)
	}
	return r
}

func (h *timeHouse) try(kind, data string, args ...any) commerce.Result {
	h.t.Helper()
	et, err := commerce.TypeOf(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	d := et.New()
	readInto(h.t, d, fmt.Sprintf(data, args...))
	h.n++
	return h.events.Post(h.t.Context(), h.book, commerce.Event{Type: kind, Reference: fmt.Sprint("t", h.n), Data: d})
}

// sell records an order of a seller with one line.
func (h *timeHouse) sell(order, seller string, c money.Currency, amount string) {
	h.t.Helper()
	h.post("order.captured", `{"order":%q,"currency":%q,"placed_at":%q,"seller":%q,"lines":[{"line":1,"sku":"A","quantity":1,"unit_price":%q}],"payments":[{"processor":"main","payment_id":"pi-%s","amount":%q}]}`,
		order, c, h.time().Format(time.RFC3339), seller, amount, order, amount)
}

func (h *timeHouse) deliver(order string, at time.Time) {
	h.t.Helper()
	h.post("order.delivered", `{"order":%q,"delivered_at":%q,"last_parcel":true}`, order, at.Format(time.RFC3339))
}

// work runs works once each, in order.
func (h *timeHouse) work(list ...func(context.Context, Turn) (Report, error)) {
	h.t.Helper()
	for _, do := range list {
		if _, err := do(h.t.Context(), h.turn()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// tick reads the feed and releases what is due, as the jobs do.
func (h *timeHouse) tick() { h.t.Helper(); h.work(h.Feed, h.Reserves, h.Release, h.Feed) }

// balance is what an account holds, a credit positive.
func (h *timeHouse) balance(account string, c money.Currency) money.Minor {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), sqlHeld, h.book.ID, []string{account}, string(c))
	if err != nil {
		h.t.Fatal(err)
	}
	var amount money.Minor
	var last int64
	if _, err := pgx.ForEachRow(rows, []any{&amount, &last}, func() error { return nil }); err != nil {
		h.t.Fatal(err)
	}
	return amount
}

// settledAt is when a subject was done by an event, and how often.
func (h *timeHouse) doneAt(event, subject string) (at []time.Time) {
	h.t.Helper()
	page, err := h.ledger.Transactions(h.t.Context(), h.book, ledger.TransactionQuery{Subject: subject, Event: event, Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range page.Transactions {
		at = append(at, x.RecordedAt)
	}
	return at
}

// rows are a table's rows of the book as text, in order.
func (h *timeHouse) rows(table string) string {
	h.t.Helper()
	var text string
	err := h.pool.QueryRow(h.t.Context(), `SELECT coalesce(string_agg(x::text, E'\n' ORDER BY x::text COLLATE "C"), '') FROM `+table+` x WHERE x.book_id = $1`, h.book.ID).Scan(&text)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// exec does something behind the service's back.
func (h *timeHouse) exec(sql string, args ...any) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), h.db.SuperURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(h.t.Context())) }()
	if _, err := conn.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

// errKilled ends a turn as the end of its process would.
var errKilled = errors.New("killed")

// dying is a turn that is killed before its n-th transaction.
func (h *timeHouse) dying(n int) Turn {
	t := h.turn()
	t.Check = func(context.Context, pgx.Tx) error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	}
	return t
}

// rulesInForce are the rules of the book.
func (h *timeHouse) rulesInForce() (*commerce.RuleSet, error) {
	return commerce.NewRuleSets(h.db.Pool, h.time).InForce(h.t.Context(), h.book, h.time())
}

// campaign reads one as callers send it.
func campaign(t testing.TB, data string) (c commerce.CampaignPublished) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// readInto reads strict JSON.
func readInto(t testing.TB, into any, data string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}
