package simulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mizan/payouts/processor/simulator"
)

const apiKey = "sk_test_simulator"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tester is a test, or one history of a property.
type tester interface {
	Helper()
	Error(...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

type rig struct {
	t     tester
	sim   *simulator.Simulator
	clock *simulator.Clock
}

func newRig(t tester, change ...func(*simulator.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: simulator.NewClock(start)}
	o := simulator.Options{Now: r.clock.Now, Key: apiKey, Seed: 1, Rate: -1}
	for _, f := range change {
		f(&o)
	}
	var err error
	if r.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) seeded() *rig {
	r.t.Helper()
	if err := r.sim.AddAccount("acct_1", "US", "usd", "huf"); err != nil {
		r.t.Fatal(err)
	}
	for _, currency := range []string{"usd", "kwd", "isk", "huf"} {
		if _, err := r.sim.AddCharge(1_000_000, 0, currency, 0, nil); err != nil {
			r.t.Fatal(err)
		}
	}
	return r
}

// said is one answer.
type said struct {
	status   int
	replayed bool
	id       string
	body     map[string]any
}

func (s said) code() string {
	e, _ := s.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (s said) kind() string {
	e, _ := s.body["error"].(map[string]any)
	kind, _ := e["type"].(string)
	return kind
}

// ask sends one request. Form values are name=value; headers come first, as Name: value.
func (r *rig) ask(method, path string, parts ...string) said {
	r.t.Helper()
	form := url.Values{}
	q := httptest.NewRequest(method, path, nil)
	q.Header.Set("Authorization", "Bearer "+apiKey)
	for _, part := range parts {
		if name, value, ok := strings.Cut(part, ": "); ok {
			q.Header.Set(name, value)
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		form.Add(name, value)
	}
	if method == http.MethodGet {
		q.URL.RawQuery = form.Encode()
	} else {
		q.Body = io.NopCloser(strings.NewReader(form.Encode()))
	}
	w := httptest.NewRecorder()
	r.sim.ServeHTTP(w, q)
	s := said{status: w.Code, replayed: w.Header().Get("Idempotent-Replayed") == "true"}
	if err := json.Unmarshal(w.Body.Bytes(), &s.body); err != nil {
		r.t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
	}
	s.id, _ = s.body["id"].(string)
	if w.Header().Get("Request-Id") == "" {
		r.t.Error("no request id")
	}
	return s
}

func (r *rig) transfer(key string, more ...string) said {
	r.t.Helper()
	return r.ask("POST", "/v1/transfers", append([]string{"Idempotency-Key: " + key, "amount=100", "currency=usd", "destination=acct_1",
		"transfer_group=g"}, more...)...)
}

func TestRefusesWhatStripeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path string
		parts        []string
		status       int
		code         string
	}{
		"unknown parameter":  {"POST", "/v1/transfers", []string{"amount=1", "currency=usd", "destination=acct_1", "nobody=1"}, 400, "parameter_unknown"},
		"missing parameter":  {"POST", "/v1/transfers", []string{"amount=1", "currency=usd"}, 400, "parameter_missing"},
		"twice":              {"POST", "/v1/transfers", []string{"amount=1", "amount=2", "currency=usd", "destination=acct_1"}, 400, "parameter_unknown"},
		"nested":             {"POST", "/v1/transfers", []string{"amount[a]=1", "currency=usd", "destination=acct_1"}, 400, "parameter_unknown"},
		"a fraction":         {"POST", "/v1/transfers", []string{"amount=1.5", "currency=usd", "destination=acct_1"}, 400, "parameter_invalid_integer"},
		"zero":               {"POST", "/v1/transfers", []string{"amount=0", "currency=usd", "destination=acct_1"}, 400, "parameter_invalid_integer"},
		"beyond":             {"POST", "/v1/transfers", []string{"amount=9223372036854775808", "currency=usd", "destination=acct_1"}, 400, "parameter_invalid_integer"},
		"capitals":           {"POST", "/v1/transfers", []string{"amount=1", "currency=USD", "destination=acct_1"}, 400, ""},
		"no currency":        {"POST", "/v1/transfers", []string{"amount=1", "currency=zzz", "destination=acct_1"}, 400, ""},
		"fils":               {"POST", "/v1/transfers", []string{"amount=15", "currency=kwd", "destination=acct_1"}, 400, "parameter_invalid_integer"},
		"aurar":              {"POST", "/v1/transfers", []string{"amount=150", "currency=isk", "destination=acct_1"}, 400, "parameter_invalid_integer"},
		"to itself":          {"POST", "/v1/transfers", []string{"amount=1", "currency=usd", "destination=acct_platform"}, 400, "resource_missing"},
		"from an account":    {"POST", "/v1/transfers", []string{"Stripe-Account: acct_1", "amount=1", "currency=usd", "destination=acct_1"}, 400, "transfers_not_allowed"},
		"too much":           {"POST", "/v1/transfers", []string{"amount=1000001", "currency=usd", "destination=acct_1"}, 400, "balance_insufficient"},
		"forints in parts":   {"POST", "/v1/payouts", []string{"Stripe-Account: acct_1", "amount=150", "currency=huf"}, 400, "parameter_invalid_integer"},
		"no bank":            {"POST", "/v1/payouts", []string{"Stripe-Account: acct_1", "amount=100", "currency=eur"}, 400, ""},
		"nothing there":      {"POST", "/v1/payouts", []string{"Stripe-Account: acct_1", "amount=100", "currency=usd"}, 400, "balance_insufficient"},
		"another method":     {"POST", "/v1/payouts", []string{"Stripe-Account: acct_1", "amount=100", "currency=usd", "method=slow"}, 400, ""},
		"another's account":  {"GET", "/v1/balance", []string{"Stripe-Account: acct_9"}, 403, "account_invalid"},
		"no such account":    {"GET", "/v1/accounts/acct_9", nil, 403, "account_invalid"},
		"no such path":       {"GET", "/v1/nothing", nil, 404, ""},
		"no such method":     {"DELETE", "/v1/transfers", nil, 404, ""},
		"no such transfer":   {"GET", "/v1/transfers/tr_9", nil, 404, "resource_missing"},
		"limit of zero":      {"GET", "/v1/transfers", []string{"limit=0"}, 400, "parameter_invalid_integer"},
		"limit of many":      {"GET", "/v1/transfers", []string{"limit=101"}, 400, "parameter_invalid_integer"},
		"cursor of nobody":   {"GET", "/v1/transfers", []string{"starting_after=tr_9"}, 400, "resource_missing"},
		"a period of words":  {"GET", "/v1/transfers", []string{"created[gte]=yesterday"}, 400, "parameter_invalid_integer"},
		"a period of nobody": {"GET", "/v1/transfers", []string{"created[ne]=1"}, 400, "parameter_unknown"},
		"another key":        {"GET", "/v1/balance", []string{"Authorization: Bearer sk_test_other"}, 401, ""},
		"a long key":         {"POST", "/v1/payouts", []string{"Idempotency-Key: " + strings.Repeat("k", 256), "amount=1", "currency=usd"}, 400, ""},
		"a large body":       {"POST", "/v1/payouts", []string{"amount=" + strings.Repeat("1", 70_000)}, 400, ""},
	} {
		r := newRig(t).seeded()
		if got := r.ask(c.method, c.path, c.parts...); got.status != c.status || got.code() != c.code || got.kind() != "invalid_request_error" {
			t.Errorf("%s: %d %q %q", name, got.status, got.code(), got.kind())
		}
		if n := len(r.sim.Transfers()); n != 0 {
			t.Errorf("%s: %d transfers", name, n)
		}
	}
}

func TestKeysAreRememberedForADay(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	first := r.transfer("k")
	if first.status != 200 || first.replayed {
		t.Fatalf("%+v", first)
	}
	if again := r.transfer("k"); again.id != first.id || !again.replayed {
		t.Errorf("%+v", again)
	}
	if other := r.transfer("k", "description=x"); other.status != 400 || other.kind() != "idempotency_error" {
		t.Errorf("%+v", other)
	}
	if apart := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "Idempotency-Key: k", "amount=1", "currency=usd"); apart.status != 200 {
		t.Errorf("the key of another account: %+v", apart)
	}
	r.clock.Advance(24*time.Hour - time.Second)
	if again := r.transfer("k"); !again.replayed {
		t.Errorf("%+v", again)
	}
	r.clock.Advance(time.Second)
	if second := r.transfer("k"); second.replayed || second.id == first.id {
		t.Errorf("a day later: %+v", second)
	}
	// What is refused before the store is not kept; what is refused after it is.
	if bad := r.transfer("b", "nobody=1"); bad.status != 400 {
		t.Errorf("%+v", bad)
	}
	if good := r.transfer("b"); good.status != 200 || good.replayed {
		t.Errorf("%+v", good)
	}
	// Without a key every request is a new one.
	r.ask("POST", "/v1/transfers", "amount=1", "currency=usd", "destination=acct_1")
	r.ask("POST", "/v1/transfers", "amount=1", "currency=usd", "destination=acct_1")
	if n := r.sim.Transfers()[""].Count; n != 2 {
		t.Errorf("%d transfers without a key", n)
	}
}

func TestAnEndpointTakesSoManyASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *simulator.Options) { o.Rate = 0 }).seeded()
	for i := range simulator.DefaultRate {
		if got := r.transfer(fmt.Sprint(i)); got.status != 200 {
			t.Fatalf("%d: %+v", i, got)
		}
	}
	if got := r.transfer("one more"); got.status != 429 || got.code() != "rate_limit" {
		t.Errorf("%+v", got)
	}
	if got := r.ask("GET", "/v1/transfers"); got.status != 200 {
		t.Errorf("another endpoint: %+v", got)
	}
	r.clock.Advance(time.Second)
	if got := r.transfer("one more"); got.status != 200 || got.replayed {
		t.Errorf("%+v", got)
	}
}

