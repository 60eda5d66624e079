package receipts

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// A receipt is a random public id of a donation, a gift or an order. There is one for each, made once; whoever has the id
// sees where the money went, and nobody can guess it.

// PublicID is the public id of a subject.
type PublicID struct {
	// ID is the book's code and 130 random bits, as in "uk-" and 26 letters and digits.
	ID string `json:"receipt" example:"uk-k5w3pz7vq2c4n6m8abdefghijk"`
	// Subject is what it is of.
	Subject string    `json:"subject" example:"donation:D3"`
	MadeAt  time.Time `json:"made_at" format:"date-time"`
}

// The kinds of subjects that have receipts.
const (
	Donation = "donation"
	Gift     = "gift"
	Order    = "order"
)

var (
	// ErrUnknown means that there is no receipt of an id, whatever its form.
	ErrUnknown = fault.New(fault.NotFound, "receipt-unknown", "There is no receipt of this id. Check the address that you were given.")
	// ErrSubject means that a subject is none that has receipts.
	ErrSubject = fault.New(fault.Invalid, "receipt-subject", "A receipt is of a donation, a gift or an order. Name it as in donation:D3, gift:G-1 or order:UK-1.")
	// ErrBusy means that too many people look at public pages at the same time.
	ErrBusy = fault.New(fault.Unavailable, "public-busy", "Too many people are looking at the same time. Load the page again in a moment.")
)

// randomLength is the letters of an id behind the book's code.
const randomLength = 26

// newID draws the random part of an id.
func newID() string { return strings.ToLower(rand.Text()[:randomLength]) }

// split reads an id without asking anybody: what has another form is unknown at once.
func split(id string) (book, random string, ok bool) {
	book, random, ok = strings.Cut(id, "-")
	if !ok || !isBook(book) || len(random) != randomLength {
		return "", "", false
	}
	for i := range len(random) {
		if c := random[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", "", false
		}
	}
	return book, random, true
}

// isBook reports whether a text has the form of a book's code.
func isBook(code string) bool {
	for i := range len(code) {
		if c := code[i]; (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return code != "" && len(code) <= 32
}

// Make returns the receipt of a subject, and made if there was none before. It returns ErrSubject, or that the subject is
// unknown: commerce.ErrDonationUnknown, ErrGiftUnknown or ErrOrderUnknown.
func (s *Service) Make(ctx context.Context, book ledger.Book, subject string) (r PublicID, made bool, err error) {
	kind, id, _ := strings.Cut(subject, ":")
	if !ledger.IsSegment(id) {
		return PublicID{}, false, ErrSubject
	}
	if r, err = s.Of(ctx, book, subject); err != nil || r.ID != "" {
		return r, false, err
	}
	switch kind {
	case Donation:
		_, err = s.events.Donation(ctx, book, id)
	case Gift:
		_, err = s.events.Gift(ctx, book, id)
	case Order:
		err = s.bought(ctx, book, id)
	default:
		err = ErrSubject
	}
	if err != nil {
		return PublicID{}, false, err
	}
	return s.insert(ctx, book, subject)
}

// bought refuses an order that nothing was paid for yet.
func (s *Service) bought(ctx context.Context, book ledger.Book, id string) error {
	o, err := s.events.Order(ctx, book, id)
	if err == nil && o.Currency == "" {
		return commerce.ErrOrderUnknown
	}
	return err
}
