package main

// Load and memory of a survival campaign: clients that post, are told something or nothing, and keep a journal of it that
// the books are held against afterwards.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

// posting is one reference with what was asked and everything that was answered.
type posting struct {
	book string
	sent client.NewTransaction
	// lines are "account amount" with the amount in minor units, debit positive, as the books must hold them.
	lines []string
	// group names the all-or-nothing batch it belongs to, "" for none.
	group string
	// unlawful postings must be refused.
	unlawful bool
	// reserved ones are sent by nobody but whoever made them.
	reserved bool

	// What was answered, by kind. id and hash are those of the first acknowledgement.
	acknowledged, created, refused, turnedAway, unknown int
	id, hash                                            string
}

// logbook is what all clients remember. It is safe for concurrent use.
type logbook struct {
	tally *tally
	acks  atomic.Int64

	mu       sync.Mutex
	postings map[string]*posting
	books    map[string][]*posting
	wrong    []string
}

func newLogbook(r *tally) *logbook {
	return &logbook{tally: r, postings: map[string]*posting{}, books: map[string][]*posting{}}
}

// enter notes postings before they are sent for the first time.
func (j *logbook) enter(ps ...*posting) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range ps {
		j.postings[p.sent.Reference] = p
		j.books[p.book] = append(j.books[p.book], p)
	}
}

// complain notes what must not be.
func (j *logbook) complain(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// complaints returns and forgets what was wrong.
func (j *logbook) complaints() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	wrong := j.wrong
	j.wrong = nil
	return wrong
}

// attempt is what one sending came to for the caller.
type attempt int

const (
	acknowledged attempt = iota
	refused
	turnedAway // nothing was posted, says the service
	unknown
	absurd
)

// turnedAwayCodes promise that nothing was posted.
var turnedAwayCodes = []string{"storage-unavailable", "queue-full", "shutting-down", "access-unavailable", "overloaded"}

// refusalCodes answer unlawful postings.
var refusalCodes = []string{"insufficient-funds", "batch-refused"}

func kindOf(err error) attempt {
	var p *client.Problem
	switch {
	case err == nil:
		return acknowledged
	case !errors.As(err, &p):
		return absurd
	case p.Unanswered():
		return unknown
	case p.Status == http.StatusServiceUnavailable && slices.Contains(turnedAwayCodes, p.Code):
		return turnedAway
	case p.Status == http.StatusUnprocessableEntity && slices.Contains(refusalCodes, p.Code):
		return refused
	}
	return absurd
}

