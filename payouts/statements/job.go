package statements

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mizan/payouts"
)

// The job that issues what is due: it goes through the owners of accounts one after the other and issues every month that is over and
// has none yet. A statement that is issued stays, so a run that ended anywhere is simply begun again.

const (
	// ownersPage is how many owners are read together.
	ownersPage = 500
	// mostFailures bounds the failures that a run's report names.
	mostFailures = 20
)

// IssueDue issues the statements of months that are over. Payees whose statement cannot be made keep no other from theirs, however many
// they are; the run fails at its end, says how many there were, and names up to 20 of them.
func (s *Service) IssueDue(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	var failed []error
	issued, failures := int64(0), 0
	after, last := "", ""
	for {
		places, err := s.owners(ctx, t.Book, after, ownersPage)
		if err != nil {
			return report(issued), err
		}
		for _, place := range places {
			payee, _, _ := strings.Cut(place, ":")
			if payee == last {
				continue
			}
			last = payee
			n, err := s.issueFor(ctx, t, payee)
			if issued += n; err != nil {
				if ctx.Err() != nil {
					return report(issued), context.Cause(ctx)
				}
				if failures++; len(failed) < mostFailures {
					failed = append(failed, fmt.Errorf("the statement of %s: %w", payee, err))
				}
			}
		}
		if len(places) < ownersPage {
			if failures > len(failed) {
				failed = append(failed, fmt.Errorf("%d payees have no statement, the first of them named here", failures))
			}
			return report(issued), errors.Join(failed...)
		}
		after = places[len(places)-1]
	}
}

func report(issued int64) payouts.Report {
	return payouts.Report{Text: fmt.Sprintf("%d statements were issued", issued), Items: issued}
}

// issueFor issues what is due to one payee. A currency that fails keeps no other from its statement.
func (s *Service) issueFor(ctx context.Context, t payouts.Turn, payee string) (issued int64, err error) {
	currencies, err := s.Currencies(ctx, t.Book, payee)
	if err != nil {
		return 0, err
	}
	for _, c := range currencies {
		for {
			st, failed := s.Issue(ctx, t.Book, payee, c)
			if failed != nil && err == nil {
				err = failed
			}
			if failed != nil || st == nil {
				break
			}
			issued++
		}
	}
	return issued, err
}
