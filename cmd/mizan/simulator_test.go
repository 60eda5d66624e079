package main

// The simulator at the command line, as a program of its own and as the processor of development.

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
	"mizan/payouts/processor"
)

// simulatorSaid is an answer of a simulator.
type simulatorSaid map[string]any

// tellSimulator sends a form, or asks if there is none, and returns the answer, which must have the status.
func tellSimulator(t *testing.T, status int, address, key, path, form string, header ...string) simulatorSaid {
	t.Helper()
	method := http.MethodGet
	if form != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		t.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, body, err)
	}
	var made simulatorSaid
	if err := json.Unmarshal(body, &made); err != nil && status == http.StatusOK {
		t.Fatalf("%s: %v", body, err)
	}
	return made
}

func TestSimulatorSession(t *testing.T) {
	t.Parallel()
	forEachUser(t, func(t *testing.T, h home) {
		args := []string{"simulator", "--listen", "127.0.0.1:0", "--data", "processor.json", "--clock", "2026-03-01T12:00:00Z"}
		p := h.start(t, nil, untilServing, args...)
		for _, words := range []string{"/v1\n", "/simulator\n", "2026-03-01T12:00:00Z, stands still", "none", "curl -H", p.address + "/v1/balance"} {
			if !strings.Contains(p.output(), words) {
				t.Errorf("it does not say %q:\n%s", words, p.output())
			}
		}
		// What it proposes works as it is printed.
		tell := func(status int, path, form string, header ...string) simulatorSaid {
			t.Helper()
			return tellSimulator(t, status, p.address, simulatorKey, path, form, header...)
		}
		tell(200, "/simulator/accounts", "id=acct_jo&country=US&currencies=usd")
		tell(200, "/simulator/charges", "amount=100000&fee=2930&currency=usd")
		sent := tell(200, "/v1/transfers", "amount=5000&currency=usd&destination=acct_jo", "Idempotency-Key", "k")
		tell(404, "/v1/../simulator/clock", "")
		tell(404, "/v1//balance", "")
		tellSimulator(t, 401, p.address, "sk_test_other", "/v1/balance", "")
		tellSimulator(t, 401, p.address, "sk_test_other", "/simulator/clock", "")
		paid := tell(200, "/v1/payouts", "amount=700&currency=usd", "Stripe-Account", "acct_jo")
		tell(200, "/simulator/clock", "seconds=3600")
		p.stop(t)
		if !strings.Contains(p.output(), "The simulator has stopped.") {
			t.Errorf("it should say that it stopped, but said:\n%s", p.output())
		}

		// The state and the clock go on where they were.
		p = h.start(t, nil, untilServing, args...)
		if now := tell(200, "/simulator/clock", "")["now"]; now != "2026-03-01T13:00:00Z" {
			t.Errorf("the clock shows %s", now)
		}
		if again := tell(200, "/v1/transfers", "amount=5000&currency=usd&destination=acct_jo", "Idempotency-Key", "k"); again["id"] != sent["id"] {
			t.Errorf("the key is forgotten: %v, %v", again, sent)
		}
		tell(200, "/simulator/clock", "seconds=172800")
		if got := tell(200, "/v1/payouts/"+paid["id"].(string), "", "Stripe-Account", "acct_jo"); got["status"] != "paid" {
			t.Errorf("%v", got)
		}
		tell(200, "/simulator/check", "")
		p.kill()

		// A real clock does not go back before what has happened, and another key is not printed.
		key := "sk_test_canary4711"
		p = h.start(t, []string{"MIZAN_STRIPE_KEY=" + key}, untilServing, append(args[:5:5], "--faults", "mute")...)
		if got := tellSimulator(t, 200, p.address, key, "/v1/transfers/"+sent["id"].(string), ""); got["amount"] != 5000.0 {
			t.Errorf("%v", got)
		}
		p.stop(t)
		if said := p.output(); strings.Contains(said, key) || !strings.Contains(said, "goes on with this machine's") {
			t.Errorf("it said:\n%s", said)
		}
	})
}

