package api

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

const sqlHolding = `SELECT count(*) FROM %s t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0`

// holding returns the tables of the database in which a text stands, also as bytes.
func (h *house) holding(text string) (found []string) {
	h.t.Helper()
	ctx := h.t.Context()
	conn, err := pgx.Connect(ctx, h.db.SuperURL)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close(ctx)
	for table := range h.state() {
		var n int
		if err := conn.QueryRow(ctx, fmt.Sprintf(sqlHolding, table), text, hex.EncodeToString([]byte(text))).Scan(&n); err != nil {
			h.t.Fatalf("%s: %v", table, err)
		}
		if n > 0 {
			found = append(found, table)
		}
	}
	return found
}

// TestHoldingFinds shows that holding can find something.
func TestHoldingFinds(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(201, "POST", posting, sale("find-me-1", "1.00"))
	if a := h.shop("shop-secret-new", "w-9", "products/update", `{"note":"find-me-2"}`); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	if len(h.holding("find-me-1")) == 0 || len(h.holding("find-me-2")) == 0 || len(h.holding("find-me-3")) != 0 {
		t.Error("stored text is not found")
	}
}
