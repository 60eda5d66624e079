package reconcile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// A run's beginning and end: what it takes is fixed first, and what it found is recorded in one transaction, or not at all.

// listedReceipts is how many takings of evidence a run names one by one.
const listedReceipts = 1_000

// recordPage is how many items a statement writes.
const recordPage = 5_000

// namelessKey is the key of an entry that names nothing. No line goes by it.
func namelessKey(e EntryID) string {
	return placeMark + strconv.FormatInt(e.Sequence, 10) + "." + strconv.Itoa(e.Line)
}

// freshID is a new id of a run or a pairing.
func freshID(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()[:16]) }

const (
	sqlSourceFor = `
SELECT s.kind, s.name, coalesce(t.version, 0), coalesce(t.document, '{}'), coalesce(h.last_line, 0), coalesce(h.last_receipt, 0), b.last_sequence
  FROM evidence_sources s
  JOIN books b ON b.id = s.book_id
  LEFT JOIN evidence_heads h ON h.book_id = s.book_id AND h.source_id = s.id
  LEFT JOIN LATERAL (SELECT x.version, x.document FROM evidence_settings x
                      WHERE x.book_id = s.book_id AND x.source_id = s.id ORDER BY x.version DESC LIMIT 1) t ON true
 WHERE s.book_id = $1 AND s.id = $2`
	sqlRunHead = `
SELECT h.run, h.line, h.sequence, coalesce(r.inputs, '')
  FROM recon_heads h
  LEFT JOIN recon_runs r ON r.book_id = h.book_id AND r.match = h.match AND r.source_id = h.source_id AND r.number = h.run
 WHERE h.book_id = $1 AND h.match = $2 AND h.source_id = $3`
	sqlReceiptSpan = `
SELECT coalesce(min(e.receipt), 0), coalesce(max(e.receipt), 0) FROM evidence_lines e
 WHERE e.book_id = $1 AND e.source_id = $2 AND e.number IN ($3::bigint + 1, $4::bigint)`
	sqlReceiptsPage = `
SELECT r.number, r.sha256 FROM evidence_receipts r
 WHERE r.book_id = $1 AND r.source_id = $2 AND r.number > $3 AND r.number <= $4 ORDER BY r.number LIMIT 10000`
	sqlRefused = `
SELECT p.identity, p.members FROM recon_pairings p
 WHERE p.book_id = $1 AND p.match = $2 AND p.source_id = $3 AND p.state = 'refused' ORDER BY p.identity LIMIT 20000`
	sqlSummaryOf = `
SELECT r.summary FROM recon_runs r WHERE r.book_id = $1 AND r.match = $2 AND r.source_id = $3 AND r.number = $4`
)

// planRun fixes what a run takes: evidence and ledger up to where they are now, and everything that says how.
func (s *Service) planRun(ctx context.Context, book ledger.Book, a Asked) (in inputs, refused []refusal, err error) {
	in = inputs{Match: a.Match, CutOff: a.CutOff, TimeZone: book.TimeZone, Source: sourceInput{ID: a.Source}}
	var settings Settings
	var before inputs
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		var document, past string
		err := tx.QueryRow(ctx, sqlSourceFor, book.ID, a.Source).Scan(&in.Source.Kind, &in.Source.Name, &in.Settings, &document, &in.Lines.To, &in.lastReceipt, &in.Entries.To)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrSourceUnknown
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(document), &settings); err != nil {
			return ErrSourceInvalid.Because(err)
		}
		err = tx.QueryRow(ctx, sqlRunHead, book.ID, a.Match, a.Source).Scan(&in.Number, &in.Lines.From, &in.Entries.From, &past)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if past != "" {
			if err := json.Unmarshal([]byte(past), &before); err != nil {
				return err
			}
		}
		refused, err = readRefused(ctx, tx, book, a)
		return err
	})
	if err != nil {
		return inputs{}, nil, err
	}
	in.Number++
	in.Batches = settings.Batches
	if in.Accounts, err = accountSpans(in, settings, before); err != nil {
		return inputs{}, nil, err
	}
	in.Calendar = calendarFor(in.Source.Kind, settings.Currency, book.Market)
	if in.Rules, err = s.rulesFor(ctx, book, a.CutOff); err != nil {
		return inputs{}, nil, err
	}
	in.Receipts, err = s.receiptsOf(ctx, book, in, nil)
	return in, refused, err
}

