package main

import (
	"fmt"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// fillBooks makes the books uk and us with three postings each.
func fillBooks(t *testing.T, address string) {
	t.Helper()
	pool, err := postgres.Open(t.Context(), address, postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	l := ledger.New(pool, ledger.Options{Now: time.Now})
	defer func() {
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for _, code := range []string{"uk", "us"} {
		book, _, err := l.CreateBook(t.Context(), ledger.NewBook{Code: code, Name: code, Currencies: []money.Currency{"USD"}, TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			out := l.Post(t.Context(), book, ledger.Submission{Reference: fmt.Sprint("r", i), Drafts: []ledger.Draft{{Event: "order.captured", Subject: "order:1", Lines: []ledger.Line{
				{Account: "assets:processor:pending:main", Amount: 500, Currency: "USD"}, {Account: "revenue:referral_fee", Amount: -500, Currency: "USD"}}}}})
			if out.Err != nil {
				t.Fatal(out.Err)
			}
		}
	}
}
