package console

import (
	"html/template"
	"math/big"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/locale"
	"mizan/ledger/money"
)

// How numbers, addresses and times are written. An amount shows every digit it has; what is wider than 64 bits, such as
// the sum of many accounts, is written just as exactly.

// amount is a number of minor units of a currency, of any size. The zero value is shown as nothing.
type amount struct {
	Value    *big.Int
	Currency money.Currency
}

func minor(m money.Minor, c money.Currency) amount { return amount{big.NewInt(int64(m)), c} }

// String writes the amount with thousands separated: "1,234,567.80".
func (a amount) String() string {
	if a.Value == nil {
		return ""
	}
	return grouped(decimalText(a.Value, a.Currency))
}

// Zero reports whether the amount is nothing or zero.
func (a amount) Zero() bool { return a.Value == nil || a.Value.Sign() == 0 }

// Negative reports whether the amount is below zero.
func (a amount) Negative() bool { return a.Value != nil && a.Value.Sign() < 0 }

// decimalText writes minor units as a decimal. It agrees with money.Minor.Format wherever that applies.
func decimalText(v *big.Int, c money.Currency) string {
	if !c.Known() {
		return v.String() // whole minor units: a guessed point would be wrong by a power of ten
	}
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

// grouped separates the thousands of the whole part of a decimal.
func grouped(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	var b strings.Builder
	b.WriteString(sign)
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if fraction != "" {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// thousands writes a count.
func thousands(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

// amountHTML keeps an amount left-to-right and its sign in front, in a page of either direction. Zero is a quiet dash.
func amountHTML(a amount) template.HTML {
	switch {
	case a.Value == nil:
		return ""
	case a.Zero():
		return `<span class="nil">–</span>`
	case a.Negative():
		return template.HTML(`<bdi dir="ltr" class="minus">` + template.HTMLEscapeString(a.String()) + `</bdi>`) // #nosec G203 -- what was given is escaped here
	}
	return template.HTML(`<bdi dir="ltr">` + template.HTMLEscapeString(a.String()) + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// exactHTML is amountHTML that writes zero out, for where a reader looks for the figure itself.
func exactHTML(a amount) template.HTML {
	if a.Value != nil && a.Zero() {
		return template.HTML(`<bdi dir="ltr">` + template.HTMLEscapeString(a.String()) + `</bdi>`) // #nosec G203 -- what was given is escaped here
	}
	return amountHTML(a)
}

// figureHTML writes an amount without its currency as the reader's language writes numbers, zero too. It is kept
// left-to-right, as numbers are in every language.
func figureHTML(l locale.Language, a amount) template.HTML {
	if a.Value == nil {
		return ""
	}
	class := ""
	if a.Negative() {
		class = ` class="minus"`
	}
	text := a.Value.String() // whole minor units: a guessed point would be wrong by a power of ten
	if a.Currency.Known() {
		text = l.SumFigure(a.Value, a.Currency)
	}
	return template.HTML(`<bdi dir="ltr"` + class + `>` + template.HTMLEscapeString(text) + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// moneyHTML writes an amount with its currency as the reader's language does, apart from the direction of the text around.
func moneyHTML(l locale.Language, a amount) template.HTML {
	if a.Value == nil {
		return ""
	}
	return template.HTML(`<bdi>` + template.HTMLEscapeString(a.in(l)) + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// in writes the amount with its currency.
func (a amount) in(l locale.Language) string {
	if !a.Currency.Known() {
		return a.Value.String() + " " + string(a.Currency)
	}
	return l.Sum(a.Value, a.Currency)
}

// ltrHTML keeps an id, a reference or a hash left-to-right.
func ltrHTML(s string) template.HTML {
	return template.HTML(`<bdi dir="ltr">` + template.HTMLEscapeString(s) + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// addressHTML keeps an address left-to-right and lets it break after its colons only.
func addressHTML(a ledger.Address) template.HTML {
	escaped := template.HTMLEscapeString(string(a))
	return template.HTML(`<bdi dir="ltr" class="address">` + strings.ReplaceAll(escaped, ":", ":<wbr/>") + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// nameHTML keeps a name for programs, such as an event's, left-to-right and lets it break after its dots and underscores.
func nameHTML(name string) template.HTML {
	return template.HTML(`<bdi dir="ltr">` + strings.NewReplacer(".", ".<wbr/>", "_", "_<wbr/>").Replace(template.HTMLEscapeString(name)) + `</bdi>`) // #nosec G203 -- what was given is escaped here
}

// timeHTML writes a time to the second; the full time is in the element for machines.
func timeHTML(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="nil">–</span>`
	}
	return template.HTML(`<time dir="ltr" datetime="` + t.Format(time.RFC3339Nano) + `">` + t.Format("2006-01-02 15:04:05") + `</time>`) // #nosec G203 -- these layouts of a time write digits and signs alone
}
