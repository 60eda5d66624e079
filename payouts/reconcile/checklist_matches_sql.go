package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// Computing the checklist: the four matches. That there is a run with a cut-off at the end of the month proves nothing: it must have
// taken the evidence of the month, by the settings of now, and what the books have in the month.

const (
	// Each source with its newest run that reached the moment, or else its newest; whether there is evidence up to the moment; and
	// how many of the lines after the run there are, and moved before the moment. A processor is known up to where it was read. A
	// bank is known if a statement reaches the last day, and what lies before a statement that begins later is judged by its opening
	// balance; one without balances must begin by then. A channel says nothing, and must have sent something since.
	sqlMatches = `
SELECT s.id, s.kind, s.name, coalesce(d.document, '{}'), coalesce(d.version, 0), coalesce(r.number, 0), coalesce(r.id, ''), coalesce(r.cut_off, 'epoch'), r.digest,
       coalesce(r.settings, 0), coalesce(r.to_sequence, 0),
       CASE s.kind
       WHEN 'processor' THEN coalesce((SELECT h.pulled_until >= $2 FROM evidence_heads h WHERE h.book_id = $1 AND h.source_id = s.id), false)
       WHEN 'bank' THEN EXISTS (SELECT FROM evidence_statements t
                                 WHERE t.book_id = $1 AND t.source_id = s.id AND t.until_day >= $3::date AND (t.proved OR t.from_day <= $3::date))
       ELSE EXISTS (SELECT FROM (SELECT q.window_until, q.recorded_at FROM evidence_receipts q
                                  WHERE q.book_id = $1 AND q.source_id = s.id ORDER BY q.number DESC LIMIT 50) q
                     WHERE q.window_until >= $2 OR q.recorded_at >= $2) END,
       coalesce(w.lines, 0), coalesce(w.early, 0)
  FROM (SELECT x.id, x.kind, x.name FROM evidence_sources x WHERE x.book_id = $1 ORDER BY x.id LIMIT 1000) s
  LEFT JOIN LATERAL (SELECT x.version, x.document FROM evidence_settings x WHERE x.book_id = $1 AND x.source_id = s.id ORDER BY x.version DESC LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT x.number, x.id, x.cut_off, x.digest, x.settings, x.to_line, x.to_sequence FROM recon_runs x
                      WHERE x.book_id = $1 AND x.match = CASE s.kind WHEN 'processor' THEN 1 WHEN 'bank' THEN 2 ELSE 4 END AND x.source_id = s.id
                      ORDER BY (x.cut_off >= $2) DESC, x.number DESC LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT count(*) AS lines, count(*) FILTER (WHERE y.moved_at < $2) AS early
                       FROM (SELECT x.moved_at FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = s.id AND x.number > r.to_line
                              ORDER BY x.number LIMIT $4) y) w ON true
 ORDER BY s.kind DESC, s.name`

	sqlSubledgerRun = `
SELECT x.number, x.id, x.cut_off, x.digest, x.to_sequence FROM recon_runs x
 WHERE x.book_id = $1 AND x.match = 3 AND x.source_id = 0 ORDER BY (x.cut_off >= $2) DESC, x.number DESC LIMIT 1`

	sqlSourceAccounts = `SELECT a.id, a.address FROM accounts a WHERE a.book_id = $1 AND a.address = ANY ($2) ORDER BY a.id LIMIT 100000`

	// The last transaction of a stretch on each of the accounts that counts up to a month. What the reconciliation posted came of the
	// evidence itself.
	sqlPostedOn = `
SELECT u.id, max(t.sequence)
  FROM transactions t CROSS JOIN LATERAL unnest(t.account_ids) AS u (id)
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3 AND t.period <= $4 AND t.event NOT LIKE 'recon.%' AND u.id = ANY ($5)
 GROUP BY u.id`

	// The same of all accounts.
	sqlPosted = `
SELECT coalesce(max(t.sequence), 0)
  FROM transactions t
 WHERE t.book_id = $1 AND t.sequence > $2 AND t.sequence <= $3 AND t.period <= $4 AND t.event NOT LIKE 'recon.%'`
)

