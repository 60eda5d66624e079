package main

// Market: a living market to look at. Some hundred sellers and creators trade for some days: live sessions with evening
// rushes and one viral night, returns, disputes, warehouses, settlements by the clock. Everything follows from a seed and a
// fixed calendar, so the same seed gives the same references and the same balances everywhere.

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

// marketBegins is the market's first day. It is fixed, so that a seed means the same for ever.
var marketBegins = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

const (
	// marketDays is the usual length; the viral night lies in proportion to it.
	marketDays    = 30
	maxMarketDays = 90
	// marketOrders is how many orders the large book has on an ordinary day; the small one has a quarter of them.
	marketOrders = 80
)

// marketPlan says which market is wanted.
type marketPlan struct {
	seed   uint64
	days   int
	orders int // on an ordinary day
}

// happening is something that happens in the market: an event, or an order's settlement.
type happening struct {
	at time.Time
	// lane is whose story it belongs to: what happens in one lane is posted in its order.
	lane   string
	event  client.NewEvent
	settle string // the order
	how    client.Settlement
}

// bazaar is one book of the market with everything that happens in it.
type bazaar struct {
	plan marketPlan
	book client.NewBook
	// prefix begins the ids of what happens, so that markets of several seeds share a book.
	prefix string
	home   place
	people people
	// live are the sessions of each day.
	live       [][]session
	happenings []happening
	tally      marketTally
	// pending is what the processor holds back, by day and currency.
	pending []map[money.Currency]money.Minor
	orders  []string
	// begins are what must be there before anything happens.
	begins []func(context.Context, *client.Client) error
	// abroad counts the plain settled sales of each seller in each currency that is not the book's own; a sale that came
	// to something else takes the seller out.
	abroad map[string]int
}

// place is where a book trades.
type place struct {
	jurisdiction, carrier, processor string
	// currencies are drawn by their weights; the first is the book's own.
	currencies []money.Currency
	weights    []int
	taxOnTop   bool
}

// marketTally counts what the market has seen.
type marketTally struct {
	orders, viral, cancelled, returns, disputes, won, settlements, charges, simulcasts, conversions, donations int
	gross, paid                                                                                                map[money.Currency]money.Minor
	given                                                                                                      money.Minor // to the campaign, in the book's own currency
	// disputed is what open disputes are about.
	disputed map[money.Currency]money.Minor
}

// newMarket draws the whole market.
func newMarket(plan marketPlan) []*bazaar {
	large := newBazaar(plan, client.NewBook{Code: "market", Name: "Living market, United Kingdom", Currencies: []money.Currency{"GBP", "EUR", "USD"}, Market: "UK", TimeZone: "Europe/London"},
		place{jurisdiction: "UK", carrier: "royal_post", processor: "main", currencies: []money.Currency{"GBP", "EUR", "USD"}, weights: []int{82, 12, 6}})
	small := plan
	small.orders = max(plan.orders/4, 1)
	return []*bazaar{large, newBazaar(small, client.NewBook{Code: "market_us", Name: "Living market, United States", Currencies: []money.Currency{"USD"}, Market: "US", TimeZone: "America/New_York"},
		place{jurisdiction: "US-CA", carrier: "ground", processor: "main", currencies: []money.Currency{"USD"}, weights: []int{1}, taxOnTop: true})}
}

// marketFamilies are what happens beside sales, a file for each family. One that lets the processor take money in notes it
// in pending.
var marketFamilies = []func(*bazaar){
	(*bazaar).warehouses,
	(*bazaar).offPlatform,
	(*bazaar).brands,
	(*bazaar).conversions,
	(*bazaar).donations,
}

func newBazaar(plan marketPlan, book client.NewBook, home place) *bazaar {
	b := &bazaar{plan: plan, book: book, home: home, abroad: map[string]int{}, prefix: fmt.Sprintf("m%d-%d", plan.seed, plan.days)}
	b.tally = marketTally{gross: map[money.Currency]money.Minor{}, paid: map[money.Currency]money.Minor{}, disputed: map[money.Currency]money.Minor{}}
	b.pending = make([]map[money.Currency]money.Minor, plan.days)
	for i := range b.pending {
		b.pending[i] = map[money.Currency]money.Minor{}
	}
	b.people = newPeople(b.dice("people"), book.Market)
	for day := range plan.days {
		b.live = append(b.live, b.sessionsOf(day))
	}
	for day := range plan.days {
		b.trade(day)
	}
	for _, family := range marketFamilies {
		family(b)
	}
	b.funds() // last: it makes available what the others took
	slices.SortStableFunc(b.happenings, func(x, y happening) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.lane, y.lane)) })
	return b
}

// dice returns the randomness of one matter, so that one more sale does not change every other.
func (b *bazaar) dice(matter string, n ...int) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a, which is the same everywhere
	for _, c := range []byte(fmt.Sprint(b.book.Code, matter, n)) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(b.plan.seed, h)) // #nosec G404 -- the demo books come out alike each time
}

// end is the first moment after the market.
func (b *bazaar) end() time.Time { return marketBegins.AddDate(0, 0, b.plan.days) }

// say notes an event, unless it lies after the market's end. It reports whether it happens.
func (b *bazaar) say(at time.Time, lane, kind, id string, data any) bool {
	if !at.Before(b.end()) {
		return false
	}
	b.happenings = append(b.happenings, happening{at: at, lane: lane, event: client.NewEvent{Type: kind, Reference: b.prefix + ":" + id, OccurredAt: at, Data: data}})
	return true
}

// settle notes the settlement of an order, unless it lies after the market's end. It reports whether it happens.
func (b *bazaar) settle(at time.Time, lane, order string, reserve *client.Reserve) bool {
	if !at.Before(b.end()) {
		return false
	}
	b.tally.settlements++
	b.happenings = append(b.happenings, happening{at: at, lane: lane, settle: order, how: client.Settlement{Reference: b.prefix + ":settled:" + order, SettledAt: at, Reserve: reserve, IfDue: true}})
	return true
}

// dayOf is the market's day of a moment.
func (b *bazaar) dayOf(at time.Time) int { return int(at.Sub(marketBegins) / (24 * time.Hour)) }