// accountSpans are the accounts of a source and from where their entries are new. An account that no run before had is read from its
// beginning, and one that comes back from where it was left. One that went out of the settings stays with what it was at the run
// before: its open entries still wait for their lines, and entries that come later are not the source's.
func accountSpans(in inputs, settings Settings, before inputs) (all []accountSpan, err error) {
	var addresses []string
	switch {
	case in.Match == R1 && in.Source.Kind == KindProcessor:
		for _, part := range []string{"available", "pending", "reserved"} {
			addresses = append(addresses, "assets:processor:"+part+":"+in.Source.Name)
		}
	case in.Match == R2 && in.Source.Kind == KindBank:
		for _, a := range settings.Accounts {
			addresses = append(addresses, string(a))
		}
	}
	if len(addresses) == 0 {
		return nil, ErrSourceInvalid.With("The source has no accounts in the ledger that this match could compare. Set it up first.")
	}
	slices.Sort(addresses)
	for _, address := range slices.Compact(addresses) {
		span := accountSpan{Address: address}
		if i := slices.IndexFunc(before.Accounts, func(b accountSpan) bool { return b.Address == address }); i >= 0 {
			if span.After = before.Accounts[i].Until; span.After == 0 {
				span.After = in.Entries.From
			}
		}
		all = append(all, span)
	}
	for _, b := range before.Accounts {
		if slices.Contains(addresses, b.Address) {
			continue
		}
		if b.Until == 0 {
			b.Until = in.Entries.From
		}
		all = append(all, accountSpan{b.Address, b.Until, b.Until})
	}
	slices.SortFunc(all, func(a, b accountSpan) int { return strings.Compare(a.Address, b.Address) })
	return all, nil
}

func (s *Service) rulesFor(ctx context.Context, book ledger.Book, at time.Time) (rulesInput, error) {
	rules, err := s.RulesAt(ctx, book, at)
	if err != nil {
		return rulesInput{}, err
	}
	document, err := rulesDocument(rules)
	if err != nil {
		return rulesInput{}, err
	}
	hash := sha256.Sum256(document)
	return rulesInput{rules.Version, hex.EncodeToString(hash[:]), document}, nil
}

// receiptsOf names the takings that the new lines came with. Lines are numbered as they are taken, so those of the first and the
// last line are the first and the last. Each is handed to a function, if there is one.
func (s *Service) receiptsOf(ctx context.Context, book ledger.Book, in inputs, each func(receiptInput) error) (all receiptsInput, err error) {
	var first, last int64
	if err := s.pool.QueryRow(ctx, sqlReceiptSpan, book.ID, in.Source.ID, in.Lines.From, in.Lines.To).Scan(&first, &last); err != nil {
		return receiptsInput{}, err
	}
	if in.Lines.From == in.Lines.To {
		first, last = 1, 0
	}
	hash := sha256.New()
	for at := first - 1; at < last; {
		rows, err := s.pool.Query(ctx, sqlReceiptsPage, book.ID, in.Source.ID, at, last)
		if err != nil {
			return receiptsInput{}, err
		}
		before := at
		var page []receiptInput
		var r receiptInput
		var sum []byte
		if _, err := pgx.ForEachRow(rows, []any{&r.Number, &sum}, func() error {
			at, r.SHA256 = r.Number, hex.EncodeToString(sum)
			fmt.Fprintf(hash, "%d %s\n", r.Number, r.SHA256)
			if all.Count++; all.Count <= listedReceipts {
				all.List = append(all.List, r)
			}
			if each != nil {
				page = append(page, r)
			}
			return nil
		}); err != nil {
			return receiptsInput{}, err
		}
		for _, r := range page {
			if err := each(r); err != nil {
				return receiptsInput{}, err
			}
		}
		if at == before {
			break
		}
	}
	all.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return all, nil
}

