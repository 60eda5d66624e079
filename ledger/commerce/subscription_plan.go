package commerce

import (
	"encoding/json"
	"slices"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What subscriptions post. The platform's part of a year is deferred and becomes revenue month by month; the creator's part
// is released by the same table.

const (
	accountSubscription = "revenue:subscription"
	accountDeferred     = "liabilities:deferred_revenue"
)

func (d *SubscriptionCharged) subject() string  { return "subscription:" + d.Subscription }
func (d *SubscriptionEarned) subject() string   { return "subscription:" + d.Subscription }
func (d *SubscriptionRefunded) subject() string { return "subscription:" + d.Subscription }

func (d *SubscriptionCharged) prepare(p *preparation) {
	p.id("/subscription", d.Subscription, true)
	p.id("/creator", d.Creator, true)
	p.id("/processor", d.Processor, true)
	p.id("/payment_id", d.PaymentID, true)
	p.oneOf("/plan", d.Plan, "monthly", "annual")
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.needShare("/share", d.Share)
}

// subscriptionCharged is a charge as it is kept.
type subscriptionCharged struct{ SubscriptionCharged }

func (d *SubscriptionCharged) parts() (c money.Currency, amount, creator money.Minor, rate money.Rate, err error) {
	if rate, err = money.ParseRate(d.Share); err == nil {
		c, amount, creator, err = partsAt(d.Currency, d.Amount, rate)
	}
	return
}

// platformAccount is where the platform's part goes.
func (d *SubscriptionCharged) platformAccount() ledger.Address {
	if d.Plan == "annual" {
		return accountDeferred
	}
	return accountSubscription
}

func (d *subscriptionCharged) tell() []Step {
	c, amount, creator, rate, err := d.parts()
	if err != nil {
		return nil
	}
	t := &tale{currency: c}
	t.rated("subscription_share", "Creator's share of the subscription", "creator:"+d.Creator, "the price", amount, rate, 0, money.Ceil, creator, string(d.platformAccount()))
	if creator != amount {
		t.plain("subscription_platform", "Platform's part", string(d.platformAccount()), amount-creator, "the price less the creator's share")
	}
	return t.steps
}

func (d *SubscriptionCharged) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A charge of this id was recorded before.")
	}
	kept := &subscriptionCharged{*d}
	c, amount, creator, _, err := d.parts()
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	lines := creditLines(c, positions{{processorAccount(bucketPending, d.Processor), -amount}, {payeeAccount("creator", bucketPending, d.Creator), creator}, {d.platformAccount(), amount - creator}})
	lines[0].ExternalRef = d.PaymentID
	return p.draft(draftOf{event: "subscription.charged", lines: lines, data: data, told: kept})
}

// subscription reads a charge that still stands and how many of its months were served.
func (p *planner) subscription(id string) (told *story, charge SubscriptionCharged, months int, err error) {
	if told, err = p.story("subscription:" + id); err != nil {
		return
	}
	first := told.first("subscription.charged")
	if first == nil {
		err = ErrOrderUnknown.With("No charge of this id was recorded. Check its id.")
		return
	}
	if told.first("subscription.refunded") != nil {
		err = ErrOrderState.With("The subscription was refunded.")
		return
	}
	charge, err = storedAs[SubscriptionCharged](first)
	return told, charge, len(told.chapters("subscription.earned")), err
}

// byMonth divides an amount over the months of a year by largest remainder.
func byMonth(amount money.Minor, c money.Currency) ([]money.Minor, error) {
	return money.Allocate(amount, slices.Repeat([]money.Weight{one}, monthsOfYear), c.PostingUnit())
}

