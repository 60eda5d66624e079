package reconcile

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// A slice is a part of a run that one statement compares: lines of the source from one number to another, and entries of its
// accounts from one sequence to another. Where the borders lie changes how fast a run is, and never what it finds.

// sliceLines is how many lines of the source are compared at once, and with twice as many entries it stays far below the two
// seconds that a read may take.
const sliceLines = 50_000

// account is an account of the source in one currency.
type account struct {
	id       int32
	address  string
	currency money.Currency
	// after is the sequence after which its entries are new, and until the last that is the source's; 0 if all are.
	after, until int64
}

// has reports whether a new entry of the account is the source's.
func (a account) has(sequence int64) bool {
	return sequence > a.after && (a.until == 0 || sequence <= a.until)
}

// slice is one part.
type slice struct {
	lines, entries span
	// late says that it is of accounts that the source did not have in the run before, whose older entries are new as well.
	late bool
}

// sqlSlice compares in both directions at once. Transactions that move nothing on the source's accounts in a currency, and name
// one thing at most, are left out, and so are lines that move nothing. What ties leaves no row. Of what only the ledger has and
// names by a line's own id, the key is that line's.
//
// What moves nothing is looked for by the low bits of the amounts first, which add up without wide numbers: sums that are nothing have
// none in them. Only of the few transactions that are left all bits and what they name are looked at.
const sqlSlice = `
WITH moved AS MATERIALIZED (
    SELECT x.sequence, x.line, x.amount, x.external_ref COLLATE "C" AS ref, a.currency/*, t.effective_period AS month*/
      FROM entries x JOIN unnest($5::int[], $6::text[], $10::bigint[]) a(id, currency, after) ON a.id = x.account_id AND x.sequence > a.after
/*    JOIN transactions t ON t.book_id = $1 AND t.sequence = x.sequence AND t.sequence > $7 AND t.sequence <= $8 */
     WHERE x.book_id = $1 AND x.account_id = ANY ($5::int[]) AND x.sequence > $7 AND x.sequence <= $8
), perhaps AS MATERIALIZED (
    SELECT m.sequence, m.currency FROM moved m
     GROUP BY m.sequence, m.currency HAVING sum((m.amount & 16777215)::int) & 16777215 = 0
), still AS MATERIALIZED (
    SELECT p.sequence, p.currency FROM perhaps p JOIN moved m ON m.sequence = p.sequence AND m.currency = p.currency
     GROUP BY p.sequence, p.currency HAVING sum(m.amount) = 0 AND min(m.ref) IS NOT DISTINCT FROM max(m.ref)
), source AS (
    SELECT e.key, e.currency, sum(greatest(e.gross, 0) + greatest(-e.fee, 0)) AS debits, sum(greatest(-e.gross, 0) + greatest(e.fee, 0)) AS credits,
           count(*) AS lines/*, ($11::int[])[width_bucket(e.moved_at, $12::timestamptz[])] AS month*/
      FROM evidence_lines e
     WHERE e.book_id = $1 AND e.source_id = $2 AND e.number > $3 AND e.number <= $4 AND e.net <> 0
     GROUP BY e.key, e.currency/*, month*/
), ledger AS (
    SELECT coalesce(m.ref, '@' || m.sequence || '.' || m.line) COLLATE "C" AS key, m.currency COLLATE "C" AS currency,
           sum(greatest(m.amount, 0)) AS debits, sum(greatest(-m.amount, 0)) AS credits, count(*) AS entries,
           min(m.sequence) AS first, max(m.sequence) AS last/*, m.month*/
      FROM moved m
     WHERE NOT EXISTS (SELECT FROM still s WHERE s.sequence = m.sequence AND s.currency = m.currency)
     GROUP BY 1, 2/*, m.month*/
)
SELECT coalesce(s.key, o.key, l.key), coalesce(s.currency, l.currency), coalesce(s.debits, 0)::bigint, coalesce(s.credits, 0)::bigint,
       coalesce(l.debits, 0)::bigint, coalesce(l.credits, 0)::bigint, coalesce(s.lines, 0), coalesce(l.entries, 0), coalesce(l.first, 0), coalesce(l.last, 0)
     /*, coalesce(s.month, l.month)*/
  FROM source s
  FULL JOIN ledger l ON l.key = s.key AND l.currency = s.currency /*AND l.month = s.month*/
  LEFT JOIN LATERAL (SELECT e.key FROM evidence_lines e
                      WHERE e.book_id = $1 AND e.source_id = $2 AND e.line_id = l.key AND e.number <= $9 AND s.key IS NULL
                        AND NOT EXISTS (SELECT FROM evidence_lines k WHERE k.book_id = $1 AND k.source_id = $2 AND k.key = l.key AND k.number <= $9)
                      LIMIT 1) o ON true
 WHERE s.debits IS DISTINCT FROM l.debits OR s.credits IS DISTINCT FROM l.credits`

