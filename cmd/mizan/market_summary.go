package main

// The living market in a few lines, and the checks of its books.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

// seedMarket draws the market, posts it and tells about it.
func seedMarket(ctx context.Context, remote *client.Client, plan marketPlan, now func() time.Time, out io.Writer) error {
	begun := now()
	var total marketPosted
	var wrong []error
	for _, b := range newMarket(plan) {
		done, err := b.post(ctx, remote)
		if err != nil {
			return err
		}
		total.events, total.transactions, total.replayed = total.events+done.events, total.transactions+done.transactions, total.replayed+done.replayed
		summary, err := b.look(ctx, remote)
		if err != nil {
			return err
		}
		if err := summary.write(out); err != nil {
			return err
		}
		wrong = append(wrong, summary.wrong...)
	}
	took := now().Sub(begun)
	if total.events == 0 {
		fmt.Fprintf(out, "  The market of seed %d was there before (%d events); checking it took %.1f s.\n", plan.seed, total.replayed, took.Seconds())
	} else {
		fmt.Fprintf(out, "  Seed %d, %d days: %d events with %d transactions in %.1f s, %.0f a second; %d events were there before.\n", plan.seed, plan.days, total.events, total.transactions, took.Seconds(), float64(total.events)/took.Seconds(), total.replayed)
	}
	return errors.Join(wrong...)
}

// marketSummary is what a book of the market came to.
type marketSummary struct {
	*bazaar
	creators []earner
	refunded map[money.Currency]money.Minor
	owing    int // sellers whose returns came after they were settled
	wrong    []error
}

// earner is a creator with what is hers, waiting or available.
type earner struct {
	id     string
	amount money.Minor
}

// marketSample is how many orders' waterfalls are added up.
const marketSample = 25

