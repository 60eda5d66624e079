package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts"
)

// The way of a payee's money: what waits and becomes available when, what the next payout is expected to pay and when, and if it
// is expected to pay nothing, why.

type ownMoneyPage struct {
	Payee, Orders, Waits, Decisions string
	Currencies                      []ownMoney
}

// ownMoney is the way of the money in one currency.
type ownMoney struct {
	Currency string
	// Stages are what waits, what is available and what is being paid, in this order.
	Stages []ownStage
	// Next says when the next payout is and what it is expected to pay, Why what stands in its way.
	Next string
	Why  []string
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

const (
	// waitsRead bounds what waits is read for the page, daysShown the days that are told one by one.
	waitsRead = 500
	daysShown = 10
)

func (c *console) moneyPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /portal/money", c.page("portal-money", c.ownMoney))
}

func (c *console) ownMoney(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	below := "/portal/payees/" + who.ID
	p := ownMoneyPage{Payee: who.ID, Orders: address("/portal/orders", at), Waits: below + "/waits", Decisions: below + "/decisions"}
	m := moneyOf{c: c, o: o, kind: who.Kind, language: tellerOf(ctx).Language, held: map[money.Currency]map[string]money.Minor{}}
	if err := m.read(ctx); err != nil {
		return answer{}, err
	}
	for _, currency := range o.book.Currencies {
		if len(m.held[currency]) > 0 || slices.ContainsFunc(m.waits, func(w payouts.Wait) bool { return w.Currency == currency }) {
			p.Currencies = append(p.Currencies, m.in(currency))
		}
	}
	return answer{Title: phrases().Say(m.language, "money.title"), Active: "money", Data: &p}, nil
}

// moneyOf is what is known of a payee's money.
type moneyOf struct {
	c        *console
	o        owner
	kind     string
	language locale.Language
	// held is what is in each bucket, by currency.
	held   map[money.Currency]map[string]money.Minor
	waits  []payouts.Wait
	more   bool
	policy *payouts.Policy
	now    time.Time
	holds  []payouts.Hold
	minor  bool
	// next is when the next payout run is, and could the money of each currency that can be in it.
	next    time.Time
	could   map[money.Currency]inNextRun
	debts   []payouts.Debt
	decided []payouts.Decided
}

// inNextRun is what a run can pay: of what is available, no more than was before the cut-off, and what becomes available until then.
type inNextRun struct {
	available money.Minor
	coming    payouts.Coming
}

// read reads all of it, each a bounded piece.
func (m *moneyOf) read(ctx context.Context) (err error) {
	book, payee, service := m.o.book, m.o.payee, m.c.Payouts
	m.now = m.c.Now()
	for bucket, path := range holdingPaths(m.kind) {
		balances, err := m.c.balancesAt(ctx, book, path+":"+payee)
		if err != nil {
			return err
		}
		for _, b := range balances {
			if m.held[b.Currency] == nil {
				m.held[b.Currency] = map[string]money.Minor{}
			}
			m.held[b.Currency][bucket] += b.Net()
		}
	}
	waits, err := service.Waits(ctx, book, payee, payouts.Wait{}, waitsRead+1)
	if err != nil {
		return err
	}
	if m.more = len(waits) > waitsRead; m.more {
		waits = waits[:waitsRead]
	}
	for _, w := range waits {
		if w.Kind == m.kind || m.kind == payouts.KindCharity && !isEarner(w.Kind) {
			m.waits = append(m.waits, w)
		}
	}
	if !isEarner(m.kind) {
		return nil
	}
	if m.policy, err = service.PolicyFor(ctx, book, payee, m.now); err != nil && !isRefusal(err) {
		return err
	}
	if m.holds, err = service.HoldsOf(ctx, book, payee); err != nil {
		return err
	}
	registered, err := m.c.Commerce.Payee(ctx, book, payee)
	if err != nil && !isMissing(err) {
		return err
	}
	m.minor = registered.Minor
	if err := m.readNext(ctx); err != nil {
		return err
	}
	key := payouts.PayeeKey{Kind: m.kind, ID: payee}
	if m.debts, err = service.DebtsOf(ctx, book, key); err != nil {
		return err
	}
	m.decided, _, err = m.c.decidedAbout(ctx, book, key, "", decisionsPerPage)
	return err
}

// readNext reads what the next run can pay.
func (m *moneyOf) readNext(ctx context.Context) error {
	if m.policy == nil {
		return nil
	}
	if m.next = m.policy.NextRun(m.kind, m.now); m.next.IsZero() {
		return nil
	}
	cutOff, err := m.policy.CutoffOn(m.policy.LocalDate(m.next))
	if err != nil {
		return err
	}
	m.could = map[money.Currency]inNextRun{}
	for _, currency := range m.o.book.Currencies {
		could := inNextRun{available: m.held[currency]["available"]}
		if !cutOff.After(m.now) { // what came after the cut-off is for the run after the next
			own := ledger.Address("liabilities:" + m.kind + ":available:" + m.o.payee)
			page, err := m.c.Ledger.Balances(ctx, m.o.book, ledger.BalanceQuery{Prefix: string(own), Currency: currency, AsOf: cutOff.Add(-time.Microsecond), Limit: 1})
			if err != nil {
				return err
			}
			before := money.Minor(0)
			for _, b := range page.Balances {
				if b.Account == own {
					before = b.Net()
				}
			}
			could.available = min(could.available, before)
		} else {
			holder := payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: m.kind, ID: m.o.payee}, Currency: currency}
			if could.coming, err = m.c.Payouts.Coming(ctx, m.o.book, holder, cutOff); err != nil {
				return err
			}
		}
		m.could[currency] = could
	}
	return nil
}

