package main

// Service: the parts put together, from the pool to the listener, and taken apart again in order.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"mizan/api"
	"mizan/api/access"
	"mizan/api/console"
	"mizan/api/console/pdf"
	"mizan/api/docs"
	"mizan/api/traffic"
	"mizan/ledger"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/fault"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/health"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/search"
)

var (
	errPortInUse = fault.New(fault.Unavailable, "address-in-use", "Another program listens on this address.")
	errNotLocal  = fault.New(fault.Invalid, "address-not-local", "This would listen beyond this machine.")
	errServerEnd = fault.New(fault.Unavailable, "postgres-ended",
		"PostgreSQL ended by itself. Start mizan again: what was acknowledged is kept.")
)

// serviceConfig is what dev and serve decide differently.
type serviceConfig struct {
	// staticKey has every scope; empty in production.
	staticKey string
	// cursorKey is shared by replicas; empty draws one for this process.
	cursorKey []byte
	// open shows the console to whoever reaches it, which is for development on one machine.
	open bool
	// secrets are what inbound messages are signed with.
	secrets intake.Secrets
	// vaultKeys and vaultRegion are the vault's.
	vaultKeys   vault.Keys
	vaultRegion string
	// reconcileShare is the part of its time that a reconciliation works while anybody posts, in percent; 0 for the usual.
	reconcileShare int
	// traffic bounds how often callers may ask; the zero value bounds nothing.
	traffic traffic.Limits
	// addresses bounds the connections of each address; nil for no bound.
	addresses *traffic.Connections
	// printer makes PDFs; nil for none.
	printer *pdf.Printer
	// issuer is where people sign in; nil for by links only.
	issuer *access.Issuer
	// public is the address at which browsers reach the service; empty if nobody said.
	public string
	// secure says that they reach it over TLS.
	secure bool
	// proxies are believed when they say whom a request comes from.
	proxies []netip.Prefix
	// observers may read /metrics, beside this machine.
	observers []netip.Prefix
	// driver speaks to the payment processor; nil for none. simulator is the one of development behind it, nil elsewhere.
	driver    processor.Driver
	simulator *simulated
	// sessionKey authenticates forms and seals sign-ins that are under way; replicas share it. Empty draws one.
	sessionKey []byte
	log        *slog.Logger
	// withoutJobs leaves the jobs to other replicas; pollOnly has them do without LISTEN.
	withoutJobs, pollOnly bool
	// jobsLater starts the jobs not before startJobs.
	jobsLater bool
	// tls is what the service speaks TLS by; nil for plain HTTP.
	tls *tls.Config
	// lookPatience is how long one figure of a book's health and one part of a search may take; 0 for the usual.
	lookPatience time.Duration
	// clock is one that can be moved, for development and tests; nil for the one handed in. It is trusted however far it is
	// from the database's.
	clock *clock
	// jobs makes the list of jobs; nil for the standard ones.
	jobs func(*parts) ([]jobs.Job, error)
}

// maxSkew is how far this machine's clock may be from the database's before nothing is recorded any more. It leaves room
// for a batch that waited for its book's lock.
const maxSkew = 2 * time.Minute

// service is the ledger behind HTTP.
type service struct {
	*parts
	pool   *postgres.Pool
	server *api.Server
	// intake applies inbound messages while the service runs.
	intake *intake.Service
	log    *slog.Logger
	// running is the running of the jobs.
	running jobsRunning
	// clock is the one that can be moved; nil in production.
	clock *clock
}

