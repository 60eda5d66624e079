package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What sources say otherwise of lines that were known, as R3 sees it: one difference for each field of a line, however often it was said.
// What a source says last counts. A changed amount and a changed fee each differ by their own share, so that both together come to what
// the line's net differs by.

// mostChanged bounds the changed fields of a source that a run tells apart, beside those that have a break: the others are sums.
const mostChanged = 10_000

const (
	sqlChangedPage = `
SELECT c.receipt, c.line, c.field FROM evidence_changes c
 WHERE c.book_id = $1 AND c.source_id = $2 AND (c.receipt, c.line, c.field) > ($3, $4, $5) AND c.field NOT IN ('status', 'available_at')
 ORDER BY c.receipt, c.line, c.field LIMIT $6`
	// What lines say themselves, and what was said otherwise of them first and last. Each line is looked for by itself and in an order that
	// one index has, so that it is found by that whatever the statistics say.
	sqlChangedLines = `
SELECT l.number, l.line_id, l.currency, l.gross, l.fee, l.net, l.moved_at FROM unnest($3::bigint[]) AS w (line)
 CROSS JOIN LATERAL (SELECT x.number, x.line_id, x.currency, x.gross, x.fee, x.net, x.moved_at FROM evidence_lines x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.number >= w.line ORDER BY x.number LIMIT 1) l
 WHERE l.number = w.line`
	sqlChangedFirst = `
SELECT c.line, c.field, c.receipt, c.was FROM unnest($3::bigint[]) AS w (line)
 CROSS JOIN LATERAL (SELECT DISTINCT ON (x.field) x.line, x.field, x.receipt, x.was FROM evidence_changes x
        WHERE x.book_id = $1 AND x.source_id = $2 AND x.line = w.line AND x.field NOT IN ('status', 'available_at') ORDER BY x.field, x.receipt) c`
	sqlChangedLast = `
SELECT c.line, c.field, c.receipt, c.became FROM unnest($3::bigint[]) AS w (line)
 CROSS JOIN LATERAL (SELECT DISTINCT ON (x.field) x.line, x.field, x.receipt, x.became FROM evidence_changes x
        WHERE x.book_id = $1 AND x.source_id = $2 AND x.line = w.line AND x.field NOT IN ('status', 'available_at') ORDER BY x.field, x.receipt DESC) c`
)

// changedField is a field of a line that a source says otherwise: Was is what the line says, Became what the source says last.
type changedField struct {
	Change
	// first is the receipt in which it was said otherwise first; the change's own is the last one.
	first int64
	// elsewhere says that the source names another currency last.
	elsewhere       bool
	currency        money.Currency
	gross, fee, net money.Minor
	movedAt         time.Time
}

