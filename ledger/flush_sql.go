package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"mizan/ledger/failpoint"
	"mizan/ledger/fault"
	"mizan/ledger/postgres"
)

// Flushing a batch: one attempt is one database transaction. An attempt that failed without effect is repeated, one that
// failed for what it contains is cut in halves until the culprit stands alone, and one whose commit was lost is not
// guessed at: the next attempt takes the book's lock, which waits for the lost one to end, and finds its references.

// maxAttempts bounds the attempts for one batch; with the pauses between them they last about three seconds.
const maxAttempts = 6

// flusher writes one book's batches. It keeps a connection while there is work.
type flusher struct {
	ledger *Ledger
	book   Book
	conn   *pgxpool.Conn
}

// flush gives every item of the groups an outcome. uncertain says that an earlier attempt may have recorded them: from
// then on nothing may be answered as refused that was not looked up under the book's lock.
func (f *flusher) flush(groups []*group, uncertain bool) {
	var err error
	for attempt := range maxAttempts {
		if attempt > 0 && !f.pause(attempt) {
			break
		}
		if attempt > 0 {
			failpoint.Here(failpoint.Retrying)
		}
		if err = f.try(groups, uncertain); err == nil {
			return
		}
		f.ledger.pool.ResetAfter(err)
		var known *fault.Error
		switch outcome := postgres.Classify(err); {
		case errors.Is(err, postgres.ErrCommitDoubt):
			// Recorded here, not confirmed by the standby. It must not be acknowledged.
			f.ledger.log.Error("commit not confirmed by the standby", "book", f.book.Code, "err", err)
			refuseAll(groups, ErrOutcomeUnknown.Because(err))
			return
		case errors.As(err, &known):
			f.refuse(groups, known, uncertain) // the book is gone, or the like: true for the whole batch
			return
		case outcome == postgres.Deterministic, timedOut(err) && len(groups) > 1:
			f.bisect(groups, err, uncertain)
			return
		case outcome == postgres.Unknown:
			uncertain = true
		}
		f.ledger.log.Warn("batch attempt failed", "book", f.book.Code, "attempt", attempt+1, "err", err)
	}
	f.refuse(groups, ErrUnavailable.Because(err), uncertain)
}

// refuse answers all groups with an error, or with "unknown" if an earlier attempt may have recorded them.
func (f *flusher) refuse(groups []*group, err *fault.Error, uncertain bool) {
	if uncertain {
		err = ErrOutcomeUnknown.Because(err)
	}
	refuseAll(groups, err)
}

// timedOut reports that the server gave up on a statement: it ended before COMMIT, and a smaller batch may pass.
func timedOut(err error) bool { return postgres.SQLState(err) == "57014" }

// bisect isolates the group that the database refuses, so that it alone fails.
func (f *flusher) bisect(groups []*group, err error, uncertain bool) {
	if len(groups) == 1 {
		f.ledger.log.Error("the database refused a posting that was decided to be right", "book", f.book.Code,
			"reference", groups[0].items[0].reference, "err", err)
		f.refuse(groups, errBatch.Because(err), uncertain)
		return
	}
	half := len(groups) / 2
	f.flush(groups[:half], uncertain)
	f.flush(groups[half:], uncertain)
}

func refuseAll(groups []*group, err error) {
	for _, g := range groups {
		g.refuse(-1, err)
	}
}

