package ledger

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/money"
)

// Reading transactions back, exactly as they were recorded. Headers come by key; entries by primary-key probes over the
// header's account_ids, because an index on sequence would be a second large index that takes every insert.
//
// A statement that probes for many sequences is given the lowest and the highest of them as well: by these the server leaves
// out the other partitions once, before it begins. By the sequence of a probe alone it would open all of them and go
// through the list for each probe.

const transactionColumns = `
       t.sequence, t.line_count, t.period, t.effective_period, coalesce(t.original_period, 0), t.occurred_at, t.recorded_at,
       coalesce(t.reverses, 0), coalesce(t.reposts, 0), t.reference, t.event, coalesce(t.subject, ''),
       coalesce(t.live_session, ''), coalesce(t.channel, ''), coalesce(t.campaign, ''), coalesce(t.memo, ''),
       t.account_ids, t.content_hash, t.metadata, t.explanation`

const (
	sqlTransactionRange = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3
 ORDER BY t.sequence
 LIMIT $4`

	sqlTransactionRangeDown = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3
 ORDER BY t.sequence DESC
 LIMIT $4`

	sqlTransactionsBySubject = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3 AND t.subject = $5 AND ($6 = '' OR t.event = $6)
 ORDER BY t.sequence
 LIMIT $4`

	sqlTransactionsBySubjectDown = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3 AND t.subject = $5 AND ($6 = '' OR t.event = $6)
 ORDER BY t.sequence DESC
 LIMIT $4`

	sqlTransactionsByEvent = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3 AND t.event = $5
 ORDER BY t.sequence
 LIMIT $4`

	sqlTransactionsByEventDown = `
SELECT` + transactionColumns + `
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence >= $2 AND t.sequence < $3 AND t.event = $5
 ORDER BY t.sequence DESC
 LIMIT $4`

	sqlEntriesOfTransactions = `
SELECT e.sequence, e.line, a.address, a.currency, a.chart_code, e.amount, e.account_version, e.balance_after, e.debits_after,
       coalesce(e.external_ref, '')
  FROM unnest($2::bigint[], $3::integer[]) AS k (sequence, account_id)
 CROSS JOIN LATERAL (SELECT x.* FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.account_id AND x.sequence = k.sequence AND x.sequence >= $4 AND x.sequence <= $5 LIMIT 500) e
 CROSS JOIN LATERAL (SELECT c.address, c.currency, c.chart_code FROM accounts c
                      WHERE c.book_id = $1 AND c.id = k.account_id LIMIT 1) a
 ORDER BY e.sequence, e.line`

	sqlTransactionsBySequence = `
SELECT` + transactionColumns + `
  FROM unnest($2::bigint[]) AS k (sequence)
 CROSS JOIN LATERAL (SELECT h.* FROM transactions h
                      WHERE h.book_id = $1 AND h.sequence = k.sequence AND h.sequence >= $3 AND h.sequence <= $4 LIMIT 1) t
 ORDER BY t.sequence`

	sqlFindReference = `
SELECT first_sequence, count FROM transaction_references WHERE book_id = $1 AND reference = $2`
)

// querier is what a pool and a transaction have in common for reading.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readRange reads count transactions from the sequence first on, in one snapshot.
func (l *Ledger) readRange(ctx context.Context, book Book, first int64, count int) (ts []Transaction, err error) {
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		ts, err = readRangeOn(ctx, tx, book, first, count)
		return err
	})
	return ts, err
}

// readSequences reads the transactions with the given sequences, a bounded number at a time.
func (l *Ledger) readSequences(ctx context.Context, book Book, sequences []int64) (map[int64]Transaction, error) {
	found := make(map[int64]Transaction, len(sequences))
	for part := range slices.Chunk(slices.Sorted(slices.Values(sequences)), 250) {
		err := l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			ts, err := readTransactions(ctx, tx, book, sqlTransactionsBySequence, book.ID, part, part[0], part[len(part)-1])
			for _, t := range ts {
				found[t.Sequence] = t
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func readRangeOn(ctx context.Context, on querier, book Book, first int64, count int) ([]Transaction, error) {
	return readTransactions(ctx, on, book, sqlTransactionRange, book.ID, first, first+int64(count), count)
}

// readTransactions runs a query for headers and adds their entries.
func readTransactions(ctx context.Context, on querier, book Book, sql string, args ...any) ([]Transaction, error) {
	headers, err := readHeaders(ctx, on, book, math.MaxInt, sql, args...)
	if err != nil {
		return nil, err
	}
	return headers.transactions, headers.readEntries(ctx, on, book, nil)
}

// headerRows are transactions whose entries are not read yet, with the accounts they touch.
type headerRows struct {
	transactions []Transaction
	lines        []int
	accountIDs   [][]int32
	ended        bool // there are more, left out because of their texts
}

// readHeaders reads headers until their texts are more than maxText bytes, but at least one.
func readHeaders(ctx context.Context, on querier, book Book, maxText int, sql string, args ...any) (*headerRows, error) {
	rows, err := on.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	h := &headerRows{}
	for text := 0; rows.Next(); {
		for _, value := range rows.RawValues() {
			text += len(value)
		}
		if h.ended = len(h.transactions) > 0 && text > maxText; h.ended {
			rows.Close()
			break
		}
		t, lines, ids, err := scanTransaction(book, rows)
		if err != nil {
			return nil, err
		}
		h.transactions, h.lines, h.accountIDs = append(h.transactions, t), append(h.lines, lines), append(h.accountIDs, ids)
	}
	return h, rows.Err()
}

// cut keeps at most limit transactions and maxPageLines entries, but at least one transaction, and reports whether it
// left any out.
func (h *headerRows) cut(limit int) bool {
	lines := 0
	for i := range h.transactions {
		lines += h.lines[i]
		if i == limit || i > 0 && lines > maxPageLines {
			h.transactions, h.lines, h.accountIDs = h.transactions[:i], h.lines[:i], h.accountIDs[:i]
			return true
		}
	}
	return h.ended
}

// readEntries reads the entries of the transactions, but for those that are known by their sequences.
func (h *headerRows) readEntries(ctx context.Context, on querier, book Book, known map[int64][]Entry) error {
	var sequences []int64
	var ids []int32
	at := make(map[int64]*Transaction, len(h.transactions))
	for i := range h.transactions {
		t := &h.transactions[i]
		if entries := known[t.Sequence]; len(entries) == h.lines[i] {
			t.Entries = slices.Clip(entries)
			continue
		}
		at[t.Sequence] = t
		for _, id := range h.accountIDs[i] {
			sequences, ids = append(sequences, t.Sequence), append(ids, id)
		}
	}
	if len(sequences) == 0 {
		return nil
	}
	rows, err := on.Query(ctx, sqlEntriesOfTransactions, book.ID, sequences, ids, slices.Min(sequences), slices.Max(sequences))
	if err != nil {
		return err
	}
	var sequence int64
	var code int
	var e Entry
	_, err = pgx.ForEachRow(rows, []any{&sequence, &e.Line, &e.Account, &e.Currency, &code, &e.Amount, &e.Version, &e.BalanceAfter,
		&e.DebitsAfter, &e.ExternalRef}, func() error {
		e.Normal = StandardChart().rowOf(code, e.Account).Normal
		t := at[sequence]
		t.Entries = append(t.Entries, e)
		return nil
	})
	return err
}

func scanTransaction(book Book, row pgx.CollectableRow) (t Transaction, lines int, ids []int32, err error) {
	t = Transaction{Book: book.Code}
	var hash, explanation []byte
	err = row.Scan(&t.Sequence, &lines, &t.Period, &t.Effective, &t.Original, &t.OccurredAt, &t.RecordedAt, &t.Reverses, &t.Reposts,
		&t.Reference, &t.Event, &t.Subject, &t.LiveSession, &t.Channel, &t.Campaign, &t.Memo, &ids, &hash, &t.Metadata, &explanation)
	copy(t.ContentHash[:], hash)
	t.Explanation = explanation
	t.OccurredAt, t.RecordedAt = t.OccurredAt.UTC(), t.RecordedAt.UTC()
	t.Entries = make([]Entry, 0, lines)
	return t, lines, ids, err
}

// Transaction returns one transaction, or ErrTransactionUnknown.
func (l *Ledger) Transaction(ctx context.Context, book Book, sequence int64) (Transaction, error) {
	ts, err := l.readRange(ctx, book, sequence, 1)
	if err != nil {
		return Transaction{}, err
	}
	if len(ts) == 0 {
		return Transaction{}, ErrTransactionUnknown
	}
	return ts[0], nil
}

// ByReference returns what a reference recorded, in order; empty if it recorded nothing.
func (l *Ledger) ByReference(ctx context.Context, book Book, reference string) (ts []Transaction, err error) {
	if !validReference(reference) {
		return nil, nil // nothing lawful has it
	}
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		var first int64
		var count int
		err := tx.QueryRow(ctx, sqlFindReference, book.ID, reference).Scan(&first, &count)
		if err == pgx.ErrNoRows {
			return nil
		}
		if err != nil {
			return err
		}
		ts, err = readRangeOn(ctx, tx, book, first, count)
		return err
	})
	return ts, err
}

// TransactionQuery selects transactions. The zero value selects all, oldest first.
type TransactionQuery struct {
	// Subject and Event, if set, must match exactly.
	Subject, Event string
	// After is the last sequence already seen, 0 for none: the page holds later ones, or earlier ones if Descending.
	After      int64
	Descending bool
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// TransactionPage is a page of transactions, each with its entries.
type TransactionPage struct {
	Transactions []Transaction
	// More says that further transactions follow the last one.
	More bool
}

// maxPageLines bounds the entries of one page: a thousand transactions of five hundred lines are no page.
const maxPageLines = 20_000

// maxPageText bounds the bytes of one page's headers: metadata and explanation can make one as long as 90 kB.
const maxPageText = 4 << 20

// Transactions returns a page of transactions in the book's order. A page ends early when its entries become too many or
// its texts too long.
func (l *Ledger) Transactions(ctx context.Context, book Book, q TransactionQuery) (page TransactionPage, err error) {
	if q.Subject != "" && !validQualified(q.Subject, true) || q.Event != "" && !validEvent(q.Event) {
		return TransactionPage{}, nil // nothing lawful matches
	}
	low, high := q.After+1, int64(1)<<62
	if q.Descending {
		low = 1
		if q.After > 0 {
			high = q.After
		}
	}
	args := []any{book.ID, low, high, q.Limit + 1}
	sql := pick(q.Descending, sqlTransactionRangeDown, sqlTransactionRange)
	switch {
	case q.Subject != "":
		sql = pick(q.Descending, sqlTransactionsBySubjectDown, sqlTransactionsBySubject)
		args = append(args, q.Subject, q.Event)
	case q.Event != "":
		sql = pick(q.Descending, sqlTransactionsByEventDown, sqlTransactionsByEvent)
		args = append(args, q.Event)
	}
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if q.Subject != "" {
			low, high, err := subjectSpan(ctx, tx, book, q.Subject, low, high)
			if err != nil || low >= high {
				return err
			}
			args[1], args[2] = low, high
		}
		headers, err := readHeaders(ctx, tx, book, maxPageText, sql, args...)
		if err != nil {
			return err
		}
		page.More = headers.cut(q.Limit)
		page.Transactions = headers.transactions
		return headers.readEntries(ctx, tx, book, nil)
	})
	return page, err
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

const (
	sqlFindAccount = `
SELECT a.id, a.currency, a.chart_code FROM accounts a
 WHERE a.book_id = $1 AND a.address = $2 AND ($3 = '' OR a.currency = $3)
 ORDER BY a.currency LIMIT 2`

	sqlHistory = `
SELECT x.sequence, x.line, x.amount, x.account_version, x.balance_after, x.debits_after, coalesce(x.external_ref, '')
  FROM entries x
 WHERE x.book_id = $1 AND x.account_id = $2 AND (x.sequence, x.line) > ($3, $4) AND x.sequence >= $3
 ORDER BY x.sequence, x.line LIMIT $5`

	sqlHistoryDown = `
SELECT x.sequence, x.line, x.amount, x.account_version, x.balance_after, x.debits_after, coalesce(x.external_ref, '')
  FROM entries x
 WHERE x.book_id = $1 AND x.account_id = $2 AND (x.sequence, x.line) < ($3, $4) AND x.sequence <= $3
 ORDER BY x.sequence DESC, x.line DESC LIMIT $5`

	// What the transactions of a page of entries say about them.
	sqlHistoryHeads = `
SELECT t.sequence, t.reference, t.event, coalesce(t.subject, ''), coalesce(t.memo, ''), t.occurred_at, t.recorded_at, t.period
  FROM unnest($2::bigint[]) AS k (sequence)
 CROSS JOIN LATERAL (SELECT h.* FROM transactions h
                      WHERE h.book_id = $1 AND h.sequence = k.sequence AND h.sequence >= $3 AND h.sequence <= $4 LIMIT 1) t`
)

// HistoryLine is one entry of an account with what its transaction says about it.
type HistoryLine struct {
	Entry
	Sequence               int64
	Reference, Event       string
	Subject, Memo          string
	OccurredAt, RecordedAt time.Time
	Period                 Period
}

// HistoryQuery selects a page of an account's entries.
type HistoryQuery struct {
	Account Address
	// Currency may be empty if the account exists in one currency only.
	Currency money.Currency
	// AfterSequence and AfterLine name the last entry already seen, 0 for none.
	AfterSequence int64
	AfterLine     int
	Descending    bool
	// Bare leaves out what the transactions say about the entries, which is most of what a page costs.
	Bare bool
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// HistoryPage is a page of an account's entries.
type HistoryPage struct {
	Lines []HistoryLine
	// More says that further entries follow the last one.
	More bool
}

// History returns a page of an account's entries with the running balance after each. It returns ErrAccountNotOpened
// if nothing was ever posted to the address, and ErrCurrencyNeeded if it exists in several currencies.
func (l *Ledger) History(ctx context.Context, book Book, q HistoryQuery) (page HistoryPage, err error) {
	if q.Descending && q.AfterSequence == 0 {
		q.AfterSequence = 1 << 62
	}
	err = l.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		id, currency, row, err := findAccount(ctx, tx, book, q.Account, q.Currency)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, pick(q.Descending, sqlHistoryDown, sqlHistory), book.ID, id, q.AfterSequence, q.AfterLine, q.Limit+1)
		if err != nil {
			return err
		}
		page.Lines, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (HistoryLine, error) {
			h := HistoryLine{Entry: Entry{Account: q.Account, Currency: currency, Normal: row.Normal}}
			return h, r.Scan(&h.Sequence, &h.Line, &h.Amount, &h.Version, &h.BalanceAfter, &h.DebitsAfter, &h.ExternalRef)
		})
		if page.More = len(page.Lines) > q.Limit; page.More {
			page.Lines = page.Lines[:q.Limit]
		}
		if err != nil || q.Bare || len(page.Lines) == 0 {
			return err
		}
		return page.readHeads(ctx, tx, book)
	})
	return page, err
}

// readHeads adds what the transactions say.
func (p *HistoryPage) readHeads(ctx context.Context, tx pgx.Tx, book Book) error {
	var sequences []int64 // in one direction, so the same ones are neighbours
	for i := range p.Lines {
		sequences = append(sequences, p.Lines[i].Sequence)
	}
	sequences = slices.Compact(sequences)
	rows, err := tx.Query(ctx, sqlHistoryHeads, book.ID, sequences, slices.Min(sequences), slices.Max(sequences))
	if err != nil {
		return err
	}
	heads := make(map[int64]HistoryLine, len(sequences))
	var h HistoryLine
	_, err = pgx.ForEachRow(rows, []any{&h.Sequence, &h.Reference, &h.Event, &h.Subject, &h.Memo, &h.OccurredAt, &h.RecordedAt, &h.Period}, func() error {
		h.OccurredAt, h.RecordedAt = h.OccurredAt.UTC(), h.RecordedAt.UTC()
		heads[h.Sequence] = h
		return nil
	})
	for i := range p.Lines {
		l := &p.Lines[i]
		head := heads[l.Sequence]
		head.Entry = l.Entry
		*l = head
	}
	return err
}

func findAccount(ctx context.Context, tx pgx.Tx, book Book, address Address, currency money.Currency) (int32, money.Currency, *ChartRow, error) {
	rows, err := tx.Query(ctx, sqlFindAccount, book.ID, string(address), string(currency))
	if err != nil {
		return 0, "", nil, err
	}
	type found struct {
		ID       int32
		Currency money.Currency
		Code     int
	}
	accounts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	switch {
	case err != nil:
		return 0, "", nil, err
	case len(accounts) == 0:
		return 0, "", nil, ErrAccountNotOpened
	case len(accounts) > 1:
		return 0, "", nil, ErrCurrencyNeeded
	}
	a := accounts[0]
	return a.ID, a.Currency, StandardChart().rowOf(a.Code, address), nil
}
