package statements

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// The statement of one payout: exactly the money that it paid. An account's credits are used up in their order, so a payout pays those
// that came since the one before, less what was taken since; the first and the last perhaps in part. An order that settled is told by what
// came to wait for it: the sale, the fees, what went back. It opens with nothing and closes with what left the payee's money: what arrives and
// the fee for it. It is made on demand and has no number, and nothing of it is kept.

// Payout is one payout's lines, on demand.
const Payout Kind = "payout"

// OfPayout makes the statement of a payout of the payee's.
//
// Errors: payouts.ErrPayoutUnknown, also for a payout of somebody else.
func (s *Service) OfPayout(ctx context.Context, book ledger.Book, payee, id string) (*Statement, error) {
	if s.payouts == nil {
		return nil, payouts.ErrPayoutUnknown
	}
	p, err := s.payouts.Payout(ctx, book, id)
	if err != nil {
		return nil, err
	}
	if p.Holder.ID != payee {
		return nil, payouts.ErrPayoutUnknown
	}
	first, err := s.payouts.Lines(ctx, book, id, 0, 0, 1)
	if err != nil {
		return nil, err
	}
	zone := book.Location()
	st := &Statement{Payee: payee, Currency: p.Holder.Currency, Kind: Payout, To: p.CreatedSequence, LastDay: p.CreatedAt.In(zone).Format(time.DateOnly), IssuedAt: p.CreatedAt, book: book, of: &p}
	if st.FirstDay = st.LastDay; len(first.Lines) > 0 {
		st.FirstDay = min(st.LastDay, first.Lines[0].OccurredAt.In(zone).Format(time.DateOnly))
	}
	paid := paidOutOf(p)
	st.Payout = &paid
	st.Buckets = []Balance{{Bucket: Bucket(p.Source), Closing: p.Gross()}}
	return st, st.write()
}

// paidPage is how many entries of a payout are read together: each is an order with its story.
const paidPage = 40

// PaidAs is the kind of payee that the payout of a statement paid; empty for the other kinds of statements.
func (s *Statement) PaidAs() string {
	if s.of == nil {
		return ""
	}
	return s.of.Holder.Kind
}

// walkPayout hands out the transactions with lines of a payout from a place on, cut, until there are no more or yield says so.
func (s *Service) walkPayout(ctx context.Context, st *Statement, from Place, page pace, yield func(*cutting) (more bool, err error)) (map[Bucket]money.Minor, error) {
	bucket := st.Buckets[0].Bucket
	sum, err := s.payouts.PaidUpTo(ctx, st.book, *st.of, from.Sequence)
	if err != nil {
		return nil, err
	}
	number, skip := from.Number-from.Skip, from.Skip
	after, line := from.Sequence, 0
	var left []payouts.Line // of a transaction whose other lines may be on the next page
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		list, err := s.payouts.Lines(ctx, st.book, st.of.ID, after, line, min(page(), paidPage))
		if err != nil {
			return nil, err
		}
		more, after, line = list.More, list.AfterSequence, list.AfterLine
		whole := append(left, list.Lines...)
		left = nil
		if more && len(whole) > 0 {
			last := len(whole)
			for last > 0 && whole[last-1].Sequence == whole[len(whole)-1].Sequence {
				last--
			}
			left, whole = append(left, whole[last:]...), whole[:last]
		}
		cuttings, err := s.cutPaid(ctx, st, whole)
		if err != nil {
			return nil, err
		}
		for _, x := range cuttings {
			for i := range x.lines {
				number++
				sum += x.lines[i].Amount
				x.lines[i].Number, x.lines[i].Balance = number, sum
			}
			x.lines, skip = x.lines[min(int(skip), len(x.lines)):], 0
			if more, err := yield(x); err != nil || !more {
				return map[Bucket]money.Minor{bucket: sum}, err
			}
		}
	}
	return map[Bucket]money.Minor{bucket: sum}, nil
}

// cutPaid cuts the transactions of a payout's lines, each as far as the payout paid it.
func (s *Service) cutPaid(ctx context.Context, st *Statement, list []payouts.Line) (cuttings []*cutting, err error) {
	var sequences []int64
	for _, l := range list {
		if n := len(sequences); n == 0 || sequences[n-1] != l.Sequence {
			sequences = append(sequences, l.Sequence)
		}
	}
	if len(sequences) == 0 {
		return nil, nil
	}
	cut, err := s.cutter(ctx, st, sequences)
	if err != nil {
		return nil, err
	}
	for _, n := range sequences {
		x, err := cut(n)
		if err != nil {
			return nil, err
		}
		cuttings = append(cuttings, x)
	}
	if err := s.readWaiting(ctx, st, cuttings); err != nil {
		return nil, err
	}
	for _, x := range cuttings {
		all := x.lines
		x.lines, x.sold, x.nothing, x.something = nil, false, false, false
		for ; len(list) > 0 && list[0].Sequence == x.t.Sequence; list = list[1:] {
			x.paid(all, list[0])
		}
	}
	return cuttings, nil
}

// paid adds what a payout paid of one entry: its lines, or one line for a part of it, which no line alone is. Of a settlement it is what the
// order was made of, and what of it another payout pays.
func (x *cutting) paid(all []Line, of payouts.Line) {
	if parts := x.settled(all, of.EntryLine); parts != nil {
		x.lines = append(x.lines, parts...)
		if of.Amount != of.Entry {
			rest := x.head
			rest.Code, rest.Amount, rest.Entry, rest.RuleVersion = CodeOtherPayout, of.Amount-of.Entry, parts[0].Entry, ""
			rest.Bucket, rest.account, rest.Note = parts[0].Bucket, parts[0].account, x.note(of.Amount.Format(rest.Currency)+" of "+of.Entry.Format(rest.Currency))
			x.lines = append(x.lines, rest)
		}
		return
	}
	var own []Line
	for _, l := range all {
		if l.Entry == entryID(x.t, of.EntryLine) {
			own = append(own, l)
		}
	}
	if of.Amount == of.Entry || len(own) == 0 {
		x.lines = append(x.lines, own...)
		return
	}
	l := own[0]
	if len(own) > 1 {
		l.Code, l.SKU, l.Basis, l.Rate, l.Rule = codeOf(x.t), "", "", "", ""
	}
	l.Amount = of.Amount
	l.Note = x.note(of.Amount.Format(l.Currency) + " of " + of.Entry.Format(l.Currency))
	x.lines = append(x.lines, l)
}
