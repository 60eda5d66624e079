// The simulator answers requests: who asks, what for, whether it was asked before, and what goes wrong.

package simulator

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Platform is the id of the platform's own account.
	Platform = "acct_platform"
	// APIVersion is the version whose objects are spoken.
	APIVersion = "2024-06-20"
	// DefaultMaxObjects bounds what is kept.
	DefaultMaxObjects = 200_000
	// DefaultRate is how many requests an endpoint takes in one second of the clock.
	DefaultRate = 25

	maxBody      = 64 << 10
	keyLifetime  = 24 * time.Hour
	eventsKept   = 30 * 24 * time.Hour
	slowestWait  = 30 * time.Second
	requestIDTag = "req_sim"
)

// Options says how a simulator behaves.
type Options struct {
	// Now is the clock, and is needed.
	Now func() time.Time
	// Key is the API key that is let in.
	Key string
	// Seed begins the chance.
	Seed uint64
	// Chances gives faults by chance, in so many of a thousand requests.
	Chances map[Kind]int
	// Notices says how the delivery of notices goes wrong.
	Notices NoticeFaults
	// Endpoints are where notices go.
	Endpoints []Endpoint
	// Rate is how many requests an endpoint takes in a second of the clock: DefaultRate if zero, no limit if negative.
	Rate int
	// MaxObjects bounds what is kept: DefaultMaxObjects if zero.
	MaxObjects int
	// File keeps the state between runs, if it is not empty.
	File string
	// Mark stands in every id that is made, so that those of two simulators differ, as those of two accounts at a processor do: lower-case
	// letters and digits, or nothing.
	Mark string
}

// Simulator is one processor with one platform and its connected accounts. It is an http.Handler.
type Simulator struct {
	mu       sync.Mutex
	o        Options
	random   *rand.Rand
	script   []*Fault
	state    state
	second   int64
	ticked   int64
	asked    map[string]int
	requests int64
}

// New returns a simulator, with the state of its file if there is one.
func New(o Options) (*Simulator, error) {
	switch {
	case o.Now == nil:
		return nil, errors.New("simulator: the clock is missing")
	case o.Key == "":
		return nil, errors.New("simulator: the API key is missing")
	case strings.Trim(o.Mark, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return nil, errors.New("simulator: a mark is lower-case letters and digits")
	}
	if o.Rate == 0 {
		o.Rate = DefaultRate
	}
	if o.MaxObjects <= 0 {
		o.MaxObjects = DefaultMaxObjects
	}
	s := &Simulator{o: o, random: rand.New(rand.NewPCG(o.Seed, 0x6d697a616e)), state: newState(), asked: map[string]int{}} // #nosec G404 -- what is simulated can be repeated from its seed
	if err := s.load(); err != nil {
		return nil, err
	}
	if s.state.Accounts[Platform] == nil {
		s.state.Accounts[Platform] = &Account{ID: Platform, Object: "account", Country: "US", PayoutsEnabled: true,
			Capabilities: map[string]string{"transfers": "active"}, Interval: "manual"}
	}
	return s, nil
}

// answer is what is said to one request.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

// ServeHTTP answers one request of the processor's interface.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, refused := s.understand(w, r)
	s.mu.Lock()
	s.requests++
	id := requestIDTag + strconv.FormatInt(s.requests, 36)
	if refused != nil {
		s.mu.Unlock()
		write(w, id, refused.answer())
		return
	}
	s.tick()
	if refused := s.limit(q); refused != nil {
		s.mu.Unlock()
		write(w, id, refused.answer())
		return
	}
	fault := s.draw(q)
	s.mu.Unlock()
	a := s.work(r, q, fault)
	spoil(w, id, a, fault)
}

// work carries the request out under its key, with what goes wrong before and during it.
func (s *Simulator) work(r *http.Request, q *request, f *Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, said := f.instead(); said {
		return a
	}
	if known, a := s.recall(q); known {
		return a
	}
	if q.method == http.MethodPost && s.state.count() >= s.o.MaxObjects {
		return failed().answer()
	}
	s.reserve(q)
	if f.waits() {
		s.mu.Unlock()
		f.wait(r)
		s.mu.Lock()
		s.tick()
	}
	var a answer
	if f.is(Fail500) {
		a = failed().answer()
	} else {
		q.late = f.is(LateRow)
		a = s.execute(q)
		if f.is(ExecuteThen500) {
			a = failed().answer()
		}
	}
	s.remember(q, a)
	if q.method != http.MethodGet {
		if err := s.save(); err != nil {
			return failed().answer()
		}
	}
	return a
}

func (s *Simulator) execute(q *request) answer {
	made, refused := q.route.run(s, q)
	if refused != nil {
		return refused.answer()
	}
	return answer{status: http.StatusOK, body: render(made)}
}

// limit counts the requests of the present second.
func (s *Simulator) limit(q *request) *refusal {
	if s.o.Rate < 0 {
		return nil
	}
	if now := s.now(); now != s.second {
		s.second = now
		clear(s.asked)
	}
	name := q.method + q.route.pattern
	if s.asked[name]++; s.asked[name] > s.o.Rate {
		return &refusal{status: http.StatusTooManyRequests, kind: "invalid_request_error", code: "rate_limit"}
	}
	return nil
}

func (s *Simulator) now() int64 { return s.o.Now().Unix() }

func write(w http.ResponseWriter, id string, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Request-Id", id)
	h.Set("Stripe-Version", APIVersion)
	if a.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // whoever asked may have gone
}
