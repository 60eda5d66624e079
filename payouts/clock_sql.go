package payouts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// The rows of clocks and waits.

// news is a transaction of the feed, as far as clocks care.
type news struct {
	Sequence       int64
	Event, Subject string
	RecordedAt     time.Time
}

// newsAfter is a page of the book's feed.
func (s *Service) newsAfter(ctx context.Context, book ledger.Book, after int64, limit int) ([]news, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT t.sequence, t.event, coalesce(t.subject, ''), t.recorded_at
		  FROM transactions t
		 WHERE t.book_id = $1 AND t.sequence > $2
		 ORDER BY t.sequence
		 LIMIT $3`, book.ID, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[news])
}

// lastOf returns the last transaction of each subject.
func (s *Service) lastOf(ctx context.Context, book ledger.Book, subjects []string) (map[string]lastNews, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT k.subject, t.sequence, t.recorded_at
		  FROM unnest($2::text[]) AS k (subject)
		 CROSS JOIN LATERAL (SELECT x.sequence, x.recorded_at FROM transactions x WHERE x.book_id = $1 AND x.subject = k.subject
		                      ORDER BY x.sequence DESC LIMIT 1) t`, book.ID, subjects)
	if err != nil {
		return nil, err
	}
	last := make(map[string]lastNews, len(subjects))
	var subject string
	var n lastNews
	_, err = pgx.ForEachRow(rows, []any{&subject, &n.sequence, &n.recordedAt}, func() error {
		last[subject] = lastNews{n.sequence, n.recordedAt.UTC()}
		return nil
	})
	return last, err
}

// The chart rows in which something of a payee, or of whom a donation is for, waits.
var waitingCodes = []int32{2110, 2130, 2210, 2310, 2350, 2510}

