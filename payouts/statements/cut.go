package statements

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Cutting a transaction into lines. What a payee's entries of it come to together is known by its parts: the shares of a sale, or
// the one thing that happened. The parts stand on the entry that moved most; where other entries of the payee moved the other way,
// a pair of lines says how much went from one to the other, so that the lines of each entry sum to it.

// part is what a payee got or gave, and why.
type part struct {
	code, sku, basis, rate, rule, note string
	amount                             money.Minor
}

// cutting is one transaction while it is cut for one payee.
type cutting struct {
	t     *ledger.Transaction
	why   *commerce.Explanation
	of    []commerce.Share
	payee string
	head  Line
	lines []Line
	// waiting are, of a settlement in the statement of a payout, the lines that came to wait for it.
	waiting []Line
	// sold says that the payee sold what the transaction is about.
	sold bool
	// nothing says that it left nothing of what the payee earned by the order, before fees, and something that it left something where
	// there was nothing before.
	nothing, something bool
}

// cut returns the lines of a transaction for the payee, in the order of their entries. Months are those of the book's time zone.
func cut(t *ledger.Transaction, why *commerce.Explanation, of []commerce.Share, payee string, c money.Currency, zone *time.Location) (*cutting, error) {
	x := &cutting{t: t, why: why, of: of, payee: payee}
	x.head = Line{PostedAt: t.RecordedAt, OccurredAt: t.OccurredAt, Type: t.Event, LiveSession: t.LiveSession, Channel: t.Channel, Currency: c, RuleVersion: why.RuleSet, sequence: t.Sequence}
	x.head.Order, _ = strings.CutPrefix(t.Subject, "order:")
	if x.head.Order == t.Subject {
		x.head.Order = ""
	}
	// A month may stay open for what is told late, so where the entries count does not say whether it was late.
	belongs := t.Original
	if belongs == 0 {
		belongs = t.Effective
	}
	if belongs < ledger.PeriodOf(t.RecordedAt, zone) {
		x.head.OriginalPeriod = belongs.String()
	}
	var own []ledger.Entry
	for _, e := range t.Entries {
		if e.Currency == c && owns(payee, e.Account) {
			own = append(own, e)
			x.sold = x.sold || x.head.Order != "" && strings.HasPrefix(string(e.Account), "liabilities:seller:")
		}
	}
	x.shares(own, c)
	return x, x.prove(own)
}

// owns reports whether an account is the payee's.
func owns(payee string, a ledger.Address) bool {
	for _, p := range ownPaths {
		if rest, ok := strings.CutPrefix(string(a), p.path); ok {
			own, below, divided := strings.Cut(rest, ":")
			return own == payee && (!divided || p.divided && below != "")
		}
	}
	return false
}

// shares puts the shares of a sale on the entries they are of, and what happened on all others.
func (x *cutting) shares(own []ledger.Entry, c money.Currency) {
	rest := own
	for _, kind := range []string{"seller", "creator", "agency", "partner"} {
		var of, others []ledger.Entry
		net := money.Minor(0)
		for _, e := range rest {
			if kindOf(e.Account) == kind {
				of, net = append(of, e), net-e.Amount
			} else {
				others = append(others, e)
			}
		}
		parts, sum := x.sharesOf(kind+":"+x.payee, c)
		if len(of) == 0 || len(parts) == 0 || sum != net {
			continue
		}
		x.spread(of, parts)
		rest = others
	}
	if len(rest) == 0 {
		return
	}
	same, net := true, money.Minor(0)
	for _, e := range rest {
		same, net = same && (e.Amount < 0) == (rest[0].Amount < 0), net-e.Amount
	}
	if parts, ok := x.payout(net); ok {
		x.spread(rest, parts)
		return
	}
	if same {
		for _, e := range rest {
			x.spread([]ledger.Entry{e}, x.whole(e, -e.Amount))
		}
		return
	}
	var parts []part
	if net != 0 {
		parts = x.whole(rest[0], net)
		// The code of one account says nothing of what several come to.
		if slices.ContainsFunc(rest, func(e ledger.Entry) bool { return x.codeOn(e.Account) != parts[0].code }) {
			parts[0].code = codeOf(x.t)
		}
	}
	x.spread(rest, parts)
}

