package main

// Recon week: a week of sales that is held against the processor and the bank every evening. Differences are planted in it, the runs
// find them, people deal with some, and October is closed.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts/reconcile"
)

const (
	reconWeekCode = "recon_week"
	reconWeekDays = 7
	// reconWeekSales is how many buyers there are each day.
	reconWeekSales = 8
)

// reconWeekBegins is its first day, a Monday; the month ends on its fourth.
var reconWeekBegins = time.Date(2024, 10, 28, 0, 0, 0, 0, time.UTC)

// reconWeek is what became of it.
type reconWeek struct {
	runs int
	// breaks counts them by class and state, and sums are those of the last run against the processor.
	breaks map[string]int
	sums   []reconcile.Sums
	closed string
	last   int64
}

// weekTeller tells the week.
type weekTeller struct {
	*story
	book ledger.Book
	// balance is what the bank account holds after the statements so far.
	balance money.Minor
}

// reconWeek tells the week, unless it was told before, and returns what it came to.
func (g *story) reconWeek(ctx context.Context) (*reconWeek, error) {
	last, told := g.kept.Ended[reconWeekCode]
	if !told && (g.kept.Over || g.simulator.own[reconWeekCode] == nil) {
		return nil, nil
	}
	if !told {
		if _, err := g.remote.CreateBook(ctx, client.NewBook{Code: reconWeekCode, Name: "A week of reconciliation", Currencies: []money.Currency{"GBP"}, Market: "UK", TimeZone: "Europe/London"}); err != nil {
			return nil, fmt.Errorf("create book %s: %w", reconWeekCode, err)
		}
	}
	book, err := g.books.Book(ctx, reconWeekCode)
	if err != nil {
		return nil, err
	}
	if !told {
		t := &weekTeller{story: g, book: book}
		for day := range reconWeekDays {
			if err := t.day(ctx, day); err != nil {
				return nil, fmt.Errorf("tell day %d of book %s: %w", day+1, reconWeekCode, err)
			}
		}
		if err := t.do(ctx, book, storyAct{Ask: &storyAsk{Act: "period.close", Payload: json.RawMessage(`{"period":"2024-10"}`), Reason: "The checklist of October is done.", Document: "CLOSE-2024-10"}}); err != nil {
			return nil, err
		}
		if last, err = g.head(ctx, reconWeekCode); err != nil {
			return nil, err
		}
		if err := g.ended(reconWeekCode, last); err != nil {
			return nil, err
		}
	}
	return g.lookAtWeek(ctx, book, last)
}

// day is one day: buyers buy, something goes wrong, the bank writes its statement, the runs go, and people look.
func (t *weekTeller) day(ctx context.Context, day int) error {
	at := reconWeekBegins.AddDate(0, 0, day)
	if err := t.leap(ctx, t.book, at.Add(10*time.Hour)); err != nil {
		return err
	}
	if err := t.sales(ctx, day, at.Add(10*time.Hour)); err != nil {
		return err
	}
	if err := t.mishaps(ctx, day); err != nil {
		return err
	}
	if err := t.leap(ctx, t.book, at.Add(22*time.Hour)); err != nil {
		return err
	}
	for _, r := range []storyRecon{{Statement: t.bankSays(day, at)}, {Against: "processor"}, {Against: "bank"}, {Against: "inside"}} {
		if err := t.reconcileIn(ctx, t.book, r); err != nil {
			return err
		}
	}
	return t.people(ctx, day)
}

