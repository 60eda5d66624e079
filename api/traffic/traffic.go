// Package traffic bounds what each caller may ask of the service, so that nobody's haste becomes everybody's delay. It judges a request
// before anything of it is read or looked up: by the caller that its credential was last found to be, or by the address it comes from as
// long as nobody knows the credential. It keeps money and rights out: whoever it lets in is still asked who they are.
package traffic

import (
	"context"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"mizan/api/access"
	"mizan/ledger/fault"
)

// Errors of traffic. Nothing of a refused request was looked at.
var (
	// ErrRateLimited means that a caller asks more often than it may.
	ErrRateLimited = fault.New(fault.Limited, "rate-limited",
		"You are asking more often than this service lets one caller. Wait for the seconds that Retry-After names and send the same request again; nothing was done.")
	// ErrBusy means that too many wait to read already.
	ErrBusy = fault.New(fault.Unavailable, "busy",
		"Too many requests wait to be answered. Send the same request again in a moment; nothing was done.")
)

// Kind is what a caller is.
type Kind uint8

// The kinds of callers. An address is who shows nothing that is known.
const (
	Address Kind = iota
	Key
	Person
	Payee
	kinds
)

// Limits are what callers may ask. A rate of 0 sets no limit; so does 0 Together.
type Limits struct {
	// Rates are how many requests a second each caller of a kind may send in the long run. A caller that was quiet may send twice as many
	// at once, or Burst of them if that is more. A request with a large body counts as several.
	Rates [kinds]float64
	// Together is how many requests that only read are worked on at the same time, of which one caller's are three quarters at most. The
	// others wait, the callers in turns.
	Together int
}

// Defaults are limits that no checkout service, person or payee meets in ordinary work, on this machine.
func Defaults() Limits {
	return Limits{Rates: [kinds]float64{Address: 50, Key: 1_000, Person: 50, Payee: 20}, Together: max(16, 4*runtime.GOMAXPROCS(0))}
}

const (
	// Burst is how many requests a quiet caller may send at once at least: a page, its parts, and what else is on a screen.
	Burst = 100
	// weighing is how much of a body counts as one request, and heaviest how many requests one counts as at most.
	weighing = 64 << 10
	heaviest = 32
	// remembered bounds the callers and the credentials that are remembered, in two halves: when the newer one is full, the older is forgotten.
	remembered = 1 << 17
	// promptly is the part of its rate at which a caller is told at once that it is refused. Who goes on all the same is told after holding,
	// which costs nothing but a connection that it has already; heldEach of one caller's answers and heldAll together are held at most.
	promptly = 0.1
	holding  = time.Second
	heldEach = 1_024
	heldAll  = 4_096
)

// Traffic judges requests. It is safe for concurrent use.
type Traffic struct {
	limits Limits
	now    func() time.Time
	seed   maphash.Seed
	gate   *gate

	mu      sync.Mutex
	buckets halves[string, *bucket]
	callers halves[uint64, caller]
	// held counts the answers that are held back.
	held int
}

// bucket is what one caller may still send.
type bucket struct {
	*rate.Limiter
	// refusals are those that it is told at once, held its answers that are held back.
	refusals *rate.Limiter
	held     int
}

type caller struct {
	kind Kind
	id   string
}

// name tells callers of all kinds apart.
func (c caller) name() string { return string('0'+rune(c.kind)) + c.id }

// stranger reports whether nobody knows who it is.
func (c caller) stranger() bool { return c.kind == Address }

// New returns what judges requests by limits.
func New(limits Limits, now func() time.Time) *Traffic {
	t := &Traffic{limits: limits, now: now, seed: maphash.MakeSeed()}
	t.buckets.most, t.callers.most = remembered, remembered
	if limits.Together > 0 {
		t.gate = newGate(limits.Together)
	}
	return t
}

// Visitor is a request under judgement.
type Visitor struct {
	t *Traffic
	// credential stands for what the request shows, 0 for nothing.
	credential uint64
	who        caller
}

// Arrive finds out whose a request is, by its credential and by the address it comes from. An IPv6 network counts as one address, because
// each of its hosts has more of them than can be remembered.
func (t *Traffic) Arrive(credential, address string) *Visitor {
	v := &Visitor{t: t, who: caller{Address, network(address)}}
	if credential == "" {
		return v
	}
	v.credential = maphash.String(t.seed, credential)
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.callers.get(v.credential); ok {
		v.who = known
	}
	return v
}

// network is the part of an address that one caller has, as text.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Is6() || a.Is4In6() {
		return address
	}
	return networkOf(a).String()
}

// Refused says how long the visitor has to wait because of what it sent before; 0 lets it in, and counts. bytes is how long the body is
// said to be, below zero if that is not said: then Spent counts it. What is refused costs nothing.
func (v *Visitor) Refused(bytes int64) time.Duration {
	b := v.bucket()
	if b == nil {
		return 0
	}
	now, n := v.t.now(), 1+further(bytes)
	if b.AllowN(now, n) {
		return 0
	}
	lacking := float64(n) - b.TokensAt(now)
	return max(1, time.Duration(math.Ceil(lacking/float64(b.Limit())*float64(time.Second)))) // others may have given some back meanwhile
}

