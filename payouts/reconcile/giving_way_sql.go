package reconcile

import (
	"context"
	"time"
)

// Giving way: a run has no hurry, and posting has. While anybody posts, a run works for a share of its time and waits for the rest, so
// that what is posted finds a free machine; on a ledger at rest it does not wait at all, and in all it waits so long at most. How long a run takes changes nothing of what
// it finds.

const (
	// defaultShare is the share of its time, in percent, that a run works while sales are posted.
	defaultShare = 20
	// longestWait bounds one wait.
	longestWait = 10 * time.Second
	// nightPatience bounds how long a job's run waits in all, so that it ends within its night however long sales go on; and patience how
	// long one does for which a person waits, or that is made again.
	nightPatience = 20 * time.Minute
	patience      = 10 * time.Second
)

// sqlAllSequences is how far all books of the database have come together.
const sqlAllSequences = `SELECT coalesce(sum(last_sequence), 0)::bigint FROM books`

// giving is a run that gives way.
type giving struct {
	s *Service
	// since is when it last waited, and at how far all books were then.
	since time.Time
	at    int64
	// left is how long it may still wait.
	left time.Duration
}

// givingFor begins to give way.
func (s *Service) givingFor(scheduled bool) giving {
	g := giving{s: s, since: s.clock(), left: patience}
	if scheduled {
		g.left = nightPatience
	}
	return g
}

// giveWay waits in proportion to the time that the run worked since it last waited, if anything was posted meanwhile.
func (g *giving) giveWay(ctx context.Context) error {
	s := g.s
	if s.share >= 100 || g.left <= 0 {
		return nil
	}
	var at int64
	if err := s.pool.QueryRow(ctx, sqlAllSequences).Scan(&at); err != nil {
		return err
	}
	worked := s.clock().Sub(g.since)
	if at > g.at && g.at > 0 && worked > 0 {
		rest := min(worked, longestWait) * time.Duration(100-s.share) / time.Duration(s.share)
		rest = min(rest, longestWait, g.left)
		g.left -= rest
		if err := s.waitFor(ctx, rest); err != nil {
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
