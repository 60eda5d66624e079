package payouts

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// openProposals are the open ones as text, the newest first.
func openProposals(t *testing.T, s *Service, turn Turn) (text string) {
	t.Helper()
	list, err := s.Proposals(t.Context(), turn.Book, "open", Proposal{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		text += fmt.Sprint(p.Kind, " ", p.Object, " ", p.Amount.Format(p.Currency), "; ")
	}
	return text
}

// TestTopUpForPayouts: payouts that are not sent yet and need more than the processor has are topped up, by what is missing.
func TestTopUpForPayouts(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	const key = "sk_test_treasury"
	sim, err := simulator.New(simulator.Options{Now: h.clock, Key: key, Seed: 3, Rate: -1})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	driver, err := stripe.New(stripe.Options{Key: key, BaseURL: server.URL, Now: h.clock, PlatformSecret: "whsec_treasury_platform_1", ConnectSecret: "whsec_treasury_connect_1"})
	if err != nil {
		t.Fatal(err)
	}
	h.rails["connected"] = Rail{Name: "connected", Processor: "main", Driver: driver}
	for i := range 3 {
		who := usd("seller", fmt.Sprint("s", i))
		h.move(who, "available", 100_00)
		h.ready(who, true)
	}
	h.runOn(runsStart)
	turn := h.turn(runsStart)
	if _, err := h.Treasury(t.Context(), turn); err != nil {
		t.Fatal(err)
	}
	needs, err := h.unsentPayouts(t.Context(), h.book)
	if err != nil || len(needs) != 1 || needs[0].amount == 0 {
		t.Fatal(needs, err)
	}
	if got, want := openProposals(t, h.Service, turn), "top_up processor:main "+needs[0].amount.Format("USD")+"; "; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	server.Close()
	if _, err := h.Treasury(t.Context(), turn); err == nil {
		t.Error("a processor that does not answer is no reason to propose nothing")
	}
}

// TestTrustDeposit: what was set aside for a minor has to be in the trust account after 15 business days.
func TestTrustDeposit(t *testing.T) {
	t.Parallel()
	h := newTimeHouse(t, "US", "America/New_York", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), "USD")
	by := guard.Actor{Kind: guard.Person, ID: "fin_1", Person: "fin_1"}
	for _, p := range []commerce.Payee{{ID: "gua", Kind: "guardian", Country: "US", Currency: "USD"}, {ID: "kid", Kind: "creator", Country: "US", Currency: "USD", Minor: true, Guardian: "gua"}} {
		if _, _, err := h.events.RegisterPayee(t.Context(), by, h.book, p); err != nil {
			t.Fatal(err)
		}
	}
	h.post("subscription.charged", `{"subscription":"S","creator":"kid","processor":"main","payment_id":"pi","plan":"monthly","currency":"USD","amount":"10.00","share":"1"}`)
	h.move(h.time().AddDate(0, 0, 8))
	h.tick()
	trusted := func() string {
		h.work(h.Treasury)
		for _, p := range strings.Split(openProposals(h.t.(*testing.T), h.Service, h.turn()), "; ") {
			if strings.HasPrefix(p, ProposeTrustDeposit) {
				return p
			}
		}
		return ""
	}
	if got := trusted(); got != "" {
		t.Fatalf("at once: %q", got)
	}
	h.move(h.time().AddDate(0, 0, 23))
	if got := trusted(); got != "trust_deposit creator:kid 1.50" {
		t.Fatalf("%q\n%s", got, h.rows("payout_clocks"))
	}
	h.post("processor.funds_available", `{"processor":"main","currency":"USD","amount":"10.00"}`)
	h.post("minor_trust.deposited", `{"deposit":"TD","creator":"kid","currency":"USD","amount":"1.50","processor":"main"}`)
	h.work(h.Feed)
	if rows := h.rows("treasury_proposals"); !strings.Contains(rows, "creator:kid") || strings.Count(rows, "done") != 1 {
		t.Fatal(rows)
	}
	if got := trusted(); got != "" {
		t.Fatalf("after the deposit: %q", got)
	}
}

// TestOneProcessorForTwoBooks: what another book's payouts need of the processor they share is neither swept by this one, nor
// counted as there.
func TestOneProcessorForTwoBooks(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	const key = "sk_test_treasury_two"
	sim, err := simulator.New(simulator.Options{Now: h.clock, Key: key, Seed: 5, Rate: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.AddCharge(300_00, 0, "usd", 0, nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	driver, err := stripe.New(stripe.Options{Key: key, BaseURL: server.URL, Now: h.clock, PlatformSecret: "whsec_treasury_platform_2", ConnectSecret: "whsec_treasury_connect_2"})
	if err != nil {
		t.Fatal(err)
	}
	h.rails["connected"] = Rail{Name: "connected", Processor: "main", Driver: driver}
	for i := range 3 {
		who := usd("seller", fmt.Sprint("s", i))
		h.move(who, "available", 90_00)
		h.ready(who, true)
	}
	h.runOn(runsStart)
	other, _, err := h.ledger.CreateBook(t.Context(), ledger.NewBook{Code: "own", Name: "own", Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: "US"})
	if err != nil {
		t.Fatal(err)
	}
	if out := h.ledger.Post(t.Context(), other, ledger.Submission{Reference: "earned", Drafts: []ledger.Draft{{Event: "test.earned", Lines: []ledger.Line{
		{Account: "assets:processor:available:main", Amount: 200_00, Currency: "USD"}, {Account: "revenue:payout_fee", Amount: -200_00, Currency: "USD"}}}}}); out.Err != nil {
		t.Fatal(out.Err)
	}
	turn := Turn{Book: other, Start: runsStart}
	if _, err := h.Treasury(t.Context(), turn); err != nil {
		t.Fatal(err)
	}
	if got, want := openProposals(t, h.Service, turn), "sweep  30.00; "; got != want {
		t.Errorf("%q, want %q: the other 270.00 are payouts of the other book", got, want)
	}
}
