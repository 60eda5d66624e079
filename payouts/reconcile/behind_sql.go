package reconcile

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/processor/bankfile"
)

// What stands behind an entry: the lines of a processor or a bank that say the same. And the way back, from a line to the entries that
// it is evidence of. A line and an entry belong together by the name that both go by, or because a run or a person paired them; the
// runs say whether they agree.

const (
	sqlEntryItems = `
SELECT k.sequence, k.line, i.open_until IS NULL, i.how, i.pairing
  FROM unnest($4::bigint[], $5::smallint[]) AS k (sequence, line)
 CROSS JOIN LATERAL (SELECT x.open_until, x.how, x.pairing FROM recon_items x
                      WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.side = 'l' AND x.a = k.sequence AND x.b = k.line LIMIT 1) i`

	sqlLineItem = `
SELECT x.open_until IS NULL, x.how, x.pairing FROM recon_items x
 WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.side = 'e' AND x.a = $4 AND x.b = 0`

	sqlPaired = `
SELECT k.pairing, i.side, i.a, i.b
  FROM unnest($2::text[]) AS k (pairing)
 CROSS JOIN LATERAL (SELECT x.side, x.a, x.b FROM recon_items x WHERE x.book_id = $1 AND x.pairing = k.pairing AND x.pairing <> '' LIMIT 100) i
 ORDER BY k.pairing, i.side, i.a, i.b`

	// When it was known that the members of a pairing belong together.
	sqlPairedAt = `
SELECT coalesce(p.decided_at, r.recorded_at) FROM recon_pairings p
  LEFT JOIN recon_runs r ON r.book_id = p.book_id AND r.match = p.match AND r.source_id = p.source_id AND r.number = p.run
 WHERE p.book_id = $1 AND p.id = $2 AND p.state = 'made'`

	sqlLinesNamed = `
SELECT k.name, l.* FROM unnest($3::text[]) AS k (name)
 CROSS JOIN LATERAL (` + lineFrom + `AND key = k.name ORDER BY number LIMIT 20) l
 UNION ALL
SELECT k.name, l.* FROM unnest($3::text[]) AS k (name)
 CROSS JOIN LATERAL (` + lineFrom + `AND line_id = k.name AND key <> k.name LIMIT 1) l`

	sqlLinesNumbered = `
SELECT '', l.* FROM unnest($3::bigint[]) AS k (n)
 CROSS JOIN LATERAL (` + lineFrom + `AND number = k.n LIMIT 1) l`

	// The entries of accounts around a moment: so many before it and so many after it, of which those that go by a name are taken.
	sqlEntriesNear = `
SELECT e.sequence, e.line
  FROM unnest($2::int[]) AS a (id)
 CROSS JOIN LATERAL ((SELECT x.sequence, x.line, x.external_ref FROM entries x
                       WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence >= $3 ORDER BY x.sequence, x.line LIMIT $5)
                     UNION ALL
                     (SELECT x.sequence, x.line, x.external_ref FROM entries x
                       WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence < $3 ORDER BY x.sequence DESC, x.line DESC LIMIT $5)) e
 WHERE e.external_ref = ANY ($4::text[])
 ORDER BY e.sequence, e.line LIMIT 20`

	// The same, of what the rail of bank files calls by its own ids.
	sqlRailEntriesNear = `
SELECT e.sequence, e.line, e.external_ref
  FROM unnest($2::int[]) AS a (id)
 CROSS JOIN LATERAL ((SELECT x.sequence, x.line, x.external_ref FROM entries x
                       WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence >= $3 ORDER BY x.sequence, x.line LIMIT $4)
                     UNION ALL
                     (SELECT x.sequence, x.line, x.external_ref FROM entries x
                       WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence < $3 ORDER BY x.sequence DESC, x.line DESC LIMIT $4)) e
 WHERE starts_with(e.external_ref, 'txn_')
 ORDER BY e.sequence, e.line LIMIT 1000`

	sqlRecordedSince = `
SELECT t.sequence FROM transactions t WHERE t.book_id = $1 AND t.recorded_at >= $2 ORDER BY t.recorded_at, t.sequence LIMIT 1`

	sqlBreaksNamed = `
SELECT b.id, b.class, b.state FROM unnest($4::text[]) AS k (name)
 CROSS JOIN LATERAL (SELECT x.id, x.class, x.state FROM recon_breaks x
                      WHERE x.book_id = $1 AND x.match = $2 AND x.source_id = $3 AND x.identity >= k.name || '|' AND x.identity < k.name || '}' LIMIT 10) b
 ORDER BY b.id`
)

