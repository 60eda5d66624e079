package commerce

import (
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What imported orders and their refunds post.

// ErrImportUnknown means that no imported order of the id was recorded, or that it was reversed.
var ErrImportUnknown = fault.New(fault.NotFound, "imported-order-unknown",
	"No imported order of this id was recorded. Check its id; if its payment is still to come, send that first.")

var errReturnTooLarge = ledger.ErrFloor.With("More would go back than is left of a line of the imported order. Check the refund's lines; nothing was posted.")

func importSubject(order string) string { return "import:" + order }

func (d *ImportedOrderPaid) subject() string { return importSubject(d.Order) }
func (d *ImportedRefund) subject() string    { return importSubject(d.Order) }

func (d *ImportedOrderPaid) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/source", d.Source, true)
	p.id("/seller", d.Seller, true)
	p.id("/live_session", d.LiveSession, false)
	p.oneOf("/release", d.Release, releaseOnWindow, releaseWhenFunded)
	if d.WindowDays < 0 || d.WindowDays > 365 {
		p.bad("/return_window_days", "range", "The return window is 1 to 365 days.")
	}
	if d.PaidAt.IsZero() {
		p.bad("/paid_at", "required", "An imported order needs the moment of its payment.")
	}
	d.sale = importedSale{Order: d.Order, Source: d.Source, Seller: d.Seller, Currency: p.useCurrency("/currency", d.Currency), Paid: d.PaidAt.UnixMicro(),
		Commission: p.share("/commission_rate", d.CommissionRate), Fee: p.share("/platform_rate", d.PlatformRate), Release: d.Release, Window: d.WindowDays}
	d.sale.Lines = readImportedLines(p, d.Lines)
	if d.sale.base() > maxEventAmount {
		p.because("/lines", money.ErrOverflow)
	}
	if len(d.Creators) > 50 {
		p.bad("/creators", "too-many", "An order has at most 50 creators.")
		return
	}
	if len(d.Creators) == 0 && d.CommissionRate != "" {
		p.bad("/commission_rate", "unexpected", "A commission needs creators who earn it.")
	}
	weighty := false
	for i := range d.Creators {
		c, pointer := &d.Creators[i], at("/creators", i)
		p.id(pointer+"/creator", c.Creator, true)
		out := termCreator{ID: c.Creator, Weight: p.weight(pointer+"/weight", c.Weight)}
		weighty = weighty || !out.Weight.IsZero()
		if slices.ContainsFunc(d.sale.Creators, func(x termCreator) bool { return x.ID == c.Creator }) {
			p.bad(pointer+"/creator", "repeated", "Each creator is named once.")
		}
		if a := c.Agency; a != nil {
			p.id(pointer+"/agency/id", a.ID, true)
			if a.PaidBy != "" && a.PaidBy != "creator" {
				p.bad(pointer+"/agency/paid_by", "enum", "The agency of an imported order is paid by the creator.")
			}
			out.Agency, out.Share = a.ID, p.share(pointer+"/agency/share", a.Share)
		}
		d.sale.Creators = append(d.sale.Creators, out)
	}
	if len(d.Creators) > 0 && !weighty {
		p.because("/creators", money.ErrWeights)
	}
}

func readImportedLines(p *preparation, lines []ImportedLine) []importedTerm {
	if len(lines) == 0 || len(lines) > 500 {
		p.bad("/lines", "count", "Name 1 to 500 lines.")
		return nil
	}
	terms := make([]importedTerm, 0, len(lines))
	for i, l := range lines {
		p.id(at("/lines", i)+"/line", l.Line, true)
		if slices.ContainsFunc(terms, func(t importedTerm) bool { return t.Line == l.Line }) {
			p.bad(at("/lines", i)+"/line", "repeated", "Each line is named once.")
		}
		terms = append(terms, importedTerm{Line: l.Line, Amount: cents(p.amount(at("/lines", i)+"/amount", l.Amount))})
	}
	return terms
}

func (d *ImportedOrderPaid) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("An imported order of this id was recorded before.")
	}
	sale := d.sale
	if err := p.importRates(d, &sale); err != nil {
		return err
	}
	shares, err := sale.positions(sale.base())
	if err != nil {
		return err
	}
	lines := creditLines(sale.Currency, shares)
	data, err := storedJSON(&sale)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventOr("import.order_paid", lines), kind: "import.order_paid", data: data, told: &sale, lines: lines, liveSession: d.LiveSession, channel: sale.Source})
}

