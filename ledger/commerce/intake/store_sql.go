package intake

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// The inbound messages and the descriptions of sources in the database.

const messageColumns = `id, source, message_id, topic, origin, sha256, received_at, state, reason, detail, about, reference, attempts, conflicts,
       coalesce(next_attempt, '0001-01-01T00:00:00Z')`

const (
	sqlInsertMessage = `
INSERT INTO inbound_messages (book_id, source, message_id, topic, origin, sha256, body, received_at, state, about, next_attempt)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'received', $9, $8)
    ON CONFLICT (book_id, source, message_id) DO NOTHING
RETURNING id`

	sqlFindSame = `SELECT sha256 = $4 AND topic = $5 FROM inbound_messages WHERE book_id = $1 AND source = $2 AND message_id = $3`

	sqlCountConflict = `UPDATE inbound_messages SET conflicts = conflicts + 1 WHERE book_id = $1 AND source = $2 AND message_id = $3`

	// A claim is a lease: who claimed and ended without a word is followed by another when it is over.
	sqlClaim = `
UPDATE inbound_messages m SET next_attempt = $2, attempts = m.attempts + 1
  FROM (SELECT book_id, id FROM inbound_messages WHERE next_attempt <= $1
         ORDER BY next_attempt, id LIMIT $3 FOR UPDATE SKIP LOCKED) due
  JOIN books b ON b.id = due.book_id
 WHERE m.book_id = due.book_id AND m.id = due.id
RETURNING b.code, m.id, m.source, m.message_id, m.topic, m.origin, m.sha256, m.received_at, m.state, m.reason, m.detail, m.about, m.reference, m.attempts,
       m.conflicts, m.next_attempt, m.body`

	sqlSettle = `
UPDATE inbound_messages SET state = $3, reason = $4, detail = $5, reference = $6, next_attempt = $7 WHERE book_id = $1 AND id = $2 AND state <> 'applied'`

	// Whoever waits for an order is tried again as soon as its own message is done; so is whoever was ignored with it, because
	// an order that was ignored can be tried again and applied. That about is not empty is said for the index, which a plan
	// that is made for any value uses only then.
	sqlWake = `
UPDATE inbound_messages SET next_attempt = $4, attempts = 0
 WHERE book_id = $1 AND source = $2 AND about = $3 AND about <> ''
   AND (state = 'parked' AND reason = 'predecessor-missing' OR state = 'ignored' AND reason = 'order-ignored')`

	sqlOrderIgnored = `
SELECT EXISTS (SELECT FROM inbound_messages WHERE book_id = $1 AND source = $2 AND about = $3 AND about <> '' AND topic = $4 AND state = 'ignored')
   AND NOT EXISTS (SELECT FROM inbound_messages WHERE book_id = $1 AND source = $2 AND about = $3 AND about <> '' AND topic = $4 AND state <> 'ignored')`

	sqlRetry = `
UPDATE inbound_messages SET next_attempt = $3, attempts = 0 WHERE book_id = $1 AND id = $2 AND state <> 'applied'`

	sqlMessage = `SELECT ` + messageColumns + `, body FROM inbound_messages WHERE book_id = $1 AND id = $2`

	sqlMessages = `SELECT ` + messageColumns + ` FROM inbound_messages
 WHERE book_id = $1 AND id > $2 AND ($3 = '' OR source = $3) ORDER BY id LIMIT $4`

	// A statement of its own, because one plan for both would read every message to find the few that are parked.
	sqlMessagesOf = `SELECT ` + messageColumns + ` FROM inbound_messages
 WHERE book_id = $1 AND id > $2 AND ($3 = '' OR source = $3) AND state = $5 ORDER BY id LIMIT $4`

	sqlAddSource = `
INSERT INTO import_sources (book_id, source, version, recorded_at, content)
SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4 FROM import_sources WHERE book_id = $1 AND source = $2
    ON CONFLICT DO NOTHING`

	sqlLatestSource = `SELECT content, version FROM import_sources WHERE book_id = $1 AND source = $2 ORDER BY version DESC LIMIT 1`
)

type store struct{ pool *postgres.Pool }

