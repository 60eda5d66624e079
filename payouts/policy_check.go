package payouts

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Judging a policy: every field in its range, every table of amounts complete, and the parameters in agreement.

const (
	maxCoolingOffHours = 90 * 24
	maxRetries         = 3
	maxRetryDays       = 30
	maxMethods         = 12
	maxCurrencies      = 16
	maxTransient       = 32
	maxWithholding     = 16
	maxVersion         = 1_000_000
)

var (
	policyName   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	overrideName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}-[1-9][0-9]{0,5}$`)
	marketName   = regexp.MustCompile(`^[A-Z]{2}$`)
	codeName     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)
	taxName      = regexp.MustCompile(`^[A-Z]{2}:[A-Za-z-]{1,24}$`)
	timeOfDay    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// findings collects what is wrong with a document.
type findings struct{ fields []fault.Field }

// want records a finding at the pointer unless the condition holds.
func (f *findings) want(ok bool, pointer, code, message string) {
	if !ok {
		f.fields = append(f.fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
}

// Check returns every field that cannot stand, nil for a policy that can be used.
func (p *Policy) Check() []fault.Field {
	f := &findings{}
	f.want(policyName.MatchString(p.Policy), "/policy", "policy-name", "Give a name of small letters, digits and underscores, which begins with a letter.")
	f.want(p.Version >= 1 && p.Version <= maxVersion, "/version", "policy-version", "Versions count from 1.")
	f.want(p.Override == "" || overrideName.MatchString(p.Override), "/override", "override-name", "Name the override like sel_x-2: a name, a hyphen and its version.")
	f.want(marketName.MatchString(p.Market), "/market", "policy-market", "Give the market as two capital letters.")
	f.want(!p.ValidFrom.IsZero() && p.ValidFrom.Location() == time.UTC && p.ValidFrom.Nanosecond() == 0, "/valid_from", "policy-time", "Give an instant in UTC in whole seconds.")
	f.want(p.Title != "" && len(p.Title) <= 200, "/title", "policy-title", "Give a title of at most 200 bytes.")
	_, err := zoneOf(p.TimeZone)
	f.want(err == nil, "/time_zone", "policy-zone", "Give an IANA time zone such as Europe/London.")
	f.want(timeOfDay.MatchString(p.Cutoff), "/cutoff", "policy-clock", "Give a local time such as 00:00.")
	f.want(timeOfDay.MatchString(p.Run), "/run", "policy-clock", "Give a local time such as 02:00.")
	f.want(p.Run >= p.Cutoff, "/run", "policy-run-early", "A run cannot start before its own cut-off. Give the same time or a later one.")
	p.checkCurrencies(f)
	p.checkKinds(f)
	p.checkLimits(f)
	p.checkRest(f)
	p.checkSources(f)
	return f.fields
}

func (p *Policy) checkCurrencies(f *findings) {
	f.want(len(p.Currencies) > 0 && len(p.Currencies) <= maxCurrencies, "/currencies", "policy-currencies", "List between 1 and 16 currencies.")
	for i, c := range p.Currencies {
		pointer := "/currencies/" + strconv.Itoa(i)
		f.want(c.Active(), pointer, "currency-unknown", "Give the code of an active currency.")
		f.want(slices.Index(p.Currencies, c) == i, pointer, "policy-twice", "List each currency once.")
	}
}

// checkAmounts wants an amount in each currency of the policy and in no other; an optional table may be absent.
func (p *Policy) checkAmounts(f *findings, pointer string, a Amounts, optional bool) {
	if optional && len(a) == 0 {
		return
	}
	for _, c := range p.Currencies {
		if _, ok := a[c]; !ok {
			f.want(false, pointer, "policy-amount-missing", "Give an amount for each currency of the policy.")
			break
		}
	}
	p.checkEach(f, pointer, a)
}

// checkEach wants every amount to be usable and in a currency of the policy.
func (p *Policy) checkEach(f *findings, pointer string, a Amounts) {
	for _, c := range slices.Sorted(maps.Keys(a)) {
		f.want(slices.Contains(p.Currencies, c), pointer, "policy-amount-currency", "Give amounts in the currencies of the policy only.")
		f.want(usableAmount(a[c], c), pointerTo(pointer, string(c)), "policy-amount", "Give an amount above zero as a text with the digits of its currency, in whole posting units.")
	}
}

// usableAmount reports whether an amount can stand in a policy of the currency.
func usableAmount(m money.Minor, c money.Currency) bool {
	return c.Active() && m > 0 && m <= c.Max() && m%c.PostingUnit() == 0
}

// pointerTo adds a key to a JSON pointer. A key that is no word of ours may be anything, even a secret that was pasted into the
// wrong place, and is not repeated.
func pointerTo(pointer, key string) string {
	if !money.Currency(key).Active() && !slices.Contains(payeeKinds, key) && !slices.Contains(parameters, key) {
		return pointer
	}
	return pointer + "/" + key
}

func (p *Policy) checkKinds(f *findings) {
	for _, kind := range payeeKinds {
		_, ok := p.Kinds[kind]
		f.want(ok, "/kinds", "policy-kind-missing", "Give the terms of every kind: seller, creator, agency, partner, charity and guardian.")
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Kinds)) {
		pointer := pointerTo("/kinds", kind)
		f.want(slices.Contains(payeeKinds, kind), pointer, "policy-kind", "The kinds are seller, creator, agency, partner, charity and guardian.")
		terms := p.Kinds[kind]
		terms.Cadence.check(f, pointer+"/cadence")
		p.checkAmounts(f, pointer+"/minimum", terms.Minimum, false)
		p.checkMethods(f, pointer+"/methods", terms.Methods)
	}
}

func (c Cadence) check(f *findings, pointer string) {
	switch c.Every {
	case CadenceDaily:
		f.want(c.Weekday == 0 && c.Day == 0, pointer, "cadence-day", "A daily cadence has no weekday and no day.")
	case CadenceWeekly:
		f.want(c.Weekday >= 1 && c.Weekday <= 7 && c.Day == 0, pointer, "cadence-day", "A weekly cadence has a weekday from 1 for Monday to 7 for Sunday, and no day.")
	case CadenceMonthly:
		f.want(c.Day >= 1 && c.Day <= 31 && c.Weekday == 0, pointer, "cadence-day", "A monthly cadence has a day from 1 to 31, and no weekday.")
	default:
		f.want(false, pointer+"/every", "cadence-every", "The cadence is daily, weekly or monthly.")
	}
}

func (p *Policy) checkMethods(f *findings, pointer string, methods []Method) {
	f.want(len(methods) > 0 && len(methods) <= maxMethods, pointer, "policy-methods", "List between 1 and 12 methods.")
	seen := map[[2]string]bool{}
	for i, m := range methods {
		at := pointer + "/" + strconv.Itoa(i)
		f.want(slices.Contains([]string{MethodStandard, MethodInstant}, m.Method), at+"/method", "policy-method", "The methods are standard and instant.")
		f.want(slices.Contains([]string{RailConnected, RailBank, RailWallet}, m.Rail), at+"/rail", "policy-rail", "The rails are connected, bank and wallet.")
		f.want(!seen[[2]string{m.Method, m.Rail}], at, "policy-twice", "List each method once per rail.")
		seen[[2]string{m.Method, m.Rail}] = true
		f.want(m.Rate.Compare(maxFeeRate) <= 0, at+"/rate", "policy-fee-rate", "A fee takes at most a half of the amount.")
		f.want(!m.Rate.IsZero() || len(m.Min)+len(m.Cap) == 0, at, "policy-fee-bounds", "A minimum and a cap belong to a rate. Give a flat part instead.")
		p.checkAmounts(f, at+"/flat", m.Flat, true)
		p.checkAmounts(f, at+"/min", m.Min, true)
		p.checkAmounts(f, at+"/cap", m.Cap, true)
		for _, c := range p.Currencies {
			f.want(len(m.Cap) == 0 || m.Cap[c] >= m.Min[c], pointerTo(at+"/cap", string(c)), "policy-fee-cap", "The cap of a fee is not below its minimum.")
			f.want(m.Flat[c] <= p.Maximum[c] && m.Min[c] <= p.Maximum[c], pointerTo(at, string(c)), "policy-fee-large", "A fee is not above the maximum of a payout.")
		}
	}
}

// maxFeeRate is the most that a method may take of an amount.
var maxFeeRate = money.MustRate("0.5")

func (p *Policy) checkLimits(f *findings) {
	p.checkAmounts(f, "/maximum", p.Maximum, false)
	p.checkAmounts(f, "/four_eyes_above", p.FourEyesAbove, false)
	p.checkAmounts(f, "/debt/stop_perks_above", p.Debt.StopPerksAbove, false)
	p.checkAmounts(f, "/debt/freeze_above", p.Debt.FreezeAbove, false)
	p.checkAmounts(f, "/debt/close_above", p.Debt.CloseAbove, false)
	for _, c := range p.Currencies {
		f.want(p.Debt.StopPerksAbove[c] <= p.Debt.FreezeAbove[c], pointerTo("/debt/freeze_above", string(c)), "policy-debt-order",
			"Perks stop before payouts freeze. Give at least the amount of stop_perks_above.")
		f.want(p.Debt.FreezeAbove[c] <= p.Debt.CloseAbove[c], pointerTo("/debt/close_above", string(c)), "policy-debt-order",
			"Payouts freeze before a shop closes. Give at least the amount of freeze_above.")
		if !c.Active() || p.Maximum[c] <= 0 {
			continue
		}
		f.want(p.Maximum[c]%c.PayoutUnit() == 0, pointerTo("/maximum", string(c)), "policy-amount-unit", "Give a maximum that can be paid out: whole payout units of its currency.")
		for _, kind := range slices.Sorted(maps.Keys(p.Kinds)) {
			f.want(p.Kinds[kind].Minimum[c] <= p.Maximum[c], pointerTo(pointerTo("/kinds", kind)+"/minimum", string(c)), "policy-minimum-large", "A minimum is not above the maximum.")
		}
	}
}

func (p *Policy) checkRest(f *findings) {
	f.want(p.CoolingOffHours >= 0 && p.CoolingOffHours <= maxCoolingOffHours, "/cooling_off_hours", "policy-cooling-off", "Give between 0 and 2160 hours.")
	f.want(slices.Contains([]string{NameStrict, NameLenient, NameOff}, p.NameMatch), "/name_match", "policy-name-match", "The name is matched strict, lenient or off.")
	f.want(p.FeeOnReturn == FeeKeep || p.FeeOnReturn == FeeReturn, "/fee_on_return", "policy-fee-on-return", "The fee of a returned payout is keep or return.")
	f.want(len(p.Retry.Transient) <= maxTransient, "/retry/transient", "policy-retry", "List at most 32 codes.")
	for i, code := range p.Retry.Transient {
		f.want(codeName.MatchString(code) && slices.Index(p.Retry.Transient, code) == i, "/retry/transient/"+strconv.Itoa(i), "policy-retry", "Give each code once, in small letters, digits and underscores.")
	}
	f.want(len(p.Retry.AfterDays) <= maxRetries, "/retry/after_days", "policy-retry", "There are at most 3 retries.")
	for i, days := range p.Retry.AfterDays {
		f.want(days >= 1 && days <= maxRetryDays, "/retry/after_days/"+strconv.Itoa(i), "policy-retry", "Give between 1 and 30 days.")
	}
	order := p.Debt.RecoveryOrder
	f.want(len(order) > 0 && len(order) <= len(recoveryWays) && order[len(order)-1] == RecoverWriteOff, "/debt/recovery_order", "policy-recovery", "List the ways of recovery, with write-off as the last.")
	for i, way := range order {
		f.want(slices.Contains(recoveryWays, way) && slices.Index(order, way) == i, "/debt/recovery_order/"+strconv.Itoa(i), "policy-recovery", "The ways of recovery are those of the handbook, each at most once.")
	}
	f.want(p.Debt.WriteOffDays >= 1 && p.Debt.WriteOffDays <= 3650, "/debt/write_off_days", "policy-write-off", "Give between 1 and 3650 days.")
	f.want(len(p.Withholding) <= maxWithholding, "/withholding", "policy-withholding", "List at most 16 taxes.")
	for i, w := range p.Withholding {
		at := "/withholding/" + strconv.Itoa(i)
		f.want(taxName.MatchString(w.Tax), at+"/tax", "policy-tax", "Name the tax like US:backup.")
		f.want(marketName.MatchString(w.Country), at+"/country", "policy-country", "Give the country as two capital letters.")
		f.want(!w.Rate.IsZero() && w.Rate.Compare(money.MustRate("1")) < 0, at+"/rate", "policy-rate", "Give a rate above 0 and below 1.")
		f.want(w.NoForm == NoFormPay || w.NoForm == NoFormHold, at+"/no_form", "policy-no-form", "Without a form a payee is paid or held: pay or hold.")
	}
	f.want(p.RunTotal.Factor >= 1 && p.RunTotal.Factor <= 1000, "/run_total/factor", "policy-run-total", "Give a factor between 1 and 1000.")
	f.want(p.RunTotal.Runs >= 1 && p.RunTotal.Runs <= 100, "/run_total/runs", "policy-run-total", "Give between 1 and 100 runs.")
}

// parameters are what each policy has a source for.
var parameters = []string{"cadence", "cutoff", "minimum", "methods", "maximum", "four_eyes", "cooling_off", "name_match", "fee_on_return",
	"retry", "debt", "recovery_order", "write_off", "withholding", "run_total"}

func (p *Policy) checkSources(f *findings) {
	for _, name := range parameters {
		f.want(p.Sources[name] != (commerce.Source{}), "/sources", "policy-source-missing", "Say of every parameter where its value comes from.")
	}
	for _, name := range slices.Sorted(maps.Keys(p.Sources)) {
		pointer, s := pointerTo("/sources", name), p.Sources[name]
		f.want(slices.Contains(parameters, name), pointer, "policy-source", "Name a parameter of the handbook.")
		f.want(s.ID != "" && len(s.ID) <= 16 && s.Text != "" && len(s.Text) <= 1000, pointer, "policy-source", "A source has an id of at most 16 bytes and a text of at most 1000.")
		f.want(slices.Contains([]string{"O", "P", "T", "A"}, s.Trust), pointer+"/trust", "policy-trust", "The trust is O, P, T or A.")
	}
}

// maxReserveDays is the longest reserve that the rules of orders know.
const maxReserveDays = 3650

// check returns what cannot stand of an override of the policy.
func (o Override) check(p *Policy) []fault.Field {
	f := &findings{}
	f.want(overrideName.MatchString(o.ID), "/id", "override-name", "Name the override like sel_x-2: a name, a hyphen and its version.")
	f.want(slices.Contains(payeeKinds, o.Kind), "/kind", "policy-kind", "The kinds are seller, creator, agency, partner, charity and guardian.")
	f.want(o.CoolingOffHours == 0 || o.CoolingOffHours >= p.CoolingOffHours && o.CoolingOffHours <= maxCoolingOffHours, "/cooling_off_hours", "override-cooling-off",
		"A payee's cooling-off can only be longer than the policy's.")
	f.want(o.Cadence != nil || o.OnDemand != nil || len(o.Minimum)+len(o.Maximum)+len(o.Methods) > 0 || o.CoolingOffHours > 0 || o.Reserve != nil, "", "override-empty",
		"The override changes nothing. Say what was agreed.")
	for _, table := range []struct {
		name    string
		amounts Amounts
	}{{"/minimum", o.Minimum}, {"/maximum", o.Maximum}} {
		p.checkEach(f, table.name, table.amounts)
	}
	if o.Cadence != nil {
		o.Cadence.check(f, "/cadence")
	}
	if len(o.Methods) > 0 {
		p.checkMethods(f, "/methods", o.Methods)
	}
	if o.Reserve != nil {
		f.want(o.Kind == KindSeller, "/reserve", "override-reserve", "Only of a seller's orders something is kept as a reserve.")
		whole, days := money.MustRate("1"), o.Reserve.Days
		f.want(o.Reserve.Rate.Compare(whole) <= 0 && days >= 0 && days <= maxReserveDays && o.Reserve.Rate.IsZero() == (days == 0), "/reserve", "override-reserve",
			"A reserve is a rate up to 1 for 1 to 3,650 days; a rate of 0 for 0 days is none.")
	}
	return f.fields
}
