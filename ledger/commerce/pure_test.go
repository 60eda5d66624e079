package commerce

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Random lives without a database: the package's own planning over its own state, with the balances kept beside it. What
// only the ledger knows, such as a dispute of another order, is left out.

// pureBook is a book of one order in memory.
type pureBook struct {
	service      *Service
	book         ledger.Book
	order        *order
	sequence     int64
	balances     map[ledger.Address]money.Minor // debit positive
	transactions []ledger.Transaction
	name         string
	// byHand is what charges and adjustments moved, by position, in its favour.
	byHand positions
}

func newPureBook(book ledger.Book, name string, set *RuleSet) *pureBook {
	b := &pureBook{book: book, name: name, balances: map[ledger.Address]money.Minor{}}
	now := func() time.Time { return testNow }
	rules := NewRuleSets(nil, now)
	rules.read[b.book.ID] = &bookRules{at: testNow, own: []*RuleSet{set}, byID: map[string]*RuleSet{set.ID(): set}}
	b.service = New(nil, rules, now)
	b.service.look.balance = func(_ context.Context, _ ledger.Book, a ledger.Address, _ money.Currency) (money.Minor, error) {
		return -b.balances[a], nil
	}
	b.service.look.released = func(context.Context, ledger.Book, ledger.Address, money.Currency, []gift) (money.Minor, error) {
		return 0, nil // nothing is released beside the order
	}
	b.service.look.story = func(context.Context, ledger.Book, ledger.TransactionQuery) (ledger.TransactionPage, error) {
		return ledger.TransactionPage{}, nil // of trusts nothing was told before
	}
	b.order = &order{book: b.book, id: b.name}
	return b
}

// post plans an event and books what it says. A refused event leaves no trace.
func (b *pureBook) post(data EventData, kind string) error {
	e := Event{Type: kind, Reference: fmt.Sprintf("r%d", b.sequence+1), Data: data, OccurredAt: testNow}
	var hash [32]byte
	if kind != eventSettled {
		ready, err := b.service.prepare(b.book, &e)
		if err != nil {
			return err
		}
		hash = ready.hash
	}
	p := &planner{ctx: context.Background(), service: b.service, book: b.book, event: &e, hash: hash, order: b.order}
	before := b.order.clone()
	if err := b.plan(p); err != nil {
		var known *fault.Error
		if !errors.As(err, &known) {
			return fmt.Errorf("%s: %w", kind, err) // no refusal, but a fault of ours
		}
		b.order = before
		return errRefusedByRules
	}
	for i := range p.drafts {
		if err := b.record(&p.drafts[i], e.Reference); err != nil {
			return err
		}
	}
	b.order.last = b.sequence
	return nil
}

// errRefusedByRules says that an event cannot follow what has happened.
var errRefusedByRules = fmt.Errorf("refused")

// plan plans an event, leaving out what only the ledger knows.
func (b *pureBook) plan(p *planner) error {
	switch d := p.event.Data.(type) {
	case *CODRemitted:
		p.order = nil
		data, err := p.stored()
		if err == nil {
			err = p.draft(draftOf{event: factRecorded, kind: eventRemitted, data: data, told: d})
		}
		if p.order = b.order; err != nil {
			return err
		}
		return d.remit(p, 0)
	case *DisputeOpened:
		if err := p.known(); err != nil {
			return err
		}
		return d.open(p)
	case *RefundMade:
		if err := p.known(); err != nil {
			return err
		}
		if err := d.give(p); err != nil {
			return err
		}
		held := p.order.reserved()
		if held <= 0 {
			return nil
		}
		s, err := p.order.compute()
		if err != nil {
			return err
		}
		if target, err := p.order.reserveTarget(s); err != nil || target != 0 {
			return err
		}
		return p.coverDebt(held, -b.balances[payeeAccount("seller", bucketAvailable, p.order.seller)])
	}
	return p.event.Data.plan(p)
}

