package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor/simulator"
)

func TestPeopleMoveASimulatorThatRunsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	control := r.sim.Control(r.clock, http.DefaultClient)
	do := func(method, path, form, key string) (int, string) {
		q := httptest.NewRequest(method, "/simulator/"+path, strings.NewReader(form))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		control.ServeHTTP(w, q)
		body, _ := io.ReadAll(w.Body)
		return w.Code, string(body)
	}
	for _, c := range []struct {
		method, path, form string
		status             int
		has                string
	}{
		{"GET", "clock", "", 200, "2026-03-01T12:00:00Z"},
		{"POST", "clock", "seconds=3600", 200, "2026-03-01T13:00:00Z"},
		{"POST", "clock", "seconds=-1", 400, ""},
		{"POST", "clock", "seconds=99999999999", 400, ""},
		{"POST", "clock", "seconds=soon", 400, ""},
		{"POST", "accounts", "id=acct_1&country=US&currencies=usd", 200, ""},
		{"POST", "accounts", "id=acct_1", 400, ""},
		{"POST", "charges", "amount=5000&fee=100&currency=usd", 200, "ch_"},
		{"POST", "charges", "amount=-5&currency=usd", 400, ""},
		{"POST", "charges", "amount=5&fee=x&currency=usd", 400, ""},
		{"POST", "charges", "amount=5&currency=USD", 400, ""},
		{"POST", "charges", "amount=5&currency=zzz", 400, ""},
		{"POST", "accounts", "id=acct_2&currencies=", 400, ""},
		{"POST", "debits", "account=acct_1&amount=5&currency=zzz", 400, ""},
		{"POST", "bank_changes", "account=acct_1&currency=zzz", 400, ""},
		{"POST", "banks", "account=acct_1&code=account_closed&seconds=60", 200, ""},
		{"POST", "banks", "account=acct_9", 400, ""},
		{"POST", "faults", "kind=429&method=GET&path=/v1/balance", 200, ""},
		{"POST", "faults", "kind=hold", 400, ""},
		{"POST", "notices", "", 200, "taken"},
		{"POST", "account_states", "account=acct_9&reason=x", 400, ""},
		{"POST", "bank_changes", "account=acct_1&currency=eur", 200, "ba_"},
		{"POST", "bank_changes", "account=acct_9&currency=eur", 400, ""},
		{"POST", "debits", "account=acct_1&amount=0&currency=eur", 400, ""},
		{"POST", "debits", "account=acct_platform&amount=1&currency=eur", 400, ""},
		{"POST", "debits", "account=acct_1&amount=5&currency=eur", 200, "txn_"},
		{"POST", "topups", "code=insufficient_funds", 200, ""},
		{"POST", "refunds", "charge=ch_9&amount=1", 400, ""},
		{"POST", "disputes", "charge=ch_9", 400, ""},
		{"GET", "check", "", 200, "true"},
		{"DELETE", "clock", "", 405, ""},
	} {
		if status, body := do(c.method, c.path, c.form, apiKey); status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.form, status, body)
		}
		if status, _ := do(c.method, c.path, c.form, "sk_test_other"); status != 401 && status != 405 {
			t.Errorf("%s %s with another key: %d", c.method, c.path, status)
		}
	}
	if got := r.ask("GET", "/v1/balance"); got.status != 429 {
		t.Errorf("the fault did not happen: %+v", got)
	}
	if got := r.transfer("k"); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	if _, body := do("GET", "transfers", "", apiKey); !strings.Contains(body, `"g":{"Count":1,"Amount":100`) {
		t.Errorf("%s", body)
	}
	payout := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=100", "currency=usd")
	do("POST", "clock", "seconds=61", apiKey)
	if got := r.ask("GET", "/v1/payouts/"+payout.id, "Stripe-Account: acct_1"); got.body["status"] != "failed" || got.body["failure_code"] != "account_closed" {
		t.Errorf("%+v", got)
	}
}

// FuzzRequests throws any request at the simulator: it answers, with JSON, and no money comes from nowhere.
func FuzzRequests(f *testing.F) {
	for _, path := range []string{"/v1/transfers", "/v1/payouts", "/v1/transfers/tr_sim9/reversals", "/v1/balance_transactions", "/v1/events", "//", "/v1/payouts/po_1/cancel"} {
		f.Add(path, "amount=100&currency=usd&destination=acct_1&metadata[a]=b", "k", "acct_1", true)
		f.Add(path, "limit=5&created[gte]=1&starting_after=tr_1", "", "", false)
	}
	f.Fuzz(func(t *testing.T, path, form, key, account string, post bool) {
		r := newRig(t).seeded()
		q := &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: form}, Header: http.Header{}, Body: http.NoBody}
		if post {
			q = &http.Request{Method: "POST", URL: &url.URL{Path: path}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(form))}
		}
		q.Header.Set("Authorization", "Bearer "+apiKey)
		q.Header.Set("Idempotency-Key", key)
		q.Header.Set("Stripe-Account", account)
		for range 2 {
			w := httptest.NewRecorder()
			r.sim.ServeHTTP(w, q)
			if w.Code < 200 || w.Code > 499 || !strings.HasPrefix(w.Body.String(), "{") {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		r.clock.Advance(100 * time.Hour)
		if err := r.sim.Check(); err != nil {
			t.Fatal(err)
		}
		for name, tally := range r.sim.Transfers() {
			if tally.Amount > 4_000_000 || tally.Reversed > tally.Amount {
				t.Fatalf("%s: %+v", name, tally)
			}
		}
	})
}

func TestASimulatorNeedsAClockAndAKey(t *testing.T) {
	t.Parallel()
	if _, err := simulator.New(simulator.Options{Key: apiKey}); err == nil {
		t.Error("no clock")
	}
	if _, err := simulator.New(simulator.Options{Now: simulator.NewClock(start).Now}); err == nil {
		t.Error("no key")
	}
}
