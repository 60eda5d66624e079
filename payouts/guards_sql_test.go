package payouts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// TestNothingBehindTheService: what would have money sent twice, or unproved, the database does not take from the service's own
// role: an attempt that is over is never open again, a run goes one way, and a proposal ends once.
func TestNothingBehindTheService(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.submit()
	h.want(id, Submitted, "")
	h.owner(`INSERT INTO treasury_proposals (book_id, id, kind, currency, amount, reason, state, created_at, ended_at)
		SELECT b.id, 'tp_0123456789abcdef', 'sweep', 'USD', 1, 'x', 'done', now(), now() FROM books b`)
	for _, sql := range []string{
		`UPDATE payout_attempts SET state = 'unknown' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET state = 'intended' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET state = 'refused' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET state = 'absent', looked_at = ARRAY[now(), now()] WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET made = 'tr_other' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET entry = '' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET sendings = 0, first_sent = NULL WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET ended_at = NULL WHERE book_id = $1 AND payout = $2`,
		`INSERT INTO payout_attempts (book_id, payout, act, attempt, instruction, amount, currency, digest, state, created_at)
		 SELECT book_id, payout, 'cancel', 1, instruction, amount, currency, digest, 'done', created_at FROM payout_attempts WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_runs SET state = 'planning' WHERE book_id = $1 AND id = (SELECT run_id FROM payouts WHERE id = $2)`,
		`UPDATE payout_runs SET state = 'refused' WHERE book_id = $1 AND id = (SELECT run_id FROM payouts WHERE id = $2)`,
		`UPDATE payout_runs SET decided = decided + 1, paid = paid + 1 WHERE book_id = $1 AND id = (SELECT run_id FROM payouts WHERE id = $2)`,
		`UPDATE treasury_proposals SET state = 'open', ended_at = NULL WHERE book_id = $1 AND $2 <> ''`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql, h.book.ID, id); postgres.SQLState(err) != "42501" {
			t.Errorf("%v: %s", err, sql)
		}
	}
	// A state that the database takes is held against the books: what seems to be paid and was not posted is found.
	sound := func(want ...string) {
		t.Helper()
		proof, err := h.Verify(t.Context(), h.book)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range proof.Broken {
			if b.Object == id {
				got = append(got, b.What)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	sound()
	h.exec(`UPDATE payouts SET state = 'paid', paid_at = now() WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	sound("it is paid, and the books say otherwise")
	h.exec(`UPDATE payouts SET returned_at = now() WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	sound("it is paid, and the books say otherwise")
	// So is a destination that nobody set, whoever writes it.
	told, err := h.Told(t.Context(), h.book)
	if err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE payout_destinations SET state = 'retired' WHERE book_id = $1`, h.book.ID)
	h.exec(`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, created_at, active_since, changed_at)
		SELECT book_id, 'dst_evesevesevesevee', payee, rail, 'acct_eve', currencies, mode, 'active', created_at, created_at, created_at FROM payout_destinations WHERE book_id = $1 LIMIT 1`, h.book.ID)
	more, err := h.Told(t.Context(), h.book)
	if err != nil {
		t.Fatal(err)
	}
	found := func(list []guard.Claim) bool {
		return slices.ContainsFunc(list, func(c guard.Claim) bool {
			return c.Place == "dst_evesevesevesevee" && c.Act == "payout_destination.set"
		})
	}
	if found(told.Untold) || !found(more.Untold) || len(more.Untold) != len(told.Untold)+1 || more.Looked != told.Looked+1 {
		t.Errorf("before %+v, after %+v", told, more)
	}
}

// TestPlantedAndCoveredUp: what somebody wrote behind the service is found also when an ordinary act came after it, and a payout that names
// another account than its destination's is found, and has no destination that it could be sent to.
func TestPlantedAndCoveredUp(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_a")
	h.ready(who, true)
	h.move(who, "available", 5000)
	places := func() (places []string) {
		t.Helper()
		told, err := h.Told(t.Context(), h.book)
		h.must(err)
		for _, c := range told.Untold {
			places = append(places, c.Act+" "+c.Place)
		}
		return places
	}
	before := places()
	planted := func(want string) {
		t.Helper()
		got := places()
		if !slices.Contains(got, want) || slices.Contains(before, want) {
			t.Errorf("found %q, want %s", got, want)
		}
	}
	plant := func() {
		t.Helper()
		_, err := h.db.Pool.Exec(t.Context(), `INSERT INTO payout_standings SELECT (jsonb_populate_record(s, jsonb_build_object('version', s.version + 1))).* FROM payout_standings s WHERE s.book_id = $1 AND s.payee = 'sel_a' ORDER BY s.version DESC LIMIT 1`, h.book.ID)
		h.must(err)
	}
	plant()
	var version int
	h.must(h.db.Pool.QueryRow(t.Context(), `SELECT max(version) FROM payout_standings WHERE book_id = $1 AND payee = 'sel_a'`, h.book.ID).Scan(&version))
	want := fmt.Sprintf("payee.standing_changed sel_a/%d", version)
	planted(want)
	plant()
	planted(want)

	h.set(h.clock().Add(time.Minute))
	run, err := h.StartRun(t.Context(), finance, h.book, "a run by hand")
	h.must(err)
	_, err = h.CarryOn(t.Context(), h.turn(h.clock()))
	h.must(err)
	list := h.payouts(run.ID)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	owner, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	h.must(err)
	defer func() { _ = owner.Close(context.Background()) }()
	_, err = owner.Exec(t.Context(), `ALTER TABLE payout_runs DISABLE TRIGGER moves_on`)
	h.must(err)
	_, err = owner.Exec(t.Context(), `UPDATE payout_runs SET state = 'done', ended_at = now() WHERE book_id = $1 AND id = $2`, h.book.ID, run.ID)
	h.must(err)
	_, err = owner.Exec(t.Context(), `ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`)
	h.must(err)
	planted("payout_run.release " + run.ID)

	proof, err := h.Verify(t.Context(), h.book)
	h.must(err)
	if !proof.Sound() {
		t.Fatalf("%+v", proof.Broken)
	}
	_, err = owner.Exec(t.Context(), `UPDATE payouts SET rail_account = 'acct_eve' WHERE book_id = $1 AND id = $2`, h.book.ID, list[0].ID)
	h.must(err)
	proof, err = h.Verify(t.Context(), h.book)
	h.must(err)
	if want := (Broken{list[0].ID, "it is sent to another account than its destination's"}); !slices.Contains(proof.Broken, want) {
		t.Errorf("found %+v", proof.Broken)
	}
	for account, want := range map[string]string{"acct_eve": DestinationRetired, list[0].RailAccount: DestinationActive} {
		p := list[0]
		p.RailAccount = account
		state, err := h.destinationState(t.Context(), h.book, &carried{Payout: p})
		h.must(err)
		if state != want {
			t.Errorf("the destination of a payout to %s is %s, want %s", account, state, want)
		}
	}
}

// TestADebitIsNoPayout: a payout that names an entry which took the money for something else, a refund perhaps, is not taken:
// nothing would be in transit, and it would be sent all the same.
func TestADebitIsNoPayout(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_a")
	h.ready(who, true)
	h.move(who, "available", 1000)
	debit := h.move(who, "available", -400)
	_, err := h.db.Pool.Exec(t.Context(), `
		WITH run AS (INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at)
		             VALUES ($1, 'run_0123456789abcdef', 'special', now(), 0, 'done', 'x', now()) RETURNING id)
		INSERT INTO payouts (book_id, id, run_id, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence,
		                     consumed_from, consumed_through, left_after, destination, rail, rail_account, mode, needs_person, created_at, changed_at)
		SELECT $1, 'po_0123456789abcdef', run.id, 'seller', 'sel_a', 'sel_a', 'USD', 400, 0, 'standard', 'created', e.account_id, 1, e.sequence,
		       0, e.debits_after, 600, 'dst', 'connected', 'acct_x', 'automatic', false, now(), now()
		  FROM run, entries e WHERE e.book_id = $1 AND e.sequence = $2 AND e.amount > 0 AND e.debits_after = 400`, h.book.ID, debit)
	if postgres.SQLState(err) != "23514" || !strings.Contains(err.Error(), "in transit") {
		t.Errorf("the database takes it: %v", err)
	}
	if n := len(h.payouts("run_0123456789abcdef")); n != 0 {
		t.Errorf("%d payouts", n)
	}
}

// TestAnUnreleasedRunSendsNothing: a payout of a run that waits for a person is not sent, whoever asks for it.
func TestAnUnreleasedRunSendsNothing(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_a")
	h.ready(who, true)
	h.move(who, "available", 5000)
	h.set(h.clock().Add(time.Minute))
	_, err := h.StartRun(t.Context(), finance, h.book, "a run by hand")
	h.must(err)
	_, err = h.CarryOn(t.Context(), h.turn(h.clock()))
	h.must(err)
	runs, err := h.Runs(t.Context(), h.book, RunQuery{Trigger: TriggerManual, Limit: 1})
	h.must(err)
	list := h.payouts(runs[0].ID)
	if runs[0].State != RunWaiting || len(list) != 1 {
		t.Fatalf("%+v %+v", runs, list)
	}
	_, err = h.db.Pool.Exec(t.Context(), `UPDATE payouts SET state = 'sending' WHERE book_id = $1 AND id = $2`, h.book.ID, list[0].ID)
	if postgres.SQLState(err) != "42501" {
		t.Errorf("it is sent: %v", err)
	}
	// Nor is an order planted that the next sending would carry out: of another account, amount or currency, or to take back what went
	// to somebody else. What the payout is may be ordered.
	plant := func(act, account, object string, amount money.Minor, currency string) (err error) {
		_ = h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err = tx.Exec(t.Context(), `INSERT INTO payout_attempts (book_id, payout, act, attempt, instruction, account, object, amount, currency, digest, state, created_at)
				VALUES ($1, $2, $3, 1, $2, $4, $5, $6, $7, repeat('0', 64), 'intended', now())`, h.book.ID, list[0].ID, act, account, object, int64(amount), currency)
			return context.Canceled // nothing stays
		})
		return err
	}
	p := list[0]
	for _, c := range []struct {
		act, account, object string
		amount               money.Minor
		currency             string
	}{
		{"transfer", "acct_eve", "", p.Amount, "USD"}, {"transfer", p.RailAccount, "", p.Amount + 1, "USD"}, {"transfer", p.RailAccount, "", p.Amount - 1, "USD"},
		{"transfer", p.RailAccount, "", p.Amount, "EUR"}, {"payout", "acct_eve", "", p.Amount, "USD"}, {"payout", p.RailAccount, "", p.Amount + 1, "USD"},
		{"reversal", "", "tr_anothers", p.Amount, "USD"},
	} {
		if err := plant(c.act, c.account, c.object, c.amount, c.currency); postgres.Constraint(err) != "payout_attempts_of_payout" {
			t.Errorf("%+v is taken: %v", c, err)
		}
	}
	if err := plant("transfer", p.RailAccount, "", p.Amount, "USD"); err != nil {
		t.Errorf("what the payout is: %v", err)
	}
	// A release that nobody decided is found: of the run, and of a payout that needed a person.
	untold := func() (places []string) {
		t.Helper()
		told, err := h.Told(t.Context(), h.book)
		h.must(err)
		for _, c := range told.Untold {
			if c.Act == "payout_run.release" {
				places = append(places, c.Place)
			}
		}
		return places
	}
	owner, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	h.must(err)
	defer func() { _ = owner.Close(context.Background()) }()
	_, err = owner.Exec(t.Context(), `UPDATE payouts SET needs_person = true WHERE book_id = $1 AND id = $2`, h.book.ID, p.ID)
	h.must(err)
	if got := untold(); got != nil {
		t.Errorf("released are %q", got)
	}
	_, err = h.db.Pool.Exec(t.Context(), `UPDATE payouts SET released_at = now() WHERE book_id = $1 AND id = $2`, h.book.ID, p.ID)
	h.must(err)
	_, err = h.db.Pool.Exec(t.Context(), `UPDATE payout_runs SET state = 'released', approval = 'ap_evesevesevesevee' WHERE book_id = $1 AND id = $2`, h.book.ID, runs[0].ID)
	h.must(err)
	if got, want := untold(), []string{runs[0].ID, runs[0].ID + "/" + p.ID}; !slices.Equal(got, want) {
		t.Errorf("released are %q, want %q", got, want)
	}
}
