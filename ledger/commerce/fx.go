package commerce

import (
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Exchange of a payee's money. The payee was shown the mid rate, the margin, their source and their time; all of it is kept
// with the conversion. Until the treasury has exchanged the money, the two legs stand in the position.

const (
	// rateAge is how old a mid rate may be when it is used (fx.max_age).
	rateAge = 24 * time.Hour
	// rateAhead is how far a rate's time may lie after its use: clocks differ a little.
	rateAhead = 5 * time.Minute
)

// maxMargin is the highest margin on a mid rate (fx.cap).
var maxMargin = money.MustPercent("2")

var (
	// ErrRateOld means that a rate is older than rateAge, or of the future.
	ErrRateOld = fault.New(fault.Conflict, "fx-rate-old", "The rate was not quoted within the 24 hours before the exchange. Send one that was, and the time of its quote.")
	// ErrNothingToConvert means that the payee has nothing in the currency, or too little to be anything in the other.
	ErrNothingToConvert = fault.New(fault.Conflict, "fx-nothing", "There is nothing that could be exchanged, or less than the smallest amount of the other currency. Nothing was posted.")
	// ErrPositionOpen means that a leg in a foreign currency is open.
	ErrPositionOpen = fault.New(fault.Conflict, "fx-position-open", "Conversions are still open in a foreign currency. Record their execution first, or revalue what stays open.")
	// ErrTooEarly means that an event belongs to a day that has not come.
	ErrTooEarly = fault.New(fault.Conflict, "too-early", "This belongs to a day that has not come. Send it then.")
)

// FXConverted changes a payee's available balance to another currency (row 264, A-28).
type FXConverted struct {
	Conversion string       `json:"conversion" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The conversion's id" example:"FX-1"`
	Payee      PayeeRef     `json:"payee" doc:"Whose money it is"`
	From       WantedAmount `json:"from" doc:"What is exchanged; without an amount, all that is available"`
	To         string       `json:"to" pattern:"^[A-Z]{3}$" doc:"The currency that the payee gets" example:"USD"`
	Mid        string       `json:"mid" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"How much of the new currency one of the old is worth at mid" example:"1.2700"`
	Margin     string       `json:"margin" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Our part of the mid rate, at most 0.02" example:"0.0100"`
	RateID     string       `json:"rate_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The source's id of the rate" example:"R-77"`
	Source     string       `json:"source" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who published the mid rate" example:"ecb"`
	QuotedAt   time.Time    `json:"quoted_at" format:"date-time" doc:"When it was published, at most 24 hours before" example:"2026-11-20T09:00:00Z"`
}

// FXDebtRecovered pays a payee's debt in one currency from what the payee has in another (M-30).
type FXDebtRecovered struct {
	Recovery string       `json:"recovery" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The recovery's id" example:"FXD-1"`
	Payee    PayeeRef     `json:"payee" doc:"Whose debt it is"`
	Debt     WantedAmount `json:"debt" doc:"What is paid of the debt; without an amount, all of it"`
	From     string       `json:"from" pattern:"^[A-Z]{3}$" doc:"The currency that pays it" example:"USD"`
	Mid      string       `json:"mid" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"How much of the paying currency one of the debt's is worth at mid" example:"1.2700"`
	RateID   string       `json:"rate_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The source's id of the rate" example:"R-78"`
	Source   string       `json:"source" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who published the mid rate" example:"ecb"`
	QuotedAt time.Time    `json:"quoted_at" format:"date-time" doc:"When it was published, at most 24 hours before" example:"2026-11-20T09:00:00Z"`
}

func (d *FXConverted) subject() string     { return "conversion:" + d.Conversion }
func (d *FXDebtRecovered) subject() string { return "fx_recovery:" + d.Recovery }

// price reads a rate that is more than zero.
func (p *preparation) price(pointer, s string) money.Rate {
	r, err := money.ParseRate(s)
	if err == nil && r.IsZero() {
		err = money.ErrRateRange.With("The exchange rate must be more than zero. Correct the rate.")
	}
	if err != nil {
		p.because(pointer, err)
	}
	return r
}

// quote checks a mid rate with its source and time.
func (p *preparation) quote(mid, rateID, source string, at time.Time) money.Rate {
	p.id("/rate_id", rateID, false)
	p.id("/source", source, true)
	if at.Year() < 2000 || at.Year() > 2999 {
		p.bad("/quoted_at", "date-range", "A rate's time has a year from 2000 to 2999.")
	}
	return p.price("/mid", mid)
}

// exchanged checks that the currencies differ.
func (p *preparation) exchanged(pointer string, from, to money.Currency) {
	if from == to && from != "" {
		p.bad(pointer, "currency", "An exchange has two currencies.")
	}
}

func (d *FXConverted) prepare(p *preparation) {
	p.id("/conversion", d.Conversion, true)
	d.Payee.prepare(p, "/payee")
	from, _ := d.From.prepare(p, "/from")
	p.exchanged("/to", from, p.useCurrency("/to", d.To))
	mid := p.quote(d.Mid, d.RateID, d.Source, d.QuotedAt)
	margin, err := money.ParseRate(d.Margin)
	if err == nil && margin.Compare(maxMargin) > 0 {
		err = money.ErrRateRange.With("The margin is at most 0.02, which is 2 %.")
	}
	if err == nil {
		_, err = mid.Discounted(margin)
	}
	if err != nil {
		p.because("/margin", err)
	}
}

func (d *FXDebtRecovered) prepare(p *preparation) {
	p.id("/recovery", d.Recovery, true)
	d.Payee.prepare(p, "/payee")
	debt, _ := d.Debt.prepare(p, "/debt")
	p.exchanged("/from", debt, p.useCurrency("/from", d.From))
	p.quote(d.Mid, d.RateID, d.Source, d.QuotedAt)
}

// fresh returns ErrRateOld for a rate that was not quoted shortly before the event.
func (p *planner) freshRate(quoted time.Time) error {
	if age := p.happened().Sub(quoted); age > rateAge || age < -rateAhead {
		return ErrRateOld.At("/data/quoted_at", "fx-rate-old", "Quoted more than 24 hours before the exchange, or after it.")
	}
	return nil
}

// conversionStored is a conversion with what was looked up: the amounts in minor units.
type conversionStored struct {
	FXConverted
	Amount kept `json:"amount"`
}

func (s *conversionStored) rates() (mid, margin, client money.Rate) {
	mid, margin = money.MustRate(s.Mid), money.MustRate(s.Margin)
	client, _ = mid.Discounted(margin)
	return mid, margin, client
}

// amounts are what the amount is worth at mid, and what of it the payee gets.
func (s *conversionStored) amounts() (worth, client money.Minor, err error) {
	mid, _, rate := s.rates()
	from, to := money.Currency(s.From.Currency), money.Currency(s.To)
	if worth, err = money.Exchange(s.Amount.minor(), from, to, mid, money.HalfEven); err != nil || rate.IsZero() {
		return worth, 0, err
	}
	client, err = money.Exchange(s.Amount.minor(), from, to, rate, money.HalfEven)
	return worth, client, err
}

// tell discloses the conversion: mid, margin, client rate, source and time.
func (s *conversionStored) tell() []Step {
	mid, margin, client := s.rates()
	worth, paid, err := s.amounts()
	if err != nil {
		return nil
	}
	from, to := money.Currency(s.From.Currency), money.Currency(s.To)
	t := &tale{currency: to}
	published := "mid rate " + mid.String() + " of " + s.Source + " at " + s.QuotedAt.UTC().Format(time.RFC3339)
	t.exchanged("fx_mid", "Worth at mid", string(accountFXPosition), s.Amount.minor(), from, mid, -worth, published)
	t.exchanged("fx_client", "What the payee gets", s.Payee.String(), s.Amount.minor(), from, client, paid,
		"the mid rate less a margin of "+percent(margin))
	t.steps[1].Remainder = string(accountFXMargin)
	t.plain("fx_margin", "Margin", string(accountFXMargin), worth-paid, "what is left of "+worth.Format(to)+" at mid")
	return t.steps
}

// exchanged tells an amount that another currency's amount came to at a price.
func (t *tale) exchanged(rule, title, receiver string, base money.Minor, from money.Currency, price money.Rate, amount money.Minor, because string) {
	worth := amount.Format(t.currency)
	if (amount < 0) != (base < 0) {
		worth = (-amount).Format(t.currency)
	}
	exact := price.Exact(base, from)
	text := title + ": " + base.Format(from) + " " + string(from) + " at " + price.String() + " " + string(t.currency)
	if because != "" {
		text += ", " + because + ","
	}
	text += " is " + exactWords(exact, worth)
	if !sameDecimal(exact, worth) {
		text += ", rounded half even to " + worth
	}
	t.steps = append(t.steps, Step{Rule: rule, Title: title, Receiver: receiver, Total: base.Format(from), Rate: price.String(), Exact: exact,
		Rounding: money.HalfEven.String(), Amount: amount.Format(t.currency), Before: money.Minor(0).Format(t.currency), Text: text + "."})
}

// exactWords writes an exact amount like the rounded one, if they are the same.
func exactWords(exact, rounded string) string {
	if sameDecimal(exact, rounded) {
		return rounded
	}
	return exact
}

// sameDecimal reports whether two decimals are the same number, however many zeros follow the point.
func sameDecimal(a, b string) bool {
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	return trim(a) == trim(b)
}

// plan converts what is asked for, or all that is available. It is a decision of ours: the payee never falls below zero.
func (d *FXConverted) plan(p *planner) error {
	if err := p.begins(d.subject(), "A conversion of this id was recorded before."); err != nil {
		return err
	}
	if err := p.freshRate(d.QuotedAt); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	from, amount := d.From.prepare(prep, "/from")
	available, err := p.balanceIn(d.Payee.available(), from)
	if err != nil {
		return err
	}
	if d.From.Amount == "" {
		amount = available
	}
	s := &conversionStored{FXConverted: *d, Amount: kept(amount)}
	if amount <= 0 {
		return ErrNothingToConvert
	}
	worth, client, err := s.amounts()
	if err != nil {
		return err
	}
	if client <= 0 {
		return ErrNothingToConvert
	}
	to := money.Currency(d.To)
	lines := []ledger.Line{
		{Account: accountFXPosition, Amount: worth, Currency: to},
		{Account: d.Payee.available(), Amount: -client, Currency: to},
	}
	if worth != client {
		lines = append(lines, ledger.Line{Account: accountFXMargin, Amount: client - worth, Currency: to})
	}
	lines = append(lines, ledger.Line{Account: d.Payee.available(), Amount: amount, Currency: from},
		ledger.Line{Account: accountFXPosition, Amount: -amount, Currency: from})
	return p.toldDraft(draftOf{event: "fx.converted", lines: lines, decision: true}, s)
}

// toldDraft posts a draft whose record is what is told.
func (p *planner) toldDraft(d draftOf, s teller) (err error) {
	if d.data, err = storedJSON(s); err != nil {
		return err
	}
	d.told = s
	return p.draft(d)
}

// debtStored is a recovery with the debt that was paid, in minor units.
type debtStored struct {
	FXDebtRecovered
	Amount kept `json:"amount"`
}

func (s *debtStored) cost() (money.Minor, error) {
	return money.Exchange(s.Amount.minor(), money.Currency(s.Debt.Currency), money.Currency(s.From), money.MustRate(s.Mid), money.HalfEven)
}

func (s *debtStored) tell() []Step {
	cost, err := s.cost()
	if err != nil {
		return nil
	}
	t := &tale{currency: money.Currency(s.From)}
	published := "mid rate of " + s.Source + " at " + s.QuotedAt.UTC().Format(time.RFC3339) + " without a margin"
	t.exchanged("fx_debt", "Paid for the debt", s.Payee.String(), s.Amount.minor(), money.Currency(s.Debt.Currency), money.MustRate(s.Mid), -cost, published)
	return t.steps
}

// plan pays the debt, or the part asked for, at mid. It rests on the payee's story of debts, so that no debt is paid twice.
func (d *FXDebtRecovered) plan(p *planner) error {
	if err := p.begins(d.subject(), "A recovery of this id was recorded before."); err != nil {
		return err
	}
	if err := p.freshRate(d.QuotedAt); err != nil {
		return err
	}
	prep := &preparation{book: p.book}
	in, amount := d.Debt.prepare(prep, "/debt")
	debt, err := p.debtOf(d.Payee.Kind, d.Payee.ID, in)
	if err != nil {
		return err
	}
	if d.Debt.Amount == "" {
		amount = debt
	}
	if amount <= 0 || amount > debt {
		return ErrNothingToConvert.With("The payee owes less than that in the debt's currency. Nothing was posted.")
	}
	s := &debtStored{FXDebtRecovered: *d, Amount: kept(amount)}
	cost, err := s.cost()
	if err != nil {
		return err
	}
	if cost <= 0 {
		return ErrNothingToConvert
	}
	from := money.Currency(d.From)
	if err := p.toldDraft(draftOf{event: "fx.debt_recovered", decision: true, lines: []ledger.Line{
		{Account: d.Payee.available(), Amount: cost, Currency: from},
		{Account: accountFXPosition, Amount: -cost, Currency: from},
		{Account: accountFXPosition, Amount: amount, Currency: in},
		{Account: d.Payee.available(), Amount: -amount, Currency: in},
	}}, s); err != nil {
		return err
	}
	return p.notes(d.Payee.Kind, d.Payee.ID)
}
