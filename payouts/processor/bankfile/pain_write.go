// A file for a bank in ISO 20022's pain.001.001.09: one group of payments, booked as one.

package bankfile

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"mizan/ledger/money"
)

const painNamespace = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

// sepaMost is the largest amount of one SEPA credit transfer, 999,999,999.99 euros.
const sepaMost money.Minor = 99_999_999_999

// sepaCountries are those whose banks take SEPA credit transfers in euros.
const sepaCountries = " AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM VA "

// clearingCodes are the clearing systems by which a country's banks have codes of a fixed number of digits. A bank's code
// in any other country stands without the name of a system, as the country's banks expect.
var clearingCodes = map[string]struct {
	system string
	digits int
}{"GB": {"GBDSC", 6}, "US": {"USABA", 9}, "SG": {"SGIBG", 7}}

// The message, in the order of the schema.
type (
	painDocument struct {
		XMLName xml.Name  `xml:"Document"`
		Space   string    `xml:"xmlns,attr"`
		Group   painGroup `xml:"CstmrCdtTrfInitn>GrpHdr"`
		Payment painBatch `xml:"CstmrCdtTrfInitn>PmtInf"`
	}
	painGroup struct {
		ID      string    `xml:"MsgId"`
		Made    string    `xml:"CreDtTm"`
		Count   int       `xml:"NbOfTxs"`
		Sum     string    `xml:"CtrlSum"`
		Company painParty `xml:"InitgPty"`
	}
	painBatch struct {
		ID       string      `xml:"PmtInfId"`
		Method   string      `xml:"PmtMtd"`
		Together bool        `xml:"BtchBookg"`
		Count    int         `xml:"NbOfTxs"`
		Sum      string      `xml:"CtrlSum"`
		Service  string      `xml:"PmtTpInf>SvcLvl>Cd"`
		Date     string      `xml:"ReqdExctnDt>Dt"`
		Debtor   painParty   `xml:"Dbtr"`
		Account  painAccount `xml:"DbtrAcct"`
		Bank     painBank    `xml:"DbtrAgt"`
		Charges  string      `xml:"ChrgBr"`
		Lines    []painLine  `xml:"CdtTrfTxInf"`
	}
	painLine struct {
		Instruction string      `xml:"PmtId>InstrId"`
		EndToEnd    string      `xml:"PmtId>EndToEndId"`
		Amount      painAmount  `xml:"Amt>InstdAmt"`
		Bank        *painBank   `xml:"CdtrAgt"`
		Creditor    painParty   `xml:"Cdtr"`
		Account     painAccount `xml:"CdtrAcct"`
		Remittance  *painText   `xml:"RmtInf"`
	}
	painText struct {
		Text string `xml:"Ustrd"`
	}
	painAmount struct {
		Currency string `xml:"Ccy,attr"`
		Value    string `xml:",chardata"`
	}
	painParty struct {
		Name    string        `xml:"Nm"`
		Address *painAddress  `xml:"PstlAdr"`
		ID      *painIdentity `xml:"Id"`
	}
	painAddress struct {
		Country string `xml:"Ctry"`
	}
	painIdentity struct {
		ID string `xml:"OrgId>Othr>Id"`
	}
	painAccount struct {
		IBAN     string     `xml:"Id>IBAN,omitempty"`
		Other    *painOther `xml:"Id>Othr"`
		Currency string     `xml:"Ccy,omitempty"`
	}
	painOther struct {
		ID string `xml:"Id"`
	}
	painBank struct {
		BIC    string      `xml:"FinInstnId>BICFI,omitempty"`
		Member *painMember `xml:"FinInstnId>ClrSysMmbId"`
		Other  *painOther  `xml:"FinInstnId>Othr"`
	}
	painMember struct {
		System *painCode `xml:"ClrSysId"`
		ID     string    `xml:"MmbId"`
	}
	painCode struct {
		Code string `xml:"Cd"`
	}
)

// inSEPA reports whether a country's banks take SEPA credit transfers.
func inSEPA(country string) bool {
	return countryCode(country) && strings.Contains(sepaCountries, " "+country+" ")
}

// sepa reports whether the debtor pays by SEPA credit transfer, with its own character set, lengths and amounts.
func (d Debtor) sepa() bool {
	return d.Format == Pain001 && d.Currency == "EUR" && inSEPA(d.Country) && !d.Urgent
}

// painNameMost is how long a name may be.
func (d Debtor) painNameMost() int {
	if d.sepa() {
		return 70
	}
	return 140
}

// painAccountRight reports whether an account is an IBAN of its country or, outside SEPA, a local number.
func (d Debtor) painAccountRight(account, country string) bool {
	if looksIBAN(account) {
		return iban(account) && account[:2] == country
	}
	return !d.sepa() && account != "" && len(account) <= 34 && every(account, func(c byte) bool { return alnum(c) || c == '-' }) && account[0] != '-'
}

// painBankRight reports whether a bank is named by a BIC or by its local code.
func painBankRight(bank, country string) bool {
	if bic(bank) {
		return true
	}
	if system, ok := clearingCodes[country]; ok {
		return len(bank) == system.digits && digits(bank) && (country != "US" || routing(bank))
	}
	return bank != "" && len(bank) <= 35 && every(bank, alnum)
}

