package reconcile

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

const (
	statementColumns = `
SELECT receipt, ordinal, statement_id, sequence, currency, from_day, until_day, opening, closing, lines, proved FROM evidence_statements`

	sqlStatements     = statementColumns + ` WHERE book_id = $1 AND source_id = $2 AND (receipt, ordinal) > ($3, $4) ORDER BY receipt, ordinal LIMIT $5`
	sqlStatementsBack = statementColumns + ` WHERE book_id = $1 AND source_id = $2 AND (receipt, ordinal) < ($3, $4) ORDER BY receipt DESC, ordinal DESC LIMIT $5`
)

const (
	// statementsAtOnce is how many statements one statement of SQL reads, and statementsAtMost how many a source may have to be judged.
	statementsAtOnce = 10_000
	statementsAtMost = 500_000
)

// Continuity returns where a bank's statements do not follow each other: where the closing balance of one is not the opening balance
// of the next. It follows from the statements alone, in whatever order they came.
func (s *Service) Continuity(ctx context.Context, book ledger.Book, source Source) ([]Gap, error) {
	list, err := s.allStatements(ctx, book, source)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	for _, of := range byCurrency(list) {
		found, _ := chain(of)
		gaps = append(gaps, found...)
	}
	return gaps, nil
}

// Completeness returns the currencies in which the lines of a source do not come to what it says that it holds. A processor says so with
// each pull. Of a bank, all lines together must come to the last closing balance less the first opening balance, and less what
// moved in days of which there is no statement; a line that was doubled or lost on the way here shows so.
func (s *Service) Completeness(ctx context.Context, book ledger.Book, source Source) ([]Gap, error) {
	last, err := lastBalances(ctx, s.pool, book, source)
	if err != nil {
		return nil, err
	}
	all := make(map[money.Currency]*Balance, len(last))
	for i := range last {
		all[last[i].Currency] = &last[i]
	}
	if source.Kind == KindProcessor {
		return source.gaps(all)
	}
	list, err := s.allStatements(ctx, book, source)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	for _, of := range byCurrency(list) {
		c := of[0].Currency
		if all[c] == nil || !provable(of) {
			continue
		}
		found, ends := chain(of)
		if missing := ends.moved - all[c].LinesNet; missing != 0 && !contradicted(found) {
			gaps = append(gaps, Gap{Kind: GapBalance, Currency: c, Amount: missing, At: all[c].At, Receipts: []int64{ends.last.Receipt}})
		}
	}
	return gaps, nil
}

// provable reports whether every statement states balances of days: lines of one that does not have nothing to be held against.
func provable(list []StatementRecord) bool {
	for _, x := range list {
		if x.Lines > 0 && (!x.Proved || x.Until.IsZero()) {
			return false
		}
	}
	return true
}

func contradicted(gaps []Gap) bool {
	for _, g := range gaps {
		if g.Kind == GapContradiction {
			return true
		}
	}
	return false
}

// byCurrency splits statements by currency, in the order in which currencies first came.
func byCurrency(list []StatementRecord) (all [][]StatementRecord) {
	at := map[money.Currency]int{}
	for _, x := range list {
		i, ok := at[x.Currency]
		if !ok {
			i = len(all)
			at[x.Currency], all = i, append(all, nil)
		}
		all[i] = append(all[i], x)
	}
	return all
}

func (s *Service) allStatements(ctx context.Context, book ledger.Book, source Source) (all []StatementRecord, err error) {
	var receipt int64
	var ordinal int
	for len(all) < statementsAtMost {
		list, err := s.Statements(ctx, book, source, receipt, ordinal, statementsAtOnce)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < statementsAtOnce {
			return all, nil
		}
		receipt, ordinal = list[len(list)-1].Receipt, list[len(list)-1].Ordinal
	}
	return nil, fmt.Errorf("read statements: a source has more than %d", statementsAtMost)
}

// Statements returns the statements of a bank in the order in which they came, with their balances: those after the one that is named,
// up to a limit.
func (s *Service) Statements(ctx context.Context, book ledger.Book, source Source, receipt int64, ordinal, limit int) ([]StatementRecord, error) {
	return readStatements(ctx, s.pool, sqlStatements, book, source, receipt, ordinal, limit)
}

// LatestStatements returns the statements of a bank that came before the one that is named, the newest first, up to a limit. Receipt 0
// stands for all of them.
func (s *Service) LatestStatements(ctx context.Context, book ledger.Book, source Source, receipt int64, ordinal, limit int) ([]StatementRecord, error) {
	if receipt == 0 {
		receipt = math.MaxInt64
	}
	return readStatements(ctx, s.pool, sqlStatementsBack, book, source, receipt, ordinal, limit)
}

func readStatements(ctx context.Context, from queryer, sql string, book ledger.Book, source Source, receipt int64, ordinal, limit int) ([]StatementRecord, error) {
	found, err := from.Query(ctx, sql, book.ID, source.ID, receipt, ordinal, min(max(limit, 1), statementsAtOnce))
	if err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	return pgx.CollectRows(found, scanStatement)
}

func scanStatement(row pgx.CollectableRow) (x StatementRecord, err error) {
	var first, last *time.Time
	err = row.Scan(&x.Receipt, &x.Ordinal, &x.ID, &x.Sequence, &x.Currency, &first, &last, &x.Opening, &x.Closing, &x.Lines, &x.Proved)
	if first != nil {
		x.From = first.UTC()
	}
	if last != nil {
		x.Until = last.UTC()
	}
	return x, err
}
