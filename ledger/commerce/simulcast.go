package commerce

// Simulcasts: sales at a brand's own checkout that a live session of ours brought about. The brand reports them and owes
// us what the payees and the platform earned. A payee's share waits until the brand's money for that sale is here.

// SimulcastReported is a sale that a brand made at its own checkout; no cash of it is with us.
type SimulcastReported struct {
	Sale           string    `json:"sale" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The sale's id" example:"B"`
	Brand          string    `json:"brand" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The brand that made it" example:"brand_big"`
	Currency       string    `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount         string    `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What the goods cost; every rate applies to it" example:"120.00"`
	LiveSession    string    `json:"live_session,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The live session that brought it about" example:"LS-900"`
	Creators       []Creator `json:"creators,omitempty" nullable:"false" maxItems:"50" doc:"Who brought the sale about, with their weights"`
	CommissionRate string    `json:"commission_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"Left out, the rule set's" example:"0.12"`
	Partners       []Partner `json:"partners,omitempty" nullable:"false" maxItems:"20" doc:"Partners with a share of the sale"`
	FeeRate        string    `json:"fee_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"What the platform gets; left out, 0.02" example:"0.02"`
}

// SimulcastReturn says that a part of a reported sale was returned to the brand.
type SimulcastReturn struct {
	Sale     string `json:"sale" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The sale's id" example:"B"`
	Amount   string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was returned of the goods" example:"40.00"`
	Document string `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The brand's credit note" example:"CN-7"`
}

// BrandInvoicePaid is money that a brand paid for reported sales.
type BrandInvoicePaid struct {
	Brand       string       `json:"brand" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The brand that paid" example:"brand_big"`
	Currency    string       `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Amount      string       `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What arrived at the bank" example:"13.60"`
	BankAccount string       `json:"bank_account" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank account it arrived at" example:"main"`
	Sales       []string     `json:"sales,omitempty" nullable:"false" maxItems:"99" doc:"The sales it is for, in this order; left out, the oldest first" example:"[\"B\"]"`
	TaxWithheld *TaxWithheld `json:"tax_withheld,omitempty" doc:"Tax that the brand withheld and pays for us; it counts as paid"`
	Document    string       `json:"document,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The bank's or the invoice's number" example:"INV-31"`
}

// TaxWithheld is tax that somebody who paid us kept back and pays to an authority for us.
type TaxWithheld struct {
	Jurisdiction string `json:"jurisdiction" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Whose tax it is" example:"VN"`
	Amount       string `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What was withheld" example:"0.68"`
}

// BrandCreditApplied uses what a brand has paid too much for its open sales.
type BrandCreditApplied struct {
	Brand    string   `json:"brand" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The brand" example:"brand_big"`
	Currency string   `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency" example:"USD"`
	Sales    []string `json:"sales,omitempty" nullable:"false" maxItems:"99" doc:"The sales it is for, in this order; left out, the oldest first" example:"[\"B\"]"`
}

