package commerce

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The chain of a gift: from what the viewer paid to the last receiver, leg by leg. The store has its fee on the coins that
// paid for the gift, the payees have what the gift gave them and what others passed on to them, and the platform has the
// rest, so the legs always add up to the gift.

// Gift is a gift with its chain. Amounts are decimal strings in its currency.
type Gift struct {
	Gift        string    `json:"gift" example:"G-1"`
	Creator     string    `json:"creator" example:"cre_camp"`
	LiveSession string    `json:"live_session,omitempty" example:"LS-3"`
	Currency    string    `json:"currency" example:"USD"`
	GivenAt     time.Time `json:"given_at" format:"date-time"`
	Given       string    `json:"given" doc:"What its coins were worth" example:"106.00"`
	Stands      string    `json:"stands" doc:"What of it still stands" example:"106.00"`
	State       string    `json:"state" enum:"held,available,reversed" doc:"Whether the earnings wait, are available, or went back"`
	Traced      bool      `json:"traced" doc:"Whether the purchases that paid for it were found. If not, too much was bought and spent since, and the platform's leg has the store's in it"`
	Legs        []GiftLeg `json:"legs" nullable:"false" doc:"Who has what of it now; the legs add up to what stands"`
	Lots        []GiftLot `json:"lots" nullable:"false" doc:"The purchases of coins that paid for it, oldest first"`

	Transactions []GiftRecord `json:"transactions" nullable:"false"`
	// Receipt is the id of its public receipt, once it has one.
	Receipt string `json:"receipt,omitempty" doc:"The id of its public receipt, once it has one" example:"uk-k5w3pz7vq2c4n6m3abdefghijk"`
}

// GiftLeg is what one receiver has of a gift.
type GiftLeg struct {
	Kind         string   `json:"kind" enum:"store,platform,creator,agency,seller,partner"`
	Receiver     string   `json:"receiver,omitempty" doc:"Its id; the platform has none" example:"family"`
	Amount       string   `json:"amount" doc:"Below zero if it gave more than it got" example:"19.32"`
	Percentage   string   `json:"percentage,omitempty" doc:"Of what stands, by largest remainder, so that the legs add up to 100.00" example:"18.23"`
	Transactions []string `json:"transactions" nullable:"false" doc:"The transactions that gave or took it"`

	minor money.Minor
}

// GiftLot is what a purchase of coins paid of a gift.
type GiftLot struct {
	Purchase string `json:"purchase,omitempty" doc:"Left out for coins that no purchase brought" example:"CP-1"`
	Store    string `json:"store,omitempty" doc:"Left out for coins bought on the web" example:"apple"`
	Amount   string `json:"amount" doc:"The coins of it that the gift took" example:"106.00"`
	StoreFee string `json:"store_fee" doc:"Their part of the fee that was recorded with the purchase" example:"31.80"`
}

// GiftRecord is a transaction of a gift in brief.
type GiftRecord struct {
	ID    string    `json:"id"`
	Event string    `json:"event"`
	At    time.Time `json:"occurred_at" format:"date-time"`
}

// ErrGiftUnknown means that no gift of an id was recorded.
var ErrGiftUnknown = fault.New(fault.NotFound, "gift-unknown", "No gift of this id was recorded. Check its id.")

// Gift returns a gift with its chain, or ErrGiftUnknown.
func (s *Service) Gift(ctx context.Context, book ledger.Book, id string) (*Gift, error) {
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	told, err := p.story("gift:" + id)
	if err != nil {
		return nil, err
	}
	first := told.first("gift.sent")
	if first == nil {
		return nil, ErrGiftUnknown
	}
	sent, err := storedAs[giftSent](first)
	if err != nil {
		return nil, err
	}
	c := money.Currency(sent.Currency)
	stands := -told.net(accountCoins, c)
	out := &Gift{Gift: id, Creator: sent.Creator, LiveSession: sent.LiveSession, Currency: sent.Currency, GivenAt: first.OccurredAt, Given: sent.Amount,
		Stands: stands.Format(c), State: giftState(told), Traced: true, Legs: []GiftLeg{}, Lots: []GiftLot{}, Transactions: []GiftRecord{}}
	if amount, err := money.ParseAmount(sent.Amount, c); err == nil {
		out.Given = amount.Format(c)
	}
	for i := range told.transactions {
		t := &told.transactions[i]
		out.Transactions = append(out.Transactions, GiftRecord{t.ID(), t.Event, t.OccurredAt})
	}
	stores, err := p.readLots(out, c)
	if err != nil {
		return nil, err
	}
	return out, p.readLegs(out, told, stores, stands, c)
}

// giftState says where a gift's earnings are.
func giftState(told *story) string {
	switch {
	case len(told.named("gift.reversed")) > 0:
		return "reversed"
	case len(told.named(eventReleased)) > 0:
		return "available"
	}
	return "held"
}

