package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Currencies: money of payees and of ours that changes its currency, and what is open meanwhile. Beside them stands what
// concerns the books as a whole: debts between books, the ends of periods and years, and the beginning of a book.

var currencyTypes = []EventType{
	{Name: "accrual.posted", Meaning: "A cost or an income of a period whose document has not come yet.", New: func() EventData { return &AccrualPosted{} }},
	{Name: "accrual.reversed", Meaning: "An accrual ends on the first day of the next period.", New: func() EventData { return &AccrualReversed{} }},
	{Name: "audit.adjusted", Meaning: "The auditors had a period corrected, with a reason, a document and two approvers.", New: func() EventData { return &AuditAdjusted{} }, SecondPerson: true},
	{Name: "currency.redenominated", Meaning: "A currency was replaced by law; an account changes at the legal rate.", New: func() EventData { return &Redenominated{} },
		Stored: func() teller { return &redenominatedStored{} }},
	{Name: "debt.set_off_in", Meaning: "Another book of ours paid a payee's debt from what the payee has there.", New: func() EventData { return &SetOffIn{} }},
	{Name: "debt.set_off_out", Meaning: "What a payee has here pays the payee's debt in another book of ours.", New: func() EventData { return &SetOffOut{} },
		Stored: func() teller { return &setOffStored{} }},
	{Name: "fx.converted", Meaning: "A payee's balance changed its currency, at a rate and a margin that the payee was shown.", New: func() EventData { return &FXConverted{} },
		Stored: func() teller { return &conversionStored{} }},
	{Name: "fx.debt_recovered", Meaning: "What a payee has in one currency pays the payee's debt in another, at mid and without a margin.", New: func() EventData { return &FXDebtRecovered{} },
		Stored: func() teller { return &debtStored{} }},
	{Name: "fx.position_closed", Meaning: "What conversions and their execution left in our own currency goes to profit and loss.", New: func() EventData { return &FXPositionClosed{} },
		Stored: func() teller { return &positionStored{} }},
	{Name: "fx.revaluation_reversed", Meaning: "A revaluation ends on the first day of the next period.", New: func() EventData { return &FXRevaluationReversed{} }},
	{Name: "fx.revalued", Meaning: "Open currency is valued at the closing rate; the difference is not realised.", New: func() EventData { return &FXRevalued{} },
		Stored: func() teller { return &revaluedStored{} }},
	{Name: "fx.settled_by_processor", Meaning: "The processor exchanged a payment, or a refund, on its way.", New: func() EventData { return &FXSettledByProcessor{} }},
	{Name: "fx.treasury_executed", Meaning: "We exchanged money of ours, for one conversion or many.", New: func() EventData { return &FXTreasuryExecuted{} }},
	{Name: "intercompany.charged", Meaning: "One book of ours charged another for a service.", New: func() EventData { return &IntercompanyCharged{} }},
	{Name: "intercompany.paid", Meaning: "This book paid what it owed to another book of ours.", New: func() EventData { return &IntercompanyPaid{} }},
	{Name: "intercompany.received", Meaning: "Another book of ours paid what it owed to this one.", New: func() EventData { return &IntercompanyReceived{} }},
	{Name: "opening.balance", Meaning: "What a book begins with, in one batch that two people signed.", New: func() EventData { return &OpeningBalance{} },
		Stored: func() teller { return &openingStored{} }, SecondPerson: true},
	{Name: "year.closed", Meaning: "A year's revenue and expenses go to retained earnings.", New: func() EventData { return &YearClosed{} },
		Stored: func() teller { return &yearStored{} }},
}

var currencyOwnTypes []EventType

var currencyParts map[string]string

const (
	accountFXPosition    ledger.Address = "assets:fx_position"
	accountFXRevaluation ledger.Address = "assets:fx_revaluation"
	accountFXMargin      ledger.Address = "revenue:fx_margin"
	accountFXGainLoss    ledger.Address = "expenses:fx_gain_loss"
	accountFXUnrealised  ledger.Address = "expenses:fx_unrealised"
)

// PayeeRef names a payee.
type PayeeRef struct {
	Kind string `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	ID   string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee's id" example:"sel_cn"`
}

func (r PayeeRef) prepare(p *preparation, pointer string) {
	p.oneOf(pointer+"/kind", r.Kind, payeeKinds...)
	if r.Kind == "" {
		p.bad(pointer+"/kind", "required", "Say what the payee is.")
	}
	p.id(pointer+"/id", r.ID, true)
}

func (r PayeeRef) available() ledger.Address { return payeeAccount(r.Kind, bucketAvailable, r.ID) }

// String returns kind:id.
func (r PayeeRef) String() string { return r.Kind + ":" + r.ID }

// CurrencyAmount is an amount in its currency.
type CurrencyAmount struct {
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"GBP"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The amount" example:"13.23"`
}

// prepare reads the amount, which is more than zero, in the smallest unit of its currency.
func (a CurrencyAmount) prepare(p *preparation, pointer string) (money.Currency, money.Minor) {
	c := p.useCurrency(pointer+"/currency", a.Currency)
	p.unit = 1
	return c, p.positive(pointer+"/amount", a.Amount)
}

// WantedAmount is an amount in its currency; left out, it is all there is.
type WantedAmount struct {
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"GBP"`
	Amount   string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The amount; left out, all there is" example:"13.23"`
}

func (a WantedAmount) prepare(p *preparation, pointer string) (money.Currency, money.Minor) {
	c := p.useCurrency(pointer+"/currency", a.Currency)
	if a.Amount == "" {
		return c, 0
	}
	return c, p.positive(pointer+"/amount", a.Amount)
}

// kept is an amount in minor units as a record keeps it, beside its currency.
type kept int64

func (k kept) minor() money.Minor { return money.Minor(k) }

// happened is when the planned event happened.
func (p *planner) happened() time.Time {
	if p.event.OccurredAt.IsZero() {
		return p.service.now()
	}
	return p.event.OccurredAt
}

// begins returns the story of a subject that nothing may have been told about, or ErrRepeated with the words.
func (p *planner) begins(subject, repeated string) error {
	told, err := p.story(subject)
	if err == nil && told.begun() {
		err = ErrRepeated.With(repeated)
	}
	return err
}

// firstOfNext is the first moment of the period after the one in which t falls.
func firstOfNext(t time.Time, at *time.Location) time.Time {
	t = t.In(at)
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, at)
}

// undo mirrors the one transaction of a story on the first day of the next period. It is refused before that day.
func (p *planner) undo(s *story, begun, kind, unknown string) error {
	first := s.first(begun)
	switch {
	case first == nil:
		return ErrOrderUnknown.With(unknown)
	case s.first(kind) != nil:
		return ErrRepeated.With("This was reversed before.")
	}
	day := firstOfNext(first.OccurredAt, p.book.Location())
	if now := p.happened(); now.Before(day) {
		return ErrTooEarly.Withf("This is reversed on the first day of the next period, %s. Send it then.", day.Format(time.DateOnly))
	}
	var lines []ledger.Line
	for _, e := range first.Entries {
		lines = append(lines, ledger.Line{Account: e.Account, Amount: -e.Amount, Currency: e.Currency})
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if err := p.draft(draftOf{event: kind, data: data, lines: lines, original: first.Period}); err != nil {
		return err
	}
	p.drafts[len(p.drafts)-1].OccurredAt = day
	return nil
}
