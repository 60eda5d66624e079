package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// Reading: what a long export or a verification costs those who post meanwhile. Sales arrive at a fixed rate, half of what
// can be recorded, first alone and then while the whole book is read again and again by a program of its own.

type benchReadingCmd struct {
	Stored  int           `help:"Sales stored before anything is measured." default:"200000"`
	For     time.Duration `help:"How long each reader reads." default:"40s"`
	Peak    time.Duration `help:"How long the capacity is measured before." default:"10s"`
	JSON    bool          `name:"json" help:"Print the results as JSON."`
	Scratch string        `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// readingResult is one measurement. Rates are sales a second, times milliseconds.
type readingResult struct {
	Name    string  `json:"name"`
	Offered float64 `json:"offered_sales_per_second"`
	Goodput float64 `json:"goodput_sales_per_second"`
	// Ratio is Goodput over that of the measurement without a reader.
	Ratio float64 `json:"ratio"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	// Reads counts how often the whole book was read.
	Reads int64 `json:"reads"`
}

// Run performs the benchmark and prints it.
func (c *benchReadingCmd) Run(ctx context.Context, s *surroundings) error {
	return c.runReading(ctx, s.stdout, s.stderr)
}

func (c *benchReadingCmd) runReading(ctx context.Context, out, progress io.Writer) (err error) {
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	o := &overload{bench: bench{progress: progress, books: []string{"bench"}}, options: benchOverloadCmd{Batch: 1, Peak: c.Peak, For: c.For}}
	defer o.close()
	if err := o.open(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	if err := o.store(ctx, c.Stored); err != nil {
		return err
	}
	if err := o.startService(ctx); err != nil {
		return err
	}
	defer o.stopService()
	for _, d := range []time.Duration{c.Peak / 4, c.Peak} {
		t := o.closedLoop(ctx, fmt.Sprintf("peak-%d", d), d)
		o.result.Peak = float64(t.accepted.Load()) / d.Seconds()
	}
	var results []readingResult
	for _, reader := range [][]string{nil, {"export", "journal", "--book", "bench", "--format", "jsonl"}, {"verify", "--book", "bench"}} {
		r, err := o.whileReading(ctx, len(results), reader)
		if err != nil {
			return err
		}
		if len(results) > 0 {
			r.Ratio = r.Goodput / results[0].Goodput
		}
		results = append(results, r)
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(results)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "while\toffered/s\trecorded/s\tof alone\tp50 ms\tp99 ms\treads\t")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%.1f\t%.1f\t%d\t\n", r.Name, r.Offered, r.Goodput, r.Ratio, r.P50, r.P99, r.Reads)
	}
	return w.Flush()
}

// whileReading offers half of the capacity while a command of this program reads the book, over and over.
func (o *overload) whileReading(ctx context.Context, n int, command []string) (readingResult, error) {
	r := readingResult{Name: "nobody reads", Ratio: 1}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var reads atomic.Int64
	done := make(chan error, 1)
	if command == nil {
		done <- nil
	} else {
		r.Name = "mizan " + command[0] + " runs"
		go func() { done <- o.read(reading, command, &reads) }()
	}
	fmt.Fprintf(o.progress, "%s …\n", r.Name)
	t := o.openLoop(ctx, fmt.Sprintf("reading-%d", n), 0.5)
	stop()
	if err := <-done; err != nil {
		return r, fmt.Errorf("%s: %w", r.Name, err)
	}
	r.Offered, r.Goodput, r.Reads = float64(t.offered)/t.took.Seconds(), float64(t.accepted.Load())/t.took.Seconds(), reads.Load()
	slices.Sort(t.latencies)
	r.P50, r.P99 = percentile(t.latencies, 50), percentile(t.latencies, 99)
	return r, nil
}

// read runs the command until the context ends.
func (o *overload) read(ctx context.Context, command []string, reads *atomic.Int64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for {
		cmd := exec.CommandContext(ctx, self, command...)
		cmd.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+o.appURL(), "MIZAN_SERVER=http://"+o.address, "MIZAN_API_KEY="+o.key)
		var said strings.Builder
		cmd.Stderr = &said
		err := cmd.Run()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %s", err, &said)
		}
		reads.Add(1)
	}
}
