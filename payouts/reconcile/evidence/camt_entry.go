// An entry of camt.053 is a line. A batch that was booked as one has the payments in its details, and these must come to the
// amount that was booked.

package evidence

import (
	"fmt"
	"strconv"
	"strings"

	"mizan/ledger/money"
)

// camtEntry is what is read of an entry.
type camtEntry struct {
	Amount   []camtAmount  `xml:"Amt"`
	Side     []string      `xml:"CdtDbtInd"`
	Reversal []string      `xml:"RvslInd"`
	Status   []camtStatus  `xml:"Sts"`
	Booked   camtDay       `xml:"BookgDt"`
	Value    camtDay       `xml:"ValDt"`
	Own      string        `xml:"AcctSvcrRef"`
	Code     camtCode      `xml:"BkTxCd"`
	Charges  []camtCharges `xml:"Chrgs"`
	Details  []camtDetails `xml:"NtryDtls"`
	Info     string        `xml:"AddtlNtryInf"`
}

// camtStatus is BOOK as text or, from version 08 on, in an element of its own.
type camtStatus struct {
	Code string `xml:"Cd"`
	Text string `xml:",chardata"`
}

// camtCode is the bank's transaction code.
type camtCode struct {
	Domain    string `xml:"Domn>Cd"`
	Family    string `xml:"Domn>Fmly>Cd"`
	Subfamily string `xml:"Domn>Fmly>SubFmlyCd"`
	Own       string `xml:"Prtry>Cd"`
}

// camtCharges are what was charged: one record itself in early versions, a list of records in later ones.
type camtCharges struct {
	camtCharge
	Records []camtCharge `xml:"Rcrd"`
}

// camtCharge is one thing that was charged.
type camtCharge struct {
	Amount []camtAmount `xml:"Amt"`
	Side   []string     `xml:"CdtDbtInd"`
}

// camtDetails are details of an entry.
type camtDetails struct {
	Batch    string        `xml:"Btch>PmtInfId"`
	Payments []camtPayment `xml:"TxDtls"`
}

// camtPayment is one payment in the details.
type camtPayment struct {
	EndToEnd string        `xml:"Refs>EndToEndId"`
	Mandate  string        `xml:"Refs>MndtId"`
	Batch    string        `xml:"Refs>PmtInfId"`
	Own      string        `xml:"Refs>AcctSvcrRef"`
	UETR     string        `xml:"Refs>UETR"`
	Network  string        `xml:"Refs>TxId"`
	Amount   []camtAmount  `xml:"Amt"`
	Side     []string      `xml:"CdtDbtInd"`
	Named    []camtAmount  `xml:"AmtDtls>TxAmt>Amt"`
	Charges  []camtCharges `xml:"Chrgs"`
	Debtor   camtParty     `xml:"RltdPties>Dbtr"`
	Creditor camtParty     `xml:"RltdPties>Cdtr"`
	Free     []string      `xml:"RmtInf>Ustrd"`
	Formal   []string      `xml:"RmtInf>Strd>CdtrRefInf>Ref"`
	Info     string        `xml:"AddtlTxInf"`
}

// camtParty is a name; from version 08 on it stands one element deeper.
type camtParty struct {
	Name  string `xml:"Nm"`
	Party string `xml:"Pty>Nm"`
}

// keep keeps an entry that is booked, and counts every one.
func (s *camtStatement) keep(e camtEntry) error {
	s.seenNtrys++
	where := s.entry(s.seenNtrys)
	if len(e.Status) != 1 {
		return unreadable(where, "whether it is booked is not said, or twice")
	}
	status := strings.TrimSpace(e.Status[0].Code)
	if status == "" {
		status = strings.TrimSpace(e.Status[0].Text)
	}
	switch status {
	case "BOOK":
	case "PDNG", "INFO", "FUTR":
		return nil
	default:
		return unreadable(where, "whether it is booked is not said")
	}
	if s.counted++; s.counted > MaxLines {
		return tooMany("100,000 lines")
	}
	s.entries = append(s.entries, e)
	s.ordinals = append(s.ordinals, s.seenNtrys)
	return nil
}

// entry names an entry in messages.
func (s *camtStatement) entry(ordinal int) string {
	return fmt.Sprintf("Entry %d of statement %d", ordinal, s.number)
}

