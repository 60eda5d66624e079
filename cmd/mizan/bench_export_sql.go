package main

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/payouts/reports"
)

// sqlBenchCopy is the general journal as one plain statement, in the order and with the columns of the report: what the database takes
// to hand the same rows out as CSV.
const sqlBenchCopy = `
COPY (SELECT t.recorded_at::date, t.period, 'recon', 'recon-' || t.sequence, e.line, a.chart_code, a.address, a.address, CASE WHEN e.amount > 0 THEN e.amount / 100.0 END,
             CASE WHEN e.amount < 0 THEN -e.amount / 100.0 END, a.currency, t.event, t.reference, t.subject, t.campaign, t.live_session, t.channel
        FROM transactions t JOIN entries e ON e.book_id = t.book_id AND e.sequence = t.sequence JOIN accounts a ON a.book_id = e.book_id AND a.id = e.account_id
       WHERE t.book_id = (SELECT id FROM books WHERE code = 'recon') ORDER BY t.sequence, e.line) TO STDOUT (FORMAT csv)`

// copied hands the rows out plainly, and returns how many there are and how long it took.
func (p *plainly) copied(ctx context.Context) (rows int64, took time.Duration, err error) {
	if _, err := p.conn.Exec(ctx, sqlBenchRoom); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	tag, err := p.conn.PgConn().CopyTo(ctx, io.Discard, sqlBenchCopy)
	return tag.RowsAffected(), time.Since(began), err
}

// askApart has an export wait for whoever makes those that do.
func askApart(ctx context.Context, pool *postgres.Pool, s *reports.Service, book ledger.Book, r reports.Request) (id string, err error) {
	err = pool.TxRetry(ctx, func(tx pgx.Tx) error {
		e, err := s.AskTx(ctx, tx, guard.Actor{Kind: guard.Operator, ID: "bench"}, book, r)
		id = e.ID
		return err
	})
	return id, err
}
