package console

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/locale"
	"mizan/ledger/money"
	"mizan/payouts"
)

// An order in words: its amounts, days and computations as the reader's language writes them.

// orderWords write what belongs to one order.
type orderWords struct {
	language locale.Language
	currency money.Currency
	zone     *time.Location
	// kind is that of the payee who reads them; empty where it makes no difference.
	kind string
}

func (w orderWords) say(key string, pairs ...any) string {
	return phrases().Say(w.language, keyFor(w.kind, key), pairs...)
}

// amount writes an amount with its currency.
func (w orderWords) amount(m money.Minor) string {
	if !w.currency.Known() {
		return w.figure(m) // an order of which nothing was captured
	}
	return w.language.Amount(m, w.currency)
}

// figure writes an amount where the currency is told elsewhere.
func (w orderWords) figure(m money.Minor) string {
	if !w.currency.Known() {
		return strconv.FormatInt(int64(m), 10)
	}
	return w.language.Figure(m, w.currency)
}

// text writes an amount that comes as a decimal.
func (w orderWords) text(decimal string) string {
	digits, negative := strings.CutPrefix(decimal, "-")
	m, err := money.ParseAmount(digits, w.currency)
	if err != nil {
		return w.number(decimal)
	}
	if negative {
		m = -m
	}
	return w.figure(m)
}

// number writes a decimal with all its digits.
func (w orderWords) number(decimal string) string {
	return strings.Trim(w.language.Percent(decimal), "%\u066a\u200e\u200f\u00a0 ")
}

func (w orderWords) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return w.language.Day(t.In(w.zone))
}

// percent writes a rate as a percentage.
func (w orderWords) percent(rate string) string {
	r, err := money.ParseRate(rate)
	if err != nil {
		return rate
	}
	return w.language.Percent(r.Percentage())
}

// stands says where a share stands.
func (w orderWords) stands(stands string) ownStands {
	look := map[string]string{payouts.StandsPaid: "done", commerce.StandsSettled: "done", commerce.StandsHeld: "open", commerce.StandsUnearned: "failed"}
	return ownStands{w.say("order.stands." + stands), look[stands]}
}

// lines put lines into words.
func (w orderWords) lines(lines []commerce.OwnLine) (list []ownLine) {
	for i := range lines {
		x := &lines[i]
		out := ownLine{Label: w.say("order.line." + x.Key), Amount: w.figure(x.Amount), Minus: x.Amount < 0}
		if x.Title != "" {
			out.Label += ": " + locale.Isolate(x.Title)
		}
		if len(x.How) > 0 || x.Before != 0 {
			out.After, out.Before = w.figure(x.After), w.figure(x.Before)
		}
		for j := range x.How {
			out.How = append(out.How, w.how(&x.How[j]))
		}
		list = append(list, out)
	}
	return list
}

// how puts one step of a computation into words.
func (w orderWords) how(s *commerce.OwnStep) ownHow {
	out := ownHow{Label: w.say("order.line." + s.What), Result: w.text(s.Amount)}
	add := func(key, value string) { out.Inputs = append(out.Inputs, ownAmount{w.say(key), value}) }
	for _, b := range s.Base {
		add("order.part."+b.Component, w.text(b.Amount))
	}
	if s.Total != "" {
		add("order.how.base", w.text(s.Total))
	}
	switch {
	case len(s.Parts) > 0:
		w.parts(&out, s)
	case s.Rate != "":
		add("order.how.rate", w.percent(s.Rate))
		add("order.how.exact", w.number(s.Exact))
	}
	if s.Flat != "" {
		add("order.how.flat", w.text(s.Flat))
	}
	if s.Tax != "" {
		key := "order.how.tax_on_top"
		if s.TaxMode == "inclusive" {
			key = "order.how.tax_inside"
		}
		out.Notes = append(out.Notes, w.say(key, "amount", w.text(s.Tax)))
	}
	if s.Bound != "" {
		out.Notes = append(out.Notes, w.say("order.bound."+s.Bound))
	}
	if s.Rounding != "" && (s.Rate != "" || len(s.Parts) > 0) {
		out.Notes = append(out.Notes, w.say("order.rounding."+s.Rounding))
	}
	switch s.Remainder {
	case "seller", "creator", "platform", "buyer":
		out.Notes = append(out.Notes, w.say("order.remainder."+s.Remainder))
	case "largest remainder":
		out.Notes = append(out.Notes, w.say("order.remainder.largest"))
	}
	return out
}

// partsShown bounds the parts of a step that are listed; the sum of all is told in any case.
const partsShown = 50

// parts list what a step was rounded in.
func (w orderWords) parts(out *ownHow, s *commerce.OwnStep) {
	for _, x := range s.Parts[:min(len(s.Parts), partsShown)] {
		name := w.say("order.how.part")
		switch {
		case x.Line > 0:
			name = w.say("order.how.line", "line", strconv.Itoa(x.Line))
		case x.Line == -1:
			name = w.say("order.part.shipping")
		case x.Line == -2:
			name = w.say("order.part.gift_wrap")
		}
		out.Inputs = append(out.Inputs, ownAmount{name, w.say("order.how.of", "rate", w.percent(x.Rate), "base", w.text(x.Total), "exact", w.number(x.Exact), "amount", w.text(x.Amount))})
	}
}

// ownSubjectHTML writes what a line is about: an order leads to its page, as the payee sees it.
func ownSubjectHTML(subject, payee string) template.HTML {
	id, isOrder := strings.CutPrefix(subject, "order:")
	if !isOrder {
		return ltrHTML(subject)
	}
	return template.HTML(`<a href="` + template.HTMLEscapeString(narrowedTo("/portal/orders/"+url.PathEscape(id), "payee", payee)) + `">` + string(ltrHTML(subject)) + `</a>`) // #nosec G203 -- what was given is escaped here
}
