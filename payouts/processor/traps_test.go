package processor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// Trap 1: the library sends a write without parameters with no key, and repeats it.
func TestEveryWriteCarriesOurKeyAndIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, act := range acts {
		for _, kind := range []simulator.Kind{"", simulator.ExecuteThenDrop, simulator.Fail500, simulator.Conflict409, simulator.LockTimeout} {
			t.Run(act.name+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.loaded(1000)
				r.requests()
				path := "/v1/transfers"
				if act.name == "payout" || act.name == "cancel" {
					path = "/v1/payouts"
				}
				if act.name == "cancel" {
					path = "/v1/payouts/"
				}
				if kind != "" {
					r.sim.Script(simulator.Fault{Kind: kind, Method: "POST", Path: path})
				}
				verdict, _, _ := act.send(t.Context(), r)
				if (verdict == processor.Done) != (kind == "") || verdict == processor.Refused {
					t.Errorf("verdict %s", verdict)
				}
				posts := 0
				for _, q := range r.requests() {
					if q.method == "POST" {
						posts++
						if q.key != act.name+"/act/1" {
							t.Errorf("%s was sent with the key %q", q.path, q.key)
						}
					}
				}
				if posts != 1 {
					t.Errorf("%d requests", posts)
				}
			})
		}
	}
}

// Trap 2: what is no error of Stripe's own may have been carried out.
func TestWhatIsNoErrorOfStripeIsUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind simulator.Kind
		code string
		next processor.Next
		made int
	}{
		{simulator.DropBefore, processor.ReasonNoAnswer, processor.SendAgain, 0},
		{simulator.ExecuteThenDrop, processor.ReasonNoAnswer, processor.SendAgain, 1},
		{simulator.Truncate, processor.ReasonNoAnswer, processor.SendAgain, 1},
		{simulator.HTML200, processor.ReasonNoAnswer, processor.SendAgain, 1},
		{simulator.HTML502, processor.ReasonNoAnswer, processor.SendAgain, 0},
		{simulator.ExecuteThenHTML502, processor.ReasonNoAnswer, processor.SendAgain, 1},
		{simulator.Empty200, processor.ReasonStrangeAnswer, processor.LookUp, 1},
		{simulator.Redirect, processor.ReasonNoAnswer, processor.SendAgain, 0},
	} {
		for _, warm := range []bool{false, true} {
			t.Run(string(c.kind), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				if warm { // on a kept connection Go's own client would repeat the request
					_ = must(r.driver.ReadBalance(t.Context(), ""))(t)
				}
				r.requests()
				r.sim.Script(simulator.Fault{Kind: c.kind, Method: "POST"})
				o := r.transfer("i", 1, 1234)
				expect(t, r.driver.SendTransfer(t.Context(), o), processor.Unknown, c.code, c.next)
				if n := len(r.requests()); n != 1 {
					t.Errorf("%d requests", n)
				}
				if n := r.sim.Transfers()["i"].Count; n != c.made {
					t.Errorf("%d transfers were made; want %d", n, c.made)
				}
				got := r.driver.SendTransfer(t.Context(), o)
				if made := done(t, got); made.Amount != 1234 || got.Replayed != (c.made == 1) {
					t.Errorf("sent again: %+v", got)
				}
				if n := r.sim.Transfers()["i"].Count; n != 1 {
					t.Errorf("%d transfers in the end", n)
				}
			})
		}
	}
}

// Trap 3: the library would sleep between its repetitions whatever the context says.
func TestAContextThatEndsLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	entered := make(chan struct{})
	r.sim.Script(simulator.Fault{Kind: simulator.Slow, Method: "POST", Entered: entered})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	o := r.transfer("i", 1, 1234)
	expect(t, r.driver.SendTransfer(ctx, o), processor.Unknown, processor.ReasonNoAnswer, processor.SendAgain)
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	// The processor carries it out after we have gone; until it is done the key is in flight.
	for {
		got := r.driver.SendTransfer(t.Context(), o)
		if got.Verdict == processor.Done {
			break
		}
		expect(t, got, processor.Unknown, processor.ReasonInFlight, processor.SendAgain)
	}
	if n := r.sim.Transfers()["i"].Count; n != 1 {
		t.Errorf("%d transfers", n)
	}
}

