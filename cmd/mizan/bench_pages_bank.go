package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/reconcile"
	"mizan/payouts/reconcile/evidence"
)

// A bank of the desk: its statements, what the books have of them, the runs that find how these differ, what people say of it, and what
// waits for a second person.

// deskBank names the bank, and deskBankBegins is the first of its days.
const deskBank = "desk"

var deskBankBegins = time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)

// deskAccount is the account of the ledger that the bank's is held against.
const deskAccount ledger.Address = "assets:bank:operating:" + deskBank

// bank takes a statement of each day and compares it on the morning after, and once more in the end, when what is missing is late. A day that was
// taken before is left as it is.
func (f *furnishing) bank(ctx context.Context) error {
	source, err := f.reconcile.SetSource(ctx, f.clerk, f.book, reconcile.KindBank, deskBank,
		reconcile.Settings{Accounts: []ledger.Address{deskAccount}, Currency: "USD", Format: string(evidence.CAMT053)})
	if err != nil {
		return err
	}
	shown, balance, fresh := f.now, money.Minor(0), false
	defer func() { f.now = shown }()
	for n := range f.of(bankDays) {
		day := deskBankBegins.AddDate(0, 0, n)
		f.now = day.Add(30 * time.Hour)
		x, entries := f.bankDay(n, day, balance)
		balance = x.Closing
		content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{x})
		if err != nil {
			return err
		}
		receipt, err := f.reconcile.TakeStatement(ctx, f.clerk, f.book, deskBank, content)
		if err != nil {
			return err
		}
		if receipt.Replayed {
			continue
		}
		fresh = true
		for _, out := range f.books.PostBatch(ctx, f.book, entries) {
			if out.Err != nil {
				return out.Err
			}
		}
		if err := f.compared(ctx, source); err != nil {
			return err
		}
	}
	if f.now = shown; !fresh {
		return nil
	}
	return f.compared(ctx, source)
}

// compared makes a run of the bank, and what follows it.
func (f *furnishing) compared(ctx context.Context, source reconcile.Source) error {
	turn := payouts.Turn{Book: f.book, Actor: f.clerk}
	_, err := f.reconcile.CompareSource(ctx, turn, source)
	if err == nil {
		_, err = f.reconcile.FollowUp(ctx, turn, source)
	}
	return err
}

// bankDay is the statement of a day, and what the books have of it. Of eight movements four agree, one differs in its amount, two are
// unknown to the books, one in and one out, and one is unknown to the bank. Two more have the same amount and no name, so that nothing
// tells them apart. No other two amounts are the same, or one of them would be taken for the other.
func (f *furnishing) bankDay(n int, day time.Time, opening money.Minor) (x evidence.Statement, entries []ledger.Submission) {
	x = evidence.Statement{ID: fmt.Sprintf("D-%d", n), Account: "021000021000000002", Currency: "USD", From: day, Until: day, Proved: true, Opening: opening, Closing: opening}
	line := func(id, name string, amount money.Minor) {
		x.Lines = append(x.Lines, evidence.Line{ID: id, Amount: amount, Booked: day, Value: day, EndToEnd: name, Code: "PMNT/RCDT/ESCT", Text: "Transfer of " + id})
		x.Closing += amount
	}
	entry := func(id, name string, amount money.Minor) {
		entries = append(entries, ledger.Submission{Reference: "desk-bank-" + id, Drafts: []ledger.Draft{{Event: "opening.balance", OccurredAt: day.Add(16 * time.Hour),
			Lines: []ledger.Line{{Account: deskAccount, Amount: amount, Currency: "USD", ExternalRef: name}, {Account: "equity:opening", Amount: -amount, Currency: "USD"}}}}})
	}
	for i := range linesADay {
		id := fmt.Sprintf("DL-%d-%d", n, i)
		name, amount := "E2E-"+id, money.Minor(2000+7*(n*linesADay+i))
		switch i % 8 {
		default:
			line(id, name, amount)
			entry(id, name, amount)
		case 4:
			line(id, name, amount)
			entry(id, name, amount+3)
		case 5:
			line(id, name, amount)
		case 6:
			line(id, name, -amount)
		case 7:
			entry(id, name, amount)
		}
	}
	for i := range 2 {
		id := fmt.Sprintf("DA-%d-%d", n, i)
		line(id, "", money.Minor(1001+7*n))
		entry(id, "", money.Minor(1001+7*n))
	}
	return x, entries
}

