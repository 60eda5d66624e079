package commerce

import (
	"encoding/json"
	"fmt"
	"testing"

	"mizan/ledger"
	"mizan/ledger/fault"
)

// Batches of random lives: a dry run of the rest of a life says what its real run then posts, and leaves nothing; the same
// rest as an atomic group posts the same.

func TestServiceBatches(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...)
	start := freshSeed()
	if *lifeSeed != 0 {
		start = *lifeSeed
	}
	t.Logf("seeds from %d", start)
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			seed := start + uint64(n*livesPerBook)
			bw := w.lifeBook(t, fmt.Sprintf("batches_%d", n), seed)
			for i := range livesPerBook {
				for _, way := range []string{"batch", "atomic"} {
					bw.playRest(t, seed+uint64(i), fmt.Sprintf("%s%d", way, i), way == "atomic", seed)
				}
			}
			report, err := w.ledger.Verify(t.Context(), bw.book, ledger.VerifyOptions{})
			if err != nil || !report.Sound() {
				t.Fatalf("-life.seed %d: the book does not verify: %v %+v", seed, err, report.Findings)
			}
		})
	}
}

// lifeBook is a book with the random rules of a seed, and stored value to pay with.
func (w *workbench) lifeBook(t *testing.T, code string, seed uint64) *workbench {
	t.Helper()
	book, _, err := w.ledger.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: "Lives", Currencies: lifeCurrencies, TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	bw := *w
	bw.book = book
	content, err := json.Marshal(newDice(seed).rules())
	if err != nil {
		t.Fatal(err)
	}
	bw.useRules(t, content)
	currency := newDice(seed).currency
	for _, stored := range []string{"liabilities:store_credit:b", "liabilities:gift_card:g"} {
		bw.raw(t, "test.funded", stored, currency, "assets:processor:pending:main", 1_000_000_000_000, stored, -1_000_000_000_000)
	}
	return &bw
}

// inMemory lives a life in memory with the rules of another seed.
func (w *workbench) inMemory(t *testing.T, seed uint64, name string, rulesOf uint64) *randomLife {
	t.Helper()
	l := &randomLife{dice: newDice(seed), seed: seed, set: newDice(rulesOf).rules()}
	l.dice.name, l.noDebits = name, true
	l.currency = newDice(rulesOf).currency
	l.unit = l.currency.PostingUnit()
	l.pureBook = newPureBook(w.book, name, l.set)
	if err := l.play(); err != nil {
		t.Fatal(err)
	}
	return l
}

// playRest posts a life up to its last settlement one by one, and the rest as a batch or group after a dry run.
func (w *workbench) playRest(t *testing.T, seed uint64, name string, atomic bool, rulesOf uint64) {
	t.Helper()
	l := w.inMemory(t, seed, name, rulesOf)
	rest := 0
	for i := range l.steps {
		if l.steps[i].kind == eventSettled && l.steps[i].outcome == "" {
			rest = i + 1
		}
	}
	for i := range rest {
		w.send(t, l, i)
	}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("-life.seed %d %s from step %d: %s\n%s", rulesOf, name, rest, fmt.Sprintf(format, args...), l.log())
	}
	var steps []int
	events := func() (list []Event) {
		steps = steps[:0]
		for i := rest; i < len(l.steps); i++ {
			if s := l.steps[i]; s.kind != eventSettled && (!atomic || s.outcome == "") {
				list, steps = append(list, w.eventOf(t, l, i)), append(steps, i)
			}
		}
		return list
	}
	if len(events()) == 0 {
		return
	}
	before := w.headOf(t)
	dry, err := w.DryRun(t.Context(), w.book, events(), atomic)
	if err != nil {
		fail("%v", err)
	}
	if after := w.headOf(t); after != before {
		fail("the dry run moved the book from %d to %d", before, after)
	}
	var real []Result
	if atomic {
		real = w.PostAtomic(t.Context(), w.book, events())
	} else {
		real = w.PostBatch(t.Context(), w.book, events())
	}
	for j, i := range steps {
		s := l.steps[i]
		if (real[j].Err == nil) != (s.outcome == "") {
			fail("step %d: in memory %q, really %v", i, s.outcome, real[j].Err)
		}
		if fault.CodeOf(dry[j].Err) != fault.CodeOf(real[j].Err) {
			fail("step %d: the dry run says %v, the real one %v", i, dry[j].Err, real[j].Err)
		}
		if real[j].Err != nil {
			continue
		}
		want := entriesOf(l.transactions[s.from:s.to])
		if got := entriesOf(real[j].Transactions); got != want {
			fail("step %d posted\n%s\nand in memory\n%s", i, got, want)
		}
		if got := entriesOf(dry[j].Transactions); got != want {
			fail("step %d would post\n%s\nand posted\n%s", i, got, want)
		}
		a, _ := json.Marshal(dry[j].Explanation)
		b, _ := json.Marshal(real[j].Explanation)
		if string(a) != string(b) {
			fail("step %d: the dry run explains\n%s\nand the real one\n%s", i, a, b)
		}
		w.checkExplanation(t, fmt.Sprintf("-life.seed %d %s step %d", rulesOf, name, i), real[j])
	}
}

// headOf is the book's last sequence.
func (w *workbench) headOf(t *testing.T) int64 {
	t.Helper()
	head, err := w.ledger.Head(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	return head.LastSequence
}
