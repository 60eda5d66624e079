package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What R3 reads of the ledger at one place: all accounts, a page at a time, each by its last entry up to the place. The place is
// fixed in the same statement's snapshot in which the control totals are read, so that both are of one moment.

// insidePage is how many accounts, orders or payouts one statement reads.
const insidePage = 2_000

const (
	sqlPlace = `
SELECT b.last_sequence, b.last_account_id, coalesce(h.run, 0), coalesce(h.sequence, 0)
  FROM books b LEFT JOIN recon_heads h ON h.book_id = b.id AND h.match = $2 AND h.source_id = $3
 WHERE b.id = $1`
	sqlControls = `
SELECT c.chart_code, c.currency, sum(c.debits - c.credits)::bigint FROM chart_totals c
 WHERE c.book_id = $1 GROUP BY c.chart_code, c.currency ORDER BY c.chart_code, c.currency`
	sqlAccountsAt = `
SELECT a.id, a.chart_code, a.address, a.currency, coalesce(e.balance_after, 0),
       coalesce(b.debits, 0) = coalesce(t.debits, 0) AND coalesce(b.credits, 0) = coalesce(t.credits, 0),
       coalesce(t.debits - t.credits, 0)::bigint, coalesce(b.debits - b.credits, 0), a.opened_at
  FROM (SELECT x.id, x.chart_code, x.address, x.currency, x.opened_at FROM accounts x
         WHERE x.book_id = $1 AND x.id > $2 AND x.id <= $4 ORDER BY x.id LIMIT $5) a
  LEFT JOIN LATERAL (SELECT y.balance_after FROM entries y
                      WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence <= $3 ORDER BY y.sequence DESC, y.line DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN LATERAL (SELECT sum(y.debits) AS debits, sum(y.credits) AS credits FROM period_totals y WHERE y.book_id = $1 AND y.account_id = a.id) t ON true
 ORDER BY a.id`
	// What is open of an account came with its newest entries of the side on which it stands: the oldest of them that is not made
	// up for yet is when it began.
	sqlOpenSince = `
SELECT t.sequence, t.occurred_at, t.reference
  FROM (SELECT w.sequence FROM (
          SELECT v.sequence, sum(v.amount) OVER (ORDER BY v.sequence DESC, v.line DESC) AS come
            FROM (SELECT y.sequence, y.line, CASE WHEN sign(y.amount) = sign($4::bigint) THEN abs(y.amount) ELSE 0 END AS amount
                    FROM entries y WHERE y.book_id = $1 AND y.account_id = $2 AND y.sequence <= $3
                   ORDER BY y.sequence DESC, y.line DESC LIMIT 10000) v) w
         ORDER BY w.come < abs($4::bigint), w.come, w.sequence LIMIT 1) o
  JOIN LATERAL (SELECT x.sequence, x.occurred_at, x.reference FROM transactions x WHERE x.book_id = $1 AND x.sequence = o.sequence LIMIT 1) t ON true`
	sqlSettledOrders = `
SELECT x.subject, max(x.sequence), max(x.occurred_at)
  FROM (SELECT y.subject, y.sequence, y.occurred_at FROM transactions y
         WHERE y.book_id = $1 AND y.event = 'order.settled' AND y.sequence > $2 AND y.sequence <= $3 ORDER BY y.sequence LIMIT $4) x
 WHERE x.subject IS NOT NULL
 GROUP BY x.subject ORDER BY 2`
	sqlLastSettled = `
SELECT coalesce(max(x.sequence), 0), count(*) FROM (SELECT y.sequence FROM transactions y
 WHERE y.book_id = $1 AND y.event = 'order.settled' AND y.sequence > $2 AND y.sequence <= $3 ORDER BY y.sequence LIMIT $4) x`
	sqlSettledOf = `
SELECT k.subject, t.sequence, t.occurred_at
  FROM unnest($2::text[]) k(subject)
 CROSS JOIN LATERAL (SELECT x.sequence, x.occurred_at FROM transactions x
                      WHERE x.book_id = $1 AND x.subject = k.subject AND x.event = 'order.settled' AND x.sequence <= $3 ORDER BY x.sequence DESC LIMIT 1) t
 ORDER BY k.subject`
	// What an order moved on accounts of money that waits: up to its settlement, and up to the run's place.
	sqlPendingOf = `
SELECT k.subject, k.until, k.settled, a.address, a.currency, coalesce(sum(e.amount) FILTER (WHERE t.sequence <= k.until), 0)::bigint, sum(e.amount)::bigint
  FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) k(subject, until, settled)
 CROSS JOIN LATERAL (SELECT x.sequence, x.account_ids FROM transactions x
                      WHERE x.book_id = $1 AND x.subject = k.subject AND x.sequence <= $5 ORDER BY x.sequence LIMIT 1000) t
 CROSS JOIN LATERAL unnest(t.account_ids) i(id)
 CROSS JOIN LATERAL (SELECT y.id, y.address, y.currency FROM accounts y WHERE y.book_id = $1 AND y.id = i.id
                        AND y.address ~ '^liabilities:(seller|creator|agency|partner):pending:' LIMIT 1) a
 CROSS JOIN LATERAL (SELECT y.amount FROM entries y WHERE y.book_id = $1 AND y.account_id = a.id AND y.sequence = t.sequence LIMIT 500) e
 GROUP BY k.subject, k.until, k.settled, a.address, a.currency
HAVING sum(e.amount) FILTER (WHERE t.sequence <= k.until) <> 0 AND sum(e.amount) <> 0
 ORDER BY k.subject, a.address, a.currency`
	sqlOpenIdentities = `SELECT b.identity FROM recon_breaks b WHERE b.book_id = $1 AND b.ended_at IS NULL AND b.match = $2 AND b.source_id = $3 ORDER BY b.identity LIMIT 20000`
	// Each identity is one probe of the unique index, however little is known of the table.
	sqlEndedByPeople = `
SELECT b.identity, b.amount, b.left_ref, b.right_ref, b.detail::jsonb ? 'accepted' AND NOT b.detail::jsonb ? 'kept', b.last_run
  FROM unnest($4::text[]) u (identity)
 CROSS JOIN LATERAL (SELECT x.identity, x.amount, x.left_ref, x.right_ref, x.detail, x.state, x.last_run FROM recon_breaks x
                      WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.identity = u.identity OFFSET 0) b
 WHERE b.state IN ('fixed', 'written_off')`
)

