package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"mizan/api/access"
)

// Overload: what happens when several times as much arrives as can be recorded. The service runs as a program of its own,
// so that its memory is its own; the sender is in this one and shares the processors with it.

type benchOverloadCmd struct {
	Batch   int           `help:"Sales in a request; 1 posts single transactions." default:"1"`
	Factor  int           `help:"How many times the measured capacity is offered." default:"5"`
	For     time.Duration `help:"How long it is offered." default:"1m"`
	Peak    time.Duration `help:"How long the capacity is measured before." default:"10s"`
	JSON    bool          `name:"json" help:"Print the results as JSON."`
	Scratch string        `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// overloadResult is what the benchmark found. Rates are sales a second, times milliseconds.
type overloadResult struct {
	Batch   int     `json:"sales_per_request"`
	Peak    float64 `json:"peak_sales_per_second"`
	Offered float64 `json:"offered_sales_per_second"`
	Sent    float64 `json:"sent_sales_per_second"`
	Goodput float64 `json:"goodput_sales_per_second"`
	Ratio   float64 `json:"goodput_to_peak"`
	Refused int64   `json:"refused_requests"`
	Untold  int64   `json:"refused_without_retry_after"`
	Failed  int64   `json:"other_answers"`
	P50     float64 `json:"accepted_p50_ms"`
	P99     float64 `json:"accepted_p99_ms"`
	// Recovered is how long it took until 64 clients were served at 0.8 of the capacity again; -1 if longer than the flood.
	Recovered float64 `json:"recovered_after_ms"`
	PeakRSS   int64   `json:"service_peak_memory_bytes"`
}

// overload is one run: the service as a program and the requests to it.
type overload struct {
	bench
	options benchOverloadCmd
	program *exec.Cmd
	address string
	key     string
	head    string
	// clients bounds the connections on which more than the capacity is offered.
	clients int
	result  overloadResult
}

const (
	peakClients     = 64
	overloadClients = 4000
)

// Run performs the benchmark and prints it.
func (c *benchOverloadCmd) Run(ctx context.Context, s *surroundings) error {
	return c.runOverload(ctx, s.stdout, s.stderr)
}

func (c *benchOverloadCmd) runOverload(ctx context.Context, out, progress io.Writer) (err error) {
	if c.Batch < 1 || c.Batch > 1000 || c.Factor < 1 {
		return usageError("--batch is 1 to 1000, --factor at least 1.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	o := &overload{bench: bench{progress: progress, books: []string{"bench"}}, options: *c, clients: overloadClients, result: overloadResult{Batch: c.Batch}}
	defer o.close()
	if err := o.open(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	// One key offers everything, and what it costs to let it is what is measured.
	if err := o.startService(ctx, "--rate-key", "0"); err != nil {
		return err
	}
	defer o.stopService()
	if err := o.measure(ctx); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(o.result)
	}
	return o.result.print(out)
}

func (o *overload) measure(ctx context.Context) error {
	fmt.Fprintln(o.progress, "the capacity …")
	// The first seconds warm connections, plans and caches up.
	for _, d := range []time.Duration{o.options.Peak / 4, o.options.Peak} {
		t := o.closedLoop(ctx, fmt.Sprintf("peak-%d", d), d)
		if t.failed.Load() > 0 {
			return errors.New("the capacity could not be measured: a posting failed")
		}
		o.result.Peak = float64(t.accepted.Load()) / d.Seconds()
	}
	if o.result.Peak == 0 {
		return errors.New("nothing was recorded in time; measure the capacity for longer, with --peak")
	}
	fmt.Fprintf(o.progress, "%d times that for %v …\n", o.options.Factor, o.options.For)
	t := o.openLoop(ctx, "over", float64(o.options.Factor))
	seconds := t.took.Seconds()
	o.result.Offered = float64(t.offered*int64(o.options.Batch)) / seconds
	o.result.Sent = float64(t.sent.Load()*int64(o.options.Batch)) / seconds
	o.result.Goodput = float64(t.accepted.Load()) / seconds
	o.result.Ratio = o.result.Goodput / o.result.Peak
	o.result.Refused, o.result.Untold, o.result.Failed = t.refused.Load(), t.untold.Load(), t.failed.Load()
	slices.Sort(t.latencies)
	o.result.P50, o.result.P99 = percentile(t.latencies, 50), percentile(t.latencies, 99)
	fmt.Fprintln(o.progress, "the recovery …")
	began := time.Now()
	for i := 0; ; i++ {
		const window = time.Second
		again := o.closedLoop(ctx, fmt.Sprintf("after-%d", i), window)
		if float64(again.accepted.Load())/window.Seconds() >= 0.8*o.result.Peak {
			o.result.Recovered = float64((time.Since(began) - window).Milliseconds())
			break
		}
		if time.Since(began) > o.options.For {
			o.result.Recovered = -1
			break
		}
	}
	o.result.PeakRSS = peakMemory(o.program.Process.Pid)
	return ctx.Err()
}

// sendings counts what came of requests.
type sendings struct {
	offered                                 int64
	took                                    time.Duration
	sent, accepted, refused, untold, failed atomic.Int64
	mu                                      sync.Mutex
	latencies                               []time.Duration
}

// closedLoop has a fixed number of clients who each send again as soon as they are answered.
func (o *overload) closedLoop(ctx context.Context, prefix string, d time.Duration) *sendings {
	t := &sendings{}
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	clients := peakClients
	if o.options.Batch > 1 {
		clients = 8
	}
	for i := range clients {
		wg.Go(func() {
			s := o.sender(prefix, i)
			defer s.close()
			for time.Now().Before(end) && ctx.Err() == nil {
				s.send(ctx, t, end)
			}
		})
	}
	wg.Wait()
	return t
}

// openLoop sends at a fixed multiple of the capacity, whatever the answers. A request finds a connection that is free, or is not sent and
// counts as offered only.
func (o *overload) openLoop(ctx context.Context, prefix string, factor float64) *sendings {
	t := &sendings{}
	began := time.Now()
	end := began.Add(o.options.For)
	work := make(chan struct{})
	var wg sync.WaitGroup
	for i := range o.clients {
		wg.Go(func() {
			s := o.sender(prefix, i)
			defer s.close()
			for range work {
				s.send(ctx, t, end)
			}
		})
	}
	perSecond := o.result.Peak * factor / float64(o.options.Batch)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for now := began; now.Before(end) && ctx.Err() == nil; now = <-ticker.C {
		for due := int64(now.Sub(began).Seconds() * perSecond); t.offered < due; t.offered++ {
			select {
			case work <- struct{}{}:
			default:
			}
		}
	}
	t.took = time.Since(began)
	close(work)
	wg.Wait()
	return t
}

// sender is one client: a connection of its own and as little work for each request as possible, because it shares the
// processors with the service.
type sender struct {
	o     *overload
	maker *saleMaker
	conn  net.Conn
	in    *bufio.Reader
	body  []byte
	text  []byte
}

func (o *overload) sender(prefix string, client int) *sender {
	return &sender{o: o, maker: newSaleMaker(fmt.Sprintf("%s-%d", prefix, client), uint64(client))}
}

func (s *sender) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// send posts once and counts the answer. What is answered after the end is not counted as accepted.
func (s *sender) send(ctx context.Context, t *sendings, end time.Time) {
	s.compose()
	began := time.Now()
	t.sent.Add(1)
	status, told, err := s.exchange(ctx)
	now := time.Now()
	switch {
	case err != nil:
		s.close()
		t.failed.Add(1)
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		t.refused.Add(1)
		if !told {
			t.untold.Add(1)
		}
	case status >= 300:
		t.failed.Add(1)
	case now.Before(end):
		t.accepted.Add(int64(s.o.options.Batch))
		t.mu.Lock()
		t.latencies = append(t.latencies, now.Sub(began))
		t.mu.Unlock()
	}
}

func (s *sender) compose() {
	path := "transactions"
	if s.o.options.Batch == 1 {
		sale := s.maker.next()
		s.body = sale.appendJSON(s.body[:0])
	} else {
		path = "transactions/batch"
		s.body = append(s.body[:0], `{"atomic":true,"transactions":[`...)
		for i := range s.o.options.Batch {
			if i > 0 {
				s.body = append(s.body, ',')
			}
			sale := s.maker.next()
			s.body = sale.appendJSON(s.body)
		}
		s.body = append(s.body, `]}`...)
	}
	s.text = append(append(append(s.text[:0], "POST /v1/books/bench/"...), path...), s.o.head...)
	s.text = append(strconv.AppendInt(s.text, int64(len(s.body)), 10), "\r\n\r\n"...)
	s.text = append(s.text, s.body...)
}

// exchange sends the request and reads the answer to its end. told says that a Retry-After came with it.
func (s *sender) exchange(ctx context.Context) (status int, told bool, err error) {
	if s.conn == nil {
		if s.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", s.o.address); err != nil {
			return 0, false, err
		}
		s.in = bufio.NewReader(s.conn)
	}
	if err := s.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, false, err
	}
	if _, err := s.conn.Write(s.text); err != nil {
		return 0, false, err
	}
	length, ends := 0, false
	for first := true; ; first = false {
		line, err := s.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) < 12 {
				return 0, false, io.ErrUnexpectedEOF
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, false, err
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, false, err
			}
		case "Retry-After":
			told = true
		case "Connection":
			ends = string(value) == "close"
		}
	}
	if _, err = s.in.Discard(length); err == nil && ends {
		s.close()
	}
	return status, told, err
}

var readyAddress = regexp.MustCompile(`"msg":"ready","address":"([^"]+)"`)