// note keeps the answer to an attempt, and complains if it contradicts another.
func (j *logbook) note(p *posting, recorded *client.Transaction, err error) attempt {
	kind := kindOf(err)
	name := [...]string{"acknowledged answers", "refused answers", "answers that nothing was posted", "unknown outcomes", "absurd answers"}[kind]
	j.tally.add(name, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	say := func(format string, args ...any) {
		j.wrong = append(j.wrong, p.sent.Reference+": "+fmt.Sprintf(format, args...))
	}
	switch kind {
	case acknowledged:
		if p.unlawful {
			say("acknowledged although unlawful")
		}
		if p.acknowledged == 0 {
			p.id, p.hash = recorded.ID, recorded.ContentHash
		} else if p.id != recorded.ID || p.hash != recorded.ContentHash {
			say("acknowledged as %s %s and as %s %s", p.id, p.hash, recorded.ID, recorded.ContentHash)
		}
		p.acknowledged++
		if !recorded.Replayed {
			p.created++
		}
		j.acks.Add(1)
	case refused:
		if !p.unlawful {
			say("refused although lawful: %v", err)
		}
		p.refused++
	case turnedAway:
		p.turnedAway++
	case unknown:
		p.unknown++
	case absurd:
		say("an answer that should not be: %v", err)
	}
	return kind
}

// worker is one client. It posts single sales, batches, all-or-nothing batches, unlawful sales, and what was posted
// before, by itself or by another client, to any of the services.
type worker struct {
	logbook *logbook
	rng     *rand.Rand
	name    string
	book    string
	remotes []*client.Client
	// sellers is how many sellers its sales are of, 20 if zero.
	sellers int
	n       int
	// again are references without an answer that will be sent again.
	again []*posting
}

func (w *worker) sale() *posting {
	w.n++
	amount := 100 + w.rng.Int64N(20_000)
	fee := amount / 10
	seller := fmt.Sprintf("liabilities:seller:pending:sel_%d", w.rng.IntN(cmp.Or(w.sellers, 20)))
	text := func(minor int64) string { return string(money.Minor(minor).AppendFormat(nil, "GBP")) }
	p := &posting{book: w.book, sent: client.NewTransaction{Reference: fmt.Sprintf("%s-%s-%06d", w.book, w.name, w.n), Event: "order.captured",
		Subject: "order:" + w.name, Entries: []client.Line{
			client.Debit("assets:processor:pending:main", text(amount), "GBP"), client.Credit(seller, text(amount-fee), "GBP"),
			client.Credit("revenue:referral_fee", text(fee), "GBP")}}}
	p.lines = []string{fmt.Sprint("assets:processor:pending:main ", amount), fmt.Sprint(seller, " ", fee-amount), fmt.Sprint("revenue:referral_fee ", -fee)}
	return p
}

// overdraft is a sale that spends coins nobody has.
func (w *worker) overdraft() *posting {
	p := w.sale()
	p.unlawful = true
	p.sent.Entries[0].Account = "liabilities:coins"
	return p
}

func (w *worker) remote() *client.Client { return w.remotes[w.rng.IntN(len(w.remotes))] }

// step posts something and reports whether the service answered.
func (w *worker) step(ctx context.Context) bool {
	switch chance := w.rng.IntN(100); {
	case chance < 15 && len(w.again) > 0:
		p := w.again[0]
		w.again = w.again[1:]
		return w.post(ctx, p)
	case chance < 25:
		if p := w.earlier(); p != nil {
			return w.post(ctx, p)
		}
		fallthrough
	case chance < 40:
		return w.batch(ctx, false, 2+w.rng.IntN(7), false)
	case chance < 50:
		return w.batch(ctx, true, 3, chance < 42)
	case chance < 54:
		p := w.overdraft()
		w.logbook.enter(p)
		return w.post(ctx, p)
	}
	p := w.sale()
	w.logbook.enter(p)
	return w.post(ctx, p)
}

// earlier returns a posting of the book that anybody sent alone before.
func (w *worker) earlier() *posting {
	w.logbook.mu.Lock()
	defer w.logbook.mu.Unlock()
	all := w.logbook.books[w.book]
	if len(all) == 0 {
		return nil
	}
	if p := all[w.rng.IntN(len(all))]; p.group == "" && !p.reserved {
		return p
	}
	return nil
}

// post sends one posting.
func (w *worker) post(ctx context.Context, p *posting) bool {
	recorded, err := w.remote().Post(ctx, p.book, p.sent)
	return w.heard(p, &recorded, err)
}

// batch sends several postings with one request.
func (w *worker) batch(ctx context.Context, atomic bool, n int, unlawful bool) bool {
	ps, sent := make([]*posting, n), make([]client.NewTransaction, n)
	for i := range ps {
		ps[i] = w.sale()
		if unlawful && i == n-1 {
			last := w.overdraft()
			ps[i] = last
		}
		sent[i] = ps[i].sent
	}
	for _, p := range ps {
		if atomic {
			p.group = ps[0].sent.Reference
		}
		p.unlawful = p.unlawful || atomic && unlawful
	}
	w.logbook.enter(ps...)
	var results []client.Result
	var err error
	if atomic {
		results, err = w.remote().PostAtomic(ctx, w.book, sent)
	} else {
		results, err = w.remote().PostBatch(ctx, w.book, sent)
	}
	answered := true
	for i, p := range ps {
		recorded, failed := item(results, i, err)
		answered = w.heard(p, recorded, failed) && answered
	}
	return answered
}

// item is the answer to one item of a batch, as if it had been sent alone; err is that of the batch.
func item(results []client.Result, i int, err error) (*client.Transaction, error) {
	if err != nil {
		return nil, err
	}
	if results[i].Problem != nil {
		problem := *results[i].Problem
		problem.Status = results[i].Status
		return nil, &problem
	}
	return results[i].Transaction, nil
}

// heard notes an answer. Half of what stays unknown is sent again later, and half never.
func (w *worker) heard(p *posting, recorded *client.Transaction, err error) bool {
	switch w.logbook.note(p, recorded, err) {
	case unknown, turnedAway:
		if p.group == "" && w.rng.IntN(2) == 0 {
			w.again = append(w.again, p)
		}
		return false
	}
	return true
}

// load is several workers at work.
type load struct {
	workers []*worker
	stop    chan struct{}
	work    sync.WaitGroup
}

// drive starts n workers that post to the book through the services until end.
func (s *stage) drive(ctx context.Context, n int, book string, remotes ...*client.Client) *load {
	s.loads++
	l := &load{stop: make(chan struct{})}
	for i := range n {
		w := &worker{logbook: s.logbook, rng: rand.New(rand.NewPCG(s.rng.Uint64(), uint64(i))), name: fmt.Sprintf("%d.%d", s.loads, i), book: book, remotes: remotes}
		l.workers = append(l.workers, w)
		l.work.Go(func() { w.run(ctx, l.stop) })
	}
	return l
}

// run posts until stop is closed. A service that does not answer is given a moment.
func (w *worker) run(ctx context.Context, stop <-chan struct{}) {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if !w.step(ctx) {
			select {
			case <-stop:
				return
			case <-pause.C:
			}
		}
	}
}

// end lets every worker finish its request.
func (l *load) end() {
	close(l.stop)
	l.work.Wait()
}

// unanswered returns what the workers meant to send again, in the order of references.
func (l *load) unanswered() []*posting {
	var left []*posting
	for _, w := range l.workers {
		left = append(left, w.again...)
	}
	slices.SortFunc(left, func(a, b *posting) int { return cmp.Compare(a.sent.Reference, b.sent.Reference) })
	return slices.Compact(left)
}
