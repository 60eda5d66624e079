package main

// Processor: which payment processor the service speaks to, with which key, and by which secrets its notices are known.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mizan/api"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// stripeName is the name under which Stripe's notices are received and stored.
const stripeName = "stripe"

// noticePath is where Stripe sends notices.
const noticePath = "/v1/processors/" + stripeName + "/notices"

// stripeSecrets are the key and the two webhook secrets.
type stripeSecrets struct {
	StripeKeyFile           string `name:"stripe-key-file" help:"File with the secret or restricted API key of Stripe, instead of the variable MIZAN_STRIPE_KEY." type:"path" placeholder:"FILE"`
	StripeWebhookSecretFile string `name:"stripe-webhook-secret-file" help:"File with the secret of the webhook endpoint of the platform's own account, instead of the variable MIZAN_STRIPE_WEBHOOK_SECRET." type:"path" placeholder:"FILE"`
	StripeConnectSecretFile string `name:"stripe-connect-secret-file" help:"File with the secret of the webhook endpoint of connected accounts, instead of the variable MIZAN_STRIPE_CONNECT_SECRET." type:"path" placeholder:"FILE"`
}

// read returns the secrets, each empty if nothing says it.
func (f stripeSecrets) read(s *surroundings) (key, platform, connect string, err error) {
	if key, err = s.secret("MIZAN_STRIPE_KEY", f.StripeKeyFile); err != nil {
		return "", "", "", err
	}
	if platform, err = s.secret("MIZAN_STRIPE_WEBHOOK_SECRET", f.StripeWebhookSecretFile); err != nil {
		return "", "", "", err
	}
	connect, err = s.secret("MIZAN_STRIPE_CONNECT_SECRET", f.StripeConnectSecretFile)
	return key, platform, connect, err
}

// processorFlags say to which processor the service speaks.
type processorFlags struct {
	stripeSecrets
	StripeAddress string `name:"stripe-address" help:"Address of something that speaks as Stripe does, such as that of mizan simulator, instead of Stripe itself. No live key is sent there." placeholder:"URL"`
}

// newDriver returns the driver of Stripe, and nil if nothing is said of it. A key without the secrets is refused: a notice would
// be believed whoever sent it, or none would be.
func (f processorFlags) newDriver(s *surroundings) (processor.Driver, error) {
	key, platform, connect, err := f.read(s)
	if err != nil {
		return nil, err
	}
	switch {
	case key == "" && platform == "" && connect == "" && f.StripeAddress == "":
		return nil, nil
	case key == "":
		return nil, usageError("Something is said of Stripe, but its API key is missing. Set MIZAN_STRIPE_KEY or --stripe-key-file too.")
	case platform == "" || connect == "":
		return nil, usageError("Stripe's key needs the secrets of both webhook endpoints. Set MIZAN_STRIPE_WEBHOOK_SECRET and MIZAN_STRIPE_CONNECT_SECRET, or their files.")
	}
	d, err := stripe.New(stripe.Options{Key: key, BaseURL: f.StripeAddress, Now: s.now, PlatformSecret: platform, ConnectSecret: connect})
	if err != nil {
		return nil, usageError("Stripe cannot be used so: " + strings.TrimPrefix(err.Error(), "stripe: ") + ".")
	}
	return d, nil
}

// testDriver is newDriver for development, whose demo books must move nobody's money.
func (f processorFlags) testDriver(s *surroundings) (processor.Driver, error) {
	key, err := s.secret("MIZAN_STRIPE_KEY", f.StripeKeyFile)
	if err != nil {
		return nil, err
	}
	if liveKey(key) {
		return nil, usageError("Development posts demo books and must not move anybody's money. Use one of Stripe's test keys (sk_test_…), or mizan serve.")
	}
	return f.newDriver(s)
}

// liveKey reports whether a key of Stripe moves money.
func liveKey(key string) bool {
	return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")
}

// simulated is the processor of development: a simulator in this process, which the driver reaches over this machine's own
// network as it would reach Stripe.
type simulated struct {
	*simulator.Simulator
	driver   processor.Driver
	listener net.Listener
	// own are the accounts of books that have one of their own, by the code.
	own map[string]*simulated
}