// placeOf fixes a run's place in the ledger and reads the control totals there.
func (s *Service) placeOf(ctx context.Context, book ledger.Book, in *inputs) error {
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlPlace, book.ID, in.Match, in.Source.ID).Scan(&in.Entries.To, &in.LastAccount, &in.Number, &in.Entries.From); err != nil {
			return err
		}
		in.Number++
		if in.Match != R3 {
			return nil
		}
		rows, err := tx.Query(ctx, sqlControls, book.ID)
		if err != nil {
			return err
		}
		var c controlInput
		var total money.Minor
		_, err = pgx.ForEachRow(rows, []any{&c.Code, &c.Currency, &total}, func() error {
			c.Total = amountOf(total, c.Currency)
			in.Controls = append(in.Controls, c)
			return nil
		})
		return err
	})
}

// mustEmpty are accounts that must come to nothing in their time, and the checks that say so.
var mustEmpty = []struct {
	prefix string
	check  check
}{
	{"assets:fx_position", checkPosition},
	{"assets:receivable:match_sponsor", checkSponsor},
	{"assets:treasury_in_transit:", checkTreasury},
	{"liabilities:exchange_clearing:", checkExchange},
	{"liabilities:processor_fee_passthrough", checkPassthrough},
}

// accountAt is an account at the run's place.
type accountAt struct {
	id            int32
	code          int32
	address       string
	currency      money.Currency
	balance       money.Minor
	whole         bool
	months, total money.Minor
	opened        time.Time
}

// readControls adds up all accounts at the run's place by chart row, and sees what must be empty and is not. Months against
// balances are as they stand now: both move together, in one transaction.
func (s *Service) readControls(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	var after int32
	for {
		var page []accountAt
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlAccountsAt, book.ID, after, in.Entries.To, in.LastAccount, insidePage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a accountAt, err error) {
				err = row.Scan(&a.id, &a.code, &a.address, &a.currency, &a.balance, &a.whole, &a.months, &a.total, &a.opened)
				return a, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := s.addAccount(ctx, book, in, f, a); err != nil {
				return err
			}
		}
		if len(page) < insidePage {
			break
		}
		after = page[len(page)-1].id
	}
	for k, v := range f.rows {
		if v.here != v.there {
			code := strconv.Itoa(int(k.code))
			f.see(checkControl, code, k.currency, v.there, v.here, in.CutOff, false).Left = "control totals of " + code
		}
	}
	return nil
}

