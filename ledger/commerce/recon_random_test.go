//go:build !race

package commerce

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Random suspense: lines of processors and banks are found, told, decided and taken back in every order, by two services. What
// waits and what cash moved is after each step what a model says that knows nothing of stories.

var (
	reconSeed  = flag.Uint64("recon.seed", 0, "play the random suspense of this seed; 0 draws one")
	reconSteps = flag.Int("recon.steps", 400, "how many steps random suspense has")
)

// reconLine is a line of a processor or bank in the model.
type reconLine struct {
	clearing
	// waits is what waits of each of its breaks, the first found first.
	waits []reconWait
	// cash is what the books have moved of it, as the line has it: more than zero in the line's direction.
	cash money.Minor
	// told is the event's last result, nil if it was not told or was reversed; took is what it took of each break.
	told *Result
	took []money.Minor
	n    int
}

type reconWait struct {
	id     string
	amount money.Minor
}

func (l *reconLine) waiting() (sum money.Minor) {
	for _, x := range l.waits {
		sum += x.amount
	}
	return sum
}

type reconGame struct {
	*workbench
	*rand.Rand
	t     *testing.T
	both  []*Service
	lines []*reconLine
	n     int
	log   []string
}

func (g *reconGame) post(e Event) Result {
	return g.both[g.IntN(2)].Post(g.t.Context(), g.book, e)
}

// find puts a part of a line, or all of it, into suspense.
func (g *reconGame) find(l *reconLine) {
	g.n++
	amount := 1 + money.Minor(g.Int64N(int64(l.cents)))
	if g.IntN(2) == 0 {
		amount = l.cents
	}
	id := fmt.Sprint("b", g.n)
	g.must(&SuspenseIn{SuspenseTerms: suspended(id, l.ref, l.side, amount.Format("GBP")), Where: l.where}, "")
	l.waits, l.cash = append(l.waits, reconWait{id, amount}), l.cash+amount
}

func (g *reconGame) must(d OwnEvent, code string) {
	g.t.Helper()
	if r := g.post(Own(d, time.Time{})); fault.CodeOf(r.Err) != code {
		g.t.Fatalf("%T: %v, want %q", d, r.Err, code)
	}
}

// tell posts the business event of a line.
func (g *reconGame) tell(l *reconLine) {
	if l.told != nil {
		return
	}
	l.n++
	r := g.post(event(g.t, l.kind, fmt.Sprint(l.ref, " ", l.n), l.data))
	if r.Err != nil {
		g.t.Fatalf("%s: %v", l.kind, r.Err)
	}
	left := l.cents
	l.told, l.took = &r, make([]money.Minor, len(l.waits))
	for i := range l.waits {
		l.took[i] = min(left, l.waits[i].amount)
		l.waits[i].amount -= l.took[i]
		left -= l.took[i]
	}
	l.cash += left
}

// untell reverses it.
func (g *reconGame) untell(l *reconLine) {
	if l.told == nil || l.kind == "dispute.opened" {
		return
	}
	if r := g.post(event(g.t, "entry.reversed", fmt.Sprint(l.ref, " undone ", l.n), fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, l.told.Transactions[0].ID()))); r.Err != nil {
		g.t.Fatalf("%s reversed: %v", l.kind, r.Err)
	}
	l.told = nil
	l.cash -= l.cents
	for i, took := range l.took {
		l.waits[i].amount += took
		l.cash += took
	}
}

