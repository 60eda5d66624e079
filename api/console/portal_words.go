package console

import (
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/locale"
	"mizan/payouts"
)

// What payees are told about their money, in their language.

// sum writes an amount with the code of its currency, as tables of the portal do.
func (t teller) sum(a amount) string {
	if a.Value == nil {
		return ""
	}
	if !a.Currency.Known() {
		return a.Value.String() + " " + string(a.Currency)
	}
	return t.SumFigure(a.Value, a.Currency) + " " + string(a.Currency)
}

// payoutState says how a payout stands, to whom it belongs.
func (t teller) payoutState(state string) stateWord {
	look, known := ownStates[state]
	if !known {
		return stateWord{}
	}
	return stateWord{t.say("pay.state." + state), look}
}

// ownState is the state of a payout as its payee is told it.
func (t teller) ownState(p payouts.Payout) stateWord {
	if !p.ReturnedAt.IsZero() {
		return t.payoutState(returned)
	}
	return t.payoutState(p.State)
}

// holdCategory says why money is on hold; nothing for what payees are not told.
func (t teller) holdCategory(category string) string {
	if key := "pay.hold." + category; phrases().Has(key) {
		return t.say(key)
	}
	return ""
}

// when says what makes money available.
func (t teller) when(act string) string { return t.word("pay.when", act) }

// reasons are the reasons of a decision in words, the most important first. Of what is particular to us payees are told the
// category of a hold, and no more.
func (t teller) reasons(d payouts.Decision, zone *time.Location) (list []toldReason) {
	for _, r := range d.Reasons {
		one := toldReason{Code: r.Code, Text: t.word("reason", r.Code), Detail: t.holdCategory(strings.ReplaceAll(r.Detail, " ", "_"))}
		if phrases().Has("reason." + r.Code) {
			amount, limit, at := t.say("reason.some_money"), t.say("reason.no_limit"), t.say("reason.later")
			if d.Currency.Known() && r.Amount != 0 {
				amount = t.Amount(r.Amount, d.Currency)
			}
			if d.Currency.Known() && r.Limit != 0 {
				limit = t.Amount(r.Limit, d.Currency)
			}
			if !r.At.IsZero() {
				at = t.Moment(r.At, zone)
			}
			one.Text = t.say("reason."+r.Code, "amount", amount, "limit", limit, "at", at)
		}
		if r.Change != "" && phrases().Has("change."+r.Change) {
			one.Change = t.say("change." + r.Change)
		}
		list = append(list, one)
	}
	return list
}

// secondPerson says why somebody else looks at a payment first.
func (t teller) secondPerson(codes []string) (list []string) {
	for _, code := range codes {
		list = append(list, t.say("second."+code))
	}
	return list
}

// undone says why nothing was done. What is wrong with a field is said in English alone; the others are told the whole.
func (t teller) undone(known *fault.Error) *notice {
	n := &notice{Heading: t.say("problem.undone"), Message: t.problem(known)}
	if t.Language == locale.English {
		return undone(known)
	}
	for _, f := range known.Fields {
		if key := "problem.field." + f.Code; phrases().Has(key) {
			n.Fields = append(n.Fields, t.say(key))
		}
	}
	return n
}
