package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"

	"mizan/ledger/audit"
	"mizan/ledger/money"
)

// The replay: the book's transactions posted once more, in Go, from the stored rows in their order. It shares no code
// with the checks that the database makes, and its state is compared with what is stored at the end.

// replay is one run through a book.
type replay struct {
	book   Book
	chart  *Chart
	found  *findings
	states accountStates
	// totals is the turnover by chart row, nil if the replay did not begin with the book.
	totals   map[chartTotalKey]*wideTurnover
	factors  factors
	run      referenceRun
	digest   [sha256.Size]byte
	digested bool // the digest is known
	known    map[int64][][sha256.Size]byte
	missed   bool // a transaction was missing

	transactions, entries, references int64

	marks   map[mark]bool
	scratch []byte
	lines   []audit.Entry
	slots   []verifyEntry
	sums    []currencySum
	floored []*accountState
}

type currencySum struct {
	currency money.Currency
	sum      wide
}

// newReplay begins after a checkpoint, or with the book if that is zero.
func newReplay(l *Ledger, book Book, after VerifyCheckpoint, known []VerifyCheckpoint, found *findings) *replay {
	r := &replay{
		book: book, chart: l.chart, found: found, factors: factors{maphash.MakeSeed()}, known: map[int64][][sha256.Size]byte{},
		states: accountStates{chunks: map[int32]*[stateChunk]accountState{}, fresh: after.Sequence == 0},
	}
	for _, k := range known {
		r.known[k.Sequence] = append(r.known[k.Sequence], k.Digest)
	}
	if after.Sequence == 0 {
		r.totals = map[chartTotalKey]*wideTurnover{}
		r.digest, r.digested = descriptionDigest(book), true
	} else {
		r.digest, r.digested = after.Digest, after.Digest != [sha256.Size]byte{}
	}
	what := "The checkpoint to begin after is not the one that is known."
	if after.Sequence == 0 {
		what = "The book's description is not the one the checkpoint was taken of."
	}
	if r.digested && !r.arrivesAt(after.Sequence) {
		found.add(VerifyFinding{Invariant: InvariantCheckpoint, Sequence: after.Sequence, What: what})
	}
	return r
}

// arrivesAt reports whether the digest is the one that every known checkpoint at this sequence has.
func (r *replay) arrivesAt(sequence int64) bool {
	for _, want := range r.known[sequence] {
		if want != r.digest {
			return false
		}
	}
	return true
}

func (r *replay) newInfo(address Address, currency money.Currency, code int) accountInfo {
	info := accountInfo{exists: true, address: address, currency: currency, code: code}
	if row := r.chart.rowOf(code, address); row.Floor == FloorDecision {
		info.floor = 1
		if row.Normal == Debit {
			info.floor = -1
		}
	}
	return info
}

// mark notes that both implementations must find this, and describes it.
func (r *replay) mark(kind markKind, sequence int64, at *accountInfo, format string, args ...any) {
	r.marks[mark{kind, sequence}] = true
	r.bad(markMeanings[kind].invariant, sequence, at, format, args...)
}

// bad adds a finding that only the replay makes.
func (r *replay) bad(invariant Invariant, sequence int64, at *accountInfo, format string, args ...any) {
	f := VerifyFinding{Invariant: invariant, Sequence: sequence, What: fmt.Sprintf(format, args...)}
	if at != nil {
		f.Account, f.Currency = at.address, at.currency
	}
	r.found.add(f)
}

// replayPage judges a page and returns what the database must find too.
func (r *replay) replayPage(p *verifyPage) map[mark]bool {
	r.marks = map[mark]bool{}
	at := make([]int32, p.high-p.low) // index of each sequence's header plus one
	first := make([]int, len(p.headers)+1)
	for i := range p.headers {
		first[i+1] = first[i]
		if h := &p.headers[i]; p.inside(h) {
			at[h.record.Sequence-p.low] = int32(i + 1)
			first[i+1] += h.lines
		}
	}
	extras := r.place(p, at, first)
	r.checkLinks(p, at)
	for sequence := p.low; sequence < p.high; sequence++ {
		i := at[sequence-p.low]
		if i == 0 {
			r.mark(markMissing, sequence, nil, "The transaction is missing.")
			if len(extras[sequence]) > 0 {
				r.mark(markOrphan, sequence, nil, "There are entries without a header.")
				r.applyEntries(sequence, 0, extras[sequence])
			}
			r.run.reset()
			r.digested, r.missed = false, true
			continue
		}
		h := &p.headers[i-1]
		entries := r.slots[first[i-1]:first[i]]
		r.transactions++
		r.checkTime(p, int(i-1))
		r.checkReference(p, int(i-1))
		r.replayTransaction(h, entries, extras[sequence])
	}
	return r.marks
}

