package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/payouts"
)

// How far each match of a book has come.

// Newest is the newest run of a match and source.
type Newest struct {
	Match  Match
	Source int16
	// Kind and Name are the source's; empty for the book itself (R3).
	Kind Kind
	Name string
	// Run is its id, Number counts the runs of the match and source.
	Run    string
	Number int64
	CutOff time.Time
	// RecordedAt is when it ended.
	RecordedAt time.Time
	// ToLine and ToSequence are the last line and the last transaction that it took; Lines is the last line there is now.
	ToLine, ToSequence, Lines int64
	// OpenItems and Found are what it left open and what differences it found.
	OpenItems, Found int64
}

const (
	sqlNewestRuns = `
SELECT h.match, h.source_id, coalesce(s.kind, ''), coalesce(s.name, ''), r.id, r.number, r.cut_off, r.recorded_at, h.line, h.sequence,
       coalesce(e.last_line, 0), r.open_items, r.found
  FROM recon_heads h
  JOIN recon_runs r ON r.book_id = h.book_id AND r.match = h.match AND r.source_id = h.source_id AND r.number = h.run
  LEFT JOIN evidence_sources s ON s.book_id = h.book_id AND s.id = h.source_id
  LEFT JOIN evidence_heads e ON e.book_id = h.book_id AND e.source_id = h.source_id
 WHERE h.book_id = $1
 ORDER BY h.match, h.source_id`

	sqlHeadOf = `
SELECT coalesce(max(h.run), 0), coalesce(max(h.line), 0), (SELECT coalesce(max(e.last_line), 0) FROM evidence_heads e WHERE e.book_id = $1 AND e.source_id = $3)
  FROM recon_heads h WHERE h.book_id = $1 AND h.match = $2 AND h.source_id = $3`

	// A period of a job is some runs ago at most: people's runs of the same day come between.
	sqlRanSince = `
SELECT EXISTS (SELECT FROM (SELECT r.started_by, r.recorded_at, r.trigger FROM recon_runs r
                             WHERE r.book_id = $1 AND r.match = $2 AND r.source_id = $3 ORDER BY r.number DESC LIMIT 500) r
                WHERE r.started_by = $4 AND r.recorded_at >= $5 AND r.trigger = 'scheduled')`
)

// NewestRuns returns the newest run of each match and source of a book that has any, in order of match and source.
func (s *Service) NewestRuns(ctx context.Context, book ledger.Book) ([]Newest, error) {
	rows, err := s.pool.Query(ctx, sqlNewestRuns, book.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Newest, err error) {
		err = row.Scan(&n.Match, &n.Source, &n.Kind, &n.Name, &n.Run, &n.Number, &n.CutOff, &n.RecordedAt, &n.ToLine, &n.ToSequence, &n.Lines, &n.OpenItems, &n.Found)
		n.CutOff, n.RecordedAt = n.CutOff.UTC(), n.RecordedAt.UTC()
		return n, err
	})
}

// ranIn reports whether the turn's period has recorded its run of a match and source already. Nobody else works on the period.
func (s *Service) ranIn(ctx context.Context, t payouts.Turn, match Match, source int16) (ran bool, err error) {
	if t.Check == nil || t.Extra {
		return false, nil
	}
	err = s.pool.QueryRow(ctx, sqlRanSince, t.Book.ID, match, source, starter(t), t.Start).Scan(&ran)
	return ran, err
}

// head is how far a match and source have come.
type head struct {
	// run is the newest run, and line the last line that it took, of known lines.
	run, line, known int64
}

func (s *Service) headOf(ctx context.Context, book ledger.Book, match Match, source int16) (h head, err error) {
	err = s.pool.QueryRow(ctx, sqlHeadOf, book.ID, match, source).Scan(&h.run, &h.line, &h.known)
	return h, err
}

// overtaken passes over the error of a run that another one was recorded before, if that one took all lines that were known when this one
// began. Otherwise nobody compared what this one would have, and the error stays.
func (s *Service) overtaken(ctx context.Context, book ledger.Book, match Match, source int16, before head, failed error) error {
	if !errors.Is(failed, ErrRunOvertaken) {
		return failed
	}
	if h, err := s.headOf(ctx, book, match, source); err != nil || h.run == before.run || h.line < before.known {
		return errors.Join(failed, err)
	}
	return nil
}
