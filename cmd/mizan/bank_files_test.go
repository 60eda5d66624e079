package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/ledger/vault"
	"mizan/payouts/jobs"
	"mizan/payouts/processor"
)

// bankOrdered has a payment wait for a file, as the payouts' own work does.
func bankOrdered(t *testing.T, p *parts, book ledger.Book, n int, payee string, amount money.Minor) {
	t.Helper()
	key, err := processor.Name(fmt.Sprintf("po_%016d", n), 1)
	if err == nil {
		key, err = key.Keep(t.Context(), time.Now(), 1, func(context.Context) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	transfer, err := processor.NewTransfer(key, "payee:"+payee, amount, "GBP", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := p.bank.Driver(book).SendTransfer(t.Context(), transfer); o.Verdict != processor.Done {
		t.Fatalf("transfer: %s %s", o.Verdict, o.Code)
	}
	payout, err := processor.NewPayout(key, "payee:"+payee, processor.Standard, amount, "GBP", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := p.bank.Driver(book).CreatePayout(t.Context(), payout); o.Verdict != processor.Done {
		t.Fatalf("payout: %s %s", o.Verdict, o.Code)
	}
}

// TestBankFilesSession goes the whole way at the command line: an account, a file, the bank's report, a file that is withdrawn.
func TestBankFilesSession(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	keys, err := vault.ParseKeys("tests=VEVTVC1PTkxZLU5PVC1BLVNFQ1JFVC1LRVktMDAwMDE=")
	if err != nil {
		t.Fatal(err)
	}
	address, remote := serveOn(t, db, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), withoutJobs: true, vaultKeys: keys})
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "shop", Name: "A shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey, "MIZAN_DATA": dir}
	p, err := newParts(db.Pool, time.Now, partsConfig{staticKey: testKey, vaultKeys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.books.Close(t.Context()) })
	book, err := p.books.Book(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	say := func(args ...string) outcome { return mizan(t, env, "", append([]string{"payouts"}, args...)...) }

	say("bank-files", "make", "shop").want(t, exitDone, "Nothing waits for a file.")
	say("bank-account", "set", "shop", "GBP", "--name", "Example Ltd", "--account", "GB33BUKB20201555555555", "--bank", "BUKBGB22", "--country", "GB", "--paid-after", "2", "--reason", "A test.").
		want(t, exitDone, "…5555", "pain.001.001.09")
	say("bank-account", "set", "shop", "GBP", "--name", "Example Ltd", "--account", "GB00", "--bank", "BUKBGB22", "--country", "GB", "--reason", "A test.").want(t, exitRefused, "bank-account-invalid", "/debtor/account")
	for i, payee := range []string{"sel_a", "sel_b"} {
		if _, _, err := p.vault.Write(t.Context(), guard.Actor{Kind: guard.Operator, ID: "tests"}, vault.Owner{Book: int32(book.ID), Region: book.Region},
			guard.Book{ID: int32(book.ID), Code: book.Code}, "payee:"+payee, map[string]string{"bank_account": "GB33BUKB20201555555555", "bank_holder": "Kanari"}, "A test."); err != nil {
			t.Fatal(err)
		}
		bankOrdered(t, p, book, i, payee, money.Minor(1000+i))
	}
	say("bank-account", "list", "shop").want(t, exitDone, "GBP", "20.01")
	r, err := p.makeBankFiles(t.Context(), jobs.Period{Job: "payout_files", Book: jobBook(book), Start: time.Now(), End: time.Now()})
	if err != nil || r.Text != "1 files of 2 payments, 20.01 GBP" || r.Items != 2 {
		t.Fatalf("the job: %+v, %v", r, err)
	}
	say("bank-files", "list", "shop").want(t, exitDone, "GBP 1", "made", "20.01", "fetch it")
	say("bank-files", "get", "shop", "GBP", "1").want(t, exitUsage, "--reason")
	out := filepath.Join(dir, "pay.xml")
	if o := say("bank-files", "get", "shop", "GBP", "1", "--reason", "Pay day.", "--out", dir); o.code == exitDone {
		t.Error("a file is written over a directory")
	}
	say("bank-files", "list", "shop").want(t, exitDone, "made") // nobody has seen it
	say("bank-files", "get", "shop", "GBP", "2", "--reason", "Pay day.", "--out", out).want(t, exitRefused, "bank-file-unknown")
	say("bank-files", "get", "shop", "GBP", "1", "--reason", " ", "--out", out).want(t, exitRefused)
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file without the bytes is left: %v", err)
	}
	say("bank-files", "get", "shop", "GBP", "1", "--reason", "Pay day.", "--out", out).want(t, exitDone, "2 payments of 20.01 GBP")
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if o := say("bank-files", "get", "shop", "GBP", "1", "--reason", "Again.", "--out", out); o.code == exitDone {
		t.Error("a file that was there is written over")
	}
	say("bank-files", "sent", "shop", "GBP", "1", "--reason", "Uploaded.").want(t, exitDone, "sent", "SHA-256")
	var file client.BankFile
	if err := json.Unmarshal([]byte(say("bank-files", "show", "shop", "GBP", "1", "--json").want(t, exitDone).stdout), &file); err != nil {
		t.Fatal(err)
	}
	payments, err := client.Collect(remote.BankPayments(t.Context(), "shop", "GBP", 1), 10)
	if err != nil || len(payments) != 2 {
		t.Fatalf("%v, %v", payments, err)
	}
	report := filepath.Join(dir, "report.xml")
	if err := os.WriteFile(report, []byte(bankSays("R-1", file.MessageID, payments[0].ID+" RJCT AC04", payments[1].ID+" ACSC")), 0o600); err != nil {
		t.Fatal(err)
	}
	first := say("bank-report", "shop", "GBP", report).want(t, exitDone, "Report R-1 on file GBP 1: 1 settled, 1 failed.", "AC04")
	if again := say("bank-report", "shop", "GBP", report).want(t, exitDone); again.stdout != first.stdout {
		t.Errorf("the same report again says %s, first %s", again.stdout, first.stdout)
	}
	say("bank-reports", "shop").want(t, exitDone, "GBP R-1")
	say("bank-files", "show", "shop", "GBP", "1").want(t, exitDone, "closed", "AC04", "settled")
	bankOrdered(t, p, book, 7, "sel_a", 500)
	say("bank-files", "make", "shop").want(t, exitDone, "GBP 2")
	say("bank-files", "void", "shop", "GBP", "2", "--reason", "A mistake.").want(t, exitDone, "void", "A mistake.")
	say("bank-files", "void", "shop", "GBP", "1", "--reason", "Too late.").want(t, exitRefused, "bank-file-state")
	say("bank-files", "show", "shop", "GBP", "9").want(t, exitRefused, "bank-file-unknown")
}
