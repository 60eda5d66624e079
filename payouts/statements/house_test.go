package statements

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

// house is a book whose payees get statements, and a clock that tests move.
type house struct {
	*testing.T
	*Service
	db   *pgtest.DB
	book ledger.Book

	mu sync.Mutex
	at time.Time
	n  int
}

func newHouse(t *testing.T, market, zone string, currencies ...money.Currency) *house {
	t.Helper()
	h := &house{T: t, db: pgtest.New(t), at: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
	l := ledger.New(h.db.Pool, ledger.Options{Now: h.clock})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	var err error
	h.book, _, err = l.CreateBook(t.Context(), ledger.NewBook{Code: strings.ToLower(market), Name: market, Currencies: currencies, TimeZone: zone, Market: market})
	h.ok(err)
	h.set(2026, 11, 20)
	events := commerce.New(l, commerce.NewRuleSets(h.db.Pool, h.clock), h.clock)
	paying := payouts.New(payouts.Options{Pool: h.db.Pool, Ledger: l, Events: events, Trail: guard.NewTrail(h.db.Pool, h.clock), Now: h.clock})
	h.Service = New(Options{Pool: h.db.Pool, Ledger: l, Events: events, Payouts: paying, Now: h.clock})
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) set(year int, month time.Month, day int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// post posts an event as a caller would send it.
func (h *house) post(kind, reference, data string) {
	h.Helper()
	known, err := commerce.TypeOf(kind)
	h.ok(err)
	d := known.New()
	h.ok(json.Unmarshal([]byte(data), d))
	if r := h.events.Post(h.Context(), h.book, commerce.Event{Type: kind, Reference: reference, Data: d}); r.Err != nil {
		h.Fatalf("%s %s: %v", kind, reference, r.Err)
	}
}

// raw posts a transaction by hand: pairs of account and amount, a debit positive.
func (h *house) raw(event string, c money.Currency, lines ...any) {
	h.Helper()
	h.n++
	d := ledger.Draft{Event: event}
	for i := 0; i < len(lines); i += 2 {
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(lines[i].(string)), Amount: money.Minor(lines[i+1].(int)), Currency: c})
	}
	h.ok(h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprintf("raw-%d", h.n), Drafts: []ledger.Draft{d}}).Err)
}

// payout pays out what is available.
func (h *house) payout(kind, payee string, c money.Currency, amount int) {
	h.Helper()
	transit := "liabilities:payout_in_transit:" + payee
	h.raw("payout.created", c, "liabilities:"+kind+":available:"+payee, amount, transit, -amount)
	h.raw("payout.paid", c, transit, amount, "assets:cash_in_transit:main", -amount)
}

func (h *house) settle(order string, rate string, days int) {
	h.Helper()
	h.ok(h.events.Settle(h.Context(), h.book, order, commerce.Settlement{ReserveRate: &rate, ReserveDays: &days}).Err)
}

