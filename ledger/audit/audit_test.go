package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"mizan/ledger/audit"
)

// vector is one published example: the record, its canonical bytes and its hash.
type vector struct {
	Name        string            `json:"name"`
	Transaction audit.Transaction `json:"transaction"`
	Canonical   string            `json:"canonical_hex"`
	Hash        string            `json:"hash_hex"`
}

// TestVectors holds the canonical bytes and hashes to the published vectors. They never change: another version of the
// record gets vectors of its own.
func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 3 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		if got := hex.EncodeToString(v.Transaction.Append(nil)); got != v.Canonical {
			t.Errorf("%s: canonical bytes\n%s, want\n%s", v.Name, got, v.Canonical)
		}
		hash, _ := v.Transaction.Hash(nil)
		if got := hex.EncodeToString(hash[:]); got != v.Hash {
			t.Errorf("%s: hash %s, want %s", v.Name, got, v.Hash)
		}
	}
}

// TestAgainstReference compares the encoder with a slow one that follows the package comment literally, and the hash
// with the Merkle leaf hash of x/mod.
func TestAgainstReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		record := drawTransaction(t)
		want := reference(record)
		if got := record.Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("canonical bytes\n%x, want\n%x", got, want)
		}
		hash, scratch := record.Hash([]byte("left over from another record"))
		if hash != [32]byte(tlog.RecordHash(want)) || hash != sha256.Sum256(append([]byte{0}, want...)) {
			t.Fatalf("hash %x", hash)
		}
		if again, _ := record.Hash(scratch); again != hash {
			t.Fatal("a reused buffer changed the hash")
		}
	})
}

// TestEveryFieldCounts changes each field of a record, and each field of an entry, in turn: the hash changes. A field
// added to the struct and forgotten in the bytes fails here.
func TestEveryFieldCounts(t *testing.T) {
	t.Parallel()
	base := example()
	original, _ := base.Hash(nil)
	kind := reflect.TypeOf(base)
	for i := range kind.NumField() {
		changed := example()
		change(t, reflect.ValueOf(&changed).Elem().Field(i))
		if hash, _ := changed.Hash(nil); hash == original {
			t.Errorf("changing %s leaves the hash as it is", kind.Field(i).Name)
		}
	}
	entry := reflect.TypeOf(audit.Entry{})
	for i := range entry.NumField() {
		changed := example()
		change(t, reflect.ValueOf(&changed.Entries[0]).Elem().Field(i))
		if hash, _ := changed.Hash(nil); hash == original {
			t.Errorf("changing an entry's %s leaves the hash as it is", entry.Field(i).Name)
		}
	}
	swapped := example()
	swapped.Entries[0], swapped.Entries[1] = swapped.Entries[1], swapped.Entries[0]
	if hash, _ := swapped.Hash(nil); hash == original {
		t.Error("exchanging two lines leaves the hash as it is")
	}
}

// TestNeighboursDoNotRunTogether moves a character from the end of one field to the beginning of the next.
func TestNeighboursDoNotRunTogether(t *testing.T) {
	t.Parallel()
	a, b := example(), example()
	a.Reference, a.Event = "ab", "c.d"
	b.Reference, b.Event = "a", "bc.d"
	ha, _ := a.Hash(nil)
	hb, _ := b.Hash(nil)
	if ha == hb {
		t.Error("two records share a hash")
	}
}

// TestSubmissionHash distinguishes what the caller left out from what the caller sent.
func TestSubmissionHash(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for name, drafts := range map[string][]audit.Draft{
		"none":          nil,
		"one":           {{Event: "a.b"}},
		"two":           {{Event: "a.b"}, {Event: "a.b"}},
		"epoch":         {{Event: "a.b", OccurredAt: time.Unix(0, 0)}},
		"metadata":      {{Event: "a.b", Metadata: map[string]string{"k": "v"}}},
		"other value":   {{Event: "a.b", Metadata: map[string]string{"k": "w"}}},
		"reverses":      {{Event: "a.b", Reverses: 1}},
		"reposts":       {{Event: "a.b", Reposts: 1}},
		"with an entry": {{Event: "a.b", Entries: []audit.Entry{{Account: "a:b", Currency: "GBP", Amount: 1}}}},
		"other sign":    {{Event: "a.b", Entries: []audit.Entry{{Account: "a:b", Currency: "GBP", Amount: -1}}}},
	} {
		hash, _ := audit.SubmissionHash(drafts, nil)
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s share a hash", name, other)
		}
		seen[hash] = name
		if again, _ := audit.SubmissionHash(drafts, make([]byte, 3)); again != hash {
			t.Errorf("%s: a reused buffer changed the hash", name)
		}
	}
}

