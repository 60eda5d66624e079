package commerce

import (
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What one transaction of a marketplace's statement posts, by whose book it is (W-27). Supplementary fields never add to
// a transaction; they divide one of its main fields or are kept as they are.

var (
	// ErrFieldUnknown means that a statement has money in a field that has no treatment.
	ErrFieldUnknown = fault.New(fault.Invalid, "statement-field-unknown",
		"The statement has money in a field that Mizan does not know. Nothing was posted; report the field, or correct its name.")
	// ErrStatementSum means that the amounts that count do not come to what the transaction settles.
	ErrStatementSum = fault.New(fault.Invalid, "statement-sum",
		"The amounts do not come to the settlement amount. Nothing was posted; check that the export is complete and not edited.")
	// ErrStatementParty means that an amount needs a party that the transaction does not name.
	ErrStatementParty = fault.New(fault.Invalid, "statement-party",
		"An amount of the statement belongs to somebody whom the import does not name. Name the creator, agency, carrier or processor and import it again.")
)

const (
	roleBookkeeper  = "bookkeeper"
	rolePlatform    = "platform"
	roleAttribution = "attribution"
)

// importedSettlement is a settled transaction as it is kept.
type importedSettlement struct {
	Statement    string         `json:"i"`
	Role         string         `json:"ro"`
	Channel      string         `json:"ch"`
	Seller       string         `json:"s"`
	Currency     money.Currency `json:"u"`
	Order        string         `json:"o,omitempty"`
	Settlement   cents          `json:"x"`
	Amounts      []settledTerm  `json:"l"`
	Processor    string         `json:"p,omitempty"`
	Carrier      string         `json:"ca,omitempty"`
	Creator      string         `json:"cr,omitempty"`
	Agency       string         `json:"ag,omitempty"`
	Jurisdiction string         `json:"j,omitempty"`
}

type settledTerm struct {
	Field  string `json:"n"`
	Amount cents  `json:"a"`
}

func (d *ImportedSettlement) subject() string { return "settled:" + d.Channel + "." + d.Transaction }

func (d *ImportedSettlement) prepare(p *preparation) {
	p.id("/statement", d.Statement, true)
	p.id("/transaction", d.Transaction, true)
	p.id("/channel", d.Channel, true)
	p.id("/seller", d.Seller, true)
	if len(d.Channel)+len(d.Transaction) > 63 {
		p.bad("/transaction", "length", "The ids of channel and transaction have at most 63 characters together.")
	}
	for pointer, id := range map[string]string{"/order": d.Order, "/processor": d.Processor, "/carrier": d.Carrier, "/creator": d.Creator, "/agency": d.Agency, "/jurisdiction": d.Jurisdiction} {
		p.id(pointer, id, false)
	}
	if d.Role == "" {
		p.bad("/role", "required", "An import says whose book this is: platform, bookkeeper or attribution.")
	}
	p.oneOf("/role", d.Role, rolePlatform, roleBookkeeper, roleAttribution)
	s := &d.settled
	*s = importedSettlement{Statement: d.Statement, Role: d.Role, Channel: d.Channel, Seller: d.Seller, Order: d.Order, Processor: d.Processor,
		Carrier: d.Carrier, Creator: d.Creator, Agency: d.Agency, Jurisdiction: d.Jurisdiction}
	if s.Currency = p.useCurrency("/currency", d.Currency); s.Currency == "" {
		return
	}
	if s.Jurisdiction == "" {
		s.Jurisdiction = p.book.Market
	}
	s.Settlement = p.signed("/settlement_amount", d.Settlement)
	if len(d.Amounts) == 0 || len(d.Amounts) > 100 {
		p.bad("/amounts", "count", "A transaction has 1 to 100 amounts.")
		return
	}
	seen := map[string]bool{}
	for i, a := range d.Amounts {
		if seen[a.Field] {
			p.bad(at("/amounts", i)+"/field", "repeated", "Each field is named once.")
		}
		seen[a.Field] = true
		s.Amounts = append(s.Amounts, settledTerm{a.Field, p.signed(at("/amounts", i)+"/amount", a.Amount)})
	}
}

// signed reads an amount that may be negative.
func (p *preparation) signed(pointer, s string) cents {
	text, negative := strings.CutPrefix(s, "-")
	if text == "" {
		p.bad(pointer, "required", "This amount is missing.")
	}
	m := p.amount(pointer, text)
	if negative {
		m = -m
	}
	return cents(m)
}

func (d *ImportedSettlement) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("This transaction of the marketplace was imported before.")
	}
	list, err := d.settled.positions()
	if err != nil {
		return err
	}
	lines := creditLines(d.settled.Currency, list)
	data, err := storedJSON(&d.settled)
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: eventOr("import.settlement_line", lines), kind: "import.settlement_line", data: data, told: &d.settled, lines: lines, channel: d.Channel, memo: "statement " + d.Statement})
}

// amount is a field's amount, zero if the statement has none.
func (s *importedSettlement) amount(field string) money.Minor {
	for _, a := range s.Amounts {
		if a.Field == field {
			return money.Minor(a.Amount)
		}
	}
	return 0
}