func (s *Service) addAccount(ctx context.Context, book ledger.Book, in inputs, f *facts, a accountAt) (err error) {
	row := f.rows[controlRow{a.code, a.currency}]
	if row == nil {
		row = &controlSums{}
		f.rows[controlRow{a.code, a.currency}] = row
	}
	row.accounts++
	if row.here, err = money.Add(row.here, a.balance); err != nil {
		return err
	}
	if !a.whole && !in.again {
		f.see(checkPeriods, a.address, a.currency, a.months, a.total, a.opened, true).Left = "months of " + a.address
	}
	if a.balance == 0 {
		return nil
	}
	for _, m := range mustEmpty {
		if !strings.HasPrefix(a.address, m.prefix) {
			continue
		}
		since, reference, err := s.openSince(ctx, book, a, in.Entries.To)
		if err != nil {
			return err
		}
		f.see(m.check, a.address, a.currency, 0, a.balance, since, false).Left = reference
		return nil
	}
	return nil
}

// openSince is when what stands on an account began, and the transaction that it came with.
func (s *Service) openSince(ctx context.Context, book ledger.Book, a accountAt, sequence int64) (at time.Time, reference string, err error) {
	var n int64
	err = s.pool.QueryRow(ctx, sqlOpenSince, book.ID, a.id, sequence, int64(a.balance)).Scan(&n, &at, &reference)
	if errors.Is(err, pgx.ErrNoRows) {
		return a.opened, "", nil
	}
	return at, reference, err
}

// settledOrder is an order and the transaction that settled it last.
type settledOrder struct {
	subject  string
	sequence int64
	at       time.Time
}

// readOrders sees orders of which something was pending after they settled, and still is (invariant 20): those that settled since the
// run before, and those of which the run before saw it.
func (s *Service) readOrders(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	from := in.Entries.From
	if in.OrdersFrom > 0 {
		from = min(from, in.OrdersFrom)
	}
	pending := map[string][]fact{}
	for from < in.Entries.To {
		var last, count int64
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, sqlLastSettled, book.ID, from, in.Entries.To, insidePage).Scan(&last, &count); err != nil {
				return err
			}
			return readPending(ctx, tx, book, in, pending, sqlSettledOrders, book.ID, from, in.Entries.To, insidePage)
		})
		if err != nil {
			return err
		}
		if count < insidePage {
			break
		}
		from = last
	}
	for page := range slices.Chunk(in.Orders, insidePage) {
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			return readPending(ctx, tx, book, in, pending, sqlSettledOf, book.ID, page, in.Entries.To)
		}); err != nil {
			return err
		}
	}
	for _, of := range pending {
		for _, x := range of {
			there, here, err := x.amounts()
			if err != nil {
				return err
			}
			y := f.see(x.Check, x.Of, x.Currency, there, here, x.Since, false)
			y.Left, y.Right, y.From = x.Left, x.Right, x.From
		}
	}
	return nil
}

// readPending sees what of orders is pending. An order that settled again is judged by its last settlement. What is pending is what
// was left then, as far as it is there still: what the order sold since is no rest of it.
func readPending(ctx context.Context, tx pgx.Tx, book ledger.Book, in inputs, pending map[string][]fact, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var o settledOrder
	var subjects []string
	var until []int64
	var at []time.Time
	if _, err = pgx.ForEachRow(rows, []any{&o.subject, &o.sequence, &o.at}, func() error {
		subjects, until, at = append(subjects, o.subject), append(until, o.sequence), append(at, o.at)
		delete(pending, o.subject)
		return nil
	}); err != nil || len(subjects) == 0 {
		return err
	}
	if rows, err = tx.Query(ctx, sqlPendingOf, book.ID, subjects, until, at, in.Entries.To); err != nil {
		return err
	}
	var address string
	var c money.Currency
	var left, still money.Minor
	_, err = pgx.ForEachRow(rows, []any{&o.subject, &o.sequence, &o.at, &address, &c, &left, &still}, func() error {
		if (left > 0) != (still > 0) {
			return nil
		}
		if still > 0 {
			left = min(left, still)
		} else {
			left = max(left, still)
		}
		pending[o.subject] = append(pending[o.subject], fact{Check: checkPending, Of: o.subject + ":" + address, Currency: c, There: amountOf(0, c), Here: amountOf(left, c),
			Since: o.at, Left: o.subject, Right: address, From: o.sequence})
		return nil
	})
	if err == nil && len(pending) > mostSeen {
		err = ErrRunLarge
	}
	return err
}

