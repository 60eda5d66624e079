package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Where a payee's debt came from, and what paid it off: the orders, charges and payouts by which its balance fell below zero and came
// back, each leading to its own page.

type ownDebtPage struct {
	Payee, Money string
	Owed, Over   string
	Entries      []ownDebtEntry
	More         bool
}

type ownDebtEntry struct {
	Word, Day, Way  string
	Subject, Link   string
	Amount, Balance string
	Minus           bool
}

// debtOfOrder adds what an order had to do with the last debt of its payee: what it took below zero, or what of it paid that back. Only
// an order of which something was taken or settled can have had.
func (c *console) debtOfOrder(ctx context.Context, o owner, who payouts.PayeeKey, share payouts.Share, w orderWords, p *ownOrderPage, at url.Values) error {
	moved := func(m commerce.OwnMove) bool { return m.Net < 0 || m.Freed > 0 }
	if !isEarner(who.Kind) || !slices.ContainsFunc(share.Moves, moved) {
		return nil
	}
	story, err := c.Payouts.DebtStory(ctx, o.book, payouts.Holder{PayeeKey: who, Currency: share.Currency})
	if err != nil {
		return err
	}
	took, gave := story.Of("order:" + share.Order)
	see := narrowedTo("/portal/debts", "payee", at.Get("payee"), "currency", string(share.Currency))
	if took > 0 {
		p.Next = append(p.Next, ownNext{w.say("debt.order.took", "amount", w.amount(took)), see, w.say("debt.see")})
	}
	if gave > 0 {
		p.Next = append(p.Next, ownNext{w.say("debt.order.gave", "amount", w.amount(gave)), see, w.say("debt.see")})
	}
	return nil
}

func (c *console) ownDebt(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	currency := money.Currency(r.URL.Query().Get("currency"))
	if currency == "" {
		if currency, err = c.Payouts.PaidIn(ctx, o.book, who.ID); err != nil {
			return answer{}, err
		}
	}
	if !o.book.Uses(currency) {
		return answer{}, errQuery
	}
	t := tellerOf(ctx)
	w := orderWords{t.Language, currency, o.book.Location(), who.Kind}
	p := ownDebtPage{Payee: who.ID, Money: address("/portal/money", at)}
	out := answer{Title: t.say("debt.title"), Active: "money", Data: &p}
	if !isEarner(who.Kind) {
		return out, nil
	}
	story, err := c.Payouts.DebtStory(ctx, o.book, payouts.Holder{PayeeKey: who, Currency: currency})
	if err != nil {
		return answer{}, err
	}
	p.More = story.More
	switch {
	case story.Owed > 0:
		p.Owed = w.amount(story.Owed)
	case !story.Over.IsZero():
		p.Over = w.say("debt.over", "day", w.day(story.Over))
	}
	for _, e := range story.Entries {
		one := ownDebtEntry{Word: t.word("event", e.Event), Day: w.day(e.At), Amount: w.amount(e.Amount), Minus: e.Amount < 0, Way: w.say("debt.gave"), Balance: w.say("debt.balance", "amount", w.amount(e.Balance))}
		if one.Minus {
			one.Way = w.say("debt.took")
		}
		if id, ok := strings.CutPrefix(e.Subject, "order:"); ok {
			one.Subject, one.Link = w.say("question.about.order", "id", id), address("/portal/orders/"+id, at)
		} else if id, ok := strings.CutPrefix(e.Subject, "payout:"); ok && strings.HasPrefix(id, "po_") {
			one.Subject, one.Link = w.say("question.about.payout", "id", id), "/portal/payouts/"+id
		}
		p.Entries = append(p.Entries, one)
	}
	return out, nil
}
