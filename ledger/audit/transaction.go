package audit

import (
	"crypto/sha256"
	"time"
)

// A record of one transaction, as it is hashed. The order of the fields here is the order of the canonical bytes.

// transactionV1 is the first field of a version 1 record. A record that gains a field gets a new version and a new tag.
const transactionV1 = "mizan/transaction/v1"

// Transaction is the version 1 record of a recorded transaction. Amounts are in minor units of ISO 4217, debit positive.
// Running balances and account versions are not part of it: they follow from the entries and are verified apart.
type Transaction struct {
	Book            string
	Sequence        int64
	Reference       string
	Event           string
	OccurredAt      time.Time
	RecordedAt      time.Time
	Period          int64
	EffectivePeriod int64
	OriginalPeriod  int64
	Subject         string
	LiveSession     string
	Channel         string
	Campaign        string
	Memo            string
	Metadata        map[string]string
	Reverses        int64
	Reposts         int64
	Explanation     []byte
	Entries         []Entry
}

// Entry is one line of a Transaction; its line number is its place in the list.
type Entry struct {
	Account     string
	Currency    string
	Amount      int64
	ExternalRef string
}

// Append appends the canonical bytes of t to dst.
func (t Transaction) Append(dst []byte) []byte {
	c := canonical(dst).text(transactionV1).text(t.Book).integer(t.Sequence).text(t.Reference).text(t.Event).
		instant(t.OccurredAt).instant(t.RecordedAt).
		integer(t.Period).integer(t.EffectivePeriod).integer(t.OriginalPeriod).
		text(t.Subject).text(t.LiveSession).text(t.Channel).text(t.Campaign).text(t.Memo).texts(t.Metadata).
		integer(t.Reverses).integer(t.Reposts).bytes(t.Explanation)
	return c.entries(t.Entries)
}

func (c canonical) entries(entries []Entry) canonical {
	c = c.count(len(entries))
	for _, e := range entries {
		c = c.text(e.Account).text(e.Currency).integer(e.Amount).text(e.ExternalRef)
	}
	return c
}

// Hash returns the leaf hash of t. The scratch buffer is used for the canonical bytes and returned for the next call;
// nil is fine.
func (t Transaction) Hash(scratch []byte) (hash [32]byte, grown []byte) {
	grown = t.Append(append(scratch[:0], leafPrefix))
	return sha256.Sum256(grown), grown
}

// leafPrefix separates leaves from inner nodes of a Merkle tree (RFC 6962 section 2.1).
const leafPrefix = 0x00
