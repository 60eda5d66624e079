package bankfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// told is one payment of a report.
func told(end, trace, status, rest string) string {
	tag := func(name, value string) string {
		if value == "" {
			return ""
		}
		return "<" + name + ">" + value + "</" + name + ">"
	}
	return "<TxInfAndSts>" + tag("OrgnlInstrId", trace) + tag("OrgnlEndToEndId", end) + tag("TxSts", status) + rest + "</TxInfAndSts>"
}

func why(code string) string { return "<StsRsnInf><Rsn><Cd>" + code + "</Cd></Rsn></StsRsnInf>" }

func priced(amount, currency string) string {
	return `<OrgnlTxRef><Amt><InstdAmt Ccy="` + currency + `">` + amount + `</InstdAmt></Amt></OrgnlTxRef>`
}

// statusReport makes a report; group and batch stand behind the ids of their level.
func statusReport(edition, group, batch string, items ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.` + edition + `">` + "\n<CstmrPmtStsRpt>" +
		"<GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>2026-11-24T09:30:00+01:00</CreDtTm></GrpHdr>\n" +
		"<OrgnlGrpInfAndSts><OrgnlMsgId>MIZAN-12</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>" + group + "</OrgnlGrpInfAndSts>\n" +
		"<OrgnlPmtInfAndSts><OrgnlPmtInfId>MIZAN-12</OrgnlPmtInfId>" + batch + strings.Join(items, "\n") + "</OrgnlPmtInfAndSts>\n</CstmrPmtStsRpt>\n</Document>\n"
}

func readStatus(s string) (Report, error) { return ReadReport(strings.NewReader(s), Pain001) }

// counted are the totals of a file that a report repeats.
func counted(n int, sum string) string {
	return fmt.Sprintf("<OrgnlNbOfTxs>%d</OrgnlNbOfTxs><OrgnlCtrlSum>%s</OrgnlCtrlSum>", n, sum)
}

func status(word string) string { return "<GrpSts>" + word + "</GrpSts>" }

func TestStatusReportsAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	created := time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		xml  string
		want Report
	}{
		"file rejected": {statusReport("10", counted(2, "12.50")+status("RJCT")+why("FF01"), ""),
			Report{Group: Rejected, GroupCode: "FF01", Counted: true, Count: 2, ControlSum: "12.50"}},
		"some rejected": {statusReport("10", counted(2, "12.50")+status("PART"), "", told("po-A", "12-1", "RJCT", why("AC04")+priced("10.00", "EUR")), told("po-B", "12-2", "ACSC", priced("2.5", "EUR"))),
			Report{Group: Partial, Counted: true, Count: 2, ControlSum: "12.50", Sum: 1250, Items: []Item{
				{EndToEnd: "po_A", Trace: "12-1", Status: Rejected, Code: "AC04", Amount: 1000, Currency: "EUR", On: created},
				{EndToEnd: "po_B", Trace: "12-2", Status: Settled, Amount: 250, Currency: "EUR", On: created}}}},
		"all of a file, and days": {statusReport("10", status("ACSC"), counted(3, "9"), told("po-A", "", "", "<AccptncDtTm>2026-11-23T23:00:00Z</AccptncDtTm>"), told("", "12-2", "", ""), told("po-C", "", "ACCC",
			"<OrgnlTxRef><IntrBkSttlmDt>2026-11-22</IntrBkSttlmDt></OrgnlTxRef>")),
			Report{Group: Settled, Counted: true, Count: 3, ControlSum: "9", Items: []Item{{EndToEnd: "po_A", Status: Settled, On: created.Add(-9*time.Hour - 30*time.Minute)},
				{Trace: "12-2", Status: Settled, On: created}, {EndToEnd: "po_C", Status: Settled, On: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}}}},
		"payments rejected as one": {statusReport("10", "", "<PmtInfSts>RJCT</PmtInfSts>"+why("AM04"), told("po-A", "12-1", "", "")),
			Report{Group: Rejected, GroupCode: "AM04", Items: []Item{{EndToEnd: "po_A", Trace: "12-1", Status: Rejected, Code: "AM04", OfFile: true, On: created}}}},
		"every word": {statusReport("10", "", "", told("a", "", "RCVD", ""), told("b", "", "ACTC", ""), told("c", "", "ACCP", ""), told("d", "", "ACSP", ""), told("e", "", "ACWC", ""), told("f", "", "PDNG", ""),
			told("g", "", "ACSC", ""), told("h", "", "ACCC", ""), told("i", "", "RJCT", ""), told("j", "", "PART", ""), told("k", "", "CANC", "")),
			Report{Items: func() (items []Item) {
				for i, s := range []Status{Accepted, Accepted, Accepted, Accepted, Accepted, Accepted, Settled, Settled, Rejected, Other, Other} {
					items = append(items, Item{EndToEnd: string(rune('a' + i)), Status: s, On: created})
				}
				return items
			}()}},
		"accepted, then one rejected": {statusReport("10", status("ACCP"), "", told("po-A", "", "RJCT", "<StsRsnInf><Rsn><Prtry>Siti has moved</Prtry></Rsn></StsRsnInf>"+why("AC04"))),
			Report{Group: Accepted, Items: []Item{{EndToEnd: "po_A", Status: Rejected, Code: "NARR", On: created}}}},
		"whole dong": {statusReport("10", counted(1, "1000.00"), "", told("po-A", "", "ACSP", priced("01000.0", "VND"))),
			Report{Counted: true, Count: 1, ControlSum: "1000.00", Sum: 1000, Items: []Item{{EndToEnd: "po_A", Status: Accepted, Amount: 1000, Currency: "VND", On: created}}}},
		"not ours, still kept": {statusReport("10", "", "", told("NOTPROVIDED", "", "RJCT", "")),
			Report{Items: []Item{{EndToEnd: "NOTPROVIDED", Status: Rejected, On: created}}}},
		"counts by status": {statusReport("10", counted(5, "9")+"<NbOfTxsPerSts><DtldNbOfTxs>1</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts><NbOfTxsPerSts><DtldNbOfTxs>4</DtldNbOfTxs><DtldSts>ACSP</DtldSts><DtldCtrlSum>4.00</DtldCtrlSum></NbOfTxsPerSts>", "", told("po-A", "", "RJCT", "")),
			Report{Counted: true, Count: 5, ControlSum: "9", Items: []Item{{EndToEnd: "po_A", Status: Rejected, On: created}}}},
	} {
		c.want.Format, c.want.MessageID, c.want.CreatedAt, c.want.Original = "pain.002.001.10", "BANK-1", created, "MIZAN-12"
		got, err := readStatus(c.xml)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, c.want)
		}
		path := filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".xml")
		if err := os.WriteFile(path, []byte(c.xml), 0o600); err != nil {
			t.Fatal(err)
		}
		schema(t, "pain.002.001.10.xsd", path)
		// The same with a prefix, a BOM, comments between elements, and single quotes, is the same.
		prefixed := strings.NewReplacer("<?", "<?", "</", "</p:", "<", "<p:", "xmlns=", "xmlns:p=").Replace(strings.TrimPrefix(c.xml, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"))
		for _, same := range []string{prefixed, "\ufeff" + c.xml, strings.ReplaceAll(c.xml, "</GrpHdr>", "</GrpHdr><!-- Siti --> "), strings.ReplaceAll(c.xml, "10.00", "&#49;0<![CDATA[.00]]>")} {
			if again, err := readStatus(same); err != nil || !reflect.DeepEqual(again, c.want) {
				t.Errorf("%s: written otherwise: %v, %+v", name, err, again)
			}
		}
	}
}

// TestGermanReportsAreRead reads the edition that SEPA banks still send, of which one is valid by their schema.
func TestGermanReportsAreRead(t *testing.T) {
	t.Parallel()
	s := strings.Replace(statusReport("03", counted(1, "10.00"), "", told("po-A", "12-1", "RJCT",
		"<StsRsnInf><Orgtr><Id><OrgId><BICOrBEI>TESTDEFF</BICOrBEI></OrgId></Id></Orgtr><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf><OrgnlTxRef><Amt><InstdAmt Ccy=\"EUR\">10.00</InstdAmt></Amt></OrgnlTxRef>")),
		"<TxInfAndSts>", "<TxInfAndSts><StsId>1</StsId>", 1)
	s = strings.Replace(s, "pain.001.001.09", "pain.001.001.03", 1)
	path := filepath.Join(t.TempDir(), "report.xml")
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	schema(t, "pain.002.001.03.xsd", path)
	for _, edition := range []string{"03", "08", "09", "11", "14"} {
		r, err := readStatus(strings.Replace(s, "pain.002.001.03", "pain.002.001."+edition, 1))
		if err != nil || r.Format != "pain.002.001."+edition || len(r.Items) != 1 || r.Items[0].Code != "AC04" || r.Items[0].Amount != 1000 {
			t.Errorf("%s: %v, %+v", edition, err, r)
		}
	}
}