// decide lets a part of what waits leave, or more than waits, which is refused.
func (g *reconGame) decide(l *reconLine) {
	if len(l.waits) == 0 {
		return
	}
	g.n++
	x := &l.waits[g.IntN(len(l.waits))]
	amount := 1 + money.Minor(g.Int64N(int64(x.amount)+2))
	if x.amount > 0 && g.IntN(3) == 0 {
		amount = x.amount
	}
	code := ""
	if amount > x.amount {
		code = ErrSuspenseLess.Code
	}
	terms, id := suspended(x.id, l.ref, l.side, amount.Format("GBP")), fmt.Sprint("d", g.n)
	to, other, direction := "expenses:bad_debt", "expenses:goodwill", "debit"
	if l.side == SideInflow {
		to, other, direction = "liabilities:unclaimed:UK", "liabilities:seller:pending:s", "credit"
	}
	returned := false
	switch g.IntN(3) {
	case 0:
		g.must(&SuspenseOut{SuspenseTerms: terms, Decision: id, Lines: []SuspenseLine{{other, direction, amount.Format("GBP")}}}, code)
	case 1:
		g.must(&SuspenseWrittenOff{terms, id, to}, code)
	default:
		returned = true
		g.must(&SuspenseReturned{terms, id}, code)
	}
	if code != "" {
		return
	}
	x.amount -= amount
	if returned {
		l.cash -= amount
	}
}

// check compares the books with the model.
func (g *reconGame) check() {
	g.t.Helper()
	want := map[string]money.Minor{}
	for _, l := range g.lines {
		want[string(suspenseAccount(l.side))] += sign(l.side) * l.waiting()
		place := l.where.account()
		if l.where.Bank == "" {
			place = "main" // what is there of it in whatever bucket
		}
		want[string(place)] -= sign(l.side) * l.cash
	}
	got := map[string]money.Minor{}
	page, err := g.ledger.Balances(g.t.Context(), g.book, ledger.BalanceQuery{Limit: 1000})
	if err != nil || page.More {
		g.t.Fatal(err, page.More)
	}
	for _, b := range page.Balances {
		a := string(b.Account)
		if strings.HasPrefix(a, "assets:processor:reserved:") {
			continue // it is the other side of a hold
		}
		if strings.HasPrefix(a, "assets:processor:") {
			a = "main"
		}
		got[a] += money.Minor(b.Debits - b.Credits)
	}
	for a, m := range want {
		if got[a] != m {
			g.t.Fatalf("%s is %d, the model says %d\n%s", a, got[a], m, strings.Join(g.log, "\n"))
		}
	}
}

func TestRandomSuspense(t *testing.T) {
	t.Parallel()
	seed := *reconSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -recon.seed=%d", seed)
	w := newWorkbench(t, "UK", "Europe/London", "GBP")
	l2 := ledger.New(w.db.Pool, ledger.Options{Now: w.now})
	t.Cleanup(func() { l2.Close(t.Context()) })
	g := &reconGame{workbench: w, Rand: rand.New(rand.NewPCG(seed, 12)), t: t, both: []*Service{w.Service, New(l2, w.rules, w.now)}}
	for i := range max(1, *reconSteps/100) {
		order := fmt.Sprint("o", i)
		for _, x := range []string{order, order + "d"} { // each is a line of its own that nobody finds
			w.post(t, "order.captured", x, reconSale(x))
			g.lines = append(g.lines, &reconLine{clearing: clearing{kind: "order.captured", ref: "pi-" + x, side: SideInflow, cents: 3000, where: atMain}, cash: 3000})
		}
		for _, x := range clearings(order) {
			g.lines = append(g.lines, &reconLine{clearing: x})
		}
	}
	for range *reconSteps {
		l := g.lines[g.IntN(len(g.lines))]
		if l.data == "" {
			continue
		}
		step := []func(*reconLine){g.find, g.tell, g.tell, g.untell, g.decide, g.decide}[g.IntN(6)]
		before := fmt.Sprint(l.waits, l.cash)
		step(l)
		g.log = append(g.log, fmt.Sprint(l.ref, " ", before, " -> ", l.waits, " ", l.cash))
		g.check()
	}
	// In the end everything is told and what was booked beside it is taken back: cash is what the processor and the bank say.
	for _, l := range g.lines {
		if l.data == "" {
			continue
		}
		if l.told == nil {
			g.tell(l)
		}
		for i := range l.waits {
			if x := &l.waits[i]; x.amount > 0 {
				g.n++
				g.must(&SuspenseReturned{suspended(x.id, l.ref, l.side, x.amount.Format("GBP")), fmt.Sprint("d", g.n)}, "")
				l.cash, x.amount = l.cash-x.amount, 0
			}
		}
	}
	g.check()
	w.verified(t)
}
