package main

// Payday: a month of payouts in a small market, and what came after it up to the present. Sellers are paid every day, creators every
// Monday, agencies on the first; and among them are those for whom something goes wrong. It is told by the clock, so that everything is
// recorded when it happens, and released, decided and paid by the jobs.

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/money"
)

// paydayBegins is the earliest first day of the month, a Monday; paydayDays is how long it is.
var paydayBegins = time.Date(2026, 9, 21, 0, 0, 0, 0, time.UTC)

// paydayFor is the first day of the month for somebody who looks at it at the moment: the last Monday that is ten days or more before
// the calendar month that is over, so that all of the latter lies in what is told.
func paydayFor(now time.Time) time.Time {
	at := time.Date(now.Year(), now.Month()-1, 1-10, 0, 0, 0, 0, time.UTC)
	at = at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
	if at.Before(paydayBegins) {
		return paydayBegins
	}
	return at
}

const (
	paydayDays = 33
	// paydaySales is on how many days there are sales, so that the last of them are paid within the month.
	paydaySales = 21
	paydayCode  = "payday"
)

// paydaySellers trade, each with something of its own.
var paydaySellers = []string{"sel_ada", "sel_ben", "sel_cora", "sel_dan", "sel_eve", "sel_fay", "sel_gus", "sel_hal"}

// paydayTeller draws and tells the month.
type paydayTeller struct {
	*story
	book ledger.Book
	dice *rand.Rand
	// under are the orders that are on their way to their buyers.
	under []string
}

// noon is the moment of a day at which people work.
func (t *paydayTeller) noon(day int) time.Time {
	return t.kept.Month.AddDate(0, 0, day).Add(17 * time.Hour)
}

// payday tells the month, unless it was told before, and returns what it came to.
func (g *story) payday(ctx context.Context) (*payday, error) {
	last, told := g.kept.Ended[paydayCode]
	if !told && g.kept.Over {
		return nil, nil // the clock goes with the machine's by now
	}
	if !told {
		book := client.NewBook{Code: paydayCode, Name: "Payday, a month of payouts", Currencies: []money.Currency{"USD"}, Market: "US", TimeZone: "America/New_York"}
		if _, err := g.remote.CreateBook(ctx, book); err != nil {
			return nil, fmt.Errorf("create book %s: %w", paydayCode, err)
		}
	}
	book, err := g.books.Book(ctx, paydayCode)
	if err != nil {
		return nil, err
	}
	t := &paydayTeller{story: g, book: book, dice: rand.New(rand.NewPCG(7, 21))} // #nosec G404 -- the demo books come out alike each time
	if !told {
		for day := range paydayDays {
			if err := t.day(ctx, day); err != nil {
				return nil, fmt.Errorf("tell day %d of book %s: %w", day+1, paydayCode, err)
			}
		}
		if err := t.upToNow(ctx); err != nil {
			return nil, fmt.Errorf("tell book %s up to the present: %w", paydayCode, err)
		}
		if last, err = g.head(ctx, paydayCode); err != nil {
			return nil, err
		}
		if err := g.ended(paydayCode, last); err != nil {
			return nil, err
		}
	}
	month, err := g.lookAtPayday(ctx, book, last)
	if month != nil {
		month.before = told
	}
	return month, err
}

// day is one day: the night's run has been, then people work, and buyers buy.
func (t *paydayTeller) day(ctx context.Context, day int) error {
	noon := t.noon(day)
	acts := []storyAct{{Until: noon}, {Release: true}}
	if day == 0 {
		cast, err := t.cast(ctx)
		if err != nil {
			return err
		}
		acts = slices.Concat([]storyAct{{Leap: noon}}, cast)
	}
	for _, a := range slices.Concat(acts, paydayTurns[day]) {
		if err := t.do(ctx, t.book, a); err != nil {
			return err
		}
	}
	if err := t.post(ctx, slices.Concat(t.arrivals(noon), t.sales(day, noon), t.returns(day))); err != nil {
		return err
	}
	if err := t.campaignDay(ctx, day); err != nil {
		return err
	}
	if err := t.paperwork(ctx, day, noon); err != nil {
		return err
	}
	return t.bankDay(ctx, day)
}

// cast registers everybody, shows who they are but for one, and gives them accounts.
func (t *paydayTeller) cast(ctx context.Context) (acts []storyAct, err error) {
	list := []client.Payee{
		{ID: "cre_ivy", Kind: "creator"}, {ID: "gua_jo", Kind: "guardian"}, {ID: "cre_kid", Kind: "creator", Minor: true, Guardian: "gua_jo", TrustRate: "0.15"},
		{ID: "mcn_lux", Kind: "agency"}, {ID: "ngo_river", Kind: "charity"}, {ID: "ngo_shelter", Kind: "charity"},
	}
	for _, id := range paydaySellers {
		list = append(list, client.Payee{ID: id, Kind: "seller", SettlementTier: "express"})
	}
	for _, p := range list {
		p.Country, p.Currency = "US", "USD"
		if _, err := t.remote.RegisterPayee(ctx, paydayCode, p); err != nil {
			return nil, err
		}
		if p.ID != "sel_fay" {
			acts = append(acts, storyAct{Verified: p.ID})
		}
		if !p.Minor {
			acts = append(acts, paydayAccount(p.ID, "one"))
		}
	}
	reserve := json.RawMessage(`{"id":"sel_eve-1","kind":"seller","reserve":{"rate":"0.2","days":60}}`)
	return append(acts, storyAct{Agreed: "sel_eve", Terms: reserve}, storyAct{Fund: "50000.00 USD"}), nil
}

