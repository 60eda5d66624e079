package main

// Acceptance: erasing a person's data changes no amount and no hash.

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
)

// The tables of the books, whole: amounts, hashes and what they are chained by.
var sqlBooks = map[string]string{
	"transactions": `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t.book_id, t.sequence), '') FROM transactions t WHERE t.book_id > 0`,
	"entries":      `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM entries t WHERE t.book_id > 0`,
	"balances":     `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM balances t WHERE t.book_id > 0`,
	"payees":       `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM payees t WHERE t.book_id > 0`,
}

// TestErasureLeavesTheBooks plays the minor's story with the personal data of guardian and child in the vault, and erases
// the guardian's at its end: every answer about money is the same byte for byte, and so is every row.
func TestErasureLeavesTheBooks(t *testing.T) {
	t.Parallel()
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.Key == "S9" })
	if at < 0 {
		t.Fatal("there is no S9")
	}
	keys, err := vault.ParseKeys(newVaultKey("k1"))
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	shown := &strings.Builder{}
	tell, address := storyOn(t, db, serviceConfig{vaultKeys: keys})
	remote := tell.remote
	if done, err := scenarios[at].seed(t.Context(), remote, tell); err != nil || len(done.wrong) > 0 {
		t.Fatalf("%+v %v", done, err)
	}
	for subject, fields := range map[string]map[string]string{
		"payee:gua_pat":   {"name": "Patricia Canary", "email": "pat.canary@example.com", "bank_account": "GB33BUKB20201555555555", "birth_date": "1980-01-02"},
		"payee:cre_minor": {"name": "Minor Canary", "birth_date": "2010-01-02"},
	} {
		if _, err := remote.StorePersonalData(t.Context(), "s9", subject, fields, "Registered."); err != nil {
			t.Fatal(err)
		}
	}
	look := func() map[string]string {
		seen := map[string]string{}
		for _, path := range []string{"transactions?limit=1000", "feed?limit=1000", "balances?limit=1000", "trial-balance", "payees", "payees/gua_pat", "payees/cre_minor/trust", "verification"} {
			seen[path] = fetched(t, address+"/v1/books/s9/"+path)
		}
		for table, sql := range sqlBooks {
			var rows string
			if err := db.Pool.QueryRow(t.Context(), sql).Scan(&rows); err != nil || rows == "" {
				t.Fatalf("%s: %d bytes, %v", table, len(rows), err)
			}
			seen["table "+table] = rows
		}
		return seen
	}
	before := look()
	if _, err := remote.ErasePersonalData(t.Context(), "s9", "payee:gua_pat", "Asked for."); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("erasing changed the books:\n%s", diff)
	}
	// The guardian is gone, the child is not, and the story goes on.
	if p, err := remote.DataSubject(t.Context(), "s9", "payee:gua_pat"); err != nil || p.ErasedAt == nil || len(p.Fields) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	if got, err := remote.ReadPersonalData(t.Context(), "s9", "payee:cre_minor", []string{"name"}, "Ticket 1."); err != nil || got["name"] != "Minor Canary" {
		t.Errorf("the child: %v %v", got, err)
	}
	if again, err := scenarios[at].seed(t.Context(), remote, tell); err != nil || len(again.wrong) > 0 || again.posted != 0 {
		t.Errorf("again: %+v %v", again, err)
	}
	if found, err := remote.VerifyAudit(t.Context(), "s9"); err != nil || found.Rows == 0 {
		t.Errorf("the trail: %+v %v", found, err)
	}
	fmt.Fprint(shown, fetched(t, address+"/v1/books/s9/audit?limit=1000"), fetched(t, address+"/v1/books/s9/approvals"))
	for path, text := range look() {
		fmt.Fprint(shown, path, text)
	}
	for _, secret := range []string{"Canary", "canary", "GB33BUKB", "1980-01-02", "2010-01-02"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s shows", secret)
		}
	}
}

// TestOldMasterKeyIsGone starts a service without the master key that half of the persons are still sealed under: it says so,
// refuses only what it cannot open, and serves everything else.
func TestOldMasterKeyIsGone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	trail := guard.NewTrail(db.Pool, time.Now)
	old, fresh := newVaultKey("k1"), newVaultKey("k2")
	books := ledger.New(db.Pool, ledger.Options{Now: time.Now})
	shop, _, err := books.CreateBook(t.Context(), ledger.NewBook{Code: "shop", Name: "Shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London"})
	if err != nil {
		t.Fatal(err)
	}
	if err := books.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	owner, by := vault.Owner{Book: int32(shop.ID)}, guard.Actor{Kind: guard.Operator, ID: "tests"}
	for subject, line := range map[string]string{"payee:left": old, "payee:left2": old, "payee:moved": fresh} {
		keys, err := vault.ParseKeys(line)
		if err != nil {
			t.Fatal(err)
		}
		v := vault.New(db.Pool, vault.Options{Now: time.Now, Keys: keys, Trail: trail})
		if _, _, err := v.Write(t.Context(), by, owner, guard.Book{ID: owner.Book, Code: "shop"}, subject, map[string]string{"name": "Canary of " + subject[6:]}, "Registered."); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := vault.ParseKeys(fresh)
	if err != nil {
		t.Fatal(err)
	}
	log := &strings.Builder{}
	_, remote := serveOn(t, db, serviceConfig{staticKey: testKey, vaultKeys: keys, log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if said := log.String(); !strings.Contains(said, "vault-key-missing") || strings.Contains(said, "Canary") || strings.Contains(said, fresh[3:20]) {
		t.Errorf("it says %q", said)
	}
	book, err := remote.Book(t.Context(), "shop")
	if err != nil || book.Code != "shop" {
		t.Fatalf("%+v %v", book, err)
	}
	for _, subject := range []string{"payee:left", "payee:left2", "payee:moved"} {
		if p, err := remote.DataSubject(t.Context(), "shop", subject); err != nil || len(p.Fields) != 1 {
			t.Errorf("%s: %+v %v", subject, p, err)
		}
	}
	if got, err := remote.ReadPersonalData(t.Context(), "shop", "payee:moved", []string{"name"}, "Ticket 1."); err != nil || got["name"] != "Canary of moved" {
		t.Errorf("%v %v", got, err)
	}
	var p *client.Problem
	if _, err := remote.ReadPersonalData(t.Context(), "shop", "payee:left", []string{"name"}, "Ticket 1."); !errors.As(err, &p) || p.Code != "vault-key-missing" {
		t.Errorf("what does not open: %v", err)
	}
	if _, err := remote.StorePersonalData(t.Context(), "shop", "payee:left", map[string]string{"phone": "110"}, "Ticket 1."); !errors.As(err, &p) || p.Code != "vault-key-missing" {
		t.Errorf("a key of somebody who has one is not replaced: %v", err)
	}
	if gone, err := remote.ErasePersonalData(t.Context(), "shop", "payee:left2", "Asked for."); err != nil || gone.ErasedAt == nil {
		t.Errorf("erasing needs no key: %+v %v", gone, err)
	}
}

// fetched is the body of a success.
func fetched(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", address, res.StatusCode, body, err)
	}
	return string(body)
}
