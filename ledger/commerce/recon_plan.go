package commerce

import (
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What reconciliation's decisions post. What leaves suspense is at most what waits by the break's story, so of two decisions
// at once the second is made on what the first left.

// maxSuspenseLines bounds the lines that something in suspense turns out to be.
const maxSuspenseLines = 50

// writeOffs are the costs that money of an unknown outflow may become.
var writeOffs = []string{accountBadDebt, accountChargebackLoss, accountProcessorFee, accountGoodwill}

// lineReference checks the reference of a processor's or bank's line.
func (p *preparation) lineReference(pointer, s string) {
	ok := s != "" && len(s) <= 128 && s == strings.Trim(s, " ")
	for i := range len(s) {
		ok = ok && s[i] >= ' ' && s[i] <= '~'
	}
	if !ok {
		p.bad(pointer, "reference", "A reference is 1 to 128 printable characters, without a space at either end.")
	}
}

// period checks a month that may be left out.
func (p *preparation) period(pointer, s string) {
	if s == "" {
		return
	}
	if _, err := ledger.ParsePeriod(s); err != nil {
		p.because(pointer, err)
	}
}

// periodOf reads a month that was judged; empty is none.
func periodOf(s string) ledger.Period {
	period, err := ledger.ParsePeriod(s)
	if err != nil {
		return 0
	}
	return period
}

// judge judges what all that is said of suspense carries.
func (d *SuspenseTerms) judge(p *preparation) money.Minor {
	p.id("/break", d.Break, true)
	p.lineReference("/reference", d.Reference)
	if d.Side == "" {
		p.bad("/side", "required", "Say whether it is an outflow or an inflow.")
	}
	p.oneOf("/side", d.Side, SideOutflow, SideInflow)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1 // what others report is not bound to our posting unit
	return p.positive("/amount", d.Amount)
}

// amount reads what was judged.
func (d *SuspenseTerms) amount(p *planner) (money.Currency, money.Minor) {
	prep, c := p.read(d.Currency)
	return c, prep.amount("/amount", d.Amount)
}

// note is what the reference's story keeps of it.
func (d *SuspenseTerms) note(cash ledger.Address) suspendedNote {
	return suspendedNote{Break: d.Break, Reference: d.Reference, Side: d.Side, Currency: money.Currency(d.Currency), Cash: cash}
}

// tale begins to tell an amount.
func (d *SuspenseTerms) tale() (*tale, money.Minor) {
	a := payoutAmounts{currency: money.Currency(d.Currency)}
	return &tale{currency: a.currency}, a.of(d.Amount)
}

func (d *FeeTruedUp) prepare(p *preparation) {
	p.id("/processor", d.Processor, true)
	p.oneOf("/bucket", d.Bucket, bucketPending, bucketAvailable)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	if d.Direction == "" {
		p.bad("/direction", "required", "Say whether the fee is higher, a debit, or lower, a credit.")
	}
	p.oneOf("/direction", d.Direction, "debit", "credit")
	p.lineReference("/reference", d.Reference)
	p.id("/payment", d.Payment, false)
	p.period("/original_period", d.OriginalPeriod)
}

func (d *FeeTruedUp) cash() ledger.Address {
	if d.Bucket == "" {
		return processorAccount(bucketPending, d.Processor)
	}
	return processorAccount(d.Bucket, d.Processor)
}

// signed is the amount as it changes the fee, debit positive.
func (d *FeeTruedUp) signed(amount money.Minor) money.Minor {
	if d.Direction == "credit" {
		return -amount
	}
	return amount
}

func (d *FeeTruedUp) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	m := d.signed(prep.amount("/amount", d.Amount))
	return p.reconStep(d, periodOf(d.OriginalPeriod), false, linesOf(c, leg{accountProcessorFee, m, ""}, leg{d.cash(), -m, d.Reference}))
}

func (d *FeeTruedUp) tell() []Step {
	a := payoutAmounts{currency: money.Currency(d.Currency)}
	t := &tale{currency: a.currency}
	why := "because the processor took more than was recorded"
	if d.Direction == "credit" {
		why = "because the processor took less than was recorded"
	}
	t.plain("fee_difference", "Difference of the processor's fee", accountProcessorFee, -d.signed(a.of(d.Amount)), why)
	return t.steps
}

