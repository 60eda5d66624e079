package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
)

// variedBook posts everything a book can hold: several currencies, long and short transactions, facts, atomic groups,
// corrections, late periods, refused postings between, and texts of all kinds.
func variedBook(t testing.TB, b *bundle, rng *rand.Rand, rounds int) {
	t.Helper()
	var reversible []int64
	for round := range rounds {
		var batch []ledger.Submission
		for i := range 12 {
			reference := fmt.Sprintf("V-%d-%d", round, i)
			s := sale(reference, fmt.Sprintf("s%d", rng.IntN(25)), 100+rng.Int64N(100_000))
			d := &s.Drafts[0]
			switch rng.IntN(8) {
			case 0:
				d.Metadata = map[string]string{"note": "ü & <b>", "n": fmt.Sprint(rng.IntN(9))}
				d.Memo = "ﷺ memo"
			case 1:
				d.OccurredAt = time.Now().Add(-time.Duration(rng.IntN(100*24)) * time.Hour)
				d.OriginalPeriod = 202601
			case 2:
				s.Drafts = append(s.Drafts, ledger.Draft{Event: "order.delivered", Subject: d.Subject},
					ledger.Draft{Event: "fee.charged", Subject: "fee:" + reference, LiveSession: "LS-1", Channel: "app", Campaign: "c1", Lines: []ledger.Line{
						line("liabilities:seller:pending:s1", 5, "KWD"), line("assets:processor:pending:main", -5, "KWD"),
						line("liabilities:seller:pending:s1", 70, "JPY"), line("assets:processor:pending:main", -70, "JPY")}})
			case 3:
				d.Explanation = []byte(`{"rule":1}`)
				d.Lines[0].ExternalRef = "ch_" + reference
			case 4: // refused: not enough of a decision account
				s.Drafts[0].Lines = []ledger.Line{line("liabilities:donation:available:c1", 1_000_000_000, "GBP"), line("assets:processor:pending:main", -1_000_000_000, "GBP")}
			}
			batch = append(batch, s)
		}
		for _, out := range b.PostBatch(t.Context(), b.book, batch) {
			if out.Err == nil && rng.IntN(10) == 0 {
				reversible = append(reversible, out.Transactions[0].Sequence)
			}
		}
		for _, out := range b.PostAtomic(t.Context(), b.book, []ledger.Submission{sale(fmt.Sprintf("A-%d", round), "s1", 900), sale(fmt.Sprintf("B-%d", round), "s2", 900)}) {
			if out.Err != nil {
				t.Fatal(out.Err)
			}
		}
		if n := len(reversible); n > 0 {
			if out := b.Reverse(t.Context(), b.book, reversible[n-1], ledger.Correction{Reference: fmt.Sprintf("R-%d", round)}); out.Err != nil {
				t.Fatal(out.Err)
			}
			reversible = reversible[:n-1]
		}
	}
}

func verify(t testing.TB, b *bundle, options ledger.VerifyOptions) ledger.VerifyReport {
	t.Helper()
	report, err := b.Verify(context.WithoutCancel(t.Context()), b.book, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func wantSound(t testing.TB, report ledger.VerifyReport) {
	t.Helper()
	for _, f := range report.Findings {
		t.Errorf("%+v", f)
	}
	if !report.Sound() || !report.Complete {
		t.Fatalf("not sound or not complete: %+v", report)
	}
}

// TestVerifySoundBook verifies a varied book with each implementation, from the start, from checkpoints and in parts.
func TestVerifySoundBook(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	empty := verify(t, b, ledger.VerifyOptions{})
	wantSound(t, empty)
	variedBook(t, b, rand.New(rand.NewPCG(seed, 1)), 12)
	whole := verify(t, b, ledger.VerifyOptions{Known: []ledger.VerifyCheckpoint{empty.Checkpoint}})
	wantSound(t, whole)
	head, err := b.Head(t.Context(), b.book)
	if err != nil {
		t.Fatal(err)
	}
	var entries, references int64
	if err := b.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM transaction_references)`).Scan(&entries, &references); err != nil {
		t.Fatal(err)
	}
	if whole.Through != head.LastSequence || whole.Transactions != head.LastSequence || whole.Entries != entries || whole.References != references || whole.Accounts == 0 {
		t.Errorf("the report counts %+v of %d transactions, %d entries, %d references", whole, head.LastSequence, entries, references)
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{Method: ledger.VerifyReplay}))
	wantSound(t, verify(t, b, ledger.VerifyOptions{Method: ledger.VerifySQL}))
	// In parts, each from the checkpoint of the last, to the same digest.
	var at ledger.VerifyCheckpoint
	parts := 0
	for at.Sequence < whole.Through {
		part := verify(t, b, ledger.VerifyOptions{After: at, MaxTransactions: 37})
		if !part.Sound() || part.From != at.Sequence+1 || part.Through <= at.Sequence {
			t.Fatalf("%+v", part)
		}
		at = part.Checkpoint
		parts++
	}
	if at != whole.Checkpoint || parts < 3 {
		t.Errorf("%d parts come to %x, the whole to %x", parts, at.Digest, whole.Checkpoint.Digest)
	}
	wantSound(t, verify(t, b, ledger.VerifyOptions{After: ledger.VerifyCheckpoint{Sequence: 40}}))
	wrong := whole.Checkpoint
	wrong.Digest[3] ^= 1
	if report := verify(t, b, ledger.VerifyOptions{Known: []ledger.VerifyCheckpoint{wrong}}); report.Sound() || report.FirstBad() != wrong.Sequence {
		t.Errorf("another history passed: %+v", report)
	}
}

// TestVerifyWhilePosting verifies a book again and again while it is posted to by two replicas: nothing is found.
func TestVerifyWhilePosting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, l := range []*ledger.Ledger{b.Ledger, other} {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if out := l.Post(context.WithoutCancel(t.Context()), b.book, sale(fmt.Sprintf("P-%d-%d", i, n), fmt.Sprintf("s%d", n%9), 500)); out.Err != nil {
					t.Error(out.Err)
					return
				}
			}
		})
	}
	var through int64
	for range 6 {
		report := verify(t, b, ledger.VerifyOptions{})
		wantSound(t, report)
		through = max(through, report.Through)
	}
	close(stop)
	wg.Wait()
	if last := verify(t, b, ledger.VerifyOptions{}); last.Through < through || last.Through == 0 {
		t.Errorf("verified up to %d, then %d", through, last.Through)
	}
}
