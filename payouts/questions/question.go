package questions

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/pan"
	"mizan/payouts"
)

// A question of a payee, and how it stands.

var (
	// ErrUnknown means that the payee, or the book, has no such question.
	ErrUnknown = fault.New(fault.NotFound, "question-unknown", "There is no such question. List the questions to see their ids.")
	// ErrAbout means that the payee is told nothing that the question could be about.
	ErrAbout = fault.New(fault.NotFound, "question-about-unknown", "There is nothing of this id that a question could be about. Open the order, the payout or the statement, and ask from there.")
	// ErrText means that what was written cannot be taken.
	ErrText = fault.New(fault.Invalid, "question-text", "Write 1 to 1,000 characters of plain text, and no number of a payment card. Nothing was sent.")
	// ErrMany means that the payee asks too often, or has too many questions that nobody has answered.
	ErrMany = fault.New(fault.Limited, "questions-many", "Up to 10 questions can be asked in 24 hours, and 20 can be open at once. Wait for an answer, or close a question that is settled.")
	// ErrState means that the question is answered or closed already.
	ErrState = fault.New(fault.Conflict, "question-state", "The question was answered or closed meanwhile. Read it again.")
	// ErrReused means that another question was asked under the reference.
	ErrReused = fault.New(fault.Conflict, "question-reused", "Another question was asked under this reference. Use a new reference for a new question.")
)

// Bounds of questions.
const (
	// maxText bounds a text in characters.
	maxText = 1000
	// mostADay is how many a payee may ask in 24 hours, and mostOpen how many of them nobody has answered.
	mostADay = 10
	mostOpen = 20
	// MaxPage bounds a page.
	MaxPage = 200
)

// The states of a question. It moves forward only.
const (
	Open     = "open"
	Answered = "answered"
	Closed   = "closed"
)

// States returns them in their order.
func States() []string { return []string{Open, Answered, Closed} }

// What a question can be about.
const (
	AboutOrder     = "order"
	AboutPayout    = "payout"
	AboutStatement = "statement"
)

// About is what a question is about, as the payee is told it.
type About struct {
	// Kind is one of the About words, ID that of the order, the payout or the statement.
	Kind, ID string
	// Line is one line of it, empty for the whole: of an order the transaction and the number of the line in it, such as uk-12/1; of a
	// statement the entry and the number of the line of it, such as uk-12/6/2. A payout has none.
	Line string
	// Code says what the line is, such as commission. Amount is what was told of it when the question was asked.
	Code     string
	Currency money.Currency
	Amount   money.Minor
}

// Question is one as it stands.
type Question struct {
	ID string
	// Payee is whose it is, and what that is.
	Payee payouts.PayeeKey
	About
	State string
	// AskedBy and AnsweredBy are kind:id of who did it.
	AskedBy, AnsweredBy           string
	AskedAt, AnsweredAt, ClosedAt time.Time
	// Text and Answer are filled in only where one is read; Erased says that they cannot be read any more.
	Text, Answer string
	Erased       bool

	reference     string
	sealed, reply []byte
}

// Asking is a question that somebody asks.
type Asking struct {
	Payee payouts.PayeeKey
	// Reference is the asker's own name for it: the same again is answered as the first time.
	Reference string
	// About is what it is about: Kind, ID and Line count.
	About About
	Text  string
}

// check returns what is asked in the form in which it is kept, or what is wrong with it.
func (a Asking) check() (Asking, error) {
	if !ledger.IsSegment(a.Reference) {
		return a, ErrText.With("The question needs a reference of your own of up to 64 letters, digits, _ . and -. Nothing was sent.").At("/reference", "reference", "A reference has 1 to 64 letters, digits, _ . and -.")
	}
	var err error
	a.Text, err = plain(a.Text)
	return a, err
}

// plain is a text as it is kept, with line ends of one kind, or ErrText.
func plain(text string) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch {
	case text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxText || strings.ContainsFunc(text, unseen):
		return "", ErrText.At("/text", "text", "This must be 1 to 1,000 characters of plain text.")
	case pan.Given(text):
		return "", ErrText.At("/text", "pan-detected", "This holds a card number, which is never stored here. Leave it out, or send only its last four digits.")
	}
	return text, nil
}

// unseen is what cannot be seen, or turns the direction of what stands beside it. Two characters without width are needed between the
// letters of some scripts.
func unseen(r rune) bool {
	return r != '\n' && !unicode.IsGraphic(r) && r != '\u200c' && r != '\u200d'
}
