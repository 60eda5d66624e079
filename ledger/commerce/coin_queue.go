package commerce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Coins form lots: each purchase is one, and what is spent comes from the oldest that is left. Which lot paid for
// which gift is stored nowhere. It is read from the account of the coins: what stands in it, in the order of the account.
// What was undone counts as if it had never been, so what came after it moves up.
//
// The account is read from its newest entry back. Measured from that end, the newest lots are unspent up to the account's
// balance; from there on lots and spending lie side by side, and where they overlap one paid for the other.

const (
	pageOfQueue = 1_000
	// maxOfQueue bounds the entries that are read back.
	maxOfQueue = 20_000
)

var (
	// ErrCoinHistory means that a purchase or a gift lies too far back to be followed.
	ErrCoinHistory = fault.New(fault.Conflict, "coin-history",
		"Too much was bought and spent since to find out which purchase paid for which gift. Send the list of gifts of the purchase; what is left to the store's payment, release at its time.")
	// ErrCoinGifts means that a purchase paid for other gifts than were sent, or for what is no gift.
	ErrCoinGifts = fault.New(fault.Conflict, "coin-gifts", "The purchase paid for other gifts. Send the event without gifts, or with those that it paid for.")
)

// queued is one thing that put something into an account or took it out, and stands. from and to are its place, measured
// back from the newest end.
type queued struct {
	subject, event string
	sequence       int64
	from, to       money.Minor
}

// overlap is how much of two things lies side by side.
func (x *queued) overlap(y *queued) money.Minor {
	return max(0, min(x.to, y.to)-max(x.from, y.from))
}

// coinQueue is what stands in an account, newest first, as far back as it was read.
type coinQueue struct {
	// rest is the account's balance in the direction of what comes in.
	rest money.Minor
	// in and out are what came in and what went out.
	in, out []queued
	// opens are the events that a subject begins with; its other entries change what it began with.
	opens []string
	later map[string]money.Minor
	// over says that the account was read to its beginning.
	over bool
}

// coinSubjects are the kinds of subjects that have one place in a queue however many entries they have.
var coinSubjects = []string{"coins:", "gift:", "coin_expiry:"}

// add adds the next older entry.
func (q *coinQueue) add(subject, event string, sequence int64, amount money.Minor) {
	if slices.ContainsFunc(coinSubjects, func(prefix string) bool { return strings.HasPrefix(subject, prefix) }) {
		amount += q.later[subject]
		delete(q.later, subject)
		if !slices.Contains(q.opens, event) {
			q.later[subject] = amount
			return
		}
	}
	switch x := (queued{subject: subject, event: event, sequence: sequence}); {
	case amount > 0:
		x.from = endOf(q.in, 0)
		x.to = x.from + amount
		q.in = append(q.in, x)
	case amount < 0:
		x.from = endOf(q.out, q.rest)
		x.to = x.from - amount
		q.out = append(q.out, x)
	}
}

func endOf(list []queued, start money.Minor) money.Minor {
	if len(list) == 0 {
		return start
	}
	return list[len(list)-1].to
}

// placeOf returns what a subject has in a list, nil for nothing.
func placeOf(list []queued, subject string) *queued {
	for i := range list {
		if list[i].subject == subject {
			return &list[i]
		}
	}
	return nil
}

// covers says that something was found and that all beside it was read.
func covers(x *queued, beside []queued, start money.Minor) bool {
	return x != nil && endOf(beside, start) >= x.to
}

// queueIn says which account is read as a queue.
type queueIn struct {
	account  ledger.Address
	currency money.Currency
	// debits says that debits come in and credits go out.
	debits bool
	opens  []string
	page   int
}

func coinsIn(c money.Currency) queueIn {
	return queueIn{account: accountCoins, currency: c, opens: []string{"coins.purchased", "gift.sent", "coins.expired"}, page: pageOfQueue}
}

func (in queueIn) amount(m money.Minor) money.Minor {
	if in.debits {
		return m
	}
	return -m
}

// queue reads an account back until enough is known, with what the plan's group posts. It returns ErrCoinHistory if that
// takes too many entries.
func (s *Service) queue(ctx context.Context, book ledger.Book, g *group, in queueIn, enough func(*coinQueue) bool) (*coinQueue, error) {
	q := &coinQueue{opens: in.opens, later: map[string]money.Minor{}}
	at := ledger.HistoryQuery{Account: in.account, Currency: in.currency, Descending: true, Limit: in.page}
	for read := 0; ; {
		page, err := s.ledger.History(ctx, book, at)
		if err != nil && !errors.Is(err, ledger.ErrAccountNotOpened) {
			return nil, err
		}
		if read == 0 {
			q.begin(in, g, page.Lines)
		}
		for i := range page.Lines {
			h := &page.Lines[i]
			q.add(h.Subject, h.Event, h.Sequence, in.amount(h.Amount))
			at.AfterSequence, at.AfterLine = h.Sequence, h.Line
		}
		read += len(page.Lines)
		q.over = !page.More
		switch {
		case q.over, enough(q):
			return q, nil
		case read >= s.mostQueued:
			return nil, ErrCoinHistory
		}
	}
}

