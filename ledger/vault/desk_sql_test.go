package vault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

// TestDestinationNeedsASecondPerson takes a destination the whole way: staged by one, approved by another, in force then,
// with the trail and the approval holding nothing of it.
func TestDestinationNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	desk := guard.NewDesk(h.db.Pool, h.trail, h.clock.now, h.Acts(noRegion))
	bob := guard.Actor{Kind: guard.Person, ID: "pe_bob", Person: "pe_bob"}
	h.put(t, amy, map[string]string{"name": "Canary Amy"})
	fields := map[string]string{"bank_account": "GB82 WEST 1234 5698 7654 32", "bank_holder": "Canary Amy", "bank_code": "CANADEFFXXX"}
	request := func(digest [32]byte) guard.Request {
		return guard.Request{Act: vault.ActDestination, Payload: payload(amy, digest), Reason: "moved to another bank", Document: "letter 12"}
	}
	ask := func(digest [32]byte) guard.Approval {
		t.Helper()
		a, err := desk.Ask(t.Context(), ann, book, request(digest))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if _, err := desk.Ask(t.Context(), ann, book, request([32]byte{1})); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Errorf("nothing was staged: %v", err)
	}
	old := ask(h.stage(t, amy, fields))
	h.clock.move(time.Minute)
	a := ask(h.stage(t, amy, fields))
	// What was staged over is void, and nobody approves their own.
	if _, err := desk.Approve(t.Context(), bob, book, old.ID, old.Hash, "fine"); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Errorf("what was staged over: %v", err)
	}
	if _, err := desk.Approve(t.Context(), ann, book, a.ID, a.Hash, "fine"); !errors.Is(err, guard.ErrSelfApproval) {
		t.Errorf("their own: %v", err)
	}
	if got := h.get(t, amy, "bank_account"); len(got) != 0 {
		t.Fatal("the money went elsewhere already")
	}
	done, err := desk.Approve(t.Context(), bob, book, a.ID, a.Hash, "called them back")
	if err != nil || done.State != guard.StateDone {
		t.Fatalf("%s, %v", done.State, err)
	}
	got := h.get(t, amy)
	for name, value := range fields {
		if got[name] != value {
			t.Errorf("%s is not what was staged", name)
		}
	}
	// The next one is a change. If the one in force changes meanwhile, the second person has to look again.
	h.clock.move(time.Minute)
	next := ask(h.stage(t, amy, map[string]string{"bank_account": "33334444", "bank_holder": "Canary Amy"}))
	if next.Effect.Summary == a.Effect.Summary || len(next.Effect.Difference) == 0 {
		t.Errorf("%+v", next.Effect)
	}
	h.clock.move(time.Minute)
	h.put(t, amy, map[string]string{"name": "Canary Bea"})
	if _, err := desk.Approve(t.Context(), bob, book, next.ID, next.Hash, "fine"); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Errorf("after the name changed: %v", err)
	}
	again, err := desk.Approval(t.Context(), book, next.ID)
	if err != nil || len(again.Effect.Warnings) != 1 {
		t.Fatalf("%+v, %v", again.Effect, err)
	}
	if _, err := desk.Approve(t.Context(), bob, book, next.ID, again.Hash, "seen"); err != nil {
		t.Error(err)
	}
	fields["next"], fields["name"] = "33334444", "Canary Bea"
	wantHidden(t, "the tables", h.everything(t), fields)
	wantHidden(t, "the approvals", fmt.Sprintf("%+v %+v %s %s", done, again, done.Payload, done.Result), fields)
	if _, err := h.trail.Verify(t.Context(), book); err != nil {
		t.Error(err)
	}
	if rows := h.rows(t); len(rows) < 8 {
		t.Errorf("only %d rows", len(rows))
	}
}
