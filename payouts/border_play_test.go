package payouts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// plan is how a scene is played: who dies where, what goes wrong, and how long it takes until another service goes on.
type plan struct {
	scene  scene
	fate   fate
	mishap mishap
	later  time.Duration
}

func (n plan) String() string {
	return fmt.Sprintf("%s: %s, %s, %s later", n.scene.name, n.fate, n.mishap, n.later)
}

// laters are the times after which another service goes on: soon, and around the day for which the processor keeps keys.
var laters = []time.Duration{11 * time.Minute, 22 * time.Hour, 23*time.Hour + 30*time.Minute, 25 * time.Hour, 31 * 24 * time.Hour}

// play is a scene while it is played.
type play struct {
	plan
	b              *borderHouse
	m              *mortal
	payee, account string
	id             string
	funds          money.Minor
	known          bool
	// died says that the mortal died; crossings and requests are what it and the play came to.
	died                bool
	crossings, requests int
	purse               int64
	book                money.Minor
}

// enact plays a plan in a house and checks what came of it.
func (b *borderHouse) enact(n plan) *play {
	b.t.Helper()
	b.begin(n.mishap)
	p := &play{plan: n, b: b, payee: fmt.Sprint("sel_", b.plays), account: fmt.Sprint("acct_", b.plays)}
	p.purse, p.book = b.purse(), b.ledgerOf(ourPurse)
	m, err := b.bear(b.drivers[0], n.fate)
	if err != nil {
		b.t.Fatal(err)
	}
	p.m = m
	b.enter(0, m)
	n.scene.play(p)
	if p.m != nil {
		p.bury()
	}
	p.requests = b.requests()
	p.resolve()
	p.check()
	return p
}

func (p *play) bury() {
	p.b.enter(0, nil)
	p.b.quiet()
	if err := p.m.bury(p.b); err != nil {
		p.b.t.Fatal(err)
	}
	p.crossings, p.m = p.m.crossed(), nil
}

func (p *play) complain(format string, args ...any) {
	p.b.t.Helper()
	p.b.complaints++
	p.b.t.Errorf("%s: %s\n%s", p.plan, fmt.Sprintf(format, args...), p.told())
}

// told is what happened to the payout.
func (p *play) told() string {
	if p.id == "" {
		return ""
	}
	text := p.b.read(p.id).State + "\n" + p.b.steps(p.id) + p.b.attempts(p.id)
	for _, again := range p.b.after(p.id) {
		text += "\nagain: " + again.State + "\n" + p.b.steps(again.ID) + p.b.attempts(again.ID)
	}
	return text
}

// work has the living service do something. If it dies of that, its leases pass, and another service does it.
func (p *play) work(what string, do func(context.Context, *Service) error) {
	p.b.t.Helper()
	if p.m != nil {
		err := do(p.m.ctx, p.m.Service)
		p.b.quiet()
		if !p.m.gone() {
			p.minds(what, err)
			return
		}
		p.died = true
		p.bury()
		p.b.leasesPass()
		p.b.clock.Advance(p.later)
	}
	p.minds(what, do(p.b.t.Context(), p.b.survivor))
	p.b.quiet()
}

// minds complains about an error where nothing went wrong on purpose.
func (p *play) minds(what string, err error) {
	if err != nil && p.mishap.at == 0 {
		p.complain("%s: %v", what, err)
	}
}

// resolveMost bounds the turns until everything is over.
const resolveMost = 60

// resolve has the survivor go on until everything is over.
func (p *play) resolve() {
	for n := range resolveMost {
		open, paid := p.open()
		if open == 0 {
			return
		}
		if paid == open {
			p.pass(10 * 24 * time.Hour) // nothing can come back any more
			p.follow()
			continue
		}
		p.submit()
		p.follow()
		if n%4 == 1 {
			p.b.deliver()
			p.readNotices()
			p.poll()
		}
		p.pass(6 * time.Hour)
	}
	p.complain("it is not resolved")
}

// open counts the payee's payouts that are not over, and those of them that only wait until nothing can come back.
func (p *play) open() (open, paid int) {
	p.b.t.Helper()
	row := p.b.db.Pool.QueryRow(p.b.t.Context(), `SELECT count(*), count(*) FILTER (WHERE state = 'paid' AND code = '') FROM payouts
		WHERE book_id = $1 AND payee = $2 AND (state NOT IN ('paid', 'failed', 'cancelled')
		   OR state = 'paid' AND code <> '' AND returned_at IS NULL OR look_at IS NOT NULL)`, p.b.book.ID, p.payee)
	if err := row.Scan(&open, &paid); err != nil {
		p.b.t.Fatal(err)
	}
	return open, paid
}

const ourPurse ledger.Address = "assets:processor:available:main"

