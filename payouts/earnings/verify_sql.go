package earnings

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Proving the sums (I3): over all days, and again over all live sessions, channels and products, a payee's sums are what its accounts
// held right after the cursor's transaction, and each part is the same over all four. That a part is told as the right thing this does
// not prove. Each page is read on one snapshot with the cursor, so that what is added meanwhile is no
// difference.

// Broken is a payee whose sums are not what moved.
type Broken struct {
	// Object is the payee with the currency; What says what is wrong with it.
	Object, What string
}

// Proof is the outcome of Verify.
type Proof struct {
	// Payees counts those compared, each currency by itself; Sequence is how far the sums had come at the end.
	Payees, Sequence int64
	// Skipped counts those whose sums took longer to add up than one read may.
	Skipped int64
	Broken  []Broken
	// Rebuilding says that there was nothing to compare.
	Rebuilding bool
}

// Sound reports whether all sums were compared and are what moved.
func (p *Proof) Sound() bool { return len(p.Broken) == 0 && p.Skipped == 0 }

const (
	verifyPage = 500
	// verifyAccounts is how many accounts are looked through at a time for owners who have no sums at all.
	verifyAccounts = 8_000
	// maxBroken bounds what is listed.
	maxBroken = 1_000

	// Each owner is found from the one before it by one probe, however many rows it has.
	sqlNextOwners = `
WITH RECURSIVE o AS (
  (SELECT x.kind, x.payee, x.currency FROM earnings x WHERE x.book_id = $1 AND (x.kind, x.payee, x.currency) > ($2, $3, $4)
    ORDER BY x.kind, x.payee, x.currency LIMIT 1)
  UNION ALL
  SELECT n.kind, n.payee, n.currency FROM o
   CROSS JOIN LATERAL (SELECT x.kind, x.payee, x.currency FROM earnings x WHERE x.book_id = $1 AND (x.kind, x.payee, x.currency) > (o.kind, o.payee, o.currency)
                        ORDER BY x.kind, x.payee, x.currency LIMIT 1) n)
SELECT o.kind, o.payee, o.currency FROM o LIMIT $5`

	sqlOwnersAmong = `
SELECT x.address, x.currency FROM accounts x WHERE x.book_id = $1 AND x.id > $2 AND x.id <= $2 + $3 AND x.chart_code >= 2100 AND x.chart_code < 2600`

	sqlSumsOf = `
SELECT k.n, d.dimension, coalesce(s.moved, 0)::numeric::text, coalesce(s.parts, '')
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (kind, payee, currency, n)
 CROSS JOIN generate_series(0, 3) AS d (dimension)
 CROSS JOIN LATERAL (SELECT sum(e.earned::numeric + e.given_back + e.fees + e.shared + e.withheld + e.adjusted + e.paid) AS moved,
                           concat_ws(' ', sum(e.earned::numeric), sum(e.given_back::numeric), sum(e.fees::numeric), sum(e.shared::numeric), sum(e.withheld::numeric), sum(e.adjusted::numeric), sum(e.paid::numeric)) AS parts
                      FROM earnings e
                      WHERE e.book_id = $1 AND e.kind = k.kind AND e.payee = k.payee AND e.currency = k.currency AND e.dimension = d.dimension) s
 ORDER BY k.n, d.dimension`

	sqlWithoutSums = `
SELECT k.kind, k.payee, k.currency FROM unnest($2::text[], $3::text[], $4::text[]) AS k (kind, payee, currency)
 WHERE NOT EXISTS (SELECT 1 FROM earnings e WHERE e.book_id = $1 AND e.kind = k.kind AND e.payee = k.payee AND e.currency = k.currency)`

	// What an account held after a transaction is what its last entry up to there says. Donations have accounts by campaign, too.
	sqlHeldBy = `
SELECT k.n, coalesce(sum(-e.balance_after), 0)::numeric::text
  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::boolean[]) AS k (n, address, currency, wide)
 CROSS JOIN LATERAL (SELECT x.id FROM accounts x WHERE x.book_id = $1 AND x.currency = k.currency AND x.address = k.address
                     UNION ALL
                     SELECT x.id FROM accounts x WHERE k.wide AND x.book_id = $1 AND x.currency = k.currency AND x.address > k.address || ':' AND x.address < k.address || ';') a
 CROSS JOIN LATERAL (SELECT x.balance_after FROM entries x WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence <= $6
                      ORDER BY x.sequence DESC, x.line DESC LIMIT 1) e
 GROUP BY k.n`
)

// holder is a payee in one currency.
type holder struct {
	kind, payee string
	currency    money.Currency
}

func (h holder) compare(o holder) int {
	return cmp.Or(strings.Compare(h.kind, o.kind), strings.Compare(h.payee, o.payee), strings.Compare(string(h.currency), string(o.currency)))
}

// Verify proves the sums of a book.
func (s *Service) Verify(ctx context.Context, book ledger.Book) (*Proof, error) {
	proof := &Proof{}
	if err := s.verifySums(ctx, book, proof); err != nil || proof.Rebuilding {
		return proof, err
	}
	return proof, s.verifyAccounts(ctx, book, proof)
}

// verifySums compares everybody who has sums.
func (s *Service) verifySums(ctx context.Context, book ledger.Book, proof *Proof) error {
	var last holder
	for {
		var page []holder
		err := s.read(ctx, book, func(r reader) (err error) {
			page, err = r.holders(sqlNextOwners, book.ID, last.kind, last.payee, string(last.currency), verifyPage)
			return err
		})
		if err == nil {
			err = s.compareInHalves(ctx, book, page, proof)
		}
		if err != nil || len(page) == 0 || proof.Rebuilding {
			return err
		}
		last = page[len(page)-1]
	}
}

