package commerce

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The orders of a payee, the newest first: each stands where the payee's pending account moved for it first. The account is
// walked back from its end, so a page costs a page, however much others sell.

// Bounds of a page of own orders.
const (
	// entriesOfPage is how many entries are looked at for a page at most: filters may leave a page short, and the next one goes on.
	// Orders are read as the page lacks, and fewestOwn together at least.
	entriesOfPage = 160
	fewestOwn     = 20
)

// OwnOrderQuery chooses orders of a payee in one currency.
type OwnOrderQuery struct {
	Payee    PayeeRef
	Currency money.Currency
	// Stands keeps those that stand so, one of the Stands words; empty for all.
	Stands string
	// AfterSequence and AfterLine name the last entry already looked at, 0 for the newest.
	AfterSequence int64
	AfterLine     int
	// Limit bounds the page, 1 to 100.
	Limit int
}

// OwnOrderPage is a page of own orders, without their moves.
type OwnOrderPage struct {
	Orders []OwnOrderOf
	// More says that there may be others; AfterSequence and AfterLine are where to go on.
	More          bool
	AfterSequence int64
	AfterLine     int
}

// OwnOrderOf is a share in a list. Err says why it cannot be told; then only its Order is known. One order that cannot be read
// keeps nobody from the others.
type OwnOrderOf struct {
	*OwnOrder
	Err error
}

// OwnOrders returns a page of the orders of a payee. Who was never given anything has none.
func (s *Service) OwnOrders(ctx context.Context, book ledger.Book, q OwnOrderQuery) (page OwnOrderPage, err error) {
	account := payeeAccount(q.Payee.Kind, bucketPending, q.Payee.ID)
	page.AfterSequence, page.AfterLine = q.AfterSequence, q.AfterLine
	history, err := s.ledger.History(ctx, book, ledger.HistoryQuery{Account: account, Currency: q.Currency, AfterSequence: page.AfterSequence, AfterLine: page.AfterLine, Descending: true, Limit: entriesOfPage})
	if errors.Is(err, ledger.ErrAccountNotOpened) {
		return page, nil
	}
	if err != nil {
		return page, err
	}
	page.More = history.More
	read := &ownOrdersRead{service: s, book: book, who: q.Payee, account: account, asked: map[string]bool{}, first: map[string]entryPlace{},
		stories: &stories{ledger: s.ledger, book: book, upTo: math.MaxInt64, together: map[string][]ledger.Transaction{}}}
	for rest := history.Lines; len(rest) > 0; {
		lines := rest[:entriesAbout(rest, max(q.Limit-len(page.Orders), fewestOwn))]
		rest = rest[len(lines):]
		found, err := read.at(ctx, lines)
		if err != nil {
			return page, err
		}
		for i, line := range lines {
			page.AfterSequence, page.AfterLine = line.Sequence, line.Line
			if one := found[i]; one != nil && (q.Stands == "" || one.Err == nil && one.Stands == q.Stands) {
				page.Orders = append(page.Orders, *one)
			}
			if len(page.Orders) == q.Limit {
				page.More = history.More || i+1 < len(lines) || len(rest) > 0
				return page, nil
			}
		}
	}
	return page, nil
}

// mayBeFirst reports whether an entry may be the first that an order gave its account: a settlement never is.
func mayBeFirst(line *ledger.HistoryLine) bool {
	_, isOrder := orderID(line.Subject)
	return isOrder && line.Event != eventSettled
}

// entriesAbout is how many of the entries are about so many orders: all of them if there are no more orders.
func entriesAbout(lines []ledger.HistoryLine, orders int) int {
	known := map[string]bool{}
	for i := range lines {
		if mayBeFirst(&lines[i]) {
			if known[lines[i].Subject] = true; len(known) > orders {
				return i
			}
		}
	}
	return len(lines)
}

// entryPlace is where an entry stands; the zero value is nowhere.
type entryPlace struct {
	sequence int64
	line     int
}

// ownOrdersRead is what was read of orders for one page.
type ownOrdersRead struct {
	service *Service
	book    ledger.Book
	who     PayeeRef
	account ledger.Address
	stories *stories
	// asked are the subjects whose stories were read together, and first where an order first moved the account, once its story was told;
	// nowhere for one that is too long to be told, which is listed at the first entry that was met.
	asked map[string]bool
	first map[string]entryPlace
}

