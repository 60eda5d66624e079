package payouts

import (
	"context"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor/simulator"
)

// A scene is the life of a payout at the border: what the world does, and what the service is asked to do.

type scene struct {
	name string
	// ends are the states in which its payout may end when only services die.
	ends []string
	play func(p *play)
}

// returnedEnd is the end of a payout that was paid and came back.
const returnedEnd = "returned"

var scenes = []scene{
	{"paid by itself", []string{Paid}, func(p *play) {
		p.payout("daily", "standard", 30000, 0)
		p.submit()
		p.pass(25 * time.Hour)
		p.follow()
		p.pass(49 * time.Hour)
		p.follow()
	}},
	{"paid as ordered", []string{Paid}, func(p *play) {
		p.payout("manual", "standard", 30000, 120)
		p.submit()
		p.pass(49 * time.Hour)
		p.follow()
	}},
	{"instant", []string{Paid}, func(p *play) {
		p.payout("manual", "instant", 30000, 300)
		p.submit()
		p.pass(11 * time.Minute)
		p.follow()
		p.poll()
	}},
	{"short of funds", []string{Paid}, func(p *play) {
		p.payout("manual", "standard", 30000, 0)
		short := p.b.purse() - 100
		p.atProcessor(-short)
		p.submit()
		p.atProcessor(short)
		p.pass(16 * time.Minute)
		p.submit()
		p.pass(49 * time.Hour)
		p.follow()
	}},
	{"account disabled", []string{Cancelled}, func(p *play) {
		p.payout("daily", "standard", 30000, 300)
		p.change(func(a *simulator.Account) { a.Capabilities["transfers"] = "inactive" })
		p.submit()
		p.submit()
	}},
	{"bank refuses", []string{Failed}, func(p *play) {
		p.payout("manual", "standard", 30000, 120)
		p.banks("account_closed", time.Hour)
		p.submit()
		p.pass(7 * time.Hour)
		p.follow()
	}},
	{"bank refuses what left by itself", []string{Failed}, func(p *play) {
		p.payout("daily", "standard", 30000, 120)
		p.banks("account_closed", time.Hour)
		p.submit()
		p.pass(25 * time.Hour)
		p.follow()
		p.pass(7 * time.Hour)
		p.follow()
	}},
	{"comes back after it was paid", []string{returnedEnd, Failed}, func(p *play) {
		p.payout("manual", "standard", 30000, 0)
		p.banks("account_closed", 60*time.Hour)
		p.submit()
		p.pass(49 * time.Hour)
		p.follow()
		p.pass(30 * time.Hour)
		p.follow()
	}},
	{"comes back in parts", []string{Failed, Paid}, func(p *play) {
		p.payout("manual", "standard", 8010, 120)
		p.change(func(a *simulator.Account) { a.Slow = 3600 })
		p.submit()
		p.pass(2 * time.Hour)
		p.takenOut(3010)
		p.change(func(a *simulator.Account) { a.PayoutsEnabled = false })
		p.follow()
		p.givenBack(3010)
		p.pass(3 * time.Hour)
		p.follow()
	}},
	{"cancelled", []string{Cancelled}, func(p *play) {
		p.payout("daily", "standard", 30000, 300)
		p.cancel()
		p.submit()
	}},
	{"a notice is read", []string{Paid}, func(p *play) {
		p.payout("manual", "standard", 30000, 0)
		p.submit()
		p.pass(49 * time.Hour)
		p.announced()
		p.readNotices()
	}},
	{"a poll finds it", []string{Paid}, func(p *play) {
		p.payout("manual", "standard", 30000, 0)
		p.submit()
		p.pass(47 * time.Hour)
		for range 110 { // so that the list has a second page
			p.atProcessor(100)
			p.atProcessor(-100)
		}
		p.pass(2 * time.Hour)
		p.poll()
	}},
	{"paid again after it failed", []string{Failed}, func(p *play) {
		p.registered()
		p.payout("manual", "standard", 30000, 0)
		p.banks("could_not_process", time.Hour)
		p.submit()
		p.pass(7 * time.Hour)
		p.follow()
		p.banks("", 0)
		p.pass(25 * time.Hour)
		p.retry()
		p.submit()
		p.pass(49 * time.Hour)
		p.follow()
	}},
}

