package statements

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

// earn gives a creator money that waits.
func (h *house) earn(payee string, amount int) {
	h.Helper()
	h.raw("test.earned", "GBP", "assets:processor:pending:main", amount, "liabilities:creator:pending:"+payee, -amount)
}

// issueAll issues all that are due to a payee.
func (h *house) issueAll(payee string) (list []*Statement) {
	h.Helper()
	for {
		st, err := h.Issue(h.Context(), h.book, payee, "GBP")
		h.ok(err)
		if st == nil {
			return list
		}
		list = append(list, st)
	}
}

// TestMonths issues month after month: each begins where the last one ended, a month without lines has none, and what happened in a
// month that is told already stands in a later one.
func TestMonths(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.playS2()
	if got := h.issueAll("cre_amy"); len(got) != 0 {
		t.Fatalf("%d statements of a month that is not over", len(got))
	}
	h.set(2027, 1, 3)
	h.post("refund.made", "RF-2", `{"order":"UK-1","refund":"RF-2","full":true,"shipped":true}`)
	h.set(2027, 3, 1)
	got := h.issueAll("cre_amy")
	if len(got) != 2 {
		t.Fatalf("%d statements", len(got))
	}
	first, second := got[0], got[1]
	if first.Number != 1 || first.Period != 202611 || first.Opening() != 0 || first.Closing() != 221 || first.Lines != 6 || first.FirstDay != "2026-11-01" || first.LastDay != "2026-11-30" {
		t.Errorf("the first is %+v", first)
	}
	if second.Number != 2 || second.Period != 202701 || second.From != first.To || second.Opening() != 221 || second.Closing() != 0 || second.Previous != first.ID ||
		second.PreviousSHA256 != first.SHA256 || second.NothingCount != 1 {
		t.Errorf("the second is %+v", second)
	}
	for _, a := range second.Accounts {
		for _, b := range first.Accounts {
			if a.Account == b.Account && (a.FromVersion != b.ToVersion || a.Opening != b.Closing) {
				t.Errorf("entries of %s are missing between %+v and %+v", a.Account, b, a)
			}
		}
	}
	late := h.lines(second, 10)[0]
	if late.OriginalPeriod != "2026-11" || late.Note != "3.15 before, 0.00 now; belongs to 2026-11" {
		t.Errorf("the late line is %+v", late)
	}
	list, err := h.Statements(t.Context(), h.book, Query{Payee: "cre_amy", Limit: 1})
	h.ok(err)
	if len(list) != 2 || list[0].ID != second.ID || list[0].Closing() != 0 {
		t.Errorf("the list begins with %+v", list)
	}
	if list, err = h.Statements(t.Context(), h.book, Query{Payee: "cre_amy", AfterCurrency: "GBP", AfterNumber: 2, Limit: 1}); err != nil || len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("after the second: %+v, %v", list, err)
	}
	if _, err := h.Statement(t.Context(), h.book, "mcn_ldn", first.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("another payee reads it: %v", err)
	}
	// A range that ends today tells the same lines.
	st, err := h.Days(t.Context(), h.book, "cre_amy", "GBP", "2026-11-01", "2027-01-31")
	h.ok(err)
	if err := h.sumUpTo(t.Context(), st, 3); !errors.Is(err, ErrLong) || st.Summed() || st.Headlines().PaidKnown {
		t.Errorf("four transactions were summed up as three: %v", err)
	}
	if err := h.sumUpTo(t.Context(), st, 4); err != nil || st.Lines != first.Lines+second.Lines || st.NothingCount != 1 || !st.Headlines().PaidKnown {
		t.Errorf("summed up it is %+v, %v", st.Sums, err)
	}
	if all := h.lines(st, 1); len(all) != int(first.Lines+second.Lines) || st.Closing() != 0 || sum(all, func(*Line) bool { return true }) != 0 {
		t.Errorf("the range has %d lines and closes at %d", len(all), st.Closing())
	}
}