// portion is what a field moves, and to which account.
type portion struct {
	field   string
	account ledger.Address
	amount  money.Minor
}

// portions are the moves of the fields that count, with main fields less what divides them, and the sum of the reserve.
func (s *importedSettlement) portions() (list []portion, reserve money.Minor, err error) {
	sum := money.Minor(0)
	for _, a := range s.Amounts {
		f, amount := fieldNamed(a.Field), money.Minor(a.Amount)
		if amount == 0 {
			continue
		}
		if f == nil {
			return nil, 0, ErrFieldUnknown.At("/data/amounts", "unknown-field", "A field with money is unknown.")
		}
		switch f.treat {
		case treatNote:
			continue
		case treatReserve:
			reserve += amount
			continue
		case treatSplit:
			whole := s.amount(f.of)
			if amount > 0 != (whole > 0) || amount > 0 && amount > whole || amount < 0 && amount < whole {
				return nil, 0, ErrStatementSum.Withf("The field %s is a part of %s and cannot be more than it. Nothing was posted.", f.name, f.of)
			}
		default:
			sum += amount
			for _, part := range s.Amounts {
				if pf := fieldNamed(part.Field); pf != nil && pf.treat == treatSplit && pf.of == f.name {
					amount -= money.Minor(part.Amount)
				}
			}
		}
		account, err := s.account(f)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, portion{f.name, account, amount})
	}
	if sum != money.Minor(s.Settlement) {
		return nil, 0, ErrStatementSum
	}
	return list, reserve, nil
}

// account is where a field goes in this book. A deduction is a credit in our own and a cost in the seller's.
func (s *importedSettlement) account(f *statementField) (ledger.Address, error) {
	switch {
	case s.Role == roleAttribution:
		return "", nil
	case f.treat == treatSale && s.Role == roleBookkeeper:
		return payeeAccount("seller", bucketAvailable, s.Seller), nil
	case f.treat == treatSale:
		return s.named("assets:processor:pending:<processor>")
	case s.Role == roleBookkeeper && f.treat == treatTax:
		return s.named("assets:tax:input:<jurisdiction>")
	case s.Role == roleBookkeeper:
		return "expenses:channel_fee", nil // the chart gives it no owner; the transaction names its channel
	}
	return s.named(f.to)
}

// named fills the parties into an account.
func (s *importedSettlement) named(to string) (ledger.Address, error) {
	for mark, id := range map[string]string{"<carrier>": s.Carrier, "<creator>": s.Creator, "<agency>": s.Agency, "<seller>": s.Seller, "<jurisdiction>": s.Jurisdiction, "<processor>": s.Processor} {
		if strings.Contains(to, mark) {
			if id == "" {
				return "", ErrStatementParty.Withf("An amount of the statement belongs to a %s, whom the import does not name. Name it and import the statement again.", strings.Trim(mark, "<>"))
			}
			to = strings.ReplaceAll(to, mark, id)
		}
	}
	return ledger.Address(to), nil
}

// positions are the credits of the transaction: they sum to zero because the fields sum to the settlement amount.
func (s *importedSettlement) positions() (list positions, err error) {
	parts, reserve, err := s.portions()
	if err != nil || s.Role == roleAttribution {
		return nil, err
	}
	for _, x := range parts {
		if s.Role == roleBookkeeper {
			list.add(x.account, x.amount) // a sale is the seller's; a deduction is negative, which debits its cost
		} else {
			list.add(x.account, -x.amount) // a sale debits the cash; a deduction credits whoever gets it
		}
	}
	if s.Role == roleBookkeeper {
		list.add(ledger.Address("assets:receivable:channel:"+s.Channel), -money.Minor(s.Settlement))
		return list, nil
	}
	list.add(payeeAccount("seller", bucketAvailable, s.Seller), money.Minor(s.Settlement)+reserve)
	list.add(payeeAccount("seller", bucketReserve, s.Seller), -reserve)
	return list, nil
}

func (s *importedSettlement) tell() []Step {
	parts, reserve, err := s.portions()
	if err != nil {
		return nil // nothing is recorded that cannot be read
	}
	t := &tale{currency: s.Currency}
	if s.Role == roleAttribution {
		return []Step{}
	}
	for _, x := range parts {
		who, amount := string(x.account), -x.amount
		if kind, _, id, ok := splitPayee(x.account); ok {
			who = kind + ":" + id
		}
		if s.Role == roleBookkeeper {
			amount = x.amount
		}
		t.plain(x.field, "Field "+x.field+" of the statement", who, amount, "")
	}
	if s.Role == roleBookkeeper {
		t.plain("settlement", "Owed by the channel", "assets:receivable:channel:"+s.Channel, -money.Minor(s.Settlement), "the settlement amount")
		return t.steps
	}
	t.plain("settlement", "Settled for seller "+s.Seller, "seller:"+s.Seller, money.Minor(s.Settlement)+reserve, "the settlement amount and the reserve's movement")
	if reserve != 0 {
		t.plain("reserve", "Reserve of seller "+s.Seller, "seller:"+s.Seller, -reserve, "")
	}
	return t.steps
}
