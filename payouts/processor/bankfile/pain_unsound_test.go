//go:build !race

package bankfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

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
