package ledger

import (
	"context"
	"sync"
	"time"

	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
)

// The writer: one bounded queue and at most one flusher per book. The flusher takes what has gathered, at once when it
// is idle, and posts it as one batch; under load batches grow by themselves.

var (
	// ErrQueueFull means that more waits for the book than may; nothing was posted.
	ErrQueueFull = fault.New(fault.Unavailable, "queue-full", "The book is receiving more than it can record right now. Send the same request again in a moment; nothing was posted.")
	// ErrShuttingDown means that the service is stopping; nothing was posted.
	ErrShuttingDown = fault.New(fault.Unavailable, "shutting-down", "The service is restarting. Send the same request again in a moment; nothing was posted.")
	// ErrUnavailable means that the database could not be reached and nothing was posted.
	ErrUnavailable = fault.New(fault.Unavailable, "storage-unavailable", "The books cannot be written right now. Send the same request again in a moment; nothing was posted.")
	// ErrOutcomeUnknown means that the posting may or may not be recorded. Sending the same request again is safe and
	// gives the answer.
	ErrOutcomeUnknown = fault.New(fault.Unavailable, "outcome-unknown",
		"It is not known yet whether this was recorded. Send the same request again with the same reference: it is recorded at most once. Or look the reference up.")
	// ErrClockSkew means that this process's clock is too far from the database's to record anything.
	ErrClockSkew = fault.New(fault.Unavailable, "clock-skew",
		"The clocks of the service and of its database disagree, so nothing is recorded. Ask the operator to correct the clock; then send the same request again.")
	errBatch = fault.New(fault.Internal, "batch-failed", "The batch could not be written.")
)

// bookQueue is what waits for one book.
type bookQueue struct {
	ledger *Ledger
	book   Book

	mu      sync.Mutex
	waiting []*group
	items   int
	bytes   int
	running bool
}

// Post records one submission and waits until it is durable. The submission is validated first, so that a bad one costs
// the book nothing. When ctx ends before the answer, the posting may still happen and ErrOutcomeUnknown is returned.
func (l *Ledger) Post(ctx context.Context, book Book, s Submission) Outcome {
	return l.PostBatch(ctx, book, []Submission{s})[0]
}

// PostBatch records the submissions independently, in order: each has its own outcome.
func (l *Ledger) PostBatch(ctx context.Context, book Book, submissions []Submission) []Outcome {
	outcomes := make([]Outcome, len(submissions))
	if tooMany(submissions, outcomes) {
		return outcomes
	}
	items := make([]*item, len(submissions))
	groups := make([]*group, 0, len(submissions))
	done := make(chan struct{})
	for i, s := range submissions {
		c, err := l.check(book, s)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		items[i] = &item{checked: c}
		groups = append(groups, &group{items: []*item{items[i]}, bytes: c.bytes})
	}
	if len(groups) == 0 {
		return outcomes
	}
	err := l.submit(ctx, book, &delivery{groups: groups, done: done})
	l.resolve(ctx, book, items, outcomes, err)
	return outcomes
}

// PostAtomic records all submissions or none. If one is refused, its outcome says why and the others carry
// ErrGroupRefused.
func (l *Ledger) PostAtomic(ctx context.Context, book Book, submissions []Submission) []Outcome {
	outcomes := make([]Outcome, len(submissions))
	if tooMany(submissions, outcomes) {
		return outcomes
	}
	g, err := l.atomicGroup(book, submissions, outcomes)
	if err != nil || len(g.items) == 0 {
		return outcomes
	}
	err = l.submit(ctx, book, &delivery{groups: []*group{g}, done: make(chan struct{})})
	l.resolve(ctx, book, g.items, outcomes, err)
	return outcomes
}

// tooMany refuses a batch beyond MaxBatch as a whole.
func tooMany(submissions []Submission, outcomes []Outcome) bool {
	if len(submissions) <= MaxBatch {
		return false
	}
	for i := range outcomes {
		outcomes[i].Err = ErrInvalid.Withf("A batch has at most %d submissions. Split it; nothing was posted.", MaxBatch)
	}
	return true
}

// atomicGroup validates all submissions into one group; on the first bad one it fills outcomes and returns its error.
func (l *Ledger) atomicGroup(book Book, submissions []Submission, outcomes []Outcome) (*group, error) {
	g := &group{}
	for i, s := range submissions {
		c, err := l.check(book, s)
		if err != nil {
			for j := range outcomes {
				outcomes[j].Err = ErrGroupRefused
			}
			outcomes[i].Err = err
			return nil, err
		}
		g.items = append(g.items, &item{checked: c})
		g.bytes += c.bytes
	}
	return g, nil
}

// delivery is what one caller hands over and waits for.
type delivery struct {
	groups []*group
	done   chan struct{}
	left   int // groups without an answer; guarded by the flusher being alone
}

