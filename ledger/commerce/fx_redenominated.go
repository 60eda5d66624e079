package commerce

import (
	"crypto/sha256"
	"encoding/hex"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A currency that a law replaces by another, account by account at the legal rate. When every account has changed, the old
// currency is gone from the position too, and what the roundings left in the new one goes to profit and loss with
// fx.position_closed.

// Redenominated replaces a currency by another in one account (M-30).
type Redenominated struct {
	Redenomination string `json:"redenomination" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of the change, one for all accounts, at most 40 characters" example:"HRK-EUR"`
	Account        string `json:"account" maxLength:"255" pattern:"^[a-z_]+(:[A-Za-z0-9_.-]{1,64})+$" doc:"The account that changes" example:"liabilities:seller:available:sel_hr"`
	From           string `json:"from" pattern:"^[A-Z]{3}$" doc:"The old currency" example:"USD"`
	To             string `json:"to" pattern:"^[A-Z]{3}$" doc:"The new currency" example:"GBP"`
	Rate           string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The legal rate: how much of the old currency one of the new is worth" example:"7.53450"`
	Document       string `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The law or the order" example:"LAW-57-2022"`
}

// subject is the account's part of the change, so that an account changes once.
func (d *Redenominated) subject() string {
	sum := sha256.Sum256([]byte(d.Account))
	return "redenomination:" + d.Redenomination + "." + hex.EncodeToString(sum[:8])
}

func (d *Redenominated) prepare(p *preparation) {
	p.id("/redenomination", d.Redenomination, true)
	if len(d.Redenomination) > 40 {
		p.bad("/redenomination", "id", "This id has at most 40 characters.")
	}
	p.account("/account", d.Account)
	if d.Account == string(accountFXPosition) {
		p.bad("/account", "account", "The position follows from the other accounts.")
	}
	from := p.useCurrency("/from", d.From)
	p.exchanged("/to", from, p.useCurrency("/to", d.To))
	p.id("/document", d.Document, true)
	p.price("/rate", d.Rate)
}

// account checks an address against the chart.
func (p *preparation) account(pointer, address string) {
	if _, err := ledger.StandardChart().Resolve(ledger.Address(address)); err != nil {
		p.because(pointer, err)
	}
}

// redenominatedStored is the change of an account with its balances, a credit positive.
type redenominatedStored struct {
	Redenominated
	Old kept `json:"old"`
	New kept `json:"new"`
}

func (s *redenominatedStored) tell() []Step {
	from, to := money.Currency(s.From), money.Currency(s.To)
	t := &tale{currency: to}
	receiver := s.Account
	if kind, _, id, ok := splitPayee(ledger.Address(receiver)); ok {
		receiver = kind + ":" + id
	}
	t.plain("legal_rate", "Changed by law", receiver, s.New.minor(), s.Old.minor().Format(from)+" "+string(from)+" at "+money.MustRate(s.Rate).String()+
		" "+string(from)+" for one "+string(to)+", rounded half up")
	t.steps[0].Total, t.steps[0].Rate, t.steps[0].Rounding, t.steps[0].Remainder = s.Old.minor().Format(from), money.MustRate(s.Rate).String(), "half_up", string(accountFXGainLoss)
	return t.steps
}

func (d *Redenominated) plan(p *planner) error {
	if _, err := p.story(d.subject()); err != nil {
		return err
	}
	account, from, to := ledger.Address(d.Account), money.Currency(d.From), money.Currency(d.To)
	old, err := p.balanceIn(account, from)
	if err != nil {
		return err
	}
	if old == 0 {
		return ErrNothingToConvert.With("The account has nothing in the old currency. Nothing was posted.")
	}
	now, err := money.Redenominate(old, from, to, money.MustRate(d.Rate), money.HalfUp)
	if err != nil {
		return err
	}
	var lines []ledger.Line
	if now != 0 {
		lines = append(lines, ledger.Line{Account: account, Amount: -now, Currency: to}, ledger.Line{Account: accountFXPosition, Amount: now, Currency: to})
	}
	lines = append(lines, ledger.Line{Account: account, Amount: old, Currency: from}, ledger.Line{Account: accountFXPosition, Amount: -old, Currency: from})
	s := &redenominatedStored{Redenominated: *d, Old: kept(old), New: kept(now)}
	if now == 0 { // less than half a unit: only the old currency's amount goes
		data, err := storedJSON(s)
		if err != nil {
			return err
		}
		return p.draft(draftOf{event: "currency.redenominated", lines: lines, data: data})
	}
	return p.toldDraft(draftOf{event: "currency.redenominated", lines: lines}, s)
}
