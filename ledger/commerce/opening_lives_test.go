//go:build !race

package commerce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Random orders that are taken over in the middle of their lives: what comes later posts exactly what it would have posted
// had the whole life been lived in one book.

// openedBefore bounds how many steps of a life are taken over.
const openedBefore = 6

// takenOver is the first part of a life as an open order, with the book in which the part was lived.
type takenOver struct {
	lived *pureBook
	order *OpeningOrder
	steps int
}

// again is the data of a step as if it were sent anew.
func (s *lifeStepTaken) again(t *testing.T) EventData {
	if d, ok := s.data.(*settled); ok {
		c := *d
		c.given = nil
		return &c
	}
	return event(t, s.kind, "r", s.text()).Data
}

// takeOver lives the first steps of a life in a book of its own and says what an opening says of them. It stops before
// what an opening cannot say.
func (l *randomLife) takeOver(t *testing.T, steps int) *takenOver {
	t.Helper()
	o := &takenOver{lived: newPureBook(l.book, l.dice.name, l.set), order: &OpeningOrder{}}
	now := time.Time{}
	next := func(at time.Time) bool {
		ok := at.After(now)
		now = at
		return ok
	}
	for i := range min(steps, len(l.steps)) {
		s := &l.steps[i]
		if s.outcome != "" {
			o.steps++
			continue
		}
		data := s.again(t)
		switch d := data.(type) {
		case *OrderCaptured:
			if i > 0 || !next(d.PlacedAt) {
				return o.close(t)
			}
			o.order.Terms = *event(t, s.kind, "r", s.text()).Data.(*OrderCaptured)
		case *OrderDelivered:
			if !d.LastParcel || o.order.DeliveredAt != (time.Time{}) || !next(d.DeliveredAt) {
				return o.close(t)
			}
			o.order.DeliveredAt = d.DeliveredAt
		case *settled:
			at := time.UnixMicro(d.At).UTC()
			if o.order.SettledAt != (time.Time{}) || !next(at) {
				return o.close(t)
			}
			o.order.SettledAt = at
		case *RefundMade:
			next(now.Add(time.Microsecond))
			o.order.Refunds = append(o.order.Refunds, OpeningRefund{MadeAt: now, Refund: *event(t, s.kind, "r", s.text()).Data.(*RefundMade)})
		case *DisputeOpened:
			if !moreThanZero(d.Amount) {
				return o.close(t)
			}
			o.order.Dispute = event(t, s.kind, "r", s.text()).Data.(*DisputeOpened)
		default:
			return o.close(t)
		}
		if err := o.lived.post(data, s.kind); err != nil {
			t.Fatalf("-life.seed %d: %v", l.seed, err)
		}
		o.steps++
		if o.order.Dispute != nil { // what it holds was decided when it was opened
			break
		}
	}
	return o.close(t)
}

// close says what was posted and what is kept.
func (o *takenOver) close(t *testing.T) *takenOver {
	t.Helper()
	was := o.lived.order
	if len(was.captures) == 0 {
		return o
	}
	var posted positions
	for _, b := range was.buckets {
		posted.add(positionOf(b.account), b.amount)
	}
	for _, p := range posted {
		if p.amount == 0 {
			continue
		}
		direction := "credit"
		if p.amount < 0 {
			direction = "debit"
		}
		o.order.Posted = append(o.order.Posted, OpeningPosted{Account: string(p.account), Direction: direction, Amount: max(p.amount, -p.amount).Format(was.currency)})
	}
	if kept := was.reserved(); kept > 0 {
		o.order.Reserve = &OpeningReserve{Amount: kept.Format(was.currency), Rate: was.reserve.rate.String(), ReleaseAt: was.reserve.releaseAt}
	}
	return o
}

