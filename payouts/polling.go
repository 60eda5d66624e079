package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// Polling finds what was never announced. It reads the processor's own entries over a window that overlaps the last one,
// since they can appear late, and has every payout looked at that they concern.

const (
	// pollWindow is how far back the processor's entries are read again.
	pollWindow = 48 * time.Hour
	// pollMost is how far back they are read at most, after nobody has read them for long.
	pollMost = 35 * 24 * time.Hour
	// pollRest is how much longer the last window may be, so that the usual turn has one.
	pollRest = 12 * time.Hour
	// pollSlices bounds the pieces that a window is cut into when it has too many entries for one listing.
	pollSlices = 64
	// pollCursor begins the name under which it is kept how far a rail's entries were compared.
	pollCursor = "polled_"
)

// Poll compares what the rails booked since the last time, and in the days before, with the payouts: what costs were taken,
// what came back that nobody here asked for, and what moved without a notice.
func (s *Service) Poll(ctx context.Context, t Turn) (Report, error) {
	n := newTally()
	var posted int64
	for _, name := range s.railNames() {
		costs, err := s.pollRail(ctx, t, s.rail(t.Book, name), n)
		posted += costs
		if err != nil {
			return Report{}, err
		}
	}
	// Whatever is due is looked at even if its own work has not come to it.
	for _, state := range []string{Unknown, AtAccount, Submitted, Paid} {
		if err := s.carryDue(ctx, t, state, statesFollowed, n); err != nil {
			return Report{}, err
		}
	}
	r, err := n.report("compared")
	if posted > 0 {
		r.Text += fmt.Sprintf(" %d costs booked.", posted)
	}
	return r, err
}

// pollRail compares a rail's entries window by window, the oldest first. How far it has come is kept after each, so that a
// long absence is made up for even in several turns. A window with too many entries does not keep the later ones back, but
// it is read again.
func (s *Service) pollRail(ctx context.Context, t Turn, r Rail, n *tally) (posted int64, err error) {
	now := s.now()
	from, err := s.polledFrom(ctx, t.Book, r, now)
	if err != nil {
		return 0, err
	}
	var tooMany error
	for last := false; !last; from = from.Add(pollWindow) {
		until := from.Add(pollWindow)
		if last = !until.Add(pollRest).Before(now); last {
			until = now.Add(time.Minute)
		}
		costs, err := s.pollBetween(ctx, t, r, from, until, n)
		posted += costs
		switch {
		case errors.Is(err, processor.ErrTooMany):
			if tooMany == nil {
				tooMany = err
			}
			continue
		case err != nil:
			return posted, err
		case tooMany != nil:
			continue
		case last:
			until = now
		}
		if err := s.polledUntil(ctx, t, r, until); err != nil {
			return posted, err
		}
	}
	return posted, tooMany
}

// polledFrom is where comparing begins: some days before the last time it came through, and before now.
func (s *Service) polledFrom(ctx context.Context, book ledger.Book, r Rail, now time.Time) (time.Time, error) {
	seconds, err := s.cursor(ctx, book, pollCursor+r.Name)
	if err != nil {
		return time.Time{}, err
	}
	now = now.Truncate(time.Second)
	from, earliest := now.Add(-pollWindow), now.Add(-pollMost)
	if before := time.Unix(seconds, 0).UTC().Add(-pollWindow); before.Before(from) {
		from = before
	}
	if from.Before(earliest) {
		from = earliest
	}
	return from, nil
}

// pollBetween compares what a rail booked in a window.
func (s *Service) pollBetween(ctx context.Context, t Turn, r Rail, from, until time.Time, n *tally) (posted int64, err error) {
	entries, err := s.entriesBetween(ctx, r, from, until, pollSlices)
	if err != nil {
		return 0, err
	}
	ids, posted, err := s.sift(ctx, t, r, entries)
	if err != nil {
		return posted, err
	}
	if err := s.findTakenBack(ctx, t, r, from, until); err != nil {
		return posted, err
	}
	if err := s.nudge(ctx, t.Book, ids); err != nil {
		return posted, err
	}
	s.carryAll(ctx, t, ids, statesFollowed, n)
	return posted, nil
}

// entriesBetween reads all entries of a window, in halves if they are too many for one listing.
func (s *Service) entriesBetween(ctx context.Context, r Rail, from, until time.Time, slices int) ([]processor.Entry, error) {
	all, err := asked(ctx, s, r, func(d processor.Driver) ([]processor.Entry, error) {
		return d.ListEntries(ctx, "", processor.Window{From: from, Until: until})
	})
	half := until.Sub(from) / 2
	if !errors.Is(err, processor.ErrTooMany) || slices < 2 || half < time.Second {
		return all, err
	}
	middle := from.Add(half).Truncate(time.Second)
	late, err := s.entriesBetween(ctx, r, middle, until, slices/2)
	if err != nil {
		return nil, err
	}
	early, err := s.entriesBetween(ctx, r, from, middle, slices/2)
	return append(late, early...), err
}

