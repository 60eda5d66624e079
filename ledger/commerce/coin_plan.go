package commerce

import (
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What purchases of coins post, and how they are undone.

const accountStoreFee = "expenses:appstore_fee"

func storeAccount(store string) ledger.Address {
	return ledger.Address("assets:receivable:appstore:" + store)
}

func (d *CoinsPurchased) subject() string { return "coins:" + d.Purchase }
func (d *CoinsRefunded) subject() string  { return "coins:" + d.Purchase }
func (d *CoinsDisputed) subject() string  { return "coins:" + d.Purchase }
func (d *CoinsExpired) subject() string   { return "coin_expiry:" + d.Expiry }
func (d *StoreSettled) subject() string   { return "" }

// subject is the purchase, if the fee is that of one.
func (d *StoreFeeRecorded) subject() string {
	if d.Purchase == "" {
		return ""
	}
	return "coins:" + d.Purchase
}

func (d *CoinsPurchased) prepare(p *preparation) {
	p.id("/purchase", d.Purchase, true)
	p.id("/store", d.Store, false)
	p.id("/processor", d.Processor, false)
	p.id("/payment_id", d.PaymentID, false)
	if (d.Store == "") == (d.Processor == "") {
		p.bad("/store", "coins-paid", "Coins are bought in a store or paid at a processor: name one of them.")
	}
	if d.Processor == "" && d.PaymentID != "" || d.Processor != "" && d.PaymentID == "" {
		p.bad("/payment_id", "coins-paid", "A payment at a processor has an id, and a store's has none.")
	}
	if d.Store == "" && d.StoreFee != "" {
		p.bad("/store_fee", "unexpected", "Only a store takes a store fee.")
	}
	p.useCurrency("/currency", d.Currency)
	amount := p.positive("/amount", d.Amount)
	if p.amount("/store_fee", d.StoreFee) > amount {
		p.bad("/store_fee", "too-large", "The store's fee is at most the price.")
	}
}

// paidTo is where the money for the coins stands.
func (d *CoinsPurchased) paidTo(bucket string) ledger.Address {
	if d.Store != "" {
		return storeAccount(d.Store)
	}
	return processorAccount(bucket, d.Processor)
}

// amounts reads what was paid and the store's fee.
func (d *CoinsPurchased) amounts() (c money.Currency, amount, fee money.Minor, err error) {
	if c, err = money.ParseCurrency(d.Currency); err != nil {
		return
	}
	if amount, err = money.ParseAmount(d.Amount, c); err != nil || d.StoreFee == "" {
		return
	}
	fee, err = money.ParseAmount(d.StoreFee, c)
	return
}

func (d *CoinsPurchased) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A purchase of this id was recorded before.")
	}
	c, amount, fee, err := d.amounts()
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	paid := d.paidTo(bucketPending)
	if err := p.draft(draftOf{event: "coins.purchased", data: data, lines: []ledger.Line{
		{Account: paid, Amount: amount, Currency: c, ExternalRef: d.PaymentID}, {Account: accountCoins, Amount: -amount, Currency: c},
	}}); err != nil || fee == 0 {
		return err
	}
	return p.draft(draftOf{event: "appstore.fee_recorded", kind: p.event.Type, part: 1, lines: creditLines(c, positions{{accountStoreFee, -fee}, {paid, fee}})})
}

func (d *StoreFeeRecorded) prepare(p *preparation) {
	p.id("/store", d.Store, true)
	p.id("/purchase", d.Purchase, false)
	p.id("/document", d.Document, false)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1 // the store's own arithmetic is not bound to our posting unit
	p.positive("/amount", d.Amount)
}

// plan posts the fee. That of one purchase is told with the purchase: it is part of what the purchase's gifts cost, and the
// store gives it back with the purchase.
func (d *StoreFeeRecorded) plan(p *planner) error {
	if d.Purchase != "" {
		told, bought, err := p.purchase(d.Purchase)
		if err != nil {
			return err
		}
		c, amount, _, err := bought.amounts()
		if err != nil {
			return err
		}
		fee, err := money.ParseAmount(d.Amount, money.Currency(d.Currency))
		if err != nil {
			return err
		}
		if bought.Store != d.Store || string(c) != d.Currency || fee-told.net(accountStoreFee, c) > amount {
			return ErrOrderTerms.With("The purchase was in another store or currency, or its fees would be more than its price. Nothing was posted.")
		}
	}
	return p.pair("appstore.fee_recorded", d.Currency, d.Amount, accountStoreFee, storeAccount(d.Store), d.Document)
}