func TestSimulatorFlags(t *testing.T) {
	t.Parallel()
	const canary = "canary4711canary"
	broken := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		code int
		says string
	}{
		"beyond this machine":    {nil, []string{"--listen", "0.0.0.0:0"}, exitRefused, "this machine only"},
		"by a name":              {nil, []string{"--listen", "example.com:80"}, exitRefused, "this machine only"},
		"a live key":             {map[string]string{"MIZAN_STRIPE_KEY": "sk_live_" + canary}, nil, exitUsage, "live keys away"},
		"a live restricted key":  {map[string]string{"MIZAN_STRIPE_KEY": "rk_live_" + canary}, nil, exitUsage, "live keys away"},
		"an unknown profile":     {nil, []string{"--faults", "friendly"}, exitUsage, "none, flaky, hostile, busy, mute"},
		"a clock of words":       {nil, []string{"--clock", "yesterday"}, exitUsage, "--clock"},
		"notices to nowhere":     {nil, []string{"--notices", "::" + canary}, exitUsage, "--notices"},
		"notices without TLS":    {nil, []string{"--notices", "http://example.com"}, exitUsage, "--notices"},
		"notices without secret": {nil, []string{"--notices", "http://127.0.0.1:1"}, exitUsage, "MIZAN_STRIPE_CONNECT_SECRET"},
		"notices with one secret": {map[string]string{"MIZAN_STRIPE_WEBHOOK_SECRET": canary, "MIZAN_STRIPE_CONNECT_SECRET": canary},
			[]string{"--notices", "http://127.0.0.1:1"}, exitUsage, "two different ones"},
		"a key file that is missing": {nil, []string{"--stripe-key-file", broken + "x"}, exitRefused, "no such file"},
		"a broken state":             {nil, []string{"--data", broken}, exitRefused, "cannot be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"simulator"}, c.args...)
			if !strings.Contains(strings.Join(args, " "), "--listen") {
				args = append(args, "--listen", "127.0.0.1:0")
			}
			if said := mizan(t, c.env, "", args...).want(t, c.code, c.says); strings.Contains(said.stdout+said.stderr, canary) {
				t.Errorf("it repeats what was given: %s%s", said.stdout, said.stderr)
			}
		})
	}
}

// TestDevHasAProcessor: development has a processor whose state outlives it, and believes no other's notices.
func TestDevHasAProcessor(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	data := filepath.Join(h.dir, ".mizan")
	p := startMigratedDev(t, h)
	simulated := func() (address, key string) {
		t.Helper()
		_, rest, found := strings.Cut(p.output(), "Processor  ")
		address, _, simulated := strings.Cut(rest, " (simulated)")
		key, err := readSecret(filepath.Join(data, "processor-key"))
		if !found || !simulated || err != nil {
			t.Fatalf("no processor, %v:\n%s", err, p.output())
		}
		return address, key
	}
	address, key := simulated()
	tellSimulator(t, 200, address, key, "/simulator/accounts", "id=acct_jo&country=US&currencies=usd")
	charge := tellSimulator(t, 200, address, key, "/simulator/charges", "amount=100000&fee=2930&currency=usd")["id"].(string)
	tellSimulator(t, 404, address, key, "/simulator/clock", "") // it is the service's
	tellSimulator(t, 401, address, simulatorKey, "/v1/balance", "")
	body := `{"id":"evt_1","object":"event","type":"x","created":1763632800,"livemode":false,"data":{"object":{}}}`
	if a, err := http.Post(p.address+noticePath, "application/json", strings.NewReader(body)); err != nil || a.StatusCode != 400 {
		t.Errorf("a notice of a stranger: %v, %v", a, err)
	} else if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"processor-key", "processor-webhook-secret", "processor-connect-secret", "processor.json"} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if secret, err := readSecret(filepath.Join(data, name)); name != "processor.json" && (err != nil || strings.Contains(p.output(), secret)) {
			t.Errorf("%s is printed, or %v", name, err)
		}
	}
	p.stop(t)
	p = startDev(t, h)
	address, key = simulated()
	tellSimulator(t, 200, address, key, "/v1/charges/"+charge, "")
	p.stop(t)
	for name, c := range map[string]struct {
		env  map[string]string
		says string
	}{
		"a live key":      {map[string]string{"MIZAN_STRIPE_KEY": "sk_live_canary4711"}, "must not move anybody's money"},
		"without secrets": {map[string]string{"MIZAN_STRIPE_KEY": "sk_test_canary4711"}, "both webhook endpoints"},
	} {
		c.env["MIZAN_DATA"] = data
		if said := mizan(t, c.env, "", "dev", "--listen", "127.0.0.1:0").want(t, exitUsage, c.says); strings.Contains(said.stdout+said.stderr, "canary") {
			t.Errorf("%s is repeated: %s%s", name, said.stdout, said.stderr)
		}
	}
}

