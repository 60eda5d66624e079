package commerce

import (
	"cmp"
	"encoding/json"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The position is what conversions have promised and nobody has exchanged yet: one account, with a balance in each currency.
// It is long in what we hold for others and short in what we owe them. It is stored nowhere else: executions cover the
// oldest conversions first, so the balance says which are open.

// FXTreasuryExecuted is an exchange of our own money, at the amounts of the deal (row 265).
type FXTreasuryExecuted struct {
	Deal      string         `json:"deal" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The deal's id" example:"TD-1"`
	Processor string         `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Sold      CurrencyAmount `json:"sold" doc:"What we gave"`
	Bought    CurrencyAmount `json:"bought" doc:"What we got"`
	Document  string         `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The deal's confirmation" example:"CONF-9"`
}

// FXSettledByProcessor says that the processor exchanged a payment or a refund on its way (M-30).
type FXSettledByProcessor struct {
	Exchange  string         `json:"exchange" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the exchange" example:"txn_1"`
	PaymentID string         `json:"payment_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payment or refund that was exchanged" example:"pi_1"`
	Processor string         `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	Cash      string         `json:"cash,omitempty" enum:"pending,available" default:"pending" doc:"Which of our balances at the processor it changed"`
	Direction string         `json:"direction,omitempty" enum:"payment,refund" default:"payment" doc:"Whether the buyer paid or got a refund"`
	Charged   CurrencyAmount `json:"charged" doc:"What the buyer paid or got, in the order's currency"`
	Settled   CurrencyAmount `json:"settled" doc:"What the processor gave us or took from us for it"`
}

// FXPositionClosed moves what is left in our own currency to profit and loss (row 266, W-13).
type FXPositionClosed struct {
	Close string `json:"close" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The close's id" example:"FXC-2026-11"`
}

func (d *FXTreasuryExecuted) subject() string   { return "fx_deal:" + d.Deal }
func (d *FXSettledByProcessor) subject() string { return "fx_exchange:" + d.Exchange }
func (d *FXPositionClosed) subject() string     { return "fx_position:close" }

// storedJSON is a stored form as a record keeps it.
func storedJSON(v any) (json.RawMessage, error) { return json.Marshal(v) }

func (d *FXTreasuryExecuted) prepare(p *preparation) {
	p.id("/deal", d.Deal, true)
	p.id("/processor", d.Processor, true)
	p.id("/document", d.Document, false)
	sold, _ := d.Sold.prepare(p, "/sold")
	bought, _ := d.Bought.prepare(p, "/bought")
	p.exchanged("/bought/currency", sold, bought)
}

// swap posts an exchange of our cash: what was given left the cash, what was got came to it.
func (p *planner) swap(event string, cash ledger.Address, given, got CurrencyAmount, ref string) error {
	prep := &preparation{book: p.book}
	out, gave := given.prepare(prep, "")
	in, took := got.prepare(prep, "")
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: event, data: data, lines: []ledger.Line{
		{Account: accountFXPosition, Amount: gave, Currency: out},
		{Account: cash, Amount: -gave, Currency: out, ExternalRef: ref},
		{Account: cash, Amount: took, Currency: in, ExternalRef: ref},
		{Account: accountFXPosition, Amount: -took, Currency: in},
	}})
}

func (d *FXTreasuryExecuted) plan(p *planner) error {
	if err := p.begins(d.subject(), "A deal of this id was recorded before."); err != nil {
		return err
	}
	return p.swap("fx.treasury_executed", processorAccount(bucketAvailable, d.Processor), d.Sold, d.Bought, d.Deal)
}

func (d *FXSettledByProcessor) prepare(p *preparation) {
	p.id("/exchange", d.Exchange, true)
	p.id("/payment_id", d.PaymentID, false)
	p.id("/processor", d.Processor, true)
	p.oneOf("/cash", d.Cash, bucketPending, bucketAvailable)
	p.oneOf("/direction", d.Direction, "payment", "refund")
	charged, _ := d.Charged.prepare(p, "/charged")
	settled, _ := d.Settled.prepare(p, "/settled")
	p.exchanged("/settled/currency", charged, settled)
}

// plan takes the order's currency out of the cash and puts in what the processor gave for it; for a refund the other way.
func (d *FXSettledByProcessor) plan(p *planner) error {
	if err := p.begins(d.subject(), "An exchange of this id was recorded before."); err != nil {
		return err
	}
	given, got := d.Charged, d.Settled
	if d.Direction == "refund" {
		given, got = got, given
	}
	return p.swap("fx.settled_by_processor", processorAccount(cmp.Or(d.Cash, bucketPending), d.Processor), given, got, d.Exchange)
}

// fxLeg is the position in one currency, debit positive.
type fxLeg struct {
	Currency money.Currency `json:"currency"`
	Amount   kept           `json:"amount"`
}

// position reads the position in all currencies at one moment, with what the plan's group posts.
func (p *planner) position() ([]fxLeg, error) {
	legs, _, err := p.service.positionNow(p.ctx, p.book)
	if err != nil {
		return nil, err
	}
	if p.group != nil {
		for key, moved := range p.group.moved {
			if key.account != accountFXPosition {
				continue
			}
			i := slices.IndexFunc(legs, func(l fxLeg) bool { return l.Currency == key.currency })
			if i < 0 {
				legs = append(legs, fxLeg{key.currency, kept(moved)})
			} else {
				legs[i].Amount += kept(moved)
			}
		}
	}
	legs = slices.DeleteFunc(legs, func(l fxLeg) bool { return l.Amount == 0 })
	slices.SortFunc(legs, func(a, b fxLeg) int { return cmp.Compare(a.Currency, b.Currency) })
	return legs, nil
}

func (d *FXPositionClosed) prepare(p *preparation) { p.id("/close", d.Close, true) }

// positionStored is a close with what was left.
type positionStored struct {
	FXPositionClosed
	fxLeg
}

func (s *positionStored) tell() []Step {
	t := &tale{currency: s.Currency}
	t.plain("fx_residual", "Realised difference", string(accountFXPosition), s.Amount.minor(), "what executed conversions left in the position")
	return t.steps
}

// plan closes what is left in the functional currency, if nothing is open in any other.
func (d *FXPositionClosed) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	for _, t := range told.chapters("fx.position_closed") {
		if was, err := storedAs[positionStored](t); err == nil && was.Close == d.Close {
			return ErrRepeated.With("A close of this id was recorded before.")
		}
	}
	legs, err := p.position()
	if err != nil {
		return err
	}
	for _, l := range legs {
		if l.Currency != p.book.Functional {
			return ErrPositionOpen.Withf("%s %s are still open. Record their execution first, or revalue what stays open.", l.Amount.minor().Format(l.Currency), l.Currency)
		}
	}
	if len(legs) == 0 {
		return ErrNothingToConvert.With("Nothing is left in the position: there is nothing to close.")
	}
	left := legs[0]
	return p.toldDraft(draftOf{event: "fx.position_closed", lines: []ledger.Line{
		{Account: accountFXGainLoss, Amount: left.Amount.minor(), Currency: left.Currency},
		{Account: accountFXPosition, Amount: -left.Amount.minor(), Currency: left.Currency},
	}}, &positionStored{FXPositionClosed: *d, fxLeg: left})
}
