package access

import (
	"context"

	"mizan/ledger/guard"
)

// People, roles and keys, and the act that the installation's trail must tell of each. They belong to no book, which is number 0.

const (
	claimPeople guard.Claims = `SELECT p.id, 'person:' || p.id, 'person.added', '' FROM people p WHERE $1 = 0 AND p.id > $2 ORDER BY p.id LIMIT $3`
	claimGrants guard.Claims = `
SELECT g.id, 'person:' || g.person, 'role.granted', '"id":"' || g.id || '"' FROM role_grants g WHERE $1 = 0 AND g.id > $2 ORDER BY g.id LIMIT $3`
	// A key was made for somebody, granted to somebody, or took another's place. One that somebody rotated or revoked was seen by
	// them: that tells of it too, so that a key from before there was a trail, or one that was planted and found, can be put in order.
	claimKeys guard.Claims = `
SELECT k.id, 'key:' || coalesce(k.rotated_from, k.id), CASE WHEN k.rotated_from IS NOT NULL THEN 'key.rotated' ELSE 'key.created key.granted key.rotated key.revoked' END,
       CASE WHEN k.rotated_from IS NOT NULL THEN '"replaced_by":"' || k.id || '"' ELSE '' END
  FROM api_keys k WHERE $1 = 0 AND k.id > $2 ORDER BY k.id LIMIT $3`
)

// Told compares people, roles and keys with the acts that the installation's trail tells of.
func Told(ctx context.Context, trail *guard.Trail) (guard.Told, error) {
	return trail.Compare(ctx, guard.Book{}, claimPeople, claimGrants, claimKeys)
}
