package commerce

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// An adjustment corrects the books by hand, by entries that no event stands for: with a reason from a list, a document that shows
// why, and a second person.

// ActAdjust is the act by which a second person agrees to an adjustment.
const ActAdjust = "transaction.post"

// EventAdjusted is the name of every adjustment in the books.
const EventAdjusted = eventManual

// AdjustmentReason is why the books are adjusted: a code that is kept with the entries, and what it means.
type AdjustmentReason struct{ Code, Meaning string }

// adjustmentReasons are all there are, in the order in which they are offered.
var adjustmentReasons = []AdjustmentReason{
	{"posting_error", "An entry was posted to the wrong account or with the wrong amount."},
	{"missing_entry", "Something happened that no event was sent for."},
	{"reclassification", "An amount belongs to another account of the same kind."},
	{"accrual", "A cost or an income belongs to another month than its invoice."},
	{"provider_correction", "A processor, a bank or a carrier corrected what it had said."},
	{"rounding", "What rounding left over is cleared."},
	{"goodwill", "The platform gives somebody an amount of its own."},
	{"audit", "An auditor asked for it."},
	{"other", "None of these; the words say what it is."},
}

// AdjustmentReasons returns the reasons that an adjustment can have.
func AdjustmentReasons() []AdjustmentReason { return slices.Clone(adjustmentReasons) }

// Adjustment is what somebody asks to post by hand.
type Adjustment struct {
	// Reference is its name, unique in the book for ever.
	Reference string
	// ReasonCode is one of AdjustmentReasons; Reason says why in words, for the second person.
	ReasonCode, Reason string
	// Document names the evidence, in at most 180 printable ASCII characters; SHA256 is its hash in 64 hexadecimal digits, empty for a
	// document that is no file. The file stays where the finance team keeps its files: by its hash anybody can tell that it is the one.
	Document, SHA256 string
	// OccurredAt is when it takes effect; the zero time for when it is recorded.
	OccurredAt time.Time
	// Subject is what it is about, such as order:UK-1; empty for nothing.
	Subject string
	Entries []AdjustmentEntry
}

// AdjustmentEntry is a line of an adjustment.
type AdjustmentEntry struct {
	Account   string `json:"account" minLength:"1" maxLength:"255" doc:"The account's address" example:"expenses:goodwill"`
	Direction string `json:"direction" enum:"debit,credit"`
	Amount    string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"Above zero" example:"5.00"`
	Currency  string `json:"currency" pattern:"^[A-Z]{3}$" example:"GBP"`
}

var (
	documentName = regexp.MustCompile(`^[!-~]([ -~]{0,178}[!-~])?$`)
	hexDigest    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// documentHash stands between the name of a document and its hash, where both are told in one line.
const documentHash = " sha256:"

// Request is what a second person is asked for: the act ActAdjust with the entries, the reason and the document. The reason's code and
// the document's name and hash are kept with the transaction. It returns guard.ErrApprovalInvalid, whose pointers begin with
// /payload where the entries are meant.
func (a Adjustment) Request() (guard.Request, error) {
	var fields []fault.Field
	wrong := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	if !slices.ContainsFunc(adjustmentReasons, func(r AdjustmentReason) bool { return r.Code == a.ReasonCode }) {
		wrong("/reason_code", "choice", "Choose one of the reasons that an adjustment can have.")
	}
	if !documentName.MatchString(a.Document) {
		wrong("/document", "required", "Name the document that shows why, in at most 180 characters of plain ASCII.")
	}
	if strings.Contains(" "+a.Document, documentHash) { // the second person would take it for the hash of the file, and none is kept
		wrong("/document", "digest", "The name cannot hold a hash. Give the document's SHA-256 in its own field.")
	}
	if a.SHA256 != "" && !hexDigest.MatchString(a.SHA256) {
		wrong("/document_sha256", "digest", "The document's hash is its SHA-256 in 64 hexadecimal digits, in small letters.")
	}
	if fields != nil {
		return guard.Request{}, guard.ErrApprovalInvalid.WithFields(fields...)
	}
	p := manualPayload{Reference: a.Reference, Event: eventManual, Subject: a.Subject, Metadata: map[string]string{"reason": a.ReasonCode, "document": a.Document}}
	r := guard.Request{Act: ActAdjust, Reason: a.Reason, Document: a.Document}
	if a.SHA256 != "" {
		p.Metadata["document_sha256"] = a.SHA256
		r.Document += documentHash + a.SHA256
	}
	if !a.OccurredAt.IsZero() {
		at := a.OccurredAt.UTC()
		p.OccurredAt = &at
	}
	for _, e := range a.Entries {
		p.Entries = append(p.Entries, manualEntry{Account: strings.TrimSpace(e.Account), Direction: e.Direction, Amount: strings.TrimSpace(e.Amount), Currency: e.Currency})
	}
	var err error
	r.Payload, err = json.Marshal(p)
	return r, err
}
