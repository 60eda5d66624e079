package main

// Exports of real books, read by the real hledger.

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/journal"

	"github.com/google/go-cmp/cmp"
)

// hledger runs the real one on a file and returns what it printed, its complaints last.
func hledger(t *testing.T, file string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("hledger")
	if err != nil {
		t.Fatal("hledger is missing, which checks that others can read our exports. Install the package hledger (Debian, Ubuntu: apt-get install hledger), or run make tools.")
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-f", file}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String() + stderr.String(), err
}

// strictChecks are everything hledger can be asked to hold against a journal like ours.
var strictChecks = []string{"check", "--strict", "accounts", "commodities", "balancednoautoconversion", "ordereddates", "assertions"}

// exportFile exports a book into a file of its own and returns its name and content.
func exportFile(t *testing.T, address, book string, format journal.Format, args ...string) (string, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), book+"."+string(format))
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey}
	mizan(t, env, "", append([]string{"export", "journal", "--book", book, "--format", string(format), "--output", file}, args...)...).
		want(t, exitDone, "Every account comes to its balance")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkTrailer(t, format, string(content))
	return file, string(content)
}

// checkTrailer does what the handbook tells an auditor: the last line holds the hash of all before it.
func checkTrailer(t *testing.T, format journal.Format, content string) journal.Trailer {
	t.Helper()
	at := strings.LastIndexByte(strings.TrimRight(content, "\r\n"), '\n') + 1
	line := strings.TrimRight(content[at:], "\r\n")
	switch format {
	case journal.Hledger, journal.Beancount:
		line = strings.TrimPrefix(line, "; ")
	case journal.CSV:
		cells, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil {
			t.Fatal(err)
		}
		line = cells[len(cells)-1]
	}
	var trailer journal.Trailer
	if err := json.Unmarshal([]byte(line), &trailer); err != nil {
		t.Fatalf("%s: the trailer is %q: %v", format, line, err)
	}
	sum := sha256.Sum256([]byte(content[:at]))
	if trailer.SHA256 != hex.EncodeToString(sum[:]) || trailer.Format != format || trailer.Version != 1 {
		t.Errorf("%s: the trailer %+v is not that of the %d bytes before it", format, trailer, at)
	}
	return trailer
}

// balancesOf returns the book's balances by "address currency", debit positive, and the addresses that have entries.
func balancesOf(t *testing.T, remote *client.Client, book string, sequence int64) (balances map[string]string, addresses []string) {
	t.Helper()
	balances = map[string]string{}
	for b, err := range remote.Balances(t.Context(), book, client.BalanceQuery{AtSequence: sequence}) {
		if err != nil {
			t.Fatal(err)
		}
		if nonZero(b.Debits) == "" && nonZero(b.Credits) == "" {
			continue
		}
		if !slices.Contains(addresses, b.Account) {
			addresses = append(addresses, b.Account)
		}
		balance, negative := strings.CutPrefix(b.Balance, "-")
		if negative != (b.NormalSide == "credit") {
			balance = "-" + balance
		}
		if nonZero(balance) != "" {
			balances[b.Account+" "+string(b.Currency)] = balance
		}
	}
	slices.Sort(addresses)
	return balances, addresses
}

// hledgerBalances returns what hledger comes to, in the same form.
func hledgerBalances(t *testing.T, file string) (balances map[string]string, addresses []string) {
	t.Helper()
	rows := readCSV(t, tellHledger(t, file, "balance", "--flat", "--no-total", "--layout", "bare", "-O", "csv"))
	balances = map[string]string{}
	for _, row := range rows[1:] {
		balances[row[0]+" "+row[1]] = row[2]
	}
	addresses = strings.Fields(tellHledger(t, file, "accounts", "--used"))
	slices.Sort(addresses)
	return balances, addresses
}

// tellHledger is hledger for what must succeed.
func tellHledger(t *testing.T, file string, args ...string) string {
	t.Helper()
	said, err := hledger(t, file, args...)
	if err != nil {
		t.Fatalf("hledger %v: %v\n%s", args, err, said)
	}
	return said
}

