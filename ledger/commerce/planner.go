package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Planning turns one event into the drafts of its transactions. A plan of an order's event starts from the order's state
// and carries the sequence it was read at; if the order moves on before it is posted, it is made again.

type planner struct {
	ctx     context.Context
	service *Service
	book    ledger.Book
	event   *Event
	hash    [32]byte
	// order is the state of the event's order, empty if it is new; nil for events about something else.
	order *order
	// expects are what the plan rests on beside its order: the subjects whose stories it read.
	expects []ledger.Expectation
	// fresh says that the plan may take its subject to be new; if it is not, the plan is made again.
	fresh  bool
	drafts []ledger.Draft
	// drawers are the drawers of suspense that the plan rests on, moved how much waits in those that it changes, and opened
	// those in the order in which it changed them first.
	drawers []ledger.Expectation
	moved   map[string]drawer
	opened  []string
	// under is what waits under references beside what the plan took, and cleared what it took from breaks and gave back.
	under   map[string][]waiting
	cleared []clearedNote
	// changes counts how often the plan changed what waits, and told how many of them its drafts tell.
	changes, told int
	// rehearsed says that nothing is posted: an old event is computed under other rules.
	rehearsed bool
	// waiting are donations as they waited when the plan decided what of them comes back.
	waiting []waitingDonation
	// waited says instead of the books what waited on a donation's account, where an event is played again.
	waited func(account ledger.Address) money.Minor
	// group is what is planned together with this event, nil if it is alone.
	group *group
	// explained is the reason of the event's main transaction.
	explained *explained
}

// explained is what a plan or a replay knows about the reasons of a transaction.
type explained struct {
	event         string
	order         *order
	before, after *sheet
	lines         []ledger.Line
	data          EventData
	// told tells how the amounts were computed, where no order's sheet does.
	told teller
	// trusts tell what was set aside for minors of the order.
	trusts []Step
}

// draftOf is what a plan says of one transaction.
type draftOf struct {
	event string
	kind  string // the event's type, where the transaction's event is another
	part  int
	// subject is what the transaction is about, if not what the event is about.
	subject  string
	campaign string
	// liveSession and channel are the event's own, where no order has them.
	liveSession, channel string
	// original is the period of what the event refers to (W-17).
	original ledger.Period
	lines    []ledger.Line
	data     json.RawMessage
	memo     string
	decision bool
	// computed says that the lines come from the sheet, and that before and after explain them.
	computed      bool
	before, after *sheet
	// told tells how the amounts were computed.
	told teller
	// trusts are what the lines move into the trusts of minors and out of them.
	trusts []trustMove
}

// draft adds a transaction to the plan and to the order's state.
func (p *planner) draft(d draftOf) error {
	if d.computed && d.after != nil && len(p.order.minors) > 0 {
		var err error
		if d.lines, d.trusts, err = p.keepTrust(d.lines, d.after, false); err != nil {
			return err
		}
	}
	lines, err := p.clearSuspense(d.lines, d.part)
	if err != nil {
		return err
	}
	d.lines = lines
	if err := balanced(d.lines); err != nil {
		return fmt.Errorf("commerce: %s of %s %w", d.event, p.event.Data.subject(), err)
	}
	kind := d.kind
	if kind == d.event {
		kind = ""
	}
	draft := ledger.Draft{Event: d.event, OccurredAt: p.event.OccurredAt, Subject: p.event.Data.subject(), Memo: d.memo, Lines: d.lines, Explanation: explanationOf(p.hash, kind, d.part, d.data)}
	if d.subject != "" {
		draft.Subject = d.subject
	}
	draft.Campaign, draft.LiveSession, draft.Channel, draft.OriginalPeriod = d.campaign, d.liveSession, d.channel, d.original
	if d.decision {
		draft.Authority = ledger.ByDecision
	}
	if o := p.order; o != nil && d.subject == "" {
		draft.Subject = "order:" + o.id
		draft.LiveSession, draft.Channel = o.liveSession, o.channel
		draft.OriginalPeriod = o.capturedIn
		draft.Expect = []ledger.Expectation{{Subject: draft.Subject, LastSequence: o.last}}
		o.absorb(d.lines, d.computed)
		o.ahead = true
	}
	draft.Expect = append(append(draft.Expect, p.expects...), p.drawers...)
	if d.part == 0 {
		p.explained = &explained{event: d.event, order: p.order, before: d.before, after: d.after, lines: d.lines, data: p.event.Data, told: d.told}
		if p.order != nil {
			p.explained.trusts = trustSteps(d.trusts)
		}
	}
	p.drafts = append(p.drafts, draft)
	return p.trustReductions(draft.Subject, d.trusts)
}

