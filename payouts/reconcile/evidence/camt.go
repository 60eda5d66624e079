// camt.053 is the account statement of ISO 20022. It is read as a stream: one element of a statement at a time, and of each
// entry only what a line needs. The namespace is not looked at, since banks differ in version and agree in these elements.

package evidence

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/ledger/money"
)

// maxBalances is how many balances one statement may have; the usual ones have two to six.
const maxBalances = 100

// camtAmount is an amount with its currency.
type camtAmount struct {
	Currency string `xml:"Ccy,attr"`
	Text     string `xml:",chardata"`
}

// camtDay is a date or a moment.
type camtDay struct {
	Date   string `xml:"Dt"`
	Moment string `xml:"DtTm"`
}

// camtBalance is one balance. What must stand once is read as a list, so that twice is seen.
type camtBalance struct {
	Code   []string     `xml:"Tp>CdOrPrtry>Cd"`
	Amount []camtAmount `xml:"Amt"`
	Side   []string     `xml:"CdtDbtInd"`
	Day    camtDay      `xml:"Dt"`
}

// camtAccount is the account that a statement is about.
type camtAccount struct {
	IBAN     string `xml:"Id>IBAN"`
	Other    string `xml:"Id>Othr>Id"`
	Currency string `xml:"Ccy"`
}

// camtPage is the number of a page.
type camtPage struct {
	Number string `xml:"PgNb"`
	Last   string `xml:"LastPgInd"`
}

// camtHeader is the header of the message.
type camtHeader struct {
	Page camtPage `xml:"MsgPgntn"`
}

// camtPeriod is what days a statement covers.
type camtPeriod struct {
	From  string `xml:"FrDtTm"`
	Until string `xml:"ToDtTm"`
}

// camtTotal is a number of entries and their sum without signs.
type camtTotal struct {
	Count string `xml:"NbOfNtries"`
	Sum   string `xml:"Sum"`
}

// camtSummary is what the bank says the entries come to.
type camtSummary struct {
	All     camtTotal `xml:"TtlNtries"`
	Credits camtTotal `xml:"TtlCdtNtries"`
	Debits  camtTotal `xml:"TtlDbtNtries"`
}

// camtStatement is a statement while it is read.
type camtStatement struct {
	number             int
	id                 string
	electronic, legal  string
	page, messagePage  camtPage
	period             camtPeriod
	account            *camtAccount
	balances           []camtBalance
	summary            *camtSummary
	entries            []camtEntry
	ordinals           []int // the ordinal in the file of each entry that is booked
	counted, seenNtrys int
	draft              draft
}

// readCamt reads all statements of a message.
func readCamt(content []byte) ([]draft, error) {
	d, err := newGuarded(content)
	if err != nil {
		return nil, xmlTrouble(err)
	}
	var drafts []draft
	found := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, xmlTrouble(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "BkToCstmrStmt":
			if found {
				return nil, unreadable("The file", "it has more than one message")
			}
			found = true
			if drafts, err = readCamtMessage(d); err != nil {
				return nil, err
			}
		case "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn":
			return nil, unreadable("The file", "it is a report or a notification (camt.052 or camt.054) and no statement (camt.053)")
		}
	}
	if !found {
		return nil, unreadable("The file", "it is no camt.053")
	}
	return drafts, nil
}

