package console

import (
	"strconv"
	"strings"
	"time"

	"mizan/ledger/money"
	"mizan/payouts"
)

// Payouts in words: what codes mean, for people.

// stateWord is a state with the kind of its colour: good, warn, bad or none.
type stateWord struct{ Word, Look string }

var payoutStates = []struct {
	state string
	stateWord
}{
	{payouts.Created, stateWord{"set apart", ""}}, {payouts.Sending, stateWord{"being sent", "running"}}, {payouts.Unknown, stateWord{"not known", "open"}},
	{payouts.Refused, stateWord{"refused", "refused"}}, {payouts.Submitted, stateWord{"on its way", ""}}, {payouts.AtAccount, stateWord{"at the account", "open"}},
	{payouts.Paid, stateWord{"paid", "done"}}, {payouts.Failed, stateWord{"failed", "failed"}}, {payouts.Cancelled, stateWord{"cancelled", ""}},
}

// wordOf says a payout's state. One that came back is called so.
func wordOf(p payouts.Payout) stateWord {
	switch {
	case !p.ReturnedAt.IsZero():
		return stateWord{"returned", "failed"}
	case p.State == payouts.Created && p.NeedsPerson && p.ReleasedAt.IsZero():
		return stateWord{"waits for a second person", "open"}
	}
	return stepWord(p.State)
}

func stepWord(state string) stateWord {
	for _, s := range payoutStates {
		if s.state == state {
			return s.stateWord
		}
	}
	return stateWord{strings.ReplaceAll(state, "_", " "), ""}
}

// stateMeanings say what a state means for the money.
var stateMeanings = map[string]string{
	payouts.Created:   "The money is set apart. Nothing was sent.",
	payouts.Sending:   "It is being sent.",
	payouts.Unknown:   "It was sent, and whether it was taken is not known yet. It is looked up, and never sent a second time meanwhile.",
	payouts.Refused:   "The processor did not take it. It can be sent again, or be cancelled.",
	payouts.Submitted: "The processor has taken it, and it is on its way to the bank.",
	payouts.AtAccount: "It is at the processor in the payee's name; the way to the bank failed.",
	payouts.Paid:      "It arrived.",
	payouts.Failed:    "It came back before it arrived. The money is available to the payee again.",
	payouts.Cancelled: "It was never sent. The money is available to the payee again.",
}

var runStates = []struct {
	state string
	stateWord
}{
	{payouts.RunPlanning, stateWord{"being planned", "running"}}, {payouts.RunWaiting, stateWord{"waits for a second person", "open"}},
	{payouts.RunReleased, stateWord{"released", "done"}}, {payouts.RunRefused, stateWord{"refused", "refused"}}, {payouts.RunDone, stateWord{"done", "done"}},
}

func runWord(state string) stateWord {
	for _, s := range runStates {
		if s.state == state {
			return s.stateWord
		}
	}
	return stateWord{state, ""}
}

var triggers = map[string]string{payouts.TriggerScheduled: "by the schedule", payouts.TriggerManual: "started by hand", payouts.TriggerOnDemand: "asked for",
	payouts.TriggerRetry: "a retry", payouts.TriggerClosing: "the account closes", payouts.TriggerSpecial: "follows from an act"}

// triggerWord says what started a run.
func triggerWord(trigger string) string {
	if w, ok := triggers[trigger]; ok {
		return w
	}
	return strings.ReplaceAll(trigger, "_", " ")
}

// needWords says why a second person has to look at a whole run.
func needWords(needs []string) (words []string) {
	for _, n := range needs {
		code, currency, _ := strings.Cut(n, ":")
		switch code {
		case payouts.NeedsManual:
			words = append(words, "It was started by hand.")
		case payouts.NeedsTotal:
			words = append(words, "Its total in "+currency+" is far above what the runs before it paid.")
		default:
			words = append(words, n)
		}
	}
	return words
}

