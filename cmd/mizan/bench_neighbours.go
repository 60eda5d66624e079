package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"mizan/api/access"
)

// Neighbours: what one key notices of another that asks many times as often as it may. A calm key posts and reads in its own book at an
// even pace, in turns alone and beside a hasty one that posts into another book. The time is from when a request was due to its whole
// answer, so that what waits for a late one counts too.

type benchNeighboursCmd struct {
	Rate    int           `help:"Requests a second that a key may send." default:"200"`
	Factor  int           `help:"How many times that the hasty key sends." default:"10"`
	Calm    int           `help:"Requests a second that the calm key sends." default:"100"`
	For     time.Duration `help:"How long a turn lasts." default:"20s"`
	Turns   int           `help:"Turns of each kind." default:"5"`
	JSON    bool          `name:"json" help:"Print the results as JSON."`
	Scratch string        `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// neighboursResult is what the benchmark found; times are milliseconds, each the median of the turns.
type neighboursResult struct {
	Rate    int     `json:"rate_per_second"`
	Sent    float64 `json:"hasty_sent_per_second"`
	Taken   float64 `json:"hasty_taken_per_second"`
	Refused float64 `json:"hasty_refused_per_second"`
	// Untold are refusals without Retry-After, Failed other answers than those looked for, to either key.
	Untold int64   `json:"refused_without_retry_after"`
	Failed int64   `json:"other_answers"`
	P50    float64 `json:"alone_p50_ms"`
	P99    float64 `json:"alone_p99_ms"`
	P50By  float64 `json:"beside_p50_ms"`
	P99By  float64 `json:"beside_p99_ms"`
	// Ratio50 and Ratio99 are the medians over pairs of neighbouring turns.
	Ratio50 float64 `json:"ratio_p50"`
	Ratio99 float64 `json:"ratio_p99"`
}

// calmly is the calm key at work.
type calmly struct {
	o      *overload
	key    string
	client *http.Client
	maker  *saleMaker
}

// calmClients bounds the calm key's requests under way.
const calmClients = 64

// Run performs the benchmark and prints it.
func (c *benchNeighboursCmd) Run(ctx context.Context, s *surroundings) (err error) {
	if c.Rate < 1 || c.Factor < 1 || c.Calm < 1 || c.Calm > c.Rate || c.Turns < 1 || c.For <= 0 {
		return usageError("--rate, --factor, --turns and --for are more than zero, and --calm is no more than --rate.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	o := &overload{bench: bench{progress: s.stderr, books: []string{"bench", "calm"}}, options: benchOverloadCmd{Batch: 1, For: c.For}, clients: 256}
	defer o.close()
	if err := o.open(ctx, filepath.Join(dir, "postgres")); err != nil {
		return err
	}
	if err := o.startService(ctx, "--rate-key", strconv.Itoa(c.Rate)); err != nil {
		return err
	}
	defer o.stopService()
	_, key, err := access.New(o.pool, access.Options{Now: time.Now}).Create(ctx, operator(), access.NewKey{Name: "calm", Scopes: []access.Scope{"*"}})
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: calmClients}
	defer transport.CloseIdleConnections()
	calm := &calmly{o: o, key: key, client: &http.Client{Transport: transport, Timeout: time.Minute}, maker: newSaleMaker("calm", 1)}
	r, err := c.measure(ctx, o, calm)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.stdout).Encode(r)
	}
	return r.print(s.stdout)
}

func (c *benchNeighboursCmd) measure(ctx context.Context, o *overload, calm *calmly) (*neighboursResult, error) {
	r := &neighboursResult{Rate: c.Rate}
	if _, failed := calm.work(ctx, c.Calm, c.For/4); failed > 0 {
		return nil, errors.New("the calm key was refused while it was alone")
	}
	o.result.Peak = float64(c.Rate)
	var alone50, alone99, beside50, beside99, ratio50, ratio99, sent, taken, refused []float64
	for turn := range c.Turns {
		fmt.Fprintf(o.progress, "turn %d of %d …\n", turn+1, c.Turns)
		first, failed := calm.work(ctx, c.Calm, c.For)
		r.Failed += failed
		done := make(chan *sendings, 1)
		go func() { done <- o.openLoop(ctx, fmt.Sprintf("hasty-%d", turn), float64(c.Factor)) }()
		second, failed := calm.work(ctx, c.Calm, c.For)
		hasty := <-done
		r.Failed += failed + hasty.failed.Load()
		r.Untold += hasty.untold.Load()
		seconds := hasty.took.Seconds()
		sent, taken, refused = append(sent, float64(hasty.sent.Load())/seconds), append(taken, float64(hasty.accepted.Load())/seconds), append(refused, float64(hasty.refused.Load())/seconds)
		if len(first) == 0 || len(second) == 0 {
			return nil, errors.New("nothing was answered in time; let turns last longer, with --for")
		}
		a50, a99, b50, b99 := percentile(first, 50), percentile(first, 99), percentile(second, 50), percentile(second, 99)
		alone50, alone99, beside50, beside99 = append(alone50, a50), append(alone99, a99), append(beside50, b50), append(beside99, b99)
		ratio50, ratio99 = append(ratio50, b50/a50), append(ratio99, b99/a99)
	}
	r.P50, r.P99, r.P50By, r.P99By = middle(alone50), middle(alone99), middle(beside50), middle(beside99)
	r.Ratio50, r.Ratio99, r.Sent, r.Taken, r.Refused = middle(ratio50), middle(ratio99), middle(sent), middle(taken), middle(refused)
	return r, ctx.Err()
}

// work sends so many requests a second, every other one a posting, and returns how long each took from when it was due, in order of
// time, and how many were not answered as they should be.
func (x *calmly) work(ctx context.Context, perSecond int, d time.Duration) (times []time.Duration, failed int64) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	due := make(chan time.Time, calmClients)
	for range calmClients {
		wg.Go(func() {
			for at := range due {
				mu.Lock()
				n := len(times)
				sale := x.maker.next()
				mu.Unlock()
				err := x.ask(ctx, n%2 == 0, sale.appendJSON(nil))
				took := time.Since(at)
				mu.Lock()
				if times = append(times, took); err != nil {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	for at := began; at.Sub(began) < d && ctx.Err() == nil; at = at.Add(time.Second / time.Duration(perSecond)) {
		for time.Now().Before(at) {
			<-ticker.C
		}
		due <- at
	}
	ticker.Stop()
	close(due)
	wg.Wait()
	slices.Sort(times)
	return times, failed
}

// ask posts a sale, or reads what was posted last.
func (x *calmly) ask(ctx context.Context, posts bool, sale []byte) error {
	method, body, want := http.MethodGet, "", http.StatusOK
	at := "http://" + x.o.address + "/v1/books/calm/transactions"
	if posts {
		method, body, want = http.MethodPost, string(sale), http.StatusCreated
	} else {
		at += "?limit=20"
	}
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+x.key)
	if posts {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := x.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != want {
		return errors.New(answer.Status)
	}
	return nil
}

func (r *neighboursResult) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "a key may send\t%d requests/s\n", r.Rate)
	fmt.Fprintf(w, "the hasty key sent\t%.0f requests/s, of which %.0f were taken and %.0f refused, %d without Retry-After\n", r.Sent, r.Taken, r.Refused, r.Untold)
	fmt.Fprintf(w, "the calm key alone\tp50 %.2f ms, p99 %.2f ms\n", r.P50, r.P99)
	fmt.Fprintf(w, "beside the hasty one\tp50 %.2f ms, p99 %.2f ms\n", r.P50By, r.P99By)
	fmt.Fprintf(w, "in neighbouring turns\tp50 %.2f, p99 %.2f\n", r.Ratio50, r.Ratio99)
	fmt.Fprintf(w, "other answers\t%d\n", r.Failed)
	return w.Flush()
}
