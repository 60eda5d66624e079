package payouts

// The processor as the model knows it: a key is carried out once as long as it is remembered, and is answered the same.

// mRules are the rules of the model. Each field breaks one of them.
type mRules struct {
	cancelSent, retryCancelled, retryTwice, holdIgnored, keyBeside, oneLook, staleRead, secondBack, noLease, resendForgotten, closeUnknown bool
	sendDisabled, ignoreReplay, returnedAgain, unapproved, lateLook, blindAgain                                                            bool
}

// carryOut has the processor do what an order asks for. It returns what the key is answered from then on.
func (s *mState) carryOut(p, act, n uint8) (memory uint8) {
	key, amount := &s.truth[p].keys[act][n], s.p[p].tries[act][n].amount
	switch act {
	case actSend:
		switch {
		case s.off:
			return memAccount
		case s.poor:
			return memFunds
		}
		s.ours, s.account = s.ours-modelUnits, s.account+modelUnits
	case actOut:
		switch {
		case s.off || s.bad:
			return memAccount
		case s.account < amount:
			return memFunds
		}
		if !s.leave(p, amount, false) {
			return memOther
		}
	case actBack:
		switch {
		case s.truth[p].reversed+amount > modelUnits:
			return memOther
		case s.account < amount:
			return memFunds
		}
		s.truth[p].reversed += amount
		s.account, s.ours = s.account-amount, s.ours+amount
	}
	key.did++
	return memDone
}

// leave begins a payout from the account to the bank.
func (s *mState) leave(p, amount uint8, auto bool) bool {
	for i := range s.truth[p].outs {
		if o := &s.truth[p].outs[i]; o.state == outNone {
			*o = mOut{state: outMoving, amount: amount, auto: auto}
			s.account, s.bank = s.account-amount, s.bank+amount
			return true
		}
	}
	s.beyond = true
	return false
}

// The answers to a call.
const (
	toldUnknown = iota
	toldDone
	toldRefused
)

// call is a request of a process. It reports false if it cannot go this way.
func (r *mRules) call(s *mState, i, how uint8) bool {
	w := &s.w[i]
	key := &s.truth[w.payout].keys[w.act][w.number]
	if how != callRight {
		if s.limit.faults == 0 || key.flight || how > callNever && key.memory != memNone && !r.ignoreReplay {
			return false
		}
		s.limit.faults--
	}
	w.at, w.told, w.why, w.next = atTold, toldUnknown, whyOther, nextAgain
	switch {
	case how == callNever:
		return true
	case key.flight: // somebody's request with the key is worked on
		return true
	case how == callLate:
		key.flight = true
		return true
	case how == call500:
		key.memory, w.next = mem500, nextLook
		return true
	}
	replayed := key.memory != memNone && !r.ignoreReplay
	if !replayed {
		key.memory = s.carryOut(w.payout, w.act, w.number)
	}
	switch {
	case how == callDoneSilent:
		return true
	case how == callDone500:
		key.memory = mem500
	}
	r.answer(w, key.memory, replayed, s.p[w.payout].tries[w.act][w.number].sent > 1)
	return true
}

// answer is what the driver makes of an answer. A refusal of an order that was sent before counts only if it is the one of
// before, or can come only after the key was asked for.
func (r *mRules) answer(w *mWorker, memory uint8, replayed, again bool) {
	switch memory {
	case memDone:
		w.told = toldDone
	case mem500:
		w.next = nextLook
	case memFunds:
		w.told, w.why = toldRefused, whyFunds
	case memAccount, memOther:
		if w.why = whyAccount; memory == memOther {
			w.why = whyOther
		}
		if again && !replayed {
			w.next = nextLook
		} else {
			w.told = toldRefused
		}
	}
}

// found counts what a look-up finds: all that was carried out under the instruction of an attempt, and how much it was.
func (s *mState) found(p, act, n uint8) (count, amount uint8) {
	first := n
	for first > 0 && s.p[p].tries[act][first-1].state != tDone {
		first--
	}
	if act != actBack {
		first = 0
	}
	for i := first; i < modelAttempts && (i <= n || act != actBack); i++ {
		if did := s.truth[p].keys[act][i].did; did > 0 {
			count, amount = count+did, s.p[p].tries[act][i].amount
		}
	}
	return count, amount
}

// flights reports whether a request is under way whose sender has gone.
func (s *mState) flights() bool {
	for p := range s.truth {
		for act := range s.truth[p].keys {
			for _, k := range s.truth[p].keys[act] {
				if k.flight {
					return true
				}
			}
		}
	}
	return false
}

// autoAfter is the first payout that the processor made by itself after one of them, counted from 1; 0 for none.
func (s *mState) autoAfter(p, after uint8) uint8 {
	for i := after; i < modelOuts; i++ {
		if o := s.truth[p].outs[i]; o.state != outNone && o.auto {
			return i + 1
		}
	}
	return 0
}

// ordered is the payout that was made of an order of ours, counted from 1.
func (s *mState) ordered(p uint8) uint8 {
	for i := uint8(0); i < modelOuts; i++ {
		if o := s.truth[p].outs[i]; o.state != outNone && !o.auto {
			return i + 1
		}
	}
	return 0
}
