package reports

import (
	"context"
	"fmt"

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
			if q.AtSequence == 0 {
				return nil
			}
			c, err := q.s.events.CoverageAt(ctx, q.Book, q.Currency("currency"), q.AtSequence)
			if err != nil {
				return err
			}
			for _, c := range c.Currencies {
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