// registered has the payee be one that is known and verified, for what is decided anew about it.
func (p *play) registered() {
	p.b.payable(p.payee)
	p.known = true
}

// payout gives the payee money and a destination, and creates the payout.
func (p *play) payout(interval, method string, amount, fee money.Minor) {
	const funds = 50000
	p.b.fund(p.payee, funds)
	p.funds = funds
	destination := p.b.account(p.payee, p.account, interval)
	if p.known {
		p.b.railHouse.known(p.account, destination)
	}
	mode := map[string]string{"daily": "automatic", "manual": "manual"}[interval]
	p.id = p.b.pay(p.payee, destination, p.account, mode, method, amount, fee)
}

// pass has time pass.
func (p *play) pass(d time.Duration) { p.b.clock.Advance(d) }

// change changes the payee's account at the processor.
func (p *play) change(f func(*simulator.Account)) {
	if err := p.b.sim.ChangeAccount(p.account, f); err != nil {
		p.b.t.Error(err)
	}
}

func (p *play) banks(code string, after time.Duration) {
	if err := p.b.sim.FailPayouts(p.account, code, after); err != nil {
		p.b.t.Error(err)
	}
}

// atProcessor moves our balance at the processor, for reasons that are none of this service's.
func (p *play) atProcessor(cents int64) { p.moved(simulator.Platform, cents) }

func (p *play) moved(account string, cents int64) {
	if _, err := p.b.sim.AddEntry(account, "adjustment", "other_adjustment", "usd", cents, p.b.clock.Now(), ""); err != nil {
		p.b.t.Error(err)
	}
}

// takenOut takes money out of the payee's account, and givenBack puts it there again.
func (p *play) takenOut(cents int64) { p.moved(p.account, -cents) }

func (p *play) givenBack(cents int64) { p.moved(p.account, cents) }

func (p *play) submit() {
	p.work("submit", func(ctx context.Context, s *Service) error { _, err := s.Submit(ctx, p.b.turn()); return err })
}

func (p *play) follow() {
	p.work("follow", func(ctx context.Context, s *Service) error { _, err := s.Follow(ctx, p.b.turn()); return err })
}

func (p *play) poll() {
	p.work("poll", func(ctx context.Context, s *Service) error { _, err := s.Poll(ctx, p.b.turn()); return err })
}

func (p *play) readNotices() {
	p.work("read notices", func(ctx context.Context, s *Service) error { _, err := s.ReadNotices(ctx, p.b.turn()); return err })
}

func (p *play) retry() {
	p.work("retry", func(ctx context.Context, s *Service) error { _, err := s.Retry(ctx, p.b.turn()); return err })
}

// announced has the processor bring its notices; whoever dies of one is heard of no more, and it is brought again.
func (p *play) announced() {
	p.work("notices", func(context.Context, *Service) error { p.b.deliver(); return nil })
}

func (p *play) cancel() {
	p.work("cancel", func(ctx context.Context, s *Service) error {
		_, err := s.Cancel(ctx, guard.Actor{Kind: guard.Person, ID: "per_ann"}, p.b.book, p.id, "no longer wanted")
		if p.died && p.b.read(p.id).State == Cancelled {
			return nil // it was cancelled by the one who died
		}
		return err
	})
}

// ledgerOf is the balance of an account of the book, debit positive.
func (b *borderHouse) ledgerOf(address ledger.Address) (sum money.Minor) {
	b.t.Helper()
	page, err := b.ledger.Balances(b.t.Context(), b.book, ledger.BalanceQuery{Prefix: string(address), Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, x := range page.Balances {
		if x.Account == address {
			sum += x.Net()
		}
	}
	return sum
}
