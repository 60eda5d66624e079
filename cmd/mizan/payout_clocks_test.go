package main

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts"
)

// TestPayoutClocksSession reads at the command line what waits for a payee, what is overdue, who owes and what is proposed.
func TestPayoutClocksSession(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	address, remote := serveOn(t, db, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), withoutJobs: true})
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "shop", Name: "A shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey, "MIZAN_DATA": t.TempDir()}
	post := func(kind, data string) {
		t.Helper()
		mizan(t, env, fmt.Sprintf(`{"type":%q,"reference":%q,"data":%s}`, kind, kind, data), "event", "post", "shop", "-").want(t, exitDone)
	}
	late := time.Now().UTC().AddDate(0, 0, -60).Format(time.RFC3339)
	post("order.captured", `{"order":"o","currency":"GBP","placed_at":"`+late+`","seller":"s","lines":[{"line":1,"sku":"A","quantity":1,"unit_price":"10.00"}],"payments":[{"processor":"main","payment_id":"pi","amount":"10.00"}]}`)
	post("order.delivered", `{"order":"o","delivered_at":"`+late+`","last_parcel":true}`)
	post("charge.recorded", `{"kind":"warehouse.storage_charged","party":"debtor","currency":"GBP","amount":"12.00"}`)
	p, err := newParts(db.Pool, time.Now, partsConfig{staticKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.books.Close(t.Context()) })
	b, err := p.books.Book(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() (payouts.Report, error){
		func() (payouts.Report, error) { return p.payouts.Feed(t.Context(), payouts.Turn{Book: b}) },
		func() (payouts.Report, error) { return p.payouts.Recover(t.Context(), payouts.Turn{Book: b}) },
		func() (payouts.Report, error) { return p.payouts.Treasury(t.Context(), payouts.Turn{Book: b}) },
	} {
		if _, err := do(); err != nil {
			t.Fatal(err)
		}
	}
	mizan(t, env, "", "payouts", "waits", "shop", "s").want(t, exitDone, "order:o", "settle", "GBP")
	mizan(t, env, "", "payouts", "clocks", "shop").want(t, exitDone, "order:o", "settle")
	mizan(t, env, "", "payouts", "clocks", "shop", "--state", "parked").want(t, exitDone, "SUBJECT")
	mizan(t, env, "", "payouts", "look", "shop", "order:o", "--reason", "A test.").want(t, exitDone, "order:o")
	mizan(t, env, "", "payouts", "look", "shop", "order:none", "--reason", "A test.").want(t, exitRefused, "clock-unknown")
	mizan(t, env, "", "payouts", "look", "shop", "order:o").want(t, exitUsage, "--reason")
	mizan(t, env, "", "payouts", "debts", "shop").want(t, exitDone, "seller:debtor", "14.40")
	mizan(t, env, "", "payouts", "proposals", "shop").want(t, exitDone, "KIND")
	mizan(t, env, "", "payouts", "debts", "nowhere").want(t, exitRefused, "book-unknown")
}
