package access

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
)

// Links that sign somebody in once, in the database.

const (
	sqlInsertLink = `
INSERT INTO sign_in_links (digest, kind, holder, book, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`

	sqlVoidLinks = `DELETE FROM sign_in_links WHERE kind = $1 AND holder = $2 AND book = $3 AND used_at IS NULL`

	sqlVoidOldest = `
DELETE FROM sign_in_links WHERE digest IN (
	SELECT digest FROM sign_in_links
	WHERE kind = $1 AND holder = $2 AND book = $3 AND used_at IS NULL AND digest <> $4
	ORDER BY created_at DESC, digest OFFSET $5)`

	sqlSweepLinks = `
DELETE FROM sign_in_links WHERE digest IN (
	SELECT digest FROM sign_in_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`

	sqlFindLink = `SELECT kind, holder, book FROM sign_in_links WHERE digest = $1 AND used_at IS NULL AND expires_at > $2`

	// One of many who use it at once finds it unused.
	sqlSpendLink = `UPDATE sign_in_links SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND expires_at > $2`
)

var payeePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// payeeID reports whether id may be the id of a payee.
func payeeID(id string) bool { return len(id) <= maxHolder && payeePattern.MatchString(id) }

// PersonLink makes a link's token that signs the person in once. It returns ErrPersonUnknown, also for one who was
// deactivated.
func (s *Service) PersonLink(ctx context.Context, by guard.Actor, person string) (token string, expires time.Time, err error) {
	return s.link(ctx, by, holder{kind: Person, id: person})
}

// PayeeLink makes a link's token that signs the payee of the book in once. Who the payee is must have been checked. It
// returns ErrPayeeHidden for what no payee is called.
func (s *Service) PayeeLink(ctx context.Context, by guard.Actor, book guard.Book, payee string) (token string, expires time.Time, err error) {
	if !payeeID(payee) || book.Code == "" {
		return "", time.Time{}, ErrPayeeHidden
	}
	return s.link(ctx, by, holder{kind: Payee, id: payee, book: book})
}

func (s *Service) link(ctx context.Context, by guard.Actor, h holder) (token string, expires time.Time, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		token, expires, err = s.linkTx(ctx, tx, by, h)
		return err
	})
	if err != nil {
		return "", time.Time{}, unavailable(err)
	}
	return token, expires, nil
}

func (s *Service) linkTx(ctx context.Context, tx pgx.Tx, by guard.Actor, h holder) (token string, expires time.Time, err error) {
	if _, err := s.lockHolderTx(ctx, tx, h); err != nil {
		return "", time.Time{}, err
	}
	now := s.instant()
	expires = now.Add(LinkLifetime)
	token, digest := drawToken(linkPrefix)
	if _, err := tx.Exec(ctx, sqlInsertLink, digest[:], h.kind.String(), h.id, h.book.Code, now, by.ID, expires); err != nil {
		return "", time.Time{}, err
	}
	if _, err := tx.Exec(ctx, sqlVoidOldest, h.kind.String(), h.id, h.book.Code, digest[:], maxLinks-1); err != nil {
		return "", time.Time{}, err
	}
	if _, err := tx.Exec(ctx, sqlSweepLinks, now, sweepAtMost); err != nil {
		return "", time.Time{}, err
	}
	after := struct {
		ExpiresAt time.Time `json:"expires_at"`
	}{expires}
	return token, expires, s.recordTx(ctx, tx, guard.Deed{Actor: by, Book: h.book, Act: "link.made", Object: h.object()}, nil, after)
}

// lockHolderTx locks the holder of sessions and links, and returns from when on their sessions are good. Payees have no row of
// their own here; the trail of their book, which tells of it anyway, is locked instead. It returns ErrPersonUnknown, also for
// a person who was deactivated.
func (s *Service) lockHolderTx(ctx context.Context, tx pgx.Tx, h holder) (from time.Time, err error) {
	if h.kind == Payee {
		return time.Time{}, s.trail.LockTx(ctx, tx, h.book)
	}
	row, err := findPerson(ctx, tx, sqlLockPerson, h.id)
	if err == nil && !row.deactivatedAt.IsZero() {
		err = ErrPersonUnknown
	}
	return row.validAt, err
}

// RedeemLink spends a link and begins a session. It returns ErrLinkSpent, or ErrTooMany to an address that tries one after
// the other.
func (s *Service) RedeemLink(ctx context.Context, token, address, requestID string) (bearer string, session Session, err error) {
	var begun seenSession
	var h holder
	digest, ok := digestToken(linkPrefix, token)
	if ok {
		err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
			bearer, begun, h, err = s.redeemTx(ctx, tx, digest[:], address, requestID)
			return err
		})
	}
	if !ok || errors.Is(err, ErrLinkSpent) {
		if s.attempts.address(s.now(), address) {
			return "", Session{}, ErrTooMany
		}
		return "", Session{}, ErrLinkSpent
	}
	if err != nil {
		return "", Session{}, unavailable(err)
	}
	if h.kind == Payee {
		// The link is spent: that the minors cannot be read just now must not leave the payee without a session.
		if begun.Principal, err = s.payeePrincipal(ctx, h.book.Code, h.id); err != nil {
			begun.Principal.Payees = []string{h.id}
		}
	}
	return bearer, begun.Session, nil
}

// redeemTx locks the holder before it spends the link, in the order of those who end the holder's sessions and links.
func (s *Service) redeemTx(ctx context.Context, tx pgx.Tx, digest []byte, address, requestID string) (bearer string, begun seenSession, h holder, err error) {
	var kind string
	now := s.instant()
	err = tx.QueryRow(ctx, sqlFindLink, digest, now).Scan(&kind, &h.id, &h.book.Code)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrLinkSpent
	}
	if err != nil {
		return "", seenSession{}, h, err
	}
	if h.kind = kindOf(kind); h.kind == Payee {
		if h.book.ID, err = bookNumber(ctx, tx, h.book.Code); err != nil {
			return "", seenSession{}, h, err
		}
	}
	from, err := s.lockHolderTx(ctx, tx, h)
	if errors.Is(err, ErrPersonUnknown) {
		err = ErrLinkSpent
	}
	if err != nil {
		return "", seenSession{}, h, err
	}
	tag, err := tx.Exec(ctx, sqlSpendLink, digest, now)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrLinkSpent
	}
	if err != nil {
		return "", seenSession{}, h, err
	}
	if bearer, begun, err = s.beginTx(ctx, tx, h, from, address); err != nil {
		return "", seenSession{}, h, err
	}
	d := guard.Deed{Actor: h.actor(address, requestID), Book: h.book, Act: "link.used", Object: h.object()}
	if err := s.recordTx(ctx, tx, d, nil, nil); err != nil {
		return "", seenSession{}, h, err
	}
	return bearer, begun, h, s.begunTx(ctx, tx, h, address, requestID, "link")
}
