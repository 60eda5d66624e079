package reconcile

import (
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A receipt is one taking of evidence: a bank's file as it came, or what was new at a processor. Its bytes are kept, and its
// lines are numbered in the order in which we learnt of them.

var (
	// ErrReceiptUnknown means that a source has no such receipt.
	ErrReceiptUnknown = fault.New(fault.NotFound, "evidence-receipt-unknown", "The source has no such receipt. Check its number.")
	// ErrLineUnknown means that a source has no such line.
	ErrLineUnknown = fault.New(fault.NotFound, "evidence-line-unknown", "The source has no such line. Check its number.")
)

// What a receipt is of.
const (
	ReceiptStatement = "statement"
	ReceiptPull      = "pull"
)

// Receipt is a taking of evidence.
type Receipt struct {
	// Source and Number name it within its book.
	Source int16
	Number int64
	// Kind is statement or pull; Format that of a bank's file, or jsonl.
	Kind, Format string
	// Settings is the version of the source's settings that it was read by.
	Settings int
	// SHA256 is over its bytes as they came.
	SHA256 []byte
	Bytes  int64
	// From and Until are the time that it covers; zero if it does not say.
	From, Until time.Time
	// FirstLine is the number of its first new line; it has NewLines of them. KnownLines it repeats.
	FirstLine, NewLines, KnownLines int64
	// Changes is in how many places it says something else of known lines.
	Changes    int
	By         string
	RecordedAt time.Time
	// Replayed says that this very file was taken before, and that nothing happened now.
	Replayed bool
	// Conflicts are what this taking found to be said differently now of what moved, for people to look at. A receipt that is read
	// again has none; see Changes.
	Conflicts []Change
}

// Change is what a source said later of a line that was known.
type Change struct {
	// Receipt is where it was said.
	Receipt int64
	// Line is the number of the line, and LineID the source's id of it.
	Line   int64
	LineID string
	// Field is amount, fee, currency, category, type, source, moved_at, status or available_at.
	Field string
	// Was and Became are what was said before and is said now: amounts as decimals of the line's currency.
	Was, Became string
}

// conflicts reports whether a change is one that must not happen: anything but when money becomes available.
func (c Change) conflicts() bool { return c.Field != fieldStatus && c.Field != fieldAvailable }

// The fields that may be said differently later.
const (
	fieldAmount    = "amount"
	fieldFee       = "fee"
	fieldCurrency  = "currency"
	fieldCategory  = "category"
	fieldType      = "type"
	fieldSource    = "source"
	fieldMoved     = "moved_at"
	fieldStatus    = "status"
	fieldAvailable = "available_at"
)

// taken is a line that is about to be kept. Its texts are fit for the database.
type taken struct {
	id, key                       string
	currency                      money.Currency
	gross, fee, net               money.Minor
	category, kind                string
	sourceRef, batch, trace, note string
	rate                          string
	movedAt, availableAt          time.Time
	status                        string
	raw                           []byte
}

// known is a line that is kept already, as far as it is compared.
type known struct {
	number int64
	taken
}

// keyNamed is the key of a line: the first of its names that can be one, of which the last is its id. An entry that names nothing goes by
// its place, such as @57.2; no line does, so that nobody makes a payment its counterpart by writing that as a reference.
func keyNamed(names ...string) string {
	for _, name := range names {
		if name != "" && !strings.HasPrefix(name, placeMark) {
			return name
		}
	}
	return clean("id:"+names[len(names)-1], maxID)
}

// placeMark begins the key of an entry that names nothing.
const placeMark = "@"

const (
	maxID       = 255
	maxWord     = 64
	maxNote     = 2000
	maxStatus   = 32
	maxRate     = 32
	maxSaid     = 255
	partBytes   = 1 << 20
	maxParts    = 256
	insertPage  = 5000
	noCategory  = "unknown"
	formatJSONL = "jsonl"
)

// clean makes a text fit for the database: valid UTF-8 without NUL, at most so many bytes, cut between letters.
func clean(text string, most int) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// moment writes a time as changes have it; nothing for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// stored is a time as the database keeps it.
func stored(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// maybe is a time that may be missing.
func maybe(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = stored(at)
	return &at
}

func digestOf(content []byte) []byte {
	sum := sha256.Sum256(content)
	return sum[:]
}
