package commerce

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Cash on delivery beside its worked examples: random lives, several orders in one remittance, races, groups and refusals.

// atTheDoor is a capture as a delivery that is paid in cash. Its payments are dropped: the carrier took everything.
func (l *randomLife) atTheDoor(c *OrderCaptured) *CODDelivered {
	c.Payments = nil
	return &CODDelivered{Order: c.Order, Carrier: pick(l.dice, "ghn", "ghn", "jt"), DeliveredAt: testNow, MoreParcels: l.chance(30), Capture: c.Capture, Currency: c.Currency,
		PlacedAt: c.PlacedAt, Seller: c.Seller, CategorySet: c.CategorySet, Lines: c.Lines, OrderDiscounts: c.OrderDiscounts, Shipping: c.Shipping, GiftWrap: c.GiftWrap,
		Duty: c.Duty, Creators: c.Creators, CommissionRate: c.CommissionRate, CommissionDeposit: c.CommissionDeposit, Partners: c.Partners, DonationRoundUp: c.DonationRoundUp}
}

// remit lets a carrier hand over what it has, a part of it, or sometimes a little more, which is refused.
func (l *randomLife) remit() error {
	for _, t := range l.order.tenders {
		left := t.captured - t.remitted
		if t.carrier == "" || left == 0 && l.chance(80) {
			continue
		}
		amount := left + l.unit
		if left > 0 && l.chance(90) {
			amount = pick(l.dice, left, l.unit+money.Minor(l.Int64N(int64(left/l.unit)))*l.unit)
		}
		d := &CODRemitted{Remittance: l.id("rm"), Carrier: t.carrier, BankAccount: "main", Currency: string(l.currency), FeePaidBy: pick(l.dice, "", "seller", "platform"),
			Orders: []RemittedOrder{{Order: l.dice.name, Amount: l.amount(amount), CarrierFee: l.amount(min(amount, l.units(30)))}}}
		if done, err := l.try(d, eventRemitted); err != nil || done == (amount > left) {
			if err == nil {
				err = fmt.Errorf("%d of %d was handed over: %v", amount, left, done)
			}
			return err
		}
	}
	return nil
}

// codSale is a delivery of 100.00 that is paid at the door.
func codSale(order string) string {
	return fmt.Sprintf(`{"order":%q,"carrier":"ghn","delivered_at":"2026-11-20T12:00:00Z","currency":"USD","placed_at":"2026-11-20T10:00:00Z","seller":"s",
		"lines":[{"line":1,"sku":"A","quantity":2,"unit_price":"50.00"}],"creators":[{"creator":"c"}],"commission_rate":"0.1"}`, order)
}

// codRemittance is a remittance of one amount for each of some orders.
func codRemittance(id, amount, fee string, orders ...string) string {
	var list []string
	for _, o := range orders {
		list = append(list, fmt.Sprintf(`{"order":%q,"amount":%q,"carrier_fee":%q}`, o, amount, fee))
	}
	return fmt.Sprintf(`{"remittance":%q,"carrier":"ghn","bank_account":"main","currency":"USD","orders":[%s]}`, id, strings.Join(list, ","))
}

// TestCODRaces: remittances of the same cash at once, by two services on one database: as many are recorded as there is
// cash for, and no more.
func TestCODRaces(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	doors := []*workbench{w, w.replica(t)}
	w.post(t, eventCODDelivered, "a", codSale("a"))
	w.post(t, eventCODDelivered, "b", codSale("b"))
	const n = 16
	events, results := make([]Event, n), make([]Result, n)
	for i := range n {
		orders := []string{"a", "b"}
		if i%2 == 1 { // the other way round: two remittances must not wait for each other for ever
			orders = []string{"b", "a"}
		}
		events[i] = event(t, eventRemitted, fmt.Sprint("r", i), codRemittance(fmt.Sprint("GHN-", i), "25.00", "1.00", orders...))
	}
	together(n, func(i int) { results[i] = doors[i%2].Post(t.Context(), w.book, events[i]) })
	won := 0
	for i, r := range results {
		switch {
		case r.Err == nil:
			won++
		case fault.CodeOf(r.Err) != ErrRemitted.Code:
			t.Errorf("remittance %d: %v", i, r.Err)
		}
	}
	if won != 4 {
		t.Errorf("%d remittances of a quarter were recorded", won)
	}
	for _, id := range []string{"a", "b"} {
		o, err := w.Order(t.Context(), w.book, id)
		if err != nil || len(o.Gates) != 0 {
			t.Fatalf("order %s: gates %v, %v", id, o.Gates, err)
		}
		checkWaterfall(t, id, o)
	}
	if cash, err := w.balance(t.Context(), w.book, codAccount("ghn"), "USD"); err != nil || cash != 0 {
		t.Errorf("the carrier has %d, %v", -cash, err)
	}
	w.verify(t)
}

