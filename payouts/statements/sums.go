package statements

import (
	"context"
	"slices"
	"strings"

	"mizan/ledger/fault"
)

// What the lines of a statement come to: their totals, the orders of which nothing is left, and the memo about tax. Those of a month are
// added up when it is issued; those of days on demand when somebody asks for them.

// ErrLong means that a statement has too much to be summed up at once.
var ErrLong = fault.New(fault.TooLarge, "statement-sums-long", "These days have too many lines to be summed up at once. Ask for fewer days, or fetch their data form, which ends with the sums.")

// mostSummed bounds the transactions that are summed up at once.
const mostSummed = 5_000

// Sums are what the lines of a statement come to.
type Sums struct {
	Lines  int64
	Totals []Total
	// Nothing are the orders of which nothing is left for the payee, at most 1,000; NothingCount says how many there are.
	Nothing      []NothingLeft
	NothingCount int64
	// Tax is the memo about tax.
	Tax []TaxMemo
}

// Summed reports whether the sums are known.
func (s *Statement) Summed() bool { return s.ID != "" || s.summed }

// take takes over sums that were made of all of the statement's lines.
func (s *Statement) take(sums Sums) { s.Sums, s.summed = sums, true }

// Sum sums a statement on demand up, as an issued one is. One that is summed up already stays as it is.
//
// Errors: ErrLong, ErrBusy, ErrOld.
func (s *Service) Sum(ctx context.Context, st *Statement) error {
	if st.Summed() {
		return nil
	}
	if st.schema != Schema {
		return ErrOld
	}
	end, err := s.turns.measure()
	if err != nil {
		return err
	}
	defer end()
	return s.sumUpTo(ctx, st, mostSummed)
}

// sumUpTo is Sum of at most some transactions.
func (s *Service) sumUpTo(ctx context.Context, st *Statement, most int) error {
	sums, left, long := newTotals(), most, false
	held, err := s.walk(ctx, st, Place{}, always(walkPage), func(x *cutting) (bool, error) {
		long = left == 0
		left--
		if !long {
			sums.add(x)
		}
		return !long, nil
	})
	if err == nil && long {
		err = ErrLong
	}
	if err == nil {
		err = st.closes(held, sums.lines)
	}
	if err == nil {
		st.take(sums.sums())
	}
	return err
}

// totals sums lines up while they go by.
type totals struct {
	of           map[totalKey]*Total
	nothing      []NothingLeft
	nothingCount int64
	// gone are the orders of which nothing is left so far, to be taken back if something is left again.
	gone  map[string]bool
	tax   map[string]*TaxMemo
	lines int64
}

type totalKey struct {
	kind, code string
	bucket     Bucket
}

const (
	// mostNothing bounds the orders that are listed.
	mostNothing = 1_000
	// mostGone bounds the orders that are remembered; one above it that comes back stays counted.
	mostGone = 100_000
)

func newTotals() *totals {
	return &totals{of: map[totalKey]*Total{}, gone: map[string]bool{}, tax: map[string]*TaxMemo{}}
}

func (t *totals) add(x *cutting) {
	for i := range x.lines {
		l := &x.lines[i]
		k := totalKey{l.Type, l.Code, l.Bucket}
		if t.of[k] == nil {
			t.of[k] = &Total{Type: l.Type, Code: l.Code, Bucket: l.Bucket}
		}
		t.of[k].Lines++
		t.of[k].Amount += l.Amount
		t.lines++
	}
	switch order := x.head.Order; {
	case order == "":
	case x.something && t.gone[order]:
		delete(t.gone, order)
		t.nothingCount--
		t.nothing = slices.DeleteFunc(t.nothing, func(n NothingLeft) bool { return n.Order == order })
	case x.nothing && !x.something && !t.gone[order]:
		if len(t.gone) < mostGone {
			t.gone[order] = true
		}
		if t.nothingCount++; len(t.nothing) < mostNothing {
			t.nothing = append(t.nothing, NothingLeft{order, x.t.Event, x.t.OccurredAt})
		}
	}
	if !x.sold {
		return
	}
	for _, e := range x.t.Entries {
		rest, ok := strings.CutPrefix(string(e.Account), "liabilities:tax:")
		if !ok || e.Currency != x.head.Currency || strings.HasPrefix(rest, "withholding:") || strings.HasSuffix(rest, ":on-fees") {
			continue
		}
		if t.tax[rest] == nil {
			t.tax[rest] = &TaxMemo{Jurisdiction: rest}
		}
		if e.Amount < 0 {
			t.tax[rest].Collected -= e.Amount
		} else {
			t.tax[rest].Returned += e.Amount
		}
	}
}

// sums are what was summed up, in an order of its own.
func (t *totals) sums() (s Sums) {
	s.Lines, s.Nothing, s.NothingCount = t.lines, t.nothing, t.nothingCount
	for _, x := range t.of {
		s.Totals = append(s.Totals, *x)
	}
	for _, x := range t.tax {
		s.Tax = append(s.Tax, *x)
	}
	slices.SortFunc(s.Totals, func(a, b Total) int {
		return strings.Compare(a.Type+"\x00"+a.Code+"\x00"+string(a.Bucket), b.Type+"\x00"+b.Code+"\x00"+string(b.Bucket))
	})
	slices.SortFunc(s.Tax, func(a, b TaxMemo) int { return strings.Compare(a.Jurisdiction, b.Jurisdiction) })
	return s
}
