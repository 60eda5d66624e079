package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
)

// The book whose pages are measured: a year of sales of thousands of sellers and creators, one in ten of them refunded, one creator with a
// month of very many, one seller with a part in every tenth sale, and one creator with a handful. Afterwards there are weekly payout runs, a campaign and receipts.

const (
	busyCreator  = "cre_busy"
	quietCreator = "cre_quiet"
	longSeller   = "sel_long"
	reliefOf     = "relief"
	// quietSales is what the quiet creator sold, payoutWeeks how many payout runs there were, gifts how many donations.
	quietSales, payoutWeeks, gifts = 20, 6, 60
	// salesAtOnce is about how many sales are put in by one turn.
	salesAtOnce = 100_000
	// mostPayable bounds the other payees that payout runs decide about, bankLines those of the bank's statement.
	mostPayable, bankLines = 2_000, 20_000
)

var (
	// salesBegin is when the first sales are recorded; busyMonth is the month of the busy creator, the last one before payouts begin.
	salesBegin = time.Date(2025, 4, 1, 12, 0, 0, 0, time.UTC)
	busyMonth  = time.Date(2026, 2, 1, 15, 0, 0, 0, time.UTC)
	salesDays  = int(busyMonth.AddDate(0, 1, 0).Sub(salesBegin).Hours() / 24)
	// pagesShownAt is when the pages are looked at, some days after the last payout run.
	pagesShownAt = payoutRunAt.AddDate(0, 0, 7*payoutWeeks)
)

// salesBook fills the book.
type salesBook struct {
	*parts
	db           *postgres.Pool
	meter        *meter
	progress     io.Writer
	now          time.Time
	book         ledger.Book
	sales, lines int
	// each is how many sales are copied together, of everybody's and of the busy creator's, and size how many transactions these have.
	each map[copiesOf]int
	size map[copiesOf]int64
	// receipt and gift are the public addresses of an order and a donation.
	receipt, gift string
}

// fill makes the book.
func (f *salesBook) fill(ctx context.Context) (err error) {
	f.now = salesBegin
	if f.parts, err = newParts(f.db, func() time.Time { return f.now }, partsConfig{jobsLog: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.books.Close(context.WithoutCancel(ctx))) }()
	f.book, _, err = f.books.CreateBook(ctx, ledger.NewBook{Code: "bench", Name: "Bench", Currencies: []money.Currency{"USD"}, TimeZone: "America/New_York", Market: "US"})
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"posting what is copied", f.patterns}, {fmt.Sprintf("copying it to %d sales", f.sales), f.copies}, {"tidying up", f.meter.tidy},
		{"paying out", f.payOut}, {"the present", f.present}, {"issuing statements", f.issue}, {"tidying up", f.meter.tidy},
	} {
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(f.progress, "%s: %.1f s\n", step.what, time.Since(began).Seconds())
	}
	return nil
}

// find finds the book that was filled before, and has those who follow it come to its end.
func (f *salesBook) find(ctx context.Context) (err error) {
	f.now = pagesShownAt.Add(-24 * time.Hour)
	if f.parts, err = newParts(f.db, func() time.Time { return f.now }, partsConfig{jobsLog: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.books.Close(context.WithoutCancel(ctx))) }()
	if f.book, err = f.books.Book(ctx, "bench"); err != nil {
		return err
	}
	if err := f.caughtUp(ctx); err != nil {
		return err
	}
	return errors.Join(f.byBank(ctx), f.publish(ctx))
}

// patterns posts the sales that are copied, and has those who follow the book see them.
func (f *salesBook) patterns(ctx context.Context) error {
	if err := f.meter.readyCopies(ctx); err != nil {
		return err
	}
	f.size = map[copiesOf]int64{}
	for _, of := range []copiesOf{everybodysSales, busySales} {
		after, err := f.meter.head(ctx, f.book)
		if err != nil {
			return err
		}
		events := make([]commerce.Event, f.each[of])
		for i := range events {
			events[i] = f.sale(of, i)
		}
		for i := 6; i < f.each[of]; i += 10 {
			events = append(events, f.returned(copyOf(of, i), i%20 == 6))
		}
		if err := f.say(ctx, events...); err != nil {
			return err
		}
		if err := f.caughtUp(ctx); err != nil {
			return err
		}
		if err := f.meter.keepTemplate(ctx, f.book, of, after); err != nil {
			return err
		}
		last, err := f.meter.head(ctx, f.book)
		if err != nil {
			return err
		}
		f.size[of] = last - after
	}
	return nil
}

