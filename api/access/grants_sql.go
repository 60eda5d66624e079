package access

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Roles that were granted, in the database.

const (
	sqlInsertGrant = `
INSERT INTO role_grants (id, person, role, book, granted_at, granted_by, approval, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

	sqlGrantColumns = `
SELECT id, role, book, granted_at, granted_by, approval, expires_at, revoked_at
FROM role_grants`
	sqlGrantOrder     = ` ORDER BY granted_at, id LIMIT 10000`
	sqlEveryGrant     = sqlGrantColumns + ` WHERE person = $1` + sqlGrantOrder
	sqlStandingGrants = sqlGrantColumns + ` WHERE person = $1 AND revoked_at IS NULL` + sqlGrantOrder

	sqlRevokeGrant = `UPDATE role_grants SET revoked_at = $2, revoked_by = $3 WHERE id = $1 AND revoked_at IS NULL`

	// How many others hold a role in a book already, or in every book.
	sqlCountHolders = `
SELECT count(DISTINCT g.person)
FROM role_grants g JOIN people p ON p.id = g.person AND p.deactivated_at IS NULL
WHERE g.role = $1 AND (g.book = $2 OR g.book = '') AND g.person <> $3
	AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $4)`

	sqlBookNumber = `SELECT id FROM books WHERE code = $1`
)

// current reports whether the role is held at the time now.
func (g HeldGrant) current(now time.Time) bool {
	return g.RevokedAt.IsZero() && (g.ExpiresAt.IsZero() || now.Before(g.ExpiresAt))
}

// toldGrant is what the audit trail tells of a role.
type toldGrant struct {
	ID        string    `json:"id"`
	Role      Role      `json:"role"`
	Book      string    `json:"book,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func (g HeldGrant) told() toldGrant {
	return toldGrant{ID: g.ID, Role: g.Role, Book: g.Book, ExpiresAt: g.ExpiresAt}
}

// checked returns the grant as it is kept. It returns ErrPersonInvalid with every field that is wrong, or
// ErrPersonUnknown for what cannot be the id of a person.
func (n NewGrant) checked(now time.Time) (NewGrant, error) {
	var fields []fault.Field
	if !slices.Contains(Roles(), n.Role) {
		fields = append(fields, fault.Field{Pointer: "/role", Code: "role", Message: "A role is finance, approver, admin, auditor or support."})
	}
	if n.Book != "" && !bookCode.MatchString(n.Book) {
		fields = append(fields, fault.Field{Pointer: "/book", Code: "book-code", Message: "This is not the code of a book."})
	}
	if !n.ExpiresAt.IsZero() {
		if n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Microsecond); !n.ExpiresAt.After(now) || n.ExpiresAt.Year() > lastYear {
			fields = append(fields, fault.Field{Pointer: "/expires_at", Code: "date-past", Message: "A role ends in the future, and before the year 10000."})
		}
	}
	if len(fields) > 0 {
		return NewGrant{}, ErrPersonInvalid.WithFields(fields...)
	}
	if !isPerson(n.Person) {
		return NewGrant{}, ErrPersonUnknown
	}
	return n, nil
}

// lastYear is the last year that a time in JSON can be in.
const lastYear = 9999

// judgeGrant checks what the database knows of the grant's person and book, the person being locked as the statement
// says. It returns the roles that the person holds, and which of them the grant replaces: the same one with another end.
func judgeGrant(ctx context.Context, on querier, sqlPerson string, n NewGrant, now time.Time) (held []HeldGrant, replaced *HeldGrant, err error) {
	row, err := findPerson(ctx, on, sqlPerson, n.Person)
	if err != nil {
		return nil, nil, err
	}
	if !row.deactivatedAt.IsZero() {
		return nil, nil, ErrPersonUnknown
	}
	if n.Book != "" {
		if _, err := bookNumber(ctx, on, n.Book); err != nil {
			return nil, nil, err
		}
	}
	standing, err := selectGrants(ctx, on, sqlStandingGrants, n.Person)
	if err != nil {
		return nil, nil, err
	}
	for i, g := range standing {
		same := g.Grant == Grant{Role: n.Role, Book: n.Book}
		if same && g.current(now) && g.ExpiresAt.Equal(n.ExpiresAt) {
			return nil, nil, ErrPersonInvalid.At("/role", "held", "The person holds this role already, until the same time.")
		}
		if same {
			replaced = &standing[i]
		} else if g.current(now) {
			held = append(held, g)
		}
	}
	return held, replaced, nil
}

// bookNumber returns the number of the book with the code, or ErrBookHidden.
func bookNumber(ctx context.Context, on querier, code string) (int32, error) {
	rows, err := on.Query(ctx, sqlBookNumber, code)
	if err != nil {
		return 0, err
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err == nil && len(numbers) == 0 {
		err = ErrBookHidden
	}
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// Grant is GrantTx in a transaction of its own, for an operator.
func (s *Service) Grant(ctx context.Context, by guard.Actor, n NewGrant) (held HeldGrant, err error) {
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		held, err = s.GrantTx(ctx, tx, by, n, "")
		return err
	})
	s.sessions.forget()
	if err != nil {
		return HeldGrant{}, unavailable(err)
	}
	return held, nil
}

