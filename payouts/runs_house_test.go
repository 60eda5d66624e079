package payouts

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// runsStart is a Monday at 02:00 in New York, when the run of the shipped policy of the US starts.
var runsStart = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)

// runHouse is a book with everything that a run needs, and a clock that tests move.
type runHouse struct {
	*Service
	t    testing.TB
	db   *pgtest.DB
	book ledger.Book
	desk *guard.Desk

	mu    sync.Mutex
	at    time.Time
	posts int
}

var finance = guard.Actor{Kind: guard.Person, ID: "fin_1", Person: "fin_1"}

func newRunHouse(t testing.TB) *runHouse {
	t.Helper()
	h := &runHouse{t: t, db: pgtest.New(t), at: runsStart.Add(-24 * time.Hour)}
	h.Service = h.replica()
	book, _, err := h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: "us", Name: "US", Currencies: []money.Currency{"USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	h.book = book
	h.desk = guard.NewDesk(h.db.Pool, h.trail, h.clock, h.runActs())
	return h
}

// replica is another process on the same database.
func (h *runHouse) replica() *Service {
	l := ledger.New(h.db.Pool, ledger.Options{Now: h.clock})
	h.t.Cleanup(func() { l.Close(context.Background()) })
	return New(Options{Pool: h.db.Pool, Ledger: l, Events: commerce.New(l, commerce.NewRuleSets(h.db.Pool, h.clock), h.clock), Trail: guard.NewTrail(h.db.Pool, h.clock), Now: h.clock})
}

func (h *runHouse) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *runHouse) set(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

func (h *runHouse) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func usd(kind, id string) Holder { return Holder{PayeeKey{kind, id}, "USD"} }

// move posts a transaction that gives a bucket of the holder so many cents, or takes them.
func (h *runHouse) move(who Holder, bucket string, cents money.Minor) int64 {
	h.t.Helper()
	h.mu.Lock()
	h.posts++
	n := h.posts
	h.mu.Unlock()
	d := ledger.Draft{Event: "test.moved", Subject: fmt.Sprintf("order:o%d", n), Lines: []ledger.Line{
		{Account: who.bucket(bucket), Amount: -cents, Currency: who.Currency}, {Account: "assets:processor:available:main", Amount: cents, Currency: who.Currency}}}
	out := h.ledger.Post(h.t.Context(), h.book, ledger.Submission{Reference: fmt.Sprintf("move:%d", n), Drafts: []ledger.Draft{d}})
	h.must(out.Err)
	return out.Transactions[0].Sequence
}

// ready registers and verifies a payee, and gives it a destination that was paid before.
func (h *runHouse) ready(who Holder, paidBefore bool) {
	h.t.Helper()
	_, _, err := h.events.RegisterPayee(h.t.Context(), finance, h.book, commerce.Payee{ID: who.ID, Kind: who.Kind, Country: "US", Currency: string(who.Currency)})
	h.must(err)
	verified := IdentityVerified
	_, err = h.ChangeStanding(h.t.Context(), finance, h.book, who.ID, StandingChange{Verification: &verified, Document: "doc-1", Why: "checked"})
	h.must(err)
	var paid *time.Time
	if paidBefore {
		at := h.clock().Add(-30 * 24 * time.Hour)
		paid = &at
	}
	long := h.clock().Add(-60 * 24 * time.Hour)
	h.must(h.db.Pool.Tx(h.t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(h.t.Context(), `INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at, first_paid_at)
VALUES ($1, $2, $3, 'connected', $4, '{USD}', 'automatic', 'active', 'match', $5, $5, $5, $6)`, h.book.ID, newID("dst"), who.ID, "acct_"+who.ID, long, paid)
		return err
	}))
}

// turn is the period of a run.
func (h *runHouse) turn(start time.Time) Turn {
	return Turn{Book: h.book, Start: start, End: start.Add(24 * time.Hour), Actor: guard.Actor{Kind: guard.System, ID: "jobs"}}
}

// runOn plans the run of a day and returns it.
func (h *runHouse) runOn(start time.Time) Run {
	h.t.Helper()
	h.set(start.Add(time.Second))
	_, err := h.Plan(h.t.Context(), h.turn(start))
	h.must(err)
	runs, err := h.Runs(h.t.Context(), h.book, RunQuery{Trigger: TriggerScheduled, Limit: 1})
	h.must(err)
	return runs[0]
}

