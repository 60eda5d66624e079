package reports

import (
	"context"
	"fmt"
	"strings"

	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// Whether donations are covered, right after the question's transaction.

func safeguardingReport() Report {
	return Report{Name: "safeguarding", Title: "Safeguarding of donations", Schema: 1,
		Meaning: "Per currency, right after this transaction and at its time: what is owed to beneficiaries and match funds, where the cash is, what is missing and what must be moved; then the same of " +
			"each campaign in a row of its own. The promises that do not hold are named: 4a, 4b, 12, 15, 19 and bank. Rows of campaigns are parts of their currency's row and are not to be added to it.",
		Columns: []tabular.Column{textColumn("currency", "Currency"), textColumn("campaign", "Campaign"), amountColumn("owed", "Owed"), amountColumn("pending", "Owed, not released"),
			amountColumn("available", "Owed, released"), amountColumn("match_fund", "Match fund"), amountColumn("card_fees_quoted", "Quoted card fees"), amountColumn("safeguarded", "Safeguarded"),
			amountColumn("moving", "Moving"), amountColumn("at_processor", "At the processor"), amountColumn("from_sales", "From sales"), amountColumn("bank_balance", "Bank balance"),
			amountColumn("shortfall", "Shortfall"), amountColumn("to_move", "To move"), amountColumn("donation_fee", "Fees on donations"), textColumn("broken", "Promises broken")},
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return q.safeguarding(ctx, yield)
		},
	}
}

func (q *Query) safeguarding(ctx context.Context, yield func(tabular.Row) error) error {
	if q.AtSequence == 0 {
		return nil
	}
	list, err := q.s.events.SafeguardingAt(ctx, q.Book, q.AtSequence)
	if err != nil {
		return err
	}
	for i := range list {
		x := &list[i]
		row := func(campaign, broken string, amounts ...string) error {
			out := tabular.Row{tabular.Text(x.Currency), tabular.Text(campaign)}
			for _, text := range amounts {
				m, ok := amountIn(text, money.Currency(x.Currency))
				if !ok && text != "" {
					return fmt.Errorf("reports: an amount of safeguarding in %s cannot be read", x.Currency)
				}
				if text == "" {
					out = append(out, tabular.Empty())
				} else {
					out = append(out, tabular.Money(m, money.Currency(x.Currency)))
				}
			}
			return yield(append(out, tabular.Text(broken)))
		}
		owed, err := addTexts(money.Currency(x.Currency), x.Pending, x.Available, x.MatchFund)
		if err != nil {
			return err
		}
		if err := row("", strings.Join(x.Broken, " "), owed, x.Pending, x.Available, x.MatchFund, x.Passthrough, x.Safeguarded, x.Moving, x.Processor, x.FromSales, x.BankBalance,
			x.Shortfall, x.ToMove, x.DonationFee); err != nil {
			return err
		}
		for _, c := range x.Campaigns {
			if err := row(c.Campaign, "", c.Owed, "", "", "", "", c.Safeguarded, c.Moving, c.Processor, "", "", c.Shortfall, c.ToMove, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// addTexts adds up amounts that are written down.
func addTexts(c money.Currency, texts ...string) (string, error) {
	var sum money.Minor
	for _, text := range texts {
		m, ok := amountIn(text, c)
		if !ok {
			return "", fmt.Errorf("reports: an amount in %s cannot be read", c)
		}
		sum += m
	}
	return sum.Format(c), nil
}
