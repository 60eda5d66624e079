package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/migrations"
)

// Measuring. Every figure is a ratio to the floor measured in the same run, because machines differ and this one is
// shared; no test depends on any of them.

type benchCmd struct {
	Posting     benchPostingCmd     `cmd:"" help:"Measure posting: the floor, in process and through HTTP, and print ratios."`
	Neighbours  benchNeighboursCmd  `cmd:"" help:"Have one key ask ten times as often as it may, and show what another key notices."`
	Overload    benchOverloadCmd    `cmd:"" help:"Offer several times what can be recorded, and show what is recorded meanwhile."`
	Events      benchEventsCmd      `cmd:"" help:"Measure sales as business events against the same as bare transactions."`
	Reading     benchReadingCmd     `cmd:"" help:"Show what a long export or a verification costs those who post meanwhile."`
	Payouts     benchPayoutsCmd     `cmd:"" help:"Measure a payout run over many payees, the proof of its payouts, and sending them."`
	Planning    benchPlanningCmd    `cmd:"" hidden:"" help:"The run that bench payouts measures, in a process of its own."`
	Reconcile   benchReconcileCmd   `cmd:"" help:"Measure reconciliation: a first run, a replay and a day's run against one plain join, and what posting loses."`
	Export      benchExportCmd      `cmd:"" help:"Measure how fast the general journal leaves in each format, against one plain COPY of the same rows."`
	Exporting   benchExportingCmd   `cmd:"" hidden:"" help:"The exports that bench export measures, in a process of their own."`
	Pages       benchPagesCmd       `cmd:"" help:"Measure how long the pages of payees, the public and the staff take over a book of many sales, and what posting pays for earnings."`
	Downloading benchDownloadingCmd `cmd:"" hidden:"" help:"The downloads that bench pages measures, in a process of their own."`
	Comparing   benchComparingCmd   `cmd:"" hidden:"" help:"The runs that bench reconcile measures, in a process of their own."`
}

// benchPostingCmd measures the posting path on a private durable PostgreSQL that is thrown away afterwards.
type benchPostingCmd struct {
	Sales   int    `help:"Sales per measurement with many clients; fewer where one client waits for each." default:"20000"`
	Preload int    `help:"Sales stored before anything is measured." default:"0"`
	Verify  bool   `help:"Verify what was posted at the end, and measure that too."`
	JSON    bool   `name:"json" help:"Print the results as JSON."`
	Scratch string `help:"Directory for the throw-away server's data; a temporary one if empty. It measures this disk." type:"path"`
}

// benchResult is one line of the table.
type benchResult struct {
	Name      string  `json:"name"`
	Sales     int     `json:"sales"`
	PerSecond float64 `json:"sales_per_second"`
	// Ratio is PerSecond over the floor's.
	Ratio float64 `json:"ratio_to_floor"`
	// P50 and P99 are latencies of one request, in milliseconds; 0 for the floor.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// Disk and WAL are bytes per sale; CPU is microseconds per sale of this process, server and client of HTTP together.
	Disk float64 `json:"disk_bytes_per_sale"`
	WAL  float64 `json:"wal_bytes_per_sale"`
	CPU  float64 `json:"cpu_us_per_sale"`
}

// bench is one run: a server, a ledger and what was measured.
type bench struct {
	sales    int
	books    []string
	server   *postgres.Server
	meter    *meter
	pool     *postgres.Pool
	ledger   *ledger.Ledger
	book     ledger.Book
	baseURL  string
	stopHTTP func() error
	results  []benchResult
	grown    []benchResult
	verified []verifyResult
	progress io.Writer
}

const benchDatabase = "mizan_bench"

// Run performs the benchmark and prints it.
func (c *benchPostingCmd) Run(ctx context.Context, s *surroundings) error {
	return c.runPosting(ctx, s.stdout, s.stderr)
}

// runPosting performs the whole benchmark and prints it to out; progress goes to progress.
func (c *benchPostingCmd) runPosting(ctx context.Context, out, progress io.Writer) (err error) {
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	b := &bench{sales: c.Sales, books: []string{"bench", "spread", "floor"}, progress: progress}
	defer b.close()
	if err := b.open(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	if err := b.grow(ctx, c.Preload); err != nil {
		return err
	}
	if err := b.measure(ctx); err != nil {
		return err
	}
	if c.Verify {
		if err := b.verify(ctx); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"go": runtime.Version(), "cpus": runtime.NumCPU(), "preload": c.Preload, "results": b.results, "verification": b.verified})
	}
	if err := printBench(out, b.results); err != nil {
		return err
	}
	if c.Verify {
		err = printVerified(out, b.verified)
	}
	return err
}

