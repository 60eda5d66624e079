package reconcile

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// What a run has before it besides what is new: its accounts, and the items that earlier runs left open.

// prepare resolves the source's accounts and brings in what was open.
func (s *Service) prepare(ctx context.Context, r *reading) error {
	if err := s.accountsFor(ctx, r); err != nil {
		return err
	}
	items, err := s.openItems(ctx, r)
	if err != nil {
		return err
	}
	refs := map[string]string{}
	for _, i := range items {
		if i.side == sideLedger && i.key != namelessKey(EntryID{i.a, i.b}) {
			refs[i.key] = i.key
		}
	}
	if err := s.aliases(ctx, r, refs); err != nil {
		return err
	}
	r.waiting, r.goesBy, r.out.waiting = items, refs, int64(len(items))
	return nil
}

// bring brings in what was open of the keys of a pass.
func (r *reading) bring() error {
	for _, i := range r.waiting {
		key := i.key
		if to, ok := r.goesBy[key]; ok && i.side == sideLedger {
			key = to
		}
		if err := r.hold(key, func() error { return r.carry.bring(keyed{key, i.currency}, i) }); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlAccountsFor = `
SELECT a.id, a.address, a.currency FROM accounts a WHERE a.book_id = $1 AND a.address = ANY ($2::text[]) ORDER BY a.address, a.currency`
	// What a run has before it is what is open. Each of the two is read by an index of its own, so that it costs by what is open, or by
	// what ended since, and not by all that ever was. A page is one of rows of the index, of which a run that is made again may want few:
	// the last one is returned in any case, so that the next page begins there.
	sqlOpenItems = `
SELECT r.side, r.a, r.b, r.key, r.currency, r.debits, r.credits, r.day, 0::bigint, r.wanted, r.n
  FROM (SELECT i.*, i.open_from < $4 AS wanted, row_number() OVER (ORDER BY i.book_id, i.match, i.source_id, i.side, i.a, i.b) AS n
          FROM (SELECT x.* FROM recon_items x
                 WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.open_until IS NULL AND (x.side, x.a, x.b) > ($6, $7, $8) AND $5 = 0
                 ORDER BY x.book_id, x.match, x.source_id, x.side, x.a, x.b LIMIT $9) i) r
 WHERE r.wanted OR r.n = $9 ORDER BY r.n`
	// What a run that is made again had before it is also what it ended itself, and what was ended later. What people ended before it
	// bears the run's number too, and another word.
	sqlEndedItems = `
SELECT r.side, r.a, r.b, r.key, r.currency, r.debits, r.credits, r.day, r.open_until, r.wanted, r.n
  FROM (SELECT i.*, i.open_from < $4 AND (i.open_until > $4 OR i.how IN ('matched', 'by_amount')) AS wanted,
               row_number() OVER (ORDER BY i.book_id, i.match, i.source_id, i.open_until, i.side, i.a, i.b) AS n
          FROM (SELECT x.* FROM recon_items x
                 WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.open_until IS NOT NULL
                   AND (x.open_until, x.side, x.a, x.b) > ($5, $6, $7, $8) AND x.open_until >= $4
                 ORDER BY x.book_id, x.match, x.source_id, x.open_until, x.side, x.a, x.b LIMIT $9) i) r
 WHERE r.wanted OR r.n = $9 ORDER BY r.n`
)

func (s *Service) accountsFor(ctx context.Context, r *reading) error {
	spans := map[string]accountSpan{}
	var addresses []string
	for _, a := range r.in.Accounts {
		spans[a.Address] = a
		addresses = append(addresses, a.Address)
	}
	rows, err := s.pool.Query(ctx, sqlAccountsFor, r.book.ID, addresses)
	if err != nil {
		return err
	}
	var a account
	_, err = pgx.ForEachRow(rows, []any{&a.id, &a.address, &a.currency}, func() error {
		a.after, a.until = spans[a.address].After, spans[a.address].Until
		r.accounts = append(r.accounts, a)
		return nil
	})
	return err
}

// itemPage is how many open items are looked at together, and itemPageLeast how many at least where that takes too long.
const (
	itemPage      = 10_000
	itemPageLeast = 100
)

// openItems reads what was open before the run, in order.
func (s *Service) openItems(ctx context.Context, r *reading) ([]item, error) {
	all, err := s.itemPages(ctx, r, sqlOpenItems, nil, itemPage)
	if err == nil && r.in.again {
		all, err = s.itemPages(ctx, r, sqlEndedItems, all, itemPage)
	}
	slices.SortFunc(all, item.compare)
	return all, err
}

// itemPages adds items in pages. A page that is not read in time is halved.
func (s *Service) itemPages(ctx context.Context, r *reading, sql string, all []item, page int) ([]item, error) {
	var last item
	var until int64
	for {
		known := len(all)
		i, end, n, wanted := item{known: true}, until, 0, false
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			all, n = all[:known], 0
			rows, err := tx.Query(ctx, sql, planNow, r.book.ID, r.in.Match, r.in.Source.ID, r.in.Number, until, last.side, last.a, last.b, page)
			if err != nil {
				return err
			}
			_, err = pgx.ForEachRow(rows, []any{&i.side, &i.a, &i.b, &i.key, &i.currency, &i.debits, &i.credits, &i.day, &end, &wanted, &n}, func() error {
				if wanted {
					all = append(all, i)
				}
				return nil
			})
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && page > itemPageLeast {
			all, page = all[:known], max(page/2, itemPageLeast)
			continue
		}
		if err != nil || n < page {
			return all, err
		}
		if len(all) > s.most {
			return nil, ErrRunLarge
		}
		last, until = i, end
	}
}
