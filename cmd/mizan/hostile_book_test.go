package main

// A book as unfriendly as the service takes it: what exports, and those who read them, must get along with.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
)

// hostileTexts are what people and attackers write where text is allowed.
var hostileTexts = []string{"", "plain", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\uff1d1+1", "'quoted", `"double"`, `back\slash\`, "a,b;c|d",
	"date:2001-01-01", "[2001-01-01]", "; comment", "% percent %2C", "(paren) * !", "\u00a0edge\u00a0", "ميزان الموازنة", "👩‍👩‍👧 sale",
	"reference:other, memo:other", "2001-01-01 open Assets:X", "tag:", ":", "\u3000wide", "a  b", "{\"json\": 1}", "#tag ^link", "e\u0301"}

// hostileCurrencies have two, three and no decimals, and two that nobody shows.
var hostileCurrencies = []money.Currency{"USD", "KWD", "JPY", "HUF"}

// postHostileBook posts random transactions with unfriendly texts, names, amounts and currencies, and returns the sequence
// of the last.
func postHostileBook(t *testing.T, remote *client.Client, book string, count int) int64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MIZAN_TEST_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the book is random; replay it with MIZAN_TEST_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: book, Name: `A "hostile" book; % [x], \`,
		Currencies: hostileCurrencies, TimeZone: "Africa/Cairo"}); err != nil {
		t.Fatal(err)
	}
	var posted []client.Transaction
	for len(posted) < count {
		batch := make([]client.NewTransaction, 0, 100)
		for range min(100, count-len(posted)) {
			batch = append(batch, hostileTransaction(r, seed, len(posted)+len(batch)))
		}
		for i, result := range must[[]client.Result](t)(remote.PostBatch(t.Context(), book, batch)) {
			if result.Problem != nil {
				t.Fatalf("%+v: %v", batch[i], result.Problem)
			}
			posted = append(posted, *result.Transaction)
		}
		i := r.IntN(len(posted))
		reversed, err := remote.Reverse(t.Context(), book, posted[i].ID, client.Correction{Reference: fmt.Sprint("undo ", seed, " ", len(posted)), Memo: "=undone"})
		// What would take an account of its own below zero cannot be reversed, nor can a fact, and nothing twice.
		var refused *client.Problem
		if err == nil {
			posted = append(posted, reversed)
		} else if !errors.As(err, &refused) || refused.Status >= 500 || refused.Status == 0 {
			t.Fatal(err)
		}
	}
	return must[client.Book](t)(remote.Book(t.Context(), book)).LastSequence
}

// hostileOwners complete the addresses of payees: all the grammar allows.
var hostileOwners = []string{"sel_uk", "sel-uk", "Sel_uk", "sel.uk", "SEL", "sel", "-", "_", ".", "--", "X-c", "x-c", "0", "9a", "a:b", "a"}

// hostileTransaction is the i-th of a book. The first ones move the largest amounts there are, a few of which an account holds.
func hostileTransaction(r *rand.Rand, seed uint64, i int) client.NewTransaction {
	text := func() string { return hostileTexts[r.IntN(len(hostileTexts))] }
	owner := func() string { return strings.ReplaceAll(hostileOwners[r.IntN(len(hostileOwners))], ":", "-") }
	// Letters touch the random digits: sixteen of them alone may be the number of a card, which is refused.
	tx := client.NewTransaction{Event: "order.captured", Reference: strings.TrimSpace(printableOnly(text()) + fmt.Sprintf(" s%xs-r%xr", seed, r.Uint64())),
		Subject: "order:" + owner(), Memo: text(), OccurredAt: time.Unix(1_000_000_000+r.Int64N(600_000_000), 0)}
	tx.Metadata = map[string]string{"note": text(), "a.b": text(), "a-b": text(), "Date": "2001-01-01"}
	if i >= len(hostileCurrencies) && r.IntN(10) == 0 {
		tx.Event = "order.delivered"
		return tx
	}
	for line := range 1 + r.IntN(3) {
		currency := hostileCurrencies[r.IntN(len(hostileCurrencies))]
		amount := money.Minor(1 + r.Int64N(1000))
		if i < len(hostileCurrencies) && line == 0 {
			currency = hostileCurrencies[i]
			amount = currency.Max()
		}
		debits := []string{"assets:processor:pending:" + owner(), "expenses:collection_fee", "expenses:collection_fee:" + owner(), "revenue:contra:platform_discount", "liabilities:seller:pending:" + owner()}
		credits := []string{"liabilities:seller:pending:" + owner(), "revenue:service_fee", "revenue:service_fee:" + owner(), "liabilities:payout_in_transit",
			"liabilities:payout_in_transit:" + owner(), "liabilities:donation:pending:ben", "liabilities:donation:pending:ben:" + owner(), "assets:processor:pending:" + owner()}
		debit := client.Debit(debits[r.IntN(len(debits))], amount.Format(currency), currency)
		debit.ExternalRef = strings.TrimSpace(printableOnly(text()))
		tx.Entries = append(tx.Entries, debit, client.Credit(credits[r.IntN(len(credits))], amount.Format(currency), currency))
	}
	return tx
}

// printableOnly leaves what a reference may hold.
func printableOnly(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
}
