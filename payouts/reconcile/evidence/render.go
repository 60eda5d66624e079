// Render writes statements as a bank would, for a bank that is imitated. It writes what it is given and checks nothing, so that
// wrong statements can be made too.

package evidence

import (
	"encoding/csv"
	"strings"
	"time"

	"mizan/ledger/money"
)

// Render writes statements in a format; a CSV file has one. Read gives the same statements back, if they hold what the format
// can say: mt940 and bai2 have one reference of the bank for ID and Trace, CSV no parts, and only camt.053 and mt940 say what
// is a reversal. The currency of each statement must be known.
//
// Errors: ErrUnreadable for a format that is not known, for a CSV file of several statements, and for no statement at all.
func Render(format Format, statements []Statement) ([]byte, error) {
	if len(statements) == 0 || format == CSV && len(statements) != 1 {
		return nil, ErrUnreadable.With("A file has at least one statement, and a CSV file has one. Write one file for each.")
	}
	switch format {
	case CAMT053:
		return renderCamt(statements), nil
	case CSV:
		return renderCSV(&statements[0])
	case MT940:
		return renderMT940(statements), nil
	case BAI2:
		return renderBAI2(statements)
	}
	return nil, ErrUnreadable.With("The format of the bank statement is not known. Choose camt.053, csv, bai2 or mt940.")
}

// RenderedProfile is the profile of a CSV file that Render makes of a statement.
func RenderedProfile(s *Statement) *Profile {
	return &Profile{Name: "mizan", Account: s.Account, Currency: string(s.Currency), Dates: "YYYY-MM-DD", SkipFirst: 1, Proof: ProofLabels,
		OpeningLabel: "Opening balance", ClosingLabel: "Closing balance",
		Columns: Columns{Booked: "booked", Value: "value", Amount: "amount", Balance: "balance", ID: "id", EndToEnd: "end_to_end", Mandate: "mandate",
			Batch: "batch", Trace: "trace", Code: "code", Text: []string{"text"}}}
}

// isoDate writes a day.
func isoDate(t time.Time) string { return t.Format("2006-01-02") }

// renderCSV writes the rows between the two balances.
func renderCSV(s *Statement) ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"Opening balance", s.Opening.Format(s.Currency)},
		{"booked", "value", "amount", "balance", "id", "end_to_end", "mandate", "batch", "trace", "code", "text"}}
	balance := s.Opening
	for i := range s.Lines {
		l := &s.Lines[i]
		var err error
		if balance, err = money.Add(balance, l.Amount); err != nil {
			return nil, err
		}
		rows = append(rows, []string{isoDate(l.Booked), isoDate(l.Value), l.Amount.Format(s.Currency), balance.Format(s.Currency), l.ID, l.EndToEnd,
			l.Mandate, l.Batch, l.Trace, l.Code, l.Text})
	}
	rows = append(rows, []string{"Closing balance", s.Closing.Format(s.Currency)})
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// magnitude writes an amount without its sign.
func magnitude(m money.Minor, c money.Currency) string {
	return strings.TrimPrefix(m.Format(c), "-")
}
