package journal

// The journal for hledger: every account and commodity declared, every posting with an assertion of the balance after it,
// so that hledger adds up the running balances again by itself.

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/money"
)

// hledger renders. Its primary date is the day of recording: hledger checks assertions in order of that date, and it is
// the one that never runs backwards. The day of occurrence is the secondary date.
type hledger struct{ address string }

func (*hledger) head(b []byte, h *Head) []byte {
	b = appendAbout(b, h)
	b = append(b, "\n; Dates are UTC: recorded, and after the = occurred. Debits are positive. The last line is the trailer.\n\n"+
		"decimal-mark .\n"...)
	for _, c := range sorted(h.Currencies) {
		// The point tells how many decimals there are, also where there are none.
		b = append(append(append(b, "commodity "...), c...), " 1000."...)
		b = append(append(b, strings.Repeat("0", c.Digits())...), '\n')
	}
	return append(b, '\n')
}

// account declares an address, which comes once per currency.
func (k *hledger) account(b []byte, _ *Head, a *Account) []byte {
	if a.Address == k.address {
		return b
	}
	k.address = a.Address
	return append(append(append(b, "account "...), a.Address...), '\n')
}

func (*hledger) opened(b []byte, _ *Head) []byte { return b }

func (*hledger) transaction(b []byte, t *Transaction) []byte {
	b = append(append(b, '\n'), day(t.RecordedAt)...)
	b = append(append(b, '='), day(t.OccurredAt)...)
	b = append(append(append(b, " ("...), t.ID...), ") "...)
	b = append(appendEscaped(b, t.title()), '\n')
	b = appendTag(b, "    ; ", "seq", strconv.FormatInt(t.Sequence, 10))
	for _, n := range t.notes() {
		b = appendTag(b, "    ; ", n.name, n.value)
	}
	for _, n := range t.metadata() {
		b = appendTag(b, "    ; ", "metadata-"+n.name, n.value)
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		b = append(append(append(b, "    "...), e.Account...), "  "...)
		b = appendAmount(b, e.Currency, e.Amount)
		b = appendAmount(append(b, " = "...), e.Currency, e.BalanceAfter)
		if e.ExternalRef == "" {
			b = append(b, '\n')
			continue
		}
		b = appendTag(b, "  ; ", "external_ref", e.ExternalRef)
	}
	return b
}

func (*hledger) trailer(b []byte, text string) []byte {
	return append(append(append(b, "; "...), text...), '\n')
}

func appendAmount(b []byte, c money.Currency, m money.Minor) []byte {
	return m.AppendFormat(append(append(b, c...), ' '), c)
}

// appendTag writes a comment with one tag and ends the line.
func appendTag(b []byte, lead, name, value string) []byte {
	b = append(appendEscaped(append(b, lead...), name), ':')
	return append(appendEscaped(b, value), '\n')
}

// appendEscaped writes text so that hledger reads nothing else in it than text. As in an address of the web, what has a
// meaning there is written as % and the two hexadecimal digits of each of its bytes: the comma that ends a tag, the
// semicolon that begins a comment, the bar in a description, brackets, which may hold dates, the percent sign itself,
// control characters and separators of lines, bytes that are no UTF-8, and whatever hledger would take for the edge of
// the text: blanks at both ends, and at the beginning the marks * ! and (.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		edge := i == 0 || i+size == len(s)
		switch {
		case r == utf8.RuneError && size == 1, strings.ContainsRune(",;|[]%", r), unicode.IsControl(r), r == '\u2028', r == '\u2029',
			edge && unicode.IsSpace(r), i == 0 && strings.ContainsRune("*!(", r), r == '\ufeff':
			for _, c := range []byte(s[i : i+size]) {
				b = append(b, '%', hexCapitals[c>>4], hexCapitals[c&0xf])
			}
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

const hexCapitals = "0123456789ABCDEF"
