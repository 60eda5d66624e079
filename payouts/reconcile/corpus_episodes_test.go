package reconcile

import (
	"slices"
	"time"

	"mizan/ledger/money"
)

// What happens in a world: episodes that agree on both sides, and faults.

type episode struct {
	name string
	play func(w *world)
}

// sale is a charge that both sides have, before anything is done to it.
type sale struct {
	line         External
	capture, fee Entry
}

func (w *world) sale() sale {
	c, at, gross := w.currency(), w.noon(), w.amount()
	fee := gross/40 + 30
	key := w.id("ch")
	return sale{
		line:    External{Key: key, SourceRef: key, Currency: c, Gross: gross, Fee: fee, Category: "charge", Type: "charge", MovedAt: at},
		capture: Entry{Currency: c, Amount: gross, ExternalRef: key, Event: "order.captured", Subject: "order:" + key, OccurredAt: at.Add(time.Minute)},
		fee:     Entry{Currency: c, Amount: -fee, ExternalRef: key, Event: "processor.fee_recorded", Subject: "order:" + key, OccurredAt: at.Add(time.Minute)},
	}
}

func (w *world) postSale(s sale) (External, EntryID, EntryID) {
	l := w.line(s.line)
	capture := w.post(s.capture)
	if w.rng.IntN(4) == 0 {
		// The fee may be named by the balance transaction's own id.
		s.fee.ExternalRef = l.ID
	}
	fee := w.post(s.fee)
	return l, capture[0], fee[0]
}

// move is a movement without a fee that both sides have.
func (w *world) move(key, category, event string, c money.Currency, amount money.Minor, at time.Time) (External, EntryID) {
	l := w.line(External{Key: key, SourceRef: key, Currency: c, Gross: amount, Category: category, Type: category, MovedAt: at})
	return l, w.post(Entry{Currency: c, Amount: amount, ExternalRef: key, Event: event, Subject: "of:" + key, OccurredAt: at})[0]
}

