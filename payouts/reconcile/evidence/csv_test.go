package evidence_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mizan/ledger/money"
	"mizan/payouts/reconcile/evidence"
)

// small is a profile of which tests change one thing.
func small() *evidence.Profile {
	return &evidence.Profile{Name: "p", Account: "A", Currency: "EUR", Dates: "YYYY-MM-DD", Proof: evidence.ProofNone,
		Columns: evidence.Columns{Booked: "d", Amount: "a"}}
}

// Each way of writing an amount, by the profile.
func TestCSVAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		decimal, grouping string
		currency          string
		written           string
		want              money.Minor
		ok                bool
	}{
		{"", "", "EUR", "12.50", 1250, true}, {"", "", "EUR", "-12.5", -1250, true}, {"", "", "EUR", "12.50-", -1250, true},
		{"", "", "EUR", "(12.50)", -1250, true}, {"", "", "EUR", "+ 7", 700, true}, {"", "", "EUR", "\u221212", -1200, true},
		{"", "", "EUR", "0012.00", 1200, true}, {"", "", "EUR", ".50", 0, false}, {"", "", "EUR", "5.", 0, false}, {"", "", "EUR", "1,000.00", 0, false},
		{"", "", "EUR", "1.000", 0, false}, {"", "", "EUR", "(-1)", 0, false}, {"", "", "EUR", "-(1)", 0, false}, {"", "", "EUR", "1e3", 0, false},
		{"", "", "EUR", "١٢", 0, false}, {"", "", "EUR", "€5", 0, false}, {"", "", "EUR", "999999999999999.99", 99999999999999999, true},
		{"", "", "EUR", "1000000000000000", 0, false}, {",", ".", "EUR", "1.234,56", 123456, true}, {",", ".", "EUR", "1234,56", 123456, true},
		{",", ".", "EUR", "12.34,56", 0, false}, {",", ".", "EUR", "1.234.567", 123456700, true}, {",", ".", "EUR", ".234,00", 0, false},
		{",", " ", "EUR", "1\u202f234,56", 123456, true}, {".", "'", "CHF", "1\u2019234.50", 123450, true}, {".", ",", "EUR", "1,234,567.89", 123456789, true},
		{"", "", "JPY", "1200", 1200, true}, {"", "", "JPY", "1200.00", 1200, true}, {"", "", "JPY", "1200.50", 0, false}, {"", "", "JPY", "1.200", 0, false},
		{"", "", "KWD", "1.234", 1234, true}, {"", "", "KWD", "1.2345", 0, false}, {"", "", "KWD", "-0.001", -1, true},
	} {
		p := small()
		p.Decimal, p.Grouping, p.Currency = c.decimal, c.grouping, c.currency
		got, err := evidence.Read(evidence.CSV, p, []byte("d,a\n2026-11-20,\""+c.written+"\"\n"))
		sound(t, got, err)
		if (err == nil) != c.ok || c.ok && got[0].Lines[0].Amount != c.want {
			t.Errorf("%q in %s with %q and %q: got %v, %v", c.written, c.currency, c.decimal, c.grouping, got, err)
		}
	}
}

// Signs in a column of words and in two columns.
func TestCSVSigns(t *testing.T) {
	t.Parallel()
	words := small()
	words.Columns.Sign, words.CreditWords, words.DebitWords = "s", []string{"CR", "H"}, []string{"DR", "S"}
	pair := small()
	pair.Columns.Amount, pair.Columns.Debit, pair.Columns.Credit = "", "a", "s"
	minus := small()
	minus.Columns, minus.DebitNegative = pair.Columns, true
	for _, c := range []struct {
		p            *evidence.Profile
		amount, sign string
		want         money.Minor
		ok           bool
	}{
		{words, "5", "CR", 500, true}, {words, "5", "S", -500, true}, {words, "-5", "S", 0, false}, {words, "5", "", 0, false}, {words, "5", "cr", 0, false},
		{pair, "5", "", -500, true}, {pair, "", "5", 500, true}, {pair, "0.00", "5", 500, true}, {pair, "5", "5", 0, false}, {pair, "", "", 0, false},
		{pair, "-5", "", 0, false}, {pair, "", "-5", 0, false}, {minus, "-5", "", -500, true}, {minus, "5", "", 0, false}, {minus, "", "5", 500, true},
	} {
		got, err := evidence.Read(evidence.CSV, c.p, []byte("d,a,s\n2026-11-20,"+c.amount+","+c.sign+"\n"))
		sound(t, got, err)
		if (err == nil) != c.ok || c.ok && got[0].Lines[0].Amount != c.want {
			t.Errorf("%q %q: got %v, %v", c.amount, c.sign, got, err)
		}
	}
}

