package main

// Story: how a story of payouts is told. It is told by a service with a clock that can be moved and a processor that is imitated,
// and it runs the jobs of one book at a time, at the moments of a day at which something of payouts happens.

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts/jobs"
)

// errNoStory means that a service has no clock that can be moved, or no imitated processor.
var errNoStory = errors.New("a story of payouts needs a clock that can be moved and the simulated processor")

// The people of a story: one asks, another agrees.
var (
	storyClerk = guard.Actor{Kind: guard.Person, ID: "usr_story_clerk", Person: "usr_story_clerk"}
	storyBoss  = guard.Actor{Kind: guard.Person, ID: "usr_story_boss", Person: "usr_story_boss"}
)

// story tells one story at a time.
type story struct {
	*service
	remote *client.Client
	// post carries the processor's notices to the service.
	post *http.Client
	// works are the jobs of each book, by its code, and releases those of them that make money available.
	works, releases map[string]*jobs.Service
	// evening and night are the moments of a book's day at which the clock stops: what is due is released before the cut-off, and
	// then the run begins.
	evening, night jobs.Schedule
	// paid are the payouts that a story asked for, by the names under which it asked.
	paid map[string]string
	// file is where it is kept what was told, empty for nowhere.
	file string
	kept storiesKept
}

// newStory returns the telling of stories by a service that serves.
func newStory(v *service, remote *client.Client) (*story, error) {
	if v.clock == nil || v.simulator == nil {
		return nil, errNoStory
	}
	evening, err := jobs.LocalTime(23, 55)
	if err != nil {
		return nil, err
	}
	night, err := jobs.LocalTime(2, 0)
	if err != nil {
		return nil, err
	}
	return &story{service: v, remote: remote, post: &http.Client{Timeout: 5 * time.Second}, works: map[string]*jobs.Service{}, releases: map[string]*jobs.Service{},
		evening: evening, night: night, paid: map[string]string{},
		kept: storiesKept{Ended: map[string]int64{}, Month: paydayBegins}}, nil
}

// worksOf are the jobs of payouts in one book and in no other, or those of them that make money available.
func (g *story) worksOf(book ledger.Book, release bool) (*jobs.Service, error) {
	known := g.works
	if release {
		known = g.releases
	}
	if w := known[book.Code]; w != nil {
		return w, nil
	}
	list, err := g.payoutJobs()
	if err != nil {
		return nil, err
	}
	if release {
		list = slices.DeleteFunc(list, func(j jobs.Job) bool {
			return !slices.Contains([]string{"payout_feed", "payout_release", "payout_reserves"}, j.Name)
		})
	}
	only := func(context.Context) ([]jobs.Book, error) { return []jobs.Book{jobBook(book)}, nil }
	w, err := jobs.New(jobs.Config{Pool: g.pool, Now: g.clock.now, Trail: g.trail, Books: only, Jobs: list})
	known[book.Code] = w
	return w, err
}

// advance moves the clock to the moment, and stops on the way each evening and night of the book; at the moment itself the jobs
// run too, unless it is quiet. It does nothing where the clock goes with the machine's, which is where a story was told before.
func (g *story) advance(ctx context.Context, book ledger.Book, to time.Time, quiet bool) error {
	if !g.clock.stands() || to.Before(g.clock.now()) {
		return nil
	}
	for {
		now := g.clock.now()
		evening, next := g.evening.Next(now, book.Location()), g.night.Next(now, book.Location())
		if evening.Before(next) && evening.Before(to) {
			if err := g.dusk(ctx, book, evening); err != nil {
				return err
			}
			continue
		}
		if to.Before(next) {
			if quiet {
				return g.clock.set(to)
			}
			next = to
		}
		if err := g.stop(ctx, book, next); err != nil || !next.Before(to) {
			return err
		}
	}
}

// leap moves the clock to the moment as if nobody had run the jobs meanwhile, and makes nothing up for it.
func (g *story) leap(ctx context.Context, book ledger.Book, to time.Time) error {
	if !g.clock.stands() || to.Before(g.clock.now()) {
		return nil
	}
	if err := g.clock.set(to); err != nil {
		return err
	}
	w, err := g.worksOf(book, false)
	if err != nil {
		return err
	}
	return errors.Join(w.PassOver(ctx), g.simulator.Settle())
}

// dusk sets the clock, and has made available what is due before the next run's cut-off.
func (g *story) dusk(ctx context.Context, book ledger.Book, at time.Time) error {
	if err := g.clock.set(at); err != nil {
		return err
	}
	w, err := g.worksOf(book, true)
	if err == nil {
		_, err = w.RunDue(ctx)
	}
	return err
}

// stop sets the clock, and has everything done that is due then: at the processor, on the way from it, and here.
func (g *story) stop(ctx context.Context, book ledger.Book, at time.Time) error {
	if err := g.clock.set(at); err != nil {
		return err
	}
	w, err := g.worksOf(book, false)
	if err != nil {
		return err
	}
	if err := g.simulator.Settle(); err != nil {
		return err
	}
	if _, err := g.simulator.Deliver(ctx, g.post); err != nil {
		return err
	}
	_, err = w.RunDue(ctx)
	return err
}

// head is the sequence of the book's last transaction.
func (g *story) head(ctx context.Context, book string) (int64, error) {
	tb, err := g.remote.TrialBalance(ctx, book, "")
	return tb.AtSequence, err
}
