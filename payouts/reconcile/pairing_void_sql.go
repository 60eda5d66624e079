package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// A suggestion holds only as long as nothing of it is matched otherwise, its break is open, and the source says the same of its lines'
// amounts, fees and currencies as when it was suggested. When one of these is over it becomes void, and says why. A run that finds it
// possible again suggests it again, knowing what the source said by then.

const (
	// What the source says last of lines' amounts, fees and currencies where it is not what they say: what a line says is what the first
	// change of a field was from. Each field of a line is two probes of an index.
	sqlSaidOtherwise = `
SELECT z.receipt, w.line, l.line_id, w.field, a.was, z.became
  FROM (SELECT u.line, f.field FROM unnest($3::bigint[]) u (line), (VALUES ('amount'), ('currency'), ('fee')) f (field)) w
 CROSS JOIN LATERAL (SELECT x.was FROM evidence_changes x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.line = w.line AND x.field = w.field ORDER BY x.receipt LIMIT 1) a
 CROSS JOIN LATERAL (SELECT x.receipt, x.became FROM evidence_changes x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.line = w.line AND x.field = w.field ORDER BY x.receipt DESC LIMIT 1) z
 CROSS JOIN LATERAL (SELECT x.line_id FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.number = w.line LIMIT 1) l
 WHERE a.was <> z.became
 ORDER BY z.receipt DESC, w.line, w.field LIMIT 100`
	sqlVoidBeyond = `
UPDATE recon_pairings p SET state = 'void', decided_by = $5, decided_at = $6, note = $7
 WHERE p.book_id = $1 AND p.match = $2 AND p.source_id = $3 AND p.state = 'suggested'
   AND (NOT EXISTS (SELECT FROM unnest($4::text[]) u (identity) WHERE u.identity = p.identity)
        OR EXISTS (SELECT FROM jsonb_array_elements_text(p.members::jsonb -> 'external') e
                    CROSS JOIN (VALUES ('amount'), ('currency'), ('fee')) f (field)
                    CROSS JOIN LATERAL (SELECT x.was FROM evidence_changes x
                                         WHERE x.book_id = $1 AND x.source_id = $3 AND x.line = e::bigint AND x.field = f.field ORDER BY x.receipt LIMIT 1) a
                    CROSS JOIN LATERAL (SELECT x.receipt, x.became FROM evidence_changes x
                                         WHERE x.book_id = $1 AND x.source_id = $3 AND x.line = e::bigint AND x.field = f.field ORDER BY x.receipt DESC LIMIT 1) z
                    WHERE a.was <> z.became AND z.receipt > p.receipt))`
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

// saidOtherwise is what the source says last of a pairing's lines that is not what they say, the newest first, at most 100.
func saidOtherwise(ctx context.Context, from asker, book ledger.Book, p *PairingRecord) ([]Change, error) {
	rows, err := from.Query(ctx, sqlSaidOtherwise, planNow, book.ID, p.Source, p.External)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanChange)
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
		sequences[i], places[i] = e.Sequence, int32(e.Line)
	}
	_, err := tx.Exec(ctx, sqlVoidSharing, planNow, book.ID, match, source, lines, sequences, places, guard.System, at, why)
	return err
}
