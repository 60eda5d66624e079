package ledger_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"mizan/ledger"
)

// TestDecisionsReadTheStore alternates between two replicas that have both served the same account before (peers 12, 53).
// Each decides by what the other has just recorded, never by what it remembers.
func TestDecisionsReadTheStore(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-12-05T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	replicas := []*ledger.Ledger{b.Ledger, open(t, b.db, ledger.Options{Now: c.now})}
	for round := range 20 {
		one, two := replicas[round%2], replicas[(round+1)%2]
		for i, step := range []struct {
			by   *ledger.Ledger
			s    ledger.Submission
			want error
		}{
			{one, hold(ref("fund", round), "s", 100), nil},
			{two, release(ref("take", round), "s", 100), nil},
			{one, release(ref("take again", round), "s", 1), ledger.ErrFloor},
			{two, sale(ref("fund", round), "s", 100), ledger.ErrReferenceReused},
		} {
			if out := step.by.Post(t.Context(), b.book, step.s); !errors.Is(out.Err, step.want) {
				t.Fatalf("round %d, step %d: %v, want %v", round, i, out.Err, step.want)
			}
		}
		for _, l := range replicas {
			page, err := l.Balances(t.Context(), b.book, ledger.BalanceQuery{Prefix: "liabilities:seller:reserve:s", Limit: 1})
			if err != nil || page.Balances[0].Net() != 0 || page.Balances[0].Debits != int64(round+1)*100 {
				t.Fatalf("round %d: %+v, %v", round, page, err)
			}
		}
	}
	// A month that one replica closes is closed for the other one's next batch.
	if err := replicas[0].ClosePeriod(t.Context(), b.book, 202611); err != nil {
		t.Fatal(err)
	}
	late := sale("late", "sel_a", 1000)
	late.Drafts[0].OccurredAt = at("2026-11-15T00:00:00Z")
	if out := replicas[1].Post(t.Context(), b.book, late); out.Err != nil || out.Transactions[0].Period != 202612 {
		t.Errorf("into a month that another replica closed: %+v", out)
	}
	checkInvariants(t, b.db)
}

// TestNewAccountByTwoWriters lets two replicas touch an account for the first time ever at the same moment (peers 1): one
// fills it, one takes from it. Whoever takes first is refused, and the account is opened once.
func TestNewAccountByTwoWriters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	for round := range 30 {
		seller := fmt.Sprintf("new_%d", round)
		var filled, taken ledger.Outcome
		var both sync.WaitGroup
		both.Go(func() { filled = b.Post(t.Context(), b.book, hold(ref("fill", round), seller, 100)) })
		both.Go(func() { taken = other.Post(t.Context(), b.book, release(ref("take", round), seller, 80)) })
		both.Wait()
		if filled.Err != nil || taken.Err != nil && !errors.Is(taken.Err, ledger.ErrFloor) {
			t.Fatalf("round %d: filling %v, taking %v", round, filled.Err, taken.Err)
		}
		if taken.Err == nil && taken.Transactions[0].Sequence < filled.Transactions[0].Sequence {
			t.Errorf("round %d: money was taken before it was there", round)
		}
		if taken.Err != nil {
			b.mustPost(t, release(ref("take", round), seller, 80))
		}
		if got := b.balance(t, "liabilities:seller:reserve:"+seller, "GBP"); got != 20 {
			t.Errorf("round %d: the reserve holds %d, want 20", round, got)
		}
	}
	checkInvariants(t, b.db)
}

