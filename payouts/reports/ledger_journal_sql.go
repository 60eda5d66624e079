package reports

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// The general journal: every entry in the order of the book, as accounting systems import it.

func generalJournal() Report {
	return Report{Name: "general_journal", Title: "General journal", Schema: tabular.GeneralJournal().Schema,
		Meaning: "Each entry with its debit or its credit, transaction after transaction, as accounting systems import it. Debits are equal to credits " +
			"in each transaction and currency.",
		Parameters: rangeParameters, Columns: tabular.GeneralJournal().Columns, check: checkRange, rows: journalRows}
}

// headline is a transaction without its entries.
type headline struct {
	sequence                                                  int64
	lines                                                     int
	period                                                    ledger.Period
	recordedAt                                                time.Time
	event, reference, subject, campaign, liveSession, channel string
	accounts                                                  []int32
}

// journalEntry is an entry with its account.
type journalEntry struct {
	sequence int64
	line     int
	amount   money.Minor
	code     int
	address  ledger.Address
	currency money.Currency
}

const (
	sqlHeadlines = `
SELECT t.sequence, t.line_count, t.period, t.recorded_at, t.event, t.reference, coalesce(t.subject, ''), coalesce(t.campaign, ''),
       coalesce(t.live_session, ''), coalesce(t.channel, ''), t.account_ids
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3
 ORDER BY t.sequence LIMIT $4`

	sqlJournalEntries = `
SELECT e.sequence, e.line, e.amount, a.chart_code, a.address, a.currency
  FROM unnest($2::bigint[], $3::integer[]) AS k (sequence, account_id)
 CROSS JOIN LATERAL (SELECT x.sequence, x.line, x.amount FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.account_id AND x.sequence = k.sequence LIMIT 500) e
 CROSS JOIN LATERAL (SELECT c.chart_code, c.address, c.currency FROM accounts c WHERE c.book_id = $1 AND c.id = k.account_id LIMIT 1) a
 ORDER BY e.sequence, e.line`
)

// headlinesAtATime bounds a page of transactions, of which so many are taken as have entriesAtATime, but at least one.
const headlinesAtATime = 1_000

func journalRows(ctx context.Context, q *Query, yield func(tabular.Row) error) error {
	s := q.span()
	if err := q.begin(ctx, &s); err != nil {
		return err
	}
	for after := s.first - 1; after < s.last; {
		heads, entries, err := q.journalPage(ctx, s, &after)
		if err != nil {
			return err
		}
		for _, h := range heads {
			n := 0
			for ; n < len(entries) && entries[n].sequence == h.sequence; n++ {
				if err := yield(q.journalRow(h, entries[n])); err != nil {
					return err
				}
			}
			if n != h.lines {
				return ErrUneven
			}
			entries = entries[n:]
		}
	}
	return nil
}

// journalPage reads the next transactions of the span with their entries, and moves after on to the last it looked at.
func (q *Query) journalPage(ctx context.Context, s span, after *int64) (heads []headline, entries []journalEntry, err error) {
	looked := *after
	err = q.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlHeadlines, q.Book.ID, *after, s.last, headlinesAtATime)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (h headline, err error) {
			err = r.Scan(&h.sequence, &h.lines, &h.period, &h.recordedAt, &h.event, &h.reference, &h.subject, &h.campaign, &h.liveSession, &h.channel, &h.accounts)
			return h, err
		})
		if err != nil {
			return err
		}
		looked, heads, entries = s.last, nil, nil
		var sequences []int64
		var accounts []int32
		lines := 0
		for i, h := range all {
			if lines += h.lines; i > 0 && lines > entriesAtATime {
				break
			}
			if looked = h.sequence; !s.holds(h.period) {
				continue
			}
			heads = append(heads, h)
			for _, id := range h.accounts {
				sequences, accounts = append(sequences, h.sequence), append(accounts, id)
			}
		}
		rows, err = tx.Query(ctx, sqlJournalEntries, q.Book.ID, sequences, accounts)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (e journalEntry, err error) {
			err = r.Scan(&e.sequence, &e.line, &e.amount, &e.code, &e.address, &e.currency)
			return e, err
		})
		return err
	})
	*after = looked
	return heads, entries, err
}

func (q *Query) journalRow(h headline, e journalEntry) tabular.Row {
	debit, credit := sides(e.amount, e.currency)
	return tabular.Row{q.day(h.recordedAt), periodValue(h.period), tabular.Text(q.Book.Code), q.transactionID(e.sequence), tabular.Int(int64(e.line)),
		accountCode(e.code), tabular.Text(string(e.address)), tabular.Text(meaningOf(e.code)), debit, credit, tabular.Text(string(e.currency)),
		tabular.Text(h.event), tabular.Text(h.reference), tabular.Text(h.subject), tabular.Text(h.campaign), tabular.Text(h.liveSession), tabular.Text(h.channel)}
}