// sales are the day's buyers, each with a charge at the processor and an order in the books. Of one charge the fee is a penny more
// than was reckoned, and of one the amount a penny less.
func (t *weekTeller) sales(ctx context.Context, day int, at time.Time) error {
	var list []client.NewEvent
	for i := range reconWeekSales {
		price := money.Minor(1500 + 100*((7*day+3*i)%40))
		fee := price/50 + 20
		name := fmt.Sprintf("W-%d-%d", day, i)
		c := storyCharge{Name: name, Amount: price.Format("GBP"), Fee: fee.Format("GBP"), Currency: "GBP", Hours: 24}
		switch {
		case day == 1 && i == 0:
			c.Fee = (fee + 1).Format("GBP")
		case day == 2 && i == 0:
			c.Amount = (price - 1).Format("GBP")
		}
		if err := t.charge(t.book, c); err != nil {
			return err
		}
		data := func(fields map[string]any) json.RawMessage {
			text, _ := json.Marshal(fields) // texts and numbers can always be written
			return t.filled(reconWeekCode, text)
		}
		payment := "{charge:" + name + "}"
		list = append(list, client.NewEvent{Type: "order.captured", Reference: name, Data: data(map[string]any{"order": name, "currency": "GBP", "placed_at": at, "seller": "sel_wk", "channel": "app",
			"lines": []any{map[string]any{"line": 1, "sku": "SKU-W", "quantity": 1, "unit_price": price.Format("GBP"),
				"tax": []any{map[string]any{"jurisdiction": "UK", "kind": "vat", "owed_by": "platform", "amount": "0.00", "included": true}}}},
			"payments": []any{map[string]any{"processor": mainProcessor, "payment_id": payment, "amount": price.Format("GBP")}}})},
			client.NewEvent{Type: "processor.fee_recorded", Reference: name + "-fee", Data: data(map[string]any{"processor": mainProcessor, "kind": "fee", "payment_id": payment, "amount": fee.Format("GBP"), "currency": "GBP"})})
	}
	return t.tellEvents(ctx, list)
}

func (t *weekTeller) tellEvents(ctx context.Context, list []client.NewEvent) error {
	results, err := t.remote.PostEvents(ctx, reconWeekCode, list)
	for i, r := range results {
		if r.Problem != nil {
			return fmt.Errorf("post %s: %w", list[i].Reference, r.Problem) // #nosec G602 -- PostEvents returns as many results as it was given events, or an error
		}
	}
	return err
}

// moved posts money of an account of ours, against capital.
func (t *weekTeller) moved(ctx context.Context, reference, account, direction, amount, external string) error {
	other := map[string]string{"debit": "credit", "credit": "debit"}[direction]
	_, err := t.remote.Post(ctx, reconWeekCode, client.NewTransaction{Reference: reference, Event: "capital.paid_in", Entries: []client.Line{
		{Account: account, Direction: direction, Amount: amount, Currency: "GBP", ExternalRef: external},
		{Account: "equity:opening", Direction: other, Amount: amount, Currency: "GBP"}}})
	return err
}

const weekBank = "assets:bank:operating:main"

// mishaps are what goes wrong on a day, and the money that moves by the bank.
func (t *weekTeller) mishaps(ctx context.Context, day int) error {
	paid := fmt.Sprintf("CAP-%d", day)
	if err := t.moved(ctx, paid, weekBank, "debit", "1000.00", paid); err != nil {
		return err
	}
	switch day {
	case 1: // a refund in the processor's dashboard
		return t.refund(t.book, storyRefund{Charge: "W-0-1", Amount: "10.00", Currency: "GBP"})
	case 2: // an order's payment is booked twice
		charge, _ := t.account(reconWeekCode).ChargeOf(chargeName, "W-1-1")
		return t.moved(ctx, "W-1-1-again", "assets:processor:pending:main", "debit", "25.00", charge)
	case 3: // a payment goes out by the bank, and comes back the next day
		return t.moved(ctx, "PAY-1", weekBank, "credit", "80.00", "PAY-1")
	case 4: // two amounts that nothing tells apart, and a sale that the processor has not shown yet
		return errors.Join(t.moved(ctx, "CASH-1", weekBank, "debit", "50.00", ""), t.moved(ctx, "CASH-2", weekBank, "debit", "50.00", ""),
			t.moved(ctx, "LATE-1", "assets:processor:pending:main", "debit", "19.00", "txn_late"))
	}
	return nil
}

// bankSays is the day's statement.
func (t *weekTeller) bankSays(day int, at time.Time) *storyStatement {
	s := &storyStatement{Currency: "GBP", Day: at.Format(time.DateOnly), Opening: t.balance.Format("GBP")}
	say := func(amount money.Minor, endToEnd, text string) {
		t.balance += amount
		s.Lines = append(s.Lines, storyStateLine{ID: fmt.Sprintf("BK-%d-%d", day, len(s.Lines)), Amount: amount.Format("GBP"), EndToEnd: endToEnd, Text: text})
	}
	say(100000, fmt.Sprintf("CAP-%d", day), "CAPITAL")
	switch day {
	case 2:
		say(1234, "", "CLAIM 77-R")
	case 3:
		say(-8000, "PAY-1", "SUPPLIER")
	case 4:
		say(8000, "PAY-1", "RETURNED")
		say(5000, "", "CASH")
		say(5000, "", "CASH")
	}
	return s
}