func example() audit.Transaction {
	return audit.Transaction{
		Book: "uk", Sequence: 42, Reference: "UK-1", Event: "order.captured",
		OccurredAt: time.Date(2026, 11, 20, 10, 0, 0, 123456000, time.UTC), RecordedAt: time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC),
		Period: 202611, EffectivePeriod: 202611, OriginalPeriod: 202610, Subject: "order:UK-1", LiveSession: "LS-12", Channel: "app",
		Campaign: "winter24", Memo: "two units — تبرع", Metadata: map[string]string{"b": "2", "a": "1"}, Reverses: 7, Reposts: 8,
		Explanation: []byte(`{"r":1}`),
		Entries: []audit.Entry{
			{Account: "assets:processor:pending:main", Currency: "GBP", Amount: 4497, ExternalRef: "ch_1"},
			{Account: "liabilities:seller:pending:sel_uk", Currency: "GBP", Amount: -4497},
		},
	}
}

func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Interface().(type) {
	case string:
		v.SetString(x + "x")
	case int64:
		v.SetInt(x + 1)
	case time.Time:
		v.Set(reflect.ValueOf(x.Add(time.Microsecond)))
	case []byte:
		v.SetBytes(append(bytes.Clone(x), '!'))
	case map[string]string:
		v.Set(reflect.ValueOf(map[string]string{"a": "1", "b": "3"}))
	case []audit.Entry:
		v.Set(reflect.ValueOf(append(x, audit.Entry{})))
	default:
		t.Fatalf("a field of type %T has no change yet", x)
	}
}

func drawTransaction(t *rapid.T) audit.Transaction {
	text := rapid.StringN(0, 6, 20)
	number := rapid.Int64()
	instant := func(label string) time.Time {
		return time.UnixMicro(rapid.Int64Range(-1e15, 1e16).Draw(t, label)).UTC()
	}
	r := audit.Transaction{Book: text.Draw(t, "book"), Sequence: number.Draw(t, "sequence"), Reference: text.Draw(t, "reference"),
		Event: text.Draw(t, "event"), OccurredAt: instant("occurred"), RecordedAt: instant("recorded"),
		Period: number.Draw(t, "period"), EffectivePeriod: number.Draw(t, "effective"), OriginalPeriod: number.Draw(t, "original"),
		Subject: text.Draw(t, "subject"), LiveSession: text.Draw(t, "session"), Channel: text.Draw(t, "channel"), Campaign: text.Draw(t, "campaign"),
		Memo: text.Draw(t, "memo"), Metadata: rapid.MapOfN(text, text, 0, 4).Draw(t, "metadata"), Reverses: number.Draw(t, "reverses"),
		Reposts: number.Draw(t, "reposts"), Explanation: rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "explanation")}
	for range rapid.IntRange(0, 4).Draw(t, "entries") {
		r.Entries = append(r.Entries, audit.Entry{Account: text.Draw(t, "account"), Currency: text.Draw(t, "currency"),
			Amount: number.Draw(t, "amount"), ExternalRef: text.Draw(t, "external")})
	}
	return r
}

// reference encodes a record by the package comment, one value at a time.
func reference(r audit.Transaction) []byte {
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			switch x := v.(type) {
			case string:
				_ = binary.Write(&b, binary.BigEndian, uint32(len(x)))
				b.WriteString(x)
			case []byte:
				_ = binary.Write(&b, binary.BigEndian, uint32(len(x)))
				b.Write(x)
			case time.Time:
				_ = binary.Write(&b, binary.BigEndian, x.UnixMicro())
			default:
				_ = binary.Write(&b, binary.BigEndian, x)
			}
		}
	}
	put("mizan/transaction/v1", r.Book, r.Sequence, r.Reference, r.Event, r.OccurredAt, r.RecordedAt, r.Period, r.EffectivePeriod,
		r.OriginalPeriod, r.Subject, r.LiveSession, r.Channel, r.Campaign, r.Memo, uint32(len(r.Metadata)))
	keys := make([]string, 0, len(r.Metadata))
	for k := range r.Metadata {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		put(k, r.Metadata[k])
	}
	put(r.Reverses, r.Reposts, r.Explanation, uint32(len(r.Entries)))
	for _, e := range r.Entries {
		put(e.Account, e.Currency, e.Amount, e.ExternalRef)
	}
	return b.Bytes()
}

func ExampleTransaction_Hash() {
	record := audit.Transaction{Book: "uk", Sequence: 1, Reference: "UK-1", Event: "order.captured", Period: 202611, EffectivePeriod: 202611,
		OccurredAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), RecordedAt: time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC),
		Entries: []audit.Entry{
			{Account: "assets:processor:pending:main", Currency: "GBP", Amount: 1000},
			{Account: "liabilities:seller:pending:sel_uk", Currency: "GBP", Amount: -1000},
		}}
	hash, _ := record.Hash(nil)
	fmt.Printf("%x\n", hash)
	// Output: 49f06516b0b23e58c332ca582b63fdf01e7572b8cc1897af7463411dc2807cd5
}
