package main

// Services of the living market: what warehouses and advertising cost, commission from elsewhere, and the processor's
// money becoming available.

import (
	"fmt"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// warehouses charges inbound, storage and what is lost to the sellers whose goods we keep, and advertising to others.
func (b *bazaar) warehouses() {
	home := string(b.home.currencies[0])
	last := b.end().Add(-2 * time.Hour)
	period := []string{marketBegins.Format(time.DateOnly), b.end().AddDate(0, 0, -1).Format(time.DateOnly)}
	for i, s := range b.people.sellers {
		r := b.dice("warehouse", i)
		charge := func(at time.Time, kind, id string, amount money.Minor, period []string) {
			d := &commerce.ChargeRecorded{Kind: kind, Party: s.id, Currency: home, Amount: amount.Format(b.home.currencies[0]), ServicePeriod: period, Document: "INV-" + s.id}
			if b.say(at, s.id, "charge.recorded", id+":"+s.id, d) {
				b.tally.charges++
			}
		}
		if s.stored {
			charge(marketBegins.Add(time.Duration(r.IntN(600))*time.Minute), "warehouse.inbound_charged", "inbound", money.Minor(100+r.IntN(400)), nil)
			charge(last, "warehouse.storage_charged", "storage", money.Minor(100+r.IntN(700)), period)
			if r.IntN(8) == 0 {
				charge(last.Add(-20*time.Hour), "warehouse.inventory_reimbursed", "lost", money.Minor(300+r.IntN(4000)), nil)
			}
		}
		if r.IntN(12) == 0 {
			charge(last.Add(-30*time.Hour), "ads.charged", "ads", money.Minor(300+r.IntN(1500)), nil)
		}
	}
}

// offPlatform is commission for sales that are no orders of ours, now and then taken back in part.
func (b *bazaar) offPlatform() {
	home := b.home.currencies[0]
	for day := range b.plan.days {
		r := b.dice("elsewhere", day)
		s, h := b.people.sellers[r.IntN(marketSellers)], b.people.hosts[r.IntN(marketCreators)]
		at := marketBegins.AddDate(0, 0, day).Add(15 * time.Hour)
		id := fmt.Sprintf("%s-C%d", b.prefix, day+1)
		amount := money.Minor(500 + r.IntN(20_000))
		b.say(at, s.id, "commission.earned", "commission:"+id, &commerce.CommissionEarned{Commission: id, Seller: s.id, Creator: h.id, Currency: string(home), Amount: amount.Format(home)})
		if r.IntN(5) == 0 {
			b.say(at.Add(50*time.Hour), s.id, "commission.clawback", "clawback:"+id, &commerce.CommissionClawback{Commission: id, Amount: (amount / 4).Format(home)})
		}
	}
}

// fundsAfter is how long the processor keeps money.
const fundsAfter = 2

// funds makes each day's takings available two days later.
func (b *bazaar) funds() {
	for day, takings := range b.pending {
		at := marketBegins.AddDate(0, 0, day+fundsAfter).Add(7 * time.Hour)
		for _, c := range b.home.currencies {
			if takings[c] > 0 {
				b.say(at, "processor", "processor.funds_available", fmt.Sprintf("funds:%d:%s", day+1, c),
					&commerce.FundsAvailable{Processor: b.home.processor, Amount: takings[c].Format(c), Currency: string(c)})
			}
		}
	}
}
