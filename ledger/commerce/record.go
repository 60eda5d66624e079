package commerce

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/audit"
)

// A record is what an event leaves in the explanation of its transactions: the hash of what was asked for, and the
// event's inputs. It is compact, because it is kept for ever with every sale, and it is all that an order's state and the
// reasons of its amounts are computed from.

// recordVersion is the version of the way records are read and sheets computed. A change of either that would give an old
// record another meaning takes the next number and keeps the old way.
const recordVersion = 1

// record is the stored explanation of a transaction.
type record struct {
	// Hash is the hash of what was asked for, first in the text so that the books can be verified without this package.
	Hash string `json:"h"`
	// Version is recordVersion.
	Version int `json:"v"`
	// Kind is the type of the event, if the transaction's own event is another.
	Kind string `json:"t,omitempty"`
	// Part counts the further transactions of one event: 1, 2 …; they carry no data.
	Part int `json:"n,omitempty"`
	// Data are the event's inputs, and what was looked up when it was planned.
	Data json.RawMessage `json:"d,omitempty"`
}

// requestHash identifies what an event asks for. The same event sent again has the same hash.
func requestHash(e *Event) ([32]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return [32]byte{}, err
	}
	var b bytes.Buffer
	b.Grow(len(data) + 96)
	b.WriteString("mizan-event-1\n")
	b.WriteString(e.Type)
	b.WriteByte('\n')
	if !e.OccurredAt.IsZero() {
		b.WriteString(e.OccurredAt.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano))
	}
	b.WriteByte('\n')
	b.Write(data)
	return sha256.Sum256(b.Bytes()), nil
}

// explanationOf encodes a record. The hash comes first in the form that audit.RequestHash reads. Kinds are words that need
// no escaping, and the data are JSON already.
func explanationOf(hash [32]byte, kind string, part int, data json.RawMessage) []byte {
	b := make([]byte, 0, len(data)+len(kind)+96)
	b = append(b, `{"h":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, hash[:])
	b = strconv.AppendInt(append(b, `","v":`...), recordVersion, 10)
	if kind != "" {
		b = append(append(append(b, `,"t":"`...), kind...), '"')
	}
	if part != 0 {
		b = strconv.AppendInt(append(b, `,"n":`...), int64(part), 10)
	}
	if len(data) > 0 {
		b = append(append(b, `,"d":`...), data...)
	}
	return append(b, '}')
}

// recordOf reads the record of a transaction; ok is false if it has none, as a transaction posted by hand.
func recordOf(t *ledger.Transaction) (r record, hash [32]byte, ok bool) {
	hash, ok = audit.RequestHash(t.Explanation)
	if !ok || json.Unmarshal(t.Explanation, &r) != nil || r.Version != recordVersion {
		return record{}, [32]byte{}, false
	}
	if r.Kind == "" {
		r.Kind = t.Event
	}
	return r, hash, true
}