func readCSV(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// agreesWithHledger exports a book and compares what hledger makes of it with the service.
func agreesWithHledger(t *testing.T, address string, remote *client.Client, book string, sequence int64, args ...string) (file, content string) {
	t.Helper()
	file, content = exportFile(t, address, book, journal.Hledger, args...)
	tellHledger(t, file, strictChecks...)
	got, used := hledgerBalances(t, file)
	want, ours := balancesOf(t, remote, book, sequence)
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("%s: %d balances (-ours +hledger's):\n%s", book, len(got), diff)
	}
	if diff := cmp.Diff(ours, used); diff != "" {
		t.Errorf("%s: accounts (-ours +hledger's):\n%s", book, diff)
	}
	return file, content
}

// Every scenario, exported, checked and added up by hledger.
func TestExportScenarios(t *testing.T) {
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
		agreesWithHledger(t, address, remote, done.book.Code, done.last)
		for _, format := range []journal.Format{journal.Beancount, journal.CSV, journal.JSONL} {
			_, content := exportFile(t, address, done.book.Code, format)
			if trailer := checkTrailer(t, format, content); trailer.Transactions != done.last || trailer.Book != done.book.Code {
				t.Errorf("%s: trailer %+v", done.book.Code, trailer)
			}
		}
	}
}

// hledger refuses a journal in which one cent was changed, wherever it is, and one into which a sale was slipped.
func TestHledgerRefusesChanges(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	createBook(t, remote, "uk")
	for i := range 5 {
		must[client.Transaction](t)(remote.Post(t.Context(), "uk", newSale(fmt.Sprint("order-", i), "10.00")))
	}
	file, content := exportFile(t, address, "uk", journal.Hledger)
	tellHledger(t, file, strictChecks...)
	day := time.Now().UTC().Format(time.DateOnly)
	slipped := day + " order.captured\n    assets:processor:pending:main  GBP 0.01\n    revenue:referral_fee  GBP -0.01\n\n"
	third := strings.Index(content, "(uk-3)") - len("2026-11-20=2026-11-20 ")
	for name, changed := range map[string]string{
		"one posting":         strings.Replace(content, "main  GBP 10.00 = GBP 30.00", "main  GBP 10.01 = GBP 30.00", 1),
		"one posting of a":    strings.Replace(content, "fee  GBP -10.00 = GBP -50.00", "fee  GBP -9.99 = GBP -50.00", 1),
		"an assertion":        strings.Replace(content, "= GBP 20.00", "= GBP 20.01", 1),
		"a transaction more":  content[:third] + slipped + content[third:],
		"a transaction less":  content[:third] + content[strings.Index(content, "(uk-4)")-len("2026-11-20=2026-11-20 "):],
		"an unknown account":  strings.Replace(content, "main  GBP 10.00 = GBP 10.00", "maln  GBP 10.00", 1),
		"an unknown currency": strings.ReplaceAll(content, "GBP 10.00 = GBP 10.00", "GBX 10.00"),
	} {
		if changed == content {
			t.Fatalf("%s: nothing was changed in\n%s", name, content)
		}
		other := filepath.Join(t.TempDir(), "changed.hledger")
		if err := os.WriteFile(other, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := hledger(t, other, strictChecks...); err == nil {
			t.Errorf("%s: hledger accepts it\n%s", name, said)
		}
	}
}

// A book as unfriendly as the service takes it, checked by hledger, as CSV and as JSON lines.
func TestExportHostileBook(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	last := postHostileBook(t, remote, "hostile", 400)
	file, content := agreesWithHledger(t, address, remote, "hostile", last)
	_, again := exportFile(t, address, "hostile", journal.Hledger)
	if again != content {
		t.Error("the same journal exported twice is not the same")
	}
	feed := rawFeed(t, address, "hostile", last)
	hledgerKeepsTexts(t, file, feed)
	csvKeepsEverything(t, address, feed)
	_, lines := exportFile(t, address, "hostile", journal.JSONL)
	var want strings.Builder
	for _, f := range feed {
		want.Write(f.JSON)
		want.WriteByte('\n')
	}
	if at := strings.Index(lines, `{"mizan_journal_trailer":1,`); at < 0 || lines[:at] != want.String() {
		t.Errorf("the lines are not the API's answers:\n%s", cmp.Diff(want.String(), lines))
	}
	// The journal up to an earlier transaction stays what it was, whatever came after it.
	half := last / 2
	_, before := agreesWithHledger(t, address, remote, "hostile", half, "--up-to", fmt.Sprint(half))
	postHostileBook(t, remote, "hostile", 20)
	if _, after := exportFile(t, address, "hostile", journal.Hledger, "--up-to", fmt.Sprint(half)); after != before {
		t.Error("the journal up to an earlier transaction changed")
	}
}

// rawFeed reads the feed without the client.
func rawFeed(t *testing.T, address, book string, last int64) (all []client.FeedItem) {
	t.Helper()
	for int64(len(all)) < last {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/books/%s/feed?after=%d&limit=1000", address, book, len(all)), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testKey)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		var page struct {
			Data []json.RawMessage `json:"data"`
		}
		if err := errors.Join(err, json.Unmarshal(body, &page)); err != nil || len(page.Data) == 0 {
			t.Fatalf("%s, %v: %s", res.Status, err, body)
		}
		for _, raw := range page.Data {
			item := client.FeedItem{JSON: raw}
			if err := json.Unmarshal(raw, &item.Transaction); err != nil {
				t.Fatal(err)
			}
			all = append(all, item)
		}
	}
	return all
}

