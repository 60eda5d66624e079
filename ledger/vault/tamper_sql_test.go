package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/ledger/vault"
)

// TestWhatIsMovedDoesNotOpen moves, swaps, puts back and removes what is stored, with the rights of the database's owner.
func TestWhatIsMovedDoesNotOpen(t *testing.T) {
	t.Parallel()
	const eve = "payee:eve"
	// Eve is in book 8 as well, Amy too.
	prepare := func(t *testing.T) house {
		h := newHouse(t)
		for _, o := range []vault.Owner{owner, {Book: 8}} {
			for _, subject := range []string{amy, eve} {
				fields := map[string]string{"name": "Name", "address": "Street 1", "bank_account": "12345678"}
				if _, _, err := put(t.Context(), h, h.Vault, o, subject, fields); err != nil {
					t.Fatal(err)
				}
			}
		}
		return h
	}
	move := func(column, from string) string {
		return `UPDATE vault_values AS v SET ` + column + ` = o.` + column + ` FROM vault_values AS o
			WHERE v.book_id = 7 AND v.subject = 'payee:cre_amy' AND v.field = 'address' AND ` + from
	}
	cases := map[string]struct {
		want error
		sql  []string
	}{
		"a value of another person": {vault.ErrBroken, []string{move("sealed", `o.book_id = 7 AND o.subject = 'payee:eve' AND o.field = 'address'`)}},
		"a value of another book":   {vault.ErrBroken, []string{move("sealed", `o.book_id = 8 AND o.subject = v.subject AND o.field = 'address'`)}},
		"a value of another field":  {vault.ErrBroken, []string{move("sealed", `o.book_id = 7 AND o.subject = v.subject AND o.field = 'name'`)}},
		"another version":           {vault.ErrBroken, []string{`UPDATE vault_values SET version = version + 1 WHERE book_id = 7 AND subject = 'payee:cre_amy' AND field = 'address'`}},
		"a bit":                     {vault.ErrBroken, []string{`UPDATE vault_values SET sealed = set_bit(sealed, 100, 1 - get_bit(sealed, 100)) WHERE book_id = 7 AND subject = 'payee:cre_amy' AND field = 'address'`}},
		"a value that is lost":      {vault.ErrBroken, []string{`DELETE FROM vault_values WHERE book_id = 7 AND subject = 'payee:cre_amy' AND field = 'name'`}},
		"all values lost":           {vault.ErrBroken, []string{`DELETE FROM vault_values WHERE book_id = 7 AND subject = 'payee:cre_amy'`}},
		"a field's name":            {vault.ErrBroken, []string{`UPDATE vault_values SET field = 'email' WHERE book_id = 7 AND subject = 'payee:cre_amy' AND field = 'address'`}},
		"a row of another person":   {vault.ErrBroken, []string{`UPDATE vault_values SET subject = 'payee:cre_amy', field = 'email' WHERE book_id = 7 AND subject = 'payee:eve' AND field = 'address'`}},
		"the count of the writings": {vault.ErrBroken, []string{`UPDATE vault_subjects SET version = version + 1 WHERE book_id = 7 AND subject = 'payee:cre_amy'`}},
		"the manifest":              {vault.ErrBroken, []string{`UPDATE vault_subjects SET manifest = set_bit(manifest, 1, 1 - get_bit(manifest, 1)) WHERE book_id = 7 AND subject = 'payee:cre_amy'`}},
		"the manifest of another":   {vault.ErrBroken, []string{`UPDATE vault_subjects AS s SET manifest = o.manifest FROM vault_subjects AS o WHERE s.book_id = 7 AND s.subject = 'payee:cre_amy' AND o.book_id = 7 AND o.subject = 'payee:eve'`}},
		"the key taken away":        {vault.ErrBroken, []string{`UPDATE vault_subjects SET wrapped = NULL, master = NULL, manifest = NULL WHERE book_id = 7 AND subject = 'payee:cre_amy'`}},
		"the key of another person": {vault.ErrMaster, []string{`UPDATE vault_subjects AS s SET wrapped = o.wrapped FROM vault_subjects AS o WHERE s.book_id = 7 AND s.subject = 'payee:cre_amy' AND o.book_id = 7 AND o.subject = 'payee:eve'`}},
		"the key of another book":   {vault.ErrMaster, []string{`UPDATE vault_subjects AS s SET wrapped = o.wrapped FROM vault_subjects AS o WHERE s.book_id = 7 AND s.subject = 'payee:cre_amy' AND o.book_id = 8 AND o.subject = s.subject`}},
		"the name of the master":    {vault.ErrMaster, []string{`UPDATE vault_subjects SET master = 'm0' WHERE book_id = 7 AND subject = 'payee:cre_amy'`}},
		"all that another person has": {vault.ErrMaster, []string{
			`UPDATE vault_subjects AS s SET wrapped = o.wrapped, manifest = o.manifest, version = o.version FROM vault_subjects AS o WHERE s.book_id = 7 AND s.subject = 'payee:cre_amy' AND o.book_id = 7 AND o.subject = 'payee:eve'`,
			`UPDATE vault_values AS v SET sealed = o.sealed, version = o.version FROM vault_values AS o WHERE v.book_id = 7 AND v.subject = 'payee:cre_amy' AND o.book_id = 7 AND o.subject = 'payee:eve' AND o.field = v.field`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := prepare(t)
			for _, sql := range c.sql {
				h.asOwner(t, sql)
			}
			if got, err := get(t.Context(), h, h.Vault, owner, amy); !errors.Is(err, c.want) || len(got) > 0 {
				t.Errorf("get: %v, %v", got, err)
			}
			_, _, err := put(t.Context(), h, h.Vault, owner, amy, map[string]string{"address": "Street 2"})
			if !errors.Is(err, c.want) {
				t.Errorf("put: %v", err)
			}
			if got, err := get(t.Context(), h, h.Vault, vault.Owner{Book: 8}, eve); err != nil || got["name"] != "Name" {
				t.Errorf("somebody else: %v, %v", got, err)
			}
		})
	}
}

