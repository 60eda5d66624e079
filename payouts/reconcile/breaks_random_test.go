package reconcile

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

var (
	breaksSeed  = flag.Uint64("breaks.seed", 0, "play the random life of breaks of this seed")
	breaksSteps = flag.Int("breaks.steps", 100, "how many steps a random life of breaks has")
)

// breakLife is a random life: what the processor shows, what the business said, and what was made of it.
type breakLife struct {
	*breakHouse
	rand    *rand.Rand
	keys    []string
	shown   map[string]money.Minor
	line    map[string]int64
	in      map[string]money.Currency
	events  map[string]commerce.Result
	undone  map[string]bool
	other   *Service
	counted map[string]int
	hands   int
}

// Suspense is what waits of breaks after every step of a random life, whoever does what in which order, and at the end the cash of
// the books is what the processor shows, with nothing counted twice.
func TestSuspenseInRandomLives(t *testing.T) {
	t.Parallel()
	seed := *breaksSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-breaks.seed=%d", seed)
	h := newBreakHouse(t)
	l := &breakLife{breakHouse: h, rand: rand.New(rand.NewPCG(seed, 9)), shown: map[string]money.Minor{}, line: map[string]int64{}, in: map[string]money.Currency{}, events: map[string]commerce.Result{},
		undone: map[string]bool{}, other: h.another(), counted: map[string]int{}}
	for range *breaksSteps {
		l.step()
		l.even()
		l.clock.advance(time.Minute)
	}
	l.end()
	t.Log(l.counted)
}

func (l *breakLife) service() *Service {
	if l.rand.IntN(2) == 0 {
		return l.other
	}
	return l.Service
}

// expected reports whether an act may be refused so.
func (l *breakLife) expected(err error) {
	l.Helper()
	switch fault.CodeOf(err) {
	case ErrBreakState.Code, commerce.ErrSuspenseLess.Code, ledger.ErrReferenceReused.Code, errOvertaken.Code, "not-last", "approval-changed", ErrBreakInvalid.Code:
	default:
		l.ok(err)
	}
}

// act counts how often an act succeeded.
func (l *breakLife) act(name string, err error) {
	l.Helper()
	l.expected(err)
	if err == nil {
		l.counted[name]++
	}
}

func (l *breakLife) step() {
	switch l.rand.IntN(13) {
	case 0, 1, 2:
		l.show()
	case 3, 4:
		l.reconcile()
	case 5, 6:
		l.say()
	case 7:
		_, err := l.service().Clear(l.Context(), breaksTurn, l.book)
		l.act("clear", err)
	case 8, 9:
		l.decide()
	case 10:
		l.undo()
	case 11:
		l.atOnce()
	case 12: // a month ends meanwhile, now and then
		l.clock.advance(time.Duration(l.rand.IntN(15*24)) * time.Hour)
	}
}

// show has the processor show another line.
func (l *breakLife) show() {
	key := fmt.Sprintf("txn_%d", 1000+len(l.keys))
	net := money.Minor(l.rand.IntN(100_000) - 50_000)
	if net == 0 {
		net = 1
	}
	c := []money.Currency{"USD", "USD", "EUR"}[l.rand.IntN(3)]
	l.keys = append(l.keys, key)
	l.shown[key], l.in[key], l.line[key] = net, c, l.breakHouse.line(1, key, c, net)
}

// booked is what the books have of a key on the processor's accounts.
func (l *breakLife) booked(key string) (n money.Minor) {
	l.Helper()
	l.ok(l.db.Pool.QueryRow(l.Context(), `SELECT coalesce(sum(e.amount), 0)::bigint FROM accounts a JOIN entries e ON e.book_id = a.book_id AND e.account_id = a.id
	WHERE a.book_id = $1 AND a.address LIKE 'assets:processor:%' AND e.external_ref = $2`, l.book.ID, key).Scan(&n))
	return n
}

// findings are what a run finds by comparing each key.
func (l *breakLife) findings() (list []Finding) {
	for _, key := range l.keys {
		if d := l.shown[key] - l.booked(key); d != 0 {
			list = append(list, l.missing(l.line[key], key, l.in[key], d))
		}
	}
	return list
}

func (l *breakLife) reconcile() {
	s := l.service()
	_, err := l.tryRun(s, l.source, l.findings())
	l.act("run", err)
	if l.rand.IntN(4) > 0 {
		out, err := s.Settle(l.Context(), breaksTurn, l.book, l.source)
		l.act("settle", err)
		l.counted["suspended"] += out.Suspended
	}
}

// say has the business record its own event of a line, before or after it was found.
func (l *breakLife) say() {
	if len(l.keys) == 0 {
		return
	}
	key := l.keys[l.rand.IntN(len(l.keys))]
	if _, done := l.events[key]; done {
		return
	}
	r := l.adjusted(key, l.in[key], l.shown[key])
	l.ok(r.Err)
	l.events[key] = r
	l.counted["event"]++
}

// undo reverses a business event.
func (l *breakLife) undo() {
	if undone := l.undoing(); undone != nil {
		l.act("undo", undone())
	}
}

// undoing is the reversal of some business event, nil for none.
func (l *breakLife) undoing() func() error {
	for _, key := range slices.Sorted(maps.Keys(l.events)) {
		if l.undone[key] || l.rand.IntN(3) > 0 {
			continue
		}
		l.undone[key] = true
		e := commerce.Event{Type: "entry.reversed", Reference: "undo:" + key, Data: &commerce.EntryReversed{Transaction: postedAs(l.events[key]), Reason: "wrong"}}
		return func() error { return l.record.Post(l.Context(), l.book, e).Err }
	}
	return nil
}