// hledgerKeepsTexts asks hledger for the values of tags and compares them with what was posted.
func hledgerKeepsTexts(t *testing.T, file string, feed []client.FeedItem) {
	t.Helper()
	want := map[string]map[string]bool{"reference": {}, "memo": {}, "metadata-note": {}, "external_ref": {}, "hash": {}, "seq": {}}
	for _, f := range feed {
		for name, value := range map[string]string{"reference": f.Reference, "memo": f.Memo, "metadata-note": f.Metadata["note"],
			"hash": f.ContentHash, "seq": fmt.Sprint(f.Sequence)} {
			want[name][value] = true
		}
		for _, e := range f.Entries {
			want["external_ref"][e.ExternalRef] = true
		}
	}
	for name, values := range want {
		delete(values, "")
		got := map[string]bool{}
		for line := range strings.Lines(tellHledger(t, file, "tags", "--values", "^"+name+"$")) {
			value, err := url.PathUnescape(strings.TrimSuffix(line, "\n"))
			if err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
			got[value] = true
		}
		if diff := cmp.Diff(values, got); diff != "" || len(got) == 0 {
			t.Errorf("%s (-posted +hledger's):\n%s", name, diff)
		}
	}
}

// csvKeepsEverything compares the CSV with the feed, row by row.
func csvKeepsEverything(t *testing.T, address string, feed []client.FeedItem) {
	t.Helper()
	_, content := exportFile(t, address, "hostile", journal.CSV)
	rows := readCSV(t, content)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	plain := func(row []string, name string) string { return strings.TrimPrefix(row[column[name]], "'") }
	at := 1
	for _, f := range feed {
		for i := range max(1, len(f.Entries)) {
			row := rows[at]
			at++
			got := []string{row[column["id"]], plain(row, "reference"), plain(row, "memo"), row[column["content_hash"]], plain(row, "subject")}
			want := []string{f.ID, f.Reference, f.Memo, f.ContentHash, f.Subject}
			if len(f.Entries) > 0 {
				e := f.Entries[i]
				amount := e.Amount
				if e.Direction == "credit" {
					amount = "-" + amount
				}
				got = append(got, row[0], row[column["account"]], row[column["amount"]], row[column["currency"]], plain(row, "external_ref"))
				want = append(want, "entry", e.Account, amount, string(e.Currency), e.ExternalRef)
			} else {
				got, want = append(got, row[0], row[column["amount"]]), append(want, "fact", "")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("row %d (-feed +file):\n%s", at, diff)
			}
		}
	}
	if at != len(rows)-1 || rows[at][0] != "trailer" {
		t.Errorf("%d rows of %d", at, len(rows))
	}
}
