package payouts

import "fmt"

// The model of a payout's life is small enough to be tried in every order. It has two payouts, of which the second pays the
// first again, the processor's truth about them, two processes that carry them, and everything that may come between. Its
// money has two units, so that a part can come back. It is held to the code by the walks and by the database's guards.
//
// Two things about time are taken for granted, and the code makes them so: whoever has lost its lease makes no request any
// more (relyFor is shorter than leaseFor), and a request whose sender has gone is carried out within five minutes or never
// (lookApart).

// modelUnits is the amount of a payout.
const modelUnits = 2

const (
	modelPayouts  = 2
	modelAttempts = 3
	modelOuts     = 2
	modelWorkers  = 2
)

// The states of a payout as numbers, in the order in which they are declared.
const (
	mNone = iota
	mCreated
	mSending
	mUnknown
	mRefused
	mSubmitted
	mAtAccount
	mPaid
	mFailed
	mCancelled
)

var modelStates = []string{"", Created, Sending, Unknown, Refused, Submitted, AtAccount, Paid, Failed, Cancelled}

// The states of an attempt as numbers.
const (
	tNone = iota
	tIntended
	tSending
	tUnknown
	tDone
	tFailed
	tRefused
	tAbsent
)

var modelTries = []string{"", attemptIntended, attemptSending, attemptUnknown, attemptDone, attemptFailed, attemptRefused, attemptAbsent}

// The acts at the processor.
const (
	actSend = iota // from our balance to the payee's account
	actOut         // from there to the bank
	actBack        // from there back to us
	modelActs
)

var modelActNames = []string{"transfer", "payout", "reversal"}

// Why a payout or an attempt is where it is.
const (
	whyNothing = iota
	whyFunds
	whyAccount
	whyAbsent
	whyKept
	whyBank
	whyOther
)

// What settles an attempt whose outcome is not known.
const (
	nextAgain = iota
	nextLook
	nextAlarm
)

// mTry is an attempt as the database has it.
type mTry struct {
	state, sent, next, looks, amount uint8
	// recent says that it was looked up within five minutes, aged that its key may be forgotten.
	recent, aged bool
}

func (t mTry) open() bool { return t.state == tIntended || t.state == tSending || t.state == tUnknown }

// mPayout is a payout as the database has it.
type mPayout struct {
	state, why       uint8
	tries            [modelActs][modelAttempts]mTry
	number           [modelActs]uint8
	outgoing, pulled uint8
	paid, returned   bool
	// owner is the process that has claimed it, counted from 1; lapsed says that its lease is over.
	owner  uint8
	lapsed bool
}

func (p *mPayout) left() uint8 { return modelUnits - p.pulled }

func (p *mPayout) last(act uint8) *mTry {
	if p.number[act] == 0 {
		return &mTry{}
	}
	return &p.tries[act][p.number[act]-1]
}

// What the processor remembers of a key.
const (
	memNone = iota
	memDone
	mem500
	memFunds
	memAccount
	memOther
)

// mKey is the processor's truth about one key.
type mKey struct {
	// did counts how often it was carried out; memory is what the same key is answered.
	did, memory uint8
	// flight says that a request is under way whose sender has gone.
	flight bool
}

// The states of the processor's payout to the bank.
const (
	outNone = iota
	outMoving
	outPaid
	outFailed
)

type mOut struct {
	state, amount  uint8
	auto, wasThere bool
}

// mTruth is the processor's truth about one payout.
type mTruth struct {
	keys     [modelActs][modelAttempts]mKey
	outs     [modelOuts]mOut
	reversed uint8
}

// Where a process is in the middle of its work.
const (
	atIdle     = iota
	atReady    // it has the payout, and nothing in hand
	atSend     // about to store that it sends
	atKeep     // about to store that nothing is sent
	atCall     // stored; about to send
	atTold     // the answer in hand, not stored
	atLook     // about to look up
	atLooked   // what was found in hand
	atRead     // about to read what became of the way to the bank
	atSeen     // what was read in hand
	atSurvey   // about to look whether the money has left by itself
	atSurveyed // what was found in hand
)

// mWorker is one process.
type mWorker struct {
	at, payout, act, number uint8
	// told is an answer, or how many were found; seen is the payout to the bank that was read, in its state then.
	told, why, next, seen, seenState uint8
	// kept says that nothing may be sent; before that the look comes before a new key is used, again that it comes before the
	// same order is sent once more.
	kept, before, again bool
	// soon says that the look was asked for within five minutes after the last one, fresh that this is not longer ago itself.
	soon, fresh bool
}

