package commerce

import (
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The end of a year: the balances of revenue and expenses go to retained earnings, in each currency, in the year's last
// month. All earlier months must be closed, and the last one not yet: what the close has read stays what it is. What comes
// to be known later is posted in the open year.

// YearClosed closes a year (M-31).
type YearClosed struct {
	Year int `json:"year" minimum:"2000" maximum:"2999" doc:"The year" example:"2026"`
}

var (
	// ErrYearOpen means that a year cannot be closed yet.
	ErrYearOpen = fault.New(fault.Conflict, "year-open", "A year is closed when it is over, all its months but the last are closed, and the last is still open. Close or reopen its periods first.")
	// ErrYearLarge means that a year's accounts do not fit in one close.
	ErrYearLarge = fault.New(fault.Conflict, "year-large", "The book has more revenue and expense accounts than one close can carry.")
)

const (
	accountRetained ledger.Address = "equity:retained_earnings"
	// maxYearAccounts bounds the accounts of a close.
	maxYearAccounts = 10_000
	// linesOfClose bounds the lines of one of its transactions, without the last.
	linesOfClose = 499
)

func (d *YearClosed) subject() string { return "year:" + yearText(d.Year) }

func yearText(year int) string { return (ledger.Period(year*100 + 12)).String()[:4] } // #nosec G115 -- the event admits years from 2000 to 2999

func (d *YearClosed) prepare(p *preparation) {
	if d.Year < 2000 || d.Year > 2999 {
		p.bad("/year", "date-range", "A year is from 2000 to 2999.")
	}
}

// yearStored is a close with the result of the currency that its first transaction closes, a profit positive.
type yearStored struct {
	YearClosed
	Currency money.Currency `json:"currency"`
	Revenue  kept           `json:"revenue"`
	Expenses kept           `json:"expenses"`
}

func (s *yearStored) tell() []Step {
	t := &tale{currency: s.Currency}
	t.plain("year_result", "Result of "+yearText(s.Year), string(accountRetained), s.Revenue.minor()-s.Expenses.minor(),
		"which is revenue of "+s.Revenue.minor().Format(s.Currency)+" less expenses of "+s.Expenses.minor().Format(s.Currency))
	return t.steps
}

// plan closes each currency in a transaction of its own, or several where one would be too long.
func (d *YearClosed) plan(p *planner) error {
	if _, err := p.story(d.subject()); err != nil { // first of all: the close rests on no other coming between
		return err
	}
	if p.group != nil && len(p.group.moved) > 0 {
		return ErrYearOpen.With("A year is closed by an event of its own. Send it alone.")
	}
	end := time.Date(d.Year+1, 1, 1, 0, 0, 0, 0, p.book.Location())
	head, err := p.service.ledger.Head(p.ctx, p.book)
	if err != nil {
		return err
	}
	last := ledger.Period(d.Year*100 + 12) // #nosec G115 -- the event admits years from 2000 to 2999
	if p.service.now().Before(end) || head.FirstOpenPeriod != last {
		return ErrYearOpen
	}
	rows, err := p.resultRows(last)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return p.nothingToClose(d.subject())
	}
	for part, c := 0, 0; c < len(p.book.Currencies); c++ {
		of := slices.DeleteFunc(slices.Clone(rows), func(l ledger.Line) bool { return l.Currency != p.book.Currencies[c] })
		for chunk := range slices.Chunk(of, linesOfClose) {
			if err := d.close(p, part, chunk, end.Add(-time.Microsecond)); err != nil {
				return err
			}
			part++
		}
	}
	return nil
}

// nothingToClose says why a year has no balances: it was closed before, perhaps a moment ago, or had none.
func (p *planner) nothingToClose(subject string) error {
	told, err := p.story(subject)
	switch {
	case err != nil:
		return err
	case told.begun():
		return ErrRepeated.With("The year was closed before, and nothing has come since.")
	}
	return ErrNothingToConvert.With("The year has neither revenue nor expenses: there is nothing to close.")
}

// close moves balances, which are all of one currency, to retained earnings.
func (d *YearClosed) close(p *planner, part int, rows []ledger.Line, at time.Time) error {
	s := &yearStored{YearClosed: *d, Currency: rows[0].Currency}
	lines, sum := make([]ledger.Line, 0, len(rows)+1), money.Minor(0)
	for _, l := range rows {
		l.Amount = -l.Amount
		lines = append(lines, l)
		var err error
		if sum, err = money.Add(sum, l.Amount); err != nil {
			return err
		}
		if strings.HasPrefix(string(l.Account), "revenue:") {
			s.Revenue += kept(l.Amount)
		} else {
			s.Expenses -= kept(l.Amount)
		}
	}
	if sum != 0 {
		lines = append(lines, ledger.Line{Account: accountRetained, Amount: -sum, Currency: s.Currency})
	}
	if err := p.toldPart(draftOf{event: "year.closed", part: part, lines: lines}, s); err != nil {
		return err
	}
	p.drafts[len(p.drafts)-1].OccurredAt = at
	return nil
}

// toldPart is toldDraft for the first part; further parts keep no data.
func (p *planner) toldPart(d draftOf, s teller) error {
	if d.part > 0 {
		return p.draft(d)
	}
	return p.toldDraft(d, s)
}

// resultRows are the balances of revenue and expenses up to the end of a period, a debit positive, without those at zero.
func (p *planner) resultRows(last ledger.Period) (rows []ledger.Line, err error) {
	read := 0
	for _, prefix := range []string{"revenue:", "expenses:"} {
		after, currency := ledger.Address(""), money.Currency("")
		for more := true; more; {
			page, err := p.service.ledger.TrialBalanceBelow(p.ctx, p.book, last, prefix, after, currency, 1000)
			if err != nil {
				return nil, err
			}
			if more = page.More; read > maxYearAccounts {
				return nil, ErrYearLarge
			}
			read += len(page.Rows)
			for _, r := range page.Rows {
				after, currency = r.Account, r.Currency
				closing := r.Closing()
				if !closing.IsInt64() {
					return nil, money.ErrOverflow
				}
				if closing.Sign() != 0 {
					rows = append(rows, ledger.Line{Account: r.Account, Amount: money.Minor(closing.Int64()), Currency: r.Currency})
				}
			}
		}
	}
	return rows, nil
}
