package access

import (
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/vault"
)

// A person is somebody of the staff. Who they are stands in the vault, under the subject person:<id> of the installation;
// here stand an opaque id, who vouches for them at sign-in, and the roles they hold.

var (
	// ErrPersonInvalid means that a person or a role cannot be recorded as described; its fields name what is wrong.
	ErrPersonInvalid = fault.New(fault.Invalid, "person-invalid", "The person cannot be recorded as described. Correct the fields named.")
	// ErrPersonUnknown means that there is no such person, or none whom the caller may see.
	ErrPersonUnknown = fault.New(fault.NotFound, "person-unknown", "There is no such person. List the people to find the id.")
	// ErrPersonExists means that somebody else has this address of mail.
	ErrPersonExists = fault.New(fault.Conflict, "person-exists", "Somebody with this address of mail is recorded already. Give that person another role instead.")
	// ErrGrantUnknown means that the person holds no such role.
	ErrGrantUnknown = fault.New(fault.NotFound, "grant-unknown", "The person holds no such role. Read the person to see which they hold.")
	// ErrLinkSpent means that a link was used, has run out, or never was.
	ErrLinkSpent = fault.New(fault.Unauthenticated, "link-spent", "This link has been used or has run out. Ask for a new one.")
	// ErrSignIn means that somebody signed in elsewhere whom nobody has invited here.
	ErrSignIn = fault.New(fault.Forbidden, "sign-in-refused", "You are not invited, or no longer. Ask an administrator of this service to add you.")
	// ErrTooMany means that somebody tries keys or links one after the other.
	ErrTooMany = fault.New(fault.Limited, "too-many-attempts", "There were too many failed attempts from here. Wait a minute and try again.")
)

// NewPerson describes somebody to be added.
type NewPerson struct {
	// Name and Email go to the vault; Email, by which the first sign-in is recognised, may be empty for a person who signs
	// in by links only.
	Name, Email string
}

// The longest name, and the longest address of mail, in bytes.
const (
	maxName  = 200
	maxEmail = 254
)

// mailAddress is deliberately narrow: letters that only look alike, or become alike in lower case, must not make somebody
// else's address of one.
var mailAddress = regexp.MustCompile(`^[a-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$`)

// plainMail returns the address as it is compared; ok is false if it cannot be one.
func plainMail(email string) (plain string, ok bool) {
	plain = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, email)
	return plain, len(plain) <= maxEmail && mailAddress.MatchString(plain)
}

// checked returns the person as it is kept, or ErrPersonInvalid with every field that is wrong.
func (n NewPerson) checked() (NewPerson, error) {
	var fields []fault.Field
	if n.Name != "" && (len(n.Name) > maxName || !utf8.ValidString(n.Name) || strings.TrimSpace(n.Name) != n.Name || strings.ContainsFunc(n.Name, unprintable)) {
		fields = append(fields, fault.Field{Pointer: "/name", Code: "text", Message: "A name has at most 200 bytes of printable characters and no space at its ends."})
	}
	if n.Email != "" {
		plain, ok := plainMail(n.Email)
		if !ok {
			fields = append(fields, fault.Field{Pointer: "/email", Code: "email", Message: "This is not an address of mail in plain letters."})
		}
		n.Email = plain
	}
	if len(fields) > 0 {
		return NewPerson{}, ErrPersonInvalid.WithFields(fields...)
	}
	return n, nil
}

// personSubject names the person in the vault.
func personSubject(id string) string { return "person:" + id }

// personalRefused says of what the vault does not take that the person cannot be recorded so; other errors pass.
func personalRefused(err error) error {
	var refused *fault.Error
	if errors.Is(err, vault.ErrInvalid) && errors.As(err, &refused) {
		return ErrPersonInvalid.WithFields(refused.Fields...)
	}
	return err
}

// Staff is a person as it is stored.
type Staff struct {
	ID string
	// Name and Email come from the vault; they are vault.Erased if they were erased, and empty if the vault is closed.
	Name, Email string
	// SignedIn says that the person has signed in before, so that an identity elsewhere belongs to it.
	SignedIn      bool
	CreatedAt     time.Time
	CreatedBy     string
	DeactivatedAt time.Time
	Grants        []HeldGrant
}

// HeldGrant is a role as it was granted.
type HeldGrant struct {
	ID string
	Grant
	GrantedAt time.Time
	GrantedBy string
	// Approval is the id of the approval by which it was granted; empty for one granted by an operator.
	Approval string
	// ExpiresAt ends it; the zero time means never. RevokedAt is when it was taken away.
	ExpiresAt, RevokedAt time.Time
}

// NewGrant is the payload of the act that grants a role.
type NewGrant struct {
	Person    string    `json:"person"`
	Role      Role      `json:"role"`
	Book      string    `json:"book,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Limits of sessions and links.
const (
	// StaffIdle and StaffLifetime end sessions of the staff.
	StaffIdle     = 30 * time.Minute
	StaffLifetime = 12 * time.Hour
	// PayeeIdle and PayeeLifetime end sessions of payees.
	PayeeIdle     = 24 * time.Hour
	PayeeLifetime = 14 * 24 * time.Hour
	// LinkLifetime is how long a link signs in.
	LinkLifetime = 15 * time.Minute
)

// Session is a signed-in browser.
type Session struct {
	Principal Principal
	StartedAt time.Time
	// EndsAt is when it ends at the latest.
	EndsAt time.Time
}
