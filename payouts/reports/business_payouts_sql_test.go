package reports

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// own posts a step of a payout.
func (h *businessHouse) own(d commerce.OwnEvent) int64 {
	h.Helper()
	r := h.events.Post(h.Context(), h.book, commerce.Own(d, h.clock()))
	h.ok(r.Err)
	return r.Transactions[0].Sequence
}

// sent is a payout of a test: its terms and how many steps it has.
type sent struct {
	terms commerce.PayoutTerms
	steps int
}

// payout creates one of a run, as the service that pays does.
func (h *businessHouse) payout(id, payee string, amount, fee money.Minor, retryOf string) *sent {
	h.Helper()
	p := &sent{terms: commerce.PayoutTerms{Payout: id, Kind: "seller", Payee: payee, Currency: "USD", Amount: amount.Format("USD"), Fee: fee.Format("USD"), Source: commerce.SourceAvailable}}
	sequence := h.own(&commerce.PayoutCreated{PayoutTerms: p.terms, RetryOf: retryOf})
	h.ok(h.db.Pool.Tx(h.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(h.Context(), `INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at)
VALUES ($1, 'run_0000000000000001', 'manual', $2, 0, 'done', 'jobs', $2) ON CONFLICT DO NOTHING`, h.book.ID, h.clock()); err != nil {
			return err
		}
		_, err := tx.Exec(h.Context(), `
INSERT INTO payouts (book_id, id, run_id, part_no, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence, consumed_from, consumed_through, left_after,
                     destination, rail, rail_account, mode, needs_person, retry_of, created_at, changed_at, transfer)
SELECT $1, $2, 'run_0000000000000001', n.number, 'seller', $3, $3, 'USD', $4, $5, 'standard', 'created', e.account_id, n.number, $6, n.before, e.debits_after, -e.balance_after,
       'dst_0000000000000001', 'connected', 'acct_1', 'automatic', false, $7, $8, $8, 'tr_' || $2
  FROM entries e JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
 CROSS JOIN LATERAL (SELECT count(*)::integer + 1 AS number, coalesce(max(p.consumed_through), 0) AS before FROM payouts p WHERE p.book_id = $1 AND p.account_id = e.account_id) n
 WHERE e.book_id = $1 AND e.sequence = $6 AND a.address = 'liabilities:seller:available:' || $3`, h.book.ID, id, payee, amount, fee, sequence, retryOf, h.clock())
		return err
	}))
	h.step(p, "created", "", sequence)
	return p
}

// step notes a step, 0 for one that posted nothing.
func (h *businessHouse) step(p *sent, state, code string, sequence int64) {
	h.Helper()
	p.steps++
	h.ok(h.db.Pool.Tx(h.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(h.Context(), `INSERT INTO payout_steps (book_id, payout, number, state, at, code, sequence, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, 'jobs')`,
			h.book.ID, p.terms.Payout, p.steps, state, h.clock(), code, sequence)
		return err
	}))
}

