package payouts

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"mizan/ledger/money"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

var modelSeed = flag.Uint64("model.seed", 0, "walk the model's way of this seed on the real service; 0 draws seeds")

// A walk plays moves of the model on the real service: two services on one database, each of which waits at every request to
// the processor that is a move of the model, while the other goes on. After each move the database, the books and the
// processor must be what the model says.

// walkUnit is what one unit of the model's money is.
const walkUnit = 15000

// gate is where one service waits with a request.
type gate struct {
	// here gets a request that waits, open lets it go on; over is closed when the service has let the payout go.
	here chan *waiting
	over chan error
	now  *waiting
	stop context.CancelFunc
	// wanted is which requests wait; the first passing of them do not.
	wanted  func(*http.Request) bool
	passing atomic.Int32
}

// waiting is a request that waits, first to be carried out and then to be answered.
type waiting struct {
	r      *http.Request
	said   *httptest.ResponseRecorder
	broken bool
	answer chan struct{}
}

type walk struct {
	*railHouse
	s        mState
	rules    mRules
	gates    [modelWorkers]*gate
	services [modelWorkers]*Service
	ids      [modelPayouts]string
	dst      string
	// outs are the processor's payouts to the bank, late the requests that are under way though their sender has gone.
	outs [modelPayouts][modelOuts]string
	late map[[3]uint8]*waiting
	told []string
	seed uint64
}

// walkKept is what the payee has beside the payout.
const walkKept = 20000

func newWalk(t *testing.T, start mState) *walk {
	h := newRailHouse(t)
	interval, mode := "daily", "automatic"
	if start.manual {
		interval, mode = "manual", "manual"
	}
	v := &walk{railHouse: h, s: start, dst: h.account("sel_x", "acct_x", interval), late: map[[3]uint8]*waiting{}}
	h.open("sel_x", modelUnits*walkUnit+walkKept)
	if !start.poor {
		h.charge(modelUnits * walkUnit)
	}
	// The processor pays the account out when the model says so.
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Interval = "manual" }); err != nil {
		t.Fatal(err)
	}
	h.run = "run_" + strings.Repeat("w", 16)
	h.exec(`INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, needs, started_by, created_at) VALUES ($1, $2, 'manual', $3, 0, 'waiting', '{manual}', 'test', $3)`,
		h.book.ID, h.run, railStart)
	v.ids[0] = h.pay("sel_x", v.dst, "acct_x", mode, "standard", modelUnits*walkUnit, 0)
	for i := range v.gates {
		g := &gate{here: make(chan *waiting), over: make(chan error, 1)}
		v.gates[i] = g
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { v.through(g, w, r) })
		driver, err := stripe.New(stripe.Options{Key: railKey, BaseURL: url, Now: h.clock.Now, PlatformSecret: railPlatform, ConnectSecret: railConnect})
		if err != nil {
			t.Fatal(err)
		}
		o := h.option
		o.Rails = []Rail{{Name: "connected", Processor: "main", Driver: driver, PerSecond: 1000}}
		v.services[i] = New(o)
	}
	return v
}

// through lets a request wait if it is one of the model's moves.
func (v *walk) through(g *gate, w http.ResponseWriter, r *http.Request) {
	if !g.wanted(r) || g.passing.Add(-1) >= 0 {
		v.sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asked has gone
	}
	late := r.Clone(context.WithoutCancel(r.Context())) // it can be carried out when this has long been given up
	late.Body = io.NopCloser(bytes.NewReader(body))
	m := &waiting{r: late, answer: make(chan struct{})}
	select {
	case g.here <- m:
	case <-r.Context().Done():
		return
	}
	select {
	case <-m.answer:
	case <-r.Context().Done():
		return
	}
	if m.broken {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), m.said.Header())
	w.WriteHeader(m.said.Code)
	_, _ = w.Write(m.said.Body.Bytes()) // whoever asked may have gone
}

// carryOut has the processor deal with a request that waits; its answer waits on.
func (m *waiting) carryOut(sim http.Handler) {
	m.said = httptest.NewRecorder()
	defer func() { m.broken = recover() != nil }() // so does the simulator break a connection
	sim.ServeHTTP(m.said, m.r)
}

// stops says at which requests a service waits when the model says that it is there.
// known is the payout to the bank that the service knows of.
func stops(at uint8, known string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		switch path := r.URL.Path; at {
		case atCall:
			return r.Method == http.MethodPost
		case atLook:
			return r.Method == http.MethodGet && (path == "/v1/transfers" || strings.HasSuffix(path, "/reversals") || path == "/v1/payouts")
		case atRead:
			return r.Method == http.MethodGet && path == strings.TrimSuffix("/v1/payouts/"+known, "/")
		case atSurvey:
			return r.Method == http.MethodGet && path == "/v1/payouts"
		}
		return r.Method == http.MethodPost
	}
}

