package reconcile

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Members of the keys that do not tie, in full. The lines of a key are found by its index. Its entries are found where the slices
// saw them; if lines of the key tied in another slice, then entries of it did too, and the slices are searched once more for all
// such keys together. So a group is the same whatever the slices were.

const (
	// groupPage is how many keys are read at once.
	groupPage = 1_000
	// beforeMost bounds the earlier lines of a key that are read: enough to know a second copy.
	beforeMost = 16
)

// moved is an entry without what its transaction says.
type moved struct {
	id       EntryID
	account  account
	amount   money.Minor
	ref, key string
}

const (
	sqlNewLines = `
SELECT e.number, e.line_id, e.key, e.currency, e.gross, e.fee, e.net, e.category, e.type, e.source_ref, e.batch, e.trace, e.note, e.rate, e.moved_at
  FROM unnest($3::text[]) k(key)
 CROSS JOIN LATERAL (SELECT x.* FROM evidence_lines x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.key = k.key AND x.number > $4 AND x.number <= $5 AND x.net <> 0) e
 LIMIT $6`
	sqlBeforeLines = `
SELECT e.number, e.line_id, e.key, e.currency, e.gross, e.fee, e.net, e.category, e.type, e.source_ref, e.batch, e.trace, e.note, e.rate, e.moved_at
  FROM unnest($3::text[]) k(key)
 CROSS JOIN LATERAL (SELECT x.* FROM evidence_lines x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.key = k.key AND x.number <= $4 AND x.net <> 0
                      ORDER BY x.number LIMIT $5) e`
	sqlTheseLines = `
SELECT e.number, e.line_id, e.key, e.currency, e.gross, e.fee, e.net, e.category, e.type, e.source_ref, e.batch, e.trace, e.note, e.rate, e.moved_at
  FROM unnest($3::bigint[]) k(number)
 CROSS JOIN LATERAL (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.number = k.number LIMIT 1) e`
	sqlTheseEntries = `
SELECT e.account_id, e.sequence, e.line, e.amount, coalesce(e.external_ref, '')
  FROM unnest($2::bigint[]) k(sequence), unnest($3::int[]) a(id)
 CROSS JOIN LATERAL (SELECT x.account_id, x.sequence, x.line, x.amount, x.external_ref FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = a.id AND x.sequence = k.sequence ORDER BY x.line LIMIT 500) e`
	// What was mirrored later than the run's end was not mirrored for the run. The index by what is mirrored and that by what mirrors are
	// the same to a database that knows nothing of the table: only the first can answer in this order, and only by it is one row read.
	sqlHeaders = `
SELECT t.sequence, t.event, coalesce(t.subject, ''), t.reference, t.occurred_at, t.effective_period, coalesce(t.original_period, 0),
       coalesce(t.reverses, 0), coalesce(l.sequence, 0)
  FROM unnest($2::bigint[]) k(sequence)
 CROSS JOIN LATERAL (SELECT x.sequence, x.event, x.subject, x.reference, x.occurred_at, x.effective_period, x.original_period, x.reverses
                       FROM transactions x WHERE x.book_id = $1 AND x.sequence = k.sequence LIMIT 1) t
  LEFT JOIN LATERAL (SELECT y.sequence FROM transaction_links y
                      WHERE y.book_id = $1 AND y.kind = 'reverses' AND y.target BETWEEN k.sequence AND k.sequence AND y.sequence + 0 <= $3
                      ORDER BY y.book_id, y.kind, y.target LIMIT 1) l ON true`
	// An entry that names the id of a line goes by that line's key, unless lines go by the id itself.
	sqlAliases = `
SELECT k.ref, e.key
  FROM unnest($3::text[]) k(ref)
 CROSS JOIN LATERAL (SELECT x.key FROM evidence_lines x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.line_id = k.ref AND x.number <= $4 LIMIT 1) e
 WHERE NOT EXISTS (SELECT FROM evidence_lines y WHERE y.book_id = $1 AND y.source_id = $2 AND y.key = k.ref AND y.number <= $4)`
	sqlNames = `
SELECT e.line_id, e.key FROM unnest($3::text[]) k(key)
 CROSS JOIN LATERAL (SELECT x.line_id, x.key FROM evidence_lines x
                      WHERE x.book_id = $1 AND x.source_id = $2 AND x.key = k.key AND x.number <= $4 LIMIT 1000) e`
	sqlSearch = `
SELECT DISTINCT x.sequence, x.external_ref FROM entries x
 WHERE x.book_id = $1 AND x.account_id = ANY ($2::int[]) AND x.sequence > $3 AND x.sequence <= $4 AND x.external_ref = ANY ($5::text[])
 LIMIT $6`
	sqlEarlier = `
SELECT DISTINCT t.sequence
  FROM unnest($2::text[], $3::bigint[]) k(subject, before)
 CROSS JOIN LATERAL (SELECT x.sequence FROM transactions x
                      WHERE x.book_id = $1 AND x.subject = k.subject AND x.sequence < k.before ORDER BY x.sequence DESC LIMIT 16) t`
)

