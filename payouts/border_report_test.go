package payouts

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// borderTally is what a campaign at the border counts. It is safe for concurrent use.
type borderTally struct {
	mu     sync.Mutex
	seed   uint64
	began  time.Time
	counts map[string]int
}

func newBorderTally(seed uint64) *borderTally {
	return &borderTally{seed: seed, began: time.Now(), counts: map[string]int{}}
}

// add counts things by name, such as "plays".
func (r *borderTally) add(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] += n
}

// borderSummary is the report as it is written to a file.
type borderSummary struct {
	Seed       uint64         `json:"seed"`
	Passed     bool           `json:"passed"`
	Seconds    int            `json:"seconds"`
	Go         string         `json:"go"`
	Processors int            `json:"processors"`
	Counts     map[string]int `json:"counts"`
}

func (r *borderTally) summary(passed bool) borderSummary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return borderSummary{Seed: r.seed, Passed: passed, Seconds: int(time.Since(r.began).Seconds()), Go: runtime.Version(),
		Processors: runtime.NumCPU(), Counts: maps.Clone(r.counts)}
}

// String is the report for people.
func (s borderSummary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the border: seed %d, %d s, passed: %v\n", s.Seed, s.Seconds, s.Passed)
	for _, name := range slices.Sorted(maps.Keys(s.Counts)) {
		fmt.Fprintf(&b, "%10d  %s\n", s.Counts[name], name)
	}
	return b.String()
}

// write keeps the report in a file.
func (s borderSummary) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