// TestCODTogether: a delivery, its remittance and a refund say the same alone, in a batch, in a group and in a dry run.
func TestCODTogether(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	events := func(id string) []Event {
		return []Event{
			event(t, eventCODDelivered, id+"-c", codSale(id)), event(t, eventCODDelivered, id+"-c2", codSale(id+"2")),
			event(t, eventRemitted, id+"-1", codRemittance(id+"-1", "60.00", "2.00", id, id+"2")),
			event(t, eventRemitted, id+"-2", codRemittance(id+"-2", "41.00", "2.00", id, id+"2")), // more than there is
			event(t, eventRemitted, id+"-3", codRemittance(id+"-3", "40.00", "2.00", id+"2", id)),
			event(t, "refund.made", id+"-r", fmt.Sprintf(`{"order":%q,"refund":"R","amount":"30.00"}`, id)),
		}
	}
	words := func(id string, rs []Result) string {
		var b strings.Builder
		for i, r := range rs {
			fmt.Fprintln(&b, i, fault.CodeOf(r.Err), strings.ReplaceAll(entriesOf(r.Transactions), id, "x"))
		}
		return b.String()
	}
	dry, err := w.DryRun(t.Context(), w.book, events("dry"), false)
	if err != nil {
		t.Fatal(err)
	}
	var alone []Result
	for _, e := range events("one") {
		alone = append(alone, w.Post(t.Context(), w.book, e))
	}
	want := words("one", alone)
	if alone[3].Err == nil || alone[4].Err != nil || alone[5].Err != nil {
		t.Fatalf("alone:\n%s", want)
	}
	if got := words("dry", dry); got != want {
		t.Errorf("a dry run says\n%s\nand alone it is\n%s", got, want)
	}
	if got := words("bat", w.PostBatch(t.Context(), w.book, events("bat"))); got != want {
		t.Errorf("a batch says\n%s\nand alone it is\n%s", got, want)
	}
	for i, r := range w.PostAtomic(t.Context(), w.book, events("bad")) {
		if r.Err == nil {
			t.Errorf("event %d of a group with a refusal was recorded", i)
		}
	}
	good := append(events("grp")[:3:3], events("grp")[4:]...)
	if got, want := words("grp", w.PostAtomic(t.Context(), w.book, good)), words("one", append(alone[:3:3], alone[4:]...)); got != want {
		t.Errorf("a group says\n%s\nand alone it is\n%s", got, want)
	}
	for i, e := range good {
		if r := w.Post(t.Context(), w.book, e); r.Err != nil || !r.Replayed {
			t.Errorf("event %d sent again: %v", i, r.Err)
		}
	}
	w.verify(t)
}

// TestCODReversed: a remittance is undone from its last order to the first, and then the gates are closed again.
func TestCODReversed(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.post(t, eventCODDelivered, "a", codSale("a"))
	w.post(t, eventCODDelivered, "b", codSale("b"))
	r := w.post(t, eventRemitted, "r", codRemittance("GHN-1", "100.00", "3.00", "a", "b"))
	for i := range r.Transactions {
		if got := w.reverse(t, &r.Transactions[i]); i < len(r.Transactions)-1 && fault.CodeOf(got.Err) != ErrNotLast.Code {
			t.Errorf("reversing part %d first: %v", i, got.Err)
		}
	}
	for _, i := range []int{1, 0} { // the last went with the loop above
		if got := w.reverse(t, &r.Transactions[i]); got.Err != nil {
			t.Fatalf("reversing part %d: %v", i, got.Err)
		}
	}
	for _, id := range []string{"a", "b"} {
		o, err := w.Order(t.Context(), w.book, id)
		if err != nil || fmt.Sprint(o.Gates) != "[cod:ghn]" {
			t.Errorf("order %s: gates %v, %v", id, o.Gates, err)
		}
		checkWaterfall(t, id, o)
	}
	w.post(t, eventRemitted, "again", codRemittance("GHN-1", "100.00", "2.00", "a", "b"))
	if got := w.Post(t.Context(), w.book, event(t, eventRemitted, "twice", codRemittance("GHN-1", "1.00", "0.00", "a"))); fault.CodeOf(got.Err) != ErrRepeated.Code {
		t.Errorf("a remittance twice: %v", got.Err)
	}
	o, err := w.Order(t.Context(), w.book, "a")
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]string{}
	for _, x := range o.Waterfall {
		who[x.Who] = x.Net
	}
	if who["buyer"] != "-100.00" || who["carrier:ghn"] != "2.00" {
		t.Errorf("the waterfall is %v", who)
	}
	w.verify(t)
}

