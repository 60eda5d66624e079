package commerce

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// testNow is the tests' clock: after everything they say has happened.
var testNow = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// bench is a book with a service.
type workbench struct {
	*Service
	ledger *ledger.Ledger
	book   ledger.Book
	db     *pgtest.DB
	// inTx says that worked examples are recorded by PostTx.
	inTx bool
}

func newWorkbench(t testing.TB, market, zone string, currencies ...money.Currency) *workbench {
	t.Helper()
	return newWorkbenchOn(t, pgtest.New(t), market, zone, currencies...)
}

func newWorkbenchOn(t testing.TB, db *pgtest.DB, market, zone string, currencies ...money.Currency) *workbench {
	t.Helper()
	now := func() time.Time { return testNow }
	l := ledger.New(db.Pool, ledger.Options{Now: now})
	t.Cleanup(func() { l.Close(t.Context()) })
	book, _, err := l.CreateBook(t.Context(), ledger.NewBook{Code: strings.ToLower(market), Name: market, Currencies: currencies, TimeZone: zone, Market: market})
	if err != nil {
		t.Fatal(err)
	}
	return &workbench{Service: New(l, newTestRules(t, db, now), now), ledger: l, book: book, db: db}
}

// event builds an event from JSON as a caller would send it.
func event(t testing.TB, kind, reference, data string) Event {
	t.Helper()
	et, err := TypeOf(kind)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	d := et.New()
	dec := json.NewDecoder(strings.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return Event{Type: kind, Reference: reference, Data: d}
}

func (w *workbench) post(t testing.TB, kind, reference, data string) Result {
	t.Helper()
	r := w.Post(t.Context(), w.book, event(t, kind, reference, data))
	if r.Err != nil {
		t.Fatalf("%s %s: %v", kind, reference, r.Err)
	}
	return r
}

// raw posts a transaction by hand: pairs of account, amount (debit positive).
func (w *workbench) raw(t testing.TB, event, reference string, c money.Currency, lines ...any) {
	t.Helper()
	d := ledger.Draft{Event: event}
	for i := 0; i < len(lines); i += 2 {
		d.Lines = append(d.Lines, ledger.Line{Account: ledger.Address(lines[i].(string)), Amount: money.Minor(lines[i+1].(int)), Currency: c})
	}
	if out := w.ledger.Post(t.Context(), w.book, ledger.Submission{Reference: reference, Drafts: []ledger.Draft{d}}); out.Err != nil {
		t.Fatal(out.Err)
	}
}

// balances are the balances of all accounts that are not zero, in the account's favour as the chart shows it.
func (w *workbench) balances(t testing.TB) map[string]string {
	t.Helper()
	page, err := w.ledger.Balances(t.Context(), w.book, ledger.BalanceQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, b := range page.Balances {
		if amount := b.Debits - b.Credits; amount != 0 {
			row, err := w.ledger.Chart().Resolve(b.Account)
			if err != nil {
				t.Fatal(err)
			}
			if row.Normal == ledger.Credit {
				amount = -amount
			}
			got[string(b.Account)+" "+string(b.Currency)] = money.Minor(amount).Format(b.Currency)
		}
	}
	return got
}

// wantEntries compares the net per account of what a result posted with lines like "Dr assets:processor:pending:main 1.00".
func wantEntries(t testing.TB, name string, r Result, want ...string) {
	t.Helper()
	usual := money.Currency("")
	for _, x := range r.Transactions {
		for _, e := range x.Entries {
			usual = e.Currency
		}
	}
	wantEntriesIn(t, name, usual, r, want...)
}

// wantEntriesIn is wantEntries with the currency that an entry need not name.
func wantEntriesIn(t testing.TB, name string, usual money.Currency, r Result, want ...string) {
	t.Helper()
	nets := map[balanceKey]money.Minor{}
	for _, x := range r.Transactions {
		for _, e := range x.Entries {
			nets[balanceKey{e.Account, e.Currency}] += e.Amount
		}
	}
	got := []string{}
	for k, m := range nets {
		side := "Dr "
		if m < 0 {
			side, m = "Cr ", -m
		}
		entry := side + string(k.account) + " " + m.Format(k.currency)
		if k.currency != usual {
			entry += " " + string(k.currency)
		}
		if m != 0 {
			got = append(got, entry)
		}
	}
	sort.Strings(got)
	sort.Strings(want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// tester is who acts in tests.
var tester = guard.Actor{Kind: guard.Operator, ID: "tester"}

func (w *workbench) reverse(t *testing.T, x *ledger.Transaction) Result {
	t.Helper()
	return w.Post(t.Context(), w.book, event(t, "entry.reversed", fmt.Sprint("undo-", x.Sequence), fmt.Sprintf(`{"transaction":%q,"reason":"mistake"}`, x.ID())))
}
