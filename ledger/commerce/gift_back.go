package commerce

import (
	"encoding/json"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How gifts go back (W-04). A gift is undone as a whole. If a purchase of coins is undone that paid for a part of it, it
// becomes smaller: everybody keeps what a gift of what is left gives.

const eventReduced = "gift.reduced"

func (d *GiftReversed) prepare(p *preparation) {
	p.id("/gift", d.Gift, true)
	p.oneOf("/clawback", d.Clawback, "creator", "platform")
}

func (d *GiftReversed) plan(p *planner) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	_, err = p.undoGift(paidGift{gift: d.Gift}, d.Clawback == "platform", 0, data)
	return err
}

// given is what a gift gave to everybody and still stands: its coins, and those that came back at the platform's cost.
func (s *story) given(c money.Currency) money.Minor {
	return -s.net(accountCoins, c) - s.net(accountChargebackLoss, c)
}

// undoneGift is a gift that a purchase took with it, as it is kept: what of it was undone, the smaller gift that is left, if
// one is, and what everybody gives back.
type undoneGift struct {
	Gift  string       `json:"gift"`
	Coins string       `json:"coins"`
	Left  *GiftSent    `json:"left,omitempty"`
	Back  []giftReturn `json:"back,omitempty"`
}

// giftReturn is what a payee, or the platform, gives back of a gift.
type giftReturn struct {
	Who    string `json:"who"`
	Amount string `json:"amount"`
}

// undoGift gives a gift's coins back, all or some, as drafts from the given part on; it takes two parts. Everybody gives
// back out of the bucket where the money now is. A gift that the platform has borne a part of, it bears on.
func (p *planner) undoGift(what paidGift, platformBears bool, part int, data json.RawMessage) (undoneGift, error) {
	told, sent, err := p.gift(what.gift)
	if err != nil {
		return undoneGift{}, err
	}
	c := money.Currency(sent.Currency)
	spent := -told.net(accountCoins, c)
	coins, event := spent, "gift.reversed"
	if what.coins != 0 && what.coins < spent {
		coins, event = what.coins, eventReduced
	}
	out := undoneGift{Gift: what.gift, Coins: coins.Format(c)}
	var gift, bonus positions
	switch {
	case platformBears || told.net(accountChargebackLoss, c) != 0:
		gift = positions{{accountChargebackLoss, -coins}, {accountCoins, coins}}
	case event == eventReduced:
		if gift, bonus, out.Left, err = sent.reduced(told, spent-coins); err != nil {
			return out, err
		}
	default:
		gift, bonus = sent.backOf(told, c)
	}
	out.Back = givenBack(append(slices.Clone(gift), bonus...), c, out.Left != nil)
	subject := "gift:" + what.gift
	if err := p.draft(draftOf{event: event, kind: p.event.Type, part: part, subject: subject, liveSession: sent.LiveSession, lines: creditLines(c, gift), data: data}); err != nil {
		return out, err
	}
	if lines := creditLines(c, bonus); len(lines) > 0 {
		return out, p.draft(draftOf{event: "gift.agency_bonus_reversed", kind: p.event.Type, part: part + 1, subject: subject, liveSession: sent.LiveSession, lines: lines})
	}
	return out, nil
}

// paidAsBonus reports whether an account belongs to the bonus of the gift's agency.
func (d *GiftSent) paidAsBonus(a ledger.Address) bool {
	kind, _, _, _ := splitPayee(a)
	return a == accountBonus || kind == "agency" && d.Agency != nil && d.Agency.PaidBy == "platform"
}

// backOf is all that a gift has given, given back: that of the gift and that of its bonus.
func (d *GiftSent) backOf(told *story, c money.Currency) (gift, bonus positions) {
	for _, x := range told.nets(c) {
		if d.paidAsBonus(x.account) {
			bonus.add(x.account, -x.amount)
		} else {
			gift.add(x.account, -x.amount)
		}
	}
	return gift, bonus
}

