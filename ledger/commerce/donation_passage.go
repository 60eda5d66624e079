package commerce

import (
	"context"
	"strings"
	"time"

	"mizan/ledger"
)

// When the parts of a donation were released and arrived. The tally says only that they were; when is found by halving the
// campaign's records, each of which carries the tally as it was then. So a receipt costs the same in a campaign of a million
// donations as in one of three.

// maxPassages bounds how often a part is followed that came back and was sent again.
const maxPassages = 20

// shareMoments are when a beneficiary's part of a donation was released and arrived. It is sent if it is on its way or has
// arrived, and redirected if an alternate has got it.
type shareMoments struct {
	released, paid   *time.Time
	sent, redirected bool
	// release is the reference of the event that released it, and disbursements are those that it went out with, one after the other.
	release       string
	disbursements []string
}

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

// momentsOf finds when the parts of a donation, received at a sequence, were released and paid, up to the campaign's last record. A part
// that went back is followed up to the record beside the return only: its number is passed later by releases that it is not in.
func (s *Service) momentsOf(ctx context.Context, book ledger.Book, g *givenStored, received int64, last tallyRecord, back *backStored, returned int64) (map[string]shareMoments, error) {
	w := &tallyWalk{planner: &planner{ctx: ctx, service: s, book: book, event: &Event{}}, subject: tallySubject(g.Campaign)}
	out := map[string]shareMoments{}
	for _, share := range g.Shares {
		until := last
		if back != nil && !back.kept(share.Payee) {
			var err error
			if until, err = w.next(returned); err != nil {
				return nil, err
			}
		}
		m, err := w.momentsOf(share.Payee, g.Number, received, until)
		if err != nil {
			return nil, err
		}
		out[share.Payee] = m
	}
	return out, nil
}

// momentsOf follows one beneficiary's part.
func (w *tallyWalk) momentsOf(payee string, number, received int64, last tallyRecord) (m shareMoments, err error) {
	now := last.tally.of(payee)
	if now.RedirectedThrough >= number {
		at, err := w.first(received, last, func(t *tally) bool { return t.of(payee).RedirectedThrough >= number })
		if err != nil {
			return m, err
		}
		if then := at.tally.of(payee); then.Disbursed < number {
			m.redirected = true
			if then.Released < number {
				return m, nil
			}
			released, err := w.first(received, at, func(t *tally) bool { return t.of(payee).Released >= number })
			if err != nil {
				return m, err
			}
			m.release = released.Reference
			return m, nil
		}
	}
	if now.Released < number {
		return m, nil
	}
	released, err := w.first(received, last, func(t *tally) bool { return t.of(payee).Released >= number })
	if err != nil {
		return m, err
	}
	m.released, m.release = &released.OccurredAt, released.Reference
	if now.Disbursed < number {
		return m, nil
	}
	sent, err := w.first(released.Sequence, last, func(t *tally) bool { return t.of(payee).Disbursed >= number })
	if err != nil {
		return m, err
	}
	return m, w.follow(&m, payee, number, sent, last)
}

// follow finds whether the disbursement that a part is in has arrived. One that failed or came back is followed by the next, if
// there is one yet, unless the part was redirected before.
func (w *tallyWalk) follow(m *shareMoments, payee string, number int64, sent, last tallyRecord) error {
	for range maxPassages {
		told, err := w.disbursed(sent)
		if err != nil || told == nil {
			return err
		}
		m.disbursements = append(m.disbursements, strings.TrimPrefix(told.subject, "disbursement:"))
		back := told.first("donation.disbursement_failed")
		if back == nil {
			back = told.first("donation.disbursement_returned")
		}
		if back == nil {
			m.sent = true
			if arrived := told.first("donation.disbursement_paid"); arrived != nil {
				m.paid = &arrived.OccurredAt
			}
			return nil
		}
		after, err := w.beside(back, func(t *ledger.Transaction) bool { return t.Subject == w.subject })
		if err != nil || after == nil {
			return err
		}
		t, err := tallyOf(after)
		if err != nil {
			return err
		}
		// Its number may be passed already, by a later disbursement that it is not in: all that is available goes with the next.
		step, turned := t.of(payee).DisbursedStep, t.of(payee).RedirectedStep
		next := last.tally.of(payee)
		if next.RedirectedStep > turned {
			away, err := w.first(after.Sequence, last, func(t *tally) bool { return t.of(payee).RedirectedStep > turned })
			if err != nil {
				return err
			}
			if away.tally.of(payee).DisbursedStep <= step {
				*m = shareMoments{redirected: true, release: m.release, disbursements: m.disbursements}
				return nil
			}
		}
		if next.DisbursedStep <= step {
			return nil
		}
		if sent, err = w.first(after.Sequence, last, func(t *tally) bool { return t.of(payee).DisbursedStep > step }); err != nil {
			return err
		}
	}
	return nil
}

// talliedBeside is the tally that was recorded with a donation.
func (s *Service) talliedBeside(ctx context.Context, book ledger.Book, received *ledger.Transaction) (*tally, error) {
	stored, err := storedAs[givenStored](received)
	if err != nil {
		return nil, err
	}
	w := &tallyWalk{planner: &planner{ctx: ctx, service: s, book: book, event: &Event{}}, subject: tallySubject(stored.Campaign)}
	r, err := w.next(received.Sequence)
	return r.tally, err
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
