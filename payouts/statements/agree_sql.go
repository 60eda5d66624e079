package statements

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Holding statements against the books: what each payee's last statement says of an account against what the ledger says of it after the
// last transaction that the statement covers. From there on each entry carries the balance after it, so what the statement closes with
// and the entries since come to the balance.

// The last statement of each payee and currency, a page of them by walking along the key.
const sqlLasts = `
WITH RECURSIVE listed AS (
    (SELECT a.payee, a.currency, 1 AS place FROM statements a WHERE a.book_id = $1 AND (a.payee, a.currency) > ($2, $3) ORDER BY a.payee, a.currency LIMIT 1)
    UNION ALL
    SELECT y.payee, y.currency, l.place + 1
      FROM listed l
     CROSS JOIN LATERAL (SELECT a.payee, a.currency FROM statements a
                          WHERE a.book_id = $1 AND (a.payee, a.currency) > (l.payee, l.currency) ORDER BY a.payee, a.currency LIMIT 1) y
     WHERE l.place < $4)
SELECT ` + statementColumns + `
  FROM listed l
 CROSS JOIN LATERAL (SELECT * FROM statements z WHERE z.book_id = $1 AND z.payee = l.payee AND z.currency = l.currency ORDER BY z.number DESC LIMIT 1) x
 ORDER BY x.payee, x.currency`

// Disagreement is an account of which a payee's last statement says something else than the ledger.
type Disagreement struct {
	// Statement is its id.
	Statement, Payee string
	Currency         money.Currency
	Account          ledger.Address
	// Stated is what the statement closes with, Booked what the ledger had then.
	Stated, Booked money.Minor
	IssuedAt       time.Time
	// Unread says why the payee's accounts could not be held against the statement at all: Account is empty then, and Booked 0.
	Unread error
}

// agreePage is how many statements are held against the books together.
const agreePage = 50

// Disagreements hands out each account of a payee's last statement that does not agree with the books. A payee whose accounts cannot be
// read is one of them, and keeps no other from being looked at.
func (s *Service) Disagreements(ctx context.Context, book ledger.Book, yield func(Disagreement) error) error {
	payee, c := "", money.Currency("")
	for {
		var page []*Statement
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlLasts, book.ID, payee, string(c), agreePage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (*Statement, error) { return scan(r, book) })
			return err
		})
		if err != nil {
			return err
		}
		for _, st := range page {
			list, err := s.disagreements(ctx, st)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				list = []Disagreement{{Statement: st.ID, Payee: st.Payee, Currency: st.Currency, Stated: st.Closing(), IssuedAt: st.IssuedAt, Unread: err}}
			}
			for _, d := range list {
				if err := yield(d); err != nil {
					return err
				}
			}
			payee, c = st.Payee, st.Currency
		}
		if len(page) < agreePage {
			return nil
		}
	}
}

// disagreements holds one statement against the books.
func (s *Service) disagreements(ctx context.Context, st *Statement) (differ []Disagreement, err error) {
	list, err := s.accounts(ctx, st.book, st.Payee, st.Currency)
	if err != nil {
		return nil, err
	}
	held, err := s.heldAt(ctx, st.book, list, st.To)
	if err != nil {
		return nil, err
	}
	booked := map[ledger.Address]holding{}
	for _, a := range list {
		if h := held[a.id]; h.version > 0 {
			booked[a.address] = h
		}
	}
	say := func(a ledger.Address, stated, is money.Minor) {
		differ = append(differ, Disagreement{st.ID, st.Payee, st.Currency, a, stated, is, st.IssuedAt, nil})
	}
	for _, span := range st.Accounts {
		is := booked[span.Account]
		delete(booked, span.Account)
		if is.balance != span.Closing || is.version != span.ToVersion {
			say(span.Account, span.Closing, is.balance)
		}
	}
	for _, a := range list { // in their order
		if is, left := booked[a.address]; left && (is.balance != 0 || len(list) <= maxAccounts) { // of many, those that were empty are not told of
			say(a.address, 0, is.balance)
		}
	}
	return differ, nil
}
