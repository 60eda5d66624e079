package commerce

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Computing a share: the order is replayed, and after each of its transactions the sheet is asked what of it is the payee's.
// What a transaction moved and no rule explains is a line of its own, so the lines of a transaction sum to what it moved.

// OwnOrder returns what a payee has in an order. An order in which it has no part is ErrOrderUnknown, like one that does not exist.
func (s *Service) OwnOrder(ctx context.Context, book ledger.Book, who PayeeRef, id string) (*OwnOrder, error) {
	if !ledger.IsSegment(id) || !ledger.IsSegment(who.ID) {
		return nil, ErrOrderUnknown
	}
	all, err := s.ownTransactions(ctx, book, who, id)
	if err != nil {
		return nil, err
	}
	return s.ownOrder(ctx, book, who, id, all, true)
}

// errOwnTooLong is errOrderTooLong for a payee of the order.
var errOwnTooLong = ErrOrderState.Withf("The order has more than %d transactions, so what is yours in it is not told here. Your statements hold every amount of it.", maxOfOrder)

// ownTransactions are the transactions of an order, for one payee: of one that is too long only who has an entry among those that were
// read is told so.
func (s *Service) ownTransactions(ctx context.Context, book ledger.Book, who PayeeRef, id string) ([]ledger.Transaction, error) {
	all, err := s.transactionsOf(ctx, book, id)
	if errors.Is(err, errOrderTooLong) {
		if err = ErrOrderUnknown; newOwnView(book, who, id, all).posted() {
			err = errOwnTooLong
		}
	}
	return all, err
}

// ownOrder is the share of an order whose transactions are read. Only with moves is it told how it came about.
func (s *Service) ownOrder(ctx context.Context, book ledger.Book, who PayeeRef, id string, all []ledger.Transaction, moves bool) (*OwnOrder, error) {
	v := newOwnView(book, who, id, all)
	if !v.posted() { // only the terms can name it; whoever they do not name learns nothing, not even by how long the sheets take
		terms := newOwnView(book, who, id, all)
		err := s.replayOwn(ctx, terms, false)
		switch {
		case err != nil && (terms.named || ctx.Err() != nil || fault.KindOf(err) == fault.Unavailable):
			return nil, err
		case !terms.named:
			return nil, ErrOrderUnknown
		}
	}
	if err := s.replayOwn(ctx, v, moves); err != nil {
		return nil, err
	}
	v.describe()
	return v.share, nil
}

func newOwnView(book ledger.Book, who PayeeRef, id string, all []ledger.Transaction) *ownView {
	return &ownView{who: who, order: &order{book: book, id: id, transactions: all}, share: &OwnOrder{Order: id}}
}

// mostMoves bounds the moves that are told of a share, the newest, and the transactions of an order that can be asked about.
const mostMoves = 200

// ownView is an order of a payee while it is computed.
type ownView struct {
	who   PayeeRef
	order *order
	share *OwnOrder
	// named says that a capture named the payee, even if nothing was posted for it.
	named bool
}

// replayOwn goes through the order's transactions one by one.
func (s *Service) replayOwn(ctx context.Context, v *ownView, moves bool) error {
	o := v.order
	undone := o.undone()
	var before []OwnLine
	if moves {
		v.share.Earlier = max(len(o.transactions)-mostMoves, 0)
	}
	for i := range o.transactions {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := &o.transactions[i]
		if err := s.replayOne(ctx, o, t, undone[t.Sequence]); err != nil {
			return err
		}
		v.named = v.named || v.names()
		if o.last = t.Sequence; !moves || i < v.share.Earlier-1 {
			continue
		}
		after := before
		if o.edited == nil {
			sheet, err := o.compute()
			if err != nil {
				return err
			}
			after = sheet.linesOf(v.who.Kind + ":" + v.who.ID)
		}
		if i >= v.share.Earlier {
			if m := v.move(t, before, after); v.tells(t, &m) {
				v.share.Moves = append(v.share.Moves, m)
			}
		}
		before = after
	}
	return nil
}