// sale is one of the sales that are copied.
func (f *salesBook) sale(of copiesOf, i int) commerce.Event {
	seller, creator := i, fmt.Sprintf("cre_%05d", i)
	if of == busySales {
		seller, creator = i*7%f.each[everybodysSales], busyCreator
	}
	name := payeeName(seller)
	if seller%10 == 3 {
		name = longSeller
	}
	return f.captured(copyOf(of, i), name, creator, i)
}

// captured is a sale as an event. One creator of four has an agency.
func (f *salesBook) captured(order, seller, creator string, i int) commerce.Event {
	price := 900 + i*131%19000
	amount := fmt.Sprintf("%d.%02d", price/100, price%100)
	d := &commerce.OrderCaptured{Order: order, Currency: "USD", PlacedAt: f.now, Seller: seller, LiveSession: fmt.Sprintf("LS-%d", i%40), Channel: []string{"app", "app", "web"}[i%3],
		CommissionRate: "0.10", Lines: []commerce.CapturedLine{{Line: 1, SKU: fmt.Sprintf("SKU-%d", i%300), Category: "fashion", Quantity: 1, UnitPrice: amount}},
		Creators: []commerce.Creator{{Creator: creator, Weight: "1"}},
		Payments: []commerce.Payment{{Processor: "main", PaymentID: "pi_" + order, Amount: amount}}}
	if i%4 == 1 && creator != busyCreator {
		d.Creators[0].Agency = &commerce.Agency{ID: fmt.Sprintf("mcn_%03d", i%100), Share: "0.20", PaidBy: "creator"}
	}
	return commerce.Event{Type: "order.captured", Reference: "captured:" + order, OccurredAt: f.now, Data: d}
}

// returned is money back for an order, all of it or a little, on the day of the sale.
func (f *salesBook) returned(order string, full bool) commerce.Event {
	d := &commerce.RefundMade{Order: order, Refund: "RF-" + order, Full: full, Fault: "seller", PaymentRefundID: "re_" + order}
	if !full {
		d.Amount = "2.00"
	}
	return commerce.Event{Type: "refund.made", Reference: "refund:" + order, OccurredAt: f.now, Data: d}
}

// say posts events in batches.
func (f *salesBook) say(ctx context.Context, events ...commerce.Event) error {
	for part := range slices.Chunk(events, 500) {
		for _, r := range f.events.PostBatch(ctx, f.book, part) {
			if r.Err != nil {
				return r.Err
			}
		}
	}
	return nil
}

// caughtUp has those who follow the book read it to its end.
func (f *salesBook) caughtUp(ctx context.Context) error { return f.follow(ctx, f.book) }

// follow has those who follow a book read it to its end.
func (p *parts) follow(ctx context.Context, book ledger.Book) error {
	_, err := p.payouts.Feed(ctx, payouts.Turn{Book: book})
	if err == nil {
		_, err = p.earnings.Follow(ctx, book)
	}
	return err
}

// copies copies the sales over the days of the year, and those of the busy creator over its month. What was sold in the last month waits.
func (f *salesBook) copies(ctx context.Context) error {
	many := (f.sales+f.each[everybodysSales]-1)/f.each[everybodysSales] - 1
	busy := f.lines / f.each[busySales]
	done := map[copiesOf]int{}
	began := time.Now()
	put := func(of copiesOf, upTo int, at time.Time) error {
		for done[of] < upTo {
			n := min(upTo-done[of], max(1, salesAtOnce/f.each[of]))
			if err := f.meter.copySales(ctx, f.book, of, f.size[of], int64(done[of]+1), int64(n), at, salesBegin, !at.Before(busyMonth)); err != nil {
				return err
			}
			done[of], at = done[of]+n, at.Add(time.Duration(n)*time.Second)
		}
		return nil
	}
	// The copies are right by how they are made; the checks of what is recorded would read all of them again.
	if err := f.meter.seals(ctx, "DISABLE TRIGGER seal"); err != nil {
		return err
	}
	quarter := salesDays / 4
	for day := 1; day <= salesDays; day++ {
		at := salesBegin.AddDate(0, 0, day-1).Add(3 * time.Hour)
		if err := put(everybodysSales, many*day/salesDays, at); err != nil {
			return err
		}
		if of := day - (salesDays - 28); of > 0 {
			if err := put(busySales, busy*of/28, at.Add(time.Hour)); err != nil {
				return err
			}
		}
		if day%quarter == 0 {
			fmt.Fprintf(f.progress, "day %d of %d after %.0f s\n", day, salesDays, time.Since(began).Seconds())
		}
	}
	if err := f.meter.seals(ctx, "ENABLE ALWAYS TRIGGER seal"); err != nil {
		return err
	}
	return f.meter.follow(ctx, f.book)
}