// settleGroups reads the groups that do not tie in pages, and has them settled.
func (s *Service) settleGroups(ctx context.Context, r *reading) error {
	keys := r.carry.left()
	var again []keyed
	for from := 0; from < len(keys); {
		to := pageEnd(keys, from)
		more, err := s.settlePage(ctx, r, keys[from:to], nil)
		if err != nil {
			return err
		}
		again, from = append(again, more...), to
	}
	if len(again) == 0 {
		return nil
	}
	found, err := s.search(ctx, r, again)
	if err != nil {
		return err
	}
	for from := 0; from < len(again); {
		to := pageEnd(again, from)
		if _, err := s.settlePage(ctx, r, again[from:to], found); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// pageEnd ends a page of keys so that one key in several currencies is not torn.
func pageEnd(keys []keyed, from int) int {
	to := min(from+groupPage, len(keys))
	for to < len(keys) && keys[to].key == keys[to-1].key {
		to++
	}
	return to
}

// settlePage reads a page of groups and settles them. Keys of which more is to be searched for are returned, unless found says
// where their entries are.
func (s *Service) settlePage(ctx context.Context, r *reading, keys []keyed, found map[string][]int64) (again []keyed, err error) {
	if err := r.way.Rest(ctx); err != nil {
		return nil, err
	}
	p, err := s.readPage(ctx, r, keys, found)
	if err != nil {
		return nil, err
	}
	for from := 0; from < len(keys); {
		to := from
		whole := true
		for ; to < len(keys) && keys[to].key == keys[from].key; to++ {
			whole = whole && p.whole(r, keys[to])
		}
		if !whole && found == nil {
			again, from = append(again, keys[from:to]...), to
			continue
		}
		groups := make([]Group, 0, to-from)
		for _, k := range keys[from:to] {
			if r.carry.rests[k].cut() {
				r.addCut(k, cuts(*p.groups[k], r.situation()))
				continue
			}
			groups = append(groups, *p.groups[k])
		}
		if err := r.settle(groups); err != nil {
			return nil, err
		}
		from = to
	}
	return again, nil
}

// groupPageRead is a page of groups as they were read.
type groupPageRead struct{ groups map[keyed]*Group }

// whole reports whether all that the slices left of a key was found, and nothing of it tied in another slice.
func (p *groupPageRead) whole(r *reading, k keyed) bool {
	g, left := p.groups[k], r.carry.rests[k]
	lines, entries := left.lines, left.entries
	for _, i := range left.carried {
		if i.side == sideSource {
			lines++
		} else {
			entries++
		}
	}
	return int64(len(g.External)) == lines && int64(len(g.Entries)) == entries
}

func (s *Service) readPage(ctx context.Context, r *reading, keys []keyed, found map[string][]int64) (*groupPageRead, error) {
	p := &groupPageRead{groups: make(map[keyed]*Group, len(keys))}
	names := make([]string, 0, len(keys))
	open := map[int64]bool{}
	carried := map[EntryID]bool{}
	var numbers, sequences []int64
	for i, k := range keys {
		p.groups[k] = &Group{Key: k.key, Currency: k.currency}
		if i == 0 || keys[i-1].key != k.key {
			names = append(names, k.key)
			sequences = append(sequences, found[k.key]...)
		}
		left := r.carry.rests[k]
		for _, at := range left.places {
			sequences = append(sequences, at.first, at.last)
		}
		for _, i := range left.carried {
			if i.side == sideSource {
				numbers, open[i.a] = append(numbers, i.a), true
			} else {
				sequences, carried[EntryID{i.a, i.b}] = append(sequences, i.a), true
			}
		}
	}
	if err := s.pageLines(ctx, r, p, names, numbers, open); err != nil {
		return nil, err
	}
	slices.Sort(sequences)
	if err := s.pageEntries(ctx, r, p, slices.Compact(sequences), carried); err != nil {
		return nil, err
	}
	if err := s.pageEarlier(ctx, r, p); err != nil {
		return nil, err
	}
	for _, g := range p.groups {
		r.mirrorRail(g)
		slices.SortFunc(g.External, func(a, b External) int { return int(a.Number - b.Number) })
		slices.SortFunc(g.ExternalBefore, func(a, b External) int { return int(a.Number - b.Number) })
	}
	return p, nil
}

// pageLines reads the lines of a page: the new ones, those that are open, and some that matched earlier.
func (s *Service) pageLines(ctx context.Context, r *reading, p *groupPageRead, names []string, numbers []int64, open map[int64]bool) error {
	book, source := r.book.ID, r.in.Source.ID
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		read := func(put func(g *Group, x External), sql string, args ...any) error {
			rows, err := tx.Query(ctx, sql, append([]any{planNow}, args...)...)
			if err != nil {
				return err
			}
			return scanLines(rows, func(x External) error {
				if g := p.groups[keyed{x.Key, x.Currency}]; g != nil {
					put(g, x)
				}
				return nil
			})
		}
		for _, g := range p.groups {
			g.External, g.ExternalBefore = nil, nil
		}
		count := 0
		take := func(g *Group, x External) {
			count++
			g.External = append(g.External, x)
		}
		if err := read(take, sqlNewLines, book, source, names, r.in.Lines.From, r.in.Lines.To, r.carry.most+1); err != nil {
			return err
		}
		if count > r.carry.most {
			return ErrRunLarge
		}
		if err := read(take, sqlTheseLines, book, source, numbers); err != nil || r.in.Lines.From == 0 {
			return err
		}
		return read(func(g *Group, x External) {
			if !open[x.Number] {
				g.ExternalBefore = append(g.ExternalBefore, x)
			}
		}, sqlBeforeLines, book, source, names, r.in.Lines.From, beforeMost)
	})
}

