package payouts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A payout that failed or came back is never used again. What it should have paid is paid by a new one that names it: after
// some days if the reason may pass by itself, or as soon as the payee has another verified destination.

const (
	// retryWindow is how long a payout that came back is tried again by itself. Afterwards the next run pays what is there.
	retryWindow = 90 * 24 * time.Hour
	retryPage   = 200
	retryMost   = 10_000
)

// back is a payout that failed or was returned and has none after it.
type back struct {
	id     string
	holder Holder
	amount money.Minor
	method string
	code   string
	// destination is where it was sent.
	destination string
	retries     int
	at          time.Time
	changed     time.Time
	// elsewhere says that the payee has an active destination now which is another one, or was mended since.
	elsewhere bool
}

// Retry pays again what failed for a passing reason, as the policy allows, and what waited for another destination. Whether
// it is paid is decided as for every payout; a decision not to pay is asked again on the next day.
func (s *Service) Retry(ctx context.Context, t Turn) (Report, error) {
	var tried, paid int64
	var first error
	now := s.now()
	policy, err := s.lawOf(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	at, after := now.Add(-retryWindow), ""
	for tried < retryMost {
		list, err := s.cameBackSince(ctx, t.Book, policy.Retry.Transient, at, after)
		if err != nil {
			return Report{}, err
		}
		if len(list) == 0 {
			break
		}
		for _, b := range list {
			if !b.retryDue(policy, now) {
				continue
			}
			tried++
			var again []Payout
			err := s.safely(func() (err error) {
				again, err = s.retryOne(ctx, t, b, now)
				return err
			}, "payout", b.id)
			if err != nil && ctx.Err() != nil {
				return Report{}, err
			}
			if err != nil && first == nil {
				first = err
			}
			if len(again) > 0 {
				paid++
			}
		}
		last := list[len(list)-1]
		at, after = last.changed, last.id
	}
	if first != nil && paid == 0 {
		return Report{}, first
	}
	return Report{Text: fmt.Sprintf("%d payouts that came back were tried again, %d are paid.", tried, paid), Items: tried}, nil
}

// retryDue reports whether a payout is tried again now.
func (b back) retryDue(policy *Policy, now time.Time) bool {
	due := policy.RetryAt(b.retries, b.at)
	return b.elsewhere || policy.passing(b.code) && !due.IsZero() && !due.After(now)
}

// passing reports whether a failure may pass by itself.
func (p *Policy) passing(code string) bool { return slices.Contains(p.Retry.Transient, code) }

// lawOf is the book's policy as far as money that comes back is concerned, which nothing that is agreed with a payee changes.
// A book without a policy, which cannot have paid by one, keeps fees and tries nothing again.
func (s *Service) lawOf(ctx context.Context, book ledger.Book) (*Policy, error) {
	policy, err := s.PolicyAt(ctx, book, s.now())
	if fault.CodeOf(err) == ErrPolicyMissing.Code {
		return &Policy{}, nil
	}
	return policy, err
}

// retryOne asks for the payout that follows. The money is the payee's again and may have changed since, so that everything
// is paid that is there. The reference is the day's: the same is not asked twice.
func (s *Service) retryOne(ctx context.Context, t Turn, b back, now time.Time) ([]Payout, error) {
	if !b.elsewhere {
		// The rail disables an account to which a payout has failed; it may have been mended since without a notice.
		if _, err := s.Refresh(ctx, t.Book, b.destination); err != nil {
			s.log.Warn("a destination could not be read again", "destination", b.destination, "error", err)
		}
	}
	failpoint.Here(failpoint.RetryCreating)
	_, list, err := s.RequestPayout(ctx, t.actor(), t.Book, Request{Reference: referenceRetry + b.id + ":" + now.Format(time.DateOnly), Holder: b.holder,
		Method: MethodStandard, Retry: b.id})
	if len(list) > 0 {
		failpoint.Here(failpoint.RetryCreated)
	}
	if code := fault.CodeOf(err); code == ErrRetried.Code || code == ErrBalance.Code || code == ErrPayee.Code {
		return nil, nil
	}
	return list, err
}
