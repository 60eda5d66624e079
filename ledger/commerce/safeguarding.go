package commerce

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Safeguarding is the daily question whether donations are covered: per currency what is owed to beneficiaries and match
// funds, where the cash is, what is missing, and what must be moved (errata W-01, invariants 4a, 4b, 12, 15 and 19).

// Safeguarding is the answer for one currency. Amounts are decimal strings.
type Safeguarding struct {
	Currency string `json:"currency" example:"GBP"`
	// What is owed.
	Pending     string `json:"pending" doc:"Owed to beneficiaries, not released" example:"0.00"`
	Available   string `json:"available" doc:"Owed to beneficiaries, released" example:"42.65"`
	MatchFund   string `json:"match_fund" example:"20.00"`
	Passthrough string `json:"card_fees_quoted" doc:"Quoted card fees that are not known yet" example:"0.00"`
	// Where the cash is.
	Safeguarded string `json:"safeguarded" doc:"In the safeguarded account, not on its way out" example:"62.65"`
	Moving      string `json:"moving" doc:"Between the processor and the safeguarded account" example:"0.00"`
	Processor   string `json:"at_processor" doc:"Donation cash at the processor" example:"4.45"`
	FromSales   string `json:"from_sales" doc:"Donations from sales, whose cash is among that of the sales" example:"0.00"`
	BankBalance string `json:"bank_balance" doc:"What the books say of the safeguarded accounts" example:"62.65"`
	// Shortfall is what the cash falls short of what is owed, for the platform to fund the same day (4a).
	Shortfall string `json:"shortfall" doc:"Missing cash; the platform funds it the same day" example:"0.00"`
	// ToMove is what should be in the safeguarded account and is not (4b).
	ToMove      string                 `json:"to_move" doc:"What should be in the safeguarded account by now, and is not" example:"0.00"`
	DonationFee string                 `json:"donation_fee" doc:"The platform's fees on donations" example:"0.00"`
	Campaigns   []CampaignSafeguarding `json:"campaigns" nullable:"false"`
	Broken      []string               `json:"broken" nullable:"false" doc:"Which promises of the books do not hold: 4a, 4b, 12, 15, 19, bank"`
}

// CampaignSafeguarding is one campaign's part.
type CampaignSafeguarding struct {
	Campaign    string `json:"campaign" example:"winter24"`
	Owed        string `json:"owed" doc:"To beneficiaries and the match fund" example:"62.65"`
	Safeguarded string `json:"safeguarded" example:"62.65"`
	Moving      string `json:"moving" example:"0.00"`
	Processor   string `json:"at_processor" example:"4.45"`
	Shortfall   string `json:"shortfall" example:"0.00"`
	ToMove      string `json:"to_move" example:"0.00"`
}

// coverage is a currency's numbers while they are added up.
type coverage struct {
	pending, available, fund, passthrough, bank, fee int64
	safe, moving, cash, tallied                      int64
	shortfall, toMove                                int64
	humanitarianFee                                  int64
	broken                                           map[string]bool
	campaigns                                        []CampaignSafeguarding
}

// Safeguarding returns how donations are covered, for each currency in which there are any.
func (s *Service) Safeguarding(ctx context.Context, book ledger.Book) ([]Safeguarding, error) {
	return s.safeguarding(ctx, book, bookPlace{now: s.now()})
}

// SafeguardingAt is Safeguarding right after a transaction, at the time when that was recorded.
func (s *Service) SafeguardingAt(ctx context.Context, book ledger.Book, sequence int64) ([]Safeguarding, error) {
	last, err := s.ledger.Transaction(ctx, book, sequence)
	if err != nil {
		return nil, err
	}
	return s.SafeguardingDue(ctx, book, sequence, last.RecordedAt)
}

// SafeguardingDue is Safeguarding right after a transaction, at a later time: what had to be moved by then is late if it was not.
// Before the first transaction there is nothing.
func (s *Service) SafeguardingDue(ctx context.Context, book ledger.Book, sequence int64, now time.Time) ([]Safeguarding, error) {
	if sequence == 0 {
		return []Safeguarding{}, nil
	}
	return s.safeguarding(ctx, book, bookPlace{at: sequence, now: now})
}

