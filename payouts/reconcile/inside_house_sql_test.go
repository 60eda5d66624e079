package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// booked posts a transaction as an event: pairs of an account and an amount, debit positive.
func (h *breakHouse) booked(event, subject string, c money.Currency, legs ...any) ledger.Outcome {
	h.Helper()
	h.lines++
	d := ledger.Draft{Event: event, Subject: subject, OccurredAt: h.clock.now()}
	for i := 0; i < len(legs); i += 2 {
		address, ref, _ := strings.Cut(legs[i].(string), " ")
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(address), Amount: money.Minor(legs[i+1].(int)), Currency: c, ExternalRef: ref})
	}
	out := h.books.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprintf("booked-%d", h.lines), Drafts: []ledger.Draft{d}})
	h.ok(out.Err)
	return out
}

// behind runs a statement as somebody who goes around all guards.
func (h *breakHouse) behind(sql string, args ...any) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	words := strings.Fields(sql)
	table := words[1]
	if words[0] == "INSERT" {
		table = words[2]
	}
	_, err = conn.Exec(h.Context(), `ALTER TABLE `+table+` DISABLE TRIGGER ALL`)
	h.ok(err)
	_, err = conn.Exec(h.Context(), sql, args...)
	h.ok(err)
}

// payout is a payout as its table keeps it.
func (h *breakHouse) payout(n int, state string, amount int, at time.Time) string {
	h.Helper()
	id := fmt.Sprintf("po_%016d", n)
	h.behind(`INSERT INTO payouts (book_id, id, run_id, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence,
	consumed_from, consumed_through, left_after, destination, rail, rail_account, mode, needs_person, created_at, changed_at, submitted_at)
	VALUES ($1, $2, 'r', 'seller', 's'||$3, 's'||$3, 'USD', $4, 0, 'standard', $5, $6::int, 1, $6::bigint, 0, $4, 0, 'd', 'main', 'a', 'automatic', false, $7, $7, $7)`,
		h.book.ID, id, fmt.Sprint(n), amount, state, n, at)
	return id
}

// inside runs R3, proves that it comes to the same again, and returns its open breaks by identity.
func (h *breakHouse) inside() (Run, map[string]Break) {
	h.Helper()
	run, err := h.CompareInside(h.Context(), breaksTurn, h.book)
	h.ok(err)
	again, err := h.Replay(h.Context(), h.book, run.ID)
	h.ok(err)
	if !again.Same {
		h.Fatalf("run %d of R3 is not the same again: %v", run.Number, again.Differs)
	}
	return run, h.breaksOf(R3)
}

// turnHere is a turn in the house's book.
func (h *breakHouse) turnHere() payouts.Turn {
	turn := breaksTurn
	turn.Book = h.book
	return turn
}

func (h *breakHouse) breaksOf(m Match) map[string]Break {
	h.Helper()
	list, err := h.Breaks(h.Context(), h.book, BreakQuery{Match: m, States: []State{Open, Explained}, Limit: 1000})
	h.ok(err)
	out := map[string]Break{}
	for _, b := range list {
		out[b.Identity] = b
	}
	return out
}
