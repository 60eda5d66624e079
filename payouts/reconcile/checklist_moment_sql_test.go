package reconcile

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// moment posts an amount in cents between two accounts and returns its sequence.
func (h *evidenceHouse) moment(event string, debit, credit ledger.Address, amount money.Minor) int64 {
	h.Helper()
	out := h.books.Post(h.Context(), h.book, ledger.Submission{Reference: string(debit) + " " + string(credit), Drafts: []ledger.Draft{{Event: event,
		Lines: []ledger.Line{{Account: debit, Amount: amount, Currency: "EUR"}, {Account: credit, Amount: -amount, Currency: "EUR"}}}}})
	h.ok(out.Err)
	return out.Transactions[0].Sequence
}

// TestCoverageIsOfTheMomentNamed: whether donations and the money kept for others are covered is judged right after the transaction
// that a closing names, whatever was posted since.
func TestCoverageIsOfTheMomentNamed(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	judged := func(before *seenBefore) [3]any {
		h.Helper()
		j, err := h.judge(t.Context(), h.book, 202603, before)
		h.ok(err)
		return [3]any{j.seen.at, j.Item(itemCoverage).State, j.Item(itemSafeguarding).State}
	}
	at := func(sequence int64) *seenBefore {
		return &seenBefore{at: sequence, items: map[string]*ChecklistItem{}}
	}
	h.is("an empty book", judged(nil), [3]any{int64(0), ItemDone, ItemNotApplicable})
	first := h.moment("order.captured", "assets:processor:available:main", "revenue:referral_fee", 1000)
	second := h.moment("opening.balance", "expenses:goodwill", "liabilities:seller:available:s", 5000)
	third := h.moment("donation.received", "assets:processor:available:main", "liabilities:donation:available:c", 700)
	h.is("before the first", judged(at(0)), [3]any{int64(0), ItemDone, ItemNotApplicable})
	h.is("after the first", judged(at(first)), [3]any{first, ItemDone, ItemNotApplicable})
	h.is("after the second", judged(at(second)), [3]any{second, ItemBlocked, ItemNotApplicable})
	h.is("at last", judged(nil), [3]any{third, ItemBlocked, ItemDone})
}

func (h *evidenceHouse) is(when string, got, want [3]any) {
	h.Helper()
	if got != want {
		h.Errorf("%s: %v, want %v", when, got, want)
	}
}

// TestCoverageIsGivenUpInTime: a book whose balances take too long to be added up has the rest of its checklist, and two people may
// accept what was not found out.
func TestCoverageIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.moment("order.captured", "assets:processor:available:main", "revenue:referral_fee", 1000)
	whole, err := h.Checklist(t.Context(), h.book, 202603)
	h.ok(err)
	h.coverageWithin = time.Nanosecond
	list, err := h.Checklist(t.Context(), h.book, 202603)
	h.ok(err)
	i := list.Item(itemCoverage)
	if i.State != ItemBlocked || !i.Acceptable || len(list.Items) != len(whole.Items) || whole.Item(itemCoverage).State != ItemDone {
		t.Errorf("%+v of %d items, %d with time", i, len(list.Items), len(whole.Items))
	}
	blocks := func(accepted ...string) bool {
		return slices.ContainsFunc(list.Blockers(accepted), func(i ChecklistItem) bool { return i.Code == itemCoverage })
	}
	if !blocks() || blocks(itemCoverage) {
		t.Error("it blocks unless it is accepted")
	}
	// A check that panics, beside what waits for it, fails the checklist and nothing else. So does the time that nobody has left.
	h.events = nil
	if _, err := h.Checklist(t.Context(), h.book, 202603); !errors.Is(err, errCheckPanicked) {
		t.Errorf("a check panicked: %v", err)
	}
	h.checklists <- struct{}{}
	h.checklists <- struct{}{}
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := h.Checklist(late, h.book, 202603); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("there was no turn: %v", err)
	}
}
