package statements

import (
	"context"
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What a settlement is made of. To the ledger it moves a sum from pending to available; the payee of a payout asks how the sum came about. It
// is what came to wait for it: the lines of the order's earlier transactions on the pending account, since nothing was left there. They sum
// to what the settlement moves, because they are lines of the entries that it empties. What it puts elsewhere, as into the reserve, is a line
// of its own.

const (
	eventSettled = "order.settled"
	// mostOfStory bounds the transactions of an order that are read for its settlement. One that comes later in the order's story is told as the
	// move that it is.
	mostOfStory = 200
	// storiesPage is how many orders are read together.
	storiesPage = 20
)

// pendingBeside is the account on which waited what came to one of a payee's accounts of a sale; empty beside all others.
func pendingBeside(payee string, a ledger.Address) ledger.Address {
	kind := kindOf(a)
	if kind == "" {
		return ""
	}
	return ledger.Address("liabilities:" + kind + ":" + string(Pending) + ":" + payee)
}

// readWaiting reads what came to wait for each settlement among the transactions of a payout, and cuts it into lines.
func (s *Service) readWaiting(ctx context.Context, st *Statement, all []*cutting) error {
	var settlements []*cutting
	for _, x := range all {
		if x.t.Event == eventSettled && x.t.Reverses == 0 && x.t.Subject != "" {
			settlements = append(settlements, x)
		}
	}
	for page := range slices.Chunk(settlements, storiesPage) {
		waiting := make([][]int64, len(page))
		var sequences []int64
		stories, err := s.stories(ctx, st, page)
		if err != nil {
			return err
		}
		for i, x := range page {
			waiting[i] = x.since(stories[x.t.Subject])
			sequences = append(sequences, waiting[i]...)
		}
		slices.Sort(sequences)
		lines := map[int64][]Line{}
		for some := range slices.Chunk(slices.Compact(sequences), walkPage) {
			cut, err := s.cutter(ctx, st, some)
			if err != nil {
				return err
			}
			for _, n := range some {
				x, err := cut(n)
				if err != nil {
					return err
				}
				lines[n] = x.lines
			}
		}
		for i, x := range page {
			for _, n := range waiting[i] {
				x.waiting = append(x.waiting, lines[n]...)
			}
		}
	}
	return nil
}

// stories reads the stories of some settlements' orders, from their beginning: those that cannot be read together one by one.
func (s *Service) stories(ctx context.Context, st *Statement, page []*cutting) (map[string][]ledger.Transaction, error) {
	var subjects []string
	for _, x := range page {
		subjects = append(subjects, x.t.Subject)
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	stories, err := s.ledger.Stories(ctx, st.book, subjects, page[len(page)-1].t.Sequence, mostOfStory)
	if err != nil {
		return nil, err
	}
	for _, subject := range subjects {
		if _, known := stories[subject]; known {
			continue
		}
		one, err := s.ledger.Transactions(ctx, st.book, ledger.TransactionQuery{Subject: subject, Limit: mostOfStory})
		if err != nil {
			return nil, err
		}
		stories[subject] = one.Transactions
	}
	return stories, nil
}

// since are the transactions of an order's story that the settlement settles: those that moved what waits of it after it was last nothing.
// None if the story does not reach the settlement.
func (x *cutting) since(story []ledger.Transaction) (sequences []int64) {
	at := slices.IndexFunc(story, func(t ledger.Transaction) bool { return t.Sequence == x.t.Sequence })
	if at < 0 {
		return nil
	}
	left := map[ledger.Address]money.Minor{}
	for _, t := range story[:at] {
		moved := false
		for _, e := range t.Entries {
			if e.Currency == x.head.Currency && e.Account == pendingBeside(x.payee, e.Account) {
				left[e.Account] -= e.Amount
				moved = true
			}
		}
		if !moved {
			continue
		}
		waits := false
		for _, m := range left {
			waits = waits || m != 0
		}
		if sequences = append(sequences, t.Sequence); !waits {
			sequences = nil
		}
	}
	return sequences
}

// settled are the lines of one of a settlement's entries by what they are made of; nil where that is not known, or does not come to the entry.
func (x *cutting) settled(all []Line, line int) (parts []Line) {
	at := slices.IndexFunc(x.t.Entries, func(e ledger.Entry) bool { return e.Line == line })
	if at < 0 || len(x.waiting) == 0 {
		return nil
	}
	entry, sum := x.t.Entries[at], money.Minor(0)
	id, pending := entryID(x.t, line), pendingBeside(x.payee, entry.Account)
	put := func(l Line) {
		l.PostedAt, l.Entry, l.Bucket, l.account, l.sequence = x.head.PostedAt, id, bucketOf(entry.Account), entry.Account, x.t.Sequence
		parts, sum = append(parts, l), sum+l.Amount
	}
	for _, l := range x.waiting {
		if l.account == pending {
			put(l)
		}
	}
	waited := sum
	for _, l := range all { // what the settlement itself gives or takes, as for a pledge
		if l.Code != CodeMove && pendingBeside(x.payee, l.account) == pending {
			put(l)
		}
	}
	for _, e := range x.t.Entries {
		switch {
		case e.Line == line || e.Currency != x.head.Currency || !owns(x.payee, e.Account) || pendingBeside(x.payee, e.Account) != pending:
		case e.Account == pending:
			waited -= e.Amount
		default:
			l := x.head
			l.Code, l.Amount, l.RuleVersion = CodeMove, e.Amount, ""
			l.Note = x.note(string(Pending) + " to " + string(bucketOf(e.Account)))
			put(l)
		}
	}
	if pending == "" || waited != 0 || sum != -entry.Amount {
		return nil
	}
	return parts
}
