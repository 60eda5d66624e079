package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
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
	if old.Version > 0 {
		before = old.mark()
	}
	return set, s.deedTx(ctx, tx, guard.Deed{Actor: by}, book, "evidence.source_set", "evidence_source:"+string(kind)+"/"+name, before, set.mark())
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
	return map[string]any{"version": x.Version, "accounts": x.Settings.Accounts, "currency": x.Settings.Currency, "format": x.Settings.Format,
		"account_ends_in": ending, "batches": x.Settings.Batches, "shared": x.Settings.Shared}
}
