package reports

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A parameter is one thing that a report may be asked for. Whoever asks writes all of them as text.

// ErrParameters means that the parameters of a report are not good; the fields name which.
var ErrParameters = fault.New(fault.Invalid, "report-parameters", "The report cannot be asked for like this. Correct the parameters named.")

// maxDays bounds a range of days, and with thirteen months also one of periods.
const (
	maxDays    = 400
	maxPeriods = 13
)

// ParameterKind says how a parameter is written.
type ParameterKind string

// The kinds of parameters.
const (
	// OfPeriod is a month such as 2026-11.
	OfPeriod ParameterKind = "period"
	// OfDate is a day such as 2026-11-30, in the time zone of the book.
	OfDate ParameterKind = "date"
	// OfNumber is a whole number from 0.
	OfNumber ParameterKind = "number"
	// OfCurrency is a code by ISO 4217.
	OfCurrency ParameterKind = "currency"
	// OfAccount is the address of an account, or the path of a row of the chart.
	OfAccount ParameterKind = "account"
	// OfCode is an id or a name as they stand in addresses.
	OfCode ParameterKind = "code"
	// OfChoice is one of the parameter's choices.
	OfChoice ParameterKind = "choice"
)

// Parameter is one parameter of a report.
type Parameter struct {
	Name    string        `json:"name"`
	Kind    ParameterKind `json:"kind"`
	Meaning string        `json:"meaning"`
	// Needed says that the report cannot be asked for without it.
	Needed bool `json:"needed,omitempty"`
	// Choices are what a choice may be.
	Choices []string `json:"choices,omitempty"`
}

// Values are the parameters given, by their names. What is not given is not in it.
type Values map[string]string

// Text returns the parameter as it was written, "" if it was not given.
func (v Values) Text(name string) string { return v[name] }

// Given reports whether the parameter was given.
func (v Values) Given(name string) bool { return v[name] != "" }

// Period returns a parameter of that kind, 0 if it was not given.
func (v Values) Period(name string) ledger.Period {
	p, _ := ledger.ParsePeriod(v[name])
	return p
}

// Number returns a parameter of that kind, 0 if it was not given.
func (v Values) Number(name string) int64 {
	n, _ := strconv.ParseInt(v[name], 10, 64)
	return n
}

// Currency returns a parameter of that kind, "" if it was not given.
func (v Values) Currency(name string) money.Currency { return money.Currency(v[name]) }

// Date returns midnight in UTC of a parameter of that kind, the zero time if it was not given.
func (v Values) Date(name string) time.Time {
	t, _ := time.Parse(time.DateOnly, v[name])
	return t
}

// names returns the names of what was given, in order.
func (v Values) names() []string { return slices.Sorted(maps.Keys(v)) }

// good checks a question: only what the report knows, all that it needs, each as its kind is written, and all of them together.
func (r Report) good(book ledger.Book, v Values) error {
	var fields []fault.Field
	for _, name := range v.names() {
		at := slices.IndexFunc(r.Parameters, func(p Parameter) bool { return p.Name == name })
		switch {
		case at < 0:
			fields = append(fields, fault.Field{Pointer: "/parameters", Code: "parameter-unknown", Message: "The report has no such parameter. Look up its parameters."})
		case !r.Parameters[at].fits(book, v[name]):
			fields = append(fields, fieldOf(name, "This is not written as the report's list of parameters says."))
		}
	}
	for _, p := range r.Parameters {
		if p.Needed && !v.Given(p.Name) {
			fields = append(fields, fieldOf(p.Name, "The report needs this parameter."))
		}
	}
	if fields != nil {
		return ErrParameters.WithFields(fields...)
	}
	if r.check == nil {
		return nil
	}
	return r.check(v)
}

func fieldOf(name, message string) fault.Field {
	return fault.Field{Pointer: "/parameters/" + name, Code: "parameter-value", Message: message}
}

// fits reports whether a value is written as the parameter's kind asks.
func (p Parameter) fits(book ledger.Book, value string) bool {
	switch p.Kind {
	case OfPeriod:
		_, err := ledger.ParsePeriod(value)
		return err == nil
	case OfDate:
		t, err := time.Parse(time.DateOnly, value)
		return err == nil && t.Year() >= 2000 && t.Year() < 3000
	case OfNumber:
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && n >= 0 && n < 1<<62 && strconv.FormatInt(n, 10) == value
	case OfCurrency:
		return book.Uses(money.Currency(value))
	case OfAccount:
		_, err := ledger.ParseAddress(value)
		return err == nil
	case OfCode:
		return ledger.IsSegment(value)
	case OfChoice:
		return slices.Contains(p.Choices, value)
	}
	return false
}

// ordered checks that two parameters, where both are given, are a range.
func ordered[T cmp.Ordered](from, to T, name string) error {
	if from > to {
		return ErrParameters.WithFields(fieldOf(name, "The range ends before it begins."))
	}
	return nil
}

// periodRange checks the range of months between two parameters that are given together or not at all.
func periodRange(v Values, from, to string) error {
	if v.Given(from) != v.Given(to) {
		return ErrParameters.WithFields(fieldOf(to, "A range of months needs both its ends."))
	}
	if !v.Given(from) {
		return nil
	}
	if err := ordered(v.Period(from), v.Period(to), to); err != nil {
		return err
	}
	if months(v.Period(from), v.Period(to)) > maxPeriods {
		return ErrParameters.WithFields(fieldOf(to, "A range has at most 13 months. Ask for a shorter one."))
	}
	return nil
}

// dateRange checks the range of days between two parameters that are given together or not at all, the last day included.
func dateRange(v Values, from, to string) error {
	if v.Given(from) != v.Given(to) {
		return ErrParameters.WithFields(fieldOf(to, "A range of days needs both its ends."))
	}
	if v.Date(to).Before(v.Date(from)) {
		return ErrParameters.WithFields(fieldOf(to, "The range ends before it begins."))
	}
	if v.Date(to).Sub(v.Date(from)) >= maxDays*24*time.Hour {
		return ErrParameters.WithFields(fieldOf(to, "A range has at most 400 days. Ask for a shorter one."))
	}
	return nil
}

// months counts the months of a range, both ends included.
func months(from, to ledger.Period) int {
	return int(to/100-from/100)*12 + int(to%100-from%100) + 1
}

// begins is the first instant of a month in the time zone of the book.
func begins(book ledger.Book, p ledger.Period) time.Time {
	return book.DayBegins(int(p/100), time.Month(p%100), 1)
}
