package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Computing the checklist: what the books themselves must show at the end of a month.

const (
	// A page of accounts below a prefix: those that hold something, with when they last moved; and the last one of a full page, so
	// that the next page begins there.
	sqlHolding = `
SELECT a.address, a.currency, coalesce(b.net, 0), coalesce(t.recorded_at, 'epoch'), a.n
  FROM (SELECT x.id, x.address, x.currency, row_number() OVER (ORDER BY x.address, x.currency) AS n
          FROM accounts x
         WHERE x.book_id = $1 AND (x.address, x.currency) > ($2, $3) AND x.address >= $2 AND x.address < $4
         ORDER BY x.address, x.currency LIMIT $5) a
  LEFT JOIN LATERAL (SELECT y.debits - y.credits AS net, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT z.recorded_at FROM transactions z WHERE z.book_id = $1 AND z.sequence = b.last_sequence AND b.net <> 0 LIMIT 1) t ON true
 WHERE b.net <> 0 OR a.n = $5
 ORDER BY a.n`

	sqlLastAccount = `SELECT coalesce(max(a.id), 0) FROM accounts a WHERE a.book_id = $1`

	sqlAccountTotals = `
SELECT a.chart_code, a.currency, sum(p.debits)::text, sum(p.credits)::text
  FROM period_totals p
  JOIN accounts a ON a.book_id = p.book_id AND a.id = p.account_id
 WHERE p.book_id = $1 AND p.account_id > $2 AND p.account_id <= $3 AND p.period = $4
 GROUP BY a.chart_code, a.currency`

	sqlChartTotals = `SELECT c.chart_code, c.currency, c.debits::text, c.credits::text FROM chart_totals c WHERE c.book_id = $1 AND c.period = $2`
)

// The rows of the chart that the checklist is about.
const (
	rowSuspenseOut = 1900
	rowSuspenseIn  = 2900
)

const (
	holdingPage = 20_000
	totalsPage  = 20_000
	// exchangeDays is after how many days an exchange must be complete.
	exchangeDays = 30
	// shipCoverage is for how long the money kept for others is added up. A request has fifteen seconds for the whole checklist.
	shipCoverage = 5 * time.Second
)

// checkPosition judges open conversions at the end of the month (W-13): a foreign currency may be open where the deals that it
// consists of are known.
func (s *Service) checkPosition(ctx context.Context, book ledger.Book, t *ControlTotals) (*ChecklistItem, error) {
	i := newItem(itemPosition, "The position in foreign currencies is closed, or its open deals are known", "Nothing is open.")
	open := map[money.Currency]Amount{}
	for _, r := range t.Rows {
		if r.Account == "assets:fx_position" && r.Balance != Amount(money.Minor(0).Format(r.Currency)) {
			open[r.Currency] = r.Balance
			i.amount("open at the end of the month", r.Currency, r.Balance)
		}
	}
	if len(open) == 0 {
		return i, nil
	}
	now, err := s.events.FXPosition(ctx, book)
	if err != nil {
		return nil, err
	}
	foreign := false
	for c := range open {
		foreign = foreign || c != book.Functional
	}
	for _, l := range now.Legs {
		if l.Currency != string(book.Functional) && l.Balance != l.Listed {
			i.worse(ItemBlocked, "More is open than the deals come to that are known. Post the executions that are missing.")
			i.name(l.Currency)
		}
	}
	if !foreign {
		i.worse(ItemBlocked, "All deals are executed and something is left in our own currency. Post fx.position_closed.")
		i.name(string(book.Functional))
	}
	i.worse(ItemWaiting, "Deals were open at the end of the month. Revalue them at the closing rate.")
	return i, nil
}

// checkSafeguarding asks whether donations are covered and kept apart (checks 4a and 4b), and whether a quote paid a fee twice (15),
// right after a transaction, 0 for before the first, by what is due now.
func (s *Service) checkSafeguarding(ctx context.Context, book ledger.Book, at int64) (*ChecklistItem, error) {
	i := newItem(itemSafeguarding, "Donations are covered and kept apart", "Done.")
	list, err := s.events.SafeguardingDue(ctx, book, at, s.now())
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		i.worse(ItemNotApplicable, "The book holds no donations.")
	}
	for _, one := range list {
		if len(one.Broken) > 0 {
			i.worse(ItemBlocked, "Donations are not covered as they must be. Look at the book's safeguarding report, and move or fund what it says.")
			i.name("check " + strings.Join(one.Broken, ", ") + " in " + one.Currency)
			i.amount("shortfall", money.Currency(one.Currency), Amount(one.Shortfall))
			i.amount("to move", money.Currency(one.Currency), Amount(one.ToMove))
		}
	}
	return i, nil
}