// line makes a line of an entry.
func (s *camtStatement) line(e *camtEntry, ordinal int) (Line, error) {
	where := s.entry(ordinal)
	line := Line{Row: ordinal, Code: e.Code.String()}
	var err error
	if line.Amount, err = camtSigned(e.Amount, e.Side, s.draft.Currency, where); err != nil {
		return Line{}, err
	}
	if line.Reversal, err = camtFlag(e.Reversal, where); err != nil {
		return Line{}, err
	}
	if err := e.days(&line, where); err != nil {
		return Line{}, err
	}
	line.ID = reference(e.Own)
	var payments []*camtPayment
	for i := range e.Details {
		line.Batch = firstOf(line.Batch, reference(e.Details[i].Batch))
		for j := range e.Details[i].Payments {
			payments = append(payments, &e.Details[i].Payments[j])
		}
	}
	if len(payments) == 1 {
		p := payments[0]
		line.EndToEnd, line.Mandate, line.Trace = reference(p.EndToEnd), reference(p.Mandate), p.trace()
		line.Batch = firstOf(line.Batch, reference(p.Batch))
		line.ID = firstOf(line.ID, reference(p.Own))
		line.Text = firstOf(p.words(line.Amount), text(p.Info), text(e.Info))
	} else {
		line.Text = text(e.Info)
		if len(payments) > 0 {
			line.Batch = firstOf(line.Batch, sharedBatch(payments))
		}
	}
	line.Parts, err = s.parts(e, payments, line.Amount, where)
	return line, err
}

// days reads when an entry was booked and from when it counts.
func (e *camtEntry) days(line *Line, where string) error {
	booked, hasBooked, err := e.Booked.read()
	if err != nil {
		return unreadable(where, err.Error())
	}
	value, hasValue, err := e.Value.read()
	if err != nil {
		return unreadable(where, err.Error())
	}
	switch {
	case !hasBooked && !hasValue:
		return unreadable(where, errNoDate.Error())
	case !hasBooked:
		booked = value
	case !hasValue:
		value = booked
	}
	line.Booked, line.Value = booked, value
	return nil
}

// parts reads the payments of a batch. The payments must come to what was booked, if need be with what was charged as a part
// of its own. If a payment does not say its amount in the account's currency, there are no parts.
func (s *camtStatement) parts(e *camtEntry, payments []*camtPayment, booked money.Minor, where string) ([]Part, error) {
	parts := make([]Part, 0, len(payments))
	certain := len(payments) > 1
	var charged []camtCharges
	for _, p := range payments {
		amount, known, err := s.paid(p, booked, where)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, nil
		}
		certain = certain || len(p.Amount) > 0
		charged = append(charged, p.Charges...)
		parts = append(parts, Part{EndToEnd: reference(p.EndToEnd), Amount: amount, Text: firstOf(p.words(amount), text(p.Info))})
	}
	if len(parts) == 0 {
		return nil, nil
	}
	difference, err := leftOver(parts, booked)
	if err != nil {
		return nil, unreadable(where, err.Error())
	}
	if difference == 0 {
		if len(parts) == 1 {
			return nil, nil
		}
		return parts, nil
	}
	for _, charges := range [][]camtCharges{charged, e.Charges} {
		if total, ok := s.chargedTotal(charges); ok && total == difference {
			return append(parts, Part{Amount: total, Text: "charges"}), nil
		}
	}
	if !certain {
		return nil, nil
	}
	if difference, err = money.Neg(difference); err != nil {
		return nil, unreadable(where, errSum.Error())
	}
	return nil, unbalanced(where, "its payments make "+byHowMuch(difference, s.draft.Currency)+" for what was booked")
}

// leftOver is what the parts lack for the amount booked.
func leftOver(parts []Part, booked money.Minor) (money.Minor, error) {
	amounts := make([]money.Minor, len(parts))
	for i := range parts {
		amounts[i] = parts[i].Amount
	}
	sum, err := money.Sum(amounts...)
	if err != nil {
		return 0, errSum
	}
	difference, err := money.Sub(booked, sum)
	if err != nil {
		return 0, errSum
	}
	return difference, nil
}

// paid is the amount of a payment, with the sign of the entry unless it says its own.
func (s *camtStatement) paid(p *camtPayment, booked money.Minor, where string) (amount money.Minor, known bool, err error) {
	side := p.Side
	if len(side) == 0 {
		if side = []string{"CRDT"}; booked < 0 {
			side = []string{"DBIT"}
		}
	}
	for _, amounts := range [][]camtAmount{p.Amount, p.Named} {
		if len(amounts) == 0 || amounts[0].Currency != string(s.draft.Currency) {
			continue
		}
		amount, err = camtSigned(amounts, side, s.draft.Currency, where)
		return amount, err == nil, err
	}
	return 0, false, nil
}

