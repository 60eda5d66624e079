package reports_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
)

var ledgerSeed = flag.Uint64("reports.seed", 0, "replays the random books of a run that printed this seed")

// seed draws one and prints it.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := *ledgerSeed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("replay with -reports.seed=%d", n)
	return rand.New(rand.NewPCG(n, 9))
}

// deskClock is a clock that tests move.
type deskClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *deskClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *deskClock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

var ann = guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}

// office is a book whose reports are asked for.
type office struct {
	*testing.T
	*reports.Service
	db    *pgtest.DB
	books *ledger.Ledger
	book  ledger.Book
	clock *deskClock
	trail *guard.Trail
	n     int
	// lease, look and longest are those of services made later; zero for the usual ones.
	lease, look, longest time.Duration
}

func newOffice(t *testing.T, opts ...pgtest.Option) *office {
	t.Helper()
	o := &office{T: t, db: pgtest.New(t, opts...), clock: &deskClock{at: time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)}}
	o.books = ledger.New(o.db.Pool, ledger.Options{Now: o.clock.Now})
	t.Cleanup(func() { _ = o.books.Close(context.Background()) })
	var err error
	o.book, _, err = o.books.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"GBP", "USD", "JPY"}, TimeZone: "Europe/London", Market: "UK"})
	o.ok(err)
	o.trail = guard.NewTrail(o.db.Pool, o.clock.Now)
	o.Service = o.another()
	o.fund()
	return o
}

// another is a second service on the same database, as another process would be.
func (o *office) another() *reports.Service { return reports.New(o.options()) }

func (o *office) options() reports.Options {
	events := commerce.New(o.books, commerce.NewRuleSets(o.db.Pool, o.clock.Now), o.clock.Now)
	paying := payouts.New(payouts.Options{Pool: o.db.Pool, Ledger: o.books, Events: events, Trail: o.trail, Now: o.clock.Now})
	compared := reconcile.New(reconcile.Options{Pool: o.db.Pool, Ledger: o.books, Events: events, Payouts: paying, Trail: o.trail, Now: o.clock.Now})
	return reports.Options{Pool: o.db.Pool, Ledger: o.books, Events: events, Payouts: paying, Reconcile: compared, Trail: o.trail, Now: o.clock.Now, Lease: o.lease, Look: o.look, Longest: o.longest}
}

func (o *office) ok(err error) {
	o.Helper()
	if err != nil {
		var e *fault.Error
		if errors.As(err, &e) {
			o.Fatalf("%v %+v", err, e.Fields)
		}
		o.Fatal(err)
	}
}

func (o *office) want(err error, code string) {
	o.Helper()
	if fault.CodeOf(err) != code {
		o.Errorf("the answer is %v, want %s", err, code)
	}
}

// randomAccounts are such as books have: rows with one account, rows with many, accounts in several currencies.
var randomAccounts = []ledger.Address{
	"assets:processor:available:main", "assets:bank:operating:b1", "assets:bank:client:b1", "revenue:referral_fee", "revenue:service_fee:ads", "expenses:processor_fee",
	"liabilities:seller:available:sel_a", "liabilities:seller:available:sel_b", "liabilities:seller:reserve:sel_a", "liabilities:seller:available:sel_ab",
	"liabilities:payout_in_transit:sel_a", "liabilities:creator:available:cre_a", "liabilities:tax:sales:uk", "liabilities:tax:vat:de:standard",
	"liabilities:donation:available:ben_a:camp_1", "liabilities:seller_deposit:sel_b",
}

// trade posts random transactions, some of them late, some of original months, some with many lines; the clock moves on between them.
func (o *office) trade(r *rand.Rand, count int) {
	o.Helper()
	var batch []ledger.Submission
	flush := func() {
		for _, out := range o.books.PostBatch(o.Context(), o.book, batch) {
			o.ok(out.Err)
		}
		batch = nil
	}
	for range count {
		if r.IntN(10) == 0 {
			flush()
			o.clock.set(o.clock.Now().Add(time.Duration(r.IntN(60)) * time.Hour))
		}
		o.n++
		d := ledger.Draft{Event: "order.captured", Subject: fmt.Sprint("order:o-", r.IntN(50)), OccurredAt: o.clock.Now().Add(-time.Duration(r.IntN(40*24)) * time.Hour)}
		if r.IntN(5) == 0 {
			d.Event, d.OriginalPeriod = "order.refunded", ledger.PeriodOf(d.OccurredAt.AddDate(0, -1, 0), time.UTC)
		}
		for range 1 + r.IntN(3) {
			c := []money.Currency{"GBP", "USD", "JPY"}[r.IntN(3)]
			from, to := r.IntN(len(randomAccounts)), r.IntN(len(randomAccounts)-1)
			if to >= from {
				to++
			}
			amount := money.Minor(1 + r.Int64N(1_000_000))
			d.Lines = append(d.Lines, ledger.Line{Account: randomAccounts[from], Amount: amount, Currency: c, ExternalRef: fmt.Sprint("=x-", o.n)},
				ledger.Line{Account: randomAccounts[to], Amount: -amount, Currency: c})
		}
		batch = append(batch, ledger.Submission{Reference: fmt.Sprint("ref-", o.n), Drafts: []ledger.Draft{d}})
		if len(batch) == 200 {
			flush()
		}
	}
	flush()
}

