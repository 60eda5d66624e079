package main

// Currencies in the living market: on the last day some sellers have what they earned abroad converted into the book's own
// currency, at a rate and a margin that they were shown.

import (
	"time"

	"mizan/ledger/money"
)

// marketMids are the rates of the fixed calendar, from a currency to pounds.
var marketMids = map[money.Currency]string{"EUR": "0.8423", "USD": "0.7412"}

// conversions lets every third seller with a settled sale abroad convert what is available. Sales that were disputed or
// came back may leave nothing to convert, so their sellers are left out.
func (b *bazaar) conversions() {
	if !offered("fx.converted") {
		return
	}
	at := b.end().Add(-time.Minute)
	for i, s := range b.people.sellers {
		for _, c := range b.home.currencies[1:] {
			if i%3 != 0 || b.abroad[s.id+string(c)] <= 0 || marketMids[c] == "" {
				continue
			}
			id := b.prefix + "-FX-" + s.id + "-" + string(c)
			b.say(at, s.id, "fx.converted", "converted:"+id, map[string]any{"conversion": id, "payee": map[string]string{"kind": "seller", "id": s.id},
				"from": map[string]string{"currency": string(c)}, "to": string(b.home.currencies[0]), "mid": marketMids[c], "margin": "0.01", "source": "ecb", "quoted_at": at.Add(-time.Minute)})
			b.tally.conversions++
		}
	}
}
