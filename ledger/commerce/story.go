package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A story is what a subject other than an order has been through: a donation, a gift, a campaign's match, a brand's sale.
// Like an order's state it is stored nowhere: it is read from the subject's own transactions when an event is planned, and
// the plan carries the sequence it was read at. Whoever reads a story rests on it: if another event of the subject comes
// first, the plan is made again.

// story is the transactions of a subject that stand, oldest first: without what was reversed and the reversals.
type story struct {
	subject      string
	transactions []ledger.Transaction
	last         int64 // the subject's last recorded sequence
}

const (
	pageOfStory = 200
	// maxOfStory bounds the transactions of one subject that are read.
	maxOfStory = 5_000
)

// ErrStoryTooLong means that a subject has more transactions than are read to plan one more.
var ErrStoryTooLong = fault.New(fault.Conflict, "story-too-long",
	"This has more transactions than can be followed. Use another id for what comes next, or post it as a transaction.")

// errRecordedBefore means that the story holds the planned event already: it is answered as the first time.
var errRecordedBefore = errors.New("commerce: this event was recorded before")

// story reads a subject's story. The plan rests on it from then on. In a group it goes on with what the group's earlier
// events add.
func (p *planner) story(subject string) (*story, error) {
	s := &story{subject: subject}
	for {
		page, err := p.service.look.story(p.ctx, p.book, ledger.TransactionQuery{Subject: subject, After: s.last, Limit: pageOfStory})
		if err != nil {
			return nil, err
		}
		s.transactions = append(s.transactions, page.Transactions...)
		if n := len(s.transactions); n > 0 {
			s.last = s.transactions[n-1].Sequence
		}
		if !page.More {
			break
		}
		if len(s.transactions) > maxOfStory {
			return nil, ErrStoryTooLong
		}
	}
	if slices.ContainsFunc(s.transactions, func(t ledger.Transaction) bool { return t.Reference == p.event.Reference }) {
		return nil, errRecordedBefore
	}
	if !slices.ContainsFunc(p.expects, func(e ledger.Expectation) bool { return e.Subject == subject }) {
		p.expects = append(p.expects, ledger.Expectation{Subject: subject, LastSequence: s.last})
	}
	undone := (&order{transactions: s.transactions}).undone()
	var told []ledger.Transaction
	if p.group != nil {
		for _, t := range p.group.told[subject] {
			if t.Reverses == 0 {
				told = append(told, t)
				continue
			}
			if undone == nil {
				undone = map[int64]bool{}
			}
			undone[t.Reverses] = true
		}
	}
	if undone != nil {
		s.transactions = slices.DeleteFunc(s.transactions, func(t ledger.Transaction) bool { return undone[t.Sequence] })
	}
	s.transactions = append(s.transactions, told...)
	return s, nil
}

// begun reports whether anything of the story stands.
func (s *story) begun() bool { return len(s.transactions) > 0 }

// chapters are the transactions of a kind of event that stand, without their further parts.
func (s *story) chapters(kind string) []*ledger.Transaction {
	var list []*ledger.Transaction
	for i := range s.transactions {
		if r, _, ok := recordOf(&s.transactions[i]); ok && r.Kind == kind && r.Part == 0 {
			list = append(list, &s.transactions[i])
		}
	}
	return list
}

// first is the first transaction of a kind that stands, nil if there is none.
func (s *story) first(kind string) *ledger.Transaction {
	if list := s.chapters(kind); len(list) > 0 {
		return list[0]
	}
	return nil
}

// named are the transactions that stand and were recorded under an event's name, of whatever part.
func (s *story) named(event string) []*ledger.Transaction {
	var list []*ledger.Transaction
	for i := range s.transactions {
		if s.transactions[i].Event == event {
			list = append(list, &s.transactions[i])
		}
	}
	return list
}

// net is what the story has given an account in a currency: a credit is positive. What a hold keeps counts as available.
func (s *story) net(a ledger.Address, c money.Currency) (sum money.Minor) {
	for i := range s.transactions {
		for _, e := range s.transactions[i].Entries {
			if asAvailable(e.Account) == a && e.Currency == c {
				sum -= e.Amount
			}
		}
	}
	return sum
}

// nets is what the story has given each account in a currency, in the order they were first named.
func (s *story) nets(c money.Currency) (list positions) {
	for i := range s.transactions {
		for _, e := range s.transactions[i].Entries {
			if e.Currency == c {
				list.add(asAvailable(e.Account), -e.Amount)
			}
		}
	}
	return list
}

// storedAs reads what a transaction's record keeps.
func storedAs[T any](t *ledger.Transaction) (out T, err error) {
	r, _, ok := recordOf(t)
	if !ok {
		return out, ErrOrderEdited.Withf("Transaction %s was not recorded by an event.", t.ID())
	}
	return out, json.Unmarshal(r.Data, &out)
}

// foretold is a draft as if it were recorded, for the events of a group that come after it.
func foretold(reference string, d *ledger.Draft) ledger.Transaction {
	t := ledger.Transaction{Reference: reference, Event: d.Event, OccurredAt: d.OccurredAt, Subject: d.Subject, LiveSession: d.LiveSession,
		Channel: d.Channel, Campaign: d.Campaign, Memo: d.Memo, Reverses: d.Reverses, Explanation: d.Explanation}
	for i, l := range d.Lines {
		t.Entries = append(t.Entries, ledger.Entry{Line: i + 1, Account: l.Account, Currency: l.Currency, Amount: l.Amount, ExternalRef: l.ExternalRef})
	}
	return t
}

// lastOf is the last transaction of a subject whose record carries its state on, nil for a subject that nothing is
// recorded about. The plan rests on it from then on. However long the story is, it reads one transaction, and more only
// after reversals.
func (p *planner) lastOf(subject string) (*ledger.Transaction, error) {
	last, sequence, err := p.service.lastOf(p.ctx, p.book, subject)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.expects, func(e ledger.Expectation) bool { return e.Subject == subject }) {
		p.expects = append(p.expects, ledger.Expectation{Subject: subject, LastSequence: sequence})
	}
	if p.group != nil {
		if told := p.group.told[subject]; len(told) > 0 {
			last = &told[len(told)-1]
		}
	}
	return last, nil
}

// lastOf is the last transaction of a subject that stands, and the sequence of the very last one.
func (s *Service) lastOf(ctx context.Context, book ledger.Book, subject string) (last *ledger.Transaction, sequence int64, err error) {
	return s.lastBefore(ctx, book, subject, 0)
}

// lastBefore is lastOf as it was before a sequence, 0 for now.
func (s *Service) lastBefore(ctx context.Context, book ledger.Book, subject string, before int64) (last *ledger.Transaction, sequence int64, err error) {
	q := ledger.TransactionQuery{Subject: subject, Descending: true, After: before, Limit: 1}
	var read []ledger.Transaction
	for {
		page, err := s.look.story(ctx, book, q)
		if err != nil {
			return nil, 0, err
		}
		read = append(read, page.Transactions...)
		if len(read) == 0 {
			return nil, 0, nil
		}
		undone := (&order{transactions: read}).undone()
		for i := range read {
			if !undone[read[i].Sequence] { // a reversal comes after what it undoes, so it has been read
				return &read[i], read[0].Sequence, nil
			}
		}
		if !page.More {
			return nil, read[0].Sequence, nil
		}
		if len(read) > maxOfStory {
			return nil, 0, ErrStoryTooLong
		}
		q.After, q.Limit = read[len(read)-1].Sequence, pageOfStory
	}
}
