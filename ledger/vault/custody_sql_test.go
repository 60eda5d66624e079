package vault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/ledger/vault"
)

func guardFilter(act string) guard.Filter { return guard.Filter{Act: act} }

// rows are the trail of the book.
func (h house) rows(t testing.TB) []guard.Row {
	t.Helper()
	rows, err := h.trail.Rows(t.Context(), book, guard.Filter{}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestEachActHasItsRow does each recorded act once and compares the whole trail.
func TestEachActHasItsRow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	if _, changed, err := h.Write(ctx, ann, owner, book, amy, map[string]string{"name": "Amy", "email": "amy@example.test", "tax_id": "T-1"}, "joined"); err != nil || len(changed) != 3 {
		t.Fatal(changed, err)
	}
	if _, changed, err := h.Write(ctx, ann, owner, book, amy, map[string]string{"name": "Amy", "tax_id": ""}, "left the country"); err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	fields, p, err := h.Read(ctx, ann, owner, book, amy, []string{"name", "bank_account"}, "asked by phone")
	if err != nil || cmp.Diff(map[string]string{"name": "Amy"}, fields) != "" || cmp.Diff([]string{"name", "email"}, p.Fields) != "" {
		t.Fatal(fields, p, err)
	}
	if fields, _, err = h.Read(ctx, ann, owner, book, amy, nil, "line one\nline two"); err != nil || len(fields) != 2 {
		t.Fatal(fields, err)
	}
	if fields, p, err := h.Read(ctx, ann, owner, book, "payee:none", nil, "who?"); err != nil || len(fields) != 0 || p.Subject != "" {
		t.Fatal(fields, p, err)
	}
	until := start.AddDate(0, 1, 0)
	if p, err := h.Hold(ctx, ann, owner, book, amy, until, "court"); err != nil || p.HeldUntil != until {
		t.Fatal(p, err)
	}
	if p, err := h.Hold(ctx, ann, owner, book, amy, start, "over"); err != nil || !p.HeldUntil.IsZero() {
		t.Fatal(p, err)
	}
	if p, err := h.Close(ctx, ann, owner, book, amy, start, "left"); err != nil || p.ClosedAt != start {
		t.Fatal(p, err)
	}
	if err := h.SetRetention(ctx, ann, owner, book, 400, "law"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Export(ctx, ann, owner, book, amy, "their right"); err != nil {
		t.Fatal(err)
	}
	if p, err := h.Erase(ctx, ann, owner, book, amy, "asked for it"); err != nil || p.ErasedAt != start {
		t.Fatal(p, err)
	}
	if p, err := h.Erase(ctx, ann, owner, book, amy, "again"); err != nil || p.ErasedAt != start {
		t.Fatal(p, err)
	}
	var got []string
	for _, r := range h.rows(t) {
		if r.Actor != ann || r.Book.ID != book.ID {
			t.Errorf("%+v", r)
		}
		got = append(got, fmt.Sprintf("%s %s %s > %s: %s", r.Act, r.Object, r.Before, r.After, strings.ReplaceAll(r.Why, "\n", "|")))
	}
	want := []string{
		`personal.written payee:cre_amy  > {"fields":["name","email","tax_id"],"classes":["contact","tax"]}: joined`,
		`personal.written payee:cre_amy  > {"fields":["tax_id"],"classes":["tax"]}: left the country`,
		`personal.read payee:cre_amy  > {"fields":["name","bank_account"],"classes":["bank","contact"]}: asked by phone`,
		`personal.read payee:cre_amy  > {"fields":["name","email"],"classes":["contact"]}: line one|line two`,
		`personal.read payee:none  > {}: who?`,
		`personal.held payee:cre_amy {} > {"until":"2026-12-20T10:00:00Z"}: court`,
		`personal.held payee:cre_amy {"until":"2026-12-20T10:00:00Z"} > {}: over`,
		`personal.closed payee:cre_amy {} > {"at":"2026-11-20T10:00:00Z"}: left`,
		`personal.retention_set retention:personal_data {"days":3653} > {"days":400}: law`,
		`personal.exported payee:cre_amy  > {"fields":["name","email"],"classes":["contact"]}: their right`,
		`personal.erased payee:cre_amy {"fields":["name","email"],"classes":["contact"]} > : asked for it`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := h.trail.Verify(ctx, book); err != nil {
		t.Error(err)
	}
}

// TestReasons refuses each recorded act without a good reason, and nothing has happened then.
func TestReasons(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	before := h.everything(t)
	ctx := t.Context()
	for why, code := range map[string]string{
		"": "reason", " \n": "reason", strings.Repeat("x", 2001): "reason", "a\x00": "reason", "\xff": "reason", "a\u202eb": "reason", "\x1b[2J": "reason",
		"card 4111-1111-1111-1111": "card-number",
	} {
		for what, act := range map[string]func() error{
			"read":  func() error { return second(h.Read(ctx, ann, owner, book, amy, nil, why)) },
			"write": func() error { return second(h.Write(ctx, ann, owner, book, amy, map[string]string{"name": "B"}, why)) },
			"erase": func() error { return first(h.Erase(ctx, ann, owner, book, amy, why)) },
			"hold":  func() error { return first(h.Hold(ctx, ann, owner, book, amy, start.Add(time.Hour), why)) },
			"close": func() error { return first(h.Close(ctx, ann, owner, book, amy, start, why)) },
			"keep":  func() error { return h.SetRetention(ctx, ann, owner, book, 30, why) },
			"copy":  func() error { return first(h.Export(ctx, ann, owner, book, amy, why)) },
			"stage": func() error {
				return first(h.Stage(ctx, ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, why))
			},
		} {
			err := act()
			wantCode(t, err, "/reason", code)
			if t.Failed() {
				t.Fatalf("%s because %q", what, why)
			}
		}
	}
	if after := h.everything(t); after != before {
		t.Error("something happened")
	}
	for _, why := range []string{"x", strings.Repeat("é", 1000), "tab\tand\r\nbreak", "order 123456789012"} {
		if _, _, err := h.Read(ctx, ann, owner, book, amy, nil, why); err != nil {
			t.Errorf("%q: %v", why, err)
		}
	}
}

// TestNoActWithoutItsRow breaks the trail, in several ways, and finds that nothing has happened.
func TestNoActWithoutItsRow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put(t, amy, canaries())
	before := h.everything(t)
	ctx := t.Context()
	try := func(name string, v *vault.Vault, by guard.Actor, o vault.Owner, b guard.Book) {
		t.Helper()
		read, _, err1 := v.Read(ctx, by, o, b, amy, nil, "why")
		_, _, err2 := v.Write(ctx, by, o, b, amy, map[string]string{"name": "B"}, "why")
		_, err3 := v.Erase(ctx, by, o, b, amy, "why")
		_, err4 := v.Hold(ctx, by, o, b, amy, start.Add(time.Hour), "why")
		_, err5 := v.Close(ctx, by, o, b, amy, start, "why")
		copied, err6 := v.Export(ctx, by, o, b, amy, "why")
		kept, err7 := v.Stage(ctx, by, o, b, amy, map[string]string{"bank_account": "12345678"}, "why")
		err8 := v.SetRetention(ctx, by, o, b, 30, "why")
		for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
			if err == nil {
				t.Errorf("%s: act %d happened", name, i+1)
			}
		}
		if read != nil || copied != nil || kept != [32]byte{} {
			t.Errorf("%s: something was learnt", name)
		}
		if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(h.everything(t), "\n")); diff != "" {
			t.Errorf("%s: something happened: %s", name, diff)
		}
	}
	try("no actor", h.Vault, guard.Actor{}, owner, book)
	try("another book's trail", h.Vault, ann, owner, guard.Book{ID: 8})
	try("no trail", vault.New(h.db.Pool, vault.Options{Now: h.clock.now, Keys: keys(t, keyLine("m1", 1))}), ann, owner, book)
	h.asOwner(t, `ALTER TABLE audit_rows ADD CONSTRAINT full_disk CHECK (false)`)
	try("a trail that cannot grow", h.Vault, ann, owner, book)
}

