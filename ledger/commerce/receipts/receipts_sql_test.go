package receipts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// TestEveryDonorHasAReceipt follows a book: each donation gets one receipt, once, and nothing else does. Receipts are found
// by key among a hundred thousand, and stay as they are.
func TestEveryDonorHasAReceipt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	now := func() time.Time { return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC) }
	l := ledger.New(db.Pool, ledger.Options{Now: now})
	t.Cleanup(func() { l.Close(t.Context()) })
	s := New(Options{Pool: db.Pool, Ledger: l, Events: commerce.New(l, commerce.NewRuleSets(db.Pool, now), now), Now: now})
	book, _, err := l.CreateBook(t.Context(), ledger.NewBook{Code: "uk", Name: "UK", Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	give := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			o := l.Post(t.Context(), book, ledger.Submission{Reference: fmt.Sprint("d", i), Drafts: []ledger.Draft{{Event: eventReceived, Subject: fmt.Sprint("donation:D", i), Lines: []ledger.Line{
				{Account: "assets:processor:pending:main", Amount: 100, Currency: "GBP"}, {Account: "liabilities:donation:pending:ngo:c1", Amount: -100, Currency: "GBP"}}}}})
			if o.Err != nil {
				t.Fatal(o.Err)
			}
		}
	}
	give(0, pageOfDonations+3)
	for i, want := range []int64{pageOfDonations + 3, 0} {
		if made, err := s.Follow(t.Context(), book); err != nil || made != want {
			t.Fatalf("look %d made %d, want %d, %v", i, made, want, err)
		}
	}
	first, err := s.Of(t.Context(), book, "donation:D1")
	if err != nil || first.ID == "" {
		t.Fatal(first, err)
	}
	give(pageOfDonations+3, pageOfDonations+5)
	if made, err := s.Follow(t.Context(), book); err != nil || made != 2 {
		t.Errorf("%d were made, %v", made, err)
	}
	if again, err := s.Of(t.Context(), book, "donation:D1"); err != nil || again != first {
		t.Errorf("%v became %v, %v", first, again, err)
	}
	for _, sql := range []string{`UPDATE receipts SET id = repeat('a', 26)`, `DELETE FROM receipts`, `UPDATE receipt_heads SET sequence = 0`} {
		if _, err := db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s is allowed", sql)
		}
	}
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(t.Context()) }()
	if _, err := super.Exec(t.Context(), `INSERT INTO receipts SELECT (SELECT id FROM books), 'order:O' || n, translate(lpad(n::text, 26, '0'), '0189', 'abcd'), now() FROM generate_series(1, 100000) n; ANALYZE receipts`); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]any{sqlOf: {book.ID, "order:O5"}, sqlFind: {book.ID, first.ID[3:]}, sqlHead: {book.ID}} {
		rows, err := db.Pool.Query(t.Context(), "EXPLAIN "+name, args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || strings.Contains(strings.Join(plan, "\n"), "Seq Scan on receipts") {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(plan, "\n"))
		}
	}
}

// TestIDsAreRandom: an id is 26 letters and digits behind the book's code, and nothing else is one.
func TestIDsAreRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := "uk-" + newID()
		if _, _, ok := split(id); !ok || seen[id] {
			t.Fatalf("%s is no id, or comes twice", id)
		}
		seen[id] = true
	}
	good := "uk-" + strings.Repeat("a", 26)
	for _, wrong := range []string{"", "uk", "uk-", good + "a", good[:28], strings.ToUpper(good), "1k" + good[2:], "-" + good, "uk-" + strings.Repeat("1", 26)} {
		if _, _, ok := split(wrong); ok {
			t.Errorf("%q is taken for an id", wrong)
		}
	}
	for rate, want := range map[string]string{"": "0", "0": "0", "0.014": "1.4", "0.05": "5", "0.1": "10", "1": "100", "0.000001": "0.0001"} {
		if got := percent(rate); got != want {
			t.Errorf("%s is %s, want %s", rate, got, want)
		}
	}
}
