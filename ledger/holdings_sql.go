package ledger

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Holdings: what the accounts of a chart row hold together, what is above zero apart from what is below. A sum that nets
// the two would let one owner's debt cover what is owed to another. Rows that are one owner's anyway, such as what is
// available to him and what is reserved of it, can be taken together first.

// Holding is the sum over the accounts of a chart row in one currency, each on its normal side.
type Holding struct {
	Code     int
	Currency money.Currency
	// Account is the one account meant, for rows that are listed by account; empty for a whole row.
	Account Address
	// Above sums the balances above zero, Below those below zero, as a negative amount.
	Above, Below money.Minor
}

// Net is what the accounts hold with debts set off.
func (h Holding) Net() money.Minor { return h.Above + h.Below }

// ErrHoldingTooLarge means that a sum over accounts does not fit an amount.
var ErrHoldingTooLarge = fault.New(fault.Invalid, "holding-too-large",
	"The accounts of this book hold more together than an amount can say. Ask for the balances by account instead.")

// HoldingsQuery says what is summed up how.
type HoldingsQuery struct {
	// Currency is the one currency wanted; empty for all.
	Currency money.Currency
	// ByAccount is the code of a row whose accounts are listed one by one; 0 for none.
	ByAccount int
	// AtSequence is the transaction right after which balances count; 0 for the book's last.
	AtSequence int64
	// Together names for rows the row whose owners' accounts theirs are added to before they are judged above or below zero.
	Together map[int]int
}

// maxHoldings bounds how many sums of a currency are listed.
const maxHoldings = 1_000

// What an account held after a transaction is its balance if it did not move since, and otherwise what its last entry up to there
// says, which is looked for only then: a join would go through all partitions of entries for each account. Sums are numeric and cut off
// beyond the range of amounts, so that none can wrap around.
const (
	heldNet = `CASE WHEN y.last_sequence <= $2 THEN y.debits - y.credits
                    ELSE coalesce((SELECT e.balance_after FROM entries e WHERE e.book_id = $1 AND e.account_id = y.account_id AND e.sequence <= $2
                                    ORDER BY e.sequence DESC, e.line DESC LIMIT 1), 0) END AS net`
	heldAbove     = `CROSS JOIN LATERAL (SELECT CASE WHEN a.chart_code < 2000 THEN a.net ELSE -a.net END AS balance) h`
	aboveAndBelow = `least(sum(greatest(o.balance, 0)), 100000000000000001)::bigint, greatest(sum(least(o.balance, 0)), -100000000000000001)::bigint`

	// The accounts of a book are numbered without gaps, so a range of numbers is one of accounts and the same one of balances. What an
	// account held is computed once, not where each sum asks for it.
	sqlHoldings = `
SELECT o.code, o.currency, o.account, ` + aboveAndBelow + `
  FROM (SELECT a.chart_code AS code, a.currency, CASE WHEN a.chart_code = $6 THEN a.address ELSE '' END AS account, h.balance
          FROM (SELECT x.chart_code, x.currency, x.address, ` + heldNet + `
                  FROM accounts x JOIN balances y ON y.book_id = $1 AND y.account_id = x.id AND y.account_id > $3 AND y.account_id <= $4
                 WHERE x.book_id = $1 AND x.id > $3 AND x.id <= $4 AND x.chart_code < 3000 AND ($5 = '' OR x.currency = $5) AND NOT x.chart_code = ANY ($7::integer[])
                OFFSET 0) a
         ` + heldAbove + `
         WHERE a.net <> 0) o
 GROUP BY o.code, o.currency, o.account
 ORDER BY o.currency, o.code, o.account
 LIMIT $8`

	sqlLastAccount = `SELECT last_account_id FROM books WHERE id = $1`

	// A page is the beginning of a range of addresses. Without this the database may read all of the range and sort it. It is put back
	// after the page, since the transaction may be the caller's.
	sqlInOrder  = `SELECT current_setting('enable_bitmapscan'), set_config('enable_bitmapscan', 'off', true)`
	sqlAsBefore = `SELECT set_config('enable_bitmapscan', $1, true)`

	// Owners are read as far as every prefix has no more than a page of accounts.
	sqlLastOwner = `
SELECT min(l.owner)
  FROM unnest($2::text[]) AS p (prefix)
 CROSS JOIN LATERAL (SELECT substr(x.address, length(p.prefix) + 1) COLLATE "C" AS owner FROM accounts x
                      WHERE x.book_id = $1 AND x.address > p.prefix || $3 AND x.address < p.prefix || '~'
                      ORDER BY x.address, x.currency OFFSET $4 LIMIT 1) l`

	// The limit is beyond every page, which holds ownersPage accounts and what else its last owner has in other currencies. It keeps
	// each prefix a probe of its own: joined to all of them at once, the accounts of the whole book are read for every page.
	sqlHoldingsOfOwners = `
SELECT o.currency, ` + aboveAndBelow + `
  FROM (SELECT a.currency, sum(h.balance) AS balance
          FROM unnest($6::text[]) AS p (prefix)
         CROSS JOIN LATERAL (SELECT x.id, x.chart_code, x.currency, substr(x.address, length(p.prefix) + 1) AS owner FROM accounts x
                              WHERE x.book_id = $1 AND x.address > p.prefix || $3 AND x.address <= p.prefix || $4
                              ORDER BY x.address, x.currency LIMIT 2000) x
         CROSS JOIN LATERAL (SELECT x.chart_code, x.currency, x.owner, ` + heldNet + ` FROM balances y WHERE y.book_id = $1 AND y.account_id = x.id LIMIT 1) a
         ` + heldAbove + `
         WHERE ($5 = '' OR a.currency = $5) AND a.net <> 0
         GROUP BY a.owner, a.currency) o
 GROUP BY o.currency`
)

