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

	"mizan/ledger/postgres"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/reconcile/evidence"
)

// evidenceMortal is a service that dies at a statement on its way to the database: before it leaves, or after it was carried out and before
// its answer arrives. From then on nothing it does reaches anything.
type evidenceMortal struct {
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

var (
	evidenceMortalLong = flag.Bool("evidence.mortal.long", false, "die at every statement, not at a few of each deed")
	evidenceMortalSeed = flag.Uint64("evidence.mortal.seed", 0, "which statements are died at; 0 for others each time")

	evidenceMortals atomic.Int64
	errEvidenceDead = errors.New("the service is dead")
)

func (h *evidenceHouse) bear(at int, after bool) *evidenceMortal {
	h.Helper()
	m := &evidenceMortal{name: fmt.Sprint("evidence mortal ", evidenceMortals.Add(1)), at: at, after: after, conns: map[net.Conn]bool{}}
	var err error
	m.pool, err = postgres.Open(h.Context(), h.db.AppURL, postgres.Options{ApplicationName: m.name, MaxConns: 4, Undurable: true, Dial: m.dial})
	h.ok(err)
	m.Service = h.another(m.pool)
	m.mu.Lock()
	m.armed = true // what it took to come to life does not count
	m.mu.Unlock()
	return m
}

// bury waits until no session of it is left, and reports whether it died of its fate.
func (h *evidenceHouse) bury(m *evidenceMortal) (died bool) {
	h.Helper()
	m.mu.Lock()
	died = m.dead
	m.mu.Unlock()
	m.die()
	m.pool.Close()
	for h.count(`SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, m.name) > 0 {
	}
	return died
}

func (m *evidenceMortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	for c := range m.conns {
		_ = c.Close() // it may be closed already
	}
}

func (m *evidenceMortal) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = c.Close() // nothing was sent
		return nil, errEvidenceDead
	}
	m.conns[c] = true
	return &evidenceWire{Conn: c, m: m}, nil
}

type evidenceWire struct {
	net.Conn
	m      *evidenceMortal
	doomed atomic.Bool
}

// Write sends a message. One that has the server carry something out is counted.
func (w *evidenceWire) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	gone, dies := w.m.dead, false
	if w.m.armed && !gone && wireHas(p, 'Q', 'E') {
		w.m.count++
		dies = w.m.count == w.m.at
	}
	w.m.mu.Unlock()
	switch {
	case gone:
		return 0, errEvidenceDead
	case dies && !w.m.after:
		w.m.die()
		return 0, errEvidenceDead
	case dies:
		w.doomed.Store(true)
	}
	return w.Conn.Write(p)
}

// Read hands over what the database says. The last answer is read to its end and not handed over.
func (w *evidenceWire) Read(p []byte) (int, error) {
	if !w.doomed.Load() {
		return w.Conn.Read(p)
	}
	defer w.m.die()
	var heard []byte
	part := make([]byte, 8192)
	for {
		n, err := w.Conn.Read(part)
		if heard = append(heard, part[:n]...); err != nil || wireHas(heard, 'Z') {
			return 0, errEvidenceDead
		}
	}
}

// wireHas reports whether one of the kinds is among whole messages.
func wireHas(p []byte, kinds ...byte) bool {
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

// TestTakingDies: a service dies before and after each statement of pulling and of taking a file, and another does it again. Nothing is
// there twice, nothing is lost, and no number is skipped.
func TestTakingDies(t *testing.T) {
	t.Parallel()
	seed := *evidenceMortalSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test -run TestTakingDies -evidence.mortal.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	h := newEvidenceHouse(t)
	x := h.bank(evidence.CAMT053, nil)
	_, err := h.pullSource(t.Context(), h.turn(), "main")
	h.ok(err)
	next, lines, balance := 0, 0, statement(1, 1, 0).Closing
	deeds := map[string]func() (do func(s *Service) error, check func()){
		"pull": func() (func(s *Service) error, func()) {
			for i := range 3 {
				_, err := h.sim.AddEntry(simulator.Platform, "charge", "charge", "eur", int64(100+i), h.clock.Now().AddDate(0, 0, -i), "")
				h.ok(err)
			}
			return func(s *Service) error { _, err := s.Pull(t.Context(), h.turn(), "main"); return err }, h.equalsJournal
		},
		"take": func() (func(s *Service) error, func()) {
			next++
			lines += 2
			s := statement(2, 2, balance, 100, -30)
			s.ID, s.From, s.Until = fmt.Sprint("S", next), day(1+next), day(1+next)
			for i := range s.Lines {
				s.Lines[i] = bankMove(fmt.Sprintf("N%d-%d", next, i), 1, s.Lines[i].Amount)
				s.Lines[i].Booked, s.Lines[i].Value = s.From, s.From
			}
			balance = s.Closing
			file := h.file(s)
			return func(s *Service) error {
					_, err := s.TakeStatement(t.Context(), evidenceAnn, h.book, "main", file)
					return err
				}, func() {
					if n := len(h.all(x)); n != lines {
						t.Errorf("%d lines instead of %d", n, lines)
					}
					if n := h.count(`SELECT count(*) FROM audit_rows WHERE book_id = $1 AND act = 'evidence.statement_taken'`, h.book.ID); n != next {
						t.Errorf("%d deeds of %d files", n, next)
					}
					h.complete(x)
					h.sound(x)
				}
		},
	}
	for _, name := range []string{"pull", "take"} {
		do, check := deeds[name]()
		whole := h.bear(0, false)
		h.ok(do(whole.Service))
		statements := whole.count
		h.bury(whole)
		check()
		for at := 1; at <= statements; at++ {
			if !*evidenceMortalLong && r.IntN(statements) >= 3 {
				continue
			}
			for _, after := range []bool{false, true} {
				do, check := deeds[name]()
				m := h.bear(at, after)
				err := do(m.Service)
				died := h.bury(m)
				if died == (err == nil) && !after {
					t.Errorf("%s %d: died is %v, and %v", name, at, died, err)
				}
				h.ok(do(h.Service))
				check()
			}
		}
		t.Logf("%s has %d statements", name, statements)
	}
}