// paydayAccount is a payee's account at the processor.
func paydayAccount(payee, which string) storyAct {
	id := "acct_"
	for _, c := range payee {
		if c != '_' {
			id += string(c)
		}
	}
	return storyAct{Account: &storyAccount{ID: id + which, Payee: payee, Country: "US", Currencies: []money.Currency{"USD"}}}
}

// paydayTurns are what goes wrong, and what people do about it, by the day.
var paydayTurns = map[int][]storyAct{
	7:  {{Hold: &storyHold{ID: "levy-hal", Kind: "seller", Payee: "sel_hal", Currency: "USD", Effect: "amount", Category: "legal", Case: "CASE-HAL", Amount: "60.00"}}},
	9:  {{Bank: &storyBank{Account: "acct_selbenone", Fails: "account_closed"}}},
	11: {paydayAccount("sel_ben", "two")},
	12: {{Bank: &storyBank{Account: "acct_selcoraone", Fails: "account_closed", After: "96h"}}},
	18: {paydayAccount("sel_cora", "two")},
}

// paydayRefunds are the orders that are refunded in full, by the day: those of sel_dan and sel_eve after they were paid out.
var paydayRefunds = map[int][]string{14: {"PD-sel_dan-1", "PD-sel_dan-2"}, 24: {"PD-sel_eve-1", "PD-sel_eve-2"}}

// sales are the day's orders of the month. One seller sells something for cents once; another stops early, so that its debt meets no
// credits.
func (t *paydayTeller) sales(day int, at time.Time) []client.NewEvent {
	if day < 1 || day > paydaySales {
		return nil
	}
	var trading []string
	for _, seller := range paydaySellers {
		if seller == "sel_gus" && day > 1 || seller == "sel_eve" && day > 8 {
			continue
		}
		trading = append(trading, seller)
	}
	return t.salesOf(trading, day, at)
}

// salesOf is an order of each seller, with the processor's word that the money is there. Two of the sellers sell in the live sessions of
// creators.
func (t *paydayTeller) salesOf(sellers []string, day int, at time.Time) (list []client.NewEvent) {
	var payments []string
	total := money.Minor(0)
	for _, seller := range sellers {
		price := money.Minor(1500 + 100*t.dice.IntN(80))
		if seller == "sel_gus" {
			price = 80
		}
		order := fmt.Sprintf("PD-%s-%d", seller, day)
		payment, amount := "pi_"+order, price.Format("USD")
		data := map[string]any{"order": order, "currency": "USD", "placed_at": at, "seller": seller, "channel": []string{"app", "web"}[day%2],
			"lines":    []any{map[string]any{"line": 1, "sku": fmt.Sprintf("SKU-%s-%d", strings.TrimPrefix(seller, "sel_"), 1+day%4), "quantity": 1, "unit_price": amount}},
			"payments": []any{map[string]any{"processor": mainProcessor, "payment_id": payment, "amount": amount}}}
		switch seller {
		case "sel_ada":
			data["creators"] = []any{map[string]any{"creator": "cre_ivy", "agency": map[string]any{"id": "mcn_lux", "share": "0.20"}}}
			data["live_session"] = fmt.Sprintf("LS-ivy-%d", 1+day/3)
		case "sel_cora":
			data["creators"] = []any{map[string]any{"creator": "cre_kid"}}
			data["live_session"] = fmt.Sprintf("LS-kid-%d", 1+day/7)
		}
		list = append(list, client.NewEvent{Type: "order.captured", Reference: order, Data: data})
		payments, total = append(payments, payment), total+price
		t.under = append(t.under, order)
	}
	return append(list, client.NewEvent{Type: "processor.funds_available", Reference: fmt.Sprintf("PD-funds-%d", day),
		Data: map[string]any{"processor": mainProcessor, "amount": total.Format("USD"), "currency": "USD", "payment_ids": payments}})
}

// arrivals are the parcels that were on their way.
func (t *paydayTeller) arrivals(at time.Time) (list []client.NewEvent) {
	for _, order := range t.under {
		list = append(list, client.NewEvent{Type: "order.delivered", Reference: order + "-delivered",
			Data: map[string]any{"order": order, "delivered_at": at.Add(-time.Hour), "parcel": 1, "last_parcel": true}})
	}
	t.under = nil
	return list
}

// returns are the day's refunds.
func (t *paydayTeller) returns(day int) (list []client.NewEvent) {
	for _, order := range paydayRefunds[day] {
		list = append(list, client.NewEvent{Type: "refund.made", Reference: order + "-refund",
			Data: map[string]any{"order": order, "refund": "RF-" + order, "full": true, "fault": "buyer", "payment_refund_id": "re_" + order, "shipped": true}})
	}
	return list
}

// post posts a day's events as one batch.
func (t *paydayTeller) post(ctx context.Context, list []client.NewEvent) error {
	if len(list) == 0 {
		return nil
	}
	results, err := t.remote.PostEvents(ctx, paydayCode, list)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Problem != nil {
			return fmt.Errorf("post %s: %w", list[i].Reference, r.Problem) // #nosec G602 -- PostEvents returns as many results as it was given events, or an error
		}
	}
	return nil
}
