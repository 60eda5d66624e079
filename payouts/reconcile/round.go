package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger/fault"
	"mizan/payouts"
)

// A round is what is reconciled by itself: evidence is fetched where it can be, each source is compared, what its differences ask
// for is posted, and what business events took out of suspense since is cleared.
//
// A round stands for all the days on which there was none. A run takes every line and every entry after the run before it, by number
// and sequence, whatever day they are of; a run for a day that was missed could only take what is known now and say that it is of
// then. So there is one run, its cut-off is the present, and it names what it took: no line and no entry is left out between two runs.
//
// A round can be repeated after it ended anywhere. A source whose run of this period is recorded is not compared again, and nothing is
// posted twice. One source that fails keeps no other one from being compared; the round fails then, and is tried again.

// roundPulls bounds the pulls of one source in one round. The next round goes on.
const roundPulls = 50

// ErrFetchUnfinished means that a processor has more than one round fetches.
var ErrFetchUnfinished = fault.New(fault.Unavailable, "recon-fetch-unfinished", "The processor has more than one round fetches, so nothing was compared. What was fetched is kept, and the next try goes on. "+
	"Wait for it, or run the job again.")

// textOvertaken is said of a period in which somebody else's run took what the round's would have.
const textOvertaken = "compared by somebody else meanwhile"

// RoundProcessors pulls what is new at the processors of a book and compares it (R1). Sources are set up before: a book without any
// costs nothing.
func (s *Service) RoundProcessors(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	return s.round(ctx, t, KindProcessor, nil)
}

// RoundBanks compares the bank accounts of a book (R2), and books own money as landed that a statement shows for certain.
func (s *Service) RoundBanks(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	return s.round(ctx, t, KindBank, nil)
}

// RoundChannels compares the settlements of a book's channels with what was accrued for them (R4). The source of a channel whose
// settlements are imported is set up here if nobody did.
func (s *Service) RoundChannels(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	if err := s.setUpChannels(ctx, t); err != nil {
		return payouts.Report{}, err
	}
	return s.round(ctx, t, KindChannel, nil)
}

// RoundStatements compares those bank accounts of a book of which a statement came since they were compared.
func (s *Service) RoundStatements(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	newest, err := s.NewestRuns(ctx, t.Book)
	if err != nil {
		return payouts.Report{}, err
	}
	return s.round(ctx, t, KindBank, func(x Source) (bool, error) {
		_, last, _, err := s.Known(ctx, t.Book, x)
		if errors.Is(err, ErrSourceUnknown) { // nothing was taken yet
			return false, nil
		}
		compared := slices.ContainsFunc(newest, func(n Newest) bool { return n.Match == R2 && n.Source == x.ID && n.ToLine >= last })
		return last > 0 && !compared, err
	})
}

// RoundInside holds a book against itself (R3). A book in which nothing was ever posted needs nobody to look at it.
func (s *Service) RoundInside(ctx context.Context, t payouts.Turn) (payouts.Report, error) {
	head, err := s.ledger.Head(ctx, t.Book)
	if err != nil {
		return payouts.Report{}, err
	}
	if head.LastSequence == 0 {
		return payouts.Report{Text: "nothing is posted in the book"}, nil
	}
	if ran, err := s.ranIn(ctx, t, R3, 0); err != nil || ran {
		return payouts.Report{Text: "compared already"}, err
	}
	before, err := s.headOf(ctx, t.Book, R3, 0)
	if err != nil {
		return payouts.Report{}, err
	}
	run, err := s.CompareInside(ctx, t, t.Book)
	if err != nil {
		return payouts.Report{Text: textOvertaken}, s.overtaken(ctx, t.Book, R3, 0, before, err)
	}
	return payouts.Report{Text: fmt.Sprintf("run %s held the book against itself: %d differences", run.ID, run.Found), Items: run.Matched}, nil
}