// changedFields are the fields of lines that a source ever said otherwise.
func changedFields(ctx context.Context, from asker, book ledger.Book, source int16, lines []int64) (map[saidAt]changedField, error) {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	lines = slices.Compact(lines)
	rows, err := from.Query(ctx, sqlChangedFirst, planNow, book.ID, source, lines)
	if err != nil {
		return nil, err
	}
	all := map[saidAt]changedField{}
	var c changedField
	if _, err := pgx.ForEachRow(rows, []any{&c.Line, &c.Field, &c.first, &c.Was}, func() error {
		all[saidAt{c.Line, c.Field}] = c
		return nil
	}); err != nil || len(all) == 0 {
		return nil, err
	}
	if rows, err = from.Query(ctx, sqlChangedLast, planNow, book.ID, source, lines); err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&c.Line, &c.Field, &c.Receipt, &c.Became}, func() error {
		x, known := all[saidAt{c.Line, c.Field}]
		if x.Receipt, x.Became = c.Receipt, c.Became; known { // what came first between the two looks is for the next run
			all[saidAt{c.Line, c.Field}] = x
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = from.Query(ctx, sqlChangedLines, planNow, book.ID, source, lines); err != nil {
		return nil, err
	}
	var l changedField
	_, err = pgx.ForEachRow(rows, []any{&l.Line, &l.LineID, &l.currency, &l.gross, &l.fee, &l.net, &l.movedAt}, func() error {
		named, other := all[saidAt{l.Line, fieldCurrency}]
		l.elsewhere = other && named.Became != named.Was
		for _, field := range [...]string{fieldAmount, fieldFee, fieldCurrency, fieldCategory, fieldType, fieldSource, fieldMoved} {
			if c, changed := all[saidAt{l.Line, field}]; changed {
				c.LineID, c.elsewhere, c.currency, c.gross, c.fee, c.net, c.movedAt = l.LineID, l.elsewhere, l.currency, l.gross, l.fee, l.net, l.movedAt
				all[saidAt{l.Line, field}] = c
			}
		}
		return nil
	})
	return all, err
}

// there is what the line's net is by what the source says last of the field. A figure of another currency says nothing of it.
func (c changedField) there() money.Minor {
	if c.elsewhere || c.Field != fieldAmount && c.Field != fieldFee {
		return c.net
	}
	became, err := parseSigned(c.Became, c.currency)
	if err != nil {
		return c.net
	}
	less := c.gross
	if c.Field == fieldFee {
		became, less = -became, -c.fee
	}
	change, err := money.Add(became, -less)
	if err != nil {
		return c.net
	}
	there, err := money.Add(c.net, change)
	if err != nil {
		return c.net
	}
	return there
}

// readChanged sees what a source says otherwise of lines, but for those whose break two people ended and that are as they were then.
func (s *Service) readChanged(ctx context.Context, book ledger.Book, in inputs, source Source, name string, f *facts) error {
	var after Change
	kept, rest := 0, map[money.Currency]*fact{}
	for {
		page, of, err := s.changedPage(ctx, book, source, after)
		if err != nil {
			return err
		}
		var seen []fact
		var asked []string
		for _, after = range page {
			c := of[saidAt{after.Line, after.Field}]
			if after.Receipt != c.first || c.Became == c.Was { // another of the field told of both, or the source says again what the line says
				continue
			}
			x := newFact(checkChanged, name+":"+c.LineID+":"+c.Field, c.currency, c.there(), c.net, c.movedAt, true)
			x.Left, x.Right = c.LineID, clipText(c.Field+": "+c.Was+" became "+c.Became, mostBreakRef)
			seen, asked = append(seen, x), append(asked, x.identity())
		}
		ended, err := s.endedByPeople(ctx, book, in, asked)
		if err != nil {
			return err
		}
		for i, x := range seen {
			b, known := ended[asked[i]]
			if is, err := x.endedAs(b, known, checksInside[checkChanged]); is || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			if known := in.listed[asked[i]]; known || kept < mostChanged {
				if !known {
					kept++
				}
				f.keep(x)
				continue
			}
			if rest[x.Currency] == nil {
				r := newFact(checkChanged, "more", x.Currency, 0, 0, x.Since, true)
				rest[x.Currency] = &r
			}
			if err := rest[x.Currency].add(&x); err != nil {
				return err
			}
			rest[x.Currency].More++
		}
		if len(page) < insidePage {
			break
		}
	}
	for _, r := range rest {
		f.keep(*r)
	}
	return nil
}

// changedPage are the changes after one, and what there is to know of their fields.
func (s *Service) changedPage(ctx context.Context, book ledger.Book, source Source, after Change) (page []Change, of map[saidAt]changedField, err error) {
	rows, err := s.pool.Query(ctx, sqlChangedPage, planNow, book.ID, source.ID, after.Receipt, after.Line, after.Field, insidePage)
	if err != nil {
		return nil, nil, fmt.Errorf("read what a source says otherwise: %w", err)
	}
	var lines []int64
	var c Change
	if _, err := pgx.ForEachRow(rows, []any{&c.Receipt, &c.Line, &c.Field}, func() error {
		page, lines = append(page, c), append(lines, c.Line)
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("read what a source says otherwise: %w", err)
	}
	if of, err = changedFields(ctx, s.pool, book, source.ID, lines); err != nil {
		return nil, nil, fmt.Errorf("read what a source says otherwise: %w", err)
	}
	return page, of, nil
}
