package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/failpoint"
	"mizan/ledger/money"
)

// A batch is two round trips: begin, lock and look up; write and commit. Lookups join from unnest to a LATERAL probe per
// key with LIMIT 1, because "= ANY(array)" was planned as a scan of the whole book on fresh statistics.

// sender is what a connection and a transaction have in common.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

const (
	// The lock is a statement of its own: the snapshots of the statements after it then see what the last holder wrote.
	sqlLockBook = `
SELECT last_sequence, last_account_id, last_recorded_at, first_open_period, subjects_through, clock_timestamp(),
       current_setting('synchronous_commit') IN ('on', 'remote_apply'), current_setting('synchronous_standby_names') <> ''
  FROM books WHERE id = $1
   FOR NO KEY UPDATE`

	// A dry run decides over the same reads without the lock.
	sqlReadBook = `
SELECT last_sequence, last_account_id, last_recorded_at, first_open_period, subjects_through, clock_timestamp(), true, false
  FROM books WHERE id = $1`

	sqlFindReferences = `
SELECT k.reference, r.first_sequence, r.count, r.content_hash
  FROM unnest($2::text[]) AS k (reference)
 CROSS JOIN LATERAL (SELECT t.first_sequence, t.count, t.content_hash
                       FROM transaction_references t
                      WHERE t.book_id = $1 AND t.reference = k.reference LIMIT 1) r`

	sqlFindAccounts = `
SELECT k.n, a.id, a.state = 'closed', b.debits, b.credits, b.version, b.last_sequence
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k (address, currency, n)
 CROSS JOIN LATERAL (SELECT t.id, t.state FROM accounts t
                      WHERE t.book_id = $1 AND t.address = k.address AND t.currency = k.currency LIMIT 1) a
 CROSS JOIN LATERAL (SELECT t.debits, t.credits, t.version, t.last_sequence FROM balances t
                      WHERE t.book_id = $1 AND t.account_id = a.id LIMIT 1) b`

	sqlFindLinks = `
SELECT k.kind, k.target, l.sequence
  FROM unnest($2::text[], $3::bigint[]) AS k (kind, target)
 CROSS JOIN LATERAL (SELECT t.sequence FROM transaction_links t
                      WHERE t.book_id = $1 AND t.kind = k.kind AND t.target = k.target LIMIT 1) l`

	sqlInsertAccounts = `
INSERT INTO accounts (book_id, id, chart_code, address, currency, opened_at)
SELECT $1, k.id, k.chart_code, k.address, k.currency, $6
  FROM unnest($2::integer[], $3::integer[], $4::text[], $5::text[]) AS k (id, chart_code, address, currency)`

	sqlInsertBalances = `
INSERT INTO balances (book_id, account_id, debits, credits, version, last_sequence)
SELECT $1, k.account_id, k.debits, k.credits, k.version, k.last_sequence
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS k (account_id, debits, credits, version, last_sequence)`

	sqlUpdateBalances = `
UPDATE balances b
   SET debits = k.debits, credits = k.credits, version = k.version, last_sequence = k.last_sequence
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS k (account_id, debits, credits, version, last_sequence)
 WHERE b.book_id = $1 AND b.account_id = k.account_id`

	sqlInsertTransactions = `
INSERT INTO transactions (book_id, sequence, line_count, period, effective_period, original_period, occurred_at, recorded_at,
                          reverses, reposts, reference, event, subject, live_session, channel, campaign, memo, account_ids,
                          content_hash, metadata, explanation)
SELECT $1, k.sequence, k.line_count, k.period, k.effective_period, nullif(k.original_period, 0), k.occurred_at, $20,
       nullif(k.reverses, 0), nullif(k.reposts, 0), k.reference, k.event, nullif(k.subject, ''), nullif(k.live_session, ''),
       nullif(k.channel, ''), nullif(k.campaign, ''), nullif(k.memo, ''), k.account_ids::integer[],
       k.content_hash, nullif(k.metadata, '')::jsonb, nullif(k.explanation, '')
  FROM unnest($2::bigint[], $3::smallint[], $4::integer[], $5::integer[], $6::integer[], $7::timestamptz[], $8::bigint[],
              $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
              $17::text[], $18::bytea[], $19::text[], $21::text[])
    AS k (sequence, line_count, period, effective_period, original_period, occurred_at, reverses,
          reposts, reference, event, subject, live_session, channel, campaign, memo,
          account_ids, content_hash, metadata, explanation)`

	sqlInsertReferences = `
INSERT INTO transaction_references (book_id, reference, first_sequence, count, content_hash)
SELECT $1, k.reference, k.first_sequence, k.count, k.content_hash
  FROM unnest($2::text[], $3::bigint[], $4::smallint[], $5::bytea[]) AS k (reference, first_sequence, count, content_hash)`

	sqlInsertLinks = `
INSERT INTO transaction_links (book_id, kind, target, sequence)
SELECT $1, k.kind, k.target, k.sequence
  FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS k (kind, target, sequence)`

	sqlInsertEntries = `
INSERT INTO entries (book_id, account_id, sequence, line, amount, account_version, balance_after, debits_after, external_ref)
SELECT $1, k.account_id, k.sequence, k.line, k.amount, k.account_version, k.balance_after, k.debits_after, nullif(k.external_ref, '')
  FROM unnest($2::integer[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
    AS k (account_id, sequence, line, amount, account_version, balance_after, debits_after, external_ref)`

	sqlAddPeriodTotals = `
INSERT INTO period_totals (book_id, period, account_id, debits, credits)
SELECT $1, k.period, k.account_id, k.debits, k.credits
  FROM unnest($2::integer[], $3::integer[], $4::bigint[], $5::bigint[]) AS k (period, account_id, debits, credits)
    ON CONFLICT (book_id, account_id, period)
    DO UPDATE SET debits = period_totals.debits + excluded.debits, credits = period_totals.credits + excluded.credits`

	sqlAddChartTotals = `
INSERT INTO chart_totals (book_id, period, chart_code, currency, debits, credits)
SELECT $1, k.period, k.chart_code, k.currency, k.debits, k.credits
  FROM unnest($2::integer[], $3::integer[], $4::text[], $5::numeric[], $6::numeric[]) AS k (period, chart_code, currency, debits, credits)
    ON CONFLICT (book_id, period, chart_code, currency)
    DO UPDATE SET debits = chart_totals.debits + excluded.debits, credits = chart_totals.credits + excluded.credits`

	// Should the head have moved in spite of the lock, the row becomes unlawful and the whole batch fails with it: COMMIT
	// is in the same pipeline, so there is no later moment to look.
	sqlAdvanceBook = `
UPDATE books
   SET last_sequence = CASE WHEN last_sequence = $5 THEN $2 ELSE -1 END, last_account_id = $3, last_recorded_at = $4,
       subjects_through = $6
 WHERE id = $1`

	// Changes nothing and writes WAL, so that its commit waits for what the standby has not confirmed yet.
	sqlConfirm = `UPDATE books SET last_sequence = last_sequence WHERE id = $1`

	sqlPreparePartitions = `SELECT prepare_partitions($1)`
)

