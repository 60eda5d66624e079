package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// quiet is a ledger that may log errors, because the test provokes them, and counts the batches it says it has committed.
func quiet(t *testing.T, db *pgtest.DB) (b *bundle, committed *atomic.Int32) {
	t.Helper()
	committed = new(atomic.Int32)
	l := open(t, db, ledger.Options{Log: slog.New(slog.DiscardHandler), OnBatch: func(ledger.BatchStats) { committed.Add(1) }})
	return &bundle{Ledger: l, db: db, book: makeBook(t, l, "uk"), t: t}, committed
}

// refuseCommits makes the database refuse the first commits that touch a book, at COMMIT and not before.
func refuseCommits(t *testing.T, owner *pgx.Conn, state string, times int) {
	t.Helper()
	exec(t, owner, `CREATE SEQUENCE commits`)
	exec(t, owner, fmt.Sprintf(`CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			IF nextval('public.commits') <= %d THEN RAISE EXCEPTION 'refused at commit' USING ERRCODE = '%s', CONSTRAINT = 'refuse_commit'; END IF;
			RETURN NULL;
		END $$`, times, state))
	exec(t, owner, `CREATE CONSTRAINT TRIGGER refuse_commit AFTER UPDATE ON books DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit()`)
}

// TestRefusedCommitIsNotAcknowledged lets everything succeed but COMMIT (peers 2, 5). What comes to nothing is answered
// as such and reported to nobody; what passes at a later attempt has one effect; what nobody can know is called unknown.
func TestRefusedCommitIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state string
		times int
		want  string // the code of the answer, "" for posted
	}{
		"passes at the third attempt":             {"40001", 2, ""},
		"never passes":                            {"40001", 99, "storage-unavailable"},
		"refused for what it holds":               {"23514", 99, "batch-failed"},
		"nobody knows, then it passes":            {"XX000", 2, ""},
		"nobody ever knows":                       {"XX000", 99, "outcome-unknown"},
		"the connection is said to be going away": {"57P01", 99, "outcome-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, committed := quiet(t, pgtest.New(t))
			owner := connect(t, b.db.OwnerURL)
			before := dump(t, b.db)
			refuseCommits(t, owner, c.state, c.times)
			out := b.Post(t.Context(), b.book, sale("A", "sel_a", 1000))
			if c.want == "" {
				if out.Err != nil || out.Replayed || out.Transactions[0].Sequence != 1 || committed.Load() != 1 {
					t.Fatalf("%+v, %d batches reported", out, committed.Load())
				}
				checkInvariants(t, b.db)
				return
			}
			if out.Err == nil || fault.CodeOf(out.Err) != c.want || committed.Load() != 0 {
				t.Errorf("got %v and %d batches reported, want %s and none", out.Err, committed.Load(), c.want)
			}
			if diff := cmp.Diff(before, dump(t, b.db)); diff != "" {
				t.Errorf("something was recorded all the same:\n%s", diff)
			}
			exec(t, owner, `DROP TRIGGER refuse_commit ON books`)
			if out := b.Post(t.Context(), b.book, sale("A", "sel_a", 1000)); out.Err != nil || out.Replayed || out.Transactions[0].Sequence != 1 {
				t.Errorf("the same request afterwards: %+v", out)
			}
			checkInvariants(t, b.db)
		})
	}
}

// TestOnePoisonedPostingStandsAlone has the database refuse one posting of a batch for a reason that the ledger does not
// know of. It alone fails, at once and for good; the others are recorded in order and without a gap.
func TestOnePoisonedPostingStandsAlone(t *testing.T) {
	t.Parallel()
	b, _ := quiet(t, pgtest.New(t))
	owner := connect(t, b.db.OwnerURL)
	exec(t, owner, `CREATE SEQUENCE tries`)
	exec(t, owner, `CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			PERFORM nextval('public.tries');
			RAISE EXCEPTION 'poisoned' USING ERRCODE = '23514', CONSTRAINT = 'poison';
		END $$`)
	exec(t, owner, `CREATE TRIGGER poison BEFORE INSERT ON transactions FOR EACH ROW WHEN (NEW.reference = 'P-4') EXECUTE FUNCTION poison()`)
	var batch []ledger.Submission
	for i := range 9 {
		batch = append(batch, sale(ref("P", i), fmt.Sprintf("sel_%d", i), 1000))
	}
	next := int64(0)
	for i, out := range b.PostBatch(t.Context(), b.book, batch) {
		if i == 4 {
			if fault.CodeOf(out.Err) != "batch-failed" {
				t.Errorf("the poisoned one: %+v", out)
			}
			continue
		}
		if next++; out.Err != nil || len(out.Transactions) != 1 || out.Transactions[0].Sequence != next || out.Transactions[0].Reference != ref("P", i) {
			t.Errorf("item %d: %+v, want sequence %d", i, out, next)
		}
	}
	var tries int
	if err := owner.QueryRow(t.Context(), `SELECT last_value FROM tries`).Scan(&tries); err != nil || tries > 5 {
		t.Errorf("the poisoned posting was tried %d times (%v), and halving nine takes five", tries, err)
	}
	checkInvariants(t, b.db)
}

