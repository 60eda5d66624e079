package commerce

import "time"

// The facts that move an order's clocks and gates and post nothing, and its cancellation.

// OrderDelivered says that a parcel arrived; the last one starts the settlement clock.
type OrderDelivered struct {
	Order       string    `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	DeliveredAt time.Time `json:"delivered_at" format:"date-time" doc:"When it arrived" example:"2026-11-22T09:00:00Z"`
	Parcel      int       `json:"parcel,omitempty" minimum:"1" maximum:"1000" default:"1" doc:"Which parcel"`
	LastParcel  bool      `json:"last_parcel,omitempty" doc:"Whether nothing more is to arrive"`
}

// AfterSalesOpened says that the buyer opened a case; while it is open the order does not settle.
type AfterSalesOpened struct {
	Order  string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Case   string `json:"case" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The case's id" example:"RMA-7"`
	Reason string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"damaged"`
}

// AfterSalesClosed says how a case ended.
type AfterSalesClosed struct {
	Order   string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Case    string `json:"case" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The case's id" example:"RMA-7"`
	Outcome string `json:"outcome,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"How it ended, in your words" example:"refunded"`
}

// OrderCancelled says that an order was cancelled before shipment. After a capture everything goes back, kept flat fees
// too; before one it is a fact.
type OrderCancelled struct {
	Order           string `json:"order" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The order's id" example:"UK-1"`
	Reason          string `json:"reason,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Why, in your words" example:"buyer"`
	PaymentRefundID string `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_1"`
	Cash            string `json:"cash,omitempty" enum:"pending,available" default:"available" doc:"Which of our balances at the processor it was taken from"`
}
