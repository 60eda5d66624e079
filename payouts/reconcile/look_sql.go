package reconcile

import (
	"context"
	"fmt"
)

// Looking at evidence: the database plans by what it knows of a table. Of one that has just been filled it knows nothing, and it then
// takes any index for as good as any other; a run after the first pull would read all lines for each one.

const (
	sqlLooked = `SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'evidence_lines'::regclass`
	sqlLook   = `SELECT look_at_evidence()`
)

// fewLines are so few that reading all of them for each costs nothing.
const fewLines = 100

// lookAtEvidence has the database look at the lines if a source has twice as many as it knows of altogether.
func (s *Service) lookAtEvidence(ctx context.Context, lines int64) error {
	if lines <= fewLines {
		return nil
	}
	var known int64
	if err := s.pool.QueryRow(ctx, sqlLooked).Scan(&known); err != nil {
		return fmt.Errorf("ask what the database knows of evidence: %w", err)
	}
	if known >= lines/2 {
		return nil
	}
	if _, err := s.pool.Exec(ctx, sqlLook); err != nil {
		return fmt.Errorf("have the database look at evidence: %w", err)
	}
	return nil
}
