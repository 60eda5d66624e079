package ledger_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// TestRefusalsLeaveTheDatabaseAsItWas refuses postings for every reason that history knows, on every path, and rolls back
// lawful ones (peers 3, 8, 10). Every row of the database is afterwards as it was: all legs or none, and no trace.
func TestRefusalsLeaveTheDatabaseAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	b.mustPost(t, sale("S-2", "sel_closed", 1000))
	if out := b.Reverse(ctx, b.book, 1, ledger.Correction{Reference: "R-1"}); out.Err != nil {
		t.Fatal(out.Err)
	}
	exec(t, connect(t, b.db.AppURL), `UPDATE accounts SET state = 'closed' WHERE address = 'liabilities:seller:pending:sel_closed'`)
	join := func(reference string, parts ...ledger.Submission) ledger.Submission {
		s := ledger.Submission{Reference: reference}
		for _, p := range parts {
			s.Drafts = append(s.Drafts, p.Drafts...)
		}
		return s
	}
	stale := sale("X", "sel_new", 1000)
	stale.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:sel_a", LastSequence: 1}}
	ahead := sale("X", "sel_new", 1000)
	ahead.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:sel_a", LastSequence: 9}}
	mirror := sale("X", "sel_new", 1000)
	mirror.Drafts[0].Reverses = 1
	for name, c := range map[string]struct {
		submission ledger.Submission
		want       error
	}{
		"a leg that is not covered":          {join("X", sale("", "sel_new", 1000), release("", "sel_new", 1)), ledger.ErrFloor},
		"its last leg is not covered":        {join("X", hold("", "n", 50), release("", "n", 30), release("", "n", 21)), ledger.ErrFloor},
		"the reference of another posting":   {sale("S-1", "sel_new", 1000), ledger.ErrReferenceReused},
		"a subject that moved on":            {stale, ledger.ErrStale},
		"a subject that is not there yet":    {ahead, ledger.ErrStale},
		"a second reversal":                  {mirror, ledger.ErrAlreadyReversed},
		"a closed account":                   {sale("X", "sel_closed", 1000), ledger.ErrAccountClosed},
		"a closed account after an open one": {join("X", sale("", "sel_new", 1000), sale("", "sel_closed", 1000)), ledger.ErrAccountClosed},
		"two currencies that only add up": {ledger.Submission{Reference: "X", Drafts: []ledger.Draft{{Event: "order.captured", Lines: []ledger.Line{
			line("assets:processor:pending:main", 5, "GBP"), line("revenue:referral_fee", -5, "USD")}}}}, ledger.ErrUnbalanced},
	} {
		before := dump(t, b.db)
		if out := b.Post(ctx, b.book, c.submission); !errors.Is(out.Err, c.want) || len(out.Transactions) != 0 {
			t.Errorf("%s: %+v, want %v", name, out, c.want)
		}
		outcomes := b.PostAtomic(ctx, b.book, []ledger.Submission{hold("before it", "o", 5), c.submission, hold("after it", "o", 5)})
		for i, out := range outcomes {
			if want := []error{ledger.ErrGroupRefused, c.want, ledger.ErrGroupRefused}[i]; !errors.Is(out.Err, want) {
				t.Errorf("%s, item %d of an atomic batch: %v, want %v", name, i, out.Err, want)
			}
		}
		err := b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
			_, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{hold("before it", "o", 5), c.submission})
			return err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s, in the caller's transaction: %v, want %v", name, err, c.want)
		}
		if outcomes, err := b.DryRun(ctx, b.book, []ledger.Submission{c.submission}, false); err != nil || !errors.Is(outcomes[0].Err, c.want) {
			t.Errorf("%s, as a dry run: %+v, %v", name, outcomes, err)
		}
		if diff := cmp.Diff(before, dump(t, b.db)); diff != "" {
			t.Errorf("%s left something behind:\n%s", name, diff)
		}
	}
	before := dump(t, b.db)
	undo := errors.New("the caller changed its mind")
	err := b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{sale("X", "sel_new", 1000), hold("Y", "n", 5)}); err != nil {
			return err
		}
		return undo
	})
	if diff := cmp.Diff(before, dump(t, b.db)); !errors.Is(err, undo) || diff != "" {
		t.Errorf("a rolled back posting: %v, %s", err, diff)
	}
	b.mustPost(t, sale("X", "sel_new", 1000)) // no refusal burned the reference
	checkInvariants(t, b.db)
}

