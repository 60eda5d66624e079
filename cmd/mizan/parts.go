package main

// Parts: what the service and the commands of operators are made of, on one pool.

import (
	"context"
	"log/slog"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/commerce/receipts"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts"
	"mizan/payouts/earnings"
	"mizan/payouts/health"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
	"mizan/payouts/processor/bankfile"
	"mizan/payouts/questions"
	"mizan/payouts/reconcile"
	"mizan/payouts/reports"
	"mizan/payouts/statements"
)

// partsConfig is what differs between them.
type partsConfig struct {
	// ledger are the ledger's options; its clock is set.
	ledger ledger.Options
	// staticKey has every scope; empty in production.
	staticKey string
	// vaultKeys and vaultRegion are the vault's.
	vaultKeys   vault.Keys
	vaultRegion string
	// reconcileShare is the part of its time that a reconciliation works while anybody posts, in percent; 0 for the usual.
	reconcileShare int
	// issuer is where people sign in; nil for nowhere.
	issuer *access.Issuer
	// driver speaks to the payment processor; nil for none. simulator is the one of development behind it, nil elsewhere.
	driver    processor.Driver
	simulator *simulated
	// clock is the one that can be moved, nil in production.
	clock *clock
	// jobs makes the list of jobs from the parts; nil for the standard ones.
	jobs func(*parts) ([]jobs.Job, error)
	// observe is told what the jobs do; nil for nobody.
	observe func(jobs.Event)
	// pollOnly does without LISTEN, which a proxy of connections may not have.
	pollOnly bool
	// jobsLog takes what the carrier of the jobs has to say; nil for nowhere.
	jobsLog *slog.Logger
}

// parts are the services over one database.
type parts struct {
	books  *ledger.Ledger
	rules  *commerce.RuleSets
	events *commerce.Service
	trail  *guard.Trail
	vault  *vault.Vault
	access *access.Service
	desk   *guard.Desk
	// driver speaks to the payment processor, nil where none is set; simulator is what is behind it in development, or nil.
	driver    processor.Driver
	simulator *simulated
	// bank keeps what is paid by bank files.
	bank *bankfile.Service
	// payouts keeps what waits for a time, and payouts.
	payouts *payouts.Service
	// statements tells payees what came to their accounts and why.
	statements *statements.Service
	questions  *questions.Service
	// health reads how books stand; it knows messages and imports where the service takes some.
	health *health.Service
	// reconcile holds the books against evidence, and closes months.
	reconcile *reconcile.Service
	// earnings keeps what payees earned over time.
	earnings *earnings.Service
	// reports tells what others recorded, and keeps exports.
	reports *reports.Service
	// receipts knows what is public.
	receipts *receipts.Service
	// jobs knows the jobs and runs none until it is started, or told to run what is due.
	jobs *jobs.Service
}

// publicKept is how long a public page is shown without another look at the books: a link that many follow at once is read once.
const publicKept = 3 * time.Second

// newParts puts them together.
func newParts(pool *postgres.Pool, now func() time.Time, config partsConfig) (*parts, error) {
	config.ledger.Now = now
	p := &parts{books: ledger.New(pool, config.ledger), rules: commerce.NewRuleSets(pool, now), trail: guard.NewTrail(pool, now),
		driver: config.driver, simulator: config.simulator}
	p.events = commerce.New(p.books, p.rules, now)
	p.vault = vault.New(pool, vault.Options{Now: now, Keys: config.vaultKeys, Region: config.vaultRegion, Trail: p.trail})
	p.access = access.New(pool, access.Options{Now: now, StaticKey: config.staticKey, Vault: p.vault, Guardians: p.minorsOf, Issuer: config.issuer})
	p.bank = bankfile.New(bankfile.Options{Pool: pool, Trail: p.trail, Vault: p.vault, Now: now, Log: config.jobsLog,
		Kept: func(ctx context.Context, book ledger.Book, instructions []string) (map[string]bool, error) {
			return p.payouts.KeptBack(ctx, book, instructions)
		}})
	p.payouts = payouts.New(payouts.Options{Pool: pool, Ledger: p.books, Events: p.events, Trail: p.trail, Vault: p.vault, Now: now,
		Rails: railsOf(config.driver, p.bank), Wait: waitBy(config.clock), Log: config.jobsLog})
	p.statements = statements.New(statements.Options{Pool: pool, Ledger: p.books, Events: p.events, Payouts: p.payouts, Now: now})
	p.questions = questions.New(questions.Options{Pool: pool, Vault: p.vault, Trail: p.trail, Payouts: p.payouts, Statements: p.statements, Now: now})
	p.reconcile = reconcile.New(reconcile.Options{Pool: pool, Ledger: p.books, Events: p.events, Payouts: p.payouts, Statements: p.statements, Trail: p.trail, Now: now,
		Driver: readersOf(config.driver, config.simulator), Wait: waitBy(config.clock), Share: config.reconcileShare, Log: config.jobsLog})
	p.earnings = earnings.New(earnings.Options{Pool: pool, Ledger: p.books, Events: p.events, Now: now, Wait: waitBy(config.clock), Log: config.jobsLog})
	p.reports = reports.New(reports.Options{Pool: pool, Ledger: p.books, Events: p.events, Payouts: p.payouts, Reconcile: p.reconcile, Trail: p.trail, Now: now,
		Log: config.jobsLog})
	p.receipts = receipts.New(receipts.Options{Pool: pool, Ledger: p.books, Events: p.events, Now: now, Keep: publicKept})
	var acts []guard.Act
	for _, of := range [][]guard.Act{commerce.Acts(p.events, p.rules, p.books), p.access.Acts(), p.payouts.AfterVault(p.vault.Acts(p.regionOf)), p.payouts.Acts(),
		p.bank.Acts(p.bookOf), p.reconcile.CloseActs(), p.reconcile.Acts()} {
		acts = append(acts, of...)
	}
	p.desk = guard.NewDesk(pool, p.trail, now, acts)
	if config.jobs == nil {
		config.jobs = standardJobs
	}
	list, err := config.jobs(p)
	if err != nil {
		return nil, err
	}
	p.jobs, err = jobs.New(jobs.Config{Pool: pool, Now: now, Trail: p.trail, Books: p.jobBooks, Jobs: list, Observe: config.observe,
		PollOnly: config.pollOnly, Log: config.jobsLog})
	return p, err
}

// minorsOf returns the minors whose guardian the payee of the book is.
func (p *parts) minorsOf(ctx context.Context, book, guardian string) ([]string, error) {
	b, err := p.books.Book(ctx, book)
	if err != nil {
		return nil, err
	}
	return p.events.MinorsOf(ctx, b, guardian)
}

// bookOf returns the book that an approval is about.
func (p *parts) bookOf(ctx context.Context, b guard.Book) (ledger.Book, error) {
	book, err := p.books.Book(ctx, b.Code)
	if err == nil && int32(book.ID) != b.ID {
		err = ledger.ErrBookUnknown
	}
	return book, err
}

// regionOf returns where the personal data of the book belong.
func (p *parts) regionOf(ctx context.Context, book guard.Book) (string, error) {
	if book.ID == 0 {
		return "", nil
	}
	b, err := p.books.Book(ctx, book.Code)
	return b.Region, err
}