// served is what of a waiting amount may be released: all of it, unless it is a yearly subscription's, of which months that
// were not served stay.
func served(told *story, waiting money.Minor) (money.Minor, error) {
	first := told.first("subscription.charged")
	if first == nil {
		return waiting, nil
	}
	d, err := storedAs[SubscriptionCharged](first)
	if err != nil || d.Plan != "annual" || told.first("subscription.refunded") != nil {
		return waiting, err
	}
	c, _, creator, _, err := d.parts()
	if err != nil {
		return 0, err
	}
	table, err := byMonth(creator, c)
	if err != nil {
		return 0, err
	}
	for _, m := range table[len(told.chapters("subscription.earned")):] {
		waiting -= m
	}
	return max(waiting, 0), nil
}

func (d *SubscriptionEarned) prepare(p *preparation) {
	p.id("/subscription", d.Subscription, true)
	if d.Month < 1 || d.Month > monthsOfYear {
		p.bad("/month", "range", "Months are numbered from 1 to 12.")
	}
}

// subscriptionEarned is a month as it is kept, with what is divided over the year.
type subscriptionEarned struct {
	Subscription string         `json:"subscription"`
	Month        int            `json:"month"`
	Currency     money.Currency `json:"currency"`
	Deferred     string         `json:"deferred"`
}

// months divides what was deferred over the year.
func (d *subscriptionEarned) months() (deferred money.Minor, table []money.Minor, err error) {
	if deferred, err = money.ParseAmount(d.Deferred, d.Currency); err == nil {
		table, err = byMonth(deferred, d.Currency)
	}
	return
}

func (d *subscriptionEarned) tell() []Step {
	deferred, table, err := d.months()
	if err != nil || d.Month < 1 || d.Month > len(table) {
		return nil
	}
	t := &tale{currency: d.Currency}
	t.split("subscription_month", "Month "+strconv.Itoa(d.Month)+" of the year", accountSubscription, deferred, one, money.MustRate("12"), table[d.Month-1])
	return t.steps
}

func (d *SubscriptionEarned) plan(p *planner) error {
	_, charge, months, err := p.subscription(d.Subscription)
	switch {
	case err != nil:
		return err
	case charge.Plan != "annual":
		return ErrOrderState.With("The subscription is monthly: it was earned when it was charged.")
	case d.Month <= months:
		return ErrRepeated.With("This month was earned before.")
	case d.Month != months+1:
		return ErrOrderState.Withf("Months are earned in order. Record month %d first.", months+1)
	}
	c, amount, creator, _, err := charge.parts()
	if err != nil {
		return err
	}
	kept := &subscriptionEarned{d.Subscription, d.Month, c, (amount - creator).Format(c)}
	_, table, err := kept.months()
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	m := table[d.Month-1]
	return p.draft(draftOf{event: "subscription.earned", lines: creditLines(c, positions{{accountDeferred, -m}, {accountSubscription, m}}), data: data, told: kept})
}

func (d *SubscriptionRefunded) prepare(p *preparation) {
	p.id("/subscription", d.Subscription, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
}

func (d *SubscriptionRefunded) plan(p *planner) error {
	told, charge, months, err := p.subscription(d.Subscription)
	if err != nil {
		return err
	}
	c, _, creator, _, err := charge.parts()
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	if charge.Plan != "annual" {
		return p.payBackStory(draftOf{event: "subscription.refunded", data: data}, told, c, charge.Processor, d.PaymentRefundID)
	}
	table, err := byMonth(creator, c)
	if err != nil {
		return err
	}
	unserved := money.Minor(0)
	for _, m := range table[months:] {
		unserved += m
	}
	deferred := told.net(accountDeferred, c)
	if unserved+deferred == 0 {
		return ErrOrderState.With("Every month of the year was served, so nothing is left to refund.")
	}
	lines := creditLines(c, positions{{payeeAccount("creator", bucketPending, charge.Creator), -unserved}, {accountDeferred, -deferred},
		{processorAccount(bucketAvailable, charge.Processor), unserved + deferred}})
	lines[len(lines)-1].ExternalRef = d.PaymentRefundID
	return p.draft(draftOf{event: "subscription.refunded", data: data, lines: lines})
}
