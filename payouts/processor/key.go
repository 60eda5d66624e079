// A key names one attempt to carry out one instruction. The processor executes the same key once, as long as it
// remembers it.

package processor

import (
	"strconv"
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

// ErrKey means that a key was asked for without an instruction id, an attempt, or the time of the first sending.
var ErrKey = fault.New(fault.Invalid, "processor-key",
	"The payment has no usable key. Store its instruction, its attempt (1 to 1000), the time of the first sending and their number before it is sent.")

// Key is the identity of one attempt. The zero value is no key, and no order can be made of it.
type Key struct {
	instruction string
	attempt     int
	first       time.Time
	sending     int
}

// NewKey returns the key of an attempt, counted from 1, to carry out an instruction. The id is 1 to 100 ASCII letters,
// digits, hyphens and underscores. first is when this attempt was sent for the first time, and sending counts from 1 how
// often it was sent, this time included; both are stored before it is sent.
//
// Errors: ErrKey.
func NewKey(instruction string, attempt int, first time.Time, sending int) (Key, error) {
	if !validInstruction(instruction) || attempt < 1 || attempt > MaxAttempt || first.IsZero() || sending < 1 {
		return Key{}, ErrKey
	}
	return Key{instruction, attempt, first, sending}, nil
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

// text is the key as the processor gets it. The act is part of it: a transfer and a payout of one instruction differ.
func (k Key) text(act string) string {
	return act + "/" + k.instruction + "/" + strconv.Itoa(k.attempt)
}
