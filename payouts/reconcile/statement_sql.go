package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

const (
	sqlSameFile = `SELECT number FROM evidence_receipts WHERE book_id = $1 AND source_id = $2 AND sha256 = $3 AND kind = 'statement'`
	sqlOfDays   = `
SELECT number, line_id, key, currency, gross, fee, net, category, type, source_ref, batch, trace, moved_at, available_at, status
  FROM evidence_lines WHERE book_id = $1 AND source_id = $2 AND moved_at >= $3 AND moved_at <= $4 AND number <= $5 ORDER BY moved_at, number LIMIT $6`
	sqlNearStatements = `
SELECT receipt, ordinal, statement_id, sequence, currency, from_day, until_day, opening, closing, lines, proved FROM evidence_statements
 WHERE book_id = $1 AND source_id = $2 AND currency = $3 AND until_day >= $4::date - 1 AND coalesce(from_day, until_day) <= $5::date
 ORDER BY until_day, receipt, ordinal LIMIT $6`
	sqlNewStatements = `
INSERT INTO evidence_statements (book_id, source_id, receipt, ordinal, statement_id, sequence, currency, from_day, until_day, opening, closing, lines, proved)
SELECT $1, $2, $3, n.ordinality, n.id, n.sequence, $4, n.from_day, n.until_day, n.opening, n.closing, n.lines, n.proved
  FROM unnest($5::text[], $6::text[], $7::date[], $8::date[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[]) WITH ORDINALITY
    AS n (id, sequence, from_day, until_day, opening, closing, lines, proved, ordinality)`
)

// overlapAtMost bounds the known lines of the days that a file covers again.
const overlapAtMost = 200_000

