package vault

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/fault"
)

// A field is one thing that is known of a person. Which there are is fixed, so that nothing personal hides in a free text.

var (
	// ErrInvalid means that personal data cannot be stored as given; its fields name what is wrong and never repeat it.
	ErrInvalid = fault.New(fault.Invalid, "personal-data-invalid", "The personal data cannot be stored as given. Correct the fields named; nothing was stored.")
	// ErrErased means that the person's data were erased, for good.
	ErrErased = fault.New(fault.Conflict, "personal-data-erased", "The personal data of this person were erased, and nothing can be stored or read of them any more. Use a new id for a new person.")
	// ErrHeld means that a law or a court forbids erasing the person's data for now.
	ErrHeld = fault.New(fault.Conflict, "personal-data-held", "The personal data of this person must be kept for now. End the hold, or wait until its last day has passed, and erase them then.")
	// ErrClosed means that the service was started without a master key.
	ErrClosed = fault.New(fault.Unavailable, "vault-closed", "The vault has no master key, so personal data can neither be stored nor read. Start the service with the file of the vault's keys.")
	// ErrMaster means that no master key given opens what is stored.
	ErrMaster = fault.New(fault.Unavailable, "vault-key-missing", "The master key that these personal data were stored under was not given. Add it to the file of the vault's keys.")
	// ErrRegion means that the book's personal data belong to another region.
	ErrRegion = fault.New(fault.Forbidden, "vault-region", "The personal data of this book are kept in another region. Send the request to the service of that region.")
)

// Class says how careful a field must be handled.
type Class string

// The classes of fields.
const (
	// Contact is how the person is reached: name, mail, telephone, address.
	Contact Class = "contact"
	// Identity is what proves who they are: date of birth, national id, documents.
	Identity Class = "identity"
	// Tax is what tax offices know them by.
	Tax Class = "tax"
	// Bank is where their money goes.
	Bank Class = "bank"
)

// Field describes a field.
type Field struct {
	// Name is stable for ever, such as "bank_account".
	Name string
	// Class decides who may read it.
	Class Class
	// Most bounds its length in bytes.
	Most int
	// Meaning is one line for people.
	Meaning string
}

// allFields are all there are. The order of the table is the order in which pages show them.
var allFields = []Field{
	{"name", Contact, 200, "The name that people call them by."},
	{"email", Contact, 254, "The address of mail."},
	{"phone", Contact, 32, "The telephone number, with + and the country's code."},
	{"address", Contact, 1000, "The postal address, in one line."},
	{"birth_date", Identity, 10, "The date of birth as YYYY-MM-DD."},
	{"national_id", Identity, 64, "The number of the person in their state."},
	{"document", Identity, 255, "The document that proved who they are: kind, number, issuer."},
	{"tax_id", Tax, 64, "The number by which the tax office knows them."},
	{"bank_account", Bank, 64, "The account that their money goes to: an IBAN, or the number in the country's form."},
	{"bank_holder", Bank, 200, "The holder of that account."},
	{"bank_code", Bank, 64, "The bank of that account: BIC, routing number or sort code."},
}

var fieldByName = func() map[string]Field {
	m := map[string]Field{}
	for _, f := range allFields {
		m[f.Name] = f
	}
	return m
}()

// Fields returns every field there is, in the order in which pages show them.
func Fields() []Field { return slices.Clone(allFields) }

// FieldOf returns the field of the name, and whether there is one.
func FieldOf(name string) (Field, bool) {
	f, ok := fieldByName[name]
	return f, ok
}

// Characters without width that some scripts need between letters.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