// people deal with some of what was found: a refund is told to the books, a claim belongs to a seller, a penny is given up, and
// something is explained.
func (t *weekTeller) people(ctx context.Context, day int) error {
	switch day {
	case 3:
		_, refund := t.account(reconWeekCode).ChargeOf(chargeName, "W-0-1")
		return t.tellEvents(ctx, []client.NewEvent{{Type: "refund.made", Reference: "RF-W-0-1", Data: map[string]any{"order": "W-0-1", "refund": "RF-W-0-1", "amount": "10.00",
			"payment_refund_id": refund, "to": "original", "shipped": false}}})
	case 4:
		return t.fix(ctx, t.book, storyFix{Class: reconcile.UnknownReceipt, Act: reconcile.ActFix, Reason: "It is the carrier's payment for a lost parcel.", Document: "CLAIM-77-R",
			Terms: map[string]any{"lines": []any{map[string]any{"account": "liabilities:seller:pending:sel_wk", "direction": "credit", "amount": "12.34"}}}})
	case 5:
		if err := t.fix(ctx, t.book, storyFix{Class: reconcile.AmountDiffers, Act: reconcile.ActWriteOff, Reason: "The buyer's bank kept a penny.", Document: "PENNY-1",
			Terms: map[string]any{"to": "expenses:bad_debt"}}); err != nil {
			return err
		}
		list, err := t.reconcile.Breaks(ctx, t.book, reconcile.BreakQuery{States: []reconcile.State{reconcile.Open}, Class: reconcile.Duplicate, Limit: 10})
		for _, b := range list {
			_, explained := t.reconcile.Explain(ctx, storyClerk, t.book, b.ID, b.Step, reconcile.Explanation{Note: "Booked twice by the shop; it is reversed with the next import.", Document: "TICKET-412", ClearBy: t.clock.now().AddDate(0, 0, 14)})
			if explained != nil && fault.CodeOf(explained) != reconcile.ErrBreakState.Code {
				return explained
			}
		}
		return err
	}
	return nil
}

// lookAtWeek reads what became of it.
func (g *story) lookAtWeek(ctx context.Context, book ledger.Book, last int64) (*reconWeek, error) {
	w := &reconWeek{breaks: map[string]int{}, last: last}
	runs, err := g.reconcile.Runs(ctx, book, reconcile.RunQuery{Limit: 1000})
	if err != nil {
		return nil, err
	}
	w.runs = len(runs)
	for _, r := range runs { // newest first
		if r.Match == reconcile.R1 && w.sums == nil {
			if err := json.Unmarshal(r.Summary, &w.sums); err != nil {
				return nil, err
			}
		}
	}
	breaks, err := g.reconcile.Breaks(ctx, book, reconcile.BreakQuery{Limit: 1000})
	if err != nil {
		return nil, err
	}
	for _, b := range breaks {
		w.breaks[string(b.Class)+" "+string(b.State)]++
	}
	closings, err := g.reconcile.Closings(ctx, book, 0, 10)
	if err == nil && len(closings) > 0 {
		w.closed = fmt.Sprintf("%s closed with the hash %.8x…", closings[0].Period, closings[0].Hash[:])
	}
	return w, err
}

// write prints it.
func (w *reconWeek) write(out io.Writer) {
	fmt.Fprintf(out, "\nBook %s: a week against the processor and the bank\n  runs       %d\n", reconWeekCode, w.runs)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(w.breaks)) {
		list = append(list, fmt.Sprintf("%s %d", name, w.breaks[name]))
	}
	fmt.Fprintf(out, "  breaks     %s\n", strings.Join(list, ", "))
	for _, s := range w.sums {
		fmt.Fprintf(out, "  processor  %s %s, the books %s, open %s\n", s.Closing.Source, s.Currency, s.Closing.Ledger, s.Open)
	}
	fmt.Fprintf(out, "  month      %s\n", w.closed)
}
