package statements

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

// TestPledge tells a charity what a creator gives of a sale, and not of how much it is a part.
func TestPledge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.post("order.captured", "c1", `{"order":"UK-1","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00"}],
"creators":[{"creator":"amy","weight":"1"}],"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"100.00"}]}`)
	h.post("donation.from_sale", "d1", `{"order":"UK-1","pledge":"PL-1","creator":"amy","beneficiary":"ngo","campaign":"winter24","rate":"0.10"}`)
	h.settle("UK-1", "0", 0)
	h.post("refund.made", "r1", `{"order":"UK-1","refund":"R-1","full":true,"shipped":true}`)
	_, lines := h.days("ngo", "GBP")
	var got []string
	for _, l := range lines {
		got = append(got, say(l))
	}
	want := []string{"order.settled donation UK-1 1.50 pending 1.50", "refund.full donation UK-1 -1.50 pending 0.00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestCommissionDeposit tells what is withheld for a commission as that.
func TestCommissionDeposit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "US", "America/Chicago", "USD")
	h.post("order.captured", "c1", `{"order":"O-1","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"100.00"}],
"creators":[{"creator":"c","weight":"1"}],"commission_rate":"0.10","commission_deposit_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1","amount":"100.00"}]}`)
	h.post("commission.deposit_released", "x1", `{"order":"O-1","rate":"0.10"}`)
	_, lines := h.days("s", "USD")
	for _, l := range lines {
		if l.Bucket == CommissionDeposit && l.Code != "commission_deposit" && l.Code != CodeMove {
			t.Errorf("on the deposit: %s", say(l))
		}
	}
	if got := amounts(lines, "sale", func(*Line) bool { return true }); !slices.Equal(got, []string{"100.00"}) {
		t.Errorf("sales of %v", got)
	}
	if sum(lines, func(l *Line) bool { return l.Bucket == CommissionDeposit }) != 0 || len(lines) < 4 {
		t.Errorf("%d lines", len(lines))
	}
}

// TestLate says of what is told late which month it belongs to, though that month is still open.
func TestLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.set(2026, 12, 3)
	post := func(id, at string) {
		d := ledger.Draft{Event: "test.earned", OccurredAt: when(t, at), Lines: []ledger.Line{
			{Account: "assets:processor:pending:main", Amount: 5, Currency: "GBP"}, {Account: "liabilities:creator:pending:amy", Amount: -5, Currency: "GBP"}}}
		h.ok(h.ledger.Post(h.Context(), h.book, ledger.Submission{Reference: id, Drafts: []ledger.Draft{d}}).Err)
	}
	post("late", "2026-11-30T10:00:00Z")
	post("early", "2026-12-01T10:00:00Z")
	_, lines := h.days("amy", "GBP")
	if l := lines[0]; l.OriginalPeriod != "2026-11" || l.Note != "belongs to 2026-11" {
		t.Errorf("the late line is %+v", l)
	}
	if l := lines[1]; l.OriginalPeriod != "" || l.Note != "" {
		t.Errorf("the other line is %+v", l)
	}
}

func when(t *testing.T, text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// change changes the books by hand.
func (h *house) change(sql ...string) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), h.db.SuperURL)
	h.ok(err)
	defer func() { _ = conn.Close(h.Context()) }()
	for _, s := range append([]string{`ALTER TABLE entries DISABLE TRIGGER ALL`, `ALTER TABLE accounts DISABLE TRIGGER ALL`, `ALTER TABLE balances DISABLE TRIGGER ALL`}, sql...) {
		tag, err := conn.Exec(h.Context(), s)
		h.ok(err)
		if strings.HasPrefix(s, "UPDATE") && tag.RowsAffected() == 0 {
			h.Fatalf("nothing was changed by %s", s)
		}
	}
}