// readWaits adds to readings what waits for their clocks: what each subject has moved into the waiting accounts.
func (s *Service) readWaits(ctx context.Context, book ledger.Book, list []reading) error {
	at := map[string]*reading{}
	var subjects []string
	for i := range list {
		// A campaign's own story is long, and what waits of it waits for the clocks of its donations.
		if len(list[i].clocks) > 0 && !strings.HasPrefix(list[i].subject, "tally:") {
			at[list[i].subject] = &list[i]
			subjects = append(subjects, list[i].subject)
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	rows, err := s.pool.Query(ctx, `
		SELECT k.subject, a.address, a.currency, -sum(e.amount)::bigint
		  FROM unnest($2::text[]) AS k (subject)
		 CROSS JOIN LATERAL (SELECT x.sequence, x.account_ids FROM transactions x WHERE x.book_id = $1 AND x.subject = k.subject LIMIT 100000) t
		 CROSS JOIN LATERAL unnest(t.account_ids) AS i (id)
		 CROSS JOIN LATERAL (SELECT y.address, y.currency FROM accounts y
		                      WHERE y.book_id = $1 AND y.id = i.id AND y.chart_code = ANY ($3::integer[]) LIMIT 1) a
		 CROSS JOIN LATERAL (SELECT sum(z.amount) AS amount FROM entries z
		                      WHERE z.book_id = $1 AND z.account_id = i.id AND z.sequence = t.sequence) e
		 GROUP BY k.subject, a.address, a.currency
		 ORDER BY k.subject, a.address, a.currency`, book.ID, subjects, waitingCodes)
	if err != nil {
		return err
	}
	sums, err := pgx.CollectRows(rows, pgx.RowToStructByPos[accountSum])
	if err != nil {
		return err
	}
	for len(sums) > 0 {
		n := slices.IndexFunc(sums, func(x accountSum) bool { return x.Subject != sums[0].Subject })
		if n < 0 {
			n = len(sums)
		}
		at[sums[0].Subject].waitsOf(sums[:n])
		sums = sums[n:]
	}
	return nil
}

// keepTx takes readings over: clocks that are no more go, and the others come. A reading that rests on less than what is
// noted changes nothing. Tries of a subject without news are kept, with their pause; a gate that is found meanwhile keeps it
// longer.
func (s *Service) keepTx(ctx context.Context, tx pgx.Tx, book ledger.Book, list []reading) error {
	slices.SortFunc(list, func(a, b reading) int { return strings.Compare(a.subject, b.subject) })
	var tries []int32
	var subjects, cs, acts, whys, ws, wacts, wkinds, wpayees, wcurrencies []string
	var sequences, cseq, amounts []int64
	var dues, looks []*time.Time
	var gates []string
	for _, r := range list {
		subjects, sequences = append(subjects, r.subject), append(sequences, r.sequence)
		for _, c := range r.clocks {
			cs, acts, cseq = append(cs, c.Subject), append(acts, c.Act), append(cseq, c.Sequence)
			dues, looks, gates = append(dues, nullTime(c.DueAt)), append(looks, nullTime(c.LookAt)), append(gates, strings.Join(c.Gates, ","))
			tries, whys = append(tries, int32(c.Tries)), append(whys, c.Why) // #nosec G115 -- tries end at a number that is set
		}
		for _, w := range r.waits {
			ws, wacts, wkinds, wpayees = append(ws, w.Subject), append(wacts, w.Act), append(wkinds, w.Kind), append(wpayees, w.ID)
			wcurrencies, amounts = append(wcurrencies, string(w.Currency)), append(amounts, int64(w.Amount))
		}
	}
	// The subjects' rows are locked in one order, so that two writers never wait for each other.
	if _, err := tx.Exec(ctx, `
		SELECT 1 FROM payout_clocks c WHERE c.book_id = $1 AND c.subject = ANY ($2::text[]) ORDER BY c.subject, c.act FOR UPDATE`, book.ID, subjects); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM payout_clocks c
		 USING unnest($2::text[], $3::bigint[]) AS k (subject, sequence)
		 WHERE c.book_id = $1 AND c.subject = k.subject AND c.sequence <= k.sequence
		   AND NOT EXISTS (SELECT FROM unnest($4::text[], $5::text[]) AS x (subject, act) WHERE x.subject = c.subject AND x.act = c.act)`,
		book.ID, subjects, sequences, cs, acts); err != nil {
		return err
	}
	if len(cs) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO payout_clocks AS c (book_id, subject, act, due_at, gates, look_at, sequence, tries, why)
		SELECT $1, k.subject, k.act, k.due_at, string_to_array(k.gates, ','), k.look_at, k.sequence, k.tries, k.why
		  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::bigint[], $8::integer[], $9::text[])
		    AS k (subject, act, due_at, gates, look_at, sequence, tries, why)
		    ON CONFLICT ON CONSTRAINT payout_clocks_pkey DO UPDATE
		   SET due_at = excluded.due_at, gates = excluded.gates, sequence = excluded.sequence,
		       tries = CASE WHEN c.sequence < excluded.sequence OR excluded.tries > 0 THEN excluded.tries ELSE c.tries END,
		       why = CASE WHEN c.sequence < excluded.sequence OR excluded.tries > 0 THEN excluded.why ELSE c.why END,
		       look_at = CASE WHEN c.sequence < excluded.sequence OR c.tries = 0 THEN excluded.look_at
		                      WHEN c.look_at IS NULL OR excluded.look_at IS NULL THEN NULL
		                      ELSE greatest(c.look_at, excluded.look_at) END
		 WHERE c.sequence <= excluded.sequence`, book.ID, cs, acts, dues, gates, looks, cseq, tries, whys); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		DELETE FROM payout_waits w
		 USING unnest($2::text[], $3::bigint[]) AS k (subject, sequence), payout_clocks c
		 WHERE w.book_id = $1 AND w.subject = k.subject AND c.book_id = $1 AND c.subject = w.subject AND c.act = w.act AND c.sequence = k.sequence`,
		book.ID, subjects, sequences); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO payout_waits (book_id, kind, payee, currency, subject, act, amount, due_at)
		SELECT $1, k.kind, k.payee, k.currency, k.subject, k.act, sum(k.amount)::bigint, c.due_at
		  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) AS k (kind, payee, currency, subject, act, amount)
		  JOIN unnest($8::text[], $9::bigint[]) AS r (subject, sequence) ON r.subject = k.subject
		  JOIN payout_clocks c ON c.book_id = $1 AND c.subject = k.subject AND c.act = k.act AND c.sequence = r.sequence
		 GROUP BY k.kind, k.payee, k.currency, k.subject, k.act, c.due_at`,
		book.ID, wkinds, wpayees, wcurrencies, ws, wacts, amounts, subjects, sequences)
	return err
}

