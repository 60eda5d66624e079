package payouts

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/vault"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// The house at the border has a gate between the services and the processor. It knows whose every request is, lets mortals
// die at it, and has the request go wrong that a play names.

// Kinds that go wrong at the gate and not in the simulator: the processor's answer lies, once.
const (
	wrongAmount   simulator.Kind = "wrong-amount"
	wrongCurrency simulator.Kind = "wrong-currency"
)

// borderKinds are all ways in which a request goes wrong.
func borderKinds() []simulator.Kind {
	return append(simulator.Kinds(), wrongAmount, wrongCurrency)
}

// mishap says which request of a play goes wrong, and how; 0 is none.
type mishap struct {
	at   int
	kind simulator.Kind
	// value is one of the request's parameters, so that no other request goes wrong instead; empty for any.
	value string
}

func (m mishap) String() string {
	if m.at == 0 {
		return "nothing fails"
	}
	return fmt.Sprintf("%s at request %d", m.kind, m.at)
}

// slots are the callers that the gate tells apart: two mortals, and who outlives them.
const (
	slots    = 3
	survives = slots - 1
)

type borderHouse struct {
	*railHouse
	keys    vault.Keys
	drivers [slots]processor.Driver
	// survivor is the service that outlives the mortals.
	survivor *Service
	notices  *Notices

	gate sync.Mutex
	// flying counts the requests that are under way, and landed tells when there are fewer.
	flying int
	landed *sync.Cond
	living [survives]*mortal
	asked  int
	mishap mishap
	// wrongs are what goes wrong with the sendings of an instruction, one after the other.
	wrongs map[string][]simulator.Kind
	// deaf has notices taken and thrown away.
	deaf  bool
	plays int
	// complaints counts what was found; a house in which something was found is used no more.
	complaints int
}

// newBorderHouse makes the house; notices says how the processor's notices go wrong in it.
func newBorderHouse(t *testing.T, notices simulator.NoticeFaults, seed uint64) *borderHouse {
	t.Helper()
	b := &borderHouse{}
	b.landed = sync.NewCond(&b.gate)
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.railHouse = newRailHouse(t, func(o *simulator.Options) {
		o.Seed, o.Notices, o.MaxObjects = seed, notices, 1_000_000
		o.Endpoints = []simulator.Endpoint{{URL: server.URL + "/door", Secret: railPlatform}, {URL: server.URL + "/door", Secret: railConnect, Connect: true}}
	})
	var err error
	if b.keys, err = vault.ParseKeys("k1=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"); err != nil {
		t.Fatal(err)
	}
	b.option.Vault = vault.New(b.db.Pool, vault.Options{Now: b.clock.Now, Keys: b.keys, Trail: b.option.Trail})
	b.Service = b.another()
	for i := range b.drivers {
		b.drivers[i], err = stripe.New(stripe.Options{Key: railKey, BaseURL: fmt.Sprintf("%s/%d", server.URL, i), Now: b.clock.Now,
			PlatformSecret: railPlatform, ConnectSecret: railConnect})
		if err != nil {
			t.Fatal(err)
		}
	}
	o := b.option
	o.Rails = []Rail{{Name: "connected", Processor: "main", Driver: b.drivers[survives], PerSecond: 20}}
	b.survivor = New(o)
	b.notices = NewNotices(b.db.Pool, b.clock.Now, map[string]NoticeReader{"stripe": b.drivers[survives]})
	return b
}

// begin begins a play with its mishap. What was announced before is heard by nobody.
func (b *borderHouse) begin(w mishap) {
	hear := func(deaf bool) {
		b.gate.Lock()
		defer b.gate.Unlock()
		b.deaf = deaf
	}
	hear(true)
	b.deliver()
	hear(false)
	b.gate.Lock()
	defer b.gate.Unlock()
	b.asked, b.mishap = 0, w
	b.plays++
}

// requests are those of the play so far.
func (b *borderHouse) requests() int {
	b.gate.Lock()
	defer b.gate.Unlock()
	return b.asked
}

// enter has a mortal ask through a slot, or nobody.
func (b *borderHouse) enter(slot int, m *mortal) {
	b.gate.Lock()
	defer b.gate.Unlock()
	b.living[slot] = m
}

// quiet waits until no request is under way, whoever has gone.
func (b *borderHouse) quiet() {
	b.gate.Lock()
	defer b.gate.Unlock()
	for b.flying > 0 {
		b.landed.Wait()
	}
}

// fly notes that a request is under way until land is called.
func (b *borderHouse) fly() {
	b.gate.Lock()
	defer b.gate.Unlock()
	b.flying++
}

func (b *borderHouse) land() {
	b.gate.Lock()
	defer b.gate.Unlock()
	b.flying--
	b.landed.Broadcast()
}

// ServeHTTP takes the requests of services, and the processor's notices at the door.
func (b *borderHouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		abort()
	}
	if r.URL.Path == "/door" {
		b.door(w, r, body)
		return
	}
	b.fly()
	defer b.land()
	digit, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	slot, err := strconv.Atoi(digit)
	if err != nil || slot < 0 || slot >= slots {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var m *mortal
	b.gate.Lock()
	if slot < survives {
		m = b.living[slot]
	}
	b.gate.Unlock()
	if m == nil && slot < survives {
		abort()
	}
	comes := passes
	if m != nil {
		comes = m.cross()
	}
	if comes == diesBefore {
		m.die()
	}
	if comes == diesBefore || comes == isDead {
		abort()
	}
	wrong := b.goesWrong(r, body)
	q := r.Clone(context.WithoutCancel(r.Context()))
	q.URL.Path, q.RequestURI = "/"+path, ""
	q.Body = io.NopCloser(bytes.NewReader(body))
	if comes == diesAfter {
		b.carriedOut(q, wrong)
		m.die()
		abort()
	}
	b.answer(w, q, wrong)
}

