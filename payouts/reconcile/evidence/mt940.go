// MT940 is the customer statement of SWIFT: fields such as :61: for a movement and :86: for what is said about it, with or
// without the envelope of the network. A file may have many messages, and a long statement several messages as its pages.

package evidence

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"mizan/ledger/money"
)

// maxFieldLines is how many lines a field may have; the standard has six.
const maxFieldLines = 100

// swiftField is a field with the lines that continue it.
type swiftField struct {
	tag   string
	row   int
	lines []string
}

// swiftIgnored are the fields that say nothing about lines and booked balances.
var swiftIgnored = map[string]bool{"13D": true, "21": true, "34F": true, "64": true, "65": true, "90C": true, "90D": true, "NS": true}

// swiftMessage is a message while it is read.
type swiftMessage struct {
	draft
	number         int
	row            int // where it begins, 0 before that
	reference      string
	opened, closed bool
	onLine         bool // the field before was a :61:, so that a :86: belongs to it
}

// swiftReader goes through the fields of a file.
type swiftReader struct {
	drafts  []draft
	current swiftMessage
	lines   int
}

// readMT940 reads all messages of a file.
func readMT940(content []byte) ([]draft, error) {
	file, err := decode(content, "")
	if err != nil {
		return nil, unreadable("The file", err.Error())
	}
	r := &swiftReader{current: swiftMessage{number: 1}}
	var field swiftField
	row := 0
	for raw := range strings.Lines(file) {
		row++
		line := strings.TrimRight(raw, "\r\n")
		if line == "-" || strings.HasPrefix(line, "-}") || strings.HasPrefix(line, "{") {
			if err := r.take(&field); err != nil {
				return nil, err
			}
			if err := r.end(row); err != nil {
				return nil, err
			}
			_, line, _ = strings.Cut(line, "{4:")
		}
		tag, rest, isField := swiftTag(line)
		switch {
		case isField:
			if err := r.take(&field); err != nil {
				return nil, err
			}
			field = swiftField{tag: tag, row: row, lines: []string{rest}}
		case strings.TrimSpace(line) == "":
		case field.tag == "":
			return nil, unreadable(rowName(row), "it belongs to no field")
		case len(field.lines) == maxFieldLines:
			return nil, unreadable(rowName(row), "its field has too many lines")
		default:
			field.lines = append(field.lines, line)
		}
	}
	if err := r.take(&field); err != nil {
		return nil, err
	}
	if err := r.end(row); err != nil {
		return nil, err
	}
	return r.drafts, nil
}

// rowName names a line of the file in messages.
func rowName(row int) string { return fmt.Sprintf("Line %d", row) }

// swiftTag splits ":61:text".
func swiftTag(line string) (tag, rest string, ok bool) {
	if !strings.HasPrefix(line, ":") {
		return "", "", false
	}
	tag, rest, ok = strings.Cut(line[1:], ":")
	switch {
	case !ok:
		return "", "", false
	case tag == "NS":
		return tag, rest, true
	case len(tag) < 2 || len(tag) > 3 || !isDigits(tag[:2]) || len(tag) == 3 && (tag[2] < 'A' || tag[2] > 'Z'):
		return "", "", false
	}
	return tag, rest, true
}

// end ends the message that was read, if there is one. Without its closing balance it is a part of a message.
func (r *swiftReader) end(row int) error {
	m := &r.current
	if m.row == 0 {
		return nil
	}
	if !m.closed {
		return unreadable(rowName(row), "the statement ends without a closing balance")
	}
	if len(r.drafts) == MaxStatements {
		return tooMany("10,000 statements")
	}
	m.ID = oneLine(maxID+1, m.reference, m.Sequence, m.Until.Format("2006-01-02"))
	r.drafts = append(r.drafts, m.draft)
	r.current = swiftMessage{number: m.number + 1}
	return nil
}

// take reads the field that is complete, and empties it.
func (r *swiftReader) take(f *swiftField) error {
	if f.tag == "" {
		return nil
	}
	defer func() { *f = swiftField{} }()
	if f.tag == "20" {
		if err := r.end(f.row); err != nil {
			return err
		}
		r.current.row = f.row
		r.current.noun, r.current.Proved = "line", true
		r.current.reference = oneLine(maxReference, f.lines[0])
		return nil
	}
	m := &r.current
	if m.row == 0 {
		return unreadable(rowName(f.row), "a field stands before the reference of its statement (:20:)")
	}
	onLine := m.onLine
	m.onLine = false
	switch f.tag {
	case "25", "25P":
		return m.once(f, &m.Account, spaceless(f.lines[0]))
	case "28", "28C":
		return m.once(f, &m.Sequence, oneLine(maxID+1, f.lines[0]))
	case "60F", "60M":
		return m.open(f)
	case "61":
		if r.lines++; r.lines > MaxLines {
			return tooMany("100,000 lines")
		}
		m.onLine = true
		return m.movement(f)
	case "86":
		if onLine && m.opened && !m.closed {
			m.inform(&m.Lines[len(m.Lines)-1], f)
		}
		return nil
	case "62F", "62M":
		return m.shut(f)
	}
	if !swiftIgnored[f.tag] {
		return unreadable(rowName(f.row), "the field is none of a customer statement (MT940)")
	}
	return nil
}

// once sets what may be said once.
func (m *swiftMessage) once(f *swiftField, into *string, value string) error {
	if *into != "" || value == "" || m.opened {
		return unreadable(rowName(f.row), "the field is empty, stands twice or at the wrong place")
	}
	*into = value
	return nil
}

