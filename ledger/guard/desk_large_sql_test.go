//go:build !race

package guard_test

import (
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
)

// TestLargeApprovals stores the largest payloads: a page of them ends before it fills the memory.
func TestLargeApprovals(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := request("thing.moved", 1)
	r.Payload = []byte(`{"amount":1,"note":"` + strings.Repeat("x", 1<<20-100) + `"}`)
	for i := range 65 {
		a, err := o.Ask(t.Context(), key, uk, r)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := o.Approve(t.Context(), bob, uk, a.ID, a.Hash, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if page, err := o.Approvals(t.Context(), uk, "", time.Time{}, "", 10); err != nil || len(page) != 10 {
		t.Errorf("ten: %d, %v", len(page), err)
	}
	_, err := o.Approvals(t.Context(), uk, "", time.Time{}, "", 100)
	o.expect("all", err, postgres.ErrReadTooLong)
}