// insert stores a message durably. fresh is false if one of its id was stored before; same then says whether it was this.
func (s store) insert(ctx context.Context, book ledger.BookID, m *Message) (fresh, same bool, err error) {
	err = s.pool.QueryRow(ctx, sqlInsertMessage, book, m.Source, m.MessageID, m.Topic, m.Origin, m.SHA256[:], m.Body, m.ReceivedAt, m.About).Scan(&m.ID)
	if err == nil {
		return true, true, nil
	}
	if err != pgx.ErrNoRows {
		return false, false, err
	}
	if err = s.pool.QueryRow(ctx, sqlFindSame, book, m.Source, m.MessageID, m.SHA256[:], m.Topic).Scan(&same); err != nil || same {
		return false, same, err
	}
	_, err = s.pool.Exec(ctx, sqlCountConflict, book, m.Source, m.MessageID)
	return false, false, err
}

// claimed is a message with its book's code.
type claimed struct {
	book string
	Message
}

// claim takes messages that are due, until the lease ends.
func (s store) claim(ctx context.Context, now, lease time.Time, limit int) ([]claimed, error) {
	rows, err := s.pool.Query(ctx, sqlClaim, now, lease, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c claimed, err error) {
		err = c.scan(row, []any{&c.book}, &c.Body)
		return c, err
	})
}

// scan reads a message with columns before and after its own.
func (m *Message) scan(row pgx.CollectableRow, before []any, after ...any) error {
	var sum []byte
	columns := append(before, &m.ID, &m.Source, &m.MessageID, &m.Topic, &m.Origin, &sum, &m.ReceivedAt, &m.State, &m.Reason, &m.Detail, &m.About,
		&m.Reference, &m.Attempts, &m.Conflicts, &m.NextAttempt)
	err := row.Scan(append(columns, after...)...)
	copy(m.SHA256[:], sum)
	if m.NextAttempt.Year() == 1 {
		m.NextAttempt = time.Time{}
	}
	return err
}

// settle notes what became of a message. A zero next attempt means none.
func (s store) settle(ctx context.Context, book ledger.BookID, m *Message) error {
	var next *time.Time
	if !m.NextAttempt.IsZero() {
		next = &m.NextAttempt
	}
	_, err := s.pool.Exec(ctx, sqlSettle, book, m.ID, m.State, m.Reason, m.Detail, m.Reference, next)
	return err
}

func (s store) wake(ctx context.Context, book ledger.BookID, m *Message, now time.Time) error {
	_, err := s.pool.Exec(ctx, sqlWake, book, m.Source, m.About, now)
	return err
}

func (s store) orderIgnored(ctx context.Context, book ledger.BookID, m *Message) (yes bool, err error) {
	err = s.pool.QueryRow(ctx, sqlOrderIgnored, book, m.Source, m.About, topicPaid).Scan(&yes)
	return yes, err
}

func (s store) message(ctx context.Context, book ledger.BookID, id int64) (m Message, err error) {
	rows, err := s.pool.Query(ctx, sqlMessage, book, id)
	if err != nil {
		return m, err
	}
	m, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (m Message, err error) {
		err = m.scan(row, nil, &m.Body)
		return m, err
	})
	if err == pgx.ErrNoRows {
		return m, ErrMessageUnknown
	}
	return m, err
}

func (s store) messages(ctx context.Context, book ledger.BookID, q Query) ([]Message, error) {
	sql, args := sqlMessages, []any{book, q.After, q.Source, q.Limit}
	if q.State != "" {
		sql, args = sqlMessagesOf, append(args, string(q.State))
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Message, err error) {
		err = m.scan(row, nil)
		return m, err
	})
}

func (s store) source(ctx context.Context, book ledger.BookID, name string) (content []byte, version int, err error) {
	err = s.pool.QueryRow(ctx, sqlLatestSource, book, name).Scan(&content, &version)
	if err == pgx.ErrNoRows {
		return nil, 0, ErrSourceUnknown
	}
	return content, version, err
}

func (s store) addSource(ctx context.Context, tx pgx.Tx, book ledger.BookID, name string, now time.Time, content []byte) (added bool, err error) {
	tag, err := tx.Exec(ctx, sqlAddSource, book, name, now, content)
	return err == nil && tag.RowsAffected() == 1, err
}

func digest(body []byte) [32]byte { return sha256.Sum256(body) }