// sqlCategories sums what the source says of itself, by its words.
const sqlCategories = `
SELECT e.currency, e.category, count(*), count(*) FILTER (WHERE e.fee <> 0), sum(e.gross)::bigint, sum(e.fee)::bigint, min(e.moved_at), max(e.moved_at)
  FROM evidence_lines e
 WHERE e.book_id = $1 AND e.source_id = $2 AND e.number > $3 AND e.number <= $4
 GROUP BY e.currency, e.category`

// sqlMonths is in which months the books have what a slice has of them.
const sqlMonths = `
SELECT coalesce(min(t.effective_period), 0), coalesce(max(t.effective_period), 0) FROM transactions t
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3`

// sqlSliceByMonth is sqlSlice for what lies in several months: what ties in each of them leaves no row.
var sqlSliceByMonth = strings.NewReplacer("/*", "", "*/", "").Replace(sqlSlice)

// sqlRoom lets a slice group in memory: it needs some twenty megabytes for a side. And it keeps the planner, which cannot know how many
// transactions move nothing, from going through all entries for each of them; only what is looked up by an index is.
const sqlRoom = `SELECT set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true)`

// compareSlices walks the run's slices and returns what does not tie, with the source's sums by category.
func (s *Service) compareSlices(ctx context.Context, r *reading) error {
	for _, p := range r.parts {
		r.slices.begin()
		if err := s.compareSlice(ctx, r, p, 0); err != nil {
			return err
		}
		r.slices.end()
	}
	return nil
}

// mostHalved bounds how often a slice is halved: a thousandth of a slice that is not read in two seconds is not large, but the database is
// not to be reached, or stands still.
const mostHalved = 10

// divides reports whether a slice has halves.
func (p slice) divides() bool { return p.lines.To-p.lines.From > 1 || p.entries.To-p.entries.From > 1 }

// halves are the two halves of a slice.
func (p slice) halves() (a, b slice) {
	a, b = p, p
	a.lines.To = p.lines.From + (p.lines.To-p.lines.From)/2
	a.entries.To = p.entries.From + (p.entries.To-p.entries.From)/2
	b.lines.From, b.entries.From = a.lines.To, a.entries.To
	return a, b
}

// halving is how often slices are halved to be read in time. What was too much once is too much of the slices after it too, until they are
// read quickly again: a database that stood still for a moment does not slow down all of a run.
type halving struct {
	deep int
	// slowest is the longest read of the slice under way.
	slowest time.Duration
}

// quickRead is how quickly all parts of a slice must be read for the next one to be halved once less: twice as much is still far from
// too long.
const quickRead = 500 * time.Millisecond

func (h *halving) begin() { h.slowest = 0 }

func (h *halving) read(took time.Duration) { h.slowest = max(h.slowest, took) }

func (h *halving) end() {
	if h.deep > 0 && h.slowest < quickRead {
		h.deep--
	}
}

// deeper reports whether a slice that could not be read is to be halved.
func (h *halving) deeper(err error, p slice, halved int) bool {
	if !errors.Is(err, postgres.ErrReadTooLong) && !errors.Is(err, errSliceLarge) || !p.divides() || halved >= mostHalved {
		return false
	}
	h.deep = max(h.deep, halved+1)
	return true
}

// errSliceLarge means that more keys of a slice do not tie than are read at once.
var errSliceLarge = errors.New("reconcile: a slice leaves more than is read at once")

// compareSlice compares one slice, and if that is too much at once its two halves.
func (s *Service) compareSlice(ctx context.Context, r *reading, p slice, halved int) error {
	if halved < r.slices.deep && p.divides() {
		return s.compareHalves(ctx, r, p, halved)
	}
	if err := r.way.Rest(ctx); err != nil {
		return err
	}
	began := s.clock()
	found, sums, err := s.readSlice(ctx, r, p)
	r.slices.read(s.clock().Sub(began))
	if r.slices.deeper(err, p, halved) {
		return s.compareHalves(ctx, r, p, halved)
	}
	if err != nil {
		return err
	}
	if err := s.rename(ctx, r, found); err != nil {
		return err
	}
	for _, u := range found {
		if err := r.hold(u.key, func() error { return r.carry.add(u) }); err != nil {
			return err
		}
	}
	if !r.first { // the first pass has the sums
		return nil
	}
	for _, c := range sums {
		r.sums.source(c)
	}
	return nil
}

