package api

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// Personal data: what is known of payees, buyers and donors. The vault keeps it, and records every look and every change in
// the audit trail of the book.

// ChangedPersonalData is the body that stores personal data.
type ChangedPersonalData struct {
	Fields map[string]string `json:"fields" doc:"Values by the name of the field; an empty one removes the field"`
	Reason string            `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it is kept in the audit trail for ever, so nothing personal belongs here" example:"Given at registration."`
}

// NewReading is the body that reads personal data.
type NewReading struct {
	Fields []string `json:"fields" nullable:"false" minItems:"1" maxItems:"50" doc:"The names of the fields" example:"[\"name\"]"`
	Reason string   `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it is kept in the audit trail for ever" example:"Ticket 17."`
}

// NewDestination is the body that proposes where a payee's money goes.
type NewDestination struct {
	Fields   map[string]string `json:"fields" doc:"The fields of the class bank, by name"`
	Reason   string            `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, for the second person" example:"The payee changed banks."`
	Document string            `json:"document" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"The evidence that the payee asked for it" example:"DOC-17"`
}

// NewHold is the body that forbids erasure for a time.
type NewHold struct {
	Until  time.Time `json:"until" format:"date-time" doc:"Until when; a time that has passed ends the hold" example:"2027-11-20T00:00:00Z"`
	Reason string    `json:"reason" minLength:"1" maxLength:"255" doc:"The law or the case, nothing personal" example:"Tax inspection 2026."`
}

// NewClosing is the body that says when the business with a person ended.
type NewClosing struct {
	At     *time.Time `json:"at,omitempty" format:"date-time" doc:"When it ended; left out, it goes on" example:"2026-11-19T00:00:00Z"`
	Reason string     `json:"reason" minLength:"1" maxLength:"2000" doc:"Why" example:"The contract ended."`
}

