package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/vault"
)

// Pages: how long the pages of payees, of the public and of the staff take over a book of millions of sales, of which one creator has a
// month of very many; and what posting pays for the sums of earnings that follow it.

type benchPagesCmd struct {
	Sales     int    `help:"Sales in the book." default:"100000"`
	Lines     int    `help:"Lines in the month of the busy creator; they come on top of the sales." default:"100000"`
	Requests  int    `help:"How often each page is asked for." default:"300"`
	Cold      int    `help:"How often each page is asked for right after the database was started, with none of its files in memory." default:"3"`
	Posted    int    `help:"Sales that are posted in each of eight turns, with and without those who follow earnings; 0 for none." default:"20000"`
	Check     bool   `help:"Fail if the slowest of a hundred of a page takes longer than it may: 50 ms for payees and the public, 100 ms for the staff."`
	Partition int64  `help:"Transactions in a partition. A smaller one gives a small book as many partitions as a large one has." default:"500000"`
	Verify    bool   `help:"Verify the book when it is filled, but for content hashes, and the sums of earnings and the payouts in it."`
	Chromium  string `help:"Program, Chromium or Chrome, that makes statements as PDF. Without it none is asked for." placeholder:"PROGRAM"`
	Only      string `help:"Ask only for pages whose names match this expression, and neither download nor post." placeholder:"REGEXP"`
	Profile   string `help:"Write a CPU profile of asking for the pages to this file." type:"path"`
	JSON      bool   `name:"json" help:"Print the results as JSON."`
	Scratch   string `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
	Again     bool   `help:"Take the book that an earlier run with the same sales and lines left in the scratch directory."`
}

var errPagesSlow = fault.New(fault.Conflict, "pages-slow", "Pages take longer than they may. Look at those marked in the table, on a machine that does nothing else.")

// pagesResult is what the benchmark found.
type pagesResult struct {
	Go    string `json:"go"`
	CPUs  int    `json:"cpus"`
	Sales int    `json:"sales"`
	Lines int    `json:"lines"`
	// Filled is how long it took to fill the book, in seconds; Disk is what the database takes, in bytes.
	Filled float64  `json:"fill_seconds"`
	Disk   int64    `json:"disk_bytes"`
	Load   []string `json:"load"`
	Pages  []paged  `json:"pages"`
	// StatementLines are those of the statement that is downloaded.
	StatementLines int64        `json:"statement_lines"`
	Downloads      []downloaded `json:"downloads"`
	// Posting is nil if it was not measured.
	Posting *postedBeside `json:"posting,omitempty"`
}

// paged is what a page took. Times are in milliseconds, as its reader saw them over the loopback.
type paged struct {
	Name     string  `json:"name"`
	Who      string  `json:"who"`
	Requests int     `json:"requests"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	// CPU and DatabaseCPU are what a request takes of a processor, of this process with its reader and of the database; 0 where the
	// system does not say. They hardly move with what else the machine does.
	CPU         float64 `json:"cpu_ms"`
	DatabaseCPU float64 `json:"database_cpu_ms"`
	// Cold is the slowest with cold caches; 0 if none was asked for.
	Cold  float64 `json:"cold_max_ms"`
	Bytes int     `json:"bytes"`
	Bound float64 `json:"bound_ms"`
}

func (p paged) slow() bool { return p.P99 > p.Bound }

