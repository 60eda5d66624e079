package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
	"mizan/payouts/reconcile/evidence"
)

// reconcileHome is a service with an empty book, a directory, and a way to talk to it at the command line.
func reconcileHome(t *testing.T) (remote *client.Client, dir string, say func(args ...string) outcome) {
	t.Helper()
	db := pgtest.New(t)
	address, remote := serveOn(t, db, serviceConfig{staticKey: testKey, open: true, log: slog.New(slog.DiscardHandler), withoutJobs: true})
	if _, err := remote.CreateBook(t.Context(), client.NewBook{Code: "shop", Name: "A shop", Currencies: []money.Currency{"GBP"}, TimeZone: "Europe/London", Market: "UK"}); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey, "MIZAN_DATA": dir}
	return remote, dir, func(args ...string) outcome { return mizan(t, env, "", args...) }
}

// weekStatement writes a statement of yesterday with receipts of these amounts, and returns its file.
func weekStatement(t *testing.T, dir string, amounts ...money.Minor) string {
	t.Helper()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	x := evidence.Statement{ID: "S-1", Account: nightlyAccount, Currency: "GBP", From: day, Until: day, Proved: true}
	for i, amount := range amounts {
		x.Closing += amount
		x.Lines = append(x.Lines, evidence.Line{ID: fmt.Sprint("L-", i), Amount: amount, Booked: day, Value: day, EndToEnd: fmt.Sprint("E2E-", i), Code: "PMNT/RCDT/ESCT"})
	}
	content, err := evidence.Render(evidence.CAMT053, []evidence.Statement{x})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "statement.xml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// receiptPosted is what the books know of the first line of the statement.
const receiptPosted = `{"reference": "brand-1", "event": "test.moved", "entries": [
	{"account": "assets:bank:operating:main", "direction": "debit", "amount": "12.34", "currency": "GBP", "external_ref": "E2E-0"},
	{"account": "revenue:referral_fee", "direction": "credit", "amount": "12.34", "currency": "GBP"}]}`

// TestReconcileSession goes the whole way at the command line: a source, a statement, a run, the same run again, a difference with its
// owner and its explanation, and a month's checklist.
func TestReconcileSession(t *testing.T) {
	t.Parallel()
	_, dir, say := reconcileHome(t)
	file := weekStatement(t, dir, 1234, 700)
	posting := filepath.Join(dir, "posting.json")
	if err := os.WriteFile(posting, []byte(receiptPosted), 0o600); err != nil {
		t.Fatal(err)
	}
	say("post", "shop", posting).want(t, exitDone)
	say("reconcile", "sources", "shop").want(t, exitDone)
	say("reconcile", "sources", "shop", "main").want(t, exitUsage, "processor/main")
	say("reconcile", "sources", "shop", "bank/main").want(t, exitRefused, "evidence-source-unknown")
	say("reconcile", "statement", "shop", "main", file).want(t, exitRefused, "evidence-source-unknown")
	say("reconcile", "run", "shop", "R2", "bank/main").want(t, exitRefused, "evidence-source-unknown")
	say("reconcile", "pull", "shop").want(t, exitRefused, "evidence-source-unknown")
	say("reconcile", "set-source", "shop", "bank/main", "--account", "assets:bank:operating:main", "--currency", "GBP", "--format", "camt.053", "--identification", nightlyAccount).
		want(t, exitDone, "bank/main", "…5555", "assets:bank:operating:main")
	say("reconcile", "statement", "shop", "main", file).want(t, exitDone, "Receipt 1: 2 new lines, 0 known")
	say("reconcile", "statement", "shop", "main", file).want(t, exitDone, "Receipt 1:", "taken before")
	say("reconcile", "sources", "shop", "bank/main").want(t, exitDone, "2 lines in 1 receipts", "Nothing is missing.")
	say("reconcile", "lines", "shop", "bank/main", "--key", "E2E-1").want(t, exitDone, "7.00", "E2E-1")
	say("reconcile", "run", "shop", "R1", "bank/main").want(t, exitRefused)
	say("reconcile", "run", "shop", "R2", "bank/main", "--cut-off", "yesterday").want(t, exitUsage, "--cut-off")
	say("reconcile", "run", "shop", "R2", "bank/main").want(t, exitDone, "Closing", "19.34", "12.34", "1 matched, 1 open", "put into suspense", "mizan breaks list shop")
	say("reconcile", "run", "shop", "R3").want(t, exitDone, "R3")
	var runs []client.Reconciliation
	if err := json.Unmarshal([]byte(say("reconcile", "runs", "shop", "--json").want(t, exitDone).stdout), &runs); err != nil || len(runs) != 2 || runs[1].Match != "R2" {
		t.Fatalf("%+v, %v", runs, err)
	}
	run := runs[1]
	say("reconcile", "show", "shop", run.ID).want(t, exitDone, "Opening", "Closing", run.Digest)
	say("reconcile", "replay", "shop", run.ID).want(t, exitDone, "comes to the same bytes", run.Digest)
	say("reconcile", "replay", "shop", "rec_0000000000000000").want(t, exitRefused, "recon-run-unknown")
	out := filepath.Join(dir, "run.json")
	say("reconcile", "document", "shop", run.ID, "--output", out).want(t, exitDone)
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != run.Digest || !json.Valid(content) {
		t.Errorf("the document is not the run's: %.200s", content)
	}
	breakSession(t, say)
	say("pairings", "list", "shop").want(t, exitDone)
	say("pairings", "confirm", "shop", "par_0000000000000000").want(t, exitRefused, "unknown")
	say("pairings", "refuse", "shop", "par_0000000000000000").want(t, exitUsage, "--note")
	say("period", "checklist", "shop", "2026").want(t, exitRefused)
	say("period", "checklist", "shop", time.Now().UTC().Format("2006-01")).want(t, exitRefused, "blocked", "Sub-ledgers", "cannot be closed yet")
	say("period", "chain", "shop").want(t, exitDone, "PREVIOUS")
	say("period", "closings", "shop", time.Now().UTC().Format("2006-01")).want(t, exitDone, "HASH")
}

// breakSession deals with the one difference that there is.
func breakSession(t *testing.T, say func(args ...string) outcome) {
	t.Helper()
	var breaks []client.Break
	if err := json.Unmarshal([]byte(say("breaks", "list", "shop", "--json").want(t, exitDone).stdout), &breaks); err != nil || len(breaks) != 1 || breaks[0].Amount != "7.00" {
		t.Fatalf("%+v, %v", breaks, err)
	}
	b := breaks[0]
	step := fmt.Sprint(b.Step)
	say("breaks", "list", "shop", "--class", "fee_differs").want(t, exitDone)
	say("breaks", "show", "shop", b.ID).want(t, exitDone, b.Class, "lines of the source", "E2E-1", "steps")
	say("breaks", "show", "shop", "brk_0000000000000000").want(t, exitRefused, "unknown")
	say("breaks", "assign", "shop", b.ID, "treasury").want(t, exitDone, "treasury")
	say("breaks", "note", "shop", b.ID, "Asked the bank.", "--step", step).want(t, exitRefused) // somebody gave it to treasury meanwhile
	say("breaks", "note", "shop", b.ID, "Asked the bank.").want(t, exitDone)
	say("breaks", "explain", "shop", b.ID, "--note", "A brand pays twice.", "--clear-by", "soon").want(t, exitUsage, "--clear-by")
	say("breaks", "explain", "shop", b.ID, "--note", "A brand pays twice.", "--clear-by", time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly)).want(t, exitDone, "explained", "A brand pays twice.")
	say("breaks", "reopen", "shop", b.ID, "--note", "It was another one.").want(t, exitDone, "open")
	said := say("breaks", "show", "shop", b.ID).want(t, exitDone, "Asked the bank.", "It was another one.").stdout
	if !strings.Contains(said, "treasury") {
		t.Errorf("nobody owns it:\n%s", said)
	}
	say("breaks", "ageing", "shop").want(t, exitDone, "0-1", "GBP", "treasury")
}