// readLots reads which purchases paid for a gift, and what their stores kept of it.
func (p *planner) readLots(out *Gift, c money.Currency) (stores []GiftLeg, err error) {
	lots, err := p.service.lotsOf(p.ctx, p.book, nil, out.Gift, c)
	if fault.CodeOf(err) == ErrCoinHistory.Code {
		out.Traced = false
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, lot := range lots {
		own := GiftLot{Purchase: lot.purchase, Amount: (lot.to - lot.from).Format(c), StoreFee: money.Minor(0).Format(c)}
		if lot.purchase != "" {
			if err := p.readStore(&own, &stores, lot, c); err != nil {
				return nil, err
			}
		}
		out.Lots = append(out.Lots, own)
	}
	return stores, nil
}

// readStore adds a lot's part of the store's fee. The parts of all that a purchase paid for add up to its fee: each is what
// the fee on the coins up to its end is more than on those before it.
func (p *planner) readStore(own *GiftLot, stores *[]GiftLeg, lot lotOf, c money.Currency) error {
	told, bought, err := p.purchase(lot.purchase)
	if err != nil || bought.Store == "" {
		return err
	}
	own.Store = bought.Store
	fee := -told.net(accountStoreFee, c)
	if fee <= 0 {
		return nil
	}
	until, err := money.Proportion(fee, lot.to, lot.amount, money.HalfEven, 1)
	if err != nil {
		return err
	}
	before, err := money.Proportion(fee, lot.from, lot.amount, money.HalfEven, 1)
	if err != nil {
		return err
	}
	own.StoreFee = (until - before).Format(c)
	i := slices.IndexFunc(*stores, func(x GiftLeg) bool { return x.Receiver == bought.Store })
	if i < 0 {
		i = len(*stores)
		*stores = append(*stores, GiftLeg{Kind: "store", Receiver: bought.Store, Transactions: []string{}})
	}
	leg := &(*stores)[i]
	leg.minor += until - before
	for _, t := range told.named("appstore.fee_recorded") {
		leg.Transactions = append(leg.Transactions, t.ID())
	}
	return nil
}

// readLegs reads who has what of a gift: the stores, the platform, the creator, and everybody else in the order they came in.
func (p *planner) readLegs(out *Gift, told *story, stores []GiftLeg, stands money.Minor, c money.Currency) error {
	holders, err := p.holders(told, c)
	if err != nil {
		return err
	}
	platform := GiftLeg{Kind: "platform", Transactions: []string{}, minor: stands}
	var payees []GiftLeg
	for _, h := range holders {
		leg := GiftLeg{Kind: h.kind, Receiver: h.id, Transactions: h.transactions, minor: h.amount}
		if h.kind == "creator" && h.id == out.Creator {
			payees = slices.Insert(payees, 0, leg)
		} else {
			payees = append(payees, leg)
		}
	}
	for _, list := range [][]GiftLeg{stores, payees} {
		for i := range list {
			platform.minor -= list[i].minor
		}
	}
	for i := range told.transactions {
		t := &told.transactions[i]
		if slices.ContainsFunc(t.Entries, func(e ledger.Entry) bool {
			return e.Account == accountGiftShare || e.Account == accountBonus || e.Account == accountChargebackLoss
		}) {
			platform.Transactions = append(platform.Transactions, t.ID())
		}
	}
	for _, leg := range slices.Concat(stores, []GiftLeg{platform}, payees) {
		if leg.minor != 0 {
			out.Legs = append(out.Legs, leg)
		}
	}
	percentages(out.Legs, stands)
	for i := range out.Legs {
		out.Legs[i].Amount = out.Legs[i].minor.Format(c)
	}
	return nil
}

// percentages gives each leg its part of the whole with two decimals, by largest remainder; the first of equal ones is first.
// A leg may be below zero. Nothing has no parts.
func percentages(legs []GiftLeg, whole money.Minor) {
	if whole <= 0 {
		return
	}
	hundredths := make([]int64, len(legs))
	rests := make([]*big.Int, len(legs))
	byRest := make([]int, len(legs))
	left := int64(100_00)
	for i := range legs {
		n := new(big.Int).Mul(big.NewInt(int64(legs[i].minor)), big.NewInt(100_00))
		part, rest := n.DivMod(n, big.NewInt(int64(whole)), new(big.Int)) // rounds down, also below zero
		hundredths[i], rests[i], byRest[i] = part.Int64(), rest, i
		left -= hundredths[i]
	}
	slices.SortStableFunc(byRest, func(a, b int) int { return rests[b].Cmp(rests[a]) })
	for _, i := range byRest[:left] { // less than one hundredth for each leg is left
		hundredths[i]++
	}
	for i := range legs {
		legs[i].Percentage = hundredth(hundredths[i])
	}
}

// hundredth formats hundredths with two decimals.
func hundredth(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := strconv.FormatInt(n%100, 10)
	if len(text) < 2 {
		text = "0" + text
	}
	return sign + strconv.FormatInt(n/100, 10) + "." + text
}