// mLimits bounds how often the world does something bad.
type mLimits struct{ faults, deaths, holds, returns, shorts, offs, days, backs, poor uint8 }

// mState is everything. It holds only bytes and truths, and is compared by them.
type mState struct {
	p     [modelPayouts]mPayout
	truth [modelPayouts]mTruth
	w     [modelWorkers]mWorker
	limit mLimits
	// manual says that we order the way to the bank.
	manual bool
	// held is a hold, run whether the run waits (0), is released (1) or refused (2).
	held bool
	run  uint8
	// disabled is our destination; off and bad are the processor's account and bank, poor our balance there.
	disabled, off, bad, poor bool
	// The processor's money: ours, at the account, at the bank, and taken from the account by others.
	ours, account, bank, elsewhere uint8
	// Our books: the payee's, in transit, at the processor, on its way.
	available, transit, held2, moving uint8
	// beyond says that the bounds kept something from being tried.
	beyond bool
}

// modelStart is a payout that was created, whose run waits for a person.
func modelStart(manual bool, l mLimits) mState {
	s := mState{manual: manual, limit: l, poor: l.poor > 0, ours: modelUnits, transit: modelUnits, held2: modelUnits}
	s.p[0].state = mCreated
	return s
}

// The kinds of moves.
const (
	moveStep   = iota // a process goes on by one transaction or one reading
	moveCall          // a process's request reaches the processor, or does not
	moveClaim         // a process takes a payout
	moveDie           // a process dies, and its lease passes
	moveLapse         // the lease of a slow process passes
	moveArrive        // a request whose sender has gone is carried out
	moveLost          // or is lost
	moveHold
	moveRelease
	moveApprove
	moveRefuse
	moveCancel
	moveRetry
	moveMinutes // more than lookApart passes
	moveDay     // keys are forgotten
	moveBack    // our clock is set back, by so long that every key seems to be remembered
	moveFill    // our balance is filled
	moveOff     // the account is disabled at the processor
	moveMend    // account, bank and destination are mended
	moveBankPays
	moveBankFails
	moveSweep // the processor pays the account out by itself
	moveShort // others take a part from the account
	moveMadeUp
	moveReadOld // a process reads what was so a moment ago
	moveNoticed // a notice has our destination disabled
)

var moveNames = []string{"goes on", "calls", "claims", "dies", "has lost its lease", "a late request is carried out", "a late request is lost", "a hold is placed",
	"the hold is released", "the run is approved", "the run is refused", "is cancelled", "is paid again", "minutes pass", "a day passes", "our clock is set back", "our balance is filled",
	"the account is disabled", "the account is mended", "the bank has it", "the bank sends it back", "the processor pays out by itself", "others take a part",
	"what others took is made up", "reads what was so a moment ago", "a notice disables the destination"}

// How a call goes.
const (
	callRight       = iota
	callNever       // it is not carried out, and not answered
	callDoneSilent  // carried out, and not answered
	call500         // not carried out, and the failure is remembered
	callDone500     // carried out, and a failure is answered and remembered
	callLate        // under way while whoever sent it is gone
	callsOfOneOrder // how many there are
)

var callNames = []string{"and is answered", "and never arrives", "and gets no answer though it is done", "and gets 500", "and gets 500 though it is done", "and it arrives late"}

// mMove is one move.
type mMove struct{ kind, w, p, how, n uint8 }

// String tells the move.
func (m mMove) String() string {
	switch m.kind {
	case moveStep, moveDie, moveReadOld:
		return fmt.Sprintf("process %d %s", m.w+1, moveNames[m.kind])
	case moveCall:
		return fmt.Sprintf("process %d calls %s", m.w+1, callNames[m.how])
	case moveClaim:
		return fmt.Sprintf("process %d claims payout %d", m.w+1, m.p+1)
	case moveArrive, moveLost:
		return fmt.Sprintf("payout %d, %s %d: %s", m.p+1, modelActNames[m.how], m.n+1, moveNames[m.kind])
	case moveCancel, moveRetry, moveBankPays, moveBankFails, moveSweep, moveLapse:
		return fmt.Sprintf("payout %d: %s", m.p+1, moveNames[m.kind])
	}
	return moveNames[m.kind]
}

// kindly reports whether a move is one that mends or goes on, and not one that breaks something.
func (m mMove) kindly() bool {
	switch m.kind {
	case moveCall:
		return m.how == callRight
	case moveStep, moveClaim, moveArrive, moveLost, moveRelease, moveApprove, moveMinutes, moveFill, moveMend, moveBankPays, moveSweep, moveMadeUp:
		return true
	}
	return false
}
