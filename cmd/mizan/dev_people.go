package main

// The people of development: one for each role and two payees, so that everything can be seen through everybody's eyes.
// They sign in by links, which are printed; nobody has a password.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"mizan/api/access"
	"mizan/api/client"
	"mizan/ledger/guard"
)

// demoPayees are the payees who can look at their own pages, if their books are there.
var demoPayees = []struct{ book, payee, who string }{
	{"market", "cre_uk_001", "creator"},
	{"s9", "gua_pat", "guardian"},
}

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
	for _, of := range demoPayees {
		if _, err := remote.Book(ctx, of.book); err != nil || of.who != "creator" {
			continue
		}
		payee, err := remote.RegisterPayee(ctx, of.book, client.Payee{ID: of.payee, Kind: "creator", Country: "GB", Currency: "GBP"})
		if err != nil {
			return err
		}
		if payee.Replayed {
			continue
		}
		if err := askDemoApproval(ctx, remote, of.book, of.payee); err != nil {
			return err
		}
	}
	return nil
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
	for _, of := range demoPayees {
		if token, _, err := in.link(ctx, of.book, of.payee); err == nil {
			t.add(of.who+" "+of.payee, signInAddress(address, token))
		}
	}
	if len(t.rows) == 1 {
		return
	}
	fmt.Fprintf(s.stdout, "Each link signs in once, within fifteen minutes. mizan people link makes another.\n\n")
	if err := t.write(s.stdout, "  "); err != nil {
		fmt.Fprintln(s.stderr, "mizan:", explain(err))
	}
}
