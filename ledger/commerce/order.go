package commerce

import (
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// An order is the state of one order, replayed from its transactions. It exists only while an event is planned or
// explained.

var (
	// ErrOrderUnknown means that nothing was captured for the order.
	ErrOrderUnknown = fault.New(fault.NotFound, "order-unknown", "Nothing was captured for this order. Check its id, or record its capture first.")
	// ErrOrderState means that the event cannot follow what has happened to the order.
	ErrOrderState = fault.New(fault.Conflict, "order-state", "This cannot follow what has already happened to the order. Look at the order and correct the event.")
	// ErrOrderTerms means that a later capture contradicts what was frozen with the first.
	ErrOrderTerms = fault.New(fault.Conflict, "order-terms-frozen",
		"The order's seller, currency, creators and rates were frozen with its first capture. Send later captures with the same terms.")
	// ErrRepeated means that the order has a capture, refund, bonus or dispute of this id already, under another reference.
	ErrRepeated = fault.New(fault.Conflict, "already-recorded",
		"This is recorded already, under another reference. Look at the order; give what is new an id of its own.")
	// ErrRuleMissing means that the rule set lacks a rule that the event needs.
	ErrRuleMissing = fault.New(fault.Conflict, "rule-missing", "The rule set in force lacks a rule that this event needs. Add a rule set that has it.")
	// ErrOrderEdited means that the order's history was changed by hand in a way that its rules cannot follow.
	ErrOrderEdited = fault.New(fault.Conflict, "order-edited",
		"Transactions of this order were reversed by hand, so its rules cannot be computed any further. Post what is needed as transactions, or reverse back to a consistent state.")
)

// creator is a creator of the order with the agency's terms.
type creator struct {
	id             string
	weight         money.Weight
	agency, paidBy string
	share          money.Rate
}

type partner struct {
	id, role string
	rate     *money.Rate
}

type bonusFunder struct {
	funder string
	amount money.Minor
	rate   *money.Rate
}

type bonus struct {
	id, creator string
	funders     []bonusFunder
}

// tender is one way the buyer paid.
type tender struct {
	account   ledger.Address // that was debited
	processor string         // empty for stored value and cash
	carrier   string         // who took cash at the door
	paymentID string
	captured  money.Minor
	returned  money.Minor // by refunds, and by disputes and failures that took it
	remitted  money.Minor // by the carrier, of what it took
	failed    bool
}

// rank is the order in which tenders give money back: cards and the like, then cash, then stored value.
func (t *tender) rank() int {
	switch {
	case t.processor != "":
		return 0
	case t.carrier != "":
		return 1
	}
	return 2
}

// tenderRanks is how many ranks there are.
const tenderRanks = 3

// refund is money that went back to the buyer.
type refund struct {
	id   string
	cash []cashLeg
	// fromLoss and fromGoodwill are what the buyer had got already at the platform's cost, which comes back to it.
	fromLoss, fromGoodwill money.Minor
	failed                 bool
}

// cashLeg is what one account gave to the buyer.
type cashLeg struct {
	account ledger.Address
	amount  money.Minor
	ref     string
}

// lineCharge is what a refund fee has seen of one order line.
type lineCharge struct {
	key      int
	returned money.Minor
}

type order struct {
	book     ledger.Book
	id       string
	currency money.Currency
	unit     money.Minor
	set      *RuleSet
	last     int64 // the subject's last sequence
	// what the first capture froze
	seller, categorySet, tier     string
	liveSession, channel          string
	placedAt                      time.Time
	capturedIn                    ledger.Period
	commissionRate, depositRate   *money.Rate
	finalRate                     *money.Rate // of a released deposit
	creators                      []creator
	attributed                    []creator // as the first capture said, before any move
	partners                      []partner
	captures                      []int
	rest                          bool // a capture after the settlement: what it adds waits in pending
	lots                          []lot
	tenders                       []tender
	discounted, deemed, cancelled bool
	refused                       bool // a parcel to be paid at the door came back
	bonuses                       []bonus
	moves                         []string         // attributions moved, by id
	tiers                         []tierAdjustment // rates changed afterwards
	pledges                       []pledge
	exchanged                     []string // exchanges whose new goods were captured
	refunds                       []refund
	duplicates                    []duplicate
	disputes                      []dispute
	cases                         []string // open ones
	delivered                     time.Time
	complete                      bool // the last parcel arrived
	parcels                       []parcel
	anyDelivery                   bool
	settledAt                     time.Time
	reserve                       reserve
	minors                        []minor // creators of whose earnings a part is set aside, since the first settlement
	goodwill, platformLoss        money.Minor
	// extras are positions that the sheet does not know: fees of refunds, restocking, labels, disputes' costs.
	extras positions
	// refundFees are the refund-fee rules' memories.
	refundFees map[string][]lineCharge
	refundFee  map[string]money.Minor
	// posted is what computed transactions have posted, by position; buckets is what all transactions of the order have
	// posted, by account; what a hold keeps counts as available.
	posted  positions
	buckets positions
	// transactions are the order's own, oldest first.
	transactions []ledger.Transaction
	edited       error
	// ahead says that the state holds more than the recorded transactions: a group goes on with it.
	ahead bool
}

// reserve is what was kept of the seller's share at settlement.
type reserve struct {
	rate      money.Rate
	days      int
	releaseAt time.Time
	// offset is what the seller's net had beside the sheet's value when it settled: charges and extras.
	offset money.Minor
}

func (o *order) sellerPosition() ledger.Address {
	return payeeAccount("seller", bucketPending, o.seller)
}

// rule returns the set's rule of a kind (and role), or nil.
func (o *order) rule(kind RuleKind, role string) *Rule {
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.Kind == kind && r.Role == role {
			return r
		}
	}
	return nil
}