// goesWrong counts a request, and says what goes wrong with it.
func (b *borderHouse) goesWrong(r *http.Request, body []byte) (w mishap) {
	b.gate.Lock()
	defer b.gate.Unlock()
	if b.asked++; b.asked == b.mishap.at {
		return b.mishap
	}
	if len(b.wrongs) == 0 || r.Method != http.MethodPost {
		return w
	}
	form, _ := url.ParseQuery(string(body)) // the simulator refuses what cannot be read
	for _, name := range []string{"transfer_group", "metadata[" + processor.MetadataInstruction + "]"} {
		if value := form.Get(name); len(b.wrongs[value]) > 0 {
			w = mishap{kind: b.wrongs[value][0], value: value}
			b.wrongs[value] = b.wrongs[value][1:]
			return w
		}
	}
	return w
}

// carriedOut has the simulator do what was asked, and returns what it says.
func (b *borderHouse) carriedOut(q *http.Request, wrong mishap) (said *httptest.ResponseRecorder, whole bool) {
	said = httptest.NewRecorder()
	defer func() {
		if e := recover(); e != nil && e != http.ErrAbortHandler {
			panic(e)
		}
	}()
	switch wrong.kind {
	case "", wrongAmount, wrongCurrency, simulator.Hold: // who would be kept waiting has gone
	case simulator.Slow: // whoever asked has gone already
		ctx, gone := context.WithCancel(q.Context())
		gone()
		q = q.WithContext(ctx)
		fallthrough
	default:
		b.sim.Script(simulator.Fault{Kind: wrong.kind, Value: wrong.value})
	}
	b.sim.ServeHTTP(said, q)
	return said, true
}

var (
	amounts    = regexp.MustCompile(`"amount":(-?)(\d+)`)
	currencies = regexp.MustCompile(`"currency":"usd"`)
)

// answer answers a request, as far as what goes wrong lets it through.
func (b *borderHouse) answer(w http.ResponseWriter, q *http.Request, wrong mishap) {
	switch wrong.kind {
	case wrongAmount, wrongCurrency:
		said, _ := b.carriedOut(q, wrong)
		maps.Copy(w.Header(), said.Header())
		w.WriteHeader(said.Code)
		text := said.Body.Bytes()
		if wrong.kind == wrongCurrency {
			text = currencies.ReplaceAll(text, []byte(`"currency":"eur"`))
		} else {
			text = amounts.ReplaceAll(text, []byte(`"amount":${1}1$2`))
		}
		_, _ = w.Write(text) // whoever asked may have gone
	case simulator.Slow:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.Close() // whoever asked hears nothing more, and only then it is done
		b.carriedOut(q, wrong)
	case simulator.Hold:
		b.held(w, q)
	default:
		if wrong.kind != "" {
			b.sim.Script(simulator.Fault{Kind: wrong.kind, Value: wrong.value})
		}
		b.sim.ServeHTTP(w, q)
	}
}

// held keeps a request while another service takes over what its sender has, and lets the sender go on afterwards.
func (b *borderHouse) held(w http.ResponseWriter, q *http.Request) {
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	b.sim.Script(simulator.Fault{Kind: simulator.Hold, Entered: entered, Release: release})
	said := httptest.NewRecorder()
	go func() {
		defer close(done)
		b.sim.ServeHTTP(said, q)
	}()
	select {
	case <-entered:
		b.leasesPass()
		b.clock.Advance(11 * time.Minute)
		_, _ = b.survivor.Submit(b.t.Context(), b.turn()) // a turn may fail; the next one goes on
		_, _ = b.survivor.Follow(b.t.Context(), b.turn())
		close(release)
	case <-done:
	}
	<-done
	maps.Copy(w.Header(), said.Header())
	w.WriteHeader(said.Code)
	_, _ = w.Write(said.Body.Bytes()) // whoever asked may have gone
}

// leasesPass ends every lease, as time does.
func (b *borderHouse) leasesPass() {
	if _, err := b.db.Pool.Exec(b.t.Context(), `UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second'
		WHERE book_id = $1 AND lease_until >= clock_timestamp()`, b.book.ID); err != nil {
		b.t.Error(err)
	}
}

// door takes a notice for whichever service lives.
func (b *borderHouse) door(w http.ResponseWriter, r *http.Request, body []byte) {
	notices := b.notices
	b.gate.Lock()
	if b.deaf {
		b.gate.Unlock()
		return
	}
	if at := slices.IndexFunc(b.living[:], func(m *mortal) bool { return m != nil }); at >= 0 {
		notices = b.living[at].notices
	}
	b.gate.Unlock()
	if err := notices.Receive(r.Context(), "stripe", body, r.Header.Get("Stripe-Signature")); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// deliver brings what the processor announces to the door.
func (b *borderHouse) deliver() {
	if _, err := b.sim.Deliver(b.t.Context(), http.DefaultClient); err != nil {
		b.t.Error(err)
	}
}

// purse is our balance at the processor in cents, with what is not available yet.
func (b *borderHouse) purse() int64 {
	b.t.Helper()
	all, err := b.rails["connected"].Driver.ReadBalance(b.t.Context(), "")
	if err != nil {
		b.t.Fatal(err)
	}
	return int64(all["USD"].Available + all["USD"].Pending)
}
