package commerce

import (
	"slices"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Who has what of a gift: what it gave to each payee, less what the payee passed on by a standing order, which the receivers
// have.

// maxSplitsOfGift bounds how often a gift is divided.
const maxSplitsOfGift = 100

// giftHolder is what a payee has of a gift, and the transactions that gave or took it.
type giftHolder struct {
	kind, id     string
	amount       money.Minor
	transactions []string
}

type giftHolders []giftHolder

// amount is what somebody has, as kind:id.
func (h giftHolders) amount(who string) money.Minor {
	for i := range h {
		if h[i].kind+":"+h[i].id == who {
			return h[i].amount
		}
	}
	return 0
}

// add adds what the entries of a transaction give to payees.
func (h *giftHolders) add(t *ledger.Transaction, c money.Currency) {
	var given positions
	for _, e := range t.Entries {
		if kind, _, id, ok := splitPayee(e.Account); ok && e.Currency == c {
			given.add(payeeAccount(kind, bucketAvailable, id), -e.Amount)
		}
	}
	for _, x := range given {
		if x.amount == 0 { // from one bucket to another
			continue
		}
		kind, _, id, _ := splitPayee(x.account)
		i := slices.IndexFunc(*h, func(y giftHolder) bool { return y.kind == kind && y.id == id })
		if i < 0 {
			i = len(*h)
			*h = append(*h, giftHolder{kind: kind, id: id})
		}
		(*h)[i].amount += x.amount
		if t.Sequence != 0 {
			(*h)[i].transactions = append((*h)[i].transactions, t.ID())
		}
	}
}

// holders reads who has what of a gift. A plan rests on the splits that it reads.
func (p *planner) holders(told *story, c money.Currency) (list giftHolders, err error) {
	for i := range told.transactions {
		list.add(&told.transactions[i], c)
	}
	splits := 0
	for i := range told.transactions {
		note := &told.transactions[i]
		if r, _, ok := recordOf(note); !ok || r.Kind != eventSplit {
			continue
		}
		if splits++; splits > maxSplitsOfGift {
			return nil, ErrStoryTooLong
		}
		by, err := storedAs[dividedBy](note)
		if err != nil {
			return nil, err
		}
		split, err := p.story("split:" + by.Split)
		if err != nil {
			return nil, err
		}
		for i := range split.transactions {
			list.add(&split.transactions[i], c)
		}
	}
	return list, nil
}
