package ledger

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What a submission must satisfy before it may wait in a book's queue: everything that can be judged without history.

// Bounds on descriptive fields.
const (
	maxMemoChars         = 500
	maxMetadataKeys      = 50
	maxMetadataKeyBytes  = 64
	maxMetadataChars     = 500
	maxExternalRefBytes  = 255
	maxExplanationBytes  = 64 << 10
	maxQualifiedRefBytes = 129 // kind:id, both segments
)

// earliestOccurrence is the oldest business time accepted; anything older is a mistake in the caller's clock or parser.
var earliestOccurrence = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// maxAhead is how far in the future a business time may lie: clocks differ a little, facts do not happen tomorrow.
const maxAhead = 5 * time.Minute

// line is a validated line: the address resolved to its chart row.
type line struct {
	Line
	row *ChartRow
}

// checkedDraft is a draft whose lines are resolved.
type checkedDraft struct {
	Draft
	lines []line
}

// checked is a submission that passed validation for one book.
type checked struct {
	reference string
	hash      [32]byte
	drafts    []checkedDraft
	bytes     int
}

// problems collects broken rules with the JSON pointer of the field that broke them.
type problems struct {
	prefix string
	fields []fault.Field
}

func (p *problems) add(pointer, code, message string) {
	if len(p.fields) < 20 { // enough to correct a request by; a bound on what one answer says
		p.fields = append(p.fields, fault.Field{Pointer: p.prefix + pointer, Code: code, Message: message})
	}
}

// check validates a submission for a book. It returns ErrInvalid with every field found wrong, or ErrUnbalanced.
func (l *Ledger) check(book Book, s Submission) (*checked, error) {
	p := &problems{}
	if !validReference(s.Reference) {
		p.add("/reference", "reference", "A reference is 1 to 255 printable ASCII characters, without a space at either end.")
	}
	if len(s.Drafts) == 0 || len(s.Drafts) > MaxDrafts {
		return nil, ErrInvalid.Withf("A reference records 1 to %d transactions.", MaxDrafts)
	}
	c := &checked{reference: s.Reference, hash: s.Hash, drafts: make([]checkedDraft, len(s.Drafts)), bytes: len(s.Reference) + 64}
	var unbalanced error
	for i := range s.Drafts {
		if len(s.Drafts) > 1 {
			p.prefix = "/drafts/" + strconv.Itoa(i)
		}
		d := &c.drafts[i]
		d.Draft = s.Drafts[i]
		checkHeader(&d.Draft, p)
		if err := l.checkLines(book, d, p); err != nil && unbalanced == nil {
			unbalanced = err
		}
		c.bytes += d.size()
	}
	if len(p.fields) > 0 {
		return nil, ErrInvalid.WithFields(p.fields...)
	}
	if unbalanced != nil {
		return nil, unbalanced
	}
	if c.hash == [32]byte{} {
		c.hash = submissionHash(s)
	}
	return c, nil
}

func checkHeader(d *Draft, p *problems) {
	if !validEvent(d.Event) {
		p.add("/event", "event", "An event is lower-case words joined by dots, such as order.captured, up to 64 characters.")
	}
	if !d.OccurredAt.IsZero() {
		d.OccurredAt = d.OccurredAt.UTC().Truncate(time.Microsecond)
		if d.OccurredAt.Before(earliestOccurrence) {
			p.add("/occurred_at", "date-range", "A business time lies after 2000-01-01.")
		}
	}
	if d.Subject != "" && !validQualified(d.Subject, true) {
		p.add("/subject", "subject", "A subject is kind:id, such as order:UK-1; both parts use A-Z a-z 0-9 _ . - and have at most 64 characters.")
	}
	if d.Channel != "" && !validQualified(d.Channel, false) {
		p.add("/channel", "channel", "A channel is a word or word:id, such as app or embed:partner-1.")
	}
	if d.LiveSession != "" && !IsSegment(d.LiveSession) {
		p.add("/live_session", "id", "A live session is 1 to 64 of A-Z a-z 0-9 _ . -")
	}
	if d.Campaign != "" && !IsSegment(d.Campaign) {
		p.add("/campaign", "id", "A campaign is 1 to 64 of A-Z a-z 0-9 _ . -")
	}
	if d.Memo != "" && !cleanText(d.Memo, maxMemoChars) {
		p.add("/memo", "text", "A memo has up to 500 characters, without control or invisible formatting characters.")
	}
	if len(d.Explanation) > maxExplanationBytes || !utf8.Valid(d.Explanation) || bytes.IndexByte(d.Explanation, 0) >= 0 {
		p.add("/explanation", "text", "An explanation is UTF-8 text of at most 64 KiB.")
	}
	if d.Reverses < 0 || d.Reposts < 0 {
		p.add("/reverses", "sequence", "A transaction is named by its sequence, 1 or more.")
	}
	if d.OriginalPeriod != 0 && !d.OriginalPeriod.valid() {
		p.add("/original_period", "period-format", "A period is a month such as 2026-11.")
	}
	checkMetadata(d.Metadata, p)
}

