package payouts

import (
	"slices"
	"strings"
	"time"

	"mizan/ledger/money"
)

// The decision about one payee in one run. It looks at its inputs and the policy and at nothing else: no clock, no database
// and no floats, so that the same inputs always come to the same decision, today and in an audit in ten years.

// replaceAll replaces several texts at once.
func replaceAll(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}

// matter is one decision while it is made.
type matter struct {
	p     *Policy
	in    *Inputs
	terms Terms
	// to is where the money would go: of a minor, the guardian's destination. It is nil if there is none.
	to     *DestinationFacts
	tariff tariff
	priced bool // tariff can be used
	basis  money.Minor
	found  reasons
}

// Decide decides about one payee in one run. The policy must have been checked, and the inputs too (Inputs.Check); inputs
// that contradict themselves are never paid on.
func Decide(p *Policy, in Inputs) Decision {
	m := &matter{p: p, in: &in, terms: p.Kinds[in.Payee.Kind], basis: min(in.Balances.AvailableAtCutoff, in.Balances.AvailableNow)}
	d := Decision{Run: in.Run.ID, Payee: in.Payee.ID, Currency: in.Payee.Currency, Policy: p.Name(), Verdict: VerdictSkip,
		Basis: max(m.basis, 0), LookedAtAgain: in.Run.NextAt}
	if in.Balances.empty() { // nothing to decide about, and nothing that could be in its way
		m.found.add(Reason{Code: ReasonZero, Change: ChangeNothing})
		d.Reasons = m.found
		return d
	}
	m.to = m.destination()
	m.judgePayee()
	m.judgeStanding()
	m.judgeRetry()
	m.judgeDestination()
	m.judgeMethod()
	m.judgeDay()
	amount := m.judgeAmount()
	if len(m.found) > 0 || amount <= 0 {
		d.Reasons = m.found.inOrder()
		d.NotBefore = m.found.lastDate()
		if d.LookedAtAgain.IsZero() {
			d.LookedAtAgain = d.NotBefore
		}
		return d
	}
	m.pay(&d, amount)
	return d
}

// empty reports whether there is no money anywhere now, whatever there was at the cut-off.
func (b BalanceFacts) empty() bool {
	b.AvailableAtCutoff = 0
	return b == BalanceFacts{}
}

// destination returns where the money would go.
func (m *matter) destination() *DestinationFacts {
	if !m.in.Payee.Minor {
		return m.in.Destination
	}
	if m.in.Guardian == nil {
		return nil
	}
	return m.in.Guardian.Destination
}

// judgePayee asks whether the payee may be paid at all.
func (m *matter) judgePayee() {
	payee := m.in.Payee
	if payee.SelfOwned {
		m.found.add(Reason{Code: ReasonSelfOwned, Change: ChangeNothing})
	}
	if payee.State != PayeeOpen && payee.State != PayeeClosing {
		m.found.add(Reason{Code: ReasonClosed, Change: ChangeSupport})
	}
	if !payee.Registered {
		m.found.add(Reason{Code: ReasonNotRegistered, Change: ChangeRegister})
	}
	switch v := m.in.Verification; {
	case v.State == IdentityRejected:
		m.found.add(Reason{Code: ReasonRejected, Detail: v.Category, Change: ChangeSupport})
	case v.State != IdentityVerified:
		m.found.add(Reason{Code: ReasonUnverified, Detail: detailOf(v.Category, v.State), Change: ChangeVerify})
	}
	if payee.Minor {
		switch g := m.in.Guardian; {
		case g == nil:
			m.found.add(Reason{Code: ReasonGuardianMissing, Change: ChangeGuardian})
		case g.Verification.State != IdentityVerified:
			m.found.add(Reason{Code: ReasonGuardianUnverified, Detail: detailOf(g.Verification.Category, g.Verification.State), Change: ChangeGuardian})
		}
	}
	for _, w := range m.p.Withholding {
		if w.Country == payee.Country && w.NoForm == NoFormHold && !payee.TaxForm {
			m.found.add(Reason{Code: ReasonTaxForm, Detail: w.Tax, Change: ChangeTaxForm})
		}
	}
}