const (
	// holdingsPage is how many accounts one reading adds up, by their numbers, which is about as they lie on the disk.
	holdingsPage = 8_000
	// ownersPage is the same of each row of owners, whose accounts lie anywhere.
	ownersPage = 1_000
)

// Holdings adds up the balances on the rows of the book's own money and of what it owes, chart codes below 3000, as they were right
// after the transaction that is returned. It reads in pages, so that it takes no snapshot for long however many accounts there are.
func (l *Ledger) Holdings(ctx context.Context, book Book, q HoldingsQuery) (list []Holding, atSequence int64, err error) {
	if atSequence = q.AtSequence; atSequence == 0 {
		err := l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			head, err := readHead(ctx, tx, book)
			atSequence = head.LastSequence
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	h := holding{l: l, book: book, q: q, at: atSequence, apart: []int32{}, most: maxHoldings * len(book.Currencies), sums: map[Holding]*Holding{}}
	prefixes := map[int][]string{} // of the rows that count as one
	for code, into := range q.Together {
		h.apart = append(h.apart, int32(code))
		prefixes[into] = append(prefixes[into], l.chart.Row(code).Path+":")
	}
	if err := h.accounts(ctx); err != nil {
		return nil, 0, err
	}
	for into, list := range prefixes {
		if err := h.owners(ctx, into, list); err != nil {
			return nil, 0, err
		}
	}
	for _, sum := range h.sums {
		list = append(list, *sum)
	}
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Account, b.Account))
	})
	return list, atSequence, nil
}

// holding is the adding up of holdings.
type holding struct {
	l     *Ledger
	book  Book
	q     HoldingsQuery
	at    int64
	most  int
	apart []int32
	// sums are found by code, currency and account.
	sums map[Holding]*Holding
}

// add adds what a page found.
func (h *holding) add(page []Holding) error {
	for _, x := range page {
		k := Holding{Code: x.Code, Currency: x.Currency, Account: x.Account}
		sum := h.sums[k]
		if sum == nil {
			sum = &k
			h.sums[k] = sum
		}
		sum.Above, sum.Below = sum.Above+x.Above, sum.Below+x.Below
		if sum.Above > maxHolding || sum.Below < -maxHolding || len(h.sums) > h.most {
			return ErrHoldingTooLarge
		}
	}
	return nil
}

// accounts adds up the rows that are no balance of an owner together, a range of account numbers after the other.
func (h *holding) accounts(ctx context.Context) error {
	for after, last := int32(0), int32(1); after < last; after += holdingsPage {
		var page []Holding
		err := h.l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, sqlLastAccount, h.book.ID).Scan(&last); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, sqlHoldings, h.book.ID, h.at, after, after+holdingsPage, string(h.q.Currency), h.q.ByAccount, h.apart, h.most+1)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x Holding, err error) {
				return x, r.Scan(&x.Code, &x.Currency, &x.Account, &x.Above, &x.Below)
			})
			return err
		})
		if err == nil {
			err = h.add(page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// owners adds up what each owner has below the prefixes together.
func (h *holding) owners(ctx context.Context, into int, prefixes []string) error {
	const end = "~" // beyond all ids
	for after := ""; after != end; {
		var page []Holding
		last := end
		err := h.l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			var before string
			if err := tx.QueryRow(ctx, sqlInOrder).Scan(&before, nil); err != nil {
				return err
			}
			var found *string
			if err := tx.QueryRow(ctx, sqlLastOwner, h.book.ID, prefixes, after, ownersPage).Scan(&found); err != nil {
				return err
			}
			if found != nil {
				last = *found
			}
			rows, err := tx.Query(ctx, sqlHoldingsOfOwners, h.book.ID, h.at, after, last, string(h.q.Currency), prefixes)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x Holding, err error) {
				x.Code = into
				return x, r.Scan(&x.Currency, &x.Above, &x.Below)
			})
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, sqlAsBefore, before)
			return err
		})
		if err == nil {
			err = h.add(page)
		}
		if err != nil {
			return err
		}
		after = last
	}
	return nil
}

// maxHolding is the largest sum that is told; the sum of ninety of them still fits an amount.
const maxHolding = 100_000_000_000_000_000
