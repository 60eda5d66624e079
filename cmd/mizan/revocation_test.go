package main

// What is taken away at one service is refused at the other within a second, and the vault's master key is replaced while
// services work.

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mizan/api/client"
)

// promptly fails the test unless what is asked comes true within a second. The time is taken once the taking away was
// answered, and the question itself may wait for a busy machine: only the moment at which it was put counts.
func promptly(t *testing.T, what string, holds func() bool) {
	t.Helper()
	answered := time.Now()
	for {
		asked := time.Now()
		if holds() {
			t.Logf("%s: after %s", what, asked.Sub(answered).Round(time.Millisecond))
			return
		}
		if asked.Sub(answered) > time.Second {
			t.Fatalf("%s: not within a second", what)
		}
	}
}

func TestTakenAwayEverywhere(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	// Whoever waits asks as fast as it is answered.
	unhurried := []string{"--rate-key", "0", "--rate-person", "0", "--rate-payee", "0", "--rate-address", "0"}
	a, b := p.serve(t, unhurried...), p.serve(t, unhurried...)
	admin := p.remote(t, a, "*")
	createShopBook(t, admin)
	status := func(by *browser, at *program, path string) func() int {
		return func() int { status, _ := by.do(t, http.MethodGet, at.address+path, nil); return status }
	}
	// refusedAtB knows the caller at b, has something taken away at a, and waits for b to refuse.
	refusedAtB := func(what string, want int, ask func() int, take func()) {
		t.Helper()
		if got := ask(); got != http.StatusOK {
			t.Fatalf("%s: %d before", what, got)
		}
		take()
		promptly(t, what, func() bool {
			got := ask()
			if got != http.StatusOK && got != want {
				t.Fatalf("%s: %d, want %d", what, got, want)
			}
			return got == want
		})
	}
	in := func(id string) *browser { return enter(t, p.tell(t, "people", "link", id, "--public-url", a.address)) }

	bearer := p.tell(t, "keys", "create", "--name", "reader", "--scope", "books:read")
	keyed := &browser{&http.Client{Transport: bearing(bearer)}}
	refusedAtB("a key", http.StatusUnauthorized, status(keyed, b, "/v1/books"), func() {
		if _, err := admin.RevokeKey(t.Context(), strings.Split(bearer, "_")[1], "a test"); err != nil {
			t.Fatal(err)
		}
	})
	ends := p.person(t, "Eve Ends", "auditor")
	refusedAtB("a session", http.StatusUnauthorized, status(in(ends), b, "/v1/books"), func() {
		if err := admin.EndSessions(t.Context(), ends, "a test"); err != nil {
			t.Fatal(err)
		}
	})
	goes := p.person(t, "Guy Goes", "auditor")
	refusedAtB("a person", http.StatusUnauthorized, status(in(goes), b, "/v1/books"), func() {
		if _, err := admin.Deactivate(t.Context(), goes, "a test"); err != nil {
			t.Fatal(err)
		}
	})
	loses := p.person(t, "Lea Loses", "auditor")
	refusedAtB("a role", http.StatusForbidden, status(in(loses), b, "/v1/books/shop/audit"), func() {
		held, err := admin.Person(t.Context(), loses)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := admin.RevokeRole(t.Context(), loses, held.Grants[0].ID, "a test"); err != nil {
			t.Fatal(err)
		}
	})
	// What operators do at the command line, without any service, is seen as soon.
	byHand := p.tell(t, "keys", "create", "--name", "reader", "--scope", "books:read")
	keyed = &browser{&http.Client{Transport: bearing(byHand)}}
	refusedAtB("a key, by hand", http.StatusUnauthorized, status(keyed, b, "/v1/books"), func() { p.tell(t, "keys", "revoke", strings.Split(byHand, "_")[1]) })
	a.stop(t)
	b.stop(t)
}

// bearing shows a key with every request.
type bearing string