func (d *StoreSettled) prepare(p *preparation) {
	p.id("/store", d.Store, true)
	p.id("/bank_account", d.BankAccount, true)
	p.id("/document", d.Document, false)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
}

func (d *StoreSettled) plan(p *planner) error {
	return p.pair("appstore.settled", d.Currency, d.Amount, ledger.Address("assets:bank:operating:"+d.BankAccount), storeAccount(d.Store), d.Document)
}

func (d *CoinsExpired) prepare(p *preparation) {
	p.id("/expiry", d.Expiry, true)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
}

func (d *CoinsExpired) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("An expiry of this id was recorded before.")
	}
	c, err := money.ParseCurrency(d.Currency)
	if err != nil {
		return err
	}
	amount, err := money.ParseAmount(d.Amount, c)
	if err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "coins.expired", data: data, decision: true, lines: creditLines(c, positions{{accountCoins, -amount}, {"revenue:breakage", amount}})})
}

func prepareGifts(p *preparation, gifts []string) {
	if len(gifts) > 50 {
		p.bad("/gifts", "too-many", "At most 50 gifts are undone at once. Reverse the others before, one by one.")
	}
	seen := map[string]bool{}
	for i, id := range gifts {
		p.id(at("/gifts", i), id, true)
		if seen[id] {
			p.bad(at("/gifts", i), "repeated", "Each gift is named once.")
		}
		seen[id] = true
	}
}

func (d *CoinsRefunded) prepare(p *preparation) {
	p.id("/purchase", d.Purchase, true)
	p.id("/payment_refund_id", d.PaymentRefundID, false)
	p.oneOf("/clawback", d.Clawback, "creator", "platform")
	prepareGifts(p, d.Gifts)
}

func (d *CoinsDisputed) prepare(p *preparation) {
	p.id("/purchase", d.Purchase, true)
	p.id("/dispute", d.Dispute, true)
	p.oneOf("/clawback", d.Clawback, "creator", "platform")
	prepareGifts(p, d.Gifts)
}

// purchase reads a purchase that still stands.
func (p *planner) purchase(id string) (*story, CoinsPurchased, error) {
	told, err := p.story("coins:" + id)
	if err != nil {
		return nil, CoinsPurchased{}, err
	}
	bought := told.first("coins.purchased")
	if bought == nil {
		return nil, CoinsPurchased{}, ErrOrderUnknown.With("No purchase of this id was recorded. Check its id.")
	}
	if told.first("coins.purchase_refunded") != nil || told.first("coins.disputed") != nil {
		return nil, CoinsPurchased{}, ErrRepeated.With("The purchase was refunded or disputed before.")
	}
	kept, err := storedAs[CoinsPurchased](bought)
	return told, kept, err
}

// maxGiftsOfLot bounds the gifts that go back with a purchase.
const maxGiftsOfLot = 200

// undoGifts undoes what a purchase paid for, the newest gift first. Gifts that the caller named must be those. Only if
// the purchase lies too far back to be followed are named gifts taken as they are; more than it bought cannot be its own. The
// drafts take two parts for each gift, from the given one on.
func (p *planner) undoGifts(purchase string, named []string, platformBears bool, c money.Currency, bought money.Minor, part int) ([]undoneGift, error) {
	paid, err := p.paidGifts(purchase, c)
	switch {
	case fault.CodeOf(err) == ErrCoinHistory.Code && len(named) > 0:
		if paid, err = p.wholeGifts(named, c, bought); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case len(paid) > maxGiftsOfLot:
		return nil, ErrCoinGifts.Withf("The purchase paid for %d gifts, and at most %d go back at once. Record it as a transaction.", len(paid), maxGiftsOfLot)
	case len(named) > 0:
		if err := agree(named, paid); err != nil {
			return nil, err
		}
	}
	var list []undoneGift
	for i := range paid {
		undone, err := p.undoGift(paid[i], platformBears, part+2*i, nil)
		if err != nil {
			return nil, err
		}
		list = append(list, undone)
	}
	return list, nil
}

