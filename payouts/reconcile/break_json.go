package reconcile

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How a break is written down: what it is about beside its columns, and how it stood after a step.

// mostBreakMembers bounds the lines and the entries that a break names.
const mostBreakMembers = 150

// The most bytes of what a break says.
const (
	mostBreakRef      = 255
	mostBreakIdentity = 300
	mostBreakText     = 2000
)

// breakDetail is the column of a break that nothing is searched by.
type breakDetail struct {
	Text          string    `json:"text"`
	External      []int64   `json:"external,omitempty"`
	Entries       []EntryID `json:"entries,omitempty"`
	ExternalCount int       `json:"external_count,omitempty"`
	EntriesCount  int       `json:"entries_count,omitempty"`
	Suspend       bool      `json:"suspend,omitempty"`
	TrueUp        bool      `json:"true_up,omitempty"`
	Held          string    `json:"held,omitempty"`
	Kept          bool      `json:"kept,omitempty"`
	Accepted      bool      `json:"accepted,omitempty"`
}

// breakStanding is a break after a step. Its members are in this order for ever, and amounts are in minor units.
type breakStanding struct {
	ID          string      `json:"id"`
	Match       Match       `json:"match"`
	Source      int16       `json:"source"`
	Identity    string      `json:"identity"`
	Class       Class       `json:"class"`
	State       State       `json:"state"`
	Currency    string      `json:"currency"`
	Amount      int64       `json:"amount"`
	Left        string      `json:"left,omitempty"`
	Right       string      `json:"right,omitempty"`
	Detail      breakDetail `json:"detail"`
	HappenedAt  time.Time   `json:"happened_at"`
	Original    int         `json:"original,omitempty"`
	FirstRun    int64       `json:"first_run"`
	LastRun     int64       `json:"last_run"`
	FirstSeen   time.Time   `json:"first_seen"`
	ExpectedBy  *time.Time  `json:"expected_by,omitempty"`
	Owner       string      `json:"owner,omitempty"`
	Note        string      `json:"note,omitempty"`
	Document    string      `json:"document,omitempty"`
	Suspense    int64       `json:"suspense,omitempty"`
	SuspenseRef string      `json:"suspense_ref,omitempty"`
	Fix         string      `json:"fix,omitempty"`
	ChangedAt   time.Time   `json:"changed_at"`
	EndedAt     *time.Time  `json:"ended_at,omitempty"`
}

// compactJSON writes a value without escapes that only HTML needs.
func compactJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func (b *Break) detail() breakDetail {
	return breakDetail{Text: b.Detail, External: b.External, Entries: b.Entries, ExternalCount: b.ExternalCount, EntriesCount: b.EntriesCount,
		Suspend: b.Suspend, TrueUp: b.TrueUp, Held: b.Held, Kept: b.Kept, Accepted: b.Accepted}
}

func (b *Break) setDetail(d breakDetail) {
	b.Detail, b.External, b.Entries, b.ExternalCount, b.EntriesCount = d.Text, d.External, d.Entries, d.ExternalCount, d.EntriesCount
	b.Suspend, b.TrueUp, b.Held, b.Kept, b.Accepted = d.Suspend, d.TrueUp, d.Held, d.Kept, d.Accepted
}

// standing is how the break stands, in canonical JSON.
func (b *Break) standing() ([]byte, error) {
	return compactJSON(breakStanding{ID: b.ID, Match: b.Match, Source: b.Source, Identity: b.Identity, Class: b.Class, State: b.State, Currency: string(b.Currency),
		Amount: int64(b.Amount), Left: b.Left, Right: b.Right, Detail: b.detail(), HappenedAt: b.HappenedAt.UTC(), Original: int(b.Original), FirstRun: b.FirstRun,
		LastRun: b.LastRun, FirstSeen: b.FirstSeen.UTC(), ExpectedBy: timeOrNone(b.ExpectedBy), Owner: b.Owner, Note: b.Note, Document: b.Document,
		Suspense: int64(b.Suspense), SuspenseRef: b.SuspenseRef, Fix: b.Fix, ChangedAt: b.ChangedAt.UTC(), EndedAt: timeOrNone(b.EndedAt)})
}