// TestAnOlderValueDoesNotOpen puts back each older value of a field, with and without its version.
func TestAnOlderValueDoesNotOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	type kept struct {
		version int
		sealed  []byte
	}
	var older []kept
	for _, name := range []string{"First", "", "Second", "Third"} {
		h.put(t, amy, map[string]string{"name": name, "phone": fmt.Sprintf("1%d%d", len(older), len(name))})
		var k kept
		err := h.db.Pool.QueryRow(t.Context(), `SELECT version, sealed FROM vault_values WHERE field = 'name'`).Scan(&k.version, &k.sealed)
		if name != "" && err != nil {
			t.Fatal(err)
		}
		if name != "" {
			older = append(older, k)
		}
	}
	now := older[2]
	for i, k := range older[:2] {
		for _, version := range []int{k.version, now.version} {
			h.asOwner(t, `UPDATE vault_values SET version = $1, sealed = $2 WHERE field = 'name'`, version, k.sealed)
			if got, err := get(t.Context(), h, h.Vault, owner, amy, "name"); !errors.Is(err, vault.ErrBroken) {
				t.Errorf("value %d as version %d: %v, %v", i, version, got, err)
			}
			if got, err := h.Names(t.Context(), owner, []string{amy}); !errors.Is(err, vault.ErrBroken) {
				t.Errorf("value %d as version %d shows as the name: %v, %v", i, version, got, err)
			}
		}
	}
	h.asOwner(t, `UPDATE vault_values SET version = $1, sealed = $2 WHERE field = 'name'`, now.version, now.sealed)
	if got := h.get(t, amy, "name")["name"]; got != "Third" {
		t.Errorf("restored: %q", got)
	}
}

// TestEqualValuesLookDifferent stores the same value for many: nothing that is stored is equal.
func TestEqualValuesLookDifferent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 20 {
		h.put(t, fmt.Sprintf("payee:p%d", i), map[string]string{"name": "Same", "bank_holder": "Same"})
	}
	if n := h.count(t, `SELECT count(DISTINCT sealed) FROM vault_values`); n != 40 {
		t.Errorf("%d different values", n)
	}
	if n := h.count(t, `SELECT count(DISTINCT substring(sealed FROM 1 FOR 12)) FROM vault_values`); n != 40 {
		t.Errorf("%d different nonces", n)
	}
	if n := h.count(t, `SELECT count(DISTINCT substring(wrapped FROM 1 FOR 12)) FROM vault_subjects`); n != 20 {
		t.Errorf("%d different nonces of keys", n)
	}
}

