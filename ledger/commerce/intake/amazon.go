package intake

import (
	"fmt"
	"strings"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// The settlement format V2 of a large marketplace: one amount a row. The first row carries the total and moves nothing;
// the rows of one transaction are put together (domain 9.2, W-27).

// amazonFields say which field a row is, by the words of its columns in small letters. An empty word fits any; the first
// row that fits decides.
var amazonFields = []struct{ kind, amountType, description, field string }{
	{"", "itemprice", "principal", "principal"},
	{"", "itemprice", "shipping", "shipping"},
	{"", "itemprice", "giftwrap", "shipping"},
	{"", "itemprice", "tax", "item_tax"},
	{"", "itemprice", "shippingtax", "item_tax"},
	{"", "itemprice", "giftwraptax", "item_tax"},
	{"", "itemwithheldtax", "", "withheld_tax"},
	{"", "itemfees", "commission", "commission"},
	{"", "itemfees", "refundcommission", "refund_commission"},
	{"", "itemfees", "fbaperunitfulfillmentfee", "fulfilment_fee"},
	{"", "promotion", "", "promotion"},
	{"", "", "previous reserve amount balance", "previous_reserve"},
	{"", "", "current reserve amount", "current_reserve"},
	{"other-transaction", "", "storage fee", "storage_fee"},
	{"other-transaction", "", "storagerenewalbilling", "storage_fee"},
	{"other-transaction", "", "disposalcomplete", "removal_fee"},
	{"other-transaction", "", "removalcomplete", "removal_fee"},
	{"other-transaction", "", "subscription fee", "service_fee"},
	{"", "", "compensated_clawback", "inventory_clawback"},
	{"", "fba inventory reimbursement", "", "inventory_reimbursement"},
	{"", "cost of advertising", "", "advertising"},
	{"chargeback refund", "", "", "chargeback"},
	{"a-to-z guarantee refund", "", "", "guarantee_claim"},
	{"", "", "failed disbursement", "failed_transfer"},
	{"", "", "payable to amazon", "debt_payment"},
	{"debtpayment", "", "", "debt_payment"},
}

// amazonField returns the field of a row. Words that are not known give a name of their own, which posting refuses.
func amazonField(kind, amountType, description string) string {
	fits := func(word, given string) bool { return word == "" || word == strings.ToLower(given) }
	for _, f := range amazonFields {
		if fits(f.kind, kind) && fits(f.amountType, amountType) && fits(f.description, description) {
			return f.field
		}
	}
	return fieldName("unknown_" + strings.ToLower(amountType+"_"+description))
}

// amazonRow adds a row's amount to its transaction.
func (t *sheet) amazonRow(record []string) error {
	get := func(name string) string { return t.cell(record, name) }
	if total := get("total-amount"); total != "" {
		if t.out.Said {
			return broken(t.line(), "the file holds two settlements. Import each by itself.")
		}
		if err := t.useCurrency(get("currency")); err != nil {
			return err
		}
		t.out.Said = true
		var err error
		t.out.Total, err = t.amount("total-amount", total)
		return err
	}
	if !t.out.Said {
		return broken(t.line(), "the first row must carry the total of the settlement.")
	}
	m, err := t.amount("amount", get("amount"))
	if err != nil {
		return err
	}
	if m == 0 {
		s := &Settled{Line: t.line(), Event: t.options.Settlement, Empty: true}
		s.Event.Transaction, s.Event.Currency = fmt.Sprintf("line-%d", s.Line), string(t.out.Currency)
		return t.keep(s)
	}
	kind, description := get("transaction-type"), get("amount-description")
	field := amazonField(kind, get("amount-type"), description)
	id := shortHash(get("settlement-id"), kind, get("order-id"), get("adjustment-id"), get("shipment-id"))
	if get("order-id") == "" { // a charge or reserve of its own
		id = shortHash(get("settlement-id"), kind, get("amount-type"), description, get("posted-date-time"), get("sku"))
	}
	s, ok := t.seen[id]
	if !ok {
		s = &Settled{Line: t.line(), Event: t.options.Settlement}
		t.seen[id] = s
		e := &s.Event
		e.Transaction, e.Currency = id, string(t.out.Currency)
		e.Statement, e.Order = strings.Clone(get("settlement-id")), strings.Clone(get("order-id")) // a cell keeps its whole row in memory
		if !ledger.IsSegment(e.Statement) || e.Order != "" && !ledger.IsSegment(e.Order) {
			return broken(t.line(), "the id of the settlement or order is missing, or has other characters than A-Z a-z 0-9 _ . -")
		}
		e.Settlement = money.Minor(0).Format(t.out.Currency)
		if err := t.keep(s); err != nil {
			return err
		}
	}
	t.checkDates(s, record)
	if s.Amount, err = money.Add(s.Amount, m); err != nil {
		return broken(t.line(), "the sum of the transaction is too large.")
	}
	return t.addTo(&s.Event, field, m)
}

// keep holds a transaction until the last row. It returns errTooMany.
func (t *sheet) keep(s *Settled) error {
	if t.options.Most > 0 && len(t.together) >= t.options.Most {
		return errTooMany
	}
	t.together = append(t.together, s)
	return nil
}

// addTo adds an amount to a field of a transaction, and to what it settles unless it is a reserve.
func (t *sheet) addTo(e *commerce.ImportedSettlement, field string, m money.Minor) error {
	add := func(to *string) error {
		before, err := t.amount("amount", *to)
		if err != nil {
			return err
		}
		sum, err := money.Add(before, m)
		*to = sum.Format(t.out.Currency)
		return err
	}
	if field != "previous_reserve" && field != "current_reserve" {
		if err := add(&e.Settlement); err != nil {
			return broken(t.line(), "the sum of the transaction is too large.")
		}
	}
	for i := range e.Amounts {
		if e.Amounts[i].Field == field {
			return add(&e.Amounts[i].Amount)
		}
	}
	e.Amounts = append(e.Amounts, commerce.SettledAmount{Field: field, Amount: m.Format(t.out.Currency)})
	return nil
}
