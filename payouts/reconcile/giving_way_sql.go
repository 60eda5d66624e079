package reconcile

import (
	"context"
	"time"
)

// Giving way: a run has no hurry, and posting has. While anybody posts, a run works for a share of its time and waits for the rest, so
// that what is posted finds a free machine; on a ledger at rest it does not wait at all. How long a run takes changes nothing of what
// it finds.

const (
	// defaultShare is the share of its time, in percent, that a run works while sales are posted.
	defaultShare = 20
	// longestWait bounds one wait.
	longestWait = 10 * time.Second
)

// sqlAllSequences is how far all books of the database have come together.
const sqlAllSequences = `SELECT coalesce(sum(last_sequence), 0)::bigint FROM books`

// giving is a run that gives way.
type giving struct {
	s *Service
	// since is when it last waited, and at how far all books were then.
	since time.Time
	at    int64
}

// giveWay waits in proportion to the time that the run worked since it last waited, if anything was posted meanwhile.
func (g *giving) giveWay(ctx context.Context) error {
	s := g.s
	if s.share >= 100 {
		return nil
	}
	var at int64
	if err := s.pool.QueryRow(ctx, sqlAllSequences).Scan(&at); err != nil {
		return err
	}
	worked := s.clock().Sub(g.since)
	if at > g.at && g.at > 0 && worked > 0 {
		rest := min(worked, longestWait) * time.Duration(100-s.share) / time.Duration(s.share)
		if err := s.waitFor(ctx, min(rest, longestWait)); err != nil {
			return err
		}
	}
	g.since, g.at = s.clock(), at
	return nil
}

func (s *Service) waitFor(ctx context.Context, d time.Duration) error {
	if s.wait != nil {
		return s.wait(ctx, s.clock().Add(d))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
