package intake

import (
	"strings"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// wholeFile is a file with its transactions.
type wholeFile struct {
	*Statement
	Transactions []Settled
	Empty        int
}

// readNow is when the tests' files are read.
var readNow = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func read(t *testing.T, format Format, text string) (*wholeFile, error) {
	t.Helper()
	out, last := &wholeFile{}, 0
	options := FileOptions{Format: format, Now: readNow, Settlement: commerce.ImportedSettlement{Role: "bookkeeper", Channel: string(format), Seller: "s"}}
	st, err := scan(strings.NewReader(text), options, func(s *Settled) error {
		if s.Line <= last {
			t.Errorf("line %d comes after %d", s.Line, last)
		}
		if last = s.Line; s.Empty {
			out.Empty++
		} else {
			out.Transactions = append(out.Transactions, *s)
		}
		return nil
	})
	out.Statement = st
	return out, err
}

// TestTransactionFiles reads statements of one transaction a row, with columns in any order, a BOM, line ends of both
// kinds and a note that goes over two lines.
func TestTransactionFiles(t *testing.T) {
	t.Parallel()
	text := "\ufefftransaction_id,statement_id,Order_ID,currency,subtotal_before_discount,platform_commission,settlement_amount,customer_payment,product_name,moon_fee\r\n" +
		"T-1,ST-1,576,USD,100.00,-6.0000,94,110.00,\"a \"\"cup\"\"\nof tea\",\r\n" +
		"T-2,ST-1,577,USD,50,-3.00,46.50,,=1+1,-0.50\r\n" +
		"T-3,ST-1,578,USD,0.00,0,0.00,,,0.00\r\n"
	s, err := read(t, TikTok, text)
	if err != nil || len(s.Transactions) != 2 || s.Empty != 1 || s.Sum != 14050 {
		t.Fatalf("%+v, %v", s, err)
	}
	one, two := s.Transactions[0], s.Transactions[1]
	if one.Line != 2 || two.Line != 4 || one.Event.Settlement != "94.00" || one.Event.Order != "576" || one.Reference() != "import:tiktok:T-1" || len(one.Event.Amounts) != 3 {
		t.Errorf("%+v %+v", one, two)
	}
	if last := two.Event.Amounts[2]; last.Field != "moon_fee" || last.Amount != "-0.50" {
		t.Errorf("money of an unknown column was dropped: %+v", two.Event.Amounts)
	}
}

const amazonHeader = "settlement-id\tsettlement-start-date\ttotal-amount\tcurrency\ttransaction-type\torder-id\tadjustment-id\tshipment-id\tamount-type\tamount-description\tamount\tposted-date-time\tsku\n"

// TestAmazonFiles reads the settlement format V2: the sum, the signs of reserves, and rows put together.
func TestAmazonFiles(t *testing.T) {
	t.Parallel()
	text := amazonHeader + "99\t2026-11-01\t186.42\tUSD\t\t\t\t\t\t\t\t\t\n" +
		"99\t\t\t\tOrder\t111-1\t\tS1\tItemPrice\tPrincipal\t100.00\t\tA\n" +
		"99\t\t\t\tOrder\t111-1\t\tS1\tItemPrice\tPrincipal\t20.00\t\tB\n" +
		"99\t\t\t\tOrder\t111-1\t\tS1\tItemFees\tCommission\t-18.00\t\tA\n" +
		"99\t\t\t\tOrder\t111-1\t\tS1\tItemFees\tFBAPerUnitFulfillmentFee\t-3.58\t\tA\n" +
		"99\t\t\t\tother-transaction\t\t\t\tother-transaction\tPrevious Reserve Amount Balance\t100.00\t2026-11-02\t\n" +
		"99\t\t\t\tother-transaction\t\t\t\tother-transaction\tCurrent Reserve Amount\t-12.00\t2026-11-02\t\n"
	s, err := read(t, AmazonV2, text)
	if err != nil || len(s.Transactions) != 3 || s.Total != 18642 || s.Sum != s.Total {
		t.Fatalf("%+v, %v", s, err)
	}
	if e := s.Transactions[0].Event; e.Settlement != "98.42" || e.Amounts[0].Amount != "120.00" || e.Order != "111-1" {
		t.Errorf("%+v", e)
	}
	if e := s.Transactions[1].Event; e.Settlement != "0.00" || e.Amounts[0] != (commerce.SettledAmount{Field: "previous_reserve", Amount: "100.00"}) {
		t.Errorf("%+v", e)
	}
	if got := amazonField("Order", "ItemFees", "Moonlight"); got != "unknown_itemfees_moonlight" {
		t.Errorf("an unknown row is %s", got)
	}
}

// TestDates parks what cannot have happened then, and believes every form that marketplaces write (P01 to P12).
func TestDates(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"0000-01-01", "0001-01-01", "9999-12-31", "294277-01-01", "infinity", "-infinity", "now", "2025-02-30", "2026-11-20T09:00:60Z",
		"2026-11-20T09:00:00+25:00", "1763632800", "2026-11-20T10:06:00Z", "2026-11-22", "1999-12-31", "31.12.1999", "2026-11-20 09:00:00 CET"} {
		s, err := read(t, CSV, "transaction_id,currency,settlement_amount,vat,statement_time\nT-1,USD,-1.00,-1.00,"+date+"\nT-2,USD,-1.00,-1.00,\n")
		if err != nil || len(s.Transactions) != 2 || s.Transactions[0].Reason != ReasonDate || !strings.HasPrefix(s.Transactions[0].Detail, "Line 2: ") || s.Transactions[1].Reason != "" {
			t.Errorf("%s: %+v, %v", date, s.Transactions, err)
		}
	}
	for _, date := range []string{"2026-11-20", "2026/11/20", "2026-11-20T10:04:00Z", "2026-11-20T10:00:00+01:00", "20.11.2026 09:00:00 UTC", "2026-11-21", "2000-01-01", "2026-11-20 09:00:00"} {
		s, err := read(t, CSV, "transaction_id,currency,settlement_amount,vat,statement_time\nT-1,USD,-1.00,-1.00,"+date+"\n")
		if err != nil || s.Transactions[0].Reason != "" {
			t.Errorf("%s: %+v, %v", date, s.Transactions, err)
		}
	}
	text := amazonHeader + "99\t\t3.00\tUSD\t\t\t\t\t\t\t\t\t\n99\t\t\t\tOrder\t1\t\t\tItemPrice\tPrincipal\t1.00\t2026-11-02\t\n99\t\t\t\tOrder\t1\t\t\tItemPrice\tPrincipal\t2.00\t2027-11-02\t\n"
	if s, err := read(t, AmazonV2, text); err != nil || len(s.Transactions) != 1 || !strings.HasPrefix(s.Transactions[0].Detail, "Line 4: ") {
		t.Errorf("%+v, %v", s.Transactions, err)
	}
}

