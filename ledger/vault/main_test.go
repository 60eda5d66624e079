package vault_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"mizan/ledger/guard"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
)

// TestMain proves that no test of the package leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// keyLine is a line of the file of master keys, with a key that is obviously none.
func keyLine(name string, filler byte) string {
	return name + "=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{filler}, 32)) + "\n"
}

func keys(t testing.TB, lines ...string) vault.Keys {
	t.Helper()
	k, err := vault.ParseKeys(strings.Join(lines, ""))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// house is a vault with its database, clock and trail.
type house struct {
	*vault.Vault
	db    *pgtest.DB
	clock *clock
	trail *guard.Trail
}

func newHouse(t testing.TB, opts ...pgtest.Option) house {
	t.Helper()
	db := pgtest.New(t, opts...)
	c := newClock()
	h := house{db: db, clock: c, trail: guard.NewTrail(db.Pool, c.now)}
	h.Vault = h.with(keys(t, keyLine("m1", 1)), "")
	return h
}

// with is another vault on the same database.
func (h house) with(k vault.Keys, region string) *vault.Vault {
	return vault.New(h.db.Pool, vault.Options{Now: h.clock.now, Keys: k, Region: region, Trail: h.trail})
}

var (
	owner = vault.Owner{Book: 7}
	book  = guard.Book{ID: 7, Code: "demo"}
	ann   = guard.Actor{Kind: guard.Person, ID: "pe_ann", Person: "pe_ann", Address: "192.0.2.1", RequestID: "r1"}
)

const amy = "payee:cre_amy"

// tx runs do in a transaction of its own.
func (h house) tx(t testing.TB, do func(tx pgx.Tx) error) error {
	t.Helper()
	return h.db.Pool.Tx(t.Context(), do)
}

func put(ctx context.Context, h house, v *vault.Vault, o vault.Owner, subject string, fields map[string]string) (p vault.Person, changed []string, err error) {
	err = h.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		p, changed, err = v.PutTx(ctx, tx, o, subject, fields)
		return err
	})
	return p, changed, err
}

func get(ctx context.Context, h house, v *vault.Vault, o vault.Owner, subject string, names ...string) (fields map[string]string, err error) {
	err = h.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		fields, err = v.GetTx(ctx, tx, o, subject, names)
		return err
	})
	return fields, err
}

// put stores and fails the test if that fails.
func (h house) put(t testing.TB, subject string, fields map[string]string) vault.Person {
	t.Helper()
	p, _, err := put(t.Context(), h, h.Vault, owner, subject, fields)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h house) get(t testing.TB, subject string, names ...string) map[string]string {
	t.Helper()
	fields, err := get(t.Context(), h, h.Vault, owner, subject, names...)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func (h house) erase(ctx context.Context, subject string) error {
	return h.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		_, err := h.EraseTx(ctx, tx, owner, subject)
		return err
	})
}

// asOwner runs a statement with the rights of the database's owner, behind the program's back.
func (h house) asOwner(t testing.TB, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	tag, err := conn.Exec(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	if tag.RowsAffected() == 0 && !strings.HasPrefix(strings.TrimSpace(sql), "ALTER") {
		t.Fatalf("nothing was changed by %s", sql)
	}
}

// everything is each row of each table as text.
func (h house) everything(t testing.TB) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), `SELECT t::text FROM `+table+` AS t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, table, lines)
	}
	return all.String()
}

// wantHidden fails if a value stands in the text, as it is or as PostgreSQL writes bytes.
func wantHidden(t testing.TB, where, text string, values map[string]string) {
	t.Helper()
	text = strings.ToLower(text)
	for name, value := range values {
		for _, form := range []string{value, fmt.Sprintf("%x", value), base64.StdEncoding.EncodeToString([]byte(value))} {
			if value != "" && strings.Contains(text, strings.ToLower(form)) {
				t.Errorf("%s: the value of %s shows", where, name)
			}
		}
	}
}

// canaries are values for every field that stand nowhere else.
func canaries() map[string]string {
	return map[string]string{
		"name":         "Canary Quillfeather",
		"email":        "canary.quill@example.test",
		"phone":        "+49 151 2345 6789",
		"address":      "17 Canary Row, Wharfton",
		"birth_date":   "1987-06-05",
		"national_id":  "CANARYID-88",
		"document":     "passport CANARYPASS, Wharfland",
		"tax_id":       "CANARYTAX-12",
		"bank_account": "DE89 3704 0044 0532 0130 00",
		"bank_holder":  "Canary Quillfeather Ltd",
		"bank_code":    "CANADEFFXXX",
	}
}