// names reports whether the order's terms name the payee as they stand.
func (v *ownView) names() bool {
	o, id := v.order, v.who.ID
	switch v.who.Kind {
	case "seller":
		return o.seller == id
	case "creator":
		return slices.ContainsFunc(o.creators, func(c creator) bool { return c.id == id }) || slices.ContainsFunc(o.bonuses, func(b bonus) bool { return b.creator == id })
	case "agency":
		return slices.ContainsFunc(o.creators, func(c creator) bool { return c.agency == id })
	case "partner":
		return slices.ContainsFunc(o.partners, func(p partner) bool { return p.id == id })
	}
	return false
}

// bucketOf is the bucket of the payee's that an account is; ok is false for accounts of others.
func (v *ownView) bucketOf(a ledger.Address) (bucket string, ok bool) {
	kind, bucket, id, ok := splitPayee(a)
	return bucket, ok && kind == v.who.Kind && id == v.who.ID
}

// posted reports whether something was posted to an account of the payee.
func (v *ownView) posted() bool {
	for i := range v.order.transactions {
		for _, e := range v.order.transactions[i].Entries {
			if _, own := v.bucketOf(e.Account); own {
				return true
			}
		}
	}
	return false
}

// move is what a transaction did to the share.
func (v *ownView) move(t *ledger.Transaction, before, after []OwnLine) OwnMove {
	m := OwnMove{Sequence: t.Sequence, Event: t.Event, OccurredAt: t.OccurredAt, RecordedAt: t.RecordedAt}
	if r, _, ok := recordOf(t); ok && t.Event == "order.fact_recorded" {
		m.Event = r.Kind
	}
	by := map[string]money.Minor{}
	for _, e := range t.Entries {
		bucket, own := v.bucketOf(e.Account)
		if !own || e.Currency != v.order.currency {
			continue
		}
		m.Net -= e.Amount
		by[bucket] -= e.Amount
	}
	m.Reserved = max(by[bucketReserve], 0)
	m.Frozen = max(by[bucketDisputeHold], 0) + max(by[bucketBlocked], 0)
	if by[bucketAvailable] > 0 && (by[bucketPending] < 0 || by[bucketReserve] < 0 || by[bucketDisputeHold] < 0 || by[bucketBlocked] < 0) {
		m.Freed = by[bucketAvailable]
	}
	m.Lines = changedLines(before, after)
	rest := m.Net
	for i := range m.Lines {
		rest -= m.Lines[i].Amount
	}
	if rest != 0 {
		m.Lines = append(m.Lines, OwnLine{Key: "other", Amount: rest})
	}
	return m
}

// eventsOfAll are the events that every payee of an order is told, also one whose money they leave alone: how far the order is, and what
// keeps it from settling or ends that.
var eventsOfAll = []string{eventCaptured, eventCODDelivered, eventOpenedOrder, "order.shipped", "order.delivered", "order.cancelled", "order.cod_refused", eventSettled, eventRemitted,
	"after_sales.opened", "after_sales.closed", "dispute.opened", "dispute.won", "dispute.lost", "dispute.reopened_won", "exchange.returned", "exchange.captured"}

// tells reports whether the payee is told a move: one of its own, any if it is the order's seller, and otherwise only what concerns all.
// That there was a bonus, a pledge or a charge is the matter of whom it moved something for.
func (v *ownView) tells(t *ledger.Transaction, m *OwnMove) bool {
	if v.who.Kind == "seller" && v.who.ID == v.order.seller || m.Net != 0 || len(m.Lines) > 0 || slices.Contains(eventsOfAll, m.Event) {
		return true
	}
	if m.Event == "donation.from_sale" { // a pledge gives nothing before the order settles
		r, _, _ := recordOf(t)
		e, err := storedEvent(r, t)
		given, ok := e.(*DonationFromSale)
		return err == nil && ok && v.who == PayeeRef{"creator", given.Creator}
	}
	return slices.ContainsFunc(t.Entries, func(e ledger.Entry) bool { _, own := v.bucketOf(e.Account); return own })
}

