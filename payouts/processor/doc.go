// Package processor says what the payouts need of a payment processor, in words of the business: send a transfer, take it
// back, pay a connected account out, and look at what is there. A driver speaks to one processor; packages stripe and
// bankfile are drivers, and package simulator is a processor to try them on.
//
// A call that moves money ends in one of three outcomes: done, with the object; refused, definitely, with the
// processor's code; or unknown, which is everything else: a timeout, a broken answer, an error inside the processor. An
// unknown outcome is never taken for a refusal. It is settled by sending the same order again while the processor still
// remembers its key, or by looking the instruction up.
//
// An order is made only by a constructor that takes a Key, and a Key only of an instruction, an attempt, the time of the
// first sending and the number of sendings, which the caller has stored before. So a write without a stored key cannot be expressed.
package processor
