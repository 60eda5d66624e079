package ledger

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// The other implementation: the same rules as sets, judged by the database over the same range of sequences. It reads an
// account's earlier entry instead of carrying a state, and shares nothing with the replay but the table of kinds.

const (
	// The settings of one check: it joins what it has just read as whole sets, and sorts it without going through the disk.
	sqlVerifySettings = `SELECT set_config('work_mem', '96MB', true), set_config('enable_nestloop', 'off', true)`

	// Every entry of the page's accounts in the range, each compared with the entry before it: account by account, because
	// the index has them in that order and nothing needs sorting. What comes of it is added up by transaction as it comes,
	// because keeping it costs as much as finding it. Lines set a bit each: as many bits as lines, and none above, are the
	// lines 1, 2, 3 … Transactions with more lines than bits, or with more than one currency, are rare; their entries are
	// read again and looked at apart. 0 is the currency of no account.
	sqlVerifyCheck = `
WITH h AS MATERIALIZED (
    SELECT t.sequence, t.line_count, t.account_ids
      FROM transactions t WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3
), a AS MATERIALIZED (
    SELECT d.id, CASE WHEN c.currency IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY c.currency)::integer END AS currency,
           CASE WHEN c.chart_code = ANY ($4) THEN 1 WHEN c.chart_code = ANY ($5) THEN -1 ELSE 0 END AS floor,
           coalesce(p.account_version, 0) AS account_version, coalesce(p.balance_after, 0) AS balance_after, coalesce(p.debits_after, 0) AS debits_after
      FROM (SELECT DISTINCT unnest(h.account_ids) AS id FROM h) d
      LEFT JOIN LATERAL (SELECT x.currency, x.chart_code FROM accounts x WHERE x.book_id = $1 AND x.id = d.id LIMIT 1) c ON true
      LEFT JOIN LATERAL (SELECT x.account_version, x.balance_after, x.debits_after FROM entries x
                          WHERE x.book_id = $1 AND x.account_id = d.id AND x.sequence < $2
                          ORDER BY x.sequence DESC, x.line DESC LIMIT 1) p ON true
), e AS (
    SELECT x.sequence, x.line, x.amount, a.currency, x.running, CASE WHEN x.opens THEN a.id END AS opening, x.above
      FROM a CROSS JOIN LATERAL (
           SELECT y.sequence, y.line, y.amount,
                  y.account_version = lag(y.account_version, 1, a.account_version) OVER w + 1
              AND y.balance_after = lag(y.balance_after, 1, a.balance_after) OVER w + y.amount
              AND y.debits_after = lag(y.debits_after, 1, a.debits_after) OVER w + greatest(y.amount, 0) AS running,
                  lag(y.sequence, 1, 0::bigint) OVER w <> y.sequence AS opens,
                  a.floor = 0 OR sign(y.balance_after) <> a.floor OR lead(y.sequence, 1, 0::bigint) OVER w = y.sequence AS above
             FROM entries y
            WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence >= $2 AND y.sequence < $3
           WINDOW w AS (ORDER BY y.sequence, y.line)) x
), t AS MATERIALIZED (
    SELECT e.sequence, count(*) AS lines, bit_or(CASE WHEN e.line <= 60 THEN 1::bigint << e.line END) AS line_bits, sum(e.amount) AS total,
           min(e.currency) AS first_currency, max(e.currency) AS last_currency,
           bool_and(e.running) AS running, bool_and(e.above) AS above, count(e.opening) AS accounts, sum(e.opening) AS account_sum
      FROM e GROUP BY e.sequence
), s AS MATERIALIZED (
    SELECT x.sequence, x.line, x.amount, a.currency, t.lines
      FROM a CROSS JOIN LATERAL (SELECT y.sequence, y.line, y.amount FROM entries y
                                  WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence >= $2 AND y.sequence < $3
                                 OFFSET 0) x
      JOIN t ON t.sequence = x.sequence AND (t.lines > 60 OR t.first_currency <> t.last_currency)
     WHERE (SELECT coalesce(bool_or(t.lines > 60 OR t.first_currency <> t.last_currency), false) FROM t)
), m AS MATERIALIZED (
    SELECT DISTINCT z.sequence FROM (SELECT s.sequence FROM s GROUP BY s.sequence, s.currency HAVING sum(s.amount) <> 0) z
), n AS MATERIALIZED (
    SELECT s.sequence FROM s WHERE s.lines > 60
     GROUP BY s.sequence HAVING count(DISTINCT s.line) <> count(*) OR min(s.line) <> 1 OR max(s.line) <> count(*)
), j AS MATERIALIZED (
    SELECT coalesce(h.sequence, t.sequence) AS sequence, h.sequence IS NULL AS orphan, coalesce(t.lines, 0) AS entries,
           NOT coalesce(t.running, true) AS running, NOT coalesce(t.above, true) AS below,
           h.line_count <> coalesce(t.lines, 0)
        OR h.sequence IS NOT NULL AND t.lines <= 60 AND t.line_bits IS DISTINCT FROM (2::bigint << t.lines::integer) - 2 AS lines,
           h.sequence IS NOT NULL
       AND (cardinality(h.account_ids) <> coalesce(t.accounts, 0)
            OR coalesce(t.account_sum, 0) <> (SELECT coalesce(sum(i), 0) FROM unnest(h.account_ids) i)) AS accounts,
           h.sequence IS NOT NULL AND t.lines > 0 AND (t.total <> 0 OR t.first_currency = 0) AS unbalanced
      FROM h FULL JOIN t ON t.sequence = h.sequence
)
SELECT 'entries', sum(j.entries)::bigint FROM j
 UNION ALL SELECT 'transactions', count(*) FILTER (WHERE NOT j.orphan) FROM j
 UNION ALL SELECT 'orphan', j.sequence FROM j WHERE j.orphan
 UNION ALL SELECT 'running', j.sequence FROM j WHERE j.running
 UNION ALL SELECT 'floor', j.sequence FROM j WHERE j.below
 UNION ALL SELECT 'lines', j.sequence FROM j WHERE j.lines
 UNION ALL SELECT 'lines', n.sequence FROM n JOIN h ON h.sequence = n.sequence
 UNION ALL SELECT 'accounts', j.sequence FROM j WHERE j.accounts
 UNION ALL SELECT 'balanced', j.sequence FROM j WHERE j.unbalanced
 UNION ALL SELECT 'balanced', m.sequence FROM m`

	// The headers among themselves, and against references and links. A neighbour on each side shows whether a reference
	// goes on.
	sqlVerifyOrder = `
WITH h AS MATERIALIZED (
    SELECT t.sequence, t.reference, t.recorded_at, t.reverses, t.reposts
      FROM transactions t WHERE t.book_id = $1 AND t.sequence >= $2 - 1 AND t.sequence <= $3
), o AS MATERIALIZED (
    SELECT h.*, lag(h.sequence) OVER w AS before, lead(h.sequence) OVER w AS after, lag(h.reference) OVER w AS reference_before,
           lead(h.reference) OVER w AS reference_after, lag(h.recorded_at) OVER w AS recorded_before
      FROM h WINDOW w AS (ORDER BY h.sequence)
), p AS MATERIALIZED (
    SELECT o.*, r.first_sequence, r.first_sequence + r.count - 1 AS final
      FROM o LEFT JOIN LATERAL (SELECT x.first_sequence, x.count FROM transaction_references x
                                 WHERE x.book_id = $1 AND x.reference = o.reference LIMIT 1) r ON true
     WHERE o.sequence >= $2 AND o.sequence < $3
), l AS MATERIALIZED (
    SELECT x.kind, x.target, x.sequence FROM transaction_links x
     WHERE x.book_id = $1 AND x.kind = ANY ('{reverses,reposts}') AND x.sequence >= $2 AND x.sequence < $3
)
SELECT 'missing', s.n FROM generate_series($2::bigint, $3::bigint - 1) AS s (n) LEFT JOIN p ON p.sequence = s.n WHERE p.sequence IS NULL
 UNION ALL SELECT 'time', p.sequence FROM p WHERE p.recorded_at < p.recorded_before
 UNION ALL SELECT 'reference', p.sequence FROM p WHERE p.first_sequence IS NULL OR p.sequence NOT BETWEEN p.first_sequence AND p.final
 UNION ALL SELECT 'reference', p.sequence - 1 FROM p
    WHERE p.sequence BETWEEN p.first_sequence + 1 AND p.final
      AND (p.before IS DISTINCT FROM p.sequence - 1 OR p.reference_before <> p.reference)
 UNION ALL SELECT 'reference', p.sequence + 1 FROM p
    WHERE p.sequence BETWEEN p.first_sequence AND p.final - 1
      AND (p.after IS DISTINCT FROM p.sequence + 1 OR p.reference_after <> p.reference)
 UNION ALL SELECT 'link', p.sequence
      FROM p LEFT JOIN l AS r ON r.sequence = p.sequence AND r.kind = 'reverses'
      LEFT JOIN l AS s ON s.sequence = p.sequence AND s.kind = 'reposts'
     WHERE p.reverses IS DISTINCT FROM r.target OR p.reposts IS DISTINCT FROM s.target
 UNION ALL SELECT 'link', l.sequence FROM l WHERE NOT EXISTS (SELECT FROM p WHERE p.sequence = l.sequence)`
)

