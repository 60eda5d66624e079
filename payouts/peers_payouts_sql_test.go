package payouts

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

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// What went wrong with payouts elsewhere, as tests by the numbers of the list of peers' bugs, and the bad inputs.

// ask asks for a payout on demand.
func (h *runHouse) ask(reference string, who Holder, amount money.Minor) (Decided, []Payout, error) {
	return h.RequestPayout(context.Background(), guard.Actor{Kind: guard.Payee, ID: who.ID}, h.book, Request{Reference: reference, Holder: who, Amount: amount})
}

// Bug 14: ten parallel calls are one payout, whoever calls at whichever replica.
func TestBug14TenCallsAreOnePayout(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 10_000)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range 10 {
		s := h.Service
		if i%2 == 0 {
			s = h.replica()
		}
		wg.Go(func() {
			d, list, err := s.RequestPayout(context.Background(), finance, h.book, Request{Reference: "click", Holder: who, Amount: 1000})
			if err != nil || d.Verdict != VerdictPay || len(list) != 1 {
				t.Errorf("%v %+v", err, d)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[list[0].ID] = true
		})
	}
	wg.Wait()
	all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 100})
	h.must(err)
	if len(ids) != 1 || len(all) != 1 || all[0].LeftAfter != 9000 {
		t.Fatalf("%d answers, %d payouts", len(ids), len(all))
	}
	if _, _, err := h.ask("click", who, 1001); !errors.Is(err, ErrRequestReused) {
		t.Errorf("another request under the reference: %v", err)
	}
	h.sound()
}

// Bugs 6 and 47: parallel payouts never take more than is available, and nothing is paid below zero.
func TestBug6And47NeverMoreThanAvailable(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 10_000)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, _, err := h.ask(fmt.Sprintf("r%d", i), who, 3000); err != nil && !errors.Is(err, ErrBalance) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 100})
	h.must(err)
	if len(all) != 3 {
		t.Fatalf("%d payouts of 30.00 out of 100.00", len(all))
	}
	h.move(who, "available", -5000)
	d, list, err := h.ask("below", who, 0)
	if err != nil || d.Verdict != VerdictSkip || len(list) != 0 || d.Reasons[0] != ReasonDebt {
		t.Errorf("on a balance below zero: %v %+v", err, d)
	}
	h.sound()
}

// A46: more than is available is insufficient funds, and nothing at all is recorded.
func TestA46OverAvailable(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 1000)
	before, err := h.ledger.Head(t.Context(), h.book)
	h.must(err)
	_, _, err = h.ask("much", who, 1001)
	if fault.CodeOf(err) != "insufficient-funds" {
		t.Fatalf("got %v", err)
	}
	after, err := h.ledger.Head(t.Context(), h.book)
	h.must(err)
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Limit: 10})
	h.must(err)
	if before != after || len(runs) != 0 {
		t.Errorf("something was recorded: %v %v, %d runs", before, after, len(runs))
	}
	for _, bad := range []Request{{}, {Reference: "x", Holder: usd("bank", "a")}, {Reference: "x", Holder: usd("seller", "a b")}, {Reference: "x", Holder: Holder{PayeeKey{"seller", "a"}, "EUR"}},
		{Reference: "x", Holder: who, Amount: -1}, {Reference: "x", Holder: who, Method: "pigeon"}, {Reference: strings.Repeat("x", 201), Holder: who}, {Reference: "a\nb", Holder: who}} {
		if _, _, err := h.RequestPayout(t.Context(), finance, h.book, bad); !errors.Is(err, ErrRequest) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Bugs 7 and 16: cancelling, refusing and sending race; each payout is cancelled or sent, never both, and once.
func TestBug16CancelOrSend(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	for i := range 12 {
		h.move(who, "available", 1000)
		_, list, err := h.ask(fmt.Sprintf("r%d", i), who, 1000)
		h.must(err)
		id := list[0].ID
		var sent, cancelled int64
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := h.Cancel(context.Background(), finance, h.book, id, "not wanted")
				if err != nil && !errors.Is(err, ErrState) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					cancelled++
				}
			})
			wg.Go(func() { // as whoever sends claims it
				err := h.db.Pool.Tx(context.Background(), func(tx pgx.Tx) error {
					tag, err := tx.Exec(context.Background(), `UPDATE payouts SET state = 'sending' WHERE book_id = $1 AND id = $2 AND state = 'created'`, h.book.ID, id)
					mu.Lock()
					defer mu.Unlock()
					sent += tag.RowsAffected()
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if sent+cancelled != 1 {
			t.Fatalf("sent %d times, cancelled %d times", sent, cancelled)
		}
	}
	h.sound()
}

// Bug 15: what is taken and the payout that takes it are one: a failure between leaves neither.
func TestBug15AllOrNothing(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 1000)
	boom := errors.New("boom")
	err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		policy, err := h.PolicyAt(t.Context(), h.book, h.clock())
		h.must(err)
		if _, _, err := h.requestTx(t.Context(), tx, finance, h.book, Request{Reference: "r", Holder: who, Method: MethodStandard}, policy); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 100})
	h.must(err)
	if left, err := h.holdingsOf(t.Context(), h.book, []Holder{who}, 1<<40); err != nil || len(all) != 0 || left[0].now[inAvailable] != 1000 {
		t.Errorf("%d payouts, %v left, %v", len(all), left, err)
	}
	h.sound()
}

