package payouts

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// settled is an order that is settled with a reserve of a tenth for thirty days.
func (h *timeHouse) settled(order, seller, amount string) {
	h.t.Helper()
	h.sell(order, seller, "USD", amount)
	h.deliver(order, h.time())
	rate, days := "0.10", 30
	if r := h.events.Settle(h.t.Context(), h.book, order, commerce.Settlement{ReserveRate: &rate, ReserveDays: &days}); r.Err != nil {
		h.t.Fatal(r.Err)
	}
}

// owes charges a seller so that exactly an amount is missing.
func (h *timeHouse) owes(seller string, missing money.Minor) {
	h.t.Helper()
	h.post("charge.recorded", `{"kind":"warehouse.storage_charged","party":%q,"currency":"USD","amount":%q}`, seller, (h.available(seller) + missing).Format("USD"))
}

func (h *timeHouse) available(seller string) money.Minor {
	h.t.Helper()
	return h.balance("liabilities:seller:available:"+seller, "USD")
}

func (h *timeHouse) reserve(seller string) money.Minor {
	h.t.Helper()
	return h.balance("liabilities:seller:reserve:"+seller, "USD")
}

// owned says to whom a shop belongs, and by which document the owner agreed.
func (h *timeHouse) owned(shop, owner, setOff string) {
	h.t.Helper()
	h.exec(`INSERT INTO payout_standings (book_id, payee, version, verification, business, owner, set_off, recorded_at)
		SELECT $1, $2, coalesce(max(version), 0) + 1, 'verified', 'open', $3, $4, now() FROM payout_standings WHERE book_id = $1 AND payee = $2`, h.book.ID, shop, owner, setOff)
}

func (h *timeHouse) theDebt(seller string) (d Debt) {
	h.t.Helper()
	list, err := h.debtsIn(h.t.Context(), h.book, "seller", Holder{}, Holder{})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range list {
		if x.ID == seller {
			return x
		}
	}
	return d
}

func newDebtHouse(t *testing.T) *timeHouse {
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.settled("a1", "a", "100.00")
	h.move(h.time().AddDate(0, 0, 1))
	h.settled("a2", "a", "50.00")
	h.settled("b1", "b", "400.00")
	h.settled("c1", "c", "400.00")
	h.post("seller_deposit.received", `{"deposit":"D","seller":"a","processor":"main","payment_id":"pi-d","currency":"USD","amount":"20.00"}`)
	h.work(h.Feed)
	return h
}

// TestRecoveryOrder: the reserves of other orders first, those that end first before the others, then the deposit, then
// another shop of the same owner who agreed; what is left is a debt with its day, its stage, and a card to charge.
func TestRecoveryOrder(t *testing.T) {
	t.Parallel()
	h := newDebtHouse(t)
	h.owned("a", "own", "CONSENT-1")
	h.owned("b", "own", "CONSENT-1")
	h.owned("c", "own", "")
	reserves, other := h.reserve("a"), h.available("b")
	a1 := int64(0)
	if err := h.pool.QueryRow(t.Context(), `SELECT amount FROM payout_waits WHERE book_id = $1 AND subject = 'order:a1' AND act = 'reserve'`, h.book.ID).Scan(&a1); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name             string
		missing          money.Minor
		reserve, deposit money.Minor
		other            money.Minor
		left             money.Minor
		tried            string
	}{
		{"a part of the first reserve", 3_00, reserves - 3_00, 20_00, other, 0, ""},
		{"the rest of it and more", money.Minor(a1), reserves - 3_00 - money.Minor(a1), 20_00, other, 0, ""},
		{"the deposit", reserves - 3_00 - money.Minor(a1) + 15_00, 0, 5_00, other, 0, ""},
		{"the other shop", 5_00 + 40_00, 0, 0, other - 40_00, 0, ""},
		{"more than there is", other - 40_00 + 77_00, 0, 0, 0, 77_00, RecoverOtherShops},
	}
	for _, step := range steps {
		h.move(h.time().Add(24 * time.Hour))
		h.owes("a", step.missing)
		h.work(h.Feed, h.Recover, h.Feed)
		got := []money.Minor{h.reserve("a"), h.balance("liabilities:seller_deposit:a", "USD"), h.available("b"), -h.available("a")}
		if want := []money.Minor{step.reserve, step.deposit, step.other, step.left}; !slices.Equal(got, want) {
			t.Fatalf("%s: reserve, deposit, other shop, missing are %d, want %d", step.name, got, want)
		}
		if d := h.theDebt("a"); d.Amount != step.left || strings.Join(d.Tried, " ") != step.tried {
			t.Fatalf("%s: %+v", step.name, d)
		}
		before := h.rows("transactions")
		h.work(h.Recover)
		if h.rows("transactions") != before {
			t.Fatalf("%s: the second time recovers again", step.name)
		}
	}
	if got := h.available("c"); got < 300_00 {
		t.Errorf("a shop whose owner did not agree paid: %d left", got)
	}
	d := h.theDebt("a")
	if !d.Since.Equal(h.time()) {
		t.Errorf("since %s, want %s", d.Since, h.time())
	}
	list, err := h.proposalsAfter(t.Context(), h.book, "open", Proposal{}, 10)
	if err != nil || len(list) != 1 || list[0].Kind != ProposeCard || list[0].Amount != 77_00 || list[0].Object != "seller:a" {
		t.Fatal(list, err)
	}
	// The next credits pay first, and then nothing stands any more.
	h.settled("a3", "a", "300.00")
	h.work(h.Feed, h.Recover)
	if d := h.theDebt("a"); d.Amount != 0 || h.available("a") <= 0 {
		t.Fatal(d, h.available("a"))
	}
	if list, err = h.proposalsAfter(t.Context(), h.book, "open", Proposal{}, 10); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
}