// submit queues a delivery and waits for it.
func (l *Ledger) submit(ctx context.Context, book Book, d *delivery) error {
	d.left = len(d.groups)
	for _, g := range d.groups {
		g.delivery = d
	}
	if err := l.enqueue(book, d); err != nil {
		return err
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return ErrOutcomeUnknown.Because(ctx.Err())
	}
}

func (l *Ledger) enqueue(book Book, d *delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return ErrShuttingDown
	}
	q := l.queues[book.ID]
	if q == nil {
		q = &bookQueue{ledger: l, book: book}
		l.queues[book.ID] = q
	}
	items, bytes := 0, 0
	now := l.now()
	for _, g := range d.groups {
		g.queuedAt = now
		items, bytes = items+len(g.items), bytes+g.bytes
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items > 0 && (q.items+items > l.limits.QueueItems || q.bytes+bytes > l.limits.QueueBytes) {
		return ErrQueueFull
	}
	q.waiting = append(q.waiting, d.groups...)
	q.items, q.bytes = q.items+items, q.bytes+bytes
	if !q.running {
		q.running = true
		l.work.Add(1)
		go q.run()
	}
	return nil
}

// Congested returns ErrQueueFull if less than an eighth of the book's queue is free. Whoever asks before preparing a posting
// spares the work of one that would be refused; Post decides for itself.
func (l *Ledger) Congested(book Book) error {
	l.mu.Lock()
	q := l.queues[book.ID]
	l.mu.Unlock()
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items >= l.limits.QueueItems-l.limits.QueueItems/8 || q.bytes >= l.limits.QueueBytes-l.limits.QueueBytes/8 {
		return ErrQueueFull
	}
	return nil
}

// QueueDepths returns how many submissions wait per book code, for metrics.
func (l *Ledger) QueueDepths() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	depths := make(map[string]int, len(l.queues))
	for _, q := range l.queues {
		q.mu.Lock()
		depths[q.book.Code] = q.items
		q.mu.Unlock()
	}
	return depths
}

// run flushes until nothing waits, then ends; the next submission starts it again, so an idle book costs nothing.
func (q *bookQueue) run() {
	defer q.ledger.work.Done()
	f := &flusher{ledger: q.ledger, book: q.book}
	for {
		groups := q.take()
		if groups == nil {
			return
		}
		f.flush(groups, false)
		failpoint.Here(failpoint.Settled)
		for _, g := range groups {
			g.answer()
		}
	}
}

// take removes the next batch from the queue, whole groups only and at least one; nil ends the flusher.
func (q *bookQueue) take() []*group {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, drafts, bytes := 0, 0, 0
	for n < len(q.waiting) {
		g := q.waiting[n]
		drafts, bytes = drafts+g.drafts(), bytes+g.bytes
		if n > 0 && (drafts > q.ledger.limits.BatchTransactions || bytes > q.ledger.limits.BatchBytes) {
			break
		}
		n++
	}
	if n == 0 {
		q.running, q.waiting = false, nil
		return nil
	}
	groups := append([]*group(nil), q.waiting[:n]...)
	q.waiting = q.waiting[n:]
	for _, g := range groups {
		q.items, q.bytes = q.items-len(g.items), q.bytes-g.bytes
	}
	return groups
}

// answer counts the group as answered and wakes the caller with its last one. Only the flusher calls it.
func (g *group) answer() {
	g.delivery.left--
	if g.delivery.left == 0 {
		close(g.delivery.done)
	}
}

// resolve turns items into the caller's outcomes; nil items keep theirs. What replayed items recorded is read here, outside
// the book's lock and in one go: a repeated batch of a thousand costs a handful of reads.
func (l *Ledger) resolve(ctx context.Context, book Book, items []*item, outcomes []Outcome, err error) {
	var wanted []int64
	for i, it := range items {
		switch {
		case it == nil:
		case err != nil:
			outcomes[i].Err = err
		case it.replay == nil:
			outcomes[i] = it.outcome
		default:
			for n := range it.replay.count {
				wanted = append(wanted, it.replay.first+int64(n))
			}
		}
	}
	if err != nil || len(wanted) == 0 {
		return
	}
	recorded, err := l.readSequences(ctx, book, wanted)
	for i, it := range items {
		if it == nil || it.replay == nil {
			continue
		}
		if err != nil {
			outcomes[i] = Outcome{Err: ErrOutcomeUnknown.Because(err)}
			continue
		}
		outcomes[i] = Outcome{Replayed: !it.ours}
		for n := range it.replay.count {
			outcomes[i].Transactions = append(outcomes[i].Transactions, recorded[it.replay.first+int64(n)])
		}
	}
}

// oldest is how long the longest-waiting group has waited.
func oldest(groups []*group, now time.Time) time.Duration {
	var longest time.Duration
	for _, g := range groups {
		longest = max(longest, now.Sub(g.queuedAt))
	}
	return longest
}