// startService runs this program's serve on the throw-away database, with more flags.
func (o *overload) startService(ctx context.Context, flags ...string) error {
	var err error
	_, o.key, err = access.New(o.pool, access.Options{Now: time.Now}).Create(ctx, operator(), access.NewKey{Name: "overload", Scopes: []access.Scope{"*"}})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.program = exec.Command(self, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
	o.program.Env = append(os.Environ(), "MIZAN_DATABASE_URL="+o.appURL(), "MIZAN_DATABASE_URL_FILE=")
	said, err := o.program.StderrPipe()
	if err != nil {
		return err
	}
	if err := o.program.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(said)
	for o.address == "" && lines.Scan() {
		if match := readyAddress.FindStringSubmatch(lines.Text()); match != nil {
			o.address = match[1]
		} else {
			fmt.Fprintln(o.progress, lines.Text())
		}
	}
	if o.address == "" {
		return errors.Join(errors.New("the service did not start"), o.program.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	o.head = " HTTP/1.1\r\nHost: " + o.address + "\r\nAuthorization: Bearer " + o.key + "\r\nContent-Type: application/json\r\nContent-Length: "
	return nil
}

func (o *overload) stopService() {
	_ = o.program.Process.Signal(syscall.SIGTERM)
	_ = o.program.Wait()
}

// peakMemory is the most memory a process has had resident, in bytes; 0 where the system does not say.
func peakMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

func (r overloadResult) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "sales in a request\t%d\n", r.Batch)
	fmt.Fprintf(w, "capacity\t%.0f sales/s\n", r.Peak)
	fmt.Fprintf(w, "offered\t%.0f sales/s, of which %.0f were sent\n", r.Offered, r.Sent)
	fmt.Fprintf(w, "recorded meanwhile\t%.0f sales/s, %.2f of the capacity\n", r.Goodput, r.Ratio)
	fmt.Fprintf(w, "refused requests\t%d, %d of them without Retry-After\n", r.Refused, r.Untold)
	fmt.Fprintf(w, "other answers\t%d\n", r.Failed)
	fmt.Fprintf(w, "time to acknowledge\tp50 %.0f ms, p99 %.0f ms\n", r.P50, r.P99)
	fmt.Fprintf(w, "recovered after\t%.0f ms\n", r.Recovered)
	fmt.Fprintf(w, "service's peak memory\t%d MiB\n", r.PeakRSS>>20)
	return w.Flush()
}
