package bankfile

import (
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
