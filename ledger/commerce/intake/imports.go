package intake

import (
	"encoding/json"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Imports: files of marketplaces, stored as they came, and what became of each of their rows. A file is checked as a whole
// before anything of it is applied; a row that cannot be applied is parked with a reason and holds back no other.

// ImportOptions say what a file does not: how it is written, whose book this is, and who is who in it. The same file with
// the same options is one import.
type ImportOptions struct {
	Format       Format `json:"format"`
	Role         string `json:"role"`
	Channel      string `json:"channel"`
	Seller       string `json:"seller"`
	Processor    string `json:"processor,omitempty"`
	Carrier      string `json:"carrier,omitempty"`
	Creator      string `json:"creator,omitempty"`
	Agency       string `json:"agency,omitempty"`
	Jurisdiction string `json:"jurisdiction,omitempty"`
}

// complete fills in what was left out and judges the rest.
func (o *ImportOptions) complete() error {
	bad := func(name, message string) error { return ErrImportOptions.At("query:"+name, "invalid", message) }
	if !slices.Contains([]Format{TikTok, AmazonV2, CSV}, o.Format) {
		return bad("format", "The format is tiktok, amazon-v2 or csv.")
	}
	if !slices.Contains([]string{"platform", "bookkeeper", "attribution"}, o.Role) {
		return bad("role", "The role is platform, bookkeeper or attribution.")
	}
	if o.Channel == "" {
		o.Channel = string(o.Format)
	}
	if !ledger.IsSegment(o.Seller) {
		return bad("seller", "The seller is missing, or has other characters than A-Z a-z 0-9 _ . -")
	}
	for name, id := range map[string]string{"channel": o.Channel, "processor": o.Processor, "carrier": o.Carrier, "creator": o.Creator, "agency": o.Agency, "jurisdiction": o.Jurisdiction} {
		if id != "" && !ledger.IsSegment(id) {
			return bad(name, "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
		}
	}
	return nil
}

func (o *ImportOptions) text() (string, error) {
	b, err := json.Marshal(o)
	return string(b), err
}

func (o *ImportOptions) file(now time.Time) FileOptions {
	return FileOptions{Format: o.Format, Now: now, Settlement: commerce.ImportedSettlement{Role: o.Role, Channel: o.Channel, Seller: o.Seller,
		Processor: o.Processor, Carrier: o.Carrier, Creator: o.Creator, Agency: o.Agency, Jurisdiction: o.Jurisdiction}}
}

// Import is a file and what became of it.
type Import struct {
	ID         int64
	Options    ImportOptions
	SHA256     [32]byte
	Bytes      int64
	RecordedAt time.Time
	State      ImportState
	// Reason and Detail say why it was refused, for programs and for people.
	Reason, Detail string
	Currency       money.Currency
	// Rows counts its transactions.
	Rows int
	// Stated is the total that the file states, if Said; Ours is what its rows come to, and Booked what of that is in the
	// book, from this file or from earlier.
	Stated, Ours, Booked money.Minor
	Said                 bool
	Fields               []FieldTotal
	// Counts are its rows by state, as far as it has come.
	Counts map[RowState]int

	tries, attempts int
	optionsText     string
}

// ImportState is how far an import has come.
type ImportState string

// The states of an import.
const (
	importReceiving ImportState = "receiving" // not whole yet, and seen by nobody
	// ImportReceived means stored, and not looked at yet.
	ImportReceived ImportState = "received"
	// ImportChecking means that it is read for the first time; nothing of it is applied.
	ImportChecking ImportState = "checking"
	// ImportApplying means that its rows are being applied.
	ImportApplying ImportState = "applying"
	// ImportDone means that each of its rows has a state.
	ImportDone ImportState = "done"
	// ImportRefused means that it cannot be trusted, and that nothing of it was applied.
	ImportRefused ImportState = "refused"
)

// ImportRow is a transaction of a file and what became of it.
type ImportRow struct {
	// Row is the line on which it begins, Identity the marketplace's id of it.
	Row      int
	Identity string
	State    RowState
	// Reason and Detail say why, for programs and for people.
	Reason, Detail string
	// Reference is that of its event, once it is in the book.
	Reference string
	// Amount is what it adds to the statement's total.
	Amount money.Minor

	sum   [32]byte
	tried int
}

// RowState is what became of a row.
type RowState string

// The states of a row.
const (
	// RowApplied means that its event was recorded.
	RowApplied RowState = "applied"
	// RowParked means that it cannot be applied as things stand.
	RowParked RowState = "parked"
	// RowIgnored means that there is no money in it.
	RowIgnored RowState = "ignored"
	// RowRepeated means that it was in the book before, just the same.
	RowRepeated RowState = "repeated"
	// RowChanged means that another content was in the book before. It is not applied.
	RowChanged RowState = "changed"
)

// RowStates are the states of rows in the order in which they are shown.
var RowStates = []RowState{RowApplied, RowRepeated, RowIgnored, RowParked, RowChanged}

var (
	// ErrImportOptions means that what was said about a file cannot be used.
	ErrImportOptions = fault.New(fault.Invalid, "import-options-invalid", "What is said about the file cannot be used. Correct the parameter named; nothing was stored.")
	// ErrImportUnknown means that a book has no such import.
	ErrImportUnknown = fault.New(fault.NotFound, "import-unknown", "There is no such import in this book. Check its id against the list.")
	// ErrNothingParked means that an import has nothing to try again.
	ErrNothingParked = fault.New(fault.Conflict, "import-nothing-parked",
		"The import is still being applied, was refused, or has no parked row, so there is nothing to try again. Look at its state.")
)