// bookPlace is a place in the book, 0 for the last, and its time.
type bookPlace struct {
	at  int64
	now time.Time
}

// before is the place as what comes first after it.
func (m bookPlace) before() int64 {
	if m.at == 0 {
		return 0
	}
	return m.at + 1
}

// balanceAt is what an account holds, credit positive.
func (s *Service) balanceAt(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency, m bookPlace) (money.Minor, error) {
	page, err := s.ledger.History(ctx, book, ledger.HistoryQuery{Account: a, Currency: c, AfterSequence: m.before(), Descending: true, Limit: 1})
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		return 0, nil
	}
	if err != nil || len(page.Lines) == 0 {
		return 0, err
	}
	return -page.Lines[0].BalanceAfter, nil
}

func (s *Service) safeguarding(ctx context.Context, book ledger.Book, m bookPlace) ([]Safeguarding, error) {
	all := map[money.Currency]*coverage{}
	of := func(c money.Currency) *coverage {
		if all[c] == nil {
			all[c] = &coverage{broken: map[string]bool{}}
		}
		return all[c]
	}
	if err := s.sumCoverage(ctx, book, m, of); err != nil {
		return nil, err
	}
	campaigns, _, err := s.Campaigns(ctx, book, 0, maxOfStory)
	if err != nil {
		return nil, err
	}
	for i := range campaigns {
		v := &campaigns[i]
		if published, err := ledger.ParseTransactionID(book.Code, v.Transaction); err != nil || m.at != 0 && published > m.at {
			continue // it was published later
		}
		if err := s.coverCampaign(ctx, book, v, m, of(money.Currency(v.Currency))); err != nil {
			return nil, err
		}
	}
	out := []Safeguarding{}
	for _, c := range book.Currencies {
		if x := all[c]; x != nil {
			out = append(out, x.report(c))
		}
	}
	return out, nil
}

// sumCoverage adds up the accounts of donations.
func (s *Service) sumCoverage(ctx context.Context, book ledger.Book, m bookPlace, of func(money.Currency) *coverage) error {
	sums := []struct {
		prefix string
		to     func(*coverage) *int64
	}{
		{"liabilities:donation:pending:", func(c *coverage) *int64 { return &c.pending }},
		{"liabilities:donation:available:", func(c *coverage) *int64 { return &c.available }},
		{"liabilities:match_fund:", func(c *coverage) *int64 { return &c.fund }},
		{"liabilities:processor_fee_passthrough:", func(c *coverage) *int64 { return &c.passthrough }},
		{"assets:bank:safeguarded:", func(c *coverage) *int64 { return &c.bank }},
		{accountDonationFee, func(c *coverage) *int64 { return &c.fee }},
	}
	for _, sum := range sums {
		q := ledger.BalanceQuery{Prefix: sum.prefix, AtSequence: m.at, Limit: 1000}
		for {
			page, err := s.ledger.Balances(ctx, book, q)
			if err != nil {
				return err
			}
			for _, b := range page.Balances {
				*sum.to(of(b.Currency)) += int64(b.Net())
				if b.Net() < 0 && sum.prefix == "liabilities:processor_fee_passthrough:" {
					of(b.Currency).broken["15"] = true // more was taken than quoted: a fee was paid twice from a quote
				}
			}
			q.AfterAccount, q.AfterCurrency = page.LastAccount, page.LastCurrency
			if !page.More {
				break
			}
		}
	}
	return nil
}