// sift takes out of entries what concerns payouts of the book: it books costs, and returns the payouts to look at.
func (s *Service) sift(ctx context.Context, t Turn, r Rail, entries []processor.Entry) (ids []string, posted int64, err error) {
	bySource := map[string][]processor.Entry{}
	var sources []string
	for _, e := range entries {
		if e.Source != "" {
			if bySource[e.Source] == nil {
				sources = append(sources, e.Source)
			}
			bySource[e.Source] = append(bySource[e.Source], e)
		}
	}
	for len(sources) > 0 {
		page := sources[:min(1000, len(sources))]
		sources = sources[len(page):]
		known, err := s.knownSources(ctx, t.Book, page)
		if err != nil {
			return nil, posted, err
		}
		for _, k := range known {
			for _, e := range bySource[k.source] {
				n, look, err := s.siftOne(ctx, t, r, k, e)
				if err != nil {
					return nil, posted, err
				}
				posted += n
				if look {
					ids = append(ids, k.payout)
				}
			}
		}
	}
	return unique(ids), posted, nil
}

// known is a source of entries that is a payout's.
type known struct {
	source, payout, state string
	amount                money.Minor
	currency              money.Currency
	// transfer says that it is the payout's transfer, outgoing that it is or was its way to the bank.
	transfer, outgoing bool
	// returned says that this way has ended: the money came back, or left again by another one.
	returned bool
}

// errCostRefused means that the books do not take the cost of a payout.
var errCostRefused = errors.New("payouts: the cost of a payout cannot be booked")

// siftOne deals with one entry. An entry of a payout's transfer of another amount than the payout's is an alarm.
func (s *Service) siftOne(ctx context.Context, t Turn, r Rail, k known, e processor.Entry) (posted int64, look bool, err error) {
	switch {
	case k.transfer && (e.Amount != -k.amount || e.Currency != k.currency):
		s.log.Error("the processor's entry of a payout has another amount; a person has to look at it", "payout", k.payout, "entry", e.ID)
		return 0, true, nil
	case k.outgoing && e.Net < 0 || k.outgoing && e.Net > 0 && (k.state == Failed || k.returned):
		done, err := s.bookCost(ctx, t, r, k.payout, e)
		if done {
			posted = 1
		}
		if errors.Is(err, errCostRefused) { // as in a currency that the book does not use; the entries after it do not wait
			s.log.Error("what the processor took for a payout or gave back cannot be booked; a person has to book it",
				"payout", k.payout, "entry", e.ID, "code", fault.CodeOf(err))
			err = nil
		}
		return posted, false, err
	case k.outgoing:
		return 0, true, nil
	}
	return 0, k.state == Unknown || k.state == Sending, nil
}

// takenBackMost bounds the transfers that are read because somebody took money of them back.
const takenBackMost = 200

// findTakenBack tells people about transfers of payouts from which somebody else has taken money back, as at the
// processor's own desk. Nothing is booked of that: only people know what it was for.
func (s *Service) findTakenBack(ctx context.Context, t Turn, r Rail, from, until time.Time) error {
	notices, err := asked(ctx, s, r, func(d processor.Driver) ([]processor.Notice, error) {
		return d.ListNotices(ctx, "", processor.Window{From: from, Until: until})
	})
	if err != nil {
		if errors.Is(err, processor.ErrTooMany) {
			return nil // each payout is looked at by itself as well
		}
		return err
	}
	var transfers []string
	for _, m := range notices {
		if m.Type == "transfer.reversed" && len(transfers) < takenBackMost {
			transfers = append(transfers, m.Object)
		}
	}
	ours, err := s.pulledBackOf(ctx, t.Book, unique(transfers))
	if err != nil {
		return err
	}
	for _, o := range ours {
		transfer, err := asked(ctx, s, r, func(d processor.Driver) (processor.Transfer, error) { return d.ReadTransfer(ctx, o.transfer) })
		if err != nil {
			return err
		}
		if transfer.Reversed != o.pulled && !o.open {
			s.log.Error("money of a payout's transfer was taken back, but not by this service; a person has to look at it", "payout", o.payout, "object", o.transfer)
		}
	}
	return nil
}

// pulled is how much of a payout's transfer came back as far as is known here.
type pulled struct {
	payout, transfer string
	pulled           money.Minor
	// open says that more is being taken back at this moment.
	open bool
}
