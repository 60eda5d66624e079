package ledger_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"mizan/ledger"
	"mizan/ledger/postgres/pgtest"
)

// TestChartResolves checks owners: required, optional, several, none (errata W-21).
func TestChartResolves(t *testing.T) {
	t.Parallel()
	chart := ledger.StandardChart()
	cases := []struct {
		address string
		code    int
		want    error
	}{
		{"assets:processor:pending:main", 1010, nil},
		{"assets:processor:pending", 0, ledger.ErrAccountOwner},
		{"assets:processor:pending:main:x", 0, ledger.ErrAccountOwner},
		{"assets:processor", 0, ledger.ErrAccountUnknown},
		{"assets:processor:nonsense:main", 0, ledger.ErrAccountUnknown},
		{"assets:receivable:dispute", 1130, nil},
		{"assets:receivable:dispute:dp_1", 1130, nil},
		{"liabilities:payout_in_transit", 2410, nil},
		{"liabilities:payout_in_transit:sel_a", 2410, nil},
		{"liabilities:donation:pending:ngo_a", 2510, nil},
		{"liabilities:donation:pending:ngo_a:winter24", 2510, nil},
		{"liabilities:tax:vat:UK", 0, ledger.ErrAccountOwner},
		{"liabilities:tax:vat:UK:deemed", 2720, nil},
		{"liabilities:tax:sales:US-TX", 2710, nil},
		{"revenue:referral_fee", 4010, nil},
		{"revenue:referral_fee:x", 0, ledger.ErrAccountOwner},
		{"revenue:service_fee:mall", 4023, nil},
		{"revenue:contra:platform_discount", 4900, nil},
		{"liabilities:seller_deposit:sel_a", 2160, nil},
		{"liabilities:seller", 0, ledger.ErrAccountUnknown},
		{"equity:opening", 3010, nil},
		{"income:sales", 0, ledger.ErrAccountUnknown},
	}
	for _, c := range cases {
		row, err := chart.Resolve(ledger.Address(c.address))
		if !errors.Is(err, c.want) || (err == nil && row.Code != c.code) {
			t.Errorf("%s: got %v, %v, want %d, %v", c.address, row, err, c.code, c.want)
		}
	}
}

// TestChartIsTheReference checks sides by the root of the path, the only exception being contra revenue, and that every
// row can be posted to.
func TestChartIsTheReference(t *testing.T) {
	t.Parallel()
	debit := regexp.MustCompile(`^(assets|expenses):|^revenue:contra:`)
	for _, row := range ledger.StandardChart().Rows() {
		if want := debit.MatchString(row.Path); (row.Normal == ledger.Debit) != want {
			t.Errorf("%s is on the %s side", row.Path, row.Normal)
		}
		address := row.Path
		for range row.Owner {
			if _, err := ledger.StandardChart().Resolve(ledger.Address(address)); err == nil {
				break
			}
			address += ":x"
		}
		if got, err := ledger.StandardChart().Resolve(ledger.Address(address)); err != nil || got.Code != row.Code {
			t.Errorf("%s cannot be posted to: %v", row.Path, err)
		}
	}
	if n := len(ledger.StandardChart().Rows()); n != 99 {
		t.Errorf("the chart has %d rows, want 99", n)
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	for _, good := range []string{"a:b", "assets:bank:operating:main", "a:" + long, "A:1_-.", "a:b:c:d:e:f:g:h:i"} {
		if _, err := ledger.ParseAddress(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a", "a:", ":a", "a::b", "a:b ", "a:bé", "a:b/c", "a:" + long + "x", "a:b\u200dc", "a:b:c:d:e:f:g:h:i:j", "a\x00:b", "a:b\n"} {
		if _, err := ledger.ParseAddress(bad); !errors.Is(err, ledger.ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestFactEventsAreTheSchemas holds the events that may post no lines equal in the code and in the schema's seal.
func TestFactEventsAreTheSchemas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var fromSchema string
	if err := db.Pool.QueryRow(t.Context(), `SELECT string_agg(event, ' ' ORDER BY event) FROM fact_events`).Scan(&fromSchema); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("validate.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "var factEvents")
	for _, event := range strings.Fields(fromSchema) {
		if !strings.Contains(list, `"`+event+`": true`) {
			t.Errorf("%s is a fact in the schema and not in the code", event)
		}
	}
	if got, want := strings.Count(list, ": true"), len(strings.Fields(fromSchema)); got != want {
		t.Errorf("the code has %d fact events, the schema %d", got, want)
	}
}
