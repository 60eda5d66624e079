package access

import (
	"net/netip"
	"sync"
	"time"
)

// An attempt is a wrong key or link. Whoever makes many of them is told to wait; the right one always passes, so the
// counts may be unjust without locking anybody out.

const (
	// maxWrongSecrets and maxWrongFrom are how many attempts at one key, and from one address, are answered plainly within
	// attemptsFor.
	maxWrongSecrets = 20
	maxWrongFrom    = 100
	attemptsFor     = time.Minute
	// maxTallies bounds the memory of each kind of count. What finds no room is counted together.
	maxTallies = 4096
)

// attempts counts wrong keys and links. The zero value is ready.
type attempts struct {
	mu        sync.Mutex
	keys      tallies
	addresses tallies
}

// key counts an attempt at the key and reports whether there were too many; the empty id is nobody's.
func (a *attempts) key(now time.Time, id string) bool {
	if id == "" {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys.add(now, id) > maxWrongSecrets
}

// address counts an attempt from the address and reports whether there were too many.
func (a *attempts) address(now time.Time, address string) bool {
	from := neighbourhood(address)
	if from == "" {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addresses.add(now, from) > maxWrongFrom
}

// tallies count by name.
type tallies struct {
	counts map[string]tally
	swept  time.Time
}

// tally counts since the first of a minute's attempts.
type tally struct {
	since time.Time
	count int
}

// over reports whether the tally's minute has passed, or lies ahead because the clock was set back.
func (t tally) over(now time.Time) bool {
	age := now.Sub(t.since)
	return age < 0 || age >= attemptsFor
}

// others is the name under which what finds no room is counted.
const others = ""

func (t *tallies) add(now time.Time, name string) int {
	if _, ok := t.counts[name]; !ok && len(t.counts) >= maxTallies {
		t.sweep(now)
		if len(t.counts) >= maxTallies {
			name = others
		}
	}
	if t.counts == nil {
		t.counts = map[string]tally{}
	}
	c := t.counts[name]
	if c.count == 0 || c.over(now) {
		c = tally{since: now}
	}
	c.count++
	t.counts[name] = c
	return c.count
}

// sweep removes what is over, at most once a minute: a flood must not make each attempt look at all the others.
func (t *tallies) sweep(now time.Time) {
	if age := now.Sub(t.swept); age >= 0 && age < attemptsFor {
		return
	}
	t.swept = now
	for name, c := range t.counts {
		if c.over(now) {
			delete(t.counts, name)
		}
	}
}

// whereFrom returns the address of a caller without its port, in the one way it is written; empty if it is none.
func whereFrom(address string) string {
	at := parseAddress(address)
	if !at.IsValid() {
		return ""
	}
	return at.String()
}

// neighbourhood is what attempts are counted by: the address or, where anybody has as many as they like, its network.
func neighbourhood(address string) string {
	at := parseAddress(address)
	if !at.IsValid() {
		return ""
	}
	if at.Is4() {
		return at.String()
	}
	network, err := at.Prefix(64)
	if err != nil {
		return ""
	}
	return network.String()
}

func parseAddress(address string) netip.Addr {
	at, err := netip.ParseAddr(address)
	if err != nil {
		withPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return netip.Addr{}
		}
		at = withPort.Addr()
	}
	return at.Unmap().WithZone("")
}
