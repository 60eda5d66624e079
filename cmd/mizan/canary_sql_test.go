package main

// Personal data are planted in every field through the doors that people use, and then looked for everywhere else: in every
// row of the database, the log, the metrics, the pages of others, and the audit trail.

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/api/client"
	"mizan/ledger/vault"
)

// canaries are a value for each field of the vault.
var canaries = map[string]string{
	"name": "Zebra Canary-Name", "email": "zebra.canary@example.com", "phone": "+44 20 7946 0958", "address": "7 Canary Perch Lane, London",
	"birth_date": "1987-03-19", "national_id": "QQ123456C-CANARY", "document": "passport CANARY925665 UK", "tax_id": "UTR-CANARY-24680",
	"bank_account": "GB33BUKB20201555555555", "bank_holder": "Zebra Canary-Holder", "bank_code": "BUKBGB22CNY",
}

// hits returns which canaries stand in the text, in one of the forms in which something might have been written down.
func hits(text string, planted map[string]string) (found []string) {
	folded := strings.ToLower(text)
	for field, value := range planted {
		for _, form := range []string{value, hex.EncodeToString([]byte(value)), strings.ReplaceAll(value, " ", "+"), strings.ReplaceAll(value, " ", "%20"), strings.ReplaceAll(value, " ", "")} {
			if strings.Contains(folded, strings.ToLower(form)) {
				found = append(found, field)
				break
			}
		}
		// Without the last characters, which depend on what follows.
		if encoded := base64.StdEncoding.EncodeToString([]byte(value)); strings.Contains(text, encoded[:len(encoded)-4]) {
			found = append(found, field+" in base64")
		}
	}
	return found
}

