package reports

import (
	"context"
	"fmt"

	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// What sellers sold and what came of it: the bridge from the gross to the payouts for all of them, and the totals that tax forms
// are made from.

func sellerReports() []Report {
	return []Report{grossToNet(), form1099K(), dac7()}
}

func grossToNet() Report {
	return Report{Name: "gross_to_net", Title: "Gross to net", Schema: 1,
		Meaning: "For each seller and currency, what leads from what buyers paid to what the seller was paid out in the months, by the month in which each " +
			"transaction counts. A payment that a correction reversed is taken off the gross and off the number of payments. Gross, all steps and payouts together are what the seller's accounts hold more than before (carried). What lowered the seller's " +
			"money is negative. A refund holds the tax that went back to the buyer, which stands again in tax_returned. Deposits of a seller are a step of their own.",
		Parameters: monthParameters(),
		Columns: []tabular.Column{
			textColumn("seller", "Seller"), textColumn("currency", "Currency"), numberColumn("payments", "Payments"),
			sumColumn("gross", "Gross"), sumColumn("tax_collected", "Tax collected"), sumColumn("tax_returned", "Tax returned"), sumColumn("refunds", "Refunds"),
			sumColumn("platform_funding", "Platform funding"), sumColumn("fees", "Fees"), sumColumn("fees_returned", "Fees returned"), sumColumn("fee_tax", "Tax on fees"),
			sumColumn("commissions", "Commissions"), sumColumn("tax_withheld", "Tax withheld"), sumColumn("shipping", "Shipping"), sumColumn("disputes", "Disputes"),
			sumColumn("deposits", "Deposits"), sumColumn("other", "Other"), sumColumn("payouts", "Payouts"), sumColumn("carried", "Carried"),
		},
		check: monthsChecked,
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return eachHolder(ctx, q, sellerHolders, walk{from: q.Period("from"), to: q.Period("to")}, (*steps).addAll, func(who holding, s *steps) error {
				if s.left() != 0 {
					return fmt.Errorf("reports: the bridge of a seller leaves %s", s.left().Format(who.currency))
				}
				m := func(a money.Minor) tabular.Value { return tabular.Money(a, who.currency) }
				return yield(tabular.Row{tabular.Text(who.id), tabular.Text(string(who.currency)), tabular.Int(s.payments),
					m(s.gross), m(stepTaken(s, "tax_collected")), m(stepGiven(s, "tax_collected")), m(s.net("refunds")), m(s.net("platform_funding")),
					m(stepTaken(s, "fees")), m(stepGiven(s, "fees")), m(s.net("fee_tax")), m(s.net("commissions")), m(s.net("tax_withheld")), m(s.net("shipping")),
					m(s.net("disputes")), m(s.net("deposits")), m(s.net("other")), m(s.payouts), m(s.carried)})
			})
		},
	}
}

// yearOfSales are the captures of a year by month.
type yearOfSales struct {
	gross, captured [12]money.Minor
	payments        [12]int64
	any             bool
}

func form1099K() Report {
	r := Report{Name: "form_1099k", Title: "Totals for form 1099-K", Schema: 1,
		Meaning: "For each seller and currency, what buyers paid in a calendar year, by the month in which they paid in the time zone of the book, before refunds, fees and " +
			"discounts of the seller's own; refunds do not reduce it. A payment that a correction reversed never was one: it is not in the month it had, however much later it was reversed. Every way to pay that the books know is in it, cash on delivery and gift cards too. These are totals to make " +
			"filings from, and no filings: who must be filed, and under which name and number, is not known here.",
		Parameters: []Parameter{yearParameter(),
			{Name: "include_facilitator_tax", Kind: OfChoice, Choices: []string{"yes", "no"}, Needed: true,
				Meaning: "whether tax that the platform collected and owes to the authority itself belongs to the gross"}},
		Columns: []tabular.Column{textColumn("seller", "Seller"), textColumn("year", "Year"), textColumn("currency", "Currency"),
			numberColumn("payments", "Payments"), sumColumn("gross", "Gross"), sumColumn("facilitator_tax", "Facilitator tax in the payments")},
		check: yearChecked,
	}
	for m := range 12 {
		r.Columns = append(r.Columns, sumColumn(fmt.Sprintf("month_%02d", m+1), fmt.Sprintf("Gross of month %d", m+1)))
	}
	r.rows = func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
		year := int(q.Number("year"))
		add := func(s *yearOfSales, _, others []fact) {
			if len(others) == 0 || int(others[0].Happened/100) != year {
				return
			}
			var one steps
			one.addAll(nil, others)
			m := others[0].Happened%100 - 1
			s.gross[m], s.captured[m], s.payments[m] = s.gross[m]+one.gross, s.captured[m]+one.captured, s.payments[m]+one.payments
			s.any = s.any || one.gross != 0 || one.captured != 0
		}
		return eachHolder(ctx, q, sellerHolders, yearOf(year), add, func(who holding, s *yearOfSales) error {
			if !s.any {
				return nil
			}
			var payments int64
			var gross, tax money.Minor
			months := make(tabular.Row, 12)
			for m := range 12 {
				amount := s.gross[m]
				if q.Text("include_facilitator_tax") == "no" {
					amount -= s.captured[m]
				}
				payments, gross, tax, months[m] = payments+s.payments[m], gross+amount, tax+s.captured[m], tabular.Money(amount, who.currency)
			}
			return yield(append(tabular.Row{tabular.Text(who.id), tabular.Text(fmt.Sprint(year)), tabular.Text(string(who.currency)), tabular.Int(payments),
				tabular.Money(gross, who.currency), tabular.Money(tax, who.currency)}, months...))
		})
	}
	return r
}