// TakeStatement takes a bank's file for the source of a name: at most 16 MiB and 100,000 lines. A file that was taken before changes
// nothing and returns its first receipt, with Replayed. Lines that are known keep what they said first, and what the file says
// differently of them is returned in Conflicts. Errors: ErrSourceUnknown, ErrStatementElsewhere, ErrStatementEmpty, ErrStatementOverlap and those of
// evidence.Read; then nothing was stored.
func (s *Service) TakeStatement(ctx context.Context, by guard.Actor, book ledger.Book, name string, content []byte) (r Receipt, err error) {
	source, list, err := s.readStatement(ctx, s.pool, book, name, content)
	if err != nil {
		return Receipt{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		r, err = s.takeStatementTx(ctx, tx, by, book, source, list, content)
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// TakeStatementTx is TakeStatement in the caller's transaction. It holds the source until that ends.
func (s *Service) TakeStatementTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, name string, content []byte) (Receipt, error) {
	source, list, err := s.readStatement(ctx, tx, book, name, content)
	if err != nil {
		return Receipt{}, err
	}
	return s.takeStatementTx(ctx, tx, by, book, source, list, content)
}

// readStatement reads a file. Of one that was taken before there is nothing to read.
func (s *Service) readStatement(ctx context.Context, from queryer, book ledger.Book, name string, content []byte) (Source, []evidence.Statement, error) {
	source, err := s.source(ctx, from, book, KindBank, name)
	if err != nil {
		return Source{}, nil, err
	}
	if len(content) > evidence.MaxBytes {
		return Source{}, nil, evidence.ErrTooLarge
	}
	var number int64
	err = from.QueryRow(ctx, sqlSameFile, book.ID, source.ID, digestOf(content)).Scan(&number)
	if err == nil {
		return source, nil, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return Source{}, nil, fmt.Errorf("look for a file: %w", err)
	}
	list, err := readFile(source, content)
	return source, list, err
}

func (s *Service) takeStatementTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, source Source, list []evidence.Statement, content []byte) (Receipt, error) {
	t, err := s.takeTx(ctx, tx, book, source)
	if err != nil {
		return Receipt{}, err
	}
	var number int64
	err = tx.QueryRow(ctx, sqlSameFile, book.ID, source.ID, digestOf(content)).Scan(&number)
	if err == nil {
		r, err := readReceipt(ctx, tx, book, source, number)
		r.Replayed = true
		return r, err
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return Receipt{}, fmt.Errorf("look for a file: %w", err)
	}
	now, err := s.source(ctx, tx, book, KindBank, source.Name)
	if err != nil {
		return Receipt{}, err
	}
	if now.Version != source.Version {
		return Receipt{}, ErrSourceMoved
	}
	r := Receipt{Kind: ReceiptStatement, Format: source.Settings.Format, By: actorID(by)}
	r.From, r.Until = covered(list)
	r.From, r.Until = dayBegins(book, r.From), dayBegins(book, r.Until)
	fresh, changes, err := t.sort(ctx, &r, list)
	if err != nil {
		return Receipt{}, err
	}
	if err := t.keep(ctx, &r, content, fresh, changes); err != nil {
		return Receipt{}, err
	}
	r.Conflicts = changes
	if err := t.statements(ctx, r, list); err != nil {
		return Receipt{}, err
	}
	if err := t.closings(ctx, r, list); err != nil {
		return Receipt{}, err
	}
	if err := t.move(ctx, time.Time{}); err != nil {
		return Receipt{}, err
	}
	return r, s.deedTx(ctx, tx, guard.Deed{Actor: by}, book, "evidence.statement_taken", fmt.Sprintf("evidence_receipt:bank/%s/%d", source.Name, r.Number), nil,
		map[string]any{"format": r.Format, "sha256": fmt.Sprintf("%x", r.SHA256), "bytes": r.Bytes, "statements": len(list), "new_lines": r.NewLines, "known_lines": r.KnownLines, "conflicts": len(changes)})
}

// covered are the first and the last day of statements.
func covered(list []evidence.Statement) (from, until time.Time) {
	for _, x := range list {
		if first := x.From; !first.IsZero() && (from.IsZero() || first.Before(from)) {
			from = first
		}
		if x.Until.After(until) {
			until = x.Until
		}
	}
	return from, until
}

// sort tells the lines of a file that are new from those that are known, and counts these.
func (t *taking) sort(ctx context.Context, r *Receipt, list []evidence.Statement) (fresh []*taken, changes []Change, err error) {
	all := movements(t.book, t.source, list)
	known, err := t.findLines(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	said, err := t.said(ctx, known)
	if err != nil {
		return nil, nil, err
	}
	again, err := t.again(ctx, list, all, known)
	if err != nil {
		return nil, nil, err
	}
	mine := map[string]*taken{} // lines of this very file
	for i := range all {
		m := &all[i]
		l := &m.taken
		k, first := known[l.id], mine[l.id]
		if k != nil && !k.sameLine(*l) || k == nil && first != nil && (!first.sameLine(*l) || first.net != l.net) {
			id := dated(t.book, *l)
			if l.key == l.id {
				l.key = id
			}
			l.id = id
			k, first = known[id], mine[id]
		}
		switch {
		case k != nil:
			r.KnownLines++
			changes = append(changes, k.saidByBank(*l, said)...)
		case first != nil, again.over[m.statement] && again.pool.take(*l):
			r.KnownLines++
		default:
			mine[l.id] = l
			fresh = append(fresh, l)
		}
	}
	return fresh, onceEach(changes), nil
}

// findLines returns the lines that are known by the ids of the file's, and those that are known by such an id and its day.
func (t *taking) findLines(ctx context.Context, all []bankMovement) (map[string]*known, error) {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].id
	}
	known, err := t.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	ids = ids[:0]
	seen := make(map[string]*taken, len(all))
	for i := range all {
		l := &all[i].taken
		k, first := known[l.id], seen[l.id]
		if k != nil && !k.sameLine(*l) || first != nil && (!first.sameLine(*l) || first.net != l.net) {
			ids = append(ids, dated(t.book, *l))
		}
		seen[l.id] = l
	}
	more, err := t.find(ctx, ids)
	maps.Copy(known, more)
	return known, err
}

// saidByBank are the changes that a file means for a line that is known.
func (k *known) saidByBank(l taken, said map[saidAt]string) (changes []Change) {
	if c, differs := differ(k, said, fieldAmount, written(k.gross, k.currency), written(l.gross, l.currency)); differs {
		changes = append(changes, c)
	}
	return changes
}

