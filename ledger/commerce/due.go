package commerce

import (
	"context"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What waits for a time: money that was earned and is not available yet, and when it may be released. The clocks are
// computed from what is recorded, never stored, so a fact that comes late or with an earlier date moves them.

// The acts that release what waits.
const (
	// ActSettle settles an order: order.settled.
	ActSettle = "settle"
	// ActReserve ends an order's reserve: reserve.released.
	ActReserve = "reserve"
	// ActRelease releases what a gift, a tip, a subscription or a commission earned: creator.released.
	ActRelease = "release"
	// ActImportRelease releases what the creators of an imported order earned: import.released.
	ActImportRelease = "import_release"
	// ActDonationRelease releases donations to their beneficiaries: donation.released.
	ActDonationRelease = "donation_release"
)

// DueItem is something that waits.
type DueItem struct {
	// Act is what releases it, one of the Act words, and Subject what it is, as kind:id.
	Act, Subject string
	// At is when it may be released; the zero time means that no clock runs yet.
	At time.Time
	// Gates are what keeps it from being released whatever the time: case:…, dispute:…, exchange:…, cod:…, held:…, not_funded,
	// minor or edited.
	Gates []string
	// Amounts are what waits, by currency, in minor units. One may be below zero: a debt settles too.
	Amounts map[money.Currency]money.Minor
	// Payees are the beneficiaries of a donation whose share of it waits still; nil of everything else. While the share of one is held,
	// those of others may be released.
	Payees []string
	// ReserveRate and ReserveDays are what Act keeps of an order that it settles; nil means what the order's rules say. Due leaves
	// them out.
	ReserveRate *string
	ReserveDays *int
}

// dueKinds are the kinds of subjects of which something can wait.
var dueKinds = []string{"order", "gift", "tip", "subscription", "commission", "import", "donation"}

// campaignChanges are the events of a campaign as a whole that change what may be released of its donations.
var campaignChanges = []string{"donation.held", "donation.hold_released", "donation.redirected", "donation.released"}

// Concerns reports whether a transaction of the event about the subject can change what is due of the subject. Whoever walks
// the transactions asks Due only then.
func Concerns(event, subject string) bool {
	kind, _, _ := strings.Cut(subject, ":")
	if kind == "tally" {
		return slices.Contains(campaignChanges, event)
	}
	return slices.Contains(dueKinds, kind)
}

// Due returns what waits of a subject, nothing if nothing waits. Of a campaign's tally it returns what waits of all its
// donations together.
func (s *Service) Due(ctx context.Context, book ledger.Book, subject string) ([]DueItem, error) {
	kind, id, _ := strings.Cut(subject, ":")
	if !ledger.IsSegment(id) {
		return nil, nil
	}
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	switch kind {
	case "order":
		o, err := s.load(ctx, book, id, 0)
		if err != nil {
			return nil, err
		}
		return o.waits(), nil
	case "gift", "tip", "subscription", "commission", "import":
		told, err := p.story(subject)
		if err != nil {
			return nil, err
		}
		if kind == "import" {
			return p.dueImport(told)
		}
		return p.dueRelease(told)
	case "donation":
		return p.dueDonation(id)
	case "tally":
		return p.dueCampaign(id)
	}
	return nil, nil
}

// waits are an order's settlement and its reserve, as far as they wait.
func (o *order) waits() (list []DueItem) {
	subject, pending, any := "order:"+o.id, money.Minor(0), false
	for _, at := range o.payees() {
		share := o.bucketOf(at, bucketPending)
		pending, any = pending+share, any || share != 0
	}
	edited := []string{}
	if o.edited != nil {
		edited = append(edited, "edited")
	}
	if any && len(o.captures) > 0 {
		item := DueItem{Act: ActSettle, Subject: subject, Gates: append(edited, o.gates()...), Amounts: map[money.Currency]money.Minor{o.currency: pending}}
		item.At, _ = o.due()
		list = append(list, item)
	}
	if held := o.reserved(); held > 0 {
		item := DueItem{Act: ActReserve, Subject: subject, At: o.reserve.releaseAt, Gates: slices.Clone(edited), Amounts: map[money.Currency]money.Minor{o.currency: held}}
		for i := range o.disputes {
			if o.disputes[i].state == disputeOpen {
				item.Gates = append(item.Gates, "dispute:"+o.disputes[i].id)
			}
		}
		list = append(list, item)
	}
	return list
}

// dueRelease is what waits of earnings without an order.
func (p *planner) dueRelease(told *story) (_ []DueItem, err error) {
	if !told.begun() {
		return nil, nil
	}
	item := DueItem{Act: ActRelease, Subject: told.subject, Gates: []string{}, Amounts: map[money.Currency]money.Minor{}}
	var creators []string
	for _, c := range told.currencies() {
		for _, x := range told.nets(c) {
			kind, bucket, id, ok := splitPayee(x.account)
			if !ok || bucket != bucketPending || x.amount <= 0 {
				continue
			}
			amount, err := served(told, x.amount)
			if err != nil {
				return nil, err
			}
			if amount == 0 {
				continue
			}
			if item.Amounts[c] += amount; kind == "creator" {
				creators = append(creators, id)
			}
		}
	}
	if len(item.Amounts) == 0 {
		return nil, nil
	}
	if item.At, err = told.holdEnds(p.book); err != nil {
		return nil, err
	}
	if kind, _, _ := strings.Cut(told.subject, ":"); kind == "gift" || kind == "tip" {
		minors, err := p.minors(creators...)
		if err != nil {
			return nil, err
		}
		if len(minors) > 0 {
			item.Gates = append(item.Gates, "minor")
		}
	}
	return []DueItem{item}, nil
}

// dueImport is what waits of an imported order.
func (p *planner) dueImport(told *story) ([]DueItem, error) {
	paid := told.first("import.order_paid")
	if paid == nil {
		return nil, nil
	}
	sale, err := storedAs[importedSale](paid)
	if err != nil {
		return nil, err
	}
	waits := money.Minor(0)
	for _, x := range told.nets(sale.Currency) {
		if _, bucket, _, ok := splitPayee(x.account); ok && bucket == bucketPending && x.amount > 0 {
			waits += x.amount
		}
	}
	if waits == 0 {
		return nil, nil
	}
	item := DueItem{Act: ActImportRelease, Subject: told.subject, At: sale.windowEnd(), Gates: []string{}, Amounts: map[money.Currency]money.Minor{sale.Currency: waits}}
	if item.At.IsZero() { // without a window it may be released at once
		item.At = time.UnixMicro(sale.Paid).UTC()
	}
	if sale.Release != releaseOnWindow {
		balance, err := p.balanceIn(payeeAccount("seller", bucketAvailable, sale.Seller), sale.Currency)
		if err != nil {
			return nil, err
		}
		if balance < 0 {
			item.Gates = append(item.Gates, "not_funded")
		}
	}
	return []DueItem{item}, nil
}

// dueDonation is what waits of one donation.
func (p *planner) dueDonation(id string) ([]DueItem, error) {
	told, err := p.story("donation:" + id)
	if err != nil {
		return nil, err
	}
	first := told.first(eventReceived)
	if first == nil {
		return nil, nil
	}
	g, err := storedAs[givenStored](first)
	if err != nil {
		return nil, err
	}
	t, err := p.service.tallyNow(p.ctx, p.book, g.Campaign)
	if err != nil || t == nil {
		return nil, err
	}
	c := money.Currency(g.Currency)
	waiting := waitingShares{}
	for _, share := range g.Shares {
		b := t.of(share.Payee)
		if b.Released < g.Number {
			waiting.add(b, told.net(donationPending(share.Payee, g.Campaign), c))
		}
	}
	return waiting.item("donation:"+id, time.Unix(g.AllEnd, 0).UTC(), c), nil
}

// dueCampaign is what waits of all donations of a campaign.
func (p *planner) dueCampaign(id string) ([]DueItem, error) {
	t, err := p.service.tallyNow(p.ctx, p.book, id)
	if err != nil || t == nil {
		return nil, err
	}
	c := money.Currency(t.Currency)
	waiting := waitingShares{}
	for i := range t.Of {
		pending, err := p.balanceIn(donationPending(t.Of[i].Payee, id), c)
		if err != nil {
			return nil, err
		}
		waiting.add(&t.Of[i], pending)
	}
	return waiting.item(tallySubject(id), time.Unix(t.WindowEnds, 0).UTC(), c), nil
}

// waitingShares are shares of donations that wait: of beneficiaries who may have them, and of those whose money is held.
type waitingShares struct {
	free, held money.Minor
	gates      []string
	payees     []string
}

func (w *waitingShares) add(b *shareTally, amount money.Minor) {
	if amount > 0 {
		w.payees = append(w.payees, b.Payee)
	}
	switch {
	case amount <= 0:
	case b.Held != "":
		w.held += amount
		w.gates = append(w.gates, "held:"+b.Payee)
	default:
		w.free += amount
	}
}

// item is what waits. What is held waits beside what is not: a gate only stands if nothing else could be released.
func (w *waitingShares) item(subject string, at time.Time, c money.Currency) []DueItem {
	if w.free == 0 && w.held == 0 {
		return nil
	}
	item := DueItem{Act: ActDonationRelease, Subject: subject, At: at, Gates: []string{}, Amounts: map[money.Currency]money.Minor{c: w.free}, Payees: w.payees}
	if w.free == 0 {
		item.Gates, item.Amounts[c] = w.gates, w.held
	}
	return []DueItem{item}
}
