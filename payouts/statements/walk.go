package statements

import (
	"context"
	"fmt"
	"slices"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// Walking through a statement: its transactions a page at a time, each cut into lines, with what the buckets hold after each line.

const (
	// walkPage is how many transactions are read together.
	walkPage = 200
	// MaxPage bounds the lines of a page.
	MaxPage = 1_000
)

// Place is where a page of lines ended: all transactions up to Sequence are told, and Skip lines of the one after it. The zero value is
// the beginning.
type Place struct {
	Sequence, Skip int64
	// Number is that of the last line told.
	Number int64
}

// pace is how many transactions are read next.
type pace func() int

// always reads so many every time.
func always(n int) pace { return func() int { return n } }

// walk hands out the transactions of a statement from a place on, cut, until there are no more or yield says so. It returns what the
// buckets hold after the last one.
func (s *Service) walk(ctx context.Context, st *Statement, from Place, page pace, yield func(*cutting) (more bool, err error)) (held map[Bucket]money.Minor, err error) {
	if st.of != nil {
		return s.walkPayout(ctx, st, from, page, yield)
	}
	list, err := s.accountsOf(ctx, st)
	if err != nil {
		return nil, err
	}
	after := max(from.Sequence, st.From)
	held, err = s.bucketsAt(ctx, st, list, after)
	if err != nil {
		return nil, err
	}
	number, skip := from.Number-from.Skip, from.Skip
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		sequences, err := s.next(ctx, st.book, list, after, st.To, page())
		if err != nil || len(sequences) == 0 {
			return held, err
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
			for i := range x.lines {
				l := &x.lines[i]
				number++
				held[l.Bucket] += l.Amount
				l.Number, l.Balance = number, held[l.Bucket]
			}
			x.lines, skip = x.lines[min(int(skip), len(x.lines)):], 0
			if more, err := yield(x); err != nil || !more {
				return held, err
			}
			after = n
		}
	}
}

// cutter reads transactions, and returns what cuts one of them into the statement's lines.
func (s *Service) cutter(ctx context.Context, st *Statement, sequences []int64) (func(sequence int64) (*cutting, error), error) {
	transactions, err := s.ledger.BySequence(ctx, st.book, sequences)
	if err != nil {
		return nil, err
	}
	list := make([]ledger.Transaction, 0, len(sequences))
	for _, n := range sequences {
		t, known := transactions[n]
		if !known {
			return nil, ledger.ErrTransactionUnknown
		}
		list = append(list, t)
	}
	reasons, shares, err := s.events.ExplainShares(ctx, st.book, list)
	if err != nil {
		return nil, err
	}
	return func(n int64) (*cutting, error) {
		t, why := transactions[n], reasons[n]
		if why == nil {
			why = &commerce.Explanation{}
		}
		return cut(&t, why, shares[n], st.Payee, st.Currency, st.book.Location())
	}, nil
}

// accountsOf are the accounts that a statement is made from.
func (s *Service) accountsOf(ctx context.Context, st *Statement) ([]account, error) {
	list, err := s.accounts(ctx, st.book, st.Payee, st.Currency)
	if err != nil {
		return nil, err
	}
	named := make(map[ledger.Address]bool, len(st.Accounts))
	for _, span := range st.Accounts {
		named[span.Account] = true
	}
	of := slices.DeleteFunc(list, func(a account) bool { return !named[a.address] })
	if len(of) != len(st.Accounts) {
		return nil, fmt.Errorf("%w: an account of it is gone", ErrChanged)
	}
	return of, nil
}

// bucketsAt is what the buckets held right after a sequence.
func (s *Service) bucketsAt(ctx context.Context, st *Statement, list []account, sequence int64) (map[Bucket]money.Minor, error) {
	held := map[Bucket]money.Minor{}
	if sequence == st.From {
		for _, b := range st.Buckets {
			held[b.Bucket] = b.Opening
		}
		return held, nil
	}
	at, err := s.heldAt(ctx, st.book, list, sequence)
	for _, a := range list {
		held[a.bucket] += at[a.id].balance
	}
	return held, err
}

// Page is a page of a statement's lines.
type Page struct {
	Lines []Line
	// Next is where the next page begins, nil on the last.
	Next *Place
}

// Page returns up to limit lines after a place. Of a statement that was issued the last page is held against what it closes with; only
// its file is held against its hash. One on demand that is all on one page is summed up with it.
//
// Errors: ErrOld, ErrChanged.
func (s *Service) Page(ctx context.Context, st *Statement, from Place, limit int) (p Page, err error) {
	if st.schema != Schema {
		return p, ErrOld
	}
	limit = min(max(limit, 1), MaxPage)
	place := Place{Sequence: max(from.Sequence, st.From), Skip: from.Skip, Number: from.Number}
	var sums *totals
	if from == (Place{}) && !st.Summed() {
		sums = newTotals()
	}
	// A transaction has two lines more often than one, and cutting those of the next page would be for nothing.
	seen, lines := 0, 0
	enough := func() int {
		if seen == 0 {
			return min(limit/2+1, walkPage)
		}
		return min((limit+1-len(p.Lines))*seen/max(lines, 1)+1, walkPage)
	}
	held, err := s.walk(ctx, st, from, enough, func(x *cutting) (bool, error) {
		seen, lines = seen+1, lines+len(x.lines)
		if sums != nil {
			sums.add(x)
		}
		for i := range x.lines {
			if len(p.Lines) == limit {
				place.Skip += int64(i)
				p.Next = &place
				return false, nil
			}
			p.Lines = append(p.Lines, x.lines[i])
			place.Number = x.lines[i].Number
		}
		place.Sequence, place.Skip = x.t.Sequence, 0
		return true, nil
	})
	if err == nil && p.Next == nil {
		err = st.closes(held, place.Number)
	}
	if err != nil {
		return Page{}, err
	}
	if p.Next == nil && sums != nil {
		st.take(sums.sums())
	}
	return p, nil
}

// closes holds what the buckets hold after the last line, and its number, against what the statement says.
func (s *Statement) closes(held map[Bucket]money.Minor, lines int64) error {
	var wrong error = ErrChanged
	if s.SHA256 == "" {
		wrong = errDefect
	}
	for _, b := range s.Buckets {
		if held[b.Bucket] != b.Closing {
			return fmt.Errorf("%w: its lines leave %s on %s", wrong, held[b.Bucket].Format(s.Currency), b.Bucket)
		}
	}
	if s.SHA256 != "" && lines != s.Lines {
		return fmt.Errorf("%w: it has %d lines", wrong, lines)
	}
	return nil
}
