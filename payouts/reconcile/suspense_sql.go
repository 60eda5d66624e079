package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Suspense and breaks say the same. What reconciliation posts changes both in one transaction. What business events take from
// suspense, or give back to it when they are reversed, is read from the entries of the suspense accounts by Clear.

const (
	sqlSuspenseHead = `SELECT coalesce((SELECT sequence FROM recon_suspense_heads WHERE book_id = $1), 0)`

	sqlBeginSuspenseHead = `INSERT INTO recon_suspense_heads (book_id) VALUES ($1) ON CONFLICT DO NOTHING`

	sqlMoveSuspenseHead = `UPDATE recon_suspense_heads SET sequence = $2 WHERE book_id = $1 AND sequence < $2`

	sqlSuspenseSince = `
SELECT DISTINCT e.sequence
  FROM entries e
 WHERE e.book_id = $1 AND e.account_id = ANY ($2) AND e.sequence > $3 AND e.sequence <= $4
 ORDER BY e.sequence
 LIMIT $5`

	// The breaks that transactions are about: by their own subject, or by another part of the same event.
	sqlBreaksTouched = `
SELECT DISTINCT substr(p.subject, 7)
  FROM unnest($2::bigint[]) AS m (sequence)
  JOIN transactions t ON t.book_id = $1 AND t.sequence = m.sequence
  JOIN transaction_references r ON r.book_id = $1 AND r.reference = t.reference
  JOIN transactions p ON p.book_id = $1 AND p.sequence >= r.first_sequence AND p.sequence < r.first_sequence + r.count AND p.subject LIKE 'break:%'`

	// The newest transaction that moved suspense because of a break: the last of its story, or another part of the same event.
	sqlLastMove = `
SELECT coalesce(max(e.sequence), 0)
  FROM (SELECT reference FROM transactions WHERE book_id = $1 AND subject = $2 ORDER BY sequence DESC LIMIT 1) t
  JOIN transaction_references r ON r.book_id = $1 AND r.reference = t.reference
  JOIN entries e ON e.book_id = $1 AND e.account_id = ANY ($3) AND e.sequence >= r.first_sequence AND e.sequence < r.first_sequence + r.count`

	sqlWaitingBreaks = `
SELECT b.suspense_ref, b.id
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.suspense <> 0 AND (b.suspense_ref, b.id) > ($2, $3)
 ORDER BY b.suspense_ref, b.id
 LIMIT $4`

	sqlMovedSince = `SELECT EXISTS (SELECT FROM transactions WHERE book_id = $1 AND subject = $2 AND sequence > $3)`

	sqlSuspenseBalances = `
SELECT a.address, a.currency,
       coalesce((SELECT e.balance_after FROM entries e WHERE e.book_id = a.book_id AND e.account_id = a.id AND e.sequence <= $2
                  ORDER BY e.sequence DESC, e.line DESC LIMIT 1), 0)
  FROM accounts a
 WHERE a.book_id = $1 AND a.address IN ('assets:suspense', 'liabilities:suspense')
 ORDER BY a.address, a.currency`
)

// pageOfSuspense bounds the transactions that are looked at in one step.
const pageOfSuspense = 200

// maxWaiting bounds the breaks with something in suspense that one check goes through.
const maxWaiting = 200_000

// CameOut is what came of Clear.
type CameOut struct {
	// Cleared ended because all that waited left by business events, Changed are those of which a part left, Reopened those that wait
	// again because an event was reversed.
	Cleared, Changed, Reopened int
}

// Clear looks at what moved in suspense since it looked last: a break of which nothing waits any more is cleared, with the
// business event that took it as its fix. It can be called at any time, also by several at once.
func (s *Service) Clear(ctx context.Context, turn payouts.Turn, book ledger.Book) (out CameOut, err error) {
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return out, err
	}
	accounts, err := accountIDs(ctx, s.pool, book, []string{string(suspenseHeld), string(suspenseOwed)})
	if err != nil {
		return out, err
	}
	for more := true; more; {
		var page CameOut
		err = s.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
			page = CameOut{}
			more, err = s.clearTx(ctx, tx, turn, book, accounts, head.LastSequence, &page)
			return err
		})
		if err != nil {
			return out, err
		}
		out.Cleared, out.Changed, out.Reopened = out.Cleared+page.Cleared, out.Changed+page.Changed, out.Reopened+page.Reopened
	}
	return out, nil
}

