package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Reconciliation: what a first run over everything, the same run made again and the run of a day cost, as ratios to one plain
// full outer join of the same two tables; how much memory the service takes; and what posting loses meanwhile.

type benchReconcileCmd struct {
	Lines   []int64 `help:"Lines of the source, with as many movements in the ledger; a database of its own for each." default:"100000"`
	Day     int64   `help:"Lines of a day that come after them." default:"1000"`
	Sales   int     `help:"Sales that are posted alone and while runs go on; 0 for none." default:"20000"`
	JSON    bool    `name:"json" help:"Print the results as JSON."`
	Scratch string  `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// reconciled is what one size came to. Times are medians in seconds; ratios are the bare join's time over it.
type reconciled struct {
	Lines int64 `json:"lines"`
	compared
	FirstRatio  float64 `json:"first_run_to_bare_join"`
	ReplayRatio float64 `json:"replay_to_bare_join"`
	Day         float64 `json:"day_seconds"`
	// Posted is how many sales a second were posted alone, and PostedMeanwhile while runs went on.
	Posted          float64 `json:"sales_per_second_alone"`
	PostedMeanwhile float64 `json:"sales_per_second_meanwhile"`
	// Load is the load of the machine before and after, as the system says it.
	Load []string `json:"load"`
}

// reconcileResult is what the benchmark found.
type reconcileResult struct {
	Go    string       `json:"go"`
	CPUs  int          `json:"cpus"`
	Bare  string       `json:"bare_join"`
	Sizes []reconciled `json:"sizes"`
}

// Run performs the benchmark and prints it.
func (c *benchReconcileCmd) Run(ctx context.Context, s *surroundings) (err error) {
	if len(c.Lines) == 0 || slices.Min(c.Lines) < 1000 || slices.Max(c.Lines) > 20_000_000 {
		return usageError("--lines is 1,000 to 20,000,000, and several of them are separated by commas.")
	}
	if c.Day < 10 || c.Day > 1_000_000 || c.Sales < 0 || c.Sales > 10_000_000 {
		return usageError("--day is 10 to 1,000,000 and --sales 0 to 10,000,000.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	result := reconcileResult{Go: runtime.Version(), CPUs: runtime.NumCPU(), Bare: sqlBenchBare}
	for _, lines := range c.Lines {
		r, err := c.size(ctx, s.stderr, filepath.Join(dir, fmt.Sprint("postgres-", lines)), lines)
		if err != nil {
			return fmt.Errorf("%d lines: %w", lines, err)
		}
		result.Sizes = append(result.Sizes, r)
	}
	if c.JSON {
		return json.NewEncoder(s.stdout).Encode(result)
	}
	return result.print(s.stdout)
}

// size measures one size on a server of its own, whose data is removed afterwards.
func (c *benchReconcileCmd) size(ctx context.Context, progress io.Writer, dir string, lines int64) (r reconciled, err error) {
	r.Lines = lines
	b := &bench{books: []string{"bench"}, progress: progress}
	defer func() {
		b.close()
		_ = os.RemoveAll(dir)
	}()
	if err := b.open(ctx, dir); err != nil {
		return r, err
	}
	book, _, err := b.ledger.CreateBook(ctx, ledger.NewBook{Code: "recon", Name: "recon", Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: "US"})
	if err != nil {
		return r, err
	}
	fmt.Fprintf(progress, "storing %d lines and their entries …\n", lines)
	if err := errors.Join(b.meter.openSource(ctx, book), b.meter.bothSides(ctx, book, 1, lines), b.meter.tidy(ctx)); err != nil {
		return r, err
	}
	r.Load = append(r.Load, machineLoad())
	fmt.Fprintln(progress, "comparing …")
	if r.compared, err = b.compareApart(ctx, "first"); err != nil {
		return r, err
	}
	r.FirstRatio, r.ReplayRatio = r.Bare/r.First, r.Bare/r.Replay
	if err := b.meter.bothSides(ctx, book, lines+1, lines+c.Day); err != nil {
		return r, err
	}
	day, err := b.compareApart(ctx, "day")
	if err != nil {
		return r, err
	}
	r.Day, r.PeakMemory = day.First, max(r.PeakMemory, day.PeakMemory)
	if c.Sales > 0 {
		if err := b.postMeanwhile(ctx, c.Sales, &r); err != nil {
			return r, err
		}
	}
	r.Load = append(r.Load, machineLoad())
	return r, nil
}

// postMeanwhile posts sales into another book alone, while runs go on, and alone again.
func (b *bench) postMeanwhile(ctx context.Context, sales int, r *reconciled) error {
	rate := func(prefix string) (float64, error) {
		began := time.Now()
		_, err := inParallel(2, sales/20, func(client int) func() error {
			maker := newSaleMaker(fmt.Sprint(prefix, client), uint64(client))
			return func() error { return b.postAll(ctx, b.book, maker.batch(20)) }
		})
		return float64(sales/20*20) / time.Since(began).Seconds(), err
	}
	fmt.Fprintln(b.progress, "posting …")
	before, err := rate("before")
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := b.compareApart(running, "again"); err != nil {
				if running.Err() != nil {
					err = nil // it was stopped
				}
				done <- err
				return
			}
		}
	}()
	r.PostedMeanwhile, err = rate("meanwhile")
	stop()
	if err := errors.Join(err, <-done); err != nil {
		return err
	}
	after, err := rate("after")
	r.Posted = (before + after) / 2
	return err
}

// compareApart compares in another process, whose memory is that of the service alone.
func (b *bench) compareApart(ctx context.Context, step string) (r compared, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "comparing", "--book", "recon", "--step", step)
	cmd.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+b.appURL())
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, &said)
	}
	return r, json.Unmarshal(text, &r)
}

// machineLoad is the load average of the machine over a minute.
func machineLoad() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

func (r *reconcileResult) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name, format string, value func(r reconciled) any) {
		fmt.Fprint(w, name, "\t")
		for _, size := range r.Sizes {
			fmt.Fprintf(w, format+"\t", value(size))
		}
		fmt.Fprintln(w)
	}
	row("lines", "%d", func(r reconciled) any { return r.Lines })
	row("entries on the source's accounts", "%d", func(r reconciled) any { return r.Entries })
	row("open after the first run", "%d", func(r reconciled) any { return r.Open })
	row("bare join, s", "%.2f", func(r reconciled) any { return r.Bare })
	row("first run, s", "%.2f", func(r reconciled) any { return r.First })
	row("replay, s", "%.2f", func(r reconciled) any { return r.Replay })
	row("first run, of the bare join", "%.2f", func(r reconciled) any { return r.FirstRatio })
	row("replay, of the bare join", "%.2f", func(r reconciled) any { return r.ReplayRatio })
	row("a day's run, s", "%.2f", func(r reconciled) any { return r.Day })
	row("peak memory of the service, MiB", "%d", func(r reconciled) any { return r.PeakMemory >> 20 })
	row("sales/s alone", "%.0f", func(r reconciled) any { return r.Posted })
	row("sales/s while runs go on", "%.0f", func(r reconciled) any { return r.PostedMeanwhile })
	row("load of the machine before and after", "%s", func(r reconciled) any { return strings.Join(r.Load, " ") })
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\nThe bare join:", r.Bare)
	return err
}
