package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
)

// Sessions in the database.

const (
	sqlInsertSession = `
INSERT INTO sessions (digest, kind, holder, book, started_at, seen_at, ends_at, address)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7)`

	// Whatever ends all sessions of a person is judged here too, so that it holds wherever the session is used next.
	sqlFindSession = `
SELECT s.kind, s.holder, s.book, s.started_at, s.seen_at, s.ends_at,
	s.ended_at IS NOT NULL OR s.kind = 'person' AND (p.id IS NULL OR p.deactivated_at IS NOT NULL OR s.started_at < p.sessions_from)
FROM sessions s LEFT JOIN people p ON s.kind = 'person' AND p.id = s.holder
WHERE s.digest = $1`

	sqlSeeSession = `UPDATE sessions SET seen_at = greatest(seen_at, $2) WHERE digest = $1 AND ended_at IS NULL`

	sqlEndSession = `UPDATE sessions SET ended_at = $2 WHERE digest = $1 AND ended_at IS NULL AND ends_at > $2
RETURNING kind, holder, book`

	sqlEndSessions = `UPDATE sessions SET ended_at = $4 WHERE kind = $1 AND holder = $2 AND book = $3 AND ended_at IS NULL`

	sqlEndOldest = `
UPDATE sessions SET ended_at = $4 WHERE digest IN (
	SELECT digest FROM sessions
	WHERE kind = $1 AND holder = $2 AND book = $3 AND ended_at IS NULL AND ends_at > $4 AND digest <> $5
	ORDER BY started_at DESC, digest OFFSET $6)`

	sqlSweepSessions = `
DELETE FROM sessions WHERE digest IN (
	SELECT digest FROM sessions WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED)`

	sqlSessionsFrom = `UPDATE people SET sessions_from = greatest(sessions_from, $2) WHERE id = $1`
)

// beginTx begins a session of a holder that the caller has locked, not before the time from. The caller records it.
func (s *Service) beginTx(ctx context.Context, tx pgx.Tx, h holder, from time.Time, address string) (bearer string, session seenSession, err error) {
	now := s.instant()
	started := now
	if started.Before(from) {
		// The clock of another replica ended the sessions of before.
		started = from
	}
	idle, lifetime := h.limits()
	bearer, digest := drawToken(sessionPrefix)
	session.StartedAt, session.EndsAt, session.idleAt = started, started.Add(lifetime), started.Add(idle)
	_, err = tx.Exec(ctx, sqlInsertSession, digest[:], h.kind.String(), h.id, h.book.Code, started, session.EndsAt, whereFrom(address))
	if err != nil {
		return "", seenSession{}, err
	}
	if _, err := tx.Exec(ctx, sqlEndOldest, h.kind.String(), h.id, h.book.Code, now, digest[:], maxSessions-1); err != nil {
		return "", seenSession{}, err
	}
	if _, err := tx.Exec(ctx, sqlSweepSessions, now, sweepAtMost); err != nil {
		return "", seenSession{}, err
	}
	if h.kind == Person {
		if session.Principal, session.rolesAt, err = staffPrincipal(ctx, tx, h.id, now); err != nil {
			return "", seenSession{}, err
		}
	}
	return bearer, session, nil
}

// begunTx records that a session was begun, and how its holder signed in.
func (s *Service) begunTx(ctx context.Context, tx pgx.Tx, h holder, address, requestID, how string) error {
	after := struct {
		By string `json:"by"`
	}{how}
	d := guard.Deed{Actor: h.actor(address, requestID), Book: h.book, Act: "session.begun", Object: h.object()}
	return s.recordTx(ctx, tx, d, nil, after)
}

// Session returns whom the token of a session belongs to, and notes that it was seen. It returns ErrUnauthenticated.
func (s *Service) Session(ctx context.Context, bearer string) (Session, error) {
	digest, ok := digestToken(sessionPrefix, bearer)
	if !ok {
		return Session{}, ErrUnauthenticated
	}
	now := s.now()
	seen, ok := s.sessions.recall(digest, now)
	if !ok || !seen.rolesAt.IsZero() && !now.Before(seen.rolesAt) {
		var err error
		if seen, err = s.readSession(ctx, digest, now); err != nil {
			return Session{}, unavailable(err)
		}
		s.sessions.remember(digest, seen, now)
	}
	if !seen.current(now) {
		return Session{}, ErrUnauthenticated
	}
	return seen.Session, nil
}

