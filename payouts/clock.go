package payouts

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A clock says of one subject what of it waits for a time, and when: an order for its settlement, a gift for the end of its
// days. The rows are made of the books and can be made again from them; they decide nothing. Whether something is due is
// decided by the books, when it is done.

// Clock is one of them as it stands.
type Clock struct {
	// Subject is the business thing, as kind:id, and Act what is done to it when its time has come.
	Subject, Act string
	// DueAt is its time; zero while it has not started.
	DueAt time.Time
	// Gates are what keeps it although its time has come, in codes.
	Gates []string
	// LookAt is when it is tried next; zero if it has not started, or if people must mend something first.
	LookAt time.Time
	// Tries counts the tries that failed since the last news of the subject, and Why is the code of the last failure.
	Tries int
	Why   string
	// Sequence is the last transaction of the subject that this rests on.
	Sequence int64
}

// Parked reports whether it is tried no more until there is news of the subject or somebody asks.
func (c Clock) Parked() bool { return c.Tries >= maxTries }

// Wait is money of a payee that a clock keeps back.
type Wait struct {
	Holder
	Subject, Act string
	Amount       money.Minor
	// DueAt is when it becomes available; zero while nobody knows.
	DueAt time.Time
	// Gated says that something keeps it whatever the time, or that people must mend something first.
	Gated bool
}

// kindBeneficiary is whom a donation is for, beside the kinds of payees.
const kindBeneficiary = "beneficiary"

// reading is what the books say of a subject's clocks.
type reading struct {
	subject  string
	sequence int64
	clocks   []Clock
	// shares are the beneficiaries of a donation whose shares wait.
	shares []string
	waits  []Wait
}

// readers bounds how many subjects are read at the same time.
const readers = 4

// readSubjects reads the clocks of subjects, in their order, with what waits for them. Each subject's sequence is read
// before its books, so that a reading never claims to know more than it does.
func (s *Service) readSubjects(ctx context.Context, book ledger.Book, subjects []string) ([]reading, error) {
	if len(subjects) == 0 {
		return nil, nil
	}
	last, err := s.lastOf(ctx, book, subjects)
	if err != nil {
		return nil, err
	}
	list := make([]reading, len(subjects))
	errs := make([]error, len(subjects))
	now := s.now()
	together(readers, len(subjects), func(i int) {
		list[i], errs[i] = s.readSubject(ctx, book, subjects[i], last[subjects[i]], now)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, s.readWaits(ctx, book, list)
}

// lastNews is the last transaction of a subject.
type lastNews struct {
	sequence   int64
	recordedAt time.Time
}

// actRead stands for a subject whose books cannot be read: nothing is done for it until people have mended that.
const actRead = "read"

// readSubject reads one subject. One that cannot be read keeps nobody else waiting: it is noted as a clock that waits for
// people. Only if nothing at all can be read it is an error.
func (s *Service) readSubject(ctx context.Context, book ledger.Book, subject string, last lastNews, now time.Time) (reading, error) {
	r := reading{subject: subject, sequence: last.sequence}
	items, err := s.events.Due(ctx, book, subject)
	if err != nil && fault.CodeOf(err) == "" {
		items, err = s.events.Due(ctx, book, subject)
	}
	if err == nil {
		for _, item := range items {
			r.clocks = append(r.clocks, clockFor(book, item, r.sequence, now))
			r.shares = append(r.shares, item.Payees...)
		}
		return r, nil
	}
	if fault.KindOf(err) == fault.Unavailable || ctx.Err() != nil {
		return r, err
	}
	if _, down := s.cursor(ctx, book, cursorClocks); down != nil {
		return r, err
	}
	s.log.Error("The books of a subject cannot be read, so nothing of it becomes available.", "book", book.Code, "subject", subject, "error", err)
	r.clocks = []Clock{{Subject: subject, Act: actRead, DueAt: last.recordedAt, Tries: maxTries, Why: whyOf(err), Sequence: r.sequence}}
	return r, nil
}

// whyOf is the code of an error as it is kept.
func whyOf(err error) string {
	code := fault.CodeOf(err)
	if code == "" {
		code = "internal"
	}
	return code[:min(len(code), 64)]
}

// together calls fn for 0 to n-1, at most so many at the same time.
func together(most, n int, fn func(i int)) {
	next := make(chan int)
	var all sync.WaitGroup
	for range min(most, n) {
		all.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// maxGates bounds the gates that a row names; one of them is enough to keep it.
const maxGates = 100

// clockFor is the row of an item.
func clockFor(book ledger.Book, item commerce.DueItem, sequence int64, now time.Time) Clock {
	c := Clock{Subject: item.Subject, Act: item.Act, DueAt: item.At.UTC(), Gates: slices.Clone(item.Gates), Sequence: sequence}
	slices.Sort(c.Gates)
	c.Gates = c.Gates[:min(len(c.Gates), maxGates)]
	if item.At.IsZero() {
		c.DueAt = time.Time{}
	}
	c.LookAt = lookAt(book, c.DueAt, len(c.Gates) > 0, now)
	return c
}

// lookAt is when a clock is looked at: at its time. While a gate is open, the news of its closing brings it back; because a
// gate may be closed by something that is no news of the subject, it is looked at every midnight as well.
func lookAt(book ledger.Book, due time.Time, gated bool, now time.Time) time.Time {
	if due.IsZero() || !gated {
		return due
	}
	if now.Before(due) {
		return nextMidnight(book, due)
	}
	return nextMidnight(book, now)
}

// nextMidnight is the beginning of the book's next local day.
func nextMidnight(book ledger.Book, after time.Time) time.Time {
	y, m, d := after.In(book.Location()).Date()
	return book.DayBegins(y, m, d+1)
}

// waitsOf shares out what a subject's accounts hold: reserves wait for their release, and everything else for the subject's
// other act. What was released of a donation is told with its campaign, so that of a donation those shares count that wait still.
func (r *reading) waitsOf(held []accountSum) {
	r.waits = nil
	if strings.HasPrefix(r.subject, "tally:") {
		return // each donation of the campaign has a clock of its own
	}
	for _, h := range held {
		key, reserve, ok := waitingAt(h.Account)
		if !ok || h.Amount == 0 || key.Kind == kindBeneficiary && !slices.Contains(r.shares, key.ID) {
			continue
		}
		for _, c := range r.clocks {
			if (c.Act == commerce.ActReserve) == reserve {
				r.waits = append(r.waits, Wait{Holder: Holder{key, h.Currency}, Subject: r.subject, Act: c.Act, Amount: h.Amount, DueAt: c.DueAt})
				break
			}
		}
	}
}

// accountSum is what a subject has moved into an account, in the owner's favour.
type accountSum struct {
	Subject  string
	Account  ledger.Address
	Currency money.Currency
	Amount   money.Minor
}

// waitingAt says whose money waits in an account, if any does: what is pending, and what is reserved.
func waitingAt(a ledger.Address) (key PayeeKey, reserve, ok bool) {
	part := strings.Split(string(a), ":")
	switch {
	case len(part) == 4 && part[0] == "liabilities" && slices.Contains(earningKinds, part[1]) && (part[2] == "pending" || part[2] == "reserve"):
		return PayeeKey{part[1], part[3]}, part[2] == "reserve", true
	case len(part) == 5 && part[0] == "liabilities" && part[1] == "donation" && part[2] == "pending":
		return PayeeKey{kindBeneficiary, part[3]}, false, true
	}
	return PayeeKey{}, false, false
}

// earningKinds are the kinds of payees that earn.
var earningKinds = []string{KindSeller, KindCreator, KindAgency, KindPartner}
