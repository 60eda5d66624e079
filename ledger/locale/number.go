// Numbers are written from exact integers and decimal strings, so that no digit is lost or invented on the way.

package locale

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mizan/ledger/money"
)

// form is how a language writes numbers and dates. In its patterns {n} is the number, {c} the currency and the others are
// fields of a date by the letters of CLDR.
type form struct {
	name                    string
	decimal, group, minus   string
	currency, currencyMinus string
	percent                 string
	symbols                 map[money.Currency]string
	day, month, moment      string
	months, monthsWide      [12]string
	am, pm                  string
	offset, ahead, behind   string
	offsetSeparator         string
	yearShift               int
}

// form returns how the language writes; an unknown language writes as English does.
func (l Language) form() *form {
	if f, ok := forms[l]; ok {
		return f
	}
	return forms[English]
}

// Amount writes an amount with its currency: "US$1,250.00", "1.250,00 US$". All digits of the currency are there. It panics
// if the currency is not Known.
func (l Language) Amount(m money.Minor, c money.Currency) string {
	return l.withCurrency(m.Format(c), c)
}

// Sum is Amount for a number of minor units that may be wider than a money.Minor, such as the sum of many accounts.
func (l Language) Sum(v *big.Int, c money.Currency) string {
	return l.withCurrency(decimalOf(v, c), c)
}

// Figure writes an amount without its currency, for a column whose head names it: "1,250.00". It panics if the currency is
// not Known.
func (l Language) Figure(m money.Minor, c money.Currency) string {
	return l.decimal(m.Format(c))
}

// SumFigure is Figure for a number of minor units that may be wider than a money.Minor.
func (l Language) SumFigure(v *big.Int, c money.Currency) string {
	return l.decimal(decimalOf(v, c))
}

// Count writes a whole number: "12,345".
func (l Language) Count(n int64) string { return l.decimal(strconv.FormatInt(n, 10)) }

// Percent writes a percentage from its decimal string: "6.5" is "6.5%". Every digit of the string is kept. What is no
// decimal comes back as it is.
func (l Language) Percent(decimal string) string {
	if !isDecimal(decimal) {
		return decimal
	}
	f := l.form()
	number := f.percent
	if strings.HasPrefix(decimal, "-") {
		number, decimal = f.minus+number, decimal[1:]
	}
	return strings.Replace(number, "{n}", f.grouped(decimal), 1)
}

// Symbol is what the language writes for a currency: its sign where that can be no other's, and else its code.
func (l Language) Symbol(c money.Currency) string {
	if s, ok := l.form().symbols[c]; ok {
		return s
	}
	return string(c)
}

// Read returns the plain decimal that somebody typed with the language's separators: "1.250,50" is "1250.50" in Indonesian and
// nothing in English. Separators of thousands may be left out, and must stand where they belong if they do not: a point that
// is a comma elsewhere would make an amount a hundred times as large. Digits of other scripts are not read.
func (l Language) Read(typed string) (decimal string, ok bool) {
	f := l.form()
	whole, fraction, broken := strings.Cut(strings.TrimSpace(typed), f.decimal)
	if groups := strings.Split(whole, f.group); len(groups) > 1 {
		if len(groups[0]) == 0 || len(groups[0]) > 3 || slices.ContainsFunc(groups[1:], func(g string) bool { return len(g) != 3 }) {
			return "", false
		}
		whole = strings.Join(groups, "")
	}
	if !isDigits(whole) || broken && !isDigits(fraction) {
		return "", false
	}
	if broken {
		whole += "." + fraction
	}
	return whole, true
}

// decimal writes a plain decimal with the language's separators and sign.
func (l Language) decimal(text string) string {
	f := l.form()
	if rest, below := strings.CutPrefix(text, "-"); below {
		return f.minus + f.grouped(rest)
	}
	return f.grouped(text)
}

func (l Language) withCurrency(text string, c money.Currency) string {
	f, symbol := l.form(), l.Symbol(c)
	pattern := f.currency
	if rest, below := strings.CutPrefix(text, "-"); below {
		pattern, text = f.currencyMinus, rest
	}
	// A code that touches the digits cannot be told from them, a sign can: CLDR's rule of currency spacing.
	if first, _ := utf8.DecodeRuneInString(symbol); !isSign(first) {
		pattern = strings.Replace(pattern, "{n}{c}", "{n}\u00a0{c}", 1)
	}
	if last, _ := utf8.DecodeLastRuneInString(symbol); !isSign(last) {
		pattern = strings.Replace(pattern, "{c}{n}", "{c}\u00a0{n}", 1)
	}
	number := f.grouped(text)
	if l.RightToLeft() {
		// With CLDR's marks alone browsers draw "£-2.20 UK": the sign pulls the number to the letters, which lose their own sign. A mark after
		// the number parts the two, and one after the letters keeps their sign with them.
		number += rightToLeftMark
		if !strings.ContainsFunc(symbol, turns) {
			symbol += leftToRightMark
		}
	}
	return strings.NewReplacer("{n}", number, "{c}", symbol).Replace(pattern)
}

func isSign(r rune) bool { return unicode.In(r, unicode.S, unicode.Z) }

// grouped writes a decimal without sign with the language's separators. All eight languages group by three.
func (f *form) grouped(text string) string {
	whole, fraction, broken := strings.Cut(text, ".")
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(f.group)
		}
		b.WriteByte(whole[i])
	}
	if broken {
		b.WriteString(f.decimal + fraction)
	}
	return b.String()
}

// decimalOf writes minor units of any size as money.Minor.Format writes those that fit.
func decimalOf(v *big.Int, c money.Currency) string {
	if v.IsInt64() {
		return money.Minor(v.Int64()).Format(c)
	}
	digits, sign := new(big.Int).Abs(v).String(), ""
	if v.Sign() < 0 {
		sign = "-"
	}
	if n := c.Digits(); n > 0 {
		digits = digits[:len(digits)-n] + "." + digits[len(digits)-n:]
	}
	return sign + digits
}

// isDecimal reports whether a text is a plain decimal: a sign or none, digits, and a point with digits after it or none.
func isDecimal(text string) bool {
	whole, fraction, broken := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return isDigits(whole) && (!broken || isDigits(fraction))
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