// detailOf returns the category if there is one, and the state otherwise.
func detailOf(category, state string) string {
	if category != "" {
		return category
	}
	return state
}

// judgeStanding asks for holds and debts.
func (m *matter) judgeStanding() {
	for _, h := range m.in.Holds {
		if h.over(m.in.Run.DecidedAt) {
			continue
		}
		if h.Kind == HoldPause {
			m.found.add(Reason{Code: ReasonPaused, Detail: h.Category, At: h.Until, Change: changeOf(h.Until, ChangeSupport)})
		} else {
			m.found.add(Reason{Code: ReasonBlocked, Detail: h.Category, At: h.Until, Change: changeOf(h.Until, ChangeRelease)})
		}
	}
	debt, freeze := m.in.Debt.Amount, m.p.Debt.FreezeAbove[m.in.Payee.Currency]
	switch now := m.in.Balances.AvailableNow; {
	case now < 0:
		m.found.add(Reason{Code: ReasonDebt, Detail: "balance", Amount: max(-now, debt), Change: ChangeEarnDebt})
	case m.in.Balances.Pending < 0 && m.basis <= 0:
		m.found.add(Reason{Code: ReasonDebt, Detail: "pending", Amount: max(-m.in.Balances.Pending, debt), Change: ChangeEarnDebt})
	case debt > freeze:
		m.found.add(Reason{Code: ReasonDebt, Detail: "frozen", Amount: debt, Limit: freeze, Change: ChangeEarnDebt})
	}
}

// over reports whether the hold has ended by itself.
func (h HoldFacts) over(now time.Time) bool { return !h.Until.IsZero() && !h.Until.After(now) }

// changeOf returns "wait" for what ends by itself.
func changeOf(until time.Time, otherwise string) string {
	if until.IsZero() {
		return otherwise
	}
	return ChangeWait
}

// judgeRetry asks whether a failed payout may be tried again now.
func (m *matter) judgeRetry() {
	of := m.in.RetryOf
	if m.in.Run.Trigger != TriggerRetry || of == nil || of.NewDestination {
		return
	}
	switch after := m.p.Retry.AfterDays; {
	case !slices.Contains(m.p.Retry.Transient, of.Code):
		m.found.add(Reason{Code: ReasonRetryForbidden, Detail: of.Code, Change: ChangeReplace})
	case of.Tries < 0 || of.Tries >= len(after):
		m.found.add(Reason{Code: ReasonRetryExhausted, Detail: of.Code, Change: ChangeReplace})
	default:
		if due := m.p.RetryAt(of.Tries, of.FailedAt); due.After(m.in.Run.DecidedAt) {
			m.found.add(Reason{Code: ReasonRetryEarly, Detail: of.Code, At: due, Change: ChangeWait})
		}
	}
}

// RetryAt returns when a payout that failed at the instant after so many tries is tried again; zero if it is not.
func (p *Policy) RetryAt(tries int, failed time.Time) time.Time {
	if tries < 0 || tries >= len(p.Retry.AfterDays) {
		return time.Time{}
	}
	return failed.Add(time.Duration(p.Retry.AfterDays[tries]) * 24 * time.Hour).UTC()
}

