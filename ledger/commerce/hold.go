package commerce

import (
	"strconv"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Holds: money of a payee that must not be paid, because of an authority, a court or a suspicion, is blocked with a reason
// and a case. Blocked money pays no debt, no fee and nobody else until the hold ends (C-13). What is not available yet is
// caught by a block flag (block.go).

const (
	eventHoldPlaced      = "hold.placed"
	eventHoldLegalPlaced = "hold.legal_placed"
	eventHoldReleased    = "hold.released"
	eventRecoveredAfter  = "debt.recovered_after_write_off"
)

// The categories of holds. A payee sees the category and never the case.
const (
	HoldKYC       = "kyc"
	HoldSanctions = "sanctions"
	HoldLegal     = "legal"
	HoldFraud     = "fraud"
)

// HoldTerms are what every step of a hold carries.
type HoldTerms struct {
	Hold string `json:"hold"`
	// Kind and Payee are whose money it is: a seller, creator, agency or partner.
	Kind  string `json:"kind"`
	Payee string `json:"payee"`
	// Currency is that of the amounts, which are decimal numbers in it.
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
	// Category is one of the Hold words, Case what it is about in the papers of whoever asked for it.
	Category string `json:"category"`
	Case     string `json:"case"`
}

// HoldPlaced blocks what is available. It is refused if less is.
type HoldPlaced struct {
	HoldTerms
	// Part counts the further amounts that a hold takes as they come: 2, 3 …; the first needs none.
	Part int `json:"part,omitempty"`
}

// HoldReleased gives blocked money back, all or a part. It is refused if less is blocked.
type HoldReleased struct {
	HoldTerms
	// Part counts the further amounts that a hold gives back: 2, 3 …; the first needs none.
	Part int `json:"part,omitempty"`
	// WrittenOff is the part of the amount that pays a debt which was written off before (M-29), at most what of it is not
	// recovered yet.
	WrittenOff string `json:"to_written_off,omitempty"`
}

func (d *HoldTerms) subject() string { return "hold:" + d.Hold }

func (d *HoldPlaced) step() (string, string) {
	return stepOf(eventHoldPlaced, numbered(d.Hold, d.Part))
}
func (d *HoldReleased) step() (string, string) {
	return stepOf(eventHoldReleased, numbered(d.Hold, d.Part))
}

// numbered is an id with the number of a further part.
func numbered(id string, part int) string {
	if part < 2 {
		return id
	}
	return id + ":" + strconv.Itoa(part)
}

func (d *HoldTerms) judge(p *preparation, part int) money.Minor {
	p.id("/hold", d.Hold, true)
	p.payee(d.Kind, d.Payee)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	if d.Category == "" {
		p.bad("/category", "required", "A hold needs a category.")
	}
	p.oneOf("/category", d.Category, HoldKYC, HoldSanctions, HoldLegal, HoldFraud)
	p.document("/case", d.Case, true)
	if part < 0 || part > maxPayoutParts {
		p.bad("/part", "range", "Parts are numbered from 1 to 10000.")
	}
	return p.positive("/amount", d.Amount)
}

func (d *HoldTerms) available() ledger.Address { return payeeAccount(d.Kind, bucketAvailable, d.Payee) }
func (d *HoldTerms) blocked() ledger.Address   { return payeeAccount(d.Kind, bucketBlocked, d.Payee) }

func (d *HoldPlaced) prepare(p *preparation) { d.judge(p, d.Part) }

// plan blocks by decision, so never more than is available. A court's hold has a name of its own.
func (d *HoldPlaced) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	amount := prep.amount("/amount", d.Amount)
	event := eventHoldPlaced
	if d.Category == HoldLegal {
		event = eventHoldLegalPlaced
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: event, kind: eventHoldPlaced, data: data, told: d, decision: true,
		lines: linesOf(c, leg{d.available(), amount, ""}, leg{d.blocked(), -amount, ""})})
}

func (d *HoldPlaced) tell() []Step {
	a := payoutAmounts{currency: money.Currency(d.Currency)}
	t := &tale{currency: a.currency}
	t.plain("hold_source", "Out of what is available", d.Kind+":"+d.Payee, -a.of(d.Amount), "")
	t.plain("hold", "Blocked", d.Kind+":"+d.Payee, a.of(d.Amount), holdReasons[d.Category])
	return t.steps
}

// holdReasons are what a payee may be told about a hold.
var holdReasons = map[string]string{
	HoldKYC: "until it is known who the payee is", HoldSanctions: "until a match with a sanctions list is cleared",
	HoldLegal: "by order of a court or an authority", HoldFraud: "while a suspicion is looked into",
}

func (d *HoldReleased) prepare(p *preparation) {
	amount := d.judge(p, d.Part)
	if p.amount("/to_written_off", d.WrittenOff) > amount {
		p.bad("/to_written_off", "recovered-too-large", "More would pay the debt than is released.")
	}
}

// plan mirrors the hold. What pays a debt that was written off stands in the payee's story of debts, where the write-off
// does, so that nothing is recovered twice.
func (d *HoldReleased) plan(p *planner) error {
	prep, c := p.read(d.Currency)
	amount, recovered := prep.amount("/amount", d.Amount), prep.amount("/to_written_off", d.WrittenOff)
	data, err := p.stored()
	if err != nil {
		return err
	}
	part := 0
	if rest := amount - recovered; rest > 0 {
		if err := p.draft(draftOf{event: eventHoldReleased, data: data, told: d, decision: true,
			lines: linesOf(c, leg{d.blocked(), rest, ""}, leg{d.available(), -rest, ""})}); err != nil {
			return err
		}
		data, part = nil, 1
	}
	if recovered == 0 {
		return nil
	}
	told, err := p.story(debtSubject(d.Kind, d.Payee))
	if err != nil {
		return err
	}
	if open := told.writtenOff(c); recovered > open {
		return ErrWrittenOffSmaller.Withf("Of this payee's debts %s %s is written off and not recovered yet. Say as recovered at most that; the rest is the payee's.", open.Format(c), c)
	}
	return p.draft(draftOf{event: eventRecoveredAfter, kind: eventHoldReleased, part: part, subject: debtSubject(d.Kind, d.Payee), data: data, told: d, decision: true,
		lines: linesOf(c, leg{d.blocked(), recovered, ""}, leg{accountBadDebt, -recovered, ""})})
}

func (d *HoldReleased) tell() []Step {
	a := payoutAmounts{currency: money.Currency(d.Currency)}
	t := &tale{currency: a.currency}
	amount, recovered := a.of(d.Amount), a.of(d.WrittenOff)
	t.plain("hold", "No longer blocked", d.Kind+":"+d.Payee, -amount, "")
	if recovered != 0 {
		t.plain("hold_recovered", "Pays a debt that was written off", accountBadDebt, recovered, "before the payee gets anything")
	}
	t.plain("hold_back", "Available again", d.Kind+":"+d.Payee, amount-recovered, "")
	return t.steps
}

var holdOwnTypes = []EventType{
	{Name: eventHoldPlaced, Meaning: "What a payee had available is blocked.", New: func() EventData { return &HoldPlaced{} }, Stored: func() teller { return &HoldPlaced{} }},
	{Name: eventHoldReleased, Meaning: "Blocked money of a payee is released.", New: func() EventData { return &HoldReleased{} }, Stored: func() teller { return &HoldReleased{} }},
}

var holdParts = map[string]string{
	eventHoldLegalPlaced: "What a payee had available is blocked by order of a court or an authority.",
	eventHoldFilled:      "How much of what a hold waits for has come; this moves no money.",
}
