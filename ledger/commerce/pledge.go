package commerce

import (
	"context"
	"slices"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// donation.from_sale: a creator gives a part of the commission of an order to a campaign (W-11). The part is posted when
// the order settles, because a sale that does not last gives nothing. A refund afterwards takes it back while the
// donation waits; once it was released to the beneficiary, the creator bears it.

// DonationFromSale is a creator's pledge of a part of the commission of one order.
type DonationFromSale struct {
	Order       string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Pledge      string `json:"pledge" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The pledge's own id, unique in the order" example:"PL-1"`
	Creator     string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator who gives" example:"cre_amy"`
	Beneficiary string `json:"beneficiary" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who it is for" example:"ngo_a"`
	Campaign    string `json:"campaign" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The campaign" example:"winter24"`
	Rate        string `json:"rate" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The part of what the creator gets of the order's commission, after agency and tax withheld" example:"0.10"`
}

// pledge is a part of a creator's commission that goes to a campaign once the order has settled.
type pledge struct {
	id, creator string
	account     ledger.Address
	rate        money.Rate
	// given is what it has given so far; released is what of that went on to the beneficiary and does not come back.
	given, released money.Minor
}

func (d *DonationFromSale) subject() string { return "order:" + d.Order }
func (d *DonationFromSale) computes() bool  { return true }

func (d *DonationFromSale) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/pledge", d.Pledge, true)
	p.id("/creator", d.Creator, true)
	p.id("/beneficiary", d.Beneficiary, true)
	p.id("/campaign", d.Campaign, true)
	if p.share("/rate", d.Rate).IsZero() {
		p.bad("/rate", "required", "A pledge needs a rate above zero.")
	}
}

// apply adds the pledge to the order.
func (d *DonationFromSale) apply(o *order, p *preparation) error {
	if err := o.changeable(); err != nil {
		return err
	}
	if slices.ContainsFunc(o.pledges, func(x pledge) bool { return x.id == d.Pledge }) {
		return ErrRepeated.With("This pledge was recorded before. Give a new one an id of its own.")
	}
	if !slices.ContainsFunc(o.creators, func(c creator) bool { return c.id == d.Creator }) {
		return ErrOrderState.With("The order has no such creator. Check the creator's id.")
	}
	rate := p.share("/rate", d.Rate)
	sum := rate
	for _, x := range o.pledges {
		if x.creator != d.Creator {
			continue
		}
		var err error
		if sum, err = sum.Add(x.rate); err != nil {
			return err
		}
	}
	if sum.Compare(one) > 0 {
		p.bad("/rate", "rate-range", "The creator would give more than the whole commission. Lower the rate.")
		return nil
	}
	o.pledges = append(o.pledges, pledge{id: d.Pledge, creator: d.Creator, rate: rate,
		account: ledger.Address("liabilities:donation:pending:" + d.Beneficiary + ":" + d.Campaign)})
	return nil
}

// plan records the pledge. Of an order that has settled it is posted at once, out of what the creator has available.
func (d *DonationFromSale) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	lines := p.order.entries(p.order.changes(after), nil)
	event := "donation.from_sale"
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "pledge " + d.Pledge, decision: true,
		computed: true, before: before, after: after})
}

// pledged computes what the creators give of what they get. Before the settlement it is nothing.
func (s *sheet) pledged() {
	o := s.order
	if !o.settled() {
		return
	}
	left := slices.Clone(s.earned)
	for i := range o.pledges {
		x := &o.pledges[i]
		position := payeeAccount("creator", bucketPending, x.creator)
		net := max(s.earned.of(position), 0)
		amount, err := x.rate.Of(net, money.HalfEven, o.unit)
		s.fail(err)
		bound := ""
		if most := max(left.of(position), 0); amount > most {
			amount, bound = most, "base"
		}
		left.add(position, -amount)
		s.steps = append(s.steps, step{id: "pledge", receiver: string(x.account), of: "commission of " + x.creator + " for pledge " + x.id, total: net, rate: x.rate, rated: true,
			rounding: money.HalfEven, bound: bound, amount: amount, pays: "creator"})
		if gone := x.released - amount; gone > 0 {
			s.steps = append(s.steps, step{id: "pledge_released", receiver: string(x.account), of: "pledge " + x.id, amount: gone, pays: "creator"})
			amount = x.released
		}
		s.positions.add(x.account, amount)
		s.positions.add(position, -amount)
		s.given = append(s.given, amount)
		s.steps = append(s.steps, step{id: "pledge_given", receiver: "creator:" + x.creator, of: "pledge " + x.id, amount: -amount, pays: "creator"})
	}
}

// give notes what the pledges have given by a sheet.
func (o *order) give(s *sheet) {
	for i, amount := range s.given {
		o.pledges[i].given = amount
	}
}

// settlePledges counts as posted what the pledges give with the settlement, and returns it by position.
func (o *order) settlePledges(s *sheet) (given positions) {
	for i, amount := range s.given {
		x := &o.pledges[i]
		if more := amount - x.given; more != 0 {
			given.add(x.account, more)
			given.add(payeeAccount("creator", bucketPending, x.creator), -more)
		}
	}
	for _, g := range given {
		o.posted.add(g.account, g.amount)
	}
	o.give(s)
	return given
}