var (
	subjectShape = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}:[A-Za-z0-9_.-]{1,64}$`)
	kindShape    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	phoneShape   = regexp.MustCompile(`^\+?[0-9 ()./-]+$`)
)

// checkSubject refuses what is no subject, kind:id.
func checkSubject(subject string) error {
	if !subjectShape.MatchString(subject) {
		return ErrInvalid.At("/subject", "subject", "A person is named kind:id: a kind of up to 32 lower-case letters, digits and underscores, and an id of up to 64 letters, digits, _ . and -.")
	}
	return nil
}

// checkNames refuses names of fields that do not exist, and more than there are.
func checkNames(names []string) error {
	if len(names) > len(allFields) {
		return ErrInvalid.At("/fields", "too-many", "There are more names than fields. Name each field once.")
	}
	for i, name := range names {
		if _, known := fieldByName[name]; !known {
			return ErrInvalid.At("/fields", "field-unknown", "A field named does not exist. The handbook's page on personal data lists them.")
		}
		if slices.Contains(names[:i], name) {
			return ErrInvalid.At("/fields", "repeated", "A field is named twice. Name each once.")
		}
	}
	return nil
}

// checkFields returns ErrInvalid that names every value that cannot be stored. An empty value is always good: it removes.
func checkFields(values map[string]string, today time.Time) error {
	bad := ErrInvalid
	for _, name := range sortedKeys(values) {
		f, known := fieldByName[name]
		switch {
		case !known && len(bad.Fields) == 0:
			bad = bad.At("/fields", "field-unknown", "A field named does not exist. The handbook's page on personal data lists them.")
		case known && values[name] != "":
			if code, why := f.judge(values[name], today); why != "" {
				bad = bad.At("/fields/"+name, code, why)
			}
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// judge says what is wrong with a value, in words that do not repeat it.
func (f Field) judge(value string, today time.Time) (code, why string) {
	if code, why = judgeText(value, f.Most); why != "" {
		return code, why
	}
	if f.hasCard(value) {
		return "card-number", "This holds what looks like the number of a payment card, which is never stored. Leave it out."
	}
	switch f.Name {
	case "email":
		local, domain, found := strings.Cut(value, "@")
		if !found || local == "" || domain == "" || strings.ContainsAny(domain, "@") || strings.ContainsFunc(value, unicode.IsSpace) {
			return "email", "This is no address of mail: it has one @ with something on both sides, and no spaces."
		}
	case "phone":
		if n := countDigits(value); !phoneShape.MatchString(value) || n < 3 || n > 15 {
			return "phone", "A telephone number has 3 to 15 digits, which spaces, dashes, points and brackets may part, and may begin with +."
		}
	case "birth_date":
		born, err := time.Parse(time.DateOnly, value)
		if err != nil || born.Year() < 1850 || born.After(today) {
			return "birth-date", "A date of birth is written YYYY-MM-DD and lies between 1850 and today."
		}
	}
	return "", ""
}

func countDigits(text string) (n int) {
	for _, r := range text {
		if '0' <= r && r <= '9' {
			n++
		}
	}
	return n
}

// judgeText says what is wrong with a line of text of at most so many bytes.
func judgeText(text string, most int) (code, why string) {
	switch {
	case len(text) > most:
		return "too-long", "This is longer than " + strconv.Itoa(most) + " bytes. Shorten it."
	case !utf8.ValidString(text):
		return "not-text", "This is not text in UTF-8."
	case strings.TrimSpace(text) != text || text == "":
		return "spaces", "This begins or ends with spaces, or has nothing else. Leave them out."
	case strings.ContainsFunc(text, unprintable):
		return "not-printable", "This holds characters that cannot be printed or that turn the direction of writing. Write it in one line of plain text."
	}
	return "", ""
}

// unprintable is what cannot be seen, or turns the direction of what stands beside it.
func unprintable(r rune) bool {
	return !unicode.IsGraphic(r) && r != zeroWidthNonJoiner && r != zeroWidthJoiner
}

// hasCard looks for card numbers as closely as the class allows; see card.go.
func (f Field) hasCard(value string) bool {
	switch {
	case f.Class == Bank && f.Name != "bank_holder":
		return bankHasCard(value)
	case f.Name == "national_id" || f.Name == "tax_id" || f.Name == "document":
		return textHasCard(value, idLengths)
	case f.Name == "phone" && international(value):
		return textHasCard(value, notThirteen)
	}
	return textHasCard(value, anyLength)
}
