package access

import (
	"context"
	"errors"
	"time"

	"mizan/ledger/guard"
)

var errStub = errors.New("not built")

func (s *Service) ListFor(ctx context.Context, p Principal) ([]Key, error) { return s.List(ctx) }
func (s *Service) RotateFor(ctx context.Context, p Principal, by guard.Actor, id string, overlap time.Duration) (Key, string, error) {
	return Key{}, "", errStub
}
func (s *Service) RevokeFor(ctx context.Context, p Principal, by guard.Actor, id, why string) error {
	return errStub
}
func (s *Service) Grant(ctx context.Context, by guard.Actor, n NewGrant) (HeldGrant, error) {
	return HeldGrant{}, errStub
}
