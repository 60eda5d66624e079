package reconcile

import (
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
	"mizan/payouts"
)

// What a run posts by itself: what a processor or a bank shows and the books do not have goes into suspense, and the small
// differences of fees are corrected. Each page is one transaction: the entries, the break and its step.

const (
	sqlReconHead = `SELECT run, sequence FROM recon_heads WHERE book_id = $1 AND match = $2 AND source_id = $3`

	sqlKeepReconHead = sqlReconHead + ` FOR SHARE`

	sqlAskingBreaks = `
SELECT ` + breakColumns + `
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.ended_at IS NULL AND b.match = $2 AND b.source_id = $3 AND b.last_run = $4 AND b.state = 'open' AND b.suspense = 0
   AND (b.first_seen, b.id) > ($5, $6) AND b.detail::jsonb ?| ARRAY['suspend', 'true_up'] AND NOT b.detail::jsonb ?| ARRAY['held', 'kept']
 ORDER BY b.first_seen, b.id
 LIMIT $7`

	sqlPostedInRun = `
SELECT s.act, b.currency, sum(abs(b.amount))::bigint
  FROM recon_steps s
  JOIN recon_breaks b ON b.book_id = s.book_id AND b.id = s.break_id
 WHERE s.book_id = $1 AND s.run = $2 AND s.act IN ('suspended', 'fixed') AND b.match = $3 AND b.source_id = $4
 GROUP BY s.act, b.currency`

	sqlMemberLines = `
SELECT number, key, line_id, category LIKE 'payout%', status = 'pending' FROM evidence_lines WHERE book_id = $1 AND source_id = $2 AND number = ANY ($3)`

	sqlMemberEntries = `
SELECT e.sequence, e.line, coalesce(e.external_ref, ''), a.address LIKE 'assets:processor:pending:%'
  FROM unnest($2::bigint[], $3::smallint[]) AS m (sequence, line)
  JOIN transactions t ON t.book_id = $1 AND t.sequence = m.sequence
  JOIN entries e ON e.book_id = $1 AND e.sequence = m.sequence AND e.line = m.line AND e.account_id = ANY (t.account_ids)
  JOIN accounts a ON a.book_id = $1 AND a.id = e.account_id`

	sqlAccountIDs = `SELECT id FROM accounts WHERE book_id = $1 AND address = ANY ($2)`

	// What the books came to know after one sequence and up to another, of the accounts of a source.
	sqlKnownSince = `
SELECT DISTINCT e.external_ref
  FROM unnest($2::int[]) a(id)
 CROSS JOIN LATERAL (SELECT x.sequence, x.external_ref FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence > $3 AND x.sequence <= $5 AND x.external_ref = ANY ($4::text[]) OFFSET 0) e
 CROSS JOIN LATERAL (SELECT FROM transactions t WHERE t.book_id = $1 AND t.sequence = e.sequence AND t.event NOT LIKE 'recon.%' LIMIT 1) t`

	sqlLastSequence = `SELECT last_sequence FROM books WHERE id = $1`
)

// pageOfPostings bounds the events of one transaction: the book is locked while they are posted.
const pageOfPostings = 200

// Settle posts what the breaks of a source ask for since its last run. What is above the rules' limits, or refused, is left to
// people and says so. It can be called again at any time: nothing is posted twice. It stops quietly when another run ends first.
func (s *Service) Settle(ctx context.Context, turn payouts.Turn, book ledger.Book, source Source) (out Settled, err error) {
	match := matchOf(source)
	var head reconHead
	if err := s.pool.QueryRow(ctx, sqlReconHead, book.ID, match, source.ID).Scan(&head.run, &head.sequence); err != nil {
		if err == pgx.ErrNoRows {
			return out, nil
		}
		return out, err
	}
	rules, err := s.RulesAt(ctx, book, s.now())
	if err != nil {
		return out, err
	}
	var after Break
	for {
		page, err := breaksOf(ctx, s.pool, sqlAskingBreaks, book.ID, match, source.ID, head.run, after.FirstSeen, after.ID, pageOfPostings)
		if err != nil || len(page) == 0 {
			return out, err
		}
		after = page[len(page)-1]
		w := &settling{service: s, turn: turn, book: book, source: source, match: match, head: head, rules: rules}
		done, err := w.settle(ctx, idsOf(page))
		if err != nil {
			return out, err
		}
		out = out.plus(done)
	}
}

func (s Settled) plus(o Settled) Settled {
	return Settled{s.Suspended + o.Suspended, s.TrueUps + o.TrueUps, s.Held + o.Held, s.Known + o.Known}
}

