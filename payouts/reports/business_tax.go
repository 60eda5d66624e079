package reports

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// Taxes by office: what was owed, what came and went, what was paid, and what is due.

// taxKey is a month's part of an account: of what happened in the month, or in an earlier one.
type taxKey struct {
	account   ledger.Address
	currency  money.Currency
	period    ledger.Period
	effective ledger.Period
}

// taxSums are amounts on the account's normal side.
type taxSums struct{ collected, reduced, remitted money.Minor }

func (s taxSums) net() money.Minor { return s.collected - s.reduced - s.remitted }

func taxReport() Report {
	return Report{Name: "tax", Title: "Taxes", Schema: 1,
		Meaning: "For each month, tax account and currency: what was owed at the beginning, what was collected, what refunds and corrections took off, what was paid to the tax office, and what is due. " +
			"What counts in the month and happened in an earlier one is in rows of its own, one for each month in which it happened, and never set off against the month's own: it belongs in a " +
			"corrective return. Each row goes on where the one before ended, so the last row of a month says what is due. Tax withheld from payees is among them; input tax is what an office owes " +
			"us, and there collected is what was paid to suppliers.",
		Parameters: monthParameters(),
		Columns: []tabular.Column{textColumn("kind", "Kind"), textColumn("jurisdiction", "Jurisdiction"), textColumn("tax", "Tax"), textColumn("account", "Account"), textColumn("currency", "Currency"),
			textColumn("period", "Period"), textColumn("effective_period", "Happened in"), boolColumn("late", "Late"), amountColumn("opening", "Opening"),
			sumColumn("collected", "Collected"), sumColumn("reduced", "Refunded or reduced"), sumColumn("remitted", "Paid to the office"), amountColumn("closing", "Closing")},
		check: monthsChecked,
		rows:  func(ctx context.Context, q *Query, yield func(tabular.Row) error) error { return q.taxes(ctx, yield) },
	}
}

// remittances are the events that pay a tax office.
var remittances = []string{"tax.remitted", "tax.withholding_remitted"}

func (q *Query) taxes(ctx context.Context, yield func(tabular.Row) error) error {
	if q.AtSequence == 0 {
		return nil
	}
	from, to := q.Period("from"), q.Period("to")
	parts := map[taxKey]taxSums{}
	err := q.each(ctx, walk{from: from, to: to, rows: [2]int{2710, 2740}, more: []int32{1170}}, func(facts []fact) error {
		remitted := slices.Contains(remittances, facts[0].Event)
		for i := range facts {
			f := &facts[i]
			amount := normal(f.Code, f.Amount)
			k := taxKey{f.Account, f.Currency, f.Period, f.Effective}
			s := parts[k]
			switch {
			case remitted:
				s.remitted -= amount
			case amount > 0:
				s.collected += amount
			default:
				s.reduced -= amount
			}
			parts[k] = s
		}
		return nil
	})
	if err != nil {
		return err
	}
	late := map[taxKey][]ledger.Period{} // by account and month, what happened in earlier ones
	for x := range parts {
		if x.effective != x.period {
			k := taxKey{account: x.account, currency: x.currency, period: x.period}
			late[k] = append(late[k], x.effective)
		}
	}
	// The range is one of months, so the openings are what counts in the months before.
	return q.eachAccounts(ctx, q.span(), []string{"assets:tax", "liabilities:tax"}, func(page []account) error {
		for _, a := range page {
			if err := taxMonths(taxKey{account: a.address, currency: a.currency}, from, to, normal(a.code, money.Minor(a.opening)), parts, late, yield); err != nil {
				return err
			}
		}
		return nil
	})
}

// normal is an amount, a debit positive, on the normal side of accounts of a row.
func normal(code int, amount money.Minor) money.Minor {
	if code < 2000 || code >= 4900 {
		return amount
	}
	return -amount
}

// taxMonths hands out the months of an account that opens with an amount.
func taxMonths(k taxKey, from, to ledger.Period, opening money.Minor, parts map[taxKey]taxSums, late map[taxKey][]ledger.Period, yield func(tabular.Row) error) error {
	words := strings.Split(string(k.account), ":")
	kind, place, name := words[2], words[3], strings.Join(words[4:], ":") // liabilities:tax:vat:UK:on-fees, assets:tax:input:UK
	for p := from; p <= to; p = p.Next() {
		months := slices.Sorted(slices.Values(late[taxKey{account: k.account, currency: k.currency, period: p}]))
		for _, e := range append([]ledger.Period{p}, months...) {
			s := parts[taxKey{k.account, k.currency, p, e}]
			if opening == 0 && s == (taxSums{}) && len(months) == 0 {
				continue
			}
			m := func(a money.Minor) tabular.Value { return tabular.Money(a, k.currency) }
			row := tabular.Row{tabular.Text(kind), tabular.Text(place), tabular.Text(name), tabular.Text(string(k.account)), tabular.Text(string(k.currency)),
				periodValue(p), periodValue(e), tabular.Yes(e < p), m(opening), m(s.collected), m(s.reduced), m(s.remitted), m(opening + s.net())}
			opening += s.net()
			if err := yield(row); err != nil {
				return err
			}
		}
	}
	return nil
}
