package intake

import (
	"bytes"
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Source says how a shop's orders are read: whose they are, and which creators its codes stand for. It is kept in
// versions; a message is read by the latest one.
type Source struct {
	Seller           string          `json:"seller" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The seller whose shop it is" example:"sel_shopify"`
	Shop             string          `json:"shop,omitempty" maxLength:"255" doc:"The shop's domain; messages of another are not applied" example:"toys.example"`
	CommissionRate   string          `json:"commission_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The creators' commission; left out, the rule set's" example:"0.08"`
	PlatformRate     string          `json:"platform_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Our fee; left out, the rule set's" example:"0.02"`
	Release          string          `json:"release,omitempty" enum:"on_window,when_funded" doc:"When creators are released"`
	WindowDays       int             `json:"return_window_days,omitempty" minimum:"1" maximum:"365" doc:"Days after payment before which nothing is released"`
	PricesIncludeTax bool            `json:"prices_include_tax,omitempty" doc:"The shop's prices include tax"`
	NoteAttribute    string          `json:"note_attribute,omitempty" maxLength:"64" doc:"The order's note attribute that names a code; left out, creator" example:"creator"`
	Creators         []SourceCreator `json:"creators" nullable:"false" maxItems:"2000" doc:"Which codes stand for which creators"`
}

// SourceCreator is a discount code, or the value of the note attribute, with the creator it stands for.
type SourceCreator struct {
	Code    string           `json:"code" maxLength:"64" doc:"As the shop writes it; capitals do not matter" example:"JO10"`
	Creator string           `json:"creator" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The creator" example:"cre_jo"`
	Weight  string           `json:"weight,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The creator's weight if several codes are used"`
	Agency  *commerce.Agency `json:"agency,omitempty" doc:"The creator's agency"`
}

// ErrSource means that a source's description cannot be used.
var ErrSource = fault.New(fault.Invalid, "source-invalid", "The description of the source cannot be used. Correct the fields named; nothing was changed.")

// ErrSourceUnknown means that a book has no such source.
var ErrSourceUnknown = fault.New(fault.NotFound, "import-source-unknown", "The book has no such import source. Describe it first.")

// ParseSource reads the description of a source strictly.
func ParseSource(content []byte) (s Source, err error) {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	if dec.Decode(&s) != nil || dec.More() {
		return s, ErrSource.With("The description is not a JSON object of the documented fields. Nothing was changed.")
	}
	return s, s.check()
}

func (s *Source) check() error {
	bad := func(pointer, message string) error { return ErrSource.At(pointer, "invalid", message) }
	if !ledger.IsSegment(s.Seller) {
		return bad("/seller", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	}
	if s.Release != "" && s.Release != "on_window" && s.Release != "when_funded" {
		return bad("/release", "This is on_window or when_funded.")
	}
	if s.WindowDays < 0 || s.WindowDays > 365 || len(s.Shop) > 255 || len(s.NoteAttribute) > 64 || len(s.Creators) > 2000 {
		return bad("", "A value is outside of its bounds.")
	}
	one := money.MustRate("1")
	rate := func(text string) bool {
		r, err := money.ParseRate(text)
		return text == "" || err == nil && r.Compare(one) <= 0
	}
	if !rate(s.CommissionRate) || !rate(s.PlatformRate) {
		return bad("/commission_rate", "A rate is 0 to 1, such as 0.08.")
	}
	seen := map[string]bool{}
	for _, c := range s.Creators {
		code := fold(c.Code)
		weight, err := money.ParseRate(c.Weight)
		switch {
		case code == "" || len(c.Code) > 64 || seen[code] || !ledger.IsSegment(c.Creator):
			return bad("/creators", "Each creator needs an id and a code of its own.")
		case c.Weight != "" && (err != nil || weight.IsZero()):
			return bad("/creators", "A weight is a number above zero.")
		case c.Agency != nil && (!ledger.IsSegment(c.Agency.ID) || c.Agency.Share == "" || !rate(c.Agency.Share) || c.Agency.PaidBy != "" && c.Agency.PaidBy != "creator"):
			return bad("/creators", "An agency needs an id and a share of 0 to 1, and is paid by the creator.")
		}
		seen[code] = true
	}
	return nil
}
