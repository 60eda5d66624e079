package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts"
	"mizan/payouts/reconcile/evidence"
)

var errRoundFenced = errors.New("another process has taken the period over")

// nightly is a round's turn of the day, as a job has it.
func (h *evidenceHouse) nightly(job string, start time.Time) payouts.Turn {
	return payouts.Turn{Book: h.book, Start: start, End: start.AddDate(0, 0, 1), Check: func(context.Context, pgx.Tx) error { return nil },
		Actor: guard.Actor{Kind: guard.System, ID: job}}
}

// rounds has a round done, and wants its text to hold the words.
func (h *evidenceHouse) rounds(do func(context.Context, payouts.Turn) (payouts.Report, error), t payouts.Turn, words ...string) payouts.Report {
	h.Helper()
	r, err := do(h.Context(), t)
	h.ok(err)
	for _, w := range words {
		if !strings.Contains(r.Text, w) {
			h.Errorf("the round says %q, without %q", r.Text, w)
		}
	}
	return r
}

// runsOf are all runs of the book, the oldest first.
func (h *evidenceHouse) runsOf(want int) []Run {
	h.Helper()
	list, err := h.Runs(h.Context(), h.book, RunQuery{Limit: 100})
	h.ok(err)
	if len(list) != want {
		h.Fatalf("%d runs instead of %d: %+v", len(list), want, list)
	}
	slices.SortFunc(list, func(a, b Run) int { // runs of one instant are listed in no order of theirs
		return cmp.Or(a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.Number, b.Number))
	})
	return list
}

// TestRoundOnce: a period has one run, whatever is tried again; the days that were missed are in the next one; and people's own
// periods are runs of their own.
func TestRoundOnce(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	_, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{})
	h.ok(err)
	h.charge(3000, 65, 48*time.Hour)
	first := h.nightly("reconcile_processors", h.clock.Now())
	h.rounds(h.RoundProcessors, first, "main: 1 new lines")
	h.rounds(h.RoundProcessors, first, "main: compared already")
	h.rounds(h.another(h.db.Pool).RoundProcessors, first, "main: compared already")
	h.charge(500, 10, 48*time.Hour)
	h.rounds(h.RoundProcessors, first, "compared already") // what came since waits for its night
	h.clock.Advance(5 * 24 * time.Hour)
	h.charge(700, 20, 48*time.Hour)
	h.clock.Advance(time.Hour)
	next := h.nightly("reconcile_processors", h.clock.Now())
	h.rounds(h.RoundProcessors, next, "main: 2 new lines")
	asked := next
	asked.Extra = true
	h.rounds(h.RoundProcessors, asked, "main: 0 new lines")
	runs := h.runsOf(3)
	for i, r := range runs {
		if r.Number != int64(i+1) || r.Match != R1 || r.StartedBy != "reconcile_processors" || i > 0 && (r.FromLine != runs[i-1].ToLine || r.FromSequence != runs[i-1].ToSequence) {
			t.Errorf("%+v", r)
		}
		result, err := h.Replay(t.Context(), h.book, r.ID)
		if err != nil || !result.Same {
			t.Errorf("again: %+v, %v", result, err)
		}
	}
	if runs[1].Trigger != "scheduled" || runs[2].Trigger != "manual" || runs[1].ToLine != 3 {
		t.Errorf("%+v", runs)
	}
	newest, err := h.NewestRuns(t.Context(), h.book)
	if err != nil || len(newest) != 1 || newest[0].Number != 3 || newest[0].Run != runs[2].ID || newest[0].Kind != KindProcessor || newest[0].Lines != 3 || newest[0].ToLine != 3 {
		t.Errorf("%+v, %v", newest, err)
	}
}

// TestRoundGoesOn: what one round cannot fetch is not compared, or what was not fetched yet would be missing at the processor. The round
// fails then, so that its period is tried again: the next tries fetch the rest, and then all is compared at once.
func TestRoundGoesOn(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	_, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{})
	h.ok(err)
	const days = 14
	for range days {
		id := h.charge(3000, 65, 48*time.Hour)
		h.ok(h.books.Post(t.Context(), h.book, ledger.Submission{Reference: id, Drafts: []ledger.Draft{{Event: "test.moved", OccurredAt: h.clock.Now(), Lines: []ledger.Line{
			{Account: "assets:processor:pending:main", Amount: 3000, Currency: "EUR", ExternalRef: id}, {Account: "revenue:transaction_fee", Amount: -3000, Currency: "EUR"}}}}}).Err)
		h.clock.Advance(24 * time.Hour)
	}
	h.pullLists, h.roundPulls = 4, 2 // of 48 hours each, of which the first were read before: 35 days and 14 take more
	rounds, night := 0, h.nightly("reconcile_processors", h.clock.Now())
	for ; rounds < 10; rounds++ {
		_, err := h.RoundProcessors(t.Context(), night)
		if !errors.Is(err, ErrFetchUnfinished) {
			h.ok(err)
			break
		}
		h.runsOf(0)
	}
	h.runsOf(1)
	if n := h.count(`SELECT count(*) FROM recon_breaks WHERE class IN ('timing', 'missing_at_processor')`); n != 0 || rounds < 2 {
		t.Errorf("%d charges are missing at the processor after %d rounds", n, rounds)
	}
}