var cleanSales = []episode{
	{"charge", func(w *world) { w.postSale(w.sale()) }},
	{"payment for two orders", func(w *world) {
		s := w.sale()
		other := s.capture
		other.Subject += "b"
		other.Amount = s.capture.Amount / 3
		s.capture.Amount -= other.Amount
		w.postSale(s)
		w.post(other)
	}},
	{"refund", func(w *world) { w.move(w.id("re"), "refund", "refund.made", w.currency(), -w.amount(), w.noon()) }},
	{"refund that failed", func(w *world) {
		key, c, m, at := w.id("re"), w.currency(), w.amount(), w.noon()
		w.move(key, "refund", "refund.made", c, -m, at)
		w.move(key, "refund_failure", "refund.failed", c, m, at.Add(time.Hour))
	}},
	{"dispute", func(w *world) {
		key, c, m, at := w.id("dp"), w.currency(), w.amount(), w.noon()
		w.line(External{Key: key, SourceRef: key, Currency: c, Gross: -m, Fee: 1500, Category: "dispute", Type: "adjustment", MovedAt: at})
		w.post(Entry{Currency: c, Amount: -m, ExternalRef: key, Event: "dispute.opened", OccurredAt: at},
			Entry{Currency: c, Amount: -1500, ExternalRef: key, Event: "dispute.opened", OccurredAt: at})
		if w.rng.IntN(2) == 0 {
			w.move(key, "dispute_reversal", "dispute.closed", c, m, at.Add(time.Hour))
		}
	}},
	{"payout", func(w *world) { w.move(w.id("po"), "payout", "payout.submitted", w.currency(), -w.amount(), w.noon()) }},
	{"payout that failed", func(w *world) {
		key, c, m, at := w.id("po"), w.currency(), w.amount(), w.noon()
		w.move(key, "payout", "payout.submitted", c, -m, at)
		w.move(key, "payout_reversal", "payout.failed", c, m, at.Add(time.Hour))
	}},
	{"converted charge", func(w *world) {
		s := w.sale()
		s.line.Rate = "1.08713"
		w.postSale(s)
	}},
	{"bill", func(w *world) {
		c, m, at := w.currency(), w.amount(), w.noon()
		l := w.line(External{Currency: c, Gross: -m, Category: "fee", Type: "stripe_fee", MovedAt: at})
		w.post(Entry{Currency: c, Amount: -m, ExternalRef: l.ID, Event: "processor.fee_recorded", OccurredAt: at})
	}},
	{"funds available", func(w *world) {
		c, m, at := w.currency(), w.amount(), w.noon()
		w.post(Entry{Currency: c, Amount: m, Account: "assets:processor:available:main", Event: "processor.funds_available", OccurredAt: at},
			Entry{Currency: c, Amount: -m, Event: "processor.funds_available", OccurredAt: at})
	}},
	{"reversed and booked again", func(w *world) {
		s := w.sale()
		_, wrong, _ := w.postSale(s)
		back := s.capture
		back.Amount, back.Reverses, back.Event = -back.Amount, wrong.Sequence, "entry.reversed"
		w.post(back)
		w.post(s.capture)
	}},
	{"after the cut-off", func(w *world) {
		s := w.sale()
		s.line.MovedAt, s.capture.OccurredAt, s.fee.OccurredAt = w.x.CutOff.Add(time.Hour), w.x.CutOff.Add(time.Hour), w.x.CutOff.Add(time.Hour)
		if w.rng.IntN(2) == 0 {
			w.line(s.line)
		} else {
			w.post(s.capture)
			w.post(s.fee)
		}
	}},
	{"found by amount", func(w *world) {
		c, m, at := w.currency(), w.amount(), w.noon()
		l := w.line(External{SourceRef: "x", Key: w.id("ch"), Currency: c, Gross: m, Category: "other_adjustment", MovedAt: at})
		entries := w.post(Entry{Currency: c, Amount: m, Event: "adjustment.posted", OccurredAt: at.AddDate(0, 0, w.rng.IntN(4))})
		// At a processor an equal amount is no proof.
		w.want("equal by amount", MissingInLedger, c, m, []int64{l.Number}, nil, false)
		w.want("equal by amount", MissingAtProcessor, c, -m, nil, entries, false)
	}},
}

