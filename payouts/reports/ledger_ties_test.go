//go:build !race

package reports_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"mizan/ledger"
	"mizan/ledger/tabular"
	"mizan/payouts/reports"

	"github.com/google/go-cmp/cmp"
)

// posted is an entry as the ledger itself tells it, with what reports say of it.
type posted struct {
	sequence int64
	period   ledger.Period
	ledger.Entry
}

// posted reads all entries up to a place.
func (o *office) posted(at int64) (all []posted) {
	o.Helper()
	for after, more := int64(0), true; more; {
		page, err := o.books.Transactions(o.Context(), o.book, ledger.TransactionQuery{After: after, Limit: 1000})
		o.ok(err)
		for _, t := range page.Transactions {
			if after = t.Sequence; t.Sequence > at {
				return all
			}
			for _, e := range t.Entries {
				all = append(all, posted{sequence: t.Sequence, period: t.Period, Entry: e})
			}
		}
		more = page.More
	}
	return all
}

// ranges draws questions of each kind: everything, months, transactions.
func ranges(r *rand.Rand, at int64) []reports.Values {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	list := []reports.Values{{}, {"from_sequence": number(9)}, {"to_sequence": number(at)}, {"from_sequence": number(at), "to_sequence": number(at)}}
	for range 2 {
		a, b := 1+r.Int64N(at), 1+r.Int64N(at)
		list = append(list, reports.Values{"from_sequence": number(min(a, b)), "to_sequence": number(max(a, b))})
		p, q := 7+r.IntN(6), 7+r.IntN(6)
		list = append(list, reports.Values{"from": fmt.Sprintf("2026-%02d", min(p, q)), "to": fmt.Sprintf("2026-%02d", max(p, q))})
	}
	return list
}

// model computes what a trial balance by account must say, from the entries alone.
func model(all []posted, v reports.Values, at int64) map[string][3]int64 {
	want := map[string][3]int64{}
	first, last := v.Number("from_sequence"), at
	if v.Given("to_sequence") {
		last = v.Number("to_sequence")
	}
	for _, e := range all {
		key := string(e.Account) + " " + string(e.Currency)
		sum := want[key]
		switch {
		case e.sequence > last || v.Given("to") && e.period > v.Period("to"):
			continue
		case e.sequence < first || e.period < v.Period("from"):
			sum[0] += int64(e.Amount)
		case e.Amount > 0:
			sum[1] += int64(e.Amount)
		default:
			sum[2] -= int64(e.Amount)
		}
		want[key] = sum
	}
	maps.DeleteFunc(want, func(_ string, s [3]int64) bool { return s == [3]int64{} })
	return want
}

// The reports of the ledger say what the entries say, for every range, at every place, and they tie with each other.
func TestLedgerReportsTie(t *testing.T) {
	t.Parallel()
	o, r := newOffice(t), seed(t)
	o.trade(r, 300)
	o.closeMonths()
	o.trade(r, 250)
	// A month that is closed before it is over: what happens in its last days counts in the next.
	o.ok(o.books.ClosePeriod(t.Context(), o.book, ledger.PeriodOf(o.clock.Now(), o.book.Location())))
	o.trade(r, 50)
	head, err := o.books.Head(t.Context(), o.book)
	o.ok(err)
	for _, at := range []int64{head.LastSequence, head.LastSequence - 10, 1 + r.Int64N(head.LastSequence)} {
		all := o.posted(at)
		for _, v := range ranges(r, at) {
			o.ties(t, all, v, at)
		}
	}
}

// What counts in a month and was recorded before it began, since the month before was closed early, is in the month's reports.
func TestMonthsClosedEarly(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.ok(o.books.ClosePeriod(t.Context(), o.book, 202608))
	early, late := ledger.Draft{Event: "order.captured"}, ledger.Draft{Event: "order.captured"}
	early.Lines = []ledger.Line{{Account: randomAccounts[0], Amount: 700, Currency: "GBP"}, {Account: randomAccounts[1], Amount: -700, Currency: "GBP"}}
	late.Lines = []ledger.Line{{Account: randomAccounts[0], Amount: 11, Currency: "GBP"}, {Account: randomAccounts[1], Amount: -11, Currency: "GBP"}}
	o.ok(o.books.Post(t.Context(), o.book, ledger.Submission{Reference: "early", Drafts: []ledger.Draft{early}}).Err)
	o.clock.set(o.clock.Now().AddDate(0, 0, 20))
	o.ok(o.books.Post(t.Context(), o.book, ledger.Submission{Reference: "late", Drafts: []ledger.Draft{late}}).Err)
	for _, report := range []string{"general_ledger", "general_journal"} {
		got := o.table(report, 0, reports.Values{"from": "2026-09", "to": "2026-09"}).sum("debit", byCurrency)
		dropZero(got)
		if diff := cmp.Diff(map[string]string{"GBP": "711"}, got); diff != "" {
			t.Errorf("%s: %s", report, diff)
		}
	}
}

