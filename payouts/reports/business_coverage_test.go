package reports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
)

// told are the rows of the coverage of now, as commerce says them.
func (h *businessHouse) told() string {
	h.Helper()
	c, err := h.events.Coverage(h.Context(), h.book, "")
	h.ok(err)
	var b strings.Builder
	for _, x := range c.Currencies {
		for _, part := range [][]commerce.CoverageLine{x.Cash, x.Owed, x.Debts} {
			for _, l := range part {
				fmt.Fprintln(&b, x.Currency, l.Name, l.Amount)
			}
		}
		fmt.Fprintln(&b, x.Currency, x.Totals)
		for _, k := range x.Checks {
			fmt.Fprintln(&b, x.Currency, k.Name, k.Result, k.Amount)
		}
	}
	return b.String()
}

// reportedCoverage is the same of the report.
func (h *businessHouse) reportedCoverage(at int64) string {
	h.Helper()
	var b strings.Builder
	var totals []string
	for _, row := range h.report("coverage", at) {
		switch row["section"].Text() {
		case "totals":
			if totals = append(totals, written(row["amount"])); len(totals) == 5 {
				fmt.Fprintln(&b, written(row["currency"]), "{"+strings.Join(totals, " ")+"}")
				totals = nil
			}
		case "checks":
			fmt.Fprintln(&b, written(row["currency"]), written(row["name"]), written(row["result"]), written(row["amount"]))
		default:
			fmt.Fprintln(&b, written(row["currency"]), written(row["name"]), written(row["amount"]))
		}
	}
	return b.String()
}

// TestCoverageReport compares the report at many places with what the coverage of that moment was.
func TestCoverageReport(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD", "EUR")
	moments := map[int64]string{h.head(): h.told()}
	note := func() { moments[h.head()] = h.told() }
	h.playWarehouse()
	note()
	h.raw("debt.made", time.Time{}, "EUR", "liabilities:seller:available:s9", 700, "assets:processor:available:main", -700)
	h.raw("hold.made", time.Time{}, "EUR", "assets:processor:available:main", 900, "liabilities:seller:reserve:s9", -900)
	note()
	h.raw("hold.made", time.Time{}, "EUR", "assets:processor:available:main", 300, "liabilities:creator:dispute_hold:c9", -300)
	h.raw("treasury.sent", time.Time{}, "EUR", "assets:treasury_in_transit:processor-bank", 100, "assets:processor:available:main", -100)
	h.raw("suspense.in", time.Time{}, "EUR", "assets:processor:available:main", 50, "liabilities:suspense", -50)
	note()
	for at, want := range moments {
		if got := h.reportedCoverage(at); got != want {
			t.Errorf("at %d:\n%s\nwas\n%s", at, got, want)
		}
	}
	if len(moments) != 4 || strings.Count(moments[h.head()], "\n") < 20 {
		t.Errorf("too little was compared: %v", moments)
	}
}
