package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce/intake"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
	"mizan/payouts/questions"
	"mizan/payouts/reports"
)

// The desk: what finance works with beside the sales, put there by the services as people and programs would. It does not depend on the
// number of sales, but that a book of few is given a tenth, so that trying the benchmark out takes seconds. What is there already is not
// made again, so that a book which was filled before is given what it lacks.

// The sizes of a desk after a month of work.
const (
	// bankDays are the days of a bank's statements that were compared, and linesADay what each would have if both sides agreed. Half of
	// them differ, so that some thousand breaks are there at the end; of these so many are explained, and as many given to somebody.
	bankDays, linesADay, explainedBreaks = 30, 200, 100
	// importRows are the rows of an imported file, of which one in parkedRow is parked.
	importRows, parkedRow = 4_000, 10
	// messages came from a shop: of five three are applied, one is parked and one ignored.
	messages = 400
	// askers are the payees who ask beside those who are measured, each asksEach questions, of which every fourth is answered.
	askers, asksEach = 28, 5
	// openAdjustments and openWriteOffs wait for a second person; with the other open ones they must stay below what a desk lets be open.
	openAdjustments, openWriteOffs, doneAdjustments, doneWriteOffs, refusedAdjustments = 200, 100, 100, 50, 100
	// staffed are the people, keysMade the keys, of which every fifth is revoked, and exportsMade the exports.
	staffed, keysMade, exportsMade = 100, 30, 60
	// fewSales is below how many sales a book is given one of fewShare of all that.
	fewSales, fewShare = 100_000, 10
)

// deskSeller sells elsewhere, by imports and in a shop, where deskCreator earns.
const deskSeller, deskCreator = "sel_desk", "cre_desk"

// furnishing puts a desk into a book.
type furnishing struct {
	*parts
	intake *intake.Service
	book   ledger.Book
	now    time.Time
	share  int
	// clerk asks and lead decides.
	clerk, lead guard.Actor
}

// furnish puts what is missing of a desk into the book. It ends before the pages are looked at, so that what waits for a second person
// still does by then.
func (b *pagesBench) furnish(ctx context.Context) (err error) {
	f := &furnishing{book: b.filled.book, share: 1, now: pagesShownAt.Add(-time.Hour)}
	if b.options.Sales < fewSales {
		f.share = fewShare
	}
	clock := func() time.Time { return f.now }
	config := serviceConfig{vaultKeys: b.keys, log: slog.New(slog.DiscardHandler)}
	if f.parts, err = newParts(b.pool, clock, partsConfig{vaultKeys: b.keys, jobsLog: config.log}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.books.Close(context.WithoutCancel(ctx))) }()
	f.intake = f.receiving(b.pool, clock, config)
	began := time.Now()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"people", f.people}, {"keys", f.keys}, {"a bank that is compared", f.bank}, {"what is said of breaks", f.breaks}, {"an import", f.imported}, {"messages", f.received},
		{"questions", f.asked}, {"approvals", f.approvals}, {"exports", f.exports},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	fmt.Fprintf(b.progress, "what finance works with: %.1f s\n", time.Since(began).Seconds())
	return errors.Join(f.follow(ctx, f.book), b.meter.analyzeDesk(ctx))
}

// of is the desk's share of a size.
func (f *furnishing) of(size int) int { return size / f.share }

// place is the book as approvals and the trail know it.
func (f *furnishing) place() guard.Book { return guard.Book{ID: int32(f.book.ID), Code: f.book.Code} }

// people adds the staff, each with a role in every book or in this one.
func (f *furnishing) people(ctx context.Context) error {
	all, err := f.access.People(ctx, "", peoplePage)
	if err != nil {
		return err
	}
	roles := access.Roles()
	for n := len(all); n < f.of(staffed); n++ {
		person, err := f.access.AddPerson(ctx, operator(), access.NewPerson{Name: fmt.Sprintf("Desk %03d", n)})
		if err != nil {
			return err
		}
		grant := access.NewGrant{Person: person.ID, Role: roles[n%len(roles)]}
		if n%2 == 1 {
			grant.Book = f.book.Code
		}
		if _, err := f.access.Grant(ctx, operator(), grant); err != nil {
			return err
		}
		all = append(all, person)
	}
	somebody := func(n int) guard.Actor { return guard.Actor{Kind: guard.Person, ID: all[n].ID, Person: all[n].ID} }
	f.clerk, f.lead = somebody(0), somebody(1)
	return nil
}

