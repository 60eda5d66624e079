package console

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"mizan/api/access"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Decisions about approvals: forms that approve what was looked at, refuse it with a reason, or take it back.

// decisionTimeout bounds a decision, in which what was approved runs.
const decisionTimeout = 30 * time.Second

// decision is one of the buttons under an approval.
type decision struct {
	scope access.Scope
	make  func(ctx context.Context, d *guard.Desk, by guard.Actor, book guard.Book, id string, f givenDecision) error
}

// givenDecision is what the form says.
type givenDecision struct {
	hash   [32]byte
	reason string
}

var errHash = fault.New(fault.Malformed, "approval-hash", "The form does not say what you looked at. Nothing was decided. Load the page again.")

var decisions = map[string]decision{
	"approve": {access.ApprovalsDecide, func(ctx context.Context, d *guard.Desk, by guard.Actor, book guard.Book, id string, f givenDecision) error {
		_, err := d.Approve(ctx, by, book, id, f.hash, f.reason)
		return err
	}},
	"refuse": {access.ApprovalsDecide, func(ctx context.Context, d *guard.Desk, by guard.Actor, book guard.Book, id string, f givenDecision) error {
		_, err := d.Refuse(ctx, by, book, id, f.reason)
		return err
	}},
	"withdraw": {access.ApprovalsWrite, func(ctx context.Context, d *guard.Desk, by guard.Actor, book guard.Book, id string, f givenDecision) error {
		_, err := d.Withdraw(ctx, by, book, id, f.reason)
		return err
	}},
}

// decided makes the handler of a decision. It ends on the page of the approval, which shows the outcome, or why nothing
// was decided.
func (c *console) decided(d decision) http.HandlerFunc {
	return c.form(func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), decisionTimeout)
		defer cancel()
		v, o, err := c.staffOf(ctx, r, access.ApprovalsRead)
		if err != nil {
			return err
		}
		if err := v.principal().Allow(d.scope, o.Code); err != nil {
			return access.ErrForbidden
		}
		id := r.PathValue("id")
		f := givenDecision{reason: r.PostForm.Get("reason")}
		given, err := hex.DecodeString(r.PostForm.Get("hash"))
		if err != nil || len(given) != len(f.hash) {
			return errHash
		}
		copy(f.hash[:], given)
		err = d.make(ctx, c.Desk, v.actor(), o.Book, id, f)
		if err == nil {
			http.Redirect(w, r, o.At+"/approvals/"+id, http.StatusSeeOther)
			return nil
		}
		return c.undecided(ctx, w, r, v, o, err)
	})
}

// undecided shows the approval as it stands now, and why nothing was decided.
func (c *console) undecided(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, o whose, cause error) error {
	var known *fault.Error
	if !errors.As(cause, &known) || known.Kind == fault.Internal || known.Kind == fault.NotFound {
		return cause
	}
	a, err := c.approvalOf(ctx, v, o, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := a.Data.(approvalPage)
	p.GivenReason = r.PostForm.Get("reason")
	a.Data, a.Status = p, statusOf(known.Kind)
	t := tellerOf(ctx)
	a.Notice = &notice{Heading: t.say("approvals.undecided"), Message: t.problem(known)}
	for _, f := range known.Fields {
		a.Notice.Fields = append(a.Notice.Fields, f.Message)
	}
	c.render(w, r, a.Status, "approval", a)
	return nil
}
