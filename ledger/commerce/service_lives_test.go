package commerce

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Random lives through the service and PostgreSQL: each is lived in memory first, and the service must record the same
// entries, read the same state back, answer every event sent again as the first time, and leave books that verify.

const (
	serviceBooks = 12
	livesPerBook = 20
)

func TestServiceLives(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...)
	start := freshSeed()
	if *lifeSeed != 0 {
		start = *lifeSeed
	}
	t.Logf("seeds from %d", start)
	for n := range serviceBooks {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			seed := start + uint64(n*livesPerBook)
			bw := w.lifeBook(t, fmt.Sprintf("lives_%d", n), seed)
			for i := range livesPerBook {
				bw.playBoth(t, seed+uint64(i), i, seed)
				if t.Failed() {
					return
				}
			}
			bw.checkEarned(t)
			report, err := w.ledger.Verify(t.Context(), bw.book, ledger.VerifyOptions{})
			if err != nil || !report.Sound() {
				t.Fatalf("-life.seed %d: the book does not verify: %v %+v", seed, err, report.Findings)
			}
		})
	}
}

// playBoth lives a life in memory and through the service.
func (w *workbench) playBoth(t *testing.T, seed uint64, n int, rulesOf uint64) {
	t.Helper()
	l := w.inMemory(t, seed, fmt.Sprintf("life%d", n), rulesOf)
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("-life.seed %d life %d: %s\n%s", rulesOf, n, fmt.Sprintf(format, args...), l.log())
	}
	first := make([]Result, len(l.steps))
	for i := range l.steps {
		s := &l.steps[i]
		first[i] = w.send(t, l, i)
		if r := first[i]; (r.Err == nil) != (s.outcome == "") {
			fail("step %d: in memory %q, by the service %v", i, s.outcome, r.Err)
		} else if r.Err == nil {
			if got, want := entriesOf(r.Transactions), entriesOf(l.transactions[s.from:s.to]); got != want {
				fail("step %d posted\n%s\nand in memory\n%s", i, got, want)
			}
			w.checkExplanation(t, fmt.Sprintf("life %d step %d", n, i), r)
			text, err := json.Marshal(r.Explanation)
			if err == nil {
				err = recompute(text)
			}
			if err != nil {
				fail("step %d: %v", i, err)
			}
		}
	}
	again, err := w.load(t.Context(), w.book, l.dice.name, 0)
	if err != nil {
		fail("%v", err)
	}
	if got, want := again.fingerprint(), l.order.fingerprint(); got != want {
		fail("the service reads\n%s\nand in memory it is\n%s", got, want)
	}
	if len(l.order.captures) > 0 {
		view, err := w.Order(t.Context(), w.book, l.dice.name)
		if err != nil {
			fail("%v", err)
		}
		checkWaterfall(t, l.dice.name, view)
	}
	for i := range l.steps {
		if first[i].Err != nil || l.steps[i].kind == eventSettled {
			continue
		}
		r := w.send(t, l, i)
		if r.Err != nil || !r.Replayed || entriesOf(r.Transactions) != entriesOf(first[i].Transactions) || len(r.Transactions) == 0 || r.Transactions[0].Sequence != first[i].Transactions[0].Sequence {
			fail("step %d sent again: %v, replayed %v", i, r.Err, r.Replayed)
		}
		a, _ := json.Marshal(first[i].Explanation)
		b, _ := json.Marshal(r.Explanation)
		if string(a) != string(b) {
			fail("step %d sent again is explained differently:\n%s\n%s", i, a, b)
		}
		other := w.eventOf(t, l, i)
		other.OccurredAt = testNow.AddDate(0, 0, -1)
		if r := w.Post(t.Context(), w.book, other); fault.CodeOf(r.Err) != ledger.ErrReferenceReused.Code {
			fail("step %d sent again with another content: %v", i, r.Err)
		}
	}
}

func (w *workbench) eventOf(t *testing.T, l *randomLife, i int) Event {
	return event(t, l.steps[i].kind, fmt.Sprintf("%s-%d", l.dice.name, i), l.steps[i].text())
}

// send posts a step of a life to the service.
func (w *workbench) send(t *testing.T, l *randomLife, i int) Result {
	t.Helper()
	if l.steps[i].kind == eventSettled {
		ask := l.steps[i].ask
		ask.Reference = fmt.Sprintf("%s-%d", l.dice.name, i)
		return w.Settle(t.Context(), w.book, l.dice.name, ask)
	}
	return w.Post(t.Context(), w.book, w.eventOf(t, l, i))
}

// entriesOf puts transactions into words that can be compared.
func entriesOf(ts []ledger.Transaction) string {
	var b strings.Builder
	for _, x := range ts {
		fmt.Fprintln(&b, x.Event)
		for _, e := range x.Entries {
			fmt.Fprintln(&b, " ", e.Account, e.Amount, e.ExternalRef)
		}
	}
	return b.String()
}
