package payouts

// moves calls yield with everything that can happen next.
func (r *mRules) moves(s *mState, yield func(mMove, mState)) {
	for i := range uint8(modelWorkers) {
		r.movesOf(s, i, yield)
	}
	for n := range uint8(modelPayouts) {
		r.movesAbout(s, n, yield)
	}
	r.movesOfPeople(s, yield)
	r.movesOfTime(s, yield)
}

// movesOf are the moves of a process.
func (r *mRules) movesOf(s *mState, i uint8, yield func(mMove, mState)) {
	w := &s.w[i]
	if w.at == atIdle {
		for n := range uint8(modelPayouts) {
			if t := *s; r.claim(&t, i, n) {
				yield(mMove{kind: moveClaim, w: i, p: n}, t)
			}
		}
		return
	}
	if s.limit.deaths > 0 {
		t := *s
		t.limit.deaths--
		t.over(i)
		yield(mMove{kind: moveDie, w: i}, t)
	}
	if w.at == atCall {
		for how := range uint8(callsOfOneOrder) {
			if t := *s; r.call(&t, i, how) {
				yield(mMove{kind: moveCall, w: i, how: how}, t)
			}
		}
		return
	}
	if t := *s; w.at == atRead && r.readOld(&t, i) {
		yield(mMove{kind: moveReadOld, w: i}, t)
	}
	t := *s
	r.step(&t, i)
	yield(mMove{kind: moveStep, w: i}, t)
}

// claim has a process take a payout.
func (r *mRules) claim(s *mState, i, n uint8) bool {
	p := &s.p[n]
	if p.state == mNone || p.state >= mFailed && !(r.retryCancelled && p.state == mCancelled) || p.owner != 0 && !p.lapsed && !r.noLease {
		return false
	}
	switch p.state {
	case mCreated, mRefused:
		if n == 0 && s.run != 1 && !r.unapproved || s.held && !r.holdIgnored {
			return false
		}
		if p.state == mRefused && p.why == whyFunds && s.poor { // it is refused again, and nothing else comes of it
			return false
		}
	case mPaid: // only a notice has a payout that came back looked at
	}
	p.owner, p.lapsed = i+1, false
	s.w[i] = mWorker{at: atReady, payout: n}
	if p.state == mCancelled {
		p.state = mRefused
	}
	return true
}

// movesAbout are the moves of a payout that are nobody's here.
func (r *mRules) movesAbout(s *mState, n uint8, yield func(mMove, mState)) {
	p := &s.p[n]
	if p.state == mNone {
		return
	}
	if p.owner > 0 && !p.lapsed && s.limit.deaths > 0 {
		t := *s
		t.limit.deaths--
		if t.p[n].lapsed = true; t.w[p.owner-1].at == atCall || t.w[p.owner-1].at == atIdle {
			t.over(p.owner - 1) // it makes no request any more
		}
		yield(mMove{kind: moveLapse, p: n}, t)
	}
	if p.state == mCreated || p.state == mRefused || r.cancelSent && (p.state == mSending || p.state == mUnknown) {
		t := *s
		t.p[n].owner, t.p[n].lapsed, t.p[n].state = 0, false, mCancelled
		t.transit, t.available = t.transit-p.left(), t.available+p.left()
		yield(mMove{kind: moveCancel, p: n}, t)
	}
	if t := *s; r.again(&t, n) {
		yield(mMove{kind: moveRetry, p: n}, t)
	}
	for act := range uint8(modelActs) {
		for k := range uint8(modelAttempts) {
			if !s.truth[n].keys[act][k].flight {
				continue
			}
			t := *s
			key := &t.truth[n].keys[act][k]
			key.flight = false
			yield(mMove{kind: moveLost, p: n, how: act, n: k}, t)
			if key.memory == memNone {
				key.memory = t.carryOut(n, act, k)
			}
			yield(mMove{kind: moveArrive, p: n, how: act, n: k}, t)
		}
	}
	r.movesOfBank(s, n, yield)
}

// again pays again what failed or came back.
func (r *mRules) again(s *mState, n uint8) bool {
	p := &s.p[n]
	over := p.state == mFailed || p.state == mPaid && p.returned || r.retryCancelled && p.state == mCancelled || r.retryTwice && p.state == mAtAccount
	if n != 0 || !over || s.p[1].state != mNone || s.held || s.disabled || s.available < modelUnits && !r.retryTwice {
		return false
	}
	s.p[1] = mPayout{state: mCreated}
	s.available, s.transit = s.available-modelUnits, s.transit+modelUnits
	return true
}