// nearEntries bounds the entries of each account before and after a line's moment among which those that it names are looked for.
const nearEntries = 3_000

// mostBehind bounds the lines behind an entry.
const mostBehind = 20

// The standings of an entry or a line against the other side.
const (
	// StandingAgrees: a run found that both sides say the same.
	StandingAgrees = "agrees"
	// StandingOpen: a run found nothing, or something else, on the other side.
	StandingOpen = "open"
	// StandingWaits: no run has looked at it yet.
	StandingWaits = "waits"
)

// Behind is an entry on an account of a source, and what the source says of it.
type Behind struct {
	Sequence int64
	Entry    ledger.Entry
	Source   Source
	// Standing is one of the Standing words. Basis says how it came to agree if no name said so: matched, confirmed, by_amount,
	// written_off, fixed; empty where both go by one name.
	Standing, Basis string
	// Pairing is what put the lines beside the entry, empty where both go by one name.
	Pairing string
	// Lines are at most 20 of the source.
	Lines []Line
	// Breaks are the differences that were found under its name, at most 10, ended ones too.
	Breaks []BreakName
	// named are the lines by each name of the entry, whatever was paired.
	named [][]Line
}

// BreakName names a break.
type BreakName struct {
	ID    string
	Class Class
	State State
}

// holdsEntry reports whether an entry is on an account of the source.
func (x Source) holdsEntry(e ledger.Entry) bool {
	switch x.Kind {
	case KindProcessor:
		return slices.Contains(processorAccounts(x.Name), e.Account)
	case KindBank:
		return e.Currency == x.Settings.Currency && slices.Contains(x.Settings.Accounts, e.Account)
	}
	return false
}