func checkMetadata(m map[string]string, p *problems) {
	if len(m) > maxMetadataKeys {
		p.add("/metadata", "too-many", "Metadata has at most 50 keys.")
		return
	}
	for k, v := range m {
		if !IsSegment(k) || len(k) > maxMetadataKeyBytes {
			p.add("/metadata", "metadata-key", "A metadata key is 1 to 64 of A-Z a-z 0-9 _ . -")
			return
		}
		if v != "" && !cleanText(v, maxMetadataChars) {
			p.add("/metadata/"+k, "text", "A metadata value has up to 500 characters, without control or invisible formatting characters.")
			return
		}
	}
}

// checkLines resolves the lines and proves that each currency sums to zero.
func (l *Ledger) checkLines(book Book, d *checkedDraft, p *problems) error {
	switch n := len(d.Lines); {
	case n > MaxLines:
		p.add("/entries", "too-many", "A transaction has at most 500 lines.")
		return nil
	case n == 0 && factEvents[d.Event]:
		return nil
	case n < 2:
		p.add("/entries", "too-few", "A transaction has at least two lines, one debit and one credit.")
		return nil
	}
	d.lines = make([]line, len(d.Lines))
	for i, ln := range d.Lines {
		at := "/entries/" + strconv.Itoa(i)
		row, err := l.chart.Resolve(ln.Account)
		if err != nil {
			p.add(at+"/account", fault.CodeOf(err), err.(*fault.Error).Message)
		}
		if !book.Uses(ln.Currency) {
			p.add(at+"/currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
		}
		if ln.Amount == 0 || ln.Amount > money.Max || ln.Amount < -money.Max {
			p.add(at+"/amount", "amount-range", "An amount is greater than zero and has at most 15 digits before the point.")
		}
		if ln.ExternalRef != "" && !validReference(ln.ExternalRef) {
			p.add(at+"/external_ref", "reference", "An external reference is 1 to 255 printable ASCII characters, without a space at either end.")
		}
		d.lines[i] = line{Line: ln, row: row}
	}
	if len(p.fields) > 0 {
		return nil
	}
	return balanced(d.lines)
}

// balanced proves I1 for a draft. A transaction has few currencies, so a short list beats a map.
func balanced(lines []line) error {
	type total struct {
		currency money.Currency
		sum      money.Minor
	}
	var totals [8]total
	sums := totals[:0]
next:
	for _, ln := range lines {
		for i := range sums {
			if sums[i].currency == ln.Currency {
				sum, err := money.Add(sums[i].sum, ln.Amount)
				if err != nil {
					return ErrBalanceOverflow.Because(err)
				}
				sums[i].sum = sum
				continue next
			}
		}
		sums = append(sums, total{ln.Currency, ln.Amount})
	}
	for _, t := range sums {
		if t.sum > 0 {
			return ErrUnbalanced.Withf("Debits exceed credits by %s %s. Correct the lines so that each currency sums to zero; nothing was posted.", t.sum.Format(t.currency), t.currency)
		}
		if t.sum < 0 {
			return ErrUnbalanced.Withf("Credits exceed debits by %s %s. Correct the lines so that each currency sums to zero; nothing was posted.", (-t.sum).Format(t.currency), t.currency)
		}
	}
	return nil
}

// size estimates what the draft takes in the queue and on the wire.
func (d *checkedDraft) size() int {
	n := 256 + len(d.Memo) + len(d.Explanation) + len(d.Subject)
	for k, v := range d.Metadata {
		n += len(k) + len(v) + 32
	}
	for i := range d.lines {
		n += 96 + len(d.lines[i].Account) + len(d.lines[i].ExternalRef)
	}
	return n
}

// validReference accepts 1 to 255 printable ASCII characters without a space at either end.
func validReference(s string) bool {
	return len(s) > 0 && len(s) <= MaxReferenceBytes && s[0] != ' ' && s[len(s)-1] != ' ' && printable(s)
}

// printable reports whether s is printable ASCII only.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// validEvent accepts lower-case words joined by dots, at least two of them: order.captured.
func validEvent(s string) bool {
	if len(s) < 3 || len(s) > 64 {
		return false
	}
	words := 0
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || word[0] < 'a' || word[0] > 'z' || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
		words++
	}
	return words >= 2
}

// validQualified accepts kind:id, and a bare word where the id is optional.
func validQualified(s string, needID bool) bool {
	if len(s) > maxQualifiedRefBytes {
		return false
	}
	kind, id, ok := strings.Cut(s, ":")
	if !ok {
		return !needID && IsSegment(kind)
	}
	return IsSegment(kind) && IsSegment(id)
}

// factEvents are the events that record a fact and post no lines. The schema's fact_events table repeats them for the
// seal; a test holds the two equal.
var factEvents = map[string]bool{
	"order.delivered": true, "order.cancelled": true, "after_sales.opened": true, "after_sales.closed": true,
	"order.fact_recorded": true, "campaign.published": true, "donation.counted": true, "donation.donor_counted": true, "donation.fee_funded": true,
	"donation.fee_surplus_noted": true, "donation.held": true, "donation.hold_released": true, "donation.payment_noted": true,
	"hold.filled": true, "match.pledged": true, "minor_trust.reduced": true, "order.shipped": true,
}
