package evidence_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mizan/payouts/reconcile/evidence"
)

// one is a camt.053 of one entry of EUR 100.00, with other elements in the statement and the entry.
func one(statement, entry string) []byte {
	return []byte(`<Document><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>DE1</IBAN></Id></Acct>` + statement +
		`<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>` +
		`<Ntry><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-20Z</Dt></BookgDt>` + entry + `</Ntry></Stmt></BkToCstmrStmt></Document>`)
}

const opening = `<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">0</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>`

// payment is the details of one payment.
func payment(inside string) string { return "<NtryDtls><TxDtls>" + inside + "</TxDtls></NtryDtls>" }

// What banks do differently and is not wrong.
func TestCamtAccepts(t *testing.T) {
	t.Parallel()
	foreign := payment(`<Amt Ccy="USD">60.00</Amt>`) + payment(`<Amt Ccy="USD">50.00</Amt>`)
	for _, c := range []struct {
		name             string
		statement, entry string
		parts            string
	}{
		{"no details", opening, "", "[]"},
		{"details without amounts", opening, payment("") + payment(""), "[]"},
		{"details in another currency", opening, foreign, "[]"},
		{"a named amount that is not what was booked", opening, payment(`<AmtDtls><TxAmt><Amt Ccy="EUR">101.00</Amt></TxAmt></AmtDtls>`), "[]"},
		{"a payment of the amount", opening, payment(`<Amt Ccy="EUR">100.00</Amt>`), "[]"},
		{"two payments", opening, payment(`<Amt Ccy="EUR">60.00</Amt>`) + payment(`<Amt Ccy="EUR">40.00</Amt>`), "[{ 6000 } { 4000 }]"},
		{"a payment that goes back", opening, payment(`<Amt Ccy="EUR">110.00</Amt>`) + payment(`<Amt Ccy="EUR">10.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>`),
			"[{ 11000 } { -1000 }]"},
		{"charges of the entry", opening, `<Chrgs><Amt Ccy="EUR">1.00</Amt></Chrgs>` + payment(`<Amt Ccy="EUR">101.00</Amt>`), "[{ 10100 } { -100 charges}]"},
		{"both opening balances", opening + strings.Replace(opening, "OPBD", "PRCD", 1), "", "[]"},
		{"a balance before of the same day", strings.NewReplacer("OPBD", "PRCD", "</CdtDbtInd></Bal>", "</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>").Replace(opening), "", "[]"},
		{"a summary with zeros", opening + `<TxsSummry><TtlNtries><NbOfNtries>01</NbOfNtries><Sum>100.00000</Sum></TtlNtries><TtlDbtNtries><NbOfNtries>0</NbOfNtries></TtlDbtNtries></TxsSummry>`,
			"", "[]"},
	} {
		got, err := evidence.Read(evidence.CAMT053, nil, one(c.statement, c.entry))
		sound(t, got, err)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if parts := fmt.Sprint(got[0].Lines[0].Parts); parts != c.parts || got[0].From.After(got[0].Until) {
			t.Errorf("%s: the parts are %s, want %s", c.name, parts, c.parts)
		}
	}
	for name, entry := range map[string]string{
		"one payment too much":  payment(`<Amt Ccy="EUR">100.01</Amt>`),
		"payments too little":   payment(`<Amt Ccy="EUR">60.00</Amt>`) + payment(`<Amt Ccy="EUR">39.99</Amt>`),
		"charges that are more": payment(`<Amt Ccy="EUR">101.00</Amt><Chrgs><Rcrd><Amt Ccy="EUR">1.01</Amt></Rcrd></Chrgs>`),
	} {
		_, err := evidence.Read(evidence.CAMT053, nil, one(opening, entry))
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// What banks write for people comes out on one line, bounded and without what misleads a screen.
func TestTextIsClean(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"a\tb\n\n c ":                    "a b c",
		"evil\u202etxt.exe":              "eviltxt.exe",
		"\u2067x\u200b\ufeffy":           "xy",
		"نیم\u200cفاصله":                 "نیم\u200cفاصله",
		"a\u2028b\u0085c":                "a b c",
		strings.Repeat("ä", 600):         strings.Repeat("ä", 500),
		strings.Repeat("ab ", 300) + "c": strings.TrimSpace(strings.Repeat("ab ", 167))[:500],
		"=HYPERLINK(1)":                  "=HYPERLINK(1)",
	} {
		got, err := evidence.Read(evidence.CAMT053, nil, one(opening, payment("<RmtInf><Ustrd>"+written+"</Ustrd></RmtInf>")))
		sound(t, got, err)
		if err != nil {
			t.Errorf("%q: %v", written, err)
		} else if diff := cmp.Diff(want, got[0].Lines[0].Text); diff != "" {
			t.Errorf("%q: %s", written, diff)
		}
	}
}

// A reference that two lines have, and the words for none, are no ids.
func TestReferencesThatAreNoIDs(t *testing.T) {
	t.Parallel()
	got, err := evidence.Read(evidence.CAMT053, nil, one(opening, "<AcctSvcrRef>NONREF</AcctSvcrRef>"))
	if err != nil || !strings.HasPrefix(got[0].Lines[0].ID, "line-") {
		t.Errorf("got %v, %v", got, err)
	}
	s := evidence.Statement{ID: "1", Account: "DE1", Currency: "EUR", From: on(2026, 11, 20), Until: on(2026, 11, 20)}
	for range 2 {
		s.Lines = append(s.Lines, evidence.Line{ID: "R", Booked: s.From, Value: s.From})
	}
	own := ids(t, evidence.CAMT053, s)[0]
	if own[0] == "R" || own[1] == "R" || own[0] == own[1] {
		t.Errorf("two lines with one reference have the ids %v", own)
	}
	// A bank that writes the digest of another line as its reference takes nothing away from that line.
	s.Lines[0].ID, s.Lines[1].ID = "", own[0]
	if forged := ids(t, evidence.CAMT053, s)[0]; forged[0] == forged[1] {
		t.Errorf("two lines have the id %v", forged)
	}
}

// Reading takes no longer than the lines are many.
func BenchmarkRead(b *testing.B) {
	s := evidence.Statement{ID: "1", Account: "DE1", Currency: "EUR", From: on(2026, 11, 20), Until: on(2026, 11, 20)}
	for i := range 10_000 {
		s.Lines = append(s.Lines, evidence.Line{ID: fmt.Sprint("R", i), Code: "165", Amount: 1, Booked: s.From, Value: s.From, Text: "Payout of November"})
	}
	s.Closing = 10_000
	for _, format := range evidence.Formats() {
		b.Run(string(format), func(b *testing.B) {
			content, p := written(b, format, s)
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := evidence.Read(format, p, content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
