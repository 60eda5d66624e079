package main

// Donations in the living market: a campaign for three charities, shown in a live session each week, with a match that the
// platform pays.

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

// campaign is the id of the market's campaign.
func (b *bazaar) campaign() string { return b.prefix + "-relief" }

// donations draws the campaign of the large book. Card fees come the day after, because a batch promises no order among
// subjects.
func (b *bazaar) donations() {
	if b.home.taxOnTop {
		return // American donors have a book of their own
	}
	const lane = "campaign"
	home := b.home.currencies[0]
	b.begins = append(b.begins, b.publishCampaign)
	match := money.Minor(25_000)
	start := marketBegins.AddDate(0, 0, 1)
	b.say(start, lane, "match.cash_moved", "match_cash", map[string]any{"campaign": b.campaign(), "amount": match.Format(home)})
	b.say(start.AddDate(0, 0, 1), lane, "match.funded", "match_funded", map[string]any{"campaign": b.campaign(), "funder": "platform", "amount": match.Format(home)})
	for day := 3; day < b.plan.days; day++ {
		r := b.dice("donations", day)
		count := 1 + r.IntN(4)
		if day%7 == 4 {
			count += b.plan.orders / 4 // the week's live session for it
		}
		for n := range count {
			at := marketBegins.AddDate(0, 0, day).Add(18*time.Hour + time.Duration(r.IntN(7200))*time.Second)
			id := fmt.Sprintf("%s-D%02d%d", b.prefix, day+1, n+1)
			gift := money.Minor([]int{300, 500, 1000, 1000, 2000, 5000}[r.IntN(6)])
			b.say(at, lane, "donation.received", "donation:"+id, map[string]any{"donation": id, "campaign": b.campaign(), "currency": string(home), "amount": gift.Format(home),
				"payments": []map[string]string{{"processor": b.home.processor, "payment_id": "pi_" + id, "amount": gift.Format(home)}}})
			b.tally.donations++
			b.tally.given += gift
			b.pending[day][home] += gift
			fee := gift*14/1000 + 20
			if b.say(at.AddDate(0, 0, 1), lane, "processor.fee_recorded", "donation_fee:"+id,
				map[string]any{"processor": b.home.processor, "payment_id": "pi_" + id, "amount": fee.Format(home), "currency": string(home)}) {
				b.pending[day][home] -= fee
			}
		}
	}
}

// publishCampaign pays in the platform's own money for the match, and publishes the campaign's promise.
func (b *bazaar) publishCampaign(ctx context.Context, remote *client.Client) error {
	home := b.home.currencies[0]
	_, err := remote.Post(ctx, b.book.Code, client.NewTransaction{Reference: b.prefix + ":capital", Event: "capital.paid_in", Entries: []client.Line{
		{Account: "assets:bank:operating:main", Direction: "debit", Amount: "1000.00", Currency: home}, {Account: "equity:opening", Direction: "credit", Amount: "1000.00", Currency: home}}})
	if err != nil {
		return err
	}
	promise, err := json.Marshal(map[string]any{"id": b.campaign(), "kind": "humanitarian", "currency": string(home), "platform_fee": "0", "fee_quote": map[string]string{"rate": "0.014", "flat": "0.20"}, "refund_window_days": 0,
		"beneficiaries": []map[string]string{{"payee": "ngo_water", "weight": "60"}, {"payee": "ngo_shelter", "weight": "25"}, {"payee": "ngo_local", "weight": "15"}}})
	if err != nil {
		return err
	}
	_, err = remote.PublishCampaign(ctx, b.book.Code, promise)
	return err
}
