package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"mizan/ledger/commerce"
	"mizan/payouts/earnings"
)

// What posting pays for the sums of earnings: the same sales are posted in turns, alone and while a follower adds up what comes, as the
// job does, but again after a second and not after a minute. Turns differ by more than the follower takes, so it is told in two ways: the
// turns with it over those without, and within the turns with it, the rate in all over the rate while it rested.

// withFollower are the turns. Those of each kind begin in the middle as early as those of the other, so that a machine or a book that grows
// slower from turn to turn favours neither.
var withFollower = [...]bool{false, true, true, false, true, false, false, true}

// postedBeside is what posting came to. Rates are sales a second, over all turns of a kind.
type postedBeside struct {
	Alone float64 `json:"alone"`
	// Followed is the rate while there is a follower, Ratio that over the rate alone.
	Followed float64 `json:"followed"`
	Ratio    float64 `json:"ratio"`
	// Worked is the part of the turns with it that the follower worked, AtWork the rate then, AtRest the rate while it rested, and Kept the
	// rate in all over that at rest.
	Worked float64 `json:"worked"`
	AtWork float64 `json:"at_work"`
	AtRest float64 `json:"at_rest"`
	Kept   float64 `json:"kept"`
	// Turns are the rates one by one.
	Turns []followedTurn `json:"turns"`
	// Counted is how many transactions the follower added up meanwhile, and Behind how many it was behind at most at the end of a turn.
	Counted int64 `json:"counted"`
	Behind  int64 `json:"behind"`
	// CatchUp is how many transactions a second it adds up while nobody posts.
	CatchUp float64 `json:"catch_up"`
}

// followedTurn is one turn.
type followedTurn struct {
	With bool    `json:"with"`
	Rate float64 `json:"rate"`
	Kept float64 `json:"kept,omitempty"`
}

// span is how many sales were posted in a time.
type span struct {
	took   time.Duration
	posted int64
}

func (s span) plus(o span) span { return span{s.took + o.took, s.posted + o.posted} }

// rate is how many a second, 0 for no time.
func (s span) rate() float64 {
	if s.took <= 0 {
		return 0
	}
	return float64(s.posted) / s.took.Seconds()
}

// over is one rate over another, 0 if nothing was posted in the other.
func (s span) over(o span) float64 {
	if o.rate() == 0 {
		return 0
	}
	return s.rate() / o.rate()
}

// follower follows the book beside those who post, and knows what they posted while it worked and while it rested.
type follower struct {
	service      *earnings.Service
	posted       *atomic.Int64
	counted      int64
	since        time.Time
	at           int64
	work, atRest span
}

