package guard

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// The bytes that hashes are made of. Every value has a fixed length or its length before it, so that no two different
// things have the same bytes; and each kind of thing begins with a label that names it and the version of its form.

const (
	labelGenesis = "mizan audit genesis 1"
	labelRow     = "mizan audit row 1"
	labelVersion = "mizan approval 1"
)

// canonical builds the bytes. Nothing else may append to it.
type canonical []byte

func (c canonical) integer(v int64) canonical { return binary.BigEndian.AppendUint64(c, uint64(v)) }

func (c canonical) text(s string) canonical { return append(c.integer(int64(len(s))), s...) }

func (c canonical) bytes(b []byte) canonical { return append(c.integer(int64(len(b))), b...) }

func (c canonical) instant(t time.Time) canonical { return c.integer(t.UnixMicro()) }

// genesis is what stands for the hash before the first row of a book's trail.
func genesis(book int32) [32]byte {
	return sha256.Sum256(canonical(nil).text(labelGenesis).integer(int64(book)))
}

// sum is the hash of the row: all of it but the hash itself.
func (r *Row) sum() [32]byte {
	return sha256.Sum256(canonical(nil).text(labelRow).bytes(r.Previous[:]).
		integer(int64(r.Book.ID)).integer(r.Sequence).instant(r.RecordedAt).
		text(r.Actor.Kind).text(r.Actor.ID).text(r.Actor.Person).text(r.Actor.Address).text(r.Actor.RequestID).
		text(r.Act).text(r.Object).bytes(r.Before).bytes(r.After).text(r.Why).text(r.Approval))
}

// sum is the hash of the present version: what a second person agrees to.
func (a *Approval) sum(effect []byte) [32]byte {
	return sha256.Sum256(canonical(nil).text(labelVersion).
		text(a.Act).integer(int64(a.Book.ID)).text(a.Book.Code).text(a.ID).integer(int64(a.Version)).
		bytes(a.Payload).bytes(effect).text(a.Reason).text(a.Document))
}
