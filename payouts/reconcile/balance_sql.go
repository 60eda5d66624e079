package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

const (
	sqlLastBalances = `
SELECT b.currency, b.at, b.last_line, b.available, b.pending, b.reserved, b.lines_net FROM evidence_balances b
 WHERE b.book_id = $1 AND b.source_id = $2
   AND b.receipt = (SELECT m.receipt FROM evidence_balances m WHERE m.book_id = $1 AND m.source_id = $2 ORDER BY m.receipt DESC LIMIT 1)
 ORDER BY b.currency`
	sqlNets = `
SELECT currency, sum(net)::bigint FROM evidence_lines
 WHERE book_id = $1 AND source_id = $2 AND number > $3 AND number <= $4 GROUP BY currency`
	sqlNewest = `
SELECT number, currency, net, moved_at FROM evidence_lines
 WHERE book_id = $1 AND source_id = $2 AND number > $3 ORDER BY number DESC LIMIT 10000`
	sqlNewBalance = `
INSERT INTO evidence_balances (book_id, source_id, receipt, currency, at, last_line, available, pending, reserved, lines_net)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

// netsAtOnce is how many lines one statement sums.
const netsAtOnce = 200_000

// Balance is what a source says that it holds for us in a currency, and what its lines come to.
type Balance struct {
	Currency money.Currency
	At       time.Time
	// LastLine is the line up to which LinesNet is the sum of the nets of all lines.
	LastLine int64
	// Available and Pending are what the lines must come to. Reserved is held back for others, and was taken from them by lines.
	Available, Pending, Reserved, LinesNet money.Minor
}

// Balances returns what a source said last that it holds, by currency.
func (s *Service) Balances(ctx context.Context, book ledger.Book, source Source) ([]Balance, error) {
	return lastBalances(ctx, s.pool, book, source)
}

func lastBalances(ctx context.Context, from queryer, book ledger.Book, source Source) ([]Balance, error) {
	found, err := from.Query(ctx, sqlLastBalances, book.ID, source.ID)
	if err != nil {
		return nil, fmt.Errorf("read what a source holds: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (b Balance, err error) {
		err = row.Scan(&b.Currency, &b.At, &b.LastLine, &b.Available, &b.Pending, &b.Reserved, &b.LinesNet)
		b.At = b.At.UTC()
		return b, err
	})
}

// weigh writes down what the processor holds beside what the lines come to, and returns where the two differ. What was booked after
// the balance was read is in the list and not in the balance; it is at the end of the lines, and left out of their sum.
func (t *taking) weigh(ctx context.Context, r Receipt, g page) ([]Gap, error) {
	before, err := lastBalances(ctx, t.tx, t.book, t.source)
	if err != nil {
		return nil, err
	}
	nets, from, err := t.nets(ctx, before)
	if err != nil {
		return nil, err
	}
	for c := range g.balance {
		nets[c] += 0 // a currency of which no line is known
	}
	all := make(map[money.Currency]*Balance, len(nets))
	for c, net := range nets {
		b := g.balance[c]
		all[c] = &Balance{Currency: c, At: g.at, LastLine: t.line, Available: b.Available, Pending: b.Pending, Reserved: b.Reserved, LinesNet: net}
	}
	gaps, err := t.source.gaps(all)
	if err == nil && len(gaps) > 0 && !t.source.Settings.Shared {
		gaps, err = t.withoutNewest(ctx, from, g.at.Add(-pullSkew), all, gaps)
	}
	if err != nil {
		return nil, err
	}
	for _, c := range slices.Sorted(maps.Keys(all)) {
		b := all[c]
		_, err := t.tx.Exec(ctx, sqlNewBalance, t.book.ID, t.source.ID, r.Number, b.Currency, stored(b.At), b.LastLine, b.Available, b.Pending, b.Reserved, b.LinesNet)
		if err != nil {
			return nil, fmt.Errorf("keep what a source holds: %w", err)
		}
	}
	return gaps, nil
}

// nets are the sums of the nets of all lines by currency, counted on from the last balances. from is the line these went up to.
func (t *taking) nets(ctx context.Context, before []Balance) (nets map[money.Currency]money.Minor, from int64, err error) {
	nets = map[money.Currency]money.Minor{}
	for _, b := range before {
		nets[b.Currency], from = b.LinesNet, b.LastLine // all of one receipt go up to the same line
	}
	for at := from; at < t.line; at += netsAtOnce {
		found, err := t.tx.Query(ctx, sqlNets, t.book.ID, t.source.ID, at, min(at+netsAtOnce, t.line))
		if err != nil {
			return nil, 0, fmt.Errorf("sum lines of evidence: %w", err)
		}
		var c money.Currency
		var net money.Minor
		if _, err := pgx.ForEachRow(found, []any{&c, &net}, func() (err error) {
			nets[c], err = money.Add(nets[c], net)
			return err
		}); err != nil {
			return nil, 0, fmt.Errorf("sum lines of evidence: %w", err)
		}
	}
	return nets, from, nil
}

// withoutNewest leaves lines out of the sums, the newest first, which moved after the balance was read, until they come to it. If they never do,
// the sums stay as they are.
func (t *taking) withoutNewest(ctx context.Context, from int64, since time.Time, all map[money.Currency]*Balance, gaps []Gap) ([]Gap, error) {
	found, err := t.tx.Query(ctx, sqlNewest, t.book.ID, t.source.ID, from)
	if err != nil {
		return nil, fmt.Errorf("read the newest lines: %w", err)
	}
	type newest struct {
		number   int64
		currency money.Currency
		net      money.Minor
		movedAt  time.Time
	}
	lines, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (n newest, err error) {
		return n, row.Scan(&n.number, &n.currency, &n.net, &n.movedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("read the newest lines: %w", err)
	}
	less := make(map[money.Currency]*Balance, len(all))
	for c, b := range all {
		copied := *b
		less[c] = &copied
	}
	for _, n := range lines {
		if n.movedAt.Before(since) {
			break
		}
		less[n.currency].LinesNet -= n.net
		rest, err := t.source.gaps(less)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			for c, b := range less {
				b.LastLine = n.number - 1
				all[c] = b
			}
			return nil, nil
		}
	}
	return gaps, nil
}
