package vault_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/vault"
)

// TestCheck tries right, missing and wrong master keys on what is stored under two.
func TestCheck(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := keyLine("m1", 1), keyLine("m2", 2)
	wrong := func(name string) string { return keyLine(name, 9) }
	check := func(want error, lines ...string) {
		t.Helper()
		if err := h.with(keys(t, lines...), "").Check(t.Context()); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	check(nil)
	check(nil, one)
	store := func(subject string, lines ...string) {
		t.Helper()
		err := h.tx(t, func(tx pgx.Tx) error {
			_, _, err := h.with(keys(t, lines...), "").PutTx(t.Context(), tx, vault.Owner{Book: 1}, subject, map[string]string{"name": "Canary Ann"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		store("payee:a", one)
		store("payee:b", one)
		store("payee:c", two)
	}
	check(nil, one, two)
	check(nil, two, one, wrong("m3"))
	check(vault.ErrClosed)
	check(vault.ErrMaster, one)
	check(vault.ErrMaster, two)
	check(vault.ErrMaster, one, wrong("m2"))
	check(vault.ErrMaster, wrong("m1"), two)
	if err := h.tx(t, func(tx pgx.Tx) error {
		return h.with(keys(t, keyLine("m3", 3)), "").BindTx(t.Context(), tx, vault.Owner{Book: 1}, "mail", "canary@example.test", "payee:a")
	}); err != nil {
		t.Fatal(err)
	}
	check(vault.ErrMaster, one, two)
	check(nil, one, two, keyLine("m3", 3))
}
