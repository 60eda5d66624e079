package ledger

import (
	"slices"
	"time"

	"mizan/ledger/audit"
)

// References and links in the replay: every transaction is covered by its reference, every reference by transactions,
// and what a correction says in its header stands among the links.

// checkReference holds a header against its reference's row and its neighbours. The neighbour that should have had the
// reference is named, because that is the one that was changed.
func (r *replay) checkReference(p *verifyPage, i int) {
	h := &p.headers[i]
	sequence, name := h.record.Sequence, h.record.Reference
	known, ok := p.references[name]
	last := known.first + int64(known.count) - 1
	if !ok || sequence < known.first || sequence > last {
		r.mark(markReference, sequence, nil, "Its reference does not record it.")
		r.run.reset()
		return
	}
	neighbour := func(j int, sequence int64) bool {
		return j >= 0 && j < len(p.headers) && p.headers[j].record.Sequence == sequence && p.headers[j].record.Reference == name
	}
	if sequence > known.first && !neighbour(i-1, sequence-1) {
		r.mark(markReference, sequence-1, nil, "Another transaction's reference claims its place.")
	}
	if sequence < last && !neighbour(i+1, sequence+1) {
		r.mark(markReference, sequence+1, nil, "Another transaction's reference claims its place.")
	}
	if sequence == known.first {
		r.references++
		r.run.reset()
		r.run.name, r.run.recorded = name, known
	} else if r.run.name != name {
		r.run.reset()
	}
}

// referenceRun collects the transactions of one reference until it is complete, to recompute the hash of what was asked
// for under it.
type referenceRun struct {
	name     string
	recorded recordedReference
	drafts   []audit.Draft
	times    []time.Time // when each happened, zero where the caller cannot have left it out
}

// collect adds a transaction. A reference of a single one is judged without copying anything.
func (u *referenceRun) collect(r *replay, h *verifyHeader) {
	if u.name == "" || u.name != h.record.Reference {
		return
	}
	t := &h.record
	d := audit.Draft{
		Event: t.Event, OccurredAt: t.OccurredAt, OriginalPeriod: t.OriginalPeriod, Subject: t.Subject, LiveSession: t.LiveSession,
		Channel: t.Channel, Campaign: t.Campaign, Memo: t.Memo, Metadata: t.Metadata, Reverses: t.Reverses, Reposts: t.Reposts,
		Explanation: t.Explanation, Entries: t.Entries,
	}
	if u.recorded.count > 1 {
		d.Entries = slices.Clone(d.Entries)
	}
	u.drafts = append(u.drafts, d)
	var omitted time.Time
	if t.OccurredAt.Equal(t.RecordedAt) {
		omitted = t.OccurredAt
	}
	u.times = append(u.times, omitted)
	if len(u.drafts) < u.recorded.count {
		return
	}
	if !u.reproduces(r) {
		r.bad(InvariantReference, h.record.Sequence, nil, "The hash of what was asked for under its reference does not follow from what is recorded.")
	}
	u.reset()
}

// reset forgets the reference and keeps the room.
func (u *referenceRun) reset() {
	u.name = ""
	u.drafts, u.times = u.drafts[:0], u.times[:0]
}

// maxOmissions bounds the combinations tried of business times that the caller may have left out.
const maxOmissions = 6

// reproduces reports whether the recorded hash is that of the drafts. A transaction that happened when it was recorded
// may have been sent with its time or without.
//
// What an event posted is identified by the hash of what was asked for, which every one of its explanations begins with.
func (u *referenceRun) reproduces(r *replay) bool {
	if u.requested() {
		return true
	}
	var open []int
	for i, at := range u.times {
		if !at.IsZero() {
			open = append(open, i)
		}
	}
	combinations := 1 << min(len(open), maxOmissions)
	for c := combinations - 1; c >= 0; c-- { // all left out comes first: it is the usual case
		for n, i := range open {
			u.drafts[i].OccurredAt = u.times[i]
			// Beyond the bound, the times are taken as all sent or all left out, with the last that is counted.
			if c>>min(n, maxOmissions-1)&1 == 1 {
				u.drafts[i].OccurredAt = time.Time{}
			}
		}
		var hash [32]byte
		if hash, r.scratch = audit.SubmissionHash(u.drafts, r.scratch); hash == u.recorded.hash {
			return true
		}
	}
	return false
}

// requested reports whether every explanation names the recorded hash as that of the event.
func (u *referenceRun) requested() bool {
	for i := range u.drafts {
		if hash, ok := audit.RequestHash(u.drafts[i].Explanation); !ok || hash != u.recorded.hash {
			return false
		}
	}
	return true
}

// checkLinks compares the page's headers with the links that name them.
func (r *replay) checkLinks(p *verifyPage, at []int32) {
	type linked struct {
		kind     string
		sequence int64
	}
	table := make(map[linked]int64, len(p.links))
	const text = "What it reverses or posts again is not recorded alike in its header and among the links."
	for _, l := range p.links {
		table[linked{l.kind, l.sequence}] = l.target
		if at[l.sequence-p.low] == 0 {
			r.mark(markLink, l.sequence, nil, text)
		}
	}
	for i := range p.headers {
		h := &p.headers[i].record
		if !p.inside(&p.headers[i]) {
			continue
		}
		if table[linked{linkReverses, h.Sequence}] != h.Reverses || table[linked{linkReposts, h.Sequence}] != h.Reposts {
			r.mark(markLink, h.Sequence, nil, text)
		}
	}
}
