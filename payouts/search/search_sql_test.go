package search

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
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
)

// named are rows with names, where the services keep theirs: BOOK is the book, HAPPENED when it all happened.
const named = `SET session_replication_role = replica;
ALTER TABLE payout_runs DISABLE TRIGGER ALL; ALTER TABLE payouts DISABLE TRIGGER ALL; ALTER TABLE recon_breaks DISABLE TRIGGER ALL; ALTER TABLE payees DISABLE TRIGGER ALL;
ALTER TABLE evidence_lines DISABLE TRIGGER ALL;
INSERT INTO payees (book_id, id, version, kind, country, currency, minor, recorded_at) VALUES (BOOK, 'sel_a', 1, 'seller', 'GB', 'GBP', false, HAPPENED);
INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at) VALUES (BOOK, 'run_0000000000000001', 'manual', HAPPENED, 0, 'released', 'jobs', HAPPENED);
INSERT INTO payouts (book_id, id, run_id, kind, payee, receiver, currency, amount, fee, method, state, account_id, number, created_sequence, consumed_from, consumed_through, left_after,
                     destination, rail, rail_account, mode, needs_person, created_at, changed_at, transfer, arrived, outgoing, trace)
  VALUES (BOOK, 'po_0000000000000001', 'run_0000000000000001', 'seller', 'sel_a', 'sel_a', 'GBP', 123456, 0, 'standard', 'paid', 1, 1, 1, 0, 123456, 0,
          'dst_0000000000000001', 'connected', 'acct_1', 'automatic', false, HAPPENED, HAPPENED, 'tr_1', 'py_1', 'po_stripe', 'TRACE 77');
INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at) VALUES (BOOK, 1, 'processor', 'main', HAPPENED);
INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES (BOOK, 1, 1, '{}', HAPPENED);
INSERT INTO evidence_lines (book_id, source_id, number, receipt, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, trace, rate, moved_at)
  VALUES (BOOK, 1, 1, 1, 'txn_1', 'ch_1', 'GBP', 6000, 130, 5870, 'charge', 'charge', 'ch_1', 'po_1', 'BANK 9', '', HAPPENED);
INSERT INTO recon_breaks (book_id, id, match, source_id, identity, class, state, currency, amount, detail, happened_at, first_run, last_run, first_seen, changed_at, step)
  VALUES (BOOK, 'brk_0000000000000001', 1, 1, 'x', 'missing_in_ledger', 'open', 'GBP', -3000, '{}', HAPPENED, 1, 1, HAPPENED, HAPPENED, 1)`