// pairedMembers are the members of a pairing as they are kept.
type pairedMembers struct {
	External []int64   `json:"external"`
	Entries  []EntryID `json:"entries"`
}

func readRefused(ctx context.Context, tx pgx.Tx, book ledger.Book, a Asked) (all []refusal, err error) {
	rows, err := tx.Query(ctx, sqlRefused, book.ID, a.Match, a.Source)
	if err != nil {
		return nil, err
	}
	var f refusal
	var members string
	_, err = pgx.ForEachRow(rows, []any{&f.identity, &members}, func() error {
		var m pairedMembers
		if err := json.Unmarshal([]byte(members), &m); err != nil {
			return err
		}
		f.lines, f.entries = m.External, m.Entries
		all = append(all, f)
		return nil
	})
	return all, err
}

// openingOf is what the run before closed with. Before the first run both sides are at zero.
func (s *Service) openingOf(ctx context.Context, r *reading) (map[money.Currency]closings, error) {
	if r.in.Number == 1 {
		return map[money.Currency]closings{}, nil
	}
	var summary []byte
	if err := s.pool.QueryRow(ctx, sqlSummaryOf, r.book.ID, r.in.Match, r.in.Source.ID, r.in.Number-1).Scan(&summary); err != nil {
		return nil, err
	}
	return closingsOf(summary)
}

