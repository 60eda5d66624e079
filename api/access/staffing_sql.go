package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Staffing is whether somebody is left for what only people do: to look after people and keys, and to be the second person.
// Ending the last one is allowed, because it may be urgent; it is said.

const (
	sqlHolds = `SELECT FROM role_grants g JOIN people p ON p.id = g.person AND p.deactivated_at IS NULL
 WHERE g.role = $1 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2) AND g.book `
	sqlHeldEverywhere = `SELECT EXISTS (` + sqlHolds + `= '')`
	sqlBooksWithout   = `SELECT b.code FROM books b WHERE NOT EXISTS (` + sqlHolds + `IN ('', b.code)) ORDER BY b.code LIMIT $3`
)

// maxVacant bounds the books that a vacancy names.
const maxVacant = 10

// Vacancies says in sentences for what nobody of the staff is left; nothing if somebody is left for everything.
func (s *Service) Vacancies(ctx context.Context) (list []string, err error) {
	now := s.now()
	for _, v := range []struct {
		role Role
		what string
	}{
		{Admin, "Nobody holds the role admin in every book: only an operator at the command line can look after people and keys."},
		{Approver, "Nobody holds the role approver in every book: nobody can approve new roles and keys."},
	} {
		var held bool
		if err := s.pool.QueryRow(ctx, sqlHeldEverywhere, string(v.role), now).Scan(&held); err != nil {
			return nil, unavailable(err)
		}
		if !held {
			list = append(list, v.what)
		}
	}
	rows, err := s.pool.Query(ctx, sqlBooksWithout, string(Approver), now, maxVacant+1)
	if err != nil {
		return nil, unavailable(err)
	}
	books, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, unavailable(err)
	}
	more := ""
	if len(books) > maxVacant {
		books, more = books[:maxVacant], " and further ones"
	}
	if len(books) > 0 {
		list = append(list, fmt.Sprintf("Nobody can approve what is asked for in the books %s%s.", strings.Join(books, ", "), more))
	}
	return list, nil
}
