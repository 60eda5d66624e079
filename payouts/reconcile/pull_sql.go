package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

const (
	sqlPulledFrom = `
SELECT h.pulled_until, h.reread_from, (SELECT t.occurred_at FROM transactions t WHERE t.book_id = h.book_id AND t.sequence = 1)
  FROM evidence_heads h WHERE h.book_id = $1 AND h.source_id = $2`
	sqlReread = `UPDATE evidence_heads SET reread_from = $3 WHERE book_id = $1 AND source_id = $2`
	// The first and the last line between two moments whose money should be available by now.
	sqlFirstRipe = `
SELECT moved_at FROM evidence_lines
 WHERE book_id = $1 AND source_id = $2 AND status = 'pending' AND moved_at >= $3 AND moved_at < $4 AND available_at <= $5 ORDER BY moved_at, available_at LIMIT 1`
	sqlLastRipe = `
SELECT moved_at FROM evidence_lines
 WHERE book_id = $1 AND source_id = $2 AND status = 'pending' AND moved_at >= $3 AND moved_at < $4 AND available_at <= $5 ORDER BY moved_at DESC, available_at DESC LIMIT 1`
	sqlRipen = `UPDATE evidence_lines SET status = $4, available_at = $5 WHERE book_id = $1 AND source_id = $2 AND number = $3`
	// Whether lines are evidence of another account of ours already.
	sqlElsewhere = `
SELECT EXISTS (SELECT FROM evidence_sources s
    CROSS JOIN LATERAL (SELECT FROM evidence_lines l WHERE l.book_id = s.book_id AND l.source_id = s.id AND l.line_id = ANY($3) LIMIT 1) l
     WHERE s.kind = 'processor' AND (s.book_id, s.id) <> ($1, $2))`
	sqlOurs = `
SELECT p.transfer FROM payouts p WHERE p.book_id = $1 AND p.transfer = ANY($2) AND p.transfer <> ''
UNION SELECT p.outgoing FROM payouts p WHERE p.book_id = $1 AND p.outgoing = ANY($2) AND p.outgoing <> '' AND p.method = 'instant'
UNION SELECT a.made FROM payout_attempts a WHERE a.book_id = $1 AND a.made = ANY($2) AND a.made <> ''`
)

// elsewhereProbe is how many of the new lines of a page are looked for in other books.
const elsewhereProbe = 100

// ripenAtOnce is how many lines one batch of statements moves on.
const ripenAtOnce = 1000

// actorID is who took evidence, as its receipt says.
func actorID(by guard.Actor) string {
	if by.ID == "" {
		return "system:reconcile"
	}
	return clean(by.Kind+":"+by.ID, 128)
}

// checkTurn ends a transaction whose turn another process has taken over.
func checkTurn(ctx context.Context, tx pgx.Tx, t payouts.Turn) error {
	if t.Check == nil {
		return nil
	}
	return t.Check(ctx, tx)
}

// pullSource is the source that is pulled; the first time it is set up.
func (s *Service) pullSource(ctx context.Context, t payouts.Turn, name string) (Source, error) {
	source, err := s.Source(ctx, t.Book, KindProcessor, name)
	if !errors.Is(err, ErrSourceUnknown) {
		return source, err
	}
	by := t.Actor
	if by.ID == "" {
		by = guard.Actor{Kind: guard.System, ID: "reconcile"}
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := checkTurn(ctx, tx, t); err != nil {
			return err
		}
		if _, err := lockSteps(ctx, tx, t.Book); err != nil { // which comes before the ledger's, and setting a processor up takes it
			return err
		}
		if err := s.ledger.LockTx(ctx, tx, t.Book); err != nil {
			return err
		}
		if source, err = s.source(ctx, tx, t.Book, KindProcessor, name); !errors.Is(err, ErrSourceUnknown) {
			return err // somebody set it up meanwhile, perhaps otherwise
		}
		source, err = s.SetSourceTx(ctx, tx, by, t.Book, KindProcessor, name, Settings{})
		return err
	})
	return source, err
}

// pulledFrom is where a pull begins to read, and where the very first one began. owed is from when on an earlier pull wanted to read
// again and did not come to the end; zero if there is nothing of that.
func (s *Service) pulledFrom(ctx context.Context, book ledger.Book, source Source) (from, first, owed time.Time, err error) {
	var until, again, began *time.Time
	if err := s.pool.QueryRow(ctx, sqlPulledFrom, book.ID, source.ID).Scan(&until, &again, &began); err != nil {
		return from, first, owed, fmt.Errorf("read how far a processor was read: %w", err)
	}
	now := s.now().Truncate(time.Second)
	first = now.Add(-pullFirst)
	if began != nil && began.Before(first) {
		first = began.UTC().Truncate(24 * time.Hour)
	}
	if again != nil {
		owed = again.UTC()
	}
	if until == nil {
		return first, first, owed, nil
	}
	from = now
	if until.Before(now) {
		from = until.UTC()
	}
	return from.Add(-pullOverlap).Truncate(time.Second), first, owed, nil
}