// round goes through the sources of a kind that are due; nil for all.
func (s *Service) round(ctx context.Context, t payouts.Turn, kind Kind, due func(Source) (bool, error)) (payouts.Report, error) {
	sources, err := s.Sources(ctx, t.Book)
	if err != nil {
		return payouts.Report{}, err
	}
	var told []string
	var r payouts.Report
	var failed error
	for _, x := range sources {
		if x.Kind != kind {
			continue
		}
		if due != nil {
			if is, err := due(x); err != nil || !is {
				failed = errors.Join(failed, err)
				continue
			}
		}
		text, matched, err := s.roundOf(ctx, t, x)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		failed = errors.Join(failed, err)
		if err == nil {
			told, r.Items = append(told, x.Name+": "+text), r.Items+matched
		}
	}
	if len(told) == 0 {
		told = []string{"nothing to compare"}
	}
	r.Text = strings.Join(told, "; ")
	return r, failed
}

// roundOf does one source: it says what came of it, and how many lines and entries agree.
func (s *Service) roundOf(ctx context.Context, t payouts.Turn, x Source) (text string, matched int64, err error) {
	ran, err := s.ranIn(ctx, t, matchOf(x), x.ID)
	if err != nil {
		return "", 0, err
	}
	text = "compared already"
	all := ran
	var unfinished error
	if !ran {
		text = ""
		var gaps bool
		all, gaps, err = s.fetch(ctx, t, x)
		if errors.Is(err, ErrNoDriver) {
			return "no processor is connected", 0, nil
		}
		if err != nil {
			return "", 0, err
		}
		if gaps {
			text = "not complete, "
		}
		if !all {
			unfinished = ErrFetchUnfinished
		} else {
			said, n, err := s.compareInRound(ctx, t, x)
			if err != nil {
				return "", 0, err
			}
			text, matched = text+said, n
		}
	}
	done, err := s.FollowUp(ctx, t, x)
	if done.Landed > 0 {
		text += fmt.Sprintf(", %d landed", done.Landed)
	}
	if n := done.Suspended + done.TrueUps; n > 0 {
		text += fmt.Sprintf(", %d posted", n)
	}
	if done.Held > 0 {
		text += fmt.Sprintf(", %d left to people", done.Held)
	}
	if n := done.CameOut.Cleared + done.CameOut.Changed + done.CameOut.Reopened; n > 0 {
		text += fmt.Sprintf(", %d followed what business events moved in suspense", n)
	}
	if x.Kind == KindProcessor && all { // of lines that were fetched in part, some are missing of any payout
		differ, failed := s.AskPayoutLines(ctx, t, x)
		if errors.Is(failed, ErrNoDriver) {
			failed = nil
		}
		if err = errors.Join(err, failed); differ > 0 {
			text += fmt.Sprintf(", %d payouts are not the sum of their lines", differ)
		}
	}
	return text, matched, errors.Join(unfinished, err)
}

// compareInRound compares a source, and says what came of it. If somebody else compares the same meanwhile, that run is the period's.
func (s *Service) compareInRound(ctx context.Context, t payouts.Turn, x Source) (text string, matched int64, err error) {
	before, err := s.headOf(ctx, t.Book, matchOf(x), x.ID)
	if err != nil {
		return "", 0, err
	}
	run, err := s.CompareSource(ctx, t, x)
	if err != nil {
		return textOvertaken, 0, s.overtaken(ctx, t.Book, matchOf(x), x.ID, before, err)
	}
	return fmt.Sprintf("%d new lines, %d matched, %d open, %d differences", run.ToLine-run.FromLine, run.Matched, run.OpenItems, run.Found), run.Matched, nil
}

// CompareSource compares what is new of a source by the match of its kind, and records the run. Errors: as Compare.
func (s *Service) CompareSource(ctx context.Context, t payouts.Turn, x Source) (Run, error) {
	if x.Kind == KindChannel {
		return s.CompareChannel(ctx, t, t.Book, x.Name)
	}
	return s.Compare(ctx, t, Asked{Match: matchOf(x), Source: x.ID})
}

// fetch pulls all that is new at a processor, and says whether that was all, and whether its lines fall short of what it holds. What
// was not fetched would be missing at the processor, so a source is compared only when all is.
func (s *Service) fetch(ctx context.Context, t payouts.Turn, x Source) (all, gaps bool, err error) {
	if x.Kind != KindProcessor {
		return true, false, nil
	}
	for range s.roundPulls {
		p, err := s.Pull(ctx, t, x.Name)
		if err != nil {
			return false, false, err
		}
		if !p.More {
			return true, len(p.Gaps) > 0, nil
		}
	}
	return false, false, nil
}
