package reconcile

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestSettleLooksBeforeItLocks: what was posted since a run is looked through before the book is locked, and only what comes after that while
// it is. A line that the books come to know of at either time is not put into suspense.
func TestSettleLooksBeforeItLocks(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var lines []Finding
	for _, key := range []string{"txn_a", "txn_b", "txn_c"} {
		lines = append(lines, h.missing(h.line(h.source.ID, key, "USD", -300), key, "USD", -300))
	}
	h.run(h.source, lines...)
	h.adjusted("txn_a", "USD", -300) // before it is looked through
	turn := breaksTurn
	asked := 0
	turn.Check = func(ctx context.Context, tx pgx.Tx) error {
		if asked++; asked == 1 {
			h.adjusted("txn_b", "USD", -300) // after it was, and before the lock
		}
		return nil
	}
	w := &settling{service: h.Service, turn: turn, book: h.book, source: h.source, match: matchOf(h.source)}
	h.ok(h.db.Pool.QueryRow(t.Context(), sqlReconHead, h.book.ID, w.match, h.source.ID).Scan(&w.head.run, &w.head.sequence))
	var err error
	w.rules, err = h.RulesAt(t.Context(), h.book, h.clock.now())
	h.ok(err)
	var ids []string
	for _, key := range []string{"txn_a", "txn_b", "txn_c"} {
		ids = append(ids, h.of(key+":USD").ID)
	}
	before := w.head.sequence
	done, err := w.settle(t.Context(), ids)
	h.ok(err)
	if done != (Settled{Suspended: 1, Known: 2}) || h.of("txn_c:USD").Suspense == 0 {
		t.Errorf("%+v", done)
	}
	if last := int64(h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID)); w.looked <= before || w.looked >= last || asked != 2 {
		t.Errorf("it was looked through up to %d of %d and asked %d times", w.looked, last, asked)
	}
	h.even()
}

// What the books came to know of since the run is looked for before the book is locked, and only what came after that while it is.
func TestFixLooksBeforeItLocks(t *testing.T) {
	t.Parallel()
	h := newBreakHouse(t)
	var list []Finding
	for _, name := range []string{"txn_a", "txn_b", "txn_c"} {
		f := h.missing(h.line(1, name, "USD", -1000), name, "USD", -1000)
		f.Suspend = false
		list = append(list, f)
	}
	h.run(h.source, list...)
	off := func(identity string) writeOffPayload {
		return writeOffPayload{Break: h.of(identity).ID, To: "expenses:bad_debt"}
	}
	h.ok(h.adjusted("txn_a", "USD", -1000).Err)
	_, err := h.ask(ActWriteOff, off("txn_a:USD"))
	h.wants(err, errOvertaken)

	a, err := h.ask(ActWriteOff, off("txn_b:USD"))
	h.ok(err)
	looked, ok := a.Effect.Seen.(*lookedFor)
	if last := int64(h.count(`SELECT last_sequence FROM books WHERE id = $1`, h.book.ID)); !ok || looked.until != last || looked.run.sequence >= last {
		t.Fatalf("%+v of %d", looked, last)
	}
	h.ok(h.adjusted("txn_b", "USD", -1000).Err)
	b := h.of("txn_b:USD")
	tx, err := h.db.Pool.Begin(t.Context())
	h.ok(err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	h.wants(h.stillMissing(t.Context(), tx, h.book, &b, looked), errOvertaken)
	after := *looked
	after.until++
	h.ok(h.stillMissing(t.Context(), tx, h.book, &b, &after)) // what was looked through is not looked through again
	for _, other := range []*lookedFor{nil, {run: reconHead{after.run.run - 1, after.run.sequence}, names: after.names, until: after.until}, {run: after.run, names: []string{"x"}, until: after.until}} {
		h.wants(h.stillMissing(t.Context(), tx, h.book, &b, other), errOvertaken)
	}
	h.agreed(ActWriteOff, off("txn_c:USD"))
	h.wantState(h.of("txn_c:USD"), WrittenOff)
	h.even()
}
