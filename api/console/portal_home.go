package console

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What a payee sees first: four figures as statements define them, the next payout, and what needs its attention.

type ownHome struct {
	Currencies []homeCurrency
	// Attention is what the payee should look at, nil if nothing needs it.
	Attention []ownNext
}

type homeCurrency struct {
	Currency string
	Figures  []ownStage
	Next     string
}

// homeOf reads what stands first on the page of a payee.
func (c *console) homeOf(ctx context.Context, book ledger.Book, card *payeeCard) (*ownHome, error) {
	if c.Payouts == nil || !isEarner(card.Kind) {
		return nil, nil
	}
	who, t := payouts.PayeeKey{Kind: card.Kind, ID: card.ID}, tellerOf(ctx)
	way, err := c.Payouts.Way(ctx, book, who)
	if err != nil {
		return nil, err
	}
	home, w := &ownHome{}, orderWords{language: t.Language, zone: book.Location()}
	for i := range way.Currencies {
		one, err := c.homeIn(ctx, book, who, &way.Currencies[i], w)
		if err != nil {
			return nil, err
		}
		home.Currencies = append(home.Currencies, one)
		if owed := -way.Currencies[i].Held["available"]; owed > 0 {
			w.currency = way.Currencies[i].Currency
			home.Attention = append(home.Attention, ownNext{w.say("home.debt", "amount", w.amount(owed)), narrowedTo("/portal/debts", "currency", string(w.currency)), w.say("debt.see")})
		}
	}
	return home, c.attentionOf(ctx, book, card, t, home)
}

// homeIn are the four figures in one currency.
func (c *console) homeIn(ctx context.Context, book ledger.Book, who payouts.PayeeKey, in *payouts.WayIn, w orderWords) (one homeCurrency, err error) {
	w.currency = in.Currency
	one = homeCurrency{Currency: string(in.Currency), Next: w.nextPayout(in.Next)}
	figure := func(key string, amount money.Minor) {
		one.Figures = append(one.Figures, ownStage{w.say("home." + key), w.say("home." + key + ".note"), w.amount(amount), amount < 0})
	}
	held := money.Minor(0)
	for _, bucket := range []string{"reserve", "dispute_hold", "blocked", "deposit", "commission_deposit", "minor_trust"} {
		held += in.Held[bucket]
	}
	figure("estimated", in.Held["pending"])
	figure("settled", in.Held["available"])
	figure("held", held)
	paid, err := c.paidThisMonth(ctx, book, payouts.Holder{PayeeKey: who, Currency: in.Currency}, in.Held["paying"], w)
	one.Figures = append(one.Figures, paid)
	return one, err
}

// paidThisMonth is what was paid since the month began as a statement of these days says it, with what is on its way.
func (c *console) paidThisMonth(ctx context.Context, book ledger.Book, h payouts.Holder, paying money.Minor, w orderWords) (ownStage, error) {
	y, m, _ := c.Now().In(book.Location()).Date()
	paid, known, err := c.Payouts.PaidSince(ctx, book, h, book.DayBegins(y, m, 1))
	one := ownStage{Word: w.say("home.paid"), Note: w.say("statement.figure.paid.note"), Amount: w.amount(paid), Minus: paid < 0}
	if !known {
		one.Amount, one.Note, one.Minus = "–", w.say("statement.figure.paid.unknown"), false
	}
	if paying != 0 {
		one.Note += " " + w.say("statement.figure.paying", "amount", w.amount(paying))
	}
	return one, err
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
	return nil
}