var saleFaults = []episode{
	{"missing", func(w *world) {
		l := w.line(w.sale().line)
		w.want("missing", MissingInLedger, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"extra", func(w *world) {
		s := w.sale()
		capture, fee := w.post(s.capture), w.post(s.fee)
		w.want("extra", MissingAtProcessor, s.line.Currency, -(s.capture.Amount + s.fee.Amount), nil, []EntryID{capture[0], fee[0]}, false)
	}},
	{"one unit off", func(w *world) {
		s := w.sale()
		off := money.Minor(1 - 2*w.rng.IntN(2))
		s.line.Gross += off
		l, capture, _ := w.postSale(s)
		w.want("one unit off", AmountDiffers, l.Currency, off, []int64{l.Number}, []EntryID{capture}, false)
	}},
	{"duplicate at the processor", func(w *world) {
		s := w.sale()
		w.postSale(s)
		l := w.line(s.line)
		w.want("duplicate at the processor", Duplicate, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"duplicate in the books", func(w *world) {
		s := w.sale()
		w.postSale(s)
		again := w.post(s.capture)
		w.want("duplicate in the books", Duplicate, s.line.Currency, -s.capture.Amount, nil, again, false)
	}},
	{"fee change", func(w *world) {
		s := w.sale()
		more := money.Minor(w.rng.IntN(20) - 10)
		if more >= 0 {
			more++
		}
		s.line.Fee += more
		l, _, fee := w.postSale(s)
		w.want("fee change", FeeDiffers, l.Currency, -more, []int64{l.Number}, []EntryID{fee}, false)
	}},
	{"fee never booked", func(w *world) {
		s := w.sale()
		l := w.line(s.line)
		w.post(s.capture)
		w.want("fee never booked", FeeDiffers, l.Currency, -l.Fee, []int64{l.Number}, nil, false)
	}},
	{"FX rounding", func(w *world) {
		s := w.sale()
		off := money.Minor(1 - 2*w.rng.IntN(2))
		s.line.Rate = "0.91235"
		s.line.Gross += off
		l, capture, _ := w.postSale(s)
		w.want("FX rounding", FxDiffers, l.Currency, off, []int64{l.Number}, []EntryID{capture}, false)
	}},
	{"late", func(w *world) {
		s := w.sale()
		s.capture.OccurredAt = w.x.CutOff.Add(-3 * time.Hour)
		s.fee.OccurredAt = s.capture.OccurredAt
		capture, fee := w.post(s.capture), w.post(s.fee)
		w.want("late", Timing, s.line.Currency, -(s.capture.Amount + s.fee.Amount), nil, []EntryID{capture[0], fee[0]}, false)
	}},
	{"wrong currency", func(w *world) {
		s := w.sale()
		other := corpusCurrencies[(slices.Index(corpusCurrencies, s.line.Currency)+1)%len(corpusCurrencies)]
		s.capture.Currency, s.fee.Currency = other, other
		l, capture, fee := w.postSale(s)
		w.want("wrong currency", CurrencyDiffers, l.Currency, l.Net, []int64{l.Number}, []EntryID{capture, fee}, false)
	}},
	{"wrong sign", func(w *world) {
		s := w.sale()
		s.capture.Amount = -s.capture.Amount
		l, capture, _ := w.postSale(s)
		w.want("wrong sign", SignDiffers, l.Currency, 2*l.Gross, []int64{l.Number}, []EntryID{capture}, false)
	}},
	{"period cut", func(w *world) {
		s := w.sale()
		end := time.Date(2026, 10, 31, 23, 0, 0, 0, w.x.Zone).UTC()
		s.line.MovedAt, s.capture.OccurredAt, s.fee.OccurredAt = end, end.Add(2*time.Hour), end.Add(2*time.Hour)
		l, capture, _ := w.postSale(s)
		w.want("period cut", PeriodCut, l.Currency, 0, []int64{l.Number}, []EntryID{capture}, false)
	}},
	{"refund in the dashboard", func(w *world) {
		s := w.sale()
		w.postSale(s)
		key := w.id("re")
		l := w.line(External{Key: key, SourceRef: key, Currency: s.line.Currency, Gross: -w.amount(), Category: "refund", Type: "refund", MovedAt: w.noon()})
		w.want("refund in the dashboard", MissingInLedger, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"payout returned", func(w *world) {
		key, c, m, at := w.id("po"), w.currency(), w.amount(), w.noon()
		w.move(key, "payout", "payout.submitted", c, -m, at)
		l := w.line(External{Key: key, SourceRef: key, Currency: c, Gross: m, Category: "payout_reversal", Type: "payout_failure", MovedAt: at.Add(time.Hour)})
		w.want("payout returned", PayoutReturned, c, m, []int64{l.Number}, nil, false)
	}},
	{"unknown category", func(w *world) {
		s := w.sale()
		s.line.Category, s.line.Type = "moon_levy", "moon"
		l := w.line(s.line)
		w.want("unknown category", Unclassified, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"ambiguous", ambiguous},
	{"split", func(w *world) { split(w, "order:"+w.id("o")) }},
	{"merged", func(w *world) {
		key := w.id("rs")
		merged(w, func(l *External) { l.Key, l.SourceRef, l.Category = key, key, "other_adjustment" })
	}},
}

// ambiguous are equal amounts without a key in common: two or three on each side.
func ambiguous(w *world) {
	c, m, at := w.currency(), w.amount(), w.noon()
	var external []int64
	var entries []EntryID
	for range 2 + w.rng.IntN(2) {
		external = append(external, w.line(External{Currency: c, Gross: m, Category: "other_adjustment", MovedAt: at.AddDate(0, 0, w.rng.IntN(2))}).Number)
	}
	for range 2 + w.rng.IntN(2) {
		entries = append(entries, w.post(Entry{Currency: c, Amount: m, Event: "adjustment.posted", OccurredAt: at.AddDate(0, 0, w.rng.IntN(2))})...)
	}
	w.want("ambiguous", Ambiguous, c, m*money.Minor(len(external)-len(entries)), external, entries, true)
}

// split is one line that the books have in parts of one subject.
func split(w *world, subject string) {
	c, at := w.currency(), w.noon()
	var entries []EntryID
	var whole money.Minor
	for range 2 + w.rng.IntN(5) {
		m := w.amount()
		whole += m
		entries = append(entries, w.post(Entry{Currency: c, Amount: m, Event: "adjustment.posted", Subject: subject, OccurredAt: at})...)
	}
	l := w.line(External{Currency: c, Gross: whole, Category: "other_adjustment", MovedAt: at.AddDate(0, 0, w.rng.IntN(4))})
	w.want("split", Split, c, 0, []int64{l.Number}, entries, true)
}

// merged is one entry that the source has in parts.
func merged(w *world, cloth func(*External)) {
	c, at := w.currency(), w.noon()
	var external []int64
	var whole money.Minor
	for range 2 + w.rng.IntN(5) {
		l := External{Currency: c, Gross: w.amount(), MovedAt: at}
		cloth(&l)
		whole += l.Gross
		external = append(external, w.line(l).Number)
	}
	entries := w.post(Entry{Currency: c, Amount: whole, Event: "adjustment.posted", OccurredAt: at.AddDate(0, 0, w.rng.IntN(4))})
	w.want("merged", Merged, c, 0, external, entries, true)
}

// transfer is a bank's line and the entry for it.
func (w *world) transfer(sign money.Minor) (External, Entry) {
	c, m, at, key := w.currency(), w.amount(), w.noon(), w.id("PAY")
	return External{Key: key, SourceRef: key, Currency: c, Gross: sign * m, Category: "transfer", MovedAt: at},
		Entry{Currency: c, Amount: sign * m, ExternalRef: key, Event: "payout.submitted", Subject: "of:" + key, OccurredAt: at.Add(time.Minute)}
}

var cleanBank = []episode{
	{"paid", func(w *world) {
		l, e := w.transfer(-1)
		w.line(l)
		w.post(e)
	}},
	{"received", func(w *world) {
		l, e := w.transfer(1)
		e.Event = "treasury.landed"
		w.line(l)
		w.post(e)
	}},
	{"received without a reference", func(w *world) {
		l, e := w.transfer(1)
		l.Key, l.SourceRef, e.ExternalRef, e.Event = "", "", "INV-"+e.ExternalRef, "brand.invoice_paid"
		l.MovedAt = e.OccurredAt.AddDate(0, 0, w.rng.IntN(4))
		w.line(l)
		w.post(e)
		w.made++
	}},
	{"named in the trace", func(w *world) {
		l, e := w.transfer(1)
		l.Key, l.SourceRef, l.Trace, e.Event = "", "", e.ExternalRef, "treasury.landed"
		l.MovedAt = e.OccurredAt.AddDate(0, 0, 9)
		w.line(l)
		w.post(e)
		w.made++
	}},
	{"file of payments", func(w *world) {
		c, at, batch := w.currency(), w.noon(), w.id("FILE")
		var whole money.Minor
		for range 2 + w.rng.IntN(5) {
			m := w.amount()
			whole += m
			w.post(Entry{Currency: c, Amount: -m, ExternalRef: w.id("PAY"), Event: "payout.submitted", Subject: "file:" + batch, OccurredAt: at})
		}
		w.line(External{Key: batch, Batch: batch, Currency: c, Gross: -whole, Category: "transfer", MovedAt: at.AddDate(0, 0, 1)})
		w.made++
	}},
}

var bankFaults = []episode{
	{"unknown receipt", func(w *world) {
		l, _ := w.transfer(1)
		l = w.line(l)
		w.want("unknown receipt", UnknownReceipt, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"missing", func(w *world) {
		l, _ := w.transfer(-1)
		l = w.line(l)
		w.want("missing", MissingInLedger, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"extra", func(w *world) {
		_, e := w.transfer(-1)
		w.want("extra", MissingAtBank, e.Currency, -e.Amount, nil, w.post(e), false)
	}},
	{"late", func(w *world) {
		_, e := w.transfer(-1)
		e.OccurredAt = w.x.CutOff.Add(-30 * time.Hour)
		w.want("late", Timing, e.Currency, -e.Amount, nil, w.post(e), false)
	}},
	{"one unit off", func(w *world) {
		l, e := w.transfer(1)
		l.Gross--
		l = w.line(l)
		w.want("one unit off", AmountDiffers, l.Currency, -1, []int64{l.Number}, w.post(e), false)
	}},
	{"duplicate at the bank", func(w *world) {
		l, e := w.transfer(-1)
		w.line(l)
		w.post(e)
		l = w.line(l)
		w.want("duplicate at the bank", Duplicate, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"duplicate in the books", func(w *world) {
		l, e := w.transfer(-1)
		w.line(l)
		w.post(e)
		w.want("duplicate in the books", Duplicate, l.Currency, -e.Amount, nil, w.post(e), false)
	}},
	{"wrong sign", func(w *world) {
		l, e := w.transfer(1)
		e.Amount, e.Event = -e.Amount, "adjustment.posted"
		l = w.line(l)
		w.want("wrong sign", SignDiffers, l.Currency, 2*l.Gross, []int64{l.Number}, w.post(e), false)
	}},
	{"payout returned", func(w *world) {
		l, e := w.transfer(-1)
		w.line(l)
		w.post(e)
		l.Gross = -l.Gross
		l = w.line(l)
		w.want("payout returned", PayoutReturned, l.Currency, l.Net, []int64{l.Number}, nil, false)
	}},
	{"contradicting ids", func(w *world) {
		// The same amount on the same day, but each side names another payment: two breaks, and a hint.
		l, e := w.transfer(-1)
		e.ExternalRef = w.id("PAY")
		e.Subject = "of:" + e.ExternalRef
		l = w.line(l)
		w.want("contradicting ids", MissingInLedger, l.Currency, l.Net, []int64{l.Number}, nil, false)
		w.want("contradicting ids", MissingAtBank, l.Currency, -e.Amount, nil, w.post(e), false)
	}},
	{"ambiguous", ambiguous},
	{"split", func(w *world) { split(w, "order:"+w.id("o")) }},
	{"split of a day", func(w *world) {
		// Nothing but the day holds the parts together: a currency of its own, so that they are the whole of it.
		at, whole := w.noon(), money.Minor(0)
		c := money.Currency([]string{"CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON"}[w.planted["split of a day"]%8])
		if w.planted["split of a day"] >= 8 {
			return
		}
		var entries []EntryID
		for range 2 + w.rng.IntN(20) {
			m := w.amount()
			whole += m
			entries = append(entries, w.post(Entry{Currency: c, Amount: -m, ExternalRef: w.id("PAY"), Event: "payout.submitted", OccurredAt: at})...)
		}
		l := w.line(External{Currency: c, Gross: -whole, Category: "transfer", MovedAt: at.AddDate(0, 0, 1)})
		w.want("split of a day", Split, c, 0, []int64{l.Number}, entries, true)
	}},
	{"merged", func(w *world) {
		batch := w.id("B")
		merged(w, func(l *External) { l.Batch, l.Category = batch, "transfer" })
	}},
}