// reconStep posts a decision of the reconciliation, and what flags have caught of what it makes available.
func (p *planner) reconStep(told teller, original ledger.Period, decision bool, lines []ledger.Line) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	lines, moves, err := p.flagged(lines)
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: p.event.Type, data: data, told: told, original: original, decision: decision, lines: lines}); err != nil {
		return err
	}
	return p.fill(p.event.Data.subject(), moves)
}

func (d *SuspenseIn) prepare(p *preparation) {
	d.judge(p)
	w := &d.Where
	switch {
	case (w.Processor == "") == (w.Bank == ""):
		p.bad("/where", "place", "Name one place: a processor, or a bank account.")
	case w.Bank == "" && w.BankKind != "", w.Processor == "" && w.Bucket != "":
		p.bad("/where", "place", "A processor has buckets, and a bank account has a kind.")
	}
	p.id("/where/processor", w.Processor, false)
	p.oneOf("/where/bucket", w.Bucket, bucketPending, bucketAvailable)
	p.id("/where/bank", w.Bank, false)
	p.oneOf("/where/bank_kind", w.BankKind, "operating", "client", "safeguarded")
	p.period("/original_period", d.OriginalPeriod)
}

// plan moves the cash as the line says. The suspense has the same reference, by which what waits is found. A line is put into
// suspense once for a break, because the break and the line are the event's reference.
func (d *SuspenseIn) plan(p *planner) error {
	c, amount := d.amount(p)
	cash := d.Where.account()
	m := sign(d.Side) * amount
	if err := p.reconStep(d, periodOf(d.OriginalPeriod), false, linesOf(c, leg{suspenseAccount(d.Side), m, d.Reference}, leg{cash, -m, d.Reference})); err != nil {
		return err
	}
	n := d.note(cash)
	if err := p.suspenseFact(suspendedSubject(d.Reference), n); err != nil {
		return err
	}
	return p.suspend(n, amount)
}

func (d *SuspenseIn) tell() []Step {
	t, amount := d.tale()
	title := "Left, and it is not known for what"
	if d.Side == SideInflow {
		title = "Came, and it is not known from whom"
	}
	t.plain("suspense", title, string(suspenseAccount(d.Side)), -sign(d.Side)*amount, "")
	return t.steps
}

// take returns what the story keeps of what waits, if as much of it waits as is to leave.
func (d *SuspenseTerms) take(p *planner) (n suspendedNote, c money.Currency, amount money.Minor, err error) {
	c, amount = d.amount(p)
	told, err := p.story(d.subject())
	if err != nil {
		return n, c, amount, err
	}
	for _, t := range told.chapters(eventSuspenseIn) {
		in, err := storedAs[SuspenseIn](t)
		if err != nil {
			return n, c, amount, err
		}
		if in.Reference != d.Reference || in.Side != d.Side || in.Currency != d.Currency {
			continue
		}
		n = d.note(in.Where.account())
		left, err := told.waits(n)
		if err == nil && amount > left {
			err = ErrSuspenseLess.Withf("%s %s of this break waits under this reference. Decide on at most that.", left.Format(c), c)
		}
		return n, c, amount, err
	}
	return n, c, amount, ErrSuspenseUnknown
}

// leave posts that something leaves suspense against lines.
func (d *SuspenseTerms) leave(p *planner, told teller, original ledger.Period, decision bool, n suspendedNote, c money.Currency, amount money.Minor, legs ...leg) error {
	legs = append([]leg{{suspenseAccount(d.Side), -sign(d.Side) * amount, d.Reference}}, legs...)
	if err := p.reconStep(told, original, decision, linesOf(c, legs...)); err != nil {
		return err
	}
	return p.suspend(n, -amount)
}

