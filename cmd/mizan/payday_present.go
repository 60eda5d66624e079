package main

// Payday up to the present: after its month the market goes on, more quietly, until the day on which somebody looks at it. So the
// calendar month that is over has its statements, and the present one its open days, something that waits and something on its way.

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts"
	"mizan/payouts/questions"
)

// paydayLately are the sellers who trade after the month.
var paydayLately = []string{"sel_ada", "sel_cora", "sel_dan"}

// latelyDays is how long before the present every day is told; before that, those on which something is paid.
const latelyDays = 4

// upToNow tells the days after the month. It ends before the present, so that the clock never stands in the future.
func (t *paydayTeller) upToNow(ctx context.Context) error {
	if t.kept.Present.IsZero() {
		return nil
	}
	for day := paydayDays; t.noon(day).Before(t.kept.Present); day++ {
		if err := t.dayAfter(ctx, day); err != nil {
			return err
		}
	}
	for _, a := range []storyAct{{Until: t.kept.Present}, {Release: true}} {
		if err := t.do(ctx, t.book, a); err != nil {
			return err
		}
	}
	if err := t.post(ctx, t.salesOf(paydayLately, t.today(), t.kept.Present)); err != nil {
		return err
	}
	if err := t.reliefRest(ctx); err != nil {
		return err
	}
	return t.follow(ctx)
}

// today is the number of the day of the present, counted from the month's first.
func (t *paydayTeller) today() (day int) {
	for day = paydayDays; t.noon(day).Before(t.kept.Present); day++ {
	}
	return day
}

// dayAfter is a day after the month, if anything is told of it: Mondays, on which creators are paid, Thursdays, the first of a month, and
// the last days.
func (t *paydayTeller) dayAfter(ctx context.Context, day int) error {
	noon, left := t.noon(day), t.today()-day
	told := noon.Weekday() == time.Monday || noon.Weekday() == time.Thursday || noon.Day() == 1 || left <= latelyDays
	if !told {
		return nil
	}
	// What lies between is passed over, but for the night before.
	for _, a := range []storyAct{{Leap: noon.Add(-22 * time.Hour)}, {Until: noon}, {Release: true}} {
		if err := t.do(ctx, t.book, a); err != nil {
			return err
		}
	}
	if left == 2 { // somebody looks at the returns again, and the seller is not paid meanwhile
		if err := t.do(ctx, t.book, storyAct{Hold: &storyHold{ID: "review-dan", Kind: "seller", Payee: "sel_dan", Effect: "pause", Category: "review", Case: "CASE-DAN"}}); err != nil {
			return err
		}
	}
	if err := t.post(ctx, append(t.arrivals(noon), t.salesOf(paydayLately, day, noon)...)); err != nil {
		return err
	}
	if left == 2 {
		if err := t.gifts(ctx, day); err != nil {
			return err
		}
	}
	return t.paperwork(ctx, day, noon)
}

// paperwork is what else there is to do on a day: the statements of a month that is over, and questions.
func (t *paydayTeller) paperwork(ctx context.Context, day int, noon time.Time) error {
	if noon.Day() == 1 {
		if _, err := t.statements.IssueDue(ctx, payouts.Turn{Book: t.book, Actor: guard.Actor{Kind: guard.System, ID: "payee_statements"}}); err != nil {
			return err
		}
	}
	switch day {
	case 10:
		return t.question(ctx, payouts.PayeeKey{Kind: "creator", ID: "cre_ivy"}, "PD-sel_ada-7", "My agency says it gets 20 %. Is that taken out of my commission on this order, or paid on top of it?",
			"It is taken out of your commission, as your contract with the agency says. The order shows both: your commission, and below it the agency's share.")
	case 16:
		return t.question(ctx, payouts.PayeeKey{Kind: "seller", ID: "sel_dan"}, "PD-sel_dan-1", "I was already paid for this order when the buyer sent it back. Where does the money for the refund come from?", "")
	}
	return nil
}

// question has a payee ask about an order, and somebody of finance answer unless the answer is empty.
func (t *paydayTeller) question(ctx context.Context, payee payouts.PayeeKey, order, text, answer string) error {
	q, err := t.questions.Ask(ctx, guard.Actor{Kind: guard.Payee, ID: payee.ID}, t.book,
		questions.Asking{Payee: payee, Reference: "about-" + order, About: questions.About{Kind: questions.AboutOrder, ID: order}, Text: text})
	if err != nil || answer == "" {
		return err
	}
	_, err = t.questions.Answer(ctx, storyClerk, t.book, q.ID, answer)
	if fault.CodeOf(err) == questions.ErrState.Code {
		return nil
	}
	return err
}

// follow has what follows the book read it to its end, so that its sums and receipts are there when somebody looks.
func (t *paydayTeller) follow(ctx context.Context) error {
	_, summed := t.earnings.Follow(ctx, t.book)
	_, given := t.receipts.Follow(ctx, t.book)
	_, _, bought := t.receipts.Make(ctx, t.book, paydayReceipts[1].subject)
	return errors.Join(summed, given, bought)
}

// paydayReceipts are what is public of the market: the receipts of a donor and of a buyer.
var paydayReceipts = []struct{ subject, who string }{{"donation:PD-gift-6-2", "donor"}, {"order:PD-sel_ada-7", "buyer"}}

// publicPages are the addresses of the market's public pages, by who looks at them; nothing where it was not told.
func (p *parts) publicPages(ctx context.Context, book ledger.Book) (list [][2]string, err error) {
	for _, r := range paydayReceipts {
		id, err := p.receipts.Of(ctx, book, r.subject)
		if err != nil {
			return nil, err
		}
		if id.ID != "" {
			list = append(list, [2]string{"a " + r.who + "'s receipt", "/r/" + id.ID})
		}
	}
	if len(list) > 0 {
		list = append(list, [2]string{"the campaign", "/c/" + receipts.CampaignID(book, reliefCampaign)})
	}
	return list, nil
}