// TestFollows issues nothing that does not begin with what the last statement closed with, and hands out no last page that ends elsewhere.
func TestFollows(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"a balance":  `UPDATE entries SET balance_after = balance_after - 3 WHERE sequence = 1 AND account_id IN (SELECT id FROM accounts WHERE address LIKE '%:amy')`,
		"a version":  `UPDATE entries SET account_version = 7 WHERE sequence = 1 AND account_id IN (SELECT id FROM accounts WHERE address LIKE '%:amy')`,
		"an account": `UPDATE accounts SET address = 'liabilities:creator:blocked:amy' WHERE address = 'liabilities:creator:pending:amy'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "UK", "Europe/London", "GBP")
			h.earn("amy", 100)
			h.set(2026, 12, 20)
			h.issueAll("amy")
			h.earn("amy", 50)
			h.set(2027, 1, 20)
			h.change(sql)
			if st, err := h.Issue(t.Context(), h.book, "amy", "GBP"); !errors.Is(err, ErrChanged) {
				t.Errorf("issued %+v, %v", st, err)
			}
		})
	}
}

// TestPageProves hands out no last page that ends elsewhere than the statement, and none of other columns.
func TestPageProves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.earn("amy", 100)
	h.earn("amy", 20)
	h.set(2026, 12, 20)
	st := h.issueAll("amy")[0]
	if _, err := h.Page(t.Context(), st, Place{}, 10); err != nil {
		t.Fatal(err)
	}
	old := *st
	old.schema++
	if _, err := h.Page(t.Context(), &old, Place{}, 10); !errors.Is(err, ErrOld) {
		t.Errorf("other columns: %v", err)
	}
	h.change(`UPDATE entries SET amount = amount - 1 WHERE sequence = 1`)
	if _, err := h.Page(t.Context(), st, Place{}, 1); err != nil {
		t.Errorf("the first page: %v", err)
	}
	if p, err := h.Page(t.Context(), st, Place{}, 10); !errors.Is(err, ErrChanged) || len(p.Lines) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestOneDoesNotStopOthers issues to everybody behind many who fail, and holds everybody behind them against the books.
func TestOneDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	for i := range 22 {
		h.earn(fmt.Sprintf("amy-%02d", i), 100)
	}
	h.earn("bea", 100)
	h.earn("cat", 100)
	h.set(2026, 12, 20)
	h.issueAll("amy-00")
	// One account says of its entries what they do not come to.
	h.change(`UPDATE entries SET balance_after = balance_after - 3 WHERE sequence BETWEEN 2 AND 22`)
	r, err := h.IssueDue(t.Context(), payouts.Turn{Book: h.book})
	if err == nil || strings.Count(err.Error(), "the statement of") != mostFailures || !strings.Contains(err.Error(), "21 payees") || r.Items != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := h.Last(t.Context(), h.book, "bea", "GBP"); err != nil {
		t.Errorf("bea: %v", err)
	}
	// A payee with many campaigns that are long over gets its statement, and each of its currencies is known.
	h.change(`INSERT INTO accounts SELECT (jsonb_populate_record(a, jsonb_build_object('id', 2000000 + n, 'address', 'liabilities:donation:pending:cat:c' || n, 'currency', CASE n WHEN 999 THEN 'EUR' ELSE 'GBP' END))).* FROM accounts a, generate_series(1, 1100) n WHERE a.address = 'liabilities:creator:pending:cat'`,
		`INSERT INTO balances SELECT (jsonb_populate_record(b, jsonb_build_object('account_id', 2000000 + n, 'last_sequence', 0))).* FROM balances b JOIN accounts a ON a.book_id = b.book_id AND a.id = b.account_id, generate_series(1, 1100) n WHERE a.address = 'liabilities:creator:pending:cat'`)
	if st, err := h.Days(t.Context(), h.book, "cat", "GBP", "2026-11-01", "2026-12-20"); err != nil || st.Closing() != 100 || len(st.Accounts) != 1 {
		t.Errorf("of many campaigns: %+v, %v", st, err)
	}
	if list, err := h.Currencies(t.Context(), h.book, "cat"); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	// A payee with more accounts than are read.
	h.change(`INSERT INTO accounts SELECT (jsonb_populate_record(a, jsonb_build_object('id', 1000000 + n, 'address', 'liabilities:donation:pending:amy-00:c' || n))).* FROM accounts a, generate_series(1, 5100) n WHERE a.address = 'liabilities:creator:pending:amy-00'`,
		`INSERT INTO balances SELECT (jsonb_populate_record(b, jsonb_build_object('account_id', 1000000 + n))).* FROM balances b JOIN accounts a ON a.book_id = b.book_id AND a.id = b.account_id, generate_series(1, 5100) n WHERE a.address = 'liabilities:creator:pending:amy-00'`,
		`UPDATE entries SET balance_after = balance_after - 3 WHERE account_id = (SELECT id FROM accounts WHERE address = 'liabilities:creator:pending:bea')`)
	var list []Disagreement
	h.ok(h.Disagreements(t.Context(), h.book, func(d Disagreement) error { list = append(list, d); return nil }))
	if len(list) != 2 || list[0].Payee != "amy-00" || !errors.Is(list[0].Unread, ErrLarge) || list[1].Payee != "bea" || list[1].Unread != nil {
		t.Errorf("%+v", list)
	}
}

// TestReinstated takes back that nothing is left of an order of which something is left again.
func TestReinstated(t *testing.T) {
	t.Parallel()
	sums := newTotals()
	add := func(order string, nothing, something bool) {
		sums.add(&cutting{t: &ledger.Transaction{}, head: Line{Order: order}, nothing: nothing, something: something})
	}
	add("A", false, true)
	add("A", true, false)
	add("B", true, false)
	add("B", false, false)
	add("A", false, true)
	if st := sums.sums(); st.NothingCount != 1 || len(st.Nothing) != 1 || st.Nothing[0].Order != "B" {
		t.Errorf("%d, %+v", st.NothingCount, st.Nothing)
	}
}

// TestTurns measures a few files at once, and hands out many at whatever pace they are read.
func TestTurns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "UK", "Europe/London", "GBP")
	h.earn("amy", 100)
	st, _ := h.days("amy", "GBP")
	for i := range mostFiles {
		other := *st
		other.Payee = fmt.Sprint("p", i)
		end, err := h.Begin(&other)
		h.ok(err)
		defer end()
		if i == 4 {
			if _, err := h.Begin(&other); !errors.Is(err, ErrBusy) {
				t.Errorf("a second file of one payee: %v", err)
			}
			if _, err := h.Measure(t.Context(), st, tabular.CSV, tabular.Dialect{}); err != nil {
				t.Errorf("five slow readers keep another from a file: %v", err)
			}
		}
	}
	if _, err := h.Begin(st); !errors.Is(err, ErrBusy) {
		t.Errorf("one more than there may be: %v", err)
	}
	for range mostMeasured {
		end, err := h.turns.measure()
		h.ok(err)
		defer end()
	}
	if _, err := h.Measure(t.Context(), st, JSON, tabular.Dialect{}); !errors.Is(err, ErrBusy) {
		t.Errorf("one more than are measured: %v", err)
	}
}

// TestGolden sees every change of the data form's bytes. A change here means another Schema: what was issued before would be refused as
// changed.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		market, zone, payee string
		play                func(h *house)
		want                string
	}{
		"S2": {"UK", "Europe/London", "cre_amy", (*house).playS2, "67dcd1dec1fa0c979d3352a54dc8aa6d4d3d8dbdcb886cbda6f9de7c32f9664e"},
		"S5": {"US", "America/Chicago", "sel_wh", (*house).playS5, "5c1de4c9607b8dac3348c1f5d61d72766c513c9e370010be7adfa887f45614fe"},
		"S7": {"UK", "Europe/London", "ngo_a", func(h *house) { h.set(2027, 1, 31); h.playS7() }, "0e40fd12eb12322886b374a812cffcdca73fe9bad4e1dd41b6a4112b1e5af30c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := map[string]string{"UK": "GBP", "US": "USD"}[x.market]
			h := newHouse(t, x.market, x.zone, money.Currency(c))
			x.play(h)
			st, _ := h.days(x.payee, money.Currency(c))
			if got := fmt.Sprintf("%x", sha256.Sum256([]byte(h.file(st, JSON)))); got != x.want {
				t.Errorf("its data form has the SHA-256 %s", got)
			}
		})
	}
}
