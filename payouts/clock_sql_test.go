package payouts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// zonesOfMarkets are the eight markets' zones, each with days around a change of its clocks where it has one. Two markets have
// no rules that anybody signed; their zones are tried with the rules of another.
var zonesOfMarkets = []struct {
	market, zone, currency string
	delivered              []string
}{
	{"US", "America/New_York", "USD", []string{"2027-03-03T09:00", "2027-03-06T23:59", "2027-03-13T12:00", "2027-10-30T00:00"}},
	{"UK", "Europe/London", "GBP", []string{"2027-03-03T09:00", "2027-03-20T23:30", "2027-10-23T00:30"}},
	{"ID", "Asia/Jakarta", "IDR", []string{"2027-03-03T09:00"}},
	{"MY", "Asia/Kuala_Lumpur", "MYR", []string{"2027-03-03T23:59"}},
	{"US", "Asia/Manila", "USD", []string{"2027-03-03T00:00"}},
	{"SG", "Asia/Singapore", "SGD", []string{"2027-03-03T09:00"}},
	{"US", "Asia/Bangkok", "USD", []string{"2027-03-03T09:00"}},
	{"VN", "Asia/Ho_Chi_Minh", "VND", []string{"2027-03-03T09:00"}},
}

// TestSettlesOnItsDay: an order delivered on a local day settles at 00:00 local of the day N + 1 days after it, not a minute
// before, whatever the clocks do meanwhile.
func TestSettlesOnItsDay(t *testing.T) {
	t.Parallel()
	for _, z := range zonesOfMarkets {
		t.Run(z.zone, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(z.zone)
			if err != nil {
				t.Fatal(err)
			}
			h := newTimeHouse(t, z.market, z.zone, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), money.Currency(z.currency))
			set, err := h.rulesInForce()
			if err != nil {
				t.Fatal(err)
			}
			days := set.Policies.Settlement.Tiers[set.Policies.Settlement.Tier]
			for i, text := range z.delivered {
				at, err := time.ParseInLocation("2006-01-02T15:04", text, zone)
				if err != nil {
					t.Fatal(err)
				}
				order := fmt.Sprint("o", i)
				h.move(at.AddDate(0, 0, -2))
				h.sell(order, "s", money.Currency(z.currency), "100")
				h.move(at.Add(time.Minute))
				h.deliver(order, at)
				due := time.Date(at.Year(), at.Month(), at.Day()+days+1, 0, 0, 0, 0, zone)
				h.move(due.Add(-time.Minute))
				h.tick()
				if got := h.doneAt("order.settled", "order:"+order); len(got) != 0 {
					t.Fatalf("%s settled before %s", text, due)
				}
				h.move(due)
				h.tick()
				if got := h.doneAt("order.settled", "order:"+order); len(got) != 1 {
					t.Fatalf("%s: settled %d times at %s\n%s", text, len(got), due, h.rows("payout_clocks"))
				}
				h.tick()
				if got := h.doneAt("order.settled", "order:"+order); len(got) != 1 {
					t.Fatalf("%s: settled %d times", text, len(got))
				}
			}
			if left := h.rows("payout_clocks"); left != "" {
				t.Fatalf("clocks are left:\n%s", left)
			}
		})
	}
}