// TestListsArePaged goes through pages forwards and backwards, and compares them with all that was made.
func TestListsArePaged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t).seeded()
		n := rapid.IntRange(0, 30).Draw(t, "rows")
		var all []string
		for i := range n {
			if rapid.Bool().Draw(t, "later") {
				r.clock.Advance(time.Second)
			}
			all = append([]string{r.transfer(fmt.Sprint(i)).id}, all...)
		}
		limit := fmt.Sprint("limit=", rapid.IntRange(1, 12).Draw(t, "limit"))
		for _, cursor := range []string{"starting_after", "ending_before"} {
			var got []string
			at := ""
			for {
				parts := []string{limit, "transfer_group=g"}
				if at != "" {
					parts = append(parts, cursor+"="+at)
				} else if cursor == "ending_before" {
					if n == 0 {
						break
					}
					at = all[n-1]
					got = []string{at}
					continue
				}
				page := r.ask("GET", "/v1/transfers", parts...)
				var ids []string
				for _, row := range page.body["data"].([]any) {
					ids = append(ids, row.(map[string]any)["id"].(string))
				}
				if cursor == "starting_after" {
					got = append(got, ids...)
				} else {
					got = append(ids, got...)
				}
				if page.body["has_more"] != true {
					break
				}
				at = ids[len(ids)-1]
				if cursor == "ending_before" {
					at = ids[0]
				}
			}
			if strings.Join(got, " ") != strings.Join(all, " ") {
				t.Fatalf("%s: %v, want %v", cursor, got, all)
			}
		}
	})
}

func TestTheStateIsKeptInAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	kept := func(o *simulator.Options) { o.File = file }
	r := newRig(t, kept).seeded()
	first := r.transfer("k")
	if _, err := r.sim.AddCharge(700, 0, "usd", 48*time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	payout := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=100", "currency=usd")
	balance := fmt.Sprint(r.ask("GET", "/v1/balance").body)
	again := newRig(t, kept)
	again.clock.Advance(time.Minute)
	if got := again.transfer("k"); got.id != first.id || !got.replayed {
		t.Errorf("%+v", got)
	}
	if got := fmt.Sprint(again.ask("GET", "/v1/balance").body); got != balance {
		t.Errorf("balance %s, was %s", got, balance)
	}
	again.clock.Advance(72 * time.Hour)
	if got := again.ask("GET", "/v1/payouts/"+payout.id, "Stripe-Account: acct_1"); got.body["status"] != "paid" {
		t.Errorf("%+v", got)
	}
	if err := again.sim.Check(); err != nil {
		t.Error(err)
	}
	if fresh := again.transfer("new"); fresh.id == first.id {
		t.Error("an id was given twice")
	}
}

func TestABrokenFileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	if _, err := simulator.New(simulator.Options{Now: simulator.NewClock(start).Now, Key: apiKey, File: t.TempDir()}); err == nil {
		t.Error("a directory was taken for a file")
	}
}

// TestTheSameSeedGivesTheSameFaults, and another one others.
func TestTheSameSeedGivesTheSameFaults(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		r := newRig(t, func(o *simulator.Options) {
			o.Seed, o.Chances = seed, map[simulator.Kind]int{simulator.Limit429: 200, simulator.Fail500: 200, simulator.Conflict409: 100}
		}).seeded()
		text := ""
		for i := range 60 {
			text += fmt.Sprint(r.transfer(fmt.Sprint(i)).status, " ")
		}
		return text
	}
	if a, b := run(5), run(5); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if run(5) == run(6) {
		t.Error("the seed does not matter")
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *simulator.Options) { o.MaxObjects = 60 }).seeded()
	full := 0
	for i := range 40 {
		if r.transfer(fmt.Sprint(i)).status == 500 {
			full++
		}
	}
	if made := r.sim.Transfers()["g"].Count; full == 0 || made == 0 || made+full != 40 {
		t.Errorf("%d were made, %d refused", made, full)
	}
}