// owe writes down from when on a processor is to be read again.
func (s *Service) owe(ctx context.Context, t payouts.Turn, source Source, from time.Time) error {
	return s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := checkTurn(ctx, tx, t); err != nil {
			return err
		}
		k, err := s.takeTx(ctx, tx, t.Book, source)
		if err != nil {
			return err
		}
		return k.owe(ctx, from)
	})
}

// owe writes down from when on the processor is to be read again; zero for nothing.
func (t *taking) owe(ctx context.Context, from time.Time) error {
	if _, err := t.tx.Exec(ctx, sqlReread, t.book.ID, t.source.ID, maybe(from)); err != nil {
		return fmt.Errorf("write down from when on a processor is to be read again: %w", err)
	}
	return nil
}

// ripeDays are days in UTC, before a moment, of which money should be available by now. If there are more than one pull reads again, they are
// the oldest and the newest ones: so days that never ripen keep no other one from being read for some weeks.
func (s *Service) ripeDays(ctx context.Context, book ledger.Book, source Source, now, before time.Time) ([]time.Time, error) {
	probe := func(sql string, from, until time.Time) (day time.Time, found bool, err error) {
		err = s.pool.QueryRow(ctx, sql, book.ID, source.ID, from, until, now).Scan(&day)
		if errors.Is(err, pgx.ErrNoRows) {
			return day, false, nil
		}
		if err != nil {
			return day, false, fmt.Errorf("find lines whose money is due: %w", err)
		}
		return day.UTC().Truncate(24 * time.Hour), true, nil
	}
	var oldest, newest []time.Time
	from := time.Unix(0, 0)
	for len(oldest) < pullRipe/2 {
		day, found, err := probe(sqlFirstRipe, from, before)
		if err != nil || !found {
			return oldest, err
		}
		oldest, from = append(oldest, day), day.Add(24*time.Hour)
	}
	for until := before; len(newest) < pullRipe-pullRipe/2; {
		day, found, err := probe(sqlLastRipe, from, until)
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		newest, until = append(newest, day), day
	}
	slices.Reverse(newest)
	return append(oldest, newest...), nil
}

// keepPage keeps what is new in a page, in one transaction. It returns a receipt without a number if there was nothing to keep.
func (s *Service) keepPage(ctx context.Context, t payouts.Turn, source Source, by string, g page) (r Receipt, gaps []Gap, err error) {
	lines := g.lines()
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		r, gaps = Receipt{Kind: ReceiptPull, Format: formatJSONL, From: g.from, Until: g.until, By: by}, nil
		if err := checkTurn(ctx, tx, t); err != nil {
			return err
		}
		k, err := s.takeTx(ctx, tx, t.Book, source)
		if err != nil {
			return err
		}
		if g.owing {
			on := g.until
			if g.balance != nil {
				on = time.Time{} // read to the end
			}
			if err := k.owe(ctx, on); err != nil {
				return err
			}
		}
		f, err := k.sift(ctx, lines)
		if err != nil {
			return err
		}
		r.KnownLines = f.known
		for _, c := range f.changes {
			if c.conflicts() {
				r.Conflicts = append(r.Conflicts, c)
			}
		}
		content := f.content
		if g.balance != nil {
			content = append(content, balanceLine(g)...)
		}
		if len(content) > 0 {
			if err := k.keep(ctx, &r, content, f.fresh, f.changes); err != nil {
				return err
			}
			if err := k.ripen(ctx, f.ripened); err != nil {
				return err
			}
		}
		if g.balance != nil {
			if gaps, err = k.weigh(ctx, r, g); err != nil {
				return err
			}
		}
		if len(content) > 0 || g.until.After(k.pulledUntil) {
			if err := k.move(ctx, g.until); err != nil {
				return err
			}
		}
		if r.Number == 0 || !somebody(t) {
			return nil
		}
		return s.deedTx(ctx, tx, guard.Deed{Actor: t.Actor}, t.Book, "evidence.pulled", fmt.Sprintf("evidence_receipt:processor/%s/%d", source.Name, r.Number), nil,
			map[string]any{"sha256": fmt.Sprintf("%x", r.SHA256), "new_lines": r.NewLines, "known_lines": r.KnownLines, "changes": r.Changes})
	})
	if err != nil {
		return Receipt{}, nil, err
	}
	return r, gaps, nil
}