// readSession asks the database whose session it is and what they may do.
func (s *Service) readSession(ctx context.Context, digest [sha256.Size]byte, now time.Time) (seen seenSession, err error) {
	var kind, book string
	var h holder
	var seenAt time.Time
	var over bool
	err = s.pool.QueryRow(ctx, sqlFindSession, digest[:]).Scan(&kind, &h.id, &book, &seen.StartedAt, &seenAt, &seen.EndsAt, &over)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && over {
		return seenSession{}, ErrUnauthenticated
	}
	if err != nil {
		return seenSession{}, err
	}
	h.kind = kindOf(kind)
	idle, _ := h.limits()
	seen.StartedAt, seen.EndsAt, seen.idleAt = seen.StartedAt.UTC(), seen.EndsAt.UTC(), seenAt.UTC().Add(idle)
	if !seen.current(now) {
		return seenSession{}, ErrUnauthenticated
	}
	if now.Sub(seenAt) >= seenEvery {
		if _, err := s.pool.Exec(ctx, sqlSeeSession, digest[:], now.UTC()); err != nil {
			return seenSession{}, err
		}
		seen.idleAt = now.UTC().Add(idle)
	}
	if h.kind == Payee {
		seen.Principal, err = s.payeePrincipal(ctx, book, h.id)
	} else {
		seen.Principal, seen.rolesAt, err = staffPrincipal(ctx, s.pool, h.id, now)
	}
	return seen, err
}

func kindOf(name string) Kind {
	if name == guard.Payee {
		return Payee
	}
	return Person
}

// payeePrincipal is the payee with the minors it is the guardian of.
func (s *Service) payeePrincipal(ctx context.Context, book, payee string) (Principal, error) {
	p := Principal{Kind: Payee, ID: payee, Books: []string{book}, Payees: []string{payee}}
	if s.opts.Guardians == nil {
		return p, nil
	}
	minors, err := s.opts.Guardians(ctx, book, payee)
	p.Payees = append(p.Payees, minors...)
	return p, err
}

// SignOut ends a session for good. One that is over already is left as it is.
func (s *Service) SignOut(ctx context.Context, bearer, address, requestID string) error {
	digest, ok := digestToken(sessionPrefix, bearer)
	if !ok {
		return nil
	}
	err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		var kind string
		var h holder
		err := tx.QueryRow(ctx, sqlEndSession, digest[:], s.instant()).Scan(&kind, &h.id, &h.book.Code)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		h.kind = kindOf(kind)
		if h.kind == Payee {
			if h.book.ID, err = bookNumber(ctx, tx, h.book.Code); err != nil {
				return err
			}
		}
		d := guard.Deed{Actor: h.actor(address, requestID), Book: h.book, Act: "session.ended", Object: h.object()}
		return s.recordTx(ctx, tx, d, nil, nil)
	})
	s.sessions.forget()
	return unavailable(err)
}

// EndSessions ends every session of a person or, if book is not empty, of a payee of the book, and voids the links that
// would begin another. It returns ErrPersonUnknown, ErrBookHidden, or ErrPayeeHidden for what no payee is called.
func (s *Service) EndSessions(ctx context.Context, by guard.Actor, holder, book, why string) error {
	err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error { return s.EndSessionsTx(ctx, tx, by, holder, book, why) })
	s.sessions.forget()
	return unavailable(err)
}

// EndSessionsTx is EndSessions inside the caller's transaction: they are over within a second of the commit.
func (s *Service) EndSessionsTx(ctx context.Context, tx pgx.Tx, by guard.Actor, id, book, why string) error {
	h := holder{kind: Person, id: id}
	if book == "" {
		if _, err := findPerson(ctx, tx, sqlLockPerson, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSessionsFrom, id, s.instant()); err != nil {
			return err
		}
	} else {
		number, err := bookNumber(ctx, tx, book)
		if err != nil {
			return err
		}
		if h = (holder{kind: Payee, id: id, book: guard.Book{ID: number, Code: book}}); !payeeID(id) {
			return ErrPayeeHidden
		}
		if _, err := s.lockHolderTx(ctx, tx, h); err != nil {
			return err
		}
	}
	ended, err := s.endSessionsTx(ctx, tx, h)
	if err != nil {
		return err
	}
	before := struct {
		Sessions int64 `json:"sessions"`
	}{ended}
	return s.recordTx(ctx, tx, guard.Deed{Actor: by, Book: h.book, Act: "sessions.ended", Object: h.object(), Why: why}, before, nil)
}

// endSessionsTx ends the sessions and links of a holder that the caller has locked, and returns how many sessions.
func (s *Service) endSessionsTx(ctx context.Context, tx pgx.Tx, h holder) (int64, error) {
	tag, err := tx.Exec(ctx, sqlEndSessions, h.kind.String(), h.id, h.book.Code, s.instant())
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, sqlVoidLinks, h.kind.String(), h.id, h.book.Code)
	return tag.RowsAffected(), err
}
