package commerce

import (
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Tips: money that a viewer gives a creator, without coins. It waits until it is released.

// TipSent is a tip.
type TipSent struct {
	Tip         string `json:"tip" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The tip's id" example:"T-1"`
	Creator     string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator who gets it" example:"cre_amy"`
	LiveSession string `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session it was given in" example:"LS-3"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount      string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"The tip" example:"5.00"`
	Share       string `json:"share,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"1" doc:"The creator's share, rounded up in the creator's favour" example:"1"`
	Processor   string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID   string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's payment" example:"pi_t1"`
}

// TipRefunded gives a tip back to the viewer (M-22).
type TipRefunded struct {
	Tip             string `json:"tip" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The tip's id" example:"T-1"`
	PaymentRefundID string `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_t1"`
}

func (d *TipSent) subject() string     { return "tip:" + d.Tip }
func (d *TipRefunded) subject() string { return "tip:" + d.Tip }

func (d *TipSent) prepare(p *preparation) {
	p.id("/tip", d.Tip, true)
	p.id("/creator", d.Creator, true)
	p.id("/live_session", d.LiveSession, false)
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.share("/share", d.Share)
}

// tipSent is a tip as it is kept, with the share that held.
type tipSent struct {
	TipSent
	Rate money.Rate `json:"rate"`
}

func (d *tipSent) parts() (c money.Currency, amount, creator money.Minor, err error) {
	return partsAt(d.Currency, d.Amount, d.Rate)
}

// partsAt divides an amount between a creator, who is rounded up, and the platform.
func partsAt(currency, text string, rate money.Rate) (c money.Currency, amount, creator money.Minor, err error) {
	if c, err = money.ParseCurrency(currency); err != nil {
		return
	}
	if amount, err = money.ParseAmount(text, c); err != nil {
		return
	}
	creator, err = rate.Of(amount, money.Ceil, c.PostingUnit())
	return
}

func (d *tipSent) tell() []Step {
	c, amount, creator, err := d.parts()
	if err != nil {
		return nil
	}
	t := &tale{currency: c}
	t.rated("tip_share", "Creator's share of the tip", "creator:"+d.Creator, "the tip", amount, d.Rate, 0, money.Ceil, creator, accountGiftShare)
	if creator != amount {
		t.plain("tip_platform", "Platform's part", accountGiftShare, amount-creator, "the tip less the creator's share")
	}
	return t.steps
}

func (d *TipSent) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A tip of this id was recorded before.")
	}
	if err := p.refuseMinor(d.Creator); err != nil {
		return err
	}
	kept := &tipSent{TipSent: *d, Rate: one}
	if d.Share != "" {
		if kept.Rate, err = money.ParseRate(d.Share); err != nil {
			return err
		}
	}
	c, amount, creator, err := kept.parts()
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	lines := creditLines(c, positions{{processorAccount(bucketPending, d.Processor), -amount}, {payeeAccount("creator", bucketPending, d.Creator), creator}, {accountGiftShare, amount - creator}})
	lines[0].ExternalRef = d.PaymentID
	return p.draft(draftOf{event: "tip.sent", liveSession: d.LiveSession, lines: lines, data: data, told: kept})
}

func (d *TipRefunded) prepare(p *preparation) {
	p.id("/tip", d.Tip, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
}

func (d *TipRefunded) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	sent := told.first("tip.sent")
	switch {
	case sent == nil:
		return ErrOrderUnknown.With("No tip of this id was recorded. Check its id.")
	case told.first("tip.refunded") != nil:
		return ErrRepeated.With("The tip was refunded before.")
	}
	kept, err := storedAs[tipSent](sent)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.payBackStory(draftOf{event: "tip.refunded", liveSession: kept.LiveSession, data: data}, told, money.Currency(kept.Currency), kept.Processor, d.PaymentRefundID)
}

// payBackStory takes back what a story has given everybody and pays it from our available balance at the processor. What of
// it was set aside for a minor comes out of the trust as far as it is still with us, and else out of what is available.
func (p *planner) payBackStory(d draftOf, told *story, c money.Currency, processor, ref string) error {
	var list positions
	cash := money.Minor(0)
	for _, x := range told.nets(c) {
		kind, bucket, id, ok := splitPayee(x.account)
		switch {
		case x.account == processorAccount(bucketPending, processor):
			cash -= x.amount
		case ok && bucket == bucketTrust && x.amount > 0:
			available := payeeAccount(kind, bucketAvailable, id)
			released := told.net(available, c) + x.amount
			move, err := p.outOfTrust(told, id, c, released, released, x.amount)
			if err != nil {
				return err
			}
			list.add(x.account, move.change())
			list.add(available, -x.amount-move.change())
			if move.change() != 0 {
				d.trusts = append(d.trusts, move)
			}
		default:
			list.add(x.account, -x.amount)
		}
	}
	d.lines = append(creditLines(c, list), ledger.Line{Account: processorAccount(bucketAvailable, processor), Amount: -cash, Currency: c, ExternalRef: ref})
	return p.draft(d)
}
