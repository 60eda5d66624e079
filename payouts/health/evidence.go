package health

import (
	"context"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/payouts/reconcile"
)

// Evidence: how far the books are held against what others say, and which months are to be closed.

// closesWithin is how long a month that is over may stay open before it needs a person.
const closesWithin = 15 * 24 * time.Hour

func (s *Service) breaks(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Reconcile.Health(ctx, book)
	if err != nil {
		return nil, err
	}
	open, overdue := counted(BreaksOpen, 0, noTime, Watch), counted(BreaksOverdue, 0, noTime, Act)
	for _, h := range list {
		open.Count, overdue.Count = open.Count+h.Open, overdue.Count+max(h.Overdue, h.Blocking)
		if open.State = Watch; open.Since.IsZero() || h.Oldest.Before(open.Since) {
			open.Since = h.Oldest
		}
		open.named(string(h.Class))
		if h.Overdue+h.Blocking > 0 {
			overdue.State = Act
			overdue.named(string(h.Class))
		}
	}
	return []Figure{overdue, open}, nil
}

func (s *Service) suspense(ctx context.Context, book ledger.Book) ([]Figure, error) {
	list, err := s.Reconcile.Waiting(ctx, book)
	if err != nil {
		return nil, err
	}
	f := counted(Suspense, 0, noTime, Watch)
	for _, c := range book.Currencies {
		for _, w := range list {
			if w.Currency != c {
				continue
			}
			f.Count += w.Count
			f.Amounts = append(f.Amounts, Amount{c, w.Gross})
			if f.Since.IsZero() || w.Oldest.Before(f.Since) {
				f.Since = w.Oldest
			}
			if f.State == Well {
				f.State = Watch
			}
			if w.Blocking > 0 {
				f.State = Act
			}
		}
	}
	return []Figure{f}, nil
}

// evidence looks for sources that have been silent for longer than the rules expect of their kind.
func (s *Service) evidence(ctx context.Context, book ledger.Book) ([]Figure, error) {
	now := s.Now()
	rules, err := s.Reconcile.RulesAt(ctx, book, now)
	if err != nil {
		return nil, err
	}
	sources, err := s.Reconcile.Sources(ctx, book)
	if err != nil {
		return nil, err
	}
	days := map[reconcile.Kind]int{reconcile.KindProcessor: rules.ProcessorDays, reconcile.KindBank: rules.BankDays, reconcile.KindChannel: rules.ChannelDays}
	f := counted(EvidenceOld, 0, noTime, Act)
	for _, x := range sources {
		newest := x.Since
		receipts, err := s.Reconcile.Receipts(ctx, book, x, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(receipts) > 0 {
			newest = receipts[0].RecordedAt
		}
		if !newest.Before(now.AddDate(0, 0, -max(days[x.Kind], 1))) {
			continue
		}
		f.Count++
		f.State = Act
		f.named(string(x.Kind) + ":" + x.Name)
		if f.Since.IsZero() || newest.Before(f.Since) {
			f.Since = newest.UTC()
		}
	}
	return []Figure{f}, nil
}

// months looks for those that are over, hold postings, and are open.
func (s *Service) months(ctx context.Context, book ledger.Book) ([]Figure, error) {
	head, err := s.Ledger.Head(ctx, book)
	if err != nil {
		return nil, err
	}
	periods, err := s.Ledger.Periods(ctx, book)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	current := ledger.PeriodOf(now, book.Location())
	f := counted(MonthsOpen, 0, noTime, Watch)
	for _, p := range slices.Backward(periods) {
		if p >= current || p < head.FirstOpenPeriod {
			continue
		}
		if f.Count++; f.Count == 1 {
			next := int(p.Next())
			f.State, f.Since = Watch, book.DayBegins(next/100, time.Month(next%100), 1).UTC()
			if now.Sub(f.Since) > closesWithin {
				f.State = Act
			}
		}
		f.named(p.String())
	}
	return []Figure{f}, nil
}
