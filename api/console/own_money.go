package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mizan/ledger/money"
	"mizan/payouts"
)

// The way of a payee's money: what waits and becomes available when, what the next payout is expected to pay and when, and if it
// is expected to pay nothing, why.

type ownMoneyPage struct {
	Payee, Kind, Orders, Waits, Decisions string
	Currencies                            []ownMoney
}

// ownMoney is the way of the money in one currency.
type ownMoney struct {
	Currency string
	// Stages are what waits, what is available and what is being paid, in this order.
	Stages []ownStage
	// Next says when the next payout is and what it is expected to pay, Why what stands in its way.
	Next string
	Why  []string
	// Debt leads to where a debt came from, empty if there was none; Owes says that there is one.
	Debt string
	Owes bool
	// Coming is what becomes available by day, Kept the reserves by the day they end.
	Coming, Kept []ownComing
	// Gross says that a part of what is coming is kept back when it comes; More that not all of it is told.
	Gross, More bool
	// Last is what was decided last.
	Last string
}

type ownStage struct {
	Word, Note, Amount string
	Minus              bool
}

// ownComing is what a day brings.
type ownComing struct {
	Day, Note, Amount string
	Minus             bool
}

// daysShown is how many days are told one by one.
const daysShown = 10

func (c *console) moneyPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /portal/money", c.page("portal-money", c.ownMoney))
	mux.HandleFunc("GET /portal/debts", c.page("portal-debt", c.ownDebt))
	mux.HandleFunc("GET /portal/settings", c.page("portal-settings", c.ownSettings))
}

func (c *console) ownMoney(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	below := "/portal/payees/" + who.ID
	p := ownMoneyPage{Payee: who.ID, Kind: who.Kind, Orders: address("/portal/orders", at), Waits: below + "/waits", Decisions: below + "/decisions"}
	way, err := c.Payouts.Way(ctx, o.book, payouts.PayeeKey{Kind: who.Kind, ID: who.ID})
	if err != nil {
		return answer{}, err
	}
	w := orderWords{language: tellerOf(ctx).Language, zone: o.book.Location(), kind: who.Kind}
	for i := range way.Currencies {
		one := w.money(&way.Currencies[i])
		if err := c.debtIn(ctx, o, who, &way.Currencies[i], at, &one); err != nil {
			return answer{}, err
		}
		p.Currencies = append(p.Currencies, one)
	}
	return answer{Title: w.say("money.title"), Active: "money", Data: &p}, nil
}

// debtIn leads to where the debt in a currency came from, if there is one or was one.
func (c *console) debtIn(ctx context.Context, o owner, who payouts.PayeeKey, in *payouts.WayIn, at url.Values, one *ownMoney) error {
	if !isEarner(who.Kind) {
		return nil
	}
	one.Owes = in.Held["available"] < 0
	had := one.Owes || len(in.Debts) > 0
	if !had {
		story, err := c.Payouts.DebtStory(ctx, o.book, payouts.Holder{PayeeKey: who, Currency: in.Currency})
		if err != nil {
			return err
		}
		had = len(story.Entries) > 0
	}
	if had {
		one.Debt = narrowedTo("/portal/debts", "payee", at.Get("payee"), "currency", one.Currency)
	}
	return nil
}