// keys makes keys that people answer for.
func (f *furnishing) keys(ctx context.Context) error {
	all, err := f.access.List(ctx)
	if err != nil {
		return err
	}
	for n := len(all); n < f.of(keysMade); n++ {
		k := access.NewKey{Name: fmt.Sprintf("Desk %d", n), Scopes: []access.Scope{access.BooksRead, access.TransactionsRead}}
		if n%2 == 1 {
			k.Books = []string{f.book.Code}
		}
		key, _, err := f.access.CreateOwned(ctx, operator(), f.clerk.ID, k)
		if err == nil && n%5 == 4 {
			err = f.access.Revoke(ctx, operator(), key.ID, "Nobody uses it.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// imported takes a file of settlements and applies it. Money under a name that nobody knows parks a row.
func (f *furnishing) imported(ctx context.Context) error {
	var file strings.Builder
	file.WriteString("transaction_id,statement_id,order_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount,statement_time\n")
	for n := 1; n <= f.of(importRows); n++ {
		moon, settled := "", "94.00"
		if n%parkedRow == 0 {
			moon, settled = "-1.00", "93.00"
		}
		fmt.Fprintf(&file, "DT-%d,DST-1,%d,USD,100.00,-6.00,%s,%s,2026-04-01\n", n, n, moon, settled)
	}
	if _, _, err := f.intake.ImportBy(ctx, f.clerk, f.book, intake.ImportOptions{Format: intake.CSV, Role: "bookkeeper", Seller: deskSeller}, strings.NewReader(file.String())); err != nil {
		return err
	}
	return untilDone(func() (int, error) { return f.intake.WorkImports(ctx) })
}

// untilDone works until nothing is due.
func untilDone(work func() (int, error)) error {
	for {
		if n, err := work(); err != nil || n == 0 {
			return err
		}
	}
}

// received has a shop send messages, which are applied.
func (f *furnishing) received(ctx context.Context) error {
	shop := intake.Source{Seller: deskSeller, Shop: "desk.example", CommissionRate: "0.08", PlatformRate: "0.02", Creators: []intake.SourceCreator{{Code: "JO10", Creator: deskCreator}}}
	if _, err := f.intake.Describe(ctx, f.clerk, f.book, intake.SourceShopify, shop); err != nil {
		return err
	}
	for n := range f.of(messages) {
		m, err := shopMessage(n)
		if err == nil {
			_, _, err = f.intake.Receive(ctx, f.book, m)
		}
		if err != nil {
			return err
		}
	}
	return untilDone(func() (int, error) { return f.intake.Work(ctx) })
}

// shopMessage is an order of a shop. One of five comes from another shop than was described, and is parked; one is a test, and ignored.
func shopMessage(n int) (m intake.Message, err error) {
	bag := func(amount string) map[string]any {
		return map[string]any{"shop_money": map[string]string{"amount": amount, "currency_code": "USD"}}
	}
	price := money.Minor(2000 + n).Format("USD")
	m = intake.Message{Source: intake.SourceShopify, MessageID: fmt.Sprintf("desk-%d", n), Topic: "orders/paid", Origin: "desk.example"}
	if n%5 == 3 {
		m.Origin = "other.example"
	}
	m.Body, err = json.Marshal(map[string]any{"id": 700_000 + n, "test": n%5 == 4, "currency": "USD", "processed_at": "2026-04-02T10:00:00-04:00", "taxes_included": false,
		"subtotal_price_set": bag(price), "total_price_set": bag(price), "discount_codes": []map[string]string{{"code": "jo10"}},
		"line_items": []map[string]any{{"id": n + 1, "quantity": 1, "price_set": bag(price)}}})
	return m, err
}

// asked has payees ask about an order, and some of them answered: the three who are measured, and sellers of what is copied.
func (f *furnishing) asked(ctx context.Context) error {
	orders := map[payouts.PayeeKey]string{{Kind: "creator", ID: quietCreator}: "q-0", {Kind: "creator", ID: busyCreator}: copyOf(busySales, 0), {Kind: "seller", ID: longSeller}: "q-0"}
	for n := range f.of(askers) {
		if payee := (payouts.PayeeKey{Kind: "seller", ID: payeeName(n)}); n%10 != 3 { // these orders have a part of the seller with a long history
			orders[payee] = copyOf(everybodysSales, n)
		}
	}
	for payee, order := range orders {
		for i := range asksEach {
			q, err := f.questions.Ask(ctx, guard.Actor{Kind: guard.Payee, ID: payee.ID}, f.book, questions.Asking{Payee: payee, Reference: fmt.Sprintf("desk-%d", i),
				About: questions.About{Kind: questions.AboutOrder, ID: order}, Text: fmt.Sprintf("Question %d: what was taken from this order, and why?", i+1)})
			if err == nil && i%4 == 3 && q.State == questions.Open {
				_, err = f.questions.Answer(ctx, f.clerk, f.book, q.ID, "The commission and the fee that your contract names. The order shows both.")
			}
			if err != nil {
				return fmt.Errorf("%s about %s: %w", payee.ID, order, err)
			}
		}
	}
	return nil
}

// exports has somebody ask for reports that a month of sales does not make longer, and has them made.
func (f *furnishing) exports(ctx context.Context) error {
	list, err := f.reports.Exports(ctx, f.book, reports.ExportQuery{Limit: exportsMade})
	if err != nil {
		return err
	}
	formats := tabular.Formats()
	for n := len(list); n < f.of(exportsMade); n++ {
		month := salesBegin.AddDate(0, n%12, 0).Format("2006-01")
		r := reports.Request{Report: "trial_balance", Format: formats[n%len(formats)], Parameters: reports.Values{"from": month, "to": month}}
		if n%10 == 9 {
			r.Report, r.Parameters = "breaks", reports.Values{"on": f.now.Format(time.DateOnly)}
		}
		e, err := f.reports.Ask(ctx, f.clerk, f.book, r)
		if err == nil && e.State != reports.Made {
			err = f.reports.Content(ctx, f.book, e.ID, &bytes.Buffer{}) // it says why not
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.Report, err)
		}
	}
	return nil
}
