package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/payouts"
)

// TestSurplusIsABreak (peers' bug 57): a peer compared balances and called it well when the processor held more than the books said.
// Here a difference is one in either direction, with its sign.
func TestSurplusIsABreak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		source, ledger, want  money.Minor
		sourceHas, ledgerHas  bool
		sourceClose, openSums Amount
	}{
		{"surplus in one line", 1010, 1000, 10, true, true, "10.10", "0.10"},
		{"shortage in one line", 990, 1000, -10, true, true, "9.90", "-0.10"},
		{"only the source", 1000, 0, 1000, true, false, "10.00", "10.00"},
		{"only the books", 0, 1000, -1000, false, true, "0.00", "-10.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newComparing(t)
			if c.sourceHas {
				h.take(line{id: "txn_1", key: "ch_1", gross: c.source})
			}
			if c.ledgerHas {
				h.post("order:1", leg{amount: c.ledger, ref: "ch_1"})
			}
			in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: h.Now()})
			h.ok(err)
			out, err := h.compute(t.Context(), h.book, &in, nil, sliceLines)
			h.ok(err)
			var sum money.Minor
			for _, f := range out.findings {
				sum += f.Amount
			}
			if len(out.findings) == 0 || sum != c.want {
				t.Errorf("found %+v", out.findings)
			}
			if text := string(out.summaryJSON); !strings.Contains(text, `"closing":{"source":"`+string(c.sourceClose)+`"`) || !strings.Contains(text, `"open":"`+string(c.openSums)+`"`) {
				t.Errorf("summary %s", text)
			}
		})
	}
}

// TestSlicesAreTheWhole (peers' bug 58): a peer's parallel matcher found other matches than its plain one. What is cut into slices
// of any size is the same as one statement over everything, and as items carried by hand; here a key whose members lie in many
// slices, of which some tie by chance.
func TestSlicesAreTheWhole(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	for i := range 9 {
		h.take(line{id: fmt.Sprint("txn_a", i), key: "ch_same", gross: 100}, line{id: fmt.Sprint("txn_b", i), key: fmt.Sprint("ch_", i), gross: 50})
		h.post("order:1", leg{amount: 50, ref: fmt.Sprint("ch_", 8-i)})
		if i != 4 {
			h.post("order:1", leg{amount: 100, ref: "ch_same"})
		}
	}
	var want []byte
	for _, size := range []int{sliceLines, 1, 2, 3, 4, 5, 6, 7, 17, 18, 19} {
		in, _, err := h.planRun(t.Context(), h.book, Asked{Match: R1, Source: 1, CutOff: h.Now()})
		h.ok(err)
		out, err := h.compute(t.Context(), h.book, &in, nil, size)
		h.ok(err)
		if want == nil {
			want = out.digest
			if out.matched == 18 || len(out.findings) == 0 {
				t.Fatalf("nothing is left: %+v", out)
			}
		}
		if !slices.Equal(out.digest, want) {
			t.Errorf("slices of %d lines come to something else", size)
		}
	}
}

// TestTamperingIsFound changes rows behind the service's back, as their owner, and makes the run again.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, sql string }{
		{"a line's amount", `UPDATE evidence_lines SET gross = gross + 1, net = net + 1 WHERE number = 1`},
		{"a line's key", `UPDATE evidence_lines SET key = 'ch_x' WHERE number = 1`},
		{"a line's category", `UPDATE evidence_lines SET category = 'refund' WHERE number = 1`},
		{"an open line's time", `UPDATE evidence_lines SET moved_at = moved_at - interval '40 days' WHERE number = 2`},
		{"two lines that even out", `UPDATE evidence_lines SET gross = gross + 3 - 2 * number, net = net + 3 - 2 * number WHERE number <= 2`},
		{"an entry's amount", `UPDATE entries SET amount = amount + 1 WHERE external_ref = 'ch_1'`},
		{"an entry's reference", `UPDATE entries SET external_ref = 'ch_9' WHERE external_ref = 'ch_1'`},
		{"an entry's balance", `UPDATE entries SET balance_after = balance_after + 1 WHERE sequence = (SELECT max(sequence) FROM entries)`},
		{"the bytes of a receipt", `UPDATE evidence_parts SET content = 'x' WHERE receipt = 1`},
		{"a receipt's hash", `UPDATE evidence_receipts SET sha256 = sha256('x') WHERE number = 1`},
		{"the summary", `UPDATE recon_runs SET summary = replace(summary, '10.00', '11.00') WHERE number = 1`},
		{"the inputs", `UPDATE recon_runs SET inputs = replace(inputs, 'Europe/Berlin', 'Europe/Paris') WHERE number = 1`},
		{"the digest", `UPDATE recon_runs SET digest = sha256('x') WHERE number = 1`},
		{"what it matched", `UPDATE recon_runs SET matched = matched + 1 WHERE number = 1`},
		{"its end", `UPDATE recon_runs SET to_line = to_line - 1 WHERE number = 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newComparing(t)
			h.take(line{id: "txn_1", key: "ch_1", gross: 1000}, line{id: "txn_2", key: "ch_2", gross: 500})
			h.post("order:1", leg{amount: 1000, ref: "ch_1"})
			h.post("order:3", leg{amount: 70, ref: "ch_3"})
			run := h.run(sliceLines)
			h.same(run)
			h.owner(c.sql)
			result, err := h.Replay(t.Context(), h.book, run.ID)
			h.ok(err)
			if result.Same {
				t.Fatal("nothing was found")
			}
			if err := h.Document(t.Context(), h.book, run.ID, new(strings.Builder)); !errors.Is(err, ErrRunChanged) {
				t.Errorf("the document: %v", err)
			}
		})
	}
}

// TestManyRunsAtOnce has two services compare at the same time while sales are posted. Runs follow each other without a gap, those
// that were overtaken say so, and each comes to the same again.
func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	other := h.another()
	var group sync.WaitGroup
	var mu sync.Mutex
	var runs []Run
	overtaken := 0
	for i := range 50 {
		group.Go(func() {
			if i%5 == 0 {
				if err := h.tryPost("order:1", leg{amount: money.Minor(100 + i), ref: fmt.Sprint("ch_", i)}); err != nil {
					t.Error(err)
				}
				return
			}
			service := h.Service
			if i%2 == 0 {
				service = other
			}
			run, err := service.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 2)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrRunOvertaken):
				overtaken++
			case err != nil:
				t.Error(err)
			default:
				runs = append(runs, run)
			}
		})
	}
	group.Wait()
	if len(runs)+overtaken != 40 || len(runs) == 0 {
		t.Fatalf("%d runs and %d overtaken", len(runs), overtaken)
	}
	runs = append(runs, h.run(2))
	slices.SortFunc(runs, func(a, b Run) int { return int(a.Number - b.Number) })
	for i, run := range runs {
		if run.Number != int64(i+1) || i > 0 && (run.FromSequence != runs[i-1].ToSequence || run.FromLine != runs[i-1].ToLine) {
			t.Errorf("run %d follows %d", run.Number, i)
		}
		h.same(run)
	}
	if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until IS NULL`); n != 10 {
		t.Errorf("%d open items", n)
	}
}

