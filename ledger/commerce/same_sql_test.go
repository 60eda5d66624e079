//go:build !race

package commerce

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/postgres/pgtest"
)

// TestPostTxIsPost plays every worked example by Post, and by PostTx with two connections: the same is recorded, answered
// and explained.
func TestPostTxIsPost(t *testing.T) {
	t.Parallel()
	plain := newWorkbench(t, "US", "America/Chicago", "USD")
	within := newWorkbenchOn(t, pgtest.New(t, pgtest.MaxConns(2)), "US", "America/Chicago", "USD")
	within.inTx = true
	for _, l := range loadLives(t) {
		t.Run(l.Key, func(t *testing.T) {
			want, got := plain.playLife(t, l), within.playLife(t, l)
			for i := range want {
				a, b := want[i].result, got[i].result
				if fault.CodeOf(a.Err) != fault.CodeOf(b.Err) {
					t.Errorf("step %d: %v instead of %v", i+1, b.Err, a.Err)
				}
				apart := cmpopts.IgnoreFields(ledger.Transaction{}, "RecordedAt")
				if diff := cmp.Diff(a.Transactions, b.Transactions, apart); diff != "" {
					t.Errorf("step %d is recorded otherwise (-Post +PostTx):\n%s", i+1, diff)
				}
				if diff := cmp.Diff(a.Explanation, b.Explanation); diff != "" {
					t.Errorf("step %d is explained otherwise (-Post +PostTx):\n%s", i+1, diff)
				}
			}
		})
	}
}