// ownProcessors are the demo books that are held against their processor, which therefore nobody else uses.
var ownProcessors = []string{"s12", reconWeekCode}

// newSimulated returns the simulator by the service's own clock. Its state and its secrets are kept in the data directory. Its
// notices go to the service at the address.
func newSimulated(ctx context.Context, data string, now func() time.Time, address string) (*simulated, error) {
	p, err := newAccount(ctx, data, "", now, address)
	if err != nil {
		return nil, err
	}
	p.own = map[string]*simulated{}
	for _, code := range ownProcessors {
		dir := filepath.Join(data, "processor-"+code)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, errors.Join(err, p.close())
		}
		if p.own[code], err = newAccount(ctx, dir, strings.ReplaceAll(code, "_", ""), now, ""); err != nil {
			delete(p.own, code)
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// close gives the addresses back.
func (p *simulated) close() error {
	err := p.listener.Close()
	for _, own := range p.own {
		err = errors.Join(err, own.close())
	}
	return err
}

// newAccount returns one account at the simulated processor, with a mark in its ids. Without an address it sends no notices.
func newAccount(ctx context.Context, data, mark string, now func() time.Time, address string) (*simulated, error) {
	var kept [3]string
	for i, of := range [3][2]string{{"processor-key", "sk_test_"}, {"processor-webhook-secret", "whsec_"}, {"processor-connect-secret", "whsec_"}} {
		var err error
		if kept[i], err = keepSecret(filepath.Join(data, of[0]), of[1]); err != nil {
			return nil, err
		}
	}
	// Its clock may stand, so that a second of it never ends: it takes as many requests as there are.
	o := simulator.Options{Now: now, Key: kept[0], Seed: 1, Rate: -1, File: filepath.Join(data, "processor.json"), Mark: mark}
	if address != "" {
		o.Endpoints = []simulator.Endpoint{{URL: address + noticePath, Secret: kept[1]}, {URL: address + noticePath, Secret: kept[2], Connect: true}}
	}
	sim, err := simulator.New(o)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d, err := stripe.New(stripe.Options{Key: kept[0], BaseURL: "http://" + listener.Addr().String(), Now: now, PlatformSecret: kept[1], ConnectSecret: kept[2]})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &simulated{Simulator: sim, driver: d, listener: listener}, nil
}

// address is where the simulator is reached.
func (p *simulated) address() string { return "http://" + p.listener.Addr().String() }

// run answers requests and sends notices until ctx ends.
func (p *simulated) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer stop()
	for _, own := range p.own {
		others.Go(func() { _ = own.run(ctx) }) // whoever calls it is told
	}
	return runSimulator(ctx, p.listener, p.Simulator, nil)
}

// noticesEvery is how often notices that are due are sent.
const noticesEvery = time.Second

// controlPath is where people move a simulator; everything else is Stripe's.
const controlPath = "/simulator/"

// runSimulator serves a simulator and its control, and sends its notices, until ctx ends. The clock is nil where it is not to be
// moved from outside.
func runSimulator(ctx context.Context, listener net.Listener, sim *simulator.Simulator, clock *simulator.Clock) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	control := sim.Control(clock, client)
	// No multiplexer over both: it would clean paths and redirect, as Stripe does not.
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, controlPath) {
			control.ServeHTTP(w, r)
			return
		}
		sim.ServeHTTP(w, r)
	})
	ctx, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { sendNotices(ctx, sim, client) })
	defer sender.Wait()
	defer stop()
	return api.NewServer(handler, nil, api.ServerOptions{}).Serve(ctx, listener)
}

// sendNotices sends what is due every now and then. What is not taken stays in the simulator and is sent again later.
func sendNotices(ctx context.Context, sim *simulator.Simulator, client *http.Client) {
	again := time.NewTicker(noticesEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			// An error is one of writing the state down, which the next request reports.
			_, _ = sim.Deliver(ctx, client)
		}
	}
}