// begin sets the balance and adds what the group posts, the newest first.
func (q *coinQueue) begin(in queueIn, g *group, lines []ledger.HistoryLine) {
	if len(lines) > 0 {
		q.rest = in.amount(lines[0].BalanceAfter)
	}
	if g == nil {
		return
	}
	q.rest += in.amount(g.moved[balanceKey{in.account, in.currency}])
	for _, subject := range slices.Backward(g.subjects) {
		for _, t := range slices.Backward(g.told[subject]) {
			for _, e := range slices.Backward(t.Entries) {
				if e.Account == in.account && e.Currency == in.currency {
					q.add(subject, t.Event, 0, in.amount(e.Amount))
				}
			}
		}
	}
}

// paidGift is what a purchase paid of a gift.
type paidGift struct {
	gift  string
	coins money.Minor
}

// paidGifts are the gifts that a purchase paid for and that stand, newest first.
func (p *planner) paidGifts(purchase string, c money.Currency) (list []paidGift, err error) {
	subject := "coins:" + purchase
	q, err := p.service.queue(p.ctx, p.book, p.group, coinsIn(c), func(q *coinQueue) bool { return covers(placeOf(q.in, subject), q.out, q.rest) })
	if err != nil {
		return nil, err
	}
	lot := placeOf(q.in, subject)
	if lot == nil {
		return nil, nil
	}
	for i := range q.out {
		x := &q.out[i]
		coins := lot.overlap(x)
		if coins == 0 {
			continue
		}
		id, isGift := strings.CutPrefix(x.subject, "gift:")
		if !isGift {
			return nil, ErrCoinGifts.Withf("Coins of this purchase lapsed or were taken by %s, which is no gift. Reverse that first, then send this again.", ledger.TransactionID(p.book.Code, x.sequence))
		}
		list = append(list, paidGift{id, coins})
	}
	return list, nil
}

// lotOf is what a purchase paid of a gift, and which part of the purchase that is: the coins from..to of its amount.
type lotOf struct {
	purchase         string
	from, to, amount money.Minor
}

// lotsOf are the purchases that paid for a gift, oldest first. What was never bought has no name.
func (s *Service) lotsOf(ctx context.Context, book ledger.Book, g *group, gift string, c money.Currency) (lots []lotOf, err error) {
	subject := "gift:" + gift
	q, err := s.queue(ctx, book, g, coinsIn(c), func(q *coinQueue) bool { return covers(placeOf(q.out, subject), q.in, 0) })
	if err != nil {
		return nil, err
	}
	x := placeOf(q.out, subject)
	if x == nil {
		return nil, nil
	}
	for _, lot := range slices.Backward(q.in) {
		if lot.overlap(x) == 0 {
			continue
		}
		id, bought := strings.CutPrefix(lot.subject, "coins:")
		if !bought {
			id = ""
		}
		lots = append(lots, lotOf{id, lot.to - min(lot.to, x.to), lot.to - max(lot.from, x.from), lot.to - lot.from})
	}
	return lots, nil
}

// storePaid reports whether a store has paid for a purchase: what it owes in its account is newer.
func (s *Service) storePaid(ctx context.Context, book ledger.Book, g *group, store, purchase string, c money.Currency) (bool, error) {
	subject := "coins:" + purchase
	q, err := s.queue(ctx, book, g, queueIn{account: storeAccount(store), currency: c, debits: true, opens: []string{"coins.purchased"}, page: pageOfQueue},
		func(q *coinQueue) bool { return endOf(q.in, 0) >= q.rest || placeOf(q.in, subject) != nil })
	if err != nil {
		return false, err
	}
	if x := placeOf(q.in, subject); x != nil {
		return x.from >= q.rest, nil
	}
	return true, nil
}

// agree compares the gifts that a caller named with those that a purchase paid for.
func agree(named []string, paid []paidGift) error {
	ids := make([]string, len(paid))
	for i := range paid {
		ids[i] = paid[i].gift
	}
	if len(named) == len(ids) && !slices.ContainsFunc(named, func(id string) bool { return !slices.Contains(ids, id) }) {
		return nil
	}
	if len(ids) == 0 {
		return ErrCoinGifts.With("The purchase paid for no gift that stands. Send the event without gifts.")
	}
	more := ""
	if len(ids) > 10 {
		more = fmt.Sprintf(" and %d more", len(ids)-10)
		ids = ids[:10]
	}
	return ErrCoinGifts.Withf("The purchase paid for %s%s, not for the gifts that were sent. Send the event without gifts, or with those.", strings.Join(ids, ", "), more)
}
