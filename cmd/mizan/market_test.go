package main

// The living market against a real service: small, with every check, drawn twice.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mizan/api/client"
)

// smallMarket has every kind of happening in little.
var smallMarket = marketPlan{seed: 7, days: 16, orders: 12}

// allBalances reads every balance of a book that is not zero.
func allBalances(t *testing.T, remote *client.Client, book string) map[string]string {
	t.Helper()
	held := map[string]string{}
	for b, err := range remote.Balances(t.Context(), book, client.BalanceQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if nonZero(b.Balance) != "" {
			held[b.Account+" "+string(b.Currency)] = b.Balance
		}
	}
	return held
}

func TestMarketIsDrawnTheSame(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	for i, b := range newMarket(smallMarket) {
		again := newMarket(smallMarket)[i]
		if !reflect.DeepEqual(b.happenings, again.happenings) || len(b.happenings) == 0 {
			t.Errorf("book %s: the same seed drew another market", b.book.Code)
		}
		seen := map[string]bool{}
		for _, h := range b.happenings {
			kinds[h.event.Type]++
			if h.settle != "" {
				continue
			}
			if seen[h.event.Reference] {
				t.Errorf("%s happens twice", h.event.Reference)
			}
			seen[h.event.Reference] = true
		}
	}
	for _, kind := range []string{"", "order.captured", "order.delivered", "order.cancelled", "refund.made", "after_sales.opened", "after_sales.closed", "dispute.opened", "charge.recorded", "creator.bonus",
		"commission.earned", "commission.clawback", "commission.deposit_released", "processor.fee_recorded", "processor.funds_available"} {
		if kinds[kind] == 0 {
			t.Errorf("the market has no %q", kind)
		}
	}
	other := smallMarket
	other.seed++
	if reflect.DeepEqual(newMarket(other)[0].tally, newMarket(smallMarket)[0].tally) {
		t.Error("another seed draws the same market")
	}
}

// TestMarketSeeds posts the small market into two services: the same balances, everything in order, and what was posted is
// found again. Rehearsing the rules in force over it changes nothing.
func TestMarketSeeds(t *testing.T) {
	t.Parallel()
	address, remote := testService(t)
	_, other := testService(t)
	var said, again bytes.Buffer
	if err := seedMarket(t.Context(), remote, smallMarket, time.Now, &said); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	t.Log(said.String())
	if err := seedMarket(t.Context(), remote, smallMarket, time.Now, &again); err != nil || !strings.Contains(again.String(), "was there before") {
		t.Errorf("again: %v\n%s", err, again.String())
	}
	// The other service is interrupted after the first days, and then completed.
	first := newMarket(smallMarket)[0]
	begun := *first
	begun.happenings = begun.happenings[:len(begun.happenings)/3]
	if _, err := other.CreateBook(t.Context(), begun.book); err != nil {
		t.Fatal(err)
	}
	if err := begun.begins[0](t.Context(), other); err != nil {
		t.Fatal(err)
	}
	var done marketPosted
	if err := begun.postDays(t.Context(), other, begun.happenings, &done); err != nil {
		t.Fatal(err)
	}
	if done, err := first.post(t.Context(), other); err != nil || done.replayed != len(begun.happenings) {
		t.Fatalf("%d were there before, want %d: %v", done.replayed, len(begun.happenings), err)
	}
	if a, b := allBalances(t, remote, "market"), allBalances(t, other, "market"); !reflect.DeepEqual(a, b) {
		t.Errorf("the balances differ:\n%v\n%v", a, b)
	}
	rehearseMarket(t, address, remote)
}

// rehearseMarket rehearses the rules in force, and a higher fee, over the market at the command line.
func rehearseMarket(t *testing.T, address string, remote *client.Client) {
	t.Helper()
	set, err := remote.RuleSet(t.Context(), "market", "uk-1")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MIZAN_SERVER": address, "MIZAN_API_KEY": testKey}
	file := filepath.Join(t.TempDir(), "rules.json")
	rehearse := func(document string, more ...string) outcome {
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"rules", "rehearse", "--book", "market", "--set", file, "--from", "2025-06-01T00:00:00Z", "--to", "2025-07-01T00:00:00Z"}, more...)
		return mizan(t, env, "", args...)
	}
	document := string(set.Document)
	orders := newMarket(smallMarket)[0].tally.orders
	rehearse(document).want(t, exitDone, fmt.Sprintf("%d orders and ", orders), " 0 of them change. 0 payees gain, 0 lose.")
	changed := strings.Replace(document, `"rate":"0.09"`, `"rate":"0.10"`, 1)
	var report rehearsalReport
	if err := json.Unmarshal([]byte(rehearse(changed, "--format", "json").want(t, exitDone).stdout), &report); err != nil {
		t.Fatal(err)
	}
	if report.Orders != orders || report.Winners != 0 || report.Losers == 0 || len(report.Largest) != 20 || len(report.Failed) != 0 {
		t.Errorf("a higher fee: %d orders, %d gain, %d lose, %d failed", report.Orders, report.Winners, report.Losers, len(report.Failed))
	}
	rows, err := csv.NewReader(strings.NewReader(rehearse(changed, "--format", "csv").want(t, exitDone).stdout)).ReadAll()
	if err != nil || len(rows) != 1+len(report.Payees)+len(report.Accounts)+len(report.Totals)+len(report.Largest) {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	rehearse(changed).want(t, exitDone, "LARGEST CHANGE", "revenue:referral_fee")
	rehearse("{}").want(t, exitRefused, "The rule set cannot be used")
}
