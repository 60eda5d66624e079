package reconcile

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
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
	// what ended since, and not by all that ever was.
	sqlOpenItems = `
SELECT i.side, i.a, i.b, i.key, i.currency, i.debits, i.credits, i.day, 0::bigint
  FROM recon_items i
 WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.open_until IS NULL AND i.open_from < $4 AND (i.side, i.a, i.b) > ($6, $7, $8) AND $5 = 0
 ORDER BY i.book_id, i.match, i.source_id, i.side, i.a, i.b LIMIT $9`
	// What a run that is made again had before it is also what it ended itself, and what was ended later. What people ended before it
	// bears the run's number too, and another word.
	sqlEndedItems = `
SELECT i.side, i.a, i.b, i.key, i.currency, i.debits, i.credits, i.day, i.open_until
  FROM recon_items i
 WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.open_until IS NOT NULL AND (i.open_until, i.side, i.a, i.b) > ($5, $6, $7, $8) AND i.open_until >= $4
   AND i.open_from < $4 AND (i.open_until > $4 OR i.how IN ('matched', 'by_amount'))
 ORDER BY i.book_id, i.match, i.source_id, i.open_until, i.side, i.a, i.b LIMIT $9`
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

// openItems reads what was open before the run, in order.
func (s *Service) openItems(ctx context.Context, r *reading) ([]item, error) {
	all, err := s.itemPages(ctx, r, sqlOpenItems, nil)
	if err == nil && r.in.again {
		all, err = s.itemPages(ctx, r, sqlEndedItems, all)
	}
	slices.SortFunc(all, item.compare)
	return all, err
}

// itemPages adds items in pages.
func (s *Service) itemPages(ctx context.Context, r *reading, sql string, all []item) ([]item, error) {
	const page = 10_000
	var last item
	var until int64
	for {
		n, end := 0, until
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			all = all[:len(all)-n]
			n, end = 0, until
			rows, err := tx.Query(ctx, sql, planNow, r.book.ID, r.in.Match, r.in.Source.ID, r.in.Number, until, last.side, last.a, last.b, page)
			if err != nil {
				return err
			}
			i := item{known: true}
			_, err = pgx.ForEachRow(rows, []any{&i.side, &i.a, &i.b, &i.key, &i.currency, &i.debits, &i.credits, &i.day, &end}, func() error {
				all = append(all, i)
				n++
				return nil
			})
			return err
		})
		if err != nil || n < page {
			return all, err
		}
		if len(all) > s.most {
			return nil, ErrRunLarge
		}
		last, until = all[len(all)-1], end
	}
}
