package commerce

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDonationReversed reverses a matched donation by hand, part by part: the campaign's numbers, the fund and the next
// donation's place are as if it had never been given.
func TestDonationReversed(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	play := func(code string, mistaken bool) (map[string]string, CampaignTotals) {
		bw := w.lifeBook(t, code, 6) // GBP
		bw.campaignOf(t, "")
		bw.raw(t, "test.funded", "bank", "GBP", "assets:bank:operating:main", 1_000_00, "equity:opening", -1_000_00)
		bw.post(t, "match.cash_moved", "cash", `{"campaign":"c1","amount":"100.00"}`)
		bw.post(t, "match.funded", "fund", `{"campaign":"c1","funder":"platform","amount":"100.00","ratio":"1"}`)
		bw.post(t, eventReceived, "d1", donationOf("D1", 60_00, ""))
		if mistaken {
			r := bw.post(t, eventReceived, "d2", donationOf("D2", 70_00, ""))
			for i := range r.Transactions {
				x := r.Transactions[len(r.Transactions)-1-i]
				bw.post(t, "entry.reversed", fmt.Sprint("undo", i), fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, x.ID()))
			}
		}
		bw.post(t, eventReceived, "d3", donationOf("D3", 30_00, ""))
		c, err := bw.Campaign(t.Context(), bw.book, "c1")
		if err != nil {
			t.Fatal(err)
		}
		return bw.balances(t), c.Totals
	}
	balances, totals := play("clean", false)
	undone, again := play("mistaken", true)
	if diff := cmp.Diff(balances, undone); diff != "" {
		t.Errorf("balances (-without +reversed):\n%s", diff)
	}
	if diff := cmp.Diff(totals, again); diff != "" {
		t.Errorf("totals (-without +reversed):\n%s", diff)
	}
	if totals.Matched != "90.00" {
		t.Errorf("matched %s, want 90.00", totals.Matched)
	}
}
