// Amounts in CSV files are written for people: with groups of digits, with signs before or behind, in two columns or with a
// word. Each row must be written as its profile says.

package evidence

import (
	"errors"
	"slices"
	"strings"
	"time"

	"mizan/ledger/money"
)

// dayLength cuts the time of day off a moment that is written as UTC.
const dayLength = 24 * time.Hour

var (
	errSides    = errors.New("either the debit or the credit has to have an amount, and the other none")
	errSign     = errors.New("the sign of an amount is not as the profile says")
	errGrouping = errors.New("the groups of digits of an amount are not as the profile says")
)

// amount reads the amount of a row with its sign.
func (r *csvReader) amount(row csvRow, c money.Currency) (money.Minor, error) {
	p := r.profile
	if p.Columns.Amount == "" {
		return r.pair(row, c)
	}
	amount, err := r.number(r.cell(row, p.Columns.Amount), c)
	if err != nil || p.Columns.Sign == "" {
		return amount, err
	}
	word := r.cell(row, p.Columns.Sign)
	switch {
	case amount < 0:
		return 0, errSign
	case slices.Contains(p.CreditWords, word):
		return amount, nil
	case slices.Contains(p.DebitWords, word):
		return -amount, nil
	}
	return 0, errSign
}

// pair reads the columns of debits and credits.
func (r *csvReader) pair(row csvRow, c money.Currency) (money.Minor, error) {
	var amounts [2]money.Minor
	written := [2]string{r.cell(row, r.profile.Columns.Debit), r.cell(row, r.profile.Columns.Credit)}
	for i, s := range written {
		if s == "" {
			continue
		}
		var err error
		if amounts[i], err = r.number(s, c); err != nil {
			return 0, err
		}
	}
	debit, credit := amounts[0], amounts[1]
	if r.profile.DebitNegative {
		debit = -debit
	}
	switch {
	case debit < 0 || credit < 0:
		return 0, errSign
	case debit != 0 && credit != 0, written[0] == "" && written[1] == "":
		return 0, errSides
	}
	return credit - debit, nil
}

// number reads an amount that may have a sign before or behind it, or stand in brackets, which is a minus too.
func (r *csvReader) number(s string, c money.Currency) (money.Minor, error) {
	s = strings.Map(func(char rune) rune {
		switch char {
		case '\u2212':
			return '-'
		case '\u00a0', '\u202f':
			return ' '
		case '\u2019':
			return '\''
		}
		return char
	}, strings.TrimSpace(s))
	negative := false
	switch {
	case len(s) > 2 && s[0] == '(' && s[len(s)-1] == ')':
		s, negative = s[1:len(s)-1], true
	case strings.HasPrefix(s, "-"):
		s, negative = strings.TrimPrefix(s[1:], " "), true
	case strings.HasSuffix(s, "-"):
		s, negative = strings.TrimSuffix(s[:len(s)-1], " "), true
	case strings.HasPrefix(s, "+"):
		s = strings.TrimPrefix(s[1:], " ")
	}
	mark := r.profile.mark()
	whole, fraction, hasMark := strings.Cut(s, mark)
	whole, err := ungrouped(whole, r.profile.Grouping)
	if err != nil {
		return 0, err
	}
	if hasMark && fraction == "" {
		return 0, errNoNumber
	}
	if len(fraction) == 3 && c.Digits() < 3 {
		return 0, errDecimals // zeros or not: it may be a group of three digits, a thousand times as much
	}
	amount, err := decimal(whole+mark+fraction, mark[0], c)
	if negative {
		amount = -amount
	}
	return amount, err
}

// ungrouped takes the grouping out of whole digits. Either every group has three digits, or there is none.
func ungrouped(whole, grouping string) (string, error) {
	if grouping == "" || !strings.Contains(whole, grouping) {
		return whole, nil
	}
	groups := strings.Split(whole, grouping)
	for i, g := range groups {
		if len(g) != 3 && i > 0 || len(g) > 3 || g == "" {
			return "", errGrouping
		}
	}
	return strings.Join(groups, ""), nil
}
