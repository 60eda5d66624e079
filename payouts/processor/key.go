// A key names one attempt to carry out one instruction. The processor executes the same key once, as long as it
// remembers it.

package processor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/fault"
)

// KeyLifetime is how long after the first sending an order may be sent again. Stripe forgets a key after 24 hours at the
// earliest and would then execute it a second time; an hour is left for clocks and slow networks.
const KeyLifetime = 23 * time.Hour

// MaxInstruction is the length of the longest instruction id, in bytes.
const MaxInstruction = 100

// MaxAttempt is the highest attempt of one instruction.
const MaxAttempt = 1000

// ErrKey means that a key was asked for without an instruction id, an attempt, the time of the first sending, or a way to
// store them.
var ErrKey = fault.New(fault.Invalid, "processor-key",
	"The payment has no usable key. Store its instruction, its attempt (1 to 1000), the time of the first sending and their number before it is sent.")

// Key is the identity of one attempt. The zero value is no key, and no order can be made of it. A key of Name only names the
// attempt: an order that is made with it has a digest and is not valid, so that no driver sends it. What can be sent comes from
// Keep alone.
type Key struct {
	instruction string
	attempt     int
	first       time.Time
	sending     int // 0 while it only names the attempt
}

// Name returns a key that only names an attempt, counted from 1, to carry out an instruction. The id is 1 to 100 ASCII letters,
// digits, hyphens and underscores.
//
// Errors: ErrKey.
func Name(instruction string, attempt int) (Key, error) {
	if !validInstruction(instruction) || attempt < 1 || attempt > MaxAttempt {
		return Key{}, ErrKey
	}
	return Key{instruction: instruction, attempt: attempt}, nil
}

// Keep stores one sending of the attempt that k names, and returns the key that it is sent with. first is when this attempt was
// sent for the first time, and sending counts from 1 how often it was sent, this time included. The function keep writes
// both down together with the instruction, the attempt and the order's digest, and returns when that is committed: what it has
// not stored cannot be sent. Each sending is kept by itself.
//
// Errors: ErrKey, before anything is stored; those of keep; and that of ctx, if it has ended meanwhile.
func (k Key) Keep(ctx context.Context, first time.Time, sending int, keep func(context.Context) error) (Key, error) {
	if k.instruction == "" || k.sending != 0 || first.IsZero() || sending < 1 || keep == nil {
		return Key{}, ErrKey
	}
	if err := keep(ctx); err != nil {
		return Key{}, err
	}
	if err := ctx.Err(); err != nil {
		return Key{}, err
	}
	k.first, k.sending = first, sending
	return k, nil
}

func validInstruction(id string) bool {
	if id == "" || len(id) > MaxInstruction {
		return false
	}
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Instruction returns the id of the instruction.
func (k Key) Instruction() string { return k.instruction }

// Attempt returns the number of the attempt, from 1.
func (k Key) Attempt() int { return k.attempt }

// Again reports whether the attempt was sent before, so that it may have been carried out already.
func (k Key) Again() bool { return k.sending > 1 }

// Expired reports whether the order may no longer be sent at the time now, only looked up. A clock that stands before the
// first sending is wrong, and nothing may be sent by it: a minute is allowed between replicas.
func (k Key) Expired(now time.Time) bool {
	age := now.Sub(k.first)
	return age >= KeyLifetime || age < -time.Minute
}

// sendable reports whether the key's sending was stored.
func (k Key) sendable() bool { return k.instruction != "" && k.sending > 0 }

// text is the key as the processor gets it. The act is part of it: a transfer and a payout of one instruction differ.
func (k Key) text(act string) string {
	return act + "/" + k.instruction + "/" + strconv.Itoa(k.attempt)
}

// IsIdempotencyKey reports whether a text is a key as an order sends it. A driver asks it of every writing request before
// anything leaves.
func IsIdempotencyKey(text string) bool {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || !slices.Contains([]Act{ActTransfer, ActReversal, ActPayout, ActCancel}, Act(parts[0])) {
		return false
	}
	n, err := strconv.Atoi(parts[2])
	return err == nil && strconv.Itoa(n) == parts[2] && n >= 1 && n <= MaxAttempt && validInstruction(parts[1])
}
