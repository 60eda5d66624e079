package payouts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/failpoint"
)

const (
	sqlNoticesAfter = `SELECT ` + noticeColumns + ` FROM processor_notices WHERE handled_at IS NULL AND number > $1 ORDER BY number LIMIT $2`

	// Whose something is: the book is not known before, so that each book's index is probed.
	sqlOfTransfer = `
SELECT p.book_id, b.code, p.id FROM books b JOIN LATERAL (SELECT x.book_id, x.id FROM payouts x WHERE x.book_id = b.id AND x.transfer = $1 AND x.transfer <> '' LIMIT 100) p ON true LIMIT 100`
	sqlOfOutgoing = `
SELECT p.book_id, b.code, p.id FROM books b JOIN LATERAL (SELECT x.book_id, x.id FROM payouts x WHERE x.book_id = b.id AND x.outgoing = $1 AND x.outgoing <> '' LIMIT 1000) p ON true LIMIT 1000`
	sqlAtAccount = `
SELECT p.book_id, b.code, p.id FROM books b
  JOIN LATERAL (SELECT x.book_id, x.id FROM payouts x
                 WHERE x.book_id = b.id AND x.rail_account = $1 AND x.state IN ('submitted', 'at_account', 'paid') AND x.returned_at IS NULL AND x.look_at IS NOT NULL
                 ORDER BY x.id LIMIT 1000) p ON true LIMIT 1000`
	sqlOfID = `SELECT p.book_id, b.code, p.id FROM books b JOIN payouts p ON p.book_id = b.id AND p.id = $1 LIMIT 1`
	// One that was retired is known too: payouts that went there before may come back.
	sqlDestinationsAt = `
SELECT d.book_id, b.code, d.id FROM payout_destinations d JOIN books b ON b.id = d.book_id
 WHERE d.account = $1 AND d.rail = ANY($2) ORDER BY d.state = 'retired', d.book_id, d.id LIMIT 100`

	// Whoever has the payout now finds out that somebody asked for a look, even if it was due already
	// or was to be looked at no more.
	sqlNudge = `UPDATE payouts SET look_at = $3 WHERE book_id = $1 AND id = ANY($2) AND (look_at IS NOT NULL OR state = 'paid' AND returned_at IS NULL)`
)

// noticesAfter returns notices that wait to be handled, after a number.
func (s *Service) noticesAfter(ctx context.Context, after int64, limit int) ([]Notice, error) {
	return (&Notices{pool: s.pool, now: s.now}).list(ctx, sqlNoticesAfter, after, limit)
}

// noticeDone has payouts looked at now, in whichever book they are, and notes that the notice is handled. It returns
// ErrNoticeHandled if it was before.
func (s *Service) noticeDone(ctx context.Context, t Turn, number int64, outcome string, about subject) error {
	err := s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		if err := (&Notices{pool: s.pool, now: s.now}).HandledTx(ctx, tx, number, outcome); err != nil || about.kind != "payout" {
			return err
		}
		if _, err := tx.Exec(ctx, sqlNudge, t.Book.ID, about.ids, s.now()); err != nil {
			return err
		}
		for _, o := range about.others {
			if _, err := tx.Exec(ctx, sqlNudge, o.book, []string{o.id}, s.now()); err != nil {
				return err
			}
		}
		failpoint.Here(failpoint.NoticeHandling)
		return nil
	})
	failpoint.Here(failpoint.NoticeHandled)
	return err
}

// nudge has payouts looked at now.
func (s *Service) nudge(ctx context.Context, book ledger.Book, ids []string) error {
	_, err := s.pool.Exec(ctx, sqlNudge, book.ID, ids, s.now())
	return err
}

func (s *Service) payoutsOfTransfer(ctx context.Context, t Turn, transfer string) (subject, error) {
	return s.subjectOf(ctx, t, "payout", sqlOfTransfer, transfer)
}

func (s *Service) payoutsOfOutgoing(ctx context.Context, t Turn, outgoing string) (subject, error) {
	return s.subjectOf(ctx, t, "payout", sqlOfOutgoing, outgoing)
}

func (s *Service) payoutsAt(ctx context.Context, t Turn, account string) (subject, error) {
	return s.subjectOf(ctx, t, "payout", sqlAtAccount, account)
}

func (s *Service) payoutOfID(ctx context.Context, t Turn, id string) (subject, error) {
	return s.subjectOf(ctx, t, "payout", sqlOfID, id)
}

func (s *Service) destinationsAt(ctx context.Context, t Turn, account string) (subject, error) {
	return s.subjectOf(ctx, t, "destination", sqlDestinationsAt, account, s.railNames())
}

// subjectOf reads whose something is. Several books may have one account.
func (s *Service) subjectOf(ctx context.Context, t Turn, kind, sql string, args ...any) (about subject, err error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return about, err
	}
	var o other
	_, err = pgx.ForEachRow(rows, []any{&o.book, &o.code, &o.id}, func() error {
		about.kind = kind
		if o.book == int32(t.Book.ID) {
			about.ids = append(about.ids, o.id)
		} else {
			about.others = append(about.others, o)
		}
		return nil
	})
	return about, err
}
