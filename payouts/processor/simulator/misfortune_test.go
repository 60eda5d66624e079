package simulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor/simulator"
)

// amount returns a part of a balance in dollars.
func (r *rig) amount(part, account string) string {
	r.t.Helper()
	for _, p := range r.ask("GET", "/v1/balance", "Stripe-Account: "+account).body[part].([]any) {
		if p := p.(map[string]any); p["currency"] == "usd" {
			return fmt.Sprint(int64(p["amount"].(float64)))
		}
	}
	return "none"
}

func (r *rig) amounts(when, platform, reserved, account string) {
	r.t.Helper()
	if err := r.sim.Check(); err != nil {
		r.t.Error(err)
	}
	got := strings.Join([]string{r.amount("available", simulator.Platform), r.amount("connect_reserved", simulator.Platform), r.amount("available", "acct_1")}, " ")
	if want := strings.Join([]string{platform, reserved, account}, " "); got != want {
		r.t.Error(when+": available, reserved and on the account: ", got, ", want ", want)
	}
}

// news returns the types of events of an account, oldest first.
func (r *rig) news(account string) string {
	r.t.Helper()
	var all []string
	for _, row := range r.ask("GET", "/v1/events", "limit=100", "Stripe-Account: "+account).body["data"].([]any) {
		all = append([]string{row.(map[string]any)["type"].(string)}, all...)
	}
	return strings.Join(all, " ")
}

func TestTopupsArriveFailAndGoBack(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	make := func() string {
		t.Helper()
		got := r.ask("POST", "/v1/topups", "amount=500", "currency=usd", "transfer_group=g", "metadata[a]=b")
		if got.status != 200 || got.body["status"] != "pending" || got.body["balance_transaction"] != nil {
			t.Fatalf("%+v", got)
		}
		return got.id
	}
	good, gone := make(), make()
	if got := r.ask("POST", "/v1/topups/"+gone+"/cancel"); got.body["status"] != "canceled" {
		t.Errorf("%+v", got)
	}
	if err := r.sim.FailTopups("insufficient_funds"); err != nil {
		t.Fatal(err)
	}
	bad := make()
	r.clock.Advance(72*time.Hour - time.Second)
	r.amounts("under way", "1000000", "0", "none")
	r.clock.Advance(time.Second)
	r.amounts("arrived", "1000500", "0", "none")
	for id, want := range map[string]string{good: "succeeded", gone: "canceled", bad: "failed"} {
		if got := r.ask("GET", "/v1/topups/"+id); got.body["status"] != want || (got.body["balance_transaction"] != nil) != (id == good) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if got := r.ask("POST", "/v1/topups/"+good+"/cancel"); got.status != 400 {
		t.Errorf("%+v", got)
	}
	if err := r.sim.ReverseTopup(good); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.sim.ReverseTopup(bad), r.sim.ReverseTopup(good)); err == nil {
		t.Error("what is not there went back")
	}
	r.amounts("back", "1000000", "0", "none")
	if got := len(r.ask("GET", "/v1/topups", "status=failed").body["data"].([]any)); got != 1 {
		t.Errorf("%d failed", got)
	}
	for _, c := range []struct{ path, header string }{{"/v1/topups/tu_9", "Stripe-Account: "}, {"/v1/topups/" + good, "Stripe-Account: acct_1"}} {
		if got := r.ask("GET", c.path, c.header); got.status != 404 {
			t.Errorf("%s: %+v", c.path, got)
		}
	}
	if got := r.ask("POST", "/v1/topups", "Stripe-Account: acct_1", "amount=1", "currency=usd"); got.status != 400 {
		t.Errorf("%+v", got)
	}
	if news := r.news(""); !strings.HasSuffix(news, "topup.created topup.created topup.canceled topup.created topup.succeeded topup.failed topup.reversed") {
		t.Error(news)
	}
}