// try makes one attempt. Items get their outcomes only when it returns nil; uncertain says that an earlier attempt may
// have recorded them. The connection goes back to the pool in any case, so that busy books leave others their turn.
func (f *flusher) try(groups []*group, uncertain bool) error {
	ctx, cancel := context.WithTimeout(f.ledger.background, f.ledger.limits.BatchTimeout)
	defer cancel()
	for _, g := range groups {
		for _, it := range g.items {
			it.outcome, it.replay, it.ours = Outcome{}, nil, false
		}
	}
	// Learned before a connection is held: whoever holds one and waits for another can starve the pool.
	if err := f.ledger.partitions.prepare(ctx, f.ledger, 1); err != nil {
		return harmless{err}
	}
	started := f.ledger.now()
	if err := f.acquire(ctx); err != nil {
		return err
	}
	defer f.release()
	failpoint.Here(failpoint.Beginning)
	st, err := readState(ctx, f.conn, f.book, groups, true, true)
	if err != nil {
		f.abandon()
		if postgres.Classify(err) != postgres.Deterministic || planExpired(err) {
			err = harmless{err}
		}
		return err
	}
	failpoint.Here(failpoint.LookedUp)
	st.stamp(f.ledger.now()) // under the lock, so that an instant that has passed stays as it was
	if err := f.ledger.checkState(st); err != nil {
		f.abandon()
		f.ledger.log.Error("nothing is recorded", "book", f.book.Code, "err", err, "clock", st.now, "database", st.serverNow,
			"last_recorded_at", st.head.LastRecordedAt)
		return err
	}
	read := f.ledger.now()
	d := decide(f.book, st, groups)
	decided := f.ledger.now()
	failpoint.Here(failpoint.Decided)
	if err := f.finish(ctx, st, d, groups, uncertain); err != nil {
		return err
	}
	settle(st, groups)
	for _, g := range groups {
		for _, it := range g.items {
			it.ours = it.replay != nil && it.tried
		}
	}
	f.report(groups, d, BatchStats{Reading: read.Sub(started), Deciding: decided.Sub(read),
		Writing: f.ledger.now().Sub(decided), OldestWaits: oldest(groups, started)})
	f.ledger.partitions.makeAhead(f.ledger, st.head.LastSequence)
	return nil
}

// finish ends the attempt's transaction: it records what was decided, or confirms what is only repeated, or rolls back.
func (f *flusher) finish(ctx context.Context, st *bookState, d *decision, groups []*group, uncertain bool) error {
	switch {
	case len(d.transactions) > 0:
		for _, g := range groups {
			for _, it := range g.items {
				it.tried = it.tried || it.outcome.Err == nil && it.replay == nil && !it.outcome.Replayed
			}
		}
		return f.record(ctx, st, d)
	case repeats(groups) && (uncertain || st.replicated):
		// What was found may be known to this server only. A commit that waits for the standby, as every commit does,
		// covers everything before it.
		return f.commit(ctx, func() error { return confirm(ctx, f.conn, f.book) })
	}
	failpoint.Here(failpoint.RollingBack)
	if err := f.rollback(ctx); err != nil {
		return harmless{err}
	}
	return nil
}

// repeats reports whether any item is answered with what was recorded before.
func repeats(groups []*group) bool {
	for _, g := range groups {
		for _, it := range g.items {
			if it.replay != nil {
				return true
			}
		}
	}
	return false
}

// record writes and commits what was decided.
func (f *flusher) record(ctx context.Context, st *bookState, d *decision) error {
	if !f.ledger.partitions.covers(st.head.LastSequence) {
		if err := f.rollback(ctx); err != nil {
			return harmless{err}
		}
		f.release()
		if err := f.ledger.partitions.prepare(ctx, f.ledger, st.head.LastSequence); err != nil {
			return harmless{err}
		}
		return harmless{errPartitionsMade}
	}
	return f.commit(ctx, func() error { return d.write(ctx, f.conn, f.book, st, true) })
}

// commit runs what ends in COMMIT and asks whether the standby confirmed it.
func (f *flusher) commit(ctx context.Context, run func() error) error {
	postgres.CommitDoubt(f.conn.Conn())
	failpoint.Here(failpoint.Writing)
	if err := run(); err != nil {
		f.abandon()
		switch {
		case planExpired(err):
			err = harmless{err}
		case noPartition(err): // another server than the one that was asked, after a failover or a restore
			f.ledger.partitions.forget()
			err = harmless{err}
		}
		return err
	}
	failpoint.Here(failpoint.Committed)
	if postgres.CommitDoubt(f.conn.Conn()) {
		return postgres.ErrCommitDoubt
	}
	return nil
}

