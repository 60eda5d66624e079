package jobs

import "time"

// An event is what a service tells whoever counts and alarms.

// Kinds of events.
const (
	// Planned means that Items periods became due in a book. More than one were missed.
	Planned = "planned"
	// Behind means that more periods are due in a book than may wait at a time.
	Behind = "behind"
	// Started means that a run began.
	Started = "started"
	// Done means that a period is over, with Items things dealt with.
	Done = "done"
	// Failed means that a run ended with Err, and will be tried again.
	Failed = "failed"
	// Parked means that a period failed as often as it may, and waits for people. It is an alarm.
	Parked = "parked"
	// TakenOver means that the process of a run did not renew its lease, so that another process may have the period.
	TakenOver = "taken-over"
	// Fenced means that a run ended after another process took its period over: what it reported was not recorded.
	Fenced = "fenced"
	// Released means that a run was given back because its process stops.
	Released = "released"
	// Strange means that Items periods are due in a book that belong to no job of this process, the oldest of them Period. It is
	// told when the service starts, and is an alarm unless another process does them.
	Strange = "strange"
	// Unwell means that the service itself met Err, such as a database that does not answer. It goes on.
	Unwell = "unwell"
)

// Event is one thing that happened in this process.
type Event struct {
	// Kind is one of the kinds above.
	Kind string
	// Job and Book say whose period, empty and zero for an Unwell of all.
	Job  string
	Book int32
	// Period is when the period became due, zero for what concerns several.
	Period time.Time
	// Fence and Attempt are those of the run.
	Fence   int64
	Attempt int
	// Items counts what the kind says.
	Items int64
	// Took is how long the run took, by the clock handed in.
	Took time.Duration
	// Err is why, and Stack where a run panicked. They are for the log of the process: neither is stored.
	Err   error
	Stack []byte
}