// checkCoverage asks whether the money kept for others was there right after a transaction, 0 for before the first (invariant 14). It
// reads every balance, and is given up after coverageWithin: so a large book still gets the rest of its checklist.
func (s *Service) checkCoverage(ctx context.Context, book ledger.Book, at int64) (*ChecklistItem, error) {
	i := newItem(itemCoverage, "The money kept for others is there", "Done.")
	if at == 0 {
		return i, nil
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if !postgres.IsWithin(ctx) { // whose transaction would end with the time
		bounded, cancel = context.WithTimeout(ctx, s.coverageWithin)
	}
	defer cancel()
	c, err := s.events.CoverageAt(bounded, book, "", at)
	switch {
	case err != nil && ctx.Err() == nil && (bounded.Err() != nil || errors.Is(err, postgres.ErrReadTooLong)):
		i.worse(ItemBlocked, "The book has too many accounts to add them up for a checklist. Make the coverage report, which takes the time that it needs, look at it, and have two people accept this.")
		return i, nil
	case err != nil:
		return nil, err
	}
	for _, one := range c.Currencies {
		for _, check := range one.Checks {
			if check.Name == "coverage" && check.Result == "broken" {
				i.worse(ItemBlocked, "Less money is there than is owed to others. Fund what is missing, and post processor.topped_up.")
				i.name(one.Currency)
				i.amount("to fund", money.Currency(one.Currency), Amount(one.Totals.ToFund))
			}
		}
	}
	return i, nil
}

// checkTaxes holds the accounts of tax offices against their rows of the chart.
func checkTaxes(t *ControlTotals) *ChecklistItem {
	i := newItem(itemTaxes, "Tax accounts come to their control totals", "Done.")
	type key struct {
		row      string
		currency money.Currency
	}
	sums := map[key]*big.Int{}
	add := func(k key, a Amount, sign int64) {
		if sums[k] == nil {
			sums[k] = new(big.Int)
		}
		sums[k].Add(sums[k], new(big.Int).Mul(big.NewInt(sign), units(a)))
	}
	for _, x := range t.Taxes {
		parts := strings.SplitN(x.Account, ":", 4)
		add(key{strings.Join(parts[:3], ":"), x.Currency}, x.Closing, 1)
		i.amount(x.Account, x.Currency, x.Closing)
	}
	for _, r := range t.Rows {
		if strings.HasPrefix(r.Account, "liabilities:tax:") || r.Account == "assets:tax:input" {
			add(key{r.Account, r.Currency}, r.Balance, 1)
		}
	}
	for k, sum := range sums {
		if sum.Sign() != 0 {
			i.worse(ItemBlocked, "The tax accounts do not come to the ledger's own totals. Run mizan verify, and post nothing until its cause is known.")
			i.name(k.row + " " + string(k.currency))
		}
	}
	if len(t.Taxes) == 0 && i.State == ItemDone {
		i.worse(ItemNotApplicable, "The book owes no taxes.")
	}
	return i
}

// units reads what bigAmount writes, in minor units.
func units(a Amount) *big.Int { return bigText(strings.Replace(string(a), ".", "", 1)) }

// checkEstimates looks for quoted card fees whose real ones have not come.
func checkEstimates(t *ControlTotals) *ChecklistItem {
	i := newItem(itemEstimates, "Estimated fees are trued up", "Done.")
	for _, r := range t.Rows {
		if r.Account != "liabilities:processor_fee_passthrough" || units(r.Balance).Sign() == 0 {
			continue
		}
		i.amount(r.Account, r.Currency, r.Balance)
		if units(r.Balance).Sign() > 0 {
			i.worse(ItemBlocked, "More card fees were taken from quotes than donors were quoted. Correct the fee that was paid twice.")
			i.name(r.Account + " " + string(r.Currency))
		} else {
			i.worse(ItemWaiting, "Donors were quoted card fees whose real ones have not come.")
		}
	}
	return i
}

// checkAccruals looks for accruals and revaluations of the months before that were not reversed in this one (M-31).
func (s *Service) checkAccruals(ctx context.Context, book ledger.Book, period ledger.Period) (*ChecklistItem, error) {
	i := newItem(itemAccruals, "Accruals of the month before are reversed", "Done.")
	err := s.eachAccount(ctx, book, period, []string{"assets:fx_revaluation", "liabilities:accrued:"}, maxListedAccounts, func(r ledger.TrialRow) {
		rest := new(big.Int)
		switch r.Opening.Sign() {
		case 1:
			rest.Sub(r.Opening, r.Credits)
		case -1:
			rest.Sub(new(big.Int).Neg(r.Opening), r.Debits)
		}
		if rest.Sign() > 0 {
			i.worse(ItemBlocked, "What was accrued or revalued at the end of an earlier month is reversed on the first day of the next. Post accrual.reversed or fx.revaluation_reversed.")
			i.name(string(r.Account))
			i.amount(string(r.Account), r.Currency, bigAmount(rest, r.Currency))
		}
	})
	return i, err
}

// checkClearing looks for money that has been between two accounts for too long, and exchanges that are not complete (16).
func (s *Service) checkClearing(ctx context.Context, book ledger.Book, end time.Time, rules Rules) (*ChecklistItem, error) {
	i := newItem(itemClearing, "Money in transit has arrived, and exchanges are complete", "Done.")
	for _, of := range []struct {
		prefix string
		days   int
	}{{"assets:treasury_in_transit:", calendarDays(rules.TransitDays)}, {"liabilities:exchange_clearing:", exchangeDays}} {
		limit := s.now().AddDate(0, 0, -of.days)
		after, currency := of.prefix, ""
		for more := true; more; {
			more = false
			rows, err := s.pool.Query(ctx, sqlHolding, book.ID, after, currency, of.prefix+"\x7f", holdingPage)
			if err != nil {
				return nil, err
			}
			var account string
			var c money.Currency
			var net money.Minor
			var moved time.Time
			var n int64
			_, err = pgx.ForEachRow(rows, []any{&account, &c, &net, &moved, &n}, func() error {
				after, currency, more = account, string(c), n == holdingPage
				if net == 0 || !moved.Before(end) {
					return nil
				}
				if moved.Before(limit) {
					i.worse(ItemBlocked, "Find out what became of this money, and post where it arrived or that it came back.")
					i.name(account)
				} else {
					i.worse(ItemWaiting, "Some money is still on its way, none of it for too long.")
				}
				i.amount(account, c, Amount(net.Format(c)))
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return i, nil
}

// checkBooks holds what other books owe this one against what they say they owe, and the other way around (18).
func (s *Service) checkBooks(ctx context.Context, book ledger.Book, period ledger.Period) (*ChecklistItem, error) {
	i := newItem(itemBooks, "What books owe each other agrees", "Done.")
	const from, to = "assets:due_from:", "liabilities:due_to:"
	pairs := map[string]bool{}
	err := s.eachAccount(ctx, book, period, []string{from, to}, maxListedAccounts, func(r ledger.TrialRow) {
		pairs[strings.Split(string(r.Account), ":")[2]] = true
	})
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		i.worse(ItemNotApplicable, "The book has no account with another book.")
	}
	for _, code := range slices.Sorted(maps.Keys(pairs)) {
		other, err := s.ledger.Book(ctx, code)
		switch {
		case fault.CodeOf(err) == ledger.ErrBookUnknown.Code:
			i.worse(ItemWaiting, "Another book is kept elsewhere. Have its balance confirmed.")
			i.name(code)
			continue
		case err != nil:
			return nil, err
		}
		for _, side := range [][2]string{{from + code, to + book.Code}, {to + code, from + book.Code}} {
			sums := map[money.Currency]*big.Int{}
			for n, at := range []ledger.Book{book, other} {
				if err := s.sumAccount(ctx, at, period, side[n], sums); err != nil {
					return nil, err
				}
			}
			for _, c := range slices.Sorted(maps.Keys(sums)) {
				if rest := sums[c]; rest.Sign() != 0 {
					i.worse(ItemBlocked, "What one book says that it is owed is not what the other says that it owes. Post what is missing in one of them.")
					i.name(code)
					i.amount(side[0], c, bigAmount(rest, c))
				}
			}
		}
	}
	return i, nil
}

// sumAccount adds an account's balances at the end of a month.
func (s *Service) sumAccount(ctx context.Context, book ledger.Book, period ledger.Period, account string, sums map[money.Currency]*big.Int) error {
	page, err := s.ledger.TrialBalanceBelow(ctx, book, period, account, "", "", 250)
	if err != nil {
		return err
	}
	for _, r := range page.Rows {
		if string(r.Account) != account {
			break
		}
		if sums[r.Currency] == nil {
			sums[r.Currency] = new(big.Int)
		}
		sums[r.Currency].Add(sums[r.Currency], r.Closing())
	}
	return nil
}

// checkYear looks for Decembers among the months whose result was not carried over.
func (s *Service) checkYear(ctx context.Context, book ledger.Book, months []ledger.Period, open ledger.Period) (*ChecklistItem, error) {
	i := newItem(itemYear, "The result of the year is carried over", "Done.")
	seen := false
	for _, p := range months {
		if p%100 != 12 || p < open {
			continue
		}
		seen = true
		tb, err := s.ledger.TrialBalance(ctx, book, p)
		if err != nil {
			return nil, err
		}
		for _, r := range tb.Rows {
			if (strings.HasPrefix(string(r.Account), "revenue:") || strings.HasPrefix(string(r.Account), "expenses:")) && r.Closing().Sign() != 0 {
				i.worse(ItemBlocked, "Close the months before December, post year.closed while December is open, and then close December.")
				i.name(fmt.Sprintf("%d", p/100))
			}
		}
	}
	if !seen {
		i.worse(ItemNotApplicable, "The month is not the last of a year.")
	}
	return i, nil
}

type chartKey struct {
	code     int
	currency money.Currency
}

type chartTurnover struct{ debits, credits *big.Int }

// checkTotals holds the two totals that the ledger keeps of a month against each other, by row of the chart. While the month is
// posted to they are not of one moment, and it is tried again.
func (s *Service) checkTotals(ctx context.Context, book ledger.Book, period ledger.Period) (*ChecklistItem, error) {
	i := newItem(itemTotals, "The ledger's totals of the month agree, and balance", "Done.")
	for range 3 {
		before, err := s.chartTotals(ctx, book, period)
		if err != nil {
			return nil, err
		}
		accounts, err := s.accountTotals(ctx, book, period)
		if err != nil {
			return nil, err
		}
		after, err := s.chartTotals(ctx, book, period)
		if err != nil {
			return nil, err
		}
		if len(unlikeTotals(before, after)) > 0 {
			i.worse(ItemWaiting, "The month is posted to at this moment.")
			continue
		}
		i.State, i.Detail = ItemDone, "Done."
		balance := map[money.Currency]*big.Int{}
		for k, t := range after {
			if balance[k.currency] == nil {
				balance[k.currency] = new(big.Int)
			}
			balance[k.currency].Add(balance[k.currency], t.debits)
			balance[k.currency].Sub(balance[k.currency], t.credits)
		}
		for c, b := range balance {
			if b.Sign() != 0 {
				i.worse(ItemBlocked, "The month does not balance. Run mizan verify, and post nothing until its cause is known.")
				i.name(string(c))
			}
		}
		for _, k := range unlikeTotals(accounts, after) {
			i.worse(ItemBlocked, "The totals of accounts do not come to those of their rows of the chart. Run mizan verify, and post nothing until its cause is known.")
			i.name(fmt.Sprintf("row %d %s", k.code, k.currency))
		}
		return i, nil
	}
	return i, nil
}

// unlikeTotals lists where two sets of totals differ.
func unlikeTotals(a, b map[chartKey]chartTurnover) (list []chartKey) {
	for k, x := range a {
		if y, ok := b[k]; !ok || x.debits.Cmp(y.debits) != 0 || x.credits.Cmp(y.credits) != 0 {
			list = append(list, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			list = append(list, k)
		}
	}
	return list
}

func (s *Service) chartTotals(ctx context.Context, book ledger.Book, period ledger.Period) (map[chartKey]chartTurnover, error) {
	sums := map[chartKey]chartTurnover{}
	return sums, s.pool.ReadTx(ctx, func(tx pgx.Tx) error { return addTotals(ctx, tx, sums, sqlChartTotals, book.ID, period) })
}

func (s *Service) accountTotals(ctx context.Context, book ledger.Book, period ledger.Period) (map[chartKey]chartTurnover, error) {
	sums := map[chartKey]chartTurnover{}
	var last int64
	if err := s.pool.QueryRow(ctx, sqlLastAccount, book.ID).Scan(&last); err != nil {
		return nil, err
	}
	for low := int64(0); low < last; low += totalsPage {
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			return addTotals(ctx, tx, sums, sqlAccountTotals, book.ID, low, low+totalsPage, period)
		})
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

func addTotals(ctx context.Context, tx pgx.Tx, sums map[chartKey]chartTurnover, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var k chartKey
	var debits, credits string
	_, err = pgx.ForEachRow(rows, []any{&k.code, &k.currency, &debits, &credits}, func() error {
		t, ok := sums[k]
		if !ok {
			t = chartTurnover{new(big.Int), new(big.Int)}
		}
		t.debits.Add(t.debits, bigText(debits))
		t.credits.Add(t.credits, bigText(credits))
		sums[k] = t
		return nil
	})
	return err
}