// toldReason is a reason in words: what stands in the way, and what would change it.
type toldReason struct{ Code, Text, Detail, Change string }

// reasonsOf are the reasons of a decision in words, the most important first.
func reasonsOf(d payouts.Decision) (told []toldReason) {
	for _, r := range d.Reasons {
		t := toldReason{Code: r.Code, Text: r.Text(d.Currency), Detail: strings.ReplaceAll(r.Detail, "_", " "), Change: r.ChangeText()}
		if t.Text == "" {
			t.Text = r.Code
		}
		told = append(told, t)
	}
	return told
}

// reasonWord is a reason's sentence without its particulars, for lists of reasons to choose from.
func reasonWord(code string) string { return strings.ReplaceAll(code, "-", " ") }

// eventWords says an event: order.settled is "Order settled".
func eventWords(event string) string {
	text := strings.NewReplacer(".", " ", "_", " ").Replace(event)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// ago says how long something stands.
func ago(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	text, ok := strings.CutSuffix(left(since, now), " left")
	if !ok {
		return "just now"
	}
	return "for " + text
}

// typed reads an amount that somebody typed; nothing is zero.
func typed(text string, c money.Currency) (money.Minor, error) {
	text = strings.ReplaceAll(strings.TrimSpace(text), ",", "")
	if text == "" {
		return 0, nil
	}
	return money.ParseAmount(text, c)
}

// termLines say a policy's terms for each kind of payee.
func termLines(p *payouts.Policy) (lines []termLine) {
	for _, kind := range []string{payouts.KindSeller, payouts.KindCreator, payouts.KindAgency, payouts.KindPartner, payouts.KindCharity, payouts.KindGuardian} {
		terms, ok := p.Kinds[kind]
		if !ok {
			continue
		}
		l := termLine{Kind: kind, When: cadenceWords(terms.Cadence), Demand: "no"}
		if terms.OnDemand {
			l.Demand = "yes"
		}
		l.Minimum = amountsOf(p, terms.Minimum)
		lines = append(lines, l)
	}
	return lines
}

// cadenceWords say on which days payees are paid.
func cadenceWords(c payouts.Cadence) string {
	switch {
	case c.Every == payouts.CadenceWeekly && c.Weekday >= 1 && c.Weekday <= 7:
		return "every " + time.Weekday(c.Weekday%7).String()
	case c.Every == payouts.CadenceMonthly:
		return "every month on day " + strconv.Itoa(c.Day)
	case c.Every == payouts.CadenceDaily:
		return "every day"
	}
	return c.Every
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
func policyFacts(p *payouts.Policy) []link {
	who := map[bool]string{true: "two people", false: "one person"}
	return []link{
		{"Runs start", p.Run + " in " + p.TimeZone}, {"Money counts that was available before", p.Cutoff}, {"The most in one part", amountsOf(p, p.Maximum)},
		{"A second person above", amountsOf(p, p.FourEyesAbove)}, {"The first payout to an account takes", who[p.FirstNeedsTwo]}, {"A payout by hand takes", who[p.ManualNeedsTwo]},
		{"Nothing to a new account for", strconv.Itoa(p.CoolingOffHours) + " hours"}, {"The holder's name", nameWords[p.NameMatch]}, {"The fee of a returned payout", feeWords[p.FeeOnReturn]},
		{"Debts stop payouts above", amountsOf(p, p.Debt.FreezeAbove)}, {"A debt can be given up after", strconv.Itoa(p.Debt.WriteOffDays) + " days"},
		{"A run's total needs a second person above", strconv.Itoa(p.RunTotal.Factor) + " times the average of " + strconv.Itoa(p.RunTotal.Runs) + " runs"},
	}
}

var (
	nameWords = map[string]string{payouts.NameStrict: "must be the payee's", payouts.NameLenient: "must be like the payee's", payouts.NameOff: "is not compared"}
	feeWords  = map[string]string{payouts.FeeKeep: "is kept", payouts.FeeReturn: "is given back"}
)
