package commerce

import (
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What gifts post. The creator's part is rounded up and the platform has the remainder (W-16), so the platform never gains
// from rounding.

const (
	accountCoins     = "liabilities:coins"
	accountGiftShare = "revenue:gift_share"
)

// ErrSolicitedShare means that somebody would live off what was given to people in need.
var ErrSolicitedShare = fault.New(fault.Conflict, "solicited-share",
	"Of gifts that were asked for on behalf of people in need, agencies take no share. Send the gift without the agency.")

func (d *GiftSent) subject() string     { return "gift:" + d.Gift }
func (d *GiftTruedUp) subject() string  { return "gift:" + d.Gift }
func (d *GiftReversed) subject() string { return "gift:" + d.Gift }

func (d *GiftSent) prepare(p *preparation) {
	p.id("/gift", d.Gift, true)
	p.id("/creator", d.Creator, true)
	p.id("/live_session", d.LiveSession, false)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.needShare("/share", d.Share)
	if d.HoldDays < 0 || d.HoldDays > 365 {
		p.bad("/hold_days", "range", "Earnings are held for 0 to 365 days.")
	}
	if a := d.Agency; a != nil {
		p.id("/agency/id", a.ID, true)
		p.needShare("/agency/share", a.Share)
		if a.PaidBy == "" {
			p.bad("/agency/paid_by", "required", "Say who pays the agency.")
		}
		p.oneOf("/agency/paid_by", a.PaidBy, "creator", "platform")
	}
}

// needShare reads a share that must be there.
func (p *preparation) needShare(pointer, s string) money.Rate {
	if s == "" {
		p.bad(pointer, "required", "A share is needed, such as 0.5.")
	}
	return p.share(pointer, s)
}

// giftSent is a gift as it is kept.
type giftSent struct{ GiftSent }

// giftShares are the parts of a gift.
type giftShares struct {
	creator, agency, bonus, platform money.Minor
	gross                            money.Minor
	rate, agencyRate                 money.Rate
}

// shares divides a gift at a rate.
func (d *GiftSent) shares(rate money.Rate) (s giftShares, amount money.Minor, c money.Currency, err error) {
	if c, err = money.ParseCurrency(d.Currency); err != nil {
		return s, 0, c, err
	}
	if amount, err = money.ParseAmount(d.Amount, c); err != nil {
		return s, 0, c, err
	}
	s.rate = rate
	if s.gross, err = rate.Of(amount, money.Ceil, c.PostingUnit()); err != nil {
		return s, 0, c, err
	}
	s.creator, s.platform = s.gross, amount-s.gross
	if a := d.Agency; a != nil {
		if s.agencyRate, err = money.ParseRate(a.Share); err != nil {
			return s, 0, c, err
		}
		if a.PaidBy == "creator" {
			s.agency, err = s.agencyRate.Of(s.gross, money.HalfEven, c.PostingUnit())
			s.creator -= s.agency
		} else {
			s.bonus, err = s.agencyRate.Of(amount, money.HalfEven, c.PostingUnit())
		}
	}
	return s, amount, c, err
}

func (d *GiftSent) rate() (money.Rate, error) { return money.ParseRate(d.Share) }

func (d *giftSent) tell() []Step {
	rate, err := d.rate()
	if err != nil {
		return nil
	}
	s, amount, c, err := d.shares(rate)
	if err != nil {
		return nil
	}
	t := &tale{currency: c}
	t.rated("gift_share", "Creator's share of the gift", "creator:"+d.Creator, "the gift's value", amount, rate, 0, money.Ceil, s.gross, accountGiftShare)
	t.plain("gift_platform", "Platform's part", accountGiftShare, s.platform, "the gift less the creator's share")
	if a := d.Agency; a != nil && a.PaidBy == "creator" {
		t.rated("gift_agency", "Agency's share", "agency:"+a.ID, "the creator's share", s.gross, s.agencyRate, 0, money.HalfEven, s.agency, "creator:"+d.Creator)
		t.plain("gift_agency", "Paid to the agency", "creator:"+d.Creator, -s.agency, "out of the creator's share")
	} else if a != nil {
		t.rated("gift_agency_bonus", "Agency's bonus", "agency:"+a.ID, "the gift's value", amount, s.agencyRate, 0, money.HalfEven, s.bonus, "platform")
	}
	return t.steps
}

func (d *GiftSent) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A gift of this id was recorded before.")
	}
	if d.Solicited && d.Agency != nil {
		return ErrSolicitedShare
	}
	if err := p.refuseMinor(d.Creator); err != nil {
		return err
	}
	rate, err := d.rate()
	if err != nil {
		return err
	}
	s, amount, c, err := d.shares(rate)
	if err != nil {
		return err
	}
	kept := &giftSent{*d}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	earned := positions{}
	earned.add(payeeAccount("creator", bucketPending, d.Creator), s.creator)
	if d.Agency != nil {
		earned.add(payeeAccount("agency", bucketPending, d.Agency.ID), s.agency)
	}
	lines := creditLines(c, append(positions{{accountCoins, -amount}}, append(earned, position{accountGiftShare, s.platform})...))
	if err := p.draft(draftOf{event: "gift.sent", liveSession: d.LiveSession, lines: lines, data: data, told: kept, decision: true}); err != nil {
		return err
	}
	part := 1
	if s.bonus != 0 {
		agency := payeeAccount("agency", bucketPending, d.Agency.ID)
		if err := p.draft(draftOf{event: "gift.agency_bonus", kind: p.event.Type, part: part, liveSession: d.LiveSession,
			lines: creditLines(c, positions{{accountBonus, -s.bonus}, {agency, s.bonus}})}); err != nil {
			return err
		}
		part++
		earned.add(agency, s.bonus)
	}
	if d.HoldDays > 0 {
		return nil
	}
	if lines := releaseLines(c, earned); len(lines) > 0 {
		return p.draft(draftOf{event: eventReleased, kind: p.event.Type, part: part, liveSession: d.LiveSession, lines: lines})
	}
	return nil
}