// paused reports whether a hold stops the payee's payouts in the currency. One of an amount has moved its money and stops nothing else.
func (m *moneyOf) paused(currency money.Currency) bool {
	return slices.ContainsFunc(m.holds, func(h payouts.Hold) bool {
		return h.Kind == m.kind && h.ReleasedAt.IsZero() && (h.Currency == "" || h.Currency == currency) && (h.Effect == payouts.EffectPause || h.Effect == payouts.EffectEverything)
	})
}

// in tells the way of the money in one currency.
func (m *moneyOf) in(currency money.Currency) ownMoney {
	w := orderWords{m.language, currency, m.o.book.Location()}
	held := m.held[currency]
	out := ownMoney{Currency: string(currency), More: m.more}
	stage := func(key string, amount money.Minor, always bool) {
		if amount != 0 || always {
			out.Stages = append(out.Stages, ownStage{w.say("money." + key), w.say("money." + key + ".note"), w.amount(amount), amount < 0})
		}
	}
	stage("pending", held["pending"], true)
	if held["available"] < 0 {
		stage("owed", held["available"], true)
	} else {
		stage("available", held["available"], true)
	}
	stage("paying", held["paying"], true)
	stage("reserve", held["reserve"], false)
	stage("dispute_hold", held["dispute_hold"], false)
	stage("blocked", held["blocked"], false)
	out.Coming = w.coming(m.waits, false)
	out.Kept = w.coming(m.waits, true)
	out.Gross = len(out.Coming) > 0 && m.keepsBack()
	m.expected(&out, w)
	for _, d := range m.debts {
		if d.Currency == currency {
			out.Why = append(out.Why, w.say("money.debt", "amount", w.amount(d.Amount), "day", w.day(d.Since)))
		}
	}
	for _, d := range m.decided {
		if d.Holder.Currency != currency {
			continue
		}
		key := "money.last.none"
		switch {
		case d.Verdict == payouts.VerdictPay:
			key = "money.last.paid"
		case !d.LookAt.IsZero():
			key = "money.last.again"
		}
		out.Last = w.say(key, "day", w.day(d.At), "amount", w.amount(d.Amount), "again", w.day(d.LookAt))
		break
	}
	return out
}

// keepsBack reports whether a part of what becomes available may be kept: a seller's reserve, a minor's trust.
func (m *moneyOf) keepsBack() bool { return m.kind == payouts.KindSeller || m.minor }

// expected tells the next payout, as far as it can be known: what is available, and what becomes available before the cut-off of its run.
func (m *moneyOf) expected(out *ownMoney, w orderWords) {
	if m.next.IsZero() {
		return
	}
	could := m.could[w.currency]
	sum := could.available + could.coming.Amount
	least, bounded := m.policy.Kinds[m.kind].Minimum[w.currency]
	next := "money.next.expected"
	switch {
	case m.paused(w.currency):
		out.Next = w.say("money.next.paused")
		return
	case could.coming.More:
		next = "money.next.many"
	case sum <= 0:
		next = "money.next.nothing"
	case bounded && sum < least:
		next = "money.next.below"
	case could.coming.Count > 0 && m.keepsBack():
		next = "money.next.upto"
	}
	out.Next = w.say(next, "day", w.day(m.next), "amount", w.amount(sum), "minimum", w.amount(least))
}

// coming adds up what waits by day: the earliest days one by one, the later ones together, and last what has no day yet.
func (w orderWords) coming(waits []payouts.Wait, reserves bool) (list []ownComing) {
	type day struct {
		at    time.Time
		sum   money.Minor
		count int
	}
	var days []day
	for _, x := range waits {
		if x.Currency != w.currency || (x.Act == "reserve") != reserves {
			continue
		}
		at := x.DueAt
		if x.Gated { // whatever its time, nobody knows the day
			at = time.Time{}
		}
		if !at.IsZero() {
			y, m, d := at.In(w.zone).Date()
			at = time.Date(y, m, d, 0, 0, 0, 0, w.zone)
		}
		i := slices.IndexFunc(days, func(d day) bool { return d.at.Equal(at) })
		if i < 0 {
			i, days = len(days), append(days, day{at: at})
		}
		days[i].sum, days[i].count = days[i].sum+x.Amount, days[i].count+1
	}
	slices.SortStableFunc(days, func(a, b day) int {
		switch {
		case a.at.IsZero() == b.at.IsZero():
			return a.at.Compare(b.at)
		case a.at.IsZero():
			return 1
		}
		return -1
	})
	later := day{}
	add := func(d day, text string) {
		list = append(list, ownComing{text, w.say("money.orders", "count", d.count), w.amount(d.sum), d.sum < 0})
	}
	for i, d := range days {
		switch {
		case d.at.IsZero():
			if later.count > 0 {
				add(later, w.say("money.later"))
			}
			later = day{}
			add(d, w.say("money.no_day"))
		case i < daysShown:
			add(d, w.day(d.at))
		default:
			later.sum, later.count = later.sum+d.sum, later.count+d.count
		}
	}
	if later.count > 0 {
		add(later, w.say("money.later"))
	}
	return list
}