// breaks has people explain some of the breaks, and give others to a team.
func (f *furnishing) breaks(ctx context.Context) error {
	some := f.of(explainedBreaks)
	known, err := f.reconcile.Breaks(ctx, f.book, reconcile.BreakQuery{States: []reconcile.State{reconcile.Explained}, Limit: some})
	if err != nil || len(known) == some {
		return err
	}
	list, err := f.reconcile.Breaks(ctx, f.book, reconcile.BreakQuery{States: []reconcile.State{reconcile.Open}, Class: reconcile.AmountDiffers, Limit: 2 * some})
	for i, x := range list {
		if i < some {
			_, err = f.reconcile.Explain(ctx, f.clerk, f.book, x.ID, x.Step,
				reconcile.Explanation{Note: "The bank kept its charge; it sends the invoice with the month.", Document: "TICKET-" + x.ID, ClearBy: f.now.AddDate(0, 0, 30)})
		} else {
			_, err = f.reconcile.Assign(ctx, f.clerk, f.book, x.ID, x.Step, "desk")
		}
		if err != nil {
			return err
		}
	}
	return err
}

// approvals has the clerk ask for what needs a second person, and the lead decide some of it.
func (f *furnishing) approvals(ctx context.Context) error {
	decide := func(a guard.Approval) error {
		_, err := f.desk.Approve(ctx, f.lead, f.place(), a.ID, a.Hash, "")
		return err
	}
	refuse := func(a guard.Approval) error {
		_, err := f.desk.Refuse(ctx, f.lead, f.place(), a.ID, "The document does not show it.")
		return err
	}
	leave := func(guard.Approval) error { return nil }
	for _, of := range []struct {
		act, state string
		count      int
		then       func(guard.Approval) error
	}{
		{commerce.ActAdjust, guard.StateDone, doneAdjustments, decide}, {commerce.ActAdjust, guard.StateRefused, refusedAdjustments, refuse},
		{commerce.ActAdjust, guard.StateOpen, openAdjustments, leave},
		{reconcile.ActWriteOff, guard.StateDone, doneWriteOffs, decide}, {reconcile.ActWriteOff, guard.StateOpen, openWriteOffs, leave},
	} {
		there, _, err := f.desk.Find(ctx, f.place(), guard.Search{State: of.state, Act: of.act}, guard.Place{}, f.of(of.count))
		if err != nil {
			return err
		}
		requests := f.writeOffs
		if of.act == commerce.ActAdjust {
			requests = f.adjustments
		}
		list, err := requests(ctx, of.state, len(there), f.of(of.count))
		if err != nil {
			return err
		}
		for _, r := range list {
			a, err := f.desk.Ask(ctx, f.clerk, f.place(), r)
			if err == nil {
				err = of.then(a)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.Act, err)
			}
		}
	}
	return nil
}

// adjustments are those that are missing between two numbers: somebody is given a goodwill.
func (f *furnishing) adjustments(_ context.Context, state string, from, until int) (list []guard.Request, err error) {
	for n := from; n < until; n++ {
		amount := money.Minor(100 + n).Format("USD")
		r, err := commerce.Adjustment{Reference: fmt.Sprintf("desk-%s-%d", state, n), ReasonCode: "goodwill", Reason: "The payee was paid two days late.", Document: fmt.Sprintf("TICKET-%d", n),
			Entries: []commerce.AdjustmentEntry{{Account: "expenses:goodwill", Direction: "debit", Amount: amount, Currency: "USD"},
				{Account: "liabilities:seller:available:" + payeeName(n%f.of(askers)), Direction: "credit", Amount: amount, Currency: "USD"}}}.Request()
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// writeOffs give up on breaks that wait in suspense and about which nobody asks yet, as many as are missing between two numbers. Those of
// money that came are written off, and those of money that went wait.
func (f *furnishing) writeOffs(ctx context.Context, state string, from, until int) (list []guard.Request, err error) {
	class, to := reconcile.UnknownReceipt, "liabilities:unclaimed:US"
	if state == guard.StateOpen {
		class, to = reconcile.MissingInLedger, "expenses:bad_debt"
	}
	asked := map[string]bool{}
	if state == guard.StateOpen {
		open, _, err := f.desk.Find(ctx, f.place(), guard.Search{State: state, Act: reconcile.ActWriteOff}, guard.Place{}, until)
		if err != nil {
			return nil, err
		}
		for _, a := range open {
			asked[string(a.Payload)] = true
		}
	}
	breaks, err := f.reconcile.Breaks(ctx, f.book, reconcile.BreakQuery{States: []reconcile.State{reconcile.Open}, Class: class, Limit: reconcile.MaxBreaks})
	if err != nil {
		return nil, err
	}
	for _, x := range breaks {
		payload, err := json.Marshal(map[string]string{"break": x.ID, "to": to})
		if err != nil {
			return nil, err
		}
		if x.Suspense != 0 && !asked[string(payload)] && len(list) < until-from {
			list = append(list, guard.Request{Act: reconcile.ActWriteOff, Payload: payload, Reason: "Nobody knows what it was.", Document: "TICKET-" + x.ID})
		}
	}
	return list, nil
}