// TestThirdOfMarch is the worked example: delivered 3 March, seven days, due 11 March; with a case open, at the first run
// after it closes.
func TestThirdOfMarch(t *testing.T) {
	t.Parallel()
	zone, _ := time.LoadLocation("America/New_York")
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 9, 0, 0, 0, zone), "USD")
	for _, order := range []string{"plain", "case"} {
		h.sell(order, "s", "USD", "100.00")
		h.move(h.time().Add(time.Hour))
	}
	h.move(time.Date(2027, 3, 3, 12, 0, 0, 0, zone))
	h.deliver("plain", h.time())
	h.deliver("case", h.time())
	h.tick()
	h.move(time.Date(2027, 3, 5, 12, 0, 0, 0, zone))
	h.post("after_sales.opened", `{"order":"case","case":"C1"}`)
	h.tick()
	waits, err := h.Waits(t.Context(), h.book, "s", Wait{}, 10)
	if err != nil || len(waits) != 2 {
		t.Fatal(waits, err)
	}
	eleventh := time.Date(2027, 3, 11, 0, 0, 0, 0, zone)
	for _, w := range waits {
		if !w.DueAt.Equal(eleventh) || w.Amount <= 0 {
			t.Errorf("waits until %s for %d", w.DueAt, w.Amount)
		}
	}
	h.move(eleventh)
	h.tick()
	if len(h.doneAt("order.settled", "order:plain")) != 1 || len(h.doneAt("order.settled", "order:case")) != 0 {
		t.Fatal("on 11 March the one settles and the other does not")
	}
	h.move(time.Date(2027, 3, 14, 15, 1, 0, 0, zone))
	h.tick()
	h.post("after_sales.closed", `{"order":"case","case":"C1","outcome":"rejected"}`)
	h.move(h.time().Add(4 * time.Minute))
	h.tick()
	if len(h.doneAt("order.settled", "order:case")) != 1 {
		t.Fatalf("it settles at the first run after the case closed:\n%s", h.rows("payout_clocks"))
	}
}

// TestBackDatedDelivery: a delivery that becomes known late moves the clock back, and what is overdue settles at once.
func TestBackDatedDelivery(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC), "USD")
	h.sell("o", "s", "USD", "100.00")
	h.tick()
	h.move(h.time().AddDate(0, 0, 18))
	h.tick()
	h.deliver("o", h.time().AddDate(0, 0, -14))
	h.tick()
	if len(h.doneAt("order.settled", "order:o")) != 1 {
		t.Fatalf("overdue:\n%s", h.rows("payout_clocks"))
	}
}

// life lives weeks of orders, gifts and cases with every step drawn from the seed, and does the works by do.
func (h *timeHouse) life(r *rand.Rand, days int, do func()) (orders []string) {
	h.t.Helper()
	type step struct {
		day int
		do  func()
	}
	var plan []step
	add := func(day int, do func()) { plan = append(plan, step{day, do}) }
	for n := range 14 {
		order := fmt.Sprint("o", n)
		orders = append(orders, order)
		sold := r.IntN(10)
		add(sold, func() { h.sell(order, fmt.Sprint("s", n%3), "USD", fmt.Sprintf("%d.00", 10+n)) })
		delivered := sold + 1 + r.IntN(5)
		known := delivered + r.IntN(4)*r.IntN(2)*3
		hour := time.Duration(r.IntN(24)) * time.Hour
		add(known, func() {
			h.deliver(order, h.time().AddDate(0, 0, delivered-known).Truncate(24*time.Hour).Add(min(hour, 4*time.Hour)))
		})
		if r.IntN(4) == 0 {
			opened := delivered + r.IntN(4)
			add(max(opened, known), func() { h.try("after_sales.opened", `{"order":%q,"case":"C"}`, order) })
			add(max(opened, known)+1+r.IntN(12), func() { h.try("after_sales.closed", `{"order":%q,"case":"C","outcome":"rejected"}`, order) })
		}
		if r.IntN(4) == 0 {
			add(sold+1+r.IntN(9), func() { h.try("refund.made", `{"order":%q,"refund":"R","amount":"2.00"}`, order) })
		}
	}
	for day := range days {
		h.move(time.Date(2027, 3, 1+day, 5, 0, 0, 0, time.UTC)) // after midnight in New York
		do()
		h.move(time.Date(2027, 3, 1+day, 17, 0, 0, 0, time.UTC))
		for _, s := range plan {
			if s.day == day {
				s.do()
			}
		}
		do()
	}
	return orders
}

// TestEveryOrderSettlesOnce lives random weeks, and every order settles exactly once, on its day or at the first work after
// what kept it; the clocks made again of the feed are the same to the byte on every day.
func TestEveryOrderSettlesOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), "USD")
			day := 0
			orders := h.life(rand.New(rand.NewPCG(seed, 7)), 45, func() {
				h.tick()
				if day++; day%9 != 0 {
					return
				}
				before := h.rows("payout_clocks") + "\n" + h.rows("payout_waits") + "\n" + h.rows("payout_cursors")
				if err := h.Rebuild(t.Context(), h.book); err != nil {
					t.Fatal(err)
				}
				h.work(h.Feed)
				if after := h.rows("payout_clocks") + "\n" + h.rows("payout_waits") + "\n" + h.rows("payout_cursors"); after != before {
					t.Fatalf("made again:\n%s\n\nwas:\n%s", after, before)
				}
			})
			h.settledOnce(orders)
		})
	}
}

