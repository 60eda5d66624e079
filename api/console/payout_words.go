package console

import (
	"strconv"
	"strings"

	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Payouts in words: what codes mean, for people.

// stateWord is a state with the kind of its colour: good, warn, bad or none.
type stateWord struct{ Word, Look string }

// look is a state with the kind of its colour.
type look struct{ state, look string }

var payoutStates = []look{{payouts.Created, ""}, {payouts.Sending, "running"}, {payouts.Unknown, "open"}, {payouts.Refused, "refused"}, {payouts.Submitted, ""}, {payouts.AtAccount, "open"},
	{payouts.Paid, "done"}, {payouts.Failed, "failed"}, {payouts.Cancelled, ""}}

var runStates = []look{{payouts.RunPlanning, "running"}, {payouts.RunWaiting, "open"}, {payouts.RunReleased, "done"}, {payouts.RunRefused, "refused"}, {payouts.RunDone, "done"}}

// coded says a code by the words of a group, and the code itself where nobody wrote down what it means.
func (t teller) coded(group, code string) string {
	if key := group + "." + code; phrases().Has(key) {
		return t.say(key)
	}
	return strings.ReplaceAll(code, "_", " ")
}

// Word is coded for templates.
func (v view) Word(group, code string) string { return teller{v.Lang}.coded(group, code) }

// Word is coded for parts of pages.
func (x told) Word(group, code string) string { return teller{x.Lang}.coded(group, code) }

// payout says how a payout stands. One that came back is called so.
func (t teller) payout(p payouts.Payout) stateWord {
	switch {
	case !p.ReturnedAt.IsZero():
		return stateWord{t.say("paying.is.returned"), "failed"}
	case p.State == payouts.Created && p.NeedsPerson && p.ReleasedAt.IsZero():
		return stateWord{t.say("paying.is.waits"), "open"}
	}
	return t.step(p.State)
}

// step says a state of a payout, and run one of a run.
func (t teller) step(state string) stateWord { return t.looked("paying.is", state, payoutStates) }

func (t teller) run(state string) stateWord { return t.looked("paying.run_state", state, runStates) }

func (t teller) looked(group, state string, among []look) stateWord {
	w := stateWord{Word: t.coded(group, state)}
	for _, s := range among {
		if s.state == state {
			w.Look = s.look
		}
	}
	return w
}

// needs says why a second person has to look at a whole run.
func (t teller) needs(needs []string) (words []string) {
	for _, n := range needs {
		code, currency, _ := strings.Cut(n, ":")
		switch code {
		case payouts.NeedsManual:
			words = append(words, t.say("paying.needs.manual"))
		case payouts.NeedsTotal:
			words = append(words, t.say("paying.needs.total", "currency", currency))
		default:
			words = append(words, n)
		}
	}
	return words
}

// toldReason is a reason in words: what stands in the way, and what would change it.
type toldReason struct{ Code, Text, Detail, Change string }

// staffReasons are the reasons of a decision in words, the most important first, with the exact figures and all that is particular to us.
func (t teller) staffReasons(d payouts.Decision) (list []toldReason) {
	for _, r := range d.Reasons {
		one := toldReason{Code: r.Code, Text: r.Code, Detail: t.detail(r.Detail)}
		if key := "reason." + r.Code; phrases().Has(key) {
			amount, limit, at := t.say("reason.some_money"), t.say("reason.no_limit"), t.say("reason.later")
			if d.Currency.Known() && r.Amount != 0 {
				amount = string(d.Currency) + " " + r.Amount.Format(d.Currency)
			}
			if d.Currency.Known() && r.Limit != 0 {
				limit = string(d.Currency) + " " + r.Limit.Format(d.Currency)
			}
			if !r.At.IsZero() {
				at = r.At.UTC().Format("2006-01-02 15:04") + " UTC"
			}
			one.Text = t.say(key, "amount", amount, "limit", limit, "at", at)
		}
		if key := "change." + r.Change; r.Change != "" && phrases().Has(key) {
			one.Change = t.say(key)
		}
		list = append(list, one)
	}
	return list
}

// detail says what is particular to a reason: the category of a hold, whether the payee is known, or where the money is.
func (t teller) detail(detail string) string {
	if key := "portal.holding." + detail; t.Language != locale.English && phrases().Has(key) {
		return t.say(key)
	}
	if key := "payees.identity." + detail; phrases().Has(key) {
		return t.say(key)
	}
	return t.coded("payees.category", detail)
}

// reason is a reason's name, for lists of reasons to choose from.
func (t teller) reason(code string) string {
	if key := "paying.reason." + code; phrases().Has(key) {
		return t.say(key)
	}
	return strings.ReplaceAll(code, "-", " ")
}

// eventWords says an event: order.settled is "Order settled".
func eventWords(event string) string {
	text := strings.NewReplacer(".", " ", "_", " ").Replace(event)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// typed reads an amount that somebody typed; nothing is zero.
func typed(text string, c money.Currency) (money.Minor, error) {
	text = strings.ReplaceAll(strings.TrimSpace(text), ",", "")
	if text == "" {
		return 0, nil
	}
	return money.ParseAmount(text, c)
}

// terms say a policy's terms for each kind of payee.
func (t teller) terms(p *payouts.Policy) (lines []termLine) {
	for _, kind := range []string{payouts.KindSeller, payouts.KindCreator, payouts.KindAgency, payouts.KindPartner, payouts.KindCharity, payouts.KindGuardian} {
		terms, ok := p.Kinds[kind]
		if !ok {
			continue
		}
		demand := "paying.no"
		if terms.OnDemand {
			demand = "paying.yes"
		}
		lines = append(lines, termLine{Kind: kind, When: t.cadence(terms.Cadence), Demand: t.say(demand), Minimum: amountsOf(p, terms.Minimum)})
	}
	return lines
}

// cadence says on which days payees are paid.
func (t teller) cadence(c payouts.Cadence) string {
	switch {
	case c.Every == payouts.CadenceWeekly && c.Weekday >= 1 && c.Weekday <= 7:
		return t.say("paying.every.weekday_" + strconv.Itoa(c.Weekday))
	case c.Every == payouts.CadenceMonthly:
		return t.say("paying.every.monthly", "n", c.Day)
	}
	return t.coded("paying.every", c.Every)
}

// amountsOf writes a policy's amounts in the order of its currencies.
func amountsOf(p *payouts.Policy, amounts payouts.Amounts) string {
	var list []string
	for _, c := range p.Currencies {
		if m, ok := amounts[c]; ok {
			list = append(list, grouped(m.Format(c))+" "+string(c))
		}
	}
	return strings.Join(list, ", ")
}

// policyFacts say what of a policy holds for everybody.
func (t teller) policyFacts(p *payouts.Policy) []link {
	who := map[bool]string{true: "paying.fact.two", false: "paying.fact.one"}
	return []link{
		{t.say("paying.fact.run"), t.say("paying.fact.run.is", "time", p.Run, "zone", p.TimeZone)}, {t.say("paying.fact.cutoff"), p.Cutoff}, {t.say("paying.fact.maximum"), amountsOf(p, p.Maximum)},
		{t.say("paying.fact.four_eyes"), amountsOf(p, p.FourEyesAbove)}, {t.say("paying.fact.first"), t.say(who[p.FirstNeedsTwo])}, {t.say("paying.fact.manual"), t.say(who[p.ManualNeedsTwo])},
		{t.say("paying.fact.cooling"), t.say("paying.hours", "n", p.CoolingOffHours)}, {t.say("paying.fact.name"), t.coded("paying.name", p.NameMatch)}, {t.say("paying.fact.fee"), t.coded("paying.fee", p.FeeOnReturn)},
		{t.say("paying.fact.debt"), amountsOf(p, p.Debt.FreezeAbove)}, {t.say("paying.fact.write_off"), t.say("paying.days", "n", p.Debt.WriteOffDays)},
		{t.say("paying.fact.total"), t.say("paying.fact.total.is", "factor", p.RunTotal.Factor, "runs", p.RunTotal.Runs)},
	}
}
