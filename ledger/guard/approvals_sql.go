package guard

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// Approvals as they are stored: a row of what became of each, and its versions, which never change.

const (
	sqlInsertApproval = `
INSERT INTO approvals (book_id, id, act, version, state, authors, created_at, expires_at) VALUES ($1, $2, $3, 1, 'open', $4, $5, $6)`
	sqlInsertVersion = `
INSERT INTO approval_versions (book_id, id, version, payload, effect, reason, document, author_kind, author, author_person, made_at, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	sqlCountOpen = `
SELECT count(*) FROM (SELECT FROM approvals WHERE book_id = $1 AND state = 'open' AND expires_at > $2 LIMIT $3) o`
	sqlTurn         = `UPDATE approvals SET version = $3, authors = $4, expires_at = $5 WHERE book_id = $1 AND id = $2`
	sqlDone         = `UPDATE approvals SET state = 'done', decided_by = $3, decided_at = $4, decision = $5, approved = $6, result = $7 WHERE book_id = $1 AND id = $2`
	sqlRefused      = `UPDATE approvals SET state = 'refused', decided_by = $3, decided_at = $4, decision = $5 WHERE book_id = $1 AND id = $2`
	sqlWithdrawn    = `UPDATE approvals SET state = 'withdrawn', decision = $3 WHERE book_id = $1 AND id = $2`
	sqlExpired      = `UPDATE approvals SET state = 'expired' WHERE book_id = $1 AND id = $2`
	sqlLockApproval = `SELECT id FROM approvals WHERE book_id = $1 AND id = $2 FOR NO KEY UPDATE`

	approvalColumns = `
SELECT a.id, a.act, a.version, a.state, a.authors, a.created_at, a.expires_at, coalesce(a.decided_by, ''), a.decided_at, a.decision, a.approved, a.result,
       v.payload, v.effect, v.reason, v.document, v.author_kind, v.author, v.author_person, v.hash
  FROM `
	approvalVersion = ` a
  JOIN approval_versions v ON v.book_id = a.book_id AND v.id = a.id AND v.version = a.version`
	inOrder         = ` ORDER BY a.created_at, a.id`
	sqlReadApproval = approvalColumns + `approvals` + approvalVersion + ` WHERE a.book_id = $1 AND a.id = $2`
)

// sheet is an approval with what only this package looks at.
type sheet struct {
	Approval
	// rendered is the effect as it is kept and hashed.
	rendered []byte
	// approved is the hash that was agreed to.
	approved []byte
}

// turn makes the next version of what somebody wrote.
func (a *sheet) turn(p prepared, by Actor, now time.Time) {
	a.Request, a.Author, a.Authors = p.Request, Actor{Kind: by.Kind, ID: by.ID, Person: by.Person}, withAuthor(a.Authors, by)
	a.ExpiresAt = now.Add(Lifetime)
	a.renew(p)
}

// renew makes the next version of the same request.
func (a *sheet) renew(p prepared) {
	a.Version++
	a.Payload, a.Effect, a.rendered = p.Payload, p.effect, p.rendered
	a.Hash = a.sum(a.rendered)
}

// insertVersion stores the present version.
func (a *sheet) insertVersion(ctx context.Context, tx pgx.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, sqlInsertVersion, a.Book.ID, a.ID, a.Version, []byte(a.Payload), string(a.rendered), a.Reason, a.Document,
		a.Author.Kind, a.Author.ID, a.Author.Person, now, a.Hash[:])
	return err
}

// storeVersion stores the present version and says that it is the present one.
func (a *sheet) storeVersion(ctx context.Context, tx pgx.Tx, now time.Time) error {
	if err := a.insertVersion(ctx, tx, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlTurn, a.Book.ID, a.ID, a.Version, a.Authors, a.ExpiresAt)
	return err
}

// Approval returns one. An open one whose time has passed is shown as expired. It returns ErrApprovalUnknown.
func (d *Desk) Approval(ctx context.Context, book Book, id string) (Approval, error) {
	if !approvalPattern.MatchString(id) {
		return Approval{}, ErrApprovalUnknown
	}
	a, err := readApproval(ctx, d.pool, book, id)
	if err != nil {
		return Approval{}, err
	}
	a.show(d.clock())
	return a.Approval, nil
}

// show has an approval whose time has passed look as it will once somebody touches it.
func (a *sheet) show(now time.Time) {
	if a.State == StateOpen && !now.Before(a.ExpiresAt) {
		a.State = StateExpired
	}
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readApproval(ctx context.Context, q querier, book Book, id string) (sheet, error) {
	a, err := scanApproval(q.QueryRow(ctx, sqlReadApproval, book.ID, id), book)
	if err == pgx.ErrNoRows {
		return sheet{}, ErrApprovalUnknown
	}
	return a, err
}

func scanApproval(row pgx.Row, book Book) (sheet, error) {
	a := sheet{Approval: Approval{Book: book}}
	var effect, result string
	var payload, hash []byte
	var decidedAt *time.Time
	err := row.Scan(&a.ID, &a.Act, &a.Version, &a.State, &a.Authors, &a.CreatedAt, &a.ExpiresAt, &a.DecidedBy, &decidedAt, &a.Decision, &a.approved, &result,
		&payload, &effect, &a.Reason, &a.Document, &a.Author.Kind, &a.Author.ID, &a.Author.Person, &hash)
	if err != nil {
		return sheet{}, err
	}
	if err := json.Unmarshal([]byte(effect), &a.Effect); err != nil {
		return sheet{}, err
	}
	a.Payload, a.rendered = payload, []byte(effect)
	copy(a.Hash[:], hash)
	a.CreatedAt, a.ExpiresAt = a.CreatedAt.UTC(), a.ExpiresAt.UTC()
	if decidedAt != nil {
		a.DecidedAt = decidedAt.UTC()
	}
	if result != "" {
		a.Result = json.RawMessage(result)
	}
	return a, nil
}
