package reports

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// Whether the money that is kept for others is there, right after the question's transaction.

func coverageReport() Report {
	return Report{Name: "coverage", Title: "Coverage", Schema: 1,
		Meaning: "Per currency, right after this transaction: the cash that counts, by where it is; what is owed, by to whom; what others owe us, which covers nothing; the totals; and what must hold. " +
			"Nobody's debt lowers what is owed to somebody else.",
		Parameters: []Parameter{{Name: "currency", Kind: OfCurrency, Meaning: "only this currency; all without it"}},
		Columns: []tabular.Column{textColumn("currency", "Currency"), textColumn("section", "Section"), textColumn("name", "Name"), amountColumn("amount", "Amount"), textColumn("result", "Result"),
			textColumn("to_do", "To do")},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			list, err := q.holdings(ctx)
			if err != nil {
				return err
			}
			for _, c := range commerce.CoverageOf(q.Book, q.Currency("currency"), list, q.AtSequence).Currencies {
				if err := coverageRows(c, yield); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func coverageRows(c commerce.CurrencyCoverage, yield func(tabular.Row) error) error {
	currency := money.Currency(c.Currency)
	one := func(section, name, amount, result, todo string) error {
		m, ok := amountIn(amount, currency)
		if !ok {
			return fmt.Errorf("reports: an amount of the coverage in %s cannot be read", c.Currency)
		}
		return yield(tabular.Row{tabular.Text(c.Currency), tabular.Text(section), tabular.Text(name), tabular.Money(m, currency), tabular.Text(result), tabular.Text(todo)})
	}
	for _, s := range []struct {
		name  string
		lines []commerce.CoverageLine
	}{{"cash", c.Cash}, {"owed", c.Owed}, {"debts", c.Debts}} {
		for _, l := range s.lines {
			if err := one(s.name, l.Name, l.Amount, "", ""); err != nil {
				return err
			}
		}
	}
	for _, l := range []commerce.CoverageLine{{Name: "cash", Amount: c.Totals.Cash}, {Name: "owed", Amount: c.Totals.Owed}, {Name: "surplus", Amount: c.Totals.Surplus},
		{Name: "sweepable", Amount: c.Totals.Sweepable}, {Name: "to_fund", Amount: c.Totals.ToFund}} {
		if err := one("totals", l.Name, l.Amount, "", ""); err != nil {
			return err
		}
	}
	for _, k := range c.Checks {
		if err := one("checks", k.Name, k.Amount, k.Result, k.ToDo); err != nil {
			return err
		}
	}
	return nil
}

const sqlOwnerBalances = `
SELECT k.owner, a.currency, (-sum(e.balance_after))::bigint
  FROM (SELECT o.owner, p.prefix || o.owner AS address FROM unnest($2::text[]) AS o (owner) CROSS JOIN unnest($3::text[]) AS p (prefix)) k
 CROSS JOIN LATERAL (SELECT c.id, c.currency FROM accounts c WHERE c.book_id = $1 AND c.address = k.address LIMIT 1000) a
 CROSS JOIN LATERAL (SELECT x.balance_after FROM entries x WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence <= $4
                      ORDER BY x.sequence DESC, x.line DESC LIMIT 1) e
 GROUP BY k.owner, a.currency`

// ownersPage is how many owners' balances are read at a time.
const ownersPage = 1_000

// holdings are those of the book right after the question's transaction, as commerce adds them up for its coverage of now.
func (q *Query) holdings(ctx context.Context) ([]ledger.Holding, error) {
	if q.AtSequence == 0 {
		return nil, nil
	}
	byAccount, together := commerce.CoverageRows()
	sums := map[ledger.Holding]*ledger.Holding{}
	add := func(code int, c money.Currency, account ledger.Address, amount money.Minor) {
		k := ledger.Holding{Code: code, Currency: c, Account: account}
		if sums[k] == nil {
			sums[k] = &ledger.Holding{Code: code, Currency: c, Account: account}
		}
		sums[k].Above += max(amount, 0)
		sums[k].Below += min(amount, 0)
	}
	for _, prefix := range []string{"assets:", "liabilities:"} {
		b := ledger.BalanceQuery{Prefix: prefix, AtSequence: q.AtSequence, Currency: q.Currency("currency"), Limit: 1000}
		for more := true; more; {
			page, err := q.s.ledger.Balances(ctx, q.Book, b)
			if err != nil {
				return nil, err
			}
			for _, x := range page.Balances {
				switch {
				case x.Net() == 0 || together[x.Code] != 0:
				case x.Code == byAccount:
					add(x.Code, x.Currency, x.Account, x.Net())
				default:
					add(x.Code, x.Currency, "", x.Net())
				}
			}
			more, b.AfterAccount, b.AfterCurrency = page.More, page.LastAccount, page.LastCurrency
		}
	}
	rows := map[int][]string{} // the accounts that are one balance of their owner, by the row they count as
	for code, into := range together {
		rows[into] = append(rows[into], q.s.ledger.Chart().Row(code).Path+":")
	}
	for into, prefixes := range rows {
		slices.Sort(prefixes)
		for after := ""; ; {
			ids, err := q.owners(ctx, prefixes, after, ownersPage)
			if err != nil {
				return nil, err
			}
			if err := q.ownerBalances(ctx, ids, prefixes, func(c money.Currency, amount money.Minor) { add(into, c, "", amount) }); err != nil {
				return nil, err
			}
			if len(ids) < ownersPage {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	list := make([]ledger.Holding, 0, len(sums))
	for _, h := range sums {
		list = append(list, *h)
	}
	return list, nil
}

// ownerBalances hands out what each owner has on the accounts together.
func (q *Query) ownerBalances(ctx context.Context, ids, prefixes []string, fn func(money.Currency, money.Minor)) error {
	type balance struct {
		currency money.Currency
		amount   money.Minor
	}
	var list []balance
	err := q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOwnerBalances, q.Book.ID, ids, prefixes, q.AtSequence)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b balance, err error) {
			var owner string
			return b, row.Scan(&owner, &b.currency, &b.amount)
		})
		return err
	})
	for _, b := range list {
		if b.amount != 0 {
			fn(b.currency, b.amount)
		}
	}
	return err
}