// decisions are all decisions of a run, by place.
func (h *runHouse) decisions(run string) map[string]Decided {
	h.t.Helper()
	all := map[string]Decided{}
	var after *Decided
	for {
		page, err := h.Decisions(h.t.Context(), h.book, DecisionQuery{Run: run, After: after, Limit: 3})
		h.must(err)
		for _, d := range page.Decisions {
			if _, twice := all[d.Holder.place()]; twice {
				h.t.Fatalf("two decisions about %s", d.Holder.place())
			}
			all[d.Holder.place()] = d
		}
		if page.Next == nil {
			return all
		}
		after = page.Next
	}
}

// payouts are all payouts of a run, in order of the payee and part.
func (h *runHouse) payouts(run string) []Payout {
	h.t.Helper()
	list, err := h.Payouts(h.t.Context(), h.book, PayoutQuery{Run: run, Limit: 1000})
	h.must(err)
	return list
}

// lines are all lines of a payout, read in small pages.
func (h *runHouse) lines(id string) (all []Line) {
	h.t.Helper()
	var sequence int64
	line := 0
	for {
		page, err := h.Lines(h.t.Context(), h.book, id, sequence, line, 3)
		h.must(err)
		all = append(all, page.Lines...)
		if !page.More {
			break
		}
		sequence, line = page.AfterSequence, page.AfterLine
	}
	h.paying(id)
	return all
}

// paying holds who is said to have paid a credit against what the payouts themselves say: the last credit that a payout used up is its
// own, and the next is not.
func (h *runHouse) paying(id string) {
	h.t.Helper()
	p, err := h.Payout(h.t.Context(), h.book, id)
	h.must(err)
	paid, err := h.Paying(h.t.Context(), h.book, p.Holder, []money.Minor{p.ConsumedFrom + 1, p.ConsumedThrough, p.ConsumedThrough + 1})
	h.must(err)
	back := p.State == Failed || p.State == Cancelled || !p.ReturnedAt.IsZero() // then a later one may have it
	if (p.Source == "" || p.Source == commerce.SourceAvailable) && !back {
		if paid[p.ConsumedFrom+1].Payout != id || paid[p.ConsumedThrough].Payout != id || paid[p.ConsumedThrough+1].Payout == id {
			h.t.Errorf("payout %s used up %d to %d, and the credits are paid by %v", id, p.ConsumedFrom, p.ConsumedThrough, paid)
		}
	}
}

// holders are all who have a balance, by the ledger's own listing.
func (h *runHouse) holders() map[string]bool {
	h.t.Helper()
	found := map[string]bool{}
	for _, kind := range holderKinds {
		for _, bucket := range buckets {
			prefix := "liabilities:" + kind + ":" + bucket + ":"
			page, err := h.ledger.Balances(h.t.Context(), h.book, ledger.BalanceQuery{Prefix: prefix, Limit: 1000})
			h.must(err)
			for _, b := range page.Balances {
				if b.Net() != 0 {
					found[kind+":"+strings.TrimPrefix(string(b.Account), prefix)+":"+string(b.Currency)] = true
				}
			}
		}
	}
	return found
}

// sound fails unless everything about payouts can be proved.
func (h *runHouse) sound() {
	h.t.Helper()
	proof, err := h.Verify(h.t.Context(), h.book)
	h.must(err)
	if !proof.Sound() || proof.Unattached != 0 {
		h.t.Fatalf("payouts do not prove: %+v", proof)
	}
	report, err := h.ledger.Verify(h.t.Context(), h.book, ledger.VerifyOptions{})
	h.must(err)
	if !report.Sound() {
		h.t.Fatalf("the ledger does not verify: %+v", report)
	}
}

// replays fails unless every decision of the run follows from its inputs.
func (h *runHouse) replays(run string) {
	h.t.Helper()
	for place, d := range h.decisions(run) {
		if _, err := h.Replay(h.t.Context(), h.book, run, d.Holder); err != nil {
			h.t.Fatalf("%s: %v", place, err)
		}
	}
}