// TestFind looks for one book's things by every name that they have, in that book and in another, and without the time or the right to.
func TestFind(t *testing.T) {
	t.Parallel()
	happened := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	now := happened
	clock := func() time.Time { return now }
	db := pgtest.New(t)
	l := ledger.New(db.Pool, ledger.Options{Now: clock})
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	create := func(code string) ledger.Book {
		t.Helper()
		b, _, err := l.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"GBP", "JPY"}, TimeZone: "Europe/London", Market: "UK"})
		ok(err)
		return b
	}
	uk, other := create("uk"), create("other")
	ok(l.Post(t.Context(), uk, ledger.Submission{Reference: "ref-1", Drafts: []ledger.Draft{{Event: "order.captured", Subject: "order:UK-1001", Lines: []ledger.Line{
		{Account: "assets:processor:pending:main", Amount: 6000, Currency: "GBP"}, {Account: "liabilities:seller:pending:sel_a", Amount: -6000, Currency: "GBP"}}}}}).Err)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	ok(err)
	_, err = conn.Exec(t.Context(), strings.NewReplacer("BOOK", fmt.Sprint(uk.ID), "HAPPENED", "timestamptz '"+happened.Format(time.RFC3339)+"'").Replace(named))
	ok(errors.Join(err, conn.Close(t.Context())))

	events, trail := commerce.New(l, commerce.NewRuleSets(db.Pool, clock), clock), guard.NewTrail(db.Pool, clock)
	desk := guard.NewDesk(db.Pool, trail, clock, []guard.Act{{Name: "test.run", Meaning: "Does what tests need.", OfBook: true,
		Effect: func(_ context.Context, _ guard.Book, p json.RawMessage) (json.RawMessage, guard.Effect, error) {
			return p, guard.Effect{Summary: "Nothing."}, nil
		},
		Run: func(context.Context, pgx.Tx, guard.Approval) (json.RawMessage, error) {
			return nil, errors.New("not asked for")
		}}})
	approval, err := desk.Ask(t.Context(), guard.Actor{Kind: guard.Program, ID: "keyofshop001"}, guard.Book{ID: int32(uk.ID), Code: uk.Code},
		guard.Request{Act: "test.run", Payload: json.RawMessage(`{}`), Reason: "why"})
	ok(err)
	pay := payouts.New(payouts.Options{Pool: db.Pool, Ledger: l, Events: events, Trail: trail, Now: clock})
	recon := reconcile.New(reconcile.Options{Pool: db.Pool, Ledger: l, Events: events, Payouts: pay, Trail: trail, Now: clock})
	options := Options{Ledger: l, Events: events, Desk: desk, Payouts: pay, Reconcile: recon, Now: clock, Patience: time.Minute,
		Reports: reports.New(reports.Options{Pool: db.Pool, Ledger: l, Events: events, Payouts: pay, Reconcile: recon, Trail: trail, Now: clock})}
	s := New(options)
	anyPart := func(string) bool { return true }
	find := func(book ledger.Book, query string) string {
		t.Helper()
		found, err := s.Find(t.Context(), book, query, anyPart)
		ok(err)
		if len(found.Unread) > 0 || found.More {
			t.Errorf("%q is not searched as a whole: %+v", query, found)
		}
		var hits []string
		for _, h := range found.Hits {
			hits = append(hits, h.Kind+" "+h.ID)
		}
		return strings.Join(hits, ", ")
	}
	const payout, line = "payout po_0000000000000001", "evidence_line txn_1"
	for query, want := range map[string]string{
		"UK-1001": "order UK-1001", "order:UK-1001": "order UK-1001", "ref-1": "transaction uk-1", "uk-1": "transaction uk-1", "sel_a": "payee sel_a",
		"po_0000000000000001": payout, "run_0000000000000001": "payout_run run_0000000000000001", "tr_1": payout, "py_1": payout, "po_stripe": payout, " TRACE 77 ": payout,
		"1,234.56": payout, "GBP 1234.56": payout, "1234.56 gbp": payout, "JPY 1234": "", "1234.57": "", "1234.5": "",
		"txn_1": line, "ch_1": line, "BANK 9": line, "60.00": line, "GBP 58.70": line, "brk_0000000000000001": "break brk_0000000000000001", approval.ID: "approval " + approval.ID,
		"tr": "", "tr_1%": "", "UK-1002": "",
	} {
		if got := find(uk, query); got != want {
			t.Errorf("%q finds %q and not %q", query, got, want)
		}
		if got := find(other, query); got != "" {
			t.Errorf("in another book %q finds %q", query, got)
		}
	}
	// Amounts are looked for as far back as the answer says, names always.
	now = happened.AddDate(0, 0, amountDays+1)
	for query, want := range map[string]string{"1234.56": "", "60.00": "", "tr_1": payout, "ch_1": line} {
		if got := find(uk, query); got != want {
			t.Errorf("later %q finds %q and not %q", query, got, want)
		}
	}
	some, err := s.Find(t.Context(), uk, "tr_1", func(part string) bool { return part != "payouts" })
	if err != nil || len(some.Hits) != 0 || !slices.Equal(some.NotShown, []string{"payouts"}) {
		t.Errorf("without the right to payouts: %+v, %v", some, err)
	}
	options.Patience = time.Nanosecond
	late, err := New(options).Find(t.Context(), uk, "tr_1", anyPart)
	if err != nil || len(late.Hits) != 0 || !slices.Contains(late.Unread, "payouts") || !slices.Contains(late.Unread, "transactions") {
		t.Errorf("without time: %+v, %v", late, err)
	}
	for _, query := range []string{"", "  ", "a\x00", "é", strings.Repeat("x", maxQuery+1)} {
		if _, err := s.Find(t.Context(), uk, query, anyPart); !errors.Is(err, ErrQuery) {
			t.Errorf("%.10q is searched for: %v", query, err)
		}
	}
}
