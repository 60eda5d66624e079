package commerce

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Block flags: a hold that wants money which is not available yet raises a flag on the payee. What would become available
// from then on goes to blocked instead, until the hold has what it wants or the flag is taken down (M-27).

// eventHoldFilled is the fact that an event put money of a flagged payee into blocked. It stands in the flag's own story, so
// that two events never fill the same want.
const eventHoldFilled = "hold.filled"

// blockPart numbers the facts about flags among the transactions of an event, after those about trusts.
const blockPart = 100

// maxBlocks bounds the open flags of one payee that are looked at.
const maxBlocks = 100

var (
	// ErrBlockExists means that a hold has raised another flag.
	ErrBlockExists = fault.New(fault.Conflict, "block-exists", "This hold has raised a flag with other terms already. Look at the hold; a further amount is a hold of its own.")
	// ErrBlockUnknown means that a hold has raised no flag.
	ErrBlockUnknown = fault.New(fault.NotFound, "block-unknown", "This hold has raised no flag. Check its id.")
)

// Block is a flag on a payee.
type Block struct {
	// Hold is the hold that raised it: one flag each.
	Hold string
	// Kind and Payee are whose money is caught.
	Kind, Payee string
	// Currency is the only one that is caught; empty means every one.
	Currency money.Currency
	// Wanted is how much is still to come when the flag is raised; zero means everything. An amount needs a currency.
	Wanted money.Minor
	// PlacedAt is when the flag was raised, ReleasedAt when it was taken down; the zero time while it stands.
	PlacedAt, ReleasedAt time.Time
}

func (b *Block) judge(book ledger.Book) error {
	p := &preparation{book: book}
	p.id("/hold", b.Hold, true)
	p.payee(b.Kind, b.Payee)
	if b.Currency != "" && !book.Uses(b.Currency) {
		p.bad("/currency", "currency-not-enabled", "The book does not post in this currency. Use one of the book's currencies.")
	}
	if b.Wanted < 0 || b.Wanted > maxEventAmount {
		p.bad("/wanted", "range", "A hold wants an amount above zero, or everything.")
	}
	if b.Wanted > 0 && b.Currency == "" {
		p.bad("/currency", "required", "A hold that wants an amount says in which currency.")
	}
	return p.err()
}

func blockSubject(hold string) string { return "block:" + hold }

// filled is such a fact as it is kept.
type filled struct {
	Hold     string         `json:"hold"`
	Source   string         `json:"source"`
	Kind     string         `json:"kind"`
	Payee    string         `json:"payee"`
	Currency money.Currency `json:"currency"`
	Amount   cents          `json:"amount"`
	// Totals is what the flag has caught with this, by currency.
	Totals map[money.Currency]cents `json:"totals"`
}

// blockMove is what an event puts into blocked for a flag, as the event keeps it.
type blockMove struct {
	Hold     string         `json:"h"`
	Account  ledger.Address `json:"a"`
	Currency money.Currency `json:"u"`
	Amount   cents          `json:"m"`
}

// flagged looks up the flags of the payees whose available account the lines credit, and routes the lines by them.
func (p *planner) flagged(lines []ledger.Line) ([]ledger.Line, []blockMove, error) {
	var who []PayeeRef
	for _, l := range lines {
		if kind, bucket, id, ok := splitPayee(l.Account); ok && bucket == bucketAvailable && l.Amount < 0 {
			who = append(who, PayeeRef{Kind: kind, ID: id})
		}
	}
	if len(who) == 0 {
		return lines, nil, nil
	}
	flags, err := p.service.look.blocks(p.ctx, p.book, who)
	if err != nil {
		return nil, nil, err
	}
	return p.routed(lines, flags)
}

