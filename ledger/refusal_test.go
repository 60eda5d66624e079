package ledger_test

import (
	"errors"
	"slices"
	"testing"

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
// if they had never been there.
func TestRefusalsInABatchCostNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
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
	checkInvariants(t, b.db)
}
