package payouts

import "fmt"

// What must hold of every state of the model, of every move, and of what comes out in the end.

// modelForward is where a payout may go from a state (I12): the model's own table, which the database must agree with, and
// which the handbook shows.
var modelForward = map[string][]string{
	Created:   {Sending, Cancelled},
	Sending:   {Unknown, Refused, Submitted},
	Unknown:   {Sending, Refused, Submitted},
	Refused:   {Sending, Cancelled},
	Submitted: {AtAccount, Paid, Failed},
	AtAccount: {Submitted, Paid, Failed},
	Paid:      {}, Failed: {}, Cancelled: {},
}

// modelTryForward is the same for an attempt.
var modelTryForward = map[string][]string{
	attemptIntended: {attemptSending, attemptUnknown, attemptDone, attemptRefused},
	attemptSending:  {attemptUnknown, attemptDone, attemptRefused, attemptAbsent},
	attemptUnknown:  {attemptSending, attemptDone, attemptRefused, attemptAbsent},
	attemptDone:     {attemptFailed},
	attemptFailed:   {}, attemptRefused: {}, attemptAbsent: {},
}

// modelUnused and modelTryUnused are what the tables allow and no process does while the processor keeps to its word, with
// the reason why it is allowed.
var (
	modelUnused = map[[2]string]string{
		{Unknown, Sending}:  "what is sent again stays unknown until its outcome is",
		{Submitted, Failed}: "a rail that gives all back at once needs no way over the account",
		{AtAccount, Paid}:   "what left again by itself is submitted first",
	}
	modelTryUnused = map[[2]string]string{
		{attemptIntended, attemptUnknown}: "what was thought over is found more than once, or cannot be read",
		{attemptIntended, attemptDone}:    "what was thought over was carried out after all",
		{attemptSending, attemptAbsent}:   "the first of two looks makes it unknown",
		{attemptUnknown, attemptRefused}:  "only what is sent can be refused",
	}
)

// forwardStates and forwardTries are both tables by number.
var forwardStates, forwardTries = forwardOf(modelStates, modelForward), forwardOf(modelTries, modelTryForward)

func forwardOf(names []string, table map[string][]string) (f [16][16]bool) {
	for i, from := range names {
		for j, to := range names {
			f[i][j] = i == j
			for _, may := range table[from] {
				f[i][j] = f[i][j] || may == to && i > 0 && j > 0
			}
		}
	}
	f[0][1] = true
	return f
}

// broken tells what of a state must not be, or nothing.
func (s *mState) broken() string {
	for n := range s.p {
		if why := s.brokenPayout(n); why != "" {
			return fmt.Sprintf("payout %d: %s", n+1, why)
		}
	}
	if s.p[1].state != mNone && s.p[0].state != mFailed && !s.p[0].returned {
		return "it is paid again though it neither failed nor came back"
	}
	return s.brokenMoney()
}

func (s *mState) brokenPayout(n int) string {
	p, truth := &s.p[n], &s.truth[n]
	sent := uint8(0)
	for act := range truth.keys {
		for k, key := range truth.keys[act] {
			t := p.tries[act][k]
			switch {
			case key.did > 1:
				return fmt.Sprintf("%s %d was carried out twice (I6)", modelActNames[act], k+1)
			case (t.state == tRefused || t.state == tAbsent) && (key.did > 0 || key.flight):
				return fmt.Sprintf("%s %d was closed without evidence: it happened, or can still happen (I13)", modelActNames[act], k+1)
			case t.state == tDone && key.did == 0 && !s.didBefore(n, act, k):
				return fmt.Sprintf("%s %d is done and was not carried out (I13)", modelActNames[act], k+1)
			case t.open() && k+1 < int(p.number[act]):
				return fmt.Sprintf("%s %d has another beside it while it is open (I13)", modelActNames[act], k+1)
			}
			if act == actSend {
				sent += key.did
			}
		}
	}
	switch {
	case sent*modelUnits > truth.reversed+modelUnits:
		return "more transfers stand than one (I6)"
	case sent > 1:
		return "more was transferred than once (I6)"
	case (p.state == mCancelled || p.state == mCreated) && sent > 0:
		return "it was transferred and is " + modelStates[p.state]
	case truth.reversed > modelUnits || p.pulled > truth.reversed:
		return "more was taken back than there was (I8)"
	case p.state == mFailed && truth.reversed != modelUnits || p.returned && truth.reversed != modelUnits:
		return "it is over and its money is not back"
	}
	return ""
}

// didBefore reports whether the instruction of an attempt was carried out under a key before it.
func (s *mState) didBefore(n, act, k int) bool {
	count, _ := s.found(uint8(n), uint8(act), uint8(k))
	return count > 0
}