// place sorts the page's entries by transaction and line. What has no place of its own is returned by transaction.
func (r *replay) place(p *verifyPage, at []int32, first []int) map[int64][]verifyEntry {
	n := first[len(first)-1]
	r.slots = slices.Grow(r.slots[:0], n)[:n]
	clear(r.slots)
	var extras map[int64][]verifyEntry
	for i := range p.entries {
		e := &p.entries[i]
		e.placed = true
		if h := at[e.sequence-p.low]; h > 0 {
			if slot := first[h-1] + int(e.line) - 1; e.line > 0 && slot < first[h] && !r.slots[slot].placed {
				r.slots[slot] = *e
				continue
			}
		}
		if extras == nil {
			extras = map[int64][]verifyEntry{}
		}
		extras[e.sequence] = append(extras[e.sequence], *e)
	}
	return extras
}

// replayTransaction posts one transaction again and compares everything that follows from it.
func (r *replay) replayTransaction(h *verifyHeader, entries, extras []verifyEntry) {
	sequence := h.record.Sequence
	whole := len(extras) == 0
	for i := range entries {
		whole = whole && entries[i].placed
	}
	if !whole {
		kept := make([]verifyEntry, 0, len(entries)+len(extras))
		for i := range entries {
			if entries[i].placed {
				kept = append(kept, entries[i])
			}
		}
		entries = append(kept, extras...)
		slices.SortFunc(entries, func(a, b verifyEntry) int { return int(a.line) - int(b.line) })
		r.mark(markLines, sequence, nil, "The header counts %d lines and there are %d entries, or their numbers are not 1 to %d.", h.lines, len(entries), h.lines)
	} else if h.lines < 2 && !(h.lines == 0 && factEvents[h.record.Event]) {
		r.bad(InvariantLines, sequence, nil, "It has too few lines for its event.")
	}
	r.checkAccountIDs(h, entries)
	r.applyEntries(sequence, Period(h.record.Period), entries)
	r.checkPeriod(h)
	r.lines = r.lines[:0]
	for i := range entries {
		e := &entries[i]
		info := r.states.of(e.account).info
		r.lines = append(r.lines, audit.Entry{Account: string(info.address), Currency: string(info.currency), Amount: e.amount, ExternalRef: e.external})
	}
	h.record.Entries = r.lines
	r.checkHash(h)
	r.run.collect(r, h)
}

