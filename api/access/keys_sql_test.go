package access_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/api/access"
	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// TestOnlyTheHashIsStored looks for the secret in what is stored, and shows that the application cannot change a hash.
func TestOnlyTheHashIsStored(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := access.New(db.Pool, access.Options{Now: func() time.Time { return start }})
	key, bearer, err := s.Create(t.Context(), operator, access.NewKey{Name: "n", Scopes: access.Scopes()})
	if err != nil {
		t.Fatal(err)
	}
	secret := bearer[len(bearer)-43:]
	var hash []byte
	var found bool
	row := db.Pool.QueryRow(t.Context(), `SELECT secret_hash, strpos(k::text, $2) > 0 FROM api_keys k WHERE id = $1`, key.ID, secret)
	if err := row.Scan(&hash, &found); err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256([]byte(secret)); found || string(hash) != string(want[:]) {
		t.Errorf("stored is %x, with the secret: %v", hash, found)
	}
	for _, sql := range []string{`UPDATE api_keys SET secret_hash = $1`, `UPDATE api_keys SET scopes = ARRAY[encode($1, 'hex')]`, `DELETE FROM api_keys WHERE secret_hash = $1`} {
		if _, err := db.Pool.Exec(t.Context(), sql, hash); postgres.SQLState(err) != "42501" {
			t.Errorf("the application may %s: %v", sql, err)
		}
	}
}

// TestTwins makes and revokes a key inside a caller's transaction: nothing of it stays if that is rolled back.
func TestTwins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c := &clock{at: start}
	s := access.New(db.Pool, access.Options{Now: c.now})
	back := errors.New("roll back")
	for _, end := range []error{back, nil} {
		var key access.Key
		var bearer string
		err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) (err error) {
			if key, bearer, err = s.CreateTx(t.Context(), tx, operator, access.NewKey{Name: "n", Scopes: access.Scopes()}); err != nil {
				return err
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), bearer, ""); (err == nil) != (end == nil) {
			t.Errorf("after %v: %v", end, err)
		}
		if end != nil {
			continue
		}
		if err := db.Pool.Tx(t.Context(), func(tx pgx.Tx) error { return s.RevokeTx(t.Context(), tx, operator, key.ID, "") }); err != nil {
			t.Fatal(err)
		}
		c.forward(time.Second)
		if _, err := s.Authenticate(t.Context(), bearer, ""); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("after its revocation: %v", err)
		}
	}
}
