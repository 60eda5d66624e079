package commerce

import (
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Revaluation: at the end of a period what is open in foreign currencies is valued at the closing rate. The difference is
// not realised; it is taken back on the first day of the next period.

// FXRevalued values the open position at closing rates (W-13).
type FXRevalued struct {
	Revaluation string        `json:"revaluation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The revaluation's id" example:"FXR-2026-11"`
	Rates       []ClosingRate `json:"rates" nullable:"false" minItems:"1" maxItems:"50" doc:"The closing rate of each open currency"`
}

// ClosingRate is what one unit of a currency is worth in the book's functional currency at the close.
type ClosingRate struct {
	Currency string    `json:"currency" pattern:"^[A-Z]{3}$" doc:"The open currency" example:"GBP"`
	Rate     string    `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"How much of the functional currency one of it is worth" example:"1.2600"`
	Source   string    `json:"source" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who published the rate" example:"ecb"`
	QuotedAt time.Time `json:"quoted_at" format:"date-time" doc:"When it was published" example:"2026-11-30T16:00:00Z"`
}

// FXRevaluationReversed takes a revaluation back on the first day of the next period.
type FXRevaluationReversed struct {
	Revaluation string `json:"revaluation" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The revaluation's id" example:"FXR-2026-11"`
}

func (d *FXRevalued) subject() string            { return "fx_revaluation:" + d.Revaluation }
func (d *FXRevaluationReversed) subject() string { return "fx_revaluation:" + d.Revaluation }

func (d *FXRevalued) prepare(p *preparation) {
	p.id("/revaluation", d.Revaluation, true)
	if len(d.Rates) == 0 || len(d.Rates) > 50 {
		p.bad("/rates", "count", "A revaluation has 1 to 50 rates.")
		return
	}
	for i, r := range d.Rates {
		pointer := at("/rates", i)
		c := p.useCurrency(pointer+"/currency", r.Currency)
		if c != "" && c == p.book.Functional {
			p.bad(pointer+"/currency", "currency", "The functional currency needs no rate.")
		}
		if slices.ContainsFunc(d.Rates[:i], func(x ClosingRate) bool { return x.Currency == r.Currency }) {
			p.bad(pointer+"/currency", "repeated", "Each currency is named once.")
		}
		p.price(pointer+"/rate", r.Rate)
		p.id(pointer+"/source", r.Source, true)
		if r.QuotedAt.Year() < 2000 || r.QuotedAt.Year() > 2999 {
			p.bad(pointer+"/quoted_at", "date-range", "A rate's time has a year from 2000 to 2999.")
		}
	}
}

// revaluedStored is a revaluation with the position it valued.
type revaluedStored struct {
	FXRevalued
	Functional money.Currency `json:"functional"`
	Legs       []fxLeg        `json:"legs"`
}

// worth is what a leg comes to in the functional currency.
func (s *revaluedStored) worth(l fxLeg) (money.Minor, error) {
	if l.Currency == s.Functional {
		return l.Amount.minor(), nil
	}
	i := slices.IndexFunc(s.Rates, func(r ClosingRate) bool { return r.Currency == string(l.Currency) })
	if i < 0 {
		return 0, ledger.ErrInvalid.At("/data/rates", "required", "The closing rate of "+string(l.Currency)+" is missing: "+string(l.Currency)+" is open.")
	}
	rate, err := money.ParseRate(s.Rates[i].Rate)
	if err != nil {
		return 0, err
	}
	return money.Exchange(l.Amount.minor(), l.Currency, s.Functional, rate, money.HalfEven)
}

// difference is what the position would lose, if it were exchanged at the closing rates.
func (s *revaluedStored) difference() (sum money.Minor, err error) {
	for _, l := range s.Legs {
		worth, err := s.worth(l)
		if err != nil {
			return 0, err
		}
		if sum, err = money.Add(sum, worth); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func (s *revaluedStored) tell() []Step {
	t := &tale{currency: s.Functional}
	for _, l := range s.Legs {
		worth, err := s.worth(l)
		if err != nil {
			return nil
		}
		if l.Currency == s.Functional {
			t.plain("fx_open", "Open in "+string(l.Currency), string(accountFXRevaluation), worth, "as it stands")
			continue
		}
		r := s.Rates[slices.IndexFunc(s.Rates, func(r ClosingRate) bool { return r.Currency == string(l.Currency) })]
		t.exchanged("fx_open", "Open in "+string(l.Currency), string(accountFXRevaluation), l.Amount.minor(), l.Currency, money.MustRate(r.Rate), worth,
			"the closing rate of "+r.Source+" at "+r.QuotedAt.UTC().Format(time.RFC3339))
	}
	return t.steps
}

func (d *FXRevalued) plan(p *planner) error {
	if err := p.begins(d.subject(), "A revaluation of this id was recorded before."); err != nil {
		return err
	}
	legs, err := p.position()
	if err != nil {
		return err
	}
	s := &revaluedStored{FXRevalued: *d, Functional: p.book.Functional, Legs: legs}
	loss, err := s.difference()
	if err != nil {
		return err
	}
	if loss == 0 {
		return ErrNothingToConvert.With("The open position is worth at the closing rates what it stands at: there is nothing to revalue.")
	}
	return p.toldDraft(draftOf{event: "fx.revalued", lines: []ledger.Line{
		{Account: accountFXUnrealised, Amount: loss, Currency: p.book.Functional},
		{Account: accountFXRevaluation, Amount: -loss, Currency: p.book.Functional},
	}}, s)
}

func (d *FXRevaluationReversed) prepare(p *preparation) { p.id("/revaluation", d.Revaluation, true) }

func (d *FXRevaluationReversed) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	return p.undo(told, "fx.revalued", "fx.revaluation_reversed", "No revaluation of this id was recorded. Check its id.")
}
