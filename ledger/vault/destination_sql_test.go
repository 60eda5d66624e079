package vault_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

func noRegion(context.Context, guard.Book) (string, error) { return "", nil }

func payload(subject string, digest [32]byte) json.RawMessage {
	return json.RawMessage(`{"subject":"` + subject + `","digest":"` + hex.EncodeToString(digest[:]) + `"}`)
}

// act is the act of the vault.
func act(t testing.TB, v *vault.Vault) guard.Act {
	t.Helper()
	acts := v.Acts(noRegion)
	if len(acts) != 1 || acts[0].Name != "payee.destination" || !acts[0].OfBook || !acts[0].Evidence {
		t.Fatalf("%+v", acts)
	}
	return acts[0]
}

// destination runs what was approved.
func (h house) destination(t testing.TB, subject string, digest [32]byte) (result json.RawMessage, err error) {
	t.Helper()
	err = h.tx(t, func(tx pgx.Tx) (err error) {
		result, err = act(t, h.Vault).Run(t.Context(), tx, guard.Approval{Book: book, Request: guard.Request{Payload: payload(subject, digest)}})
		return err
	})
	return result, err
}

func (h house) effect(t testing.TB, subject string, digest [32]byte) (guard.Effect, error) {
	t.Helper()
	kept, effect, err := act(t, h.Vault).Effect(t.Context(), book, payload(subject, digest))
	if err == nil && string(kept) != string(payload(subject, digest)) {
		t.Errorf("kept %s", kept)
	}
	return effect, err
}

func (h house) stage(t testing.TB, subject string, fields map[string]string) [32]byte {
	t.Helper()
	digest, err := h.Stage(t.Context(), ann, owner, book, subject, fields, "moved to another bank")
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestDestination(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, map[string]string{"name": "Amy  Smith"})
	before := map[string]string{"bank_account": "11110000", "bank_holder": "amy smith", "bank_code": "12-34-56"}
	next := map[string]string{"bank_account": "22220000", "bank_holder": "Somebody Else", "bank_code": ""}
	one := h.stage(t, amy, before)
	// Nothing of it shows.
	if p, err := h.Person(t.Context(), owner, amy); err != nil || cmp.Diff([]string{"name"}, p.Fields) != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if got := h.get(t, amy); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if _, err := get(t.Context(), h, h.Vault, owner, amy, "next_bank_account"); !errors.Is(err, vault.ErrInvalid) {
		t.Error(err)
	}
	effect, err := h.effect(t, amy, one)
	want := guard.Effect{Summary: "The first destination of payee:cre_amy: their money goes there from now on.", Count: 1,
		Difference: []string{"bank_account is new.", "bank_holder is new.", "bank_code is new."}}
	if err != nil || cmp.Diff(want, effect) != "" {
		t.Error(err, cmp.Diff(want, effect))
	}
	result, err := h.destination(t, amy, one)
	if err != nil || string(result) != `{"subject":"payee:cre_amy","fields":["bank_account","bank_holder","bank_code"],"first":true}` {
		t.Errorf("%s, %v", result, err)
	}
	before["name"] = "Amy  Smith"
	if got := h.get(t, amy); cmp.Diff(before, got) != "" {
		t.Error(cmp.Diff(before, got))
	}
	h.clock.move(50 * 24 * time.Hour)
	two := h.stage(t, amy, next)
	if _, err := h.end(t, amy, start); err != nil {
		t.Fatal(err)
	}
	effect, err = h.effect(t, amy, two)
	want = guard.Effect{Summary: "Another destination for payee:cre_amy: their money goes there from now on.", Count: 1,
		Difference: []string{"The destination until now has stood since 2026-11-20.", "bank_account is another.", "bank_holder is another.", "bank_code is removed."},
		Warnings:   []string{"The holder of the new account does not have the name on record.", "The business with this person has ended."}}
	if err != nil || cmp.Diff(want, effect) != "" {
		t.Error(err, cmp.Diff(want, effect))
	}
	if result, err := h.destination(t, amy, two); err != nil || string(result) != `{"subject":"payee:cre_amy","fields":["bank_account","bank_holder"],"first":false}` {
		t.Errorf("%s, %v", result, err)
	}
	if got := h.get(t, amy); cmp.Diff(map[string]string{"name": "Amy  Smith", "bank_account": "22220000", "bank_holder": "Somebody Else"}, got) != "" {
		t.Error(got)
	}
	if n := h.count(t, `SELECT count(*) FROM vault_values WHERE field LIKE 'next%'`); n != 0 {
		t.Errorf("%d staged values are left", n)
	}
	// The slot is empty: neither runs again.
	for _, digest := range [][32]byte{one, two, {}} {
		if _, err := h.destination(t, amy, digest); !errors.Is(err, guard.ErrApprovalChanged) {
			t.Error(err)
		}
		if _, err := h.effect(t, amy, digest); !errors.Is(err, guard.ErrApprovalChanged) {
			t.Error(err)
		}
	}
	wantHidden(t, "the tables", h.everything(t), map[string]string{"old": "11110000", "next": "22220000", "holder": "Somebody Else", "code": "12-34-56"})
}