func scanLines(rows pgx.Rows, take func(External) error) error {
	var x External
	_, err := pgx.ForEachRow(rows, []any{&x.Number, &x.ID, &x.Key, &x.Currency, &x.Gross, &x.Fee, &x.Net, &x.Category, &x.Type, &x.SourceRef,
		&x.Batch, &x.Trace, &x.Note, &x.Rate, &x.MovedAt}, func() error {
		x.MovedAt = x.MovedAt.UTC()
		return take(x)
	})
	return err
}

// pageEntries reads the entries of a page: those of the transactions that go by its keys and move something, and of older ones
// only what is open.
func (s *Service) pageEntries(ctx context.Context, r *reading, p *groupPageRead, sequences []int64, carried map[EntryID]bool) error {
	all, err := s.readMoved(ctx, r, sequences)
	if err != nil {
		return err
	}
	// An entry that an earlier run left open moves something, whatever accounts the source has since.
	var kept, fresh []moved
	for _, m := range all {
		switch {
		case carried[m.id]:
			kept = append(kept, m)
		case m.account.has(m.id.Sequence):
			fresh = append(fresh, m)
		}
	}
	kept = append(kept, withoutStill(fresh)...)
	slices.SortFunc(kept, func(a, b moved) int { return a.id.compare(b.id) })
	if err := s.nameKeys(ctx, r, kept); err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(m moved) bool { return p.groups[keyed{m.key, m.account.currency}] == nil })
	return s.describe(ctx, r, kept, func(m moved, e Entry) {
		g := p.groups[keyed{m.key, m.account.currency}]
		g.Entries = append(g.Entries, e)
	})
}

