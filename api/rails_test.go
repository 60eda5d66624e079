package api

import (
	"net/http/httptest"

	"mizan/payouts"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// Two connected accounts of the imitated processor.
const (
	firstAccount  = "acct_1Nv0FGQ9RKHgCVdK"
	secondAccount = "acct_2Nv0FGQ9RKHgCVdK"
)

// rails is a processor that is imitated over HTTP, with two accounts, and bank files.
func (h *house) rails() []payouts.Rail {
	const key = "sk_test_canary_of_the_key_1234567890"
	sim, err := simulator.New(simulator.Options{Now: h.clock.now, Key: key, Seed: 7, Rate: -1})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, account := range []string{firstAccount, secondAccount} {
		if err := sim.AddAccount(account, "GB", "gbp"); err != nil {
			h.t.Fatal(err)
		}
	}
	server := httptest.NewServer(sim)
	h.t.Cleanup(server.Close)
	driver, err := stripe.New(stripe.Options{Key: key, BaseURL: server.URL, Now: h.clock.now, PlatformSecret: "whsec_canary_platform_api", ConnectSecret: "whsec_canary_connect_api"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.driver = driver
	return []payouts.Rail{{Name: payouts.RailConnected, Processor: "main", Driver: driver, PerSecond: 25, Own: "acct_platform"},
		{Name: payouts.RailBank, Processor: "bank", Bank: "main", Of: h.bank.Driver, PerSecond: 1000}}
}
