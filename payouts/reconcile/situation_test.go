package reconcile

import (
	"testing"
	"time"

	"mizan/ledger/money"
)

// TestCalendars: the holidays of the United States count where they are kept, and only weekends elsewhere.
func TestCalendars(t *testing.T) {
	t.Parallel()
	thanksgiving := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) // the day before
	for _, c := range []struct {
		kind     Kind
		currency string
		market   string
		want     int
	}{
		{KindBank, "USD", "", 27}, {KindBank, "EUR", "US", 26}, {KindProcessor, "", "US", 27}, {KindProcessor, "", "DE", 26}, {KindChannel, "", "US", 26},
	} {
		x := situation{Zone: time.UTC, Holiday: holidaysOf(calendarFor(c.kind, money.Currency(c.currency), c.market))}
		if got := x.bankingDays(thanksgiving, 1); got.AddDate(0, 0, -1).Day() != c.want {
			t.Errorf("%s %s %s: expected by %s", c.kind, c.currency, c.market, got)
		}
	}
}
