package commerce

import (
	"encoding/json"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The terms of a capture are its inputs in the compact form that is kept for ever: amounts in minor units, discounts
// already allocated to their lines, zeros left out. They are enough to compute every amount again.

// cents is an amount in minor units of the order's currency as it stands in stored terms.
type cents int64

type termTax struct {
	Jurisdiction string `json:"j"`
	Kind         string `json:"k"`
	Platform     bool   `json:"p,omitempty"`
	Included     bool   `json:"i,omitempty"`
	Amount       cents  `json:"a"`
}

type termLine struct {
	Line        int       `json:"n"`
	SKU         string    `json:"k"`
	Category    string    `json:"c,omitempty"`
	Quantity    int       `json:"q"`
	Price       cents     `json:"u"`
	SellerOff   cents     `json:"s,omitempty"`
	PlatformOff cents     `json:"p,omitempty"`
	Taxes       []termTax `json:"t,omitempty"`
}

type termExtra struct {
	Amount cents     `json:"a"`
	Taxes  []termTax `json:"t,omitempty"`
	To     string    `json:"o,omitempty"`
}

type termCreator struct {
	ID     string       `json:"i"`
	Weight money.Weight `json:"w,omitzero"`
	Agency string       `json:"a,omitempty"`
	Share  money.Rate   `json:"s,omitzero"`
	PaidBy string       `json:"p,omitempty"`
}

type termPartner struct {
	ID   string      `json:"i"`
	Role string      `json:"r"`
	Rate *money.Rate `json:"p,omitempty"`
}

type termPayment struct {
	Processor string `json:"p,omitempty"`
	ID        string `json:"i,omitempty"`
	Stored    string `json:"s,omitempty"` // the account of a gift card or store credit
	Carrier   string `json:"c,omitempty"` // who took cash at the door
	Amount    cents  `json:"a"`
}

// captureTerms is a capture as it is kept.
type captureTerms struct {
	Rules       string         `json:"r,omitempty"` // of the first capture
	Capture     int            `json:"c,omitempty"` // left out for 1
	Currency    money.Currency `json:"u"`
	Placed      int64          `json:"p"` // microseconds since 1970
	Seller      string         `json:"s"`
	CategorySet string         `json:"g,omitempty"`
	Lines       []termLine     `json:"l"`
	Shipping    *termExtra     `json:"sh,omitempty"`
	GiftWrap    *termExtra     `json:"gw,omitempty"`
	Duty        *termExtra     `json:"du,omitempty"`
	RoundUp     *termExtra     `json:"ru,omitempty"`
	Creators    []termCreator  `json:"cr,omitempty"`
	Rate        *money.Rate    `json:"cm,omitempty"`
	Deposit     *money.Rate    `json:"dp,omitempty"`
	Partners    []termPartner  `json:"pa,omitempty"`
	Payments    []termPayment  `json:"py,omitempty"`
	Delivered   int64          `json:"d,omitempty"` // microseconds since 1970, where the buyer paid at the door
	More        bool           `json:"m,omitempty"` // parcels are still to come

	liveSession, channel string
}

func (t *captureTerms) number() int { return max(t.Capture, 1) }

// lotsOf builds the lots of the capture.
func (t *captureTerms) lotsOf() []lot {
	lots := make([]lot, 0, len(t.Lines)+4)
	for i := range t.Lines {
		l := &t.Lines[i]
		lots = append(lots, lot{kind: lotGoods, line: l.Line, sku: l.SKU, category: l.Category, quantity: l.Quantity, taxes: lotTaxes(l.Taxes),
			captured: parts{money.Minor(l.Price) * money.Minor(l.Quantity), money.Minor(l.SellerOff), money.Minor(l.PlatformOff)}})
	}
	for _, e := range []struct {
		kind  lotKind
		extra *termExtra
	}{{lotShipping, t.Shipping}, {lotGiftWrap, t.GiftWrap}, {lotDuty, t.Duty}, {lotRoundUp, t.RoundUp}} {
		if e.extra != nil {
			lots = append(lots, lot{kind: e.kind, quantity: 1, captured: parts{list: money.Minor(e.extra.Amount)}, taxes: lotTaxes(e.extra.Taxes), owner: e.extra.To})
		}
	}
	return lots
}

func lotTaxes(ts []termTax) []lotTax {
	if len(ts) == 0 {
		return nil
	}
	taxes := make([]lotTax, len(ts))
	for i, t := range ts {
		taxes[i] = lotTax{jurisdiction: t.Jurisdiction, kind: t.Kind, platform: t.Platform, included: t.Included, amount: money.Minor(t.Amount)}
	}
	return taxes
}

// apply adds the capture to the order: the first freezes the terms, a later one must agree with them.
func (t *captureTerms) apply(o *order, _ *preparation) error {
	if o.cancelled {
		return ErrOrderState.With("The order was cancelled, so nothing more can be captured for it. Record a payment that came anyway as payment.duplicate_received.")
	}
	if slices.Contains(o.captures, t.number()) {
		return ErrRepeated.With("The order has a capture of this number already. Number the next one on; record a second payment for the same goods as payment.duplicate_received.")
	}
	if len(o.captures) == 0 {
		if o.refused && (t.Currency != o.currency || t.Seller != o.seller) {
			return ErrOrderTerms
		}
		t.freeze(o)
	} else if !t.agrees(o) {
		return ErrOrderTerms
	}
	o.captures = append(o.captures, t.number())
	o.sell(t)
	if t.Delivered != 0 {
		o.arrived(time.UnixMicro(t.Delivered).UTC(), !t.More)
	}
	return nil
}

// sell adds goods and what paid for them to the order.
func (o *order) sell(t *captureTerms) {
	o.rest = o.rest || o.settled()
	for _, l := range t.lotsOf() {
		o.discounted = o.discounted || l.captured.platformOff != 0
		for _, tax := range l.taxes {
			o.deemed = o.deemed || tax.platform && tax.kind == "vat"
		}
		o.lots = append(o.lots, l)
	}
	for _, p := range t.Payments {
		o.addTender(p.tender())
	}
}

// addTender adds what a capture took to the order's tenders; several captures of one payment are one tender.
func (o *order) addTender(n tender) {
	for i := range o.tenders {
		if t := &o.tenders[i]; t.account == n.account && t.paymentID == n.paymentID && !t.failed {
			t.captured += n.captured
			return
		}
	}
	o.tenders = append(o.tenders, n)
}

func (p termPayment) tender() tender {
	if p.Stored != "" {
		return tender{account: ledger.Address(p.Stored), captured: money.Minor(p.Amount)}
	}
	if p.Carrier != "" {
		return tender{account: codAccount(p.Carrier), carrier: p.Carrier, captured: money.Minor(p.Amount)}
	}
	return tender{account: processorAccount(bucketPending, p.Processor), processor: p.Processor, paymentID: p.ID, captured: money.Minor(p.Amount)}
}

// freeze takes over what serves the order for ever.
func (t *captureTerms) freeze(o *order) {
	o.currency, o.unit = t.Currency, t.Currency.PostingUnit()
	o.seller, o.categorySet = t.Seller, t.CategorySet
	o.placedAt = time.UnixMicro(t.Placed).UTC()
	o.commissionRate, o.depositRate = t.Rate, t.Deposit
	o.liveSession, o.channel = t.liveSession, t.channel
	o.creators = creatorsOf(t.Creators)
	o.attributed = o.creators
	for _, p := range t.Partners {
		o.partners = append(o.partners, partner{id: p.ID, role: p.Role, rate: p.Rate})
	}
}

func creatorsOf(terms []termCreator) (list []creator) {
	for _, c := range terms {
		list = append(list, creator{id: c.ID, weight: c.Weight, agency: c.Agency, share: c.Share, paidBy: c.PaidBy})
	}
	return list
}

// agrees reports whether a later capture says the same about what is frozen, or leaves it out.
func (t *captureTerms) agrees(o *order) bool {
	if t.Currency != o.currency || t.Seller != o.seller || t.Placed != o.placedAt.UnixMicro() || t.CategorySet != o.categorySet {
		return false
	}
	if t.Rate != nil && (o.commissionRate == nil || *t.Rate != *o.commissionRate) || t.Deposit != nil && (o.depositRate == nil || *t.Deposit != *o.depositRate) {
		return false
	}
	if len(t.Creators) > 0 {
		if named := creatorsOf(t.Creators); !slices.Equal(named, o.attributed) && !slices.Equal(named, o.creators) {
			return false
		}
	}
	if len(t.Partners) == 0 {
		return true
	}
	return slices.EqualFunc(t.Partners, o.partners, func(a termPartner, b partner) bool {
		return a.ID == b.id && a.Role == b.role && (a.Rate == nil) == (b.rate == nil) && (a.Rate == nil || *a.Rate == *b.rate)
	})
}

// marshal returns the terms as they are kept.
func (t *captureTerms) marshal() (json.RawMessage, error) { return json.Marshal(t) }