// check holds against each other what the service says, what the ledger has, and what really happened at the processor.
func (p *play) check() {
	p.b.t.Helper()
	all := append([]Payout{p.b.read(p.id)}, p.b.after(p.id)...)
	left, done := p.funds, p.b.carried()
	for i := range all {
		took, wrong := p.b.checkOne(done, &all[i])
		if left -= took; wrong != "" {
			p.complain("%s", wrong)
		}
	}
	if n := len(all); n > 2 {
		p.complain("%d payouts pay it again", n-1)
	}
	if p.mishap.at == 0 {
		p.checkEnd(all)
	}
	for address, want := range map[ledger.Address]money.Minor{
		"assets:cash_in_transit:main": 0, ledger.Address("liabilities:payout_in_transit:" + p.payee): 0,
		ledger.Address("liabilities:seller:available:" + p.payee): left} {
		if got := p.b.ledgerOf(address); got != want {
			p.complain("%s has %d instead of %d", address, got, want)
		}
	}
	// The processor's cost of an instant payout is found by comparing, however late.
	p.b.work(p.b.Poll)
	if moved, booked := p.b.purse()-p.purse, int64(p.b.ledgerOf(ourPurse)-p.book); moved != booked {
		p.complain("our balance at the processor moved by %d, and the book's by %d", moved, booked)
	}
}

// checkEnd wants the payout to end as its scene says.
func (p *play) checkEnd(all []Payout) {
	p.b.t.Helper()
	end := all[0].State
	if end == Paid && !all[0].ReturnedAt.IsZero() {
		end = returnedEnd
	}
	for _, want := range p.scene.ends {
		if end == want {
			return
		}
	}
	p.complain("it ends %s", end)
}

// truth is what the processor carried out, by instruction.
type truth struct{ transfers, payouts map[string]simulator.Tally }

func (b *borderHouse) carried() truth {
	return truth{b.sim.Transfers(), b.sim.Payouts(processor.MetadataInstruction)}
}

// checkOne checks one payout that is over: it returns what it took of the payee's money, and what is wrong.
func (b *borderHouse) checkOne(done truth, o *Payout) (took money.Minor, wrong string) {
	b.t.Helper()
	sent, bank := done.transfers[o.ID], done.payouts[o.ID+instructionOut]
	returned := o.State == Paid && !o.ReturnedAt.IsZero()
	switch {
	case sent.Count > 1 || bank.Count > 1:
		return 0, fmt.Sprintf("%d transfers and %d payouts to the bank", sent.Count, bank.Count)
	case o.State == Paid && !returned:
		if took = o.Amount + o.Fee; sent.Count != 1 || sent.Amount != int64(o.Amount) || sent.Reversed != 0 {
			return took, fmt.Sprintf("paid with %+v", sent)
		}
		if bank.Amount != int64(o.Amount) && (bank.Count > 0 || o.Mode == "manual" && o.Retries == 0) {
			return took, fmt.Sprintf("paid to the bank with %+v", bank)
		}
	case o.State == Failed || returned:
		if sent.Count != 1 || sent.Amount != sent.Reversed || sent.Amount != int64(o.Amount) || bank.Count != 0 || o.PulledBack != o.Amount {
			return 0, fmt.Sprintf("back with %+v and %+v", sent, bank)
		}
		if returned {
			took = o.Fee // it was earned when the payout was paid
		}
	case o.State == Cancelled:
		if sent.Count != 0 {
			return 0, fmt.Sprintf("cancelled with %+v", sent)
		}
	default:
		return 0, "not over"
	}
	return took, b.checkEvidence(o)
}

// checkEvidence wants every step that says something of the processor to say how it is known.
func (b *borderHouse) checkEvidence(o *Payout) (wrong string) {
	b.t.Helper()
	steps, err := b.Steps(b.t.Context(), b.book, o.ID, 0, 100)
	if err != nil || len(steps) == 0 {
		return fmt.Sprintf("its steps cannot be read: %v", err)
	}
	if last := steps[len(steps)-1]; last.State != o.State {
		return "the last step says " + last.State
	}
	for _, s := range steps {
		switch s.State {
		case Submitted, Paid, Failed, AtAccount, Unknown, Refused:
			if s.Evidence == "" {
				return fmt.Sprintf("step %d has no evidence", s.Number)
			}
		}
	}
	var unproved int
	row := b.db.Pool.QueryRow(b.t.Context(), `SELECT count(*) FROM payout_attempts WHERE book_id = $1 AND payout = $2 AND NOT (
		state IN ('done', 'failed') AND made <> '' AND entry <> '' OR state = 'refused' AND code <> ''
		OR state = 'absent' AND cardinality(looked_at) >= 2 AND looked_at[cardinality(looked_at)] - looked_at[1] >= interval '5 minutes')`, b.book.ID, o.ID)
	if err := row.Scan(&unproved); err != nil || unproved > 0 {
		return fmt.Sprintf("%d attempts are not proved: %v", unproved, err)
	}
	return ""
}

// prove proves the whole book, but not the run of the house, which no planning has made.
func (b *borderHouse) prove() {
	b.t.Helper()
	proof, err := b.Verify(b.t.Context(), b.book)
	if err != nil {
		b.t.Error(err)
		return
	}
	for _, broken := range proof.Broken {
		if broken.Object != b.run {
			b.t.Errorf("%+v", broken)
		}
	}
	b.secret()
}

// secret complains if a secret is in the log.
func (b *borderHouse) secret() {
	if strings.Contains(b.logged.String(), "canary") {
		b.t.Error("a secret is in the log")
	}
}
