package payouts

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

var modelLong = flag.Bool("model.long", false, "explore the model of payouts with more misfortunes, and play more walks on the real service")

// Every order of what can happen to a payout within bounds is tried, breadth first, so that the path to what is wrong is the
// shortest there is.

// mSearch is one exploration.
type mSearch struct {
	rules mRules
	seen  map[[16]byte]int32
	// cameBy and from are the move and the state by which a state was first reached.
	cameBy []mMove
	from   []int32
	// onward are the states behind by moves that mend or go on.
	onward [][]int32
	ends   []bool
	beyond int
	// states and tries are the changes of state that were made.
	states, tries [16][16]bool
	most          int
	outcomes      map[[modelPayouts]mTruth]struct {
		mOutcome
		at int32
	}
	// Wrong is the first thing that must not be.
	wrong string
}

// key is the same for states that differ in the processes' names only.
func (s *mState) key() (k [16]byte) {
	c := *s
	size := int(unsafe.Sizeof(c.w[0]))
	all := func(w *mWorker) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(w)), size) }
	if bytes.Compare(all(&c.w[0]), all(&c.w[1])) < 0 {
		c.w[0], c.w[1] = c.w[1], c.w[0]
		for n := range c.p {
			if c.p[n].owner > 0 {
				c.p[n].owner = 3 - c.p[n].owner
			}
		}
	}
	sum := sha256.Sum256(unsafe.Slice((*byte)(unsafe.Pointer(&c)), int(unsafe.Sizeof(c))))
	return [16]byte(sum[:16])
}

// explore tries everything from the starts on, up to so many states.
func explore(rules mRules, most int, starts ...mState) *mSearch {
	x := &mSearch{rules: rules, seen: map[[16]byte]int32{}, most: most, outcomes: map[[modelPayouts]mTruth]struct {
		mOutcome
		at int32
	}{}}
	var level []mState
	add := func(s *mState, m mMove, from int32) int32 {
		k := s.key()
		if n, ok := x.seen[k]; ok {
			return n
		}
		n := int32(len(x.from))
		x.seen[k] = n
		x.cameBy, x.from, x.onward, x.ends = append(x.cameBy, m), append(x.from, from), append(x.onward, nil), append(x.ends, s.beyond)
		level = append(level, *s)
		x.look(s, n)
		return n
	}
	for i := range starts {
		add(&starts[i], mMove{}, -1)
	}
	at := int32(0)
	for len(level) > 0 && x.wrong == "" && len(x.from) < most {
		now := level
		level = nil
		for i := range now {
			s := &now[i]
			if !s.beyond {
				x.rules.moves(s, func(m mMove, next mState) {
					if x.wrong != "" {
						return
					}
					n := add(&next, m, at)
					x.note(s, &next)
					if why := s.brokenBy(m, &next); why != "" && x.wrong == "" {
						x.wrong = why + x.path(at) + "\n  " + m.String()
					}
					if m.kindly() && n != at {
						x.onward[at] = append(x.onward[at], n)
					}
				})
			}
			at++
		}
	}
	if x.wrong == "" && len(level) > 0 {
		x.wrong = fmt.Sprintf("there are more than %d states", most)
	}
	if x.wrong == "" {
		x.deadEnds()
	}
	return x
}

// note notes which states follow which.
func (x *mSearch) note(s, next *mState) {
	for n := range s.p {
		x.states[s.p[n].state][next.p[n].state] = true
		for act := range s.p[n].tries {
			for k := range s.p[n].tries[act] {
				x.tries[s.p[n].tries[act][k].state][next.p[n].tries[act][k].state] = true
			}
		}
	}
}

// look checks a state that is new.
func (x *mSearch) look(s *mState, n int32) {
	if x.wrong != "" || s.beyond {
		x.beyond++
		return
	}
	if why := s.broken(); why != "" {
		x.wrong = why + x.path(n)
		return
	}
	if !s.settled() {
		return
	}
	x.ends[n] = true
	truth, outcome := s.truthOf(), s.outcomeOf()
	if before, ok := x.outcomes[truth]; !ok {
		x.outcomes[truth] = struct {
			mOutcome
			at int32
		}{outcome, n}
	} else if before.mOutcome != outcome {
		x.wrong = fmt.Sprintf("the processor did the same, and it ends differently (I11): %+v and %+v%s\nand the other way%s",
			before.mOutcome, outcome, x.path(before.at), x.path(n))
	}
}

// deadEnds finds a state from which no end can be reached by moves that mend or go on (I20).
func (x *mSearch) deadEnds() {
	back := make([][]int32, len(x.from))
	for n, list := range x.onward {
		for _, to := range list {
			back[to] = append(back[to], int32(n))
		}
	}
	var queue []int32
	reaches := make([]bool, len(x.from))
	for n, end := range x.ends {
		if end {
			reaches[n] = true
			queue = append(queue, int32(n))
		}
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, before := range back[n] {
			if !reaches[before] {
				reaches[before] = true
				queue = append(queue, before)
			}
		}
	}
	if n := slices.Index(reaches, false); n >= 0 {
		x.wrong = "no end can be reached any more (I20)" + x.path(int32(n))
	}
}

// path tells how a state is reached.
func (x *mSearch) path(n int32) string {
	var lines []string
	for ; n >= 0 && x.from[n] >= 0; n = x.from[n] {
		lines = append(lines, "\n  "+x.cameBy[n].String())
	}
	slices.Reverse(lines)
	return " after" + strings.Join(lines, "")
}

// modelBounds are the misfortunes that are tried together.
var modelBounds = map[string]mLimits{
	"lost answers and deaths":    {faults: 2, deaths: 1},
	"a hold and a lost answer":   {faults: 1, holds: 1, deaths: 1},
	"forgotten keys":             {faults: 1, days: 1, holds: 1},
	"our clock is set back":      {faults: 1, days: 1, backs: 1},
	"the bank sends it back":     {returns: 1, faults: 1, deaths: 1},
	"the account is disabled":    {offs: 1, faults: 1},
	"a part comes back":          {returns: 1, shorts: 1, faults: 1},
	"our balance is empty":       {poor: 1, faults: 1, deaths: 1},
	"it fails twice":             {returns: 2},
	"a hold while it comes back": {returns: 1, holds: 1, deaths: 1},
}
