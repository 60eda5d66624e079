package commerce

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// nursery is a book with a guardian, a minor and a seller who has money.
func nursery(t testing.TB, rate string) *workbench {
	t.Helper()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	for _, p := range []Payee{
		{ID: "gua", Kind: payeeGuardian, Country: "US", Currency: "USD"},
		{ID: "kid", Kind: "creator", Country: "US", Currency: "USD", Minor: true, Guardian: "gua", TrustRate: rate},
	} {
		if _, created, err := w.RegisterPayee(t.Context(), tester, w.book, p); err != nil || !created {
			t.Fatal(created, err)
		}
	}
	w.raw(t, "opening.balance", "funds", "USD", "assets:processor:available:main", 10_000_000, "liabilities:seller:available:s", -10_000_000)
	return w
}

func (w *workbench) held(t testing.TB, a ledger.Address) money.Minor {
	t.Helper()
	m, err := w.balance(t.Context(), w.book, a, "USD")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// kidCommission is a commission in a random history: what is left of it, and whether it was released.
type kidCommission struct {
	id       string
	left     int
	released bool
}

// target is what must be set aside of the commission.
func (k *kidCommission) target(t *testing.T, rate string) money.Minor {
	t.Helper()
	m, err := money.MustRate(rate).Of(money.Minor(k.left), money.Ceil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTrustRaces deposits, claws back, refunds and disburses from two services at once: what was deposited stays covered.
func TestTrustRaces(t *testing.T) {
	t.Parallel()
	w := nursery(t, "0.5")
	doors := []*workbench{w, w.another(t)}
	for round := range 3 {
		for i := range 10 {
			id := fmt.Sprintf("C%d-%d", round, i)
			w.post(t, "commission.earned", id, fmt.Sprintf(`{"commission":%q,"seller":"s","creator":"kid","currency":"USD","amount":"10.00"}`, id))
			if r := w.Release(t.Context(), w.book, Release{Source: "commission:" + id}); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		results := make([]Result, 30)
		together(len(results), func(i int) {
			reference := fmt.Sprintf("%d-%d", round, i)
			kind, data := "commission.clawback", fmt.Sprintf(`{"commission":"C%d-%d","amount":"10.00"}`, round, i%10)
			switch i % 3 {
			case 1:
				kind, data = "minor_trust.deposited", fmt.Sprintf(`{"deposit":%q,"creator":"kid","currency":"USD","amount":"4.00","processor":"main"}`, reference)
			case 2:
				kind, data = "minor_trust.disbursed", fmt.Sprintf(`{"disbursement":%q,"creator":"kid","custodian":"bank","currency":"USD","amount":"3.00"}`, reference)
			}
			results[i] = doors[i%2].Post(t.Context(), w.book, event(t, kind, reference, data))
		})
		for i, r := range results {
			if r.Err != nil && fault.CodeOf(r.Err) != ErrTrustExceeded.Code {
				t.Errorf("%d: %v", i, r.Err)
			}
		}
		trust, bank := w.held(t, "liabilities:creator:minor_trust:kid"), -w.held(t, "assets:bank:trust:kid")
		if trust < bank || bank < 0 {
			t.Errorf("round %d: the trust holds %d, its bank account %d", round, trust, bank)
		}
	}
	w.verified(t)
}

// TestTrustsTogether posts two claw-backs and a deposit as one: the dry run, the group and one after the other agree.
func TestTrustsTogether(t *testing.T) {
	t.Parallel()
	events := func(t *testing.T) []Event {
		return []Event{
			event(t, "commission.clawback", "1", `{"commission":"A","amount":"10.00"}`),
			event(t, "minor_trust.deposited", "2", `{"deposit":"D","creator":"kid","currency":"USD","amount":"25.00","processor":"main"}`),
			event(t, "commission.clawback", "3", `{"commission":"B","amount":"40.00"}`),
		}
	}
	prepared := func() *workbench {
		w := nursery(t, "0.15")
		for _, id := range []string{"A", "B"} {
			w.post(t, "commission.earned", id, fmt.Sprintf(`{"commission":%q,"seller":"s","creator":"kid","currency":"USD","amount":"100.00"}`, id))
			if r := w.Release(t.Context(), w.book, Release{Source: "commission:" + id}); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		return w
	}
	w, single := prepared(), prepared()
	dry, err := w.DryRun(t.Context(), w.book, events(t), true)
	if err != nil {
		t.Fatal(err)
	}
	atomic := w.PostAtomic(t.Context(), w.book, events(t))
	if len(atomic) != 3 {
		t.Fatalf("%d results", len(atomic))
	}
	for i, e := range events(t) {
		r := single.Post(t.Context(), single.book, e)
		if r.Err != nil || atomic[i].Err != nil || dry[i].Err != nil {
			t.Fatalf("%s: %v %v %v", e.Type, r.Err, atomic[i].Err, dry[i].Err)
		}
		if a, b, c := entriesText(dry[i]), entriesText(atomic[i]), entriesText(r); a != b || b != c {
			t.Errorf("%s: the dry run says\n%stogether\n%salone\n%s", e.Type, a, b, c)
		}
	}
	if got := w.held(t, "liabilities:creator:minor_trust:kid"); got != 2500 { // 30.00 - 1.50, and of 6.00 more only what is not deposited
		t.Errorf("the trust holds %d", got)
	}
	if again := single.Post(t.Context(), single.book, events(t)[2]); again.Err != nil || !again.Replayed {
		t.Errorf("sent again: %v", again.Err)
	}
	w.verified(t)
}

// TestTrustIsDue holds the deadline of deposits: 15 business days.
func TestTrustIsDue(t *testing.T) {
	t.Parallel()
	w := nursery(t, "0.15")
	w.post(t, "commission.earned", "e", `{"commission":"A","seller":"s","creator":"kid","currency":"USD","amount":"100.00"}`)
	if r := w.Release(t.Context(), w.book, Release{Source: "commission:A"}); r.Err != nil {
		t.Fatal(r.Err)
	}
	// It is set aside on Sunday 31 January 2027; the fifteenth business day after it is Friday 19 February.
	due := func(day int) string {
		list, err := w.Trusts(t.Context(), w.book, "kid", time.Date(2027, 2, day, 18, 0, 0, 0, time.UTC))
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0].Due
	}
	if got := due(19); got != "0.00" {
		t.Errorf("on the last day %s is due", got)
	}
	if got := due(22); got != "15.00" {
		t.Errorf("on the next business day %s is due", got)
	}
	w.post(t, "minor_trust.deposited", "d", `{"deposit":"D","creator":"kid","currency":"USD","amount":"10.00","processor":"main"}`)
	if got := due(22); got != "5.00" {
		t.Errorf("after a deposit %s is due", got)
	}
}

// TestMinorRefusals keeps a gift in pending that was sent before the creator was registered as a minor, and refuses
// events that cannot be.
func TestMinorRefusals(t *testing.T) {
	t.Parallel()
	w := nursery(t, "")
	w.post(t, "tip.sent", "t", `{"tip":"T","creator":"late","currency":"USD","amount":"5.00","processor":"main","payment_id":"p"}`)
	if _, _, err := w.RegisterPayee(t.Context(), tester, w.book, Payee{ID: "late", Kind: "creator", Country: "US", Currency: "USD", Minor: true, Guardian: "gua"}); err != nil {
		t.Fatal(err)
	}
	head, err := w.ledger.Head(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.Release(t.Context(), w.book, Release{Source: "tip:T"}); fault.CodeOf(r.Err) != ErrGiftToMinor.Code {
		t.Errorf("the release of a minor's tip: %v", r.Err)
	}
	for name, c := range map[string]struct{ kind, data, code string }{
		"a tip":                     {"tip.sent", `{"tip":"T2","creator":"kid","currency":"USD","amount":"5.00","processor":"main","payment_id":"p2"}`, "gift-to-minor"},
		"a gift":                    {"gift.sent", `{"gift":"G","creator":"kid","currency":"USD","amount":"5.00","share":"0.5"}`, "gift-to-minor"},
		"nothing to deposit":        {"minor_trust.deposited", `{"deposit":"D","creator":"kid","currency":"USD","amount":"0.01","processor":"main"}`, "trust-exceeded"},
		"nothing to disburse":       {"minor_trust.disbursed", `{"disbursement":"D","creator":"kid","custodian":"b","currency":"USD","amount":"0.01"}`, "trust-exceeded"},
		"a deposit of nothing":      {"minor_trust.deposited", `{"deposit":"D","creator":"kid","currency":"USD","amount":"0.00","processor":"main"}`, "validation-failed"},
		"a currency of other books": {"minor_trust.released", `{"release":"R","creator":"kid","currency":"GBP"}`, "validation-failed"},
		"a stranger's trust":        {"minor_trust.released", `{"release":"R","creator":"nobody","currency":"USD"}`, "minor-still"},
	} {
		if r := w.Post(t.Context(), w.book, event(t, c.kind, "bad-"+strings.ReplaceAll(name, " ", "-"), c.data)); fault.CodeOf(r.Err) != c.code {
			t.Errorf("%s: %v, want %s", name, r.Err, c.code)
		}
	}
	if after, err := w.ledger.Head(t.Context(), w.book); err != nil || after.LastSequence != head.LastSequence {
		t.Errorf("refused events left something: %v %v", after, err)
	}
}

// TestRandomLivesOfMinors plays random lives of orders whose creators are all minors: refunds, disputes, bonuses, cancellations
// and further captures, before and after the settlement.
func TestRandomLivesOfMinors(t *testing.T) {
	t.Parallel()
	book := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...).book // lives need the book only, not the database
	start, lives, trusts := freshSeed(), *lifeCount/20, 0
	if *lifeSeed != 0 {
		start, lives = *lifeSeed, 1
	}
	for i := range uint64(lives) {
		l := newRandomLife(book, start+i)
		l.trustRate = money.MustRate([]string{"0.15", "0.333", "0.65", "1"}[i%4])
		if err := l.play(); err != nil {
			t.Fatal(err)
		}
		if len(l.order.minors) > 0 {
			trusts++
		}
	}
	if lives > 100 && trusts < lives/10 {
		t.Errorf("only %d of %d lives came to a trust", trusts, lives)
	}
}

// TestSubscriptionBackFromTrust refunds a minor's subscription after a part of it was set aside: what is still with us comes
// out of the trust, and what was handed to a custodian out of what is available. The refund itself is never refused.
func TestSubscriptionBackFromTrust(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		gone             bool
		trust, available money.Minor
	}{"with us": {false, 0, 0}, "handed over": {true, 0, -150}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := nursery(t, "0.15")
			w.post(t, "subscription.charged", "s", `{"subscription":"S","creator":"kid","processor":"main","payment_id":"pi","plan":"monthly","currency":"USD","amount":"10.00","share":"1"}`)
			if r := w.Release(t.Context(), w.book, Release{Source: "subscription:S"}); r.Err != nil {
				t.Fatal(r.Err)
			}
			if got := w.held(t, payeeAccount("creator", bucketTrust, "kid")); got != 150 {
				t.Fatalf("%d is set aside", got)
			}
			if x.gone {
				w.post(t, "minor_trust.disbursed", "d", `{"disbursement":"D","creator":"kid","custodian":"bank","currency":"USD","amount":"1.50"}`)
			}
			w.post(t, "subscription.refunded", "r", `{"subscription":"S"}`)
			if got := w.held(t, payeeAccount("creator", bucketTrust, "kid")); got != x.trust {
				t.Errorf("the trust holds %d, want %d", got, x.trust)
			}
			if got := w.held(t, payeeAccount("creator", bucketAvailable, "kid")); got != x.available {
				t.Errorf("available is %d, want %d", got, x.available)
			}
			w.verify(t)
		})
	}
}
