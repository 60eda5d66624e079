package reconcile

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Lines of evidence are found by what names them, each name by an index of its own, and by their amount among the newest of a source.

const (
	findColumns = `p.number, p.receipt, p.line_id, p.key, p.currency, p.gross, p.fee, p.net, p.category, p.type, p.source_ref, p.batch, p.trace, p.note, p.rate, p.moved_at, p.available_at, p.status`

	sqlFindLines = `
SELECT ` + findColumns + ` FROM unnest(ARRAY[$3]::text[]) AS w (name) CROSS JOIN LATERAL (
    (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.line_id = w.name LIMIT $4) UNION ALL
    (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.key = w.name AND x.line_id <> w.name ORDER BY x.number DESC LIMIT $4) UNION ALL
    (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.trace = w.name AND x.trace <> '' AND x.key <> w.name AND x.line_id <> w.name LIMIT $4)) p
 LIMIT $4`

	sqlFindLineAmounts = `
SELECT ` + findColumns + `
  FROM (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.moved_at >= $3 ORDER BY x.moved_at DESC, x.number DESC LIMIT $4) p
 WHERE EXISTS (SELECT FROM unnest($5::text[], $6::bigint[]) AS w (currency, amount) WHERE w.currency = p.currency AND (w.amount = abs(p.net) OR w.amount = abs(p.gross)))
 ORDER BY p.moved_at DESC, p.number DESC
 LIMIT $7`
)

// linesSearched is among how many of the newest lines of a source amounts are looked for.
const linesSearched = 20_000

// Sum is an amount of money that is looked for, in minor units, without a sign.
type Sum struct {
	Currency money.Currency
	Amount   money.Minor
}

// NamedLines returns up to limit lines of a source that are called by the name: their own id, what the ledger knows them by, which is
// what moved the money at the processor or what a bank names end to end, or the bank's trace.
func (s *Service) NamedLines(ctx context.Context, book ledger.Book, source Source, name string, limit int) ([]Line, error) {
	return s.findLines(ctx, sqlFindLines, book.ID, source.ID, name, pageSize(limit))
}

// LinesOfAmount returns up to limit lines of a source that moved one of the sums, before or after fees, of the newest 20,000 since a moment.
func (s *Service) LinesOfAmount(ctx context.Context, book ledger.Book, source Source, sums []Sum, since time.Time, limit int) ([]Line, error) {
	currencies, amounts := make([]string, len(sums)), make([]int64, len(sums))
	for i, x := range sums {
		currencies[i], amounts[i] = string(x.Currency), int64(x.Amount)
	}
	return s.findLines(ctx, sqlFindLineAmounts, book.ID, source.ID, since, linesSearched, currencies, amounts, pageSize(limit))
}

func (s *Service) findLines(ctx context.Context, sql string, args ...any) (list []Line, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Line, error) { return scanLine(row) })
		return err
	})
	return list, err
}
