// A draft is a statement as its parser found it. It becomes a statement when it is within bounds, when it stands in the file
// only once, and when it adds up.

package evidence

import (
	"fmt"
	"unicode/utf8"

	"mizan/ledger/money"
)

// maxID is how many runes the id of a statement, its number and its account may each have. What is longer is no id.
const maxID = 140

// draft is a statement whose lines have the bank's own references in place of ids.
type draft struct {
	Statement
	// noun is what a row is called in messages: "line" or "entry".
	noun string
	// opensWithin and closesWithin say that the balance is that of a page, so that the next or last page continues it.
	opensWithin, closesWithin bool
	// contents has, if it is not nil, what each line is apart from its place, for ids of lines in files without statements.
	contents []string
	// disputed is what else of the statement contradicts its lines. It is said if the balances do not say more.
	disputed error
}

// finish checks every draft and names its lines.
func finish(drafts []draft) ([]Statement, error) {
	if len(drafts) == 0 {
		return nil, unreadable("The file", "it has no statement")
	}
	if len(drafts) > MaxStatements {
		return nil, tooMany("10,000 statements")
	}
	type identity struct {
		account, id, sequence string
		currency              money.Currency
	}
	seen := make(map[identity]bool, len(drafts))
	statements := make([]Statement, 0, len(drafts))
	lines := 0
	for i := range drafts {
		d := &drafts[i]
		for j := range d.Lines {
			lines += 1 + len(d.Lines[j].Parts)
		}
		if lines > MaxLines {
			return nil, tooMany("100,000 lines")
		}
		where := fmt.Sprintf("Statement %d", i+1)
		if err := d.check(where); err != nil {
			return nil, err
		}
		if i > 0 {
			if err := d.continues(&drafts[i-1], where); err != nil {
				return nil, err
			}
		}
		key := identity{d.Account, d.ID, d.Sequence, d.Currency}
		if seen[key] {
			return nil, unreadable(where, "the same statement stands in the file before")
		}
		seen[key] = true
		d.nameLines()
		statements = append(statements, d.Statement)
	}
	return statements, nil
}

// check refuses what no statement may be.
func (d *draft) check(where string) error {
	switch {
	case d.Account == "" || utf8.RuneCountInString(d.Account) > maxID:
		return unreadable(where, "it has no account number, or one that is too long")
	case d.ID == "" || utf8.RuneCountInString(d.ID) > maxID || utf8.RuneCountInString(d.Sequence) > maxID:
		return unreadable(where, "it has no id, or one that is too long")
	case !d.From.IsZero() && !d.Until.IsZero() && d.Until.Before(d.From):
		return unreadable(where, "it ends before it begins")
	}
	if d.Proved {
		if err := d.prove(where); err != nil {
			return err
		}
	}
	return d.disputed
}

// prove refuses a statement whose opening balance and lines do not make its closing balance.
func (d *draft) prove(where string) error {
	amounts := make([]money.Minor, 0, len(d.Lines)+1)
	amounts = append(amounts, d.Opening)
	for i := range d.Lines {
		amounts = append(amounts, d.Lines[i].Amount)
	}
	sum, err := money.Sum(amounts...)
	if err != nil {
		return unreadable(where, "its amounts are too large")
	}
	difference, err := money.Sub(sum, d.Closing)
	if err != nil {
		return unreadable(where, "its amounts are too large")
	}
	if difference == 0 {
		return nil
	}
	return unbalanced(where, "the opening balance and the lines make "+byHowMuch(difference, d.Currency)+
		" for the closing balance"+d.suspect(difference))
}

// suspect names the only line that would explain a difference by being there twice or by having the wrong sign.
func (d *draft) suspect(difference money.Minor) string {
	twice, turned := 0, 0
	var first, last int
	for i := range d.Lines {
		switch {
		case d.Lines[i].Amount == difference:
			twice++
			first = d.Lines[i].Row
		case difference%2 == 0 && d.Lines[i].Amount == difference/2:
			turned++
			last = d.Lines[i].Row
		}
	}
	switch {
	case twice == 1 && turned == 0:
		return fmt.Sprintf("; it is the amount of %s %d, which may be one too many", d.noun, first)
	case twice == 0 && turned == 1:
		return fmt.Sprintf("; it is twice the amount of %s %d, whose sign may be wrong", d.noun, last)
	}
	return ""
}

// continues refuses a page that does not begin with the balance at which the page before it ended.
func (d *draft) continues(before *draft, where string) error {
	if !d.opensWithin || !before.closesWithin || d.Account != before.Account || d.Currency != before.Currency || d.Opening == before.Closing {
		return nil
	}
	return unbalanced(where, "its page does not begin with the balance at which the page before it ended")
}
