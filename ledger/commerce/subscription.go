package commerce

// Subscriptions of viewers to creators, for a month or for a year. A year is paid at once and earned month by month.

// monthsOfYear is how many parts a yearly subscription is earned in.
const monthsOfYear = 12

// SubscriptionCharged is one payment of a subscription.
type SubscriptionCharged struct {
	Subscription string `json:"subscription" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of this charge of the subscription" example:"SUB-1-2026-11"`
	Creator      string `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator" example:"cre_amy"`
	Plan         string `json:"plan,omitempty" enum:"monthly,annual" default:"monthly" doc:"What it pays for"`
	Currency     string `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the viewer paid" example:"4.99"`
	Share        string `json:"share" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The creator's share, rounded up in the creator's favour" example:"0.5"`
	Processor    string `json:"processor" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The account at the processor" example:"main"`
	PaymentID    string `json:"payment_id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's payment" example:"pi_s1"`
}

// SubscriptionEarned says that a month of a yearly subscription was served.
type SubscriptionEarned struct {
	Subscription string `json:"subscription" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of the charge" example:"SUB-2"`
	Month        int    `json:"month" minimum:"1" maximum:"12" doc:"Which month; they are earned in order"`
}

// SubscriptionRefunded gives a subscription back: all of a month, or the months of a year that were not served (M-22).
type SubscriptionRefunded struct {
	Subscription    string `json:"subscription" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The id of the charge" example:"SUB-1-2026-11"`
	PaymentRefundID string `json:"payment_refund_id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The processor's id of the refund" example:"re_s1"`
}
