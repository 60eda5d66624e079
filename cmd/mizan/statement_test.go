package main

import (
	"bytes"
	"strings"
	"testing"

	"mizan/api/client"
)

// TestStatementFigures prints all figures of a statement, also what is on its way.
func TestStatementFigures(t *testing.T) {
	t.Parallel()
	paid := "7.00"
	var b bytes.Buffer
	st := client.PayeeStatement{ID: "st_1", Currency: "GBP", Headlines: client.StatementHeadlines{Estimated: "1.00", Settled: "2.00", OnHold: "3.00", InTransit: "4.00", Paid: &paid}}
	if err := writeStatement(&b, st, nil, false); err != nil {
		t.Fatal(err)
	}
	for _, figure := range []string{"estimated", "1.00 GBP", "settled", "2.00 GBP", "on hold", "3.00 GBP", "in transit", "4.00 GBP", "paid", "7.00 GBP"} {
		if !strings.Contains(b.String(), figure) {
			t.Errorf("%s is missing in\n%s", figure, b.String())
		}
	}
}
