package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
)

// The orders of a payee, the newest first: what each earned and where that stands. A filter looks back a bounded way for each
// page, so a page can be short while more follow.

// ordersPerPage is how many orders a page lists.
const ordersPerPage = 50

type ownOrdersPage struct {
	Payee, Kind, At, Of, Find string
	Missing                   bool
	Currencies, States        []tab
	Orders                    []ownOrderLine
	First, Next               string
}

type ownOrderLine struct {
	Order, Link, Day string
	Stands           ownStands
	Amount           string
	Minus            bool
	Why              string
}

// standsWords are the states that orders can be narrowed to, in their order.
var standsWords = []string{commerce.StandsEstimated, commerce.StandsHeld, commerce.StandsSettled, commerce.StandsUnearned}

func (c *console) ownOrders(ctx context.Context, r *http.Request) (answer, error) {
	o, who, at, err := c.orderOwner(ctx, r)
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	p := ownOrdersPage{Payee: who.ID, Kind: who.Kind, At: "/portal/orders", Of: at.Get("payee"), Find: strings.TrimSpace(q.Get("order"))}
	w := orderWords{language: tellerOf(ctx).Language, zone: o.book.Location()}
	out := answer{Title: w.say("orders.title"), Active: "orders", Data: &p}
	if p.Find != "" {
		if !unusable(p.Find) && ledger.IsSegment(p.Find) {
			_, err := c.Commerce.OwnOrder(ctx, o.book, commerce.PayeeRef{Kind: who.Kind, ID: who.ID}, p.Find)
			if err == nil {
				out.Onward = address("/portal/orders/"+p.Find, at)
				return out, nil
			}
			if !isMissing(err) {
				return answer{}, err
			}
		}
		p.Missing = true
	}
	if !isEarner(who.Kind) {
		return out, nil // who is paid nothing by orders has none
	}
	query := commerce.OwnOrderQuery{Payee: commerce.PayeeRef{Kind: who.Kind, ID: who.ID}, Stands: q.Get("state"), Currency: money.Currency(q.Get("currency")), Limit: ordersPerPage}
	if query.Stands != "" && !slices.Contains(standsWords, query.Stands) || query.Currency != "" && !o.book.Uses(query.Currency) {
		return answer{}, errQuery
	}
	if query.AfterSequence, query.AfterLine, err = place(q.Get("after")); err != nil {
		return answer{}, err
	}
	page, err := c.Payouts.Shares(ctx, o.book, query)
	if err != nil {
		return answer{}, err
	}
	w.currency, query.Currency = page.Currency, page.Currency
	for _, one := range page.Shares {
		p.Orders = append(p.Orders, w.orderLine(one, at))
	}
	p.lead(w, o, query, page, q.Get("after") != "")
	return out, nil
}

// lead fills in where the page leads: to other states and currencies, and to further orders.
func (p *ownOrdersPage) lead(w orderWords, o owner, query commerce.OwnOrderQuery, page payouts.SharePage, later bool) {
	narrowed := func(state string, currency money.Currency, after string) string {
		return narrowedTo(p.At, "payee", p.Of, "state", state, "currency", string(currency), "after", after)
	}
	for _, state := range append([]string{""}, standsWords...) {
		key := "orders.all"
		if state != "" {
			key = "order.stands." + state
		}
		p.States = append(p.States, tab{link{w.say(key), narrowed(state, query.Currency, "")}, state == query.Stands})
	}
	if len(o.book.Currencies) > 1 {
		for _, currency := range o.book.Currencies {
			p.Currencies = append(p.Currencies, tab{link{string(currency), narrowed(query.Stands, currency, "")}, currency == query.Currency})
		}
	}
	if later {
		p.First = narrowed(query.Stands, query.Currency, "")
	}
	if page.More {
		p.Next = narrowed(query.Stands, query.Currency, placeMark(page.AfterSequence, page.AfterLine))
	}
}

// orderLine puts an order of a list into words.
func (w orderWords) orderLine(one payouts.Share, at url.Values) ownOrderLine {
	if one.Err != nil {
		return ownOrderLine{Order: one.Order, Link: address("/portal/orders/"+one.Order, at), Stands: ownStands{w.say("orders.unreadable"), "open"}}
	}
	line := ownOrderLine{Order: one.Order, Link: address("/portal/orders/"+one.Order, at), Day: w.day(one.PlacedAt), Stands: w.stands(one.Stand()),
		Amount: w.amount(one.Net), Minus: one.Net < 0}
	switch {
	case one.Unearned != "":
		line.Why = w.say("order.unearned." + one.Unearned)
	case one.Stands == commerce.StandsHeld && len(one.Gates) > 0:
		line.Why = w.say("order.gate." + one.Gates[0])
	case one.Stands == commerce.StandsEstimated && !one.DueAt.IsZero():
		line.Why = w.say("orders.due", "day", w.day(one.DueAt))
	case !one.ReserveUntil.IsZero():
		line.Why = w.say("orders.reserve", "day", w.day(one.ReserveUntil))
	}
	return line
}