// Hold waits before a refusal is told, if the visitor is refused again and again: who does not heed Retry-After would otherwise have the
// next request refused as fast as it can send it, and saying no is work too. It waits a second in the middle, half of it to one and a half,
// because those that were let go at the same moment would come again at the same moment. It ends with the context, and at once where too many
// wait.
func (v *Visitor) Hold(ctx context.Context) {
	b := v.bucket()
	if b == nil || b.refusals.AllowN(v.t.now(), 1) || !v.t.hold(b, 1) {
		return
	}
	defer v.t.hold(b, -1)
	timer := time.NewTimer(holding/2 + rand.N(holding)) // #nosec G404 -- a wait is spread, not kept secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hold counts an answer that is held back, or no longer, and reports whether one more may be.
func (t *Traffic) hold(b *bucket, n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > 0 && (b.held >= heldEach || t.held >= heldAll) {
		return false
	}
	b.held, t.held = b.held+n, t.held+n
	return true
}

// Spent counts a body of which nobody said how long it is, as far as the visitor may still send anything.
func (v *Visitor) Spent(bytes int64) {
	if b := v.bucket(); b != nil {
		now := v.t.now()
		for n := further(bytes); n > 0 && !b.AllowN(now, n); {
			n = min(n-1, int(b.TokensAt(now)))
		}
	}
}

// further is as how many more requests a body counts.
func further(bytes int64) int { return int(min(max(bytes, 0)/weighing, heaviest-1)) }

// Seconds is a wait as Retry-After says it.
func Seconds(wait time.Duration) int { return max(1, int(math.Ceil(wait.Seconds()))) }

// bucket is what the visitor may still send, nil without a limit. What shows a credential that nobody knows yet and what shows none are
// counted apart, so that who only makes noise does not keep anybody behind the same address from being recognised.
func (v *Visitor) bucket() *bucket {
	t, perSecond, name := v.t, v.t.limits.Rates[v.who.kind], v.who.name()
	if perSecond <= 0 {
		return nil
	}
	if v.who.stranger() && v.credential != 0 {
		name = "?" + name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.buckets.get(name)
	if !ok {
		b = &bucket{
			Limiter:  rate.NewLimiter(rate.Limit(perSecond), max(Burst, int(2*perSecond))),
			refusals: rate.NewLimiter(rate.Limit(perSecond*promptly), Burst),
		}
		t.buckets.put(name, b)
	}
	return b
}

// longestWait is how long a request waits for its turn to read.
const longestWait = 5 * time.Second

// Enter waits until the visitor's turn to read has come, and returns what ends it. It returns ErrBusy if too many wait or its turn has not
// come for too long, and the context's cause when that ends first. A turn ends by itself after a second: what lasts longer is a file on its
// way or waits for something else.
func (v *Visitor) Enter(ctx context.Context) (leave func(), err error) {
	if v.t.gate == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longestWait, ErrBusy)
	defer cancel()
	return v.t.gate.enter(ctx, v.who.name(), v.who.stranger())
}

// Turn is Enter for the visitor of a request's context, for what reads much and does not show it by its method. A request of nobody's does
// not wait.
func Turn(ctx context.Context) (leave func(), err error) {
	v, ok := ctx.Value(visitorKey{}).(*Visitor)
	if !ok {
		return func() {}, nil
	}
	return v.Enter(ctx)
}

type (
	visitorKey struct{}
	refusalKey struct{}
)

// With has a request's context remember its visitor.
func With(ctx context.Context, v *Visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// LetIn reports whether a request is a part of one that was let in.
func LetIn(ctx context.Context) bool { return ctx.Value(visitorKey{}) != nil }

// Refuse has a request's context remember why it is refused, for whoever says so to a person. Refusal returns it, nil for a request that
// is let in.
func Refuse(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, refusalKey{}, err)
}

// Refusal returns what Refuse was given.
func Refusal(ctx context.Context) error {
	err, _ := ctx.Value(refusalKey{}).(error)
	return err
}

// Known tells whose the credential of a request was found to be, so that the next one with it counts as that caller's. A request of
// nobody's is told nothing.
func Known(ctx context.Context, p access.Principal) {
	v, ok := ctx.Value(visitorKey{}).(*Visitor)
	who := callerOf(p)
	if !ok || v.credential == 0 || who.kind == Address || v.who == who {
		return
	}
	v.t.mu.Lock()
	defer v.t.mu.Unlock()
	v.t.callers.put(v.credential, who)
}

// Unknown tells that the credential of a request is nobody's, or no longer. What is sent with it is not its owner's doing any more.
func Unknown(ctx context.Context) {
	if v, ok := ctx.Value(visitorKey{}).(*Visitor); ok && v.credential != 0 {
		v.t.mu.Lock()
		defer v.t.mu.Unlock()
		v.t.callers.drop(v.credential)
	}
}

// callerOf is the caller that a principal is; the zero value for nobody. The same id names another payee in each book.
func callerOf(p access.Principal) caller {
	switch p.Kind {
	case access.Program:
		return caller{Key, p.ID}
	case access.Person:
		return caller{Person, p.ID}
	case access.Payee:
		return caller{Payee, strings.Join(p.Books, ",") + "/" + p.ID}
	}
	return caller{}
}

// halves remember a bounded number of values, the latest used ones at least.
type halves[K comparable, V any] struct {
	most         int
	newer, older map[K]V
}

func (h *halves[K, V]) get(k K) (v V, ok bool) {
	if v, ok = h.newer[k]; ok {
		return v, true
	}
	if v, ok = h.older[k]; ok {
		h.put(k, v)
	}
	return v, ok
}

func (h *halves[K, V]) drop(k K) {
	delete(h.newer, k)
	delete(h.older, k)
}

func (h *halves[K, V]) put(k K, v V) {
	if h.newer == nil || len(h.newer) >= h.most/2 {
		h.newer, h.older = map[K]V{}, h.newer
	}
	h.newer[k] = v
}
