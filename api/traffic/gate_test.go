package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// leftover is what a gate remembers.
type leftover struct{ free, waiting, lines, order int }

func (g *gate) left() leftover {
	g.mu.Lock()
	defer g.mu.Unlock()
	return leftover{g.free, g.waiting, len(g.lines), len(g.order)}
}

// TestTurns: who sends one request waits for one of each of the others, however many they sent.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		var mu sync.Mutex
		var order []string
		served := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		ask := func(name string, n int) {
			for range n {
				go func() {
					leave, err := g.enter(t.Context(), name, false)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					order = append(order, name)
					mu.Unlock()
					<-time.After(turn / 10)
					leave()
				}()
			}
			synctest.Wait()
		}
		ask("hasty", 40)
		if n := len(served()); n != 3 {
			t.Fatalf("%d of one caller's requests are inside, of 4 places", n)
		}
		ask("calm", 2) // one finds the place that one caller never takes, the other is the next but one at most
		if inside := served(); !slices.Equal(inside[3:], []string{"calm"}) {
			t.Fatalf("inside are %v", inside)
		}
		ask("third", 1)
		<-time.After(turn / 10)
		synctest.Wait()
		if second := served()[4:]; len(second) != 4 || !slices.Contains(second, "calm") || !slices.Contains(second, "third") {
			t.Errorf("the second four are %v", second)
		}
		<-time.After(10 * turn)
		synctest.Wait()
		if n, left := len(served()), g.left(); n != 43 || left != (leftover{free: 4}) {
			t.Errorf("%d were served; left is %+v", n, left)
		}
	})
}

// TestGateEnds: whoever goes away gives nothing and takes nothing, a full line is refused, and what takes too long loses its place.
func TestGateEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		leave, err := g.enter(t.Context(), "a", false)
		if err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, waitingEach+2)
		for range waitingEach {
			go func() {
				left, err := g.enter(ctx, "b", false)
				if err == nil {
					left()
				}
				results <- err
			}()
		}
		synctest.Wait()
		if _, err := g.enter(ctx, "b", false); !errors.Is(err, ErrBusy) {
			t.Errorf("the line is full: %v", err)
		}
		other := make(chan func(), 1)
		go func() {
			left, err := g.enter(t.Context(), "c", false)
			if err != nil {
				t.Error(err)
			}
			other <- left
		}()
		synctest.Wait()
		cancel(gone)
		synctest.Wait()
		for range waitingEach {
			if err := <-results; !errors.Is(err, gone) {
				t.Fatalf("who went away was told %v", err)
			}
		}
		if left := g.left(); left != (leftover{waiting: 1, lines: 2, order: 1}) {
			t.Errorf("left is %+v", left)
		}
		<-time.After(turn) // the first has not left, and its turn is over
		left := <-other
		synctest.Wait()
		leave() // which gives nothing back a second time
		if left := g.left(); left != (leftover{lines: 1}) {
			t.Errorf("left is %+v", left)
		}
		left()
		if left := g.left(); left != (leftover{free: 1}) {
			t.Errorf("left is %+v", left)
		}
	})
}

// TestManyAtTheGate has callers come, go away and leave in any order, and counts places.
func TestManyAtTheGate(t *testing.T) {
	t.Parallel()
	g := newGate(5)
	var inside, most, served int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Millisecond)
			defer cancel()
			leave, err := g.enter(ctx, fmt.Sprint(i%9), false)
			if err != nil {
				return
			}
			mu.Lock()
			inside, served = inside+1, served+1
			most = max(most, inside)
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			leave()
			leave()
		})
	}
	all.Wait()
	if left := g.left(); most > 5 || served == 0 || left != (leftover{free: 5}) {
		t.Errorf("%d inside at once, %d served; left is %+v", most, served, left)
	}
}

// TestStrangersHaveHalf: however many strangers read slowly, whoever is known finds a place and a line.
func TestStrangersHaveHalf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		refused, inside := make(chan error, waitingAll), make(chan func(), waitingAll)
		for i := range waitingAll/2 + 12 {
			go func() {
				leave, err := g.enter(ctx, fmt.Sprint("net ", i), true)
				if err != nil {
					refused <- err
					return
				}
				inside <- leave
			}()
		}
		synctest.Wait()
		if len(inside) != 2 || len(refused) != 10 {
			t.Errorf("%d strangers are inside, and %d are refused", len(inside), len(refused))
		}
		for range 2 {
			leave, err := g.enter(t.Context(), "known", false)
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
		}
		if left := g.left(); left.free != 0 || left.waiting != waitingAll/2 {
			t.Errorf("left is %+v", left)
		}
		(<-inside)()
		synctest.Wait()
		if len(inside) != 2 {
			t.Errorf("the next stranger was not called")
		}
		cancel()
		synctest.Wait()
		for len(inside) > 0 {
			(<-inside)()
		}
		if g.unknown != 0 || g.unknownWaiting != 0 {
			t.Errorf("%d strangers are counted inside and %d waiting", g.unknown, g.unknownWaiting)
		}
	})
}
