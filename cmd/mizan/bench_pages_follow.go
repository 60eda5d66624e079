package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"mizan/ledger/commerce"
)

// What posting pays for the sums of earnings: the same sales are posted in turns, alone and while a follower adds up what
// comes, as the job does, but again after a second and not after a minute.

// followTurns is how many turns there are of each kind.
const followTurns = 4

// postedBeside is what posting came to. Rates are sales a second, of several the median.
type postedBeside struct {
	Alone float64 `json:"alone"`
	// Followed is the rate while the follower works; Ratio is that over the rate alone, the median over pairs of neighbours.
	Followed float64 `json:"followed"`
	Ratio    float64 `json:"ratio"`
	// Counted is how many transactions the follower added up meanwhile, and Behind how many it was behind at most at the end of a turn.
	Counted int64 `json:"counted"`
	Behind  int64 `json:"behind"`
	// CatchUp is how many transactions a second it adds up while nobody posts.
	CatchUp float64 `json:"catch_up"`
}

func (b *pagesBench) postBeside(ctx context.Context, sales int) (*postedBeside, error) {
	fmt.Fprintln(b.progress, "posting …")
	p, err := newParts(b.pool, b.now, partsConfig{jobsLog: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.books.Close(context.WithoutCancel(ctx)) }()
	if _, err := p.earnings.Follow(ctx, b.filled.book); err != nil {
		return nil, err
	}
	head, err := p.books.Head(ctx, b.filled.book)
	if err != nil {
		return nil, err
	}
	r := &postedBeside{}
	var alone, followed, ratios, caughtUp []float64
	for turn := range 2 * followTurns {
		working, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		with := turn%2 == 1
		go func() { done <- p.followOn(working, b, with, &r.Counted) }()
		rate, err := b.postTurn(ctx, p, fmt.Sprintf("p%d-%d", head.LastSequence, turn), sales)
		stop()
		if err := errors.Join(err, <-done); err != nil {
			return nil, err
		}
		at, err := p.earnings.Standing(ctx, b.filled.book)
		if err != nil {
			return nil, err
		}
		// Every turn begins right after what was posted in the one before was added up, so that none has more to bear of what that leaves
		// the database to tidy up.
		began := time.Now()
		n, err := p.earnings.Follow(ctx, b.filled.book)
		if err != nil {
			return nil, err
		}
		if !with {
			alone, caughtUp = append(alone, rate), append(caughtUp, float64(n)/time.Since(began).Seconds())
			continue
		}
		r.Behind = max(r.Behind, at.Behind)
		followed = append(followed, rate)
		ratios = append(ratios, rate/alone[len(alone)-1])
	}
	r.Alone, r.Followed, r.Ratio, r.CatchUp = middle(alone), middle(followed), middle(ratios), middle(caughtUp)
	return r, nil
}

// followOn follows the book until it is stopped, or does nothing.
func (p *parts) followOn(ctx context.Context, b *pagesBench, with bool, counted *int64) error {
	for with && ctx.Err() == nil {
		n, err := p.earnings.FollowAWhile(ctx, b.filled.book)
		*counted += n
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// postTurn posts sales in batches by two clients and returns how many a second. The names of their orders begin with that of the turn.
func (b *pagesBench) postTurn(ctx context.Context, p *parts, turn string, sales int) (float64, error) {
	const size = 100
	began := time.Now()
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
			return nil
		}
	})
	return float64(sales/size*size) / time.Since(began).Seconds(), err
}

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func (r *postedBeside) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "posting alone %.0f sales/s, while earnings are followed %.0f: %.3f; %d transactions counted meanwhile, at most %d behind, %.0f a second while nobody posts\n",
		r.Alone, r.Followed, r.Ratio, r.Counted, r.Behind, r.CatchUp)
	return err
}
