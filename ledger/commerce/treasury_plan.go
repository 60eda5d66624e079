package commerce

import (
	"cmp"
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What sweeps and top-ups post. A sweep is decided on the coverage as it stands: the plan rests on the story of the
// currency's coverage, so of two sweeps at once the second is decided on what the first left. Other events do not rest on
// it: a refund that is recorded between the look and the sweep can leave a shortfall, which the coverage report then shows.

var (
	// ErrSweepTooLarge means that a sweep would take money that is kept for others.
	ErrSweepTooLarge = fault.New(fault.Conflict, "sweep-too-large", "This sweep would take money that is kept for others. Sweep less, or wait until more has come in.")
	// ErrCashMissing means that there is less money at a place than is to be sent from it.
	ErrCashMissing = fault.New(fault.Conflict, "cash-missing", "There is less money at the place it would be sent from. Send less, or post first what came in.")
	// ErrTransferUnknown means that no such transfer was sent.
	ErrTransferUnknown = fault.New(fault.NotFound, "transfer-unknown", "No transfer of this id was sent. Check its id.")
	// ErrTransferDone means that a transfer has arrived or come back already.
	ErrTransferDone = fault.New(fault.Conflict, "transfer-done", "This transfer has arrived or come back already. Check its id.")
)

// The routes of our own money.
const (
	routeProcessorBank        = "processor-bank"
	routeProcessorClient      = "processor-client"
	routeProcessorSafeguarded = "processor-safeguarded"
	routeBankProcessor        = "bank-processor"
)

// factRecorded is the event of a transaction that posts nothing and only tells that something was decided.
const factRecorded = "order.fact_recorded"

func transitAccount(route string) ledger.Address {
	return ledger.Address("assets:treasury_in_transit:" + route)
}

// bankAccount is an account of ours at a bank; the kind is operating, client or safeguarded.
func bankAccount(kind, id string) ledger.Address {
	return ledger.Address("assets:bank:" + kind + ":" + id)
}

// leg is a line of a movement: debit positive. One of zero is left out.
type leg struct {
	account ledger.Address
	amount  money.Minor
	ref     string
}

func linesOf(c money.Currency, legs ...leg) (lines []ledger.Line) {
	for _, l := range legs {
		if l.amount != 0 {
			lines = append(lines, ledger.Line{Account: l.account, Amount: l.amount, Currency: c, ExternalRef: l.ref})
		}
	}
	return lines
}

// move posts what happened as it was told.
func (p *planner) move(c money.Currency, memo string, legs ...leg) error {
	return p.moveBy(false, c, memo, legs...)
}

// decide posts a decision of ours, which may leave no payee below zero.
func (p *planner) decide(c money.Currency, memo string, legs ...leg) error {
	return p.moveBy(true, c, memo, legs...)
}

func (p *planner) moveBy(decision bool, c money.Currency, memo string, legs ...leg) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: p.event.Type, data: data, memo: memo, decision: decision, lines: linesOf(c, legs...)})
}

// firstTime rests on the event's subject having no story yet.
func (p *planner) firstTime(why string) error {
	told, err := p.story(p.event.Data.subject())
	if err == nil && told.begun() {
		return ErrRepeated.With(why)
	}
	return err
}

// read reads amounts that preparation has accepted.
func (p *planner) read(currency string) (*preparation, money.Currency) {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", currency)
	prep.unit = 1
	return prep, c
}

func (d *TreasurySwept) subject() string     { return "transfer:" + d.Transfer }
func (d *TreasuryLanded) subject() string    { return "transfer:" + d.Transfer }
func (d *TreasuryFailed) subject() string    { return "transfer:" + d.Transfer }
func (d *ProcessorToppedUp) subject() string { return "transfer:" + d.Transfer }
func (d *TopupLanded) subject() string       { return "transfer:" + d.Transfer }
func (d *TopupReversed) subject() string     { return "transfer:" + d.Transfer }

// contends names what sweeps wait for each other by.
func (d *TreasurySwept) contends() string     { return "coverage:" + d.Currency }
func (d *ProcessorToppedUp) contends() string { return "coverage:" + d.Currency }

func (d *TreasurySwept) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	if d.Purpose == "" {
		p.bad("/purpose", "required", "A sweep needs its purpose.")
	}
	p.oneOf("/purpose", d.Purpose, "own", "tax", "carrier", "client", "safeguarded")
	p.id("/processor", d.Processor, true)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

// ends are the transfer's route and the account where it arrives.
func (d *TreasurySwept) ends() (route, bank ledger.Address) {
	switch d.Purpose {
	case "client":
		return transitAccount(routeProcessorClient), bankAccount("client", d.Bank)
	case "safeguarded":
		return transitAccount(routeProcessorSafeguarded), bankAccount("safeguarded", d.Bank)
	}
	return transitAccount(routeProcessorBank), bankAccount("operating", d.Bank)
}

// coverageChecked is what a sweep was decided on.
type coverageChecked struct {
	AtSequence int64  `json:"at_sequence"`
	Purpose    string `json:"purpose"`
	Cash       string `json:"cash"`
	Owed       string `json:"owed"`
	Limit      string `json:"limit"`
}