// Trap 4: the library's iterator takes a broken page for the last one.
func TestABrokenPageIsNoEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	transfer := r.loaded(10_000)
	const rows = 105
	for i := range rows {
		key := r.key("many", i+1)
		_ = r.done(r.driver.SendTransfer(t.Context(), must(processor.NewTransfer(key, payee, 10, "USD", nil))(t)))
		_ = done(t, r.driver.CreatePayout(t.Context(), must(processor.NewPayout(key, payee, processor.Standard, 10, "USD", nil))(t)))
		_ = done(t, r.driver.ReverseTransfer(t.Context(), must(processor.NewReversal(key, transfer.ID, 10, "USD", nil))(t)))
	}
	for name, list := range listings(r, transfer.ID) {
		r.requests()
		n, err := list(t.Context())
		if err != nil || n < rows {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		if pages := len(r.requests()); pages < 2 {
			t.Errorf("%s took %d pages: nothing is tried here", name, pages)
		}
		for _, kind := range []simulator.Kind{simulator.Truncate, simulator.HTML502, simulator.HTML200, simulator.Empty200, simulator.Fail500,
			simulator.DropBefore, simulator.Limit429, simulator.Redirect} {
			r.sim.Script(simulator.Fault{Kind: kind, Method: "GET", LaterPage: true})
			if n, err := list(t.Context()); !errors.Is(err, processor.ErrUnavailable) || n != 0 {
				t.Errorf("%s, and the second page %s: %d rows, %v", name, kind, n, err)
			}
		}
	}
}

func listings(r *rig, transfer string) map[string]func(context.Context) (int, error) {
	return map[string]func(context.Context) (int, error){
		"transfers": func(ctx context.Context) (int, error) {
			all, err := r.driver.FindTransfers(ctx, "many")
			return len(all), err
		},
		"reversals": func(ctx context.Context) (int, error) {
			all, err := r.driver.FindReversals(ctx, transfer, "many")
			return len(all), err
		},
		"payouts": func(ctx context.Context) (int, error) {
			all, err := r.driver.FindPayouts(ctx, payee, "many", whole)
			return len(all), err
		},
		"all payouts": func(ctx context.Context) (int, error) {
			all, err := r.driver.ListPayouts(ctx, payee, whole)
			return len(all), err
		},
		"notices": func(ctx context.Context) (int, error) {
			all, err := r.driver.ListNotices(ctx, payee, whole)
			return len(all), err
		},
		"entries": func(ctx context.Context) (int, error) {
			all, err := r.driver.ListEntries(ctx, payee, whole)
			return len(all), err
		},
	}
}

// Trap 5: floats.
func TestLargeAmountsAndRatesAreExact(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const large = 9007199254740993 // 2^53 + 1
	const rate = "0.123456789012345678901"
	r.fund("usd", large)
	id := must(r.sim.AddEntry(simulator.Platform, "charge", "charge", "usd", large, start, rate))(t)
	for _, e := range must(r.driver.ListEntries(t.Context(), "", whole))(t) {
		if e.ID == id && (e.Amount != large || e.Net != large || e.Rate != rate || !bytes.Contains(e.Raw, []byte(rate))) {
			t.Errorf("read as %+v", e)
		}
	}
	b := must(r.driver.ReadBalance(t.Context(), ""))(t)
	if want := money.Minor(1_000_000 + 2*large); b["USD"].Available != want {
		t.Errorf("balance %d, want %d", b["USD"].Available, want)
	}
	if made := r.done(r.driver.SendTransfer(t.Context(), r.transfer("large", 1, large))); made.Amount != large {
		t.Errorf("transferred %d", made.Amount)
	}
}

// Trap 6: the library refuses a notice of any other version than its own.
func TestANoticeOfAnotherVersionIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := []byte(`{"id":"evt_1","object":"event","api_version":"2026-09-30.endive","type":"payout.failed","account":"acct_payee",
		"created":1772366400,"livemode":false,"data":{"object":{"id":"po_1","object":"payout","amount":9007199254740993}}}`)
	n, err := r.driver.ReadNotice(body, simulator.Sign(body, connectSecret, start))
	if err != nil || n.ID != "evt_1" || n.Object != "po_1" || n.Kind != "payout" || n.Account != payee || !n.Connect || !n.Ours ||
		n.Version != "2026-09-30.endive" || !bytes.Equal(n.Raw, body) {
		t.Errorf("%+v, %v", n, err)
	}
	live := bytes.Replace(body, []byte(`"livemode":false`), []byte(`"livemode":true`), 1)
	if n, err := r.driver.ReadNotice(live, simulator.Sign(live, platformSecret, start)); err != nil || n.Ours || !n.Live || n.Connect {
		t.Errorf("a live notice at a test key: %+v, %v", n, err)
	}
}

