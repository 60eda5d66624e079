package health

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Money: whether what is kept for others is there, and what stands where nothing should.

// ownMoneyOnItsWay is how the coverage names it.
const ownMoneyOnItsWay = "own money on its way"

func (s *Service) coverage(ctx context.Context, book ledger.Book) ([]Figure, error) {
	report, err := s.Events.Coverage(ctx, book, "")
	if err != nil {
		return nil, err
	}
	cover, own := counted(Coverage, 0, noTime, Act), counted(OwnMoney, 0, noTime, Watch)
	for _, c := range report.Currencies {
		currency := money.Currency(c.Currency)
		surplus, err := signed(c.Totals.Surplus, currency)
		if err != nil {
			return nil, err
		}
		cover.Amounts = append(cover.Amounts, Amount{currency, surplus})
		if surplus < 0 {
			cover.Count++
			cover.State = Act
			cover.named(c.Currency)
		}
		for _, line := range c.Cash {
			if line.Name != ownMoneyOnItsWay {
				continue
			}
			m, err := signed(line.Amount, currency)
			if err != nil {
				return nil, err
			}
			own.Count++
			own.State = Watch
			own.Amounts = append(own.Amounts, Amount{currency, m})
		}
	}
	return []Figure{cover, own}, nil
}

func (s *Service) safeguarding(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Events.Safeguarding(ctx, book)
	if err != nil {
		return nil, err
	}
	f := counted(Safeguarding, 0, noTime, Act)
	for _, g := range list {
		currency := money.Currency(g.Currency)
		short, err := signed(g.Shortfall, currency)
		if err != nil {
			return nil, err
		}
		late, err := signed(g.ToMove, currency)
		if err != nil {
			return nil, err
		}
		f.Amounts = append(f.Amounts, Amount{currency, short})
		switch {
		case short > 0:
			f.State = Act
		case late > 0 || len(g.Broken) > 0:
			if f.State != Act {
				f.State = Watch
			}
		default:
			continue
		}
		f.Count++
		f.named(g.Currency)
	}
	return []Figure{f}, nil
}

// wrongSide looks for rows of the chart that stand below zero where that is an alarm: those that mirror the world, and those that no
// posting takes there. A payee's row below zero is a debt.
func (s *Service) wrongSide(ctx context.Context, book ledger.Book) ([]Figure, error) {
	tb, err := s.Ledger.TrialBalance(ctx, book, 0)
	if err != nil {
		return nil, err
	}
	f := counted(WrongSide, 0, noTime, Act)
	chart := s.Ledger.Chart()
	for _, row := range tb.Rows {
		side := ledger.Debit
		switch row.Closing().Sign() {
		case 0:
			continue
		case -1:
			side = ledger.Credit
		}
		if c := chart.Row(row.Code); c != nil && side != row.Normal && c.Floor.Alarms() {
			f.Count++
			f.State = Act
			f.named(string(row.Account))
		}
	}
	return []Figure{f}, nil
}

// signed reads an amount as the reports of commerce write it, with a sign where it is below zero.
func signed(text string, c money.Currency) (money.Minor, error) {
	if text != "" && text[0] == '-' {
		m, err := money.ParseAmount(text[1:], c)
		return -m, err
	}
	return money.ParseAmount(text, c)
}
