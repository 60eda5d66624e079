package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"mizan/ledger/commerce/receipts"
	"mizan/ledger/money"
)

// The page of a campaign: from what was given to what the beneficiaries get, as a sum that anybody can add up, and where that
// is now. Refunds are shown, and what is promised stands with every version of the promise.

// campaignView is what the page of a campaign shows, in words.
type campaignView struct {
	Name   string
	Facts  []string
	Sum    []publicLine
	Total  publicLine
	Inline string
	Bar    []piece
	Where  []publicLine
	Apart  []publicLine
	Notes  []string
	Of     []publicBeneficiary
	// Others says that there is a column of what is neither given nor matched.
	Others bool
	// Promises are the versions, the latest first.
	Promises []publicPromise
	Data     string
}

// publicBeneficiary is a row of the table of beneficiaries.
type publicBeneficiary struct{ Name, Percent, Donated, Matched, Other, Total, Disbursed, Waiting, Note string }

// publicPromise is a version of the promise, in sentences.
type publicPromise struct {
	Heading, Transaction string
	Said                 []string
}

func (c *console) campaignPage(ctx context.Context, to reader, r *http.Request) (publicAnswer, error) {
	p, err := c.Receipts.Campaign(ctx, r.PathValue("campaign"))
	if err != nil {
		return publicAnswer{}, err
	}
	w := campaignWriter{to, p, money.Currency(p.Currency), nil}
	v := w.view()
	description := to.say("campaign.description", "given", w.amount(p.Totals.Given), "total", w.amount(p.Totals.ToBeneficiaries), "disbursed", w.amount(p.Totals.Disbursed))
	return publicAnswer{title: p.Name, description: description, sequence: p.Sequence, data: v}, w.err
}

// campaignWriter writes a campaign for the readers of a language.
type campaignWriter struct {
	reader
	of  *receipts.PublicCampaign
	c   money.Currency
	err error
}

func (w *campaignWriter) minor(text string) money.Minor {
	n, err := signedMinor(text, w.c)
	if err != nil {
		w.err = err
	}
	return n
}

// day writes the day that it was in the book's zone.
func (w *campaignWriter) day(t time.Time) string { return w.Day(t.In(w.of.Zone)) }

func (w *campaignWriter) amount(text string) string { return w.Amount(w.minor(text), w.c) }
func (w *campaignWriter) figure(text string) string { return w.Figure(w.minor(text), w.c) }

func (w *campaignWriter) view() *campaignView {
	p, t := w.of, &w.of.Totals
	v := &campaignView{Name: p.Name, Data: "/c/" + p.Campaign + "/data.json"}
	v.Facts = append(v.Facts, w.say("campaign.donations", "number", t.Donations))
	if p.LastMovement != nil {
		v.Facts = append(v.Facts, w.say("campaign.moved", "day", w.day(*p.LastMovement)))
	}
	w.sum(v)
	w.where(v)
	for _, x := range []struct{ key, amount string }{{"covered", t.Covered}, {"tips", t.Tips}, {"promised", t.Promised}} {
		if w.minor(x.amount) != 0 {
			v.Apart = append(v.Apart, publicLine{Name: w.say("apart." + x.key), Amount: w.figure(x.amount)})
		}
	}
	if t.Refunds > 0 {
		v.Apart = append(v.Apart, publicLine{Name: w.say("apart.refunds", "number", t.Refunds), Amount: w.figure(t.Refunded)})
	}
	w.match(v)
	w.beneficiaries(v)
	w.promises(v)
	return v
}

// sum is from gifts to beneficiaries. Lines of nothing are left out but for those that people look for.
func (w *campaignWriter) sum(v *campaignView) {
	t := &w.of.Totals
	total, left := w.minor(t.ToBeneficiaries), w.minor(t.ToBeneficiaries)
	var terms []string
	add := func(key string, amount money.Minor, always bool) {
		if left -= amount; amount == 0 && !always {
			return
		}
		v.Sum = append(v.Sum, publicLine{Name: w.say("sum." + key), Amount: w.Figure(amount, w.c)})
		switch {
		case amount == 0:
		case len(terms) == 0:
			terms = append(terms, w.Figure(amount, w.c))
		case amount < 0:
			terms = append(terms, "−", w.Figure(-amount, w.c))
		default:
			terms = append(terms, "+", w.Figure(amount, w.c))
		}
	}
	add("given", w.minor(t.Given), true)
	add("card_fees", -w.minor(t.CardFees), true)
	add("platform", -w.minor(t.PlatformFee), true)
	add("matched", w.minor(t.Matched), true)
	add("surplus", w.minor(t.Surplus), false)
	add("borne", w.minor(t.Borne), false)
	add("from_sales", w.minor(t.FromSales), false)
	add("other", left, false)
	v.Total = publicLine{Name: w.say("sum.total"), Amount: w.Amount(total, w.c), Strong: true}
	if len(terms) > 0 {
		v.Inline = w.Figure(total, w.c) + " = " + strings.Join(terms, " ")
	}
}