// readState is the first round trip: it locks the book's row (unless it only reads) and looks up everything the groups
// may depend on.
func readState(ctx context.Context, on sender, book Book, groups []*group, begin, lock bool) (*bookState, error) {
	q := collectQuestions(groups)
	st := &bookState{
		references: make(map[string]recordedReference, len(q.references)),
		subjects:   make(map[string]int64, len(q.subjects)),
		heads:      make(map[string]bool),
		links:      make(map[linkKey]int64, len(q.linkKinds)),
		accounts:   make(map[accountKey]*account, len(q.keys)),
	}
	for _, s := range q.subjects {
		st.subjects[s] = 0
	}
	b := &pgx.Batch{}
	if begin {
		b.Queue(`BEGIN`)
	}
	lockSQL := sqlReadBook
	if lock {
		lockSQL = sqlLockBook
	}
	b.Queue(lockSQL, book.ID).QueryRow(func(row pgx.Row) error {
		failpoint.Here(failpoint.Locked)
		return row.Scan(&st.head.LastSequence, &st.lastID, &st.head.LastRecordedAt, &st.head.FirstOpenPeriod, &st.subjectsThrough,
			&st.serverNow, &st.durable, &st.replicated)
	})
	b.Queue(sqlFindReferences, book.ID, q.references).Query(st.scanReferences)
	b.Queue(sqlFindAccounts, book.ID, q.addresses, q.currencies).Query(func(rows pgx.Rows) error { return st.scanAccounts(rows, q) })
	if len(q.subjects) > 0 {
		b.Queue(sqlFindSubjects, book.ID, q.subjects).Query(func(rows pgx.Rows) error { return st.scanSubjects(rows, true) })
	}
	if len(q.linkKinds) > 0 {
		b.Queue(sqlFindLinks, book.ID, q.linkKinds, q.linkTargets).Query(st.scanLinks)
	}
	if err := on.SendBatch(ctx, b).Close(); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, ErrBookUnknown
		}
		return nil, err
	}
	st.head.LastRecordedAt = st.head.LastRecordedAt.UTC()
	return st, st.findLateSubjects(ctx, on, book, q.subjects)
}

