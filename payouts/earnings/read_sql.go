package earnings

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

const (
	sqlStanding = `
SELECT coalesce(c.sequence, 0), coalesce(c.clearing OR c.sequence < c.rebuilding_to, b.last_sequence > 0), coalesce(c.clearing, false), b.last_sequence, t.recorded_at
  FROM (SELECT x.last_sequence FROM books x WHERE x.id = $1) b
  LEFT JOIN LATERAL (SELECT x.sequence, x.rebuilding_to, x.clearing FROM earnings_cursors x WHERE x.book_id = $1) c ON true
  LEFT JOIN LATERAL (SELECT x.recorded_at FROM transactions x WHERE x.book_id = $1 AND x.sequence = c.sequence LIMIT 1) t ON true`

	sqlCurrencies = `
SELECT k.kind, c.currency
  FROM unnest($3::text[]) AS k (kind)
 CROSS JOIN unnest($4::text[]) WITH ORDINALITY AS c (currency, n)
 CROSS JOIN LATERAL (SELECT 1 FROM earnings e WHERE e.book_id = $1 AND e.kind = k.kind AND e.payee = $2 AND e.currency = c.currency LIMIT 1) e
 ORDER BY k.kind, c.n`

	sqlDays = `
SELECT e.day, e.sales, e.returns, e.earned, e.given_back, e.fees, e.shared, e.withheld, e.adjusted, e.paid
  FROM earnings e
 WHERE e.book_id = $1 AND e.kind = $2 AND e.payee = $3 AND e.currency = $4 AND e.dimension = 0 AND e.day >= $5 AND e.day <= $6
 ORDER BY e.day`

	sqlLatest = `
SELECT e.day FROM earnings e
 WHERE e.book_id = $1 AND e.kind = $2 AND e.payee = $3 AND e.currency = $4 AND e.dimension = 0
 ORDER BY e.day DESC LIMIT 1`

	sqlTotal = `
SELECT coalesce(sum(e.sales), 0)::bigint, coalesce(sum(e.returns), 0)::bigint, coalesce(sum(e.earned), 0)::bigint, coalesce(sum(e.given_back), 0)::bigint, coalesce(sum(e.fees), 0)::bigint,
       coalesce(sum(e.shared), 0)::bigint, coalesce(sum(e.withheld), 0)::bigint, coalesce(sum(e.adjusted), 0)::bigint, coalesce(sum(e.paid), 0)::bigint
  FROM earnings e
 WHERE e.book_id = $1 AND e.kind = $2 AND e.payee = $3 AND e.currency = $4 AND e.dimension = 0 AND e.day >= $5 AND e.day <= $6`

	// Each name has one row for a month. Every row says how many there are.
	sqlNames = `
WITH k AS MATERIALIZED (
  SELECT e.key, e.sales, e.returns, e.earned, e.given_back, e.fees, e.shared, e.withheld, e.adjusted, e.paid
    FROM earnings e
   WHERE e.book_id = $1 AND e.kind = $2 AND e.payee = $3 AND e.currency = $4 AND e.dimension = $5 AND e.day = $6
   ORDER BY e.key LIMIT $8)
SELECT k.key, (SELECT count(*) FROM k), k.sales, k.returns, k.earned, k.given_back, k.fees, k.shared, k.withheld, k.adjusted, k.paid
  FROM k ORDER BY k.earned + k.given_back + k.fees + k.shared + k.withheld DESC, k.key LIMIT $7`
)

// reader reads on one snapshot.
type reader struct {
	ctx  context.Context
	tx   pgx.Tx
	book ledger.Book
}

func (s *Service) read(ctx context.Context, book ledger.Book, fn func(r reader) error) error {
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error { return fn(reader{ctx, tx, book}) })
}

func (r reader) standing() (at Standing, err error) {
	var last int64
	var recorded *time.Time
	err = r.tx.QueryRow(r.ctx, sqlStanding, r.book.ID).Scan(&at.Sequence, &at.Rebuilding, &at.clearing, &last, &recorded)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ledger.ErrBookUnknown
	}
	if at.Behind = last - at.Sequence; recorded != nil {
		at.RecordedAt = recorded.UTC()
	}
	return at, err
}

// currencies are those in which a payee ever earned, by its kind.
func (r reader) currencies(payee string) (map[string][]money.Currency, error) {
	all := make([]string, len(r.book.Currencies))
	for i, c := range r.book.Currencies {
		all[i] = string(c)
	}
	rows, err := r.tx.Query(r.ctx, sqlCurrencies, r.book.ID, payee, Kinds(), all)
	if err != nil {
		return nil, err
	}
	found := map[string][]money.Currency{}
	var kind string
	var c money.Currency
	_, err = pgx.ForEachRow(rows, []any{&kind, &c}, func() error {
		found[kind] = append(found[kind], c)
		return nil
	})
	return found, err
}

// latest is the last day on which anything happened.
func (r reader) latest(a *Answer) (day time.Time, err error) {
	err = r.tx.QueryRow(r.ctx, sqlLatest, r.book.ID, a.Kind, a.Payee, string(a.Currency)).Scan(&day)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return day, err
}

func (r reader) dated(a *Answer, from, to time.Time) error {
	rows, err := r.tx.Query(r.ctx, sqlDays, r.book.ID, a.Kind, a.Payee, string(a.Currency), from, to)
	if err != nil {
		return err
	}
	var day time.Time
	var one Sum
	_, err = pgx.ForEachRow(rows, append([]any{&day}, one.columns()...), func() error {
		a.group(day, one, from, to)
		return nil
	})
	return err
}

// named reads a month by name. The total is that of its days: a sale of several products is one.
func (r reader) named(a *Answer, from, to time.Time) error {
	if err := r.tx.QueryRow(r.ctx, sqlTotal, r.book.ID, a.Kind, a.Payee, string(a.Currency), from, to).Scan(a.Total.columns()...); err != nil {
		return err
	}
	rows, err := r.tx.Query(r.ctx, sqlNames, r.book.ID, a.Kind, a.Payee, string(a.Currency), a.By.dimension(), from, a.Top, MaxRanked)
	if err != nil {
		return err
	}
	var one Sum
	var named int64
	_, err = pgx.ForEachRow(rows, append([]any{&one.Key, &named}, one.columns()...), func() error {
		a.Sums = append(a.Sums, one)
		return nil
	})
	a.Named = named - int64(len(a.Sums))
	a.rest()
	return err
}

// columns are where the figures of a row are read into.
func (s *Sum) columns() []any {
	return []any{&s.Sales, &s.Returns, &s.Earned, &s.GivenBack, &s.Fees, &s.Shared, &s.Withheld, &s.Adjusted, &s.Paid}
}