// creditLines turns amounts in the accounts' favour into lines, without those of nothing.
func creditLines(c money.Currency, list positions) []ledger.Line {
	var lines []ledger.Line
	for _, x := range list {
		if x.amount != 0 {
			lines = append(lines, ledger.Line{Account: x.account, Amount: -x.amount, Currency: c})
		}
	}
	return lines
}

// gift reads a gift's story and how it was sent, with what of it everybody has still. Of a gift that a purchase paid for in
// part and was undone, that is less than was sent.
func (p *planner) gift(id string) (*story, giftSent, error) {
	told, err := p.story("gift:" + id)
	if err != nil {
		return nil, giftSent{}, err
	}
	sent := told.first("gift.sent")
	if sent == nil {
		return nil, giftSent{}, ErrOrderUnknown.With("No gift of this id was recorded. Check its id.")
	}
	if told.first("gift.reversed") != nil || len(told.named("gift.reversed")) > 0 {
		return nil, giftSent{}, ErrOrderState.With("The gift was reversed.")
	}
	kept, err := storedAs[giftSent](sent)
	if err == nil && len(told.named(eventReduced)) > 0 {
		kept.Amount = told.given(money.Currency(kept.Currency)).Format(money.Currency(kept.Currency))
	}
	return told, kept, err
}

func (d *GiftTruedUp) prepare(p *preparation) {
	p.id("/gift", d.Gift, true)
	p.needShare("/share", d.Share)
}

// giftTruedUp is a true-up as it is kept, with the gift it raises.
type giftTruedUp struct {
	Share string   `json:"share"`
	Sent  GiftSent `json:"sent"`
}

// raised is what the parts of the gift come to at the new share, and what they came to before.
func (d *giftTruedUp) raised() (before, after giftShares, amount money.Minor, c money.Currency, err error) {
	old, err := d.Sent.rate()
	if err != nil {
		return
	}
	rate, err := money.ParseRate(d.Share)
	if err != nil {
		return
	}
	if before, _, _, err = d.Sent.shares(old); err != nil {
		return
	}
	after, amount, c, err = d.Sent.shares(rate)
	return
}

func (d *giftTruedUp) tell() []Step {
	before, after, amount, c, err := d.raised()
	if err != nil {
		return nil
	}
	who := "creator:" + d.Sent.Creator
	t := &tale{currency: c}
	t.rated("gift_share", "Creator's share of the gift as earned", who, "the gift's value", amount, after.rate, 0, money.Ceil, after.gross, accountGiftShare)
	t.plain("gift_share", "Already given", who, -before.gross, "at "+percent(before.rate))
	t.plain("gift_platform", "Platform's part falls", accountGiftShare, after.platform-before.platform, "by what the creator gets more")
	if a := d.Sent.Agency; a != nil && a.PaidBy == "creator" {
		t.plain("gift_agency", "Agency's share rises", "agency:"+a.ID, after.agency-before.agency, percent(after.agencyRate)+" of the creator's share, rounded half-even, less what it got")
		t.plain("gift_agency", "Paid to the agency", who, before.agency-after.agency, "out of the creator's share")
	}
	return t.steps
}

func (d *GiftTruedUp) plan(p *planner) error {
	told, sent, err := p.gift(d.Gift)
	if err != nil {
		return err
	}
	if told.first("gift.trued_up") != nil {
		return ErrRepeated.With("This gift was trued up before, and a gift is trued up once.")
	}
	kept := &giftTruedUp{Share: d.Share, Sent: sent.GiftSent}
	before, after, _, c, err := kept.raised()
	if err != nil {
		return err
	}
	if after.gross < before.gross {
		return ErrOrderState.With("The share earned is below the one that was paid, and what a creator was paid is not cut afterwards. Nothing was posted.")
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	bucket := bucketPending
	if len(told.named(eventReleased)) > 0 {
		bucket = bucketAvailable
	}
	list := positions{{accountGiftShare, after.platform - before.platform}, {payeeAccount("creator", bucket, sent.Creator), after.creator - before.creator}}
	if sent.Agency != nil {
		list.add(payeeAccount("agency", bucket, sent.Agency.ID), after.agency-before.agency)
	}
	return p.draft(draftOf{event: "gift.trued_up", liveSession: sent.LiveSession, lines: creditLines(c, list), data: data, told: kept})
}