// readMoved reads the entries of transactions on all accounts that the source has or had, in order.
func (s *Service) readMoved(ctx context.Context, r *reading, sequences []int64) (all []moved, err error) {
	ids, byID := make([]int32, 0, len(r.accounts)), map[int32]account{}
	for _, a := range r.accounts {
		ids, byID[a.id] = append(ids, a.id), a
	}
	for page := range slices.Chunk(sequences, 2_000) {
		var some []moved
		err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			some = some[:0]
			rows, err := tx.Query(ctx, sqlTheseEntries, planNow, r.book.ID, page, ids)
			if err != nil {
				return err
			}
			var m moved
			_, err = pgx.ForEachRow(rows, []any{&m.account.id, &m.id.Sequence, &m.id.Line, &m.amount, &m.ref}, func() error {
				m.account = byID[m.account.id]
				some = append(some, m)
				return nil
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b moved) int { return a.id.compare(b.id) })
	return all, nil
}

func (e EntryID) compare(o EntryID) int {
	if e.Sequence != o.Sequence {
		return int(max(min(e.Sequence-o.Sequence, 1), -1))
	}
	return e.Line - o.Line
}

// withoutStill drops what moves nothing: in one currency a transaction whose entries come to zero and name one thing at most.
func withoutStill(all []moved) []moved {
	type place struct {
		sequence int64
		currency money.Currency
	}
	type sum struct {
		net  money.Minor
		ref  string
		more bool
	}
	sums := map[place]*sum{}
	for _, m := range all {
		k := place{m.id.Sequence, m.account.currency}
		if sums[k] == nil {
			sums[k] = &sum{}
		}
		t := sums[k]
		t.net += m.amount
		if m.ref != "" {
			t.more = t.more || t.ref != "" && t.ref != m.ref
			t.ref = m.ref
		}
	}
	return slices.DeleteFunc(all, func(m moved) bool {
		t := sums[place{m.id.Sequence, m.account.currency}]
		return t.net == 0 && !t.more
	})
}

// nameKeys gives entries their keys.
func (s *Service) nameKeys(ctx context.Context, r *reading, all []moved) error {
	refs := map[string]string{}
	for i := range all {
		if all[i].ref == "" {
			all[i].key = namelessKey(all[i].id)
			continue
		}
		refs[all[i].ref] = all[i].ref
	}
	if err := s.aliases(ctx, r, refs); err != nil {
		return err
	}
	for i := range all {
		if all[i].ref != "" {
			all[i].key = refs[all[i].ref]
		}
	}
	return nil
}

// aliases replaces in a map from references to keys those that are ids of lines.
func (s *Service) aliases(ctx context.Context, r *reading, refs map[string]string) error {
	list := make([]string, 0, len(refs))
	for ref := range refs {
		list = append(list, ref)
	}
	for page := range slices.Chunk(list, 5_000) {
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlAliases, planNow, r.book.ID, r.in.Source.ID, page, r.in.Lines.To)
			if err != nil {
				return err
			}
			var ref, key string
			_, err = pgx.ForEachRow(rows, []any{&ref, &key}, func() error {
				refs[ref] = key
				return nil
			})
			return err
		}); err != nil {
			return err
		}
	}
	return s.bankNames(ctx, r, refs)
}

// describe reads what the transactions of entries say.
func (s *Service) describe(ctx context.Context, r *reading, all []moved, take func(moved, Entry)) error {
	for page := range slices.Chunk(all, 2_000) {
		sequences := make([]int64, 0, len(page))
		for _, m := range page {
			if n := len(sequences); n == 0 || sequences[n-1] != m.id.Sequence {
				sequences = append(sequences, m.id.Sequence)
			}
		}
		headers := make(map[int64]Entry, len(sequences))
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlHeaders, planNow, r.book.ID, sequences, r.in.Entries.To)
			if err != nil {
				return err
			}
			var e Entry
			var period, original int32
			_, err = pgx.ForEachRow(rows, []any{&e.Sequence, &e.Event, &e.Subject, &e.Reference, &e.OccurredAt, &period, &original, &e.Reverses, &e.Reversed}, func() error {
				e.OccurredAt, e.Period, e.Original = e.OccurredAt.UTC(), ledger.Period(period), ledger.Period(original)
				headers[e.Sequence] = e
				return nil
			})
			return err
		}); err != nil {
			return err
		}
		for _, m := range page {
			e := headers[m.id.Sequence]
			e.Sequence, e.Line, e.Key, e.Account, e.Currency, e.Amount, e.ExternalRef = m.id.Sequence, m.id.Line, m.key, ledger.Address(m.account.address), m.account.currency, m.amount, m.ref
			take(m, e)
		}
	}
	return nil
}