// cursorTx reads how far a reader has come and keeps others from going on until the transaction ends.
func (s *Service) cursorTx(ctx context.Context, tx pgx.Tx, book ledger.Book, name string) (sequence int64, err error) {
	if _, err := tx.Exec(ctx, `INSERT INTO payout_cursors (book_id, name, sequence) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING`, book.ID, name); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `SELECT c.sequence FROM payout_cursors c WHERE c.book_id = $1 AND c.name = $2 FOR UPDATE`, book.ID, name).Scan(&sequence)
	return sequence, err
}

// cursor reads how far a reader has come.
func (s *Service) cursor(ctx context.Context, book ledger.Book, name string) (sequence int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(c.sequence), 0) FROM payout_cursors c WHERE c.book_id = $1 AND c.name = $2`, book.ID, name).Scan(&sequence)
	return sequence, err
}

func (s *Service) moveCursorTx(ctx context.Context, tx pgx.Tx, book ledger.Book, name string, to int64) error {
	_, err := tx.Exec(ctx, `UPDATE payout_cursors SET sequence = $3 WHERE book_id = $1 AND name = $2`, book.ID, name, to)
	return err
}

// dropClocksTx forgets a page of clocks and reports whether there are more.
func (s *Service) dropClocksTx(ctx context.Context, tx pgx.Tx, book ledger.Book, limit int) (more bool, err error) {
	tag, err := tx.Exec(ctx, `
		DELETE FROM payout_clocks c
		 USING (SELECT x.subject, x.act FROM payout_clocks x WHERE x.book_id = $1 ORDER BY x.subject, x.act LIMIT $2 FOR UPDATE) k
		 WHERE c.book_id = $1 AND c.subject = k.subject AND c.act = k.act`, book.ID, limit)
	return tag.RowsAffected() == int64(limit), err
}

const clockColumns = `c.subject, c.act, c.due_at, c.gates, c.look_at, c.tries, c.why, c.sequence`

func scanClock(row pgx.CollectableRow) (c Clock, err error) {
	var due, look *time.Time
	err = row.Scan(&c.Subject, &c.Act, &due, &c.Gates, &look, &c.Tries, &c.Why, &c.Sequence)
	c.DueAt, c.LookAt = timeOf(due), timeOf(look)
	return c, err
}

// dueClocks are the clocks of some acts that are to be looked at, the earliest first.
func (s *Service) dueClocks(ctx context.Context, book ledger.Book, acts []string, now time.Time, limit int) ([]Clock, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+clockColumns+`
		  FROM payout_clocks c
		 WHERE c.book_id = $1 AND c.look_at <= $2 AND c.act = ANY ($3::text[])
		 ORDER BY c.look_at, c.subject, c.act
		 LIMIT $4`, book.ID, now, acts, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanClock)
}

// failedTx notes tries that failed: when each is tried next, nothing for never. A clock that has had news since is let alone.
func (s *Service) failedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, list []Clock) error {
	slices.SortFunc(list, func(a, b Clock) int { return strings.Compare(a.Subject+" "+a.Act, b.Subject+" "+b.Act) })
	for _, c := range list {
		if _, err := tx.Exec(ctx, `
			UPDATE payout_clocks SET tries = $4, why = $5, look_at = $6 WHERE book_id = $1 AND subject = $2 AND act = $3 AND sequence = $7`,
			book.ID, c.Subject, c.Act, c.Tries, c.Why, nullTime(c.LookAt), c.Sequence); err != nil {
			return err
		}
	}
	return nil
}

// listClocks are the clocks whose time has come before a moment, after a place in their order.
func (s *Service) listClocks(ctx context.Context, book ledger.Book, until, afterAt time.Time, afterSubject, afterAct string, gated, parked bool, limit int) ([]Clock, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+clockColumns+`
		  FROM payout_clocks c
		 WHERE c.book_id = $1 AND c.due_at <= $2 AND (c.due_at, c.subject, c.act) > ($3, $4, $5)
		   AND (NOT $6 OR cardinality(c.gates) > 0) AND (NOT $7 OR c.tries >= $8)
		 ORDER BY c.due_at, c.subject, c.act
		 LIMIT $9`, book.ID, until, afterAt, afterSubject, afterAct, gated, parked, maxTries, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanClock)
}

// anewTx forgets what was tried of a subject's clocks.
func (s *Service) anewTx(ctx context.Context, tx pgx.Tx, book ledger.Book, subject string, now time.Time) ([]Clock, error) {
	rows, err := tx.Query(ctx, `SELECT `+clockColumns+` FROM payout_clocks c WHERE c.book_id = $1 AND c.subject = $2 ORDER BY c.act FOR UPDATE`, book.ID, subject)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanClock)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Tries, list[i].Why, list[i].LookAt = 0, "", anewAt(book, list[i], now)
	}
	return list, s.failedTx(ctx, tx, book, slices.Clone(list))
}

// Large sellers have a million orders that wait, so a page is read along an index of just this order.
const sqlWaitsAfter = `
		SELECT w.kind, w.payee, w.currency, w.subject, w.act, w.amount, w.due_at, c.gated
		  FROM payout_waits w
		 CROSS JOIN LATERAL (SELECT cardinality(x.gates) > 0 OR x.due_at IS NOT NULL AND x.look_at IS NULL AS gated FROM payout_clocks x
		                      WHERE x.book_id = $1 AND x.subject = w.subject AND x.act = w.act LIMIT 1) c
		 WHERE w.book_id = $1 AND w.kind = ANY ($2::text[]) AND w.payee = $3
		   AND (coalesce(w.due_at, 'infinity'), w.subject, w.act, w.kind, w.currency) > ($4::timestamptz, $5, $6, $7, $8)
		 ORDER BY coalesce(w.due_at, 'infinity'), w.subject, w.act, w.kind, w.currency
		 LIMIT $9`

// waitsAfter is a page of what waits for a payee, the earliest first and what has no time yet last.
func (s *Service) waitsAfter(ctx context.Context, book ledger.Book, kinds []string, payee string, after Wait, limit int) ([]Wait, error) {
	rows, err := s.pool.Query(ctx, sqlWaitsAfter, book.ID, kinds, payee, waitPlace(after), after.Subject, after.Act, after.Kind, string(after.Currency), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Wait, err error) {
		var due *time.Time
		err = row.Scan(&w.Kind, &w.ID, &w.Currency, &w.Subject, &w.Act, &w.Amount, &due, &w.Gated)
		w.DueAt = timeOf(due)
		return w, err
	})
}

// waitPlace is where a wait stands in the order of times, as the database writes it.
func waitPlace(w Wait) string {
	switch {
	case w.Subject == "":
		return "-infinity"
	case w.DueAt.IsZero():
		return "infinity"
	}
	return w.DueAt.UTC().Format(time.RFC3339Nano)
}

// ordersWithReserve are the orders whose reserve a seller has in a currency, those that end first before the others.
func (s *Service) ordersWithReserve(ctx context.Context, book ledger.Book, h Holder, limit int) ([]Wait, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT w.subject, w.amount
		  FROM payout_waits w
		 WHERE w.book_id = $1 AND w.kind = $2 AND w.payee = $3 AND w.currency = $4 AND w.act = 'reserve' AND w.amount > 0 AND w.due_at IS NOT NULL
		 ORDER BY w.due_at, w.subject
		 LIMIT $5`, book.ID, h.Kind, h.ID, string(h.Currency), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Wait, err error) {
		w.Holder = h
		err = row.Scan(&w.Subject, &w.Amount)
		return w, err
	})
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