// maxParts bounds the transactions of an event, beside what they tell of suspense.
const maxParts = 100

// planEvent plans the event, and then tells what it moved in suspense.
func (p *planner) planEvent() error {
	if err := p.event.Data.plan(p); err != nil {
		return err
	}
	return p.tellSuspense()
}

// balanced returns an error that names the first currency in which the lines do not sum to zero.
func balanced(lines []ledger.Line) error {
	for i := range lines {
		if c := lines[i].Currency; i == 0 || c != lines[i-1].Currency {
			if sum := sumIn(lines, c); sum != 0 {
				return fmt.Errorf("does not balance by %d %s", sum, c)
			}
		}
	}
	return nil
}

// orderEvent is an event that changes an order's state. What is wrong with its data in the order's currency is noted in
// the preparation.
type orderEvent interface {
	apply(o *order, p *preparation) error
}

// apply applies the event to the order of the plan and returns the sheets before and after.
func (p *planner) apply(e orderEvent) (before, after *sheet, err error) {
	if before, err = p.order.compute(); err != nil {
		return nil, nil, err
	}
	prep := &preparation{book: p.book, currency: p.order.currency, unit: p.order.unit}
	if err := e.apply(p.order, prep); err != nil {
		return nil, nil, err
	}
	if err := prep.err(); err != nil {
		return nil, nil, err
	}
	if after, err = p.order.compute(); err != nil {
		return nil, nil, err
	}
	after, err = p.keepReleased(after)
	return before, after, err
}

// known returns ErrOrderUnknown if nothing was captured for the order, and why it cannot be computed, if it cannot.
func (p *planner) known() error {
	if len(p.order.captures) == 0 {
		return ErrOrderUnknown
	}
	return p.order.edited
}

// stored is the event's data as it is kept.
func (p *planner) stored() (json.RawMessage, error) { return json.Marshal(p.event.Data) }

// fact adds a transaction without lines.
func (p *planner) fact(event string) error {
	data, err := p.stored()
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, data: data})
}

// available returns a payee's whole available balance in the order's currency.
func (p *planner) available(position ledger.Address) (money.Minor, error) {
	kind, _, id, _ := splitPayee(position)
	return p.balance(payeeAccount(kind, bucketAvailable, id))
}

// balance is an account's balance in its favour in the order's currency, with what this plan's group posts.
func (p *planner) balance(account ledger.Address) (money.Minor, error) {
	return p.balanceIn(account, p.order.currency)
}

// balanceIn is an account's balance in its favour in a currency, with what this plan's group posts.
func (p *planner) balanceIn(account ledger.Address, c money.Currency) (money.Minor, error) {
	balance, err := p.service.look.balance(p.ctx, p.book, account, c)
	if p.group != nil {
		balance -= p.group.moved[balanceKey{account, c}]
	}
	return balance, err
}

// balance is an account's balance in its favour (credit positive), zero for one that nothing was posted to.
func (s *Service) balance(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency) (money.Minor, error) {
	page, err := s.ledger.History(ctx, book, ledger.HistoryQuery{Account: a, Currency: c, Descending: true, Limit: 1})
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		return 0, nil
	}
	if err != nil || len(page.Lines) == 0 {
		return 0, err
	}
	return -page.Lines[0].BalanceAfter, nil
}
