package reports

import (
	"context"
	"fmt"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// What creators, agencies and partners were paid: they are paid for work, which tax forms keep apart from the sale of goods.

// yearOfWork is a payee's year. What lowers the payee's money is negative.
type yearOfWork struct {
	earned, back, withheld, fees, change money.Minor
	paid                                 [12]money.Minor
	any                                  bool
}

// add adds a transaction of the year.
func (y *yearOfWork) add(month ledger.Period, own, others []fact) {
	var rest, paid money.Minor
	for i := range own {
		rest -= own[i].Amount
	}
	y.any = y.any || rest != 0
	y.change += rest
	for i := range others {
		f := &others[i]
		a := string(f.Account)
		switch {
		case strings.HasPrefix(a, "liabilities:payout_in_transit"):
			paid += f.Amount
		case f.Event == "payout.tax_withheld" || f.Event == "payout.tax_returned":
			y.withheld += f.Amount
			rest -= f.Amount
		case strings.HasPrefix(f.Event, "payout.") && (a == "revenue:payout_fee" || strings.HasSuffix(a, ":on-fees")):
			y.fees += f.Amount
			rest -= f.Amount
		}
	}
	y.paid[month-1] += paid
	rest -= paid
	// What is taken back by a correction was never earned, and what that gives back was never taken.
	if mirror := own[0].Mirror; rest > 0 && !mirror || rest < 0 && mirror {
		y.earned += rest
	} else {
		y.back += rest
	}
}

func creatorPayments() Report {
	r := Report{Name: "creator_payments", Title: "Payments to creators, agencies and partners", Schema: 1,
		Meaning: "For each creator, agency and partner, what was earned, taken back, withheld and paid out in a calendar year, for forms such as 1099-NEC and 1099-MISC, which are others than " +
			"that of sellers. Paid is what left for the payee, less what came back, by the month in which it happened in the time zone of the book. What a correction reversed is taken off where it was. Tax that was withheld from a " +
			"sale never reached the payee's account: what was earned is without it, and the accounts do not say whose it was; tax_withheld is that which was withheld from payouts. " +
			"What lowers the payee's money is negative; everything together is the change of the payee's accounts. These are totals to make filings from, and no filings.",
		Parameters: []Parameter{yearParameter()},
		Columns: []tabular.Column{textColumn("kind", "Kind"), textColumn("payee", "Payee"), textColumn("year", "Year"), textColumn("currency", "Currency"),
			sumColumn("earned", "Earned"), sumColumn("taken_back", "Taken back"), sumColumn("tax_withheld", "Tax withheld from payouts"), sumColumn("payout_fees", "Fees of payouts"),
			sumColumn("paid", "Paid"), sumColumn("change", "Change of the accounts")},
		check: yearChecked,
	}
	for m := range 12 {
		r.Columns = append(r.Columns, sumColumn(fmt.Sprintf("paid_%02d", m+1), fmt.Sprintf("Paid in month %d", m+1)))
	}
	r.rows = func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
		year := int(q.Number("year"))
		for _, h := range workHolders {
			add := func(y *yearOfWork, own, others []fact) {
				if int(own[0].Happened/100) == year {
					y.add(own[0].Happened%100, own, others)
				}
			}
			err := eachHolder(ctx, q, h, yearOf(year), add, func(who holding, y *yearOfWork) error {
				if !y.any {
					return nil
				}
				m := func(a money.Minor) tabular.Value { return tabular.Money(a, who.currency) }
				var paid money.Minor
				months := make(tabular.Row, 12)
				for i, p := range y.paid {
					paid += p
					months[i] = m(p)
				}
				if y.earned+y.back+y.withheld+y.fees+paid != y.change {
					return fmt.Errorf("reports: the year of a payee leaves %s", (y.change - y.earned - y.back - y.withheld - y.fees - paid).Format(who.currency))
				}
				return yield(append(tabular.Row{tabular.Text(h.kind), tabular.Text(who.id), tabular.Text(fmt.Sprint(year)), tabular.Text(string(who.currency)),
					m(y.earned), m(y.back), m(y.withheld), m(y.fees), m(paid), m(y.change)}, months...))
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return r
}
