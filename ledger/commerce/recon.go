package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
)

// What reconciliation decides: each is an event of Mizan's own, posted by whoever compares the books with what processors
// and banks report, in the transaction that keeps its state. What it found waits in suspense under the reference of the
// line, as part of a break, until a business event takes it, or two people say what it is.

// The types of what reconciliation posts.
const (
	eventFeeTruedUp       = "recon.fee_trued_up"
	eventSuspenseIn       = "recon.suspense_in"
	eventSuspenseOut      = "recon.suspense_out"
	eventWrittenOff       = "recon.written_off"
	eventSuspenseReturned = "recon.suspense_returned"
)

var (
	// ErrSuspenseUnknown means that nothing of a break ever waited under a reference.
	ErrSuspenseUnknown = fault.New(fault.NotFound, "suspense-unknown", "Nothing of this break was put into suspense under this reference. Check the break and the reference.")
	// ErrSuspenseLess means that less waits than would leave.
	ErrSuspenseLess = fault.New(fault.Conflict, "suspense-less", "Less of this break waits in suspense than would leave. Look at what waits now, and decide on at most that.")
)

// FeeTruedUp says that a processor took another fee for a payment than was recorded.
type FeeTruedUp struct {
	Processor string `json:"processor"`
	// Bucket is where the difference was taken from, or came back to: pending or available; empty means pending.
	Bucket   string `json:"bucket,omitempty"`
	Currency string `json:"currency"`
	// Amount is the difference. Direction is debit if the fee is higher than recorded, and credit if it is lower.
	Amount    string `json:"amount"`
	Direction string `json:"direction"`
	// Reference is the processor's line: a payment or a balance transaction.
	Reference string `json:"reference"`
	// Payment is the payment whose fee it is, if it is known, and OriginalPeriod the period it belongs to, such as 2026-11.
	Payment        string `json:"payment,omitempty"`
	OriginalPeriod string `json:"original_period,omitempty"`
}

// SuspensePlace is where cash is: at a processor, or in a bank account of ours.
type SuspensePlace struct {
	Processor string `json:"processor,omitempty"`
	// Bucket is pending or available; empty means available.
	Bucket string `json:"bucket,omitempty"`
	Bank   string `json:"bank,omitempty"`
	// BankKind is operating, client or safeguarded; empty means operating.
	BankKind string `json:"bank_kind,omitempty"`
}

// SuspenseTerms are what is said of money in suspense.
type SuspenseTerms struct {
	Break string `json:"break"`
	// Reference is the processor's or bank's id of the line: 1 to 128 printable characters.
	Reference string `json:"reference"`
	// Side is one of the Side words.
	Side     string `json:"side"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// SuspenseIn puts a line that nobody has explained into suspense.
type SuspenseIn struct {
	SuspenseTerms
	Where SuspensePlace `json:"where"`
	// OriginalPeriod is the period of what the line refers to, if it is known, such as 2026-11.
	OriginalPeriod string `json:"original_period,omitempty"`
}

// SuspenseOut says what something in suspense is: it leaves suspense against the lines, which sum to the amount.
type SuspenseOut struct {
	SuspenseTerms
	// Decision is the id of what was decided; it is carried out once.
	Decision string `json:"decision"`
	// Lines are where it belongs, 1 to 50: neither cash that others report nor suspense.
	Lines []SuspenseLine `json:"lines"`
	// OriginalPeriod is the period of what it turned out to be, if it is known, such as 2026-11.
	OriginalPeriod string `json:"original_period,omitempty"`
}

// SuspenseLine is a line of what suspense turned out to be.
type SuspenseLine struct {
	Account   string `json:"account"`
	Direction string `json:"direction"`
	Amount    string `json:"amount"`
}

// SuspenseWrittenOff gives up to find out what something in suspense is. Money that left is a cost of ours. Money that came
// is never income: it is kept as unclaimed, or owed to who paid it.
type SuspenseWrittenOff struct {
	SuspenseTerms
	Decision string `json:"decision"`
	// To is expenses:bad_debt, expenses:chargeback_loss, expenses:processor_fee or expenses:goodwill for an outflow, and
	// liabilities:unclaimed:<jurisdiction> or liabilities:customer_refund_due:<owner> for an inflow.
	To string `json:"to"`
}

// SuspenseReturned takes back that a line was put into suspense, because the books had it already.
type SuspenseReturned struct {
	SuspenseTerms
	Decision string `json:"decision"`
}

func (d *FeeTruedUp) step() (string, string) {
	return stepOf(eventFeeTruedUp, d.Processor+":"+d.Reference)
}
func (d *SuspenseIn) step() (string, string) {
	return stepOf(eventSuspenseIn, d.Break+":"+d.Reference)
}
func (d *SuspenseOut) step() (string, string) {
	return stepOf(eventSuspenseOut, d.Break+":"+d.Decision)
}
func (d *SuspenseWrittenOff) step() (string, string) {
	return stepOf(eventWrittenOff, d.Break+":"+d.Decision)
}
func (d *SuspenseReturned) step() (string, string) {
	return stepOf(eventSuspenseReturned, d.Break+":"+d.Decision)
}

// subject of a true-up is the payment, if it is known.
func (d *FeeTruedUp) subject() string {
	if d.Payment != "" {
		return "payment:" + d.Payment
	}
	return ""
}
func (d *SuspenseTerms) subject() string { return breakSubject(d.Break) }

var reconOwnTypes = []EventType{
	{Name: eventFeeTruedUp, Meaning: "The processor took another fee than was recorded.", New: func() EventData { return &FeeTruedUp{} }, Stored: func() teller { return &FeeTruedUp{} }},
	{Name: eventSuspenseIn, Meaning: "The processor or the bank shows what the books do not know; it waits in suspense.", New: func() EventData { return &SuspenseIn{} }, Stored: func() teller { return &SuspenseIn{} }},
	{Name: eventSuspenseOut, Meaning: "What waited in suspense turned out to be something.", New: func() EventData { return &SuspenseOut{} }, Stored: func() teller { return &SuspenseOut{} }},
	{Name: eventWrittenOff, Meaning: "What waited in suspense is written off, or kept for whom it belongs to.", New: func() EventData { return &SuspenseWrittenOff{} }, Stored: func() teller { return &SuspenseWrittenOff{} }},
	{Name: eventSuspenseReturned, Meaning: "What waited in suspense was in the books already; it goes back to its cash account.", New: func() EventData { return &SuspenseReturned{} }, Stored: func() teller { return &SuspenseReturned{} }},
}

// account is the cash account of the place.
func (w *SuspensePlace) account() ledger.Address {
	if w.Bank != "" {
		kind := w.BankKind
		if kind == "" {
			kind = "operating"
		}
		return bankAccount(kind, w.Bank)
	}
	bucket := w.Bucket
	if bucket == "" {
		bucket = bucketAvailable
	}
	return processorAccount(bucket, w.Processor)
}