// changedLines are the lines that a transaction changed, with what it changed them by. Lines of one rule belong together in their order.
func changedLines(before, after []OwnLine) (lines []OwnLine) {
	used := make([]bool, len(before))
	for _, a := range after {
		for j := range before {
			if b := &before[j]; !used[j] && b.Key == a.Key && b.Rule == a.Rule {
				used[j], a.Before = true, b.After
				break
			}
		}
		if a.Amount = a.After - a.Before; a.Amount != 0 {
			lines = append(lines, a)
		}
	}
	for j := range before { // what fell out of the sheet, such as all of a cancelled order
		if b := before[j]; !used[j] && b.After != 0 {
			lines = append(lines, OwnLine{Key: b.Key, Title: b.Title, Rule: b.Rule, Amount: -b.After, Before: b.After})
		}
	}
	return lines
}

// describe tells where the share stands after everything.
func (v *ownView) describe() {
	o, out := v.order, v.share
	out.State, out.Currency, out.PlacedAt, out.LastSequence = o.state(), o.currency, o.placedAt, o.last
	out.Credits = creditsOf(o.transactions, payeeAccount(v.who.Kind, bucketAvailable, v.who.ID))
	out.DeliveredAt, out.SettledAt, out.Arrived, out.Tier = o.delivered, o.settledAt, o.complete, o.tier
	if o.set != nil {
		out.RuleSet, out.Days = o.set.ID(), o.set.Policies.Settlement.Tiers[o.tier]
	}
	out.DueAt, _ = o.due()
	for i := range o.tenders {
		out.Paid, out.Returned = out.Paid+o.tenders[i].captured, out.Returned+o.tenders[i].returned
	}
	if o.edited != nil {
		out.Gates = append(out.Gates, "edited")
	}
	for _, g := range o.gates() {
		kind, _, _ := strings.Cut(g, ":")
		out.Gates = appendNew(out.Gates, kind)
	}
	v.sides()
	if v.who.Kind == "seller" && o.seller == v.who.ID && o.reserved() > 0 {
		out.ReserveUntil = o.reserve.releaseAt
	}
	for i := range o.lots {
		if l := &o.lots[i]; l.kind == lotGoods {
			out.Goods = append(out.Goods, OwnGoods{Line: l.line, SKU: l.sku, Quantity: l.quantity, Back: l.unitsBack})
		}
	}
	out.Unearned = v.unearned()
	out.Stands = v.stands()
}

// unearned says why nothing is left for the payee; empty if something is.
func (v *ownView) unearned() string {
	o := v.order
	captured := money.Minor(0)
	for i := range o.lots {
		captured += o.lots[i].money(true)
	}
	switch state := o.state(); {
	case v.share.Net > 0:
		return ""
	case state == "cancelled":
		return UnearnedCancelled
	case state == "refused":
		return UnearnedRefused
	case captured == 0 && len(o.captures) > 0:
		return UnearnedSample
	case len(o.refunds) == 0 && slices.ContainsFunc(o.disputes, func(d dispute) bool { return d.state == disputeLost }):
		return UnearnedDisputed
	case o.goodsGone() && len(o.captures) > 0:
		return UnearnedRefunded
	case v.share.Net == 0 && len(o.captures) > 0:
		return UnearnedMoved
	}
	return ""
}

// stands says where the share stands.
func (v *ownView) stands() string {
	pending := money.Minor(0)
	for _, b := range v.share.Held {
		switch b.Bucket {
		case bucketDisputeHold, bucketBlocked:
			return StandsHeld
		case bucketPending:
			pending = b.Amount
		}
	}
	switch {
	case v.share.Unearned != "":
		return StandsUnearned
	case slices.ContainsFunc(v.share.Gates, func(g string) bool { return g == "case" || g == "dispute" }):
		return StandsHeld
	case pending != 0 || len(v.share.Held) == 0:
		return StandsEstimated
	}
	return StandsSettled
}