// playS2 plays the UK sale with its return (domain S2).
func (h *house) playS2() {
	h.Helper()
	h.post("order.captured", "UK-1-c1", `{"order":"UK-1","capture":1,"currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"sel_uk","live_session":"LS-12","channel":"app",
"lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99","discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}]}],
"shipping":{"amount":"2.99"},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],
"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"44.97"}]}`)
	h.settle("UK-1", "0", 0)
	h.post("refund.made", "RF-1", `{"order":"UK-1","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","to":"original","payment_refund_id":"re_1","shipped":true}`)
	h.post("charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_uk","order":"UK-1","currency":"GBP","amount":"3.20","counterparty":"evri"}`)
	h.payout("seller", "sel_uk", "GBP", 1697)
}

// playS5 plays the warehouse: a return after the payout, the reserve, and the debt netted (domain S5).
func (h *house) playS5() {
	h.Helper()
	sale := func(order, price, tax, payment, paid string) {
		h.post("order.captured", order, `{"order":"`+order+`","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"sel_wh","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"`+price+
			`","tax":[{"jurisdiction":"US-TX","kind":"sales","owed_by":"platform","amount":"`+tax+`"}]}],"payments":[{"processor":"main","payment_id":"`+payment+`","amount":"`+paid+`"}]}`)
		h.post("charge.recorded", order+"-ful", `{"kind":"warehouse.fulfilment_charged","party":"sel_wh","order":"`+order+`","currency":"USD","amount":"3.58"}`)
		h.settle(order, "0.10", 30)
	}
	sale("W-1", "60.00", "4.95", "pi_1", "64.95")
	h.payout("seller", "sel_wh", "USD", 4754)
	h.post("refund.made", "RF", `{"order":"W-1","refund":"RF","full":true,"shipped":true}`)
	h.post("charge.recorded", "L", `{"kind":"return.shipping_charged","party":"sel_wh","order":"W-1","currency":"USD","amount":"4.10","counterparty":"usps"}`)
	h.post("charge.recorded", "R", `{"kind":"warehouse.return_processed","party":"sel_wh","order":"W-1","currency":"USD","amount":"2.00"}`)
	h.post("charge.recorded", "S", `{"kind":"warehouse.storage_charged","party":"sel_wh","currency":"USD","amount":"12.40"}`)
	sale("W-2", "150.00", "12.38", "pi_2", "162.38")
	h.payout("seller", "sel_wh", "USD", 5334)
}

// playS7 plays the refugee campaign from its worked example (domain S7).
func (h *house) playS7() {
	h.Helper()
	b, err := os.ReadFile("../../ledger/commerce/testdata/lives/donation-campaign.json")
	h.ok(err)
	var life struct {
		Steps []struct {
			Type, Act, Refused string
			Data               json.RawMessage
		}
	}
	h.ok(json.Unmarshal(b, &life))
	h.raw("opening.balance", "GBP", "assets:bank:operating:main", 150_00, "equity:opening", -150_00)
	for i, s := range life.Steps {
		switch {
		case s.Refused != "":
		case s.Act == "publish campaign":
			var c commerce.CampaignPublished
			h.ok(json.Unmarshal(s.Data, &c))
			h.ok(h.events.Publish(h.Context(), h.book, c).Err)
		default:
			h.post(s.Type, fmt.Sprint("S7-", i), string(s.Data))
		}
	}
}

// days is the statement of the days until now, with all its lines.
func (h *house) days(payee string, c money.Currency) (*Statement, []Line) {
	h.Helper()
	now := h.clock()
	st, err := h.Days(h.Context(), h.book, payee, c, now.AddDate(0, -2, 0).Format(time.DateOnly), now.Format(time.DateOnly))
	h.ok(err)
	return st, h.lines(st, 3)
}

// lines reads all lines in pages.
func (h *house) lines(st *Statement, limit int) (list []Line) {
	h.Helper()
	for at := (&Place{}); at != nil; {
		page, err := h.Page(h.Context(), st, *at, limit)
		h.ok(err)
		if len(page.Lines) > limit {
			h.Fatalf("%d lines on a page of %d", len(page.Lines), limit)
		}
		list, at = append(list, page.Lines...), page.Next
	}
	return list
}

// file makes a statement's file.
func (h *house) file(st *Statement, f tabular.Format) string {
	h.Helper()
	var b bytes.Buffer
	h.ok(h.Write(h.Context(), st, f, tabular.Dialect{}, &b))
	return b.String()
}

// say is a line as tests compare it.
func say(l Line) string {
	text := fmt.Sprint(l.Type, " ", l.Code, " ", l.Order, " ", l.Amount.Format(l.Currency), " ", l.Bucket, " ", l.Balance.Format(l.Currency))
	if l.Rate != "" {
		text += " = " + l.Rate + " of " + l.Basis
	}
	if l.Note != "" {
		text += " (" + l.Note + ")"
	}
	return text
}
