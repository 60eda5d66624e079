package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"mizan/ledger/commerce"
)

// An example of each type of event, as the OpenAPI document and the handbook show it. Together they tell the life of one
// order and what may happen beside it. A test decodes each.

// exampleData is the data of the example, by the name of the struct. Where what is required says enough, the example is made
// of that.
var exampleData = map[string]string{
	"OrderCaptured": `{"order":"UK-1001","capture":1,"currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk","category_set":"default",` +
		`"live_session":"LS-12","channel":"app","lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":2,"unit_price":"24.99",` +
		`"discounts":[{"funder":"seller","amount":"5.00"},{"funder":"platform","amount":"3.00"}],` +
		`"tax":[{"jurisdiction":"UK","kind":"vat","owed_by":"seller","amount":"0.00","included":true}]}],` +
		`"shipping":{"amount":"2.99","tax":[]},"creators":[{"creator":"cre_amy","weight":"1","agency":{"id":"mcn_ldn","share":"0.30","paid_by":"creator"}}],` +
		`"commission_rate":"0.15","payments":[{"processor":"main","payment_id":"pi_1001","amount":"44.97"}]}`,
	"OrderShipped":   `{"order":"UK-1001","shipped_at":"2026-11-20T09:20:00Z","parcel":1,"carrier":"evri"}`,
	"OrderDelivered": `{"order":"UK-1001","delivered_at":"2026-11-20T09:30:00Z","parcel":1,"last_parcel":true}`,
	"CODDelivered": `{"order":"UK-1001","carrier":"evri","delivered_at":"2026-11-20T09:30:00Z","currency":"GBP","placed_at":"2026-11-20T09:00:00Z","seller":"sel_uk",` +
		`"lines":[{"line":1,"sku":"SKU-9","category":"fashion","quantity":1,"unit_price":"24.99"}],"shipping":{"amount":"2.99"}}`,
	"CODRemitted":      `{"remittance":"EVRI-77","carrier":"evri","bank_account":"main","currency":"GBP","fee_paid_by":"seller","orders":[{"order":"UK-1001","amount":"27.98","carrier_fee":"0.90"}]}`,
	"CODRefused":       `{"order":"UK-1002","seller":"sel_uk","carrier":"evri","currency":"GBP","freight_out":"3.10","freight_back":"3.10","reason":"not_at_home"}`,
	"AfterSalesOpened": `{"order":"UK-1001","case":"RMA-7","reason":"damaged"}`,
	"AfterSalesClosed": `{"order":"UK-1001","case":"RMA-7","outcome":"refunded"}`,
	"OrderCancelled":   `{"order":"UK-1001","reason":"buyer"}`,
	"RefundMade":       `{"order":"UK-1001","refund":"RF-1","lines":[{"line":1,"quantity":1}],"shipping":"keep","fault":"seller","to":"original","payment_refund_id":"re_1","shipped":true}`,
	"DisputeOpened":    `{"order":"UK-1001","dispute":"dp_1","payment_id":"pi_1001","amount":"16.50","fee":"15.00","reason":"not_received"}`,
	"DisputeClosed":    `{"dispute":"dp_1","outcome":"lost","liable":"seller","fee_returned":false}`,
	"ChargeRecorded":   `{"kind":"warehouse.storage_charged","party":"sel_uk","currency":"GBP","amount":"12.40","service_period":["2026-11-01","2026-11-30"],"document":"INV-7"}`,
	"CreatorBonus":     `{"order":"UK-1001","bonus":"B-1","creator":"cre_amy","funders":[{"funder":"platform","amount":"3.00"}]}`,
	"LineCancelled":    `{"order":"UK-1001","cancellation":"CA-1","lines":[{"line":1,"quantity":1}],"reason":"sold_out"}`,
	"ExchangeReturned": `{"order":"UK-1001","exchange":"EX-1","lines":[{"line":1,"quantity":1}],"reason":"wrong_size"}`,
	"ExchangeCaptured": `{"order":"UK-1001","exchange":"EX-1","lines":[{"line":2,"sku":"SKU-10","category":"fashion","quantity":1,"unit_price":"29.99"}],` +
		`"payments":[{"processor":"main","payment_id":"pi_1002","amount":"9.00"}]}`,
	"FeeRecorded":    `{"processor":"main","kind":"fee","payment_id":"pi_1001","amount":"0.87","currency":"GBP"}`,
	"FundsAvailable": `{"processor":"main","amount":"44.10","currency":"GBP","payment_ids":["pi_1001"]}`,
	"PaymentFailed":  `{"order":"UK-1001","payment_id":"pi_1001","fee":"4.00","shipped":false}`,
	"AuditAdjusted": `{"adjustment":"AUD-1","effective_period":"2026-10","reason":"uncollectable","document":"AUDIT-2026-7","approved_by":["u_17","u_23"],` +
		`"entries":[{"account":"expenses:bad_debt","direction":"debit","amount":"40.00","currency":"GBP"},{"account":"assets:receivable:brand:b","direction":"credit","amount":"40.00","currency":"GBP"}]}`,
	"OpeningBalance": `{"batch":"MIG-2026-11","signed_by":["u_17","u_23"],"document":"DOC-88","totals":[{"currency":"GBP","debits":"1000.00","credits":"8.90"}],` +
		`"items":[{"account":"assets:processor:available:main","direction":"debit","amount":"1000.00","currency":"GBP"},{"account":"liabilities:seller:reserve:sel_uk","direction":"credit","amount":"8.90","currency":"GBP"}]}`,
	"Redenominated":       `{"redenomination":"DKK-EUR","account":"liabilities:seller:available:sel_uk","from":"DKK","to":"EUR","rate":"7.53450","document":"LAW-57"}`,
	"AdjustmentPosted":    `{"adjustment":"ADJ-1","order":"UK-1001","kind":"seller","payee":"sel_uk","direction":"credit","currency":"GBP","amount":"5.00","reason":"fee_waived","document":"TICKET-77"}`,
	"CoinsPurchased":      `{"purchase":"CP-1","store":"apple","currency":"GBP","amount":"106.00","store_fee":"31.80"}`,
	"CoinsRefunded":       `{"purchase":"CP-1","gifts":["G-1"]}`,
	"GiftSent":            `{"gift":"G-1","creator":"cre_camp","live_session":"LS-3","currency":"GBP","amount":"106.00","share":"0.3116"}`,
	"SubscriptionCharged": `{"subscription":"SUB-2","creator":"cre_amy","plan":"annual","currency":"GBP","amount":"59.88","share":"0.5","processor":"main","payment_id":"pi_s2"}`,
	"SubscriptionEarned":  `{"subscription":"SUB-2","month":1}`,
	"DonationReceived":    `{"donation":"D3","campaign":"winter24","currency":"GBP","amount":"106.00","tip":"5.00","cover_fee":false,"payments":[{"processor":"main","payment_id":"pi_d3","amount":"111.00"}]}`,
}

