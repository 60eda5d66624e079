package main

// What the month of payouts came to, in a few lines.

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// payday is the month's summary. Amounts are in minor units of the book's currency.
type payday struct {
	// begins and ends are the first and the last moment of what was told.
	begins, ends time.Time
	// before says that the month had been told by an earlier start.
	before bool
	// released counts orders that settled, and applied the debts that a reserve has paid.
	released, applied int
	// runs counts the planned ones by what started them.
	runs map[string]int
	// approved counts the payouts to which a second person agreed.
	approved int
	// paid, failed, returned and again are payouts; again those that pay another one once more.
	paid, failed, returned, again paydaySum
	// open is what is on its way.
	open paydaySum
	// skipped counts decisions not to pay, by their first reason.
	skipped map[string]int
	// decided is how many decisions there are.
	decided int
	// debts are the debts that stand, blocked what is held back by law, trust what is kept for minors, and waiting what is
	// available and unpaid.
	debts, blocked, trust, waiting money.Minor
	last                           int64
	// bank is what was paid by bank files, nil if nothing was.
	bank *bankday
}

// paydaySum counts payouts with what arrives of them.
type paydaySum struct {
	n      int
	amount money.Minor
}

func (s *paydaySum) add(p payouts.Payout) { s.n, s.amount = s.n+1, s.amount+p.Amount }

func (s paydaySum) String() string { return fmt.Sprintf("%d (%s USD)", s.n, s.amount.Format("USD")) }

// paydayMost bounds what is read of each list: far more than the month has.
const paydayMost = 1000

// lookAtPayday reads the month.
func (g *story) lookAtPayday(ctx context.Context, book ledger.Book, last int64) (*payday, error) {
	m := &payday{begins: g.kept.Month, ends: g.kept.Month.AddDate(0, 0, paydayDays-1), runs: map[string]int{}, skipped: map[string]int{}, last: last}
	if g.kept.Present.After(m.ends) {
		m.ends = g.kept.Present
	}
	for _, event := range []struct {
		name  string
		count *int
	}{{"order.settled", &m.released}, {"reserve.applied", &m.applied}} {
		page, err := g.books.Transactions(ctx, book, ledger.TransactionQuery{Event: event.name, Limit: paydayMost})
		if err != nil {
			return nil, err
		}
		*event.count = len(page.Transactions)
	}
	if err := g.lookAtRuns(ctx, book, m); err != nil {
		return nil, err
	}
	list, err := g.payouts.Payouts(ctx, book, payouts.PayoutQuery{Limit: paydayMost})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		m.add(p)
	}
	page, err := g.books.Balances(ctx, book, ledger.BalanceQuery{AtSequence: last, Limit: paydayMost})
	if err != nil {
		return nil, err
	}
	for _, b := range page.Balances {
		m.hold(string(b.Account), b.Net())
	}
	m.bank, err = g.lookAtBankday(ctx)
	return m, err
}

func (g *story) lookAtRuns(ctx context.Context, book ledger.Book, m *payday) error {
	runs, err := g.payouts.Runs(ctx, book, payouts.RunQuery{Limit: paydayMost})
	if err != nil {
		return err
	}
	for _, r := range runs {
		m.runs[r.Trigger]++
		page, err := g.payouts.Decisions(ctx, book, payouts.DecisionQuery{Run: r.ID, Limit: paydayMost})
		if err != nil {
			return err
		}
		m.decided += len(page.Decisions)
		for _, d := range page.Decisions {
			if d.Verdict == payouts.VerdictSkip && len(d.Reasons) > 0 {
				m.skipped[d.Reasons[0]]++
			}
		}
	}
	return nil
}

// add counts a payout.
func (m *payday) add(p payouts.Payout) {
	if !p.ReleasedAt.IsZero() {
		m.approved++
	}
	if p.RetryOf != "" {
		m.again.add(p)
	}
	switch {
	case !p.ReturnedAt.IsZero():
		m.returned.add(p)
	case p.State == payouts.Paid:
		m.paid.add(p)
	case p.State == payouts.Failed:
		m.failed.add(p)
	case p.State != payouts.Cancelled:
		m.open.add(p)
	}
}

// hold adds up a balance that somebody has, an amount owed to it being positive.
func (m *payday) hold(account string, owed money.Minor) {
	parts := strings.Split(account, ":")
	if len(parts) < 4 || parts[0] != "liabilities" {
		return
	}
	switch {
	case parts[2] == "available" && owed < 0:
		m.debts -= owed
	case parts[2] == "available":
		m.waiting += owed
	case parts[2] == "blocked":
		m.blocked += owed
	case parts[2] == "minor_trust":
		m.trust += owed
	}
}

// write prints it.
func (m *payday) write(out io.Writer) {
	usd := func(a money.Minor) string { return a.Format("USD") + " USD" }
	fmt.Fprintf(out, "\nBook %s: a month of payouts and what came after it, %s to %s\n", paydayCode, m.begins.Format("2 January 2006"), m.ends.Format("2 January 2006"))
	if m.before {
		fmt.Fprintln(out, "  It was told before; since then its payouts go on by the machine's clock.")
	}
	var runs []string
	for _, trigger := range slices.Sorted(maps.Keys(m.runs)) {
		runs = append(runs, fmt.Sprintf("%d %s", m.runs[trigger], strings.ReplaceAll(trigger, "_", " ")))
	}
	fmt.Fprintf(out, "  released   %d orders; %d debts paid out of a reserve\n", m.released, m.applied)
	fmt.Fprintf(out, "  runs       %s, with %d decisions\n", strings.Join(runs, ", "), m.decided)
	fmt.Fprintf(out, "  paid       %s; two people agreed to %d payouts\n", m.paid, m.approved)
	var reasons []string
	for _, code := range slices.SortedFunc(maps.Keys(m.skipped), func(a, b string) int { return cmp.Or(m.skipped[b]-m.skipped[a], strings.Compare(a, b)) }) {
		reasons = append(reasons, fmt.Sprintf("%s %d", code, m.skipped[code]))
	}
	fmt.Fprintf(out, "  skipped    %s\n", strings.Join(reasons, ", "))
	fmt.Fprintf(out, "  failed     %s; returned %s; paid again %s\n", m.failed, m.returned, m.again)
	fmt.Fprintf(out, "  open       %s on the way; debts of %s, %s available, %s held by law, %s kept for minors\n",
		m.open, usd(m.debts), usd(m.waiting), usd(m.blocked), usd(m.trust))
	if m.bank != nil {
		m.bank.write(out)
	}
}