// TestExportReportSession asks for reports as files, and tells a file that was cut or changed from the one of its manifest.
func TestExportReportSession(t *testing.T) {
	t.Parallel()
	_, dir, say := reconcileHome(t)
	posting := filepath.Join(dir, "posting.json")
	if err := os.WriteFile(posting, []byte(receiptPosted), 0o600); err != nil {
		t.Fatal(err)
	}
	say("post", "shop", posting).want(t, exitDone)
	say("export", "report", "--book", "shop").want(t, exitDone, "trial_balance", "late_postings")
	say("export", "report", "nonsense", "--book", "shop").want(t, exitRefused, "report-unknown")
	say("export", "report", "late_postings", "--book", "shop").want(t, exitRefused, "report-parameters", "/parameters/from")
	for _, format := range []string{"csv", "xlsx", "jsonl"} {
		out := filepath.Join(dir, "trial."+format)
		say("export", "report", "trial_balance", "--book", "shop", "--format", format, "--out", out).want(t, exitDone, out, "2 rows at transaction 1", "SHA-256", "Export exp_")
		say("export", "check", out).want(t, exitDone, "byte for byte", "trial_balance", "2 rows", "12.34")
		first, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{"table-cut": first[:len(first)-1], "table-changed": append(first[:len(first)-1:len(first)-1], first[len(first)-1]^1)} {
			if err := os.WriteFile(out, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			message := map[string]string{"table-cut": "its end is missing", "table-changed": "Do not use it"}[what]
			say("export", "check", out).want(t, exitRefused, message)
		}
		_, id, _ := strings.Cut(say("export", "report", "trial_balance", "--book", "shop", "--format", format, "--at", "1", "--out", out).want(t, exitDone).stdout, "Export ")
		if first, err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(dir, "again."+format)
		say("export", "report", "--book", "shop", "--id", strings.TrimSpace(id), "--out", again).want(t, exitDone)
		second, err := os.ReadFile(again)
		if err != nil || string(second) != string(first) {
			t.Errorf("%s made again is not the same: %d and %d bytes, %v", format, len(first), len(second), err)
		}
	}
	say("export", "check", posting).want(t, exitRefused, "manifest")
	say("export", "report", "--book", "shop", "--id", "exp_0000000000000000").want(t, exitRefused, "export-unknown")
	if left, err := filepath.Glob(filepath.Join(dir, ".*part*")); err != nil || len(left) > 0 {
		t.Errorf("parts of files are left: %v, %v", left, err)
	}
}
