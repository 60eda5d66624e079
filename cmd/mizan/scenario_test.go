package main

// Acceptance: every scenario, posted over HTTP, comes to exactly the expected balances.

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/postgres/pgtest"

	"github.com/google/go-cmp/cmp"
)

// testKey opens the service of a test.
const testKey = "not-a-secret-key-of-a-test"

// testService serves on a database of the test's own and returns a client of it.
func testService(t *testing.T) (address string, remote *client.Client) {
	t.Helper()
	return serveOn(t, pgtest.New(t), serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler)})
}

// serveOn serves on the database, whose pool it closes, and returns a client of the service.
func serveOn(t *testing.T, db *pgtest.DB, config serviceConfig) (address string, remote *client.Client) {
	t.Helper()
	address, remote, _ = serveAs(t, db, config)
	return address, remote
}

// serveAs is serveOn that also returns the service itself.
func serveAs(t *testing.T, db *pgtest.DB, config serviceConfig) (address string, remote *client.Client, v *service) {
	t.Helper()
	config.lookPatience = time.Minute
	v, err := newService(t.Context(), db.Pool, time.Now, config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving(t, v, l)
	address = "http://" + l.Addr().String()
	if remote, err = client.New(address, testKey, client.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)
	return address, remote, v
}

// serving runs the service until the test ends.
func serving(t *testing.T, v *service, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- v.serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("the service did not stop in order: %v", err)
		}
	})
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) != 11 {
		t.Fatalf("%d scenarios, want 11", len(scenarios))
	}
	_, remote := testService(t)
	for _, sc := range scenarios {
		t.Run(sc.Key, func(t *testing.T) { playScenario(t, remote, sc) })
	}
}

// playScenario posts one transaction after the other, and then everything once more.
func playScenario(t *testing.T, remote *client.Client, sc scenario) {
	book := sc.book()
	if _, err := remote.CreateBook(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	for i, tx := range sc.Transactions {
		posted, err := remote.Post(t.Context(), book.Code, tx)
		if err != nil {
			t.Fatalf("%s: %v", tx.Reference, err)
		}
		if posted.Sequence != int64(i+1) || posted.Replayed {
			t.Fatalf("%s: got sequence %d (replayed %t), want %d", tx.Reference, posted.Sequence, posted.Replayed, i+1)
		}
	}
	type holding struct{ Account, Currency, Side, Balance string }
	var got, want []holding
	for b, err := range remote.Balances(t.Context(), book.Code, client.BalanceQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if nonZero(b.Balance) != "" {
			got = append(got, holding{b.Account, string(b.Currency), b.NormalSide, b.Balance})
		}
	}
	for _, e := range sc.Expected {
		if nonZero(e.Balance) != "" {
			want = append(want, holding{e.Account, string(e.Currency), e.NormalSide, e.Balance})
		}
	}
	byName := func(a, b holding) int { return strings.Compare(a.Account+" "+a.Currency, b.Account+" "+b.Currency) }
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	tb, err := remote.TrialBalance(t.Context(), book.Code, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkTotals(tb); err != nil || len(tb.Totals) != len(book.Currencies) {
		t.Errorf("trial balance: %v, totals %v", err, tb.Totals)
	}
	// What mizan dev does on its second start: the same references again, as a batch, change nothing.
	again, err := sc.seed(t.Context(), remote, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.posted != 0 || again.replayed != len(sc.Transactions) || len(again.wrong) > 0 || again.last != int64(len(sc.Transactions)) {
		t.Errorf("again: %+v", again)
	}
}

// TestScenarioEvents seeds every scenario as mizan dev does, as events where they have them, and once more.
func TestScenarioEvents(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	_, remote, v := serveAs(t, pgtest.New(t), serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler)})
	acts := 0
	for _, sc := range scenarios {
		first, err := sc.seed(t.Context(), remote, nil)
		if err != nil {
			t.Fatalf("%s: %v", sc.Key, err)
		}
		if len(first.wrong) > 0 || first.replayed != 0 {
			t.Errorf("%s: %+v", sc.Key, first)
		}
		again, err := sc.seed(t.Context(), remote, nil)
		if err != nil {
			t.Fatalf("%s again: %v", sc.Key, err)
		}
		if again.posted != 0 || again.replayed != first.posted || len(again.wrong) > 0 || again.last != first.last {
			t.Errorf("%s again: %+v", sc.Key, again)
		}
		acts += len(sc.Events)
		book, err := v.books.Book(t.Context(), sc.book().Code)
		if err != nil {
			t.Fatal(err)
		}
		v.checkStatements(t, book, time.Now())
	}
	if acts < 20 {
		t.Errorf("only %d transactions are posted as events", acts)
	}
}

// A comparison that finds nothing wrong must be able to find something.
func TestScenarioComparisonCanFail(t *testing.T) {
	t.Parallel()
	sc := scenario{Expected: []expectedBalance{{"assets:a", "USD", "debit", "1.00"}, {"assets:b", "USD", "debit", "2.00"}, {"assets:z", "USD", "debit", "0.00"}}}
	held := map[string]string{"assets:a USD debit": "1.00", "assets:b USD debit": "2.01", "assets:c USD debit": "0.01", "assets:d USD debit": "0.00"}
	got := strings.Join(sc.compare(held), "\n")
	want := `assets:b USD debit: expected 2.00, holds 2.01
assets:c USD debit: expected nothing, holds 0.01
assets:z USD debit: expected 0.00, but there is no such account`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