// movesOfBank are what the bank and the processor do with money that has left.
func (r *mRules) movesOfBank(s *mState, n uint8, yield func(mMove, mState)) {
	for k, o := range s.truth[n].outs {
		if o.state == outMoving {
			t := *s
			t.truth[n].outs[k].state, t.truth[n].outs[k].wasThere = outPaid, true
			yield(mMove{kind: moveBankPays, p: n, n: uint8(k)}, t)
		}
		if (o.state == outMoving || o.state == outPaid) && s.limit.returns > 0 {
			t := *s
			t.limit.returns--
			t.truth[n].outs[k].state, t.bad = outFailed, true
			t.bank, t.account = t.bank-o.amount, t.account+o.amount
			yield(mMove{kind: moveBankFails, p: n, n: uint8(k)}, t)
		}
	}
	last := uint8(0)
	if s.truth[1].keys[actSend] != [modelAttempts]mKey{} {
		last = 1
	}
	// What others made up is not paid out by itself while the bank has what was there before: that would not be this payout's.
	first := s.truth[n].outs[0].state
	if n == last && !s.manual && s.account > 0 && !s.off && !s.bad && (first == outNone || first == outFailed) && s.truth[n].outs[modelOuts-1].state == outNone {
		t := *s
		t.leave(n, s.account, true)
		yield(mMove{kind: moveSweep, p: n}, t)
	}
}

// movesOfPeople are what people do, here and at the account.
func (r *mRules) movesOfPeople(s *mState, yield func(mMove, mState)) {
	try := func(kind uint8, can bool, change func(*mState)) {
		if can {
			t := *s
			change(&t)
			yield(mMove{kind: kind}, t)
		}
	}
	try(moveHold, !s.held && s.limit.holds > 0, func(t *mState) { t.held, t.limit.holds = true, t.limit.holds-1 })
	try(moveRelease, s.held, func(t *mState) { t.held = false })
	try(moveApprove, s.run == 0, func(t *mState) { t.run = 1 })
	try(moveRefuse, s.run == 0 && s.p[0].state == mCreated, func(t *mState) {
		t.run = 2
		t.p[0].state, t.p[0].owner = mCancelled, 0
		t.transit, t.available = 0, modelUnits
	})
	try(moveFill, s.poor, func(t *mState) { t.poor = false })
	try(moveOff, !s.off && s.limit.offs > 0, func(t *mState) { t.off, t.limit.offs = true, t.limit.offs-1 })
	try(moveNoticed, s.off && !s.disabled, func(t *mState) { t.disabled = true })
	try(moveMend, s.off || s.bad || s.disabled, func(t *mState) { t.off, t.bad, t.disabled = false, false, false })
	try(moveShort, s.limit.shorts > 0 && s.account > 0, func(t *mState) {
		t.limit.shorts--
		t.account, t.elsewhere = t.account-1, t.elsewhere+1
	})
	try(moveMadeUp, s.elsewhere > 0, func(t *mState) { t.account, t.elsewhere = t.account+1, t.elsewhere-1 })
}

// movesOfTime are the passing of more than five minutes, and of so long that keys are forgotten. A request is over by then.
func (r *mRules) movesOfTime(s *mState, yield func(mMove, mState)) {
	if s.flights() {
		return
	}
	t := *s
	for i := range t.w {
		t.w[i].fresh = false
	}
	for n := range t.p {
		for act := range t.p[n].tries {
			for k := range t.p[n].tries[act] {
				t.p[n].tries[act][k].recent = false
			}
		}
	}
	if t != *s {
		yield(mMove{kind: moveMinutes}, t)
	}
	if s.w != ([modelWorkers]mWorker{}) {
		return
	}
	if s.limit.days > 0 {
		t.limit.days--
		t.age(true)
		for n := range t.truth {
			for act := range t.truth[n].keys {
				for k := range t.truth[n].keys[act] {
					t.truth[n].keys[act][k].memory = memNone
				}
			}
		}
		yield(mMove{kind: moveDay}, t)
	}
	if t = *s; s.limit.backs > 0 { // that looks count later then is left out, since it can only keep something from happening
		t.limit.backs--
		t.age(false)
		yield(mMove{kind: moveBack}, t)
	}
}

// age has our clock say that the keys of all open attempts may be forgotten, or that none is.
func (s *mState) age(aged bool) {
	for n := range s.p {
		for act := range s.p[n].tries {
			for k := range s.p[n].tries[act] {
				t := &s.p[n].tries[act][k]
				t.aged = aged && t.sent > 0 && t.open()
			}
		}
	}
}