// checkAccountIDs compares the header's list with the accounts of the entries: each once, in order.
func (r *replay) checkAccountIDs(h *verifyHeader, entries []verifyEntry) {
	var room [16]int32
	ids := room[:0]
	for i := range entries {
		if !slices.Contains(ids, entries[i].account) || len(ids) > 64 {
			ids = append(ids, entries[i].account)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if slices.Equal(ids, h.ids) {
		return
	}
	const text = "Its entries are not on the accounts that its header lists."
	if slices.Sort(h.ids); slices.Equal(ids, h.ids) {
		r.bad(InvariantLines, h.record.Sequence, nil, text) // listed in another order
		return
	}
	r.mark(markAccounts, h.record.Sequence, nil, text)
}

// applyEntries moves the accounts and proves the sums. Period 0 means that there is no header to say which.
func (r *replay) applyEntries(sequence int64, period Period, entries []verifyEntry) {
	r.sums, r.floored = r.sums[:0], r.floored[:0]
	lost := false
	for i := range entries {
		e := &entries[i]
		s := r.states.of(e.account)
		lost = lost || !s.info.exists
		r.entries++
		r.addSum(s.info.currency, e.amount)
		r.runEntry(s, e)
		r.addTurnover(s, e, period)
		if s.info.floor != 0 && !slices.Contains(r.floored, s) {
			r.floored = append(r.floored, s)
		}
	}
	for _, s := range r.floored {
		if s.info.floor > 0 && s.balance > 0 || s.info.floor < 0 && s.balance < 0 {
			r.mark(markFloor, sequence, s.info, "It leaves the account below zero.")
		}
	}
	if period == 0 {
		return // an orphan sums to nothing
	}
	for _, sum := range r.sums {
		lost = lost || sum.sum != wide{}
	}
	if lost {
		r.mark(markBalanced, sequence, nil, "Its entries do not sum to zero in each currency, or are on an account that does not exist.")
	}
}

func (r *replay) addSum(currency money.Currency, amount int64) {
	sign := uint64(amount >> 63) // all ones below zero: the number continued to 128 bits
	for i := range r.sums {
		if r.sums[i].currency == currency {
			r.sums[i].sum.add(uint64(amount))
			r.sums[i].sum.high += sign
			return
		}
	}
	r.sums = append(r.sums, currencySum{currency, wide{sign, uint64(amount)}})
}

// runEntry compares an entry's number and running sums with the account's entry before it. Whatever is stored is then
// believed, so that one wrong entry is not followed by all later ones.
func (r *replay) runEntry(s *accountState, e *verifyEntry) {
	debits := s.debits + max(e.amount, 0)
	if e.version != s.version+1 || e.balance != s.balance+e.amount || e.debit != debits {
		r.mark(markRunning, e.sequence, s.info, "Line %d does not continue the account: its number or its running sums do not follow from the entry before it.", e.line)
	}
	s.version, s.balance, s.debits, s.last = e.version, e.balance, e.debit, e.sequence
}

// addTurnover adds an entry to the turnover of its period, by account and by chart row.
func (r *replay) addTurnover(s *accountState, e *verifyEntry, period Period) {
	if r.totals == nil || period == 0 {
		return
	}
	info := s.info
	if info.period != period {
		key := chartTotalKey{period, info.code, info.currency}
		if r.totals[key] == nil {
			r.totals[key] = &wideTurnover{}
		}
		info.period, info.total = period, r.totals[key]
		info.debit, info.credit = r.factors.of(e.account, period, Debit), r.factors.of(e.account, period, Credit)
	}
	if e.amount > 0 {
		info.total.debits.add(uint64(e.amount))
		s.turnover.add(info.debit, uint64(e.amount))
	} else {
		info.total.credits.add(uint64(-e.amount))
		s.turnover.add(info.credit, uint64(-e.amount))
	}
}

// checkTime holds the order of recorded times.
func (r *replay) checkTime(p *verifyPage, i int) {
	h := &p.headers[i]
	if i > 0 && h.record.RecordedAt.Before(p.headers[i-1].record.RecordedAt) {
		r.mark(markTime, h.record.Sequence, nil, "It was recorded before the transaction in front of it.")
	}
}

func (r *replay) checkPeriod(h *verifyHeader) {
	effective := PeriodOf(h.record.OccurredAt, r.book.location)
	if int64(effective) != h.record.EffectivePeriod {
		r.bad(InvariantPeriod, h.record.Sequence, nil, "Its business time lies in %s, and its effective period is %s.", effective, Period(h.record.EffectivePeriod))
	}
	if h.record.Period < h.record.EffectivePeriod {
		r.bad(InvariantPeriod, h.record.Sequence, nil, "It counts in a period before the one in which it happened.")
	}
}

// checkHash recomputes the content hash and extends the digest with it.
func (r *replay) checkHash(h *verifyHeader) {
	sequence := h.record.Sequence
	if h.metadata != nil {
		if err := json.Unmarshal(h.metadata, &h.record.Metadata); err != nil {
			r.bad(InvariantHash, sequence, nil, "Its metadata are not texts.")
			h.record.Metadata = nil
		}
		// A null reads as the empty text, and so has its hash.
		h.odd = h.odd || holdsNull(h.metadata)
	}
	var hash [sha256.Size]byte
	hash, r.scratch = h.record.Hash(r.scratch)
	if !bytes.Equal(hash[:], h.hash) {
		r.bad(InvariantHash, sequence, nil, "Its content hash is not that of its content: the header, an entry or an account's address was changed.")
	} else if h.odd {
		r.bad(InvariantHash, sequence, nil, "An optional field is present and empty, or null, which the ledger never writes.")
	}
	if !r.digested {
		return
	}
	r.digest = sha256.Sum256(append(r.digest[:], hash[:]...))
	if !r.arrivesAt(sequence) {
		r.bad(InvariantCheckpoint, sequence, nil, "The history up to here is not the one the checkpoint was taken of.")
	}
}

// holdsNull reports whether a member of a JSON object is null.
func holdsNull(object []byte) bool {
	if !bytes.Contains(object, []byte("null")) {
		return false
	}
	var members map[string]*json.RawMessage
	err := json.Unmarshal(object, &members)
	for _, value := range members {
		if value == nil {
			return true
		}
	}
	return err != nil
}
