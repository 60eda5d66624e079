package ledger

import (
	"context"
	"errors"
	"math"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Walks over whole tables in the order of their keys, to meet the rows that no transaction leads to: an entry that was
// slipped into the past, a reference that records nothing.

const (
	// Index entries only: an account's entries up to the head are as many as the number of its last one says. The last one
	// is looked up by its whole key, because a search for it would go through every partition. Without its own row an
	// account is no account.
	sqlWalkEntries = `
SELECT g.account_id, g.entries, g.later, g.place, coalesce(z.account_version, 0), g.beyond,
       EXISTS (SELECT FROM accounts a WHERE a.book_id = $1 AND a.id = g.account_id)
  FROM (SELECT w.account_id, count(*) FILTER (WHERE w.sequence <= $6) AS entries,
               count(*) FILTER (WHERE w.sequence > $7 AND w.sequence <= $6) AS later, max(w.sequence * 1000 + w.line) AS place,
               max(w.sequence * 1000 + w.line) FILTER (WHERE w.sequence <= $6) AS last,
               coalesce(min(w.sequence) FILTER (WHERE w.sequence > (SELECT b.last_sequence FROM books b WHERE b.id = $1)), 0) AS beyond
          FROM (SELECT x.account_id, x.sequence, x.line FROM entries x
                 WHERE x.book_id = $1 AND (x.account_id, x.sequence, x.line) > ($2, $3, $4)
                 ORDER BY x.account_id, x.sequence, x.line LIMIT $5) w
         GROUP BY w.account_id) g
  LEFT JOIN LATERAL (SELECT x.account_version FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = g.account_id AND x.sequence = g.last / 1000
                        AND x.line = (g.last % 1000)::smallint LIMIT 1) z ON true
 ORDER BY g.account_id`

	// The entries of one account that their header does not know.
	sqlWalkStrays = `
SELECT w.sequence, w.line, coalesce(a.address, ''), coalesce(a.currency, ''),
       h.account_ids IS NULL OR a.address IS NULL OR NOT $2 = ANY (h.account_ids)
  FROM (SELECT x.sequence, x.line FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND (x.sequence, x.line) > ($3, $4) AND x.sequence >= $3 AND x.sequence <= $6
         ORDER BY x.sequence, x.line LIMIT $5) w
  LEFT JOIN LATERAL (SELECT x.account_ids FROM transactions x WHERE x.book_id = $1 AND x.sequence = w.sequence LIMIT 1) h ON true
  LEFT JOIN LATERAL (SELECT x.address, x.currency FROM accounts x WHERE x.book_id = $1 AND x.id = $2 LIMIT 1) a ON true
 ORDER BY w.sequence, w.line`

	// A reference and the transactions it recorded appear together, so one snapshot shows both or neither.
	sqlWalkReferences = `
SELECT r.reference, r.first_sequence, r.first_sequence <= $4, h.sequence IS NOT NULL
  FROM (SELECT x.reference, x.first_sequence FROM transaction_references x
         WHERE x.book_id = $1 AND x.reference > $2 ORDER BY x.reference LIMIT $3) r
  LEFT JOIN LATERAL (SELECT x.sequence FROM transactions x
                      WHERE x.book_id = $1 AND x.sequence = r.first_sequence AND x.reference = r.reference LIMIT 1) h ON true
 ORDER BY r.reference`
)

const (
	// walkRows bounds a page of a walk; it shrinks where pages take too long.
	walkRows  = 100_000
	strayRows = 5_000
	// maxHunts bounds the accounts whose entries are looked through one by one.
	maxHunts = 25
)

// walkGroup is what a page of the walk says about one account.
type walkGroup struct {
	account                                int32
	entries, later, place, version, beyond int64
	exists                                 bool // the account has a row
}

// walkEntries counts every account's entries up to the sequence through, and those among them that belong to the
// transactions verified: as many as those were found to have.
func (v *verifier) walkEntries(ctx context.Context, through, accounted int64) error {
	at := walkGroup{account: math.MinInt32} // the account the last page ended in; a forged one may have any number
	limit, hunts, later, begun := walkRows, 0, int64(0), false
	finish := func(g walkGroup) error {
		v.walked += g.entries
		later += g.later
		if g.beyond > 0 {
			v.found.add(VerifyFinding{Invariant: InvariantLines, Sequence: g.beyond, What: "There are entries beyond the book's head."})
		}
		if g.entries == g.version && g.exists && v.met(g.account) || hunts == maxHunts {
			return nil
		}
		hunts++
		return v.hunt(ctx, g, through)
	}
	for {
		var groups []walkGroup
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlWalkEntries, v.book.ID, at.account, at.place/1000, at.place%1000, limit, through, v.options.After.Sequence)
			if err != nil {
				return err
			}
			groups, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g walkGroup, err error) {
				return g, row.Scan(&g.account, &g.entries, &g.later, &g.place, &g.version, &g.beyond, &g.exists)
			})
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && limit > 1000 {
			limit /= 4
			continue
		}
		if err != nil {
			return err
		}
		for _, g := range groups {
			switch {
			case !begun:
				begun = true
			case g.account == at.account:
				g.join(at)
			default:
				if err := finish(at); err != nil {
					return err
				}
			}
			at = g
		}
		if len(groups) == 0 {
			break
		}
		v.tell("entries", v.walked, v.report.Entries)
	}
	if begun {
		if err := finish(at); err != nil {
			return err
		}
	}
	if later != accounted {
		v.found.add(VerifyFinding{Invariant: InvariantLines, What: "There are " + formatInt(later) + " entries, and the transactions list " +
			formatInt(accounted) + " of them."})
	}
	return nil
}