// settledOnce holds every order to one settlement that left nothing pending.
func (h *timeHouse) settledOnce(orders []string) {
	h.t.Helper()
	for _, order := range orders {
		if got := h.doneAt("order.settled", "order:"+order); len(got) != 1 {
			h.t.Errorf("%s settled %d times", order, len(got))
		}
	}
	if left := h.rows("payout_clocks"); left != "" {
		h.t.Errorf("clocks are left:\n%s", left)
	}
	for n := range 3 {
		if m := h.balance(fmt.Sprint("liabilities:seller:pending:s", n), "USD"); m != 0 {
			h.t.Errorf("%d is still pending", m)
		}
	}
}

// TestKilledAnywhere: works that are killed before any of their transactions, and others that run beside them, come out as
// if nothing had happened.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), "USD")
			r := rand.New(rand.NewPCG(seed, 11))
			other := h.replica()
			orders := h.life(r, 45, func() {
				dying := []Turn{h.dying(r.IntN(4)), h.dying(r.IntN(4)), h.dying(r.IntN(4)), h.turn()}
				var all sync.WaitGroup
				for i, s := range []*Service{h.Service, other} {
					all.Go(func() {
						for _, turn := range dying[2*i : 2*i+2] {
							for _, do := range []func() (Report, error){
								func() (Report, error) { return s.Feed(t.Context(), turn) },
								func() (Report, error) { return s.Release(t.Context(), turn) },
							} {
								if _, err := do(); err != nil && !errors.Is(err, errKilled) {
									t.Error(err)
								}
							}
						}
					})
				}
				all.Wait()
			})
			h.tick()
			h.settledOnce(orders)
		})
	}
}

// TestOneThatCannotKeepsNobody: what cannot be released is tried again with growing pauses, waits for people at last, and
// keeps nobody else; news of it bring it back.
func TestOneThatCannotKeepsNobody(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.sell("first", "s2", "USD", "1.00")
	h.deliver("first", h.time().AddDate(0, 0, -9))
	h.tick()
	for i := range 5 {
		h.sell(fmt.Sprint("o", i), fmt.Sprint("s", i), "USD", "100.00")
		h.deliver(fmt.Sprint("o", i), h.time())
	}
	h.exec(`UPDATE accounts SET state = 'closed' WHERE address = 'liabilities:seller:available:s2'`)
	h.move(h.time().AddDate(0, 0, 8))
	h.tick()
	for i := range 5 {
		if got := len(h.doneAt("order.settled", fmt.Sprint("order:o", i))); (got == 1) == (i == 2) {
			t.Errorf("o%d settled %d times", i, got)
		}
	}
	for range 400 {
		h.move(h.time().Add(10 * time.Minute))
		h.work(h.Release)
	}
	if rows := h.rows("payout_clocks"); !strings.Contains(rows, "account-closed") || strings.Count(rows, "\n") != 0 {
		t.Fatal(rows)
	}
	list, err := h.listClocks(t.Context(), h.book, h.time(), time.Time{}, "", "", false, true, 10)
	if err != nil || len(list) != 1 || !list[0].Parked() || !list[0].LookAt.IsZero() {
		t.Fatal(list, err)
	}
	h.exec(`UPDATE accounts SET state = 'open' WHERE address = 'liabilities:seller:available:s2'`)
	h.post("after_sales.opened", `{"order":"o2","case":"C"}`)
	h.post("after_sales.closed", `{"order":"o2","case":"C","outcome":"rejected"}`)
	h.tick()
	if got := len(h.doneAt("order.settled", "order:o2")); got != 1 {
		t.Fatalf("settled %d times\n%s", got, h.rows("payout_clocks"))
	}
}

