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

// Vacancy is a role that nobody of the staff is left in.
type Vacancy struct {
	Role Role
	// Books are the codes of books in which nobody is left; none means that nobody holds the role in every book.
	Books []string
	// More says that there are further books.
	More bool
}

// String says in a sentence what follows from it.
func (v Vacancy) String() string {
	switch {
	case len(v.Books) > 0 && v.More:
		return fmt.Sprintf("Nobody can approve what is asked for in the books %s and further ones.", strings.Join(v.Books, ", "))
	case len(v.Books) > 0:
		return fmt.Sprintf("Nobody can approve what is asked for in the books %s.", strings.Join(v.Books, ", "))
	case v.Role == Admin:
		return "Nobody holds the role admin in every book: only an operator at the command line can look after people and keys."
	}
	return "Nobody holds the role approver in every book: nobody can approve new roles and keys."
}

// Vacancies says in sentences for what nobody of the staff is left; nothing if somebody is left for everything.
func (s *Service) Vacancies(ctx context.Context) (list []string, err error) {
	vacant, err := s.Vacant(ctx)
	for _, v := range vacant {
		list = append(list, v.String())
	}
	return list, err
}

// Vacant is for what nobody of the staff is left.
func (s *Service) Vacant(ctx context.Context) (list []Vacancy, err error) {
	now := s.now()
	for _, role := range []Role{Admin, Approver} {
		var held bool
		if err := s.pool.QueryRow(ctx, sqlHeldEverywhere, string(role), now).Scan(&held); err != nil {
			return nil, unavailable(err)
		}
		if !held {
			list = append(list, Vacancy{Role: role})
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
	if len(books) > 0 {
		list = append(list, Vacancy{Role: Approver, Books: books[:min(len(books), maxVacant)], More: len(books) > maxVacant})
	}
	return list, nil
}