func (o *office) ties(t *testing.T, all []posted, v reports.Values, at int64) {
	t.Helper()
	want := model(all, v, at)
	detailed := maps.Clone(v)
	detailed["detail"] = "account"
	accounts, chart := o.table("trial_balance", at, detailed), o.table("trial_balance", at, v)
	general, journal := o.table("general_ledger", at, v), o.table("general_journal", at, v)
	got := map[string][3]int64{}
	for _, row := range accounts.rows {
		sum := [3]int64{}
		for i, column := range []string{"opening", "debits", "credits"} {
			m, _ := row[column].Money()
			sum[i] = int64(m)
		}
		closing, _ := row["closing"].Money()
		if int64(closing) != sum[0]+sum[1]-sum[2] {
			t.Errorf("%v at %d: %s closes at %d", v, at, row["account"].Text(), closing)
		}
		got[row["account"].Text()+" "+row["currency"].Text()] = sum
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%v at %d: the trial balance by account differs from the entries:\n%s", v, at, diff)
	}
	byCode := func(row map[string]tabular.Value) string {
		return row["account_code"].Text() + " " + row["currency"].Text()
	}
	for _, column := range []string{"opening", "debits", "credits", "closing"} {
		a, c := accounts.sum(column, byCode), chart.sum(column, byCode)
		dropZero(a)
		dropZero(c)
		if diff := cmp.Diff(a, c); diff != "" {
			t.Errorf("%v at %d: %s by account and by chart differ:\n%s", v, at, column, diff)
		}
	}
	for column, entries := range map[string]string{"debits": "debit", "credits": "credit"} {
		sums := chart.sum(column, byCurrency)
		dropZero(sums)
		for name, other := range map[string]table{"general ledger": general, "general journal": journal} {
			of := other.sum(entries, byCurrency)
			dropZero(of)
			if diff := cmp.Diff(sums, of); diff != "" {
				t.Errorf("%v at %d: %s of the trial balance and the %s differ:\n%s", v, at, column, name, diff)
			}
		}
	}
	if diff := cmp.Diff(chart.sum("debits", byCurrency), chart.sum("credits", byCurrency)); diff != "" {
		t.Errorf("%v at %d: debits and credits differ:\n%s", v, at, diff)
	}
	o.balancesRun(t, general, accounts)
}

func dropZero(sums map[string]string) {
	maps.DeleteFunc(sums, func(_ string, s string) bool { return s == "0" })
}

// balancesRun checks that each balance of the general ledger is the one before it and the entry, and the last the closing one.
func (o *office) balancesRun(t *testing.T, general, accounts table) {
	t.Helper()
	balances := map[string]int64{}
	amount := func(v tabular.Value) int64 { m, _ := v.Money(); return int64(m) }
	for _, row := range general.rows {
		key := row["account"].Text() + " " + row["currency"].Text()
		if row["row"].Text() == "opening" {
			balances[key] = amount(row["balance"])
			continue
		}
		balances[key] += amount(row["debit"]) - amount(row["credit"])
		if balances[key] != amount(row["balance"]) {
			t.Fatalf("%s: the balance after %s is %d, want %d", key, row["transaction_id"].Text(), amount(row["balance"]), balances[key])
		}
	}
	closing := map[string]int64{}
	for _, row := range accounts.rows {
		closing[row["account"].Text()+" "+row["currency"].Text()] = amount(row["closing"])
	}
	if diff := cmp.Diff(closing, balances); diff != "" {
		t.Errorf("the general ledger closes otherwise than the trial balance:\n%s", diff)
	}
}

