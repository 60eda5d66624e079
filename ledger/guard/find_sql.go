package guard

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// Finding approvals: a list narrowed by what was asked for and by whom, from either end. Acts and authors have no index, so a
// page looks through a bounded number of approvals in the order of the list, and says where the next one goes on.

// Search chooses approvals of a book. Its zero value chooses all, the oldest first.
type Search struct {
	// State is one of the states, empty for all.
	State string
	// Act is compared exactly where it is not empty, and so is Author, a person or a key that wrote or edited the approval.
	Act, Author string
	// Newest begins at the end.
	Newest bool
}

// Place is that of an approval in a list. Its zero value is the beginning of the list.
type Place struct {
	At time.Time
	ID string
}

// looked bounds the approvals that one page looks through, in the field of a desk. No more are open than maxOpen, so a page looks through all of those.
const looked = 2000

const (
	// maxApprovals bounds a page, with one more to see whether there is another; maxPage bounds it in bytes.
	maxApprovals = 1001
	maxPage      = 64 << 20
)

const (
	sqlLooked        = `SELECT * FROM approvals WHERE book_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`
	sqlLookedOfState = `SELECT * FROM approvals WHERE book_id = $1 AND state = $given AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`
	// No more are open than there may be, so they are found by when they expire, and sorted.
	sqlLookedOpen = `
SELECT * FROM (SELECT * FROM approvals WHERE book_id = $1 AND state = 'open' AND expires_at > $given OFFSET 0) o
 WHERE (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4`
	sqlLookedExpired = `
SELECT * FROM (
    (SELECT * FROM approvals WHERE book_id = $1 AND state = 'expired' AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4)
    UNION ALL
    (SELECT * FROM approvals WHERE book_id = $1 AND state = 'open' AND expires_at <= $given AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4)) e
 ORDER BY created_at, id LIMIT $4`

	sqlFound = approvalColumns + `(
       SELECT * FROM (/*looked*/) l WHERE ($5 = '' OR act = $5) AND ($6 = '' OR $6 = ANY(authors)) ORDER BY created_at, id LIMIT $7)` + approvalVersion + inOrder
	sqlWaiting    = `SELECT count(*), min(created_at) FROM approvals WHERE book_id = $1 AND state = 'open' AND expires_at > $2 AND NOT authors && $3::text[]`
	sqlLastLooked = `SELECT created_at, id FROM (/*looked*/) l ORDER BY created_at, id OFFSET $4 - 1 LIMIT 1`
)

// statements returns the statement that finds a page and the one that finds the last approval that it looked through, with the
// value of $given, nil if there is none. It returns ErrApprovalInvalid for a state that there is not.
func (s Search) statements(now time.Time) (found, last string, given any, err error) {
	sql := sqlLooked
	switch s.State {
	case "":
	case StateOpen:
		sql, given = sqlLookedOpen, now
	case StateExpired:
		sql, given = sqlLookedExpired, now
	case StateDone, StateRefused, StateWithdrawn:
		sql, given = sqlLookedOfState, s.State
	default:
		return "", "", nil, errState
	}
	found = strings.Replace(sqlFound, "/*looked*/", strings.ReplaceAll(sql, "$given", "$8"), 1)
	last = strings.Replace(sqlLastLooked, "/*looked*/", strings.ReplaceAll(sql, "$given", "$5"), 1)
	if s.Newest {
		turned := strings.NewReplacer("(created_at, id) >", "(created_at, id) <", "BY created_at, id", "BY created_at DESC, id DESC", "BY a.created_at, a.id", "BY a.created_at DESC, a.id DESC")
		found, last = turned.Replace(found), turned.Replace(last)
	}
	return found, last, given, nil
}

// Find returns up to limit approvals of the book, at most 1001, after the place, and where the next page goes on: the zero Place if
// there is none. A page of a narrow search may have few approvals, or none, and still be followed by another. It returns
// ErrApprovalInvalid for a state that there is not, and postgres.ErrReadTooLong where so many are too large for one answer.
func (d *Desk) Find(ctx context.Context, book Book, s Search, after Place, limit int) (list []Approval, next Place, err error) {
	if !line(after.ID, maxID) {
		return nil, Place{}, ErrApprovalInvalid.At("query:cursor", "id", "This is no id of an approval.")
	}
	if !line(s.Act, maxAct) || !line(s.Author, maxActor) {
		return nil, Place{}, nil // no approval holds that
	}
	if after.ID == "" && s.Newest {
		after.At = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	now := d.clock()
	found, last, given, err := s.statements(now)
	if err != nil {
		return nil, Place{}, err
	}
	limit = min(max(limit, 1), maxApprovals)
	from := []any{book.ID, storable(after.At), after.ID, d.looked}
	args, lastArgs := append(from[:4:4], s.Act, s.Author, limit+1), from
	if given != nil {
		args, lastArgs = append(args, given), append(from[:4:4], given)
	}
	err = d.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
		if list, err = collectApprovals(ctx, tx, book, now, found, args...); err != nil || len(list) > limit || s.Act == "" && s.Author == "" {
			return err
		}
		err = tx.QueryRow(ctx, last, lastArgs...).Scan(&next.At, &next.ID)
		if err == pgx.ErrNoRows {
			return nil
		}
		return err
	})
	if errors.Is(err, errPage) {
		return nil, Place{}, postgres.ErrReadTooLong.With("These approvals are too large for one answer. Ask for a smaller page.")
	}
	if err != nil {
		return nil, Place{}, err
	}
	if len(list) > limit {
		list = list[:limit]
		next = Place{list[limit-1].CreatedAt, list[limit-1].ID}
	}
	return list, next, nil
}

// Waiting counts the open approvals of the book but for those that one of the authors wrote or edited, and says since when the oldest
// waits. No more are open than a desk lets be, so every one of them counts, and nothing of what they ask for is read.
func (d *Desk) Waiting(ctx context.Context, book Book, authors ...string) (n int64, since time.Time, err error) {
	var oldest *time.Time
	err = d.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sqlWaiting, book.ID, d.clock(), append([]string{}, authors...)).Scan(&n, &oldest)
	})
	if oldest != nil {
		since = oldest.UTC()
	}
	return n, since, err
}

// Approvals returns up to limit approvals of the book, at most 1001, oldest first, after the one with the time and id; state
// chooses those of one state where it is not empty. It fails as Find does.
func (d *Desk) Approvals(ctx context.Context, book Book, state string, after time.Time, afterID string, limit int) ([]Approval, error) {
	list, _, err := d.Find(ctx, book, Search{State: state}, Place{after, afterID}, limit)
	return list, err
}

var (
	errState = ErrApprovalInvalid.At("query:state", "choice", "The state is open, done, refused, withdrawn or expired.")
	errPage  = errors.New("a page of approvals out of bounds")
)

// collectApprovals reads approvals, and shows each as it stands now. It returns errPage where they are too large together.
func collectApprovals(ctx context.Context, tx pgx.Tx, book Book, now time.Time, sql string, args ...any) ([]Approval, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	size := 0
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Approval, error) {
		a, err := scanApproval(row, book)
		if size += len(a.Payload) + len(a.rendered); size > maxPage {
			return Approval{}, errPage
		}
		a.show(now)
		return a.Approval, err
	})
}
