package api

import (
	"io"
	"sync/atomic"

	"mizan/ledger/fault"
)

// Intake bounds the memory of requests with bodies, over all callers: each holds the size of its body from before the
// first byte is read until it is answered. What is decoded from a body is a small multiple of it. Whoever
// finds no room is refused before the body is read, which costs next to nothing, so that a flood leaves the machine
// working for those who were let in.

// ErrOverloaded means that too much is being received at once; nothing of the request was looked at.
var ErrOverloaded = fault.New(fault.Unavailable, "overloaded",
	"The service is receiving more than it can take in right now. Send the same request again in a moment; nothing was posted.")

// defaultIntake is enough for ten bodies of the largest size, or some ten thousand single sales.
const defaultIntake = 40 << 20

type intake struct {
	room atomic.Int64 // bytes left
}

func newIntake(bytes int64) *intake {
	in := &intake{}
	in.room.Store(bytes)
	return in
}

// take reserves room for a body and reports whether there was any. What was taken must be given back.
func (in *intake) take(bytes int64) bool {
	if in.room.Add(-bytes) >= 0 {
		return true
	}
	in.room.Add(bytes)
	return false
}

func (in *intake) give(bytes int64) { in.room.Add(bytes) }

// unannounced is what a body of unknown length holds at first; it takes as much again whenever it has grown so far.
const unannounced = 64 << 10

// weight is what a request's body holds before it is read.
func (c *call) weight() int64 {
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
		if !w.c.service.intake.take(unannounced) {
			return n, ErrOverloaded
		}
		w.c.held += unannounced
	}
	return n, err
}
