package commerce

import (
	"mizan/ledger"
	"mizan/ledger/money"
)

// Who gets what of an imported order: our fee and the creators' commission on what is left of its goods, always computed
// on the whole order, so that every refund takes back the difference and a full one takes back everything.

// importedSale is a paid order as it is kept: its inputs with the rates that were frozen on it.
type importedSale struct {
	Order      string         `json:"o"`
	Source     string         `json:"f"`
	Seller     string         `json:"s"`
	Currency   money.Currency `json:"u"`
	Paid       int64          `json:"p"` // microseconds since 1970
	Lines      []importedTerm `json:"l"`
	Creators   []termCreator  `json:"cr,omitempty"`
	Commission money.Rate     `json:"cm,omitzero"`
	Fee        money.Rate     `json:"fe,omitzero"`
	// Rules is the rule set that a rate came from, if one did.
	Rules   string `json:"r,omitempty"`
	Release string `json:"re,omitempty"`
	Window  int    `json:"w,omitempty"`
}

type importedTerm struct {
	Line   string `json:"n"`
	Amount cents  `json:"a"`
}

// importedReturn is a refund as it is kept: beside what went back, what the order's goods came to before and after it.
type importedReturn struct {
	Refund string         `json:"i"`
	Lines  []importedTerm `json:"b"`
	Before cents          `json:"x"`
	After  cents          `json:"y"`
	importedSale
}

// importedShares is how an amount of goods divides.
type importedShares struct {
	fee, commission money.Minor
	gross, agencies []money.Minor // by creator
}

func (s *importedSale) base() (sum money.Minor) {
	for _, l := range s.Lines {
		sum += money.Minor(l.Amount)
	}
	return sum
}

// shares divides an amount of goods.
func (s *importedSale) shares(base money.Minor) (out importedShares, err error) {
	unit := s.Currency.PostingUnit()
	if out.fee, err = s.Fee.Of(base, money.HalfEven, unit); err != nil {
		return out, err
	}
	if len(s.Creators) == 0 {
		return out, nil
	}
	if out.commission, err = s.Commission.Of(base, money.HalfEven, unit); err != nil {
		return out, err
	}
	if out.gross, err = money.Allocate(out.commission, s.weights(), unit); err != nil {
		return out, err
	}
	out.agencies = make([]money.Minor, len(s.Creators))
	for i, c := range s.Creators {
		if out.agencies[i], err = c.Share.Of(out.gross[i], money.HalfEven, unit); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *importedSale) weights() []money.Weight {
	weights := make([]money.Weight, len(s.Creators))
	for i, c := range s.Creators {
		weights[i] = c.Weight
	}
	return weights
}

// positions are the shares by payee and account; the seller's is what it pays.
func (s *importedSale) positions(base money.Minor) (list positions, err error) {
	shares, err := s.shares(base)
	if err != nil {
		return nil, err
	}
	list.add(payeeAccount("seller", bucketAvailable, s.Seller), -shares.fee-shares.commission)
	list.add(accountReferralFee, shares.fee)
	for i, c := range s.Creators {
		list.add(payeeAccount("creator", bucketPending, c.ID), shares.gross[i]-shares.agencies[i])
		if c.Agency != "" {
			list.add(payeeAccount("agency", bucketPending, c.Agency), shares.agencies[i])
		}
	}
	return list, nil
}

const accountReferralFee ledger.Address = "revenue:referral_fee"

func (s *importedSale) tell() []Step { return s.steps(s.base(), "the goods without shipping and tax") }

// tell says what the shares are after the refund and what they were before.
func (r *importedReturn) tell() []Step {
	before := r.steps(money.Minor(r.Before), "")
	after := r.steps(money.Minor(r.After), "the goods that stay sold")
	for i := range after {
		if after[i].Before = before[i].Amount; before[i].Amount != after[i].Amount {
			after[i].Text = after[i].Text[:len(after[i].Text)-1] + "; before the refund it was " + before[i].Amount + "."
		}
	}
	return after
}

func (s *importedSale) steps(base money.Minor, of string) []Step {
	shares, err := s.shares(base)
	if err != nil {
		return nil // nothing is recorded that cannot be computed
	}
	t := &tale{currency: s.Currency}
	t.rated("platform_fee", "Our fee", string(accountReferralFee), of, base, s.Fee, 0, money.HalfEven, shares.fee, "")
	if len(s.Creators) > 0 {
		t.rated("commission", "Commission of the creators", "creators", of, base, s.Commission, 0, money.HalfEven, shares.commission, "")
	}
	total := money.Weight{}
	for _, w := range s.weights() {
		if total, err = total.Add(w); err != nil {
			return nil
		}
	}
	for i, c := range s.Creators {
		who := "creator:" + c.ID
		if len(s.Creators) > 1 {
			t.split("creator_split", "Split among the creators, "+c.ID, who, shares.commission, c.Weight, total, shares.gross[i])
		}
		if c.Agency != "" {
			t.rated("agency", "Agency share of "+c.Agency, "agency:"+c.Agency, "the commission of "+c.ID, shares.gross[i], c.Share, 0, money.HalfEven, shares.agencies[i], "the creator's")
		}
		t.plain("creator", "Left for creator "+c.ID, who, shares.gross[i]-shares.agencies[i], "")
	}
	t.plain("seller", "Paid by seller "+s.Seller, "seller:"+s.Seller, -shares.fee-shares.commission, "fee and commission")
	return t.steps
}

// in is the currency of the shares.
func (s *importedSale) tellsIn() money.Currency { return s.Currency }