// TestIssuedOnce makes an issued statement again, byte for byte, whatever was posted since, and by one of several who issue it at once.
func TestIssuedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.playS2()
	h.set(2026, 12, 2)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 6 {
		wg.Go(func() {
			st, err := h.Issue(t.Context(), h.book, "sel_uk", "GBP")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if st != nil {
				ids[st.ID] = true
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Fatalf("issued as %v", ids)
	}
	st, err := h.Last(t.Context(), h.book, "sel_uk", "GBP")
	h.ok(err)
	before := h.file(st, JSON)
	h.raw("test.earned", "GBP", "assets:processor:pending:main", 500, "liabilities:seller:reserve:sel_uk", -500)
	h.post("refund.made", "RF-2", `{"order":"UK-1","refund":"RF-2","full":true,"shipped":true}`)
	if st, err = h.Statement(t.Context(), h.book, "sel_uk", st.ID); err != nil || h.file(st, JSON) != before {
		t.Errorf("made again it is another one: %v", err)
	}
	// All formats have the same amounts.
	total := st.Closing() - st.Opening()
	for _, f := range []tabular.Format{tabular.CSV, tabular.XLSX, tabular.JSONLines} {
		rows, got := 0, money.Minor(0)
		_, err := tabular.Read(strings.NewReader(h.file(st, f)), f, st.Header(tabular.Dialect{}), func(r tabular.Row) error {
			m, _ := r[12].Money()
			rows, got = rows+1, got+m
			return nil
		})
		if err != nil || got != total || rows != int(st.Lines) {
			t.Errorf("%s has %d rows that come to %d, want %d and %d: %v", f, rows, got, st.Lines, total, err)
		}
	}
}

// TestTampered refuses to hand out what is not what was issued, whichever way the books were changed.
func TestTampered(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"a basis":    `UPDATE transactions SET explanation = replace(explanation, '0.15', '0.16') WHERE sequence = 1`,
		"an event":   `UPDATE transactions SET event = 'refund.full' WHERE event = 'refund.partial'`,
		"an amount":  `UPDATE entries SET amount = amount - 1 WHERE sequence = 1 AND account_id IN (SELECT id FROM accounts WHERE address = 'liabilities:creator:pending:cre_amy')`,
		"a line":     `DELETE FROM entries WHERE sequence = 3 AND account_id IN (SELECT id FROM accounts WHERE address = 'liabilities:creator:available:cre_amy')`,
		"an address": `UPDATE accounts SET address = 'liabilities:creator:available:cre_eve' WHERE address = 'liabilities:creator:available:cre_amy'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "UK", "Europe/London", "GBP")
			h.playS2()
			h.set(2026, 12, 2)
			st := h.issueAll("cre_amy")[0]
			h.ok(h.Prove(t.Context(), st))
			conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
			h.ok(err)
			defer func() { _ = conn.Close(t.Context()) }()
			for _, table := range []string{"transactions", "entries", "accounts"} {
				_, err = conn.Exec(t.Context(), `ALTER TABLE `+table+` DISABLE TRIGGER ALL`)
				h.ok(err)
			}
			tag, err := conn.Exec(t.Context(), sql)
			h.ok(err)
			if tag.RowsAffected() == 0 {
				t.Fatal("nothing was changed")
			}
			var b bytes.Buffer
			if err := h.Write(t.Context(), st, JSON, tabular.Dialect{}, &b); err == nil || b.Len() > 0 {
				t.Errorf("it was handed out: %v, %d bytes", err, b.Len())
			}
		})
	}
}

// TestKept refuses to change a statement, to leave a number out, and to begin elsewhere than the last one ended.
func TestKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.earn("amy", 100)
	h.set(2026, 12, 2)
	h.issueAll("amy")
	for _, sql := range []string{
		`UPDATE statements SET line_count = 7`, `DELETE FROM statements`, `TRUNCATE statements`,
		`INSERT INTO statements SELECT book_id, payee, currency, 3, 'st_' || repeat('a', 20), kind, 202612, to_sequence, to_sequence + 1, 2, 0, 1, sha256, head, tail, issued_at FROM statements`,
		`INSERT INTO statements SELECT book_id, payee, currency, 2, 'st_' || repeat('a', 20), kind, 202612, to_sequence + 1, to_sequence + 2, 1, 0, 1, sha256, head, tail, issued_at FROM statements`,
		`INSERT INTO statements SELECT book_id, payee, currency, 2, 'st_' || repeat('a', 20), kind, period, to_sequence, to_sequence + 2, 1, 0, 1, sha256, head, tail, issued_at FROM statements`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("it was let through: %s", sql)
		}
	}
}

// TestDays refuses what is no range of days.
func TestDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.earn("amy", 100)
	for _, days := range [][2]string{{"2026-11-30", "2026-11-01"}, {"2026-11-01", "x"}, {"", ""}, {"2016-11-01", "2026-11-01"}, {"2026-11-21", "2026-11-22"}, {"2026-11-31", "2026-12-01"}, {"1999-01-01", "1999-01-02"}} {
		if _, err := h.Days(t.Context(), h.book, "amy", "GBP", days[0], days[1]); !errors.Is(err, ErrRange) {
			t.Errorf("%v: %v", days, err)
		}
	}
	if _, err := h.Days(t.Context(), h.book, "eve", "GBP", "2026-11-01", "2026-11-20"); !errors.Is(err, ledger.ErrAccountNotOpened) {
		t.Errorf("a payee without accounts: %v", err)
	}
	st, err := h.Days(t.Context(), h.book, "amy", "GBP", "2026-11-01", "2026-11-19")
	if err != nil || len(h.lines(st, 5)) != 0 || st.Closing() != 0 {
		t.Errorf("before there was anything: %+v, %v", st, err)
	}
	if st, err = h.Days(t.Context(), h.book, "amy", "GBP", "2026-11-20", "2026-11-20"); err != nil || len(h.lines(st, 5)) != 1 || st.Closing() != 100 {
		t.Errorf("today: %+v, %v", st, err)
	}
	h.leavesWhileMade()
}

// cutOff takes the entries away from whoever reads on when the first bytes of a file have left.
type cutOff struct {
	bytes int
	cut   func()
}

func (c *cutOff) Write(b []byte) (int, error) {
	if c.bytes == 0 {
		c.cut()
	}
	c.bytes += len(b)
	return len(b), nil
}

// leavesWhileMade has a long statement leave (M09): its beginning leaves before its end is read, so that no more than a part of it is ever
// in memory, and what cannot be read to its end is never whole. A sheet is put together at its end.
func (h *house) leavesWhileMade() {
	h.Helper()
	draft := ledger.Draft{Event: "test.earned", Lines: []ledger.Line{{Account: "assets:processor:pending:main", Amount: 20, Currency: "GBP"}}}
	for range 20 {
		draft.Lines = append(draft.Lines, ledger.Line{Account: "liabilities:creator:pending:long", Amount: -1, Currency: "GBP"})
	}
	for n := range 2 {
		h.ok(h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("long-", n), Drafts: slices.Repeat([]ledger.Draft{draft}, walkPage)}).Err)
	}
	st, err := h.Days(h.Context(), h.book, "long", "GBP", "2026-11-20", "2026-11-20")
	h.ok(err)
	super, err := pgx.Connect(h.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = super.Close(h.Context()) }()
	may := func(sql string) {
		_, err := super.Exec(h.Context(), sql)
		h.ok(err)
	}
	for _, f := range []tabular.Format{JSON, tabular.CSV, tabular.JSONLines} {
		whole := len(h.file(st, f))
		to := &cutOff{cut: func() { may(`REVOKE SELECT ON entries FROM mizan_app`) }}
		if err := h.Write(h.Context(), st, f, tabular.Dialect{}, to); err == nil || to.bytes == 0 || to.bytes >= whole {
			h.Errorf("M09: %s: %d of %d bytes left without the entries, %v", f, to.bytes, whole, err)
		}
		may(`GRANT SELECT ON entries TO mizan_app`)
	}
}

// TestIssueDue issues to everybody what is due, month after month, by two processes at once, and nothing the second time.
func TestIssueDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP", "USD")
	for _, payee := range []string{"amy", "amy-2", "bea"} {
		h.earn(payee, 100)
	}
	h.raw("test.earned", "USD", "assets:processor:pending:main", 7, "liabilities:partner:pending:bea", -7)
	h.raw("test.earned", "GBP", "assets:processor:pending:main", 9, "liabilities:donation:pending:amy:winter", -9)
	h.set(2026, 12, 20)
	h.earn("amy", 50)
	h.set(2027, 1, 20)
	turn := payouts.Turn{Book: h.book}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := h.IssueDue(t.Context(), turn); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for payee, want := range map[string]int{"amy": 2, "amy-2": 1, "bea": 2, "winter": 0} {
		if list, err := h.Statements(t.Context(), h.book, Query{Payee: payee, Limit: 10}); err != nil || len(list) != want {
			t.Errorf("%s has %d statements, %v", payee, len(list), err)
		}
	}
	if r, err := h.IssueDue(t.Context(), turn); err != nil || r.Items != 0 {
		t.Errorf("again: %+v, %v", r, err)
	}
	if last, err := h.Last(t.Context(), h.book, "amy", "GBP"); err != nil || last.Number != 2 || last.Closing() != 159 {
		t.Errorf("amy's last: %+v, %v", last, err)
	}
	disagree := func() (n int) {
		h.ok(h.Disagreements(t.Context(), h.book, func(d Disagreement) error { n++; return nil }))
		return n
	}
	if n := disagree(); n != 0 {
		t.Errorf("%d accounts disagree", n)
	}
	h.earn("amy", 11)
	if n := disagree(); n != 0 {
		t.Errorf("%d accounts disagree after more was posted", n)
	}
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range []string{`ALTER TABLE entries DISABLE TRIGGER ALL`, `UPDATE entries SET balance_after = balance_after - 3
		 WHERE (account_id, sequence) = (SELECT a.id, max(e.sequence) FROM accounts a JOIN entries e ON e.account_id = a.id WHERE a.address = 'liabilities:creator:pending:amy-2' GROUP BY a.id)`} {
		_, err := conn.Exec(t.Context(), sql)
		h.ok(err)
	}
	if n := disagree(); n != 1 {
		t.Errorf("%d accounts disagree with the books that somebody changed", n)
	}
}