// record books a draft.
func (b *pureBook) record(d *ledger.Draft, reference string) error {
	b.sequence++
	t := ledger.Transaction{Book: b.book.Code, Sequence: b.sequence, Reference: reference, Event: d.Event, OccurredAt: d.OccurredAt, Subject: d.Subject,
		LiveSession: d.LiveSession, Channel: d.Channel, Explanation: d.Explanation, Memo: d.Memo}
	sum := money.Minor(0)
	for i, l := range d.Lines {
		if l.Amount == 0 {
			return fmt.Errorf("%s has a line of zero on %s", d.Event, l.Account)
		}
		if l.Amount%b.order.unit != 0 {
			return fmt.Errorf("%s posts %d to %s, no multiple of the posting unit", d.Event, l.Amount, l.Account)
		}
		for _, other := range d.Lines[:i] {
			if other.Account == l.Account && isPosition(l.Account) {
				return fmt.Errorf("%s posts to %s twice", d.Event, l.Account)
			}
		}
		sum += l.Amount
		b.balances[l.Account] += l.Amount
		t.Entries = append(t.Entries, ledger.Entry{Account: l.Account, Currency: l.Currency, Amount: l.Amount, ExternalRef: l.ExternalRef})
		if r := d.Event; strings.HasPrefix(r, "adjustment.") || r == eventRemitted || isCharge(r) {
			if isPosition(l.Account) {
				b.byHand.add(positionOf(l.Account), -l.Amount)
			}
		}
	}
	if sum != 0 {
		return fmt.Errorf("%s does not balance by %d", d.Event, sum)
	}
	b.transactions = append(b.transactions, t)
	return nil
}

func isCharge(event string) bool {
	for _, k := range chargeKinds {
		if k.kind == event {
			return true
		}
	}
	return false
}

// replayed is the order as its records say.
func (b *pureBook) replayed() (*order, error) {
	own := slices.DeleteFunc(slices.Clone(b.transactions), func(t ledger.Transaction) bool { return !isOrder(t.Subject) })
	o := &order{book: b.book, id: b.name, transactions: own, last: b.sequence}
	return o, b.service.replay(context.Background(), o, len(own))
}

// fingerprint is everything that decides what an order posts next, in words.
func (o *order) fingerprint() string {
	var s strings.Builder
	rate := func(r *money.Rate) string {
		if r == nil {
			return "-"
		}
		return r.String()
	}
	fmt.Fprintln(&s, o.id, o.currency, o.unit, o.seller, o.categorySet, o.tier, o.placedAt, rate(o.commissionRate), rate(o.depositRate), rate(o.finalRate), o.captures, o.rest)
	for _, c := range o.creators {
		fmt.Fprintln(&s, "creator", c.id, c.weight, c.agency, c.paidBy, c.share)
	}
	fmt.Fprintln(&s, "changes", o.attributed, o.moves, o.tiers, o.pledges, o.exchanged)
	for _, p := range o.partners {
		fmt.Fprintln(&s, "partner", p.id, p.role, rate(p.rate))
	}
	for _, l := range o.lots {
		fmt.Fprintln(&s, "lot", l)
	}
	fmt.Fprintln(&s, o.tenders, o.discounted, o.deemed, o.cancelled, len(o.bonuses), o.refunds, o.duplicates, o.cases, o.delivered, o.complete, o.anyDelivery)
	for _, x := range o.disputes {
		fmt.Fprintln(&s, "dispute", x)
	}
	fmt.Fprintln(&s, o.settledAt, o.reserve, o.goodwill, o.platformLoss, withoutZeros(o.extras), o.refundFees, o.refundFee)
	fmt.Fprintln(&s, withoutZeros(o.posted), withoutZeros(o.buckets), o.edited, o.minors)
	return s.String()
}

func withoutZeros(list positions) positions {
	out := positions{}
	for _, p := range list {
		if p.amount != 0 {
			out = append(out, p)
		}
	}
	return out
}

// life is one random order's life.
type randomLife struct {
	*dice
	*pureBook
	seed     uint64
	set      *RuleSet
	first    *OrderCaptured
	steps    []lifeStepTaken
	payments []string
	// disputeFees are all that disputes of the order cost so far.
	disputeFees money.Minor
	// trustRate is what is set aside for the order's creators, all of whom are minors then.
	trustRate money.Rate
}