func idsOf(page []Break) []string {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].ID
	}
	return ids
}

// reconHead is how far a match has come.
type reconHead struct{ run, sequence int64 }

// settling is the work of one call for one source.
type settling struct {
	service *Service
	turn    payouts.Turn
	book    ledger.Book
	source  Source
	match   Match
	head    reconHead
	rules   Rules
	// known are references that the books came to know of meanwhile, refused the breaks whose posting was refused.
	known   map[string]bool
	refused map[string]bool
	// looked is up to where the books were looked through for the names of the page.
	looked int64
	names  map[string]bool
}

// lookPage is how many transactions are looked through at once.
const lookPage = 20_000

// lookThrough looks through what was posted since the run for what the books came to know of the breaks' lines, before the book is
// locked: while it is, only what was posted since then is left to look at.
func (w *settling) lookThrough(ctx context.Context, ids []string) error {
	s := w.service
	page, err := breaksOf(ctx, s.pool, sqlBreaksByID, w.book.ID, ids)
	if err != nil {
		return err
	}
	keys, err := keysOf(ctx, s.pool, w.book, w.source, page)
	if err != nil {
		return err
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.names...)
	}
	known, until, err := s.lookThrough(ctx, w.book, w.source, w.looked, names)
	if err != nil {
		return err
	}
	for _, name := range known {
		w.known[name] = true
	}
	w.looked = until
	for _, name := range names {
		w.names[name] = true
	}
	return nil
}

// lookThrough looks, a page at a time, through what was posted after a transaction for what the books came to know under the names. It
// returns the last transaction that it looked at.
func (s *Service) lookThrough(ctx context.Context, book ledger.Book, source Source, from int64, names []string) (all []string, until int64, err error) {
	var last int64
	if err := s.pool.QueryRow(ctx, sqlLastSequence, book.ID).Scan(&last); err != nil {
		return nil, from, err
	}
	for until = from; until < last; {
		to := min(until+lookPage, last)
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			known, err := knownSince(ctx, tx, book, source, span{until, to}, names)
			if err == nil {
				all = append(all, known...)
			}
			return err
		}); err != nil {
			return nil, until, err
		}
		until = to
	}
	return all, until, nil
}

// settle posts for the breaks of a page. If the books refuse the page, each break is tried alone, so that one does not hold up
// the others.
func (w *settling) settle(ctx context.Context, ids []string) (Settled, error) {
	w.known, w.refused, w.names, w.looked = map[string]bool{}, map[string]bool{}, map[string]bool{}, w.head.sequence
	if err := w.lookThrough(ctx, ids); err != nil {
		return Settled{}, err
	}
	done, err := w.attempt(ctx, ids)
	if err == nil || !isRefusal(err) {
		return done, err
	}
	for _, id := range ids {
		one, err := w.attempt(ctx, []string{id})
		if isRefusal(err) {
			w.refused[id] = true
			one, err = w.attempt(ctx, []string{id})
		}
		if err != nil {
			return done, err
		}
		done = done.plus(one)
	}
	return done, nil
}

// isRefusal reports whether the books refused to post, and would refuse again.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Forbidden:
		return fault.CodeOf(err) != ledger.ErrStale.Code && fault.CodeOf(err) != errOvertaken.Code
	default:
		return false
	}
}

// mostOvertaken bounds how often a page is planned anew because the books came to know of its lines.
const mostOvertaken = 5

// attempt posts for the breaks in one transaction.
func (w *settling) attempt(ctx context.Context, ids []string) (done Settled, err error) {
	for range mostOvertaken {
		err = w.service.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
			done, err = w.settleTx(ctx, tx, ids)
			return err
		})
		if fault.CodeOf(err) != errOvertaken.Code {
			return done, err
		}
	}
	return Settled{}, err
}

