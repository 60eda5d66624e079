package reports

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger"
)

// closeMonth closes a month as finance does, with a row of the chain.
func (h *businessHouse) closeMonth(number int, period int32) {
	h.Helper()
	h.ok(h.ledger.ClosePeriod(h.Context(), h.book, ledger.Period(period)))
	h.closing(number, "close", period)
}

// closing adds a row to the chain.
func (h *businessHouse) closing(number int, act string, period int32) {
	h.Helper()
	h.exec(`INSERT INTO period_closings (book_id, number, act, period, at_sequence, document, totals, previous, hash, preparer, approver, recorded_at)
VALUES ($1, $2, $3, $4, $5, '{}', $6, $6, $6, 'ann', 'ben', $7)`, number, act, period, h.head(), make([]byte, 32), h.clock())
}

// TestAMonthCostsByTheMonth: a report of months that were closed looks at no transaction before the first that can count in them, and
// at none after the closing; what it says is what it said before the months were closed.
func TestAMonthCostsByTheMonth(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/Chicago", "USD")
	sell := func(n int) {
		h.Helper()
		for i := range n {
			id := fmt.Sprintf("%d-%d", h.head(), i)
			h.post("order.captured", id, warehouseSale(id, "100.00", "8.25", "pi_"+id, "108.25"))
		}
	}
	questions := [][]string{{"gross_to_net", "from", "2026-12", "to", "2026-12"}, {"fees", "from", "2026-12", "to", "2026-12"}, {"tax", "from", "2026-12", "to", "2026-12"},
		{"general_ledger", "from", "2026-12", "to", "2026-12"}, {"general_journal", "from", "2026-12", "to", "2026-12"}, {"trial_balance", "from", "2026-12", "to", "2026-12", "detail", "account"}}
	h.set(2026, 11, 20)
	sell(5) // 1 to 5
	h.set(2026, 12, 20)
	sell(4) // 6 to 9
	h.closeMonth(1, 202611)
	h.raw("adjustment.made", time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC), "USD", "liabilities:tax:sales:US-CA", -100, "assets:bank:operating:main", 100) // 10, late
	h.set(2027, 1, 4)
	sell(3)                                                                                                                                                 // 11 to 13
	h.raw("adjustment.made", time.Date(2026, 12, 30, 10, 0, 0, 0, time.UTC), "USD", "liabilities:tax:sales:US-CA", -300, "assets:bank:operating:main", 300) // 14
	at := h.head()
	before := map[string]string{}
	for _, q := range questions {
		_, before[q[0]] = h.reported(q[0], at, q[1:]...)
	}
	h.closeMonth(2, 202612)
	h.set(2027, 2, 1)
	sell(6)
	for _, place := range []int64{at, h.head()} {
		for _, q := range questions {
			if _, file := h.reported(q[0], place, q[1:]...); file != before[q[0]] {
				t.Errorf("%s at %d (-before the close +after):\n%s", q[0], place, cmp.Diff(before[q[0]], file))
			}
		}
	}
	q := &Query{Book: h.book, AtSequence: h.head(), Values: Values{"from": "2026-12", "to": "2026-12"}, s: h.Service}
	s := q.span()
	h.ok(q.begin(t.Context(), &s))
	if s.first != 6 || s.last != at {
		t.Errorf("December is looked for from %d to %d, want 6 to %d", s.first, s.last, at)
	}
}

// TestAMonthReopenedMeanwhile: what is posted into a month that is reopened between two pages of its report is in neither of them, also
// when the month is closed again before the second one.
func TestAMonthReopenedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		h := newBusinessHouse(t, "US", "America/Chicago", "USD")
		h.set(2026, 12, 20)
		sell := func(cents int) {
			h.Helper()
			h.raw("order.captured", time.Date(2026, 12, 20, 10, 0, 0, 0, time.UTC), "USD", "assets:processor:pending:main", cents, "liabilities:seller:pending:sel_a", -cents)
		}
		sell(700)
		h.set(2027, 1, 4)
		h.closeMonth(1, 202612)
		sell(40) // counts in January
		q := &Query{Book: h.book, AtSequence: h.head(), Values: Values{"from": "2026-12", "to": "2026-12"}, s: h.Service}
		var got []string
		h.ok(q.eachAccounts(t.Context(), q.span(), []string{"assets", "liabilities"}, func(page []account) error {
			for _, a := range page {
				got = append(got, fmt.Sprint(a.address, " ", a.opening, " ", a.debits, " ", a.credits))
			}
			if len(got) == 1 {
				h.ok(h.ledger.ReopenPeriod(t.Context(), h.book, 202612))
				h.closing(2, "reopen", 202612)
				sell(5)
				if again {
					h.closeMonth(3, 202612)
				}
			}
			return nil
		}))
		if want := []string{"assets:processor:pending:main 0 700 0", "liabilities:seller:pending:sel_a 0 0 700"}; !cmp.Equal(got, want) {
			t.Errorf("closed again %v: %v, want %v", again, got, want)
		}
	}
}