func (d Debtor) checkPain(wrong *faults) {
	name, ok := d.text(d.Name)
	wrong.need(ok && size(name) <= d.painNameMost(), "/name", "name", "Give the company's name as the bank has it, and not longer than the format allows.")
	wrong.need(d.painAccountRight(d.Account, d.Country), "/account", "account", "Give the account's IBAN without spaces, or its local number.")
	wrong.need(d.sepa() && d.Bank == "" || painBankRight(d.Bank, d.Country), "/bank", "bank", "Give the bank's BIC, or its code in the country.")
	wrong.need(d.Originator == "" || identifier(d.Originator, 35), "/originator", "originator", "Give the company's id with the bank, or leave it out.")
	wrong.need(d.BankName == "", "/bank_name", "bank-name", "Leave the bank's name out; this format has no place for it.")
}

func (d Debtor) checkPainCreditor(wrong *faults, c Creditor) {
	name, ok := d.text(c.Name)
	wrong.need(ok, "/name", "name", "Write the name in letters the bank takes, as the receiver's bank has it.")
	wrong.need(!ok || size(name) <= d.painNameMost(), "/name", "name-long", "The name is longer than the format allows. Give the name on the account.")
	wrong.need(countryCode(c.Country), "/country", "country", "Give the country of the receiver's account.")
	wrong.need(!d.sepa() || inSEPA(c.Country), "/country", "country-sepa", "Pay an account outside SEPA from another account.")
	wrong.need(d.painAccountRight(c.Account, c.Country), "/account", "account", "Give the receiver's IBAN without spaces, or outside SEPA the local number.")
	wrong.need(!c.Savings, "/savings", "savings", "Only NACHA files tell savings apart.")
	free := c.Bank == "" && (d.sepa() || looksIBAN(c.Account))
	wrong.need(free || painBankRight(c.Bank, c.Country), "/bank", "bank", "Give the receiver's bank: its BIC, or its code in the country.")
}

func painAccountOf(account string, currency money.Currency) painAccount {
	if looksIBAN(account) {
		return painAccount{IBAN: account, Currency: string(currency)}
	}
	return painAccount{Other: &painOther{account}, Currency: string(currency)}
}

func painBankOf(bank, country string) painBank {
	switch system, known := clearingCodes[country]; {
	case bank == "":
		return painBank{Other: &painOther{"NOTPROVIDED"}}
	case bic(bank):
		return painBank{BIC: bank}
	case known:
		return painBank{Member: &painMember{System: &painCode{system.system}, ID: bank}}
	default:
		return painBank{Member: &painMember{ID: bank}}
	}
}

// service returns the service level and who bears the charges.
func (d Debtor) service() (level, charges string) {
	switch {
	case d.sepa():
		return "SEPA", "SLEV"
	case d.Urgent:
		return "URGP", "SHAR"
	default:
		return "NURG", "SHAR"
	}
}

// writePain writes a checked file.
func (d Debtor) writePain(out *bytes.Buffer, f File, totals *Totals) error {
	name, _ := d.text(d.Name)
	company := painParty{Name: name}
	if d.Originator != "" {
		company.ID = &painIdentity{d.Originator}
	}
	level, charges := d.service()
	sum := totals.Sum.Format(d.Currency)
	document := painDocument{
		Space: painNamespace,
		Group: painGroup{ID: f.MessageID, Made: f.MadeAt.UTC().Format("2006-01-02T15:04:05Z"), Count: totals.Lines, Sum: sum, Company: company},
		Payment: painBatch{ID: f.MessageID, Method: "TRF", Together: true, Count: totals.Lines, Sum: sum, Service: level,
			Date: f.ExecuteOn.Format("2006-01-02"), Debtor: painParty{Name: name}, Account: painAccountOf(d.Account, d.Currency),
			Bank: painBankOf(d.Bank, d.Country), Charges: charges, Lines: make([]painLine, 0, len(f.Lines))},
	}
	for i, line := range f.Lines {
		trace := strconv.FormatInt(f.Number, 10) + "-" + strconv.Itoa(i+1)
		document.Payment.Lines = append(document.Payment.Lines, d.painLineOf(line, trace))
		totals.Traces = append(totals.Traces, trace)
	}
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(out)
	encoder.Indent("", " ")
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("bankfile: writing XML: %w", err)
	}
	out.WriteByte('\n')
	return nil
}

func (d Debtor) painLineOf(line Line, trace string) painLine {
	c := line.Creditor
	name, _ := d.text(c.Name)
	out := painLine{Instruction: trace, EndToEnd: abroad(line.EndToEnd),
		Amount:   painAmount{Currency: string(d.Currency), Value: line.Amount.Format(d.Currency)},
		Creditor: painParty{Name: name, Address: &painAddress{c.Country}},
		Account:  painAccountOf(c.Account, "")}
	if c.Bank != "" {
		bank := painBankOf(c.Bank, c.Country)
		out.Bank = &bank
	}
	if line.Reference != "" {
		reference, _ := d.text(line.Reference)
		out.Remittance = &painText{reference}
	}
	return out
}