// noPartition reports that a row found no partition: a check violation that names no constraint.
func noPartition(err error) bool {
	return postgres.SQLState(err) == "23514" && postgres.Constraint(err) == ""
}

// errPartitionsMade asks for another attempt: the partitions this batch needs exist now.
var errPartitionsMade = errors.New("partitions were made; the batch starts again")

// harmless marks an error before which nothing was sent for commit, in the way postgres.Classify understands it.
type harmless struct{ error }

func (h harmless) Unwrap() error   { return h.error }
func (harmless) SafeToRetry() bool { return true }

// planExpired reports that a migration changed a table under a prepared statement; the statement is prepared anew.
func planExpired(err error) bool {
	state := postgres.SQLState(err)
	return state == "0A000" || state == "26000"
}

func (f *flusher) report(groups []*group, d *decision, stats BatchStats) {
	if f.ledger.onBatch == nil {
		return
	}
	stats.Book, stats.Transactions = f.book.Code, len(d.transactions)
	for _, t := range d.transactions {
		stats.Lines += len(t.Entries)
	}
	for _, g := range groups {
		for _, it := range g.items {
			stats.Submissions++
			if it.outcome.Err != nil {
				stats.Refused++
			}
			if it.replay != nil || it.outcome.Replayed {
				stats.Replayed++
			}
		}
	}
	f.ledger.onBatch(stats)
}

// acquire takes a turn and a connection. There are fewer turns than connections, so that reads and other work always
// find one.
func (f *flusher) acquire(ctx context.Context) error {
	select {
	case f.ledger.turns <- struct{}{}:
	case <-ctx.Done():
		return harmless{ctx.Err()}
	}
	conn, err := f.ledger.pool.Acquire(ctx)
	if err != nil {
		<-f.ledger.turns
		return harmless{err} // nothing was sent yet
	}
	f.conn = conn
	return nil
}

func (f *flusher) rollback(ctx context.Context) error {
	_, err := f.conn.Exec(ctx, `ROLLBACK`)
	if err != nil {
		f.abandon()
	}
	return err
}

// abandon ends the attempt's connection or its transaction, so that no lock outlives the attempt.
func (f *flusher) abandon() {
	if f.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if !f.conn.Conn().IsClosed() {
		if _, err := f.conn.Exec(ctx, `ROLLBACK`); err != nil {
			_ = f.conn.Conn().Close(ctx)
		}
	}
	f.release()
}

func (f *flusher) release() {
	if f.conn != nil {
		f.conn.Release()
		f.conn = nil
		<-f.ledger.turns
	}
}

// pause waits before another attempt, longer each time and never in step with other replicas; false means shutdown.
func (f *flusher) pause(attempt int) bool {
	longest := 25 * time.Millisecond << attempt
	timer := time.NewTimer(longest/2 + rand.N(longest/2)) // #nosec G404 -- a wait is spread, not kept secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.ledger.background.Done():
		return false
	}
}

// PostTx records submissions inside the caller's own transaction: all of them or, with the first refusal, none, in which
// case the caller must roll back. The book stays locked until the caller commits, so post last, and post at most
// MaxTxSubmissions at a time. Transactions of a replayed submission are returned as recorded.
func (l *Ledger) PostTx(ctx context.Context, tx pgx.Tx, book Book, submissions []Submission) ([]Outcome, error) {
	if len(submissions) > MaxTxSubmissions {
		return nil, ErrInvalid.Withf("At most %d submissions are posted inside one transaction.", MaxTxSubmissions)
	}
	outcomes := make([]Outcome, len(submissions))
	g, err := l.atomicGroup(book, submissions, outcomes)
	if err != nil || len(g.items) == 0 {
		return outcomes, err
	}
	st, err := readState(ctx, tx, book, []*group{g}, false, true)
	if err != nil {
		l.pool.ResetAfter(err)
		return nil, err
	}
	st.stamp(l.now())
	if err := l.checkState(st); err != nil {
		return nil, err
	}
	d := decide(book, st, []*group{g})
	if refused := g.firstRefusal(); refused != nil {
		for i, it := range g.items {
			outcomes[i] = it.outcome
		}
		return outcomes, refused
	}
	if err := l.writeTx(ctx, tx, book, st, d); err != nil {
		l.pool.ResetAfter(err)
		return nil, err
	}
	settle(st, []*group{g})
	for i, it := range g.items {
		outcomes[i] = it.outcome
		if it.replay != nil {
			ts, err := readRangeOn(ctx, tx, book, it.replay.first, it.replay.count)
			if err != nil {
				return nil, err
			}
			outcomes[i] = Outcome{Transactions: ts, Replayed: true}
		}
	}
	return outcomes, nil
}