// TestEverythingElseIsReleased: what is earned without an order of ours is released after its days, an import after its
// window and once it is paid for, donations after theirs and without those that are held, and a reserve on its day unless a
// dispute keeps it.
func TestEverythingElseIsReleased(t *testing.T) {
	t.Parallel()
	zone, _ := time.LoadLocation("Europe/London")
	start := time.Date(2027, 3, 1, 9, 0, 0, 0, zone)
	h := newTimeHouse(t, "UK", "Europe/London", start, "GBP")
	day := func(n, hour int) time.Time { return time.Date(2027, 3, 1+n, hour, 0, 0, 0, zone) }
	h.post("tip.sent", `{"tip":"T","creator":"c","currency":"GBP","amount":"5.00","processor":"main","payment_id":"pt"}`)
	h.post("coins.purchased", `{"purchase":"P","store":"apple","currency":"GBP","amount":"20.00","store_fee":"6.00"}`)
	h.post("gift.sent", `{"gift":"G","creator":"c","currency":"GBP","amount":"10.00","share":"0.5","hold_days":3}`)
	h.post("import.order_paid", `{"order":"I","source":"shopify","seller":"i","currency":"GBP","paid_at":%q,"lines":[{"line":"1","amount":"100.00"}],"creators":[{"creator":"ci","weight":"1"}],"commission_rate":"0.10","platform_rate":"0.02","return_window_days":14,"release":"when_funded"}`, start.Format(time.RFC3339))
	if r := h.events.Publish(t.Context(), h.book, campaign(t, `{"id":"c1","kind":"humanitarian","currency":"GBP","beneficiaries":[{"payee":"a","weight":"2"},{"payee":"b","weight":"1"}],"fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":5}`)); r.Err != nil {
		t.Fatal(r.Err)
	}
	h.post("donation.received", `{"donation":"D","campaign":"c1","currency":"GBP","amount":"30.00","payments":[{"processor":"main","payment_id":"pd","amount":"30.00"}]}`)
	h.post("donation.held", `{"campaign":"c1","beneficiary":"b","reason":"sanctions_check"}`)
	rate, days := "0.10", 20
	for _, order := range []string{"r1", "r2"} {
		h.sell(order, "s", "GBP", "100.00")
		h.deliver(order, h.time())
		if r := h.events.Settle(t.Context(), h.book, order, commerce.Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	h.post("dispute.opened", `{"order":"r2","dispute":"dp","payment_id":"pi-r2","amount":"100.00","fee":"15.00"}`)
	pending := func() string {
		return fmt.Sprint(h.balance("liabilities:creator:pending:c", "GBP"), " ", h.balance("liabilities:creator:pending:ci", "GBP") > 0, " ",
			h.balance("liabilities:donation:available:a:c1", "GBP") > 0, " ", h.balance("liabilities:donation:available:b:c1", "GBP") > 0)
	}
	reserved := h.balance("liabilities:seller:reserve:s", "GBP")
	h.tick()
	first := pending()
	for _, step := range []struct {
		name string
		at   time.Time
		want func(before, after string) bool
	}{
		{"nothing on the first days", day(2, 23), func(b, a string) bool { return a == b }},
		{"the gift after three days", day(3, 0), func(b, a string) bool { return a != b && a[0] != '0' }},
		{"the donation after five", day(5, 10), func(b, a string) bool { return a != b && strings.HasSuffix(a, "true true false") }},
		{"the tip after seven", day(7, 0), func(b, a string) bool { return strings.HasPrefix(a, "0 ") }},
		{"the import is not paid for", day(15, 1), func(b, a string) bool { return a == b }},
	} {
		h.move(step.at)
		h.tick()
		after := pending()
		if !step.want(first, after) {
			t.Errorf("%s: %s, after %s\n%s", step.name, after, first, h.rows("payout_clocks"))
		}
		first = after
	}
	h.move(day(19, 23))
	h.tick()
	if got := h.balance("liabilities:seller:reserve:s", "GBP"); got != reserved {
		t.Errorf("reserved %d of %d before the day", got, reserved)
	}
	h.move(day(20, 0))
	h.tick()
	if got := h.balance("liabilities:seller:reserve:s", "GBP"); got != reserved/2 {
		t.Errorf("reserved %d of %d: one is over, a dispute keeps the other\n%s", got, reserved, h.rows("payout_clocks"))
	}
	h.post("dispute.closed", `{"dispute":"dp","outcome":"won"}`)
	h.tick()
	if got := h.balance("liabilities:seller:reserve:s", "GBP"); got != 0 {
		t.Errorf("reserved %d after the dispute\n%s", got, h.rows("payout_clocks"))
	}
	h.post("donation.hold_released", `{"campaign":"c1","beneficiary":"b","reason":"cleared"}`)
	h.tick()
	if got := pending(); !strings.HasSuffix(got, "true true") {
		t.Errorf("the hold is over: %s\n%s", got, h.rows("payout_clocks"))
	}
}

// TestUnreadable: a subject whose books cannot be read waits for people and keeps nobody else.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.sell("good", "s", "USD", "100.00")
	h.deliver("good", h.time())
	out := h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: "strange", Drafts: []ledger.Draft{{Event: "import.order_paid", Subject: "import:bad", Explanation: []byte(`{"h":"` + strings.Repeat("A", 43) + `","v":1,"d":7}`),
		Lines: []ledger.Line{{Account: "liabilities:seller:pending:s", Amount: 1, Currency: "USD"}, {Account: "revenue:payout_fee", Amount: -1, Currency: "USD"}}}}})
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	h.move(h.time().AddDate(0, 0, 9))
	h.tick()
	if len(h.doneAt("order.settled", "order:good")) != 1 {
		t.Fatalf("the other was kept:\n%s", h.rows("payout_clocks"))
	}
	list, err := h.Clocks(t.Context(), h.book, ClocksParked, Clock{}, 10)
	if err != nil || len(list) != 1 || list[0].Subject != "import:bad" || list[0].Act != actRead || list[0].Why != "internal" {
		t.Fatalf("%v %v\n%s", list, err, h.rows("payout_clocks"))
	}
}

