package main

// Dev: everything on one machine, from nothing to posted books, with one command.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
)

type devCmd struct {
	databaseFlags
	marketFlags
	vaultFlags
	processorFlags
	Listen             string     `help:"Address of the API; only this machine's own are allowed." default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	Data               string     `help:"Directory for the private PostgreSQL and the development key." default:".mizan" placeholder:"DIR"`
	Empty              bool       `help:"Do not post the demo books."`
	APIKey             string     `name:"api-key" help:"API key that may do everything. Without it a random one is kept in the data directory." placeholder:"KEY"`
	WebhookSecretsFile string     `name:"webhook-secrets-file" help:"File with the secrets that inbound messages are signed with, a line book/source=secret each; instead of the variable MIZAN_WEBHOOK_SECRETS." type:"path" placeholder:"FILE"`
	LogLevel           slog.Level `help:"Least level to log: debug, info, warn or error." default:"warn" placeholder:"LEVEL"`
}

// Run serves until ctx ends, and then stops everything in order.
func (c *devCmd) Run(ctx context.Context, s *surroundings) (err error) {
	started := s.now()
	plan, err := c.plan()
	if err != nil {
		return err
	}
	if said := s.getenv(envName("production")); said != "" && !slices.Contains([]string{"false", "0", "no"}, strings.ToLower(said)) {
		return usageError("MIZAN_PRODUCTION is set, and mizan dev is not for production: whoever reaches it sees every book. Use mizan serve, or leave the variable out.")
	}
	if !local(c.Listen) {
		return errNotLocal.With("In development mode Mizan listens on this machine only, because whoever reaches it sees every book. " +
			"Use an address such as 127.0.0.1:8080, or mizan serve.")
	}
	config := serviceConfig{clock: newClock(s.now), jobsLater: true, open: true, vaultRegion: c.VaultRegion, log: newLog(s.stderr, "text", c.LogLevel)}
	if config.secrets, err = s.webhookSecrets(c.WebhookSecretsFile); err != nil {
		return err
	}
	if config.driver, err = c.testDriver(s); err != nil {
		return err
	}
	// Taken first, so that an address in use is told before anything is started.
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	d, err := c.open(ctx, s, c.Data)
	if err != nil {
		return orderly(ctx, err)
	}
	defer func() { err = errors.Join(err, d.stop(ctx)) }()
	ctx, cancel := untilDeath(ctx, d)
	defer cancel()
	config.public = "http://" + listener.Addr().String()
	if err := c.keep(ctx, s, &config); err != nil {
		return err
	}
	if config.simulator != nil {
		defer config.simulator.listener.Close()
	}
	if _, err := d.migrate(ctx); err != nil {
		return orderly(ctx, err)
	}
	pool, err := d.pool(ctx, s, 16)
	if err != nil {
		return orderly(ctx, err)
	}
	v, err := newService(ctx, pool, s.now, config)
	if err != nil {
		return err
	}
	tell, err := c.stories(ctx, v)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- v.serve(ctx, listener) }()
	fmt.Fprintf(s.stdout, "Mizan is ready after %.1f s: %s\n", s.now().Sub(started).Seconds(), config.public)
	if !c.Empty {
		c.seed(ctx, s, v.parts, tell, config.public, config.staticKey, plan)
	}
	c.startJobs(ctx, s, v)
	c.links(ctx, s, v.parts, config.public)
	c.explain(s.stdout, config)
	if err := <-served; err != nil || errors.Is(context.Cause(ctx), errServerEnd) {
		return cmp.Or(err, error(errServerEnd))
	}
	fmt.Fprintln(s.stdout, "Mizan has stopped. The data are kept in "+c.Data+".")
	return nil
}

// stories returns the telling of stories, if there are demo books. Where it cannot begin, the service ends before it was there.
func (c *devCmd) stories(ctx context.Context, v *service) (*story, error) {
	if c.Empty {
		return nil, nil
	}
	tell, err := openStories(ctx, v, c.Data)
	if err != nil {
		err = errors.Join(err, v.close(ctx))
		v.pool.Close()
	}
	return tell, err
}

// keep fills the configuration with what is kept in the data directory: the keys, and a simulated processor unless a real one is
// set.
func (c *devCmd) keep(ctx context.Context, s *surroundings, config *serviceConfig) error {
	key, cursorKey, err := c.keys()
	if err != nil {
		return err
	}
	config.staticKey, config.cursorKey = key, []byte(cursorKey)
	if config.vaultKeys, err = c.vaultFlags.keys(s); err == nil && config.vaultKeys.Empty() {
		config.vaultKeys, err = devVaultKeys(c.Data)
	}
	if err != nil || config.driver != nil {
		return err
	}
	if config.simulator, err = newSimulated(ctx, c.Data, config.clock.now, config.public); err != nil {
		return err
	}
	config.driver = config.simulator.driver
	return nil
}

// startJobs comes after the demo books, whose time is not that of the machine. The service goes on if it fails.
func (c *devCmd) startJobs(ctx context.Context, s *surroundings, v *service) {
	if err := v.startJobs(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(s.stderr, "mizan: the jobs do not run:", explain(err))
	}
}

// keys returns the API key and the key that cursors are signed with. The latter outlives restarts, so that cursors do.
func (c *devCmd) keys() (key, cursorKey string, err error) {
	if cursorKey, err = keepSecret(filepath.Join(c.Data, "cursor-key"), ""); err != nil {
		return "", "", err
	}
	if c.APIKey != "" {
		return c.APIKey, cursorKey, nil
	}
	key, err = keepSecret(devKeyFile(c.Data), "mizan_dev_")
	return key, cursorKey, err
}

// seed posts the demo books. The service goes on without them if that fails: the data may be older than this program, or
// somebody's own.
func (c *devCmd) seed(ctx context.Context, s *surroundings, p *parts, tell *story, address, key string, plan marketPlan) {
	remote, err := client.New(address, key, client.Options{UserAgent: "mizan-dev"})
	if err == nil {
		defer remote.CloseIdleConnections()
		if tell != nil {
			tell.remote = remote
		}
		begun := s.now()
		if err = seedDemo(ctx, remote, tell, plan, s.now, s.stdout); err == nil {
			fmt.Fprintf(s.stdout, "Seeding took %s.\n", s.now().Sub(begun).Round(10*time.Millisecond))
		}
		// Whoever looks into books that are not as expected needs people too.
		if e := c.seedPeople(ctx, p, remote); e != nil && ctx.Err() == nil {
			fmt.Fprintln(s.stderr, "mizan: the demo people are not complete:", explain(e))
		}
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(s.stderr, "mizan: the demo books are not complete:", explain(err))
	}
}

// explain prints where everything is.
func (c *devCmd) explain(w io.Writer, config serviceConfig) {
	rail := "Stripe, in its test mode"
	if config.simulator != nil {
		rail = config.simulator.address() + " (simulated)"
	} else if c.StripeAddress != "" {
		rail = c.StripeAddress
	}
	bearer := "$(cat " + devKeyFile(c.Data) + ")"
	if c.APIKey != "" {
		bearer = "$MIZAN_API_KEY" // #nosec G101 -- the name of a variable, not what it holds
	}
	fmt.Fprintf(w, `
  Books      %[1]s/
  Handbook   %[1]s/docs
  OpenAPI    %[1]s/openapi.json
  Processor  %[3]s

Ask it with the key, for example:

  curl -H "Authorization: Bearer %[2]s" %[1]s/v1/books

Press Ctrl-C to stop.
`, config.public, bearer, rail)
}

// orderly turns the end of a start that was interrupted into an orderly end.
func orderly(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return nil
	}
	return err
}
