package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/jobs"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
)

// More than a month lies between what happens in the world of these tests and when somebody looks at it.
var (
	happened = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	looked   = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
)

// world is a book in which everything can go wrong, the options of what looks at it, and a clock.
type world struct {
	*testing.T
	options Options
	db      *pgtest.DB
	book    ledger.Book
	now     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, db: pgtest.New(t), now: happened}
	clock := func() time.Time { return w.now }
	l := ledger.New(w.db.Pool, ledger.Options{Now: clock})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	var err error
	w.book, _, err = l.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"})
	w.ok(err)
	events, trail := commerce.New(l, commerce.NewRuleSets(w.db.Pool, clock), clock), guard.NewTrail(w.db.Pool, clock)
	pay := payouts.New(payouts.Options{Pool: w.db.Pool, Ledger: l, Events: events, Trail: trail, Now: clock})
	books := func(context.Context) ([]jobs.Book, error) {
		return []jobs.Book{{ID: int32(w.book.ID), Code: w.book.Code, Zone: w.book.Location()}}, nil
	}
	work, err := jobs.New(jobs.Config{Pool: w.db.Pool, Now: clock, Trail: trail, Books: books, Jobs: []jobs.Job{{Name: "count", Schedule: jobs.LocalMidnight(), PerBook: true,
		Run: func(context.Context, jobs.Period) (jobs.Report, error) { return jobs.Report{}, nil }}}})
	w.ok(err)
	desk := guard.NewDesk(w.db.Pool, trail, clock, []guard.Act{{Name: "test.run", Meaning: "Does what tests need.", OfBook: true,
		Effect: func(_ context.Context, _ guard.Book, p json.RawMessage) (json.RawMessage, guard.Effect, error) {
			return p, guard.Effect{Summary: "Nothing."}, nil
		},
		Run: func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
			return nil, errors.New("not asked for")
		}}})
	w.options = Options{Ledger: l, Events: events, Intake: intake.New(w.db.Pool, l, events, intake.Options{Now: clock}), Desk: desk, Jobs: work, Payouts: pay,
		Reconcile: reconcile.New(reconcile.Options{Pool: w.db.Pool, Ledger: l, Events: events, Payouts: pay, Trail: trail, Now: clock}),
		Questions: questions.New(questions.Options{Pool: w.db.Pool, Trail: trail, Payouts: pay, Now: clock}), Now: clock, Patience: time.Minute}
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// post posts pairs of an account and an amount, a debit positive.
func (w *world) post(reference string, lines ...any) {
	w.Helper()
	d := ledger.Draft{Event: "test.happened"}
	for i := 0; i < len(lines); i += 2 {
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(lines[i].(string)), Amount: money.Minor(lines[i+1].(int)), Currency: "GBP"})
	}
	w.ok(w.options.Ledger.Post(w.Context(), w.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{d}}).Err)
}

// fill puts rows where the services keep theirs, as a copy of a database does: BOOK is the book, and
// HAPPENED when it all happened.
func (w *world) fill(sql string) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.db.SuperURL)
	w.ok(err)
	defer func() { _ = conn.Close(context.Background()) }()
	words := strings.NewReplacer("BOOK", fmt.Sprint(w.book.ID), "HAPPENED", "timestamptz '"+happened.Format(time.RFC3339)+"'")
	_, err = conn.Exec(w.Context(), "SET session_replication_role = replica;"+words.Replace(sql))
	w.ok(err)
}

