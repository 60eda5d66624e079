package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/pan"
)

// The query of a request, read as strictly as its body: only parameters the operation documents, each at most once,
// none empty. What cannot be read is malformed (400); what can be read and makes no sense is invalid (422).

// Bounds of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query holds a request's parameters and remembers the first mistake, so that a handler reads all of them and asks once.
type query struct {
	values url.Values
	wrong  error
}

// parseQuery reads the raw query. Allowed are the parameters named.
func parseQuery(raw string, allowed []string) (query, error) {
	if raw == "" {
		return query{}, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, ErrRequest.With("The query cannot be read. Percent-encode what is not a letter or digit.")
	}
	for name, given := range values {
		known := false
		for _, a := range allowed {
			known = known || a == name
		}
		if !known {
			return query{}, ErrRequest.At(unknownParameter(name), "unknown-parameter", "There is no such parameter here. Remove it, or correct its name.")
		}
		at := "query:" + name
		switch {
		case len(given) > 1:
			return query{}, ErrRequest.At(at, "duplicate-parameter", "This parameter occurs more than once.")
		case given[0] == "":
			return query{}, ErrRequest.At(at, "empty", "This parameter must not be empty. Give it a value, or leave it out.")
		case !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
			return query{}, ErrRequest.At(at, "text", "This parameter holds control characters or is not UTF-8.")
		case pan.Given(given[0]):
			return query{}, cardNumberAt(at)
		}
	}
	return query{values: values}, nil
}

// unknownParameter names a parameter only if its name may be repeated.
func unknownParameter(name string) string {
	if !repeatable(name) {
		return "query:"
	}
	return "query:" + name
}

func (q *query) fail(err error) {
	if q.wrong == nil {
		q.wrong = err
	}
}

// invalid reports a parameter that can be read and makes no sense.
func (q *query) invalid(name, code, message string) {
	q.fail(ledger.ErrInvalid.With("The request asks for something that does not exist. Correct the parameter named.").At("query:"+name, code, message))
}

// text returns a parameter as it was sent, "" if it was not.
func (q *query) text(name string) string { return q.values.Get(name) }

// integer returns a whole number between low and high, or otherwise if it was not sent.
func (q *query) integer(name string, low, high, otherwise int64) int64 {
	s := q.values.Get(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < low || n > high || s[0] == '+' {
		q.fail(ErrRequest.At("query:"+name, "integer", "This must be a whole number from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10)+"."))
		return otherwise
	}
	return n
}

// limit returns the size of the page asked for.
func (q *query) limit() int { return int(q.integer("limit", 1, maxLimit, defaultLimit)) }

// descending returns whether the newest come first.
func (q *query) descending() bool { return q.choice("order", "asc", "desc") == "desc" }

// choice returns one of the words, the first if none was sent.
func (q *query) choice(name string, words ...string) string {
	s := q.values.Get(name)
	if s == "" {
		return words[0]
	}
	for _, w := range words {
		if s == w {
			return s
		}
	}
	q.invalid(name, "choice", "This must be "+strings.Join(words, " or ")+".")
	return words[0]
}

// boolean returns a parameter that is true or false.
func (q *query) boolean(name string) bool { return q.choice(name, "false", "true") == "true" }

// currency returns a currency, "" if none was sent. Withdrawn currencies may still be asked for.
func (q *query) currency() money.Currency {
	c := money.Currency(q.values.Get("currency"))
	if c != "" && !c.Known() {
		q.invalid("currency", money.ErrCurrency.Code, money.ErrCurrency.Message)
	}
	return c
}

// period returns a month, 0 if none was sent.
func (q *query) period() ledger.Period {
	return q.month("period", 0)
}

// month returns a month, otherwise if none was sent.
func (q *query) month(name string, otherwise ledger.Period) ledger.Period {
	s := q.values.Get(name)
	if s == "" {
		return otherwise
	}
	p, err := ledger.ParsePeriod(s)
	if err != nil {
		q.invalid(name, fault.CodeOf(err), ledger.ErrPeriod.Message)
	}
	return p
}

// hash returns a SHA-256, nil if none was sent.
func (q *query) hash(name string) []byte {
	s := q.values.Get(name)
	if s == "" {
		return nil
	}
	digest, err := hex.DecodeString(s)
	if err != nil || len(digest) != sha256.Size || s != strings.ToLower(s) {
		q.invalid(name, "digest", "This must be 64 hexadecimal digits.")
	}
	return digest
}

// earliest is the oldest time that may be asked about; nothing is recorded before it.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// instant returns a recorded time, the zero time if none was sent. The future has no answer yet that would stay true.
func (q *query) instant(name string, now time.Time) time.Time {
	s := q.values.Get(name)
	if s == "" {
		return time.Time{}
	}
	at, ok := parseInstant(s)
	switch {
	case !ok:
		q.invalid(name, "date-time", instantMessage+" Write + as %2B in a query.")
	case at.Before(earliest):
		q.invalid(name, "date-range", "Ask for a time after 2000-01-01.")
	case at.After(now.Add(5 * time.Minute)): // clocks differ a little
		q.invalid(name, "date-future", "This time lies in the future. Ask for a time that has passed.")
	}
	return at
}

// moment returns a time that may lie in the future, or otherwise if none was sent.
func (q *query) moment(name string, otherwise time.Time) time.Time {
	s := q.values.Get(name)
	if s == "" {
		return otherwise
	}
	at, ok := parseInstant(s)
	if !ok || at.Before(earliest) {
		q.invalid(name, "date-time", instantMessage+" It lies after 2000-01-01. Write + as %2B in a query.")
	}
	return at
}

// parameterNames returns the names that a struct of documented parameters declares.
func parameterNames(t reflect.Type) []string {
	if t == nil {
		return nil
	}
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