// GrantTx gives a person a role: for an approval that was agreed to, or for an operator. A role that the person holds
// already gets the new end. It returns ErrPersonInvalid, ErrPersonUnknown, also for one who was deactivated, or
// ErrBookHidden.
func (s *Service) GrantTx(ctx context.Context, tx pgx.Tx, by guard.Actor, n NewGrant, approval string) (HeldGrant, error) {
	now := s.instant()
	n, err := n.checked(now)
	if err != nil {
		return HeldGrant{}, err
	}
	_, replaced, err := judgeGrant(ctx, tx, sqlLockPerson, n, now)
	if err != nil {
		return HeldGrant{}, err
	}
	var before any
	if replaced != nil {
		if _, err := tx.Exec(ctx, sqlRevokeGrant, replaced.ID, now, by.ID); err != nil {
			return HeldGrant{}, err
		}
		before = replaced.told()
	}
	g := HeldGrant{ID: drawID("gr_"), Grant: Grant{Role: n.Role, Book: n.Book}, GrantedAt: now, GrantedBy: by.ID, Approval: approval, ExpiresAt: n.ExpiresAt}
	_, err = tx.Exec(ctx, sqlInsertGrant, g.ID, n.Person, string(g.Role), g.Book, now, by.ID, approval, optional(g.ExpiresAt))
	if err != nil {
		return HeldGrant{}, err
	}
	d := guard.Deed{Actor: by, Act: "role.granted", Object: "person:" + n.Person, Approval: approval}
	return g, s.recordTx(ctx, tx, d, before, g.told())
}

// RevokeGrant takes a role away; nobody has to agree to that. Doing so again changes nothing. It returns ErrPersonUnknown
// or ErrGrantUnknown.
func (s *Service) RevokeGrant(ctx context.Context, by guard.Actor, person, grant, why string) error {
	err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error { return s.RevokeGrantTx(ctx, tx, by, person, grant, why) })
	s.sessions.forget()
	return unavailable(err)
}

// RevokeGrantTx is RevokeGrant inside the caller's transaction: the role is gone within a second of the commit.
func (s *Service) RevokeGrantTx(ctx context.Context, tx pgx.Tx, by guard.Actor, person, grant, why string) error {
	if _, err := findPerson(ctx, tx, sqlLockPerson, person); err != nil {
		return err
	}
	held, err := selectGrants(ctx, tx, sqlEveryGrant, person)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(held, func(g HeldGrant) bool { return g.ID == grant })
	if at < 0 {
		return ErrGrantUnknown
	}
	if !held[at].RevokedAt.IsZero() {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlRevokeGrant, grant, s.instant(), by.ID); err != nil {
		return err
	}
	d := guard.Deed{Actor: by, Act: "role.revoked", Object: "person:" + person, Why: why}
	return s.recordTx(ctx, tx, d, held[at].told(), nil)
}

// selectGrants returns the roles of a person that the statement chooses, in the order in which they were granted.
func selectGrants(ctx context.Context, on querier, sql, person string) ([]HeldGrant, error) {
	rows, err := on.Query(ctx, sql, person)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g HeldGrant, err error) {
		var role string
		var expires, revoked *time.Time
		err = row.Scan(&g.ID, &role, &g.Book, &g.GrantedAt, &g.GrantedBy, &g.Approval, &expires, &revoked)
		g.Role, g.GrantedAt = Role(role), g.GrantedAt.UTC()
		g.ExpiresAt, g.RevokedAt = orZero(expires), orZero(revoked)
		return g, err
	})
}

// staffPrincipal returns what the person may do at the time now, and when the first of the roles ends, zero for never.
func staffPrincipal(ctx context.Context, on querier, person string, now time.Time) (p Principal, until time.Time, err error) {
	standing, err := selectGrants(ctx, on, sqlStandingGrants, person)
	if err != nil {
		return Principal{}, time.Time{}, err
	}
	p = Principal{Kind: Person, ID: person, Person: person, Books: []string{}}
	everywhere, may := false, map[Scope]bool{}
	for _, g := range standing {
		if !g.current(now) {
			continue
		}
		p.Grants = append(p.Grants, g.Grant)
		if !g.ExpiresAt.IsZero() && (until.IsZero() || g.ExpiresAt.Before(until)) {
			until = g.ExpiresAt
		}
		everywhere = everywhere || g.Book == ""
		if g.Book != "" && !slices.Contains(p.Books, g.Book) {
			p.Books = append(p.Books, g.Book)
		}
		for _, scope := range g.Role.Scopes() {
			may[scope] = true
		}
	}
	if slices.Sort(p.Books); everywhere {
		p.Books = nil
	}
	for _, scope := range Scopes() {
		if may[scope] {
			p.Scopes = append(p.Scopes, scope)
		}
	}
	return p, until, nil
}