// What is one owner's is all of his, and nobody else's whose name begins like his.
func TestSubledgerIsOneOwners(t *testing.T) {
	t.Parallel()
	o, r := newOffice(t), seed(t)
	o.trade(r, 400)
	for kind, owners := range map[string]map[string][]string{
		"seller": {"sel_a": {"liabilities:payout_in_transit:sel_a", "liabilities:seller:available:sel_a", "liabilities:seller:reserve:sel_a"},
			"sel_b": {"liabilities:seller:available:sel_b", "liabilities:seller_deposit:sel_b"}, "sel_ab": {"liabilities:seller:available:sel_ab"}, "sel": nil},
		"beneficiary":  {"ben_a": {"liabilities:donation:available:ben_a:camp_1"}},
		"jurisdiction": {"de": {"liabilities:tax:vat:de:standard"}, "uk": {"liabilities:tax:sales:uk"}},
	} {
		balances := o.table("owner_balances", 0, reports.Values{"kind": kind})
		for owner, want := range owners {
			found, last := map[string]bool{}, map[string]int64{}
			for _, row := range o.table("subledger", 0, reports.Values{"kind": kind, "owner": owner}).rows {
				m, _ := row["balance"].Money()
				found[row["account"].Text()], last[row["account_code"].Text()+" "+row["currency"].Text()] = true, int64(m)
			}
			wanted, held := map[string]bool{}, map[string]int64{}
			for _, a := range want {
				wanted[a] = true
			}
			for _, row := range balances.rows {
				if m, _ := row["balance"].Money(); row["owner"].Text() == owner {
					held[row["account_code"].Text()+" "+row["currency"].Text()] = int64(m)
				}
			}
			if diff := cmp.Diff(wanted, found); diff != "" {
				t.Errorf("%s %s: %s", kind, owner, diff)
			}
			if diff := cmp.Diff(held, last); diff != "" {
				t.Errorf("%s %s holds otherwise than his sub-ledger says: %s", kind, owner, diff)
			}
		}
	}
}

// everything asks for each report of the ledger in ways that have rows.
var everything = []reports.Request{
	{Report: "trial_balance"}, {Report: "trial_balance", Parameters: reports.Values{"detail": "account", "from": "2026-08", "to": "2026-09"}},
	{Report: "trial_balance", Parameters: reports.Values{"from": "2026-08", "to": "2026-09"}},
	{Report: "trial_balance", Parameters: reports.Values{"from_sequence": "7", "to_sequence": "150"}},
	{Report: "general_ledger"}, {Report: "general_ledger", Parameters: reports.Values{"account": "liabilities:seller", "from": "2026-08", "to": "2026-09"}},
	{Report: "general_ledger", Parameters: reports.Values{"from_sequence": "7", "to_sequence": "150"}},
	{Report: "subledger", Parameters: reports.Values{"kind": "seller", "owner": "sel_a"}, Language: "ar"},
	{Report: "owner_balances", Parameters: reports.Values{"kind": "seller"}},
	{Report: "general_journal", CSV: tabular.Dialect{Separator: ";", Mark: true, Trailer: true}}, {Report: "general_journal", Parameters: reports.Values{"from": "2026-09", "to": "2026-09"}},
	{Report: "late_postings", Parameters: reports.Values{"from": "2026-07", "to": "2026-10"}}, {Report: "earlier_refunds", Parameters: reports.Values{"from": "2026-07", "to": "2026-10"}},
	{Report: "late_tax", Parameters: reports.Values{"from": "2026-07", "to": "2026-10"}},
}

// Whatever is posted later, in months that were open, in months that are closed by then: the file of an export stays the same, and
// so does the file of the same question at the same place. What was exported reads back to the same totals.
func TestExportsStayTheSame(t *testing.T) {
	t.Parallel()
	o, r := newOffice(t), seed(t)
	o.trade(r, 250)
	o.closeMonths()
	o.trade(r, 250)
	head, err := o.books.Head(t.Context(), o.book)
	o.ok(err)
	type made struct {
		reports.Request
		reports.Export
		file []byte
	}
	var before []made
	for _, ask := range everything {
		for _, f := range tabular.Formats() {
			ask.Format = f
			e, file := o.export(ask)
			read := o.readTable(e, bytes.NewReader(file))
			if len(read.rows) == 0 || !bytes.Equal(read.manifest.JSON(), e.Manifest.JSON()) {
				t.Errorf("%s as %s reads back as %d rows with %s", ask.Report, f, len(read.rows), read.manifest.JSON())
			}
			before = append(before, made{ask, e, file})
		}
	}
	o.trade(r, 200)
	o.closeMonths()
	o.trade(r, 100)
	for _, m := range before {
		if again := o.content(m.Export); !bytes.Equal(again, m.file) {
			t.Errorf("%s as %s is another file", m.Export.Report, m.Export.Format)
		}
		if m.Request.AtSequence = head.LastSequence; m.Export.Format == tabular.CSV {
			if e, file := o.export(m.Request); !bytes.Equal(file, m.file) || e.Manifest.SHA256 != m.Manifest.SHA256 {
				t.Errorf("%s asked for again at the same place is another file", m.Export.Report)
			}
		}
	}
}
