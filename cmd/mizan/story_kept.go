package main

// What is kept of stories between starts: how far they were told, so that nothing is told twice and an interrupted one goes on.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mizan/ledger"
)

// storiesBegin and storiesEnd are the first and the last moment of all stories. They follow each other, since the processor has one
// clock for all.
var (
	storiesBegin = time.Date(2024, 10, 28, 6, 0, 0, 0, time.UTC)
	storiesEnd   = time.Date(2026, 10, 26, 0, 0, 0, 0, time.UTC)
)

// beforeNow is how long before the present the stories end: acts of people move the clock on by minutes, and it never stands in the future.
const beforeNow = 30 * time.Minute

// storiesKept is the file's content.
type storiesKept struct {
	// Clock is where the clock stood when the last one ended.
	Clock time.Time `json:"clock"`
	// Ended has the last sequence of each story that was told to its end.
	Ended map[string]int64 `json:"ended"`
	// Month is the first day of the month of payouts, and Present the moment up to which its book is told; zero for no further than the
	// month. Both follow from when the data directory was begun.
	Month   time.Time `json:"month,omitzero"`
	Present time.Time `json:"present,omitzero"`
	// Over says that all were told, and that the clock goes with the machine's.
	Over bool `json:"over"`
}

// openStories returns the telling of stories for a data directory, with the clock where it went on from; nil where none can be
// told: in books that are older than stories, with a processor that is not ours, and on a machine whose clock stands before
// their end. The clock is set before anybody sees it go.
func openStories(ctx context.Context, v *service, data string) (*story, error) {
	if v.clock == nil || v.simulator == nil || v.clock.now().Before(storiesEnd) {
		return nil, nil
	}
	g, err := newStory(v, nil)
	if err != nil {
		return nil, err
	}
	g.file = filepath.Join(data, "stories.json")
	text, err := os.ReadFile(g.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := v.books.Book(ctx, "s1"); err == nil || !errors.Is(err, ledger.ErrBookUnknown) {
			return nil, err
		}
		now := g.clock.now()
		g.kept = storiesKept{Clock: storiesBegin, Ended: map[string]int64{}, Month: paydayFor(now), Present: now.Add(-beforeNow).Truncate(time.Minute)}
		if err := g.keep(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &g.kept); err != nil || g.kept.Ended == nil {
			return nil, fmt.Errorf("%s cannot be understood; remove the data directory to begin again: %w", g.file, err)
		}
	}
	if g.kept.Over {
		return g, nil
	}
	at := g.kept.Clock
	for _, p := range append(slices.Collect(maps.Values(v.simulator.own)), v.simulator) {
		if seen := p.Seen(); seen.After(at) {
			at = seen
		}
	}
	return g, g.clock.set(at)
}

// ended keeps that a story was told to its end.
func (g *story) ended(key string, last int64) error {
	g.kept.Ended[key], g.kept.Clock = last, g.clock.now()
	return g.keep()
}

func (g *story) keep() error {
	if g.file == "" {
		return nil
	}
	text, err := json.Marshal(g.kept)
	if err != nil {
		return err
	}
	if err := os.WriteFile(g.file+".part", text, 0o600); err != nil {
		return err
	}
	return os.Rename(g.file+".part", g.file)
}

// over lets the clock go with the machine's again. Nothing is made up for the time between.
func (g *story) over(ctx context.Context) error {
	if g.kept.Over {
		return nil
	}
	if !g.clock.release() {
		return errors.New("the stories end after this machine's time, so that its clock cannot be used again; remove the data directory")
	}
	for _, w := range g.works {
		if err := w.PassOver(ctx); err != nil {
			return err
		}
	}
	g.kept.Over, g.kept.Clock = true, g.clock.now()
	return g.keep()
}