// keepReleased finds out how much of what the pledges would take back went on to the beneficiaries, leaves it with them,
// and returns the sheet that follows.
func (p *planner) keepReleased(after *sheet) (*sheet, error) {
	o := p.order
	if len(after.given) == 0 {
		return after, nil
	}
	changes := o.changes(after)
	for _, account := range o.pledgeAccounts() {
		back := -changes.of(account)
		if back <= 0 {
			continue
		}
		waits, err := p.waits(account)
		if err != nil {
			return nil, err
		}
		o.keepPledges(after, account, back-max(waits, 0))
	}
	after, err := o.compute()
	if err == nil {
		o.give(after)
	}
	return after, err
}

// replayPledges finds from what was posted how much the pledges left with the beneficiaries.
func (o *order) replayPledges() error {
	after, err := o.compute()
	if err != nil || len(after.given) == 0 {
		return err
	}
	changes := o.changes(after)
	for _, account := range o.pledgeAccounts() {
		o.keepPledges(after, account, -changes.of(account))
	}
	if after, err = o.compute(); err == nil {
		o.give(after)
	}
	return err
}

// pledgeAccounts are the donation accounts that pledges give to.
func (o *order) pledgeAccounts() (list []ledger.Address) {
	for i := range o.pledges {
		if a := o.pledges[i].account; !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// keepPledges leaves an amount with an account's pledges: each keeps at most what it would give back.
func (o *order) keepPledges(after *sheet, account ledger.Address, amount money.Minor) {
	for i := range o.pledges {
		x := &o.pledges[i]
		if part := min(amount, x.given-after.given[i]); x.account == account && part > 0 {
			x.released = after.given[i] + part
			amount -= part
		}
	}
}

// waitingDonation is what a donation's account held when a plan looked.
type waitingDonation struct {
	account ledger.Address
	held    money.Minor
}

// waits is what waits on a donation's account of what the order has given. The plan rests on it.
func (p *planner) waits(account ledger.Address) (money.Minor, error) {
	if p.waited != nil {
		return p.waited(account), nil
	}
	held, err := p.waitsNow(account)
	p.waiting = append(p.waiting, waitingDonation{account, held})
	return held, err
}

// gift is what a transaction of an order gave to a donation's account, or took back.
type gift struct {
	sequence int64
	amount   money.Minor
}

// waitsNow is what the account holds, but no more than what is left of the order's own gifts: the rest is others'.
func (p *planner) waitsNow(account ledger.Address) (money.Minor, error) {
	held, err := p.balance(account)
	if err != nil || p.group != nil && p.order.ahead {
		return held, err
	}
	var gifts []gift
	own := money.Minor(0)
	for i := range p.order.transactions {
		t := &p.order.transactions[i]
		for _, e := range t.Entries {
			if e.Account == account && e.Currency == p.order.currency {
				gifts = append(gifts, gift{t.Sequence, -e.Amount})
				own -= e.Amount
			}
		}
	}
	if len(gifts) == 0 {
		return held, nil
	}
	gone, err := p.service.look.released(p.ctx, p.book, account, p.order.currency, gifts)
	return min(held, own-gone), err
}

// maxDonationLines bounds the newest lines of a donation's account that are searched.
const maxDonationLines = 10_000

// released is how much of an order's gifts went on to the beneficiary: the most by which the account has ever held less than
// the order had given to it by then.
func (s *Service) released(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency, gifts []gift) (gone money.Minor, err error) {
	own := money.Minor(0)
	for _, g := range gifts {
		own += g.amount
	}
	q := ledger.HistoryQuery{Account: a, Currency: c, Descending: true, Limit: 1000}
	for searched := 0; searched < maxDonationLines; searched += q.Limit {
		page, err := s.ledger.History(ctx, book, q)
		if err != nil {
			return 0, err
		}
		for _, l := range page.Lines {
			for len(gifts) > 0 && gifts[len(gifts)-1].sequence > l.Sequence {
				own -= gifts[len(gifts)-1].amount
				gifts = gifts[:len(gifts)-1]
			}
			if len(gifts) == 0 {
				return gone, nil
			}
			gone = max(gone, own+l.BalanceAfter)
			q.AfterSequence, q.AfterLine = l.Sequence, l.Line
		}
		if !page.More {
			break
		}
	}
	return gone, nil
}

// outrun turns the refusal of a floor into a stale plan if a donation was released while the event was planned: money that
// goes back to a buyer is a fact, and no floor refuses it. If that cannot be read, it says so.
func (p *planner) outrun(out ledger.Outcome) ledger.Outcome {
	if p.order == nil || fault.CodeOf(out.Err) != ledger.ErrFloor.Code {
		return out
	}
	for _, w := range p.waiting {
		held, err := p.waitsNow(w.account)
		if err != nil {
			return ledger.Outcome{Err: err}
		}
		if held != w.held {
			return ledger.Outcome{Err: ledger.ErrStale}
		}
	}
	return out
}
