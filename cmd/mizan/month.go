package main

// Months at the command line: what stands between one and its close, and how it was closed. Closing and reopening need a second
// person: mizan approvals ask period.close.

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"mizan/api/client"
	"mizan/ledger/fault"
)

// errMonthBlocked lets a script wait for a month that can be closed.
var errMonthBlocked = fault.New(fault.Conflict, "month-blocked", "The month cannot be closed yet. Do what is blocked.")

type periodCmd struct {
	Checklist periodChecklistCmd `cmd:"" help:"Print what stands between a month and its close; it fails while something does."`
	Closings  periodClosingsCmd  `cmd:"" help:"Print how a month was closed and reopened."`
	Chain     periodChainCmd     `cmd:"" help:"Print a book's chain of closings, the oldest first."`
}

// periodArgs name a month.
type periodArgs struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Period string `arg:"" help:"The month, such as 2026-11."`
}

type periodChecklistCmd struct {
	periodArgs
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a checklist.
func (c *periodChecklistCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	l, err := remote.PeriodChecklist(ctx, c.Book, c.Period)
	if err != nil {
		return err
	}
	t, blocked := newTable("STATE", "WHAT", "HOW IT STANDS"), 0
	for _, i := range l.Items {
		state, detail := i.State, i.Detail
		if state == "blocked" {
			blocked++
			if i.Acceptable {
				detail += " Two people may accept it."
			}
		}
		if len(i.Names) > 0 {
			detail += " " + strings.Join(i.Names[:min(len(i.Names), 5)], ", ")
			if i.More || len(i.Names) > 5 {
				detail += " …"
			}
		}
		t.add(state, i.Title, detail)
	}
	if c.JSON {
		err = writeJSON(s.stdout, l)
	} else if err = t.write(s.stdout, ""); err == nil && blocked == 0 && !l.Closed {
		_, err = fmt.Fprintf(s.stdout, "Nothing is blocked. Ask for the close of %s with:\n  mizan approvals ask period.close --book %s\n", strings.Join(l.Months, ", "), c.Book)
	}
	if err == nil && blocked > 0 && !l.Closed {
		err = errMonthBlocked
	}
	return err
}

type periodClosingsCmd struct {
	periodArgs
	listed
}

// Run prints closings.
func (c *periodClosingsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	heading := []string{">NUMBER", "ACT", "WHEN", ">THROUGH", "PREPARED BY", "APPROVED BY", "HASH"}
	return printed(s, c.listed, remote.PeriodClosings(ctx, c.Book, c.Period), heading, func(x client.Closing) []string {
		return []string{strconv.Itoa(x.Number), x.Act, moment(&x.RecordedAt), strconv.FormatInt(x.AtSequence, 10), x.Preparer, x.Approver, x.Hash}
	})
}

type periodChainCmd struct {
	remoteFlags
	Book string `arg:"" help:"Code of the book."`
	listed
}

// Run prints the chain.
func (c *periodChainCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	heading := []string{">NUMBER", "ACT", "MONTH", "WHEN", ">THROUGH", "DOCUMENT", "PREVIOUS", "HASH"}
	return printed(s, c.listed, remote.Closings(ctx, c.Book), heading, func(x client.Closing) []string {
		return []string{strconv.Itoa(x.Number), x.Act, x.Period, moment(&x.RecordedAt), strconv.FormatInt(x.AtSequence, 10), x.Sum, x.Previous, x.Hash}
	})
}
