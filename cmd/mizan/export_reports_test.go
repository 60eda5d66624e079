package main

// The trial balances that Mizan exports, held against what the real hledger makes of the journal of the same book.

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/guard"
	"mizan/ledger/journal"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"

	"github.com/google/go-cmp/cmp"
)

// trialBalances is the column of an exported trial balance by "account currency", as hledger writes amounts; zeros are left out.
func trialBalances(t *testing.T, s *reports.Service, v *service, book string, format tabular.Format, column string, values reports.Values) map[string]string {
	t.Helper()
	b, err := v.books.Book(t.Context(), book)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Ask(t.Context(), guard.Actor{Kind: guard.System, ID: "tests"}, b, reports.Request{Report: "trial_balance", Format: format, Parameters: values})
	for err == nil && e.State == reports.Asked && e.Reason == "" { // a slow machine needs more than whoever asks waits for
		if _, err = s.MakeDue(t.Context()); err == nil {
			e, err = s.Export(t.Context(), b, e.ID)
		}
	}
	if err != nil || e.State != reports.Made {
		t.Fatalf("%v: %s %s", err, e.State, e.Reason)
	}
	var file bytes.Buffer
	if err := s.Content(t.Context(), b, e.ID, &file); err != nil {
		t.Fatal(err)
	}
	header, err := e.Header()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int {
		return slices.IndexFunc(header.Columns, func(c tabular.Column) bool { return c.Name == name })
	}
	balances := map[string]string{}
	if _, err := tabular.Read(&file, format, header, func(row tabular.Row) error {
		amount, currency := row[at(column)].Money()
		if amount != 0 {
			balances[row[at("account")].Text()+" "+string(currency)] = amount.Format(currency)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return balances
}

// hledgerSums is what hledger adds up of the postings that a query chooses.
func hledgerSums(t *testing.T, file string, query ...string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	args := append([]string{"balance", "--flat", "--no-total", "--layout", "bare", "-O", "csv"}, query...)
	for _, row := range readCSV(t, tellHledger(t, file, args...))[1:] {
		sums[row[0]+" "+row[1]] = strings.TrimPrefix(row[2], "+")
	}
	return sums
}

// Every scenario's book and an unfriendly one: hledger agrees with the trial balance by account in every format, of everything and
// of each month: what was before it, its debits, its credits, and what is after it.
func TestTrialBalancesAgreeWithHledger(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	address, remote, v := serveAs(t, db, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler)})
	s := reports.New(reports.Options{Pool: db.Pool, Ledger: v.books, Events: v.events, Payouts: v.payouts, Reconcile: v.reconcile, Trail: v.trail, Now: time.Now})
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	books := []string{"hostile"}
	for _, sc := range scenarios {
		done, err := sc.seed(t.Context(), remote, nil)
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, done.book.Code)
	}
	postHostileBook(t, remote, "hostile", 200)
	for i := range 3 {
		sale := newSale(fmt.Sprint("earlier-", i), "10")
		sale.OccurredAt = time.Now().AddDate(0, -1-i, 0)
		for n := range sale.Entries {
			sale.Entries[n].Currency = hostileCurrencies[0]
		}
		must[client.Transaction](t)(remote.Post(t.Context(), "hostile", sale))
	}
	for i, book := range books {
		file, _ := exportFile(t, address, book, journal.Hledger)
		formats := tabular.Formats()
		if i > 1 { // all formats of two books, one of the others
			formats = formats[i%3 : i%3+1]
		}
		for _, format := range formats {
			agreesOn(t, s, v, book, file, format, 1+2/(i+1))
		}
	}
}

// agreesOn compares everything and the newest months, at most so many.
func agreesOn(t *testing.T, s *reports.Service, v *service, book, file string, format tabular.Format, most int) {
	t.Helper()
	b, err := v.books.Book(t.Context(), book)
	if err != nil {
		t.Fatal(err)
	}
	months, err := v.books.Periods(t.Context(), b)
	if err != nil || len(months) == 0 {
		t.Fatal(months, err)
	}
	compare := func(what, column string, values reports.Values, want map[string]string) {
		t.Helper()
		values["detail"] = "account"
		got := trialBalances(t, s, v, book, format, column, values)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s as %s, %s of %s (-hledger +ours):\n%s", book, format, column, what, diff)
		}
	}
	compare("everything", "closing", reports.Values{}, hledgerSums(t, file))
	for _, p := range months[:min(most, len(months))] {
		var before []string
		for _, earlier := range months {
			if earlier < p {
				before = append(before, earlier.String())
			}
		}
		month := func() reports.Values { return reports.Values{"from": p.String(), "to": p.String()} }
		of := func(periods ...string) string { return "tag:^period$=^(" + strings.Join(periods, "|") + ")$" }
		compare(p.String(), "debits", month(), hledgerSums(t, file, of(p.String()), "amt:>0"))
		credits := hledgerSums(t, file, of(p.String()), "amt:<0")
		for account, amount := range credits {
			credits[account] = strings.TrimPrefix(amount, "-")
		}
		compare(p.String(), "credits", month(), credits)
		opening := map[string]string{}
		if len(before) > 0 {
			opening = hledgerSums(t, file, of(before...))
		}
		compare(p.String(), "opening", month(), opening)
		compare(p.String(), "closing", month(), hledgerSums(t, file, of(append(before, p.String())...)))
	}
}
