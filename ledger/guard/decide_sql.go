package guard

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Decisions: whoever may, once, on exactly what they have seen.

// Approve lets it run: the hash must be that of the present version, and by a person who is none of its authors. The
// same decision again is answered as the first time. If the effect is another by now, that is kept as a new version, to be
// looked at. It returns ErrApprovalUnknown, ErrApprovalState, ErrApproverPerson, ErrSelfApproval, ErrApprovalChanged,
// ErrApprovalInvalid, ErrApprovalVersions, or what the act says against it, in which case it stays open.
func (d *Desk) Approve(ctx context.Context, by Actor, book Book, id string, hash [32]byte, reason string) (Approval, error) {
	if err := mayDecide(by, reason, false); err != nil {
		return Approval{}, err
	}
	select {
	case d.deciding <- struct{}{}:
		defer func() { <-d.deciding }()
	case <-ctx.Done():
		return Approval{}, ctx.Err()
	}
	// What it would do by now is computed before the transaction, so that no lock waits for it.
	seen, err := d.Approval(ctx, book, id)
	if err != nil {
		return Approval{}, err
	}
	var act *Act
	var p prepared
	if seen.State == StateOpen {
		if err := mayApprove(&seen, by, hash); err != nil {
			return Approval{}, err
		}
		if act, err = d.act(seen.Act); err != nil {
			return Approval{}, err
		}
		if p, err = d.prepare(ctx, act, book, seen.Request); err != nil {
			// That there is nothing to do any more may be this approval's own doing, in the meantime.
			if now, unread := d.Approval(ctx, book, id); unread != nil || now.State == StateOpen {
				return Approval{}, err
			}
			act = nil
		}
	}
	return d.locked(ctx, by, book, id, func(tx pgx.Tx, a *sheet, now time.Time) (refusal, err error) {
		if a.State == StateDone && a.DecidedBy == decider(by) && same(a.approved, hash[:]) {
			return nil, nil
		}
		if a.State != StateOpen || act == nil {
			return nil, ErrApprovalState
		}
		if err := mayApprove(&a.Approval, by, hash); err != nil {
			return nil, err
		}
		// The version tells of edits. The hash is computed anew, so that what runs is what it was made of.
		if sum := a.sum(a.rendered); a.Version != seen.Version || !same(sum[:], hash[:]) {
			return nil, ErrApprovalChanged
		}
		if string(p.Payload) != string(a.Payload) || string(p.rendered) != string(a.rendered) {
			return d.recompute(ctx, tx, by, a, p, now)
		}
		a.Effect.Seen = p.effect.Seen
		err = d.run(ctx, tx, act, by, a, reason, now)
		a.Effect.Seen = nil
		return nil, err
	})
}

// mayDecide says whether the actor can decide at all, with the reason.
func mayDecide(by Actor, reason string, required bool) (err error) {
	if by.Kind != Person || by.ID == "" || len(decider(by)) > maxID {
		return ErrApproverPerson
	}
	checkReason(reason, required, func(pointer, code, message string) { err = ErrApprovalInvalid.At(pointer, code, message) })
	return err
}

// mayApprove says whether the actor can approve what has the hash.
func mayApprove(a *Approval, by Actor, hash [32]byte) error {
	if a.byAuthor(by) {
		return ErrSelfApproval
	}
	if !same(a.Hash[:], hash[:]) {
		return ErrApprovalChanged
	}
	return nil
}

// same compares in constant time.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// recompute keeps what the act would do by now as a new version of the same author: the decision is refused, and the next
// one is about what is true.
func (d *Desk) recompute(ctx context.Context, tx pgx.Tx, by Actor, a *sheet, p prepared, now time.Time) (refusal, err error) {
	if a.Version >= maxVersions {
		return nil, ErrApprovalVersions
	}
	before := a.mark()
	a.renew(p)
	if err := a.storeVersion(ctx, tx, now); err != nil {
		return nil, err
	}
	return ErrApprovalChanged, d.tell(ctx, tx, by, a, "approval.recomputed", before, "")
}

// run does what was approved, and records that it was.
func (d *Desk) run(ctx context.Context, tx pgx.Tx, act *Act, by Actor, a *sheet, reason string, now time.Time) error {
	a.DecidedBy, a.DecidedAt, a.Decision = decider(by), now, reason
	result, err := act.Run(ctx, tx, a.Approval)
	if err != nil {
		return err
	}
	if len(result) == 0 {
		result = json.RawMessage("null")
	}
	compact, ok := Compact(result)
	if !ok || len(compact) > maxDocument {
		return fmt.Errorf("guard: %s answers with a result out of bounds", act.Name)
	}
	a.State, a.Result, a.approved = StateDone, compact, a.Hash[:]
	if _, err := tx.Exec(ctx, sqlDone, a.Book.ID, a.ID, a.DecidedBy, a.DecidedAt, a.Decision, a.approved, string(a.Result)); err != nil {
		return err
	}
	if err := d.tell(ctx, tx, by, a, "approval.approved", nil, reason); err != nil {
		return err
	}
	object, before, after := outcome(a)
	_, err = d.trail.RecordTx(ctx, tx, Deed{
		Actor: by, Book: a.Book, Act: act.Name, Object: object, Before: before, After: after, Why: a.Reason, Approval: a.ID,
	})
	return err
}

