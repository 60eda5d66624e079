package postgres

// Transaction: a closure that happens wholly or not at all, and that never outlives its caller.

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"mizan/ledger/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrReadTooLong means that a read transaction reached its bound of two seconds and was ended.
var ErrReadTooLong = fault.New(fault.Unavailable, "read-too-long",
	"This took longer than two seconds to read. Ask for a smaller page or a shorter period.")

const (
	// readLimit bounds, unless a test says otherwise, the whole life of a read transaction: an old snapshot slows every posting down.
	readLimit = 2 * time.Second
	// rollbackLimit bounds a rollback, which runs after the caller's context may have ended.
	rollbackLimit = 2 * time.Second
	// maxAttempts bounds TxRetry.
	maxAttempts = 5
	// firstPause is the longest wait before the second attempt; it doubles with each one.
	firstPause = 10 * time.Millisecond
)

// Tx runs fn in a READ COMMITTED transaction and commits it. If fn returns an error or panics, the transaction is rolled
// back, even when ctx has ended. The error is fn's own, wrapped so that Classify knows that COMMIT was never sent; only
// an error of COMMIT itself can be Unknown. fn must neither commit nor roll back, and must not call the network.
func (p *Pool) Tx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	err := p.tx(ctx, fn)
	if err != nil {
		p.ResetAfter(err)
	}
	return err
}

func (p *Pool) tx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return &settled{RolledBack, err}
	}
	defer conn.Release()
	// Doubt left behind by an earlier user of the connection is not about this transaction.
	CommitDoubt(conn.Conn())
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return settle(err)
	}
	done := false
	// A panic passes through here too; it is not recovered.
	defer func() {
		if !done {
			rollBack(ctx, tx)
		}
	}()
	if err := fn(tx); err != nil {
		return settle(err)
	}
	done = true
	err = tx.Commit(ctx)
	if CommitDoubt(conn.Conn()) {
		return errors.Join(ErrCommitDoubt, err)
	}
	return err
}

// rollBack ends tx in bounded time whatever became of ctx, so that no lock outlives the request that took it. A failed
// rollback closes the connection, which rolls back as well.
func rollBack(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
	defer cancel()
	if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		// The error adds nothing to the one that led here.
		_ = tx.Conn().Close(ctx)
	}
}

// TxRetry is Tx, tried again while Classify calls the error RolledBack: at most five times, with growing random pauses,
// and not after ctx has ended. fn must be safe to run again from the start.
func (p *Pool) TxRetry(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := p.Tx(ctx, fn)
		if err == nil || attempt == maxAttempts || !mayRetry(err) || ctx.Err() != nil {
			return err
		}
		if !pause(ctx, firstPause<<(attempt-1)) {
			return err
		}
	}
}

// mayRetry leaves out a statement that ran for all the time it had: five times as long is no cure.
func mayRetry(err error) bool {
	return Classify(err) == RolledBack && SQLState(err) != stateQueryCanceled
}

// pause waits for a random part of longest, and reports false if ctx ended first.
func pause(ctx context.Context, longest time.Duration) bool {
	timer := time.NewTimer(rand.N(longest) + 1) // #nosec G404 -- a wait is spread, not kept secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ReadTx runs fn on one snapshot: a read-only REPEATABLE READ transaction that always ends within two seconds, then with
// ErrReadTooLong. Read more than that in keyset pages, each in a ReadTx of its own. With a context of Within, fn runs in
// that transaction instead, under its isolation and its limits.
func (p *Pool) ReadTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	if tx := joined(ctx); tx != nil {
		return fn(tx)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, p.readLimit, ErrReadTooLong)
	defer cancel()
	err := p.readTx(bounded, fn)
	if err == nil {
		return nil
	}
	// A refused write is the caller's mistake here, and no sign that the server became a standby.
	if SQLState(err) != stateReadOnly {
		p.ResetAfter(err)
	}
	// The server's own limit can fire a moment before ours.
	if ctx.Err() == nil && (bounded.Err() != nil || SQLState(err) == stateQueryCanceled) {
		return ErrReadTooLong.Because(err)
	}
	return err
}

func (p *Pool) readTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return &settled{RolledBack, err}
	}
	defer conn.Release()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: p.beginRead})
	if err != nil {
		return settle(err)
	}
	defer rollBack(ctx, tx)
	unwatch := endAtDeadline(ctx, conn)
	defer unwatch()
	if err := fn(tx); err != nil {
		return settle(err)
	}
	if ctx.Err() != nil {
		return settle(ctx.Err())
	}
	return nil
}

// endAtDeadline cuts the connection when ctx ends. Neither the server's statement timeout nor a context that fn may not
// use can end a transaction whose owner computes between two statements; a closed socket does, and it is the one thing
// about a connection that another goroutine may touch.
func endAtDeadline(ctx context.Context, conn *pgxpool.Conn) (stop func()) {
	socket := conn.Conn().PgConn().Conn()
	closed := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		// An error means that it is closed already.
		_ = socket.Close()
		close(closed)
	})
	return func() {
		// The socket must not be closed later, under the connection's next user.
		if !cancel() {
			<-closed
		}
	}
}
