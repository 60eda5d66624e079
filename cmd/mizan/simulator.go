package main

// Simulator: a payment processor on this machine that speaks as Stripe does and misbehaves when asked to.

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/payouts/processor/simulator"
)

type simulatorCmd struct {
	stripeSecrets
	Listen  string `help:"Address to listen on; only this machine's own are allowed." default:"127.0.0.1:12111" placeholder:"ADDRESS"`
	Data    string `help:"File in which the state is kept between runs. Without one it is forgotten." type:"path" placeholder:"FILE"`
	Seed    uint64 `help:"Seed of the chance by which things go wrong." default:"1" placeholder:"N"`
	Faults  string `help:"How things go wrong by chance: none, flaky, hostile, busy or mute." default:"none" placeholder:"PROFILE"`
	Clock   string `help:"Where the clock begins, such as 2026-03-01T12:00:00Z; it then stands still until it is moved. Or real, for this machine's." default:"real" placeholder:"TIME"`
	Notices string `help:"Address of the Mizan that gets the notices, such as http://127.0.0.1:8080. Needs both webhook secrets." placeholder:"URL"`
}

// simulatorKey is the key that the simulator lets in unless another is set. It opens nothing else.
const simulatorKey = "sk_test_simulator"

// Run serves until ctx ends and then stops in order.
func (c *simulatorCmd) Run(ctx context.Context, s *surroundings) error {
	if !local(c.Listen) {
		return errNotLocal.With("The simulator keeps no secrets and speaks without TLS, so that it listens on this machine only. Use an address such as 127.0.0.1:12111.")
	}
	options, clock, err := c.options(s)
	if err != nil {
		return err
	}
	// Taken first, so that an address in use is told before the state is touched.
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	sim, err := simulator.New(options)
	if err != nil {
		return err
	}
	if seen := sim.Seen(); clock.Now().Before(seen) {
		clock.Reach(seen)
	}
	c.explain(s.stdout, "http://"+listener.Addr().String(), options.Key, clock)
	if err := runSimulator(ctx, listener, sim, clock); err != nil {
		return err
	}
	if err := sim.Settle(); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "The simulator has stopped.")
	return nil
}

// options judges the flags.
func (c *simulatorCmd) options(s *surroundings) (o simulator.Options, clock *simulator.Clock, err error) {
	key, platform, connect, err := c.read(s)
	if err != nil {
		return o, nil, err
	}
	if key == "" {
		key = simulatorKey
	}
	if !strings.HasPrefix(key, "sk_test_") && !strings.HasPrefix(key, "rk_test_") {
		return o, nil, usageError("The simulator takes a test key only, such as " + simulatorKey + ". Keep live keys away from it.")
	}
	profile, known := simulator.ProfileOf(c.Faults)
	if !known {
		var names []string
		for _, p := range simulator.Profiles() {
			names = append(names, p.Name)
		}
		return o, nil, usageError("There is no such profile of faults. Choose one of: " + strings.Join(names, ", ") + ".")
	}
	clock = simulator.NewGoingClock(s.now)
	if c.Clock != "real" {
		at, err := time.Parse(time.RFC3339, c.Clock)
		if err != nil {
			return o, nil, usageError("--clock must be a time such as 2026-03-01T12:00:00Z, or real.")
		}
		clock = simulator.NewClock(at.UTC())
	}
	o = simulator.Options{Now: clock.Now, Key: key, Seed: c.Seed, Chances: profile.Chances, Notices: profile.Notices, File: c.Data}
	if c.Notices == "" {
		return o, clock, nil
	}
	to, _, err := publicAddress(c.Notices)
	if err != nil {
		return o, nil, usageError("--notices must look like http://127.0.0.1:8080; another machine is reached with https:// only.")
	}
	if platform == "" || connect == "" || platform == connect {
		return o, nil, usageError("Notices are signed. Set MIZAN_STRIPE_WEBHOOK_SECRET and MIZAN_STRIPE_CONNECT_SECRET, two different ones, as for the Mizan that gets them.")
	}
	o.Endpoints = []simulator.Endpoint{{URL: to + noticePath, Secret: platform}, {URL: to + noticePath, Secret: connect, Connect: true}}
	return o, clock, nil
}

// explain prints where everything is.
func (c *simulatorCmd) explain(w io.Writer, address, key string, clock *simulator.Clock) {
	bearer := "$MIZAN_STRIPE_KEY" // #nosec G101 -- the name of a variable, not what it holds
	if key == simulatorKey {
		bearer = simulatorKey
	} else if c.StripeKeyFile != "" {
		bearer = "$(cat " + c.StripeKeyFile + ")"
	}
	goes := "goes on with this machine's"
	if clock.Stands() {
		goes = "stands still until it is moved"
	}
	fmt.Fprintf(w, `The simulator is ready: %[1]s

  Stripe     %[1]s/v1
  Control    %[1]s/simulator
  Clock      %[3]s, %[4]s
  Faults     %[5]s

Add an account and money, and move some of it, for example:

  curl -H "Authorization: Bearer %[2]s" -d id=acct_jo -d country=US -d currencies=usd %[1]s/simulator/accounts
  curl -H "Authorization: Bearer %[2]s" -d amount=100000 -d fee=2930 -d currency=usd %[1]s/simulator/charges
  curl -H "Authorization: Bearer %[2]s" -d amount=5000 -d currency=usd -d destination=acct_jo %[1]s/v1/transfers
  curl -H "Authorization: Bearer %[2]s" %[1]s/v1/balance

Press Ctrl-C to stop.
`, address, bearer, clock.Now().UTC().Format(time.RFC3339), goes, c.Faults)
}