// payOut registers payees, gives them money that is available week after week, and plans the runs.
func (f *salesBook) payOut(ctx context.Context) error {
	payable := min(f.each[everybodysSales], mostPayable)
	f.now = busyMonth.AddDate(0, 1, 0)
	for _, p := range []commerce.Payee{{ID: busyCreator, Kind: "creator"}, {ID: quietCreator, Kind: "creator"}, {ID: longSeller, Kind: "seller"}, {ID: "ngo_water", Kind: "charity"}} {
		p.Country, p.Currency = "US", "USD"
		if _, _, err := f.events.RegisterPayee(ctx, operator(), f.book, p); err != nil {
			return err
		}
	}
	if err := addPayees(ctx, f.db, f.book, 0, payable, 50); err != nil {
		return err
	}
	if err := f.meter.measurable(ctx, f.book, f.now.AddDate(0, -2, 0), []string{busyCreator, quietCreator, longSeller}); err != nil {
		return err
	}
	zone := f.book.Location()
	for week := range payoutWeeks {
		run := time.Date(2026, 3, 2+7*week, 2, 0, 0, 0, zone)
		f.now = run.Add(-24 * time.Hour)
		accounts := []ledger.Address{"liabilities:creator:available:" + busyCreator, "liabilities:creator:available:" + quietCreator, "liabilities:seller:available:" + longSeller}
		for i := range payable {
			accounts = append(accounts, ledger.Address("liabilities:seller:available:"+payeeName(i)))
		}
		var submissions []ledger.Submission
		for part := range slices.Chunk(accounts, linesOfPosting-1) {
			lines := []ledger.Line{{Account: "assets:processor:available:main", Amount: money.Minor(4000 * len(part)), Currency: "USD"}}
			for _, a := range part {
				lines = append(lines, ledger.Line{Account: a, Amount: -4000, Currency: "USD"})
			}
			submissions = append(submissions, ledger.Submission{Reference: fmt.Sprintf("week-%d-%d", week, len(submissions)), Drafts: []ledger.Draft{{Event: "opening.balance", Lines: lines}}})
		}
		for _, out := range f.books.PostBatch(ctx, f.book, submissions) {
			if out.Err != nil {
				return out.Err
			}
		}
		f.now = run.Add(time.Second)
		if _, err := f.payouts.Plan(ctx, payouts.Turn{Book: f.book, Start: run, End: run.AddDate(0, 0, 1), Actor: operator()}); err != nil {
			return err
		}
	}
	return nil
}

// present has the quiet creator sell, one order delivered after the other, and a campaign receive gifts; both have receipts.
func (f *salesBook) present(ctx context.Context) (err error) {
	f.now = pagesShownAt.Add(-48 * time.Hour)
	var events []commerce.Event
	for i := range quietSales {
		order := fmt.Sprintf("q-%d", i)
		events = append(events, f.captured(order, longSeller, quietCreator, i))
		if i%2 == 0 {
			events = append(events, commerce.Event{Type: "order.delivered", Reference: "delivered:" + order, OccurredAt: f.now,
				Data: &commerce.OrderDelivered{Order: order, DeliveredAt: f.now, LastParcel: true}})
		}
	}
	var campaign commerce.CampaignPublished
	if err := json.Unmarshal([]byte(`{"id":"`+reliefOf+`","kind":"humanitarian","currency":"USD","platform_fee":"0","fee_quote":{"rate":"0.014","flat":"0.20"},"refund_window_days":0,
 "beneficiaries":[{"payee":"ngo_water","weight":"1"}]}`), &campaign); err != nil {
		return err
	}
	if r := f.events.Publish(ctx, f.book, campaign); r.Err != nil {
		return r.Err
	}
	for i := range gifts {
		id := fmt.Sprintf("D%d", i)
		events = append(events, commerce.Event{Type: "donation.received", Reference: "donation:" + id, OccurredAt: f.now, Data: &commerce.DonationReceived{Donation: id, Campaign: reliefOf,
			Currency: "USD", Amount: "25.00", Payments: []commerce.DonationPayment{{Processor: "main", PaymentID: "pi_" + id, Amount: "25.00"}}}})
	}
	if err := errors.Join(f.say(ctx, events...), f.caughtUp(ctx)); err != nil {
		return err
	}
	if _, err := f.receipts.Follow(ctx, f.book); err != nil {
		return err
	}
	return errors.Join(f.byBank(ctx), f.publish(ctx))
}