// brokenMoney compares the five places with what the payouts say, and our books with themselves.
func (s *mState) brokenMoney() string {
	var transit, moving uint8
	for n := range s.p {
		if state := s.p[n].state; state >= mCreated && state <= mAtAccount {
			if transit += s.p[n].left(); state >= mSubmitted {
				moving += s.p[n].left()
			}
		}
	}
	switch {
	case s.ours+s.account+s.bank+s.elsewhere != modelUnits:
		return "the processor's money is not conserved"
	case s.available+s.transit != s.held2+s.moving:
		return "our books do not balance (I8)"
	case s.transit != transit:
		return "what is in transit is not the sum of the payouts (I8)"
	case s.moving != moving:
		return "what is on its way is not the sum of the payouts (I8)"
	case s.available > modelUnits || s.transit > modelUnits:
		return "there is more than there was (I7)"
	}
	return ""
}

// brokenBy tells what is wrong about a move.
func (s *mState) brokenBy(m mMove, next *mState) string {
	for n := range s.p {
		p, q := &s.p[n], &next.p[n]
		switch {
		case !forwardStates[p.state][q.state]:
			return fmt.Sprintf("payout %d goes from %s to %s (I12)", n+1, modelStates[p.state], modelStates[q.state])
		case p.paid && !q.paid || p.returned && !q.returned || q.pulled < p.pulled:
			return fmt.Sprintf("what happened to payout %d is undone (I12)", n+1)
		case m.kind == moveStep && (p.state == mFailed || p.state == mCancelled || p.returned) && *q != *p && (q.owner == p.owner):
			return fmt.Sprintf("payout %d is over and is changed", n+1)
		}
		for act := range p.tries {
			for k := range p.tries[act] {
				if a, b := p.tries[act][k], q.tries[act][k]; !forwardTries[a.state][b.state] {
					return fmt.Sprintf("%s %d of payout %d goes from %s to %s (I12)", modelActNames[act], k+1, n+1, modelTries[a.state], modelTries[b.state])
				}
			}
		}
	}
	if m.kind != moveStep {
		return ""
	}
	from, to := &s.w[m.w], &next.w[m.w]
	p := &s.p[from.payout]
	if to.at == atCall && from.at != atCall {
		switch t := &p.tries[to.act][to.number]; {
		case to.act == actSend && s.held:
			return "it is sent in spite of a hold"
		case to.act == actSend && s.disabled:
			return "it is sent to a destination that is disabled"
		case to.act == actSend && from.payout == 0 && s.run != 1:
			return "it is sent without an approval (I17)"
		case t.aged:
			return "it is sent with a key that may be forgotten (I6)"
		}
	}
	if p.returned && !s.disabled && next.disabled {
		return "a payout that is over disables a destination that was mended (I11)"
	}
	return ""
}

// settled reports whether nothing is left to do.
func (s *mState) settled() bool {
	if s.w != ([modelWorkers]mWorker{}) || s.flights() {
		return false
	}
	for n := range s.p {
		p := &s.p[n]
		switch {
		case p.state == mNone || p.state == mFailed || p.state == mCancelled || p.returned:
		case p.state == mPaid && p.why == whyNothing && p.outgoing > 0 && s.truth[n].outs[p.outgoing-1].state == outPaid:
		default:
			return false
		}
	}
	return true
}

// truthOf and outcomeOf are what the processor did, and what became of the payouts: the second follows from the first (I11).
// Whether a payout that the bank had for a while failed or was returned depends on whether anybody looked meanwhile. The
// payee has the money in both cases; only our fee is dealt with otherwise, as the policy says of each.
func (s *mState) truthOf() (v [modelPayouts]mTruth) {
	for n := range s.truth {
		v[n].outs, v[n].reversed = s.truth[n].outs, s.truth[n].reversed
		for act := range s.truth[n].keys {
			for _, k := range s.truth[n].keys[act] {
				v[n].keys[act][0].did += k.did
			}
		}
		v[n].keys[actBack][0].did = 0 // in how many parts it came back
		if s.p[n].state == mNone {
			v[n].reversed = 99
		}
	}
	return v
}

type mOutcome struct {
	state                                    [modelPayouts]uint8
	available, transit, held2, moving, still uint8
}

func (s *mState) outcomeOf() mOutcome {
	o := mOutcome{available: s.available, transit: s.transit, held2: s.held2, moving: s.moving, still: s.ours - s.held2}
	for n := range s.p {
		if o.state[n] = s.p[n].state; s.p[n].returned {
			o.state[n] = mFailed
		}
	}
	return o
}
