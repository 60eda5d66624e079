package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// A suggestion holds only as long as nothing of it is matched otherwise, its break is open, and the source says the same of its lines'
// amounts, fees and currencies as when it was suggested. When one of these is over it becomes void, and says why. A run that finds it
// possible again suggests it again, knowing what the source said by then.

const (
	sqlVoidBeyond = `
UPDATE recon_pairings p SET state = 'void', decided_by = $5, decided_at = $6, note = $7
 WHERE p.book_id = $1 AND p.match = $2 AND p.source_id = $3 AND p.state = 'suggested'
   AND (NOT EXISTS (SELECT FROM unnest($4::text[]) u (identity) WHERE u.identity = p.identity)
        OR EXISTS (SELECT FROM evidence_changes y
                    CROSS JOIN LATERAL (SELECT (array_agg(x.was ORDER BY x.receipt))[1] AS was, (array_agg(x.became ORDER BY x.receipt DESC))[1] AS became
                                          FROM evidence_changes x WHERE x.book_id = $1 AND x.source_id = $3 AND x.line = y.line AND x.field = y.field) z
                    WHERE y.book_id = $1 AND y.source_id = $3 AND y.receipt > p.receipt AND y.field IN ('amount', 'fee', 'currency') AND z.was <> z.became
                      AND y.line = ANY (ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(p.members::jsonb -> 'external') x))))`
	// Whoever records a run holds suggestions before the steps: one that is held so is left to that run.
	sqlVoidSharing = `
UPDATE recon_pairings p SET state = 'void', decided_by = $7, decided_at = $8, note = $9
 WHERE p.book_id = $1 AND p.id IN (
       SELECT q.id FROM recon_pairings q
        WHERE q.book_id = $1 AND q.state = 'suggested' AND q.match = $2 AND q.source_id = $3
          AND (EXISTS (SELECT FROM jsonb_array_elements_text(q.members::jsonb -> 'external') x WHERE x::bigint = ANY ($4::bigint[]))
               OR EXISTS (SELECT FROM jsonb_array_elements(q.members::jsonb -> 'entries') x
                            JOIN unnest($5::bigint[], $6::integer[]) e (sequence, line)
                              ON e.sequence = (x ->> 'sequence')::bigint AND e.line = (x ->> 'line')::integer))
          FOR UPDATE OF q SKIP LOCKED)`
)

// voidBeyond makes those suggestions void that a run did not suggest. One for a moment that is past does not see all that is open, and
// says nothing of them.
func voidBeyond(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, suggested []Pairing) error {
	if run.Match > R2 || run.RecordedAt.Sub(run.CutOff) > run.Took+time.Second {
		return nil
	}
	identities := make([]string, 0, len(suggested))
	for _, p := range suggested {
		identities = append(identities, p.Identity)
	}
	note := fmt.Sprintf("Run %d found that it cannot be: a line or an entry of it is matched otherwise, its difference is gone, or the source says something else of a line.", run.Number)
	_, err := tx.Exec(ctx, sqlVoidBeyond, planNow, book.ID, run.Match, run.Source, identities, guard.System, run.RecordedAt, note)
	return err
}

// mostSaid bounds the changes of a pairing's lines that are told.
const mostSaid = 100

// saidOtherwise is what the source says last of the amounts, fees and currencies of a pairing's lines that is not what they say, the newest
// first.
func saidOtherwise(ctx context.Context, from asker, book ledger.Book, p *PairingRecord) (said []Change, err error) {
	all, err := changedFields(ctx, from, book, p.Source, p.External)
	for _, c := range all {
		if (c.Field == fieldAmount || c.Field == fieldFee || c.Field == fieldCurrency) && c.Was != c.Became {
			said = append(said, c.Change)
		}
	}
	slices.SortFunc(said, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Receipt, a.Receipt), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	return said[:min(len(said), mostSaid)], err
}

// saidSince refuses a suggestion of whose lines the source says something else since it was suggested. The changes are newest first.
func saidSince(p *PairingRecord) error {
	if len(p.Changes) == 0 || p.Changes[0].Receipt <= p.Receipt {
		return nil
	}
	c := p.Changes[0]
	return ErrPairingState.Withf("The source says something else of line %s since this was suggested: its %s was %s and became %s. Run the reconciliation again: if the two still belong together, it is suggested again.",
		c.LineID, c.Field, c.Was, c.Became)
}

// voidSharing makes suggestions void that have a line or an entry of something that is dealt with.
func voidSharing(ctx context.Context, tx pgx.Tx, book ledger.Book, match Match, source int16, lines []int64, entries []EntryID, at time.Time, why string) error {
	sequences, places := make([]int64, len(entries)), make([]int32, len(entries))
	for i, e := range entries {
		sequences[i], places[i] = e.Sequence, int32(e.Line) // #nosec G115 -- a transaction has 500 lines at most
	}
	_, err := tx.Exec(ctx, sqlVoidSharing, planNow, book.ID, match, source, lines, sequences, places, guard.System, at, why)
	return err
}
