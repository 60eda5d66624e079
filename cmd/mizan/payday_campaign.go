package main

// The campaign of payday: donors give to two charities. What one of them gets is disbursed, and at the present more of it is on its way;
// what the other gets is held until somebody has looked at it. One donor takes a gift back, and the last gifts wait for the end of their
// refund window.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"mizan/api/client"
	"mizan/ledger/money"
)

const (
	reliefCampaign = "river_relief"
	// reliefDay is the day on which what was given is disbursed: the refund window of the last gift is over, and the jobs have released it.
	reliefDay = 20
)

// reliefGifts are what each day's donors give, in cents. What is given on the first days is disbursed within the month, and that of the
// last day at the present.
var (
	reliefGifts = []money.Minor{2000, 10000, 6000}
	reliefFirst = []int{3, 6, 9, 12}
)

const reliefLast = 22

// reliefFee is the quoted card fee of a gift, which is also the real one.
func reliefFee(gift money.Minor) money.Minor { return gift*29/1000 + 30 }

// reliefShare is the first charity's part of gifts, three quarters of what is left after card fees.
func reliefShare(gifts ...money.Minor) (left, share money.Minor) {
	for _, g := range gifts {
		net := g - reliefFee(g)
		left, share = left+net, share+net*3/4
	}
	return left, share
}

// campaignDay is what happens to the campaign on a day of the month.
func (t *paydayTeller) campaignDay(ctx context.Context, day int) error {
	if day == 0 {
		promise := json.RawMessage(`{"id":"` + reliefCampaign + `","name":"River relief","kind":"humanitarian","currency":"USD","platform_fee":"0","fee_quote":{"rate":"0.029","flat":"0.30"},"refund_window_days":7,
 "beneficiaries":[{"payee":"ngo_river","weight":"75","name":"Clean Rivers"},{"payee":"ngo_shelter","weight":"25","name":"Shelter Now"}]}`)
		_, err := t.remote.PublishCampaign(ctx, paydayCode, promise)
		return err
	}
	if day == reliefLast || slices.Contains(reliefFirst, day) {
		return t.gifts(ctx, day)
	}
	back := fmt.Sprintf("PD-gift-%d-1", reliefFirst[1])
	left, share := reliefShare(reliefGifts...)
	switch day {
	case reliefFirst[1] + 1:
		return t.say(ctx, client.NewEvent{Type: "donation.refunded", Reference: back + "-back", Data: map[string]any{"donation": back, "payment_refund_id": "re_" + back}})
	case reliefDay:
		days := money.Minor(len(reliefFirst))
		lost, missing := reliefShare(reliefGifts[0])
		if err := t.safeguard(ctx, 1, days*left-lost); err != nil {
			return err
		}
		if err := t.say(ctx, client.NewEvent{Type: "donation.held", Reference: "PD-relief-held",
			Data: map[string]any{"campaign": reliefCampaign, "beneficiary": "ngo_shelter", "reason": "sanctions_check"}}); err != nil {
			return err
		}
		if err := t.disburse(ctx, 1, days*share-missing); err != nil {
			return err
		}
		return t.say(ctx, client.NewEvent{Type: "donation.disbursement_paid", Reference: "PD-relief-1-paid", Data: map[string]any{"disbursement": "PD-relief-1", "bank_reference": "FT-20417"}})
	case reliefLast + 1:
		return t.safeguard(ctx, 2, left)
	}
	return nil
}

// reliefRest sends what the first charity got of the last gifts that were released. It is on its way at the present.
func (t *paydayTeller) reliefRest(ctx context.Context) error {
	_, share := reliefShare(reliefGifts...)
	return t.disburse(ctx, 2, share)
}

// safeguard moves gifts into the safeguarded account.
func (t *paydayTeller) safeguard(ctx context.Context, number int, amount money.Minor) error {
	id := fmt.Sprintf("PD-safe-%d", number)
	return t.say(ctx,
		client.NewEvent{Type: "donation.safeguarded", Reference: id, Data: map[string]any{"movement": id, "campaign": reliefCampaign, "amount": amount.Format("USD")}},
		client.NewEvent{Type: "donation.safeguard_landed", Reference: id + "-landed", Data: map[string]any{"movement": id}})
}

// disburse sends the first charity what is released for it.
func (t *paydayTeller) disburse(ctx context.Context, number int, amount money.Minor) error {
	id := fmt.Sprintf("PD-relief-%d", number)
	return t.say(ctx,
		client.NewEvent{Type: "donation.disbursed", Reference: id, Data: map[string]any{"disbursement": id, "campaign": reliefCampaign, "beneficiary": "ngo_river", "amount": amount.Format("USD")}},
		client.NewEvent{Type: "donation.disbursement_submitted", Reference: id + "-sent", Data: map[string]any{"disbursement": id}})
}

// gifts are a day's gifts, each with its card fee, and the processor's word that the money is there.
func (t *paydayTeller) gifts(ctx context.Context, day int) error {
	var given, fees []client.NewEvent
	for i, amount := range reliefGifts {
		id := fmt.Sprintf("PD-gift-%d-%d", day, i+1)
		given = append(given, client.NewEvent{Type: "donation.received", Reference: id, Data: map[string]any{"donation": id, "campaign": reliefCampaign, "currency": "USD", "amount": amount.Format("USD"),
			"live_session": fmt.Sprintf("LS-relief-%d", day), "payments": []any{map[string]any{"processor": mainProcessor, "payment_id": "pi_" + id, "amount": amount.Format("USD")}}}})
		fees = append(fees, client.NewEvent{Type: "processor.fee_recorded", Reference: id + "-fee", Data: map[string]any{"processor": mainProcessor, "kind": "fee", "payment_id": "pi_" + id,
			"amount": reliefFee(amount).Format("USD"), "currency": "USD"}})
	}
	left, _ := reliefShare(reliefGifts...)
	there := client.NewEvent{Type: "processor.funds_available", Reference: fmt.Sprintf("PD-gift-funds-%d", day), Data: map[string]any{"processor": mainProcessor, "amount": left.Format("USD"), "currency": "USD"}}
	// A batch promises no order among the gifts and their payments.
	for _, list := range [][]client.NewEvent{given, fees, {there}} {
		if err := t.post(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// say posts events one after the other.
func (t *paydayTeller) say(ctx context.Context, list ...client.NewEvent) error {
	for _, e := range list {
		if err := t.post(ctx, []client.NewEvent{e}); err != nil {
			return err
		}
	}
	return nil
}
