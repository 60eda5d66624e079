package payouts

import (
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A hold keeps a payee's money back, for a reason that somebody answers for: a pause stops payouts and moves nothing; a hold
// of an amount, or of everything, moves money to blocked, where it pays no debt, no fee and nobody else (C-13).

// The effects of a hold.
const (
	EffectPause      = "pause"
	EffectAmount     = "amount"
	EffectEverything = "everything"
)

var (
	// ErrHoldInvalid means that a hold cannot be as described; its fields name what is wrong.
	ErrHoldInvalid = fault.New(fault.Invalid, "hold-invalid", "The hold cannot be placed like that. Correct the fields named; nothing was changed.")
	// ErrHoldUnknown means that there is no such hold in the book.
	ErrHoldUnknown = fault.New(fault.NotFound, "hold-unknown", "The book has no such hold. List the holds to find its id.")
	// ErrHoldExists means that another hold has the id.
	ErrHoldExists = fault.New(fault.Conflict, "hold-exists", "A hold of this id stands with another content. Give the new one an id of its own.")
	// ErrHoldOver means that the hold was released before.
	ErrHoldOver = fault.New(fault.Conflict, "hold-released", "The hold was released before. Read it to see when and by whom.")
)

// Hold is one as it stands.
type Hold struct {
	ID string
	PayeeKey
	// Currency is empty for a pause of every currency.
	Currency money.Currency
	// Effect is one of the Effect words, Category kyc, sanctions, legal, fraud or review; Case is what it is about in the papers
	// of whoever asked for it, and never told to the payee.
	Effect, Category, Case string
	// Wanted is how much is to be blocked, 0 unless the effect is amount; Blocked is what was moved when it was placed.
	Wanted, Blocked      money.Minor
	PlacedAt, ReleasedAt time.Time
	// Approval and Document are those of the release.
	Approval, Document string
}

// The categories of a hold. A payee is told the category, and never the case.
const (
	CategoryKYC       = commerce.HoldKYC
	CategorySanctions = commerce.HoldSanctions
	CategoryLegal     = commerce.HoldLegal
	CategoryFraud     = commerce.HoldFraud
	// CategoryReview is somebody's second look: it pauses, and blocks nothing.
	CategoryReview = "review"
)

// judge checks a hold that is to be placed.
func (h *Hold) judge(book ledger.Book) error {
	var fields []fault.Field
	want := func(ok bool, pointer, code, message string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
		}
	}
	pause := h.Effect == EffectPause
	want(ledger.IsSegment(h.ID), "/id", "id", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	want(slices.Contains([]string{KindSeller, KindCreator, KindAgency, KindPartner}, h.Kind), "/kind", "enum", "The money is a seller's, a creator's, an agency's or a partner's.")
	want(ledger.IsSegment(h.PayeeKey.ID), "/payee", "id", "An id is 1 to 64 of A-Z a-z 0-9 _ . -")
	want(slices.Contains([]string{EffectPause, EffectAmount, EffectEverything}, h.Effect), "/effect", "enum", "A hold is a pause, or of an amount, or of everything.")
	want(slices.Contains([]string{CategoryKYC, CategorySanctions, CategoryLegal, CategoryFraud, CategoryReview}, h.Category), "/category", "enum", "The category is kyc, sanctions, legal, fraud or review.")
	want(pause || h.Category != CategoryReview, "/category", "unexpected", "A review pauses payouts and blocks no money. Place a pause, or name why the money is blocked.")
	want(h.Case != "" && isLine(h.Case, 128), "/case", "text", "The case is named in one line of 1 to 128 bytes, by its id and not by a person's name.")
	want(pause && h.Currency == "" || book.Uses(h.Currency), "/currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's; only a pause may leave it out.")
	want(h.Effect != EffectAmount || h.Wanted > 0, "/amount", "required", "Say how much is to be blocked, above zero.")
	want(h.Effect == EffectAmount || h.Wanted == 0, "/amount", "unexpected", "Only a hold of an amount has one. Leave it out.")
	if fields != nil {
		return ErrHoldInvalid.WithFields(fields...)
	}
	return nil
}

// asks reports whether both ask for the same.
func (h Hold) asks(o Hold) bool {
	return h.ID == o.ID && h.PayeeKey == o.PayeeKey && h.Currency == o.Currency && h.Effect == o.Effect && h.Category == o.Category && h.Case == o.Case && h.Wanted == o.Wanted
}

// terms are what the ledger's events of the hold carry.
func (h Hold) terms(amount money.Minor) commerce.HoldTerms {
	return commerce.HoldTerms{Hold: h.ID, Kind: h.Kind, Payee: h.PayeeKey.ID, Currency: string(h.Currency), Amount: amount.Format(h.Currency), Category: h.Category, Case: h.Case}
}

// holder is whose money in the hold's currency it is.
func (h Hold) holder() Holder { return Holder{PayeeKey: h.PayeeKey, Currency: h.Currency} }

// holdMark is a hold as the trail keeps it.
type holdMark struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Payee    string `json:"payee"`
	Currency string `json:"currency,omitempty"`
	Effect   string `json:"effect"`
	Category string `json:"category"`
	Case     string `json:"case"`
	Wanted   string `json:"wanted,omitempty"`
	Blocked  string `json:"blocked,omitempty"`
	Given    string `json:"given_back,omitempty"`
	Document string `json:"document,omitempty"`
}

func (h Hold) mark() holdMark {
	m := holdMark{ID: h.ID, Kind: h.Kind, Payee: h.PayeeKey.ID, Currency: string(h.Currency), Effect: h.Effect, Category: h.Category, Case: h.Case, Document: h.Document}
	if h.Wanted > 0 {
		m.Wanted = h.Wanted.Format(h.Currency)
	}
	if h.Blocked > 0 {
		m.Blocked = h.Blocked.Format(h.Currency)
	}
	return m
}