// Bug 40: a refund after the payout makes the next payout smaller, and it says so line by line.
func TestBug40RefundAfterPayout(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 1000)
	h.runOn(runsStart)
	refund := h.move(who, "available", -400)
	sale := h.move(who, "available", 1500)
	run := h.runOn(runsStart.Add(24 * time.Hour))
	list := h.payouts(run.ID)
	if len(list) != 1 || list[0].Amount != 1100 {
		t.Fatalf("payouts %+v", list)
	}
	lines := h.lines(list[0].ID)
	if len(lines) != 2 || lines[0].Sequence != refund || lines[0].Amount != -400 || lines[1].Sequence != sale || lines[1].Amount != 1500 {
		t.Fatalf("lines %+v", lines)
	}
	h.sound()
}

// Bug 43: dust below the payout unit stays and is named; over many cycles nothing is lost.
func TestBug43NothingIsLostOverCycles(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	var earned, paid money.Minor
	for day := range 8 {
		amount := money.Minor(333 + 7*day)
		h.set(runsStart.Add(time.Duration(day-1) * 24 * time.Hour))
		h.move(who, "available", amount)
		earned += amount
		for _, p := range h.payouts(h.runOn(runsStart.Add(time.Duration(day) * 24 * time.Hour)).ID) {
			paid += p.Gross()
		}
	}
	held, err := h.holdingsOf(t.Context(), h.book, []Holder{who}, 1<<40)
	h.must(err)
	if paid+held[0].now[inAvailable] != earned || held[0].now[inAvailable] >= who.Currency.PayoutUnit() {
		t.Errorf("earned %d, paid %d, %d left", earned, paid, held[0].now[inAvailable])
	}
}

// Bug 44: a balance of zero blocks nothing and nobody.
func TestBug44ZeroBlocksNothing(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who, zero := usd("seller", "sel_1"), usd("creator", "sel_1")
	h.ready(who, true)
	h.move(zero, "available", 100)
	h.move(zero, "available", -100)
	h.move(who, "available", 1000)
	run := h.runOn(runsStart)
	if run.Decided != 1 || run.Paid != 1 {
		t.Fatalf("run %+v", run)
	}
	h.set(h.clock().Add(time.Hour))
	run = h.runOn(runsStart.Add(24 * time.Hour))
	if run.Decided != 0 || run.State != RunDone {
		t.Errorf("with nothing left: %+v", run)
	}
}

// Bug 46: what was cancelled counts for nothing, and the numbers of an account have no gap under concurrency.
func TestBug46CancelledCountsForNothing(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 1000)
	_, list, err := h.ask("first", who, 1000)
	h.must(err)
	_, err = h.Cancel(t.Context(), finance, h.book, list[0].ID, "not wanted")
	h.must(err)
	_, second, err := h.ask("second", who, 1000)
	h.must(err)
	if len(second) != 1 || second[0].Number != 2 {
		t.Fatalf("after a cancelled one: %+v", second)
	}
	lines := h.lines(second[0].ID)
	if len(lines) != 1 || lines[0].Settles != list[0].ID || lines[0].Amount != 1000 {
		t.Errorf("lines %+v", lines)
	}
	h.move(who, "available", 10_000)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if _, _, err := h.ask(fmt.Sprintf("p%d", i), who, 1000); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := h.Payouts(t.Context(), h.book, PayoutQuery{Limit: 100})
	h.must(err)
	numbers := map[int]bool{}
	for _, p := range all {
		numbers[p.Number] = true
	}
	for n := 1; n <= 12; n++ {
		if !numbers[n] {
			t.Errorf("number %d is missing of %d", n, len(all))
		}
	}
	h.sound()
}