// TestCODRefusals: what is wrong is named, and nothing is recorded.
func TestCODRefusals(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD", "GBP")
	w.post(t, eventCODDelivered, "a", codSale("a"))
	w.post(t, "order.captured", "card", raceSale("card", 1, "10.00", "10.00"))
	before, err := w.ledger.Head(t.Context(), w.book)
	if err != nil {
		t.Fatal(err)
	}
	remits := func(old, new string) string {
		return strings.Replace(codRemittance("G", "10.00", "1.00", "a"), old, new, 1)
	}
	sells := func(old, new string) string { return strings.Replace(codSale("n"), old, new, 1) }
	refused := `{"order":"n","seller":"s","carrier":"ghn","currency":"USD","freight_out":"6.00"}`
	for name, c := range map[string]struct{ kind, data, code string }{
		"no carrier":             {eventCODDelivered, sells(`"ghn"`, `""`), "validation-failed"},
		"no time":                {eventCODDelivered, sells(`"2026-11-20T12:00:00Z"`, `"0001-01-01T00:00:00Z"`), "validation-failed"},
		"other currency":         {eventCODDelivered, sells(`"USD"`, `"CHF"`), "validation-failed"},
		"the same parcel":        {eventCODDelivered, codSale("a"), ErrRepeated.Code},
		"unknown order":          {eventRemitted, remits(`"order":"a"`, `"order":"z"`), ErrOrderUnknown.Code},
		"paid by card":           {eventRemitted, remits(`"order":"a"`, `"order":"card"`), ErrOrderState.Code},
		"other carrier":          {eventRemitted, remits(`"ghn"`, `"jt"`), ErrOrderState.Code},
		"in another currency":    {eventRemitted, remits(`"USD"`, `"GBP"`), "validation-failed"},
		"too much":               {eventRemitted, remits(`"10.00"`, `"100.01"`), ErrRemitted.Code},
		"nothing":                {eventRemitted, remits(`"10.00"`, `"0.00"`), "validation-failed"},
		"a fee above the amount": {eventRemitted, remits(`"1.00"`, `"10.01"`), "validation-failed"},
		"an order twice":         {eventRemitted, codRemittance("G", "1.00", "0.00", "a", "a"), "validation-failed"},
		"a fee of nobody":        {eventRemitted, remits(`"orders"`, `"fee_paid_by":"buyer","orders"`), "validation-failed"},
		"too many orders":        {eventRemitted, codRemittance("G", "1.00", "0.00", strings.Split(strings.Repeat("x ", 100), " ")...), "validation-failed"},
		"refused after delivery": {"order.cod_refused", strings.Replace(refused, `"n"`, `"a"`, 1), ErrOrderState.Code},
		"freight of nothing":     {"order.cod_refused", strings.Replace(refused, `"6.00"`, `"-6.00"`, 1), "validation-failed"},
	} {
		if r := w.Post(t.Context(), w.book, event(t, c.kind, name, c.data)); fault.CodeOf(r.Err) != c.code {
			t.Errorf("%s: %v, want %s", name, r.Err, c.code)
		}
	}
	if after, err := w.ledger.Head(t.Context(), w.book); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("a refusal left a trace: %v", err)
	}
	w.post(t, "order.cod_refused", "n", refused)
	if r := w.Post(t.Context(), w.book, event(t, "order.cod_refused", "n2", refused)); fault.CodeOf(r.Err) != ErrRepeated.Code {
		t.Errorf("refused twice: %v", r.Err)
	}
	if r := w.Post(t.Context(), w.book, event(t, eventCODDelivered, "n3", sells(`"seller":"s"`, `"seller":"s2"`))); fault.CodeOf(r.Err) != ErrOrderTerms.Code {
		t.Errorf("delivered for another seller: %v", r.Err)
	}
	o, err := w.Order(t.Context(), w.book, "n")
	if err != nil || o.State != "refused" {
		t.Errorf("a refused order is %s, %v", o.State, err)
	}
	w.post(t, eventCODDelivered, "n4", codSale("n")) // another attempt
	if o, err = w.Order(t.Context(), w.book, "n"); err != nil || o.State != "delivered" {
		t.Errorf("after another attempt it is %s, %v", o.State, err)
	}
	checkWaterfall(t, "n", o)
	w.verify(t)
}

