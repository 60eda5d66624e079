package bankfile

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mizan/ledger/money"
)

// element is any XML, read by nothing of the writer's.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

// all returns the elements at a path.
func (e element) all(path string) []element {
	name, rest, more := strings.Cut(path, "/")
	var found []element
	for _, child := range e.Children {
		if child.XMLName.Local != name {
			continue
		}
		if more {
			found = append(found, child.all(rest)...)
		} else {
			found = append(found, child)
		}
	}
	return found
}

// one returns the text of the one element at a path, or a note that it is not one.
func (e element) one(path string) string {
	if found := e.all(path); len(found) == 1 {
		return found[0].Text
	}
	return fmt.Sprintf("%d of %s", len(e.all(path)), path)
}

// schema lets xmllint validate files.
func schema(t *testing.T, name string, files ...string) {
	t.Helper()
	out, err := exec.Command("xmllint", append([]string{"--noout", "--nonet", "--schema", filepath.Join("testdata", "schemas", name)}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("xmllint (Debian: libxml2-utils): %v\n%.3000s", err, out)
	}
}

func TestPainGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"eur", "gbp", "vnd", "thb"} {
		d := debtors[name]
		f := File{Number: 12, MessageID: "MIZAN-000012", MadeAt: madeAt, ExecuteOn: madeAt.AddDate(0, 0, 3), Lines: []Line{
			{EndToEnd: "po_TEST0001", Reference: "Payout November", Amount: 125_000, Creditor: Creditor{Name: "Siti Contoh", Account: "00000009", Bank: d.Bank, Country: d.Country}},
			{EndToEnd: "po_TEST0002", Amount: 7, Creditor: Creditor{Name: "Nguyễn Văn Thử", Account: "00000010", Bank: d.Bank, Country: d.Country}}}}
		if d.sepa() {
			f.Lines[0].Creditor.Account, f.Lines[1].Creditor.Account = ibanOf("NL", "TEST0000000009"), ibanOf("NL", "TEST0000000010")
			f.Lines[1].Creditor.Bank = ""
		}
		out, _ := write(t, d, f)
		golden(t, "pain.001."+name+".xml", out)
		schema(t, "pain.001.001.09.xsd", filepath.Join("testdata", "pain.001."+name+".xml"))
	}
}

func painReadBack(t *testing.T, d Debtor, f File, totals Totals, out []byte) {
	t.Helper()
	var document element
	if err := xml.Unmarshal(out, &document); err != nil {
		t.Fatal(err)
	}
	var sum money.Minor
	for _, line := range f.Lines {
		sum += line.Amount
	}
	count, amount := fmt.Sprint(len(f.Lines)), sum.Format(d.Currency)
	lines := document.all("CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf")
	if totals.Lines != len(f.Lines) || totals.Sum != sum || len(lines) != len(f.Lines) || len(totals.Traces) != len(f.Lines) || totals.EntryHash != 0 {
		t.Fatalf("totals are %d lines, %d, for %d lines", totals.Lines, totals.Sum, len(lines))
	}
	for path, want := range map[string]string{"GrpHdr/MsgId": f.MessageID, "GrpHdr/NbOfTxs": count, "GrpHdr/CtrlSum": amount, "PmtInf/NbOfTxs": count,
		"PmtInf/CtrlSum": amount, "PmtInf/PmtMtd": "TRF", "PmtInf/BtchBookg": "true", "PmtInf/ReqdExctnDt/Dt": f.ExecuteOn.Format("2006-01-02"),
		"GrpHdr/CreDtTm": "2026-11-20T14:05:06Z", "PmtInf/DbtrAcct/Ccy": string(d.Currency)} {
		if got := document.one("CstmrCdtTrfInitn/" + path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if bytes.Contains(out, []byte("CtgyPurp")) {
		t.Error("the payments have a category purpose")
	}
	seen := map[string]bool{}
	for i, line := range lines {
		trace, want := line.one("PmtId/InstrId"), f.Lines[i]
		if trace != totals.Traces[i] || seen[trace] || len(trace) > 35 {
			t.Fatalf("line %d has trace %q", i, trace)
		}
		seen[trace] = true
		paid := line.all("Amt/InstdAmt")[0]
		got, err := money.ParseAmount(paid.Text, d.Currency)
		if err != nil || got != want.Amount || paid.Attrs[0].Value != string(d.Currency) || home(line.one("PmtId/EndToEndId")) != want.EndToEnd {
			t.Fatalf("line %d is not what was asked for: %v", i, err)
		}
		account := "CdtrAcct/Id/Othr/Id"
		if looksIBAN(want.Creditor.Account) {
			account = "CdtrAcct/Id/IBAN"
		}
		if line.one(account) != want.Creditor.Account || want.Reference != "" && line.one("RmtInf/Ustrd") != want.Reference {
			t.Fatalf("line %d goes elsewhere", i)
		}
		if name := line.one("Cdtr/Nm"); !d.sepa() && name != want.Creditor.Name || d.sepa() && !every(name, func(c byte) bool { return c >= ' ' && c <= 'z' }) {
			t.Fatalf("line %d has another name", i)
		}
	}
}
