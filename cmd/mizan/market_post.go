package main

// Posting the living market: day by day through the API, in batches, each seller's story in its order.

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"mizan/api/client"
)

// marketLanes is how many batches are under way at once.
const marketLanes = 6

// errMarket means that an event of the market was refused. The market is drawn so that none should be.
var errMarket = errors.New("an event of the living market was refused")

// posted says what posting a book of the market came to.
type marketPosted struct {
	events, transactions, replayed int
}

// marker is the reference of the book's last event: once it is recorded, everything is.
func (b *bazaar) marker() string { return b.prefix + ":complete" }

// post creates the book and posts everything that happens in it. A market that was posted before is left alone; one that
// was begun is completed.
func (b *bazaar) post(ctx context.Context, remote *client.Client) (done marketPosted, err error) {
	if _, err := remote.CreateBook(ctx, b.book); err != nil {
		return done, fmt.Errorf("create book %s: %w", b.book.Code, err)
	}
	complete, err := remote.ByReference(ctx, b.book.Code, b.marker())
	if err != nil {
		return done, err
	}
	if len(complete) > 0 {
		done.replayed = len(b.happenings)
		return done, nil
	}
	for _, begin := range b.begins {
		if err := begin(ctx, remote); err != nil {
			return done, fmt.Errorf("prepare book %s: %w", b.book.Code, err)
		}
	}
	if err := b.postDays(ctx, remote, b.happenings, &done); err != nil {
		return done, err
	}
	_, err = remote.PostEvent(ctx, b.book.Code, client.NewEvent{Type: "commission.earned", Reference: b.marker(), OccurredAt: b.end().Add(-time.Second), Data: map[string]string{
		"commission": b.prefix + "-last", "seller": b.people.sellers[0].id, "creator": b.people.hosts[0].id, "currency": string(b.home.currencies[0]), "amount": "1.00"}})
	done.events++
	done.transactions++
	return done, err
}

// postDays posts one day after the other.
func (b *bazaar) postDays(ctx context.Context, remote *client.Client, list []happening, done *marketPosted) error {
	for from := 0; from < len(list); {
		to, day := from, b.dayOf(list[from].at)
		for to < len(list) && b.dayOf(list[to].at) == day {
			to++
		}
		if err := b.postDay(ctx, remote, list[from:to], done); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// postDay posts a day: in several lanes at once, what belongs to one seller in one of them.
func (b *bazaar) postDay(ctx context.Context, remote *client.Client, day []happening, done *marketPosted) error {
	var lanes [marketLanes][]happening
	for _, h := range day {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(h.lane)) // a hash takes everything
		n := sum.Sum32() % marketLanes
		lanes[n] = append(lanes[n], h)
	}
	var results [marketLanes]marketPosted
	var wrong [marketLanes]error
	var group sync.WaitGroup
	for n := range lanes {
		group.Go(func() { results[n], wrong[n] = b.postLane(ctx, remote, lanes[n]) })
	}
	group.Wait()
	for _, r := range results {
		done.events, done.transactions, done.replayed = done.events+r.events, done.transactions+r.transactions, done.replayed+r.replayed
	}
	return errors.Join(wrong[:]...)
}

// postLane posts the events of a lane in batches, and settlements between them as they come.
func (b *bazaar) postLane(ctx context.Context, remote *client.Client, lane []happening) (done marketPosted, err error) {
	var waiting []client.NewEvent
	flush := func() error {
		err := done.batches(ctx, remote, b.book.Code, waiting)
		waiting = nil
		return err
	}
	touched := map[string]bool{}
	for _, h := range lane {
		if h.settle == "" {
			waiting = append(waiting, h.event)
			touched[h.lane] = true
			continue
		}
		if touched[h.lane] { // the settlement comes after what happened to this seller before
			if err := flush(); err != nil {
				return done, err
			}
			clear(touched)
		}
		settled, err := remote.SettleOrder(ctx, b.book.Code, h.settle, h.how)
		if err != nil {
			return done, fmt.Errorf("%w: settle order %s of book %s: %w", errMarket, h.settle, b.book.Code, err)
		}
		done.count(settled)
	}
	return done, flush()
}

const (
	marketBatch = 500
	// marketAttempts bounds how often a batch is sent that a busy service takes nothing of.
	marketAttempts = 50
)

// batches posts events in order. From the first one on that a busy service did not take, they are sent again.
func (d *marketPosted) batches(ctx context.Context, remote *client.Client, book string, events []client.NewEvent) error {
	for attempts := 0; len(events) > 0; {
		results, err := remote.PostEvents(ctx, book, events[:min(len(events), marketBatch)])
		if err != nil {
			return fmt.Errorf("post into book %s: %w", book, err)
		}
		taken := 0
		for ; taken < len(results); taken++ {
			if results[taken].Status == http.StatusServiceUnavailable {
				break
			}
			if p := results[taken].Problem; p != nil {
				return fmt.Errorf("%w: %s of book %s: %w", errMarket, events[taken].Reference, book, p)
			}
			d.count(*results[taken].Event)
		}
		if attempts++; taken > 0 {
			attempts = 0
		}
		if attempts == marketAttempts {
			return fmt.Errorf("post into book %s: %w", book, results[0].Problem)
		}
		events = events[taken:]
	}
	return nil
}

func (d *marketPosted) count(e client.Event) {
	d.events++
	d.transactions += len(e.Transactions)
	if e.Replayed {
		d.replayed++
	}
}
