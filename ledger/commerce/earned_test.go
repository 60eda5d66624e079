package commerce

import (
	"testing"

	"mizan/ledger"
	"mizan/ledger/money"
)

// checkEarned tells all transactions of a book apart. What earns takes nothing from anybody under that name, every transaction can be
// read, and the parts of each payee sum to what moved on its accounts.
func (w *workbench) checkEarned(t testing.TB) (all []Earned) {
	t.Helper()
	for after := int64(0); ; {
		page, err := w.ledger.Transactions(t.Context(), w.book, ledger.TransactionQuery{After: after, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		told, unread, err := w.EarnedIn(t.Context(), w.book, page.Transactions)
		if err != nil || len(unread) > 0 {
			t.Fatalf("not told: %v %v", unread, err)
		}
		for i := range page.Transactions {
			x := &page.Transactions[i]
			type owner struct {
				kind, id string
				currency money.Currency
			}
			sums := map[owner]money.Minor{}
			for _, e := range movedBy(x) {
				sums[owner{e.Kind, e.ID, e.Currency}] = e.Moved()
			}
			for _, e := range told[x.Sequence] {
				all = append(all, e)
				sums[owner{e.Kind, e.ID, e.Currency}] -= e.Moved()
				if e.Earned < 0 || isEarning(x.Event) && e.GivenBack > 0 {
					t.Errorf("%s %d is told to %s as %+v", x.Event, x.Sequence, e.ID, e.EarnedParts)
				}
			}
			for o, rest := range sums {
				if rest != 0 {
					t.Errorf("%s %d: of what moved for %s, %d is not told", x.Event, x.Sequence, o.id, rest)
				}
			}
			after = x.Sequence
		}
		if !page.More {
			return all
		}
	}
}

// TestEarnedAsWhat tells each payee's part of events that cost somebody who earns nothing by them.
func TestEarnedAsWhat(t *testing.T) {
	t.Parallel()
	entry := func(account string, amount money.Minor) ledger.Entry {
		return ledger.Entry{Account: ledger.Address(account), Amount: amount, Currency: "GBP"}
	}
	for _, c := range []struct {
		event   string
		entries []ledger.Entry
		want    map[string]EarnedParts
	}{
		{"import.order_paid", []ledger.Entry{entry("liabilities:seller:pending:s", 1200), entry("revenue:simulcast_fee", -400), entry("liabilities:creator:pending:c", -800)},
			map[string]EarnedParts{"s": {Fees: -400, Shared: -800}, "c": {Earned: 800}}},
		{"commission.earned", []ledger.Entry{entry("liabilities:seller:available:s", 500), entry("liabilities:creator:pending:c", -500)},
			map[string]EarnedParts{"s": {Shared: -500}, "c": {Earned: 500}}},
		{"gift.sent", []ledger.Entry{entry("liabilities:creator:pending:c", -70), entry("liabilities:agency:pending:a", -30), entry("revenue:gift_share", 100)},
			map[string]EarnedParts{"c": {Earned: 100, Shared: -30}, "a": {Earned: 30}}},
		{"gift.reversed", []ledger.Entry{entry("liabilities:creator:pending:c", 70), entry("liabilities:agency:pending:a", 30), entry("revenue:gift_share", -100)},
			map[string]EarnedParts{"c": {GivenBack: -100, Shared: 30}, "a": {GivenBack: -30}}},
		{"order.cod_refused", []ledger.Entry{entry("liabilities:seller:pending:s", 300), entry("liabilities:carrier:x", -300)},
			map[string]EarnedParts{"s": {Fees: -300}}},
	} {
		x := &ledger.Transaction{Event: c.event, Entries: c.entries}
		moved := movedBy(x)
		classify(x, moved)
		for _, e := range moved {
			if e.EarnedParts != c.want[e.ID] {
				t.Errorf("%s is told to %s as %+v, want %+v", c.event, e.ID, e.EarnedParts, c.want[e.ID])
			}
		}
	}
}