// TestRefusalsInABatchCostNothing puts refused postings between accepted ones: sequences, versions and balances go on as
// if they had never been there, and the batch is written in one go.
func TestRefusalsInABatchCostNothing(t *testing.T) {
	t.Parallel()
	b, batches := setupCounting(t)
	batch := []ledger.Submission{
		hold("A", "s", 100), release("refused", "s", 101), release("B", "s", 60), sale("A", "s", 100), release("refused too", "s", 41), release("C", "s", 40),
	}
	var sequences []int64
	for i, out := range b.PostBatch(t.Context(), b.book, batch) {
		want := []error{nil, ledger.ErrFloor, nil, ledger.ErrReferenceReused, ledger.ErrFloor, nil}[i]
		if !errors.Is(out.Err, want) {
			t.Fatalf("item %d: %v, want %v", i, out.Err, want)
		}
		for _, posted := range out.Transactions {
			sequences = append(sequences, posted.Sequence)
		}
	}
	if !slices.Equal(sequences, []int64{1, 2, 3}) {
		t.Errorf("sequences %v", sequences)
	}
	if got := batches(); len(got) != 1 || got[0].Submissions != 6 || got[0].Transactions != 3 || got[0].Refused != 3 {
		t.Errorf("it took the batches %+v, want one", got)
	}
	checkInvariants(t, b.db)
}

// setupCounting is setup with a function that returns the batches which were written so far. A batch that the database
// refused in part is cut in pieces: more batches than expected tell of a wrong decision that came to a good end.
func setupCounting(t *testing.T) (*bundle, func() []ledger.BatchStats) {
	t.Helper()
	var mu sync.Mutex
	var batches []ledger.BatchStats
	b := setupWith(t, ledger.Options{Now: time.Now, OnBatch: func(s ledger.BatchStats) {
		mu.Lock()
		defer mu.Unlock()
		batches = append(batches, s)
	}})
	return b, func() []ledger.BatchStats {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(batches)
	}
}