const everythingStuck = `
ALTER TABLE payout_runs DISABLE TRIGGER ALL; ALTER TABLE payouts DISABLE TRIGGER ALL; ALTER TABLE recon_breaks DISABLE TRIGGER ALL; ALTER TABLE payee_questions DISABLE TRIGGER ALL;
INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at, needs)
  VALUES (BOOK, 'run_0000000000000001', 'manual', HAPPENED, 0, 'released', 'jobs', HAPPENED, '{}'), (BOOK, 'run_0000000000000002', 'manual', HAPPENED, 0, 'waiting', 'jobs', HAPPENED, '{by_hand}');
INSERT INTO payouts (book_id, id, run_id, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence, consumed_from, consumed_through, left_after,
                     destination, rail, rail_account, mode, needs_person, created_at, changed_at, submitted_at, expected_on)
  SELECT BOOK, 'po_' || lpad(n::text, 16, '0'), 'run_0000000000000001', 'seller', 's' || n, 's' || n, 'GBP', 100, 0, 'standard', state, n, 1, n, 0, 100, 0,
         'dst_0000000000000001', 'connected', 'acct_1', 'automatic', false, HAPPENED, HAPPENED, HAPPENED, HAPPENED + interval '2 days'
    FROM unnest(ARRAY['unknown', 'refused', 'at_account', 'created', 'submitted']) WITH ORDINALITY AS s (state, n);
INSERT INTO payout_clocks (book_id, subject, act, due_at, look_at, sequence, tries, why) VALUES (BOOK, 'order:UK-1', 'settle', HAPPENED, NULL, 1, 40, 'account-closed');
INSERT INTO payee_questions (book_id, id, payee, kind, reference, about, about_id, currency, amount, question, asked_by, asked_at, state)
  VALUES (BOOK, 'qu_0000000000000001', 's1', 'seller', 'r', 'order', 'UK-1', 'GBP', 100, decode(repeat('00', 200), 'hex'), 'payee:s1', HAPPENED, 'open');
INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen, expected_by, suspense, suspense_ref, changed_at, step)
  VALUES (BOOK, 'brk_0000000000000001', 1, 1, 'x', 'missing_in_ledger', 'open', 'GBP', -3000, '{}', HAPPENED, 1, 1, HAPPENED, HAPPENED, 3000, 're_1', HAPPENED, 1);
INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES (BOOK, 1, 'bank', 'main', HAPPENED);
INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES (BOOK, 1, 1, '{}', HAPPENED);
INSERT INTO job_lines (kind, book_id, since, planned_until) VALUES ('count', BOOK, HAPPENED, HAPPENED);
INSERT INTO job_periods (kind, book_id, period, ends_at, state, planned_at, next_attempt, finished_at)
  VALUES ('count', BOOK, HAPPENED - interval '1 day', HAPPENED, 'parked', HAPPENED, HAPPENED, HAPPENED);
INSERT INTO inbound_messages (book_id, source, message_id, topic, sha256, body, received_at, state) VALUES (BOOK, 'shop', 'm', 'orders/paid', sha256('x'), 'x', HAPPENED, 'parked');
INSERT INTO imports (book_id, options, sha256, recorded_at, state) OVERRIDING SYSTEM VALUE VALUES (BOOK, '{}', sha256('x'), HAPPENED, 'done');
INSERT INTO import_rows (book_id, import_id, row, identity, sha256, state, amount, tried) SELECT BOOK, id, 1, 'x', sha256('x'), 'parked', 100, 1 FROM imports`

func anyPart(string) bool { return true }

