package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

const (
	sqlSources = `
SELECT s.id, s.kind, s.name, v.version, v.document, v.recorded_at
  FROM evidence_sources s
 CROSS JOIN LATERAL (SELECT x.version, x.document, x.recorded_at FROM evidence_settings x
        WHERE x.book_id = s.book_id AND x.source_id = s.id ORDER BY x.version DESC LIMIT 1) v
 WHERE s.book_id = $1 AND ($2 = '' OR s.kind = $2 AND s.name = $3) ORDER BY s.id`
	sqlNewSource = `
INSERT INTO evidence_sources (book_id, id, kind, name, recorded_at)
SELECT $1, coalesce(max(id), 0) + 1, $2, $3, $4 FROM evidence_sources WHERE book_id = $1
RETURNING id`
	sqlOpenGaps = `
SELECT ` + breakColumns + `
  FROM recon_breaks b
 WHERE b.book_id = $1 AND b.match = $2 AND b.source_id = 0 AND b.identity = ANY ($3) AND b.ended_at IS NULL
 ORDER BY b.id`
	sqlNewHead     = `INSERT INTO evidence_heads (book_id, source_id) VALUES ($1, $2)`
	sqlNewSettings = `INSERT INTO evidence_settings (book_id, source_id, version, document, recorded_at) VALUES ($1, $2, $3, $4, $5)`
)

// queryer is what rows are read from: a pool or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Sources returns the sources of a book in their newest settings, in the order in which they were set up.
func (s *Service) Sources(ctx context.Context, book ledger.Book) ([]Source, error) {
	return s.sources(ctx, s.pool, book, "", "")
}

// Source returns a source by its kind and name. It returns ErrSourceUnknown.
func (s *Service) Source(ctx context.Context, book ledger.Book, kind Kind, name string) (Source, error) {
	return s.source(ctx, s.pool, book, kind, name)
}

func (s *Service) source(ctx context.Context, from queryer, book ledger.Book, kind Kind, name string) (Source, error) {
	if kind == "" {
		return Source{}, ErrSourceUnknown
	}
	list, err := s.sources(ctx, from, book, kind, name)
	if err != nil {
		return Source{}, err
	}
	if len(list) == 0 {
		return Source{}, ErrSourceUnknown
	}
	return list[0], nil
}

func (s *Service) sources(ctx context.Context, from queryer, book ledger.Book, kind Kind, name string) ([]Source, error) {
	found, err := from.Query(ctx, sqlSources, book.ID, string(kind), name)
	if err != nil {
		return nil, fmt.Errorf("read the sources of evidence: %w", err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (Source, error) { return scanSource(row) })
}

func scanSource(row pgx.Row) (x Source, err error) {
	var document string
	if err := row.Scan(&x.ID, &x.Kind, &x.Name, &x.Version, &document, &x.Since); err != nil {
		return Source{}, err
	}
	if err := json.Unmarshal([]byte(document), &x.Settings); err != nil {
		return Source{}, fmt.Errorf("read the settings of a source: %w", err)
	}
	if x.Kind == KindProcessor {
		x.Settings.Accounts = processorAccounts(x.Name)
	}
	x.Since = x.Since.In(time.UTC)
	return x, nil
}

// SetSource sets a source up, or changes how it is read from now on. Settings that are already so change nothing. Evidence
// that was taken stays as it was read. Errors: ErrSourceInvalid.
func (s *Service) SetSource(ctx context.Context, by guard.Actor, book ledger.Book, kind Kind, name string, x Settings) (set Source, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		set, err = s.SetSourceTx(ctx, tx, by, book, kind, name, x)
		return err
	})
	return set, err
}