func TestReportAgrees(t *testing.T) {
	t.Parallel()
	ours := Totals{Lines: 2, Sum: 1250}
	for _, c := range []struct {
		r        Report
		currency string
		want     bool
	}{
		{Report{}, "EUR", true}, {Report{Counted: true, Count: 2, ControlSum: "12.50"}, "EUR", true}, {Report{Counted: true, Count: 2, ControlSum: "12.5000"}, "EUR", true},
		{Report{Counted: true, Count: 3, ControlSum: "12.50"}, "EUR", false}, {Report{Counted: true, Count: 2, ControlSum: "12.51"}, "EUR", false}, {Report{Counted: true}, "EUR", false},
		{Report{ControlSum: "12.505"}, "EUR", false}, {Report{ControlSum: "1250"}, "VND", true}, {Report{ControlSum: "1.25"}, "KWD", true}, {Report{ControlSum: "12.5"}, "KWD", false}, {Report{ControlSum: "1.250"}, "KWD", true},
	} {
		d := Debtor{}
		d.Currency = debtors["eur"].Currency
		for _, known := range debtors {
			if string(known.Currency) == c.currency {
				d = known
			}
		}
		if got := c.r.Agrees(ours, d.Currency); got != c.want {
			t.Errorf("%+v in %s: %v", c.r, c.currency, got)
		}
	}
}

