package main

// Dev: everything on one machine, from nothing to posted books, with one command.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"mizan/api/client"
)

type devCmd struct {
	databaseFlags
	marketFlags
	vaultFlags
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
	if !local(c.Listen) {
		return errNotLocal.With("In development mode Mizan listens on this machine only, because whoever reaches it sees every book. " +
			"Use an address such as 127.0.0.1:8080, or mizan serve.")
	}
	secrets, err := s.webhookSecrets(c.WebhookSecretsFile)
	if err != nil {
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
	key, cursorKey, err := c.keys()
	if err != nil {
		return err
	}
	vaultKeys, err := c.vaultFlags.keys(s)
	if err == nil && vaultKeys.Empty() {
		vaultKeys, err = devVaultKeys(c.Data)
	}
	if err != nil {
		return err
	}
	if _, err := d.migrate(ctx); err != nil {
		return orderly(ctx, err)
	}
	address := "http://" + listener.Addr().String()
	pool, err := d.pool(ctx, s, 16)
	if err != nil {
		return orderly(ctx, err)
	}
	v, err := newService(ctx, pool, s.now, serviceConfig{clock: newClock(s.now), jobsLater: true, staticKey: key, cursorKey: []byte(cursorKey), open: true, secrets: secrets,
		vaultKeys: vaultKeys, vaultRegion: c.VaultRegion, public: address, log: newLog(s.stderr, "text", c.LogLevel)})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- v.serve(ctx, listener) }()
	fmt.Fprintf(s.stdout, "Mizan is ready after %.1f s: %s\n", s.now().Sub(started).Seconds(), address)
	if !c.Empty {
		c.seed(ctx, s, v.parts, address, key, plan)
	}
	c.startJobs(ctx, s, v)
	c.links(ctx, s, v.parts, address)
	c.explain(s.stdout, address)
	if err := <-served; err != nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errServerEnd) {
		return errServerEnd
	}
	fmt.Fprintln(s.stdout, "Mizan has stopped. The data are kept in "+c.Data+".")
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
func (c *devCmd) seed(ctx context.Context, s *surroundings, p *parts, address, key string, plan marketPlan) {
	remote, err := client.New(address, key, client.Options{UserAgent: "mizan-dev"})
	if err == nil {
		defer remote.CloseIdleConnections()
		begun := s.now()
		if err = seedDemo(ctx, remote, plan, s.now, s.stdout); err == nil {
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
func (c *devCmd) explain(w io.Writer, address string) {
	bearer := "$(cat " + devKeyFile(c.Data) + ")"
	if c.APIKey != "" {
		bearer = "$MIZAN_API_KEY"
	}
	fmt.Fprintf(w, `
  Books      %[1]s/
  Handbook   %[1]s/docs
  OpenAPI    %[1]s/openapi.json

Ask it with the key, for example:

  curl -H "Authorization: Bearer %[2]s" %[1]s/v1/books

Press Ctrl-C to stop.
`, address, bearer)
}

// orderly turns the end of a start that was interrupted into an orderly end.
func orderly(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return nil
	}
	return err
}
