package console

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/payouts"
	"mizan/payouts/questions"
)

// What support is asked about a payee: whether it was paid last, why not, and what the next run is expected to do. It stands first on
// the page of a payee.

// payeeAnswer is that in one currency.
type payeeAnswer struct {
	Currency string
	// Last says what was decided last, with its reasons and the way to the decision.
	Last, Link, Again string
	Reasons           []toldReason
	// Next says what the next run is expected to do, NextReasons why it is expected to pay nothing, or not all.
	Next        string
	NextReasons []toldReason
}

// answersOf adds what was decided last in each currency, and what is expected next.
func (c *console) answersOf(ctx context.Context, who cashier, p *payeePage) error {
	if !isEarner(p.Payee.Kind) {
		return nil
	}
	way, err := c.Payouts.Way(ctx, who.book, payouts.PayeeKey{Kind: p.Payee.Kind, ID: p.ID})
	if err != nil {
		return err
	}
	t := who.t
	for _, in := range way.Currencies {
		w := orderWords{language: t.Language, currency: in.Currency, zone: who.book.Location()}
		a := payeeAnswer{Currency: string(in.Currency), Last: t.say("runs.last.none"), Next: t.say("runs.next.none")}
		if in.Last != nil {
			lines, err := c.decisionLines(who, []payouts.Decided{*in.Last}, true)
			if err != nil {
				return err
			}
			l := lines[0]
			a.Link = l.Link
			var decision payouts.Decision
			if err := json.Unmarshal(in.Last.Decision, &decision); err != nil {
				return err
			}
			a.Reasons = t.staffReasons(decision)
			if a.Last = t.say("runs.last.unpaid", "day", w.day(in.Last.At)); l.Pays {
				a.Last = w.lastPaying(t, &in)
			} else if !in.Last.LookAt.IsZero() {
				a.Again = t.say("runs.again", "day", w.day(in.Last.LookAt))
			}
		}
		if in.Next.Expect != payouts.ExpectUnknown {
			if a.NextReasons = t.staffReasons(in.Next.Decision); in.Next.Decision.Verdict == payouts.VerdictPay {
				a.Next = w.nextPayout(in.Next)
			} else {
				a.Next = t.say("statement.next.none", "day", w.day(in.Next.At))
			}
			if sameReasons(a.Reasons, a.NextReasons) {
				a.NextReasons = nil // they stand above
			}
		}
		p.Answers = append(p.Answers, a)
	}
	return nil
}

// lastPaying says what became of the last decision where it was to pay.
func (w orderWords) lastPaying(t teller, in *payouts.WayIn) string {
	key, state := "runs.last.stands", t.run(in.LastRun).Word
	switch {
	case in.LastPaid():
		key = "runs.last.paid"
	case in.LastRun == payouts.RunRefused:
		key = "runs.last.refused"
	case in.LastRun != payouts.RunWaiting && len(in.Made) > 0:
		state = w.payoutsStand(in.Made, func(p payouts.Payout) string { return t.payout(p).Word })
	}
	return t.say(key, "day", w.day(in.Last.At), "amount", w.amount(in.Last.Amount), "state", state)
}

// payoutsStand says how the payouts of one decision stand: in one word if all stand alike, else each with its amount.
func (w orderWords) payoutsStand(list []payouts.Payout, word func(payouts.Payout) string) string {
	first, alike, each := word(list[0]), true, []string{}
	for _, p := range list {
		alike, each = alike && word(p) == first, append(each, w.amount(p.Amount)+" "+word(p))
	}
	if alike {
		return first
	}
	return strings.Join(each, "; ")
}

// sameReasons reports whether both lists name the same reasons in the same order.
func sameReasons(a, b []toldReason) bool {
	return slices.EqualFunc(a, b, func(x, y toldReason) bool { return x.Code == y.Code })
}

// questionsAsked bounds the questions that the page of a payee shows.
const questionsAsked = 5

// askedBy adds what the payee asked last.
func (c *console) askedBy(ctx context.Context, who cashier, p *payeePage) error {
	if c.Questions == nil {
		return nil
	}
	list, err := c.Questions.Of(ctx, who.book, p.ID, questions.Question{}, questionsAsked)
	for _, q := range list {
		p.Asked = append(p.Asked, inboxLineOf(tellerOf(ctx), who, q))
	}
	return err
}

// askOverride asks a second person for other terms for the payee. Nothing written ends what was agreed.
func (c *console) askOverride(ctx context.Context, who cashier, r *http.Request) (string, error) {
	f := r.PostForm
	from, err := time.Parse("2006-01-02T15:04", strings.TrimSpace(f.Get("from")))
	if err != nil {
		return "", payouts.ErrPolicyInvalid.At("/valid_from", "date-time", "Write from when it holds as a day and a time, such as 2026-12-01T00:00, in UTC.")
	}
	after, err := strconv.Atoi(f.Get("after"))
	if err != nil || after < 0 {
		return "", errFormRead
	}
	text := strings.TrimSpace(f.Get("terms"))
	if text == "" {
		text = "{}"
	}
	return c.asked(ctx, who, payouts.ActOverride, map[string]any{"payee": r.PathValue("payee"), "after": after, "valid_from": from, "document": text}, f)
}