// TestBalancesAreTheSumOfEntries on random histories of everything that moves money.
func TestBalancesAreTheSumOfEntries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t).seeded()
		var charges, disputes, refunds []string
		var transfers, payouts, topups []string
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := rapid.Int64Range(1, 2000).Draw(t, "amount")
			amount := fmt.Sprint("amount=", n)
			switch rapid.IntRange(0, 14).Draw(t, "step") {
			case 0:
				id, _ := r.sim.AddCharge(n, n/30, "usd", time.Duration(n)*time.Minute, nil)
				charges = append(charges, id)
			case 1:
				if len(charges) > 0 {
					if id, err := r.sim.AddRefund(charges[0], n); err == nil {
						refunds = append(refunds, id)
					}
				}
			case 2:
				if len(charges) > 0 {
					id, _ := r.sim.AddDispute(charges[len(charges)-1], 1500)
					disputes = append(disputes, id)
				}
			case 3:
				if len(disputes) > 0 {
					_ = r.sim.CloseDispute(disputes[0], n%2 == 0)
				}
			case 4:
				if len(refunds) > 0 {
					_ = r.sim.FailRefund(refunds[0])
				}
			case 5:
				got := r.ask("POST", "/v1/transfers", amount, "currency=usd", "destination=acct_1", fmt.Sprint("transfer_group=", i))
				if got.status == 200 {
					transfers = append(transfers, got.id)
				}
			case 6:
				if len(transfers) > 0 {
					r.ask("POST", "/v1/transfers/"+transfers[len(transfers)-1]+"/reversals", amount)
				}
			case 7:
				_ = r.sim.FailPayouts("acct_1", []string{"", "account_closed"}[n%2], time.Duration(n)*time.Minute)
				got := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", amount, "currency=usd", "method="+[]string{"standard", "instant"}[n%2])
				if got.status == 200 {
					payouts = append(payouts, got.id)
				}
			case 8:
				if len(payouts) > 0 {
					r.ask("POST", "/v1/payouts/"+payouts[0]+"/cancel", "Stripe-Account: acct_1")
				}
			case 9:
				r.clock.Advance(time.Duration(n) * time.Minute)
			case 10:
				if _, err := r.sim.AddDebit("acct_1", n, "usd"); err != nil {
					t.Fatal(err)
				}
			case 11:
				_ = r.sim.FailTopups([]string{"", "insufficient_funds"}[n%2])
				if got := r.ask("POST", "/v1/topups", amount, "currency=usd"); got.status == 200 {
					topups = append(topups, got.id)
				}
			case 12:
				if len(topups) > 0 {
					_ = r.sim.ReverseTopup(topups[0])
					r.ask("POST", "/v1/topups/"+topups[len(topups)-1]+"/cancel")
				}
			case 13:
				_ = r.sim.ChangeAccount("acct_1", func(a *simulator.Account) { a.PlatformPays, a.Overdraws = n%2 == 0, n%3 == 0 })
				_, _ = r.sim.ReplaceBank("acct_1", "usd")
			case 14:
				_ = r.sim.DisableAccount("acct_1", []string{"", "requirements.past_due"}[n%2])
			}
			if err := r.sim.Check(); err != nil {
				t.Fatal(err)
			}
		}
		r.clock.Advance(5000 * time.Hour) // whoever is below zero by now is paid for
		r.ask("GET", "/v1/balance")
		if err := r.sim.Check(); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"pending", "connect_reserved"} {
			for _, part := range r.ask("GET", "/v1/balance").body[list].([]any) {
				if p := part.(map[string]any); fmt.Sprint(p["amount"]) != "0" {
					t.Fatalf("still pending: %v", p)
				}
			}
		}
	})
}

func TestRefundsAndDisputesAreShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	charge, err := r.sim.AddCharge(11_300, 358, "usd", 48*time.Hour, map[string]string{"order": "1"})
	if err != nil {
		t.Fatal(err)
	}
	refund, err := r.sim.AddRefund(charge, 300)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.sim.AddRefund(charge, 11_001); err == nil {
		t.Error("more was refunded than charged")
	}
	dispute, err := r.sim.AddDispute(charge, 1500)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.sim.CloseDispute(dispute, true); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.CloseDispute(dispute, true); err == nil {
		t.Error("a dispute was closed twice")
	}
	for path, want := range map[string]string{"charges/" + charge: "succeeded", "refunds/" + refund: "succeeded", "disputes/" + dispute: "won"} {
		if got := r.ask("GET", "/v1/"+path); got.body["status"] != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
	var seen []string
	for _, row := range r.ask("GET", "/v1/balance_transactions").body["data"].([]any) {
		e := row.(map[string]any)
		seen = append(seen, fmt.Sprint(e["type"], "/", e["reporting_category"], " ", e["net"]))
	}
	want := []string{"adjustment/dispute_reversal 11300", "adjustment/dispute -12800", "refund/refund -300", "charge/charge 10942"}
	if strings.Join(seen, ", ") != strings.Join(want, ", ") {
		t.Errorf("%v", seen)
	}
}
