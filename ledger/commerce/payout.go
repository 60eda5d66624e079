package commerce

import (
	"time"

	"mizan/ledger/money"
)

// Payouts as the books see them: each step of a payout is an event of Mizan's own, posted by whoever keeps the payout's
// state, in the transaction that changes it. A step carries all that it needs, so it is computed without reading what came
// before, and its reference is the payout's for ever: no step is posted twice.

// The types of the steps.
const (
	eventPayoutCreated     = "payout.created"
	eventPayoutSubmitted   = "payout.submitted"
	eventPayoutPaid        = "payout.paid"
	eventPayoutCancelled   = "payout.cancelled"
	eventPayoutFailed      = "payout.failed"
	eventPayoutReturned    = "payout.returned"
	eventPayoutPulledBack  = "payout.pulled_back"
	eventPayoutTaxWithheld = "payout.tax_withheld"
	eventPayoutTaxReturned = "payout.tax_returned"
	// eventHoldExecuted is the creation of a payout of blocked money: to a court or an authority (M-27).
	eventHoldExecuted = "hold.executed"
)

// Where a payout's money comes from, and goes back to if it does not arrive.
const (
	// SourceAvailable is what the payee may be paid.
	SourceAvailable = "available"
	// SourceBlocked is what a hold keeps; it is paid to whoever the hold is for.
	SourceBlocked = "blocked"
	// SourceDeposit is a seller's deposit. seller_deposit.refunded has put it in transit, so nothing creates its payout here.
	SourceDeposit = "deposit"
	// SourceTrust is a minor's trust. minor_trust.disbursed has put it in transit, so nothing creates its payout here.
	SourceTrust = "minor_trust"
)

// PayoutTerms are what every step of a payout carries.
type PayoutTerms struct {
	Payout string `json:"payout"`
	// Kind and Payee are whose money it is: a seller, creator, agency or partner.
	Kind  string `json:"kind"`
	Payee string `json:"payee"`
	// Currency is that of all amounts, which are decimal numbers in it.
	Currency string `json:"currency"`
	// Amount is what the receiver gets. Of a payout that was pulled back in part, a later step carries what is left.
	Amount string `json:"amount"`
	// Fee is what the platform keeps for paying, beside the amount: both leave the source in one entry (W-09).
	Fee string `json:"fee,omitempty"`
	// FeeTax is tax on the fee, beside it (M-15), and FeeTaxIn the jurisdiction that it is owed in.
	FeeTax   string `json:"fee_tax,omitempty"`
	FeeTaxIn string `json:"fee_tax_in,omitempty"`
	// Source is where the money comes from, one of the Source words.
	Source string `json:"source"`
	// Receiver is who gets it; empty means the payee.
	Receiver string `json:"receiver,omitempty"`
}

// PayoutCreated locks the money of a payout. It is refused if the source has less.
type PayoutCreated struct {
	PayoutTerms
	// Method is how it is paid, in the words of whoever pays.
	Method string `json:"method,omitempty"`
	// Run is the run that made it, Part its number among the parts of one payment above the maximum.
	Run  string `json:"run,omitempty"`
	Part int    `json:"part,omitempty"`
	// RetryOf is the payout that failed or came back before it.
	RetryOf string `json:"retry_of,omitempty"`
}

// PayoutSubmitted says that the processor accepted the payout and took the money from our balance.
type PayoutSubmitted struct {
	PayoutTerms
	Processor string `json:"processor"`
	// Bank is the own bank account that paid instead of our balance at a processor; empty for the processor.
	Bank string `json:"bank,omitempty"`
	// Entry is the processor's balance transaction.
	Entry string `json:"entry"`
}

// PayoutPaid says that the money has arrived.
type PayoutPaid struct {
	PayoutTerms
	Processor string `json:"processor"`
	// Trace is the bank's reference, if it is known.
	Trace string `json:"trace,omitempty"`
}

// PayoutCancelled says that a payout ended before it was submitted. The fee goes back with the money.
type PayoutCancelled struct {
	PayoutTerms
	Reason string `json:"reason,omitempty"`
}

// PayoutFailed says that a submitted payout did not arrive and that its money is back at the processor. The fee goes back
// with it, and so does what the processor gave back of its own cost: each is a line with its own reference (W-08).
type PayoutFailed struct {
	PayoutTerms
	Processor string `json:"processor"`
	// Bank is the own bank account that paid instead of our balance at a processor; empty for the processor.
	Bank   string `json:"bank,omitempty"`
	Entry  string `json:"entry"`
	Reason string `json:"reason,omitempty"`
	// CostReturned is what the processor gave back of its cost, and CostEntry its balance transaction.
	CostReturned string `json:"cost_returned,omitempty"`
	CostEntry    string `json:"cost_entry,omitempty"`
}

// PayoutReturned says that a bank sent a payout back after it was paid. The fee is kept, unless the fault is ours.
type PayoutReturned struct {
	PayoutTerms
	Processor string `json:"processor"`
	// Bank is the own bank account that paid instead of our balance at a processor; empty for the processor.
	Bank        string `json:"bank,omitempty"`
	Entry       string `json:"entry"`
	Reason      string `json:"reason,omitempty"`
	FeeReturned bool   `json:"fee_returned,omitempty"`
}

