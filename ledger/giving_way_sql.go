package ledger

import (
	"context"
	"time"

	"mizan/ledger/postgres"
)

// Giving way: what is told from the books has no hurry, and posting has. While anybody posts, such work goes on for a share of its time
// and waits for the rest, so that what is posted finds a free machine; on a ledger at rest it does not wait at all, and in all it waits
// so long at most. How long it takes must change nothing of what it finds.

// Courtesy is how work gives way. All but Wait are needed.
type Courtesy struct {
	// Share is the part of its time, in percent from 1 to 100, that it works while anybody posts. 100 never waits.
	Share int
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
	// since is when it last rested, and at how far all books were then, 0 before the first time.
	since time.Time
	at    int64
}

// GiveWay begins work that gives way.
func (l *Ledger) GiveWay(c Courtesy) *GivingWay {
	return &GivingWay{Left: c.InAll, pool: l.pool, courtesy: c, since: c.Now()}
}

// Rest waits in proportion to the time that was worked since it last rested, if anything was posted meanwhile. The first time it only
// looks how far the books are.
func (g *GivingWay) Rest(ctx context.Context) error {
	c := &g.courtesy
	if c.Share >= 100 || g.Left <= 0 {
		return nil
	}
	var at int64
	if err := g.pool.QueryRow(ctx, sqlAllSequences).Scan(&at); err != nil {
		return err
	}
	worked := c.Now().Sub(g.since)
	if at > g.at && g.at > 0 && worked > 0 {
		rest := min(worked, c.Longest) * time.Duration(100-c.Share) / time.Duration(c.Share)
		rest = min(rest, c.Longest, g.Left)
		g.Left -= rest
		if err := c.wait(ctx, rest); err != nil {
			return err
		}
	}
	g.since, g.at = c.Now(), at
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