// sifted is what a page means for what is known.
type sifted struct {
	fresh   []*taken
	known   int64
	changes []Change
	ripened []*known
	// content are the rows that are new or changed, a line each: first those that are new, in the order of their numbers.
	content []byte
}

// sift tells the lines that are new from those that are known, and finds what of these is said differently.
func (t *taking) sift(ctx context.Context, lines []taken) (f sifted, err error) {
	if lines, err = t.ours(ctx, lines); err != nil {
		return f, err
	}
	ids := make([]string, len(lines))
	for i := range lines {
		ids[i] = lines[i].id
	}
	known, err := t.find(ctx, ids)
	if err != nil {
		return f, err
	}
	said, err := t.said(ctx, known)
	if err != nil {
		return f, err
	}
	f.known = int64(len(known))
	var changed bytes.Buffer
	for i := range lines {
		l := &lines[i]
		k := known[l.id]
		if k == nil {
			f.fresh = append(f.fresh, l)
			f.content = append(append(f.content, l.raw...), '\n')
			continue
		}
		ripe := k.ripens(*l)
		if len(ripe) > 0 {
			f.ripened = append(f.ripened, k)
		}
		changes := append(k.compared(*l, said), ripe...)
		if len(changes) > 0 {
			f.changes = append(f.changes, changes...)
			changed.Write(l.raw)
			changed.WriteByte('\n')
		}
	}
	f.content = append(f.content, changed.Bytes()...)
	return f, t.elsewhere(ctx, f.fresh)
}

// ours leaves out what is not this book's, if its account at the processor is shared.
func (t *taking) ours(ctx context.Context, lines []taken) ([]taken, error) {
	if !t.source.Settings.Shared {
		return lines, nil
	}
	var sources []string
	for _, l := range lines {
		if l.sourceRef != "" {
			sources = append(sources, l.sourceRef)
		}
	}
	found, err := t.tx.Query(ctx, sqlOurs, t.book.ID, sources)
	if err != nil {
		return nil, fmt.Errorf("find which lines are the book's: %w", err)
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find which lines are the book's: %w", err)
	}
	ours := make(map[string]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	var kept []taken
	for _, l := range lines {
		if ours[l.sourceRef] {
			kept = append(kept, l)
		}
	}
	return kept, nil
}

// elsewhere returns ErrSourceShared if new lines are evidence of another account of ours: what one book has, another must not have
// too, or each would find the other's lines missing in its own.
func (t *taking) elsewhere(ctx context.Context, fresh []*taken) error {
	if t.source.Settings.Shared || len(fresh) == 0 {
		return nil
	}
	var ids []string
	for _, l := range fresh[:min(len(fresh), elsewhereProbe)] {
		ids = append(ids, l.id)
	}
	var there bool
	if err := t.tx.QueryRow(ctx, sqlElsewhere, t.book.ID, t.source.ID, ids).Scan(&there); err != nil {
		return fmt.Errorf("look for lines in other books: %w", err)
	}
	if there {
		return ErrSourceShared
	}
	return nil
}

// ripen writes down when money of known lines becomes available.
func (t *taking) ripen(ctx context.Context, lines []*known) error {
	for len(lines) > 0 {
		n := min(len(lines), ripenAtOnce)
		batch := &pgx.Batch{}
		for _, k := range lines[:n] {
			batch.Queue(sqlRipen, t.book.ID, t.source.ID, k.number, k.status, maybe(k.availableAt))
		}
		if err := t.tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write down when money is available: %w", err)
		}
		lines = lines[n:]
	}
	return nil
}

// balanceLine is what the processor says that it holds, as the receipt's last row.
func balanceLine(g page) []byte {
	type part struct {
		Available string `json:"available"`
		Pending   string `json:"pending"`
		Reserved  string `json:"reserved"`
	}
	all := map[money.Currency]part{}
	for c, b := range g.balance {
		all[c] = part{written(b.Available, c), written(b.Pending, c), written(b.Reserved, c)}
	}
	text, err := json.Marshal(struct {
		Object  string                  `json:"object"`
		At      time.Time               `json:"read_at"`
		Balance map[money.Currency]part `json:"balance"`
	}{"balance", g.at, all})
	if err != nil {
		return nil // texts can always be written
	}
	return append(text, '\n')
}