// readCamtMessage reads what stands in the message until its end.
func readCamtMessage(d *xml.Decoder) ([]draft, error) {
	var drafts []draft
	var header camtHeader
	for {
		token, err := d.Token()
		if err != nil {
			return nil, xmlTrouble(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			return drafts, nil
		case xml.StartElement:
			switch t.Name.Local {
			case "GrpHdr":
				err = d.DecodeElement(&header, &t)
			case "Stmt":
				if len(drafts) == MaxStatements {
					return nil, tooMany("10,000 statements")
				}
				s := &camtStatement{number: len(drafts) + 1, messagePage: header.Page}
				if err := s.read(d); err != nil {
					return nil, err
				}
				drafts = append(drafts, s.draft)
			default:
				err = d.Skip()
			}
			if err != nil {
				return nil, xmlTrouble(err)
			}
		}
	}
}

// read reads one statement until its end, and makes its draft.
func (s *camtStatement) read(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if err != nil {
			return xmlTrouble(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			return s.make()
		case xml.StartElement:
			if err := s.element(d, &t); err != nil {
				return err
			}
		}
	}
}

// element reads one element of the statement.
func (s *camtStatement) element(d *xml.Decoder, t *xml.StartElement) error {
	var err error
	switch t.Name.Local {
	case "Id":
		if s.id != "" {
			return unreadable(s.where(), "it has two ids")
		}
		err = d.DecodeElement(&s.id, t)
	case "ElctrncSeqNb":
		err = d.DecodeElement(&s.electronic, t)
	case "LglSeqNb":
		err = d.DecodeElement(&s.legal, t)
	case "StmtPgntn":
		err = d.DecodeElement(&s.page, t)
	case "FrToDt":
		err = d.DecodeElement(&s.period, t)
	case "Acct":
		if s.account != nil {
			return unreadable(s.where(), "it has two accounts")
		}
		s.account = &camtAccount{}
		err = d.DecodeElement(s.account, t)
	case "Bal":
		var b camtBalance
		if err = d.DecodeElement(&b, t); err == nil {
			if s.balances = append(s.balances, b); len(s.balances) > maxBalances {
				return unreadable(s.where(), "it has more than a hundred balances")
			}
		}
	case "TxsSummry":
		s.summary = &camtSummary{}
		err = d.DecodeElement(s.summary, t)
	case "Ntry":
		var e camtEntry
		if err = d.DecodeElement(&e, t); err == nil {
			return s.keep(e)
		}
	default:
		err = d.Skip()
	}
	if err != nil {
		return xmlTrouble(err)
	}
	return nil
}

// where names the statement in messages.
func (s *camtStatement) where() string { return fmt.Sprintf("Statement %d", s.number) }

// make turns what was read into a draft.
func (s *camtStatement) make() error {
	if s.account == nil {
		return unreadable(s.where(), "it names no account")
	}
	p := &s.draft
	p.noun, p.Proved = "entry", true
	p.ID = oneLine(maxID+1, s.id)
	p.Account = spaceless(s.account.IBAN)
	if p.Account == "" {
		p.Account = spaceless(s.account.Other)
	}
	p.Sequence = oneLine(maxID+1, s.electronic)
	if p.Sequence == "" {
		p.Sequence = oneLine(maxID+1, s.legal)
	}
	if page := s.pageNumber(); page != "" {
		p.Sequence += "/" + page
	}
	if err := s.setBalances(); err != nil {
		return err
	}
	if err := s.setPeriod(); err != nil {
		return err
	}
	for i := range s.entries {
		line, err := s.line(&s.entries[i], s.ordinals[i])
		if err != nil {
			return err
		}
		p.Lines = append(p.Lines, line)
	}
	if s.summary != nil && s.pageNumber() == "" && !p.opensWithin && !p.closesWithin {
		p.disputed = s.checkSummary()
	}
	return nil
}

// pageNumber is the number of this page if the statement has several.
func (s *camtStatement) pageNumber() string {
	page := s.page
	if page.Number == "" {
		page = s.messagePage
	}
	number, last := strings.TrimLeft(strings.TrimSpace(page.Number), "0"), strings.TrimSpace(page.Last)
	if number == "" || number == "1" && (last == "true" || last == "1") {
		return ""
	}
	return oneLine(maxID+1, number)
}

// setBalances finds where the statement begins and ends. A page of a longer statement begins or ends with an interim balance.
func (s *camtStatement) setBalances() error {
	opening, err := s.balance("OPBD")
	if err != nil {
		return err
	}
	before, err := s.balance("PRCD")
	if err != nil {
		return err
	}
	closing, err := s.balance("CLBD")
	if err != nil {
		return err
	}
	interim := s.interim()
	p := &s.draft
	switch {
	case opening != nil:
	case before != nil:
		opening = before
	case len(interim) > 0:
		opening, interim, p.opensWithin = interim[0], interim[1:], true
	default:
		return unreadable(s.where(), "it has no opening balance")
	}
	if closing == nil {
		if len(interim) != 1 {
			return unreadable(s.where(), "it has no closing balance, or several")
		}
		closing, p.closesWithin = interim[0], true
	}
	if p.Currency, err = s.currency(opening); err != nil {
		return err
	}
	if p.Opening, err = s.signed(opening, s.where()); err != nil {
		return err
	}
	if p.Closing, err = s.signed(closing, s.where()); err != nil {
		return err
	}
	if before != nil && before != opening {
		previous, err := s.signed(before, s.where())
		if err != nil {
			return err
		}
		if previous != p.Opening {
			return unbalanced(s.where(), "it does not begin with the balance at which the statement before it ended")
		}
	}
	if p.From, err = s.balanceDay(opening); err != nil {
		return err
	}
	if opening == before && !p.From.IsZero() {
		p.From = p.From.AddDate(0, 0, 1) // it is the balance at the end of the day before
	}
	if p.Until, err = s.balanceDay(closing); err != nil {
		return err
	}
	if opening == before && !p.Until.IsZero() && p.From.After(p.Until) {
		p.From = p.Until // some banks date it like the statement
	}
	return nil
}

// balance finds the only balance of a kind.
func (s *camtStatement) balance(code string) (*camtBalance, error) {
	var found *camtBalance
	for i := range s.balances {
		b := &s.balances[i]
		if len(b.Code) != 1 || strings.TrimSpace(b.Code[0]) != code {
			continue
		}
		if found != nil {
			return nil, unreadable(s.where(), "it has two balances of the same kind")
		}
		found = b
	}
	return found, nil
}

// interim returns the booked interim balances in their order.
func (s *camtStatement) interim() []*camtBalance {
	var list []*camtBalance
	for i := range s.balances {
		if b := &s.balances[i]; len(b.Code) == 1 && strings.TrimSpace(b.Code[0]) == "ITBD" {
			list = append(list, b)
		}
	}
	return list
}

// currency is the account's, which the opening balance must have too.
func (s *camtStatement) currency(opening *camtBalance) (money.Currency, error) {
	written := strings.TrimSpace(s.account.Currency)
	if written == "" && len(opening.Amount) == 1 {
		written = opening.Amount[0].Currency
	}
	c, err := money.ParseCurrency(written)
	if err != nil {
		return "", wrongCurrency(s.where(), "its currency is not known")
	}
	return c, nil
}

// signed reads the amount of a balance.
func (s *camtStatement) signed(b *camtBalance, where string) (money.Minor, error) {
	return camtSigned(b.Amount, b.Side, s.draft.Currency, where)
}

// camtSigned reads an amount with its side, both of which must stand once.
func camtSigned(amounts []camtAmount, sides []string, c money.Currency, where string) (money.Minor, error) {
	if len(amounts) != 1 || len(sides) != 1 {
		return 0, unreadable(where, "an amount, or whether it is a credit or a debit, is missing or stands twice")
	}
	if amounts[0].Currency != string(c) {
		return 0, wrongCurrency(where, "an amount is not in the currency of the account")
	}
	amount, err := decimal(strings.TrimSpace(amounts[0].Text), '.', c)
	if err != nil {
		return 0, unreadable(where, err.Error())
	}
	switch strings.TrimSpace(sides[0]) {
	case "CRDT":
		return amount, nil
	case "DBIT":
		return -amount, nil
	}
	return 0, unreadable(where, "whether an amount is a credit or a debit is not said")
}

// balanceDay reads the day of a balance, which may be missing.
func (s *camtStatement) balanceDay(b *camtBalance) (time.Time, error) {
	t, _, err := b.Day.read()
	if err != nil {
		return t, unreadable(s.where(), err.Error())
	}
	return t, nil
}

// read reads a day. The second result says whether there is one.
func (d camtDay) read() (time.Time, bool, error) {
	written := d.Date
	if strings.TrimSpace(written) == "" {
		written = d.Moment
	}
	if strings.TrimSpace(written) == "" {
		return time.Time{}, false, nil
	}
	t, err := isoDay(written)
	return t, err == nil, err
}

// setPeriod reads the days covered, if the bank says them apart from the balances.
func (s *camtStatement) setPeriod() error {
	if strings.TrimSpace(s.period.From) == "" || strings.TrimSpace(s.period.Until) == "" {
		return nil
	}
	from, err := isoDay(s.period.From)
	if err != nil {
		return unreadable(s.where(), err.Error())
	}
	until, err := isoDay(s.period.Until)
	if err != nil {
		return unreadable(s.where(), err.Error())
	}
	if until.After(from) && strings.HasPrefix(strings.TrimSpace(s.period.Until)[10:], "T00:00:00") {
		until = until.AddDate(0, 0, -1) // the first moment of a day ends the day before
	}
	s.draft.From, s.draft.Until = from, until
	return nil
}