func TestExport(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := canaries()
	h.put(t, amy, map[string]string{"name": "Old"})
	h.clock.move(time.Hour)
	h.put(t, amy, all)
	h.bind(t, all["email"], amy)
	if _, err := h.hold(t, amy, start.AddDate(1, 0, 0), "court"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stage(t.Context(), ann, owner, book, amy, map[string]string{"bank_account": "12345678"}, "moved"); err != nil {
		t.Fatal(err)
	}
	document, err := h.Export(t.Context(), ann, owner, book, amy, "their right")
	if err != nil {
		t.Fatal(err)
	}
	type field struct {
		Field, Class, Meaning, Value string
		WrittenAt                    time.Time `json:"written_at"`
	}
	var got struct {
		Subject, Book    string
		CreatedAt        time.Time `json:"created_at"`
		HeldUntil        time.Time `json:"held_until"`
		HeldFor          string    `json:"held_for"`
		Fields, Proposed []field
		FoundBy          []string `json:"found_by"`
	}
	if err := json.Unmarshal(document, &got); err != nil {
		t.Fatal(err)
	}
	if got.Subject != amy || got.Book != "demo" || !got.CreatedAt.Equal(start) || !got.HeldUntil.Equal(start.AddDate(1, 0, 0)) || got.HeldFor != "court" ||
		len(got.Fields) != len(all) || len(got.Proposed) != 1 || got.Proposed[0].Value != "12345678" || cmp.Diff([]string{"email"}, got.FoundBy) != "" {
		t.Errorf("%s", document)
	}
	for i, f := range vault.Fields() {
		if g := got.Fields[i]; g.Field != f.Name || g.Value != all[f.Name] || g.Class != string(f.Class) || !g.WrittenAt.Equal(start.Add(time.Hour)) {
			t.Errorf("%+v", g)
		}
	}
	if document, err := h.Export(t.Context(), ann, owner, book, "payee:none", "their right"); err != nil || string(document) != `{"subject":"payee:none","book":"demo","fields":[]}` {
		t.Errorf("%s, %v", document, err)
	}
	if err := h.tx(t, func(tx pgx.Tx) error { _, err := h.EraseTx(t.Context(), tx, owner, "payee:gone"); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Export(t.Context(), ann, owner, book, "payee:gone", "their right"); !errors.Is(err, vault.ErrErased) {
		t.Error(err)
	}
}