// TestNothingWithoutConsent: without a document of the owner only the shop's own reserves pay; a shop whose money is held
// pays nothing, and neither does one of another owner.
func TestNothingWithoutConsent(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(h *timeHouse){
		"nobody":        func(h *timeHouse) {},
		"no document":   func(h *timeHouse) { h.owned("a", "own", ""); h.owned("b", "own", "DOC") },
		"other owner":   func(h *timeHouse) { h.owned("a", "own", "DOC"); h.owned("b", "else", "DOC") },
		"withdrawn":     func(h *timeHouse) { h.owned("a", "own", "DOC"); h.owned("b", "own", "DOC"); h.owned("b", "own", "") },
		"sold the shop": func(h *timeHouse) { h.owned("a", "own", "DOC"); h.owned("b", "own", "DOC"); h.owned("b", "new", "DOC") },
		"held": func(h *timeHouse) {
			h.owned("a", "own", "DOC")
			h.owned("b", "own", "DOC")
			h.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, 'h1', 'seller', 'b', '', 'pause', 'legal', 'K', now())`, h.book.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newDebtHouse(t)
			prepare(h)
			other := h.available("b")
			h.owes("a", 500_00)
			h.work(h.Feed, h.Recover)
			if h.available("b") != other || h.reserve("a") != 0 {
				t.Errorf("the other shop has %d of %d; %d reserved", h.available("b"), other, h.reserve("a"))
			}
		})
	}
	h := newDebtHouse(t)
	h.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, 'h1', 'seller', 'a', 'USD', 'everything', 'legal', 'K', now())`, h.book.ID)
	reserved := h.reserve("a")
	h.owes("a", 5_00)
	h.work(h.Feed, h.Recover)
	if h.reserve("a") != reserved {
		t.Error("money that everything is held of paid a debt")
	}
}

// TestDebtAges: a debt counts from the moment at which all that is kept of the payee fell below zero, whatever came and went
// since, and is proposed to be written off only after its days and when nothing is left.
func TestDebtAges(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), "USD")
	charge := func(amount string) {
		h.post("charge.recorded", `{"kind":"warehouse.storage_charged","party":"a","currency":"USD","amount":%q}`, amount)
	}
	charge("10.00")
	first := h.time()
	for day := range 30 {
		h.move(first.AddDate(0, 0, day+1))
		charge("1.00")
		if day == 12 {
			h.work(h.Recover)
		}
	}
	h.work(h.Recover)
	if d := h.theDebt("a"); d.Amount != 40_00 || !d.Since.Equal(first) || d.Stage != "" {
		t.Fatalf("%+v", d)
	}
	h.settled("o", "a", "90.00")
	h.work(h.Recover)
	if d := h.theDebt("a"); d.Amount != 0 {
		t.Fatalf("%+v", d)
	}
	h.move(h.time().AddDate(0, 0, 1))
	second := h.time()
	h.owes("a", h.reserve("a")+1_500_00)
	h.move(second.AddDate(0, 0, 179))
	h.work(h.Feed, h.Recover)
	d := h.theDebt("a")
	if !d.Since.Equal(second) || d.Amount != 1_500_00 {
		t.Fatalf("%+v, want since %s", d, second)
	}
	if list, _ := h.proposalsAfter(t.Context(), h.book, "open", Proposal{}, 10); len(list) != 0 {
		t.Fatal(list)
	}
	h.move(second.AddDate(0, 0, 181))
	h.work(h.Recover)
	list, err := h.proposalsAfter(t.Context(), h.book, "open", Proposal{}, 10)
	if err != nil || len(list) != 1 || list[0].Kind != ProposeWriteOff || list[0].Amount != 1_500_00 {
		t.Fatal(list, err)
	}
	if -h.available("a") != 1_500_00 {
		t.Error("a debt was written off by itself")
	}
}

