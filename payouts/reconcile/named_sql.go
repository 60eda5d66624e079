package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// A transaction that is posted already and is named as what puts a break right. It ends the break without posting anything, so it is
// held against the break: what it moves, and that nothing else is explained by it.

const (
	// The steps that name a transaction as a fix are those of two people, and no more of them than people take.
	// A transaction that moves money from one processor or bank account to another puts a difference right on either. What a book or a
	// channel differs by has no account of its own, so there it counts once.
	sqlNamedBefore = `
SELECT EXISTS (
  SELECT FROM recon_steps s
   CROSS JOIN LATERAL (SELECT x.match, x.source_id FROM recon_breaks x WHERE x.book_id = $1 AND x.id = s.break_id LIMIT 1) b
   WHERE s.book_id = $1 AND s.run = 0 AND s.act IN ('suspended', 'fixed') AND s.act = 'fixed' AND s.fix = $2 AND s.break_id <> $3
     AND (b.match > 2 OR $4::smallint > 2 OR b.match = $4 AND b.source_id = $5))`

	sqlSeenUntil = `SELECT sequence FROM recon_heads WHERE book_id = $1 AND match = $2 AND source_id = $3`

	// The references of a transaction's cash that are lines of the source of their own.
	sqlOtherLines = `
SELECT u.reference
  FROM unnest($3::text[]) AS u (reference)
 CROSS JOIN LATERAL (SELECT number FROM evidence_lines l WHERE l.book_id = $1 AND l.source_id = $2 AND l.key = u.reference LIMIT 1) l
 LIMIT 1`
)

// misfit says what of a named transaction does not fit the break.
func misfit(code, format string, args ...any) error {
	return ErrBreakInvalid.At("/payload/transaction", code, fmt.Sprintf(format, args...))
}

// judgeNamed judges a fix by a transaction that is posted already.
func (s *Service) judgeNamed(ctx context.Context, from asker, book ledger.Book, p *fixPayload) (guard.Effect, error) {
	if p.Amount != "" || p.OriginalPeriod != "" {
		return guard.Effect{}, ErrBreakInvalid.At("/payload/transaction", "one", "A transaction that is posted already has its amount and its month.")
	}
	b, err := breakOf(ctx, from, book, p.Break)
	if err != nil {
		return guard.Effect{}, err
	}
	sequence, err := ledger.ParseTransactionID(book.Code, p.Transaction)
	if err != nil {
		return guard.Effect{}, err
	}
	t, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return guard.Effect{}, err
	}
	if b.Ended() || b.Suspense != 0 {
		return guard.Effect{}, ErrBreakState.With("The break has ended, or something of it waits in suspense, which has to go somewhere. Look at it again.")
	}
	if err := s.fits(ctx, from, book, &b, &t); err != nil {
		return guard.Effect{}, err
	}
	all := max(b.Amount, -b.Amount).Format(b.Currency)
	return guard.Effect{Summary: fmt.Sprintf("Ends the break %s by the transaction %s, %s.", b.ID, t.ID(), t.Event), Count: len(t.Entries),
		Totals:     []guard.Amount{{Currency: string(b.Currency), Amount: all}},
		Difference: []string{standsSo(&b)},
		Warnings:   []string{"Nothing is posted by this. If the next run finds the difference again, the break opens again."}}, nil
}

