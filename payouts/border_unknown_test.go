package payouts

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts/processor/simulator"
)

// Payouts whose outcomes are unknown, by the thousand: the first sendings of each of their orders end without an answer
// that tells what was done. Two services look after them, and die; others go on, some of them when the processor has
// forgotten the keys.

// unknownKinds are the ways in which a sending ends without an answer that settles it.
var unknownKinds = []simulator.Kind{simulator.DropBefore, simulator.ExecuteThenDrop, simulator.ExecuteThen500, simulator.Fail500,
	simulator.Conflict409, simulator.Truncate, simulator.Slow, simulator.Empty200}

// unknownLaters are the times after which other services go on.
var unknownLaters = []time.Duration{time.Minute, 22 * time.Hour, 23*time.Hour + 30*time.Minute, 25 * time.Hour, 31 * 24 * time.Hour}

// unknowns plays batches of payouts with unknown outcomes.
func (c *borderCampaign) unknowns(t *testing.T) {
	var batches []int
	left, size := unknownsOfSample, unknownsOfSample/2
	if *borderLong {
		left, size = max(unknownsAtOnce, unknownsOfAll**borderShare/100), unknownsAtOnce
	}
	for n := 0; left > 0; n, left = n+1, left-size {
		batches = append(batches, n)
	}
	var mu sync.Mutex
	next := func() (n int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(batches) == 0 {
			return 0, false
		}
		n, batches = batches[0], batches[1:]
		return n, true
	}
	more := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(batches) > 0 && !t.Failed()
	}
	c.houses(t, more, func(b *borderHouse) {
		for range batchesInHouse {
			n, ok := next()
			if !ok || b.t.Failed() {
				return
			}
			u := &batch{b: b, c: c, n: n, random: rand.New(rand.NewPCG(c.seed, uint64(n)))}
			u.play(size)
		}
	})
}

// batch is a number of such payouts in one house.
type batch struct {
	b      *borderHouse
	c      *borderCampaign
	n      int
	random *rand.Rand
	ids    []string
	funds  money.Minor
}

// roundsOfBatch is how often two services live and die over a batch.
const roundsOfBatch = 5

// batchesInHouse bounds the batches in one house.
const batchesInHouse = 4

func (u *batch) play(count int) {
	u.b.t.Helper()
	u.b.begin(mishap{})
	u.create(count)
	for round := range roundsOfBatch {
		u.twoLives(count)
		later := unknownLaters[(u.n+round)%len(unknownLaters)]
		if round > 0 {
			later = unknownLaters[u.random.IntN(len(unknownLaters))]
		}
		u.c.report.add("unknown: resumed after "+later.String(), 1)
		u.b.clock.Advance(later)
	}
	for n := 0; !u.b.settled(u.ids); n++ {
		if n == resolveMost {
			u.b.t.Errorf("batch %d of seed %d is not resolved", u.n, u.c.seed)
			break
		}
		u.survive()
	}
	u.check()
}

// survive has a service that does not die go on.
func (u *batch) survive() {
	s := u.b.survivor
	u.b.leasesPass()
	_, _ = s.Submit(u.b.t.Context(), u.b.turn()) // a turn may fail; the next one goes on
	_, _ = s.Follow(u.b.t.Context(), u.b.turn())
	u.b.quiet()
	u.b.clock.Advance(time.Duration(1+u.random.IntN(36)) * time.Hour)
}

// twoLives has two services work at the same time until they are done or dead.
func (u *batch) twoLives(count int) {
	var wg sync.WaitGroup
	lives := make([]*mortal, survives)
	for i := range lives {
		// Early deaths are as frequent as late ones, in a life of few crossings as in one of many.
		f := fate{at: int(math.Exp(u.random.Float64() * math.Log(float64(40*count)))), after: u.random.IntN(2) == 1}
		m, err := u.b.bear(u.b.drivers[i], f)
		if err != nil {
			u.b.t.Fatal(err)
		}
		lives[i] = m
		u.b.enter(i, m)
		wg.Go(func() {
			_, _ = m.Submit(m.ctx, u.b.turn()) // it may be dead by then
			_, _ = m.Follow(m.ctx, u.b.turn())
		})
	}
	wg.Wait()
	u.b.quiet()
	for i, m := range lives {
		u.b.enter(i, nil)
		if m.gone() {
			u.c.report.add("unknown: deaths", 1)
		}
		u.c.report.add("crossings", m.crossed())
		if err := m.bury(u.b); err != nil {
			u.b.t.Fatal(err)
		}
	}
	u.b.leasesPass()
}

