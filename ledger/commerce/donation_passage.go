package commerce

import (
	"context"
	"time"

	"mizan/ledger"
)

// When the parts of a donation were released and arrived. The tally says only that they were; when is found by halving the
// campaign's records, each of which carries the tally as it was then. So a receipt costs the same in a campaign of a million
// donations as in one of three.

// maxPassages bounds how often a part is followed that came back and was sent again.
const maxPassages = 20

// shareMoments are when a beneficiary's part of a donation was released and arrived.
type shareMoments struct{ released, paid *time.Time }

// tallyRecord is a record of a campaign's tally.
type tallyRecord struct {
	*ledger.Transaction
	tally *tally
}

// tallyWalk reads a campaign's records here and there, and none twice.
type tallyWalk struct {
	planner *planner
	subject string
	known   []tallyProbe
}

// tallyProbe says that no record lies between a sequence and the record.
type tallyProbe struct {
	after  int64
	record tallyRecord
}

// next is the first record after a sequence; there must be one.
func (w *tallyWalk) next(after int64) (tallyRecord, error) {
	for _, k := range w.known {
		if k.after <= after && after < k.record.Sequence {
			return k.record, nil
		}
	}
	for at := after; ; {
		page, err := w.planner.service.ledger.Transactions(w.planner.ctx, w.planner.book, ledger.TransactionQuery{Subject: w.subject, After: at, Limit: 1})
		if err != nil {
			return tallyRecord{}, err
		}
		if len(page.Transactions) == 0 {
			return tallyRecord{}, ErrStoryTooLong
		}
		x := &page.Transactions[0]
		if at = x.Sequence; x.Reverses != 0 { // a reversal carries nothing on
			continue
		}
		t, err := tallyOf(x)
		if err != nil {
			return tallyRecord{}, err
		}
		w.known = append(w.known, tallyProbe{after, tallyRecord{x, t}})
		return tallyRecord{x, t}, nil
	}
}

// first is the first record after low for which something is so; it is so in the record that ends the search, and not yet at low.
func (w *tallyWalk) first(low int64, end tallyRecord, so func(*tally) bool) (tallyRecord, error) {
	for high := end.Sequence - 1; low < high; {
		middle := low + (high-low)/2
		r, err := w.next(middle)
		if err != nil {
			return tallyRecord{}, err
		}
		if so(r.tally) {
			end, high = r, middle
		} else {
			low = r.Sequence
		}
	}
	return end, nil
}

// momentsOf finds when the parts of a donation, received at a sequence, were released and paid, up to the campaign's last record.
func (s *Service) momentsOf(ctx context.Context, book ledger.Book, g *givenStored, received int64, last tallyRecord) (map[string]shareMoments, error) {
	w := &tallyWalk{planner: &planner{ctx: ctx, service: s, book: book, event: &Event{}}, subject: tallySubject(g.Campaign)}
	out := map[string]shareMoments{}
	for _, share := range g.Shares {
		now := last.tally.of(share.Payee)
		if now.Released < g.Number {
			continue
		}
		released, err := w.first(received, last, func(t *tally) bool { return t.of(share.Payee).Released >= g.Number })
		if err != nil {
			return nil, err
		}
		m := shareMoments{released: &released.OccurredAt}
		if now.Disbursed >= g.Number {
			if m.paid, err = w.paid(share.Payee, g.Number, released.Sequence, last); err != nil {
				return nil, err
			}
		}
		out[share.Payee] = m
	}
	return out, nil
}

// paid finds when the disbursement arrived that a donation is in, nil if none has. One that failed or came back is followed by the next.
func (w *tallyWalk) paid(payee string, number, low int64, last tallyRecord) (*time.Time, error) {
	for range maxPassages {
		sent, err := w.first(low, last, func(t *tally) bool { return t.of(payee).Disbursed >= number })
		if err != nil {
			return nil, err
		}
		told, err := w.disbursed(sent)
		if err != nil || told == nil {
			return nil, err
		}
		back := told.first("donation.disbursement_failed")
		if back == nil {
			back = told.first("donation.disbursement_returned")
		}
		if back == nil {
			if arrived := told.first("donation.disbursement_paid"); arrived != nil {
				return &arrived.OccurredAt, nil
			}
			return nil, nil
		}
		after, err := w.beside(back, func(t *ledger.Transaction) bool { return t.Subject == w.subject })
		if err != nil || after == nil {
			return nil, err
		}
		t, err := tallyOf(after)
		if err != nil || t.of(payee).Disbursed >= number { // a later disbursement had gone out, which it is not in
			return nil, err
		}
		low = after.Sequence
	}
	return nil, nil
}

// disbursed is the story of the disbursement that a record counted, nil if it counted none.
func (w *tallyWalk) disbursed(r tallyRecord) (*story, error) {
	x, err := w.beside(r.Transaction, func(t *ledger.Transaction) bool { return t.Event == "donation.disbursed" })
	if err != nil || x == nil {
		return nil, err
	}
	return w.planner.story(x.Subject)
}

// beside finds a transaction among those of the same event, nil if there is none.
func (w *tallyWalk) beside(x *ledger.Transaction, is func(*ledger.Transaction) bool) (*ledger.Transaction, error) {
	all, err := w.planner.service.ledger.ByReference(w.planner.ctx, w.planner.book, x.Reference)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if is(&all[i]) {
			return &all[i], nil
		}
	}
	return nil, nil
}
