package console

import (
	"context"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What a payee sees first: what needs its attention, and of each currency what can be paid out, when the next payout is and what it pays.

type ownHome struct {
	// Attention is what the payee should look at, nil if nothing needs it.
	Attention []ownNext
	// told are the reasons of decisions that stand there; first is set once a currency leads back to them.
	told  []string
	first bool
}

// homeOf reads what stands first on the page of a payee, and adds to the currencies of its card what is expected in each.
func (c *console) homeOf(ctx context.Context, book ledger.Book, card *payeeCard) (*ownHome, error) {
	if c.Payouts == nil || !isEarner(card.Kind) {
		return nil, nil
	}
	who, t := payouts.PayeeKey{Kind: card.Kind, ID: card.ID}, tellerOf(ctx)
	home := &ownHome{}
	if err := c.attentionOf(ctx, book, card, t, home); err != nil {
		return nil, err
	}
	way, err := c.Payouts.Way(ctx, book, who)
	if err != nil {
		return nil, err
	}
	w := orderWords{language: t.Language, zone: book.Location()}
	for i := range way.Currencies {
		one := card.in(string(way.Currencies[i].Currency))
		if err := c.homeIn(ctx, book, who, &way.Currencies[i], w, home, one); err != nil {
			return nil, err
		}
		if one.Next != "" && card.Pay != nil {
			card.Pay.NextDay = "" // told with its amount
		}
	}
	return home, nil
}

// in is what the card says of a currency, which it has from then on.
func (p *payeeCard) in(currency string) *payeeCurrency {
	i := slices.IndexFunc(p.Currencies, func(c payeeCurrency) bool { return c.Currency == currency })
	if i < 0 {
		i, p.Currencies = len(p.Currencies), append(p.Currencies, payeeCurrency{Currency: currency, Available: minor(0, money.Currency(currency))})
	}
	return &p.Currencies[i]
}

// homeIn adds to a currency when the next payout is, what stands in its way, and what was paid this month.
func (c *console) homeIn(ctx context.Context, book ledger.Book, who payouts.PayeeKey, in *payouts.WayIn, w orderWords, home *ownHome, one *payeeCurrency) error {
	w.currency = in.Currency
	one.Next = w.nextPayout(in.Next)
	if one.Owes {
		one.Story = narrowedTo("/portal/debts", "currency", one.Currency)
	}
	if next := in.Next; next.Expect == payouts.ExpectNone {
		above := false
		next.Decision.Reasons = slices.DeleteFunc(slices.Clone(next.Decision.Reasons), func(r payouts.Reason) bool {
			told := slices.Contains(home.told, r.Code)
			above = above || told
			return told || r.Code == payouts.ReasonNothing || r.Code == payouts.ReasonZero // what there is stands beside it
		})
		if one.Why = w.standsInTheWay(next); above && !home.first {
			one.Why, home.first = append([]string{w.say("home.first")}, one.Why...), true
		}
	}
	if in.Next.Expect == payouts.ExpectUnknown && in.Held["available"] > 0 {
		one.Why = []string{w.say("settings.none")}
	}
	y, m, _ := c.Now().In(book.Location()).Date()
	paid, known, err := c.Payouts.PaidSince(ctx, book, payouts.Holder{PayeeKey: who, Currency: in.Currency}, book.DayBegins(y, m, 1))
	if err == nil && known && paid != 0 { // what is on its way stands beside it
		one.Rest = append(one.Rest, payeeHolding{w.say("home.paid"), w.say("statement.figure.paid.note"), sumOf(paid, in.Currency)})
	}
	return err
}

// attentionOf adds the answers, holds and missing papers of a payee.
func (c *console) attentionOf(ctx context.Context, book ledger.Book, card *payeeCard, t teller, home *ownHome) error {
	add := func(text, to, more string) { home.Attention = append(home.Attention, ownNext{text, to, more}) }
	if c.Questions != nil {
		n, err := c.Questions.News(ctx, book, card.ID)
		if err != nil {
			return err
		}
		if n > 0 {
			add(t.say("home.answers", "count", n), "/portal/questions", t.say("question.all"))
		}
	}
	if card.Pay != nil {
		for _, category := range card.Pay.Holds {
			add(t.say("pay.on_hold", "category", category), "", "")
		}
		card.Pay.Holds = nil // told here
	}
	standing, err := c.Payouts.Standing(ctx, book, card.ID)
	if err != nil && !isMissing(err) {
		return err
	}
	if standing.Verification != payouts.IdentityVerified {
		add(t.say("home.identity"), "", "")
		home.told = append(home.told, payouts.ReasonUnverified)
	}
	ways, err := c.Payouts.Destinations(ctx, book, card.ID)
	if err != nil {
		return err
	}
	for _, d := range ways {
		if d.State == "active" {
			return nil
		}
	}
	add(t.say("settings.to.none"), "/portal/settings", t.say("settings.title"))
	home.told = append(home.told, payouts.ReasonNoDestination)
	return nil
}
