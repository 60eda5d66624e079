package reconcile

import (
	"context"
	"errors"

	"mizan/payouts"
)

// What follows a run: own money that a statement shows is booked as landed, what differences ask for is posted, and breaks whose
// money left suspense are ended. The run is recorded by then, and stays so whatever becomes of this.

// FollowedUp counts what followed a run.
type FollowedUp struct {
	// Landed is how many transfers of own money were booked as landed.
	Landed int
	Settled
	// CameOut are the breaks that followed what business events moved in suspense.
	CameOut CameOut
}

// FollowUp does what the newest run of a source asks for. Own money is landed before anything is put into suspense. It can be called
// again at any time: nothing is posted twice, and what an error left undone is done by the next call. All of it is tried, and the
// errors are joined.
func (s *Service) FollowUp(ctx context.Context, turn payouts.Turn, source Source) (out FollowedUp, err error) {
	if source.Kind == KindChannel { // what differs there is for people alone
		return out, nil
	}
	if source.Kind == KindBank {
		landings, failed := s.Land(ctx, turn, turn.Book, source)
		out.Landed = landings.Landed
		if failed != nil { // what may still land is not put into suspense
			out.CameOut, err = s.Clear(ctx, turn, turn.Book)
			return out, errors.Join(failed, err)
		}
	}
	settled, failed := s.Settle(ctx, turn, turn.Book, source)
	out.Settled = settled
	out.CameOut, err = s.Clear(ctx, turn, turn.Book)
	return out, errors.Join(failed, err)
}