// start starts the server with an empty database and connects to it.
func (b *bench) start(ctx context.Context, dir string) (err error) {
	b.server, err = postgres.StartServer(ctx, postgres.ServerConfig{DataDir: dir, Durable: true})
	if err != nil {
		return err
	}
	adminURL := b.server.URL("postgres", "postgres")
	roles := postgres.Roles{}.OrDefault()
	if err := postgres.Bootstrap(ctx, adminURL, benchDatabase, roles); err != nil {
		return err
	}
	if _, err := migrations.Apply(ctx, b.server.URL(roles.Owner, benchDatabase), migrations.Options{}); err != nil {
		return err
	}
	if b.meter, err = openMeter(ctx, b.server.URL("postgres", benchDatabase)); err != nil {
		return err
	}
	b.pool, err = postgres.Open(ctx, b.appURL(), postgres.Options{MaxConns: 16})
	return err
}

func (b *bench) open(ctx context.Context, dir string) (err error) {
	if err := b.start(ctx, dir); err != nil {
		return err
	}
	b.ledger = ledger.New(b.pool, ledger.Options{Now: time.Now})
	for _, code := range b.books {
		book, _, err := b.ledger.CreateBook(ctx, ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"USD"}, TimeZone: "UTC", Market: "US"})
		if err != nil {
			return err
		}
		for sales := range slices.Chunk(everyAccount("open-"+code, code == "spread"), 1000) {
			if err := b.postAll(ctx, book, sales); err != nil {
				return err
			}
		}
		if code == "bench" {
			b.book = book
		}
	}
	return b.serve(ctx)
}

func (b *bench) appURL() string {
	return b.server.URL(postgres.Roles{}.OrDefault().App, benchDatabase)
}

func (b *bench) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if b.stopHTTP != nil {
		_ = b.stopHTTP()
	}
	if b.ledger != nil {
		_ = b.ledger.Close(ctx)
	}
	if b.pool != nil {
		b.pool.Close()
	}
	if b.meter != nil {
		b.meter.close(ctx)
	}
	if b.server != nil {
		_ = b.server.Stop(ctx)
	}
}

// postAll posts sales in process as one batch and fails on the first refusal.
func (b *bench) postAll(ctx context.Context, book ledger.Book, sales []benchSale) error {
	submissions := make([]ledger.Submission, len(sales))
	for i := range sales {
		submissions[i] = sales[i].submission()
	}
	for _, out := range b.ledger.PostBatch(ctx, book, submissions) {
		if out.Err != nil {
			return out.Err
		}
	}
	return nil
}

// grow measures batches into empty books, stores n sales, and measures the same again, so that one run shows what a
// large ledger costs.
func (b *bench) grow(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	empty, err := b.time(ctx, "in process, batches of 1000, empty", b.sales, b.inProcessBatches("bench", "ie", false))
	if err != nil {
		return err
	}
	if err := b.store(ctx, n); err != nil {
		return err
	}
	full, err := b.time(ctx, fmt.Sprintf("in process, batches of 1000, after %d", n), b.sales, b.inProcessBatches("bench", "ig", false))
	b.grown = []benchResult{empty, full}
	return err
}

