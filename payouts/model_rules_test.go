package payouts

// What a process does with a payout, transaction by transaction, as the code does it: transfer, follow, pullBack, and do.

// mine reports whether the payout is still this process's, and renews its lease as every transaction does.
func (r *mRules) mine(s *mState, i uint8) bool {
	p := &s.p[s.w[i].payout]
	if p.owner != i+1 && !r.noLease {
		s.w[i] = mWorker{}
		return false
	}
	if p.owner == i+1 {
		p.lapsed = false
	}
	return true
}

// over ends what a process does with its payout; on goes on with it.
func (s *mState) over(i uint8) {
	if p := &s.p[s.w[i].payout]; p.owner == i+1 {
		p.owner, p.lapsed = 0, false
	}
	s.w[i] = mWorker{}
}

func (s *mState) on(i uint8) { s.w[i] = mWorker{at: atReady, payout: s.w[i].payout} }

// step takes a process one transaction or one reading further.
func (r *mRules) step(s *mState, i uint8) {
	w := &s.w[i]
	switch w.at {
	case atReady:
		r.ready(s, i)
	case atSend:
		r.send(s, i)
	case atKeep:
		if r.mine(s, i) {
			r.settle(s, i, toldRefused, whyKept, 0)
		}
	case atTold:
		if r.mine(s, i) {
			r.settle(s, i, w.told, w.why, w.next)
		}
	case atLook:
		w.told, w.next = s.found(w.payout, w.act, w.number)
		w.at = atLooked
	case atLooked:
		r.looked(s, i)
	case atRead:
		r.read(s, i)
	case atSeen:
		if r.mine(s, i) {
			r.judge(s, i)
		}
	case atSurvey:
		w.seen, w.at = s.autoAfter(w.payout, s.p[w.payout].outgoing), atSurveyed
	case atSurveyed:
		r.surveyed(s, i)
	}
}

// ready chooses what is next about a payout.
func (r *mRules) ready(s *mState, i uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	if p.owner != i+1 { // what it writes next is not taken
		s.w[i] = mWorker{}
		return
	}
	switch p.state {
	case mCreated, mRefused:
		switch {
		case p.state == mRefused && p.why == whyAccount:
			s.disabled = true
			s.giveUp(w.payout, i)
		case s.disabled:
			s.giveUp(w.payout, i)
		case s.held && !r.holdIgnored:
			s.over(i)
		default:
			r.do(s, i, actSend, modelUnits)
		}
	case mSending, mUnknown:
		w.kept = s.held && !r.holdIgnored
		r.do(s, i, actSend, modelUnits)
	case mSubmitted:
		r.follow(s, i)
	case mAtAccount:
		r.pull(s, i)
	case mPaid:
		switch {
		case p.returned && !r.returnedAgain:
			s.over(i)
		case p.why != whyNothing && !p.returned:
			r.pull(s, i)
		default:
			r.follow(s, i)
		}
	default:
		s.over(i)
	}
}

// giveUp cancels what was never sent.
func (s *mState) giveUp(n, i uint8) {
	p := &s.p[n]
	p.state = mCancelled
	s.transit, s.available = s.transit-p.left(), s.available+p.left()
	s.over(i)
}

func (r *mRules) follow(s *mState, i uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	if s.manual && p.outgoing == 0 && (p.why != whyFunds || p.last(actOut).open()) {
		r.do(s, i, actOut, p.left())
		return
	}
	w.at = atRead
}

func (r *mRules) pull(s *mState, i uint8) {
	w := &s.w[i]
	if last := s.p[w.payout].last(actBack); last.open() {
		r.do(s, i, actBack, last.amount)
		return
	}
	w.at = atSurvey
}

// do brings an act on: it begins an attempt if none is open, and chooses between sending and looking up.
func (r *mRules) do(s *mState, i, act, amount uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	last := p.last(act)
	if !last.open() || r.keyBeside && last.state == tUnknown && last.next == nextLook && p.number[act] < modelAttempts {
		if act == actSend && (s.held && !r.holdIgnored || s.disabled && !r.sendDisabled) {
			s.over(i)
			return
		}
		if p.number[act] == modelAttempts {
			s.beyond = true
			s.over(i)
			return
		}
		p.tries[act][p.number[act]] = mTry{state: tIntended, amount: amount}
		p.number[act]++
		if last = p.last(act); act == actSend {
			p.state, p.why = mSending, whyNothing
		}
	}
	w.act, w.number = act, p.number[act]-1
	if last.state == tIntended && w.number > 0 {
		w.at, w.before = atLook, true
		return
	}
	r.choose(s, i)
}

