package payouts

import "context"

// Work is what is done again and again: the jobs of this package, by name, with when.

// When says when a work is due.
type When string

const (
	// EveryMinute is the first second of each minute.
	EveryMinute When = "every minute"
	// Every5Minutes is each round five minutes.
	Every5Minutes When = "every 5 minutes"
	// Hourly is each full hour.
	Hourly When = "hourly"
	// AtMidnight is 00:00 of the book's zone.
	AtMidnight When = "at midnight"
	// AtRun is 02:00 of the book's zone, when its runs start. No policy with another zone or time is taken (ErrPolicyClock).
	AtRun When = "at the run"
	// AtDawn is 04:00 of the book's zone.
	AtDawn When = "at dawn"
)

// RunTime is AtRun as a policy has it.
const RunTime = "02:00"

// Work is one of them. Doing it twice comes out once.
type Work struct {
	Name    string
	Meaning string
	When    When
	Do      func(ctx context.Context, t Turn) (Report, error)
}

// Works returns them in the order in which they follow each other when they are due at the same instant.
func (s *Service) Works() []Work {
	return []Work{
		{"payout_feed", "Notes what of the ledger's news waits for a time.", EveryMinute, s.Feed},
		{"payout_release", "Settles orders, releases earnings, imports and donations whose time has come.", Every5Minutes, s.Release},
		{"payout_reserves", "Gives reserves back whose time is over.", Hourly, s.Reserves},
		{"payout_plan", "Decides about everybody with a balance, and creates payouts.", AtRun, s.Plan},
		{"payout_carry_on", "Goes on with runs that were begun by hand, released or refused.", EveryMinute, s.CarryOn},
		{"payout_submit", "Sends payouts to the rails, at the pace they take.", EveryMinute, s.Submit},
		{"payout_notices", "Reads again what the rails have announced.", EveryMinute, s.ReadNotices},
		{"payout_follow", "Looks after payouts that are unknown, on their way, or stuck.", Every5Minutes, s.Follow},
		{"payout_poll", "Finds what was never announced.", Hourly, s.Poll},
		{"payout_retry", "Pays again what failed for a passing reason.", Hourly, s.Retry},
		{"payout_recovery", "Recovers debts in the stated order.", AtDawn, s.Recover},
		{"payout_treasury", "Proposes sweeps, top-ups and trust deposits.", AtDawn, s.Treasury},
	}
}
