package reconcile

import "strings"

// What lines and entries are by their names: a charge, a refund, a fee. It tells two movements of one key apart; it never makes two
// amounts equal.

// nature is a kind of movement that both sides have a word for.
type nature string

const (
	natureUnknown    nature = ""
	natureCharge     nature = "charge"
	natureRefund     nature = "refund"
	natureRefundBack nature = "refund_failure"
	natureDispute    nature = "dispute"
	natureWon        nature = "dispute_reversal"
	naturePayout     nature = "payout"
	naturePayoutBack nature = "payout_reversal"
	natureFailed     nature = "charge_failure"
	natureFee        nature = "fee"
)

// sign is the way in which money of a nature moves: 1 in, -1 out, 0 either way.
func (n nature) sign() int {
	switch n {
	case natureCharge, natureRefundBack, natureWon, naturePayoutBack:
		return 1
	case natureRefund, natureDispute, naturePayout, natureFailed:
		return -1
	}
	return 0
}

// categories are the words of processors that are known: reporting categories, and the older types for lines without one. What
// both sides have a word for has a nature.
var categories = map[string]nature{
	"charge": natureCharge, "payment": natureCharge, "charge_failure": natureFailed, "payment_failure_refund": natureFailed,
	"refund": natureRefund, "payment_refund": natureRefund, "partial_capture_reversal": natureRefund,
	"refund_failure": natureRefundBack, "dispute": natureDispute, "dispute_reversal": natureWon,
	"payout": naturePayout, "payout_reversal": naturePayoutBack, "payout_failure": naturePayoutBack, "payout_cancel": naturePayoutBack,
	"fee": natureFee, "stripe_fee": natureFee, "stripe_fx_fee": natureFee, "network_cost": natureFee, "tax": natureUnknown, "tax_fee": natureFee,
	"transfer": naturePayout, "transfer_reversal": naturePayoutBack, "transfer_refund": naturePayoutBack, "transfer_cancel": naturePayoutBack,
	"transfer_failure": naturePayoutBack, "connect_reserved_funds": natureUnknown, "reserve_transaction": natureUnknown,
	"connect_collection_transfer": natureUnknown, "platform_earning": natureUnknown, "platform_earning_refund": natureUnknown,
	"application_fee": natureUnknown, "application_fee_refund": natureUnknown, "topup": natureUnknown, "topup_reversal": natureUnknown,
	"risk_reserved_funds": natureUnknown, "reserved_funds": natureUnknown, "reserve_hold": natureUnknown, "reserve_release": natureUnknown,
	"advance": natureUnknown, "advance_funding": natureUnknown, "anticipation_repayment": natureUnknown, "contribution": natureUnknown,
	"payout_minimum_balance_hold": natureUnknown, "payout_minimum_balance_release": natureUnknown, "other_adjustment": natureUnknown,
	"climate_order_purchase": natureUnknown, "climate_order_refund": natureUnknown, "tax_fund": natureUnknown,
}

// events are the events of the ledger that move money at a processor or a bank, as far as they have a nature.
var events = map[string]nature{
	"order.captured": natureCharge, "charge.recorded": natureCharge, "payment.duplicate_received": natureCharge,
	"refund.made": natureRefund, "refund.failed": natureRefundBack, "payment.duplicate_refunded": natureRefund, "payment.failed": natureFailed,
	"dispute.opened": natureDispute, "payout.submitted": naturePayout, "payout.failed": naturePayoutBack, "payout.returned": naturePayoutBack,
	"payout.cancelled": naturePayoutBack,
}

// fees are the events whose entries on a processor's account are its fees.
var fees = map[string]bool{
	"processor.fee_recorded": true, "processor.payout_cost": true, "processor.refund_cost": true, "recon.fee_trued_up": true,
}

// The events by which a run puts what a line moved into suspense, net of its fee in one entry, and takes it back out of there.
const (
	suspenseIn       = "recon.suspense_in"
	suspenseReturned = "recon.suspense_returned"
)

// nature of a line, by its category first and by its type if that is no known word.
func (l External) nature() nature {
	if n, ok := categories[l.Category]; ok {
		return n
	}
	return categories[l.Type]
}

// known says whether the processor's words for a line are known.
func (l External) known() bool {
	_, category := categories[l.Category]
	return category
}

// returned says that a line brings back a payment that had gone out.
func (l External) returned(x situation) bool {
	if l.Gross <= 0 {
		return false
	}
	if !x.bank() {
		return l.nature() == naturePayoutBack
	}
	for _, word := range [2]string{l.Category, l.Type} {
		if word = strings.ToLower(word); strings.Contains(word, "return") || strings.Contains(word, "rrtn") || strings.Contains(word, "payout_reversal") {
			return true
		}
	}
	return false
}

func (e Entry) nature() nature { return events[e.Event] }

// fee says that an entry is a fee of the processor.
func (e Entry) fee() bool { return fees[e.Event] }

// apart says that two movements have natures, and different ones.
func apart(a, b nature) bool { return a != natureUnknown && b != natureUnknown && a != b }
