package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What the trust of a minor posts. Each event rests on the trust's own story, so two of them never move the same money.

const eventTrustCashReturned = "minor_trust.cash_returned"

var (
	// ErrTrustExceeded means that more would be moved than is set aside and still with us.
	ErrTrustExceeded = fault.New(fault.Conflict, "trust-exceeded", "More would be moved than is set aside for this minor and not deposited yet. Look at the trust's balance; nothing was posted.")
	// ErrStillMinor means that the creator is not registered as grown up.
	ErrStillMinor = fault.New(fault.Conflict, "minor-still", "The creator is registered as a minor, or not registered at all. Register that the creator came of age first.")
	// ErrTrustEmpty means that nothing is set aside.
	ErrTrustEmpty = ErrNothingWaits.With("Nothing is set aside for this creator in this currency.")
)

func (d *TrustDeposited) subject() string { return trustSubject(d.Creator) }
func (d *TrustDisbursed) subject() string { return trustSubject(d.Creator) }
func (d *TrustReleased) subject() string  { return trustSubject(d.Creator) }

func (d *TrustDeposited) prepare(p *preparation) {
	p.id("/deposit", d.Deposit, true)
	p.id("/creator", d.Creator, true)
	p.id("/processor", d.Processor, true)
	p.id("/transfer", d.Transfer, false)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *TrustDisbursed) prepare(p *preparation) {
	p.id("/disbursement", d.Disbursement, true)
	p.id("/creator", d.Creator, true)
	p.id("/custodian", d.Custodian, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *TrustReleased) prepare(p *preparation) {
	p.id("/release", d.Release, true)
	p.id("/creator", d.Creator, true)
	p.id("/processor", d.Processor, false)
	p.useCurrency("/currency", d.Currency)
}

// trustChapters reads the trust's story, and refuses an id that was used before under another reference.
func trustChapters[T any](p *planner, event, creator, id string, idOf func(T) string) error {
	told, err := p.story(trustSubject(creator))
	if err != nil {
		return err
	}
	for _, t := range told.chapters(event) {
		before, err := storedAs[T](t)
		if err != nil {
			return err
		}
		if idOf(before) == id {
			return ErrRepeated.With("A movement of this id was recorded for this trust before.")
		}
	}
	return nil
}

// movable reads an amount, and refuses more than is set aside and not deposited.
func (p *planner) movable(creator, currency, text string) (money.Currency, money.Minor, error) {
	c, err := money.ParseCurrency(currency)
	if err != nil {
		return c, 0, err
	}
	amount, err := money.ParseAmount(text, c)
	if err != nil {
		return c, 0, err
	}
	free, err := p.trustUndeposited(creator, c)
	if err == nil && amount > free {
		err = ErrTrustExceeded
	}
	return c, amount, err
}

func (d *TrustDeposited) plan(p *planner) error {
	if err := trustChapters(p, "minor_trust.deposited", d.Creator, d.Deposit, func(x TrustDeposited) string { return x.Deposit }); err != nil {
		return err
	}
	c, amount, err := p.movable(d.Creator, d.Currency, d.Amount)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "minor_trust.deposited", data: data, decision: true, lines: []ledger.Line{
		{Account: trustBank(d.Creator), Amount: amount, Currency: c, ExternalRef: d.Transfer},
		{Account: processorAccount(bucketAvailable, d.Processor), Amount: -amount, Currency: c, ExternalRef: d.Transfer},
	}})
}

func (d *TrustDisbursed) plan(p *planner) error {
	if err := trustChapters(p, "minor_trust.disbursed", d.Creator, d.Disbursement, func(x TrustDisbursed) string { return x.Disbursement }); err != nil {
		return err
	}
	c, amount, err := p.movable(d.Creator, d.Currency, d.Amount)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "minor_trust.disbursed", data: data, decision: true, lines: []ledger.Line{
		{Account: payeeAccount("creator", bucketTrust, d.Creator), Amount: amount, Currency: c},
		{Account: inTransitTo(d.Custodian), Amount: -amount, Currency: c},
	}})
}

// plan gives the creator all of the trust, and lets deposited money follow.
func (d *TrustReleased) plan(p *planner) error {
	if err := trustChapters(p, "minor_trust.released", d.Creator, d.Release, func(x TrustReleased) string { return x.Release }); err != nil {
		return err
	}
	payee, err := p.service.look.payee(p.ctx, p.book, d.Creator)
	if fault.CodeOf(err) == ErrPayeeUnknown.Code || err == nil && payee.Minor {
		return ErrStillMinor
	}
	if err != nil {
		return err
	}
	c, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return err
	}
	trust := payeeAccount("creator", bucketTrust, d.Creator)
	amount, err := p.balanceIn(trust, c)
	if err != nil {
		return err
	}
	if amount <= 0 {
		return ErrTrustEmpty
	}
	bank, err := p.balanceIn(trustBank(d.Creator), c)
	if err != nil {
		return err
	}
	if bank < 0 && d.Processor == "" {
		return ledger.ErrInvalid.At("/data/processor", "required", "Money of this trust was deposited. Name the account at the processor that it comes back to.")
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: "minor_trust.released", data: data, decision: true,
		lines: creditLines(c, positions{{trust, -amount}, {payeeAccount("creator", bucketAvailable, d.Creator), amount}})}); err != nil || bank >= 0 {
		return err
	}
	return p.draft(draftOf{event: eventTrustCashReturned, kind: p.event.Type, part: 1,
		lines: creditLines(c, positions{{processorAccount(bucketAvailable, d.Processor), bank}, {trustBank(d.Creator), -bank}})})
}