// open reads the opening balance, which decides the currency.
func (m *swiftMessage) open(f *swiftField) error {
	if m.opened {
		return unreadable(rowName(f.row), "the statement has two opening balances")
	}
	t, c, amount, err := swiftBalance(f)
	if err != nil {
		return err
	}
	m.opened, m.opensWithin = true, f.tag == "60M"
	m.From, m.Currency, m.Opening = t, c, amount
	return nil
}

// shut reads the closing balance.
func (m *swiftMessage) shut(f *swiftField) error {
	if !m.opened || m.closed {
		return unreadable(rowName(f.row), "a closing balance stands at the wrong place")
	}
	t, c, amount, err := swiftBalance(f)
	if err != nil {
		return err
	}
	if c != m.Currency {
		return wrongCurrency(rowName(f.row), "the closing balance is in another currency than the opening balance")
	}
	m.closed, m.closesWithin = true, f.tag == "62M"
	m.Until, m.Closing = t, amount
	return nil
}

// swiftBalance reads "C261120EUR1234,56".
func swiftBalance(f *swiftField) (time.Time, money.Currency, money.Minor, error) {
	s := strings.TrimRight(f.lines[0], " ")
	if len(s) < len("C261120EUR0,") || s[0] != 'C' && s[0] != 'D' || len(f.lines) != 1 {
		return time.Time{}, "", 0, unreadable(rowName(f.row), "the balance cannot be read")
	}
	t, err := shortDay(s[1:7])
	if err != nil {
		return time.Time{}, "", 0, unreadable(rowName(f.row), err.Error())
	}
	c, err := money.ParseCurrency(s[7:10])
	if err != nil {
		return time.Time{}, "", 0, wrongCurrency(rowName(f.row), "the currency is not known")
	}
	amount, err := swiftAmount(s[10:], c)
	if err != nil {
		return time.Time{}, "", 0, unreadable(rowName(f.row), err.Error())
	}
	if s[0] == 'D' {
		amount = -amount
	}
	return t, c, amount, nil
}

// swiftAmount reads an amount, which always has its comma.
func swiftAmount(s string, c money.Currency) (money.Minor, error) {
	if !strings.Contains(s, ",") {
		return 0, errNoNumber
	}
	return decimal(s, ',', c)
}

// movement reads a :61: field: value date, entry date, mark, amount, type, reference, and the bank's reference.
func (m *swiftMessage) movement(f *swiftField) error {
	if !m.opened || m.closed {
		return unreadable(rowName(f.row), "a movement stands outside of the balances")
	}
	s := f.lines[0]
	where := rowName(f.row)
	line := Line{Row: f.row}
	if len(s) < 6 {
		return unreadable(where, errNoDate.Error())
	}
	var err error
	if line.Value, err = shortDay(s[:6]); err != nil {
		return unreadable(where, err.Error())
	}
	line.Booked = line.Value
	s = s[6:]
	if len(s) >= 4 && isDigits(s[:4]) {
		if line.Booked, err = entryDay(s[:4], line.Value); err != nil {
			return unreadable(where, err.Error())
		}
		s = s[4:]
	}
	s, negative, err := line.mark(s)
	if err != nil {
		return unreadable(where, err.Error())
	}
	end := strings.IndexFunc(s, func(r rune) bool { return r != ',' && (r < '0' || r > '9') })
	if end < 0 || len(s) < end+4 {
		return unreadable(where, "the type of the movement is missing")
	}
	if line.Amount, err = swiftAmount(s[:end], m.Currency); err != nil {
		return unreadable(where, err.Error())
	}
	if negative {
		line.Amount = -line.Amount
	}
	s = s[end:]
	if !strings.ContainsRune("NSF", rune(s[0])) {
		return unreadable(where, "the type of the movement is not known")
	}
	line.Code = oneLine(maxReference, s[:4])
	own, bank, _ := strings.Cut(s[4:], "//")
	line.EndToEnd = reference(own)
	line.ID = reference(bank)
	line.Trace = line.ID
	line.Text = text(f.lines[1:]...)
	m.Lines = append(m.Lines, line)
	return nil
}

// errMark means that a movement has no direction that is known. Expected movements (EC, ED) are not booked and have none.
var errMark = errors.New("whether it is a credit or a debit is not said, or it is only expected")

// mark reads C, D, RC or RD, and the letter of the currency that may follow. A credit that is taken back is money that goes.
func (l *Line) mark(s string) (rest string, negative bool, err error) {
	s, l.Reversal = strings.CutPrefix(s, "R")
	if s == "" || s[0] != 'C' && s[0] != 'D' {
		return "", false, errMark
	}
	negative = (s[0] == 'D') != l.Reversal
	s = s[1:]
	if s != "" && s[0] >= 'A' && s[0] <= 'Z' {
		s = s[1:]
	}
	return s, negative, nil
}

// entryDay reads MMDD as the day of the year that is nearest to the value date: at the turn of a year they differ.
func entryDay(s string, value time.Time) (time.Time, error) {
	var best time.Time
	for year := value.Year() - 1; year <= value.Year()+1; year++ {
		t, err := time.Parse("20060102", fmt.Sprintf("%04d%s", year, s))
		if err == nil && (best.IsZero() || t.Sub(value).Abs() < best.Sub(value).Abs()) {
			best = t
		}
	}
	if best.IsZero() {
		return best, errNoDate
	}
	return best, nil
}
