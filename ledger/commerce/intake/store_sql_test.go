package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestPlans shows that messages and rows are found by their indexes, with the plans that are made for any value.
func TestPlans(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	conn, err := pgx.Connect(t.Context(), b.db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, c := range []struct {
		sql, values, index string
		times              int
	}{
		{sqlWake, "1, 'shopify', 'shopify.1', now()", "inbound_messages_about", 1},
		{sqlOrderIgnored, "1, 'shopify', 'shopify.1', 'orders/paid'", "inbound_messages_about", 2},
		{sqlMessagesOf, "1, 0, '', 100, 'parked'", "inbound_messages_state", 1},
		{sqlRowsOf, "1, 1, 0, 9, 100, 'parked'", "import_rows_state", 1},
		{newestFirst(sqlMessagesOf), "1, 9, '', 100, 'parked'", "Index Scan Backward using inbound_messages_state", 1},
		{newestFirst(sqlMessages), "1, 9, '', 100", "Index Scan Backward using inbound_messages_pkey", 1},
		{newestFirst(sqlImports), "1, 9, 100", "Index Scan Backward using imports_pkey", 1},
		{sqlImportsParked, "1", "using import_rows_parked", 2},
	} {
		results, err := conn.PgConn().Exec(t.Context(), "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; DEALLOCATE ALL; "+
			"PREPARE planned AS "+c.sql+"; EXPLAIN (COSTS OFF) EXECUTE planned ("+c.values+")").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, row := range results[len(results)-1].Rows {
			lines = append(lines, string(row[0]))
		}
		if plan := strings.Join(lines, "\n"); strings.Count(plan, c.index) != c.times {
			t.Errorf("%s\nis planned without %s:\n%s", c.sql, c.index, plan)
		}
	}
}

// TestIgnoredAndApplied shows that an order that is applied after all brings the refunds with it that were ignored with it.
func TestIgnoredAndApplied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := paid(1, false)
	order.Body = []byte(strings.Replace(string(order.Body), "jo10", "new10", 1))
	id, _, err := b.Receive(t.Context(), b.book, order)
	if err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	if err := b.receive(refund(2, 1, "success")); err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	source, err := ParseSource([]byte(strings.Replace(sourceDescription, "JO10", "NEW10", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Describe(t.Context(), tester, b.book, SourceShopify, source); err != nil {
		t.Fatal(err)
	}
	if _, err := b.RetryBy(t.Context(), tester, b.book, id, "corrected"); err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	want := `[{"assets:processor:available:main":"-4.00","liabilities:creator:pending:cre_jo":"2.52","liabilities:seller:available:sel_shopify":"0.85","revenue:referral_fee":"0.63"},` +
		`{"orders/paid applied  shopify.1":1,"refunds/create applied  shopify.1":1}]`
	if got := b.state(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestLongWait shows that a refund whose order never comes is looked at less and less, and that its order wakes it at once.
func TestLongWait(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.receive(refund(2, 1, "success")); err != nil {
		t.Fatal(err)
	}
	looks := 0
	for range 60 * 24 {
		n, err := b.Work(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		looks += n
		b.forward(time.Hour)
	}
	if looks > 90 {
		t.Errorf("looked %d times in 60 days", looks)
	}
	if err := b.receive(paid(1, false)); err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	if got := b.state(); !strings.Contains(got, `"refunds/create applied  shopify.1":1`) {
		t.Errorf("the order did not wake its refund: %s", got)
	}
}

// TestUnusualTexts shows that no text of a sender makes a message that can be neither stored nor settled.
func TestUnusualTexts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	long := refund(2, 1, "success")
	long.Body = []byte(strings.Replace(string(long.Body), `"id":2,`, `"id":`+strings.Repeat("2", 300)+`,`, 1))
	if err := b.receive(paid(1, false)); err != nil {
		t.Fatal(err)
	}
	id, _, err := b.Receive(t.Context(), b.book, long)
	if err != nil {
		t.Fatal(err)
	}
	b.work(b.Service)
	if m, err := b.Message(t.Context(), b.book, id); err != nil || m.State != Parked || m.Reason != ReasonUnreadable {
		t.Errorf("a refund with a long id: %s %s, %v", m.State, m.Reason, err)
	}
	odd := paid(3, false)
	odd.Origin = "toys\xff.example"
	if err := b.receive(odd); err != ErrMessage {
		t.Errorf("an origin that is no text: %v", err)
	}
}
