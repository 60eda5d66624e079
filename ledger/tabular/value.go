package tabular

// Values: what stands in a cell. A value knows its kind, and two values are the same if == says so.

import (
	"time"

	"mizan/ledger/money"
)

// Value is one cell. The zero value is an empty cell, which every column takes.
type Value struct {
	kind Kind
	n    int64
	s    string
}

// Row is the values of one row, in the order of the columns.
type Row []Value

// Empty is a cell without a value.
func Empty() Value { return Value{} }

// Text is a text. An empty one is Empty. What cannot stand in all formats is replaced when it is written: bytes that are not
// UTF-8 and control characters other than TAB, LF and CR each become U+FFFD.
func Text(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{kind: KindText, s: s}
}

// Int is a whole number.
func Int(n int64) Value { return Value{kind: KindNumber, n: n} }

// Money is an amount. The currency column of its row must name the same currency.
func Money(m money.Minor, c money.Currency) Value {
	return Value{kind: KindAmount, n: int64(m), s: string(c)}
}

// secondsADay is the length of a day without leap seconds, as calendars of programs have it.
const secondsADay = 24 * 60 * 60

// Day is the calendar day of t in the location of t. Its year must be 1 to 9999.
func Day(t time.Time) Value {
	y, m, d := t.Date()
	return Value{kind: KindDate, n: time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsADay}
}

// At is an instant. What is below a microsecond is left out, as the database leaves it out. Its year must be 1 to 9999.
func At(t time.Time) Value { return Value{kind: KindTime, n: t.UnixMicro()} }

// Yes is true or false.
func Yes(b bool) Value {
	if b {
		return Value{kind: KindBool, n: 1}
	}
	return Value{kind: KindBool}
}

// Kind returns the kind of the value, 0 if it is empty.
func (v Value) Kind() Kind { return v.kind }

// IsEmpty reports whether there is no value.
func (v Value) IsEmpty() bool { return v.kind == 0 }

// Text returns the text of a value of KindText, otherwise "".
func (v Value) Text() string {
	if v.kind != KindText {
		return ""
	}
	return v.s
}

// Int returns the number of a value of KindNumber, otherwise 0.
func (v Value) Int() int64 {
	if v.kind != KindNumber {
		return 0
	}
	return v.n
}

// Money returns the amount and the currency of a value of KindAmount, otherwise 0 and "".
func (v Value) Money() (money.Minor, money.Currency) {
	if v.kind != KindAmount {
		return 0, ""
	}
	return money.Minor(v.n), money.Currency(v.s)
}

// Day returns midnight in UTC of a value of KindDate, otherwise the zero time.
func (v Value) Day() time.Time {
	if v.kind != KindDate {
		return time.Time{}
	}
	return time.Unix(v.n*secondsADay, 0).UTC()
}

// At returns the instant of a value of KindTime in UTC, otherwise the zero time.
func (v Value) At() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.UnixMicro(v.n).UTC()
}

// Yes reports whether the value is of KindBool and true.
func (v Value) Yes() bool { return v.kind == KindBool && v.n == 1 }

// Days and microseconds, since 1970, within which a year has four digits.
const (
	firstDay   = -719162
	lastDay    = 2932896
	firstMicro = firstDay * secondsADay * 1_000_000
	lastMicro  = (lastDay+1)*secondsADay*1_000_000 - 1
)

// possible reports whether the value can be written at all.
func (v Value) possible() bool {
	switch v.kind {
	case KindAmount:
		return money.Currency(v.s).Known()
	case KindDate:
		return v.n >= firstDay && v.n <= lastDay
	case KindTime:
		return v.n >= firstMicro && v.n <= lastMicro
	}
	return true
}