// outcome reads what the trail says of the act from its result.
func outcome(a *sheet) (object string, before, after json.RawMessage) {
	var told struct {
		Object string          `json:"object"`
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}
	object = "approval:" + a.ID
	// A result that is no such object is told as it is.
	if err := json.Unmarshal(a.Result, &told); err != nil {
		return object, nil, a.Result
	}
	if objectPattern.MatchString(told.Object) && line(told.Object, maxObject) {
		object = told.Object
	}
	if told.Before == nil && told.After == nil {
		return object, nil, a.Result
	}
	return object, told.Before, told.After
}

// Refuse ends it with a reason. An author may not refuse, but Withdraw. It returns ErrApprovalUnknown, ErrApprovalState,
// ErrApproverPerson, ErrSelfApproval or ErrApprovalInvalid.
func (d *Desk) Refuse(ctx context.Context, by Actor, book Book, id string, reason string) (Approval, error) {
	if err := mayDecide(by, reason, true); err != nil {
		return Approval{}, err
	}
	return d.locked(ctx, by, book, id, func(tx pgx.Tx, a *sheet, now time.Time) (refusal, err error) {
		switch {
		case a.State != StateOpen:
			return nil, ErrApprovalState
		case a.byAuthor(by):
			return nil, ErrSelfApproval.With("Whoever wrote or edited this cannot refuse it. Withdraw it instead.")
		}
		a.State, a.DecidedBy, a.DecidedAt, a.Decision = StateRefused, decider(by), now, reason
		if _, err := tx.Exec(ctx, sqlRefused, book.ID, id, a.DecidedBy, a.DecidedAt, a.Decision); err != nil {
			return nil, err
		}
		return nil, d.tell(ctx, tx, by, a, "approval.refused", nil, reason)
	})
}

// Withdraw takes it back, which only an author may do, or the person behind an author's key. A reason may be given. It
// returns ErrApprovalUnknown, ErrApprovalState, ErrApprovalAuthor or ErrApprovalInvalid.
func (d *Desk) Withdraw(ctx context.Context, by Actor, book Book, id string, reason string) (Approval, error) {
	var invalid error
	checkReason(reason, false, func(pointer, code, message string) { invalid = ErrApprovalInvalid.At(pointer, code, message) })
	if invalid != nil {
		return Approval{}, invalid
	}
	return d.locked(ctx, by, book, id, func(tx pgx.Tx, a *sheet, _ time.Time) (refusal, err error) {
		switch {
		case a.State != StateOpen:
			return nil, ErrApprovalState
		case !a.byAuthor(by):
			return nil, ErrApprovalAuthor
		}
		a.State, a.Decision = StateWithdrawn, reason
		if _, err := tx.Exec(ctx, sqlWithdrawn, book.ID, id, reason); err != nil {
			return nil, err
		}
		return nil, d.tell(ctx, tx, by, a, "approval.withdrawn", nil, reason)
	})
}

// locked has fn decide on an approval that nobody else can decide on meanwhile. One whose time has passed is stored as
// expired, whatever fn wants. What fn has written is kept although it refuses; an error of fn rolls it back.
func (d *Desk) locked(ctx context.Context, by Actor, book Book, id string,
	fn func(tx pgx.Tx, a *sheet, now time.Time) (refusal, err error)) (Approval, error) {
	if !approvalPattern.MatchString(id) {
		return Approval{}, ErrApprovalUnknown
	}
	var a sheet
	var refusal error
	err := d.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		// A lock and a read in one statement would see what was there before the wait.
		if err := tx.QueryRow(ctx, sqlLockApproval, book.ID, id).Scan(nil); err == pgx.ErrNoRows {
			return ErrApprovalUnknown
		} else if err != nil {
			return err
		}
		if a, err = readApproval(ctx, tx, book, id); err != nil {
			return err
		}
		now := d.clock()
		if a.State == StateOpen && !now.Before(a.ExpiresAt) {
			refusal = ErrApprovalState
			return d.expire(ctx, tx, by, &a)
		}
		refusal, err = fn(tx, &a, now)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Approval{}, err
	}
	return a.Approval, nil
}

// expire stores that nobody decided in time. It is told as an act of Mizan itself, on the occasion of somebody's request.
func (d *Desk) expire(ctx context.Context, tx pgx.Tx, by Actor, a *sheet) error {
	a.State = StateExpired
	if _, err := tx.Exec(ctx, sqlExpired, a.Book.ID, a.ID); err != nil {
		return err
	}
	return d.tell(ctx, tx, Actor{Kind: System, ID: "approvals", RequestID: by.RequestID}, a, "approval.expired", nil, "")
}

// told is what the trail says of a version: what it was, but not what was in it.
type told struct {
	Act     string   `json:"act,omitempty"`
	Version int      `json:"version"`
	Hash    string   `json:"hash"`
	Summary string   `json:"summary,omitempty"`
	Totals  []Amount `json:"totals,omitempty"`
}

// mark tells which version there was.
func (a *sheet) mark() *told { return &told{Version: a.Version, Hash: hex.EncodeToString(a.Hash[:])} }

// tell writes the trail's row of what became of the approval.
func (d *Desk) tell(ctx context.Context, tx pgx.Tx, by Actor, a *sheet, act string, before *told, why string) error {
	after := a.mark()
	after.Act, after.Summary, after.Totals = a.Act, a.Effect.Summary, a.Effect.Totals
	deed := Deed{Actor: by, Book: a.Book, Act: act, Object: "approval:" + a.ID, Why: why, Approval: a.ID}
	var err error
	if deed.After, err = json.Marshal(after); err != nil {
		return err
	}
	if before != nil {
		if deed.Before, err = json.Marshal(before); err != nil {
			return err
		}
	}
	_, err = d.trail.RecordTx(ctx, tx, deed)
	return err
}
