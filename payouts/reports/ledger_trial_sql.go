package reports

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// The trial balance: by rows of the chart, or by account.

func trialBalance() Report {
	return Report{Name: "trial_balance", Title: "Trial balance", Schema: 1,
		Meaning: "Opening, debits, credits and closing of each row of the chart, or of each account, in each currency; opening and closing are debit positive and " +
			"sum to zero, and debits are equal to credits. Without a range it is of everything up to the last transaction that counts.",
		Parameters: append([]Parameter{{Name: "detail", Kind: OfChoice, Choices: []string{"chart", "account"}, Meaning: "a row for each row of the chart, as without it, or for each account"}},
			rangeParameters...),
		Columns: []tabular.Column{textColumn("account_code", "Account code"), textColumn("account", "Account"), textColumn("account_name", "Account name"),
			textColumn("currency", "Currency"), sumColumn("opening", "Opening"), sumColumn("debits", "Debits"), sumColumn("credits", "Credits"), sumColumn("closing", "Closing")},
		check: checkRange,
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			if q.Text("detail") == "account" {
				return q.trialByAccount(ctx, yield)
			}
			return q.trialByChart(ctx, yield)
		}}
}

func (q *Query) trialByAccount(ctx context.Context, yield func(tabular.Row) error) error {
	return q.eachAccounts(ctx, q.span(), []string{""}, func(page []account) error {
		for _, a := range page {
			if a.still() {
				continue
			}
			if err := yield(trialRow(a.code, string(a.address), a.currency, a.opening, a.debits, a.credits, a.closing())); err != nil {
				return err
			}
		}
		return nil
	})
}

func trialRow(code int, account string, c money.Currency, amounts ...int64) tabular.Row {
	row := tabular.Row{accountCode(code), tabular.Text(account), tabular.Text(meaningOf(code)), tabular.Text(string(c))}
	for _, a := range amounts {
		row = append(row, tabular.Money(money.Minor(a), c))
	}
	return row
}

// chartCell is a row of the chart in a currency.
type chartCell struct {
	code     int
	currency money.Currency
}

// sums are what a row of the chart in a currency comes to, which may be more than an amount can say.
type sums struct{ opening, debits, credits big.Int }

func (s *sums) still() bool {
	return s.opening.Sign() == 0 && s.debits.Sign() == 0 && s.credits.Sign() == 0
}

// tally is a trial balance by rows of the chart.
type tally map[chartCell]*sums

func (t tally) at(c chartCell) *sums {
	if t[c] == nil {
		t[c] = &sums{}
	}
	return t[c]
}

const (
	sqlChartTotals = `
SELECT c.chart_code, c.currency, coalesce(sum(c.debits - c.credits) FILTER (WHERE c.period < $2), 0)::text,
       coalesce(sum(c.debits) FILTER (WHERE c.period >= $2), 0)::text, coalesce(sum(c.credits) FILTER (WHERE c.period >= $2), 0)::text
  FROM chart_totals c
 WHERE c.book_id = $1 AND c.period <= $3
 GROUP BY c.chart_code, c.currency`

	sqlHead = `SELECT last_sequence, last_account_id FROM books WHERE id = $1`

	// What a few transactions did to rows of the chart in months.
	sqlChartOf = `
SELECT a.chart_code, a.currency, coalesce(sum(e.amount) FILTER (WHERE h.period < $2), 0)::text,
       coalesce(sum(e.amount) FILTER (WHERE h.period >= $2 AND e.amount > 0), 0)::text, coalesce(-sum(e.amount) FILTER (WHERE h.period >= $2 AND e.amount < 0), 0)::text
  FROM (SELECT x.sequence, x.period, x.account_ids FROM transactions x
         WHERE x.book_id = $1 AND x.sequence > $4 AND x.sequence <= $5 AND x.period <= $3 LIMIT 2000) h
 CROSS JOIN LATERAL (SELECT DISTINCT u.id FROM unnest(h.account_ids) AS u (id)) i
 CROSS JOIN LATERAL (SELECT y.amount FROM entries y WHERE y.book_id = $1 AND y.account_id = i.id AND y.sequence = h.sequence LIMIT 500) e
 CROSS JOIN LATERAL (SELECT c.chart_code, c.currency FROM accounts c WHERE c.book_id = $1 AND c.id = i.id LIMIT 1) a
 GROUP BY a.chart_code, a.currency`
)