func (w *settling) settleTx(ctx context.Context, tx pgx.Tx, ids []string) (done Settled, err error) {
	s := w.service
	if w.turn.Check != nil {
		if err := w.turn.Check(ctx, tx); err != nil {
			return done, err
		}
	}
	var head reconHead
	if err := tx.QueryRow(ctx, sqlKeepReconHead, w.book.ID, w.match, w.source.ID).Scan(&head.run, &head.sequence); err != nil || head != w.head {
		return done, err
	}
	held, err := lockSteps(ctx, tx, w.book)
	if err != nil {
		return done, err
	}
	page, err := breaksOf(ctx, tx, sqlBreaksByID, w.book.ID, ids)
	if err != nil {
		return done, err
	}
	now := s.now()
	page = slices.DeleteFunc(page, func(b Break) bool { return !b.wanted(w.rules, w.head.run, now) })
	keys, err := keysOf(ctx, tx, w.book, w.source, page)
	if err != nil {
		return done, err
	}
	used, err := w.budget(ctx, tx)
	if err != nil {
		return done, err
	}
	var changed []changedBreak
	var events []commerce.Event
	var names []string
	for i := range page {
		c, event, posts := w.decide(&page[i], keys[i], used)
		switch {
		case posts:
			events, names = append(events, event), append(names, keys[i].names...)
			if c.act == StepFixed {
				done.TrueUps++
			} else {
				done.Suspended++
			}
		case c.act == "":
			done.Known++
			continue
		default:
			done.Held++
		}
		changed = append(changed, c)
	}
	if len(changed) == 0 {
		return done, nil
	}
	if err := w.post(ctx, tx, events, names, changed); err != nil {
		return Settled{}, err
	}
	for i := range changed {
		changed[i].ChangedAt = now
		if changed[i].act == StepFixed {
			changed[i].EndedAt = now
		}
	}
	held.number(changed)
	if err := saveBreaks(ctx, tx, w.book, changed); err != nil {
		return Settled{}, err
	}
	return done, held.add(ctx, tx, stepBy{by: doneBy(w.turn.Actor), at: now, run: w.head.run}, changed)
}

// decide is what becomes of a break, and the event that posts it. A break without an act is left as it is.
func (w *settling) decide(b *Break, key lineKey, used *budget) (c changedBreak, event commerce.Event, posts bool) {
	c = changedBreak{Break: *b}
	hold := func(why string) (changedBreak, commerce.Event, bool) {
		c.act, c.note, c.Held = StepNoted, why, why
		return c, commerce.Event{}, false
	}
	if slices.ContainsFunc(key.names, func(n string) bool { return w.known[n] }) {
		return c, event, false
	}
	if w.refused[b.ID] {
		return hold(heldRefused)
	}
	now := w.service.now()
	if b.TrueUp {
		event, posts = b.trueUpEvent(w.source, key, now)
	} else {
		event, posts = b.suspenseEvent(w.source, key, now)
	}
	if !posts {
		return hold(heldReference)
	}
	if !used.allows(b) {
		return hold(heldLimit)
	}
	if b.TrueUp {
		c.act, c.State = StepFixed, Fixed
		return c, event, true
	}
	c.act, c.Suspense, c.SuspenseRef = StepSuspended, -b.Amount, key.reference
	return c, event, true
}

// post posts the events, and then, while nobody else can post, looks whether the books came to know of the lines since the run:
// what they know must not be counted a second time.
func (w *settling) post(ctx context.Context, tx pgx.Tx, events []commerce.Event, names []string, changed []changedBreak) error {
	if len(events) == 0 {
		return nil
	}
	results, err := w.service.postOnce(ctx, tx, w.book, events)
	if err != nil {
		return err
	}
	from := w.looked
	if slices.ContainsFunc(names, func(name string) bool { return !w.names[name] }) {
		from = w.head.sequence
	}
	known, err := knownSince(ctx, tx, w.book, w.source, span{from, math.MaxInt64}, names)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		for _, name := range known {
			w.known[name] = true
		}
		return errOvertaken
	}
	i := 0
	for j := range changed {
		if changed[j].act == StepNoted {
			continue
		}
		if changed[j].posted = postedAs(results[i]); changed[j].act == StepFixed {
			changed[j].Fix = changed[j].posted
		}
		i++
	}
	return nil
}

// postOnce posts events of which none may have been posted before: what a break has posted once does not come again, though the break
// may.
func (s *Service) postOnce(ctx context.Context, tx pgx.Tx, book ledger.Book, events []commerce.Event) ([]commerce.Result, error) {
	results, err := s.events.PostTx(ctx, tx, book, events)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Replayed {
			return nil, ledger.ErrReferenceReused
		}
	}
	return results, nil
}

// postedAs names the first transaction with entries that an event posted.
func postedAs(r commerce.Result) string {
	for _, t := range r.Transactions {
		if len(t.Entries) > 0 {
			return t.ID()
		}
	}
	return ""
}

// knownSince are those of the references that entries of the source's accounts name in a span, reconciliation's own left out.
func knownSince(ctx context.Context, tx pgx.Tx, book ledger.Book, source Source, of span, names []string) ([]string, error) {
	ids, err := accountIDs(ctx, tx, book, accountsOf(source))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlKnownSince, planNow, book.ID, ids, of.From, names, of.To)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func accountIDs(ctx context.Context, from asker, book ledger.Book, addresses []string) ([]int32, error) {
	rows, err := from.Query(ctx, sqlAccountIDs, book.ID, addresses)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int32])
}