// Behind returns what sources say of the entries of transactions, in the order of the transactions. What only moves between accounts of
// one source in a transaction is left out: no source sees it.
func (s *Service) Behind(ctx context.Context, book ledger.Book, transactions []ledger.Transaction) (list []Behind, err error) {
	sources, err := s.Sources(ctx, book)
	if err != nil {
		return nil, err
	}
	newest, err := s.NewestRuns(ctx, book)
	if err != nil {
		return nil, err
	}
	for _, x := range sources {
		var some []Behind
		for i := range transactions {
			some = append(some, behindOf(x, &transactions[i])...)
		}
		if len(some) == 0 {
			continue
		}
		until := int64(0)
		for _, n := range newest {
			if n.Source == x.ID && n.Match == matchOf(x) {
				until = n.ToSequence
			}
		}
		if err := s.lookBehind(ctx, book, x, until, some); err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortStableFunc(list, func(a, b Behind) int {
		return EntryID{a.Sequence, a.Entry.Line}.compare(EntryID{b.Sequence, b.Entry.Line})
	})
	return list, nil
}

// BehindAt is Behind with what was known at a moment, and without what runs and people say of it, which may change: lines that had been
// taken, each under its receipt, and pairings that had been made; an entry that was paired later has the lines of its own name. So it says the same for ever.
func (s *Service) BehindAt(ctx context.Context, book ledger.Book, transactions []ledger.Transaction, at time.Time) ([]Behind, map[ReceiptOf]Receipt, error) {
	list, err := s.Behind(ctx, book, transactions)
	if err != nil {
		return nil, nil, err
	}
	receipts := map[ReceiptOf]Receipt{}
	for i := range list {
		b := &list[i]
		b.Standing, b.Basis, b.Breaks = "", "", nil
		if b.Pairing != "" {
			var since *time.Time
			if err := s.pool.QueryRow(ctx, sqlPairedAt, book.ID, b.Pairing).Scan(&since); err != nil && err != pgx.ErrNoRows {
				return nil, nil, err
			}
			if since == nil || since.After(at) {
				b.Pairing = ""
			}
		}
		known := b.named // as it was before the pairing, and before lines came under a name that goes before another
		if b.Pairing != "" {
			known = [][]Line{b.Lines}
		}
		b.Lines = nil
		for _, lines := range known {
			if len(b.Lines) > 0 {
				break
			}
			if b.Lines, err = s.takenBy(ctx, book, b.Source, lines, at, receipts); err != nil {
				return nil, nil, err
			}
		}
	}
	return list, receipts, nil
}

// takenBy are the lines, of some of a source, that had been taken at a moment. It adds their receipts to those that were read.
func (s *Service) takenBy(ctx context.Context, book ledger.Book, x Source, lines []Line, at time.Time, receipts map[ReceiptOf]Receipt) (taken []Line, err error) {
	for _, l := range lines {
		of := ReceiptOf{x.ID, l.Receipt}
		r, known := receipts[of]
		if !known {
			if r, err = s.Receipt(ctx, book, x, l.Receipt); err != nil {
				return nil, err
			}
			receipts[of] = r
		}
		if !r.RecordedAt.After(at) {
			taken = append(taken, l)
		}
	}
	return taken, nil
}

// ReceiptOf names a receipt of a source.
type ReceiptOf struct {
	Source  int16
	Receipt int64
}

// behindOf are the entries of a transaction that a source sees.
func behindOf(x Source, t *ledger.Transaction) (list []Behind) {
	net := map[money.Currency]money.Minor{}
	for _, e := range t.Entries {
		if x.holdsEntry(e) {
			net[e.Currency] += e.Amount
			list = append(list, Behind{Sequence: t.Sequence, Entry: e, Source: x})
		}
	}
	return slices.DeleteFunc(list, func(b Behind) bool { return net[b.Entry.Currency] == 0 && len(list) > 1 })
}

// lookBehind finds the lines behind entries of one source, and how both stand.
func (s *Service) lookBehind(ctx context.Context, book ledger.Book, x Source, until int64, list []Behind) error {
	names := map[string][]string{} // an entry's reference to what the source may call it
	for _, b := range list {
		if r := b.Entry.ExternalRef; r != "" {
			names[r] = []string{r}
		}
	}
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		if err := s.namesAtBank(ctx, tx, book, x, names); err != nil {
			return err
		}
		var all []string
		for _, n := range names {
			all = append(all, n...)
		}
		slices.Sort(all)
		all = slices.Compact(all)
		named, err := linesByName(ctx, tx, sqlLinesNamed, book, x, all)
		if err != nil {
			return err
		}
		paired, standing, err := entryItems(ctx, tx, book, x, list)
		if err != nil {
			return err
		}
		for i := range list {
			b := &list[i]
			at, known := standing[EntryID{b.Sequence, b.Entry.Line}]
			if b.Lines = paired[at.pairing]; len(b.Lines) > 0 {
				b.Pairing = at.pairing
			}
			b.named = nil
			for _, name := range names[b.Entry.ExternalRef] {
				lines := named[name][:min(len(named[name]), mostBehind)]
				if b.named = append(b.named, lines); len(b.Lines) == 0 {
					b.Lines = lines
				}
			}
			switch {
			case known && at.open:
				b.Standing = StandingOpen
			case known:
				b.Standing, b.Basis = StandingAgrees, at.how
			case b.Sequence <= until && len(b.Lines) > 0:
				b.Standing = StandingAgrees
			default:
				b.Standing = StandingWaits
			}
			b.Lines = b.Lines[:min(len(b.Lines), mostBehind)]
			if known {
				if b.Breaks, err = breaksNamed(ctx, tx, book, x, append(names[b.Entry.ExternalRef], entryKey(EntryID{b.Sequence, b.Entry.Line}))); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// namesAtBank adds what a bank calls the movements that a file of payments made.
func (s *Service) namesAtBank(ctx context.Context, tx pgx.Tx, book ledger.Book, x Source, names map[string][]string) error {
	if x.Kind != KindBank {
		return nil
	}
	var ours []string
	for ref := range names {
		if strings.HasPrefix(ref, railEntry) {
			ours = append(ours, ref)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	slices.Sort(ours)
	found, err := bankfile.NamesOf(ctx, tx, book, ours)
	for ref, n := range found {
		for _, name := range []string{n.EndToEnd, n.Trace, n.File} {
			if name != "" {
				names[ref] = append(names[ref], name)
			}
		}
	}
	return err
}

// linesByName reads lines of a source by names or by numbers, under what each was asked by.
func linesByName[T string | int64](ctx context.Context, tx pgx.Tx, sql string, book ledger.Book, x Source, of []T) (map[string][]Line, error) {
	rows, err := tx.Query(ctx, sql, book.ID, x.ID, of)
	if err != nil {
		return nil, err
	}
	all := map[string][]Line{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var name string
		l, err := scanLine(after{row, &name})
		all[name] = append(all[name], l)
		return struct{}{}, err
	})
	return all, err
}

// after scans a row with one column before those of a line.
type after struct {
	row  pgx.CollectableRow
	name *string
}

// Scan implements pgx.Row.
func (a after) Scan(to ...any) error { return a.row.Scan(append([]any{a.name}, to...)...) }

// itemStanding is how a run left an entry or a line.
type itemStanding struct {
	open         bool
	how, pairing string
}

// entryItems are the standings of entries that some run left open once, and the lines that pairings put beside them.
func entryItems(ctx context.Context, tx pgx.Tx, book ledger.Book, x Source, list []Behind) (map[string][]Line, map[EntryID]itemStanding, error) {
	var sequences []int64
	var lines []int16
	for _, b := range list {
		sequences, lines = append(sequences, b.Sequence), append(lines, int16(b.Entry.Line)) // #nosec G115 -- a transaction has 500 lines at most
	}
	rows, err := tx.Query(ctx, sqlEntryItems, book.ID, matchOf(x), x.ID, sequences, lines)
	if err != nil {
		return nil, nil, err
	}
	standing, pairings := map[EntryID]itemStanding{}, []string{}
	var id EntryID
	var at itemStanding
	if _, err := pgx.ForEachRow(rows, []any{&id.Sequence, &id.Line, &at.open, &at.how, &at.pairing}, func() error {
		standing[id] = at
		if at.pairing != "" {
			pairings = append(pairings, at.pairing)
		}
		return nil
	}); err != nil || len(pairings) == 0 {
		return nil, standing, err
	}
	members, err := pairedWith(ctx, tx, book, pairings)
	if err != nil {
		return nil, nil, err
	}
	paired := map[string][]Line{}
	for pairing, m := range members {
		found, err := linesByName(ctx, tx, sqlLinesNumbered, book, x, m.External)
		if err != nil {
			return nil, nil, err
		}
		paired[pairing] = found[""]
	}
	return paired, standing, nil
}

// pairedWith are the members of pairings, at most 100 of each.
func pairedWith(ctx context.Context, tx pgx.Tx, book ledger.Book, pairings []string) (map[string]pairingMembers, error) {
	slices.Sort(pairings)
	rows, err := tx.Query(ctx, sqlPaired, book.ID, slices.Compact(pairings))
	if err != nil {
		return nil, err
	}
	all := map[string]pairingMembers{}
	var pairing, side string
	var a int64
	var b int
	_, err = pgx.ForEachRow(rows, []any{&pairing, &side, &a, &b}, func() error {
		m := all[pairing]
		if side == sideSource {
			m.External = append(m.External, a)
		} else {
			m.Entries = append(m.Entries, EntryID{a, b})
		}
		all[pairing] = m
		return nil
	})
	return all, err
}

func breaksNamed(ctx context.Context, tx pgx.Tx, book ledger.Book, x Source, names []string) ([]BreakName, error) {
	rows, err := tx.Query(ctx, sqlBreaksNamed, book.ID, matchOf(x), x.ID, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[BreakName])
}

// Said is a line of a source and the entries that it is evidence of.
type Said struct {
	LineDetail
	// Standing and Basis are as in Behind.
	Standing, Basis string
	Entries         []EntryID
	Breaks          []BreakName
	// Previous and Next are the numbers of the lines beside it, 0 for none.
	Previous, Next int64
}

// Said returns a line of a source with the entries that it is evidence of: those that a pairing names, and those that go by its name
// among the 3,000 of each account of the source before and after the moment at which it moved. It returns ErrLineUnknown.
func (s *Service) Said(ctx context.Context, book ledger.Book, x Source, number int64) (said Said, err error) {
	if said.LineDetail, err = s.Line(ctx, book, x, number); err != nil {
		return said, err
	}
	_, last, _, err := s.Known(ctx, book, x)
	if err != nil {
		return said, err
	}
	if said.Previous = number - 1; number < last {
		said.Next = number + 1
	}
	h, err := s.headOf(ctx, book, matchOf(x), x.ID)
	if err != nil {
		return said, err
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		var at itemStanding
		err := tx.QueryRow(ctx, sqlLineItem, book.ID, matchOf(x), x.ID, number).Scan(&at.open, &at.how, &at.pairing)
		switch {
		case err == pgx.ErrNoRows && number <= h.line:
			said.Standing = StandingAgrees
		case err == pgx.ErrNoRows:
			said.Standing = StandingWaits
		case err != nil:
			return err
		case at.open:
			said.Standing = StandingOpen
		default:
			said.Standing, said.Basis = StandingAgrees, at.how
		}
		if said.Standing == StandingOpen || said.Basis != "" {
			if said.Breaks, err = breaksNamed(ctx, tx, book, x, []string{said.Key, said.ID}); err != nil {
				return err
			}
		}
		if at.pairing != "" {
			members, err := pairedWith(ctx, tx, book, []string{at.pairing})
			said.Entries = members[at.pairing].Entries
			return err
		}
		said.Entries, err = s.entriesNear(ctx, tx, book, x, said.Line)
		return err
	})
	return said, err
}

// entriesNear are the entries that go by a line's name, around the moment at which it moved.
func (s *Service) entriesNear(ctx context.Context, tx pgx.Tx, book ledger.Book, x Source, l Line) ([]EntryID, error) {
	addresses := x.Settings.Accounts
	if x.Kind == KindProcessor {
		addresses = processorAccounts(x.Name)
	}
	var names []string
	for _, a := range addresses {
		names = append(names, string(a))
	}
	ids, err := accountIDs(ctx, tx, book, names)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	middle := int64(1) << 62
	if err := tx.QueryRow(ctx, sqlRecordedSince, book.ID, l.MovedAt).Scan(&middle); err != nil && err != pgx.ErrNoRows {
		return nil, err
	}
	refs := []string{l.Key, l.ID}
	if l.SourceRef != "" {
		refs = append(refs, l.SourceRef)
	}
	rows, err := tx.Query(ctx, sqlEntriesNear, book.ID, ids, middle, refs, nearEntries)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[EntryID])
	if err != nil || len(found) > 0 || x.Kind != KindBank {
		return found, err
	}
	return railEntriesNear(ctx, tx, book, ids, middle, refs)
}

// railEntriesNear are the entries of payments by file that a bank calls by one of the names.
func railEntriesNear(ctx context.Context, tx pgx.Tx, book ledger.Book, accounts []int32, middle int64, called []string) (list []EntryID, err error) {
	rows, err := tx.Query(ctx, sqlRailEntriesNear, book.ID, accounts, middle, nearEntries)
	if err != nil {
		return nil, err
	}
	var ids []EntryID
	var refs []string
	var id EntryID
	var ref string
	if _, err := pgx.ForEachRow(rows, []any{&id.Sequence, &id.Line, &ref}, func() error {
		ids, refs = append(ids, id), append(refs, ref)
		return nil
	}); err != nil || len(refs) == 0 {
		return nil, err
	}
	names, err := bankfile.NamesOf(ctx, tx, book, refs)
	for i, ref := range refs {
		n := names[ref]
		if len(list) < 20 && slices.ContainsFunc(called, func(c string) bool { return c != "" && (c == n.EndToEnd || c == n.Trace || c == n.File) }) {
			list = append(list, ids[i])
		}
	}
	return list, err
}
