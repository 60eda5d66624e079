package main

// Serve: the API on a database of yours, as it runs in production.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"mizan/api/console/pdf"
)

type serveCmd struct {
	databaseFlags
	signInFlags
	vaultFlags
	processorFlags
	Listen             string `help:"Address of the API." default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	BehindTLSProxy     bool   `name:"behind-tls-proxy" help:"Allow an address beyond this machine: a proxy in front of it ends TLS, and nobody else reaches it."`
	Migrate            bool   `help:"Apply pending migrations first, as the owner (MIZAN_OWNER_DATABASE_URL)."`
	MaxConnections     int32  `help:"Connections to the database at most." default:"20" placeholder:"N"`
	CursorKeyFile      string `name:"cursor-key-file" help:"File with the key that cursors are signed with, instead of the variable MIZAN_CURSOR_KEY; replicas share it. Without it a cursor does not outlive a restart." type:"path" placeholder:"FILE"`
	WebhookSecretsFile string `name:"webhook-secrets-file" help:"File with the secrets that inbound messages are signed with, a line book/source=secret each, two at most of a source; instead of the variable MIZAN_WEBHOOK_SECRETS." type:"path" placeholder:"FILE"`
	rateFlags
	Jobs           string     `help:"Whether this replica runs jobs: on or off. One that runs them is needed; several share them." enum:"on,off" default:"on"`
	JobsPollOnly   bool       `name:"jobs-poll-only" help:"Find the work of jobs by asking alone, because a proxy in front of the database does not carry LISTEN."`
	ReconcileShare int        `name:"reconcile-share" help:"Percent of its time, 1 to 100, that a reconciliation works while anybody posts; with 100 it never waits." default:"20"`
	Chromium       string     `help:"Program, Chromium or Chrome, that makes statements as PDF. Without it none is made." placeholder:"PROGRAM"`
	LogFormat      string     `help:"Format of the log: json or text." enum:"json,text" default:"json"`
	LogLevel       slog.Level `help:"Least level to log: debug, info, warn or error." default:"info" placeholder:"LEVEL"`
}

// check refuses flags with which nothing is to be served.
func (c *serveCmd) check() error {
	if !c.BehindTLSProxy && !local(c.Listen) {
		return errNotLocal.With("Keys would travel readable over the network. Listen on this machine, such as 127.0.0.1:8080, " +
			"or say --behind-tls-proxy if a proxy in front ends TLS.")
	}
	if err := c.rateFlags.check(); err != nil {
		return err
	}
	if c.ReconcileShare < 1 || c.ReconcileShare > 100 {
		return usageError("--reconcile-share is 1 to 100.")
	}
	return nil
}

// Run serves until ctx ends and then stops in order.
func (c *serveCmd) Run(ctx context.Context, s *surroundings) error {
	if err := c.check(); err != nil {
		return err
	}
	moved := movedClock(s)
	d, err := c.given(s)
	if err != nil || d.appURL == "" {
		return cmp.Or(err, error(errNoAddress))
	}
	if c.Migrate && d.ownerURL == "" {
		return usageError("--migrate needs the owner's address. Set MIZAN_OWNER_DATABASE_URL.")
	}
	cursorKey, err := s.secret("MIZAN_CURSOR_KEY", c.CursorKeyFile)
	if err != nil {
		return err
	}
	secrets, err := s.webhookSecrets(c.WebhookSecretsFile)
	if err != nil {
		return err
	}
	vaultKeys, err := c.vaultFlags.keys(s)
	if err != nil {
		return err
	}
	driver, err := c.newDriver(s)
	printer, wrong := printerOf(c.Chromium)
	if err = cmp.Or(err, wrong); err != nil {
		return err
	}
	log := newLog(s.stderr, c.LogFormat, c.LogLevel)
	entry, err := c.signInFlags.read(ctx, s, log)
	if err != nil {
		return err
	}
	boundMemory(s)
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if c.Migrate {
		result, err := d.migrate(ctx)
		if err != nil {
			return orderly(ctx, unreachable(err))
		}
		log.Info("migrations applied", "from", result.From, "to", result.To)
	}
	if err := d.current(ctx); err != nil {
		return orderly(ctx, err)
	}
	pool, err := d.pool(ctx, s, c.MaxConnections)
	if err != nil {
		return orderly(ctx, err)
	}
	v, err := newService(ctx, pool, s.now, serviceConfig{
		cursorKey: []byte(cursorKey), secrets: secrets, vaultKeys: vaultKeys, vaultRegion: c.VaultRegion,
		issuer: entry.issuer, public: entry.public, secure: entry.secure || c.BehindTLSProxy, proxies: entry.proxies, sessionKey: entry.sessionKey, driver: driver, log: log,
		withoutJobs: c.Jobs == "off", pollOnly: c.JobsPollOnly, clock: moved, reconcileShare: c.ReconcileShare, printer: printer, traffic: c.rateFlags.limits(),
	})
	if err != nil {
		return err
	}
	log.Info("ready", "address", listener.Addr().String(), "version", version())
	if err := v.serve(ctx, listener); err != nil {
		return errors.Join(errors.New("the stop was not orderly"), err)
	}
	_, err = fmt.Fprintln(s.stderr, "mizan has stopped")
	return err
}

// printerOf returns what makes PDFs, nil for no program.
func printerOf(program string) (*pdf.Printer, error) {
	if program == "" {
		return nil, nil
	}
	printer, err := pdf.New(program)
	if err != nil {
		return nil, usageError("--chromium names no program that can be started. Give the path of a Chromium or Chrome, or leave it out.")
	}
	return printer, nil
}
