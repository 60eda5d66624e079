package processor_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// answering is a processor that says one thing.
func answering(t *testing.T, status int, body []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestVerdicts holds the table of failure modes, with what a proxy between us could say.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	stripes := func(kind, code string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"canary %s"}}`, kind, code, apiKey)
	}
	r := newRig(t)
	for _, c := range []struct {
		status  int
		body    string
		verdict processor.Verdict
		code    string
		next    processor.Next
		again   bool
	}{
		{400, stripes("invalid_request_error", "balance_insufficient"), processor.Refused, "balance_insufficient", "", true},
		{400, stripes("invalid_request_error", "parameter_unknown"), processor.Refused, "parameter_unknown", "", false},
		{400, stripes("invalid_request_error", ""), processor.Refused, "http-400", "", false},
		{400, stripes("invalid_request_error", "a code of tomorrow"), processor.Refused, "http-400", "", false},
		{402, stripes("card_error", "card_declined"), processor.Refused, "card_declined", "", false},
		{403, stripes("invalid_request_error", "account_invalid"), processor.Refused, "account_invalid", "", false},
		{404, stripes("invalid_request_error", "resource_missing"), processor.Refused, "resource_missing", "", false},
		{400, stripes("idempotency_error", ""), processor.Unknown, processor.ReasonDrift, processor.Alarm, false},
		{400, stripes("api_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{400, stripes("rate_limit_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{400, stripes("", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{401, stripes("invalid_request_error", ""), processor.Unknown, processor.ReasonUnauthenticated, processor.SendAgain, false},
		{429, stripes("invalid_request_error", "rate_limit"), processor.Unknown, processor.ReasonLimited, processor.SendAgain, false},
		{429, stripes("invalid_request_error", "lock_timeout"), processor.Unknown, processor.ReasonLimited, processor.SendAgain, false},
		{409, stripes("invalid_request_error", "idempotency_key_in_use"), processor.Unknown, processor.ReasonInFlight, processor.SendAgain, false},
		{408, stripes("invalid_request_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{424, stripes("invalid_request_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{500, stripes("api_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{500, stripes("invalid_request_error", "balance_insufficient"), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{503, stripes("api_error", ""), processor.Unknown, processor.ReasonProcessor, processor.LookUp, false},
		{404, "<html>not here</html>", processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{403, `{"message":"forbidden by the proxy"}`, processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{400, `{"error":"no object"}`, processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{400, `{"error":null}`, processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{200, stripes("invalid_request_error", "balance_insufficient"), processor.Unknown, processor.ReasonStrangeAnswer, processor.LookUp, false},
		{202, "{}", processor.Unknown, processor.ReasonStrangeAnswer, processor.LookUp, false},
		{200, "[]", processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{200, "null", processor.Unknown, processor.ReasonStrangeAnswer, processor.LookUp, false},
		{200, "", processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
		{200, `{"a":"` + strings.Repeat("x", 9<<20) + `"}`, processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain, false},
	} {
		name := fmt.Sprintf("%d %.60s", c.status, c.body)
		d := newDriver(t, answering(t, c.status, []byte(c.body)), r.clock.Now)
		o := d.SendTransfer(t.Context(), r.transfer("i", 1, 1234))
		if o.Verdict != c.verdict || o.Code != c.code || o.Next != c.next || o.AnotherAttempt != c.again {
			t.Errorf("%s: %s %q %q %t", name, o.Verdict, o.Code, o.Next, o.AnotherAttempt)
		}
		if text := fmt.Sprintf("%+v", o); strings.Contains(text, "canary") {
			t.Errorf("%s: the outcome repeats the answer: %s", name, text)
		}
		_, err := d.FindTransfers(t.Context(), "i")
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: looked up: %v", name, err)
		}
	}
}

func TestARefusalIsRepeatedForItsKeyAndANewAttemptCanEndOtherwise(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.transfer("i", 1, 2_000_000)
	refused := r.driver.SendTransfer(t.Context(), o)
	expect(t, refused, processor.Refused, "balance_insufficient", "")
	if !refused.AnotherAttempt || refused.Replayed || refused.RequestID == "" {
		t.Errorf("%+v", refused)
	}
	r.fund("usd", 5_000_000)
	again := r.driver.SendTransfer(t.Context(), o)
	expect(t, again, processor.Refused, "balance_insufficient", "")
	if !again.Replayed {
		t.Error("the refusal was not a repeated one")
	}
	_ = r.done(r.driver.SendTransfer(t.Context(), r.transfer("i", 2, 2_000_000)))
	if n := r.sim.Transfers()["i"].Count; n != 1 {
		t.Errorf("%d transfers", n)
	}
}

func TestA500IsRepeatedForItsKeyAndLookedUp(t *testing.T) {
	t.Parallel()
	for kind, made := range map[simulator.Kind]int{simulator.Fail500: 0, simulator.ExecuteThen500: 1} {
		r := newRig(t)
		r.sim.Script(simulator.Fault{Kind: kind, Method: "POST"})
		o := r.transfer("i", 1, 1234)
		for range 3 {
			expect(t, r.driver.SendTransfer(t.Context(), o), processor.Unknown, processor.ReasonProcessor, processor.LookUp)
		}
		if found := must(r.driver.FindTransfers(t.Context(), "i"))(t); len(found) != made {
			t.Errorf("%s: %d transfers were found", kind, len(found))
		}
	}
}

// TestARefusalNowDoesNotUndoWhatWasDoneThen: the processor checks the account before it asks whether it knows the key.
func TestARefusalNowDoesNotUndoWhatWasDoneThen(t *testing.T) {
	t.Parallel()
	again := func(r *rig, instruction string, m money.Minor) processor.TransferOrder {
		return must(processor.NewTransfer(r.keeper.key(t, instruction, 1, start, 2), payee, m, "USD", nil))(t)
	}
	r := newRig(t)
	r.sim.Script(simulator.Fault{Kind: simulator.ExecuteThenDrop, Method: "POST"}, simulator.Fault{Kind: simulator.Refuse403, Method: "POST", Times: 2})
	first := must(processor.NewTransfer(r.key("i", 1), payee, 1234, "USD", nil))(t)
	expect(t, r.driver.SendTransfer(t.Context(), first), processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain)
	expect(t, r.driver.SendTransfer(t.Context(), again(r, "i", 1234)), processor.Unknown, "account_invalid", processor.LookUp)
	if found := must(r.driver.FindTransfers(t.Context(), "i"))(t); len(found) != 1 {
		t.Errorf("%d found", len(found))
	}
	// The first sending of a key can be refused in the same words, and that is definite.
	expect(t, r.driver.SendTransfer(t.Context(), r.transfer("j", 1, 1234)), processor.Refused, "account_invalid", "")
	// Too little money is said only where the key is new, and what is repeated is what was said then.
	expect(t, r.driver.SendTransfer(t.Context(), again(r, "k", 99_000_000)), processor.Refused, "balance_insufficient", "")
	expect(t, r.driver.SendTransfer(t.Context(), again(r, "k", 99_000_000)), processor.Refused, "balance_insufficient", "")
}

// TestARepeatedRefusalIsDefinite: it is the answer of the first sending.
func TestARepeatedRefusalIsDefinite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.sim.ChangeAccount(payee, func(a *simulator.Account) { a.Capabilities["transfers"] = "pending" }); err != nil {
		t.Fatal(err)
	}
	for sending := range 3 {
		k := r.keeper.key(t, "i", 1, start, sending+1)
		got := r.driver.SendTransfer(t.Context(), must(processor.NewTransfer(k, payee, 100, "USD", nil))(t))
		expect(t, got, processor.Refused, "insufficient_capabilities_for_transfer", "")
		if got.Replayed != (sending > 0) || !got.AnotherAttempt {
			t.Errorf("%+v", got)
		}
	}
}

func TestOtherParametersUnderAKnownKeyAlarm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_ = r.done(r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 1234)))
	drifted := r.transfer("i", 1, 1235)
	expect(t, r.driver.SendTransfer(t.Context(), drifted), processor.Unknown, processor.ReasonDrift, processor.Alarm)
	if a, b := r.transfer("i", 1, 1234).Digest(), drifted.Digest(); a == b {
		t.Error("two orders have one digest")
	}
}

func TestTheProcessorWasNotAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *simulator.Options) { o.Key = "sk_test_another" })
	expect(t, r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 1)), processor.Unknown, processor.ReasonUnauthenticated, processor.SendAgain)
	r.requests()
	if o := r.driver.SendTransfer(t.Context(), processor.TransferOrder{}); o.Verdict != processor.Refused || o.Code != processor.ReasonInvalidOrder {
		t.Errorf("an order of nobody: %+v", o)
	}
	_ = r.driver.CancelPayout(t.Context(), processor.CancelOrder{})
	_ = r.driver.CreatePayout(t.Context(), processor.PayoutOrder{})
	_ = r.driver.ReverseTransfer(t.Context(), processor.ReversalOrder{})
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests for orders of nobody", n)
	}
}

// TestAKeyIsNotSentWhenTheProcessorMayHaveForgottenIt: a day later the same key would be executed a second time.
func TestAKeyIsNotSentWhenTheProcessorMayHaveForgottenIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.transfer("i", 1, 1234)
	_ = r.done(r.driver.SendTransfer(t.Context(), o))
	r.clock.Advance(processor.KeyLifetime - time.Second)
	if got := r.driver.SendTransfer(t.Context(), o); !got.Replayed {
		t.Errorf("just before: %+v", got)
	}
	r.requests()
	for _, later := range []time.Duration{time.Second, 2 * time.Hour, 100 * 24 * time.Hour} {
		r.clock.Advance(later)
		expect(t, r.driver.SendTransfer(t.Context(), o), processor.Unknown, processor.ReasonKeyExpired, processor.LookUp)
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if found := must(r.driver.FindTransfers(t.Context(), "i"))(t); len(found) != 1 || found[0].Amount != 1234 {
		t.Errorf("looked up: %+v", found)
	}
	// The proof that it would have been wrong: the simulator has forgotten.
	_ = r.done(r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 1234)))
	if n := r.sim.Transfers()["i"].Count; n != 2 {
		t.Errorf("the simulator remembers keys for ever: %d", n)
	}
	r.clock.Advance(-200 * 24 * time.Hour)
	expect(t, r.driver.SendTransfer(t.Context(), o), processor.Unknown, processor.ReasonKeyExpired, processor.LookUp)
}

func TestFiftyAtOnceAreOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	entered, release := make(chan struct{}), make(chan struct{})
	r.sim.Script(simulator.Fault{Kind: simulator.Hold, Method: "POST", Entered: entered, Release: release})
	o := r.transfer("i", 1, 1234)
	var wait sync.WaitGroup
	outcomes := make(chan processor.Outcome[processor.Transfer], 50)
	for range 50 {
		wait.Go(func() { outcomes <- r.driver.SendTransfer(t.Context(), o) })
	}
	<-entered
	for range 49 { // all the others find the key in flight
		expect(t, <-outcomes, processor.Unknown, processor.ReasonInFlight, processor.SendAgain)
	}
	close(release)
	wait.Wait()
	_ = done(t, <-outcomes)
	if n := r.sim.Transfers()["i"]; n.Count != 1 || n.Amount != 1234 {
		t.Errorf("%+v", n)
	}
}

// TestNobodyIsPaidTwiceWhateverGoesWrong follows the outcomes as the payouts must, with faults by chance, and compares what
// is believed with what was done.
func TestNobodyIsPaidTwiceWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			chances := map[simulator.Kind]int{}
			for _, kind := range []simulator.Kind{simulator.DropBefore, simulator.ExecuteThenDrop, simulator.Truncate, simulator.HTML502,
				simulator.ExecuteThenHTML502, simulator.HTML200, simulator.Empty200, simulator.Fail500, simulator.ExecuteThen500,
				simulator.Limit429, simulator.LockTimeout, simulator.Conflict409} {
				chances[kind] = 60
			}
			r := newRig(t, func(o *simulator.Options) { o.Seed, o.Chances = seed, chances })
			unknown := 0
			for i := range 60 {
				instruction := fmt.Sprintf("i%d", i)
				paid, doubts := settle(r, instruction)
				unknown += doubts
				want := 0
				if paid {
					want = 1
				}
				if tally := r.sim.Transfers()[instruction]; tally.Count != want {
					t.Fatalf("%s: believed %d, done %d", instruction, want, tally.Count)
				}
			}
			unknown += payoutsToo(r)
			if unknown < 20 {
				t.Errorf("only %d outcomes were unknown: nothing was tried", unknown)
			}
		})
	}
}

// settle sends an order until its outcome is known.
func settle(r *rig, instruction string) (paid bool, doubts int) {
	o := r.transfer(instruction, 1, 10)
	for range 1000 {
		got := r.driver.SendTransfer(r.t.Context(), o)
		switch {
		case got.Verdict == processor.Done:
			return true, doubts
		case got.Verdict == processor.Refused:
			return false, doubts
		}
		doubts++
		if got.Next == processor.SendAgain {
			continue
		}
		for {
			found, err := r.driver.FindTransfers(r.t.Context(), instruction)
			if err == nil {
				return len(found) == 1, doubts
			}
			if !errors.Is(err, processor.ErrUnavailable) {
				r.t.Fatal(err)
			}
		}
	}
	r.t.Fatal("it never ends")
	return false, doubts
}

// payoutsToo does the same with payouts, which are found by their metadata in a window, and returns the doubts.
func payoutsToo(r *rig) (doubts int) {
	for _, e := range r.sim.Transfers() {
		if e.Count > 1 {
			r.t.Fatal("paid twice")
		}
	}
	for i := range 30 {
		instruction := fmt.Sprintf("p%d", i)
		o, known := must(processor.NewPayout(r.key(instruction, 1), payee, processor.Standard, 1, "USD", nil))(r.t), false
		for paid := false; !known; {
			switch got := r.driver.CreatePayout(r.t.Context(), o); {
			case got.Verdict == processor.Done:
				paid, known = true, true
			case got.Verdict == processor.Refused:
				known = true
			case got.Next == processor.LookUp:
				doubts++
				for !known {
					found, err := r.driver.FindPayouts(r.t.Context(), payee, instruction, whole)
					paid, known = len(found) == 1, err == nil
				}
			default:
				doubts++
			}
			if known && (r.sim.Payouts(processor.MetadataInstruction)[instruction].Count == 1) != paid {
				r.t.Fatalf("%s: believed %t", instruction, paid)
			}
		}
	}
	return doubts
}

func TestSecretsShowNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *simulator.Options) { o.Key = "sk_test_another" })
	var all bytes.Buffer
	_, err := r.driver.ReadBalance(t.Context(), "")
	fmt.Fprintf(&all, "%v %+v", err, r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 1)))
	_, err = r.driver.ReadNotice([]byte("{}"), "t=1,v1=00")
	fmt.Fprintf(&all, "%v", err)
	r.server.Close()
	_, err = r.driver.ReadAccount(t.Context(), payee)
	fmt.Fprintf(&all, "%v %+v", err, r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 1)))
	fmt.Fprintf(&all, "%v %+v %#v %s", r.driver, r.driver, r.driver, r.driver)
	if strings.Contains(all.String(), "canary") || strings.Contains(all.String(), payee) {
		t.Errorf("%s", &all)
	}
}
