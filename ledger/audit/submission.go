package audit

import (
	"crypto/sha256"
	"time"
)

// A record of what a caller asked for under one reference. Its hash decides whether a repeated reference is a replay of
// the same request or another request.

const submissionV1 = "mizan/submission/v1"

// Draft is one transaction as it was asked for. What the caller left out is absent here, even if the ledger filled it in.
type Draft struct {
	Event          string
	OccurredAt     time.Time // the zero time means that the caller left it out
	OriginalPeriod int64
	Subject        string
	LiveSession    string
	Channel        string
	Campaign       string
	Memo           string
	Metadata       map[string]string
	Reverses       int64
	Reposts        int64
	Explanation    []byte
	Entries        []Entry
}

// SubmissionHash returns the hash of the drafts asked for under one reference, in order. The scratch buffer is used for
// the canonical bytes and returned for the next call; nil is fine.
func SubmissionHash(drafts []Draft, scratch []byte) (hash [32]byte, grown []byte) {
	c := canonical(append(scratch[:0], leafPrefix)).text(submissionV1).count(len(drafts))
	for _, d := range drafts {
		c = c.text(d.Event)
		if d.OccurredAt.IsZero() {
			c = c.count(0)
		} else {
			c = c.count(1).instant(d.OccurredAt)
		}
		c = c.integer(d.OriginalPeriod).text(d.Subject).text(d.LiveSession).text(d.Channel).text(d.Campaign).
			text(d.Memo).texts(d.Metadata).integer(d.Reverses).integer(d.Reposts).bytes(d.Explanation).entries(d.Entries)
	}
	return sha256.Sum256(c), c
}
