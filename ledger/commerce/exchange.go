package commerce

// Changes of orders: a part cancelled before shipment, goods exchanged, the commission moved to whom it belongs, its rate
// raised afterwards, and a part of it given to a campaign. Rates stay those that the order was frozen to; what changes is
// what they are applied to, and everything is computed again on what remains.

var exchangeTypes = []EventType{
	{Name: "attribution.moved", Meaning: "The commission of an order belongs to other creators than it was recorded for.", New: func() EventData { return &AttributionMoved{} }},
	{Name: "commission.tier_adjusted", Meaning: "A tier reached later changes the commission of an order that was sold before.", New: func() EventData { return &TierAdjusted{} }},
	{Name: "donation.from_sale", Meaning: "A creator gives a part of the commission of an order to a campaign, once the order settles.", New: func() EventData { return &DonationFromSale{} }},
	{Name: "exchange.captured", Meaning: "The new goods of an exchange were sold; the buyer pays or gets the difference.", New: func() EventData { return &ExchangeCaptured{} }},
	{Name: "exchange.returned", Meaning: "Goods came back to be exchanged; what the buyer paid for them waits for the new goods.", New: func() EventData { return &ExchangeReturned{} }},
	{Name: "order.line_cancelled", Meaning: "A part of an order was cancelled before it was shipped.", New: func() EventData { return &LineCancelled{} }},
}

var exchangeOwnTypes []EventType

var exchangeParts map[string]string

// ExchangeReturned says that units came back to be exchanged (M-09). Every rule is computed again on what remains, as for a
// refund, but no refund fee is charged and no money goes to the buyer.
type ExchangeReturned struct {
	Order    string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Exchange string         `json:"exchange" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The exchange's own id, unique in the order with its refunds" example:"EX-1"`
	Lines    []RefundedLine `json:"lines" nullable:"false" minItems:"1" maxItems:"200" doc:"Units that came back"`
	Reason   string         `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"wrong_size"`
}

// ExchangeCaptured says what the buyer gets instead. The rates are those of the original order, because the buyer did not
// buy again. The settlement clock starts again with the delivery of the new goods.
type ExchangeCaptured struct {
	Order           string         `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Exchange        string         `json:"exchange" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The exchange's id" example:"EX-1"`
	Returned        []RefundedLine `json:"returned,omitempty" nullable:"false" maxItems:"200" doc:"Units that came or will come back, if no exchange.returned was sent for them"`
	Lines           []CapturedLine `json:"lines,omitempty" nullable:"false" maxItems:"200" doc:"The new goods, with line numbers that the order does not have yet; none if the exchange comes to nothing and the money goes back"`
	Shipping        *Extra         `json:"shipping,omitempty" doc:"What the buyer pays for shipping them"`
	Payments        []Payment      `json:"payments,omitempty" nullable:"false" maxItems:"20" doc:"How the buyer paid what the new goods cost more"`
	PaymentRefundID string         `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund of what they cost less" example:"re_1"`
	Cash            string         `json:"cash,omitempty" enum:"pending,available" default:"available" doc:"Which of our balances at the processor such a refund was taken from"`
}