// TestADevProcessorAndItsService: what the simulator announces arrives, by one clock, and the driver reads what is there.
func TestADevProcessorAndItsService(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	// serveOn closes the pool of the service; the test reads by one of its own.
	pool, err := postgres.Open(t.Context(), db.AppURL, postgres.Options{ApplicationName: "test", MaxConns: 2, Undurable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	front, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + front.Addr().String()
	sim, err := newSimulated(t.Context(), t.TempDir(), time.Now, address)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newService(t.Context(), db.Pool, time.Now, serviceConfig{staticKey: testKey, driver: sim.driver, simulator: sim, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	serving(t, v, front)
	if v.driver != sim.driver || v.parts.simulator != sim {
		t.Error("the parts have no processor")
	}
	if err := v.simulator.AddAccount("acct_jo", "US", "usd"); err != nil {
		t.Fatal(err)
	}
	if err := v.simulator.DisableAccount("acct_jo", "requirements.past_due"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.simulator.AddCharge(5000, 0, "usd", 0, nil); err != nil {
		t.Fatal(err)
	}
	if account, err := v.driver.ReadAccount(t.Context(), "acct_jo"); err != nil || account.PayoutsEnabled {
		t.Errorf("%+v, %v", account, err)
	}
	if b, err := v.driver.ReadBalance(t.Context(), ""); err != nil || b["USD"].Available != 5000 {
		t.Errorf("%+v, %v", b, err)
	}
	// The service's own sender may be first.
	kept := payouts.NewNotices(pool, time.Now, nil)
	deadline := time.Now().Add(patience)
	var list []payouts.Notice
	for len(list) < 2 && time.Now().Before(deadline) {
		if _, err := sim.Deliver(t.Context(), http.DefaultClient); err != nil {
			t.Fatal(err)
		}
		if list, err = kept.Unhandled(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	if len(list) != 2 || list[0].Connect == list[1].Connect || !list[0].Ours {
		t.Errorf("%+v", list)
	}
}

// TestServeSpeaksToASimulatorThatRunsAlone, as Mizan would to Stripe.
func TestServeSpeaksToASimulatorThatRunsAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := h.start(t, nil, untilServing, "simulator", "--listen", "127.0.0.1:0", "--seed", "7")
	env := map[string]string{"MIZAN_STRIPE_KEY": simulatorKey, "MIZAN_STRIPE_ADDRESS": p.address,
		"MIZAN_STRIPE_WEBHOOK_SECRET": "whsec_of_the_platform", "MIZAN_STRIPE_CONNECT_SECRET": "whsec_of_connected_accounts"}
	s := &surroundings{getenv: func(name string) string { return env[name] }, now: time.Now}
	d, err := processorFlags{StripeAddress: p.address}.newDriver(s)
	if err != nil {
		t.Fatal(err)
	}
	tellSimulator(t, 200, p.address, simulatorKey, "/simulator/accounts", "id=acct_jo&country=US&currencies=usd")
	tellSimulator(t, 200, p.address, simulatorKey, "/simulator/charges", "amount=9000&currency=usd")
	key, err := processor.Name("pay_1", 1)
	if err == nil {
		key, err = key.Keep(t.Context(), time.Now(), 1, func(context.Context) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	order, err := processor.NewTransfer(key, "acct_jo", 700, "USD", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := d.SendTransfer(t.Context(), order); o.Verdict != processor.Done {
		t.Errorf("%+v", o)
	}
	if found, err := d.FindTransfers(t.Context(), "pay_1"); err != nil || len(found) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	p.stop(t)
}
