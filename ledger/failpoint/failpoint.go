// Package failpoint names the places of the ways of a posting and of a payout at which a test makes the program end or stand
// still.
//
// A program built with the tag failpoint obeys MIZAN_FAILPOINT, such as "committed:kill@3": it kills itself, as kill -9
// does, the third time it passes the point. "committed:stop@3" stops it, as kill -STOP does, until it is continued.
// Without the tag Here compiles to nothing and the variable means nothing: a program that people run has no such places.
package failpoint

// Point is a place of one of the ways. The zero value is none.
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

// The places on the way of a payout. "-ing" is inside the transaction that does it, or right before the request, and the past is
// right after it.
const (
	// PeriodClaiming and PeriodClaimed are when a period of a job is taken, WorkBegun before its work and WorkEnded after it,
	// PeriodRecording and PeriodRecorded when its end is written down.
	PeriodClaiming  Point = "period-claiming"
	PeriodClaimed   Point = "period-claimed"
	WorkBegun       Point = "work-begun"
	WorkEnded       Point = "work-ended"
	PeriodRecording Point = "period-recording"
	PeriodRecorded  Point = "period-recorded"
	// PagePlanning and PagePlanned are when payouts of a run are created.
	PagePlanning Point = "page-planning"
	PagePlanned  Point = "page-planned"
	// PayoutClaiming and PayoutClaimed are when a process takes a payout to carry it.
	PayoutClaiming Point = "payout-claiming"
	PayoutClaimed  Point = "payout-claimed"
	// IntentStoring and IntentStored are when what will be sent is written down.
	IntentStoring Point = "intent-storing"
	IntentStored  Point = "intent-stored"
	// SendingCounting and SendingCounted are when a sending is counted; nothing has left yet.
	SendingCounting Point = "sending-counting"
	SendingCounted  Point = "sending-counted"
	// RequestAnswered is when an order has its answer, or none came, and nothing of it is stored.
	RequestAnswered Point = "request-answered"
	// OutcomeStored is when what came of an order is stored.
	OutcomeStored Point = "outcome-stored"
	// LookingUp and FoundOut stand around the lookup of an order whose outcome is not known.
	LookingUp Point = "looking-up"
	FoundOut  Point = "found-out"
	// PullingBack and PulledBack stand around taking money back from the payee's account.
	PullingBack Point = "pulling-back"
	PulledBack  Point = "pulled-back"
	// StepWriting is when a change of a payout is written and not committed, StepWritten when it is.
	StepWriting Point = "step-writing"
	StepWritten Point = "step-written"
	// NoticeReceived is when a notice was proven, NoticeStored when it is stored and the processor was not told.
	NoticeReceived Point = "notice-received"
	NoticeStored   Point = "notice-stored"
	// NoticeHandling and NoticeHandled are when what a notice asks for is noted.
	NoticeHandling Point = "notice-handling"
	NoticeHandled  Point = "notice-handled"
	// RetryCreating and RetryCreated are when a payout that came back is paid again by another one.
	RetryCreating Point = "retry-creating"
	RetryCreated  Point = "retry-created"
)

// All returns every point.
func All() []Point { return append(Posting(), Payouts()...) }

// Payouts returns the points on the way of a payout, in the order in which it comes by.
func Payouts() []Point {
	return []Point{PeriodClaiming, PeriodClaimed, WorkBegun, WorkEnded, PeriodRecording, PeriodRecorded, PagePlanning, PagePlanned,
		PayoutClaiming, PayoutClaimed, IntentStoring, IntentStored, SendingCounting, SendingCounted, RequestAnswered, OutcomeStored,
		LookingUp, FoundOut, PullingBack, PulledBack, StepWriting, StepWritten, NoticeReceived, NoticeStored, NoticeHandling,
		NoticeHandled, RetryCreating, RetryCreated}
}

// Posting returns the points on the way of a posting, in the order in which it comes by.
func Posting() []Point {
	return []Point{Decoded, PartitionWanted, PartitionMade, Beginning, Locked, LookedUp, Decided, Writing, Written, RollingBack,
		Committed, Settled, Retrying, Answering, Answered, Draining, Drained}
}
