package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"
)

// Payout runs: what it costs to decide about everybody with a balance and to create the payouts, as a ratio to one plain
// aggregate over the same entries; to prove the payouts; and to send them at the pace of a processor. A tenth of the payees
// is planned too, which shows whether the work grows as the payees do.

type benchPayoutsCmd struct {
	Payees  int    `help:"Payees with a balance, with ten open lines each." default:"20000"`
	Paid    int    `help:"How many of a hundred payees are paid. The others are skipped, for eight different reasons." default:"20"`
	Send    int    `help:"Payouts that two replicas send to the simulated processor, first without a limit and then at the pace; 0 for none." default:"500"`
	Pace    int    `help:"Requests a second to the processor from all replicas together. It takes a quarter more." default:"20"`
	JSON    bool   `name:"json" help:"Print the results as JSON."`
	Profile string `help:"Write a CPU profile of the larger planning to this file." type:"path"`
	Scratch string `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// payoutsResult is what the benchmark found.
type payoutsResult struct {
	Go       string       `json:"go"`
	CPUs     int          `json:"cpus"`
	Plans    []planned    `json:"planning"`
	Growth   float64      `json:"time_per_payee_at_full_size_to_a_tenth"`
	Sendings []sendResult `json:"sending"`
}

// Run performs the benchmark and prints it.
func (c *benchPayoutsCmd) Run(ctx context.Context, s *surroundings) error {
	return c.runPayouts(ctx, s.stdout, s.stderr)
}

func (c *benchPayoutsCmd) runPayouts(ctx context.Context, out, progress io.Writer) (err error) {
	switch {
	case c.Payees < 100 || c.Payees > 2_000_000:
		return usageError("--payees is 100 to 2,000,000.")
	case c.Paid < 1 || c.Paid > 100:
		return usageError("--paid is 1 to 100.")
	case c.Send < 0 || c.Send > 50_000 || c.Pace < 1 || c.Pace > 1000:
		return usageError("--send is 0 to 50,000 and --pace 1 to 1,000.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	b := &payoutsBench{bench: bench{progress: progress}, options: *c, result: payoutsResult{Go: runtime.Version(), CPUs: runtime.NumCPU()}}
	defer b.close()
	if err := b.start(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	if err := b.planning(ctx); err != nil {
		return err
	}
	if c.Send > 0 {
		if err := b.sending(ctx); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(b.result)
	}
	return b.result.print(out)
}

// payoutsBench is one run of the benchmark.
type payoutsBench struct {
	bench
	options benchPayoutsCmd
	result  payoutsResult
}

// planning fills two books, one with a tenth of the payees, and plans a run of each in a process of its own.
func (b *payoutsBench) planning(ctx context.Context) error {
	for _, size := range []struct {
		code   string
		payees int
	}{{"tenth", b.options.Payees / 10}, {"whole", b.options.Payees}} {
		f := &payeeBook{bench: &b.bench, code: size.code, payees: size.payees, paid: b.options.Paid}
		if err := f.fill(ctx); err != nil {
			return fmt.Errorf("filling the book %s: %w", size.code, err)
		}
		if err := b.meter.tidy(ctx); err != nil {
			return err
		}
		profile := ""
		if size.code == "whole" {
			profile = b.options.Profile
		}
		fmt.Fprintf(b.progress, "planning for %d payees …\n", size.payees)
		p, err := b.planApart(ctx, size.code, profile)
		if err != nil {
			return fmt.Errorf("planning the book %s: %w", size.code, err)
		}
		p.Payees = size.payees
		b.result.Plans = append(b.result.Plans, p)
	}
	small, large := b.result.Plans[0], b.result.Plans[1]
	b.result.Growth = (large.Seconds / float64(large.Payees)) / (small.Seconds / float64(small.Payees))
	return nil
}

// planApart plans in another process, whose memory is that of the planning alone.
func (b *payoutsBench) planApart(ctx context.Context, code, profile string) (p planned, err error) {
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	args := []string{"bench", "planning", "--book", code}
	if profile != "" {
		args = append(args, "--profile", profile)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+b.appURL())
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return p, fmt.Errorf("%w: %s", err, &said)
	}
	return p, json.Unmarshal(text, &p)
}

func (r *payoutsResult) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "planning\t")
	row := func(name string, value func(p planned) string) {
		fmt.Fprint(w, name, "\t")
		for _, p := range r.Plans {
			fmt.Fprint(w, value(p), "\t")
		}
		fmt.Fprintln(w)
	}
	row("", func(p planned) string { return strconv.Itoa(p.Payees) + " payees" })
	whole := func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
	row("entries of payees", func(p planned) string { return strconv.FormatInt(p.Lines, 10) })
	row("decisions", func(p planned) string { return strconv.FormatInt(p.Decided, 10) })
	row("paid", func(p planned) string { return strconv.FormatInt(p.Paid, 10) })
	row("skipped", func(p planned) string { return strconv.FormatInt(p.Skipped, 10) })
	row("seconds", func(p planned) string { return strconv.FormatFloat(p.Seconds, 'f', 1, 64) })
	row("decisions/s", func(p planned) string { return whole(p.DecisionsPerSecond) })
	row("open lines/s", func(p planned) string { return whole(p.LinesPerSecond) })
	row("plain aggregate before, lines/s", func(p planned) string { return whole(p.AggregateBefore) })
	row("plain aggregate after, lines/s", func(p planned) string { return whole(p.AggregateAfter) })
	row("of the aggregate", func(p planned) string { return strconv.FormatFloat(p.Ratio, 'f', 3, 64) })
	row("CPU of the service, s", func(p planned) string { return strconv.FormatFloat(p.CPU, 'f', 1, 64) })
	row("peak memory, MiB", func(p planned) string { return strconv.FormatInt(p.PeakMemory>>20, 10) })
	row("peak Go heap, MiB", func(p planned) string { return strconv.FormatInt(p.PeakHeap>>20, 10) })
	row("proof (I8), payouts/s", func(p planned) string { return whole(p.Proof.PayoutsPerSecond) })
	row("proof (I8), lines/s", func(p planned) string { return whole(p.Proof.LinesPerSecond) })
	row("lines read and added up, lines/s", func(p planned) string { return whole(p.Proof.AddedPerSecond) })
	fmt.Fprintf(w, "time per payee, to the smaller\t\t%.2f\t\n", r.Growth)
	if err := w.Flush(); err != nil || len(r.Sendings) == 0 {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nsending, two replicas\tpayouts\trequests\tseconds\tpayouts/s\trequests/s\tmost in a second\ttakes\trefused\testimated s\t")
	for _, s := range r.Sendings {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%.0f\t%.1f\t%d\t%d\t%d\t%.1f\t\n", s.Name, s.Payouts, s.Requests, s.Seconds, float64(s.Payouts)/s.Seconds, float64(s.Requests)/s.Seconds,
			s.Most, s.Limit, s.Refused, s.Estimated)
	}
	return w.Flush()
}

// goingFrom is a clock that shows an instant now and goes on from there.
func goingFrom(at time.Time) func() time.Time {
	began := time.Now()
	return func() time.Time { return at.Add(time.Since(began)) }
}