// money tells the way of the money in one currency.
func (w orderWords) money(in *payouts.WayIn) ownMoney {
	w.currency = in.Currency
	out := ownMoney{Currency: string(in.Currency), More: in.More, Gross: in.Gross, Coming: w.days(in.Coming), Kept: w.days(in.Kept), Next: w.nextPayout(in.Next)}
	stage := func(key string, amount money.Minor, always bool) {
		if amount != 0 || always {
			out.Stages = append(out.Stages, ownStage{w.say("money." + key), w.say("money." + key + ".note"), w.amount(amount), amount < 0})
		}
	}
	stage("pending", in.Held["pending"], true)
	if in.Held["available"] < 0 {
		stage("owed", in.Held["available"], true)
	} else {
		stage("available", in.Held["available"], true)
	}
	if n := len(out.Stages) - 1; in.Next.Decision.Verdict != payouts.VerdictPay && in.Held["available"] > 0 {
		out.Stages[n].Note = w.say("portal.holding.available.note") // the next payout does not pay it
	}
	stage("paying", in.Held["paying"], true)
	stage("reserve", in.Held["reserve"], false)
	stage("dispute_hold", in.Held["dispute_hold"], false)
	stage("blocked", in.Held["blocked"], false)
	out.Why = w.standsInTheWay(in.Next)
	for _, d := range in.Debts {
		out.Why = append(out.Why, w.say("money.debt", "amount", w.amount(d.Amount), "day", w.day(d.Since)))
	}
	if d := in.Last; d != nil {
		key, state, t := "money.last.none", "", teller{w.language}
		switch {
		case in.LastPaid():
			key = "money.last.paid"
		case d.Verdict == payouts.VerdictPay && in.LastRun == payouts.RunRefused: // not paid, and nobody knows when
		case d.Verdict == payouts.VerdictPay:
			key, state = "money.last.stands", t.payoutState(payouts.Created).Word
			if len(in.Made) > 0 {
				state = w.payoutsStand(in.Made, func(p payouts.Payout) string { return t.ownState(p).Word })
			}
		case !d.LookAt.IsZero():
			key = "money.last.again"
		}
		out.Last = w.say(key, "day", w.day(d.At), "amount", w.amount(d.Amount), "again", w.day(d.LookAt), "state", state)
	}
	return out
}

// nextPayout says when the next payout is, and what it is expected to pay.
func (w orderWords) nextPayout(n payouts.NextPayout) string {
	switch n.Expect {
	case payouts.ExpectUnknown:
		return ""
	case payouts.ExpectNone:
		return w.say("statement.next.none", "day", w.day(n.At))
	}
	return w.say("money.next."+n.Expect, "day", w.day(n.At), "amount", w.amount(n.Amount), "minimum", w.amount(n.Minimum))
}

// standsInTheWay are the reasons why the next payout pays nothing, with what would change each, where its own sentence does not say it.
func (w orderWords) standsInTheWay(n payouts.NextPayout) (list []string) {
	if n.Decision.Verdict == payouts.VerdictPay {
		return nil
	}
	for _, r := range w.reasonsBeside(n) {
		if r.Code != payouts.ReasonDebt { // told with its day
			list = append(list, strings.TrimSpace(r.Text+" "+r.Change))
		}
	}
	return list
}

// reasonsBeside are the reasons of the decision about the next payout, without those that its own sentence says.
func (w orderWords) reasonsBeside(n payouts.NextPayout) []toldReason {
	return slices.DeleteFunc(teller{w.language}.reasons(n.Decision, w.zone), func(r toldReason) bool {
		return r.Code == payouts.ReasonPaused && n.Expect == payouts.ExpectPaused || r.Code == payouts.ReasonBelowMinimum && n.Expect == payouts.ExpectBelow ||
			(r.Code == payouts.ReasonZero || r.Code == payouts.ReasonNothing) && n.Expect == payouts.ExpectNothing
	})
}

// days tells the earliest days one by one, the later ones together, and last what has no day yet.
func (w orderWords) days(days []payouts.WayDay) (list []ownComing) {
	later := payouts.WayDay{}
	add := func(d payouts.WayDay, text string) {
		list = append(list, ownComing{text, w.say("money.orders", "count", d.Count), w.amount(d.Amount), d.Amount < 0})
	}
	for i, d := range days {
		switch {
		case d.At.IsZero():
			if later.Count > 0 {
				add(later, w.say("money.later"))
			}
			later = payouts.WayDay{}
			add(d, w.say("money.no_day"))
		case i < daysShown:
			add(d, w.day(d.At))
		default:
			later.Amount, later.Count = later.Amount+d.Amount, later.Count+d.Count
		}
	}
	if later.Count > 0 {
		add(later, w.say("money.later"))
	}
	return list
}
