package main

// Imports at the command line, against a real service.

import (
	"os"
	"path/filepath"
	"testing"

	"mizan/api/client"
)

const statementHead = "transaction_id,statement_id,order_id,currency,subtotal_before_discount,platform_commission,moon_fee,settlement_amount\n"

// TestImport imports a statement: as a dry run, really, again, longer, with a changed row, with money in an
// unknown column, and tried again.
func TestImport(t *testing.T) {
	t.Parallel()
	env, remote := market(t)
	file := filepath.Join(t.TempDir(), "statement.csv")
	run := func(rows string, flags ...string) outcome {
		t.Helper()
		if err := os.WriteFile(file, []byte(statementHead+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return mizan(t, env, "", append([]string{"import", "--book", "uk", "--format", "tiktok", "--role", "bookkeeper", "--seller", "sel_uk", file}, flags...)...)
	}
	const one, two = "T-1,ST-1,576,GBP,100.00,-6.00,,94.00\n", "T-2,ST-1,577,GBP,50.00,-3.00,0.00,47.00\n"
	run(one, "--dry-run").want(t, exitDone, "1 rows would be applied, 0 were there before, 0 parked", "platform_commission", "-6.00")
	run(one).want(t, exitDone, "is stored as import 1", "1 rows applied, 0 were there before", "come to 94.00 GBP; in the book are 94.00, a difference of 0.00.")
	run(one).want(t, exitDone, "was received before as import 1", "1 rows applied")
	run(two+one).want(t, exitDone, "1 rows applied, 1 were there before", "141.00 GBP; in the book are 141.00")
	run("T-1,ST-1,576,GBP,100.00,-7.00,,93.00\n").want(t, exitRefused, "BREAK line 2, transaction T-1: changed: ", "a difference of 93.00")
	const unknown = "T-3,ST-1,578,GBP,10.00,-0.60,-0.40,9.00\n"
	run(unknown, "--dry-run").want(t, exitRefused, "BREAK line 2, transaction T-3: unknown-field")
	run(unknown, "--no-wait").want(t, exitDone, "is stored as import")
	run(unknown).want(t, exitRefused, "was received before", "BREAK line 2, transaction T-3: unknown-field", "1 parked")
	run(unknown, "--retry").want(t, exitRefused, "BREAK line 2, transaction T-3: unknown-field")
	run("T-3,ST-1,578,GBP,10.00,-0.60,,9.00\n").want(t, exitRefused, "BREAK line 2, transaction T-3: statement-sum")
	run("T-4,ST-1,579,GBP,\"1,00\",,,1.00\n").want(t, exitRefused, "REFUSED file-invalid: Line 2: the amount in subtotal_before_discount")
	balances, err := client.Collect(remote.Balances(t.Context(), "uk", client.BalanceQuery{}), 10)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]string{}
	for _, b := range balances {
		held[b.Account] = b.Balance
	}
	if len(held) != 3 || held["assets:receivable:channel:tiktok"] != "141.00" || held["expenses:channel_fee"] != "9.00" || held["liabilities:seller:available:sel_uk"] != "150.00" {
		t.Errorf("%v", held)
	}
}
