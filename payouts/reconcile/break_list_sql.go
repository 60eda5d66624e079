package reconcile

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Lists of breaks: as they are now, and as they were after a step.

// MaxBreaks bounds one page of breaks.
const MaxBreaks = 1000

// BreakQuery chooses breaks. Its zero value chooses all.
type BreakQuery struct {
	// States and the others are compared exactly where they are not empty. Open breaks are those that have not ended.
	States   []State
	Open     bool
	Class    Class
	Match    Match
	Source   int16
	Owner    string
	Currency money.Currency
	// SeenBefore bounds when it was first seen; zero bounds nothing.
	SeenBefore time.Time
	// Reference is compared with both references of a break.
	Reference string
	// AfterSeen and AfterID are those of the last break already seen; zero values are from the first on.
	AfterSeen time.Time
	AfterID   string
	// Limit is 1 to 1,000.
	Limit int
}

// sqlOf builds the question. Only what is asked for stands in it, so that the index of it is used.
func (q *BreakQuery) sqlOf(book ledger.Book) (string, []any) {
	args := []any{book.ID}
	var b strings.Builder
	b.WriteString(`SELECT ` + breakColumns + ` FROM recon_breaks b WHERE b.book_id = $1`)
	and := func(condition string, value any) {
		args = append(args, value)
		b.WriteString(" AND " + strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if q.Open {
		b.WriteString(" AND b.ended_at IS NULL")
	}
	if len(q.States) > 0 {
		states := make([]string, len(q.States))
		for i, s := range q.States {
			states[i] = string(s)
		}
		and("b.state = ANY (?)", states)
	}
	if q.Class != "" {
		and("b.class = ?", string(q.Class))
	}
	if q.Match != 0 {
		and("b.match = ?", int16(q.Match))
	}
	if q.Source != 0 {
		and("b.source_id = ?", q.Source)
	}
	if q.Owner != "" {
		and("b.owner = ?", q.Owner)
	}
	if q.Currency != "" {
		and("b.currency = ?", string(q.Currency))
	}
	if !q.SeenBefore.IsZero() {
		and("b.first_seen < ?", q.SeenBefore)
	}
	if q.Reference != "" {
		and("(b.left_ref = ? OR b.right_ref = ?)", q.Reference)
	}
	if q.AfterID != "" {
		args = append(args, q.AfterSeen, q.AfterID)
		b.WriteString(" AND (b.first_seen, b.id) > ($" + strconv.Itoa(len(args)-1) + ", $" + strconv.Itoa(len(args)) + ")")
	}
	args = append(args, min(max(q.Limit, 1), MaxBreaks))
	b.WriteString(" ORDER BY b.first_seen, b.id LIMIT $" + strconv.Itoa(len(args)))
	return b.String(), args
}

// Breaks are a page of breaks, those that were seen first first.
func (s *Service) Breaks(ctx context.Context, book ledger.Book, q BreakQuery) ([]Break, error) {
	sql, args := q.sqlOf(book)
	var page []Break
	err := s.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		page, err = breaksOf(ctx, tx, sql, args...)
		return err
	})
	return page, err
}

const sqlBreaksAt = `
SELECT b.first_seen, b.id, s.number, s.standing
  FROM (SELECT b.first_seen, b.id FROM recon_breaks b WHERE b.book_id = $1 AND (b.first_seen, b.id) > ($3, $4) ORDER BY b.first_seen, b.id LIMIT $5) b
  LEFT JOIN LATERAL (SELECT number, standing FROM recon_steps WHERE book_id = $1 AND break_id = b.id AND number <= $2 ORDER BY number DESC LIMIT 1) s ON true
 ORDER BY b.first_seen, b.id`

