package api

import (
	"io"
	"sync"

	"mizan/ledger/fault"
)

// Intake bounds the memory of requests with bodies, over all callers and for each key: a request holds the size of its
// body from before the first byte is read until it is answered. What is decoded from a body is a small multiple of it.
// Whoever finds no room is refused before the body is read, which costs next to nothing, so that a flood leaves the
// machine working for those who were let in.

// ErrOverloaded means that too much is being received at once; nothing of the request was looked at.
var ErrOverloaded = fault.New(fault.Unavailable, "overloaded",
	"The service is receiving more than it can take in right now. Send the same request again in a moment; nothing was posted.")

// defaultIntake is enough for ten bodies of the largest size, or some ten thousand single sales.
const defaultIntake = 40 << 20

// One key never holds more than three quarters of the room: whoever announces large bodies and sends them slowly, by
// mistake or not, leaves the others theirs. Senders without a key, who may be anybody until their signature is verified,
// hold no more than a quarter together.
type room struct {
	mu    sync.Mutex
	room  int64            // bytes left
	share int64            // what one key may hold
	held  map[string]int64 // by key, of those that hold anything
}

func newRoom(bytes int64) *room {
	return &room{room: bytes, share: bytes - bytes/4, held: map[string]int64{}}
}

// take reserves room for a body of a key's and reports whether there was any. What was taken must be given back.
func (in *room) take(key string, bytes int64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	share := in.share
	if key == "" {
		share /= 3
	}
	if bytes > in.room || in.held[key]+bytes > share {
		return false
	}
	in.room -= bytes
	in.held[key] += bytes
	return true
}

func (in *room) give(key string, bytes int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.room += bytes
	if in.held[key] -= bytes; in.held[key] == 0 {
		delete(in.held, key)
	}
}

// unannounced is what a body of unknown length holds at first; it takes as much again whenever it has grown so far.
const unannounced = 64 << 10

// weight is what a request's body holds before it is read.
func (c *call) weight() int64 {
	if c.op.BodyHolds > 0 {
		return c.op.BodyHolds
	}
	if c.r.ContentLength >= 0 {
		return min(c.r.ContentLength, c.op.BodyLimit)
	}
	return unannounced
}

// weighed reads a body and takes more room where it outgrows what was taken.
type weighed struct {
	c        *call
	from     io.Reader
	received int64
}

// Read returns ErrOverloaded when there is no room left.
func (w *weighed) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if w.received += int64(n); w.received > w.c.held {
		if !w.c.service.room.take(w.c.principal.ID, unannounced) {
			return n, ErrOverloaded
		}
		w.c.held += unannounced
	}
	return n, err
}
