//go:build !race

package commerce

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Every event can be taken back: a reversal undoes what it reverses, and nothing that later events stand on is reversed.

// unreversed are the reasons for which a transaction of a worked example may stay: it was reversed already, it is itself a
// reversal, or it was posted by hand and has no lines.
var unreversed = []string{ledger.ErrAlreadyReversed.Code, ledger.ErrReversalOfReversal.Code, ledger.ErrNothingToReverse.Code}

// TestEveryLifeReverses plays each worked example and reverses all its transactions from the last to the first. Each
// reversal mirrors its original line by line, and in the end no account holds anything.
func TestEveryLifeReverses(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for _, l := range loadLives(t) {
		t.Run(l.Key, func(t *testing.T) {
			w.playLife(t, l)
			lw := *w
			var err error
			if lw.book, err = w.ledger.Book(t.Context(), l.book()); err != nil {
				t.Fatal(err)
			}
			lw.reverseAll(t)
		})
	}
}

// recorded are all transactions of the book, oldest first.
func (w *workbench) recorded(t *testing.T) (list []ledger.Transaction) {
	t.Helper()
	for after := int64(0); ; {
		page, err := w.ledger.Transactions(t.Context(), w.book, ledger.TransactionQuery{After: after, Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, page.Transactions...)
		if !page.More {
			return list
		}
		after = list[len(list)-1].Sequence
	}
}

func (w *workbench) reverseAll(t *testing.T) {
	t.Helper()
	all := w.recorded(t)
	for i := len(all) - 1; i >= 0; i-- {
		x := &all[i]
		w.refuseUnder(t, all, i)
		r := w.reverse(t, x)
		if code := fault.CodeOf(r.Err); r.Err != nil {
			if !slices.Contains(unreversed, code) {
				t.Errorf("%s %s: %v", x.ID(), x.Event, r.Err)
			}
			continue
		}
		mirror := r.Transactions[0]
		if mirror.Reverses != x.Sequence || mirror.Subject != x.Subject || len(mirror.Entries) != len(x.Entries) {
			t.Fatalf("%s %s is reversed by %+v", x.ID(), x.Event, mirror)
		}
		for j, e := range x.Entries {
			if m := mirror.Entries[j]; m.Account != e.Account || m.Currency != e.Currency || m.Amount != -e.Amount || m.ExternalRef != e.ExternalRef {
				t.Errorf("%s %s: %+v is mirrored by %+v", x.ID(), x.Event, e, m)
			}
		}
	}
	if left := w.balances(t); len(left) > 0 {
		t.Errorf("after all reversals: %v", left)
	}
}

// refuseUnder tries to reverse an earlier part of the event while its later part stands: the refusal names what comes first.
func (w *workbench) refuseUnder(t *testing.T, all []ledger.Transaction, i int) {
	t.Helper()
	x := &all[i]
	if i == 0 || all[i-1].Reference != x.Reference || x.Reverses != 0 || slices.ContainsFunc(all, func(y ledger.Transaction) bool { return y.Reverses == x.Sequence }) {
		return
	}
	if r := w.reverse(t, &all[i-1]); fault.CodeOf(r.Err) != ErrNotLast.Code || !strings.Contains(r.Err.Error(), x.ID()) {
		t.Errorf("%s %s under its later part %s: %v", all[i-1].ID(), all[i-1].Event, x.ID(), r.Err)
	}
}

// TestReversalInABatch: what follows a reversal in the same batch goes on without what was reversed, as it would alone; the
// dry run says the same.
func TestReversalInABatch(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{true, false} {
		w := newPeerBench(t)
		w.sellChanged(t, "o")
		refund := w.post(t, "refund.made", "r", `{"order":"o","refund":"R","amount":"40.00"}`)
		charge := w.post(t, "commission.earned", "e", `{"commission":"A","seller":"s","creator":"d","currency":"USD","amount":"5.00"}`)
		events := func() []Event {
			return []Event{
				event(t, "entry.reversed", "u1", fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, refund.Transactions[0].ID())),
				event(t, "refund.made", "r2", `{"order":"o","refund":"R","full":true,"shipped":false}`),
				event(t, "entry.reversed", "u2", fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, charge.Transactions[0].ID())),
				event(t, "commission.earned", "e2", `{"commission":"A","seller":"s","creator":"d","currency":"USD","amount":"6.00"}`),
			}
		}
		dry, err := w.DryRun(t.Context(), w.book, events(), atomic)
		if err != nil {
			t.Fatal(err)
		}
		post := w.PostBatch
		if atomic {
			post = w.PostAtomic
		}
		for i, r := range post(t.Context(), w.book, events()) {
			if r.Err != nil || dry[i].Err != nil || entriesOf(r.Transactions) != entriesOf(dry[i].Transactions) {
				t.Errorf("atomic %t, event %d: %v, dry %v\n%s\n%s", atomic, i, r.Err, dry[i].Err, entriesOf(r.Transactions), entriesOf(dry[i].Transactions))
			}
		}
		want := map[string]string{"assets:processor:pending:main USD": "100.00", "assets:processor:available:main USD": "-100.00",
			"liabilities:seller:available:s USD": "-6.00", "liabilities:creator:pending:d USD": "6.00"}
		if got := w.balances(t); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("atomic %t: %v, want %v", atomic, got, want)
		}
		w.verify(t)
	}
}
