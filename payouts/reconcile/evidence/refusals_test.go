package evidence_test

import (
	"strings"
	"testing"

	"mizan/ledger/fault"
	"mizan/payouts/reconcile/evidence"
)

// change is a sample with one thing replaced, and what must come of it.
type change struct {
	name, old, new string
	want           *fault.Error
	says           string
}

// refuseChanges tries each change on a sample that is good.
func refuseChanges(t *testing.T, format evidence.Format, p *evidence.Profile, good string, changes []change) {
	t.Helper()
	if _, err := evidence.Read(format, p, []byte(good)); err != nil {
		t.Fatalf("the sample itself is refused: %v", err)
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(good, c.old) {
				t.Fatalf("the sample does not have %q", c.old)
			}
			got, err := evidence.Read(format, p, []byte(strings.Replace(good, c.old, c.new, 1)))
			sound(t, got, err)
			refused(t, err, c.want, c.says)
			if strings.Contains(err.Error(), "Ana") || strings.Contains(err.Error(), "DE0212") || strings.Contains(err.Error(), "canary") {
				t.Errorf("the message repeats the file: %v", err)
			}
		})
	}
}

func TestCamtRefuses(t *testing.T) {
	t.Parallel()
	unreadable, unbalanced, currency := evidence.ErrUnreadable, evidence.ErrUnbalanced, evidence.ErrCurrency
	refuseChanges(t, evidence.CAMT053, nil, string(sample(t, "sepa-02.xml")), []change{
		{"a cent less", "800.00</Amt><CdtDbtInd>", "799.99</Amt><CdtDbtInd>", unbalanced, "EUR 0.01 too little"},
		{"a cent more in a part", "199.99", "200.00", unbalanced, "Entry 2 of statement 1: its payments make EUR 0.01 too little"},
		{"another sign", "15.59</Amt><CdtDbtInd>DBIT", "15.59</Amt><CdtDbtInd>CRDT", unbalanced, "twice the amount of entry 4"},
		{"another count", "<NbOfNtries>4<", "<NbOfNtries>5<", unbalanced, "another number of entries"},
		{"another sum", "1318.09", "1318.10", unbalanced, "another sum of entries"},
		{"another sum of debits", "515.59", "515.60", unbalanced, "another sum of debits"},
		{"no number", "1286.91", "canary", unreadable, "Statement 1: an amount"},
		{"a signed number", "1286.91", "-1286.91", unreadable, "Statement 1: an amount"},
		{"hexadecimal", "1286.91", "0x10", unreadable, "no number"},
		{"an exponent", "1286.91", "1e9", unreadable, "no number"},
		{"a huge number", "1286.91", strings.Repeat("9", 400), unreadable, "too large"},
		{"decimals", "15.59</Amt>", "15.591</Amt>", unreadable, "Entry 4 of statement 1: an amount has more decimals"},
		{"two amounts", `<Amt Ccy="EUR">15.59</Amt>`, `<Amt Ccy="EUR">15.59</Amt><Amt Ccy="EUR">15.59</Amt>`, unreadable, "Entry 4"},
		{"two sides", "15.59</Amt><CdtDbtInd>DBIT</CdtDbtInd>", "15.59</Amt><CdtDbtInd>DBIT</CdtDbtInd><CdtDbtInd>CRDT</CdtDbtInd>", unreadable, "Entry 4"},
		{"another currency", `<Amt Ccy="EUR">15.59`, `<Amt Ccy="USD">15.59`, currency, "Entry 4 of statement 1"},
		{"an unknown currency", "<Ccy>EUR", "<Ccy>EUX", currency, "Statement 1"},
		{"another currency of the account", "<Ccy>EUR", "<Ccy>USD", currency, "Statement 1"},
		{"no status", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>", "<RvslInd>true</RvslInd>", unreadable, "Entry 3 of statement 1: whether it is booked"},
		{"an unknown status", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>", "<RvslInd>true</RvslInd><Sts>canary</Sts>", unreadable, "Entry 3"},
		{"not booked", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>", "<RvslInd>true</RvslInd><Sts>PDNG</Sts>", unbalanced, "EUR 2.50 too little"},
		{"an unknown flag", "<RvslInd>true", "<RvslInd>maybe", unreadable, "Entry 3"},
		{"no date", "<ValDt><Dt>2026-11-20</Dt></ValDt><BkTxCd><Prtry><Cd>808", "<BkTxCd><Prtry><Cd>808", unreadable, "Entry 4 of statement 1: a date"},
		{"no day", "<ValDt><Dt>2026-11-20</Dt></ValDt><BkTxCd><Prtry><Cd>808", "<ValDt><Dt>2026-02-30</Dt></ValDt><BkTxCd><Prtry><Cd>808", unreadable, "Entry 4"},
		{"a distant day", "<Dt>2026-11-19</Dt>", "<Dt>1026-11-19</Dt>", unreadable, "before 1990"},
		{"no opening balance", "PRCD", "FWAV", unreadable, "no opening balance"},
		{"no closing balance", "CLBD", "CLAV", unreadable, "no closing balance"},
		{"two closing balances", "<TxsSummry>", "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp></Bal><TxsSummry>", unreadable, "two balances"},
		{"two opening balances that differ", "<TxsSummry>", `<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>` +
			`<Dt><Dt>2026-11-20</Dt></Dt></Bal><TxsSummry>`, unbalanced, "does not begin with the balance"},
		{"two ids", "<ElctrncSeqNb>", "<Id>X</Id><ElctrncSeqNb>", unreadable, "two ids"},
		{"no id", "<Id>0352C5320261120000001</Id>", "", unreadable, "no id"},
		{"no account", "<IBAN>DE02120300000000202051</IBAN>", "", unreadable, "no account"},
		{"backwards", "<Ccy>EUR</Ccy>", "<Ccy>EUR</Ccy></Acct><FrToDt><FrDtTm>2026-11-21T00:00:00</FrDtTm><ToDtTm>2026-11-20T00:00:00</ToDtTm></FrToDt><Acct>", unreadable, "two accounts"},
		{"a notification", "BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn", unreadable, "camt.054"},
		{"another encoding", `encoding="ISO-8859-1"`, `encoding="UTF-16"`, unreadable, "none of UTF-8, ISO-8859-1, ISO-8859-15"},
		{"UTF-8 that is none", `encoding="ISO-8859-1"`, `encoding="UTF-8"`, unreadable, "encoding"},
		{"cut off", "</Stmt></BkToCstmrStmt></Document>", "</Stmt>", unreadable, "no complete XML"},
		{"a NUL", "<Ownr>", "<Ownr>\x00", unreadable, "no complete XML"},
		{"a document type", "<Document", "<!DOCTYPE Document [<!ENTITY a \"canary\">]><Document", unreadable, "document type"},
		{"an entity", "Laden GmbH", "&a;", unreadable, "no complete XML"},
	})
}

func TestCamtPages(t *testing.T) {
	t.Parallel()
	good := string(sample(t, "pages-08.xml"))
	refuseChanges(t, evidence.CAMT053, nil, good, []change{
		{"pages that do not meet", `87.50</s:Amt><s:CdtDbtInd>CRDT</s:CdtDbtInd><s:Dt><s:DtTm>2026-11-20T12:00:00</s:DtTm></s:Dt></s:Bal>` + "\n",
			`88.50</s:Amt><s:CdtDbtInd>CRDT</s:CdtDbtInd></s:Bal>`, evidence.ErrUnbalanced, "Statement 1"},
		{"the same page twice", "<s:PgNb>2</s:PgNb><s:LastPgInd>true", "<s:PgNb>1</s:PgNb><s:LastPgInd>false", evidence.ErrUnreadable, "Statement 2: the same statement stands in the file before"},
		{"charges that are something else", `<s:Amt Ccy="SGD">2.00`, `<s:Amt Ccy="SGD">2.01`, evidence.ErrUnbalanced, "Entry 1 of statement 1"},
	})
	gap := strings.NewReplacer("87.50</s:Amt><s:CdtDbtInd>CRDT</s:CdtDbtInd><s:Dt><s:Dt>", "88.50</s:Amt><s:CdtDbtInd>CRDT</s:CdtDbtInd><s:Dt><s:Dt>",
		">80.50<", ">81.50<").Replace(good)
	_, err := evidence.Read(evidence.CAMT053, nil, []byte(gap))
	refused(t, err, evidence.ErrUnbalanced, "Statement 2: its page does not begin")
}

func TestMT940Refuses(t *testing.T) {
	t.Parallel()
	unreadable, unbalanced, currency := evidence.ErrUnreadable, evidence.ErrUnbalanced, evidence.ErrCurrency
	refuseChanges(t, evidence.MT940, nil, string(sample(t, "german.sta")), []change{
		{"a cent more", "CR800,00", "CR800,01", unbalanced, "Statement 1: the opening balance and the lines make EUR 0.01 too much"},
		{"another sign", "RD2,50", "RC2,50", unbalanced, "twice the amount of line 12"},
		{"a doubled line", ":61:260102RD2,50NCHGNONREF\r\n", ":61:260102RD2,50NCHGNONREF\r\n:61:260102RD2,50NCHGNONREF\r\n", unbalanced, "EUR 2.50 too much"},
		{"a reversal left out", "RC300", "C300", unbalanced, "EUR 600.00 too much"},
		{"no comma", "DR12,5N", "DR125N", unreadable, "Line 9: an amount"},
		{"a point", "DR12,5N", "DR12.5N", unreadable, "Line 9"},
		{"decimals", "DR12,5N", "DR12,505N", unreadable, "Line 9: an amount has more decimals"},
		{"expected", "CR800,00", "EC800,00", unreadable, "Line 5: whether it is a credit or a debit"},
		{"no type", "DR12,5NMSCKD-4711//9", "DR12,5", unreadable, "Line 9: the type"},
		{"an unknown type", "DR12,5N", "DR12,5X", unreadable, "Line 9: the type"},
		{"no day", "2512311231", "2513311231", unreadable, "Line 5: a date"},
		{"no entry day", "2512311231", "2512310231", unreadable, "Line 5: a date"},
		{"no closing balance", ":62F:C260102EUR1490,00\r\n", "", unreadable, "ends without a closing balance"},
		{"no opening balance", ":60F:C251230EUR1000,00\r\n", "", unreadable, "Line 4: a movement stands outside"},
		{"two opening balances", ":60F:", ":60F:C251230EUR1000,00\r\n:60F:", unreadable, "Line 5: the statement has two"},
		{"no account", ":25:12030000/0000202051\r\n", "", unreadable, "Statement 1: it has no account"},
		{"two accounts", ":25:", ":25:1\r\n:25:", unreadable, "Line 3"},
		{"an unknown currency", "C251230EUR", "C251230EUX", currency, "Line 4"},
		{"another currency", ":62F:C260102EUR", ":62F:C260102USD", currency, "Line 15"},
		{"an unknown field", ":64:", ":99:", unreadable, "Line 16"},
		{"a movement behind the balance", ":64:C260102EUR1490,00", ":61:260102C0,NMSCNONREF", unreadable, "Line 16"},
		{"text before", ":20:", "canary\r\n:20:", unreadable, "Line 1"},
		{"a field before", ":20:", ":25:1\r\n:20:", unreadable, "Line 1"},
		{"the same statement twice", "C260103", "C260102", unreadable, "Statement 2: the same statement"},
		{"a NUL", "Entgelt", "\x00", unreadable, "not text"},
		{"an endless field", "Entgelt\r\n", strings.Repeat("x\r\n", 200), unreadable, "too many lines"},
	})
	_, err := evidence.Read(evidence.MT940, nil, []byte(strings.Replace(string(sample(t, "slashes.sta")), ":60M:D261120EUR61,76", ":60M:D261120EUR61,75", 1)))
	refused(t, err, evidence.ErrUnbalanced, "Statement 2")
}

func TestBAI2Refuses(t *testing.T) {
	t.Parallel()
	unreadable, unbalanced, currency := evidence.ErrUnreadable, evidence.ErrUnbalanced, evidence.ErrCurrency
	refuseChanges(t, evidence.BAI2, nil, string(sample(t, "usd.bai")), []change{
		{"a cent more", "16,142,6650", "16,142,6651", unbalanced, "Line 10: the control total and the amounts before it differ by 1 in minor units"},
		{"a cent more, and the control total too", "16,142,6650,V,261120,,BR-2,/\n16,475,20000", "16,142,6651,V,261120,,BR-2,/\n16,475,19999", unbalanced, "Line 10: the total of credits"},
		{"another sign", "16,475,", "16,175,", unbalanced, "Line 10: the total of credits"},
		{"a line less", "16,142,6650,V,261120,,BR-2,/\n", "", unbalanced, "Line 9: the control total"},
		{"a message less", "16,890,,,,,A MESSAGE/\n", "", unbalanced, "Line 9: the trailer says another number of records"},
		{"a line twice", "16,142,6650,V,261120,,BR-2,/\n", "16,142,6650,V,261120,,BR-2,/\n16,142,6650,V,261120,,BR-2,/\n", unbalanced, "Line 11: the control total"},
		{"another count of credits", "100,206650,2", "100,206650,3", unbalanced, "Line 10: the account says another number"},
		{"another number of accounts", "98,2239950,1,", "98,2239950,2,", unbalanced, "Line 11"},
		{"another total of the group", "98,2239950,", "98,2239951,", unbalanced, "Line 11: the control total"},
		{"another total of the file", "99,2239950,", "99,2239951,", unbalanced, "Line 12: the control total"},
		{"another number of records", "99,2239950,1,12", "99,2239950,1,13", unbalanced, "Line 12"},
		{"an unknown type", "16,475,", "16,999X,", unreadable, "Line 8: the type"},
		{"a type of loans", "16,475,", "16,721,", unreadable, "Line 8: the type"},
		{"a total as a movement", "16,475,", "16,400,", unreadable, "Line 8: the type"},
		{"an unknown funds type", "20000,0,BR-2", "20000,Q,BR-2", unreadable, "Line 8: the funds type"},
		{"funds that differ", "S,100000,50000,50000", "S,100000,50000,50001", unreadable, "Line 5: the amounts of its funds type"},
		{"a signed movement", "16,475,20000", "16,475,-20000", unreadable, "Line 8: an amount"},
		{"a point", "16,475,20000", "16,475,200.00", unreadable, "Line 8: an amount"},
		{"a huge number", "16,475,20000", "16,475," + strings.Repeat("9", 300), unreadable, "Line 8: an amount is too large"},
		{"no opening balance", "010,500000", "011,500000", unreadable, "Line 3: the account has no opening"},
		{"no closing balance", "015,686650,,", "015,,,", unreadable, "Line 3: the account has no opening"},
		{"a balance twice", "045,600000,,S,100000,200000,300000", "010,500000,,0", unreadable, "Line 3: an amount of the account stands twice"},
		{"an unknown currency", "0975312468,,", "0975312468,UXD,", currency, "Line 3"},
		{"a correction", ",1,261119", ",3,261119", unreadable, "Line 2: the group is a deletion"},
		{"an interim report", "0200,1,80,,2/\n02,123456789,122099999,1,261119,2359,,2/", "0200,1,80,,2/\n02,123456789,122099999,1,261119,2359,,3/", unreadable, "Line 2: the group is an interim"},
		{"no day", "1,261119", "1,261319", unreadable, "Line 2: a date"},
		{"cut off", "99,2239950,1,12/\n", "", unreadable, "before its last record"},
		{"something behind", "99,2239950,1,12/\n", "99,2239950,1,12/\n16,165,1/\n", unreadable, "Line 13"},
		{"an unknown record", "16,890,", "17,890,", unreadable, "Line 9"},
		{"a continuation of nothing", "98,", "88,1/\n98,", unreadable, "Line 11: a continuation"},
		{"too many fields", "16,890,", "16,890," + strings.Repeat(",", 10_001), unreadable, "Line 9"},
	})
}

func TestCSVRefuses(t *testing.T) {
	t.Parallel()
	unreadable, unbalanced := evidence.ErrUnreadable, evidence.ErrUnbalanced
	refuseChanges(t, evidence.CSV, profile(t, germanProfile), string(sample(t, "german.csv")), []change{
		{"a cent more", "+1.200,00", "+1.200,01", unbalanced, "Line 6: the balance before and the amount make EUR 0.01 too much"},
		{"a cent more in a balance", "1.500,00", "1.500,01", unbalanced, "Line 6"},
		{"another sign", "-10,00", "10,00", unbalanced, "Line 5"},
		{"a line less", `"19.11.2026";"20.11.2026";"Stripe ""Tech""";"PO-77; November";"+1.200,00";"1.500,00";"EUR"` + "\n", "", unbalanced, "Line 5"},
		{"a point", "-10,00", "-10.00", unreadable, "Line 5: the groups"},
		{"wrong groups", "1.490,00\";\"EUR", "14.90,00\";\"EUR", unreadable, "Line 5: the groups"},
		{"three decimals", "-10,00", "-10,000", unreadable, "Line 5: an amount has more decimals"},
		{"two signs", "-10,00", "--10,00", unreadable, "Line 5: an amount"},
		{"no amount", "-10,00", "", unreadable, "Line 5: an amount"},
		{"another date", "20.11.2026\";\"20", "11/20/2026\";\"20", unreadable, "Line 5: a date"},
		{"no day", "18.11.2026", "31.11.2026", unreadable, "Line 7: a date"},
		{"another currency", `"1.490,00";"EUR"`, `"1.490,00";"USD"`, evidence.ErrCurrency, "Line 5"},
		{"few cells", `"1.490,00";"EUR"`, `"1.490,00"`, unreadable, "Line 5: it has fewer cells"},
		{"many cells", `"1.490,00";"EUR"`, strings.Repeat(";", 600), unreadable, "Line 5: it has more than 500 cells"},
		{"an open quote", `"Entgelt"`, `"Entgelt`, unreadable, "its quotes do not match"},
		{"no column", `"Saldo"`, `"canary"`, evidence.ErrProfile, "Line 4: the header does not have the column of columns.balance"},
		{"a column twice", `"Auftraggeber/Empf`, `"Saldo";"Auftraggeber/Empf`, evidence.ErrProfile, "columns.balance twice"},
		{"a letter that is none", "Entgelt", "\x81", evidence.ErrProfile, "encoding"},
		{"a NUL", "Entgelt", "\x00", evidence.ErrProfile, "encoding"},
	})
}