// N20: nothing but the entry of the ledger decides what a payout pays. Behind the service's back, with the application's
// rights, a payout that is not the sum of its lines cannot be stored.
func TestN20ConstraintsBehindTheBack(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 5000)
	_, list, err := h.ask("r", who, 1000)
	h.must(err)
	p := list[0]
	copied := `INSERT INTO payouts (book_id, id, run_id, part_no, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence,
 consumed_from, consumed_through, left_after, destination, rail, rail_account, mode, needs_person, created_at, changed_at)
 SELECT book_id, 'po_bbbbbbbbbbbbbbbb', run_id, part_no + 1, kind, payee, receiver, currency, %s, fee, method, state, account_id, %s, %s,
 %s, %s, left_after, destination, rail, rail_account, mode, needs_person, created_at, changed_at FROM payouts WHERE book_id = $1 AND id = $2`
	credit := h.move(who, "available", 10)
	for name, sql := range map[string]string{
		"the same entry again":     fmt.Sprintf(copied, "amount", "number + 1", "created_sequence", "consumed_through", "consumed_through + 1000"),
		"an entry of another":      fmt.Sprintf(copied, "amount", "number + 1", fmt.Sprint(credit), "consumed_through", "consumed_through + 1000"),
		"an entry that is none":    fmt.Sprintf(copied, "amount", "number + 1", "created_sequence + 100", "consumed_through", "consumed_through + 1000"),
		"a number left out":        fmt.Sprintf(copied, "amount", "number + 2", "created_sequence + 1", "consumed_through", "consumed_through + 1000"),
		"more than it uses":        fmt.Sprintf(copied, "amount", "number + 1", "created_sequence + 1", "consumed_through", "consumed_through + 999"),
		"born as paid":             strings.Replace(fmt.Sprintf(copied, "amount", "number + 1", "created_sequence + 1", "consumed_through", "consumed_through + 1000"), "method, state, account_id, number + 1", "method, 'paid', account_id, number + 1", 1),
		"deleted":                  `DELETE FROM payouts WHERE book_id = $1 AND id = $2`,
		"another amount":           `UPDATE payouts SET amount = amount + 1 WHERE book_id = $1 AND id = $2`,
		"paid without being sent":  `UPDATE payouts SET state = 'paid' WHERE book_id = $1 AND id = $2`,
		"a decision rewritten":     `UPDATE payout_decisions SET amount = 1 WHERE book_id = $1 AND $2 <> ''`,
		"a run that loses a payee": `UPDATE payout_runs SET decided = decided - 1 WHERE book_id = $1 AND $2 <> ''`,
	} {
		err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			tag, err := tx.Exec(t.Context(), sql, h.book.ID, p.ID)
			if err == nil && tag.RowsAffected() == 0 {
				t.Errorf("%s: the statement of the test touches nothing", name)
			}
			return err
		})
		if err == nil {
			t.Errorf("%s was stored", name)
		} else if state := postgres.SQLState(err); state != "42501" && state != "23514" && state != "23505" {
			t.Errorf("%s: %s %v", name, state, err)
		}
	}
	h.sound()
}

// Whoever has all rights on the database and uses them is found by the proof and by deciding again.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 5000)
	run := h.runOn(runsStart)
	h.sound()
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	h.must(err)
	defer conn.Close(context.Background())
	free := `ALTER TABLE payouts DISABLE TRIGGER ALL; ALTER TABLE payout_decisions DISABLE TRIGGER ALL; `
	for _, x := range []struct{ name, do, undo string }{
		{"amount", `UPDATE payouts SET amount = amount - 1`, `UPDATE payouts SET amount = amount + 1`},
		{"left", `UPDATE payouts SET left_after = left_after + 1`, `UPDATE payouts SET left_after = left_after - 1`},
		{"consumed", `UPDATE payouts SET consumed_from = consumed_from + 1, consumed_through = consumed_through + 1`, `UPDATE payouts SET consumed_from = consumed_from - 1, consumed_through = consumed_through - 1`},
		{"total", `UPDATE payout_run_totals SET amount = amount + 1`, `UPDATE payout_run_totals SET amount = amount - 1`},
		{"transit", `UPDATE balances SET credits = credits - 1 WHERE account_id = (SELECT id FROM accounts WHERE address LIKE '%in_transit:sel_1')`,
			`UPDATE balances SET credits = credits + 1 WHERE account_id = (SELECT id FROM accounts WHERE address LIKE '%in_transit:sel_1')`},
	} {
		_, err := conn.Exec(t.Context(), free+x.do)
		h.must(err)
		proof, err := h.Verify(t.Context(), h.book)
		h.must(err)
		if proof.Sound() {
			t.Errorf("%s: nothing found", x.name)
		}
		_, err = conn.Exec(t.Context(), x.undo)
		h.must(err)
	}
	h.sound()
	_, err = conn.Exec(t.Context(), `UPDATE payout_decisions SET inputs = replace(inputs, '50.00', '51.00')`)
	h.must(err)
	if _, err := h.Replay(t.Context(), h.book, run.ID, who); !errors.Is(err, ErrReplay) {
		t.Errorf("changed inputs: %v", err)
	}
}