// everyRow returns every row of every table of the schema, as text.
func everyRow(t *testing.T, address string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), `SELECT t::text FROM `+table+` t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s: %d rows\n%s\n", table, len(lines), strings.Join(lines, "\n"))
	}
	return all.String()
}

func TestCanariesAreNowhereElse(t *testing.T) {
	t.Parallel()
	for _, f := range vault.Fields() {
		if canaries[f.Name] == "" {
			t.Fatalf("%s has no canary", f.Name)
		}
	}
	p := newProduction(t)
	at := p.serve(t, "--log-level", "debug")
	p.env["MIZAN_PUBLIC_URL"] = at.address
	remote := p.remoteFor(t, at, []string{"--owner", p.person(t, "Kay Keeper", "finance")}, "*") // it asks for a second person
	createShopBook(t, remote)
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "other", Name: "Other", Currencies: must[client.Book](t)(remote.Book(t.Context(), "shop")).Currencies, TimeZone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	for _, payee := range []string{"cre_amy", "cre_ben"} {
		if _, err := remote.RegisterPayee(t.Context(), "shop", client.Payee{ID: payee, Kind: "creator", Country: "GB", Currency: "GBP"}); err != nil {
			t.Fatal(err)
		}
	}
	plant(t, p, at, remote)

	for where, text := range elsewhere(t, p, at, remote) {
		if len(text) < 100 {
			t.Errorf("%s: hardly anything was looked at: %q", where, text)
		}
		if found := hits(text, canaries); found != nil {
			t.Errorf("%s shows %v", where, found)
		}
	}
	at.stop(t)
	if found := hits(at.output(), canaries); found != nil {
		t.Errorf("the log shows %v:\n%s", found, at.output())
	}
	for _, secret := range []string{"ml_", "ms_", "mk_", "token=", "MIZAN_"} {
		if strings.Contains(at.output(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(at.output(), `"msg":"request"`) {
		t.Error("the log has no requests")
	}
}

// plant stores a canary in every field of a payee, of a buyer and of the staff, with the second person where one is needed,
// and in many requests that are refused.
func plant(t *testing.T, p production, at *program, remote *client.Client) {
	ctx := t.Context()
	bank, rest := map[string]string{}, map[string]string{}
	for _, f := range vault.Fields() {
		if f.Class == vault.Bank {
			bank[f.Name] = canaries[f.Name]
		} else {
			rest[f.Name] = canaries[f.Name]
		}
	}
	for _, subject := range []string{"payee:cre_amy", "buyer:b_1", "donor:d_1"} {
		if _, err := remote.StorePersonalData(ctx, "shop", subject, rest, "given at registration"); err != nil {
			t.Fatal(err)
		}
	}
	asked, err := remote.ProposeDestination(ctx, "shop", "payee:cre_amy", bank, "a new account", "TICKET-1")
	if err != nil {
		t.Fatal(err)
	}
	approver := enter(t, p.tell(t, "people", "link", p.person(t, "Abe Approver", "approver")))
	page := at.address + "/console/books/shop/approvals/" + asked.ID
	if status, text := approver.do(t, http.MethodGet, page, nil); status != http.StatusOK || hits(text, canaries) != nil {
		t.Errorf("who approves the account sees: %d %v", status, hits(text, canaries))
	}
	if status, text := approver.do(t, http.MethodPost, at.address+"/v1/books/shop/approvals/"+asked.ID+"/approval", jsonForm(t, map[string]string{"hash": asked.Hash})); status != http.StatusOK || hits(text, canaries) != nil {
		t.Fatalf("the approval: %d %s", status, text)
	}
	// A second one stays open.
	if _, err := remote.ProposeDestination(ctx, "shop", "payee:cre_amy", bank, "the same again", "TICKET-2"); err != nil && !strings.Contains(err.Error(), "422") {
		t.Fatal(err)
	}
	p.tell(t, "people", "add", "--name", canaries["name"], "--email", canaries["email"])
	var names []string
	for _, f := range vault.Fields() {
		names = append(names, f.Name)
	}
	read, err := remote.ReadPersonalData(ctx, "shop", "payee:cre_amy", names, "ticket 9")
	if err != nil || len(read) != len(canaries) || len(hits(fmt.Sprint(read), canaries)) != len(canaries) {
		t.Fatalf("what was planted is not there, or is not found: %v %v", read, err)
	}
	copied, err := remote.ExportPersonalData(ctx, "shop", "payee:cre_amy", "asked for a copy")
	if err != nil || len(hits(string(copied), canaries)) != len(canaries) {
		t.Fatalf("the copy: %s %v", copied, err)
	}
	// Refusals repeat nothing.
	for field, value := range canaries {
		for _, err := range []error{
			second(remote.StorePersonalData(ctx, "shop", "payee:"+value+"!", map[string]string{field: value}, "r")),
			second(remote.StorePersonalData(ctx, "shop", "payee:x", map[string]string{value: value}, "r")),
			second(remote.StorePersonalData(ctx, "shop", "payee:x", map[string]string{"birth_date": value + "!"}, "r")),
			second(remote.ReadPersonalData(ctx, "shop", "payee:x", []string{value}, "r")),
			second(remote.StorePersonalData(ctx, "shop", "payee:x", map[string]string{"name": value}, "because it is "+value)),
		} {
			if err == nil || hits(err.Error(), canaries) != nil {
				t.Errorf("%s: %v", field, err)
			}
		}
	}
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

// elsewhere returns everything that holds none of it.
func elsewhere(t *testing.T, p production, at *program, remote *client.Client) map[string]string {
	all := map[string]string{"the database": everyRow(t, p.super)}
	for _, book := range []string{"", "shop"} {
		var trail strings.Builder
		if _, err := remote.ExportAudit(t.Context(), book, 0, &trail); err != nil {
			t.Fatal(err)
		}
		all["the trail of "+book+" by the API"] = trail.String()
		all["the trail of "+book+" at the command line"] = p.tell(t, "audit", "export", "--book", book)
	}
	paths := []string{"/", "/sign-in", "/console", "/console/keys", "/console/audit", "/console/approvals", "/portal", "/books/shop", "/books/shop/transactions", "/books/shop/accounts",
		"/console/books/shop/audit", "/console/books/shop/approvals", "/v1/me", "/v1/books", "/v1/books/shop", "/v1/books/shop/audit", "/v1/books/shop/approvals", "/v1/approvals",
		"/v1/books/shop/payees", "/v1/books/shop/payees/cre_amy", "/v1/books/shop/data_subjects/payee:cre_amy", "/metrics", "/readyz", "/openapi.json"}
	other := p.tell(t, "people", "add", "--name", "Olaf Other")
	p.tell(t, "people", "grant", other, "--role", "finance", "--book", "other")
	for who, b := range map[string]*browser{
		"nobody": {&http.Client{}}, "an auditor": enter(t, p.tell(t, "people", "link", p.person(t, "Ada Auditor", "auditor"))),
		"another book's finance": enter(t, p.tell(t, "people", "link", other)), "another payee": enter(t, p.tell(t, "people", "link", "cre_ben", "--book", "shop")),
	} {
		var seen strings.Builder
		for _, path := range paths {
			status, page := b.do(t, http.MethodGet, at.address+path, nil)
			if status >= 500 {
				t.Errorf("%s: %s is answered with %d", who, path, status)
			}
			seen.WriteString(page)
		}
		all["what "+who+" sees"] = seen.String()
	}
	return all
}
