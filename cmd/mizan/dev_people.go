package main

// The people of development: one for each role, and payees of every kind, so that everything can be seen through everybody's eyes.
// They sign in by links, which are printed; nobody has a password.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"mizan/api/access"
	"mizan/api/client"
	"mizan/ledger/guard"
)

// demoPayees are the payees who can look at their own pages: of each kind the first one that is there. A market of less than thirty
// days stands without the month of payouts.
var demoPayees = []struct{ book, payee, who string }{
	{paydayCode, "cre_ivy", "creator"},
	{paydayCode, "sel_dan", "seller"},
	{paydayCode, "mcn_lux", "agency"},
	{paydayCode, "ngo_river", "charity"},
	{paydayCode, "gua_jo", "guardian"},
	{demoMarket, demoCreator, "creator"},
	{"s9", "gua_pat", "guardian"},
}

// demoCreator is the best known creator of the living market, about whom an approval waits.
const demoMarket, demoCreator = "market", "cre_uk_001"

// demoPerson ends the names of the people of development, and nobody else's.
const demoPerson = " (demo)"

// demoApproval is what waits for a second person in a new installation.
const demoApproval = "DEMO-ADJ-1"

// seedPeople adds those people of development who are missing, unless there is a real staff, and something that waits for
// the approver among them.
func (c *devCmd) seedPeople(ctx context.Context, p *parts, remote *client.Client) error {
	known, err := p.access.People(ctx, "", peoplePage)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, person := range known {
		if !strings.HasSuffix(person.Name, demoPerson) {
			return nil
		}
		there[person.Name] = true
	}
	for _, role := range access.Roles() {
		name := strings.ToUpper(string(role[:1])) + string(role[1:]) + demoPerson
		if there[name] {
			continue
		}
		person, err := p.access.AddPerson(ctx, operator(), access.NewPerson{Name: name})
		if err != nil {
			return err
		}
		if _, err := p.access.Grant(ctx, operator(), access.NewGrant{Person: person.ID, Role: role}); err != nil {
			return err
		}
	}
	if _, err := remote.Book(ctx, demoMarket); err != nil {
		return nil // there is no market
	}
	payee, err := remote.RegisterPayee(ctx, demoMarket, client.Payee{ID: demoCreator, Kind: "creator", Country: "GB", Currency: "GBP"})
	if err != nil || payee.Replayed {
		return err
	}
	return askDemoApproval(ctx, remote, demoMarket, demoCreator)
}

// askDemoApproval asks for a second person as the checkout service would.
func askDemoApproval(ctx context.Context, remote *client.Client, book, payee string) error {
	payload, err := json.Marshal(map[string]any{
		"type": "adjustment.posted", "reference": "adjustment:" + demoApproval,
		"data": map[string]string{"adjustment": demoApproval, "kind": "creator", "payee": payee, "direction": "credit", "currency": "GBP", "amount": "25.00",
			"reason": "late_payout", "document": "TICKET-77"},
	})
	if err != nil {
		return err
	}
	_, err = remote.Ask(ctx, book, client.NewApproval{Act: "event.post", Payload: payload, Reason: "The creator was paid two days late; the contract promises 25.00.", Document: "TICKET-77"})
	return err
}

// links prints a link for each of the people of development; a real staff finds its own way in.
func (c *devCmd) links(ctx context.Context, s *surroundings, p *parts, address string) {
	in := &inside{parts: p, by: guard.Actor{Kind: guard.System, ID: "dev"}}
	people, err := p.access.People(ctx, "", peoplePage)
	if err != nil {
		if ctx.Err() == nil {
			fmt.Fprintln(s.stderr, "mizan: no sign-in links:", explain(err))
		}
		return
	}
	t := newTable("SIGN IN AS", "LINK")
	for _, person := range people {
		if roles := currentRoles(person, s.now()); len(roles) == 1 && strings.HasSuffix(person.Name, demoPerson) {
			if token, _, err := in.link(ctx, "", person.ID); err == nil {
				t.add(strings.TrimSuffix(roles[0], " in every book"), signInAddress(address, token))
			}
		}
	}
	shown := map[string]bool{}
	for _, of := range demoPayees {
		if shown[of.who] {
			continue
		}
		if token, _, err := in.link(ctx, of.book, of.payee); err == nil {
			t.add(of.who+" "+of.payee, signInAddress(address, token))
			shown[of.who] = true
		}
	}
	if len(t.rows) == 1 {
		return
	}
	fmt.Fprintf(s.stdout, "Each link signs in once, within fifteen minutes. mizan people link makes another.\n\n")
	if err := errors.Join(t.write(s.stdout, "  "), c.publicLinks(ctx, s, p, address)); err != nil && ctx.Err() == nil {
		fmt.Fprintln(s.stderr, "mizan:", explain(err))
	}
}

// publicLinks prints where the public pages of the month of payouts are, if it was told.
func (c *devCmd) publicLinks(ctx context.Context, s *surroundings, p *parts, address string) error {
	book, err := p.books.Book(ctx, paydayCode)
	if err != nil {
		return nil // there is no such book
	}
	pages, err := p.publicPages(ctx, book)
	if err != nil || len(pages) == 0 {
		return err
	}
	fmt.Fprint(s.stdout, "\nPublic, for whoever has the address:\n\n")
	t := newTable("PAGE", "ADDRESS")
	for _, page := range pages {
		t.add(page[0], address+page[1])
	}
	return t.write(s.stdout, "  ")
}