func (s *Service) clearTx(ctx context.Context, tx pgx.Tx, turn payouts.Turn, book ledger.Book, accounts []int32, until int64, out *CameOut) (more bool, err error) {
	if turn.Check != nil {
		if err := turn.Check(ctx, tx); err != nil {
			return false, err
		}
	}
	held, err := lockSteps(ctx, tx, book)
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, sqlBeginSuspenseHead, book.ID); err != nil {
		return false, err
	}
	var from int64
	if err := tx.QueryRow(ctx, sqlSuspenseHead, book.ID).Scan(&from); err != nil || from >= until {
		return false, err
	}
	sequences, touched, err := touchedBreaks(ctx, tx, book, accounts, from, until)
	if err != nil {
		return false, err
	}
	var changed []changedBreak
	page, err := breaksOf(ctx, tx, sqlBreaksByID, book.ID, touched)
	if err != nil {
		return false, err
	}
	for i := range page {
		sum, reference, err := s.suspendedTx(ctx, tx, book, page[i].ID)
		if err != nil {
			return false, err
		}
		if sum == page[i].Suspense {
			continue
		}
		var by int64
		if err := tx.QueryRow(ctx, sqlLastMove, book.ID, "break:"+page[i].ID, accounts).Scan(&by); err != nil {
			return false, err
		}
		changed = append(changed, s.cleared(page[i], sum, reference, ledger.TransactionID(book.Code, by), out))
	}
	held.number(changed)
	if err := saveBreaks(ctx, tx, book, changed); err != nil {
		return false, err
	}
	if err := held.add(ctx, tx, stepBy{by: doneBy(turn.Actor), at: s.now()}, changed); err != nil {
		return false, err
	}
	if more = len(sequences) == pageOfSuspense; more {
		until = sequences[len(sequences)-1]
	}
	_, err = tx.Exec(ctx, sqlMoveSuspenseHead, book.ID, until)
	return more, err
}

// cleared is a break after something of it left suspense, or came back.
func (s *Service) cleared(b Break, waits money.Minor, reference, by string, out *CameOut) changedBreak {
	now := s.now()
	c := changedBreak{Break: b, act: StepChanged, posted: by}
	ended := b.Ended()
	c.Suspense, c.SuspenseRef, c.ChangedAt = waits, reference, now
	switch {
	case waits == 0 && !ended:
		c.act = StepCleared
		c.end(Cleared, by, now)
		out.Cleared++
	case waits != 0 && ended:
		c.act, c.note = StepReopened, "It waits in suspense again, because what took it was reversed."
		c.reopen()
		c.Suspense = waits
		out.Reopened++
	default:
		out.Changed++
	}
	return c
}

// touchedBreaks are a page of the transactions that moved suspense after one sequence up to another, and the breaks that they are
// about.
func touchedBreaks(ctx context.Context, from asker, book ledger.Book, accounts []int32, after, until int64) (sequences []int64, touched []string, err error) {
	rows, err := from.Query(ctx, sqlSuspenseSince, book.ID, accounts, after, until, pageOfSuspense)
	if err != nil {
		return nil, nil, err
	}
	if sequences, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return nil, nil, err
	}
	if rows, err = from.Query(ctx, sqlBreaksTouched, book.ID, sequences); err != nil {
		return nil, nil, err
	}
	touched, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return sequences, touched, err
}

// SuspenseCheck is what CheckSuspense looked at.
type SuspenseCheck struct {
	// Sequence is the place in the book of which it holds.
	Sequence int64
	// Waiting is how many breaks had something in suspense there.
	Waiting int
	// Findings are the differences: none if suspense is the sum of what waits of breaks.
	Findings []Finding
}

// suspensePlace is an account of suspense in a currency.
type suspensePlace struct {
	account  ledger.Address
	currency money.Currency
}

// CheckSuspense holds the balances of the suspense accounts against what waits of the breaks by their stories, at one place of the
// book and in both directions; and each break's own amount against its story, unless a business event moved it since Clear looked.
// What lies in suspense and belongs to no break is a difference like any other.
func (s *Service) CheckSuspense(ctx context.Context, book ledger.Book) (out SuspenseCheck, err error) {
	var looked int64
	if err := s.pool.QueryRow(ctx, sqlSuspenseHead, book.ID).Scan(&looked); err != nil {
		return out, err
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return out, err
	}
	out.Sequence = head.LastSequence
	// The waiting breaks are listed after the place was chosen, and those that moved after they were listed: what waited at the
	// place is among them, whatever goes on meanwhile.
	ids, moved, err := s.mayWait(ctx, book, looked)
	if err != nil {
		return out, err
	}
	sums := map[suspensePlace]money.Minor{}
	for _, id := range ids {
		list, err := s.events.Suspended(ctx, book, id, out.Sequence)
		if err != nil {
			return out, err
		}
		waits := false
		for _, w := range list {
			place := suspensePlace{suspenseHeld, w.Currency}
			amount := w.Amount
			if w.Side == commerce.SideInflow {
				place.account, amount = suspenseOwed, -amount
			}
			waits = waits || amount != 0
			if sums[place], err = money.Add(sums[place], amount); err != nil {
				return out, err
			}
		}
		if waits {
			out.Waiting++
		}
		if !moved[id] {
			if err := s.checkOne(ctx, book, id, looked, list, &out); err != nil {
				return out, err
			}
		}
	}
	return out, s.checkBalances(ctx, book, sums, &out)
}

