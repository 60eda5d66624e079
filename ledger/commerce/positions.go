package commerce

import (
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A position is what an order comes to on one account. A payee's money moves between buckets (pending, available, reserve,
// dispute_hold …) without changing who owns it, so all buckets of a payee are one position, named by the pending account.

// payeeKinds are the payees whose money has buckets.
var payeeKinds = []string{"seller", "creator", "agency", "partner"}

const (
	bucketPending     = "pending"
	bucketAvailable   = "available"
	bucketReserve     = "reserve"
	bucketDisputeHold = "dispute_hold"
)

// payeeAccount is the account of one bucket of a payee.
func payeeAccount(kind, bucket, id string) ledger.Address {
	return ledger.Address("liabilities:" + kind + ":" + bucket + ":" + id)
}

// splitPayee divides the address of a payee's bucket; ok is false for any other account.
func splitPayee(a ledger.Address) (kind, bucket, id string, ok bool) {
	rest, found := strings.CutPrefix(string(a), "liabilities:")
	if !found {
		return "", "", "", false
	}
	if kind, rest, found = strings.Cut(rest, ":"); !found {
		return "", "", "", false
	}
	if bucket, id, found = strings.Cut(rest, ":"); !found {
		return "", "", "", false
	}
	for _, k := range payeeKinds {
		if kind == k {
			return kind, bucket, id, true
		}
	}
	return "", "", "", false
}

// positionOf returns the name of the position that an account belongs to.
func positionOf(a ledger.Address) ledger.Address {
	if kind, bucket, id, ok := splitPayee(a); ok && bucket != bucketPending {
		return payeeAccount(kind, bucketPending, id)
	}
	return a
}

// isPosition reports whether the calculation sheet decides about an account. The others are cash, what stands for cash,
// and costs that only one event knows.
func isPosition(a ledger.Address) bool {
	s := string(a)
	if _, _, _, ok := splitPayee(a); ok {
		return true
	}
	return strings.HasPrefix(s, "revenue:") || strings.HasPrefix(s, "liabilities:tax:") ||
		strings.HasPrefix(s, "liabilities:commission_deposit:") || strings.HasPrefix(s, "liabilities:donation:") ||
		strings.HasPrefix(s, "liabilities:carrier:") || strings.HasPrefix(s, "liabilities:exchange_clearing:") || s == accountBonus
}

// Accounts that the events post to.
const (
	accountPlatformDiscount = "revenue:contra:platform_discount"
	accountRefundFeeDefault = "revenue:refund_admin_fee"
	accountDisputeHandling  = "revenue:dispute_handling_fee"
	accountBonus            = "expenses:creator_bonus"
	accountProcessorFee     = "expenses:processor_fee"
	accountDisputeFee       = "expenses:dispute_fee"
	accountChargebackLoss   = "expenses:chargeback_loss"
	accountGoodwill         = "expenses:goodwill"
	accountShippingSubsidy  = "expenses:shipping_subsidy"
	accountReimbursement    = "expenses:inventory_reimbursement"
	accountSuspense         = "assets:suspense"
	codPrefix               = "assets:receivable:cod:"
)

func disputeAccount(id string) ledger.Address {
	return ledger.Address("assets:receivable:dispute:" + id)
}
func clearingAccount(order string) ledger.Address {
	return ledger.Address("liabilities:exchange_clearing:" + order)
}
func refundDueAccount(buyer string) ledger.Address {
	return ledger.Address("liabilities:customer_refund_due:" + buyer)
}
func codAccount(carrier string) ledger.Address {
	return ledger.Address(codPrefix + carrier)
}
func collectionFeeAccount(carrier string) ledger.Address {
	return ledger.Address("expenses:collection_fee:" + carrier)
}
func carrierAccount(id string) ledger.Address { return ledger.Address("liabilities:carrier:" + id) }

// processorAccount is our balance at a processor; the bucket is pending or available.
func processorAccount(bucket, processor string) ledger.Address {
	return ledger.Address("assets:processor:" + bucket + ":" + processor)
}

// position is an amount in the account's favour: a credit is positive.
type position struct {
	account ledger.Address
	amount  money.Minor
}

// positions keep the order in which they were first named, so that entries stand as the calculation sheet does.
type positions []position

// add adds to a position.
func (p *positions) add(a ledger.Address, amount money.Minor) {
	for i := range *p {
		if (*p)[i].account == a {
			(*p)[i].amount += amount
			return
		}
	}
	*p = append(*p, position{a, amount})
}

// of returns a position, zero if there is none.
func (p positions) of(a ledger.Address) money.Minor {
	for i := range p {
		if p[i].account == a {
			return p[i].amount
		}
	}
	return 0
}

// take returns a position and leaves zero.
func (p positions) take(a ledger.Address) (amount money.Minor) {
	for i := range p {
		if p[i].account == a {
			amount, p[i].amount = p[i].amount, 0
		}
	}
	return amount
}
