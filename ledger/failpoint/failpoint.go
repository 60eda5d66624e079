// Package failpoint names the places of the posting path at which a test makes the program end or stand still.
//
// A program built with the tag failpoint obeys MIZAN_FAILPOINT, such as "committed:kill@3": it kills itself, as kill -9
// does, the third time it passes the point. "committed:stop@3" stops it, as kill -STOP does, until it is continued.
// Without the tag Here compiles to nothing and the variable means nothing: a program that people run has no such places.
package failpoint

// Point is a place of the posting path. The zero value is none.
type Point string

// The places, in the order in which a posting comes by.
const (
	// Decoded is when a request was read and checked, before it is queued.
	Decoded Point = "decoded"
	// PartitionWanted and PartitionMade stand around the making of partitions.
	PartitionWanted Point = "partition-wanted"
	PartitionMade   Point = "partition-made"
	// Beginning is when a batch has its connection and has sent nothing.
	Beginning Point = "beginning"
	// Locked is when the book's lock is held and the answers of the lookups are still to come.
	Locked Point = "locked"
	// LookedUp is when everything the batch depends on was read.
	LookedUp Point = "looked-up"
	// Decided is when it is known what will be written.
	Decided Point = "decided"
	// Writing is right before the second round trip.
	Writing Point = "writing"
	// Written is when the first rows are acknowledged; COMMIT is on its way and unanswered.
	Written Point = "written"
	// RollingBack is right before the end of a batch that writes nothing.
	RollingBack Point = "rolling-back"
	// Committed is when COMMIT was answered and nobody was told.
	Committed Point = "committed"
	// Settled is when the outcomes are known and the callers still wait.
	Settled Point = "settled"
	// Retrying is before another attempt of a batch that failed.
	Retrying Point = "retrying"
	// Answering is right before the first byte of an answer is written.
	Answering Point = "answering"
	// Answered is when an answer was handed to the connection.
	Answered Point = "answered"
	// Draining is when the ledger was told to stop and has begun to finish what it accepted.
	Draining Point = "draining"
	// Drained is when everything accepted is finished.
	Drained Point = "drained"
)

// All returns every point, in the order in which a posting comes by.
func All() []Point {
	return []Point{Decoded, PartitionWanted, PartitionMade, Beginning, Locked, LookedUp, Decided, Writing, Written, RollingBack,
		Committed, Settled, Retrying, Answering, Answered, Draining, Drained}
}