// TestEveryFigure looks at a book before and after everything in it went wrong: every figure is well, and then is not, says how many,
// what and since when. Without the time to read them all are unread, which is worse than well.
func TestEveryFigure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := New(w.options)
	before := s.Of(t.Context(), w.book, anyPart)
	if len(before.Figures) != len(Kinds()) {
		t.Errorf("%d figures of %d", len(before.Figures), len(Kinds()))
	}
	for _, f := range before.Figures {
		if f.State != Well || f.Count != 0 || !f.Since.IsZero() {
			t.Errorf("in a new book %s is %+v", f.Code, f)
		}
	}
	// Money is owed and gone, a transfer is on its way, the safeguarded account mirrors less than nothing, and a payee's debt is
	// nothing that was posted twice.
	w.post("owed", "assets:bank:operating:main", 5000, "liabilities:seller:available:s1", -5000)
	w.post("moved", "assets:treasury_in_transit:p1", 300, "assets:bank:operating:main", -300)
	w.post("twice", "assets:bank:operating:main", 100, "assets:bank:safeguarded:main", -100)
	w.post("debt", "liabilities:creator:available:cre_a", 200, "assets:bank:operating:main", -200)
	w.fill(everythingStuck)
	soon := New(w.options).Of(t.Context(), w.book, anyPart)
	w.now = looked
	_, err := w.options.Desk.Ask(t.Context(), guard.Actor{Kind: guard.Program, ID: "keyofshop001"}, guard.Book{ID: int32(w.book.ID), Code: w.book.Code},
		guard.Request{Act: "test.run", Payload: json.RawMessage(`{}`), Reason: "why"})
	w.ok(err)
	after := New(w.options).Of(t.Context(), w.book, anyPart)
	for _, x := range []struct {
		code  string
		state State
		since bool
		names string
	}{
		{Coverage, Act, false, "GBP"}, {Safeguarding, Watch, false, "GBP"}, {Suspense, Act, true, ""}, {WrongSide, Act, false, "assets:bank:safeguarded"}, {OwnMoney, Watch, false, ""},
		{PayoutsUnknown, Act, true, ""}, {PayoutsRefused, Act, false, ""}, {PayoutsAtAccount, Act, true, ""}, {PayoutsUnsent, Act, true, ""}, {PayoutsUnderWay, Watch, true, ""},
		{RunsWaiting, Act, true, "run_0000000000000002"}, {ClocksParked, Act, true, "order:UK-1"}, {BreaksOverdue, Act, false, "missing_in_ledger"}, {BreaksOpen, Watch, true, "missing_in_ledger"},
		{EvidenceOld, Act, true, "bank:main"}, {MonthsOpen, Act, true, "2026-11"}, {JobsParked, Act, false, "count"}, {JobsLate, Act, true, "count"}, {MessagesParked, Act, true, "shop"},
		{ImportsParked, Act, true, ""}, {ApprovalsOpen, Watch, true, ""}, {QuestionsOpen, Act, true, ""},
	} {
		f := after.Figure(x.code)
		switch {
		case f == nil:
			t.Errorf("nobody says how %s stands", x.code)
		case f.State != x.state || f.Count != 1 || f.Since.IsZero() == x.since || strings.Join(f.Names, " ") != x.names:
			t.Errorf("%s is %+v", x.code, *f)
		}
	}
	if after.State() != Act || len(after.Figures) != len(Kinds()) {
		t.Errorf("the book is %s with %d figures", after.State(), len(after.Figures))
	}
	for code, want := range map[string]string{Coverage: "[{GBP -4800}]", OwnMoney: "[{GBP 300}]", Suspense: "[{GBP 3000}]", PayoutsUnderWay: "[{GBP 100}]"} {
		if got := after.Figure(code); got == nil || fmt.Sprint(got.Amounts) != want {
			t.Errorf("%s is %+v and not %s", code, got, want)
		}
	}
	// No posting takes a row of decisions below zero: whatever put it there is an alarm as well.
	w.fill(`INSERT INTO chart_totals (book_id, period, chart_code, currency, debits, credits) VALUES (BOOK, 202611, 2610, 'GBP', 100, 0)`)
	both := New(w.options).Of(t.Context(), w.book, func(part string) bool { return part == Balances }).Figure(WrongSide)
	if both == nil || both.Count != 2 || strings.Join(both.Names, " ") != "assets:bank:safeguarded liabilities:coins" {
		t.Errorf("beside a row of decisions %+v", both)
	}
	// What may come right by itself is not for a person at once.
	for code, state := range map[string]State{PayoutsUnknown: Watch, PayoutsUnsent: Well, PayoutsUnderWay: Well, QuestionsOpen: Watch, EvidenceOld: Well, JobsLate: Well, MonthsOpen: Well} {
		if f := soon.Figure(code); f == nil || f.State != state {
			t.Errorf("at once %s is %+v and not %s", code, f, state)
		}
	}
	w.options.Patience = time.Nanosecond
	late := New(w.options).Of(t.Context(), w.book, anyPart)
	for _, f := range late.Figures {
		if f.State != Unread || f.Reason != "read-too-long" || f.Name == "" {
			t.Errorf("without time %s is %+v", f.Code, f)
		}
	}
	if len(late.Figures) != len(Kinds()) || late.State() != Unread {
		t.Errorf("without time the book is %s with %d figures", late.State(), len(late.Figures))
	}
	// Whoever may not read a part is told so, and reads nothing of it.
	some := s.Of(t.Context(), w.book, func(part string) bool { return part == Jobs })
	if len(some.Figures) != 2 || len(some.NotShown) != 5 || slices.Contains(some.NotShown, Jobs) {
		t.Errorf("jobs alone are %+v", some)
	}
}