// look reads the book's balances and checks what must always hold.
func (b *bazaar) look(ctx context.Context, remote *client.Client) (*marketSummary, error) {
	s := &marketSummary{bazaar: b, refunded: map[money.Currency]money.Minor{}}
	tb, err := remote.TrialBalance(ctx, b.book.Code, "")
	if err != nil {
		return nil, err
	}
	s.check(checkTotals(tb))
	earned, expected := map[string]money.Minor{}, b.expected()
	for a, err := range remote.Balances(ctx, b.book.Code, client.BalanceQuery{}) {
		if err != nil {
			return nil, err
		}
		parts := strings.Split(a.Account, ":")
		payee := len(parts) == 4 && parts[0] == "liabilities" && slices.Contains([]string{"seller", "creator", "agency", "partner"}, parts[1])
		if payee && parts[1] == "creator" && a.Currency == b.home.currencies[0] {
			m, err := signedAmount(a.Balance, a.Currency)
			if err != nil {
				return nil, err
			}
			earned[parts[3]] += m
		}
		if want, known := expected[openKey{groupOf(a.Account), a.Currency}]; known {
			m, err := signedAmount(a.Balance, a.Currency)
			if err != nil {
				return nil, err
			}
			expected[openKey{groupOf(a.Account), a.Currency}] = want - m
		}
		if !strings.HasPrefix(a.Balance, "-") {
			continue
		}
		if payee && parts[2] == "available" {
			s.owing++
			continue
		}
		if !mayBeNegative(a.Account) && !b.early(a.Account) {
			s.check(fmt.Errorf("%s of book %s holds %s %s", a.Account, b.book.Code, a.Balance, a.Currency))
		}
	}
	for key, left := range expected {
		if left != 0 {
			s.check(fmt.Errorf("%s of book %s differs by %s %s from what happened", key.group, b.book.Code, left.Format(key.currency), key.currency))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(earned)) {
		s.creators = append(s.creators, earner{id, earned[id]})
	}
	slices.SortStableFunc(s.creators, func(x, y earner) int { return cmp.Compare(y.amount, x.amount) })
	return s, errors.Join(s.sample(ctx, remote), s.refunds(ctx, remote))
}

// openKey is a group of accounts in a currency.
type openKey struct {
	group    string
	currency money.Currency
}

const (
	groupPending  = "assets:processor:pending"
	groupDisputes = "assets:receivable:dispute"
)

// groupOf is an account's address without its last segment.
func groupOf(account string) string {
	return account[:max(strings.LastIndexByte(account, ':'), 0)]
}

// expected is what must be open at the market's end, from what happened and not from the books: what the processor still
// keeps, and the disputes that have not ended.
func (b *bazaar) expected() map[openKey]money.Minor {
	open := map[openKey]money.Minor{}
	for _, c := range b.home.currencies {
		open[openKey{groupPending, c}], open[openKey{groupDisputes, c}] = 0, b.tally.disputed[c]
		for _, takings := range b.pending[max(len(b.pending)-fundsAfter, 0):] {
			open[openKey{groupPending, c}] += takings[c]
		}
	}
	return open
}

// refunds adds up what went back to buyers.
func (s *marketSummary) refunds(ctx context.Context, remote *client.Client) error {
	for _, event := range []string{"order.cancelled", "refund.full", "refund.partial", "refund.platform_goodwill"} {
		for t, err := range remote.Transactions(ctx, s.book.Code, client.TransactionQuery{Event: event}) {
			if err != nil {
				return err
			}
			for _, e := range t.Entries {
				if strings.HasPrefix(e.Account, "assets:processor:") && e.Direction == "credit" {
					m, err := money.ParseAmount(e.Amount, e.Currency)
					if err != nil {
						return err
					}
					s.refunded[e.Currency] += m
				}
			}
		}
	}
	return nil
}

// mayBeNegative reports whether an account's balance may lie on its other side: a seller's charges before his first sale,
// fees that were given back, and what orders still settle.
func mayBeNegative(account string) bool {
	return strings.HasPrefix(account, "revenue:") || strings.HasPrefix(account, "expenses:") || strings.HasPrefix(account, "assets:fx_position") || strings.HasPrefix(account, "liabilities:seller:pending:")
}

// firstFunds is after how many days the processor has paid enough for what is given back in the meantime.
const firstFunds = 10

// early reports whether the account is the processor's and the market too short for its money to have become available.
func (b *bazaar) early(account string) bool {
	return b.plan.days < firstFunds && strings.HasPrefix(account, "assets:processor:available")
}

func (s *marketSummary) check(err error) {
	if err != nil {
		s.wrong = append(s.wrong, err)
	}
}

// sample adds up the waterfalls of some orders, and looks whether something waits in an order that is through.
func (s *marketSummary) sample(ctx context.Context, remote *client.Client) error {
	step := max(len(s.orders)/marketSample, 1)
	for i := 0; i < len(s.orders); i += step {
		o, err := remote.Order(ctx, s.book.Code, s.orders[i])
		if err != nil {
			return err
		}
		sum := money.Minor(0)
		for _, r := range o.Waterfall {
			for _, part := range r.Parts {
				if (o.State == "settled" || o.State == "cancelled") && isWaiting(part.Account) && nonZero(part.Amount) != "" {
					s.check(fmt.Errorf("order %s is %s, and %s waits in %s", o.Order, o.State, part.Amount, part.Account))
				}
			}
			m, err := signedAmount(r.Net, money.Currency(o.Currency))
			if err != nil {
				return err
			}
			sum += m
		}
		if sum != 0 {
			s.check(fmt.Errorf("the waterfall of order %s sums to %d", o.Order, sum))
		}
	}
	return nil
}

// isWaiting reports whether an account holds what waits for a payee.
func isWaiting(account string) bool {
	parts := strings.Split(account, ":")
	return len(parts) == 4 && parts[0] == "liabilities" && parts[2] == "pending" && parts[1] != "donation"
}

// write prints the summary.
func (s *marketSummary) write(w io.Writer) error {
	t := &s.tally
	fmt.Fprintf(w, "\nBook %s: %s, %d days from %s\n", s.book.Code, s.book.Name, s.plan.days, marketBegins.Format(time.DateOnly))
	sums := func(of map[money.Currency]money.Minor) string {
		var parts []string
		for _, c := range s.home.currencies {
			if of[c] != 0 {
				parts = append(parts, of[c].Format(c)+" "+string(c))
			}
		}
		return cmp.Or(strings.Join(parts, ", "), "nothing")
	}
	facts := newTable("  sellers and creators", fmt.Sprintf("%d and %d, %d agencies", marketSellers, marketCreators, marketAgencies))
	facts.add("  orders", fmt.Sprintf("%d, of them %d in one viral night", t.orders, t.viral))
	facts.add("  gross sold", sums(t.gross))
	facts.add("  paid by buyers", sums(t.paid))
	facts.add("  given back to buyers", fmt.Sprintf("%s; %d orders cancelled, %d returns", sums(s.refunded), t.cancelled, t.returns))
	facts.add("  disputes", fmt.Sprintf("%d, %d won so far", t.disputes, t.won))
	facts.add("  settled by the clock", fmt.Sprint(t.settlements))
	facts.add("  charges", fmt.Sprint(t.charges))
	if t.simulcasts+t.conversions > 0 {
		facts.add("  simulcast sales", fmt.Sprintf("%d; %d conversions", t.simulcasts, t.conversions))
	}
	if t.donations > 0 {
		facts.add("  donations", fmt.Sprintf("%d, %s %s", t.donations, t.given.Format(s.home.currencies[0]), s.home.currencies[0]))
	}
	facts.add("  payees in debt", fmt.Sprint(s.owing))
	var top []string
	for _, e := range s.creators[:min(len(s.creators), 3)] {
		top = append(top, fmt.Sprintf("%s %s", e.id, e.amount.Format(s.home.currencies[0])))
	}
	facts.add("  top creators", strings.Join(top, ", "))
	if err := facts.write(w, ""); err != nil {
		return err
	}
	for _, err := range s.wrong {
		fmt.Fprintln(w, "  WRONG", err)
	}
	return nil
}