// Run performs the benchmark and prints it.
func (c *benchPagesCmd) Run(ctx context.Context, s *surroundings) (err error) {
	switch {
	case c.Sales < 1000 || c.Sales > 100_000_000:
		return usageError("--sales is 1,000 to 100,000,000.")
	case c.Lines < 100 || c.Lines > 10_000_000:
		return usageError("--lines is 100 to 10,000,000.")
	case c.Requests < 1 || c.Requests > 100_000 || c.Cold < 0 || c.Cold > 100:
		return usageError("--requests is 1 to 100,000 and --cold 0 to 100.")
	case c.Partition < 1000 || c.Partition > 500_000:
		return usageError("--partition is 1,000 to 500,000.")
	case c.Posted != 0 && (c.Posted < 100 || c.Posted > 1_000_000):
		return usageError("--posted is 0, or 100 to 1,000,000.")
	}
	if _, err := regexp.Compile(c.Only); err != nil {
		return usageError("--only is no regular expression.")
	}
	if c.Again && c.Scratch == "" {
		return usageError("--again needs --scratch, with what an earlier run left there.")
	}
	if _, err := printerOf(c.Chromium); err != nil {
		return err
	}
	boundMemory(s)
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	b := &pagesBench{bench: bench{progress: s.stderr}, options: c, dir: filepath.Join(dir, "postgres"), now: goingFrom(pagesShownAt)}
	b.result = pagesResult{Go: runtime.Version(), CPUs: runtime.NumCPU(), Sales: c.Sales, Lines: c.Lines}
	defer b.close()
	if err := b.run(ctx); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.stdout).Encode(b.result)
	} else {
		err = b.result.print(s.stdout)
	}
	if c.Check && err == nil && slices.ContainsFunc(b.result.Pages, paged.slow) {
		err = errPagesSlow
	}
	return err
}

// pagesBench is one run.
type pagesBench struct {
	bench
	options *benchPagesCmd
	dir     string
	now     func() time.Time
	filled  *salesBook
	result  pagesResult
	keys    vault.Keys
	// bearers are the sessions by who looks.
	bearers map[string]string
	// busy is the statement of the busy month.
	busy longStatement
}

func (b *pagesBench) run(ctx context.Context) error {
	if err := b.start(ctx, b.dir); err != nil {
		return err
	}
	if !b.options.Again {
		if err := b.meter.partitionBy(ctx, b.options.Partition); err != nil {
			return err
		}
	}
	b.result.Load = append(b.result.Load, machineLoad())
	began := time.Now()
	b.filled = &salesBook{db: b.pool, meter: b.meter, progress: b.progress, sales: b.options.Sales, lines: b.options.Lines, each: map[copiesOf]int{
		everybodysSales: min(5000, max(50, b.options.Sales/100)), busySales: min(1000, b.options.Lines/20)}}
	fill := b.filled.fill
	if b.options.Again {
		fill = b.filled.find
	}
	if err := fill(ctx); err != nil {
		return err
	}
	var err error
	if b.keys, err = devVaultKeys(filepath.Dir(b.dir)); err != nil {
		return err
	}
	if err := b.furnish(ctx); err != nil {
		return err
	}
	b.result.Filled = time.Since(began).Seconds()
	if b.result.Disk, err = b.meter.size(ctx); err != nil {
		return err
	}
	if b.options.Verify {
		if err := b.filled.verify(ctx); err != nil {
			return err
		}
	}
	if err := b.signIn(ctx); err != nil {
		return err
	}
	if err := b.look(ctx); err != nil || b.options.Only != "" {
		return err
	}
	if err := b.downloads(ctx); err != nil {
		return err
	}
	b.result.Load = append(b.result.Load, machineLoad())
	if b.options.Posted > 0 {
		b.result.Posting, err = b.postBeside(ctx, b.options.Posted)
	}
	return err
}

