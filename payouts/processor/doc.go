// Package processor says what the payouts need of a payment processor, in words of the business: send a transfer, take it
// back, pay a connected account out, and look at what is there. A driver speaks to one processor; packages stripe and
// bankfile are drivers, and package simulator is a processor to try them on.
//
// A call that moves money ends in one of three outcomes: done, with the object; refused, definitely, with the
// processor's code; or unknown, which is everything else: a timeout, a broken answer, an error inside the processor. An
// unknown outcome is never taken for a refusal. It is settled by sending the same order again while the processor still
// remembers its key, or by looking the instruction up.
//
// An order is made only by a constructor that takes a Key. A key that only names an attempt gives an order with a digest to
// store, which no driver sends; one that can be sent comes out of Key.Keep alone, after that has committed the attempt, the time
// of the first sending and the number of sendings. So a write without a stored key cannot be expressed.
//
// How a caller settles an order:
//
//	Done                  store the object's id in the transaction that changes the payment's state.
//	Refused               the attempt is over. A new attempt with a new key needs a recorded decision.
//	Unknown, SendAgain    count one more sending, store it, and send the same order later; when its key has expired, look up.
//	Unknown, LookUp       look the instruction up. Found is done. Absent is proved by two lookups some minutes apart, with
//	                      nothing in flight between them; then the attempt is over.
//	Unknown, Alarm        look up, send nothing, and tell a person.
//
// A notice is a reason to read the object it names, and nothing more: notices are lost, doubled and late. Money is booked
// from entries alone, which are listed again over a window that overlaps the last one, since they can appear late.
package processor