// together reads the stories of the orders that the entries may be the first of, except those that the page has read.
func (r *ownOrdersRead) together(ctx context.Context, lines []ledger.HistoryLine) error {
	var subjects []string
	for i := range lines {
		if mayBeFirst(&lines[i]) && !r.asked[lines[i].Subject] {
			r.asked[lines[i].Subject] = true
			subjects = append(subjects, lines[i].Subject)
		}
	}
	more, err := r.service.storiesOf(ctx, r.book, subjects, r.stories.upTo)
	if err != nil {
		return err
	}
	maps.Copy(r.stories.together, more.together)
	return nil
}

// at are the shares of the orders that first moved the account with one of its entries, by the entry's place in the list.
func (r *ownOrdersRead) at(ctx context.Context, lines []ledger.HistoryLine) (map[int]*OwnOrderOf, error) {
	if err := r.together(ctx, lines); err != nil {
		return nil, err
	}
	found := map[int]*OwnOrderOf{}
	for i := range lines {
		line := &lines[i]
		if !mayBeFirst(line) {
			continue
		}
		here := entryPlace{line.Sequence, line.Line}
		if first, known := r.first[line.Subject]; known && first != here {
			continue
		}
		id, _ := orderID(line.Subject)
		story, err := r.stories.of(ctx, line.Subject)
		if err != nil {
			if !errors.Is(err, errOrderTooLong) {
				return nil, err
			}
			r.first[line.Subject] = entryPlace{}
			found[i] = &OwnOrderOf{&OwnOrder{Order: id}, errOwnTooLong}
			continue
		}
		r.first[line.Subject] = firstOf(story, r.account, line.Currency)
		if r.first[line.Subject] != here {
			continue
		}
		one, err := r.service.ownOrder(ctx, r.book, r.who, id, story, false)
		if err != nil {
			if passes(ctx, err) {
				return nil, err
			}
			one = &OwnOrder{Order: id}
		}
		found[i] = &OwnOrderOf{one, err}
	}
	return found, nil
}

// firstOf is where a story first moves an account; nowhere if it does not.
func firstOf(story []ledger.Transaction, account ledger.Address, currency money.Currency) (at entryPlace) {
	for i := range story {
		for _, e := range story[i].Entries {
			if e.Account == account && e.Currency == currency {
				return entryPlace{story[i].Sequence, e.Line}
			}
		}
	}
	return at
}

// creditsOf is the sum of an account's credits after the last that a story gave it.
func creditsOf(story []ledger.Transaction, account ledger.Address) (credits money.Minor) {
	for i := range story {
		for _, e := range story[i].Entries {
			if e.Account == account && e.Amount < 0 {
				credits = max(credits, money.Minor(e.DebitsAfter)-e.BalanceAfter)
			}
		}
	}
	return credits
}

// ErrAskedOfLong means that an order is too long to be asked about.
var ErrAskedOfLong = fault.New(fault.Conflict, "return-too-long",
	fmt.Sprintf("The order has more than %d transactions, so what a return would change is not computed. Nothing was changed. Read the order to see what of it is yours.", mostMoves))

// OwnOrderAfter tells what a refund would do to a payee's share of an order, and leaves nothing behind: the last moves of the share
// that it returns are those of the refund. It returns ErrOrderUnknown for an order in which the payee has no part, ErrAskedOfLong for
// one of more than 200 transactions, and the refund's own errors.
func (s *Service) OwnOrderAfter(ctx context.Context, book ledger.Book, who PayeeRef, refund RefundMade) (share *OwnOrder, refunded []ledger.Transaction, err error) {
	if !ledger.IsSegment(refund.Order) || !ledger.IsSegment(who.ID) {
		return nil, nil, ErrOrderUnknown
	}
	known, err := s.ownTransactions(ctx, book, who, refund.Order)
	if err != nil {
		return nil, nil, err
	}
	if len(known) == 0 {
		return nil, nil, ErrOrderUnknown
	}
	long := len(known) > mostMoves
	refund.Refund = "what-if-" + strconv.FormatInt(known[len(known)-1].Sequence, 10)
	if !long {
		var results []Result
		if results, err = s.DryRun(ctx, book, []Event{{Type: "refund.made", Reference: "what-if:" + refund.Order + ":" + refund.Refund, Data: &refund}}, true); err == nil {
			refunded, err = results[0].Transactions, results[0].Err
		}
	}
	if long || err != nil { // whoever has no part is told neither
		if _, none := s.ownOrder(ctx, book, who, refund.Order, known, false); none != nil {
			return nil, nil, none
		}
		if err == nil {
			err = ErrAskedOfLong
		}
		return nil, nil, err
	}
	all := append(known[:len(known):len(known)], refunded...)
	share, err = s.ownOrder(ctx, book, who, refund.Order, all, true)
	return share, refunded, err
}
