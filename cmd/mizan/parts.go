package main

// Parts: what the service and the commands of operators are made of, on one pool.

import (
	"context"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
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
	// issuer is where people sign in; nil for nowhere.
	issuer *access.Issuer
	// driver speaks to the payment processor; nil for none. simulator is the one of development behind it, nil elsewhere.
	driver    processor.Driver
	simulator *simulated
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
}

// newParts puts them together.
func newParts(pool *postgres.Pool, now func() time.Time, config partsConfig) *parts {
	config.ledger.Now = now
	p := &parts{books: ledger.New(pool, config.ledger), rules: commerce.NewRuleSets(pool, now), trail: guard.NewTrail(pool, now),
		driver: config.driver, simulator: config.simulator}
	p.events = commerce.New(p.books, p.rules, now)
	p.vault = vault.New(pool, vault.Options{Now: now, Keys: config.vaultKeys, Region: config.vaultRegion, Trail: p.trail})
	p.access = access.New(pool, access.Options{Now: now, StaticKey: config.staticKey, Vault: p.vault, Guardians: p.minorsOf, Issuer: config.issuer})
	var acts []guard.Act
	for _, of := range [][]guard.Act{commerce.Acts(p.events, p.rules, p.books), p.access.Acts(), p.vault.Acts(p.regionOf)} {
		acts = append(acts, of...)
	}
	p.desk = guard.NewDesk(pool, p.trail, now, acts)
	return p
}

// minorsOf returns the minors whose guardian the payee of the book is.
func (p *parts) minorsOf(ctx context.Context, book, guardian string) ([]string, error) {
	b, err := p.books.Book(ctx, book)
	if err != nil {
		return nil, err
	}
	return p.events.MinorsOf(ctx, b, guardian)
}

// regionOf returns where the personal data of the book belong.
func (p *parts) regionOf(ctx context.Context, book guard.Book) (string, error) {
	if book.ID == 0 {
		return "", nil
	}
	b, err := p.books.Book(ctx, book.Code)
	return b.Region, err
}