// pageEarlier finds, for entries of keys whose lines matched earlier, what they matched then: by the subject of the transaction,
// because entries have no index by what they name.
func (s *Service) pageEarlier(ctx context.Context, r *reading, p *groupPageRead) error {
	var subjects []string
	var before []int64
	for _, g := range p.groups {
		if len(g.ExternalBefore) == 0 {
			continue
		}
		for _, e := range g.Entries {
			if e.Subject != "" {
				subjects, before = append(subjects, e.Subject), append(before, e.Sequence)
			}
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	var sequences []int64
	if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlEarlier, planNow, r.book.ID, subjects, before)
		if err != nil {
			return err
		}
		sequences, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	}); err != nil {
		return err
	}
	slices.Sort(sequences)
	all, err := s.readMoved(ctx, r, sequences)
	if err != nil {
		return err
	}
	all = withoutStill(slices.DeleteFunc(all, func(m moved) bool { return m.id.Sequence > m.account.after }))
	if err := s.nameKeys(ctx, r, all); err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m moved) bool {
		g := p.groups[keyed{m.key, m.account.currency}]
		return g == nil || len(g.ExternalBefore) == 0 ||
			slices.ContainsFunc(g.Entries, func(e Entry) bool { return e.Sequence == m.id.Sequence && e.Line == m.id.Line })
	})
	return s.describe(ctx, r, all, func(m moved, e Entry) {
		g := p.groups[keyed{m.key, m.account.currency}]
		g.EntriesBefore = append(g.EntriesBefore, e)
	})
}

// search looks through the slices for all entries of the keys, and returns the transactions by key.
func (s *Service) search(ctx context.Context, r *reading, keys []keyed) (map[string][]int64, error) {
	refs := map[string]string{}
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		refs[k.key] = k.key
		names = append(names, k.key)
	}
	for page := range slices.Chunk(slices.Compact(names), 1_000) {
		if err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlNames, planNow, r.book.ID, r.in.Source.ID, page, r.in.Lines.To)
			if err != nil {
				return err
			}
			var id, key string
			_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error {
				refs[id] = key
				return nil
			})
			return err
		}); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		for _, ref := range r.renamed[name] {
			refs[ref] = name
		}
	}
	list := make([]string, 0, len(refs))
	for ref := range refs {
		list = append(list, ref)
	}
	found, count := map[string][]int64{}, 0
	for _, part := range r.parts {
		for page := range slices.Chunk(list, 20_000) {
			r.searches.begin()
			if err := s.searchSlice(ctx, r, part, 0, page, func(at int64, ref string) error {
				if count++; count > r.carry.most {
					return ErrRunLarge
				}
				found[refs[ref]] = append(found[refs[ref]], at)
				return nil
			}); err != nil {
				return nil, err
			}
			r.searches.end()
		}
	}
	return found, nil
}

// searchSlice looks through a slice for entries by what they name, and if that takes too long through its two halves.
func (s *Service) searchSlice(ctx context.Context, r *reading, p slice, halved int, names []string, take func(at int64, ref string) error) error {
	type hit struct {
		at  int64
		ref string
	}
	var hits []hit
	ids, _, _ := r.accountsOf(p)
	if halved >= r.searches.deep || !p.divides() {
		if err := r.way.Rest(ctx); err != nil {
			return err
		}
		began := s.clock()
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			hits = hits[:0]
			rows, err := tx.Query(ctx, sqlSearch, planNow, r.book.ID, ids, p.entries.From, p.entries.To, names, r.carry.most+1)
			if err != nil {
				return err
			}
			var h hit
			_, err = pgx.ForEachRow(rows, []any{&h.at, &h.ref}, func() error { hits = append(hits, h); return nil })
			return err
		})
		r.searches.read(s.clock().Sub(began))
		if err != nil && !r.searches.deeper(err, p, halved) {
			return err
		}
		if err == nil {
			for _, h := range hits {
				if err := take(h.at, h.ref); err != nil {
					return err
				}
			}
			return nil
		}
	}
	a, b := p.halves()
	if err := s.searchSlice(ctx, r, a, halved+1, names, take); err != nil {
		return err
	}
	return s.searchSlice(ctx, r, b, halved+1, names, take)
}

// standings are what the sides opened with and what the ledger's accounts closed with, by currency.
func (s *Service) standings(ctx context.Context, r *reading) (map[money.Currency]closings, map[money.Currency]money.Minor, error) {
	opening, err := s.openingOf(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	closing := map[money.Currency]money.Minor{}
	for _, a := range r.accounts {
		until := r.in.Entries.To
		if a.until > 0 {
			until = a.until
		}
		at, err := s.standingAt(ctx, r, a, until)
		if err != nil {
			return nil, nil, err
		}
		if at.version > 0 { // an account that was opened later is no part of the run
			closing[a.currency] += at.balance
		}
	}
	return opening, closing, nil
}
