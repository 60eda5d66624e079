package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Creating payouts: the money leaves its account in the same transaction in which the payout begins to exist. What the
// payout pays for is read off the entry that took the money, and the database proves it once more when it commits.

const (
	// The book is locked, so nothing is created beside this.
	sqlLastOf = `
SELECT coalesce(a.id, 0), coalesce(p.number, 0), coalesce(p.consumed_through, 0)
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (address, currency, n)
  LEFT JOIN LATERAL (SELECT x.id FROM accounts x WHERE x.book_id = $1 AND x.address = w.address AND x.currency = w.currency LIMIT 1) a ON true
  LEFT JOIN LATERAL (SELECT x.number, x.consumed_through FROM payouts x
                      WHERE x.book_id = $1 AND x.account_id = a.id ORDER BY x.number DESC LIMIT 1) p ON true
 ORDER BY w.n`

	sqlEntryOf = `
SELECT e.amount, e.debits_after, -e.balance_after FROM entries e WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence = $3 ORDER BY e.line DESC LIMIT 1`
)

// createPage bounds the payouts that are posted at once.
const createPage = 250

// payoutColumnsNew are the columns that a new payout has a value for.
var payoutColumnsNew = []string{"book_id", "id", "run_id", "part_no", "kind", "payee", "receiver", "currency", "amount", "fee", "fee_tax", "method", "state",
	"account_id", "number", "created_sequence", "consumed_from", "consumed_through", "left_after", "destination", "rail", "rail_account", "mode",
	"needs_person", "retry_of", "retries", "created_at", "changed_at"}

var stepColumns = []string{"book_id", "payout", "number", "state", "at", "sequence", "actor"}

// errEntryMissing means that a transaction which should have taken the money of a payout did not touch its account.
var errEntryMissing = fault.New(fault.Internal, "payout-entry-missing", "The transaction of a payout does not touch the account that is paid from. Tell whoever runs Mizan.")

// chain is where the payouts of an account stand.
type chain struct {
	account int32
	number  int
	through money.Minor
}

// createTx creates the payouts of a run in the caller's transaction, which has locked the book (ledger.LockTx), in the order
// given: it takes the money of each and inserts it with its first step. It returns ledger.ErrFloor if a source has less; the
// caller rolls back then. The events count in the present accounting period.
func (s *Service) createTx(ctx context.Context, tx pgx.Tx, by string, book ledger.Book, run string, orders []order) ([]Payout, error) {
	now := s.now()
	list := make([]Payout, len(orders))
	for start := 0; start < len(orders); start += createPage {
		end := min(start+createPage, len(orders))
		if err := s.takeTx(ctx, tx, book, run, orders[start:end], list[start:end]); err != nil {
			return nil, err
		}
	}
	if err := chainTx(ctx, tx, book, orders, list); err != nil {
		return nil, err
	}
	rows, steps := make([][]any, len(list)), make([][]any, len(list))
	for i := range list {
		p := &list[i]
		p.CreatedAt, p.ChangedAt = now, now
		rows[i] = []any{book.ID, p.ID, p.Run, p.Part, p.Holder.Kind, p.Holder.ID, p.Receiver, p.Holder.Currency, p.Amount, p.Fee, p.FeeTax, p.Method, p.State,
			p.Account, p.Number, p.CreatedSequence, p.ConsumedFrom, p.ConsumedThrough, p.LeftAfter, p.Destination, p.Rail, p.RailAccount, p.Mode,
			p.NeedsPerson, p.RetryOf, p.Retries, p.CreatedAt, p.ChangedAt}
		steps[i] = []any{book.ID, p.ID, 1, Created, now, p.CreatedSequence, by}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"payouts"}, payoutColumnsNew, pgx.CopyFromRows(rows)); err != nil {
		return nil, err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"payout_steps"}, stepColumns, pgx.CopyFromRows(steps))
	return list, err
}

// takeTx takes the money of the orders, and begins their payouts with what the entries say.
func (s *Service) takeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, orders []order, list []Payout) error {
	var events []commerce.Event
	var at []int
	for i, o := range orders {
		list[i] = Payout{ID: newID("po"), Run: run, Part: o.part, Holder: o.holder, Receiver: o.receiver, Source: o.source, Amount: o.amount, Fee: o.fee, FeeTax: o.feeTax,
			Method: o.method, State: Created, CreatedSequence: o.sequence, Destination: o.destination, Rail: o.rail, RailAccount: o.account, Mode: o.mode,
			NeedsPerson: o.needsPerson, RetryOf: o.retryOf, Retries: o.retries}
		if o.sequence == 0 {
			events, at = append(events, commerce.Own(o.created(list[i].ID, run), time.Time{})), append(at, i)
		}
	}
	if len(events) == 0 {
		return nil
	}
	results, err := s.events.PostTx(ctx, tx, book, events)
	if err != nil {
		return err
	}
	for j, r := range results {
		if err := list[at[j]].rest(r.Transactions, orders[at[j]].from()); err != nil {
			return err
		}
	}
	return nil
}

// rest says on which entry the payout rests.
func (p *Payout) rest(transactions []ledger.Transaction, from ledger.Address) error {
	for _, t := range transactions {
		for _, e := range t.Entries {
			if e.Account == from && e.Currency == p.Holder.Currency {
				p.CreatedSequence, p.ConsumedThrough, p.LeftAfter = t.Sequence, money.Minor(e.DebitsAfter), -e.BalanceAfter
				return nil
			}
		}
	}
	return errEntryMissing
}

// chainTx numbers the payouts: each follows the last one of its account.
func chainTx(ctx context.Context, tx pgx.Tx, book ledger.Book, orders []order, list []Payout) error {
	var addresses, currencies []string
	index := map[string]int{}
	for i := range orders {
		address := string(orders[i].from())
		if key := address + " " + string(orders[i].holder.Currency); !has(index, key) {
			index[key] = len(addresses)
			addresses, currencies = append(addresses, address), append(currencies, string(orders[i].holder.Currency))
		}
	}
	rows, err := tx.Query(ctx, sqlLastOf, book.ID, addresses, currencies)
	if err != nil {
		return err
	}
	chains, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (c chain, err error) {
		err = r.Scan(&c.account, &c.number, &c.through)
		return c, err
	})
	if err != nil {
		return err
	}
	for i := range list {
		p, c := &list[i], &chains[index[string(orders[i].from())+" "+string(orders[i].holder.Currency)]]
		if orders[i].sequence != 0 {
			var taken money.Minor
			err := tx.QueryRow(ctx, sqlEntryOf, book.ID, c.account, orders[i].sequence).Scan(&taken, &p.ConsumedThrough, &p.LeftAfter)
			if noRows(err) != nil {
				return err
			}
			if err != nil || taken != p.Amount+p.Fee {
				return errEntryMissing
			}
		}
		c.number++
		p.Account, p.Number, p.ConsumedFrom = c.account, c.number, c.through
		c.through = p.ConsumedThrough
	}
	return nil
}

func has(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}