// RoundTrip sends the request with the key.
func (k bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

// drill writes and reads personal data at services that are replaced meanwhile.
type drill struct {
	mu sync.RWMutex
	// current are the services that take requests; whoever sends one holds mu for reading until it is answered.
	current []*client.Client
	done    atomic.Int64
	failed  atomic.Pointer[string]
}

// run is one client, which stores a name and reads it back until ended is closed.
func (d *drill) run(t *testing.T, worker int, seed uint64, ended chan struct{}) {
	rng := rand.New(rand.NewPCG(seed, uint64(worker)))
	known := map[string]string{}
	for n := 0; ; n++ {
		select {
		case <-ended:
			return
		default:
		}
		subject := fmt.Sprintf("payee:w%d_%d", worker, rng.IntN(8))
		d.mu.RLock()
		at := d.current[rng.IntN(len(d.current))]
		if rng.IntN(2) == 0 || known[subject] == "" {
			name := fmt.Sprintf("Name %d %d", worker, n)
			if _, err := at.StorePersonalData(t.Context(), "shop", subject, map[string]string{"name": name}, "a drill"); err != nil {
				d.fail(fmt.Sprintf("store: %v", err))
			}
			known[subject] = name
		} else if got, err := at.ReadPersonalData(t.Context(), "shop", subject, []string{"name"}, "a drill"); err != nil || got["name"] != known[subject] {
			d.fail(fmt.Sprintf("read %v: %v", got, err))
		}
		d.mu.RUnlock()
		d.done.Add(1)
	}
}

func (d *drill) fail(what string) { d.failed.CompareAndSwap(nil, &what) }

// use sends requests to these services from now on; none is under way at the others once it returns.
func (d *drill) use(all ...*client.Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = all
}

// goOn waits until so many more requests were answered.
func (d *drill) goOn(t *testing.T, more int64) {
	t.Helper()
	until := d.done.Load() + more
	wait(t, "requests to be answered", func() bool { return d.done.Load() >= until || d.failed.Load() != nil })
	if why := d.failed.Load(); why != nil {
		t.Fatal(*why)
	}
}

// TestMasterKeyIsReplaced goes through the steps that the handbook tells: both keys known, the new one first, all keys of
// persons sealed under it, the old one gone. Two services work at every step, no request fails, and no client tries twice.
func TestMasterKeyIsReplaced(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	old := strings.TrimSpace(contentOf(t, p.env["MIZAN_VAULT_KEYS_FILE"]))
	fresh := newVaultKey("k2")
	bearer := p.tell(t, "keys", "create", "--name", "drill", "--scope", "*")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	start := func(keys ...string) (*program, *client.Client) {
		p.env["MIZAN_VAULT_KEYS_FILE"] = p.write(t, "vault-keys", keys...)
		at := p.serve(t, "--rate-key", "0")
		remote, err := client.New(at.address, bearer, client.Options{Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(remote.CloseIdleConnections)
		return at, remote
	}
	a, ra := start(old)
	b, rb := start(old)
	createShopBook(t, ra)
	d := &drill{current: []*client.Client{ra, rb}}
	ended := make(chan struct{})
	var working sync.WaitGroup
	for worker := range 6 {
		working.Go(func() { d.run(t, worker, seed, ended) })
	}
	// Nobody must be left waiting if a step fails.
	end := sync.OnceFunc(func() { close(ended); working.Wait() })
	defer end()
	d.goOn(t, 50)
	// roll replaces one service after the other.
	roll := func(keys ...string) {
		c, rc := start(keys...)
		d.use(rc, rb)
		a.stop(t)
		d.goOn(t, 40)
		e, re := start(keys...)
		d.use(rc, re)
		b.stop(t)
		a, ra, b, rb = c, rc, e, re
		d.goOn(t, 40)
	}
	roll(old, fresh)
	roll(fresh, old)
	p.tell(t, "vault", "rotate")
	d.goOn(t, 40)
	if masters := p.tell(t, "vault", "status"); strings.Contains(masters, "k1") || !strings.Contains(masters, "k2") {
		t.Errorf("after the rotation:\n%s", masters)
	}
	roll(fresh)
	end()
	if why := d.failed.Load(); why != nil {
		t.Error(*why)
	}
	t.Logf("%d requests, none failed", d.done.Load())
	a.stop(t)
	b.stop(t)
}
