package guard

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// The desk is where approvals are asked for, read and decided, and where what was approved runs.

// Act is one kind of thing that waits for a second person. The package that owns the thing declares it.
type Act struct {
	// Name is stable for ever, such as "rules.activate".
	Name string
	// Meaning is one sentence for people.
	Meaning string
	// OfBook says that it concerns one book; otherwise it concerns the installation.
	OfBook bool
	// Evidence says that a document must be named.
	Evidence bool
	// Effect judges the payload and computes what it would do, changing nothing. It runs when the approval is written, and
	// again when it is decided: a different effect must be looked at again. It returns the payload in the form that is kept
	// and hashed.
	Effect func(ctx context.Context, book Book, payload json.RawMessage) (kept json.RawMessage, effect Effect, err error)
	// Run does it inside the transaction that records the decision, and returns a JSON document for the result. An error
	// rolls everything back: nothing was decided and nothing has happened.
	Run func(ctx context.Context, tx pgx.Tx, a Approval) (result json.RawMessage, err error)
}

// Desk keeps approvals. It is safe for concurrent use.
type Desk struct {
	pool  *postgres.Pool
	trail *Trail
	now   func() time.Time
	acts  []Act
}

// NewDesk returns the desk for the acts. It panics if two have the same name: that is a defect of the program.
func NewDesk(pool *postgres.Pool, trail *Trail, now func() time.Time, acts []Act) *Desk {
	return &Desk{pool: pool, trail: trail, now: now, acts: acts}
}

// Acts returns the acts in order of their names.
func (d *Desk) Acts() []Act { return d.acts }

// Ask records a request and returns it with its effect. It returns ErrActUnknown, ErrApprovalInvalid, or what the act
// says against it.
func (d *Desk) Ask(ctx context.Context, by Actor, book Book, r Request) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Edit replaces what an open approval asks for; whoever looked at it before has to look again. The version is the one that
// the editor has read. It returns ErrApprovalUnknown, ErrApprovalState, ErrApprovalChanged, ErrApprovalInvalid, or what
// the act says against it.
func (d *Desk) Edit(ctx context.Context, by Actor, book Book, id string, version int, r Request) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Approve lets it run: the hash must be that of the present version, and by a person who is none of its authors. The
// same decision again is answered as the first time. It returns ErrApprovalUnknown, ErrApprovalState, ErrApproverPerson,
// ErrSelfApproval, ErrApprovalChanged, or what the act says against it, in which case it stays open.
func (d *Desk) Approve(ctx context.Context, by Actor, book Book, id string, hash [32]byte, reason string) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Refuse ends it with a reason. An author may not refuse, but Withdraw. It returns ErrApprovalUnknown, ErrApprovalState,
// ErrApproverPerson, ErrSelfApproval or ErrApprovalInvalid.
func (d *Desk) Refuse(ctx context.Context, by Actor, book Book, id string, reason string) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Withdraw takes it back, which only an author may do. It returns ErrApprovalUnknown or ErrApprovalState.
func (d *Desk) Withdraw(ctx context.Context, by Actor, book Book, id string, reason string) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Approval returns one. An open one whose time has passed is shown as expired. It returns ErrApprovalUnknown.
func (d *Desk) Approval(ctx context.Context, book Book, id string) (Approval, error) {
	return Approval{}, errors.New("not built")
}

// Approvals returns up to limit approvals of the book, oldest first, after the one with the time and id; state chooses
// those of one state where it is not empty.
func (d *Desk) Approvals(ctx context.Context, book Book, state string, after time.Time, afterID string, limit int) ([]Approval, error) {
	return nil, errors.New("not built")
}
