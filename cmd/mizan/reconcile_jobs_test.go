package main

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/jobs"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
	"mizan/payouts/reports"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	nightlySource  ledger.Address = "assets:bank:operating:main"
	nightlyAccount string         = "GB33BUKB20201555555555"
)

// nightlyJobs are the jobs of reconciliation alone.
func nightlyJobs(p *parts) ([]jobs.Job, error) { return p.reconcileJobs() }

// reconciledBook is a book with a bank account as a source, one receipt that the books have, and its statement.
func reconciledBook(t *testing.T, w *traveller, code string) ledger.Book {
	t.Helper()
	book := w.book(t, code, "Europe/London")
	if out := w.books.Post(t.Context(), book, ledger.Submission{Reference: "brand-1", Drafts: []ledger.Draft{{Event: "test.moved", OccurredAt: w.clock.now(), Lines: []ledger.Line{
		{Account: nightlySource, Amount: 1234, Currency: "GBP", ExternalRef: "E2E-1"}, {Account: "revenue:referral_fee", Amount: -1234, Currency: "GBP"}}}}}); out.Err != nil {
		t.Fatal(out.Err)
	}
	ann := guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	if _, err := w.reconcile.SetSource(t.Context(), ann, book, reconcile.KindBank, "main", reconcile.Settings{Accounts: []ledger.Address{nightlySource}, Currency: "GBP",
		Format: string(evidence.CAMT053), Identification: nightlyAccount}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reconcile.TakeStatement(t.Context(), ann, book, "main", nightlyStatement(t, w.clock.now(), 1234)); err != nil {
		t.Fatal(err)
	}
	return book
}

// nightlyStatement is a bank's file of a day with one receipt.
func nightlyStatement(t *testing.T, day time.Time, amount money.Minor) []byte {
	t.Helper()
	day = day.Truncate(24 * time.Hour)
	content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{{ID: "S-1", Account: nightlyAccount, Currency: "GBP", From: day, Until: day, Closing: amount, Proved: true,
		Lines: []evidence.Line{{ID: "L-1", Amount: amount, Booked: day, Value: day, EndToEnd: "E2E-1", Code: "PMNT/RCDT/ESCT"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Each night's comparing is one run, however many processes look for work, and one night stands for those that were missed.
func TestReconciledOnceANight(t *testing.T) {
	t.Parallel()
	w := newTraveller(t, time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC), nightlyJobs)
	book := reconciledBook(t, w, "uk")
	w.book(t, "idle", "Asia/Ho_Chi_Minh")
	other, err := newParts(w.db.Pool, w.clock.now, partsConfig{jobs: nightlyJobs})
	if err != nil {
		t.Fatal(err)
	}
	due := func() {
		t.Helper()
		var group sync.WaitGroup
		for _, p := range []*parts{w.parts, other} {
			for range 3 {
				group.Go(func() {
					if _, err := p.jobs.RunDue(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		for { // what one of them left to another that was at work
			if n, err := w.jobs.RunDue(t.Context()); err != nil || n == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
		}
	}
	due()
	// The clocks go forward on the 29th, and nobody is there from the 29th to the 2nd.
	for _, at := range []time.Time{time.Date(2026, 3, 28, 4, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 4, 0, 0, 0, time.UTC), time.Date(2026, 4, 2, 4, 0, 0, 0, time.UTC)} {
		if err := w.clock.set(at); err != nil {
			t.Fatal(err)
		}
		due()
		due()
	}
	runs, err := w.reconcile.Runs(t.Context(), book, reconcile.RunQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range runs {
		count[r.StartedBy]++
		result, err := w.reconcile.Replay(t.Context(), book, r.ID)
		if err != nil || !result.Same {
			t.Errorf("%s again: %v, %v", r.StartedBy, result.Differs, err)
		}
		if r.Match == reconcile.R2 && r.OpenItems != 0 {
			t.Errorf("something is open: %s", r.Summary)
		}
	}
	for job, want := range map[string]int{"reconcile_inside": 3, "reconcile_processors": 0} {
		if count[job] != want {
			t.Errorf("%s ran %d times instead of %d: %v", job, count[job], want, count)
		}
	}
	// In the first night both the bank accounts and the new statement are due, to whoever comes first. Whoever is overtaken by the
	// other leaves the night to that run, which took the same; whoever comes later finds no new statement, or compares once more.
	banks, statements := count["reconcile_banks"], count["reconcile_statements"]
	if banks > 3 || statements > 1 || banks+statements < 3 {
		t.Errorf("in three nights bank accounts were compared %d times, and a new statement %d times", banks, statements)
	}
	idle, err := w.books.Book(t.Context(), "idle")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := w.reconcile.Runs(t.Context(), idle, reconcile.RunQuery{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("a book without anything has %d runs, %v", len(list), err)
	}
}

// What waits to be exported is made by the job.
func TestExportsAreMade(t *testing.T) {
	t.Parallel()
	w := newTraveller(t, time.Date(2026, 3, 27, 12, 0, 30, 0, time.UTC), nightlyJobs)
	book := reconciledBook(t, w, "uk")
	ann := guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	var e reports.Export
	if err := w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) (err error) {
		e, err = w.reports.AskTx(t.Context(), tx, ann, book, reports.Request{Report: "late_postings", Format: "csv", Parameters: reports.Values{"from": "2026-03", "to": "2026-03"}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.advance(t.Context(), w.clock, w.clock.now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if e, err := w.reports.Export(t.Context(), book, e.ID); err != nil || e.State != reports.Made || e.Manifest == nil {
		t.Errorf("%+v, %v", e, err)
	}
}

// The figures name what is compared and what is open; they are read once a minute, and left out where the database does not answer.
func TestReconcileMetrics(t *testing.T) {
	t.Parallel()
	w := newTraveller(t, time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC), nightlyJobs)
	reconciledBook(t, w, "uk")
	w.book(t, "idle", "Asia/Ho_Chi_Minh")
	registry := prometheus.NewRegistry()
	newReconcileMetrics(registry, w.parts, w.clock.now, slog.New(slog.DiscardHandler))
	figure := func(name string, labels map[string]string) (float64, bool) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				same := f.GetName() == name
				for _, l := range m.GetLabel() {
					if want, asked := labels[l.GetName()]; asked && want != l.GetValue() {
						same = false
					}
				}
				if same {
					return m.GetGauge().GetValue(), true
				}
			}
		}
		return 0, false
	}
	if _, shown := figure("mizan_reconciliation_age_seconds", nil); shown {
		t.Error("there is an age before the first run")
	}
	if _, err := w.advance(t.Context(), w.clock, w.clock.now().Add(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if v, shown := figure("mizan_reconciliation_age_seconds", map[string]string{"book": "uk", "match": "R2", "source": "main"}); !shown || v < 0 || v > 600 {
		t.Errorf("the age is %v, %v", v, shown)
	}
	if v, shown := figure("mizan_evidence_gaps", map[string]string{"book": "uk", "kind": "bank"}); !shown || v != 0 {
		t.Errorf("gaps: %v, %v", v, shown)
	}
	if _, shown := figure("mizan_reconciliation_age_seconds", map[string]string{"book": "idle"}); shown {
		t.Error("a book that nobody reconciles has figures")
	}
}