// judgeDestination asks where the money would go.
func (m *matter) judgeDestination() {
	to := m.to
	if to == nil {
		if !m.in.Payee.Minor || m.in.Guardian != nil { // a missing guardian says it already
			m.found.add(Reason{Code: ReasonNoDestination, Change: ChangeAdd})
		}
		return
	}
	switch to.State {
	case DestinationActive:
	case DestinationPending:
		m.found.add(Reason{Code: ReasonDestinationPending, Change: ChangeConfirm})
	default:
		m.found.add(Reason{Code: ReasonDisabled, Detail: to.DisabledFor, Change: ChangeReplace})
	}
	if !m.nameStands(to.NameMatch) {
		m.found.add(Reason{Code: ReasonNameMismatch, Detail: to.NameMatch, Change: ChangeName})
	}
	now := m.in.Run.DecidedAt
	if until := to.CoolingUntil; until.After(now) {
		m.found.add(Reason{Code: ReasonCoolingOff, At: until, Change: ChangeWait})
	} else if to.ActiveSince.After(now) {
		m.found.add(Reason{Code: ReasonCoolingOff, At: to.ActiveSince, Change: ChangeWait})
	}
	if !slices.Contains(to.Currencies, m.in.Payee.Currency) {
		m.found.add(Reason{Code: ReasonCurrency, Detail: "destination", Change: ChangeDestination})
	}
}

// nameStands reports whether the check of the holder's name is good enough.
func (m *matter) nameStands(result string) bool {
	switch m.p.NameMatch {
	case NameOff:
		return true
	case NameLenient:
		return result == NameMatches || result == NameClose
	}
	return result == NameMatches
}

// judgeMethod asks how the money would travel, and what that costs.
func (m *matter) judgeMethod() {
	c := m.in.Payee.Currency
	if !slices.Contains(m.p.Currencies, c) || !c.Active() || m.in.Unit <= 0 || m.p.Maximum[c] < m.in.Unit {
		m.found.add(Reason{Code: ReasonCurrency, Detail: "policy", Change: ChangeSupport})
		return
	}
	if m.to == nil {
		return
	}
	i := slices.IndexFunc(m.terms.Methods, func(x Method) bool { return x.Method == m.in.Run.Method && x.Rail == m.to.Rail })
	if i < 0 {
		m.found.add(Reason{Code: ReasonRail, Detail: m.to.Rail, Change: ChangeMethod})
		return
	}
	m.tariff, m.priced = tariffOf(m.p, m.terms.Methods[i], c, m.in.Unit), true
}

// judgeDay asks whether it is the payee's turn.
func (m *matter) judgeDay() {
	run := m.in.Run
	switch run.Trigger {
	case TriggerScheduled:
		day, err := time.Parse(time.DateOnly, run.LocalDate)
		if err != nil || !m.terms.Cadence.PaysOn(day) {
			m.found.add(Reason{Code: ReasonNotScheduled, At: run.NextAt, Change: ChangeWait})
		}
	case TriggerOnDemand:
		if !m.terms.OnDemand {
			m.found.add(Reason{Code: ReasonNotOnDemand, At: run.NextAt, Change: ChangeWait})
		}
	}
}

// judgeAmount returns the amount that is paid, and 0 with the reasons if there is none.
func (m *matter) judgeAmount() money.Minor {
	if m.basis <= 0 {
		m.nothing()
		if wanted := m.in.Run.Wanted; wanted != 0 {
			m.found.add(Reason{Code: ReasonOverAvailable, Amount: wanted, Change: ChangeAskLess})
		}
		return 0
	}
	if m.in.Run.Wanted != 0 {
		return m.judgeWanted(m.in.Run.Wanted)
	}
	if least := m.minimum(); m.basis < least {
		m.found.add(Reason{Code: ReasonBelowMinimum, Amount: m.basis, Limit: least, Change: ChangeEarn})
	}
	if m.in.Unit > 0 && m.basis < m.in.Unit {
		m.found.add(Reason{Code: ReasonDust, Amount: m.basis, Limit: m.in.Unit, Change: ChangeEarn})
		return 0
	}
	if !m.priced {
		return 0
	}
	amount := m.tariff.largest(m.basis)
	if amount == 0 {
		m.found.add(Reason{Code: ReasonFeeExceeds, Amount: m.basis, Limit: m.tariff.fee(m.tariff.unit), Change: ChangeEarn})
	}
	return amount
}

// minimum returns the least that is paid: nothing less than a unit of a payee that is leaving.
func (m *matter) minimum() money.Minor {
	if m.in.Payee.State == PayeeClosing || m.in.Run.Trigger == TriggerClosing {
		return 0
	}
	return m.terms.Minimum[m.in.Payee.Currency]
}