// TestTurnIsAsked begins the record with the turn's check, and leaves nothing if it says no.
func TestTurnIsAsked(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.take(line{id: "txn_1", key: "ch_1", gross: 1000})
	taken := errors.New("taken over")
	turn := payouts.Turn{Book: h.book, Check: func(context.Context, pgx.Tx) error { return taken }}
	if _, err := h.Compare(t.Context(), turn, Asked{Match: R1, Source: 1}); !errors.Is(err, taken) {
		t.Fatal(err)
	}
	if n := h.count(`SELECT (SELECT count(*) FROM recon_runs) + (SELECT count(*) FROM recon_items) + (SELECT count(*) FROM recon_heads)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	turn.Check = func(context.Context, pgx.Tx) error { return nil }
	run, err := h.Compare(t.Context(), turn, Asked{Match: R1, Source: 1})
	h.ok(err)
	if run.Trigger != "scheduled" || run.StartedBy != "system" {
		t.Errorf("%+v", run)
	}
}

// TestWhatCannotBeCompared refuses sources that are not there or not of the match, and too much that is open.
func TestWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.exec(`INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES ($1, 2, 'bank', 'main', now())`, h.book.ID)
	for _, c := range []struct {
		a    Asked
		want error
	}{
		{Asked{Match: R1, Source: 9}, ErrSourceUnknown},
		{Asked{Match: R2, Source: 1}, ErrSourceInvalid},
		{Asked{Match: R1, Source: 2}, ErrSourceInvalid},
		{Asked{Match: R2, Source: 2}, ErrSourceInvalid},
		{Asked{Match: R3, Source: 1}, ErrSourceInvalid},
	} {
		if _, err := h.Compare(t.Context(), h.turn(), c.a); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.a, err)
		}
	}
	if _, err := h.Replay(t.Context(), h.book, "rec_0000000000000000"); !errors.Is(err, ErrRunUnknown) {
		t.Error(err)
	}
	c := newCarry(2)
	for i, want := range []error{nil, nil, errCarryFull} {
		if err := c.add(unequal{keyed: keyed{fmt.Sprint(i), "EUR"}, source: flow{1, 0}, lines: 1}); !errors.Is(err, want) {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

// TestEntriesAfterTheEndDoNotCount posts and takes more, and makes the run again.
func TestEntriesAfterTheEndDoNotCount(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.take(line{id: "txn_1", key: "ch_1", gross: 1000})
	h.post("order:1", leg{amount: 900, ref: "ch_1"})
	first := h.run(sliceLines)
	h.advance(40 * 24 * time.Hour)
	h.post("order:1", leg{amount: 100, ref: "ch_1"})
	h.take(line{id: "txn_2", key: "ch_2", gross: 5}, line{id: "txn_3", key: "ch_1", gross: 1000})
	h.same(first)
	second := h.run(sliceLines)
	h.same(first)
	h.same(second)
	h.exec(`UPDATE recon_items SET open_until = 3, how = 'confirmed' WHERE side = 'e' AND a = 2`)
	h.same(first)
	h.same(second)
}