// TestRoundWithoutSources: a book that nobody set up is not looked at, and a round of another book finds nothing of this one.
func TestRoundWithoutSources(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	at := h.clock.Now()
	h.rounds(h.RoundProcessors, h.nightly("reconcile_processors", at), "nothing to compare")
	h.rounds(h.RoundBanks, h.nightly("reconcile_banks", at), "nothing to compare")
	h.rounds(h.RoundStatements, h.nightly("reconcile_statements", at), "nothing to compare")
	h.rounds(h.RoundInside, h.nightly("reconcile_inside", at), "nothing is posted")
	h.runsOf(0)
	if sources, err := h.Sources(t.Context(), h.book); err != nil || len(sources) != 0 {
		t.Errorf("%+v, %v", sources, err)
	}
}

// TestRoundFenced: a round that another process has taken over, or that was ended, records no run. The same period then has its run.
func TestRoundFenced(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	_, err := h.SetSource(t.Context(), evidenceAnn, h.book, KindProcessor, "main", Settings{})
	h.ok(err)
	h.charge(3000, 65, 48*time.Hour)
	turn := h.nightly("reconcile_processors", h.clock.Now())
	gone := turn
	gone.Check = func(context.Context, pgx.Tx) error { return errRoundFenced }
	if _, err := h.RoundProcessors(t.Context(), gone); !errors.Is(err, errRoundFenced) {
		t.Errorf("fenced: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.RoundProcessors(ended, turn); err == nil {
		t.Error("a round that was ended says that it is done")
	}
	h.runsOf(0)
	h.rounds(h.RoundProcessors, turn, "main: 1 new lines")
	h.runsOf(1)
}

// TestRoundStatements: a bank account is compared soon after a statement came, once, and each night.
func TestRoundStatements(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.bank(evidence.CAMT053, nil)
	often := func() payouts.Turn { return h.nightly("reconcile_statements", h.clock.Now()) }
	h.rounds(h.RoundStatements, often(), "nothing to compare")
	h.taken(statement(2, 2, 10000, 1234, -500))
	h.rounds(h.RoundStatements, often(), "main: 2 new lines")
	h.clock.Advance(5 * time.Minute)
	h.rounds(h.RoundStatements, often(), "nothing to compare")
	h.taken(statement(2, 2, 10000, 1234, -500)) // the same file again
	h.rounds(h.RoundStatements, often(), "nothing to compare")
	h.rounds(h.RoundBanks, h.nightly("reconcile_banks", h.clock.Now()), "main: 0 new lines")
	h.runsOf(2)
}

// TestRoundThatPeopleOvertake: if people decide again and again while a round compares, no run is recorded, and the round says so: its
// period is not done. The next try has its run. If somebody else's run took all there was, the period is done.
func TestRoundThatPeopleOvertake(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	h.bank(evidence.CAMT053, nil)
	h.taken(statement(2, 2, 10000, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5))
	h.rounds(h.RoundBanks, h.nightly("reconcile_banks", h.clock.Now()), "main: 10 new lines")
	h.clock.Advance(24 * time.Hour)
	asked := 0
	turn := h.nightly("reconcile_banks", h.clock.Now())
	turn.Check = func(ctx context.Context, _ pgx.Tx) error {
		if asked++; asked > mostDecided {
			return nil
		}
		_, err := h.db.Pool.Exec(ctx, `UPDATE recon_items SET open_until = 2, how = 'confirmed' 
			WHERE (side, a) IN (SELECT side, a FROM recon_items WHERE open_until IS NULL ORDER BY a LIMIT 2)`)
		return err
	}
	if r, err := h.RoundBanks(t.Context(), turn); !errors.Is(err, ErrRunOvertaken) || asked != mostDecided {
		t.Errorf("after %d tries the round says %q, %v", asked, r.Text, err)
	}
	h.runsOf(1)
	h.rounds(h.RoundBanks, turn, "main: 0 new lines")
	h.runsOf(2)
	h.clock.Advance(24 * time.Hour)
	asked, turn = 0, h.nightly("reconcile_banks", h.clock.Now())
	turn.Check = func(ctx context.Context, _ pgx.Tx) error {
		if asked++; asked > 1 {
			return nil
		}
		_, err := h.another(h.db.Pool).Compare(ctx, payouts.Turn{Book: h.book}, Asked{Match: R2, Source: h.runsOf(2)[0].Source})
		return err
	}
	h.rounds(h.RoundBanks, turn, textOvertaken)
	x := h.runsOf(3)[2]
	for _, c := range []struct {
		before head
		stays  bool
	}{{head{run: 2, known: 10}, false}, {head{run: 2, known: 11}, true}, {head{run: 3, known: 10}, true}} {
		if err := h.overtaken(t.Context(), h.book, R2, x.Source, c.before, ErrRunOvertaken); (err != nil) != c.stays {
			t.Errorf("%+v: %v", c.before, err)
		}
	}
}
