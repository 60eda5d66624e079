package ledger

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A book is one legal entity in one market. Everything belongs to exactly one book, and a book never spans two
// databases.

// BookID identifies a book inside its database. It is drawn at random, so that books can move between servers.
type BookID int32

// NewBook is what creates a book. It is also the book's unchangeable description.
type NewBook struct {
	// Code names the book in addresses of the API: ^[a-z][a-z0-9_]{0,31}$.
	Code string
	// Name is for people, 1 to 200 characters.
	Name string
	// Currencies lists what the book may post in, at least one, in the order given.
	Currencies []money.Currency
	// TimeZone is the IANA name of the zone in which the book's accounting periods begin and end.
	TimeZone string
	// Functional is the currency in which the legal entity reports. It must be one of Currencies; empty means the first.
	Functional money.Currency
	// Market is a country code in two capital letters, or empty.
	Market string
	// Region is where the book's data must stay, ^[a-z0-9-]{1,32}$, or empty.
	Region string
}

// Book is a book as it is stored, without its moving head.
type Book struct {
	ID BookID
	NewBook
	CreatedAt time.Time
	location  *time.Location
}

// Location is the book's time zone.
func (b Book) Location() *time.Location { return b.location }

// DayBegins is the first instant of a local day of the book, in UTC. Where the clocks skip midnight that is the first instant after
// the gap, where they show it twice the first of both, and where they left the day out the instant at which they went on. A day
// beyond the end of its month is one of the next.
func (b Book) DayBegins(year int, month time.Month, day int) time.Time {
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	// time.Date answers with either of two midnights, and in a gap with an hour of another day. So walk from before any zone's
	// midnight along the stretches in which the zone keeps one distance from UTC.
	at := midnight.Add(-beyondZones)
	for range maxStretches {
		local := at.In(b.location)
		_, offset := local.Zone()
		_, end := local.ZoneBounds()
		first := midnight.Add(-time.Duration(offset) * time.Second)
		if first.Before(at) {
			first = at
		}
		if end.IsZero() || first.Before(end) {
			return first.UTC()
		}
		at = end
	}
	return at.UTC()
}

const (
	// beyondZones is more than any zone is away from UTC.
	beyondZones = 27 * time.Hour
	// maxStretches is more than any zone has changes around one midnight.
	maxStretches = 16
)

// Uses reports whether the book posts in the currency.
func (b Book) Uses(c money.Currency) bool { return slices.Contains(b.Currencies, c) }

// BookHead is where a book's order stands.
type BookHead struct {
	// LastSequence is the number of transactions recorded.
	LastSequence int64
	// LastRecordedAt is when the last one was recorded.
	LastRecordedAt time.Time
	// FirstOpenPeriod is the oldest period that still takes postings; 0 means that none was ever closed.
	FirstOpenPeriod Period
}

var (
	// ErrBookInvalid means that a book's description breaks a rule; its fields name which.
	ErrBookInvalid = fault.New(fault.Invalid, "book-invalid", "The book cannot be created as described. Correct the fields named.")
	// ErrBookUnknown means that no such book exists, or that the caller must not learn that it does.
	ErrBookUnknown = fault.New(fault.NotFound, "book-unknown", "There is no such book. Check the book's code, or create the book first.")
	// ErrBookExists means that the code is taken by a book with another description.
	ErrBookExists = fault.New(fault.Conflict, "book-exists",
		"A book with this code exists and is described differently. Choose another code, or send the same description.")
)

// normalize fills defaults and returns every broken rule at once.
func (n NewBook) normalize() (NewBook, *time.Location, error) {
	var fields []fault.Field
	bad := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	if !validBookCode(n.Code) {
		bad("/code", "book-code", "A code is a lower-case letter and then up to 31 lower-case letters, digits or underscores.")
	}
	if !cleanText(n.Name, 200) || n.Name == "" {
		bad("/name", "text", "A name has 1 to 200 characters, without control or invisible formatting characters.")
	}
	n.checkCurrencies(bad)
	if n.Functional == "" && len(n.Currencies) > 0 {
		n.Functional = n.Currencies[0]
	} else if n.Functional != "" && !slices.Contains(n.Currencies, n.Functional) {
		bad("/functional_currency", "currency-not-enabled", "The functional currency must be one of the book's currencies.")
	}
	location, err := time.LoadLocation(n.TimeZone)
	if err != nil || n.TimeZone == "" || n.TimeZone == "Local" || len(n.TimeZone) > 64 {
		bad("/time_zone", "time-zone", "The time zone must be an IANA name such as Europe/London.")
	}
	if n.Market != "" && (len(n.Market) != 2 || strings.Trim(n.Market, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		bad("/market", "market", "A market is a country code in two capital letters, such as UK.")
	}
	if n.Region != "" && (len(n.Region) > 32 || strings.Trim(n.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "") {
		bad("/region", "region", "A region has up to 32 lower-case letters, digits and hyphens.")
	}
	if len(fields) > 0 {
		return n, nil, ErrBookInvalid.WithFields(fields...)
	}
	return n, location, nil
}

func (n NewBook) checkCurrencies(bad func(pointer, code, message string)) {
	if len(n.Currencies) == 0 || len(n.Currencies) > 200 {
		bad("/currencies", "currencies", "A book has 1 to 200 currencies.")
	}
	for i, c := range n.Currencies {
		if _, err := money.ParseCurrency(string(c)); err != nil || slices.Contains(n.Currencies[:i], c) {
			bad("/currencies", "currency-unknown", "Each currency is an active ISO 4217 code in capital letters, named once.")
			return
		}
	}
}

// same reports whether two descriptions, both normalized, say the same.
func (n NewBook) same(o NewBook) bool {
	return n.Code == o.Code && n.Name == o.Name && slices.Equal(n.Currencies, o.Currencies) && n.TimeZone == o.TimeZone &&
		n.Functional == o.Functional && n.Market == o.Market && n.Region == o.Region
}

func validBookCode(s string) bool {
	if len(s) == 0 || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// cleanText reports whether s is text that people may read safely: valid UTF-8, at most limit characters, no control
// characters, and none of the invisible formatting characters that can reorder or hide what follows. Zero-width joiners
// pass only between two visible characters, where emoji and several scripts need them.
func cleanText(s string, limit int) bool {
	if len(s) > 4*limit || !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	blank, previous := s != "", rune(0)
	for _, r := range s {
		joiner := r == '\u200d' || r == '\u200c'
		switch {
		case joiner && (previous == 0 || unicode.IsSpace(previous)):
			return false
		case !joiner && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'):
			// Cf holds the bidi overrides and isolates, the zero-width space, tags and the byte order mark.
			return false
		}
		if !unicode.IsSpace(r) && !joiner {
			blank = false
		}
		previous = r
	}
	return !blank
}