// Trap 7: the library takes notices from the future, and signatures with an empty secret.
func TestNoticesFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := []byte(`{"id":"evt_1","object":"event","type":"balance.available","data":{"object":{"object":"balance"}}}`)
	good := simulator.Sign(body, platformSecret, start)
	for name, c := range map[string]struct {
		header string
		ok     bool
	}{
		"now":                     {good, true},
		"5 minutes old":           {simulator.Sign(body, platformSecret, start.Add(-5*time.Minute)), true},
		"5 minutes ahead":         {simulator.Sign(body, platformSecret, start.Add(5*time.Minute)), true},
		"older":                   {simulator.Sign(body, platformSecret, start.Add(-5*time.Minute-time.Second)), false},
		"further ahead":           {simulator.Sign(body, platformSecret, start.Add(5*time.Minute+time.Second)), false},
		"a day ahead":             {simulator.Sign(body, platformSecret, start.Add(24*time.Hour)), false},
		"an empty secret":         {simulator.Sign(body, "", start), false},
		"another secret":          {simulator.Sign(body, "whsec_of_somebody_else", start), false},
		"two signatures, one bad": {good + ",v1=00", true},
		"two times":               {"t=1," + good, false},
		"two times, later":        {good + ",t=1772366400", false},
		"no time":                 {good[strings.Index(good, "v1="):], false},
		"no signature":            {"t=1772366400", false},
		"nothing":                 {"", false},
		"noise":                   {"t=,v1=,,=", false},
		"a huge time":             {"t=99999999999999999999,v1=00", false},
		"only the test scheme":    {strings.Replace(good, "v1=", "v0=", 1), false},
	} {
		n, err := r.driver.ReadNotice(body, c.header)
		if (err == nil) != c.ok || !c.ok && (!errors.Is(err, processor.ErrNotice) || n.ID != "") {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	if _, err := r.driver.ReadNotice(append(body, ' '), good); !errors.Is(err, processor.ErrNotice) {
		t.Errorf("a changed body: %v", err)
	}
	long := bytes.Repeat([]byte(" "), 1<<20)
	if _, err := r.driver.ReadNotice(long, simulator.Sign(long, platformSecret, start)); !errors.Is(err, processor.ErrNotice) {
		t.Errorf("a megabyte: %v", err)
	}
	for _, text := range []string{"", "null", "[]", "{", `{"object":"event"}`, `{"id":"evt_1","type":"x"}`, "\xff"} {
		n, err := r.driver.ReadNotice([]byte(text), simulator.Sign([]byte(text), platformSecret, start))
		if !errors.Is(err, processor.ErrStrange) || string(n.Raw) != text {
			t.Errorf("signed, and %q: %+v, %v", text, n, err)
		}
	}
}

func TestNoDriverWithoutSecretsOrWithAKeyAtRisk(t *testing.T) {
	t.Parallel()
	good := stripe.Options{Key: apiKey, Now: time.Now, PlatformSecret: platformSecret, ConnectSecret: connectSecret}
	for name, c := range map[string]struct {
		change func(*stripe.Options)
		ok     bool
	}{
		"as it should be":      {func(*stripe.Options) {}, true},
		"a restricted key":     {func(o *stripe.Options) { o.Key = "rk_test_1" }, true},
		"a live key":           {func(o *stripe.Options) { o.Key = "sk_live_1" }, true},
		"this machine":         {func(o *stripe.Options) { o.BaseURL = "http://127.0.0.1:12111/" }, true},
		"this machine, IPv6":   {func(o *stripe.Options) { o.BaseURL = "http://[::1]:12111" }, true},
		"no key":               {func(o *stripe.Options) { o.Key = "" }, false},
		"a publishable key":    {func(o *stripe.Options) { o.Key = "pk_test_1" }, false},
		"no clock":             {func(o *stripe.Options) { o.Now = nil }, false},
		"no platform secret":   {func(o *stripe.Options) { o.PlatformSecret = "" }, false},
		"no connect secret":    {func(o *stripe.Options) { o.ConnectSecret = "" }, false},
		"a short secret":       {func(o *stripe.Options) { o.ConnectSecret = "whsec_" }, false},
		"one secret for both":  {func(o *stripe.Options) { o.ConnectSecret = platformSecret }, false},
		"a live key elsewhere": {func(o *stripe.Options) { o.Key, o.BaseURL = "sk_live_1", "http://127.0.0.1:1" }, false},
		"a live key near by":   {func(o *stripe.Options) { o.Key, o.BaseURL = "sk_live_1", "https://api.stripe.com.example.org" }, false},
		"in the open":          {func(o *stripe.Options) { o.BaseURL = "http://example.org" }, false},
		"no address":           {func(o *stripe.Options) { o.BaseURL = "example" }, false},
		"a name in it":         {func(o *stripe.Options) { o.BaseURL = "https://a:b@example.org" }, false},
		"a negative timeout":   {func(o *stripe.Options) { o.Timeout = -1 }, false},
	} {
		o := good
		c.change(&o)
		d, err := stripe.New(o)
		if (err == nil) != c.ok || (d != nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "example")) {
			t.Errorf("%s: the error repeats what was given: %v", name, err)
		}
	}
}