// TestFiftyAtOnce: fifty turns at the same moment settle every order once and lose nothing.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	var orders []string
	for i := range 12 {
		orders = append(orders, fmt.Sprint("o", i))
		h.sell(orders[i], fmt.Sprint("s", i%3), "USD", "100.00")
		h.deliver(orders[i], h.time())
	}
	h.move(h.time().AddDate(0, 0, 9))
	other := h.replica()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			s := []*Service{h.Service, other}[i%2]
			do := []func(context.Context, Turn) (Report, error){s.Feed, s.Release, s.Recover, s.Treasury}[i%4]
			if _, err := do(t.Context(), h.turn()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	h.tick()
	h.settledOnce(orders)
	list, err := h.Proposals(t.Context(), h.book, "open", Proposal{}, 10)
	if err != nil || len(list) > 1 {
		t.Error(list, err)
	}
}

// TestTheDatabaseRefuses: what the tables must never hold cannot be written by the service's own role.
func TestTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.sell("o", "s", "USD", "100.00")
	h.owes("debtor", 5_00)
	h.work(h.Feed, h.Recover, h.Treasury)
	for name, sql := range map[string]string{
		"a cursor below zero":          `UPDATE payout_cursors SET sequence = -1 WHERE book_id = $1`,
		"another reader's name":        `UPDATE payout_cursors SET name = 'other' WHERE book_id = $1`,
		"tries below zero":             `UPDATE payout_clocks SET tries = -1 WHERE book_id = $1`,
		"a clock without end":          `UPDATE payout_clocks SET due_at = 'infinity' WHERE book_id = $1`,
		"a wait without clock":         `UPDATE payout_waits SET subject = 'order:none' WHERE book_id = $1`,
		"a debt of nothing":            `UPDATE payout_debts SET amount = 0 WHERE book_id = $1`,
		"another amount of a proposal": `UPDATE treasury_proposals SET amount = 1 WHERE book_id = $1`,
		"a state that there is not":    `UPDATE treasury_proposals SET state = 'paid' WHERE book_id = $1`,
		"no proposals":                 `DELETE FROM treasury_proposals WHERE book_id = $1`,
		"two open proposals of one":    `INSERT INTO treasury_proposals SELECT book_id, 'tp_0123456789abcdef', kind, currency, amount, object, reason, state, created_at, NULL FROM treasury_proposals WHERE book_id = $1`,
	} {
		err := h.pool.Tx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), sql, h.book.ID)
			return err
		})
		if err == nil {
			t.Errorf("the database takes %s", name)
		}
	}
}
