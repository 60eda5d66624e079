package commerce

import (
	"encoding/json"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What a reported sale comes to: the shares of what remains of it, what of them the brand's money has released, and what
// was given up. Everything is computed on what stands now; an event posts the difference it makes.

const (
	bornePayees   = "payees"
	bornePlatform = "platform"

	accountSimulcastFee = "revenue:simulcast_fee"
)

// simulcastFeeRate is the platform's share of a reported sale where the report names none.
var simulcastFeeRate = money.MustRate("0.02")

func brandAccount(brand string) ledger.Address {
	return ledger.Address("assets:receivable:brand:" + brand)
}

// frozenRate is a rate as it was frozen with a sale.
type frozenRate struct {
	ID       string         `json:"i,omitempty"` // the partner
	Role     string         `json:"r,omitempty"`
	Rate     money.Rate     `json:"p"`
	Rounding money.Rounding `json:"g"`
}

// saleTerms is a reported sale as it is kept: its inputs and the rates frozen with it.
type saleTerms struct {
	Sale        string         `json:"s"`
	Brand       string         `json:"b"`
	Currency    money.Currency `json:"u"`
	Amount      cents          `json:"a"`
	LiveSession string         `json:"l,omitempty"`
	Rules       string         `json:"r,omitempty"`
	Creators    []termCreator  `json:"cr,omitempty"`
	Commission  frozenRate     `json:"cm,omitzero"`
	Agency      money.Rounding `json:"ag,omitempty"`
	Partners    []frozenRate   `json:"pa,omitempty"`
	Fee         frozenRate     `json:"f"`
}

// shares are what the parties get of an amount of sales.
type shares struct {
	payees positions // by pending account
	earned money.Minor
	fee    money.Minor
	// funded is what of the payees' shares the platform pays, and not the brand.
	funded money.Minor
	steps  []Step
}

// due is what the brand owes.
func (s *shares) due() money.Minor { return s.earned - s.funded + s.fee }

// shares divides an amount of sales: creators by weight, agencies, partners, the platform. It tells how.
func (t *saleTerms) shares(base money.Minor) (*shares, error) {
	s := &shares{}
	told := &tale{currency: t.Currency}
	add := func(kind, id string, amount money.Minor) {
		s.payees.add(payeeAccount(kind, bucketPending, id), amount)
		s.earned += amount
	}
	if err := t.creatorShares(s, told, base, add); err != nil {
		return nil, err
	}
	for _, x := range t.Partners {
		amount, err := x.Rate.Of(base, x.Rounding, t.Currency.PostingUnit())
		if err != nil {
			return nil, err
		}
		add("partner", x.ID, amount)
		told.rated("partner:"+x.Role, "Partner share, "+x.Role, "partner:"+x.ID, "what the goods cost", base, x.Rate, 0, x.Rounding, amount, "brand")
	}
	var err error
	if s.fee, err = t.Fee.Rate.Of(base, t.Fee.Rounding, t.Currency.PostingUnit()); err != nil {
		return nil, err
	}
	told.rated("simulcast_fee", "Our simulcast fee", accountSimulcastFee, "what the goods cost", base, t.Fee.Rate, 0, t.Fee.Rounding, s.fee, "brand")
	if s.funded != 0 || t.fundsAgencies() {
		told.plain("agency_funded", "Agency shares that the platform pays", accountBonus, -s.funded, "beside what the brand owes")
	}
	s.steps = told.steps
	return s, nil
}

func (t *saleTerms) fundsAgencies() bool {
	for _, c := range t.Creators {
		if c.PaidBy == "platform" {
			return true
		}
	}
	return false
}

// creatorShares divides the gross commission by weight, and each creator's part with the agency, whose share is rounded.
func (t *saleTerms) creatorShares(s *shares, told *tale, base money.Minor, add func(kind, id string, amount money.Minor)) error {
	if len(t.Creators) == 0 {
		return nil
	}
	unit, r := t.Currency.PostingUnit(), t.Commission
	gross, err := r.Rate.Of(base, r.Rounding, unit)
	if err != nil {
		return err
	}
	if len(t.Creators) == 1 && t.Creators[0].Agency == "" {
		id := t.Creators[0].ID
		add("creator", id, gross)
		told.rated("commission", "Commission", "creator:"+id, "what the goods cost", base, r.Rate, 0, r.Rounding, gross, "brand")
		return nil
	}
	told.rated("commission", "Commission", "creators", "what the goods cost", base, r.Rate, 0, r.Rounding, gross, "brand")
	weights := make([]money.Weight, len(t.Creators))
	all := money.Weight{}
	for i := range t.Creators {
		weights[i] = t.Creators[i].Weight
		if all, err = all.Add(weights[i]); err != nil {
			return err
		}
	}
	parts, err := money.Allocate(gross, weights, unit)
	if err != nil {
		return err
	}
	for i, c := range t.Creators {
		net, because := parts[i], "the whole part"
		told.split("creator_split", "Creator's part", "creator:"+c.ID, gross, c.Weight, all, parts[i])
		if c.Agency != "" {
			share, err := c.Share.Of(parts[i], t.Agency, unit)
			if err != nil {
				return err
			}
			add("agency", c.Agency, share)
			told.rated("agency", "Agency share", "agency:"+c.Agency, "the creator's part", parts[i], c.Share, 0, t.Agency, share, "creator")
			switch c.PaidBy {
			case "platform":
				s.funded += share
			case "":
				net -= share
				because = "what the agency's share leaves"
			}
		}
		add("creator", c.ID, net)
		told.plain("creator", "Creator's commission", "creator:"+c.ID, net, because)
	}
	return nil
}

// tell tells the shares of the sale as reported.
func (t *saleTerms) tell() []Step {
	s, err := t.shares(money.Minor(t.Amount))
	if err != nil {
		return nil // it was computed when it was recorded
	}
	return s.steps
}

// saleNumbers are what has happened to a sale, in total.
type saleNumbers struct {
	Returned cents  `json:"r,omitempty"`
	Paid     cents  `json:"p,omitempty"`
	Written  cents  `json:"w,omitempty"`
	Bearer   string `json:"b,omitempty"`
}

// standing is what a sale comes to by its numbers.
type standing struct {
	*shares
	due, open money.Minor
	// loss is what the payees bear of what was given up, and net what is left for each.
	loss money.Minor
	net  []money.Minor
	// ready is what the money that came pays of the payees' shares.
	ready money.Minor
}

// stand computes a sale. The payees are paid first and the platform last, so what is given up takes the platform's fee
// first; a write-off that the platform bears stands for the brand's money.
func (t *saleTerms) stand(n saleNumbers) (*standing, error) {
	s, err := t.shares(money.Minor(t.Amount - n.Returned))
	if err != nil {
		return nil, err
	}
	out := &standing{shares: s, due: s.due()}
	paid, written := money.Minor(n.Paid), money.Minor(n.Written)
	out.open = out.due - paid - written
	if n.Bearer == bornePayees {
		out.loss = max(0, written-s.fee)
	} else {
		paid += written
	}
	earned := make([]money.Minor, len(s.payees))
	for i := range s.payees {
		earned[i] = s.payees[i].amount
	}
	left := s.earned - out.loss
	if out.net = earned; out.loss != 0 {
		if out.net, err = money.AllocateOver(left, earned, t.Currency.PostingUnit()); err != nil {
			return nil, err
		}
	}
	if out.ready = min(left, paid); out.open == 0 {
		out.ready = left
	}
	return out, nil
}

// release divides what became ready among what still waits of each payee, so that nobody's share ever exceeds what is
// left for him. What was released before stays, as far as it is still his.
func (s *standing) release(before []money.Minor, unit money.Minor) ([]money.Minor, error) {
	after, waits := make([]money.Minor, len(before)), make([]money.Minor, len(before))
	rest, waiting := s.ready, money.Minor(0)
	for i := range before {
		after[i] = min(before[i], s.net[i])
		waits[i] = s.net[i] - after[i]
		rest -= after[i]
		waiting += waits[i]
	}
	if rest <= 0 {
		return after, nil
	}
	if rest == waiting {
		return s.net, nil
	}
	add, err := money.AllocateOver(rest-rest%unit, waits, unit)
	if err != nil {
		return nil, err
	}
	for i := range add {
		after[i] += add[i]
	}
	return after, nil
}

// saleChange is what an event changed of a sale, as it is kept: the terms and the numbers before and after.
type saleChange struct {
	Terms    *saleTerms  `json:"t"`
	Before   saleNumbers `json:"x"`
	After    saleNumbers `json:"y"`
	Document string      `json:"d,omitempty"`
	Blocks   []blockMove `json:"b,omitempty"`
}

// tell tells each share on what remains, beside what it was, and who bears what was given up.
func (c *saleChange) tell() []Step {
	before, err := c.Terms.stand(c.Before)
	if err != nil {
		return nil
	}
	after, err := c.Terms.stand(c.After)
	if err != nil {
		return nil
	}
	told := &tale{currency: c.Terms.Currency}
	if c.Before.Returned != c.After.Returned {
		told.steps = after.steps
		for i := range told.steps {
			told.was(&told.steps[i], before.steps[i].Amount)
		}
	}
	if c.Before.Written == 0 && c.After.Written == 0 {
		return told.steps
	}
	for i, x := range after.payees {
		kind, _, id, _ := splitPayee(x.account)
		lost, had := x.amount-after.net[i], before.payees[i].amount-before.net[i]
		if lost != 0 || had != 0 {
			told.plain("written_off", "Share that was given up", kind+":"+id, -lost, "by what was left of each share and largest remainder")
			told.was(&told.steps[len(told.steps)-1], (-had).Format(told.currency))
		}
	}
	told.plain("written_off", "What the platform bears", accountBadDebt, after.loss-money.Minor(c.After.Written), "what was given up less what the payees bear")
	told.was(&told.steps[len(told.steps)-1], (before.loss - money.Minor(c.Before.Written)).Format(told.currency))
	return told.steps
}

// was notes what a step came to before.
func (t *tale) was(st *Step, before string) {
	if st.Before = before; st.Amount != before {
		st.Text = st.Text[:len(st.Text)-1] + ", before: " + before + "."
	}
}

// keptAs encodes what is kept.
func keptAs(v any) (json.RawMessage, error) { return json.Marshal(v) }

// tellsIn is the currency of a sale, also of one so small that it posts nothing.
func (t *saleTerms) tellsIn() money.Currency { return t.Currency }

func (c *saleChange) tellsIn() money.Currency { return c.Terms.Currency }
