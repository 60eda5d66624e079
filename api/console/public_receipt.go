package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"mizan/ledger/commerce/receipts"
	"mizan/ledger/money"
)

// The page of a receipt: what was given or bought, where every cent of it went, and how to check that.

// receiptView is what the page of a receipt shows, in words.
type receiptView struct {
	Heading  string
	Facts    []string
	Returned string
	Where    string
	Bar      []piece
	// Lead is the part of those for whom it was: of all beneficiaries, of the creator of a gift; of anything else, the largest part.
	Lead   *publicLine
	Lines  []publicLine
	Total  publicLine
	Notes  []string
	Shares []publicShare
	// Matches says that there is a column of matches.
	Matches  bool
	Proofs   []receipts.ReceiptProof
	Days     []string
	Data     string
	Campaign string
	// Receipt names the receipt.
	Receipt string
}

// publicLine is a row of a table of amounts. One with a letter is a piece of the bar.
type publicLine struct {
	Letter, Name, Amount, Percent string
	Look                          int
	Strong                        bool
	// Below are notes under the name.
	Below []string
}

// publicShare is how far a beneficiary's part is.
type publicShare struct{ Name, Amount, Matched, State, Text string }

func (c *console) receiptPage(ctx context.Context, to reader, r *http.Request) (publicAnswer, error) {
	p, err := c.Receipts.Find(ctx, r.PathValue("receipt"))
	if err != nil {
		return publicAnswer{}, err
	}
	w := receiptWriter{to, p, money.Currency(p.Currency), nil}
	v := w.view()
	return publicAnswer{title: to.say("title." + p.Kind), description: to.say("description"), sequence: p.Sequence, data: v}, w.err
}

// receiptWriter writes a receipt for the readers of a language.
type receiptWriter struct {
	reader
	of  *receipts.PublicReceipt
	c   money.Currency
	err error
}

// minor reads an amount of the receipt.
func (w *receiptWriter) minor(text string) money.Minor {
	n, err := signedMinor(text, w.c)
	if err != nil {
		w.err = err
	}
	return n
}

// day writes the day that it was in the book's zone.
func (w *receiptWriter) day(t time.Time) string { return w.Day(t.In(w.of.Zone)) }

// amount writes an amount with its currency, figure without.
func (w *receiptWriter) amount(text string) string { return w.Amount(w.minor(text), w.c) }
func (w *receiptWriter) figure(text string) string { return w.Figure(w.minor(text), w.c) }

// signedMinor reads an amount that may be below zero.
func signedMinor(text string, c money.Currency) (money.Minor, error) {
	rest, below := strings.CutPrefix(text, "-")
	n, err := money.ParseAmount(rest, c)
	if below {
		n = -n
	}
	return n, err
}

func (w *receiptWriter) view() *receiptView {
	p := w.of
	v := &receiptView{Where: w.say("where"), Proofs: p.Transactions, Data: "/r/" + p.Receipt + ".json", Receipt: w.say("receipt", "receipt", p.Receipt)}
	v.Facts = append(v.Facts, w.day(p.At))
	if p.LiveSession != "" {
		v.Facts = append(v.Facts, w.say("live", "session", p.LiveSession))
	}
	for _, t := range p.Transactions {
		v.Days = append(v.Days, w.day(t.At))
	}
	switch p.Kind {
	case receipts.Donation:
		v.Heading = w.say("gave", "amount", w.amount(p.Given), "campaign", p.Charity.CampaignName)
		v.Campaign = "/c/" + p.Charity.Campaign
		w.shares(v)
		w.notes(v)
	case receipts.Gift:
		v.Heading = w.say("sent", "amount", w.amount(p.Given))
		v.Notes = append(v.Notes, w.say("gift."+p.State))
		if !p.Traced {
			v.Notes = append(v.Notes, w.say("untraced"))
		}
	default:
		v.Heading = w.say("paid", "amount", w.amount(p.Given))
		v.Notes = append(v.Notes, w.say("order."+p.State))
	}
	if b := p.Returned; b != nil && b.At != nil {
		v.Returned = w.say("returned."+b.How, "amount", w.amount(b.Amount), "day", w.day(*b.At))
	} else if b != nil {
		key := "returned.part"
		if w.minor(b.Amount) >= w.minor(p.Given) {
			key = "returned.whole"
		}
		if b.How == "disputed" {
			key += "_disputed"
		}
		v.Returned = w.say(key, "amount", w.amount(b.Amount))
	}
	w.layers(v)
	w.lead(v)
	return v
}

