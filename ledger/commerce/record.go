package commerce

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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
	// Extra are facts that were looked up when the event was planned.
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

// explanationOf encodes a record. The hash comes first in the form that audit.RequestHash reads.
func explanationOf(hash [32]byte, kind string, part int, data json.RawMessage) ([]byte, error) {
	return json.Marshal(record{Hash: base64.RawURLEncoding.EncodeToString(hash[:]), Version: recordVersion, Kind: kind, Part: part, Data: data})
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
