package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

const (
	noticePath     = "/v1/processors/stripe/notices"
	noticePlatform = "whsec_canary_platform_0001"
	noticeConnect  = "whsec_canary_connect_0001"
)

// keeper is the notices of a service, which are there once its database is.
type keeper struct{ *payouts.Notices }

// noticed starts a service that takes notices of a processor in test mode.
func noticed(t *testing.T) (*house, *payouts.Notices) {
	t.Helper()
	kept := &keeper{}
	h := open(t, func(c *Config) { c.Notices = kept })
	driver, err := stripe.New(stripe.Options{Key: "sk_test_canary_of_the_key_1234567890", Now: h.clock.now, PlatformSecret: noticePlatform, ConnectSecret: noticeConnect})
	if err != nil {
		t.Fatal(err)
	}
	kept.Notices = payouts.NewNotices(h.db.Pool, h.clock.now, map[string]payouts.NoticeReader{"stripe": driver})
	return h, kept.Notices
}

const noticeBody = `{"id":"evt_1","object":"event","type":"payout.paid","created":1763632800,"livemode":false,"data":{"object":{"id":"po_1","object":"payout"}}}`

// TestNoticesOverHTTP sends what must and what must not be stored.
func TestNoticesOverHTTP(t *testing.T) {
	t.Parallel()
	h, kept := noticed(t)
	now := h.clock.now()
	good := simulator.Sign([]byte(noticeBody), noticeConnect, now)
	for name, header := range map[string]string{
		"K02 wrong": strings.Replace(good, "v1=", "v1=00", 1), "K03 downgrade": strings.Replace(good, "v1=", "v0=", 1),
		"K05 old": simulator.Sign([]byte(noticeBody), noticeConnect, now.Add(-301*time.Second)), "K06 early": simulator.Sign([]byte(noticeBody), noticeConnect, now.Add(301*time.Second)),
		"K07 no number": strings.Replace(good, "t=", "t=x", 1), "K07 huge": strings.Replace(good, "t=", "t=9999999999999999999", 1), "two times": "t=1," + good,
		"no time": good[strings.Index(good, ",")+1:], "K10 of others": simulator.Sign([]byte(noticeBody), "whsec_of_somebody_else", now),
		"K22 the one before, alone": simulator.Sign([]byte(noticeBody), "whsec_canary_platform_0000", now),
		"an empty secret":           simulator.Sign([]byte(noticeBody), "", now), "nothing in it": "v1=,t=",
	} {
		if a := h.as("", "POST", noticePath, noticeBody, "Stripe-Signature", header); a.StatusCode != 400 || a.json(t)["code"] != "notice-signature" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	for name, changed := range map[string]string{"K08 written again": strings.Replace(noticeBody, `":`, `": `, 1), "K09 space": noticeBody + " "} {
		if a := h.as("", "POST", noticePath, changed, "Stripe-Signature", good); a.StatusCode != 400 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	for name, c := range map[string]struct {
		method, path, body, signature string
		status                        int
	}{
		"K01 none":             {"POST", noticePath, noticeBody, "", 400},
		"a key is none":        {"POST", noticePath, noticeBody, "", 400},
		"another processor":    {"POST", "/v1/processors/adyen/notices", noticeBody, good, 404},
		"a hostile processor":  {"POST", "/v1/processors/..%2f/notices", noticeBody, good, 404},
		"K19 5 MiB":            {"POST", noticePath, strings.Repeat(" ", 5<<20), good, 413},
		"one byte too large":   {"POST", noticePath, strings.Repeat(" ", payouts.MaxNotice+1), good, 413},
		"K21 GET":              {"GET", noticePath, "", "", 405},
		"no body":              {"POST", noticePath, "", good, 415},
		"another content type": {"POST", noticePath, "", good, 415},
	} {
		if a := h.as("", c.method, c.path, c.body, "Stripe-Signature", c.signature); a.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := h.stops(noticePath, good, noticeBody); a.StatusCode != 400 || a.json(t)["code"] != "malformed-request" {
		t.Errorf("half of it: %d %s", a.StatusCode, a.body)
	}
	if a := h.do("POST", noticePath, noticeBody); a.StatusCode != 400 {
		t.Errorf("a key instead of a signature: %d", a.StatusCode)
	}
	if list, err := kept.Unhandled(t.Context(), 10); err != nil || len(list) != 0 {
		t.Fatalf("%+v were stored, %v", list, err)
	}
	several := strings.Replace(good, ",", ",v1="+strings.Repeat("0", 64)+",", 1)
	rolled := strings.Replace(noticeBody, "evt_1", "evt_22", 1)
	_, before, _ := strings.Cut(simulator.Sign([]byte(rolled), "whsec_canary_platform_0000", now), ",")
	strange := strings.Replace(strings.Replace(noticeBody, "evt_1", "evt_2", 1), "payout.paid", "nobody.knows", 1)
	for name, c := range map[string]struct {
		body, secret, signature string
		status                  int
	}{
		"K04 one of several is right":         {noticeBody, "", several, 200},
		"K22 the processor signs with both":   {rolled, "", simulator.Sign([]byte(rolled), noticePlatform, now) + "," + before, 200},
		"K12 again, by the other endpoint":    {noticeBody, noticePlatform, "", 200},
		"K14 and K15, new version and type":   {strings.Replace(strange, `"object"`, `"api_version":"2031-01-01","object"`, 1), noticePlatform, "", 200},
		"K11 live on test":                    {strings.NewReplacer("evt_1", "evt_3", "false", "true").Replace(noticeBody), noticeConnect, "", 200},
		"signed and unreadable":               {"{", noticeConnect, "", 200},
		"signed, with what nobody can decode": {"\"\xff\"", noticeConnect, "", 200},
	} {
		if c.signature == "" {
			c.signature = simulator.Sign([]byte(c.body), c.secret, now)
		}
		for range 2 {
			if a := h.as("", "POST", noticePath, c.body, "Stripe-Signature", c.signature, "Content-Type", "application/json; charset=utf-8"); a.StatusCode != c.status {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
	}
	other := strings.Replace(noticeBody, "po_1", "po_2", 1)
	if a := h.as("", "POST", noticePath, other, "Stripe-Signature", simulator.Sign([]byte(other), noticeConnect, now)); a.StatusCode != 409 || a.json(t)["code"] != "notice-conflict" { // K13
		t.Errorf("another body: %d %s", a.StatusCode, a.body)
	}
	list, err := kept.Unhandled(t.Context(), 10)
	if err != nil || len(list) != 3 || slices.ContainsFunc(list, func(n payouts.Notice) bool { return string(n.Body) == other }) {
		t.Errorf("%+v, %v", list, err)
	}
	h.followsNotices(kept)
	if text := h.log.String(); strings.Contains(text, "whsec") || strings.Contains(text, "sk_test") {
		t.Error("a secret stands in the log")
	}
}

// followsNotices sends notices of what is not known here, of accounts of others, in the wrong order and of wrong amounts. Each is a
// reason to look, and none is believed.
func (h *house) followsNotices(kept *payouts.Notices) {
	h.t.Helper()
	ctx := h.t.Context()
	h.must(201, "POST", "/v1/books/uk/payees", `{"id":"cre_amy","kind":"creator","country":"UK","currency":"GBP"}`)
	h.askedFor()
	book, err := h.ledger.Book(ctx, "uk")
	if err != nil {
		h.t.Fatal(err)
	}
	turn := payouts.Turn{Book: book}
	if _, err := h.payouts.ReadNotices(ctx, turn); err != nil {
		h.t.Fatal(err)
	}
	before := h.state()
	// No order is that of the processor, and each comes twice.
	sent := []struct{ name, kind, object, account string }{
		{"K16 an object that is not known", "payout.failed", `{"id":"po_nobody","object":"payout","amount":1}`, ""},
		{"K16 a transfer that is not known", "transfer.reversed", `{"id":"tr_nobody","object":"transfer","amount":1}`, ""},
		{"K17 an account of others", "payout.paid", `{"id":"po_others","object":"payout","amount":1}`, "acct_of_others"},
		{"K17 an account of others changed", "account.updated", `{"id":"acct_of_others","object":"account"}`, "acct_of_others"},
		{"K18 paid before it is created", "payout.paid", `{"id":"po_18","object":"payout"}`, ""},
		{"K18 created after it is paid", "payout.created", `{"id":"po_18","object":"payout"}`, ""},
		{"K18 a refund before its charge", "charge.refunded", `{"id":"ch_18","object":"charge"}`, ""},
		{"K18 a dispute after the refund", "charge.dispute.created", `{"id":"dp_18","object":"dispute"}`, ""},
		{"K18 the charge at last", "charge.succeeded", `{"id":"ch_18","object":"charge"}`, ""},
		{"K20 an amount of nothing we ordered", "payout.paid", `{"id":"po_20","object":"payout","amount":99999999,"currency":"gbp"}`, "acct_cre_amy"},
	}
	for range 2 {
		for i, n := range sent {
			body := fmt.Sprintf(`{"id":"evt_of_%d","object":"event","type":%q,"account":%q,"created":1763632800,"livemode":false,"data":{"object":%s}}`, i, n.kind, n.account, n.object)
			if a := h.as("", "POST", noticePath, body, "Stripe-Signature", simulator.Sign([]byte(body), noticeConnect, h.clock.now())); a.StatusCode != 200 {
				h.t.Errorf("%s: %d %s", n.name, a.StatusCode, a.body)
			}
		}
		if _, err := h.payouts.ReadNotices(ctx, turn); err != nil {
			h.t.Fatal(err)
		}
		if list, err := kept.Unhandled(ctx, 100); err != nil || len(list) != 0 {
			h.t.Errorf("%+v are left, %v", list, err)
		}
	}
	after := h.state()
	for _, table := range []string{"processor_notices", "rail_paces"} { // what came, and how often the processor was asked
		delete(before, table)
		delete(after, table)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		h.t.Errorf("what notices said was believed: %s", diff)
	}
}

func TestNoticesNeedAProcessor(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.as("", "POST", noticePath, noticeBody, "Stripe-Signature", simulator.Sign([]byte(noticeBody), noticeConnect, h.clock.now()))
	if a.StatusCode != 404 || a.json(t)["code"] != "notices-unknown" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// TestTheSimulatorsNoticesArrive delivers what a simulator announces, doubled, late, mixed up and forged, until all is there
// once.
func TestTheSimulatorsNoticesArrive(t *testing.T) {
	t.Parallel()
	h, kept := noticed(t)
	sim, err := simulator.New(simulator.Options{Now: h.clock.now, Key: "sk_test_x", Seed: 11, Rate: -1,
		Notices:   simulator.NoticeFaults{Doubled: 300, Late: 200, Forged: 200, Mixed: true},
		Endpoints: []simulator.Endpoint{{URL: h.server.URL + noticePath, Secret: noticePlatform}, {URL: h.server.URL + noticePath, Secret: noticeConnect, Connect: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AddAccount("acct_1", "US", "usd"); err != nil {
		t.Fatal(err)
	}
	const made = 60
	for i := range made / 2 {
		if _, err := sim.AddCharge(int64(100+i), 0, "usd", 0, nil); err != nil {
			t.Fatal(err)
		}
		if err := sim.FailPayouts("acct_1", "account_closed", time.Duration(i)*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if _, err := sim.Deliver(t.Context(), h.client); err != nil {
			t.Fatal(err)
		}
		h.clock.forward(3 * time.Hour)
	}
	list, err := kept.Unhandled(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, n := range list {
		if seen[n.ID] || n.Connect != (n.Account == "acct_1") || !json.Valid(n.Body) {
			t.Errorf("%+v", n)
		}
		seen[n.ID] = true
	}
	// A forged notice is refused for good; some are lost by it, which is why there is a poll as well.
	if len(list) < made/2 || len(list) > made {
		t.Errorf("%d of %d arrived", len(list), made)
	}
}

// TestManyForgedNotices: those of strangers are refused without the database, so that those of the processor pass (K23).
func TestManyForgedNotices(t *testing.T) {
	t.Parallel()
	h, kept := noticed(t)
	const forged, genuine = 1000, 25
	at := h.clock.now()
	notice := func(i int) string {
		return fmt.Sprintf(`{"id":"evt_%d","object":"event","type":"x","created":1763632800,"livemode":false,"data":{}}`, i)
	}
	asked := h.db.Pool.Stat().AcquireCount()
	var flood sync.WaitGroup
	for worker := range 20 {
		flood.Go(func() {
			for i := range forged / 20 {
				body := notice(worker*forged + i)
				if a := h.as("", "POST", noticePath, body, "Stripe-Signature", simulator.Sign([]byte(body), "whsec_of_somebody_else", at)); a.StatusCode != http.StatusBadRequest {
					t.Errorf("a forged one: %d", a.StatusCode)
				}
			}
		})
	}
	flood.Wait()
	if n := h.db.Pool.Stat().AcquireCount() - asked; n != 0 {
		t.Errorf("strangers had the database asked %d times", n)
	}
	var both sync.WaitGroup
	for i := range 2 * genuine {
		both.Go(func() {
			body, secret, want := notice(i), noticePlatform, http.StatusOK
			if i%2 == 0 {
				secret, want = "whsec_of_somebody_else", http.StatusBadRequest
			}
			if a := h.as("", "POST", noticePath, body, "Stripe-Signature", simulator.Sign([]byte(body), secret, at)); a.StatusCode != want {
				t.Errorf("%d: %d", i, a.StatusCode)
			}
		})
	}
	both.Wait()
	if list, err := kept.Unhandled(t.Context(), 100); err != nil || len(list) != genuine {
		t.Errorf("%d were stored, %v", len(list), err)
	}
}
