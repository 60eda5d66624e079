package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/failpoint"
	"mizan/ledger/postgres"
)

// Planning a run: deciding about everybody with a balance at the cut-off or now, page by page, and creating the payouts.
// Whoever is paid is decided about once more while the book is locked, and that decision is the one that is kept. A run that
// was interrupted goes on where it stopped, and two replicas at once come out as one: the run's row is locked by each
// transaction, and nobody has two decisions in a run.

const (
	// planPage is how many holders are considered at once.
	planPage = 1_000
	// planChunk bounds the payouts that are created while the book is locked.
	planChunk = 250
)

// errRunOver means that somebody else has finished the planning.
var errRunOver = errors.New("payouts: the run is planned")

// Plan is the job: it carries on what is open, and then plans the run of the period. Done again for the same period it finds
// the run and changes nothing. A period beside the schedule, which one person may ask for, begins no run: what is begun by hand
// waits for a second person (StartRun).
func (s *Service) Plan(ctx context.Context, t Turn) (Report, error) {
	carried, err := s.carryOn(ctx, t, true)
	if err != nil {
		return Report{}, err
	}
	if t.Extra {
		return Report{Text: carried.Text + "; a run beside the schedule is begun by hand, and waits for a second person", Items: carried.Items}, nil
	}
	run, policy, err := s.beginScheduled(ctx, t)
	if errors.Is(err, ErrPolicyMissing) && s.nobody(ctx, t.Book) {
		return Report{Text: "nobody has a balance, and no payout policy holds"}, nil
	}
	if err != nil {
		return Report{}, err
	}
	if run.State == RunPlanning {
		if run, err = s.plan(ctx, t, run, policy); err != nil {
			return Report{}, err
		}
	}
	return run.report(), nil
}

// nobody reports whether surely nobody has a balance.
func (s *Service) nobody(ctx context.Context, book ledger.Book) bool {
	list, err := s.walk(book, 0, "").next(ctx, 1)
	return err == nil && len(list) == 0
}

// report is what a run came to.
func (r Run) report() Report {
	return Report{Text: fmt.Sprintf("%s: %d decided, %d paid, %d skipped, %s", r.ID, r.Decided, r.Paid, r.Skipped, r.State), Items: r.Decided}
}

// CarryOn goes on with runs that were begun by hand, releases the payouts of runs that were released, and cancels those of
// runs that were refused. The runs of the schedule are Plan's: two at once would do the same work twice.
func (s *Service) CarryOn(ctx context.Context, t Turn) (Report, error) {
	return s.carryOn(ctx, t, false)
}

func (s *Service) carryOn(ctx context.Context, t Turn, scheduled bool) (Report, error) {
	runs, err := s.openRuns(ctx, t.Book)
	if err != nil {
		return Report{}, err
	}
	var done int64
	for _, run := range runs {
		done++
		switch {
		case run.State == RunReleased:
			err = s.releaseRest(ctx, t, run)
		case run.State == RunRefused:
			err = s.cancelRest(ctx, t, run)
		case run.State == RunPlanning && (run.Trigger == TriggerManual || scheduled && run.Trigger == TriggerScheduled):
			var policy *Policy
			if policy, err = s.PolicyAt(ctx, t.Book, run.since()); err == nil {
				_, err = s.plan(ctx, t, run, policy)
			}
		default:
			done--
		}
		if err != nil {
			return Report{}, err
		}
	}
	return Report{Text: fmt.Sprintf("%d runs carried on", done), Items: done}, nil
}

// since is the moment whose policy holds for a run.
func (r Run) since() time.Time {
	if r.Period.IsZero() {
		return r.CreatedAt
	}
	return r.Period
}

// beginScheduled finds or begins the run of the period.
func (s *Service) beginScheduled(ctx context.Context, t Turn) (run Run, p *Policy, err error) {
	if p, err = s.PolicyAt(ctx, t.Book, t.Start); err != nil {
		return Run{}, nil, err
	}
	cutOff, err := p.CutoffOn(p.LocalDate(t.Start))
	if err != nil {
		return Run{}, nil, err
	}
	at, err := s.sequenceBefore(ctx, t.Book, cutOff)
	if err != nil {
		return Run{}, nil, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		fresh := Run{ID: newID("run"), Trigger: TriggerScheduled, Period: t.Start.UTC(), CutOff: cutOff, AtSequence: at, StartedBy: actorName(t.Actor), CreatedAt: s.now()}
		if fresh.StartedBy == "" {
			fresh.StartedBy = "system"
		}
		if _, err := addRunTx(ctx, tx, t.Book, fresh); err != nil {
			return err
		}
		run, err = oneRun(ctx, tx, sqlRunOfPeriod, t.Book.ID, t.Start)
		if errors.Is(err, ErrRunUnknown) {
			return ErrRunBusy
		}
		return err
	})
	return run, p, err
}