// TestRecoveryKilledAnywhere: recoveries that are killed and run twice at once take everything once.
func TestRecoveryKilledAnywhere(t *testing.T) {
	t.Parallel()
	h := newDebtHouse(t)
	h.owned("a", "own", "DOC")
	h.owned("b", "own", "DOC")
	h.owes("a", 60_00)
	reserved, other := h.reserve("a"), h.available("b")
	replica := h.replica()
	for n := range 12 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = replica.Recover(t.Context(), h.dying(n))
		}()
		_, _ = h.Recover(t.Context(), h.dying(n/2))
		<-done
	}
	h.work(h.Recover)
	if left := h.available("b"); h.available("a") != 0 || h.reserve("a") != 0 || left != other-(60_00-reserved-20_00) {
		t.Fatalf("missing %d, reserved %d, the other shop has %d of %d", -h.available("a"), h.reserve("a"), left, other)
	}
}

// TestProposals: what the books and the policy make possible is proposed once, replaced by another amount, and done when its
// event is posted.
func TestProposals(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), "USD")
	open := func() (text string) {
		t.Helper()
		list, err := h.proposalsAfter(t.Context(), h.book, "open", Proposal{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			text += fmt.Sprint(p.Kind, " ", p.Object, " ", p.Amount.Format(p.Currency), "; ")
		}
		return text
	}
	h.settled("o", "s", "100.00")
	h.work(h.Treasury)
	report, err := h.events.Coverage(t.Context(), h.book, "USD")
	if err != nil {
		t.Fatal(err)
	}
	sweepable := report.Currencies[0].Totals.Sweepable
	if want := "sweep  " + sweepable + "; "; open() != want || sweepable == "0.00" {
		t.Fatalf("%q, want %q", open(), want)
	}
	before := h.rows("treasury_proposals")
	h.move(h.time().AddDate(0, 0, 1))
	h.work(h.Treasury)
	if h.rows("treasury_proposals") != before {
		t.Fatal("the same is proposed again")
	}
	h.post("processor.funds_available", `{"processor":"main","currency":"USD","amount":"100.00"}`)
	h.post("treasury.swept", `{"transfer":"T1","purpose":"own","processor":"main","bank":"main","currency":"USD","amount":%q}`, sweepable)
	h.work(h.Feed)
	if open() != "" || !strings.Contains(h.rows("treasury_proposals"), "done") {
		t.Fatal(h.rows("treasury_proposals"))
	}
	h.post("treasury.landed", `{"transfer":"T1"}`)
	h.post("refund.made", `{"order":"o","refund":"R","full":true,"fault":"platform"}`)
	h.owes("s", 30_00)
	h.work(h.Treasury)
	if got := open(); !strings.HasPrefix(got, "top_up") {
		t.Fatalf("%q\n%s", got, h.rows("treasury_proposals"))
	}
}

// TestSameOrderFirst: of a refund after everything was paid, the reserve of the same order pays first, then what comes in,
// and only then the reserves of other orders (W-22, S5).
func TestSameOrderFirst(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	h.settled("a1", "a", "100.00")
	own := h.reserve("a")
	share := h.available("a") + own
	h.settled("a2", "a", "50.00")
	other := h.reserve("a") - own
	h.owes("a", 0) // all is gone
	before := h.available("a")
	if before != 0 {
		t.Fatal(before)
	}
	h.post("refund.made", `{"order":"a1","refund":"R","full":true,"fault":"seller"}`)
	h.work(h.Feed)
	missing := -h.available("a")
	if h.reserve("a") != other || missing < share-own {
		t.Fatalf("reserved %d, want %d; missing %d of a share of %d", h.reserve("a"), other, missing, share)
	}
	h.settled("a3", "a", "60.00")
	come := h.reserve("a") - other
	left := -h.available("a")
	if left <= 0 || left >= missing {
		t.Fatalf("missing %d, was %d", left, missing)
	}
	h.work(h.Feed, h.Recover)
	taken := min(left, other+come)
	if h.reserve("a") != other+come-taken || -h.available("a") != left-taken {
		t.Fatalf("reserved %d, missing %d; %d was missing", h.reserve("a"), -h.available("a"), left)
	}
	if d := h.theDebt("a"); d.Amount != left-taken {
		t.Fatalf("%+v", d)
	}
}