func (d *SuspenseOut) prepare(p *preparation) {
	amount := d.judge(p)
	p.id("/decision", d.Decision, true)
	p.period("/original_period", d.OriginalPeriod)
	if n := len(d.Lines); n == 0 || n > maxSuspenseLines {
		p.bad("/lines", "count", "Say in 1 to 50 lines what it is.")
		return
	}
	sum := money.Minor(0)
	for i := range d.Lines {
		l, pointer := &d.Lines[i], at("/lines", i)
		p.account(pointer+"/account", l.Account)
		if isCash(ledger.Address(l.Account)) || l.Account == accountSuspense || l.Account == accountSuspenseIn {
			p.bad(pointer+"/account", "suspense-target", "Nothing leaves suspense for cash that others report, or for suspense.")
		}
		if l.Direction == "" {
			p.bad(pointer+"/direction", "required", "Say which side it is.")
		}
		p.oneOf(pointer+"/direction", l.Direction, "debit", "credit")
		p.unit = 1
		sum += l.signed(p.positive(pointer+"/amount", l.Amount))
	}
	if len(p.fields) == 0 && sum != sign(d.Side)*amount {
		p.bad("/lines", "sum", "The lines do not sum to the amount.")
	}
}

// signed is an amount on the line's side, debit positive.
func (l *SuspenseLine) signed(amount money.Minor) money.Minor {
	if l.Direction == "credit" {
		return -amount
	}
	return amount
}

// plan takes it out of suspense. It is a decision, so it leaves no payee below zero.
func (d *SuspenseOut) plan(p *planner) error {
	n, c, amount, err := d.take(p)
	if err != nil {
		return err
	}
	prep, _ := p.read(d.Currency)
	legs := make([]leg, 0, len(d.Lines))
	for i := range d.Lines {
		l := &d.Lines[i]
		legs = append(legs, leg{ledger.Address(l.Account), l.signed(prep.amount("/amount", l.Amount)), ""})
	}
	return d.leave(p, d, periodOf(d.OriginalPeriod), true, n, c, amount, legs...)
}

func (d *SuspenseOut) tell() []Step {
	t, _ := d.tale()
	a := payoutAmounts{currency: t.currency}
	for i := range d.Lines {
		l := &d.Lines[i]
		t.plain("suspense", "It is known what it was", l.owner(), -l.signed(a.of(l.Amount)), "")
	}
	return t.steps
}

// owner is who the line's money belongs to, as a step names it.
func (l *SuspenseLine) owner() string {
	if kind, _, id, ok := splitPayee(ledger.Address(l.Account)); ok {
		return kind + ":" + id
	}
	return l.Account
}

func (d *SuspenseWrittenOff) prepare(p *preparation) {
	d.judge(p)
	p.id("/decision", d.Decision, true)
	p.account("/to", d.To)
	ok := slices.Contains(writeOffs, d.To)
	if d.Side == SideInflow {
		ok = strings.HasPrefix(d.To, "liabilities:unclaimed:") || strings.HasPrefix(d.To, "liabilities:customer_refund_due:")
	}
	if !ok && len(p.fields) == 0 {
		p.bad("/to", "write-off-target", "Money that left becomes a bad debt, a chargeback loss, a processor fee or goodwill. Money that came is kept as unclaimed or owed to who paid it, and is never income.")
	}
}

func (d *SuspenseWrittenOff) plan(p *planner) error {
	n, c, amount, err := d.take(p)
	if err != nil {
		return err
	}
	return d.leave(p, d, 0, true, n, c, amount, leg{ledger.Address(d.To), sign(d.Side) * amount, ""})
}

func (d *SuspenseWrittenOff) tell() []Step {
	t, amount := d.tale()
	title := "Written off, because nobody found out what it was"
	if d.Side == SideInflow {
		title = "Kept for whom it belongs to"
	}
	t.plain("suspense", title, d.To, -sign(d.Side)*amount, "")
	return t.steps
}

func (d *SuspenseReturned) prepare(p *preparation) {
	d.judge(p)
	p.id("/decision", d.Decision, true)
}

// plan takes the cash back to where the line moved it.
func (d *SuspenseReturned) plan(p *planner) error {
	n, c, amount, err := d.take(p)
	if err != nil {
		return err
	}
	return d.leave(p, d, 0, false, n, c, amount, leg{n.Cash, sign(d.Side) * amount, d.Reference})
}

func (d *SuspenseReturned) tell() []Step {
	t, amount := d.tale()
	t.plain("suspense", "In the books already, so it does not wait any more", string(suspenseAccount(d.Side)), sign(d.Side)*amount, "")
	return t.steps
}