// importRates fills the rates that the event leaves out from the rules in force when the order was paid.
func (p *planner) importRates(d *ImportedOrderPaid, sale *importedSale) error {
	if d.PlatformRate != "" && (d.CommissionRate != "" || len(d.Creators) == 0) {
		return nil
	}
	set, err := p.service.rules.InForce(p.ctx, p.book, d.PaidAt)
	if err != nil {
		return err
	}
	rate := func(fits func(*Rule) bool) (money.Rate, error) {
		for i := range set.Rules {
			if r := &set.Rules[i]; fits(r) {
				// A tax inside the fee, bounds and categories need the order's own parts, which an import lacks.
				if len(r.Rates) > 0 || len(r.Flat) > 0 || len(r.Min) > 0 || len(r.Cap) > 0 || r.Tax != nil && r.Tax.Mode != "out_of_scope" {
					return money.Rate{}, ErrRuleMissing.Withf("The rule %s is more than a rate, so an imported order cannot use it. Send the rate agreed with the seller.", r.ID)
				}
				return r.Rate, nil
			}
		}
		return money.Rate{}, ErrRuleMissing.With("The rule set in force has no rate for imported orders. Send the rate agreed with the seller.")
	}
	if d.PlatformRate == "" {
		if sale.Fee, err = rate(func(r *Rule) bool { return r.Kind == RuleFee && r.To == accountReferralFee }); err != nil {
			return err
		}
	}
	if d.CommissionRate == "" && len(d.Creators) > 0 {
		if sale.Commission, err = rate(func(r *Rule) bool { return r.Kind == RuleCommission }); err != nil {
			return err
		}
	}
	sale.Rules = set.ID()
	return nil
}

func (d *ImportedRefund) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/refund", d.Refund, true)
	readImportedLines(p, d.Lines) // the amounts are read in the order's currency once it is known
}

// plan computes the order again without what goes back, and moves the difference: a creator's out of what waits, and out
// of what is available once that was released.
func (d *ImportedRefund) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	paid := told.first("import.order_paid")
	if paid == nil {
		return ErrImportUnknown
	}
	back := importedReturn{Refund: d.Refund}
	if back.importedSale, err = storedAs[importedSale](paid); err != nil {
		return err
	}
	sale := &back.importedSale
	prep := &preparation{book: p.book, currency: sale.Currency, unit: sale.Currency.PostingUnit()}
	if back.Lines = readImportedLines(prep, d.Lines); prep.err() != nil {
		return prep.err()
	}
	left := map[string]cents{}
	for _, l := range sale.Lines {
		left[l.Line] = l.Amount
	}
	for _, t := range told.chapters("import.refund_created") {
		earlier, err := storedAs[importedReturn](t)
		if err != nil {
			return err
		}
		if earlier.Refund == d.Refund {
			return ErrRepeated.With("The imported order has a refund of this id already.")
		}
		for _, l := range earlier.Lines {
			left[l.Line] -= l.Amount
		}
	}
	for _, l := range left {
		back.Before += l
	}
	back.After = back.Before
	for i, l := range back.Lines {
		rest, ok := left[l.Line]
		if !ok {
			return ledger.ErrInvalid.At("/data"+at("/lines", i)+"/line", "line-unknown", "The imported order has no such line.")
		}
		if l.Amount > rest {
			return errReturnTooLarge
		}
		back.After -= l.Amount
	}
	sale.Lines = nil
	lines, err := back.moves(told)
	if err != nil {
		return err
	}
	data, err := storedJSON(&back)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventOr("import.refund_created", lines), kind: "import.refund_created", data: data, told: &back, lines: lines, liveSession: paid.LiveSession, channel: sale.Source,
		original: paid.Effective, memo: "refund " + d.Refund})
}

// moves are the lines of the difference that a refund makes.
func (r *importedReturn) moves(told *story) ([]ledger.Line, error) {
	before, err := r.positions(money.Minor(r.Before))
	if err != nil {
		return nil, err
	}
	after, err := r.positions(money.Minor(r.After))
	if err != nil {
		return nil, err
	}
	released := told.first(eventImportReleased) != nil
	var list positions
	for _, x := range after {
		change := x.amount - before.of(x.account)
		kind, bucket, id, ok := splitPayee(x.account)
		if !ok || bucket != bucketPending || !released {
			list.add(x.account, change)
			continue
		}
		waits := min(max(told.net(x.account, r.Currency), 0), max(-change, 0))
		list.add(x.account, -waits)
		list.add(payeeAccount(kind, bucketAvailable, id), change+waits)
	}
	return creditLines(r.Currency, list), nil
}

// eventOr is the event's name, or that of a fact if it has no lines.
func eventOr(event string, lines []ledger.Line) string {
	if len(lines) == 0 {
		return "order.fact_recorded"
	}
	return event
}

// windowEnd is when the return window of an imported order ends; the zero time if it has none.
func (s *importedSale) windowEnd() time.Time {
	if s.Window == 0 {
		return time.Time{}
	}
	return time.UnixMicro(s.Paid).UTC().AddDate(0, 0, s.Window)
}
