package commerce

import (
	"slices"
	"strings"
)

// The fields of marketplace statements and what is done with each (domain 9.1, W-27). Every name has exactly one
// treatment. A field that is not here and is not zero is never dropped: its transaction is refused as unknown.

// treatment is what a field of a statement means for the books.
type treatment uint8

const (
	// treatSale is a part of what buyers paid, or of what goes back to them.
	treatSale treatment = iota + 1
	// treatFee is a deduction that goes to an account of its own, or comes back from it.
	treatFee
	// treatTax is a tax taken from the seller.
	treatTax
	// treatReserve is money that the marketplace keeps or gives back; no part of the settlement amount.
	treatReserve
	// treatSplit is a supplementary field that divides a main field further.
	treatSplit
	// treatNote is a supplementary field that is only kept.
	treatNote
)

// statementField is one field. To is its account in our own books as the platform, with <carrier>, <creator>, <agency>,
// <seller> or <jurisdiction> for what the transaction names.
type statementField struct {
	name  string
	treat treatment
	to    string
	of    string // the main field of a treatSplit
}

// statementFields are the fields in order of their names.
var statementFields = func() []statementField {
	var all []statementField
	add := func(treat treatment, to string, names ...string) {
		for _, n := range names {
			all = append(all, statementField{name: n, treat: treat, to: to})
		}
	}
	add(treatSale, "", "subtotal_before_discount", "seller_discount", "seller_discount_refund", "refund_subtotal_before_discount",
		"principal", "shipping", "promotion", "item_tax", "chargeback", "guarantee_claim", "failed_transfer", "debt_payment")
	add(treatNote, "", "customer_payment", "platform_discount", "platform_discount_refund", "seller_cofunded_discount", "sales_tax", "sales_tax_payment",
		"sales_tax_refund", "affiliate_commission_before_pit", "fbt_shipping_cost", "fbm_shipping_cost", "refunded_customer_shipping_fee", "shipping_fee_subsidy")
	add(treatFee, "liabilities:carrier:<carrier>", "cod_service_fee", "refund_cod_service_fee", "actual_shipping_fee", "customer_paid_shipping_fee",
		"return_shipping_fee", "return_shipping_fee_paid_buyer", "return_shipping_label_fee", "replacement_shipping_fee", "exchange_shipping_fee",
		"signature_confirmation_fee", "shipping_insurance_fee")
	add(treatFee, "expenses:shipping_subsidy", "shipping_fee_discount", "failed_delivery_subsidy", "free_return_subsidy", "fbt_free_shipping_fee",
		"fbt_fulfillment_fee_reimbursement")
	add(treatFee, "revenue:referral_fee", "platform_commission", "referral_fee", "commission")
	add(treatFee, "revenue:transaction_fee", "transaction_fee", "credit_card_handling_fee", "seller_paylater_handling_fee")
	add(treatFee, "revenue:dynamic_commission", "dynamic_commission")
	add(treatFee, "revenue:order_fee", "vn_fix_infrastructure_fee", "fee_per_item_sold")
	add(treatFee, "revenue:refund_admin_fee", "refund_administration_fee", "refund_commission")
	add(treatFee, "revenue:ads", "gmv_max_ad_fee", "advertising")
	add(treatFee, "revenue:storage_fee", "storage_fee")
	add(treatFee, "revenue:removal_fee", "removal_fee")
	add(treatFee, "revenue:fulfilment_fee", "fulfilment_fee")
	add(treatFee, "expenses:goodwill", "adjustment_amount")
	add(treatFee, "expenses:inventory_reimbursement", "inventory_reimbursement", "inventory_clawback")
	for _, n := range []string{"sfp_service_fee", "mall_service_fee", "flash_sales_service_fee", "live_specials_fee", "voucher_xtra_service_fee",
		"bonus_cashback_service_fee", "pre_order_service_fee", "installation_service_fee", "shipping_fee_guarantee_service_fee", "campaign_resource_fee",
		"epr_pob_service_fee", "cofunded_promotion_service_fee", "seller_self_shipping_service_fee", "service_fee"} {
		add(treatFee, "revenue:service_fee:"+n, n)
	}
	add(treatFee, "liabilities:creator:pending:<creator>", "affiliate_commission", "affiliate_ads_commission", "cofunded_creator_bonus")
	add(treatFee, "liabilities:agency:pending:<agency>", "affiliate_partner_commission", "tsp_commission", "tap_shop_ads_commission")
	add(treatFee, "liabilities:commission_deposit:<seller>", "affiliate_commission_deposit", "affiliate_commission_release")
	for _, n := range []string{"vat", "local_vat", "import_vat", "gst", "sst", "pit", "isr", "iva"} {
		add(treatTax, "liabilities:tax:withholding:<jurisdiction>:"+n, n)
	}
	add(treatTax, "liabilities:tax:sales:<jurisdiction>", "withheld_tax")
	add(treatTax, "liabilities:tax:customs:<jurisdiction>", "customs_duty", "customs_clearance", "anti_dumping_duty")
	add(treatReserve, "", "reserve_amount", "previous_reserve", "current_reserve")
	all = append(all, statementField{name: "fbt_fulfillment_fee", treat: treatSplit, to: "revenue:fulfilment_fee", of: "actual_shipping_fee"})
	slices.SortFunc(all, func(a, b statementField) int { return strings.Compare(a.name, b.name) })
	return all
}()

// StatementField reports whether a statement's field is known, and whether its amounts count towards the settlement.
func StatementField(name string) (known, counts bool) {
	f := fieldNamed(name)
	if f == nil {
		return false, false
	}
	return true, f.treat == treatSale || f.treat == treatFee || f.treat == treatTax
}

func fieldNamed(name string) *statementField {
	i, ok := slices.BinarySearchFunc(statementFields, name, func(f statementField, name string) int { return strings.Compare(f.name, name) })
	if !ok {
		return nil
	}
	return &statementFields[i]
}
