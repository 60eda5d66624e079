package ledger

import (
	"context"
	"time"

	"mizan/ledger/postgres"
)

// Giving way: what is told from the books has no hurry, and posting has. While others post, such work goes on for a share of its time
// and waits for the rest, so that what is posted finds a free machine; on a ledger at rest it does not wait at all, and in all it waits
// so long at most. How long it takes must change nothing of what it finds.

// Courtesy is how work gives way. All but Wait are needed.
type Courtesy struct {
	// Share is the part of its time, in percent from 1 to 100, that it works while others post. 100 never waits.
	Share int
	// Light is how many transactions a second may be posted in all books together without it waiting, 0 for none.
	Light int
	// Longest bounds one wait, InAll all of them together.
	Longest, InAll time.Duration
	// Now is the clock by which it works, Wait waits by the same clock; nil for the machine's.
	Now  func() time.Time
	Wait func(ctx context.Context, until time.Time) error
}

// sqlAllSequences is how far all books of the database have come together.
const sqlAllSequences = `SELECT coalesce(sum(last_sequence), 0)::bigint FROM books`

// GivingWay is work that gives way. It belongs to one goroutine.
type GivingWay struct {
	// Left is how long it may still wait.
	Left     time.Duration
	pool     *postgres.Pool
	courtesy Courtesy
	// since is when it last rested; at is how far all books were when it began to, 0 before the first time, and seen when that was.
	since, seen time.Time
	at          int64
}

// GiveWay begins work that gives way.
func (l *Ledger) GiveWay(c Courtesy) *GivingWay {
	return &GivingWay{Left: c.InAll, pool: l.pool, courtesy: c, since: c.Now()}
}

// Rest waits in proportion to the time that was worked since it last rested, if more was posted meanwhile than is light. The first time it
// only looks how far the books are.
func (g *GivingWay) Rest(ctx context.Context) error {
	c := &g.courtesy
	if c.Share >= 100 || g.Left <= 0 {
		return nil
	}
	var at int64
	if err := g.pool.QueryRow(ctx, sqlAllSequences).Scan(&at); err != nil {
		return err
	}
	now := c.Now()
	worked, posted := now.Sub(g.since), at-g.at
	light := time.Duration(c.Light) * now.Sub(g.seen) // in transactions of a second each
	if g.at > 0 && worked > 0 && posted > 0 && time.Duration(posted)*time.Second > light {
		rest := min(worked, c.Longest) * time.Duration(100-c.Share) / time.Duration(c.Share)
		rest = min(rest, c.Longest, g.Left)
		g.Left -= rest
		if err := c.wait(ctx, rest); err != nil {
			return err
		}
	}
	g.since, g.seen, g.at = c.Now(), now, at
	return nil
}

func (c *Courtesy) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, c.Now().Add(d))
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