func TestUnsoundStatusReportsAreRefused(t *testing.T) {
	t.Parallel()
	item := told("po-A", "12-1", "RJCT", why("AC04")+priced("10.00", "EUR"))
	good := statusReport("10", counted(2, "12.50")+status("PART"), "", item, told("po-B", "12-2", "ACSP", priced("2.50", "EUR")))
	if _, err := readStatus(good); err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not there", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, s := range map[string]string{
		"empty": "", "no XML": "9" + good, "half": good[:len(good)/2], "no end": strings.TrimSuffix(good, "</Document>\n"), "cut tag": good[:len(good)-4], "text behind": good + "x", "two": good + strings.TrimPrefix(good, `<?xml version="1.0" encoding="UTF-8"?>`),
		"another namespace": with("pain.002.001.10", "pain.001.001.09"), "a later edition": with("pain.002.001.10", "pain.002.001.99"), "no namespace": with(` xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"`, ""),
		"namespace inside": with("<TxSts>RJCT", `<TxSts xmlns="urn:x">RJCT`), "prefix inside": with("<TxSts>RJCT</TxSts>", "<x:TxSts>RJCT</x:TxSts>"), "wrong end": with("</TxSts>", "</TxStz>"), "end with a prefix": with("</TxSts>", "</x:TxSts>"), "crossed": with("</OrgnlEndToEndId><TxSts>", "<TxSts></OrgnlEndToEndId>"),
		"document type": with("<Document", "<!DOCTYPE Document>\n<Document"), "entity": with("<Document", "<!DOCTYPE d [<!ENTITY a \"RJCT\">]><Document"), "outside": with("<Document", `<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document`),
		"laughs": with("<Document", `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Document`), "unknown entity": with("RJCT", "&a;"), "latin-1": with("UTF-8", "ISO-8859-1"), "utf-16": "\xff\xfe" + good, "broken utf-8": with("BANK-1", "BANK\xff"), "two BOMs": "\ufeff\ufeff" + good,
		"nul": with("BANK-1", "BANK\x00"), "instruction": with("<CstmrPmtStsRpt>", "<?php x?><CstmrPmtStsRpt>"), "late declaration": "\n" + good, "comment in an amount": with("10.00", "1<!-- -->0.00"), "element in a value": with("RJCT", "<b>RJCT</b>"), "text between": with("<TxSts>", "x<TxSts>"),
		"attribute": with("<TxSts>", `<TxSts a="b">`), "attribute twice": with(`Ccy="EUR"`, `Ccy="EUR" Ccy="USD"`), "deep": with("<OrgnlTxRef>", "<OrgnlTxRef><Dbtr>"+deep+"</Dbtr>"), "deep and unknown": with("<OrgnlTxRef>", deep+"<OrgnlTxRef>"),
		"status twice": with("<TxSts>RJCT</TxSts>", "<TxSts>RJCT</TxSts><TxSts>ACSC</TxSts>"), "unknown element": with("<TxSts>RJCT</TxSts>", "<TxSts>RJCT</TxSts><Foo/>"), "out of order": with("<GrpSts>PART</GrpSts>", "<GrpSts>PART</GrpSts><OrgnlNbOfTxs>2</OrgnlNbOfTxs>"),
		"no header": with("<GrpHdr><MsgId>BANK-1</MsgId><CreDtTm>2026-11-24T09:30:00+01:00</CreDtTm></GrpHdr>", ""), "no id": with("<MsgId>BANK-1</MsgId>", ""), "empty id": with("BANK-1", " "), "no time": with("<CreDtTm>2026-11-24T09:30:00+01:00</CreDtTm>", ""), "wrong time": with("2026-11-24T", "2026-13-24T"),
		"long id": with("BANK-1", strings.Repeat("B", 36)), "hidden id": with("BANK-1", "BANK\u202e1"), "endless id": with("BANK-1", strings.Repeat("B", 1<<16)), "no original": with("<OrgnlMsgId>MIZAN-12</OrgnlMsgId>", ""), "no name": with("<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>", ""), "about debits": with("pain.001.001.09<", "pain.008.001.02<"),
		"no group": with("<OrgnlGrpInfAndSts>", "<X>"), "no payments' id": with("<OrgnlPmtInfId>MIZAN-12</OrgnlPmtInfId>", ""), "no ids": with("<OrgnlInstrId>12-1</OrgnlInstrId><OrgnlEndToEndId>po-A</OrgnlEndToEndId>", ""), "twice": with("po-B", "po-A"), "twice by trace": with("12-2", "12-1"), "item doubled": with(item, item+item),
		"fewer than named": with("<OrgnlNbOfTxs>2", "<OrgnlNbOfTxs>1"), "sum above": with("12.50<", "12.49<"), "sum below": with("12.50<", "12.51<"), "sum of digits": with("12.50<", "12.505<"), "negative sum": with("12.50<", "-12.50<"), "no number": with("<OrgnlNbOfTxs>2", "<OrgnlNbOfTxs>+2"), "exponent": with("10.00", "1e1"), "negative": with("10.00", "-10.00"),
		"zero": with("10.00", "0"), "digits": with("10.00", "10.001"), "comma": with("10.00", "10,00"), "point only": with("10.00", "10."), "huge": with("10.00", strings.Repeat("9", 30)), "no currency": with(` Ccy="EUR"`, ""), "unknown currency": with(`"EUR"`, `"EUX"`), "two currencies": with(`"EUR"`, `"USD"`),
		"rejected, yet taken": with("PART", "RJCT"), "settled, yet rejected": with("PART", "ACSC"), "payments rejected, yet taken": with("</OrgnlPmtInfId>", "</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"),
		"file rejected, payments not": statusReport("10", status("RJCT"), "<PmtInfSts>ACSP</PmtInfSts>"), "nothing said": statusReport("10", "", ""), "no status": statusReport("10", "", "", told("po-A", "", "", "")), "part of one": statusReport("10", status("PART"), "", told("po-A", "", "", "")),
		"wrong counts": with("<GrpSts>PART</GrpSts>", "<GrpSts>PART</GrpSts><NbOfTxsPerSts><DtldNbOfTxs>1</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts>"), "more than counted": with("<GrpSts>PART</GrpSts>", "<GrpSts>PART</GrpSts><NbOfTxsPerSts><DtldNbOfTxs>0</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts><NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSP</DtldSts></NbOfTxsPerSts>"),
		"counted twice": with("<GrpSts>PART</GrpSts>", "<GrpSts>PART</GrpSts>"+strings.Repeat("<NbOfTxsPerSts><DtldNbOfTxs>1</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts>", 2)), "wrong day": with("<OrgnlTxRef><Amt>", "<OrgnlTxRef><IntrBkSttlmDt>2026-02-30</IntrBkSttlmDt><Amt>"),
	} {
		r, err := readStatus(s)
		if name == "out of order" && err == nil || !errors.Is(err, ErrReport) || len(r.Items) > 0 {
			t.Errorf("%s: %v, %d items", name, err, len(r.Items))
		} else if !strings.Contains(err.Error(), "Line ") || strings.Contains(err.Error(), "passwd") || strings.Contains(err.Error(), "po-A") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readStatus(with("12-2", "12-1")); !strings.Contains(err.Error(), "Line 6 ") {
		t.Error(err)
	}
	for name, s := range map[string]string{"long tag": with("<TxSts>", "<TxSts"+strings.Repeat(" ", painToken)+">"), "long comment": with("<TxSts>", "<!--"+strings.Repeat("-x", painToken)+"--><TxSts>"),
		"attributes": with("<OrgnlTxRef>", "<OrgnlTxRef><Dbtr "+strings.Repeat(`a="" `, painAttributes+1)+"/>")} {
		if _, err := readStatus(s); !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many []string
	for i := range ReportItems + 1 {
		many = append(many, told(fmt.Sprintf("po-%d", i), "", "ACSC", ""))
	}
	if _, err := readStatus(statusReport("10", "", "", many...)); !errors.Is(err, ErrReportSize) {
		t.Errorf("too many: %v", err)
	}
	if r, err := readStatus(statusReport("10", "", "", many[1:]...)); err != nil || len(r.Items) != ReportItems {
		t.Errorf("many: %v", err)
	}
	if _, err := readStatus(strings.Repeat(" ", ReportBytes+1)); !errors.Is(err, ErrReportSize) {
		t.Errorf("too large: %v", err)
	}
	if _, err := ReadReport(strings.NewReader(good), "mt940"); !errors.Is(err, ErrReport) {
		t.Error(err)
	}
}