// coverCampaign adds a campaign's cash, and what of it should be elsewhere.
func (s *Service) coverCampaign(ctx context.Context, book ledger.Book, v *CampaignVersion, m bookPlace, x *coverage) error {
	last, _, err := s.lastBefore(ctx, book, tallySubject(v.ID), m.before())
	if err != nil || last == nil {
		return err
	}
	t, err := tallyOf(last)
	if err != nil || t == nil {
		return err
	}
	c := money.Currency(v.Currency)
	waits, released := int64(0), int64(0)
	for i := range t.Of {
		b := &t.Of[i]
		available, err := s.balanceAt(ctx, book, donationAvailable(b.Payee, v.ID), c, m)
		if err != nil {
			return err
		}
		waits += b.kept() - b.Paid - b.Sending
		released += int64(available)
	}
	fund, err := s.balanceAt(ctx, book, matchFund(v.ID), c, m)
	if err != nil {
		return err
	}
	quoted, err := s.balanceAt(ctx, book, passthrough(v.ID), c, m)
	if err != nil {
		return err
	}
	recent, err := s.recent(ctx, book, v, t, m)
	if err != nil {
		return err
	}
	owed := waits + int64(fund)
	short := max(0, owed+int64(quoted)-t.Safe-t.Moving-t.Cash)
	move := max(0, owed-recent-t.Safe-t.Moving)
	if v.Kind == humanitarian {
		x.humanitarianFee += t.PlatformFee
	}
	x.safe, x.moving, x.cash, x.tallied = x.safe+t.Safe, x.moving+t.Moving, x.cash+t.Cash, x.tallied+waits
	x.shortfall, x.toMove = x.shortfall+short, x.toMove+move
	if int64(fund) > t.Safe+t.Match.Moved && t.Moving == 0 {
		x.broken["19"] = true
	}
	if short > 0 {
		x.broken["4a"] = true
	}
	if move > 0 || released+int64(fund) > t.Safe+t.Moving {
		x.broken["4b"] = true
	}
	f := func(n int64) string { return money.Minor(n).Format(c) }
	x.campaigns = append(x.campaigns, CampaignSafeguarding{v.ID, f(owed), f(t.Safe), f(t.Moving), f(t.Cash), f(short), f(move)})
	return nil
}

// recent is what a campaign was given within the days that moving it may take: it may still be at the processor.
func (s *Service) recent(ctx context.Context, book ledger.Book, v *CampaignVersion, t *tally, m bookPlace) (int64, error) {
	since := m.now.Add(-time.Duration(orDefault(v.SafeguardDays, defaultSafeguardDays)) * 24 * time.Hour)
	given := func(t *tally) (sum int64) {
		for i := range t.Of {
			sum += t.Of[i].Donated + t.Of[i].Surplus - t.Of[i].BackDonated
		}
		return sum
	}
	now, before := given(t), int64(0)
	for n, after := 0, m.before(); n <= maxOfStory; n += pageOfStory {
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Subject: tallySubject(v.ID), Descending: true, After: after, Limit: pageOfStory})
		if err != nil {
			return 0, err
		}
		for i := range page.Transactions {
			x := &page.Transactions[i]
			if x.OccurredAt.Before(since) {
				old, err := tallyOf(x)
				if err != nil {
					return 0, err
				}
				return max(0, now-given(old)), nil
			}
			after = x.Sequence
		}
		if !page.More {
			break
		}
	}
	return max(0, now-before), nil
}

// report says a currency's numbers.
func (x *coverage) report(c money.Currency) Safeguarding {
	f := func(n int64) string { return money.Minor(n).Format(c) }
	if x.humanitarianFee != 0 {
		x.broken["12"] = true
	}
	if x.bank < x.safe {
		x.broken["bank"] = true
	}
	out := Safeguarding{Currency: string(c), Pending: f(x.pending), Available: f(x.available), MatchFund: f(x.fund), Passthrough: f(x.passthrough),
		Safeguarded: f(x.safe), Moving: f(x.moving), Processor: f(x.cash), FromSales: f(x.pending + x.available - x.tallied), BankBalance: f(x.bank),
		Shortfall: f(x.shortfall), ToMove: f(x.toMove), DonationFee: f(x.fee), Campaigns: x.campaigns, Broken: []string{}}
	if out.Campaigns == nil {
		out.Campaigns = []CampaignSafeguarding{}
	}
	for _, name := range []string{"4a", "4b", "12", "15", "19", "bank"} {
		if x.broken[name] {
			out.Broken = append(out.Broken, name)
		}
	}
	return out
}
