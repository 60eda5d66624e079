package commerce

import (
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The sides of an order, as one payee is told them. What processors, banks and carriers charge the platform for itself is not among
// them: neither the cost nor the cash that it takes with it. A payee that is not the order's seller is told what the buyer paid, its
// own sum, its agency's, and one sum for everybody else: apart, these would tell the platform's margin or what another payee has. A
// tax on a fee tells the fee, a discount or donation another's bonus or pledge, and a label what the seller was charged.

// sides adds the order up by role.
func (v *ownView) sides() {
	var own []ledger.Transaction
	for i := range v.order.transactions {
		if t := &v.order.transactions[i]; !strings.HasPrefix(t.Event, "processor.") {
			own = append(own, v.withoutCosts(t))
		}
	}
	sums, buckets := map[string]money.Minor{}, map[string]money.Minor{}
	for _, r := range waterfall(own, v.order.currency) {
		for _, p := range r.Parts {
			amount := signedAmount(p.Amount, v.order.currency)
			side := v.sideOf(r.Who, p.Account)
			sums[side] += amount
			if bucket, isOwn := v.bucketOf(ledger.Address(p.Account)); isOwn {
				buckets[bucket] += amount
				v.share.Net += amount
			}
		}
	}
	for _, side := range sideOrder {
		if amount := sums[side]; amount != 0 || side == SideYou {
			v.share.Sides = append(v.share.Sides, OwnSide{side, amount})
		}
	}
	for _, bucket := range []string{bucketPending, bucketAvailable, bucketReserve, bucketDisputeHold, bucketBlocked, bucketTrust} {
		if amount := buckets[bucket]; amount != 0 {
			v.share.Held = append(v.share.Held, OwnBucket{bucket, amount})
		}
	}
}

// accountRecovered stands in the picture for costs that a payee bears, or is given back: they are a fee to it. Nothing is posted there.
const accountRecovered ledger.Address = "revenue:recovered"

// isPlatformCost reports whether an account is what processors and carriers charge the platform for itself.
func isPlatformCost(a ledger.Address) bool {
	return a == accountDisputeFee || a == accountProcessorFee || strings.HasPrefix(string(a), "expenses:collection_fee:")
}

// withoutCosts is a transaction without the platform's own costs, and without the cash that they took along or that came back for
// them. What of a cost somebody else bears is a fee.
func (v *ownView) withoutCosts(t *ledger.Transaction) ledger.Transaction {
	cost, cash, carrier := money.Minor(0), money.Minor(0), ledger.Address("")
	out := *t
	out.Entries = make([]ledger.Entry, 0, len(t.Entries))
	var disputed *dispute
	for _, e := range t.Entries {
		if e.Currency == v.order.currency && isPlatformCost(e.Account) {
			cost += e.Amount
			continue
		}
		if e.Currency == v.order.currency && standsForCash(e.Account) {
			cash, carrier = cash+e.Amount, e.Account
			if disputed == nil {
				disputed = v.order.dispute(e.ExternalRef)
			}
		}
		out.Entries = append(out.Entries, e)
	}
	taken := money.Minor(0) // the cash of the cost, which is credited where the cost is debited
	switch {
	case cost > 0:
		taken = max(min(cost, -cash), 0)
	case cost < 0:
		taken = min(max(cost, -cash), 0)
	}
	recovered := cost - taken
	if t.Event == "dispute.reopened_won" && disputed != nil && cash+taken > disputed.amount {
		// The fee came back to whoever bore it.
		recovered += cash + taken - disputed.amount
		taken -= cash + taken - disputed.amount
	}
	for _, e := range []ledger.Entry{{Account: carrier, Amount: taken}, {Account: accountRecovered, Amount: recovered}} {
		if e.Amount != 0 {
			e.Currency = v.order.currency
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

// standsForCash reports whether an account is cash, or cash that is on its way.
func standsForCash(a ledger.Address) bool {
	return isCash(a) || strings.HasPrefix(string(a), codPrefix) || a == accountSuspense || a == accountSuspenseIn
}

// sideOf is the side that an account of a receiver belongs to, as the payee is told it.
func (v *ownView) sideOf(who, account string) string {
	kind, id, _ := strings.Cut(who, ":")
	if kind == v.who.Kind && id == v.who.ID {
		return SideYou
	}
	side := v.plainSideOf(kind, id, account)
	if v.who.Kind == "seller" && v.who.ID == v.order.seller {
		return side
	}
	if side == SideBuyer || side == SideAgency {
		return side
	}
	return SideRest
}

// plainSideOf is the side of a receiver before any are folded into one.
func (v *ownView) plainSideOf(kind, id, account string) string {
	switch kind {
	case "buyer":
		return SideBuyer
	case "platform":
		if strings.HasPrefix(account, "revenue:") && !strings.HasPrefix(account, "revenue:contra:") {
			return SideFees
		}
		return SidePlatformIn
	case "seller":
		return SideSeller
	case "creator":
		return SideCreators
	case "agency":
		if v.isOwnAgency(id) {
			return SideAgency
		}
		return SideAgencies
	case "partner":
		return SidePartners
	case "carrier":
		return SideShipping
	case "tax":
		return SideTax
	case "deposit":
		return SideDeposit
	case "beneficiary":
		return SideDonation
	}
	return SideOther
}

// isOwnAgency reports whether an agency is that of the creator that looks and of no other of the order: what it has of several would
// tell one what it has of the others.
func (v *ownView) isOwnAgency(id string) bool {
	own, others := false, false
	for i := range v.order.creators {
		if c := &v.order.creators[i]; c.agency == id {
			isOwn := v.who.Kind == "creator" && c.id == v.who.ID
			own, others = own || isOwn, others || !isOwn
		}
	}
	return own && !others
}
