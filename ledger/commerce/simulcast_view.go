package commerce

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A reported sale and a brand as they stand: what was reported, what came back, what was paid, and what of it each payee
// may have.

// Simulcast is a reported sale as people look at it.
type Simulcast struct {
	Sale        string `json:"sale" example:"B"`
	Brand       string `json:"brand" example:"brand_big"`
	Currency    string `json:"currency" example:"USD"`
	LiveSession string `json:"live_session,omitempty" example:"LS-900"`
	RuleSet     string `json:"rule_set,omitempty" example:"us-1"`
	Reported    string `json:"reported" doc:"What the goods cost as reported" example:"120.00"`
	Returned    string `json:"returned" doc:"What of them was returned" example:"40.00"`
	Due         string `json:"due" doc:"What the brand owes for what remains" example:"13.60"`
	Paid        string `json:"paid" doc:"What the brand paid for this sale" example:"10.00"`
	WrittenOff  string `json:"written_off" doc:"What was given up" example:"0.00"`
	Open        string `json:"open" doc:"What the brand still owes for it" example:"3.60"`
	Fee         string `json:"fee" doc:"Our fee" example:"1.60"`
	// Payees are who earned by it.
	Payees []SimulcastPayee `json:"payees" nullable:"false"`
}

// SimulcastPayee is a payee's share of a reported sale.
type SimulcastPayee struct {
	Payee    string `json:"payee" example:"creator:cre_drew"`
	Share    string `json:"share" doc:"What is left of the share" example:"9.60"`
	Released string `json:"released" doc:"What of it became available" example:"8.00"`
	Waiting  string `json:"waiting" doc:"What waits for the brand's money" example:"1.60"`
}

// Simulcast returns a reported sale as it stands, or ErrSaleUnknown.
func (s *Service) Simulcast(ctx context.Context, book ledger.Book, id string) (*Simulcast, error) {
	if !ledger.IsSegment(id) {
		return nil, ErrSaleUnknown
	}
	p := &planner{ctx: ctx, service: s, book: book, event: &Event{}}
	sale, err := p.sale(id)
	if err != nil {
		return nil, err
	}
	if sale == nil {
		return nil, ErrSaleUnknown
	}
	now, err := sale.terms.stand(sale.numbers)
	if err != nil {
		return nil, err
	}
	t := sale.terms
	in := func(m money.Minor) string { return m.Format(t.Currency) }
	out := &Simulcast{Sale: t.Sale, Brand: t.Brand, Currency: string(t.Currency), LiveSession: t.LiveSession, RuleSet: t.Rules,
		Reported: in(money.Minor(t.Amount)), Returned: in(money.Minor(sale.numbers.Returned)), Due: in(now.due), Paid: in(money.Minor(sale.numbers.Paid)),
		WrittenOff: in(money.Minor(sale.numbers.Written)), Open: in(now.open), Fee: in(now.fee), Payees: []SimulcastPayee{}}
	for i, x := range now.payees {
		kind, _, payee, _ := splitPayee(x.account)
		out.Payees = append(out.Payees, SimulcastPayee{Payee: kind + ":" + payee, Share: in(now.net[i]), Released: in(sale.released[i]), Waiting: in(now.net[i] - sale.released[i])})
	}
	return out, nil
}
