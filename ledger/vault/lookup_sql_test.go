package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/vault"
)

func (h house) bind(t testing.TB, value, subject string) {
	t.Helper()
	if err := h.tx(t, func(tx pgx.Tx) error { return h.BindTx(t.Context(), tx, owner, "email", value, subject) }); err != nil {
		t.Fatal(err)
	}
}

func (h house) find(t testing.TB, value string) (subject string) {
	t.Helper()
	err := h.tx(t, func(tx pgx.Tx) (err error) {
		subject, err = h.FindTx(t.Context(), tx, owner, "email", value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

func TestLookups(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := h.find(t, "amy@example.test"); got != "" {
		t.Errorf("found %q in an empty vault", got)
	}
	if n := h.count(t, `SELECT count(*) FROM vault_index_key`); n != 0 {
		t.Error("looking made a key")
	}
	h.bind(t, " Amy@Example.Test ", amy)
	h.bind(t, "amy@example.test", amy)
	for value, want := range map[string]string{"amy@example.test": amy, "AMY@EXAMPLE.TEST\t": amy, "amy@example.tes": "", "amy @example.test": ""} {
		if got := h.find(t, value); got != want {
			t.Errorf("%q finds %q", value, got)
		}
	}
	// Kinds and books are apart, and only mail is compared without case.
	err := h.tx(t, func(tx pgx.Tx) error {
		if err := h.BindTx(t.Context(), tx, owner, "oidc", "Issuer|Sub", amy); err != nil {
			return err
		}
		for _, c := range []struct {
			owner             vault.Owner
			kind, value, want string
		}{
			{owner, "oidc", "Issuer|Sub", amy}, {owner, "oidc", "issuer|sub", ""}, {owner, "oidc", " Issuer|Sub", ""},
			{owner, "oidc", "amy@example.test", ""}, {vault.Owner{Book: 8}, "email", "amy@example.test", ""}, {vault.Owner{}, "email", "amy@example.test", ""},
		} {
			if got, err := h.FindTx(t.Context(), tx, c.owner, c.kind, c.value); err != nil || got != c.want {
				t.Errorf("%+v: %q, %v", c, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = h.tx(t, func(tx pgx.Tx) error {
		return h.BindTx(t.Context(), tx, owner, "email", "amy@example.test", "payee:eve")
	})
	wantCode(t, err, "/value", "taken")
	if err != nil && strings.Contains(err.Error(), "amy") {
		t.Error("the error tells whose it is")
	}
	// A new address takes the place of the old one.
	h.bind(t, "new@example.test", amy)
	if got := h.find(t, "amy@example.test"); got != "" {
		t.Errorf("the old address still finds %q", got)
	}
	h.bind(t, "amy@example.test", "payee:eve")
	if err := h.erase(t.Context(), amy); err != nil {
		t.Fatal(err)
	}
	if got := h.find(t, "new@example.test"); got != "" {
		t.Errorf("somebody erased is found: %q", got)
	}
	err = h.tx(t, func(tx pgx.Tx) error { return h.BindTx(t.Context(), tx, owner, "email", "new@example.test", amy) })
	if !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
	for value, code := range map[string]string{"": "text", " ": "text", strings.Repeat("a", 1025): "text", "\xff": "text"} {
		err := h.tx(t, func(tx pgx.Tx) error { return h.BindTx(t.Context(), tx, owner, "email", value, "payee:eve") })
		wantCode(t, err, "/value", code)
		err = h.tx(t, func(tx pgx.Tx) error { _, err := h.FindTx(t.Context(), tx, owner, "email", value); return err })
		wantCode(t, err, "/value", code)
	}
	err = h.tx(t, func(tx pgx.Tx) error { return h.BindTx(t.Context(), tx, owner, "E-Mail", "a@b", "payee:eve") })
	wantCode(t, err, "/kind", "format")
}

// TestBindingRaces lets fifty persons bind the same address in a fresh vault, over two services: one gets it, and one key
// of the digests is made.
func TestBindingRaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.with(keys(t, keyLine("m2", 2), keyLine("m1", 1)), "")
	h.Vault = h.with(keys(t, keyLine("m1", 1), keyLine("m2", 2)), "")
	var group sync.WaitGroup
	var won atomic.Int32
	for i := range 50 {
		group.Go(func() {
			v := h.Vault
			if i%2 == 1 {
				v = second
			}
			err := h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
				return v.BindTx(t.Context(), tx, owner, "email", "one@example.test", fmt.Sprintf("payee:p%d", i))
			})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, vault.ErrInvalid) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || h.find(t, "one@example.test") == "" {
		t.Errorf("%d got it", won.Load())
	}
	if n := h.count(t, `SELECT count(*) FROM vault_index_key`); n != 1 {
		t.Errorf("%d keys", n)
	}
}