// holderOf is who has what an account of a gift holds: a payee, or the platform by its account.
func holderOf(a ledger.Address) (who string, ok bool) {
	if kind, _, id, ok := splitPayee(a); ok {
		return kind + ":" + id, true
	}
	return string(a), a == accountGiftShare
}

// givenBack is what each holder gives back; nothing too, if it is told what the holder keeps.
func givenBack(list positions, c money.Currency, all bool) (back []giftReturn) {
	var sums []string
	amounts := map[string]money.Minor{}
	for _, x := range list {
		if who, ok := holderOf(x.account); ok {
			if !slices.Contains(sums, who) {
				sums = append(sums, who)
			}
			amounts[who] += x.amount
		}
	}
	for _, who := range sums {
		if amounts[who] != 0 || all {
			back = append(back, giftReturn{who, amounts[who].Format(c)})
		}
	}
	return back
}

// reduced is what everybody gives back so that they keep what a gift of what is left gives, at the share that holds.
func (d *GiftSent) reduced(told *story, left money.Minor) (gift, bonus positions, smaller *GiftSent, err error) {
	c := money.Currency(d.Currency)
	copied := *d
	smaller = &copied
	smaller.Amount = left.Format(c)
	if raised := told.first("gift.trued_up"); raised != nil {
		kept, err := storedAs[giftTruedUp](raised)
		if err != nil {
			return nil, nil, nil, err
		}
		smaller.Share = kept.Share
	}
	rate, err := smaller.rate()
	if err != nil {
		return nil, nil, nil, err
	}
	s, _, _, err := smaller.shares(rate)
	if err != nil {
		return nil, nil, nil, err
	}
	keep := map[string]money.Minor{accountCoins: -left, accountGiftShare: s.platform, accountBonus: -s.bonus, "creator:" + d.Creator: s.creator}
	if d.Agency != nil {
		keep["agency:"+d.Agency.ID] = s.agency + s.bonus
	}
	gift, bonus = d.backOf(told, c)
	for _, list := range []positions{gift, bonus} {
		for i := range list {
			if x := &list[i]; x.amount != 0 { // of a payee's buckets the one that holds it
				who, _ := holderOf(x.account)
				x.amount += keep[who]
				delete(keep, who)
			}
		}
	}
	return gift, bonus, smaller, nil
}

// tellUndone tells what everybody gives back of the gifts that a purchase took with it. Of a gift that became smaller it
// first tells what the smaller one gives.
func tellUndone(currency string, gifts []undoneGift) []Step {
	t := &tale{steps: []Step{}}
	var err error
	if t.currency, err = money.ParseCurrency(currency); err != nil {
		return t.steps
	}
	for i := range gifts {
		g := &gifts[i]
		gives, because := map[string]money.Minor{}, "all that it had of the gift"
		if g.Left != nil {
			because = "what it had of the gift before"
			for _, st := range (&giftSent{*g.Left}).tell() {
				st.Text = "Gift " + g.Gift + ", of which " + g.Left.Amount + " is left: " + st.Text
				t.steps = append(t.steps, st)
				gives[st.Receiver] += signedAmount(st.Amount, t.currency)
			}
		}
		for _, back := range g.Back {
			who := "the platform"
			if back.Who != accountGiftShare {
				who = strings.Replace(back.Who, ":", " ", 1)
			}
			t.plain("gift_back", "Gift "+g.Gift+", taken back from "+who, back.Who,
				signedAmount(back.Amount, t.currency)-gives[back.Who], because)
			delete(gives, back.Who)
		}
	}
	return t.steps
}

// signedAmount reads an amount as Format writes it, zero for what is none.
func signedAmount(s string, c money.Currency) money.Minor {
	digits, negative := strings.CutPrefix(s, "-")
	m, err := money.ParseAmount(digits, c)
	if err != nil {
		return 0
	}
	if negative {
		return -m
	}
	return m
}