// newService puts the parts together on a migrated database. The service owns the pool: serve closes it.
func newService(ctx context.Context, pool *postgres.Pool, now func() time.Time, config serviceConfig) (_ *service, err error) {
	registry, batches := newRegistry()
	counts := newJobMetrics(registry, config.log)
	skew := maxSkew
	if config.clock != nil {
		now, skew = config.clock.now, 0
	}
	p, err := newParts(pool, now, partsConfig{
		ledger:    ledger.Options{Log: config.log, OnBatch: batches.observe, MaxSkew: skew},
		staticKey: config.staticKey, vaultKeys: config.vaultKeys, vaultRegion: config.vaultRegion, issuer: config.issuer,
		driver: config.driver, simulator: config.simulator, clock: config.clock, reconcileShare: config.reconcileShare,
		jobs: config.jobs, observe: counts.observe, pollOnly: config.pollOnly, jobsLog: quiet(config.log),
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	counts.watch(p.jobs, now)
	newReconcileMetrics(registry, p, now, config.log)
	newEarningsMetrics(registry, p, config.log)
	inbound, files := p.receiving(pool, now, config), new(traffic.Files)
	var handler http.Handler
	// The handbook shows the API as the API describes itself. It asks once, and no request comes before the handler is
	// there.
	described := sync.OnceValue(func() []byte { return ask(handler, "/openapi.json") })
	handler, err = api.New(api.Config{
		Ledger:     p.books,
		Commerce:   p.events,
		Intake:     inbound,
		Notices:    noticesOf(pool, now, config.driver),
		Rules:      p.rules,
		Access:     p.access,
		Desk:       p.desk,
		Trail:      p.trail,
		Vault:      p.vault,
		Jobs:       p.jobs,
		Payouts:    p.payouts,
		Bank:       p.bank,
		Reconcile:  p.reconcile,
		Earnings:   p.earnings,
		Reports:    p.reports,
		Receipts:   p.receipts,
		Statements: p.statements,
		Questions:  p.questions,
		Health:     p.health, LookPatience: config.lookPatience,
		PublicURL: config.public, Secure: config.secure, TrustedProxies: config.proxies, MetricsFrom: config.observers,
		Traffic:   traffic.New(config.traffic, now),
		Files:     files,
		Now:       now,
		Log:       config.log,
		Metrics:   registry,
		Version:   version(),
		CursorKey: config.cursorKey,
		Console:   console.New(p.consoleConfig(config, inbound, files, now)),
		Docs:      docs.Handler(described),
		Ready:     func(ctx context.Context) error { return pool.Ping(ctx) },
	})
	if err != nil {
		defer pool.Close()
		return nil, errors.Join(err, p.books.Close(ctx))
	}
	// Money goes on without personal data, and somebody should know before they are asked for.
	if err := p.vault.Check(ctx); err != nil {
		config.log.Warn("personal data that are stored do not open with the master keys given", "code", fault.CodeOf(err), "err", err)
	}
	v := &service{parts: p, pool: pool, intake: inbound, log: config.log, clock: config.clock}
	v.running.off, v.running.later = config.withoutJobs, config.jobsLater
	v.server = api.NewServer(handler, v.close, api.ServerOptions{Log: config.log, TLS: config.tls, Addresses: config.addresses, Metrics: registry})
	return v, nil
}

// receiving is what takes messages and imports, with what reads how books stand, which counts those that wait.
func (p *parts) receiving(pool *postgres.Pool, now func() time.Time, config serviceConfig) *intake.Service {
	inbound := intake.New(pool, p.books, p.events, intake.Options{Secrets: config.secrets, Now: now, Log: config.log})
	p.health = health.New(health.Options{Ledger: p.books, Events: p.events, Intake: inbound, Desk: p.desk, Jobs: p.jobs, Payouts: p.payouts, Reconcile: p.reconcile,
		Questions: p.questions, Now: now, Patience: config.lookPatience, Log: config.log})
	return inbound
}

// searching is what searches books.
func (p *parts) searching(now func() time.Time, config serviceConfig) *search.Service {
	return search.New(search.Options{Ledger: p.books, Events: p.events, Desk: p.desk, Payouts: p.payouts, Reconcile: p.reconcile, Reports: p.reports, Now: now, Patience: config.lookPatience,
		Log: config.log})
}

// noticesOf returns what takes the notices of the processor, and nil where there is none.
func noticesOf(pool *postgres.Pool, now func() time.Time, driver processor.Driver) api.Notices {
	if driver == nil {
		return nil
	}
	return payouts.NewNotices(pool, now, map[string]payouts.NoticeReader{stripeName: driver})
}

// close ends the jobs, which may still post, and then the ledger.
func (v *service) close(ctx context.Context) error {
	return errors.Join(v.stopJobs(ctx), v.books.Close(ctx))
}

// consoleConfig is what the pages need.
func (p *parts) consoleConfig(config serviceConfig, inbound *intake.Service, files *traffic.Files, now func() time.Time) console.Config {
	pages := console.Config{
		Ledger: p.books, Access: p.access, Desk: p.desk, Trail: p.trail, Commerce: p.events, Rules: p.rules, Intake: inbound, Vault: p.vault, Jobs: p.jobs, Payouts: p.payouts, Bank: p.bank,
		Reconcile: p.reconcile, Earnings: p.earnings, Reports: p.reports, Receipts: p.receipts, Statements: p.statements, Questions: p.questions, Health: p.health, Search: p.searching(now, config),
		FormKey: config.sessionKey, Secure: config.secure, Now: now, Version: version(), Open: config.open, Printer: config.printer, Log: config.log,
		Address: api.ClientAddress, Operations: api.ConsoleOperations(), Files: files,
	}
	if config.issuer != nil {
		pages.Issuer = config.issuer
	}
	return pages
}

// serve answers requests until ctx ends, lets what was begun come to its end, and closes the ledger and the pool.
func (v *service) serve(ctx context.Context, listener net.Listener) error {
	defer v.pool.Close()
	defer v.access.Wait() // what is written behind requests needs the pool
	applying, stop := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { v.intake.Run(applying) })
	if v.simulator != nil {
		worker.Go(func() { v.simulated(applying) })
	}
	defer worker.Wait() // before the pool is closed
	defer stop()
	if !v.running.later {
		if err := v.startJobs(ctx); err != nil {
			return errors.Join(err, listener.Close(), v.close(context.WithoutCancel(ctx)))
		}
	}
	return v.server.Serve(ctx, listener)
}

// simulated runs the processor of development beside the service.
func (v *service) simulated(ctx context.Context) {
	if err := v.simulator.run(ctx); err != nil {
		v.log.Error("the simulated processor has stopped", "err", err)
	}
}

// memoryLimit is what the service aims to stay below, in bytes. It needs a fraction of it for its work; the rest is room
// that the collector would otherwise let grow.
const memoryLimit = 200 << 20

// collectAt is by how many percent the heap grows, below that limit, before it is collected. What lives of a service is small, and a page of
// a long statement leaves megabytes behind: at Go's 100 a quarter of a page's work was collecting.
const collectAt = 200

// boundMemory sets both, unless Go's own variables do.
func boundMemory(s *surroundings) {
	if s.getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if s.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// listen takes the address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, errPortInUse.Withf("Another program listens on %s. Stop it, or choose another address with --listen.", address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// local reports whether an address can only be reached from this machine. A name other than localhost is not trusted to
// stay what it is.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

// newLog returns a log of the format and least level.
func newLog(w io.Writer, format string, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// untilDeath ends the context when the private server dies, with errServerEnd as its cause.
func untilDeath(ctx context.Context, d *database) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-d.died():
			cancel(errServerEnd)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the headers to be sent.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps the body.
func (a *answer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

// ask returns what the handler answers to a GET of path, without a connection; nothing unless it succeeds.
func ask(handler http.Handler, path string) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil
	}
	request.RequestURI = path
	a := &answer{header: http.Header{}, status: http.StatusOK}
	handler.ServeHTTP(a, request)
	if a.status != http.StatusOK {
		return nil
	}
	return a.body
}