// Every form of dates reads the same day.
func TestCSVDates(t *testing.T) {
	t.Parallel()
	forms := strings.NewReplacer("YYYY", "2026", "YY", "26", "MMM", "Nov", "MM", "11", "DD", "05", "hh", "23", "mm", "59", "ss", "58")
	for _, form := range evidence.DateForms() {
		p := small()
		p.Dates = form
		got, err := evidence.Read(evidence.CSV, p, []byte("d,a\n"+forms.Replace(form)+",1\n"))
		if err != nil || !got[0].Lines[0].Booked.Equal(on(2026, 11, 5)) {
			t.Errorf("%s: got %v, %v", form, got, err)
		}
	}
}

// Line ends, a byte order mark, empty lines, lines around the rows, and no header change nothing.
func TestCSVShapes(t *testing.T) {
	t.Parallel()
	plain := "d,a\n2026-11-19,1\n2026-11-20,2\n"
	skipping, bare := small(), small()
	skipping.SkipFirst, skipping.SkipLast = 2, 1
	bare.NoHeader, bare.Columns = true, evidence.Columns{Booked: "1", Amount: "2"}
	for name, c := range map[string]struct {
		p    *evidence.Profile
		file string
		row  int
	}{
		"plain":    {small(), plain, 2},
		"CRLF":     {small(), strings.ReplaceAll(plain, "\n", "\r\n"), 2},
		"BOM":      {small(), "\ufeff" + plain, 2},
		"no end":   {small(), strings.TrimSpace(plain), 2},
		"empty":    {small(), strings.ReplaceAll(plain, "\n", "\n\n,\n"), 4},
		"skipping": {skipping, "Bank \"of\"\n\n" + plain + "Total,3\n\n", 4},
		"bare":     {bare, strings.TrimPrefix(plain, "d,a\n"), 1},
	} {
		got, err := evidence.Read(evidence.CSV, c.p, []byte(c.file))
		if err != nil || len(got) != 1 || len(got[0].Lines) != 2 || got[0].Lines[0].Row != c.row || got[0].Lines[1].Amount != 200 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// Rows of several accounts and currencies become one statement each, with a balance of their own.
func TestCSVGroups(t *testing.T) {
	t.Parallel()
	p := small()
	p.Account, p.Currency, p.Proof = "", "", evidence.ProofRunning
	p.Columns.Account, p.Columns.Currency, p.Columns.Balance = "n", "c", "b"
	file := "d,n,c,a,b\n2026-11-19,A,EUR,1,11\n2026-11-19,A,JPY,5,5\n2026-11-20,A,EUR,2,13\n2026-11-20,B,EUR,1,1\n"
	got, err := evidence.Read(evidence.CSV, p, []byte(file))
	sound(t, got, err)
	if err != nil || len(got) != 3 || got[0].Closing != 1300 || got[1].Closing != 5 || got[1].Currency != "JPY" || got[2].Account != "B" || got[2].Opening != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
}

// Two exports of overlapping days have the same ids for the same rows, and rows that look alike have different ids.
func TestCSVIDsOfOverlappingDays(t *testing.T) {
	t.Parallel()
	rows := func(from, until int) string {
		var b strings.Builder
		b.WriteString("d,a\n")
		for day := from; day <= until; day++ {
			fmt.Fprintf(&b, "2026-11-%02d,5\n2026-11-%02d,5\n", day, day)
		}
		return b.String()
	}
	read := func(file string) []evidence.Line {
		got, err := evidence.Read(evidence.CSV, small(), []byte(file))
		sound(t, got, err)
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Lines
	}
	first, second := read(rows(1, 10)), read(rows(6, 15))
	for i := range 10 {
		if first[10+i].ID != second[i].ID {
			t.Fatalf("row %d has another id in the other export", i)
		}
	}
}

// A reference that stands twice is no id: in an export of other days it would stand once.
func TestCSVRefusesIDsThatAreNone(t *testing.T) {
	t.Parallel()
	p := small()
	p.Columns.ID = "i"
	got, err := evidence.Read(evidence.CSV, p, []byte("d,a,i\n2026-11-19,1,R\n2026-11-20,2,\n2026-11-20,2,NONREF\n"))
	sound(t, got, err)
	if err != nil || got[0].Lines[0].ID != "R" || got[0].Lines[1].ID == got[0].Lines[2].ID {
		t.Fatalf("got %v, %v", got, err)
	}
	_, err = evidence.Read(evidence.CSV, p, []byte("d,a,i\n2026-11-19,1,R\n2026-11-20,-1,R\n"))
	refused(t, err, evidence.ErrProfile, "Line 3: the column of columns.id")
}

// The balances of labelled rows prove the first row too.
func TestCSVLabels(t *testing.T) {
	t.Parallel()
	p := small()
	p.Proof, p.OpeningLabel, p.ClosingLabel, p.SkipFirst = evidence.ProofLabels, "Opening", "Closing", 1
	good := "Opening,,10.00\nd,a\n2026-11-20,2\nClosing,12.00\n"
	got, err := evidence.Read(evidence.CSV, p, []byte(good))
	if err != nil || got[0].Opening != 1000 || got[0].Closing != 1200 || !got[0].Proved {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, c := range []struct{ old, new, says string }{{"2\n", "2.01\n", "EUR 0.01 too much"}, {"Opening", "Open", "is missing"}, {"Closing,12.00", "Closing,", "Line 4"}} {
		if _, err := evidence.Read(evidence.CSV, p, []byte(strings.Replace(good, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: got %v", c.new, err)
		}
	}
}

func TestProfilesRefused(t *testing.T) {
	t.Parallel()
	good := americanProfile
	for _, c := range []struct{ old, new, says string }{
		{`"name": "first-bank"`, `"name": "First Bank"`, "name"},
		{`"name": "first-bank"`, `"name": "first-bank", "Name": "other"`, "twice"},
		{`"name": "first-bank"`, `"name": "first-bank", "canary": 1`, "not known"},
		{`"account": "0975312468", `, ``, "account"},
		{`"currency": "USD", `, ``, "currency"},
		{`"USD"`, `"usd"`, "currency"},
		{`"MM/DD/YYYY"`, `"MM/YYYY"`, "dates is one of"},
		{`"grouping": ","`, `"grouping": "."`, "grouping"},
		{`"grouping": ","`, `"decimal": ";"`, "decimal"},
		{`"grouping": ","`, `"delimiter": "\""`, "delimiter"},
		{`"grouping": ","`, `"encoding": "utf-16"`, "encoding"},
		{`"grouping": ","`, `"skip_first": -1`, "skip_first"},
		{`"grouping": ","`, `"skip_last": 100000`, "skip_last"},
		{`"grouping": ","`, `"no_header": true`, "columns.booked is a number"},
		{`"grouping": ","`, `"debit_words": ["D"]`, "go together"},
		{`"proof": "none"`, `"proof": "maybe"`, "proof"},
		{`"proof": "none"`, `"proof": "running"`, "columns.balance"},
		{`"proof": "none"`, `"proof": "labels"`, "opening_label"},
		{`"proof": "none"`, `"proof": "none", "opening_label": "x"`, "labels"},
		{`"booked": "Date", `, ``, "columns.booked"},
		{`"debit": "Debit", `, ``, "both columns.debit"},
		{`"debit": "Debit"`, `"amount": "A", "debit": "Debit"`, "either"},
		{`"debit": "Debit"`, `"sign": "S", "debit": "Debit"`, "columns.sign"},
		{`}}`, `}} {}`, "follows"},
		{`}}`, `}`, "complete"},
		{`{"name"`, `[{"name"`, "complete"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("the profile does not have %q", c.old)
		}
		p, err := evidence.ParseProfile([]byte(strings.Replace(good, c.old, c.new, 1)))
		if p != nil {
			t.Errorf("%q was taken", c.new)
			continue
		}
		refused(t, err, evidence.ErrProfile, c.says)
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the message repeats the profile: %v", err)
		}
	}
	if _, err := evidence.ParseProfile(bytes.Repeat([]byte("["), 1<<20)); err == nil {
		t.Error("a profile of a mebibyte was taken")
	}
	_, err := evidence.Read(evidence.CSV, nil, []byte("d,a\n"))
	refused(t, err, evidence.ErrProfile)
	_, err = evidence.Read(evidence.MT940, small(), []byte("x"))
	refused(t, err, evidence.ErrProfile)
	_, err = evidence.Read(evidence.CSV, &evidence.Profile{}, []byte("x"))
	refused(t, err, evidence.ErrProfile)
}