// TestBatchSeesItsOwnHistory posts a batch whose items depend on what earlier items of the same batch have done: reversed,
// posted again, moved a subject on, or not happened yet.
func TestBatchSeesItsOwnHistory(t *testing.T) {
	t.Parallel()
	b, batches := setupCounting(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	correct := func(reference string, reverses, reposts int64) ledger.Submission {
		s := sale(reference, "sel_a", 1000)
		s.Drafts[0].Reverses, s.Drafts[0].Reposts = reverses, reposts
		return s
	}
	after := func(reference string, last int64) ledger.Submission {
		s := sale(reference, "X", 1000)
		s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:X", LastSequence: last}}
		return s
	}
	items := []struct {
		s    ledger.Submission
		want error
	}{
		{correct("R-1", 1, 0), nil}, {correct("R-2", 1, 0), ledger.ErrAlreadyReversed}, {correct("P-1", 0, 1), nil}, {correct("P-2", 0, 1), ledger.ErrAlreadyReposted},
		{after("E-1", 0), nil}, {after("E-2", 0), ledger.ErrStale}, {after("E-3", 4), nil}, {after("E-4", 4), ledger.ErrStale}, {after("E-5", 6), ledger.ErrStale},
		{correct("R-3", 99, 0), ledger.ErrTransactionUnknown}, {correct("R-4", 6, 0), ledger.ErrTransactionUnknown}, {correct("R-5", 5, 0), nil}, {correct("R-6", 5, 0), ledger.ErrAlreadyReversed},
	}
	var batch []ledger.Submission
	for _, i := range items {
		batch = append(batch, i.s)
	}
	next := int64(1)
	for i, out := range b.PostBatch(t.Context(), b.book, batch) {
		if !errors.Is(out.Err, items[i].want) {
			t.Errorf("%s: %v, want %v", items[i].s.Reference, out.Err, items[i].want)
			continue
		}
		if out.Err != nil {
			continue
		}
		if next++; out.Transactions[0].Sequence != next {
			t.Errorf("%s: at %d, want %d", items[i].s.Reference, out.Transactions[0].Sequence, next)
		}
	}
	if got := batches(); len(got) != 2 || got[1].Submissions != len(items) {
		t.Errorf("it took the batches %+v, want one for the first sale and one for the rest", got)
	}
	checkInvariants(t, b.db)
}

// TestFloorsByCurrencyAndDebt takes from an account in one currency while the same draft fills it in another, and pays a
// debt back in parts: a floor is judged per currency, and never stands in the way of what makes things better.
func TestFloorsByCurrencyAndDebt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reserve, payee, opening := "liabilities:seller:reserve:s", "liabilities:seller:available:s", "equity:opening"
	b.mustPost(t, hold("fund", "x", 1))
	for i, c := range []struct {
		lines     []ledger.Line
		authority ledger.Authority
		want      error
	}{
		{[]ledger.Line{line(opening, 100, "GBP"), line(reserve, -100, "GBP")}, ledger.ByChart, nil},
		{[]ledger.Line{line(reserve, 50, "USD"), line(opening, -50, "USD")}, ledger.ByChart, ledger.ErrFloor},
		{[]ledger.Line{line(reserve, 150, "GBP"), line(opening, -150, "GBP"), line(opening, 200, "USD"), line(reserve, -200, "USD")}, ledger.ByChart, ledger.ErrFloor},
		{[]ledger.Line{line(reserve, 100, "GBP"), line(opening, -100, "GBP")}, ledger.ByChart, nil},
		{[]ledger.Line{line(payee, 100, "GBP"), line(opening, -100, "GBP")}, ledger.ByChart, nil}, // a fact leaves a debt
		{[]ledger.Line{line(opening, 40, "GBP"), line(payee, -40, "GBP")}, ledger.ByDecision, nil},
		{[]ledger.Line{line(payee, 1, "GBP"), line(opening, -1, "GBP")}, ledger.ByDecision, ledger.ErrFloor},
		{[]ledger.Line{line(opening, 60, "GBP"), line(payee, -60, "GBP")}, ledger.ByDecision, nil},
		{[]ledger.Line{line(payee, 1, "GBP"), line(opening, -1, "GBP")}, ledger.ByDecision, ledger.ErrFloor},
	} {
		out := b.Post(t.Context(), b.book, ledger.Submission{Reference: ref("F", i), Drafts: []ledger.Draft{{Event: "test.posted", Authority: c.authority, Lines: c.lines}}})
		if !errors.Is(out.Err, c.want) {
			t.Errorf("step %d: %v, want %v", i, out.Err, c.want)
		}
	}
	checkInvariants(t, b.db)
}

// TestRefusedGroupIsForgottenByItsBatch refuses an event at its last transaction, in one batch with others that would
// notice anything left of it: the money it moved, the subject it moved on, the reversal, the account it opened.
func TestRefusedGroupIsForgottenByItsBatch(t *testing.T) {
	t.Parallel()
	b, batches := setupCounting(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	mirror := func(reference string) ledger.Submission {
		s := sale(reference, "sel_a", 1000)
		s.Drafts[0].Reverses = 1
		return s
	}
	refused := mirror("refused")
	refused.Drafts = append(refused.Drafts, hold("", "n", 100).Drafts[0], release("", "n", 101).Drafts[0])
	after := sale("subject", "sel_a", 1000)
	after.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:sel_a", LastSequence: 1}}
	batch := []ledger.Submission{refused, release("money", "n", 1), after, mirror("reversal"), hold("account", "m", 5), refused}
	for i, out := range b.PostBatch(t.Context(), b.book, batch) {
		want := []error{ledger.ErrFloor, ledger.ErrFloor, nil, nil, nil, ledger.ErrAlreadyReversed}[i]
		if !errors.Is(out.Err, want) {
			t.Errorf("%s (%d): %v, want %v", batch[i].Reference, i, out.Err, want)
		}
	}
	if got := batches(); len(got) != 2 {
		t.Errorf("it took the batches %+v, want one for the first sale and one for the rest", got)
	}
	var accounts, last int
	err := b.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM accounts), last_account_id FROM books`).Scan(&accounts, &last)
	if err != nil || accounts != 5 || last != 5 {
		t.Errorf("%d accounts, the last one is %d (%v), want 5", accounts, last, err)
	}
	checkInvariants(t, b.db)
}
