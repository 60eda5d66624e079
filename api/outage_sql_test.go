package api

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestOutage takes the database away and gives it back: meanwhile every answer says that the same request may be sent
// again, and afterwards it may.
func TestOutage(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("r-1", "1.00"))
	ctx := t.Context()
	config, err := pgx.ParseConfig(h.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "postgres"
	admin, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	connections := func(allowed string) {
		t.Helper()
		for _, sql := range []string{
			"ALTER DATABASE " + pgx.Identifier{h.db.Name}.Sanitize() + " ALLOW_CONNECTIONS " + allowed,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + h.db.Name + "' AND pid <> pg_backend_pid()",
		} {
			if _, err := admin.Exec(ctx, sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	connections("false")
	key := "mk_aaaaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if a := h.as(key, "GET", "/v1/books", ""); a.StatusCode != 503 || a.json(t)["code"] != "access-unavailable" {
		t.Errorf("who calls: %d %s", a.StatusCode, a.body)
	}
	for _, path := range []string{"/v1/books", "/v1/books/uk", posting, posting + "/uk-1", "/v1/books/uk/balances", "/v1/books/uk/trial-balance", "/v1/books/uk/feed", "/v1/books/uk/periods", "/v1/books/uk/accounts/" + seller + "/entries"} {
		a := h.must(503, "GET", path, "")
		if a.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	h.must(503, "POST", posting, sale("r-2", "1.00"))
	results := h.must(200, "POST", posting+"/batch", `{"transactions":[`+sale("r-3", "1.00")+`]}`).json(t)["results"].([]any)
	if got := results[0].(map[string]any)["status"]; got != 503.0 {
		t.Errorf("an item of a batch: %v", got)
	}
	h.must(503, "POST", posting+"/batch", `{"atomic":true,"transactions":[`+sale("r-3", "1.00")+`]}`)
	if a := h.shop("shop-secret-new", "w-1", "orders/paid", shopOrder()); a.StatusCode != 503 { // K24: never 200 before it is stored
		t.Errorf("an inbound message: %d %s", a.StatusCode, a.body)
	}
	h.must(200, "GET", "/livez", "")
	connections("true")
	if a := h.shop("shop-secret-new", "w-1", "orders/paid", shopOrder()); a.StatusCode != 200 || a.json(t)["stored"] != true {
		t.Errorf("the inbound message again: %d %s", a.StatusCode, a.body)
	}
	h.must(201, "POST", posting, sale("r-2", "1.00"))
	h.must(200, "GET", "/v1/books/uk/balances", "")
}