// TestBrokenFiles refuses what cannot be trusted, with the line, and imports nothing of it.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	const head = "transaction_id,currency,settlement_amount,vat\n"
	for text, says := range map[string]string{
		"":                                                   "empty",
		"a,currency,settlement_amount\n":                     "transaction_id is missing",
		"transaction_id,currency,currency\n":                 "Line 1: column 3",
		"transaction_id,,currency\n":                         "Line 1: column 2",
		head + "T-1,USD,1.00\n":                              "Line 2: it has another number of columns",
		head + "T-1,USD,1.00,\"x\n":                          "quotes",
		head + "T-1,USD,\"1,00\",\n":                         "Line 2: the amount in settlement_amount",
		head + "T-1,USD,1e3,\n":                              "Line 2: the amount",
		head + "T-1,USD,1.001,\n":                            "Line 2: the amount",
		head + "T-1,USD,1.00,\nT-1,USD,1.00,\n":              "Line 3: the transaction stands in the file twice",
		head + "T-1,USD,1.00,\nT-2,EUR,1.00,\n":              "Line 3: its currency",
		head + "T-1,XXZ,1.00,\n":                             "Line 2: its currency",
		head + "T/1,USD,1.00,\n":                             "Line 2: the id",
		head + "T-1,USD,1.00,\xff\n":                         "Line 2: it is not UTF-8",
		"\xff\xfet\x00r\x00":                                 "UTF-8",
		head + "T-1,USD,99999999999999999999999.00,\n":       "Line 2: the amount",
		strings.Repeat("a", 10) + strings.Repeat(",b1", 600): "columns",
	} {
		if _, err := read(t, CSV, text); fault.CodeOf(err) != ErrFile.Code || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q", text, err, says)
		}
	}
	row := "99\t\t\t\tOrder\t1\t\t\tItemPrice\tPrincipal\t1.00\t\t\n"
	for text, says := range map[string]string{
		amazonHeader + row: "first row",
		amazonHeader + "99\t\t2.00\tUSD\t\t\t\t\t\t\t\t\t\n" + row:                                     "come to 1.00 and the file says 2.00, a difference of 1.00",
		amazonHeader + strings.Repeat("99\t\t1.00\tUSD\t\t\t\t\t\t\t\t\t\n", 2):                        "two settlements",
		amazonHeader + "99\t\t1.00\tUSD\t\t\t\t\t\t\t\t\t\n" + strings.Replace(row, "1.00", "1,00", 1): "Line 3: the amount",
	} {
		if _, err := read(t, AmazonV2, text); fault.CodeOf(err) != ErrFile.Code || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v, want %q", text, err, says)
		}
	}
}

