package receipts

import (
	"context"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A gift's receipt for the viewer who sent it: what the store, the platform, and each in the chain behind it have.

// giftRoles are the roles in the order of the chain.
var giftRoles = []string{"store", "platform", "partner", "agency", "seller", "creator"}

func (s *Service) gift(ctx context.Context, book ledger.Book, id string) (*PublicReceipt, []string, error) {
	g, err := s.events.Gift(ctx, book, id)
	if err != nil {
		return nil, nil, err
	}
	c := money.Currency(g.Currency)
	out := &PublicReceipt{Currency: g.Currency, At: g.GivenAt, LiveSession: g.LiveSession, Given: g.Given, Divided: g.Stands, State: g.State, Traced: g.Traced}
	stands, err := signed(g.Stands, c)
	if err != nil {
		return nil, nil, err
	}
	var parts []part
	var ids []string
	for _, t := range g.Transactions {
		ids = append(ids, t.ID)
	}
	for _, l := range g.Legs {
		amount, err := signed(l.Amount, c)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part{l.Kind, amount})
		ids = append(ids, l.Transactions...)
	}
	out.Layers = layersOf(merged(parts, giftRoles), stands, c)
	given, err := signed(g.Given, c)
	if err == nil && given > stands {
		out.Returned = &ReceiptReturn{How: "refunded", Amount: (given - stands).Format(c)}
	}
	return out, ids, err
}

// signed reads an amount of ours back, which may be below zero.
func signed(text string, c money.Currency) (money.Minor, error) {
	sign := money.Minor(1)
	if text != "" && text[0] == '-' {
		sign, text = -1, text[1:]
	}
	n, err := money.ParseAmount(text, c)
	return sign * n, err
}
