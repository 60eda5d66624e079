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
	deploymentFlags
	servingFlags
}

// servingFlags say how a deployment is served. Doctor takes them too, so that it can be given what serve is.
type servingFlags struct {
	rateFlags
	Production     bool       `help:"Refuse to start unless the database, the role, the secrets and the way to the service are safe; everything that is wrong is told at once. Real money needs it."`
	Migrate        bool       `help:"Apply pending migrations first, as the owner (MIZAN_OWNER_DATABASE_URL)."`
	Jobs           string     `help:"Whether this replica runs jobs: on or off. One that runs them is needed; several share them." enum:"on,off" default:"on"`
	JobsPollOnly   bool       `name:"jobs-poll-only" help:"Find the work of jobs by asking alone, because a proxy in front of the database does not carry LISTEN."`
	ReconcileShare int        `name:"reconcile-share" help:"Percent of its time, 1 to 100, that a reconciliation works while anybody posts; with 100 it never waits." default:"20"`
	Chromium       string     `help:"Program, Chromium or Chrome, that makes statements as PDF. Without it none is made." placeholder:"PROGRAM"`
	LogFormat      string     `help:"Format of the log: json or text." enum:"json,text" default:"json"`
	LogLevel       slog.Level `help:"Least level to log: debug, info, warn or error." default:"info" placeholder:"LEVEL"`
}

// check refuses flags that make no sense wherever they are served.
func (c *servingFlags) check() error {
	if err := c.rateFlags.check(); err != nil {
		return err
	}
	if c.ReconcileShare < 1 || c.ReconcileShare > 100 {
		return usageError("--reconcile-share is 1 to 100.")
	}
	return nil
}

// expected has what is about to be put right be no fault. It is still told, because what needs the tables was not looked at.
func (c *servingFlags) expected(found findings) (left findings) {
	for _, one := range found {
		if c.Migrate && one.Check == "migrations" && one.State == stateWrong {
			one.State, one.Do = stateWarn, "Serve with --migrate, and run mizan doctor again: what needs the tables of this program was not looked at."
		}
		left = append(left, one)
	}
	return left
}

// check refuses flags with which nothing is to be served. In production mode what is not safe is told with everything else.
func (c *serveCmd) check(d *deployment) error {
	if d.database.appURL == "" {
		return errNoAddress
	}
	if c.Migrate && d.database.ownerURL == "" {
		return usageError("--migrate needs the owner's address. Set MIZAN_OWNER_DATABASE_URL.")
	}
	if err := c.servingFlags.check(); err != nil {
		return err
	}
	if c.Production {
		return nil
	}
	if liveKey(d.stripe[0]) {
		return usageError("A live key of Stripe moves money, and nobody has looked whether this deployment is safe. Add --production, or use one of Stripe's test keys (sk_test_…).")
	}
	return d.reachable()
}

// refuseUnsafe looks at the whole deployment and returns errUnsafe with everything that is wrong, else what was found.
func (c *serveCmd) refuseUnsafe(ctx context.Context, s *surroundings, d *deployment) (findings, error) {
	found := d.lookAtSettings()
	looking, stop := context.WithTimeout(ctx, lookPatience)
	defer stop()
	there, examined, err := d.lookAtDatabase(looking, s)
	switch {
	case err != nil && found.refuse() == nil:
		return nil, err
	case err != nil:
		found.wrong("database", "The database could not be asked.", errNoDatabase.Message)
	default:
		there = append(there, d.lookAround(examined, "", s.now())...)
	}
	found = append(found, c.expected(there)...)
	return found, found.refuse()
}

// prepare looks whether the database may be served, and applies migrations if it is to.
func (c *serveCmd) prepare(ctx context.Context, s *surroundings, d *deployment, log *slog.Logger) error {
	var found findings
	if c.Production {
		var err error
		if found, err = c.refuseUnsafe(ctx, s, d); err != nil {
			return err
		}
	}
	if c.Migrate {
		result, err := d.database.migrate(ctx)
		if err != nil {
			return unreachable(err)
		}
		log.Info("migrations applied", "from", result.From, "to", result.To)
		if c.Production && len(result.Applied) > 0 {
			// There are tables that were not there to be looked at.
			if found, err = c.refuseUnsafe(ctx, s, d); err != nil {
				return err
			}
		}
	}
	for _, one := range found {
		if one.State == stateWarn {
			log.Warn("this should be looked at", "check", one.Check, "says", one.Says, "do", one.Do)
		}
	}
	return d.database.current(ctx)
}

// Run serves until ctx ends and then stops in order.
func (c *serveCmd) Run(ctx context.Context, s *surroundings) error {
	moved := movedClock(s)
	d, err := c.settle(s)
	if err != nil {
		return err
	}
	printer, err := printerOf(c.Chromium)
	if err = cmp.Or(err, c.check(d)); err != nil {
		return err
	}
	log := newLog(s.stderr, c.LogFormat, c.LogLevel)
	boundMemory(s)
	issuer, err := c.meet(ctx, s, d.entry, log)
	if err != nil {
		return err
	}
	if err := c.prepare(ctx, s, d, log); err != nil {
		return orderly(ctx, err)
	}
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	pool, err := d.database.pool(ctx, s, c.MaxConnections)
	if err != nil {
		return orderly(ctx, err)
	}
	v, err := newService(ctx, pool, s.now, serviceConfig{
		cursorKey: []byte(d.cursorKey), secrets: d.webhooks, vaultKeys: d.vaultKeys, vaultRegion: c.VaultRegion,
		issuer: issuer, public: d.entry.public, secure: d.secure(), proxies: d.entry.proxies, observers: d.entry.observers, sessionKey: d.entry.sessionKey, driver: d.driver, log: log,
		withoutJobs: c.Jobs == "off", pollOnly: c.JobsPollOnly, clock: moved, reconcileShare: c.ReconcileShare, printer: printer, traffic: c.rateFlags.limits(),
		addresses: c.rateFlags.addresses(d.entry.proxies), tls: d.certificate.config(log),
	})
	if err != nil {
		return err
	}
	log.Info("ready", "address", listener.Addr().String(), "version", version(), "production", c.Production, "tls", d.certificate != nil)
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