// TestTheDatabaseRefuses tries with the application's rights what only a defect or an intruder would.
func TestTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	h.put(t, "payee:gone", canaries())
	h.bind(t, "gone@example.test", "payee:gone")
	if err := h.erase(t.Context(), "payee:gone"); err != nil {
		t.Fatal(err)
	}
	if err := h.tx(t, func(tx pgx.Tx) error {
		_, err := h.HoldTx(t.Context(), tx, owner, amy, start.AddDate(1, 0, 0), "court")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for sql, state := range map[string]string{
		// Erasure is for good.
		`UPDATE vault_subjects SET erased_at = NULL WHERE subject = 'payee:gone'`:                                                          "42501",
		`UPDATE vault_subjects SET closed_at = created_at WHERE subject = 'payee:gone'`:                                                    "42501",
		`DELETE FROM vault_subjects WHERE subject = 'payee:gone'`:                                                                          "42501",
		`TRUNCATE vault_subjects CASCADE`:                                                                                                  "42501",
		`UPDATE vault_subjects SET subject = 'payee:other' WHERE subject = 'payee:gone'`:                                                   "42501",
		`INSERT INTO vault_values SELECT book_id, 'payee:gone', field, version, sealed, written_at FROM vault_values WHERE field = 'name'`: "42501",
		`INSERT INTO vault_lookups VALUES (7, 'email', decode(repeat('00', 32), 'hex'), 'payee:gone')`:                                     "42501",
		`INSERT INTO vault_subjects (book_id, subject, created_at, erased_at, master, wrapped, manifest) SELECT 9, subject, created_at, created_at, master, wrapped, manifest FROM vault_subjects WHERE erased_at IS NULL`: "23514",
		// Who is held is kept.
		`UPDATE vault_subjects SET erased_at = created_at, wrapped = NULL, master = NULL, manifest = NULL WHERE subject = 'payee:cre_amy'`: "23514",
		// A key is whole or not there, and versions go forward.
		`UPDATE vault_subjects SET wrapped = NULL WHERE subject = 'payee:cre_amy'`:                                      "23514",
		`UPDATE vault_subjects SET manifest = NULL WHERE subject = 'payee:cre_amy'`:                                     "23514",
		`UPDATE vault_subjects SET wrapped = '\x00' WHERE subject = 'payee:cre_amy'`:                                    "23514",
		`UPDATE vault_subjects SET version = 0 WHERE subject = 'payee:cre_amy'`:                                         "42501",
		`UPDATE vault_subjects SET created_at = created_at WHERE subject = 'payee:cre_amy'`:                             "42501",
		`UPDATE vault_subjects SET book_id = 8 WHERE subject = 'payee:cre_amy'`:                                         "42501",
		`UPDATE vault_values SET field = 'email' WHERE field = 'name'`:                                                  "42501",
		`UPDATE vault_values SET sealed = '\x00' WHERE field = 'name'`:                                                  "23514",
		`INSERT INTO vault_values SELECT book_id, 'payee:nobody', field, version, sealed, written_at FROM vault_values`: "23503",
		`INSERT INTO vault_index_key SELECT false, master, wrapped FROM vault_subjects WHERE wrapped IS NOT NULL`:       "23514",
		`DELETE FROM vault_index_key`:                         "42501",
		`UPDATE vault_lookups SET subject = 'payee:cre_amy'`:  "42501",
		`INSERT INTO vault_retention VALUES (7, 1, 0, now())`: "23514",
		`DELETE FROM vault_retention`:                         "42501",
		`UPDATE vault_retention SET days = 1`:                 "42501",
		`ALTER TABLE vault_subjects DISABLE TRIGGER ALL`:      "42501",
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql); postgres.SQLState(err) != state {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := h.get(t, amy); len(got) != len(canaries()) {
		t.Error("something was changed")
	}
	if text := h.everything(t); strings.Count(text, "payee:gone") != 1 {
		t.Errorf("of somebody erased there is more than their row")
	}
}

// TestWritingWaitsForAnErasure tries, with the application's rights and past the program, to store something of a person
// whose erasure is under way: it has to wait.
func TestWritingWaitsForAnErasure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	h.bind(t, "a@b", amy)
	err := h.tx(t, func(tx pgx.Tx) error {
		if _, err := h.EraseTx(t.Context(), tx, owner, amy); err != nil {
			return err
		}
		for _, sql := range []string{
			`INSERT INTO vault_values (book_id, subject, field, version, sealed, written_at)
				SELECT book_id, subject, 'extra', version, sealed, written_at FROM vault_values WHERE field = 'name'`,
			`INSERT INTO vault_lookups (book_id, kind, digest, subject) SELECT book_id, 'extra', digest, subject FROM vault_lookups`,
		} {
			err := h.db.Pool.Tx(t.Context(), func(other pgx.Tx) error {
				if _, err := other.Exec(t.Context(), `SET LOCAL lock_timeout = '50ms'`); err != nil {
					return err
				}
				_, err := other.Exec(t.Context(), sql)
				return err
			})
			if postgres.SQLState(err) != "55P03" {
				t.Errorf("%s: %v", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `SELECT (SELECT count(*) FROM vault_values) + (SELECT count(*) FROM vault_lookups)`); n != 0 {
		t.Errorf("%d things are left", n)
	}
}
