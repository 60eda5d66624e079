package earnings

import (
	"context"
	"time"
)

// Giving way: the sums have no hurry, and posting has. While anybody posts, a follower works for a share of its time and waits for the
// rest, so that what is posted finds a free machine; on a ledger at rest it does not wait. In all it waits only so long, so that sums
// that are far behind come up also while posting does not end.

const (
	// share is the part of its time, in percent, that a follower works while anybody posts.
	share = 10
	// longestWait bounds one wait, and patience all waits of one Follow; a job follows every minute.
	longestWait = 5 * time.Second
	patience    = 40 * time.Second
)

// sqlAllSequences is how far all books of the database have come together.
const sqlAllSequences = `SELECT coalesce(sum(last_sequence), 0)::bigint FROM books`

// giving is a follower that gives way.
type giving struct {
	s *Service
	// since is when it last waited, and at how far all books were then.
	since time.Time
	at    int64
	// left is how long it may still wait.
	left time.Duration
}

// givingWay begins to give way.
func (s *Service) givingWay(ctx context.Context) (g giving, err error) {
	g = giving{s: s, since: s.now(), left: patience}
	return g, s.pool.QueryRow(ctx, sqlAllSequences).Scan(&g.at)
}

// giveWay waits in proportion to the time that the follower worked since it last waited, if anything was posted meanwhile.
func (g *giving) giveWay(ctx context.Context) error {
	if g.left <= 0 {
		return nil
	}
	before, worked := g.at, g.s.now().Sub(g.since)
	if err := g.s.pool.QueryRow(ctx, sqlAllSequences).Scan(&g.at); err != nil {
		return err
	}
	if g.at > before && worked > 0 {
		rest := min(min(worked, longestWait)*(100-share)/share, longestWait, g.left)
		g.left -= rest
		if err := g.s.waitFor(ctx, rest); err != nil {
			return err
		}
	}
	g.since = g.s.now()
	return nil
}

func (s *Service) waitFor(ctx context.Context, d time.Duration) error {
	if s.wait != nil {
		return s.wait(ctx, s.now().Add(d))
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