// TestWaitersSeeWhatTheHolderWrote holds a book's lock until two replicas wait for it with postings that exclude one
// another. Whoever comes second decides by what the first has written, not by what was there when it began to wait.
func TestWaitersSeeWhatTheHolderWrote(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*ledger.Ledger{b.Ledger, open(t, b.db, ledger.Options{})}
	super := connect(t, b.db.SuperURL)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	b.mustPost(t, hold("fund", "s", 100))
	mirror := func(reference string) ledger.Submission {
		s := sale(reference, "sel_a", 1000)
		s.Drafts[0].Reverses = 1
		return s
	}
	after := func(reference string) ledger.Submission {
		s := sale(reference, "X", 1000)
		s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:X"}}
		return s
	}
	for name, c := range map[string]struct {
		rivals [2]ledger.Submission
		second error // nil for a replay
	}{
		"one reference":             {[2]ledger.Submission{sale("same", "sel_b", 500), sale("same", "sel_b", 500)}, nil},
		"one reference, two things": {[2]ledger.Submission{sale("taken", "sel_b", 500), sale("taken", "sel_c", 500)}, ledger.ErrReferenceReused},
		"money for one":             {[2]ledger.Submission{release("take-1", "s", 80), release("take-2", "s", 80)}, ledger.ErrFloor},
		"one subject":               {[2]ledger.Submission{after("E-1"), after("E-2")}, ledger.ErrStale},
		"one reversal":              {[2]ledger.Submission{mirror("R-1"), mirror("R-2")}, ledger.ErrAlreadyReversed},
		"one new account":           {[2]ledger.Submission{hold("new-1", "n", 5), hold("new-1", "n", 5)}, nil},
	} {
		holder, err := b.db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := holder.Exec(t.Context(), `SELECT 1 FROM books FOR NO KEY UPDATE`); err != nil {
			t.Fatal(err)
		}
		answers := make(chan ledger.Outcome, 2)
		for i, l := range replicas {
			go func() { answers <- l.Post(t.Context(), b.book, c.rivals[i]) }()
		}
		until(t, func() bool {
			var waits int
			err := super.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waits)
			return err == nil && waits == 2
		})
		if err := holder.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, second := <-answers, <-answers
		if first.Err != nil || c.second == nil && first.Replayed {
			first, second = second, first
		}
		switch {
		case first.Err != nil || first.Replayed:
			t.Errorf("%s: nobody won: %+v, %+v", name, first, second)
		case !errors.Is(second.Err, c.second), c.second == nil && (!second.Replayed || second.Transactions[0].Sequence != first.Transactions[0].Sequence):
			t.Errorf("%s: the second was answered %+v, want %v", name, second, c.second)
		}
	}
	checkInvariants(t, b.db)
}

// TestBatchMovesItsSubjects posts several transactions about one subject in one batch and in one event. The next batch
// expects the last of them, whichever replica writes it, and all are found by their subject.
func TestBatchMovesItsSubjects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	event := sale("E", "X", 1000)
	event.Drafts = append(event.Drafts, sale("", "Y", 1000).Drafts[0], sale("", "X", 1000).Drafts[0])
	for _, out := range b.PostBatch(t.Context(), b.book, []ledger.Submission{sale("A", "X", 1000), sale("B", "X", 1000), event}) {
		if out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	for last, want := range map[int64]error{1: ledger.ErrStale, 2: ledger.ErrStale, 4: ledger.ErrStale, 6: ledger.ErrStale} {
		s := sale(ref("stale", int(last)), "X", 1000)
		s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:X", LastSequence: last}}
		if out := other.Post(t.Context(), b.book, s); !errors.Is(out.Err, want) {
			t.Errorf("expecting %d: %v, want %v", last, out.Err, want)
		}
	}
	s := sale("fresh", "X", 1000)
	s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:X", LastSequence: 5}, {Subject: "order:Y", LastSequence: 4}}
	if out := other.Post(t.Context(), b.book, s); out.Err != nil {
		t.Errorf("expecting what is there: %v", out.Err)
	}
	page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Subject: "order:X", Limit: 10})
	if err != nil || len(page.Transactions) != 5 {
		t.Errorf("%d transactions are about the subject (%v), want 5", len(page.Transactions), err)
	}
	checkInvariants(t, b.db)
}