const (
	// waitingLines bounds the lines after a run that are looked at: with more of them it is behind anyway.
	waitingLines = 50_000
	// maxStretches bounds the transactions after a run that are looked at, likewise.
	maxStretches = 100
)

// matchState is a match of a source and how far it came.
type matchState struct {
	match    Match
	id       int16
	kind     Kind
	name     string
	accounts []ledger.Address
	run      string
	number   int64
	cutOff   time.Time
	digest   []byte
	// evidence says that there is evidence up to the end of the month.
	evidence bool
	// version is that of the settings now, settings that of the run; the run took entries up to sequence.
	version, settings int
	sequence          int64
	// lines came after the run, early of them moved before the end of the month; at most waitingLines are counted.
	lines, early int64
}

func (s *Service) matchesUntil(ctx context.Context, book ledger.Book, end time.Time) (list []matchState, err error) {
	rows, err := s.pool.Query(ctx, sqlMatches, book.ID, end, end.AddDate(0, 0, -1).Format(time.DateOnly), waitingLines)
	if err != nil {
		return nil, err
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m matchState, err error) {
		var document string
		if err = row.Scan(&m.id, &m.kind, &m.name, &document, &m.version, &m.number, &m.run, &m.cutOff, &m.digest, &m.settings, &m.sequence, &m.evidence, &m.lines, &m.early); err != nil {
			return m, err
		}
		m.match = map[Kind]Match{KindProcessor: R1, KindBank: R2, KindChannel: R4}[m.kind]
		var settings Settings
		err = json.Unmarshal([]byte(document), &settings)
		if m.accounts = settings.Accounts; m.kind == KindProcessor {
			m.accounts = processorAccounts(m.name)
		}
		return m, err
	})
	if err != nil {
		return nil, err
	}
	m := matchState{match: R3, name: "sub-ledgers", evidence: true}
	err = s.pool.QueryRow(ctx, sqlSubledgerRun, book.ID, end).Scan(&m.number, &m.run, &m.cutOff, &m.digest, &m.sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return append(list, m), err
}

// reached reports whether the run's cut-off is at the end of the month or later.
func (m *matchState) reached(end time.Time) bool { return m.number > 0 && !m.cutOff.Before(end) }

// whole reports whether all of the book bears on the match: the sub-ledgers are held against everything, and of a channel without
// accounts of its own it is not known on which its settlements stand.
func (m *matchState) whole() bool { return m.match == R3 || len(m.accounts) == 0 }

// posted is for each source the last transaction up to a sequence that counts up to a month and bears on it: that stands on its
// accounts, or any. It looks at what came after the runs that reached the end of the month; of a run that is too far behind it says
// the sequence itself.
func (s *Service) posted(ctx context.Context, book ledger.Book, period ledger.Period, list []matchState, end time.Time, at int64) (map[int16]int64, error) {
	last := map[int16]int64{}
	from, all, addresses := at, at, []ledger.Address{}
	for _, m := range list {
		switch {
		case !m.reached(end) || m.sequence >= at:
		case at-m.sequence > maxStretches*closingStretch:
			last[m.id] = at
		case m.whole():
			all = min(all, m.sequence)
		default:
			from, addresses = min(from, m.sequence), append(addresses, m.accounts...)
		}
	}
	moved, err := s.postedOn(ctx, book, period, addresses, from, at)
	if err != nil {
		return nil, err
	}
	anywhere := int64(0)
	for high := at; high > all && anywhere == 0; high -= closingStretch { // the last one is looked for from the end
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, sqlPosted, book.ID, max(high-closingStretch, all), high, period).Scan(&anywhere)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, m := range list {
		if m.whole() {
			last[m.id] = max(last[m.id], anywhere)
		}
		for _, a := range m.accounts {
			last[m.id] = max(last[m.id], moved[a])
		}
	}
	return last, nil
}

