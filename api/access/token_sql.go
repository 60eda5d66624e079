package access

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Whose token it is, in the database.

// A person whose sessions were never ended has none to compare with: sessions_from is then when the person was added.
const sqlPersonByIdentity = `
SELECT id, deactivated_at IS NOT NULL, CASE WHEN sessions_from > created_at THEN sessions_from END
FROM people WHERE issuer = $1 AND subject = $2`

// personByIdentity returns the person whom an issuer knows by the subject; the id is empty if nobody is. sessionsFrom is
// the zero time if the person's sessions were never ended.
func (s *Service) personByIdentity(ctx context.Context, issuer, subject string) (id string, deactivated bool, sessionsFrom time.Time, err error) {
	var from *time.Time
	err = s.pool.QueryRow(ctx, sqlPersonByIdentity, issuer, subject).Scan(&id, &deactivated, &from)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, time.Time{}, nil
	}
	if from != nil {
		sessionsFrom = *from
	}
	return id, deactivated, sessionsFrom, err
}