// verifyAccounts compares the owners of accounts who have no sums: nothing may have moved for them.
func (s *Service) verifyAccounts(ctx context.Context, book ledger.Book, proof *Proof) error {
	for from := int32(0); ; from += verifyAccounts {
		var among []holder
		var last int32
		err := s.read(ctx, book, func(r reader) error {
			if err := r.tx.QueryRow(ctx, `SELECT last_account_id FROM books WHERE id = $1`, book.ID).Scan(&last); err != nil {
				return err
			}
			rows, err := r.tx.Query(ctx, sqlOwnersAmong, book.ID, from, verifyAccounts)
			if err != nil {
				return err
			}
			var address ledger.Address
			var c money.Currency
			_, err = pgx.ForEachRow(rows, []any{&address, &c}, func() error {
				if kind, id, ok := commerce.EarnerOf(address); ok {
					among = append(among, holder{kind, id, c})
				}
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(among, holder.compare)
		for page := range slices.Chunk(slices.Compact(among), verifyPage) {
			var without []holder
			err := s.read(ctx, book, func(r reader) (err error) {
				without, err = r.withoutSums(page)
				return err
			})
			if err == nil && len(without) > 0 { // who got sums meanwhile is compared with them
				err = s.compareInHalves(ctx, book, without, proof)
			}
			if err != nil {
				return err
			}
		}
		if from+verifyAccounts >= last {
			return nil
		}
	}
}

func (r reader) holders(sql string, args ...any) (list []holder, err error) {
	rows, err := r.tx.Query(r.ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var h holder
	_, err = pgx.ForEachRow(rows, []any{&h.kind, &h.payee, &h.currency}, func() error {
		list = append(list, h)
		return nil
	})
	return list, err
}

// withoutSums are those who have no row.
func (r reader) withoutSums(page []holder) ([]holder, error) {
	kinds, payees, currencies := columnsOf(page)
	return r.holders(sqlWithoutSums, r.book.ID, kinds, payees, currencies)
}

func columnsOf(page []holder) (kinds, payees, currencies []string) {
	for _, h := range page {
		kinds, payees, currencies = append(kinds, h.kind), append(payees, h.payee), append(currencies, string(h.currency))
	}
	return kinds, payees, currencies
}

// compare holds the sums of a page against the accounts.
func (r reader) compare(page []holder, proof *Proof) error {
	at, err := r.standing()
	if err != nil {
		return err
	}
	if proof.Sequence = at.Sequence; at.clearing {
		proof.Rebuilding = true
		return nil
	}
	if len(page) == 0 {
		return nil
	}
	held, err := r.held(page, at.Sequence)
	if err != nil {
		return err
	}
	kinds, payees, currencies := columnsOf(page)
	rows, err := r.tx.Query(r.ctx, sqlSumsOf, r.book.ID, kinds, payees, currencies)
	if err != nil {
		return err
	}
	over := [dimensions]string{"days", "live sessions", "channels", "products"}
	var n int64
	var dimension int
	var moved, parts, byDay string
	_, err = pgx.ForEachRow(rows, []any{&n, &dimension, &moved, &parts}, func() error {
		if dimension == dimensionDay {
			byDay = parts
		}
		what := ""
		switch {
		case held[n] != moved:
			what = "the sum over its " + over[dimension] + " is " + moved + " minor units, and its accounts held " + held[n]
		case parts != byDay:
			what = "its parts over its " + over[dimension] + " are " + parts + " minor units, and over its days " + byDay
		}
		if h := page[n-1]; what != "" && len(proof.Broken) < maxBroken {
			proof.Broken = append(proof.Broken, Broken{h.kind + ":" + h.payee + " " + string(h.currency), what})
		}
		return nil
	})
	if err == nil {
		proof.Payees += int64(len(page))
	}
	return err
}

// compareInHalves compares a page, or its halves if that takes longer than one read may. Of one payee it is told that it was not compared.
func (s *Service) compareInHalves(ctx context.Context, book ledger.Book, page []holder, proof *Proof) error {
	found := len(proof.Broken)
	err := s.read(ctx, book, func(r reader) error { return r.compare(page, proof) })
	if err == nil || !errors.Is(err, postgres.ErrReadTooLong) || ctx.Err() != nil {
		return err
	}
	proof.Broken = proof.Broken[:found]
	if len(page) < 2 {
		proof.Skipped += int64(len(page))
		return nil
	}
	half := len(page) / 2
	if err := s.compareInHalves(ctx, book, page[:half], proof); err != nil {
		return err
	}
	return s.compareInHalves(ctx, book, page[half:], proof)
}

// held is what all accounts of each together held after a transaction, in the owner's favour, by its place in the page from 1.
func (r reader) held(page []holder, after int64) (map[int64]string, error) {
	var at []int64
	var addresses, currencies []string
	var wide []bool
	held := map[int64]string{}
	for i, h := range page {
		held[int64(i)+1] = "0"
		for _, a := range commerce.EarnerAccounts(h.kind, h.payee) {
			at, addresses, currencies, wide = append(at, int64(i)+1), append(addresses, string(a)), append(currencies, string(h.currency)), append(wide, h.kind == commerce.KindCharity)
		}
	}
	rows, err := r.tx.Query(r.ctx, sqlHeldBy, r.book.ID, at, addresses, currencies, wide, after)
	if err != nil {
		return nil, err
	}
	var n int64
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&n, &sum}, func() error {
		held[n] = sum
		return nil
	})
	return held, err
}
