package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What counts in a month and belongs to an earlier one (W-17, C-17): late postings happened in an earlier month that was closed when
// they came to be known; refunds of earlier sales happened in this month, and take back what counted in an earlier one. They are
// two lists: a refund of last month's sale is not late.

// LateReport is one of the lists.
type LateReport string

// The lists.
const (
	// LatePostings are the transactions whose effective month is before the one they count in.
	LatePostings LateReport = "late_postings"
	// EarlierSales are refunds, returns, disputes and corrections of what counted in an earlier month.
	EarlierSales LateReport = "refunds_of_earlier_sales"
	// LateTaxes are the entries on tax accounts of late postings, one by one and never netted, for a corrective return.
	LateTaxes LateReport = "late_taxes"
)

// ErrLateReport means that there is no such list.
var ErrLateReport = fault.New(fault.Invalid, "late-report", "There is no such list of a month. Ask for late_postings, refunds_of_earlier_sales or late_taxes.")

// LateQuery asks for a page of a list.
type LateQuery struct {
	Report LateReport
	Period ledger.Period
	// AtSequence is the last transaction that counts: the pages of one report all have the same.
	AtSequence int64
	// After and AfterLine name the last row already seen, 0 for none.
	After     int64
	AfterLine int
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// LateLine is a transaction in one currency, or an entry on a tax account.
type LateLine struct {
	Sequence int64
	// Line numbers the rows of a transaction: its currencies, or the entry's line.
	Line                      int
	Event, Subject, Reference string
	OccurredAt, RecordedAt    time.Time
	// Period is the month it counts in, Effective the one it happened in, Original that of what it refers to, or none.
	Period, Effective, Original ledger.Period
	// Account is the tax account, empty for a transaction.
	Account  ledger.Address
	Currency money.Currency
	// Amount is what the transaction debits altogether; of a tax account it is debit positive.
	Amount money.Minor
}

// LatePage is a page of a list.
type LatePage struct {
	Lines []LateLine
	// More says that further rows follow. The next page begins after the last row, or where this one stopped looking.
	More      bool
	After     int64
	AfterLine int
}

const (
	// What takes back, among all that refers to an earlier month: a settlement or a release does not, and an accrual that ends is no
	// sale.
	takesBack = `h.event NOT IN ('accrual.reversed', 'fx.revaluation_reversed') AND (h.event ~ '(^|[._])(refund|refunded|reversed|returned|return_processed|return_reported|cancelled|clawback|reduced)$' OR h.event ~ '^(refund|dispute|after_sales)[.]'
        OR h.event IN ('import.refund_created', 'coins.purchase_refunded', 'coins.disputed', 'audit.adjusted'))`

	// The condition of the index stands in each, so that it is used; a page looks at a bounded number of its rows.
	lateHeaders = `
  FROM (SELECT x.* FROM transactions x
         WHERE x.book_id = $1 AND x.period = $2 AND x.sequence >= $3 AND x.sequence <= $4
           AND (x.effective_period <> x.period OR x.original_period <> x.period)
         ORDER BY x.sequence LIMIT $5) h`

	sqlLateSpan = `SELECT count(*), coalesce(max(h.sequence), 0)` + lateHeaders

	lateSums = `
SELECT h.sequence, row_number() OVER (PARTITION BY h.sequence ORDER BY e.currency)::integer AS line, h.event, coalesce(h.subject, ''), h.reference,
       h.occurred_at, h.recorded_at, h.period, h.effective_period, coalesce(h.original_period, 0), '', e.currency, e.amount` + lateHeaders + `
 CROSS JOIN LATERAL (SELECT a.currency, sum(greatest(y.amount, 0))::bigint AS amount
                       FROM (SELECT DISTINCT u.id FROM unnest(h.account_ids) AS u (id)) i
                       JOIN accounts a ON a.book_id = $1 AND a.id = i.id
                       JOIN entries y ON y.book_id = $1 AND y.account_id = i.id AND y.sequence = h.sequence
                      GROUP BY a.currency) e
 WHERE h.line_count > 0 AND `

	sqlLatePostings = lateSums + `h.effective_period < h.period`
	sqlEarlierSales = lateSums + `h.original_period < h.period AND ` + takesBack

	sqlLateTaxes = `
SELECT h.sequence, e.line, h.event, coalesce(h.subject, ''), h.reference,
       h.occurred_at, h.recorded_at, h.period, h.effective_period, coalesce(h.original_period, 0), e.address, e.currency, e.amount` + lateHeaders + `
 CROSS JOIN LATERAL (SELECT y.line::integer AS line, a.address, a.currency, y.amount
                       FROM (SELECT DISTINCT u.id FROM unnest(h.account_ids) AS u (id)) i
                       JOIN accounts a ON a.book_id = $1 AND a.id = i.id AND a.chart_code IN (1170, 2710, 2720, 2730, 2740)
                       JOIN entries y ON y.book_id = $1 AND y.account_id = i.id AND y.sequence = h.sequence) e
 WHERE h.effective_period < h.period`
)

// lateSpan is how many rows of the index a page looks at; each may have up to 500 entries.
const lateSpan = 1_000

// Late returns a page of a list, in the book's order.
func (s *Service) Late(ctx context.Context, book ledger.Book, q LateQuery) (page LatePage, err error) {
	sql, ok := map[LateReport]string{LatePostings: sqlLatePostings, EarlierSales: sqlEarlierSales, LateTaxes: sqlLateTaxes}[q.Report]
	if !ok {
		return page, ErrLateReport
	}
	limit := min(max(q.Limit, 1), 1000)
	page.After, page.AfterLine = q.After, q.AfterLine
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		page.Lines, page.More = nil, false
		var looked int
		var last int64
		if err := tx.QueryRow(ctx, sqlLateSpan, book.ID, q.Period, q.After, q.AtSequence, lateSpan).Scan(&looked, &last); err != nil {
			return err
		}
		if looked == 0 {
			return nil
		}
		rows, err := tx.Query(ctx, fmt.Sprintf("SELECT * FROM (%s) l WHERE (l.sequence, l.line) > ($3, $6) ORDER BY l.sequence, l.line LIMIT $7", sql),
			book.ID, q.Period, q.After, q.AtSequence, lateSpan, q.AfterLine, limit+1)
		if err != nil {
			return err
		}
		page.Lines, err = pgx.CollectRows(rows, scanLate)
		switch {
		case err != nil:
			return err
		case len(page.Lines) > limit:
			page.Lines, page.More = page.Lines[:limit], true
			end := page.Lines[limit-1]
			page.After, page.AfterLine = end.Sequence, end.Line
		default: // all that was looked at is told
			page.More, page.After, page.AfterLine = looked == lateSpan, last, maxLine
		}
		return nil
	})
	return page, err
}

// maxLine is beyond the lines of any transaction.
const maxLine = 1_000

func scanLate(row pgx.CollectableRow) (l LateLine, err error) {
	err = row.Scan(&l.Sequence, &l.Line, &l.Event, &l.Subject, &l.Reference, &l.OccurredAt, &l.RecordedAt, &l.Period, &l.Effective, &l.Original,
		&l.Account, &l.Currency, &l.Amount)
	l.OccurredAt, l.RecordedAt = l.OccurredAt.UTC(), l.RecordedAt.UTC()
	return l, err
}

// EachLate hands every row of a list to fn, page by page, as the book stands at a sequence.
func (s *Service) EachLate(ctx context.Context, book ledger.Book, report LateReport, period ledger.Period, at int64, fn func(LateLine) error) error {
	q := LateQuery{Report: report, Period: period, AtSequence: at, Limit: 1000}
	for {
		page, err := s.Late(ctx, book, q)
		if err != nil {
			return err
		}
		for _, l := range page.Lines {
			if err := fn(l); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
		q.After, q.AfterLine = page.After, page.AfterLine
	}
}