// BreaksAt goes through the breaks of a book as they stood after a step, those that were seen first first. It is the same for ever,
// whatever becomes of them later. Each page is read on its own; yield ends it with an error.
func (s *Service) BreaksAt(ctx context.Context, book ledger.Book, step int64, yield func(Break) error) error {
	var seen time.Time
	id := ""
	for {
		var page []Break
		read := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlBreaksAt, book.ID, step, seen, id, MaxBreaks)
			if err != nil {
				return err
			}
			page, read = page[:0], 0
			var number *int64
			var standing *string
			_, err = pgx.ForEachRow(rows, []any{&seen, &id, &number, &standing}, func() error {
				if read++; number == nil {
					return nil // it was found later
				}
				b, err := standingOf([]byte(*standing), *number)
				page = append(page, b)
				return err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, b := range page {
			if err := yield(b); err != nil {
				return err
			}
		}
		if read < MaxBreaks {
			return nil
		}
	}
}

// BreakColumns are the columns of a list of breaks.
var BreakColumns = []string{"break_id", "match", "type", "left_ref", "right_ref", "amount", "currency", "first_seen", "age_days", "owner_team", "status", "entry_id_of_fix", "note"}

// Row is the break as a line of such a list, its age at a moment.
func (b *Break) Row(at time.Time) []string {
	return []string{b.ID, "R" + strconv.Itoa(int(b.Match)), string(b.Class), b.Left, b.Right, b.Amount.Format(b.Currency), string(b.Currency),
		b.FirstSeen.UTC().Format(time.RFC3339), strconv.Itoa(b.Age(at)), b.Owner, string(b.State), b.Fix, b.Note}
}

const (
	sqlBreakLines = `
SELECT number, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, trace, note, rate, moved_at
  FROM evidence_lines WHERE book_id = $1 AND source_id = $2 AND number = ANY ($3) ORDER BY number`

	sqlBreakEntries = `
SELECT e.sequence, e.line, a.address, a.currency, e.amount, coalesce(e.external_ref, ''), t.event, coalesce(t.subject, ''), t.reference, t.occurred_at, t.effective_period,
       coalesce(t.original_period, 0), coalesce(t.reverses, 0), coalesce(l.sequence, 0)
  FROM unnest($2::bigint[], $3::smallint[]) AS m (sequence, line)
  JOIN transactions t ON t.book_id = $1 AND t.sequence = m.sequence
  JOIN entries e ON e.book_id = $1 AND e.sequence = m.sequence AND e.line = m.line AND e.account_id = ANY (t.account_ids)
  JOIN accounts a ON a.book_id = $1 AND a.id = e.account_id
  LEFT JOIN transaction_links l ON l.book_id = $1 AND l.kind = 'reverses' AND l.target = e.sequence
 ORDER BY e.sequence, e.line`
)

// BreakMembers are the lines and the entries that a break names.
type BreakMembers struct {
	External []External
	Entries  []Entry
}

// Members reads what a break names of the source and of the ledger, at most 150 of each.
func (s *Service) Members(ctx context.Context, book ledger.Book, b Break) (m BreakMembers, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlBreakLines, book.ID, b.Source, b.External)
		if err != nil {
			return err
		}
		m.External, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x External, err error) {
			err = row.Scan(&x.Number, &x.ID, &x.Key, &x.Currency, &x.Gross, &x.Fee, &x.Net, &x.Category, &x.Type, &x.SourceRef, &x.Batch, &x.Trace, &x.Note, &x.Rate, &x.MovedAt)
			x.MovedAt = x.MovedAt.UTC()
			return x, err
		})
		if err != nil {
			return err
		}
		var sequences []int64
		var lines []int16
		for _, e := range b.Entries {
			sequences, lines = append(sequences, e.Sequence), append(lines, int16(e.Line)) // #nosec G115 -- a transaction has 500 lines at most
		}
		if rows, err = tx.Query(ctx, sqlBreakEntries, book.ID, sequences, lines); err != nil {
			return err
		}
		m.Entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
			err = row.Scan(&e.Sequence, &e.Line, &e.Account, &e.Currency, &e.Amount, &e.ExternalRef, &e.Event, &e.Subject, &e.Reference, &e.OccurredAt, &e.Period, &e.Original,
				&e.Reverses, &e.Reversed)
			if e.OccurredAt, e.Key = e.OccurredAt.UTC(), e.ExternalRef; e.Key == "" {
				e.Key = entryKey(EntryID{e.Sequence, e.Line})
			}
			return e, err
		})
		return err
	})
	return m, err
}