// payout tells a step of a payout apart into what the platform keeps for it or gives back, and the money itself. What was blocked goes to
// whoever the hold is for, so for the payee it is no payout. It is false for all that is no such step.
func (x *cutting) payout(net money.Minor) (parts []part, ok bool) {
	if x.t.Reverses != 0 || x.why.Currency != string(x.head.Currency) {
		return nil, false
	}
	own, rest := false, part{code: CodePayout, amount: net}
	for i := range x.why.Steps {
		if s := &x.why.Steps[i]; s.Rule == "payout_source" {
			ok, own = true, strings.HasSuffix(s.Receiver, ":"+x.payee)
			if s.BlockedSource() {
				rest.code = "hold"
			}
		}
	}
	for i := range x.why.Steps {
		s := &x.why.Steps[i]
		if !own || s.Rule != "payout_fee" && s.Rule != "payout_fee_tax" {
			continue
		}
		kept, err := signed(s.Amount, x.head.Currency)
		if err != nil {
			return nil, false
		}
		parts, rest.amount = append(parts, part{code: CodePayoutFee, amount: -kept}), rest.amount+kept
	}
	return append(parts, rest), ok
}

// sharesOf are the parts of a payee's change in the sale, and their sum.
func (x *cutting) sharesOf(who string, c money.Currency) (parts []part, sum money.Minor) {
	if x.why.Currency != string(c) {
		return nil, 0
	}
	left, had := money.Minor(0), money.Minor(0)
	for _, s := range x.of {
		if s.Payee != who {
			continue
		}
		p := part{code: string(s.Kind), sku: s.SKU, basis: s.Basis, rate: s.Rate, rule: s.Rule, amount: s.Change()}
		switch {
		case s.Kind == commerce.ShareSale && s.Code != "goods":
			p.code += "_" + s.Code
		case s.Kind == commerce.ShareBeside:
			p.code = codeOf(x.t)
		}
		if s.Before != 0 {
			p.note = s.Before.Format(c) + " before, " + s.After.Format(c) + " now"
		}
		parts, sum = append(parts, p), sum+p.amount
		if s.Kind == commerce.ShareSale || !strings.HasPrefix(who, "seller:") {
			left, had = left+s.After, had+s.Before
		}
	}
	x.nothing, x.something = x.nothing || had != 0 && left == 0, x.something || had == 0 && left != 0
	return parts, sum
}

// onDonation reports whether an account holds gifts for a charity.
func onDonation(a ledger.Address) bool { return strings.HasPrefix(string(a), "liabilities:donation:") }

// codeOn is what the event is for the payee on one account: to a charity a part of a sale is a donation, and what is withheld for a
// commission is no sale.
func (x *cutting) codeOn(a ledger.Address) string {
	code := codeOf(x.t)
	switch {
	case x.t.Reverses != 0:
	case onDonation(a) && (x.head.Order != "" || slices.Contains([]string{"gift", "tip", "subscription"}, code)):
		return "donation"
	case bucketOf(a) == CommissionDeposit:
		return string(commerce.ShareCommissionDeposit)
	}
	return code
}

// whole is what happened as one part, with its rate if the explanation tells one of just this account and amount. A gift has none: its
// base is what the giver earned, which is the giver's alone.
func (x *cutting) whole(e ledger.Entry, amount money.Minor) []part {
	p := part{code: x.codeOn(e.Account), amount: amount}
	if onDonation(e.Account) {
		return []part{p}
	}
	text := max(amount, -amount).Format(x.head.Currency)
	for i := range x.why.Steps {
		if s := &x.why.Steps[i]; s.Receiver == string(e.Account) && s.Amount == text && s.Rate != "" {
			p.basis, p.rate, p.rule = s.Total, s.Rate, s.Rule
			break
		}
	}
	return []part{p}
}

// spread puts parts on the entry that moved most, and moves between it and the others.
func (x *cutting) spread(entries []ledger.Entry, parts []part) {
	most := 0
	for i, e := range entries {
		if max(e.Amount, -e.Amount) > max(entries[most].Amount, -entries[most].Amount) { // #nosec G602 -- no caller passes an empty list, and most is a place in it
			most = i
		}
	}
	for _, p := range parts {
		x.line(entries[most], p) // #nosec G602 -- no caller passes an empty list, and most is a place in it
	}
	for i, e := range entries {
		if i == most {
			continue
		}
		from, to := bucketOf(entries[most].Account), bucketOf(e.Account) // #nosec G602 -- no caller passes an empty list, and most is a place in it
		if e.Amount > 0 {
			from, to = to, from
		}
		p := part{code: CodeMove, amount: e.Amount, note: string(from) + " to " + string(to)}
		x.line(entries[most], p) // #nosec G602 -- no caller passes an empty list, and most is a place in it
		p.amount = -p.amount
		x.line(e, p)
	}
}

