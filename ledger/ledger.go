package ledger

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mizan/ledger/failpoint"
	"mizan/ledger/postgres"
)

// The ledger as a service: it reads through a pool and posts through one queue per book.

// Limits bounds what waits and what one batch may hold. The zero value of a field means its default.
type Limits struct {
	// QueueItems is how many submissions may wait per book before new ones are answered with ErrQueueFull.
	QueueItems int
	// QueueBytes bounds the memory of what waits, per book.
	QueueBytes int
	// BatchTransactions and BatchBytes bound one database transaction, and with it how long the book is locked.
	BatchTransactions int
	BatchBytes        int
	// BatchTimeout bounds one attempt to write a batch.
	BatchTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.QueueItems, 8192)
	def(&l.QueueBytes, 64<<20)
	def(&l.BatchTransactions, 1000)
	def(&l.BatchBytes, 4<<20)
	if l.BatchTimeout <= 0 {
		l.BatchTimeout = 20 * time.Second
	}
	return l
}

// BatchStats describes one batch that was written, for metrics.
type BatchStats struct {
	Book                                    string
	Submissions, Transactions, Lines        int
	Refused, Replayed                       int
	Reading, Deciding, Writing, OldestWaits time.Duration
}

// Options configures a Ledger.
type Options struct {
	// Now is the clock. It is required: the ledger never reads one of its own.
	Now func() time.Time
	// Log receives what a person must look at; nil discards it.
	Log    *slog.Logger
	Limits Limits
	// MaxSkew is how far the clock may be from the database's. Beyond it nothing is posted: recorded_at never runs
	// backwards, so one replica whose clock is a year ahead would stamp everybody's postings for a year. Zero trusts the
	// clock, for tests that set their own.
	MaxSkew time.Duration
	// OnBatch, if set, is called after each committed batch, from the book's flusher: it must return at once.
	OnBatch func(BatchStats)
}

// Ledger is safe for concurrent use. Several Ledgers, in one process or many, may work on one database.
type Ledger struct {
	pool    *postgres.Pool
	now     func() time.Time
	log     *slog.Logger
	limits  Limits
	maxSkew time.Duration
	chart   *Chart
	onBatch func(BatchStats)

	mu      sync.Mutex
	queues  map[BookID]*bookQueue
	books   map[string]Book
	closing bool

	turns      chan struct{}  // held by a flusher with a connection; fewer than the pool has
	work       sync.WaitGroup // flushers and partition makers
	stop       context.CancelFunc
	background context.Context
	partitions partitionHead
}

// New returns a ledger over the pool. Close it before the pool.
func New(pool *postgres.Pool, opts Options) *Ledger {
	if opts.Now == nil {
		panic("ledger: Options.Now is required")
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	background, stop := context.WithCancel(context.Background())
	return &Ledger{
		pool: pool, now: opts.Now, log: opts.Log, limits: opts.Limits.withDefaults(), chart: StandardChart(),
		maxSkew: opts.MaxSkew, onBatch: opts.OnBatch, queues: map[BookID]*bookQueue{}, books: map[string]Book{},
		background: background, stop: stop, turns: make(chan struct{}, max(1, int(pool.Config().MaxConns)*3/4)),
	}
}

// checkState refuses to record on a session that does not wait for its commits, and while this clock, or the time the
// book has reached, is too far from the database's.
func (l *Ledger) checkState(st *bookState) error {
	if !st.durable {
		return postgres.ErrNotDurable.With("The database stopped waiting for commits to be safe (synchronous_commit). Set it to on; nothing is recorded until then.")
	}
	if l.maxSkew > 0 && (st.now.Sub(st.serverNow).Abs() > l.maxSkew || st.head.LastRecordedAt.Sub(st.serverNow) > l.maxSkew) {
		return ErrClockSkew
	}
	return nil
}

// Chart returns the chart of accounts.
func (l *Ledger) Chart() *Chart { return l.chart }

// Close refuses new submissions with ErrShuttingDown, waits until everything that was accepted is answered, and returns.
// When ctx ends first, what still waits is answered with ErrOutcomeUnknown and Close returns ctx's error.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	failpoint.Here(failpoint.Draining)
	drained := make(chan struct{})
	go func() {
		l.work.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		failpoint.Here(failpoint.Drained)
		l.stop()
		return nil
	case <-ctx.Done():
		l.stop()
		<-drained
		return ctx.Err()
	}
}
