package console

import (
	"context"
	"time"

	"mizan/ledger/money"
	"mizan/payouts"
)

// What an approver looks at before they release a run: how it is beside the usual, which payouts stand out, why others are not
// paid, and how far the payouts are. The API answers the same.

// sumsLine are the figures of a run in one currency.
type sumsLine struct {
	Payouts            int64
	Sum, Mean, Largest amount
}

func sumsOf(f payouts.RunFigures, c money.Currency) sumsLine {
	return sumsLine{f.Payouts, sumOf(f.Sum, c), sumOf(f.Mean, c), sumOf(f.Largest, c)}
}

// earlierLine is an earlier run with its figures.
type earlierLine struct {
	ID, Link string
	Planned  time.Time
	sumsLine
}

// besideTotal is a run in one currency beside the usual.
type besideTotal struct {
	Currency    string
	This, Usual sumsLine
	// Times says how many times the usual it is, empty without any; Many that this is far above it.
	Times   string
	Many    bool
	Earlier []earlierLine
}

// outlierLine is a payout that somebody should look at.
type outlierLine struct {
	Holder        payouts.Holder
	Link          string
	Amount, Usual amount
	Runs          int
	Times         string
	// Why are words of the group runs.why; Changed is the day on which the destination changed.
	Why     []string
	Changed string
}

// reasonLine is why a run does not pay, with how many payees.
type reasonLine struct {
	Word, Link, Currency string
	Payees               int64
	Amount               amount
	Here                 bool
}

// runBeside is a run beside the usual, as its page tells it.
type runBeside struct {
	Totals   []besideTotal
	Outliers []outlierLine
	Looked   int
	More     bool
}

// manyTimes is from how many tenths of the usual on a run is marked: its policy may ask for a second person later or sooner.
const manyTimes = 20

// tenths writes tenths as a number with one decimal; nothing for 0.
func tenths(n int64) string {
	if n == 0 {
		return ""
	}
	return thousands(n/10) + "." + thousands(n%10)
}

// comparedTo adds how the run is beside the usual.
func (c *console) comparedTo(ctx context.Context, who cashier, p *payoutRunPage) error {
	found, err := c.Payouts.Compare(ctx, who.book, p.Run.ID)
	if err != nil {
		return err
	}
	p.Beside = runBeside{Looked: found.Looked, More: found.More}
	for _, t := range found.Totals {
		x := besideTotal{Currency: string(t.Currency), This: sumsOf(t.RunFigures, t.Currency), Usual: sumsOf(t.Usual, t.Currency), Times: tenths(t.Tenths), Many: t.Tenths >= manyTimes}
		for _, e := range t.Earlier {
			x.Earlier = append(x.Earlier, earlierLine{e.ID, who.o.At + "/payout-runs/" + e.ID, e.Planned, sumsOf(e.RunFigures, t.Currency)})
		}
		p.Beside.Totals = append(p.Beside.Totals, x)
	}
	t := who.t
	for _, o := range found.Outliers {
		x := outlierLine{Holder: o.Holder, Link: who.o.At + "/payees/" + o.Holder.ID, Amount: sumOf(o.Amount, o.Holder.Currency), Usual: sumOf(o.Usual, o.Holder.Currency), Runs: o.Runs,
			Times: tenths(o.Tenths), Changed: t.day(o.Changed, who.book.Location())}
		if o.Changed.IsZero() && !o.InEffect.IsZero() {
			x.Changed = t.day(o.InEffect, who.book.Location())
		}
		for _, why := range o.Why {
			if why == payouts.OutlierDestination && o.Changed.IsZero() {
				why = "destination_since"
			}
			x.Why = append(x.Why, t.say("runs.why."+why, "day", x.Changed))
		}
		p.Beside.Outliers = append(p.Beside.Outliers, x)
	}
	return nil
}

// reasonsCounted adds why the run does not pay, with how many payees for each reason.
func (c *console) reasonsCounted(ctx context.Context, who cashier, p *payoutRunPage) error {
	list, whole, err := c.Payouts.RunReasons(ctx, who.book, p.Run.ID)
	p.Uncounted = !whole
	for _, r := range list[:min(len(list), reasonsShown)] {
		p.Counted = append(p.Counted, reasonLine{Word: who.t.reason(r.Reason), Link: narrowedTo(p.Run.Link, "verdict", payouts.VerdictSkip, "reason", r.Reason) + "#decisions", Currency: string(r.Currency),
			Payees: r.Payees, Amount: sumOf(r.Amount, r.Currency), Here: r.Reason == p.Reason})
	}
	return err
}

// reasonsShown bounds the reasons that a page counts.
const reasonsShown = 60

// reachedLine is how many payouts of a run stand somewhere.
type reachedLine struct {
	stateWord
	Count int64
}

// reached are the states in which payouts of a run are.
func (t teller) reached(p payouts.Progress) (list []reachedLine) {
	for _, x := range []struct {
		state string
		count int64
	}{{"", p.Waiting}, {payouts.Created, p.Left - p.Waiting - p.Sending - p.Unknown - p.Refused}, {payouts.Sending, p.Sending}, {payouts.Unknown, p.Unknown}, {payouts.Refused, p.Refused},
		{payouts.Submitted, p.InTransit}, {payouts.Paid, p.Paid}, {payouts.Failed, p.Failed}, {payouts.Cancelled, p.Cancelled}} {
		switch {
		case x.count == 0:
		case x.state == "":
			list = append(list, reachedLine{stateWord{t.say("paying.is.waits"), "open"}, x.count})
		default:
			list = append(list, reachedLine{t.step(x.state), x.count})
		}
	}
	return list
}

// refreshSeconds is how often a page that somebody follows is read again.
const refreshSeconds = 30

// followed adds whether the page can be read again by itself, and is. It is while payouts go on by themselves, and never while the
// page has a form in which somebody may be typing.
func (p *payoutRunPage) followed(asked string) (refresh int) {
	moves := p.Run.Run.State == payouts.RunPlanning || p.Progress.Left > p.Progress.Waiting || p.Progress.InTransit > 0
	if !moves || p.MayRelease || p.MayRefuse {
		return 0
	}
	if p.Following = asked == "yes"; p.Following {
		p.Follow = p.Run.Link
		return refreshSeconds
	}
	p.Follow = p.Run.Link + "?follow=yes"
	return 0
}
