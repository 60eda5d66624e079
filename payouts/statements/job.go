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
	// mostFailures bounds the failures that one run goes on after.
	mostFailures = 20
)

// IssueDue issues the statements of months that are over. One payee whose statement cannot be made keeps no other from theirs; the run
// fails then, and names up to 20 of them.
func (s *Service) IssueDue(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	var failed []error
	issued := int64(0)
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
				if failed = append(failed, fmt.Errorf("the statement of %s: %w", payee, err)); len(failed) >= mostFailures {
					return report(issued), errors.Join(failed...)
				}
			}
		}
		if len(places) < ownersPage {
			return report(issued), errors.Join(failed...)
		}
		after = places[len(places)-1]
	}
}

func report(issued int64) payouts.Report {
	return payouts.Report{Text: fmt.Sprintf("%d statements were issued", issued), Items: issued}
}

// issueFor issues what is due to one payee.
func (s *Service) issueFor(ctx context.Context, t payouts.Turn, payee string) (issued int64, err error) {
	currencies, err := s.Currencies(ctx, t.Book, payee)
	if err != nil {
		return 0, err
	}
	for _, c := range currencies {
		for {
			st, err := s.Issue(ctx, t.Book, payee, c)
			if err != nil {
				return issued, err
			}
			if st == nil {
				break
			}
			issued++
		}
	}
	return issued, nil
}