// budget is what the run has posted by itself so far.
func (w *settling) budget(ctx context.Context, tx pgx.Tx) (*budget, error) {
	u := &budget{rules: w.rules, suspended: map[money.Currency]money.Minor{}, trueUp: map[money.Currency]money.Minor{}}
	rows, err := tx.Query(ctx, sqlPostedInRun, w.book.ID, w.head.run, w.match, w.source.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var act string
		var c money.Currency
		var sum int64
		if err := rows.Scan(&act, &c, &sum); err != nil {
			return nil, err
		}
		if act == StepFixed {
			u.trueUp[c] = money.Minor(sum)
		} else {
			u.suspended[c] = money.Minor(sum)
		}
	}
	return u, rows.Err()
}

// keysOf finds the keys of breaks from their members, in their order.
func keysOf(ctx context.Context, from asker, book ledger.Book, source Source, page []Break) ([]lineKey, error) {
	var numbers, sequences []int64
	var lines []int16
	for i := range page {
		numbers = append(numbers, page[i].External...)
		for _, e := range page[i].Entries {
			sequences, lines = append(sequences, e.Sequence), append(lines, int16(e.Line)) // #nosec G115 -- a transaction has 500 lines at most
		}
	}
	external, entries, err := memberKeysOf(ctx, from, book, source, numbers, sequences, lines)
	if err != nil {
		return nil, err
	}
	keys := make([]lineKey, len(page))
	for i := range page {
		keys[i] = keyOf(&page[i], external, entries)
	}
	return keys, nil
}

// memberLine and memberEntry are what of a break's members decides its key.
type memberLine struct {
	key, id         string
	payout, pending bool
}

type memberEntry struct {
	reference string
	pending   bool
}

func memberKeysOf(ctx context.Context, from asker, book ledger.Book, source Source, numbers, sequences []int64, lines []int16) (map[int64]memberLine, map[EntryID]memberEntry, error) {
	external, entries := map[int64]memberLine{}, map[EntryID]memberEntry{}
	rows, err := from.Query(ctx, sqlMemberLines, book.ID, source.ID, numbers)
	if err != nil {
		return nil, nil, err
	}
	var n int64
	var l memberLine
	if _, err := pgx.ForEachRow(rows, []any{&n, &l.key, &l.id, &l.payout, &l.pending}, func() error { external[n] = l; return nil }); err != nil {
		return nil, nil, err
	}
	if rows, err = from.Query(ctx, sqlMemberEntries, book.ID, sequences, lines); err != nil {
		return nil, nil, err
	}
	var at EntryID
	var e memberEntry
	_, err = pgx.ForEachRow(rows, []any{&at.Sequence, &at.Line, &e.reference, &e.pending}, func() error { entries[at] = e; return nil })
	return external, entries, err
}

// keyOf is the one key of a break's members. Payouts are known to the books by the processor's own id of the line.
func keyOf(b *Break, external map[int64]memberLine, entries map[EntryID]memberEntry) (k lineKey) {
	keys := map[string]bool{}
	for _, n := range b.External {
		l, ok := external[n]
		if !ok {
			return lineKey{}
		}
		keys[l.key] = true
		k.names, k.pending = append(k.names, l.key, l.id), k.pending || l.pending
		if k.reference = l.key; l.payout {
			k.reference = l.id
		}
	}
	if len(b.External) == 0 {
		for _, at := range b.Entries {
			e, ok := entries[at]
			if !ok {
				return lineKey{}
			}
			if k.reference = e.reference; k.reference == "" {
				k.reference = entryKey(at)
			}
			keys[k.reference] = true
			k.pending = k.pending || e.pending
		}
	}
	if len(keys) != 1 || b.ExternalCount > len(b.External) {
		k.reference = ""
	}
	slices.Sort(k.names)
	k.names = slices.Compact(k.names)
	return k
}

// suspendedTx is what waits of a break as the transaction sees it.
func (s *Service) suspendedTx(ctx context.Context, tx pgx.Tx, book ledger.Book, id string) (money.Minor, string, error) {
	list, err := s.events.Suspended(postgres.Within(ctx, tx), book, id, 0)
	if err != nil {
		return 0, "", err
	}
	sum, reference := waitsOf(list)
	return sum, reference, nil
}
