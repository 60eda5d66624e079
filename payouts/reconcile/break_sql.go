package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Breaks as they are kept.

const breakColumns = `b.id, b.match, b.source_id, b.identity, b.class, b.state, b.currency, b.amount, b.left_ref, b.right_ref, b.detail::jsonb, b.happened_at,
       b.original_period, b.first_run, b.last_run, b.first_seen, b.expected_by, b.owner, b.note, b.document, b.suspense, b.suspense_ref, b.fix, b.changed_at,
       b.ended_at, b.step`

const (
	sqlBreak = `SELECT ` + breakColumns + ` FROM recon_breaks b WHERE b.book_id = $1 AND b.id = $2`

	sqlBreaksByID = `SELECT ` + breakColumns + ` FROM recon_breaks b WHERE b.book_id = $1 AND b.id = ANY ($2) ORDER BY b.id`

	sqlOpenBreaksOf = `SELECT ` + breakColumns + ` FROM recon_breaks b WHERE b.book_id = $1 AND b.ended_at IS NULL AND b.match = $2 AND b.source_id = $3`

	// Each identity is one probe of the unique index, however little is known of the table.
	sqlEndedBreaksOf = `
SELECT ` + breakColumns + `
  FROM unnest($4::text[]) AS u (identity)
 CROSS JOIN LATERAL (SELECT * FROM recon_breaks x WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.identity = u.identity OFFSET 0) b
 WHERE b.ended_at IS NOT NULL`

	sqlSeenBreaks = `UPDATE recon_breaks SET last_run = $3 WHERE book_id = $1 AND id = ANY ($2)`

	sqlSaveBreaks = `
UPDATE recon_breaks b
   SET class = u.class, state = u.state, amount = u.amount, left_ref = u.left_ref, right_ref = u.right_ref, detail = u.detail,
       original_period = u.original_period, last_run = u.last_run, expected_by = u.expected_by, owner = u.owner, note = u.note, document = u.document,
       suspense = u.suspense, suspense_ref = u.suspense_ref, fix = u.fix, changed_at = u.changed_at, ended_at = u.ended_at, step = u.step
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::integer[], $10::bigint[], $11::timestamptz[],
              $12::text[], $13::text[], $14::text[], $15::bigint[], $16::text[], $17::text[], $18::timestamptz[], $19::timestamptz[], $20::bigint[])
       AS u (id, class, state, amount, left_ref, right_ref, detail, original_period, last_run, expected_by, owner, note, document, suspense, suspense_ref, fix,
             changed_at, ended_at, step)
 WHERE b.book_id = $1 AND b.id = u.id`
)

// planNow has a statement planned when it runs. These touch thousands of rows at once: a plan that was made and kept when the table
// was empty would go through all of it for each of them.
const planNow = pgx.QueryExecModeCacheDescribe

// pageOfBreaks bounds the breaks that one statement writes.
const pageOfBreaks = 2000

func scanBreak(row pgx.CollectableRow) (b Break, err error) {
	var d breakDetail
	var expected, ended *time.Time
	err = row.Scan(&b.ID, &b.Match, &b.Source, &b.Identity, &b.Class, &b.State, &b.Currency, &b.Amount, &b.Left, &b.Right, &d, &b.HappenedAt, &b.Original,
		&b.FirstRun, &b.LastRun, &b.FirstSeen, &expected, &b.Owner, &b.Note, &b.Document, &b.Suspense, &b.SuspenseRef, &b.Fix, &b.ChangedAt, &ended, &b.Step)
	b.setDetail(d)
	b.HappenedAt, b.FirstSeen, b.ChangedAt = b.HappenedAt.UTC(), b.FirstSeen.UTC(), b.ChangedAt.UTC()
	b.ExpectedBy, b.EndedAt = timeOf(expected), timeOf(ended)
	return b, err
}

// asker is a pool or a transaction that answers questions.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func breaksOf(ctx context.Context, from asker, sql string, args ...any) ([]Break, error) {
	rows, err := from.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanBreak)
}

func breakOf(ctx context.Context, from asker, book ledger.Book, id string) (Break, error) {
	rows, err := from.Query(ctx, sqlBreak, book.ID, id)
	if err != nil {
		return Break{}, err
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBreak)
	if errors.Is(err, pgx.ErrNoRows) {
		return Break{}, ErrBreakUnknown
	}
	return b, err
}

// Break is one break. It returns ErrBreakUnknown.
func (s *Service) Break(ctx context.Context, book ledger.Book, id string) (Break, error) {
	return breakOf(ctx, s.pool, book, id)
}