// byBank takes a statement of a bank, unless it was taken before.
func (f *salesBook) byBank(ctx context.Context) error {
	_, err := f.reconcile.SetSource(ctx, operator(), f.book, reconcile.KindBank, "main", reconcile.Settings{Accounts: []ledger.Address{"assets:bank:operating:main"}, Currency: "USD", Format: string(evidence.CAMT053)})
	if err != nil {
		return err
	}
	day := pagesShownAt.AddDate(0, 0, -3).UTC().Truncate(24 * time.Hour)
	x := evidence.Statement{ID: "S-1", Account: "021000021000000001", Currency: "USD", From: day, Until: day, Proved: true}
	for i := range min(bankLines, f.sales/5) {
		id := fmt.Sprintf("BL-%d", i)
		x.Lines = append(x.Lines, evidence.Line{ID: id, Amount: money.Minor(1000 + i*37%90000), Booked: day, Value: day, EndToEnd: "E2E-" + id, Code: "PMNT/RCDT/ESCT"})
		x.Closing += x.Lines[i].Amount
	}
	content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{x})
	if err == nil {
		_, err = f.reconcile.TakeStatement(ctx, operator(), f.book, "main", content)
	}
	return err
}

// publish makes the receipts, or finds those that were made.
func (f *salesBook) publish(ctx context.Context) error {
	for subject, to := range map[string]*string{"order:q-0": &f.receipt, "donation:D0": &f.gift} {
		made, _, err := f.receipts.Make(ctx, f.book, subject)
		if err != nil {
			return err
		}
		*to = made.ID
	}
	return nil
}

// issue issues the statements of the busy creator: that of the first month, in which what is copied was posted, and that of the busy month.
func (f *salesBook) issue(ctx context.Context) error {
	f.now = pagesShownAt.Add(-24 * time.Hour)
	for range 24 {
		st, err := f.statements.Issue(ctx, f.book, busyCreator, "USD")
		if err != nil || st == nil {
			return err
		}
	}
	return errors.New("the statements do not end")
}

// verify proves what was put in beside the service: all of the book but content hashes, the sums of earnings, and the payouts.
func (f *salesBook) verify(ctx context.Context) error {
	p, err := newParts(f.db, func() time.Time { return pagesShownAt }, partsConfig{jobsLog: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = p.books.Close(context.WithoutCancel(ctx)) }()
	began := time.Now()
	report, err := p.books.Verify(ctx, f.book, ledger.VerifyOptions{Method: ledger.VerifySQL})
	if err == nil && (!report.Sound() || !report.Complete) {
		err = fmt.Errorf("the book is not sound: %d findings, such as %+v", report.FindingCount, report.Findings[:min(3, len(report.Findings))])
	}
	if err != nil {
		return err
	}
	earned, err := p.earnings.Verify(ctx, f.book)
	if err == nil && (!earned.Sound() || earned.Rebuilding || earned.Payees == 0) {
		err = fmt.Errorf("the sums of earnings are not what moved: %+v", earned.Broken[:min(3, len(earned.Broken))])
	}
	if err != nil {
		return err
	}
	paid, err := p.payouts.Verify(ctx, f.book)
	if err == nil && !paid.Sound() {
		err = fmt.Errorf("the payouts are not the sums of their lines: %+v", paid)
	}
	fmt.Fprintf(f.progress, "verifying %d entries, the earnings of %d and %d payouts: %.1f s\n", report.Entries, earned.Payees, paid.Payouts, time.Since(began).Seconds())
	return err
}
