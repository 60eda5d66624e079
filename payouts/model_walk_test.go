package payouts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mizan/ledger/guard"
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
	// wanted is which requests wait: the method, and the beginning of the path.
	wanted func(*http.Request) bool
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
	told     []string
}

func newWalk(t *testing.T, l mLimits) *walk {
	h, id := one(t, "manual")
	v := &walk{railHouse: h, s: modelStart(true, l), dst: h.read(id).Destination}
	v.s.run, v.ids[0] = 1, id
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
	if !g.wanted(r) {
		v.sim.ServeHTTP(w, r)
		return
	}
	m := &waiting{r: r, answer: make(chan struct{})}
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
func stops(at uint8) func(*http.Request) bool {
	return func(r *http.Request) bool {
		switch path := r.URL.Path; at {
		case atCall:
			return r.Method == http.MethodPost
		case atLook:
			return r.Method == http.MethodGet && (path == "/v1/transfers" || strings.HasSuffix(path, "/reversals") || path == "/v1/payouts")
		case atRead, atSurvey:
			return r.Method == http.MethodGet && strings.HasPrefix(path, "/v1/payouts")
		}
		return false
	}
}

// rest goes on in the model to where the real service waits next, and then waits there.
func (v *walk) rest(i uint8, release func()) {
	v.t.Helper()
	for w := &v.s.w[i]; w.at == atReady || w.at == atSend || w.at == atKeep || w.before && (w.at == atLook || w.at == atLooked); {
		v.rules.step(&v.s, i)
	}
	g := v.gates[i]
	g.wanted, g.now = stops(v.s.w[i].at), nil
	release()
	select {
	case g.now = <-g.here:
		if v.s.w[i].at == atIdle {
			v.t.Fatalf("the service asks for %s %s, and the model is idle", g.now.r.Method, g.now.r.URL.Path)
		}
	case err := <-g.over:
		if err != nil {
			v.t.Fatal(err)
		}
		if v.s.w[i].at != atIdle {
			v.t.Fatalf("the service has let the payout go, and the model is at %d\n%s\n%s", v.s.w[i].at, strings.Join(v.told, "\n"), v.logged)
		}
	}
}

// play makes a move of the model on the real service. It reports false for moves that are not played.
func (v *walk) play(m mMove, next mState) bool {
	g := v.gates[m.w]
	was := v.s
	switch m.kind {
	case moveClaim:
		v.s = next
		v.rest(m.w, func() {
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
		v.call(was.w[m.w].act, m)
	case moveStep:
		v.s = next
		if at := was.w[m.w].at; at == atLook || at == atRead || at == atSurvey {
			g.now.carryOut(v.sim)
			return true
		}
		answer := g.now.answer
		v.rest(m.w, func() { close(answer) })
	case moveDie:
		g.stop()
		if err := <-g.over; err != nil {
			v.t.Fatal(err)
		}
		v.s, g.now = next, nil
	default:
		return v.playWorld(m, next)
	}
	return true
}

// call has a request that waits reach the processor, or not.
func (v *walk) call(act uint8, m mMove) {
	kinds := map[uint8]simulator.Kind{callNever: simulator.DropBefore, callDoneSilent: simulator.ExecuteThenDrop, call500: simulator.Fail500, callDone500: simulator.ExecuteThen500}
	if kind, ok := kinds[m.how]; ok {
		v.sim.Script(simulator.Fault{Kind: kind, Method: http.MethodPost})
	}
	v.gates[m.w].now.carryOut(v.sim)
	v.told = append(v.told, modelActNames[act])
}

// playWorld makes a move that is no process's.
func (v *walk) playWorld(m mMove, next mState) bool {
	switch m.kind {
	case moveLapse:
		w := v.s.p[m.p].owner - 1
		if v.s.w[w].at == atCall || v.s.w[w].at == atIdle { // that is the death of a process, which is played as such
			return false
		}
		v.exec(`UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id = $1 AND id = $2`, v.book.ID, v.ids[m.p])
	case moveHold:
		v.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, $2, 'seller', 'sel_x', '', 'pause', 'review', 'c', $3)`,
			v.book.ID, newID("hold"), v.clock.Now())
	case moveRelease:
		v.exec(`UPDATE payout_holds SET released_at = $2, document = 'd' WHERE book_id = $1 AND released_at IS NULL`, v.book.ID, v.clock.Now())
	case moveCancel:
		if _, err := v.Cancel(v.t.Context(), guard.Actor{Kind: guard.Person, ID: "per_ann"}, v.book, v.ids[m.p], "no longer wanted"); err != nil {
			v.t.Fatal(err)
		}
	case moveRetry:
		v.ids[1] = v.pay("sel_x", v.dst, "acct_x", "manual", "standard", modelUnits*walkUnit, 0, v.ids[0])
	case moveMinutes:
		v.clock.Advance(lookApart + time.Minute)
	case moveDay:
		v.clock.Advance(25 * time.Hour)
	case moveOff, moveMend:
		reason := map[uint8]string{moveOff: "requirements.past_due"}[m.kind]
		if err := errors.Join(v.sim.DisableAccount("acct_x", reason), v.sim.FailPayouts("acct_x", "", 0)); err != nil {
			v.t.Fatal(err)
		}
		if m.kind == moveMend {
			v.exec(`UPDATE payout_destinations SET state = 'active', disabled_code = '' WHERE book_id = $1 AND id = $2`, v.book.ID, v.dst)
		}
	case moveNoticed:
		v.exec(`UPDATE payout_destinations SET state = 'disabled', disabled_code = 'test' WHERE book_id = $1 AND id = $2`, v.book.ID, v.dst)
	default:
		return false
	}
	v.s = next
	return true
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
		if got.State != want || got.PulledBack != money.Minor(p.pulled)*walkUnit || got.ReturnedAt.IsZero() == p.returned || (got.Outgoing != "") != (p.outgoing > 0) {
			return fmt.Sprintf("payout %d is %s %q, pulled %d, outgoing %q; in the model %+v", n+1, got.State, got.Code, got.PulledBack, got.Outgoing, *p)
		}
		var tries []string
		sent := 0
		for act := range p.tries {
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
	for account, want := range map[string]uint8{"liabilities:payout_in_transit:sel_x": v.s.transit, "assets:cash_in_transit:main": v.s.moving} {
		got := b[account]
		if got < 0 {
			got = -got
		}
		if got != money.Minor(want)*walkUnit {
			return fmt.Sprintf("%s has %d, in the model %d", account, got, want)
		}
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

// TestTheServiceWalksAsTheModel plays random walks of the model on the real service, and ends each kindly.
func TestTheServiceWalksAsTheModel(t *testing.T) {
	t.Parallel()
	walks := 4
	if *modelLong {
		walks = 200
	}
	seeds := []uint64{*modelSeed}
	if *modelSeed == 0 {
		seeds = seeds[:0]
		for range walks {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { walkOnce(t, seed) })
	}
}

func walkOnce(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	v := newWalk(t, mLimits{faults: 2, deaths: 2, holds: 1, offs: 1, days: 1})
	for range 70 {
		var moves []mMove
		var states []mState
		v.rules.moves(&v.s, func(m mMove, next mState) {
			unplayed := m.kind >= moveBankPays && m.kind <= moveReadOld || m.kind == moveCall && m.how == callLate || next.beyond || m.kind == moveFill
			if !unplayed {
				moves, states = append(moves, m), append(states, next)
			}
		})
		if len(moves) == 0 {
			break
		}
		n := random.IntN(len(moves))
		if v.play(moves[n], states[n]) {
			v.told = append(v.told, moves[n].String())
		}
		if why := v.differs(); why != "" {
			t.Fatalf("%s; replay with -model.seed=%d\n%s\n%s", why, seed, strings.Join(v.told, "\n"), v.logged)
		}
	}
	for i := range v.gates {
		if v.s.w[i].at != atIdle {
			v.gates[i].stop()
			<-v.gates[i].over
		}
	}
}