// questions are the keys of the first round trip, each once.
type questions struct {
	references, addresses, currencies, subjects []string
	keys                                        []accountKey
	rows                                        []*ChartRow
	linkKinds                                   []string
	linkTargets                                 []int64
}

func collectQuestions(groups []*group) *questions {
	q := &questions{}
	keys, subjects, references := map[accountKey]bool{}, map[string]bool{}, map[string]bool{}
	for _, g := range groups {
		for _, it := range g.items {
			if !references[it.reference] {
				references[it.reference] = true
				q.references = append(q.references, it.reference)
			}
			for i := range it.drafts {
				q.addDraft(&it.drafts[i], keys, subjects)
			}
		}
	}
	return q
}

func (q *questions) addDraft(d *checkedDraft, keys map[accountKey]bool, subjects map[string]bool) {
	for i := range d.lines {
		ln := &d.lines[i]
		key := accountKey{ln.Account, ln.Currency}
		if keys[key] {
			continue
		}
		keys[key] = true
		q.keys, q.rows = append(q.keys, key), append(q.rows, ln.row)
		q.addresses, q.currencies = append(q.addresses, string(key.address)), append(q.currencies, string(key.currency))
	}
	if d.Subject != "" {
		q.addSubject(d.Subject, subjects)
	}
	for _, e := range d.Expect {
		q.addSubject(e.Subject, subjects)
	}
	for _, link := range linksOf(d) {
		q.linkKinds, q.linkTargets = append(q.linkKinds, link.kind), append(q.linkTargets, link.target)
	}
}

func (q *questions) addSubject(subject string, known map[string]bool) {
	if !known[subject] {
		known[subject] = true
		q.subjects = append(q.subjects, subject)
	}
}

func (st *bookState) scanReferences(rows pgx.Rows) error {
	var name string
	var r recordedReference
	var hash []byte
	_, err := pgx.ForEachRow(rows, []any{&name, &r.first, &r.count, &hash}, func() error {
		copy(r.hash[:], hash)
		st.references[name] = r
		return nil
	})
	return err
}

func (st *bookState) scanAccounts(rows pgx.Rows, q *questions) error {
	var n int64
	var a account
	_, err := pgx.ForEachRow(rows, []any{&n, &a.id, &a.closed, &a.debits, &a.credits, &a.version, &a.lastSequence}, func() error {
		found := a
		found.row = q.rows[n-1]
		st.accounts[q.keys[n-1]] = &found
		return nil
	})
	return err
}

// scanSubjects reads the last sequence of each subject. heads says that they come from the subjects' own rows.
func (st *bookState) scanSubjects(rows pgx.Rows, heads bool) error {
	var subject string
	var last int64
	_, err := pgx.ForEachRow(rows, []any{&subject, &last}, func() error {
		st.subjects[subject] = last
		if heads {
			st.heads[subject] = true
		}
		return nil
	})
	return err
}

func (st *bookState) scanLinks(rows pgx.Rows) error {
	var key linkKey
	var sequence int64
	_, err := pgx.ForEachRow(rows, []any{&key.kind, &key.target, &sequence}, func() error {
		st.links[key] = sequence
		return nil
	})
	return err
}