var newBreakColumns = []string{"book_id", "id", "match", "source_id", "identity", "class", "state", "currency", "amount", "left_ref", "right_ref", "detail", "happened_at",
	"original_period", "first_run", "last_run", "first_seen", "expected_by", "owner", "note", "document", "suspense", "suspense_ref", "fix", "changed_at", "ended_at", "step"}

// addBreaks inserts new breaks.
func addBreaks(ctx context.Context, tx pgx.Tx, book ledger.Book, added []changedBreak) error {
	if len(added) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(added))
	for i := range added {
		b := &added[i].Break
		detail, err := compactJSON(b.detail())
		if err != nil {
			return err
		}
		rows = append(rows, []any{book.ID, b.ID, int16(b.Match), b.Source, b.Identity, string(b.Class), string(b.State), string(b.Currency), int64(b.Amount), b.Left,
			b.Right, string(detail), b.HappenedAt, int32(b.Original), b.FirstRun, b.LastRun, b.FirstSeen, timeOrNone(b.ExpectedBy), b.Owner, b.Note, b.Document,
			int64(b.Suspense), b.SuspenseRef, b.Fix, b.ChangedAt, timeOrNone(b.EndedAt), b.Step})
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"recon_breaks"}, newBreakColumns, pgx.CopyFromRows(rows))
	return err
}

// saveBreaks writes what changed of known breaks, page by page.
func saveBreaks(ctx context.Context, tx pgx.Tx, book ledger.Book, changed []changedBreak) error {
	for len(changed) > 0 {
		page := changed[:min(len(changed), pageOfBreaks)]
		changed = changed[len(page):]
		var id, class, state, left, right, detail, owner, note, document, suspenseRef, fix []string
		var amount, lastRun, suspense, step []int64
		var original []int32
		var expected, ended []*time.Time
		var changedAt []time.Time
		for i := range page {
			b := &page[i].Break
			d, err := compactJSON(b.detail())
			if err != nil {
				return err
			}
			id, class, state = append(id, b.ID), append(class, string(b.Class)), append(state, string(b.State))
			amount, left, right, detail = append(amount, int64(b.Amount)), append(left, b.Left), append(right, b.Right), append(detail, string(d))
			original, lastRun, expected = append(original, int32(b.Original)), append(lastRun, b.LastRun), append(expected, timeOrNone(b.ExpectedBy))
			owner, note, document = append(owner, b.Owner), append(note, b.Note), append(document, b.Document)
			suspense, suspenseRef, fix = append(suspense, int64(b.Suspense)), append(suspenseRef, b.SuspenseRef), append(fix, b.Fix)
			changedAt, ended = append(changedAt, b.ChangedAt), append(ended, timeOrNone(b.EndedAt))
			step = append(step, b.Step)
		}
		if _, err := tx.Exec(ctx, sqlSaveBreaks, planNow, book.ID, id, class, state, amount, left, right, detail, original, lastRun, expected, owner, note, document, suspense,
			suspenseRef, fix, changedAt, ended, step); err != nil {
			return err
		}
	}
	return nil
}

// applyFindingsTx makes the breaks of a run's source what the run found, in the run's own transaction. A difference that is found
// again is the same break; see follow. It returns errFindingTwice.
func (s *Service) applyFindingsTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, findings []Finding) error {
	at := run.RecordedAt
	if at.IsZero() {
		at = s.now()
	}
	held, err := lockSteps(ctx, tx, book)
	if err != nil {
		return err
	}
	rules, err := rulesVersion(ctx, tx, book, run.Rules)
	if err != nil {
		return err
	}
	known, err := breaksOf(ctx, tx, sqlOpenBreaksOf, book.ID, run.Match, run.Source)
	if err != nil {
		return err
	}
	open := make(map[string]bool, len(known))
	for i := range known {
		open[known[i].Identity] = true
	}
	var identities []string
	for i := range findings {
		if identity := boundIdentity(findings[i].Identity); !open[identity] {
			identities = append(identities, identity)
		}
	}
	ended, err := breaksOf(ctx, tx, sqlEndedBreaksOf, planNow, book.ID, run.Match, run.Source, identities)
	if err != nil {
		return err
	}
	out, err := follow(run, at, rules, append(known, ended...), findings)
	if err != nil {
		return err
	}
	held.number(out.added)
	held.number(out.changed)
	if err := addBreaks(ctx, tx, book, out.added); err != nil {
		return err
	}
	if err := saveBreaks(ctx, tx, book, out.changed); err != nil {
		return err
	}
	if len(out.seen) > 0 {
		if _, err := tx.Exec(ctx, sqlSeenBreaks, planNow, book.ID, out.seen, run.Number); err != nil {
			return err
		}
	}
	who := stepBy{by: run.StartedBy, at: at, run: run.Number}
	if who.by == "" {
		who.by = "system"
	}
	return held.add(ctx, tx, who, append(out.added, out.changed...))
}
