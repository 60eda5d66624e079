package reports

import (
	"context"

	"mizan/ledger/tabular"
	"mizan/payouts/reconcile"
)

// What counts in a month and belongs to an earlier one, as reconciliation lists it, month by month.

func lateReports() []Report {
	return []Report{
		lateReport("late_postings", "Late postings", "What happened in an earlier month that was closed when it came to be known, and so counts in these. One row for each transaction and currency.",
			reconcile.LatePostings),
		lateReport("earlier_refunds", "Refunds of earlier sales", "Refunds, returns, disputes and corrections in these months that take back what counted in an earlier one. "+
			"They are not late. One row for each transaction and currency.", reconcile.EarlierSales),
		lateReport("late_tax", "Late tax", "The entries on tax accounts of late postings, one by one and never netted, for a corrective return.", reconcile.LateTaxes),
	}
}

func lateReport(name, title, meaning string, list reconcile.LateReport) Report {
	r := Report{Name: name, Title: title, Meaning: meaning, Schema: 1,
		Parameters: []Parameter{
			{Name: "from", Kind: OfPeriod, Needed: true, Meaning: "the first month they count in"},
			{Name: "to", Kind: OfPeriod, Needed: true, Meaning: "the last month they count in, at most 13 months in all"},
		},
		Columns: []tabular.Column{
			textColumn("period", "Period"), textColumn("effective_period", "Happened in"), textColumn("original_period", "Original period"),
			textColumn("transaction_id", "Transaction"), numberColumn("line", "Line"), timeColumn("occurred_at", "Occurred at"), timeColumn("recorded_at", "Recorded at"),
			textColumn("event", "Event"), textColumn("reference", "Reference"), textColumn("subject", "Subject"),
		},
		check: func(v Values) error { return periodRange(v, "from", "to") },
		rows: func(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
			return q.late(ctx, list, yield)
		},
	}
	if list == reconcile.LateTaxes {
		r.Columns = append(r.Columns, textColumn("account", "Account"), sumColumn("debit", "Debit"), sumColumn("credit", "Credit"))
	} else {
		r.Columns = append(r.Columns, sumColumn("amount", "Debited altogether"))
	}
	r.Columns = append(r.Columns, textColumn("currency", "Currency"))
	return r
}

func (q *Query) late(ctx context.Context, list reconcile.LateReport, yield func(tabular.Row) error) error {
	for p := q.Period("from"); p <= q.Period("to"); p = p.Next() {
		err := q.s.reconcile.EachLate(ctx, q.Book, list, p, q.AtSequence, func(l reconcile.LateLine) error {
			row := tabular.Row{periodValue(l.Period), periodValue(l.Effective), periodValue(l.Original), q.transactionID(l.Sequence),
				tabular.Int(int64(l.Line)), tabular.At(l.OccurredAt), tabular.At(l.RecordedAt), tabular.Text(l.Event), tabular.Text(l.Reference), tabular.Text(l.Subject)}
			if list == reconcile.LateTaxes {
				debit, credit := sides(l.Amount, l.Currency)
				row = append(row, tabular.Text(string(l.Account)), debit, credit)
			} else {
				row = append(row, tabular.Money(l.Amount, l.Currency))
			}
			return yield(append(row, tabular.Text(string(l.Currency))))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
