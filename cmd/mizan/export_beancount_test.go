//go:build beancount

package main

// Exports of real books, read by the real beancount. make test sets the build tag beancount where bean-check is found.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mizan/api/client"
	"mizan/ledger/journal"

	"github.com/google/go-cmp/cmp"
)

// beancount runs one of its programs and returns what it printed.
func beancount(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	found, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing. Install the package beancount (Debian, Ubuntu: apt-get install beancount), or leave out the build tag beancount.", program)
	}
	cmd := exec.CommandContext(t.Context(), found, args...)
	// The programs of version 2 keep a cache beside the file, which a read-only test run must not depend on.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "BEANCOUNT_DISABLE_LOAD_CACHE=1")
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// agreesWithBeancount exports a book and compares what beancount makes of it with the service.
func agreesWithBeancount(t *testing.T, address string, remote *client.Client, book string, sequence int64) string {
	t.Helper()
	file, content := exportFile(t, address, book, journal.Beancount)
	if said, err := beancount(t, "bean-check", file); err != nil {
		t.Fatalf("%s: bean-check refuses the journal: %v\n%s", book, err, said)
	}
	got, want, currencies := map[string]string{}, map[string]string{}, map[string]bool{}
	ours, _ := balancesOf(t, remote, book, sequence)
	for name, balance := range ours {
		account, currency, _ := strings.Cut(name, " ")
		want[journal.AccountName(account)+" "+currency] = balance
		currencies[currency] = true
	}
	for currency := range currencies {
		// bean-query cuts the numbers of a column to the decimals that most of them have, so each currency is asked for alone.
		said, err := beancount(t, "bean-query", "-f", "csv", file, "SELECT account, sum(number) WHERE currency = '"+currency+"' GROUP BY account")
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		for _, row := range readCSV(t, said)[1:] {
			if balance := strings.TrimSpace(row[1]); nonZero(balance) != "" {
				got[strings.TrimSpace(row[0])+" "+currency] = balance
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: balances (-ours +beancount's):\n%s", book, diff)
	}
	return content
}

func TestExportForBeancount(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	scenarios, err := loadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenarios {
		done, err := sc.seed(t.Context(), remote, nil)
		if err != nil {
			t.Fatal(err)
		}
		agreesWithBeancount(t, address, remote, done.book.Code, done.last)
	}
	agreesWithBeancount(t, address, remote, "hostile", postHostileBook(t, remote, "hostile", 300))
}

// beancount refuses a journal in which the least unit was changed.
func TestBeancountRefusesChanges(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	createBook(t, remote, "uk")
	for _, reference := range []string{"order-1", "order-2"} {
		must[client.Transaction](t)(remote.Post(t.Context(), "uk", newSale(reference, "10.00")))
	}
	content := agreesWithBeancount(t, address, remote, "uk", 2)
	for name, changed := range map[string]string{
		"one posting":  strings.Replace(content, "  10.00 GBP", "  10.01 GBP", 1),
		"both sides":   strings.Replace(strings.Replace(content, "  10.00 GBP", "  10.01 GBP", 1), "  -10.00 GBP", "  -10.01 GBP", 1),
		"a balance":    strings.Replace(content, " 20.00 ~ 0 GBP", " 20.01 ~ 0 GBP", 1),
		"another name": strings.Replace(content, "Main  10.00 GBP", "Maln  10.00 GBP", 1),
	} {
		if changed == content {
			t.Fatalf("%s: nothing was changed in\n%s", name, content)
		}
		file := filepath.Join(t.TempDir(), "changed.beancount")
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := beancount(t, "bean-check", file); err == nil {
			t.Errorf("%s: bean-check accepts it\n%s", name, said)
		}
	}
}
