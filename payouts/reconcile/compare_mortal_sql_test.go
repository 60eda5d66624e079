package reconcile

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"mizan/ledger/guard"
	"mizan/ledger/postgres"
)

var (
	compareMortalLong = flag.Bool("compare.mortal.long", false, "die at every statement of a run, not at a few")
	compareMortalSeed = flag.Uint64("compare.mortal.seed", 0, "which statements are died at; 0 for others each time")

	errCompareDead = errors.New("the service is dead")
	comparesBorn   atomic.Int64
)

// dying is a service that dies at a statement on its way to the database: before it leaves, or after it was carried out and before
// its answer arrives. From then on nothing it does reaches anything.
type dying struct {
	*Service
	pool  *postgres.Pool
	name  string
	at    int
	after bool

	mu    sync.Mutex
	count int
	armed bool
	dead  bool
	conns map[net.Conn]bool
}

func (h *comparing) bearDying(at int, after bool) *dying {
	h.Helper()
	m := &dying{name: fmt.Sprint("dying ", comparesBorn.Add(1)), at: at, after: after, conns: map[net.Conn]bool{}}
	var err error
	m.pool, err = postgres.Open(h.Context(), h.db.AppURL, postgres.Options{ApplicationName: m.name, MaxConns: 2, Undurable: true, Dial: m.dial})
	h.ok(err)
	m.Service = New(Options{Pool: m.pool, Ledger: h.books, Trail: guard.NewTrail(m.pool, h.Now), Now: h.Now})
	m.mu.Lock()
	m.armed = true // what it took to come to life does not count
	m.mu.Unlock()
	return m
}

// buryDying waits until no session of it is left.
func (h *comparing) buryDying(m *dying) {
	h.Helper()
	m.die()
	m.pool.Close()
	for h.count(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, m.name) > 0 {
	}
}

func (m *dying) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	for c := range m.conns {
		_ = c.Close() // it may be closed already
	}
}

func (m *dying) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = c.Close() // nothing was sent
		return nil, errCompareDead
	}
	m.conns[c] = true
	return &dyingWire{Conn: c, m: m}, nil
}

type dyingWire struct {
	net.Conn
	m      *dying
	doomed atomic.Bool
}

// Write sends a message. One that has the server carry something out is counted.
func (w *dyingWire) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	gone, dies := w.m.dead, false
	if w.m.armed && !gone && hasMessage(p, 'Q', 'E') {
		w.m.count++
		dies = w.m.count == w.m.at
	}
	w.m.mu.Unlock()
	switch {
	case gone:
		return 0, errCompareDead
	case dies && !w.m.after:
		w.m.die()
		return 0, errCompareDead
	case dies:
		w.doomed.Store(true)
	}
	return w.Conn.Write(p)
}

// Read hands over what the database says. The last answer is read to its end and not handed over.
func (w *dyingWire) Read(p []byte) (int, error) {
	if !w.doomed.Load() {
		return w.Conn.Read(p)
	}
	defer w.m.die()
	var heard []byte
	part := make([]byte, 8192)
	for {
		n, err := w.Conn.Read(part)
		if heard = append(heard, part[:n]...); err != nil || hasMessage(heard, 'Z') {
			return 0, errCompareDead
		}
	}
}

// hasMessage reports whether one of the kinds is among whole messages.
func hasMessage(p []byte, kinds ...byte) bool {
	for len(p) >= 5 {
		n := 1 + int(binary.BigEndian.Uint32(p[1:5]))
		if n > len(p) {
			return false
		}
		for _, kind := range kinds {
			if p[0] == kind {
				return true
			}
		}
		p = p[n:]
	}
	return false
}

// TestDyingInARun: a service dies before and after statements of a run, and another compares then. A run is recorded whole or not at
// all, and what was new is taken once.
func TestDyingInARun(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	seed := *compareMortalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-compare.mortal.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	open, round := 0, 0
	// learn makes one line that agrees, one that is missing, and ends what was missing before.
	learn := func() {
		round++
		h.take(line{id: fmt.Sprint("txn_a", round), key: fmt.Sprint("ch_a", round), gross: 100}, line{id: fmt.Sprint("txn_b", round), key: fmt.Sprint("ch_b", round), gross: 70})
		h.post("order:1", leg{amount: 100, ref: fmt.Sprint("ch_a", round)})
		if round > 1 {
			h.post("order:1", leg{amount: 70, ref: fmt.Sprint("ch_b", round-1)})
		}
		open = 1
	}
	learn()
	whole := h.bearDying(0, false)
	_, err := whole.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 2)
	h.ok(err)
	statements := whole.count
	h.buryDying(whole)
	var ats []int
	for at := 1; at <= statements; at++ {
		ats = append(ats, at)
	}
	if !*compareMortalLong {
		random.Shuffle(len(ats), func(i, j int) { ats[i], ats[j] = ats[j], ats[i] })
		ats = append(ats[:min(3, len(ats))], statements, statements-1) // the commit is the last
	}
	for _, at := range ats {
		for _, after := range []bool{false, true} {
			learn()
			before := h.count(`SELECT count(*) FROM recon_runs`)
			m := h.bearDying(at, after)
			_, err := m.compareBy(t.Context(), h.turn(), Asked{Match: R1, Source: 1}, 2)
			h.buryDying(m)
			recorded := h.count(`SELECT count(*) FROM recon_runs`) - before
			if err == nil && recorded != 1 || recorded > 1 || recorded < 0 {
				t.Fatalf("at %d of %d, after %t: %d runs, %v", at, statements, after, recorded, err)
			}
			if n := h.count(`SELECT count(*) FROM recon_heads h JOIN recon_runs r ON r.number = h.run AND r.to_line = h.line AND r.to_sequence = h.sequence`); n != 1 {
				t.Fatalf("at %d, after %t: the head is not at the last run", at, after)
			}
			run := h.run(2)
			h.same(run)
			if n := h.count(`SELECT count(*) FROM recon_items WHERE open_until IS NULL`); n != open {
				t.Fatalf("at %d, after %t: %d open items", at, after, n)
			}
		}
	}
	if n := h.count(`SELECT count(*) FROM recon_items`); n != round {
		t.Errorf("%d items of %d lines that were missing", n, round)
	}
}
