package main

// Acceptance of stories: each is told by events, jobs, a clock that is moved, and the real driver against the simulated
// processor over HTTP, and comes to what the scenario says, payout by payout and in the end.

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
)

// storyStart is when the clock of a test stands before a story begins.
var storyStart = time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)

// testStory serves on a database of the test's own, with a clock that stands and a processor.
func testStory(t *testing.T) *story {
	t.Helper()
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), clock: newClock(time.Now), jobsLater: true,
		public: "http://" + l.Addr().String()}
	if err := config.clock.set(storyStart); err != nil {
		t.Fatal(err)
	}
	if config.simulator, err = newSimulated(t.Context(), t.TempDir(), config.clock.now, config.public); err != nil {
		t.Fatal(err)
	}
	config.driver = config.simulator.driver
	v, err := newService(t.Context(), pgtest.New(t).Pool, time.Now, config)
	if err != nil {
		t.Fatal(err)
	}
	serving(t, v, l)
	remote, err := client.New(config.public, testKey, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.CloseIdleConnections)
	tell, err := newStory(v, remote)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tell.post.CloseIdleConnections()
		if err := v.simulator.Check(); err != nil {
			t.Error(err)
		}
	})
	return tell
}

// lives are the payouts of the scenario's book with their steps, for whoever reads a failure.
func (g *story) lives(t *testing.T, sc scenario) string {
	t.Helper()
	book, err := g.books.Book(t.Context(), sc.book().Code)
	if err != nil {
		return err.Error()
	}
	list, err := g.payouts.Payouts(t.Context(), book, payouts.PayoutQuery{Limit: 100})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s %s %s %d+%d %s %s\n", p.ID, p.Holder.ID, p.State, p.Amount, p.Fee, p.Method, p.Code)
		steps, err := g.payouts.Steps(t.Context(), book, p.ID, 0, 100)
		if err != nil {
			return err.Error()
		}
		for _, s := range steps {
			fmt.Fprintf(&b, "   %s %s %s #%d %s\n", s.At.Format(time.RFC3339), s.State, s.Code, s.Sequence, s.Evidence)
		}
	}
	return b.String()
}

func TestStories(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenarios {
		if !sc.told() {
			continue
		}
		t.Run(sc.Key, func(t *testing.T) {
			tell := testStory(t)
			begun := time.Now()
			done, err := sc.seed(t.Context(), tell.remote, tell)
			t.Logf("%s: %d transactions in %s", sc.Key, done.last, time.Since(begun))
			if err != nil {
				t.Fatalf("%v\n%s", err, tell.lives(t, sc))
			}
			if len(done.wrong) > 0 {
				t.Errorf("%q\n%s", done.wrong, tell.lives(t, sc))
			}
		})
	}
}

func TestPayday(t *testing.T) {
	t.Parallel()
	tell := testStory(t)
	begun := time.Now()
	month, err := tell.payday(t.Context())
	t.Logf("told in %s", time.Since(begun))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	month.write(&b)
	t.Log(b.String())
}