// mayWait are the breaks of which something may wait, in order, and which of them business events moved since Clear looked.
func (s *Service) mayWait(ctx context.Context, book ledger.Book, looked int64) ([]string, map[string]bool, error) {
	ids := map[string]bool{}
	reference, id := "", ""
	for read := maxSteps; read == maxSteps; {
		rows, err := s.pool.Query(ctx, sqlWaitingBreaks, book.ID, reference, id, maxSteps)
		if err != nil {
			return nil, nil, err
		}
		read = 0
		if _, err := pgx.ForEachRow(rows, []any{&reference, &id}, func() error { ids[id] = true; read++; return nil }); err != nil {
			return nil, nil, err
		}
		if len(ids) > maxWaiting {
			return nil, nil, ErrRunLarge
		}
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := accountIDs(ctx, s.pool, book, []string{string(suspenseHeld), string(suspenseOwed)})
	if err != nil {
		return nil, nil, err
	}
	moved := map[string]bool{}
	for {
		sequences, touched, err := touchedBreaks(ctx, s.pool, book, accounts, looked, head.LastSequence)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range touched {
			ids[id], moved[id] = true, true
		}
		if len(sequences) < pageOfSuspense {
			return slices.Sorted(maps.Keys(ids)), moved, nil
		}
		looked = sequences[len(sequences)-1]
	}
}

// checkOne holds a break's amount in suspense against its story.
func (s *Service) checkOne(ctx context.Context, book ledger.Book, id string, looked int64, list []commerce.Suspended, out *SuspenseCheck) error {
	b, err := s.Break(ctx, book, id)
	if errors.Is(err, ErrBreakUnknown) {
		out.Findings = append(out.Findings, s.suspenseFinding("suspense:"+id, list[0].Currency, list[0].Amount, "Something waits in suspense for a break that there is not."))
		return nil
	}
	if err != nil {
		return err
	}
	sum, _ := waitsOf(list)
	if sum == b.Suspense {
		return nil
	}
	// It may have moved since the place was chosen: both are looked at again, at one moment.
	moved := false
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		if sum, _, err = s.suspendedTx(ctx, tx, book, id); err == nil {
			b, err = breakOf(ctx, tx, book, id)
		}
		if err == nil {
			err = tx.QueryRow(ctx, sqlMovedSince, book.ID, "break:"+id, looked).Scan(&moved)
		}
		return err
	})
	if err != nil {
		return err
	}
	if sum != b.Suspense && !moved {
		out.Findings = append(out.Findings, s.suspenseFinding("suspense:"+id, b.Currency, b.Suspense-sum, "What a break says that it has in suspense is not what its entries say."))
	}
	return nil
}

// checkBalances holds the sums of what waits against the balances.
func (s *Service) checkBalances(ctx context.Context, book ledger.Book, sums map[suspensePlace]money.Minor, out *SuspenseCheck) error {
	rows, err := s.pool.Query(ctx, sqlSuspenseBalances, book.ID, out.Sequence)
	if err != nil {
		return err
	}
	var place suspensePlace
	var balance int64
	if _, err := pgx.ForEachRow(rows, []any{&place.account, &place.currency, &balance}, func() error {
		sums[place] -= money.Minor(balance)
		return nil
	}); err != nil {
		return err
	}
	places := slices.SortedFunc(maps.Keys(sums), func(a, b suspensePlace) int {
		return strings.Compare(string(a.account)+string(a.currency), string(b.account)+string(b.currency))
	})
	for _, p := range places {
		if d := sums[p]; d != 0 {
			out.Findings = append(out.Findings, s.suspenseFinding("suspense:"+string(p.account)+":"+string(p.currency), p.currency, d,
				"The balance of "+string(p.account)+" is not the sum of what waits of breaks. Somebody posted there by hand, or by an event that no break is behind."))
		}
	}
	return nil
}

func (s *Service) suspenseFinding(identity string, c money.Currency, amount money.Minor, detail string) Finding {
	return Finding{Class: BalanceDiffers, Identity: identity, Currency: c, Amount: amount, HappenedAt: s.now(), Detail: detail}
}