// layers are the rows of the table and the bar. A donation's beneficiaries are pieces of their own, with a sum.
func (w *receiptWriter) layers(v *receiptView) {
	var amounts []money.Minor
	below := false
	piece := func(name, amount, percent string) {
		line := publicLine{Name: name, Amount: w.figure(amount)}
		if percent != "" {
			line.Percent = w.Percent(percent)
		}
		if minor := w.minor(amount); minor > 0 {
			line.Letter, line.Look = letter(len(amounts)), len(amounts)%barPatterns
			amounts = append(amounts, minor)
		} else if minor < 0 {
			below = true
		}
		v.Lines = append(v.Lines, line)
	}
	for _, l := range w.of.Layers {
		if l.Role == "beneficiaries" && w.of.Charity != nil {
			for _, s := range w.of.Charity.Shares {
				name := s.Name
				if s.Percentage != "" {
					name = w.say("share", "name", s.Name, "percent", w.Percent(shortPercent(s.Percentage)))
				}
				piece(name, s.Amount, "")
			}
			v.Lines = append(v.Lines, publicLine{Name: w.say("role.beneficiaries"), Amount: w.figure(l.Amount), Percent: w.Percent(l.Percentage), Strong: true})
			continue
		}
		piece(w.say("role."+l.Role), l.Amount, l.Percentage)
	}
	v.Total = publicLine{Name: w.say("total"), Amount: w.amount(w.of.Divided), Strong: true}
	if len(w.of.Layers) > 0 && w.of.Layers[0].Percentage != "" {
		v.Total.Percent = w.Percent("100.00")
	}
	v.Bar = barOf(w.Language, amounts)
	if below {
		v.Notes = append(v.Notes, w.say("below"))
	}
}

// lead finds the part that the page names above the picture.
func (w *receiptWriter) lead(v *receiptView) {
	most := money.Minor(0)
	for _, l := range w.of.Layers {
		meant := l.Role == "beneficiaries" && w.of.Charity != nil || l.Role == "creator" && w.of.Kind == receipts.Gift
		if amount := w.minor(l.Amount); amount > most || meant && amount > 0 {
			v.Lead = &publicLine{Name: w.say("role." + l.Role), Amount: w.amount(l.Amount)}
			if l.Percentage != "" {
				v.Lead.Percent = w.Percent(l.Percentage)
			}
			if most = amount; meant {
				return
			}
		}
	}
}

// shortPercent leaves out decimals that say nothing: "60.00" is "60".
func shortPercent(text string) string { return strings.TrimSuffix(text, ".00") }

// shares say how far each beneficiary's part is.
func (w *receiptWriter) shares(v *receiptView) {
	v.Matches = w.of.Charity.Match != nil
	for _, s := range w.of.Charity.Shares {
		x := publicShare{Name: s.Name, Amount: w.figure(s.Amount), State: s.State}
		if v.Matches {
			x.Matched = w.figure(s.Matched)
		}
		switch s.State {
		case "held":
			x.Text = w.say("state.held", "reason", w.reason(s.Reason))
		case "redirected":
			x.Text = w.say("state.redirected", "name", s.Reason)
		case "disbursed":
			x.Text = w.say("state.disbursed", "day", w.day(*s.PaidAt))
		default:
			x.Text = w.say("state." + s.State)
		}
		v.Shares = append(v.Shares, x)
	}
}

// reason says why money is held.
func (r reader) reason(code string) string { return r.say("reason." + code) }

// funders are who pays for matches.
func (r reader) funders(list []string) string {
	var names []string
	for _, f := range list {
		switch f {
		case "platform":
			f = r.say("funder")
		case "sponsor":
			f = r.say("sponsor")
		}
		names = append(names, f)
	}
	return strings.Join(names, ", ")
}

// notes are what belongs to a donation beside the gift.
func (w *receiptWriter) notes(v *receiptView) {
	d := w.of.Charity
	note := func(key string, pairs ...any) { v.Notes = append(v.Notes, w.say(key, pairs...)) }
	if w.minor(d.Tip) > 0 {
		note("note.tip", "amount", w.amount(d.Tip), "fee", w.amount(d.TipCardFee))
	}
	if w.minor(d.Covered) > 0 {
		note("note.covered", "amount", w.amount(d.Covered))
	}
	note("note.charged", "amount", w.amount(d.Charged))
	if m := d.Match; m != nil {
		note("note.matched", "matched", w.amount(m.Matched), "amount", w.amount(m.Of), "funders", w.funders(m.Funders))
		if w.minor(m.Promised) > 0 {
			note("note.promised", "amount", w.amount(m.Promised))
		}
		switch m.Bound {
		case "campaign_cap":
			note("note.campaign_cap", "cap", w.amount(m.Cap))
		case "donor_cap":
			note("note.donor_cap")
		}
	}
	if w.of.Returned == nil {
		note("note.expected", "day", w.day(d.ExpectedBy))
	}
}