// fund puts money where decisions must not take more than there is, and everywhere else.
func (o *office) fund() {
	o.Helper()
	for _, c := range o.book.Currencies {
		d := ledger.Draft{Event: "opening.posted"}
		for _, a := range randomAccounts {
			d.Lines = append(d.Lines, ledger.Line{Account: a, Amount: -10_000_000_000, Currency: c})
		}
		d.Lines = append(d.Lines, ledger.Line{Account: "equity:opening", Amount: money.Minor(len(randomAccounts)) * 10_000_000_000, Currency: c})
		o.ok(o.books.Post(o.Context(), o.book, ledger.Submission{Reference: "fund-" + string(c), Drafts: []ledger.Draft{d}}).Err)
	}
}

// closeMonths closes every month before the clock's last.
func (o *office) closeMonths() {
	o.Helper()
	last := ledger.PeriodOf(o.clock.Now().AddDate(0, -1, 0), o.book.Location())
	o.ok(o.books.ClosePeriod(o.Context(), o.book, last))
}

// export asks for a report and returns it with its file.
func (o *office) export(r reports.Request) (reports.Export, []byte) {
	o.Helper()
	e := o.ask(r)
	if e.State != reports.Made {
		o.Fatalf("%s is %s: %s", e.Report, e.State, e.Reason)
	}
	return e, o.content(e)
}

// ask asks for a report. A slow machine needs more time than whoever asks waits for: then the export is made as one that waits.
func (o *office) ask(r reports.Request) reports.Export {
	o.Helper()
	e, err := o.Ask(o.Context(), ann, o.book, r)
	o.ok(err)
	for e.State == reports.Asked && e.Reason == "" {
		_, err := o.MakeDue(o.Context())
		o.ok(err)
		e, err = o.Export(o.Context(), o.book, e.ID)
		o.ok(err)
	}
	return e
}

func (o *office) content(e reports.Export) []byte {
	o.Helper()
	var file bytes.Buffer
	o.ok(o.Content(o.Context(), o.book, e.ID, &file))
	o.ok(tabular.Check(bytes.NewReader(file.Bytes()), *e.Manifest))
	return file.Bytes()
}

// table is a report as a reader of its file sees it, each row by the names of its columns.
type table struct {
	rows     []map[string]tabular.Value
	manifest tabular.Manifest
}

func (o *office) table(report string, at int64, v reports.Values) table {
	o.Helper()
	e, file := o.export(reports.Request{Report: report, Format: tabular.JSONLines, Parameters: v, AtSequence: at})
	return o.readTable(e, bytes.NewReader(file))
}

func (o *office) readTable(e reports.Export, file io.Reader) (t table) {
	o.Helper()
	h, err := e.Header()
	o.ok(err)
	t.manifest, err = tabular.Read(file, e.Format, h, func(row tabular.Row) error {
		named := map[string]tabular.Value{}
		for i, c := range h.Columns {
			named[c.Name] = row[i]
		}
		t.rows = append(t.rows, named)
		return nil
	})
	o.ok(err)
	return t
}

// sum adds a column up by a key.
func (t table) sum(column string, key func(map[string]tabular.Value) string) map[string]string {
	sums := map[string]*big.Int{}
	for _, row := range t.rows {
		k := key(row)
		if sums[k] == nil {
			sums[k] = new(big.Int)
		}
		m, _ := row[column].Money()
		sums[k].Add(sums[k], big.NewInt(int64(m)))
	}
	told := map[string]string{}
	for k, s := range sums {
		told[k] = s.String()
	}
	return told
}

func byCurrency(row map[string]tabular.Value) string { return row["currency"].Text() }
