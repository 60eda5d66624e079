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
// even pace, in turns alone, beside another that posts into another book as often as it may, and beside a hasty one. What the hasty one
// may post is its right, and takes its part of the machine; only what it sends beyond should be felt by nobody. The time is from when a
// request was due to its whole answer, so that what waits for a late one counts too.

type benchNeighboursCmd struct {
	Rate    int           `help:"Requests a second that a key may send." default:"200"`
	Factor  int           `help:"How many times that the hasty key sends." default:"10"`
	Calm    int           `help:"Requests a second that the calm key sends." default:"100"`
	For     time.Duration `help:"How long a turn lasts." default:"20s"`
	Turns   int           `help:"Turns of each kind." default:"5"`
	JSON    bool          `name:"json" help:"Print the results as JSON."`
	Clients int           `help:"Connections of the hasty key." default:"256"`
	Scratch string        `help:"Directory for the throw-away server's data; a temporary one if empty." type:"path"`
}

// neighboursResult is what the benchmark found; times are milliseconds, each the median of the turns.
type neighboursResult struct {
	Rate int `json:"rate_per_second"`
	// Wanted is what the hasty key would send if it never had to wait for an answer, Sent what its connections came to.
	Wanted  float64 `json:"hasty_wanted_per_second"`
	Sent    float64 `json:"hasty_sent_per_second"`
	Taken   float64 `json:"hasty_taken_per_second"`
	Refused float64 `json:"hasty_refused_per_second"`
	// Untold are refusals without Retry-After, Failed other answers than those looked for, to either key.
	Untold int64 `json:"refused_without_retry_after"`
	Failed int64 `json:"other_answers"`
	// Alone, Within and Beside are what the calm key finds by itself, beside a key that sends as much as it may, and beside the hasty one.
	Alone  seen `json:"alone"`
	Within seen `json:"beside_one_within_its_rate"`
	Beside seen `json:"beside_the_hasty_one"`
	// OverAlone and OverWithin are the hasty turns over the others, the medians over neighbouring turns.
	OverAlone  seen `json:"hasty_over_alone"`
	OverWithin seen `json:"hasty_over_within"`
}

// seen are two percentiles: milliseconds, or ratios of them.
type seen struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func (a seen) over(b seen) seen { return seen{a.P50 / b.P50, a.P99 / b.P99} }

// medianOf is the median of each.
func medianOf(list []seen) seen {
	var p50, p99 []float64
	for _, x := range list {
		p50, p99 = append(p50, x.P50), append(p99, x.P99)
	}
	return seen{middle(p50), middle(p99)}
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
	if c.Rate < 1 || c.Factor < 1 || c.Calm < 1 || c.Calm > c.Rate || c.Turns < 1 || c.Clients < 1 || c.Clients > 4_000 || c.For <= 0 {
		return usageError("--rate, --factor, --turns and --for are more than zero, --clients is 1 to 4,000, and --calm is no more than --rate.")
	}
	dir := c.Scratch
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mizan-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	o := &overload{bench: bench{progress: s.stderr, books: []string{"bench", "calm"}}, options: benchOverloadCmd{Batch: 1, For: c.For}, clients: c.Clients}
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
	var alone, within, beside, overAlone, overWithin []seen
	var wanted, sent, taken, refused []float64
	for turn := range c.Turns {
		fmt.Fprintf(o.progress, "turn %d of %d …\n", turn+1, c.Turns)
		var each [3]seen
		for i, factor := range []int{0, 1, c.Factor} {
			found, other, err := c.turn(ctx, o, calm, fmt.Sprintf("hasty-%d-%d", turn, factor), factor, r)
			if err != nil {
				return nil, err
			}
			if each[i] = found; i == 2 {
				seconds := other.took.Seconds()
				wanted = append(wanted, float64(other.offered)/seconds)
				sent, taken, refused = append(sent, float64(other.sent.Load())/seconds), append(taken, float64(other.accepted.Load())/seconds), append(refused, float64(other.refused.Load())/seconds)
			}
		}
		alone, within, beside = append(alone, each[0]), append(within, each[1]), append(beside, each[2])
		overAlone, overWithin = append(overAlone, each[2].over(each[0])), append(overWithin, each[2].over(each[1]))
	}
	r.Alone, r.Within, r.Beside, r.OverAlone, r.OverWithin = medianOf(alone), medianOf(within), medianOf(beside), medianOf(overAlone), medianOf(overWithin)
	r.Wanted, r.Sent, r.Taken, r.Refused = middle(wanted), middle(sent), middle(taken), middle(refused)
	return r, ctx.Err()
}

// turn has the calm key work beside another that sends factor times as often as it may; 0 is alone. It is looked at in the last three
// quarters, when what a key that was quiet may send at once is over.
func (c *benchNeighboursCmd) turn(ctx context.Context, o *overload, calm *calmly, name string, factor int, r *neighboursResult) (seen, *sendings, error) {
	done := make(chan *sendings, 1)
	if factor > 0 {
		go func() { done <- o.openLoop(ctx, name, float64(factor)) }()
	} else {
		done <- &sendings{}
	}
	_, early := calm.work(ctx, c.Calm, c.For/4)
	times, failed := calm.work(ctx, c.Calm, c.For-c.For/4)
	other := <-done
	r.Failed += early + failed + other.failed.Load()
	r.Untold += other.untold.Load()
	if len(times) == 0 {
		return seen{}, nil, errors.New("nothing was answered in time; let turns last longer, with --for")
	}
	return seen{percentile(times, 50), percentile(times, 99)}, other, ctx.Err()
}

// work sends so many requests a second, every other one a posting, and returns how long each took from when it was due, in order of
// time, and how many were not answered as they should be.
func (x *calmly) work(ctx context.Context, perSecond int, d time.Duration) (times []time.Duration, failed int64) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	asked := 0
	due := make(chan time.Time, calmClients)
	for range calmClients {
		wg.Go(func() {
			for at := range due {
				mu.Lock()
				asked++
				posts, sale := asked%2 == 0, x.maker.next()
				mu.Unlock()
				err := x.ask(ctx, posts, sale.appendJSON(nil))
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
	fmt.Fprintf(w, "the hasty key wanted to send\t%.0f requests/s\n", r.Wanted)
	fmt.Fprintf(w, "it sent\t%.0f requests/s, of which %.0f were taken and %.0f refused, %d without Retry-After\n", r.Sent, r.Taken, r.Refused, r.Untold)
	for _, x := range []struct {
		what string
		seen seen
	}{{"the calm key alone", r.Alone}, {"beside one within its rate", r.Within}, {"beside the hasty one", r.Beside}} {
		fmt.Fprintf(w, "%s\tp50 %.2f ms, p99 %.2f ms\n", x.what, x.seen.P50, x.seen.P99)
	}
	fmt.Fprintf(w, "hasty over alone\tp50 %.2f, p99 %.2f\n", r.OverAlone.P50, r.OverAlone.P99)
	fmt.Fprintf(w, "hasty over within its rate\tp50 %.2f, p99 %.2f\n", r.OverWithin.P50, r.OverWithin.P99)
	fmt.Fprintf(w, "other answers\t%d\n", r.Failed)
	return w.Flush()
}