// A payout above the maximum comes in parts (M-33), each with its own lines; four eyes look at it.
func TestPartsAndRelease(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who, small, first := usd("seller", "sel_big"), usd("seller", "sel_small"), usd("seller", "sel_new")
	h.ready(who, true)
	h.ready(small, true)
	h.ready(first, false)
	h.move(who, "available", 60_000_000)
	h.move(small, "available", 1000)
	h.move(first, "available", 700)
	run := h.runOn(runsStart)
	list := h.payouts(run.ID)
	var parts []money.Minor
	for _, p := range list {
		if p.NeedsPerson != (p.Holder != small) {
			t.Errorf("%s needs a person: %v", p.Holder.place(), p.NeedsPerson)
		}
	}
	for _, x := range mustPayouts(h, who) {
		parts = append(parts, x.Amount)
		if lines := h.lines(x.ID); len(lines) != 1 || lines[0].Amount != x.Amount {
			t.Errorf("part %d has the lines %+v", x.Part, lines)
		}
	}
	if run.State != RunWaiting || len(list) != 5 || fmt.Sprint(parts) != "[25000000 25000000 10000000]" {
		t.Fatalf("%s with %d payouts, parts %v", run.State, len(list), parts)
	}
	ask := guard.Request{Act: ReleaseAct, Payload: []byte(`{"run":"` + run.ID + `"}`), Reason: "the month"}
	a, err := h.desk.Ask(t.Context(), finance, guardBook(h.book), ask)
	h.must(err)
	if a.Effect.Count != 4 || a.Effect.Totals[0].Amount != "600007.00" || len(a.Effect.Warnings) != 4 || len(a.Effect.Largest) != 4 {
		t.Errorf("effect %+v", a.Effect)
	}
	if _, err := h.desk.Approve(t.Context(), finance, guardBook(h.book), a.ID, a.Hash, "mine"); !errors.Is(err, guard.ErrSelfApproval) {
		t.Errorf("alone: %v", err)
	}
	other := guard.Actor{Kind: guard.Person, ID: "app_1", Person: "app_1"}
	_, err = h.desk.Approve(t.Context(), other, guardBook(h.book), a.ID, a.Hash, "looked at it")
	h.must(err)
	run, err = h.Run(t.Context(), h.book, run.ID)
	h.must(err)
	if run.State != RunReleased || run.EndedAt.IsZero() || run.Approval != a.ID {
		t.Errorf("run %+v", run)
	}
	for _, p := range h.payouts(run.ID) {
		if p.NeedsPerson && p.ReleasedAt.IsZero() {
			t.Errorf("%s was not released", p.ID)
		}
	}
	if _, err := h.RefuseRun(t.Context(), other, h.book, run.ID, "too late"); !errors.Is(err, ErrRunState) {
		t.Errorf("refused after release: %v", err)
	}
	h.sound()
}

// mustPayouts are the payouts of a holder, by number.
func mustPayouts(h *runHouse, who Holder) []Payout {
	h.t.Helper()
	var list []Payout
	h.must(h.db.Pool.ReadTx(h.t.Context(), func(tx pgx.Tx) (err error) {
		list, err = manyPayouts(h.t.Context(), tx, `SELECT `+payoutColumns+` FROM payouts p WHERE p.book_id = $1 AND p.kind = $2 AND p.payee = $3 ORDER BY p.number`, h.book.ID, who.Kind, who.ID)
		return err
	}))
	return list
}

