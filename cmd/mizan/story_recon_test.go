package main

// What S12 promises beside its amounts: what the runs found, what became of it, and that November stays as it was closed.

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/payouts/reconcile"

	"github.com/google/go-cmp/cmp"
)

func checkS12(t *testing.T, g *story, book ledger.Book) {
	g.checkEvenR1(t, book)
	breaks, err := g.reconcile.Breaks(t.Context(), book, reconcile.BreakQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, b := range breaks {
		days := int(b.EndedAt.Sub(b.FirstSeen).Hours() / 24)
		list = append(list, fmt.Sprintf("%s %s %s after %d days, fixed by an entry: %t", b.Class, b.Amount.Format(b.Currency), b.State, days, b.Fix != ""))
	}
	want := []string{
		"fee_differs -0.01 fixed after 0 days, fixed by an entry: true",
		"missing_in_ledger -30.00 cleared after 1 days, fixed by an entry: true",
		"unknown_receipt 12.34 fixed after 6 days, fixed by an entry: true",
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("breaks (-want +got):\n%s", diff)
	}
	suspense, err := g.reconcile.CheckSuspense(t.Context(), book)
	if err != nil || len(suspense.Findings) > 0 || suspense.Waiting > 0 {
		t.Errorf("suspense: %+v, %v", suspense, err)
	}
	g.checkNovember(t, book)
}

// checkEvenR1 wants that the last run against the processor closed with 28.69 on both sides and left nothing open, and that every run
// comes to the same when it is made again.
func (g *story) checkEvenR1(t *testing.T, book ledger.Book) {
	t.Helper()
	runs, err := g.reconcile.Runs(t.Context(), book, reconcile.RunQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	last := map[reconcile.Match]reconcile.Run{}
	for _, run := range runs {
		if again, err := g.reconcile.Replay(t.Context(), book, run.ID); err != nil || !again.Same {
			t.Errorf("run %d of R%d is not the same again: %v %v", run.Number, run.Match, again.Differs, err)
		}
		if run.Number > last[run.Match].Number {
			last[run.Match] = run
		}
	}
	if len(last) != 3 {
		t.Errorf("%d of R1, R2 and R3 ran", len(last))
	}
	var sums []reconcile.Sums
	if err := json.Unmarshal(last[reconcile.R1].Summary, &sums); err != nil {
		t.Fatal(err)
	}
	if len(sums) != 1 || sums[0].Closing != (reconcile.Sides{Source: "28.69", Ledger: "28.69"}) || last[reconcile.R1].OpenItems != 0 {
		t.Errorf("the last run of R1 closed with %+v and left %d open", sums, last[reconcile.R1].OpenItems)
	}
}

// checkNovember wants that November's totals are still those of its close, and that December's lists have one refund of a sale of
// November and nothing that came late.
func (g *story) checkNovember(t *testing.T, book ledger.Book) {
	t.Helper()
	closed, err := g.reconcile.VerifyClosings(t.Context(), book)
	if err != nil || closed.Rows != 1 || closed.Closed != 1 || len(closed.Findings) > 0 {
		t.Errorf("November does not stay as it was closed: %+v, %v", closed, err)
	}
	head, err := g.head(t.Context(), book.Code)
	if err != nil {
		t.Fatal(err)
	}
	var refunds []string
	for report, want := range map[reconcile.LateReport]int{reconcile.EarlierSales: 1, reconcile.LatePostings: 0} {
		page, err := g.reconcile.Late(t.Context(), book, reconcile.LateQuery{Report: report, Period: 202412, AtSequence: head, Limit: 100})
		if err != nil || len(page.Lines) != want || page.More {
			t.Errorf("%s: %+v, %v", report, page, err)
		}
		for _, l := range page.Lines {
			refunds = append(refunds, fmt.Sprintf("%s of %s: %s", l.Event, l.Original, l.Amount.Format(l.Currency)))
		}
	}
	if want := []string{"refund.full of 2024-11: 30.00"}; !slices.Equal(refunds, want) {
		t.Errorf("refunds of earlier sales: %q", refunds)
	}
}

// TestReconWeek: the runs of the week find what was planted, and people and later facts deal with it. S12, which is told after it in
// the same service, comes to what it comes to alone: each of the two books has an account of its own at the processor.
func TestReconWeek(t *testing.T) {
	t.Parallel()
	tell := testStory(t)
	week, err := tell.reconWeek(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	week.write(&b)
	t.Log(b.String())
	want := map[string]int{"fee_differs fixed": 1, "missing_in_ledger cleared": 1, "duplicate explained": 1, "amount_differs written_off": 1, "unknown_receipt fixed": 1,
		"timing open": 1, "payout_returned open": 1, "ambiguous open": 1}
	if diff := cmp.Diff(want, week.breaks); diff != "" {
		t.Errorf("breaks (-want +got):\n%s", diff)
	}
	book, err := tell.books.Book(t.Context(), reconWeekCode)
	if err != nil {
		t.Fatal(err)
	}
	if suspense, err := tell.reconcile.CheckSuspense(t.Context(), book); err != nil || len(suspense.Findings) > 0 {
		t.Errorf("suspense: %+v, %v", suspense, err)
	}
	if closed, err := tell.reconcile.VerifyClosings(t.Context(), book); err != nil || closed.Closed < 1 || len(closed.Findings) > 0 {
		t.Errorf("October: %+v, %v", closed, err)
	}
	if again, err := tell.reconWeek(t.Context()); err != nil || again.last != week.last || again.runs != week.runs {
		t.Errorf("told again: %+v, %v", again, err)
	}
	tell.tellS12(t)
	if again, err := tell.reconWeek(t.Context()); err != nil || again.last != week.last || !maps.Equal(again.breaks, week.breaks) {
		t.Errorf("after S12: %+v, %v", again, err)
	}
}

// tellS12 tells the scenario where other books have been told, and checks it as where it is alone.
func (g *story) tellS12(t *testing.T) {
	t.Helper()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.Key == "S12" })
	if i < 0 {
		t.Fatal("there is no S12")
	}
	sc := scenarios[i]
	done, err := sc.seed(t.Context(), g.remote, g)
	if err != nil || len(done.wrong) > 0 {
		t.Fatalf("%q %v\n%s", done.wrong, err, g.lives(t, sc))
	}
	g.checkNets(t, sc)
	checkS12(t, g, g.bookOf(t, sc))
}
