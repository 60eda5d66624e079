package intake

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Reading a shop's messages: orders/paid and refunds/create. Amounts are those in the shop's own currency; what buyers saw
// in another is not ours to post.

// verdict is what a message comes to: an event, or a state with its reason.
type verdict struct {
	state  State
	reason string
	detail string
	event  *commerce.Event
}

func parked(reason, detail string) verdict {
	return verdict{state: Parked, reason: reason, detail: detail}
}

func ignored(reason, detail string) verdict {
	return verdict{state: Ignored, reason: reason, detail: detail}
}

type moneyBag struct {
	Shop struct {
		Amount   string `json:"amount"`
		Currency string `json:"currency_code"`
	} `json:"shop_money"`
}

type shopifyOrder struct {
	ID            json.Number `json:"id"`
	Test          bool        `json:"test"`
	Currency      string      `json:"currency"`
	ProcessedAt   time.Time   `json:"processed_at"`
	TaxesIncluded bool        `json:"taxes_included"`
	Subtotal      *moneyBag   `json:"subtotal_price_set"`
	Codes         []struct {
		Code string `json:"code"`
	} `json:"discount_codes"`
	Notes []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"note_attributes"`
	Lines []struct {
		ID        json.Number `json:"id"`
		Quantity  int64       `json:"quantity"`
		GiftCard  bool        `json:"gift_card"`
		Price     moneyBag    `json:"price_set"`
		Discounts []struct {
			Amount moneyBag `json:"amount_set"`
		} `json:"discount_allocations"`
		Taxes []struct {
			Price moneyBag `json:"price_set"`
		} `json:"tax_lines"`
	} `json:"line_items"`
}

type shopifyRefund struct {
	ID      json.Number `json:"id"`
	OrderID json.Number `json:"order_id"`
	Lines   []struct {
		LineID   json.Number `json:"line_item_id"`
		Subtotal moneyBag    `json:"subtotal_set"`
		Tax      moneyBag    `json:"total_tax_set"`
	} `json:"refund_line_items"`
	Adjustments []struct {
		Kind   string   `json:"kind"`
		Amount moneyBag `json:"amount_set"`
	} `json:"order_adjustments"`
	Transactions []struct {
		Kind   string `json:"kind"`
		Status string `json:"status"`
		Test   bool   `json:"test"`
	} `json:"transactions"`
}

// knownBags are the money bags of orders and refunds that are read, or are known not to matter to a commission.
var knownBags = []string{
	"subtotal_price_set", "price_set", "amount_set", "subtotal_set", "total_tax_set", "total_price_set", "total_discounts_set", "total_line_items_price_set",
	"total_shipping_price_set", "total_discount_set", "current_subtotal_price_set", "current_total_price_set", "current_total_tax_set", "current_total_discounts_set",
	"current_total_duties_set", "current_total_additional_fees_set", "original_total_duties_set", "original_total_additional_fees_set", "discounted_price_set",
	"total_cash_rounding_payment_adjustment_set", "total_cash_rounding_refund_adjustment_set", "current_shipping_price_set", "tax_amount_set", "discounted_total_set",
	"total_outstanding_set", "total_tip_received_set",
}

// aboutOf is the order that a message concerns; empty if that cannot be read.
func aboutOf(source, topic string, body []byte) string {
	if source != SourceShopify {
		return ""
	}
	var ids struct {
		ID      json.Number `json:"id"`
		OrderID json.Number `json:"order_id"`
	}
	if json.Unmarshal(body, &ids) != nil {
		return ""
	}
	id := ids.ID
	if topic == topicRefund {
		id = ids.OrderID
	}
	if about := SourceShopify + "." + id.String(); id != "" && ledger.IsSegment(about) {
		return about
	}
	return ""
}

// Sources and the topics that are applied.
const (
	SourceShopify = "shopify"
	SourceStripe  = "stripe"
	topicPaid     = "orders/paid"
	topicRefund   = "refunds/create"
)

// readShopify turns a message of a shop into an event.
func readShopify(book ledger.Book, m *Message, s *Source) verdict {
	if m.Topic != topicPaid && m.Topic != topicRefund {
		return ignored(ReasonUnknownTopic, "Messages of this type are only kept.")
	}
	if s.Shop != "" && !strings.EqualFold(s.Shop, m.Origin) {
		return parked(ReasonOrigin, "The message comes from another shop than the source describes.")
	}
	if m.About == "" {
		return parked(ReasonUnreadable, "The message is no JSON object with the ids of an order.")
	}
	var all any
	if err := json.Unmarshal(m.Body, &all); err != nil {
		return parked(ReasonUnreadable, "The message is no JSON.")
	}
	if name := unknownBag(all); name != "" {
		return parked(ReasonUnknownField, "There is money in a field that is not known: "+name+".")
	}
	if m.Topic == topicPaid {
		return readShopifyOrder(book, m, s)
	}
	return readShopifyRefund(m, s)
}

// unknownBag returns the name of a money bag that is not known and not zero.
func unknownBag(v any) string {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if name := unknownBag(x); name != "" {
				return name
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) { // the same message is parked for the same reason
			x := v[name]
			bag, _ := x.(map[string]any)
			if side, ok := bag["shop_money"].(map[string]any); ok {
				amount, _ := side["amount"].(string)
				if !slices.Contains(knownBags, name) && strings.Trim(amount, "-0.") != "" {
					if len(name) > 64 || !ledger.IsSegment(name) {
						return "of an unusual name"
					}
					return name
				}
				continue
			}
			if name := unknownBag(x); name != "" {
				return name
			}
		}
	}
	return ""
}

func readShopifyOrder(book ledger.Book, m *Message, s *Source) verdict {
	var o shopifyOrder
	if err := json.Unmarshal(m.Body, &o); err != nil || o.ProcessedAt.IsZero() {
		return parked(ReasonUnreadable, "The order cannot be read.")
	}
	if o.Test {
		return ignored(ReasonTest, "A test order is kept and never applied.")
	}
	c, err := money.ParseCurrency(o.Currency)
	if err != nil || !book.Uses(c) {
		return parked(ReasonCurrency, "The book does not post in the shop's currency.")
	}
	creators := s.creators(&o)
	if len(creators) == 0 {
		return ignored(ReasonNotAttributed, "No code of the order stands for a creator.")
	}
	if o.TaxesIncluded != s.PricesIncludeTax {
		return parked(ReasonAmounts, "The order and the source differ in whether prices include tax.")
	}
	d := &commerce.ImportedOrderPaid{Order: m.About, Source: SourceShopify, Seller: s.Seller, Currency: o.Currency, PaidAt: o.ProcessedAt.UTC(), Creators: creators,
		CommissionRate: s.CommissionRate, PlatformRate: s.PlatformRate, Release: s.Release, WindowDays: s.WindowDays}
	read := &bags{currency: c}
	total := money.Minor(0)
	for _, l := range o.Lines {
		goods := read.times(read.amount(l.Price), l.Quantity)
		for _, x := range l.Discounts {
			goods = read.minus(goods, read.amount(x.Amount))
		}
		total = read.plus(total, goods)
		if o.TaxesIncluded {
			for _, x := range l.Taxes {
				goods = read.minus(goods, read.amount(x.Price))
			}
		}
		if goods < 0 || goods > c.Max() { // no event holds it
			read.failed = true
		}
		if !l.GiftCard && !read.failed { // a gift card is no goods yet
			d.Lines = append(d.Lines, commerce.ImportedLine{Line: l.ID.String(), Amount: goods.Format(c)})
		}
	}
	switch {
	case read.foreign:
		return parked(ReasonCurrency, "An amount is not in the shop's currency.")
	case read.failed:
		return parked(ReasonUnreadable, "An amount of the order cannot be read.")
	case o.Subtotal != nil && read.amount(*o.Subtotal) != total:
		return parked(ReasonAmounts, "The order's lines do not come to its subtotal.")
	case len(d.Lines) == 0:
		return ignored(ReasonNotAttributed, "The order has no goods.")
	}
	return verdict{event: &commerce.Event{Type: "import.order_paid", Reference: "shopify:paid:" + m.About, Data: d}}
}

func readShopifyRefund(m *Message, s *Source) verdict {
	var r shopifyRefund
	if err := json.Unmarshal(m.Body, &r); err != nil || !ledger.IsSegment(r.ID.String()) {
		return parked(ReasonUnreadable, "The refund cannot be read.")
	}
	paid := false
	for _, t := range r.Transactions {
		if t.Test {
			return ignored(ReasonTest, "A test refund is kept and never applied.")
		}
		paid = paid || t.Kind == "refund" && t.Status == "success"
	}
	if !paid {
		return ignored(ReasonNoMoney, "No money went back to the buyer.")
	}
	read := &bags{}
	d := &commerce.ImportedRefund{Order: m.About, Refund: r.ID.String()}
	for _, a := range r.Adjustments {
		if a.Kind != "shipping_refund" && strings.Trim(a.Amount.Shop.Amount, "-0.") != "" {
			return parked(ReasonDiscrepancy, "What went back differs from the refunded lines. Record the refund by hand.")
		}
	}
	sums := map[string]money.Minor{}
	var lines []string
	for _, l := range r.Lines {
		goods := read.amount(l.Subtotal)
		if s.PricesIncludeTax {
			goods = read.minus(goods, read.amount(l.Tax))
		}
		id := l.LineID.String()
		if _, known := sums[id]; !known {
			lines = append(lines, id)
		}
		sums[id] = read.plus(sums[id], goods)
	}
	if read.foreign || read.failed {
		return parked(ReasonUnreadable, "An amount of the refund cannot be read.")
	}
	for _, id := range lines {
		if sums[id] != 0 {
			d.Lines = append(d.Lines, commerce.ImportedLine{Line: id, Amount: sums[id].Format(read.currency)})
		}
	}
	if len(d.Lines) == 0 {
		return ignored(ReasonNoMoney, "No goods went back, so no commission changes.")
	}
	return verdict{event: &commerce.Event{Type: "import.refund_created", Reference: "shopify:refund:" + d.Refund, Data: d}}
}

// creators are those that the order's codes stand for, each once.
func (s *Source) creators(o *shopifyOrder) (list []commerce.Creator) {
	note := s.NoteAttribute
	if note == "" {
		note = "creator"
	}
	used := map[string]bool{}
	for _, c := range o.Codes {
		used[fold(c.Code)] = true
	}
	for _, n := range o.Notes {
		if n.Name == note {
			used[fold(n.Value)] = true
		}
	}
	for _, c := range s.Creators {
		if used[fold(c.Code)] && !slices.ContainsFunc(list, func(x commerce.Creator) bool { return x.Creator == c.Creator }) {
			list = append(list, commerce.Creator{Creator: c.Creator, Weight: c.Weight, Agency: c.Agency})
		}
	}
	return list
}

func fold(code string) string { return strings.ToLower(strings.TrimSpace(code)) }

// bags reads money bags in one currency and remembers that one could not be read.
type bags struct {
	currency        money.Currency
	failed, foreign bool
}

func (b *bags) amount(bag moneyBag) money.Minor {
	c, err := money.ParseCurrency(bag.Shop.Currency)
	if b.currency == "" && err == nil {
		b.currency = c
	}
	if err != nil || c != b.currency {
		b.foreign = b.foreign || bag.Shop.Currency != ""
		b.failed = true
		return 0
	}
	m, err := money.ParseAmount(bag.Shop.Amount, c)
	b.failed = b.failed || err != nil
	return m
}

func (b *bags) plus(x, y money.Minor) money.Minor { return b.checked(money.Add(x, y)) }

func (b *bags) minus(x, y money.Minor) money.Minor { return b.checked(money.Sub(x, y)) }

func (b *bags) times(x money.Minor, n int64) money.Minor {
	if n < 0 || n > 1_000_000 || x > money.Minor(1)<<62/money.Minor(max(n, 1)) {
		b.failed = true
		return 0
	}
	return x * money.Minor(n)
}

func (b *bags) checked(m money.Minor, err error) money.Minor {
	b.failed = b.failed || err != nil
	return m
}