// inputsBefore are those of the run before, none if there is none.
func (s *Service) inputsBefore(ctx context.Context, book ledger.Book, in inputs) (before inputs, err error) {
	var past string
	var number, line, sequence int64
	err = s.pool.QueryRow(ctx, sqlRunHead, book.ID, in.Match, in.Source.ID).Scan(&number, &line, &sequence, &past)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && past == "" {
		return before, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(past), &before)
	}
	return before, err
}

// openIdentities are those of the breaks of a match that are open.
func (s *Service) openIdentities(ctx context.Context, book ledger.Book, in inputs) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, sqlOpenIdentities, book.ID, in.Match, in.Source.ID)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	var identity string
	_, err = pgx.ForEachRow(rows, []any{&identity}, func() error { all[identity] = true; return nil })
	return all, err
}

// endedBreak is what of a break that two people ended says whether a fact is still the same.
type endedBreak struct {
	amount      money.Minor
	left, right string
	// accepted says that people ended it without posting while runs found it.
	accepted bool
	// lastRun is the last run that found it.
	lastRun int64
}

// covers reports whether a fact is what two people ended. Where no amount tells, what both sides are called does.
func (b endedBreak) covers(x *fact, m meaning, amount money.Minor) bool {
	same := b.left == clipText(x.Left, mostBreakRef) && b.right == clipText(x.Right, mostBreakRef)
	switch {
	case amount != b.amount || amount == 0 && !same:
		return false
	case m.lasting:
		return true
	}
	return b.accepted && same && m.staysAccepted(amount == 0, false)
}

// leaveEnded takes those facts out whose break two people ended, and which are as they were then: lasting ones, and those that people
// accepted without posting. What was accepted and is no lasting matter is left out from the run that found it on, as long as every run
// sees it: what was gone in between, and is there again, is another difference, were it of the same amount.
func (s *Service) leaveEnded(ctx context.Context, book ledger.Book, in *inputs, before inputs, f *facts, of map[check]meaning) error {
	var asked []string
	for i := range f.list {
		x := &f.list[i]
		there, here, err := x.amounts()
		if err != nil {
			return err
		}
		if x.Live && of[x.Check].staysAccepted(there == here, false) {
			asked = append(asked, x.identity())
		}
	}
	ended, err := s.endedByPeople(ctx, book, *in, asked)
	if err != nil {
		return err
	}
	had := map[string]bool{}
	for _, identity := range before.Accepted {
		had[identity] = true
	}
	var failed error
	f.list = slices.DeleteFunc(f.list, func(x fact) bool {
		identity := x.identity()
		b, known := ended[identity]
		is, err := x.endedAs(b, known, of[x.Check])
		failed = errors.Join(failed, err)
		if !is {
			return false
		}
		if !of[x.Check].lasting {
			if !had[identity] && b.lastRun < before.Number || len(in.Accepted) >= mostFactsInAll {
				return false
			}
			in.Accepted = append(in.Accepted, identity)
		}
		if tries, read := in.tries[x.From]; read {
			in.Ended = append(in.Ended, endedFile{x.From, tries})
		}
		return true
	})
	slices.Sort(in.Accepted)
	in.keepEnded()
	return failed
}

// keepEnded leaves each file once, as it was read last, and the newest if they are too many.
func (in *inputs) keepEnded() {
	slices.SortFunc(in.Ended, func(a, b endedFile) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Tries, a.Tries)) })
	in.Ended = slices.CompactFunc(in.Ended, func(a, b endedFile) bool { return a.ID == b.ID })
	in.Ended = in.Ended[max(len(in.Ended)-mostEndedFiles, 0):]
}

// endedByPeople are those breaks among the identities that two people ended.
func (s *Service) endedByPeople(ctx context.Context, book ledger.Book, in inputs, identities []string) (map[string]endedBreak, error) {
	ended := map[string]endedBreak{}
	for page := range slices.Chunk(identities, insidePage) {
		rows, err := s.pool.Query(ctx, sqlEndedByPeople, planNow, book.ID, in.Match, in.Source.ID, page)
		if err != nil {
			return nil, err
		}
		var identity string
		var b endedBreak
		if _, err := pgx.ForEachRow(rows, []any{&identity, &b.amount, &b.left, &b.right, &b.accepted, &b.lastRun}, func() error { ended[identity] = b; return nil }); err != nil {
			return nil, err
		}
	}
	return ended, nil
}