// reopened is a book that begins with the open order, and with what the lived one has of everything else.
func (o *takenOver) reopened(t *testing.T, l *randomLife) *pureBook {
	t.Helper()
	b := newPureBook(l.book, l.dice.name, l.set)
	b.service.look.disputed = func(context.Context, ledger.Book, string, money.Currency) (string, error) {
		return "", ErrDisputeUnknown
	}
	text, err := json.Marshal(o.order) // as a caller sends it
	if err != nil {
		t.Fatal(err)
	}
	sent := &OpeningOrder{}
	if err := json.Unmarshal(text, sent); err != nil {
		t.Fatal(err)
	}
	if err := b.post(sent, eventOpenedOrder); err != nil {
		t.Fatalf("-life.seed %d: the opening: %v\n%s\n%s", l.seed, err, text, l.log())
	}
	if len(sent.opened.differ) > 0 {
		t.Fatalf("-life.seed %d: what was posted differs by %v\n%s\n%s", l.seed, sent.opened.differ, text, l.log())
	}
	for a, amount := range o.lived.balances {
		if _, bucket, _, payee := splitPayee(a); payee && bucket == bucketAvailable || !isPosition(a) && !strings.HasPrefix(string(a), "assets:receivable:dispute:") {
			b.balances[a] += amount
		} else if payee && b.balances[a] != amount {
			t.Fatalf("-life.seed %d: %s opens with %d, it had %d\n%s\n%s", l.seed, a, b.balances[a], amount, text, l.log())
		}
	}
	return b
}

// standing is what of an order's state an opening carries.
func (o *order) standing() string {
	nets := func(list positions) positions {
		list = slices.DeleteFunc(slices.Clone(list), func(p position) bool { return p.amount == 0 })
		slices.SortFunc(list, func(a, b position) int { return strings.Compare(string(a.account), string(b.account)) })
		return list
	}
	return fmt.Sprint(o.lots, o.tenders, o.refunds, o.cancelled, o.settledAt, o.delivered, o.disputes, "\nextras ", nets(o.extras), "\nposted ", nets(o.posted), "\nbuckets ", nets(o.buckets))
}

// TestOpenedLikeLived takes random orders over and lives on in both books.
func TestOpenedLikeLived(t *testing.T) {
	t.Parallel()
	book := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...).book
	start, count := freshSeed(), 4_000
	if *lifeSeed != 0 {
		start, count = *lifeSeed, 1
	}
	t.Logf("seeds from %d", start)
	told := map[string]int{}
	for i := range count {
		l := newRandomLife(book, start+uint64(i))
		if err := l.play(); err != nil {
			t.Fatal(err)
		}
		o := l.takeOver(t, 1+int(l.seed%openedBefore))
		if len(o.lived.order.captures) == 0 || len(o.order.Posted) == 0 {
			continue // nothing was sold, or nobody had anything of it
		}
		b := o.reopened(t, l)
		for name, is := range map[string]bool{"settled": !o.order.SettledAt.IsZero(), "reserve": o.order.Reserve != nil, "refunds": len(o.order.Refunds) > 0, "dispute": o.order.Dispute != nil} {
			if is {
				told[name]++
			}
		}
		for j := o.steps; j < len(l.steps); j++ {
			s := &l.steps[j]
			fail := func(format string, args ...any) {
				t.Helper()
				t.Fatalf("-life.seed %d, taken over after %d, step %d %s: %s\n%s", l.seed, o.steps, j, s.kind, fmt.Sprintf(format, args...), l.log())
			}
			from, fromOpened := len(o.lived.transactions), len(b.transactions)
			lived, opened := o.lived.post(s.again(t), s.kind), b.post(s.again(t), s.kind)
			if fmt.Sprint(lived) != fmt.Sprint(opened) {
				fail("lived %v, opened %v", lived, opened)
			}
			if got, want := entriesOf(b.transactions[fromOpened:]), entriesOf(o.lived.transactions[from:]); sortedLines(got) != sortedLines(want) {
				fail("opened\n%s\nlived\n%s", got, want)
			}
			if lived == nil {
				told["later "+s.kind]++
			}
			if got, want := b.order.standing(), o.lived.order.standing(); got != want {
				fail("opened\n%s\nlived\n%s", got, want)
			}
		}
		again, err := b.replayed()
		if err != nil || again.standing() != b.order.standing() {
			t.Fatalf("-life.seed %d: read back %v\n%s\nand it was\n%s", l.seed, err, again.standing(), b.order.standing())
		}
	}
	t.Logf("%v", told)
	for _, what := range []string{"settled", "reserve", "refunds", "dispute", "later refund.made", "later order.settled", "later dispute.opened", "later dispute.closed"} {
		if count > 1 && told[what] == 0 {
			t.Errorf("no order had %s", what)
		}
	}
}

// sortedLines is a text with its lines in order.
func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