// PayoutPulledBack says that a submitted payout which had not been paid was taken back from the payee's account at the
// processor, in whole or in part (M-33).
type PayoutPulledBack struct {
	PayoutTerms
	Processor string `json:"processor"`
	// Bank is the own bank account that paid instead of our balance at a processor; empty for the processor.
	Bank  string `json:"bank,omitempty"`
	Entry string `json:"entry"`
	// Pulled is what was taken back, at most the amount.
	Pulled string `json:"pulled"`
	// FeeReturned gives the fee back, all of it.
	FeeReturned bool `json:"fee_returned,omitempty"`
}

// PayoutTaxWithheld keeps a tax on what is paid, for the tax office. It is refused if less is available. A payout that fails
// does not undo it (M-33).
type PayoutTaxWithheld struct {
	Payout       string `json:"payout"`
	Kind         string `json:"kind"`
	Payee        string `json:"payee"`
	Currency     string `json:"currency"`
	Amount       string `json:"amount"`
	Jurisdiction string `json:"jurisdiction"`
	TaxKind      string `json:"tax_kind"`
}

// PayoutTaxReturned gives back a tax that was withheld on a payment which was given up in the same tax period (M-33).
type PayoutTaxReturned struct{ PayoutTaxWithheld }

// OwnEvent is the data of an event that only Mizan's own services record.
type OwnEvent interface {
	EventData
	// step is the type of the event, and its reference.
	step() (eventType, reference string)
}

// Own returns the event of the data under the reference that it has for ever. It happened at a moment; the zero time means
// when it is recorded. The same data at another moment under the same reference is ledger.ErrReferenceReused.
func Own(d OwnEvent, at time.Time) Event {
	kind, reference := d.step()
	return Event{Type: kind, Reference: reference, OccurredAt: at, Data: d}
}

func stepOf(kind, id string) (eventType, reference string) { return kind, kind + ":" + id }

func (d *PayoutCreated) step() (string, string)   { return stepOf(eventPayoutCreated, d.Payout) }
func (d *PayoutSubmitted) step() (string, string) { return stepOf(eventPayoutSubmitted, d.Payout) }
func (d *PayoutPaid) step() (string, string)      { return stepOf(eventPayoutPaid, d.Payout) }
func (d *PayoutCancelled) step() (string, string) { return stepOf(eventPayoutCancelled, d.Payout) }
func (d *PayoutFailed) step() (string, string)    { return stepOf(eventPayoutFailed, d.Payout) }
func (d *PayoutReturned) step() (string, string)  { return stepOf(eventPayoutReturned, d.Payout) }
func (d *PayoutPulledBack) step() (string, string) {
	return stepOf(eventPayoutPulledBack, d.Payout+":"+d.Entry)
}
func (d *PayoutTaxWithheld) step() (string, string) {
	return stepOf(eventPayoutTaxWithheld, d.Payout+":"+d.Jurisdiction+":"+d.TaxKind)
}
func (d *PayoutTaxReturned) step() (string, string) {
	return stepOf(eventPayoutTaxReturned, d.Payout+":"+d.Jurisdiction+":"+d.TaxKind)
}

func (d *PayoutTerms) subject() string       { return "payout:" + d.Payout }
func (d *PayoutTaxWithheld) subject() string { return "payout:" + d.Payout }

var payoutOwnTypes = []EventType{
	{Name: eventPayoutCreated, Meaning: "A payout was created: its money is locked.", New: func() EventData { return &PayoutCreated{} }, Stored: func() teller { return &PayoutCreated{} }},
	{Name: eventPayoutSubmitted, Meaning: "The processor accepted a payout and took its money from our balance.", New: func() EventData { return &PayoutSubmitted{} }, Stored: func() teller { return &PayoutSubmitted{} }},
	{Name: eventPayoutPaid, Meaning: "A payout has arrived.", New: func() EventData { return &PayoutPaid{} }, Stored: func() teller { return &PayoutPaid{} }},
	{Name: eventPayoutCancelled, Meaning: "A payout was cancelled before it was submitted; its money and its fee are back.", New: func() EventData { return &PayoutCancelled{} }, Stored: func() teller { return &PayoutCancelled{} }},
	{Name: eventPayoutFailed, Meaning: "A payout did not arrive; its money and its fee are back.", New: func() EventData { return &PayoutFailed{} }, Stored: func() teller { return &PayoutFailed{} }},
	{Name: eventPayoutReturned, Meaning: "A bank sent a payout back after it was paid.", New: func() EventData { return &PayoutReturned{} }, Stored: func() teller { return &PayoutReturned{} }},
	{Name: eventPayoutPulledBack, Meaning: "A payout, or a part of it, was taken back before it was paid.", New: func() EventData { return &PayoutPulledBack{} }, Stored: func() teller { return &PayoutPulledBack{} }},
	{Name: eventPayoutTaxWithheld, Meaning: "A tax on a payment was withheld for the tax office.", New: func() EventData { return &PayoutTaxWithheld{} }, Stored: func() teller { return &PayoutTaxWithheld{} }},
	{Name: eventPayoutTaxReturned, Meaning: "A tax that was withheld on a payment is given back, because the payment was given up.", New: func() EventData { return &PayoutTaxReturned{} }, Stored: func() teller { return &PayoutTaxReturned{} }},
}

var payoutParts = map[string]string{
	eventHoldExecuted: "Blocked money is on its way to whoever the hold is for.",
}

// payoutAmounts are the amounts of a payout.
type payoutAmounts struct {
	currency         money.Currency
	amount, fee, tax money.Minor
}

func (a payoutAmounts) whole() money.Minor { return a.amount + a.fee + a.tax }