// search begins a look that counts. It counts from before it is asked, however long the question or its answer is on its way.
func (s *mState) search(i uint8) {
	w := &s.w[i]
	w.at, w.before, w.again, w.fresh, w.soon = atLook, false, false, true, s.p[w.payout].tries[w.act][w.number].recent
}

// choose decides whether an open attempt is sent, looked up, or ended unsent.
func (r *mRules) choose(s *mState, i uint8) {
	w := &s.w[i]
	t := &s.p[w.payout].tries[w.act][w.number]
	may := t.state == tIntended || t.next == nextAgain && (!t.aged || r.resendForgotten)
	switch {
	case w.kept && t.state == tIntended:
		w.at = atKeep
	case !w.kept && may && t.sent > 0 && !r.blindAgain:
		w.at, w.before, w.again = atLook, false, true
	case !w.kept && may:
		w.at, w.before = atSend, false
	default:
		s.search(i)
	}
}

// send stores that the order leaves, unless something keeps it back.
func (r *mRules) send(s *mState, i uint8) {
	if !r.mine(s, i) {
		return
	}
	w := &s.w[i]
	p := &s.p[w.payout]
	t := &p.tries[w.act][w.number]
	if w.act == actSend && (s.held && !r.holdIgnored || s.disabled && !r.sendDisabled) {
		if w.at = atKeep; t.sent > 0 {
			s.search(i)
		}
		return
	}
	t.state, t.sent = tSending, min(t.sent+1, 2)
	w.at, w.again = atCall, false
}

// looked settles what a look-up has found.
func (r *mRules) looked(s *mState, i uint8) {
	w := &s.w[i]
	count, amount := w.told, w.next
	p := &s.p[w.payout]
	switch {
	case (w.before || w.again) && count == 0 && p.owner != i+1 && !r.noLease: // what it writes next is not taken
		s.w[i] = mWorker{}
		return
	case w.before && count == 0:
		r.choose(s, i)
		return
	case w.again && count == 0:
		w.at = atSend
		return
	}
	if !r.mine(s, i) {
		return
	}
	t := &p.tries[w.act][w.number]
	switch {
	case count > 1 || count == 1 && amount != t.amount:
		r.settle(s, i, toldUnknown, whyOther, nextAlarm)
	case count == 1:
		r.settle(s, i, toldDone, 0, 0)
	case t.next == nextAlarm:
		r.settle(s, i, toldUnknown, whyOther, nextAlarm)
	default:
		if soon := w.soon && !r.lateLook || t.recent; !soon {
			t.looks, t.recent = min(t.looks+1, 2), w.fresh || r.lateLook
		}
		if t.looks < 2 && !r.oneLook {
			r.settle(s, i, toldUnknown, whyOther, nextLook)
			return
		}
		r.settle(s, i, toldRefused, whyAbsent, 0)
	}
}

// settle stores an outcome and what it makes of the payout.
func (r *mRules) settle(s *mState, i, told, why, next uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	t := &p.tries[w.act][w.number]
	switch told {
	case toldDone:
		t.state = tDone
		r.done(s, i, t)
	case toldRefused:
		if t.state = tRefused; why == whyAbsent {
			t.state = tAbsent
		}
		r.refused(s, i, why)
	default:
		t.state, t.next = tUnknown, next
		if w.act == actSend {
			p.state, p.why = mUnknown, whyOther
		} else if w.act == actOut {
			p.why = whyOther
		}
		if r.closeUnknown && next == nextLook {
			t.state = tAbsent
			r.refused(s, i, whyAbsent)
			return
		}
		s.over(i)
	}
}

