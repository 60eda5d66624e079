package health

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
)

// Work: what runs by itself and does not, what came and could not be applied, and what waits for a second person.

// Until when work is not late.
const (
	// runsWithin is how long a period may wait or run.
	runsWithin = 2 * time.Hour
	// plansWithin is how long after its time a period is planned, if a process runs jobs.
	plansWithin = 15 * time.Minute
)

func (s *Service) jobs(ctx context.Context, book ledger.Book) ([]Figure, error) {
	id := int32(book.ID)
	list, err := s.Options.Jobs.Jobs(ctx, &id)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	parked, late := counted(JobsParked, 0, noTime, Act), counted(JobsLate, 0, noTime, Act)
	for _, j := range list {
		if j.Parked > 0 {
			parked.Count, parked.State = parked.Count+int64(j.Parked), Act
			parked.named(j.Job)
		}
		var since time.Time
		switch {
		case j.Oldest != nil && now.Sub(*j.Oldest) > runsWithin:
			since = *j.Oldest
		case !j.Next.IsZero() && now.Sub(j.Next) > plansWithin:
			since = j.Next
		default:
			continue
		}
		late.Count, late.State = late.Count+1, Act
		late.named(j.Job)
		if late.Since.IsZero() || since.Before(late.Since) {
			late.Since = since.UTC()
		}
	}
	return []Figure{parked, late}, nil
}

func (s *Service) messages(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Intake.Messages(ctx, book, intake.Query{State: intake.Parked, Limit: listed + 1})
	if err != nil || len(list) == 0 {
		return []Figure{counted(MessagesParked, 0, noTime, Act)}, err
	}
	f := counted(MessagesParked, int64(min(len(list), listed)), list[0].ReceivedAt, Act)
	f.AtLeast = len(list) > listed
	for _, m := range list {
		f.named(m.Source)
	}
	return []Figure{f}, nil
}

func (s *Service) imports(ctx context.Context, book ledger.Book) ([]Figure, error) {
	n, oldest, err := s.Intake.ImportsParked(ctx, book)
	return []Figure{counted(ImportsParked, n, oldest, Act)}, err
}

func (s *Service) approvals(ctx context.Context, book ledger.Book) ([]Figure, error) {
	n, since, err := s.Desk.Waiting(ctx, guard.Book{ID: int32(book.ID), Code: book.Code})
	return []Figure{counted(ApprovalsOpen, n, since, Watch)}, err
}
