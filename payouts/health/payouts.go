package health

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/payouts"
	"mizan/payouts/questions"
)

// Payouts: what does not go on by itself, and who waits for an answer.

var noTime time.Time

// Until when something is well.
const (
	// sendsWithin is how long released payouts wait to be sent.
	sendsWithin = time.Hour
	// answersWithin is how long a payee waits for an answer.
	answersWithin = 48 * time.Hour
	// looksWithin is how long a payout may be unknown before it needs a person; the processor's own delays are over by then.
	looksWithin = 24 * time.Hour
	// listed bounds what is counted by listing it.
	listed = 100
)

func (s *Service) stuck(ctx context.Context, book ledger.Book) ([]Figure, error) {
	h, err := s.Options.Payouts.Health(ctx, book)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	unknown, unsent := counted(PayoutsUnknown, h.Unknown, h.OldestUnknown, Watch), counted(PayoutsUnsent, h.Unsent, h.OldestUnsent, Well)
	if h.Unknown > 0 && now.Sub(h.OldestUnknown) > looksWithin {
		unknown.State = Act
	}
	if h.Unsent > 0 && now.Sub(h.OldestUnsent) > sendsWithin {
		unsent.State = Act
	}
	refused := counted(PayoutsRefused, h.Refused, noTime, Watch)
	if h.Stuck > 0 {
		refused.State = Act
	}
	return []Figure{unknown, refused, counted(PayoutsAtAccount, h.AtAccount, h.OldestAtAccount, Act), unsent}, nil
}

func (s *Service) underWay(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, late, err := s.Options.Payouts.UnderWay(ctx, book)
	if err != nil {
		return nil, err
	}
	f := counted(PayoutsUnderWay, 0, noTime, Well)
	for _, c := range book.Currencies {
		for _, u := range list {
			if u.Currency != c {
				continue
			}
			f.Count, f.AtLeast = f.Count+u.Count, f.AtLeast || u.More
			f.Amounts = append(f.Amounts, Amount{c, u.Amount})
			if f.Since.IsZero() || u.Oldest.Before(f.Since) {
				f.Since = u.Oldest
			}
		}
	}
	if late {
		f.State = Watch
	}
	return []Figure{f}, nil
}

func (s *Service) runs(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Options.Payouts.Runs(ctx, book, payouts.RunQuery{State: payouts.RunWaiting, Limit: listed})
	if err != nil || len(list) == 0 {
		return []Figure{counted(RunsWaiting, 0, noTime, Act)}, err
	}
	f := counted(RunsWaiting, int64(min(len(list), listed)), list[len(list)-1].CreatedAt, Act)
	f.AtLeast = len(list) > listed
	for _, r := range list {
		f.named(r.ID)
	}
	return []Figure{f}, nil
}

func (s *Service) clocks(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Options.Payouts.Clocks(ctx, book, payouts.ClocksParked, payouts.Clock{}, listed+1)
	if err != nil || len(list) == 0 {
		return []Figure{counted(ClocksParked, 0, noTime, Act)}, err
	}
	f := counted(ClocksParked, int64(min(len(list), listed)), list[0].DueAt, Act)
	f.AtLeast = len(list) > listed
	for _, k := range list {
		f.named(k.Subject)
	}
	return []Figure{f}, nil
}

func (s *Service) asked(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Questions.In(ctx, book, questions.Open, questions.Question{}, listed+1)
	if err != nil || len(list) == 0 {
		return []Figure{counted(QuestionsOpen, 0, noTime, Watch)}, err
	}
	f := counted(QuestionsOpen, int64(min(len(list), listed)), list[0].AskedAt, Watch)
	f.AtLeast = len(list) > listed
	if s.Now().Sub(list[0].AskedAt) > answersWithin {
		f.State = Act
	}
	return []Figure{f}, nil
}