// NewRetention is the body that says how long personal data are kept.
type NewRetention struct {
	Days   int    `json:"days" minimum:"1" maximum:"36525" doc:"Days after the business with a person has ended" example:"3653"`
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"The law that asks for it" example:"Six years by tax law."`
}

// dataSubjectJSON is what may be known of a person without opening anything.
type dataSubjectJSON struct {
	Subject   string               `json:"subject" example:"payee:cre_amy"`
	Fields    []storedFieldJSON    `json:"fields" nullable:"false" doc:"What is stored; empty if nothing is"`
	CreatedAt *string              `json:"created_at" format:"date-time" doc:"When the first of it was stored; null if nothing ever was"`
	ClosedAt  *string              `json:"closed_at" format:"date-time" doc:"When the business with the person ended; null while it goes on"`
	HeldUntil *string              `json:"held_until" format:"date-time" doc:"Until when it must not be erased; null for no such time"`
	HeldFor   string               `json:"held_for" doc:"Why; not shown to the person"`
	ErasedAt  *string              `json:"erased_at" format:"date-time" doc:"When everything was erased; null if it was not"`
	Known     []describedFieldJSON `json:"known_fields" nullable:"false" doc:"Every field that can be stored of anybody"`
}

type storedFieldJSON struct {
	Name  string `json:"name" example:"name"`
	Class string `json:"class" enum:"contact,identity,tax,bank" doc:"How careful it is handled"`
}

type describedFieldJSON struct {
	Name    string `json:"name" example:"name"`
	Class   string `json:"class" enum:"contact,identity,tax,bank"`
	Meaning string `json:"meaning" doc:"One line for people"`
}

type readingJSON struct {
	Subject string            `json:"subject" example:"payee:cre_amy"`
	Fields  map[string]string `json:"fields" nullable:"false" doc:"Values by name; a field that holds nothing is left out"`
}

type retentionJSON struct {
	Days int `json:"days" doc:"Days after the business with a person has ended" example:"3653"`
}

// ErrSubjectUnknown means that there is nothing of a person that could be erased.
var ErrSubjectUnknown = fault.New(fault.NotFound, "data-subject-unknown", "Nothing was ever stored of this person, so there is nothing to erase. Correct the id.")

// vaultErrors are what the vault may refuse anything for.
var vaultErrors = []*fault.Error{vault.ErrInvalid, vault.ErrErased, vault.ErrBroken, vault.ErrClosed, vault.ErrMaster, vault.ErrRegion}

func personalOperations() []Operation {
	const person, retention = "/v1/books/{book}/data_subjects/{subject}", "/v1/books/{book}/personal_data_retention"
	known := reflect.TypeFor[dataSubjectJSON]()
	stands := []Answer{{Status: 200, Meaning: "What is stored now.", Body: known}}
	reason := reflect.TypeFor[NewReason]()
	list := []Operation{
		{
			Method: http.MethodGet, Path: person, ID: "get-data-subject", Summary: "Read what is stored of a person", Scope: access.PersonalRead, Own: "subject",
			Description: "The names of the fields, and no value. Somebody of whom nothing is stored has none.", Answers: stands, handle: getDataSubject,
		},
		{
			Method: http.MethodPatch, Path: person, ID: "store-personal-data", Summary: "Store personal data", Scope: access.PersonalWrite,
			Description: "Where money goes is changed with a second person: see propose-destination.",
			Body:        reflect.TypeFor[ChangedPersonalData](), BodyLimit: bodyLimit, Example: map[string]any{"fields": map[string]any{"name": "Amy Example"}, "reason": "Given at registration."},
			Answers: stands, Errors: []*fault.Error{guard.ErrApprovalRequired}, handle: storePersonalData,
		},
		{
			Method: http.MethodPost, Path: person + "/reading", ID: "read-personal-data", Summary: "Read personal data", Scope: access.PersonalRead,
			Description: "Fields of the class contact; all others need the scope personal:sensitive too. Every look is recorded with its reason.",
			Body:        reflect.TypeFor[NewReading](), BodyLimit: bodyLimit, Example: map[string]any{"fields": []string{"name"}, "reason": "Ticket 17."},
			Answers: []Answer{{Status: 200, Meaning: "The values.", Body: reflect.TypeFor[readingJSON]()}}, handle: readPersonalData,
		},
		{
			Method: http.MethodPost, Path: person + "/destination", ID: "propose-destination", Summary: "Propose where a payee's money goes", Scope: access.PersonalWrite, Also: access.ApprovalsWrite,
			Description: "The account is stored sealed, and counts once a second person has approved it: the answer is the approval of the act payee.destination. It needs the scope approvals:write too.",
			Body:        reflect.TypeFor[NewDestination](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 201, Meaning: "It waits for a second person.", Body: reflect.TypeFor[ApprovalJSON]()}},
			Errors:  []*fault.Error{guard.ErrApprovalInvalid, guard.ErrActUnknown, guard.ErrApprovalNobody, ErrNotReady}, handle: proposeDestination,
		},
		{
			Method: http.MethodPost, Path: person + "/destination/withdrawal", ID: "withdraw-destination", Summary: "Take back what was proposed", Scope: access.PersonalWrite,
			Description: "The account that was proposed is removed, and its approval cannot be given any more. The destination in force stays. If nothing was proposed, nothing changes.",
			Body:        reason, BodyLimit: bodyLimit, Example: map[string]any{"reason": "The payee did not ask for it."}, Answers: stands, handle: withdrawDestination,
		},
		{
			Method: http.MethodPost, Path: person + "/export", ID: "export-personal-data", Summary: "Export everything about a person", Scope: access.PersonalSensitive, Own: "subject",
			Description: "For the person's right to a copy. It is recorded.", Body: reason, BodyLimit: bodyLimit, Example: map[string]any{"reason": "The person asked for a copy."},
			Answers: []Answer{{Status: 200, Meaning: "Everything that is stored.", Body: reflect.TypeFor[json.RawMessage]()}}, handle: exportPersonalData,
		},
		{
			Method: http.MethodPost, Path: person + "/hold", ID: "hold-personal-data", Summary: "Forbid erasure for a time", Scope: access.PersonalWrite,
			Body: reflect.TypeFor[NewHold](), BodyLimit: bodyLimit, Answers: stands, handle: holdPersonalData,
		},
		{
			Method: http.MethodPost, Path: person + "/closing", ID: "close-data-subject", Summary: "Say that the business with a person ended", Scope: access.PersonalWrite,
			Description: "The data are erased once the book's retention has passed.", Body: reflect.TypeFor[NewClosing](), BodyLimit: bodyLimit, Answers: stands, handle: closeDataSubject,
		},
		{
			Method: http.MethodPost, Path: person + "/erasure", ID: "erase-personal-data", Summary: "Erase a person's data", Scope: access.PersonalWrite,
			Description: "For good: the key of the person is destroyed. The books stay as they are, and the id cannot be used for somebody else.", Body: reason, BodyLimit: bodyLimit,
			Answers: stands, Errors: []*fault.Error{vault.ErrHeld, ErrSubjectUnknown}, handle: erasePersonalData,
		},
		{
			Method: http.MethodGet, Path: retention, ID: "get-retention", Summary: "Read how long personal data are kept", Scope: access.PersonalRead,
			Answers: []Answer{{Status: 200, Meaning: "The retention of the book.", Body: reflect.TypeFor[retentionJSON]()}}, handle: getRetention,
		},
		{
			Method: http.MethodPost, Path: retention, ID: "set-retention", Summary: "Say how long personal data are kept", Scope: access.PersonalWrite,
			Body: reflect.TypeFor[NewRetention](), BodyLimit: bodyLimit, Example: map[string]any{"days": 3653, "reason": "Ten years by tax law."},
			Answers: []Answer{{Status: 200, Meaning: "The retention of the book from now on.", Body: reflect.TypeFor[retentionJSON]()}}, handle: setRetention,
		},
	}
	for i := range list {
		list[i].Group, list[i].Errors = "Personal data", slicesOf(vaultErrors, append(list[i].Errors, ledger.ErrInvalid, guard.ErrDeedInvalid)...)
	}
	return list
}

var subjectID = regexp.MustCompile(`^(payee|buyer|donor):[A-Za-z0-9_.-]{1,64}$`)

// dataSubject returns the vault, the owner and the subject that the path names.
func (c *call) dataSubject() (*vault.Vault, vault.Owner, string, error) {
	subject := c.param("subject")
	if !subjectID.MatchString(subject) {
		return nil, vault.Owner{}, "", ledger.ErrInvalid.With("There can be nobody of this name. Correct it.").
			At("path:subject", "subject", "This is payee, buyer or donor, a colon, and the person's id.")
	}
	v, owner, err := c.vault()
	return v, owner, subject, err
}

// vault returns the vault, and the book as the owner of what is in it.
func (c *call) vault() (*vault.Vault, vault.Owner, error) {
	if c.service.vault == nil {
		return nil, vault.Owner{}, vault.ErrClosed
	}
	return c.service.vault, vault.Owner{Book: int32(c.book.ID), Region: c.book.Region}, nil
}

// classOf returns the class of a field, "" for one that does not exist.
func classOf(name string) vault.Class {
	for _, f := range vault.Fields() {
		if f.Name == name {
			return f.Class
		}
	}
	return ""
}

// subjectOf answers with what is stored of a person.
func (c *call) subjectOf(subject string, p vault.Person, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	out := dataSubjectJSON{Subject: subject, Fields: []storedFieldJSON{}, Known: []describedFieldJSON{}, CreatedAt: instantOf(p.CreatedAt), ClosedAt: instantOf(p.ClosedAt),
		HeldUntil: instantOf(p.HeldUntil), ErasedAt: instantOf(p.ErasedAt)}
	if c.principal.Kind != access.Payee {
		out.HeldFor = p.HeldFor
	}
	for _, f := range vault.Fields() {
		out.Known = append(out.Known, describedFieldJSON{Name: f.Name, Class: string(f.Class), Meaning: f.Meaning})
		if slices.Contains(p.Fields, f.Name) {
			out.Fields = append(out.Fields, storedFieldJSON{Name: f.Name, Class: string(f.Class)})
		}
	}
	return document(http.StatusOK, out)
}

func getDataSubject(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	p, err := v.Person(c.ctx, owner, subject)
	return c.subjectOf(subject, p, err)
}

func storePersonalData(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body ChangedPersonalData) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	for name := range n.Fields {
		if classOf(name) == vault.Bank && !c.principal.Alone {
			return reply{}, guard.ErrApprovalRequired.With("Where money goes needs a second person. Propose the destination instead; it counts once somebody else has approved it.")
		}
	}
	p, _, err := v.Write(c.ctx, c.actor(), owner, c.guarded(), subject, n.Fields, n.Reason)
	return c.subjectOf(subject, p, err)
}

func readPersonalData(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewReading) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	for _, name := range n.Fields {
		if classOf(name) == vault.Contact {
			continue
		}
		if err := c.principal.Allow(access.PersonalSensitive, c.book.Code); err != nil {
			return reply{}, err
		}
	}
	values, _, err := v.Read(c.ctx, c.actor(), owner, c.guarded(), subject, n.Fields, n.Reason)
	if err != nil {
		return reply{}, err
	}
	if values == nil {
		values = map[string]string{}
	}
	return document(http.StatusOK, readingJSON{Subject: subject, Fields: values})
}

func proposeDestination(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	if !strings.HasPrefix(subject, payeePrefix) {
		return reply{}, ledger.ErrInvalid.With("Only payees are paid. Name a payee.").At("path:subject", "subject", "This is payee, a colon, and the payee's id.")
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewDestination) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	if vault.Repeats(n.Document, n.Fields) {
		return reply{}, vault.ErrInvalid.At("/document", "reason-personal", "The document's name repeats personal data, and it is kept for ever. Name the document by an id of its own.")
	}
	digest, err := v.Stage(c.ctx, c.actor(), owner, c.guarded(), subject, n.Fields, n.Reason)
	if err != nil {
		return reply{}, err
	}
	payload, err := json.Marshal(map[string]string{"subject": subject, "digest": hex.EncodeToString(digest[:])})
	if err != nil {
		return reply{}, err
	}
	return c.ask(guard.Request{Act: "payee.destination", Payload: payload, Reason: n.Reason, Document: n.Document})
}

func withdrawDestination(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	p, err := v.Unstage(c.ctx, c.actor(), owner, c.guarded(), subject, why)
	return c.subjectOf(subject, p, err)
}

func exportPersonalData(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	copied, err := v.Export(c.ctx, c.actor(), owner, c.guarded(), subject, why)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, copied)
}

func erasePersonalData(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	if err := c.known(v, owner, subject); err != nil {
		return reply{}, err
	}
	p, err := v.Erase(c.ctx, c.actor(), owner, c.guarded(), subject, why)
	return c.subjectOf(subject, p, err)
}

// known refuses a subject of whom nothing was ever stored and who is no registered payee: erasing a mistyped id would end an
// id that somebody may still be given.
func (c *call) known(v *vault.Vault, owner vault.Owner, subject string) error {
	p, err := v.Person(c.ctx, owner, subject)
	if err != nil || !p.CreatedAt.IsZero() {
		return err
	}
	id, payee := strings.CutPrefix(subject, payeePrefix)
	if !payee {
		return ErrSubjectUnknown
	}
	if _, err = c.service.commerce.Payee(c.ctx, c.book, id); fault.CodeOf(err) == commerce.ErrPayeeUnknown.Code {
		return ErrSubjectUnknown
	}
	return err
}

func holdPersonalData(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewHold) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	p, err := v.Hold(c.ctx, c.actor(), owner, c.guarded(), subject, n.Until, n.Reason)
	return c.subjectOf(subject, p, err)
}

func closeDataSubject(c *call) (reply, error) {
	v, owner, subject, err := c.dataSubject()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewClosing) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	var at time.Time
	if n.At != nil {
		at = *n.At
	}
	p, err := v.Close(c.ctx, c.actor(), owner, c.guarded(), subject, at, n.Reason)
	return c.subjectOf(subject, p, err)
}

func getRetention(c *call) (reply, error) {
	v, owner, err := c.vault()
	if err != nil {
		return reply{}, err
	}
	days, err := v.Retention(c.ctx, owner)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, retentionJSON{days})
}

func setRetention(c *call) (reply, error) {
	v, owner, err := c.vault()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewRetention) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	if err := v.SetRetention(c.ctx, c.actor(), owner, c.guarded(), n.Days, n.Reason); err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, retentionJSON{n.Days})
}