// SetSourceTx is SetSource in the caller's transaction. It locks the book until that ends.
func (s *Service) SetSourceTx(ctx context.Context, tx pgx.Tx, by guard.Actor, book ledger.Book, kind Kind, name string, x Settings) (Source, error) {
	x, err := x.judged(book, kind, name)
	if err != nil {
		return Source{}, err
	}
	document, err := x.document()
	if err != nil {
		return Source{}, err
	}
	var held *steps
	if kind == KindProcessor { // whose settings say what is missing of it
		if held, err = lockSteps(ctx, tx, book); err != nil {
			return Source{}, err
		}
	}
	if err := s.ledger.LockTx(ctx, tx, book); err != nil { // two who set up a source at once would give it the same number
		return Source{}, err
	}
	old, err := s.source(ctx, tx, book, kind, name)
	switch {
	case errors.Is(err, ErrSourceUnknown):
		if old.ID, err = s.newSourceTx(ctx, tx, book, kind, name); err != nil {
			return Source{}, err
		}
	case err != nil:
		return Source{}, err
	}
	if old.Version > 0 {
		kept := old.Settings
		if kind == KindProcessor {
			kept.Accounts = nil
		}
		was, err := kept.document()
		if err != nil {
			return Source{}, err
		}
		if was == document {
			return old, nil
		}
	}
	if _, err := tx.Exec(ctx, sqlNewSettings, book.ID, old.ID, old.Version+1, document, s.now()); err != nil {
		return Source{}, fmt.Errorf("set a source of evidence: %w", err)
	}
	set, err := s.source(ctx, tx, book, kind, name)
	if err != nil {
		return Source{}, err
	}
	var before any
	after := set.mark()
	if old.Version > 0 {
		was := old.mark()
		if before = was; held != nil {
			if was["missing"], after["missing"], err = s.settingsMoveGaps(ctx, tx, held, by, book, old, set); err != nil {
				return Source{}, err
			}
		}
	}
	return set, s.deedTx(ctx, tx, guard.Deed{Actor: by}, book, "evidence.source_set", "evidence_source:"+string(kind)+"/"+name, before, after)
}

// settingsMoveGaps says what was missing of a processor's lines by the old settings, and what is by the new ones. That nothing is
// missing any more because one person said so is no proof: the difference stays open, and two people end it.
func (s *Service) settingsMoveGaps(ctx context.Context, tx pgx.Tx, held *steps, by guard.Actor, book ledger.Book, old, set Source) (was, is map[money.Currency]string, err error) {
	in := postgres.Within(ctx, tx)
	missing := func(x Source) (map[money.Currency]string, error) {
		gaps, err := s.Completeness(in, book, x)
		all := map[money.Currency]string{}
		for _, g := range gaps {
			all[g.Currency] = written(g.Amount, g.Currency)
		}
		return all, err
	}
	if was, err = missing(old); err != nil {
		return nil, nil, err
	}
	if is, err = missing(set); err != nil {
		return nil, nil, err
	}
	var gone []string
	for c := range was {
		if _, still := is[c]; !still {
			gone = append(gone, balanceGapIdentity(old, c))
		}
	}
	if len(gone) == 0 {
		return was, is, nil
	}
	open, err := breaksOf(ctx, tx, sqlOpenGaps, book.ID, R3, gone)
	if err != nil || len(open) == 0 {
		return was, is, err
	}
	now := s.now()
	changed := make([]changedBreak, 0, len(open))
	for _, b := range open {
		b.Kept, b.Note, b.ChangedAt = true, "The settings of the source were changed, and by the new ones nothing is missing. Two people end this, by the transaction that puts it right, or by saying that there is nothing to post.", now
		changed = append(changed, changedBreak{Break: b, act: StepNoted, note: b.Note})
	}
	held.number(changed)
	if err := saveBreaks(ctx, tx, book, changed); err != nil {
		return nil, nil, err
	}
	return was, is, held.add(ctx, tx, stepBy{by: doneBy(by), at: now}, changed)
}

func (s *Service) newSourceTx(ctx context.Context, tx pgx.Tx, book ledger.Book, kind Kind, name string) (id int16, err error) {
	if err := tx.QueryRow(ctx, sqlNewSource, book.ID, string(kind), name, s.now()).Scan(&id); err != nil {
		return 0, fmt.Errorf("set a source of evidence up: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlNewHead, book.ID, id); err != nil {
		return 0, fmt.Errorf("set a source of evidence up: %w", err)
	}
	return id, nil
}

// mark is what the trail keeps of a source: of the account's number only its end.
func (x Source) mark() map[string]any {
	ending := x.Settings.Identification
	if len(ending) > 4 {
		ending = ending[len(ending)-4:]
	}
	m := map[string]any{"version": x.Version, "accounts": x.Settings.Accounts, "currency": x.Settings.Currency, "format": x.Settings.Format,
		"account_ends_in": ending, "batches": x.Settings.Batches, "shared": x.Settings.Shared}
	if len(x.Settings.Opening) > 0 {
		m["opening"] = x.Settings.Opening
	}
	if len(x.Settings.Profile) > 0 {
		m["profile_sha256"] = fmt.Sprintf("%x", sha256.Sum256(x.Settings.Profile))
	}
	return m
}
