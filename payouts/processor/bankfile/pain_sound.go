// What a pain.002 must agree with in itself: the statuses of its levels with each other, and the payments it names with the
// numbers and sums it repeats.

package bankfile

import (
	"time"

	"mizan/ledger/money"
)

// painWords are the codes of ISO 20022 whose meaning for money is certain. All others are Other.
var painWords = map[string]Status{"RCVD": Accepted, "ACTC": Accepted, "ACCP": Accepted, "ACSP": Accepted, "ACWC": Accepted, "PDNG": Accepted,
	"ACSC": Settled, "ACCC": Settled, "RJCT": Rejected, "PART": Partial}

// painMeaning says what a code means; nothing for none.
func painMeaning(word string) Status {
	if status, ok := painWords[word]; ok || word == "" {
		return status
	}
	return Other
}

// contradicts reports whether the status of a file cannot be true of one of its payments. A file that was accepted may
// have payments that are refused later, so that is none.
func contradicts(whole, part Status) bool {
	return (whole == Rejected) != (part == Rejected) && (whole == Rejected || whole == Settled) && whole != "" && part != ""
}

// endItem takes a payment that was read.
func (p *painReader) endItem() error {
	item := p.item
	switch {
	case item.EndToEnd == "" && item.Trace == "":
		return p.wrong("a payment has no id.")
	case item.EndToEnd != "" && p.seen["e"+item.EndToEnd], item.Trace != "" && p.seen["t"+item.Trace]:
		return p.wrong("a payment is named twice.")
	case len(p.report.Items) == ReportItems:
		return ErrReportSize
	}
	p.seen["e"+item.EndToEnd], p.seen["t"+item.Trace] = true, true
	batch, group := painMeaning(p.batch.word), painMeaning(p.group.word)
	if item.Status = painMeaning(item.word); item.Status == Partial {
		item.Status = Other
	}
	if contradicts(batch, item.Status) || contradicts(group, item.Status) {
		return p.wrong("a payment's status contradicts that of its file.")
	}
	for _, level := range []*painStatus{&p.batch, &p.group} {
		if item.word == "" && level.word != "" {
			item.word = level.word
			if item.Status = painMeaning(level.word); item.Code == "" {
				item.Code, item.OfFile = level.code, level.code != ""
			}
		}
	}
	if item.Status == "" || item.Status == Partial {
		return p.wrong("a payment has no status.")
	}
	switch day, err := time.Parse("2006-01-02", item.day); {
	case item.day != "" && (err != nil || day.Year() < 2000 || day.Year() > 2099):
		return p.wrong("a day is not a day.")
	case !item.On.IsZero():
	case item.day != "":
		item.On = day
	default:
		item.On = p.report.CreatedAt
	}
	if len(p.report.Items) > 0 && item.Currency != "" && p.currency != "" && item.Currency != p.currency {
		return p.wrong("a payment is in another currency than the others.")
	}
	if item.Currency != "" {
		p.currency = item.Currency
	}
	for _, level := range []*painStatus{&p.batch, &p.group} {
		level.add(item.word, item.Item)
	}
	p.report.Items = append(p.report.Items, item.Item)
	return nil
}

// add counts a payment at a level.
func (s *painStatus) add(word string, item Item) {
	s.items[word]++
	s.number++
	if item.Currency == "" {
		s.unpriced = true
	}
	if sum, err := money.Add(s.total, item.Amount); err == nil {
		s.total = sum
	} else {
		s.unpriced = true
	}
}

// sound checks the numbers of a level against the payments that were read below it.
func (s *painStatus) sound(currency money.Currency) bool {
	counted := 0
	for word, n := range s.counts {
		if s.items[word] > n {
			return false
		}
		counted += n // at most ten statuses of at most 15 digits
	}
	if len(s.counts) > 0 && s.counted && counted != s.count || s.counted && s.number > s.count {
		return false
	}
	if s.sum == "" || currency == "" {
		return true
	}
	sum, err := decimal(s.sum, currency)
	complete := s.counted && s.number == s.count && !s.unpriced
	return err == nil && s.total <= sum && (!complete || s.total == sum)
}

// endBatch checks a payment information.
func (p *painReader) endBatch() error {
	p.batches++
	group, batch := painMeaning(p.group.word), painMeaning(p.batch.word)
	switch {
	case !p.names["OrgnlPmtInfId"]:
		return p.wrong("the report does not say which payments it is about.")
	case contradicts(group, batch):
		return p.wrong("the status of the payments contradicts that of their file.")
	case !p.batch.sound(p.currency):
		return p.wrong("the payments do not come to the totals.")
	}
	return nil
}

// finish checks the whole message.
func (p *painReader) finish() (Report, error) {
	r := &p.report
	if r.MessageID == "" || r.Original == "" {
		return Report{}, p.wrong("it lacks its header.")
	}
	whole := &p.group
	if !whole.sound(p.currency) {
		return Report{}, p.wrong("the payments do not come to the totals.")
	}
	// A file of ours has one payment information, so what is said of that is said of the file.
	if p.batches == 1 {
		if whole.word == "" {
			whole.word, whole.code = p.batch.word, p.batch.code
		}
		if !whole.counted {
			whole.counted, whole.count = p.batch.counted, p.batch.count
		}
		if whole.sum == "" {
			whole.sum = p.batch.sum
		}
	}
	r.Group, r.GroupCode = painMeaning(whole.word), whole.code
	if r.Group == "" && len(r.Items) == 0 {
		return Report{}, p.wrong("it says nothing of any payment.")
	}
	r.Counted, r.Count, r.ControlSum = whole.counted, whole.count, whole.sum
	if whole.sum != "" && p.currency != "" {
		sum, err := decimal(whole.sum, p.currency)
		if err != nil {
			return Report{}, p.wrong("a sum is not an amount of its currency.")
		}
		r.Sum = sum
	}
	return *r, nil
}

// isoTime reads a date and time of XML Schema; without a zone it is UTC.
func isoTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() >= 2000 && at.Year() < 2100 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