func (o *order) agencyRounding() money.Rounding {
	if r := o.rule(RuleAgency, ""); r != nil {
		return r.Rounding
	}
	return money.HalfEven
}

// goodsGone reports that no goods remain with the buyer.
func (o *order) goodsGone() bool {
	for i := range o.lots {
		if o.lots[i].kind == lotGoods && !o.lots[i].empty() {
			return false
		}
	}
	return true
}

// money is what the buyer paid and has not got back by goods, over all lots.
func (o *order) money(captured bool) (sum money.Minor) {
	for i := range o.lots {
		sum += o.lots[i].money(captured)
	}
	return sum
}

// refundable is what may still go back to the buyer: captured, less what went back and what open disputes hold.
func (o *order) refundable() (sum money.Minor) {
	for i := range o.tenders {
		sum += o.tenderLeft(&o.tenders[i])
	}
	return sum
}

// tenderLeft is what may still go back by one tender.
func (o *order) tenderLeft(t *tender) money.Minor {
	if t.failed {
		return 0
	}
	left := t.captured - t.returned
	for i := range o.disputes {
		if d := &o.disputes[i]; d.state == disputeOpen && d.paymentID == t.paymentID && t.paymentID != "" {
			left -= d.amount
		}
	}
	return max(left, 0)
}

// settled reports whether the order's money was released, and nothing of it waits again.
func (o *order) settled() bool { return !o.settledAt.IsZero() }

// bucket is where a position's money sits now (W-05).
func (o *order) bucket() string {
	if o.settled() {
		return bucketAvailable
	}
	return bucketPending
}

// openDispute returns an open dispute of the order, or nil.
func (o *order) openDispute() *dispute {
	for i := range o.disputes {
		if o.disputes[i].state == disputeOpen {
			return &o.disputes[i]
		}
	}
	return nil
}

// gates are what keeps the order from settling.
func (o *order) gates() []string {
	gates := []string{}
	for _, c := range o.cases {
		gates = append(gates, "case:"+c)
	}
	for i := range o.disputes {
		if o.disputes[i].state == disputeOpen {
			gates = append(gates, "dispute:"+o.disputes[i].id)
		}
	}
	for i := range o.lots {
		if l := &o.lots[i]; l.kind == lotExchange && !l.empty() {
			gates = append(gates, "exchange:"+l.sku)
		}
	}
	for i := range o.tenders {
		if t := &o.tenders[i]; t.carrier != "" && t.remitted < t.captured {
			gates = append(gates, "cod:"+t.carrier)
		}
	}
	return gates
}

// absorb adds what a transaction posted to the order's buckets and, if its event was computed by rules, to what is posted.
func (o *order) absorb(lines []ledger.Line, computed bool) {
	for _, l := range lines {
		if l.Currency != o.currency {
			continue
		}
		if isPosition(l.Account) {
			o.buckets.add(asAvailable(l.Account), -l.Amount)
			if computed {
				o.posted.add(positionOf(l.Account), -l.Amount)
			}
		}
	}
}

// bucketOf returns what the order has in one bucket of a position.
func (o *order) bucketOf(position ledger.Address, bucket string) money.Minor {
	kind, _, id, ok := splitPayee(position)
	if !ok {
		return o.buckets.of(position)
	}
	return o.buckets.of(payeeAccount(kind, bucket, id))
}

// net is what the order has given a payee, over pending, available, reserve and trust; what a dispute holds is apart.
func (o *order) net(position ledger.Address) money.Minor {
	return o.bucketOf(position, bucketPending) + o.bucketOf(position, bucketAvailable) + o.bucketOf(position, bucketReserve) + o.bucketOf(position, bucketTrust)
}

// payees lists the positions of payees of the order, in the order they were first named.
func (o *order) payees() []ledger.Address {
	var list []ledger.Address
	for _, p := range o.buckets {
		if _, _, _, ok := splitPayee(p.account); ok {
			if at := positionOf(p.account); !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list
}
