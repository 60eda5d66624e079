package main

// Brands in the living market: a live session is shown at a brand's own checkout too. The brand reports its sales, takes
// some of them back, and pays for a week at a time: the day after, because a batch promises no order among subjects.

import (
	"fmt"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// offered reports whether this version of Mizan records events of a type.
func offered(kind string) bool {
	_, err := commerce.TypeOf(kind)
	return err == nil
}

// brands draws the simulcasts: a few sales a day, and after each week the brand's payment, at times only a part of it.
func (b *bazaar) brands() {
	if !offered("simulcast.reported") || !offered("brand.invoice_paid") {
		return
	}
	home := b.home.currencies[0]
	var open []string
	owed := money.Minor(0)
	for day := range b.plan.days {
		r := b.dice("brands", day)
		live := b.live[day][0]
		at := live.from.Add(10 * time.Minute)
		for n := range 1 + r.IntN(4) {
			id := fmt.Sprintf("%s-B%02d%d", b.prefix, day+1, n+1)
			amount := money.Minor(1_000 + 50*r.IntN(300))
			sale := map[string]any{"sale": id, "brand": "brand_big", "currency": string(home), "amount": amount.Format(home), "live_session": live.id, "commission_rate": "0.08", "fee_rate": "0.02",
				"creators": []map[string]string{{"creator": live.host.id, "weight": "1"}}}
			if !b.say(at.Add(time.Duration(n)*time.Minute), "brand_big", "simulcast.reported", "simulcast:"+id, sale) {
				continue
			}
			b.tally.simulcasts++
			if r.IntN(10) == 0 {
				b.say(at.Add(40*time.Hour), "brand_big", "simulcast.return_reported", "simulcast_return:"+id, map[string]any{"sale": id, "amount": (amount / 4).Format(home)})
				continue // the brand pays what is left of it when it is sure
			}
			open, owed = append(open, id), owed+amount/10
		}
		if day%7 == 6 && owed > 0 {
			paid := owed
			if r.IntN(3) == 0 {
				paid -= 100
			}
			b.say(marketBegins.AddDate(0, 0, day+1).Add(9*time.Hour), "brand_big", "brand.invoice_paid", fmt.Sprintf("brand_paid:%d", day+1),
				map[string]any{"brand": "brand_big", "currency": string(home), "amount": paid.Format(home), "bank_account": "main", "sales": open})
			open, owed = nil, 0
		}
	}
}
