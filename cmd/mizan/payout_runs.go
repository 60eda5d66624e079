package main

// Payout runs: beginning one by hand, looking at them, and refusing one.

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mizan/api/client"
)

type runPayoutsCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Reason string `help:"Why outside of the schedule; it is kept for ever." required:""`
}

// Run begins a run.
func (c *runPayoutsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	run, err := remote.StartPayoutRun(ctx, c.Book, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s is begun. The service plans it within a minute, and all of it waits for a second person:\n  mizan payouts runs %s %s\n", run.ID, c.Book, run.ID)
	return nil
}

type payoutsRunsCmd struct {
	remoteFlags
	listed
	Book  string `arg:"" help:"Code of the book."`
	Of    string `arg:"" optional:"" name:"run" help:"Id of one run."`
	State string `help:"Only those in this state."`
}

// Run prints runs.
func (c *payoutsRunsCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if c.Of == "" {
		return printed(s, c.listed, remote.PayoutRuns(ctx, c.Book, c.State), []string{"ID", "TRIGGER", "STATE", ">DECIDED", ">PAID", ">SKIPPED", "CUT-OFF", "NEEDS"}, func(r client.PayoutRun) []string {
			return []string{r.ID, r.Trigger, r.State, strconv.FormatInt(r.Decided, 10), strconv.FormatInt(r.Paid, 10), strconv.FormatInt(r.Skipped, 10), moment(&r.CutOff), strings.Join(r.Needs, ", ")}
		})
	}
	run, err := remote.PayoutRun(ctx, c.Book, c.Of)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, run)
	}
	return writeRun(s.stdout, run)
}

func writeRun(w io.Writer, r client.PayoutRun) error {
	facts := newTable("RUN", r.ID)
	for _, f := range [][2]string{{"trigger", r.Trigger}, {"state", r.State}, {"reason", r.Reason}, {"needs", strings.Join(r.Needs, ", ")}, {"cut-off", moment(&r.CutOff)},
		{"decided", fmt.Sprintf("%d: %d paid, %d skipped", r.Decided, r.Paid, r.Skipped)}, {"begun by", r.StartedBy}, {"begun", moment(&r.CreatedAt)}, {"planned", moment(r.PlannedAt)}, {"ended", moment(r.EndedAt)}} {
		if f[1] != "" {
			facts.add(f[0], f[1])
		}
	}
	if err := facts.write(w, ""); err != nil || len(r.Totals) == 0 {
		return err
	}
	fmt.Fprintln(w)
	totals := newTable("CUR", ">PAYOUTS", ">AMOUNT", ">FEE")
	for _, t := range r.Totals {
		totals.add(t.Currency, strconv.FormatInt(t.Payouts, 10), t.Amount, t.Fee)
	}
	return totals.write(w, "")
}

type payoutsRefuseCmd struct {
	remoteFlags
	Book   string `arg:"" help:"Code of the book."`
	Of     string `arg:"" name:"run" help:"Id of the run."`
	Reason string `help:"Why; it is kept for ever." required:""`
}

// Run refuses a run.
func (c *payoutsRefuseCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connect(s)
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	run, err := remote.RefusePayoutRun(ctx, c.Book, c.Of, c.Reason)
	if err != nil {
		return err
	}
	return writeRun(s.stdout, run)
}