// rest goes on in the model to where the real service waits next, and then waits there.
func (v *walk) rest(i, from uint8, release func()) {
	v.t.Helper()
	g, w, passing := v.gates[i], &v.s.w[i], int32(0)
	for w.at == atReady || w.at == atSend || w.at == atKeep {
		v.rules.step(&v.s, i)
	}
	p, known := &v.s.p[w.payout], ""
	switch {
	case from == atSurveyed && w.at == atLook && w.before && p.tries[actBack][w.number-1].state != tDone:
		passing = 1 // how much is taken back is asked by the same question
	case from == atSurveyed && w.at == atRead:
		passing = 1 // what it consists of was asked with it
	}
	if p.outgoing > 0 {
		known = v.outs[w.payout][p.outgoing-1]
	}
	g.wanted, g.now = stops(w.at, known), nil
	g.passing.Store(passing)
	release()
	if v.s.beyond { // the service does more than the model has room for
		g.stop()
		<-g.over
		return
	}
	select {
	case g.now = <-g.here:
		if w.at == atIdle {
			v.fail(fmt.Sprintf("the service asks for %s %s, and the model is idle", g.now.r.Method, g.now.r.URL.Path))
		}
	case err := <-g.over:
		if err != nil {
			v.fail(err.Error())
		}
		if w.at != atIdle {
			v.fail(fmt.Sprintf("the service has let the payout go, and the model is at %d", w.at))
		}
	}
}

// fail tells the way that led here.
func (v *walk) fail(why string) {
	v.t.Helper()
	v.t.Fatalf("%s; replay with -model.seed=%d\n%s\n%s", why, v.seed, strings.Join(v.told, "\n"), v.logged)
}

// play makes a move of the model on the real service. It reports false for moves that are not played.
func (v *walk) play(m mMove, next mState) bool {
	g := v.gates[m.w]
	was := v.s
	switch m.kind {
	case moveClaim:
		v.s = next
		v.rest(m.w, atIdle, func() {
			ctx, stop := context.WithCancel(v.t.Context())
			g.stop = stop
			go func() {
				_, err := v.services[m.w].carry(ctx, v.turn(), v.ids[m.p], []string{Created, Refused, Sending, Unknown, Submitted, AtAccount, Paid})
				if ctx.Err() != nil {
					err = nil
				}
				g.over <- err
			}()
		})
	case moveCall:
		v.s = next
		v.call(was.w[m.w], &was, m)
	case moveReadOld:
		v.s = next
		g.now.carryOut(v.sim)
		g.now.makeOld(next.w[m.w].seenState)
	case moveStep:
		v.s = next
		if at := was.w[m.w].at; at == atLook || at == atRead || at == atSurvey {
			g.now.carryOut(v.sim)
			return true
		}
		answer := g.now.answer
		v.rest(m.w, was.w[m.w].at, func() { close(answer) })
	case moveDie:
		g.stop()
		if err := <-g.over; err != nil {
			v.fail(err.Error())
		}
		v.s, g.now = next, nil
	default:
		return v.playWorld(m, next)
	}
	return true
}

// call has a request that waits reach the processor, or not.
func (v *walk) call(w mWorker, was *mState, m mMove) {
	kinds := map[uint8]simulator.Kind{callNever: simulator.DropBefore, callDoneSilent: simulator.ExecuteThenDrop, call500: simulator.Fail500, callDone500: simulator.ExecuteThen500}
	kind, ok := kinds[m.how]
	if was.truth[w.payout].keys[w.act][w.number].flight && m.how == callRight {
		kind, ok = simulator.Conflict409, true
	}
	if ok {
		v.sim.Script(simulator.Fault{Kind: kind, Method: http.MethodPost})
	}
	now := v.gates[m.w].now
	if m.how == callLate {
		now.broken = true
		v.late[[3]uint8{w.payout, w.act, w.number}] = &waiting{r: now.r}
		return
	}
	now.carryOut(v.sim)
}