// TestRestagingVoids stages again: what was approved before does not run, even if it is the same.
func TestRestagingVoids(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fields := map[string]string{"bank_account": "11110000", "bank_holder": "Amy"}
	one, two := h.stage(t, amy, fields), h.stage(t, amy, fields)
	other := h.stage(t, "payee:eve", fields)
	if one == two || two == other || one == ([32]byte{}) {
		t.Error("the same digest twice")
	}
	for _, digest := range [][32]byte{one, other} {
		if _, err := h.destination(t, amy, digest); !errors.Is(err, guard.ErrApprovalChanged) {
			t.Error(err)
		}
	}
	three := h.stage(t, amy, map[string]string{"bank_account": "11110000"})
	if _, err := h.destination(t, amy, two); !errors.Is(err, guard.ErrApprovalChanged) {
		t.Error(err)
	}
	// What belongs to somebody else's field may change meanwhile, also through another service.
	h.put(t, amy, map[string]string{"phone": "110"})
	if _, err := h.destination(t, amy, three); err != nil {
		t.Error(err)
	}
	if got := h.get(t, amy, "bank_account", "bank_holder"); cmp.Diff(map[string]string{"bank_account": "11110000"}, got) != "" {
		t.Error(got)
	}
	four := h.stage(t, amy, fields)
	if err := h.erase(t.Context(), amy); err != nil {
		t.Fatal(err)
	}
	if _, err := h.destination(t, amy, four); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
	if _, err := h.effect(t, amy, four); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
}

func TestDestinationsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct {
		fields        map[string]string
		pointer, code string
	}{
		{nil, "/fields/bank_account", "required"},
		{map[string]string{"bank_account": ""}, "/fields/bank_account", "required"},
		{map[string]string{"bank_holder": "Amy"}, "/fields/bank_account", "required"},
		{map[string]string{"bank_account": "12345678", "name": "Amy"}, "/fields", "field-bank"},
		{map[string]string{"bank_account": "12345678", "next_bank_account": "12345678"}, "/fields", "field-bank"},
		{map[string]string{"bank_account": "4111111111111111"}, "/fields/bank_account", "card-number"},
		{map[string]string{"bank_account": "1234\n5678"}, "/fields/bank_account", "not-printable"},
	} {
		_, err := h.Stage(t.Context(), ann, owner, book, amy, c.fields, "moved")
		wantCode(t, err, c.pointer, c.code)
	}
	_, err := h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, "now 12345678")
	wantCode(t, err, "/reason", "reason-personal")
	if n := h.count(t, `SELECT count(*) FROM vault_subjects`); n != 0 {
		t.Error("something was stored")
	}
	digest := hex.EncodeToString(make([]byte, 32))
	for _, text := range []string{"", "null", "[]", "{}", `{"subject":"payee:x"}`, `{"subject":"x","digest":"` + digest + `"}`, `{"subject":"payee:x","digest":"00"}`,
		`{"subject":"payee:x","digest":"` + strings.Repeat("zz", 32) + `"}`, `{"subject":"payee:x","digest":"` + digest + `","bank_account":"12345678"}`,
		`{"subject":"payee:x","digest":"` + digest + `"} {}`} {
		if _, _, err := act(t, h.Vault).Effect(t.Context(), book, json.RawMessage(text)); !errors.Is(err, guard.ErrApprovalInvalid) || strings.Contains(err.Error(), "12345678") {
			t.Errorf("%s: %v", text, err)
		}
	}
	// Regions are kept here too.
	there := h.with(keys(t, keyLine("m1", 1)), "eu").Acts(func(context.Context, guard.Book) (string, error) { return "ae", nil })[0]
	if _, _, err := there.Effect(t.Context(), book, payload(amy, [32]byte{})); !errors.Is(err, vault.ErrRegion) {
		t.Error(err)
	}
	lost := errors.New("no such book")
	unknown := h.Acts(func(context.Context, guard.Book) (string, error) { return "", lost })[0]
	if _, _, err := unknown.Effect(t.Context(), book, payload(amy, [32]byte{})); !errors.Is(err, lost) {
		t.Error(err)
	}
	// A digest of another master key's vault, or without a key, runs nothing.
	kept := h.stage(t, amy, map[string]string{"bank_account": "12345678"})
	closed := h
	closed.Vault = h.with(vault.Keys{}, "")
	if _, err := closed.destination(t, amy, kept); !errors.Is(err, vault.ErrClosed) {
		t.Error(err)
	}
}

// TestDestinationRuns lets fifty run the same at once: one does, and each digest bit counts.
func TestDestinationRunsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	kept := h.stage(t, amy, map[string]string{"bank_account": "12345678"})
	for bit := range 256 {
		forged := kept
		forged[bit/8] ^= 1 << (bit % 8)
		if _, err := h.effect(t, amy, forged); !errors.Is(err, guard.ErrApprovalChanged) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	var group sync.WaitGroup
	var ran atomic.Int32
	for range 50 {
		group.Go(func() {
			switch _, err := h.destination(t, amy, kept); {
			case err == nil:
				ran.Add(1)
			case !errors.Is(err, guard.ErrApprovalChanged):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if ran.Load() != 1 {
		t.Errorf("ran %d times", ran.Load())
	}
	back := errors.New("roll back")
	again := h.stage(t, amy, map[string]string{"bank_account": "87654321"})
	err := h.tx(t, func(tx pgx.Tx) error {
		if _, err := act(t, h.Vault).Run(t.Context(), tx, guard.Approval{Book: book, Request: guard.Request{Payload: payload(amy, again)}}); err != nil {
			return err
		}
		return back
	})
	if got := h.get(t, amy)["bank_account"]; !errors.Is(err, back) || got != "12345678" {
		t.Errorf("%v: %s", err, fmt.Sprint(len(got)))
	}
}