// TestStatementFields holds the table to the 74 names of the reference: each has exactly one treatment.
func TestStatementFields(t *testing.T) {
	t.Parallel()
	names := strings.Fields(`subtotal_before_discount seller_discount seller_discount_refund refund_subtotal_before_discount cod_service_fee refund_cod_service_fee
customer_payment platform_discount platform_discount_refund seller_cofunded_discount sales_tax sales_tax_payment sales_tax_refund
platform_commission referral_fee transaction_fee affiliate_commission affiliate_commission_before_pit affiliate_ads_commission affiliate_partner_commission
affiliate_commission_deposit affiliate_commission_release tap_shop_ads_commission tsp_commission cofunded_creator_bonus cofunded_promotion_service_fee
refund_administration_fee credit_card_handling_fee seller_paylater_handling_fee sfp_service_fee mall_service_fee flash_sales_service_fee live_specials_fee
voucher_xtra_service_fee bonus_cashback_service_fee dynamic_commission fee_per_item_sold vn_fix_infrastructure_fee pre_order_service_fee installation_service_fee
shipping_fee_guarantee_service_fee campaign_resource_fee epr_pob_service_fee gmv_max_ad_fee vat local_vat import_vat gst sst pit isr iva customs_duty customs_clearance
anti_dumping_duty actual_shipping_fee customer_paid_shipping_fee shipping_fee_discount return_shipping_fee return_shipping_fee_paid_buyer return_shipping_label_fee
replacement_shipping_fee exchange_shipping_fee signature_confirmation_fee shipping_insurance_fee failed_delivery_subsidy free_return_subsidy
seller_self_shipping_service_fee fbt_free_shipping_fee fbt_fulfillment_fee_reimbursement fbt_fulfillment_fee fbt_shipping_cost fbm_shipping_cost
refunded_customer_shipping_fee shipping_fee_subsidy`)
	if len(names) != 75 { // the reference counts the fees of replacement and exchange as one
		t.Fatalf("%d names", len(names))
	}
	for _, n := range names {
		if known, _ := commerce.StatementField(n); !known {
			t.Errorf("%s has no treatment", n)
		}
	}
	if known, _ := commerce.StatementField("moon_fee"); known {
		t.Error("an unknown field is known")
	}
}

// FuzzReadFile reads anything without falling over, and never more money than stands there.
func FuzzReadFile(f *testing.F) {
	f.Add("transaction_id,currency,settlement_amount,vat\nT-1,USD,1.00,-0.10\n", false)
	f.Add(amazonHeader+"99\t\t1.00\tUSD\t\t\t\t\t\t\t\t\t\n", true)
	f.Fuzz(func(t *testing.T, text string, amazon bool) {
		format := CSV
		if amazon {
			format = AmazonV2
		}
		s, err := read(t, format, text)
		if err != nil && fault.CodeOf(err) != ErrFile.Code {
			t.Errorf("%v", err)
		}
		if err == nil && s.Said && s.Sum != s.Total {
			t.Errorf("%v is not %v", s.Sum, money.Minor(s.Total))
		}
	})
}