// done is what comes of an act that was carried out.
func (r *mRules) done(s *mState, i uint8, t *mTry) {
	n := s.w[i].payout
	p := &s.p[n]
	switch s.w[i].act {
	case actSend:
		p.state, p.why = mSubmitted, whyNothing
		s.held2, s.moving = s.held2-modelUnits, s.moving+modelUnits
		s.on(i)
		return
	case actOut:
		p.outgoing, p.why = s.ordered(n), whyNothing
	case actBack:
		p.pulled += t.amount
		s.held2 += t.amount
		s.available += t.amount
		if p.state == mPaid {
			p.returned = true
			break
		}
		s.moving, s.transit = s.moving-t.amount, s.transit-t.amount
		if p.left() == 0 {
			p.state = mFailed
		}
	}
	s.over(i)
}

// refused is what comes of an act that was definitely not carried out.
func (r *mRules) refused(s *mState, i, why uint8) {
	p := &s.p[s.w[i].payout]
	switch s.w[i].act {
	case actSend:
		p.state, p.why = mRefused, why
		if why == whyAbsent || why == whyKept || why == whyAccount {
			s.on(i)
			return
		}
	case actOut:
		p.why = why
		if why == whyAbsent {
			s.on(i)
			return
		}
		if why != whyFunds {
			p.state = mAtAccount
			s.disabled = s.disabled || why == whyAccount
			s.on(i)
			return
		}
	case actBack:
		if why == whyAbsent {
			s.on(i)
			return
		}
	}
	s.over(i)
}

// read reads what became of the way to the bank.
func (r *mRules) read(s *mState, i uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	w.seen, w.seenState = p.outgoing, outNone
	if w.seen == 0 && !s.manual {
		w.seen = s.autoAfter(w.payout, 0)
	}
	if w.seen > 0 {
		w.seenState = s.truth[w.payout].outs[w.seen-1].state
	}
	w.at = atSeen
}

// readOld reads what was so a moment ago. It reports false if that is the same.
func (r *mRules) readOld(s *mState, i uint8) bool {
	r.read(s, i)
	w := &s.w[i]
	if w.seen == 0 || w.seenState == outMoving || s.limit.faults == 0 {
		return false
	}
	s.limit.faults--
	o := s.truth[w.payout].outs[w.seen-1]
	if w.seenState = outMoving; o.state == outFailed && o.wasThere {
		w.seenState = outPaid
	}
	return true
}

// judge decides what a reading of the way to the bank means.
func (r *mRules) judge(s *mState, i uint8) {
	w := &s.w[i]
	p := &s.p[w.payout]
	switch w.seenState {
	case outNone:
		if s.manual && p.outgoing == 0 {
			r.do(s, i, actOut, p.left())
			return
		}
	case outMoving:
		if p.state == mSubmitted || r.staleRead {
			p.outgoing, p.state = w.seen, mSubmitted
		}
	case outPaid:
		p.outgoing = w.seen
		if p.state == mSubmitted {
			p.state, p.why, p.paid = mPaid, whyNothing, true
			s.transit, s.moving = s.transit-p.left(), s.moving-p.left()
		}
	case outFailed:
		p.outgoing, p.why = w.seen, whyBank
		if p.state == mSubmitted {
			p.state = mAtAccount
		}
		s.disabled = true
		if t := p.last(actOut); t.state == tDone {
			t.state = tFailed
		}
		s.on(i)
		return
	}
	s.over(i)
}

// surveyed takes the money back, unless it has left by itself.
func (r *mRules) surveyed(s *mState, i uint8) {
	if !r.mine(s, i) {
		return
	}
	w := &s.w[i]
	p := &s.p[w.payout]
	if w.seen > 0 {
		p.outgoing, p.why = w.seen, whyNothing
		if p.state == mAtAccount {
			p.state = mSubmitted
		}
		s.on(i)
		return
	}
	amount := uint8(0)
	if p.number[actBack] > 0 && p.last(actBack).state != tDone {
		_, amount = s.found(w.payout, actBack, p.number[actBack]-1)
	}
	if amount == 0 {
		if amount = min(p.left(), s.account); p.state == mPaid && amount < p.left() {
			amount = 0
		}
	}
	if r.secondBack {
		amount = min(modelUnits, s.account)
	}
	if amount == 0 {
		s.over(i)
		return
	}
	r.do(s, i, actBack, amount)
}