// BrandWrittenOff gives up what a brand owes for one sale.
type BrandWrittenOff struct {
	Sale     string `json:"sale" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The sale's id" example:"B"`
	Amount   string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"What is given up; left out, all that is open" example:"3.60"`
	BorneBy  string `json:"borne_by" enum:"payees,platform" doc:"payees: the platform's fee first, then the payees' shares that wait; platform: all of it, so the payees get theirs"`
	Document string `json:"document" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"What allows it: the contract, or who approved" example:"CONTRACT-9"`
}

var simulcastTypes = sortedTypes(brandTypes, storedValueTypes, customsTypes, payLaterTypes)

var brandTypes = []EventType{
	{Name: "brand.credit_applied", Meaning: "What a brand had paid too much is used for its open sales; what that pays for becomes available.", New: func() EventData { return &BrandCreditApplied{} }, Stored: func() teller { return &brandRecord{} }},
	{Name: "brand.invoice_paid", Meaning: "A brand paid for sales at its own checkout; the payees' shares of what it paid become available.", New: func() EventData { return &BrandInvoicePaid{} }, Stored: func() teller { return &brandRecord{} }},
	{Name: "brand.written_off", Meaning: "What a brand owes for a sale is given up.", New: func() EventData { return &BrandWrittenOff{} }, Stored: func() teller { return &saleChange{} }, SecondPerson: true},
	{Name: "simulcast.reported", Meaning: "A brand reported a sale at its own checkout that a live session of ours brought about.", New: func() EventData { return &SimulcastReported{} }, Stored: func() teller { return &saleTerms{} }},
	{Name: "simulcast.return_reported", Meaning: "A brand reported that a part of such a sale was returned; every share is computed again on what remains.", New: func() EventData { return &SimulcastReturn{} }, Stored: func() teller { return &saleChange{} }},
}

var simulcastOwnTypes []EventType

var simulcastParts = map[string]string{
	eventSimulcastSettled: "The brand's money for a sale at its own checkout is here: what it pays of the payees' shares is available.",
}

// eventSimulcastSettled is the name of the transactions that release a sale's shares.
const eventSimulcastSettled = "simulcast.settled"

func saleSubject(sale string) string { return "simulcast:" + sale }

// brandSubject is what a brand's payments in a currency are about. A code has three letters, so no two brands share one.
func brandSubject(brand, currency string) string { return "brand:" + brand + "." + currency }

func (d *SimulcastReported) subject() string  { return saleSubject(d.Sale) }
func (d *SimulcastReturn) subject() string    { return saleSubject(d.Sale) }
func (d *BrandWrittenOff) subject() string    { return saleSubject(d.Sale) }
func (d *BrandInvoicePaid) subject() string   { return brandSubject(d.Brand, d.Currency) }
func (d *BrandCreditApplied) subject() string { return brandSubject(d.Brand, d.Currency) }

func (d *SimulcastReported) prepare(p *preparation) {
	p.id("/sale", d.Sale, true)
	p.brand(d.Brand)
	p.id("/live_session", d.LiveSession, false)
	p.useCurrency("/currency", d.Currency)
	p.positive("/amount", d.Amount)
	p.share("/fee_rate", d.FeeRate)
	if len(d.Creators) > 50 {
		p.bad("/creators", "count", "A sale has at most 50 creators.")
	}
	if len(d.Partners) > 20 {
		p.bad("/partners", "count", "A sale has at most 20 partners.")
	}
	(&OrderCaptured{Creators: d.Creators, Partners: d.Partners, CommissionRate: d.CommissionRate}).readShares(p, &captureTerms{})
}

// brand checks a brand's id, which leaves room for a currency in its subject.
func (p *preparation) brand(id string) {
	p.id("/brand", id, true)
	if len(id) > 60 {
		p.bad("/brand", "id", "A brand's id has at most 60 characters.")
	}
}

func (d *SimulcastReturn) prepare(p *preparation) {
	p.id("/sale", d.Sale, true)
	p.id("/document", d.Document, false)
	if d.Amount == "" {
		p.bad("/amount", "required", "The return needs an amount.")
	}
}

func (d *BrandInvoicePaid) prepare(p *preparation) {
	p.brand(d.Brand)
	p.id("/bank_account", d.BankAccount, true)
	p.id("/document", d.Document, false)
	p.useCurrency("/currency", d.Currency)
	p.unit = 1
	p.positive("/amount", d.Amount)
	if w := d.TaxWithheld; w != nil {
		p.id("/tax_withheld/jurisdiction", w.Jurisdiction, true)
		p.positive("/tax_withheld/amount", w.Amount)
	}
	p.namedSales(d.Sales)
}

func (d *BrandCreditApplied) prepare(p *preparation) {
	p.brand(d.Brand)
	p.useCurrency("/currency", d.Currency)
	p.namedSales(d.Sales)
}

func (p *preparation) namedSales(sales []string) {
	if len(sales) > maxSalesPaid {
		p.bad("/sales", "count", "At most 99 sales are named. Record the rest as another payment.")
		return
	}
	seen := map[string]bool{}
	for i, id := range sales {
		p.id(at("/sales", i), id, true)
		if seen[id] {
			p.bad(at("/sales", i), "repeated", "Each sale is named once.")
		}
		seen[id] = true
	}
}

func (d *BrandWrittenOff) prepare(p *preparation) {
	p.id("/sale", d.Sale, true)
	p.id("/document", d.Document, true)
	p.oneOf("/borne_by", d.BorneBy, bornePayees, bornePlatform)
	if d.BorneBy == "" {
		p.bad("/borne_by", "required", "A write-off says who bears it: payees or platform.")
	}
}