// floorCodes are the chart rows that must never fall below zero, by normal side.
func floorCodes(chart *Chart) (credit, debit []int32) {
	for _, row := range chart.Rows() {
		switch {
		case row.Floor != FloorDecision:
		case row.Normal == Credit:
			credit = append(credit, int32(row.Code))
		default:
			debit = append(debit, int32(row.Code))
		}
	}
	return credit, debit
}

// rangeCheck is what the database says about a range of sequences.
type rangeCheck struct {
	marks                 map[mark]bool
	transactions, entries int64
	// unsummed are transactions whose numbers overflow in the database: it cannot say more about them.
	unsummed []int64
}

// checkRange asks the database about the sequences from low up to high, exclusive. A range that takes too long, or that
// holds a number the database cannot add, is cut in halves until it succeeds or a single transaction is left.
func (v *verifier) checkRange(ctx context.Context, low, high int64, into *rangeCheck) error {
	part := rangeCheck{marks: map[mark]bool{}}
	err := v.ledger.pool.ReadTx(ctx, func(tx pgx.Tx) error { return v.checkRangeOn(ctx, tx, low, high, &part) })
	switch {
	case err == nil:
		for m := range part.marks {
			into.marks[m] = true
		}
		into.transactions += part.transactions
		into.entries += part.entries
		return nil
	case high-low > 1 && (errors.Is(err, postgres.ErrReadTooLong) || unsummable(err)):
		middle := low + (high-low)/2
		if err := v.checkRange(ctx, low, middle, into); err != nil {
			return err
		}
		return v.checkRange(ctx, middle, high, into)
	case unsummable(err):
		into.unsummed = append(into.unsummed, low)
		return nil
	}
	return err
}

// unsummable reports whether the database met a number that it cannot calculate with (SQLSTATE class 22).
func unsummable(err error) bool { return strings.HasPrefix(postgres.SQLState(err), "22") }

func (v *verifier) checkRangeOn(ctx context.Context, tx pgx.Tx, low, high int64, c *rangeCheck) error {
	if _, err := tx.Exec(ctx, sqlVerifySettings); err != nil {
		return err
	}
	credit, debit := floorCodes(v.ledger.chart)
	for _, q := range []struct {
		sql  string
		args []any
	}{{sqlVerifyCheck, []any{v.book.ID, low, high, credit, debit}}, {sqlVerifyOrder, []any{v.book.ID, low, high}}} {
		rows, err := tx.Query(ctx, q.sql, q.args...)
		if err != nil {
			return err
		}
		var kind string
		var n *int64
		_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
			switch {
			case n == nil: // the sum of no entries
			case kind == "entries":
				c.entries += *n
			case kind == "transactions":
				c.transactions += *n
			default:
				c.marks[mark{markKind(kind), *n}] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
