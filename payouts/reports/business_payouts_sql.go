package reports

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
	"mizan/payouts"
)

// The register of payouts. Payouts go on after a report was made, so what a row says of a payout's way follows from the steps whose
// transactions are in the book up to the question's place, and nothing from the payout as it stands now.

func payoutRegister() Report {
	return Report{Name: "payout_register", Title: "Payout register", Schema: 1,
		Meaning: "Every payout created on the days, as the books knew it at this place. The state is that of the money: a payout that is being sent, or of which it is not known whether it was taken, is " +
			"created until the books have it as submitted; one that came back after it was paid is returned. Amount and fee together left the payee's account, and are what the payout's lines come to. " +
			"The processor's payout from the payee's own account to the bank is not told, because the books do not hold it, and a bank's trace is that which was known when the payout was paid.",
		Parameters: []Parameter{
			{Name: "from", Kind: OfDate, Needed: true, Meaning: "the first day, in the time zone of the book"},
			{Name: "to", Kind: OfDate, Needed: true, Meaning: "the last day, at most 400 days in all"},
		},
		Columns: []tabular.Column{textColumn("payout", "Payout"), textColumn("run", "Run"), numberColumn("part", "Part"), textColumn("kind", "Kind"), textColumn("payee", "Payee"),
			textColumn("receiver", "Receiver"), textColumn("currency", "Currency"), sumColumn("amount", "Amount"), sumColumn("fee", "Fee"), sumColumn("fee_tax", "Tax in the fee"),
			textColumn("state", "State"), timeColumn("created_at", "Created"), timeColumn("submitted_at", "Submitted"), timeColumn("paid_at", "Paid"), timeColumn("returned_at", "Returned"),
			timeColumn("ended_at", "Failed or cancelled"), sumColumn("pulled_back", "Pulled back"), textColumn("rail", "Rail"), textColumn("destination", "Destination"),
			textColumn("processor", "Processor"), textColumn("processor_transfer", "Transfer at the processor"), textColumn("processor_entry", "Entry at the processor"),
			textColumn("processor_entry_back", "Entry that brought it back"), textColumn("bank_trace", "Bank trace"), textColumn("retry_of", "Retry of"), textColumn("reason", "Reason"),
			textColumn("created_transaction", "Transaction")},
		check: func(v Values) error { return dateRange(v, "from", "to") },
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return q.payouts(ctx, yield)
		},
	}
}

const (
	sqlRegister = `
SELECT p.id, p.run_id, p.part_no, p.kind, p.payee, p.receiver, p.currency, p.amount, p.fee, p.fee_tax, p.created_at, p.rail, p.destination, p.transfer, p.retry_of, p.created_sequence
  FROM payouts p
 WHERE p.book_id = $1 AND (p.created_at, p.id) > ($2, $3) AND p.created_at >= $2 AND p.created_at < $4
 ORDER BY p.created_at, p.id LIMIT $5`

	// A step that posted nothing has no place in the book; those that did stand in their order.
	sqlRegisterSteps = `
SELECT s.payout, s.state, s.at, s.code, t.event, coalesce(t.explanation, '')
  FROM unnest($2::text[]) AS k (payout)
 CROSS JOIN LATERAL (SELECT x.payout, x.number, x.state, x.at, x.code, x.sequence FROM payout_steps x
                      WHERE x.book_id = $1 AND x.payout = k.payout AND x.sequence BETWEEN 1 AND $3 ORDER BY x.number LIMIT 1000) s
 CROSS JOIN LATERAL (SELECT h.event, h.explanation FROM transactions h WHERE h.book_id = $1 AND h.sequence = s.sequence LIMIT 1) t
 ORDER BY s.payout, s.number`
)

// registerPage is how many payouts are read at a time.
const registerPage = 500

// registered is a payout of the register.
type registered struct {
	payouts.Payout
	returned                time.Time
	processor, entry, back  string
	trace, reason           string
	submitted, paid, failed time.Time
	state                   string
	pulled                  money.Minor
}