// TestPayoutRegister plays payouts and asks for each moment again after all is over.
func TestPayoutRegister(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/New_York", "USD")
	h.raw("order.captured", time.Time{}, "USD", "assets:processor:available:main", 90000, "liabilities:seller:available:s1", -90000)
	var files []string
	var places []int64
	look := func() {
		t.Helper()
		_, file := h.reported("payout_register", h.head(), "from", "2026-11-20", "to", "2026-11-30")
		files, places = append(files, file), append(places, h.head())
	}
	a := h.payout("po_aaaaaaaaaaaaaaaa", "s1", 30000, 25, "")
	look()
	h.set(2026, 11, 21)
	h.step(a, "sending", "", 0)
	h.step(a, "submitted", "", h.own(&commerce.PayoutSubmitted{PayoutTerms: a.terms, Processor: "main", Entry: "txn_a"}))
	look()
	h.set(2026, 11, 22)
	h.step(a, "paid", "", h.own(&commerce.PayoutPaid{PayoutTerms: a.terms, Processor: "main", Trace: "FT-77"}))
	b := h.payout("po_bbbbbbbbbbbbbbbb", "s1", 20000, 0, "")
	look()
	h.set(2026, 11, 24)
	h.step(a, "paid", "account_closed", h.own(&commerce.PayoutReturned{PayoutTerms: a.terms, Processor: "main", Entry: "txn_back", Reason: "account_closed"}))
	h.step(b, "cancelled", "asked_for", h.own(&commerce.PayoutCancelled{PayoutTerms: b.terms, Reason: "asked_for"}))
	h.payout("po_cccccccccccccccc", "s1", 30000, 25, "po_aaaaaaaaaaaaaaaa")
	look()
	h.payout("po_dddddddddddddddd", "s1", 1000, 0, "")

	rows := h.report("payout_register", places[3], "from", "2026-11-20", "to", "2026-11-30")
	want := []string{
		"po_aaaaaaaaaaaaaaaa | s1 | 300.00 | 0.25 | returned | 2026-11-20T12:00:00Z | 2026-11-21T12:00:00Z | 2026-11-22T12:00:00Z | 2026-11-24T12:00:00Z |  | main | tr_po_aaaaaaaaaaaaaaaa | txn_a | txn_back | FT-77 |  | account_closed",
		"po_bbbbbbbbbbbbbbbb | s1 | 200.00 | 0.00 | cancelled | 2026-11-22T12:00:00Z |  |  |  | 2026-11-24T12:00:00Z |  |  |  |  |  |  | asked_for",
		"po_cccccccccccccccc | s1 | 300.00 | 0.25 | created | 2026-11-24T12:00:00Z |  |  |  |  |  |  |  |  |  | po_aaaaaaaaaaaaaaaa | ",
	}
	got := cells(rows, "payout", "payee", "amount", "fee", "state", "created_at", "submitted_at", "paid_at", "returned_at", "ended_at", "processor", "processor_transfer", "processor_entry",
		"processor_entry_back", "bank_trace", "retry_of", "reason")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the register (-want +got):\n%s", diff)
	}
	for i, at := range places {
		if _, again := h.reported("payout_register", at, "from", "2026-11-20", "to", "2026-11-30"); again != files[i] {
			t.Errorf("moment %d made again:\n%s\nwas\n%s", i, again, files[i])
		}
	}
	for _, row := range rows { // a payout is the sum of its lines
		id := row["payout"].Text()
		amount, _ := row["amount"].Money()
		fee, _ := row["fee"].Money()
		var lines money.Minor
		for sequence, line, more := int64(0), 0, true; more; {
			page, err := h.payouts.Lines(t.Context(), h.book, id, sequence, line, 100)
			h.ok(err)
			for _, l := range page.Lines {
				lines += l.Amount
			}
			more, sequence, line = page.More, page.AfterSequence, page.AfterLine
		}
		if lines != amount+fee {
			t.Errorf("the lines of %s come to %d, the payout to %d", id, lines, amount+fee)
		}
	}
	h.source(1, "processor", "main", `{}`, 2)
	h.line(1, 1, "txn_a", "txn_a", "payout", -30000, 0)
	h.line(1, 2, "txn_back", "txn_back", "payout_reversal", 30000, 0)
	trail := h.report("trail", h.head(), "kind", "payout", "id", "po_aaaaaaaaaaaaaaaa")
	steps := []string{"payout.created | payout:po_aaaaaaaaaaaaaaaa", "payout.submitted | payout:po_aaaaaaaaaaaaaaaa", "payout.paid | payout:po_aaaaaaaaaaaaaaaa", "payout.returned | payout:po_aaaaaaaaaaaaaaaa"}
	if diff := cmp.Diff(steps, cells(told(trail, "transaction"), "event", "subject")); diff != "" {
		t.Errorf("the trail of a payout (-want +got):\n%s", diff)
	}
	if got := told(trail, "paid"); total(got, "amount", "USD") != 30025 || got[0]["event"].Text() != "order.captured" {
		t.Errorf("it pays %v", cells(got, "event", "amount"))
	}
	if debits := total(trail, "debit", "USD"); debits == 0 || debits != total(trail, "credit", "USD") {
		t.Errorf("its entries do not balance: %d", debits)
	}
	said := []string{"processor main | 1 | txn_a | -300.00", "processor main | 2 | txn_back | 300.00"}
	if diff := cmp.Diff(said, cells(told(trail, "evidence"), "source", "source_line", "source_line_id", "amount")); diff != "" {
		t.Errorf("the evidence of a payout (-want +got):\n%s", diff)
	}
	if early := h.report("trail", places[0], "kind", "payout", "id", "po_aaaaaaaaaaaaaaaa"); len(told(early, "transaction")) != 1 || len(told(early, "evidence")) != 0 {
		t.Errorf("before it was sent: %v", cells(early, "row", "event"))
	}
	if code := h.refusal("trail", "kind", "payout", "id", "po_zzzzzzzzzzzzzzzz"); code != "payout-unknown" {
		t.Errorf("the trail of no payout: %s", code)
	}
	if got := h.report("payout_register", places[3], "from", "2026-11-21", "to", "2026-11-22"); len(got) != 1 {
		t.Errorf("two days: %v", cells(got, "payout"))
	}
}

// TestPayoutRegisterOfOneInstant adds up payouts of one instant, which only their ids tell apart.
func TestPayoutRegisterOfOneInstant(t *testing.T) {
	t.Parallel()
	h := newBusinessHouse(t, "US", "America/New_York", "USD")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	h.raw("order.captured", time.Time{}, "USD", "assets:processor:available:main", 10_000_000, "liabilities:seller:available:s1", -10_000_000)
	var amount money.Minor
	for i := range 40 {
		one := money.Minor(1 + r.IntN(1000))
		h.payout(fmt.Sprintf("po_%016d", i), "s1", one, 0, "")
		amount += one
	}
	rows := h.report("payout_register", h.head(), "from", "2026-11-20", "to", "2026-11-20")
	if len(rows) != 40 || total(rows, "amount", "USD") != amount {
		t.Errorf("seed %d: %d payouts of %d, want 40 of %d", seed, len(rows), total(rows, "amount", "USD"), amount)
	}
}