// trialByChart takes the totals that the book keeps and takes off what was posted after the place. By transactions, what is before
// the range is the opening.
func (q *Query) trialByChart(ctx context.Context, yield func(tabular.Row) error) error {
	s := q.span()
	from, to := s.bounds()
	all := tally{}
	var head, accounts int64
	err := q.read(ctx, func(tx pgx.Tx) error {
		clear(all)
		if err := tx.QueryRow(ctx, sqlHead, q.Book.ID).Scan(&head, &accounts); err != nil {
			return err
		}
		return all.add(ctx, tx, 1, sqlChartTotals, q.Book.ID, from, to)
	})
	if err != nil {
		return err
	}
	// By transactions, the accounts say it too: one look at each, however many transactions lie between.
	if !s.byMonths() && head-s.last+s.first-1 > accounts {
		return q.trialOfAccounts(ctx, s, yield)
	}
	if err := q.chartOf(ctx, all, -1, from, to, s.last, head); err != nil {
		return err
	}
	if !s.byMonths() && s.first > 1 {
		before := tally{}
		if err := q.chartOf(ctx, before, 1, from, to, 0, min(s.first-1, s.last)); err != nil {
			return err
		}
		for c, b := range before {
			a := all.at(c)
			a.opening.Sub(&b.debits, &b.credits)
			a.debits.Sub(&a.debits, &b.debits)
			a.credits.Sub(&a.credits, &b.credits)
		}
	}
	return all.rows(yield)
}

// trialOfAccounts adds up what each account says.
func (q *Query) trialOfAccounts(ctx context.Context, s span, yield func(tabular.Row) error) error {
	all := tally{}
	err := q.eachAccounts(ctx, s, []string{""}, func(page []account) error {
		for _, a := range page {
			sum := all.at(chartCell{a.code, a.currency})
			for into, amount := range map[*big.Int]int64{&sum.opening: a.opening, &sum.debits: a.debits, &sum.credits: a.credits} {
				into.Add(into, big.NewInt(amount))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return all.rows(yield)
}

// chartOf adds what transactions after one up to another did, times sign, a few transactions at a time.
func (q *Query) chartOf(ctx context.Context, t tally, sign int64, from, to ledger.Period, after, until int64) error {
	const width = 1_000
	for ; after < until; after += width {
		err := q.read(ctx, func(tx pgx.Tx) error {
			return t.add(ctx, tx, sign, sqlChartOf, q.Book.ID, from, to, after, min(after+width, until))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds the rows of a statement. All of them are read before any is added, so that a statement that fails adds nothing.
func (t tally) add(ctx context.Context, tx pgx.Tx, sign int64, sql string, args ...any) error {
	type line struct {
		Cell                     chartCell
		Opening, Debits, Credits string
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l line, err error) {
		err = r.Scan(&l.Cell.code, &l.Cell.currency, &l.Opening, &l.Debits, &l.Credits)
		return l, err
	})
	if err != nil {
		return err
	}
	for _, l := range lines {
		s := t.at(l.Cell)
		for sum, text := range map[*big.Int]string{&s.opening: l.Opening, &s.debits: l.Debits, &s.credits: l.Credits} {
			whole, _, _ := strings.Cut(text, ".")
			n, ok := new(big.Int).SetString(whole, 10)
			if !ok {
				return ErrUneven
			}
			sum.Add(sum, n.Mul(n, big.NewInt(sign)))
		}
	}
	return nil
}

// rows tells the cells in the order of code and currency, and that they balance.
func (t tally) rows(yield func(tabular.Row) error) error {
	turned := map[money.Currency]*big.Int{}
	for _, c := range slices.SortedFunc(maps.Keys(t), func(a, b chartCell) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.currency, b.currency))
	}) {
		s := t[c]
		if s.still() {
			continue
		}
		var closing big.Int
		closing.Add(&s.opening, closing.Sub(&s.debits, &s.credits))
		if turned[c.currency] == nil {
			turned[c.currency] = &big.Int{}
		}
		turned[c.currency].Add(turned[c.currency], &closing)
		var amounts []int64
		for _, sum := range []*big.Int{&s.opening, &s.debits, &s.credits, &closing} {
			m, err := minor(sum)
			if err != nil {
				return err
			}
			amounts = append(amounts, int64(m))
		}
		path := ""
		if row := ledger.StandardChart().Row(c.code); row != nil {
			path = row.Path
		}
		if err := yield(trialRow(c.code, path, c.currency, amounts...)); err != nil {
			return err
		}
	}
	for _, sum := range turned {
		if sum.Sign() != 0 {
			return ErrUneven
		}
	}
	return nil
}