// fits says whether a transaction can be what puts a break right. What was posted because of the break fits it again after it was
// reopened.
func (s *Service) fits(ctx context.Context, from asker, book ledger.Book, b *Break, t *ledger.Transaction) error {
	links, err := s.ledger.LinksTo(ctx, book, t.Sequence)
	if err != nil {
		return err
	}
	switch {
	case links.RepostedBy != 0:
		return misfit("reversed", "%s was reversed and posted again as %s. Name that, if it puts this right.", t.ID(), ledger.TransactionID(book.Code, links.RepostedBy))
	case links.ReversedBy != 0:
		return misfit("reversed", "%s was reversed, so it puts nothing right. Name what stands.", t.ID())
	}
	if b.Kept && b.Fix == t.ID() {
		return nil
	}
	if b.Amount == 0 {
		return misfit("amount", "This break has no amount that a transaction could put right. Confirm what belongs together, bring the evidence that is missing, or say that there is nothing to post.")
	}
	used, err := one[bool](ctx, from, sqlNamedBefore, book.ID, t.ID(), b.ID, b.Match, b.Source)
	if err != nil {
		return err
	}
	if used {
		return misfit("used", "%s puts another break of this source right already. Name a transaction that nothing else is explained by.", t.ID())
	}
	seen, err := one[int64](ctx, from, sqlSeenUntil, book.ID, b.Match, b.Source)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if t.Sequence <= seen {
		instead := "Confirm what belongs together, or post what puts it right and name that."
		if b.Acceptable() {
			instead = "If nothing is left to post, say that (nothing_to_post)."
		}
		return misfit("seen", "The newest run had %s in its books, and the difference is there all the same. %s", t.ID(), instead)
	}
	if b.Match != R1 && b.Match != R2 {
		return fitsSomewhere(b, t)
	}
	source, err := sourceOf(ctx, from, book, b.Source)
	if err != nil {
		return err
	}
	return s.fitsSource(ctx, from, book, source, b, t)
}

// fitsSource says whether a transaction moves, on the accounts of a source, what the books lack of a break; and under no reference that
// is a line of the source of its own.
func (s *Service) fitsSource(ctx context.Context, from asker, book ledger.Book, source Source, b *Break, t *ledger.Transaction) error {
	accounts := accountsOf(source)
	keys, err := keysOf(ctx, from, book, source, []Break{*b})
	if err != nil {
		return err
	}
	names := append(keys[0].names, keys[0].reference)
	var moved money.Minor
	var others []string
	touches := false
	for _, e := range t.Entries {
		if e.Currency != b.Currency || !slices.Contains(accounts, string(e.Account)) {
			continue
		}
		touches = true
		if moved, err = money.Add(moved, e.Amount); err != nil {
			return err
		}
		if e.ExternalRef != "" && !slices.Contains(names, e.ExternalRef) {
			others = append(others, e.ExternalRef)
		}
	}
	wants := b.Amount.Format(b.Currency)
	switch {
	case !touches:
		return misfit("account", "%s moves nothing in %s on the accounts of %s %s, where the difference is.", t.ID(), b.Currency, source.Kind, source.Name)
	case moved == -b.Amount:
		return misfit("direction", "%s moves the amount the other way: it changes what the books have by %s %s, and the break needs %s.", t.ID(), moved.Format(b.Currency), b.Currency, wants)
	case moved != b.Amount:
		return misfit("amount", "%s changes what the books have there by %s %s, and the break needs %s.", t.ID(), moved.Format(b.Currency), b.Currency, wants)
	}
	if len(others) == 0 {
		return nil
	}
	other, err := one[string](ctx, from, sqlOtherLines, book.ID, source.ID, others)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return misfit("reference", "The cash of %s is under the reference %s, which is another line of %s %s.", t.ID(), clipText(other, mostBreakRef), source.Kind, source.Name)
}

// fitsSomewhere says whether a transaction moves the amount of a break, either way, on an account: what the books are held against is
// not one source's accounts there.
func fitsSomewhere(b *Break, t *ledger.Transaction) error {
	moved := map[ledger.Address]money.Minor{}
	for _, e := range t.Entries {
		if e.Currency == b.Currency {
			moved[e.Account] += e.Amount
		}
	}
	for _, m := range moved {
		if m == b.Amount || m == -b.Amount {
			return nil
		}
	}
	return misfit("amount", "%s moves %s %s on no account, which is what the break is about.", t.ID(), max(b.Amount, -b.Amount).Format(b.Currency), b.Currency)
}

// one is the only value of the only row that a statement answers with. It returns pgx.ErrNoRows.
func one[T any](ctx context.Context, from asker, sql string, args ...any) (v T, err error) {
	rows, err := from.Query(ctx, sql, args...)
	if err != nil {
		return v, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}
