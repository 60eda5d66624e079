package main

// The fault proxy: a network that fails on purpose. It stands between mizan and PostgreSQL on a socket of its own, passes
// everything on, and at a byte that a test names it cuts the connection, stalls it, or loses the answer to a COMMIT.

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// direction is where bytes go.
type direction int

const (
	toServer direction = iota
	toClient
)

// String names the direction in reports.
func (d direction) String() string { return [...]string{"to the server", "to the client"}[d] }

// mishap is what goes wrong when the byte after the first so many, or the COMMIT after so many, comes by.
type mishap int

const (
	nothing mishap = iota
	cut
	stall
	loseCommit
)

// plan is one mishap to come. It happens once.
type plan struct {
	kind  mishap
	dir   direction
	after int64
	// of names a posting whose COMMIT is meant, by what its connection sends before it; nil means the COMMIT of whatever it is of.
	of []byte
	// refuse cuts all connections and keeps new ones out afterwards, until mend.
	refuse bool

	fired  chan struct{}
	resume chan struct{}
}

// faultProxy passes any number of connections on to one server. Its socket stays where it is when the server moves.
type faultProxy struct {
	dir      string
	listener net.Listener
	work     sync.WaitGroup

	mu       sync.Mutex
	upstream string
	refusing bool
	conns    map[*proxied]bool
	plan     *plan
	passed   [2]int64 // bytes since the plan was made
	commits  int64    // answers to COMMIT since then
}

// proxied is one connection through the proxy.
type proxied struct {
	client, server net.Conn
	partial        []byte      // the beginning of a message from the server
	meant          atomic.Bool // it sent what the plan names
}

// newFaultProxy returns a proxy to a PostgreSQL at an address as Server.URL returns it.
func newFaultProxy(t *testing.T, upstream string) *faultProxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "mizan-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	p := &faultProxy{dir: dir, conns: map[*proxied]bool{}}
	p.moveTo(t, upstream)
	if p.listener, err = net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
		t.Fatal(err)
	}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		p.mend()
		_ = p.listener.Close()
		p.cutAll()
		p.work.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

// moveTo names the server for connections to come.
func (p *faultProxy) moveTo(t *testing.T, upstream string) {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = filepath.Join(u.Query().Get("host"), ".s.PGSQL."+u.Query().Get("port"))
}

// address is the database as seen through the proxy.
func (p *faultProxy) address(role string) string {
	query := url.Values{"host": {p.dir}, "port": {"5432"}}
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + privateDatabase, RawQuery: query.Encode()}).String()
}

// arm makes a plan and begins to count anew.
func (p *faultProxy) arm(made plan) *plan {
	made.fired, made.resume = make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.passed, p.commits = &made, [2]int64{}, 0
	return &made
}

// disarm forgets the plan and returns how many bytes passed since it was made.
func (p *faultProxy) disarm() [2]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = nil
	return p.passed
}

// measure counts what passes until disarm.
func (p *faultProxy) measure() { p.arm(plan{kind: nothing, after: math.MaxInt64}) }

// mend ends what a plan has begun: stalled bytes go on, and connections are taken again.
func (p *faultProxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan != nil {
		close(p.plan.resume)
	}
	p.plan, p.refusing = nil, false
}

// cutAll ends every connection.
func (p *faultProxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.close()
	}
}

func (c *proxied) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

func (p *faultProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		upstream, refusing := p.upstream, p.refusing
		p.mu.Unlock()
		server, err := net.Dial("unix", upstream)
		if err != nil || refusing {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		c := &proxied{client: client, server: server}
		p.mu.Lock()
		p.conns[c] = true
		if p.refusing { // since it was looked at
			c.close()
		}
		p.mu.Unlock()
		p.work.Go(func() { p.pump(c, toServer) })
		p.work.Go(func() { p.pump(c, toClient) })
	}
}

// pump passes one direction of a connection on until it ends.
func (p *faultProxy) pump(c *proxied, dir direction) {
	defer func() {
		c.close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
	}()
	from, to := c.client, c.server
	if dir == toClient {
		from, to = c.server, c.client
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(c, to, dir, buffer[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// errCut ends a connection as planned.
var errCut = errors.New("cut as planned")

// pass sends bytes on, and reports whether the connection lives.
func (p *faultProxy) pass(c *proxied, to net.Conn, dir direction, bytes []byte) bool {
	if dir == toClient {
		c.partial = append(c.partial, bytes...)
		whole := 0
		for {
			n := messageLength(c.partial[whole:])
			if n == 0 {
				break
			}
			if isCommitted(c.partial[whole:whole+n]) && p.commitLost(c) {
				_ = p.send(to, dir, c.partial[:whole])
				return false
			}
			whole += n
		}
		bytes = append([]byte(nil), c.partial[:whole]...)
		c.partial = append(c.partial[:0], c.partial[whole:]...)
	}
	if dir == toServer {
		p.mu.Lock()
		if made := p.plan; made != nil && made.of != nil && strings.Contains(string(bytes), string(made.of)) {
			c.meant.Store(true)
		}
		p.mu.Unlock()
	}
	return p.send(to, dir, bytes) == nil
}

// send writes bytes, up to the one at which the plan strikes.
func (p *faultProxy) send(to net.Conn, dir direction, bytes []byte) error {
	p.mu.Lock()
	made, before := p.plan, p.passed[dir]
	strikes := made != nil && (made.kind == cut || made.kind == stall) && made.dir == dir &&
		made.after >= before && made.after < before+int64(len(bytes))
	if strikes && made.refuse {
		p.refuseAll()
	}
	p.passed[dir] += int64(len(bytes))
	p.mu.Unlock()
	if !strikes {
		_, err := to.Write(bytes)
		return err
	}
	if _, err := to.Write(bytes[:made.after-before]); err != nil {
		return err
	}
	close(made.fired)
	if made.kind == cut {
		return errCut
	}
	<-made.resume
	_, err := to.Write(bytes[made.after-before:])
	return err
}

// commitLost counts an answer to COMMIT and reports whether it is the one that gets lost.
func (p *faultProxy) commitLost(c *proxied) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	made := p.plan
	if made != nil && made.of != nil && !c.meant.Load() {
		return false
	}
	p.commits++
	if made == nil || made.kind != loseCommit || p.commits != made.after+1 {
		return false
	}
	if made.refuse {
		p.refuseAll()
	}
	close(made.fired)
	return true
}

// refuseAll puts the server out of reach: whoever had another connection could still ask it. The lock is held.
func (p *faultProxy) refuseAll() {
	p.refusing = true
	for c := range p.conns {
		c.close()
	}
}

// messageLength returns the length of the server's message at the beginning of b, 0 if it is not whole.
func messageLength(b []byte) int {
	if len(b) < 5 {
		return 0
	}
	n := 1 + int(binary.BigEndian.Uint32(b[1:5]))
	if len(b) < n {
		return 0
	}
	return n
}

// isCommitted reports whether a message says that a COMMIT was done.
func isCommitted(message []byte) bool {
	return message[0] == 'C' && string(message[5:]) == "COMMIT\x00"
}