// A run begun by hand waits as a whole; refused, all of it goes back (N11 for a total far above those before).
func TestManualRunRefused(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who, other := usd("seller", "sel_1"), usd("seller", "sel_2")
	h.ready(who, true)
	h.ready(other, true)
	h.move(who, "available", 1000)
	if run := h.runOn(runsStart); run.State != RunDone {
		t.Fatalf("the first run: %+v", run)
	}
	h.move(who, "available", 3001) // above three times the runs before
	run := h.runOn(runsStart.Add(24 * time.Hour))
	if run.State != RunWaiting || len(run.Needs) != 1 || run.Needs[0] != "run-total:USD" {
		t.Fatalf("a total far above the runs before: %+v", run)
	}
	if _, err := h.StartRun(t.Context(), finance, h.book, " "); !errors.Is(err, ErrRunReason) {
		t.Errorf("without a reason: %v", err)
	}
	h.move(other, "available", 50)
	h.move(other, "available", 850)
	manual, err := h.StartRun(t.Context(), finance, h.book, "sellers asked")
	h.must(err)
	_, err = h.CarryOn(t.Context(), h.turn(runsStart))
	h.must(err)
	manual, err = h.Run(t.Context(), h.book, manual.ID)
	h.must(err)
	if manual.State != RunWaiting || manual.Needs[0] != NeedsManual || manual.Paid != 1 {
		t.Fatalf("by hand: %+v", manual)
	}
	for _, id := range []string{run.ID, manual.ID} {
		if _, err := h.RefuseRun(t.Context(), finance, h.book, id, "not this way"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.CarryOn(t.Context(), h.turn(runsStart))
	h.must(err)
	for _, id := range []string{run.ID, manual.ID} {
		run, err := h.Run(t.Context(), h.book, id)
		h.must(err)
		for _, p := range h.payouts(id) {
			if p.State != Cancelled {
				t.Errorf("%s is %s", p.ID, p.State)
			}
		}
		if run.State != RunRefused || run.EndedAt.IsZero() {
			t.Errorf("run %+v", run)
		}
	}
	held, err := h.holdingsOf(t.Context(), h.book, []Holder{who, other}, 1<<40)
	h.must(err)
	if held[0].now[inAvailable] != 3001 || held[1].now[inAvailable] != 900 {
		t.Errorf("what came back: %+v", held)
	}
	h.sound()
}

// A special payout takes blocked money to a court, once; and a deposit that was put in transit gets its payout.
func TestSpecialPayouts(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "blocked", 12_000)
	court := Destination{ID: "dst_court00000000001", State: DestinationActive, Rail: RailBank, Account: "court_1", Mode: "manual"}
	_, err := h.db.Pool.Exec(t.Context(), `INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, created_at, active_since, changed_at)
		VALUES ($1, $2, 'court_ny', $3, $4, '{USD}', $5, $6, now(), now(), now())`, h.book.ID, court.ID, court.Rail, court.Account, court.Mode, court.State)
	h.must(err)
	pay := func(x Special) (p Payout, err error) {
		err = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			p, err = h.PaySpecialTx(t.Context(), tx, deed{Actor: finance, Approval: "apr_1"}, h.book, x)
			return err
		})
		return p, err
	}
	ask := Special{Holder: who, Receiver: "court_ny", Source: commerce.SourceBlocked, Amount: 12_000, To: court, Reference: "hold.executed:h1", Reason: "order of the court"}
	p, err := pay(ask)
	h.must(err)
	again, err := pay(ask)
	h.must(err)
	if again.ID != p.ID || p.Receiver != "court_ny" || p.Source != commerce.SourceBlocked || p.LeftAfter != 0 {
		t.Fatalf("%+v, again %+v", p, again)
	}
	ask.Reference = "hold.executed:h2"
	if _, err := pay(ask); fault.CodeOf(err) != ledger.ErrFloor.Code {
		t.Errorf("more than is blocked: %v", err)
	}
	for _, bad := range []Special{{}, {Holder: who, Receiver: "c", Source: "available", Amount: 1, To: court, Reference: "r", Reason: "r"}, {Holder: who, Receiver: "c", Source: "deposit", Amount: 1, To: court, Reference: "r", Reason: "r"}} {
		if _, err := pay(bad); !errors.Is(err, ErrSpecial) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	deposit, transit := sourceAddress(who, commerce.SourceDeposit), inTransit(who.ID)
	post := func(reference string, from, to ledger.Address, amount money.Minor) int64 {
		out := h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "test.deposit", Lines: []ledger.Line{{Account: from, Amount: amount, Currency: "USD"}, {Account: to, Amount: -amount, Currency: "USD"}}}}})
		h.must(out.Err)
		return out.Transactions[0].Sequence
	}
	post("d1", "assets:processor:available:main", deposit, 700)
	back := post("d2", deposit, transit, 500)
	p, err = pay(Special{Holder: who, Receiver: who.ID, Source: commerce.SourceDeposit, Sequence: back, Amount: 500, To: court, Reference: "deposit:1", Reason: "the shop closed"})
	h.must(err)
	if lines := h.lines(p.ID); len(lines) != 1 || lines[0].Amount != 500 || lines[0].Entry != 700 {
		t.Errorf("lines %+v", lines)
	}
	h.sound()
}

