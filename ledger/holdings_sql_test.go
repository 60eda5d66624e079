package ledger_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

var holdingOwners = flag.Int("ledger.holding-owners", 4_000, "to how many owners the test of holdings gives accounts, three each")

// TestHoldingsInPages adds up more accounts than one reading takes, owners whose accounts are one balance among them, of both
// currencies or one, at the book's last transaction and right after one that others followed.
func TestHoldingsInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	move := func(reference string) {
		t.Helper()
		out := b.Post(t.Context(), b.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{{Event: "order.captured", Lines: []ledger.Line{
			{Account: "assets:processor:available:main", Amount: 70, Currency: "GBP"}, {Account: "liabilities:seller:available:zz", Amount: -70, Currency: "GBP"}}}}})
		if out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	move("first")
	// What the k-th account of the owner n holds, and its currency.
	holds := [3][3]money.Minor{{100, 0, -100}, {100, -120, 0}, {50, 0, 60}}
	currencies := [2]money.Currency{"GBP", "USD"}
	exec(t, connect(t, b.db.SuperURL), `
WITH head AS (SELECT last_account_id AS last FROM books WHERE id = $1),
     a AS (SELECT h.last + 3 * (n - 1) + k AS id, n, k, (ARRAY[[100, 0, -100], [100, -120, 0], [50, 0, 60]])[n % 3 + 1][k] AS held
             FROM head h, generate_series(1, $2::integer) n, generate_series(1, 3) k),
     opened AS (INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at)
                SELECT $1, a.id, 2110 + 10 * k, 'liabilities:seller:' || (ARRAY['available', 'reserve', 'dispute_hold'])[k] || ':s' || n, (ARRAY['GBP', 'USD'])[n % 2 + 1], now() FROM a),
     kept AS (INSERT INTO balances (book_id, account_id, debits, credits, version, last_sequence)
              SELECT $1, a.id, greatest(-held, 0), greatest(held, 0), 1, 1 FROM a)
UPDATE books SET last_account_id = last_account_id + 3 * $2::integer WHERE id = $1`, b.book.ID, *holdingOwners)
	move("second")
	query := ledger.HoldingsQuery{ByAccount: 1020, Together: map[int]int{2120: 2120, 2130: 2120, 2140: 2120}}
	for _, c := range []struct {
		at       int64
		only     money.Currency
		received money.Minor
	}{{0, "", 140}, {1, "", 70}, {2, "USD", 140}, {1, "GBP", 70}} {
		want := map[money.Currency]*ledger.Holding{"GBP": {Code: 2120, Currency: "GBP", Above: c.received}, "USD": {Code: 2120, Currency: "USD"}}
		for n := 1; n <= *holdingOwners; n++ {
			net := holds[n%3][0] + holds[n%3][1] + holds[n%3][2]
			w := want[currencies[n%2]]
			w.Above, w.Below = w.Above+max(net, 0), w.Below+min(net, 0)
		}
		var list []ledger.Holding
		if c.only != "USD" {
			list = append(list, ledger.Holding{Code: 1020, Currency: "GBP", Account: "assets:processor:available:main", Above: c.received}, *want["GBP"])
		}
		if c.only != "GBP" {
			list = append(list, *want["USD"])
		}
		query.AtSequence, query.Currency = c.at, c.only
		begun := time.Now()
		got, at, err := b.Holdings(t.Context(), b.book, query)
		if err != nil || at != max(c.at, 1) && c.at != 0 || c.at == 0 && at != 2 {
			t.Fatalf("at %d: %d, %v", c.at, at, err)
		}
		t.Logf("%d accounts in %v", 3**holdingOwners, time.Since(begun))
		if diff := cmp.Diff(fmt.Sprint(list), fmt.Sprint(got)); diff != "" {
			t.Errorf("at %d in %q (-want +got):\n%s", c.at, c.only, diff)
		}
	}
}

// TestHoldingsInACallersTransaction: rows that nothing is taken together with are all added up, and the caller's transaction goes on
// with the settings that it had.
func TestHoldingsInACallersTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustPost(t, sale("S-1", "sel_a", 1000))
	for _, was := range []string{"on", "off"} {
		err := b.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL enable_bitmapscan = `+was); err != nil {
				return err
			}
			in := postgres.Within(t.Context(), tx)
			for _, together := range []map[int]int{nil, {2120: 2120}} {
				list, _, err := b.Holdings(in, b.book, ledger.HoldingsQuery{Together: together})
				if err != nil {
					return err
				}
				if len(list) < 2 {
					t.Errorf("with %v together: %v", together, list)
				}
			}
			var is string
			err := tx.QueryRow(t.Context(), `SHOW enable_bitmapscan`).Scan(&is)
			if is != was {
				t.Errorf("the setting %s became %s", was, is)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
