package traffic

import (
	"context"
	"sync"
	"time"
)

// The gate lets so many requests be worked on at once. Those that wait stand in a line for each caller, and the lines are served in
// turns, so that who sends one request waits for one of each of the others, however many they sent. Those whom nobody knows have half of
// everything together, so that no number of them keeps out who is known.

const (
	// waitingEach bounds one caller's line, and waitingAll all lines together.
	waitingEach = 256
	waitingAll  = 4_096
	// turn is how long a request keeps its place at most.
	turn = time.Second
)

type gate struct {
	// each is how many of one caller's requests are worked on at once, strangers how many of all whom nobody knows.
	each, strangers int

	mu      sync.Mutex
	free    int
	waiting int
	// unknown are the strangers' requests that are inside, unknownWaiting those that wait.
	unknown, unknownWaiting int
	lines                   map[string]*line
	// order are the lines with somebody in them, the next one first.
	order []*line
}

// line are the requests of one caller.
type line struct {
	name     string
	stranger bool
	inside   int
	waiting  []*waiter
	// listed says that the line stands in the order.
	listed bool
}

type waiter struct{ called chan struct{} }

func newGate(places int) *gate {
	return &gate{each: max(1, places-places/4), strangers: max(1, places/2), free: places, lines: map[string]*line{}}
}

// admits reports whether there is a place for the next of a line.
func (g *gate) admits(l *line) bool {
	return g.free > 0 && l.inside < g.each && (!l.stranger || g.unknown < g.strangers)
}

// place counts who is inside, queue who waits.
func (g *gate) place(l *line, n int) {
	g.free, l.inside = g.free-n, l.inside+n
	if l.stranger {
		g.unknown += n
	}
}

func (g *gate) queue(l *line, n int) {
	g.waiting += n
	if l.stranger {
		g.unknownWaiting += n
	}
}

// full reports whether a line takes nobody more.
func (g *gate) full(l *line) bool {
	return len(l.waiting) >= waitingEach || g.waiting >= waitingAll || l.stranger && g.unknownWaiting >= waitingAll/2
}

// enter waits for a place. All whom nobody knows have half of them at most.
func (g *gate) enter(ctx context.Context, name string, stranger bool) (leave func(), err error) {
	g.mu.Lock()
	l := g.lines[name]
	if l == nil {
		l = &line{name: name, stranger: stranger}
		g.lines[name] = l
	}
	if len(l.waiting) == 0 && g.admits(l) {
		g.place(l, 1)
		g.mu.Unlock()
		return g.leaving(l), nil
	}
	if g.full(l) {
		g.forget(l)
		g.mu.Unlock()
		return nil, ErrBusy
	}
	w := &waiter{make(chan struct{})}
	l.waiting = append(l.waiting, w)
	g.queue(l, 1)
	g.list(l)
	g.mu.Unlock()
	select {
	case <-w.called:
		return g.leaving(l), nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range l.waiting {
		if l.waiting[i] == w {
			l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
			g.queue(l, -1)
			g.forget(l)
			return nil, context.Cause(ctx)
		}
	}
	g.give(l) // it was called meanwhile
	return nil, context.Cause(ctx)
}

// leaving returns what gives a place back, once, at the latest when the turn is over.
func (g *gate) leaving(l *line) func() {
	leave := sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.give(l)
	})
	over := time.AfterFunc(turn, leave)
	return func() {
		over.Stop()
		leave()
	}
}

// give takes a place back and calls whoever is next.
func (g *gate) give(l *line) {
	g.place(l, -1)
	if len(l.waiting) > 0 {
		g.list(l)
	}
	g.forget(l)
	for i := 0; i < len(g.order) && g.free > 0; {
		next := g.order[i]
		switch {
		case len(next.waiting) == 0:
			g.unlist(i)
		case !g.admits(next):
			i++
		default:
			w := next.waiting[0]
			next.waiting = next.waiting[1:]
			g.queue(next, -1)
			g.place(next, 1)
			g.unlist(i)
			if len(next.waiting) > 0 {
				g.list(next)
			}
			close(w.called)
		}
	}
}

// list puts a line at the end of the order.
func (g *gate) list(l *line) {
	if !l.listed {
		l.listed = true
		g.order = append(g.order, l)
	}
}

func (g *gate) unlist(i int) {
	g.order[i].listed = false
	g.order = append(g.order[:i], g.order[i+1:]...)
}

// forget drops a line in which nobody is.
func (g *gate) forget(l *line) {
	if l.inside > 0 || len(l.waiting) > 0 {
		return
	}
	delete(g.lines, l.name)
	for i := range g.order {
		if g.order[i] == l {
			g.unlist(i)
			return
		}
	}
}