// look asks for each page, first with warm and then with cold caches.
func (b *pagesBench) look(ctx context.Context) error {
	if err := b.show(ctx); err != nil {
		return err
	}
	list, err := b.pages(ctx)
	if err != nil {
		return err
	}
	if only := regexp.MustCompile(b.options.Only); b.options.Only != "" {
		list = slices.DeleteFunc(list, func(p page) bool { return !only.MatchString(p.name) })
	}
	fmt.Fprintf(b.progress, "asking for %d pages …\n", len(list))
	if b.options.Profile != "" {
		file, err := os.Create(b.options.Profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var failed []error
	for _, p := range list {
		one, err := b.measurePage(ctx, p)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s, %s: %w", p.name, p.who, err))
		}
		b.result.Pages = append(b.result.Pages, one)
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	for n := range b.options.Cold {
		if err := b.restart(ctx); err != nil {
			return err
		}
		for i := range list { // in turn from elsewhere, because each page warms what it reads for those after it
			at := (i + n*len(list)/b.options.Cold) % len(list)
			took, _, err := b.ask(ctx, list[at])
			if err != nil {
				return err
			}
			b.result.Pages[at].Cold = max(b.result.Pages[at].Cold, ms(took))
		}
	}
	return nil
}

func (b *pagesBench) measurePage(ctx context.Context, p page) (one paged, err error) {
	one = paged{Name: p.name, Who: p.who, Requests: b.options.Requests, Bound: p.bound}
	if _, _, err := b.ask(ctx, p); err != nil {
		return one, err
	}
	var took []time.Duration
	database, cpu := databaseCPU(b.dir), processCPU() // this process last: asking for the other takes some of it
	for range b.options.Requests {
		t, size, err := b.ask(ctx, p)
		if err != nil {
			return one, err
		}
		took, one.Bytes = append(took, t), size
	}
	one.CPU, one.DatabaseCPU = ms(processCPU()-cpu)/float64(len(took)), ms(databaseCPU(b.dir)-database)/float64(len(took))
	slices.Sort(took)
	one.P50, one.P99, one.Max = percentile(took, 50), percentile(took, 99), ms(took[len(took)-1])
	return one, nil
}

// databaseCPU is the processor time that the processes of the server over a directory have used; 0 where the system does not say.
func databaseCPU(dir string) (used time.Duration) {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0
	}
	server, _, _ := strings.Cut(string(text), "\n")
	children, err := os.ReadFile("/proc/" + server + "/task/" + server + "/children")
	if err != nil {
		return 0
	}
	for _, process := range strings.Fields(string(children)) {
		text, err := os.ReadFile("/proc/" + process + "/stat")
		if err != nil { // it has ended
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the program's name stands in brackets
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			continue
		}
		for _, field := range fields[11:13] { // in hundredths of a second, by the user and by the system
			n, _ := strconv.ParseInt(field, 10, 64)
			used += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return used
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *pagesResult) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%d sales and a month of %d lines, filled in %.0f s, %.1f GB; load %s\n\n", r.Sales, r.Lines, r.Filled, float64(r.Disk)/1e9, fmt.Sprint(r.Load))
	fmt.Fprintln(w, "page\tby\tn\tp50 ms\tp99 ms\tmax ms\tCPU ms\tof the database\tcold ms\tbytes\tbound ms\t")
	for _, p := range r.Pages {
		mark := ""
		if p.slow() {
			mark = "above"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t%.0f\t%s\n", p.Name, p.Who, p.Requests, p.P50, p.P99, p.Max, p.CPU, p.DatabaseCPU, p.Cold, p.Bytes, p.Bound, mark)
	}
	fmt.Fprintf(w, "\nstatement of %d lines\tstatus\tbegins s\tseconds\tlines/s\tMB\tpeak MiB\t\n", r.StatementLines)
	for _, d := range r.Downloads {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.0f\t%.1f\t%d\t\n", d.Name, d.Status, d.Begins, d.Seconds, d.PerSecond, float64(d.Bytes)/1e6, d.PeakMemory>>20)
	}
	if err := w.Flush(); err != nil || r.Posting == nil {
		return err
	}
	slowest := slices.MaxFunc(r.Pages, func(a, b paged) int { return cmp.Compare(a.P99/a.Bound, b.P99/b.Bound) })
	_, err := fmt.Fprintf(out, "\nnearest to its bound: %s by %s, %.1f of %.0f ms\n", slowest.Name, slowest.Who, slowest.P99, slowest.Bound)
	return errors.Join(err, r.Posting.print(out))
}
