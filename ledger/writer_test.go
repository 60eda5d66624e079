package ledger_test

import (
	"errors"
	"testing"

	"mizan/ledger"
)

func TestPostRecordsAndReplays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.mustPost(t, sale("S-1", "sel_a", 1000))
	if first.Sequence != 1 || first.ID() != "uk-1" || len(first.Entries) != 3 {
		t.Fatalf("first posting: %+v", first)
	}
	again := b.Post(t.Context(), b.book, sale("S-1", "sel_a", 1000))
	if again.Err != nil || !again.Replayed || again.Transactions[0].Sequence != 1 {
		t.Fatalf("replay: %+v", again)
	}
	if out := b.Post(t.Context(), b.book, sale("S-1", "sel_a", 1001)); !errors.Is(out.Err, ledger.ErrReferenceReused) {
		t.Fatalf("other content under the same reference: %v", out.Err)
	}
	if got := b.balance(t, "liabilities:seller:pending:sel_a", "GBP"); got != 900 {
		t.Errorf("seller holds %d, want 900", got)
	}
	checkInvariants(t, b.db)
}