func (s *Service) compareHalves(ctx context.Context, r *reading, p slice, halved int) error {
	a, b := p.halves()
	if err := s.compareSlice(ctx, r, a, halved+1); err != nil {
		return err
	}
	return s.compareSlice(ctx, r, b, halved+1)
}

// categorySum is what a source's lines of one category come to.
type categorySum struct {
	currency    money.Currency
	category    string
	count, fees int64
	gross, fee  money.Minor
	// first and last are when the earliest and the latest of them moved.
	first, last time.Time
}

// months are the months that a slice lies in, on either side.
type months struct {
	first, last ledger.Period
	// lines are the months from the first to the last in which lines moved, and begins the first instants of them.
	lines  []int32
	begins []time.Time
}

// monthsOf are the months of what the source says in a slice and of what the books have in it.
func (r *reading) monthsOf(sums []categorySum, first, last ledger.Period) (m months) {
	m.first, m.last = first, last
	if len(sums) == 0 {
		return m
	}
	from, until := sums[0].first, sums[0].last
	for _, c := range sums {
		if c.first.Before(from) {
			from = c.first
		}
		if c.last.After(until) {
			until = c.last
		}
	}
	zone := r.book.Location()
	a, b := ledger.PeriodOf(from, zone), ledger.PeriodOf(until, zone)
	for p := a; p <= b; p = p.Next() {
		m.lines, m.begins = append(m.lines, int32(p)), append(m.begins, r.book.DayBegins(int(p)/100, time.Month(p%100), 1))
	}
	if first == 0 {
		m.first, m.last = a, b
	}
	m.first, m.last = min(m.first, a), max(m.last, b)
	return m
}

func (s *Service) readSlice(ctx context.Context, r *reading, p slice) (found []unequal, sums []categorySum, err error) {
	ids, currencies, after := r.accountsOf(p)
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		found, sums = found[:0], sums[:0]
		if _, err := tx.Exec(ctx, sqlRoom); err != nil {
			return err
		}
		if sums, err = readCategories(ctx, tx, r, p); err != nil {
			return err
		}
		var first, last ledger.Period
		if err := tx.QueryRow(ctx, sqlMonths, planNow, r.book.ID, p.entries.From, p.entries.To).Scan(&first, &last); err != nil {
			return err
		}
		m := r.monthsOf(sums, first, last)
		u := unequal{month: m.first}
		into := []any{&u.key, &u.currency, &u.source.debits, &u.source.credits, &u.ledger.debits, &u.ledger.credits, &u.lines, &u.entries, &u.first, &u.last}
		args := []any{planNow, r.book.ID, r.in.Source.ID, p.lines.From, p.lines.To, ids, currencies, p.entries.From, p.entries.To, r.in.Lines.To, after}
		sql := sqlSlice
		if m.first != m.last {
			sql, into, args = sqlSliceByMonth, append(into, &u.month), append(args, m.lines, m.begins)
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, into, func() error {
			if len(found) >= 2*r.carry.most {
				return errSliceLarge
			}
			found = append(found, u)
			return nil
		})
		return err
	})
	return found, sums, err
}

func readCategories(ctx context.Context, tx pgx.Tx, r *reading, p slice) (sums []categorySum, err error) {
	if p.lines.From == p.lines.To {
		return nil, nil
	}
	rows, err := tx.Query(ctx, sqlCategories, planNow, r.book.ID, r.in.Source.ID, p.lines.From, p.lines.To)
	if err != nil {
		return nil, err
	}
	var c categorySum
	_, err = pgx.ForEachRow(rows, []any{&c.currency, &c.category, &c.count, &c.fees, &c.gross, &c.fee, &c.first, &c.last}, func() error {
		sums = append(sums, c)
		return nil
	})
	return sums, err
}

// accountsOf are the accounts whose entries a slice compares.
func (r *reading) accountsOf(p slice) (ids []int32, currencies []string, after []int64) {
	ids, currencies, after = []int32{}, []string{}, []int64{}
	for _, a := range r.accounts {
		if a.until > 0 || p.late && !r.late(a) {
			continue
		}
		ids, currencies, after = append(ids, a.id), append(currencies, string(a.currency)), append(after, a.after)
	}
	return ids, currencies, after
}

// late reports whether the run before did not have an account.
func (r *reading) late(a account) bool { return a.until == 0 && a.after < r.in.Entries.From }

