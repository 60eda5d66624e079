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
	"text/tabwriter"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"
)

// Exports: how fast the general journal of a large book leaves in each format, as a ratio to one plain COPY of the same rows, and
// how much memory the service takes for it.

type benchExportCmd struct {
	Rows    []int64 `help:"About how many rows the journal has; a database of its own for each." default:"100000"`
	JSON    bool    `name:"json" help:"Print the results as JSON."`
	Scratch string  `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// exported is what one size came to.
type exported struct {
	Rows int64 `json:"rows"`
	// Copy is how many rows a second a plain COPY hands out.
	Copy    float64          `json:"copy_rows_per_second"`
	Formats []exportedFormat `json:"formats"`
	// Load is the load of the machine before and after, as the system says it.
	Load []string `json:"load"`
}

// exportedFormat is one format of it. Rows a second are those of a fetch, in which the file is made again and held against its
// manifest; the ratio is to the COPY.
type exportedFormat struct {
	Format     string  `json:"format"`
	Bytes      int64   `json:"bytes"`
	PerSecond  float64 `json:"rows_per_second"`
	Ratio      float64 `json:"ratio_to_copy"`
	PeakMemory int64   `json:"peak_memory_bytes"`
}

// Run performs the benchmark and prints it.
func (c *benchExportCmd) Run(ctx context.Context, s *surroundings) (err error) {
	if len(c.Rows) == 0 || slices.Min(c.Rows) < 1000 || slices.Max(c.Rows) > 50_000_000 {
		return usageError("--rows is 1,000 to 50,000,000, and several of them are separated by commas.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	var sizes []exported
	for _, rows := range c.Rows {
		r, err := c.size(ctx, s.stderr, filepath.Join(dir, fmt.Sprint("postgres-", rows)), rows)
		if err != nil {
			return fmt.Errorf("%d rows: %w", rows, err)
		}
		sizes = append(sizes, r)
	}
	if c.JSON {
		return json.NewEncoder(s.stdout).Encode(map[string]any{"go": runtime.Version(), "cpus": runtime.NumCPU(), "copy": sqlBenchCopy, "sizes": sizes})
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rows\tformat\tMB\trows/s\tof COPY\tpeak MiB\t")
	for _, r := range sizes {
		fmt.Fprintf(w, "%d\tCOPY\t\t%.0f\t1.00\t\t\n", r.Rows, r.Copy)
		for _, f := range r.Formats {
			fmt.Fprintf(w, "%d\t%s\t%.1f\t%.0f\t%.2f\t%d\t\n", r.Rows, f.Format, float64(f.Bytes)/1e6, f.PerSecond, f.Ratio, f.PeakMemory>>20)
		}
		fmt.Fprintf(w, "load %v\t\t\t\t\t\t\n", r.Load)
	}
	return w.Flush()
}

// size measures one size on a server of its own, whose data is removed afterwards.
func (c *benchExportCmd) size(ctx context.Context, progress io.Writer, dir string, rows int64) (r exported, err error) {
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
	fmt.Fprintf(progress, "storing about %d entries …\n", rows)
	lines := rows * 10 / 31 // ten lines of the benchmark of reconciliation have thirty-one entries
	if err := errors.Join(b.meter.openSource(ctx, book), b.meter.bothSides(ctx, book, 1, lines), b.meter.tidy(ctx)); err != nil {
		return r, err
	}
	r.Load = append(r.Load, machineLoad())
	plain, err := openPlainly(ctx, b.appURL())
	if err != nil {
		return r, err
	}
	defer plain.close(context.WithoutCancel(ctx))
	for range 2 { // the first time finds the tables
		count, took, err := plain.copied(ctx)
		if err != nil {
			return r, err
		}
		r.Rows, r.Copy = count, float64(count)/took.Seconds()
	}
	for _, format := range tabular.Formats() {
		fmt.Fprintf(progress, "exporting as %s …\n", format)
		f, err := b.exportApart(ctx, format)
		if err != nil {
			return r, err
		}
		f.Ratio = f.PerSecond / r.Copy
		r.Formats = append(r.Formats, f)
	}
	r.Load = append(r.Load, machineLoad())
	return r, nil
}

// exportApart exports in another process, whose memory is that of the service alone.
func (b *bench) exportApart(ctx context.Context, format tabular.Format) (f exportedFormat, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "exporting", "--format", string(format))
	cmd.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+b.appURL())
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("%w: %s", err, &said)
	}
	return f, json.Unmarshal(text, &f)
}

type benchExportingCmd struct {
	Format   string `help:"The format." required:""`
	Database string `help:"The application's connection." env:"MIZAN_DATABASE_URL" required:""`
}

// Run has the journal made and fetches it, and prints what that came to as JSON.
func (c *benchExportingCmd) Run(ctx context.Context, s *surroundings) (err error) {
	pool, err := postgres.Open(ctx, c.Database, postgres.Options{MaxConns: 4})
	if err != nil {
		return err
	}
	defer pool.Close()
	l := ledger.New(pool, ledger.Options{Now: time.Now})
	defer func() { err = errors.Join(err, l.Close(context.WithoutCancel(ctx))) }()
	book, err := l.Book(ctx, "recon")
	if err != nil {
		return err
	}
	r := reports.New(reports.Options{Pool: pool, Ledger: l, Trail: guard.NewTrail(pool, time.Now), Now: time.Now})
	id, err := askApart(ctx, pool, r, book, reports.Request{Report: "general_journal", Format: tabular.Format(c.Format)})
	if err != nil {
		return err
	}
	e := reports.Export{State: reports.Asked}
	for turns := 0; turns < 2 && e.State == reports.Asked; turns++ { // one that takes long is found out in the first turn and made in the second
		if _, err := r.MakeDue(ctx); err != nil {
			return err
		}
		if e, err = r.Export(ctx, book, id); err != nil {
			return err
		}
	}
	if e.State != reports.Made {
		return fmt.Errorf("the export is %s: %s", e.State, e.Reason)
	}
	began := time.Now()
	if err := r.Content(ctx, book, id, io.Discard); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	return json.NewEncoder(s.stdout).Encode(exportedFormat{Format: c.Format, Bytes: e.Manifest.Bytes, PerSecond: float64(e.Manifest.Rows) / took, PeakMemory: peakMemory(os.Getpid())})
}
