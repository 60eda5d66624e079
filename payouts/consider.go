package payouts

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Considering payees: gathering what a decision rests on for many of them at once, and deciding.

// candidate is a payee in a run with what was found and decided.
type candidate struct {
	holding
	facts    facts
	to       Destination
	policy   *Policy
	inputs   Inputs
	decision Decision
}

// occasion is why somebody is considered: the run, the market's policy, and what was asked for.
type occasion struct {
	run    Run
	policy *Policy
	// local is the run's day where the policy holds.
	local   string
	method  string
	wanted  money.Minor
	retryOf *RetryFacts
	// byHand says that somebody of the staff asked for the payout.
	byHand bool
}

// occasionOf is the occasion of a run in which everybody is decided about.
func occasionOf(run Run, p *Policy) occasion {
	day := run.CreatedAt
	if !run.Period.IsZero() {
		day = run.Period
	}
	return occasion{run: run, policy: p, local: p.LocalDate(day), method: MethodStandard}
}

// consider decides about holders whose balances were read. With a context of Within it reads in that transaction.
func (s *Service) consider(ctx context.Context, book ledger.Book, o occasion, list []holding) ([]candidate, error) {
	if len(list) == 0 {
		return nil, nil
	}
	now := s.now()
	holders, payees, known := make([]Holder, len(list)), []PayeeKey(nil), map[PayeeKey]bool{}
	for i, h := range list {
		holders[i] = h.Holder
		if !known[h.PayeeKey] {
			known[h.PayeeKey] = true
			payees = append(payees, h.PayeeKey)
		}
	}
	facts, err := s.factsOf(ctx, book, payees, now)
	if err != nil {
		return nil, err
	}
	outlooks, err := s.outlooks(ctx, book, holders)
	if err != nil {
		return nil, err
	}
	out := make([]candidate, len(list))
	for i, h := range list {
		c, err := s.considerOne(ctx, book, o, h, facts[h.PayeeKey], outlooks[i], now)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// considerOne decides about one holder. One about whom that ends in a panic waits, like one whose facts contradict themselves.
func (s *Service) considerOne(ctx context.Context, book ledger.Book, o occasion, h holding, f facts, out outlook, now time.Time) (c candidate, err error) {
	decide := func(fit func() error) func() error {
		return func() error {
			c = candidate{holding: h, facts: f, policy: o.policy, to: f.destinationIn(string(h.Currency)), inputs: inputsOf(o, h, f, out, now)}
			if err := fit(); err != nil {
				return err
			}
			c.decision = Decide(c.policy, c.inputs)
			return nil
		}
	}
	names := []any{"book", book.Code, "kind", h.Kind, "payee", h.ID}
	err = s.safely(decide(func() error {
		if err := c.agree(o.policy); err != nil {
			s.log.ErrorContext(ctx, "the exception of a payee does not fit the policy; the payee waits", names...)
		}
		err := c.inputs.Check()
		if err == nil {
			return nil
		}
		s.log.ErrorContext(ctx, "the facts of a payee contradict themselves; the payee waits", append(names, "error", err)...)
		c.inputs.waits()
		return c.inputs.Check()
	}), names...)
	if errors.Is(err, errPanicked) {
		err = s.safely(decide(func() error {
			c.inputs.waits()
			return c.inputs.Check()
		}), names...)
	}
	return c, err
}

// waits leaves out what makes no sense, and pauses the payee: one whose facts contradict themselves keeps nobody else waiting.
func (in *Inputs) waits() {
	in.Destination, in.Guardian, in.Next, in.Debt = nil, nil, NextFacts{}, DebtFacts{}
	in.Holds = []HoldFacts{{Kind: HoldPause, Category: "facts"}}
	b := &in.Balances
	for _, m := range []*money.Minor{&b.Pending, &b.AvailableAtCutoff, &b.AvailableNow, &b.Reserve, &b.DisputeHold, &b.Blocked, &b.MinorTrust, &b.InTransit} {
		*m = min(max(*m, -money.Max), money.Max)
	}
}

// agree takes the exception of the payee into the policy. One that does not fit any more keeps the payee waiting: nobody
// knows which terms hold.
func (c *candidate) agree(p *Policy) error {
	if len(c.facts.Override) == 0 {
		return nil
	}
	override, err := ParseOverride(c.facts.Override)
	if err == nil && override.Kind != c.Kind {
		return nil
	}
	var own *Policy
	if err == nil {
		own, err = p.With(override)
	}
	if err != nil {
		c.inputs.Holds = append(c.inputs.Holds, HoldFacts{Kind: HoldPause, Category: "override"})
		return err
	}
	c.policy = own
	c.inputs.Run.NextAt = own.NextRun(c.Kind, c.inputs.Run.DecidedAt)
	return nil
}

// inputsOf is what a decision about the holder rests on.
func inputsOf(o occasion, h holding, f facts, out outlook, now time.Time) Inputs {
	in := Inputs{
		Run: RunFacts{ID: o.run.ID, Trigger: o.run.Trigger, ByHand: o.byHand, Method: o.method, Wanted: o.wanted, CutoffAt: o.run.CutOff, DecidedAt: now,
			LocalDate: o.local, NextAt: o.policy.NextRun(h.Kind, now)},
		Payee: PayeeFacts{Kind: h.Kind, ID: h.ID, Currency: h.Currency, Country: f.Country, Registered: f.Registered, State: f.Standing.Business, Minor: f.Minor},
		Balances: BalanceFacts{Pending: h.now[inPending], AvailableAtCutoff: h.cutOff[inAvailable], AvailableNow: h.now[inAvailable],
			// What is never below zero may be so by an alarm; it adds nothing then.
			Reserve: max(h.now[inReserve], 0), DisputeHold: max(h.now[inDisputeHold], 0), Blocked: max(h.now[inBlocked], 0),
			MinorTrust: max(h.now[inMinorTrust], 0), InTransit: max(h.inTransit, 0)},
		Verification: verifiedFacts(f.Standing),
		Holds:        f.holdsIn(string(h.Currency)),
		Debt:         DebtFacts{Amount: out.debt, Since: out.since},
		RetryOf:      o.retryOf,
		Unit:         h.Currency.PayoutUnit(),
	}
	if in.Payee.State == "" {
		in.Payee.State = PayeeOpen
	}
	if out.act == "reserve" {
		in.Next.ReleaseAt = out.due
	} else {
		in.Next.SettlementAt = out.due
	}
	to := destinationFacts(f.destinationIn(string(h.Currency)))
	switch {
	case !f.Minor:
		in.Destination = to
	case f.Guardian != "":
		in.Guardian = &GuardianFacts{ID: f.Guardian, Verification: verifiedFacts(f.GuardianStanding), Destination: to}
	}
	return in
}

func verifiedFacts(st Standing) VerifiedFacts {
	if st.Verification == "" {
		return VerifiedFacts{State: IdentityUnverified}
	}
	return VerifiedFacts{State: st.Verification, Category: st.Category}
}

// destinationFacts is what a decision may know of a destination, nil if there is none.
func destinationFacts(d Destination) *DestinationFacts {
	if d.ID == "" {
		return nil
	}
	return &DestinationFacts{ID: d.ID, State: d.State, Rail: d.Rail, Currencies: d.Currencies, ActiveSince: d.ActiveSince.UTC(), CoolingUntil: d.CoolingUntil.UTC(),
		NameMatch: d.NameMatch, First: d.FirstPaidAt.IsZero(), DisabledFor: d.DisabledCode}
}

// holdingsOf reads all balances of known holders.
func (s *Service) holdingsOf(ctx context.Context, book ledger.Book, holders []Holder, at int64) ([]holding, error) {
	var addresses, currencies []string
	for _, h := range holders {
		for _, b := range buckets {
			addresses, currencies = append(addresses, string(h.bucket(b))), append(currencies, string(h.Currency))
		}
		addresses, currencies = append(addresses, string(inTransit(h.ID))), append(currencies, string(h.Currency))
	}
	read, err := s.balancesOf(ctx, book, addresses, currencies, at)
	if err != nil {
		return nil, err
	}
	list := make([]holding, len(holders))
	for i, h := range holders {
		own := read[i*(bucketCount+1) : (i+1)*(bucketCount+1)]
		list[i].Holder = h
		for b := range bucketCount {
			list[i].now[b], list[i].cutOff[b] = own[b].now, own[b].cutOff
		}
		list[i].inTransit = own[bucketCount].now
	}
	return list, nil
}

// addTransit adds what is on its way to holders that were walked over.
func (s *Service) addTransit(ctx context.Context, book ledger.Book, list []holding, at int64) error {
	var addresses, currencies []string
	for _, h := range list {
		addresses, currencies = append(addresses, string(inTransit(h.ID))), append(currencies, string(h.Currency))
	}
	read, err := s.balancesOf(ctx, book, addresses, currencies, at)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].inTransit = read[i].now
	}
	return nil
}

// inTransit is the account of what is on its way to a receiver.
func inTransit(receiver string) ledger.Address {
	return ledger.Address("liabilities:payout_in_transit:" + receiver)
}