// entryID is the ledger's entry as a line names it.
func entryID(t *ledger.Transaction, line int) string { return t.ID() + "/" + strconv.Itoa(line) }

func (x *cutting) line(e ledger.Entry, p part) {
	if p.amount == 0 {
		return
	}
	l := x.head
	l.Code, l.SKU, l.Basis, l.Rate, l.Rule, l.Amount = p.code, p.sku, p.basis, p.rate, p.rule, p.amount
	if l.Rule == "" && l.Order == "" {
		l.RuleVersion = ""
	}
	l.Entry, l.Bucket, l.account = entryID(x.t, e.Line), bucketOf(e.Account), e.Account
	l.Note = x.note(p.note)
	x.lines = append(x.lines, l)
}

// told are the subjects that may be named to a payee: none of them is another payee.
var told = []string{"payout", "donation", "gift", "tip", "subscription", "commission", "campaign", "hold"}

// note says what no column does: what it came to before, and whose business it is.
func (x *cutting) note(of string) string {
	var notes []string
	if of != "" {
		notes = append(notes, of)
	}
	kind, _, _ := strings.Cut(x.t.Subject, ":")
	for _, k := range told {
		if k == kind {
			notes = append(notes, x.t.Subject)
		}
	}
	if x.t.Reverses != 0 {
		notes = append(notes, "corrects "+ledger.TransactionID(x.t.Book, x.t.Reverses))
	}
	if x.head.OriginalPeriod != "" {
		notes = append(notes, "belongs to "+x.head.OriginalPeriod)
	}
	return strings.Join(notes, "; ")
}

// prove holds the lines of each entry against the entry.
func (x *cutting) prove(own []ledger.Entry) error {
	sums := map[string]money.Minor{}
	for i := range x.lines {
		sums[x.lines[i].Entry] += x.lines[i].Amount
	}
	for _, e := range own {
		if id := entryID(x.t, e.Line); sums[id] != -e.Amount {
			return fmt.Errorf("%w: the lines of entry %s come to %s, and it to %s", errDefect, id, sums[id].Format(e.Currency), (-e.Amount).Format(e.Currency))
		}
	}
	return nil
}

// codes say what an event without shares is for a payee, by the beginning of its name; the first that fits decides.
var codes = []struct{ begins, code string }{
	{"shipping.", "shipping"}, {"return.", "shipping"}, {"warehouse.", "warehouse"}, {"ads.", "ads"}, {"dispute.", "dispute"},
	{"donation.match", "match"}, {"donation.refunded", "refund"}, {"donation.disputed", "dispute"}, {"donation.disburse", CodePayout}, {"donation.", "donation"},
	{"payout.created", CodePayoutFee}, {"payout.cancelled", CodePayoutFee}, {"payout.failed", CodePayoutFee}, {"payout.tax", CodeTaxWithheld}, {"payout.", CodePayout},
	{"gift.", "gift"}, {"tip.", "tip"}, {"subscription.", "subscription"}, {"commission.", "commission"}, {"creator.bonus", "bonus"}, {"attribution.", "commission"},
	{"debt.", "debt"}, {"hold.", "hold"}, {"reserve.", "reserve"}, {"seller_deposit.", "deposit"}, {"minor_trust.", "trust"}, {"opening.", "opening"},
	{"refund.", "refund"}, {"exchange.", "exchange"}, {"order.", "sale"}, {"simulcast.", "simulcast"}, {"import.", "import"}, {"fx.", "conversion"},
	{"adjustment.", "adjustment"}, {"manual.", "adjustment"}, {"audit.", "adjustment"}, {"currency.", "conversion"}, {"brand.", "simulcast"}, {"cod.", "charge"},
	{"balance.unclaimed", "unclaimed"}, {"unclaimed.", "unclaimed"},
}

func codeOf(t *ledger.Transaction) string {
	if t.Reverses != 0 {
		return "correction"
	}
	for _, c := range codes {
		if strings.HasPrefix(t.Event, c.begins) {
			return c.code
		}
	}
	return "other"
}
