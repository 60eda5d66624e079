package tabular

// The text of a cell: how each kind of value is written in CSV and JSON lines, and read again. Each value has one form only.

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/money"
)

// timeForm is an instant in UTC to the microsecond, always with all digits, so that it sorts as text.
const timeForm = "2006-01-02T15:04:05.000000Z"

// appendCell appends the one form of the value, without quotes or guards; nothing if it is empty.
func appendCell(b []byte, v Value) []byte {
	switch v.kind {
	case KindText:
		return append(b, v.s...)
	case KindNumber:
		return strconv.AppendInt(b, v.n, 10)
	case KindAmount:
		return money.Minor(v.n).AppendFormat(b, money.Currency(v.s))
	case KindDate:
		return v.Day().AppendFormat(b, time.DateOnly)
	case KindTime:
		return v.At().AppendFormat(b, timeForm)
	case KindBool:
		return strconv.AppendBool(b, v.n == 1)
	}
	return b
}

// parseCell reads what appendCell writes. Other ways to write the same value may pass: readers write the row again and compare.
func parseCell(k Kind, s string, c money.Currency) (Value, bool) {
	if s == "" {
		return Value{}, true
	}
	switch k {
	case KindText:
		return Text(s), true
	case KindNumber:
		n, err := strconv.ParseInt(s, 10, 64)
		return Int(n), err == nil
	case KindAmount:
		m, ok := parseAmount(s, c)
		return Money(m, c), ok
	case KindDate:
		t, err := time.Parse(time.DateOnly, s)
		return Day(t), err == nil
	case KindTime:
		t, err := time.Parse(timeForm, s)
		return At(t), err == nil
	case KindBool:
		return Yes(s == "true"), s == "true" || s == "false"
	}
	return Value{}, false
}

// parseAmount reads a decimal with at most the digits of its currency and a sign in front. Unlike an amount that comes in from
// outside it may be negative and as large as a Minor.
func parseAmount(s string, c money.Currency) (money.Minor, bool) {
	if !c.Known() || len(s) > 24 {
		return 0, false
	}
	digits := c.Digits()
	whole, fraction, point := strings.Cut(s, ".")
	if len(fraction) > digits || point && fraction == "" || strings.ContainsAny(fraction, "+-") {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction+"00000"[:digits-len(fraction)], 10, 64)
	return money.Minor(n), err == nil
}

// ParseMoney reads an amount as tables write it, such as "-12.34". It returns ErrUnreadable for anything else, and for a currency that is not known.
func ParseMoney(s string, c money.Currency) (Value, error) {
	m, ok := parseAmount(s, c)
	if !ok {
		return Value{}, ErrUnreadable
	}
	return Money(m, c), nil
}

// clean replaces what cannot stand in every format: bytes that are not UTF-8, control characters other than TAB, LF and CR, and
// the two characters that XML does not know each become U+FFFD.
func clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			return utf8.RuneError
		}
		return r
	}, s)
}

// plain reports whether clean has nothing to look at: ASCII without control characters.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