// routed sends what the lines make available to blocked, as far as flags want it, the oldest flag first. The plan rests on
// the stories of the flags that it fills.
func (p *planner) routed(lines []ledger.Line, flags []Block) (out []ledger.Line, moves []blockMove, err error) {
	if len(flags) == 0 {
		return lines, nil, nil
	}
	for _, l := range lines {
		kind, bucket, id, ok := splitPayee(l.Account)
		left := -l.Amount
		for i := range flags {
			f := &flags[i]
			if !ok || bucket != bucketAvailable || left <= 0 || f.Kind != kind || f.Payee != id || f.Currency != "" && f.Currency != l.Currency {
				continue
			}
			take := left
			if f.Wanted > 0 {
				had, err := p.caught(f.Hold)
				if err != nil {
					return nil, nil, err
				}
				take = min(left, max(0, f.Wanted-money.Minor(had[l.Currency])-movedFor(moves, f.Hold)))
			}
			if take == 0 {
				continue
			}
			left -= take
			moves = append(moves, blockMove{Hold: f.Hold, Account: payeeAccount(kind, bucketBlocked, id), Currency: l.Currency, Amount: cents(take)})
			out = addLine(out, ledger.Line{Account: payeeAccount(kind, bucketBlocked, id), Amount: -take, Currency: l.Currency})
		}
		if l.Amount >= 0 || left > 0 {
			if l.Amount < 0 {
				l.Amount = -left
			}
			out = append(out, l)
		}
	}
	return out, moves, nil
}

func movedFor(moves []blockMove, hold string) (sum money.Minor) {
	for _, m := range moves {
		if m.Hold == hold {
			sum += money.Minor(m.Amount)
		}
	}
	return sum
}

// caught is what a flag has caught so far, with what this plan has put there.
func (p *planner) caught(hold string) (map[money.Currency]cents, error) {
	for i := len(p.drafts) - 1; i >= 0; i-- {
		if d := &p.drafts[i]; d.Subject == blockSubject(hold) {
			t := foretold(p.event.Reference, d)
			f, err := storedAs[filled](&t)
			return f.Totals, err
		}
	}
	last, err := p.lastOf(blockSubject(hold))
	if err != nil || last == nil {
		return nil, err
	}
	f, err := storedAs[filled](last)
	return f.Totals, err
}

// fill records the facts of what the moves put into blocked.
func (p *planner) fill(source string, moves []blockMove) error {
	for _, m := range moves {
		had, err := p.caught(m.Hold)
		if err != nil {
			return err
		}
		kind, _, id, _ := splitPayee(m.Account)
		f := filled{Hold: m.Hold, Source: source, Kind: kind, Payee: id, Currency: m.Currency, Amount: m.Amount, Totals: map[money.Currency]cents{m.Currency: m.Amount}}
		for c, amount := range had {
			f.Totals[c] += amount
		}
		data, err := json.Marshal(f)
		if err != nil {
			return err
		}
		if err := p.draft(draftOf{event: eventHoldFilled, kind: p.event.Type, part: blockPart + len(p.drafts), subject: blockSubject(m.Hold), data: data, memo: source}); err != nil {
			return err
		}
	}
	return nil
}

// asAvailable is the account by which a story counts what it has given a payee: what a hold keeps was given all the same.
func asAvailable(a ledger.Address) ledger.Address {
	if !strings.Contains(string(a), ":"+bucketBlocked+":") {
		return a
	}
	if kind, bucket, id, ok := splitPayee(a); ok && bucket == bucketBlocked {
		return payeeAccount(kind, bucketAvailable, id)
	}
	return a
}

// Caught returns what the flag of a hold has caught so far, by currency.
func (s *Service) Caught(ctx context.Context, book ledger.Book, hold string) (map[money.Currency]money.Minor, error) {
	out := map[money.Currency]money.Minor{}
	last, _, err := s.lastOf(ctx, book, blockSubject(hold))
	if err != nil || last == nil {
		return out, err
	}
	f, err := storedAs[filled](last)
	for c, amount := range f.Totals {
		out[c] = money.Minor(amount)
	}
	return out, err
}
