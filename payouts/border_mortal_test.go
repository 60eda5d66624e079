package payouts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/postgres"
	"mizan/ledger/vault"
	"mizan/payouts/processor"
)

// A mortal is a service that dies at a border crossing: at a statement on its way to the database or a request on its way to
// the processor, before it leaves or after it was carried out. From then on nothing it does reaches anything.

// fate says at which crossing a mortal dies; 0 is never.
type fate struct {
	at    int
	after bool
}

func (f fate) String() string {
	switch {
	case f.at == 0:
		return "lives"
	case f.after:
		return fmt.Sprint("dies after ", f.at)
	}
	return fmt.Sprint("dies before ", f.at)
}

var errDead = errors.New("the service is dead")

// What becomes of a crossing.
const (
	passes = iota
	diesBefore
	diesAfter
	isDead
)

type mortal struct {
	*Service
	notices *Notices
	name    string
	pool    *postgres.Pool
	ledger  *ledger.Ledger
	ctx     context.Context
	end     context.CancelFunc

	mu    sync.Mutex
	fate  fate
	count int
	armed bool
	dying bool
	dead  bool
	conns map[net.Conn]bool
}

var mortals atomic.Int64

// bear makes a mortal that asks the processor through a driver.
func (h *borderHouse) bear(driver processor.Driver, f fate) (*mortal, error) {
	m := &mortal{name: fmt.Sprint("mortal ", mortals.Add(1)), fate: f, conns: map[net.Conn]bool{}}
	m.ctx, m.end = context.WithCancel(h.t.Context())
	var err error
	if m.pool, err = postgres.Open(m.ctx, h.db.AppURL, postgres.Options{ApplicationName: m.name, MaxConns: 12, Undurable: true, Dial: m.dial}); err != nil {
		m.end()
		return nil, err
	}
	m.ledger = ledger.New(m.pool, ledger.Options{Now: h.clock.Now})
	o := h.option
	o.Pool, o.Ledger, o.Trail = m.pool, m.ledger, guard.NewTrail(m.pool, h.clock.Now)
	o.Events = commerce.New(m.ledger, commerce.NewRuleSets(m.pool, h.clock.Now), h.clock.Now)
	o.Vault = vault.New(m.pool, vault.Options{Now: h.clock.Now, Keys: h.keys, Trail: o.Trail})
	o.Rails = []Rail{{Name: "connected", Processor: "main", Driver: driver, PerSecond: 20}}
	m.Service = New(o)
	m.notices = NewNotices(m.pool, h.clock.Now, map[string]NoticeReader{"stripe": driver})
	m.mu.Lock()
	m.count, m.armed = 0, true // what was crossed to come to life does not count
	m.mu.Unlock()
	return m, nil
}

// cross counts a crossing and says what becomes of it.
func (m *mortal) cross() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dying || m.dead {
		return isDead
	}
	m.count++
	switch {
	case !m.armed || m.fate.at == 0 || m.count < m.fate.at:
		return passes
	case m.fate.after:
		m.dying = true
		return diesAfter
	}
	m.dying = true
	return diesBefore
}

func (m *mortal) gone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dying || m.dead
}

func (m *mortal) crossed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// die cuts everything, as the end of a process does.
func (m *mortal) die() {
	m.mu.Lock()
	m.dying, m.dead = true, true
	for c := range m.conns {
		_ = c.Close() // it may be closed already
	}
	m.mu.Unlock()
	m.end()
}

// bury waits until nothing of the mortal is left: none of its connections, and no session of it in the database.
func (m *mortal) bury(h *borderHouse) error {
	m.die()
	_ = m.ledger.Close(context.Background()) // it cannot reach its database any more
	m.pool.Close()
	for {
		var left int
		if err := h.db.Pool.QueryRow(h.t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, m.name).Scan(&left); err != nil || left == 0 {
			return err
		}
	}
}

func (m *mortal) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m.mu.Lock()
	gone := m.dying || m.dead
	m.mu.Unlock()
	if gone {
		return nil, errDead
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = c.Close() // nothing was sent
		return nil, errDead
	}
	m.conns[c] = true
	return &wire{Conn: c, m: m}, nil
}

// wire is a connection of a mortal to the database.
type wire struct {
	net.Conn
	m      *mortal
	doomed atomic.Bool
}

// Write sends what the service says. Only what has something carried out is a crossing.
func (w *wire) Write(p []byte) (int, error) {
	if !carriesOut(p) {
		if w.m.gone() {
			return 0, errDead
		}
		return w.Conn.Write(p)
	}
	switch w.m.cross() {
	case isDead:
		return 0, errDead
	case diesBefore:
		w.m.die()
		return 0, errDead
	case diesAfter:
		w.doomed.Store(true)
	}
	return w.Conn.Write(p)
}

// Read hands over what the database says. The last answer is read to its end, so that what was asked is done, and is not
// handed over.
func (w *wire) Read(p []byte) (int, error) {
	if !w.doomed.Load() {
		return w.Conn.Read(p)
	}
	defer w.m.die()
	var said []byte
	part := make([]byte, 8192)
	for {
		n, err := w.Conn.Read(part)
		said = append(said, part[:n]...)
		if err != nil || answered(said) {
			return 0, errDead
		}
	}
}

// Close forgets the connection.
func (w *wire) Close() error {
	w.m.mu.Lock()
	delete(w.m.conns, w.Conn)
	w.m.mu.Unlock()
	return w.Conn.Close()
}

// carriesOut reports whether messages to the server have it do something, and not only prepare.
func carriesOut(p []byte) bool {
	for len(p) >= 5 {
		if p[0] == 'Q' || p[0] == 'E' {
			return true
		}
		n := 1 + int(binary.BigEndian.Uint32(p[1:5]))
		if n < 5 || n > len(p) {
			return false
		}
		p = p[n:]
	}
	return false
}

// answered reports whether the server's messages end with its being ready for more.
func answered(p []byte) bool {
	for len(p) >= 5 {
		n := 1 + int(binary.BigEndian.Uint32(p[1:5]))
		if n > len(p) {
			return false
		}
		if p[0] == 'Z' || p[0] == 'G' {
			return true
		}
		p = p[n:]
	}
	return false
}

// abort ends a request without an answer.
func abort() { panic(http.ErrAbortHandler) }