// chargedTotal is what was charged, less than zero if it was taken from us, and whether that can be said.
func (s *camtStatement) chargedTotal(charges []camtCharges) (money.Minor, bool) {
	var amounts []money.Minor
	for i := range charges {
		for _, c := range append(charges[i].Records, charges[i].camtCharge) {
			if len(c.Amount) == 0 {
				continue
			}
			if len(c.Side) == 0 {
				c.Side = []string{"DBIT"}
			}
			amount, err := camtSigned(c.Amount, c.Side, s.draft.Currency, "")
			if err != nil {
				return 0, false
			}
			amounts = append(amounts, amount)
		}
	}
	total, err := money.Sum(amounts...)
	return total, err == nil && len(amounts) > 0
}

// words are the remittance text and the name of the other side.
func (p *camtPayment) words(amount money.Minor) string {
	other := p.Debtor
	if amount < 0 {
		other = p.Creditor
	}
	return text(text(p.Free...), text(p.Formal...), other.Name, other.Party)
}

// trace is the network's reference of a payment, otherwise the bank's.
func (p *camtPayment) trace() string {
	return firstOf(reference(p.UETR), reference(p.Network), reference(p.Own))
}

// sharedBatch is the batch that all payments name.
func sharedBatch(payments []*camtPayment) string {
	for _, p := range payments {
		if p.Batch != payments[0].Batch {
			return ""
		}
	}
	return reference(payments[0].Batch)
}

// String joins the code's parts.
func (c camtCode) String() string {
	if c.Domain == "" {
		return oneLine(maxReference, c.Own)
	}
	return oneLine(maxReference, strings.TrimSpace(c.Domain)+"/"+strings.TrimSpace(c.Family)+"/"+strings.TrimSpace(c.Subfamily))
}

// camtFlag reads a truth value that may be missing.
func camtFlag(values []string, where string) (bool, error) {
	if len(values) == 0 {
		return false, nil
	}
	switch strings.TrimSpace(values[0]) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, unreadable(where, "whether it takes an earlier entry back is not said")
}

// firstOf returns the first that is not empty.
func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// checkSummary compares the entries with what the bank says they come to. A bank counts either all entries or those that are
// booked; the booked ones are compared, and only if every entry is booked, since the others were left out.
func (s *camtStatement) checkSummary() error {
	if s.counted != s.seenNtrys {
		return nil
	}
	lines := s.draft.Lines
	for _, t := range []struct {
		total camtTotal
		of    func(money.Minor) bool
		name  string
	}{
		{s.summary.All, func(money.Minor) bool { return true }, "entries"},
		{s.summary.Credits, func(m money.Minor) bool { return m > 0 }, "credits"},
		{s.summary.Debits, func(m money.Minor) bool { return m < 0 }, "debits"},
	} {
		count := 0
		var amounts []money.Minor
		zero := 0
		for i := range lines {
			amount := lines[i].Amount
			if amount == 0 && t.name != "entries" {
				zero++
			}
			if t.of(amount) {
				count++
				amounts = append(amounts, max(amount, -amount))
			}
		}
		if err := s.compareTotal(t.total, count, zero, amounts, t.name); err != nil {
			return err
		}
	}
	return nil
}

// compareTotal compares one total; entries of zero may stand on either side.
func (s *camtStatement) compareTotal(total camtTotal, count, zero int, amounts []money.Minor, name string) error {
	if written := strings.TrimSpace(total.Count); written != "" {
		n, err := strconv.Atoi(written)
		if err != nil {
			return unreadable(s.where(), "the number of "+name+" in its summary is no number")
		}
		if n < count || n > count+zero {
			return unbalanced(s.where(), "its summary says another number of "+name+" than it has")
		}
	}
	if written := strings.TrimSpace(total.Sum); written != "" {
		sum, err := decimal(written, '.', s.draft.Currency)
		if err != nil {
			return unreadable(s.where(), err.Error())
		}
		if found, err := money.Sum(amounts...); err != nil || found != sum {
			return unbalanced(s.where(), "its summary says another sum of "+name+" than it has")
		}
	}
	return nil
}
