package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCompare walks a week by hand: a charge that agrees, one without its entry, one late, a fee that differs.
func TestCompare(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	h.take(line{id: "txn_1", key: "ch_1", gross: 6000, fee: 131}, line{id: "txn_2", key: "re_1", gross: -3000, category: "refund"}, line{id: "txn_3", key: "po_1", gross: -1000, category: "payout"})
	h.charge("order:1", "ch_1", 6000, 131)
	h.post("order:1", leg{account: "available", amount: -1000, ref: "txn_3"})
	h.post("order:1", leg{account: "available", amount: 5869, ref: "txn_1"}, leg{amount: -5869, ref: "txn_1"})
	first := h.run(sliceLines)
	if first.Number != 1 || first.Matched != 2 || first.OpenItems != 1 || first.Found != 1 || first.ToLine != 3 || first.ToSequence != 4 {
		t.Fatalf("first run %s", first.Summary)
	}
	var sums []Sums
	h.ok(json.Unmarshal(first.Summary, &sums))
	if len(sums) != 1 || sums[0].Closing != (Sides{"18.69", "48.69"}) || sums[0].Open != "-30.00" {
		t.Errorf("sums %s", first.Summary)
	}
	h.advance(24 * time.Hour)
	h.post("order:1", leg{amount: -3000, ref: "re_1"})
	h.charge("order:2", "ch_2", 500, 20)
	second := h.run(sliceLines)
	if second.Number != 2 || second.Matched != 1 || second.OpenItems != 2 || second.Found != 1 {
		t.Fatalf("second run %d %d %d %s", second.Matched, second.OpenItems, second.Found, second.Summary)
	}
	h.take(line{id: "txn_4", key: "ch_2", gross: 500, fee: 21})
	third := h.run(sliceLines)
	if third.OpenItems != 3 || third.Found != 1 {
		var b strings.Builder
		h.ok(h.Document(t.Context(), h.book, third.ID, &b))
		t.Fatalf("third run: %s", b.String())
	}
	fourth := h.run(sliceLines)
	if fourth.OpenItems != 3 || fourth.Found != 1 || fourth.Matched != 0 {
		t.Fatalf("fourth run %s", fourth.Summary)
	}
	for _, run := range []Run{first, second, third, fourth} {
		h.same(run)
		var b bytes.Buffer
		h.ok(h.Document(t.Context(), h.book, run.ID, &b))
		if sum := sha256.Sum256(b.Bytes()); !bytes.Equal(sum[:], run.Digest) || !json.Valid(b.Bytes()) {
			t.Errorf("the document of run %d is not what its digest says", run.Number)
		}
	}
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10})
	h.ok(err)
	if len(runs) != 4 {
		t.Errorf("%d runs", len(runs))
	}
	h.inTurns(fourth)
}

// takingTime is a reader who does something else before taking anything.
type takingTime func()

func (r takingTime) Write(p []byte) (int, error) {
	r()
	return len(p), nil
}

// inTurns has one run made at a time for people, and documents read by some who take their time, which keeps nobody from having one made.
func (h *comparing) inTurns(run Run) {
	end, err := h.Begin()
	h.ok(err)
	if _, err := h.Replay(h.Context(), h.book, run.ID); !errors.Is(err, ErrBusy) {
		h.Errorf("two runs at once: %v", err)
	}
	if err := h.Document(h.Context(), h.book, run.ID, takingTime(func() { h.Error("a document was made without its turn") })); !errors.Is(err, ErrBusy) {
		h.Errorf("a document beside a run: %v", err)
	}
	end()
	var read func(others int) error
	read = func(others int) error {
		var within error
		var once sync.Once
		err := h.Document(h.Context(), h.book, run.ID, takingTime(func() {
			once.Do(func() {
				if h.same(run); others > 0 {
					within = read(others - 1)
				}
			})
		}))
		return errors.Join(err, within)
	}
	h.ok(read(mostLeaving - 1))
	if err := read(mostLeaving); !errors.Is(err, ErrBusy) {
		h.Errorf("one document too many: %v", err)
	}
	h.ok(read(0))
}