// eventExamples returns the example of each type.
func eventExamples() map[string]any {
	all := map[string]any{}
	for _, t := range commerce.EventTypes() {
		all[t.Name] = eventExample(t.Name)
	}
	return all
}

// eventExample returns the example of a type; nil for a name that is no type.
func eventExample(name string) any {
	t, err := commerce.TypeOf(name)
	if err != nil {
		return nil
	}
	shape := reflect.TypeOf(t.New()).Elem()
	data, ok := exampleData[shape.Name()]
	if !ok {
		data = sampleObject(shape)
	}
	return json.RawMessage(fmt.Sprintf(`{"type":%q,"reference":%q,"data":%s}`, name, strings.ReplaceAll(name, ".", "-")+"-1001", data))
}

// sampleObject makes an object of what a struct requires, by the examples of its tags.
func sampleObject(t reflect.Type) string {
	var members []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && !strings.Contains(options, "omitempty") {
			members = append(members, fmt.Sprintf("%q:%s", name, sampleValue(f.Type, f.Tag)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// sampleValue makes a value that fits a field.
func sampleValue(t reflect.Type, tag reflect.StructTag) string {
	switch t.Kind() {
	case reflect.Pointer:
		return sampleValue(t.Elem(), tag)
	case reflect.Struct:
		if example := tag.Get("example"); example != "" {
			return fmt.Sprintf("%q", example)
		}
		return sampleObject(t)
	case reflect.Slice:
		if example := tag.Get("example"); example != "" {
			return example
		}
		return "[" + sampleValue(t.Elem(), "") + "]"
	case reflect.Bool:
		return "true"
	case reflect.String:
		for _, name := range []string{"example", "default", "enum"} {
			if value, _, _ := strings.Cut(tag.Get(name), ","); value != "" {
				return fmt.Sprintf("%q", value)
			}
		}
		return `"…"`
	}
	return fmt.Sprint(boundOf(tag, "minimum", 1))
}