func (b *pagesBench) postBeside(ctx context.Context, sales int) (*postedBeside, error) {
	fmt.Fprintln(b.progress, "posting …")
	p, err := newParts(b.pool, b.now, partsConfig{jobsLog: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.books.Close(context.WithoutCancel(ctx)) }()
	head, err := p.books.Head(ctx, b.filled.book)
	if err != nil {
		return nil, err
	}
	r := &postedBeside{}
	var alone, followed, work, atRest, caughtUp span
	for turn, with := range withFollower {
		// Every turn begins right after what was posted in the one before was added up and written, so that none has more to bear of what
		// that leaves the database to tidy up.
		began := time.Now()
		n, err := p.earnings.Follow(ctx, b.filled.book)
		if err != nil {
			return nil, err
		}
		if turn > 0 {
			caughtUp = caughtUp.plus(span{time.Since(began), n})
		}
		if err := b.meter.checkpoint(ctx); err != nil {
			return nil, err
		}
		f, whole, err := b.followTurn(ctx, p, fmt.Sprintf("p%d-%d", head.LastSequence, turn), sales, with)
		if err != nil {
			return nil, err
		}
		if !with {
			alone = alone.plus(whole)
			r.Turns = append(r.Turns, followedTurn{Rate: whole.rate()})
			continue
		}
		at, err := p.earnings.Standing(ctx, b.filled.book)
		if err != nil {
			return nil, err
		}
		r.Behind, r.Counted = max(r.Behind, at.Behind), r.Counted+f.counted
		followed, work, atRest = followed.plus(whole), work.plus(f.work), atRest.plus(f.atRest)
		r.Turns = append(r.Turns, followedTurn{With: true, Rate: whole.rate(), Kept: whole.over(f.atRest)})
	}
	r.Alone, r.Followed, r.Ratio, r.CatchUp = alone.rate(), followed.rate(), followed.over(alone), caughtUp.rate()
	r.Worked, r.AtWork, r.AtRest, r.Kept = work.took.Seconds()/followed.took.Seconds(), work.rate(), atRest.rate(), followed.over(atRest)
	return r, nil
}

// followTurn posts sales, with a follower or without.
func (b *pagesBench) followTurn(ctx context.Context, p *parts, turn string, sales int, with bool) (*follower, span, error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	var posted atomic.Int64
	f, done := &follower{posted: &posted}, make(chan error, 1)
	f.service = earnings.New(earnings.Options{Pool: b.pool, Ledger: p.books, Events: p.events, Now: b.now, Log: slog.New(slog.DiscardHandler),
		Wait: func(ctx context.Context, until time.Time) error { return f.rest(ctx, until.Sub(b.now())) }})
	began := time.Now()
	go func() { done <- f.follow(working, b, with) }()
	err := b.postTurn(ctx, p, turn, sales, &posted)
	stop()
	whole := span{time.Since(began), posted.Load()}
	return f, whole, errors.Join(err, <-done)
}

// follow follows the book until it is stopped, or does nothing.
func (f *follower) follow(ctx context.Context, b *pagesBench, with bool) error {
	f.since = time.Now()
	for with && ctx.Err() == nil {
		n, err := f.service.FollowAWhile(ctx, b.filled.book)
		f.counted += n
		if err != nil && ctx.Err() == nil {
			return err
		}
		_ = f.rest(ctx, time.Second)
	}
	return nil
}

// rest waits, and counts what came before as work.
func (f *follower) rest(ctx context.Context, d time.Duration) error {
	f.work = f.work.plus(f.passed())
	defer func() { f.atRest = f.atRest.plus(f.passed()) }()
	return pause(ctx, d)
}

// passed is what passed since it was asked last.
func (f *follower) passed() span {
	now, at := time.Now(), f.posted.Load()
	s := span{now.Sub(f.since), at - f.at}
	f.since, f.at = now, at
	return s
}

// postTurn posts sales in batches by two clients, and counts them. The names of their orders begin with that of the turn.
func (b *pagesBench) postTurn(ctx context.Context, p *parts, turn string, sales int, posted *atomic.Int64) error {
	const size = 100
	_, err := inParallel(2, sales/size, func(client int) func() error {
		n := 0
		return func() error {
			events := make([]commerce.Event, size)
			for i := range events {
				n++
				at := n*2 + client
				events[i] = b.filled.captured(fmt.Sprintf("%s-%d-%d", turn, client, n), payeeName(at%b.filled.each[everybodysSales]), fmt.Sprintf("cre_%05d", at%b.filled.each[everybodysSales]), at)
				events[i].OccurredAt = time.Time{}
			}
			for _, r := range p.events.PostBatch(ctx, b.filled.book, events) {
				if r.Err != nil {
					return r.Err
				}
			}
			posted.Add(size)
			return nil
		}
	})
	return err
}

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func (r *postedBeside) print(out io.Writer) error {
	for _, t := range r.Turns {
		if t.With {
			fmt.Fprintf(out, "posting while earnings are followed %.0f sales/s, %.3f of that at rest\n", t.Rate, t.Kept)
		} else {
			fmt.Fprintf(out, "posting alone %.0f sales/s\n", t.Rate)
		}
	}
	fmt.Fprintf(out, "posting alone %.0f sales/s, while earnings are followed %.0f: %.3f\n", r.Alone, r.Followed, r.Ratio)
	fmt.Fprintf(out, "the follower worked %.1f %% of the time; %.0f sales/s then, %.0f while it rested, so posting keeps %.3f\n", 100*r.Worked, r.AtWork, r.AtRest, r.Kept)
	_, err := fmt.Fprintf(out, "%d transactions counted meanwhile, at most %d behind, %.0f a second while nobody posts\n", r.Counted, r.Behind, r.CatchUp)
	return err
}