// One person of the staff pays nobody alone: what somebody asks for by hand waits for another, the first time and when it is
// paid again. A payee that asks for its own money, and a program that asks for it, do not.
func TestByHandTakesTwo(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	h.set(runsStart)
	for i, x := range []struct {
		by   guard.Actor
		held bool
	}{{finance, true}, {guard.Actor{Kind: guard.Payee, ID: "cre_1"}, false}, {guard.Actor{Kind: guard.Program, ID: "key_1"}, false}, {guard.Actor{Kind: guard.System, ID: "payout_retry"}, false}} {
		who := usd("creator", fmt.Sprintf("cre_%d", i))
		h.ready(who, true)
		h.move(who, "available", 5000)
		ask := Request{Reference: fmt.Sprintf("ask-%d", i), Holder: who, Amount: 1000}
		quote := ask
		quote.ByHand = x.held
		told, err := h.Quote(t.Context(), h.book, quote)
		h.must(err)
		d, list, err := h.RequestPayout(t.Context(), x.by, h.book, ask)
		h.must(err)
		run, err := h.Run(t.Context(), h.book, d.Run)
		h.must(err)
		if len(list) != 1 || list[0].NeedsPerson != x.held || (run.State == RunWaiting) != x.held || slices.Contains(told.SecondPerson, TwoManual) != x.held {
			t.Errorf("%s: %+v, the run is %s, the quote says %v", x.by.Kind, list, run.State, told.SecondPerson)
		}
		h.replays(d.Run)
	}
	h.sound()
}

// A payee that asks again and again, each time under another name, fills no table and does not keep the book locked: after a
// hundred within a day nothing is recorded. What was asked before is still answered, finance may still pay, and so may the run.
func TestAskingWithoutEnd(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	h.set(runsStart)
	who := usd("creator", "cre_1")
	h.ready(who, true)
	h.move(who, "available", 1)
	for i := range maxAskedADay {
		if _, _, err := h.ask(fmt.Sprint("click-", i), who, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.ask("one-more", who, 0); !errors.Is(err, ErrAskedOften) {
		t.Fatalf("without end: %v", err)
	}
	if _, err := h.runOfName("one-more"); !errors.Is(err, ErrRunUnknown) {
		t.Errorf("recorded all the same: %v", err)
	}
	if d, _, err := h.ask("click-7", who, 0); err != nil || d.Verdict != VerdictSkip {
		t.Errorf("asked before: %+v, %v", d, err)
	}
	other := usd("creator", "cre_2")
	h.ready(other, true)
	h.move(other, "available", 5000)
	if _, list, err := h.ask("click-0-of-another", other, 1000); err != nil || len(list) != 1 {
		t.Errorf("another payee: %v", err)
	}
	if _, _, err := h.RequestPayout(t.Context(), finance, h.book, Request{Reference: "by-finance", Holder: who}); err != nil {
		t.Errorf("by finance: %v", err)
	}
	h.set(runsStart.Add(25 * time.Hour))
	if _, _, err := h.ask("tomorrow", who, 0); err != nil {
		t.Errorf("tomorrow: %v", err)
	}
}

// runOfName finds the run of a request.
func (h *runHouse) runOfName(reference string) (r Run, err error) {
	err = h.db.Pool.ReadTx(h.t.Context(), func(tx pgx.Tx) error {
		r, err = oneRun(h.t.Context(), tx, sqlRunOfName, h.book.ID, reference)
		return err
	})
	return r, err
}