// onceEach keeps the last change of each line and field: a file can hold a line in several statements.
func onceEach(changes []Change) []Change {
	last := map[saidAt]int{}
	var kept []Change
	for _, c := range changes {
		if i, ok := last[saidAt{c.Line, c.Field}]; ok {
			kept[i].Became = c.Became
			continue
		}
		last[saidAt{c.Line, c.Field}] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

// again is what is known of the days that a file covers once more.
type again struct {
	over []bool
	pool *pool
}

// again reads the known lines of days that statements of the file lie over.
func (t *taking) again(ctx context.Context, list []evidence.Statement, all []bankMovement, claimed map[string]*known) (a again, err error) {
	a = again{over: make([]bool, len(list)), pool: newPool(nil)}
	from, until := covered(list)
	if len(all) == 0 || from.IsZero() {
		return a, nil
	}
	found, err := t.tx.Query(ctx, sqlNearStatements, t.book.ID, t.source.ID, t.source.Settings.Currency, from, until, statementsAtOnce+1)
	if err != nil {
		return a, fmt.Errorf("read statements of the same days: %w", err)
	}
	near, err := pgx.CollectRows(found, scanStatement)
	if err != nil {
		return a, fmt.Errorf("read statements of the same days: %w", err)
	}
	if len(near) > statementsAtOnce {
		return a, ErrStatementOverlap
	}
	if !slices.Contains(overlaps(list, near, nil), true) {
		return a, nil
	}
	found, err = t.tx.Query(ctx, sqlOfDays, t.book.ID, t.source.ID, all[0].movedAt, all[len(all)-1].movedAt, t.line, t.s.overlapAtMost+1)
	if err != nil {
		return a, fmt.Errorf("read lines of the same days: %w", err)
	}
	lines, err := pgx.CollectRows(found, scanKnown)
	if err != nil {
		return a, fmt.Errorf("read lines of the same days: %w", err)
	}
	if len(lines) > t.s.overlapAtMost { // what was not looked at would be taken as new
		return a, ErrStatementOverlap
	}
	nets := map[time.Time]money.Minor{}
	for _, k := range lines {
		nets[bankDay(t.book, k.movedAt)] += k.net
	}
	a.over = overlaps(list, near, nets)
	named := make(map[int64]bool, len(claimed)) // these are in the file by their own id
	for _, m := range all {
		k := claimed[m.id]
		if k != nil && !k.sameLine(m.taken) {
			k = claimed[dated(t.book, m.taken)]
		}
		if k != nil {
			named[k.number] = true
		}
	}
	a.pool = newPool(slices.DeleteFunc(lines, func(k *known) bool { return named[k.number] }))
	return a, nil
}

// statements writes down what the statements say of themselves.
func (t *taking) statements(ctx context.Context, r Receipt, list []evidence.Statement) error {
	var ids, sequences []string
	var from, until []*time.Time
	var opening, closing, lines []int64
	var proved []bool
	for _, x := range list {
		id := clean(x.ID, maxID)
		if id == "" {
			id = fmt.Sprintf("receipt-%d", r.Number)
		}
		ids, sequences = append(ids, id), append(sequences, clean(x.Sequence, maxWord))
		from, until = append(from, maybe(x.From)), append(until, maybe(x.Until))
		opening, closing, lines = append(opening, int64(x.Opening)), append(closing, int64(x.Closing)), append(lines, int64(len(x.Lines)))
		proved = append(proved, x.Proved)
	}
	_, err := t.tx.Exec(ctx, sqlNewStatements, t.book.ID, t.source.ID, r.Number, t.source.Settings.Currency, ids, sequences, from, until, opening, closing, lines, proved)
	if err != nil {
		return fmt.Errorf("keep what statements say: %w", err)
	}
	return nil
}

// closings writes down with which balance the newest statement of the file ends, and what all lines come to by now.
func (t *taking) closings(ctx context.Context, r Receipt, list []evidence.Statement) error {
	before, err := lastBalances(ctx, t.tx, t.book, t.source)
	if err != nil {
		return err
	}
	nets, _, err := t.nets(ctx, before)
	if err != nil {
		return err
	}
	c := t.source.Settings.Currency
	nets[c] += 0 // a file without lines
	var closing money.Minor
	for _, x := range list {
		closing = x.Closing
	}
	for currency, net := range nets {
		held := money.Minor(0)
		if currency == c {
			held = closing
		}
		at := r.RecordedAt
		if _, err := t.tx.Exec(ctx, sqlNewBalance, t.book.ID, t.source.ID, r.Number, currency, at, t.line, held, 0, 0, net); err != nil {
			return fmt.Errorf("keep with what a statement ends: %w", err)
		}
	}
	return nil
}