// yearOfQuarters are a seller's steps by quarter.
type yearOfQuarters [4]*steps

func dac7() Report {
	return Report{Name: "dac7", Title: "Totals for DAC7", Schema: 1,
		Meaning: "For each seller, currency and quarter of a year: what the seller got for goods and services after fees and taxes (consideration), how often something was sold " +
			"(activities), and the fees, commissions and taxes that were kept. A refund reduces the quarter in which it was made, not that of the sale, so a quarter can be negative. " +
			"The quarter is that in which each thing happened, in the time zone of the book; what a correction reversed is taken off the quarter it had. Shipping, disputes and deposits are not in it. These are totals to make filings from, and no filings.",
		Parameters: []Parameter{yearParameter()},
		Columns: []tabular.Column{textColumn("seller", "Seller"), textColumn("quarter", "Quarter"), textColumn("currency", "Currency"), numberColumn("activities", "Activities"),
			sumColumn("gross", "Gross"), sumColumn("refunds", "Refunds"), sumColumn("platform_funding", "Platform funding"), sumColumn("fees", "Fees and commissions"),
			sumColumn("tax_collected", "Tax owed by the platform"), sumColumn("tax_withheld", "Tax withheld"), sumColumn("consideration", "Consideration")},
		check: yearChecked,
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			year := int(q.Number("year"))
			add := func(s *yearOfQuarters, _, others []fact) {
				if len(others) == 0 || int(others[0].Happened/100) != year {
					return
				}
				at := (others[0].Happened%100 - 1) / 3
				if s[at] == nil {
					s[at] = &steps{}
				}
				s[at].addAll(nil, others)
			}
			return eachHolder(ctx, q, sellerHolders, yearOf(year), add, func(who holding, quarters *yearOfQuarters) error {
				for i, s := range quarters {
					if s == nil {
						continue
					}
					fees, taxes, withheld := -(s.net("fees") + s.net("fee_tax") + s.net("commissions")), -s.net("tax_collected"), -s.net("tax_withheld")
					refunds, funding := s.net("refunds"), s.net("platform_funding")
					if s.gross == 0 && refunds == 0 && funding == 0 && fees == 0 && taxes == 0 && withheld == 0 && s.payments == 0 {
						continue // only payouts, or moves between the seller's accounts
					}
					m := func(a money.Minor) tabular.Value { return tabular.Money(a, who.currency) }
					if err := yield(tabular.Row{tabular.Text(who.id), quarterOf(year, i+1), tabular.Text(string(who.currency)), tabular.Int(s.payments), m(s.gross), m(refunds),
						m(funding), m(fees), m(taxes), m(withheld), m(s.gross + refunds + funding - fees - taxes - withheld)}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// monthParameters are those of a report about a range of months.
func monthParameters() []Parameter {
	return []Parameter{
		{Name: "from", Kind: OfPeriod, Needed: true, Meaning: "the first month"},
		{Name: "to", Kind: OfPeriod, Needed: true, Meaning: "the last month, at most 13 months in all"},
	}
}

func monthsChecked(v Values) error { return periodRange(v, "from", "to") }

func yearParameter() Parameter {
	return Parameter{Name: "year", Kind: OfNumber, Needed: true, Meaning: "the calendar year, such as 2026"}
}

func yearChecked(v Values) error {
	if y := v.Number("year"); y < 2000 || y > 2998 {
		return ErrParameters.WithFields(fieldOf("year", "A year has four digits, from 2000 on."))
	}
	return nil
}