// write is the second round trip: everything that was accepted, the book's head last, and the commit.
func (d *decision) write(ctx context.Context, on sender, book Book, st *bookState, commit bool) error {
	b := &pgx.Batch{}
	d.queueAccounts(b, book, st)
	d.queueTransactions(b, book, st)
	d.queueEntries(b, book, st)
	d.queueTotals(b, book)
	before := st.head.LastSequence - int64(len(d.transactions))
	through := d.queueSubjects(b, book, st, before)
	b.Queue(sqlAdvanceBook, book.ID, st.head.LastSequence, st.lastID, st.head.LastRecordedAt, before, through)
	if commit {
		b.Queue(`COMMIT`)
	}
	results := on.SendBatch(ctx, b)
	for i := range b.Len() {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return err
		}
		if i == 0 {
			failpoint.Here(failpoint.Written)
		}
	}
	return results.Close()
}

// confirm commits without recording anything.
func confirm(ctx context.Context, on sender, book Book) error {
	b := &pgx.Batch{}
	b.Queue(sqlConfirm, book.ID)
	b.Queue(`COMMIT`)
	return on.SendBatch(ctx, b).Close()
}

func (d *decision) queueAccounts(b *pgx.Batch, book Book, st *bookState) {
	if n := len(d.opened); n > 0 {
		ids, codes := make([]int32, n), make([]int32, n)
		addresses, currencies := make([]string, n), make([]string, n)
		for i, key := range d.opened {
			a := st.accounts[key]
			ids[i], codes[i], addresses[i], currencies[i] = a.id, int32(a.row.Code), string(key.address), string(key.currency)
		}
		b.Queue(sqlInsertAccounts, book.ID, ids, codes, addresses, currencies, st.now)
	}
	var fresh, known balanceRows
	for _, a := range st.accounts {
		switch {
		case !a.touched:
		case a.fresh:
			fresh.add(a)
		default:
			known.add(a)
		}
	}
	if len(fresh.ids) > 0 {
		b.Queue(sqlInsertBalances, book.ID, fresh.ids, fresh.debits, fresh.credits, fresh.versions, fresh.sequences)
	}
	if len(known.ids) > 0 {
		b.Queue(sqlUpdateBalances, book.ID, known.ids, known.debits, known.credits, known.versions, known.sequences)
	}
}

type balanceRows struct {
	ids                                  []int32
	debits, credits, versions, sequences []int64
}

func (r *balanceRows) add(a *account) {
	r.ids = append(r.ids, a.id)
	r.debits, r.credits = append(r.debits, a.debits), append(r.credits, a.credits)
	r.versions, r.sequences = append(r.versions, a.version), append(r.sequences, a.lastSequence)
}

func (d *decision) queueTransactions(b *pgx.Batch, book Book, st *bookState) {
	n := len(d.transactions)
	sequences, reverses, reposts := make([]int64, n), make([]int64, n), make([]int64, n)
	counts := make([]int16, n)
	periods, effectives, originals := make([]int32, n), make([]int32, n), make([]int32, n)
	occurred := make([]time.Time, n)
	references, events, subjects, sessions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	channels, campaigns, memos, accountIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	hashes, metadata, explanations := make([][]byte, n), make([]string, n), make([]string, n)
	for i, t := range d.transactions {
		sequences[i], counts[i], occurred[i] = t.Sequence, int16(len(t.Entries)), t.OccurredAt
		periods[i], effectives[i], originals[i] = int32(t.Period), int32(t.Effective), int32(t.Original)
		reverses[i], reposts[i] = t.Reverses, t.Reposts
		references[i], events[i], subjects[i], sessions[i] = t.Reference, t.Event, t.Subject, t.LiveSession
		channels[i], campaigns[i], memos[i] = t.Channel, t.Campaign, t.Memo
		accountIDs[i] = arrayLiteral(d.accountIDs[i])
		hashes[i], metadata[i], explanations[i] = t.ContentHash[:], metadataJSON(t.Metadata), string(t.Explanation)
	}
	b.Queue(sqlInsertTransactions, book.ID, sequences, counts, periods, effectives, originals, occurred, reverses, reposts,
		references, events, subjects, sessions, channels, campaigns, memos, accountIDs, hashes, metadata, st.now, explanations)
	d.queueReferences(b, book, st)
	if m := len(d.links); m > 0 {
		kinds, targets, by := make([]string, m), make([]int64, m), make([]int64, m)
		for i, l := range d.links {
			kinds[i], targets[i], by[i] = l.kind, l.target, l.sequence
		}
		b.Queue(sqlInsertLinks, book.ID, kinds, targets, by)
	}
}