// join adds what an earlier page said about the same account.
func (g *walkGroup) join(before walkGroup) {
	if g.entries == 0 {
		g.version = before.version
	}
	g.entries, g.later = g.entries+before.entries, g.later+before.later
	if g.beyond == 0 {
		g.beyond = before.beyond
	}
}

// met reports whether the replay has met the account, as far as it can know.
func (v *verifier) met(id int32) bool {
	return v.replay == nil || v.replay.totals == nil || id > 0 && v.replay.states.of(id).version > 0
}

// hunt looks through an account's entries for those that belong to no transaction.
func (v *verifier) hunt(ctx context.Context, g walkGroup, through int64) error {
	var sequence int64
	var line int
	found := 0
	for {
		rows := 0
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			result, err := tx.Query(ctx, sqlWalkStrays, v.book.ID, g.account, sequence, line, strayRows, through)
			if err != nil {
				return err
			}
			var address, currency string
			var stray bool
			_, err = pgx.ForEachRow(result, []any{&sequence, &line, &address, &currency, &stray}, func() error {
				if rows++; stray && found < MaxFindings {
					found++
					v.found.add(VerifyFinding{Invariant: InvariantLines, Sequence: sequence, Account: Address(address), Currency: money.Currency(currency),
						What: "An entry belongs to no account, or to no transaction that lists it."})
				}
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		if rows < strayRows {
			break
		}
	}
	if g.entries != g.version {
		v.found.add(VerifyFinding{Invariant: InvariantRunning, What: "Account number " + formatInt(int64(g.account)) + " has " +
			formatInt(g.entries) + " entries, and the last of them is number " + formatInt(g.version) + "."})
	}
	return nil
}

// walkReferences looks for references that recorded nothing, and counts those up to the sequence through.
func (v *verifier) walkReferences(ctx context.Context, through int64) (counted int64, err error) {
	last, limit := "", 20_000
	for {
		rows := 0
		page := int64(0)
		next := last
		err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, page = 0, 0
			result, err := tx.Query(ctx, sqlWalkReferences, v.book.ID, last, limit, through)
			if err != nil {
				return err
			}
			var first int64
			var within, recorded bool
			_, err = pgx.ForEachRow(result, []any{&next, &first, &within, &recorded}, func() error {
				rows++
				if within {
					page++
				}
				if !recorded {
					v.found.add(VerifyFinding{Invariant: InvariantReference, Sequence: first, What: "A reference names this transaction, which does not have it."})
				}
				return nil
			})
			return err
		})
		if errors.Is(err, postgres.ErrReadTooLong) && limit > 500 {
			limit /= 4
			continue
		}
		if err != nil {
			return counted, err
		}
		last, counted = next, counted+page
		v.tell("references", counted, v.report.References)
		if rows < limit {
			return counted, nil
		}
	}
}
