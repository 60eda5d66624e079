package commerce

import "time"

// order.settled: the clock ran out and no case is open, so what the order's payees earned becomes available, less the
// seller's reserve (A-15, A-16, W-22).

// Settlement is what a settlement is asked with.
type Settlement struct {
	// Reference is the caller's name for it; empty means "order.settled:<order>".
	Reference string
	// At is when it settles; zero means now.
	At time.Time
	// ReserveRate and ReserveDays are the seller's reserve; nil means the rule set's.
	ReserveRate *string
	ReserveDays *int
	// IfDue refuses an order whose clock has not run out, or has not started.
	IfDue bool
}