// TestSessionThatForgetsRecordsNothing switches off the waiting for commits in a session that is in use.
func TestSessionThatForgetsRecordsNothing(t *testing.T) {
	t.Parallel()
	b, _ := quiet(t, pgtest.New(t, pgtest.MaxConns(1)))
	for _, c := range []struct {
		setting string
		want    error
	}{{"off", postgres.ErrNotDurable}, {"local", postgres.ErrNotDurable}, {"remote_write", postgres.ErrNotDurable}, {"on", nil}, {"remote_apply", nil}} {
		if _, err := b.db.Pool.Exec(t.Context(), `SET synchronous_commit = `+c.setting); err != nil {
			t.Fatal(err)
		}
		if out := b.Post(t.Context(), b.book, sale("S "+c.setting, "sel_a", 1000)); !errors.Is(out.Err, c.want) {
			t.Errorf("synchronous_commit = %s: %v, want %v", c.setting, out.Err, c.want)
		}
		err := b.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := b.PostTx(t.Context(), tx, b.book, []ledger.Submission{sale("T "+c.setting, "sel_a", 1000)})
			return err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("synchronous_commit = %s, in the caller's transaction: %v, want %v", c.setting, err, c.want)
		}
	}
}

// TestFloorsSeeOnlyWhatIsCommitted offers money that is never committed, and lets fifty writers on two replicas take from
// a reserve, some of whom change their minds (peers 2): exactly as many take as the committed money suffices for.
func TestFloorsSeeOnlyWhatIsCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.db, ledger.Options{})
	ctx := t.Context()
	undo := errors.New("the caller changed its mind")
	b.mustPost(t, hold("fund", "s", 200))
	waiting := make(chan ledger.Outcome, 1)
	err := b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := b.PostTx(ctx, tx, b.book, []ledger.Submission{hold("more", "s", 1000)}); err != nil {
			return err
		}
		go func() { waiting <- other.Post(ctx, b.book, release("too much", "s", 300)) }()
		super := connect(t, b.db.SuperURL)
		until(t, func() bool {
			var waits int
			err := super.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waits)
			return err == nil && waits > 0
		})
		return undo
	})
	if out := <-waiting; !errors.Is(err, undo) || !errors.Is(out.Err, ledger.ErrFloor) {
		t.Fatalf("taking what was never committed: %v (%v)", out.Err, err)
	}
	const writers, fickle = 50, 10
	results := make(chan error, writers)
	for w := range writers {
		go func() {
			l, s := []*ledger.Ledger{b.Ledger, other}[w%2], release(ref("take", w), "s", 10)
			if w >= 2*fickle {
				results <- l.Post(ctx, b.book, s).Err
				return
			}
			results <- b.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
				_, err := l.PostTx(ctx, tx, b.book, []ledger.Submission{s})
				if err == nil && w < fickle {
					err = undo
				}
				return err
			})
		}()
	}
	won := 0
	for range writers {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, ledger.ErrFloor) && !errors.Is(err, undo):
			t.Error(err)
		}
	}
	if won != 20 || b.balance(t, "liabilities:seller:reserve:s", "GBP") != 0 {
		t.Errorf("%d writers took 10 out of 200, and %d is left", won, b.balance(t, "liabilities:seller:reserve:s", "GBP"))
	}
	checkInvariants(t, b.db)
}

// TestLostHeadRefusesTheBatch moves the book's head behind the writer's back, as a lock that does not hold would: nothing
// of the batch is recorded.
func TestLostHeadRefusesTheBatch(t *testing.T) {
	t.Parallel()
	b, _ := quiet(t, pgtest.New(t))
	owner := connect(t, b.db.OwnerURL)
	exec(t, owner, `CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN UPDATE public.books SET last_sequence = last_sequence + 1; RETURN NULL; END $$`)
	exec(t, owner, `CREATE TRIGGER steal AFTER INSERT ON period_totals FOR EACH STATEMENT EXECUTE FUNCTION steal()`)
	out := b.Post(t.Context(), b.book, sale("A", "sel_a", 1000))
	if out.Err == nil {
		t.Errorf("recorded over a head that had moved: %+v", out)
	}
	exec(t, owner, `DROP TRIGGER steal ON period_totals`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if out := b.Post(ctx, b.book, sale("A", "sel_a", 1000)); out.Err != nil || out.Transactions[0].Sequence != 1 {
		t.Errorf("afterwards: %+v", out)
	}
	checkInvariants(t, b.db)
}

// hold moves an amount of a seller's available money into the reserve, release the other way.
func hold(reference, seller string, amount int64) ledger.Submission {
	return ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "reserve.held", Subject: "seller:" + seller, Lines: []ledger.Line{
		line("liabilities:seller:available:"+seller, amount, "GBP"), line("liabilities:seller:reserve:"+seller, -amount, "GBP")}}}}
}

func release(reference, seller string, amount int64) ledger.Submission {
	s := hold(reference, seller, amount)
	d := &s.Drafts[0]
	d.Event = "reserve.released"
	for i := range d.Lines {
		d.Lines[i].Amount = -d.Lines[i].Amount
	}
	return s
}
