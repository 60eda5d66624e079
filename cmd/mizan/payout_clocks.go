package main

// Payouts: what waits for a time, who owes, and what is proposed about our own money, looked at through the API.

import (
	"context"
	"fmt"
	"io"
	"strings"

	"mizan/api/client"
)

// clockFlags are those of every command here.
type clockFlags struct {
	remoteFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// maxClockLines bounds what is printed.
const maxClockLines = 10_000

// askClocks prints what fn returns, as JSON or with show.
func askClocks[T any](c clockFlags, s *surroundings, fn func(*client.Client) (T, error), show func(io.Writer, T) error) error {
	return askJobs(jobFlags{remoteFlags: c.remoteFlags, JSON: c.JSON}, s, fn, show)
}

type payoutsWaitsCmd struct {
	clockFlags
	Book  string `arg:"" help:"Code of the book."`
	Payee string `arg:"" help:"Id of the payee."`
}

// Run prints one line for each thing that waits.
func (c *payoutsWaitsCmd) Run(ctx context.Context, s *surroundings) error {
	return askClocks(c.clockFlags, s, func(remote *client.Client) ([]client.Wait, error) {
		return client.Collect(remote.Waits(ctx, c.Book, c.Payee), maxClockLines)
	}, func(w io.Writer, list []client.Wait) error {
		t := newTable("DUE", ">AMOUNT", "CUR", "SUBJECT", "ACT")
		for _, x := range list {
			t.add(moment(x.DueAt), x.Amount, x.Currency, x.Subject, x.Act)
		}
		return t.write(w, "")
	})
}

type payoutsClocksCmd struct {
	clockFlags
	Book  string `arg:"" help:"Code of the book."`
	State string `enum:"overdue,gated,parked" default:"overdue" help:"overdue, gated or parked."`
}

// Run prints one line for each clock.
func (c *payoutsClocksCmd) Run(ctx context.Context, s *surroundings) error {
	return askClocks(c.clockFlags, s, func(remote *client.Client) ([]client.Clock, error) {
		return client.Collect(remote.Clocks(ctx, c.Book, c.State), maxClockLines)
	}, printClocks)
}

func printClocks(w io.Writer, list []client.Clock) error {
	t := newTable("DUE", "SUBJECT", "ACT", "GATES", "NEXT", ">TRIES", "WHY")
	for _, x := range list {
		t.add(moment(x.DueAt), x.Subject, x.Act, strings.Join(x.Gates, " "), moment(x.LookAt), fmt.Sprint(x.Tries), x.ErrorCode)
	}
	return t.write(w, "")
}

type payoutsLookCmd struct {
	clockFlags
	Book    string `arg:"" help:"Code of the book."`
	Subject string `arg:"" help:"Whose clocks, such as order:UK-1001."`
	Reason  string `required:"" help:"Why; it stands in the audit trail for ever."`
}

// Run asks, and prints the clocks as they stand.
func (c *payoutsLookCmd) Run(ctx context.Context, s *surroundings) error {
	return askClocks(c.clockFlags, s, func(remote *client.Client) ([]client.Clock, error) {
		return remote.LookAgain(ctx, c.Book, client.NewLook{Subject: c.Subject, Reason: c.Reason})
	}, printClocks)
}

type payoutsDebtsCmd struct {
	clockFlags
	Book string `arg:"" help:"Code of the book."`
}

// Run prints one line for each debt.
func (c *payoutsDebtsCmd) Run(ctx context.Context, s *surroundings) error {
	return askClocks(c.clockFlags, s, func(remote *client.Client) ([]client.PayeeDebt, error) {
		return client.Collect(remote.Debts(ctx, c.Book), maxClockLines)
	}, func(w io.Writer, list []client.PayeeDebt) error {
		t := newTable("SINCE", "PAYEE", ">AMOUNT", "CUR", "STAGE", "RECOVERED BY")
		for _, x := range list {
			t.add(moment(&x.Since), x.Kind+":"+x.Payee, x.Amount, x.Currency, x.Stage, strings.Join(x.Tried, " "))
		}
		return t.write(w, "")
	})
}

type payoutsProposalsCmd struct {
	clockFlags
	Book  string `arg:"" help:"Code of the book."`
	State string `enum:"open,done,dropped,replaced," default:"open" help:"open, done, dropped or replaced; empty for all."`
}

// Run prints one line for each proposal.
func (c *payoutsProposalsCmd) Run(ctx context.Context, s *surroundings) error {
	return askClocks(c.clockFlags, s, func(remote *client.Client) ([]client.Proposal, error) {
		return client.Collect(remote.Proposals(ctx, c.Book, c.State), maxClockLines)
	}, func(w io.Writer, list []client.Proposal) error {
		t := newTable("KIND", ">AMOUNT", "CUR", "ABOUT", "STATE", "WHY")
		for _, x := range list {
			t.add(x.Kind, x.Amount, x.Currency, x.Object, x.State, x.Reason)
		}
		return t.write(w, "")
	})
}
