package api

import (
	"testing"
	"time"

	"mizan/api/access"
	"mizan/api/access/accesstest"
	"mizan/ledger/guard"
)

// people is a service with an issuer, and what everybody holds who may call it.
type people struct {
	*house
	issuer *accesstest.Issuer
	// person and payee are ids; the rest is what they send.
	person, payee               string
	personSession, payeeSession string
	token, link                 string
}

const tokenAudience = "mizan-api"

// withPeople opens a service at which an auditor and a payee have signed in.
func withPeople(t testing.TB, change ...func(*Config)) *people {
	t.Helper()
	h := open(t, change...)
	p := &people{house: h, issuer: accesstest.New(t, h.clock.now), payee: "cre_canary"}
	opts := access.IssuerOptions{URL: p.issuer.URL(), ClientID: "mizan", RedirectURL: "http://127.0.0.1/sign-in/callback", Audience: tokenAudience,
		StateKey: make([]byte, 32), Now: h.clock.now, HTTP: p.issuer.HTTP()}
	issuer, err := access.NewIssuer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	h.access = access.New(h.db.Pool, access.Options{Now: h.clock.now, StaticKey: testKey, Issuer: issuer, Vault: h.vault, Guardians: h.guardians})
	h.service.access = h.access
	staff, err := h.access.AddPerson(t.Context(), operator, access.NewPerson{})
	if err != nil {
		t.Fatal(err)
	}
	p.person = staff.ID
	if _, err := h.access.Grant(t.Context(), operator, access.NewGrant{Person: p.person, Role: access.Auditor}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE people SET issuer = $2, subject = 'u1' WHERE id = $1`, p.person, p.issuer.URL()); err != nil {
		t.Fatal(err)
	}
	p.token = p.issuer.AccessToken("u1", tokenAudience)
	p.personSession = p.signIn(p.access.PersonLink(t.Context(), operator, p.person))
	uk, err := h.ledger.Book(t.Context(), "uk")
	if err != nil {
		t.Fatal(err)
	}
	p.payeeSession = p.signIn(p.access.PayeeLink(t.Context(), operator, guard.Book{ID: int32(uk.ID), Code: uk.Code}, p.payee))
	if p.link, _, err = p.access.PersonLink(t.Context(), operator, p.person); err != nil {
		t.Fatal(err)
	}
	return p
}

// signIn begins a session with a link that was just made.
func (p *people) signIn(link string, _ time.Time, err error) (session string) {
	p.t.Helper()
	if err == nil {
		session, _, err = p.access.RedeemLink(p.t.Context(), link, "192.0.2.1", "req")
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return session
}
