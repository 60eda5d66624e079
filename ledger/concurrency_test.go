package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// TestManyClientsTwoWriters has 64 clients post through two ledgers on one database: new references, duplicates of
// each other's, contradictions, unbalanced and overdrawn postings. Each reference has one effect (I5) and the books hold.
func TestManyClientsTwoWriters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	writers := []*ledger.Ledger{b.Ledger, other}
	const clients, each, references = 64, 40, 600
	var mu sync.Mutex
	acknowledged := map[string]int64{}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 7))
			for range each {
				n := rng.IntN(references)
				s := mixed(n)
				out := writers[rng.IntN(2)].Post(t.Context(), b.book, s)
				mu.Lock()
				if err := judgeMixed(n, out, acknowledged); err != nil {
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	head, err := b.Head(t.Context(), b.book)
	if err != nil {
		t.Fatal(err)
	}
	if head.LastSequence != int64(len(acknowledged)) {
		t.Errorf("the book holds %d transactions, clients know of %d", head.LastSequence, len(acknowledged))
	}
	checkInvariants(t, b.db)
}

// mixed returns the submission that number n always stands for: most are lawful, some never are.
func mixed(n int) ledger.Submission {
	s := sale(ref("M", n), fmt.Sprintf("sel_%d", n%7), int64(100+n))
	switch n % 10 {
	case 8:
		s.Drafts[0].Lines[0].Amount++ // unbalanced
	case 9: // nothing was ever put in reserve
		s.Drafts[0].Lines = []ledger.Line{line("liabilities:seller:reserve:sel_x", 500, "GBP"), line("liabilities:seller:available:sel_x", -500, "GBP")}
	}
	return s
}

func judgeMixed(n int, out ledger.Outcome, acknowledged map[string]int64) error {
	want := map[int]error{8: ledger.ErrUnbalanced, 9: ledger.ErrFloor}[n%10]
	if want != nil {
		if !errors.Is(out.Err, want) {
			return fmt.Errorf("reference %d: got %v, want %v", n, out.Err, want)
		}
		return nil
	}
	if out.Err != nil {
		return fmt.Errorf("reference %d: %w", n, out.Err)
	}
	name, sequence := ref("M", n), out.Transactions[0].Sequence
	if known, ok := acknowledged[name]; ok && known != sequence {
		return fmt.Errorf("reference %d was acknowledged at %d and at %d", n, known, sequence)
	}
	acknowledged[name] = sequence
	return nil
}

// TestFirstDebitsRace lets two first-ever debits race for money that suffices for one (peers' bug 1), on fresh accounts
// and through two ledgers.
func TestFirstDebitsRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	for round := range 20 {
		reserve := fmt.Sprintf("liabilities:seller:reserve:r%d", round)
		fund := ledger.Submission{Reference: ref("fund", round), Drafts: []ledger.Draft{{Event: "reserve.held", Lines: []ledger.Line{
			line("liabilities:seller:available:x", 100, "GBP"), line(reserve, -100, "GBP")}}}}
		b.mustPost(t, fund)
		var wg sync.WaitGroup
		outcomes := make([]ledger.Outcome, 2)
		for i, l := range []*ledger.Ledger{b.Ledger, other} {
			wg.Go(func() {
				outcomes[i] = l.Post(t.Context(), b.book, ledger.Submission{Reference: fmt.Sprintf("take-%d-%d", round, i),
					Drafts: []ledger.Draft{{Event: "reserve.released", Lines: []ledger.Line{
						line(reserve, 80, "GBP"), line(fmt.Sprintf("liabilities:seller:available:w%d_%d", round, i), -80, "GBP")}}}})
			})
		}
		wg.Wait()
		won := 0
		for _, out := range outcomes {
			if out.Err == nil {
				won++
			} else if !errors.Is(out.Err, ledger.ErrFloor) {
				t.Errorf("round %d: %v", round, out.Err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d of two debits won, want exactly one", round, won)
		}
	}
	checkInvariants(t, b.db)
}

// TestExpectationsSerialise has many writers each add to one subject what they computed from its last sequence; whoever
// computed from an old one is refused and computes again, so that all end as one chain.
func TestExpectationsSerialise(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const writers = 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for attempt := range 200 {
				page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Subject: "order:X", Descending: true, Limit: 1})
				if err != nil {
					t.Error(err)
					return
				}
				var last int64
				for _, newest := range page.Transactions {
					last = newest.Sequence
				}
				s := sale(ref("E", w), "X", 1000)
				s.Drafts[0].Expect = []ledger.Expectation{{Subject: "order:X", LastSequence: last}}
				s.Drafts[0].Metadata = map[string]string{"after": fmt.Sprint(last)}
				out := b.Post(t.Context(), b.book, s)
				if out.Err == nil {
					return
				}
				if !errors.Is(out.Err, ledger.ErrStale) {
					t.Errorf("writer %d, attempt %d: %v", w, attempt, out.Err)
					return
				}
			}
			t.Errorf("writer %d never got through", w)
		})
	}
	wg.Wait()
	page, err := b.Transactions(t.Context(), b.book, ledger.TransactionQuery{Subject: "order:X", Limit: 100})
	if ts := page.Transactions; err != nil || len(ts) != writers {
		t.Errorf("the subject has %d transactions (%v), want %d", len(ts), err, writers)
	}
	last := int64(0)
	for _, link := range page.Transactions {
		if link.Metadata["after"] != fmt.Sprint(last) {
			t.Errorf("transaction %d was computed from %s, and %d came before it", link.Sequence, link.Metadata["after"], last)
		}
		last = link.Sequence
	}
	checkInvariants(t, b.db)
}

// TestCancelledCallerLeavesNoLock cancels callers in the middle of posting; the next posting works at once and each
// cancelled one is recorded once or not at all (peers' bug 9).
func TestCancelledCallerLeavesNoLock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan ledger.Outcome, 1)
		go func() { done <- b.Post(ctx, b.book, sale(ref("C", i), "sel_a", 1000)) }()
		cancel()
		if out := <-done; out.Err != nil && !errors.Is(out.Err, ledger.ErrOutcomeUnknown) {
			t.Fatalf("cancelled posting: %v", out.Err)
		}
		b.mustPost(t, sale(ref("N", i), "sel_b", 1000))
	}
	for i := range 50 { // resolving by repeating: one effect each
		b.mustPost(t, sale(ref("C", i), "sel_a", 1000))
	}
	if got, want := b.balance(t, "liabilities:seller:pending:sel_a", "GBP"), money.Minor(50*900); got != want {
		t.Errorf("sel_a holds %d, want %d", got, want)
	}
	checkInvariants(t, b.db)
}

// TestSameReferenceFiftyTimes posts one reference from 50 goroutines at once (E12).
func TestSameReferenceFiftyTimes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	outcomes := make([]ledger.Outcome, 50)
	for i := range outcomes {
		wg.Go(func() { outcomes[i] = b.Post(t.Context(), b.book, sale("SAME", "sel_a", 1000)) })
	}
	wg.Wait()
	fresh := 0
	for _, out := range outcomes {
		if out.Err != nil || out.Transactions[0].Sequence != 1 {
			t.Fatalf("%+v", out)
		}
		if !out.Replayed {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d callers were told that they posted it, want 1", fresh)
	}
	checkInvariants(t, b.db)
}