// plan decides about everybody after the place that the run has come to.
func (s *Service) plan(ctx context.Context, t Turn, run Run, p *Policy) (Run, error) {
	w, o := s.walk(t.Book, run.AtSequence, run.walked), occasionOf(run, p)
	for {
		list, err := w.next(ctx, planPage)
		if err != nil {
			return Run{}, err
		}
		if len(list) > 0 {
			err = s.planPage(ctx, t, o, list)
		} else {
			err = s.endPlanning(ctx, t, &run, p)
		}
		if errors.Is(err, errRunOver) || err == nil && len(list) == 0 {
			return s.Run(ctx, t.Book, run.ID)
		}
		if err != nil {
			return Run{}, err
		}
	}
}

// planPage decides about a page of holders: first about those who seem to be paid, in chunks with the book locked, then
// about the others at once.
func (s *Service) planPage(ctx context.Context, t Turn, o occasion, list []holding) error {
	if err := s.addTransit(ctx, t.Book, list, o.run.AtSequence); err != nil {
		return err
	}
	considered, err := s.consider(ctx, t.Book, o, list)
	if err != nil {
		return err
	}
	var skip, chunk []candidate
	parts := 0
	for _, c := range considered {
		if c.decision.Verdict == VerdictSkip {
			skip = append(skip, c)
			continue
		}
		if len(chunk) > 0 && parts+len(c.decision.Parts) > planChunk {
			if err := s.payChunk(ctx, t, o, chunk); err != nil {
				return err
			}
			chunk, parts = nil, 0
		}
		chunk, parts = append(chunk, c), parts+len(c.decision.Parts)
	}
	if len(chunk) > 0 {
		if err := s.payChunk(ctx, t, o, chunk); err != nil {
			return err
		}
	}
	return s.inRun(ctx, t, o.run.ID, func(tx pgx.Tx) error {
		left, err := undecidedTx(ctx, tx, t.Book, o.run.ID, skip)
		if err != nil {
			return err
		}
		if err := keepDecisionsTx(ctx, tx, t.Book, o.run.ID, left); err != nil {
			return err
		}
		return countTx(ctx, tx, t.Book, o.run.ID, 0, len(left), list[len(list)-1].place(), nil)
	})
}

// inRun runs fn in a transaction that has locked the run, which must still be in planning: errRunOver otherwise.
func (s *Service) inRun(ctx context.Context, t Turn, id string, fn func(tx pgx.Tx) error) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		now, err := oneRun(ctx, tx, sqlLockRun, t.Book.ID, id)
		if err != nil {
			return err
		}
		if now.State != RunPlanning {
			return errRunOver
		}
		return fn(tx)
	})
}

// payChunk decides about holders with the book locked, and creates their payouts.
func (s *Service) payChunk(ctx context.Context, t Turn, o occasion, chunk []candidate) error {
	err := s.inRun(ctx, t, o.run.ID, func(tx pgx.Tx) error {
		left, err := undecidedTx(ctx, tx, t.Book, o.run.ID, chunk)
		if err != nil || len(left) == 0 {
			return err
		}
		decided, created, err := s.payTx(ctx, tx, t.Book, o, left, nil)
		if err != nil {
			return err
		}
		paid := countPaid(decided)
		err = countTx(ctx, tx, t.Book, o.run.ID, paid, len(decided)-paid, "", created)
		failpoint.Here(failpoint.PagePlanning)
		return err
	})
	failpoint.Here(failpoint.PagePlanned)
	return err
}

// countPaid counts the decisions to pay.
func countPaid(list []candidate) (paid int) {
	for i := range list {
		if list[i].decision.Verdict == VerdictPay {
			paid++
		}
	}
	return paid
}

// payTx locks the book, reads everything again, decides, keeps the decisions, and creates the payouts.
func (s *Service) payTx(ctx context.Context, tx pgx.Tx, book ledger.Book, o occasion, list []candidate, retry *Payout) ([]candidate, []Payout, error) {
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return nil, nil, err
	}
	holders := make([]Holder, len(list))
	for i := range list {
		holders[i] = list[i].Holder
	}
	inside := postgres.Within(ctx, tx)
	held, err := s.holdingsOf(inside, book, holders, o.run.AtSequence)
	if err != nil {
		return nil, nil, err
	}
	decided, err := s.consider(inside, book, o, held)
	if err != nil {
		return nil, nil, err
	}
	if err := keepDecisionsTx(ctx, tx, book, o.run.ID, decided); err != nil {
		return nil, nil, err
	}
	var orders []order
	for i := range decided {
		if decided[i].decision.Verdict == VerdictPay {
			orders = append(orders, ordersOf(&decided[i], o.method, retry)...)
		}
	}
	if len(orders) == 0 {
		return decided, nil, nil
	}
	created, err := s.createTx(ctx, tx, o.run.StartedBy, book, o.run.ID, orders)
	return decided, created, err
}

// endPlanning ends the planning of a run.
func (s *Service) endPlanning(ctx context.Context, t Turn, run *Run, p *Policy) error {
	return s.inRun(ctx, t, run.ID, func(tx pgx.Tx) error { return s.endPlanningTx(ctx, tx, t.Book, run, p) })
}

// factsNowTx reads the facts of one payee in a transaction.
func (s *Service) factsNowTx(ctx context.Context, tx pgx.Tx, book ledger.Book, payee PayeeKey) (facts, error) {
	found, err := s.factsOf(postgres.Within(ctx, tx), book, []PayeeKey{payee}, s.now())
	return found[payee], err
}
