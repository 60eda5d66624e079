package payouts

import (
	"strings"
	"testing"
	"time"

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
}