// postedOn is for each of the accounts the last transaction of (from, at] that counts up to a month.
func (s *Service) postedOn(ctx context.Context, book ledger.Book, period ledger.Period, addresses []ledger.Address, from, at int64) (map[ledger.Address]int64, error) {
	moved := map[ledger.Address]int64{}
	if len(addresses) == 0 {
		return moved, nil
	}
	on := map[int64]ledger.Address{}
	rows, err := s.pool.Query(ctx, sqlSourceAccounts, book.ID, addresses)
	if err != nil {
		return nil, err
	}
	var id, sequence int64
	var address ledger.Address
	ids := []int64{}
	if _, err = pgx.ForEachRow(rows, []any{&id, &address}, func() error {
		ids, on[id] = append(ids, id), address
		return nil
	}); err != nil {
		return nil, err
	}
	for low := from; low < at; low += closingStretch {
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlPostedOn, book.ID, low, min(low+closingStretch, at), period, ids)
			if err != nil {
				return err
			}
			_, err = pgx.ForEachRow(rows, []any{&id, &sequence}, func() error {
				moved[on[id]] = max(moved[on[id]], sequence)
				return nil
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// checkMatches judges the four matches. posted is what the books have of the month on the accounts of each source.
func checkMatches(list []matchState, posted map[int16]int64, end time.Time) (items []*ChecklistItem) {
	for _, m := range []struct {
		match                   Match
		title, none, what, take string
	}{
		{R1, "Processors are reconciled to the end of the month", "The book has no processor as a source of evidence.", "Run R1", "Pull the processor's entries up to the end of the month and run R1"},
		{R2, "Banks are reconciled to the end of the month", "The book has no bank account as a source of evidence.", "Run R2", "Take the statements up to the end of the month and run R2"},
		{R3, "Sub-ledgers agree with the control totals", "", "Run R3", "Run R3 with a cut-off at the end of the month or later"},
		{R4, "Settlements of channels are reconciled to the end of the month", "The book has no channel as a source of evidence.", "Run R4", "Take the settlements up to the end of the month and run R4"},
	} {
		i := newItem(matchItems[m.match], m.title, "Done.")
		seen := 0
		for _, one := range list {
			if one.match != m.match {
				continue
			}
			seen++
			blocked := ""
			switch {
			case !one.evidence:
				blocked = "The evidence does not reach the end of the month. " + m.take + "."
			case !one.reached(end):
				blocked = m.take + "."
			case one.early > 0 || one.lines == waitingLines:
				blocked = "Evidence of the month came in after the newest run and was not compared. " + m.what + " again."
			case one.settings < one.version:
				blocked = "The settings of the source were changed after the newest run. " + m.what + " again."
			case posted[one.id] > one.sequence:
				blocked = "Transactions of the month were posted after the newest run and not compared. " + m.what + " again."
			}
			if blocked != "" {
				i.worse(ItemBlocked, blocked)
				i.name(one.name)
			}
		}
		if seen == 0 {
			i.worse(ItemNotApplicable, m.none)
		}
		items = append(items, i)
	}
	return items
}

const sqlEvidenceState = `
SELECT coalesce(string_agg(concat_ws(',', s.id, h.last_receipt, extract(epoch FROM h.pulled_until), v.version), ';' ORDER BY s.id), '')
  FROM evidence_sources s
  LEFT JOIN evidence_heads h ON h.book_id = s.book_id AND h.source_id = s.id
  LEFT JOIN LATERAL (SELECT x.version FROM evidence_settings x WHERE x.book_id = s.book_id AND x.source_id = s.id ORDER BY x.version DESC LIMIT 1) v ON true
 WHERE s.book_id = $1`

// evidenceState names how far the evidence of a book's sources has come and by which settings: while it is the same, nothing came in
// and no source is read otherwise.
func (s *Service) evidenceState(ctx context.Context, book ledger.Book) (state string, err error) {
	err = s.pool.QueryRow(ctx, sqlEvidenceState, book.ID).Scan(&state)
	return state, err
}