// judgeWanted judges an amount that was asked for. It is paid as asked or not at all.
func (m *matter) judgeWanted(wanted money.Minor) money.Minor {
	switch {
	case wanted < 0 || m.in.Unit > 0 && wanted%m.in.Unit != 0:
		m.found.add(Reason{Code: ReasonWantedUnit, Amount: wanted, Limit: m.in.Unit, Change: ChangeAskWhole})
		return 0
	case wanted > m.basis:
		m.found.add(Reason{Code: ReasonOverAvailable, Amount: wanted, Limit: m.basis, Change: ChangeAskLess})
		return 0
	}
	if least := m.minimum(); wanted < least {
		m.found.add(Reason{Code: ReasonBelowMinimum, Amount: wanted, Limit: least, Change: ChangeEarn})
	}
	if !m.priced {
		return 0
	}
	if most := m.tariff.most(); wanted > most {
		m.found.add(Reason{Code: ReasonOverMaximum, Amount: wanted, Limit: most, Change: ChangeAskParts})
		return 0
	}
	if fees := m.tariff.fees(wanted); fees > m.basis-wanted {
		m.found.add(Reason{Code: ReasonOverAvailable, Amount: wanted + fees, Limit: m.basis, Change: ChangeAskLess})
		return 0
	}
	return wanted
}

// nothing says where the payee's money is, a reason for each bucket that has some.
func (m *matter) nothing() {
	b, next := m.in.Balances, m.in.Next
	for _, bucket := range []struct {
		detail string
		amount money.Minor
		at     time.Time
		change string
	}{
		{"after-cutoff", b.AvailableNow, m.in.Run.NextAt, ChangeWait},
		{"pending", b.Pending, next.SettlementAt, ChangeWait},
		{"reserve", b.Reserve, next.ReleaseAt, ChangeWait},
		{"dispute-hold", b.DisputeHold, time.Time{}, ChangeWait},
		{"blocked", b.Blocked, time.Time{}, ChangeRelease},
		{"minor-trust", b.MinorTrust, time.Time{}, ChangeWait},
		{"in-transit", b.InTransit, time.Time{}, ChangeWait},
	} {
		if bucket.amount > 0 {
			m.found.add(Reason{Code: ReasonNothing, Detail: bucket.detail, Amount: bucket.amount, At: bucket.at, Change: bucket.change})
		}
	}
}

// pay writes the payment into the decision.
func (m *matter) pay(d *Decision, amount money.Minor) {
	d.Verdict, d.Parts = VerdictPay, m.tariff.parts(amount)
	for _, part := range d.Parts {
		d.Amount += part.Amount
		d.Fee += part.Fee
	}
	d.Gross = d.Amount + d.Fee
	d.Left = m.basis - d.Gross
	d.Destination, d.Rail = m.to.ID, m.to.Rail
	if d.Gross > m.p.FourEyesAbove[m.in.Payee.Currency] {
		d.SecondPerson = append(d.SecondPerson, TwoFourEyes)
	}
	if m.to.First && m.p.FirstNeedsTwo {
		d.SecondPerson = append(d.SecondPerson, TwoFirst)
	}
	if (m.in.Run.Trigger == TriggerManual || m.in.Run.ByHand) && m.p.ManualNeedsTwo {
		d.SecondPerson = append(d.SecondPerson, TwoManual)
	}
	if d.Left > 0 && m.in.Run.Wanted == 0 {
		if most := m.tariff.most(); amount == most && d.Left >= m.in.Unit {
			d.Reasons = append(d.Reasons, Reason{Code: ReasonOverMaximum, Amount: m.basis, Limit: most, Change: ChangeWait})
		} else {
			d.Reasons = append(d.Reasons, Reason{Code: ReasonDust, Amount: d.Left, Limit: m.in.Unit, Change: ChangeEarn})
		}
	}
}