func (q *Query) payouts(ctx context.Context, yield func(tabular.Row) error) error {
	first, last := q.Date("from"), q.Date("to")
	seen := q.Book.DayBegins(first.Year(), first.Month(), first.Day())
	until := q.Book.DayBegins(last.Year(), last.Month(), last.Day()+1)
	for after := ""; ; {
		page, err := q.payoutPage(ctx, seen, after, until)
		if err != nil {
			return err
		}
		for i := range page {
			p := &page[i]
			if seen, after = p.CreatedAt, p.ID; p.CreatedSequence > q.AtSequence {
				continue // it was created later
			}
			if err := yield(q.payoutRow(p)); err != nil {
				return err
			}
		}
		if len(page) < registerPage {
			return nil
		}
	}
}

func (q *Query) payoutPage(ctx context.Context, seen time.Time, after string, until time.Time) (page []registered, err error) {
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlRegister, q.Book.ID, seen, after, until, registerPage)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p registered, err error) {
			err = row.Scan(&p.ID, &p.Run, &p.Part, &p.Holder.Kind, &p.Holder.ID, &p.Receiver, &p.Holder.Currency, &p.Amount, &p.Fee, &p.FeeTax, &p.CreatedAt, &p.Rail, &p.Destination,
				&p.Transfer, &p.RetryOf, &p.CreatedSequence)
			p.state = payouts.Created
			return p, err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		ids, at := make([]string, len(page)), map[string]*registered{}
		for i := range page {
			ids[i], at[page[i].ID] = page[i].ID, &page[i]
		}
		if rows, err = tx.Query(ctx, sqlRegisterSteps, q.Book.ID, ids, q.AtSequence); err != nil {
			return err
		}
		var id, state, code, event string
		var when time.Time
		var explanation []byte
		_, err = pgx.ForEachRow(rows, []any{&id, &state, &when, &code, &event, &explanation}, func() error {
			at[id].step(state, when, code, event, commerce.PayoutToldBy(explanation))
			return nil
		})
		return err
	})
	return page, err
}

// step adds what a step says that posted something.
func (p *registered) step(state string, when time.Time, code, event string, told commerce.PayoutTold) {
	switch event {
	case "payout.submitted":
		p.submitted, p.processor, p.entry = when, told.Processor, told.Entry
	case "payout.paid":
		p.paid, p.trace = when, told.Trace
	case "payout.returned":
		p.returned, p.back, p.reason = when, told.Entry, told.Reason
		state = "returned"
	case "payout.failed":
		p.failed, p.back, p.reason = when, told.Entry, told.Reason
	case "payout.cancelled":
		p.failed, p.reason = when, told.Reason
	case "payout.pulled_back":
		p.pulled += told.Pulled
		if p.back = told.Entry; state == payouts.Failed {
			p.failed = when
		}
	}
	if p.reason == "" && state != payouts.Paid {
		p.reason = code
	}
	if p.state != "returned" {
		p.state = state
	}
}

func (q *Query) payoutRow(p *registered) tabular.Row {
	c := p.Holder.Currency
	m := func(a money.Minor) tabular.Value { return tabular.Money(a, c) }
	when := func(t time.Time) tabular.Value {
		if t.IsZero() {
			return tabular.Empty()
		}
		return tabular.At(t)
	}
	transfer := p.Transfer
	if p.submitted.IsZero() { // it is told with what the books know of it
		transfer = ""
	}
	return tabular.Row{tabular.Text(p.ID), tabular.Text(p.Run), tabular.Int(int64(p.Part)), tabular.Text(p.Holder.Kind), tabular.Text(p.Holder.ID), tabular.Text(p.Receiver),
		tabular.Text(string(c)), m(p.Amount), m(p.Fee), m(p.FeeTax), tabular.Text(p.state), tabular.At(p.CreatedAt), when(p.submitted), when(p.paid), when(p.returned), when(p.failed),
		m(p.pulled), tabular.Text(p.Rail), tabular.Text(p.Destination), tabular.Text(p.processor), tabular.Text(transfer), tabular.Text(p.entry), tabular.Text(p.back), tabular.Text(p.trace),
		tabular.Text(p.RetryOf), tabular.Text(p.reason), q.transactionID(p.CreatedSequence)}
}
