package access

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
)

// People, their roles, sessions and links in the database.

// AddPerson adds somebody of the staff, without any role. It returns ErrPersonInvalid, ErrPersonExists, or the vault's
// errors.
func (s *Service) AddPerson(ctx context.Context, by guard.Actor, n NewPerson) (Staff, error) {
	return Staff{}, errors.New("not built")
}

// People returns up to limit persons after the id, in order of their ids.
func (s *Service) People(ctx context.Context, after string, limit int) ([]Staff, error) {
	return nil, errors.New("not built")
}

// Person returns a person with all roles that were ever granted. It returns ErrPersonUnknown.
func (s *Service) Person(ctx context.Context, id string) (Staff, error) {
	return Staff{}, errors.New("not built")
}

// Deactivate ends all that a person may do: sessions, tokens, and the keys they answer for. It returns ErrPersonUnknown.
func (s *Service) Deactivate(ctx context.Context, by guard.Actor, id, why string) (Staff, error) {
	return Staff{}, errors.New("not built")
}

// EndSessions ends every session of a person or, if book is not empty, of a payee of the book.
func (s *Service) EndSessions(ctx context.Context, by guard.Actor, holder, book, why string) error {
	return errors.New("not built")
}

// GrantTx gives a person a role: for an approval that was agreed to, or for an operator. It returns ErrPersonInvalid or
// ErrPersonUnknown.
func (s *Service) GrantTx(ctx context.Context, tx pgx.Tx, by guard.Actor, n NewGrant, approval string) (HeldGrant, error) {
	return HeldGrant{}, errors.New("not built")
}

// RevokeGrant takes a role away; nobody has to agree to that. It returns ErrPersonUnknown or ErrGrantUnknown.
func (s *Service) RevokeGrant(ctx context.Context, by guard.Actor, person, grant, why string) error {
	return errors.New("not built")
}

// Acts returns the acts of this package that need a second person: "people.grant" with a NewGrant, and "key.grant" with a
// GrantedKey. A key that was granted has a secret that nobody knows; its owner gets one by rotating it.
func (s *Service) Acts() []guard.Act { return nil }

// PersonLink makes a link's token that signs the person in once. It returns ErrPersonUnknown.
func (s *Service) PersonLink(ctx context.Context, by guard.Actor, person string) (token string, expires time.Time, err error) {
	return "", time.Time{}, errors.New("not built")
}

// PayeeLink makes a link's token that signs the payee of the book in once. Who the payee is must have been checked.
func (s *Service) PayeeLink(ctx context.Context, by guard.Actor, book guard.Book, payee string) (token string, expires time.Time, err error) {
	return "", time.Time{}, errors.New("not built")
}

// RedeemLink spends a link and begins a session. It returns ErrLinkSpent or ErrTooMany.
func (s *Service) RedeemLink(ctx context.Context, token, address, requestID string) (bearer string, session Session, err error) {
	return "", Session{}, errors.New("not built")
}

// SignIn begins a session for an identity that an issuer vouches for. The first time it is recognised by its verified
// address of mail. It returns ErrSignIn.
func (s *Service) SignIn(ctx context.Context, who Identity, address, requestID string) (bearer string, session Session, err error) {
	return "", Session{}, errors.New("not built")
}

// Session returns whom the token of a session belongs to, and notes that it was seen. It returns ErrUnauthenticated.
func (s *Service) Session(ctx context.Context, bearer string) (Session, error) {
	return Session{}, errors.New("not built")
}

// SignOut ends a session for good.
func (s *Service) SignOut(ctx context.Context, bearer, address, requestID string) error {
	return errors.New("not built")
}
