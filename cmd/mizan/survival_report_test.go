package main

// The report of a survival campaign: what was done to the service, what the clients were told, how soon it was back.

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally is what a campaign counts. It is safe for concurrent use.
type tally struct {
	mu        sync.Mutex
	seed      uint64
	began     time.Time
	counts    map[string]int
	recovered map[string][]time.Duration
}

func newTally(seed uint64) *tally {
	return &tally{seed: seed, began: time.Now(), counts: map[string]int{}, recovered: map[string][]time.Duration{}}
}

// add counts things by name, such as "kills".
func (r *tally) add(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] += n
}

// count returns how many there were.
func (r *tally) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[name]
}

// set keeps a measurement.
func (r *tally) set(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] = n
}

// took notes how long it was from a fault of a kind to the first acknowledged posting after it.
func (r *tally) took(kind string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recovered[kind] = append(r.recovered[kind], d)
}

// recovery sums up the times of one kind, in milliseconds.
type recovery struct {
	Times       int   `json:"times"`
	MedianMilli int64 `json:"median_ms"`
	MaxMilli    int64 `json:"max_ms"`
}

// summary is the report as it is written to a file.
type summary struct {
	Seed       uint64              `json:"seed"`
	Passed     bool                `json:"passed"`
	Seconds    int                 `json:"seconds"`
	Go         string              `json:"go"`
	Processors int                 `json:"processors"`
	Counts     map[string]int      `json:"counts"`
	Recovered  map[string]recovery `json:"recovered"`
}

func (r *tally) summary(passed bool) summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := summary{Seed: r.seed, Passed: passed, Seconds: int(time.Since(r.began).Seconds()), Go: runtime.Version(),
		Processors: runtime.NumCPU(), Counts: map[string]int{}, Recovered: map[string]recovery{}}
	for name, n := range r.counts {
		s.Counts[name] = n
	}
	for kind, times := range r.recovered {
		slices.Sort(times)
		s.Recovered[kind] = recovery{len(times), times[len(times)/2].Milliseconds(), times[len(times)-1].Milliseconds()}
	}
	return s
}

// String is the report for people.
func (s summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d s, passed: %v\n", s.Seed, s.Seconds, s.Passed)
	for _, name := range sortedKeys(s.Counts) {
		fmt.Fprintf(&b, "%10d  %s\n", s.Counts[name], name)
	}
	for _, kind := range sortedKeys(s.Recovered) {
		r := s.Recovered[kind]
		fmt.Fprintf(&b, "back after %s: %d times, median %d ms, longest %d ms\n", kind, r.Times, r.MedianMilli, r.MaxMilli)
	}
	return b.String()
}

// write keeps the report in a file.
func (s summary) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