// TestThePlatformCoversWhoIsBelowZero: reserves follow what is missing, and after half a year the platform pays.
func TestThePlatformCoversWhoIsBelowZero(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	sent := r.transfer("k")
	debit := func(n int64) {
		t.Helper()
		if _, err := r.sim.AddDebit("acct_1", n, "usd"); err != nil {
			t.Fatal(err)
		}
	}
	debit(60)
	r.amounts("still above", "999900", "0", "40")
	if got := r.ask("POST", "/v1/transfers/"+sent.id+"/reversals", "amount=90"); got.code() != "balance_insufficient" {
		t.Errorf("%+v", got)
	}
	debit(240)
	r.amounts("below", "999700", "200", "-200")
	r.clock.Advance(179 * 24 * time.Hour)
	r.transfer("k2")
	r.amounts("partly given back", "999700", "100", "-100")
	if got := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=1", "currency=usd"); got.code() != "balance_insufficient" {
		t.Errorf("%+v", got)
	}
	r.clock.Advance(24 * time.Hour)
	r.amounts("collected", "999700", "0", "0")
	var seen []string
	for _, row := range r.ask("GET", "/v1/balance_transactions", "currency=usd").body["data"].([]any) {
		e := row.(map[string]any)
		seen = append([]string{fmt.Sprint(e["type"], "/", e["reporting_category"], " ", e["net"])}, seen...)
	}
	want := "charge/charge 1e+06, transfer/transfer -100, reserve_transaction/connect_reserved_funds -200, transfer/transfer -100, " +
		"reserve_transaction/connect_reserved_funds 100, connect_collection_transfer/connect_collection_transfer -100, reserve_transaction/connect_reserved_funds 100"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// Where the platform covers what is missing, a reversal takes more than there is.
	if err := r.sim.ChangeAccount("acct_1", func(a *simulator.Account) { a.Overdraws = true }); err != nil {
		t.Fatal(err)
	}
	if got := r.ask("POST", "/v1/transfers/"+sent.id+"/reversals", "amount=90"); got.status != 200 {
		t.Errorf("%+v", got)
	}
	r.amounts("overdrawn", "999700", "90", "-90")
}

// TestMoneyUnderWayCovers: what is pending on an account counts before the platform's money is reserved.
func TestMoneyUnderWayCovers(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	if err := r.sim.ChangeAccount("acct_1", func(a *simulator.Account) { a.Slow = 86_400 }); err != nil {
		t.Fatal(err)
	}
	r.transfer("k")
	for _, n := range []int64{60, 70} {
		if _, err := r.sim.AddDebit("acct_1", n, "usd"); err != nil {
			t.Fatal(err)
		}
	}
	r.amounts("below zero with money under way", "999870", "30", "-130")
	r.clock.Advance(24 * time.Hour)
	r.amounts("when it has come", "999870", "30", "-30")
}

func TestANewBankIsPaidAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	r.transfer("k")
	if err := r.sim.FailPayouts("acct_1", "account_closed", time.Minute); err != nil {
		t.Fatal(err)
	}
	first := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=40", "currency=usd")
	r.clock.Advance(time.Minute)
	if got := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=40", "currency=usd"); got.code() != "payouts_not_allowed" {
		t.Errorf("to a closed bank: %+v", got)
	}
	bank, err := r.sim.ReplaceBank("acct_1", "usd")
	if err != nil {
		t.Fatal(err)
	}
	again := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=40", "currency=usd")
	if again.status != 200 || again.body["destination"] != bank || first.body["destination"] == bank {
		t.Errorf("%+v", again)
	}
	r.clock.Advance(72 * time.Hour)
	if got := r.ask("GET", "/v1/payouts/"+again.id, "Stripe-Account: acct_1"); got.body["status"] != "paid" {
		t.Errorf("%+v", got)
	}
	r.amounts("paid", "999900", "0", "60")
	if news := r.news("acct_1"); !strings.Contains(news, "payout.failed account.external_account.updated account.external_account.created account.updated payout.created") {
		t.Error(news)
	}
}

func TestADisabledAccountNeitherReceivesNorPays(t *testing.T) {
	t.Parallel()
	r := newRig(t).seeded()
	r.transfer("k")
	if err := r.sim.DisableAccount("acct_1", "requirements.past_due"); err != nil {
		t.Fatal(err)
	}
	if got := r.transfer("k2"); got.code() != "insufficient_capabilities_for_transfer" {
		t.Errorf("%+v", got)
	}
	if got := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", "amount=40", "currency=usd"); got.code() != "payouts_not_allowed" {
		t.Errorf("%+v", got)
	}
	if err := r.sim.DisableAccount("acct_1", ""); err != nil {
		t.Fatal(err)
	}
	if got := r.transfer("k3"); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if news := r.news("acct_1"); news != "account.updated account.updated" {
		t.Error(news)
	}
}

// TestWhatAnInstantPayoutCosts, and whom.
func TestWhatAnInstantPayoutCosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		platformPays      bool
		amount            int64
		platform, account string
		status            int
	}{
		{false, 20_000, "970000", "9800", 200},
		{false, 149, "970000", "29801", 200},
		{false, 5_051, "970000", "24898", 200},
		{false, 29_950, "970000", "30000", 400},
		{true, 29_950, "969700", "50", 200},
		{true, 100, "969950", "29900", 200},
	} {
		r := newRig(t).seeded()
		r.ask("POST", "/v1/transfers", "amount=30000", "currency=usd", "destination=acct_1")
		if err := r.sim.ChangeAccount("acct_1", func(a *simulator.Account) { a.PlatformPays = c.platformPays }); err != nil {
			t.Fatal(err)
		}
		if got := r.ask("POST", "/v1/payouts", "Stripe-Account: acct_1", fmt.Sprint("amount=", c.amount), "currency=usd", "method=instant"); got.status != c.status {
			t.Errorf("%+v: %+v", c, got)
		}
		r.amounts(fmt.Sprint(c.amount), c.platform, "0", c.account)
		entry := r.ask("GET", "/v1/balance_transactions", "limit=1").body["data"].([]any)[0].(map[string]any)
		if (entry["type"] == "stripe_fee" && entry["reporting_category"] == "fee" && entry["source"] == nil) != c.platformPays {
			t.Errorf("%+v: %+v", c, entry)
		}
	}
}

func TestTheNewStateIsKeptInAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	kept := func(o *simulator.Options) { o.File = file }
	r := newRig(t, kept).seeded()
	if !newRig(t).sim.Seen().IsZero() {
		t.Error("what was never written down was seen")
	}
	r.clock.Advance(time.Hour)
	topup := r.ask("POST", "/v1/topups", "amount=500", "currency=usd")
	if _, err := r.sim.AddDebit("acct_1", 70, "usd"); err != nil {
		t.Fatal(err)
	}
	again := newRig(t, kept)
	if seen := again.sim.Seen(); !seen.Equal(start.Add(time.Hour)) {
		t.Errorf("seen %s", seen)
	}
	again.clock.Reach(again.sim.Seen())
	again.amounts("read again", "999930", "70", "-70")
	again.clock.Advance(72 * time.Hour)
	if err := again.sim.Settle(); err != nil {
		t.Fatal(err)
	}
	third := newRig(t, kept)
	if seen := third.sim.Seen(); !seen.Equal(start.Add(73 * time.Hour)) {
		t.Errorf("seen %s", seen)
	}
	if got := third.ask("GET", "/v1/topups/"+topup.id); got.body["status"] != "succeeded" {
		t.Errorf("%+v", got)
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	at := start
	for name, c := range map[string]*simulator.Clock{"stands": simulator.NewClock(start), "goes": simulator.NewGoingClock(func() time.Time { return at })} {
		if c.Stands() != (name == "stands") {
			t.Errorf("%s: %t", name, c.Stands())
		}
		c.Advance(time.Hour)
		c.Reach(start)
		c.Reach(start.Add(2 * time.Hour))
		c.Advance(-time.Minute)
		if got := c.Now(); !got.Equal(start.Add(119 * time.Minute)) {
			t.Errorf("%s: %s", name, got)
		}
	}
	c := simulator.NewGoingClock(func() time.Time { return at })
	c.Advance(time.Hour)
	at = at.Add(time.Second)
	if got := c.Now(); !got.Equal(start.Add(time.Hour + time.Second)) {
		t.Errorf("%s", got)
	}
}

// TestProfiles: each does what it says, in about the share it says.
func TestProfiles(t *testing.T) {
	t.Parallel()
	if _, ok := simulator.ProfileOf("friendly"); ok {
		t.Error("a profile of nobody")
	}
	for name, share := range map[string][2]int{"none": {0, 0}, "flaky": {60, 140}, "hostile": {430, 570}, "busy": {270, 390}, "mute": {0, 0}} {
		p, ok := simulator.ProfileOf(name)
		if !ok || p.Says == "" {
			t.Fatalf("no profile %s", name)
		}
		sum := 0
		for _, n := range p.Chances {
			sum += n
		}
		if sum > 1000 {
			t.Errorf("%s: %d of a thousand", name, sum)
		}
		r := newRig(t, func(o *simulator.Options) { o.Chances, o.Notices = p.Chances, p.Notices })
		failed := 0
		for range 1000 {
			if !answersWell(r) {
				failed++
			}
		}
		if failed < share[0] || failed > share[1] {
			t.Errorf("%s: %d of a thousand failed", name, failed)
		}
	}
	if len(simulator.Profiles()) != 5 {
		t.Errorf("%d profiles", len(simulator.Profiles()))
	}
	simulator.Profiles()[2].Chances[simulator.Hold] = 1
	if p, _ := simulator.ProfileOf("hostile"); p.Chances[simulator.Hold] != 0 {
		t.Error("a profile can be changed by whoever asks for it")
	}
}

// answersWell asks for the balance and reports whether the answer is whole and good.
func answersWell(r *rig) (well bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	return plainly(r)
}

func plainly(r *rig) bool {
	q := httptest.NewRequest("GET", "/v1/balance", nil)
	q.Header.Set("Authorization", "Bearer "+apiKey)
	w := httptest.NewRecorder()
	r.sim.ServeHTTP(w, q)
	return w.Code == 200 && strings.Contains(w.Body.String(), `"available"`)
}