// ReverseTx is Reverse inside the caller's own transaction; on an error the caller must roll back.
func (l *Ledger) ReverseTx(ctx context.Context, tx pgx.Tx, book Book, sequence int64, c Correction) (Outcome, error) {
	s, err := l.Reversal(postgres.Within(ctx, tx), book, sequence, c)
	if err != nil {
		return Outcome{Err: err}, err
	}
	outcomes, err := l.PostTx(ctx, tx, book, []Submission{s})
	if err != nil {
		return Outcome{Err: err}, err
	}
	return outcomes[0], nil
}

// writeTx writes what was decided into the caller's transaction. A missing partition is made in it too: a second
// connection, asked for while this one holds the book's lock, could wait for ever.
func (l *Ledger) writeTx(ctx context.Context, tx pgx.Tx, book Book, st *bookState, d *decision) error {
	if len(d.transactions) == 0 {
		if !st.replicated {
			return nil
		}
		_, err := tx.Exec(ctx, sqlConfirm, book.ID) // gives the caller's commit something to wait for
		return err
	}
	if !l.partitions.covers(st.head.LastSequence) {
		// What the caller may still roll back is not remembered.
		if _, err := tx.Exec(ctx, sqlPreparePartitions, st.head.LastSequence); err != nil {
			return err
		}
	}
	return d.write(ctx, tx, book, st, false)
}

// MaxTxSubmissions bounds what PostTx records while it holds the book's lock.
const MaxTxSubmissions = 500

// firstRefusal returns the error that refused the group, nil if it was accepted.
func (g *group) firstRefusal() error {
	for _, it := range g.items {
		if it.outcome.Err != nil && !errors.Is(it.outcome.Err, ErrGroupRefused) {
			return it.outcome.Err
		}
	}
	return nil
}

// DryRun decides the submissions as PostBatch would (or PostAtomic, if atomic) and leaves no trace: it reads without
// the lock, in a read-only transaction, and writes nothing, so the answer is a forecast and not a reservation.
func (l *Ledger) DryRun(ctx context.Context, book Book, submissions []Submission, atomic bool) ([]Outcome, error) {
	outcomes := make([]Outcome, len(submissions))
	groups, items, err := l.dryGroups(book, submissions, atomic, outcomes)
	if err != nil || len(groups) == 0 {
		return outcomes, nil //nolint:nilerr // the refusal is in the outcomes
	}
	var st *bookState
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		st, err = readState(ctx, tx, book, groups, false, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	st.stamp(l.now())
	decide(book, st, groups)
	settle(st, groups)
	l.resolve(ctx, book, items, outcomes, nil)
	return outcomes, nil
}

func (l *Ledger) dryGroups(book Book, submissions []Submission, atomic bool, outcomes []Outcome) ([]*group, []*item, error) {
	if atomic {
		g, err := l.atomicGroup(book, submissions, outcomes)
		if err != nil {
			return nil, nil, err
		}
		return []*group{g}, g.items, nil
	}
	var groups []*group
	items := make([]*item, len(submissions))
	for i, s := range submissions {
		c, err := l.check(book, s)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		items[i] = &item{checked: c}
		groups = append(groups, &group{items: []*item{items[i]}})
	}
	return groups, items, nil
}
