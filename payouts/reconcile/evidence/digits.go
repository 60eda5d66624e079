// Digits are amounts and dates as banks write them. Whatever could be read in two ways is not read.

package evidence

import (
	"errors"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What can be wrong with an amount or a date, in words that follow a place.
var (
	errNoNumber    = errors.New("an amount is missing or is no number")
	errDecimals    = errors.New("an amount has more decimals than its currency")
	errTooLarge    = errors.New("an amount is too large")
	errNoDate      = errors.New("a date is missing or is no date of the calendar")
	errDistant     = errors.New("a date is before 1990 or after 2100")
	errSum         = errors.New("the sum of the amounts is too large")
	errFunds       = errors.New("the funds type is not known")
	errDistributed = errors.New("the amounts of its funds type do not make its amount")
)

const maxWholeDigits = 15

// decimal reads an amount without a sign, which has mark before its decimals. Zeros behind the currency's decimals are
// taken, since some formats write more decimals than the currency has.
func decimal(s string, mark byte, c money.Currency) (money.Minor, error) {
	whole, fraction, _ := strings.Cut(s, string(rune(mark)))
	if !isDigits(whole) || fraction != "" && !isDigits(fraction) {
		return 0, errNoNumber
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxWholeDigits {
		return 0, errTooLarge
	}
	for len(fraction) > c.Digits() {
		if fraction[len(fraction)-1] != '0' {
			return 0, errDecimals
		}
		fraction = fraction[:len(fraction)-1]
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	amount, err := money.ParseAmount(whole, c)
	switch {
	case fault.CodeOf(err) == money.ErrAmountDigits.Code:
		return 0, errDecimals
	case err != nil:
		return 0, errNoNumber
	}
	return amount, nil
}

// implied reads an amount in minor units, without a sign and without a mark.
func implied(s string, c money.Currency) (money.Minor, error) {
	if !isDigits(s) {
		return 0, errNoNumber
	}
	s = strings.TrimLeft(s, "0")
	if len(s) > maxWholeDigits+c.Digits() {
		return 0, errTooLarge
	}
	var m money.Minor
	for i := range len(s) {
		m = m*10 + money.Minor(s[i]-'0')
	}
	return m, nil
}

// isDigits reports whether s is one or more ASCII digits.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// day reads a date by a layout of package time and refuses years of which no bank statement is.
func day(s, layout string) (time.Time, error) {
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}, errNoDate
	}
	if t.Year() < 1990 || t.Year() > 2100 {
		return time.Time{}, errDistant
	}
	return t, nil
}

// shortDay reads YYMMDD; years from 90 are of the last century.
func shortDay(s string) (time.Time, error) {
	if len(s) != 6 || !isDigits(s) {
		return time.Time{}, errNoDate
	}
	century := "20"
	if s[0] == '9' {
		century = "19"
	}
	return day(century+s, "20060102")
}

// isoDay reads the date of an ISO date or moment. The zone is left alone: what the bank writes is the bank's day.
func isoDay(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) > len("2006-01-02") && !strings.ContainsRune("TZ+-", rune(s[10])) || len(s) < len("2006-01-02") {
		return time.Time{}, errNoDate
	}
	return day(s[:10], "2006-01-02")
}