// where is how far what the beneficiaries get is.
func (w *campaignWriter) where(v *campaignView) {
	var sending, waiting money.Minor
	for _, b := range w.of.Beneficiaries {
		sending += w.minor(b.Sending)
		waiting += w.minor(b.Waiting)
	}
	held := w.minor(w.of.Totals.Held)
	var amounts []money.Minor
	for _, x := range []struct {
		key    string
		amount money.Minor
		always bool
	}{{"disbursed", w.minor(w.of.Totals.Disbursed), true}, {"sending", sending, false}, {"held", held, true}, {"waiting", waiting - held, false}} {
		if x.amount == 0 && !x.always {
			continue
		}
		line := publicLine{Name: w.say("is." + x.key), Amount: w.Figure(x.amount, w.c)}
		if x.amount > 0 {
			line.Letter, line.Look = letter(len(amounts)), len(amounts)%barPatterns
			amounts = append(amounts, x.amount)
		}
		if x.key == "held" && x.amount != 0 {
			line.Below = w.heldFor()
		}
		v.Where = append(v.Where, line)
	}
	v.Bar = barOf(w.Language, amounts)
}

// heldFor are the beneficiaries whose part is held, each with why.
func (w *campaignWriter) heldFor() (list []string) {
	for _, b := range w.of.Beneficiaries {
		if b.Held != "" {
			list = append(list, w.say("held_for", "name", b.Name, "reason", w.reason(b.Held)))
		}
	}
	return list
}

func (w *campaignWriter) match(v *campaignView) {
	m := w.of.Match
	if m == nil {
		return
	}
	v.Notes = append(v.Notes, w.say("match.by", "funders", w.funders(m.Funders), "ratio", m.Ratio, "pledged", w.amount(m.Pledged)))
	if m.PerDonor != "" {
		v.Notes = append(v.Notes, w.say("match.per_donor", "amount", w.amount(m.PerDonor)))
	}
	if m.Closed {
		v.Notes = append(v.Notes, w.say("match.closed"))
		return
	}
	v.Notes = append(v.Notes, w.say("match.left", "left", w.amount(m.Left)))
}

func (w *campaignWriter) beneficiaries(v *campaignView) {
	for _, b := range w.of.Beneficiaries {
		x := publicBeneficiary{Name: b.Name, Donated: w.figure(b.Donated), Matched: w.figure(b.Matched), Other: w.figure(b.Other), Total: w.figure(b.Total), Disbursed: w.figure(b.Disbursed),
			Waiting: w.Figure(w.minor(b.Total)-w.minor(b.Disbursed), w.c)}
		if w.minor(b.Other) != 0 {
			v.Others = true
		}
		if b.Percentage != "" {
			x.Percent = w.Percent(shortPercent(b.Percentage))
		}
		switch {
		case b.Held != "":
			x.Note = w.say("state.held", "reason", w.reason(b.Held))
		case b.Redirected != "":
			x.Note = w.say("state.redirected", "name", b.Redirected)
		}
		v.Of = append(v.Of, x)
	}
}

func (w *campaignWriter) promises(v *campaignView) {
	for i := len(w.of.Versions) - 1; i >= 0; i-- {
		p := &w.of.Versions[i]
		x := publicPromise{Heading: w.say("promise.version", "number", p.Version, "day", w.day(p.PublishedAt)), Transaction: p.Transaction}
		for _, s := range p.Split {
			x.Said = append(x.Said, w.say("share", "name", s.Name, "percent", w.Percent(shortPercent(s.Percentage))))
		}
		fee := w.Percent(p.FeeRate)
		if w.minor(p.FeeFlat) != 0 {
			fee += " + " + w.amount(p.FeeFlat)
		}
		x.Said = append(x.Said, w.say("promise.platform", "percent", w.Percent(p.PlatformFee)), w.say("promise.fee", "fee", fee), w.say("promise.refund", "number", p.RefundDays))
		v.Promises = append(v.Promises, x)
	}
}