// standingOf reads what standing wrote.
func standingOf(document []byte, step int64) (b Break, err error) {
	var d breakStanding
	if err := json.Unmarshal(document, &d); err != nil {
		return Break{}, err
	}
	b = Break{ID: d.ID, Match: d.Match, Source: d.Source, Identity: d.Identity, Class: d.Class, State: d.State, Currency: money.Currency(d.Currency),
		Amount: money.Minor(d.Amount), Left: d.Left, Right: d.Right, HappenedAt: d.HappenedAt, Original: ledger.Period(d.Original), FirstRun: d.FirstRun, LastRun: d.LastRun, // #nosec G115 -- a month that this program wrote
		FirstSeen: d.FirstSeen, ExpectedBy: timeOf(d.ExpectedBy), Owner: d.Owner, Note: d.Note, Document: d.Document, Suspense: money.Minor(d.Suspense),
		SuspenseRef: d.SuspenseRef, Fix: d.Fix, ChangedAt: d.ChangedAt, EndedAt: timeOf(d.EndedAt), Step: step}
	b.setDetail(d.Detail)
	return b, nil
}

func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// clipText makes a text of others storable: valid, without control characters, at most so many bytes.
func clipText(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// boundIdentity keeps an identity that is too long by its hash.
func boundIdentity(identity string) string {
	if len(identity) <= mostBreakIdentity {
		return identity
	}
	sum := sha256.Sum256([]byte(identity))
	return strings.ToValidUTF8(identity[:mostBreakIdentity-2*len(sum)-1], "") + "~" + hex.EncodeToString(sum[:])
}

// newBreakID is an id that nobody can guess and no other break has.
func newBreakID() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, 0, 16)
	var random [32]byte
	for len(out) < cap(out) {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			// What is beyond the largest multiple would favour some letters.
			if b < 252 && len(out) < cap(out) {
				out = append(out, letters[int(b)%len(letters)])
			}
		}
	}
	return "brk_" + string(out)
}

// describe gives the break what a finding says of it.
func (b *Break) describe(f Finding) {
	b.Class, b.Amount = f.Class, f.Amount
	b.Left, b.Right = clipText(f.Left, mostBreakRef), clipText(f.Right, mostBreakRef)
	b.HappenedAt, b.Original = f.HappenedAt, f.Original
	b.Detail = clipText(f.Detail, mostBreakText)
	b.ExternalCount, b.EntriesCount = len(f.External), len(f.Entries)
	b.External, b.Entries = slices.Clone(f.External[:min(len(f.External), mostBreakMembers)]), slices.Clone(f.Entries[:min(len(f.Entries), mostBreakMembers)])
	b.Suspend, b.TrueUp = f.Suspend, f.TrueUp
	if b.State != Explained {
		b.ExpectedBy = f.ExpectedBy.Truncate(time.Microsecond)
	}
}

// said is what a run says of a break, by which it is told whether anything changed.
type said struct {
	class                       Class
	amount                      money.Minor
	left, right, text           string
	original                    ledger.Period
	expected                    int64
	externalCount, entriesCount int
	suspend, trueUp             bool
}

func (b *Break) said() said {
	return said{b.Class, b.Amount, b.Left, b.Right, b.Detail, b.Original, b.ExpectedBy.UnixMicro(), b.ExternalCount, b.EntriesCount, b.Suspend, b.TrueUp}
}

// sameAs reports whether two breaks say the same of what was found.
func (b *Break) sameAs(o *Break) bool {
	return b.said() == o.said() && slices.Equal(b.External, o.External) && slices.Equal(b.Entries, o.Entries)
}