// TestCODRehearsed: playing orders paid at the door again by their own rules changes nothing, and each is played once.
func TestCODRehearsed(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	gbp := strings.NewReplacer("USD", "GBP")
	post := func(kind, reference, data string) { w.post(t, kind, reference, gbp.Replace(data)) }
	post(eventCODDelivered, "a", codSale("a"))
	post(eventCODDelivered, "b", codSale("b"))
	post("order.captured", "m", raceSale("m", 1, "10.00", "10.00"))
	post(eventCODDelivered, "m2", replaceAll(codSale("m"), `"order":"m"`, `"order":"m","capture":2`, `"line":1`, `"line":2`, `"creators":[{"creator":"c"}],`, ``))
	post(eventRemitted, "r", codRemittance("G-1", "40.00", "3.00", "a", "b", "m"))
	post("refund.made", "rf", `{"order":"a","refund":"1","lines":[{"line":1,"quantity":1}]}`)
	post(eventRemitted, "r2", codRemittance("G-2", "60.00", "0.00", "a"))
	if r := w.Settle(t.Context(), w.book, "a", Settlement{}); r.Err != nil {
		t.Fatal(r.Err)
	}
	shipped, err := json.Marshal(shippedSet(t, "uk-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1} {
		if n := wantNothing(t, "the same rules", w.rehearseAll(t, changedSet(t, shipped, nil), limit)); n != 3 {
			t.Errorf("%d orders were played", n)
		}
	}
}

// TestCODDue: the parcel's arrival starts the settlement clock, and the last one counts.
func TestCODDue(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.post(t, eventCODDelivered, "a", strings.Replace(codSale("a"), `"currency"`, `"more_parcels":true,"currency"`, 1))
	if o, err := w.Order(t.Context(), w.book, "a"); err != nil || o.DueAt != nil || o.DeliveredAt == nil {
		t.Errorf("with parcels to come: due %v, delivered %v, %v", o.DueAt, o.DeliveredAt, err)
	}
	w.post(t, eventCODDelivered, "a2", replaceAll(codSale("a"), `"order":"a"`, `"order":"a","capture":2`, `"line":1`, `"line":2`, "2026-11-20T12", "2026-11-23T12"))
	o, err := w.Order(t.Context(), w.book, "a")
	if err != nil || o.DueAt == nil || !o.DueAt.After(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)) || fmt.Sprint(o.Gates) != "[cod:ghn]" || o.Paid != "200.00" {
		t.Errorf("after the last: due %v, gates %v, paid %s, %v", o.DueAt, o.Gates, o.Paid, err)
	}
}

// TestCODBridge: the seller's bridge has the cash as gross and what the carrier kept as a cost of shipping.
func TestCODBridge(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, "US", "America/Chicago", "USD")
	w.post(t, eventCODDelivered, "a", codSale("a"))
	w.post(t, eventRemitted, "r", codRemittance("GHN-1", "100.00", "3.00", "a"))
	w.post(t, "refund.made", "f", `{"order":"a","refund":"1","lines":[{"line":1,"quantity":1}]}`)
	b, err := w.Bridge(t.Context(), w.book, "s", "USD", 202611, 202711)
	if err != nil || b.Gross != "100.00" || b.Payments != 1 {
		t.Fatalf("the bridge is %+v, %v", b, err)
	}
	nets := map[string]string{}
	for _, l := range b.Lines {
		nets[l.Step] = l.Account + " " + l.Net
	}
	if nets["shipping"] != "assets:receivable:cod -3.00" || nets["refunds"] != "assets:processor -50.00" {
		t.Errorf("the steps are %v", nets)
	}
}
