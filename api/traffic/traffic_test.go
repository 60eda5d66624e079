package traffic

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mizan/api/access"
)

// TestRates: each caller has its own rate, whoever shows something unknown has that of its address, and time gives back.
func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	l := Limits{}
	l.Rates[Address], l.Rates[Key] = 10, 200
	traffic := New(l, func() time.Time { return now })
	sent := func(credential, address string, most int) (n int, wait time.Duration) {
		for ; n < most; n++ {
			if wait = traffic.Arrive(credential, address).Refused(0); wait > 0 {
				return n, wait
			}
		}
		return n, 0
	}
	if n, wait := sent("", "192.0.2.1", 1000); n != Burst || wait != time.Second/10 || Seconds(wait) != 1 {
		t.Errorf("an address sends %d and waits %v", n, wait)
	}
	// Who shows nothing does not use up what is left for being recognised, and all guesses are one.
	if n, _ := sent("Bearer guess1", "192.0.2.1", 60); n != 60 {
		t.Errorf("with a made-up credential it sends %d more", n)
	}
	if n, _ := sent("Bearer guess3", "192.0.2.1", 1000); n != Burst-60 {
		t.Errorf("with another one it sends %d more", n)
	}
	if n, _ := sent("Bearer guess2", "192.0.2.2", 1000); n != Burst {
		t.Errorf("another address sends %d", n)
	}
	v := traffic.Arrive("Bearer right", "192.0.2.3")
	Known(With(t.Context(), v), access.Principal{Kind: access.Program, ID: "key_1"})
	Known(With(t.Context(), traffic.Arrive("", "192.0.2.3")), access.Principal{Kind: access.Program, ID: "key_1"}) // shows nothing, so nothing is learned
	if n, _ := sent("Bearer right", "192.0.2.1", 1000); n != 400 {
		t.Errorf("a key sends %d from an address that sent too much", n)
	}
	now = now.Add(time.Second)
	if n, _ := sent("Bearer right", "192.0.2.1", 1000); n != 200 {
		t.Errorf("a second later it sends %d", n)
	}
	if n, _ := sent("", "192.0.2.1", 1000); n != 10 {
		t.Errorf("a second later the address sends %d", n)
	}
	// Another credential of the same caller is no other caller.
	Known(With(t.Context(), traffic.Arrive("Bearer second", "192.0.2.9")), access.Principal{Kind: access.Program, ID: "key_1"})
	if n, _ := sent("Bearer second", "192.0.2.9", 1000); n != 0 {
		t.Errorf("with its other credential it sends %d more", n)
	}
	// A person or payee with the id of a key is somebody else, and has no limit here.
	Known(With(t.Context(), traffic.Arrive("cookie", "192.0.2.9")), access.Principal{Kind: access.Person, ID: "key_1"})
	if n, _ := sent("cookie", "192.0.2.9", 5000); n != 5000 {
		t.Errorf("without a limit %d are sent", n)
	}
	// The same id is another payee in another book, and a principal that is nobody is no caller.
	for _, book := range []string{"uk", "us"} {
		Known(With(t.Context(), traffic.Arrive("in "+book, "")), access.Principal{Kind: access.Payee, ID: "cre_amy", Books: []string{book}})
	}
	Known(With(t.Context(), traffic.Arrive("nobody", "192.0.2.50")), access.Principal{})
	if uk, us, nobody := traffic.Arrive("in uk", "").who, traffic.Arrive("in us", "").who, traffic.Arrive("nobody", "192.0.2.50").who; uk == us || uk.kind != Payee || nobody != (caller{Address, "192.0.2.50"}) {
		t.Errorf("payees are %v and %v, and nobody is %v", uk, us, nobody)
	}
	// Large bodies count for more, also those that do not say before how large they are.
	now = now.Add(time.Minute)
	bodies := 0
	for traffic.Arrive("Bearer right", "").Refused(1<<40) == 0 {
		bodies++
	}
	if bodies != 400/heaviest {
		t.Errorf("%d large bodies are sent", bodies)
	}
	now = now.Add(time.Minute)
	for bodies = 0; ; bodies++ {
		v := traffic.Arrive("Bearer right", "")
		if v.Refused(-1) > 0 {
			break
		}
		v.Spent(1 << 40)
	}
	if bodies != (400+heaviest-1)/heaviest {
		t.Errorf("%d large bodies of unknown length are sent", bodies)
	}
	// What is nobody's any more is not its former owner's doing.
	Unknown(With(t.Context(), traffic.Arrive("Bearer right", "")))
	if who := traffic.Arrive("Bearer right", "192.0.2.7").who; who != (caller{Address, "192.0.2.7"}) {
		t.Errorf("what is nobody's counts as that of %v", who)
	}
	if who := traffic.Arrive("Bearer second", "").who; who.kind != Key {
		t.Errorf("the other credential of the same caller is %v", who)
	}
}

