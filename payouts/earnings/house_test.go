package earnings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// TestMain proves that no test of the package leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// house is a book whose earnings are followed, with a clock that tests move.
type house struct {
	testing.TB
	*Service
	db   *pgtest.DB
	book ledger.Book

	mu sync.Mutex
	at time.Time
	n  int
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{TB: t, db: pgtest.New(t), at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	l := ledger.New(h.db.Pool, ledger.Options{Now: h.clock})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	var err error
	h.book, _, err = l.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"GBP", "USD"}, TimeZone: "Europe/London", Market: "UK"})
	h.ok(err)
	h.Service = New(Options{Pool: h.db.Pool, Ledger: l, Events: commerce.New(l, commerce.NewRuleSets(h.db.Pool, h.clock), h.clock), Now: h.clock})
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) set(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// post posts an event as a caller would send it; one without a time happened now.
func (h *house) post(kind, data string) {
	h.Helper()
	known, err := commerce.TypeOf(kind)
	h.ok(err)
	d := known.New()
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.DisallowUnknownFields()
	h.ok(decoder.Decode(d))
	h.n++
	if r := h.events.Post(h.Context(), h.book, commerce.Event{Type: kind, Reference: fmt.Sprint("e-", h.n), OccurredAt: h.clock(), Data: d}); r.Err != nil {
		h.Fatalf("%s: %v", kind, r.Err)
	}
}

// raw posts a transaction by hand: pairs of account and amount in GBP, a debit positive.
func (h *house) raw(event string, lines ...any) ledger.Transaction {
	h.Helper()
	h.n++
	d := ledger.Draft{Event: event, OccurredAt: h.clock()}
	for i := 0; i < len(lines); i += 2 {
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(lines[i].(string)), Amount: money.Minor(lines[i+1].(int)), Currency: "GBP"})
	}
	out := h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("raw-", h.n), Drafts: []ledger.Draft{d}})
	h.ok(out.Err)
	return out.Transactions[0]
}

// follow follows to the end.
func (h *house) follow() {
	h.Helper()
	_, err := h.Follow(h.Context(), h.book)
	h.ok(err)
}

// sound fails unless the sums are what moved.
func (h *house) sound() {
	h.Helper()
	if (&Proof{Skipped: 1}).Sound() {
		h.Error("sums that were not compared count as proved")
	}
	p, err := h.Verify(h.Context(), h.book)
	h.ok(err)
	for _, b := range p.Broken {
		h.Errorf("%s: %s", b.Object, b.What)
	}
	if p.Payees == 0 {
		h.Error("nobody was compared")
	}
}

// told asks and returns the answer, one line a sum: the key, then what is not zero.
func (h *house) told(q Query) (*Answer, string) {
	h.Helper()
	if q.Top == 0 {
		q.Top = MaxTop
	}
	a, err := h.Earnings(h.Context(), h.book, q)
	h.ok(err)
	var b strings.Builder
	for _, s := range append(a.Sums, func() Sum { s := a.Total; s.Key = "total"; return s }()) {
		fmt.Fprintf(&b, "%s: %d/%d", s.Key, s.Sales, s.Returns)
		for _, part := range []struct {
			name string
			of   money.Minor
		}{{"earned", s.Earned}, {"back", s.GivenBack}, {"fees", s.Fees}, {"shared", s.Shared}, {"withheld", s.Withheld}, {"adjusted", s.Adjusted}, {"paid", s.Paid}} {
			if part.of != 0 {
				fmt.Fprintf(&b, " %s %s", part.name, part.of.Format(a.Currency))
			}
		}
		b.WriteByte('\n')
	}
	return a, b.String()
}

// says compares what is told with the lines wanted.
func (h *house) says(q Query, want ...string) *Answer {
	h.Helper()
	a, got := h.told(q)
	if got != strings.Join(want, "\n")+"\n" {
		h.Errorf("%+v says\n%swant\n%s", q, got, strings.Join(want, "\n"))
	}
	return a
}

// refused fails unless the question is refused with the code at the field.
func (h *house) refused(q Query, code, pointer string) {
	h.Helper()
	_, err := h.Earnings(h.Context(), h.book, q)
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != code || pointer != "" && (len(e.Fields) == 0 || e.Fields[0].Pointer != pointer) {
		h.Errorf("%+v: %v", q, err)
	}
}