// slicesOf cuts the run into slices of proportional parts of both sides, so that lines and entries of the same time meet: lines by
// number, entries by the count of the account that has most of them.
func (s *Service) slicesOf(ctx context.Context, r *reading) (parts []slice, err error) {
	var late, current []account
	since := r.in.Entries.From
	for _, a := range r.accounts {
		if r.late(a) {
			late, since = append(late, a), min(since, a.after)
		}
		if a.until == 0 {
			current = append(current, a)
		}
	}
	if len(late) > 0 {
		bounds, err := s.bounds(ctx, r, late, span{since, r.in.Entries.From}, 0)
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(bounds); i++ {
			parts = append(parts, slice{lines: span{r.in.Lines.From, r.in.Lines.From}, entries: span{bounds[i-1], bounds[i]}, late: true})
		}
	}
	count := r.in.Lines.To - r.in.Lines.From
	bounds, err := s.bounds(ctx, r, current, r.in.Entries, count)
	if err != nil {
		return nil, err
	}
	n := int64(len(bounds) - 1)
	for i := range n {
		parts = append(parts, slice{
			lines:   span{r.in.Lines.From + share(count, i, n), r.in.Lines.From + share(count, i+1, n)},
			entries: span{bounds[i], bounds[i+1]},
		})
	}
	return parts, nil
}

// share is the i-th of n parts of a whole, without passing through numbers that are too large.
func share(whole, i, n int64) int64 { return whole/n*i + whole%n*i/n }

// bounds are the sequences at which slices of entries begin and end.
func (s *Service) bounds(ctx context.Context, r *reading, accounts []account, entries span, lines int64) ([]int64, error) {
	var most account
	var from, count, all int64
	for _, a := range accounts {
		before, err := s.standingAt(ctx, r, a, entries.From)
		if err != nil {
			return nil, err
		}
		after, err := s.standingAt(ctx, r, a, entries.To)
		if err != nil {
			return nil, err
		}
		n := after.version - before.version
		if all += n; n > count {
			most, from, count = a, before.version, n
		}
	}
	size := int64(r.sliceLines)
	n := max((lines+size-1)/size, (all+2*size-1)/(2*size))
	if n == 0 {
		return nil, nil
	}
	entries, err := s.between(ctx, r, accounts, entries)
	if err != nil {
		return nil, err
	}
	bounds := []int64{entries.From}
	for i := int64(1); i < n; i++ {
		at, err := s.sequenceOf(ctx, r, most, from+share(count, i, n), span{bounds[i-1], entries.To})
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, at)
	}
	return append(bounds, entries.To), nil
}

const (
	sqlFirstWithin = `
SELECT e.sequence FROM entries e
 WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence > $3 AND e.sequence <= $4
 ORDER BY e.sequence LIMIT 1`
	sqlLastWithin = `
SELECT e.sequence FROM entries e
 WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence > $3 AND e.sequence <= $4
 ORDER BY e.sequence DESC LIMIT 1`
)

// between is a span without what lies before the first and after the last entry of the accounts, so that the first run of an account that is
// younger than the book does not read what everybody else did before. Without an entry it is empty.
func (s *Service) between(ctx context.Context, r *reading, accounts []account, within span) (span, error) {
	out := span{within.To, within.From}
	for _, a := range accounts {
		var first, last int64
		err := s.pool.QueryRow(ctx, sqlFirstWithin, r.book.ID, a.id, within.From, within.To).Scan(&first)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err == nil {
			err = s.pool.QueryRow(ctx, sqlLastWithin, r.book.ID, a.id, within.From, within.To).Scan(&last)
		}
		if err != nil {
			return span{}, err
		}
		out = span{min(out.From, first-1), max(out.To, last)}
	}
	out.To = max(out.From, out.To)
	return out, nil
}

// sequenceOf is the first sequence within the bounds at which an account has so many entries, found by halving.
func (s *Service) sequenceOf(ctx context.Context, r *reading, a account, version int64, within span) (int64, error) {
	if a.id == 0 {
		return within.To, nil
	}
	low, high := within.From, within.To
	for low < high {
		middle := low + (high-low)/2
		at, err := s.standingAt(ctx, r, a, middle)
		if err != nil {
			return 0, err
		}
		if at.version >= version {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}

// standing is what an account holds after a sequence, and how many entries it has.
type standing struct {
	version int64
	balance money.Minor
}

const sqlStandingAt = `
SELECT e.account_version, e.balance_after FROM entries e
 WHERE e.book_id = $1 AND e.account_id = $2 AND e.sequence <= $3
 ORDER BY e.sequence DESC, e.line DESC LIMIT 1`

func (s *Service) standingAt(ctx context.Context, r *reading, a account, sequence int64) (at standing, err error) {
	err = s.pool.QueryRow(ctx, sqlStandingAt, r.book.ID, a.id, sequence).Scan(&at.version, &at.balance)
	if errors.Is(err, pgx.ErrNoRows) {
		return standing{}, nil
	}
	return at, err
}