func newRandomLife(book ledger.Book, seed uint64) *randomLife {
	l := &randomLife{dice: newDice(seed), seed: seed}
	l.set = l.rules()
	l.pureBook = newPureBook(book, l.dice.name, l.set)
	return l
}

// play lives the whole life. It returns what broke an invariant.
func (l *randomLife) play() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("-life.seed %d, %s: %w\n%s", l.seed, l.currency, err, l.log())
		}
	}()
	if fields := l.set.Check(); len(fields) > 0 {
		return fmt.Errorf("the dice made rules that Check refuses: %v", fields)
	}
	if err := l.capture(1); err != nil || l.first == nil {
		return err
	}
	for range 1 + l.IntN(8) {
		if err := l.step(); err != nil {
			return err
		}
	}
	if l.chance(60) {
		if err := l.end(); err != nil {
			return err
		}
	}
	return l.sameAgain()
}

func (l *randomLife) capture(number int) error {
	c := l.dice.capture(number, l.first)
	l.pay(c, l.book)
	data, kind := EventData(c), eventCaptured
	if l.chance(15) {
		data, kind = l.atTheDoor(c), eventCODDelivered
	}
	done, err := l.try(data, kind)
	if !done || err != nil {
		return err
	}
	if l.first == nil {
		l.first = c
	}
	for _, y := range c.Payments {
		if y.PaymentID != "" {
			l.payments = append(l.payments, y.PaymentID)
		}
	}
	return nil
}

// try posts an event and checks every invariant after it.
func (l *randomLife) try(data EventData, kind string) (done bool, err error) {
	l.steps = append(l.steps, lifeStepTaken{kind: kind, data: data, from: len(l.transactions)})
	taken := &l.steps[len(l.steps)-1]
	defer func() { taken.to = len(l.transactions) }()
	before, buckets := l.cash(), slices.Clone(l.order.buckets)
	was := l.order.moneyState()
	switch err := l.post(data, kind); {
	case err == errRefusedByRules:
		taken.outcome = "refused"
		return false, l.check()
	case err != nil:
		if isInvalid(err) {
			taken.outcome = "invalid"
			return false, nil
		}
		return false, err
	}
	if err := l.checkHold(data, buckets); err != nil {
		return true, err
	}
	if err := l.checkCash(data, was, l.cash()-before); err != nil {
		return true, err
	}
	return true, l.check()
}

func TestRandomLives(t *testing.T) {
	t.Parallel()
	book := newWorkbench(t, "US", "America/Chicago", lifeCurrencies...).book // lives need the book only, not the database
	if *lifeSeed != 0 {
		l := newRandomLife(book, *lifeSeed)
		if err := l.play(); err != nil {
			t.Fatal(err)
		}
		t.Log(l.log())
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := freshSeed()
	t.Logf("seeds from %d", start)
	const workers = 4
	tallies := make([]map[string]int, workers)
	for w := range workers {
		tallies[w] = map[string]int{}
	}
	t.Run("all", func(t *testing.T) {
		for w := range workers {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				t.Parallel()
				for i := w; i < *lifeCount; i += workers {
					l := newRandomLife(book, start+uint64(i))
					if err := l.play(); err != nil {
						t.Fatal(err)
					}
					l.tally(tallies[w])
				}
			})
		}
	})
	total := map[string]int{}
	for _, m := range tallies {
		for k, n := range m {
			total[k] += n
		}
	}
	t.Logf("%v", total)
	for _, kind := range []string{"order.captured", "order.cod_delivered", "cod.remitted", "refund.made", "dispute.opened", "dispute.closed", "order.settled", "payment.failed", "order.cancelled", "creator.bonus", "commission.deposit_released"} {
		if *lifeCount >= 1000 && total[kind] == 0 {
			t.Errorf("no life had %s", kind)
		}
	}
}

func (l *randomLife) tally(m map[string]int) {
	for _, taken := range l.steps {
		m[taken.kind+taken.outcome]++
	}
}
