package commerce

import (
	"context"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Coverage: whether the money that is kept for others is there (errata, invariant 14). Per currency, the cash at the
// processor, in accounts kept for others and under way must be at least what is owed to payees, donors, buyers, tax
// offices and carriers. Nobody's debt covers what is owed to somebody else, so only balances above zero count as owed.

// Coverage is the report of a book.
type Coverage struct {
	AtSequence int64              `json:"at_sequence" minimum:"0" doc:"The report is that right after this transaction" example:"42"`
	Currencies []CurrencyCoverage `json:"currencies" nullable:"false" doc:"One for each currency with a balance"`
}

// CurrencyCoverage is the report of one currency.
type CurrencyCoverage struct {
	Currency string          `json:"currency" example:"USD"`
	Cash     []CoverageLine  `json:"cash" nullable:"false" doc:"The cash that counts, by where it is"`
	Owed     []CoverageLine  `json:"owed" nullable:"false" doc:"What is owed, by to whom; a debt to us does not lower it"`
	Debts    []CoverageLine  `json:"debts" nullable:"false" doc:"What others owe us; it covers nothing"`
	Totals   CoverageTotals  `json:"totals"`
	Checks   []CoverageCheck `json:"checks" nullable:"false" doc:"What must hold, and whether it does"`
}

// CoverageTotals are the sums of a currency.
type CoverageTotals struct {
	Cash      string `json:"cash" doc:"All cash that counts" example:"54.31"`
	Owed      string `json:"owed" doc:"All that is owed" example:"30.22"`
	Surplus   string `json:"surplus" doc:"Cash less what is owed; below zero is a shortfall" example:"24.09"`
	Sweepable string `json:"sweepable" doc:"The most that may be swept as our own now: the surplus without what is already on its way to our bank account" example:"24.09"`
	ToFund    string `json:"to_fund" doc:"What must be funded today" example:"0.00"`
}

// CoverageLine is a sum over the accounts of a kind.
type CoverageLine struct {
	Name   string `json:"name" example:"processor"`
	Amount string `json:"amount" example:"54.31"`
}

// CoverageCheck is one of the invariants that cash must keep.
type CoverageCheck struct {
	Name   string `json:"name" example:"coverage"`
	Result string `json:"result" enum:"holds,broken,open"`
	Amount string `json:"amount" doc:"By how much it is broken, or what is open" example:"0.00"`
	ToDo   string `json:"to_do" doc:"What to do about it" example:"Nothing."`
}

// The rows of the chart that coverage is about.
const (
	rowTransit       = 1035
	rowSuspenseOut   = 1900
	rowClearing      = 2650
	rowSuspenseIn    = 2900
	rowDisputes      = 1130
	transitOutToBank = "assets:treasury_in_transit:" + routeProcessorBank
)

// coverageKind is a group of rows that the report names.
type coverageKind struct {
	name  string
	codes []int
}

var coverageCash = []coverageKind{
	{"processor", []int{1010, 1020, 1025}},
	{"payouts on their way", []int{1030}},
	{"own money on its way", []int{rowTransit}},
	{"client account", []int{1045}},
	{"safeguarded account", []int{1050}},
	{"trust accounts", []int{1060}},
	{"cash on delivery at carriers", []int{1150}},
}

var coverageOwed = []coverageKind{
	{"sellers", []int{2110, 2120, 2130, 2140, 2150, 2160, 2170}},
	{"creators", []int{2210, 2220, 2224, 2226, 2250}},
	{"agencies", []int{2310, 2320, 2324, 2326}},
	{"partners", []int{2350, 2360, 2364, 2366}},
	{"payouts on their way", []int{2410}},
	{"donations and matches", []int{2510, 2520, 2530, 2540}},
	{"coins", []int{2610}},
	{"buyers", []int{2620, 2630, 2640}},
	{"taxes", []int{2710, 2720, 2730, 2740}},
	{"carriers", []int{2810}},
	{"unclaimed money", []int{2890}},
	{"receipts of unknown origin", []int{rowSuspenseIn}},
}

// coverageTogether are the rows that are one balance of their owner: what is available, reserved and held of it.
var coverageTogether = map[int]int{2120: 2120, 2130: 2120, 2140: 2120, 2220: 2220, 2224: 2220, 2320: 2320, 2324: 2320, 2360: 2360, 2364: 2360}

func coverageQuery(c money.Currency) ledger.HoldingsQuery {
	return ledger.HoldingsQuery{Currency: c, ByAccount: rowTransit, Together: coverageTogether}
}

// cover is the coverage of one currency in numbers.
type cover struct {
	cash, owed, debts []money.Minor
	// out is what is on its way to our own bank account: cash that counts, and is swept already.
	out money.Minor
	// open are the sums of the rows that must become empty.
	open map[int]money.Minor
}

func newCover() *cover {
	return &cover{cash: make([]money.Minor, len(coverageCash)), owed: make([]money.Minor, len(coverageOwed)),
		debts: make([]money.Minor, len(coverageOwed)), open: map[int]money.Minor{}}
}

// add counts what accounts of a row hold.
func (c *cover) add(code int, account ledger.Address, above, below money.Minor) {
	for i := range coverageCash {
		if slices.Contains(coverageCash[i].codes, code) {
			c.cash[i] += above + below
		}
	}
	for i := range coverageOwed {
		if slices.Contains(coverageOwed[i].codes, code) {
			c.owed[i] += above
			c.debts[i] -= below
		}
	}
	if account == transitOutToBank {
		c.out += above + below
	}
	c.open[code] += above - below
}

func sumMinor(list []money.Minor) (sum money.Minor) {
	for _, m := range list {
		sum += m
	}
	return sum
}

func (c *cover) surplus() money.Minor { return sumMinor(c.cash) - sumMinor(c.owed) }

// sweepable is the most that may be swept as our own.
func (c *cover) sweepable() money.Minor { return max(0, c.surplus()-max(0, c.out)) }

// owedFor is what is owed of one kind.
func (c *cover) owedFor(name string) money.Minor {
	for i := range coverageOwed {
		if coverageOwed[i].name == name {
			return c.owed[i]
		}
	}
	return 0
}

// sweepableFor is the most that may be swept to pay what is owed of one kind: that debt, as far as the cash that is left
// still covers everybody but tax offices and carriers.
func (c *cover) sweepableFor(kind string) money.Minor {
	rest := c.surplus() + c.owedFor("taxes") + c.owedFor("carriers") - max(0, c.out)
	return max(0, min(c.owedFor(kind), rest))
}

// Coverage reports whether the money kept for others is there. It reads every balance of the book once.
func (s *Service) Coverage(ctx context.Context, book ledger.Book, currency money.Currency) (*Coverage, error) {
	return s.CoverageAt(ctx, book, currency, 0)
}

// CoverageAt is Coverage right after a transaction, or after the book's last for 0.
func (s *Service) CoverageAt(ctx context.Context, book ledger.Book, currency money.Currency, sequence int64) (*Coverage, error) {
	if currency != "" && !book.Uses(currency) {
		return nil, money.ErrCurrency.At("query:currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
	}
	q := coverageQuery(currency)
	q.AtSequence = sequence
	list, at, err := s.look.holdings(ctx, book, q)
	if err != nil {
		return nil, err
	}
	out := &Coverage{AtSequence: at, Currencies: []CurrencyCoverage{}}
	for _, c := range book.Currencies {
		if currency != "" && c != currency {
			continue
		}
		cov := newCover()
		begun := false
		for _, h := range list {
			if h.Currency == c {
				cov.add(h.Code, h.Account, h.Above, h.Below)
				begun = true
			}
		}
		if begun {
			out.Currencies = append(out.Currencies, cov.report(c))
		}
	}
	return out, nil
}

func (c *cover) report(currency money.Currency) CurrencyCoverage {
	lines := func(kinds []coverageKind, sums []money.Minor) []CoverageLine {
		list := []CoverageLine{}
		for i, m := range sums {
			if m != 0 {
				list = append(list, CoverageLine{kinds[i].name, m.Format(currency)})
			}
		}
		return list
	}
	surplus := c.surplus()
	return CurrencyCoverage{
		Currency: string(currency), Cash: lines(coverageCash, c.cash), Owed: lines(coverageOwed, c.owed), Debts: lines(coverageOwed, c.debts),
		Totals: CoverageTotals{Cash: sumMinor(c.cash).Format(currency), Owed: sumMinor(c.owed).Format(currency), Surplus: surplus.Format(currency),
			Sweepable: c.sweepable().Format(currency), ToFund: max(0, -surplus).Format(currency)},
		Checks: c.checks(currency),
	}
}

func (c *cover) checks(currency money.Currency) []CoverageCheck {
	list := []CoverageCheck{{Name: "coverage", Result: "holds", Amount: money.Minor(0).Format(currency), ToDo: "Nothing."}}
	if short := -c.surplus(); short > 0 {
		list[0] = CoverageCheck{"coverage", "broken", short.Format(currency), "Top up the processor by this amount today: send the money and post processor.topped_up."}
	}
	for _, open := range []struct {
		name, toDo string
		code       int
	}{
		{"own money in transit", "Post treasury.landed, treasury.failed or processor.topup_landed for each transfer that has arrived or come back.", rowTransit},
		{"unmatched outflow", "Find out what was paid and post it against the suspense account.", rowSuspenseOut},
		{"unmatched inflow", "Find out who paid and post it against the suspense account.", rowSuspenseIn},
		{"exchanges", "Finish the exchanges that are open: each is zero when both halves are posted.", rowClearing},
		{"disputed payments", "Nothing until each dispute is closed; compare the sum with the disputes that the processor lists as open.", rowDisputes},
	} {
		check := CoverageCheck{Name: open.name, Result: "holds", Amount: money.Minor(0).Format(currency), ToDo: "Nothing."}
		if m := c.open[open.code]; m != 0 {
			check = CoverageCheck{open.name, "open", m.Format(currency), open.toDo}
		}
		list = append(list, check)
	}
	return list
}

// coverIn reads the coverage of one currency for a plan, with what the plan's group posts.
func (p *planner) coverIn(c money.Currency) (*cover, int64, error) {
	list, at, err := p.service.look.holdings(p.ctx, p.book, coverageQuery(c))
	if err != nil {
		return nil, 0, err
	}
	cov := newCover()
	for _, h := range list {
		cov.add(h.Code, h.Account, h.Above, h.Below)
	}
	if p.group == nil {
		return cov, at, nil
	}
	return cov, at, p.coverGroup(cov, c)
}

// coverGroup adds what the plan's group posts to the coverage that the books show.
func (p *planner) coverGroup(cov *cover, c money.Currency) error {
	seen := map[ledger.Address]bool{}
	for key, moved := range p.group.moved {
		if key.currency != c || moved == 0 {
			continue
		}
		row, err := p.service.ledger.Chart().Resolve(key.account)
		if err != nil {
			return err
		}
		accounts := []ledger.Address{key.account}
		if coverageTogether[row.Code] != 0 {
			kind, _, id, _ := splitPayee(key.account)
			accounts = accounts[:0]
			for _, bucket := range []string{bucketAvailable, bucketReserve, bucketDisputeHold} {
				if bucket != bucketReserve || kind == "seller" {
					accounts = append(accounts, payeeAccount(kind, bucket, id))
				}
			}
		}
		if seen[accounts[0]] {
			continue
		}
		seen[accounts[0]] = true
		var before, after money.Minor
		for _, a := range accounts {
			b, err := p.service.look.balance(p.ctx, p.book, a, c) // credit positive
			if err != nil {
				return err
			}
			before, after = before+b, after+b-p.group.moved[balanceKey{a, c}]
		}
		if row.Normal == ledger.Debit {
			before, after = -before, -after
		}
		cov.add(row.Code, key.account, max(after, 0)-max(before, 0), min(after, 0)-min(before, 0))
	}
	return nil
}