const (
	sqlFirstHead = `INSERT INTO recon_heads (book_id, match, source_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	sqlLockHead  = `SELECT run, line, sequence FROM recon_heads WHERE book_id = $1 AND match = $2 AND source_id = $3 FOR UPDATE`
	sqlMoveHead  = `UPDATE recon_heads SET run = $4, line = $5, sequence = $6 WHERE book_id = $1 AND match = $2 AND source_id = $3`
	sqlCountOpen = `SELECT count(*) FROM recon_items WHERE book_id = $1 AND match = $2 AND source_id = $3 AND open_until IS NULL`
	sqlAddRun    = `
INSERT INTO recon_runs (book_id, id, match, source_id, number, cut_off, from_line, to_line, from_sequence, to_sequence, rules, settings, inputs, summary,
       digest, matched, open_items, found, trigger, started_by, recorded_at, took_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`
	sqlAddItems = `
INSERT INTO recon_items (book_id, match, source_id, side, a, b, key, currency, debits, credits, day, open_from)
SELECT $1, $2, $3, u.side, u.a, u.b, u.key, u.currency, u.debits, u.credits, u.day, $4
  FROM unnest($5::text[], $6::bigint[], $7::smallint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::date[]) u(side, a, b, key, currency, debits, credits, day)`
	sqlEndItems = `
UPDATE recon_items i SET open_until = $4, how = u.how, pairing = u.pairing
  FROM unnest($5::text[], $6::bigint[], $7::smallint[], $8::text[], $9::text[]) u(side, a, b, how, pairing)
 WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.side = u.side AND i.a = u.a AND i.b = u.b AND i.open_until IS NULL`
	sqlAddPairing = `
INSERT INTO recon_pairings AS p (book_id, id, match, source_id, kind, basis, state, identity, members, run, receipt)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (book_id, match, source_id, identity) DO UPDATE SET state = CASE WHEN p.state IN ('suggested', 'void') THEN excluded.state ELSE p.state END,
       receipt = CASE WHEN p.state IN ('suggested', 'void') THEN excluded.receipt ELSE p.receipt END,
       decided_by = CASE p.state WHEN 'void' THEN '' ELSE p.decided_by END, decided_at = CASE p.state WHEN 'void' THEN NULL ELSE p.decided_at END,
       note = CASE p.state WHEN 'void' THEN '' ELSE p.note END
RETURNING p.id, p.state`
)

// record records a run: in one transaction, fenced by the turn, and only if no other run of the same match ended meanwhile and what
// it had before it is still open.
func (s *Service) record(ctx context.Context, t payouts.Turn, run Run, out *outcome) error {
	return s.pool.Tx(ctx, func(tx pgx.Tx) error {
		if t.Check != nil {
			if err := t.Check(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.recordTx(ctx, tx, t.Book, run, out); err != nil || !somebody(t) {
			return err
		}
		return s.deedTx(ctx, tx, guard.Deed{Actor: t.Actor}, t.Book, "reconciliation.run", "reconciliation:"+run.ID, nil,
			map[string]any{"match": run.Match, "source": run.SourceName, "number": run.Number, "cut_off": run.CutOff, "digest": fmt.Sprintf("%x", run.Digest), "found": run.Found})
	})
}

func (s *Service) recordTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, out *outcome) error {
	if _, err := tx.Exec(ctx, sqlFirstHead, book.ID, run.Match, run.Source); err != nil {
		return err
	}
	var number, line, sequence, waiting int64
	if err := tx.QueryRow(ctx, sqlLockHead, book.ID, run.Match, run.Source).Scan(&number, &line, &sequence); err != nil {
		return err
	}
	if number != run.Number-1 || line != run.FromLine || sequence != run.FromSequence {
		return ErrRunOvertaken
	}
	if err := tx.QueryRow(ctx, sqlCountOpen, book.ID, run.Match, run.Source).Scan(&waiting); err != nil {
		return err
	}
	if waiting != out.waiting {
		return &decidedMeanwhile{error: ErrRunOvertaken.With("People ended open items while the run went on. Run again.")}
	}
	if _, err := tx.Exec(ctx, sqlAddRun, book.ID, run.ID, run.Match, run.Source, run.Number, run.CutOff, run.FromLine, run.ToLine, run.FromSequence, run.ToSequence,
		run.Rules, run.Settings, string(run.Inputs), string(run.Summary), run.Digest, run.Matched, run.OpenItems, run.Found, run.Trigger, run.StartedBy,
		run.RecordedAt, run.Took.Milliseconds()); err != nil {
		return err
	}
	pairings, err := addPairings(ctx, tx, book, run, out.pairings, out.lastReceipt)
	if err != nil {
		return err
	}
	if err := addItems(ctx, tx, book, run, out.open); err != nil {
		return err
	}
	if err := endItems(ctx, tx, book, run, out.closed, pairings); err != nil {
		return err
	}
	if err := voidBeyond(ctx, tx, book, run, out.pairings); err != nil {
		return err
	}
	if err := s.applyFindingsTx(ctx, tx, book, run, out.findings); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sqlMoveHead, book.ID, run.Match, run.Source, run.Number, run.ToLine, run.ToSequence)
	return err
}

func addItems(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, open []item) error {
	fresh := slices.DeleteFunc(slices.Clone(open), func(i item) bool { return i.known })
	for page := range slices.Chunk(fresh, recordPage) {
		n := len(page)
		sides, a, b := make([]string, n), make([]int64, n), make([]int16, n)
		keys, currencies, debits, credits, days := make([]string, n), make([]string, n), make([]int64, n), make([]int64, n), make([]time.Time, n)
		for k, i := range page {
			sides[k], a[k], b[k], keys[k], currencies[k], debits[k], credits[k], days[k] = i.side, i.a, int16(i.b), i.key, string(i.currency), int64(i.debits), int64(i.credits), i.day // #nosec G115 -- a transaction has 500 lines at most
		}
		if _, err := tx.Exec(ctx, sqlAddItems, planNow, book.ID, run.Match, run.Source, run.Number, sides, a, b, keys, currencies, debits, credits, days); err != nil {
			return err
		}
	}
	return nil
}

func endItems(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, closed []ending, pairings map[string]string) error {
	for page := range slices.Chunk(closed, recordPage) {
		n := len(page)
		sides, a, b, how, ids := make([]string, n), make([]int64, n), make([]int16, n), make([]string, n), make([]string, n)
		for k, e := range page {
			sides[k], a[k], b[k], how[k], ids[k] = e.side, e.a, int16(e.b), e.how, pairings[e.pairing] // #nosec G115 -- a transaction has 500 lines at most
		}
		tag, err := tx.Exec(ctx, sqlEndItems, planNow, book.ID, run.Match, run.Source, run.Number, sides, a, b, how, ids)
		if err != nil {
			return err
		}
		if tag.RowsAffected() != int64(n) {
			return &decidedMeanwhile{error: ErrRunOvertaken.With("People ended open items while the run went on. Run again.")}
		}
	}
	return nil
}

// addPairings keeps pairings once by their identity, with the last receipt that the run knew, and returns their ids. One that a person
// refused is not made.
func addPairings(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, all []Pairing, receipt int64) (map[string]string, error) {
	ids := map[string]string{}
	var refused []refusal
	for page := range slices.Chunk(all, recordPage) {
		var batch pgx.Batch
		for _, p := range page {
			members, err := canonicalJSON(pairedMembers{p.External, p.Entries})
			if err != nil {
				return nil, err
			}
			state := "suggested"
			if p.Certain {
				state = "made"
			}
			batch.Queue(sqlAddPairing, book.ID, freshID("par"), run.Match, run.Source, p.Kind, p.Basis, state, p.Identity, string(members), run.Number, receipt).QueryRow(func(row pgx.Row) error {
				var id, stands string
				if err := row.Scan(&id, &stands); err != nil {
					return err
				}
				if p.Certain && stands == "refused" {
					refused = append(refused, refusal{p.Identity, p.External, p.Entries})
				}
				ids[p.Identity] = id
				return nil
			})
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return nil, err
		}
	}
	if len(refused) > 0 {
		return nil, &decidedMeanwhile{ErrRunOvertaken.With("People refused a pairing while the run went on that would make it. Run again."), refused}
	}
	return ids, nil
}

const sqlRunColumns = `
SELECT r.id, r.match, r.source_id, coalesce(s.name, ''), r.number, r.cut_off, r.from_line, r.to_line, r.from_sequence, r.to_sequence, r.rules, r.settings,
       r.inputs, r.summary, r.digest, r.matched, r.open_items, r.found, r.trigger, r.started_by, r.recorded_at, r.took_ms
  FROM recon_runs r LEFT JOIN evidence_sources s ON s.book_id = r.book_id AND s.id = r.source_id
 WHERE r.book_id = $1`

// Run returns a run.
//
// Errors: ErrRunUnknown.
func (s *Service) Run(ctx context.Context, book ledger.Book, id string) (Run, error) {
	rows, err := s.pool.Query(ctx, sqlRunColumns+` AND r.id = $2`, book.ID, id)
	if err != nil {
		return Run{}, err
	}
	run, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrRunUnknown
	}
	return run, err
}

// RunQuery selects runs, newest first.
type RunQuery struct {
	// Before and BeforeID name the last run already seen: its time of recording and its id.
	Before   time.Time
	BeforeID string
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// Runs lists the runs of a book, newest first.
func (s *Service) Runs(ctx context.Context, book ledger.Book, q RunQuery) ([]Run, error) {
	if q.Before.IsZero() {
		q.Before = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := s.pool.Query(ctx, sqlRunColumns+` AND (r.recorded_at, r.id) < ($2, $3) ORDER BY r.recorded_at DESC, r.id DESC LIMIT $4`,
		book.ID, q.Before, q.BeforeID, min(max(q.Limit, 1), 1_000))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRun)
}

func scanRun(row pgx.CollectableRow) (r Run, err error) {
	var took int64
	err = row.Scan(&r.ID, &r.Match, &r.Source, &r.SourceName, &r.Number, &r.CutOff, &r.FromLine, &r.ToLine, &r.FromSequence, &r.ToSequence, &r.Rules, &r.Settings,
		&r.Inputs, &r.Summary, &r.Digest, &r.Matched, &r.OpenItems, &r.Found, &r.Trigger, &r.StartedBy, &r.RecordedAt, &took)
	r.CutOff, r.RecordedAt, r.Took = r.CutOff.UTC(), r.RecordedAt.UTC(), time.Duration(took)*time.Millisecond
	return r, err
}