// differs compares everything with the model.
func (v *walk) differs() string {
	transfers := v.sim.Transfers()
	for n := range v.ids {
		p, id := &v.s.p[n], v.ids[n]
		if id == "" {
			continue
		}
		got := v.read(id)
		want := modelStates[p.state]
		outgoing := ""
		if p.outgoing > 0 {
			outgoing = v.outs[n][p.outgoing-1]
		}
		if got.State != want || got.PulledBack != money.Minor(p.pulled)*walkUnit || got.ReturnedAt.IsZero() == p.returned || got.Outgoing != outgoing {
			return fmt.Sprintf("payout %d is %s %q, pulled %d, outgoing %q; in the model %+v", n+1, got.State, got.Code, got.PulledBack, got.Outgoing, *p)
		}
		var tries []string
		sent := 0
		for _, act := range []int{actSend, actBack, actOut} {
			for k := range p.number[act] {
				t := p.tries[act][k]
				tries = append(tries, fmt.Sprintf("%s %d %s %d", modelActNames[act], k+1, modelTries[t.state], t.looks))
				if act == actSend {
					sent += int(v.s.truth[n].keys[act][k].did)
				}
			}
		}
		if got := v.tries(id); got != strings.Join(tries, ", ") {
			return fmt.Sprintf("payout %d has the attempts %s; in the model %s", n+1, got, strings.Join(tries, ", "))
		}
		if tally := transfers[id]; tally.Count != sent || tally.Reversed != int64(v.s.truth[n].reversed)*walkUnit {
			return fmt.Sprintf("payout %d has at the processor %+v, in the model %d, %+v", n+1, tally, sent, v.s.truth[n])
		}
	}
	b := v.balances()
	for account, want := range map[string]money.Minor{"liabilities:payout_in_transit:sel_x": walkUnit * money.Minor(v.s.transit), "assets:cash_in_transit:main": walkUnit * money.Minor(v.s.moving),
		"liabilities:seller:available:sel_x": walkKept + walkUnit*money.Minor(v.s.available), "assets:processor:available:main": walkKept + walkUnit*money.Minor(v.s.held2)} {
		if got := b[account]; got != want {
			return fmt.Sprintf("%s has %d, in the model %d", account, got, want)
		}
	}
	if state := v.destination(); (state == "disabled") != v.s.disabled {
		return "the destination is " + state + "; the model says otherwise"
	}
	return ""
}

// tries are the attempts of a payout as the model tells them.
func (v *walk) tries(id string) string {
	var list []string
	for _, line := range strings.Split(v.attempts(id), ", ") {
		if f := strings.Fields(line); len(f) == 5 {
			list = append(list, fmt.Sprintf("%s %s %s %s", f[0], f[1], f[2], min(f[4], "2")))
		}
	}
	return strings.Join(list, ", ")
}

// walkBounds are the misfortunes of one walk, by turns.
var walkBounds = []mLimits{
	{faults: 2, deaths: 2, holds: 1, offs: 1, days: 1},
	{faults: 2, deaths: 1, returns: 1, holds: 1},
	{faults: 2, deaths: 1, returns: 2, shorts: 1},
	{faults: 2, deaths: 1, poor: 1, holds: 1},
	{faults: 3, deaths: 1, returns: 1, offs: 1, days: 1, shorts: 1},
}

// TestTheServiceWalksAsTheModel plays random walks of the model on the real service, and goes on kindly in the end.
func TestTheServiceWalksAsTheModel(t *testing.T) {
	t.Parallel()
	walks := 24
	if *modelLong {
		walks = 400
	}
	seeds := []uint64{*modelSeed}
	if *modelSeed == 0 {
		seeds = seeds[:0]
		for range walks {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			walkOnce(t, seed)
		})
	}
}

const (
	walkMoves  = 60
	walkKindly = 60
)

func walkOnce(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	v := newWalk(t, modelStart(random.IntN(2) == 0, walkBounds[random.IntN(len(walkBounds))]))
	v.seed = seed
	for n := range walkMoves + walkKindly {
		kindly := n >= walkMoves
		if kindly && v.s.settled() {
			break
		}
		var moves []mMove
		var states []mState
		v.rules.moves(&v.s, func(m mMove, next mState) {
			if ends := m.kind == moveCancel || m.kind == moveRefuse; ends && random.IntN(8) > 0 {
				return // or most ways would be short
			}
			if !next.beyond && (!kindly || m.kindly()) {
				moves, states = append(moves, m), append(states, next)
			}
		})
		if len(moves) == 0 {
			break
		}
		k := random.IntN(len(moves))
		v.told = append(v.told, moves[k].String())
		if !v.play(moves[k], states[k]) {
			v.told[len(v.told)-1] += ": not played"
		}
		if v.s.beyond {
			break
		}
		v.seeOuts()
		if why := v.differs(); why != "" {
			v.fail(why)
		}
	}
	t.Logf("%d moves, settled: %v", len(v.told), v.s.settled())
	for i := range v.gates {
		if v.s.w[i].at != atIdle {
			v.gates[i].stop()
			<-v.gates[i].over
		}
	}
}