// someBreak is any break.
func (l *breakLife) someBreak() (Break, bool) {
	list, err := l.Breaks(l.Context(), l.book, BreakQuery{Limit: MaxBreaks})
	l.ok(err)
	if len(list) == 0 {
		return Break{}, false
	}
	return list[l.rand.IntN(len(list))], true
}

func (l *breakLife) decide() {
	b, ok := l.someBreak()
	if !ok {
		return
	}
	switch l.rand.IntN(5) {
	case 0:
		_, err := l.service().Explain(l.Context(), breaksAnn, l.book, b.ID, b.Step, Explanation{Note: "It is known.", ClearBy: l.now().Add(time.Hour)})
		l.act("explain", err)
	case 1:
		_, err := l.service().Reopen(l.Context(), breaksAnn, l.book, b.ID, b.Step, "Look again.")
		l.act("reopen", err)
	default:
		act, payload := l.proposal(&b)
		a, err := l.ask(act, payload)
		l.act(act+" asked", err)
		if err == nil {
			_, err = l.approve(breaksBen, a)
			l.act(act, err)
		}
	}
}

// proposal is how two people would end a break, of all or a part of what waits.
func (l *breakLife) proposal(b *Break) (string, any) {
	waits, came := b.Suspense, b.Suspense < 0
	if waits == 0 {
		waits, came = -b.Amount, b.Amount > 0
	}
	amount := max(waits, -waits)
	if amount > 1 && l.rand.IntN(2) == 0 {
		amount = 1 + money.Minor(l.rand.Int64N(int64(amount)))
	}
	text := amount.Format(b.Currency)
	if b.Suspense == 0 && l.rand.IntN(3) == 0 { // somebody posts what puts it right, or half of it, and names it
		l.hands++
		if l.rand.IntN(4) > 0 {
			amount = max(waits, -waits)
		}
		if !came {
			amount = -amount
		}
		return ActFix, fixPayload{Break: b.ID, Transaction: l.byHand(fmt.Sprint("hand:", l.hands), "assets:processor:available:main", b.Left, b.Currency, amount)}
	}
	if l.rand.IntN(3) == 0 {
		to := "expenses:bad_debt"
		if came {
			to = "liabilities:unclaimed:US-NY"
		}
		return ActWriteOff, writeOffPayload{Break: b.ID, To: to, Amount: text}
	}
	if l.rand.IntN(5) == 0 {
		return ActFix, fixPayload{Break: b.ID, Returned: true, Amount: text}
	}
	line := commerce.SuspenseLine{Account: "expenses:processor_fee", Direction: "debit", Amount: text}
	if came {
		line.Direction = "credit"
	}
	return ActFix, fixPayload{Break: b.ID, Amount: text, Lines: []commerce.SuspenseLine{line}}
}

// atOnce has two services, a business event and two people at work at the same time.
func (l *breakLife) atOnce() {
	findings := l.findings()
	b, some := l.someBreak()
	var act string
	var payload any
	if some {
		act, payload = l.proposal(&b)
	}
	key := ""
	if len(l.keys) > 0 {
		key = l.keys[l.rand.IntN(len(l.keys))]
	}
	_, told := l.events[key]
	undone := l.undoing()
	var wg sync.WaitGroup
	errs := make([]error, 6)
	var result commerce.Result
	wg.Go(func() {
		if _, errs[0] = l.tryRun(l.Service, l.source, findings); errs[0] == nil {
			_, errs[0] = l.Settle(l.Context(), breaksTurn, l.book, l.source)
		}
	})
	wg.Go(func() { _, errs[1] = l.other.Settle(l.Context(), payouts.Turn{}, l.book, l.source) })
	wg.Go(func() { _, errs[2] = l.other.Clear(l.Context(), breaksTurn, l.book) })
	if key != "" && !told {
		wg.Go(func() { result = l.adjusted(key, l.in[key], l.shown[key]); errs[3] = result.Err })
	}
	if undone != nil {
		wg.Go(func() { errs[5] = undone() })
	}
	if some {
		wg.Go(func() {
			a, err := l.ask(act, payload)
			if err == nil {
				_, err = l.approve(breaksBen, a)
			}
			errs[4] = err
		})
	}
	wg.Wait()
	for i, err := range errs {
		l.act("at once "+strconv.Itoa(i), err)
	}
	if key != "" && !told {
		l.events[key] = result
	}
}

// end lets everything come to rest, and holds cash against what the processor shows: each key is there once, if it was not decided
// that the books had it already.
func (l *breakLife) end() {
	l.Helper()
	for range 2 {
		l.ok(second(l.Clear(l.Context(), breaksTurn, l.book)))
		l.run(l.source, l.findings()...)
		l.ok(second(l.Settle(l.Context(), breaksTurn, l.book, l.source)))
	}
	l.even()
	open := map[string]bool{}
	list, err := l.Breaks(l.Context(), l.book, BreakQuery{Open: true, Limit: MaxBreaks})
	l.ok(err)
	for _, b := range list {
		open[b.Left] = true
	}
	for _, key := range l.keys {
		if booked := l.booked(key); booked != l.shown[key] && !open[key] {
			l.Errorf("%s: the books have %d, the processor shows %d, and no break is open", key, booked, l.shown[key])
		}
	}
}

func second[T any](_ T, err error) error { return err }