func (d *TreasurySwept) plan(p *planner) error {
	if err := p.firstTime("A transfer of this id was sent before. Give this one an id of its own."); err != nil {
		return err
	}
	if _, err := p.story(d.contends()); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	from := processorAccount(bucketAvailable, d.Processor)
	there, err := p.balanceIn(from, c)
	if err != nil {
		return err
	}
	if amount > -there {
		return ErrCashMissing.Withf("The processor's account holds %s %s available. Sweep at most that, or post first what came in.", max(0, -there).Format(c), c)
	}
	cov, at, err := p.coverIn(c)
	if err != nil {
		return err
	}
	limit := amount
	switch d.Purpose {
	case "own":
		limit = cov.sweepable()
	case "tax":
		limit = cov.sweepableFor("taxes")
	case "carrier":
		limit = cov.sweepableFor("carriers")
	}
	if amount > limit {
		return ErrSweepTooLarge.Withf("At most %s %s may be swept for this purpose now; the rest is kept for others or not owed. Sweep at most that.", limit.Format(c), c)
	}
	route, _ := d.ends()
	if err := p.move(c, "", leg{route, amount, ""}, leg{from, -amount, d.Transfer}); err != nil {
		return err
	}
	data, err := json.Marshal(coverageChecked{at, d.Purpose, sumMinor(cov.cash).Format(c), sumMinor(cov.owed).Format(c), limit.Format(c)})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: factRecorded, kind: p.event.Type, part: 1, subject: d.contends(), data: data})
}

// sentAs reads the transfer that an event goes on with.
func sentAs[T any](p *planner, kind string) (told *story, d T, c money.Currency, amount money.Minor, err error) {
	if told, err = p.story(p.event.Data.subject()); err != nil {
		return told, d, "", 0, err
	}
	t := told.first(kind)
	if t == nil {
		return told, d, "", 0, ErrTransferUnknown
	}
	if d, err = storedAs[T](t); err != nil {
		return told, d, "", 0, err
	}
	for _, e := range t.Entries {
		if e.Amount > 0 {
			c, amount = e.Currency, e.Amount
		}
	}
	return told, d, c, amount, nil
}

func (d *TreasuryLanded) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	p.shown(d.Reference)
}

// shown checks what a bank or a processor calls a movement, if that is said.
func (p *preparation) shown(reference string) {
	if reference != "" {
		p.lineReference("/reference", reference)
	}
}

func (d *TreasuryLanded) plan(p *planner) error {
	told, swept, c, amount, err := sentAs[TreasurySwept](p, "treasury.swept")
	if err != nil {
		return err
	}
	if told.first("treasury.landed") != nil || told.first("treasury.failed") != nil {
		return ErrTransferDone
	}
	route, bank := swept.ends()
	return p.move(c, "", leg{bank, amount, cmp.Or(d.Reference, d.Transfer)}, leg{route, -amount, ""})
}

func (d *TreasuryFailed) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	p.id("/reason", d.Reason, false)
}

func (d *TreasuryFailed) plan(p *planner) error {
	told, swept, c, amount, err := sentAs[TreasurySwept](p, "treasury.swept")
	if err != nil {
		return err
	}
	if told.first("treasury.landed") != nil || told.first("treasury.failed") != nil {
		return ErrTransferDone
	}
	route, _ := swept.ends()
	return p.move(c, d.Reason, leg{processorAccount(bucketAvailable, swept.Processor), amount, d.Transfer}, leg{route, -amount, ""})
}

func (d *ProcessorToppedUp) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	p.id("/processor", d.Processor, true)
	p.id("/bank", d.Bank, true)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

// plan sends at most what the bank account holds. Of two top-ups at once the second is decided on what the first left.
func (d *ProcessorToppedUp) plan(p *planner) error {
	if err := p.firstTime("A transfer of this id was sent before. Give this one an id of its own."); err != nil {
		return err
	}
	if _, err := p.story(d.contends()); err != nil {
		return err
	}
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	from := bankAccount("operating", d.Bank)
	there, err := p.balanceIn(from, c)
	if err != nil {
		return err
	}
	if amount > -there {
		return ErrCashMissing.Withf("The bank account holds %s %s. Send at most that, or post first what came in.", max(0, -there).Format(c), c)
	}
	cov, at, err := p.coverIn(c)
	if err != nil {
		return err
	}
	if err := p.move(c, "", leg{transitAccount(routeBankProcessor), amount, ""}, leg{from, -amount, d.Transfer}); err != nil {
		return err
	}
	data, err := json.Marshal(coverageChecked{at, "top-up", sumMinor(cov.cash).Format(c), sumMinor(cov.owed).Format(c), (-there).Format(c)})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: factRecorded, kind: p.event.Type, part: 1, subject: d.contends(), data: data})
}

func (d *TopupLanded) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	p.shown(d.Reference)
}

func (d *TopupLanded) plan(p *planner) error {
	told, up, c, amount, err := sentAs[ProcessorToppedUp](p, "processor.topped_up")
	if err != nil {
		return err
	}
	if told.first("processor.topup_landed") != nil || told.first("processor.topup_reversed") != nil {
		return ErrTransferDone
	}
	return p.move(c, "", leg{processorAccount(bucketAvailable, up.Processor), amount, cmp.Or(d.Reference, d.Transfer)}, leg{transitAccount(routeBankProcessor), -amount, ""})
}

func (d *TopupReversed) prepare(p *preparation) {
	p.id("/transfer", d.Transfer, true)
	p.id("/reason", d.Reason, false)
}

// plan takes the money from where it is: under way, or at the processor.
func (d *TopupReversed) plan(p *planner) error {
	told, up, c, amount, err := sentAs[ProcessorToppedUp](p, "processor.topped_up")
	if err != nil {
		return err
	}
	if told.first("processor.topup_reversed") != nil {
		return ErrTransferDone
	}
	from := transitAccount(routeBankProcessor)
	if told.first("processor.topup_landed") != nil {
		from = processorAccount(bucketAvailable, up.Processor)
	}
	return p.move(c, d.Reason, leg{bankAccount("operating", up.Bank), amount, d.Transfer}, leg{from, -amount, ""})
}
