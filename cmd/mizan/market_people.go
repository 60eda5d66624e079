package main

// The people of the living market: who sells, who shows the goods, who speaks for them. Ids are opaque.

import (
	"fmt"
	"math/rand/v2"
	"time"

	"mizan/ledger/money"
)

const (
	marketSellers  = 320
	marketCreators = 240
	marketAgencies = 24
)

// seller is one shop.
type seller struct {
	id string
	// abroad sellers' VAT is owed by the platform; stored ones keep their goods in our warehouse; risky ones leave a reserve.
	abroad, stored, risky bool
	// price is about what an article costs.
	price money.Minor
}

// host is a creator, with the agency that speaks for her, if any.
type host struct{ id, agency, share string }

// people are everybody in a book.
type people struct {
	sellers []seller
	hosts   []host
}

func newPeople(r *rand.Rand, market string) (p people) {
	tag := map[string]string{"UK": "uk", "US": "us"}[market]
	for i := range marketSellers {
		p.sellers = append(p.sellers, seller{id: fmt.Sprintf("sel_%s_%03d", tag, i+1), abroad: r.IntN(4) == 0, stored: r.IntN(5) == 0, risky: r.IntN(10) == 0,
			price: money.Minor(499 + r.IntN(20)*r.IntN(20)*25)})
	}
	for i := range marketCreators {
		h := host{id: fmt.Sprintf("cre_%s_%03d", tag, i+1)}
		if r.IntN(3) > 0 {
			h.agency, h.share = fmt.Sprintf("mcn_%s_%02d", tag, 1+r.IntN(marketAgencies)), []string{"0.20", "0.25", "0.30", "0.40"}[r.IntN(4)]
		}
		p.hosts = append(p.hosts, h)
	}
	return p
}

// session is a live session.
type session struct {
	id      string
	from    time.Time
	minutes int
	host    host
	guest   *host
	seller  int
	viral   bool
}

// sessionsOf draws a day's live sessions: most in the evening. On the viral night one of them is seen by everybody.
func (b *bazaar) sessionsOf(day int) (list []session) {
	r := b.dice("sessions", day)
	count := 3 + b.plan.orders/10
	for i := range count {
		hour := 18 + r.IntN(4)
		if r.IntN(4) == 0 {
			hour = 10 + r.IntN(8)
		}
		// Few hosts are known to many: squares draw the first ones more often.
		n := marketCreators * r.IntN(100) * r.IntN(100) / 10_000
		s := session{id: fmt.Sprintf("%s-LS-%d-%d", b.prefix, day+1, i+1), from: marketBegins.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(r.IntN(40))*time.Minute),
			minutes: 40 + r.IntN(60), host: b.people.hosts[n], seller: r.IntN(marketSellers)}
		if r.IntN(5) == 0 {
			if g := b.people.hosts[(n+1+r.IntN(marketCreators-1))%marketCreators]; g.id != s.host.id {
				s.guest = &g
			}
		}
		list = append(list, s)
	}
	if day == b.plan.days*17/marketDays {
		list[0].viral, list[0].host, list[0].from, list[0].minutes = true, b.people.hosts[0], marketBegins.AddDate(0, 0, day).Add(20*time.Hour), 95
	}
	return list
}
