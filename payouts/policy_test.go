package payouts

import "testing"

func TestShipped(t *testing.T) {
	if len(ShippedPolicies()) != 8 {
		t.Fatal("eight")
	}
}