// wholeGifts are gifts as the caller named them.
func (p *planner) wholeGifts(named []string, c money.Currency, bought money.Minor) (list []paidGift, err error) {
	for _, id := range named {
		told, sent, err := p.gift(id)
		if err != nil {
			return nil, err
		}
		if sent.Currency != string(c) {
			return nil, ErrOrderTerms.With("A gift is in another currency than the purchase. Nothing was posted.")
		}
		coins := -told.net(accountCoins, c)
		if bought -= coins; bought < 0 {
			return nil, ErrOrderTerms.With("The gifts are worth more than the purchase, so it did not pay for all of them. Nothing was posted.")
		}
		list = append(list, paidGift{id, coins})
	}
	return list, nil
}

// coinsRefunded is a refund as it is kept, with the gifts that it undid.
type coinsRefunded struct {
	CoinsRefunded
	Currency string       `json:"currency"`
	Undone   []undoneGift `json:"undone,omitempty"`
}

func (d *coinsRefunded) tell() []Step { return tellUndone(d.Currency, d.Undone) }

// coinsDisputed is a dispute as it is kept, with the gifts that it undid.
type coinsDisputed struct {
	CoinsDisputed
	Currency string       `json:"currency"`
	Undone   []undoneGift `json:"undone,omitempty"`
}

func (d *coinsDisputed) tell() []Step { return tellUndone(d.Currency, d.Undone) }

func (d *CoinsRefunded) plan(p *planner) error {
	told, bought, err := p.purchase(d.Purchase)
	if err != nil {
		return err
	}
	c, amount, _, err := bought.amounts()
	if err != nil {
		return err
	}
	kept := &coinsRefunded{CoinsRefunded: *d, Currency: string(c)}
	if kept.Undone, err = p.undoGifts(d.Purchase, d.Gifts, d.Clawback == "platform", c, amount, 2); err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	paid := bought.paidTo(bucketAvailable)
	if err := p.draft(draftOf{event: "coins.purchase_refunded", data: data, told: kept, lines: []ledger.Line{
		{Account: accountCoins, Amount: amount, Currency: c}, {Account: paid, Amount: -amount, Currency: c, ExternalRef: d.PaymentRefundID},
	}}); err != nil {
		return err
	}
	if fee := -told.net(accountStoreFee, c); fee != 0 {
		return p.draft(draftOf{event: "appstore.fee_reversed", kind: p.event.Type, part: 1, lines: creditLines(c, positions{{paid, -fee}, {accountStoreFee, fee}})})
	}
	return nil
}

func (d *CoinsDisputed) plan(p *planner) error {
	_, bought, err := p.purchase(d.Purchase)
	if err != nil {
		return err
	}
	if bought.Processor == "" {
		return ErrOrderTerms.With("The coins were bought in a store, which settles disputes itself. Record a refund of the purchase instead.")
	}
	c, amount, _, err := bought.amounts()
	if err != nil {
		return err
	}
	prep := &preparation{book: p.book, currency: c, unit: 1}
	fee := prep.amount("/fee", d.Fee)
	if err := prep.err(); err != nil {
		return err
	}
	kept := &coinsDisputed{CoinsDisputed: *d, Currency: string(c)}
	if kept.Undone, err = p.undoGifts(d.Purchase, d.Gifts, d.Clawback == "platform", c, amount, 2); err != nil {
		return err
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	lines := creditLines(c, positions{{accountCoins, -amount}, {accountDisputeFee, -fee}, {processorAccount(bucketAvailable, bought.Processor), amount + fee}})
	lines[len(lines)-1].ExternalRef = d.Dispute
	return p.draft(draftOf{event: "coins.disputed", data: data, told: kept, lines: lines})
}