// Trap 8: words nobody knew when the library was made, and entries without a source.
func TestUnknownWordsPassThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := must(r.sim.AddEntry(simulator.Platform, "payout_minimum_balance_hold", "network_cost", "usd", -77, start, ""))(t)
	for _, e := range must(r.driver.ListEntries(t.Context(), "", whole))(t) {
		if e.ID == id {
			if e.Type != "payout_minimum_balance_hold" || e.Category != "network_cost" || e.Source != "" || e.Net != -77 || e.Rate != "" {
				t.Errorf("read as %+v", e)
			}
			return
		}
	}
	t.Error("the entry of an unknown type is missing")
}

// Trap 9: telemetry is on by default, and goes along with the second request.
func TestNothingIsToldAboutUs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(100)
	r.loaded(100)
	for _, q := range r.requests() {
		if q.telemetry != "" {
			t.Errorf("telemetry: %s", q.telemetry)
		}
	}
}

// Trap 10: CallStreaming fails badly on a network error.
func TestCallStreamingIsNotUsed(t *testing.T) {
	t.Parallel()
	files := must(filepath.Glob("stripe/*.go"))(t)
	if len(files) < 5 {
		t.Fatalf("only %d files", len(files))
	}
	for _, name := range files {
		if text := must(os.ReadFile(name))(t); bytes.Contains(text, []byte("CallStreaming(")) || bytes.Contains(text, []byte(".Quotes")) {
			t.Errorf("%s", name)
		}
	}
}

// Trap 11: fields younger than the library.
func TestFieldsYoungerThanTheLibraryAreRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(1000)
	p := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 1000, processor.Standard)))
	r.clock.Advance(72 * time.Hour)
	if got := must(r.driver.ReadPayout(t.Context(), payee, p.ID))(t); got.Trace == "" || got.State != processor.PayoutPaid {
		t.Errorf("read as %+v", got)
	}
	if e := must(r.driver.ListEntries(t.Context(), payee, whole))(t)[0]; e.Part != "payments" {
		t.Errorf("read as %+v", e)
	}
}

// Whatever is answered with 200, only the object that was ordered means done.
func TestAnAnswerAboutSomethingElseIsNotBelieved(t *testing.T) {
	t.Parallel()
	good := map[string]any{"id": "tr_1", "object": "transfer", "amount": 1234, "amount_reversed": 0, "currency": "usd", "created": 1772366400,
		"destination": payee, "transfer_group": "i", "metadata": map[string]string{}, "balance_transaction": "txn_1"}
	for name, change := range map[string]map[string]any{
		"":                    {},
		"no id":               {"id": nil},
		"another kind":        {"object": "payout"},
		"another amount":      {"amount": 1235},
		"no amount":           {"amount": nil},
		"a fraction":          {"amount": json.Number("1234.5")},
		"an exponent":         {"amount": json.Number("1.234e3")},
		"beyond 64 bits":      {"amount": json.Number("18446744073709552850")},
		"another currency":    {"currency": "eur"},
		"an unknown currency": {"currency": "zzz"},
		"another destination": {"destination": "acct_other"},
		"another instruction": {"transfer_group": "j"},
		"no instruction":      {"transfer_group": nil},
		"no time":             {"created": nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := map[string]any{}
			for k, v := range good {
				object[k] = v
			}
			for k, v := range change {
				object[k] = v
			}
			text := must(json.Marshal(object))(t)
			r := newRig(t)
			server := answering(t, http.StatusOK, text)
			o := newDriver(t, server, r.clock.Now).SendTransfer(t.Context(), r.transfer("i", 1, 1234))
			if want := map[bool]processor.Verdict{true: processor.Done, false: processor.Unknown}[name == ""]; o.Verdict != want {
				t.Errorf("%s %s", o.Verdict, o.Code)
			}
		})
	}
}