// store posts n sales, a multiple of 4,000 of them.
func (b *bench) store(ctx context.Context, n int) error {
	fmt.Fprintf(b.progress, "storing %d sales first\n", n)
	m := newSaleMaker("pre", 5)
	for stored := 0; stored < n; stored += 4000 {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			sales := m.batch(1000)
			wg.Go(func() { errs[i] = b.postAll(ctx, b.book, sales) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// measure runs everything, the floor first and last.
func (b *bench) measure(ctx context.Context) error {
	steps := []struct {
		name string
		run  func(ctx context.Context, n int) ([]time.Duration, error)
		n    int
	}{
		{"floor, before", b.runFloor, b.sales},
		{"in process, batches of 1000", b.inProcessBatches("bench", "ib", false), b.sales},
		{"in process, batches of 1000, spread accounts", b.inProcessBatches("spread", "is", true), b.sales},
		{"in process, 64 clients", b.inProcessSingles("i64", 64), b.sales},
		{"in process, 1 client", b.inProcessSingles("i1", 1), b.sales / 20},
		{"HTTP, batches of 1000, 4 clients", b.httpBatches("hb", 4, 1000), b.sales},
		{"HTTP, 64 clients", b.httpSingles("h64", 64), b.sales},
		{"HTTP, 16 clients", b.httpSingles("h16", 16), b.sales / 2},
		{"HTTP, 1 client", b.httpSingles("h1", 1), b.sales / 20},
		{"floor, after", b.runFloor, b.sales},
	}
	for _, s := range steps {
		fmt.Fprintf(b.progress, "%s …\n", s.name)
		r, err := b.time(ctx, s.name, s.n, s.run)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.results = append(b.results, r)
	}
	b.results = append(b.grown, b.results...)
	floor := (b.results[len(b.grown)].PerSecond + b.results[len(b.results)-1].PerSecond) / 2
	for i := range b.results {
		b.results[i].Ratio = b.results[i].PerSecond / floor
	}
	return nil
}

func (b *bench) time(ctx context.Context, name string, n int, run func(context.Context, int) ([]time.Duration, error)) (benchResult, error) {
	if err := b.meter.checkpoint(ctx); err != nil {
		return benchResult{}, err
	}
	size, wal, err := b.meter.diskUse(ctx)
	if err != nil {
		return benchResult{}, err
	}
	cpu, started := processCPU(), time.Now()
	latencies, err := run(ctx, n)
	if err != nil {
		return benchResult{}, err
	}
	took := time.Since(started)
	used := processCPU() - cpu
	sizeAfter, walAfter, err := b.meter.diskUse(ctx)
	if err != nil {
		return benchResult{}, err
	}
	slices.Sort(latencies)
	per := float64(n)
	return benchResult{Name: name, Sales: n, PerSecond: per / took.Seconds(), P50: percentile(latencies, 50), P99: percentile(latencies, 99),
		Disk: float64(sizeAfter-size) / per, WAL: float64(walAfter-wal) / per, CPU: float64(used.Microseconds()) / per}, nil
}

func (b *bench) runFloor(ctx context.Context, n int) ([]time.Duration, error) {
	now := time.Now().UTC()
	f, err := openFloor(ctx, b.appURL(), "floor", int32(now.Year()*100+int(now.Month())))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.conn.Close(ctx) }()
	m := newSaleMaker(fmt.Sprintf("floor-%d", f.sequence), 3)
	for sales := range slices.Chunk(m.batch(n), floorBatch) {
		if err := f.write(ctx, sales, time.Now().UTC()); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (b *bench) inProcessBatches(code, prefix string, spread bool) func(context.Context, int) ([]time.Duration, error) {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		book, err := b.ledger.Book(ctx, code)
		if err != nil {
			return nil, err
		}
		const size, clients = 1000, 4
		return inParallel(clients, n/size, func(client int) func() error {
			m := newSaleMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client))
			m.spread = spread
			return func() error { return b.postAll(ctx, book, m.batch(size)) }
		})
	}
}

func (b *bench) inProcessSingles(prefix string, clients int) func(context.Context, int) ([]time.Duration, error) {
	return func(ctx context.Context, n int) ([]time.Duration, error) {
		return inParallel(clients, n, func(client int) func() error {
			m := newSaleMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client))
			return func() error {
				s := m.next()
				return b.ledger.Post(ctx, b.book, s.submission()).Err
			}
		})
	}
}

// inParallel runs total calls over the clients, each with a function of its own, and returns every call's duration.
func inParallel(clients, total int, each func(client int) func() error) ([]time.Duration, error) {
	var wg sync.WaitGroup
	latencies, errs := make([][]time.Duration, clients), make([]error, clients)
	for c := range clients {
		share := total / clients
		if c < total%clients {
			share++
		}
		call := each(c)
		wg.Go(func() {
			for range share {
				started := time.Now()
				if err := call(); err != nil {
					errs[c] = err
					return
				}
				latencies[c] = append(latencies[c], time.Since(started))
			}
		})
	}
	wg.Wait()
	return slices.Concat(latencies...), errors.Join(errs...)
}

func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(len(sorted)-1, len(sorted)*p/100)].Microseconds()) / 1000
}

// processCPU is the processor time this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func printBench(out io.Writer, results []benchResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tsales/s\tof floor\tp50 ms\tp99 ms\tdisk B\tWAL B\tCPU µs\t")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", r.Name, r.PerSecond, r.Ratio, r.P50, r.P99, r.Disk, r.WAL, r.CPU)
	}
	return w.Flush()
}