// create makes the payouts of a batch.
func (u *batch) create(count int) {
	u.b.t.Helper()
	b := u.b
	var orders []order
	lines := []ledger.Line{}
	for i := range count {
		payee, account := fmt.Sprintf("sel_%d_%d", b.plays, i), fmt.Sprintf("acct_%d_%d", b.plays, i)
		amount, fee := money.Minor(1000+u.random.IntN(90_000)), money.Minor(u.random.IntN(300))
		u.funds += amount + fee
		lines = append(lines, ledger.Line{Account: ledger.Address("liabilities:seller:available:" + payee), Amount: -amount - fee, Currency: "USD"})
		interval, mode := "manual", "manual"
		if i%5 == 0 {
			interval, mode = "daily", "automatic"
		}
		d := b.account(payee, account, interval)
		if i%4 == 0 {
			if err := b.sim.FailPayouts(account, "account_closed", time.Duration(1+u.random.IntN(80))*time.Hour); err != nil {
				b.t.Fatal(err)
			}
		}
		orders = append(orders, order{holder: Holder{PayeeKey{"seller", payee}, "USD"}, receiver: payee, source: commerce.SourceAvailable,
			part: 1 + i, amount: amount, fee: fee, method: MethodStandard, destination: d, rail: "connected", account: account, mode: mode})
	}
	u.fund(lines)
	for part := range slices.Chunk(orders, 50) {
		err := b.db.Pool.Tx(b.t.Context(), func(tx pgx.Tx) error {
			if err := b.ledger.LockTx(b.t.Context(), tx, b.book); err != nil {
				return err
			}
			list, err := b.createTx(b.t.Context(), tx, "test", b.book, b.run, part)
			for _, p := range list {
				u.ids = append(u.ids, p.ID)
			}
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	u.misfortunes()
}

// fund gives the payees their money, and us the same at the processor.
func (u *batch) fund(lines []ledger.Line) {
	b := u.b
	b.t.Helper()
	for part := range slices.Chunk(lines, 50) {
		var sum money.Minor
		for _, l := range part {
			sum -= l.Amount
		}
		part = append(slices.Clone(part), ledger.Line{Account: ourPurse, Amount: sum, Currency: "USD"})
		out := b.ledger.Post(b.t.Context(), b.book, ledger.Submission{Reference: newID("open"), Drafts: []ledger.Draft{{Event: "opening.balance", Lines: part}}})
		if out.Err != nil {
			b.t.Fatal(out.Err)
		}
	}
	b.charge(int64(u.funds))
}

// misfortunes says what goes wrong with the sendings of every order.
func (u *batch) misfortunes() {
	wrongs := map[string][]simulator.Kind{}
	for i, id := range u.ids {
		for n, ending := range []string{"", instructionOut, instructionBack} {
			wrongs[id+ending] = []simulator.Kind{unknownKinds[(i+n+u.n)%len(unknownKinds)]}
			if u.random.IntN(3) == 0 {
				wrongs[id+ending] = append(wrongs[id+ending], unknownKinds[u.random.IntN(len(unknownKinds))])
			}
		}
	}
	u.b.gate.Lock()
	defer u.b.gate.Unlock()
	u.b.wrongs = wrongs
}

// check wants every payout resolved, once, with evidence, and every cent accounted for.
func (u *batch) check() {
	b := u.b
	b.t.Helper()
	done, left := b.carried(), u.funds
	for i, id := range u.ids {
		p := b.read(id)
		took, wrong := b.checkOne(done, &p)
		left -= took
		u.c.report.add("unknown: "+p.State, 1)
		u.c.report.add("transfers", done.transfers[id].Count)
		for n, ending := range []string{"", instructionOut, instructionBack} {
			met := []string{"transfer", "payout", "reversal"}[n]
			if left := len(b.wrongs[id+ending]); left == 0 {
				u.c.report.add("unknown: "+met+" "+string(unknownKinds[(i+n+u.n)%len(unknownKinds)]), 1)
			}
		}
		if wrong != "" {
			b.t.Errorf("payout %d of batch %d of seed %d: %s\n%s%s", i, u.n, u.c.seed, wrong, b.steps(id), b.attempts(id))
		}
	}
	u.c.report.add("payouts", len(u.ids))
	page, err := b.ledger.Balances(b.t.Context(), b.book, ledger.BalanceQuery{Prefix: fmt.Sprintf("liabilities:seller:available:sel_%d_", b.plays), Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, x := range page.Balances {
		left -= x.Net()
	}
	if left != 0 {
		b.t.Errorf("batch %d of seed %d: %d cents are missing at the payees", u.n, u.c.seed, left)
	}
	for _, prefix := range []string{"assets:cash_in_transit", fmt.Sprintf("liabilities:payout_in_transit:sel_%d_", b.plays)} {
		page, err := b.ledger.Balances(b.t.Context(), b.book, ledger.BalanceQuery{Prefix: prefix, Limit: 1000})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, x := range page.Balances {
			if x.Net() != 0 {
				b.t.Errorf("batch %d of seed %d: %s has %d", u.n, u.c.seed, x.Account, x.Net())
			}
		}
	}
	if moved, booked := b.purse(), int64(b.ledgerOf(ourPurse)); moved != booked {
		b.t.Errorf("batch %d of seed %d: our balance at the processor is %d, and the book's %d", u.n, u.c.seed, moved, booked)
	}
	if strings.Contains(b.logged.String(), "carried out more than once") {
		b.t.Errorf("batch %d of seed %d: an order was carried out more than once", u.n, u.c.seed)
	}
}