func (d *decision) queueReferences(b *pgx.Batch, book Book, st *bookState) {
	n := len(d.references)
	firsts, counts, hashes := make([]int64, n), make([]int16, n), make([][]byte, n)
	for i, name := range d.references {
		r := st.references[name]
		firsts[i], counts[i], hashes[i] = r.first, int16(r.count), r.hash[:]
	}
	b.Queue(sqlInsertReferences, book.ID, d.references, firsts, counts, hashes)
}

func (d *decision) queueEntries(b *pgx.Batch, book Book, st *bookState) {
	n := 0
	for _, t := range d.transactions {
		n += len(t.Entries)
	}
	if n == 0 {
		return
	}
	ids, lines := make([]int32, 0, n), make([]int16, 0, n)
	sequences, amounts := make([]int64, 0, n), make([]int64, 0, n)
	versions, balances, debits := make([]int64, 0, n), make([]int64, 0, n), make([]int64, 0, n)
	external := make([]string, 0, n)
	for _, t := range d.transactions {
		for i := range t.Entries {
			e := &t.Entries[i]
			ids = append(ids, st.accounts[accountKey{e.Account, e.Currency}].id)
			sequences, lines = append(sequences, t.Sequence), append(lines, int16(e.Line))
			amounts, versions = append(amounts, int64(e.Amount)), append(versions, e.Version)
			balances, debits = append(balances, int64(e.BalanceAfter)), append(debits, e.DebitsAfter)
			external = append(external, e.ExternalRef)
		}
	}
	b.Queue(sqlInsertEntries, book.ID, ids, sequences, lines, amounts, versions, balances, debits, external)
}

func (d *decision) queueTotals(b *pgx.Batch, book Book) {
	type chartKey struct {
		period   Period
		code     int
		currency money.Currency
	}
	n := len(d.totals)
	if n == 0 {
		return
	}
	periods, ids := make([]int32, 0, n), make([]int32, 0, n)
	debits, credits := make([]int64, 0, n), make([]int64, 0, n)
	chart := map[chartKey]*chartTurnover{}
	for k, t := range d.totals {
		periods, ids = append(periods, int32(k.period)), append(ids, k.account.id)
		debits, credits = append(debits, t.debits), append(credits, t.credits)
		ck := chartKey{k.period, k.account.row.Code, k.key.currency}
		if chart[ck] == nil {
			chart[ck] = &chartTurnover{}
		}
		chart[ck].debits.Add(&chart[ck].debits, big.NewInt(t.debits))
		chart[ck].credits.Add(&chart[ck].credits, big.NewInt(t.credits))
	}
	b.Queue(sqlAddPeriodTotals, book.ID, periods, ids, debits, credits)
	m := len(chart)
	chartPeriods, codes, currencies := make([]int32, 0, m), make([]int32, 0, m), make([]string, 0, m)
	chartDebits, chartCredits := make([]string, 0, m), make([]string, 0, m)
	for k, t := range chart {
		chartPeriods, codes, currencies = append(chartPeriods, int32(k.period)), append(codes, int32(k.code)), append(currencies, string(k.currency))
		chartDebits, chartCredits = append(chartDebits, t.debits.String()), append(chartCredits, t.credits.String())
	}
	b.Queue(sqlAddChartTotals, book.ID, chartPeriods, codes, currencies, chartDebits, chartCredits)
}

// chartTurnover adds up many accounts, whose sum may pass what one account may hold.
type chartTurnover struct{ debits, credits big.Int }

// arrayLiteral writes PostgreSQL's text form of an integer array: an array of arrays cannot be passed ragged.
func arrayLiteral(ids []int32) string {
	out := make([]byte, 0, 2+8*len(ids))
	out = append(out, '{')
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(id), 10)
	}
	return string(append(out, '}'))
}

// metadataJSON writes the metadata as a JSON object, "" for none.
func metadataJSON(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic("ledger: a map of strings did not marshal: " + err.Error())
	}
	return string(text)
}