// TestRefusalsCostNothing: however many are refused at the same moment, a second gives back a second's worth.
func TestRefusalsCostNothing(t *testing.T) {
	t.Parallel()
	l := Limits{}
	l.Rates[Address] = 10
	now := time.Unix(1_000_000, 0)
	traffic := New(l, func() time.Time { return now })
	flood := func() (let int) {
		var all sync.WaitGroup
		var in atomic.Int64
		for range 8 {
			all.Go(func() {
				for range 2_000 {
					if traffic.Arrive("", "192.0.2.1").Refused(0) == 0 {
						in.Add(1)
					}
				}
			})
		}
		all.Wait()
		return int(in.Load())
	}
	if n := flood(); n != Burst {
		t.Errorf("%d are let in", n)
	}
	now = now.Add(time.Second)
	if n := flood(); n != 10 {
		t.Errorf("a second later %d are let in", n)
	}
}

// TestRefusalsAreHeld: who is refused now and then is told at once, who does not stop has a second between its answers, and no more than so
// many wait, of one caller and of all.
func TestRefusalsAreHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Limits{}
		l.Rates[Address] = 10
		traffic := New(l, time.Now)
		var told atomic.Int64
		refuse := func(ctx context.Context, address string, n int) (at int64) {
			before := told.Load()
			for range n {
				go func() {
					traffic.Arrive("", address).Hold(ctx)
					told.Add(1)
				}()
			}
			synctest.Wait()
			return told.Load() - before
		}
		if n := refuse(t.Context(), "192.0.2.1", Burst+heldEach+7); n != Burst+7 {
			t.Errorf("%d are told at once", n)
		}
		if n := refuse(t.Context(), "192.0.2.2", Burst); n != Burst {
			t.Errorf("%d of another are told at once", n)
		}
		<-time.After(holding/2 - 1)
		synctest.Wait()
		if n := told.Load(); n != 2*Burst+7 {
			t.Errorf("%d are told before half the time", n)
		}
		<-time.After(holding / 2)
		synctest.Wait()
		if n := told.Load() - 2*Burst - 7; n < heldEach/4 || n > heldEach*3/4 {
			t.Errorf("%d are told at the middle time", n)
		}
		<-time.After(holding/2 + 1)
		synctest.Wait()
		if n := told.Load(); n != 2*Burst+heldEach+7 || traffic.held != 0 {
			t.Errorf("%d are told after the time, and %d wait", n, traffic.held)
		}
		if n := refuse(t.Context(), "192.0.2.1", 3); n != 1 {
			t.Errorf("a moment later %d of 3 are told at once", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for i := range heldAll / heldEach {
			refuse(ctx, fmt.Sprint("192.0.3.", i), Burst+heldEach)
		}
		if n := refuse(ctx, "192.0.2.9", Burst+5); n != Burst+5 || traffic.held != heldAll {
			t.Errorf("%d are told at once while %d wait", n, traffic.held)
		}
		before := told.Load()
		cancel()
		synctest.Wait()
		if n := told.Load() - before; n != heldAll-2 || traffic.held != 2 {
			t.Errorf("%d went away, and %d wait", n, traffic.held)
		}
	})
}

// TestWithoutALimitNothingIsHeld: who may send any number is told at once.
func TestWithoutALimitNothingIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for range 10 * Burst {
			New(Limits{}, time.Now).Arrive("", "192.0.2.1").Hold(t.Context())
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "2001:db8::1": "2001:db8::/64",
		"::1": "::/64", "": "", "::ffff:192.0.2.1": "::ffff:192.0.2.1"} {
		if got := network(address); got != want {
			t.Errorf("%s is one of %s, want %s", address, got, want)
		}
	}
}

// TestMemoryIsBounded: a flood of addresses and credentials is forgotten by halves, and whoever keeps coming is remembered.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := Limits{}
	l.Rates[Address], l.Rates[Key] = 0.001, 0.001
	traffic := New(l, func() time.Time { return time.Unix(0, 0) })
	const most = 1_000
	traffic.buckets.most, traffic.callers.most = most, most
	Known(With(t.Context(), traffic.Arrive("steady", "")), access.Principal{Kind: access.Program, ID: "k"})
	asked := 0
	for i := range 50 * most {
		traffic.Arrive("", fmt.Sprint(i)).Refused(0)
		Known(With(t.Context(), traffic.Arrive(fmt.Sprint("c", i), "x")), access.Principal{Kind: access.Program, ID: fmt.Sprint(i)})
		if i%(most/4) == 0 {
			v := traffic.Arrive("steady", "")
			if refused := v.Refused(0) > 0; v.who.id != "k" || refused != (asked >= Burst) {
				t.Fatalf("after %d others, who asked %d times is %+v, refused: %t", i, asked, v.who, refused)
			}
			asked++
		}
	}
	if n := len(traffic.buckets.newer) + len(traffic.buckets.older); n > most || n < most/2 {
		t.Errorf("%d callers are remembered", n)
	}
	if n := len(traffic.callers.newer) + len(traffic.callers.older); n > most || n < most/2 {
		t.Errorf("%d credentials are remembered", n)
	}
}
