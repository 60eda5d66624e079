package pgtest

// Mortal: how a process dies between a program and its database, statement by statement.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mizan/ledger/postgres"
)

// ErrDead is what a connection of a Mortal says that has died.
var ErrDead = errors.New("pgtest: the program is dead")

// Mortal is a program's pool that dies at a statement on its way to the database: before it leaves, or after it was carried out and
// before its answer arrives. From then on nothing of it reaches anything, as after the end of a process.
type Mortal struct {
	// Pool connects as the application's role.
	Pool *postgres.Pool

	name  string
	at    int
	after bool

	mu    sync.Mutex
	count int
	armed bool
	dead  bool
	conns map[net.Conn]bool
}

// mortals gives each a name of its own.
var mortals atomic.Int64

// Mortal returns a pool of at most so many connections that dies at the statement of this number from Arm on, 0 for none; after says
// that the statement is carried out. Whoever made it buries it.
func (d *DB) Mortal(t testing.TB, conns int32, at int, after bool) *Mortal {
	t.Helper()
	m := &Mortal{name: fmt.Sprint("mortal ", mortals.Add(1)), at: at, after: after, conns: map[net.Conn]bool{}}
	var err error
	m.Pool, err = postgres.Open(t.Context(), d.AppURL, postgres.Options{ApplicationName: m.name, MaxConns: conns, Undurable: true, ReadLimit: patience, Dial: m.dial})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return m
}

// Arm begins to count: what it took to come to life does not.
func (m *Mortal) Arm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.armed = true
}

// Statements returns how many were counted.
func (m *Mortal) Statements() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Bury ends what is left of it, waits until the database knows no session of it, and reports whether it died of its fate.
func (d *DB) Bury(t testing.TB, m *Mortal) (died bool) {
	t.Helper()
	m.mu.Lock()
	died = m.dead
	m.mu.Unlock()
	m.die()
	m.Pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for left := 1; left > 0; <-ticker.C {
		if err := d.Pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, m.name).Scan(&left); err != nil {
			t.Fatalf("pgtest: bury a program: %v", err)
		}
	}
	return died
}

func (m *Mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	for c := range m.conns {
		_ = c.Close() // it may be closed already
	}
}

func (m *Mortal) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = c.Close() // nothing was sent
		return nil, ErrDead
	}
	m.conns[c] = true
	return &wire{Conn: c, m: m}, nil
}

// wire is a connection of a Mortal.
type wire struct {
	net.Conn
	m      *Mortal
	doomed atomic.Bool
}

// Write sends a message. One that has the server carry something out is counted.
func (w *wire) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	gone, dies := w.m.dead, false
	if w.m.armed && !gone && hasMessage(p, 'Q', 'E') {
		w.m.count++
		dies = w.m.count == w.m.at
	}
	w.m.mu.Unlock()
	switch {
	case gone:
		return 0, ErrDead
	case dies && !w.m.after:
		w.m.die()
		return 0, ErrDead
	case dies:
		w.doomed.Store(true)
	}
	return w.Conn.Write(p)
}

// Read hands over what the database says. The last answer is read to its end and not handed over.
func (w *wire) Read(p []byte) (int, error) {
	if !w.doomed.Load() {
		return w.Conn.Read(p)
	}
	defer w.m.die()
	var heard []byte
	part := make([]byte, 8192)
	for {
		n, err := w.Conn.Read(part)
		if heard = append(heard, part[:n]...); err != nil || hasMessage(heard, 'Z') {
			return 0, ErrDead
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
